/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* vyreinterp, buffer by buffer. */

#include "interp-harness.h"

#include "engine/runtime.h"

static const gsize sizes[] = { 1, 2, 3, 4, 5, 7, 8, 63, 64, 65, 255, 256, 257,
  1000, 4095, 4096, 4097, 65536, 100003 };

static void
check_sizes (const char *program)
{
  Interp *self = interp_new (program, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_assert_cmpint (gst_harness_push (self->harness, noise_buffer (sizes[i])),
        ==, GST_FLOW_OK);
    assert_inverted (gst_harness_pull (self->harness), sizes[i]);
  }
  g_assert_cmpuint (
      interp_stat (self->element, "buffers-out"), ==, G_N_ELEMENTS (sizes));
  g_assert_cmpuint (interp_stat (self->element, "bytes-in"), ==,
      interp_stat (self->element, "bytes-out"));
  interp_free (self);
}

static void
test_sizes (void)
{
  check_sizes ("invert");
}

static void
test_sizes_in_place (void)
{
  check_sizes (PROGRAM_INVERT_IN_PLACE);
  check_sizes (PROGRAM_INVERT_BYTES_IN_PLACE);
}

static void
test_empty_buffer (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstBuffer *out;

  gst_harness_push (self->harness, noise_buffer (100));
  out = gst_buffer_new ();
  GST_BUFFER_PTS (out) = 5 * GST_SECOND;
  gst_harness_push (self->harness, out);
  gst_harness_push (self->harness, noise_buffer (200));
  assert_inverted (gst_harness_pull (self->harness), 100);
  out = gst_harness_pull (self->harness);
  g_assert_cmpuint (gst_buffer_get_size (out), ==, 0);
  g_assert_cmpuint (GST_BUFFER_PTS (out), ==, 5 * GST_SECOND);
  gst_buffer_unref (out);
  assert_inverted (gst_harness_pull (self->harness), 200);
  interp_free (self);
}

static void
test_metadata (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstCaps *reference = gst_caps_new_empty_simple ("timestamp/x-test");
  GstBuffer *parent = gst_buffer_new ();
  GstBuffer *buffer = noise_buffer (1000);

  GST_BUFFER_PTS (buffer) = 1;
  GST_BUFFER_DTS (buffer) = 2;
  GST_BUFFER_DURATION (buffer) = 3;
  GST_BUFFER_OFFSET (buffer) = 4;
  GST_BUFFER_OFFSET_END (buffer) = 5;
  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_DISCONT | GST_BUFFER_FLAG_GAP |
                                   GST_BUFFER_FLAG_DELTA_UNIT);
  gst_buffer_add_reference_timestamp_meta (buffer, reference, 6, 7);
  gst_buffer_add_parent_buffer_meta (buffer, parent);
  gst_harness_push (self->harness, buffer);
  buffer = gst_harness_pull (self->harness);

  g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, 1);
  g_assert_cmpuint (GST_BUFFER_DTS (buffer), ==, 2);
  g_assert_cmpuint (GST_BUFFER_DURATION (buffer), ==, 3);
  g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, 4);
  g_assert_cmpuint (GST_BUFFER_OFFSET_END (buffer), ==, 5);
  g_assert_true (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  g_assert_true (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DELTA_UNIT));
  g_assert_false (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_GAP));
  g_assert_nonnull (
      gst_buffer_get_reference_timestamp_meta (buffer, reference));
  /* The memory it stood for is not this buffer's. */
  g_assert_null (gst_buffer_get_parent_buffer_meta (buffer));
  assert_inverted (buffer, 1000);
  gst_buffer_unref (parent);
  gst_caps_unref (reference);
  interp_free (self);
}

/* Offsets that count bytes follow the length. */
static void
test_offsets (void)
{
  Interp *self = interp_new ("invert", "output=size:len(input)/2");
  GstBuffer *buffer = noise_buffer (1000);

  GST_BUFFER_OFFSET (buffer) = 3000;
  GST_BUFFER_OFFSET_END (buffer) = 4000;
  gst_harness_push (self->harness, buffer);
  buffer = gst_harness_pull (self->harness);
  g_assert_cmpuint (gst_buffer_get_size (buffer), ==, 500);
  g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, 1500);
  g_assert_cmpuint (GST_BUFFER_OFFSET_END (buffer), ==, 2000);
  gst_buffer_unref (buffer);
  interp_free (self);
}

