/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "../export.h"

G_BEGIN_DECLS

/**
 * Arenas: large ranges of memory that both the CPU and the GPU can read, cut
 * into page-aligned blocks (design: no two blocks share a page).
 *
 * Threads: every function may be called from any thread. An arena lives until
 * its owner and its last block have let go of it; blocks are reference
 * counted and return to the arena with their last reference, whoever drops
 * it. Freeing never takes a lock while calling out.
 */
typedef struct _VyreArena VyreArena;
typedef struct _VyreBlock VyreBlock;

typedef enum
{
  VYRE_ARENA_HOST,              /* ordinary memory: CPU reads at full speed */
  VYRE_ARENA_DEVICE,            /* mapped device memory: CPU writes only */
} VyreArenaKind;

#define VYRE_PAGE_SIZE 4096

struct _VyreBlock
{
  /*< public, constant while a reference is held >*/
  VyreArena *arena;
  guint8 *data;                 /* CPU address; a page boundary */
  gsize offset;                 /* of data in the arena */
  gsize size;                   /* usable bytes; whole pages */
  /*< private >*/
  gint refs;
  VyreBlock *parent;            /* of a part: a reference */
  guint64 write_stamp;          /* last write by anybody but a GPU */
};

/* A host arena of anonymous memory with huge pages advised; not faulted in,
 * and not there in a child after fork() (devices would go on using the
 * parent's pages while the parent got copies). size is rounded up to whole
 * pages. G_FILE_ERROR on failure, with the limit that stood in the way and how
 * to raise it. */
VYRE_API VyreArena *vyre_arena_new_host (gsize size, GError **error);

/* The bytes that the variable of that name asks for (suffixes K, M, G), normal
 * where it is not set. G_FILE_ERROR_INVAL if it says something else. */
VYRE_API gboolean vyre_arena_size_from_environment (
    const char *name, gsize normal, gsize *size, GError **error);

/* The host arena of this process (design.md: it belongs to the process).
 * Made at the first call: VYRE_ARENA_SIZE bytes from the environment (suffixes
 * K, M, G), else 256 MiB. Returns a reference. */
VYRE_API VyreArena *vyre_arena_get_process (GError **error);

/* An arena over memory that somebody else mapped; release (user_data) is
 * called once the arena and its last block are gone. */
VYRE_API VyreArena *vyre_arena_new_mapped (guint8 *base, gsize size,
    VyreArenaKind kind, GDestroyNotify release, gpointer user_data);

VYRE_API VyreArena *vyre_arena_ref (VyreArena *arena);
VYRE_API void vyre_arena_unref (VyreArena *arena);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreArena, vyre_arena_unref)

VYRE_API VyreArenaKind vyre_arena_get_kind (VyreArena *arena);
VYRE_API guint8 *vyre_arena_get_base (VyreArena *arena);
VYRE_API gsize vyre_arena_get_size (VyreArena *arena);
/* Bytes in blocks now, the most there ever were, and blocks now. */
VYRE_API void vyre_arena_get_usage (VyreArena *arena, gsize *used,
    gsize *peak, guint *blocks);
/* Bytes in blocks, at some moment during the call; takes no lock. */
VYRE_API gsize vyre_arena_get_used (VyreArena *arena);

/* A block of at least size bytes (0 counts as 1), contents undefined, one
 * reference; %NULL when there is no room now. Never waits. Allocation goes
 * round the arena, so that memory is reused as late as possible. */
VYRE_API VyreBlock *vyre_arena_alloc (VyreArena *arena, gsize size);

/* Waits until a block was returned, vyre_arena_wake() was called, or end_time
 * (g_get_monotonic_time(); G_MAXINT64: never) came. Callers loop: allocate,
 * look at their own flushing flag, wait. serial is a ticket that keeps a return
 * between allocating and waiting from being missed: read it with
 * vyre_arena_serial() before allocating. */
VYRE_API guint64 vyre_arena_serial (VyreArena *arena);
VYRE_API void vyre_arena_wait (VyreArena *arena, guint64 serial,
    gint64 end_time);
VYRE_API void vyre_arena_wake (VyreArena *arena);

/* Whole pages of a block as a block of its own: size bytes (0 counts as 1) from
 * offset on, which is a multiple of VYRE_PAGE_SIZE. Takes a reference to the
 * block, whose memory returns with the last part, and no lock. Parts must not
 * overlap, and each keeps account of its own writes. Returns a reference. */
VYRE_API VyreBlock *vyre_block_new_part (VyreBlock *block, gsize offset,
    gsize size);
VYRE_API VyreBlock *vyre_block_ref (VyreBlock *block);
VYRE_API void vyre_block_unref (VyreBlock *block);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreBlock, vyre_block_unref)

/* Must be called after each write by the CPU or by a device other than the
 * GPU (I/O completion, map for writing, copy in) and before the block is
 * given to the runtime again: a resident kernel may hold old lines of it. */
VYRE_API void vyre_block_note_write (VyreBlock *block);
/* The stamp of the last such write, and the newest stamp of all: what the
 * runtime compares to decide whether a kernel may read a block again. */
VYRE_API guint64 vyre_block_get_write_stamp (VyreBlock *block);
VYRE_API guint64 vyre_arena_newest_stamp (void);

/* Evidence of copies: bytes of streams that the CPU moved to, from or within
 * blocks of the arena, since it was made. Reads by the kernel's own means are
 * none, nor are the constants of programs. Any thread. */
VYRE_API void vyre_arena_note_copy (VyreArena *arena, guint64 bytes);
VYRE_API guint64 vyre_arena_get_copied (VyreArena *arena);

G_END_DECLS
