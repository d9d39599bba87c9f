/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "interp-harness.h"

/* vyreinterp and the memory of the buffers that it gets. */

static GstAllocator *
proposed_allocator (Interp *self)
{
  GstQuery *query = gst_query_new_allocation (NULL, FALSE);
  GstAllocator *allocator = NULL;

  g_assert_true (gst_pad_peer_query (self->harness->srcpad, query));
  g_assert_cmpuint (gst_query_get_n_allocation_params (query), ==, 1);
  gst_query_parse_nth_allocation_param (query, 0, &allocator, NULL);
  gst_query_unref (query);
  g_assert_nonnull (allocator);
  return allocator;
}

static GstBuffer *
arena_buffer (GstAllocator *allocator, gsize size)
{
  g_autofree guint8 *noise = support_noise (size);
  GstBuffer *buffer = gst_buffer_new_allocate (allocator, size, NULL);

  gst_buffer_fill (buffer, 0, noise, size);
  return buffer;
}

static void
test_arena_memory_in_place (void)
{
  static const char *const programs[] = { "invert", PROGRAM_INVERT_IN_PLACE };

  for (guint i = 0; i < G_N_ELEMENTS (programs); i++) {
    Interp *self = interp_new (programs[i], NULL);
    GstAllocator *allocator = proposed_allocator (self);

    for (guint j = 0; j < 20; j++) {
      gst_harness_push (self->harness, arena_buffer (allocator, 8192));
      assert_inverted (gst_harness_pull (self->harness), 8192);
    }
    g_assert_cmpuint (interp_stat (self->element, "copied-bytes"), ==, 0);
    g_assert_cmpuint (
        interp_stat (self->element, "in-place-bytes"), ==, 20 * 8192);
    gst_object_unref (allocator);
    interp_free (self);
  }
}

/* What somebody else holds must not change under him. */
static void
test_in_place_respects_others (void)
{
  Interp *self = interp_new (PROGRAM_INVERT_IN_PLACE, NULL);
  GstAllocator *allocator = proposed_allocator (self);
  g_autofree guint8 *noise = support_noise (8192);
  GstBuffer *buffer = arena_buffer (allocator, 8192);
  GstBuffer *copy = gst_buffer_copy (buffer);

  /* The buffer itself. */
  gst_harness_push (self->harness, gst_buffer_ref (buffer));
  assert_inverted (gst_harness_pull (self->harness), 8192);
  g_assert_cmpint (gst_buffer_memcmp (buffer, 0, noise, 8192), ==, 0);
  gst_buffer_unref (buffer);
  /* Its memory in another buffer. */
  buffer = gst_buffer_copy (copy);
  gst_harness_push (self->harness, buffer);
  assert_inverted (gst_harness_pull (self->harness), 8192);
  g_assert_cmpint (gst_buffer_memcmp (copy, 0, noise, 8192), ==, 0);
  /* A part of it. */
  buffer = gst_buffer_copy_region (copy, GST_BUFFER_COPY_ALL, 4, 4096);
  gst_harness_push (self->harness, buffer);
  gst_buffer_unref (gst_harness_pull (self->harness));
  g_assert_cmpint (gst_buffer_memcmp (copy, 0, noise, 8192), ==, 0);
  g_assert_cmpuint (interp_stat (self->element, "in-place-bytes"), ==, 0);
  gst_buffer_unref (copy);
  gst_object_unref (allocator);
  interp_free (self);
}

static void
test_sub_memory (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstAllocator *allocator = proposed_allocator (self);
  g_autofree guint8 *noise = support_noise (10000);
  GstBuffer *whole = arena_buffer (allocator, 10000);

  for (gsize i = 0; i < 10000; i++)
    noise[i] = ~noise[i];
  for (gsize offset = 0; offset < 20; offset++) {
    gsize size = 5000 - offset;
    GstBuffer *part =
        gst_buffer_copy_region (whole, GST_BUFFER_COPY_ALL, offset, size);

    gst_harness_push (self->harness, part);
    assert_buffer (gst_harness_pull (self->harness), noise + offset, size);
  }
  g_assert_cmpuint (interp_stat (self->element, "in-place-bytes"), >, 0);
  g_assert_cmpuint (interp_stat (self->element, "copied-bytes"), >, 0);
  gst_buffer_unref (whole);
  gst_object_unref (allocator);
  interp_free (self);
}

