/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/replay-data.h"
#include "ring/replay-log.h"

/* A recording, read: FILE and FILE.data. They may be anything. */

typedef struct
{
  guint64 place; /* in the log */
  VyreReplayRecord record;
  VyreReplayEntry *entry; /* what FILE.data has for it, or NULL */
} ReplayStep;

typedef struct _ReplayFile ReplayFile;

/* Errors name the file. What is behind damage in FILE.data is left out, and
 * replay_file_get_damage() says so. */
ReplayFile *replay_file_open (const char *path, GError **error);
void replay_file_free (ReplayFile *file);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (ReplayFile, replay_file_free)

/* From the oldest to the newest; the array is the file's. */
const GArray *replay_file_get_steps (ReplayFile *file);
/* NULL, or what is wrong with FILE.data. */
const char *replay_file_get_damage (ReplayFile *file);

/* The blob with that digest, checked against it. */
GBytes *replay_file_read_blob (
    ReplayFile *file, const guint8 digest[32], GError **error);
