/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyrefeed.h"

#include <errno.h>
#include <string.h>

#include "gstvyrememory.h"

GST_DEBUG_CATEGORY_STATIC (gst_vyre_feed_debug);
#define GST_CAT_DEFAULT gst_vyre_feed_debug
GST_DEBUG_CATEGORY_STATIC (cat_performance);

/* A memory keeps its whole block: below this a copy is cheaper than that. */
#define SMALL_ANSWER 4096
/* Answers up to this size that lie in two blocks are put together by copying;
 * their readers map them as one piece anyway. */
#define SMALL_JOIN (64 * 1024)
/* Pulls from this size on get blocks of exactly their size. */
#define EXACT_PULL (32 * 1024)
#define MIN_PULL_BLOCK (64 * 1024)
#define MAX_PULL_BLOCK (256 * 1024)
/* Pushed answers of whole pages share a read up to this size, and up to this
 * part of the arena: a read costs as much as a few of them. */
#define SHARED_READ (256 * 1024)
#define SHARED_PART 64
/* Pulls that follow each other until they are taken for a stream. */
#define STREAM_AFTER 2

struct _GstVyreFeed
{
  VyreReader *reader; /* not owned */
  gboolean seekable;
  guint depth;
  gpointer log_object;

  /* streaming thread only */
  VyreArena *arena;
  gboolean ahead; /* read-ahead is on and delivers next ... */
  guint64 ahead_at; /* ... the block that starts (backwards: ends) here */
  gsize ahead_block;
  gboolean ahead_backwards;
  VyreBlock *block; /* taken from the reader, not yet used up: */
  guint64 block_at; /* file offset of the first unused byte */
  gsize block_pos, block_left;
  guint64 last_end; /* of the request before */
  gsize last_length;
  guint streak; /* requests that followed their predecessor */
  gboolean warned_low, warned_large;

  GMutex lock;
  GstVyreFeedStats stats; /* under lock; the reader's part is unused */
};

GstVyreFeed *
gst_vyre_feed_new (VyreReader *reader, guint depth, gpointer log_object)
{
  static gsize once = 0;
  GstVyreFeed *feed;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (
        gst_vyre_feed_debug, "vyrefeed", 0, "read-ahead of vyresrc");
    GST_DEBUG_CATEGORY_GET (cat_performance, "GST_PERFORMANCE");
    g_once_init_leave (&once, 1);
  }

  feed = g_new0 (GstVyreFeed, 1);
  feed->reader = reader;
  feed->seekable = vyre_reader_is_seekable (reader);
  feed->depth = depth;
  feed->log_object = log_object;
  vyre_reader_set_wait (reader, FALSE);
  g_mutex_init (&feed->lock);
  return feed;
}

static void
drop_block (GstVyreFeed *feed)
{
  g_clear_pointer (&feed->block, vyre_block_unref);
  feed->block_left = 0;
}

static void
stop_ahead (GstVyreFeed *feed)
{
  if (feed->ahead)
    vyre_reader_stop (feed->reader);
  feed->ahead = FALSE;
}

void
gst_vyre_feed_free (GstVyreFeed *feed)
{
  stop_ahead (feed);
  drop_block (feed);
  g_clear_pointer (&feed->arena, vyre_arena_unref);
  g_mutex_clear (&feed->lock);
  g_free (feed);
}

void
gst_vyre_feed_set_arena (GstVyreFeed *feed, VyreArena *arena)
{
  if (feed->arena == arena)
    return;
  /* What is in flight comes from the old arena; only what can be read again
   * may be thrown away. */
  if (feed->seekable)
    stop_ahead (feed);
  vyre_arena_ref (arena);
  g_clear_pointer (&feed->arena, vyre_arena_unref);
  feed->arena = arena;
}

void
gst_vyre_feed_set_flushing (GstVyreFeed *feed, gboolean flushing)
{
  vyre_reader_cancel (feed->reader, flushing);
}

void
gst_vyre_feed_get_stats (GstVyreFeed *feed, GstVyreFeedStats *stats)
{
  g_mutex_lock (&feed->lock);
  *stats = feed->stats;
  g_mutex_unlock (&feed->lock);
  vyre_reader_get_stats (feed->reader, &stats->reader);
  stats->reader.reason = g_strdup (stats->reader.reason);
}

