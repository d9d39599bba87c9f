/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "isa.h"
#include "lower.h"

G_BEGIN_DECLS

/*
 * Lowering works in three steps. The program is walked once and becomes a list
 * of VyreInst over virtual registers (lower.c, lower-node.c, lower-expr.c,
 * lower-convert.c), which lower-emit.c folds, simplifies and shares as they
 * arrive. What is dead or can be had for less is then dropped (lower-clean.c and
 * what it calls), and what is left gets real registers and is packed into words
 * (lower-regalloc.c).
 */

#define VYRE_NONE G_MAXUINT32

typedef struct
{
  gboolean is_const;
  guint32 v; /* the constant or the virtual register */
} VyreOperand;

#define VYRE_CONST(value) ((VyreOperand){ TRUE, (value) })
#define VYRE_REG(vreg) ((VyreOperand){ FALSE, (vreg) })

/* What a virtual instruction reads and writes; b and imm exclude each other.
 * STORE and FAULT_IF, which read the field called dst in isa.h, keep that
 * operand in b here, and a fault code in x. */
typedef struct
{
  guint8 op;
  gboolean imm;
  guint32 dst, a, b, c; /* virtual registers or VYRE_NONE */
  guint32 x;
  guint32 buffer; /* index into the program, or VYRE_NONE */
} VyreInst;

#define VYRE_DROPPED 0xff /* no opcode: the instruction is to go */

/* Fields of an opcode. */
enum
{
  VYRE_F_DST = 1 << 0, /* writes dst */
  VYRE_F_A = 1 << 1,
  VYRE_F_B = 1 << 2,
  VYRE_F_C = 1 << 3, /* third operand: a register in X */
  VYRE_F_IMM = 1 << 4, /* b may be an immediate */
  VYRE_F_PURE = 1 << 5, /* result depends on the operands alone */
  VYRE_F_SWAP = 1 << 6, /* a and b may change places */
  VYRE_F_BOOL = 1 << 7, /* result is 0 or 1 */
  VYRE_F_FLOAT = 1 << 8,
};

typedef struct
{
  const char *name;
  guint flags;
} VyreOpInfo;

/* name is NULL for numbers that are no opcode. */
G_GNUC_INTERNAL const VyreOpInfo *vyre_op_info (guint op);
/* The registers that inst reads; returns how many. */
G_GNUC_INTERNAL guint vyre_inst_sources (
    const VyreInst *inst, guint32 sources[3]);
/* Reads of one register become reads of another. */
G_GNUC_INTERNAL void vyre_inst_rename (
    VyreInst *inst, guint32 from, guint32 to);
/* The comparison that is true when op is false, or 0; the one that is the same
 * after its operands have changed places, or 0. */
G_GNUC_INTERNAL guint vyre_op_inverse (guint op);
G_GNUC_INTERNAL guint vyre_op_mirror (guint op);
/* lower-fold.c: what op makes of constants; FALSE if that is left to the device. */
G_GNUC_INTERNAL gboolean vyre_op_fold2 (
    guint op, guint32 a, guint32 b, guint32 *result);
G_GNUC_INTERNAL gboolean vyre_op_fold1 (guint op, guint32 a, guint32 *result);

typedef enum
{
  VYRE_TAG_U32,
  VYRE_TAG_I32,
  VYRE_TAG_BOOL,
  VYRE_TAG_U64,
  VYRE_TAG_F32,
  VYRE_TAG_F64, /* a full double: can only be copied */
  VYRE_TAG_BLOB,
} VyreTag;

/* A run-time value with its tag of vir0-semantics.md section 24. Bytes of a
 * blob beyond its length are zero in w[]; a blob longer than 16 bytes is all
 * zeros. */
typedef struct
{
  VyreTag tag;
  guint64 length; /* blobs: bytes */
  guint n_words;
  VyreOperand w[4];
} VyreValue;

/* How an element type is loaded and stored (section 9.5). */
typedef struct
{
  VyreTag tag;
  guint64 length;
  gboolean present; /* FALSE: loads zeros, stores are dropped */
  guint log2_stride;
} VyreElement;

