/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

#include <math.h>

/* Binary operators and Fma: vir0-semantics.md sections 12 and 15. One function
 * per tag; each returns FALSE for an operator without a meaning there. */

/* What the six comparisons say, given how the operands compare. */
static gboolean
compare (guint op, gboolean less, gboolean equal, gboolean greater,
    VyreRefValue *result)
{
  switch (op) {
    case VYRE_BIN_EQ:
      *result = vyre_ref_bool (equal);
      return TRUE;
    case VYRE_BIN_NE:
      *result = vyre_ref_bool (!equal);
      return TRUE;
    case VYRE_BIN_LT:
      *result = vyre_ref_bool (less);
      return TRUE;
    case VYRE_BIN_GT:
      *result = vyre_ref_bool (greater);
      return TRUE;
    case VYRE_BIN_LE:
      *result = vyre_ref_bool (less || equal);
      return TRUE;
    case VYRE_BIN_GE:
      *result = vyre_ref_bool (greater || equal);
      return TRUE;
    default:
      return FALSE;
  }
}

/* And and Or test each side for zero. */
static gboolean
logical (guint op, gboolean a, gboolean b, VyreRefValue *result)
{
  switch (op) {
    case VYRE_BIN_AND:
      *result = vyre_ref_bool (a && b);
      return TRUE;
    case VYRE_BIN_OR:
      *result = vyre_ref_bool (a || b);
      return TRUE;
    default:
      return FALSE;
  }
}

static gboolean
binary_u32 (guint op, guint32 a, guint32 b, VyreRefValue *result)
{
  guint64 product = (guint64) a * b;
  guint32 r;

  switch (op) {
    case VYRE_BIN_ADD:
    case VYRE_BIN_WRAPPING_ADD:
      r = a + b;
      break;
    case VYRE_BIN_SUB:
    case VYRE_BIN_WRAPPING_SUB:
      r = a - b;
      break;
    case VYRE_BIN_MUL:
      r = (guint32) product;
      break;
    case VYRE_BIN_DIV:
      r = b == 0 ? G_MAXUINT32 : a / b;
      break;
    case VYRE_BIN_MOD:
      r = b == 0 ? 0 : a % b;
      break;
    case VYRE_BIN_AND_BITS:
      r = a & b;
      break;
    case VYRE_BIN_OR_BITS:
      r = a | b;
      break;
    case VYRE_BIN_XOR_BITS:
      r = a ^ b;
      break;
    case VYRE_BIN_SHL:
      r = a << (b & 31);
      break;
    case VYRE_BIN_SHR:
      r = a >> (b & 31);
      break;
    case VYRE_BIN_ROTATE_LEFT:
      r = a << (b & 31) | a >> (-b & 31);
      break;
    case VYRE_BIN_ROTATE_RIGHT:
      r = a >> (b & 31) | a << (-b & 31);
      break;
    case VYRE_BIN_ABS_DIFF:
      r = a > b ? a - b : b - a;
      break;
    case VYRE_BIN_MIN:
      r = MIN (a, b);
      break;
    case VYRE_BIN_MAX:
      r = MAX (a, b);
      break;
    case VYRE_BIN_SATURATING_ADD:
      r = a > G_MAXUINT32 - b ? G_MAXUINT32 : a + b;
      break;
    case VYRE_BIN_SATURATING_SUB:
      r = a > b ? a - b : 0;
      break;
    case VYRE_BIN_SATURATING_MUL:
      r = product > G_MAXUINT32 ? G_MAXUINT32 : (guint32) product;
      break;
    case VYRE_BIN_MUL_HIGH:
      r = (guint32) (product >> 32);
      break;
    default:
      return logical (op, a != 0, b != 0, result) ||
             compare (op, a<b, a == b, a> b, result);
  }
  *result = vyre_ref_u32 (r);
  return TRUE;
}

static gint64
clamp_i32 (gint64 value)
{
  return CLAMP (value, G_MININT32, G_MAXINT32);
}

/* Computed in 64 bits, where nothing overflows, and cut to 32. Division has
 * been checked. */
