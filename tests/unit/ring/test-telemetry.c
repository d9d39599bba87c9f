/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decoders: the vectors of the protocol, and what ours adds. */
#include <string.h>

#include "support.h"
#include "telemetry/evidence.h"
#include "telemetry/sketch.h"

typedef struct
{
  guint32 control[VYRE_CONTROL_MIN_WORDS];
  guint32 ring[8 * VYRE_SLOT_WORDS];
} Snapshot;

static void
set_slot (Snapshot *s, guint slot, guint32 status, guint32 tenant,
    guint32 opcode, guint32 ticket, guint32 class)
{
  guint32 *words = s->ring + slot * VYRE_SLOT_WORDS;

  words[VYRE_W_STATUS] = status;
  words[VYRE_W_TENANT] = tenant;
  words[VYRE_W_OPCODE] = opcode;
  words[VYRE_W_ARG0] = ticket;
  words[VYRE_W_ARG0 + 1] = class;
}

static void
decode (VyreTelemetry *t, const Snapshot *s, guint slots, guint32 opcode)
{
  g_autoptr (GError) error = NULL;

  vyre_telemetry_decode (t, s->control, sizeof s->control, s->ring,
      slots * VYRE_SLOT_BYTES, &opcode, 1, &error);
  g_assert_no_error (error);
}

/* Vector 8. */
static void
occupancy (void)
{
  const VyreRingOccupancy small = { 1, 2, 3, 4, 5, 6, 7, 8, 9 };
  VyreRingOccupancy full;

  g_assert_cmpuint (vyre_ring_occupancy_total (&small), ==, 45);
  g_assert_cmpuint (vyre_ring_occupancy_depth (&small), ==, 40);
  memset (&full, 0xFF, sizeof full);
  g_assert_cmpuint (vyre_ring_occupancy_total (&full), ==, G_MAXUINT32);
  g_assert_cmpuint (vyre_ring_occupancy_depth (&full), ==, G_MAXUINT32);
}

/* Vector 9. */
static void
counters (void)
{
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  VyreRingCounters c;
  Snapshot s = { { 0 } };

  set_slot (&s, 0, VYRE_ST_REQUEUE, 0, 8, 0, 0);
  set_slot (&s, 1, VYRE_ST_DONE, 0, 8, 0, 0);
  set_slot (&s, 2, VYRE_ST_PUBLISHED, 0, 8, 0, 0);
  s.control[1] = 7;
  s.control[64] = 3;
  s.control[65] = 9;
  s.control[136] = 5;
  decode (&t, &s, 4, 8);
  vyre_ring_counters (&c, &t);
  g_assert_cmpuint (c.total_slots, ==, 4);
  g_assert_cmpuint (c.queue_depth, ==, 2);
  g_assert_cmpuint (c.ring_idle_slots, ==, 1);
  g_assert_cmpuint (c.ring_idle_ppm, ==, 250000);
  g_assert_cmpuint (c.frontier_density_bps, ==, 5000);
  g_assert_cmpuint (c.occupancy_proxy_bps, ==, 7500);
  g_assert_cmpuint (c.drained_slots, ==, 7);
  g_assert_cmpuint (c.unreclaimed_done_slots, ==, 1);
  g_assert_cmpuint (c.tenant_fairness_total, ==, 12);
  g_assert_cmpuint (c.tenant_fairness_skew, ==, 6);
  g_assert_cmpuint (c.priority_fairness_total, ==, 5);
  g_assert_cmpuint (c.requeue_slots, ==, 1);
  g_assert_cmpuint (c.fault_slots, ==, 0);
  vyre_telemetry_clear (&t);
}

/* Vector 11. */
static void
evidence (void)
{
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  VyreRuntimeEvidence e;
  Snapshot s = { { 0 } };
  const char *missing[4];

  vyre_evidence_init (&e);
  g_assert_cmpuint (vyre_evidence_avoidance_bps (&e), ==, 0);
  g_assert_cmpuint (vyre_evidence_missing (&e, missing), ==, 4);
  vyre_evidence_measure_copy (&e, 1024, 3072);
  g_assert_cmpuint (vyre_evidence_avoidance_bps (&e), ==, 7500);
  e.coverage |= VYRE_EVIDENCE_RING;
  g_assert_cmpuint (vyre_evidence_missing (&e, missing), ==, 2);
  g_assert_cmpstr (missing[0], ==, "control");
  g_assert_cmpstr (missing[1], ==, "residency");
  g_assert_false (vyre_evidence_is_complete (&e));

  set_slot (&s, 0, VYRE_ST_DONE, 0, 8, 0, 0);
  decode (&t, &s, 1, 8);
  vyre_evidence_measure_telemetry (&e, &t);
  g_assert_cmpuint (e.occupancy.done, ==, 1);
  vyre_evidence_measure_residency (&e, 0);
  g_assert_cmpuint (vyre_evidence_missing (&e, missing), ==, 0);
  g_assert_true (vyre_evidence_is_complete (&e));
  e.schema_version = 2;
  g_assert_false (vyre_evidence_is_complete (&e));
  vyre_telemetry_clear (&t);
}

