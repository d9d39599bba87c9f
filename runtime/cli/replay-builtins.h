/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "replay-file.h"
#include "session.h"

/* Builtins of a recording, run again on the ring, or by the model of them. */

typedef enum
{
  REPLAY_BUILTINS_COMPARABLE,
  REPLAY_BUILTINS_SYSTEM, /* used words that the runtime itself changes */
  REPLAY_BUILTINS_FILE, /* reading the file failed */
  REPLAY_BUILTINS_LOST, /* a kernel ended without one of them */
} ReplayBuiltinsKind;

ReplayBuiltinsKind replay_builtins_kind (const VyreReplayEntry *entry);

/* session: NULL for the model. *difference is NULL where everything is as it
 * was; or the first that is not. timeout: µs, 0: none. Errors: as the file's and
 * the session's; VYRE_RUNTIME_ERROR_LIMIT where this device gives less than the
 * window takes. */
gboolean replay_builtins_run (ReplayFile *file, CliSession *session,
    const VyreReplayEntry *entry, gint64 timeout, char **difference,
    GError **error);

/* "ATOMIC_ADD and 3 more". */
char *replay_builtins_describe (const VyreReplayEntry *entry);
