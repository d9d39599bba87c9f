/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handing small items over to the device and back: how long one takes, and how
 * many a second. */

#include "baseline-items.h"
#include "programs.h"
#include "work.h"

#define MAX_ITEMS 256 /* four batches of 64 */
#define MIN_SAMPLES 5
#define PIPELINED 16
#define DEPTH 4 /* batches in flight */

enum
{
  MEDIAN,
  P99,
  RATE,
};

static const BenchMetric metrics[] = {
  { "median", "us", FALSE },
  { "p99", "us", FALSE },
  { "items", "/s", TRUE },
};

typedef struct
{
  Bench *bench;
  BenchWork *work;
  Baseline *baseline;
  VyreArenaKind kind;
  gsize bytes;
  guint8 *fresh; /* what a rewritten input is copied from */
  BenchTable *table;
} Handover;

static void
add_latencies (BenchRow *row, GArray *latencies, double seconds)
{
  bench_row_add (row, RATE, latencies->len / seconds);
  bench_row_add (row, P99, bench_quantile (latencies, 0.99));
  bench_row_add (row, MEDIAN, bench_quantile (latencies, 0.5));
}

static gboolean
baseline_single (const Handover *h, BaselineItems *jobs, gboolean spin,
    gboolean rewrite, gint64 duration_us, BenchRow *row, GError **error)
{
  g_autoptr (GArray) latencies = g_array_new (FALSE, FALSE, sizeof (double));
  guint64 start = bench_now (), now = start;

  for (guint i = 0;
       i < MIN_SAMPLES || now - start < (guint64) duration_us * 1000; i++) {
    guint64 before = now;
    guint at = i % MAX_ITEMS;
    if (rewrite)
      memcpy (jobs->in->map + at * h->bytes, h->fresh, h->bytes);
    if (!baseline_job_submit (jobs->jobs[at], error) ||
        !baseline_job_wait (jobs->jobs[at], spin, error))
      return FALSE;
    now = bench_now ();
    double us = (now - before) / 1e3;
    g_array_append_val (latencies, us);
  }
  if (row != NULL)
    add_latencies (row, latencies, (now - start) / 1e9);
  return TRUE;
}

static gboolean
vyre_single (const Handover *h, BenchItems *items, gboolean rewrite,
    gint64 duration_us, BenchRow *row, GError **error)
{
  g_autoptr (GArray) latencies = g_array_new (FALSE, FALSE, sizeof (double));
  guint64 start = bench_now (), now = start;

  for (guint i = 0;
       i < MIN_SAMPLES || now - start < (guint64) duration_us * 1000; i++) {
    guint64 before = now;
    guint at = i % items->n;
    if (rewrite) {
      memcpy (items->in[at]->data, h->fresh, h->bytes);
      vyre_block_note_write (items->in[at]);
    }
    if (!bench_publish (h->work, &items->windows[at], 1, error) ||
        !bench_wait (&items->windows[at], 1, error))
      return FALSE;
    now = bench_now ();
    double us = (now - before) / 1e3;
    g_array_append_val (latencies, us);
  }
  if (row != NULL)
    add_latencies (row, latencies, (now - start) / 1e9);
  return TRUE;
}

/* --- a table -- */

typedef struct
{
  VyreEngine engine;
  guint batch; /* published at once */
  guint depth; /* batches in flight; 0: there and back, one by one */
  gboolean rewrite;
  BenchRow *row;
} VyreCase;

static const VyreCase vyre_cases[] = {
  { VYRE_ENGINE_INTERP, 1, 0, FALSE, NULL },
  { VYRE_ENGINE_INTERP, 1, 0, TRUE, NULL },
  { VYRE_ENGINE_INTERP, 1, 64, FALSE, NULL },
  { VYRE_ENGINE_INTERP, 16, DEPTH, FALSE, NULL },
  { VYRE_ENGINE_INTERP, 64, DEPTH, FALSE, NULL },
  { VYRE_ENGINE_JIT, 1, 0, FALSE, NULL },
  { VYRE_ENGINE_JIT, 1, 0, TRUE, NULL },
  { VYRE_ENGINE_JIT, 1, 64, FALSE, NULL },
  { VYRE_ENGINE_JIT, 16, DEPTH, FALSE, NULL },
  { VYRE_ENGINE_JIT, 64, DEPTH, FALSE, NULL },
};

