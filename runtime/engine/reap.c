/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Completion records -> ended windows. Everything here runs under the lock but
 * what says otherwise. */

#include "engine-private.h"

/* Of a level's slots: how far the kernels' notion of the oldest may be behind. */
#define LATE_SHARE 8

static const guint32 *
record_of (const VyreWindow *window, guint tile, guint32 *sequence)
{
  const VyreRuntime *runtime = window->runtime;
  const VyreLevel *level =
      &runtime->levels[__atomic_load_n (&window->level, __ATOMIC_RELAXED)];
  guint64 number =
      __atomic_load_n (&window->first_sequence, __ATOMIC_RELAXED) + tile;
  gsize slot = level->first + (gsize) (number & (level->slots - 1));

  *sequence = (guint32) (number + 1);
  return (const guint32 *) runtime->records->map + slot * VYRE_COMPLETION_WORDS;
}

static gboolean
has_reported (const VyreWindow *window, guint tile)
{
  guint32 sequence;
  const guint32 *record = record_of (window, tile, &sequence);

  return __atomic_load_n (&record[VYRE_R_SEQUENCE], __ATOMIC_ACQUIRE) ==
         sequence;
}

gboolean
vyre_window_has_reported (VyreWindow *window)
{
  if (vyre_window_state (window) != VYRE_WINDOW_RUNNING)
    return TRUE;
  /* The last tiles end last, mostly. */
  guint n_tiles = __atomic_load_n (&window->n_tiles, __ATOMIC_RELAXED);
  for (guint tile = n_tiles; tile-- > 0;) {
    if (!has_reported (window, tile))
      return FALSE;
  }
  return TRUE;
}

static VyreWindowState
judge (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;
  g_autofree char *tag = NULL;

  if (window->code != VYRE_FAULT_NONE) {
    const VyreLowered *lowered =
        window->executable ? window->executable->lowered : NULL;

    if (lowered != NULL && window->tag > 0 &&
        window->tag <= lowered->n_trap_tags)
      tag = vyre_string_display (lowered->trap_tags[window->tag - 1]);
    window->message = g_strdup_printf ("%s%s%s%s, address %u, %s %u",
        vyre_fault_name (window->code), tag ? " '" : "", tag ? tag : "",
        tag ? "'" : "", window->address,
        lowered != NULL ? "instruction" : "packed operation", window->fault_pc);
    runtime->windows_faulted++;
    return VYRE_WINDOW_FAULT;
  }
  if (window->saw_cancelled) {
    window->message = g_strdup ("cancelled");
    runtime->windows_cancelled++;
    return VYRE_WINDOW_CANCELLED;
  }
  runtime->windows_done++;
  return VYRE_WINDOW_DONE;
}

static void
count_cancelling (VyreRuntime *runtime, int change)
{
  runtime->n_cancelling += change;
  vyre_poke (runtime->door, VYRE_DOOR_CANCELLING, runtime->n_cancelling);
}

void
vyre_window_free_slots (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;
  VyreLevel *level = &runtime->levels[window->level];

  for (guint tile = 0; tile < window->n_tiles; tile++) {
    guint64 sequence = window->first_sequence + tile;
    runtime->owners[level->first + (sequence & (level->slots - 1))] = NULL;
  }
  level->used -= window->n_tiles;
  runtime->uses[window->tenant].slots -= window->n_tiles;
  if (window->waits)
    runtime->n_waiting--;
  else
    window->kernel->n_windows--;
  window->waits = FALSE;
  if (window->executable != NULL)
    window->executable->n_in_flight--;
  if (window->cancel_asked)
    count_cancelling (runtime, -1);
  /* The kernels need not know exactly, and telling them costs. */
  if (vyre_level_advance (runtime, level) &&
      (!runtime->parallel || level->oldest_sequence - level->told_sequence >
                                 level->slots / LATE_SHARE))
    vyre_level_poke (runtime, window->level);
}

/* Takes a window that has ended, or is lost, out of flight. */
static void
leave_flight (VyreRuntime *runtime, VyreWindow *window)
{
  if (!window->is_restarting)
    vyre_window_free_slots (window);
  else
    runtime->n_restarting--;
  window->is_restarting = FALSE;
  runtime->uses[window->tenant].windows--;
  if (!window->kept)
    vyre_window_release_descriptor (window);
  if (runtime->uses[window->tenant].dead)
    vyre_tenant_retire_locked (runtime, window->tenant);
  g_queue_unlink (&runtime->windows, &window->link);
}

/* Now it is its users', who may be about to free it. The last reference is
 * dropped after unlocking. */
static void
let_go (VyreRuntime *runtime, VyreWindow *window, VyreWindowState state)
{
  vyre_window_set_state (window, state);
  if (g_atomic_int_get (&window->refs) > 1) {
    if (!g_atomic_int_dec_and_test (&window->refs))
      return;
    vyre_window_ref (window);
  }
  g_queue_push_tail_link (&runtime->finished, &window->link);
}