static void
test_order (void)
{
  const guint n = 300;
  Interp *self = interp_new ("invert", NULL);

  for (guint i = 0; i < n; i++) {
    GstBuffer *buffer = noise_buffer (1 + i * 37 % 5000);

    GST_BUFFER_PTS (buffer) = i * GST_MSECOND;
    g_assert_cmpint (gst_harness_push (self->harness, buffer), ==, GST_FLOW_OK);
    if (i % 10 == 5)
      gst_harness_push_event (self->harness,
          gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM,
              gst_structure_new ("mark", "i", G_TYPE_UINT, i, NULL)));
  }
  gst_harness_push_event (self->harness, gst_event_new_eos ());
  for (guint i = 0; i < n; i++) {
    GstBuffer *buffer = gst_harness_pull (self->harness);

    g_assert_nonnull (buffer);
    g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, i * GST_MSECOND);
    assert_inverted (buffer, 1 + i * 37 % 5000);
  }
  g_assert_cmpuint (interp_stat (self->element, "windows"), ==, n);
  interp_free (self);
}

typedef struct
{
  GString *log;
  GMutex lock;
  GCond cond;
  gboolean eos;
} Log;

static GstPadProbeReturn
log_item (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Log *log = user_data;

  g_mutex_lock (&log->lock);
  if (info->type & GST_PAD_PROBE_TYPE_BUFFER) {
    g_string_append_c (log->log, 'b');
  } else {
    switch (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info))) {
      case GST_EVENT_CUSTOM_DOWNSTREAM:
        g_string_append_c (log->log, 'c');
        break;
      case GST_EVENT_SEGMENT:
        g_string_append_c (log->log, 's');
        break;
      case GST_EVENT_CAPS:
        g_string_append_c (log->log, 'p');
        break;
      case GST_EVENT_EOS:
        g_string_append_c (log->log, 'e');
        log->eos = TRUE;
        g_cond_signal (&log->cond);
        break;
      default:
        break;
    }
  }
  g_mutex_unlock (&log->lock);
  return GST_PAD_PROBE_OK;
}

static void
test_events_keep_their_place (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstPad *pad = gst_element_get_static_pad (self->element, "src");
  GstCaps *caps = gst_caps_new_empty_simple ("application/x-other");
  GstSegment segment;
  Log log = { g_string_new (NULL) };

  gst_harness_push (self->harness, noise_buffer (100));
  gst_buffer_unref (gst_harness_pull (self->harness));
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, log_item,
      &log, NULL);
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  for (guint i = 0; i < 5; i++)
    gst_harness_push (self->harness, noise_buffer (50000));
  gst_harness_push_event (
      self->harness, gst_event_new_custom (GST_EVENT_CUSTOM_DOWNSTREAM, NULL));
  gst_harness_push (self->harness, noise_buffer (50000));
  gst_harness_push_event (self->harness, gst_event_new_caps (caps));
  gst_harness_push (self->harness, noise_buffer (50000));
  gst_harness_push_event (self->harness, gst_event_new_segment (&segment));
  gst_harness_push (self->harness, noise_buffer (50000));
  gst_harness_push (self->harness, noise_buffer (50000));
  gst_harness_push_event (self->harness, gst_event_new_eos ());

  g_mutex_lock (&log.lock);
  while (!log.eos)
    g_cond_wait (&log.cond, &log.lock);
  g_mutex_unlock (&log.lock);
  g_assert_cmpstr (log.log->str, ==, "bbbbbcbpbsbbe");
  g_assert_cmpint (
      gst_harness_push (self->harness, noise_buffer (10)), ==, GST_FLOW_EOS);
  g_string_free (log.log, TRUE);
  gst_caps_unref (caps);
  gst_object_unref (pad);
  interp_free (self);
}

