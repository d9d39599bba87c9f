/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <gst/app/gstappsink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ingest/arena.h"
#include "support.h"

#define MIB (1024 * 1024)
/* Small, so that hoarding it takes a small file. */
#define ARENA "16M"
#define ARENA_SIZE (16 * MIB)

static gsize
arena_used (void)
{
  g_autoptr (VyreArena) arena = vyre_arena_get_process (NULL);
  gsize used;

  vyre_arena_get_usage (arena, &used, NULL, NULL);
  return used;
}

/* A bin's own threads may hold a last reference to an element for a moment. */
static void
assert_arena_empty (void)
{
  for (guint i = 0; i < 1000 && arena_used () > 0; i++)
    g_usleep (2000);
  g_assert_cmpuint (arena_used (), ==, 0);
}

static GstElement *
get (GstElement *pipeline, const char *name)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);

  g_assert_nonnull (element);
  gst_object_unref (element); /* the pipeline keeps it */
  return element;
}

static GstStructure *
get_stats (GstElement *pipeline)
{
  GstStructure *stats;

  g_object_get (get (pipeline, "src"), "stats", &stats, NULL);
  g_assert_nonnull (stats);
  g_assert_cmpstr (
      gst_structure_get_name (stats), ==, "application/x-vyre-src-stats");
  return stats;
}

static guint64
stat_of (GstElement *pipeline, const char *field)
{
  GstStructure *stats = get_stats (pipeline);
  guint64 value;

  g_assert_true (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  return value;
}

static GstSample *
pull (GstElement *pipeline)
{
  return gst_app_sink_try_pull_sample (
      GST_APP_SINK (get (pipeline, "sink")), 20 * GST_SECOND);
}

/* All that the appsink gets until EOS, in one array; checks that offsets are
 * those of the bytes. */
static GByteArray *
collect (GstElement *pipeline)
{
  GByteArray *bytes = g_byte_array_new ();
  GstElement *sink = get (pipeline, "sink");
  GstSample *sample;
  guint64 expect = GST_BUFFER_OFFSET_NONE;

  while ((sample = pull (pipeline)) != NULL) {
    GstBuffer *buffer = gst_sample_get_buffer (sample);
    GstMapInfo map;

    g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
    g_byte_array_append (bytes, map.data, map.size);
    if (expect != GST_BUFFER_OFFSET_NONE)
      g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, expect);
    expect = GST_BUFFER_OFFSET_END (buffer);
    g_assert_cmpuint (expect, ==, GST_BUFFER_OFFSET (buffer) + map.size);
    gst_buffer_unmap (buffer, &map);
    gst_sample_unref (sample);
  }
  g_assert_true (gst_app_sink_is_eos (GST_APP_SINK (sink)));
  return bytes;
}

static void
assert_collected (
    GstElement *pipeline, const guint8 *data, gsize from, gsize to)
{
  g_autoptr (GByteArray) bytes = collect (pipeline);

  g_assert_cmpmem (bytes->data, bytes->len, data + from, to - from);
}

static void
finish (GstElement *pipeline)
{
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  assert_arena_empty ();
}

/* --- whole files ----------------------------------------------------------- */

static void
test_copy (gconstpointer user_data)
{
  const char *mode = user_data;
  static const gsize sizes[] = { 0, 1, 4095, 4096, 4097, 100003, 3 * MIB + 17 };
  static const guint blocks[] = { 4096, 65536, MIB, 100003, 1000 };
  g_autofree char *copy = support_path ("copy");

  if (strcmp (mode, "direct") == 0 && !support_has_direct_io ()) {
    g_test_skip ("the temporary folder takes no O_DIRECT");
    return;
  }
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree guint8 *data = NULL;
    g_autofree char *path = support_noise_file ("original", sizes[i], &data);

    for (guint j = 0; j < G_N_ELEMENTS (blocks); j++) {
      GstElement *pipeline = support_launch (
          "vyresrc name=src location=%s blocksize=%u io-mode=%s ! "
          "filesink location=%s",
          path, blocks[j], mode, copy);

      gst_element_set_state (pipeline, GST_STATE_PLAYING);
      support_wait_eos (pipeline);
      support_set_state (pipeline, GST_STATE_NULL);
      support_assert_file (copy, data, sizes[i]);
      g_assert_cmpuint (stat_of (pipeline, "bytes"), ==, sizes[i]);
      if (blocks[j] >= 4096)
        g_assert_cmpuint (stat_of (pipeline, "copied-bytes"), ==, 0);
      finish (pipeline);
    }
  }
}

