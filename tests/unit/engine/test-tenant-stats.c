/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counters of tenants, and the histogram that they keep latencies in. */

#include "engine/engine-private.h"

#include <string.h>

#define N_READINGS 8

/* --- histogram ----------------------------------------------------------- */

static void
test_buckets (void)
{
  const guint last = VYRE_LATENCY_BUCKETS - 1;

  g_assert_cmpuint (vyre_latency_bucket (0), ==, 0);
  g_assert_cmpuint (vyre_latency_bucket (1023), ==, 0);
  g_assert_cmpuint (vyre_latency_bucket (1024), ==, 1);
  g_assert_cmpuint (vyre_latency_bucket (1279), ==, 1);
  g_assert_cmpuint (vyre_latency_bucket (1280), ==, 2);
  g_assert_cmpuint (vyre_latency_bucket (2047), ==, 4);
  g_assert_cmpuint (vyre_latency_bucket (2048), ==, 5);
  g_assert_cmpuint (
      vyre_latency_bucket (((guint64) 1 << 41) - 1), ==, last - 1);
  g_assert_cmpuint (vyre_latency_bucket ((guint64) 1 << 41), ==, last);
  g_assert_cmpuint (vyre_latency_bucket (G_MAXUINT64), ==, last);
  g_assert_cmpuint (vyre_latency_lower (0), ==, 0);
  g_assert_cmpuint (vyre_latency_lower (VYRE_LATENCY_BUCKETS), ==, G_MAXUINT64);
  for (guint i = 0; i < VYRE_LATENCY_BUCKETS; i++) {
    guint64 lower = vyre_latency_lower (i), end = vyre_latency_lower (i + 1);

    g_assert_cmpuint (lower, <, end);
    g_assert_cmpuint (vyre_latency_bucket (lower), ==, i);
    g_assert_cmpuint (vyre_latency_bucket (end - 1), ==, i);
    if (i > 0 && i < last)
      g_assert_cmpuint (end - lower, <=, lower / 4);
  }
}

static int
compare (const void *a, const void *b)
{
  guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;

  return x < y ? -1 : x > y;
}

/* Against the exact percentile of random times. */
static void
test_percentiles (void)
{
  const double percents[] = { 0, 1, 50, 90, 99, 99.9, 100 };
  static guint64 times[10000];
  guint64 counts[VYRE_LATENCY_BUCKETS] = { 0 };

  g_assert_cmpuint (vyre_latency_percentile (counts, 50), ==, 0);
  for (guint i = 0; i < G_N_ELEMENTS (times); i++) {
    times[i] = ((guint64) (guint32) g_test_rand_int () << 8) >>
               g_test_rand_int_range (0, 24);
    counts[vyre_latency_bucket (times[i])]++;
  }
  qsort (times, G_N_ELEMENTS (times), sizeof times[0], compare);
  for (guint i = 0; i < G_N_ELEMENTS (percents); i++) {
    guint at = (guint) (percents[i] / 100 * G_N_ELEMENTS (times));
    guint64 exact = times[MIN (at, G_N_ELEMENTS (times) - 1)];
    guint64 found = vyre_latency_percentile (counts, percents[i]);

    g_assert_cmpuint (found, <=, MAX (exact + exact / 3, 1024));
    if (exact > 2048)
      g_assert_cmpuint (found, >=, exact - exact / 3);
  }

  memset (counts, 0, sizeof counts);
  counts[VYRE_LATENCY_BUCKETS - 1] = 7;
  g_assert_cmpuint (vyre_latency_percentile (counts, 50), ==,
      vyre_latency_lower (VYRE_LATENCY_BUCKETS - 1));
  for (guint i = 0; i < VYRE_LATENCY_BUCKETS; i++)
    counts[i] = G_MAXUINT64;
  g_assert_cmpuint (vyre_latency_percentile (counts, 100), ==,
      vyre_latency_lower (VYRE_LATENCY_BUCKETS - 1));
}

/* --- recording ----------------------------------------------------------- */

static guint
read_all (VyreTenantStats *stats, VyreTenantReading *readings, guint n)
{
  return vyre_tenant_stats_read (stats, 0, VYRE_TENANTS, readings, n);
}

