/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers that follow from a decoded snapshot (section 19.7). */
#include "telemetry.h"

static guint16
basis_points (guint32 part, guint32 whole)
{
  if (whole == 0)
    return 0;
  return (guint16) MIN ((guint64) part * 10000 / whole, G_MAXUINT16);
}

/* At most 32 words of 32 bits: no sum comes near 64 bits. */
static guint64
sum_words (const guint32 *words, guint n)
{
  guint64 sum = 0;
  guint i;

  for (i = 0; i < n; i++)
    sum += words[i];
  return sum;
}

static guint32
fairness_skew (const guint32 *words, guint n)
{
  guint32 least = G_MAXUINT32;
  guint32 most = 0;
  guint i;

  for (i = 0; i < n; i++) {
    if (words[i] == 0)
      continue;
    least = MIN (least, words[i]);
    most = MAX (most, words[i]);
  }
  return most == 0 ? 0 : most - least;
}

static guint32
idle_ppm (const VyreRingOccupancy *occupancy)
{
  guint32 total = vyre_ring_occupancy_total (occupancy);

  if (total == 0)
    return 0;
  return (guint32) MIN ((guint64) occupancy->empty * 1000000 / total, 1000000);
}

void
vyre_ring_counters (VyreRingCounters *out, const VyreTelemetry *t)
{
  const VyreRingOccupancy *o = &t->occupancy;
  guint32 total = vyre_ring_occupancy_total (o);

  out->total_slots = total;
  out->queue_depth = vyre_ring_occupancy_depth (o);
  out->ring_idle_slots = o->empty;
  out->ring_idle_ppm = idle_ppm (o);
  out->frontier_density_bps = basis_points (out->queue_depth, total);
  out->occupancy_proxy_bps =
      basis_points (total - MIN (o->empty, total), total);
  out->drained_slots = t->control.done_count;
  out->unreclaimed_done_slots = o->done;
  out->tenant_fairness_total =
      sum_words (t->control.tenant_fairness, VYRE_TENANT_FAIRNESS_SLOTS);
  out->priority_fairness_total =
      sum_words (t->control.priority_fairness, VYRE_PRI_FAIRNESS_SLOTS);
  out->tenant_fairness_skew =
      fairness_skew (t->control.tenant_fairness, VYRE_TENANT_FAIRNESS_SLOTS);
  out->requeue_slots = o->requeue;
  out->fault_slots = o->fault;
}
