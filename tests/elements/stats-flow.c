/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stats-harness.h"

#include "gst/gstvyrestats.h"

/* When vyrestats tells, whom it finds, and what it outlives. */

/* --- when it tells -------------------------------------------------------------- */

/* Whether buffers flow or not. */
static void
interval (void)
{
  Rig rig = rig_new (NULL, 20 * GST_MSECOND);
  GstStructure *s;
  guint i;

  for (i = 0; i < 5; i++) {
    s = next_report (&rig, WAIT);
    g_assert_nonnull (s);
    g_assert_cmpuint (u64 (s, "duration"), >=, 20 * GST_MSECOND);
    g_assert_cmpuint (u64 (s, "timestamp"), ==, GST_CLOCK_TIME_NONE);
    gst_structure_free (s);
  }
  /* Longer than the test from now on, then short again. */
  g_object_set (rig.element, "interval", G_MAXUINT64, NULL);
  while ((s = next_report (&rig, 100 * GST_MSECOND)) != NULL)
    gst_structure_free (s);
  g_object_set (rig.element, "interval", GST_MSECOND, NULL);
  s = next_report (&rig, WAIT);
  g_assert_nonnull (s);
  gst_structure_free (s);
  /* None while paused. */
  gst_element_set_state (rig.element, GST_STATE_PAUSED);
  while ((s = next_report (&rig, 0)) != NULL)
    gst_structure_free (s);
  g_assert_null (next_report (&rig, 50 * GST_MSECOND));
  rig_free (&rig);
}

static void
off (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig = rig_new (runtime, 2 * GST_SECOND);
  guint snapshots;

  g_object_set (rig.element, "post-messages", FALSE, NULL);
  g_object_set (rig.element, "interval", GST_MSECOND, NULL);
  gst_harness_set_src_caps_str (rig.harness, "application/octet-stream");
  push (&rig, 1, 0);
  g_assert_null (next_report (&rig, 50 * GST_MSECOND));
  g_assert_true (gst_harness_push_event (rig.harness, gst_event_new_eos ()));
  g_assert_null (next_report (&rig, 20 * GST_MSECOND));
  /* And costs nothing. */
  snapshots = fake_runtime_lock (runtime)->snapshots;
  fake_runtime_unlock (runtime);
  g_assert_cmpuint (snapshots, ==, 0);
  rig_free (&rig);
}

static void
count_notify (GObject *object, GParamSpec *pspec, gpointer data)
{
  GstStructure *s = read_stats (GST_ELEMENT (object));

  gst_structure_free (s);
  g_atomic_int_inc ((gint *) data);
}

static void
not_silent (void)
{
  Rig rig = rig_new (NULL, 5 * GST_MSECOND);
  gint notified = 0;

  g_object_set (rig.element, "post-messages", FALSE, NULL);
  g_signal_connect (
      rig.element, "notify::stats", G_CALLBACK (count_notify), &notified);
  g_usleep (30 * 1000);
  g_assert_cmpint (g_atomic_int_get (&notified), ==, 0);
  g_object_set (rig.element, "silent", FALSE, NULL);
  while (g_atomic_int_get (&notified) < 3)
    g_usleep (1000);
  rig_free (&rig);
}

static GstBusSyncReply
intrude (GstBus *bus, GstMessage *message, gpointer data)
{
  GstElement *element = data;
  guint64 now;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ELEMENT) {
    gst_structure_free (read_stats (element));
    g_object_get (element, "interval", &now, NULL);
    g_object_set (element, "interval", now, NULL);
    GST_OBJECT_LOCK (element);
    GST_OBJECT_UNLOCK (element);
  }
  return GST_BUS_PASS;
}

/* Nothing is locked while a message goes out. */
static void
posts_without_locks (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig = rig_new (runtime, 5 * GST_MSECOND);
  GstStructure *s;

  gst_bus_set_sync_handler (rig.bus, intrude, rig.element, NULL);
  s = next_report (&rig, WAIT);
  g_assert_nonnull (s);
  gst_structure_free (s);
  gst_harness_set_src_caps_str (rig.harness, "application/octet-stream");
  g_assert_true (gst_harness_push_event (rig.harness, gst_event_new_eos ()));
  gst_bus_set_sync_handler (rig.bus, NULL, NULL, NULL);
  rig_free (&rig);
}

