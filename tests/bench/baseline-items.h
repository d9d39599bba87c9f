/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "baseline.h"

G_BEGIN_DECLS

/* n small dispatches, each over its own piece of memory; all invert. */
typedef struct
{
  gsize bytes;                  /* of the input, and of the output, of each */
  guint n;
  BaselineBuffer *in, *out;     /* of all, one after the other */
  BaselinePipeline *pipeline;
  BaselineJob **jobs;
} BaselineItems;

/* Input is filled. imported: in imported host memory, else in mapped device
 * memory. */
BaselineItems *baseline_items_new (Baseline *baseline, gboolean imported,
    gsize bytes, guint n, GError **error);
void baseline_items_free (BaselineItems *items);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaselineItems, baseline_items_free)

/* Submits @batch items at once, @depth such submits in flight, for at least
 * duration_us. rate: items a second, may be %NULL. Needs batch * depth items. */
gboolean baseline_items_stream (BaselineItems *items, guint batch, guint depth,
    gint64 duration_us, double *rate, GError **error);

G_END_DECLS
