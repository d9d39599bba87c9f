/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ring.h"

G_BEGIN_DECLS

/*
 * Host side of an IO queue (section 12): @n_words words in host order, 8 words
 * a slot, 1 to 64 slots; as a view also none. One direction per queue: the
 * producer publishes into EMPTY slots, the consumer claims and completes, and
 * the producer recycles what is complete. Errors are VYRE_RING_ERROR and
 * change nothing.
 */

typedef struct
{
  guint32 slot;
  guint32 op; /* VYRE_IOOP_* */
  guint32 source, destination;
  guint64 offset;
  guint32 bytes;
  guint32 tag;
} VyreRingIoRequest;

typedef struct
{
  guint32 slot;
  gboolean ok;
} VyreRingIoResult;

VYRE_API gboolean vyre_ring_io_encode_empty (
    guint32 *queue, gsize n_words, guint32 slots, GError **error);

/* Requests that are PUBLISHED, in slot order, into @requests, which has room
 * for VYRE_IO_SLOTS. Polling changes nothing; claiming makes them CLAIMED. */
VYRE_API gboolean vyre_ring_io_poll (const guint32 *queue, gsize n_words,
    VyreRingIoRequest *requests, guint *n_requests, GError **error);
VYRE_API gboolean vyre_ring_io_claim (guint32 *queue, gsize n_words,
    VyreRingIoRequest *requests, guint *n_requests, GError **error);
/* CLAIMED slots to OK or ERROR, all or none. */
VYRE_API gboolean vyre_ring_io_complete (guint32 *queue, gsize n_words,
    const VyreRingIoResult *results, guint n_results, GError **error);

/* Publishes @request in its slot, which must be EMPTY. */
VYRE_API gboolean vyre_ring_io_publish (guint32 *queue, gsize n_words,
    const VyreRingIoRequest *request, GError **error);
/* %TRUE once @slot is OK or ERROR, which goes to @ok; the request it was goes
 * to @request (optional). */
VYRE_API gboolean vyre_ring_io_completion (const guint32 *queue, gsize n_words,
    guint32 slot, gboolean *ok, VyreRingIoRequest *request);
/* OK or ERROR to EMPTY, for reuse. */
VYRE_API gboolean vyre_ring_io_recycle (
    guint32 *queue, gsize n_words, guint32 slot, GError **error);

G_END_DECLS
