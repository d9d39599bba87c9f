/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../vir0/program.h"

G_BEGIN_DECLS

/* Lowering: VIR0 program -> register code of isa.h, and its verifier. Knows
 * nothing of Vulkan. */

#define VYRE_LOWER_ERROR (vyre_lower_error_quark ())
VYRE_API GQuark vyre_lower_error_quark (void);

typedef enum
{
  VYRE_LOWER_ERROR_UNSUPPORTED, /* a construct this engine does not execute */
  VYRE_LOWER_ERROR_INVALID,     /* a rule of vir0-semantics.md is broken */
  VYRE_LOWER_ERROR_LIMIT,       /* too large for the engine */
  VYRE_LOWER_ERROR_VERIFY,      /* register code that must not be uploaded */
} VyreLowerError;

typedef struct
{
  guint max_registers;          /* 8..VYRE_I_MAX_REGISTERS; the rest is spilled */
} VyreLowerOptions;

/* What lowering found out about one buffer, in declaration order. */
typedef struct
{
  guint32 name_index;           /* index into program->buffers */
  gint binding;                 /* slot in the descriptor, or -1: never used */
  gboolean loaded, stored, atomic;
  /* Touched solely by commutative atomics whose result is unused: windows
   * that share it may run at the same time (design.md section 3). */
  gboolean commutative;
  guint32 shared_offset;        /* Workgroup access: byte offset, 4-aligned */
} VyreLoweredBuffer;

typedef struct
{
  VyreProgram *program;         /* a reference */
  guint32 *code;                /* two words per instruction */
  guint32 n_instructions;
  guint32 n_registers, n_spills;
  guint32 n_bindings;
  VyreLoweredBuffer *buffers;   /* program->n_buffers of them */
  gboolean grouped;             /* barriers or workgroup memory */
  guint32 shared_words;         /* workgroup memory of the whole program */
  /* Workgroup memory of subgroup operations, a word for each invocation: slot
   * in the descriptor and byte offset. Belongs to no buffer. */
  gboolean has_exchange;
  guint32 exchange_binding, exchange_offset;
  guint32 n_trap_tags;
  VyreString *trap_tags;        /* tag number n stands at n - 1 */
  gboolean has_atomics;         /* for the grid rule */
} VyreLowered;

/* Lowers a program after the repairs of vir0-semantics.md section 3.1 and 3.2.
 * Refuses by name what it does not understand: the message names the
 * construct, its place (statement path, and line:column for text programs) and
 * what to write instead. Never emits code that runs with another meaning.
 * The result has passed vyre_lowered_verify(). */
VYRE_API VyreLowered *vyre_lower (VyreProgram *program,
    const VyreLowerOptions *options, GError **error);
VYRE_API void vyre_lowered_free (VyreLowered *lowered);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreLowered, vyre_lowered_free)

/* The separate verifier: checks every register, level, binding, target and
 * field of any code, however made, so that what passes can do no harm in the
 * kernel. Does not trust lowering. */
VYRE_API gboolean vyre_lowered_verify (const VyreLowered *lowered,
    GError **error);

/* A listing for people, one instruction a line. */
VYRE_API char *vyre_lowered_dump (const VyreLowered *lowered);

/* The normative grid rule, vir0-semantics.md section 5.1. byte_lengths holds
 * the actual length of every buffer in declaration order (Workgroup buffers
 * ignored). */
VYRE_API gboolean vyre_grid_compute (const VyreProgram *program,
    gboolean has_atomics, const guint64 *byte_lengths, guint32 grid[3],
    GError **error);

G_END_DECLS
