/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Residency generations.
 *
 * A kernel may keep lines of imported host memory in its caches for as long as
 * it runs: what the host writes to memory that this kernel has read is not
 * seen by it. Every launch is a generation. For each page of an imported arena
 * we keep the newest generation that may have read it and the newest foreign
 * write there was at that time; a window that reads a page which was written
 * since, by a kernel that may hold it, asks for a newer generation. Kernels
 * leave slots alone that ask for more than they are, and the supervisor
 * starts the kernel that may take them.
 */

#include "engine-private.h"

gboolean
vyre_mapped_arena_init (VyreMappedArena *mapped, VyreArena *arena,
    guint64 address, gboolean goes_stale)
{
  mapped->arena = vyre_arena_ref (arena);
  mapped->address = address;
  mapped->goes_stale = goes_stale;
  mapped->copied_before = vyre_arena_get_copied (arena);
  mapped->n_pages = vyre_arena_get_size (arena) / VYRE_PAGE_SIZE;
  if (goes_stale) {
    mapped->read_generation = g_new0 (guint32, mapped->n_pages);
    mapped->read_stamp = g_new0 (guint64, mapped->n_pages);
  }
  return TRUE;
}

void
vyre_mapped_arena_clear (VyreMappedArena *mapped)
{
  g_clear_pointer (&mapped->arena, vyre_arena_unref);
  g_clear_pointer (&mapped->read_generation, g_free);
  g_clear_pointer (&mapped->read_stamp, g_free);
}

VyreMappedArena *
vyre_runtime_find_mapped (VyreRuntime *runtime, VyreArena *arena)
{
  for (guint i = 0; i < runtime->n_mapped; i++) {
    if (runtime->mapped[i].arena == arena)
      return &runtime->mapped[i];
  }
  return NULL;
}

guint32
vyre_generation_required (
    VyreRuntime *runtime, VyreBlock *block, gsize offset, gsize length)
{
  VyreMappedArena *mapped = vyre_runtime_find_mapped (runtime, block->arena);
  guint32 newest = runtime->generation;

  if (mapped == NULL || !mapped->goes_stale || length == 0)
    return newest;

  guint64 written = vyre_block_get_write_stamp (block);
  gsize first = (block->offset + offset) / VYRE_PAGE_SIZE;
  gsize last = (block->offset + offset + length - 1) / VYRE_PAGE_SIZE;
  for (gsize page = first; page <= last; page++) {
    if (written > mapped->read_stamp[page] &&
        (gint32) (mapped->read_generation[page] - newest) >= 0)
      return mapped->read_generation[page] + 1;
  }
  return newest;
}

void
vyre_generation_note_read (VyreRuntime *runtime, VyreBlock *block, gsize offset,
    gsize length, guint32 generation)
{
  VyreMappedArena *mapped = vyre_runtime_find_mapped (runtime, block->arena);

  if (mapped == NULL || !mapped->goes_stale || length == 0)
    return;

  guint64 stamp = vyre_arena_newest_stamp ();
  gsize first = (block->offset + offset) / VYRE_PAGE_SIZE;
  gsize last = (block->offset + offset + length - 1) / VYRE_PAGE_SIZE;
  for (gsize page = first; page <= last; page++) {
    mapped->read_generation[page] = generation;
    mapped->read_stamp[page] = stamp;
  }
}
