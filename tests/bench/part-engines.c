/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs, interpreted and compiled, against the same written by hand in GLSL
 * and dispatched plainly; copying as the ceiling. */

#include "programs.h"
#include "work.h"

#define MAX_TIMES 256 /* dispatches, windows of one sample */
/* They take turns on so many ranges of memory, which no cache holds together, and
 * so many windows are in flight: none works on the range of another. */
#define PARTS 8

static const BenchMetric metrics[] = {
  { "read+written", "GB/s", TRUE },
};

static const guint widths[] = { 1, 2, 4 };

typedef struct
{
  Bench *bench;
  BenchWork *work;
  VyreArenaKind kind;
  gsize bytes;
  BaselineBuffer *base_in, *base_out;
  VyreBlock *in, *out;
} Engines;

/* How often to run something that took this long once. */
static guint
times_for (const Bench *bench, guint64 once_ns)
{
  guint64 wanted = (guint64) bench->sample_us * 1000;

  return (guint) CLAMP (wanted / MAX (once_ns, 1), 1, MAX_TIMES);
}

static double
gigabytes_per_second (gsize bytes, guint times, guint64 ns)
{
  return 2.0 * bytes * times / MAX (ns, 1);
}

/* --- written by hand -- */

typedef struct
{
  BaselinePipeline *pipeline;
  BaselineJob *job;
  guint times;
  BenchRow *row;
} Plain;

static gboolean
time_job (BaselineJob *job, guint64 *ns, GError **error)
{
  guint64 start = bench_now ();

  if (!baseline_job_submit (job, error) ||
      !baseline_job_wait (job, TRUE, error))
    return FALSE;
  *ns = bench_now () - start;
  return TRUE;
}

/* Verifies it, and finds out how often a sample runs it. */
static gboolean
plain_prepare (Plain *plain, const Engines *e, const BenchProgram *program,
    guint width, GError **error)
{
  g_autoptr (BaselineJob) once = NULL;
  guint64 ns;

  plain->pipeline =
      baseline_pipeline_new (e->base_in->baseline, width, &program->map, error);
  if (plain->pipeline == NULL)
    return FALSE;
  once = baseline_job_new (
      plain->pipeline, e->base_in, e->base_out, 0, e->bytes, 1, 1, error);
  if (once == NULL)
    return FALSE;
  memset (e->base_out->map, 0, e->bytes);
  if (!time_job (once, &ns, error) ||
      !bench_verify (program, 0, e->base_in->map, e->base_out->map, e->bytes,
          plain->row->name, error) ||
      !time_job (once, &ns, error))
    return FALSE;
  plain->times = times_for (e->bench, ns);
  plain->job = baseline_job_new (plain->pipeline, e->base_in, e->base_out, 0,
      e->bytes, plain->times, PARTS, error);
  return plain->job != NULL;
}

static gboolean
plain_sample (Plain *plain, const Engines *e, GError **error)
{
  guint64 ns;

  if (!time_job (plain->job, &ns, error))
    return FALSE;
  bench_row_add (
      plain->row, 0, gigabytes_per_second (e->bytes, plain->times, ns));
  return TRUE;
}

static void
plain_clear (Plain *plain)
{
  g_clear_pointer (&plain->job, baseline_job_free);
  g_clear_pointer (&plain->pipeline, baseline_pipeline_free);
}

/* --- libvyre -- */

typedef struct
{
  VyreWindow *windows[MAX_TIMES];
  guint times;
  BenchRow *row;
} Program;

static void
program_clear (Program *p)
{
  for (guint i = 0; i < MAX_TIMES; i++)
    g_clear_pointer (&p->windows[i], vyre_window_unref);
}

static gboolean
time_windows (
    Program *p, const Engines *e, guint n, guint64 *ns, GError **error)
{
  guint64 start = bench_now ();

  if (!bench_publish (e->work, p->windows, MIN (n, PARTS), error))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    if (!bench_wait (&p->windows[i], 1, error) ||
        (i + PARTS < n &&
            !bench_publish (e->work, &p->windows[i + PARTS], 1, error)))
      return FALSE;
  }
  *ns = bench_now () - start;
  return TRUE;
}

static gboolean
program_prepare (Program *p, const Engines *e, const BenchProgram *program,
    VyreEngine engine, GError **error)
{
  g_autofree char *text = bench_program_text (program, 0);
  g_autoptr (VyreExecutable) executable =
      bench_work_load (e->work, text, engine, error);
  guint64 ns;

  if (executable == NULL)
    return FALSE;
  for (guint i = 0; i < MAX_TIMES; i++) {
    gsize at = i % PARTS * e->bytes;
    VyreBinding bindings[] = { { e->in, at, e->bytes },
      { e->out, at, e->bytes } };

    p->windows[i] = vyre_window_prepare (e->work->tenant, executable, bindings,
        G_N_ELEMENTS (bindings), NULL, error);
    if (p->windows[i] == NULL)
      return FALSE;
  }
  memset (e->out->data, 0, e->bytes);
  vyre_block_note_write (e->out);
  if (!time_windows (p, e, 1, &ns, error) ||
      !bench_all_done (p->windows, 1, error) ||
      !bench_verify (program, 0, e->in->data, e->out->data, e->bytes,
          p->row->name, error) ||
      !time_windows (p, e, 1, &ns, error))
    return FALSE;
  p->times = times_for (e->bench, ns);
  return TRUE;
}

