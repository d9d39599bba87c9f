/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vyreinterp in pipelines: states, flushes, seeks, neighbours. */

#include "interp-harness.h"

#include "engine/runtime.h"

#define CONTEXT_TYPE "gst.vyre.runtime"

#define SECONDS(n) ((n) *G_TIME_SPAN_SECOND)

static void
invert (guint8 *data, gsize size)
{
  for (gsize i = 0; i < size; i++)
    data[i] = ~data[i];
}

static void
test_files (void)
{
  static const gsize file_sizes[] = { 0, 1, 4095, 65536, 1000001 };
  static const guint block_sizes[] = { 4096, 1001, 262144 };

  for (guint i = 0; i < G_N_ELEMENTS (file_sizes); i++) {
    for (guint j = 0; j < G_N_ELEMENTS (block_sizes); j++) {
      g_autofree guint8 *data = NULL;
      g_autofree char *in = support_noise_file ("in", file_sizes[i], &data);
      g_autofree char *out = support_path ("out");

      support_play (
          support_launch ("filesrc location=%s blocksize=%u ! "
                          "vyreinterp program=invert ! filesink location=%s",
              in, block_sizes[j], out));
      invert (data, file_sizes[i]);
      support_assert_file (out, data, file_sizes[i]);
    }
  }
}

static void
test_vyresrc (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *in = support_noise_file ("in", 1000001, &data);
  g_autofree char *out = support_path ("out");
  GstElement *pipeline = support_launch (
      "vyresrc location=%s ! "
      "vyreinterp name=interp program=invert ! filesink location=%s",
      in, out);
  GstElement *interp = gst_bin_get_by_name (GST_BIN (pipeline), "interp");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  support_wait_eos (pipeline);
  /* The odd end too: what it is padded with goes behind it. */
  g_assert_cmpuint (interp_stat (interp, "in-place-bytes"), ==, 1000001);
  g_assert_cmpuint (interp_stat (interp, "copied-bytes"), ==, 0);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (interp);
  gst_object_unref (pipeline);
  invert (data, 1000001);
  support_assert_file (out, data, 1000001);
}

/* Lists from end to end. The first program writes where it reads: what has come
 * in a list is its own. */
static void
test_lists (void)
{
  const gsize size = 300 * 4096 + 1001;
  g_autofree guint8 *data = NULL;
  g_autofree char *in = support_noise_file ("in", size, &data);
  g_autofree char *out = support_path ("out");
  GstElement *pipeline = support_launch (
      "vyresrc location=%s blocksize=4096 buffer-lists=true ! "
      "vyreinterp name=first ! vyreinterp program=xor-key "
      "bindings=key=hex:0102 ! filesink location=%s",
      in, out);
  GstElement *first = gst_bin_get_by_name (GST_BIN (pipeline), "first");

  g_object_set (first, "program", PROGRAM_INVERT_BYTES_IN_PLACE, NULL);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  support_wait_eos (pipeline);
  g_assert_cmpuint (interp_stat (first, "buffers-out"), ==, 301);
  g_assert_cmpuint (interp_stat (first, "in-place-bytes"), ==, size);
  g_assert_cmpuint (interp_stat (first, "copied-bytes"), ==, 0);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (first);
  gst_object_unref (pipeline);
  /* The key starts again with each buffer. */
  for (gsize i = 0; i < size; i++)
    data[i] = ~data[i] ^ (i % 2 ? 0x02 : 0x01);
  support_assert_file (out, data, size);
}

static gconstpointer
runtime_of (GstElement *pipeline, const char *name)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);
  GstContext *context = gst_element_get_context (element, CONTEXT_TYPE);
  gconstpointer runtime;

  g_assert_nonnull (context);
  runtime = g_value_get_boxed (
      gst_structure_get_value (gst_context_get_structure (context), "runtime"));
  gst_context_unref (context);
  gst_object_unref (element);
  g_assert_nonnull (runtime);
  return runtime;
}

