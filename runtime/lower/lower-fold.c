/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What operations make of constants, bit by bit as the reference executor and
 * the kernels do (vir0-semantics.md sections 8.5 and 12). What would fault is
 * left to be reached. Floats are computed where every executor has to agree:
 * not where the result may be a subnormal before it is made canonical, and no
 * function that has a tolerance.
 */
#include <string.h>

#include "lower-priv.h"

static float
as_float (guint32 bits)
{
  float f;

  memcpy (&f, &bits, sizeof f);
  return f;
}

static guint32
as_bits (float f)
{
  guint32 bits;

  memcpy (&bits, &f, sizeof bits);
  return bits;
}

static guint32
canonical (guint32 bits)
{
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return 0x7fc00000u;
  if ((bits & 0x7f800000u) == 0)
    return bits & 0x80000000u;
  return bits;
}

/* A rounded result, if it is no matter of flushing. */
static gboolean
rounded (float f, guint32 *result)
{
  guint32 bits = as_bits (f);

  *result = canonical (bits);
  return (bits & 0x7fffffffu) == 0 || (bits & 0x7fffffffu) > 0x00800000u;
}

static gboolean
fold_float2 (guint op, guint32 a, guint32 b, guint32 *result)
{
  float x = as_float (a), y = as_float (b);

  switch (op) {
    case VYRE_I_FADD:
      return rounded (x + y, result);
    case VYRE_I_FSUB:
      return rounded (x - y, result);
    case VYRE_I_FMUL:
      return rounded (x * y, result) && (*result << 1 != 0 || x == 0 || y == 0);
    case VYRE_I_FEQ:
      *result = x == y;
      return TRUE;
    case VYRE_I_FNE:
      *result = x != y;
      return TRUE;
    case VYRE_I_FLT:
      *result = x < y;
      return TRUE;
    case VYRE_I_FLE:
      *result = x <= y;
      return TRUE;
    case VYRE_I_FGT:
      *result = x > y;
      return TRUE;
    case VYRE_I_FGE:
      *result = x >= y;
      return TRUE;
    default:
      return FALSE;
  }
}

static guint32
rotate_left (guint32 value, guint32 count)
{
  count &= 31;
  return count == 0 ? value : value << count | value >> (32 - count);
}

gboolean
vyre_op_fold2 (guint op, guint32 a, guint32 b, guint32 *result)
{
  gint32 sa = (gint32) a, sb = (gint32) b;
  guint64 product = (guint64) a * b;

  switch (op) {
    case VYRE_I_ADD:
      *result = a + b;
      return TRUE;
    case VYRE_I_SUB:
      *result = a - b;
      return TRUE;
    case VYRE_I_MUL:
      *result = (guint32) product;
      return TRUE;
    case VYRE_I_DIVU:
      *result = b == 0 ? G_MAXUINT32 : a / b;
      return TRUE;
    case VYRE_I_MODU:
      *result = b == 0 ? 0 : a % b;
      return TRUE;
    case VYRE_I_DIVS:
    case VYRE_I_MODS:
      if (sb == 0 || (sa == G_MININT32 && sb == -1))
        return FALSE; /* a fault, to be raised when it is reached */
      *result = (guint32) (op == VYRE_I_DIVS ? sa / sb : sa % sb);
      return TRUE;
    case VYRE_I_AND:
      *result = a & b;
      return TRUE;
    case VYRE_I_OR:
      *result = a | b;
      return TRUE;
    case VYRE_I_XOR:
      *result = a ^ b;
      return TRUE;
    case VYRE_I_SHL:
      *result = a << (b & 31);
      return TRUE;
    case VYRE_I_SHR:
      *result = a >> (b & 31);
      return TRUE;
    case VYRE_I_SAR:
      *result = (guint32) (sa >> (b & 31));
      return TRUE;
    case VYRE_I_ROTL:
      *result = rotate_left (a, b);
      return TRUE;
    case VYRE_I_ROTR:
      *result = rotate_left (a, 32 - (b & 31));
      return TRUE;
    case VYRE_I_EQ:
      *result = a == b;
      return TRUE;
    case VYRE_I_NE:
      *result = a != b;
      return TRUE;
    case VYRE_I_LTU:
      *result = a < b;
      return TRUE;
    case VYRE_I_LEU:
      *result = a <= b;
      return TRUE;
    case VYRE_I_LTS:
      *result = sa < sb;
      return TRUE;
    case VYRE_I_LES:
      *result = sa <= sb;
      return TRUE;
    case VYRE_I_GTU:
      *result = a > b;
      return TRUE;
    case VYRE_I_GEU:
      *result = a >= b;
      return TRUE;
    case VYRE_I_GTS:
      *result = sa > sb;
      return TRUE;
    case VYRE_I_GES:
      *result = sa >= sb;
      return TRUE;
    case VYRE_I_MINU:
      *result = MIN (a, b);
      return TRUE;
    case VYRE_I_MAXU:
      *result = MAX (a, b);
      return TRUE;
    case VYRE_I_MINS:
      *result = (guint32) MIN (sa, sb);
      return TRUE;
    case VYRE_I_MAXS:
      *result = (guint32) MAX (sa, sb);
      return TRUE;
    case VYRE_I_ABSDIFFU:
      *result = a > b ? a - b : b - a;
      return TRUE;
    case VYRE_I_ABSDIFFS:
      *result = sa > sb ? a - b : b - a;
      return TRUE;
    case VYRE_I_ADDSATU:
      *result = a + b < a ? G_MAXUINT32 : a + b;
      return TRUE;
    case VYRE_I_SUBSATU:
      *result = a > b ? a - b : 0;
      return TRUE;
    case VYRE_I_MULSATU:
      *result = product > G_MAXUINT32 ? G_MAXUINT32 : (guint32) product;
      return TRUE;
    case VYRE_I_MULHIU:
      *result = (guint32) (product >> 32);
      return TRUE;
    case VYRE_I_LAND:
      *result = a != 0 && b != 0;
      return TRUE;
    case VYRE_I_LOR:
      *result = a != 0 || b != 0;
      return TRUE;
    default:
      return fold_float2 (op, a, b, result);
  }
}