static void
count_bytes (GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer total)
{
  *(guint64 *) total += gst_buffer_get_size (buffer);
}

static void
test_fakesink (void)
{
  g_autofree char *path = support_noise_file ("original", 5 * MIB + 1, NULL);
  GstElement *pipeline = support_launch (
      "vyresrc location=%s ! fakesink name=sink signal-handoffs=true", path);
  guint64 total = 0;

  g_signal_connect (
      get (pipeline, "sink"), "handoff", G_CALLBACK (count_bytes), &total);
  support_play (pipeline);
  g_assert_cmpuint (total, ==, 5 * MIB + 1);
  assert_arena_empty ();
}

static void
test_tee (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", 20 * MIB + 3, &data);
  g_autofree char *one = support_path ("one"), *two = support_path ("two");

  support_play (support_launch ("vyresrc location=%s blocksize=65536 ! "
                                "tee name=t ! queue ! filesink location=%s "
                                "t. ! queue ! filesink location=%s",
      path, one, two));
  support_assert_file (one, data, 20 * MIB + 3);
  support_assert_file (two, data, 20 * MIB + 3);
  assert_arena_empty ();
}

/* Small buffers of whole pages share reads and blocks, and no page. */
static void
test_shared_reads (void)
{
  static const guint blocks[] = { 4096, 12288, 65536 };
  const gsize size = 3 * MIB + 4097;
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", size, &data);

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++) {
    GstElement *pipeline = support_launch (
        "vyresrc name=src location=%s blocksize=%u ! appsink name=sink "
        "sync=false max-buffers=2",
        path, blocks[i]);
    gsize offset = 0, before, most;
    GstSample *sample;

    support_set_state (pipeline, GST_STATE_PLAYING);
    while ((sample = pull (pipeline)) != NULL) {
      GstBuffer *buffer = gst_sample_get_buffer (sample);
      gsize expected = MIN (blocks[i], size - offset);
      GstMapInfo map;

      g_assert_cmpuint (gst_buffer_n_memory (buffer), ==, 1);
      g_assert_cmpuint (
          gst_buffer_get_sizes (buffer, &before, &most), ==, expected);
      g_assert_cmpuint (before, ==, 0);
      /* The last may have a block of its own. */
      if (offset + expected < size)
        g_assert_cmpuint (most, ==, blocks[i]);
      g_assert_false (
          GST_MEMORY_IS_READONLY (gst_buffer_peek_memory (buffer, 0)));
      g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, offset);
      g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
      g_assert_cmpmem (map.data, map.size, data + offset, expected);
      gst_buffer_unmap (buffer, &map);
      offset += expected;
      /* What comes later must not see this. */
      g_assert_true (gst_memory_map (
          gst_buffer_peek_memory (buffer, 0), &map, GST_MAP_WRITE));
      memset (map.data, 0, map.maxsize);
      gst_memory_unmap (gst_buffer_peek_memory (buffer, 0), &map);
      gst_sample_unref (sample);
    }
    support_set_state (pipeline, GST_STATE_NULL);
    g_assert_cmpuint (offset, ==, size);
    g_assert_cmpuint (stat_of (pipeline, "copied-bytes"), ==, 0);
    g_assert_cmpuint (stat_of (pipeline, "reads"), <=, size / 196608 + 10);
    finish (pipeline);
  }
  assert_arena_empty ();
}

