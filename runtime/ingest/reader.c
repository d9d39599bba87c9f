/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reader-private.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MAX_DEPTH 256
/* read_into() looks after so much whether it was cancelled. */
#define INTO_PIECE ((gsize) 4 << 20)
/* Below these, reading past the page cache costs more than it saves. */
#define DIRECT_MIN_BLOCK ((gsize) 64 << 10)
#define DIRECT_MIN_SIZE ((guint64) 1 << 20)
/* Leaves room to round offsets up. */
#define MAX_OFFSET ((guint64) G_MAXINT64 & ~(((guint64) 4 << 20) - 1))

typedef VyreReaderSlot Slot;

/* One block asked for. The request covers it and, with O_DIRECT, what
 * alignment adds on both sides. Owner of the block until it is delivered. */
struct _VyreReaderSlot
{
  VyreIoRequest request;
  VyreReader *reader;
  VyreBlock *block;
  guint64 offset;
  gsize length;
  gsize skip; /* bytes of the request before offset */
  gboolean done; /* protected by the reader's lock */
};

VyreReader *
vyre_reader_open (const char *path, VyreIoMode mode, GError **error)
{
  VyreReader *reader = g_new0 (VyreReader, 1);
  int saved;

  reader->mode = mode;
  reader->cancel_fd = -1;
  g_mutex_init (&reader->lock);
  g_cond_init (&reader->cond);
  if (!vyre_file_open (&reader->file, path, mode, error))
    goto failed;
  if (!reader->file.seekable) {
    reader->cancel_fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (reader->cancel_fd < 0)
      goto no_event;
  }
  return reader;

no_event:
  saved = errno;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved),
      "Could not make an eventfd to read “%s”: %s", path, g_strerror (saved));
failed:
  vyre_reader_free (reader);
  return NULL;
}

void
vyre_reader_free (VyreReader *reader)
{
  vyre_reader_stop (reader);
  g_clear_pointer (&reader->partial, vyre_block_unref);
  if (reader->cancel_fd >= 0)
    close (reader->cancel_fd);
  if (reader->file.path != NULL)
    vyre_file_close (&reader->file);
  g_cond_clear (&reader->cond);
  g_mutex_clear (&reader->lock);
  g_free (reader);
}

gboolean
vyre_reader_get_size (VyreReader *reader, guint64 *size)
{
  return vyre_file_get_size (&reader->file, size);
}

gboolean
vyre_reader_is_seekable (VyreReader *reader)
{
  return reader->file.seekable;
}

static Slot *
nth_slot (VyreReader *reader, guint n)
{
  return &reader->slots[(reader->head + n) % reader->n_slots];
}

static void
request_done (VyreIoRequest *request)
{
  Slot *slot = request->user_data;
  VyreReader *reader = slot->reader;

  g_mutex_lock (&reader->lock);
  slot->done = TRUE;
  reader->stats.reads++;
  reader->stats.short_reads += request->short_reads;
  reader->stats.retries += request->retries;
  g_cond_broadcast (&reader->cond);
  g_mutex_unlock (&reader->lock);
}

/* Takes back all that was asked for and not delivered. */
static void
flush (VyreReader *reader)
{
  VyreIoRequest *pending[MAX_DEPTH];
  guint n = 0;

  g_mutex_lock (&reader->lock);
  for (guint i = 0; i < reader->count; i++) {
    Slot *slot = nth_slot (reader, i);

    if (!slot->done)
      pending[n++] = &slot->request;
  }
  g_mutex_unlock (&reader->lock);
  if (n > 0)
    vyre_ingest_cancel (pending, n);

  /* The kernel may still write to a block whose read was cancelled until it
   * has said that the read is over. */
  for (; reader->count > 0; reader->count--) {
    Slot *slot = nth_slot (reader, 0);

    g_mutex_lock (&reader->lock);
    while (!slot->done)
      g_cond_wait (&reader->cond, &reader->lock);
    g_mutex_unlock (&reader->lock);
    g_clear_pointer (&slot->block, vyre_block_unref);
    reader->head = (reader->head + 1) % reader->n_slots;
  }
}

