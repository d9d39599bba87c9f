/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Compiled code cannot be suspended: a loop that goes on and on keeps its kernel
 * on the device, and a device that has to switch to other work and cannot is lost
 * after some seconds. So a compiled program whose loops may be long has to be
 * one that can begin again: it must not read what it writes. When its kernel has
 * been told to leave and stays, its windows are cancelled, begin again
 * interpreted, and the program stays interpreted from then on.
 *
 * Everything here runs under the lock but what says otherwise.
 */

#include "engine-private.h"

/* After a kernel was told to leave: most leave within a millisecond. */
#define LEAVE_US (500 * 1000)

/* --- which programs, which windows ------------------------------------------- */

gboolean
vyre_executable_can_restart (const VyreExecutable *executable)
{
  const VyreLowered *lowered = executable->lowered;

  for (guint i = 0; i < lowered->program->n_buffers; i++) {
    const VyreLoweredBuffer *buffer = &lowered->buffers[i];

    if (lowered->program->buffers[i].access != VYRE_ACCESS_WORKGROUP &&
        (buffer->atomic || (buffer->loaded && buffer->stored)))
      return FALSE;
  }
  return TRUE;
}

/* Is what its program writes bound nowhere else? */
static gboolean
writes_apart (const VyreWindow *window)
{
  const VyreLoweredBuffer *buffers = window->executable->lowered->buffers;

  for (guint i = 0; i < window->n_bindings; i++) {
    for (guint k = 0; buffers[i].stored && k < window->n_bindings; k++) {
      if (k != i &&
          vyre_bindings_overlap (&window->bindings[i], &window->bindings[k]))
        return FALSE;
    }
  }
  return TRUE;
}

VyreKernel *
vyre_window_choose_kernel (VyreWindow *window)
{
  VyreExecutable *executable = window->executable;
  VyreKernel *kernel = window->is_restarting ? executable->interpreter
                                             : vyre_executable_choose_kernel (
                                                   executable, window->n_bytes);

  if (kernel != executable->interpreter && executable->may_be_long &&
      !writes_apart (window))
    kernel = executable->interpreter;
  return kernel;
}

/* --- restarting -------------------------------------------------------------- */

void
vyre_window_give_up (VyreWindow *window)
{
  VyreExecutable *executable = window->executable;

  if (window->cancel_asked || window->is_restarting ||
      vyre_window_state (window) != VYRE_WINDOW_RUNNING)
    return;
  vyre_window_cancel_locked (window);
  window->restarts = TRUE;
  if (executable->tier == VYRE_TIER_REFUSED)
    return;
  executable->tier = VYRE_TIER_REFUSED;
  executable->refusal =
      g_strdup ("its loops ran for so long that its kernel could not leave the "
                "device; it began again interpreted, which can be interrupted");
  g_info ("a program stays interpreted from now on: %s", executable->refusal);
}

void
vyre_runtime_restart_stuck (VyreRuntime *runtime)
{
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];

    /* Interpreters leave when they are told to, at the next look; what has not
     * begun waits for others to leave. */
    if (active->launch == NULL || !active->leaving || !active->begun ||
        (active->kernel->id & VYRE_KERNEL_COMPILED) == 0 ||
        g_get_monotonic_time () - active->told_at < LEAVE_US)
      continue;
    for (GList *l = runtime->windows.head; l != NULL; l = l->next) {
      VyreWindow *window = l->data;

      if (window->kernel == active->kernel && window->executable->may_be_long &&
          window->published_at < active->told_at)
        vyre_window_give_up (window);
    }
  }
}

gboolean
vyre_window_begin_restart (VyreWindow *window)
{
  if (!window->restarts || !window->saw_cancelled ||
      window->code != VYRE_FAULT_NONE || window->runtime->failed)
    return FALSE;
  vyre_window_free_slots (window);
  window->is_restarting = TRUE;
  window->runtime->n_restarting++;
  window->runtime->n_restarts++;
  g_cond_signal (&window->runtime->work);
  return TRUE;
}

void
vyre_runtime_publish_restarting (VyreRuntime *runtime)
{
  for (GList *l = runtime->windows.head;
       l != NULL && runtime->n_restarting > 0;) {
    VyreWindow *window = l->data;
    g_autoptr (GError) error = NULL;

    l = l->next;
    if (!window->is_restarting)
      continue;
    /* If there is no room yet, there will be. */
    if (!window->restarts)
      vyre_window_end (window);
    else
      vyre_window_enqueue (window, 1, window->published_at, &error);
  }
  vyre_runtime_ring_bell (runtime);
}