static void
test_no_copy (void)
{
  g_autofree char *path = support_noise_file ("original", 3 * MIB + 5, NULL);
  GstElement *pipeline = support_launch (
      "vyresrc name=src location=%s blocksize=100003 ! appsink name=sink "
      "sync=false max-buffers=2",
      path);
  g_autofree char *io_path = NULL;
  GstStructure *stats;
  GstSample *sample;

  support_set_state (pipeline, GST_STATE_PLAYING);
  while ((sample = pull (pipeline)) != NULL) {
    GstBuffer *buffer = gst_sample_get_buffer (sample);
    GstMemory *memory = gst_buffer_peek_memory (buffer, 0);

    g_assert_cmpuint (gst_buffer_n_memory (buffer), ==, 1);
    g_assert_true (gst_memory_is_type (memory, "VyreMemory"));
    g_assert_false (GST_MEMORY_IS_READONLY (memory));
    g_assert_cmpuint (memory->offset, ==, 0);
    gst_sample_unref (sample);
  }
  stats = get_stats (pipeline);
  g_assert_true (
      gst_structure_get (stats, "io-path", G_TYPE_STRING, &io_path, NULL));
  g_assert_cmpstr (io_path, !=, "none");
  g_assert_cmpstr (gst_structure_get_string (stats, "arena"), ==, "host");
  gst_structure_free (stats);
  g_assert_cmpuint (stat_of (pipeline, "copied-buffers"), ==, 0);
  finish (pipeline);
}

static void
test_num_buffers (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", MIB, &data);
  GstElement *pipeline = support_launch (
      "vyresrc location=%s blocksize=10000 num-buffers=7 do-timestamp=true ! "
      "appsink name=sink sync=false",
      path);

  support_set_state (pipeline, GST_STATE_PLAYING);
  assert_collected (pipeline, data, 0, 70000);
  finish (pipeline);
}

static void
test_blocksizes_at_the_edge (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", 3 * MIB, &data);
  static const char *const sizes[] = { "0", "4294967295", "1", "9000000" };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    /* One byte at a time is slow: a part will do. */
    gsize end = sizes[i][0] == '1' ? 5000 : 3 * MIB;
    GstElement *pipeline = support_launch (
        "vyresrc location=%s name=src blocksize=%s num-buffers=%d ! "
        "appsink name=sink sync=false",
        path, sizes[i], sizes[i][0] == '1' ? 5000 : -1);

    support_set_state (pipeline, GST_STATE_PLAYING);
    assert_collected (pipeline, data, 0, end);
    finish (pipeline);
  }
}

/* --- seeks ----------------------------------------------------------------- */

#define SEEK_SIZE (4 * MIB + 321)

