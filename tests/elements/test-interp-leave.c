/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which thread lets results leave: the task, or upstream's where results are
 * quickly downstream. With an engine that the test makes up. */

#include "flow-harness.h"

#include "gst/gstvyreinterp-private.h"
#include "gst/gstvyresrc.h"

#define SIZE 64 /* of buffers, where nothing else is said */

typedef struct
{
  Interp *interp;
  GThread *upstream; /* atomic */
  guint n_buffers; /* atomic: seen downstream ... */
  guint n_upstream; /* atomic: ... of them, in upstream's thread */
  guint slowness; /* atomic: so many µs each takes downstream */
  gboolean blocks; /* atomic: the next one in upstream's thread waits ... */
  gboolean blocked; /* atomic: ... and does so now */
} Flow;

static GstPadProbeReturn
see_buffer (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Flow *flow = user_data;
  guint slowness = g_atomic_int_get (&flow->slowness);

  g_atomic_int_inc (&flow->n_buffers);
  if (slowness > 0)
    g_usleep (slowness);
  if (g_thread_self () != g_atomic_pointer_get (&flow->upstream))
    return GST_PAD_PROBE_OK;
  g_atomic_int_inc (&flow->n_upstream);
  while (g_atomic_int_get (&flow->blocks)) {
    g_atomic_int_set (&flow->blocked, TRUE);
    g_usleep (100);
  }
  return GST_PAD_PROBE_OK;
}

static void
flow_begin (Flow *flow, GThread *upstream)
{
  GstPad *pad;

  *flow = (Flow){ .interp = interp_new ("invert", NULL), .upstream = upstream };
  pad = gst_element_get_static_pad (flow->interp->element, "src");
  gst_pad_add_probe (pad, GST_PAD_PROBE_TYPE_BUFFER, see_buffer, flow, NULL);
  gst_object_unref (pad);
}

static void
flow_end (Flow *flow)
{
  interp_free (flow->interp);
  assert_nothing_left ();
}

/* The same, in the same order, whoever pushes them; none stays behind when no
 * more come. */
static void
push_and_pull (Flow *flow, guint n)
{
  push_numbered (flow->interp, 0, n, SIZE);
  pull_numbered (flow->interp, 0, n, SIZE);
}

/* Upstream's thread comes to do it sooner or later. */
static void
push_until_helped (Flow *flow, guint n)
{
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  guint before = g_atomic_int_get (&flow->n_upstream);

  while (g_atomic_int_get (&flow->n_upstream) - before < n) {
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    push_and_pull (flow, 500);
  }
}

static void
test_upstream (gconstpointer resident)
{
  Flow flow;

  fake_engine_set_resident (GPOINTER_TO_INT (resident));
  flow_begin (&flow, g_thread_self ());
  for (guint i = 0; i < 4; i++) {
    fake_engine_set_times (0, i * 20);
    push_until_helped (&flow, 500);
  }
  fake_engine_set_times (0, 0);
  fake_engine_set_resident (FALSE);
  flow_end (&flow);
}

/* The last ones before a pause leave soon, without anything that follows. */
static void
test_pause (void)
{
  Flow flow;
  gint64 start, longest = 0;

  flow_begin (&flow, g_thread_self ());
  for (guint i = 0; i < 20; i++) {
    push_until_helped (&flow, 50);
    push_numbered (flow.interp, 0, 200, SIZE);
    start = g_get_monotonic_time ();
    pull_numbered (flow.interp, 0, 200, SIZE);
    longest = MAX (longest, g_get_monotonic_time () - start);
  }
  g_test_message (
      "the last result came after %" G_GINT64_FORMAT " µs", longest);
  g_assert_cmpint (longest, <, G_USEC_PER_SEC);
  flow_end (&flow);
}

/* With the task asleep: upstream's thread wants to let results leave. */
static void
offer_help (GstVyreInterp *element)
{
  gboolean sleeps = FALSE;

  while (!sleeps) {
    g_mutex_lock (&element->lock);
    sleeps = element->waits_added && !element->helps;
    if (sleeps)
      gst_vyre_interp_offer_help (element);
    g_mutex_unlock (&element->lock);
    g_usleep (100);
  }
}