void
vyre_reader_set_arena (VyreReader *reader, VyreArena *arena)
{
  VyreArena *old = reader->arena;

  g_mutex_lock (&reader->lock);
  reader->arena = arena != NULL ? vyre_arena_ref (arena) : NULL;
  g_mutex_unlock (&reader->lock);
  if (old != NULL)
    vyre_arena_unref (old);
}

void
vyre_reader_stop (VyreReader *reader)
{
  if (reader->arena == NULL)
    return;
  flush (reader);
  vyre_reader_set_arena (reader, NULL);
  g_clear_pointer (&reader->slots, g_free);
  reader->n_slots = 0;
}

static gboolean
is_aligned (VyreReader *reader, guint64 value)
{
  return value % reader->file.align == 0;
}

static gboolean
choose_direct (
    VyreReader *reader, VyreArena *arena, guint64 offset, gsize block_size)
{
  if (reader->mode == VYRE_IO_DIRECT)
    return TRUE;
  if (reader->file.direct_fd < 0 || reader->direct_refused ||
      vyre_arena_get_kind (arena) == VYRE_ARENA_DEVICE)
    return FALSE;
  /* Once only: what we read buffered is cached, what we read direct is not,
   * and the samples may leave traces of their own. */
  if (!reader->direct_decided) {
    reader->direct_decided = TRUE;
    reader->direct_pays =
        reader->known_size >= DIRECT_MIN_SIZE &&
        !vyre_file_is_cached (&reader->file, reader->known_size);
  }
  return reader->direct_pays && block_size >= DIRECT_MIN_BLOCK &&
         is_aligned (reader, offset) && is_aligned (reader, block_size);
}

void
vyre_reader_set_path (VyreReader *reader, VyreIoPath path, const char *reason)
{
  g_mutex_lock (&reader->lock);
  reader->stats.path = path;
  reader->stats.direct = reader->direct;
  reader->stats.reason = (char *) reason;
  g_mutex_unlock (&reader->lock);
}

gboolean
vyre_reader_start (VyreReader *reader, VyreArena *arena, guint64 offset,
    guint64 stop, gsize block_size, guint depth, gboolean backwards,
    GError **error)
{
  gsize half = vyre_arena_get_size (arena) / 2, most;
  VyreIoPath path;
  const char *reason;
  int saved;

  vyre_reader_stop (reader);
  if (block_size == 0)
    goto no_block_size;
  if (block_size > half)
    goto no_space;
  if (!reader->file.seekable)
    return vyre_reader_start_stream (
        reader, arena, offset, stop, block_size, backwards, error);

  if (!vyre_file_get_size (&reader->file, &reader->known_size))
    goto no_stat;
  if (reader->mode == VYRE_IO_DIRECT &&
      vyre_arena_get_kind (arena) == VYRE_ARENA_DEVICE)
    goto no_direct;
  if (backwards)
    offset = MIN (offset, reader->known_size);
  else
    stop = MIN (stop, MAX_OFFSET);
  reader->direct = choose_direct (reader, arena, offset, block_size);
  /* What one block can take with its surroundings. */
  most = block_size;
  if (reader->direct &&
      !(is_aligned (reader, offset) && is_aligned (reader, block_size)))
    most += 2 * reader->file.align;
  most = (most + VYRE_PAGE_SIZE - 1) & ~(gsize) (VYRE_PAGE_SIZE - 1);
  if (most > vyre_arena_get_size (arena))
    goto no_space;
  if (!vyre_ingest_attach (arena, &path, &reason, error))
    return FALSE;

  /* The other half is for those who work on what was read. */
  reader->n_slots = CLAMP (depth, 1, MAX_DEPTH);
  reader->n_slots = MIN (reader->n_slots, MAX (half / most, 1));
  reader->slots = g_new0 (Slot, reader->n_slots);
  reader->head = reader->count = 0;
  reader->position = offset;
  reader->stop = stop;
  reader->block_size = block_size;
  reader->backwards = backwards;
  vyre_reader_set_arena (reader, arena);
  if (reason == NULL && reader->direct_refused)
    reason = "the file system refused to read with O_DIRECT";
  vyre_reader_set_path (reader, path, reason);
  return TRUE;

no_block_size:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
      "“%s” cannot be read in blocks of 0 bytes", reader->file.path);
  return FALSE;
