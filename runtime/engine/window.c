/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The life of a window: made, published, cancelled, gone. */

#include "engine-private.h"

/* Slots of some of the windows that are published together, for which ringing
 * the bell costs next to nothing. */
#define EARLY_SLOTS 64

/* Does not look at the bindings: vyre_window_plan() does. */
static void
take_bindings (VyreWindow *window, const VyreBinding *bindings)
{
  const VyreProgram *program = window->executable->lowered->program;

  window->n_bytes = 0;
  for (guint i = 0; i < window->n_bindings; i++) {
    VyreBinding *own = &window->bindings[i];
    VyreBlock *before = own->block;

    if (program->buffers[i].access == VYRE_ACCESS_WORKGROUP ||
        bindings[i].block == NULL) {
      *own = (VyreBinding){ NULL, 0, 0 };
    } else {
      vyre_block_ref (bindings[i].block);
      *own = bindings[i];
      window->n_bytes += own->length;
    }
    if (before != NULL)
      vyre_block_unref (before);
  }
}

static gboolean
check_count (const VyreExecutable *executable, guint n_bindings, GError **error)
{
  const VyreProgram *program = executable->lowered->program;

  if (n_bindings == program->n_buffers)
    return TRUE;
  g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
      "the program has %u buffers, %u are bound", program->n_buffers,
      n_bindings);
  return FALSE;
}

static VyreWindow *
window_new (VyreTenant *tenant, VyreExecutable *executable,
    const VyreBinding *bindings, guint n_bindings,
    const VyreSubmitOptions *options, GError **error)
{
  g_return_val_if_fail (executable->runtime == tenant->runtime, NULL);
  if (!check_count (executable, n_bindings, error))
    return NULL;

  VyreWindow *window = g_new0 (VyreWindow, 1);
  window->refs = 1;
  window->link.data = window->holder_link.data = window;
  window->runtime = vyre_runtime_ref (tenant->runtime);
  window->executable = vyre_executable_ref (executable);
  window->tenant = tenant->id;
  window->tenant_serial = tenant->serial;
  window->n_bindings = n_bindings;
  window->bindings = g_new0 (VyreBinding, n_bindings + 1);
  if (options != NULL) {
    window->max_steps = options->max_steps;
    window->fixed_grid = options->grid != NULL;
    for (guint i = 0; window->fixed_grid && i < 3; i++)
      window->grid[i] = options->grid[i];
  }
  if (!vyre_window_plan (window, bindings, error)) {
    vyre_window_unref (window);
    return NULL;
  }
  take_bindings (window, bindings);
  return window;
}

VyreWindow *
vyre_window_prepare (VyreTenant *tenant, VyreExecutable *executable,
    const VyreBinding *bindings, guint n_bindings,
    const VyreSubmitOptions *options, GError **error)
{
  VyreWindow *window =
      window_new (tenant, executable, bindings, n_bindings, options, error);

  if (window == NULL)
    return NULL;
  window->kept = TRUE;
  g_mutex_lock (&window->runtime->lock);
  gboolean ok = vyre_window_reserve (window, error);
  vyre_runtime_unlock (window->runtime);
  if (!ok)
    g_clear_pointer (&window, vyre_window_unref);
  return window;
}

gboolean
vyre_window_rebind (VyreWindow *window, const VyreBinding *bindings,
    guint n_bindings, GError **error)
{
  g_return_val_if_fail (window->kept, FALSE);
  if (!check_count (window->executable, n_bindings, error))
    return FALSE;
  if (vyre_window_state (window) == VYRE_WINDOW_RUNNING &&
      vyre_window_wait (window, 0, NULL) == VYRE_WINDOW_RUNNING) {
    g_set_error_literal (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY,
        "the window is in flight; wait for its end");
    return FALSE;
  }
  if (!vyre_window_plan (window, bindings, error))
    return FALSE;
  take_bindings (window, bindings);
  window->rebound = TRUE;
  return TRUE;
}

/* Lock held. */
static gboolean
may_publish (VyreWindow *window, GError **error)
{
  const VyreTenantUse *use = &window->runtime->uses[window->tenant];

  if (use->serial != window->tenant_serial || use->dead) {
    g_set_error_literal (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "the window's tenant is gone; prepare the window for another one");
    return FALSE;
  }
  if (!vyre_window_reap (window)) {
    g_set_error_literal (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY,
        "the window is in flight; wait for its end");
    return FALSE;
  }
  return TRUE;
}

