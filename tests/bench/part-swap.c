/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From a program that nobody has seen before to its first result, while the
 * runtime runs; against making a pipeline of hand-written SPIR-V. */

#include "programs.h"
#include "work.h"

#define ITEM_BYTES 4096

static const BenchMetric metrics[] = {
  { "first result", "us", FALSE },
};

typedef struct
{
  Bench *bench;
  BenchWork *work;
  Baseline *baseline;
  BaselineBuffer *base_in, *base_out;
  VyreBlock *in, *out;
  const BenchProgram *program;
} Swap;

/* Drivers keep compiled shaders on disk: only a new number is new. */
static guint32
fresh_salt (void)
{
  return g_random_int () | 1;
}

static gboolean
swap_baseline (const Swap *s, double *us, GError **error)
{
  g_autoptr (BaselinePipeline) pipeline = NULL;
  g_autoptr (BaselineJob) job = NULL;
  BaselineMap map = s->program->map;
  guint64 start;

  map.salt = fresh_salt ();
  start = bench_now ();
  pipeline = baseline_pipeline_new (s->baseline, 1, &map, error);
  if (pipeline == NULL)
    return FALSE;
  job = baseline_job_new (
      pipeline, s->base_in, s->base_out, 0, ITEM_BYTES, 1, 1, error);
  if (job == NULL || !baseline_job_submit (job, error) ||
      !baseline_job_wait (job, TRUE, error))
    return FALSE;
  *us = (bench_now () - start) / 1e3;
  return bench_verify (s->program, map.salt, s->base_in->map, s->base_out->map,
      ITEM_BYTES, "swap baseline", error);
}

static gboolean
swap_vyre (const Swap *s, VyreEngine engine, double *us, GError **error)
{
  guint32 salt = fresh_salt ();
  g_autofree char *text = bench_program_text (s->program, salt);
  g_autoptr (VyreExecutable) executable = NULL;
  g_autoptr (VyreWindow) window = NULL;
  VyreBinding bindings[] = { { s->in, 0, ITEM_BYTES },
    { s->out, 0, ITEM_BYTES } };
  guint64 start;

  start = bench_now ();
  executable = bench_work_load (s->work, text, engine, error);
  if (executable == NULL)
    return FALSE;
  window = vyre_tenant_submit (s->work->tenant, executable, bindings,
      G_N_ELEMENTS (bindings), NULL, error);
  if (window == NULL || !bench_wait (&window, 1, error))
    return FALSE;
  *us = (bench_now () - start) / 1e3;
  return bench_all_done (&window, 1, error) &&
         bench_verify (s->program, salt, s->in->data, s->out->data, ITEM_BYTES,
             "swap", error);
}

/* Not the first one: kernels of a runtime are there, and what a driver keeps
 * in memory, too. */
static gboolean
warm_up (const Swap *s, GError **error)
{
  double us;

  return swap_baseline (s, &us, error) &&
         swap_vyre (s, VYRE_ENGINE_INTERP, &us, error);
}

static gboolean
fill_table (const Swap *s, BenchTable *table, GError **error)
{
  BenchRow *plain = bench_table_row (
      table, BENCH_BASELINE, "SPIR-V, vkCreateComputePipelines");
  BenchRow *interp =
      bench_table_row (table, BENCH_MEASURED, "program text, interpreted");
  BenchRow *jit =
      bench_table_row (table, BENCH_MEASURED, "program text, compiled");

  if (!warm_up (s, error))
    return FALSE;
  for (guint run = 0; run < s->bench->runs; run++) {
    GError *refused = NULL;
    double us;
    bench_settle ();
    if (!swap_baseline (s, &us, error))
      return FALSE;
    bench_row_add (plain, 0, us);
    if (!swap_vyre (s, VYRE_ENGINE_INTERP, &us, error))
      return FALSE;
    bench_row_add (interp, 0, us);
    if (jit->skipped != NULL)
      continue;
    if (swap_vyre (s, VYRE_ENGINE_JIT, &us, &refused))
      bench_row_add (jit, 0, us);
    else if (!bench_skip_or_fail (jit, refused, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
bench_swap (Bench *bench, GError **error)
{
  static const guint measured[] = { 0, 4 }; /* of bench_programs */
  g_autoptr (Baseline) baseline = baseline_open (bench->uuid, error);
  g_autoptr (BaselineBuffer) base_in = NULL, base_out = NULL;
  g_autoptr (BenchWork) work = NULL;
  g_autoptr (VyreBlock) in = NULL, out = NULL;

  if (baseline == NULL)
    return FALSE;
  base_in = baseline_buffer_new (baseline, ITEM_BYTES, BASELINE_HOST, error);
  if (base_in == NULL)
    return FALSE;
  base_out = baseline_buffer_new (baseline, ITEM_BYTES, BASELINE_HOST, error);
  if (base_out == NULL)
    return FALSE;
  work = bench_work_open (bench, VYRE_RESIDENCY_AUTO, error);
  if (work == NULL)
    return FALSE;
  in = bench_work_alloc (work, VYRE_ARENA_HOST, ITEM_BYTES, error);
  if (in == NULL)
    return FALSE;
  out = bench_work_alloc (work, VYRE_ARENA_HOST, ITEM_BYTES, error);
  if (out == NULL)
    return FALSE;
  bench_fill (base_in->map, ITEM_BYTES);
  bench_fill (in->data, ITEM_BYTES);
  vyre_block_note_write (in);

  for (guint i = 0; i < G_N_ELEMENTS (measured); i++) {
    Swap s = { bench, work, baseline, base_in, base_out, in, out,
      &bench_programs[measured[i]] };
    BenchTable *table = bench_table_new ("swap", metrics,
        G_N_ELEMENTS (metrics), "new program of %s, %s kernel", s.program->name,
        bench_residency_name (work->residency));
    if (!fill_table (&s, table, error)) {
      bench_table_free (table);
      return FALSE;
    }
    bench_table_finish (bench, table);
  }
  return TRUE;
}
