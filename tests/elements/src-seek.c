/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "src-harness.h"

/* Seeks and states. */

#define SEEK_SIZE (4 * MIB + 321)

/* Small blocks leave as lists, unless they go backwards. */
static GstElement *
seekable (guint8 **data, guint blocksize)
{
  g_autofree char *path = support_noise_file ("original", SEEK_SIZE, data);
  GstElement *pipeline = support_launch (
      "vyresrc name=src location=%s blocksize=%u buffer-lists=true ! "
      "appsink name=sink sync=false max-buffers=4",
      path, blocksize);

  support_set_state (pipeline, GST_STATE_PAUSED);
  return pipeline;
}

/* On the pipeline, as applications do: seeks that go to an element alone race
 * with the bin's handling of lost states, whatever the source is. */
static void
seek (GstElement *pipeline, double rate, GstSeekFlags flags, gint64 start,
    gint64 stop)
{
  g_assert_true (gst_element_seek (pipeline, rate, GST_FORMAT_BYTES, flags,
      GST_SEEK_TYPE_SET, start, GST_SEEK_TYPE_SET, stop));
}

static void
test_seek_flush (void)
{
  static const guint blocks[] = { 4096, 100003, MIB };
  static const gint64 ranges[][2] = { { 0, -1 }, { 1, -1 }, { 4096, 8192 },
    { 99999, 2 * MIB + 1 }, { SEEK_SIZE - 1, -1 }, { 777, 778 } };

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++) {
    g_autofree guint8 *data = NULL;
    GstElement *pipeline = seekable (&data, blocks[i]);

    for (guint j = 0; j < G_N_ELEMENTS (ranges); j++) {
      seek (pipeline, 1.0, GST_SEEK_FLAG_FLUSH, ranges[j][0], ranges[j][1]);
      support_set_state (pipeline, GST_STATE_PLAYING);
      assert_collected (pipeline, data, ranges[j][0],
          ranges[j][1] < 0 ? SEEK_SIZE : ranges[j][1]);
    }
    finish (pipeline);
  }
}

static void
test_seek_segment (void)
{
  g_autofree guint8 *data = NULL;
  GstElement *pipeline = seekable (&data, 65536);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  GstMessage *message;
  GstFormat format;
  gint64 position;

  seek (
      pipeline, 1.0, GST_SEEK_FLAG_FLUSH | GST_SEEK_FLAG_SEGMENT, 1000, 300000);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (bytes->len < 299000) {
    GstSample *sample = pull (pipeline);
    GstMapInfo map;

    g_assert_nonnull (sample);
    gst_buffer_map (gst_sample_get_buffer (sample), &map, GST_MAP_READ);
    g_byte_array_append (bytes, map.data, map.size);
    gst_buffer_unmap (gst_sample_get_buffer (sample), &map);
    gst_sample_unref (sample);
  }
  g_assert_cmpmem (bytes->data, bytes->len, data + 1000, 299000);
  message = support_wait_message (pipeline, GST_MESSAGE_SEGMENT_DONE);
  gst_message_parse_segment_done (message, &format, &position);
  g_assert_cmpint (format, ==, GST_FORMAT_BYTES);
  g_assert_cmpint (position, ==, 300000);
  gst_message_unref (message);

  /* And on without a flush. */
  seek (pipeline, 1.0, GST_SEEK_FLAG_NONE, 2 * MIB, 2 * MIB + 50000);
  assert_collected (pipeline, data, 2 * MIB, 2 * MIB + 50000);
  finish (pipeline);
}

static void
test_seek_reverse (void)
{
  static const guint blocks[] = { 4096, 100003, MIB };
  static const gint64 ranges[][2] = { { 0, SEEK_SIZE }, { 5, 5 + 4096 },
    { 1234, 2 * MIB } };

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++) {
    g_autofree guint8 *data = NULL;
    GstElement *pipeline = seekable (&data, blocks[i]);

    for (guint j = 0; j < G_N_ELEMENTS (ranges); j++) {
      gint64 end = ranges[j][1];
      GstSample *sample;

      seek (pipeline, -1.0, GST_SEEK_FLAG_FLUSH, ranges[j][0], ranges[j][1]);
      support_set_state (pipeline, GST_STATE_PLAYING);
      while ((sample = pull (pipeline)) != NULL) {
        GstBuffer *buffer = gst_sample_get_buffer (sample);
        gint64 offset = GST_BUFFER_OFFSET (buffer);
        GstMapInfo map;

        g_assert_true (
            GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
        g_assert_cmpuint (GST_BUFFER_OFFSET_END (buffer), ==, end);
        g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
        g_assert_cmpmem (map.data, map.size, data + offset, end - offset);
        gst_buffer_unmap (buffer, &map);
        end = offset;
        gst_sample_unref (sample);
      }
      g_assert_cmpint (end, ==, ranges[j][0]);
    }
    finish (pipeline);
  }
}

static void
test_seek_storm (void)
{
  g_autofree guint8 *data = NULL;
  GstElement *pipeline = seekable (&data, 65536);
  guint32 random = 1;

  support_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 200; i++) {
    random = random * 1664525 + 1013904223;
    seek (pipeline, i % 5 == 4 ? -1.0 : 1.0, GST_SEEK_FLAG_FLUSH,
        random % (SEEK_SIZE / 2), SEEK_SIZE / 2 + random % (SEEK_SIZE / 2));
    if (i % 7 == 0) {
      GstSample *sample = pull (pipeline);

      g_assert_nonnull (sample);
      gst_sample_unref (sample);
    }
  }
  seek (pipeline, 1.0, GST_SEEK_FLAG_FLUSH, 4321, -1);
  assert_collected (pipeline, data, 4321, SEEK_SIZE);
  finish (pipeline);
}

static void
test_states (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", 6 * MIB, &data);
  GstElement *pipeline = support_launch (
      "vyresrc name=src location=%s ! queue ! appsink name=sink sync=false "
      "max-buffers=2",
      path);
  static const GstState states[] = { GST_STATE_READY, GST_STATE_PAUSED,
    GST_STATE_PLAYING };

  for (guint i = 0; i < 60; i++) {
    gst_element_set_state (pipeline, states[i % 3]);
    if (i % 4 == 0)
      g_usleep (500);
    support_set_state (pipeline, i % 2 ? GST_STATE_NULL : GST_STATE_READY);
    /* In READY the sink still has what it got. */
    if (i % 2)
      assert_arena_empty ();
  }
  support_set_state (pipeline, GST_STATE_PLAYING);
  assert_collected (pipeline, data, 0, 6 * MIB);
  g_assert_cmpuint (stat_of (pipeline, "bytes"), ==, 6 * MIB);
  finish (pipeline);
}

void
add_src_seek_tests (void)
{
  g_test_add_func ("/src/seek/flush", test_seek_flush);
  g_test_add_func ("/src/seek/segment", test_seek_segment);
  g_test_add_func ("/src/seek/reverse", test_seek_reverse);
  g_test_add_func ("/src/seek/storm", test_seek_storm);
  g_test_add_func ("/src/states", test_states);
}
