/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/engine-private.h"

/* Windows that hang, made from outside: nothing in the library does it. While
 * the tenant may not run, its tile is marked as one that a kernel has claimed;
 * no kernel knows of it, so it never reports. */

static inline guint32 *
hang_word (VyreMemory *memory, guint word)
{
  return (guint32 *) memory->map + word;
}

/* Patience of the runtime with slots that stand still, from now on. */
#define HANG_FOREVER (3600 * (gint64) G_USEC_PER_SEC)
#define HANG_SHORT (G_USEC_PER_SEC / 4)

static inline void
hang_set_limit (VyreRuntime *runtime, gint64 us)
{
  g_mutex_lock (&runtime->lock);
  runtime->hang_us = us;
  runtime->next_suspicion = 0;
  vyre_runtime_unlock (runtime);
}

/* From now on the tenant's windows wait. */
static inline void
hang_prepare (VyreRuntime *runtime, guint tenant)
{
  g_mutex_lock (&runtime->lock);
  vyre_poke (runtime->control, VYRE_CONTROL_TABLE + VYRE_T_MASK + tenant, 0);
  vyre_ring_store_fence ();
  vyre_runtime_unlock (runtime);
  /* What was allowed before has ended, in a test. */
  g_usleep (20000);
}

/* The first tile of the tenant's window in flight hangs; everything else of it
 * runs. FALSE: it has none. */
static inline gboolean
hang_window (VyreRuntime *runtime, guint tenant)
{
  gboolean found = FALSE;

  g_mutex_lock (&runtime->lock);
  for (GList *l = runtime->windows.head; l != NULL && !found; l = l->next) {
    VyreWindow *window = l->data;
    const VyreLevel *level = &runtime->levels[window->level];
    guint slot =
        level->first + (guint) (window->first_sequence & (level->slots - 1));

    if (window->tenant != tenant)
      continue;
    found = TRUE;
    __atomic_store_n (
        hang_word (runtime->ring, slot * VYRE_SLOT_WORDS + VYRE_W_STATUS),
        VYRE_ST_CLAIMED, __ATOMIC_SEQ_CST);
    /* As take() does; the claim itself is not counted, as if the workgroup had
     * gone right after it. */
    __atomic_fetch_add (
        hang_word (runtime->control, VYRE_CONTROL_TABLE + VYRE_T_HELD + tenant),
        1, __ATOMIC_SEQ_CST);
  }
  vyre_poke (runtime->control, VYRE_CONTROL_TABLE + VYRE_T_MASK + tenant,
      VYRE_TENANT_MAY_EXECUTE);
  vyre_ring_store_fence ();
  vyre_runtime_unlock (runtime);
  return found;
}
