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

  ret = gst_pad_push (self->srcpad, buffer);
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
  VyreWindowResult result = { 0 };

  switch (item->type) {
    case ITEM_JOB:
      vyre_window_wait (item->job->window, 0, &result);
      return finish_job (self, item->job, &result);
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

/* Runs looked at together. */
#define LOOK_MOST 32

/* With the lock. The windows of the published jobs at the head, which stay while
 * the task is said to look. */
static guint
collect_windows (GstVyreInterp *self, VyreWindow **windows)
{
  guint n = 0;

  for (GList *l = self->items.head; l != NULL && n < LOOK_MOST; l = l->next) {
    GstVyreItem *item = l->data;

    if (item->type != ITEM_JOB || item == self->unpublished)
      break;
    windows[n++] = item->job->window;
  }
  return n;
}

static gboolean
has_arrival (GstVyreInterp *self)
{
  guint arrivals = __atomic_load_n (&self->arrivals, __ATOMIC_ACQUIRE);

  /* It comes after the item. */
  return (gint) (arrivals - self->n_seen) > 0;
}

/* Has the first run ended? Gives up for what arrives, which is to be published. */
static gboolean
poll_run (GstVyreInterp *self, VyreWindow *const *window)
{
  gint64 end = g_get_monotonic_time () + SPIN_US;

  do {
    for (guint i = 0; i < LOOKS_PER_TIME; i++) {
      if (vyre_windows_wait (window, 1, 0) == 1)
        return TRUE;
      if (has_arrival (self))
        return FALSE;
      gst_vyre_interp_relax ();
    }
  } while (g_get_monotonic_time () < end);
  return FALSE;
}

/* Says how the task waits, unless there is something to do for it. */
static gboolean
begin_wait (GstVyreInterp *self, gboolean polls)
{
  gboolean begun;

  g_mutex_lock (&self->lock);
  begun = self->n_pushed == self->n_seen;
  if (begun) {
    gst_vyre_interp_poke (&self->polls, polls);
    gst_vyre_interp_poke (&self->waits_gpu, !polls);
    gst_vyre_interp_wake_sink_locked (self);
  }
  g_mutex_unlock (&self->lock);
  return begun;
}

static gboolean
wait_for_run (GstVyreInterp *self, VyreWindow *const *window, gboolean polled)
{
  if (polled && begin_wait (self, TRUE) && poll_run (self, window))
    return TRUE;
  return begin_wait (self, FALSE) &&
         vyre_windows_wait (window, 1, g_get_monotonic_time () + WAIT_STEP) ==
             1;
}

/* With the lock, which it gives up meanwhile. Finds out how many of the runs at
 * the head have ended, waiting a little for the first. */
static void
look_at_runs (GstVyreInterp *self)
{
  VyreWindow *windows[LOOK_MOST];
  guint n = collect_windows (self, windows), ended, clearings = self->clearings;
  const GstVyreItem *first = g_queue_peek_head (&self->items);
  gboolean polled, awaited;

  if (n == 0)
    return;
  polled = gst_vyre_workload_is_polled (first->job->workload);
  self->looks = TRUE;
  g_mutex_unlock (&self->lock);
  ended = vyre_windows_wait (windows, n, 0);
  awaited = ended == 0;
  if (awaited && wait_for_run (self, windows, polled))
    ended = 1 + vyre_windows_wait (windows + 1, n - 1, 0);
  g_mutex_lock (&self->lock);
  gst_vyre_interp_poke (&self->polls, FALSE);
  gst_vyre_interp_poke (&self->waits_gpu, FALSE);
  self->looks = FALSE;
  if (self->clearings != clearings)
    goto cleared;
  if (self->srcresult != GST_FLOW_OK)
    return;
  self->n_ended = ended;
  if (awaited)
    first->job->awaited = TRUE;
  return;

cleared:
  /* Whoever did so waits for us. */
  g_cond_broadcast (&self->removed);
}

static gboolean
spin_for_item (GstVyreInterp *self)
{
  gint64 end = g_get_monotonic_time () + SPIN_US;

  do {
    for (guint i = 0; i < LOOKS_PER_TIME; i++) {
      if (has_arrival (self))
        return TRUE;
      gst_vyre_interp_relax ();
    }
  } while (g_get_monotonic_time () < end);
  return FALSE;
}

/* What is kept for the next buffer is given up when none comes for so long. */
#define IDLE_TIME (100 * G_TIME_SPAN_MILLISECOND)

static void
trim_workload (GstVyreInterp *self)
{
  GstVyreWorkload *workload = NULL;

  GST_OBJECT_LOCK (self);
  if (self->workload != NULL)
    workload = gst_vyre_workload_ref (self->workload);
  GST_OBJECT_UNLOCK (self);
  if (workload == NULL)
    return;
  gst_vyre_workload_trim (workload);
  gst_vyre_workload_unref (workload);
}

/* With the lock, which it gives up meanwhile. */
static void
sleep_until_arrival (GstVyreInterp *self, gint64 start)
{
  self->waits_added = TRUE;
  if (!g_cond_wait_until (&self->added, &self->lock, start + IDLE_TIME)) {
    g_mutex_unlock (&self->lock);
    trim_workload (self);
    g_mutex_lock (&self->lock);
    if (self->srcresult == GST_FLOW_OK && self->n_pushed == self->n_seen)
      g_cond_wait (&self->added, &self->lock);
  }
  self->waits_added = FALSE;
}

/* With the lock, which it gives up meanwhile. */
static void
wait_for_arrival (GstVyreInterp *self)
{
  gint64 start = g_get_monotonic_time ();
  gboolean sink_slept = self->waits_removed;

  gst_vyre_interp_wake_sink_locked (self);
  self->n_seen = self->n_pushed;
  /* One who has to wake up first takes longer, and may need this processor. */
  if (self->spins && !sink_slept) {
    gboolean arrived;

    g_mutex_unlock (&self->lock);
    arrived = spin_for_item (self);
    g_mutex_lock (&self->lock);
    if (arrived || self->srcresult != GST_FLOW_OK)
      return;
  }
  if (self->n_pushed == self->n_seen)
    sleep_until_arrival (self, start);
  /* Some of the time is that of waking up, in which more may have come. */
  self->spins =
      self->may_spin &&
      (self->items.length > 1 || g_get_monotonic_time () - start < 2 * SPIN_US);
}

/* With the lock, which it gives up meanwhile. TRUE: the first item may leave.
 * FALSE: look again, unless the stream is not well any more. */
static gboolean
wait_for_item (GstVyreInterp *self)
{
  GstVyreItem *item = g_queue_peek_head (&self->items);
  gboolean busy = FALSE;

  if (item == NULL) {
    wait_for_arrival (self);
    return FALSE;
  }
  if (item->type != ITEM_JOB || self->n_ended > 0)
    return TRUE;
  self->n_seen = self->n_pushed;
  if (self->n_unpublished > 0) {
    g_mutex_unlock (&self->lock);
    gst_vyre_interp_publish (self, &busy);
    g_mutex_lock (&self->lock);
    item = g_queue_peek_head (&self->items);
    if (self->srcresult != GST_FLOW_OK || item == NULL ||
        item->type != ITEM_JOB)
      return FALSE;
  }
  if (self->n_published > 0) {
    look_at_runs (self);
  } else if (busy) {
    GstVyreWorkload *workload = gst_vyre_workload_ref (item->job->workload);

    g_mutex_unlock (&self->lock);
    gst_vyre_workload_wait_room (workload, g_get_monotonic_time () + WAIT_STEP);
    gst_vyre_workload_unref (workload);
    g_mutex_lock (&self->lock);
  }
  return FALSE;
}

/* Results that leave without a look at the queue in between, and the part of
 * async-depth that they may be: they are not in flight any more. */
#define LEAVE_MOST 8
#define LEAVE_PART 4

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

static GstFlowReturn
push_popped (GstVyreInterp *self, Popped *popped)
{
  GstFlowReturn ret;

  do {
    const GstVyreItem *item = popped->items[popped->n_left++];

    gst_vyre_interp_poke (&self->n_leaving, popped->n - popped->n_left);
    ret = push_item (self, item);
  } while (ret == GST_FLOW_OK && popped->n_left < popped->n &&
           gst_vyre_interp_get_result (self) == GST_FLOW_OK);
  return ret;
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

static void
gst_vyre_interp_loop (GstPad *pad)
{
  GstVyreInterp *self = (GstVyreInterp *) GST_PAD_PARENT (pad);
  Popped popped;
  GstFlowReturn ret;
  gboolean eos, post;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < LOOK_MOST; i++) {
    while (self->srcresult == GST_FLOW_OK && !wait_for_item (self))
      continue;
    if (self->srcresult != GST_FLOW_OK)
      goto pause;
    pop_items (self, &popped);
    g_mutex_unlock (&self->lock);

    ret = push_popped (self, &popped);

    g_mutex_lock (&self->lock);
    put_back (self, &popped);
    /* After EOS, unless something has begun anew already. */
    if (ret == GST_FLOW_EOS && !(self->eos && g_queue_is_empty (&self->items)))
      ret = GST_FLOW_OK;
    if (self->srcresult == GST_FLOW_OK && ret != GST_FLOW_OK)
      gst_vyre_interp_set_result_locked (self, ret);
    if (self->srcresult != GST_FLOW_OK)
      goto pause;
  }
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