/* Everything that makes an instruction's result what it is: the instruction
 * without dst, and the versions of what it reads. */
typedef struct
{
  guint32 op_imm, a, b, c, x, buffer, va, vb, vc, memory;
} VyreKey;

typedef struct
{
  guint32 version; /* of a variable: changes with every assignment */
  guint32 mask; /* bits that may be set */
  guint32 depth; /* loops around its definition */
  gboolean variable; /* has more than one definition */
  const struct _VyreVariable *owner; /* of a variable */
  gboolean known; /* a variable: holds what value says */
  VyreOperand value; /* a constant, or a register that is written once */
  VyreKey key; /* its definition, if op_imm is not 0 */
} VyreVreg;

typedef struct _VyreVariable
{
  VyreString name;
  guint scope; /* open scopes when it was declared */
  gboolean loop; /* may not be assigned */
  gboolean assignable; /* lives in registers of its own */
  VyreValue value;
} VyreVariable;

typedef struct
{
  GArray *before; /* VyreInst that were moved out of the loop */
  guint scope; /* scopes around the LOOP */
  guint conditions; /* conditions around the LOOP */
} VyreLoop;

typedef struct
{
  const char *field;
  guint index;
} VyreStep;

typedef struct
{
  GPtrArray *variables; /* VyreVariable */
  gboolean conditional;
  guint mark; /* vyre_known_mark() at its beginning */
} VyreScope;

/* An asynchronous copy between its start and its wait. */
typedef struct
{
  VyreString tag;
  guint32 source, destination;
  VyreOperand from, to, size; /* bytes, clipped to 32 bits */
  guint list;
  gboolean stale; /* the source may have been written since */
} VyrePending;

/* What the first walk over the program finds (lower-scan.c). */
typedef struct
{
  gboolean atomics, barriers, returns, subgroups;
  gboolean *written; /* per buffer: stored to or atomic */
  guint n_nodes;
  /* Statements are numbered in pre-order; these are the numbers of all
   * assignments, and the names, in order. */
  GArray *assigned_at; /* guint32 */
  GPtrArray *assigned; /* VyreString in the program */
  GHashTable *assigned_names; /* set of VyreString */
} VyreScan;

typedef struct
{
  VyreProgram *program;
  VyreLowerOptions options;
  GError *error;
  VyreScan scan;

  GArray *code; /* VyreInst */
  GArray *vregs; /* VyreVreg */
  GArray *loops; /* VyreLoop: open ones */
  GPtrArray *moved; /* per LOOP in code order: GArray of VyreInst */
  GHashTable *shared; /* VyreKey -> virtual register */
  GArray *known; /* what variables held before each assignment */
  GPtrArray *scopes; /* open conditional scopes: GPtrArray of keys in shared */
  guint conditions; /* open IFs */
  guint depth; /* open IFs and LOOPs */
  guint32 next_version;
  guint32 exchange; /* what subgroup operations use as their buffer */
  guint32 *memory; /* per buffer: version of its contents */
  gboolean full;
  gboolean frugal; /* share and move nothing: fewer values are alive */
  gboolean crowded; /* failed for want of room */

  GHashTable *buffers; /* VyreString -> index + 1 */
  GHashTable *variables; /* VyreString -> VyreVariable */
  GArray *name_scopes; /* VyreScope: open ones */
  guint copies; /* that open unrolled loops make of a statement */
  GArray *pending; /* VyrePending */
  guint list, n_lists; /* the open list; lists so far */
  GArray *path; /* VyreStep */
  VyreSource at; /* of the statement */
  guint expr_depth, node_depth;
  guint32 node_number; /* pre-order number of the next statement */
  guint32 list_end; /* the number after the open list */
  GPtrArray *tags; /* VyreString of Trap */
  GHashTable *tag_numbers;
} VyreLowering;

/* --- lower.c: context, scopes, errors ----------------------------------- */

/* Sets the error and returns FALSE. at may be 0, 0. The message is
 * "PATH (LINE:COLUMN): text [id]". */
