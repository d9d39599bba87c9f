/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gst/check/gstharness.h>
#include <string.h>

#include "gst/gstvyrememory.h"
#include "gst/gstvyresrc.h"
#include "support.h"

#define SIZE (1024 * 1024)

static VyreArena *
new_arena (VyreArenaKind kind)
{
  return vyre_arena_new_mapped (
      g_aligned_alloc0 (1, SIZE, VYRE_PAGE_SIZE), SIZE, kind, NULL, NULL);
}

static void
drop_arena (VyreArena *arena)
{
  guint8 *base = vyre_arena_get_base (arena);
  gsize used;

  vyre_arena_get_usage (arena, &used, NULL, NULL);
  g_assert_cmpuint (used, ==, 0);
  vyre_arena_unref (arena);
  g_aligned_free (base);
}

static VyreBlock *
new_block (VyreArena *arena, gsize size)
{
  VyreBlock *block = vyre_arena_alloc (arena, size);

  g_assert_nonnull (block);
  for (gsize i = 0; i < block->size; i++)
    block->data[i] = i * 7 + i / 256;
  return block;
}

static void
test_host (void)
{
  VyreArena *arena = new_arena (VYRE_ARENA_HOST);
  VyreBlock *block = new_block (arena, 10000);
  GstMemory *mem = gst_vyre_memory_new (block, 100, 9000);
  GstMapInfo map;
  guint64 stamp;
  gsize at = 0, size, offset, maxsize;

  g_assert_true (gst_is_vyre_memory (mem));
  g_assert_true (gst_vyre_memory_peek_block (mem, &at) == block);
  g_assert_cmpuint (at, ==, 100);
  size = gst_memory_get_sizes (mem, &offset, &maxsize);
  g_assert_cmpuint (size, ==, 9000);
  g_assert_cmpuint (maxsize, ==, block->size);

  stamp = vyre_block_get_write_stamp (block);
  g_assert_true (gst_memory_map (mem, &map, GST_MAP_READ));
  g_assert_true (map.data == block->data + 100);
  g_assert_cmpuint (map.size, ==, 9000);
  gst_memory_unmap (mem, &map);
  g_assert_cmpuint (vyre_block_get_write_stamp (block), ==, stamp);

  /* Both ends of a write are noted. */
  g_assert_true (gst_memory_map (mem, &map, GST_MAP_WRITE));
  g_assert_true (map.data == block->data + 100);
  g_assert_cmpuint (vyre_block_get_write_stamp (block), >, stamp);
  stamp = vyre_block_get_write_stamp (block);
  gst_memory_unmap (mem, &map);
  g_assert_cmpuint (vyre_block_get_write_stamp (block), >, stamp);

  gst_memory_unref (mem);
  drop_arena (arena);
}

static void
test_parts (void)
{
  VyreArena *arena = new_arena (VYRE_ARENA_HOST);
  VyreBlock *block = new_block (arena, 10000);
  GstMemory *mem = gst_vyre_memory_new (block, 100, 9000);
  GstMemory *one = gst_memory_share (mem, 10, 20);
  GstMemory *two = gst_memory_share (mem, 30, -1);
  GstMemory *inner = gst_memory_share (two, 5, 6);
  GstMemory *copy;
  GstMapInfo map;
  gsize at, offset;

  /* The root goes first; its parts keep the block. */
  gst_memory_unref (mem);
  g_assert_true (gst_vyre_memory_peek_block (inner, &at) == block);
  g_assert_cmpuint (at, ==, 135);
  g_assert_true (gst_memory_map (inner, &map, GST_MAP_READ));
  g_assert_true (map.data == block->data + 135);
  g_assert_cmpuint (map.size, ==, 6);
  gst_memory_unmap (inner, &map);
  g_assert_false (gst_memory_map (inner, &map, GST_MAP_WRITE));
  g_assert_cmpuint (two->size, ==, 8970);

  g_assert_true (gst_memory_is_span (one, two, &offset));
  g_assert_cmpuint (offset, ==, 10);
  g_assert_false (gst_memory_is_span (two, one, &offset));
  g_assert_false (gst_memory_is_span (one, inner, &offset));

  copy = gst_memory_copy (inner, 2, 3);
  g_assert_false (gst_is_vyre_memory (copy));
  g_assert_null (gst_vyre_memory_peek_block (copy, NULL));
  gst_memory_map (copy, &map, GST_MAP_READ);
  g_assert_cmpmem (map.data, map.size, block->data + 137, 3);
  gst_memory_unmap (copy, &map);
  gst_memory_unref (copy);

  copy = gst_memory_copy (inner, 0, -1);
  g_assert_cmpuint (copy->size, ==, 6);
  gst_memory_unref (copy);
  g_assert_cmpuint (vyre_arena_get_copied (arena), ==, 3 + 6);

  gst_memory_unref (one);
  gst_memory_unref (two);
  gst_memory_unref (inner);
  drop_arena (arena);
}

