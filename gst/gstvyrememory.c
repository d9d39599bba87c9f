/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyrememory.h"

#include <string.h>

GST_DEBUG_CATEGORY_STATIC (gst_vyre_memory_debug);
#define GST_CAT_DEFAULT gst_vyre_memory_debug
GST_DEBUG_CATEGORY_STATIC (cat_performance);

/* A copy in ordinary memory that stands in for a range of a device block while
 * somebody who wants to read has it mapped. Maps of the same memory may nest;
 * they share one copy, or the inner one's writes would be lost. */
typedef struct
{
  guint8 *base; /* malloc'ed, maxsize bytes; only the range is
                                   valid, so untouched pages cost nothing */
  gsize offset, size; /* the range, in the block */
  guint users; /* maps, under the root's lock */
} GstVyreBounce;

/* Made in one thread and freed in another, as buffers are: slices, as there. */
typedef struct
{
  GstMemory mem;
  VyreBlock *block; /* a reference in roots, %NULL in sub-memories */
  GMutex lock; /* roots: bounce */
  GstVyreBounce *bounce;
} GstVyreMemory;

struct _GstVyreAllocator
{
  GstAllocator parent;
  VyreArena *arena; /* a reference; constant. %NULL in the one that
                                   wraps blocks of any arena */
};

G_DEFINE_FINAL_TYPE (GstVyreAllocator, gst_vyre_allocator, GST_TYPE_ALLOCATOR)

static guint64 bounce_maps, bounce_bytes; /* atomic */

static GstVyreMemory *
root_of (GstMemory *mem)
{
  while (mem->parent != NULL)
    mem = mem->parent;
  return (GstVyreMemory *) mem;
}

static void
note_bounce (VyreArena *arena, gsize size)
{
  static gsize once = 0;

  vyre_arena_note_copy (arena, size);
  __atomic_add_fetch (&bounce_maps, 1, __ATOMIC_RELAXED);
  __atomic_add_fetch (&bounce_bytes, size, __ATOMIC_RELAXED);
  if (g_once_init_enter (&once)) {
    GST_CAT_WARNING (cat_performance,
        "device memory is being read by the CPU, through copies (first: "
        "%" G_GSIZE_FORMAT " bytes); keep CPU elements off the GPU's buffers",
        size);
    g_once_init_leave (&once, 1);
  }
}

static GstVyreBounce *
bounce_take (GstVyreMemory *root, GstMemory *mem, gsize maxsize)
{
  GstVyreBounce *bounce = NULL;

  g_mutex_lock (&root->lock);
  if (root->bounce != NULL && root->bounce->offset <= mem->offset &&
      mem->offset + mem->size <= root->bounce->offset + root->bounce->size) {
    bounce = root->bounce;
    bounce->users++;
  }
  g_mutex_unlock (&root->lock);
  if (bounce != NULL)
    return bounce;

  bounce = g_new0 (GstVyreBounce, 1);
  bounce->base = g_try_malloc (MAX (maxsize, 1));
  if (bounce->base == NULL) {
    g_free (bounce);
    return NULL;
  }
  bounce->offset = mem->offset;
  bounce->size = mem->size;
  bounce->users = 1;
  memcpy (
      bounce->base + mem->offset, root->block->data + mem->offset, mem->size);
  note_bounce (root->block->arena, mem->size);

  g_mutex_lock (&root->lock);
  if (root->bounce == NULL)
    root->bounce = bounce;
  g_mutex_unlock (&root->lock);
  return bounce;
}

static void
bounce_drop (GstVyreMemory *root, GstVyreBounce *bounce, gboolean write_back)
{
  gboolean last;

  if (write_back) {
    memcpy (root->block->data + bounce->offset, bounce->base + bounce->offset,
        bounce->size);
    vyre_arena_note_copy (root->block->arena, bounce->size);
  }

  g_mutex_lock (&root->lock);
  last = --bounce->users == 0;
  if (last && root->bounce == bounce)
    root->bounce = NULL;
  g_mutex_unlock (&root->lock);
  if (last) {
    g_free (bounce->base);
    g_free (bounce);
  }
}

static gboolean
needs_bounce (GstVyreMemory *root, GstMapFlags flags)
{
  return (flags & GST_MAP_READ) != 0 && (flags & GST_MAP_VYRE_RAW) == 0 &&
         vyre_arena_get_kind (root->block->arena) == VYRE_ARENA_DEVICE;
}

/* Core adds mem->offset to what this returns. */
static gpointer
gst_vyre_memory_map (GstMemory *mem, GstMapInfo *info, gsize maxsize)
{
  GstVyreMemory *root = root_of (mem);
  GstVyreBounce *bounce = NULL;

  info->user_data[0] = NULL;
  if (info->flags & GST_MAP_WRITE)
    vyre_block_note_write (root->block);

  if (needs_bounce (root, info->flags)) {
    bounce = bounce_take (root, mem, maxsize);
    if (bounce == NULL)
      goto no_memory;
  } else if ((info->flags & GST_MAP_VYRE_RAW) == 0) {
    /* A write-only map inside a read and write one must see its copy. */
    g_mutex_lock (&root->lock);
    if ((bounce = root->bounce) != NULL)
      bounce->users++;
    g_mutex_unlock (&root->lock);
  }
  if (bounce == NULL)
    return root->block->data;

  info->user_data[0] = bounce;
  return bounce->base;

no_memory:
  GST_ERROR ("no memory for a readable copy of %" G_GSIZE_FORMAT
             " bytes of device memory",
      mem->size);
  return NULL;
}