guint
vyre_windows_publish (VyreWindow *const *windows, guint n, GError **error)
{
  guint published = 0;

  if (n == 0)
    return 0;
  VyreRuntime *runtime = windows[0]->runtime;
  gint64 now = g_get_monotonic_time ();
  vyre_replay_note_publishing (windows, n);
  g_mutex_lock (&runtime->lock);
  while (published < n && may_publish (windows[published], error) &&
         vyre_window_enqueue (windows[published], n - published, now, error)) {
    published++;
    /* The device need not wait for the others. */
    if (runtime->n_publishing >= EARLY_SLOTS)
      vyre_runtime_ring_bell (runtime);
  }
  vyre_runtime_ring_bell (runtime);
  vyre_runtime_unlock (runtime);
  return published;
}

VyreWindow *
vyre_tenant_submit (VyreTenant *tenant, VyreExecutable *executable,
    const VyreBinding *bindings, guint n_bindings,
    const VyreSubmitOptions *options, GError **error)
{
  VyreWindow *window =
      window_new (tenant, executable, bindings, n_bindings, options, error);

  if (window != NULL && vyre_windows_publish (&window, 1, error) == 0)
    g_clear_pointer (&window, vyre_window_unref);
  return window;
}

void
vyre_window_cancel (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;

  g_mutex_lock (&runtime->lock);
  vyre_window_cancel_locked (window);
  vyre_runtime_unlock (runtime);
}

VyreWindow *
vyre_window_ref (VyreWindow *window)
{
  g_atomic_int_inc (&window->refs);
  return window;
}

void
vyre_window_unref (VyreWindow *window)
{
  if (window == NULL || !g_atomic_int_dec_and_test (&window->refs))
    return;
  vyre_replay_forget (window);
  /* That of a prepared one may be taken from it at any time. */
  if (window->kept || window->has_descriptor) {
    g_mutex_lock (&window->runtime->lock);
    vyre_window_release_descriptor (window);
    g_mutex_unlock (&window->runtime->lock);
  }
  for (guint i = 0; i < window->n_bindings; i++) {
    if (window->bindings[i].block != NULL)
      vyre_block_unref (window->bindings[i].block);
  }
  g_free (window->bindings);
  g_free (window->items);
  g_free (window->results);
  vyre_executable_unref (window->executable);
  vyre_runtime_release (window->runtime);
  g_free (window->message);
  g_free (window);
}

const char *
vyre_fault_name (guint code)
{
  switch (code) {
    case VYRE_FAULT_NONE:
      return "no fault";
    case VYRE_FAULT_INDEX:
      return "R06: a value is not representable as an index or count";
    case VYRE_FAULT_OPERANDS:
      return "R07: operator not defined for its operands";
    case VYRE_FAULT_DIVISION:
      return "R08: signed division by zero or of the smallest number by -1";
    case VYRE_FAULT_CAST:
      return "R09: value not representable in the cast's target";
    case VYRE_FAULT_BARRIER:
      return "R13: divergent barrier";
    case VYRE_FAULT_ASYNC:
      return "R14: asynchronous copy tag misused";
    case VYRE_FAULT_TRAP:
      return "R15: trap";
    case VYRE_FAULT_SUBGROUP:
      return "R16: subgroup operation misused";
    case VYRE_FAULT_STEP_LIMIT:
      return "the program used up its max-steps";
    case VYRE_FAULT_BAD_OPCODE:
      return "unknown opcode in a ring slot";
    case VYRE_FAULT_BAD_DESCRIPTOR:
      return "a ring slot does not match its window descriptor";
    case VYRE_FAULT_BAD_CODE:
      return "instruction outside the verified set";
    case VYRE_FAULT_CANCELLED:
      return "cancelled";
    case VYRE_FAULT_DENIED:
      return "the tenant has no right to do this";
    case VYRE_FAULT_CONTROL_INDEX:
      return "no word of the tenant's window of observables";
    case VYRE_FAULT_PACKED:
      return "a packed slot whose operations do not fit it";
    case VYRE_FAULT_ARGUMENT:
      return "an argument is out of range";
    case VYRE_FAULT_IO:
      return "reading a resource failed";
    case VYRE_FAULT_LOST:
      return "the program hangs, or the device has dropped it";
    default:
      return "unknown fault code";
  }
}
