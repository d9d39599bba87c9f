/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../ring/replay-log.h"
#include "replay-data.h"
#include "replay.h"

G_BEGIN_DECLS

typedef struct _VyreResource VyreResource; /* engine-private.h */

/*
 * A window on its way into the log. Its publisher makes it, the thread that
 * takes over its end completes it, and the writer frees it.
 */
typedef struct
{
  VyreBuiltinTouch touch;       /* of all its slots */
  VyreWordSet raced;            /* of it, what others in flight use too */
  VyreBlock *table;             /* a reference, or %NULL; it does not change */
  guint64 table_serial;
  GBytes *loaded;               /* what LOAD_MISS has read */
  guint64 log_from;             /* number of the first record that may be its */
} VyreReplayBuiltinCapture;

typedef struct
{
  VyreProgram *program;         /* a reference; %NULL: builtins */
  VyreReplayBuiltinCapture *builtin;    /* of these */
  VyreReplayEntry entry;
  VyreReplayRecord record;
  GBytes **contents, **outputs; /* by buffer; %NULL: none */
  guint64 held;                 /* bytes of both */
  guint64 number;               /* of the record, since opening */
} VyreReplayCapture;

/* replay-writer.c: knows nothing of runtimes. Any thread may push; the writer's
 * own thread does all else. */
typedef struct _VyreReplayWriter VyreReplayWriter;

VyreReplayWriter *vyre_replay_writer_new (
    const char *path, const VyreReplayOptions *options, GError **error);
/* Writes what is left, and warns of what is missing in the files. */
void vyre_replay_writer_free (VyreReplayWriter *writer);

/* Takes bytes from what may be held; FALSE: so many are not left. */
gboolean vyre_replay_writer_reserve (VyreReplayWriter *writer, guint64 bytes);
void vyre_replay_writer_release (VyreReplayWriter *writer, guint64 bytes);

/* The window's record, as of its publishing: gets number and place. */
void vyre_replay_writer_begin (
    VyreReplayWriter *writer, VyreReplayCapture *capture);
/* Its end; takes over the capture. */
void vyre_replay_writer_finish (
    VyreReplayWriter *writer, VyreReplayCapture *capture);
void vyre_replay_writer_get_counts (
    VyreReplayWriter *writer, VyreReplayCounts *counts);

void vyre_replay_capture_free (VyreReplayCapture *capture);

/* replay.c: what the engine calls. Nothing happens where nothing is recorded.
 * Before publishing, without the lock; then with the lock, once published, and
 * before its state becomes a final one; and when the window goes. */
void vyre_replay_note_publishing (VyreWindow *const *windows, guint n);
void vyre_replay_note_published (VyreWindow *window);
void vyre_replay_note_ended (VyreWindow *window, VyreWindowState state);
void vyre_replay_forget (VyreWindow *window);

/* The same for builtins; the last two by those above. */
void vyre_replay_note_publishing_builtins (VyreWindow *window);
void vyre_replay_builtins_published (VyreWindow *window);
void vyre_replay_builtins_ended (VyreWindow *window);
/* Lock held. A tenant's rights are not what they were before, but the GPU does
 * not know yet; words have been zeroed. */
void vyre_replay_note_rights (VyreRuntime *runtime, guint tenant,
    guint32 before);
void vyre_replay_note_zeroed (VyreRuntime *runtime, guint32 first, guint n);
/* Lock held. A resource is about to be read, for a window or none. */
void vyre_replay_note_reading (VyreRuntime *runtime, VyreWindow *window,
    VyreResource *resource);
/* No lock, while the resource is in use: what has been read, or %NULL. Then
 * with the lock, takes it over for the window, if there is one. */
GBytes *vyre_replay_copy_loaded (VyreRuntime *runtime, const void *data,
    gsize length);
void vyre_replay_note_loaded (VyreRuntime *runtime, VyreWindow *window,
    GBytes *loaded);

/* Does what the environment asks for; a failure is a warning. Then the end. */
void vyre_runtime_begin_recording (VyreRuntime *runtime);
void vyre_runtime_end_recording (VyreRuntime *runtime);

G_END_DECLS