static gboolean
binary_i32 (guint op, gint64 a, gint64 b, VyreRefValue *result)
{
  gint64 r;

  switch (op) {
    case VYRE_BIN_ADD:
    case VYRE_BIN_WRAPPING_ADD:
      r = a + b;
      break;
    case VYRE_BIN_SUB:
    case VYRE_BIN_WRAPPING_SUB:
      r = a - b;
      break;
    case VYRE_BIN_MUL:
      r = a * b;
      break;
    case VYRE_BIN_DIV:
      r = a / b;
      break;
    case VYRE_BIN_MOD:
      r = a % b;
      break;
    case VYRE_BIN_AND_BITS:
      r = a & b;
      break;
    case VYRE_BIN_OR_BITS:
      r = a | b;
      break;
    case VYRE_BIN_XOR_BITS:
      r = a ^ b;
      break;
    case VYRE_BIN_SHL:
      r = (gint64) ((guint64) a << (b & 31));
      break;
    case VYRE_BIN_SHR:
      r = a >> (b & 31);
      break;
    case VYRE_BIN_ABS_DIFF:
      *result = vyre_ref_u32 ((guint32) (a > b ? a - b : b - a));
      return TRUE;
    case VYRE_BIN_MIN:
      r = MIN (a, b);
      break;
    case VYRE_BIN_MAX:
      r = MAX (a, b);
      break;
    case VYRE_BIN_SATURATING_ADD:
      r = clamp_i32 (a + b);
      break;
    case VYRE_BIN_SATURATING_SUB:
      r = clamp_i32 (a - b);
      break;
    case VYRE_BIN_SATURATING_MUL:
      r = clamp_i32 (a * b);
      break;
    default:
      return logical (op, a != 0, b != 0, result) ||
             compare (op, a<b, a == b, a> b, result);
  }
  *result = vyre_ref_i32 ((guint32) (guint64) r);
  return TRUE;
}

/* High 64 bits of the 128 bit product. */
static guint64
multiply_high (guint64 a, guint64 b)
{
  guint64 a0 = a & G_MAXUINT32, a1 = a >> 32;
  guint64 b0 = b & G_MAXUINT32, b1 = b >> 32;
  guint64 low = a0 * b0, middle = a1 * b0 + (low >> 32);
  guint64 other = a0 * b1 + (middle & G_MAXUINT32);

  return a1 * b1 + (middle >> 32) + (other >> 32);
}

static gboolean
binary_u64 (guint op, guint64 a, guint64 b, VyreRefValue *result)
{
  guint64 r;

  switch (op) {
    case VYRE_BIN_ADD:
    case VYRE_BIN_WRAPPING_ADD:
      r = a + b;
      break;
    case VYRE_BIN_SUB:
    case VYRE_BIN_WRAPPING_SUB:
      r = a - b;
      break;
    case VYRE_BIN_MUL:
      r = a * b;
      break;
    case VYRE_BIN_DIV:
      r = b == 0 ? G_MAXUINT64 : a / b;
      break;
    case VYRE_BIN_MOD:
      r = b == 0 ? 0 : a % b;
      break;
    case VYRE_BIN_AND_BITS:
      r = a & b;
      break;
    case VYRE_BIN_OR_BITS:
      r = a | b;
      break;
    case VYRE_BIN_XOR_BITS:
      r = a ^ b;
      break;
    case VYRE_BIN_SHL:
      r = a << (b & 63);
      break;
    case VYRE_BIN_SHR:
      r = a >> (b & 63);
      break;
    case VYRE_BIN_ABS_DIFF:
      r = a > b ? a - b : b - a;
      break;
    case VYRE_BIN_MIN:
      r = MIN (a, b);
      break;
    case VYRE_BIN_MAX:
      r = MAX (a, b);
      break;
    case VYRE_BIN_SATURATING_ADD:
      r = a > G_MAXUINT64 - b ? G_MAXUINT64 : a + b;
      break;
    case VYRE_BIN_SATURATING_SUB:
      r = a > b ? a - b : 0;
      break;
    case VYRE_BIN_SATURATING_MUL:
      r = multiply_high (a, b) != 0 ? G_MAXUINT64 : a * b;
      break;
    case VYRE_BIN_MUL_HIGH:
      r = multiply_high (a, b);
      break;
    default:
      return logical (op, a != 0, b != 0, result) ||
             compare (op, a<b, a == b, a> b, result);
  }
  *result = vyre_ref_u64 (r);
  return TRUE;
}

