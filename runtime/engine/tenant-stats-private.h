/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "tenant-stats.h"

G_BEGIN_DECLS

/*
 * Recording of what vyre_runtime_read_tenants() reads, under the runtime's lock:
 * one of its own would cost as much as the counting, twice for each window. Ids
 * that are none of a tenant are ignored.
 */
typedef struct _VyreTenantStats VyreTenantStats;

VyreTenantStats *vyre_tenant_stats_new (void);
void vyre_tenant_stats_free (VyreTenantStats *stats);

/* A tenant comes, its counters at zero; goes. What ends after it has gone is
 * counted for nobody. */
void vyre_tenant_stats_begin (
    VyreTenantStats *stats, guint id, const char *name);
void vyre_tenant_stats_end (VyreTenantStats *stats, guint id);

/* A window is published. */
void vyre_tenant_stats_submitted (
    VyreTenantStats *stats, guint id, guint64 bytes, guint tiles);

typedef struct
{
  VyreWindowState state;        /* DONE, FAULT, CANCELLED or LOST */
  guint64 latency_ns;           /* since it was published */
  guint code;                   /* of a FAULT */
  guint32 address;
  guint64 steps;
  guint slices;
  gboolean compiled;            /* compiled code ran it */
} VyreTenantEnd;

void vyre_tenant_stats_finished (
    VyreTenantStats *stats, guint id, const VyreTenantEnd *end);

/* Of the tenants from the first id to before the end, n at most. */
guint vyre_tenant_stats_read (VyreTenantStats *stats, guint first, guint end,
    VyreTenantReading *readings, guint n);

void vyre_tenant_stats_quiesced (
    VyreTenantStats *stats, guint id, gboolean in_time, guint64 wait_ns);

/* What the engine calls whenever a window has been published, and before its
 * state becomes a final one. */
void vyre_window_note_published (VyreWindow *window);
void vyre_window_note_ended (VyreWindow *window, VyreWindowState state);

G_END_DECLS
