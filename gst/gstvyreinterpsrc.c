/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreinterp-private.h"

#define GST_CAT_DEFAULT gst_vyre_interp_debug

/* --- source pad: the task ------------------------------------------------ */

static gboolean
has_arrival (GstVyreInterp *self)
{
  guint arrivals = __atomic_load_n (&self->arrivals, __ATOMIC_ACQUIRE);

  /* It comes after the item. */
  return (gint) (arrivals - self->n_seen) > 0;
}

/* Has the first run ended? Gives up for what arrives, which is to be published,
 * and for one who does this instead. */
static gboolean
poll_run (GstVyreInterp *self, VyreWindow *const *window)
{
  gboolean ended = FALSE;

  gst_vyre_interp_spin (
      SPIN_US, (ended = vyre_windows_wait (window, 1, 0) == 1) ||
                   has_arrival (self) || gst_vyre_interp_peek (&self->helps));
  return ended;
}

/* Says how the task waits, unless there is something to do for it. */
static gboolean
begin_wait (GstVyreInterp *self, gboolean polls)
{
  gboolean begun;

  g_mutex_lock (&self->lock);
  begun = self->n_pushed == self->n_seen && !self->helps;
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
  VyreWindow *windows[GST_VYRE_LOOK_MOST];
  guint n = gst_vyre_interp_begin_look (self, windows);
  guint ended, clearings = self->clearings;
  const GstVyreItem *first = g_queue_peek_head (&self->items);
  gboolean polled, awaited;

  if (n == 0)
    return;
  polled = gst_vyre_workload_is_polled (first->job->workload);
  g_mutex_unlock (&self->lock);
  ended = vyre_windows_wait (windows, n, 0);
  awaited = ended == 0;
  if (awaited && wait_for_run (self, windows, polled))
    ended = 1 + vyre_windows_wait (windows + 1, n - 1, 0);
  g_mutex_lock (&self->lock);
  gst_vyre_interp_poke (&self->polls, FALSE);
  gst_vyre_interp_poke (&self->waits_gpu, FALSE);
  if (gst_vyre_interp_end_look (self, clearings, ended) && awaited)
    first->job->awaited = TRUE;
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
    if (self->srcresult == GST_FLOW_OK && self->n_pushed == self->n_seen &&
        !self->helps) {
      self->waits_added = TRUE;
      g_cond_wait (&self->added, &self->lock);
    }
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
    arrived = gst_vyre_interp_spin (SPIN_US, has_arrival (self));
    g_mutex_lock (&self->lock);
    if (arrived || self->srcresult != GST_FLOW_OK)
      return;
  }
  if (self->n_pushed == self->n_seen && !self->helps)
    sleep_until_arrival (self, start);
  /* Some of the time is that of waking up, in which more may have come. */
  self->spins =
      self->may_spin &&
      (self->items.length > 1 || g_get_monotonic_time () - start < 2 * SPIN_US);
}

/* So long results may wait for upstream's thread before the task sees to them
 * again, once or twice. */
#define DOZE_TIME (500)

/* With the lock, which it gives up meanwhile. */
static void
doze (GstVyreInterp *self)
{
  guint n_helped = self->n_helped;

  gst_vyre_interp_poke (&self->dozes, TRUE);
  gst_vyre_interp_wake_sink_locked (self);
  self->waits_added = TRUE;
  g_cond_wait_until (
      &self->added, &self->lock, g_get_monotonic_time () + DOZE_TIME);
  /* Nobody woke this. */
  if (self->waits_added && self->n_helped == n_helped) {
    if (!self->leaves) {
      gst_vyre_interp_poke (&self->helps, FALSE);
    } else if (self->srcresult == GST_FLOW_OK) {
      /* It may be downstream for any time, in PAUSED for instance. */
      self->waits_leaves = TRUE;
      g_cond_wait (&self->added, &self->lock);
      self->waits_leaves = FALSE;
    }
  }
  self->waits_added = FALSE;
  gst_vyre_interp_poke (&self->dozes, FALSE);
}

/* With the lock, which it gives up meanwhile. TRUE: the first item may leave.
 * FALSE: look again, unless the stream is not well any more. */
static gboolean
wait_for_item (GstVyreInterp *self)
{
  GstVyreItem *item = g_queue_peek_head (&self->items);
  gboolean busy = FALSE;

  if (self->helps || self->leaves) {
    doze (self);
    return FALSE;
  }
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
    if (self->srcresult != GST_FLOW_OK || self->helps || self->leaves ||
        item == NULL || item->type != ITEM_JOB)
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

static void
gst_vyre_interp_loop (GstPad *pad)
{
  GstVyreInterp *self = (GstVyreInterp *) GST_PAD_PARENT (pad);
  GstFlowReturn ret;
  gboolean eos, post;

  g_mutex_lock (&self->lock);
  for (guint i = 0; i < GST_VYRE_LOOK_MOST; i++) {
    while (self->srcresult == GST_FLOW_OK && !wait_for_item (self))
      continue;
    if (self->srcresult == GST_FLOW_OK)
      gst_vyre_interp_leave (self);
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
  gst_pad_set_event_function (self->srcpad, gst_vyre_interp_src_event);
  gst_pad_set_query_function (self->srcpad, gst_vyre_interp_src_query);
  gst_pad_set_activatemode_function (
      self->srcpad, gst_vyre_interp_src_activate_mode);
  GST_PAD_SET_PROXY_CAPS (self->srcpad);
}
