/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "src-harness.h"

/* Small blocks that leave together. */

#define SIZE (3 * MIB + 777)

/* What came to the sink. */
typedef struct
{
  GstElement *src;
  guint n_lists, n_alone; /* buffers that came alone */
  guint n_buffers, n_discont;
  guint64 end; /* of the last one, in the file */
} Seen;

static void
see_one (Seen *seen, GstBuffer *buffer)
{
  seen->n_buffers++;
  if (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT))
    seen->n_discont++;
  seen->end = GST_BUFFER_OFFSET_END (buffer);
}

static GstPadProbeReturn
see (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Seen *seen = user_data;
  gboolean backwards = FALSE;
  gint64 position;

  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER_LIST) {
    GstBufferList *list = GST_PAD_PROBE_INFO_BUFFER_LIST (info);
    guint n = gst_buffer_list_length (list);

    g_assert_cmpuint (n, >, 1);
    seen->n_lists++;
    for (guint i = 0; i < n; i++)
      see_one (seen, gst_buffer_list_get (list, i));
  } else {
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER (info);

    backwards = GST_BUFFER_OFFSET_END (buffer) < seen->end;
    seen->n_alone++;
    see_one (seen, buffer);
  }
  /* Whoever asks, or seeks without a flush, meets the source there. */
  if (!backwards &&
      gst_element_query_position (seen->src, GST_FORMAT_BYTES, &position))
    g_assert_cmpint (position, ==, seen->end);
  return GST_PAD_PROBE_OK;
}

static GstElement *
lists (const char *path, const char *properties, Seen *seen)
{
  GstElement *pipeline = support_launch (
      "vyresrc name=src location=%s buffer-lists=true %s ! appsink name=sink "
      "sync=false",
      path, properties);
  GstPad *pad = gst_element_get_static_pad (get (pipeline, "sink"), "sink");

  *seen = (Seen){ .src = get (pipeline, "src") };
  gst_pad_add_probe (pad,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, see, seen,
      NULL);
  gst_object_unref (pad);
  return pipeline;
}

static void
test_together (void)
{
  static const struct
  {
    guint blocksize, n_list; /* of a full one; 0: none is */
  } cases[] = { { 4096, 64 }, { 12288, 21 }, { 65536, 4 }, { 1000, 64 },
    { 131072, 2 }, { 262144, 0 }, { 100003, 0 }, { MIB, 0 } };
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", SIZE, &data);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint n = (SIZE + cases[i].blocksize - 1) / cases[i].blocksize;
    g_autofree char *properties =
        g_strdup_printf ("blocksize=%u", cases[i].blocksize);
    Seen seen;
    GstElement *pipeline = lists (path, properties, &seen);

    support_set_state (pipeline, GST_STATE_PLAYING);
    assert_collected (pipeline, data, 0, SIZE);
    g_assert_cmpuint (seen.n_buffers, ==, n);
    g_assert_cmpuint (seen.n_discont, ==, 1);
    if (cases[i].n_list == 0)
      g_assert_cmpuint (seen.n_alone, ==, n);
    else if (cases[i].blocksize % 4096 == 0)
      g_assert_cmpuint (seen.n_lists, >=, n / cases[i].n_list);
    else
      g_assert_cmpuint (seen.n_lists, >, 0);
    /* But for what two reads have brought, and the end. */
    if (cases[i].n_list != 0)
      g_assert_cmpuint (seen.n_alone, <=, n / 8);
    finish (pipeline);
  }
}

/* Where the base class sees to each buffer, each leaves alone. */
static void
test_alone (void)
{
  static const char *const properties[] = { "do-timestamp=true",
    "buffer-lists=false" };
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", SIZE, &data);

  for (guint i = 0; i < G_N_ELEMENTS (properties); i++) {
    g_autofree char *all = g_strdup_printf ("blocksize=4096 %s", properties[i]);
    Seen seen;
    GstElement *pipeline = lists (path, all, &seen);

    support_set_state (pipeline, GST_STATE_PLAYING);
    assert_collected (pipeline, data, 0, SIZE);
    g_assert_cmpuint (seen.n_lists, ==, 0);
    g_assert_cmpuint (seen.n_discont, ==, 1);
    finish (pipeline);
  }
}

