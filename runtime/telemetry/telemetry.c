/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "telemetry.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static guint32
word_at (const guint8 *bytes, gsize index)
{
  guint32 word;

  memcpy (&word, bytes + index * 4, 4);
  return GUINT32_FROM_LE (word);
}

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
    to[i] = word_at (control, first + i);
}

static void
decode_control (VyreControlSnapshot *out, const guint8 *control)
{
  guint32 i;

  out->shutdown = word_at (control, VYRE_C_SHUTDOWN) != 0;
  out->done_count = word_at (control, VYRE_C_DONE_COUNT);
  out->epoch = word_at (control, VYRE_C_EPOCH);
  out->n_metrics = 0;
  for (i = 0; i < VYRE_METRICS_SLOTS; i++) {
    guint32 count = word_at (control, VYRE_C_METRICS + i);

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
  out->starvation = word_at (control, VYRE_C_STARVATION);
  out->exited = word_at (control, VYRE_C_EXITED);
  out->tail = word_at (control, VYRE_C_TAIL);
  out->oldest = word_at (control, VYRE_C_OLDEST);
  out->claimed = word_at (control, VYRE_C_CLAIMED);
  out->yielded = word_at (control, VYRE_C_YIELDED);
  out->faulted = word_at (control, VYRE_C_FAULTED);
  out->idle_polls = word_at (control, VYRE_C_IDLE_POLLS);
  out->steps = (guint64) word_at (control, VYRE_C_STEPS_HI) << 32 |
               word_at (control, VYRE_C_STEPS_LO);
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

static guint32 *
occupancy_of (VyreRingOccupancy *o, guint32 status)
{
  guint32 *const counters[] = { &o->empty, &o->published, &o->claimed, &o->done,
    &o->wait_io, &o->yield, &o->requeue, &o->fault };

  return status < G_N_ELEMENTS (counters) ? counters[status] : &o->unknown;
}

static void
decode_slots (VyreTelemetry *t, const guint8 *ring, gsize n_slots)
{
  gsize i;

  memset (&t->occupancy, 0, sizeof t->occupancy);
  for (i = 0; i < n_slots; i++) {
    const guint8 *words = ring + i * VYRE_SLOT_BYTES;
    VyreSlotSnapshot *slot = &t->slots[i];

    slot->slot = (guint32) i;
    slot->status = word_at (words, VYRE_W_STATUS);
    slot->tenant = word_at (words, VYRE_W_TENANT);
    slot->opcode = word_at (words, VYRE_W_OPCODE);
    copy_words (slot->args, words, VYRE_W_ARG0, G_N_ELEMENTS (slot->args));
    (*occupancy_of (&t->occupancy, slot->status))++;
  }
  t->n_slots = n_slots;
}

static int
compare_u32 (const void *a, const void *b)
{
  guint32 x = *(const guint32 *) a;
  guint32 y = *(const guint32 *) b;

  return (x > y) - (x < y);
}

static int
compare_keys (const void *a, const void *b)
{
  const VyreWindowKey *x = a;
  const VyreWindowKey *y = b;

  if (x->ticket != y->ticket)
    return x->ticket < y->ticket ? -1 : 1;
  if (x->opcode != y->opcode)
    return x->opcode < y->opcode ? -1 : 1;
  return (x->slot > y->slot) - (x->slot < y->slot);
}

static void
count_in_window (VyreWindowSnapshot *window, const VyreSlotSnapshot *slot)
{
  if (slot->args[1] == VYRE_RING_CLASS_REQUIRED)
    window->required++;
  else if (slot->args[1] == VYRE_RING_CLASS_LOOKAHEAD)
    window->lookahead++;

  switch (slot->status) {
    case VYRE_ST_PUBLISHED:
      window->published++;
      break;
    case VYRE_ST_CLAIMED:
      window->claimed++;
      break;
    case VYRE_ST_DONE:
      window->done++;
      break;
    case VYRE_ST_WAIT_IO:
      window->wait_io++;
      break;
    case VYRE_ST_YIELD:
      window->yield++;
      break;
    case VYRE_ST_REQUEUE:
      window->requeue++;
      break;
    case VYRE_ST_FAULT:
      window->fault++;
      break;
    default:
      break;
  }
}

/* Sorting the slots by window makes each window a run of them, in slot order,
 * with no table to grow. */
static void
decode_windows (VyreTelemetry *t, const guint32 *opcodes, gsize n_opcodes)
{
  gsize n_keys = 0;
  gsize i;

  t->n_windows = 0;
  if (n_opcodes == 0)
    return;
  for (i = 0; i < t->n_slots; i++) {
    const VyreSlotSnapshot *slot = &t->slots[i];

    if (slot->status != VYRE_ST_EMPTY &&
        bsearch (&slot->opcode, opcodes, n_opcodes, sizeof *opcodes,
            compare_u32) != NULL)
      t->key_scratch[n_keys++] =
          (VyreWindowKey){ slot->args[0], slot->opcode, slot->slot };
  }
  if (n_keys > 1)
    qsort (t->key_scratch, n_keys, sizeof *t->key_scratch, compare_keys);

  for (i = 0; i < n_keys; i++) {
    const VyreWindowKey *key = &t->key_scratch[i];
    const VyreSlotSnapshot *slot = &t->slots[key->slot];

    if (i == 0 || key[-1].ticket != key->ticket ||
        key[-1].opcode != key->opcode)
      t->windows[t->n_windows++] = (VyreWindowSnapshot){
        .ticket = key->ticket, .tenant = slot->tenant, .opcode = key->opcode
      };
    count_in_window (&t->windows[t->n_windows - 1], slot);
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
  gsize i, kept;

  for (i = 1; i < *n && opcodes[i - 1] < opcodes[i]; i++)
    ;
  if (i >= *n)
    return opcodes;

  RESERVE (t->opcode_scratch, t->opcode_capacity, *n);
  memcpy (t->opcode_scratch, opcodes, *n * sizeof *opcodes);
  qsort (t->opcode_scratch, *n, sizeof *opcodes, compare_u32);
  for (i = kept = 1; i < *n; i++) {
    if (t->opcode_scratch[i] != t->opcode_scratch[kept - 1])
      t->opcode_scratch[kept++] = t->opcode_scratch[i];
  }
  *n = kept;
  return t->opcode_scratch;
}

/* A control block decodes in less than a microsecond. */
static guint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (guint64) now.tv_sec * 1000000000 + now.tv_nsec;
}

gboolean
vyre_telemetry_decode (VyreTelemetry *t, const void *control,
    gsize control_bytes, const void *ring, gsize ring_bytes,
    const guint32 *window_opcodes, gsize n_window_opcodes, GError **error)
{
  gsize n_slots = ring_bytes / VYRE_SLOT_BYTES;
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

  start = now_ns ();
  decode_control (&t->control, control);
  middle = now_ns ();
  RESERVE (t->slots, t->slots_capacity, n_slots);
  decode_slots (t, ring, n_slots);
  if (n_window_opcodes > 0) {
    RESERVE (t->windows, t->windows_capacity, n_slots);
    RESERVE (t->key_scratch, t->key_capacity, n_slots);
    window_opcodes = ascending (t, window_opcodes, &n_window_opcodes);
  }
  decode_windows (t, window_opcodes, n_window_opcodes);
  t->control_decode_ns = middle - start;
  t->ring_decode_ns = now_ns () - middle;
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

/* --- counters ----------------------------------------------------------------- */

static guint16
basis_points (guint32 part, guint32 whole)
{
  if (whole == 0)
    return 0;
  return (guint16) MIN ((guint64) part * 10000 / whole, G_MAXUINT16);
}

static guint64
sum_words (const guint32 *words, guint n)
{
  guint64 sum = 0;
  guint i;

  for (i = 0; i < n; i++)
    sum += words[i];
  return sum;
}

static guint32
fairness_skew (const guint32 *words, guint n)
{
  guint32 least = G_MAXUINT32;
  guint32 most = 0;
  guint i;

  for (i = 0; i < n; i++) {
    if (words[i] == 0)
      continue;
    least = MIN (least, words[i]);
    most = MAX (most, words[i]);
  }
  return most == 0 ? 0 : most - least;
}

static guint32
idle_ppm (const VyreRingOccupancy *occupancy)
{
  guint32 total = vyre_ring_occupancy_total (occupancy);

  if (total == 0)
    return 0;
  return (guint32) MIN ((guint64) occupancy->empty * 1000000 / total, 1000000);
}

void
vyre_ring_counters (VyreRingCounters *out, const VyreTelemetry *t)
{
  const VyreRingOccupancy *o = &t->occupancy;
  guint32 total = vyre_ring_occupancy_total (o);

  out->total_slots = total;
  out->queue_depth = vyre_ring_occupancy_depth (o);
  out->ring_idle_slots = o->empty;
  out->ring_idle_ppm = idle_ppm (o);
  out->frontier_density_bps = basis_points (out->queue_depth, total);
  out->occupancy_bps = basis_points (total - MIN (o->empty, total), total);
  out->drained_slots = t->control.done_count;
  out->unreclaimed_done_slots = o->done;
  out->tenant_fairness_total =
      sum_words (t->control.tenant_fairness, VYRE_TENANT_FAIRNESS_SLOTS);
  out->priority_fairness_total =
      sum_words (t->control.priority_fairness, VYRE_PRI_FAIRNESS_SLOTS);
  out->tenant_fairness_skew =
      fairness_skew (t->control.tenant_fairness, VYRE_TENANT_FAIRNESS_SLOTS);
  out->requeue_slots = o->requeue;
  out->fault_slots = o->fault;
}

/* --- watchdog ------------------------------------------------------------------ */

/* The kernel takes none of these slots, so that they wait is no stall. A
 * CLAIMED one has been taken already. */
static gboolean
waits_for_masked_tenant (
    const VyreControlSnapshot *control, const VyreSlotSnapshot *slot)
{
  return slot->status != VYRE_ST_CLAIMED &&
         (slot->tenant >= VYRE_TENANT_MASK_SLOTS ||
             (control->tenant_mask[slot->tenant] & VYRE_TENANT_MAY_EXECUTE) ==
                 0);
}

static void
count_waiting (const VyreTelemetry *t, guint32 *runnable, guint32 *masked)
{
  gsize i;

  *runnable = *masked = 0;
  for (i = 0; i < t->n_slots; i++) {
    const VyreSlotSnapshot *slot = &t->slots[i];

    if (!vyre_ring_status_is_active (slot->status))
      continue;
    if (waits_for_masked_tenant (&t->control, slot))
      (*masked)++;
    else
      (*runnable)++;
  }
}

void
vyre_watchdog_check (VyreWatchdogReport *report, const VyreTelemetry *previous,
    const VyreTelemetry *current, guint64 elapsed_ns, guint64 minimum_ns)
{
  const VyreRingOccupancy *o = &current->occupancy;
  guint32 runnable_before, masked_before;

  memset (report, 0, sizeof *report);
  report->queue_depth = vyre_ring_occupancy_depth (o);
  report->fault_slots = o->fault;
  report->requeue_slots = o->requeue;
  report->ring_idle_ppm = idle_ppm (o);
  report->done_delta =
      current->control.done_count - previous->control.done_count;
  report->suspected_stall =
      report->queue_depth > 0 && report->done_delta == 0 && o->fault == 0;

  /* Work that has come just now is no stall, so there must have been some
   * before: with no progress it is still there. */
  count_waiting (previous, &runnable_before, &masked_before);
  count_waiting (current, &report->runnable_slots, &report->masked_slots);
  report->progressed = report->done_delta != 0 ||
                       current->control.claimed != previous->control.claimed ||
                       current->control.yielded != previous->control.yielded ||
                       current->control.steps != previous->control.steps;
  report->measured = elapsed_ns >= minimum_ns;
  report->stalled = report->measured && runnable_before > 0 &&
                    report->runnable_slots > 0 && !report->progressed;
  report->faulted = o->fault > 0;
}

gboolean
vyre_watchdog_done_delta (const VyreTelemetry *previous,
    const VyreTelemetry *current, guint32 *delta, GError **error)
{
  guint32 before = previous->control.done_count;
  guint32 after = current->control.done_count;

  if (after < before) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "done count: went from %u back to %u. Fix: start a new epoch of "
        "telemetry after a reset.",
        before, after);
    return FALSE;
  }
  *delta = after - before;
  return TRUE;
}

/* --- priority accounting --------------------------------------------------------- */

void
vyre_priority_from_telemetry (
    VyrePriorityAccounting *accounting, const VyreTelemetry *telemetry)
{
  *accounting =
      (VyrePriorityAccounting){ .requeue_count = telemetry->occupancy.requeue };
}

void
vyre_priority_record_requeue (VyrePriorityAccounting *accounting)
{
  if (accounting->requeue_count < G_MAXUINT64)
    accounting->requeue_count++;
}

void
vyre_priority_record_promotion (VyrePriorityAccounting *accounting, guint64 age)
{
  if (accounting->aged_promotions < G_MAXUINT64)
    accounting->aged_promotions++;
  accounting->max_priority_age = MAX (accounting->max_priority_age, age);
}

const char *
vyre_priority_drain_reason (const VyrePriorityAccounting *a)
{
  const guint64 near_limit = G_MAXUINT64 - 1024;

  if (a->requeue_count == G_MAXUINT64)
    return "requeue_counter_exhausted";
  if (a->aged_promotions == G_MAXUINT64)
    return "aged_promotion_counter_exhausted";
  if (a->requeue_count >= near_limit)
    return "requeue_counter_near_limit";
  if (a->aged_promotions >= near_limit)
    return "aged_promotion_counter_near_limit";
  if ((a->requeue_count | a->aged_promotions | a->max_priority_age) != 0)
    return "pending_telemetry";
  return "none";
}
