/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "recording.h"

#include "vir0/blake3.h"

#include <glib/gstdio.h>
#include <string.h>

#define LIMIT_US (30 * G_USEC_PER_SEC)

char *command, *folder;

/* --- recording ------------------------------------------------------------------- */

void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;

  fixture->path = g_build_filename (folder, "log", NULL);
  fixture->data_path = g_strconcat (fixture->path, ".data", NULL);
  fixture->runtime = vyre_runtime_acquire (&options, &error);
  g_assert_no_error (error);
  g_assert_true (
      vyre_runtime_record (fixture->runtime, fixture->path, NULL, &error));
  g_assert_no_error (error);
  fixture->before = vyre_tenant_new (fixture->runtime, "before", &error);
  fixture->tenant = vyre_tenant_new (fixture->runtime, "tenant", &error);
  fixture->other = vyre_tenant_new (fixture->runtime, "other", &error);
  g_assert_true (
      vyre_tenant_set_observables (fixture->before, 10, NULL, &error));
  g_assert_true (vyre_tenant_set_observables (
      fixture->tenant, WINDOW, &fixture->first, &error));
  g_assert_no_error (error);
  vyre_tenant_set_rights (
      fixture->other, ALL_RIGHTS | VYRE_TENANT_MAY_WRITE_CONTROL);
}

void
stop (Fixture *fixture)
{
  g_clear_pointer (&fixture->before, vyre_tenant_free);
  g_clear_pointer (&fixture->tenant, vyre_tenant_free);
  g_clear_pointer (&fixture->other, vyre_tenant_free);
  g_clear_pointer (&fixture->runtime, vyre_runtime_unref);
}

void
tear_down (Fixture *fixture, gconstpointer data)
{
  stop (fixture);
  g_unlink (fixture->path);
  g_unlink (fixture->data_path);
  g_free (fixture->path);
  g_free (fixture->data_path);
}

void
finish (VyreWindow *window)
{
  VyreWindowState state =
      vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, NULL);

  g_assert_true (state == VYRE_WINDOW_DONE || state == VYRE_WINDOW_FAULT);
  vyre_window_unref (window);
}

VyreWindow *
publish (VyreTenant *tenant, guint32 opcode, guint32 a, guint32 b, guint32 c)
{
  const guint32 args[] = { a, b, c };
  const VyreRingItem item = { opcode, args, 3 };
  g_autoptr (GError) error = NULL;
  VyreWindow *window = vyre_tenant_publish (tenant, &item, 1, &error);

  g_assert_no_error (error);
  return window;
}

void
run (VyreTenant *tenant, guint32 opcode, guint32 a, guint32 b, guint32 c)
{
  finish (publish (tenant, opcode, a, b, c));
}

guint32
observable (const Fixture *fixture, guint i)
{
  return fixture->first + i - VYRE_C_OBSERVABLE;
}

/* --- files ------------------------------------------------------------------------ */

static void
chunk_free (gpointer data)
{
  Chunk *chunk = data;

  vyre_replay_entry_clear (&chunk->entry);
  g_clear_pointer (&chunk->bytes, g_bytes_unref);
  g_free (chunk);
}

GPtrArray *
read_chunks (const Fixture *fixture)
{
  GPtrArray *chunks = g_ptr_array_new_with_free_func (chunk_free);
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  gsize length;

  g_assert_true (
      g_file_get_contents (fixture->data_path, &data, &length, &error));
  for (gsize at = VYRE_REPLAY_DATA_HEADER_BYTES; at < length;) {
    Chunk *chunk = g_new0 (Chunk, 1);
    VyreReplayChunk head;
    guint8 digest[32];

    g_assert_true (
        vyre_replay_decode_chunk (&head, (const guint8 *) data + at));
    at += VYRE_REPLAY_CHUNK_HEADER_BYTES;
    g_assert_cmpuint (head.length, <=, length - at);
    vyre_blake3 (data + at, head.length, digest);
    g_assert_cmpmem (digest, 32, head.digest, 32);
    chunk->type = head.type;
    if (head.type == VYRE_REPLAY_CHUNK_BUILTINS)
      g_assert_true (vyre_replay_builtins_decode (
          &chunk->entry, data + at, head.length, NULL));
    else
      chunk->bytes = g_bytes_new (data + at, head.length);
    g_ptr_array_add (chunks, chunk);
    at += head.length;
  }
  return chunks;
}

