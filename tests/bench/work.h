/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bench.h"
#include "engine/runtime.h"

G_BEGIN_DECLS

/* A runtime and a tenant of it; one thread. */
typedef struct
{
  VyreRuntime *runtime;
  VyreTenant *tenant;
  VyreResidency residency;      /* the one in effect */
} BenchWork;

/* UNAVAILABLE: the device or somebody else's runtime does not allow that
 * residency. */
BenchWork *bench_work_open (Bench *bench, VyreResidency residency,
    GError **error);
void bench_work_close (BenchWork *work);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchWork, bench_work_close)

/* Is this what a device or a bounded runtime does not have, and no fault? */
gboolean bench_is_refusal (const GError *error);
/* Notes a refusal in its row; anything else becomes the caller's error and
 * makes it FALSE. Takes refused. */
gboolean bench_skip_or_fail (BenchRow *row, GError *refused, GError **error);

/* For people: "resident" or "sliced". */
const char *bench_residency_name (VyreResidency residency);

/* UNAVAILABLE when the runtime has no such arena, or no room in it. */
VyreBlock *bench_work_alloc (BenchWork *work, VyreArenaKind kind, gsize size,
    GError **error);
/* From text form. UNAVAILABLE when that engine does not take it. JIT: waits
 * until it is compiled. */
VyreExecutable *bench_work_load (BenchWork *work, const char *text,
    VyreEngine engine, GError **error);

/* n windows over n pieces of memory, prepared; all run the first of
 * bench_programs. */
typedef struct
{
  gsize bytes;                  /* of the input, and of the output */
  guint n;
  VyreBlock **in, **out;
  VyreWindow **windows;
} BenchItems;

/* At least min and at most max of them: as many as the runtime gives memory
 * and, when they are published, descriptors for; UNAVAILABLE when that is less
 * than min. The input is filled, and each has run once. */
BenchItems *bench_items_new (BenchWork *work, VyreEngine engine,
    VyreArenaKind kind, gsize bytes, guint min, guint max, GError **error);
/* Keeps the first n. */
void bench_items_shrink (BenchItems *items, guint n);
void bench_items_free (BenchItems *items);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchItems, bench_items_free)

/* Publishes n windows; where the ring is full, waits for room. */
gboolean bench_publish (BenchWork *work, VyreWindow *const *windows, guint n,
    GError **error);
/* Waits for n windows to end. */
gboolean bench_wait (VyreWindow *const *windows, guint n, GError **error);
/* Publishes @batch items at once, @depth such batches in flight, for at least
 * duration_us. rate: items a second, may be %NULL. Needs batch * depth items. */
gboolean bench_items_stream (BenchWork *work, BenchItems *items, guint batch,
    guint depth, gint64 duration_us, double *rate, GError **error);
/* Once more with other data, and compares what comes out of a few of them. */
gboolean bench_items_verify (BenchWork *work, BenchItems *items,
    const char *what, GError **error);
/* Did these windows, which have ended, end well? Not for hot paths. */
gboolean bench_all_done (VyreWindow *const *windows, guint n, GError **error);

/* Monotonic µs from now: longer than anything takes that is not stuck. */
gint64 bench_deadline (void);

G_END_DECLS
