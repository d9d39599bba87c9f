/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The files of a recording, and the thread that writes them. */

#include "replay-private.h"
#include "../vir0/blake3.h"
#include "../vir0/wire.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_CAPACITY 65536
#define DEFAULT_DATA_LIMIT ((guint64) 1 << 30)
/* Jobs without copies are small, but not nothing. */
#define MAX_JOBS 65536
/* Programs, and tables, whose digests are remembered. */
#define MAX_PROGRAMS 256

typedef struct
{
  VyreReplayCapture *capture; /* %NULL: a record that begins */
  VyreReplayRecord record;
  guint64 number;
} Job;

struct _VyreReplayWriter
{
  char *path, *data_path;
  int log, data;
  VyreReplayHeader header; /* as it was when opened */
  guint64 data_limit;
  GThread *thread;

  GMutex lock;
  GCond wake;
  GQueue jobs; /* [lock] */
  gboolean quit; /* [lock] */
  guint64 held; /* [lock] bytes of copies */
  guint64 next; /* [lock] number of the next record */
  VyreReplayCounts counts; /* [lock] */

  /* The thread's own. */
  guint64 data_bytes;
  gboolean broken; /* a write failed: no more is tried */
  gboolean full;
  GHashTable *written; /* digests of blobs: GBytes set */
  GHashTable *programs; /* VyreProgram -> GBytes with its digest */
  GHashTable *tables; /* serial -> GBytes with the table's digest */
};

/* --- files --------------------------------------------------------------- */

static gboolean
write_at (int fd, const void *bytes, gsize length, guint64 offset)
{
  const guint8 *at = bytes;

  while (length > 0) {
    gssize n = pwrite (fd, at, length, (off_t) offset);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return FALSE;
    at += n;
    offset += (guint64) n;
    length -= (gsize) n;
  }
  return TRUE;
}

static void
give_up (VyreReplayWriter *writer, const char *path)
{
  if (!writer->broken)
    g_warning ("replay log: %s: cannot write: %s; no more is recorded", path,
        g_strerror (errno));
  writer->broken = TRUE;
}

static guint64
place_of (const VyreReplayWriter *writer, guint64 number)
{
  return (writer->header.cursor + number) % writer->header.capacity;
}

static void
write_record (
    VyreReplayWriter *writer, const VyreReplayRecord *record, guint64 number)
{
  guint8 bytes[VYRE_REPLAY_RECORD_BYTES];

  vyre_replay_encode_record (record, bytes);
  if (!write_at (writer->log, bytes, sizeof bytes,
          VYRE_REPLAY_HEADER_BYTES +
              place_of (writer, number) * VYRE_REPLAY_RECORD_BYTES))
    give_up (writer, writer->path);
}

static void
begin_record (VyreReplayWriter *writer, const Job *job)
{
  VyreReplayHeader header = writer->header;
  guint8 bytes[VYRE_REPLAY_HEADER_BYTES];

  if (writer->broken)
    return;
  write_record (writer, &job->record, job->number);
  header.cursor = place_of (writer, job->number + 1);
  vyre_replay_encode_header (&header, bytes);
  if (!writer->broken && !write_at (writer->log, bytes, sizeof bytes, 0))
    give_up (writer, writer->path);
}

/* Appends, or does nothing where there is no room. FALSE: it is not there. */
static gboolean
write_chunk (VyreReplayWriter *writer, VyreReplayChunkType type,
    const guint8 digest[32], const void *bytes, gsize length)
{
  guint8 head[VYRE_REPLAY_CHUNK_HEADER_BYTES];
  VyreReplayChunk chunk = { .type = type, .length = length };

  if (writer->broken || writer->full)
    return FALSE;
  if (writer->data_bytes + sizeof head + length > writer->data_limit) {
    g_warning ("replay log: %s is full after %" G_GUINT64_FORMAT
               " bytes; what follows cannot be run again: set "
               "VYRE_REPLAY_LIMIT higher",
        writer->data_path, writer->data_bytes);
    writer->full = TRUE;
    return FALSE;
  }
  memcpy (chunk.digest, digest, 32);
  vyre_replay_encode_chunk (&chunk, head);
  if (!write_at (writer->data, head, sizeof head, writer->data_bytes) ||
      !write_at (
          writer->data, bytes, length, writer->data_bytes + sizeof head)) {
    give_up (writer, writer->data_path);
    return FALSE;
  }
  writer->data_bytes += sizeof head + length;
  return TRUE;
}

