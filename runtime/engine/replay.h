/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "runtime.h"

G_BEGIN_DECLS

/*
 * Recording of what is published, to be run again by vyre replay. Opt-in: the
 * environment variable VYRE_REPLAY_LOG=FILE does it for the first runtime of
 * the process. Recorded are windows in the log FILE (ring-protocol.md appendix
 * B), their programs and what they read in FILE.data; and windows of builtins
 * with what these used and yielded.
 *
 * The publishing thread copies what the window reads, whoever takes over its
 * end what it returned; a thread of its own computes digests and writes. More
 * than VYRE_REPLAY_MAX_QUEUED bytes of copies are not kept: windows beyond are
 * recorded without, and counted. None of this waits for a disk.
 */
#define VYRE_REPLAY_MAX_QUEUED ((guint64) 256 * 1024 * 1024)

typedef struct
{
  guint64 capacity; /* records, if the log does not exist; 0: 65536 */
  guint64 data_limit; /* bytes of FILE.data; 0: 1 GiB */
} VyreReplayOptions;

typedef struct
{
  guint64 windows; /* recorded whole */
  guint64 incomplete; /* recorded without what they read */
  guint64 unrecorded; /* FILE.data was full, or could not be written */
} VyreReplayCounts;

/**
 * vyre_runtime_record:
 * @path: of the log. An existing one is continued, and keeps its capacity;
 *   PATH.data is begun anew.
 * @options: (nullable): %NULL for the defaults
 *
 * Records all windows of @runtime from now on, until it ends. Errors:
 * G_FILE_ERROR with the file's name; VYRE_RING_ERROR for an existing file that
 * is no log; also when another runtime records there, or this one records
 * already.
 */
VYRE_API gboolean vyre_runtime_record (VyreRuntime *runtime, const char *path,
    const VyreReplayOptions *options, GError **error);

/* What has been written so far; %FALSE when nothing is recorded. */
VYRE_API gboolean vyre_runtime_get_recorded (
    VyreRuntime *runtime, VyreReplayCounts *counts);

G_END_DECLS
