/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay-log.h"

#include "bytes.h"
#include "ring.h"

#include <string.h>

#define MAGIC "VRRL0001"
#define VERSION 1
#define RECORD_MAGIC 0xDEADBEEFu

void
vyre_replay_encode_header (
    const VyreReplayHeader *header, guint8 bytes[VYRE_REPLAY_HEADER_BYTES])
{
  memcpy (bytes, MAGIC, 8);
  vyre_put_le32 (bytes + 8, VERSION);
  vyre_put_le32 (bytes + 12, 0);
  vyre_put_le64 (bytes + 16, header->capacity);
  vyre_put_le64 (bytes + 24, header->cursor);
}

gboolean
vyre_replay_decode_header (
    VyreReplayHeader *header, const void *bytes, gsize n_bytes, GError **error)
{
  const guint8 *data = bytes;
  guint64 capacity, cursor;

  if (n_bytes < VYRE_REPLAY_HEADER_BYTES || memcmp (data, MAGIC, 8) != 0) {
    g_set_error_literal (error, VYRE_RING_ERROR, VYRE_RING_ERROR_UNSUPPORTED,
        "this is no replay log. Fix: give the file that VYRE_REPLAY_LOG "
        "named.");
    return FALSE;
  }
  if (vyre_get_le32 (data + 8) != VERSION || vyre_get_le32 (data + 12) != 0) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_UNSUPPORTED,
        "the replay log has version %u and flags 0x%x; %d and 0 are known. "
        "Fix: use the vyre that wrote it.",
        vyre_get_le32 (data + 8), vyre_get_le32 (data + 12), VERSION);
    return FALSE;
  }
  capacity = vyre_get_le64 (data + 16);
  cursor = vyre_get_le64 (data + 24);
  if (capacity == 0 || capacity > VYRE_REPLAY_MAX_CAPACITY ||
      cursor >= capacity) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "the replay log says that it has room for %" G_GUINT64_FORMAT
        " records and comes to number %" G_GUINT64_FORMAT
        "; there are 1 to %d. Fix: record a new log.",
        capacity, cursor, VYRE_REPLAY_MAX_CAPACITY);
    return FALSE;
  }
  header->capacity = capacity;
  header->cursor = cursor;
  return TRUE;
}

void
vyre_replay_encode_record (
    const VyreReplayRecord *record, guint8 bytes[VYRE_REPLAY_RECORD_BYTES])
{
  vyre_put_le32 (bytes, RECORD_MAGIC);
  vyre_put_le64 (bytes + 4, record->time_ns);
  vyre_put_le32 (bytes + 12, record->slot);
  vyre_put_le32 (bytes + 16, record->tenant);
  vyre_put_le32 (bytes + 20, record->opcode);
  for (guint i = 0; i < G_N_ELEMENTS (record->args); i++)
    vyre_put_le32 (bytes + 24 + 4 * i, record->args[i]);
  vyre_put_le32 (bytes + 40, record->epoch);
  vyre_put_le32 (bytes + 44, record->status);
  vyre_put_le32 (bytes + 48, record->failure);
  vyre_put_le32 (bytes + 52, record->backend_code);
  vyre_put_le64 (bytes + 56, record->digest);
}

gboolean
vyre_replay_decode_record (
    VyreReplayRecord *record, const guint8 bytes[VYRE_REPLAY_RECORD_BYTES])
{
  if (vyre_get_le32 (bytes) != RECORD_MAGIC)
    return FALSE;
  record->time_ns = vyre_get_le64 (bytes + 4);
  record->slot = vyre_get_le32 (bytes + 12);
  record->tenant = vyre_get_le32 (bytes + 16);
  record->opcode = vyre_get_le32 (bytes + 20);
  for (guint i = 0; i < G_N_ELEMENTS (record->args); i++)
    record->args[i] = vyre_get_le32 (bytes + 24 + 4 * i);
  record->epoch = vyre_get_le32 (bytes + 40);
  record->status = vyre_get_le32 (bytes + 44);
  record->failure = vyre_get_le32 (bytes + 48);
  record->backend_code = vyre_get_le32 (bytes + 52);
  record->digest = vyre_get_le64 (bytes + 56);
  return TRUE;
}
