/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/runtime.h"

/* Programs run one after another on one device, with bytes in and out. */

#define CLI_SESSION_ERROR (cli_session_error_quark ())
GQuark cli_session_error_quark (void);

typedef enum
{
  CLI_SESSION_ERROR_BINDING, /* a buffer is missing or cannot be had */
  CLI_SESSION_ERROR_FAULT, /* the program ran into a fault or trap */
  CLI_SESSION_ERROR_TIMEOUT,
  CLI_SESSION_ERROR_LOST, /* device or runtime failed */
} CliSessionError;

typedef struct
{
  const guint32 *grid; /* three workgroup counts, or NULL: the rule */
  guint64 max_steps; /* per invocation, 0: no limit */
  gint64 timeout; /* µs, 0: none */
} CliRunOptions;

typedef struct
{
  guint64 steps;
  guint slices;
  guint fault; /* VYRE_FAULT_* of ring/words.h, after CLI_SESSION_ERROR_FAULT */
  gint64 duration; /* µs from submission to completion */
} CliRunResult;

typedef struct _CliSession CliSession;

/* device -1: the best one. engine: "jit" has programs compiled before they run,
 * where they can be; everything else has them interpreted. */
CliSession *cli_session_new (
    gint device, const char *engine, GError **error);
void cli_session_free (CliSession *session);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (CliSession, cli_session_free)

VyreRuntime *cli_session_get_runtime (CliSession *session);
/* As vyre_executable_new(), for the session's engine. */
VyreExecutable *cli_session_load (
    CliSession *session, VyreProgram *program, GError **error);
/* How many programs were compiled of those that were to be. */
void cli_session_count_compiled (
    CliSession *session, guint *compiled, guint *asked);

/* inputs and outputs have an entry per buffer. Inputs are needed for roles
 * INPUT and INOUT. outputs, all NULL, receive what the program returns, cut to
 * output ranges (vir0-semantics.md section 4.4). */
gboolean cli_session_run (CliSession *session, VyreExecutable *executable,
    const CliRunOptions *options, GBytes **inputs, GBytes **outputs,
    CliRunResult *result, GError **error);
