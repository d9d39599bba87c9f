/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/runtime.h"

/* Prepared windows by vyre_tenant_submit(), until libvyre has its own. */

typedef struct _CompatWindow CompatWindow;

CompatWindow *compat_prepare (VyreTenant *tenant, VyreExecutable *executable,
    const VyreBinding *bindings, guint n_bindings,
    const VyreSubmitOptions *options, GError **error);
guint compat_publish (CompatWindow *const *windows, guint n, GError **error);
guint compat_wait_all (CompatWindow *const *windows, guint n, gint64 end_time);
VyreWindowState compat_wait (CompatWindow *window, gint64 end_time,
    VyreWindowResult *result);
void compat_cancel (CompatWindow *window);
void compat_unref (CompatWindow *window);

#define VyreWindow CompatWindow
#define vyre_window_prepare compat_prepare
#define vyre_windows_publish compat_publish
#define vyre_windows_wait compat_wait_all
#define vyre_window_wait compat_wait
#define vyre_window_cancel compat_cancel
#define vyre_window_unref compat_unref
