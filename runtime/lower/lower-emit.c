/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Instructions as they arrive: constants are folded, identities dropped, what
 * was computed before in the same or an enclosing list is used again, and what
 * does not change in a loop is moved in front of it. The device pays for every
 * instruction of every lane, so this is worth more than its length.
 */
#include <string.h>

#include "lower-priv.h"

static VyreVreg *
vreg_of (VyreLowering *lw, guint32 vreg)
{
  return &g_array_index (lw->vregs, VyreVreg, vreg);
}

guint32
vyre_emit_vreg (VyreLowering *lw, gboolean variable)
{
  VyreVreg vreg = {
    .version = variable ? ++lw->next_version : 0,
    .mask = G_MAXUINT32,
    .depth = lw->loops->len,
    .variable = variable,
  };

  g_array_append_val (lw->vregs, vreg);
  return lw->vregs->len - 1;
}

void
vyre_emit (VyreLowering *lw, VyreInst inst)
{
  /* Some room above the limit: cleaning makes code shorter. */
  if (lw->code->len >= 2 * VYRE_I_MAX_CODE) {
    lw->full = TRUE;
    return;
  }
  g_array_append_val (lw->code, inst);
}

/* --- sharing -------------------------------------------------------------- */

static guint32
version_of (VyreLowering *lw, guint32 vreg)
{
  return vreg == VYRE_NONE ? 0 : vreg_of (lw, vreg)->version;
}

static VyreKey
key_of (VyreLowering *lw, const VyreInst *inst)
{
  VyreKey key = {
    .op_imm = inst->op | (inst->imm ? 0x100u : 0),
    .a = inst->a,
    .b = inst->b,
    .c = inst->c,
    .x = inst->x,
    .buffer = inst->buffer,
    .va = version_of (lw, inst->a),
    .vb = version_of (lw, inst->b),
    .vc = version_of (lw, inst->c),
    .memory = inst->op == VYRE_I_LOAD ? lw->memory[inst->buffer] : 0,
  };

  return key;
}

/* How many of the open loops the instruction must stay inside. */
static guint
home_depth (VyreLowering *lw, const VyreInst *inst)
{
  const guint32 sources[3] = { inst->a, inst->b, inst->c };
  guint depth = 0;
  gboolean cheap = inst->op == VYRE_I_MOV || inst->op == VYRE_I_SPECIAL ||
                   inst->op == VYRE_I_BUFLEN;

  for (guint i = 0; i < 3; i++) {
    const VyreVreg *vreg;

    if (sources[i] == VYRE_NONE)
      continue;
    vreg = vreg_of (lw, sources[i]);
    if (vreg->variable)
      return lw->loops->len;
    depth = MAX (depth, vreg->depth);
  }
  if (inst->op == VYRE_I_LOAD && lw->scan.written[inst->buffer])
    return lw->loops->len;
  /* Not out of a condition inside the loop, which may be rarely true; values
   * that can be made anew anywhere are not held back. */
  while (
      !cheap && depth < lw->loops->len &&
      g_array_index (lw->loops, VyreLoop, depth).conditions != lw->conditions)
    depth++;
  return MIN (depth, lw->loops->len);
}

/* Emits a pure instruction, or finds its result. */
static VyreOperand
emit_shared (VyreLowering *lw, VyreInst inst)
{
  VyreKey key = key_of (lw, &inst), *stored;
  gpointer found;
  guint depth;
  VyreVreg *vreg;
  guint scope = lw->scopes->len - 1;

  if (g_hash_table_lookup_extended (lw->shared, &key, NULL, &found))
    return VYRE_REG (GPOINTER_TO_UINT (found));

  depth = lw->frugal ? lw->loops->len : home_depth (lw, &inst);
  inst.dst = vyre_emit_vreg (lw, FALSE);
  vreg = vreg_of (lw, inst.dst);
  vreg->depth = depth;
  vreg->key = key;
  if (vyre_op_info (inst.op)->flags & VYRE_F_BOOL)
    vreg->mask = 1;
  if (depth < lw->loops->len) {
    VyreLoop *loop = &g_array_index (lw->loops, VyreLoop, depth);

    if (loop->before->len >= VYRE_I_MAX_CODE)
      lw->full = TRUE;
    else
      g_array_append_val (loop->before, inst);
    scope = loop->scope;
  } else {
    vyre_emit (lw, inst);
  }
  if (lw->frugal)
    return VYRE_REG (inst.dst);
  stored = g_memdup2 (&key, sizeof key);
  g_hash_table_insert (lw->shared, stored, GUINT_TO_POINTER (inst.dst));
  g_ptr_array_add (g_ptr_array_index (lw->scopes, scope), stored);
  return VYRE_REG (inst.dst);
}

const VyreKey *
vyre_emit_definition (VyreLowering *lw, VyreOperand operand)
{
  const VyreVreg *vreg;

  if (operand.is_const)
    return NULL;
  vreg = vreg_of (lw, operand.v);
  if (vreg->variable || vreg->key.op_imm == 0 ||
      vreg->key.va != version_of (lw, vreg->key.a) ||
      vreg->key.vb != version_of (lw, vreg->key.b))
    return NULL;
  return &vreg->key;
}

