/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "telemetry.h"

G_BEGIN_DECLS

/*
 * Whether queued work goes on (section 19.8). Pure functions of snapshots;
 * structs are the caller's, one thread at a time.
 */

/* What a watchdog keeps of one decoded snapshot. */
typedef struct
{
  guint64 taken_ns; /* monotonic; of the capture, not of the decoding */
  guint32 done_count; /* wraps */
  /* The project's own counters; they stand still on another's ring. */
  guint32 faulted, oldest, progress; /* wrap */
  guint64 steps;
  guint32 queue_depth, fault_slots, requeue_slots, ring_idle_ppm;
  guint32 runnable_slots, masked_slots; /* as in VyreTelemetry */
} VyreWatchdogSnapshot;

VYRE_API void vyre_watchdog_snapshot (VyreWatchdogSnapshot *snapshot,
    const VyreTelemetry *telemetry, guint64 taken_ns);

typedef struct
{
  /* The protocol's own view: no time base, one fault hides a stall. */
  guint32 queue_depth, fault_slots, requeue_slots, ring_idle_ppm;
  gboolean suspected_stall;

  guint32 done_delta; /* wrapping */
  guint32 runnable_slots, masked_slots; /* now */
  guint64 elapsed_ns; /* between the two; 0 if they are in the wrong order */
  gboolean progressed; /* slots done, dropped or failed, or steps made */
  gboolean measured; /* the interval was long enough to tell */
  gboolean stalled; /* measured, runnable work both times, no progress */
  gboolean faulted; /* slots stand in FAULT */

  /* Of vyre_watchdog_look(): slots that have been claimed for the timeout
   * without a step, whatever others do; which one for longest, and its tenant. */
  guint32 stuck_slots, stuck_slot, stuck_tenant;
  guint64 stuck_ns;
} VyreWatchdogReport;

/* Compares two snapshots; less than @minimum_ns between them is too short to
 * call a stall. A long program progresses as long as it makes steps, within a
 * slice or from one to the next; only the project's own kernels count those.
 * Claims and suspensions alone are no progress: a tile that is handed to and fro
 * without a step is stuck. */
VYRE_API void vyre_watchdog_check (VyreWatchdogReport *report,
    const VyreWatchdogSnapshot *previous, const VyreWatchdogSnapshot *current,
    guint64 minimum_ns);

/* The delta as the protocol defines it: MALFORMED, and @delta as it was, when
 * the count went back, although that may be its wrap at 2^32. */
VYRE_API gboolean vyre_watchdog_done_delta (
    const VyreWatchdogSnapshot *previous, const VyreWatchdogSnapshot *current,
    guint32 *delta, GError **error);

typedef enum
{
  VYRE_WATCHDOG_QUIET,
  VYRE_WATCHDOG_STALLED, /* has just been noticed */
  VYRE_WATCHDOG_RECOVERED, /* goes on, or nothing waits any more */
} VyreWatchdogEvent;

/* Of a slot: since when its tile has stood where it stands. */
typedef struct
{
  guint64 since_ns;
  guint32 ticket, progress;
  gboolean claimed;
} VyreWatchdogClaim;

/* Watches a series of snapshots. Zero it and set the timeout; to start anew,
 * clear it and do so again. */
typedef struct
{
  guint64 timeout_ns; /* without progress until it is a stall */
  gboolean stalled; /* all work, or slots are stuck */
  VyreWatchdogReport report; /* since the last progress */

  /* Private: when work last went on, or was nowhere. */
  VyreWatchdogSnapshot since;
  gboolean has_since;
  VyreWatchdogClaim *claims; /* by slot */
  gsize n_claims;
} VyreWatchdog;

/* Looks at all work together. */
VYRE_API VyreWatchdogEvent vyre_watchdog_feed (
    VyreWatchdog *watchdog, const VyreWatchdogSnapshot *snapshot);
/* And at each slot: one that hangs is seen although others go on. */
VYRE_API VyreWatchdogEvent vyre_watchdog_look (
    VyreWatchdog *watchdog, const VyreTelemetry *telemetry, guint64 taken_ns);
/* Frees what it keeps of the slots, and zeroes it. */
VYRE_API void vyre_watchdog_clear (VyreWatchdog *watchdog);

G_END_DECLS