static void
test_three_share (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *in = support_noise_file ("in", 300001, &data);
  g_autofree char *out = support_path ("out");
  GstElement *pipeline = support_launch (
      "filesrc location=%s ! "
      "vyreinterp name=a program=invert ! "
      "vyreinterp name=b program=xor-key bindings=key=hex:0102 ! queue ! "
      "vyreinterp name=c program=invert ! filesink location=%s",
      in, out);
  gconstpointer a, b, c;
  VyreRuntimeSnapshot snapshot;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  support_wait_eos (pipeline);
  a = runtime_of (pipeline, "a");
  b = runtime_of (pipeline, "b");
  c = runtime_of (pipeline, "c");
  g_assert_true (a == b);
  g_assert_true (b == c);
  vyre_runtime_snapshot ((VyreRuntime *) a, &snapshot);
  g_assert_cmpuint (snapshot.tenants, ==, 3);
  g_assert_cmpuint (snapshot.windows_in_flight, ==, 0);
  vyre_runtime_snapshot_clear (&snapshot);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  /* The key starts again with each buffer, all but the last of even length. */
  for (gsize i = 0; i < 300001; i++)
    data[i] ^= 1 + i % 2;
  support_assert_file (out, data, 300001);
}

static void
test_tee (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *in = support_noise_file ("in", 200001, &data);
  g_autofree char *out = support_path ("out");
  g_autofree char *plain = support_path ("plain");
  g_autofree char *program = support_path ("in-place.vyre");

  g_assert_true (
      g_file_set_contents (program, PROGRAM_INVERT_IN_PLACE, -1, NULL));
  support_play (support_launch (
      "vyresrc location=%s ! tee name=t "
      "t. ! queue ! vyreinterp program-location=%s ! filesink location=%s "
      "t. ! queue ! filesink location=%s "
      "t. ! queue ! vyreinterp program=invert ! fakesink",
      in, program, out, plain));
  support_assert_file (plain, data, 200001);
  invert (data, 200001);
  support_assert_file (out, data, 200001);
}

