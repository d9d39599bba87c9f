/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Windows -> slots of the ring. Everything here runs under the lock. */

#include "engine-private.h"

/* A window's share of its level: so many windows of a tenant stay well below
 * what it may have. */
#define LEVEL_SHARE 16
/* So many windows in flight are cut fine, or fairly. */
#define FEW_WINDOWS 4
#define MANY_WINDOWS 16
/* Tiles of all windows in flight that keep a GPU busy: more cost the host more
 * time than the GPU needs for them. But what takes long is shared out better. */
#define TILES_AT_ONCE 4096
#define LONG_TILES_AT_ONCE 16384

/* --- room ------------------------------------------------------------------- */

static guint
slot_of (const VyreLevel *level, guint64 sequence)
{
  return level->first + (guint) (sequence & (level->slots - 1));
}

/* The first sequence from which on n slots in a row are free. A window that
 * stays long holds its own slots up and no others. FALSE: there is none. */
static gboolean
find_slots (VyreRuntime *runtime, VyreLevel *level, guint n, guint64 *first)
{
  guint64 start = level->next_sequence;

  for (guint run = 0; run < n;) {
    VyreWindow *owner = runtime->owners[slot_of (level, start + run)];

    if (owner != NULL && !vyre_window_reap (owner)) {
      start += run + 1;
      run = 0;
      if (start - level->next_sequence >= level->slots)
        return FALSE;
      continue;
    }
    run++;
  }
  *first = start;
  return TRUE;
}

gboolean
vyre_level_find_room (const VyreWindow *window, VyreLevel *level, guint n,
    guint64 *first, GError **error)
{
  VyreRuntime *runtime = window->runtime;
  guint kept = 0;

  if (runtime->failed) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LOST,
        "the runtime of %s has failed: %s", runtime->info->name,
        runtime->failure);
    return FALSE;
  }
  if (runtime->draining && !window->is_restarting) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_SHUTDOWN,
        "the runtime of %s is being shut down; acquire a new one",
        runtime->info->name);
    return FALSE;
  }
  /* A tenant that has its part, and at most a quarter, of the ring leaves a
   * quarter to others: what it runs may never end, and whoever has nothing could
   * not get in between those who publish again at once. */
  if ((guint64) (runtime->uses[window->tenant].slots + 1) *
          MAX (runtime->n_tenants + 1, 4) >
      level->slots)
    kept = level->slots / 4;
  if (level->used + n + kept > level->slots)
    vyre_runtime_reap (runtime);
  if (level->used + n + kept > level->slots ||
      !find_slots (runtime, level, n, first)) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY,
        "the ring is full: %u slots in a row are wanted, %u of %u are free, of "
        "which %u are for other tenants; wait for a window to end",
        n, level->slots - level->used, level->slots, kept);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_compiling (VyreExecutable *executable, GError **error)
{
  if (vyre_executable_should_wait (executable))
    vyre_runtime_reap (executable->runtime);
  if (!vyre_executable_should_wait (executable))
    return TRUE;
  g_set_error_literal (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY,
      "the program is being compiled; wait for a window to end");
  return FALSE;
}

/* Takes descriptors of windows that are not in flight, from those that have not
 * been for longest, until more than n are free. They get another one when they
 * are published, as long as there is one. */
static void
recall_descriptors (VyreRuntime *runtime, guint n)
{
  /* Each at most twice: what was used since gets behind the others. */
  for (guint left = 2 * runtime->holders.length;
       left > 0 && runtime->n_free_descriptors <= n; left--) {
    VyreWindow *window = g_queue_peek_head (&runtime->holders);

    if (!window->was_used &&
        vyre_window_state (window) != VYRE_WINDOW_RUNNING) {
      vyre_window_release_descriptor (window);
      continue;
    }
    window->was_used = FALSE;
    g_queue_unlink (&runtime->holders, &window->holder_link);
    g_queue_push_tail_link (&runtime->holders, &window->holder_link);
  }
}

