/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Properties of the decoder and of what follows from a snapshot: any ring, the
 * edges of sums and quotients, and no allocation once there is storage. */
#include <stdlib.h>
#include <string.h>

#include "support.h"
#include "telemetry/evidence.h"
#include "telemetry/priority.h"
#include "telemetry/sketch.h"
#include "telemetry/watchdog.h"

/* Sanitizers have their own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAVE_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define HAVE_SANITIZER 1
#endif
#endif
#if defined(__GLIBC__) && !defined(HAVE_SANITIZER)
#define COUNT_ALLOCATIONS 1
#endif

static guint n_allocations;

#ifdef COUNT_ALLOCATIONS
/* Every allocation of the process, those of libraries included, comes here. */
#define EXPORTED __attribute__ ((visibility ("default")))
extern void *__libc_malloc (size_t size);
extern void *__libc_calloc (size_t n, size_t size);
extern void *__libc_realloc (void *memory, size_t size);

EXPORTED void *
malloc (size_t size)
{
  __atomic_add_fetch (&n_allocations, 1, __ATOMIC_RELAXED);
  return __libc_malloc (size);
}

EXPORTED void *
calloc (size_t n, size_t size)
{
  __atomic_add_fetch (&n_allocations, 1, __ATOMIC_RELAXED);
  return __libc_calloc (n, size);
}

EXPORTED void *
realloc (void *memory, size_t size)
{
  __atomic_add_fetch (&n_allocations, 1, __ATOMIC_RELAXED);
  return __libc_realloc (memory, size);
}
#endif

#define SLOTS 4096

static void
random_control (guint32 control[VYRE_CONTROL_MIN_WORDS])
{
  for (guint i = 0; i < VYRE_CONTROL_MIN_WORDS; i++)
    control[i] = (guint32) g_test_rand_int ();
}

/* Slots of @tickets tickets and @opcodes opcodes from 100 on. */
static void
random_ring (guint32 *ring, guint n_slots, guint tickets, guint opcodes)
{
  for (guint i = 0; i < n_slots; i++) {
    guint32 *slot = ring + i * VYRE_SLOT_WORDS;

    for (guint k = 0; k < VYRE_SLOT_WORDS; k++)
      slot[k] = (guint32) g_test_rand_int ();
    slot[VYRE_W_STATUS] = (guint32) g_test_rand_int_range (0, 10);
    slot[VYRE_W_OPCODE] = 100 + (guint32) g_test_rand_int_range (0, opcodes);
    slot[VYRE_W_ARG0] = (guint32) g_test_rand_int_range (0, tickets);
    slot[VYRE_W_ARG0 + 1] = (guint32) g_test_rand_int_range (0, 3);
  }
}

/* --- windows --------------------------------------------------------------- */

static gboolean
is_listed (const guint32 *opcodes, guint n, guint32 opcode)
{
  for (guint i = 0; i < n; i++)
    if (opcodes[i] == opcode)
      return TRUE;
  return FALSE;
}

/* The row of a slot, found or made. */
static VyreWindowSnapshot *
row_of (GArray *rows, const guint32 *slot)
{
  VyreWindowSnapshot row = { .ticket = slot[VYRE_W_ARG0],
    .tenant = slot[VYRE_W_TENANT],
    .opcode = slot[VYRE_W_OPCODE] };

  for (guint i = 0; i < rows->len; i++) {
    VyreWindowSnapshot *w = &g_array_index (rows, VyreWindowSnapshot, i);

    if (w->ticket == row.ticket && w->opcode == row.opcode)
      return w;
  }
  g_array_append_val (rows, row);
  return &g_array_index (rows, VyreWindowSnapshot, rows->len - 1);
}

static int
compare_rows (const void *a, const void *b)
{
  const VyreWindowSnapshot *x = a, *y = b;

  if (x->ticket != y->ticket)
    return x->ticket < y->ticket ? -1 : 1;
  return (x->opcode > y->opcode) - (x->opcode < y->opcode);
}

/* Section 19.5 in the plainest way. */
static GArray *
plain_windows (const guint32 *ring, guint n_slots, const guint32 *opcodes,
    guint n_opcodes, gboolean count_empty)
{
  GArray *rows = g_array_new (FALSE, FALSE, sizeof (VyreWindowSnapshot));

  for (guint i = 0; i < n_slots; i++) {
    const guint32 *slot = ring + i * VYRE_SLOT_WORDS;
    guint32 status = slot[VYRE_W_STATUS];
    VyreWindowSnapshot *row;

    if (!is_listed (opcodes, n_opcodes, slot[VYRE_W_OPCODE]) ||
        (status == VYRE_ST_EMPTY && !count_empty))
      continue;
    row = row_of (rows, slot);
    row->required_slots += slot[VYRE_W_ARG0 + 1] == 0;
    row->lookahead_slots += slot[VYRE_W_ARG0 + 1] == 1;
    row->published += status == VYRE_ST_PUBLISHED;
    row->claimed += status == VYRE_ST_CLAIMED;
    row->done += status == VYRE_ST_DONE;
    row->wait_io += status == VYRE_ST_WAIT_IO;
    row->yield += status == VYRE_ST_YIELD;
    row->requeue += status == VYRE_ST_REQUEUE;
    row->fault += status == VYRE_ST_FAULT;
  }
  qsort (rows->data, rows->len, sizeof (VyreWindowSnapshot), compare_rows);
  return rows;
}

