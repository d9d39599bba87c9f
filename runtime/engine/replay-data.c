/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay-data.h"

#include "../vir0/blake3.h"

#include <string.h>

#define MAGIC "VRRD0001"
#define VERSION 1
#define CHUNK_MAGIC 0x4B484356u /* VCHK */
#define FIXED_BYTES 96
#define BUFFER_BYTES 80

#define HAS_CONTENTS 1u
#define HAS_OUTPUT 2u

G_DEFINE_QUARK (vyre_replay_data_error, vyre_replay_data_error)

/* --- numbers ------------------------------------------------------------- */

static void
put32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (at, &value, 4);
}

static void
put64 (guint8 *at, guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (at, &value, 8);
}

static guint32
get32 (const guint8 *at)
{
  guint32 value;

  memcpy (&value, at, 4);
  return GUINT32_FROM_LE (value);
}

static guint64
get64 (const guint8 *at)
{
  guint64 value;

  memcpy (&value, at, 8);
  return GUINT64_FROM_LE (value);
}

/* --- frames -------------------------------------------------------------- */

void
vyre_replay_encode_data_header (
    guint64 time_ns, guint8 bytes[VYRE_REPLAY_DATA_HEADER_BYTES])
{
  memcpy (bytes, MAGIC, 8);
  put32 (bytes + 8, VERSION);
  put32 (bytes + 12, 0);
  put64 (bytes + 16, time_ns);
  put64 (bytes + 24, 0);
}

gboolean
vyre_replay_check_data_header (const void *bytes, gsize n_bytes, GError **error)
{
  const guint8 *data = bytes;

  if (n_bytes < VYRE_REPLAY_DATA_HEADER_BYTES || memcmp (data, MAGIC, 8) != 0) {
    g_set_error_literal (error, VYRE_REPLAY_DATA_ERROR,
        VYRE_REPLAY_DATA_ERROR_FORMAT, "this is no data of a replay log");
    return FALSE;
  }
  if (get32 (data + 8) != VERSION || get32 (data + 12) != 0) {
    g_set_error (error, VYRE_REPLAY_DATA_ERROR, VYRE_REPLAY_DATA_ERROR_FORMAT,
        "the data has version %u and flags 0x%x; %d and 0 are known: use the "
        "vyre that wrote it",
        get32 (data + 8), get32 (data + 12), VERSION);
    return FALSE;
  }
  return TRUE;
}

void
vyre_replay_encode_chunk (
    const VyreReplayChunk *chunk, guint8 bytes[VYRE_REPLAY_CHUNK_HEADER_BYTES])
{
  put32 (bytes, CHUNK_MAGIC);
  put32 (bytes + 4, chunk->type);
  put64 (bytes + 8, chunk->length);
  memcpy (bytes + 16, chunk->digest, 32);
}

gboolean
vyre_replay_decode_chunk (
    VyreReplayChunk *chunk, const guint8 bytes[VYRE_REPLAY_CHUNK_HEADER_BYTES])
{
  if (get32 (bytes) != CHUNK_MAGIC)
    return FALSE;
  chunk->type = get32 (bytes + 4);
  chunk->length = get64 (bytes + 8);
  memcpy (chunk->digest, bytes + 16, 32);
  return TRUE;
}

/* --- windows ------------------------------------------------------------- */

void
vyre_replay_entry_clear (VyreReplayEntry *entry)
{
  g_free (entry->buffers);
  memset (entry, 0, sizeof *entry);
}

