/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ingest.h"
#include "reader.h"

G_BEGIN_DECLS

/* What the ways of reading a file share. */

typedef struct _VyreReaderSlot VyreReaderSlot;

struct _VyreReader
{
  VyreFile file;
  VyreIoMode mode;

  GMutex lock;
  GCond cond; /* a slot is done, or cancelled was set */
  /* protected by lock */
  gboolean cancelled;
  int cancel_fd; /* readable while cancelled; -1: seekable */
  VyreReaderStats stats;

  /* changed by the calling thread under the lock; read by it without */
  VyreArena *arena; /* NULL: not started */

  /* of the calling thread */
  VyreReaderSlot *slots; /* a ring, in the order of delivery */
  guint n_slots, head, count;
  gboolean no_wait; /* for room */
  guint64 position; /* where the next block to ask for begins; backwards: where
                     * it ends */
  guint64 stop;
  guint64 known_size;
  gsize block_size;
  gboolean backwards;
  gboolean direct;
  gboolean direct_decided, direct_pays;
  gboolean direct_refused; /* by a read, in AUTO */
  VyreBlock *partial; /* what cannot seek: a block being filled */
  gsize partial_filled;
};

/* reader.c */
void vyre_reader_set_arena (VyreReader *reader, VyreArena *arena);
void vyre_reader_set_path (
    VyreReader *reader, VyreIoPath path, const char *reason);
gboolean vyre_reader_is_cancelled (VyreReader *reader);
/* Hands a block over. */
void vyre_reader_deliver (VyreReader *reader, VyreBlock *filled, guint64 at,
    gsize n, VyreBlock **block, guint64 *offset, gsize *length);
/* Counts what was read into memory of the caller. */
void vyre_reader_note_into (VyreReader *reader, gsize n);
void vyre_reader_set_error (VyreReader *reader, int code, guint64 offset,
    gsize length, gboolean direct, GError **error);

/* reader-stream.c: what vyre_reader_start(), _next() and _read_into() do with
 * what cannot seek. */
gboolean vyre_reader_start_stream (VyreReader *reader, VyreArena *arena,
    guint64 offset, guint64 stop, gsize block_size, gboolean backwards,
    GError **error);
VyreReadResult vyre_reader_next_stream (VyreReader *reader, VyreBlock **block,
    guint64 *offset, gsize *length, GError **error);
/* What vyre_reader_next_stream() left half done comes first. */
VyreReadResult vyre_reader_stream_into (
    VyreReader *reader, guint8 *data, gsize length, gsize *got, GError **error);

G_END_DECLS