static void
test_counting (void)
{
  const guint64 second = 1000000000u;
  VyreTenantStats *stats = vyre_tenant_stats_new ();
  VyreTenantReading readings[N_READINGS];
  VyreTenantEnd end = { .state = VYRE_WINDOW_DONE, .steps = 10, .slices = 1 };

  g_assert_cmpuint (read_all (stats, readings, N_READINGS), ==, 0);
  vyre_tenant_stats_begin (stats, 3, "three");
  vyre_tenant_stats_begin (stats, VYRE_TENANTS - 1, NULL);
  for (guint i = 0; i < 5; i++)
    vyre_tenant_stats_submitted (stats, 3, 100, 4);
  vyre_tenant_stats_submitted (stats, VYRE_TENANTS - 1, 1, 1);

  end.latency_ns = second;
  vyre_tenant_stats_finished (stats, 3, &end);
  end.compiled = TRUE;
  vyre_tenant_stats_finished (stats, 3, &end);
  end = (VyreTenantEnd){ .state = VYRE_WINDOW_FAULT, .code = 8, .address = 77 };
  vyre_tenant_stats_finished (stats, 3, &end);
  end.state = VYRE_WINDOW_CANCELLED;
  vyre_tenant_stats_finished (stats, 3, &end);

  g_assert_cmpuint (read_all (stats, readings, N_READINGS), ==, 2);
  const VyreTenantReading *three = &readings[0];
  g_assert_cmpuint (three->id, ==, 3);
  g_assert_cmpstr (three->name, ==, "three");
  g_assert_cmpuint (three->submitted, ==, 5);
  g_assert_cmpuint (three->bytes, ==, 500);
  g_assert_cmpuint (three->tiles, ==, 20);
  g_assert_cmpuint (three->done, ==, 2);
  g_assert_cmpuint (three->faulted, ==, 1);
  g_assert_cmpuint (three->cancelled, ==, 1);
  g_assert_cmpuint (three->lost, ==, 0);
  g_assert_cmpuint (three->compiled, ==, 1);
  g_assert_cmpuint (three->steps, ==, 20);
  g_assert_cmpuint (three->slices, ==, 2);
  g_assert_cmpuint (vyre_tenant_reading_in_flight (three), ==, 1);
  g_assert_cmpuint (three->fault_code, ==, 8);
  g_assert_cmpuint (three->fault_address, ==, 77);
  g_assert_cmpint (three->fault_at, >, 0);
  g_assert_cmpuint (three->latency_max_ns, ==, second);
  g_assert_cmpuint (three->latency_sum_ns, ==, 2 * second);
  g_assert_cmpuint (three->latency[0], ==, 2);
  guint64 counted = 0;
  for (guint i = 0; i < VYRE_LATENCY_BUCKETS; i++)
    counted += three->latency[i];
  g_assert_cmpuint (counted, ==, 4);
  g_assert_cmpuint (readings[1].id, ==, VYRE_TENANTS - 1);
  g_assert_cmpstr (readings[1].name, ==, "");
  g_assert_cmpuint (read_all (stats, readings, 1), ==, 1);

  /* Another owner of the id starts from nothing. */
  vyre_tenant_stats_end (stats, 3);
  g_assert_cmpuint (read_all (stats, readings, N_READINGS), ==, 1);
  vyre_tenant_stats_begin (stats, 3, "again");
  g_assert_cmpuint (read_all (stats, readings, N_READINGS), ==, 2);
  g_assert_cmpuint (readings[0].submitted, ==, 0);
  g_assert_cmpuint (readings[0].latency_max_ns, ==, 0);

  /* No tenant's. */
  vyre_tenant_stats_begin (stats, VYRE_TENANTS, "beyond");
  vyre_tenant_stats_submitted (stats, G_MAXUINT, 1, 1);
  vyre_tenant_stats_finished (stats, VYRE_TENANTS, &end);
  vyre_tenant_stats_end (stats, G_MAXUINT);
  vyre_tenant_stats_free (stats);
  vyre_tenant_stats_free (NULL);
}

static void
test_names (void)
{
  VyreTenantStats *stats = vyre_tenant_stats_new ();
  VyreTenantReading reading;
  GString *name = g_string_new (NULL);

  /* Cut within a character of two bytes. */
  g_string_append (name, "x");
  for (guint i = 0; i < 100; i++)
    g_string_append (name, "\303\244");
  vyre_tenant_stats_begin (stats, 1, name->str);
  g_assert_cmpuint (read_all (stats, &reading, 1), ==, 1);
  g_assert_true (g_utf8_validate (reading.name, -1, NULL));
  g_assert_cmpuint (strlen (reading.name), ==, 63);
  vyre_tenant_stats_begin (stats, 1, "abc\377def");
  g_assert_cmpuint (read_all (stats, &reading, 1), ==, 1);
  g_assert_cmpstr (reading.name, ==, "abc");
  g_string_free (name, TRUE);
  vyre_tenant_stats_free (stats);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tenant-stats/buckets", test_buckets);
  g_test_add_func ("/tenant-stats/percentiles", test_percentiles);
  g_test_add_func ("/tenant-stats/counting", test_counting);
  g_test_add_func ("/tenant-stats/names", test_names);
  return g_test_run ();
}
