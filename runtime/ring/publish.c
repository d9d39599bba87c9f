/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Publishing into a ring on plain memory: check everything, then write. */
#include "ring.h"

#include <string.h>

static guint32 *
slot_words (guint32 *ring, guint32 slot)
{
  return ring + (gsize) slot * VYRE_SLOT_WORDS;
}

static gboolean
check_ring (gsize n_words, GError **error)
{
  if (n_words % VYRE_SLOT_WORDS != 0) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "ring: %" G_GSIZE_FORMAT " words, no whole number of %u-word slots. "
        "Fix: pass a ring from the ring encoder.",
        n_words, VYRE_SLOT_WORDS);
    return FALSE;
  }
  return TRUE;
}

/* @count slots from @start lie inside the ring. */
static gboolean
check_range (gsize n_words, guint32 start, gsize count, GError **error)
{
  gsize capacity = n_words / VYRE_SLOT_WORDS;

  if (start > capacity || count > capacity - start) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_FULL,
        "publish: %" G_GSIZE_FORMAT " slots from slot %u, the ring has "
        "%" G_GSIZE_FORMAT ". Fix: make the ring larger or the batch smaller.",
        count, start, capacity);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_opcode (guint32 opcode, GError **error)
{
  if (!vyre_ring_opcode_is_publishable (opcode)) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "opcode 0x%08x: reserved for the system. Fix: use a builtin, or one of "
        "0x8 to 0xffef, 0x10000 to 0x7fffffff.",
        opcode);
    return FALSE;
  }
  if (opcode == VYRE_OP_DFA_STEP) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_UNSUPPORTED,
        "opcode 0x%08x: DFA_STEP has no implementation. Fix: run a program "
        "that walks the table.",
        opcode);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_payload (guint32 opcode, gsize n_args, GError **error)
{
  if (n_args > VYRE_ARGS_PER_SLOT) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "opcode 0x%08x: %" G_GSIZE_FORMAT " arguments. Fix: pass at most %u "
        "words per slot.",
        opcode, n_args, VYRE_ARGS_PER_SLOT);
    return FALSE;
  }
  return check_opcode (opcode, error);
}

static gboolean
check_free (guint32 *ring, guint32 start, gsize count, GError **error)
{
  gsize i;

  for (i = 0; i < count; i++) {
    guint32 slot = start + (guint32) i;
    guint32 status =
        __atomic_load_n (slot_words (ring, slot), __ATOMIC_ACQUIRE);

    if (status != VYRE_ST_EMPTY && status != VYRE_ST_DONE) {
      g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_BUSY,
          "slot %u: status %u (%s). Fix: publish only into empty or done "
          "slots.",
          slot, status, vyre_ring_status_name (status));
      return FALSE;
    }
  }
  return TRUE;
}

static void
write_slot (guint32 *words, guint32 tenant, guint32 opcode, const guint32 *args,
    gsize n_args)
{
  words[VYRE_W_OPCODE] = opcode;
  words[VYRE_W_TENANT] = tenant;
  words[VYRE_W_PRIORITY] = VYRE_PRI_NORMAL;
  memset (words + VYRE_W_ARG0, 0, VYRE_ARGS_PER_SLOT * 4);
  if (n_args > 0)
    memcpy (words + VYRE_W_ARG0, args, n_args * 4);
  __atomic_store_n (words + VYRE_W_STATUS, VYRE_ST_PUBLISHED, __ATOMIC_RELEASE);
}

gboolean
vyre_ring_publish_slot (guint32 *ring, gsize n_words, guint32 slot,
    guint32 tenant, guint32 opcode, const guint32 *args, gsize n_args,
    GError **error)
{
  if (!check_ring (n_words, error))
    return FALSE;
  if (slot >= n_words / VYRE_SLOT_WORDS) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "slot %u: the ring has %" G_GSIZE_FORMAT
        ". Fix: use a slot of this ring, or make the ring larger.",
        slot, n_words / VYRE_SLOT_WORDS);
    return FALSE;
  }
  if (!check_payload (opcode, n_args, error) ||
      !check_free (ring, slot, 1, error))
    return FALSE;

  write_slot (slot_words (ring, slot), tenant, opcode, args, n_args);
  return TRUE;
}

