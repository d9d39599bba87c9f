/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreinterp-private.h"

#include "gstvyrememory.h"

#define GST_CAT_DEFAULT gst_vyre_interp_debug

/* --- sink pad: publishing ------------------------------------------------ */

/* Jobs that may be in flight whatever they hold of the arena, and the part of
 * the arena that more may hold. */
#define DEPTH_OF_ANY_SIZE 4
#define DEPTH_PART 8
/* With so many published, the next ones wait until there are some, to be
 * published together. */
#define HOLD_ABOVE 4
#define HOLD_MOST 8

/* Nothing that was put off may wait for longer than we do. Waits a little where
 * the ring is full. */
static GstFlowReturn
publish_held (GstVyreInterp *self)
{
  gboolean busy;
  GstFlowReturn ret = gst_vyre_interp_publish (self, &busy);

  if (busy)
    gst_vyre_workload_wait_room (
        self->workload, g_get_monotonic_time () + WAIT_STEP);
  return ret;
}

/* Where runs must follow each other: waits for the end of the last one. FALSE:
 * it failed, and the stream ends with it. */
static gboolean
wait_for_last (GstVyreInterp *self)
{
  while (
      self->last_window && gst_vyre_interp_get_result (self) == GST_FLOW_OK) {
    VyreWindowState state = vyre_window_wait (
        self->last_window, g_get_monotonic_time () + WAIT_STEP, NULL);

    if (state == VYRE_WINDOW_RUNNING)
      continue;
    g_clear_pointer (&self->last_window, vyre_window_unref);
    if (state == VYRE_WINDOW_DONE)
      continue;
    if (state != VYRE_WINDOW_FAULT ||
        self->fault_policy == GST_VYRE_ON_FAULT_ERROR)
      return FALSE;
    gst_vyre_workload_undo_last (self->workload);
  }
  return TRUE;
}

/* Nobody but this thread takes room: what it has seen without the lock stays. */
static gboolean
has_room (GstVyreInterp *self)
{
  VyreArena *arena = gst_vyre_workload_get_arena (self->workload);
  guint n_buffers = gst_vyre_interp_peek (&self->n_buffers);

  if (n_buffers >= (guint) g_atomic_int_get (&self->async_depth))
    return FALSE;
  return n_buffers < DEPTH_OF_ANY_SIZE ||
         gst_vyre_interp_peek (&self->n_bytes) <
             vyre_arena_get_size (arena) / DEPTH_PART;
}

static GstFlowReturn
may_take (GstVyreInterp *self)
{
  GstFlowReturn ret = gst_vyre_interp_get_result (self);

  return ret == GST_FLOW_OK && gst_vyre_interp_peek (&self->refuse)
             ? GST_FLOW_EOS
             : ret;
}

/* Looks for a while whether half of what may be in flight has left, or can be
 * helped to leave. The task is spared a system call, and takes about so long for
 * small buffers. */
static void
spin_for_room (GstVyreInterp *self)
{
  guint half = g_atomic_int_get (&self->async_depth) / 2;

  gst_vyre_interp_spin (
      SPIN_US, gst_vyre_interp_peek (&self->n_buffers) <= half ||
                   gst_vyre_interp_peek (&self->dozes));
}

/* failed: nothing may follow, the task will report why. */
static GstFlowReturn
wait_for_room (GstVyreInterp *self, gboolean ordered, gboolean failed)
{
  gboolean spins = self->may_spin && !ordered && !failed, helps = spins;
  GstFlowReturn ret;

  g_mutex_lock (&self->lock);
  for (;;) {
    ret = may_take (self);
    if (ret != GST_FLOW_OK ||
        (!failed && has_room (self) && !(ordered && self->n_unpublished > 0)))
      break;
    if (self->n_unpublished > 0) {
      g_mutex_unlock (&self->lock);
      publish_held (self);
      g_mutex_lock (&self->lock);
      if (self->srcresult != GST_FLOW_OK || has_room (self))
        continue;
    }
    if (helps && gst_vyre_interp_help (self, TRUE))
      continue;
    if (spins) {
      spins = FALSE;
      gst_vyre_interp_offer_help (self);
      g_mutex_unlock (&self->lock);
      spin_for_room (self);
      g_mutex_lock (&self->lock);
      continue;
    }
    gst_vyre_interp_stop_help (self);
    self->waits_removed = TRUE;
    g_cond_wait (&self->removed, &self->lock);
    self->waits_removed = FALSE;
  }
  g_mutex_unlock (&self->lock);
  return ret;
}