static void
gst_vyre_memory_unmap (GstMemory *mem, GstMapInfo *info)
{
  GstVyreMemory *root = root_of (mem);
  gboolean wrote = (info->flags & GST_MAP_WRITE) != 0;

  if (info->user_data[0] != NULL)
    bounce_drop (root, info->user_data[0], wrote);
  /* Noted at both ends: the writes happened anywhere in between, and a kernel
   * that read the block meanwhile holds old lines of it. */
  if (wrote)
    vyre_block_note_write (root->block);
}

static GstMemory *
gst_vyre_memory_copy (GstMemory *mem, gssize offset, gssize size)
{
  GstMemory *copy;
  GstMapInfo from, to;

  if (!gst_memory_map (mem, &from, GST_MAP_READ))
    goto no_read;
  if (size == -1)
    size = (gssize) from.size > offset ? (gssize) from.size - offset : 0;
  copy = gst_allocator_alloc (NULL, size, NULL);
  if (copy == NULL || !gst_memory_map (copy, &to, GST_MAP_WRITE))
    goto no_write;

  memcpy (to.data, from.data + offset, size);
  vyre_arena_note_copy (root_of (mem)->block->arena, size);
  gst_memory_unmap (copy, &to);
  gst_memory_unmap (mem, &from);
  GST_CAT_DEBUG (cat_performance,
      "copied %" G_GSSIZE_FORMAT " bytes out of arena memory", size);
  return copy;

no_write:
  if (copy != NULL)
    gst_memory_unref (copy);
  gst_memory_unmap (mem, &from);
no_read:
  GST_ERROR ("cannot copy memory %p", mem);
  return NULL;
}

static GstMemory *
gst_vyre_memory_share (GstMemory *mem, gssize offset, gssize size)
{
  GstMemory *root = (GstMemory *) root_of (mem);
  GstVyreMemory *sub = g_slice_new0 (GstVyreMemory);

  if (size == -1)
    size = mem->size - offset;
  gst_memory_init (GST_MEMORY_CAST (sub),
      GST_MINI_OBJECT_FLAGS (root) | GST_MINI_OBJECT_FLAG_LOCK_READONLY,
      root->allocator, root, root->maxsize, root->align, mem->offset + offset,
      size);
  return GST_MEMORY_CAST (sub);
}

/* Core asks this of memories of one allocator only, and wants the offset in the
 * parent, which both must have. */
static gboolean
gst_vyre_memory_is_span (GstMemory *mem1, GstMemory *mem2, gsize *offset)
{
  if (root_of (mem1) != root_of (mem2))
    return FALSE;
  if (offset != NULL)
    *offset = mem1->offset - ((GstMemory *) root_of (mem1))->offset;
  return mem1->offset + mem1->size == mem2->offset;
}

static GstMemory *
gst_vyre_allocator_alloc (
    GstAllocator *allocator, gsize size, GstAllocationParams *params)
{
  GstVyreAllocator *self = GST_VYRE_ALLOCATOR (allocator);
  gsize total;
  VyreBlock *block = NULL;
  GstMemory *mem;

  if (!g_size_checked_add (&total, size, params->prefix) ||
      !g_size_checked_add (&total, total, params->padding))
    return NULL;
  /* Blocks start on pages: that is all the alignment there is. */
  if (self->arena != NULL && params->align < VYRE_PAGE_SIZE &&
      !gst_vyre_arena_is_low (self->arena, total))
    block = vyre_arena_alloc (self->arena, total);
  if (block == NULL)
    goto ordinary;

  if (params->prefix > 0 && (params->flags & GST_MEMORY_FLAG_ZERO_PREFIXED))
    memset (block->data, 0, params->prefix);
  if (params->padding > 0 && (params->flags & GST_MEMORY_FLAG_ZERO_PADDED))
    memset (block->data + params->prefix + size, 0, params->padding);
  mem = gst_vyre_memory_new (block, params->prefix, size);
  GST_MINI_OBJECT_FLAG_SET (
      mem, params->flags &
               (GST_MEMORY_FLAG_ZERO_PREFIXED | GST_MEMORY_FLAG_ZERO_PADDED));
  return mem;

ordinary:
  GST_CAT_LOG (cat_performance,
      "arena is low: %" G_GSIZE_FORMAT " bytes of ordinary memory", total);
  return gst_allocator_alloc (NULL, size, params);
}

