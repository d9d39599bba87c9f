/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ioqueue.h"

#include <string.h>

static guint32
load_status (const guint32 *queue, guint32 slot)
{
  return __atomic_load_n (
      queue + (gsize) slot * VYRE_IO_WORDS + VYRE_IO_STATUS, __ATOMIC_ACQUIRE);
}

static void
store_status (guint32 *queue, guint32 slot, guint32 status)
{
  __atomic_store_n (queue + (gsize) slot * VYRE_IO_WORDS + VYRE_IO_STATUS,
      status, __ATOMIC_RELEASE);
}

static gboolean
check_queue (gsize n_words, GError **error)
{
  if (n_words % VYRE_IO_WORDS != 0) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "io queue: %" G_GSIZE_FORMAT " words, no whole number of %u-word "
        "slots. Fix: pass whole slots.",
        n_words, VYRE_IO_WORDS);
    return FALSE;
  }
  if (n_words / VYRE_IO_WORDS > VYRE_IO_SLOTS) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "io queue: %" G_GSIZE_FORMAT " slots. Fix: use 1 to %u.",
        n_words / VYRE_IO_WORDS, VYRE_IO_SLOTS);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_slot (gsize n_words, guint32 slot, GError **error)
{
  if (!check_queue (n_words, error))
    return FALSE;
  if (slot >= n_words / VYRE_IO_WORDS) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "io slot %u: the queue has %" G_GSIZE_FORMAT ". Fix: use a slot of "
        "this queue.",
        slot, n_words / VYRE_IO_WORDS);
    return FALSE;
  }
  return TRUE;
}

gboolean
vyre_ring_io_encode_empty (
    guint32 *queue, gsize n_words, guint32 slots, GError **error)
{
  if (slots == 0 || slots > VYRE_IO_SLOTS) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "io queue: %u slots. Fix: use 1 to %u.", slots, VYRE_IO_SLOTS);
    return FALSE;
  }
  if (n_words != (gsize) slots * VYRE_IO_WORDS) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "io queue: %u slots need %u words, the array has %" G_GSIZE_FORMAT
        ". Fix: pass an array of that size.",
        slots, slots * VYRE_IO_WORDS, n_words);
    return FALSE;
  }
  memset (queue, 0, n_words * 4);
  return TRUE;
}

static void
read_request (const guint32 *queue, guint32 slot, VyreRingIoRequest *request)
{
  const guint32 *words = queue + (gsize) slot * VYRE_IO_WORDS;

  request->slot = slot;
  request->op = words[VYRE_IO_OP];
  request->source = words[VYRE_IO_SRC];
  request->destination = words[VYRE_IO_DST];
  request->offset =
      (guint64) words[VYRE_IO_OFF_HI] << 32 | words[VYRE_IO_OFF_LO];
  request->bytes = words[VYRE_IO_BYTES];
  request->tag = words[VYRE_IO_TAG];
}

gboolean
vyre_ring_io_poll (const guint32 *queue, gsize n_words,
    VyreRingIoRequest *requests, guint *n_requests, GError **error)
{
  guint32 slot;

  if (!check_queue (n_words, error))
    return FALSE;
  *n_requests = 0;
  for (slot = 0; slot < n_words / VYRE_IO_WORDS; slot++) {
    if (load_status (queue, slot) == VYRE_ST_PUBLISHED)
      read_request (queue, slot, &requests[(*n_requests)++]);
  }
  return TRUE;
}

gboolean
vyre_ring_io_claim (guint32 *queue, gsize n_words, VyreRingIoRequest *requests,
    guint *n_requests, GError **error)
{
  guint i;

  if (!vyre_ring_io_poll (queue, n_words, requests, n_requests, error))
    return FALSE;
  for (i = 0; i < *n_requests; i++)
    store_status (queue, requests[i].slot, VYRE_ST_CLAIMED);
  return TRUE;
}

gboolean
vyre_ring_io_complete (guint32 *queue, gsize n_words,
    const VyreRingIoResult *results, guint n_results, GError **error)
{
  guint64 seen = 0; /* a bit per slot */
  guint i;

  for (i = 0; i < n_results; i++) {
    guint32 slot = results[i].slot;

    if (!check_slot (n_words, slot, error))
      return FALSE;
    if (load_status (queue, slot) != VYRE_ST_CLAIMED ||
        (seen & (G_GUINT64_CONSTANT (1) << slot)) != 0) {
      g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_BUSY,
          "io slot %u: completed with status %u, or twice. Fix: claim it "
          "before completing it, once.",
          slot, load_status (queue, slot));
      return FALSE;
    }
    seen |= G_GUINT64_CONSTANT (1) << slot;
  }
  for (i = 0; i < n_results; i++)
    store_status (
        queue, results[i].slot, results[i].ok ? VYRE_IOST_OK : VYRE_IOST_ERROR);
  return TRUE;
}

gboolean
vyre_ring_io_publish (guint32 *queue, gsize n_words,
    const VyreRingIoRequest *request, GError **error)
{
  guint32 *words;

  if (!check_slot (n_words, request->slot, error))
    return FALSE;
  if (load_status (queue, request->slot) != VYRE_ST_EMPTY) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_BUSY,
        "io slot %u: status %u. Fix: wait until it is recycled.", request->slot,
        load_status (queue, request->slot));
    return FALSE;
  }
  words = queue + (gsize) request->slot * VYRE_IO_WORDS;
  words[VYRE_IO_OP] = request->op;
  words[VYRE_IO_SRC] = request->source;
  words[VYRE_IO_DST] = request->destination;
  words[VYRE_IO_OFF_LO] = (guint32) request->offset;
  words[VYRE_IO_OFF_HI] = (guint32) (request->offset >> 32);
  words[VYRE_IO_BYTES] = request->bytes;
  words[VYRE_IO_TAG] = request->tag;
  store_status (queue, request->slot, VYRE_ST_PUBLISHED);
  return TRUE;
}

gboolean
vyre_ring_io_completion (const guint32 *queue, gsize n_words, guint32 slot,
    gboolean *ok, VyreRingIoRequest *request)
{
  guint32 status;

  if (!check_slot (n_words, slot, NULL))
    return FALSE;
  status = load_status (queue, slot);
  if (status != VYRE_IOST_OK && status != VYRE_IOST_ERROR)
    return FALSE;
  *ok = status == VYRE_IOST_OK;
  if (request != NULL)
    read_request (queue, slot, request);
  return TRUE;
}

gboolean
vyre_ring_io_recycle (
    guint32 *queue, gsize n_words, guint32 slot, GError **error)
{
  gboolean ok;

  if (!check_slot (n_words, slot, error))
    return FALSE;
  if (!vyre_ring_io_completion (queue, n_words, slot, &ok, NULL)) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_BUSY,
        "io slot %u: status %u. Fix: recycle it after its completion.", slot,
        load_status (queue, slot));
    return FALSE;
  }
  store_status (queue, slot, VYRE_ST_EMPTY);
  return TRUE;
}