static GstElement *
seekable (guint8 **data, guint blocksize)
{
  g_autofree char *path = support_noise_file ("original", SEEK_SIZE, data);
  GstElement *pipeline = support_launch (
      "vyresrc name=src location=%s blocksize=%u ! appsink name=sink "
      "sync=false max-buffers=4",
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

/* --- memory ------------------------------------------------------------------ */

/* Somebody downstream who keeps everything must not stop the source. */
static void
test_hoard (void)
{
  gsize size = 40 * MIB + 77;
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", size, &data);
  static const char *const sinks[] = { "queue2 max-size-bytes=0 "
                                       "max-size-buffers=0 max-size-time=0 ! "
                                       "appsink name=sink sync=false "
                                       "max-buffers=0 wait-on-eos=false",
    "appsink name=sink sync=false max-buffers=0 wait-on-eos=false" };

  for (guint i = 0; i < G_N_ELEMENTS (sinks); i++) {
    GstElement *pipeline =
        support_launch ("vyresrc name=src location=%s blocksize=%d ! %s", path,
            i == 0 ? MIB : 300001, sinks[i]);

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    /* Posted when the sink has it all and gave nothing away. */
    support_wait_eos (pipeline);
    g_assert_cmpuint (stat_of (pipeline, "copied-buffers"), >, 0);
    g_assert_cmpuint (
        stat_of (pipeline, "copied-bytes"), >=, size - ARENA_SIZE);
    g_assert_cmpuint (arena_used (), <, ARENA_SIZE);
    g_assert_cmpuint (arena_used (), >, ARENA_SIZE / 2);
    assert_collected (pipeline, data, 0, size);
    finish (pipeline);
  }
}

/* Nor one who has taken all of the arena before it starts. */
static void
test_full_arena (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", 2 * MIB, &data);
  g_autoptr (VyreArena) arena = vyre_arena_get_process (NULL);
  g_autoptr (GPtrArray) blocks =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vyre_block_unref);
  GstElement *pipeline = support_launch (
      "vyresrc name=src location=%s blocksize=65536 ! appsink name=sink "
      "sync=false",
      path);
  VyreBlock *block;

  while ((block = vyre_arena_alloc (arena, MIB)) != NULL)
    g_ptr_array_add (blocks, block);
  support_set_state (pipeline, GST_STATE_PLAYING);
  assert_collected (pipeline, data, 0, 2 * MIB);
  g_assert_cmpuint (stat_of (pipeline, "copied-bytes"), ==, 2 * MIB);
  g_ptr_array_set_size (blocks, 0);
  finish (pipeline);
}

static void
test_outlive (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", MIB, &data);
  GstElement *pipeline = support_launch (
      "vyresrc location=%s blocksize=100003 ! appsink name=sink sync=false",
      path);
  GstBuffer *first, *second, *joined, *part;
  GstSample *one, *two;
  GstMapInfo map;

  support_set_state (pipeline, GST_STATE_PLAYING);
  one = pull (pipeline);
  two = pull (pipeline);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  g_assert_cmpuint (arena_used (), >, 0);

  first = gst_buffer_ref (gst_sample_get_buffer (one));
  second = gst_buffer_ref (gst_sample_get_buffer (two));
  gst_sample_unref (one);
  gst_sample_unref (two);

  /* A part, of a part. */
  part = gst_buffer_copy_region (first, GST_BUFFER_COPY_MEMORY, 1000, 5000);
  joined = gst_buffer_copy_region (part, GST_BUFFER_COPY_MEMORY, 7, 100);
  gst_buffer_map (joined, &map, GST_MAP_READ);
  g_assert_cmpmem (map.data, map.size, data + 1007, 100);
  gst_buffer_unmap (joined, &map);
  gst_buffer_unref (joined);
  gst_buffer_unref (part);

  /* Neighbouring parts are found to be one piece. */
  joined = gst_buffer_append (
      gst_buffer_copy_region (first, GST_BUFFER_COPY_MEMORY, 10, 20),
      gst_buffer_copy_region (first, GST_BUFFER_COPY_MEMORY, 30, 40));
  gst_buffer_map (joined, &map, GST_MAP_READ);
  g_assert_cmpmem (map.data, map.size, data + 10, 60);
  gst_buffer_unmap (joined, &map);
  g_assert_true (
      gst_memory_is_type (gst_buffer_peek_memory (joined, 0), "VyreMemory"));
  gst_buffer_unref (joined);

  /* Two blocks merged, and cut. */
  joined =
      gst_buffer_append (gst_buffer_copy (first), gst_buffer_copy (second));
  gst_buffer_resize (joined, 100000, 10);
  gst_buffer_map (joined, &map, GST_MAP_READ);
  g_assert_cmpmem (map.data, map.size, data + 100000, 10);
  gst_buffer_unmap (joined, &map);
  gst_buffer_unref (joined);

  /* Written to through another buffer: the first stays. */
  part = gst_buffer_copy (first);
  g_assert_true (gst_buffer_map (part, &map, GST_MAP_READWRITE));
  map.data[0] ^= 0xff;
  gst_buffer_unmap (part, &map);
  gst_buffer_unref (part);
  g_assert_cmpint (gst_buffer_memcmp (first, 0, data, 100003), ==, 0);

  gst_buffer_unref (first);
  gst_buffer_unref (second);
  assert_arena_empty ();
}

/* --- pulling ------------------------------------------------------------------ */

/* A source whose pad is pulled from by the test itself. */
static GstElement *
pulled_source (const char *path, GstPad **pad)
{
  GstElement *src = gst_element_factory_make ("vyresrc", "src");

  gst_object_ref_sink (src);
  g_object_set (src, "location", path, "blocksize", 65536, NULL);
  *pad = gst_element_get_static_pad (src, "src");
  gst_element_set_state (src, GST_STATE_READY);
  g_assert_true (gst_pad_activate_mode (*pad, GST_PAD_MODE_PULL, TRUE));
  gst_element_set_state (src, GST_STATE_PAUSED);
  return src;
}

static void
drop_source (GstElement *src, GstPad *pad)
{
  g_assert_true (gst_pad_activate_mode (pad, GST_PAD_MODE_PULL, FALSE));
  gst_element_set_state (src, GST_STATE_NULL);
  gst_object_unref (pad);
  gst_object_unref (src);
  assert_arena_empty ();
}

static void
assert_range (
    GstPad *pad, const guint8 *data, gsize size, guint64 offset, guint length)
{
  gsize expect = MIN (length, size - offset);
  GstBuffer *buffer = NULL;

  g_assert_cmpint (
      gst_pad_get_range (pad, offset, length, &buffer), ==, GST_FLOW_OK);
  g_assert_cmpuint (gst_buffer_get_size (buffer), ==, expect);
  g_assert_cmpint (gst_buffer_memcmp (buffer, 0, data + offset, expect), ==, 0);
  g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, offset);
  g_assert_cmpuint (GST_BUFFER_OFFSET_END (buffer), ==, offset + expect);
  gst_buffer_unref (buffer);
}

