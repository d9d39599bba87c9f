/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading what cannot seek: in order, by the thread that asks. */
#include "reader-private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

gboolean
vyre_reader_start_stream (VyreReader *reader, VyreArena *arena, guint64 offset,
    guint64 stop, gsize block_size, gboolean backwards, GError **error)
{
  guint64 position = reader->position - reader->partial_filled;

  if (backwards || offset != position)
    goto no_seek;
  reader->stop = stop;
  reader->block_size = block_size;
  vyre_reader_set_arena (reader, arena);
  vyre_reader_set_path (reader, VYRE_IO_PATH_PREAD,
      "what cannot seek is read in order, by the thread that asks");
  return TRUE;

no_seek:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
      "“%s” cannot seek: it is at offset %" G_GUINT64_FORMAT
      ", wanted was %" G_GUINT64_FORMAT "%s",
      reader->file.path, position, offset, backwards ? " and backwards" : "");
  return FALSE;
}

/* Room for one block, waiting for it. NULL: cancelled, or there is none and
 * nobody wants to wait. */
static VyreBlock *
wait_for_block (VyreReader *reader, gsize size)
{
  for (;;) {
    guint64 serial = vyre_arena_serial (reader->arena);
    VyreBlock *block;

    if (vyre_reader_is_cancelled (reader))
      return NULL;
    block = vyre_arena_alloc (reader->arena, size);
    if (block != NULL || reader->no_wait)
      return block;
    vyre_arena_wait (reader->arena, serial, G_MAXINT64);
  }
}

static VyreReadResult
why_no_block (VyreReader *reader)
{
  return vyre_reader_is_cancelled (reader) ? VYRE_READ_CANCELLED
                                           : VYRE_READ_NO_ROOM;
}

/* What cannot seek: filled bit by bit, waiting in poll() so that it can be
 * cancelled; what is there already stays in the partial block. */
VyreReadResult
vyre_reader_next_stream (VyreReader *reader, VyreBlock **block, guint64 *offset,
    gsize *length, GError **error)
{
  struct pollfd fds[2] = {
    { .fd = reader->file.fd, .events = POLLIN },
    { .fd = reader->cancel_fd, .events = POLLIN },
  };
  guint64 start = reader->position - reader->partial_filled;
  gsize want, n;

  if (vyre_reader_is_cancelled (reader))
    return VYRE_READ_CANCELLED;
  if (start >= reader->stop)
    return VYRE_READ_EOF;
  if (reader->partial == NULL) {
    reader->partial = wait_for_block (reader, reader->block_size);
    if (reader->partial == NULL)
      return why_no_block (reader);
  }
  want = MIN (reader->block_size, reader->stop - start);
  /* Begun before a restart with larger or smaller blocks. */
  if (want > reader->partial->size || want < reader->partial_filled) {
    VyreBlock *other =
        wait_for_block (reader, MAX (want, reader->partial_filled));

    if (other == NULL)
      return why_no_block (reader);
    memcpy (other->data, reader->partial->data, reader->partial_filled);
    vyre_arena_note_copy (other->arena, reader->partial_filled);
    if (want < reader->partial_filled) {
      reader->partial_filled -= want;
      memmove (reader->partial->data, reader->partial->data + want,
          reader->partial_filled);
      vyre_arena_note_copy (other->arena, reader->partial_filled);
      vyre_reader_deliver (reader, other, start, want, block, offset, length);
      return VYRE_READ_OK;
    }
    vyre_block_unref (reader->partial);
    reader->partial = other;
  }
  while (reader->partial_filled < want) {
    gssize got;

    if (poll (fds, 2, -1) < 0 && errno != EINTR)
      goto failed;
    if (fds[1].revents != 0)
      return VYRE_READ_CANCELLED;
    got = read (reader->file.fd, reader->partial->data + reader->partial_filled,
        want - reader->partial_filled);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
      g_mutex_lock (&reader->lock);
      reader->stats.retries++;
      g_mutex_unlock (&reader->lock);
      continue;
    }
    if (got < 0)
      goto failed;
    if (got == 0)
      break;
    reader->partial_filled += got;
    reader->position += got;
    g_mutex_lock (&reader->lock);
    reader->stats.reads++;
    if (reader->partial_filled < want)
      reader->stats.short_reads++;
    g_mutex_unlock (&reader->lock);
  }
  n = reader->partial_filled;
  reader->partial_filled = 0;
  if (n == 0) {
    g_clear_pointer (&reader->partial, vyre_block_unref);
    return VYRE_READ_EOF;
  }
  vyre_reader_deliver (reader, g_steal_pointer (&reader->partial), start, n,
      block, offset, length);
  return VYRE_READ_OK;

failed:
  vyre_reader_set_error (reader, errno, reader->position,
      want - reader->partial_filled, FALSE, error);
  return VYRE_READ_ERROR;
}

VyreReadResult
vyre_reader_stream_into (
    VyreReader *reader, guint8 *data, gsize length, gsize *got, GError **error)
{
  struct pollfd fds[2] = {
    { .fd = reader->file.fd, .events = POLLIN },
    { .fd = reader->cancel_fd, .events = POLLIN },
  };
  gssize n;

  if (reader->partial_filled > 0) {
    n = MIN (length, reader->partial_filled);
    memcpy (data, reader->partial->data, n);
    reader->partial_filled -= n;
    memmove (reader->partial->data, reader->partial->data + n,
        reader->partial_filled);
    vyre_arena_note_copy (
        reader->partial->arena, (guint64) n + reader->partial_filled);
    *got = n;
    return VYRE_READ_OK;
  }
  do {
    if (poll (fds, 2, -1) < 0 && errno != EINTR)
      goto failed;
    if (fds[1].revents != 0)
      return VYRE_READ_CANCELLED;
    n = read (reader->file.fd, data, length);
  } while (n < 0 && (errno == EINTR || errno == EAGAIN));
  if (n < 0)
    goto failed;
  vyre_reader_note_into (reader, n);
  reader->position += n;
  *got = n;
  return n > 0 ? VYRE_READ_OK : VYRE_READ_EOF;

failed:
  vyre_reader_set_error (reader, errno, reader->position, length, FALSE, error);
  return VYRE_READ_ERROR;
}
