/* SPDX-License-Identifier: LGPL-2.1-or-later */

/**
 * SECTION:element-vyreinterp
 * @title: vyreinterp
 * @short_description: Run a VIR0 program on every buffer, on the GPU
 *
 * vyreinterp takes a program as data and runs it on every buffer that passes,
 * on a Vulkan device. The program is interpreted by a kernel that is compiled
 * once per device: loading another one compiles nothing. Several buffers are
 * worked on at a time; they leave in order, with their timestamps, offsets,
 * flags and metas.
 *
 * #GstVyreInterp:program names a program that ships with the plugin or holds
 * one as text, #GstVyreInterp:program-location names a file of any form
 * (binary, hexadecimal or readable text).
 *
 * ## Which buffer of the program is which
 *
 * * The stream arrives in the buffer named `input`, else in the first ReadOnly
 *   one that bindings leave free, else in the only such ReadWrite one, where the
 *   program works in place.
 * * What leaves is the buffer that bindings give a size, else the one named
 *   `output`, else the output or live-out one, else the one worked on in place.
 *   Without any of these every buffer leaves as it came, after the program has
 *   seen it.
 * * Every other buffer must be bound by name.
 *
 * A buffer of no fixed length takes whatever length arrives; where that is no
 * multiple of its element, zeros are added for the program, and what leaves is
 * cut back. If the input has a fixed length, the stream is cut into frames of
 * exactly that length; #GstVyreInterp:tail says what becomes of the rest at the
 * end. An outgoing buffer of no fixed length is as long as the input unless
 * bindings give it a size; it starts as zeros. Empty buffers pass by.
 *
 * ## Bindings
 *
 * #GstVyreInterp:bindings is a list of `NAME=VALUE` with commas between them:
 *
 * * `key=hex:00ff2a`: these bytes
 * * `table=file:/path/to/table.bin`: the bytes of a file
 * * `width=u32:640`, `taps=i32:1;-2;1`, `gain=f32:0.5`: numbers, little-endian;
 *   also u8, u16, u64, i8, i16, i64 and f64
 * * `scratch=zeros`, `scratch=zeros:4096`: zeros at the start of every run
 * * `histogram=keep`, `state=keep:4096`: kept from buffer to buffer, starting
 *   as zeros; `state=keep:file:PATH` and `state=keep:hex:00ff` start otherwise
 * * `log=log`, `log=log:1028`: what the program prints, see below
 * * `output=size:len(input)/4`: the length of the outgoing buffer in bytes, from
 *   integers, `len(input)`, `+ - * / %`, `min(a,b)`, `max(a,b)` and parentheses
 *
 * A backslash takes the character behind it literally, in names and values: a
 * path with a comma is `table=file:a\,b.bin`. gst-launch-1.0 takes one level of
 * backslashes away itself, so write two of them there, in single quotes for the
 * shell: `bindings='table=file:a\\,b.bin'`. Buffers with a fixed length take
 * exactly that length. Data and zeros are written anew for each run if the
 * program writes to them.
 *
 * ## Another program while the stream runs
 *
 * #GstVyreInterp:program and #GstVyreInterp:program-location may change at any
 * time; setting one clears the other while a stream runs. The new program is
 * loaded and checked by the thread that sets it, and takes over between two
 * buffers: none is lost, and what the one before worked on leaves first. A
 * program that cannot run is refused with an element warning, and the one before
 * goes on. #GstVyreInterp:bindings that are set while a stream runs take effect
 * with the next program, so set them first. Kept buffers of the new program
 * start from the beginning; those of the one before are posted as `vyre-kept`
 * when its last buffer has left. Bytes that wait for a frame to be filled go to
 * the new program.
 *
 * ## Kept buffers
 *
 * #GstVyreInterp:kept and the element message `vyre-kept`, which is posted at
 * EOS, when another program takes over and by #GstVyreInterp::post-kept, hold
 * one field per kept buffer, named like it, of type #GstBuffer. A value read while buffers are in flight may hold
 * a part of them; at EOS it holds them all. A flush starts kept buffers again
 * from the beginning. When a run fails and runs cannot overlap (see
 * #GstVyreInterp:async-depth), kept buffers hold what they held before it.
 *
 * ## Threads
 *
 * Results leave in a thread of the source pad, in order, while upstream goes on.
 * Small buffers that come by the ten thousand a second and take a few
 * microseconds downstream are pushed by upstream's thread, between those that it
 * brings: two threads would hinder each other. The last ones then leave a
 * millisecond or two after upstream has paused. Live streams do not do this.
 * So the element does not stand in for a queue: behind a tee, for instance, each
 * branch wants one, as usual.
 *
 * What comes in a #GstBufferList is published together. Results of one list whose
 * runs have ended leave in lists too, a quarter of #GstVyreInterp:async-depth and
 * eight at most; everything else leaves buffer by buffer.
 *
 * ## What programs print
 *
 * A program may print to a ReadWrite buffer of u32 that is bound as `log`. Its
 * first word counts the words written behind it; a record is four words, the
 * number of a format and three that the format may show. A place is taken by
 * adding 4 to the first word; what finds none within the buffer is counted, not
 * kept. The buffer starts as zeros for every run, and what a run has printed is
 * posted as the element message `vyre-print` before its result leaves:
 *
 * * `version`: (#guint) of this schema, 1
 * * `source`: (string) `program`
 * * `records`: a list of structures, in the order of their places, with `number`
 *   (#guint64, counts the element's records), `tenant` and `format` (#guint),
 *   `args` (an array of three #guint) and `text` (string)
 * * `printed`, `dropped`: (#guint64) records so far, and those without a place
 * * `pts` (#GstClockTime) and `offset` (#guint64) of the buffer
 *
 * #GstVyreInterp:print-formats has the formats; a record without one shows its
 * numbers.
 *
 * ## Faults
 *
 * A program fails on a buffer, for example, by a trap, a signed division by
 * zero, an index that is no index, or by using up #GstVyreInterp:max-steps.
 * #GstVyreInterp:on-fault says what follows:
 *
 * * `error`: the stream ends with an error.
 * * `drop`: the buffer is left out, and the next one is marked as following a
 *   discontinuity.
 * * `pass`: the buffer leaves as it came, whatever the length of results is.
 *
 * With the latter two, an element warning tells of the first fault, and then of
 * those since at most once a second; `faults` of #GstVyreInterp:stats counts
 * them all. Kept buffers then hold what they held before the run that failed.
 * They are copied before each run for that, so programs that write to kept
 * buffers run one at a time, those too that otherwise could overlap. With `pass`
 * programs that write to their input work on a copy of it.
 *
 * ## Statistics
 *
 * #GstVyreInterp:stats is `application/x-vyre-interp-stats`. All fields but the
 * last three are #guint64, count from READY to PAUSED on and never decrease:
 *
 * * `buffers-in`, `buffers-out`, `bytes-in`, `bytes-out`: what passed the pads
 * * `copied-bytes`: copied to where the GPU can read them
 * * `in-place-bytes`: read by the GPU where they were
 * * `copied-out-bytes`: copied from the arena to ordinary memory because
 *   downstream holds most of the arena
 * * `windows`: runs submitted
 * * `faults`: runs that failed
 * * `cancelled`: runs dropped by a flush or a state change
 * * `in-flight`: (#guint) runs whose result has not left yet
 * * `tier`: (string) as #GstVyreInterp:tier; `tier-reason` (string): why the
 *   program cannot be compiled, if it is `refused`, else empty
 *
 * ## Example launch lines
 *
 * |[
 * gst-launch-1.0 filesrc location=in.bin ! vyreinterp program=invert ! filesink location=out.bin
 * ]| Invert every bit of a file.
 * |[
 * gst-launch-1.0 -m filesrc location=in.bin ! vyreinterp program=histogram256 bindings="histogram=keep" ! fakesink
 * ]| Count the values of all bytes; the message `vyre-kept` at the end holds
 * 256 numbers of 32 bits.
 * |[
 * gst-launch-1.0 -m filesrc location=in.bin ! vyreinterp program=find-bytes bindings="pattern=hex:0d0a,log=log:16388" ! fakesink
 * ]| Print where lines of DOS end.
 *
 * Since: 0.1
 */

