/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Shutdown in two phases (ring-protocol.md section 17). The GPU may ask for it,
 * by the opcode SHUTDOWN, or the host. */

#include "engine-private.h"

/* What is cancelled ends at the kernel's next look; a device that hangs is not
 * waited for. */
#define CANCEL_LIMIT_US (5 * G_USEC_PER_SEC)

void
vyre_runtime_advance_shutdown (VyreRuntime *runtime)
{
  if (!runtime->draining || runtime->stopped ||
      !g_queue_is_empty (&runtime->windows))
    return;
  runtime->stopped = TRUE;
  vyre_poke (runtime->control, VYRE_C_SHUTDOWN, VYRE_SHUTDOWN_STOP);
  vyre_poke (runtime->door, VYRE_DOOR_SHUTDOWN, 1);
  vyre_ring_store_fence ();
  g_cond_broadcast (&runtime->ended);
}

/* Lock held, given up meanwhile. Has everything ended and left? */
static gboolean
wait_stopped (VyreRuntime *runtime, gint64 end_time)
{
  while (!runtime->failed && !(runtime->stopped && runtime->n_launches == 0)) {
    if (end_time == 0 ||
        !g_cond_wait_until (&runtime->ended, &runtime->lock, end_time))
      return FALSE;
  }
  return !runtime->failed;
}

gboolean
vyre_runtime_shutdown (VyreRuntime *runtime, gint64 end_time)
{
  g_mutex_lock (&runtime->lock);
  if (!runtime->draining) {
    runtime->draining = TRUE;
    vyre_poke (runtime->control, VYRE_C_SHUTDOWN, VYRE_SHUTDOWN_DRAIN);
    vyre_ring_store_fence ();
  }
  runtime->n_sleepers++;
  g_cond_signal (&runtime->work);
  gboolean ok = wait_stopped (runtime, end_time);
  if (!ok && end_time != 0) {
    for (GList *l = runtime->windows.head; l != NULL; l = l->next)
      vyre_window_cancel_locked (l->data);
    wait_stopped (runtime, g_get_monotonic_time () + CANCEL_LIMIT_US);
  }
  runtime->n_sleepers--;
  vyre_runtime_unlock (runtime);
  return ok;
}
