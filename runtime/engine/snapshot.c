/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the runtime tells about itself. */
#include "engine-private.h"

#include <string.h>

/* Longer than a copy ever takes, short for whoever waits. */
#define COPY_TIMEOUT_NS (50 * G_GUINT64_CONSTANT (1000000))

/* --- who copies ------------------------------------------------------------ */

static const char *
method_text (VyreCopyMethod method)
{
  switch (method) {
    case VYRE_COPY_TRANSFER:
      return "a transfer queue";
    case VYRE_COPY_KERNEL:
      return "a kernel on a queue of its own";
    default:
      return "the CPU: no queue is left beside the kernel's";
  }
}

/* With copy_lock. */
static gboolean
make_copier (VyreRuntime *runtime, VyreCopyMethod method, GError **error)
{
  gsize bytes =
      runtime->control->size + runtime->ring->size + runtime->door->size;

  g_clear_pointer (&runtime->copier, vyre_copier_free);
  runtime->copy_chosen = TRUE;
  runtime->copy_method = VYRE_COPY_NONE;
  if (method != VYRE_COPY_NONE) {
    runtime->copier = vyre_copier_new (runtime->device, method, bytes, error);
    if (runtime->copier == NULL)
      return FALSE;
    runtime->copy_method = method;
  }
  return TRUE;
}

/* With copy_lock. Where the CPU reads the ring as fast as anything else, it
 * does. */
static void
choose_copier (VyreRuntime *runtime)
{
  VyreCopyMethod method = runtime->info->type == VYRE_DEVICE_CPU
                              ? VYRE_COPY_NONE
                              : vyre_device_get_copy_method (runtime->device);
  g_autoptr (GError) error = NULL;

  if (make_copier (runtime, method, &error))
    g_info ("%s: snapshots by %s", runtime->info->name, method_text (method));
  else
    g_warning (
        "%s: snapshots by the CPU: %s", runtime->info->name, error->message);
}

gboolean
vyre_runtime_use_copy_method (
    VyreRuntime *runtime, VyreCopyMethod method, GError **error)
{
  gboolean made;

  g_mutex_lock (&runtime->copy_lock);
  made = make_copier (runtime, method, error);
  g_mutex_unlock (&runtime->copy_lock);
  return made;
}

/* With copy_lock. %FALSE when the GPU did not. */
static gboolean
copy_by_gpu (VyreRuntime *runtime, VyreRuntimeSnapshot *snapshot, guint32 *door)
{
  VyreMemory *sources[] = { runtime->control, runtime->ring, runtime->door };
  g_autoptr (GError) error = NULL;
  const guint8 *copy;

  if (runtime->copier == NULL || vyre_is_exiting ())
    return FALSE;
  copy = vyre_copier_run (runtime->copier, sources, G_N_ELEMENTS (sources),
      COPY_TIMEOUT_NS, &error);
  if (copy != NULL) {
    memcpy (snapshot->control, copy, VYRE_CONTROL_WORDS * 4);
    copy += runtime->control->size;
    memcpy (snapshot->ring, copy, (gsize) runtime->slots * VYRE_SLOT_BYTES);
    memcpy (door, copy + runtime->ring->size, VYRE_DOOR_WORDS * 4);
    snapshot->method = runtime->copy_method == VYRE_COPY_TRANSFER
                           ? VYRE_SNAPSHOT_TRANSFER
                           : VYRE_SNAPSHOT_KERNEL;
    return TRUE;
  }
  if (!runtime->copy_was_late) {
    runtime->copy_was_late = TRUE;
    g_warning ("%s: a snapshot by %s %s; the CPU reads instead, now and "
               "whenever that happens again",
        runtime->info->name, method_text (runtime->copy_method),
        error ? error->message : "did not end in time");
  }
  return FALSE;
}

