/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How long a tenant's small buffers take while another tenant has filled the
 * ring with programs that do not end. */

#include "ring/words.h"
#include "work.h"

#define ITEM_BYTES 4096
#define ITEMS 16
#define MIN_SAMPLES 10
#define MIN_SAMPLES_QUICK 3
#define MAX_ENDLESS 256 /* windows */
#define ENDLESS_GROUPS 20000 /* more than any device runs at once */

enum
{
  FIRST,
  MEDIAN,
  P99,
};

static const BenchMetric metrics[] = {
  { "first", "us", FALSE }, /* after the endless ones were published */
  { "median", "us", FALSE },
  { "p99", "us", FALSE },
};

static const char endless_text[] =
    "program workgroup(64);\n"
    "buffer data: readwrite u32[] @0;\n"
    "main {\n"
    "  let x = invocation_id.x;\n"
    "  loop { x = x * 1664525 + 1013904223; if x == len(data) { return; } }\n"
    "}\n";

typedef struct
{
  const char *name;
  guint windows; /* endless ones, at most */
  guint priority; /* of the small buffers */
  gboolean baseline;
  gboolean quick; /* also with --quick */
} Case;

static const Case cases[] = {
  { "alone", 0, VYRE_PRI_NORMAL, TRUE, TRUE },
  { "beside one endless window", 1, VYRE_PRI_NORMAL, FALSE, FALSE },
  { "beside all that fit, same priority", MAX_ENDLESS, VYRE_PRI_NORMAL, FALSE,
      FALSE },
  { "beside all that fit, priority high", MAX_ENDLESS, VYRE_PRI_HIGH, FALSE,
      FALSE },
  { "beside all that fit, priority critical", MAX_ENDLESS, VYRE_PRI_CRITICAL,
      FALSE, TRUE },
};

typedef struct
{
  Bench *bench;
  BenchWork *urgent, *greedy; /* tenants of one runtime */
  VyreExecutable *endless;
  VyreBlock *block; /* of the endless ones */
  BenchItems *items;
} Fairness;

static gboolean
sample_latency (const Fairness *f, BenchRow *row, GError **error)
{
  g_autoptr (GArray) latencies = g_array_new (FALSE, FALSE, sizeof (double));
  guint64 duration = (guint64) f->bench->sample_us * 4000;
  guint64 start = bench_now (), now = start;
  guint least = f->bench->quick ? MIN_SAMPLES_QUICK : MIN_SAMPLES;
  guint i;

  for (i = 0; i < least || now - start < duration; i++) {
    VyreWindow **window = &f->items->windows[i % f->items->n];
    guint64 before = now;
    if (!bench_publish (f->urgent, window, 1, error) ||
        !bench_wait (window, 1, error))
      return FALSE;
    now = bench_now ();
    double us = (now - before) / 1e3;
    g_array_append_val (latencies, us);
  }
  bench_row_add (row, P99, bench_quantile (latencies, 0.99));
  bench_row_add (row, MEDIAN, bench_quantile (latencies, 0.5));
  return bench_all_done (f->items->windows, MIN (i, f->items->n), error);
}

/* Endless windows until the runtime refuses more. */
static GPtrArray *
start_endless (const Fairness *f, guint most, GError **error)
{
  g_autoptr (GPtrArray) windows =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vyre_window_unref);
  VyreBinding binding = { f->block, 0, VYRE_PAGE_SIZE };
  const guint32 grid[3] = { ENDLESS_GROUPS, 1, 1 };
  VyreSubmitOptions options = { grid, 0 };
  g_autoptr (GError) refused = NULL;

  while (windows->len < most && refused == NULL) {
    VyreWindow *window = vyre_tenant_submit (
        f->greedy->tenant, f->endless, &binding, 1, &options, &refused);
    if (window != NULL)
      g_ptr_array_add (windows, window);
  }
  if (refused != NULL &&
      !g_error_matches (refused, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY)) {
    g_propagate_error (error, g_steal_pointer (&refused));
    return NULL;
  }
  return g_steal_pointer (&windows);
}

static gboolean
stop_endless (GPtrArray *windows, GError **error)
{
  for (guint i = 0; i < windows->len; i++)
    vyre_window_cancel (windows->pdata[i]);
  return bench_wait ((VyreWindow **) windows->pdata, windows->len, error);
}

static gboolean
run_case (const Fairness *f, const Case *c, BenchRow *row, GError **error)
{
  g_autoptr (GPtrArray) endless = start_endless (f, c->windows, error);
  guint64 start;
  gboolean ok;

  if (endless == NULL)
    return FALSE;
  vyre_tenant_set_priority (f->urgent->tenant, c->priority);
  start = bench_now ();
  ok = bench_publish (f->urgent, f->items->windows, 1, error) &&
       bench_wait (f->items->windows, 1, error);
  bench_row_add (row, FIRST, (bench_now () - start) / 1e3);
  ok = ok && sample_latency (f, row, error);
  return stop_endless (endless, ok ? error : NULL) && ok;
}

static gboolean
fill_table (const Fairness *f, BenchTable *table, GError **error)
{
  BenchRow *rows[G_N_ELEMENTS (cases)] = { NULL };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    if (cases[i].quick || !f->bench->quick)
      rows[i] = bench_table_row (table,
          cases[i].baseline ? BENCH_BASELINE : BENCH_MEASURED, "%s",
          cases[i].name);
  }
  for (guint run = 0; run < f->bench->runs; run++) {
    for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
      if (rows[i] == NULL || run_case (f, &cases[i], rows[i], error))
        continue;
      g_prefix_error (error, "%s: ", cases[i].name);
      return FALSE;
    }
  }
  return bench_items_verify (f->urgent, f->items, "fairness", error);
}

gboolean
bench_fairness (Bench *bench, GError **error)
{
  g_autoptr (BenchWork) urgent = NULL, greedy = NULL;
  g_autoptr (VyreExecutable) endless = NULL;
  g_autoptr (VyreBlock) block = NULL;
  g_autoptr (BenchItems) items = NULL;

  urgent = bench_work_open (bench, VYRE_RESIDENCY_AUTO, error);
  if (urgent == NULL)
    return FALSE;
  greedy = bench_work_open (bench, VYRE_RESIDENCY_AUTO, error);
  if (greedy == NULL)
    return FALSE;
  endless = bench_work_load (greedy, endless_text, VYRE_ENGINE_INTERP, error);
  if (endless == NULL)
    return FALSE;
  block = bench_work_alloc (greedy, VYRE_ARENA_HOST, VYRE_PAGE_SIZE, error);
  if (block == NULL)
    return FALSE;
  items = bench_items_new (urgent, VYRE_ENGINE_INTERP, VYRE_ARENA_HOST,
      ITEM_BYTES, ITEMS, ITEMS, error);
  if (items == NULL)
    return FALSE;

  Fairness f = { bench, urgent, greedy, endless, block, items };
  BenchTable *table = bench_table_new ("fairness", metrics,
      G_N_ELEMENTS (metrics), "round trip of 4 KiB, interpreted, %s kernel",
      bench_residency_name (urgent->residency));
  if (!fill_table (&f, table, error)) {
    bench_table_free (table);
    return FALSE;
  }
  bench_table_finish (bench, table);
  return TRUE;
}