guint32
vyre_emit_mask (VyreLowering *lw, VyreOperand operand)
{
  return operand.is_const ? operand.v : vreg_of (lw, operand.v)->mask;
}

static VyreOperand
with_mask (VyreLowering *lw, VyreOperand operand, guint32 mask)
{
  if (!operand.is_const)
    vreg_of (lw, operand.v)->mask &= mask;
  return operand;
}

/* --- instructions ---------------------------------------------------------- */

VyreOperand
vyre_emit_op0 (VyreLowering *lw, guint op, guint32 x, guint32 buffer)
{
  return emit_shared (lw, (VyreInst){ .op = op,
                              .a = VYRE_NONE,
                              .b = VYRE_NONE,
                              .c = VYRE_NONE,
                              .x = x,
                              .buffer = buffer });
}

guint32
vyre_emit_reg (VyreLowering *lw, VyreOperand operand)
{
  if (!operand.is_const)
    return operand.v;
  return emit_shared (lw, (VyreInst){ .op = VYRE_I_MOV,
                              .imm = TRUE,
                              .a = VYRE_NONE,
                              .b = VYRE_NONE,
                              .c = VYRE_NONE,
                              .x = operand.v,
                              .buffer = VYRE_NONE })
      .v;
}

VyreOperand
vyre_emit_op1 (VyreLowering *lw, guint op, VyreOperand a)
{
  guint32 folded;
  VyreOperand result;

  if (a.is_const && vyre_op_fold1 (op, a.v, &folded))
    return VYRE_CONST (folded);
  result = emit_shared (lw, (VyreInst){ .op = op,
                                .a = vyre_emit_reg (lw, a),
                                .b = VYRE_NONE,
                                .c = VYRE_NONE,
                                .buffer = VYRE_NONE });
  if (op == VYRE_I_POPCOUNT || op == VYRE_I_CLZ || op == VYRE_I_CTZ)
    vyre_simplify_bounded (lw, result, 32);
  return result;
}

VyreOperand
vyre_emit_plain2 (VyreLowering *lw, guint op, VyreOperand a, VyreOperand b)
{
  VyreInst inst = {
    .op = op, .b = VYRE_NONE, .c = VYRE_NONE, .buffer = VYRE_NONE
  };

  if (b.is_const) {
    inst.imm = TRUE;
    inst.x = b.v;
  } else {
    inst.b = b.v;
  }
  inst.a = vyre_emit_reg (lw, a);
  if (vyre_op_info (op)->flags & VYRE_F_PURE)
    return emit_shared (lw, inst);
  inst.dst = vyre_emit_vreg (lw, FALSE);
  vyre_emit (lw, inst);
  return VYRE_REG (inst.dst);
}

VyreOperand
vyre_emit_op2 (VyreLowering *lw, guint op, VyreOperand a, VyreOperand b)
{
  guint flags = vyre_op_info (op)->flags;
  guint32 folded;
  VyreOperand result;

  if (a.is_const && b.is_const && vyre_op_fold2 (op, a.v, b.v, &folded))
    return VYRE_CONST (folded);
  if (a.is_const && !b.is_const) {
    guint mirror = flags & VYRE_F_SWAP ? op : vyre_op_mirror (op);

    if (mirror != 0)
      return vyre_emit_op2 (lw, mirror, b, a);
  }
  if (vyre_simplify2 (lw, op, a, b, &result))
    return result;
  if (op == VYRE_I_LAND || op == VYRE_I_LOR) {
    a = vyre_emit_condition (lw, a);
    b = vyre_emit_condition (lw, b);
  }
  /* One order for both, so that they are shared. */
  if ((flags & VYRE_F_SWAP) && !b.is_const && !a.is_const && a.v > b.v) {
    VyreOperand swapped = a;

    a = b;
    b = swapped;
  }
  if (flags & VYRE_F_BOOL)
    return vyre_emit_plain2 (lw, op, a, b);
  return with_mask (lw, vyre_emit_plain2 (lw, op, a, b),
      vyre_simplify_mask (
          op, vyre_emit_mask (lw, a), b, vyre_emit_mask (lw, b)));
}

VyreOperand
vyre_emit_op3 (
    VyreLowering *lw, guint op, VyreOperand a, VyreOperand b, VyreOperand c)
{
  VyreInst inst = { .op = op, .buffer = VYRE_NONE };
  guint32 mask = G_MAXUINT32;
  const VyreKey *key;

  if (op == VYRE_I_SELECT) {
    if (a.is_const)
      return a.v != 0 ? b : c;
    if (b.is_const == c.is_const && b.v == c.v)
      return b;
    mask = vyre_emit_mask (lw, b) | vyre_emit_mask (lw, c);
    if (b.is_const && c.is_const && b.v == 1 && c.v == 0)
      return vyre_emit_op2 (lw, VYRE_I_NE, a, VYRE_CONST (0));
    if (b.is_const && c.is_const && b.v == 0 && c.v == 1)
      return vyre_emit_op2 (lw, VYRE_I_EQ, a, VYRE_CONST (0));
    key = vyre_emit_definition (lw, a);
    if (key != NULL && key->op_imm == (VYRE_I_EQ | 0x100u) && key->x == 0)
      return vyre_emit_op3 (lw, op, VYRE_REG (key->a), c, b);
    a = vyre_emit_condition (lw, a);
  }
  inst.a = vyre_emit_reg (lw, a);
  inst.b = vyre_emit_reg (lw, b);
  inst.c = vyre_emit_reg (lw, c);
  return with_mask (lw, emit_shared (lw, inst), mask);
}