#include "gstvyreinterp-private.h"

#include <string.h>

#include "gstvyrecontext.h"

GST_DEBUG_CATEGORY (gst_vyre_interp_debug);
GST_DEBUG_CATEGORY (gst_vyre_interp_performance);
#define GST_CAT_DEFAULT gst_vyre_interp_debug

/* How long leaving PAUSED waits for the GPU to drop what was cancelled, which
 * takes it about a millisecond. */
#define STOP_TIMEOUT (5 * G_TIME_SPAN_SECOND)

enum
{
  SIGNAL_POST_KEPT,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

#define gst_vyre_interp_parent_class parent_class
G_DEFINE_FINAL_TYPE (GstVyreInterp, gst_vyre_interp, GST_TYPE_ELEMENT)
GST_ELEMENT_REGISTER_DEFINE (
    vyreinterp, "vyreinterp", GST_RANK_NONE, GST_TYPE_VYRE_INTERP);

VyreRuntime *
gst_vyre_interp_ref_runtime (GstVyreInterp *self)
{
  VyreRuntime *runtime = NULL;

  GST_OBJECT_LOCK (self);
  if (self->runtime)
    runtime = vyre_runtime_ref (self->runtime);
  GST_OBJECT_UNLOCK (self);
  return runtime;
}

/* --- errors -------------------------------------------------------------- */

static gint
resource_code (const GError *error)
{
  if (error->domain == G_FILE_ERROR) {
    switch (error->code) {
      case G_FILE_ERROR_NOENT:
        return GST_RESOURCE_ERROR_NOT_FOUND;
      case G_FILE_ERROR_NOMEM:
        return GST_RESOURCE_ERROR_NO_SPACE_LEFT;
      default:
        return GST_RESOURCE_ERROR_OPEN_READ;
    }
  }
  if (error->domain == VYRE_DEVICE_ERROR) {
    switch (error->code) {
      case VYRE_DEVICE_ERROR_NO_DRIVER:
      case VYRE_DEVICE_ERROR_NOT_FOUND:
      case VYRE_DEVICE_ERROR_UNSUITABLE:
        return GST_RESOURCE_ERROR_NOT_FOUND;
      case VYRE_DEVICE_ERROR_MEMORY:
        return GST_RESOURCE_ERROR_NO_SPACE_LEFT;
      default:
        return GST_RESOURCE_ERROR_FAILED;
    }
  }
  if (g_error_matches (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LOST))
    return GST_RESOURCE_ERROR_FAILED;
  return GST_RESOURCE_ERROR_SETTINGS;
}

void
gst_vyre_interp_post_error (GstVyreInterp *self, const GError *error)
{
  gst_element_message_full (GST_ELEMENT (self), GST_MESSAGE_ERROR,
      GST_RESOURCE_ERROR, resource_code (error), g_strdup (error->message),
      g_strdup_printf (
          "%s, code %d", g_quark_to_string (error->domain), error->code),
      __FILE__, GST_FUNCTION, __LINE__);
}

/* --- kept buffers -------------------------------------------------------- */

GstStructure *
gst_vyre_interp_get_kept (GstVyreInterp *self)
{
  GstStructure *kept = NULL;

  GST_OBJECT_LOCK (self);
  if (self->workload)
    kept = gst_vyre_workload_get_kept (self->workload);
  else if (self->last_kept)
    kept = gst_structure_copy (self->last_kept);
  GST_OBJECT_UNLOCK (self);
  return kept;
}

static void
post_structure (GstVyreInterp *self, GstStructure *kept)
{
  if (kept)
    gst_element_post_message (
        GST_ELEMENT (self), gst_message_new_element (GST_OBJECT (self), kept));
}

void
gst_vyre_interp_post_kept (GstVyreInterp *self)
{
  post_structure (self, gst_vyre_interp_get_kept (self));
}

void
gst_vyre_interp_post_kept_of (GstVyreInterp *self, GstVyreWorkload *workload)
{
  post_structure (self, gst_vyre_workload_get_kept (workload));
}

/* --- state changes ------------------------------------------------------- */

/* Its strings are the element's copies: clear_wish(). */
static void
get_wish (GstVyreInterp *self, VyreRuntimeOptions *wish)
{
  *wish = VYRE_RUNTIME_OPTIONS_DEFAULT;
  GST_OBJECT_LOCK (self);
  wish->device_index = self->device_index;
  wish->device_name = g_strdup (self->device_name);
  wish->device_uuid = g_strdup (self->device_uuid);
  wish->residency = self->residency;
  GST_OBJECT_UNLOCK (self);
}

static void
clear_wish (VyreRuntimeOptions *wish)
{
  g_free ((char *) wish->device_name);
  g_free ((char *) wish->device_uuid);
}

static gboolean
gst_vyre_interp_open (GstVyreInterp *self)
{
  VyreRuntimeOptions wish;
  g_autoptr (VyreRuntime) runtime = NULL;
  g_autoptr (GError) error = NULL;
  VyreResidency residency;
  const char *reason = NULL;
  gboolean found;

  get_wish (self, &wish);
  found = gst_vyre_context_ensure (
      GST_ELEMENT (self), &wish, TRUE, &self->runtime, &error);
  clear_wish (&wish);
  if (!found)
    goto no_runtime;

  runtime = gst_vyre_interp_ref_runtime (self);
  residency = vyre_runtime_get_residency (runtime, &reason);
  GST_INFO_OBJECT (self, "device %u (%s), %s: %s",
      vyre_runtime_get_device_info (runtime)->index,
      vyre_runtime_get_device_info (runtime)->name,
      residency == VYRE_RESIDENCY_RESIDENT ? "resident" : "sliced",
      GST_STR_NULL (reason));
  if (wish.residency != VYRE_RESIDENCY_AUTO && wish.residency != residency)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
        ("The GPU runtime of this process was started with another residency "
         "than asked for."),
        ("it is %s (%s); the first element that starts it decides",
            residency == VYRE_RESIDENCY_RESIDENT ? "resident" : "sliced",
            GST_STR_NULL (reason)));
  return TRUE;

no_runtime:
  gst_vyre_interp_post_error (self, error);
  return FALSE;
}