static gboolean
write_blob (VyreReplayWriter *writer, GBytes *blob, guint8 digest[32])
{
  gsize length;
  gconstpointer bytes = g_bytes_get_data (blob, &length);
  GBytes *key;

  vyre_blake3 (length > 0 ? bytes : "", length, digest);
  key = g_bytes_new (digest, 32);
  if (g_hash_table_contains (writer->written, key)) {
    g_bytes_unref (key);
    return TRUE;
  }
  if (!write_chunk (writer, VYRE_REPLAY_CHUNK_BLOB, digest, bytes, length)) {
    g_bytes_unref (key);
    return FALSE;
  }
  g_hash_table_add (writer->written, key);
  return TRUE;
}

/* --- windows ------------------------------------------------------------- */

static gboolean
write_program (
    VyreReplayWriter *writer, VyreProgram *program, guint8 digest[32])
{
  GBytes *known = g_hash_table_lookup (writer->programs, program);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) blob = NULL;

  if (known != NULL) {
    memcpy (digest, g_bytes_get_data (known, NULL), 32);
    return TRUE;
  }
  blob = vyre_program_encode (program, &error);
  if (blob == NULL) {
    g_info ("replay log: a program has no binary form: %s", error->message);
    return FALSE;
  }
  if (!write_blob (writer, blob, digest))
    return FALSE;
  /* Programs that come and go are encoded again. */
  if (g_hash_table_size (writer->programs) >= MAX_PROGRAMS)
    g_hash_table_remove_all (writer->programs);
  g_hash_table_insert (
      writer->programs, vyre_program_ref (program), g_bytes_new (digest, 32));
  return TRUE;
}

static gboolean
write_contents (VyreReplayWriter *writer, VyreReplayCapture *capture)
{
  VyreReplayEntry *entry = &capture->entry;

  for (guint i = 0; i < entry->n_buffers; i++) {
    VyreReplayBuffer *buffer = &entry->buffers[i];

    if (capture->contents[i] == NULL)
      continue;
    if (!write_blob (writer, capture->contents[i], buffer->contents))
      return FALSE;
    buffer->has_contents = TRUE;
  }
  return TRUE;
}

static void
digest_outputs (VyreReplayCapture *capture)
{
  VyreReplayEntry *entry = &capture->entry;

  for (guint i = 0; i < entry->n_buffers; i++) {
    gsize length;
    gconstpointer bytes;

    if (capture->outputs[i] == NULL)
      continue;
    bytes = g_bytes_get_data (capture->outputs[i], &length);
    vyre_blake3 (length > 0 ? bytes : "", length, entry->buffers[i].output);
    entry->buffers[i].has_output = TRUE;
  }
  capture->record.digest = vyre_replay_digest (entry);
}

static gboolean
write_window (VyreReplayWriter *writer, VyreReplayCapture *capture)
{
  g_autoptr (GByteArray) bytes = NULL;
  guint8 digest[32];

  digest_outputs (capture);
  if (!write_program (writer, capture->program, capture->entry.program) ||
      !write_contents (writer, capture))
    return FALSE;
  bytes = vyre_replay_entry_encode (&capture->entry);
  vyre_blake3 (bytes->data, bytes->len, digest);
  return write_chunk (
      writer, VYRE_REPLAY_CHUNK_WINDOW, digest, bytes->data, bytes->len);
}