/* Parts of one block see nothing of each other. */
static void
check_own_pages (VyreArenaKind kind)
{
  VyreArena *arena = new_arena (kind);
  VyreBlock *block = new_block (arena, 4 * VYRE_PAGE_SIZE);
  VyreBlock *part = vyre_block_new_part (block, VYRE_PAGE_SIZE, 5000);
  VyreBlock *last = vyre_block_new_part (block, 3 * VYRE_PAGE_SIZE, 1);
  g_autofree guint8 *before = g_memdup2 (block->data, block->size);
  GstMemory *mem = gst_vyre_memory_new (part, 0, 5000);
  GstMemory *next = gst_vyre_memory_new (last, 0, VYRE_PAGE_SIZE);
  guint64 stamp = vyre_block_get_write_stamp (last);
  guint8 *data = block->data;
  GstMapInfo map;
  gsize at, most;

  vyre_block_unref (block);
  g_assert_cmpuint (gst_memory_get_sizes (mem, &at, &most), ==, 5000);
  g_assert_cmpuint (at, ==, 0);
  g_assert_cmpuint (most, ==, 2 * VYRE_PAGE_SIZE);
  g_assert_cmpuint (part->offset, ==, block->offset + VYRE_PAGE_SIZE);

  gst_memory_resize (mem, 0, most);
  g_assert_true (gst_memory_map (mem, &map, GST_MAP_READWRITE));
  g_assert_cmpmem (map.data, map.size, before + VYRE_PAGE_SIZE, most);
  memset (map.data, 0xee, map.size);
  gst_memory_unmap (mem, &map);
  for (gsize i = 0; i < 4 * VYRE_PAGE_SIZE; i++)
    g_assert_cmpuint (data[i], ==,
        i / VYRE_PAGE_SIZE == 1 || i / VYRE_PAGE_SIZE == 2 ? 0xee : before[i]);
  g_assert_cmpuint (vyre_block_get_write_stamp (part), >, stamp);
  g_assert_cmpuint (vyre_block_get_write_stamp (last), ==, stamp);

  /* The block goes with the last of them. */
  gst_memory_unref (mem);
  g_assert_cmpuint (vyre_arena_get_used (arena), ==, 4 * VYRE_PAGE_SIZE);
  gst_memory_unref (next);
  drop_arena (arena);
}

static void
test_own_pages (void)
{
  check_own_pages (VYRE_ARENA_HOST);
  check_own_pages (VYRE_ARENA_DEVICE);
}

