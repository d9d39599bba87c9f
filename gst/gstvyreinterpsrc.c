/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreinterp-private.h"

#include "gstvyrememory.h"

#define GST_CAT_DEFAULT gst_vyre_interp_debug
GST_DEBUG_CATEGORY_STATIC (cat_performance);

/* --- source pad: the task ------------------------------------------------ */

/* The time that results really took, in steps that make it settle soon. */
static void
learn_latency (GstVyreInterp *self, const GstVyreJob *job)
{
  GstClockTime took;
  gboolean tell = FALSE;

  if (!job->awaited)
    return;
  took = (g_get_monotonic_time () - job->submitted) * GST_USECOND;
  g_mutex_lock (&self->lock);
  if (took > self->latency) {
    self->latency = GST_ROUND_UP_N (2 * took, GST_MSECOND);
    tell = self->live;
  }
  g_mutex_unlock (&self->lock);
  if (tell)
    gst_element_post_message (
        GST_ELEMENT (self), gst_message_new_latency (GST_OBJECT (self)));
}

/* If most of the arena is taken, somebody downstream hoards; what leaves then
 * goes in ordinary memory, or nobody could work on. */
static GstBuffer *
spare_arena (GstVyreInterp *self, GstBuffer *buffer)
{
  VyreArena *arena = gst_vyre_workload_get_arena (self->workload);
  gsize size = gst_buffer_get_size (buffer);
  GstBuffer *copy;

  if (size == 0 || !gst_is_vyre_memory (gst_buffer_peek_memory (buffer, 0)) ||
      !gst_vyre_arena_is_low (arena, 0))
    return buffer;
  copy = gst_buffer_copy_deep (buffer);
  if (copy == NULL)
    return buffer;
  if (!self->noted_low) {
    self->noted_low = TRUE;
    GST_CAT_WARNING_OBJECT (cat_performance, self,
        "three quarters of the arena of %" G_GSIZE_FORMAT " bytes are taken: "
        "results are copied to ordinary memory; VYRE_ARENA_SIZE makes it "
        "larger",
        vyre_arena_get_size (arena));
  }
  g_mutex_lock (&self->lock);
  self->stats.copied_out += size;
  g_mutex_unlock (&self->lock);
  gst_buffer_unref (buffer);
  return copy;
}

static gboolean
find_start (gconstpointer data, gconstpointer user_data)
{
  const GstVyreItem *item = data;

  return !(
      item->type == ITEM_EVENT && gst_vyre_interp_starts_anew (item->event));
}

/* Takes the buffer. */
static GstFlowReturn
push_buffer (GstVyreInterp *self, GstBuffer *buffer)
{
  GstFlowReturn ret;
  gboolean drop, discont = FALSE;

  g_mutex_lock (&self->lock);
  drop = self->downstream_eos;
  if (!drop) {
    self->stats.buffers_out++;
    self->stats.bytes_out += gst_buffer_get_size (buffer);
    discont = self->discont;
    self->discont = FALSE;
  }
  g_mutex_unlock (&self->lock);
  if (drop) {
    gst_buffer_unref (buffer);
    return GST_FLOW_OK;
  }
  if (discont && !GST_BUFFER_IS_DISCONT (buffer)) {
    buffer = gst_buffer_make_writable (buffer);
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  }

  ret = gst_pad_push (self->srcpad, buffer);
  if (ret != GST_FLOW_EOS)
    return ret;
  /* Downstream wants no more of this segment; events still pass. */
  GST_DEBUG_OBJECT (self, "downstream is at its end");
  g_mutex_lock (&self->lock);
  self->downstream_eos = TRUE;
  self->refuse = g_queue_find_custom (
                     &self->items, NULL, (GCompareFunc) find_start) == NULL;
  g_cond_broadcast (&self->removed);
  g_mutex_unlock (&self->lock);
  return GST_FLOW_OK;
}

/* One warning for each fault could be thousands a second. */
#define FAULT_WARN_INTERVAL G_TIME_SPAN_SECOND

