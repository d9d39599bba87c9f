/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "telemetry.h"

#include "../clock.h"
#include "../ring/bytes.h"

#include <stddef.h>
#include <string.h>

static guint32
saturating_add (guint32 a, guint32 b)
{
  return b > G_MAXUINT32 - a ? G_MAXUINT32 : a + b;
}

guint32
vyre_ring_occupancy_depth (const VyreRingOccupancy *o)
{
  guint32 sum = o->published;

  sum = saturating_add (sum, o->claimed);
  sum = saturating_add (sum, o->wait_io);
  sum = saturating_add (sum, o->yield);
  sum = saturating_add (sum, o->requeue);
  sum = saturating_add (sum, o->fault);
  return saturating_add (sum, o->unknown);
}

guint32
vyre_ring_occupancy_total (const VyreRingOccupancy *o)
{
  return saturating_add (
      saturating_add (o->empty, o->done), vyre_ring_occupancy_depth (o));
}

gboolean
vyre_window_is_active (const VyreWindowSnapshot *window)
{
  return (window->published | window->claimed | window->wait_io |
             window->yield | window->requeue) != 0;
}

/* --- control ---------------------------------------------------------------- */

static gboolean
check_control (gsize n_bytes, GError **error)
{
  if (n_bytes < VYRE_CONTROL_MIN_WORDS * 4 || n_bytes % 4 != 0) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "control snapshot: %" G_GSIZE_FORMAT " bytes, at least %u and whole "
        "words needed. Fix: capture the full control block.",
        n_bytes, VYRE_CONTROL_MIN_WORDS * 4);
    return FALSE;
  }
  return TRUE;
}

static void
copy_words (guint32 *to, const guint8 *control, guint first, guint n)
{
  guint i;

  for (i = 0; i < n; i++)
    to[i] = vyre_get_word (control, first + i);
}

static void
decode_control (VyreControlSnapshot *out, const guint8 *control)
{
  guint32 i;

  out->shutdown = vyre_get_word (control, VYRE_C_SHUTDOWN) != 0;
  out->done_count = vyre_get_word (control, VYRE_C_DONE_COUNT);
  out->epoch = vyre_get_word (control, VYRE_C_EPOCH);
  out->n_metrics = 0;
  for (i = 0; i < VYRE_METRICS_SLOTS; i++) {
    guint32 count = vyre_get_word (control, VYRE_C_METRICS + i);

    if (count > 0)
      out->metrics[out->n_metrics++] = (VyreRingMetric){ i, count };
  }
  copy_words (
      out->tenant_mask, control, VYRE_C_TENANT_MASK, VYRE_TENANT_MASK_SLOTS);
  copy_words (
      out->tenant_quota, control, VYRE_C_TENANT_QUOTA, VYRE_TENANT_QUOTA_SLOTS);
  copy_words (out->tenant_fairness, control, VYRE_C_TENANT_FAIRNESS,
      VYRE_TENANT_FAIRNESS_SLOTS);
  copy_words (out->priority_fairness, control, VYRE_C_PRI_FAIRNESS,
      VYRE_PRI_FAIRNESS_SLOTS);
  out->starvation = vyre_get_word (control, VYRE_C_STARVATION);
  out->exited = vyre_get_word (control, VYRE_C_EXITED);
  out->tail = vyre_get_word (control, VYRE_C_TAIL);
  out->oldest = vyre_get_word (control, VYRE_C_OLDEST);
  out->claimed = vyre_get_word (control, VYRE_C_CLAIMED);
  out->yielded = vyre_get_word (control, VYRE_C_YIELDED);
  out->faulted = vyre_get_word (control, VYRE_C_FAULTED);
  out->idle_polls = vyre_get_word (control, VYRE_C_IDLE_POLLS);
  out->steps = (guint64) vyre_get_word (control, VYRE_C_STEPS_HI) << 32 |
               vyre_get_word (control, VYRE_C_STEPS_LO);
}

gboolean
vyre_control_decode (VyreControlSnapshot *snapshot, const void *control,
    gsize n_bytes, GError **error)
{
  if (!check_control (n_bytes, error))
    return FALSE;
  decode_control (snapshot, control);
  return TRUE;
}

/* --- ring -------------------------------------------------------------------- */

/* What vyre_ring_status_is_active() says; calling it for each slot would be a
 * third of the work. */
#define ACTIVE \
  (1u << VYRE_ST_PUBLISHED | 1u << VYRE_ST_CLAIMED | 1u << VYRE_ST_WAIT_IO | \
      1u << VYRE_ST_YIELD | 1u << VYRE_ST_REQUEUE)

/* Every status that the protocol does not know. */
#define UNKNOWN (VYRE_ST_FAULT + 1)

