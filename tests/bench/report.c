/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What machine this is, and everything as JSON. */

#include "bench.h"

#include <json-glib/json-glib.h>
#include <math.h>
#include <sys/utsname.h>
#include <unistd.h>

static void
fact_clear (gpointer data)
{
  g_free (((BenchFact *) data)->value);
}

void
bench_init (Bench *bench)
{
  bench->facts = g_array_new (FALSE, FALSE, sizeof (BenchFact));
  g_array_set_clear_func (bench->facts, fact_clear);
  bench->failures = g_array_new (FALSE, FALSE, sizeof (BenchFact));
  g_array_set_clear_func (bench->failures, fact_clear);
  bench->tables =
      g_ptr_array_new_with_free_func ((GDestroyNotify) bench_table_free);
}

void
bench_clear (Bench *bench)
{
  g_clear_pointer (&bench->facts, g_array_unref);
  g_clear_pointer (&bench->failures, g_array_unref);
  g_clear_pointer (&bench->tables, g_ptr_array_unref);
  g_clear_pointer (&bench->device_name, g_free);
  g_clear_pointer (&bench->plugin_folders, g_strfreev);
}

void
bench_fact (Bench *bench, const char *key, const char *value, ...)
{
  BenchFact fact = { key, NULL };
  va_list args;

  va_start (args, value);
  fact.value = g_strdup_vprintf (value, args);
  va_end (args);
  g_array_append_val (bench->facts, fact);
}

void
bench_failure (Bench *bench, const char *part, const char *why)
{
  BenchFact failure = { part, g_strdup (why) };

  g_printerr ("vyre-bench: %s failed: %s\n", part, why);
  g_array_append_val (bench->failures, failure);
}

void
bench_print_machine (Bench *bench)
{
  for (guint i = 0; i < bench->facts->len; i++) {
    const BenchFact *fact = &g_array_index (bench->facts, BenchFact, i);
    g_print ("%-16s %s\n", fact->key, fact->value);
  }
  g_print (
      "\nRows with = are baselines, with ~ references that do less; NUMBERx "
      "is how many times\nbetter than the table's best baseline, median "
      "of %u run%s.\n",
      bench->runs, bench->runs == 1 ? "" : "s");
}

/* The value of the first line of a /proc file that starts with key. */
static char *
proc_value (const char *path, const char *key)
{
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, NULL))
    return NULL;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    char *colon = strchr (lines[i], ':');
    if (colon != NULL && g_str_has_prefix (lines[i], key))
      return g_strdup (g_strstrip (colon + 1));
  }
  return NULL;
}

void
bench_describe_machine (Bench *bench)
{
  g_autofree char *cpu = proc_value ("/proc/cpuinfo", "model name");
  g_autofree char *memory = proc_value ("/proc/meminfo", "MemTotal");
  struct utsname name;

  bench_fact (bench, "cpu", "%s", cpu != NULL ? cpu : "unknown");
  bench_fact (bench, "cpus", "%ld", sysconf (_SC_NPROCESSORS_ONLN));
  bench_fact (bench, "memory", "%s", memory != NULL ? memory : "unknown");
  if (uname (&name) == 0)
    bench_fact (
        bench, "kernel", "%s %s %s", name.sysname, name.release, name.machine);
}

static void
add_number (JsonBuilder *json, const char *name, double value)
{
  json_builder_set_member_name (json, name);
  if (isnan (value) || isinf (value))
    json_builder_add_null_value (json);
  else
    json_builder_add_double_value (json, value);
}

static void
add_string (JsonBuilder *json, const char *name, const char *value)
{
  json_builder_set_member_name (json, name);
  json_builder_add_string_value (json, value);
}