static void
append_chunk (GByteArray *data, guint32 type, const void *bytes, gsize length)
{
  VyreReplayChunk head = { .type = type, .length = length };
  guint8 encoded[VYRE_REPLAY_CHUNK_HEADER_BYTES];

  vyre_blake3 (bytes, length, head.digest);
  vyre_replay_encode_chunk (&head, encoded);
  g_byte_array_append (data, encoded, sizeof encoded);
  g_byte_array_append (data, bytes, length);
}

void
write_chunks (const Fixture *fixture, const GPtrArray *chunks, guint number,
    void (*patch) (GByteArray *bytes, gpointer user_data), gpointer user_data)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  guint8 header[VYRE_REPLAY_DATA_HEADER_BYTES];
  g_autoptr (GError) error = NULL;
  guint n = 0;

  vyre_replay_encode_data_header (1, header);
  g_byte_array_append (data, header, sizeof header);
  for (guint i = 0; i < chunks->len; i++) {
    const Chunk *chunk = g_ptr_array_index (chunks, i);

    if (chunk->bytes != NULL) {
      gsize length;
      const void *bytes = g_bytes_get_data (chunk->bytes, &length);

      append_chunk (data, chunk->type, bytes, length);
      continue;
    }
    g_autoptr (GByteArray) bytes = vyre_replay_builtins_encode (&chunk->entry);
    if (n++ == number && patch != NULL)
      patch (bytes, user_data);
    append_chunk (data, chunk->type, bytes->data, bytes->len);
  }
  g_file_set_contents (
      fixture->data_path, (const char *) data->data, data->len, &error);
  g_assert_no_error (error);
}

VyreReplayEntry *
entry_of (const GPtrArray *chunks, guint number)
{
  for (guint i = 0; i < chunks->len; i++) {
    Chunk *chunk = g_ptr_array_index (chunks, i);

    if (chunk->type == VYRE_REPLAY_CHUNK_BUILTINS && number-- == 0)
      return &chunk->entry;
  }
  g_assert_not_reached ();
}

VyreReplayWord *
word_of (const VyreReplayEntry *entry, guint32 index)
{
  for (guint i = 0; i < entry->builtins->n_words; i++) {
    if (entry->builtins->words[i].index == index)
      return &entry->builtins->words[i];
  }
  return NULL;
}

/* --- vyre replay ------------------------------------------------------------------- */

char *
replay (const Fixture *fixture, const char *engine, int status)
{
  g_autofree char *option = g_strdup_printf ("--engine=%s", engine);
  const char *argv[] = { command, "replay", option, "--verbose", "--timeout=20",
    fixture->path, NULL };
  g_autoptr (GError) error = NULL;
  g_autofree char *out = NULL, *err = NULL;
  int wait_status;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, &out,
      &err, &wait_status, &error);
  g_assert_no_error (error);
  if (!WIFEXITED (wait_status) || WEXITSTATUS (wait_status) > 1 ||
      (status >= 0 && WEXITSTATUS (wait_status) != status) ||
      strstr (err, "Sanitizer:") != NULL || strstr (err, "runtime error:"))
    g_error ("%s: status 0x%x\n%s%s", engine, wait_status, out, err);
  return g_strconcat (out, err, NULL);
}

void
assert_has (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("\"%s\" is not in\n%s", part, text);
}

const char *const engines[] = { "reference", "interp" };

void
assert_replays (const Fixture *fixture, guint same, const char *more)
{
  for (guint i = 0; i < G_N_ELEMENTS (engines); i++) {
    g_autofree char *out = replay (fixture, engines[i], 0);
    g_autofree char *wanted = g_strdup_printf (
        "%u run again, %u the same, 0 different%s", same, same, more);

    assert_has (out, wanted);
  }
}

void
assert_differs (const Fixture *fixture, const char *text)
{
  for (guint i = 0; i < G_N_ELEMENTS (engines); i++) {
    g_autofree char *out = replay (fixture, engines[i], 1);

    assert_has (out, text);
    assert_has (out, " 1 different");
  }
}
