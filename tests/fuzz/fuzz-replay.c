/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What vyre replay takes apart: the log's header and records, chunks and
 * descriptions of windows. Builtins are also judged, and run by their model. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "engine/replay-data.h"
#include "ring/replay-log.h"

static void
check_header (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  guint8 bytes[VYRE_REPLAY_HEADER_BYTES];
  VyreReplayHeader header;

  if (!vyre_replay_decode_header (&header, data, size, &error)) {
    FUZZ_ASSERT (error != NULL);
    return;
  }
  FUZZ_ASSERT (header.cursor < header.capacity);
  FUZZ_ASSERT (header.capacity <= VYRE_REPLAY_MAX_CAPACITY);
  vyre_replay_encode_header (&header, bytes);
  FUZZ_ASSERT (memcmp (bytes, data, sizeof bytes) == 0);
}

static void
check_record (const guint8 *data, gsize size)
{
  guint8 bytes[VYRE_REPLAY_RECORD_BYTES];
  VyreReplayRecord record;

  if (size < sizeof bytes || !vyre_replay_decode_record (&record, data))
    return;
  vyre_replay_encode_record (&record, bytes);
  FUZZ_ASSERT (memcmp (bytes, data, sizeof bytes) == 0);
}

static void
check_chunk (const guint8 *data, gsize size)
{
  guint8 bytes[VYRE_REPLAY_CHUNK_HEADER_BYTES];
  VyreReplayChunk chunk;

  if (size < sizeof bytes || !vyre_replay_decode_chunk (&chunk, data))
    return;
  vyre_replay_encode_chunk (&chunk, bytes);
  FUZZ_ASSERT (memcmp (bytes, data, sizeof bytes) == 0);
}

/* Some bytes have no meaning: what is encoded decodes to the same again. */
static void
check_entry (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) once = NULL, twice = NULL;
  VyreReplayEntry entry = { 0 }, other = { 0 };

  if (!vyre_replay_entry_decode (&entry, data, size, &error)) {
    FUZZ_ASSERT (error != NULL);
    return;
  }
  FUZZ_ASSERT (entry.n_buffers <= VYRE_REPLAY_MAX_BUFFERS);
  once = vyre_replay_entry_encode (&entry);
  FUZZ_ASSERT (once->len == size);
  FUZZ_ASSERT (vyre_replay_entry_decode (&other, once->data, once->len, NULL));
  twice = vyre_replay_entry_encode (&other);
  FUZZ_ASSERT (
      twice->len == size && memcmp (once->data, twice->data, size) == 0);
  FUZZ_ASSERT (vyre_replay_digest (&entry) == vyre_replay_digest (&other));
  vyre_replay_entry_clear (&entry);
  vyre_replay_entry_clear (&other);
}

/* What it changes is among what it is said to write. */
static void
run_builtins (const VyreReplayBuiltins *builtins)
{
  guint32 control[VYRE_CONTROL_TABLE] = { 0 }, before[VYRE_CONTROL_TABLE];

  for (guint i = 0; i < builtins->n_words; i++)
    control[builtins->words[i].index] = builtins->words[i].before;
  for (guint i = 0; i < builtins->n_items; i++) {
    const guint32 *slot = builtins->items[i].slot;
    VyreBuiltinTouch touch;

    memcpy (before, control, sizeof before);
    vyre_builtin_touch (&builtins->tenant, slot, &touch);
    vyre_builtin_run (&builtins->tenant, slot, control);
    for (guint32 k = 0; k < VYRE_CONTROL_TABLE; k++)
      FUZZ_ASSERT (
          control[k] == before[k] || vyre_word_set_has (&touch.writes, k));
  }
}

static void
check_builtins (const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GByteArray) once = NULL, twice = NULL;
  VyreReplayEntry entry = { 0 }, other = { 0 };
  const VyreWordSet raced = { 0 };

  if (!vyre_replay_builtins_decode (&entry, data, size, &error)) {
    FUZZ_ASSERT (error != NULL && entry.builtins == NULL);
    return;
  }
  FUZZ_ASSERT (entry.builtins->n_items <= VYRE_REPLAY_MAX_ITEMS);
  once = vyre_replay_builtins_encode (&entry);
  FUZZ_ASSERT (once->len == size);
  FUZZ_ASSERT (
      vyre_replay_builtins_decode (&other, once->data, once->len, NULL));
  twice = vyre_replay_builtins_encode (&other);
  FUZZ_ASSERT (
      twice->len == size && memcmp (once->data, twice->data, size) == 0);
  FUZZ_ASSERT (vyre_replay_digest (&entry) == vyre_replay_digest (&other));
  vyre_replay_builtins_judge (&entry, &raced);
  run_builtins (entry.builtins);
  vyre_replay_entry_clear (&entry);
  vyre_replay_entry_clear (&other);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  /* Exactly as long, so that reading beyond the end is seen. */
  g_autofree guint8 *bytes = NULL;

  if (size < 2)
    return 0;
  bytes = g_memdup2 (data + 1, size - 1);
  check_header (bytes, size - 1);
  check_record (bytes, size - 1);
  check_chunk (bytes, size - 1);
  check_entry (bytes, size - 1);
  check_builtins (bytes, size - 1);
  return 0;
}