G_GNUC_INTERNAL gboolean vyre_lowering_fail (VyreLowering *lw,
    VyreLowerError code, const char *id, VyreSource at, const char *format, ...)
    G_GNUC_PRINTF (5, 6);
G_GNUC_INTERNAL void vyre_lowering_push (
    VyreLowering *lw, const char *field, guint index);
G_GNUC_INTERNAL void vyre_lowering_pop (VyreLowering *lw);
/* A scope of names; conditional: not all lanes come through, or not once, so
 * what is computed inside is forgotten at its end. */
G_GNUC_INTERNAL void vyre_lowering_open (
    VyreLowering *lw, gboolean conditional);
G_GNUC_INTERNAL void vyre_lowering_close (VyreLowering *lw);
G_GNUC_INTERNAL VyreVariable *vyre_lowering_declare (
    VyreLowering *lw, VyreString name, VyreSource at);
G_GNUC_INTERNAL VyreVariable *vyre_lowering_variable (
    VyreLowering *lw, VyreString name);
G_GNUC_INTERNAL int vyre_lowering_buffer (
    VyreLowering *lw, VyreString name, VyreSource at, const char *user);
G_GNUC_INTERNAL guint vyre_string_hash (gconstpointer string);
G_GNUC_INTERNAL gboolean vyre_string_same (gconstpointer a, gconstpointer b);

/* --- lower-scan.c -------------------------------------------------------- */

G_GNUC_INTERNAL gboolean vyre_lowering_scan (VyreLowering *lw);
G_GNUC_INTERNAL void vyre_lowering_scan_clear (VyreLowering *lw);
/* Is name assigned by a statement numbered first to last - 1? */
G_GNUC_INTERNAL gboolean vyre_lowering_assigned (
    VyreLowering *lw, VyreString name, guint32 first, guint32 last);
/* The number of statements in a list, nested ones included. */
G_GNUC_INTERNAL guint32 vyre_node_list_size (const VyreNodeList *list);

/* --- lower-uniform.c: barriers (X14) ------------------------------------ */

G_GNUC_INTERNAL gboolean vyre_lowering_check_barriers (VyreLowering *lw);

/* --- lower-emit.c -------------------------------------------------------- */

G_GNUC_INTERNAL guint32 vyre_emit_vreg (VyreLowering *lw, gboolean variable);
G_GNUC_INTERNAL void vyre_emit (VyreLowering *lw, VyreInst inst);
/* A register that holds the operand. */
G_GNUC_INTERNAL guint32 vyre_emit_reg (VyreLowering *lw, VyreOperand operand);
G_GNUC_INTERNAL VyreOperand vyre_emit_op0 (
    VyreLowering *lw, guint op, guint32 x, guint32 buffer);
G_GNUC_INTERNAL VyreOperand vyre_emit_op1 (
    VyreLowering *lw, guint op, VyreOperand a);
G_GNUC_INTERNAL VyreOperand vyre_emit_op2 (
    VyreLowering *lw, guint op, VyreOperand a, VyreOperand b);
G_GNUC_INTERNAL VyreOperand vyre_emit_op3 (
    VyreLowering *lw, guint op, VyreOperand a, VyreOperand b, VyreOperand c);
G_GNUC_INTERNAL VyreOperand vyre_emit_load (VyreLowering *lw, guint32 buffer,
    guint log2_stride, guint log2_width, guint offset, VyreOperand index);
G_GNUC_INTERNAL void vyre_emit_store (VyreLowering *lw, guint32 buffer,
    guint log2_stride, guint log2_width, guint offset, VyreOperand index,
    VyreOperand value);
G_GNUC_INTERNAL void vyre_emit_fault_if (
    VyreLowering *lw, guint code, VyreOperand condition, VyreOperand address);
/* dst, a variable, becomes value. */
G_GNUC_INTERNAL void vyre_emit_assign (
    VyreLowering *lw, guint32 dst, VyreOperand value);
/* The instruction that defines a register and still describes it, or NULL. */
G_GNUC_INTERNAL const VyreKey *vyre_emit_definition (
    VyreLowering *lw, VyreOperand operand);