/* --- finding the runtime ---------------------------------------------------------- */

static GstBusSyncReply
provide (GstBus *bus, GstMessage *message, gpointer data)
{
  VyreRuntime *runtime = g_atomic_pointer_get ((VyreRuntime **) data);
  const gchar *type;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_NEED_CONTEXT &&
      gst_message_parse_context_type (message, &type) &&
      g_str_equal (type, GST_VYRE_RUNTIME_CONTEXT_TYPE) && runtime != NULL) {
    GstContext *context = gst_vyre_context_new (runtime);

    gst_element_set_context (GST_ELEMENT (GST_MESSAGE_SRC (message)), context);
    gst_context_unref (context);
  }
  return GST_BUS_PASS;
}

/* Elements that use the GPU may come after the first messages. */
static void
attaches_late (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  VyreRuntime *offered = NULL;
  Rig rig = rig_new (NULL, 20 * GST_MSECOND);
  gboolean attached = FALSE;
  GstStructure *s;

  gst_bus_set_sync_handler (rig.bus, provide, &offered, NULL);
  s = next_report (&rig, WAIT);
  g_assert_nonnull (s);
  g_assert_false (flag (s, "attached"));
  gst_structure_free (s);
  g_atomic_pointer_set (&offered, runtime);
  while (!attached) {
    s = next_report (&rig, WAIT);
    g_assert_nonnull (s);
    attached = flag (s, "attached");
    gst_structure_free (s);
  }
  gst_bus_set_sync_handler (rig.bus, NULL, NULL, NULL);
  rig_free (&rig);
  g_assert_cmpint (fake_runtime_refs (runtime), ==, 1);
}

static void
attaches_at_eos (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  VyreRuntime *offered = NULL;
  Rig rig = rig_new (NULL, GST_SECOND * 3600);
  GstStructure *s;

  gst_bus_set_sync_handler (rig.bus, provide, &offered, NULL);
  gst_harness_set_src_caps_str (rig.harness, "application/octet-stream");
  push (&rig, 1, 0);
  g_atomic_pointer_set (&offered, runtime);
  s = report_at_eos (&rig);
  g_assert_true (flag (s, "attached"));
  gst_structure_free (s);
  gst_bus_set_sync_handler (rig.bus, NULL, NULL, NULL);
  rig_free (&rig);
}

/* It passes the runtime on to its neighbours, and forgets it in NULL. */
static void
shares (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig = rig_new (runtime, GST_SECOND * 3600);
  GstQuery *query = gst_query_new_context (GST_VYRE_RUNTIME_CONTEXT_TYPE);
  g_autoptr (VyreRuntime) found = NULL;
  GstContext *context = NULL;
  gint refs = fake_runtime_refs (runtime);

  g_assert_true (gst_pad_peer_query (rig.harness->srcpad, query));
  gst_query_parse_context (query, &context);
  g_assert_nonnull (context);
  found = gst_vyre_context_get_runtime (context);
  g_assert_true (found == runtime);
  gst_query_unref (query);
  g_assert_cmpint (fake_runtime_refs (runtime), ==, refs + 1);

  query = gst_query_new_context ("another.context");
  g_assert_false (gst_pad_peer_query (rig.harness->srcpad, query));
  gst_query_unref (query);
  rig_free (&rig);
}

/* --- use over and over --------------------------------------------------------------- */

static void
states (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  GstElement *pipeline =
      support_launch ("fakesrc num-buffers=40 sizetype=fixed sizemax=10 ! "
                      "vyrestats name=stats interval=1000000 ! fakesink");
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), "stats");
  GstContext *context = gst_vyre_context_new (runtime);
  GstBus *bus = gst_element_get_bus (pipeline);
  guint i;

  gst_element_set_context (pipeline, context);
  gst_context_unref (context);
  for (i = 0; i < 30; i++) {
    support_set_state (pipeline, GST_STATE_PLAYING);
    if (i % 3 == 0) {
      GstStructure *s;

      support_wait_eos (pipeline);
      s = read_stats (element);
      /* Counts of this run only. */
      g_assert_cmpuint (u64 (s, "buffers"), ==, 40);
      g_assert_cmpuint (u64 (s, "bytes"), ==, 400);
      g_assert_true (flag (s, "attached"));
      gst_structure_free (s);
    }
    support_set_state (pipeline, i % 2 == 0 ? GST_STATE_NULL : GST_STATE_READY);
    /* An EOS that nobody waited for is not the next run's. */
    gst_bus_set_flushing (bus, TRUE);
    gst_bus_set_flushing (bus, FALSE);
  }
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
  gst_object_unref (pipeline);
  /* The pipeline's own threads may hold it a little longer. */
  for (i = 0; i < 5000 && fake_runtime_refs (runtime) > 1; i++)
    g_usleep (1000);
  g_assert_cmpint (fake_runtime_refs (runtime), ==, 1);
}