gboolean
vyre_ring_publish_batch (guint32 *ring, gsize n_words, guint32 start,
    guint32 tenant, const VyreRingItem *items, gsize n_items, guint32 tag,
    guint32 *used, GError **error)
{
  guint32 fence[2];
  gsize i;

  if (!check_ring (n_words, error))
    return FALSE;
  if (n_items >= G_MAXUINT32) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_FULL,
        "batch: %" G_GSIZE_FORMAT " items. Fix: split the batch.", n_items);
    return FALSE;
  }
  if (!check_range (n_words, start, n_items + 1, error))
    return FALSE;
  for (i = 0; i < n_items; i++) {
    if (!check_payload (items[i].opcode, items[i].n_args, error))
      return FALSE;
  }
  if (!check_free (ring, start, n_items + 1, error))
    return FALSE;

  for (i = 0; i < n_items; i++)
    write_slot (slot_words (ring, start + (guint32) i), tenant, items[i].opcode,
        items[i].args, items[i].n_args);
  fence[0] = (guint32) n_items;
  fence[1] = tag;
  write_slot (slot_words (ring, start + (guint32) n_items), tenant,
      VYRE_OP_BATCH_FENCE, fence, 2);
  if (used != NULL)
    *used = (guint32) n_items + 1;
  return TRUE;
}

static void
write_work_item (guint32 *words, guint32 tenant, const VyreRingWorkItem *item)
{
  guint32 args[3] = { item->input, item->output, item->param };

  write_slot (words, tenant, item->opcode, args, 3);
}

gboolean
vyre_ring_publish_work_items (guint32 *ring, gsize n_words, guint32 start,
    guint32 tenant, const VyreRingWorkItem *items, gsize n_items,
    GError **error)
{
  gsize i;

  for (i = 0; i < n_items; i++) {
    if (!check_opcode (items[i].opcode, error))
      return FALSE;
  }
  if (!check_ring (n_words, error) ||
      !check_range (n_words, start, n_items, error) ||
      !check_free (ring, start, n_items, error))
    return FALSE;

  for (i = 0; i < n_items; i++)
    write_work_item (slot_words (ring, start + (guint32) i), tenant, items + i);
  return TRUE;
}

gboolean
vyre_ring_encode_work_items (guint32 *ring, gsize n_words, guint32 tenant,
    const VyreRingWorkItem *items, gsize n_items, GError **error)
{
  gsize i;

  if (!check_ring (n_words, error) || !check_range (n_words, 0, n_items, error))
    return FALSE;
  for (i = 0; i < n_items; i++) {
    if (!check_opcode (items[i].opcode, error))
      return FALSE;
  }
  if (n_words / VYRE_SLOT_WORDS > VYRE_MAX_ENCODED_RING_SLOTS) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "ring: %" G_GSIZE_FORMAT " slots, above the limit of %u. Fix: split "
        "the work over several rings.",
        n_words / VYRE_SLOT_WORDS, VYRE_MAX_ENCODED_RING_SLOTS);
    return FALSE;
  }

  if (n_words > 0)
    memset (ring, 0, n_words * 4);
  for (i = 0; i < n_items; i++)
    write_work_item (slot_words (ring, (guint32) i), tenant, items + i);
  return TRUE;
}