/* A new stream after EOS. */
static void
test_stream_after_eos (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstSegment segment;

  gst_segment_init (&segment, GST_FORMAT_BYTES);
  for (guint i = 0; i < 20; i++) {
    gst_harness_push (self->harness, noise_buffer (100 + i));
    gst_harness_push_event (self->harness, gst_event_new_eos ());
    gst_harness_push_event (
        self->harness, gst_event_new_stream_start ("again"));
    gst_harness_push_event (self->harness, gst_event_new_segment (&segment));
  }
  for (guint i = 0; i < 20; i++)
    assert_inverted (gst_harness_pull (self->harness), 100 + i);
  interp_free (self);
}

static void
test_caps_pass (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstCaps *caps;

  gst_harness_set_src_caps_str (self->harness, "video/x-test, width=16");
  gst_harness_push (self->harness, noise_buffer (100));
  assert_inverted (gst_harness_pull (self->harness), 100);
  caps = gst_pad_get_current_caps (self->harness->sinkpad);
  g_assert_true (gst_structure_has_name (
      gst_caps_get_structure (caps, 0), "video/x-test"));
  gst_caps_unref (caps);
  interp_free (self);
}

/* --- bindings ------------------------------------------------------------- */

static void
test_bound_data (void)
{
  Interp *self = interp_new ("xor-key", "key=hex:0102030405");
  guint8 data[23], expected[23];

  for (guint i = 0; i < sizeof (data); i++) {
    data[i] = i * 7;
    expected[i] = data[i] ^ (1 + i % 5);
  }
  gst_harness_push (self->harness, gst_buffer_new_memdup (data, sizeof (data)));
  assert_buffer (gst_harness_pull (self->harness), expected, sizeof (data));
  interp_free (self);
}

/* A buffer that the program changes starts each run as it was bound. */
static void
test_bound_data_is_fresh (void)
{
  Interp *self = interp_new ("program workgroup(1);\n"
                             "buffer input: readonly u32[] @0;\n"
                             "buffer counter: readwrite u32[1] @1;\n"
                             "buffer scratch: readwrite u32[1] @2;\n"
                             "buffer output: readwrite u32[] @3;\n"
                             "main { if invocation_id.x == 0 {\n"
                             "  counter[0] = counter[0] + 1;\n"
                             "  scratch[0] = scratch[0] + 1;\n"
                             "  output[0] = counter[0];\n"
                             "  output[1] = scratch[0]; } }\n",
      "counter=u32:41,scratch=zeros,output=size:8");
  const guint32 expected[] = { 42, 1 };

  for (guint i = 0; i < 10; i++) {
    gst_harness_push (self->harness, noise_buffer (4));
    assert_buffer (
        gst_harness_pull (self->harness), (const guint8 *) expected, 8);
  }
  interp_free (self);
}

/* What the program does not write is zero, not what the memory held before. */
static void
test_output_starts_as_zeros (void)
{
  Interp *self =
      interp_new ("program workgroup(1);\n"
                  "buffer input: readonly u32[] @0;\n"
                  "buffer output: readwrite u32[] @1;\n"
                  "main { if invocation_id.x == 0 { output[1] = 7; } }\n",
          NULL);
  guint32 expected[64] = { 0, 7 };

  for (guint i = 0; i < 10; i++) {
    gst_harness_push (self->harness, noise_buffer (256));
    assert_buffer (
        gst_harness_pull (self->harness), (const guint8 *) expected, 256);
  }
  interp_free (self);
}

