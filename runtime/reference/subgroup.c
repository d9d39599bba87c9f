/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

/* Subgroup operations: vir0-semantics.md section 17. Subgroups are slices of 32
 * invocations. Operands are evaluated for every lane of the slice, finished and
 * divergent ones included, with the variables that the lane had at the
 * beginning of the round. */

#define WIDTH 32

typedef struct
{
  VyreRefValue values[WIDTH];
  guint n;
} Slice;

static void
clear_slice (Slice *slice)
{
  for (guint i = 0; i < slice->n; i++)
    vyre_ref_value_clear (&slice->values[i]);
  slice->n = 0;
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Slice, clear_slice)

static gboolean
eval_lanes (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *operand,
    Slice *slice)
{
  guint32 first = lane->invocation->linear / WIDTH * WIDTH;
  guint n = MIN (exec->n_invocations - first, WIDTH);

  for (guint i = 0; i < n; i++) {
    const VyreRefInvocation *other = &exec->invocations[first + i];
    VyreRefLane there = { other, other->snapshot };

    if (!vyre_ref_eval (exec, &there, operand, &slice->values[i]))
      return FALSE;
    slice->n = i + 1;
  }
  return TRUE;
}

/* All lanes u32 or all flt. */
static gboolean
check_tags (VyreRefExec *exec, const Slice *slice, const VyreExpr *expr)
{
  const VyreRefValue *first = &slice->values[0];

  for (guint i = 0; i < slice->n; i++) {
    const VyreRefValue *value = &slice->values[i];

    if (value->tag != first->tag ||
        (value->tag != VYRE_REF_U32 && value->tag != VYRE_REF_FLT))
      return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_SUBGROUP,
          "%s: lane 0 has a %s, lane %u a %s; all must be u32, or all float",
          vyre_expr_kind_name (expr->kind), vyre_ref_tag_name (first), i,
          vyre_ref_tag_name (value));
  }
  return TRUE;
}

static gboolean
ballot (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  g_auto (Slice) slice = { .n = 0 };
  guint32 bits = 0;

  if (!eval_lanes (exec, lane, expr->args[0], &slice))
    return FALSE;
  for (guint i = 0; i < slice.n; i++)
    bits |= (guint32) vyre_ref_truth (&slice.values[i]) << i;
  *result = vyre_ref_u32 (bits);
  return TRUE;
}

static gboolean
add (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  g_auto (Slice) slice = { .n = 0 };
  guint32 sum = 0;
  float total = 0;

  if (!eval_lanes (exec, lane, expr->args[0], &slice) ||
      !check_tags (exec, &slice, expr))
    return FALSE;
  for (guint i = 0; i < slice.n; i++) {
    const VyreRefValue *value = &slice.values[i];

    if (value->tag == VYRE_REF_U32)
      sum += value->u32;
    else
      total = vyre_ref_canon (total + vyre_ref_canon ((float) value->flt));
  }
  *result = slice.values[0].tag == VYRE_REF_U32 ? vyre_ref_u32 (sum)
                                                : vyre_ref_flt (total);
  return TRUE;
}

static gboolean
shuffle (VyreRefExec *exec, const VyreRefLane *lane, const VyreExpr *expr,
    VyreRefValue *result)
{
  g_auto (Slice) values = { .n = 0 };
  g_auto (Slice) lanes = { .n = 0 };
  guint32 from[WIDTH], wanted;

  if (!eval_lanes (exec, lane, expr->args[0], &values) ||
      !eval_lanes (exec, lane, expr->args[1], &lanes) ||
      !check_tags (exec, &values, expr))
    return FALSE;
  for (guint i = 0; i < lanes.n; i++) {
    if (!vyre_ref_to_u32_quietly (&lanes.values[i], &from[i]))
      return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_SUBGROUP,
          "SubgroupShuffle: the lane number of lane %u is a %s that is no u32; "
          "cast or clamp it",
          i, vyre_ref_tag_name (&lanes.values[i]));
  }
  wanted = from[lane->invocation->linear % WIDTH];
  if (wanted < values.n)
    *result = vyre_ref_value_copy (&values.values[wanted]);
  else
    *result = values.values[0].tag == VYRE_REF_U32 ? vyre_ref_u32 (0)
                                                   : vyre_ref_flt (0);
  return TRUE;
}

gboolean
vyre_ref_subgroup (VyreRefExec *exec, const VyreRefLane *lane,
    const VyreExpr *expr, VyreRefValue *result)
{
  switch (expr->kind) {
    case VYRE_EXPR_SUBGROUP_BALLOT:
      return ballot (exec, lane, expr, result);
    case VYRE_EXPR_SUBGROUP_ADD:
      return add (exec, lane, expr, result);
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
      return shuffle (exec, lane, expr, result);
    default:
      return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_SUBGROUP,
          "%s has no value here; compute it from local ids, with subgroups of "
          "%d",
          vyre_expr_kind_name (expr->kind), WIDTH);
  }
}
