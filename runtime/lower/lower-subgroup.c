/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Subgroup operations (vir0-semantics.md section 17): slices of 32 invocations
 * exchange their values through hidden workgroup memory, one word for each
 * invocation, between two barriers. That needs all invocations to come by:
 * uniform control (lower-uniform.c sees to it) and no Return anywhere.
 */
#include "lower-priv.h"

#define SLICE 32

static gboolean
refuse (VyreLowering *lw, const VyreExpr *expr, const char *reason)
{
  return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X13", expr->at,
      "%s %s", vyre_expr_kind_name (expr->kind), reason);
}

/* Atomics and subgroup operations inside an operand would run once for every
 * lane of the slice. */
static gboolean
is_plain (const VyreExpr *expr)
{
  if (expr->kind == VYRE_EXPR_ATOMIC || vyre_expr_is_subgroup (expr))
    return FALSE;
  for (guint i = 0; i < expr->n_args; i++)
    if (!is_plain (expr->args[i]))
      return FALSE;
  return TRUE;
}

/* Index of the invocation in its workgroup. */
static VyreOperand
linear_index (VyreLowering *lw)
{
  const guint32 *size = lw->program->workgroup_size;
  VyreOperand index = VYRE_CONST (0);

  for (guint axis = 3; axis-- > 0;) {
    VyreOperand local = size[axis] == 1
                            ? VYRE_CONST (0)
                            : vyre_emit_op0 (lw, VYRE_I_SPECIAL,
                                  VYRE_SPECIAL_LOCAL_ID + axis, VYRE_NONE);

    index = vyre_emit_op2 (lw, VYRE_I_MUL, index, VYRE_CONST (size[axis]));
    index = vyre_emit_op2 (lw, VYRE_I_ADD, index, local);
  }
  return index;
}

/* The words of the slice, joined in lane order, starting from 0. */
static gboolean
reduce (VyreLowering *lw, const VyreExpr *expr, VyreOperand base, guint op,
    VyreOperand *result)
{
  const guint32 *size = lw->program->workgroup_size;
  guint64 lanes = (guint64) size[0] * size[1] * size[2];
  guint32 sum = vyre_emit_vreg (lw, TRUE);
  VyreOperand word;
  VyreInst loop;

  vyre_emit_assign (lw, sum, VYRE_CONST (0));
  if (!vyre_lowering_loop_begin (lw, VYRE_CONST (0),
          VYRE_CONST ((guint32) MIN (lanes, SLICE)), expr->at, &loop))
    return FALSE;
  /* Lanes that a last slice lacks lie out of bounds and give 0. */
  word = vyre_emit_load (lw, lw->exchange, 2, 2, 0,
      vyre_emit_op2 (lw, VYRE_I_ADD, base, VYRE_REG (loop.a)));
  if (op == VYRE_I_OR)
    word = vyre_emit_op2 (lw, VYRE_I_SHL, word, VYRE_REG (loop.a));
  vyre_emit_assign (lw, sum, vyre_emit_op2 (lw, op, VYRE_REG (sum), word));
  vyre_lowering_loop_end (lw, &loop);
  *result = VYRE_REG (sum);
  return TRUE;
}

gboolean
vyre_lowering_subgroup (
    VyreLowering *lw, const VyreExpr *expr, VyreValue *value)
{
  VyreValue operand, number;
  VyreOperand word, index, base, lane = VYRE_CONST (0);
  VyreTag tag = VYRE_TAG_U32;

  if (expr->n_args == 0)
    return refuse (lw, expr, "is executed nowhere; use LocalId");
  if (lw->scan.returns)
    return refuse (lw, expr,
        "in a program with Return: invocations that have "
        "ended would be missing; use If instead of Return");
  if (!is_plain (expr->args[0]) ||
      (expr->n_args > 1 && !is_plain (expr->args[1])))
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X21",
        expr->at,
        "%s of an operand with an atomic or subgroup operation; "
        "compute it in a Let before",
        vyre_expr_kind_name (expr->kind));
  if (!vyre_lowering_expr (lw, expr->args[0], &operand))
    return FALSE;

  if (expr->kind == VYRE_EXPR_SUBGROUP_BALLOT) {
    word = vyre_emit_op2 (
        lw, VYRE_I_NE, vyre_lowering_truth (lw, &operand), VYRE_CONST (0));
  } else {
    tag = operand.tag;
    if (tag != VYRE_TAG_U32 && tag != VYRE_TAG_F32)
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "R16", expr->at,
          "%s of %s; Cast it to U32 or F32", vyre_expr_kind_name (expr->kind),
          vyre_tag_name (&operand));
    word = operand.w[0];
  }
  if (expr->kind == VYRE_EXPR_SUBGROUP_SHUFFLE &&
      (!vyre_lowering_expr (lw, expr->args[1], &number) ||
          !vyre_lowering_index (lw, &number, expr->at, &lane)))
    return FALSE;

  index = linear_index (lw);
  base = vyre_emit_op2 (lw, VYRE_I_AND, index, VYRE_CONST (-(guint32) SLICE));
  vyre_emit_store (lw, lw->exchange, 2, 2, 0, index, word);
  vyre_emit_barrier (lw);
  if (expr->kind == VYRE_EXPR_SUBGROUP_SHUFFLE) {
    VyreOperand inside =
        vyre_emit_op2 (lw, VYRE_I_LTU, lane, VYRE_CONST (SLICE));

    word = vyre_emit_load (
        lw, lw->exchange, 2, 2, 0, vyre_emit_op2 (lw, VYRE_I_ADD, base, lane));
    word = vyre_emit_op3 (lw, VYRE_I_SELECT, inside, word, VYRE_CONST (0));
  } else if (!reduce (lw, expr, base,
                 expr->kind == VYRE_EXPR_SUBGROUP_BALLOT ? VYRE_I_OR
                 : tag == VYRE_TAG_F32                   ? VYRE_I_FADD
                                                         : VYRE_I_ADD,
                 &word)) {
    return FALSE;
  }
  /* Nobody may put in the next value before all have read. */
  vyre_emit_barrier (lw);
  *value = vyre_value1 (tag, word);
  return TRUE;
}