static void
test_pull (void)
{
  gsize size = 3 * MIB + 99;
  g_autofree guint8 *data = NULL, *filled = g_malloc (70000);
  g_autofree char *path = support_noise_file ("original", size, &data);
  static const guint lengths[] = { 1, 12, 4096, 10000, 65536, 460800, 2 * MIB };
  GstBuffer *buffer = NULL;
  guint32 random = 7;
  GstElement *src;
  GstPad *pad;

  src = pulled_source (path, &pad);
  /* Streams of every length. */
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    for (guint64 at = i; at < MIN (size, (guint64) lengths[i] * 200);
         at += lengths[i])
      assert_range (pad, data, size, at, lengths[i]);
  /* A stream whose lengths change all the time. */
  for (guint64 at = 0; at < size;) {
    guint length = 1 + (random = random * 1664525 + 1013904223) % 90000;

    assert_range (pad, data, size, at, length);
    at += length;
  }
  /* No stream at all. */
  for (guint i = 0; i < 300; i++) {
    random = random * 1664525 + 1013904223;
    assert_range (pad, data, size, random % size, 1 + random % 200000);
  }
  /* Behind the end. */
  g_assert_cmpint (gst_pad_get_range (pad, size, 1, &buffer), ==, GST_FLOW_EOS);
  g_assert_cmpint (
      gst_pad_get_range (pad, size + 5000, 10, &buffer), ==, GST_FLOW_EOS);

  /* Into buffers of the caller's, in a stream and elsewhere. */
  for (guint i = 0; i < 50; i++) {
    guint64 at = i < 40 ? i * 70000 : (i * 7919) % MIB;
    gsize expect = MIN (70000, size - at);

    buffer =
        gst_buffer_new_wrapped_full (0, filled, 70000, 0, 70000, NULL, NULL);
    g_assert_cmpint (
        gst_pad_get_range (pad, at, 70000, &buffer), ==, GST_FLOW_OK);
    g_assert_cmpuint (gst_buffer_get_size (buffer), ==, expect);
    g_assert_cmpmem (filled, expect, data + at, expect);
    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, at);
    gst_clear_buffer (&buffer);
  }
  drop_source (src, pad);
}

static void
write_wav (const char *path, const guint8 *data, guint32 size)
{
  GByteArray *wav = g_byte_array_new ();
  guint32 word;
  GError *error = NULL;

  g_byte_array_append (wav, (const guint8 *) "RIFF", 4);
  word = GUINT32_TO_LE (36 + size);
  g_byte_array_append (wav, (guint8 *) &word, 4);
  g_byte_array_append (wav, (const guint8 *) "WAVEfmt ", 8);
  /* 16 bytes of format: PCM, stereo, 44100 Hz, 16 bits */
  g_byte_array_append (wav,
      (const guint8 *) "\x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0"
                       "\x04\0\x10\0",
      20);
  g_byte_array_append (wav, (const guint8 *) "data", 4);
  word = GUINT32_TO_LE (size);
  g_byte_array_append (wav, (guint8 *) &word, 4);
  g_byte_array_append (wav, data, size);
  g_file_set_contents (path, (char *) wav->data, wav->len, &error);
  g_assert_no_error (error);
  g_byte_array_unref (wav);
}