GByteArray *
vyre_replay_entry_encode (const VyreReplayEntry *entry)
{
  GByteArray *bytes = g_byte_array_new ();
  guint8 *at;

  g_byte_array_set_size (bytes, FIXED_BYTES + entry->n_buffers * BUFFER_BYTES);
  memset (bytes->data, 0, bytes->len);
  at = bytes->data;
  put64 (at, entry->record);
  put64 (at + 8, entry->time_ns);
  put32 (at + 16, entry->flags);
  put32 (at + 20, entry->state);
  put32 (at + 24, entry->code);
  put32 (at + 28, entry->address);
  put64 (at + 32, entry->steps);
  put64 (at + 40, entry->max_steps);
  for (guint i = 0; i < 3; i++)
    put32 (at + 48 + 4 * i, entry->grid[i]);
  put32 (at + 60, entry->n_buffers);
  memcpy (at + 64, entry->program, 32);
  at += FIXED_BYTES;
  for (guint i = 0; i < entry->n_buffers; i++, at += BUFFER_BYTES) {
    const VyreReplayBuffer *buffer = &entry->buffers[i];

    put64 (at, buffer->length);
    put32 (at + 8, (buffer->has_contents ? HAS_CONTENTS : 0) |
                       (buffer->has_output ? HAS_OUTPUT : 0));
    memcpy (at + 16, buffer->contents, 32);
    memcpy (at + 48, buffer->output, 32);
  }
  return bytes;
}

gboolean
vyre_replay_entry_decode (
    VyreReplayEntry *entry, const void *data, gsize length, GError **error)
{
  const guint8 *at = data;
  guint32 n;

  if (length < FIXED_BYTES)
    goto damaged;
  n = get32 (at + 60);
  if (n > VYRE_REPLAY_MAX_BUFFERS ||
      length != FIXED_BYTES + (gsize) n * BUFFER_BYTES)
    goto damaged;

  entry->record = get64 (at);
  entry->time_ns = get64 (at + 8);
  entry->flags = get32 (at + 16);
  entry->state = get32 (at + 20);
  entry->code = get32 (at + 24);
  entry->address = get32 (at + 28);
  entry->steps = get64 (at + 32);
  entry->max_steps = get64 (at + 40);
  for (guint i = 0; i < 3; i++)
    entry->grid[i] = get32 (at + 48 + 4 * i);
  memcpy (entry->program, at + 64, 32);
  entry->n_buffers = n;
  entry->buffers = g_new0 (VyreReplayBuffer, MAX (n, 1));
  at += FIXED_BYTES;
  for (guint i = 0; i < n; i++, at += BUFFER_BYTES) {
    VyreReplayBuffer *buffer = &entry->buffers[i];

    buffer->length = get64 (at);
    buffer->has_contents = (get32 (at + 8) & HAS_CONTENTS) != 0;
    buffer->has_output = (get32 (at + 8) & HAS_OUTPUT) != 0;
    memcpy (buffer->contents, at + 16, 32);
    memcpy (buffer->output, at + 48, 32);
  }
  return TRUE;

damaged:
  g_set_error (error, VYRE_REPLAY_DATA_ERROR, VYRE_REPLAY_DATA_ERROR_DAMAGED,
      "%" G_GSIZE_FORMAT " bytes are no description of a window", length);
  return FALSE;
}

void
vyre_replay_returned_range (
    const VyreBuffer *buffer, guint64 length, guint64 *start, guint64 *end)
{
  guint64 declared;

  *start = 0;
  *end = length;
  if (buffer->has_output_range && buffer->range_end <= length) {
    *start = buffer->range_start;
    *end = buffer->range_end;
  } else if (vyre_buffer_role (buffer) == VYRE_ROLE_OUTPUT &&
             buffer->count > 0 &&
             vyre_type_static_size (
                 buffer->element, buffer->count, &declared)) {
    *end = MIN (declared, length);
  }
}

guint64
vyre_replay_digest (const VyreReplayEntry *entry)
{
  g_autoptr (GByteArray) all = g_byte_array_new ();
  guint8 digest[32];

  for (guint i = 0; i < entry->n_buffers; i++) {
    if (entry->buffers[i].has_output)
      g_byte_array_append (all, entry->buffers[i].output, 32);
  }
  vyre_blake3 (all->len > 0 ? (const void *) all->data : "", all->len, digest);
  return get64 (digest);
}
