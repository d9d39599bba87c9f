/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The thread of vyrestats: reports at intervals, the watchdog's looks, and what
 * both post. */

#include "gstvyrestats-private.h"

#include "gstvyrecontext.h"

#define GST_CAT_DEFAULT gst_vyre_stats_debug

/* What is called a stall where nobody has said how long that takes. */
#define USUAL_TIMEOUT (500 * GST_MSECOND)
/* The watchdog looks this often in its time, within limits. */
#define LOOKS 4
#define SHORTEST_LOOK (5 * GST_MSECOND)
#define LONGEST_LOOK GST_SECOND

/* A search asks all neighbours and the application. */
#define SEARCH_PAUSE G_USEC_PER_SEC

/* --- reports -------------------------------------------------------------- */

VyreRuntime *
gst_vyre_stats_ref_runtime (GstVyreStats *self)
{
  VyreRuntime *runtime;

  GST_OBJECT_LOCK (self);
  runtime = self->runtime != NULL ? vyre_runtime_ref (self->runtime) : NULL;
  GST_OBJECT_UNLOCK (self);
  return runtime;
}

void
gst_vyre_stats_search_runtime (GstVyreStats *self)
{
  const VyreRuntimeOptions any = VYRE_RUNTIME_OPTIONS_DEFAULT;

  if (gst_vyre_context_ensure (
          GST_ELEMENT_CAST (self), &any, FALSE, &self->runtime, NULL))
    GST_INFO_OBJECT (self, "attached to a runtime");
}

/* The pipeline's runtime, or those of the process. */
static GPtrArray *
ref_runtimes (GstVyreStats *self, gboolean *attached)
{
  VyreRuntime *runtime = gst_vyre_stats_ref_runtime (self);
  GPtrArray *runtimes;

  *attached = runtime != NULL;
  if (runtime == NULL)
    return vyre_runtime_list ();
  runtimes =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vyre_runtime_unref);
  g_ptr_array_add (runtimes, runtime);
  return runtimes;
}

/* No lock may be held. */
static void
read_runtimes (GstVyreStats *self, GPtrArray *runtimes, GstStructure *structure,
    GArray *incidents)
{
  GstVyreStatsDetail detail;
  GstClockTime timeout;

  GST_OBJECT_LOCK (self);
  detail = self->detail;
  timeout = self->watchdog != 0 ? self->watchdog : USUAL_TIMEOUT;
  GST_OBJECT_UNLOCK (self);
  gst_vyre_monitor_read (
      &self->monitor, runtimes, detail, timeout, structure, incidents, self);
}

GstStructure *
gst_vyre_stats_make_structure (GstVyreStats *self, const char *name,
    GstClockTime duration, gboolean final, GArray *incidents)
{
  g_autoptr (GPtrArray) runtimes = NULL;
  gboolean attached;
  GstStructure *s;

  runtimes = ref_runtimes (self, &attached);
  GST_OBJECT_LOCK (self);
  s = gst_structure_new (name, "timestamp", GST_TYPE_CLOCK_TIME,
      self->timestamp, "stream-time", GST_TYPE_CLOCK_TIME, self->stream_time,
      "running-time", GST_TYPE_CLOCK_TIME, self->running_time, "duration",
      GST_TYPE_CLOCK_TIME, duration, "schema-version", G_TYPE_UINT,
      GST_VYRE_REPORT_SCHEMA, "final", G_TYPE_BOOLEAN, final, "attached",
      G_TYPE_BOOLEAN, attached, "scope", G_TYPE_STRING,
      attached            ? "pipeline"
      : runtimes->len > 0 ? "process"
                          : "none",
      "buffers", G_TYPE_UINT64, self->buffers, "bytes", G_TYPE_UINT64,
      self->bytes, NULL);
  GST_OBJECT_UNLOCK (self);
  read_runtimes (self, runtimes, s, incidents);
  return s;
}

/* No lock may be held. */
static void
post_incidents (GstVyreStats *self, GArray *incidents)
{
  for (guint i = 0; i < incidents->len; i++)
    gst_vyre_incident_post (&g_array_index (incidents, GstVyreIncident, i),
        GST_ELEMENT_CAST (self));
}

/* No lock may be held. */
static void
send_report (GstVyreStats *self, GstClockTime duration, gboolean final)
{
  g_autoptr (GArray) incidents = gst_vyre_incidents_new ();
  gboolean post, notify, watch;

  GST_OBJECT_LOCK (self);
  post = self->post_messages;
  notify = !self->silent;
  watch = self->watchdog != 0;
  GST_OBJECT_UNLOCK (self);

  if (post)
    gst_element_post_message (GST_ELEMENT_CAST (self),
        gst_message_new_element (GST_OBJECT_CAST (self),
            gst_vyre_stats_make_structure (
                self, "vyrestats", duration, final, watch ? incidents : NULL)));
  post_incidents (self, incidents);
  if (notify)
    g_object_notify (G_OBJECT (self), "stats");
}

/* No lock may be held. */
static void
look_after (GstVyreStats *self)
{
  g_autoptr (GArray) incidents = gst_vyre_incidents_new ();
  gboolean attached;
  g_autoptr (GPtrArray) runtimes = ref_runtimes (self, &attached);

  read_runtimes (self, runtimes, NULL, incidents);
  post_incidents (self, incidents);
}

