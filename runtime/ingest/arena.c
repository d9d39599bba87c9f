/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "arena.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "ingest.h"

#define HUGE_PAGE_SIZE ((gsize) 2 << 20)
#define DEFAULT_PROCESS_SIZE ((gsize) 256 << 20)

/* Who keeps whom: an arena has one reference per holder and one per block that
 * is out; a block refers to its arena. Mapping and owner's memory go with the
 * last of these references, so a block may outlive everybody who made it. */
struct _VyreArena
{
  gint refs;
  VyreArenaKind kind;
  guint8 *base;
  gsize size;
  GDestroyNotify release;
  gpointer user_data;
  gsize map_size; /* our own mapping, 0: somebody else's */
  guint64 copied; /* bytes; atomic */

  GMutex lock;
  GCond cond; /* serial has changed */
  /* protected by lock */
  GTree *free; /* first page -> pages; ranges never touch */
  gsize cursor; /* page where the next search starts */
  gsize used, peak; /* bytes; used is read without the lock, too */
  guint blocks;
  guint64 serial; /* read without the lock, too */
  guint waiters;
};

static GMutex process_lock;
static VyreArena *process_arena; /* kept until the process ends */

static guint64 newest_stamp;

static gint
compare_pages (gconstpointer a, gconstpointer b)
{
  return (a > b) - (a < b);
}

static gsize
node_start (GTreeNode *node)
{
  return GPOINTER_TO_SIZE (g_tree_node_key (node));
}

static gsize
node_pages (GTreeNode *node)
{
  return GPOINTER_TO_SIZE (g_tree_node_value (node));
}

static void
add_range (VyreArena *arena, gsize start, gsize pages)
{
  g_tree_insert (
      arena->free, GSIZE_TO_POINTER (start), GSIZE_TO_POINTER (pages));
}

static void
remove_range (VyreArena *arena, gsize start)
{
  g_tree_remove (arena->free, GSIZE_TO_POINTER (start));
}

static VyreArena *
arena_new (guint8 *base, gsize size, VyreArenaKind kind)
{
  VyreArena *arena = g_new0 (VyreArena, 1);

  arena->refs = 1;
  arena->kind = kind;
  arena->base = base;
  arena->size = size;
  g_mutex_init (&arena->lock);
  g_cond_init (&arena->cond);
  arena->free = g_tree_new (compare_pages);
  if (size > 0)
    add_range (arena, 0, size / VYRE_PAGE_SIZE);
  return arena;
}

VyreArena *
vyre_arena_new_host (gsize size, GError **error)
{
  VyreArena *arena;
  struct rlimit limit;
  g_autofree char *limit_text = NULL;
  guint8 *map, *base;
  gsize length;
  int saved;

  if (size == 0 || size > G_MAXSSIZE - HUGE_PAGE_SIZE - VYRE_PAGE_SIZE)
    goto bad_size;
  size = (size + VYRE_PAGE_SIZE - 1) & ~(gsize) (VYRE_PAGE_SIZE - 1);

  /* One huge page more, cut off again, so that the base is aligned. */
  length = size + HUGE_PAGE_SIZE;
  map = mmap (
      NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (map == MAP_FAILED)
    goto no_memory;
  base = (guint8 *) (((guintptr) map + HUGE_PAGE_SIZE - 1) &
                     ~(guintptr) (HUGE_PAGE_SIZE - 1));
  if (base > map)
    munmap (map, base - map);
  if (base + size < map + length)
    munmap (base + size, (map + length) - (base + size));

  /* Either may be unsupported, and nothing depends on it for being right. A
   * forked child that shared the pages could make the kernel give us copies
   * while devices go on using the originals. */
  madvise (base, size, MADV_HUGEPAGE);
  madvise (base, size, MADV_DONTFORK);

  arena = arena_new (base, size, VYRE_ARENA_HOST);
  arena->map_size = size;
  return arena;

bad_size:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
      "An arena of %" G_GSIZE_FORMAT " bytes cannot be made", size);
  return NULL;
no_memory:
  saved = errno;
  if (getrlimit (RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
    limit_text =
        g_strdup_printf ("the address space limit is %" G_GUINT64_FORMAT
                         " bytes (raise it with 'ulimit -v')",
            (guint64) limit.rlim_cur);
  else
    limit_text = g_strdup ("no address space limit is set; look at the memory "
                           "limit of the container and vm.overcommit_memory");
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved),
      "Could not map an arena of %" G_GSIZE_FORMAT " bytes: %s; %s", size,
      g_strerror (saved), limit_text);
  return NULL;
}

