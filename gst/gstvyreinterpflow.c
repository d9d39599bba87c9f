/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreinterp-private.h"

#include "gstvyrecontext.h"

#include <string.h>

#define GST_CAT_DEFAULT gst_vyre_interp_debug

void
gst_vyre_interp_set_result_locked (GstVyreInterp *self, GstFlowReturn result)
{
  __atomic_store_n (&self->srcresult, result, __ATOMIC_RELEASE);
  g_cond_broadcast (&self->added);
  g_cond_broadcast (&self->removed);
  g_cond_broadcast (&self->answered);
}

GstFlowReturn
gst_vyre_interp_get_result (GstVyreInterp *self)
{
  return __atomic_load_n (&self->srcresult, __ATOMIC_ACQUIRE);
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

/* --- items ---------------------------------------------------------------- */

GstVyreItem *
gst_vyre_interp_push_item_locked (GstVyreInterp *self, gint type, gpointer what)
{
  GList *link = g_queue_pop_head_link (&self->spare_items);
  GstVyreItem *item = link != NULL ? link->data : g_new0 (GstVyreItem, 1);

  item->link.data = item;
  item->type = type;
  item->follows = self->follows;
  item->buffer = what; /* or any other of the union */
  g_queue_push_tail_link (&self->items, &item->link);
  self->n_pushed++;
  if (type != ITEM_JOB)
    gst_vyre_interp_poke (&self->helps, FALSE);
  if (!self->helps)
    gst_vyre_interp_wake_task_locked (self);
  return item;
}

/* Once: until it runs it needs no second one, which is a system call. */
static void
wake_waiter (gboolean *waits, GCond *cond)
{
  if (!*waits)
    return;
  *waits = FALSE;
  g_cond_signal (cond);
}

void
gst_vyre_interp_wake_task_locked (GstVyreInterp *self)
{
  wake_waiter (&self->waits_added, &self->added);
}

void
gst_vyre_interp_wake_sink_locked (GstVyreInterp *self)
{
  wake_waiter (&self->waits_removed, &self->removed);
}

void
gst_vyre_interp_tell_arrival (GstVyreInterp *self)
{
  __atomic_store_n (&self->arrivals, self->n_pushed, __ATOMIC_RELEASE);
}

void
gst_vyre_interp_spare_item_locked (GstVyreInterp *self, GstVyreItem *item)
{
  g_queue_push_head_link (&self->spare_items, &item->link);
}

/* With the lock. The next jobs to publish. */
static guint
collect_unpublished (GstVyreInterp *self, GstVyreJob **jobs)
{
  guint n = 0;

  if (self->unpublished == NULL)
    return 0;
  for (GList *l = &self->unpublished->link;
       l != NULL && n < GST_VYRE_PUBLISH_MAX; l = l->next) {
    GstVyreItem *item = l->data;

    if (item->type == ITEM_JOB)
      jobs[n++] = item->job;
  }
  return n;
}

/* With the lock. The first n of them are. */
static void
note_published (GstVyreInterp *self, guint n)
{
  GList *l = &self->unpublished->link;

  gst_vyre_interp_count (&self->n_unpublished, -n);
  gst_vyre_interp_count (&self->n_published, n);
  self->stats.windows += n;
  for (; l != NULL; l = l->next) {
    GstVyreItem *item = l->data;

    if (item->type == ITEM_JOB && n-- == 0)
      break;
  }
  self->unpublished = l != NULL ? l->data : NULL;
}

GstFlowReturn
gst_vyre_interp_publish (GstVyreInterp *self, gboolean *busy)
{
  GstVyreJob *jobs[GST_VYRE_PUBLISH_MAX];
  g_autoptr (GError) error = NULL;
  GstFlowReturn ret;
  guint n, published = 0;

  *busy = FALSE;
  g_mutex_lock (&self->publish_lock);
  do {
    g_mutex_lock (&self->lock);
    ret = self->srcresult;
    n = ret == GST_FLOW_OK ? collect_unpublished (self, jobs) : 0;
    g_mutex_unlock (&self->lock);
    if (n == 0)
      break;

    published = gst_vyre_jobs_publish (jobs, n, &error);
    g_mutex_lock (&self->lock);
    if (published > 0)
      note_published (self, published);
    ret = self->srcresult;
    /* Whoever cancelled meanwhile could not know of these. */
    if (ret != GST_FLOW_OK)
      gst_vyre_interp_cancel_locked (self);
    g_mutex_unlock (&self->lock);
  } while (published == n);
  g_mutex_unlock (&self->publish_lock);
  if (error != NULL)
    goto failed;
  *busy = n > 0 && published < n;
  return ret;

failed:
  gst_vyre_interp_fail (self);
  gst_vyre_interp_post_error (self, error);
  return GST_FLOW_ERROR;
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
  GList *link;

  /* Nobody publishes them meanwhile. */
  g_mutex_lock (&self->publish_lock);
  g_mutex_lock (&self->lock);
  items = self->items;
  g_queue_init (&self->items);
  self->clearings++;
  self->n_ended = 0;
  gst_vyre_interp_poke (&self->n_buffers, 0);
  gst_vyre_interp_poke (&self->n_published, 0);
  gst_vyre_interp_poke (&self->n_unpublished, 0);
  gst_vyre_interp_poke (&self->n_bytes, 0);
  self->unpublished = NULL;
  g_cond_broadcast (&self->removed);
  /* The windows must not go meanwhile; it is never for long. */
  while (self->looks)
    g_cond_wait (&self->removed, &self->lock);
  g_mutex_unlock (&self->lock);
  g_mutex_unlock (&self->publish_lock);

  while ((link = g_queue_pop_head_link (&items))) {
    GstVyreItem *item = link->data;

    switch (item->type) {
      case ITEM_JOB:
        if (item->job->submitted == 0) {
          gst_vyre_job_free (item->job);
          break;
        }
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
      case ITEM_TAKEOVER:
        gst_vyre_workload_unref (item->workload);
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
gst_vyre_interp_begin_locked (GstVyreInterp *self)
{
  self->eos = self->discont = FALSE;
  gst_vyre_interp_poke (&self->refuse, FALSE);
  gst_vyre_interp_poke (&self->helps, FALSE);
  g_atomic_int_set (&self->downstream_eos, FALSE);
  gst_vyre_interp_set_result_locked (self, GST_FLOW_OK);
}

void
gst_vyre_interp_begin (GstVyreInterp *self)
{
  g_mutex_lock (&self->lock);
  gst_vyre_interp_begin_locked (self);
  g_mutex_unlock (&self->lock);
}
