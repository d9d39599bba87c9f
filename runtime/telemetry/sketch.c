/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sketch.h"

#include <string.h>

#define GAMMA G_GUINT64_CONSTANT (0x9E3779B97F4A7C15)
#define MAX_COUNTERS (1u << 26)

guint64
vyre_splitmix64 (guint64 v)
{
  v += GAMMA;
  v = (v ^ v >> 30) * G_GUINT64_CONSTANT (0xBF58476D1CE4E5B9);
  v = (v ^ v >> 27) * G_GUINT64_CONSTANT (0x94D049BB133111EB);
  return v ^ v >> 31;
}

static guint64 *
bucket (const VyreSketch *sketch, guint32 row, guint32 key)
{
  return sketch->counters + (gsize) row * sketch->width +
         vyre_splitmix64 (key ^ row * GAMMA) % sketch->width;
}

void
vyre_sketch_clear (VyreSketch *sketch)
{
  g_free (sketch->counters);
  memset (sketch, 0, sizeof *sketch);
}

static gboolean
check_shape (guint32 depth, guint32 width, GError **error)
{
  if (depth == 0 || width == 0 || (guint64) depth * width > MAX_COUNTERS) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "sketch: depth %u, width %u. Fix: use non-zero dimensions with a "
        "product of at most %u.",
        depth, width, MAX_COUNTERS);
    return FALSE;
  }
  return TRUE;
}

gboolean
vyre_sketch_reset (
    VyreSketch *sketch, guint32 depth, guint32 width, GError **error)
{
  gsize n = (gsize) depth * width;

  if (!check_shape (depth, width, error))
    return FALSE;
  if (n > sketch->capacity) {
    sketch->counters = g_renew (guint64, sketch->counters, n);
    sketch->capacity = n;
  }
  memset (sketch->counters, 0, n * sizeof *sketch->counters);
  sketch->depth = depth;
  sketch->width = width;
  return TRUE;
}

void
vyre_sketch_add (VyreSketch *sketch, guint32 key, guint64 amount)
{
  guint32 row;

  for (row = 0; row < sketch->depth; row++) {
    guint64 *counter = bucket (sketch, row, key);

    *counter += MIN (amount, G_MAXUINT64 - *counter);
  }
}

gboolean
vyre_sketch_try_add (
    VyreSketch *sketch, guint32 key, guint64 amount, GError **error)
{
  guint32 row;

  for (row = 0; row < sketch->depth; row++) {
    guint64 *counter = bucket (sketch, row, key);

    if (amount > G_MAXUINT64 - *counter) {
      g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
          "sketch: %" G_GUINT64_FORMAT " plus %" G_GUINT64_FORMAT " for key %u "
          "passes 64 bits. Fix: reset the sketch.",
          *counter, amount, key);
      return FALSE;
    }
  }
  vyre_sketch_add (sketch, key, amount);
  return TRUE;
}

guint64
vyre_sketch_estimate (const VyreSketch *sketch, guint32 key)
{
  guint64 least = sketch->depth > 0 ? G_MAXUINT64 : 0;
  guint32 row;

  for (row = 0; row < sketch->depth; row++)
    least = MIN (least, *bucket (sketch, row, key));
  return least;
}

gboolean
vyre_sketch_merge (VyreSketch *sketch, const VyreSketch *other, GError **error)
{
  gsize n = (gsize) sketch->depth * sketch->width;
  gsize i;

  if (sketch->depth != other->depth || sketch->width != other->width) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "sketch: %u by %u merged with %u by %u. Fix: use equal dimensions.",
        sketch->depth, sketch->width, other->depth, other->width);
    return FALSE;
  }
  for (i = 0; i < n; i++) {
    if (other->counters[i] > G_MAXUINT64 - sketch->counters[i]) {
      g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
          "sketch: counter %" G_GSIZE_FORMAT " passes 64 bits. Fix: merge "
          "fewer sketches.",
          i);
      return FALSE;
    }
  }
  for (i = 0; i < n; i++)
    sketch->counters[i] += other->counters[i];
  return TRUE;
}

void
vyre_sketch_telemetry_clear (VyreSketchTelemetry *sketches)
{
  vyre_sketch_clear (&sketches->ring_opcode);
  vyre_sketch_clear (&sketches->active_opcode);
  vyre_sketch_clear (&sketches->tenant);
  vyre_sketch_clear (&sketches->status);
  vyre_sketch_clear (&sketches->dispatch_metrics);
  sketches->total_slots = sketches->active_slots = 0;
}

gboolean
vyre_sketch_telemetry_build (VyreSketchTelemetry *s, const VyreTelemetry *t,
    guint32 depth, guint32 width, GError **error)
{
  gsize i;

  if (!check_shape (depth, width, error))
    return FALSE;
  vyre_sketch_reset (&s->ring_opcode, depth, width, NULL);
  vyre_sketch_reset (&s->active_opcode, depth, width, NULL);
  vyre_sketch_reset (&s->tenant, depth, width, NULL);
  vyre_sketch_reset (&s->status, depth, width, NULL);
  vyre_sketch_reset (&s->dispatch_metrics, depth, width, NULL);
  s->total_slots = t->n_slots;
  s->active_slots = 0;

  /* At most 2^32 slots of amount 1, and 32 metrics below 2^32: no sum from
   * zero comes near 64 bits. */
  for (i = 0; i < t->n_slots; i++) {
    const VyreSlotSnapshot *slot = &t->slots[i];

    vyre_sketch_add (&s->ring_opcode, slot->opcode, 1);
    vyre_sketch_add (&s->tenant, slot->tenant, 1);
    vyre_sketch_add (&s->status, slot->status, 1);
    if (vyre_ring_status_is_active (slot->status)) {
      vyre_sketch_add (&s->active_opcode, slot->opcode, 1);
      s->active_slots++;
    }
  }
  for (i = 0; i < t->control.n_metrics; i++)
    vyre_sketch_add (&s->dispatch_metrics, t->control.metrics[i].opcode,
        t->control.metrics[i].count);
  return TRUE;
}