/* Bits that the operand may have set. */
G_GNUC_INTERNAL guint32 vyre_emit_mask (VyreLowering *lw, VyreOperand operand);
/* vyre_emit_op2() without a look at what else would do. */
G_GNUC_INTERNAL VyreOperand vyre_emit_plain2 (
    VyreLowering *lw, guint op, VyreOperand a, VyreOperand b);
/* The operand itself, or a copy if it is a variable that statements numbered
 * first to last - 1 assign. */
G_GNUC_INTERNAL VyreOperand vyre_emit_lasting (
    VyreLowering *lw, VyreOperand operand, guint32 first, guint32 last);
/* Forget what is known about variables and memory that statements numbered
 * first to last - 1 change. */
G_GNUC_INTERNAL void vyre_emit_forget (
    VyreLowering *lw, guint32 first, guint32 last);
G_GNUC_INTERNAL void vyre_emit_memory_changed (VyreLowering *lw);
G_GNUC_INTERNAL void vyre_emit_barrier (VyreLowering *lw);

/* --- lower-simplify.c ----------------------------------------------------- */

/* The result of an operation, if it needs no instruction or a cheaper one. */
G_GNUC_INTERNAL gboolean vyre_simplify2 (VyreLowering *lw, guint op,
    VyreOperand a, VyreOperand b, VyreOperand *result);
/* Bits that the result of op may have set; a and b_mask: those of the
 * operands. */
G_GNUC_INTERNAL guint32 vyre_simplify_mask (
    guint op, guint32 a, VyreOperand b, guint32 b_mask);
/* The operand is never above max. */
G_GNUC_INTERNAL void vyre_simplify_bounded (
    VyreLowering *lw, VyreOperand operand, guint32 max);
/* A register that is not zero exactly when the operand is not; for IF, SELECT
 * and the like, where the value itself does not matter. */
G_GNUC_INTERNAL VyreOperand vyre_emit_condition (
    VyreLowering *lw, VyreOperand operand);

/* --- lower-known.c: what variables hold ---------------------------------- */

G_GNUC_INTERNAL GArray *vyre_known_new (void);
/* The operand, or what it is known to hold. */
G_GNUC_INTERNAL VyreOperand vyre_known (VyreLowering *lw, VyreOperand operand);
/* A variable is assigned value; or NULL: who knows what. */
G_GNUC_INTERNAL void vyre_known_assign (
    VyreLowering *lw, guint32 vreg, const VyreOperand *value);
/* A place in the order of assignments. */
G_GNUC_INTERNAL guint vyre_known_mark (VyreLowering *lw);
/* Ways meet of which not all have come by the assignments since the mark. */
G_GNUC_INTERNAL void vyre_known_join (VyreLowering *lw, guint mark);
/* A way begins that has not come by the assignments since the mark. */
G_GNUC_INTERNAL void vyre_known_undo (VyreLowering *lw, guint mark);

/* --- lower-convert.c: tags and conversions ------------------------------- */

G_GNUC_INTERNAL const char *vyre_tag_name (const VyreValue *value);
G_GNUC_INTERNAL VyreValue vyre_value1 (VyreTag tag, VyreOperand word);
G_GNUC_INTERNAL gboolean vyre_value_same_tag (
    const VyreValue *a, const VyreValue *b);
G_GNUC_INTERNAL gboolean vyre_lowering_element (VyreLowering *lw,
    guint32 buffer, VyreSource at, const char *user, VyreElement *element);
G_GNUC_INTERNAL VyreValue vyre_element_zero (const VyreElement *element);
/* Section 8.3; 0 or anything else. */
G_GNUC_INTERNAL VyreOperand vyre_lowering_truth (
    VyreLowering *lw, const VyreValue *value);
/* Section 8.4, with fault R06 where the tag can fail. */
G_GNUC_INTERNAL gboolean vyre_lowering_index (VyreLowering *lw,
    const VyreValue *value, VyreSource at, VyreOperand *index);
/* A canonical f32 below limit (its bits, at least 2^32) as a word, cut off and
 * saturated; fault R06 for everything that is no index. */
