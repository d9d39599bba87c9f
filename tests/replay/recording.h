/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/builtins.h"
#include "engine/replay-data.h"
#include "engine/replay.h"

/* A runtime that is recorded, the files of the recording, and vyre replay. */

typedef struct
{
  char *path, *data_path;
  VyreRuntime *runtime;
  VyreTenant *before, *tenant, *other; /* that one may write all words */
  guint32 first; /* word of the tenant's window, which is not the first one */
} Fixture;

#define WINDOW 64
#define ALL_RIGHTS \
  (VYRE_TENANT_MAY_EXECUTE | VYRE_TENANT_MAY_PRINT | VYRE_TENANT_MAY_IO)

/* The command, and where files go. */
extern char *command, *folder;

void set_up (Fixture *fixture, gconstpointer data);
/* The runtime ends, and with it the recording. */
void stop (Fixture *fixture);
void tear_down (Fixture *fixture, gconstpointer data);

/* Waits for the window's end, and takes it. */
void finish (VyreWindow *window);
VyreWindow *publish (
    VyreTenant *tenant, guint32 opcode, guint32 a, guint32 b, guint32 c);
void run (VyreTenant *tenant, guint32 opcode, guint32 a, guint32 b, guint32 c);
/* The observable's number, for opcodes that yield to one. */
guint32 observable (const Fixture *fixture, guint i);

typedef struct
{
  guint32 type;
  VyreReplayEntry entry; /* of builtins */
  GBytes *bytes; /* of all else */
} Chunk;

/* All that FILE.data has. */
GPtrArray *read_chunks (const Fixture *fixture);
/* patch (or NULL): is given the bytes of the number-th window of builtins. */
void write_chunks (const Fixture *fixture, const GPtrArray *chunks,
    guint number, void (*patch) (GByteArray *bytes, gpointer user_data),
    gpointer user_data);
/* The number-th window of builtins; one of its words, or NULL. */
VyreReplayEntry *entry_of (const GPtrArray *chunks, guint number);
VyreReplayWord *word_of (const VyreReplayEntry *entry, guint32 index);

/* By which it is run again. */
extern const char *const engines[2];

/* What vyre replay prints; its exit status has to be that one, or any but a
 * crash (-1). */
char *replay (const Fixture *fixture, const char *engine, int status);
void assert_has (const char *text, const char *part);
/* All of them: so many are the same, and then the summary goes on so. */
void assert_replays (const Fixture *fixture, guint same, const char *more);
void assert_differs (const Fixture *fixture, const char *text);
