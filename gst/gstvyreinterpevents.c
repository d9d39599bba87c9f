/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What reaches the sink pad beside buffers: events and queries. */

#include "gstvyreinterp-private.h"

#include "gstvyrememory.h"

#define GST_CAT_DEFAULT gst_vyre_interp_debug

/* A flush of a program that keeps buffers waits so long for cancelled runs,
 * which takes about a millisecond, before it gives them new memory instead. */
#define FLUSH_TIMEOUT (1 * G_TIME_SPAN_SECOND)

/* --- events --------------------------------------------------------------- */

static GstFlowReturn
flush_start (GstVyreInterp *self, GstEvent *event)
{
  gboolean ok = gst_pad_push_event (self->srcpad, event);

  gst_vyre_interp_wake_all (self, GST_FLOW_FLUSHING);
  /* Ends at once: downstream flushes too. */
  gst_pad_pause_task (self->srcpad);
  return ok ? GST_FLOW_OK : GST_FLOW_ERROR;
}

void
gst_vyre_interp_reset_stream (GstVyreInterp *self, gboolean keep_sticky)
{
  gst_vyre_interp_clear_items (self, keep_sticky);
  gst_vyre_interp_clear_frames (self);
  g_clear_pointer (&self->last_window, vyre_window_unref);
}

static GstFlowReturn
flush_stop (GstVyreInterp *self, GstEvent *event)
{
  gboolean ok = gst_pad_push_event (self->srcpad, event);
  g_autoptr (GError) error = NULL;
  gboolean ended;

  if (self->workload == NULL)
    return ok ? GST_FLOW_OK : GST_FLOW_ERROR;
  gst_vyre_interp_reset_stream (self, TRUE);
  if (gst_vyre_workload_get_plan (self->workload)->n_kept > 0) {
    ended = gst_vyre_interp_reap (self, FLUSH_TIMEOUT);
    if (!gst_vyre_workload_reset_kept (self->workload, ended, &error))
      goto no_memory;
  }

  g_mutex_lock (&self->lock);
  self->error_posted = FALSE;
  gst_vyre_interp_begin_locked (self);
  if (gst_pad_is_active (self->srcpad))
    gst_vyre_interp_start_task (self);
  g_mutex_unlock (&self->lock);
  return ok ? GST_FLOW_OK : GST_FLOW_ERROR;

no_memory:
  gst_vyre_interp_fail (self);
  gst_vyre_interp_post_error (self, error);
  return GST_FLOW_ERROR;
}

/* What a serialized event meets that comes while the stream is not well.
 * With the lock; returns with it. */
static GstFlowReturn
judge_event_locked (
    GstVyreInterp *self, GstEvent *event, gboolean *post_flow_error)
{
  gboolean anew = gst_vyre_interp_starts_anew (event);

  if (anew && (self->srcresult == GST_FLOW_EOS || self->eos || self->refuse)) {
    /* What came before stays ended, this begins. */
    self->eos = FALSE;
    gst_vyre_interp_poke (&self->refuse, FALSE);
    if (self->srcresult == GST_FLOW_EOS) {
      gst_vyre_interp_set_result_locked (self, GST_FLOW_OK);
      gst_vyre_interp_start_task (self);
    }
    return GST_FLOW_OK;
  }
  if (self->eos)
    return GST_FLOW_EOS;
  if (self->srcresult == GST_FLOW_OK)
    return GST_FLOW_OK;
  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS) {
    *post_flow_error =
        !self->error_posted && (self->srcresult == GST_FLOW_NOT_LINKED ||
                                   self->srcresult < GST_FLOW_EOS);
    return self->srcresult;
  }
  /* Sticky ones are kept for when the stream goes on. */
  return GST_EVENT_IS_STICKY (event) ? GST_FLOW_OK : self->srcresult;
}

static GstFlowReturn
queue_event (GstVyreInterp *self, GstEvent *event)
{
  gboolean post_flow_error = FALSE;
  GstFlowReturn ret;

  g_mutex_lock (&self->lock);
  ret = judge_event_locked (self, event, &post_flow_error);
  if (ret != GST_FLOW_OK)
    goto refused;
  if (GST_EVENT_TYPE (event) == GST_EVENT_EOS)
    self->eos = TRUE;
  gst_vyre_interp_push_item_locked (self, ITEM_EVENT, event);
  g_mutex_unlock (&self->lock);
  gst_vyre_interp_tell_arrival (self);
  return GST_FLOW_OK;

refused:
  g_mutex_unlock (&self->lock);
  GST_LOG_OBJECT (
      self, "refused %" GST_PTR_FORMAT ": %s", event, gst_flow_get_name (ret));
  if (post_flow_error)
    GST_ELEMENT_FLOW_ERROR (self, ret);
  gst_event_unref (event);
  return ret;
}

