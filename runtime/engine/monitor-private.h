/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "monitor.h"

G_BEGIN_DECLS

/*
 * monitor.c: lines of text to whoever connects to a socket. Knows nothing of
 * runtimes.
 */
typedef struct _VyreMonitor VyreMonitor;

typedef struct
{
  /* Newly allocated lines with their newline, in the monitor's thread: what a
   * client gets first, and what all get every period while there are any. */
  char *(*hello) (gpointer user_data);
  char *(*sample) (gpointer user_data);
  gpointer user_data;
  guint period_ms;
  /* A client that takes nothing of a line for this long is dropped. */
  guint patience_ms;
} VyreMonitorSource;

#define VYRE_MONITOR_MAX_CLIENTS 8

/* name: of the socket in vyre_monitor_folder(). Removes sockets that nobody
 * listens to any more. Never waits long: a tenth of a second for the folder's
 * lock at most. */
VyreMonitor *vyre_monitor_new (
    const char *name, const VyreMonitorSource *source, GError **error);
/* Ends the thread and removes the socket. Not from the monitor's thread. */
void vyre_monitor_free (VyreMonitor *monitor);
gboolean vyre_monitor_is_current_thread (const VyreMonitor *monitor);

/* monitor-folder.c: a socket that listens, under a name that is nobody else's.
 * path and identity are for vyre_monitor_remove_socket(). */
typedef struct
{
  char *path;
  guint64 device, inode;
} VyreMonitorSocket;

int vyre_monitor_listen (
    const char *name, VyreMonitorSocket *socket, GError **error);
/* Unless somebody else's is there now; clears the struct. */
void vyre_monitor_remove_socket (VyreMonitorSocket *socket);

typedef struct _VyreRuntimeMonitor VyreRuntimeMonitor;

/* monitor-runtime.c: does what the environment asks for; a failure is a
 * warning, as the runtime works without. Then the end of it, before anything
 * of the runtime goes; there need not have been a monitor. */
void vyre_runtime_begin_monitor (VyreRuntime *runtime);
void vyre_runtime_end_monitor (VyreRuntime *runtime);
/* Such a thread may let go of the runtime's last user, and cannot end the
 * runtime, which would wait for it. */
gboolean vyre_runtime_is_monitor_thread (VyreRuntime *runtime);

G_END_DECLS
