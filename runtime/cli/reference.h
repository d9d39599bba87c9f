/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "session.h"

#include "reference/reference.h"

/* cli_session_run() without a device. Errors are VYRE_REFERENCE_ERROR, but for
 * CLI_SESSION_ERROR_TIMEOUT. */
gboolean cli_reference_run (const VyreProgram *program,
    const CliRunOptions *options, GBytes **inputs, GBytes **outputs,
    CliRunResult *result, GError **error);
