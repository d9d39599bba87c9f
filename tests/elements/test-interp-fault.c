/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that fail on some buffers, and programs that do not end: what
 * becomes of the stream, of kept buffers, and of other streams. */

#include "interp-harness.h"

#include "engine/runtime.h"

/* Inverts; a buffer with the number 13 in it is a trap, by the one invocation
 * that sees it, while all others write. */
#define INVERT_TRAP_13(name, output) \
  "program workgroup(64);\n" \
  "buffer " name "\n" \
  "main { let i = invocation_id.x;\n" \
  "  if i < len(" output ") {\n" \
  "    let v = input[i];\n" \
  "    " output "[i] = ~v;\n" \
  "    if v == 13 { trap(i, \"unlucky\"); } } }\n"
#define PROGRAM_INVERT_TRAP_13 \
  INVERT_TRAP_13 ("input: readonly u32[] @0;\n" \
                  "buffer output: readwrite u32[] @1;", \
      "output")
#define PROGRAM_INVERT_TRAP_13_IN_PLACE \
  INVERT_TRAP_13 ("input: readwrite u32[] @0;", "input")

/* Counts bytes; 255 is a trap, once it is counted. */
#define PROGRAM_HISTOGRAM_TRAP_255 \
  "program workgroup(64);\n" \
  "buffer input: readonly u8[] @0;\n" \
  "buffer histogram: readwrite u32[256] @1;\n" \
  "main { let i = invocation_id.x;\n" \
  "  if i < len(input) {\n" \
  "    let v = u32(input[i]);\n" \
  "    let before = atomic_add(histogram[v], 1);\n" \
  "    if v == 255 { trap(i, \"byte\"); } } }\n"

#define WORDS 700

static Interp *
play (const char *program, const char *bindings, const char *on_fault)
{
  GstElement *element = interp_element (program, bindings);

  gst_util_set_object_arg (G_OBJECT (element), "on-fault", on_fault);
  return interp_play (element);
}

/* Element warnings so far. */
static guint
count_warnings (Interp *self)
{
  guint n = 0;
  GstMessage *message;

  while ((message = gst_bus_pop_filtered (
              self->bus, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR))) {
    g_autoptr (GError) error = NULL;
    g_autofree char *debug = NULL;

    g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, GST_MESSAGE_WARNING);
    gst_message_parse_warning (message, &error, &debug);
    g_test_message ("%s (%s)", error->message, debug);
    g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED);
    gst_message_unref (message);
    n++;
  }
  return n;
}

static gboolean
is_bad (guint i)
{
  return i % 7 == 3 || i == 50 || i == 51 || i == 59;
}

/* The words of buffer i, of which one is 13 if it is a bad one. */
static guint32 *
words_of (guint i)
{
  guint32 *words = g_new (guint32, WORDS);

  for (guint k = 0; k < WORDS; k++)
    words[k] = 1000 * (i + 1) + k;
  if (is_bad (i))
    words[i * 11 % WORDS] = 13;
  return words;
}

static void
check_policy (
    const char *program, const char *on_fault, GstAllocator *allocator)
{
  const guint n = 60;
  Interp *self = play (program, NULL, on_fault);
  gboolean pass = g_str_equal (on_fault, "pass");
  gboolean gap = FALSE;
  guint bad = 0;

  for (guint i = 0; i < n; i++) {
    g_autofree guint32 *words = words_of (i);
    GstBuffer *buffer = gst_buffer_new_allocate (allocator, WORDS * 4, NULL);

    gst_buffer_fill (buffer, 0, words, WORDS * 4);
    GST_BUFFER_PTS (buffer) = i * GST_MSECOND;
    GST_BUFFER_OFFSET (buffer) = i;
    g_assert_cmpint (gst_harness_push (self->harness, buffer), ==, GST_FLOW_OK);
  }
  gst_harness_push_event (self->harness, gst_event_new_eos ());
  for (guint i = 0; i < n; i++) {
    g_autofree guint32 *words = words_of (i);
    GstBuffer *buffer;

    bad += is_bad (i);
    if (is_bad (i) && !pass) {
      gap = TRUE;
      continue;
    }
    buffer = gst_harness_pull (self->harness);
    g_assert_nonnull (buffer);
    g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, i * GST_MSECOND);
    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, i);
    g_assert_cmpint (GST_BUFFER_IS_DISCONT (buffer), ==, gap);
    gap = FALSE;
    for (guint k = 0; k < WORDS && !is_bad (i); k++)
      words[k] = ~words[k];
    assert_buffer (buffer, (const guint8 *) words, WORDS * 4);
  }
  while (interp_stat (self->element, "in-flight") > 0)
    g_usleep (1000);
  g_assert_cmpuint (interp_stat (self->element, "faults"), ==, bad);
  g_assert_cmpuint (interp_stat (self->element, "windows"), ==, n);
  g_assert_cmpuint (
      interp_stat (self->element, "buffers-out"), ==, pass ? n : n - bad);
  g_assert_cmpuint (gst_harness_buffers_in_queue (self->harness), ==, 0);
  bad = count_warnings (self);
  g_assert_cmpuint (bad, >=, 1);
  g_assert_cmpuint (bad, <=, 6);
  interp_free (self);
}