/* Checked against the room that the metadata leaves, so the sum stays small. */
static gboolean
check_packed (
    const VyreRingItem *ops, gsize n_ops, guint32 meta_words, GError **error)
{
  guint32 words = meta_words;
  gsize i;

  for (i = 0; i < n_ops; i++) {
    if (ops[i].n_args > VYRE_ARGS_PER_SLOT - words) {
      g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
          "packed operation %" G_GSIZE_FORMAT ": %u arguments after %u words "
          "of metadata and arguments. Fix: keep their sum within %u words.",
          i, ops[i].n_args, words, VYRE_ARGS_PER_SLOT);
      return FALSE;
    }
    words += ops[i].n_args;
    if (ops[i].opcode > G_MAXUINT8) {
      g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
          "packed operation %" G_GSIZE_FORMAT ": opcode 0x%08x is no byte. "
          "Fix: give it a slot of its own.",
          i, ops[i].opcode);
      return FALSE;
    }
    if (!check_opcode (ops[i].opcode, error))
      return FALSE;
  }
  return TRUE;
}

static void
put_byte (guint32 *args, guint32 k, guint32 value)
{
  args[k / 4] |= value << (8 * (k % 4));
}

gboolean
vyre_ring_pack (guint32 args[VYRE_ARGS_PER_SLOT], guint32 *n_args,
    const VyreRingItem *ops, gsize n_ops, GError **error)
{
  guint32 meta_words, offset = 0;
  gsize i;

  /* 2 + 2n bytes of metadata fit 12 words up to n = 23. */
  if (n_ops > (VYRE_ARGS_PER_SLOT * 4 - 2) / 2) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "packed slot: %" G_GSIZE_FORMAT " operations. Fix: pack at most %u.",
        n_ops, (VYRE_ARGS_PER_SLOT * 4 - 2) / 2);
    return FALSE;
  }
  meta_words = (2 + 2 * (guint32) n_ops + 3) / 4;
  if (!check_packed (ops, n_ops, meta_words, error))
    return FALSE;

  memset (args, 0, VYRE_ARGS_PER_SLOT * 4);
  for (i = 0; i < n_ops; i++) {
    put_byte (args, 2 + 2 * (guint32) i, ops[i].opcode);
    put_byte (args, 3 + 2 * (guint32) i, offset);
    if (ops[i].n_args > 0)
      memcpy (args + meta_words + offset, ops[i].args, ops[i].n_args * 4);
    offset += ops[i].n_args;
  }
  put_byte (args, 0, (guint32) n_ops);
  put_byte (args, 1, offset);
  *n_args = meta_words + offset;
  return TRUE;
}

gboolean
vyre_ring_publish_packed (guint32 *ring, gsize n_words, guint32 slot,
    guint32 tenant, const VyreRingItem *ops, gsize n_ops, GError **error)
{
  guint32 args[VYRE_ARGS_PER_SLOT];
  guint32 n_args;

  return vyre_ring_pack (args, &n_args, ops, n_ops, error) &&
         vyre_ring_publish_slot (ring, n_words, slot, tenant,
             VYRE_OP_PACKED_SLOT, args, n_args, error);
}

static gboolean
check_payloads (const VyreRingPayload *payloads, gsize n, GError **error)
{
  gsize i;

  for (i = 0; i < n; i++) {
    if (payloads[i].n_words > VYRE_RING_WINDOW_ARGS) {
      g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
          "window payload %" G_GSIZE_FORMAT ": %u words. Fix: ticket, class "
          "and payload share a slot: pass at most %u words.",
          i, payloads[i].n_words, VYRE_RING_WINDOW_ARGS);
      return FALSE;
    }
  }
  return TRUE;
}

static void
write_payloads (guint32 *words, const VyreRingWindow *window, guint32 class,
    const VyreRingPayload *payloads, gsize n)
{
  guint32 args[VYRE_ARGS_PER_SLOT] = { window->ticket, class };
  gsize i;

  for (i = 0; i < n; i++, words += VYRE_SLOT_WORDS) {
    if (payloads[i].n_words > 0)
      memcpy (args + 2, payloads[i].words, payloads[i].n_words * 4);
    write_slot (
        words, window->tenant, window->opcode, args, 2 + payloads[i].n_words);
  }
}