static void
note_copy (GstVyreFeed *feed, gsize bytes)
{
  g_mutex_lock (&feed->lock);
  feed->stats.copied_buffers++;
  feed->stats.copied_bytes += bytes;
  g_mutex_unlock (&feed->lock);
}

static void
warn_low (GstVyreFeed *feed)
{
  if (feed->warned_low)
    return;
  feed->warned_low = TRUE;
  GST_CAT_WARNING_OBJECT (cat_performance, feed->log_object,
      "%" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT " bytes of the arena are in "
      "use, something downstream keeps its buffers: going on with copies in "
      "ordinary memory; a larger VYRE_ARENA_SIZE or a smaller queue avoids "
      "them",
      vyre_arena_get_used (feed->arena), vyre_arena_get_size (feed->arena));
}

/* --- where the bytes go --------------------------------------------------- */

/* The answer under construction: either memories, or one mapped buffer. */
typedef struct
{
  GstBuffer *buffer;
  gboolean filling; /* bytes are copied into map */
  GstMapInfo map;
  gsize have, length;
} Answer;

static gboolean
answer_map (Answer *answer, GstBuffer *buffer)
{
  if (!gst_buffer_map (buffer, &answer->map, GST_MAP_WRITE))
    return FALSE;
  answer->buffer = buffer;
  answer->filling = TRUE;
  if (answer->map.size < answer->length)
    answer->length = answer->map.size;
  return TRUE;
}

/* An answer in ordinary memory. */
static gboolean
answer_ordinary (Answer *answer)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, answer->length, NULL);

  if (buffer == NULL)
    return FALSE;
  if (answer_map (answer, buffer))
    return TRUE;
  gst_buffer_unref (buffer);
  return FALSE;
}

static void
answer_abort (Answer *answer, GstBuffer *into)
{
  if (answer->filling)
    gst_buffer_unmap (answer->buffer, &answer->map);
  if (answer->buffer != NULL && answer->buffer != into)
    gst_buffer_unref (answer->buffer);
}

static GstBuffer *
answer_finish (Answer *answer)
{
  if (answer->filling) {
    gst_buffer_unmap (answer->buffer, &answer->map);
    if (gst_buffer_get_size (answer->buffer) != answer->have)
      gst_buffer_resize (answer->buffer, 0, answer->have);
  }
  return answer->buffer;
}

/* Moves n bytes of the current block into the answer. */
static gboolean
take_from_block (GstVyreFeed *feed, Answer *answer, gsize n)
{
  gboolean last = n == feed->block_left;
  gboolean whole = feed->block_pos == 0 && last;
  /* With these pages it shares nothing with its neighbours. */
  gboolean pages = feed->block_pos % VYRE_PAGE_SIZE == 0 &&
                   (n % VYRE_PAGE_SIZE == 0 || last);
  GstMemory *memory;

  if (answer->filling) {
    memcpy (answer->map.data + answer->have,
        feed->block->data + feed->block_pos, n);
    vyre_arena_note_copy (feed->arena, n);
  } else if (gst_vyre_arena_is_low (feed->block->arena, 0)) {
    /* The block goes back at once and the reader goes on with it. */
    memory = gst_allocator_alloc (NULL, n, NULL);
    if (memory == NULL)
      return FALSE;
    if (!gst_memory_map (memory, &answer->map, GST_MAP_WRITE)) {
      gst_memory_unref (memory);
      return FALSE;
    }
    memcpy (answer->map.data, feed->block->data + feed->block_pos, n);
    vyre_arena_note_copy (feed->arena, n);
    gst_memory_unmap (memory, &answer->map);
    gst_buffer_append_memory (answer->buffer, memory);
    note_copy (feed, n);
    warn_low (feed);
  } else if (whole) {
    memory = gst_vyre_memory_new (g_steal_pointer (&feed->block), 0, n);
    gst_buffer_append_memory (answer->buffer, memory);
  } else if (pages) {
    memory = gst_vyre_memory_new (
        vyre_block_new_part (feed->block, feed->block_pos, n), 0, n);
    gst_buffer_append_memory (answer->buffer, memory);
  } else {
    memory =
        gst_vyre_memory_new (vyre_block_ref (feed->block), feed->block_pos, n);
    GST_MINI_OBJECT_FLAG_SET (memory, GST_MEMORY_FLAG_READONLY);
    gst_buffer_append_memory (answer->buffer, memory);
  }

  answer->have += n;
  feed->block_pos += n;
  feed->block_at += n;
  feed->block_left -= n;
  if (feed->block_left == 0)
    drop_block (feed);
  return TRUE;
}

