/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What becomes of items at the head of the queue: results leave. One thread at
 * a time sees to it, the task or, while it sleeps, upstream's. */

#include "gstvyreinterp-private.h"

#include "gstvyrememory.h"

#define GST_CAT_DEFAULT gst_vyre_interp_debug

/* Results that leave without a look at the queue in between, and the part of
 * async-depth that they may be: they are not in flight any more. */
#define LEAVE_MOST 8
#define LEAVE_PART 4

/* --- results -------------------------------------------------------------- */

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
spare_arena (GstVyreInterp *self, const GstVyreJob *job, GstBuffer *buffer)
{
  VyreArena *arena = gst_vyre_workload_get_arena (job->workload);
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
    GST_CAT_WARNING_OBJECT (gst_vyre_interp_performance, self,
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

/* What downstream has said to a push. */
static GstFlowReturn
note_pushed (GstVyreInterp *self, GstFlowReturn ret)
{
  if (ret != GST_FLOW_EOS)
    return ret;
  /* Downstream wants no more of this segment; events still pass. */
  GST_DEBUG_OBJECT (self, "downstream is at its end");
  g_mutex_lock (&self->lock);
  g_atomic_int_set (&self->downstream_eos, TRUE);
  gst_vyre_interp_poke (&self->refuse, g_queue_find_custom (&self->items, NULL,
                                           (GCompareFunc) find_start) == NULL);
  g_cond_broadcast (&self->removed);
  g_mutex_unlock (&self->lock);
  return GST_FLOW_OK;
}

static GstFlowReturn
push_gathered (GstVyreInterp *self)
{
  GstBufferList *list = g_steal_pointer (&self->gathered);

  if (list == NULL)
    return GST_FLOW_OK;
  return note_pushed (self, gst_pad_push_list (self->srcpad, list));
}

/* Takes the buffer, which leaves now or with what has been gathered. */
static GstFlowReturn
push_buffer (GstVyreInterp *self, GstBuffer *buffer)
{
  if (g_atomic_int_get (&self->downstream_eos)) {
    gst_buffer_unref (buffer);
    return GST_FLOW_OK;
  }
  gst_vyre_interp_count (&self->buffers_out, 1);
  gst_vyre_interp_count (&self->bytes_out, gst_buffer_get_size (buffer));
  /* Others clear it, under the lock, while there is no task. */
  if (self->discont) {
    self->discont = FALSE;
    buffer = gst_buffer_make_writable (buffer);
    GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT);
  }
  if (!self->gathers)
    return note_pushed (self, gst_pad_push (self->srcpad, buffer));

  if (self->gathered == NULL)
    self->gathered = gst_buffer_list_new_sized (LEAVE_MOST);
  gst_buffer_list_add (self->gathered, buffer);
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
  if (buffer)
    buffer = spare_arena (self, job, buffer);
  gst_vyre_job_free (job);
  if (buffer)
    return push_buffer (self, buffer);

  self->discont = TRUE;
  return GST_FLOW_OK;
}

/* What the run has printed, before what it made. */
static void
post_printed (GstVyreInterp *self, const GstVyreJob *job)
{
  GstBuffer *buffer = job->output ? job->output : job->input;
  GstStructure *printed;
  const void *log;
  gsize bytes;

  log = gst_vyre_job_get_log (job, &bytes);
  if (log == NULL || buffer == NULL)
    return;
  printed = gst_vyre_printer_read_log (&self->printer,
      gst_vyre_workload_get_formats (job->workload),
      gst_vyre_workload_get_tenant_id (job->workload), log, bytes, buffer);
  if (printed != NULL)
    gst_element_post_message (GST_ELEMENT (self),
        gst_message_new_element (GST_OBJECT (self), printed));
}

static GstFlowReturn
finish_job (
    GstVyreInterp *self, GstVyreJob *job, const VyreWindowResult *result)
{
  GstBuffer *output;
  guint64 faults;

  if (result->state == VYRE_WINDOW_DONE || result->state == VYRE_WINDOW_FAULT)
    post_printed (self, job);
  switch (result->state) {
    case VYRE_WINDOW_DONE:
      learn_latency (self, job);
      output = spare_arena (self, job, g_steal_pointer (&job->output));
      gst_vyre_job_free (job);
      return push_buffer (self, output);
    case VYRE_WINDOW_FAULT:
      gst_vyre_job_undo (job);
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

/* Takes the job. */
static GstFlowReturn
push_job (GstVyreInterp *self, GstVyreJob *job)
{
  VyreWindowResult result = { 0 };
  GstFlowReturn ret, gathered = GST_FLOW_OK;

  vyre_window_wait (job->window, 0, &result);
  /* What came before it is downstream when anybody hears of a fault. */
  if (result.state != VYRE_WINDOW_DONE)
    gathered = push_gathered (self);
  ret = finish_job (self, job, &result);
  return ret != GST_FLOW_OK ? ret : gathered;
}

static GstFlowReturn
push_event (GstVyreInterp *self, GstEvent *event)
{
  gboolean eos = GST_EVENT_TYPE (event) == GST_EVENT_EOS;

  if (eos)
    gst_vyre_interp_post_kept (self);
  if (gst_vyre_interp_starts_anew (event)) {
    g_atomic_int_set (&self->downstream_eos, FALSE);
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

/* Takes what is in the item. */
static GstFlowReturn
push_item (GstVyreInterp *self, const GstVyreItem *item)
{
  switch (item->type) {
    case ITEM_JOB:
      return push_job (self, item->job);
    case ITEM_BUFFER:
      return push_buffer (self, item->buffer);
    case ITEM_EVENT:
      return push_event (self, item->event);
    case ITEM_QUERY:
      ask_query (self, item->query);
      return GST_FLOW_OK;
    case ITEM_TAKEOVER:
      gst_vyre_interp_post_kept_of (self, item->workload);
      gst_vyre_workload_unref (item->workload);
      return GST_FLOW_OK;
  }
  g_return_val_if_reached (GST_FLOW_ERROR);
}

/* --- looking -------------------------------------------------------------- */

guint
gst_vyre_interp_begin_look (GstVyreInterp *self, VyreWindow **windows)
{
  guint n = 0;

  for (GList *l = self->items.head; l != NULL && n < GST_VYRE_LOOK_MOST;
       l = l->next) {
    GstVyreItem *item = l->data;

    if (item->type != ITEM_JOB || item == self->unpublished)
      break;
    windows[n++] = item->job->window;
  }
  self->looks = n > 0;
  return n;
}

gboolean
gst_vyre_interp_end_look (GstVyreInterp *self, guint clearings, guint ended)
{
  self->looks = FALSE;
  if (self->clearings != clearings)
    goto cleared;
  if (self->srcresult != GST_FLOW_OK)
    return FALSE;
  self->n_ended = ended;
  return TRUE;

cleared:
  /* Whoever did so waits for us. */
  g_cond_broadcast (&self->removed);
  return FALSE;
}

/* --- leaving -------------------------------------------------------------- */

/* What has been taken from the queue. */
typedef struct
{
  GstVyreItem *items[LEAVE_MOST]; /* several: jobs that have ended */
  guint n, n_left; /* of them, those that have left */
  guint clearings; /* as they were */
} Popped;

/* With the lock. sign: 1 or -1. */
static void
count_item (GstVyreInterp *self, const GstVyreItem *item, gint sign)
{
  if (item->type == ITEM_JOB) {
    self->n_ended += sign;
    gst_vyre_interp_count (&self->n_published, sign);
    gst_vyre_interp_count (&self->n_bytes, sign * item->job->bytes);
  }
  if (item->type == ITEM_JOB || item->type == ITEM_BUFFER)
    gst_vyre_interp_count (&self->n_buffers, sign);
}

/* With the lock. Takes the first item, which may leave, and what may follow. */
static void
pop_items (GstVyreInterp *self, Popped *popped)
{
  guint depth = g_atomic_int_get (&self->async_depth);
  const GstVyreItem *first = g_queue_peek_head (&self->items);

  *popped = (Popped){ .n = 1, .clearings = self->clearings };
  if (first->type == ITEM_JOB)
    popped->n = CLAMP (depth / LEAVE_PART, 1, MIN (self->n_ended, LEAVE_MOST));
  else if (first->type == ITEM_QUERY)
    self->query_asked = first->query;
  for (guint i = 0; i < popped->n; i++) {
    popped->items[i] = g_queue_pop_head_link (&self->items)->data;
    count_item (self, popped->items[i], -1);
  }
  /* Not for each: one who waits makes room for many buffers at a time. */
  if (self->n_buffers <= depth / 2)
    gst_vyre_interp_wake_sink_locked (self);
}

/* Does the next one follow another of them, or another it? */
static gboolean
is_of_several (const Popped *popped)
{
  guint i = popped->n_left;

  return (i > 0 && popped->items[i]->follows) ||
         (i + 1 < popped->n && popped->items[i + 1]->follows);
}

static GstFlowReturn
push_popped (GstVyreInterp *self, Popped *popped)
{
  GstFlowReturn ret = GST_FLOW_OK, gathered;

  do {
    const GstVyreItem *item = popped->items[popped->n_left];

    if (!item->follows)
      ret = push_gathered (self);
    if (ret != GST_FLOW_OK)
      break;
    self->gathers = is_of_several (popped);
    popped->n_left++;
    gst_vyre_interp_poke (&self->n_leaving, popped->n - popped->n_left);
    ret = push_item (self, item);
  } while (ret == GST_FLOW_OK && popped->n_left < popped->n &&
           gst_vyre_interp_get_result (self) == GST_FLOW_OK);
  gathered = push_gathered (self);
  return ret != GST_FLOW_OK ? ret : gathered;
}

/* With the lock. What has not left is first again, unless the queue was cleared
 * meanwhile. */
static void
put_back (GstVyreInterp *self, Popped *popped)
{
  gst_vyre_interp_poke (&self->n_leaving, 0);
  while (popped->n > popped->n_left) {
    GstVyreItem *item = popped->items[--popped->n];

    if (self->clearings == popped->clearings) {
      g_queue_push_head_link (&self->items, &item->link);
      count_item (self, item, 1);
      continue;
    }
    g_queue_push_tail (&self->cancelled, item->job);
    self->stats.cancelled++;
    gst_vyre_interp_spare_item_locked (self, item);
  }
  for (guint i = 0; i < popped->n_left; i++)
    gst_vyre_interp_spare_item_locked (self, popped->items[i]);
}

/* With the lock. What a result's way downstream costs, in steps that make it
 * settle soon. */
static void
learn_cost (GstVyreInterp *self, gint64 took_us, guint n)
{
  guint64 ns = MIN (took_us, G_TIME_SPAN_MILLISECOND) * 1000 / n;

  self->leave_ns = (7 * (guint64) self->leave_ns + ns) / 8;
}

void
gst_vyre_interp_leave (GstVyreInterp *self)
{
  Popped popped;
  GstFlowReturn ret;
  gint64 start, took;

  pop_items (self, &popped);
  self->leaves = TRUE;
  g_mutex_unlock (&self->lock);

  start = g_get_monotonic_time ();
  ret = push_popped (self, &popped);
  took = g_get_monotonic_time () - start;

  g_mutex_lock (&self->lock);
  self->leaves = FALSE;
  if (popped.items[0]->type == ITEM_JOB)
    learn_cost (self, took, popped.n_left);
  put_back (self, &popped);
  /* After EOS, unless something has begun anew already. */
  if (ret == GST_FLOW_EOS && !(self->eos && g_queue_is_empty (&self->items)))
    ret = GST_FLOW_OK;
  if (self->srcresult == GST_FLOW_OK && ret != GST_FLOW_OK)
    gst_vyre_interp_set_result_locked (self, ret);
}

/* --- upstream's thread ------------------------------------------------------ */

/* Two threads that hand each other small buffers cost more than one that does
 * it all, if a result's way downstream costs that one no more than this. */
#define CHEAP_NS 5000
/* So much it may cost as long as there are two, which are in each other's way. */
#define TRY_NS 10000
/* What a job may hold of the arena. Runs of larger ones take longer, and who waits
 * for them reads nothing meanwhile. */
#define SMALL_BYTES (256 * 1024)
/* Buffers until the next try, after runs or room did not come in time, and after
 * it has turned out not to be cheap. */
#define RETRY_AFTER 256
#define RETRY_DEAR 4096

void
gst_vyre_interp_offer_help (GstVyreInterp *self)
{
  /* A live stream's results do not wait for more to come. */
  if (self->helps || self->live || self->leave_ns > TRY_NS ||
      self->n_bytes > (gsize) self->n_buffers * SMALL_BYTES ||
      gst_vyre_interp_peek (&self->waits_gpu) ||
      (gint) (self->n_pushed - self->helps_from) < 0)
    return;
  gst_vyre_interp_poke (&self->helps, TRUE);
  self->leave_ns = 0;
  /* Items that come will not: it has to look now and then from now on. */
  gst_vyre_interp_wake_task_locked (self);
}

void
gst_vyre_interp_stop_help (GstVyreInterp *self)
{
  if (!self->helps)
    return;
  gst_vyre_interp_poke (&self->helps, FALSE);
  self->helps_from =
      self->n_pushed + (self->leave_ns > CHEAP_NS ? RETRY_DEAR : RETRY_AFTER);
  gst_vyre_interp_wake_task_locked (self);
}

/* Several runs of small buffers take no longer. Where those of larger ones do, the
 * task lets each leave as soon as it has ended. */
#define PATIENCE_US 100

/* With the lock, which it gives up meanwhile. How many of the runs have ended?
 * wait: looks for a while until enough have. */
static void
look_upstream (GstVyreInterp *self, guint enough, gboolean wait)
{
  VyreWindow *windows[GST_VYRE_LOOK_MOST];
  guint n = gst_vyre_interp_begin_look (self, windows);
  guint clearings = self->clearings, ended;

  if (n == 0)
    return;
  /* The task stays away. */
  self->leaves = TRUE;
  g_mutex_unlock (&self->lock);
  if (wait)
    gst_vyre_interp_spin (PATIENCE_US,
        vyre_windows_wait (&windows[MIN (n, enough) - 1], 1, 0) == 1);
  ended = vyre_windows_wait (windows, n, 0);
  g_mutex_lock (&self->lock);
  self->leaves = FALSE;
  gst_vyre_interp_end_look (self, clearings, ended);
}

/* With the lock, which it gives up meanwhile. */
static gboolean
leave_upstream (GstVyreInterp *self, gboolean wait)
{
  guint depth = g_atomic_int_get (&self->async_depth);
  guint batch = CLAMP (depth / LEAVE_PART, 1, LEAVE_MOST);

  if (self->n_ended < batch)
    look_upstream (self, batch, wait);
  if (self->srcresult != GST_FLOW_OK)
    return TRUE;
  if (self->n_ended < batch)
    return FALSE;
  self->n_helped++;
  do
    gst_vyre_interp_leave (self);
  while (self->srcresult == GST_FLOW_OK && self->n_ended > 0 &&
         self->n_buffers > depth / 2);
  return TRUE;
}

gboolean
gst_vyre_interp_help (GstVyreInterp *self, gboolean wait)
{
  gboolean helped;

  if (!self->helps || self->leaves || self->looks)
    return FALSE;
  if (self->leave_ns > CHEAP_NS) {
    gst_vyre_interp_stop_help (self);
    return FALSE;
  }
  helped = leave_upstream (self, wait);
  if (self->waits_leaves) {
    self->waits_leaves = FALSE;
    gst_vyre_interp_wake_task_locked (self);
  }
  return helped;
}