static void
test_device (void)
{
  VyreArena *arena = new_arena (VYRE_ARENA_DEVICE);
  VyreBlock *block = new_block (arena, 10000);
  g_autofree guint8 *before = NULL;
  GstMemory *mem, *part;
  GstMapInfo map, nested;
  guint64 maps, bytes, more, more_bytes;

  before = g_malloc (block->size);
  memcpy (before, block->data, block->size);
  mem = gst_vyre_memory_new (block, 100, 9000);
  gst_vyre_memory_get_bounces (&maps, &bytes);

  /* Writing only, and raw: the memory itself. */
  g_assert_true (gst_memory_map (mem, &map, GST_MAP_WRITE));
  g_assert_true (map.data == block->data + 100);
  gst_memory_unmap (mem, &map);
  g_assert_true (gst_memory_map (mem, &map, GST_MAP_READ | GST_MAP_VYRE_RAW));
  g_assert_true (map.data == block->data + 100);
  gst_memory_unmap (mem, &map);
  gst_vyre_memory_get_bounces (&more, &more_bytes);
  g_assert_cmpuint (more, ==, maps);

  /* Reading: a copy, which is counted. */
  g_assert_true (gst_memory_map (mem, &map, GST_MAP_READ));
  g_assert_false (
      map.data >= block->data && map.data < block->data + block->size);
  g_assert_cmpmem (map.data, map.size, before + 100, 9000);
  gst_memory_unmap (mem, &map);
  gst_vyre_memory_get_bounces (&more, &more_bytes);
  g_assert_cmpuint (more, ==, maps + 1);
  g_assert_cmpuint (more_bytes, ==, bytes + 9000);
  g_assert_cmpuint (vyre_arena_get_copied (arena), ==, 9000);

  /* Reading and writing: written back, and maps inside see it. */
  g_assert_true (gst_memory_map (mem, &map, GST_MAP_READWRITE));
  map.data[0] ^= 0xff;
  g_assert_true (gst_memory_map (mem, &nested, GST_MAP_READ));
  g_assert_cmpmem (nested.data, nested.size, map.data, map.size);
  gst_memory_unmap (mem, &nested);
  g_assert_true (gst_memory_map (mem, &nested, GST_MAP_WRITE));
  nested.data[8999] ^= 0xff;
  gst_memory_unmap (mem, &nested);
  g_assert_cmpuint (map.data[8999], ==, (guint8) ~before[9099]);
  gst_memory_unmap (mem, &map);
  before[100] ^= 0xff;
  before[9099] ^= 0xff;
  g_assert_cmpmem (block->data, block->size, before, block->size);
  /* In once, and back by each of the maps that wrote. */
  g_assert_cmpuint (vyre_arena_get_copied (arena), ==, 9000 + 3 * 9000);

  /* Only the part that is looked at is copied. */
  part = gst_memory_share (mem, 50, 60);
  gst_vyre_memory_get_bounces (&maps, &bytes);
  g_assert_true (gst_memory_map (part, &map, GST_MAP_READ));
  g_assert_cmpmem (map.data, map.size, before + 150, 60);
  gst_memory_unmap (part, &map);
  gst_vyre_memory_get_bounces (&more, &more_bytes);
  g_assert_cmpuint (more_bytes, ==, bytes + 60);

  gst_memory_unref (part);
  gst_memory_unref (mem);
  drop_arena (arena);
}

static void
test_allocator (void)
{
  VyreArena *arena = new_arena (VYRE_ARENA_HOST);
  GstAllocator *allocator = gst_vyre_allocator_new (arena);
  GstAllocationParams params = {
    GST_MEMORY_FLAG_ZERO_PREFIXED | GST_MEMORY_FLAG_ZERO_PADDED, 255, 300, 50
  };
  GPtrArray *all =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_memory_unref);
  GstMemory *mem;
  gsize used, n = 0;

  g_assert_true (gst_vyre_allocator_get_arena (allocator) == arena);
  g_assert_null (gst_vyre_allocator_get_arena (NULL));
  g_assert_true (
      GST_OBJECT_FLAG_IS_SET (allocator, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC));
  gst_object_ref (allocator);
  gst_object_unref (allocator);

  memset (vyre_arena_get_base (arena), 0xee, SIZE);
  mem = gst_allocator_alloc (allocator, 1000, &params);
  g_assert_true (gst_is_vyre_memory (mem));
  g_assert_cmpuint (mem->offset, ==, 300);
  g_assert_cmpuint (mem->size, ==, 1000);
  for (guint i = 0; i < 300; i++)
    g_assert_cmpuint (vyre_arena_get_base (arena)[i], ==, 0);
  for (guint i = 0; i < 50; i++)
    g_assert_cmpuint (vyre_arena_get_base (arena)[1300 + i], ==, 0);
  gst_memory_unref (mem);

  /* More alignment than pages have. */
  params.align = 8191;
  mem = gst_allocator_alloc (allocator, 1000, &params);
  g_assert_false (gst_is_vyre_memory (mem));
  gst_memory_unref (mem);

  /* A quarter is left for others, but nobody gets nothing. */
  for (guint i = 0; i < 1000; i++) {
    mem = gst_allocator_alloc (allocator, 4096, NULL);
    g_assert_nonnull (mem);
    n += gst_is_vyre_memory (mem);
    g_ptr_array_add (all, mem);
  }
  g_assert_cmpuint (n, ==, SIZE / 4096 * 3 / 4);
  vyre_arena_get_usage (arena, &used, NULL, NULL);
  g_assert_cmpuint (used, ==, SIZE / 4 * 3);
  g_ptr_array_unref (all);
  g_assert_null (gst_allocator_alloc (allocator, G_MAXSIZE - 10, &params));

  gst_object_unref (allocator);
  drop_arena (arena);
}

