/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "../export.h"
#include "words.h"

G_BEGIN_DECLS

/*
 * What the builtin opcodes do (engine/builtins.h), in plain C: one slot after
 * the other, on a copy of the control block. Faults depend on arguments and on
 * what the tenant may do, never on what words hold. Pure functions.
 */

/* Of a slot: its opcode and arguments. */
#define VYRE_BUILTIN_WORDS (1 + VYRE_ARGS_PER_SLOT)
/* Operations of a packed slot, at most. */
#define VYRE_BUILTIN_MAX_OPS 23

typedef struct
{
  guint32 rights; /* VYRE_TENANT_MAY_* */
  guint32 first, n; /* its window of observables, words of the control block */
  guint32 n_states; /* of its table for DFA_STEP */
  const guint32 *table; /* 256 words for each; %NULL where nothing is run */
} VyreBuiltinTenant;

typedef struct
{
  guint32 code; /* VYRE_FAULT_*; NONE: done */
  guint32 value; /* what it yields; the fault's address */
} VyreBuiltinOutcome;

/* Runs a slot. What PRINTF, SHUTDOWN and LOAD_MISS do beside the control block
 * is not done; LOAD_MISS yields 0. */
VYRE_API VyreBuiltinOutcome vyre_builtin_run (const VyreBuiltinTenant *tenant,
    const guint32 slot[VYRE_BUILTIN_WORDS],
    guint32 control[VYRE_CONTROL_TABLE]);

/* Words of the control block that builtins can name. */
typedef struct
{
  guint64 bits[(VYRE_CONTROL_TABLE + 63) / 64];
} VyreWordSet;

static inline gboolean
vyre_word_set_has (const VyreWordSet *set, guint32 word)
{
  return (set->bits[word / 64] >> word % 64 & 1) != 0;
}

/* n words from first on, all of them below VYRE_CONTROL_TABLE. */
VYRE_API void vyre_word_set_add (VyreWordSet *set, guint32 first, guint32 n);
VYRE_API void vyre_word_set_join (VyreWordSet *set, const VyreWordSet *other);
VYRE_API gboolean vyre_word_sets_meet (
    const VyreWordSet *a, const VyreWordSet *b);
VYRE_API gboolean vyre_word_set_is_empty (const VyreWordSet *set);

/* What a slot uses. Whatever yields a word reads it. */
typedef struct
{
  VyreWordSet reads, writes;
  VyreWordSet adds; /* of these, what is only added to */
} VyreBuiltinTouch;

/* What it does not come to, for a fault, is not used. */
VYRE_API void vyre_builtin_touch (const VyreBuiltinTenant *tenant,
    const guint32 slot[VYRE_BUILTIN_WORDS], VyreBuiltinTouch *touch);
/* Words that one writes and the other one uses, into conflict. */
VYRE_API void vyre_builtin_conflict (const VyreBuiltinTouch *a,
    const VyreBuiltinTouch *b, VyreWordSet *conflict);

/* So many slots before it have to end first. */
VYRE_API guint32 vyre_builtin_waits_for (
    const guint32 slot[VYRE_BUILTIN_WORDS]);
/* Is the opcode there, alone or packed? */
VYRE_API gboolean vyre_builtin_has_op (
    const guint32 slot[VYRE_BUILTIN_WORDS], guint32 opcode);
/* "MEMCPY"; %NULL for what is none. */
VYRE_API const char *vyre_builtin_name (guint32 opcode);

G_END_DECLS
