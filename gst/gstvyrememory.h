/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "ingest/arena.h"

G_BEGIN_DECLS

/**
 * Arena blocks as GstMemory.
 *
 * Who refers to whom: a root memory owns one reference to its #VyreBlock and,
 * as every memory, one to its allocator. Shared sub-memories own a reference to
 * the root. Nothing refers back: the block returns to its arena when the last
 * memory on it is freed, whatever became of the buffers in between.
 *
 * Threads: as any GstMemory; creating and freeing from any thread.
 */

#define GST_VYRE_MEMORY_TYPE "VyreMemory"

/* Raw access: the arena's own address whatever the access asked for. Reading
 * device memory this way is slow (write-combined); it is for those who know
 * which arena they have. */
#define GST_MAP_VYRE_RAW ((GstMapFlags) (GST_MAP_FLAG_LAST << 1))

#define GST_TYPE_VYRE_ALLOCATOR (gst_vyre_allocator_get_type ())
G_DECLARE_FINAL_TYPE (
    GstVyreAllocator, gst_vyre_allocator, GST, VYRE_ALLOCATOR, GstAllocator)

/**
 * gst_vyre_allocator_new:
 * @arena: the arena it stands for; a reference is taken
 *
 * For answers to ALLOCATION queries. Elements of ours take the arena out of it;
 * others may allocate from it: while the arena has room to spare they get arena
 * memory, and ordinary system memory when it has not.
 *
 * Returns: (transfer full): an allocator without floating reference.
 */
GstAllocator *gst_vyre_allocator_new (VyreArena *arena);

/**
 * gst_vyre_allocator_get_arena:
 * @allocator: any allocator, or %NULL
 *
 * Returns: (transfer none) (nullable): its arena; %NULL for allocators of other
 *   types.
 */
VyreArena *gst_vyre_allocator_get_arena (GstAllocator *allocator);

/**
 * gst_vyre_memory_new:
 * @block: (transfer full): a block of an arena
 * @offset: first byte of the data in the block
 * @size: bytes of data; @offset + @size is at most the block's size
 *
 * Several memories may stand on one block; set %GST_MEMORY_FLAG_READONLY on them
 * then, as each believes that its bytes are its own.
 *
 * Returns: (transfer full): a root memory.
 */
GstMemory *gst_vyre_memory_new (VyreBlock *block, gsize offset, gsize size);

/* Root or shared sub-memory of any arena? */
gboolean gst_is_vyre_memory (GstMemory *mem);

/**
 * gst_vyre_memory_peek_block:
 * @mem: any memory
 * @offset_in_block: (out) (optional): where @mem's data begin in the block
 *
 * Follows sub-memories to their root. The block lives as long as @mem does; take
 * a reference to keep it longer.
 *
 * Returns: (transfer none) (nullable): the block; %NULL for foreign memory.
 */
VyreBlock *gst_vyre_memory_peek_block (GstMemory *mem, gsize *offset_in_block);

/**
 * gst_vyre_arena_is_low:
 * @arena: an arena
 * @wanted: bytes about to be taken
 *
 * Would fewer than a quarter of the arena's bytes be free after taking @wanted?
 * Whoever can do without arena memory leaves that quarter to those who cannot.
 */
gboolean gst_vyre_arena_is_low (VyreArena *arena, gsize wanted);

/* Maps of device memory for reading that went through a copy, and their bytes,
 * in this process. */
void gst_vyre_memory_get_bounces (guint64 *maps, guint64 *bytes);

G_END_DECLS