static gboolean
parse_size (const char *text, gsize *size)
{
  guint64 value;
  char *end;
  guint shift = 0;

  if (!g_ascii_isdigit (text[0]))
    return FALSE;
  errno = 0;
  value = g_ascii_strtoull (text, &end, 10);
  if (errno != 0)
    return FALSE;
  switch (g_ascii_toupper (*end)) {
    case 'K':
      shift = 10;
      end++;
      break;
    case 'M':
      shift = 20;
      end++;
      break;
    case 'G':
      shift = 30;
      end++;
      break;
    default:
      break;
  }
  if (*end != '\0' || value == 0 || value > (guint64) G_MAXSSIZE >> shift)
    return FALSE;
  *size = value << shift;
  return TRUE;
}

gboolean
vyre_arena_size_from_environment (
    const char *name, gsize normal, gsize *size, GError **error)
{
  const char *text = g_getenv (name);

  *size = normal;
  if (text == NULL || text[0] == '\0' || parse_size (text, size))
    return TRUE;
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
      "%s is '%s'; expected bytes with an optional suffix K, M or G, for "
      "example 256M",
      name, text);
  return FALSE;
}

VyreArena *
vyre_arena_get_process (GError **error)
{
  VyreArena *arena = NULL;
  gsize size;

  g_mutex_lock (&process_lock);
  if (process_arena == NULL &&
      vyre_arena_size_from_environment (
          "VYRE_ARENA_SIZE", DEFAULT_PROCESS_SIZE, &size, error))
    process_arena = vyre_arena_new_host (size, error);
  if (process_arena != NULL)
    arena = vyre_arena_ref (process_arena);
  g_mutex_unlock (&process_lock);
  return arena;
}

gboolean
vyre_arena_is_process (VyreArena *arena)
{
  gboolean same;

  g_mutex_lock (&process_lock);
  same = arena == process_arena;
  g_mutex_unlock (&process_lock);
  return same;
}

VyreArena *
vyre_arena_new_mapped (guint8 *base, gsize size, VyreArenaKind kind,
    GDestroyNotify release, gpointer user_data)
{
  VyreArena *arena;

  g_return_val_if_fail (base != NULL, NULL);
  g_return_val_if_fail ((guintptr) base % VYRE_PAGE_SIZE == 0, NULL);

  /* A last part of a page could not be handed out. */
  arena = arena_new (base, size & ~(gsize) (VYRE_PAGE_SIZE - 1), kind);
  arena->release = release;
  arena->user_data = user_data;
  return arena;
}

VyreArena *
vyre_arena_ref (VyreArena *arena)
{
  g_atomic_int_inc (&arena->refs);
  return arena;
}

void
vyre_arena_unref (VyreArena *arena)
{
  if (!g_atomic_int_dec_and_test (&arena->refs))
    return;
  g_assert (arena->blocks == 0);
  g_tree_unref (arena->free);
  g_cond_clear (&arena->cond);
  g_mutex_clear (&arena->lock);
  if (arena->map_size > 0)
    munmap (arena->base, arena->map_size);
  if (arena->release != NULL)
    arena->release (arena->user_data);
  g_free (arena);
}

VyreArenaKind
vyre_arena_get_kind (VyreArena *arena)
{
  return arena->kind;
}

guint8 *
vyre_arena_get_base (VyreArena *arena)
{
  return arena->base;
}

