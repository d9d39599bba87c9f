/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clock and quantiles. */

#include "bench.h"

#include "clock.h"

#include <math.h>

#define SETTLE_US 25000 /* resident kernels leave after a few milliseconds */

G_DEFINE_QUARK (vyre_bench_error, bench_error)

guint64
bench_now (void)
{
  return vyre_now_ns ();
}

static gint
compare (gconstpointer a, gconstpointer b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

double
bench_quantile (GArray *values, double q)
{
  if (values->len == 0)
    return NAN;
  g_array_sort (values, compare);
  /* The nearest rank; between two for the median of an even number. */
  double rank = q * values->len;
  guint at = (guint) CLAMP (ceil (rank) - 1, 0, values->len - 1);
  double value = g_array_index (values, double, at);
  if (q == 0.5 && values->len % 2 == 0)
    value = (value + g_array_index (values, double, at + 1)) / 2;
  return value;
}

void
bench_settle (void)
{
  g_usleep (SETTLE_US);
}
