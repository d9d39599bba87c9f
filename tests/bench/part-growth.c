/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Throughput with more tenants, more windows in flight, larger buffers; what
 * the runtime refuses is said. */

#include "baseline-items.h"
#include "work.h"

#define ITEM_BYTES 4096
#define PIPELINED 16
/* Of all tenants together: a runtime has no descriptors for many more. */
#define MOST_WINDOWS 256
#define MAX_BYTES_IN_FLIGHT (64 << 20) /* of inputs */

static const BenchMetric metrics[] = {
  { "items", "/s", TRUE },
  { "read", "GB/s", TRUE },
};

static void
add_rate (BenchRow *row, double rate, gsize bytes)
{
  bench_row_add (row, 0, rate);
  bench_row_add (row, 1, rate * bytes / 1e9);
}

/* The baseline of all tables: submits in flight, a fence each. */
static gboolean
run_baseline (Bench *bench, BaselineItems *jobs, BenchRow *row, GError **error)
{
  guint depth = MIN (jobs->n, PIPELINED);
  double rate;

  bench_settle ();
  if (!baseline_items_stream (
          jobs, 1, depth, bench->sample_us / 8, NULL, error) ||
      !baseline_items_stream (jobs, 1, depth, bench->sample_us, &rate, error))
    return FALSE;
  add_rate (row, rate, jobs->bytes);
  return TRUE;
}

/* As many in flight as there are items. */
static gboolean
run_items (Bench *bench, BenchWork *work, BenchItems *items, double *rate,
    GError **error)
{
  guint depth = MIN (items->n, 4);
  guint batch = items->n / depth;

  return bench_items_stream (
             work, items, batch, depth, bench->sample_us / 8, NULL, error) &&
         bench_items_stream (
             work, items, batch, depth, bench->sample_us, rate, error);
}

/* --- windows -- */

/* As many windows as can be in flight at once, at most n. */
static BenchItems *
make_windows (BenchWork *work, guint n, GError **error)
{
  g_autoptr (BenchItems) items = bench_items_new (
      work, VYRE_ENGINE_INTERP, VYRE_ARENA_HOST, ITEM_BYTES, 1, n, error);
  g_autoptr (GError) busy = NULL;
  guint fit;

  if (items == NULL)
    return NULL;
  fit = vyre_windows_publish (items->windows, items->n, &busy);
  if (!bench_wait (items->windows, fit, error))
    return NULL;
  if (fit == 0) {
    g_propagate_error (error, g_steal_pointer (&busy));
    return NULL;
  }
  bench_items_shrink (items, fit);
  return g_steal_pointer (&items);
}

static gboolean
fill_windows (Bench *bench, BenchWork *work, BaselineItems *jobs,
    BenchTable *table, GError **error)
{
  guint most = bench->on_cpu ? (bench->quick ? 64 : 256) : 4096;
  BenchRow *plain = bench_table_row (
      table, BENCH_BASELINE, "Vulkan, %u submits in flight", PIPELINED);

  for (guint run = 0; run < bench->runs; run++) {
    if (!run_baseline (bench, jobs, plain, error))
      return FALSE;
  }
  for (guint n = 1; n <= most; n *= 4) {
    GError *refused = NULL;
    g_autoptr (BenchItems) items = make_windows (work, n, &refused);
    gboolean all = items == NULL || items->n == n;
    BenchRow *row =
        bench_table_row (table, BENCH_MEASURED, "%u windows in flight%s",
            items != NULL ? items->n : n, all ? "" : ", all that fit");
    double rate;
    if (items == NULL) {
      if (!bench_skip_or_fail (row, refused, error))
        return FALSE;
      continue;
    }
    for (guint run = 0; run < bench->runs; run++) {
      if (!run_items (bench, work, items, &rate, error))
        return FALSE;
      add_rate (row, rate, ITEM_BYTES);
    }
    if (!bench_items_verify (work, items, row->name, error))
      return FALSE;
    if (!all)
      break;
  }
  return TRUE;
}

