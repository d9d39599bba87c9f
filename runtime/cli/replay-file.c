/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay-file.h"

#include "vir0/blake3.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a blob may take in memory: as much as a buffer can be long. */
#define MAX_BLOB ((guint64) 1 << 32)
/* Descriptions of windows that are kept in memory. */
#define MAX_ENTRIES VYRE_REPLAY_MAX_CAPACITY

typedef struct
{
  guint64 offset, length;
} Place;

struct _ReplayFile
{
  char *data_path;
  int data;
  guint64 data_bytes;
  GArray *steps; /* ReplayStep */
  GHashTable *blobs; /* GBytes with a digest -> Place */
  GPtrArray *entries; /* VyreReplayEntry */
  char *damage;
};

static gboolean
set_errno (GError **error, const char *path, const char *what, int code)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code),
      "%s: %s: %s", path, what, g_strerror (code));
  return FALSE;
}

static int
open_file (const char *path, guint64 *size, GError **error)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info;

  if (fd < 0) {
    set_errno (error, path, "cannot be read", errno);
    return -1;
  }
  if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode)) {
    close (fd);
    set_errno (error, path, "is no regular file", EINVAL);
    return -1;
  }
  *size = (guint64) info.st_size;
  return fd;
}

/* FALSE where the file ends before; errno is 0 then. */
static gboolean
read_at (int fd, void *bytes, gsize length, guint64 offset)
{
  guint8 *at = bytes;

  while (length > 0) {
    gssize n = pread (fd, at, length, (off_t) offset);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      errno = n < 0 ? errno : 0;
      return FALSE;
    }
    at += n;
    offset += (guint64) n;
    length -= (gsize) n;
  }
  return TRUE;
}

/* --- FILE ---------------------------------------------------------------- */

static void
add_step (ReplayFile *file, int log, guint64 place)
{
  guint8 bytes[VYRE_REPLAY_RECORD_BYTES];
  ReplayStep step = { .place = place };

  if (read_at (log, bytes, sizeof bytes,
          VYRE_REPLAY_HEADER_BYTES + place * VYRE_REPLAY_RECORD_BYTES) &&
      vyre_replay_decode_record (&step.record, bytes))
    g_array_append_val (file->steps, step);
}

/* From the cursor on, where the oldest stands once the log has gone round. */
static gboolean
read_log (ReplayFile *file, const char *path, GError **error)
{
  guint8 bytes[VYRE_REPLAY_HEADER_BYTES];
  VyreReplayHeader header;
  guint64 size, n_places;
  int log = open_file (path, &size, error);

  if (log < 0)
    return FALSE;
  if (!read_at (log, bytes, sizeof bytes, 0) ||
      !vyre_replay_decode_header (&header, bytes, sizeof bytes, error)) {
    close (log);
    if (error != NULL && *error == NULL)
      g_set_error_literal (error, VYRE_REPLAY_DATA_ERROR,
          VYRE_REPLAY_DATA_ERROR_FORMAT, "this is no replay log");
    g_prefix_error (error, "%s: ", path);
    return FALSE;
  }
  n_places =
      (size - MIN (size, VYRE_REPLAY_HEADER_BYTES)) / VYRE_REPLAY_RECORD_BYTES;
  n_places = MIN (n_places, header.capacity);
  for (guint64 i = 0; i < header.capacity; i++) {
    guint64 place = (header.cursor + i) % header.capacity;

    if (place < n_places)
      add_step (file, log, place);
  }
  close (log);
  return TRUE;
}

/* --- FILE.data ----------------------------------------------------------- */

static void G_GNUC_PRINTF (2, 3)
    note_damage (ReplayFile *file, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  file->damage = g_strdup_vprintf (format, args);
  va_end (args);
}

static gboolean
is_intact (const void *bytes, gsize length, const guint8 digest[32])
{
  guint8 found[32];

  vyre_blake3 (bytes, length, found);
  return memcmp (found, digest, 32) == 0;
}

static void
entry_free (VyreReplayEntry *entry)
{
  vyre_replay_entry_clear (entry);
  g_free (entry);
}

static gboolean
add_entry (ReplayFile *file, const VyreReplayChunk *chunk, guint64 offset)
{
  VyreReplayEntry *entry;
  g_autofree guint8 *bytes = NULL;

  if (chunk->length > VYRE_REPLAY_MAX_DESCRIPTION ||
      file->entries->len >= MAX_ENTRIES)
    return FALSE;
  bytes = g_malloc (MAX (chunk->length, 1));
  if (!read_at (file->data, bytes, chunk->length, offset) ||
      !is_intact (bytes, chunk->length, chunk->digest))
    return FALSE;
  entry = g_new0 (VyreReplayEntry, 1);
  if (!(chunk->type == VYRE_REPLAY_CHUNK_BUILTINS
              ? vyre_replay_builtins_decode (entry, bytes, chunk->length, NULL)
              : vyre_replay_entry_decode (entry, bytes, chunk->length, NULL))) {
    g_free (entry);
    return FALSE;
  }
  g_ptr_array_add (file->entries, entry);
  return TRUE;
}

static void
add_blob (ReplayFile *file, const VyreReplayChunk *chunk, guint64 offset)
{
  Place *place = g_new (Place, 1);

  *place = (Place){ offset, chunk->length };
  g_hash_table_replace (file->blobs, g_bytes_new (chunk->digest, 32), place);
}

