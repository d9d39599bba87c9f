/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Completion records -> ended windows. Everything here runs under the lock. */

#include "engine-private.h"

static void
finish_window (VyreRuntime *runtime, VyreWindow *window)
{
  if (window->code != VYRE_FAULT_NONE) {
    g_autofree char *tag = NULL;
    const VyreLowered *lowered = window->executable->lowered;

    window->state = VYRE_WINDOW_FAULT;
    if (window->tag > 0 && window->tag <= lowered->n_trap_tags)
      tag = vyre_string_display (lowered->trap_tags[window->tag - 1]);
    window->message = g_strdup_printf ("%s%s%s%s, address %u, instruction %u",
        vyre_fault_name (window->code), tag ? " '" : "", tag ? tag : "",
        tag ? "'" : "", window->address, window->fault_pc);
    runtime->windows_faulted++;
  } else if (window->saw_cancelled) {
    window->state = VYRE_WINDOW_CANCELLED;
    window->message = g_strdup ("cancelled");
    runtime->windows_cancelled++;
  } else {
    window->state = VYRE_WINDOW_DONE;
    runtime->windows_done++;
  }

  /* Whatever kernel ran it, it was at most the newest one. */
  for (guint i = 0; i < window->n_bindings; i++) {
    VyreBinding *binding = &window->bindings[i];
    if (binding->block == NULL)
      continue;
    vyre_generation_note_read (runtime, binding->block, binding->offset,
        binding->length, runtime->generation);
  }
  vyre_window_note_ended (window);
  runtime->free_descriptors[runtime->n_free_descriptors++] = window->descriptor;
  vyre_ring_tenants_drained (runtime->tenants, window->tenant, window->n_tiles);
  vyre_tenant_retire_locked (runtime, window->tenant);
}

/* TRUE when all its tiles have reported. */
static gboolean
reap_window (VyreRuntime *runtime, VyreWindow *window)
{
  while (window->next_tile < window->n_tiles) {
    guint64 sequence = window->first_sequence + window->next_tile;
    guint slot = sequence & (runtime->slots - 1);
    const guint32 *record =
        (const guint32 *) runtime->records->map + slot * VYRE_COMPLETION_WORDS;

    if (__atomic_load_n (&record[VYRE_R_SEQUENCE], __ATOMIC_ACQUIRE) !=
        (guint32) (sequence + 1))
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
    window->steps += record[VYRE_R_STEPS];
    window->slices += record[VYRE_R_SLICES];
    window->next_tile++;
    runtime->tiles_done++;
  }
  return TRUE;
}

void
vyre_runtime_poke_oldest (VyreRuntime *runtime)
{
  guint64 oldest = runtime->oldest_sequence;

  /* One that stays long is passed by: then all of the ring is looked at. */
  if (runtime->next_sequence - oldest > runtime->slots)
    oldest = runtime->next_sequence - runtime->slots;
  vyre_poke (runtime->control, VYRE_C_OLDEST, (guint32) oldest);
}

gboolean
vyre_runtime_reap (VyreRuntime *runtime)
{
  gboolean any = FALSE;

  for (GList *l = runtime->windows.head; l != NULL;) {
    VyreWindow *window = l->data;
    GList *next = l->next;

    if (reap_window (runtime, window)) {
      finish_window (runtime, window);
      g_queue_delete_link (&runtime->windows, l);
      g_queue_push_tail (&runtime->finished, window);
      any = TRUE;
    }
    l = next;
  }
  if (!any)
    return FALSE;

  VyreWindow *oldest = g_queue_peek_head (&runtime->windows);
  runtime->oldest_sequence =
      oldest ? oldest->first_sequence : runtime->next_sequence;
  vyre_runtime_poke_oldest (runtime);
  g_cond_broadcast (&runtime->ended);
  return TRUE;
}

void
vyre_runtime_unlock (VyreRuntime *runtime)
{
  GQueue finished = runtime->finished;

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
  VyreWindow *window;
  while ((window = g_queue_pop_head (&finished)) != NULL)
    vyre_window_unref (window);

  g_mutex_lock (&runtime->lock);
  runtime->n_releasing--;
  g_cond_broadcast (&runtime->ended);
  g_mutex_unlock (&runtime->lock);
}

void
vyre_window_cancel_locked (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;

  if (window->cancel_asked || window->state != VYRE_WINDOW_RUNNING)
    return;
  window->cancel_asked = TRUE;
  vyre_poke (runtime->descriptors,
      window->descriptor * VYRE_DESCRIPTOR_WORDS + VYRE_X_CANCEL,
      window->descriptor_generation);
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
  VyreWindow *window;
  while ((window = g_queue_pop_head (&runtime->windows)) != NULL) {
    window->state = VYRE_WINDOW_LOST;
    window->message = g_strdup (runtime->failure);
    vyre_window_note_ended (window);
    g_queue_push_tail (&runtime->finished, window);
  }
  g_cond_broadcast (&runtime->ended);
  g_cond_broadcast (&runtime->work);
}
