/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The readers of ring and control block: any bytes, of any length. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "ring/ioqueue.h"
#include "ring/words.h"
#include "telemetry/evidence.h"
#include "telemetry/priority.h"
#include "telemetry/sketch.h"
#include "telemetry/watchdog.h"

/* Exactly as long as it is used, so that reading beyond the end is seen. */
static guint8 *
take (const guint8 **data, gsize *size, gsize length)
{
  guint8 *part;

  length = MIN (length, *size);
  part = g_malloc (MAX (length, 1));
  memcpy (part, *data, length);
  *data += length;
  *size -= length;
  return part;
}

static void
check_telemetry (VyreTelemetry *telemetry, const guint8 *control,
    gsize control_size, const guint8 *ring, gsize ring_size)
{
  const guint32 opcodes[] = { 0, 1, 7, 0x40100000u, 1 };
  g_autoptr (GError) error = NULL;
  VyreSketchTelemetry sketches = VYRE_SKETCH_TELEMETRY_INIT;
  VyreRingCounters counters;
  VyreWatchdogSnapshot before = { 0 }, now;
  VyreWatchdogReport report;
  VyreWatchdog watchdog = { .timeout_ns = 10 };
  VyrePriorityAccounting accounting = { 0 };
  VyreRuntimeEvidence evidence;
  VyreDecodeEvidence decode;
  guint32 delta;
  gboolean ok = vyre_telemetry_decode (telemetry, control, control_size, ring,
      ring_size, opcodes, G_N_ELEMENTS (opcodes), &error);

  FUZZ_ASSERT (ok == (error == NULL));
  if (!ok)
    return;
  FUZZ_ASSERT (
      telemetry->n_slots == vyre_ring_occupancy_total (&telemetry->occupancy));
  FUZZ_ASSERT (telemetry->n_windows <= telemetry->n_slots);
  vyre_ring_counters (&counters, telemetry);
  FUZZ_ASSERT (counters.queue_depth <= counters.total_slots);
  FUZZ_ASSERT (counters.occupancy_proxy_bps <= 10000);
  FUZZ_ASSERT (counters.ring_idle_ppm <= 1000000);
  vyre_watchdog_snapshot (&now, telemetry, 1000);
  FUZZ_ASSERT (now.runnable_slots + now.masked_slots <= now.queue_depth);
  vyre_watchdog_check (&report, &before, &now, 10);
  vyre_watchdog_check (&report, &now, &now, 0);
  FUZZ_ASSERT (!report.progressed && report.measured);
  FUZZ_ASSERT (report.stalled == (now.runnable_slots > 0));
  vyre_watchdog_done_delta (&now, &before, &delta, NULL);
  FUZZ_ASSERT (vyre_watchdog_feed (&watchdog, &now) == VYRE_WATCHDOG_QUIET);
  FUZZ_ASSERT (
      vyre_watchdog_look (&watchdog, telemetry, 1000) == VYRE_WATCHDOG_QUIET);
  vyre_watchdog_look (&watchdog, telemetry, 1010);
  FUZZ_ASSERT (watchdog.report.stuck_slots == telemetry->occupancy.claimed);
  vyre_watchdog_clear (&watchdog);
  vyre_priority_from_telemetry (&accounting, telemetry);
  FUZZ_ASSERT (vyre_priority_drain_reason (&accounting) != NULL);
  vyre_evidence_init (&evidence);
  vyre_evidence_measure_telemetry (&evidence, telemetry);
  FUZZ_ASSERT (!vyre_evidence_is_complete (&evidence));
  vyre_decode_evidence (&decode, telemetry);
  FUZZ_ASSERT (
      vyre_sketch_telemetry_build (&sketches, telemetry, 3, 16, &error));
  for (gsize i = 0; i < telemetry->n_slots; i++)
    FUZZ_ASSERT (vyre_sketch_estimate (
                     &sketches.ring_opcode, telemetry->slots[i].opcode) > 0);
  vyre_sketch_telemetry_clear (&sketches);
}

static void
check_readers (const guint8 *control, gsize control_size, const guint8 *ring,
    gsize ring_size)
{
  g_autoptr (GArray) records =
      g_array_new (FALSE, FALSE, sizeof (VyreRingDebugRecord));
  VyreRingMetric metrics[VYRE_METRICS_SLOTS];
  guint n_metrics = 0;
  guint32 value;

  vyre_ring_read_done_count (control, control_size, &value, NULL);
  vyre_ring_read_epoch (control, control_size, &value, NULL);
  for (guint32 i = 1; i != 0; i *= 2)
    vyre_ring_read_observable (control, control_size, i - 1, &value, NULL);
  if (vyre_ring_read_metrics (control, control_size, metrics, &n_metrics, NULL))
    FUZZ_ASSERT (n_metrics <= VYRE_METRICS_SLOTS);
  for (guint32 i = 1; i != 0; i *= 2)
    if (vyre_ring_count_done (ring, ring_size, i, &value, NULL))
      FUZZ_ASSERT (value <= i);
  vyre_ring_read_debug_log (ring, ring_size, records, &value, NULL);
  FUZZ_ASSERT (records->len <= ring_size / 4);
}

static void
check_io (const guint8 *ring, gsize ring_size)
{
  gsize n_words = ring_size / 4;
  g_autofree guint32 *words = g_new (guint32, n_words + 1);
  VyreRingIoRequest requests[VYRE_IO_SLOTS];
  guint n = 0;
  gboolean ok, prefetch;
  guint32 resource;

  memcpy (words, ring, n_words * 4);
  vyre_ring_decode_load_miss (words, n_words, &resource, &prefetch);
  if (vyre_ring_io_poll (words, n_words, requests, &n, NULL))
    FUZZ_ASSERT (n <= VYRE_IO_SLOTS);
  if (vyre_ring_io_claim (words, n_words, requests, &n, NULL))
    FUZZ_ASSERT (n <= VYRE_IO_SLOTS);
  for (guint32 i = 0; i < 8; i++) {
    vyre_ring_io_completion (words, n_words, i, &ok, requests);
    vyre_ring_io_recycle (words, n_words, i, NULL);
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  static VyreTelemetry telemetry = VYRE_TELEMETRY_INIT; /* reused */
  g_autofree guint8 *control = NULL, *ring = NULL;
  gsize control_size, ring_size;

  if (size < 2)
    return 0;
  control_size = MIN ((gsize) data[0] * 8, size - 2);
  data += 2;
  size -= 2;
  control = take (&data, &size, control_size);
  ring_size = size;
  ring = take (&data, &size, ring_size);
  check_telemetry (&telemetry, control, control_size, ring, ring_size);
  check_readers (control, control_size, ring, ring_size);
  check_io (ring, ring_size);
  return 0;
}
