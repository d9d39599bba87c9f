/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Residency generations.
 *
 * A kernel may keep lines of imported host memory in its caches for as long as
 * it runs: what the host writes to memory that this kernel has read is not
 * seen by it. Every launch is a generation. For each page of an imported arena
 * we keep the newest generation that may have read it and the newest foreign
 * write there was at that time; a window that reads a page which was written
 * since asks for a generation that cannot have read it, and so do all windows
 * after it that read this page. Kernels leave slots alone that ask for more
 * than they are, and the supervisor starts the kernel that may take them.
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
    mapped->read_generation = g_new0 (guint64, mapped->n_pages);
    mapped->read_stamp = g_new0 (guint64, mapped->n_pages);
    mapped->clean_generation = g_new0 (guint64, mapped->n_pages);
  }
  return TRUE;
}

void
vyre_mapped_arena_clear (VyreMappedArena *mapped)
{
  g_clear_pointer (&mapped->arena, vyre_arena_unref);
  g_clear_pointer (&mapped->read_generation, g_free);
  g_clear_pointer (&mapped->read_stamp, g_free);
  g_clear_pointer (&mapped->clean_generation, g_free);
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

/* The arena if it goes stale at all, and the pages of the range. */
static VyreMappedArena *
find_pages (VyreRuntime *runtime, VyreBlock *block, gsize offset, gsize length,
    gsize *first, gsize *last)
{
  VyreMappedArena *mapped = vyre_runtime_find_mapped (runtime, block->arena);

  if (mapped == NULL || !mapped->goes_stale || length == 0)
    return NULL;
  *first = (block->offset + offset) / VYRE_PAGE_SIZE;
  *last = (block->offset + offset + length - 1) / VYRE_PAGE_SIZE;
  return mapped;
}

guint64
vyre_generation_require (
    VyreRuntime *runtime, VyreBlock *block, gsize offset, gsize length)
{
  gsize first, last;
  guint64 required = 0;
  VyreMappedArena *mapped =
      find_pages (runtime, block, offset, length, &first, &last);

  if (mapped == NULL)
    return 0;

  guint64 written = vyre_block_get_write_stamp (block);
  guint64 stamp = vyre_arena_newest_stamp ();
  for (gsize page = first; page <= last; page++) {
    if (written > mapped->read_stamp[page])
      mapped->clean_generation[page] = mapped->read_generation[page] + 1;
    required = MAX (required, mapped->clean_generation[page]);
    mapped->read_stamp[page] = stamp;
  }
  /* Which kernel will run it is not known; the newest may. */
  guint64 reader = MAX (required, runtime->generation);
  for (gsize page = first; page <= last; page++)
    mapped->read_generation[page] = MAX (mapped->read_generation[page], reader);
  return required;
}

void
vyre_generation_note_read (VyreRuntime *runtime, VyreBlock *block, gsize offset,
    gsize length, guint64 generation)
{
  gsize first, last;
  VyreMappedArena *mapped =
      find_pages (runtime, block, offset, length, &first, &last);

  if (mapped == NULL)
    return;
  for (gsize page = first; page <= last; page++)
    mapped->read_generation[page] =
        MAX (mapped->read_generation[page], generation);
}

void
vyre_window_note_read (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;

  for (guint i = 0; i < window->n_bindings; i++) {
    const VyreBinding *binding = &window->bindings[i];

    if (binding->block != NULL)
      vyre_generation_note_read (runtime, binding->block, binding->offset,
          binding->length, runtime->generation);
  }
  window->newest_reader = runtime->generation;
}