no_space:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC,
      "Blocks of %" G_GSIZE_FORMAT " bytes are more than half of the arena, "
      "which has %" G_GSIZE_FORMAT " bytes; ask for smaller blocks or make the "
      "process's arena larger with VYRE_ARENA_SIZE",
      block_size, vyre_arena_get_size (arena));
  return FALSE;
no_stat:
  saved = errno;
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved),
      "Could not get the size of “%s”: %s", reader->file.path,
      g_strerror (saved));
  return FALSE;
no_direct:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
      "“%s” cannot be read with O_DIRECT into mapped device memory; use "
      "buffered I/O or host memory",
      reader->file.path);
  return FALSE;
}

/* The range of the next block to ask for. FALSE: there is none for now. */
static gboolean
next_range (VyreReader *reader, guint64 *offset, gsize *length)
{
  if (reader->backwards) {
    if (reader->position <= reader->stop)
      return FALSE;
    *length = MIN (reader->block_size, reader->position - reader->stop);
    *offset = reader->position - *length;
    return TRUE;
  }
  if (reader->position >= reader->stop)
    return FALSE;
  *length = MIN (reader->block_size, reader->stop - reader->position);
  *offset = reader->position;
  if (*offset < reader->known_size)
    return TRUE;
  /* It may have grown. Some files say 0 and have contents; those are asked
   * one block at a time. */
  if (!vyre_file_get_size (&reader->file, &reader->known_size))
    reader->known_size = 0;
  return *offset < reader->known_size ||
         (reader->known_size == 0 && reader->count == 0);
}

static gboolean
prepare (VyreReader *reader, Slot *slot, guint64 offset, gsize length)
{
  gboolean aligned =
      is_aligned (reader, offset) && is_aligned (reader, reader->block_size);
  gboolean direct =
      reader->direct && (aligned || reader->mode == VYRE_IO_DIRECT);
  gsize align = direct ? reader->file.align : 1;
  gsize skip = offset % align;
  gsize total = (skip + length + align - 1) & ~(align - 1);
  VyreBlock *block = vyre_arena_alloc (reader->arena, total);

  if (block == NULL)
    return FALSE;
  slot->reader = reader;
  slot->block = block;
  slot->offset = offset;
  slot->length = length;
  slot->skip = skip;
  slot->done = FALSE;
  slot->request.fd = direct ? reader->file.direct_fd : reader->file.fd;
  slot->request.offset = offset - skip;
  slot->request.data = block->data;
  slot->request.length = total;
  slot->request.align = align;
  slot->request.done = request_done;
  slot->request.user_data = slot;
  return TRUE;
}

/* Asks for as much as depth and arena allow. FALSE: the arena is full. */
static gboolean
fill (VyreReader *reader)
{
  VyreIoRequest *batch[MAX_DEPTH];
  gboolean room = TRUE;
  guint64 offset;
  gsize length;
  guint n = 0;

  while (reader->count < reader->n_slots &&
         next_range (reader, &offset, &length)) {
    Slot *slot = nth_slot (reader, reader->count);

    room = prepare (reader, slot, offset, length);
    if (!room)
      break;
    batch[n++] = &slot->request;
    reader->count++;
    reader->position = reader->backwards ? offset : offset + length;
  }
  if (n > 0)
    vyre_ingest_read (batch, n);
  return room;
}