static guint
depth_of (const BenchItems *items, const VyreCase *c)
{
  return CLAMP (items->n / c->batch, 1, c->depth);
}

static gboolean
run_vyre_case (
    const Handover *h, const VyreCase *c, BenchItems *items, GError **error)
{
  gint64 duration = h->bench->sample_us;
  double rate;

  /* The first ones start kernels. */
  if (!vyre_single (h, items, FALSE, duration / 8, NULL, error))
    return FALSE;
  if (c->depth == 0)
    return vyre_single (h, items, c->rewrite, duration, c->row, error);
  if (!bench_items_stream (h->work, items, c->batch, depth_of (items, c),
          duration, &rate, error))
    return FALSE;
  bench_row_add (c->row, RATE, rate);
  return TRUE;
}

static gboolean
run_baseline_stream (const Handover *h, BaselineItems *jobs, guint batch,
    guint depth, BenchRow *row, GError **error)
{
  double rate;

  if (!baseline_items_stream (
          jobs, batch, depth, h->bench->sample_us, &rate, error))
    return FALSE;
  bench_row_add (row, RATE, rate);
  return TRUE;
}

static const char *const baseline_names[] = {
  "submit each, vkWaitForFences",
  "submit each, spin on the fence",
  "  the same, input rewritten",
  "16 submits in flight, a fence each",
  "16 items a submit, 4 in flight",
  "64 items a submit, 4 in flight",
};

/* rows: as baseline_names. */
static gboolean
run_baseline (
    const Handover *h, BaselineItems *jobs, BenchRow **rows, GError **error)
{
  gint64 duration = h->bench->sample_us;

  bench_settle ();
  return baseline_single (h, jobs, FALSE, FALSE, duration / 8, NULL, error) &&
         baseline_single (h, jobs, FALSE, FALSE, duration, rows[0], error) &&
         baseline_single (h, jobs, TRUE, FALSE, duration, rows[1], error) &&
         baseline_single (h, jobs, TRUE, TRUE, duration, rows[2], error) &&
         run_baseline_stream (h, jobs, 1, PIPELINED, rows[3], error) &&
         run_baseline_stream (h, jobs, 16, DEPTH, rows[4], error) &&
         run_baseline_stream (h, jobs, 64, DEPTH, rows[5], error);
}

/* items: of the case's engine; %NULL: there are none, and why. */
static void
add_vyre_row (
    const Handover *h, VyreCase *c, const BenchItems *items, const char *why)
{
  const char *engine =
      c->engine == VYRE_ENGINE_JIT ? "compiled" : "interpreted";

  if (c->batch == 64 && h->bench->on_cpu && h->bench->quick)
    return; /* seconds, there */
  if (c->depth == 0)
    c->row = bench_table_row (h->table, BENCH_MEASURED, "%s, one by one%s",
        engine, c->rewrite ? ", input rewritten" : "");
  else
    c->row = bench_table_row (h->table, BENCH_MEASURED,
        "%s, %u at once, %u in flight", engine, c->batch,
        items != NULL ? depth_of (items, c) : c->depth);
  if (items == NULL)
    bench_row_skip (c->row, why);
}

static gboolean
run_all (const Handover *h, BaselineItems *jobs, BenchRow **rows,
    BenchItems *interp, BenchItems *jit, VyreCase *cases, GError **error)
{
  for (guint run = 0; run < h->bench->runs; run++) {
    if (!run_baseline (h, jobs, rows, error))
      return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS (vyre_cases); i++) {
      BenchItems *items = cases[i].engine == VYRE_ENGINE_JIT ? jit : interp;
      if (i > 0 && cases[i].engine != cases[i - 1].engine)
        bench_settle ();
      if (items != NULL && cases[i].row != NULL &&
          !run_vyre_case (h, &cases[i], items, error))
        return FALSE;
    }
  }
  return bench_items_verify (h->work, interp, "interpreted", error) &&
         (jit == NULL ||
             bench_items_verify (h->work, jit, "compiled", error)) &&
         bench_verify (&bench_programs[0], 0, jobs->in->map, jobs->out->map,
             h->bytes, "handover baseline", error);
}