static void
test_drop (void)
{
  check_policy (PROGRAM_INVERT_TRAP_13, "drop", NULL);
  check_policy (PROGRAM_INVERT_TRAP_13_IN_PLACE, "drop", NULL);
}

static void
test_pass (void)
{
  check_policy (PROGRAM_INVERT_TRAP_13, "pass", NULL);
  check_policy (PROGRAM_INVERT_TRAP_13_IN_PLACE, "pass", NULL);
}

/* Memory that the GPU could write to where it is. */
static void
test_arena_memory (void)
{
  static const char *const programs[] = { PROGRAM_INVERT_TRAP_13,
    PROGRAM_INVERT_TRAP_13_IN_PLACE };

  for (guint i = 0; i < G_N_ELEMENTS (programs); i++) {
    Interp *self = play (programs[i], NULL, "pass");
    GstQuery *query = gst_query_new_allocation (NULL, FALSE);
    GstAllocator *allocator = NULL;

    g_assert_true (gst_pad_peer_query (self->harness->srcpad, query));
    gst_query_parse_nth_allocation_param (query, 0, &allocator, NULL);
    gst_query_unref (query);
    interp_free (self);
    check_policy (programs[i], "pass", allocator);
    check_policy (programs[i], "drop", allocator);
    gst_object_unref (allocator);
  }
}

/* --- kept buffers ---------------------------------------------------------- */