/* Gives up all that was asked for and goes on from the first of it. */
static void
rewind_to_head (VyreReader *reader)
{
  Slot *slot = nth_slot (reader, 0);
  guint64 position = slot->offset;

  if (reader->backwards)
    position += slot->length;
  flush (reader);
  reader->position = position;
}

/* TRUE: AUTO goes on without O_DIRECT. */
static gboolean
fall_back (VyreReader *reader, Slot *slot)
{
  int code = slot->request.error;

  if (reader->mode != VYRE_IO_AUTO || slot->request.align <= 1 ||
      (code != EINVAL && code != EFAULT && code != EOPNOTSUPP))
    return FALSE;
  g_info ("Reading “%s” through the page cache: O_DIRECT was refused: %s",
      reader->file.path, g_strerror (code));
  rewind_to_head (reader);
  reader->direct = FALSE;
  reader->direct_refused = TRUE;
  g_mutex_lock (&reader->lock);
  reader->stats.direct = FALSE;
  if (reader->stats.reason == NULL)
    reader->stats.reason =
        (char *) "the file system refused to read with O_DIRECT";
  g_mutex_unlock (&reader->lock);
  return TRUE;
}

void
vyre_reader_set_error (VyreReader *reader, int code, guint64 offset,
    gsize length, gboolean direct, GError **error)
{
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (code),
      "Could not read %" G_GSIZE_FORMAT " bytes at offset %" G_GUINT64_FORMAT
      " of “%s”%s: %s",
      length, offset, reader->file.path, direct ? " with O_DIRECT" : "",
      g_strerror (code));
}

void
vyre_reader_deliver (VyreReader *reader, VyreBlock *filled, guint64 at, gsize n,
    VyreBlock **block, guint64 *offset, gsize *length)
{
  vyre_block_note_write (filled);
  g_mutex_lock (&reader->lock);
  reader->stats.bytes += n;
  g_mutex_unlock (&reader->lock);
  *block = filled;
  *offset = at;
  *length = n;
}

gboolean
vyre_reader_is_cancelled (VyreReader *reader)
{
  gboolean cancelled;

  g_mutex_lock (&reader->lock);
  cancelled = reader->cancelled;
  g_mutex_unlock (&reader->lock);
  return cancelled;
}

static VyreReadResult
next_seekable (VyreReader *reader, VyreBlock **block, guint64 *offset,
    gsize *length, GError **error)
{
  for (;;) {
    guint64 serial = vyre_arena_serial (reader->arena);
    gboolean room, cancelled;
    Slot *slot;
    gsize n;

    if (vyre_reader_is_cancelled (reader))
      return VYRE_READ_CANCELLED;

    /* With the arena full, what is on its way is delivered first: the caller
     * may be the one who has to free something. */
    room = fill (reader);
    if (reader->count == 0 && room)
      return VYRE_READ_EOF;
    if (reader->count == 0) {
      if (reader->no_wait)
        return VYRE_READ_NO_ROOM;
      vyre_arena_wait (reader->arena, serial, G_MAXINT64);
      continue;
    }

    slot = nth_slot (reader, 0);
    g_mutex_lock (&reader->lock);
    while (!slot->done && !reader->cancelled)
      g_cond_wait (&reader->cond, &reader->lock);
    cancelled = reader->cancelled;
    g_mutex_unlock (&reader->lock);
    if (cancelled)
      return VYRE_READ_CANCELLED;

    if (slot->request.error != 0) {
      if (fall_back (reader, slot))
        continue;
      vyre_reader_set_error (reader, slot->request.error, slot->offset,
          slot->length, slot->request.align > 1, error);
      rewind_to_head (reader);
      return VYRE_READ_ERROR;
    }

    n = slot->request.filled > slot->skip
            ? MIN (slot->request.filled - slot->skip, slot->length)
            : 0;
    if (n > 0) {
      if (slot->skip > 0) {
        memmove (slot->block->data, slot->block->data + slot->skip, n);
        vyre_arena_note_copy (slot->block->arena, n);
      }
      vyre_reader_deliver (reader, g_steal_pointer (&slot->block), slot->offset,
          n, block, offset, length);
    } else {
      g_clear_pointer (&slot->block, vyre_block_unref);
    }
    reader->head = (reader->head + 1) % reader->n_slots;
    reader->count--;
    if (n < slot->length && !reader->backwards) {
      /* The file ends here, for now; what was asked for behind it would leave
       * a gap if the file grew in between. */
      guint64 end = slot->offset + n;

      flush (reader);
      reader->position = end;
      reader->known_size = MIN (reader->known_size, end);
      if (n == 0)
        return VYRE_READ_EOF;
    }
    if (n > 0) {
      fill (reader);
      return VYRE_READ_OK;
    }
  }
}

