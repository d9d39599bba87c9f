/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-vyrestats
 * @title: vyrestats
 * @see_also: vyreinterp, vyresrc, level
 *
 * Lets everything pass and tells on the bus how the GPU runtime is doing: how
 * full its ring is, what the kernel has done, whether it stalls, how many bytes
 * reached the GPU without being copied. It may stand anywhere in a pipeline,
 * any number of times. The numbers are those of all #vyreinterp of the process
 * on the device that the pipeline uses; in a pipeline that uses none, those of
 * all runtimes of the process. It never starts a runtime itself.
 *
 * While the pipeline plays a message goes out every #GstVyreStats:interval,
 * whether buffers flow or not, so that a pipeline that stands still can be
 * looked at. A last one, with the totals, goes out at EOS, before the EOS
 * itself. Messages are made in a thread of their own; the stream does not wait
 * for them, except at EOS. The same readings can be had at any time and in any
 * state from #GstVyreStats:stats.
 *
 * With #GstVyreStats:watchdog a warning goes out when queued work makes no
 * progress for that time, and an info message when it goes on or is gone.
 *
 * ## Message and structure
 *
 * The element message is called `vyrestats`, the structure of the property
 * `application/x-vyre-stats`. Names are those of the ring protocol, with
 * dashes. Counters (uint64) only rise, until the element goes to READY
 * (`buffers`, `bytes`) or for the life of the runtime (all others): subtract
 * two messages for a rate. Fields:
 *
 * * `schema-version` (uint): 1; rises when a field changes or goes, not when
 *   one is added
 * * `timestamp`, `stream-time`, `running-time` (#GstClockTime): of the newest
 *   buffer that passed; #GST_CLOCK_TIME_NONE where it had none
 * * `duration` (#GstClockTime): real time since the message before, or since
 *   the pipeline began to play; #GST_CLOCK_TIME_NONE in the property
 * * `final` (boolean): this is the message at EOS
 * * `attached` (boolean): the pipeline has a runtime
 * * `scope` (string): whose numbers follow: `pipeline`, `process`, or `none`,
 *   when there is no runtime and the groups below are absent
 * * `buffers`, `bytes` (uint64): what passed this element
 * * `other-runtimes` (array of #GstStructure): with the scope `process` and
 *   more than one runtime, the groups below of all but the first
 *
 * `runtime` (#GstStructure), what the host knows:
 *
 * * `device-index` (uint), `device-name` (string): which GPU
 * * `residency` (string): `resident` or `sliced`; `residency-reason` (string)
 * * `tenants` (uint): vyreinterp elements and other users now
 * * `windows-in-flight` (uint): buffers at the GPU now
 * * `launches` (uint64): kernels started
 * * `generations` (uint64): of these, because host memory had been rewritten
 * * `idle-exits` (uint64): kernels that left for want of work;
 *   `unattended-us` (uint64): time that work waited and none was launched
 * * `windows-submitted`, `windows-done`, `windows-faulted`,
 *   `windows-cancelled` (uint64): buffers
 * * `tiles-published`, `tiles-done` (uint64): parts of them
 * * `bytes-bound` (uint64): bytes handed to the GPU where they were
 * * `kernel-compile-ns` (uint64): time that the driver compiled the kernel
 * * `snapshot-method` (string): what copied ring and control block for this
 *   reading: `transfer` (a queue of the GPU that only copies), `kernel` (a
 *   small kernel beside the running one) or `cpu`; `snapshot-ns` (uint64): how
 *   long that took
 *
 * `occupancy` (#GstStructure), slots by status, all uint: `empty`, `published`,
 * `claimed`, `done`, `wait-io`, `yield`, `requeue`, `fault`, `unknown`; their
 * sum `total-slots`; `queue-depth`, those that are neither empty nor done
 *
 * `counters` (#GstStructure):
 *
 * * `total-slots`, `queue-depth` (uint): as above
 * * `ring-idle-slots` (uint): empty ones, which says nothing about the GPU's
 *   load; `ring-idle-ppm` (uint): of all, in millionths
 * * `frontier-density-bps` (uint): queue depth of all slots, in 1/10000;
 *   `occupancy-proxy-bps` (uint): slots that are not empty
 * * `drained-slots` (uint): slots completed, modulo 2^32;
 *   `unreclaimed-done-slots` (uint): done, not yet reused
 * * `tenant-fairness-total`, `priority-fairness-total` (uint64): claims as the
 *   ring counts them; `tenant-fairness-skew` (uint): largest less smallest
 *   tenant counter that is not 0
 * * `requeue-slots`, `fault-slots` (uint)
 * * `total-windows`, `active-windows` (uint): batches with slots in the ring,
 *   and with unfinished ones
 *
 * `control` (#GstStructure), what the kernel counts:
 *
 * * `shutdown` (boolean): the kernel has been told to stop
 * * `done-count`, `claimed`, `yielded`, `faulted` (uint64): slots finished,
 *   taken, suspended with their state, failed
 * * `steps` (uint64): instructions interpreted, per group of lanes
 * * `idle-polls` (uint64): looks at the ring that found nothing
 * * `exited` (uint64): workgroups that have left
 * * `epoch` (uint64): batch fences passed
 * * `starvation` (uint): claims of high priority in a row
 * * `metrics` (array of 32 uint64): executions by opcode, 0 to 31
 * * `tenant-fairness` (array of 32 uint64), `priority-fairness` (array of 5
 *   uint64): claims by tenant id and by level
 * * `tenant-quota` (array of 32 uint): as in the control block
 *
 * `watchdog` (#GstStructure):
 *
 * * `timeout` (#GstClockTime): without progress, until it is a stall; half a
 *   second where #GstVyreStats:watchdog is off
 * * `elapsed-ns` (uint64): since work last went on, or there was none
 * * `stalled` (boolean): there was work for that long and none of it made a
 *   step, or slots are stuck
 * * `stuck-slots` (uint): slots that were taken by the kernel and have not made
 *   a step for the timeout, whatever others do; `stuck-ns` (uint64): the one
 *   that has stood for longest
 * * `faulted` (boolean), `fault-slots` (uint): slots stand in fault
 * * `runnable-slots` (uint): unfinished slots that the kernel may take
 * * `masked-slots` (uint): unfinished slots of tenants that may not run
 * * `suspected-stall` (boolean): the protocol's own view, which a fault hides
 * * `done-delta`, `queue-depth`, `requeue-slots`, `ring-idle-ppm` (uint)
 *
 * `priority` (#GstStructure): `requeue-count`, `aged-promotions`,
 * `max-priority-age` (uint64), `should-drain` (boolean), `drain-reason`
 * (string)
 *
 * `evidence` (#GstStructure), what was measured:
 *
 * * `schema-version` (uint): 1
 * * `coverage` (#GstStructure): booleans `ring`, `control`, `copy`,
 *   `residency`; `missing` (array of string): those that are %FALSE; `complete`
 *   (boolean): none is
 * * `resident-device-bytes` (uint64): device memory of the runtime
 * * `host-copy-bytes` (uint64): bytes of streams and kept buffers that the CPU
 *   copied to, from or within memory the GPU uses; `host-copy-avoided-bytes`
 *   (uint64): that the GPU used in place
 * * `host-copy-avoidance-bps` (uint): avoided of both, in 1/10000
 * * `control-decode-ns`, `ring-decode-ns` (uint64): time for these readings
 *
 * `decode` (#GstStructure), that decoding fitted into storage that is kept:
 * `schema-version` (uint), `complete`, `uses-caller-owned-scratch` (boolean),
 * `decoded-slot-count`, `slot-output-capacity`, `decoded-window-count`,
 * `window-output-capacity`, `window-opcode-scratch-capacity`,
 * `window-accumulator-scratch-capacity` (uint64)
 *
 * With #GstVyreStats:detail `windows` and `slots`:
 *
 * * `windows` (array of #GstStructure): `ticket`, `tenant`, `opcode`,
 *   `required-slots`, `lookahead-slots`, `published`, `claimed`, `done`,
 *   `wait-io`, `yield`, `requeue`, `fault` (uint), `active` (boolean)
 *
 * With `slots` alone:
 *
 * * `slots` (array of #GstStructure): `slot-idx` (uint), `status` (string),
 *   `status-raw`, `tenant`, `opcode` (uint), `args-prefix` (array of 3 uint)
 *
 * Warnings of the watchdog, and the info messages that follow them, carry a
 * structure with `device-index`, `runnable-slots`, `masked-slots` (uint),
 * `device-name` (string) and `elapsed-ns` (uint64); where only some slots are
 * stuck, also `stuck-slots`, `stuck-slot` and `stuck-tenant` (uint).
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
#include "gstvyremonitor.h"

GST_DEBUG_CATEGORY (gst_vyre_stats_debug);
#define GST_CAT_DEFAULT gst_vyre_stats_debug

#define DEFAULT_POST_MESSAGES TRUE
#define DEFAULT_INTERVAL GST_SECOND
#define MIN_INTERVAL GST_MSECOND
#define DEFAULT_SILENT TRUE
#define DEFAULT_DETAIL GST_VYRE_STATS_DETAIL_SUMMARY
#define DEFAULT_WATCHDOG 0

/* What is called a stall where nobody has said how long that takes. */
#define USUAL_TIMEOUT (500 * GST_MSECOND)
/* The watchdog looks this often in its time, within limits. */
#define LOOKS 4
#define SHORTEST_LOOK (5 * GST_MSECOND)
#define LONGEST_LOOK GST_SECOND

/* A search asks all neighbours and the application. */
#define SEARCH_PAUSE G_USEC_PER_SEC

enum
{
  PROP_0,
  PROP_POST_MESSAGES,
  PROP_INTERVAL,
  PROP_SILENT,
  PROP_DETAIL,
  PROP_WATCHDOG,
  PROP_STATS,
};

#define GST_TYPE_VYRE_STATS_DETAIL (gst_vyre_stats_detail_get_type ())
static GType
gst_vyre_stats_detail_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_VYRE_STATS_DETAIL_SUMMARY, "Numbers of the whole ring", "summary" },
    { GST_VYRE_STATS_DETAIL_WINDOWS, "And of each window", "windows" },
    { GST_VYRE_STATS_DETAIL_SLOTS, "And each slot", "slots" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type)) {
    GType new_type = g_enum_register_static ("GstVyreStatsDetail", values);

    gst_type_mark_as_plugin_api (new_type, 0);
    g_once_init_leave (&type, new_type);
  }
  return type;
}

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

/* The pipeline's runtime, or those of the process. */
static GPtrArray *
ref_runtimes (GstVyreStats *self, gboolean *attached)
{
  VyreRuntime *runtime = ref_runtime (self);
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

/* No lock may be held. */
static GstStructure *
make_structure (GstVyreStats *self, const char *name, GstClockTime duration,
    gboolean final, GArray *incidents)
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
        gst_message_new_element (
            GST_OBJECT_CAST (self), make_structure (self, "vyrestats", duration,
                                        final, watch ? incidents : NULL)));
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
    g_autoptr (VyreRuntime) runtime = ref_runtime (self);

    if (runtime == NULL)
      search_runtime (self);
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

static void
set_playing (GstVyreStats *self, gboolean playing)
{
  g_mutex_lock (&self->thread_lock);
  self->playing = playing;
  self->last_report = self->last_look = g_get_monotonic_time ();
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
  gst_vyre_monitor_init (&self->monitor);
  g_mutex_init (&self->thread_lock);
  g_cond_init (&self->thread_cond);
  self->post_messages = DEFAULT_POST_MESSAGES;
  self->interval = DEFAULT_INTERVAL;
  self->silent = DEFAULT_SILENT;
  self->detail = DEFAULT_DETAIL;
  self->watchdog = DEFAULT_WATCHDOG;
  reset_counters (self);
}

static void
gst_vyre_stats_finalize (GObject *object)
{
  GstVyreStats *self = GST_VYRE_STATS (object);

  g_clear_pointer (&self->runtime, vyre_runtime_unref);
  gst_vyre_monitor_clear (&self->monitor);
  g_cond_clear (&self->thread_cond);
  g_mutex_clear (&self->thread_lock);
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
    case PROP_DETAIL:
      self->detail = g_value_get_enum (value);
      break;
    case PROP_WATCHDOG:
      self->watchdog = g_value_get_uint64 (value);
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
    g_value_take_boxed (value, make_structure (self, "application/x-vyre-stats",
                                   GST_CLOCK_TIME_NONE, FALSE, NULL));
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
    case PROP_DETAIL:
      g_value_set_enum (value, self->detail);
      break;
    case PROP_WATCHDOG:
      g_value_set_uint64 (value, self->watchdog);
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
    gst_vyre_monitor_reset (&self->monitor);
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
  report_unlocked (self, TRUE);
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
        self->last_report = self->last_look = g_get_monotonic_time ();
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
   * GstVyreStats:detail:
   *
   * How much messages and #GstVyreStats:stats tell: numbers of the whole ring,
   * and of each window, and each slot. A ring has thousands of slots. May
   * change at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_DETAIL,
      g_param_spec_enum ("detail", "Detail", "How much is told",
          GST_TYPE_VYRE_STATS_DETAIL, DEFAULT_DETAIL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreStats:watchdog:
   *
   * Time in nanoseconds that queued work may make no progress until a warning
   * goes out, 0 for never. Progress is a slot finished, or a step of a program:
   * one that runs for hours makes progress, one that is only handed to and fro
   * does not. A slot that the kernel has taken is also judged by itself, so a
   * program that hangs is told of while others go on. It is looked for four
   * times in that time, but not more often than every 5 ms, and at least every
   * second, while the pipeline plays and until EOS. The kernel tells of its
   * steps about every millisecond; on a busy CPU device it may be kept from
   * running for longer. Work of tenants that may not run does not count. May
   * change at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_WATCHDOG,
      g_param_spec_uint64 ("watchdog", "Watchdog",
          "Warn when work makes no progress for this time (in nanoseconds, 0 = "
          "never)",
          0, G_MAXUINT64, DEFAULT_WATCHDOG,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreStats:stats:
   *
   * The fields of the message, read now, in any state, which takes up to a few
   * milliseconds on a GPU with its own memory.
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
