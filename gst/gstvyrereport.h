/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "runtime/engine/runtime.h"
#include "runtime/telemetry/evidence.h"
#include "runtime/telemetry/watchdog.h"

G_BEGIN_DECLS

/*
 * Readings of a runtime as GstStructures. Holds what makes one reading
 * comparable with the one before: counters of 32 bits go on in 64, and the
 * watchdog remembers when work last went on.
 *
 * One user at a time; the owner locks.
 */

#define GST_VYRE_REPORT_WATCH (500 * GST_MSECOND)

/* The kernel's counters that wrap, continued. */
typedef struct
{
  guint64 done, epoch, exited, claimed, yielded, faulted, idle_polls, steps;
  guint64 opcode_runs[VYRE_METRICS_SLOTS];
  guint64 tenant_claims[VYRE_TENANT_FAIRNESS_SLOTS];
  guint64 priority_claims[VYRE_PRI_FAIRNESS_SLOTS];
} GstVyreReportCounters;

typedef struct
{
  /* Of whom the rest is. No reference: only compared. */
  gpointer runtime;

  VyreTelemetry current;
  GstVyreReportCounters counters;

  VyreWatchdog watchdog;
} GstVyreReport;

void gst_vyre_report_clear (GstVyreReport *report);

/* Takes a snapshot of @runtime and adds the groups `runtime`, `ring`,
 * `control`, `watchdog` and `evidence` to @structure. Reads device memory. A
 * runtime other than the last one starts all counters anew. */
gboolean gst_vyre_report_read (GstVyreReport *report, VyreRuntime *runtime,
    GstStructure *structure, GError **error);

G_END_DECLS
