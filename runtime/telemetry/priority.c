/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "priority.h"

#define NEAR_LIMIT 1024

void
vyre_priority_from_telemetry (
    VyrePriorityAccounting *accounting, const VyreTelemetry *telemetry)
{
  *accounting =
      (VyrePriorityAccounting){ .requeue_count = telemetry->occupancy.requeue };
}

static gboolean
check_room (const char *what, guint64 counter, GError **error)
{
  if (counter == G_MAXUINT64) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "%s: the counter is at its end. Fix: read the numbers and reset them.",
        what);
    return FALSE;
  }
  return TRUE;
}

gboolean
vyre_priority_try_record_requeue (
    VyrePriorityAccounting *accounting, GError **error)
{
  if (!check_room ("requeues", accounting->requeue_count, error))
    return FALSE;
  accounting->requeue_count++;
  return TRUE;
}

gboolean
vyre_priority_try_record_promotion (
    VyrePriorityAccounting *accounting, guint64 age, GError **error)
{
  if (!check_room ("aged promotions", accounting->aged_promotions, error))
    return FALSE;
  vyre_priority_record_promotion (accounting, age);
  return TRUE;
}

void
vyre_priority_record_requeue (VyrePriorityAccounting *accounting)
{
  if (accounting->requeue_count < G_MAXUINT64)
    accounting->requeue_count++;
}

void
vyre_priority_record_promotion (VyrePriorityAccounting *accounting, guint64 age)
{
  if (accounting->aged_promotions < G_MAXUINT64)
    accounting->aged_promotions++;
  accounting->max_priority_age = MAX (accounting->max_priority_age, age);
}

/* NULL while there is neither much nor anything. */
static const char *
limit_reason (const VyrePriorityAccounting *a)
{
  if (a->requeue_count == G_MAXUINT64)
    return "requeue_counter_exhausted";
  if (a->aged_promotions == G_MAXUINT64)
    return "aged_promotion_counter_exhausted";
  if (G_MAXUINT64 - a->requeue_count <= NEAR_LIMIT)
    return "requeue_counter_near_limit";
  if (G_MAXUINT64 - a->aged_promotions <= NEAR_LIMIT)
    return "aged_promotion_counter_near_limit";
  if ((a->requeue_count | a->aged_promotions | a->max_priority_age) != 0)
    return "pending_telemetry";
  return NULL;
}

const char *
vyre_priority_drain_reason (const VyrePriorityAccounting *accounting)
{
  const char *reason = limit_reason (accounting);

  return reason != NULL ? reason : "none";
}

gboolean
vyre_priority_should_drain (const VyrePriorityAccounting *accounting)
{
  return limit_reason (accounting) != NULL;
}
