/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "arena.h"

G_BEGIN_DECLS

/**
 * Reading files into arena blocks, several reads in flight, in order.
 *
 * The io_uring instance and its registration of the process's host arena are
 * process-wide and made with the first read (one reaper thread of our own);
 * where io_uring is refused (EPERM, ENOSYS, locked-memory limit) readers use
 * pread from a worker thread or the caller and say so.
 *
 * Threads: one thread at a time calls a reader, except vyre_reader_cancel()
 * and vyre_reader_get_size(), which any thread may call at any time.
 */
typedef struct _VyreReader VyreReader;

typedef enum
{
  VYRE_IO_AUTO,                 /* direct where it pays and works, else buffered */
  VYRE_IO_DIRECT,               /* O_DIRECT or an error */
  VYRE_IO_BUFFERED,             /* through the page cache */
} VyreIoMode;

typedef enum
{
  VYRE_IO_PATH_NONE,            /* nothing was read yet */
  VYRE_IO_PATH_URING_FIXED,     /* io_uring into registered memory */
  VYRE_IO_PATH_URING,           /* io_uring, memory not registered */
  VYRE_IO_PATH_PREAD,           /* io_uring refused */
} VyreIoPath;

typedef struct
{
  VyreIoPath path;
  gboolean direct;              /* O_DIRECT in use */
  char *reason;                 /* why not the best path, or %NULL */
  guint64 bytes, reads, short_reads, retries;
} VyreReaderStats;

/* Opens and stats, nothing else. G_FILE_ERROR with the errno's code: missing,
 * no permission, directory, socket. */
VYRE_API VyreReader *vyre_reader_open (const char *path, VyreIoMode mode,
    GError **error);
VYRE_API void vyre_reader_free (VyreReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreReader, vyre_reader_free)

/* fstat now. seekable: regular file or block device. FALSE when unknown. */
VYRE_API gboolean vyre_reader_get_size (VyreReader *reader, guint64 *size);
VYRE_API gboolean vyre_reader_is_seekable (VyreReader *reader);

/* Starts (or restarts elsewhere) read-ahead of blocks of block_size bytes,
 * depth of them in flight, from offset on, up to stop (G_MAXUINT64: the end);
 * backwards: falling offsets, for reverse playback. Reads in flight from
 * before are cancelled and waited for. arena: where blocks come from (host or
 * device; device arenas are never read into with O_DIRECT). */
VYRE_API gboolean vyre_reader_start (VyreReader *reader, VyreArena *arena,
    guint64 offset, guint64 stop, gsize block_size, guint depth,
    gboolean backwards, GError **error);

typedef enum
{
  VYRE_READ_OK,
  VYRE_READ_EOF,
  VYRE_READ_CANCELLED,          /* vyre_reader_cancel(); nothing was lost */
  VYRE_READ_ERROR,
} VyreReadResult;

/* The next block in order; waits for its read, and for room in the arena.
 * length is smaller than block_size only at the end of the file or at stop.
 * The caller owns *block; its write has been noted. A file that shrinks ends
 * early and cleanly. After CANCELLED a later call goes on where it was. */
VYRE_API VyreReadResult vyre_reader_next (VyreReader *reader,
    VyreBlock **block, guint64 *offset, gsize *length, GError **error);

/* Makes a waiting or later vyre_reader_next() return CANCELLED, until
 * vyre_reader_cancel (reader, FALSE). */
VYRE_API void vyre_reader_cancel (VyreReader *reader, gboolean cancel);

/* Stops read-ahead, cancels and waits for reads in flight. */
VYRE_API void vyre_reader_stop (VyreReader *reader);

/* reason is owned by the reader. */
VYRE_API void vyre_reader_get_stats (VyreReader *reader,
    VyreReaderStats *stats);

G_END_DECLS