/* A table is large, and read from device memory, but stays what it is. */
static gboolean
write_table (VyreReplayWriter *writer, VyreReplayBuiltinCapture *builtin,
    guint32 n_states, guint8 digest[32])
{
  GBytes *known = g_hash_table_lookup (writer->tables, &builtin->table_serial);
  g_autoptr (GBytes) blob = NULL;

  if (known != NULL) {
    memcpy (digest, g_bytes_get_data (known, NULL), 32);
    return TRUE;
  }
  blob = g_bytes_new (builtin->table->data, (gsize) n_states * 1024);
  if (!write_blob (writer, blob, digest))
    return FALSE;
  if (g_hash_table_size (writer->tables) >= MAX_PROGRAMS)
    g_hash_table_remove_all (writer->tables);
  g_hash_table_insert (writer->tables,
      g_memdup2 (&builtin->table_serial, sizeof builtin->table_serial),
      g_bytes_new (digest, 32));
  return TRUE;
}

static gboolean
write_builtins (VyreReplayWriter *writer, VyreReplayCapture *capture)
{
  VyreReplayBuiltinCapture *builtin = capture->builtin;
  VyreReplayBuiltins *builtins = capture->entry.builtins;
  g_autoptr (GByteArray) bytes = NULL;
  guint8 digest[32];

  if ((capture->entry.flags & (VYRE_REPLAY_INCOMPLETE | VYRE_REPLAY_SYSTEM)) ==
      0)
    vyre_replay_builtins_judge (&capture->entry, &builtin->raced);
  capture->record.digest = vyre_replay_digest (&capture->entry);
  builtins->has_table = builtin->table != NULL;
  if (builtin->table != NULL && !write_table (writer, builtin,
                                    builtins->tenant.n_states, builtins->table))
    return FALSE;
  builtins->has_loaded = builtin->loaded != NULL;
  if (builtin->loaded != NULL &&
      !write_blob (writer, builtin->loaded, builtins->loaded))
    return FALSE;
  bytes = vyre_replay_builtins_encode (&capture->entry);
  vyre_blake3 (bytes->data, bytes->len, digest);
  return write_chunk (
      writer, VYRE_REPLAY_CHUNK_BUILTINS, digest, bytes->data, bytes->len);
}

static void
finish_window (VyreReplayWriter *writer, VyreReplayCapture *capture)
{
  gboolean whole, incomplete, overtaken;

  capture->entry.record = place_of (writer, capture->number);
  whole = capture->builtin != NULL ? write_builtins (writer, capture)
                                   : write_window (writer, capture);
  incomplete = (capture->entry.flags & VYRE_REPLAY_INCOMPLETE) != 0;

  g_mutex_lock (&writer->lock);
  overtaken = writer->next - capture->number > writer->header.capacity;
  if (!whole)
    writer->counts.unrecorded++;
  else if (incomplete)
    writer->counts.incomplete++;
  else
    writer->counts.windows++;
  writer->held -= capture->held;
  g_mutex_unlock (&writer->lock);
  capture->held = 0;
  /* A later one may have its place by now. */
  if (!writer->broken && !overtaken)
    write_record (writer, &capture->record, capture->number);
}

static gpointer
run (gpointer data)
{
  VyreReplayWriter *writer = data;

  for (;;) {
    g_mutex_lock (&writer->lock);
    while (g_queue_is_empty (&writer->jobs) && !writer->quit)
      g_cond_wait (&writer->wake, &writer->lock);
    Job *job = g_queue_pop_head (&writer->jobs);
    g_mutex_unlock (&writer->lock);

    if (job == NULL)
      return NULL;
    if (job->capture == NULL) {
      begin_record (writer, job);
    } else {
      finish_window (writer, job->capture);
      vyre_replay_capture_free (job->capture);
    }
    g_free (job);
  }
}

/* --- other threads ------------------------------------------------------- */

