/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "gstvyreplan.h"

#include "engine/runtime.h"
#include "telemetry/format.h"

G_BEGIN_DECLS

/**
 * A program ready to run on GstBuffers: tenant, uploaded code, and the memory
 * that outlives one run (constant and kept buffers).
 *
 * Nothing here but gst_vyre_workload_wait_room() waits for the GPU or for
 * memory: what cannot go on says so, and the caller decides how to wait.
 *
 * Threads: one streaming thread makes and prepares jobs; jobs are published by
 * one thread at a time and freed by any; any thread may read kept buffers.
 * Reference counted; what a job needs of it stays until that is freed.
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
GstVyreWorkload *gst_vyre_workload_ref (GstVyreWorkload *workload);
void gst_vyre_workload_unref (GstVyreWorkload *workload);

const GstVyrePlan *gst_vyre_workload_get_plan (GstVyreWorkload *workload);
VyreRuntime *gst_vyre_workload_get_runtime (GstVyreWorkload *workload);
guint gst_vyre_workload_get_tenant_id (GstVyreWorkload *workload);
/* How to show what the program prints; formats: (transfer full), before the first
 * job. %NULL if it prints nothing. */
void gst_vyre_workload_take_formats (
    GstVyreWorkload *workload, VyreFormats *formats);
VyreFormats *gst_vyre_workload_get_formats (GstVyreWorkload *workload);
VyreArena *gst_vyre_workload_get_arena (GstVyreWorkload *workload);
/* Must a run have ended before the next is submitted? True where a kept buffer
 * is written other than by commutative atomics, and where it must survive: the
 * shadow copy that restores it is of one run. */
gboolean gst_vyre_workload_is_ordered (GstVyreWorkload *workload);
/* Is looking for the end of a run, for as long as short ones take, better than
 * sleeping? Not where the CPU is the device. */
gboolean gst_vyre_workload_is_polled (GstVyreWorkload *workload);

/* Waits until the ring may have room again. */
void gst_vyre_workload_wait_room (GstVyreWorkload *workload, gint64 end_time);

/* Puts kept buffers back to what they start as. in_place: no submitted job can
 * touch them any more; else they get new memory, and G_FILE_ERROR_NOMEM is
 * possible. */
gboolean gst_vyre_workload_reset_kept (
    GstVyreWorkload *workload, gboolean in_place, GError **error);
/* (transfer full) (nullable): "vyre-kept" with a GstBuffer per kept buffer. */
GstStructure *gst_vyre_workload_get_kept (GstVyreWorkload *workload);
/* Gives up what is kept for buffers yet to come: windows and the memory that they
 * hold. Any thread. */
void gst_vyre_workload_trim (GstVyreWorkload *workload);
/* What runs it, and what does so now; reason is newly allocated, set when
 * REFUSED. Any thread. */
void gst_vyre_workload_set_engine (
    GstVyreWorkload *workload, VyreEngine engine);
VyreTier gst_vyre_workload_get_tier (GstVyreWorkload *workload, char **reason);
/* Its level (VYRE_PRI_*) and how many of its slots may be claimed at once (0:
 * no limit). Any thread. */
void gst_vyre_workload_set_share (
    GstVyreWorkload *workload, guint priority, guint quota);

/**
 * GstVyreJob: one run on one buffer.
 *
 * From publishing until the window has ended the GPU may read and write the
 * memory of input and output, so both stay referenced here: a pool upstream
 * must not get its buffer back before. Jobs that were freed are used again, with
 * their windows.
 */
typedef struct _GstVyreJob GstVyreJob;
struct _GstVyreJob
{
  GstVyreWorkload *workload; /* stays, also without users */
  GstBuffer *input; /* %NULL when it leaves itself, as output */
  GstBuffer *output; /* what leaves, once prepared */
  VyreWindow *window; /* once prepared */
  gint64 submitted; /* monotonic, µs; 0: not published */
  gboolean awaited; /* for the user: it was seen running */
  gsize copied; /* bytes copied to where the GPU reads */
  gsize in_place; /* bytes that it reads where they were */
  gsize bytes; /* of the arena, held by it */
  /*< private >*/
  guint64 max_steps; /* of the window */
  VyreBlock *log; /* a reference, once prepared; %NULL: the program has none */
  VyreBinding *bindings;
  VyreBlock **blocks; /* by slot, while preparing: references */
  GstVyreJob *next; /* spare */
};

/* Jobs published at a time. */
#define GST_VYRE_PUBLISH_MAX 16

typedef enum
{
  GST_VYRE_READY,
  GST_VYRE_NO_ROOM, /* try again once a block of the arena is free */
  GST_VYRE_BUSY, /* try again once a run of anybody has ended */
  GST_VYRE_FAILED,
} GstVyreProgress;

/* input: (transfer full), not empty, at most one frame long. */
GstVyreJob *gst_vyre_job_new (GstVyreWorkload *workload, GstBuffer *input);
/* Finds memory, copies what must be copied, binds the window and makes the
 * output buffer. The job holds no memory and its input is untouched unless that
 * has worked. */
GstVyreProgress gst_vyre_job_prepare (
    GstVyreJob *job, guint64 max_steps, GError **error);
/* Publishes prepared jobs of one runtime in this order, at most
 * GST_VYRE_PUBLISH_MAX. Returns how many: fewer than n without an error when
 * the ring is full. Of an ordered workload one at a time. */
guint gst_vyre_jobs_publish (GstVyreJob *const *jobs, guint n, GError **error);
/* After a fault: kept buffers of an ordered workload become what they were
 * before this job; nothing happens the second time. Two threads may find out
 * about the fault, and each must be sure of this before it goes on. */
void gst_vyre_job_undo (GstVyreJob *job);
/* The same for the job that was published last. */
void gst_vyre_workload_undo_last (GstVyreWorkload *workload);
/* What it has printed, once it has ended: a debug log of ring-protocol.md
 * section 11, %NULL if the program has none. */
const void *gst_vyre_job_get_log (const GstVyreJob *job, gsize *bytes);
/* Not published, or ended. */
void gst_vyre_job_free (GstVyreJob *job);

/* length bytes, zeroed behind up to a multiple of four, or %NULL when the
 * arena has no room now. */
VyreBlock *gst_vyre_block_alloc_padded (VyreArena *arena, gsize length);

G_END_DECLS
