/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fake-engine.h"
#include "interp-harness.h"

/* vyreinterp in a harness with an engine that the test makes up, and buffers
 * that tell where they belong. */

static inline FakeEngineCounts
counts (void)
{
  FakeEngineCounts now;

  fake_engine_counts (&now);
  return now;
}

/* The number of windows of the fake, or of buffers that leave, follows from what
 * two threads do. */
#define wait_until(condition) \
  G_STMT_START \
  { \
    gint64 end_ = g_get_monotonic_time () + 10 * G_USEC_PER_SEC; \
    while (!(condition)) { \
      if (g_get_monotonic_time () > end_) \
        g_error ("%s: never", #condition); \
      g_usleep (200); \
    } \
  } \
  G_STMT_END

static inline GstBuffer *
numbered_buffer (guint number, gsize size)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);

  gst_buffer_memset (buffer, 0, number & 0xff, size);
  GST_BUFFER_PTS (buffer) = number * GST_MSECOND;
  return buffer;
}

static inline void
push_numbered (Interp *self, guint first, guint n, gsize size)
{
  for (guint i = first; i < first + n; i++)
    g_assert_cmpint (
        gst_harness_push (self->harness, numbered_buffer (i, size)), ==,
        GST_FLOW_OK);
}

static inline GstFlowReturn
push_numbered_list (Interp *self, guint first, guint n, gsize size)
{
  GstBufferList *list = gst_buffer_list_new ();

  for (guint i = first; i < first + n; i++)
    gst_buffer_list_add (list, numbered_buffer (i, size));
  return gst_pad_push_list (self->harness->srcpad, list);
}

static inline void
pull_numbered (Interp *self, guint first, guint n, gsize size)
{
  for (guint i = first; i < first + n; i++) {
    GstBuffer *buffer = gst_harness_pull (self->harness);
    GstMapInfo map;

    g_assert_nonnull (buffer);
    g_assert_cmpuint (GST_BUFFER_PTS (buffer), ==, i * GST_MSECOND);
    g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
    g_assert_cmpuint (map.size, ==, size);
    for (gsize at = 0; at < size; at++)
      g_assert_cmpuint (map.data[at], ==, ~i & 0xff);
    gst_buffer_unmap (buffer, &map);
    gst_buffer_unref (buffer);
  }
}

/* The task is held up by one buffer downstream, until the probe is removed; another
 * and all events have passed. */
static inline gulong
hold_up_task (Interp *self, GstPad *src, guint number, gsize size)
{
  gulong probe;

  push_numbered (self, 0, 1, size);
  pull_numbered (self, 0, 1, size);
  probe = gst_pad_add_probe (
      src, GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM, NULL, NULL, NULL);
  push_numbered (self, number, 1, size);
  wait_until (gst_pad_is_blocking (src));
  return probe;
}

static inline void
assert_nothing_left (void)
{
  g_assert_cmpuint (counts ().windows, ==, 0);
  g_assert_cmpuint (counts ().tenants, ==, 0);
  g_assert_cmpuint (counts ().in_flight, ==, 0);
  g_assert_cmpuint (
      vyre_arena_get_used (vyre_runtime_get_host_arena (fake_engine ())), ==,
      0);
}