typedef struct
{
  const guint32 *opcodes; /* strictly ascending */
  gsize n;
  guint32 last; /* asked about, and the answer */
  gboolean has_last;
} OpcodeSet;

/* Neighbours mostly have the same opcode. */
static inline gboolean
set_has (OpcodeSet *set, guint32 opcode)
{
  const guint32 *base = set->opcodes;
  gsize n = set->n;

  if (opcode == set->last)
    return set->has_last;
  while (n > 1) {
    gsize half = n / 2;

    base = base[half] <= opcode ? base + half : base;
    n -= half;
  }
  set->last = opcode;
  set->has_last = n > 0 && *base == opcode;
  return set->has_last;
}

/* The table of masks that TENANT_BASE points to, as the kernel reads it: 29
 * words in the protocol's place, more behind the observables. What lies beyond
 * table or control block is no mask. */
typedef struct
{
  const guint8 *control;
  guint32 base, n;
  guint32 last; /* asked about, and the answer */
  gboolean may_execute;
} MaskTable;

static void
mask_table_init (MaskTable *table, const guint8 *control, gsize control_bytes)
{
  gsize n_words = control_bytes / 4;

  table->control = control;
  table->base = vyre_get_word (control, VYRE_C_TENANT_BASE);
  table->n =
      table->base == VYRE_C_TENANT_MASK ? VYRE_TENANT_MASK_SLOTS : VYRE_TENANTS;
  if (table->base >= n_words)
    table->n = 0;
  else if (table->n > n_words - table->base)
    table->n = (guint32) (n_words - table->base);
  table->last = G_MAXUINT32;
  table->may_execute = FALSE;
}

static inline gboolean
tenant_may_execute (MaskTable *table, guint32 tenant)
{
  if (tenant == table->last)
    return table->may_execute;
  table->last = tenant;
  table->may_execute = tenant < table->n && (vyre_get_word (table->control,
                                                 (gsize) table->base + tenant) &
                                                VYRE_TENANT_MAY_EXECUTE) != 0;
  return table->may_execute;
}

/* Where a window counts a status; EMPTY and unknown ones add nothing to it. */
static const guint8 status_fields[] = {
  [VYRE_ST_EMPTY] = offsetof (VyreWindowSnapshot, published),
  [VYRE_ST_PUBLISHED] = offsetof (VyreWindowSnapshot, published),
  [VYRE_ST_CLAIMED] = offsetof (VyreWindowSnapshot, claimed),
  [VYRE_ST_DONE] = offsetof (VyreWindowSnapshot, done),
  [VYRE_ST_WAIT_IO] = offsetof (VyreWindowSnapshot, wait_io),
  [VYRE_ST_YIELD] = offsetof (VyreWindowSnapshot, yield),
  [VYRE_ST_REQUEUE] = offsetof (VyreWindowSnapshot, requeue),
  [VYRE_ST_FAULT] = offsetof (VyreWindowSnapshot, fault),
  [UNKNOWN] = offsetof (VyreWindowSnapshot, published),
};

static inline void
count_in_window (VyreWindowSnapshot *window, const VyreSlotSnapshot *slot)
{
  guint8 *fields = (guint8 *) window;
  guint32 kind = MIN (slot->status, UNKNOWN);

  window->required_slots += slot->args_prefix[1] == VYRE_RING_CLASS_REQUIRED;
  window->lookahead_slots += slot->args_prefix[1] == VYRE_RING_CLASS_LOOKAHEAD;
  *(guint32 *) (fields + status_fields[kind]) +=
      kind != VYRE_ST_EMPTY && kind != UNKNOWN;
}

/* What the project's kernels count in the slot of a tile. */
static inline guint32
progress_of (guint32 opcode, const guint8 *words)
{
  return opcode >= VYRE_TENANT_OP_BASE && opcode < VYRE_OP_SYSTEM_MASK &&
                 opcode % VYRE_TENANT_OP_WINDOW == VYRE_TENANT_OP_RUN_TILE
             ? vyre_get_word (words, VYRE_A_PROGRESS)
             : 0;
}

/*
 * One pass over the ring: slots, occupancy, and, in the row scratch, a window
 * for each run of slots that share one, with its key. A window's slots mostly
 * stand together. Returns the number of runs.
 */
