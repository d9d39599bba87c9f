/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstvyresrc.h"

#include "gstvyrefeed.h"

G_BEGIN_DECLS

/* What the element (gstvyresrc.c) and its properties share. */

GST_DEBUG_CATEGORY_EXTERN (gst_vyre_src_debug);

struct _GstVyreSrc
{
  GstBaseSrc parent;

  /* properties, under OBJECT_LOCK */
  char *location;
  guint async_depth;
  VyreIoMode io_mode;

  gint buffer_lists; /* atomic */

  GMutex lock;
  /* under lock; reader and feed change in start() and stop() only, so that the
   * streaming thread reads them without */
  VyreReader *reader;
  GstVyreFeed *feed;
  gboolean flushing;
  const char *arena_kind;
  GstStructure *last_stats; /* of the time before stop() */

  /* streaming thread, start() and stop() */
  VyreIoMode opened_mode;
  VyreArena *proposed; /* by somebody downstream */
  gboolean has_arena; /* the feed has the one that follows from that */
  guint64 next_offset; /* do-timestamp streams in time: nobody else counts */
  gboolean announced; /* how the file is read */
  gulong position_probe; /* 0: no list has left yet */
};

/* gstvyresrcproperties.c */
void gst_vyre_src_install_properties (GObjectClass *klass);
void gst_vyre_src_init_properties (GstVyreSrc *self);
const char *gst_vyre_src_io_path_name (VyreIoPath path);
/* With lock. What #GstVyreSrc:stats tells; the caller's. */
GstStructure *gst_vyre_src_make_stats_locked (GstVyreSrc *self);

G_END_DECLS