/* --- tenants -- */

typedef struct
{
  Bench *bench;
  BenchWork *work;
  BenchItems *items;
  double rate;
  GError *error;
} TenantThread;

static void
tenant_clear (gpointer data)
{
  TenantThread *tenant = data;

  g_clear_pointer (&tenant->items, bench_items_free);
  g_clear_pointer (&tenant->work, bench_work_close);
  g_clear_error (&tenant->error);
}

static gpointer
tenant_run (gpointer data)
{
  TenantThread *tenant = data;

  run_items (tenant->bench, tenant->work, tenant->items, &tenant->rate,
      &tenant->error);
  return NULL;
}

static guint
windows_each (guint n_tenants)
{
  return MIN (PIPELINED, MOST_WINDOWS / n_tenants);
}

static GArray *
make_tenants (Bench *bench, guint n, GError **error)
{
  g_autoptr (GArray) tenants =
      g_array_sized_new (FALSE, TRUE, sizeof (TenantThread), n);

  g_array_set_clear_func (tenants, tenant_clear);
  for (guint i = 0; i < n; i++) {
    TenantThread *tenant;
    g_array_set_size (tenants, i + 1);
    tenant = &g_array_index (tenants, TenantThread, i);
    tenant->bench = bench;
    tenant->work = bench_work_open (bench, VYRE_RESIDENCY_AUTO, error);
    if (tenant->work == NULL)
      return NULL;
    tenant->items = bench_items_new (tenant->work, VYRE_ENGINE_INTERP,
        VYRE_ARENA_HOST, ITEM_BYTES, 4, windows_each (n), error);
    if (tenant->items == NULL)
      return NULL;
  }
  return g_steal_pointer (&tenants);
}