static void
test_parsers (void)
{
  guint32 size = 2 * MIB + 400;
  g_autofree guint8 *data = support_noise (size);
  g_autofree char *path = support_path ("sound.wav");
  g_autofree char *copy = support_path ("copy");

  write_wav (path, data, size);
  support_play (support_launch (
      "vyresrc location=%s ! wavparse ! filesink location=%s", path, copy));
  support_assert_file (copy, data, size);
  support_play (support_launch (
      "vyresrc location=%s ! decodebin ! filesink location=%s", path, copy));
  support_assert_file (copy, data, size);
  assert_arena_empty ();

  g_file_set_contents (path, (char *) data, 200 * 76800 / 8, NULL);
  support_play (support_launch ("vyresrc location=%s ! rawvideoparse "
                                "width=160 height=120 format=gray8 ! "
                                "filesink location=%s",
      path, copy));
  support_assert_file (copy, data, 200 * 76800 / 8);
  support_play (support_launch (
      "vyresrc location=%s ! rawaudioparse ! filesink location=%s", path,
      copy));
  support_assert_file (copy, data, 200 * 76800 / 8);
  assert_arena_empty ();
}

/* --- files that change, and what is no file ----------------------------------- */

static void
test_growing (void)
{
  gsize size = 300000;
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", size, &data);
  GstBuffer *buffer = NULL;
  GstElement *src;
  gint64 duration;
  GstPad *pad;
  int fd;

  truncate (path, 200000);
  src = pulled_source (path, &pad);
  for (guint i = 0; i < 5; i++)
    assert_range (pad, data, 200000, i * 40000, 40000);
  g_assert_cmpint (
      gst_pad_get_range (pad, 200000, 40000, &buffer), ==, GST_FLOW_EOS);

  fd = open (path, O_WRONLY | O_APPEND);
  g_assert_cmpint (write (fd, data + 200000, 100000), ==, 100000);
  close (fd);
  assert_range (pad, data, size, 200000, 40000);
  assert_range (pad, data, size, 240000, 100000);
  g_assert_true (gst_element_query_duration (src, GST_FORMAT_BYTES, &duration));
  g_assert_cmpint (duration, ==, size);
  drop_source (src, pad);
}

static void
test_truncated (void)
{
  gsize size = 30 * MIB;
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", size, &data);
  g_autoptr (GByteArray) rest = NULL;
  GstElement *pipeline = support_launch (
      "vyresrc name=src location=%s blocksize=65536 ! appsink name=sink "
      "sync=false max-buffers=2",
      path);
  GstSample *sample;

  support_set_state (pipeline, GST_STATE_PLAYING);
  sample = pull (pipeline);
  gst_sample_unref (sample);
  g_assert_cmpint (truncate (path, 9 * MIB + 5), ==, 0);
  rest = collect (pipeline);
  g_assert_cmpuint (rest->len, ==, 9 * MIB + 5 - 65536);
  g_assert_cmpint (memcmp (rest->data, data + 65536, rest->len), ==, 0);
  finish (pipeline);
}