static void
test_kept_histogram (void)
{
  GstElement *element = interp_element ("histogram256", "histogram=keep");
  Interp *self;
  guint32 counts[256] = { 0 };
  guint32 *words;
  GstMessage *message;
  GstStructure *kept;

  gst_object_ref (element);
  self = interp_play (element);
  for (guint i = 0; i < 50; i++) {
    gsize size = 1 + i * 997 % 20000;
    g_autofree guint8 *noise = support_noise (size);

    for (gsize j = 0; j < size; j++)
      counts[noise[j]]++;
    gst_harness_push (self->harness, noise_buffer (size));
  }
  gst_harness_push_event (self->harness, gst_event_new_eos ());
  message = gst_bus_timed_pop_filtered (
      self->bus, 20 * GST_SECOND, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  g_assert_true (gst_message_has_name (message, "vyre-kept"));
  words = kept_words (gst_message_get_structure (message), "histogram", 256);
  g_assert_cmpmem (words, 1024, counts, 1024);
  g_free (words);
  gst_message_unref (message);

  g_signal_emit_by_name (element, "post-kept");
  message = gst_bus_timed_pop_filtered (self->bus, 0, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  gst_message_unref (message);
  /* Still there when all is over. */
  interp_free (self);
  g_object_get (element, "kept", &kept, NULL);
  words = kept_words (kept, "histogram", 256);
  g_assert_cmpmem (words, 1024, counts, 1024);
  g_free (words);
  gst_structure_free (kept);
  gst_object_unref (element);
}

static guint32
crc32_of (guint32 crc, const guint8 *data, gsize size)
{
  crc = ~crc;
  for (gsize i = 0; i < size; i++) {
    crc ^= data[i];
    for (guint bit = 0; bit < 8; bit++)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc;
}

/* Each buffer needs the result of the one before. */
static void
test_kept_in_order (void)
{
  Interp *self = interp_new ("crc32", "crc=keep");
  guint32 crc = 0;
  GstMessage *message;

  for (guint i = 0; i < 10; i++) {
    gsize size = 1 + i * 997 % 2000;
    g_autofree guint8 *noise = support_noise (size);

    crc = crc32_of (crc, noise, size);
    gst_harness_push (self->harness, noise_buffer (size));
  }
  gst_harness_push_event (self->harness, gst_event_new_eos ());
  message = gst_bus_timed_pop_filtered (
      self->bus, 20 * GST_SECOND, GST_MESSAGE_ELEMENT);
  g_assert_nonnull (message);
  gst_message_unref (message);
  g_assert_cmphex (kept_word (self->element, "crc"), ==, crc);
  interp_free (self);
}

static void
test_kept_initial_contents (void)
{
  Interp *self = interp_new (PROGRAM_SUM_TRAP_13, "sum=keep:u32:100");
  const guint32 word = 5;

  gst_harness_push (self->harness, gst_buffer_new_memdup (&word, 4));
  gst_buffer_unref (gst_harness_pull (self->harness));
  g_assert_cmpuint (kept_word (self->element, "sum"), ==, 105);
  interp_free (self);
}

/* --- frames ---------------------------------------------------------------- */

#define PROGRAM_FRAMES \
  "program workgroup(64);\n" \
  "buffer input: readonly u8[100] @0;\n" \
  "buffer output: readwrite u8[50] @1;\n" \
  "main { let i = invocation_id.x;\n" \
  "  if i < len(output) {\n" \
  "    output[i] = cast(u8, u32(input[2 * i]) + u32(input[2 * i + 1])); } }\n"

static void
check_frames (const char *tail, gsize piece, gsize total, gsize expected_size)
{
  GstElement *element = interp_element (PROGRAM_FRAMES, NULL);
  g_autofree guint8 *noise = support_noise (total);
  g_autofree guint8 *expected = g_malloc0 (total + 100);
  GByteArray *got = g_byte_array_new ();
  Interp *self;

  noise = g_realloc (noise, total + 100);
  memset (noise + total, 0, 100);
  for (gsize i = 0; i < total / 2 + 50; i++)
    expected[i] = noise[2 * i] + noise[2 * i + 1];
  gst_util_set_object_arg (G_OBJECT (element), "tail", tail);
  self = interp_play (element);
  for (gsize at = 0; at < total; at += piece) {
    GstBuffer *buffer =
        gst_buffer_new_memdup (noise + at, MIN (piece, total - at));

    /* 1 ms a byte. */
    GST_BUFFER_PTS (buffer) = at * GST_MSECOND;
    GST_BUFFER_DURATION (buffer) = MIN (piece, total - at) * GST_MSECOND;
    GST_BUFFER_OFFSET (buffer) = at;
    GST_BUFFER_OFFSET_END (buffer) = at + MIN (piece, total - at);
    g_assert_cmpint (gst_harness_push (self->harness, buffer), ==, GST_FLOW_OK);
  }
  gst_harness_push_event (self->harness, gst_event_new_eos ());
  while (got->len < expected_size) {
    GstBuffer *buffer = gst_harness_pull (self->harness);
    GstMapInfo map;

    g_assert_nonnull (buffer);
    g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, 2 * got->len * GST_MSECOND);
    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, got->len);
    gst_buffer_map (buffer, &map, GST_MAP_READ);
    g_byte_array_append (got, map.data, map.size);
    gst_buffer_unmap (buffer, &map);
    gst_buffer_unref (buffer);
  }
  g_assert_cmpmem (got->data, got->len, expected, expected_size);
  g_byte_array_unref (got);
  interp_free (self);
}

static void
test_frames (void)
{
  static const gsize pieces[] = { 1, 7, 50, 99, 100, 101, 200, 1000 };

  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++) {
    check_frames ("pad", pieces[i], 700, 350);
    check_frames ("pad", pieces[i], 731, 366);
    check_frames ("drop", pieces[i], 731, 350);
  }
}

