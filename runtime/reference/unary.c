/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

#include <math.h>

/* Unary operators: vir0-semantics.md section 13. As in binary.c, one function
 * per kind of tag returns FALSE where there is no meaning. */

static guint64
reverse (guint64 value, guint width)
{
  guint64 r = 0;

  for (guint i = 0; i < width; i++)
    r = r << 1 | (value >> i & 1);
  return r;
}

/* Of a value of that width; its upper bits are 0. */
static gboolean
unary_bits (guint op, guint64 value, guint width, guint64 *result)
{
  switch (op) {
    case VYRE_UN_NEGATE:
      *result = -value;
      return TRUE;
    case VYRE_UN_BIT_NOT:
      *result = ~value;
      return TRUE;
    case VYRE_UN_POPCOUNT:
      *result = (guint64) __builtin_popcountll (value);
      return TRUE;
    case VYRE_UN_CLZ:
      *result =
          value == 0 ? width : (guint64) __builtin_clzll (value) - (64 - width);
      return TRUE;
    case VYRE_UN_CTZ:
      *result = value == 0 ? width : (guint64) __builtin_ctzll (value);
      return TRUE;
    case VYRE_UN_REVERSE_BITS:
      *result = reverse (value, width);
      return TRUE;
    default:
      return FALSE;
  }
}

static float
sign (float x)
{
  if (isnan (x))
    return x;
  return (float) ((x > 0) - (x < 0));
}

static gboolean
unary_float (guint op, float x, float *r)
{
  switch (op) {
    case VYRE_UN_NEGATE:
      *r = -x;
      return TRUE;
    case VYRE_UN_ABS:
      *r = fabsf (x);
      return TRUE;
    case VYRE_UN_SQRT:
      *r = sqrtf (x);
      return TRUE;
    case VYRE_UN_INVERSE_SQRT:
      *r = 1.0f / vyre_ref_canon (sqrtf (x));
      return TRUE;
    case VYRE_UN_RECIPROCAL:
      *r = 1.0f / x;
      return TRUE;
    case VYRE_UN_FLOOR:
      *r = floorf (x);
      return TRUE;
    case VYRE_UN_CEIL:
      *r = ceilf (x);
      return TRUE;
    case VYRE_UN_TRUNC:
      *r = truncf (x);
      return TRUE;
    case VYRE_UN_ROUND:
      *r = roundf (x); /* halves away from zero */
      return TRUE;
    case VYRE_UN_SIGN:
      *r = sign (x);
      return TRUE;
    case VYRE_UN_SIN:
      *r = vyre_ref_sin (x);
      return TRUE;
    case VYRE_UN_COS:
      *r = vyre_ref_cos (x);
      return TRUE;
    case VYRE_UN_TAN:
      *r = vyre_ref_tan (x);
      return TRUE;
    case VYRE_UN_ASIN:
      *r = vyre_ref_asin (x);
      return TRUE;
    case VYRE_UN_ACOS:
      *r = vyre_ref_acos (x);
      return TRUE;
    case VYRE_UN_ATAN:
      *r = vyre_ref_atan (x);
      return TRUE;
    case VYRE_UN_SINH:
      *r = vyre_ref_sinh (x);
      return TRUE;
    case VYRE_UN_COSH:
      *r = vyre_ref_cosh (x);
      return TRUE;
    case VYRE_UN_TANH:
      *r = vyre_ref_tanh (x);
      return TRUE;
    case VYRE_UN_EXP:
      *r = vyre_ref_exp (x);
      return TRUE;
    case VYRE_UN_EXP2:
      *r = vyre_ref_exp2 (x);
      return TRUE;
    case VYRE_UN_LOG:
      *r = vyre_ref_log (x);
      return TRUE;
    case VYRE_UN_LOG2:
      *r = vyre_ref_log2 (x);
      return TRUE;
    default:
      return FALSE;
  }
}

static gboolean
unary_flt (guint op, float x, VyreRefValue *result)
{
  float r;

  switch (op) {
    case VYRE_UN_IS_NAN:
      *result = vyre_ref_bool (isnan (x));
      return TRUE;
    case VYRE_UN_IS_INF:
      *result = vyre_ref_bool (isinf (x));
      return TRUE;
    case VYRE_UN_IS_FINITE:
      *result = vyre_ref_bool (isfinite (x));
      return TRUE;
    default:
      if (!unary_float (op, x, &r))
        return FALSE;
      *result = vyre_ref_flt (vyre_ref_canon (r));
      return TRUE;
  }
}

gboolean
vyre_ref_unary (VyreRefExec *exec, guint op, const VyreRefValue *operand,
    VyreRefValue *result)
{
  gboolean known = FALSE;
  guint64 bits = 0;

  if (op == VYRE_UN_LOGICAL_NOT && operand->tag != VYRE_REF_FLT &&
      operand->tag != VYRE_REF_BLOB) {
    *result = vyre_ref_bool (!vyre_ref_truth (operand));
    return TRUE;
  }
  switch (operand->tag) {
    case VYRE_REF_U32:
      known = unary_bits (op, operand->u32, 32, &bits);
      *result = vyre_ref_u32 ((guint32) bits);
      break;
    case VYRE_REF_I32:
      known = unary_bits (op, (guint32) operand->i32, 32, &bits);
      *result = vyre_ref_i32 ((guint32) bits);
      break;
    case VYRE_REF_U64:
      known = unary_bits (op, operand->u64, 64, &bits);
      *result = vyre_ref_u64 (bits);
      break;
    case VYRE_REF_FLT:
      known = unary_flt (op, vyre_ref_canon ((float) operand->flt), result);
      break;
    case VYRE_REF_BOOL:
    case VYRE_REF_BLOB:
      break;
  }
  return known || vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_OPERANDS,
                      "%s has no meaning for %s; cast the operand",
                      vyre_un_op_name (op), vyre_ref_tag_name (operand));
}