static void
add_metric (JsonBuilder *json, const BenchTable *table, const BenchRow *row,
    guint metric)
{
  GArray *samples = row->samples[metric];

  json_builder_set_member_name (json, table->metrics[metric].name);
  json_builder_begin_object (json);
  add_number (json, "median", bench_row_median (table, row, metric));
  json_builder_set_member_name (json, "samples");
  json_builder_begin_array (json);
  for (guint i = 0; i < samples->len; i++)
    json_builder_add_double_value (json, g_array_index (samples, double, i));
  json_builder_end_array (json);
  json_builder_set_member_name (json, "times-better-than");
  json_builder_begin_object (json);
  for (guint i = 0; i < table->rows->len; i++) {
    const BenchRow *other = table->rows->pdata[i];
    if (other->kind != BENCH_MEASURED)
      add_number (
          json, other->name, bench_row_ratio (table, row, other, metric));
  }
  json_builder_end_object (json);
  json_builder_end_object (json);
}

static void
add_row (JsonBuilder *json, const BenchTable *table, const BenchRow *row)
{
  static const char *const kinds[] = { "measured", "baseline", "reference" };

  json_builder_begin_object (json);
  add_string (json, "name", row->name);
  add_string (json, "kind", kinds[row->kind]);
  if (row->skipped != NULL) {
    add_string (json, "skipped", row->skipped);
  } else {
    json_builder_set_member_name (json, "metrics");
    json_builder_begin_object (json);
    for (guint m = 0; m < table->n_metrics; m++)
      add_metric (json, table, row, m);
    json_builder_end_object (json);
  }
  json_builder_end_object (json);
}

static void
add_table (JsonBuilder *json, const BenchTable *table)
{
  json_builder_begin_object (json);
  add_string (json, "part", table->part);
  add_string (json, "title", table->title);
  json_builder_set_member_name (json, "metrics");
  json_builder_begin_array (json);
  for (guint m = 0; m < table->n_metrics; m++) {
    json_builder_begin_object (json);
    add_string (json, "name", table->metrics[m].name);
    add_string (json, "unit", table->metrics[m].unit);
    json_builder_set_member_name (json, "more-is-better");
    json_builder_add_boolean_value (json, table->metrics[m].more_is_better);
    json_builder_end_object (json);
  }
  json_builder_end_array (json);
  json_builder_set_member_name (json, "rows");
  json_builder_begin_array (json);
  for (guint i = 0; i < table->rows->len; i++)
    add_row (json, table, table->rows->pdata[i]);
  json_builder_end_array (json);
  json_builder_end_object (json);
}

static void
add_machine (JsonBuilder *json, const GArray *facts)
{
  json_builder_set_member_name (json, "machine");
  json_builder_begin_object (json);
  for (guint i = 0; i < facts->len; i++) {
    const BenchFact *fact = &g_array_index (facts, BenchFact, i);
    add_string (json, fact->key, fact->value);
  }
  json_builder_end_object (json);
}

/* An array: a part may fail more than once. */
static void
add_failures (JsonBuilder *json, const GArray *failures)
{
  json_builder_set_member_name (json, "failures");
  json_builder_begin_array (json);
  for (guint i = 0; i < failures->len; i++) {
    const BenchFact *failure = &g_array_index (failures, BenchFact, i);
    json_builder_begin_object (json);
    add_string (json, "part", failure->key);
    add_string (json, "message", failure->value);
    json_builder_end_object (json);
  }
  json_builder_end_array (json);
}

gboolean
bench_write_json (Bench *bench, const char *path, GError **error)
{
  g_autoptr (JsonBuilder) json = json_builder_new ();
  g_autoptr (JsonGenerator) generator = json_generator_new ();

  json_builder_begin_object (json);
  add_machine (json, bench->facts);
  add_failures (json, bench->failures);
  json_builder_set_member_name (json, "runs");
  json_builder_add_int_value (json, bench->runs);
  json_builder_set_member_name (json, "quick");
  json_builder_add_boolean_value (json, bench->quick);
  json_builder_set_member_name (json, "tables");
  json_builder_begin_array (json);
  for (guint i = 0; i < bench->tables->len; i++)
    add_table (json, bench->tables->pdata[i]);
  json_builder_end_array (json);
  json_builder_end_object (json);

  g_autoptr (JsonNode) root = json_builder_get_root (json);
  json_generator_set_root (generator, root);
  json_generator_set_pretty (generator, TRUE);
  return json_generator_to_file (generator, path, error);
}
