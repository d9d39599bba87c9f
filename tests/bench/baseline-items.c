/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many small dispatches of the baseline. */

#include "baseline-items.h"

#include "bench.h"
#include "programs.h"

#define MIN_SUBMITS 5

static BaselineBuffer *
make_buffer (Baseline *baseline, gboolean imported, gsize size, GError **error)
{
  return imported
             ? baseline_buffer_new_imported (baseline, size, error)
             : baseline_buffer_new (baseline, size, BASELINE_DEVICE, error);
}

BaselineItems *
baseline_items_new (
    Baseline *baseline, gboolean imported, gsize bytes, guint n, GError **error)
{
  const BaselineMap invert = { MAP_INVERT, 0, 0, 0 };
  g_autoptr (BaselineItems) items = g_new0 (BaselineItems, 1);
  gsize group = MAP_GROUP * 4; /* bytes */
  gsize stride = (bytes + group - 1) / group * group;

  items->bytes = bytes;
  items->n = n;
  items->jobs = g_new0 (BaselineJob *, n);
  items->in = make_buffer (baseline, imported, stride * n, error);
  if (items->in == NULL)
    return NULL;
  items->out = make_buffer (baseline, imported, stride * n, error);
  if (items->out == NULL)
    return NULL;
  bench_fill (items->in->map, stride * n);
  /* A word an invocation: most items are too small to fill a device. */
  items->pipeline = baseline_pipeline_new (baseline, 1, &invert, error);
  for (guint i = 0; i < n && items->pipeline != NULL; i++) {
    items->jobs[i] = baseline_job_new (
        items->pipeline, items->in, items->out, i * stride, bytes, 1, 1, error);
    if (items->jobs[i] == NULL)
      return NULL;
  }
  return items->pipeline != NULL ? g_steal_pointer (&items) : NULL;
}

void
baseline_items_free (BaselineItems *items)
{
  for (guint i = 0; i < items->n; i++)
    g_clear_pointer (&items->jobs[i], baseline_job_free);
  g_clear_pointer (&items->pipeline, baseline_pipeline_free);
  g_clear_pointer (&items->in, baseline_buffer_free);
  g_clear_pointer (&items->out, baseline_buffer_free);
  g_free (items->jobs);
  g_free (items);
}

gboolean
baseline_items_stream (BaselineItems *items, guint batch, guint depth,
    gint64 duration_us, double *rate, GError **error)
{
  guint64 start = bench_now (), now = start;
  guint submitted = 0, waited = 0;

  g_assert (batch * depth <= items->n);
  while (
      submitted < MIN_SUBMITS || now - start < (guint64) duration_us * 1000) {
    if (submitted - waited == depth &&
        !baseline_job_wait (
            items->jobs[waited++ % depth * batch + batch - 1], TRUE, error))
      return FALSE;
    if (!baseline_jobs_submit (
            items->jobs + submitted++ % depth * batch, batch, error))
      return FALSE;
    now = bench_now ();
  }
  for (; waited < submitted; waited++) {
    if (!baseline_job_wait (
            items->jobs[waited % depth * batch + batch - 1], TRUE, error))
      return FALSE;
  }
  if (rate != NULL)
    *rate = (double) submitted * batch * 1e9 / (bench_now () - start);
  return TRUE;
}