static void
test_downstream_eos (void)
{
  g_autofree char *in = support_noise_file ("in", 1000000, NULL);
  GstElement *pipeline = support_launch (
      "filesrc location=%s ! "
      "vyreinterp program=histogram256 bindings=histogram=keep ! "
      "fakesink num-buffers=3",
      in);
  GstMessage *message;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  support_wait_eos (pipeline);
  message =
      gst_bus_pop_filtered (GST_ELEMENT_BUS (pipeline), GST_MESSAGE_ERROR);
  g_assert_null (message);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

static void
test_downstream_error (void)
{
  g_autofree char *in = support_noise_file ("in", 1000000, NULL);
  GstElement *pipeline = support_launch (
      "filesrc location=%s ! "
      "vyreinterp program=invert ! identity error-after=2 ! fakesink",
      in);

  support_assert_error (pipeline, GST_CORE_ERROR, GST_CORE_ERROR_FAILED, "");
  gst_object_unref (pipeline);
}

static void
test_not_linked (void)
{
  g_autofree char *in = support_noise_file ("in", 100000, NULL);
  GstElement *pipeline = support_launch ("filesrc location=%s ! "
                                         "vyreinterp program=invert",
      in);

  support_assert_error (
      pipeline, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, "");
  gst_object_unref (pipeline);
}

/* --- flushes and states ---------------------------------------------------- */

static void
test_flush (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  for (guint round = 0; round < 30; round++) {
    for (guint i = 0; i < round % 9; i++)
      gst_harness_push (self->harness, noise_buffer (30000));
    g_assert_true (
        gst_harness_push_event (self->harness, gst_event_new_flush_start ()));
    g_assert_cmpint (gst_harness_push (self->harness, noise_buffer (10)), ==,
        GST_FLOW_FLUSHING);
    g_assert_true (gst_harness_push_event (
        self->harness, gst_event_new_flush_stop (TRUE)));
    while (gst_harness_buffers_in_queue (self->harness) > 0)
      gst_buffer_unref (gst_harness_pull (self->harness));
    gst_harness_push_event (self->harness, gst_event_new_segment (&segment));
    gst_harness_push (self->harness, noise_buffer (1000 + round));
    assert_inverted (gst_harness_pull (self->harness), 1000 + round);
  }
  interp_free (self);
}

/* A program that never ends must not hold up a flush or a state change. */
static void
test_endless (void)
{
  GstElement *element = interp_element (PROGRAM_ENDLESS, NULL);
  gint64 start;
  GstSegment segment;
  Interp *self;

  g_object_set (element, "max-steps", G_GUINT64_CONSTANT (0), NULL);
  self = interp_play (element);
  gst_harness_push (self->harness, noise_buffer (4));
  gst_harness_push (self->harness, noise_buffer (4));
  start = g_get_monotonic_time ();
  gst_harness_push_event (self->harness, gst_event_new_flush_start ());
  gst_harness_push_event (self->harness, gst_event_new_flush_stop (TRUE));
  g_assert_cmpint (g_get_monotonic_time () - start, <, SECONDS (3));

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_harness_push_event (self->harness, gst_event_new_segment (&segment));
  gst_harness_push (self->harness, noise_buffer (4));
  g_usleep (20000);
  start = g_get_monotonic_time ();
  interp_free (self);
  g_assert_cmpint (g_get_monotonic_time () - start, <, SECONDS (3));
}

static gpointer
push_until_refused (gpointer user_data)
{
  Interp *self = user_data;
  GstFlowReturn ret;

  do {
    ret = gst_harness_push (self->harness, noise_buffer (4));
  } while (ret == GST_FLOW_OK);
  return GINT_TO_POINTER (ret);
}

/* The chain function waits for room while the state changes. */
static void
test_stop_while_full (void)
{
  GstElement *element = interp_element (PROGRAM_ENDLESS, NULL);
  Interp *self;
  GThread *thread;

  g_object_set (
      element, "max-steps", G_GUINT64_CONSTANT (0), "async-depth", 2, NULL);
  self = interp_play (element);
  thread = g_thread_new ("push", push_until_refused, self);
  while (interp_stat (element, "in-flight") < 2)
    g_usleep (1000);
  g_usleep (20000);
  support_set_state (element, GST_STATE_NULL);
  g_assert_cmpint (
      GPOINTER_TO_INT (g_thread_join (thread)), ==, GST_FLOW_FLUSHING);
  interp_free (self);
}

static gpointer
ask_drain (gpointer user_data)
{
  Interp *self = user_data;
  GstQuery *query = gst_query_new_drain ();
  gboolean ok = gst_pad_peer_query (self->harness->srcpad, query);

  gst_query_unref (query);
  return GINT_TO_POINTER (ok);
}

/* A query waits behind a buffer that never comes. */
static void
test_flush_wakes_query (void)
{
  GstElement *element = interp_element (PROGRAM_ENDLESS, NULL);
  Interp *self;
  GThread *thread;

  g_object_set (element, "max-steps", G_GUINT64_CONSTANT (0), NULL);
  self = interp_play (element);
  gst_harness_push (self->harness, noise_buffer (4));
  thread = g_thread_new ("ask", ask_drain, self);
  g_usleep (50000);
  gst_harness_push_event (self->harness, gst_event_new_flush_start ());
  g_assert_false (GPOINTER_TO_INT (g_thread_join (thread)));
  gst_harness_push_event (self->harness, gst_event_new_flush_stop (TRUE));
  interp_free (self);
}

/* Kept buffers begin again with a flush. */
static void
test_flush_resets_kept (void)
{
  Interp *self = interp_new (PROGRAM_SUM_TRAP_13, "sum=keep:u32:7");
  const guint32 word = 5;
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  for (guint i = 0; i < 5; i++) {
    gst_harness_push (self->harness, gst_buffer_new_memdup (&word, 4));
    gst_buffer_unref (gst_harness_pull (self->harness));
    g_assert_cmpuint (kept_word (self->element, "sum"), ==, 12);
    gst_harness_push (self->harness, gst_buffer_new_memdup (&word, 4));
    gst_harness_push_event (self->harness, gst_event_new_flush_start ());
    gst_harness_push_event (self->harness, gst_event_new_flush_stop (TRUE));
    g_assert_cmpuint (kept_word (self->element, "sum"), ==, 7);
    while (gst_harness_buffers_in_queue (self->harness) > 0)
      gst_buffer_unref (gst_harness_pull (self->harness));
    gst_harness_push_event (self->harness, gst_event_new_segment (&segment));
  }
  interp_free (self);
}

static void
test_fault_then_flush (void)
{
  Interp *self = interp_new (PROGRAM_SUM_TRAP_13, "sum=keep");
  const guint32 words[] = { 13, 4 };
  GstMessage *message;

  gst_harness_push (self->harness, gst_buffer_new_memdup (&words[0], 4));
  message = gst_bus_timed_pop_filtered (
      self->bus, 20 * GST_SECOND, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_unref (message);
  gst_harness_push_event (self->harness, gst_event_new_flush_start ());
  interp_stop_flush (self);
  gst_harness_push (self->harness, gst_buffer_new_memdup (&words[1], 4));
  gst_buffer_unref (gst_harness_pull (self->harness));
  g_assert_cmpuint (kept_word (self->element, "sum"), ==, 4);
  interp_free (self);
}

static void
test_seek_storm (void)
{
  g_autofree char *in = support_noise_file ("in", 2000000, NULL);
  GstElement *pipeline = support_launch (
      "filesrc location=%s ! "
      "vyreinterp program=histogram256 bindings=histogram=keep ! "
      "vyreinterp program=invert ! fakesink",
      in);

  support_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 40; i++) {
    g_assert_true (gst_element_seek_simple (
        pipeline, GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH, i * 49999));
    g_usleep (i % 4 * 3000);
  }
  support_wait_eos (pipeline);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

static void
test_state_loop (gconstpointer engine)
{
  g_autofree char *in = support_noise_file ("in", 2000000, NULL);
  GstElement *pipeline =
      support_launch ("filesrc location=%s ! "
                      "vyreinterp program=invert engine=%s ! queue ! "
                      "vyreinterp program=crc32 bindings=crc=keep engine=%s ! "
                      "fakesink",
          in, (const char *) engine, (const char *) engine);
  static const GstState states[] = { GST_STATE_NULL, GST_STATE_READY,
    GST_STATE_PAUSED };

  for (guint i = 0; i < 30; i++) {
    gint64 start = g_get_monotonic_time ();

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    g_usleep (i * 7 % 5 * 5000);
    gst_element_set_state (pipeline, states[i % 3]);
    support_settle_elements (pipeline);
    g_assert_cmpint (g_get_monotonic_time () - start, <, SECONDS (10));
  }
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

static gpointer
read_all_the_time (gpointer user_data)
{
  Interp *self = user_data;
  GstStructure *kept;

  while (!g_atomic_int_get (&self->stop)) {
    interp_stat (self->element, "in-flight");
    g_object_get (self->element, "kept", &kept, NULL);
    g_clear_pointer (&kept, gst_structure_free);
    g_signal_emit_by_name (self->element, "post-kept");
    g_thread_yield ();
  }
  return NULL;
}

/* Buffers, flushes, state changes, properties, all at once. */
static void
test_stress (void)
{
  Interp *self = interp_new ("crc32", "crc=keep");
  GValue depth = G_VALUE_INIT;
  GstCaps *caps = gst_caps_new_empty_simple ("application/octet-stream");
  GstBuffer *buffer = noise_buffer (333);
  GstEvent *event = gst_event_new_reconfigure ();
  GstHarnessThread *threads[4];
  GstSegment segment;
  GThread *reader;

  g_value_init (&depth, G_TYPE_UINT);
  g_value_set_uint (&depth, 2);
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_harness_set_drop_buffers (self->harness, TRUE);
  gst_bus_set_flushing (self->bus, TRUE);
  reader = g_thread_new ("read", read_all_the_time, self);
  threads[0] = gst_harness_stress_push_buffer_start (
      self->harness, caps, &segment, buffer);
  threads[1] = gst_harness_stress_statechange_start_full (self->harness, 20000);
  threads[2] = gst_harness_stress_property_start_full (
      self->harness, "async-depth", &depth, 1000);
  threads[3] = gst_harness_stress_push_upstream_event_start_full (
      self->harness, event, 500);
  g_usleep (2 * G_USEC_PER_SEC);
  /* How often each came to turn depends on the machine; all must have. */
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_assert_cmpuint (gst_harness_stress_thread_stop (threads[i]), >, 0);
  g_atomic_int_set (&self->stop, TRUE);
  g_thread_join (reader);
  g_value_unset (&depth);
  gst_caps_unref (caps);
  gst_buffer_unref (buffer);
  gst_event_unref (event);
  interp_free (self);
}

/* The kept buffers of the program before are complete when they are posted. */
static void
test_takeover_kept (void)
{
  Interp *self = interp_new ("histogram256", "histogram=keep");
  g_autofree guint32 *words = NULL;
  GstStructure *kept;
  GstMessage *message;

  for (guint i = 0; i < 5; i++)
    gst_harness_push (self->harness, noise_buffer (4096));
  g_object_set (self->element, "bindings", "", "program", "invert", NULL);
  gst_harness_push (self->harness, noise_buffer (4096));
  for (guint i = 0; i < 5; i++)
    gst_buffer_unref (gst_harness_pull (self->harness));
  assert_inverted (gst_harness_pull (self->harness), 4096);

  message =
      gst_bus_timed_pop_filtered (self->bus, GST_SECOND, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  words = kept_words (gst_message_get_structure (message), "histogram", 256);
  for (guint i = 1; i < 256; i++)
    words[0] += words[i];
  g_assert_cmpuint (words[0], ==, 5 * 4096);
  gst_message_unref (message);
  /* The new one keeps nothing. */
  g_object_get (self->element, "kept", &kept, NULL);
  g_assert_null (kept);
  interp_free (self);
}

#define PROGRAM_INVERT_FRAMES \
  "program workgroup(4);\n" \
  "buffer data: readwrite u32[4] @0;\n" \
  "main { let i = invocation_id.x;\n" \
  "  if i < 4 { data[i] = ~data[i]; } }\n"

static guint
pull_size (Interp *self)
{
  GstBuffer *buffer = gst_harness_pull (self->harness);
  gsize size = gst_buffer_get_size (buffer);

  for (gsize i = 0; i < size; i++) {
    guint8 byte;

    gst_buffer_extract (buffer, i, &byte, 1);
    g_assert_cmpuint (byte, ==, 0x5a);
  }
  gst_buffer_unref (buffer);
  return size;
}

static void
push_size (Interp *self, gsize size)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);

  gst_buffer_memset (buffer, 0, 0xa5, size);
  g_assert_cmpint (gst_harness_push (self->harness, buffer), ==, GST_FLOW_OK);
}

/* Bytes that waited for a frame are not lost. */
static void
test_takeover_frames (void)
{
  Interp *self = interp_new (PROGRAM_INVERT_FRAMES, NULL);

  push_size (self, 24);
  g_assert_cmpuint (pull_size (self), ==, 16);
  g_object_set (self->element, "program", "invert", NULL);
  push_size (self, 40);
  g_assert_cmpuint (pull_size (self), ==, 8);
  g_assert_cmpuint (pull_size (self), ==, 40);
  g_object_set (self->element, "program", PROGRAM_INVERT_FRAMES, NULL);
  push_size (self, 20);
  g_assert_cmpuint (pull_size (self), ==, 16);
  gst_harness_push_event (self->harness, gst_event_new_eos ());
  g_assert_cmpuint (pull_size (self), ==, 4);
  interp_free (self);
}

static void
test_other_residency (void)
{
  GstElement *element = interp_element ("invert", NULL);
  GstBus *bus = gst_bus_new ();
  GstMessage *message;
  gint residency, wish;

  g_object_get (element, "residency", &wish, NULL);
  gst_object_ref_sink (element);
  gst_element_set_bus (element, bus);
  support_set_state (element, GST_STATE_READY);
  g_object_get (element, "residency", &residency, NULL);
  g_assert_cmpint (residency, !=, wish);
  support_set_state (element, GST_STATE_NULL);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
  g_assert_null (message);

  wish = residency == VYRE_RESIDENCY_SLICED ? VYRE_RESIDENCY_RESIDENT
                                            : VYRE_RESIDENCY_SLICED;
  g_object_set (element, "residency", wish, NULL);
  support_set_state (element, GST_STATE_READY);
  g_object_get (element, "residency", &residency, NULL);
  g_assert_cmpint (residency, !=, wish);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_WARNING);
  g_assert_nonnull (message);
  gst_message_unref (message);
  support_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

/* An application's context is taken, and nobody is asked for another. */
static void
test_context_given (void)
{
  GstElement *first = interp_element ("invert", NULL);
  GstElement *second = interp_element ("invert", NULL);
  GstBus *bus = gst_bus_new ();
  GstContext *context;

  gst_object_ref_sink (first);
  gst_object_ref_sink (second);
  support_set_state (first, GST_STATE_READY);
  context = gst_element_get_context (first, CONTEXT_TYPE);
  g_assert_nonnull (context);
  gst_element_set_context (second, context);
  gst_element_set_bus (second, bus);
  support_set_state (second, GST_STATE_READY);
  g_assert_null (gst_bus_pop_filtered (
      bus, GST_MESSAGE_NEED_CONTEXT | GST_MESSAGE_HAVE_CONTEXT));
  support_set_state (second, GST_STATE_NULL);
  support_set_state (first, GST_STATE_NULL);
  gst_element_set_bus (second, NULL);
  gst_object_unref (bus);
  gst_context_unref (context);
  gst_object_unref (first);
  gst_object_unref (second);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", NULL };
  g_autoptr (VyreRuntime) runtime = NULL;

  support_init (&argc, &argv, plugins);
  /* Not every test has to start one of its own. */
  runtime = vyre_runtime_acquire (&VYRE_RUNTIME_OPTIONS_DEFAULT, NULL);
  g_assert_nonnull (runtime);

  g_test_add_func ("/interp-stream/files", test_files);
  g_test_add_func ("/interp-stream/vyresrc", test_vyresrc);
  g_test_add_func ("/interp-stream/lists", test_lists);
  g_test_add_func ("/interp-stream/three-share", test_three_share);
  g_test_add_func ("/interp-stream/tee", test_tee);
  g_test_add_func ("/interp-stream/downstream-eos", test_downstream_eos);
  g_test_add_func ("/interp-stream/downstream-error", test_downstream_error);
  g_test_add_func ("/interp-stream/not-linked", test_not_linked);
  g_test_add_func ("/interp-stream/flush", test_flush);
  g_test_add_func ("/interp-stream/endless", test_endless);
  g_test_add_func ("/interp-stream/stop-while-full", test_stop_while_full);
  g_test_add_func ("/interp-stream/flush-wakes-query", test_flush_wakes_query);
  g_test_add_func ("/interp-stream/flush-resets-kept", test_flush_resets_kept);
  g_test_add_func ("/interp-stream/fault-then-flush", test_fault_then_flush);
  g_test_add_func ("/interp-stream/seek-storm", test_seek_storm);
  g_test_add_data_func ("/interp-stream/state-loop", "auto", test_state_loop);
  g_test_add_data_func (
      "/interp-stream/state-loop-compiled", "jit", test_state_loop);
  g_test_add_func ("/interp-stream/stress", test_stress);
  add_interp_refusal_tests ();
  g_test_add_func ("/interp-stream/takeover-kept", test_takeover_kept);
  g_test_add_func ("/interp-stream/takeover-frames", test_takeover_frames);
  g_test_add_func ("/interp-stream/other-residency", test_other_residency);
  g_test_add_func ("/interp-stream/context-given", test_context_given);
  return support_run ();
}