gboolean
vyre_window_reserve (VyreWindow *window, GError **error)
{
  VyreRuntime *runtime = window->runtime;
  VyreTenantUse *use = &runtime->uses[window->tenant];
  guint kept = 0;

  if (window->has_descriptor)
    return TRUE;
  /* As with slots: some are for other tenants. */
  if (use->descriptors >= runtime->n_descriptors / 4)
    kept = runtime->n_descriptors / 4;
  if (runtime->n_free_descriptors <= kept)
    vyre_runtime_reap (runtime);
  recall_descriptors (runtime, kept);
  if (runtime->n_free_descriptors <= kept) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY,
        "all window descriptors are in use: the tenant has %u, %u of %u are "
        "free, of which %u are for other tenants; wait for a window to end",
        use->descriptors, runtime->n_free_descriptors, runtime->n_descriptors,
        kept);
    return FALSE;
  }
  window->descriptor = runtime->free_descriptors[--runtime->n_free_descriptors];
  window->has_descriptor = TRUE;
  use->descriptors++;
  if (window->kept) {
    g_queue_push_tail_link (&runtime->holders, &window->holder_link);
    window->was_used = FALSE;
  }
  return TRUE;
}

/* --- tiles -------------------------------------------------------------------- */

static gboolean
is_quick (const VyreWindow *window)
{
  return !window->is_restarting &&
         vyre_executable_is_quick (window->executable);
}

/* Enough tiles to keep the workgroups of a launch busy: windows are cut fine
 * while there are few of them, and coarsely where there are many, since every
 * tile costs the host a slot and a record, and few workgroups as much time as
 * they need for a thousand words. n: windows in flight. */
static guint32
count_tiles (const VyreWindow *window, guint n)
{
  const VyreRuntime *runtime = window->runtime;
  guint64 batches = window->batches;
  guint of_tile = 2; /* batches, log2 */
  guint most = runtime->workgroups / n;

  if (runtime->parallel) {
    gboolean quick = is_quick (window);

    of_tile = n <= FEW_WINDOWS ? 0 : n <= MANY_WINDOWS ? 2 : 4;
    guint team = quick ? window->executable->compiled->team : 1;
    /* A team's batch is as wide as a few. */
    if (team > 1)
      of_tile = n <= MANY_WINDOWS ? 0 : 2;
    most = (quick ? TILES_AT_ONCE / team : LONG_TILES_AT_ONCE) / n;
    if (quick)
      batches = ((guint64) window->groups * window->group_size - 1) /
                    window->executable->batch +
                1;
  }
  guint64 tiles = MIN (((batches - 1) >> of_tile) + 1, window->groups);
  return MIN (tiles, MAX (most, 1));
}

/* A window in tiles: the k-th begins with workgroup k * apart and is what words
 * say in TILE_COUNT, but for the last one of those that are not strided. */
typedef struct
{
  guint n;
  guint32 apart, count;
} Tiles;

/* Batches of one place in memory are then worked on at the same time
 * (docs/decisions.md). */
static gboolean
can_stride (const VyreWindow *window)
{
  const VyreExecutable *executable = window->executable;

  return window->runtime->parallel && is_quick (window) &&
         executable->batch % window->group_size == 0 &&
         (guint64) window->groups * window->group_size <= G_MAXINT32;
}

/* with: windows published together. */
static gboolean
split (const VyreWindow *window, const VyreLevel *level, guint with,
    Tiles *tiles, GError **error)
{
  guint32 groups = window->groups;
  guint32 n = count_tiles (window, window->runtime->windows.length + with);

  n = MIN (n, MIN (level->slots / LEVEL_SHARE, VYRE_MAX_TILES));
  if (n > 1 && can_stride (window)) {
    *tiles = (Tiles){ n, window->executable->batch / window->group_size, 0 };
    tiles->count = VYRE_TILE_STRIDED | n * tiles->apart;
    return TRUE;
  }
  *tiles = (Tiles){ 1, groups, groups };
  if (n > 1) {
    tiles->apart = tiles->count = (groups - 1) / n + 1;
    tiles->n = (groups - 1) / tiles->apart + 1;
  }
  if ((guint64) tiles->apart * window->group_size > G_MAXINT32) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "%u workgroups of %u invocations are more than one dispatch may have; "
        "use smaller buffers",
        groups, window->group_size);
    return FALSE;
  }
  return TRUE;
}

