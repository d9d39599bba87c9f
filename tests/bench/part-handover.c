/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Handing small items over to the device and back: how long one takes, and how
 * many a second. */

#include "programs.h"
#include "work.h"

#define MAX_ITEMS 256 /* four batches of 64 */
#define MIN_SAMPLES 5
#define PIPELINED 16

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

/* --- the baseline ---------------------------------------------------------- */

typedef struct
{
  BaselineBuffer *in, *out;
  BaselinePipeline *pipeline;
  BaselineJob *jobs[MAX_ITEMS];
} Jobs;

static void
jobs_free (Jobs *jobs)
{
  for (guint i = 0; i < MAX_ITEMS; i++)
    g_clear_pointer (&jobs->jobs[i], baseline_job_free);
  g_clear_pointer (&jobs->pipeline, baseline_pipeline_free);
  g_clear_pointer (&jobs->in, baseline_buffer_free);
  g_clear_pointer (&jobs->out, baseline_buffer_free);
  g_free (jobs);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Jobs, jobs_free)

static BaselineBuffer *
make_buffer (const Handover *h, GError **error)
{
  gsize size = h->bytes * MAX_ITEMS;

  return h->kind == VYRE_ARENA_DEVICE
             ? baseline_buffer_new (h->baseline, size, BASELINE_DEVICE, error)
             : baseline_buffer_new_imported (h->baseline, size, error);
}

static Jobs *
jobs_new (const Handover *h, GError **error)
{
  g_autoptr (Jobs) jobs = g_new0 (Jobs, 1);

  jobs->in = make_buffer (h, error);
  jobs->out = jobs->in != NULL ? make_buffer (h, error) : NULL;
  if (jobs->out == NULL)
    return NULL;
  bench_fill (jobs->in->map, h->bytes * MAX_ITEMS);
  /* A word an invocation: these items are too small to fill a device. */
  jobs->pipeline =
      baseline_pipeline_new (h->baseline, 1, &bench_programs[0].map, error);
  if (jobs->pipeline == NULL)
    return NULL;
  for (guint i = 0; i < MAX_ITEMS; i++) {
    jobs->jobs[i] = baseline_job_new (
        jobs->pipeline, jobs->in, jobs->out, i * h->bytes, h->bytes, 1, error);
    if (jobs->jobs[i] == NULL)
      return NULL;
  }
  return g_steal_pointer (&jobs);
}

static void
add_latencies (BenchRow *row, GArray *latencies, double seconds)
{
  bench_row_add (row, RATE, latencies->len / seconds);
  bench_row_add (row, P99, bench_quantile (latencies, 0.99));
  bench_row_add (row, MEDIAN, bench_quantile (latencies, 0.5));
}

static gboolean
baseline_single (const Handover *h, Jobs *jobs, gboolean spin, gboolean rewrite,
    gint64 duration_us, BenchRow *row, GError **error)
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

/* depth submits of n items each in flight. */
static gboolean
baseline_pipelined (const Handover *h, Jobs *jobs, guint n, guint depth,
    gint64 duration_us, BenchRow *row, GError **error)
{
  guint64 start = bench_now (), now = start, items = 0;

  for (guint i = 0;
       i < MIN_SAMPLES || now - start < (guint64) duration_us * 1000; i++) {
    BaselineJob **batch = jobs->jobs + i % depth * n;
    if (batch[n - 1]->submitted) {
      if (!baseline_job_wait (batch[n - 1], TRUE, error))
        return FALSE;
      items += n;
    }
    if (!baseline_jobs_submit (batch, n, error))
      return FALSE;
    now = bench_now ();
  }
  for (guint i = 0; i < depth; i++) {
    if (!jobs->jobs[i * n + n - 1]->submitted)
      continue;
    if (!baseline_job_wait (jobs->jobs[i * n + n - 1], TRUE, error))
      return FALSE;
    items += n;
  }
  now = bench_now ();
  if (row != NULL)
    bench_row_add (row, RATE, items / ((now - start) / 1e9));
  return TRUE;
}

