/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "telemetry.h"

G_BEGIN_DECLS

/* Count-Min sketch (section 19.13): @depth rows of @width counters. Estimates
 * are never too low. */
typedef struct
{
  guint32 depth, width;
  guint64 *counters; /* row-major */
  gsize capacity;
} VyreSketch;

#define VYRE_SKETCH_INIT \
  { \
    0 \
  }
VYRE_API void vyre_sketch_clear (VyreSketch *sketch);
/* All zeros with that shape. INVALID_ARGUMENT for a zero dimension, or for
 * more than 2^26 counters. */
VYRE_API gboolean vyre_sketch_reset (
    VyreSketch *sketch, guint32 depth, guint32 width, GError **error);
/* Saturating; and checked, where an overflow is an error and adds nothing. */
VYRE_API void vyre_sketch_add (VyreSketch *sketch, guint32 key, guint64 amount);
VYRE_API gboolean vyre_sketch_try_add (
    VyreSketch *sketch, guint32 key, guint64 amount, GError **error);
VYRE_API guint64 vyre_sketch_estimate (const VyreSketch *sketch, guint32 key);
/* Adds @other, of equal shape, to @sketch. */
VYRE_API gboolean vyre_sketch_merge (
    VyreSketch *sketch, const VyreSketch *other, GError **error);

VYRE_API guint64 vyre_splitmix64 (guint64 value);

typedef struct
{
  VyreSketch ring_opcode; /* every slot */
  VyreSketch active_opcode; /* active slots */
  VyreSketch tenant; /* every slot */
  VyreSketch status; /* every slot, raw */
  VyreSketch dispatch_metrics; /* executions by opcode */
  guint64 total_slots, active_slots;
} VyreSketchTelemetry;

#define VYRE_SKETCH_TELEMETRY_INIT \
  { \
    VYRE_SKETCH_INIT \
  }
VYRE_API void vyre_sketch_telemetry_clear (VyreSketchTelemetry *sketches);
/* All five anew from a decoded snapshot. */
VYRE_API gboolean vyre_sketch_telemetry_build (VyreSketchTelemetry *sketches,
    const VyreTelemetry *telemetry, guint32 depth, guint32 width,
    GError **error);

G_END_DECLS