/* Not under the runtime's lock: it takes a while, and tearing is harmless. */
static void
copy_words (VyreRuntime *runtime, VyreRuntimeSnapshot *snapshot, guint32 *door)
{
  gint64 start;

  g_mutex_lock (&runtime->copy_lock);
  if (!runtime->copy_chosen)
    choose_copier (runtime);
  start = g_get_monotonic_time ();
  snapshot->taken_at = start;
  if (!copy_by_gpu (runtime, snapshot, door)) {
    snapshot->method = VYRE_SNAPSHOT_CPU;
    memcpy (snapshot->control, runtime->control->map, VYRE_CONTROL_WORDS * 4);
    memcpy (snapshot->ring, runtime->ring->map,
        (gsize) runtime->slots * VYRE_SLOT_BYTES);
    memcpy (door, runtime->door->map, VYRE_DOOR_WORDS * 4);
  }
  snapshot->capture_ns = (guint64) (g_get_monotonic_time () - start) * 1000;
  g_mutex_unlock (&runtime->copy_lock);
}

/* --- snapshots ------------------------------------------------------------- */

/* The snapshot's own storage. */
static void
make_room (VyreRuntime *runtime, VyreRuntimeSnapshot *snapshot)
{
  if (snapshot->control_words != VYRE_CONTROL_WORDS)
    snapshot->control =
        g_renew (guint32, snapshot->control, VYRE_CONTROL_WORDS);
  if (snapshot->ring_slots != runtime->slots)
    snapshot->ring = g_renew (
        guint32, snapshot->ring, (gsize) runtime->slots * VYRE_SLOT_WORDS);
  snapshot->control_words = VYRE_CONTROL_WORDS;
  snapshot->ring_slots = runtime->slots;
}

static guint64
count_resident_bytes (VyreRuntime *runtime)
{
  VyreMemory *counted[] = { runtime->control, runtime->ring,
    runtime->descriptors, runtime->areas, runtime->area_map, runtime->door,
    runtime->code_memory };
  VyreArena *device_arena = vyre_runtime_get_device_arena (runtime);
  guint64 bytes = device_arena ? vyre_arena_get_size (device_arena) : 0;

  for (guint i = 0; i < G_N_ELEMENTS (counted); i++)
    bytes += counted[i]->size;
  return bytes;
}

/* The words of the control block that count what the doorbell and the runtime
 * count. With the runtime's lock. */
static void
fill_in (VyreRuntime *runtime, guint32 *control, const guint32 *door)
{
  guint32 claimed = 0, yielded = 0, published = 0;

  for (guint i = 0; i < VYRE_PRI_LEVELS; i++) {
    claimed += door[VYRE_DOOR_CLAIMED + i];
    yielded += door[VYRE_DOOR_YIELDED + i];
    published += runtime->levels[i].published - runtime->levels[i].n_answered;
  }
  control[VYRE_C_CLAIMED] = claimed;
  control[VYRE_C_YIELDED] = yielded;
  control[VYRE_C_TAIL] = published;
  control[VYRE_C_OLDEST] = (guint32) runtime->tiles_done;
  control[VYRE_C_STEPS_LO] = (guint32) runtime->steps;
  control[VYRE_C_STEPS_HI] = (guint32) (runtime->steps >> 32);
}

void
vyre_runtime_snapshot_again (
    VyreRuntime *runtime, VyreRuntimeSnapshot *snapshot)
{
  guint32 door[VYRE_DOOR_WORDS];

  make_room (runtime, snapshot);
  copy_words (runtime, snapshot, door);
  snapshot->residency = runtime->residency;
  snapshot->resident_device_bytes = count_resident_bytes (runtime);

  g_mutex_lock (&runtime->lock);
  fill_in (runtime, snapshot->control, door);
  snapshot->idle_exits = runtime->n_idle_exits;
  snapshot->windows_restarted = runtime->n_restarts;
  snapshot->unattended_us = runtime->unattended_us;
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
  __atomic_add_fetch (&runtime->copied, copied, __ATOMIC_RELAXED);
  __atomic_add_fetch (&runtime->avoided, avoided, __ATOMIC_RELAXED);
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