static void
gst_vyre_interp_close (GstVyreInterp *self)
{
  VyreRuntime *runtime;

  GST_OBJECT_LOCK (self);
  runtime = g_steal_pointer (&self->runtime);
  GST_OBJECT_UNLOCK (self);
  if (runtime)
    vyre_runtime_unref (runtime);
}

static gboolean
gst_vyre_interp_start (GstVyreInterp *self)
{
  g_autoptr (GError) error = NULL;

  g_mutex_lock (&self->lock);
  memset (&self->stats, 0, sizeof (self->stats));
  self->latency = 0;
  self->live = FALSE;
  self->error_posted = FALSE;
  g_mutex_unlock (&self->lock);
  self->noted_copy = self->noted_low = FALSE;
  self->buffers_in = self->bytes_in = 0;
  self->buffers_out = self->bytes_out = 0;
  self->fault_warned = 0;
  gst_segment_init (&self->segment, GST_FORMAT_UNDEFINED);
  if (!gst_vyre_interp_load (self, &error))
    goto failed;
  return TRUE;

failed:
  gst_vyre_interp_post_error (self, error);
  return FALSE;
}

/* Both pads are inactive. */
static void
gst_vyre_interp_stop (GstVyreInterp *self)
{
  if (self->workload == NULL)
    return;
  g_clear_pointer (&self->last_window, vyre_window_unref);
  gst_adapter_clear (self->adapter);
  if (!gst_vyre_interp_reap (self, STOP_TIMEOUT)) {
    /* The GPU may still write to that memory: it must never be used again. */
    GST_ERROR_OBJECT (self,
        "%u runs have not ended %d s after they were "
        "cancelled; their memory is lost",
        self->cancelled.length, (int) (STOP_TIMEOUT / G_TIME_SPAN_SECOND));
    g_queue_init (&self->cancelled);
  }
  gst_vyre_interp_unload (self);
}