VyreReadResult
vyre_reader_next (VyreReader *reader, VyreBlock **block, guint64 *offset,
    gsize *length, GError **error)
{
  if (reader->arena == NULL)
    goto not_started;
  if (!reader->file.seekable)
    return vyre_reader_next_stream (reader, block, offset, length, error);
  return next_seekable (reader, block, offset, length, error);

not_started:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
      "“%s” is not being read: start it first", reader->file.path);
  return VYRE_READ_ERROR;
}

void
vyre_reader_set_wait (VyreReader *reader, gboolean wait)
{
  reader->no_wait = !wait;
}

void
vyre_reader_note_into (VyreReader *reader, gsize n)
{
  g_mutex_lock (&reader->lock);
  reader->stats.reads++;
  reader->stats.bytes += n;
  if (reader->stats.path == VYRE_IO_PATH_NONE)
    reader->stats.path = VYRE_IO_PATH_PREAD;
  g_mutex_unlock (&reader->lock);
}

VyreReadResult
vyre_reader_read_into (VyreReader *reader, guint64 offset, guint8 *data,
    gsize length, gsize *got, GError **error)
{
  gssize n;

  *got = 0;
  if (!reader->file.seekable)
    return vyre_reader_stream_into (reader, data, length, got, error);
  while (*got < length) {
    if (vyre_reader_is_cancelled (reader))
      return VYRE_READ_CANCELLED;
    if (offset + *got > MAX_OFFSET)
      break;
    n = pread (reader->file.fd, data + *got, MIN (length - *got, INTO_PIECE),
        offset + *got);
    if (n < 0 && (errno == EINTR || errno == EAGAIN))
      continue;
    if (n < 0)
      goto failed;
    vyre_reader_note_into (reader, n);
    if (n == 0)
      break;
    *got += n;
  }
  return *got > 0 || length == 0 ? VYRE_READ_OK : VYRE_READ_EOF;

failed:
  vyre_reader_set_error (
      reader, errno, offset + *got, length - *got, FALSE, error);
  return VYRE_READ_ERROR;
}

void
vyre_reader_cancel (VyreReader *reader, gboolean cancel)
{
  g_autoptr (VyreArena) arena = NULL;

  g_mutex_lock (&reader->lock);
  reader->cancelled = cancel;
  g_cond_broadcast (&reader->cond);
  if (reader->cancel_fd >= 0) {
    if (cancel)
      eventfd_write (reader->cancel_fd, 1);
    else
      eventfd_read (reader->cancel_fd, &(eventfd_t){ 0 });
  }
  if (cancel && reader->arena != NULL)
    arena = vyre_arena_ref (reader->arena);
  g_mutex_unlock (&reader->lock);
  if (arena != NULL)
    vyre_arena_wake (arena);
}

void
vyre_reader_get_stats (VyreReader *reader, VyreReaderStats *stats)
{
  g_mutex_lock (&reader->lock);
  *stats = reader->stats;
  g_mutex_unlock (&reader->lock);
}