static void
warn_of_fault (GstVyreInterp *self, const GstVyreJob *job,
    const VyreWindowResult *result, guint64 faults)
{
  gint64 now = g_get_monotonic_time ();

  GST_INFO_OBJECT (self, "fault %" G_GUINT64_FORMAT ": %s", faults,
      GST_STR_NULL (result->message));
  if (self->fault_warned != 0 && now - self->fault_warned < FAULT_WARN_INTERVAL)
    return;
  self->fault_warned = now;
  GST_ELEMENT_WARNING (self, STREAM, FAILED,
      ("The program failed on a buffer, which %s: %s",
          self->fault_policy == GST_VYRE_ON_FAULT_DROP ? "is dropped"
                                                       : "passes unchanged",
          GST_STR_NULL (result->message)),
      ("fault %" G_GUINT64_FORMAT " of the stream: %s, address %u, after "
       "%" G_GUINT64_FORMAT " steps, on a buffer with time %" GST_TIME_FORMAT
       " and offset %" G_GUINT64_FORMAT,
          faults, vyre_fault_name (result->code), result->address,
          result->steps, GST_TIME_ARGS (GST_BUFFER_PTS (job->output)),
          GST_BUFFER_OFFSET (job->output)));
}

/* The stream goes on. Takes the job, which has been undone. */
static GstFlowReturn
survive_fault (GstVyreInterp *self, GstVyreJob *job)
{
  GstBuffer *buffer = NULL;

  /* Where nothing else leaves, what came is the output. */
  if (self->fault_policy == GST_VYRE_ON_FAULT_PASS)
    buffer = job->input ? g_steal_pointer (&job->input)
                        : g_steal_pointer (&job->output);
  gst_vyre_job_free (job);
  if (buffer)
    return push_buffer (self, spare_arena (self, buffer));

  g_mutex_lock (&self->lock);
  self->discont = TRUE;
  g_mutex_unlock (&self->lock);
  return GST_FLOW_OK;
}

static GstFlowReturn
finish_job (
    GstVyreInterp *self, GstVyreJob *job, const VyreWindowResult *result)
{
  GstBuffer *output;
  guint64 faults;

  switch (result->state) {
    case VYRE_WINDOW_DONE:
      learn_latency (self, job);
      output = spare_arena (self, g_steal_pointer (&job->output));
      gst_vyre_job_free (job);
      return push_buffer (self, output);
    case VYRE_WINDOW_FAULT:
      gst_vyre_job_undo (job, self->workload);
      g_mutex_lock (&self->lock);
      faults = ++self->stats.faults;
      g_mutex_unlock (&self->lock);
      if (self->fault_policy != GST_VYRE_ON_FAULT_ERROR) {
        warn_of_fault (self, job, result, faults);
        return survive_fault (self, job);
      }
      gst_vyre_interp_fail (self);
      GST_ELEMENT_ERROR (self, STREAM, FAILED,
          ("The program failed: %s", GST_STR_NULL (result->message)),
          ("%s, address %u, after %" G_GUINT64_FORMAT " steps, on a buffer "
           "with time %" GST_TIME_FORMAT " and offset %" G_GUINT64_FORMAT,
              vyre_fault_name (result->code), result->address, result->steps,
              GST_TIME_ARGS (GST_BUFFER_PTS (job->output)),
              GST_BUFFER_OFFSET (job->output)));
      break;
    case VYRE_WINDOW_LOST:
      gst_vyre_interp_fail (self);
      GST_ELEMENT_ERROR (self, RESOURCE, FAILED,
          ("The GPU runtime has failed: %s", GST_STR_NULL (result->message)),
          ("set the pipeline to NULL and start it again"));
      break;
    default:
      /* Our own cancelling comes with a flush and is not seen here. */
      gst_vyre_interp_fail (self);
      GST_ELEMENT_ERROR (self, STREAM, FAILED,
          ("The run of the program was cancelled."),
          ("%s", GST_STR_NULL (result->message)));
      break;
  }
  gst_vyre_job_free (job);
  return GST_FLOW_ERROR;
}