static GstStateChangeReturn
gst_vyre_interp_change_state (GstElement *element, GstStateChange transition)
{
  GstVyreInterp *self = GST_VYRE_INTERP (element);
  GstStateChangeReturn ret;

  switch (transition) {
    case GST_STATE_CHANGE_NULL_TO_READY:
      if (!gst_vyre_interp_open (self))
        return GST_STATE_CHANGE_FAILURE;
      break;
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      if (!gst_vyre_interp_start (self))
        return GST_STATE_CHANGE_FAILURE;
      break;
    default:
      break;
  }

  /* Leaving PAUSED, this deactivates the pads, which wakes every wait. */
  ret = GST_ELEMENT_CLASS (parent_class)->change_state (element, transition);

  switch (transition) {
    case GST_STATE_CHANGE_READY_TO_PAUSED:
      if (ret == GST_STATE_CHANGE_FAILURE)
        gst_vyre_interp_stop (self);
      break;
    case GST_STATE_CHANGE_PAUSED_TO_READY:
      gst_vyre_interp_stop (self);
      break;
    case GST_STATE_CHANGE_READY_TO_NULL:
      gst_vyre_interp_close (self);
      break;
    default:
      break;
  }
  return ret;
}

static void
gst_vyre_interp_set_context (GstElement *element, GstContext *context)
{
  GstVyreInterp *self = GST_VYRE_INTERP (element);
  VyreRuntimeOptions wish;

  get_wish (self, &wish);
  gst_vyre_context_handle_set (element, context, &wish, &self->runtime);
  clear_wish (&wish);
  GST_ELEMENT_CLASS (parent_class)->set_context (element, context);
}