static gsize
decode_slots (VyreTelemetry *t, MaskTable *masks, const guint8 *ring,
    gsize n_slots, const guint32 *opcodes, gsize n_opcodes)
{
  OpcodeSet set = { opcodes, n_opcodes, 0, FALSE };
  guint32 counts[UNKNOWN + 1] = { 0 };
  guint32 runnable = 0, masked = 0, progress = 0;
  guint64 order = 0;
  gsize n_rows = 0;
  gsize i;

  if (n_opcodes > 0)
    set.has_last = opcodes[0] == 0;
  for (i = 0; i < n_slots; i++) {
    const guint8 *words = ring + i * VYRE_SLOT_BYTES;
    VyreSlotSnapshot *slot = &t->slots[i];

    slot->slot_idx = (guint32) i;
    slot->status = vyre_get_word (words, VYRE_W_STATUS);
    slot->tenant = vyre_get_word (words, VYRE_W_TENANT);
    slot->opcode = vyre_get_word (words, VYRE_W_OPCODE);
    slot->args_prefix[0] = vyre_get_word (words, VYRE_W_ARG0);
    slot->args_prefix[1] = vyre_get_word (words, VYRE_W_ARG0 + 1);
    slot->args_prefix[2] = vyre_get_word (words, VYRE_W_ARG0 + 2);
    slot->progress = progress_of (slot->opcode, words);
    counts[MIN (slot->status, UNKNOWN)]++;
    if (slot->status <= VYRE_ST_FAULT && (1u << slot->status & ACTIVE) != 0) {
      progress += slot->progress;
      /* A CLAIMED one has been taken already. */
      if (slot->status == VYRE_ST_CLAIMED ||
          tenant_may_execute (masks, slot->tenant))
        runnable++;
      else
        masked++;
    }
    if (n_opcodes == 0 || (slot->status == VYRE_ST_EMPTY && !t->count_empty) ||
        !set_has (&set, slot->opcode))
      continue;

    if (n_rows == 0 ||
        order != ((guint64) slot->args_prefix[0] << 32 | slot->opcode)) {
      order = (guint64) slot->args_prefix[0] << 32 | slot->opcode;
      t->key_scratch[n_rows] = (VyreWindowKey){ order, (guint32) n_rows };
      t->row_scratch[n_rows++] =
          (VyreWindowSnapshot){ .ticket = slot->args_prefix[0],
            .tenant = slot->tenant,
            .opcode = slot->opcode };
    }
    count_in_window (&t->row_scratch[n_rows - 1], slot);
  }
  t->n_slots = n_slots;
  t->runnable_slots = runnable;
  t->masked_slots = masked;
  t->progress = progress;
  t->occupancy = (VyreRingOccupancy){ .empty = counts[VYRE_ST_EMPTY],
    .published = counts[VYRE_ST_PUBLISHED],
    .claimed = counts[VYRE_ST_CLAIMED],
    .done = counts[VYRE_ST_DONE],
    .wait_io = counts[VYRE_ST_WAIT_IO],
    .yield = counts[VYRE_ST_YIELD],
    .requeue = counts[VYRE_ST_REQUEUE],
    .fault = counts[VYRE_ST_FAULT],
    .unknown = counts[UNKNOWN] };
  return n_rows;
}

/* Into @to by one byte of the order; equal ones keep their places. */
static void
sort_by_byte (
    VyreWindowKey *to, const VyreWindowKey *keys, gsize n, guint shift)
{
  gsize starts[256] = { 0 };
  gsize sum = 0;
  gsize i;

  for (i = 0; i < n; i++)
    starts[keys[i].order >> shift & 255]++;
  for (i = 0; i < 256; i++) {
    gsize count = starts[i];

    starts[i] = sum;
    sum += count;
  }
  for (i = 0; i < n; i++)
    to[starts[keys[i].order >> shift & 255]++] = keys[i];
}

/* Stable, between the halves of the scratch; returns the half that holds the
 * result. By the bytes that differ, few as a rule: qsort() allocates. */
static const VyreWindowKey *
sort_keys (VyreWindowKey *keys, VyreWindowKey *spare, gsize n)
{
  gboolean in_order = TRUE;
  guint64 differing = 0;
  guint shift;
  gsize i;

  for (i = 1; i < n; i++) {
    in_order &= keys[i - 1].order <= keys[i].order;
    differing |= keys[i].order ^ keys[0].order;
  }
  for (shift = 0; shift < 64 && !in_order; shift += 8) {
    VyreWindowKey *sorted = spare;

    if ((differing >> shift & 255) == 0)
      continue;
    sort_by_byte (sorted, keys, n, shift);
    spare = keys;
    keys = sorted;
  }
  return keys;
}

static void
add_row (VyreWindowSnapshot *window, const VyreWindowSnapshot *row)
{
  window->required_slots += row->required_slots;
  window->lookahead_slots += row->lookahead_slots;
  window->published += row->published;
  window->claimed += row->claimed;
  window->done += row->done;
  window->wait_io += row->wait_io;
  window->yield += row->yield;
  window->requeue += row->requeue;
  window->fault += row->fault;
}

/* Sorting the runs by window puts those of each beside each other, in slot
 * order, with no table to grow. */