/* A number of buffers is one of buffers, not of lists. */
static void
test_number (void)
{
  static const guint numbers[] = { 0, 1, 2, 63, 64, 65, 100, 10000 };
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", SIZE, &data);

  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    g_autofree char *properties =
        g_strdup_printf ("blocksize=4096 num-buffers=%u", numbers[i]);
    Seen seen;
    GstElement *pipeline = lists (path, properties, &seen);

    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    assert_collected (pipeline, data, 0, MIN (numbers[i] * 4096, SIZE));
    g_assert_true ((seen.n_lists > 0) == (numbers[i] > 1));
    finish (pipeline);
  }
}

/* Turned on and off while it plays: no byte is lost, none comes twice. */
static void
test_while_playing (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", SIZE, &data);
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  Seen seen;
  GstElement *pipeline = lists (path, "blocksize=4096", &seen);
  GstSample *sample;

  g_object_set (get (pipeline, "sink"), "max-buffers", 2, NULL);
  support_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; (sample = pull (pipeline)) != NULL; i++) {
    GstBuffer *buffer = gst_sample_get_buffer (sample);
    GstMapInfo map;

    if (i % 50 == 0)
      g_object_set (seen.src, "buffer-lists", i % 100 == 0, "blocksize",
          i % 200 == 0 ? 8192 : 4096, NULL);
    g_assert_cmpuint (GST_BUFFER_OFFSET (buffer), ==, bytes->len);
    g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
    g_byte_array_append (bytes, map.data, map.size);
    gst_buffer_unmap (buffer, &map);
    gst_sample_unref (sample);
  }
  g_assert_cmpmem (bytes->data, bytes->len, data, SIZE);
  g_assert_cmpuint (seen.n_lists, >, 0);
  g_assert_cmpuint (seen.n_alone, >, 10);
  finish (pipeline);
}

static gpointer
end_soon (gpointer pipeline)
{
  g_usleep (g_random_int_range (0, 1000));
  return GINT_TO_POINTER (
      gst_element_send_event (pipeline, gst_event_new_eos ()));
}

/* EOS from outside comes between two of them. */
static void
test_eos (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", SIZE, &data);

  for (guint i = 0; i < 40; i++) {
    Seen seen;
    GstElement *pipeline = lists (path, "blocksize=4096", &seen);
    g_autoptr (GByteArray) bytes = NULL;
    GThread *thread;

    support_set_state (pipeline, GST_STATE_PLAYING);
    thread = g_thread_new ("end", end_soon, pipeline);
    bytes = collect (pipeline);
    g_assert_true (GPOINTER_TO_INT (g_thread_join (thread)));
    g_assert_cmpmem (bytes->data, bytes->len, data, seen.end);
    finish (pipeline);
  }
}

/* filesink writes lists in one go. */
static void
test_file (void)
{
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", SIZE, &data);
  g_autofree char *copy = support_path ("copy");

  support_play (support_launch ("vyresrc location=%s blocksize=4096 "
                                "buffer-lists=true ! filesink location=%s",
      path, copy));
  support_assert_file (copy, data, SIZE);
  assert_arena_empty ();
}

void
add_src_list_tests (void)
{
  g_test_add_func ("/src/lists/together", test_together);
  g_test_add_func ("/src/lists/alone", test_alone);
  g_test_add_func ("/src/lists/number", test_number);
  g_test_add_func ("/src/lists/while-playing", test_while_playing);
  g_test_add_func ("/src/lists/eos", test_eos);
  g_test_add_func ("/src/lists/file", test_file);
}