static void
test_errors (void)
{
  g_autofree char *missing = support_path ("missing");
  g_autofree char *folder = support_path ("folder");
  g_autofree char *name = support_path ("socket");
  g_autofree char *locked = support_noise_file ("locked", 10, NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  GstElement *pipeline = support_launch ("vyresrc name=src ! fakesink");
  GstElement *src = get (pipeline, "src");
  int fd;

  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "No file");
  g_object_set (src, "location", "", NULL);
  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "No file");
  g_object_set (src, "location", missing, NULL);
  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, missing);
  g_mkdir (folder, 0700);
  g_object_set (src, "location", folder, NULL);
  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, folder);

  g_strlcpy (address.sun_path, name, sizeof address.sun_path);
  fd = socket (AF_UNIX, SOCK_STREAM, 0);
  g_assert_cmpint (
      bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_object_set (src, "location", name, NULL);
  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, name);
  close (fd);

  /* Root may read everything. */
  g_chmod (locked, 0);
  g_object_set (src, "location", locked, NULL);
  if (access (locked, R_OK) != 0)
    support_assert_error (
        pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, locked);

  /* A file system in memory refuses O_DIRECT. */
  g_object_set (src, "location", "/proc/self/status", NULL);
  gst_util_set_object_arg (G_OBJECT (src), "io-mode", "direct");
  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "direct");
  finish (pipeline);
}

static void
test_location (void)
{
  g_autofree char *path = support_noise_file ("original", 10, NULL);
  GstElement *pipeline =
      support_launch ("vyresrc name=src location=%s ! fakesink", path);
  GstElement *src = get (pipeline, "src");
  char *location;

  support_set_state (pipeline, GST_STATE_PAUSED);
  g_test_expect_message (
      G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "Changing the `location' property*");
  g_object_set (src, "location", "other", NULL);
  g_test_assert_expected_messages ();
  g_object_get (src, "location", &location, NULL);
  g_assert_cmpstr (location, ==, path);
  g_free (location);

  support_set_state (pipeline, GST_STATE_READY);
  g_object_set (src, "location", NULL, NULL);
  g_object_get (src, "location", &location, NULL);
  g_assert_null (location);
  finish (pipeline);
}

static gpointer
feed_pipe (gpointer user_data)
{
  int fd = GPOINTER_TO_INT (user_data);
  g_autofree guint8 *data = support_noise (MIB);

  for (gsize at = 0; at < MIB;) {
    gssize n = write (fd, data + at, MIN (MIB - at, 77777));

    g_assert_cmpint (n, >, 0);
    at += n;
  }
  close (fd);
  return NULL;
}

static void
test_pipe (void)
{
  g_autofree guint8 *data = support_noise (MIB);
  g_autofree char *path = support_path ("pipe");
  GstElement *pipeline;
  GThread *thread;
  int fd;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  /* Read and write, so that opening does not wait for the other end. */
  fd = open (path, O_RDWR);
  pipeline = support_launch (
      "vyresrc name=src location=%s blocksize=65536 ! appsink name=sink "
      "sync=false async=false",
      path);
  support_set_state (pipeline, GST_STATE_PLAYING);
  g_usleep (20000);
  /* Nothing was written: leaving must not wait for it. */
  support_set_state (pipeline, GST_STATE_NULL);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_assert_false (gst_element_seek_simple (
      get (pipeline, "src"), GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH, 5));
  thread = g_thread_new ("writer", feed_pipe, GINT_TO_POINTER (fd));
  assert_collected (pipeline, data, 0, MIB);
  g_thread_join (thread);
  finish (pipeline);
}

/* A flush in the middle of a block loses nothing of what was read for it. */
static void
test_pipe_flush (void)
{
  g_autofree guint8 *data = support_noise (MIB);
  g_autofree char *path = support_path ("pipe2");
  GstElement *pipeline, *src;
  int fd;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  fd = open (path, O_RDWR);
  pipeline = support_launch (
      "vyresrc name=src location=%s blocksize=65536 ! appsink name=sink "
      "sync=false async=false",
      path);
  src = get (pipeline, "src");
  support_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 4; i++) {
    g_assert_cmpint (write (fd, data + i * 1000, 1000), ==, 1000);
    for (guint j = 0; j < 500 && stat_of (pipeline, "reads") <= i; j++)
      g_usleep (2000);
    g_assert_true (gst_element_send_event (src, gst_event_new_flush_start ()));
    g_assert_true (
        gst_element_send_event (src, gst_event_new_flush_stop (TRUE)));
  }
  g_assert_cmpint (write (fd, data + 4000, 60000), ==, 60000);
  close (fd);
  assert_collected (pipeline, data, 0, 64000);
  finish (pipeline);
}

