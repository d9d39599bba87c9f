/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstvyreworkload.h"

G_BEGIN_DECLS

/* What gstvyreworkload.c (the memory that lasts) and gstvyrejob.c (one run)
 * share. */

/* Memory of one slot that outlives a run. */
typedef struct
{
  VyreBlock *block; /* DATA, ZEROS that are never written, KEPT */
  guint8 *shadow; /* KEPT of an ordered workload */
} GstVyreLasting;

struct _GstVyreWorkload
{
  VyreRuntime *runtime; /* a reference */
  VyreTenant *tenant;
  VyreExecutable *executable;
  GstVyrePlan *plan;
  VyreFormats *formats; /* or NULL */
  VyreArena *arena; /* host arena of the runtime */
  GstVyreSurvival survival;
  gboolean ordered, is_polled;
  gboolean covers_outgoing;
  GMutex lock; /* lasting[].block of kept slots, shadowed */
  const GstVyreJob
      *shadowed; /* whose run the shadows undo; never looked into */
  GstVyreLasting *lasting; /* by slot */

  /* Streaming thread: memory of small runs is cut from one block. */
  VyreBlock *shared;
  gsize shared_used;
  GstVyreJob *taken; /* atomic: jobs to use again, unless somebody trims */

  /* What other threads write for every buffer stands in another line. */
  guint8 apart[64];
  GstVyreJob *spare; /* atomic: jobs that were freed, with their windows */
  gint refs; /* of users, together one; and one per job, spare ones too */
  gint users;
};

static inline gboolean
gst_vyre_workload_writes (GstVyreWorkload *workload, guint slot)
{
  return vyre_executable_writes (workload->executable, slot);
}

/* The GPU reads whole words, so what follows the last byte is there and zero. */
void gst_vyre_block_pad (VyreBlock *block, gsize length);
/* Copies data (zeros if %NULL) and the padding behind, and notes the write. */
void gst_vyre_block_fill (VyreBlock *block, GBytes *data, gsize length);

/* Is there a chance that bytes of the arena are free for it? */
gboolean gst_vyre_workload_fits (
    GstVyreWorkload *workload, const char *name, guint64 bytes, GError **error);

/* For a job that is about to be published. */
void gst_vyre_workload_take_shadows (
    GstVyreWorkload *workload, const GstVyreJob *job);

/* For jobs. */
void gst_vyre_workload_hold (GstVyreWorkload *workload);
void gst_vyre_workload_release (GstVyreWorkload *workload);

/* gstvyrejob.c: frees jobs that are not out, and what is cut up. Of the
 * streaming thread. */
void gst_vyre_workload_drop_spare (GstVyreWorkload *workload);
/* For the last user: the same, and jobs that are freed from now on are gone. */
void gst_vyre_workload_close (GstVyreWorkload *workload);

G_END_DECLS
