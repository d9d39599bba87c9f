/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "latency.h"

#define FIRST_OCTAVE 10
#define LAST_OCTAVE 41

guint
vyre_latency_bucket (guint64 ns)
{
  guint octave;

  if (ns < (guint64) 1 << FIRST_OCTAVE)
    return 0;
  octave = 63 - __builtin_clzll (ns);
  if (octave >= LAST_OCTAVE)
    return VYRE_LATENCY_BUCKETS - 1;
  return 1 + (octave - FIRST_OCTAVE) * 4 + ((ns >> (octave - 2)) & 3);
}

guint64
vyre_latency_lower (guint bucket)
{
  guint octave;

  if (bucket == 0)
    return 0;
  if (bucket >= VYRE_LATENCY_BUCKETS)
    return G_MAXUINT64;
  octave = FIRST_OCTAVE + (bucket - 1) / 4;
  return (guint64) (4 + (bucket - 1) % 4) << (octave - 2);
}

guint64
vyre_latency_percentile (const guint64 *counts, double percent)
{
  double total = 0.0, before = 0.0, rank;
  guint last = 0;

  for (guint i = 0; i < VYRE_LATENCY_BUCKETS; i++) {
    total += (double) counts[i];
    if (counts[i] > 0)
      last = i;
  }
  if (total == 0.0)
    return 0;
  rank = total * CLAMP (percent, 0.0, 100.0) / 100.0;
  for (guint i = 0; i < last; i++) {
    double count = (double) counts[i];

    if (count > 0.0 && before + count >= rank) {
      guint64 lower = vyre_latency_lower (i);
      double width = (double) (vyre_latency_lower (i + 1) - lower);

      return lower + (guint64) (width * (rank - before) / count);
    }
    before += count;
  }
  /* The last one that has any; beyond the table there is no width to divide. */
  guint64 lower = vyre_latency_lower (last);
  if (last == VYRE_LATENCY_BUCKETS - 1)
    return lower;
  double width = (double) (vyre_latency_lower (last + 1) - lower);
  double part = (rank - before) / (double) counts[last];
  return lower + (guint64) (width * CLAMP (part, 0.0, 1.0));
}