/* It asks a task that slept as there was nothing to do, and then too few come for
 * it to let them leave: the task does, and not only when it would have woken up
 * to free what it keeps, after 100 ms. */
static void
test_asleep (void)
{
  Flow flow;
  gint64 start;
  guint late = 0;

  flow_begin (&flow, g_thread_self ());
  push_and_pull (&flow, 4);
  for (guint i = 0; i < 20; i++) {
    offer_help (GST_VYRE_INTERP (flow.interp->element));
    start = g_get_monotonic_time ();
    push_and_pull (&flow, 4);
    late += g_get_monotonic_time () - start > 50 * G_TIME_SPAN_MILLISECOND;
  }
  /* Some may be the machine's doing. */
  g_assert_cmpuint (late, <, 10);
  flow_end (&flow);
}

/* Where it takes long downstream, two threads are better. */
static void
test_slow (void)
{
  Flow flow;
  guint before;

  flow_begin (&flow, g_thread_self ());
  push_until_helped (&flow, 100);
  g_atomic_int_set (&flow.slowness, 100);
  push_and_pull (&flow, 500);
  before = g_atomic_int_get (&flow.n_upstream);
  push_and_pull (&flow, 1000);
  g_assert_cmpuint (g_atomic_int_get (&flow.n_upstream), ==, before);
  /* It may get better again. */
  g_atomic_int_set (&flow.slowness, 0);
  push_until_helped (&flow, 100);
  flow_end (&flow);
}

static GstPadProbeReturn
note_upstream (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Flow *flow = user_data;

  g_atomic_pointer_set (&flow->upstream, g_thread_self ());
  return GST_PAD_PROBE_REMOVE;
}

/* Results of a file's blocks that leave in the source's thread. */
static guint
count_upstream (const char *path, guint blocksize)
{
  Flow flow = { 0 };
  GstElement *pipeline = support_launch (
      "vyresrc location=%s blocksize=%u ! vyreinterp name=interp "
      "program=invert ! fakesink",
      path, blocksize);
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), "interp");
  GstPad *sink = gst_element_get_static_pad (element, "sink");
  GstPad *src = gst_element_get_static_pad (element, "src");

  gst_pad_add_probe (
      sink, GST_PAD_PROBE_TYPE_BUFFER, note_upstream, &flow, NULL);
  gst_pad_add_probe (src, GST_PAD_PROBE_TYPE_BUFFER, see_buffer, &flow, NULL);
  gst_object_unref (sink);
  gst_object_unref (src);
  gst_object_unref (element);
  support_play (pipeline);
  return flow.n_upstream;
}

/* Large ones leave in the task, as soon as they are done. */
static void
test_large (void)
{
  g_autofree char *path = support_noise_file ("file", 100000000, NULL);
  guint n = 0;

  fake_engine_set_work (FALSE);
  fake_engine_set_times (0, 20);
  for (guint i = 0; i < 12; i++) {
    g_assert_cmpuint (count_upstream (path, 1 << 20), ==, 0);
    if (i % 4 == 0)
      n += count_upstream (path, 4096);
  }
  g_assert_cmpuint (n, >, 100);
  fake_engine_set_times (0, 0);
  fake_engine_set_work (TRUE);
}

static gpointer
push_without_end (gpointer data)
{
  Flow *flow = data;
  GstFlowReturn ret = GST_FLOW_OK;

  for (guint i = 0; ret == GST_FLOW_OK; i++)
    ret = gst_harness_push (flow->interp->harness, numbered_buffer (i, SIZE));
  return GINT_TO_POINTER (ret);
}

static GThread *
block_upstream (Flow *flow)
{
  GThread *thread;

  gst_harness_set_drop_buffers (flow->interp->harness, TRUE);
  g_atomic_int_set (&flow->blocks, TRUE);
  thread = g_thread_new ("upstream", push_without_end, flow);
  g_atomic_pointer_set (&flow->upstream, thread);
  wait_until (g_atomic_int_get (&flow->blocked));
  return thread;
}

static void
assert_ends_with (GThread *thread, GstFlowReturn ret)
{
  g_assert_cmpint (GPOINTER_TO_INT (g_thread_join (thread)), ==, ret);
}