/* Up to the end, or to where it makes no sense any more. */
static void
read_chunks (ReplayFile *file)
{
  guint64 at = VYRE_REPLAY_DATA_HEADER_BYTES;

  while (at < file->data_bytes) {
    guint8 bytes[VYRE_REPLAY_CHUNK_HEADER_BYTES];
    VyreReplayChunk chunk;

    if (file->data_bytes - at < sizeof bytes ||
        !read_at (file->data, bytes, sizeof bytes, at) ||
        !vyre_replay_decode_chunk (&chunk, bytes) ||
        chunk.length > file->data_bytes - at - sizeof bytes) {
      note_damage (file,
          "%s: from byte %" G_GUINT64_FORMAT " on it is cut off or damaged",
          file->data_path, at);
      return;
    }
    at += sizeof bytes;
    if (chunk.type == VYRE_REPLAY_CHUNK_BLOB) {
      add_blob (file, &chunk, at);
    } else if ((chunk.type == VYRE_REPLAY_CHUNK_WINDOW ||
                   chunk.type == VYRE_REPLAY_CHUNK_BUILTINS) &&
               !add_entry (file, &chunk, at)) {
      note_damage (file,
          "%s: the description of a window at byte %" G_GUINT64_FORMAT
          " is damaged",
          file->data_path, at);
      return;
    }
    at += chunk.length;
  }
}

static gboolean
read_data (ReplayFile *file, GError **error)
{
  guint8 bytes[VYRE_REPLAY_DATA_HEADER_BYTES] = { 0 };

  file->data = open_file (file->data_path, &file->data_bytes, error);
  if (file->data < 0)
    return FALSE;
  if (!read_at (file->data, bytes, sizeof bytes, 0) &&
      file->data_bytes >= sizeof bytes)
    return set_errno (error, file->data_path, "cannot be read", errno);
  if (!vyre_replay_check_data_header (
          bytes, (gsize) MIN (file->data_bytes, sizeof bytes), error)) {
    g_prefix_error (error, "%s: ", file->data_path);
    return FALSE;
  }
  read_chunks (file);
  return TRUE;
}

/* A place and a time make a record; both files must say the same. */
static void
match_entries (ReplayFile *file)
{
  g_autoptr (GHashTable) by_place =
      g_hash_table_new (g_int64_hash, g_int64_equal);

  for (guint i = 0; i < file->entries->len; i++) {
    VyreReplayEntry *entry = g_ptr_array_index (file->entries, i);

    g_hash_table_replace (by_place, &entry->record, entry);
  }
  for (guint i = 0; i < file->steps->len; i++) {
    ReplayStep *step = &g_array_index (file->steps, ReplayStep, i);
    VyreReplayEntry *entry = g_hash_table_lookup (by_place, &step->place);

    if (entry != NULL && entry->time_ns == step->record.time_ns)
      step->entry = entry;
  }
}

ReplayFile *
replay_file_open (const char *path, GError **error)
{
  ReplayFile *file = g_new0 (ReplayFile, 1);
  g_autoptr (GError) local = NULL;

  file->data = -1;
  file->data_path = g_strconcat (path, ".data", NULL);
  file->steps = g_array_new (FALSE, FALSE, sizeof (ReplayStep));
  file->entries = g_ptr_array_new_with_free_func ((GDestroyNotify) entry_free);
  file->blobs = g_hash_table_new_full (
      g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, g_free);
  if (!read_log (file, path, &local) || !read_data (file, &local)) {
    g_propagate_error (error, g_steal_pointer (&local));
    replay_file_free (file);
    return NULL;
  }
  match_entries (file);
  return file;
}

void
replay_file_free (ReplayFile *file)
{
  if (file->data >= 0)
    close (file->data);
  g_array_unref (file->steps);
  g_ptr_array_unref (file->entries);
  g_hash_table_unref (file->blobs);
  g_free (file->data_path);
  g_free (file->damage);
  g_free (file);
}

const GArray *
replay_file_get_steps (ReplayFile *file)
{
  return file->steps;
}

const char *
replay_file_get_damage (ReplayFile *file)
{
  return file->damage;
}

GBytes *
replay_file_read_blob (
    ReplayFile *file, const guint8 digest[32], GError **error)
{
  g_autoptr (GBytes) key = g_bytes_new (digest, 32);
  const Place *place = g_hash_table_lookup (file->blobs, key);
  g_autofree guint8 *bytes = NULL;

  if (place == NULL)
    goto missing;
  if (place->length > MAX_BLOB)
    goto damaged;
  bytes = g_try_malloc (MAX (place->length, 1));
  if (bytes == NULL ||
      !read_at (file->data, bytes, place->length, place->offset) ||
      !is_intact (bytes, place->length, digest))
    goto damaged;
  return g_bytes_new_take (g_steal_pointer (&bytes), place->length);

missing:
  g_set_error (error, VYRE_REPLAY_DATA_ERROR, VYRE_REPLAY_DATA_ERROR_DAMAGED,
      "%s: bytes that the window needs are not there", file->data_path);
  return NULL;

damaged:
  g_set_error (error, VYRE_REPLAY_DATA_ERROR, VYRE_REPLAY_DATA_ERROR_DAMAGED,
      "%s: %" G_GUINT64_FORMAT " bytes from byte %" G_GUINT64_FORMAT
      " on are damaged",
      file->data_path, place->length, place->offset);
  return NULL;
}
