/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../lower/isa.h"
#include "../ring/words.h"
#include "jit.h"

G_BEGIN_DECLS

/*
 * From register code to text. code.c finds out what can be known before any
 * text is made; emit*.c write text for K invocations side by side ("each
 * instruction K times before the next"); generate.c chooses K, runs them and
 * writes what surrounds their text.
 *
 * Registers and spill words are slots. The emitter follows values, not slots:
 * a slot holds a constant, or the number of a local variable that is assigned
 * once. Only where control flow joins at run time are variables assigned
 * again.
 */

#define VYRE_JIT_SPILL0 VYRE_I_MAX_REGISTERS
#define VYRE_JIT_MAX_SPILLS 64
#define VYRE_JIT_SLOTS (VYRE_I_MAX_REGISTERS + VYRE_JIT_MAX_SPILLS)
#define VYRE_JIT_MAX_UNROLL 16

/* --- code ------------------------------------------------------------------ */

typedef struct
{
  guint op, dst, a, b;
  gboolean imm;
  guint32 x;
} VyreJitInst;

/* A set of slots. */
typedef struct
{
  guint64 w[VYRE_JIT_SLOTS / 64];
} VyreJitSet;

static inline gboolean
vyre_jit_set_has (const VyreJitSet *set, guint slot)
{
  return (set->w[slot / 64] >> slot % 64 & 1) != 0;
}

static inline void
vyre_jit_set_add (VyreJitSet *set, guint slot)
{
  set->w[slot / 64] |= (guint64) 1 << slot % 64;
}

typedef struct
{
  const VyreLowered *lowered;
  guint32 n;
  VyreJitSet *live; /* slots whose values are needed before an instruction */
  gboolean loops;
} VyreJitCode;

/* What happens in a range of instructions. */
typedef struct
{
  VyreJitSet assigned;
  guint weight; /* of one pass, in simple operations */
  gboolean loops;
  gboolean kills; /* may end invocations */
  gboolean faults; /* may end them with a fault */
  gboolean effects; /* stores, atomics, or kills */
  gboolean barriers;
  VyreJitSet read;
} VyreJitRegion;

typedef struct
{
  gboolean specials[VYRE_SPECIALS];
  guint64 bindings; /* by number */
  guint8 strides[VYRE_MAX_BINDINGS]; /* by bit: counted in elements of 2^n */
} VyreJitUses;

#define VYRE_JIT_NO_SLOT G_MAXUINT

G_GNUC_INTERNAL void vyre_jit_code_init (
    VyreJitCode *code, const VyreLowered *lowered);
G_GNUC_INTERNAL void vyre_jit_code_clear (VyreJitCode *code);
G_GNUC_INTERNAL VyreJitInst vyre_jit_inst (const VyreJitCode *code, guint32 at);
/* The slots that an instruction reads; returns the one that it writes, or
 * VYRE_JIT_NO_SLOT. */
G_GNUC_INTERNAL guint vyre_jit_effects (
    const VyreJitInst *inst, VyreJitSet *reads);
G_GNUC_INTERNAL void vyre_jit_region (
    const VyreJitCode *code, guint32 from, guint32 to, VyreJitRegion *region);
/* Does the program write to the binding? */
G_GNUC_INTERNAL gboolean vyre_jit_is_written (
    const VyreJitCode *code, guint binding);
G_GNUC_INTERNAL void vyre_jit_uses (
    const VyreJitCode *code, guint32 from, guint32 to, VyreJitUses *uses);
G_GNUC_INTERNAL void vyre_jit_set_unite (
    VyreJitSet *set, const VyreJitSet *other);
/* A signed division whose operands may be those that fault. */
G_GNUC_INTERNAL gboolean vyre_jit_may_fault (const VyreJitInst *inst);

/* --- values ---------------------------------------------------------------- */

typedef enum
{
  VYRE_JIT_CONST,
  VYRE_JIT_WORD, /* local variable of type uint */
  VYRE_JIT_BOOL, /* of type bool, standing for 0 or 1 */
} VyreJitForm;

typedef struct
{
  VyreJitForm form;
  guint32 number; /* the constant, or the variable's number */
  /* The same for all K invocations, or for the workgroup where it is compiled
   * as one: a single variable. */
  gboolean shared;
  /* scale * invocation_id.x + offset without wrapping, if scale is not 0. Only
   * in the version without checks. */
  guint32 scale, offset;
  /* WORD: is the count of binding counts - 1, if not 0. */
  guint counts;
  /* BOOL: true (or false, if guard_false) where all these assumptions hold. */
  guint64 guard;
  gboolean guard_false;
  gboolean known; /* the driver can compute it, from constants */
} VyreJitValue;

/* Which of the K invocations execute. */
typedef struct
{
  enum
  {
    VYRE_JIT_ALL,
    VYRE_JIT_NONE,
    VYRE_JIT_SOME, /* by the variable of that number */
  } kind;
  guint32 number;
} VyreJitMask;

/* scale * x + offset stays below a limit for the last x of the batch. */
typedef struct
{
  enum
  {
    VYRE_JIT_BELOW_COUNT, /* what BufLen of the binding yields */
    VYRE_JIT_BELOW_ELEMENTS, /* its whole elements of 2^stride bytes */
    VYRE_JIT_BELOW_CONST, /* binding is the number */
  } kind;
  guint32 binding;
  guint stride;
  guint32 scale, offset;
} VyreJitAssumption;

