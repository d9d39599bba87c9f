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
    .claimed = control->claimed,
    .yielded = control->yielded,
    .faulted = control->faulted,
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
                       current->claimed != previous->claimed ||
                       current->yielded != previous->yielded ||
                       current->faulted != previous->faulted ||
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

VyreWatchdogEvent
vyre_watchdog_feed (
    VyreWatchdog *watchdog, const VyreWatchdogSnapshot *snapshot)
{
  VyreWatchdogReport *report = &watchdog->report;

  if (!watchdog->has_since) {
    watchdog->since = *snapshot;
    watchdog->has_since = TRUE;
  }
  vyre_watchdog_check (
      report, &watchdog->since, snapshot, watchdog->timeout_ns);
  if (report->stalled) {
    if (watchdog->stalled)
      return VYRE_WATCHDOG_QUIET;
    watchdog->stalled = TRUE;
    return VYRE_WATCHDOG_STALLED;
  }

  /* Runnable work without progress keeps its first moment. */
  if (report->progressed || report->runnable_slots == 0 ||
      watchdog->since.runnable_slots == 0) {
    watchdog->since = *snapshot;
    if (watchdog->stalled) {
      watchdog->stalled = FALSE;
      return VYRE_WATCHDOG_RECOVERED;
    }
  }
  return VYRE_WATCHDOG_QUIET;
}
