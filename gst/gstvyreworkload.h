/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "gstvyreplan.h"

#include "engine/runtime.h"

G_BEGIN_DECLS

/**
 * A program ready to run on GstBuffers: tenant, uploaded code, and the memory
 * that outlives one run (constant and kept buffers).
 *
 * Nothing here but gst_vyre_workload_wait_room() waits for the GPU or for
 * memory: what cannot go on says so, and the caller decides how to wait.
 *
 * Threads: one streaming thread prepares and submits jobs; any thread may read
 * kept buffers.
 */
typedef struct _GstVyreWorkload GstVyreWorkload;

/* What must still be there after a run that failed. */
typedef enum
{
  GST_VYRE_SURVIVES_NOTHING, /* the stream ends */
  GST_VYRE_SURVIVES_KEPT, /* kept buffers, as they were before it */
  GST_VYRE_SURVIVES_INPUT, /* these, and the bytes of the input */
} GstVyreSurvival;

/* Lowers and uploads, and fills constant and kept buffers. plan: (transfer
 * full), also on failure. name: of the tenant. */
GstVyreWorkload *gst_vyre_workload_new (VyreRuntime *runtime, GstVyrePlan *plan,
    const char *name, GstVyreSurvival survival, GError **error);
/* Every submitted job must have been freed. */
void gst_vyre_workload_free (GstVyreWorkload *workload);

const GstVyrePlan *gst_vyre_workload_get_plan (GstVyreWorkload *workload);
VyreRuntime *gst_vyre_workload_get_runtime (GstVyreWorkload *workload);
VyreArena *gst_vyre_workload_get_arena (GstVyreWorkload *workload);
/* Must a run have ended before the next is submitted? True where a kept buffer
 * is written other than by commutative atomics, and where it must survive: the
 * shadow copy that restores it is of one run. */
gboolean gst_vyre_workload_is_ordered (GstVyreWorkload *workload);

/* Waits until the ring may have room again. */
void gst_vyre_workload_wait_room (GstVyreWorkload *workload, gint64 end_time);

/* Puts kept buffers back to what they start as. in_place: no submitted job can
 * touch them any more; else they get new memory, and G_FILE_ERROR_NOMEM is
 * possible. */
gboolean gst_vyre_workload_reset_kept (
    GstVyreWorkload *workload, gboolean in_place, GError **error);
/* (transfer full) (nullable): "vyre-kept" with a GstBuffer per kept buffer. */
GstStructure *gst_vyre_workload_get_kept (GstVyreWorkload *workload);

/**
 * GstVyreJob: one run on one buffer.
 *
 * From submission until the window has ended the GPU may read and write the
 * memory of input and output, so both stay referenced here: a pool upstream
 * must not get its buffer back before.
 */
typedef struct
{
  GstBuffer *input; /* %NULL when it leaves itself, as output */
  GstBuffer *output; /* what leaves */
  VyreWindow *window; /* once submitted */
  gint64 submitted; /* monotonic, µs */
  gboolean awaited; /* for the user: it was seen running */
  gsize copied; /* bytes copied to where the GPU reads */
  gsize in_place; /* bytes that it reads where they were */
  /*< private >*/
  VyreBinding *bindings;
  guint n_blocks;
  VyreBlock **blocks; /* references of ours, by slot, and one more */
} GstVyreJob;

typedef enum
{
  GST_VYRE_READY,
  GST_VYRE_NO_ROOM, /* try again once a block or a slot is free */
  GST_VYRE_FAILED,
} GstVyreProgress;

/* input: (transfer full), not empty, at most one frame long. */
GstVyreJob *gst_vyre_job_new (GstBuffer *input);
/* Finds memory, copies what must be copied, and makes the output buffer. */
GstVyreProgress gst_vyre_job_prepare (
    GstVyreJob *job, GstVyreWorkload *workload, GError **error);
GstVyreProgress gst_vyre_job_submit (GstVyreJob *job, GstVyreWorkload *workload,
    guint64 max_steps, GError **error);
/* After a fault: kept buffers of an ordered workload become what they were
 * before this job; nothing happens the second time. Two threads may find out
 * about the fault, and each must be sure of this before it goes on. */
void gst_vyre_job_undo (GstVyreJob *job, GstVyreWorkload *workload);
/* The same for the job that was submitted last. */
void gst_vyre_workload_undo_last (GstVyreWorkload *workload);
/* Not submitted, or ended. */
void gst_vyre_job_free (GstVyreJob *job);

/* length bytes, zeroed behind up to a multiple of four, or %NULL when the
 * arena has no room now. */
VyreBlock *gst_vyre_block_alloc_padded (VyreArena *arena, gsize length);

G_END_DECLS