/* How it is read can be told, and a fallback is. */
static void
test_io_path (void)
{
  const char *wanted = g_getenv ("VYRE_IO_PATH");
  gboolean plain = g_strcmp0 (wanted, "pread") == 0;
  g_autofree char *path = support_noise_file ("original", 3 * MIB, NULL);
  GstElement *pipeline =
      support_launch ("vyresrc name=src location=%s ! fakesink", path);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  GstStructure *stats;
  guint infos = 0;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (
      (message = gst_bus_timed_pop_filtered (bus, 20 * GST_SECOND,
           GST_MESSAGE_INFO | GST_MESSAGE_ERROR | GST_MESSAGE_EOS)) != NULL) {
    GstMessageType type = GST_MESSAGE_TYPE (message);

    g_assert_cmpint (type, !=, GST_MESSAGE_ERROR);
    infos += type == GST_MESSAGE_INFO;
    gst_message_unref (message);
    if (type == GST_MESSAGE_EOS)
      break;
  }
  stats = get_stats (pipeline);
  if (plain) {
    g_assert_cmpstr (gst_structure_get_string (stats, "io-path"), ==, "pread");
    g_assert_cmpstr (gst_structure_get_string (stats, "reason"), !=, "");
  }
  /* Here io_uring may be refused as well. */
  plain = g_str_equal (gst_structure_get_string (stats, "io-path"), "pread");
  g_assert_cmpuint (infos, ==, plain ? 1 : 0);
  gst_structure_free (stats);
  gst_object_unref (bus);
  finish (pipeline);
}

static void
test_element (void)
{
  GstElementFactory *factory = gst_element_factory_find ("vyresrc");

  g_assert_nonnull (factory);
  g_assert_cmpuint (gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE (factory)),
      ==, GST_RANK_NONE);
  g_assert_cmpstr (
      gst_element_factory_get_metadata (factory, GST_ELEMENT_METADATA_KLASS),
      ==, "Source/File");
  g_assert_cmpint (
      gst_element_factory_get_uri_type (factory), ==, GST_URI_UNKNOWN);
  gst_object_unref (factory);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", "coretracers", "app",
    "wavparse", "rawparse", "playback", "typefindfunctions", NULL };

  g_setenv ("VYRE_ARENA_SIZE", ARENA, TRUE);
  support_init (&argc, &argv, plugins);
  g_test_add_func ("/src/element", test_element);
  g_test_add_data_func ("/src/copy/auto", "auto", test_copy);
  g_test_add_data_func ("/src/copy/direct", "direct", test_copy);
  g_test_add_data_func ("/src/copy/buffered", "buffered", test_copy);
  g_test_add_func ("/src/fakesink", test_fakesink);
  g_test_add_func ("/src/tee", test_tee);
  g_test_add_func ("/src/shared-reads", test_shared_reads);
  g_test_add_func ("/src/no-copy", test_no_copy);
  g_test_add_func ("/src/num-buffers", test_num_buffers);
  g_test_add_func ("/src/blocksizes-at-the-edge", test_blocksizes_at_the_edge);
  g_test_add_func ("/src/seek/flush", test_seek_flush);
  g_test_add_func ("/src/seek/segment", test_seek_segment);
  g_test_add_func ("/src/seek/reverse", test_seek_reverse);
  g_test_add_func ("/src/seek/storm", test_seek_storm);
  g_test_add_func ("/src/states", test_states);
  g_test_add_func ("/src/hoard", test_hoard);
  g_test_add_func ("/src/full-arena", test_full_arena);
  g_test_add_func ("/src/outlive", test_outlive);
  g_test_add_func ("/src/pull", test_pull);
  g_test_add_func ("/src/parsers", test_parsers);
  g_test_add_func ("/src/growing", test_growing);
  g_test_add_func ("/src/truncated", test_truncated);
  g_test_add_func ("/src/errors", test_errors);
  g_test_add_func ("/src/location", test_location);
  g_test_add_func ("/src/pipe", test_pipe);
  g_test_add_func ("/src/pipe-flush", test_pipe_flush);
  g_test_add_func ("/src/io-path", test_io_path);
  return support_run ();
}
