/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreinterp-private.h"

#include "gstvyrecontext.h"

#define GST_CAT_DEFAULT gst_vyre_interp_debug

void
gst_vyre_interp_set_result_locked (GstVyreInterp *self, GstFlowReturn result)
{
  self->srcresult = result;
  g_cond_broadcast (&self->added);
  g_cond_broadcast (&self->removed);
  g_cond_broadcast (&self->answered);
}

GstFlowReturn
gst_vyre_interp_get_result (GstVyreInterp *self)
{
  GstFlowReturn result;

  g_mutex_lock (&self->lock);
  result = self->srcresult;
  g_mutex_unlock (&self->lock);
  return result;
}

static void
cancel_item (gpointer data, gpointer user_data)
{
  GstVyreItem *item = data;

  if (item->type == ITEM_JOB)
    vyre_window_cancel (item->job->window);
}

void
gst_vyre_interp_cancel_locked (GstVyreInterp *self)
{
  g_queue_foreach (&self->items, cancel_item, NULL);
}

void
gst_vyre_interp_wake_all (GstVyreInterp *self, GstFlowReturn result)
{
  g_autoptr (VyreRuntime) runtime = gst_vyre_interp_ref_runtime (self);

  g_mutex_lock (&self->lock);
  gst_vyre_interp_set_result_locked (self, result);
  gst_vyre_interp_cancel_locked (self);
  g_mutex_unlock (&self->lock);
  if (runtime)
    vyre_arena_wake (vyre_runtime_get_host_arena (runtime));
}

/* error_posted keeps the flow return that follows from being posted as a second
 * error. */
void
gst_vyre_interp_fail (GstVyreInterp *self)
{
  g_mutex_lock (&self->lock);
  self->error_posted = TRUE;
  g_mutex_unlock (&self->lock);
  gst_vyre_interp_wake_all (self, GST_FLOW_ERROR);
}

/* --- cancelled jobs ------------------------------------------------------ */

void
gst_vyre_interp_clear_items (GstVyreInterp *self, gboolean keep_sticky)
{
  GQueue items;
  GstVyreItem *item;

  g_mutex_lock (&self->lock);
  items = self->items;
  g_queue_init (&self->items);
  self->n_buffers = 0;
  g_cond_broadcast (&self->removed);
  g_mutex_unlock (&self->lock);

  while ((item = g_queue_pop_head (&items))) {
    switch (item->type) {
      case ITEM_JOB:
        vyre_window_cancel (item->job->window);
        g_mutex_lock (&self->lock);
        g_queue_push_tail (&self->cancelled, item->job);
        self->stats.cancelled++;
        g_mutex_unlock (&self->lock);
        break;
      case ITEM_BUFFER:
        gst_buffer_unref (item->buffer);
        break;
      case ITEM_EVENT:
        if (keep_sticky && GST_EVENT_IS_STICKY (item->event) &&
            GST_EVENT_TYPE (item->event) != GST_EVENT_SEGMENT &&
            GST_EVENT_TYPE (item->event) != GST_EVENT_EOS)
          gst_pad_store_sticky_event (self->srcpad, item->event);
        gst_event_unref (item->event);
        break;
      case ITEM_QUERY:
        break;
    }
    g_free (item);
  }
}

gboolean
gst_vyre_interp_reap (GstVyreInterp *self, gint64 timeout_us)
{
  gint64 end = g_get_monotonic_time () + timeout_us;

  for (;;) {
    GstVyreJob *job;

    g_mutex_lock (&self->lock);
    job = g_queue_pop_head (&self->cancelled);
    g_mutex_unlock (&self->lock);
    if (job == NULL)
      return TRUE;
    if (vyre_window_wait (job->window, timeout_us > 0 ? end : 0, NULL) ==
        VYRE_WINDOW_RUNNING) {
      g_mutex_lock (&self->lock);
      g_queue_push_head (&self->cancelled, job);
      g_mutex_unlock (&self->lock);
      return FALSE;
    }
    gst_vyre_job_free (job);
  }
}

gboolean
gst_vyre_interp_answer_context (GstVyreInterp *self, GstQuery *query)
{
  g_autoptr (VyreRuntime) runtime = gst_vyre_interp_ref_runtime (self);

  return gst_vyre_context_handle_query (GST_ELEMENT (self), query, runtime);
}

void
gst_vyre_interp_begin (GstVyreInterp *self)
{
  g_mutex_lock (&self->lock);
  self->eos = self->downstream_eos = self->refuse = self->discont = FALSE;
  gst_vyre_interp_set_result_locked (self, GST_FLOW_OK);
  g_mutex_unlock (&self->lock);
}
