/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-vyrestats
 * @title: vyrestats
 * @see_also: vyreinterp, vyresrc, level
 *
 * Lets everything pass and tells on the bus how the GPU runtime is doing: how
 * full its ring is, what the kernel has done, whether it stalls, how many bytes
 * reached the GPU without being copied. It may stand anywhere in a pipeline;
 * the runtime, and so the numbers, are those of all #vyreinterp of the process
 * on that device. It never starts a runtime itself.
 *
 * While the pipeline plays a message goes out every #GstVyreStats:interval,
 * whether buffers flow or not, so that a pipeline that stands still can be
 * looked at. A last one goes out at EOS, before the EOS itself. Messages are
 * made in a thread of their own; the stream does not wait for them, except at
 * EOS. The same readings can be had at any time from #GstVyreStats:stats.
 *
 * ## Message and structure
 *
 * The element message is called `vyrestats`, the structure of the property
 * `application/x-vyre-stats`. Counters (uint64) only rise, until the element
 * goes to READY (`buffers`, `bytes`) or for the life of the runtime (all
 * others): subtract two messages for a rate. Fields:
 *
 * * `timestamp`, `stream-time`, `running-time` (#GstClockTime): of the newest
 *   buffer that passed; #GST_CLOCK_TIME_NONE where it had none
 * * `duration` (#GstClockTime): real time since the message before, or since
 *   the pipeline began to play; #GST_CLOCK_TIME_NONE in the property
 * * `attached` (boolean): a runtime was found. If not, the groups below are
 *   absent
 * * `buffers`, `bytes` (uint64): what passed this element
 *
 * `runtime` (#GstStructure), what the host knows:
 *
 * * `device-index` (uint), `device-name` (string): which GPU
 * * `residency` (string): `resident` or `sliced`; `residency-reason` (string)
 * * `tenants` (uint): vyreinterp elements and other users now
 * * `windows-in-flight` (uint): buffers at the GPU now
 * * `launches` (uint64): kernels started
 * * `generations` (uint64): of these, because host memory had been rewritten
 * * `windows-submitted`, `windows-done`, `windows-faulted`,
 *   `windows-cancelled` (uint64): buffers
 * * `tiles-published`, `tiles-done` (uint64): parts of them
 * * `bytes-bound` (uint64): bytes handed to the GPU where they were
 * * `kernel-compile-ns` (uint64): time that the driver compiled the kernel
 *
 * `ring` (#GstStructure), slots by status:
 *
 * * `slots` (uint): all; `empty`, `published`, `claimed`, `done`, `wait-io`,
 *   `yield`, `requeue`, `fault`, `unknown` (uint): of these
 * * `depth` (uint): neither empty nor done
 * * `depth-ratio`, `empty-ratio` (double): of all slots, 0 to 1
 * * `windows`, `active-windows` (uint): batches with slots in the ring, and
 *   with unfinished ones
 *
 * `control` (#GstStructure), what the kernel counts:
 *
 * * `done`, `claimed`, `yielded`, `faulted` (uint64): slots finished, taken,
 *   suspended with their state, failed
 * * `steps` (uint64): instructions interpreted, per group of lanes
 * * `idle-polls` (uint64): looks at the ring that found nothing
 * * `exited` (uint64): workgroups that have left
 * * `epoch` (uint64): batch fences passed
 * * `starvation` (uint): claims of high priority in a row
 * * `shutdown` (boolean): the kernel has been told to stop
 * * `opcode-runs` (array of 32 uint64): by opcode, 0 to 31
 * * `tenant-claims` (array of 32 uint64), `priority-claims` (array of 5
 *   uint64): by tenant id and by level
 * * `tenant-skew` (uint): largest less smallest tenant counter that is not 0
 *
 * `watchdog` (#GstStructure):
 *
 * * `stalled` (boolean): there was work for at least half a second, and no
 *   slot and no instruction was done
 * * `faulted` (boolean), `fault-slots` (uint): slots stand in fault
 * * `runnable-slots` (uint): unfinished slots that the kernel may take
 * * `masked-slots` (uint): unfinished slots of tenants that may not run
 *
 * `evidence` (#GstStructure), what was measured:
 *
 * * `schema-version` (uint): 1
 * * `complete` (boolean), `missing` (array of string): which of `ring`,
 *   `control`, `copy` and `residency` have not been measured
 * * `resident-device-bytes` (uint64): device memory of the runtime
 * * `host-copy-bytes` (uint64): bytes that the CPU copied to or from memory
 *   the GPU uses; `host-copy-avoided-bytes` (uint64): that it used in place
 * * `host-copy-avoidance-ratio` (double): avoided of both, 0 to 1
 * * `control-decode-ns`, `ring-decode-ns` (uint64): time for these readings
 *
 * ## Example launch line
 * |[
 * gst-launch-1.0 -m fakesrc num-buffers=100 ! vyrestats ! fakesink
 * ]|
 * Prints the last message: 100 buffers, and no runtime, as nothing here uses a
 * GPU.
 *
 * Since: 0.1
 */

#include "gstvyrestats.h"

#include "gstvyrecontext.h"
#include "gstvyrereport.h"

GST_DEBUG_CATEGORY_STATIC (gst_vyre_stats_debug);
#define GST_CAT_DEFAULT gst_vyre_stats_debug

#define DEFAULT_POST_MESSAGES TRUE
#define DEFAULT_INTERVAL GST_SECOND
#define MIN_INTERVAL GST_MSECOND
#define DEFAULT_SILENT TRUE

/* A search asks all neighbours and the application. */
#define SEARCH_PAUSE G_USEC_PER_SEC

enum
{
  PROP_0,
  PROP_POST_MESSAGES,
  PROP_INTERVAL,
  PROP_SILENT,
  PROP_STATS,
};

struct _GstVyreStats
{
  GstBaseTransform parent;

  /* With the OBJECT_LOCK. */
  VyreRuntime *runtime;
  gboolean post_messages;
  guint64 interval;
  gboolean silent;
  guint64 buffers, bytes;
  GstClockTime timestamp, stream_time, running_time;

  /* Held while device memory is read; nothing is posted or asked under it. */
  GMutex reader_lock;
  GstVyreReport report;

  /* The reporting thread. Its lock is held neither while reading nor while
   * posting. */
  GMutex thread_lock;
  GCond thread_cond;
  GThread *thread;
  gboolean quit, playing;
  gboolean ended; /* EOS: the last message is out or on its way */
  gboolean reporting; /* outside of the lock */
  gint64 last_report; /* monotonic, microseconds */
  gint64 next_search;
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

#define gst_vyre_stats_parent_class parent_class
G_DEFINE_TYPE_WITH_CODE (GstVyreStats, gst_vyre_stats, GST_TYPE_BASE_TRANSFORM,
    GST_DEBUG_CATEGORY_INIT (
        gst_vyre_stats_debug, "vyrestats", 0, "readings of the GPU runtime"));
GST_ELEMENT_REGISTER_DEFINE (
    vyrestats, "vyrestats", GST_RANK_NONE, GST_TYPE_VYRE_STATS);

/* --- reports -------------------------------------------------------------- */

static VyreRuntime *
ref_runtime (GstVyreStats *self)
{
  VyreRuntime *runtime;

  GST_OBJECT_LOCK (self);
  runtime = self->runtime != NULL ? vyre_runtime_ref (self->runtime) : NULL;
  GST_OBJECT_UNLOCK (self);
  return runtime;
}

/* Only a user of the GPU creates a runtime, and it may come later than us. */
static void
search_runtime (GstVyreStats *self)
{
  const VyreRuntimeOptions any = VYRE_RUNTIME_OPTIONS_DEFAULT;

  if (gst_vyre_context_ensure (
          GST_ELEMENT_CAST (self), &any, FALSE, &self->runtime, NULL))
    GST_INFO_OBJECT (self, "attached to a runtime");
}

/* No lock may be held. */
static GstStructure *
make_structure (GstVyreStats *self, const char *name, GstClockTime duration)
{
  g_autoptr (VyreRuntime) runtime = ref_runtime (self);
  g_autoptr (GError) error = NULL;
  GstStructure *s;

  GST_OBJECT_LOCK (self);
  s = gst_structure_new (name, "timestamp", GST_TYPE_CLOCK_TIME,
      self->timestamp, "stream-time", GST_TYPE_CLOCK_TIME, self->stream_time,
      "running-time", GST_TYPE_CLOCK_TIME, self->running_time, "duration",
      GST_TYPE_CLOCK_TIME, duration, "attached", G_TYPE_BOOLEAN,
      runtime != NULL, "buffers", G_TYPE_UINT64, self->buffers, "bytes",
      G_TYPE_UINT64, self->bytes, NULL);
  GST_OBJECT_UNLOCK (self);

  if (runtime != NULL) {
    g_mutex_lock (&self->reader_lock);
    if (!gst_vyre_report_read (&self->report, runtime, s, &error))
      GST_WARNING_OBJECT (self, "cannot read the runtime: %s", error->message);
    g_mutex_unlock (&self->reader_lock);
  }
  return s;
}

/* No lock may be held. */
static void
send_report (GstVyreStats *self, GstClockTime duration)
{
  gboolean post, notify;

  GST_OBJECT_LOCK (self);
  post = self->post_messages;
  notify = !self->silent;
  GST_OBJECT_UNLOCK (self);

  if (post)
    gst_element_post_message (GST_ELEMENT_CAST (self),
        gst_message_new_element (GST_OBJECT_CAST (self),
            make_structure (self, "vyrestats", duration)));
  if (notify)
    g_object_notify (G_OBJECT (self), "stats");
}

/* With thread_lock, which it gives up meanwhile. */
static void
report_unlocked (GstVyreStats *self)
{
  gint64 now = g_get_monotonic_time ();
  GstClockTime duration = (now - self->last_report) * GST_USECOND;
  gboolean search = now >= self->next_search;

  self->last_report = now;
  if (search)
    self->next_search = now + SEARCH_PAUSE;
  self->reporting = TRUE;
  g_mutex_unlock (&self->thread_lock);

  if (search) {
    g_autoptr (VyreRuntime) runtime = ref_runtime (self);

    if (runtime == NULL)
      search_runtime (self);
  }
  send_report (self, duration);

  g_mutex_lock (&self->thread_lock);
  self->reporting = FALSE;
  g_cond_broadcast (&self->thread_cond);
}

/* When the next report is due; 0: not before something changes. */
static gint64
due_time (GstVyreStats *self)
{
  gboolean wanted;
  guint64 interval;

  if (!self->playing || self->ended)
    return 0;
  GST_OBJECT_LOCK (self);
  wanted = self->post_messages || !self->silent;
  interval = self->interval;
  GST_OBJECT_UNLOCK (self);
  return wanted ? self->last_report + (gint64) (interval / GST_USECOND) : 0;
}

static gpointer
report_loop (gpointer data)
{
  GstVyreStats *self = data;

  g_mutex_lock (&self->thread_lock);
  while (!self->quit) {
    gint64 due = due_time (self);

    if (due == 0)
      g_cond_wait (&self->thread_cond, &self->thread_lock);
    else if (g_get_monotonic_time () < due)
      g_cond_wait_until (&self->thread_cond, &self->thread_lock, due);
    else
      report_unlocked (self);
  }
  g_mutex_unlock (&self->thread_lock);
  return NULL;
}

static void
set_playing (GstVyreStats *self, gboolean playing)
{
  g_mutex_lock (&self->thread_lock);
  self->playing = playing;
  self->last_report = g_get_monotonic_time ();
  g_cond_broadcast (&self->thread_cond);
  g_mutex_unlock (&self->thread_lock);
}

static void
wake_thread (GstVyreStats *self)
{
  g_mutex_lock (&self->thread_lock);
  g_cond_broadcast (&self->thread_cond);
  g_mutex_unlock (&self->thread_lock);
}

/* --- life ----------------------------------------------------------------- */

static void
reset_counters (GstVyreStats *self)
{
  GST_OBJECT_LOCK (self);
  self->buffers = self->bytes = 0;
  self->timestamp = self->stream_time = self->running_time =
      GST_CLOCK_TIME_NONE;
  GST_OBJECT_UNLOCK (self);
}

static void
gst_vyre_stats_init (GstVyreStats *self)
{
  GstBaseTransform *trans = GST_BASE_TRANSFORM (self);

  gst_base_transform_set_passthrough (trans, TRUE);
  gst_base_transform_set_gap_aware (trans, TRUE);
  g_mutex_init (&self->reader_lock);
  g_mutex_init (&self->thread_lock);
  g_cond_init (&self->thread_cond);
  self->post_messages = DEFAULT_POST_MESSAGES;
  self->interval = DEFAULT_INTERVAL;
  self->silent = DEFAULT_SILENT;
  reset_counters (self);
}

static void
gst_vyre_stats_finalize (GObject *object)
{
  GstVyreStats *self = GST_VYRE_STATS (object);

  g_clear_pointer (&self->runtime, vyre_runtime_unref);
  gst_vyre_report_clear (&self->report);
  g_cond_clear (&self->thread_cond);
  g_mutex_clear (&self->thread_lock);
  g_mutex_clear (&self->reader_lock);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_vyre_stats_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstVyreStats *self = GST_VYRE_STATS (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_POST_MESSAGES:
      self->post_messages = g_value_get_boolean (value);
      break;
    case PROP_INTERVAL:
      self->interval = g_value_get_uint64 (value);
      break;
    case PROP_SILENT:
      self->silent = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
  wake_thread (self);
}

static void
gst_vyre_stats_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstVyreStats *self = GST_VYRE_STATS (object);

  if (id == PROP_STATS) {
    g_value_take_boxed (value,
        make_structure (self, "application/x-vyre-stats", GST_CLOCK_TIME_NONE));
    return;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_POST_MESSAGES:
      g_value_set_boolean (value, self->post_messages);
      break;
    case PROP_INTERVAL:
      g_value_set_uint64 (value, self->interval);
      break;
    case PROP_SILENT:
      g_value_set_boolean (value, self->silent);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

static void
gst_vyre_stats_set_context (GstElement *element, GstContext *context)
{
  const VyreRuntimeOptions any = VYRE_RUNTIME_OPTIONS_DEFAULT;
  GstVyreStats *self = GST_VYRE_STATS (element);

  gst_vyre_context_handle_set (element, context, &any, &self->runtime);
  GST_ELEMENT_CLASS (parent_class)->set_context (element, context);
}

static GstStateChangeReturn
gst_vyre_stats_change_state (GstElement *element, GstStateChange transition)
{
  GstVyreStats *self = GST_VYRE_STATS (element);
  VyreRuntime *runtime = NULL;
  GstStateChangeReturn ret;

  switch (transition) {
    case GST_STATE_CHANGE_NULL_TO_READY:
      search_runtime (self);
      break;
    case GST_STATE_CHANGE_PAUSED_TO_PLAYING:
      set_playing (self, TRUE);
      break;
    case GST_STATE_CHANGE_PLAYING_TO_PAUSED:
      set_playing (self, FALSE);
      break;
    default:
      break;
  }

  ret = GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);

  if (transition == GST_STATE_CHANGE_READY_TO_NULL) {
    GST_OBJECT_LOCK (self);
    runtime = g_steal_pointer (&self->runtime);
    GST_OBJECT_UNLOCK (self);
    g_clear_pointer (&runtime, vyre_runtime_unref);
    g_mutex_lock (&self->reader_lock);
    gst_vyre_report_clear (&self->report);
    g_mutex_unlock (&self->reader_lock);
  }
  return ret;
}

/* --- streaming ------------------------------------------------------------ */

static gboolean
gst_vyre_stats_start (GstBaseTransform *trans)
{
  GstVyreStats *self = GST_VYRE_STATS (trans);
  g_autoptr (VyreRuntime) runtime = ref_runtime (self);

  /* Elements upstream have become READY after us: now they may have one. */
  if (runtime == NULL)
    search_runtime (self);
  reset_counters (self);
  self->quit = self->ended = self->reporting = FALSE;
  self->next_search = g_get_monotonic_time () + SEARCH_PAUSE;
  self->thread = g_thread_new ("vyrestats", report_loop, self);
  return TRUE;
}

static gboolean
gst_vyre_stats_stop (GstBaseTransform *trans)
{
  GstVyreStats *self = GST_VYRE_STATS (trans);

  if (self->thread == NULL)
    return TRUE;
  g_mutex_lock (&self->thread_lock);
  self->quit = TRUE;
  g_cond_broadcast (&self->thread_cond);
  g_mutex_unlock (&self->thread_lock);
  g_thread_join (g_steal_pointer (&self->thread));
  return TRUE;
}

static GstFlowReturn
gst_vyre_stats_transform_ip (GstBaseTransform *trans, GstBuffer *buffer)
{
  GstVyreStats *self = GST_VYRE_STATS (trans);
  GstClockTime timestamp = GST_BUFFER_PTS (buffer);
  GstClockTime stream_time = GST_CLOCK_TIME_NONE;
  GstClockTime running_time = GST_CLOCK_TIME_NONE;

  if (!GST_CLOCK_TIME_IS_VALID (timestamp))
    timestamp = GST_BUFFER_DTS (buffer);
  if (trans->segment.format == GST_FORMAT_TIME &&
      GST_CLOCK_TIME_IS_VALID (timestamp)) {
    stream_time = gst_segment_to_stream_time (
        &trans->segment, GST_FORMAT_TIME, timestamp);
    running_time = gst_segment_to_running_time (
        &trans->segment, GST_FORMAT_TIME, timestamp);
  }

  GST_OBJECT_LOCK (self);
  self->buffers++;
  self->bytes += gst_buffer_get_size (buffer);
  self->timestamp = timestamp;
  self->stream_time = stream_time;
  self->running_time = running_time;
  GST_OBJECT_UNLOCK (self);
  return GST_FLOW_OK;
}

/* Whatever the thread is telling goes out first, then the last report. */
static void
finish_stream (GstVyreStats *self)
{
  g_mutex_lock (&self->thread_lock);
  self->ended = TRUE;
  while (self->reporting)
    g_cond_wait (&self->thread_cond, &self->thread_lock);
  self->next_search = 0;
  report_unlocked (self);
  g_mutex_unlock (&self->thread_lock);
}

static gboolean
gst_vyre_stats_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstVyreStats *self = GST_VYRE_STATS (trans);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_EOS:
      finish_stream (self);
      break;
    case GST_EVENT_STREAM_START:
    case GST_EVENT_FLUSH_STOP:
      g_mutex_lock (&self->thread_lock);
      if (self->ended)
        self->last_report = g_get_monotonic_time ();
      self->ended = FALSE;
      g_cond_broadcast (&self->thread_cond);
      g_mutex_unlock (&self->thread_lock);
      break;
    default:
      break;
  }
  return GST_BASE_TRANSFORM_CLASS (parent_class)->sink_event (trans, event);
}

static gboolean
gst_vyre_stats_query (
    GstBaseTransform *trans, GstPadDirection direction, GstQuery *query)
{
  g_autoptr (VyreRuntime) runtime = NULL;

  if (GST_QUERY_TYPE (query) == GST_QUERY_CONTEXT) {
    runtime = ref_runtime (GST_VYRE_STATS (trans));
    if (gst_vyre_context_handle_query (
            GST_ELEMENT_CAST (trans), query, runtime))
      return TRUE;
  }
  return GST_BASE_TRANSFORM_CLASS (parent_class)
      ->query (trans, direction, query);
}

static void
gst_vyre_stats_class_init (GstVyreStatsClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *trans_class = GST_BASE_TRANSFORM_CLASS (klass);

  object_class->finalize = gst_vyre_stats_finalize;
  object_class->set_property = gst_vyre_stats_set_property;
  object_class->get_property = gst_vyre_stats_get_property;

  /**
   * GstVyreStats:post-messages:
   *
   * Whether to post element messages. May change at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_POST_MESSAGES,
      g_param_spec_boolean ("post-messages", "Post messages",
          "Post a message at each interval and at EOS", DEFAULT_POST_MESSAGES,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreStats:interval:
   *
   * Real time between two messages, in nanoseconds, 1 ms or more. May change
   * at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_INTERVAL,
      g_param_spec_uint64 ("interval", "Interval",
          "Time between two messages (in nanoseconds)", MIN_INTERVAL,
          G_MAXUINT64, DEFAULT_INTERVAL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreStats:silent:
   *
   * If %FALSE, each interval and EOS also notify #GstVyreStats:stats, which
   * `gst-launch-1.0 -v` shows. May change at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_SILENT,
      g_param_spec_boolean ("silent", "Silent",
          "Do not notify the stats property at each interval", DEFAULT_SILENT,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreStats:stats:
   *
   * The fields of the message, read now, which takes up to a few milliseconds
   * on a GPU with its own memory.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Readings of the runtime at this moment", GST_TYPE_STRUCTURE,
          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));

  gst_element_class_set_static_metadata (element_class, "VYRE statistics",
      "Filter/Analyzer/Debug",
      "Posts readings of the GPU runtime while buffers pass",
      "gstvyre contributors");
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  element_class->set_context = GST_DEBUG_FUNCPTR (gst_vyre_stats_set_context);
  element_class->change_state = GST_DEBUG_FUNCPTR (gst_vyre_stats_change_state);

  trans_class->start = GST_DEBUG_FUNCPTR (gst_vyre_stats_start);
  trans_class->stop = GST_DEBUG_FUNCPTR (gst_vyre_stats_stop);
  trans_class->sink_event = GST_DEBUG_FUNCPTR (gst_vyre_stats_sink_event);
  trans_class->query = GST_DEBUG_FUNCPTR (gst_vyre_stats_query);
  trans_class->transform_ip = GST_DEBUG_FUNCPTR (gst_vyre_stats_transform_ip);
}
