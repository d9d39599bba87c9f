/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "../export.h"
#include "../ring/builtin-model.h"
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
#define VYRE_REPLAY_MAX_ITEMS 4096
/* No description of a window is longer. */
#define VYRE_REPLAY_MAX_DESCRIPTION 524288

typedef enum
{
  VYRE_REPLAY_CHUNK_BLOB = 1, /* bytes that windows name by their digest */
  VYRE_REPLAY_CHUNK_WINDOW = 2, /* a VyreReplayEntry of a program */
  VYRE_REPLAY_CHUNK_BUILTINS = 3, /* one of builtins */
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
  VYRE_REPLAY_SYSTEM = 1 << 4, /* used words that the runtime changes */
} VyreReplayFlags;

typedef struct
{
  guint64 length; /* as bound */
  gboolean has_contents, has_output;
  guint8 contents[32]; /* digest of the blob: before, of inputs and inouts */
  guint8 output[32]; /* digest of what was returned */
} VyreReplayBuffer;

typedef enum
{
  VYRE_REPLAY_UNORDERED = 1 << 0, /* depends on an order that is not known */
  VYRE_REPLAY_PRINTED = 1 << 1, /* an item's: its record came to the log */
  VYRE_REPLAY_WRITTEN = 1 << 2, /* a word's: it has been read afterwards */
} VyreReplayMarks;

/* A slot with a builtin. */
typedef struct
{
  guint32 slot[VYRE_BUILTIN_WORDS];
  VyreBuiltinOutcome outcome; /* all of it, or just its value, is UNORDERED */
  guint32 marks;
  guint32 printed[3]; /* format and two words, where PRINTED */
} VyreReplayItem;

/* A word of the control block that they use. */
typedef struct
{
  guint32 index;
  guint32 before, after;
  guint32 marks;
} VyreReplayWord;

typedef struct
{
  VyreBuiltinTenant tenant; /* its table is elsewhere */
  gboolean has_table, has_resource, has_loaded;
  guint8 table[32]; /* digest of the blob, 1024 bytes a state */
  guint64 resource_length; /* what LOAD_MISS asked for */
  guint8 loaded[32]; /* digest of the blob: what it read */
  guint32 n_items, n_words;
  VyreReplayItem *items; /* owned */
  VyreReplayWord *words; /* owned; indices rise */
} VyreReplayBuiltins;

/* Zeroed. */
VYRE_API VyreReplayBuiltins *vyre_replay_builtins_new (
    guint n_items, guint n_words);

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
  VyreReplayBuiltins *builtins; /* owned; %NULL: a program's */
} VyreReplayEntry;

VYRE_API void vyre_replay_entry_clear (VyreReplayEntry *entry);

/* So many zeroed bytes, and in the first of them what entries of all kinds have in
 * common. */
GByteArray *vyre_replay_begin_encoding (
    const VyreReplayEntry *entry, gsize size);
/* Newly allocated. Of a program's window. */
VYRE_API GByteArray *vyre_replay_entry_encode (const VyreReplayEntry *entry);
/* Into a cleared one. */
VYRE_API gboolean vyre_replay_entry_decode (
    VyreReplayEntry *entry, const void *data, gsize length, GError **error);
/* The same for builtins. */
VYRE_API GByteArray *vyre_replay_builtins_encode (const VyreReplayEntry *entry);
VYRE_API gboolean vyre_replay_builtins_decode (
    VyreReplayEntry *entry, const void *data, gsize length, GError **error);

/* Marks as UNORDERED what depends on the order of items, which run in any order
 * but for fences, or on @raced: words that others in flight used too. SHARED
 * where nothing is left to compare. */
VYRE_API void vyre_replay_builtins_judge (
    VyreReplayEntry *entry, const VyreWordSet *raced);
/* Words whose contents nobody but builtins changes: those of observables, and
 * the epoch. */
VYRE_API gboolean vyre_replay_is_known_word (guint32 index);

VYRE_API void vyre_replay_encode_chunk (
    const VyreReplayChunk *chunk, guint8 bytes[VYRE_REPLAY_CHUNK_HEADER_BYTES]);
/* FALSE: no chunk begins here. */
VYRE_API gboolean vyre_replay_decode_chunk (
    VyreReplayChunk *chunk, const guint8 bytes[VYRE_REPLAY_CHUNK_HEADER_BYTES]);

VYRE_API void vyre_replay_encode_data_header (
    guint64 time_ns, guint8 bytes[VYRE_REPLAY_DATA_HEADER_BYTES]);
VYRE_API gboolean vyre_replay_check_data_header (
    const void *bytes, gsize n_bytes, GError **error);

/* Which bytes of a returned buffer count: its output range, or what it is
 * declared to have. */
VYRE_API void vyre_replay_returned_range (
    const VyreBuffer *buffer, guint64 length, guint64 *start, guint64 *end);

/* The log's 64 bits for all digests of outputs, or outcomes of builtins. */
VYRE_API guint64 vyre_replay_digest (const VyreReplayEntry *entry);

G_END_DECLS
