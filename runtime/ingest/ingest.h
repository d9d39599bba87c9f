/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "arena.h"

/* Internals of ingest: not installed. */

G_BEGIN_DECLS

/* Is it the one that vyre_arena_get_process() gives? Makes none. */
gboolean vyre_arena_is_process (VyreArena *arena);

G_END_DECLS