static gboolean
program_sample (Program *p, const Engines *e, GError **error)
{
  guint64 ns;

  bench_settle ();
  /* The first one starts kernels where none stays. */
  if (!time_windows (p, e, 1, &ns, error) ||
      !time_windows (p, e, p->times, &ns, error) ||
      !bench_all_done (p->windows, p->times, error))
    return FALSE;
  bench_row_add (p->row, 0, gigabytes_per_second (e->bytes, p->times, ns));
  return TRUE;
}

/* --- tables -- */

static gboolean
fill_table (const Engines *e, const BenchProgram *program, BenchTable *table,
    Plain *plain, Program *programs, GError **error)
{
  static const VyreEngine engines[] = { VYRE_ENGINE_INTERP, VYRE_ENGINE_JIT };

  bench_settle ();
  for (guint i = 0; i < G_N_ELEMENTS (widths); i++) {
    plain[i].row = bench_table_row (
        table, BENCH_BASELINE, "by hand, %u bit an access", widths[i] * 32);
    if (!plain_prepare (&plain[i], e, program, widths[i], error))
      return FALSE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (engines); i++) {
    GError *refused = NULL;
    programs[i].row = bench_table_row (table, BENCH_MEASURED, "%s",
        engines[i] == VYRE_ENGINE_JIT ? "compiled" : "interpreted");
    if (!program_prepare (&programs[i], e, program, engines[i], &refused) &&
        !bench_skip_or_fail (programs[i].row, refused, error))
      return FALSE;
  }

  for (guint run = 0; run < e->bench->runs; run++) {
    bench_settle ();
    for (guint i = 0; i < G_N_ELEMENTS (widths); i++) {
      if (!plain_sample (&plain[i], e, error))
        return FALSE;
    }
    for (guint i = 0; i < G_N_ELEMENTS (engines); i++) {
      if (programs[i].row->skipped == NULL &&
          !program_sample (&programs[i], e, error))
        return FALSE;
    }
  }
  return TRUE;
}

static gboolean
measure (const Engines *e, const BenchProgram *program, GError **error)
{
  Plain plain[G_N_ELEMENTS (widths)] = { 0 };
  Program programs[2] = { 0 };
  BenchTable *table = bench_table_new ("engines", metrics,
      G_N_ELEMENTS (metrics), "%s, %" G_GSIZE_FORMAT " KiB in %s memory",
      program->name, e->bytes / 1024,
      e->kind == VYRE_ARENA_DEVICE ? "device" : "imported host");
  gboolean ok = fill_table (e, program, table, plain, programs, error);

  for (guint i = 0; i < G_N_ELEMENTS (widths); i++)
    plain_clear (&plain[i]);
  for (guint i = 0; i < G_N_ELEMENTS (programs); i++)
    program_clear (&programs[i]);
  if (ok)
    bench_table_finish (e->bench, table);
  else
    bench_table_free (table);
  return ok;
}

static gboolean
measure_memory (Bench *bench, BenchWork *work, Baseline *baseline,
    VyreArenaKind kind, gsize bytes, GError **error)
{
  g_autoptr (BaselineBuffer) base_in = NULL, base_out = NULL;
  g_autoptr (VyreBlock) in = NULL, out = NULL;
  gsize all = PARTS * bytes;

  if (kind == VYRE_ARENA_DEVICE) {
    base_in = baseline_buffer_new (baseline, all, BASELINE_DEVICE, error);
    if (base_in != NULL)
      base_out = baseline_buffer_new (baseline, all, BASELINE_DEVICE, error);
  } else {
    base_in = baseline_buffer_new_imported (baseline, all, error);
    if (base_in != NULL)
      base_out = baseline_buffer_new_imported (baseline, all, error);
  }
  if (base_out == NULL)
    return FALSE;
  in = bench_work_alloc (work, kind, all, error);
  if (in != NULL)
    out = bench_work_alloc (work, kind, all, error);
  if (out == NULL)
    return FALSE;
  bench_fill (base_in->map, all);
  bench_fill (in->data, all);
  vyre_block_note_write (in);

  Engines e = { bench, work, kind, bytes, base_in, base_out, in, out };
  if (!measure (&e, &bench_program_copy, error))
    return FALSE;
  for (guint i = 0; i < bench_n_programs; i += bench->quick ? 2 : 1) {
    if (!measure (&e, &bench_programs[i], error))
      return FALSE;
  }
  return TRUE;
}

gboolean
bench_engines (Bench *bench, GError **error)
{
  g_autoptr (Baseline) baseline = baseline_open (bench->uuid, error);
  g_autoptr (BenchWork) work = NULL;
  gsize bytes = bench->on_cpu ? (bench->quick ? 32 << 10 : 512 << 10)
                              : (bench->quick ? 16 << 20 : 64 << 20);

  if (baseline == NULL)
    return FALSE;
  work = bench_work_open (bench, VYRE_RESIDENCY_AUTO, error);
  if (work == NULL)
    return FALSE;
  if (!measure_memory (bench, work, baseline, VYRE_ARENA_HOST, bytes, error))
    return FALSE;
  if (vyre_runtime_get_device_arena (work->runtime) != NULL)
    return measure_memory (
        bench, work, baseline, VYRE_ARENA_DEVICE, bytes, error);
  g_print ("engines: device memory not measured: this device has no device "
           "arena\n");
  return TRUE;
}
