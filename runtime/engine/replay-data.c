/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay-data.h"

#include "../vir0/blake3.h"
#include "../ring/bytes.h"

#include <string.h>

#define MAGIC "VRRD0001"
#define VERSION 1
#define CHUNK_MAGIC 0x4B484356u /* VCHK */
#define FIXED_BYTES 96
#define BUFFER_BYTES 80

#define HAS_CONTENTS 1u
#define HAS_OUTPUT 2u

G_DEFINE_QUARK (vyre_replay_data_error, vyre_replay_data_error)

/* --- frames -------------------------------------------------------------- */

void
vyre_replay_encode_data_header (
    guint64 time_ns, guint8 bytes[VYRE_REPLAY_DATA_HEADER_BYTES])
{
  memcpy (bytes, MAGIC, 8);
  vyre_put_le32 (bytes + 8, VERSION);
  vyre_put_le32 (bytes + 12, 0);
  vyre_put_le64 (bytes + 16, time_ns);
  vyre_put_le64 (bytes + 24, 0);
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
  if (vyre_get_le32 (data + 8) != VERSION || vyre_get_le32 (data + 12) != 0) {
    g_set_error (error, VYRE_REPLAY_DATA_ERROR, VYRE_REPLAY_DATA_ERROR_FORMAT,
        "the data has version %u and flags 0x%x; %d and 0 are known: use the "
        "vyre that wrote it",
        vyre_get_le32 (data + 8), vyre_get_le32 (data + 12), VERSION);
    return FALSE;
  }
  return TRUE;
}

void
vyre_replay_encode_chunk (
    const VyreReplayChunk *chunk, guint8 bytes[VYRE_REPLAY_CHUNK_HEADER_BYTES])
{
  vyre_put_le32 (bytes, CHUNK_MAGIC);
  vyre_put_le32 (bytes + 4, chunk->type);
  vyre_put_le64 (bytes + 8, chunk->length);
  memcpy (bytes + 16, chunk->digest, 32);
}

gboolean
vyre_replay_decode_chunk (
    VyreReplayChunk *chunk, const guint8 bytes[VYRE_REPLAY_CHUNK_HEADER_BYTES])
{
  if (vyre_get_le32 (bytes) != CHUNK_MAGIC)
    return FALSE;
  chunk->type = vyre_get_le32 (bytes + 4);
  chunk->length = vyre_get_le64 (bytes + 8);
  memcpy (chunk->digest, bytes + 16, 32);
  return TRUE;
}

/* --- windows ------------------------------------------------------------- */

void
vyre_replay_entry_clear (VyreReplayEntry *entry)
{
  g_free (entry->buffers);
  if (entry->builtins != NULL) {
    g_free (entry->builtins->items);
    g_free (entry->builtins->words);
    g_free (entry->builtins);
  }
  memset (entry, 0, sizeof *entry);
}

GByteArray *
vyre_replay_begin_encoding (const VyreReplayEntry *entry, gsize size)
{
  GByteArray *bytes = g_byte_array_new ();
  guint8 *at;

  g_byte_array_set_size (bytes, size);
  memset (bytes->data, 0, bytes->len);
  at = bytes->data;
  vyre_put_le64 (at, entry->record);
  vyre_put_le64 (at + 8, entry->time_ns);
  vyre_put_le32 (at + 16, entry->flags);
  vyre_put_le32 (at + 20, entry->state);
  return bytes;
}

GByteArray *
vyre_replay_entry_encode (const VyreReplayEntry *entry)
{
  GByteArray *bytes = vyre_replay_begin_encoding (
      entry, FIXED_BYTES + entry->n_buffers * BUFFER_BYTES);
  guint8 *at = bytes->data;

  vyre_put_le32 (at + 24, entry->code);
  vyre_put_le32 (at + 28, entry->address);
  vyre_put_le64 (at + 32, entry->steps);
  vyre_put_le64 (at + 40, entry->max_steps);
  for (guint i = 0; i < 3; i++)
    vyre_put_le32 (at + 48 + 4 * i, entry->grid[i]);
  vyre_put_le32 (at + 60, entry->n_buffers);
  memcpy (at + 64, entry->program, 32);
  at += FIXED_BYTES;
  for (guint i = 0; i < entry->n_buffers; i++, at += BUFFER_BYTES) {
    const VyreReplayBuffer *buffer = &entry->buffers[i];

    vyre_put_le64 (at, buffer->length);
    vyre_put_le32 (at + 8, (buffer->has_contents ? HAS_CONTENTS : 0) |
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
  n = vyre_get_le32 (at + 60);
  if (n > VYRE_REPLAY_MAX_BUFFERS ||
      length != FIXED_BYTES + (gsize) n * BUFFER_BYTES)
    goto damaged;

  entry->record = vyre_get_le64 (at);
  entry->time_ns = vyre_get_le64 (at + 8);
  entry->flags = vyre_get_le32 (at + 16);
  entry->state = vyre_get_le32 (at + 20);
  entry->code = vyre_get_le32 (at + 24);
  entry->address = vyre_get_le32 (at + 28);
  entry->steps = vyre_get_le64 (at + 32);
  entry->max_steps = vyre_get_le64 (at + 40);
  for (guint i = 0; i < 3; i++)
    entry->grid[i] = vyre_get_le32 (at + 48 + 4 * i);
  memcpy (entry->program, at + 64, 32);
  entry->n_buffers = n;
  entry->buffers = g_new0 (VyreReplayBuffer, MAX (n, 1));
  at += FIXED_BYTES;
  for (guint i = 0; i < n; i++, at += BUFFER_BYTES) {
    VyreReplayBuffer *buffer = &entry->buffers[i];

    buffer->length = vyre_get_le64 (at);
    buffer->has_contents = (vyre_get_le32 (at + 8) & HAS_CONTENTS) != 0;
    buffer->has_output = (vyre_get_le32 (at + 8) & HAS_OUTPUT) != 0;
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
  const VyreReplayBuiltins *builtins = entry->builtins;
  g_autoptr (GByteArray) all = g_byte_array_new ();
  guint8 digest[32];

  for (guint i = 0; builtins != NULL && i < builtins->n_items; i++) {
    guint8 outcome[8];

    vyre_put_le32 (outcome, builtins->items[i].outcome.code);
    vyre_put_le32 (outcome + 4, builtins->items[i].outcome.value);
    g_byte_array_append (all, outcome, sizeof outcome);
  }
  for (guint i = 0; i < entry->n_buffers; i++) {
    if (entry->buffers[i].has_output)
      g_byte_array_append (all, entry->buffers[i].output, 32);
  }
  vyre_blake3 (all->len > 0 ? (const void *) all->data : "", all->len, digest);
  return vyre_get_le64 (digest);
}