static void
windows (void)
{
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  guint32 control[VYRE_CONTROL_MIN_WORDS];
  guint32 ring[64 * VYRE_SLOT_WORDS];
  guint32 opcodes[40];

  for (guint round = 0; round < 2000; round++) {
    guint n_slots = (guint) g_test_rand_int_range (0, 65);
    guint n_opcodes = (guint) g_test_rand_int_range (0, 41);
    g_autoptr (GArray) wanted = NULL;
    g_autoptr (GError) error = NULL;

    random_control (control);
    random_ring (ring, n_slots, 1 + round % 20, 1 + round % 50);
    for (guint i = 0; i < n_opcodes; i++)
      opcodes[i] = 100 + (guint32) g_test_rand_int_range (0, 50);
    t.count_empty = g_test_rand_int () % 2;
    vyre_telemetry_decode (&t, control, sizeof control, ring,
        n_slots * VYRE_SLOT_BYTES, opcodes, n_opcodes, &error);
    g_assert_no_error (error);
    wanted = plain_windows (ring, n_slots, opcodes, n_opcodes, t.count_empty);
    g_assert_cmpmem (t.windows, t.n_windows * sizeof *t.windows, wanted->data,
        wanted->len * sizeof *t.windows);
  }
  vyre_telemetry_clear (&t);
}

/* Every opcode value finds itself, also 0 and the largest. */
static void
window_opcodes (void)
{
  static const guint32 edges[] = { 0, 1, 127, 128, 0x7FFFFFFF, 0x80000000,
    0xFFFFFFFE, 0xFFFFFFFF };
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  guint32 control[VYRE_CONTROL_MIN_WORDS] = { 0 };
  guint32 ring[G_N_ELEMENTS (edges) * VYRE_SLOT_WORDS] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (edges); i++) {
    ring[i * VYRE_SLOT_WORDS + VYRE_W_STATUS] = VYRE_ST_DONE;
    ring[i * VYRE_SLOT_WORDS + VYRE_W_OPCODE] = edges[i];
  }
  for (guint mask = 0; mask < 1u << G_N_ELEMENTS (edges); mask++) {
    guint32 opcodes[G_N_ELEMENTS (edges)];
    guint n = 0;

    for (guint i = 0; i < G_N_ELEMENTS (edges); i++)
      if (mask & 1u << i)
        opcodes[n++] = edges[i];
    g_assert_true (vyre_telemetry_decode (
        &t, control, sizeof control, ring, sizeof ring, opcodes, n, NULL));
    g_assert_cmpuint (t.n_windows, ==, n);
    for (guint i = 0; i < n; i++)
      g_assert_cmphex (t.windows[i].opcode, ==, opcodes[i]);
  }
  vyre_telemetry_clear (&t);
}

/* --- storage ----------------------------------------------------------------- */

/* Everything that is done with a sample. */
static void
sample (VyreTelemetry *t, VyreSketchTelemetry *sketches, VyreWatchdog *watchdog,
    const guint32 *control, const guint32 *ring, const guint32 *opcodes,
    guint n_opcodes)
{
  VyreRingCounters counters;
  VyreWatchdogSnapshot snapshot;
  VyreRuntimeEvidence evidence;
  VyreDecodeEvidence decode;
  VyrePriorityAccounting accounting;
  const char *missing[4];

  g_assert_true (vyre_telemetry_decode (t, control, VYRE_CONTROL_MIN_WORDS * 4,
      ring, SLOTS * VYRE_SLOT_BYTES, opcodes, n_opcodes, NULL));
  vyre_ring_counters (&counters, t);
  vyre_watchdog_snapshot (&snapshot, t, 1000);
  vyre_watchdog_feed (watchdog, &snapshot);
  vyre_evidence_init (&evidence);
  vyre_evidence_measure_telemetry (&evidence, t);
  vyre_evidence_measure_copy (&evidence, 1, 2);
  vyre_evidence_missing (&evidence, missing);
  vyre_decode_evidence (&decode, t);
  g_assert_true (vyre_decode_evidence_is_complete (&decode));
  vyre_priority_from_telemetry (&accounting, t);
  vyre_priority_drain_reason (&accounting);
  g_assert_true (vyre_sketch_telemetry_build (sketches, t, 4, 256, NULL));
}