/* May a job wait until others, or the task, come to publish it? */
static gboolean
may_hold (GstVyreInterp *self)
{
  if (self->hold || gst_vyre_interp_peek (&self->polls))
    return TRUE;
  return !gst_vyre_interp_peek (&self->waits_gpu) &&
         gst_vyre_interp_peek (&self->n_published) >= HOLD_ABOVE;
}

/* So many items in less than this time come so fast that this thread is better
 * without another. */
#define FAST_ITEMS 64
#define FAST_TIME (1 * G_TIME_SPAN_MILLISECOND)

/* Lets results leave from time to time, where that suits this thread. */
static void
lend_hand (GstVyreInterp *self)
{
  guint half = g_atomic_int_get (&self->async_depth) / 2;
  gboolean helps = gst_vyre_interp_peek (&self->helps), fast = FALSE;

  /* Nobody else counts them. */
  if (!helps && self->n_pushed % FAST_ITEMS == 0) {
    gint64 now = g_get_monotonic_time ();

    fast = now - self->fast_from < FAST_TIME;
    self->fast_from = now;
  }
  if (!fast && !(helps && gst_vyre_interp_peek (&self->n_buffers) > half))
    return;
  g_mutex_lock (&self->lock);
  if (fast)
    gst_vyre_interp_offer_help (self);
  else
    gst_vyre_interp_help (self, FALSE);
  g_mutex_unlock (&self->lock);
}

/* Waits until one more buffer may be in flight. direct: it is best published at
 * once, and nothing that was put off stands before it. */
static GstFlowReturn
wait_for_turn (GstVyreInterp *self, gboolean *direct)
{
  gboolean ordered = gst_vyre_workload_is_ordered (self->workload);
  gboolean failed = self->last_window != NULL && !wait_for_last (self);
  GstFlowReturn ret;

  if (self->may_spin && !ordered && !failed)
    lend_hand (self);
  ret = may_take (self);
  if (ret == GST_FLOW_OK && (failed || ordered || !has_room (self)))
    ret = wait_for_room (self, ordered, failed);
  *direct = gst_vyre_interp_peek (&self->n_unpublished) == 0 &&
            (ordered || !may_hold (self));
  return ret;
}

/* This thread will wait for something else than room. */
static void
leave_to_task (GstVyreInterp *self)
{
  g_mutex_lock (&self->lock);
  gst_vyre_interp_stop_help (self);
  g_mutex_unlock (&self->lock);
}

static GstFlowReturn
wait_for_block (GstVyreInterp *self, VyreArena *arena, guint64 serial)
{
  GstFlowReturn ret = publish_held (self);

  if (ret != GST_FLOW_OK)
    return ret;
  GST_LOG_OBJECT (self, "no room, waiting for a block");
  leave_to_task (self);
  /* Runs that were cancelled have blocks too. */
  gst_vyre_interp_reap (self, 0);
  vyre_arena_wait (arena, serial, g_get_monotonic_time () + WAIT_STEP);
  return gst_vyre_interp_get_result (self);
}

/* Others' runs hold all that there is of windows. */
static GstFlowReturn
wait_for_window (GstVyreInterp *self)
{
  GstFlowReturn ret = publish_held (self);

  if (ret != GST_FLOW_OK)
    return ret;
  GST_LOG_OBJECT (self, "no window, waiting for a run to end");
  leave_to_task (self);
  gst_vyre_interp_reap (self, 0);
  gst_vyre_workload_wait_room (
      self->workload, g_get_monotonic_time () + WAIT_STEP);
  return gst_vyre_interp_get_result (self);
}

static GstFlowReturn
prepare_job (GstVyreInterp *self, GstVyreJob *job)
{
  VyreArena *arena = gst_vyre_workload_get_arena (self->workload);
  guint64 max_steps = __atomic_load_n (&self->max_steps, __ATOMIC_RELAXED);
  g_autoptr (GError) error = NULL;

  for (;;) {
    guint64 serial = vyre_arena_serial (arena);
    GstFlowReturn ret;

    switch (gst_vyre_job_prepare (job, max_steps, &error)) {
      case GST_VYRE_READY:
        return GST_FLOW_OK;
      case GST_VYRE_NO_ROOM:
        ret = wait_for_block (self, arena, serial);
        if (ret != GST_FLOW_OK)
          return ret;
        break;
      case GST_VYRE_BUSY:
        ret = wait_for_window (self);
        if (ret != GST_FLOW_OK)
          return ret;
        break;
      case GST_VYRE_FAILED:
        goto failed;
    }
  }

failed:
  gst_vyre_interp_fail (self);
  gst_vyre_interp_post_error (self, error);
  return GST_FLOW_ERROR;
}