/* The kernel generation that the window needs, as kernels compare it. */
static guint32
residency_for (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;
  VyreKernel *kernel = window->kernel;
  guint64 required = 0;

  for (guint i = 0; i < window->n_bindings; i++) {
    const VyreBinding *binding = &window->bindings[i];
    const VyreLoweredBuffer *buffer = &window->executable->lowered->buffers[i];

    if (binding->block == NULL)
      continue;
    /* What is written only may be stale: nobody looks. */
    if (!(buffer->loaded || buffer->atomic)) {
      vyre_generation_note_read (runtime, binding->block, binding->offset,
          binding->length, runtime->generation);
      continue;
    }
    guint64 wanted = vyre_generation_require (
        runtime, binding->block, binding->offset, binding->length);
    required = MAX (required, wanted);
  }
  window->newest_reader = runtime->generation;
  if (required > runtime->generation && required > kernel->required &&
      runtime->n_launches > 0)
    runtime->n_generations++;
  kernel->required = MAX (kernel->required, required);
  /* Kernels compare modulo 2^32. */
  if (runtime->generation > G_MAXINT32 / 2)
    required = MAX (required, runtime->generation - G_MAXINT32 / 2);
  return (guint32) required;
}

/* Lock held. Gives the window's descriptor a generation that no slot, no
 * cancellation and no other window has named; if it says what it said before,
 * that one will do. */
static void
write_descriptor (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;

  gboolean described = window->described && !window->rebound;
  if (described && !window->cancel_asked)
    return;
  /* 0 never names a window: the CANCEL word of a fresh descriptor is 0. */
  if (++runtime->descriptor_generation[window->descriptor] == 0)
    runtime->descriptor_generation[window->descriptor] = 1;
  window->descriptor_generation =
      runtime->descriptor_generation[window->descriptor];
  if (described)
    vyre_poke (runtime->descriptors,
        window->descriptor * VYRE_DESCRIPTOR_WORDS + VYRE_X_GENERATION,
        window->descriptor_generation);
  else
    vyre_window_describe (window);
  window->rebound = FALSE;
}

static void
write_slots (
    VyreWindow *window, const Tiles *tiles, guint32 residency, gboolean oldest)
{
  VyreRuntime *runtime = window->runtime;
  VyreLevel *level = &runtime->levels[window->level];
  guint32 opcode =
      vyre_ring_tenant_base (window->tenant) + VYRE_TENANT_OP_RUN_TILE;
  guint32 kernel =
      window->kernel->id != 0 ? window->kernel->id : window->kernel->features;

  for (guint tile = 0; tile < window->n_tiles; tile++) {
    guint64 sequence = window->first_sequence + tile;
    guint32 first = tile * tiles->apart;
    guint at = slot_of (level, sequence);
    guint32 *slot = runtime->shadow + at * VYRE_SLOT_WORDS;

    slot[VYRE_W_STATUS] = VYRE_ST_PUBLISHED;
    slot[VYRE_W_OPCODE] = opcode;
    slot[VYRE_W_TENANT] = window->tenant;
    slot[VYRE_W_PRIORITY] = window->level;
    slot[VYRE_A_TICKET] = runtime->next_ticket;
    slot[VYRE_A_CLASS] =
        oldest ? VYRE_RING_CLASS_REQUIRED : VYRE_RING_CLASS_LOOKAHEAD;
    slot[VYRE_A_DESCRIPTOR] = window->descriptor;
    slot[VYRE_A_WINDOW_GENERATION] = window->descriptor_generation;
    slot[VYRE_A_TILE_FIRST] = first;
    slot[VYRE_A_TILE_COUNT] = (tiles->count & VYRE_TILE_STRIDED) != 0
                                  ? tiles->count
                                  : MIN (tiles->count, window->groups - first);
    slot[VYRE_A_RESIDENCY] = residency;
    slot[VYRE_A_SEQUENCE] = (guint32) (sequence + 1);
    slot[VYRE_A_KERNEL] = kernel;
    slot[VYRE_A_SAVE_AREA] = 0;
    slot[VYRE_A_PROGRESS] = 0;
    slot[VYRE_A_ERROR] = 0;
    runtime->owners[at] = window;
    runtime->publishing[runtime->n_publishing++] = at;
  }
}