G_GNUC_INTERNAL VyreOperand vyre_lowering_float_index (
    VyreLowering *lw, VyreOperand w, guint32 limit);
G_GNUC_INTERNAL gboolean vyre_lowering_cast (VyreLowering *lw,
    const VyreType *type, const VyreValue *value, VyreSource at,
    VyreValue *result);
G_GNUC_INTERNAL gboolean vyre_lowering_load (VyreLowering *lw, guint32 buffer,
    VyreOperand index, VyreSource at, VyreValue *result);
G_GNUC_INTERNAL gboolean vyre_lowering_store (VyreLowering *lw, guint32 buffer,
    VyreOperand index, const VyreValue *value, VyreSource at);

/* --- lower-expr.c, lower-node.c ------------------------------------------ */

G_GNUC_INTERNAL gboolean vyre_lowering_expr (
    VyreLowering *lw, const VyreExpr *expr, VyreValue *value);
G_GNUC_INTERNAL gboolean vyre_lowering_binary (VyreLowering *lw,
    const VyreExpr *expr, const VyreValue *l, const VyreValue *r,
    VyreValue *value);
G_GNUC_INTERNAL gboolean vyre_lowering_unary (VyreLowering *lw,
    const VyreExpr *expr, const VyreValue *x, VyreValue *value);
G_GNUC_INTERNAL gboolean vyre_lowering_list (
    VyreLowering *lw, const VyreNodeList *list, const char *field);

/* An IF-less LOOP around what is emitted next; FALSE: too deep. */
G_GNUC_INTERNAL gboolean vyre_lowering_loop_begin (VyreLowering *lw,
    VyreOperand from, VyreOperand to, VyreSource at, VyreInst *loop);
G_GNUC_INTERNAL void vyre_lowering_loop_end (
    VyreLowering *lw, const VyreInst *loop);

/* --- lower-subgroup.c ----------------------------------------------------- */

static inline gboolean
vyre_expr_is_subgroup (const VyreExpr *expr)
{
  return expr->kind >= VYRE_EXPR_SUBGROUP_ADD &&
         expr->kind <= VYRE_EXPR_SUBGROUP_SIZE;
}

G_GNUC_INTERNAL gboolean vyre_lowering_subgroup (
    VyreLowering *lw, const VyreExpr *expr, VyreValue *value);

/* --- lower-async.c -------------------------------------------------------- */

G_GNUC_INTERNAL gboolean vyre_lowering_async (
    VyreLowering *lw, const VyreNode *node);
/* A buffer is written, or, if it is VYRE_NONE, all that ever are. */
G_GNUC_INTERNAL void vyre_lowering_touched (VyreLowering *lw, guint32 buffer);
/* No copy that was started in the open list may be left. */
G_GNUC_INTERNAL gboolean vyre_lowering_check_pending (
    VyreLowering *lw, gboolean all, const char *where, VyreSource at);

/* --- lower-live.c --------------------------------------------------------- */

G_GNUC_INTERNAL void vyre_lowering_drop_dead (VyreLowering *lw, GArray *code);
/* Takes out what is marked VYRE_DROPPED. */
G_GNUC_INTERNAL void vyre_code_compact (GArray *code);

/* --- lower-select.c ------------------------------------------------------- */

/* Takes code and returns what takes its place. */
G_GNUC_INTERNAL GArray *vyre_lowering_select (VyreLowering *lw, GArray *code);

/* --- lower-guard.c --------------------------------------------------------- */

G_GNUC_INTERNAL void vyre_lowering_drop_guards (VyreLowering *lw, GArray *code);

/* --- lower-clean.c, lower-regalloc.c ------------------------------------- */

/* The whole code with moved instructions in their places, without dead ones
 * and needless moves. */
G_GNUC_INTERNAL GArray *vyre_lowering_clean (VyreLowering *lw);
/* Gives registers and packs. bindings: per buffer its slot. */
G_GNUC_INTERNAL gboolean vyre_lowering_allocate (
    VyreLowering *lw, GArray *code, const int *bindings, VyreLowered *lowered);

G_END_DECLS