static void
gst_vyre_allocator_free (GstAllocator *allocator, GstMemory *mem)
{
  GstVyreMemory *self = (GstVyreMemory *) mem;

  if (self->block != NULL) {
    g_mutex_clear (&self->lock);
    vyre_block_unref (self->block);
  }
  g_slice_free (GstVyreMemory, self);
}

static void
gst_vyre_allocator_finalize (GObject *object)
{
  GstVyreAllocator *self = GST_VYRE_ALLOCATOR (object);

  g_clear_pointer (&self->arena, vyre_arena_unref);
  G_OBJECT_CLASS (gst_vyre_allocator_parent_class)->finalize (object);
}

static void
gst_vyre_allocator_class_init (GstVyreAllocatorClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = gst_vyre_allocator_finalize;
  GST_ALLOCATOR_CLASS (klass)->alloc = gst_vyre_allocator_alloc;
  GST_ALLOCATOR_CLASS (klass)->free = gst_vyre_allocator_free;

  GST_DEBUG_CATEGORY_INIT (
      gst_vyre_memory_debug, "vyrememory", 0, "arena memory of vyre");
  GST_DEBUG_CATEGORY_GET (cat_performance, "GST_PERFORMANCE");
}

static void
gst_vyre_allocator_init (GstVyreAllocator *self)
{
  GstAllocator *allocator = GST_ALLOCATOR (self);

  allocator->mem_type = GST_VYRE_MEMORY_TYPE;
  allocator->mem_map_full = gst_vyre_memory_map;
  allocator->mem_unmap_full = gst_vyre_memory_unmap;
  allocator->mem_copy = gst_vyre_memory_copy;
  allocator->mem_share = gst_vyre_memory_share;
  allocator->mem_is_span = gst_vyre_memory_is_span;
  /* Core's own copies take ordinary memory, not blocks. */
  GST_OBJECT_FLAG_SET (self, GST_ALLOCATOR_FLAG_CUSTOM_ALLOC);
}

GstAllocator *
gst_vyre_allocator_new (VyreArena *arena)
{
  GstVyreAllocator *self;

  g_return_val_if_fail (arena != NULL, NULL);

  self = g_object_new (GST_TYPE_VYRE_ALLOCATOR, NULL);
  gst_object_ref_sink (self);
  self->arena = vyre_arena_ref (arena);
  return GST_ALLOCATOR (self);
}

VyreArena *
gst_vyre_allocator_get_arena (GstAllocator *allocator)
{
  if (allocator == NULL || !GST_IS_VYRE_ALLOCATOR (allocator))
    return NULL;
  return GST_VYRE_ALLOCATOR (allocator)->arena;
}

/* Blocks carry their arena, so one allocator can wrap them all; it lives as
 * long as the process. */
static GstAllocator *
wrapping_allocator (void)
{
  static GstAllocator *allocator = NULL;

  if (g_once_init_enter (&allocator)) {
    GstAllocator *new_one = g_object_new (GST_TYPE_VYRE_ALLOCATOR, NULL);

    gst_object_ref_sink (new_one);
    GST_OBJECT_FLAG_SET (new_one, GST_OBJECT_FLAG_MAY_BE_LEAKED);
    g_once_init_leave (&allocator, new_one);
  }
  return allocator;
}

GstMemory *
gst_vyre_memory_new (VyreBlock *block, gsize offset, gsize size)
{
  GstVyreMemory *self;

  g_return_val_if_fail (block != NULL, NULL);
  g_return_val_if_fail (
      offset <= block->size && size <= block->size - offset, NULL);

  self = g_slice_new0 (GstVyreMemory);
  gst_memory_init (GST_MEMORY_CAST (self), 0, wrapping_allocator (), NULL,
      block->size, VYRE_PAGE_SIZE - 1, offset, size);
  g_mutex_init (&self->lock);
  self->block = block;
  return GST_MEMORY_CAST (self);
}

gboolean
gst_is_vyre_memory (GstMemory *mem)
{
  /* A final type; this is asked for every buffer. */
  return mem != NULL && mem->allocator != NULL &&
         G_OBJECT_TYPE (mem->allocator) == GST_TYPE_VYRE_ALLOCATOR;
}

VyreBlock *
gst_vyre_memory_peek_block (GstMemory *mem, gsize *offset_in_block)
{
  if (!gst_is_vyre_memory (mem))
    return NULL;
  /* Sub-memories count their offset from the root's block, not its data. */
  if (offset_in_block != NULL)
    *offset_in_block = mem->offset;
  return root_of (mem)->block;
}

gboolean
gst_vyre_arena_is_low (VyreArena *arena, gsize wanted)
{
  gsize size = vyre_arena_get_size (arena), used = vyre_arena_get_used (arena);
  gsize free_bytes = used < size ? size - used : 0;

  return wanted > free_bytes || free_bytes - wanted < size / 4;
}

void
gst_vyre_memory_get_bounces (guint64 *maps, guint64 *bytes)
{
  *maps = __atomic_load_n (&bounce_maps, __ATOMIC_RELAXED);
  *bytes = __atomic_load_n (&bounce_bytes, __ATOMIC_RELAXED);
}
