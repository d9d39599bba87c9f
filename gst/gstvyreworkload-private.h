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
  gint refs; /* one of the element, and one per job that is out */
  VyreRuntime *runtime; /* a reference */
  VyreTenant *tenant;
  VyreExecutable *executable;
  GstVyrePlan *plan;
  VyreFormats *formats; /* or NULL */
  VyreArena *arena; /* host arena of the runtime */
  GstVyreSurvival survival;
  gboolean ordered;
  gboolean covers_outgoing;
  GMutex lock; /* lasting[].block of kept slots, shadowed, spare */
  const GstVyreJob
      *shadowed; /* whose run the shadows undo; never looked into */
  GstVyreLasting *lasting; /* by slot */

  GstVyreJob *spare; /* jobs that can be used again, with their windows */

  /* Streaming thread: memory of small runs is cut from one block. */
  VyreBlock *shared;
  gsize shared_used;
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

/* gstvyrejob.c: frees jobs that are not out, and what is cut up. Of the
 * streaming thread. */
void gst_vyre_workload_drop_spare (GstVyreWorkload *workload);

G_END_DECLS