/* --- libvyre ---------------------------------------------------------------- */

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

/* Batches of n in one publish, as many in flight as there are windows. */
static gboolean
vyre_batches (const Handover *h, BenchItems *items, guint n, gint64 duration_us,
    BenchRow *row, GError **error)
{
  guint depth = MIN (items->n / n, 4);
  guint64 start = bench_now (), now = start;
  guint published = 0, waited = 0;

  while (
      published < MIN_SAMPLES || now - start < (guint64) duration_us * 1000) {
    if (published - waited == depth &&
        !bench_wait (items->windows + waited++ % depth * n, n, error))
      return FALSE;
    if (!bench_publish (
            h->work, items->windows + published++ % depth * n, n, error))
      return FALSE;
    now = bench_now ();
  }
  for (; waited < published; waited++) {
    if (!bench_wait (items->windows + waited % depth * n, n, error))
      return FALSE;
  }
  now = bench_now ();
  if (row != NULL)
    bench_row_add (row, RATE, (double) published * n / ((now - start) / 1e9));
  return TRUE;
}

/* --- a table ------------------------------------------------------------------ */

typedef struct
{
  VyreEngine engine;
  guint batch; /* 1: one by one */
  gboolean rewrite;
  BenchRow *row;
} VyreCase;

static const VyreCase vyre_cases[] = {
  { VYRE_ENGINE_INTERP, 1, FALSE, NULL },
  { VYRE_ENGINE_INTERP, 1, TRUE, NULL },
  { VYRE_ENGINE_INTERP, 16, FALSE, NULL },
  { VYRE_ENGINE_INTERP, 64, FALSE, NULL },
  { VYRE_ENGINE_JIT, 1, FALSE, NULL },
  { VYRE_ENGINE_JIT, 1, TRUE, NULL },
  { VYRE_ENGINE_JIT, 16, FALSE, NULL },
  { VYRE_ENGINE_JIT, 64, FALSE, NULL },
};

static gboolean
run_vyre_case (
    const Handover *h, const VyreCase *c, BenchItems *items, GError **error)
{
  gint64 duration = h->bench->sample_us;

  /* The first ones start kernels. */
  if (!vyre_single (h, items, FALSE, duration / 8, NULL, error))
    return FALSE;
  if (c->batch == 1) {
    if (!vyre_single (h, items, c->rewrite, duration, c->row, error))
      return FALSE;
  } else if (!vyre_batches (h, items, c->batch, duration, c->row, error)) {
    return FALSE;
  }
  /* Published again, they were not looked at one by one. */
  guint n = c->batch == 1 ? 1 : c->batch * MIN (items->n / c->batch, 4);
  return bench_all_done (items->windows, n, error);
}

/* Items of one engine; UNAVAILABLE ends up in its rows. */
static BenchItems *
make_items (const Handover *h, VyreEngine engine, GError **error)
{
  g_autofree char *text = bench_program_text (&bench_programs[0], 0);
  g_autoptr (VyreExecutable) executable =
      bench_work_load (h->work, text, engine, error);

  if (executable == NULL)
    return NULL;
  return bench_items_new (
      h->work, executable, h->kind, h->bytes, 64, MAX_ITEMS, error);
}

static gboolean
baseline_runs (const Handover *h, Jobs *jobs, BenchRow **rows, GError **error)
{
  gint64 duration = h->bench->sample_us;

  bench_settle ();
  return baseline_single (h, jobs, FALSE, FALSE, duration / 8, NULL, error) &&
         baseline_single (h, jobs, FALSE, FALSE, duration, rows[0], error) &&
         baseline_single (h, jobs, TRUE, FALSE, duration, rows[1], error) &&
         baseline_single (h, jobs, TRUE, TRUE, duration, rows[2], error) &&
         baseline_pipelined (h, jobs, 1, PIPELINED, duration, rows[3], error) &&
         baseline_pipelined (h, jobs, 16, 4, duration, rows[4], error) &&
         baseline_pipelined (h, jobs, 64, 4, duration, rows[5], error);
}