VyreOperand
vyre_emit_load (VyreLowering *lw, guint32 buffer, guint log2_stride,
    guint log2_width, guint offset, VyreOperand index)
{
  VyreOperand result =
      emit_shared (lw, (VyreInst){ .op = VYRE_I_LOAD,
                           .a = vyre_emit_reg (lw, index),
                           .b = VYRE_NONE,
                           .c = VYRE_NONE,
                           .x = VYRE_IM (0, log2_stride, log2_width, offset),
                           .buffer = buffer });

  return with_mask (lw, result,
      log2_width == 2 ? G_MAXUINT32 : (1u << (8u << log2_width)) - 1);
}

void
vyre_emit_store (VyreLowering *lw, guint32 buffer, guint log2_stride,
    guint log2_width, guint offset, VyreOperand index, VyreOperand value)
{
  VyreInst inst = { .op = VYRE_I_STORE,
    .dst = VYRE_NONE,
    .c = VYRE_NONE,
    .x = VYRE_IM (0, log2_stride, log2_width, offset),
    .buffer = buffer };
  const VyreKey *key;

  /* Only the low bytes are written. */
  while (log2_width < 2 && (key = vyre_emit_definition (lw, value)) != NULL &&
         key->op_imm == (VYRE_I_AND | 0x100u) &&
         (key->x & ((1u << (8u << log2_width)) - 1)) ==
             (1u << (8u << log2_width)) - 1)
    value = VYRE_REG (key->a);
  inst.a = vyre_emit_reg (lw, index);
  inst.b = vyre_emit_reg (lw, value);
  vyre_emit (lw, inst);
  lw->memory[buffer] = ++lw->next_version;
  vyre_lowering_touched (lw, buffer);
}

void
vyre_emit_fault_if (
    VyreLowering *lw, guint code, VyreOperand condition, VyreOperand address)
{
  VyreInst inst = { .op = VYRE_I_FAULT_IF,
    .dst = VYRE_NONE,
    .c = VYRE_NONE,
    .x = code,
    .buffer = VYRE_NONE };

  if (condition.is_const && condition.v == 0)
    return;
  inst.a = vyre_emit_reg (lw, vyre_emit_condition (lw, condition));
  inst.b = vyre_emit_reg (lw, address);
  vyre_emit (lw, inst);
}

void
vyre_emit_assign (VyreLowering *lw, guint32 dst, VyreOperand value)
{
  VyreInst inst = { .op = VYRE_I_MOV,
    .dst = dst,
    .a = VYRE_NONE,
    .b = VYRE_NONE,
    .c = VYRE_NONE,
    .buffer = VYRE_NONE };
  VyreOperand held;

  if (!value.is_const && value.v == dst)
    return;
  held = vyre_known (lw, VYRE_REG (dst));
  if (held.is_const == value.is_const && held.v == value.v)
    return;
  if (value.is_const) {
    inst.imm = TRUE;
    inst.x = value.v;
  } else {
    inst.b = value.v;
  }
  vyre_emit (lw, inst);
  vreg_of (lw, dst)->version = ++lw->next_version;
  vyre_known_assign (lw, dst, &value);
}

VyreOperand
vyre_emit_lasting (
    VyreLowering *lw, VyreOperand operand, guint32 first, guint32 last)
{
  const VyreVreg *vreg;

  if (operand.is_const)
    return operand;
  vreg = vreg_of (lw, operand.v);
  if (!vreg->variable || vreg->owner == NULL ||
      !vyre_lowering_assigned (lw, vreg->owner->name, first, last))
    return operand;
  return emit_shared (lw, (VyreInst){ .op = VYRE_I_MOV,
                              .a = VYRE_NONE,
                              .b = operand.v,
                              .c = VYRE_NONE,
                              .buffer = VYRE_NONE });
}

void
vyre_emit_memory_changed (VyreLowering *lw)
{
  for (guint i = 0; i < lw->program->n_buffers; i++)
    if (lw->scan.written[i])
      lw->memory[i] = ++lw->next_version;
}

void
vyre_emit_barrier (VyreLowering *lw)
{
  vyre_emit (lw, (VyreInst){ .op = VYRE_I_BARRIER,
                     .dst = VYRE_NONE,
                     .a = VYRE_NONE,
                     .b = VYRE_NONE,
                     .c = VYRE_NONE,
                     .buffer = VYRE_NONE });
  vyre_emit_memory_changed (lw);
  vyre_lowering_touched (lw, VYRE_NONE);
}