static gboolean
binary_bool (guint op, gboolean a, gboolean b, VyreRefValue *result)
{
  if (op != VYRE_BIN_EQ && op != VYRE_BIN_NE)
    return logical (op, a, b, result);
  return compare (op, FALSE, a == b, FALSE, result);
}

/* Min (sign 1) and Max (sign -1), canonical operands. Of equal operands, which
 * zeros of different signs are, the left one. */
static float
least (float a, float b, float sign)
{
  if (isnan (a))
    return b;
  if (isnan (b))
    return a;
  return sign * b < sign * a ? b : a;
}

static gboolean
binary_flt (guint op, float a, float b, VyreRefValue *result)
{
  float r;

  switch (op) {
    case VYRE_BIN_ADD:
      r = a + b;
      break;
    case VYRE_BIN_SUB:
      r = a - b;
      break;
    case VYRE_BIN_MUL:
      r = a * b;
      break;
    case VYRE_BIN_DIV:
      r = a / b;
      break;
    case VYRE_BIN_MIN:
      r = least (a, b, 1);
      break;
    case VYRE_BIN_MAX:
      r = least (a, b, -1);
      break;
    default:
      return compare (op, a<b, a == b, a> b, result);
  }
  *result = vyre_ref_flt (vyre_ref_canon (r));
  return TRUE;
}

gboolean
vyre_ref_binary (VyreRefExec *exec, guint op, const VyreRefValue *left,
    const VyreRefValue *right, VyreRefValue *result)
{
  gboolean known = FALSE;

  if (left->tag != right->tag)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_OPERANDS,
        "%s of %s and %s: both operands must be alike; cast one",
        vyre_bin_op_name (op), vyre_ref_tag_name (left),
        vyre_ref_tag_name (right));

  switch (left->tag) {
    case VYRE_REF_U32:
      known = binary_u32 (op, left->u32, right->u32, result);
      break;
    case VYRE_REF_I32:
      if ((op == VYRE_BIN_DIV || op == VYRE_BIN_MOD) &&
          (right->i32 == 0 || (left->i32 == G_MININT32 && right->i32 == -1)))
        return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_DIVISION,
            "%s of i32 %d and %d has no result; test the divisor first",
            vyre_bin_op_name (op), left->i32, right->i32);
      known = binary_i32 (op, left->i32, right->i32, result);
      break;
    case VYRE_REF_U64:
      known = binary_u64 (op, left->u64, right->u64, result);
      break;
    case VYRE_REF_BOOL:
      known = binary_bool (op, left->bool_, right->bool_, result);
      break;
    case VYRE_REF_FLT:
      known = binary_flt (op, vyre_ref_canon ((float) left->flt),
          vyre_ref_canon ((float) right->flt), result);
      break;
    case VYRE_REF_BLOB:
      break;
  }
  return known || vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_OPERANDS,
                      "%s has no meaning for %s; cast both operands",
                      vyre_bin_op_name (op), vyre_ref_tag_name (left));
}

gboolean
vyre_ref_fma (
    VyreRefExec *exec, const VyreRefValue operands[3], VyreRefValue *result)
{
  float f[3];

  for (guint i = 0; i < 3; i++) {
    if (operands[i].tag == VYRE_REF_FLT)
      f[i] = vyre_ref_canon ((float) operands[i].flt);
    else if (operands[i].tag == VYRE_REF_U32)
      f[i] = vyre_ref_canon (vyre_ref_float_from_bits (operands[i].u32));
    else
      return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_FMA,
          "operand %u of Fma is %s; cast it to F32", i,
          vyre_ref_tag_name (&operands[i]));
  }
  *result = vyre_ref_flt (vyre_ref_canon (fmaf (f[0], f[1], f[2])));
  return TRUE;
}