static GstFlowReturn
push_event (GstVyreInterp *self, GstEvent *event)
{
  gboolean eos = GST_EVENT_TYPE (event) == GST_EVENT_EOS;

  if (eos)
    gst_vyre_interp_post_kept (self);
  if (gst_vyre_interp_starts_anew (event)) {
    g_mutex_lock (&self->lock);
    self->downstream_eos = FALSE;
    g_mutex_unlock (&self->lock);
  }
  gst_pad_push_event (self->srcpad, event);
  return eos ? GST_FLOW_EOS : GST_FLOW_OK;
}

static void
ask_query (GstVyreInterp *self, GstQuery *query)
{
  gboolean result = gst_pad_peer_query (self->srcpad, query);

  g_mutex_lock (&self->lock);
  self->query_asked = NULL;
  self->query_answered = query;
  self->query_result = result;
  g_cond_broadcast (&self->answered);
  g_mutex_unlock (&self->lock);
}

/* Takes the item. result is of its window, if it has one. */
static GstFlowReturn
push_item (
    GstVyreInterp *self, GstVyreItem *item, const VyreWindowResult *result)
{
  GstFlowReturn ret = GST_FLOW_OK;

  switch (item->type) {
    case ITEM_JOB:
      ret = finish_job (self, item->job, result);
      break;
    case ITEM_BUFFER:
      ret = push_buffer (self, item->buffer);
      break;
    case ITEM_EVENT:
      ret = push_event (self, item->event);
      break;
    case ITEM_QUERY:
      ask_query (self, item->query);
      break;
  }
  g_free (item);
  return ret;
}

static VyreWindowState
wait_for_result (GstVyreInterp *self, VyreWindow *window, gboolean *awaited,
    VyreWindowResult *result)
{
  if (vyre_window_wait (window, 0, result) != VYRE_WINDOW_RUNNING)
    return result->state;
  *awaited = TRUE;
  return vyre_window_wait (window, g_get_monotonic_time () + WAIT_STEP, result);
}

static void
gst_vyre_interp_loop (GstPad *pad)
{
  GstVyreInterp *self = GST_VYRE_INTERP (GST_PAD_PARENT (pad));
  g_autoptr (VyreWindow) window = NULL;
  VyreWindowResult result = { 0 };
  g_autofree char *message = NULL;
  gboolean awaited = FALSE;
  GstVyreItem *item;
  GstFlowReturn ret;
  gboolean eos, post;

  g_mutex_lock (&self->lock);
  while (self->srcresult == GST_FLOW_OK && g_queue_is_empty (&self->items))
    g_cond_wait (&self->added, &self->lock);
  if (self->srcresult != GST_FLOW_OK)
    goto pause;

  item = g_queue_peek_head (&self->items);
  if (item->type == ITEM_JOB) {
    VyreWindowState state;

    window = vyre_window_ref (item->job->window);
    g_mutex_unlock (&self->lock);
    state = wait_for_result (self, window, &awaited, &result);
    g_mutex_lock (&self->lock);
    /* Only with an unwell stream may others have taken the item away. */
    if (self->srcresult != GST_FLOW_OK)
      goto pause;
    item->job->awaited |= awaited;
    if (state == VYRE_WINDOW_RUNNING) {
      g_mutex_unlock (&self->lock);
      return;
    }
  }

  item = g_queue_pop_head (&self->items);
  if (item->type == ITEM_JOB || item->type == ITEM_BUFFER)
    self->n_buffers--;
  else if (item->type == ITEM_QUERY)
    self->query_asked = item->query;
  g_cond_broadcast (&self->removed);
  g_mutex_unlock (&self->lock);

  /* It holds the blocks of the run, and the message. */
  result.message = message = g_strdup (result.message);
  g_clear_pointer (&window, vyre_window_unref);
  ret = push_item (self, item, &result);

  g_mutex_lock (&self->lock);
  /* After EOS, unless something has begun anew already. */
  if (ret == GST_FLOW_EOS && !(self->eos && g_queue_is_empty (&self->items)))
    ret = GST_FLOW_OK;
  if (self->srcresult == GST_FLOW_OK && ret != GST_FLOW_OK)
    gst_vyre_interp_set_result_locked (self, ret);
  if (self->srcresult != GST_FLOW_OK)
    goto pause;
  g_mutex_unlock (&self->lock);
  return;

pause:
  /* With the lock: whoever makes the stream well again also starts the task,
   * and must not do so before this. */
  gst_pad_pause_task (pad);
  ret = self->srcresult;
  eos = self->eos;
  post = !self->error_posted;
  if (ret < GST_FLOW_EOS)
    gst_vyre_interp_cancel_locked (self);
  g_mutex_unlock (&self->lock);
  GST_DEBUG_OBJECT (self, "pausing task: %s", gst_flow_get_name (ret));
  /* Upstream has sent its last buffer and will not see this result. */
  if (eos && (ret == GST_FLOW_NOT_LINKED || ret < GST_FLOW_EOS)) {
    if (post)
      GST_ELEMENT_FLOW_ERROR (self, ret);
    gst_pad_push_event (pad, gst_event_new_eos ());
  }
}

