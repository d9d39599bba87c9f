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
 * ## What the GPU prints
 *
 * Records that builtin opcodes of the ring (PRINTF) have left in the runtime's
 * debug log are posted before each message, as element messages `vyre-print`;
 * #GstVyreInterp has the fields. `source` is `ring`, records have the tenant that
 * printed them, `dropped` counts those that the GPU found no room for and those
 * that were overwritten before they were read, and there is no `pts` and no
 * `offset`. #GstVyreStats:print-formats gives them a text.
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
 *   `windows-cancelled` (uint64): buffers; `windows-restarted` (uint64): of
 *   these, began again interpreted
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

#include "gstvyrestats-private.h"

#include "gstvyrecontext.h"

GST_DEBUG_CATEGORY (gst_vyre_stats_debug);
#define GST_CAT_DEFAULT gst_vyre_stats_debug

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
  gst_vyre_stats_init_properties (self);
  reset_counters (self);
}

static void
gst_vyre_stats_finalize (GObject *object)
{
  GstVyreStats *self = GST_VYRE_STATS (object);

  g_clear_pointer (&self->runtime, vyre_runtime_unref);
  g_free (self->print_formats);
  gst_vyre_monitor_clear (&self->monitor);
  g_cond_clear (&self->thread_cond);
  g_mutex_clear (&self->thread_lock);
  G_OBJECT_CLASS (parent_class)->finalize (object);
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
      gst_vyre_stats_search_runtime (self);
      break;
    case GST_STATE_CHANGE_PAUSED_TO_PLAYING:
      gst_vyre_stats_set_playing (self, TRUE);
      break;
    case GST_STATE_CHANGE_PLAYING_TO_PAUSED:
      gst_vyre_stats_set_playing (self, FALSE);
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
  g_autoptr (VyreRuntime) runtime = gst_vyre_stats_ref_runtime (self);
  g_autoptr (GError) error = NULL;

  if (!gst_vyre_stats_start_print (self, &error)) {
    GST_ELEMENT_ERROR (self, RESOURCE, OPEN_READ,
        ("Cannot read the formats: %s", error->message),
        ("set print-formats to a table of formats, or to NULL"));
    return FALSE;
  }
  /* Elements upstream have become READY after us: now they may have one. */
  if (runtime == NULL)
    gst_vyre_stats_search_runtime (self);
  reset_counters (self);
  gst_vyre_stats_start_thread (self);
  return TRUE;
}

static gboolean
gst_vyre_stats_stop (GstBaseTransform *trans)
{
  gst_vyre_stats_stop_thread (GST_VYRE_STATS (trans));
  gst_vyre_stats_stop_print (GST_VYRE_STATS (trans));
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

static gboolean
gst_vyre_stats_sink_event (GstBaseTransform *trans, GstEvent *event)
{
  GstVyreStats *self = GST_VYRE_STATS (trans);

  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_EOS:
      gst_vyre_stats_finish (self);
      break;
    case GST_EVENT_STREAM_START:
    case GST_EVENT_FLUSH_STOP:
      gst_vyre_stats_begin_stream (self);
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
    runtime = gst_vyre_stats_ref_runtime (GST_VYRE_STATS (trans));
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
  gst_vyre_stats_install_properties (object_class);

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