gsize
vyre_arena_get_size (VyreArena *arena)
{
  return arena->size;
}

gsize
vyre_arena_get_used (VyreArena *arena)
{
  return __atomic_load_n (&arena->used, __ATOMIC_RELAXED);
}

void
vyre_arena_get_usage (VyreArena *arena, gsize *used, gsize *peak, guint *blocks)
{
  g_mutex_lock (&arena->lock);
  if (used != NULL)
    *used = arena->used;
  if (peak != NULL)
    *peak = arena->peak;
  if (blocks != NULL)
    *blocks = arena->blocks;
  g_mutex_unlock (&arena->lock);
}

/* Takes pages out of a free range, of which start is the first one wanted. */
static void
take (VyreArena *arena, GTreeNode *node, gsize start, gsize pages)
{
  gsize range = node_start (node);
  gsize end = range + node_pages (node);

  if (start > range)
    add_range (arena, range, start - range);
  else
    remove_range (arena, range);
  if (start + pages < end)
    add_range (arena, start + pages, end - (start + pages));
  arena->cursor = start + pages;
}

/* Next fit: from the cursor to the end, then from the beginning. */
static gboolean
find (VyreArena *arena, gsize pages, gsize *start)
{
  GTreeNode *node, *before;
  gsize cursor = arena->cursor;

  node = g_tree_lower_bound (arena->free, GSIZE_TO_POINTER (cursor));
  /* The range before may reach beyond the cursor. */
  before = node != NULL ? g_tree_node_previous (node)
                        : g_tree_node_last (arena->free);
  if (before != NULL && node_start (before) + node_pages (before) > cursor)
    node = before;
  for (; node != NULL; node = g_tree_node_next (node)) {
    *start = MAX (node_start (node), cursor);
    if (node_start (node) + node_pages (node) - *start >= pages) {
      take (arena, node, *start, pages);
      return TRUE;
    }
  }
  for (node = g_tree_node_first (arena->free);
       node != NULL && node_start (node) < cursor;
       node = g_tree_node_next (node)) {
    *start = node_start (node);
    if (node_pages (node) >= pages) {
      take (arena, node, *start, pages);
      return TRUE;
    }
  }
  return FALSE;
}

/* With the lock, as is everything that changes it. */
static void
set_used (VyreArena *arena, gsize used)
{
  __atomic_store_n (&arena->used, used, __ATOMIC_RELAXED);
}

/* With the lock. Waking nobody would still be a system call. */
static void
bump_serial (VyreArena *arena)
{
  __atomic_store_n (&arena->serial, arena->serial + 1, __ATOMIC_RELEASE);
  if (arena->waiters > 0)
    g_cond_broadcast (&arena->cond);
}

VyreBlock *
vyre_arena_alloc (VyreArena *arena, gsize size)
{
  VyreBlock *block;
  gsize pages, start;
  gboolean found;

  if (size > arena->size)
    return NULL;
  pages =
      MAX (size, 1) / VYRE_PAGE_SIZE + (MAX (size, 1) % VYRE_PAGE_SIZE != 0);

  g_mutex_lock (&arena->lock);
  found = pages * VYRE_PAGE_SIZE <= arena->size - arena->used &&
          find (arena, pages, &start);
  if (found) {
    set_used (arena, arena->used + pages * VYRE_PAGE_SIZE);
    arena->peak = MAX (arena->peak, arena->used);
    arena->blocks++;
  }
  g_mutex_unlock (&arena->lock);
  if (!found)
    return NULL;

  block = g_slice_new0 (VyreBlock);
  block->arena = vyre_arena_ref (arena);
  block->offset = start * VYRE_PAGE_SIZE;
  block->data = arena->base + block->offset;
  block->size = pages * VYRE_PAGE_SIZE;
  block->refs = 1;
  return block;
}

void
vyre_arena_note_copy (VyreArena *arena, guint64 bytes)
{
  __atomic_add_fetch (&arena->copied, bytes, __ATOMIC_RELAXED);
}