/* While it is held up downstream, nothing overtakes what it pushes, and a flush
 * gets through. */
static void
test_blocked (void)
{
  GThread *thread;
  Flow flow;
  guint n;

  for (guint round = 0; round < 10; round++) {
    flow_begin (&flow, NULL);
    thread = block_upstream (&flow);
    n = g_atomic_int_get (&flow.n_buffers);
    g_usleep (10000);
    g_assert_cmpuint (g_atomic_int_get (&flow.n_buffers), ==, n);
    gst_harness_push_event (flow.interp->harness, gst_event_new_flush_start ());
    g_atomic_int_set (&flow.blocks, FALSE);
    assert_ends_with (thread, GST_FLOW_FLUSHING);
    interp_stop_flush (flow.interp);
    gst_harness_set_drop_buffers (flow.interp->harness, FALSE);
    push_and_pull (&flow, 100);
    flow_end (&flow);
  }
}

/* Nobody works while results cannot leave, whoever has them. */
static void
test_quiet (void)
{
  GThread *thread;
  Flow flow;
  GstPad *pad;
  gulong probe;

  for (guint round = 0; round < 3; round++) {
    flow_begin (&flow, NULL);
    thread = block_upstream (&flow);
    g_atomic_int_set (&flow.blocks, FALSE);
    pad = gst_element_get_static_pad (flow.interp->element, "src");
    probe = gst_pad_add_probe (
        pad, GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM, NULL, NULL, NULL);
    support_assert_quiet ();
    gst_pad_remove_probe (pad, probe);
    gst_object_unref (pad);
    gst_element_set_state (flow.interp->element, GST_STATE_READY);
    assert_ends_with (thread, GST_FLOW_FLUSHING);
    flow_end (&flow);
  }
}

/* A state change gets through as well. */
static void
test_stopped (void)
{
  Flow flow;
  GThread *thread;

  for (guint round = 0; round < 10; round++) {
    flow_begin (&flow, NULL);
    thread = block_upstream (&flow);
    g_atomic_int_set (&flow.blocks, FALSE);
    g_usleep (round * 300);
    gst_element_set_state (flow.interp->element, GST_STATE_READY);
    assert_ends_with (thread, GST_FLOW_FLUSHING);
    flow_end (&flow);
  }
}

/* A run that fails ends the stream, whoever meets it. */
static void
test_fault (void)
{
  GstMessage *message;
  GThread *thread;
  Flow flow;

  for (guint round = 0; round < 10; round++) {
    flow_begin (&flow, NULL);
    thread = block_upstream (&flow);
    fake_engine_fault_next ();
    g_atomic_int_set (&flow.blocks, FALSE);
    assert_ends_with (thread, GST_FLOW_ERROR);
    /* The other thread may be the one that posts it, later. */
    message = gst_bus_timed_pop_filtered (
        flow.interp->bus, 10 * GST_SECOND, GST_MESSAGE_ERROR);
    g_assert_nonnull (message);
    gst_message_unref (message);
    flow_end (&flow);
  }
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", "coretracers", NULL };

  support_init (&argc, &argv, plugins);
  GST_ELEMENT_REGISTER (vyreinterp, NULL);
  GST_ELEMENT_REGISTER (vyresrc, NULL);
  fake_engine_set_work (TRUE);
  /* Nobody waits busily for a thread that needs the same processor. */
  if (g_get_num_processors () < 2)
    return 77;
  g_test_add_data_func (
      "/interp-leave/upstream", GINT_TO_POINTER (FALSE), test_upstream);
  g_test_add_data_func (
      "/interp-leave/upstream-resident", GINT_TO_POINTER (TRUE), test_upstream);
  g_test_add_func ("/interp-leave/pause", test_pause);
  g_test_add_func ("/interp-leave/asleep", test_asleep);
  g_test_add_func ("/interp-leave/slow", test_slow);
  g_test_add_func ("/interp-leave/large", test_large);
  g_test_add_func ("/interp-leave/blocked", test_blocked);
  g_test_add_func ("/interp-leave/quiet", test_quiet);
  g_test_add_func ("/interp-leave/stopped", test_stopped);
  g_test_add_func ("/interp-leave/fault", test_fault);
  return support_run ();
}
