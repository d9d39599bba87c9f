/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "arena.h"

G_BEGIN_DECLS

/**
 * Reading files into arena blocks, several reads in flight, in order.
 *
 * The io_uring instance and its registration of the process's host arena are
 * process-wide and made with the first vyre_reader_start() (into that arena),
 * with one reaper thread of our own; where io_uring is refused (EPERM, ENOSYS)
 * a few threads call pread, where the locked-memory limit refuses the
 * registration the reads do without. vyre_reader_get_stats() tells.
 *
 * The environment variable VYRE_IO_PATH forces a path, for tests: uring-fixed,
 * uring or pread; vyre_reader_start() fails if it cannot be had. Memory outside
 * the process's host arena takes plain reads on every path.
 *
 * Pipes and character devices are read in order, in the thread that calls
 * vyre_reader_next(), whatever the depth.
 *
 * Threads: one thread at a time calls a reader, except vyre_reader_cancel(),
 * vyre_reader_get_size() and vyre_reader_get_stats(), which any thread may
 * call at any time.
 */
typedef struct _VyreReader VyreReader;

/* AUTO is direct if offset and block size are aligned for it (STATX_DIOALIGN,
 * else 4096), blocks have at least 64 KiB, the file at least 1 MiB, the arena
 * is a host arena, and most of 32 samples of the file were not in the page
 * cache at the first start; the file system may still refuse, then the reader
 * goes on buffered. DIRECT takes any offset and block size: what is not
 * aligned is read with its surroundings and moved within the block. */
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
  VYRE_IO_PATH_PREAD,           /* io_uring refused, or a pipe or device */
} VyreIoPath;

typedef struct
{
  VyreIoPath path;
  gboolean direct;              /* O_DIRECT in use */
  char *reason;                 /* why not the best path, or %NULL */
  guint64 bytes, reads, short_reads, retries;
} VyreReaderStats;

/* Opens and stats, nothing else. G_FILE_ERROR with the errno's code: missing,
 * no permission, directory, socket; INVAL for a file that DIRECT cannot read. */
VYRE_API VyreReader *vyre_reader_open (const char *path, VyreIoMode mode,
    GError **error);
VYRE_API void vyre_reader_free (VyreReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreReader, vyre_reader_free)

/* fstat now. seekable: regular file or block device. FALSE when unknown. */
VYRE_API gboolean vyre_reader_get_size (VyreReader *reader, guint64 *size);
VYRE_API gboolean vyre_reader_is_seekable (VyreReader *reader);

/* Starts (or restarts elsewhere) read-ahead of blocks of block_size bytes, up
 * to depth of them in flight (at least 1, at most 256, and at most half of the
 * arena). Reads in flight from before are cancelled and waited for.
 *
 * Forwards: blocks begin at offset and rise, up to stop (G_MAXUINT64: the
 * end). Backwards, for reverse playback: blocks END at offset (G_MAXUINT64: the
 * end of the file as it is now) and fall, [offset - block_size, offset) first,
 * down to stop (0: the beginning); the last one is the shorter one.
 *
 * arena: where blocks come from (host or device; device arenas are never read
 * into with O_DIRECT). What cannot seek is started where it stands, forwards.
 *
 * G_FILE_ERROR: NOSPC for blocks larger than half of the arena, INVAL for what
 * the file or the mode does not allow, else what refused the path that
 * VYRE_IO_PATH asks for. The reader is stopped then. */
VYRE_API gboolean vyre_reader_start (VyreReader *reader, VyreArena *arena,
    guint64 offset, guint64 stop, gsize block_size, guint depth,
    gboolean backwards, GError **error);

typedef enum
{
  VYRE_READ_OK,
  VYRE_READ_EOF,
  VYRE_READ_CANCELLED,          /* vyre_reader_cancel(); nothing was lost */
  VYRE_READ_ERROR,
  VYRE_READ_NO_ROOM,            /* see vyre_reader_set_wait() */
} VyreReadResult;

/* The next block in order; waits for its read, and for room in the arena.
 * length is smaller than block_size only at the end of the file or at stop.
 * The caller owns *block; its write has been noted. A file that shrinks ends
 * early and cleanly (backwards, blocks beyond its end are left out).
 *
 * After CANCELLED a later call goes on where it was. After EOF a later call
 * looks again: a file that has grown goes on where it ended. After ERROR
 * (G_FILE_ERROR with the errno's code, offset and size in the text) a later
 * call tries the same place again. */
VYRE_API VyreReadResult vyre_reader_next (VyreReader *reader,
    VyreBlock **block, guint64 *offset, gsize *length, GError **error);

/* With FALSE, vyre_reader_next() returns NO_ROOM instead of waiting when the
 * arena is full and nothing of the reader's own is on its way: whoever holds
 * the blocks may never return them. A later call goes on where it was. */
VYRE_API void vyre_reader_set_wait (VyreReader *reader, gboolean wait);

/* Reads length bytes at offset into the caller's memory, in the calling thread
 * and through the page cache; read-ahead is left as it is. *got is smaller than
 * length at the end of the file. What cannot seek ignores offset, must not
 * have been started at another place since, and gives what there is. OK, EOF
 * with *got 0, CANCELLED (*got bytes are there), ERROR. */
VYRE_API VyreReadResult vyre_reader_read_into (VyreReader *reader,
    guint64 offset, guint8 *data, gsize length, gsize *got, GError **error);

/* Makes a waiting or later vyre_reader_next() return CANCELLED, until
 * vyre_reader_cancel (reader, FALSE). */
VYRE_API void vyre_reader_cancel (VyreReader *reader, gboolean cancel);

/* Stops read-ahead, cancels and waits for reads in flight. Needs a start before
 * the next vyre_reader_next(). */
VYRE_API void vyre_reader_stop (VyreReader *reader);

/* Since the reader was opened. reason is never freed. */
VYRE_API void vyre_reader_get_stats (VyreReader *reader,
    VyreReaderStats *stats);

G_END_DECLS