static GstFlowReturn
publish_directly (GstVyreInterp *self, GstVyreJob *job)
{
  g_autoptr (GError) error = NULL;

  while (gst_vyre_jobs_publish (&job, 1, &error) == 0) {
    GstFlowReturn ret;

    if (error != NULL)
      goto failed;
    gst_vyre_workload_wait_room (
        self->workload, g_get_monotonic_time () + WAIT_STEP);
    ret = gst_vyre_interp_get_result (self);
    if (ret != GST_FLOW_OK)
      return ret;
  }
  return GST_FLOW_OK;

failed:
  gst_vyre_interp_fail (self);
  gst_vyre_interp_post_error (self, error);
  return GST_FLOW_ERROR;
}

static void
note_copy (GstVyreInterp *self, const GstVyreJob *job)
{
  if (self->noted_copy || job->copied == 0)
    return;
  self->noted_copy = TRUE;
  GST_CAT_INFO_OBJECT (gst_vyre_interp_performance, self,
      "buffers are copied to where the GPU can read them (first: "
      "%" G_GSIZE_FORMAT
      " bytes); upstream does not use the proposed allocator",
      job->copied);
}

/* With the lock. */
static void
push_job_locked (GstVyreInterp *self, GstVyreJob *job, gboolean published)
{
  GstVyreItem *item = gst_vyre_interp_push_item_locked (self, ITEM_JOB, job);

  gst_vyre_interp_count (&self->n_buffers, 1);
  gst_vyre_interp_count (&self->n_bytes, job->bytes);
  self->stats.copied += job->copied;
  self->stats.in_place += job->in_place;
  self->has_cancelled = !g_queue_is_empty (&self->cancelled);
  if (published) {
    self->stats.windows++;
    gst_vyre_interp_count (&self->n_published, 1);
    return;
  }
  gst_vyre_interp_count (&self->n_unpublished, 1);
  if (self->unpublished == NULL)
    self->unpublished = item;
}

/* Takes the buffer. copied: of its bytes, what was copied to get here. */
static GstFlowReturn
run_buffer (GstVyreInterp *self, GstBuffer *buffer, gsize copied)
{
  GstVyreJob *job = NULL;
  gboolean direct, now = FALSE;
  GstFlowReturn ret;

  ret = wait_for_turn (self, &direct);
  if (ret != GST_FLOW_OK)
    goto not_taken;
  job = gst_vyre_job_new (self->workload, buffer);
  ret = prepare_job (self, job);
  if (ret != GST_FLOW_OK)
    goto not_prepared;
  /* It may have been copied once more, to where the program may write. */
  if (copied > 0) {
    job->copied += copied;
    job->in_place = 0;
  }
  if (direct) {
    ret = publish_directly (self, job);
    if (ret != GST_FLOW_OK)
      goto not_prepared;
  }

  note_copy (self, job);
  if (gst_vyre_workload_is_ordered (self->workload))
    self->last_window = vyre_window_ref (job->window);
  g_mutex_lock (&self->lock);
  ret = self->srcresult;
  if (ret != GST_FLOW_OK)
    goto too_late;
  push_job_locked (self, job, direct);
  /* Whoever was to publish it may be doing something else by now. */
  now = self->n_unpublished >= HOLD_MOST ||
        (self->n_unpublished == 1 && !direct && !may_hold (self));
  g_mutex_unlock (&self->lock);
  gst_vyre_interp_tell_arrival (self);
  return now ? publish_held (self) : GST_FLOW_OK;

not_taken:
  gst_buffer_unref (buffer);
  return ret;

not_prepared:
  gst_vyre_job_free (job);
  return ret;

too_late:
  if (direct) {
    self->stats.windows++;
    self->stats.cancelled++;
    g_queue_push_tail (&self->cancelled, job);
    vyre_window_cancel (job->window);
    g_mutex_unlock (&self->lock);
    return ret;
  }
  g_mutex_unlock (&self->lock);
  gst_vyre_job_free (job);
  return ret;
}