static void
test_many_memories (void)
{
  Interp *self = interp_new ("invert", NULL);
  g_autofree guint8 *expected = g_malloc (13 * 20);
  GstBuffer *buffer = gst_buffer_new ();

  for (guint i = 0; i < 20; i++) {
    GstMemory *memory = gst_allocator_alloc (NULL, 13, NULL);
    GstMapInfo map;

    gst_memory_map (memory, &map, GST_MAP_WRITE);
    memset (map.data, i, 13);
    memset (expected + i * 13, ~i, 13);
    gst_memory_unmap (memory, &map);
    gst_buffer_append_memory (buffer, memory);
  }
  gst_harness_push (self->harness, buffer);
  assert_buffer (gst_harness_pull (self->harness), expected, 13 * 20);
  interp_free (self);
}

static void
test_buffer_list (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstBufferList *list = gst_buffer_list_new ();

  for (guint i = 1; i < 20; i++)
    gst_buffer_list_add (list, noise_buffer (i * 10));
  g_assert_cmpint (
      gst_pad_push_list (self->harness->srcpad, list), ==, GST_FLOW_OK);
  for (guint i = 1; i < 20; i++)
    assert_inverted (gst_harness_pull (self->harness), i * 10);
  interp_free (self);
}

/* Somebody who keeps everything must not stop the stream. The arena of this
 * test has 16 MiB. The program has one invocation for 4 KiB, so that this is
 * about memory. */
static void
test_hoarder (void)
{
  const guint n = 200;
  const gsize size = 256 * 1024;
  Interp *self =
      interp_new ("program workgroup(1);\n"
                  "buffer input: readonly u32[] @0;\n"
                  "buffer output: readwrite array(4096)[] @1;\n"
                  "main { if len(input) == 7 { trap(1, \"never\"); } }\n",
          NULL);
  g_autofree guint8 *zeros = g_malloc0 (size);
  GstBuffer *kept[200];

  for (guint i = 0; i < n; i++)
    g_assert_cmpint (
        gst_harness_push (self->harness, noise_buffer (size)), ==, GST_FLOW_OK);
  for (guint i = 0; i < n; i++)
    kept[i] = gst_harness_pull (self->harness);
  g_assert_cmpuint (interp_stat (self->element, "copied-out-bytes"), >=,
      n * size - 16 * 1024 * 1024);
  for (guint i = 0; i < n; i++)
    assert_buffer (kept[i], zeros, size);
  interp_free (self);
}

static void
test_pass_through (void)
{
  Interp *self = interp_new ("newline-count", "newlines=keep");
  GstBuffer *buffer = gst_buffer_new_wrapped (g_strdup ("a\nbc\n\n"), 6);
  GstBuffer *out;

  GST_BUFFER_FLAG_SET (buffer, GST_BUFFER_FLAG_GAP);
  gst_harness_push (self->harness, gst_buffer_ref (buffer));
  out = gst_harness_pull (self->harness);
  g_assert_true (out == buffer);
  g_assert_true (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_GAP));
  g_assert_cmpuint (kept_word (self->element, "newlines"), ==, 3);
  gst_buffer_unref (out);
  gst_buffer_unref (buffer);
  interp_free (self);
}

void
add_interp_memory_tests (void)
{
  g_test_add_func ("/interp/arena-memory", test_arena_memory_in_place);
  g_test_add_func ("/interp/in-place-others", test_in_place_respects_others);
  g_test_add_func ("/interp/sub-memory", test_sub_memory);
  g_test_add_func ("/interp/many-memories", test_many_memories);
  g_test_add_func ("/interp/buffer-list", test_buffer_list);
  g_test_add_func ("/interp/hoarder", test_hoarder);
  g_test_add_func ("/interp/pass-through", test_pass_through);
}
