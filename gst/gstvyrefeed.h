/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "ingest/reader.h"

G_BEGIN_DECLS

/**
 * Answers requests for ranges of a file with buffers of arena memory.
 *
 * Streams (everything pushed, and runs of pulls that follow each other) are
 * answered from the reader's read-ahead; blocks become memories without a copy.
 * Single pulls are read where they are asked for. Where the arena is nearly
 * used up, because somebody downstream keeps what he gets, the answer is
 * ordinary memory and counted as a copy: a feed never waits for memory that
 * others hold.
 *
 * Threads: one at a time, except gst_vyre_feed_set_flushing() and
 * gst_vyre_feed_get_stats(), which any thread may call.
 */
typedef struct _GstVyreFeed GstVyreFeed;

typedef struct
{
  VyreReaderStats reader; /* reason is owned by the caller */
  gboolean streamed; /* read-ahead was used, and reader.path is its way */
  guint64 copied_buffers, copied_bytes; /* answered with ordinary memory */
} GstVyreFeedStats;

typedef struct
{
  guint64 offset; /* in the file; ignored where it cannot seek */
  gsize length; /* more than 0 */
  guint64 stop; /* where a stream will end, G_MAXUINT64: unknown */
  gboolean backwards; /* the next request ends where this one starts */
  gboolean pulled; /* lengths and offsets are somebody's choice */
  gsize blocksize; /* length of pushed requests but the last; of pulls a hint */
} GstVyreFeedRequest;

/* @reader stays the caller's and must outlive the feed. depth: reads in
 * flight. @log_object: for the debug log. */
GstVyreFeed *gst_vyre_feed_new (
    VyreReader *reader, guint depth, gpointer log_object);
/* Waits for the reads in flight. */
void gst_vyre_feed_free (GstVyreFeed *feed);

/* Where blocks come from, from the next block on. */
void gst_vyre_feed_set_arena (GstVyreFeed *feed, VyreArena *arena);

/**
 * gst_vyre_feed_read:
 * @feed: the feed
 * @request: the range
 * @into: (nullable): a buffer to fill, at least the length
 * @buffer: (out): the answer: @into, or a new buffer; shorter than asked for at
 *   the end of the file, and where the file cannot seek
 * @error: for GST_FLOW_ERROR, in G_FILE_ERROR
 *
 * Returns: OK, EOS, FLUSHING (nothing is lost), ERROR.
 */
GstFlowReturn gst_vyre_feed_read (GstVyreFeed *feed,
    const GstVyreFeedRequest *request, GstBuffer *into, GstBuffer **buffer,
    GError **error);

/**
 * gst_vyre_feed_has_next:
 * @feed: the feed
 * @request: a range that follows the one answered before, forwards
 *
 * Returns: whether a read has brought all of it already, so that
 * gst_vyre_feed_read() answers without waiting, in full and not by joining
 * what two reads brought.
 */
gboolean gst_vyre_feed_has_next (
    GstVyreFeed *feed, const GstVyreFeedRequest *request);

void gst_vyre_feed_set_flushing (GstVyreFeed *feed, gboolean flushing);

void gst_vyre_feed_get_stats (GstVyreFeed *feed, GstVyreFeedStats *stats);

G_END_DECLS