gboolean
vyre_op_fold1 (guint op, guint32 a, guint32 *result)
{
  guint32 reversed = 0;
  float f;

  switch (op) {
    case VYRE_I_NOT:
      *result = ~a;
      return TRUE;
    case VYRE_I_POPCOUNT:
      *result = (guint32) __builtin_popcount (a);
      return TRUE;
    case VYRE_I_CLZ:
      *result = a == 0 ? 32 : (guint32) __builtin_clz (a);
      return TRUE;
    case VYRE_I_CTZ:
      *result = a == 0 ? 32 : (guint32) __builtin_ctz (a);
      return TRUE;
    case VYRE_I_REVERSE:
      for (guint i = 0; i < 32; i++)
        reversed |= (a >> i & 1) << (31 - i);
      *result = reversed;
      return TRUE;
    case VYRE_I_FCANON:
      *result = canonical (a);
      return TRUE;
    case VYRE_I_FTRUTH:
      *result = (canonical (a) & 0x7fffffffu) != 0;
      return TRUE;
    case VYRE_I_FNEG:
      *result = canonical (a ^ 0x80000000u);
      return TRUE;
    case VYRE_I_FABS:
      *result = canonical (a & 0x7fffffffu);
      return TRUE;
    case VYRE_I_FISNAN:
      *result = (a & 0x7fffffffu) > 0x7f800000u;
      return TRUE;
    case VYRE_I_FISINF:
      *result = (a & 0x7fffffffu) == 0x7f800000u;
      return TRUE;
    case VYRE_I_FISFINITE:
      *result = (a & 0x7fffffffu) < 0x7f800000u;
      return TRUE;
    case VYRE_I_F2U:
      f = as_float (a);
      *result = !(f > 0) ? 0 : f >= 0x1p32f ? G_MAXUINT32 : (guint32) f;
      return TRUE;
    case VYRE_I_F2S:
      f = as_float (a);
      *result = f >= 0x1p31f   ? G_MAXINT32
                : f < -0x1p31f ? 0x80000000u
                : f == f       ? (guint32) (gint32) f
                               : 0;
      return TRUE;
    case VYRE_I_U2F:
      *result = as_bits ((float) a);
      return TRUE;
    case VYRE_I_S2F:
      *result = as_bits ((float) (gint32) a);
      return TRUE;
    default:
      return FALSE;
  }
}