static void
gst_vyre_interp_finalize (GObject *object)
{
  GstVyreInterp *self = GST_VYRE_INTERP (object);
  GList *link;

  g_free (self->program_location);
  g_free (self->program);
  g_free (self->bindings);
  g_free (self->device_name);
  g_free (self->device_uuid);
  g_free (self->print_formats);
  gst_vyre_printer_clear (&self->printer);
  g_clear_pointer (&self->last_kept, gst_structure_free);
  /* set_context() may have given one in NULL. */
  g_clear_pointer (&self->runtime, vyre_runtime_unref);
  g_object_unref (self->adapter);
  while ((link = g_queue_pop_head_link (&self->spare_items)))
    g_free (link->data);
  g_mutex_clear (&self->publish_lock);
  g_mutex_clear (&self->load_lock);
  g_mutex_clear (&self->lock);
  g_cond_clear (&self->added);
  g_cond_clear (&self->removed);
  g_cond_clear (&self->answered);
  G_OBJECT_CLASS (parent_class)->finalize (object);
}

static void
gst_vyre_interp_class_init (GstVyreInterpClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);

  object_class->finalize = gst_vyre_interp_finalize;
  gst_vyre_interp_install_properties (object_class);

  /**
   * GstVyreInterp::post-kept:
   *
   * Posts the element message `vyre-kept` now. Does nothing if the program keeps
   * nothing.
   *
   * Since: 0.1
   */
  signals[SIGNAL_POST_KEPT] = g_signal_new_class_handler ("post-kept",
      G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST | G_SIGNAL_ACTION,
      G_CALLBACK (gst_vyre_interp_post_kept), NULL, NULL, NULL, G_TYPE_NONE, 0);

  element_class->change_state = gst_vyre_interp_change_state;
  element_class->set_context = gst_vyre_interp_set_context;
  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class,
      "Vyre program interpreter", "Filter/Effect/Hardware",
      "Runs a VIR0 program on every buffer, on the GPU", "The gstvyre authors");

  GST_DEBUG_CATEGORY_INIT (
      gst_vyre_interp_debug, "vyreinterp", 0, "runs programs on the GPU");
  GST_DEBUG_CATEGORY_GET (gst_vyre_interp_performance, "GST_PERFORMANCE");
}

static void
gst_vyre_interp_init (GstVyreInterp *self)
{
  gst_vyre_interp_init_properties (self);
  self->srcresult = GST_FLOW_FLUSHING;
  self->may_spin = g_get_num_processors () > 1;
  self->adapter = gst_adapter_new ();
  g_mutex_init (&self->lock);
  g_mutex_init (&self->publish_lock);
  g_mutex_init (&self->load_lock);
  g_queue_init (&self->spare_items);
  g_cond_init (&self->added);
  g_cond_init (&self->removed);
  g_cond_init (&self->answered);
  g_queue_init (&self->items);
  g_queue_init (&self->cancelled);

  self->sinkpad = gst_pad_new_from_static_template (&sink_template, "sink");
  self->srcpad = gst_pad_new_from_static_template (&src_template, "src");
  gst_vyre_interp_setup_sink (self);
  gst_vyre_interp_setup_src (self);
  gst_element_add_pad (GST_ELEMENT (self), self->sinkpad);
  gst_element_add_pad (GST_ELEMENT (self), self->srcpad);
}