/* Section 19.12. Neither order nor number of the window opcodes, nor that of
 * the windows, makes a difference. */
static void
steady_state (void)
{
  g_autofree guint32 *ring = g_new (guint32, SLOTS * VYRE_SLOT_WORDS);
  guint32 control[VYRE_CONTROL_MIN_WORDS], opcodes[2000];
  VyreTelemetry t = VYRE_TELEMETRY_INIT, first;
  VyreSketchTelemetry sketches = VYRE_SKETCH_TELEMETRY_INIT;
  VyreWatchdog watchdog = { .timeout_ns = 1 };
  guint before;

  random_control (control);
  for (guint i = 0; i < G_N_ELEMENTS (opcodes); i++)
    opcodes[i] = 100 + (i * 7919) % G_N_ELEMENTS (opcodes);
  random_ring (ring, SLOTS, SLOTS, G_N_ELEMENTS (opcodes));
  sample (
      &t, &sketches, &watchdog, control, ring, opcodes, G_N_ELEMENTS (opcodes));
  first = t;
  random_ring (ring, SLOTS, SLOTS, G_N_ELEMENTS (opcodes));

  before = n_allocations;
  for (guint i = 0; i < 10; i++)
    sample (&t, &sketches, &watchdog, control, ring, opcodes,
        G_N_ELEMENTS (opcodes));
#ifdef COUNT_ALLOCATIONS
  g_assert_cmpuint (before, >, 0); /* this counts at all */
#endif
  g_assert_cmpuint (n_allocations, ==, before);
  g_assert_true (t.slots == first.slots && t.windows == first.windows);
  g_assert_true (t.opcode_scratch == first.opcode_scratch);
  g_assert_true (t.key_scratch == first.key_scratch);
  g_assert_true (t.row_scratch == first.row_scratch);
  g_assert_cmpuint (t.slots_capacity, ==, first.slots_capacity);
  g_assert_cmpuint (t.windows_capacity, ==, first.windows_capacity);
  g_assert_cmpuint (t.opcode_capacity, ==, first.opcode_capacity);
  g_assert_cmpuint (t.key_capacity, ==, first.key_capacity);
  vyre_sketch_telemetry_clear (&sketches);
  vyre_telemetry_clear (&t);
}

/* --- sums and quotients -------------------------------------------------------- */

static guint32
edge_value (void)
{
  static const guint32 values[] = { 0, 1, 2, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE,
    0xFFFFFFFF };

  if (g_test_rand_int () % 4 == 0)
    return (guint32) g_test_rand_int ();
  return values[g_test_rand_int_range (0, G_N_ELEMENTS (values))];
}

static guint32
clamp_u32 (guint64 sum)
{
  return (guint32) MIN (sum, G_MAXUINT32);
}

static void
check_counters (const VyreRingOccupancy *o)
{
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  guint64 depth = (guint64) o->published + o->claimed + o->wait_io + o->yield +
                  o->requeue + o->fault + o->unknown;
  guint32 total = clamp_u32 (depth + o->empty + o->done);
  guint32 depth32 = clamp_u32 (depth);
  guint32 filled = total > o->empty ? total - o->empty : 0;
  VyreRingCounters c;

  t.occupancy = *o;
  vyre_ring_counters (&c, &t);
  g_assert_cmpuint (vyre_ring_occupancy_depth (o), ==, depth32);
  g_assert_cmpuint (vyre_ring_occupancy_total (o), ==, total);
  g_assert_cmpuint (c.total_slots, ==, total);
  g_assert_cmpuint (c.queue_depth, ==, depth32);
  g_assert_cmpuint (c.ring_idle_slots, ==, o->empty);
  g_assert_cmpuint (c.unreclaimed_done_slots, ==, o->done);
  if (total == 0) {
    g_assert_cmpuint (c.ring_idle_ppm, ==, 0);
    g_assert_cmpuint (c.frontier_density_bps, ==, 0);
    g_assert_cmpuint (c.occupancy_proxy_bps, ==, 0);
    return;
  }
  /* Rounded down: the quotient times the whole is the last multiple that is
   * not above the part. */
  g_assert_cmpuint (c.ring_idle_ppm, <=, 1000000);
  g_assert_true (
      (guint64) c.ring_idle_ppm * total <= (guint64) o->empty * 1000000);
  g_assert_true (
      (guint64) (c.ring_idle_ppm + 1) * total > (guint64) o->empty * 1000000);
  g_assert_true (
      (guint64) c.frontier_density_bps * total <= (guint64) depth32 * 10000);
  g_assert_true ((guint64) (c.frontier_density_bps + 1) * total >
                 (guint64) depth32 * 10000);
  g_assert_true (
      (guint64) c.occupancy_proxy_bps * total <= (guint64) filled * 10000);
  g_assert_true (
      (guint64) (c.occupancy_proxy_bps + 1) * total > (guint64) filled * 10000);
}

