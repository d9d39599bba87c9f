/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "../export.h"

G_BEGIN_DECLS

/*
 * Times by size, as counts: bucket 0 is all below 1024 ns, the last one all
 * from 2^41 ns (37 minutes) on; between them every power of two is cut into
 * four, so that what is read off is at most a quarter off. Two histograms of
 * one source, taken one after the other, are subtracted bucket by bucket.
 * Pure functions of their arguments.
 */
#define VYRE_LATENCY_BUCKETS 126

VYRE_API guint vyre_latency_bucket (guint64 ns);

/* The smallest time in @bucket; for VYRE_LATENCY_BUCKETS, the end of the last
 * one, G_MAXUINT64. */
VYRE_API guint64 vyre_latency_lower (guint bucket);

/* The time that @percent (0 to 100) of the counted ones do not exceed,
 * interpolated within its bucket; 0 when nothing was counted. @counts has
 * VYRE_LATENCY_BUCKETS numbers, whose sum may exceed 64 bits. */
VYRE_API guint64 vyre_latency_percentile (
    const guint64 *counts, double percent);

G_END_DECLS