/* A pipeline of others: the last message comes before EOS reaches the bus. */
static void
last_before_eos (void)
{
  GstElement *pipeline = support_launch (
      "fakesrc num-buffers=7 sizetype=fixed sizemax=3 ! tee name=t ! queue ! "
      "vyrestats ! fakesink  t. ! queue ! identity ! fakesink");
  GstBus *bus = gst_element_get_bus (pipeline);
  GstStructure *last = NULL;
  GstMessage *message;

  support_set_state (pipeline, GST_STATE_PLAYING);
  for (;;) {
    message = gst_bus_timed_pop_filtered (
        bus, WAIT, GST_MESSAGE_ELEMENT | GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    g_assert_nonnull (message);
    if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_ELEMENT)
      break;
    g_clear_pointer (&last, gst_structure_free);
    last = gst_structure_copy (gst_message_get_structure (message));
    gst_message_unref (message);
  }
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_EOS);
  gst_message_unref (message);
  g_assert_nonnull (last);
  g_assert_cmpuint (u64 (last, "buffers"), ==, 7);
  g_assert_cmpuint (u64 (last, "bytes"), ==, 21);
  gst_structure_free (last);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (bus);
  gst_object_unref (pipeline);
}

static void
stress (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig = rig_new (runtime, GST_MSECOND);
  GstCaps *caps = gst_caps_from_string ("application/octet-stream");
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, 16, NULL);
  GstHarnessThread *threads[3];
  GValue slow = G_VALUE_INIT, noisy = G_VALUE_INIT;
  GstSegment segment;
  guint i;

  gst_segment_init (&segment, GST_FORMAT_TIME);
  g_value_init (&slow, G_TYPE_UINT64);
  g_value_set_uint64 (&slow, 2 * GST_MSECOND);
  g_value_init (&noisy, G_TYPE_BOOLEAN);
  threads[0] = gst_harness_stress_push_buffer_start (
      rig.harness, caps, &segment, buffer);
  threads[1] = gst_harness_stress_property_start_full (
      rig.harness, "interval", &slow, 1000);
  threads[2] = gst_harness_stress_property_start_full (
      rig.harness, "silent", &noisy, 1000);
  for (i = 0; i < 100; i++) {
    GstStructure *s = read_stats (rig.element);

    gst_structure_free (s);
    gst_element_set_state (
        rig.element, i % 2 == 0 ? GST_STATE_PAUSED : GST_STATE_PLAYING);
    g_usleep (2000);
  }
  for (i = 0; i < G_N_ELEMENTS (threads); i++)
    gst_harness_stress_thread_stop (threads[i]);
  g_value_unset (&slow);
  g_value_unset (&noisy);
  gst_caps_unref (caps);
  gst_buffer_unref (buffer);
  rig_free (&rig);
}

void
add_stats_flow_tests (void)
{
  g_test_add_func ("/stats/interval", interval);
  g_test_add_func ("/stats/off", off);
  g_test_add_func ("/stats/not-silent", not_silent);
  g_test_add_func ("/stats/posts-without-locks", posts_without_locks);
  g_test_add_func ("/stats/attaches-late", attaches_late);
  g_test_add_func ("/stats/attaches-at-eos", attaches_at_eos);
  g_test_add_func ("/stats/shares", shares);
  g_test_add_func ("/stats/states", states);
  g_test_add_func ("/stats/last-before-eos", last_before_eos);
  g_test_add_func ("/stats/stress", stress);
}