static void
check_histogram (const char *on_fault)
{
  GstElement *element =
      interp_element (PROGRAM_HISTOGRAM_TRAP_255, "histogram=keep");
  guint32 counts[256] = { 0 };
  guint32 *words;
  guint bad = 0;
  GstMessage *message;
  Interp *self;

  gst_util_set_object_arg (G_OBJECT (element), "on-fault", on_fault);
  self = interp_play (element);
  for (guint i = 0; i < 60; i++) {
    gsize size = 1 + i * 997 % 20000;
    g_autofree guint8 *noise = support_noise (size);

    for (gsize j = 0; j < size; j++) {
      if (noise[j] == 255)
        noise[j] = 0;
    }
    if (is_bad (i)) {
      noise[i * 131 % size] = 255;
      bad++;
    } else {
      for (gsize j = 0; j < size; j++)
        counts[noise[j]]++;
    }
    gst_harness_push (self->harness, gst_buffer_new_memdup (noise, size));
  }
  gst_harness_push_event (self->harness, gst_event_new_eos ());
  message = gst_bus_timed_pop_filtered (
      self->bus, 60 * GST_SECOND, GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  g_assert_true (gst_message_has_name (message, "vyre-kept"));
  words = kept_words (gst_message_get_structure (message), "histogram", 256);
  g_assert_cmpmem (words, 1024, counts, 1024);
  g_assert_cmpuint (interp_stat (element, "faults"), ==, bad);
  g_free (words);
  gst_message_unref (message);
  interp_free (self);
}

/* Commutative, so that runs could overlap. */
static void
test_kept_histogram (void)
{
  check_histogram ("drop");
  check_histogram ("pass");
}

static void
test_kept_in_order (void)
{
  static const char *const policies[] = { "drop", "pass" };
  static const guint32 values[] = { 13, 1, 2, 13, 13, 4, 8, 13, 16, 13 };

  for (guint i = 0; i < G_N_ELEMENTS (policies); i++) {
    Interp *self = play (PROGRAM_SUM_TRAP_13, "sum=keep:u32:100", policies[i]);
    GstMessage *message;
    guint32 *words;

    for (guint k = 0; k < G_N_ELEMENTS (values); k++) {
      gst_harness_push (self->harness, gst_buffer_new_memdup (&values[k], 4));
      /* Passes by, and has no run to wait for. */
      gst_harness_push (self->harness, gst_buffer_new ());
    }
    gst_harness_push_event (self->harness, gst_event_new_eos ());
    message = gst_bus_timed_pop_filtered (
        self->bus, 60 * GST_SECOND, GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR);
    g_assert_true (gst_message_has_name (message, "vyre-kept"));
    words = kept_words (gst_message_get_structure (message), "sum", 1);
    g_assert_cmpuint (words[0], ==, 131);
    g_assert_cmpuint (interp_stat (self->element, "faults"), ==, 5);
    g_free (words);
    gst_message_unref (message);
    interp_free (self);
  }
}

/* After a fault, flushed, and a new stream in the same element. */
static void
test_flush_after_drop (void)
{
  Interp *self = play (PROGRAM_SUM_TRAP_13, "sum=keep", "drop");
  const guint32 words[] = { 13, 4 };
  GstBuffer *buffer;

  for (guint i = 0; i < 10; i++) {
    gst_harness_push (self->harness, gst_buffer_new_memdup (&words[0], 4));
    if (i % 2 == 0) {
      while (interp_stat (self->element, "faults") <= i / 2)
        g_usleep (1000);
    }
    gst_harness_push_event (self->harness, gst_event_new_flush_start ());
    interp_stop_flush (self);
    gst_harness_push (self->harness, gst_buffer_new_memdup (&words[1], 4));
    buffer = gst_harness_pull (self->harness);
    g_assert_false (GST_BUFFER_IS_DISCONT (buffer));
    gst_buffer_unref (buffer);
    g_assert_cmpuint (kept_word (self->element, "sum"), ==, 4);
    gst_harness_push_event (self->harness, gst_event_new_flush_start ());
    interp_stop_flush (self);
  }
  interp_free (self);
}

/* --- kinds of faults -------------------------------------------------------- */

static void
test_kinds (void)
{
  static const struct
  {
    const char *statement, *says;
  } faults[] = {
    { "trap(7, \"seven\");", "seven" },
    { "output[0] = u32(i32(input[0]) / (i32(input[0]) - 13i32));", "R08" },
    { "async_load(input, output, 0, i32(input[0]) - 14i32, \"t\");"
      " async_wait(\"t\");",
        "R06" },
    { "loop { output[0] = output[0] + 1; }", "max-steps" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (faults); i++) {
    g_autofree char *program = g_strdup_printf (
        "program workgroup(1);\n"
        "buffer input: readonly u32[] @0;\n"
        "buffer output: readwrite u32[] @1;\n"
        "main { output[0] = 1; if input[0] == 13 { %s } output[0] = 2; }\n",
        faults[i].statement);
    GstElement *element = interp_element (program, NULL);
    static const guint32 values[] = { 1, 13, 5 };
    const guint32 two = 2;
    g_autoptr (GError) error = NULL;
    GstMessage *message;
    Interp *self;

    gst_util_set_object_arg (G_OBJECT (element), "on-fault", "pass");
    g_object_set (element, "max-steps", G_GUINT64_CONSTANT (20000), NULL);
    self = interp_play (element);
    for (guint k = 0; k < 3; k++)
      gst_harness_push (self->harness, gst_buffer_new_memdup (&values[k], 4));
    for (guint k = 0; k < 3; k++)
      assert_buffer (gst_harness_pull (self->harness),
          (const guint8 *) (k == 1 ? &values[k] : &two), 4);
    message = gst_bus_pop_filtered (self->bus, GST_MESSAGE_WARNING);
    g_assert_nonnull (message);
    gst_message_parse_warning (message, &error, NULL);
    if (strstr (error->message, faults[i].says) == NULL)
      g_error ("\"%s\" does not say \"%s\"", error->message, faults[i].says);
    gst_message_unref (message);
    interp_free (self);
  }
}

/* Frames that fail, of a stream cut into them. */
static void
test_frames (void)
{
  GstElement *element =
      interp_element ("program workgroup(1);\n"
                      "buffer input: readonly u8[10] @0;\n"
                      "buffer output: readwrite u8[2] @1;\n"
                      "main { let first = u32(input[0]);\n"
                      "  output[0] = cast(u8, first);\n"
                      "  if first % 3 == 1 { trap(first, \"one\"); } }\n",
          NULL);
  guint8 data[103];
  Interp *self;

  for (guint i = 0; i < sizeof (data); i++)
    data[i] = i / 10;
  gst_util_set_object_arg (G_OBJECT (element), "on-fault", "pass");
  self = interp_play (element);
  for (guint at = 0; at < sizeof (data);) {
    guint size = MIN (7, sizeof (data) - at);
    gst_harness_push (self->harness, gst_buffer_new_memdup (data + at, size));
    at += size;
  }
  gst_harness_push_event (self->harness, gst_event_new_eos ());
  for (guint i = 0; i < 11; i++) {
    GstBuffer *buffer = gst_harness_pull (self->harness);
    const guint8 good[2] = { i, 0 };

    if (i == 10) /* the rest: 3 bytes of a frame with a fault */
      assert_buffer (buffer, data + 100, 3);
    else if (i % 3 == 1)
      assert_buffer (buffer, data + 10 * i, 10);
    else
      assert_buffer (buffer, good, 2);
  }
  g_assert_cmpuint (interp_stat (self->element, "faults"), ==, 4);
  interp_free (self);
}

/* Every buffer fails: the stream still ends in order. */
static void
test_all_fail (void)
{
  GstElement *pipeline = support_launch (
      "fakesrc num-buffers=40 sizetype=fixed sizemax=64 filltype=zero ! "
      "vyreinterp name=i on-fault=drop program=\"program workgroup(1); "
      "buffer input: readonly u32[] @0; buffer output: readwrite u32[] @1; "
      "main { trap(0, \\\"always\\\"); }\" ! fakesink async=false");
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), "i");

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  support_wait_eos (pipeline);
  g_assert_cmpuint (interp_stat (element, "faults"), ==, 40);
  g_assert_cmpuint (interp_stat (element, "buffers-out"), ==, 0);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (element);
  gst_object_unref (pipeline);
}