static gboolean
verify_items (const Handover *h, const BenchItems *items, GError **error)
{
  for (guint i = 0; i < MIN (items->n, 4); i++) {
    if (!bench_verify (&bench_programs[0], 0, items->in[i]->data,
            items->out[i]->data, h->bytes, "handover", error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
fill_table (Handover *h, GError **error)
{
  g_autoptr (Jobs) jobs = jobs_new (h, error);
  g_autoptr (BenchItems) interp = NULL, jit = NULL;
  g_autoptr (GError) no_jit = NULL;
  VyreCase cases[G_N_ELEMENTS (vyre_cases)];
  BenchRow *rows[6];

  if (jobs == NULL)
    return FALSE;
  rows[0] = bench_table_row (
      h->table, BENCH_BASELINE, "submit each, vkWaitForFences");
  rows[1] = bench_table_row (
      h->table, BENCH_BASELINE, "submit each, spin on the fence");
  rows[2] =
      bench_table_row (h->table, BENCH_BASELINE, "  the same, input rewritten");
  rows[3] = bench_table_row (
      h->table, BENCH_BASELINE, "16 submits in flight, a fence each");
  rows[4] = bench_table_row (
      h->table, BENCH_BASELINE, "16 items a submit, 4 in flight");
  rows[5] = bench_table_row (
      h->table, BENCH_BASELINE, "64 items a submit, 4 in flight");

  interp = make_items (h, VYRE_ENGINE_INTERP, error);
  if (interp == NULL)
    return FALSE;
  jit = make_items (h, VYRE_ENGINE_JIT, &no_jit);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    VyreCase *c = &cases[i];
    BenchItems *items;
    *c = vyre_cases[i];
    items = c->engine == VYRE_ENGINE_JIT ? jit : interp;
    const char *engine =
        c->engine == VYRE_ENGINE_JIT ? "compiled" : "interpreted";
    if (c->batch == 1)
      c->row = bench_table_row (h->table, BENCH_MEASURED, "%s, one by one%s",
          engine, c->rewrite ? ", input rewritten" : "");
    else
      c->row = bench_table_row (h->table, BENCH_MEASURED,
          "%s, %u at once, %u in flight", engine, c->batch,
          items != NULL ? MIN (items->n / c->batch, 4) : 4);
    if (items == NULL)
      bench_row_skip (c->row, no_jit->message);
  }

  for (guint run = 0; run < h->bench->runs; run++) {
    if (!baseline_runs (h, jobs, rows, error))
      return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
      BenchItems *items = cases[i].engine == VYRE_ENGINE_JIT ? jit : interp;
      if (items != NULL && !run_vyre_case (h, &cases[i], items, error))
        return FALSE;
    }
  }
  return verify_items (h, interp, error) &&
         (jit == NULL || verify_items (h, jit, error)) &&
         bench_verify (&bench_programs[0], 0, jobs->in->map, jobs->out->map,
             h->bytes, "handover baseline", error);
}

static gboolean
measure (Bench *bench, BenchWork *work, Baseline *baseline, VyreArenaKind kind,
    gsize bytes, GError **error)
{
  g_autofree guint8 *fresh = g_malloc (bytes);
  Handover h = { bench, work, baseline, kind, bytes, fresh, NULL };

  /* What a small item holds does not matter, but it must be the same for
   * verifying the last one. */
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
    if (!g_error_matches (refused, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE) &&
        !g_error_matches (
            refused, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_RESIDENCY)) {
      g_propagate_error (error, g_steal_pointer (&refused));
      return FALSE;
    }
    g_print ("handover: %s kernel not measured: %s\n",
        bench_residency_name (modes[i]), refused->message);
  }
  return TRUE;
}
