/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "runtime/engine/runtime.h"
#include "runtime/telemetry/evidence.h"
#include "runtime/telemetry/watchdog.h"

G_BEGIN_DECLS

/*
 * Readings of one runtime as GstStructures. Holds what makes one reading
 * comparable with the one before: counters of 32 bits go on in 64, and the
 * watchdog remembers when work last went on. Storage is kept from one sample
 * to the next.
 *
 * One user at a time; the owner locks.
 */

/* Of the fields; see the element's documentation. */
#define GST_VYRE_REPORT_SCHEMA 1

/**
 * GstVyreStatsDetail:
 * @GST_VYRE_STATS_DETAIL_SUMMARY: numbers of the whole ring
 * @GST_VYRE_STATS_DETAIL_WINDOWS: and of each window
 * @GST_VYRE_STATS_DETAIL_SLOTS: and each slot
 *
 * How much a reading tells.
 */
typedef enum
{
  GST_VYRE_STATS_DETAIL_SUMMARY,
  GST_VYRE_STATS_DETAIL_WINDOWS,
  GST_VYRE_STATS_DETAIL_SLOTS,
} GstVyreStatsDetail;

/* The kernel's counters that wrap, continued. */
typedef struct
{
  guint64 done, epoch, exited, claimed, yielded, faulted, idle_polls, steps;
  guint64 metrics[VYRE_METRICS_SLOTS];
  guint64 tenant_fairness[VYRE_TENANT_FAIRNESS_SLOTS];
  guint64 priority_fairness[VYRE_PRI_FAIRNESS_SLOTS];
} GstVyreReportCounters;

typedef struct
{
  guint64 serial; /* of the runtime */
  VyreRuntimeSnapshot snapshot;
  VyreTelemetry telemetry;
  GstVyreReportCounters counters;
  VyreWatchdog watchdog;
  gboolean told; /* the owner's: that it stalls */
} GstVyreReport;

GstVyreReport *gst_vyre_report_new (guint64 serial);
void gst_vyre_report_free (GstVyreReport *report);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstVyreReport, gst_vyre_report_free)

/* Takes a snapshot of @runtime, always the same, and decodes it. @timeout: of
 * the watchdog, in nanoseconds. */
gboolean gst_vyre_report_sample (GstVyreReport *report, VyreRuntime *runtime,
    GstClockTime timeout, GError **error);

/* Adds the groups of the last sample, which was of @runtime, to @structure. */
void gst_vyre_report_describe (const GstVyreReport *report,
    VyreRuntime *runtime, GstVyreStatsDetail detail, GstStructure *structure);

/* Takes @group over. */
void gst_vyre_report_add_group (
    GstStructure *structure, const char *name, GstStructure *group);

G_END_DECLS
