/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/app/gstappsink.h>
#include <string.h>

#include "ingest/arena.h"
#include "support.h"

/* vyresrc in a pipeline: what the parts of test-src share. */

#define MIB (1024 * 1024)
/* Small, so that hoarding it takes a small file. */
#define ARENA "16M"
#define ARENA_SIZE (16 * MIB)

static inline gsize
arena_used (void)
{
  g_autoptr (VyreArena) arena = vyre_arena_get_process (NULL);
  gsize used;

  vyre_arena_get_usage (arena, &used, NULL, NULL);
  return used;
}

/* A bin's own threads may hold a last reference to an element for a moment. */
static inline void
assert_arena_empty (void)
{
  for (guint i = 0; i < 1000 && arena_used () > 0; i++)
    g_usleep (2000);
  g_assert_cmpuint (arena_used (), ==, 0);
}

static inline GstElement *
get (GstElement *pipeline, const char *name)
{
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);

  g_assert_nonnull (element);
  gst_object_unref (element); /* the pipeline keeps it */
  return element;
}

static inline GstStructure *
get_stats (GstElement *pipeline)
{
  GstStructure *stats;

  g_object_get (get (pipeline, "src"), "stats", &stats, NULL);
  g_assert_nonnull (stats);
  g_assert_cmpstr (
      gst_structure_get_name (stats), ==, "application/x-vyre-src-stats");
  return stats;
}

static inline guint64
stat_of (GstElement *pipeline, const char *field)
{
  GstStructure *stats = get_stats (pipeline);
  guint64 value;

  g_assert_true (gst_structure_get_uint64 (stats, field, &value));
  gst_structure_free (stats);
  return value;
}

static inline GstSample *
pull (GstElement *pipeline)
{
  return gst_app_sink_try_pull_sample (
      GST_APP_SINK (get (pipeline, "sink")), 20 * GST_SECOND);
}

/* All that the appsink gets until EOS, in one array; checks that offsets are
 * those of the bytes. */
static inline GByteArray *
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

static inline void
assert_collected (
    GstElement *pipeline, const guint8 *data, gsize from, gsize to)
{
  g_autoptr (GByteArray) bytes = collect (pipeline);

  g_assert_cmpmem (bytes->data, bytes->len, data + from, to - from);
}

static inline void
finish (GstElement *pipeline)
{
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  assert_arena_empty ();
}

/* A source whose pad is pulled from by the test itself. */
static inline GstElement *
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

static inline void
drop_source (GstElement *src, GstPad *pad)
{
  g_assert_true (gst_pad_activate_mode (pad, GST_PAD_MODE_PULL, FALSE));
  gst_element_set_state (src, GST_STATE_NULL);
  gst_object_unref (pad);
  gst_object_unref (src);
  assert_arena_empty ();
}

static inline void
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

/* Each adds the tests of its file. */
void add_src_list_tests (void);
void add_src_seek_tests (void);
void add_src_memory_tests (void);
void add_src_file_tests (void);