void
vyre_window_take_off (
    VyreWindow *window, guint number, guint64 first, guint n, gint64 now)
{
  VyreRuntime *runtime = window->runtime;
  VyreTenantUse *use = &runtime->uses[window->tenant];
  VyreLevel *level = &runtime->levels[number];

  /* Who waits for one that begins again may be looking. */
  __atomic_store_n (&window->level, number, __ATOMIC_RELAXED);
  __atomic_store_n (&window->first_sequence, first, __ATOMIC_RELAXED);
  __atomic_store_n (&window->n_tiles, n, __ATOMIC_RELAXED);
  window->next_tile = 0;
  window->saw_cancelled = FALSE;
  window->code = VYRE_FAULT_NONE;
  window->address = window->tag = window->fault_pc = 0;
  g_clear_pointer (&window->message, g_free);
  window->steps = 0;
  window->slices = 0;
  window->published_at = now;

  level->next_sequence = first + n;
  level->published += n;
  level->used += n;
  level->touched = TRUE;
  use->slots += n;
  window->kernel->n_windows++;
  window->kernel->n_published++;
  runtime->tiles_published += n;
  if (window->is_restarting) {
    window->is_restarting = FALSE;
    runtime->n_restarting--;
    return;
  }

  use->windows++;
  vyre_window_set_state (window, VYRE_WINDOW_RUNNING);
  vyre_window_ref (window);
  g_queue_push_tail_link (&runtime->windows, &window->link);
  runtime->windows_submitted++;
  runtime->bytes_bound += window->n_bytes;
}

gboolean
vyre_window_enqueue (VyreWindow *window, guint with, gint64 now, GError **error)
{
  VyreRuntime *runtime = window->runtime;
  VyreTenantUse *use = &runtime->uses[window->tenant];
  VyreLevel *level = &runtime->levels[use->level];
  gboolean oldest = g_queue_is_empty (&runtime->windows);
  guint64 first;
  Tiles tiles;

  if (!split (window, level, with, &tiles, error) ||
      !vyre_window_reserve (window, error))
    return FALSE;
  if (!check_compiling (window->executable, error) ||
      !vyre_level_find_room (window, level, tiles.n, &first, error)) {
    if (!window->kept)
      vyre_window_release_descriptor (window);
    return FALSE;
  }

  window->was_used = TRUE;
  window->kernel = vyre_window_choose_kernel (window);
  if (window->kernel->id != 0)
    runtime->windows_compiled++;
  gboolean again = window->is_restarting;
  vyre_window_take_off (window, use->level, first, tiles.n, now);
  window->executable->n_in_flight++;
  write_descriptor (window);
  window->cancel_asked = FALSE;
  window->restarts = FALSE;
  write_slots (window, &tiles, residency_for (window), oldest);

  if (!again)
    vyre_window_note_published (window);
  return TRUE;
}

/* --- the doorbell ----------------------------------------------------------- */

gboolean
vyre_level_advance (VyreRuntime *runtime, VyreLevel *level)
{
  guint64 oldest = level->oldest_sequence;

  /* One that stays long is passed by: then all of the ring is looked at. */
  if (level->next_sequence - oldest > level->slots)
    oldest = level->next_sequence - level->slots;
  while (oldest < level->next_sequence) {
    const VyreWindow *owner = runtime->owners[slot_of (level, oldest)];

    if (owner != NULL)
      break;
    oldest++;
  }
  gboolean moved = oldest != level->oldest_sequence;
  level->oldest_sequence = oldest;
  return moved;
}

void
vyre_level_poke (VyreRuntime *runtime, guint level)
{
  runtime->levels[level].told_sequence = runtime->levels[level].oldest_sequence;
  vyre_poke (runtime->door, VYRE_DOOR_OLDEST + level,
      (guint32) runtime->levels[level].oldest_sequence);
}

void
vyre_runtime_ring_bell (VyreRuntime *runtime)
{
  if (runtime->n_publishing == 0)
    return;
  vyre_ring_publish_mapped ((volatile guint32 *) runtime->ring->map,
      runtime->shadow, runtime->publishing, runtime->n_publishing);
  runtime->n_publishing = 0;
  runtime->next_ticket++;
  /* In whatever order slots and counters arrive: kernels that come for nothing look
   * again. */
  for (guint i = 0; i < VYRE_PRI_LEVELS; i++) {
    VyreLevel *level = &runtime->levels[i];

    if (!level->touched)
      continue;
    level->touched = FALSE;
    vyre_level_advance (runtime, level);
    vyre_level_poke (runtime, i);
    vyre_poke (
        runtime->door, VYRE_DOOR_TAIL + i, (guint32) level->next_sequence);
    vyre_poke (runtime->door, VYRE_DOOR_PUBLISHED + i, level->published);
  }
  vyre_ring_store_fence ();

  if (!vyre_runtime_is_served (runtime)) {
    if (runtime->unattended_since == 0 && runtime->n_launches == 0)
      runtime->unattended_since = g_get_monotonic_time ();
    g_cond_signal (&runtime->work);
  }
}
