/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstvyrereport.h"

G_BEGIN_DECLS

/*
 * Readings of several runtimes, which come and go, and of what their watchdogs
 * see. Any thread: readings are one after the other. Reading takes as long as
 * a snapshot of each; nothing is posted or asked under the lock.
 */
typedef struct
{
  GMutex lock;
  GPtrArray *reports; /* GstVyreReport of the runtimes last read */
} GstVyreMonitor;

void gst_vyre_monitor_init (GstVyreMonitor *monitor);
void gst_vyre_monitor_clear (GstVyreMonitor *monitor);
/* Counters and watchdogs start anew. */
void gst_vyre_monitor_reset (GstVyreMonitor *monitor);

/* What a watchdog has to tell since it last told. */
typedef struct
{
  gboolean stalled; /* or not any more */
  GstClockTime timeout;
  VyreWatchdogReport report;
  guint device_index;
  char device_name[256];
} GstVyreIncident;

/* A GArray of them. */
GArray *gst_vyre_incidents_new (void);

/*
 * Samples @runtimes. Into @structure (nullable) go the groups of the first,
 * and of the others, in the array `other-runtimes`. @incidents (nullable):
 * gets what is new; without it, it stays new. @log_object: for a runtime whose
 * words make no sense.
 */
void gst_vyre_monitor_read (GstVyreMonitor *monitor, GPtrArray *runtimes,
    GstVyreStatsDetail detail, GstClockTime timeout, GstStructure *structure,
    GArray *incidents, gpointer log_object);

/* Posts an incident as a warning or an info message of @element. No lock may
 * be held. */
void gst_vyre_incident_post (
    const GstVyreIncident *incident, GstElement *element);

G_END_DECLS
