/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the runtime tells about itself. */
#include "engine-private.h"

#include <string.h>

/* The snapshot's own storage. */
static void
make_room (VyreRuntime *runtime, VyreRuntimeSnapshot *snapshot)
{
  if (snapshot->control_words != VYRE_CONTROL_MIN_WORDS)
    snapshot->control =
        g_renew (guint32, snapshot->control, VYRE_CONTROL_MIN_WORDS);
  if (snapshot->ring_slots != runtime->slots)
    snapshot->ring = g_renew (
        guint32, snapshot->ring, (gsize) runtime->slots * VYRE_SLOT_WORDS);
  snapshot->control_words = VYRE_CONTROL_MIN_WORDS;
  snapshot->ring_slots = runtime->slots;
}

/* Outside the lock: slow on a discrete device, and tearing is harmless. */
static void
copy_words (VyreRuntime *runtime, VyreRuntimeSnapshot *snapshot)
{
  gint64 start = g_get_monotonic_time ();

  snapshot->taken_at = start;
  snapshot->method = VYRE_SNAPSHOT_CPU;
  memcpy (snapshot->control, runtime->control->map, VYRE_CONTROL_MIN_WORDS * 4);
  memcpy (snapshot->ring, runtime->ring->map,
      (gsize) runtime->slots * VYRE_SLOT_BYTES);
  snapshot->capture_ns = (guint64) (g_get_monotonic_time () - start) * 1000;
}

static guint64
count_resident_bytes (VyreRuntime *runtime)
{
  VyreMemory *counted[] = { runtime->control, runtime->ring,
    runtime->descriptors, runtime->areas, runtime->area_map,
    runtime->code_memory };
  VyreArena *device_arena = vyre_runtime_get_device_arena (runtime);
  guint64 bytes = device_arena ? vyre_arena_get_size (device_arena) : 0;

  for (guint i = 0; i < G_N_ELEMENTS (counted); i++)
    bytes += counted[i]->size;
  return bytes;
}

void
vyre_runtime_snapshot_again (
    VyreRuntime *runtime, VyreRuntimeSnapshot *snapshot)
{
  make_room (runtime, snapshot);
  copy_words (runtime, snapshot);
  snapshot->residency = runtime->residency;
  snapshot->resident_device_bytes = count_resident_bytes (runtime);

  g_mutex_lock (&runtime->lock);
  snapshot->kernel_compile_ns = runtime->kernel_compile_ns;
  snapshot->launches = runtime->n_launched;
  snapshot->generations = runtime->n_generations;
  snapshot->windows_submitted = runtime->windows_submitted;
  snapshot->windows_done = runtime->windows_done;
  snapshot->windows_faulted = runtime->windows_faulted;
  snapshot->windows_cancelled = runtime->windows_cancelled;
  snapshot->tiles_published = runtime->tiles_published;
  snapshot->tiles_done = runtime->tiles_done;
  snapshot->bytes_bound = runtime->bytes_bound;
  snapshot->tenants = runtime->n_tenants;
  snapshot->windows_in_flight = runtime->windows.length;
  vyre_runtime_unlock (runtime);
}

void
vyre_runtime_snapshot (VyreRuntime *runtime, VyreRuntimeSnapshot *snapshot)
{
  memset (snapshot, 0, sizeof *snapshot);
  vyre_runtime_snapshot_again (runtime, snapshot);
}

void
vyre_runtime_snapshot_clear (VyreRuntimeSnapshot *snapshot)
{
  g_clear_pointer (&snapshot->control, g_free);
  g_clear_pointer (&snapshot->ring, g_free);
  snapshot->control_words = snapshot->ring_slots = 0;
}

guint64
vyre_runtime_get_serial (VyreRuntime *runtime)
{
  return runtime->serial;
}

void
vyre_runtime_note_copy (VyreRuntime *runtime, guint64 copied, guint64 avoided)
{
  g_mutex_lock (&runtime->lock);
  runtime->copied += copied;
  runtime->avoided += avoided;
  vyre_runtime_unlock (runtime);
}

void
vyre_runtime_get_copies (
    VyreRuntime *runtime, guint64 *copied, guint64 *avoided)
{
  g_mutex_lock (&runtime->lock);
  *copied = runtime->copied;
  *avoided = runtime->avoided;
  vyre_runtime_unlock (runtime);
  /* Constant since the runtime was made. */
  for (guint i = 0; i < runtime->n_mapped; i++)
    *copied += vyre_arena_get_copied (runtime->mapped[i].arena) -
               runtime->mapped[i].copied_before;
}