/* --- reading where it was asked for --------------------------------------- */

static GstFlowReturn
plain_read (GstVyreFeed *feed, guint64 offset, guint8 *data, gsize length,
    gsize *got, GError **error)
{
  switch (
      vyre_reader_read_into (feed->reader, offset, data, length, got, error)) {
    case VYRE_READ_OK:
    case VYRE_READ_EOF:
      return GST_FLOW_OK;
    case VYRE_READ_CANCELLED:
      return GST_FLOW_FLUSHING;
    default:
      return GST_FLOW_ERROR;
  }
}

/* Reads what the answer still lacks. */
static GstFlowReturn
plain_answer (GstVyreFeed *feed, Answer *answer, guint64 offset, GError **error)
{
  VyreBlock *block = NULL;
  GstMemory *memory = NULL;
  GstMapInfo map;
  gsize wanted = answer->length - answer->have, got;
  GstFlowReturn ret;

  if (answer->filling) {
    ret = plain_read (
        feed, offset, answer->map.data + answer->have, wanted, &got, error);
    answer->have += got;
    return ret;
  }

  if (wanted > SMALL_ANSWER && !gst_vyre_arena_is_low (feed->arena, wanted))
    block = vyre_arena_alloc (feed->arena, wanted);
  if (block != NULL) {
    ret = plain_read (feed, offset, block->data, wanted, &got, error);
    vyre_block_note_write (block);
    memory = gst_vyre_memory_new (block, 0, got);
  } else {
    memory = gst_allocator_alloc (NULL, wanted, NULL);
    if (memory == NULL || !gst_memory_map (memory, &map, GST_MAP_WRITE))
      goto no_memory;
    ret = plain_read (feed, offset, map.data, wanted, &got, error);
    gst_memory_unmap (memory, &map);
    gst_memory_resize (memory, 0, got);
    note_copy (feed, got);
  }
  if (ret == GST_FLOW_OK && got > 0)
    gst_buffer_append_memory (answer->buffer, memory);
  else
    gst_memory_unref (memory);
  answer->have += got;
  return ret;

no_memory:
  if (memory != NULL)
    gst_memory_unref (memory);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
      "No memory for a buffer of %" G_GSIZE_FORMAT " bytes", wanted);
  return GST_FLOW_ERROR;
}

/* --- read-ahead ------------------------------------------------------------ */

static gsize
round_to_pages (gsize size)
{
  return (size + VYRE_PAGE_SIZE - 1) & ~(gsize) (VYRE_PAGE_SIZE - 1);
}

/* Lengths of a stream that is pushed vary at its end only; those that are
 * pulled are all there is to go by. */
static gboolean
is_small (const GstVyreFeedRequest *request)
{
  return (request->pulled ? request->length : request->blocksize) <
         SMALL_ANSWER;
}

/* As many pushed answers as go into one read. */
static gsize
share_block (GstVyreFeed *feed, gsize blocksize)
{
  gsize most = MIN (
      vyre_arena_get_size (feed->arena) / SHARED_PART, (gsize) SHARED_READ);

  /* A pipe is not to be waited for until it has filled several. */
  if (!feed->seekable || blocksize % VYRE_PAGE_SIZE != 0 || blocksize > most)
    return blocksize;
  return most / blocksize * blocksize;
}

static gsize
choose_block (GstVyreFeed *feed, const GstVyreFeedRequest *request)
{
  if (request->backwards || (request->pulled && request->length >= EXACT_PULL))
    return request->length;
  if (!request->pulled && !is_small (request))
    return share_block (feed, request->blocksize);
  return round_to_pages (
      CLAMP (request->blocksize, MIN_PULL_BLOCK, MAX_PULL_BLOCK));
}

/* Reads in flight take at most half of the arena. 0: not even two blocks fit. */
static guint
choose_depth (GstVyreFeed *feed, gsize block)
{
  gsize size = vyre_arena_get_size (feed->arena);

  if (block > size / 2)
    return 0;
  return CLAMP (size / 2 / round_to_pages (block), 1, feed->depth);
}