static void
test_frames_tail_error (void)
{
  GstElement *element = interp_element (PROGRAM_FRAMES, NULL);
  g_autoptr (GError) error = NULL;
  GstMessage *message;
  Interp *self;

  gst_util_set_object_arg (G_OBJECT (element), "tail", "error");
  self = interp_play (element);
  gst_harness_push (self->harness, noise_buffer (250));
  gst_buffer_unref (gst_harness_pull (self->harness));
  gst_buffer_unref (gst_harness_pull (self->harness));
  gst_harness_push_event (self->harness, gst_event_new_eos ());
  message = gst_bus_timed_pop_filtered (
      self->bus, 20 * GST_SECOND, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED);
  gst_message_unref (message);
  interp_free (self);
}

/* --- limits and faults ------------------------------------------------------ */

static void
assert_stream_error (Interp *self, GQuark domain, gint code, const char *says)
{
  GstFlowReturn ret;

  assert_error_message (gst_bus_timed_pop_filtered (
                            self->bus, 20 * GST_SECOND, GST_MESSAGE_ERROR),
      domain, code, says);
  ret = gst_harness_push (self->harness, noise_buffer (4));
  g_assert_cmpint (ret, ==, GST_FLOW_ERROR);
}

static void
test_fault (void)
{
  Interp *self = interp_new (PROGRAM_SUM_TRAP_13, "sum=keep");
  const guint32 words[] = { 1, 2, 13 };

  for (guint i = 0; i < 3; i++)
    gst_harness_push (self->harness, gst_buffer_new_memdup (&words[i], 4));
  assert_stream_error (
      self, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, "unlucky");
  g_assert_cmpuint (interp_stat (self->element, "faults"), ==, 1);
  /* As before the run that failed. */
  g_assert_cmpuint (kept_word (self->element, "sum"), ==, 3);
  interp_free (self);
}

static void
test_max_steps (void)
{
  GstElement *element = interp_element (PROGRAM_ENDLESS, NULL);
  Interp *self;

  g_object_set (element, "max-steps", G_GUINT64_CONSTANT (10000), NULL);
  self = interp_play (element);
  gst_harness_push (self->harness, noise_buffer (4));
  assert_stream_error (
      self, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED, "max-steps");
  interp_free (self);
}

static void
test_max_output_bytes (void)
{
  GstElement *element =
      interp_element ("invert", "output=size:len(input)*1000");
  Interp *self;

  g_object_set (element, "max-output-bytes", G_GUINT64_CONSTANT (4096), NULL);
  self = interp_play (element);
  g_assert_cmpint (
      gst_harness_push (self->harness, noise_buffer (4)), ==, GST_FLOW_OK);
  g_assert_cmpint (
      gst_harness_push (self->harness, noise_buffer (5)), ==, GST_FLOW_ERROR);
  assert_stream_error (self, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
      "max-output-bytes");
  interp_free (self);
}

