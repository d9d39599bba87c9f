/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime.h"

G_BEGIN_DECLS

/*
 * A runtime's numbers for other processes: vyre top and the like. What is
 * written to the socket is described in docs/telemetry.md.
 */

#define VYRE_MONITOR_ERROR (vyre_monitor_error_quark ())
VYRE_API GQuark vyre_monitor_error_quark (void);

typedef enum
{
  VYRE_MONITOR_ERROR_FOLDER,    /* no folder of this user's for sockets */
  VYRE_MONITOR_ERROR_SOCKET,    /* the socket could not be made */
} VyreMonitorError;

/**
 * vyre_runtime_offer_monitor:
 *
 * Offers the numbers of @runtime to processes of this user (and to root) on a
 * socket of mode 0600, vyre/PID-DEVICE.sock in the user's runtime folder
 * ($XDG_RUNTIME_DIR), until the runtime ends. A thread of its own serves it,
 * and costs nothing while nobody is connected. Once is enough; more is no
 * error. The environment variable VYRE_TOP=1 does the same for every runtime.
 *
 * Any thread. Errors: VYRE_MONITOR_ERROR.
 */
VYRE_API gboolean vyre_runtime_offer_monitor (
    VyreRuntime *runtime, GError **error);

/* Where the sockets are; newly allocated. The folder need not exist. */
VYRE_API char *vyre_monitor_folder (void);

G_END_DECLS