/* --- programs that do not end ------------------------------------------------ */

/* No slice of this one ends but at a barrier. */
#define PROGRAM_ENDLESS_BARRIERS \
  "program workgroup(64);\n" \
  "buffer input: readonly u32[] @0;\n" \
  "buffer output: readwrite u32[] @1;\n" \
  "buffer shared: workgroup u32[64];\n" \
  "main { for n in 0..4294967295 {\n" \
  "  shared[local_id.x] = input[0]; barrier; } }\n"

/* What takes about a millisecond on an idle machine. */
#define PROMPTLY (2 * G_TIME_SPAN_SECOND)

static const char *const endless_programs[] = { PROGRAM_ENDLESS,
  PROGRAM_ENDLESS_BARRIERS };

static void
assert_prompt (const char *what, gint64 start)
{
  gint64 took = g_get_monotonic_time () - start;

  g_test_message ("%s: %.1f ms", what, took / 1e3);
  g_assert_cmpint (took, <, PROMPTLY);
}

static Interp *
play_endless (const char *program)
{
  GstElement *element = interp_element (program, NULL);
  Interp *self;

  g_object_set (element, "max-steps", G_GUINT64_CONSTANT (0), NULL);
  self = interp_play (element);
  for (guint i = 0; i < 3; i++)
    gst_harness_push (self->harness, noise_buffer (4096));
  g_usleep (20000);
  g_assert_cmpuint (interp_stat (element, "in-flight"), ==, 3);
  return self;
}