/* All at once, a thread each; rate: of all together. */
static gboolean
run_tenants (GArray *tenants, double *rate, GError **error)
{
  g_autofree GThread **threads = g_new (GThread *, tenants->len);

  for (guint i = 0; i < tenants->len; i++)
    threads[i] = g_thread_new (
        "tenant", tenant_run, &g_array_index (tenants, TenantThread, i));
  *rate = 0;
  for (guint i = 0; i < tenants->len; i++) {
    g_thread_join (threads[i]);
    *rate += g_array_index (tenants, TenantThread, i).rate;
  }
  for (guint i = 0; i < tenants->len; i++) {
    TenantThread *tenant = &g_array_index (tenants, TenantThread, i);
    if (tenant->error != NULL) {
      g_propagate_error (error, g_steal_pointer (&tenant->error));
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
verify_tenants (GArray *tenants, const char *what, GError **error)
{
  for (guint i = 0; i < tenants->len; i++) {
    TenantThread *tenant = &g_array_index (tenants, TenantThread, i);
    if (!bench_items_verify (tenant->work, tenant->items, what, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
fill_tenants (
    Bench *bench, BaselineItems *jobs, BenchTable *table, GError **error)
{
  guint most = bench->on_cpu && bench->quick ? 4 : 64;
  BenchRow *plain = bench_table_row (
      table, BENCH_BASELINE, "Vulkan, %u submits in flight", PIPELINED);

  for (guint run = 0; run < bench->runs; run++) {
    if (!run_baseline (bench, jobs, plain, error))
      return FALSE;
  }
  for (guint n = 1; n <= most; n *= 2) {
    BenchRow *row = bench_table_row (table, BENCH_MEASURED,
        "%u tenant%s, %u windows each", n, n == 1 ? "" : "s", windows_each (n));
    GError *refused = NULL;
    g_autoptr (GArray) tenants = make_tenants (bench, n, &refused);
    double rate;
    if (tenants == NULL) {
      if (!bench_skip_or_fail (row, refused, error))
        return FALSE;
      continue;
    }
    for (guint run = 0; run < bench->runs; run++) {
      if (!run_tenants (tenants, &rate, error))
        return FALSE;
      add_rate (row, rate, ITEM_BYTES);
    }
    if (!verify_tenants (tenants, row->name, error))
      return FALSE;
  }
  return TRUE;
}

/* --- sizes -- */

static gboolean
run_size (Bench *bench, BenchWork *work, BaselineItems *jobs, BenchItems *items,
    BenchRow *plain, BenchRow *row, GError **error)
{
  for (guint run = 0; run < bench->runs; run++) {
    double rate;
    if (!run_baseline (bench, jobs, plain, error) ||
        !run_items (bench, work, items, &rate, error))
      return FALSE;
    add_rate (row, rate, items->bytes);
  }
  return bench_items_verify (work, items, row->name, error);
}

static gboolean
measure_size (Bench *bench, BenchWork *work, Baseline *baseline, gsize bytes,
    GError **error)
{
  guint n = (guint) CLAMP (MAX_BYTES_IN_FLIGHT / bytes, 1, PIPELINED);
  g_autoptr (BaselineItems) jobs =
      baseline_items_new (baseline, TRUE, bytes, n, error);
  g_autoptr (BenchItems) items = NULL;
  GError *refused = NULL;
  BenchTable *table;
  BenchRow *plain, *row;
  gboolean ok = TRUE;

  if (jobs == NULL)
    return FALSE;
  items = bench_items_new (
      work, VYRE_ENGINE_INTERP, VYRE_ARENA_HOST, bytes, n, n, &refused);
  table = bench_table_new ("growth", metrics, G_N_ELEMENTS (metrics),
      "buffers of %" G_GSIZE_FORMAT " KiB in imported host memory",
      bytes / 1024);
  plain = bench_table_row (
      table, BENCH_BASELINE, "Vulkan, %u submits in flight", n);
  row = bench_table_row (
      table, BENCH_MEASURED, "interpreted, %u windows in flight", n);
  if (items == NULL)
    ok = bench_skip_or_fail (row, refused, error);
  else
    ok = run_size (bench, work, jobs, items, plain, row, error);
  if (ok)
    bench_table_finish (bench, table);
  else
    bench_table_free (table);
  return ok;
}

/* --- the part -- */

gboolean
bench_growth (Bench *bench, GError **error)
{
  g_autoptr (Baseline) baseline = baseline_open (bench->uuid, error);
  g_autoptr (BaselineItems) jobs = NULL;
  g_autoptr (BenchWork) work = NULL;
  gsize largest =
      bench->on_cpu ? (bench->quick ? 16 << 10 : 256 << 10) : 64 << 20;

  if (baseline == NULL)
    return FALSE;
  work = bench_work_open (bench, VYRE_RESIDENCY_AUTO, error);
  if (work == NULL)
    return FALSE;
  jobs = baseline_items_new (baseline, TRUE, ITEM_BYTES, PIPELINED, error);
  if (jobs == NULL)
    return FALSE;

  BenchTable *windows = bench_table_new ("growth", metrics,
      G_N_ELEMENTS (metrics), "windows in flight, 4 KiB each, one tenant");
  if (!fill_windows (bench, work, jobs, windows, error))
    goto no_windows;
  bench_table_finish (bench, windows);

  BenchTable *tenants = bench_table_new ("growth", metrics,
      G_N_ELEMENTS (metrics), "tenants, a thread each, windows of 4 KiB");
  if (!fill_tenants (bench, jobs, tenants, error))
    goto no_tenants;
  bench_table_finish (bench, tenants);

  for (gsize bytes = 1024; bytes <= largest; bytes *= 16) {
    if (!measure_size (bench, work, baseline, bytes, error))
      return FALSE;
  }
  return TRUE;

no_windows:
  bench_table_free (windows);
  return FALSE;
no_tenants:
  bench_table_free (tenants);
  return FALSE;
}
