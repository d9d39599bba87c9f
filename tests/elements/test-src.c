/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "src-harness.h"

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
  add_src_list_tests ();
  add_src_seek_tests ();
  add_src_memory_tests ();
  add_src_file_tests ();
  return support_run ();
}