/* --- the reporting thread ------------------------------------------------- */

/* Begins what is done without thread_lock. */
static void
begin_unlocked (GstVyreStats *self)
{
  gint64 now = g_get_monotonic_time ();
  gboolean search = now >= self->next_search;

  if (search)
    self->next_search = now + SEARCH_PAUSE;
  self->reporting = TRUE;
  g_mutex_unlock (&self->thread_lock);

  if (search) {
    g_autoptr (VyreRuntime) runtime = gst_vyre_stats_ref_runtime (self);

    if (runtime == NULL)
      gst_vyre_stats_search_runtime (self);
  }
}

static void
end_unlocked (GstVyreStats *self)
{
  g_mutex_lock (&self->thread_lock);
  self->reporting = FALSE;
  g_cond_broadcast (&self->thread_cond);
}

/* With thread_lock, which it gives up meanwhile. */
static void
report_unlocked (GstVyreStats *self, gboolean final)
{
  gint64 now = g_get_monotonic_time ();
  GstClockTime duration = (now - self->last_report) * GST_USECOND;

  self->last_report = now;
  begin_unlocked (self);
  send_report (self, duration, final);
  end_unlocked (self);
}

/* With thread_lock, which it gives up meanwhile. */
static void
look_unlocked (GstVyreStats *self)
{
  self->last_look = g_get_monotonic_time ();
  begin_unlocked (self);
  look_after (self);
  end_unlocked (self);
}

/* In microseconds; times that are never reached are as long as there are. */
static gint64
add_time (gint64 start, GstClockTime time)
{
  return start + (gint64) MIN (time / GST_USECOND, G_MAXINT64 / 4);
}

/* When the next report and the next look are due; G_MAXINT64: not before
 * something changes. */
static void
due_times (GstVyreStats *self, gint64 *report, gint64 *look)
{
  gboolean wanted;
  guint64 interval, watchdog;

  GST_OBJECT_LOCK (self);
  wanted = self->post_messages || !self->silent;
  interval = self->interval;
  watchdog = self->watchdog;
  GST_OBJECT_UNLOCK (self);

  *report = *look = G_MAXINT64;
  if (!self->playing || self->ended)
    return;
  if (wanted)
    *report = add_time (self->last_report, interval);
  if (watchdog != 0)
    *look = add_time (
        self->last_look, CLAMP (watchdog / LOOKS, SHORTEST_LOOK, LONGEST_LOOK));
}

static gpointer
report_loop (gpointer data)
{
  GstVyreStats *self = data;

  g_mutex_lock (&self->thread_lock);
  while (!self->quit) {
    gint64 now = g_get_monotonic_time ();
    gint64 report, look;

    due_times (self, &report, &look);
    if (report <= now)
      report_unlocked (self, FALSE);
    else if (look <= now)
      look_unlocked (self);
    else if (report == G_MAXINT64 && look == G_MAXINT64)
      g_cond_wait (&self->thread_cond, &self->thread_lock);
    else
      g_cond_wait_until (
          &self->thread_cond, &self->thread_lock, MIN (report, look));
  }
  g_mutex_unlock (&self->thread_lock);
  return NULL;
}

void
gst_vyre_stats_set_playing (GstVyreStats *self, gboolean playing)
{
  g_mutex_lock (&self->thread_lock);
  self->playing = playing;
  self->last_report = self->last_look = g_get_monotonic_time ();
  g_cond_broadcast (&self->thread_cond);
  g_mutex_unlock (&self->thread_lock);
}

void
gst_vyre_stats_wake_thread (GstVyreStats *self)
{
  g_mutex_lock (&self->thread_lock);
  g_cond_broadcast (&self->thread_cond);
  g_mutex_unlock (&self->thread_lock);
}

void
gst_vyre_stats_begin_stream (GstVyreStats *self)
{
  g_mutex_lock (&self->thread_lock);
  if (self->ended)
    self->last_report = self->last_look = g_get_monotonic_time ();
  self->ended = FALSE;
  g_cond_broadcast (&self->thread_cond);
  g_mutex_unlock (&self->thread_lock);
}

void
gst_vyre_stats_finish (GstVyreStats *self)
{
  g_mutex_lock (&self->thread_lock);
  self->ended = TRUE;
  while (self->reporting)
    g_cond_wait (&self->thread_cond, &self->thread_lock);
  self->next_search = 0;
  report_unlocked (self, TRUE);
  g_mutex_unlock (&self->thread_lock);
}

void
gst_vyre_stats_start_thread (GstVyreStats *self)
{
  self->quit = self->ended = self->reporting = FALSE;
  self->next_search = g_get_monotonic_time () + SEARCH_PAUSE;
  self->thread = g_thread_new ("vyrestats", report_loop, self);
}

void
gst_vyre_stats_stop_thread (GstVyreStats *self)
{
  if (self->thread == NULL)
    return;
  g_mutex_lock (&self->thread_lock);
  self->quit = TRUE;
  g_cond_broadcast (&self->thread_cond);
  g_mutex_unlock (&self->thread_lock);
  g_thread_join (g_steal_pointer (&self->thread));
}