void
vyre_replay_capture_free (VyreReplayCapture *capture)
{
  for (guint i = 0; i < capture->entry.n_buffers; i++) {
    g_clear_pointer (&capture->contents[i], g_bytes_unref);
    g_clear_pointer (&capture->outputs[i], g_bytes_unref);
  }
  g_free (capture->contents);
  g_free (capture->outputs);
  if (capture->builtin != NULL) {
    g_clear_pointer (&capture->builtin->table, vyre_block_unref);
    g_clear_pointer (&capture->builtin->loaded, g_bytes_unref);
    g_free (capture->builtin);
  }
  vyre_replay_entry_clear (&capture->entry);
  g_clear_pointer (&capture->program, vyre_program_unref);
  g_free (capture);
}

gboolean
vyre_replay_writer_reserve (VyreReplayWriter *writer, guint64 bytes)
{
  g_mutex_lock (&writer->lock);
  gboolean ok = bytes <= VYRE_REPLAY_MAX_QUEUED - writer->held;
  if (ok)
    writer->held += bytes;
  g_mutex_unlock (&writer->lock);
  return ok;
}

void
vyre_replay_writer_release (VyreReplayWriter *writer, guint64 bytes)
{
  g_mutex_lock (&writer->lock);
  writer->held -= bytes;
  g_mutex_unlock (&writer->lock);
}

void
vyre_replay_writer_begin (VyreReplayWriter *writer, VyreReplayCapture *capture)
{
  Job *job = g_new0 (Job, 1);

  g_mutex_lock (&writer->lock);
  capture->number = writer->next++;
  job->record = capture->record;
  job->number = capture->number;
  if (writer->jobs.length < MAX_JOBS)
    g_queue_push_tail (&writer->jobs, g_steal_pointer (&job));
  g_cond_signal (&writer->wake);
  g_mutex_unlock (&writer->lock);
  g_free (job);
}

void
vyre_replay_writer_finish (VyreReplayWriter *writer, VyreReplayCapture *capture)
{
  Job *job = g_new0 (Job, 1);

  job->capture = capture;
  g_mutex_lock (&writer->lock);
  if (writer->jobs.length < MAX_JOBS) {
    g_queue_push_tail (&writer->jobs, g_steal_pointer (&job));
  } else {
    writer->counts.unrecorded++;
    writer->held -= capture->held;
  }
  g_cond_signal (&writer->wake);
  g_mutex_unlock (&writer->lock);
  if (job != NULL)
    vyre_replay_capture_free (capture);
  g_free (job);
}

void
vyre_replay_writer_get_counts (
    VyreReplayWriter *writer, VyreReplayCounts *counts)
{
  g_mutex_lock (&writer->lock);
  *counts = writer->counts;
  g_mutex_unlock (&writer->lock);
}

/* --- life ---------------------------------------------------------------- */

static int
open_file (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  int code = errno;
  struct stat info;

  if (fd < 0)
    goto failed;
  if (fstat (fd, &info) != 0 || !S_ISREG (info.st_mode)) {
    code = EINVAL;
    goto failed;
  }
  if (flock (fd, LOCK_EX | LOCK_NB) != 0)
    goto locked;
  return fd;

failed:
  if (fd >= 0)
    close (fd);
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code),
      "%s: cannot be written: %s", path, g_strerror (code));
  return -1;

locked:
  close (fd);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_AGAIN,
      "%s: another runtime records there; give each a file of its own", path);
  return -1;
}

/* An existing log is continued. */
static gboolean
read_header (VyreReplayWriter *writer, guint64 capacity, GError **error)
{
  guint8 bytes[VYRE_REPLAY_HEADER_BYTES];
  gssize n = pread (writer->log, bytes, sizeof bytes, 0);

  if (n > 0) {
    if (vyre_replay_decode_header (&writer->header, bytes, (gsize) n, error))
      return TRUE;
    g_prefix_error (error, "%s: ", writer->path);
    return FALSE;
  }
  writer->header = (VyreReplayHeader){ capacity, 0 };
  vyre_replay_encode_header (&writer->header, bytes);
  if (n == 0 && write_at (writer->log, bytes, sizeof bytes, 0))
    return TRUE;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
      "%s: cannot be written: %s", writer->path, g_strerror (errno));
  return FALSE;
}

