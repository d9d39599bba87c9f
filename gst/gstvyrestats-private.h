/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstvyrestats.h"

#include "gstvyremonitor.h"

G_BEGIN_DECLS

/* What the element (gstvyrestats.c), its properties and its thread share. */

GST_DEBUG_CATEGORY_EXTERN (gst_vyre_stats_debug);

struct _GstVyreStats
{
  GstBaseTransform parent;

  /* With the OBJECT_LOCK. */
  VyreRuntime *runtime;
  gboolean post_messages;
  guint64 interval;
  gboolean silent;
  GstVyreStatsDetail detail;
  guint64 watchdog;
  guint64 buffers, bytes;
  GstClockTime timestamp, stream_time, running_time;

  GstVyreMonitor monitor; /* has its own lock */

  /* The reporting thread. Its lock is held neither while reading nor while
   * posting. */
  GMutex thread_lock;
  GCond thread_cond;
  GThread *thread;
  gboolean quit, playing;
  gboolean ended; /* EOS: the last message is out or on its way */
  gboolean reporting; /* outside of the lock */
  gint64 last_report; /* monotonic, microseconds */
  gint64 last_look; /* of the watchdog */
  gint64 next_search;
};

/* gstvyrestatsproperties.c */
void gst_vyre_stats_install_properties (GObjectClass *klass);
void gst_vyre_stats_init_properties (GstVyreStats *self);

/* gstvyrestatsthread.c */
/* A reference, or %NULL. */
VyreRuntime *gst_vyre_stats_ref_runtime (GstVyreStats *self);
/* Only a user of the GPU creates a runtime, and it may come later than us. */
void gst_vyre_stats_search_runtime (GstVyreStats *self);
/* A reading. incidents: as gst_vyre_monitor_read(). No lock may be held. */
GstStructure *gst_vyre_stats_make_structure (GstVyreStats *self,
    const char *name, GstClockTime duration, gboolean final, GArray *incidents);
void gst_vyre_stats_start_thread (GstVyreStats *self);
void gst_vyre_stats_stop_thread (GstVyreStats *self);
/* It reports and looks only while the pipeline plays, and until EOS. */
void gst_vyre_stats_set_playing (GstVyreStats *self, gboolean playing);
void gst_vyre_stats_begin_stream (GstVyreStats *self);
/* Whatever the thread is telling goes out first, then the last report. */
void gst_vyre_stats_finish (GstVyreStats *self);
/* Settings have changed. */
void gst_vyre_stats_wake_thread (GstVyreStats *self);

G_END_DECLS
