/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of samples, their ratios, and how they are printed. */

#include "bench.h"

#include <math.h>

BenchTable *
bench_table_new (const char *part, const BenchMetric *metrics, guint n_metrics,
    const char *title, ...)
{
  BenchTable *table = g_new0 (BenchTable, 1);
  va_list args;

  va_start (args, title);
  table->title = g_strdup_vprintf (title, args);
  va_end (args);
  table->part = g_strdup (part);
  table->metrics = metrics;
  table->n_metrics = n_metrics;
  table->rows = g_ptr_array_new ();
  return table;
}

BenchRow *
bench_table_row (BenchTable *table, BenchKind kind, const char *name, ...)
{
  BenchRow *row = g_new0 (BenchRow, 1);
  va_list args;

  va_start (args, name);
  row->name = g_strdup_vprintf (name, args);
  va_end (args);
  row->kind = kind;
  row->samples = g_new0 (GArray *, table->n_metrics);
  for (guint i = 0; i < table->n_metrics; i++)
    row->samples[i] = g_array_new (FALSE, FALSE, sizeof (double));
  g_ptr_array_add (table->rows, row);
  return row;
}

void
bench_table_free (BenchTable *table)
{
  for (guint i = 0; i < table->rows->len; i++) {
    BenchRow *row = table->rows->pdata[i];
    for (guint m = 0; m < table->n_metrics; m++)
      g_array_unref (row->samples[m]);
    g_free (row->samples);
    g_free (row->skipped);
    g_free (row->name);
    g_free (row);
  }
  g_ptr_array_unref (table->rows);
  g_free (table->title);
  g_free (table->part);
  g_free (table);
}

void
bench_row_add (BenchRow *row, guint metric, double value)
{
  if (row->skipped == NULL)
    g_array_append_val (row->samples[metric], value);
}

void
bench_row_skip (BenchRow *row, const char *why)
{
  if (row->skipped == NULL)
    row->skipped = g_strdup (why);
}

double
bench_row_median (const BenchTable *table, const BenchRow *row, guint metric)
{
  if (row->skipped != NULL)
    return NAN;
  g_autoptr (GArray) sorted = g_array_copy (row->samples[metric]);
  return bench_quantile (sorted, 0.5);
}

double
bench_row_ratio (const BenchTable *table, const BenchRow *row,
    const BenchRow *baseline, guint metric)
{
  g_autoptr (GArray) ratios = g_array_new (FALSE, FALSE, sizeof (double));

  if (row->skipped != NULL || baseline->skipped != NULL)
    return NAN;
  GArray *own = row->samples[metric], *other = baseline->samples[metric];
  for (guint i = 0; i < MIN (own->len, other->len); i++) {
    double a = g_array_index (own, double, i);
    double b = g_array_index (other, double, i);
    double ratio = table->metrics[metric].more_is_better ? a / b : b / a;
    g_array_append_val (ratios, ratio);
  }
  return bench_quantile (ratios, 0.5);
}

BenchRow *
bench_table_best_baseline (const BenchTable *table, guint metric)
{
  gboolean more = table->metrics[metric].more_is_better;
  BenchRow *best = NULL;
  double best_value = NAN;

  for (guint i = 0; i < table->rows->len; i++) {
    BenchRow *row = table->rows->pdata[i];
    double value = bench_row_median (table, row, metric);
    if (row->kind != BENCH_BASELINE || isnan (value))
      continue;
    if (best == NULL || (more ? value > best_value : value < best_value)) {
      best = row;
      best_value = value;
    }
  }
  return best;
}

/* Three digits that mean something, whatever the size. */
static char *
format_value (double value)
{
  if (isnan (value))
    return g_strdup ("-");
  if (value >= 1e6)
    return g_strdup_printf ("%.2fM", value / 1e6);
  if (value >= 1e4)
    return g_strdup_printf ("%.1fk", value / 1e3);
  if (value >= 100)
    return g_strdup_printf ("%.0f", value);
  if (value >= 10)
    return g_strdup_printf ("%.1f", value);
  if (value >= 1)
    return g_strdup_printf ("%.2f", value);
  return g_strdup_printf ("%.3g", value);
}

static void
print_metric (const BenchTable *table, const BenchRow *row, guint metric)
{
  const BenchRow *best = bench_table_best_baseline (table, metric);
  g_autofree char *text = format_value (bench_row_median (table, row, metric));
  g_autofree char *ratio = NULL;

  if (best != NULL && !isnan (bench_row_ratio (table, row, best, metric)))
    ratio =
        g_strdup_printf ("%.3gx", bench_row_ratio (table, row, best, metric));
  g_print (" %9s %-8s", text, ratio != NULL ? ratio : "");
}

void
bench_table_finish (Bench *bench, BenchTable *table)
{
  g_print ("\n%s: %s\n", table->part, table->title);
  g_print ("  %-44s", "");
  for (guint m = 0; m < table->n_metrics; m++) {
    g_autofree char *head = g_strdup_printf (
        "%s %s", table->metrics[m].name, table->metrics[m].unit);
    g_print (" %-18s", head);
  }
  g_print ("\n");
  for (guint i = 0; i < table->rows->len; i++) {
    const BenchRow *row = table->rows->pdata[i];
    g_print ("%c %-44s", " =~"[row->kind], row -> name);
    if (row->skipped != NULL)
      g_print (" not measured: %s", row->skipped);
    for (guint m = 0; m < table->n_metrics && row->skipped == NULL; m++)
      print_metric (table, row, m);
    g_print ("\n");
  }
  g_ptr_array_add (bench->tables, table);
}
