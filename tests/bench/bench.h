/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

/*
 * What all parts of the benchmark share: options, tables of samples, clocks.
 *
 * A part fills tables. A row has a value per metric and run; some rows are
 * baselines, measured in turn with the others in every run, and every figure
 * is printed with its ratio to the best baseline of its table. A ratio is the
 * median of the runs' own ratios and says how many times better the row is:
 * above 1 is faster than the baseline, for times and for rates.
 *
 * Everything here belongs to the main thread.
 */

typedef struct
{
  const char *name;
  const char *unit;
  gboolean more_is_better;
} BenchMetric;

typedef enum
{
  BENCH_MEASURED,
  BENCH_BASELINE,               /* the same work, done without gstvyre */
  BENCH_REFERENCE,              /* less work: shows how far one could get */
} BenchKind;

typedef struct
{
  char *name;
  BenchKind kind;
  char *skipped;                /* why there are no values, or %NULL */
  GArray **samples;             /* of double, one array per metric */
} BenchRow;

typedef struct
{
  char *part, *title;
  const BenchMetric *metrics;   /* static */
  guint n_metrics;
  GPtrArray *rows;              /* of BenchRow */
} BenchTable;

typedef struct
{
  const char *key;              /* static; as in the JSON file */
  char *value;
} BenchFact;

typedef struct
{
  gboolean quick;
  guint runs;
  gint device_index;            /* -1: the best */
  gint64 sample_us;             /* a sample's length where it is free */
  gboolean on_cpu;              /* the device is a CPU: small sizes */
  guint8 uuid[16];              /* of the device */
  char *device_name;
  GArray *facts;                /* of BenchFact: the machine */
  GArray *failures;             /* of BenchFact: parts that failed, and why */
  GPtrArray *tables;            /* of BenchTable, finished ones */
  GStrv plugin_folders;
} Bench;

/* A part: fills and finishes tables. FALSE: it could not go on; the tables
 * finished until then count. */
typedef gboolean (*BenchPart) (Bench *bench, GError **error);

gboolean bench_handover (Bench *bench, GError **error);
gboolean bench_engines (Bench *bench, GError **error);
gboolean bench_stream (Bench *bench, GError **error);
gboolean bench_peers (Bench *bench, GError **error);
gboolean bench_swap (Bench *bench, GError **error);
gboolean bench_fairness (Bench *bench, GError **error);
gboolean bench_growth (Bench *bench, GError **error);

#define BENCH_ERROR (bench_error_quark ())
GQuark bench_error_quark (void);

typedef enum
{
  BENCH_ERROR_WRONG,            /* a result is not what it must be */
  BENCH_ERROR_TIMEOUT,
  BENCH_ERROR_FAILED,
  BENCH_ERROR_UNAVAILABLE,      /* cannot be measured here; the row says why */
} BenchError;

/* --- table.c -------------------------------------------------------------- */

/* Ownership goes to bench_table_finish(), which must be called. */
BenchTable *bench_table_new (const char *part, const BenchMetric *metrics,
    guint n_metrics, const char *title, ...) G_GNUC_PRINTF (4, 5);
BenchRow *bench_table_row (BenchTable *table, BenchKind kind,
    const char *name, ...) G_GNUC_PRINTF (3, 4);
void bench_row_add (BenchRow *row, guint metric, double value);
/* Takes what the row has away: a row that failed once has no figures. */
void bench_row_skip (BenchRow *row, const char *why);
/* The median, or NAN when there is none. */
double bench_row_median (const BenchTable *table, const BenchRow *row,
    guint metric);
/* How many times better than @baseline; NAN when either has no values. */
double bench_row_ratio (const BenchTable *table, const BenchRow *row,
    const BenchRow *baseline, guint metric);
/* The best baseline by this metric, or %NULL. */
BenchRow *bench_table_best_baseline (const BenchTable *table, guint metric);
/* Prints the table and keeps it for the report. */
void bench_table_finish (Bench *bench, BenchTable *table);
void bench_table_free (BenchTable *table);

/* --- report.c -------------------------------------------------------------- */

void bench_init (Bench *bench);
void bench_clear (Bench *bench);
void bench_fact (Bench *bench, const char *key, const char *value, ...)
    G_GNUC_PRINTF (3, 4);
/* part: static. */
void bench_failure (Bench *bench, const char *part, const char *why);
/* CPU, kernel, memory; the device adds its own facts. */
void bench_describe_machine (Bench *bench);
void bench_print_machine (Bench *bench);
/* All facts and tables so far, as JSON. */
gboolean bench_write_json (Bench *bench, const char *path, GError **error);

/* --- sample.c -------------------------------------------------------------- */

/* CLOCK_MONOTONIC in nanoseconds. */
guint64 bench_now (void);
/* Of an array of double, which it sorts: the value that a part q of all do not
 * exceed. NAN for an empty one. */
double bench_quantile (GArray *values, double q);
/* Lets a kernel that stays on the device notice that nothing comes and leave,
 * so that what is measured next, a baseline or another kernel of ours, has the
 * device for itself. */
void bench_settle (void);

G_END_DECLS