gboolean
gst_vyre_interp_start_task (GstVyreInterp *self)
{
  return gst_pad_start_task (
      self->srcpad, (GstTaskFunction) gst_vyre_interp_loop, self->srcpad, NULL);
}

static gboolean
gst_vyre_interp_src_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstVyreInterp *self = GST_VYRE_INTERP (parent);

  if (GST_EVENT_TYPE (event) == GST_EVENT_RECONFIGURE) {
    g_mutex_lock (&self->lock);
    if (self->srcresult == GST_FLOW_NOT_LINKED) {
      gst_vyre_interp_set_result_locked (self, GST_FLOW_OK);
      gst_vyre_interp_start_task (self);
    }
    g_mutex_unlock (&self->lock);
  }
  return gst_pad_event_default (pad, parent, event);
}

static gboolean
add_latency (GstVyreInterp *self, GstQuery *query)
{
  GstClockTime min, max, own;
  gboolean live;

  if (!gst_pad_peer_query (self->sinkpad, query))
    return FALSE;
  gst_query_parse_latency (query, &live, &min, &max);
  g_mutex_lock (&self->lock);
  self->live = live;
  own = self->latency;
  g_mutex_unlock (&self->lock);
  min += own;
  /* More could be in flight, but how long that is, the stream does not say. */
  if (GST_CLOCK_TIME_IS_VALID (max))
    max += own;
  GST_DEBUG_OBJECT (
      self, "latency %" GST_TIME_FORMAT " more", GST_TIME_ARGS (own));
  gst_query_set_latency (query, live, min, max);
  return TRUE;
}

static gboolean
gst_vyre_interp_src_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstVyreInterp *self = GST_VYRE_INTERP (parent);

  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_CONTEXT:
      return gst_vyre_interp_answer_context (self, query) ||
             gst_pad_query_default (pad, parent, query);
    case GST_QUERY_LATENCY:
      return add_latency (self, query);
    case GST_QUERY_SCHEDULING:
      gst_query_add_scheduling_mode (query, GST_PAD_MODE_PUSH);
      return TRUE;
    default:
      return gst_pad_query_default (pad, parent, query);
  }
}

static gboolean
gst_vyre_interp_src_activate_mode (
    GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstVyreInterp *self = GST_VYRE_INTERP (parent);
  gboolean ok;

  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  if (active) {
    gst_vyre_interp_begin (self);
    return gst_vyre_interp_start_task (self);
  }
  gst_vyre_interp_wake_all (self, GST_FLOW_FLUSHING);
  ok = gst_pad_stop_task (pad);
  gst_vyre_interp_clear_items (self, FALSE);
  return ok;
}

void
gst_vyre_interp_setup_src (GstVyreInterp *self)
{
  GST_DEBUG_CATEGORY_GET (cat_performance, "GST_PERFORMANCE");

  gst_pad_set_event_function (self->srcpad, gst_vyre_interp_src_event);
  gst_pad_set_query_function (self->srcpad, gst_vyre_interp_src_query);
  gst_pad_set_activatemode_function (
      self->srcpad, gst_vyre_interp_src_activate_mode);
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
}