guint64
vyre_arena_get_copied (VyreArena *arena)
{
  return __atomic_load_n (&arena->copied, __ATOMIC_RELAXED);
}

guint64
vyre_arena_serial (VyreArena *arena)
{
  return __atomic_load_n (&arena->serial, __ATOMIC_ACQUIRE);
}

void
vyre_arena_wait (VyreArena *arena, guint64 serial, gint64 end_time)
{
  g_mutex_lock (&arena->lock);
  arena->waiters++;
  while (arena->serial == serial) {
    if (end_time == G_MAXINT64)
      g_cond_wait (&arena->cond, &arena->lock);
    else if (!g_cond_wait_until (&arena->cond, &arena->lock, end_time))
      break;
  }
  arena->waiters--;
  g_mutex_unlock (&arena->lock);
}

void
vyre_arena_wake (VyreArena *arena)
{
  g_mutex_lock (&arena->lock);
  bump_serial (arena);
  g_mutex_unlock (&arena->lock);
}

VyreBlock *
vyre_block_new_part (VyreBlock *block, gsize offset, gsize size)
{
  VyreBlock *part;

  size = MAX (size, 1);
  g_return_val_if_fail (offset % VYRE_PAGE_SIZE == 0, NULL);
  g_return_val_if_fail (
      offset <= block->size && size <= block->size - offset, NULL);

  part = g_slice_new (VyreBlock);
  part->arena = block->arena; /* the parent's reference */
  part->data = block->data + offset;
  part->offset = block->offset + offset;
  /* No overflow: blocks are whole pages. */
  part->size = (size + VYRE_PAGE_SIZE - 1) & ~(gsize) (VYRE_PAGE_SIZE - 1);
  part->refs = 1;
  part->parent = vyre_block_ref (block);
  part->write_stamp = vyre_block_get_write_stamp (block);
  return part;
}

VyreBlock *
vyre_block_ref (VyreBlock *block)
{
  g_atomic_int_inc (&block->refs);
  return block;
}

/* Joins the range with the free ones that touch it. */
static void
give_back (VyreArena *arena, gsize start, gsize pages)
{
  GTreeNode *after, *before;
  gsize after_start;

  after = g_tree_lower_bound (arena->free, GSIZE_TO_POINTER (start));
  before = after != NULL ? g_tree_node_previous (after)
                         : g_tree_node_last (arena->free);
  if (before != NULL && node_start (before) + node_pages (before) == start) {
    pages += start - node_start (before);
    start = node_start (before);
  }
  if (after != NULL && node_start (after) == start + pages) {
    after_start = node_start (after);
    pages += node_pages (after);
    remove_range (arena, after_start);
  }
  add_range (arena, start, pages);
}

void
vyre_block_unref (VyreBlock *block)
{
  VyreArena *arena = block->arena;

  if (!g_atomic_int_dec_and_test (&block->refs))
    return;
  if (block->parent != NULL) {
    vyre_block_unref (block->parent);
    g_slice_free (VyreBlock, block);
    return;
  }
  g_mutex_lock (&arena->lock);
  give_back (
      arena, block->offset / VYRE_PAGE_SIZE, block->size / VYRE_PAGE_SIZE);
  set_used (arena, arena->used - block->size);
  arena->blocks--;
  bump_serial (arena);
  g_mutex_unlock (&arena->lock);
  g_slice_free (VyreBlock, block);
  vyre_arena_unref (arena);
}

void
vyre_block_note_write (VyreBlock *block)
{
  guint64 stamp = __atomic_add_fetch (&newest_stamp, 1, __ATOMIC_SEQ_CST);

  __atomic_store_n (&block->write_stamp, stamp, __ATOMIC_SEQ_CST);
}

guint64
vyre_block_get_write_stamp (VyreBlock *block)
{
  return __atomic_load_n (&block->write_stamp, __ATOMIC_SEQ_CST);
}

guint64
vyre_arena_newest_stamp (void)
{
  return __atomic_load_n (&newest_stamp, __ATOMIC_SEQ_CST);
}