GstFlowReturn
gst_vyre_interp_sink_event (GstPad *pad, GstObject *parent, GstEvent *event)
{
  GstVyreInterp *self = GST_VYRE_INTERP (parent);

  GST_LOG_OBJECT (self, "received %" GST_PTR_FORMAT, event);
  switch (GST_EVENT_TYPE (event)) {
    case GST_EVENT_FLUSH_START:
      return flush_start (self, event);
    case GST_EVENT_FLUSH_STOP:
      return flush_stop (self, event);
    case GST_EVENT_EOS:
    case GST_EVENT_SEGMENT:
    case GST_EVENT_STREAM_START:
    case GST_EVENT_CAPS:
      /* A refused frame is not this event's fault; the stream's result says
       * whether it may follow. */
      gst_vyre_interp_finish_frames (self);
      if (GST_EVENT_TYPE (event) == GST_EVENT_SEGMENT)
        gst_event_copy_segment (event, &self->segment);
      return queue_event (self, event);
    default:
      if (GST_EVENT_IS_SERIALIZED (event))
        return queue_event (self, event);
      return gst_pad_push_event (self->srcpad, event) ? GST_FLOW_OK
                                                      : GST_FLOW_ERROR;
  }
}

/* --- queries ------------------------------------------------------------- */

/* The GPU reads arena memory where it is. Metas are not proposed: a program
 * sees bytes, and padded lines would be bytes that it does not expect. */
static gboolean
answer_allocation (GstVyreInterp *self, GstQuery *query)
{
  g_autoptr (VyreRuntime) runtime = gst_vyre_interp_ref_runtime (self);
  GstAllocationParams params;
  GstAllocator *allocator;

  if (runtime == NULL)
    return FALSE;
  allocator = gst_vyre_allocator_new (vyre_runtime_get_host_arena (runtime));
  gst_allocation_params_init (&params);
  params.align = 63;
  gst_query_add_allocation_param (query, allocator, &params);
  gst_object_unref (allocator);
  return TRUE;
}

static gint
compare_query (gconstpointer data, gconstpointer query)
{
  const GstVyreItem *item = data;

  return !(item->type == ITEM_QUERY && item->query == query);
}

/* Takes its place among the buffers; the caller waits. */
static gboolean
queue_query (GstVyreInterp *self, GstQuery *query)
{
  gboolean result = FALSE;
  GList *link;

  g_mutex_lock (&self->lock);
  if (self->srcresult != GST_FLOW_OK)
    goto flushing;
  gst_vyre_interp_push_item_locked (self, ITEM_QUERY, query);
  gst_vyre_interp_tell_arrival (self);
  while (self->srcresult == GST_FLOW_OK && self->query_answered != query)
    g_cond_wait (&self->answered, &self->lock);
  /* The query is the caller's: he must not have it back while downstream still
   * looks at it. */
  while (self->query_asked == query)
    g_cond_wait (&self->answered, &self->lock);
  if (self->query_answered == query) {
    self->query_answered = NULL;
    result = self->query_result;
  } else if ((link = g_queue_find_custom (
                  &self->items, query, compare_query)) != NULL) {
    g_queue_unlink (&self->items, link);
    gst_vyre_interp_spare_item_locked (self, link->data);
  }
  g_mutex_unlock (&self->lock);
  return result;

flushing:
  g_mutex_unlock (&self->lock);
  return FALSE;
}

gboolean
gst_vyre_interp_sink_query (GstPad *pad, GstObject *parent, GstQuery *query)
{
  GstVyreInterp *self = GST_VYRE_INTERP (parent);

  switch (GST_QUERY_TYPE (query)) {
    case GST_QUERY_CONTEXT:
      return gst_vyre_interp_answer_context (self, query) ||
             gst_pad_query_default (pad, parent, query);
    case GST_QUERY_ALLOCATION:
      return answer_allocation (self, query);
    default:
      /* ACCEPT_CAPS and CAPS are not serialized. */
      if (GST_QUERY_IS_SERIALIZED (query))
        return queue_query (self, query);
      return gst_pad_query_default (pad, parent, query);
  }
}