static void
test_larger_than_arena (void)
{
  Interp *self = interp_new ("invert", NULL);

  g_assert_cmpint (
      gst_harness_push (self->harness, noise_buffer (17 * 1024 * 1024)), ==,
      GST_FLOW_ERROR);
  assert_stream_error (
      self, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "VYRE_ARENA_SIZE");
  interp_free (self);
}

static void
drain (Interp *self)
{
  GstQuery *query = gst_query_new_drain ();

  gst_pad_peer_query (self->harness->srcpad, query);
  gst_query_unref (query);
}

static void
test_queries (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstQuery *query = gst_query_new_scheduling ();
  GstClockTime latency;

  g_assert_true (gst_pad_peer_query (self->harness->sinkpad, query));
  g_assert_true (gst_query_has_scheduling_mode (query, GST_PAD_MODE_PUSH));
  g_assert_false (gst_query_has_scheduling_mode (query, GST_PAD_MODE_PULL));
  gst_query_unref (query);
  /* Waits for what is before it. */
  gst_harness_push (self->harness, noise_buffer (100000));
  drain (self);
  g_assert_cmpuint (interp_stat (self->element, "buffers-out"), ==, 1);
  g_assert_cmpuint (interp_stat (self->element, "in-flight"), ==, 0);
  gst_harness_set_upstream_latency (self->harness, 40 * GST_MSECOND);
  latency = gst_harness_query_latency (self->harness);
  /* Known once one has been waited for, which a busy machine may prevent. */
  for (guint i = 0; i < 100 && latency == 40 * GST_MSECOND; i++) {
    gst_harness_push (self->harness, noise_buffer (100000));
    drain (self);
    latency = gst_harness_query_latency (self->harness);
  }
  g_assert_cmpuint (latency, >, 40 * GST_MSECOND);
  g_assert_cmpuint (latency, <, 10 * GST_SECOND);
  interp_free (self);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", NULL };
  g_autoptr (VyreRuntime) runtime = NULL;

  g_setenv ("VYRE_ARENA_SIZE", "16M", TRUE);
  support_init (&argc, &argv, plugins);
  /* Not every test has to start one of its own. */
  runtime = vyre_runtime_acquire (&VYRE_RUNTIME_OPTIONS_DEFAULT, NULL);
  g_assert_nonnull (runtime);

  g_test_add_func ("/interp/sizes", test_sizes);
  g_test_add_func ("/interp/sizes-in-place", test_sizes_in_place);
  g_test_add_func ("/interp/empty-buffer", test_empty_buffer);
  g_test_add_func ("/interp/metadata", test_metadata);
  g_test_add_func ("/interp/offsets", test_offsets);
  g_test_add_func ("/interp/order", test_order);
  g_test_add_func ("/interp/events", test_events_keep_their_place);
  g_test_add_func ("/interp/stream-after-eos", test_stream_after_eos);
  g_test_add_func ("/interp/caps", test_caps_pass);
  add_interp_memory_tests ();
  g_test_add_func ("/interp/bound-data", test_bound_data);
  g_test_add_func ("/interp/bound-data-fresh", test_bound_data_is_fresh);
  g_test_add_func ("/interp/output-zeros", test_output_starts_as_zeros);
  g_test_add_func ("/interp/kept-histogram", test_kept_histogram);
  g_test_add_func ("/interp/kept-in-order", test_kept_in_order);
  g_test_add_func ("/interp/kept-initial", test_kept_initial_contents);
  g_test_add_func ("/interp/frames", test_frames);
  g_test_add_func ("/interp/frames-tail-error", test_frames_tail_error);
  g_test_add_func ("/interp/fault", test_fault);
  g_test_add_func ("/interp/max-steps", test_max_steps);
  g_test_add_func ("/interp/max-output-bytes", test_max_output_bytes);
  g_test_add_func ("/interp/larger-than-arena", test_larger_than_arena);
  g_test_add_func ("/interp/queries", test_queries);
  return support_run ();
}
