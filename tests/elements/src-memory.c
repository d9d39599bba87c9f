/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "src-harness.h"

/* Arena memory that others keep or bring, and those that pull. */

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

void
add_src_memory_tests (void)
{
  g_test_add_func ("/src/hoard", test_hoard);
  g_test_add_func ("/src/full-arena", test_full_arena);
  g_test_add_func ("/src/outlive", test_outlive);
  g_test_add_func ("/src/pull", test_pull);
  g_test_add_func ("/src/parsers", test_parsers);
}