static void
test_endless_ends (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (endless_programs); i++) {
    Interp *self = play_endless (endless_programs[i]);
    GstSegment segment;
    gint64 start = g_get_monotonic_time ();

    gst_harness_push_event (self->harness, gst_event_new_flush_start ());
    gst_harness_push_event (self->harness, gst_event_new_flush_stop (TRUE));
    assert_prompt ("flush", start);
    gst_segment_init (&segment, GST_FORMAT_BYTES);
    gst_harness_push_event (self->harness, gst_event_new_segment (&segment));
    for (guint k = 0; k < 3; k++)
      gst_harness_push (self->harness, noise_buffer (4096));
    g_usleep (20000);
    start = g_get_monotonic_time ();
    support_set_state (self->element, GST_STATE_NULL);
    assert_prompt ("to NULL", start);
    interp_free (self);
  }
}

/* Steps that end it, and the stream that goes on without the buffers. */
static void
test_endless_steps (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (endless_programs); i++) {
    GstElement *element = interp_element (endless_programs[i], NULL);
    Interp *self;

    gst_util_set_object_arg (G_OBJECT (element), "on-fault", "pass");
    g_object_set (element, "max-steps", G_GUINT64_CONSTANT (2000), NULL);
    self = interp_play (element);
    for (guint k = 0; k < 3; k++)
      gst_harness_push (self->harness, noise_buffer (8));
    for (guint k = 0; k < 3; k++) {
      g_autofree guint8 *noise = support_noise (8);
      assert_buffer (gst_harness_pull (self->harness), noise, 8);
    }
    g_assert_cmpuint (interp_stat (element, "faults"), ==, 3);
    interp_free (self);
  }
}

/* Another pipeline of the process, from its start to its end, while an endless
 * one runs. */
static void
test_neighbour (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (endless_programs); i++) {
    Interp *endless = play_endless (endless_programs[i]);
    g_autofree guint8 *data = NULL;
    g_autofree char *in = support_noise_file ("in", 100000, &data);
    g_autofree char *out = support_path ("out");
    gint64 start = g_get_monotonic_time ();

    support_play (
        support_launch ("filesrc location=%s blocksize=10000 ! "
                        "vyreinterp program=invert ! filesink location=%s",
            in, out));
    g_test_message ("10 buffers beside an endless program: %.1f ms",
        (g_get_monotonic_time () - start) / 1e3);
    for (gsize k = 0; k < 100000; k++)
      data[k] = ~data[k];
    support_assert_file (out, data, 100000);
    g_assert_cmpuint (interp_stat (endless->element, "in-flight"), ==, 3);
    g_assert_cmpuint (interp_stat (endless->element, "buffers-out"), ==, 0);
    start = g_get_monotonic_time ();
    support_set_state (endless->element, GST_STATE_NULL);
    assert_prompt ("to NULL", start);
    interp_free (endless);
  }
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", NULL };
  g_autoptr (VyreRuntime) runtime = NULL;

  g_setenv ("VYRE_ARENA_SIZE", "16M", TRUE);
  support_init (&argc, &argv, plugins);
  runtime = vyre_runtime_acquire (&VYRE_RUNTIME_OPTIONS_DEFAULT, NULL);
  g_assert_nonnull (runtime);

  g_test_add_func ("/interp-fault/drop", test_drop);
  g_test_add_func ("/interp-fault/pass", test_pass);
  g_test_add_func ("/interp-fault/arena-memory", test_arena_memory);
  g_test_add_func ("/interp-fault/kept-histogram", test_kept_histogram);
  g_test_add_func ("/interp-fault/kept-in-order", test_kept_in_order);
  g_test_add_func ("/interp-fault/flush-after-drop", test_flush_after_drop);
  g_test_add_func ("/interp-fault/kinds", test_kinds);
  g_test_add_func ("/interp-fault/frames", test_frames);
  g_test_add_func ("/interp-fault/all-fail", test_all_fail);
  g_test_add_func ("/interp-fault/endless-ends", test_endless_ends);
  g_test_add_func ("/interp-fault/endless-steps", test_endless_steps);
  g_test_add_func ("/interp-fault/neighbour", test_neighbour);
  return support_run ();
}