void
vyre_window_end (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;
  VyreWindowState state = judge (window);

  runtime->steps += window->steps;
  /* Whatever kernel ran it, it was at most the newest one. */
  if (window->newest_reader != runtime->generation)
    vyre_window_note_read (window);
  vyre_window_note_ended (window, state);
  leave_flight (runtime, window);
  let_go (runtime, window, state);
  if (runtime->n_sleepers > 0)
    g_cond_broadcast (&runtime->ended);
}

gboolean
vyre_window_reap (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;

  if (vyre_window_state (window) != VYRE_WINDOW_RUNNING)
    return TRUE;
  if (window->is_restarting)
    return FALSE;
  while (window->next_tile < window->n_tiles) {
    guint32 sequence;
    const guint32 *record = record_of (window, window->next_tile, &sequence);

    if (__atomic_load_n (&record[VYRE_R_SEQUENCE], __ATOMIC_ACQUIRE) !=
        sequence)
      return FALSE;
    if (record[VYRE_R_STATUS] == VYRE_ST_FAULT) {
      if (window->code == VYRE_FAULT_NONE) {
        window->code = record[VYRE_R_CODE];
        window->address = record[VYRE_R_ADDRESS];
        window->tag = record[VYRE_R_TAG];
        window->fault_pc = record[VYRE_R_PC];
      }
      vyre_window_cancel_locked (window);
    } else if (record[VYRE_R_STATUS] == VYRE_ST_EMPTY) {
      window->saw_cancelled = TRUE;
    }
    if (window->results != NULL)
      vyre_window_note_item (window, window->next_tile, record);
    window->steps += record[VYRE_R_STEPS];
    window->slices += record[VYRE_R_SLICES];
    window->next_tile++;
    runtime->tiles_done++;
  }

  if (vyre_window_begin_restart (window))
    return FALSE;
  vyre_window_end (window);
  return TRUE;
}

gboolean
vyre_runtime_reap (VyreRuntime *runtime)
{
  gboolean any = FALSE;

  runtime->reaped_at = 0;
  if (runtime->n_asking > 0)
    vyre_runtime_take_requests (runtime);
  if (runtime->log != NULL)
    vyre_runtime_drain_log (runtime);
  for (GList *l = runtime->windows.head; l != NULL;) {
    VyreWindow *window = l->data;

    l = l->next;
    any |= vyre_window_reap (window);
  }
  return any;
}

void
vyre_window_release_descriptor (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;
  VyreTenantUse *use = &runtime->uses[window->tenant];

  if (!window->has_descriptor)
    return;
  if (window->kept)
    g_queue_unlink (&runtime->holders, &window->holder_link);
  window->has_descriptor = FALSE;
  window->described = FALSE;
  runtime->free_descriptors[runtime->n_free_descriptors++] = window->descriptor;
  /* The id may be another tenant's by now. */
  if (use->serial == window->tenant_serial)
    use->descriptors--;
}

void
vyre_runtime_unlock (VyreRuntime *runtime)
{
  GQueue finished = runtime->finished;

  runtime->reaped_at = 0;
  if (g_queue_is_empty (&finished)) {
    g_mutex_unlock (&runtime->lock);
    return;
  }
  g_queue_init (&runtime->finished);
  runtime->n_releasing++;
  g_mutex_unlock (&runtime->lock);

  /* A window may hold the last reference to blocks, an executable, even the
   * runtime: let go of it outside the lock. The runtime itself stays until
   * this thread, its supervisor or a caller with a reference, is done. */
  GList *link;
  while ((link = g_queue_pop_head_link (&finished)) != NULL)
    vyre_window_unref (link->data);

  g_mutex_lock (&runtime->lock);
  runtime->n_releasing--;
  /* A call of the system's, whether anybody waits or not. */
  if (runtime->n_unreferencing > 0)
    g_cond_broadcast (&runtime->ended);
  g_mutex_unlock (&runtime->lock);
}

void
vyre_window_cancel_locked (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;

  window->restarts = FALSE;
  /* Builtins end by themselves. */
  if (window->cancel_asked || window->items != NULL ||
      vyre_window_state (window) != VYRE_WINDOW_RUNNING)
    return;
  window->cancel_asked = TRUE;
  vyre_poke (runtime->descriptors,
      window->descriptor * VYRE_DESCRIPTOR_WORDS + VYRE_X_CANCEL,
      window->descriptor_generation);
  vyre_ring_store_fence ();
  /* After the window's own word: who sees this finds the window. */
  count_cancelling (runtime, 1);
  vyre_ring_store_fence ();
}

void
vyre_runtime_fail (VyreRuntime *runtime, const char *why)
{
  if (!runtime->failed) {
    runtime->failed = TRUE;
    runtime->failure = g_strdup (why);
    g_warning ("the runtime of %s has failed: %s", runtime->info->name, why);
  }
  while (!g_queue_is_empty (&runtime->windows)) {
    VyreWindow *window = g_queue_peek_head (&runtime->windows);

    window->message = g_strdup (runtime->failure);
    vyre_window_note_ended (window, VYRE_WINDOW_LOST);
    leave_flight (runtime, window);
    let_go (runtime, window, VYRE_WINDOW_LOST);
  }
  g_cond_broadcast (&runtime->ended);
  g_cond_broadcast (&runtime->work);
}
