/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

#include <string.h>

/* Expressions: vir0-semantics.md section 11. Every operand is evaluated, left
 * to right, whatever the others are. */

VyreRefVariable *
vyre_ref_find_variable (
    VyreRefExec *exec, const GArray *variables, VyreString name)
{
  guint64 looked_through = 0;

  for (guint i = variables->len; i-- > 0;) {
    VyreRefVariable *variable = &g_array_index (variables, VyreRefVariable, i);

    looked_through++;
    if (variable->name.length != name.length)
      continue;
    looked_through += name.length / 16;
    if (vyre_string_equal (variable->name, name)) {
      /* An error shows when the next statement or expression is charged. */
      vyre_ref_charge (exec, looked_through / 16);
      return variable;
    }
  }
  vyre_ref_charge (exec, looked_through / 16);
  return NULL;
}

static gboolean
eval_variable (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  const VyreRefVariable *variable =
      vyre_ref_find_variable (exec, lane->variables, expr->name);
  g_autofree char *name = NULL;

  if (variable) {
    *result = vyre_ref_value_copy (&variable->value);
    return TRUE;
  }
  name = vyre_string_display (expr->name);
  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_VARIABLE,
      "the variable `%s` is not declared here; bind it with a Let in this "
      "scope or an outer one",
      name);
}

static gboolean
eval_id (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  const guint32 *ids =
      expr->kind == VYRE_EXPR_LOCAL_ID       ? lane->invocation->local
      : expr->kind == VYRE_EXPR_WORKGROUP_ID ? exec->workgroup
                                             : lane->invocation->global;

  if (expr->axis > 2)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_VALIDATION,
        "%s has axes 0, 1 and 2, not %u", vyre_expr_kind_name (expr->kind),
        expr->axis);
  *result = vyre_ref_u32 (ids[expr->axis]);
  return TRUE;
}

static gboolean
eval_load (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  const VyreRefBuffer *buffer;
  guint32 index;

  if (!vyre_ref_eval_u32 (exec, lane, expr->args[0], "index of a Load", &index))
    return FALSE;
  buffer = vyre_ref_find_buffer (exec, expr->name);
  return buffer && vyre_ref_load (exec, buffer, index, result);
}

static gboolean
eval_buf_len (VyreRefExec *exec, const VyreExpr *expr, VyreRefValue *result)
{
  const VyreRefBuffer *buffer = vyre_ref_find_buffer (exec, expr->name);

  if (!buffer)
    return FALSE;
  *result = vyre_ref_u32 (
      vyre_type_element_count (buffer->decl->element, buffer->length));
  return TRUE;
}

static gboolean
eval_bin_op (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  g_auto (VyreRefValue) left = { 0 };
  g_auto (VyreRefValue) right = { 0 };

  return vyre_ref_eval (exec, lane, expr->args[0], &left) &&
         vyre_ref_eval (exec, lane, expr->args[1], &right) &&
         vyre_ref_binary (exec, expr->op, &left, &right, result);
}

static gboolean
eval_un_op (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  g_auto (VyreRefValue) operand = { 0 };

  return vyre_ref_eval (exec, lane, expr->args[0], &operand) &&
         vyre_ref_unary (exec, expr->op, &operand, result);
}

static gboolean
eval_select (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  g_auto (VyreRefValue) condition = { 0 };
  g_auto (VyreRefValue) if_true = { 0 };
  g_auto (VyreRefValue) if_false = { 0 };

  if (!vyre_ref_eval (exec, lane, expr->args[0], &condition) ||
      !vyre_ref_eval (exec, lane, expr->args[1], &if_true) ||
      !vyre_ref_eval (exec, lane, expr->args[2], &if_false))
    return FALSE;
  *result =
      vyre_ref_value_copy (vyre_ref_truth (&condition) ? &if_true : &if_false);
  return TRUE;
}

static gboolean
eval_cast (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  g_auto (VyreRefValue) operand = { 0 };

  return vyre_ref_eval (exec, lane, expr->args[0], &operand) &&
         vyre_ref_cast (exec, expr->type, &operand, result);
}