static void
counters (void)
{
  VyreRingOccupancy o;
  guint32 *fields[] = { &o.empty, &o.published, &o.claimed, &o.done, &o.wait_io,
    &o.yield, &o.requeue, &o.fault, &o.unknown };

  for (guint round = 0; round < 20000; round++) {
    for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
      *fields[i] = round % 3 == 0 ? (guint32) g_test_rand_int_range (0, 4)
                                  : edge_value ();
    check_counters (&o);
  }
  memset (&o, 0, sizeof o);
  check_counters (&o);
  for (guint i = 0; i < G_N_ELEMENTS (fields); i++) {
    memset (&o, 0, sizeof o);
    *fields[i] = G_MAXUINT32;
    check_counters (&o);
    *fields[(i + 1) % G_N_ELEMENTS (fields)] = 1; /* one too many */
    check_counters (&o);
  }
}

static void
fairness (void)
{
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  VyreRingCounters c;

  for (guint round = 0; round < 5000; round++) {
    guint64 tenants = 0, levels = 0;
    guint32 least = G_MAXUINT32, most = 0;

    for (guint i = 0; i < VYRE_TENANT_FAIRNESS_SLOTS; i++) {
      guint32 value = round == 0 ? G_MAXUINT32 : edge_value ();

      t.control.tenant_fairness[i] = value;
      tenants += value;
      most = MAX (most, value);
      least = value > 0 ? MIN (least, value) : least;
    }
    for (guint i = 0; i < VYRE_PRI_FAIRNESS_SLOTS; i++)
      levels += t.control.priority_fairness[i] = edge_value ();
    vyre_ring_counters (&c, &t);
    g_assert_cmpuint (c.tenant_fairness_total, ==, tenants);
    g_assert_cmpuint (c.priority_fairness_total, ==, levels);
    g_assert_cmpuint (c.tenant_fairness_skew, ==, most == 0 ? 0 : most - least);
  }
}

__extension__ typedef unsigned __int128 Wide;

static void
avoidance (void)
{
  static const guint64 values[] = { 0, 1, 9999, 10000, 10001, G_MAXUINT32,
    G_MAXUINT64 / 2, G_MAXUINT64 / 2 + 1, G_MAXUINT64 - 1, G_MAXUINT64 };
  VyreRuntimeEvidence e;

  vyre_evidence_init (&e);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    for (guint k = 0; k < G_N_ELEMENTS (values); k++) {
      Wide total = (Wide) values[i] + values[k];
      guint16 bps;

      vyre_evidence_measure_copy (&e, values[i], values[k]);
      bps = vyre_evidence_avoidance_bps (&e);
      /* All of it only if nothing was copied, and 0 of nothing. */
      g_assert_true ((bps == 10000) == (values[i] == 0 && values[k] > 0));
      g_assert_true (bps * total <= (Wide) values[k] * 10000);
      g_assert_true (
          total == 0 || (bps + 1) * total > (Wide) values[k] * 10000);
    }
}

static void
sketch_edges (void)
{
  VyreSketch s = VYRE_SKETCH_INIT;
  guint64 sum = 0;

  /* Never too low, whatever collides; and one bucket holds everything. */
  g_assert_true (vyre_sketch_reset (&s, 3, 7, NULL));
  for (guint32 key = 0; key < 200; key++)
    vyre_sketch_add (&s, key * 2654435761u, key);
  for (guint32 key = 0; key < 200; key++)
    g_assert_cmpuint (vyre_sketch_estimate (&s, key * 2654435761u), >=, key);
  for (guint i = 0; i < 7; i++)
    sum += s.counters[i];
  g_assert_cmpuint (sum, ==, 199 * 200 / 2);

  g_assert_true (vyre_sketch_reset (&s, 1, 1, NULL));
  vyre_sketch_add (&s, 1, G_MAXUINT64);
  vyre_sketch_add (&s, 2, 1);
  g_assert_cmpuint (vyre_sketch_estimate (&s, 3), ==, G_MAXUINT64);
  g_assert_true (vyre_sketch_try_add (&s, 2, 0, NULL));
  g_assert_false (vyre_sketch_try_add (&s, 2, 1, NULL));
  vyre_sketch_clear (&s);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/decode/windows", windows);
  g_test_add_func ("/decode/window-opcodes", window_opcodes);
  g_test_add_func ("/decode/steady-state", steady_state);
  g_test_add_func ("/decode/counters", counters);
  g_test_add_func ("/decode/fairness", fairness);
  g_test_add_func ("/decode/avoidance", avoidance);
  g_test_add_func ("/decode/sketch", sketch_edges);
  return g_test_run ();
}
