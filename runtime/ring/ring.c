/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lengths, encoders, opcode ranges, the status machine. */
#include "ring.h"

#include <string.h>

G_DEFINE_QUARK (vyre_ring_error, vyre_ring_error)

/* --- lengths and encoders ------------------------------------------------- */

gboolean
vyre_ring_control_bytes (guint32 observables, guint64 *bytes)
{
  if (observables > VYRE_MAX_OBSERVABLES)
    return FALSE;
  *bytes = ((guint64) VYRE_CONTROL_MIN_WORDS + observables) * 4;
  return TRUE;
}

gboolean
vyre_ring_slot_bytes (guint32 slots, guint64 *bytes)
{
  if (slots > VYRE_MAX_RING_SLOTS)
    return FALSE;
  *bytes = (guint64) slots * VYRE_SLOT_BYTES;
  return TRUE;
}

gboolean
vyre_ring_debug_log_bytes (guint32 records, guint64 *bytes)
{
  if (records > VYRE_MAX_DEBUG_RECORDS)
    return FALSE;
  *bytes =
      ((guint64) VYRE_D_RECORDS + (guint64) records * VYRE_D_RECORD_WORDS) * 4;
  return TRUE;
}

/* @count against the encoders' cap, then the caller's array against @words. */
static gboolean
check_encode (const char *what, guint32 count, guint32 cap, guint64 words,
    gsize n_words, GError **error)
{
  if (count > cap) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "%s: %u, above the limit of %u. Fix: ask for fewer, or split the work "
        "over several rings.",
        what, count, cap);
    return FALSE;
  }
  if (n_words != words) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "%s: %u need %" G_GUINT64_FORMAT
        " words, the array has %" G_GSIZE_FORMAT
        ". Fix: size the array with the length function.",
        what, count, words, n_words);
    return FALSE;
  }
  return TRUE;
}

gboolean
vyre_ring_encode_control (guint32 *words, gsize n_words, gboolean shutdown,
    guint32 tenants, guint32 observables, GError **error)
{
  guint32 i;

  if (!check_encode ("observable words of a control block", observables,
          VYRE_MAX_ENCODED_OBSERVABLES,
          (guint64) VYRE_CONTROL_MIN_WORDS + observables, n_words, error))
    return FALSE;

  memset (words, 0, n_words * 4);
  words[VYRE_C_SHUTDOWN] = shutdown ? 1 : 0;
  words[VYRE_C_TENANT_BASE] = VYRE_C_TENANT_MASK;
  for (i = 0; i < MIN (tenants, VYRE_TENANT_MASK_SLOTS); i++)
    words[VYRE_C_TENANT_MASK + i] = G_MAXUINT32;
  for (i = 0; i < MIN (tenants, VYRE_TENANT_QUOTA_SLOTS); i++)
    words[VYRE_C_TENANT_QUOTA + i] = VYRE_TENANT_INITIAL_QUOTA;
  return TRUE;
}

gboolean
vyre_ring_encode_empty (
    guint32 *words, gsize n_words, guint32 slots, GError **error)
{
  if (!check_encode ("slots of a ring", slots, VYRE_MAX_ENCODED_RING_SLOTS,
          (guint64) slots * VYRE_SLOT_WORDS, n_words, error))
    return FALSE;
  if (n_words > 0)
    memset (words, 0, n_words * 4);
  return TRUE;
}

gboolean
vyre_ring_encode_debug_log (
    guint32 *words, gsize n_words, guint32 records, GError **error)
{
  if (!check_encode ("records of a debug log", records,
          VYRE_MAX_ENCODED_DEBUG_RECORDS,
          VYRE_D_RECORDS + (guint64) records * VYRE_D_RECORD_WORDS, n_words,
          error))
    return FALSE;
  memset (words, 0, n_words * 4);
  return TRUE;
}

void
vyre_ring_priority_offsets (
    guint32 slots, guint32 offsets[VYRE_PRI_OFFSET_SLOTS])
{
  guint32 base = slots / VYRE_PRI_LEVELS;
  guint32 first = 0;
  guint level;

  /* What does not divide goes to NORMAL, where the publishers put work. */
  for (level = 0; level < VYRE_PRI_LEVELS; level++) {
    offsets[level] = first;
    first += base;
    if (level == VYRE_PRI_NORMAL)
      first += slots % VYRE_PRI_LEVELS;
  }
  offsets[VYRE_PRI_LEVELS] = slots;
}

gboolean
vyre_ring_write_priority_offsets (
    guint32 *control, gsize n_words, guint32 slots, GError **error)
{
  if (n_words < VYRE_C_PRI_OFFSETS + VYRE_PRI_OFFSET_SLOTS) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "priority offsets: control block of %" G_GSIZE_FORMAT
        " words, %u needed. Fix: pass a block from the control encoder.",
        n_words, VYRE_C_PRI_OFFSETS + VYRE_PRI_OFFSET_SLOTS);
    return FALSE;
  }
  vyre_ring_priority_offsets (slots, control + VYRE_C_PRI_OFFSETS);
  return TRUE;
}