static gboolean
eval_fma (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  VyreRefValue operands[3] = { { 0 } };
  gboolean ok = TRUE;

  for (guint i = 0; i < 3 && ok; i++)
    ok = vyre_ref_eval (exec, lane, expr->args[i], &operands[i]);
  ok = ok && vyre_ref_fma (exec, operands, result);
  for (guint i = 0; i < 3; i++)
    vyre_ref_value_clear (&operands[i]);
  return ok;
}

static gboolean
refuse (VyreRefExec *exec, const VyreExpr *expr)
{
  g_autofree char *name = vyre_string_display (expr->name);

  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_UNSUPPORTED,
      "%s of `%s`: nothing is registered that could evaluate it; write it with "
      "other expressions",
      vyre_expr_kind_name (expr->kind), name);
}

gboolean
vyre_ref_eval (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  if (!vyre_ref_charge (exec, 1))
    return FALSE;

  switch (expr->kind) {
    case VYRE_EXPR_LIT_U32:
      *result = vyre_ref_u32 (expr->bits);
      return TRUE;
    case VYRE_EXPR_LIT_I32:
      *result = vyre_ref_i32 (expr->bits);
      return TRUE;
    case VYRE_EXPR_LIT_BOOL:
      *result = vyre_ref_bool (expr->bits != 0);
      return TRUE;
    case VYRE_EXPR_LIT_F32:
      *result =
          vyre_ref_flt (vyre_ref_canon (vyre_ref_float_from_bits (expr->bits)));
      return TRUE;
    case VYRE_EXPR_VAR:
      return eval_variable (exec, lane, expr, result);
    case VYRE_EXPR_LOAD:
      return eval_load (exec, lane, expr, result);
    case VYRE_EXPR_BUF_LEN:
      return eval_buf_len (exec, expr, result);
    case VYRE_EXPR_INVOCATION_ID:
    case VYRE_EXPR_WORKGROUP_ID:
    case VYRE_EXPR_LOCAL_ID:
      return eval_id (exec, lane, expr, result);
    case VYRE_EXPR_BIN_OP:
      return eval_bin_op (exec, lane, expr, result);
    case VYRE_EXPR_UN_OP:
      return eval_un_op (exec, lane, expr, result);
    case VYRE_EXPR_SELECT:
      return eval_select (exec, lane, expr, result);
    case VYRE_EXPR_CAST:
      return eval_cast (exec, lane, expr, result);
    case VYRE_EXPR_FMA:
      return eval_fma (exec, lane, expr, result);
    case VYRE_EXPR_ATOMIC:
      return vyre_ref_atomic (exec, lane, expr, result);
    case VYRE_EXPR_SUBGROUP_ADD:
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
    case VYRE_EXPR_SUBGROUP_BALLOT:
    case VYRE_EXPR_SUBGROUP_LOCAL_ID:
    case VYRE_EXPR_SUBGROUP_SIZE:
      return vyre_ref_subgroup (exec, lane, expr, result);
    case VYRE_EXPR_CALL:
    case VYRE_EXPR_OPAQUE:
      return refuse (exec, expr);
  }
  g_return_val_if_reached (FALSE);
}

gboolean
vyre_ref_eval_u32 (VyreRefExec *exec, const VyreRefLane *lane,
    const VyreExpr *expr, const char *what, guint32 *result)
{
  g_auto (VyreRefValue) value = { 0 };

  return vyre_ref_eval (exec, lane, expr, &value) &&
         vyre_ref_to_u32 (exec, &value, what, result);
}

gboolean
vyre_ref_eval_u64 (VyreRefExec *exec, const VyreRefLane *lane,
    const VyreExpr *expr, const char *what, guint64 *result)
{
  g_auto (VyreRefValue) value = { 0 };

  return vyre_ref_eval (exec, lane, expr, &value) &&
         vyre_ref_to_u64 (exec, &value, what, result);
}
