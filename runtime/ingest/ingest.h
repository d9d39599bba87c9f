/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "arena.h"
#include "reader.h"

/* Internals of ingest: not installed. */

G_BEGIN_DECLS

/* Is it the one that vyre_arena_get_process() gives? Makes none. */
gboolean vyre_arena_is_process (VyreArena *arena);

/**
 * One read on its way. Its owner keeps it, its memory and its file open until
 * done() was called: completions are matched by the request's address.
 */
typedef struct _VyreIoRequest VyreIoRequest;

struct _VyreIoRequest
{
  /*< set by the owner before the read >*/
  int fd;
  guint64 offset;
  guint8 *data;
  gsize length;
  gsize align; /* of an O_DIRECT fd; 1: buffered */
  /* Called once per read, from any thread, with no lock held; the request
   * belongs to its owner again. */
  void (*done) (VyreIoRequest *request);
  gpointer user_data;

  /*< results, for the owner once done() was called >*/
  gsize filled; /* less than length: the file ends there */
  int error; /* errno, 0: none */
  guint short_reads, retries;

  /*< private to the path, under its lock >*/
  GList link; /* while queued */
  gboolean queued, cancelled;
  guint ops; /* what the kernel or a worker still has */
  guint tries; /* without progress */
};

/* Takes the result of one attempt, bytes or -errno. TRUE: the read is over;
 * FALSE: the rest has to be asked for (again). */
gboolean vyre_io_request_advance (VyreIoRequest *request, gssize result);

/* Makes the process's paths at the first call, registers the arena if it is
 * the process's. reason: why path is not the best, or %NULL; never freed. */
gboolean vyre_ingest_attach (
    VyreArena *arena, VyreIoPath *path, const char **reason, GError **error);
/* Starts reads; needs a vyre_ingest_attach() before. done() may be called
 * before this returns. */
void vyre_ingest_read (VyreIoRequest **requests, guint n_requests);
/* Hurries reads along; done() is still called for each. Those that are over
 * already are left alone. */
void vyre_ingest_cancel (VyreIoRequest **requests, guint n_requests);

/* The two ways; one of each at most per process, never freed. */
typedef struct _VyreUring VyreUring;
VyreUring *vyre_uring_new (GError **error);
gboolean vyre_uring_register (
    VyreUring *uring, VyreArena *arena, GError **error);
void vyre_uring_read (
    VyreUring *uring, VyreIoRequest **requests, guint n_requests);
void vyre_uring_cancel (
    VyreUring *uring, VyreIoRequest **requests, guint n_requests);

typedef struct _VyreIoPool VyreIoPool;
VyreIoPool *vyre_io_pool_new (GError **error);
void vyre_io_pool_read (
    VyreIoPool *pool, VyreIoRequest **requests, guint n_requests);
void vyre_io_pool_cancel (
    VyreIoPool *pool, VyreIoRequest **requests, guint n_requests);

/* An open file: once through the page cache and, if it can be had, once with
 * O_DIRECT. */
typedef struct
{
  char *path;
  int fd;
  int direct_fd; /* -1: no O_DIRECT */
  gsize align; /* of direct offsets and lengths */
  gboolean seekable; /* regular file or block device */
} VyreFile;

gboolean vyre_file_open (
    VyreFile *file, const char *path, VyreIoMode mode, GError **error);
void vyre_file_close (VyreFile *file);
gboolean vyre_file_get_size (const VyreFile *file, guint64 *size);
/* Is most of it in the page cache? Samples without waiting for the disk, and
 * leaves what is not there alone if we own the file or may write it. */
gboolean vyre_file_is_cached (const VyreFile *file, guint64 size);

G_END_DECLS