/* --- what vyresrc does with an answer to its ALLOCATION query ---------------- */

static void
check_proposal (VyreArenaKind kind, const char *mode, const char *expect)
{
  VyreArena *arena = new_arena (kind);
  GstAllocator *allocator = gst_vyre_allocator_new (arena);
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("file", 2 * SIZE + 5, &data);
  GstHarness *h = gst_harness_new ("vyresrc");
  gsize got = 0;
  GstStructure *stats;
  GstBuffer *buffer;

  g_object_set (
      h->element, "location", path, "blocksize", 65536, "async-depth", 4, NULL);
  gst_util_set_object_arg (G_OBJECT (h->element), "io-mode", mode);
  gst_harness_set_propose_allocator (h, allocator, NULL);
  gst_harness_play (h);
  while (got < 2 * SIZE + 5 && (buffer = gst_harness_pull (h)) != NULL) {
    GstMemory *mem = gst_buffer_peek_memory (buffer, 0);
    GstMapInfo map;

    g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
    g_assert_cmpmem (map.data, map.size, data + got, map.size);
    got += map.size;
    gst_buffer_unmap (buffer, &map);
    /* The harness keeps what it has not handed out: with a small arena some
     * come in ordinary memory, but never in another arena's. */
    if (gst_is_vyre_memory (mem) && strcmp (mode, "direct") != 0)
      g_assert_true (gst_vyre_memory_peek_block (mem, NULL)->arena == arena);
    gst_buffer_unref (buffer);
  }
  g_assert_cmpuint (got, ==, 2 * SIZE + 5);
  g_object_get (h->element, "stats", &stats, NULL);
  g_assert_cmpstr (gst_structure_get_string (stats, "arena"), ==, expect);
  gst_structure_free (stats);
  gst_harness_teardown (h);
  drop_arena (arena);
}

static void
test_proposal_host (void)
{
  check_proposal (VYRE_ARENA_HOST, "auto", "host");
}

static void
test_proposal_device (void)
{
  check_proposal (VYRE_ARENA_DEVICE, "auto", "device");
  check_proposal (VYRE_ARENA_DEVICE, "buffered", "device");
  if (support_has_direct_io ())
    check_proposal (VYRE_ARENA_DEVICE, "direct", "host");
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", "coretracers", NULL };

  support_init (&argc, &argv, plugins);
  GST_ELEMENT_REGISTER (vyresrc, NULL);
  g_test_add_func ("/memory/host", test_host);
  g_test_add_func ("/memory/parts", test_parts);
  g_test_add_func ("/memory/own-pages", test_own_pages);
  g_test_add_func ("/memory/device", test_device);
  g_test_add_func ("/memory/allocator", test_allocator);
  g_test_add_func ("/memory/proposal/host", test_proposal_host);
  g_test_add_func ("/memory/proposal/device", test_proposal_device);
  return support_run ();
}