/* How many blocks fit without making the arena low. */
static guint
count_room (GstVyreFeed *feed, gsize block)
{
  gsize size = vyre_arena_get_size (feed->arena);
  gsize used = vyre_arena_get_used (feed->arena);

  if (used >= size - size / 4)
    return 0;
  return (size - size / 4 - used) / round_to_pages (block);
}

/* Reads in flight if reading ahead from here on is possible and worth it,
 * else 0. */
static guint
may_stream (GstVyreFeed *feed, const GstVyreFeedRequest *request, gsize block)
{
  guint depth = choose_depth (feed, block), room;

  if (depth == 0) {
    if (!feed->warned_large)
      GST_CAT_WARNING_OBJECT (cat_performance, feed->log_object,
          "blocks of %" G_GSIZE_FORMAT
          " bytes are too large for an arena of %" G_GSIZE_FORMAT
          " bytes: reading into ordinary memory; raise VYRE_ARENA_SIZE or "
          "lower the block size",
          block, vyre_arena_get_size (feed->arena));
    feed->warned_large = TRUE;
    return 0;
  }
  if (request->pulled && feed->streak < STREAM_AFTER)
    return 0;
  room = count_room (feed, block);
  /* prepare_ahead() stops reading into a device arena that is low: starting
   * with the first free block again would only do so over and over. */
  if (vyre_arena_get_kind (feed->arena) == VYRE_ARENA_DEVICE && room < depth)
    room = 0;
  if (room == 0)
    warn_low (feed);
  return MIN (depth, room);
}

static gboolean
start_ahead (GstVyreFeed *feed, const GstVyreFeedRequest *request, guint64 at,
    gsize block, guint depth, GError **error)
{
  guint64 from = request->backwards ? at + request->length : at;

  GST_DEBUG_OBJECT (feed->log_object,
      "reading ahead %s from %" G_GUINT64_FORMAT
      ", %u blocks of %" G_GSIZE_FORMAT " bytes",
      request->backwards ? "backwards" : "forwards", from, depth, block);
  feed->ahead = FALSE;
  if (!vyre_reader_start (feed->reader, feed->arena, from, request->stop, block,
          depth, request->backwards, error))
    return FALSE;
  g_mutex_lock (&feed->lock);
  feed->stats.streamed = TRUE;
  g_mutex_unlock (&feed->lock);
  feed->ahead = TRUE;
  feed->ahead_at = from;
  feed->ahead_block = block;
  feed->ahead_backwards = request->backwards;
  return TRUE;
}

/* Does the reader deliver next what the answer needs next? */
static gboolean
ahead_fits (GstVyreFeed *feed, const GstVyreFeedRequest *request, guint64 at)
{
  if (!feed->ahead || feed->ahead_backwards != request->backwards)
    return FALSE;
  if (!feed->seekable)
    return TRUE;
  if (request->backwards)
    return feed->ahead_at == at + request->length;
  return feed->ahead_at == at;
}

/* Throws away what does not serve this request. */
static void
prepare_ahead (GstVyreFeed *feed, const GstVyreFeedRequest *request)
{
  gsize block;
  gboolean divides;

  if (!feed->seekable)
    return;
  block = choose_block (feed, request);
  divides =
      request->pulled ? block == request->length : block % request->length == 0;
  if (feed->block != NULL &&
      (feed->block_at != request->offset || request->backwards))
    drop_block (feed);

  /* Lengths have settled on another size: with blocks that they divide no
   * answer has to be joined. */
  if (feed->ahead && !request->backwards && divides &&
      block != feed->ahead_block && request->length == feed->last_length &&
      feed->block_left < request->length) {
    stop_ahead (feed);
    drop_block (feed);
  }

  /* Copying out of mapped device memory is slower than reading again. */
  if (vyre_arena_get_kind (feed->arena) == VYRE_ARENA_DEVICE &&
      gst_vyre_arena_is_low (feed->arena, 0)) {
    stop_ahead (feed);
    drop_block (feed);
  }
}

gboolean
gst_vyre_feed_has_next (GstVyreFeed *feed, const GstVyreFeedRequest *request)
{
  return feed->seekable && feed->block != NULL &&
         feed->block_at == request->offset &&
         feed->block_left >= request->length &&
         request->offset <= request->stop &&
         request->length <= request->stop - request->offset;
}

