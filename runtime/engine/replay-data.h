/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "../export.h"
#include "../vir0/program.h"

G_BEGIN_DECLS

/*
 * What stands beside a replay log, in FILE.data: chunks with all that it takes
 * to run the recorded windows again. docs/telemetry.md describes the bytes.
 * Pure functions, but for the file's.
 */

#define VYRE_REPLAY_DATA_ERROR (vyre_replay_data_error_quark ())
VYRE_API GQuark vyre_replay_data_error_quark (void);

typedef enum
{
  VYRE_REPLAY_DATA_ERROR_FORMAT, /* no such file, or of another version */
  VYRE_REPLAY_DATA_ERROR_DAMAGED, /* its digests say so, or its lengths */
} VyreReplayDataError;

#define VYRE_REPLAY_DATA_HEADER_BYTES 32
#define VYRE_REPLAY_CHUNK_HEADER_BYTES 48
#define VYRE_REPLAY_MAX_BUFFERS 4096

typedef enum
{
  VYRE_REPLAY_CHUNK_BLOB = 1, /* bytes that windows name by their digest */
  VYRE_REPLAY_CHUNK_WINDOW = 2, /* a VyreReplayEntry */
} VyreReplayChunkType;

typedef struct
{
  guint32 type;
  guint64 length; /* of the bytes that follow */
  guint8 digest[32]; /* BLAKE3 of these */
} VyreReplayChunk;

typedef enum
{
  VYRE_REPLAY_FIXED_GRID = 1 << 0, /* it was asked for, not computed */
  VYRE_REPLAY_INCOMPLETE = 1 << 1, /* there was no room for what it read */
  VYRE_REPLAY_SHARED = 1 << 2, /* others in flight wrote what it used */
  VYRE_REPLAY_COMPILED = 1 << 3, /* it ran compiled */
} VyreReplayFlags;

typedef struct
{
  guint64 length; /* as bound */
  gboolean has_contents, has_output;
  guint8 contents[32]; /* digest of the blob: before, of inputs and inouts */
  guint8 output[32]; /* digest of what was returned */
} VyreReplayBuffer;

typedef struct
{
  guint64 record; /* its place in the log */
  guint64 time_ns; /* as there: a place is used again */
  VyreReplayFlags flags;
  guint32 state; /* VyreWindowState */
  guint32 code, address; /* of a fault */
  guint64 steps, max_steps;
  guint32 grid[3];
  guint8 program[32]; /* digest of the blob with its binary form */
  guint32 n_buffers;
  VyreReplayBuffer *buffers; /* owned */
} VyreReplayEntry;

VYRE_API void vyre_replay_entry_clear (VyreReplayEntry *entry);

/* Newly allocated. */
VYRE_API GByteArray *vyre_replay_entry_encode (const VyreReplayEntry *entry);
/* Into a cleared one. */
VYRE_API gboolean vyre_replay_entry_decode (
    VyreReplayEntry *entry, const void *data, gsize length, GError **error);

VYRE_API void vyre_replay_encode_chunk (
    const VyreReplayChunk *chunk, guint8 bytes[VYRE_REPLAY_CHUNK_HEADER_BYTES]);
/* FALSE: no chunk begins here. */
VYRE_API gboolean vyre_replay_decode_chunk (VyreReplayChunk *chunk,
    const guint8 bytes[VYRE_REPLAY_CHUNK_HEADER_BYTES]);

VYRE_API void vyre_replay_encode_data_header (
    guint64 time_ns, guint8 bytes[VYRE_REPLAY_DATA_HEADER_BYTES]);
VYRE_API gboolean vyre_replay_check_data_header (
    const void *bytes, gsize n_bytes, GError **error);

/* Which bytes of a returned buffer count: its output range, or what it is
 * declared to have. */
VYRE_API void vyre_replay_returned_range (
    const VyreBuffer *buffer, guint64 length, guint64 *start, guint64 *end);

/* The log's 64 bits for all digests of outputs. */
VYRE_API guint64 vyre_replay_digest (const VyreReplayEntry *entry);

G_END_DECLS
