/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "watchdog.h"

#include <string.h>

void
vyre_watchdog_snapshot (VyreWatchdogSnapshot *snapshot,
    const VyreTelemetry *telemetry, guint64 taken_ns)
{
  const VyreControlSnapshot *control = &telemetry->control;
  VyreRingCounters counters;

  vyre_ring_counters (&counters, telemetry);
  *snapshot = (VyreWatchdogSnapshot){ .taken_ns = taken_ns,
    .done_count = control->done_count,
    .faulted = control->faulted,
    .oldest = control->oldest,
    .progress = telemetry->progress,
    .steps = control->steps,
    .queue_depth = counters.queue_depth,
    .fault_slots = counters.fault_slots,
    .requeue_slots = counters.requeue_slots,
    .ring_idle_ppm = counters.ring_idle_ppm,
    .runnable_slots = telemetry->runnable_slots,
    .masked_slots = telemetry->masked_slots };
}

void
vyre_watchdog_check (VyreWatchdogReport *report,
    const VyreWatchdogSnapshot *previous, const VyreWatchdogSnapshot *current,
    guint64 minimum_ns)
{
  memset (report, 0, sizeof *report);
  report->queue_depth = current->queue_depth;
  report->fault_slots = current->fault_slots;
  report->requeue_slots = current->requeue_slots;
  report->ring_idle_ppm = current->ring_idle_ppm;
  report->done_delta = current->done_count - previous->done_count;
  report->suspected_stall = report->queue_depth > 0 &&
                            report->done_delta == 0 && report->fault_slots == 0;

  report->runnable_slots = current->runnable_slots;
  report->masked_slots = current->masked_slots;
  if (current->taken_ns > previous->taken_ns)
    report->elapsed_ns = current->taken_ns - previous->taken_ns;
  report->progressed = report->done_delta != 0 ||
                       current->faulted != previous->faulted ||
                       current->oldest != previous->oldest ||
                       current->progress != previous->progress ||
                       current->steps != previous->steps;
  report->measured = report->elapsed_ns >= minimum_ns;
  /* Work that has come just now is no stall, so there must have been some
   * before: with no progress it is still there. */
  report->stalled = report->measured && previous->runnable_slots > 0 &&
                    report->runnable_slots > 0 && !report->progressed;
  report->faulted = report->fault_slots > 0;
}

gboolean
vyre_watchdog_done_delta (const VyreWatchdogSnapshot *previous,
    const VyreWatchdogSnapshot *current, guint32 *delta, GError **error)
{
  guint32 before = previous->done_count;
  guint32 after = current->done_count;

  if (after < before) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "done count: went from %u back to %u. Fix: start a new epoch of "
        "telemetry after a reset.",
        before, after);
    return FALSE;
  }
  *delta = after - before;
  return TRUE;
}

/* --- series ----------------------------------------------------------------- */

/* What a snapshot of the slots adds to a report. */
typedef struct
{
  guint32 n, slot, tenant;
  guint64 ns;
} Stuck;

static VyreWatchdogEvent
judge (VyreWatchdog *watchdog, const VyreWatchdogSnapshot *snapshot,
    const Stuck *stuck)
{
  VyreWatchdogReport *report = &watchdog->report;
  gboolean moves;

  if (!watchdog->has_since) {
    watchdog->since = *snapshot;
    watchdog->has_since = TRUE;
  }
  vyre_watchdog_check (
      report, &watchdog->since, snapshot, watchdog->timeout_ns);
  report->stuck_slots = stuck->n;
  report->stuck_slot = stuck->slot;
  report->stuck_tenant = stuck->tenant;
  report->stuck_ns = stuck->ns;

  /* Runnable work without progress keeps its first moment. */
  moves = report->progressed || report->runnable_slots == 0 ||
          watchdog->since.runnable_slots == 0;
  if (moves)
    watchdog->since = *snapshot;
  if (report->stalled || stuck->n > 0) {
    if (watchdog->stalled)
      return VYRE_WATCHDOG_QUIET;
    watchdog->stalled = TRUE;
    return VYRE_WATCHDOG_STALLED;
  }
  if (moves && watchdog->stalled) {
    watchdog->stalled = FALSE;
    return VYRE_WATCHDOG_RECOVERED;
  }
  return VYRE_WATCHDOG_QUIET;
}

VyreWatchdogEvent
vyre_watchdog_feed (
    VyreWatchdog *watchdog, const VyreWatchdogSnapshot *snapshot)
{
  const Stuck none = { 0 };

  return judge (watchdog, snapshot, &none);
}

static void
follow_slot (VyreWatchdog *watchdog, const VyreSlotSnapshot *slot,
    guint64 taken_ns, Stuck *stuck)
{
  VyreWatchdogClaim *claim = &watchdog->claims[slot->slot_idx];
  guint64 elapsed = 0;

  if (!claim->claimed || claim->ticket != slot->args_prefix[0] ||
      claim->progress != slot->progress)
    *claim = (VyreWatchdogClaim){ taken_ns, slot->args_prefix[0],
      slot->progress, TRUE };
  if (taken_ns > claim->since_ns)
    elapsed = taken_ns - claim->since_ns;
  if (elapsed < watchdog->timeout_ns)
    return;
  if (stuck->n == 0 || elapsed > stuck->ns) {
    stuck->slot = slot->slot_idx;
    stuck->tenant = slot->tenant;
    stuck->ns = elapsed;
  }
  stuck->n++;
}

VyreWatchdogEvent
vyre_watchdog_look (
    VyreWatchdog *watchdog, const VyreTelemetry *telemetry, guint64 taken_ns)
{
  VyreWatchdogSnapshot snapshot;
  Stuck stuck = { 0 };

  if (telemetry->n_slots != watchdog->n_claims) {
    g_free (watchdog->claims);
    watchdog->claims = g_new0 (VyreWatchdogClaim, telemetry->n_slots);
    watchdog->n_claims = telemetry->n_slots;
  }
  for (gsize i = 0; i < telemetry->n_slots; i++) {
    if (telemetry->slots[i].status == VYRE_ST_CLAIMED)
      follow_slot (watchdog, &telemetry->slots[i], taken_ns, &stuck);
    else
      watchdog->claims[i].claimed = FALSE;
  }
  vyre_watchdog_snapshot (&snapshot, telemetry, taken_ns);
  return judge (watchdog, &snapshot, &stuck);
}

void
vyre_watchdog_clear (VyreWatchdog *watchdog)
{
  g_free (watchdog->claims);
  memset (watchdog, 0, sizeof *watchdog);
}