static gboolean
begin_data (VyreReplayWriter *writer, GError **error)
{
  guint8 bytes[VYRE_REPLAY_DATA_HEADER_BYTES];

  vyre_replay_encode_data_header ((guint64) g_get_real_time () * 1000, bytes);
  if (ftruncate (writer->data, 0) == 0 &&
      write_at (writer->data, bytes, sizeof bytes, 0)) {
    writer->data_bytes = sizeof bytes;
    return TRUE;
  }
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (errno),
      "%s: cannot be written: %s", writer->data_path, g_strerror (errno));
  return FALSE;
}

VyreReplayWriter *
vyre_replay_writer_new (
    const char *path, const VyreReplayOptions *options, GError **error)
{
  VyreReplayWriter *writer = g_new0 (VyreReplayWriter, 1);
  guint64 capacity =
      options->capacity != 0 ? options->capacity : DEFAULT_CAPACITY;

  writer->path = g_strdup (path);
  writer->data_path = g_strconcat (path, ".data", NULL);
  writer->log = writer->data = -1;
  writer->data_limit =
      options->data_limit != 0 ? options->data_limit : DEFAULT_DATA_LIMIT;
  writer->written = g_hash_table_new_full (
      g_bytes_hash, g_bytes_equal, (GDestroyNotify) g_bytes_unref, NULL);
  writer->programs = g_hash_table_new_full (NULL, NULL,
      (GDestroyNotify) vyre_program_unref, (GDestroyNotify) g_bytes_unref);
  writer->tables = g_hash_table_new_full (
      g_int64_hash, g_int64_equal, g_free, (GDestroyNotify) g_bytes_unref);
  g_mutex_init (&writer->lock);
  g_cond_init (&writer->wake);

  writer->log = open_file (writer->path, error);
  if (writer->log < 0 ||
      !read_header (writer, MIN (capacity, VYRE_REPLAY_MAX_CAPACITY), error))
    goto failed;
  writer->data = open_file (writer->data_path, error);
  if (writer->data < 0 || !begin_data (writer, error))
    goto failed;
  writer->thread = g_thread_try_new ("vyre-replay", run, writer, error);
  if (writer->thread == NULL)
    goto failed;
  return writer;

failed:
  vyre_replay_writer_free (writer);
  return NULL;
}

void
vyre_replay_writer_free (VyreReplayWriter *writer)
{
  if (writer == NULL)
    return;
  if (writer->thread != NULL) {
    g_mutex_lock (&writer->lock);
    writer->quit = TRUE;
    g_cond_signal (&writer->wake);
    g_mutex_unlock (&writer->lock);
    g_thread_join (writer->thread);
  }
  if (writer->counts.incomplete + writer->counts.unrecorded > 0)
    g_warning ("replay log: %s: %" G_GUINT64_FORMAT
               " windows are recorded, %" G_GUINT64_FORMAT
               " without what they read, for want of memory, and "
               "%" G_GUINT64_FORMAT " not at all",
        writer->path, writer->counts.windows, writer->counts.incomplete,
        writer->counts.unrecorded);
  if (writer->log >= 0)
    close (writer->log);
  if (writer->data >= 0)
    close (writer->data);
  g_hash_table_unref (writer->written);
  g_hash_table_unref (writer->programs);
  g_hash_table_unref (writer->tables);
  g_mutex_clear (&writer->lock);
  g_cond_clear (&writer->wake);
  g_free (writer->path);
  g_free (writer->data_path);
  g_free (writer);
}