/* Nothing to run on, but its place and time count. */
static GstFlowReturn
pass_empty (GstVyreInterp *self, GstBuffer *buffer)
{
  gboolean direct;
  GstFlowReturn ret = wait_for_turn (self, &direct);

  g_mutex_lock (&self->lock);
  if (ret == GST_FLOW_OK)
    ret = self->srcresult;
  if (ret == GST_FLOW_OK) {
    gst_vyre_interp_push_item_locked (
        self, ITEM_BUFFER, g_steal_pointer (&buffer));
    gst_vyre_interp_count (&self->n_buffers, 1);
  }
  g_mutex_unlock (&self->lock);
  gst_vyre_interp_tell_arrival (self);
  gst_clear_buffer (&buffer);
  return ret;
}

/* --- sink pad: frames ---------------------------------------------------- */

void
gst_vyre_interp_clear_frames (GstVyreInterp *self)
{
  gst_adapter_clear (self->adapter);
  self->adapter_discont = FALSE;
  self->rate_time = GST_CLOCK_TIME_NONE;
  self->rate_bytes = 0;
}

static GstClockTime
frame_time (GstVyreInterp *self, GstClockTime start, guint64 distance)
{
  if (distance == 0 || !GST_CLOCK_TIME_IS_VALID (start))
    return start;
  if (!GST_CLOCK_TIME_IS_VALID (self->rate_time))
    return GST_CLOCK_TIME_NONE;
  return start +
         gst_util_uint64_scale (distance, self->rate_time, self->rate_bytes);
}

/* length bytes from the adapter, in one piece. %NULL with *ret set. */
static GstBuffer *
take_frame (
    GstVyreInterp *self, gsize length, gsize *copied, GstFlowReturn *ret)
{
  VyreArena *arena = gst_vyre_workload_get_arena (self->workload);
  guint64 pts_distance, dts_distance, offset_distance;
  GstClockTime pts = gst_adapter_prev_pts (self->adapter, &pts_distance);
  GstClockTime dts = gst_adapter_prev_dts (self->adapter, &dts_distance);
  guint64 offset = gst_adapter_prev_offset (self->adapter, &offset_distance);
  GstBuffer *frame;

  *copied = 0;
  if (gst_adapter_available_fast (self->adapter) >= length) {
    frame = gst_buffer_make_writable (
        gst_adapter_take_buffer (self->adapter, length));
  } else {
    VyreBlock *block = NULL;

    for (;;) {
      guint64 serial = vyre_arena_serial (arena);

      block = gst_vyre_block_alloc_padded (arena, length);
      if (block)
        break;
      *ret = wait_for_block (self, arena, serial);
      if (*ret != GST_FLOW_OK)
        return NULL;
    }
    gst_adapter_copy (self->adapter, block->data, 0, length);
    gst_adapter_flush (self->adapter, length);
    vyre_block_note_write (block);
    frame = gst_buffer_new ();
    gst_buffer_append_memory (frame, gst_vyre_memory_new (block, 0, length));
    *copied = length;
  }

  GST_BUFFER_PTS (frame) = frame_time (self, pts, pts_distance);
  GST_BUFFER_DTS (frame) = frame_time (self, dts, dts_distance);
  GST_BUFFER_DURATION (frame) =
      GST_CLOCK_TIME_IS_VALID (self->rate_time)
          ? gst_util_uint64_scale (length, self->rate_time, self->rate_bytes)
          : GST_CLOCK_TIME_NONE;
  GST_BUFFER_OFFSET (frame) = GST_BUFFER_OFFSET_END (frame) =
      GST_BUFFER_OFFSET_NONE;
  if (self->offsets_are_bytes && offset != GST_BUFFER_OFFSET_NONE) {
    GST_BUFFER_OFFSET (frame) = offset + offset_distance;
    GST_BUFFER_OFFSET_END (frame) = offset + offset_distance + length;
  }
  GST_BUFFER_FLAG_UNSET (frame, GST_BUFFER_FLAG_DISCONT);
  if (self->adapter_discont)
    GST_BUFFER_FLAG_SET (frame, GST_BUFFER_FLAG_DISCONT);
  self->adapter_discont = FALSE;
  return frame;
}

