/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "compat.h"

#undef VyreWindow
#undef vyre_window_wait
#undef vyre_window_cancel
#undef vyre_window_unref

struct _CompatWindow
{
  VyreTenant *tenant;
  VyreExecutable *executable;
  VyreBinding bindings[4];
  guint n_bindings;
  guint32 grid[3];
  VyreSubmitOptions options;
  VyreWindow *real;
};

CompatWindow *
compat_prepare (VyreTenant *tenant, VyreExecutable *executable,
    const VyreBinding *bindings, guint n_bindings,
    const VyreSubmitOptions *options, GError **error)
{
  CompatWindow *window = g_new0 (CompatWindow, 1);

  g_assert (n_bindings <= G_N_ELEMENTS (window->bindings));
  window->tenant = tenant;
  window->executable = vyre_executable_ref (executable);
  window->n_bindings = n_bindings;
  for (guint i = 0; i < n_bindings; i++)
    window->bindings[i] = bindings[i];
  if (options != NULL) {
    window->options = *options;
    if (options->grid != NULL) {
      for (guint i = 0; i < 3; i++)
        window->grid[i] = options->grid[i];
      window->options.grid = window->grid;
    }
  }
  return window;
}

guint
compat_publish (CompatWindow *const *windows, guint n, GError **error)
{
  for (guint i = 0; i < n; i++) {
    CompatWindow *w = windows[i];
    VyreWindow *real = vyre_tenant_submit (w->tenant, w->executable,
        w->bindings, w->n_bindings, &w->options, error);
    if (real == NULL)
      return i;
    g_clear_pointer (&w->real, vyre_window_unref);
    w->real = real;
  }
  return n;
}

guint
compat_wait_all (CompatWindow *const *windows, guint n, gint64 end_time)
{
  for (guint i = 0; i < n; i++) {
    if (vyre_window_wait (windows[i]->real, end_time, NULL) ==
        VYRE_WINDOW_RUNNING)
      return i;
  }
  return n;
}

VyreWindowState
compat_wait (CompatWindow *window, gint64 end_time, VyreWindowResult *result)
{
  return vyre_window_wait (window->real, end_time, result);
}

void
compat_cancel (CompatWindow *window)
{
  vyre_window_cancel (window->real);
}

void
compat_unref (CompatWindow *window)
{
  g_clear_pointer (&window->real, vyre_window_unref);
  vyre_executable_unref (window->executable);
  g_free (window);
}