static void
decode_windows (VyreTelemetry *t, gsize n_rows)
{
  const VyreWindowKey *keys;
  gsize i;

  t->n_windows = 0;
  if (n_rows == 0)
    return;
  keys = sort_keys (t->key_scratch, t->key_scratch + t->n_slots, n_rows);
  for (i = 0; i < n_rows; i++) {
    const VyreWindowSnapshot *row = &t->row_scratch[keys[i].row];

    if (i > 0 && keys[i - 1].order == keys[i].order)
      add_row (&t->windows[t->n_windows - 1], row);
    else
      t->windows[t->n_windows++] = *row;
  }
}

/* --- both -------------------------------------------------------------------- */

void
vyre_telemetry_clear (VyreTelemetry *t)
{
  g_free (t->slots);
  g_free (t->windows);
  g_free (t->opcode_scratch);
  g_free (t->key_scratch);
  g_free (t->row_scratch);
  memset (t, 0, sizeof *t);
}

#define RESERVE(array, capacity, n) \
  G_STMT_START \
  { \
    if ((n) > (capacity)) { \
      (array) = g_renew (__typeof__ (*(array)), (array), (n)); \
      (capacity) = (n); \
    } \
  } \
  G_STMT_END

/* @opcodes strictly ascending: as given if they are, else a sorted copy. */
static const guint32 *
ascending (VyreTelemetry *t, const guint32 *opcodes, gsize *n)
{
  const VyreWindowKey *keys;
  gsize i, kept;

  for (i = 1; i < *n && opcodes[i - 1] < opcodes[i]; i++)
    ;
  if (i >= *n)
    return opcodes;

  RESERVE (t->opcode_scratch, t->opcode_capacity, *n);
  RESERVE (t->key_scratch, t->key_capacity, 2 * *n);
  for (i = 0; i < *n; i++)
    t->key_scratch[i] = (VyreWindowKey){ opcodes[i], 0 };
  keys = sort_keys (t->key_scratch, t->key_scratch + *n, *n);
  for (i = kept = 0; i < *n; i++) {
    if (i == 0 || keys[i].order != keys[i - 1].order)
      t->opcode_scratch[kept++] = (guint32) keys[i].order;
  }
  *n = kept;
  return t->opcode_scratch;
}

gboolean
vyre_telemetry_decode (VyreTelemetry *t, const void *control,
    gsize control_bytes, const void *ring, gsize ring_bytes,
    const guint32 *window_opcodes, gsize n_window_opcodes, GError **error)
{
  gsize n_slots = ring_bytes / VYRE_SLOT_BYTES;
  MaskTable masks;
  gsize n_rows;
  guint64 start, middle;

  if (!check_control (control_bytes, error))
    return FALSE;
  if (ring_bytes % VYRE_SLOT_BYTES != 0 || n_slots > G_MAXUINT32) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "ring snapshot: %" G_GSIZE_FORMAT " bytes, whole slots of %u bytes "
        "needed. Fix: capture whole ring slots.",
        ring_bytes, VYRE_SLOT_BYTES);
    return FALSE;
  }

  start = vyre_now_ns ();
  decode_control (&t->control, control);
  middle = vyre_now_ns ();
  RESERVE (t->slots, t->slots_capacity, n_slots);
  if (n_window_opcodes > 0) {
    RESERVE (t->windows, t->windows_capacity, n_slots);
    RESERVE (t->row_scratch, t->row_capacity, n_slots);
    RESERVE (t->key_scratch, t->key_capacity, 2 * n_slots);
    window_opcodes = ascending (t, window_opcodes, &n_window_opcodes);
  }
  mask_table_init (&masks, control, control_bytes);
  n_rows =
      decode_slots (t, &masks, ring, n_slots, window_opcodes, n_window_opcodes);
  decode_windows (t, n_rows);
  t->control_decode_ns = middle - start;
  t->ring_decode_ns = vyre_now_ns () - middle;
  return TRUE;
}

gsize
vyre_telemetry_active_slots (const VyreTelemetry *t, guint32 opcode)
{
  gsize count = 0;
  gsize i;

  for (i = 0; i < t->n_slots; i++) {
    if (t->slots[i].opcode == opcode &&
        vyre_ring_status_is_active (t->slots[i].status))
      count++;
  }
  return count;
}

gsize
vyre_telemetry_active_windows (const VyreTelemetry *t)
{
  gsize count = 0;
  gsize i;

  for (i = 0; i < t->n_windows; i++)
    count += vyre_window_is_active (&t->windows[i]) ? 1 : 0;
  return count;
}

guint64
vyre_telemetry_unwrap (guint64 previous, guint32 raw)
{
  return previous + (guint32) (raw - (guint32) previous);
}