/* Vector 12: errors leave the output as it was. */
static void
decode_errors (void)
{
  static const struct
  {
    gsize control, ring;
  } cases[] = { { 641, 64 }, { 0, 64 }, { 636, 64 }, { 640, 65 }, { 640, 63 } };
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  g_autoptr (GError) error = NULL;
  VyreTelemetry before;
  VyreControlSnapshot control = { .done_count = 5 };
  Snapshot s = { { 0 } };
  guint i;

  set_slot (&s, 0, VYRE_ST_PUBLISHED, 1, 8, 3, 0);
  decode (&t, &s, 2, 8);
  before = t;
  memset (&s, 0x11, sizeof s);
  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_assert_false (vyre_telemetry_decode (&t, s.control, cases[i].control,
        s.ring, cases[i].ring, NULL, 0, &error));
    assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
    g_assert_cmpmem (&t, sizeof t, &before, sizeof before);
    g_assert_cmpuint (t.slots[0].status, ==, VYRE_ST_PUBLISHED);
    g_assert_cmpuint (t.windows[0].ticket, ==, 3);
  }
  g_assert_false (vyre_control_decode (&control, s.control, 636, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_cmpuint (control.done_count, ==, 5);
  vyre_telemetry_clear (&t);
}

static void
windows (void)
{
  static const guint32 unsorted[] = { 9, 8, 9, 8, 8 };
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  g_autoptr (GError) error = NULL;
  Snapshot s = { { 0 } };

  /* Slot 0 is empty: neither its class nor its tenant counts. */
  set_slot (&s, 0, VYRE_ST_EMPTY, 1, 8, 3, 0);
  set_slot (&s, 1, VYRE_ST_DONE, 2, 8, 3, 1);
  set_slot (&s, 2, VYRE_ST_FAULT, 3, 8, 3, 0);
  set_slot (&s, 3, VYRE_ST_PUBLISHED, 4, 9, 3, 2);
  set_slot (&s, 4, 99, 4, 9, 2, 0);
  set_slot (&s, 5, VYRE_ST_PUBLISHED, 4, 10, 1, 0);
  g_assert_true (vyre_telemetry_decode (&t, s.control, sizeof s.control, s.ring,
      sizeof s.ring, unsorted, G_N_ELEMENTS (unsorted), &error));
  g_assert_cmpuint (t.n_windows, ==, 3);
  g_assert_cmpuint (t.windows[0].ticket, ==, 2);
  g_assert_cmpuint (t.windows[0].opcode, ==, 9);
  g_assert_cmpuint (t.windows[0].required_slots, ==, 1);
  g_assert_false (vyre_window_is_active (&t.windows[0]));
  g_assert_cmpuint (t.windows[1].ticket, ==, 3);
  g_assert_cmpuint (t.windows[1].opcode, ==, 8);
  g_assert_cmpuint (t.windows[1].tenant, ==, 2);
  g_assert_cmpuint (t.windows[1].required_slots, ==, 1);
  g_assert_cmpuint (t.windows[1].lookahead_slots, ==, 1);
  g_assert_cmpuint (t.windows[1].done, ==, 1);
  g_assert_cmpuint (t.windows[1].fault, ==, 1);
  g_assert_cmpuint (t.windows[2].opcode, ==, 9);
  g_assert_cmpuint (t.windows[2].required_slots, ==, 0);
  g_assert_true (vyre_window_is_active (&t.windows[2]));
  g_assert_cmpuint (vyre_telemetry_active_windows (&t), ==, 1);
  g_assert_cmpuint (vyre_telemetry_active_slots (&t, 10), ==, 1);
  g_assert_cmpuint (vyre_telemetry_active_slots (&t, 8), ==, 0);
  vyre_telemetry_clear (&t);

  /* A zeroed ring has no windows, not even of opcode 0. */
  memset (&s, 0, sizeof s);
  decode (&t, &s, 8, 0);
  g_assert_cmpuint (t.n_windows, ==, 0);
  vyre_telemetry_clear (&t);
}

static void
control_snapshot (void)
{
  VyreControlSnapshot c;
  guint32 words[VYRE_CONTROL_MIN_WORDS];
  guint32 i;

  for (i = 0; i < VYRE_CONTROL_MIN_WORDS; i++)
    words[i] = i;
  g_assert_true (vyre_control_decode (&c, words, sizeof words, NULL));
  g_assert_false (c.shutdown);
  g_assert_cmpuint (c.done_count, ==, 1);
  g_assert_cmpuint (c.tenant_mask[0], ==, 3);
  g_assert_cmpuint (c.tenant_mask[28], ==, 31);
  g_assert_cmpuint (c.tenant_quota[0], ==, 32);
  g_assert_cmpuint (c.tenant_quota[31], ==, 63);
  g_assert_cmpuint (c.tenant_fairness[0], ==, 64);
  g_assert_cmpuint (c.n_metrics, ==, 32);
  g_assert_cmpuint (c.metrics[31].count, ==, 127);
  g_assert_cmpuint (c.epoch, ==, 128);
  g_assert_cmpuint (c.starvation, ==, 135);
  g_assert_cmpuint (c.priority_fairness[4], ==, 140);
  g_assert_cmpuint (c.exited, ==, 141);
  g_assert_cmpuint (c.tail, ==, 142);
  g_assert_cmpuint (c.oldest, ==, 143);
  g_assert_cmpuint (c.claimed, ==, 144);
  g_assert_cmpuint (c.yielded, ==, 145);
  g_assert_cmpuint (c.faulted, ==, 147);
  g_assert_cmphex (c.steps, ==, G_GUINT64_CONSTANT (0x9500000094));
  g_assert_cmpuint (c.idle_polls, ==, 150);
}

/* Section 19.12: the same shape again allocates nothing. */
static void
storage_is_reused (void)
{
  static const guint32 unsorted[] = { 9, 8 };
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  VyreDecodeEvidence e;
  VyreTelemetry first;
  Snapshot s = { { 0 } };
  guint i;

  for (i = 0; i < 8; i++)
    set_slot (&s, i, VYRE_ST_PUBLISHED, 1, 8 + i % 2, i, 0);
  vyre_telemetry_decode (&t, s.control, sizeof s.control, s.ring, sizeof s.ring,
      unsorted, 2, NULL);
  vyre_decode_evidence (&e, &t);
  g_assert_true (vyre_decode_evidence_is_complete (&e));
  g_assert_cmpuint (e.decoded_slot_count, ==, 8);
  g_assert_cmpuint (e.decoded_window_count, ==, 8);
  first = t;
  vyre_telemetry_decode (&t, s.control, sizeof s.control, s.ring, sizeof s.ring,
      unsorted, 2, NULL);
  g_assert_true (t.slots == first.slots && t.windows == first.windows);
  g_assert_true (t.opcode_scratch == first.opcode_scratch);
  g_assert_true (t.key_scratch == first.key_scratch);
  g_assert_cmpuint (t.windows_capacity, ==, first.windows_capacity);
  g_assert_cmpuint (t.n_windows, ==, 8);
  /* A smaller ring keeps it too. */
  decode (&t, &s, 2, 8);
  g_assert_true (t.slots == first.slots);
  g_assert_cmpuint (t.n_slots, ==, 2);
  g_assert_cmpuint (t.n_windows, ==, 1);
  e.window_accumulator_scratch_capacity = 0;
  g_assert_false (vyre_decode_evidence_is_complete (&e));
  vyre_telemetry_clear (&t);
}

static void
unwrap (void)
{
  const guint64 high = G_GUINT64_CONSTANT (5) << 32;

  g_assert_cmpuint (vyre_telemetry_unwrap (0, 7), ==, 7);
  g_assert_cmpuint (vyre_telemetry_unwrap (7, 7), ==, 7);
  g_assert_cmpuint (vyre_telemetry_unwrap (0xFFFFFFFF, 1), ==,
      G_GUINT64_CONSTANT (0x100000001));
  g_assert_cmpuint (vyre_telemetry_unwrap (high + 9, 8), ==,
      high + G_GUINT64_CONSTANT (0x100000008));
}

/* Vector 14. */
static void
sketch_vector (void)
{
  static const struct
  {
    guint32 key, columns[4];
  } vectors[] = { { 0, { 47, 52, 15, 44 } }, { 1, { 1, 9, 30, 18 } },
    { 7, { 23, 1, 1, 2 } }, { 0x40000001, { 59, 4, 30, 34 } },
    { 0xFFFFFFFF, { 0, 63, 54, 41 } } };
  VyreSketch a = VYRE_SKETCH_INIT, b = VYRE_SKETCH_INIT;
  g_autoptr (GError) error = NULL;
  guint64 *storage;
  guint i, row;

  g_assert_cmphex (
      vyre_splitmix64 (0), ==, G_GUINT64_CONSTANT (0xE220A8397B1DCDAF));
  for (i = 0; i < G_N_ELEMENTS (vectors); i++) {
    g_assert_true (vyre_sketch_reset (&a, 4, 64, &error));
    vyre_sketch_add (&a, vectors[i].key, 3);
    for (row = 0; row < 4; row++)
      g_assert_cmpuint (a.counters[row * 64 + vectors[i].columns[row]], ==, 3);
    g_assert_cmpuint (vyre_sketch_estimate (&a, vectors[i].key), ==, 3);
  }

  storage = a.counters;
  g_assert_true (vyre_sketch_reset (&a, 4, 64, &error));
  g_assert_true (a.counters == storage);
  vyre_sketch_add (&a, 1, G_MAXUINT64 - 1);
  g_assert_true (vyre_sketch_try_add (&a, 1, 1, &error));
  g_assert_true (vyre_sketch_try_add (&a, 1, 0, &error));
  g_assert_false (vyre_sketch_try_add (&a, 1, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  vyre_sketch_add (&a, 1, 9);
  g_assert_cmpuint (vyre_sketch_estimate (&a, 1), ==, G_MAXUINT64);

  g_assert_true (vyre_sketch_reset (&b, 4, 64, &error));
  vyre_sketch_add (&b, 7, 2);
  g_assert_true (vyre_sketch_merge (&b, &b, &error));
  g_assert_cmpuint (vyre_sketch_estimate (&b, 7), ==, 4);
  g_assert_true (vyre_sketch_merge (&a, &b, &error));
  g_assert_cmpuint (vyre_sketch_estimate (&a, 7), ==, 4);
  vyre_sketch_add (&b, 1, 1);
  g_assert_false (vyre_sketch_merge (&a, &b, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_cmpuint (vyre_sketch_estimate (&a, 7), ==, 4);
  g_assert_true (vyre_sketch_reset (&b, 2, 128, &error));
  g_assert_false (vyre_sketch_merge (&a, &b, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (vyre_sketch_reset (&a, G_MAXUINT32, G_MAXUINT32, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_cmpuint (vyre_sketch_estimate (&a, 7), ==, 4);
  vyre_sketch_clear (&a);
  vyre_sketch_clear (&b);
  g_assert_cmpuint (vyre_sketch_estimate (&a, 7), ==, 0);
}

/* Vector 17. */
static void
ingest_vector (void)
{
  VyreIngestCounters c = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_cmpuint (
      vyre_ingest_validate (&c, VYRE_INGEST_MAPPED, &error), ==, 8);
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_true (vyre_ingest_submit (&c, VYRE_INGEST_MAPPED, 4096, &error));
  g_assert_cmpuint (
      vyre_ingest_validate (&c, VYRE_INGEST_MAPPED, &error), ==, 3);
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_true (vyre_ingest_complete (&c, 4096, &error));
  g_assert_cmpuint (
      vyre_ingest_validate (&c, VYRE_INGEST_MAPPED, &error), ==, 0);
  g_assert_no_error (error);
  g_assert_cmpuint (
      vyre_ingest_validate (&c, VYRE_INGEST_DIRECT, &error), ==, 6);
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  c.direct_submissions = 1;
  g_assert_cmpuint (vyre_ingest_validate (&c, VYRE_INGEST_MAPPED, NULL), ==, 7);
  c.direct_submissions = 0;
  c.completed_bytes--;
  g_assert_cmpuint (vyre_ingest_validate (&c, VYRE_INGEST_MAPPED, NULL), ==, 4);
  c.bounced_bytes = 1;
  g_assert_cmpuint (vyre_ingest_validate (&c, VYRE_INGEST_MAPPED, NULL), ==, 1);

  c = (VyreIngestCounters){ 0 };
  g_assert_true (vyre_ingest_submit (&c, VYRE_INGEST_DIRECT, 1, &error));
  g_assert_true (vyre_ingest_fail (&c, &error));
  g_assert_cmpuint (vyre_ingest_inflight (&c), ==, 0);
  g_assert_cmpuint (vyre_ingest_validate (&c, VYRE_INGEST_DIRECT, NULL), ==, 2);

  c = (VyreIngestCounters){ .submitted_bytes = G_MAXUINT64 };
  g_assert_false (vyre_ingest_submit (&c, VYRE_INGEST_MAPPED, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_cmpuint (c.submitted_reads, ==, 0);
  c.completed_reads = c.failed_reads = G_MAXUINT64;
  g_assert_false (vyre_ingest_complete (&c, 0, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (vyre_ingest_fail (&c, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/telemetry/occupancy", occupancy);
  g_test_add_func ("/telemetry/counters", counters);
  g_test_add_func ("/telemetry/evidence", evidence);
  g_test_add_func ("/telemetry/decode-errors", decode_errors);
  g_test_add_func ("/telemetry/windows", windows);
  g_test_add_func ("/telemetry/control", control_snapshot);
  g_test_add_func ("/telemetry/storage", storage_is_reused);
  g_test_add_func ("/telemetry/unwrap", unwrap);
  g_test_add_func ("/telemetry/sketch", sketch_vector);
  g_test_add_func ("/telemetry/ingest", ingest_vector);
  return g_test_run ();
}