gboolean
vyre_ring_publish_window (guint32 *ring, gsize n_words, guint32 start,
    const VyreRingWindow *window, guint32 *used, GError **error)
{
  gsize count;

  if (window->n_lookahead > G_MAXUINT32 ||
      window->n_required > G_MAXUINT32 - window->n_lookahead) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_FULL,
        "window: %" G_GSIZE_FORMAT " required and %" G_GSIZE_FORMAT
        " look-ahead slots. Fix: split the window.",
        window->n_required, window->n_lookahead);
    return FALSE;
  }
  count = window->n_required + window->n_lookahead;
  if (count > 0 &&
      (!check_ring (n_words, error) ||
          !check_range (n_words, start, count, error) ||
          !check_opcode (window->opcode, error) ||
          !check_payloads (window->required, window->n_required, error) ||
          !check_payloads (window->lookahead, window->n_lookahead, error) ||
          !check_free (ring, start, count, error)))
    return FALSE;

  if (count > 0) {
    guint32 *words = slot_words (ring, start);

    write_payloads (words, window, VYRE_RING_CLASS_REQUIRED, window->required,
        window->n_required);
    write_payloads (words + window->n_required * VYRE_SLOT_WORDS, window,
        VYRE_RING_CLASS_LOOKAHEAD, window->lookahead, window->n_lookahead);
  }
  if (used != NULL)
    *used = (guint32) count;
  return TRUE;
}

void
vyre_ring_encode_load_miss (
    guint32 resource, gboolean prefetch, guint32 slot[VYRE_SLOT_WORDS])
{
  memset (slot, 0, VYRE_SLOT_BYTES);
  slot[VYRE_W_OPCODE] = VYRE_OP_LOAD_MISS;
  slot[VYRE_W_ARG0] = resource;
  slot[VYRE_W_ARG0 + 1] = prefetch ? 1 : 0;
  slot[VYRE_W_STATUS] = VYRE_ST_PUBLISHED;
}

gboolean
vyre_ring_decode_load_miss (
    const guint32 *slot, gsize n_words, guint32 *resource, gboolean *prefetch)
{
  if (n_words < VYRE_SLOT_WORDS || slot[VYRE_W_OPCODE] != VYRE_OP_LOAD_MISS)
    return FALSE;
  *resource = slot[VYRE_W_ARG0];
  *prefetch = slot[VYRE_W_ARG0 + 1] != 0;
  return TRUE;
}

static gboolean
check_transport (gsize n_words, guint32 slot, gsize n_bytes, GError **error)
{
  if (n_bytes != VYRE_SLOT_BYTES) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "slot %u: %" G_GSIZE_FORMAT " bytes. Fix: pass exactly %u.", slot,
        n_bytes, VYRE_SLOT_BYTES);
    return FALSE;
  }
  if (!check_ring (n_words, error))
    return FALSE;
  if (slot >= n_words / VYRE_SLOT_WORDS) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "slot %u: the ring has %" G_GSIZE_FORMAT ". Fix: use a slot of this "
        "ring.",
        slot, n_words / VYRE_SLOT_WORDS);
    return FALSE;
  }
  return TRUE;
}

gboolean
vyre_ring_write_slot (guint32 *ring, gsize n_words, guint32 slot,
    const void *bytes, gsize n_bytes, GError **error)
{
  guint32 status;

  if (!check_transport (n_words, slot, n_bytes, error))
    return FALSE;

  memcpy (&status, bytes, 4);
  memcpy (slot_words (ring, slot) + 1, (const guint8 *) bytes + 4,
      VYRE_SLOT_BYTES - 4);
  __atomic_store_n (slot_words (ring, slot), status, __ATOMIC_RELEASE);
  return TRUE;
}

gboolean
vyre_ring_read_slot (const guint32 *ring, gsize n_words, guint32 slot,
    void *bytes, gsize n_bytes, GError **error)
{
  if (!check_transport (n_words, slot, n_bytes, error))
    return FALSE;
  memcpy (bytes, ring + (gsize) slot * VYRE_SLOT_WORDS, VYRE_SLOT_BYTES);
  return TRUE;
}
