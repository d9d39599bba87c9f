/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bench.h"

#include <gst/gst.h>

G_BEGIN_DECLS

/* GStreamer, the plugin and the baseline's plugin: from the folders of
 * --plugins, else from where the build puts them beside the executable, else
 * as GStreamer finds them. */
gboolean bench_gst_init (Bench *bench, GError **error);

/* A pipeline that is measured. */
typedef struct
{
  const char *launch;           /* everything but the sink */
  const char *sink;             /* %NULL: a fakesink */
  const char *element, *property, *text;        /* set before it starts, such
                                   as a program, on the elements "element",
                                   "element-..."; %NULL for none */
  GBytes *frame;                /* what an appsrc "in" pushes; %NULL without
                                   one. Buffers come from a pool: elements may
                                   work in place, later ones then differ */
  const char *caps;             /* of frame */
  guint n_buffers;              /* that reach the sink */
} BenchPipeline;

/* Buffers a second at the sink, once an eighth of them has come: from then on
 * as much is in flight in each pipeline as at its end. A program that is to run
 * compiled is compiled before. UNAVAILABLE when that cannot be, or the line
 * cannot be made here. */
gboolean bench_pipeline_run (const BenchPipeline *pipeline, double *per_second,
    GError **error);

/* Notes in the row why a pipeline did not run. Where it is one of ours that
 * failed, and not something that is missing here, the part has failed, too. */
void bench_pipeline_skip (Bench *bench, const char *part, BenchRow *row,
    const GError *why);

/* The first buffer that comes out. */
GBytes *bench_pipeline_first (const BenchPipeline *pipeline, GError **error);

G_END_DECLS