static gboolean
fill_table (const Handover *h, GError **error)
{
  g_autoptr (BaselineItems) jobs = baseline_items_new (
      h->baseline, h->kind == VYRE_ARENA_HOST, h->bytes, MAX_ITEMS, error);
  g_autoptr (BenchItems) interp = NULL, jit = NULL;
  g_autoptr (GError) no_jit = NULL;
  VyreCase cases[G_N_ELEMENTS (vyre_cases)];
  BenchRow *rows[G_N_ELEMENTS (baseline_names)];
  guint most = h->bench->on_cpu && h->bench->quick ? 64 : MAX_ITEMS;

  if (jobs == NULL)
    return FALSE;
  interp = bench_items_new (
      h->work, VYRE_ENGINE_INTERP, h->kind, h->bytes, 64, most, error);
  if (interp == NULL)
    return FALSE;
  jit = bench_items_new (
      h->work, VYRE_ENGINE_JIT, h->kind, h->bytes, 64, most, &no_jit);
  if (jit == NULL && !bench_is_refusal (no_jit))
    goto failed;

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++)
    rows[i] =
        bench_table_row (h->table, BENCH_BASELINE, "%s", baseline_names[i]);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    cases[i] = vyre_cases[i];
    if (cases[i].engine == VYRE_ENGINE_JIT)
      add_vyre_row (h, &cases[i], jit, no_jit != NULL ? no_jit->message : NULL);
    else
      add_vyre_row (h, &cases[i], interp, NULL);
  }
  return run_all (h, jobs, rows, interp, jit, cases, error);

failed:
  g_propagate_error (error, g_steal_pointer (&no_jit));
  return FALSE;
}

static gboolean
measure (Bench *bench, BenchWork *work, Baseline *baseline, VyreArenaKind kind,
    gsize bytes, GError **error)
{
  g_autofree guint8 *fresh = g_malloc (bytes);
  Handover h = { bench, work, baseline, kind, bytes, fresh, NULL };

  bench_fill (fresh, bytes);
  h.table = bench_table_new ("handover", metrics, G_N_ELEMENTS (metrics),
      "items of %" G_GSIZE_FORMAT " KiB in %s memory, %s kernel", bytes / 1024,
      kind == VYRE_ARENA_DEVICE ? "device" : "imported host",
      bench_residency_name (work->residency));
  if (!fill_table (&h, error)) {
    bench_table_free (h.table);
    return FALSE;
  }
  bench_table_finish (bench, h.table);
  return TRUE;
}

static gboolean
measure_residency (Bench *bench, VyreResidency residency, GError **error)
{
  static const gsize sizes[] = { 4096, 65536 };
  g_autoptr (Baseline) baseline = NULL;
  g_autoptr (BenchWork) work = bench_work_open (bench, residency, error);

  if (work == NULL)
    return FALSE;
  baseline = baseline_open (bench->uuid, error);
  if (baseline == NULL)
    return FALSE;
  for (guint i = 0; i < (bench->quick ? 1 : G_N_ELEMENTS (sizes)); i++) {
    if (!measure (bench, work, baseline, VYRE_ARENA_HOST, sizes[i], error))
      return FALSE;
    if (vyre_runtime_get_device_arena (work->runtime) == NULL)
      g_print ("handover: device memory not measured: this device has no "
               "device arena\n");
    else if (!measure (
                 bench, work, baseline, VYRE_ARENA_DEVICE, sizes[i], error))
      return FALSE;
  }
  return TRUE;
}

gboolean
bench_handover (Bench *bench, GError **error)
{
  static const VyreResidency modes[] = { VYRE_RESIDENCY_RESIDENT,
    VYRE_RESIDENCY_SLICED };

  for (guint i = 0; i < G_N_ELEMENTS (modes); i++) {
    g_autoptr (GError) refused = NULL;
    if (measure_residency (bench, modes[i], &refused))
      continue;
    if (!bench_is_refusal (refused)) {
      g_propagate_error (error, g_steal_pointer (&refused));
      return FALSE;
    }
    g_print ("handover: %s kernel not measured: %s\n",
        bench_residency_name (modes[i]), refused->message);
  }
  return TRUE;
}