static GstFlowReturn
run_frame (GstVyreInterp *self, gsize length)
{
  GstFlowReturn ret = GST_FLOW_OK;
  gsize copied;
  GstBuffer *frame = take_frame (self, length, &copied, &ret);

  if (frame == NULL)
    return ret;
  return run_buffer (self, frame, copied);
}

GstFlowReturn
gst_vyre_interp_finish_frames (GstVyreInterp *self)
{
  gsize rest = gst_adapter_available (self->adapter);
  guint64 frame_bytes =
      gst_vyre_workload_get_plan (self->workload)->frame_bytes;
  GstFlowReturn ret = GST_FLOW_OK;
  GstVyreTail tail;

  if (rest == 0)
    return GST_FLOW_OK;
  GST_OBJECT_LOCK (self);
  tail = self->tail;
  GST_OBJECT_UNLOCK (self);
  switch (tail) {
    case GST_VYRE_TAIL_PAD:
      ret = run_frame (self, rest);
      break;
    case GST_VYRE_TAIL_DROP:
      GST_INFO_OBJECT (self,
          "dropping %" G_GSIZE_FORMAT " bytes of a frame of %" G_GUINT64_FORMAT,
          rest, frame_bytes);
      break;
    case GST_VYRE_TAIL_ERROR:
      goto not_full;
  }
  gst_vyre_interp_clear_frames (self);
  return ret;

not_full:
  gst_vyre_interp_clear_frames (self);
  gst_vyre_interp_fail (self);
  GST_ELEMENT_ERROR (self, STREAM, FAILED, ("The stream ends inside a frame."),
      ("%" G_GSIZE_FORMAT
       " bytes are left, the program takes frames of %" G_GUINT64_FORMAT
       "; set tail to pad or drop",
          rest, frame_bytes));
  return GST_FLOW_ERROR;
}

/* Takes the buffer. */
static GstFlowReturn
cut_frames (GstVyreInterp *self, GstBuffer *buffer, gsize frame_bytes)
{
  gsize size = gst_buffer_get_size (buffer);
  GstFlowReturn ret = GST_FLOW_OK;

  if (GST_BUFFER_IS_DISCONT (buffer))
    ret = gst_vyre_interp_finish_frames (self);
  if (ret != GST_FLOW_OK)
    goto unused;
  if (size == frame_bytes && gst_adapter_available (self->adapter) == 0)
    return run_buffer (self, buffer, 0);

  if (gst_adapter_available (self->adapter) == 0)
    self->adapter_discont = GST_BUFFER_IS_DISCONT (buffer);
  self->rate_time = GST_BUFFER_DURATION (buffer);
  self->rate_bytes = size;
  self->offsets_are_bytes =
      GST_BUFFER_OFFSET_IS_VALID (buffer) &&
      GST_BUFFER_OFFSET_END_IS_VALID (buffer) &&
      GST_BUFFER_OFFSET_END (buffer) - GST_BUFFER_OFFSET (buffer) == size;
  gst_adapter_push (self->adapter, buffer);
  while (ret == GST_FLOW_OK &&
         gst_adapter_available (self->adapter) >= frame_bytes)
    ret = run_frame (self, frame_bytes);
  return ret;

unused:
  gst_buffer_unref (buffer);
  return ret;
}

/* What waited for a frame to be filled, after another program has taken over. */
static GstFlowReturn
recut_frames (GstVyreInterp *self)
{
  gsize frame_bytes = gst_vyre_workload_get_plan (self->workload)->frame_bytes;
  GstFlowReturn ret = GST_FLOW_OK;
  gsize rest;

  while (ret == GST_FLOW_OK &&
         (rest = gst_adapter_available (self->adapter)) > 0 &&
         rest >= frame_bytes)
    ret = run_frame (self, frame_bytes > 0 ? frame_bytes : rest);
  return ret;
}

static void
follow_controllers (GstVyreInterp *self, GstBuffer *buffer)
{
  GstClockTime time;

  if (self->segment.format != GST_FORMAT_TIME ||
      !GST_BUFFER_PTS_IS_VALID (buffer))
    return;
  time = gst_segment_to_stream_time (
      &self->segment, GST_FORMAT_TIME, GST_BUFFER_PTS (buffer));
  if (GST_CLOCK_TIME_IS_VALID (time))
    gst_object_sync_values (GST_OBJECT_CAST (self), time);
}