GstFlowReturn
gst_vyre_feed_read (GstVyreFeed *feed, const GstVyreFeedRequest *request,
    GstBuffer *into, GstBuffer **buffer, GError **error)
{
  Answer answer = {
    0,
  };
  gboolean retried = FALSE;
  GstFlowReturn ret = GST_FLOW_OK;
  gsize covered;
  guint depth;

  g_return_val_if_fail (feed->arena != NULL, GST_FLOW_ERROR);
  g_return_val_if_fail (request->length > 0, GST_FLOW_ERROR);

  if (request->offset == feed->last_end)
    feed->streak++;
  else
    feed->streak = 0;
  answer.length = request->length;

  prepare_ahead (feed, request);
  covered = feed->block != NULL                           ? feed->block_left
            : ahead_fits (feed, request, request->offset) ? feed->ahead_block
                                                          : 0;
  if (into != NULL) {
    if (!answer_map (&answer, into))
      goto no_map;
  } else if (feed->seekable &&
             (is_small (request) ||
                 (request->length <= SMALL_JOIN && covered > 0 &&
                     covered < request->length))) {
    if (!answer_ordinary (&answer))
      goto no_memory;
  } else {
    answer.buffer = gst_buffer_new ();
  }

  while (answer.have < answer.length) {
    guint64 at = request->offset + answer.have, block_at;
    gsize length;

    if (feed->block != NULL) {
      if (!take_from_block (feed, &answer,
              MIN (feed->block_left, answer.length - answer.have)))
        goto no_memory;
      /* A pipe gives what it has. */
      if (!feed->seekable)
        break;
      continue;
    }

    if (!ahead_fits (feed, request, at)) {
      gsize block = choose_block (feed, request);

      depth = may_stream (feed, request, block);
      if (depth == 0) {
        stop_ahead (feed);
        ret = plain_answer (feed, &answer, at, error);
        break;
      }
      if (!start_ahead (feed, request, at, block, depth, error)) {
        ret = GST_FLOW_ERROR;
        break;
      }
    }

    switch (vyre_reader_next (
        feed->reader, &feed->block, &block_at, &length, error)) {
      case VYRE_READ_OK:
        feed->block_at = feed->seekable ? block_at : at;
        feed->block_pos = 0;
        feed->block_left = length;
        feed->ahead_at =
            request->backwards ? feed->block_at : feed->block_at + length;
        if (feed->seekable && block_at != at)
          goto wrong_block;
        break;
      case VYRE_READ_NO_ROOM:
        warn_low (feed);
        stop_ahead (feed);
        ret = plain_answer (feed, &answer, at, error);
        goto done;
      case VYRE_READ_EOF: {
        guint64 size;

        stop_ahead (feed);
        /* It may have grown since the reader met its end. */
        if (!feed->seekable || retried ||
            !vyre_reader_get_size (feed->reader, &size) || size <= at)
          goto done;
        retried = TRUE;
        break;
      }
      case VYRE_READ_CANCELLED:
        ret = GST_FLOW_FLUSHING;
        goto done;
      case VYRE_READ_ERROR:
        feed->ahead = FALSE;
        ret = GST_FLOW_ERROR;
        goto done;
    }
  }

done:
  if (ret == GST_FLOW_OK && answer.have == 0)
    ret = GST_FLOW_EOS;
  if (ret != GST_FLOW_OK)
    goto failed;

  if (answer.filling && into == NULL)
    note_copy (feed, answer.have);
  feed->last_end = request->offset + answer.have;
  feed->last_length = request->length;
  *buffer = answer_finish (&answer);
  return GST_FLOW_OK;

no_map:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAULT,
      "The buffer to fill, of %" G_GSIZE_FORMAT " bytes, cannot be written to",
      gst_buffer_get_size (into));
  return GST_FLOW_ERROR;
no_memory:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
      "No memory for a buffer of %" G_GSIZE_FORMAT " bytes", request->length);
  ret = GST_FLOW_ERROR;
  goto failed;
wrong_block:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_FAILED,
      "Read-ahead delivered offset %" G_GUINT64_FORMAT
      " instead of %" G_GUINT64_FORMAT,
      feed->block_at, request->offset + answer.have);
  stop_ahead (feed);
  drop_block (feed);
  ret = GST_FLOW_ERROR;
failed:
  /* What was taken out of blocks is read again; a pipe never has such. */
  if (answer.have > 0 && feed->seekable)
    drop_block (feed);
  answer_abort (&answer, into);
  return ret;
}
