/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime/engine/runtime.h"

G_BEGIN_DECLS

/* Stands in for the engine behind vyreinterp: no GPU, and the test says when
 * runs end. Whatever the program, a run inverts the bytes of its first buffer
 * into its last one, or in place. */

typedef struct
{
  guint
      publishes; /* calls of vyre_windows_publish() that published something */
  guint published; /* windows, over all calls */
  guint most; /* of one call */
  guint prepared, rebound;
  guint refused; /* for want of a window */
  guint in_flight; /* published, not ended */
  guint windows; /* that exist */
  guint tenants; /* that exist */
  guint priority, quota; /* of the newest tenant, as set last */
  VyreEngine engine; /* of the newest executable, as set last */
  guint executables; /* made so far */
} FakeEngineCounts;

/* The one that vyre_runtime_acquire() gives; made at the first call. */
VyreRuntime *fake_engine (void);
void fake_engine_counts (FakeEngineCounts *counts);
void fake_engine_reset_counts (void);
/* While held, runs that were published do not end. */
void fake_engine_hold (gboolean hold);
/* Ends the n oldest ones. */
void fake_engine_end (guint n);
/* So many windows may be in flight; 0: any number. */
void fake_engine_set_slots (guint slots);
/* So many windows may exist; 0: any number. */
void fake_engine_set_windows (guint windows);
/* How long publishing takes, and a run. For runs from then on. */
void fake_engine_set_times (gint64 publish_us, gint64 run_us);
/* Is the kernel one that stays? For elements that begin from then on. */
void fake_engine_set_resident (gboolean resident);
/* Without it runs write nothing: what is left is the cost of the elements. */
void fake_engine_set_work (gboolean work);
/* The next run that ends fails with a trap. */
void fake_engine_fault_next (void);
/* The next publish fails, and all later ones. */
void fake_engine_lose (void);

G_END_DECLS