/* Takes the buffer. */
static GstFlowReturn
take_buffer (GstVyreInterp *self, GstBuffer *buffer)
{
  gsize size = gst_buffer_get_size (buffer);
  gsize frame_bytes;
  GstFlowReturn ret = may_take (self);

  GST_LOG_OBJECT (self, "received %" GST_PTR_FORMAT, buffer);
  /* Set and cleared with the stream lock, which we have. */
  if (ret == GST_FLOW_OK && self->eos)
    ret = GST_FLOW_EOS;
  if (ret != GST_FLOW_OK)
    goto refused;
  gst_vyre_interp_count (&self->buffers_in, 1);
  gst_vyre_interp_count (&self->bytes_in, size);

  if (self->has_cancelled)
    self->has_cancelled = !gst_vyre_interp_reap (self, 0);
  if (gst_vyre_interp_adopt_program (self)) {
    ret = recut_frames (self);
    if (ret != GST_FLOW_OK)
      goto refused;
  }
  if (GST_OBJECT_CAST (self)->control_bindings != NULL)
    follow_controllers (self, buffer);
  if (size == 0)
    return pass_empty (self, buffer);
  frame_bytes = gst_vyre_workload_get_plan (self->workload)->frame_bytes;
  if (frame_bytes > 0)
    return cut_frames (self, buffer, frame_bytes);
  return run_buffer (self, buffer, 0);

refused:
  GST_LOG_OBJECT (self, "refused: %s", gst_flow_get_name (ret));
  gst_buffer_unref (buffer);
  return ret;
}

static GstFlowReturn
gst_vyre_interp_chain (GstPad *pad, GstObject *parent, GstBuffer *buffer)
{
  return take_buffer ((GstVyreInterp *) parent, buffer);
}

typedef struct
{
  GstVyreInterp *self;
  GstFlowReturn ret;
} ListTaken;

/* Out of the list: whoever is left with it must not keep the program from
 * writing where it reads. */
static gboolean
take_from_list (GstBuffer **buffer, guint index, gpointer user_data)
{
  ListTaken *taken = user_data;

  taken->ret = take_buffer (taken->self, g_steal_pointer (buffer));
  taken->self->follows = TRUE;
  return taken->ret == GST_FLOW_OK;
}

/* Published together, as far as they go, and they leave together as far as their
 * runs end together. */
static GstFlowReturn
gst_vyre_interp_chain_list (GstPad *pad, GstObject *parent, GstBufferList *list)
{
  GstVyreInterp *self = GST_VYRE_INTERP (parent);
  ListTaken taken = { self, GST_FLOW_OK };

  list = gst_buffer_list_make_writable (list);
  self->hold = TRUE;
  gst_buffer_list_foreach (list, take_from_list, &taken);
  self->hold = self->follows = FALSE;
  gst_buffer_list_unref (list);
  return taken.ret == GST_FLOW_OK ? publish_held (self) : taken.ret;
}

/* --- sink pad: activation -------------------------------------------------- */

static gboolean
gst_vyre_interp_sink_activate_mode (
    GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active)
{
  GstVyreInterp *self = GST_VYRE_INTERP (parent);

  if (mode != GST_PAD_MODE_PUSH)
    return FALSE;
  if (active) {
    gst_vyre_interp_begin (self);
    return TRUE;
  }
  gst_vyre_interp_wake_all (self, GST_FLOW_FLUSHING);
  GST_PAD_STREAM_LOCK (pad);
  gst_vyre_interp_reset_stream (self, FALSE);
  GST_PAD_STREAM_UNLOCK (pad);
  return TRUE;
}

void
gst_vyre_interp_setup_sink (GstVyreInterp *self)
{
  self->rate_time = GST_CLOCK_TIME_NONE;

  gst_pad_set_chain_function (self->sinkpad, gst_vyre_interp_chain);
  gst_pad_set_chain_list_function (self->sinkpad, gst_vyre_interp_chain_list);
  gst_pad_set_event_full_function (self->sinkpad, gst_vyre_interp_sink_event);
  gst_pad_set_query_function (self->sinkpad, gst_vyre_interp_sink_query);
  gst_pad_set_activatemode_function (
      self->sinkpad, gst_vyre_interp_sink_activate_mode);
  GST_PAD_SET_PROXY_CAPS (self->sinkpad);
}