#define VYRE_JIT_MAX_ASSUMPTIONS 64

/* Four neighbouring words that an invocation has loaded at once. */
typedef struct
{
  guint binding;
  guint32 scale, first; /* index scale * x + first */
  guint32 number;
} VyreJitQuad;

/* What earlier runs of the emitter found, per instruction: kept until no run
 * finds more. */
typedef struct
{
  VyreJitSet *varying; /* joins: slots that differ between invocations */
  gint64 *trips; /* loops: passes each time, or -1 where not constant */
} VyreJitFindings;

typedef struct
{
  const VyreJitCode *code;
  VyreJitFindings *found;
  guint unroll;
  gboolean fast; /* the version without checks */
  gboolean vectors; /* in it, a lane has four neighbouring invocations */
  gboolean group; /* a workgroup at a time (group.c) */

  GString *text;
  guint indent;
  guint32 next; /* number of a variable */
  VyreJitValue slots[VYRE_JIT_SLOTS];
  VyreJitValue specials[VYRE_SPECIALS];
  VyreJitMask mask;
  guint depth; /* of conditions that are decided at run time */
  gboolean paid; /* the passes of the loops around have been charged */
  guint total_weight;
  VyreJitQuad quads[8];
  guint n_quads;

  VyreJitAssumption assumptions[VYRE_JIT_MAX_ASSUMPTIONS];
  guint n_assumptions;
  guint64 assumed; /* by number */
  guint align[VYRE_MAX_BINDINGS]; /* bytes, 0 for any */
  guint64 fixed; /* bindings taken for memory that nobody writes */

  gboolean again; /* found something: the text is worthless */
  gboolean varying_loop; /* a trip count differs between invocations */
  gboolean faults; /* an invocation may end in a fault */
  guint pressure; /* values that differ and are alive at the same time */
  guint n_vectors, n_strided; /* accesses by invocation_id.x */
} VyreJitEmit;

G_GNUC_INTERNAL void vyre_jit_line (VyreJitEmit *e, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
/* Operand texts, valid until sixteen more were made. */
G_GNUC_INTERNAL const char *vyre_jit_word (
    const VyreJitEmit *e, const VyreJitValue *value, guint k);
G_GNUC_INTERNAL const char *vyre_jit_bool (
    const VyreJitEmit *e, const VyreJitValue *value, guint k);
G_GNUC_INTERNAL const char *vyre_jit_name (
    const VyreJitEmit *e, guint32 number, gboolean shared, guint k);
G_GNUC_INTERNAL const char *vyre_jit_mask (
    const VyreJitEmit *e, VyreJitMask mask, guint k);

G_GNUC_INTERNAL VyreJitValue vyre_jit_constant (guint32 number);
G_GNUC_INTERNAL VyreJitValue vyre_jit_variable (
    VyreJitEmit *e, VyreJitForm form, gboolean shared);
G_GNUC_INTERNAL gboolean vyre_jit_same (
    const VyreJitValue *a, const VyreJitValue *b);
/* mask and condition, or its opposite. */
G_GNUC_INTERNAL VyreJitMask vyre_jit_and (VyreJitEmit *e, VyreJitMask mask,
    const VyreJitValue *condition, gboolean opposite);

/* The number of that assumption, or -1 where there is no room. */
G_GNUC_INTERNAL gint vyre_jit_assumption (
    VyreJitEmit *e, const VyreJitAssumption *assumption);

G_GNUC_INTERNAL void vyre_jit_operation (
    VyreJitEmit *e, const VyreJitInst *inst);
G_GNUC_INTERNAL void vyre_jit_memory (
    VyreJitEmit *e, const VyreJitInst *inst, guint32 at);
/* Ends the executing invocations for which condition (NULL: all) holds; code
 * VYRE_FAULT_NONE: without a fault. */
G_GNUC_INTERNAL void vyre_jit_kill (VyreJitEmit *e,
    const VyreJitValue *condition, guint code, const VyreJitValue *address,
    guint32 tag);
G_GNUC_INTERNAL void vyre_jit_range (VyreJitEmit *e, guint32 from, guint32 to);
/* Loop passes of a range, or -1: not known, or very many. */
G_GNUC_INTERNAL gint64 vyre_jit_passes (
    const VyreJitEmit *e, guint32 from, guint32 to);

/* --- generate.c and group.c ------------------------------------------------ */

/* passes: -1 for not known. */
G_GNUC_INTERNAL gboolean vyre_jit_check_passes (
    gint64 passes, const VyreJitOptions *options, GError **error);
/* compiled_begin(), and what a function of the text knows of its bindings. */
G_GNUC_INTERNAL void vyre_jit_bind (GString *text, const VyreJitUses *uses);
G_GNUC_INTERNAL void vyre_jit_declare_bindings (
    GString *text, const VyreJitUses *uses);
/* The text for a grouped program. */
G_GNUC_INTERNAL VyreJitSource *vyre_jit_generate_group (const VyreJitCode *code,
    VyreJitFindings *found, const VyreJitOptions *options, GError **error);

G_END_DECLS