/* --- opcodes --------------------------------------------------------------- */

gboolean
vyre_ring_opcode_is_builtin (guint32 opcode)
{
  return opcode <= VYRE_OP_BATCH_FENCE || opcode == VYRE_OP_PACKED_SLOT ||
         opcode == VYRE_OP_PRINTF || opcode == VYRE_OP_SHUTDOWN;
}

gboolean
vyre_ring_opcode_is_system (guint32 opcode)
{
  return (opcode & VYRE_OP_SYSTEM_MASK) != 0 ||
         (opcode >= VYRE_OP_RESERVED_FIRST &&
             opcode <= VYRE_OP_RESERVED_LAST) ||
         opcode <= VYRE_OP_BATCH_FENCE;
}

gboolean
vyre_ring_opcode_is_publishable (guint32 opcode)
{
  return vyre_ring_opcode_is_builtin (opcode) ||
         !vyre_ring_opcode_is_system (opcode);
}

/* --- status machine --------------------------------------------------------- */

const char *
vyre_ring_status_name (guint32 status)
{
  static const char *const names[] = { "empty", "published", "claimed", "done",
    "wait-io", "yield", "requeue", "fault" };

  return status < G_N_ELEMENTS (names) ? names[status] : "unknown";
}

#define BIT(status) (1u << (status))
#define ACTIVE_MASK \
  (BIT (VYRE_ST_PUBLISHED) | BIT (VYRE_ST_CLAIMED) | BIT (VYRE_ST_WAIT_IO) | \
      BIT (VYRE_ST_YIELD) | BIT (VYRE_ST_REQUEUE))

gboolean
vyre_ring_status_is_active (guint32 status)
{
  return status <= VYRE_ST_FAULT && (BIT (status) & ACTIVE_MASK) != 0;
}

static const struct
{
  const char *name;
  guint32 from; /* set of BIT (status) */
  guint32 to;
  const char *needs;
} transitions[] = {
  [VYRE_RING_PUBLISH] = { "publish", 0, VYRE_ST_PUBLISHED, "" },
  [VYRE_RING_CLAIM] = { "claim",
      BIT (VYRE_ST_PUBLISHED) | BIT (VYRE_ST_YIELD) | BIT (VYRE_ST_REQUEUE),
      VYRE_ST_CLAIMED, "published, yield or requeue" },
  [VYRE_RING_FINISH] = { "finish", BIT (VYRE_ST_CLAIMED), VYRE_ST_DONE,
      "claimed" },
  [VYRE_RING_FAIL] = { "fail", ACTIVE_MASK, VYRE_ST_FAULT,
      "published, claimed, wait-io, yield or requeue" },
  [VYRE_RING_CANCEL] = { "cancel", ACTIVE_MASK & ~BIT (VYRE_ST_CLAIMED),
      VYRE_ST_EMPTY, "published, wait-io, yield or requeue" },
  [VYRE_RING_RESET] = { "reset", BIT (VYRE_ST_FAULT), VYRE_ST_EMPTY, "fault" },
};

gboolean
vyre_ring_transition (guint32 *ring, gsize n_words, guint32 slot,
    VyreRingTransition transition, guint32 *previous, GError **error)
{
  guint32 *word;
  guint32 status;

  if ((guint) transition >= G_N_ELEMENTS (transitions) ||
      transition == VYRE_RING_PUBLISH) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "transition %d of slot %u: not a status change by itself. Fix: publish "
        "with a publish function, which writes the payload first.",
        (int) transition, slot);
    return FALSE;
  }
  if (n_words % VYRE_SLOT_WORDS != 0) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "ring: %" G_GSIZE_FORMAT " words, no whole number of %u-word slots. "
        "Fix: pass a ring from the ring encoder.",
        n_words, VYRE_SLOT_WORDS);
    return FALSE;
  }
  if (slot >= n_words / VYRE_SLOT_WORDS) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "slot %u: the ring has %" G_GSIZE_FORMAT
        ". Fix: use a slot of this ring, or make the ring larger.",
        slot, n_words / VYRE_SLOT_WORDS);
    return FALSE;
  }
  word = ring + (gsize) slot * VYRE_SLOT_WORDS + VYRE_W_STATUS;
  status = __atomic_load_n (word, __ATOMIC_ACQUIRE);
  if (status > VYRE_ST_FAULT ||
      (transitions[transition].from & BIT (status)) == 0) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_BUSY,
        "slot %u: cannot %s it while its status is %u (%s). Fix: wait until it "
        "is %s.",
        slot, transitions[transition].name, status,
        vyre_ring_status_name (status), transitions[transition].needs);
    return FALSE;
  }

  __atomic_store_n (word, transitions[transition].to, __ATOMIC_RELEASE);
  if (previous != NULL)
    *previous = status;
  return TRUE;
}
