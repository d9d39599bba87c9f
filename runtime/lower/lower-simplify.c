/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Strength reduction: operations that need no instruction, fewer of them or a
 * cheaper one, as they arrive. What is known of an operand is the instruction
 * that makes it and the bits that it may have set.
 */
#include "lower-priv.h"

#define IMM 0x100u /* in op_imm of a key */

static gboolean
is_power_of_two (guint32 value)
{
  return value != 0 && (value & (value - 1)) == 0;
}

/* All bits up to the highest one: what numbers up to value may have set. */
static guint32
bits_up_to (guint64 value)
{
  return value > G_MAXUINT32 / 2 ? G_MAXUINT32
         : value == 0            ? 0
                      : G_MAXUINT32 >> __builtin_clz ((guint32) value);
}

/* The instruction that makes a, if it is op with a constant on the right. */
static const VyreKey *
made_by (VyreLowering *lw, VyreOperand a, guint op)
{
  const VyreKey *key = vyre_emit_definition (lw, a);

  return key != NULL && key->op_imm == (op | IMM) ? key : NULL;
}

static VyreOperand
with_constant (VyreLowering *lw, guint op, guint32 a, guint32 c)
{
  return vyre_emit_op2 (lw, op, VYRE_REG (a), VYRE_CONST (c));
}

/* --- a constant on the right --------------------------------------------------- */

static gboolean
simplify_add (VyreLowering *lw, VyreOperand a, guint32 c, VyreOperand *result)
{
  const VyreKey *key = made_by (lw, a, VYRE_I_ADD);

  if (key == NULL)
    return FALSE;
  *result = with_constant (lw, VYRE_I_ADD, key->a, key->x + c);
  return TRUE;
}

static gboolean
simplify_shl (VyreLowering *lw, VyreOperand a, guint32 c, VyreOperand *result)
{
  const VyreKey *key = vyre_emit_definition (lw, a);

  if (vyre_emit_mask (lw, a) << c == 0) {
    *result = VYRE_CONST (0);
    return TRUE;
  }
  if (key == NULL)
    return FALSE;
  switch (key->op_imm) {
    case VYRE_I_AND | IMM:
      /* Bits that leave on the left need no masking before. */
      if ((~key->x & G_MAXUINT32 >> c) == 0) {
        *result = with_constant (lw, VYRE_I_SHL, key->a, c);
        return TRUE;
      }
      break;
    case VYRE_I_SHL | IMM:
      *result = key->x + c > 31
                    ? VYRE_CONST (0)
                    : with_constant (lw, VYRE_I_SHL, key->a, key->x + c);
      return TRUE;
    case VYRE_I_SHR | IMM:
      if (key->x != c)
        break;
      *result = with_constant (lw, VYRE_I_AND, key->a, G_MAXUINT32 << c);
      return TRUE;
    default:
      break;
  }
  return FALSE;
}

static gboolean
simplify_shr (VyreLowering *lw, VyreOperand a, guint32 c, VyreOperand *result)
{
  const VyreKey *key = vyre_emit_definition (lw, a);

  if (vyre_emit_mask (lw, a) >> c == 0) {
    *result = VYRE_CONST (0);
    return TRUE;
  }
  if (key == NULL)
    return FALSE;
  switch (key->op_imm) {
    case VYRE_I_SHR | IMM:
      *result = key->x + c > 31
                    ? VYRE_CONST (0)
                    : with_constant (lw, VYRE_I_SHR, key->a, key->x + c);
      return TRUE;
    case VYRE_I_SHL | IMM:
      if (key->x != c)
        break;
      *result = with_constant (lw, VYRE_I_AND, key->a, G_MAXUINT32 >> c);
      return TRUE;
    default:
      break;
  }
  return FALSE;
}

/* 0 - b, where b is 0 or 1: all bits or none. */
static gboolean
is_spread_bit (VyreLowering *lw, VyreOperand a, VyreOperand *bit)
{
  const VyreKey *key = vyre_emit_definition (lw, a), *zero;

  if (key == NULL || key->op_imm != VYRE_I_SUB)
    return FALSE;
  zero = made_by (lw, VYRE_REG (key->a), VYRE_I_MOV);
  *bit = VYRE_REG (key->b);
  return zero != NULL && zero->x == 0 && vyre_emit_mask (lw, *bit) <= 1;
}

/* What has the same bits where wanted has some. */
static VyreOperand
without_mask (VyreLowering *lw, VyreOperand a, guint32 wanted)
{
  const VyreKey *key = made_by (lw, a, VYRE_I_AND);

  return key != NULL && (wanted & ~key->x) == 0 ? VYRE_REG (key->a) : a;
}

/* The low bits of a sum and the like come from the low bits of its operands. */
static gboolean
simplify_low_bits (
    VyreLowering *lw, VyreOperand a, guint32 c, VyreOperand *result)
{
  const VyreKey *key = vyre_emit_definition (lw, a);
  VyreOperand x, y, left, right;
  guint op;

  if (key == NULL || (c & (c + 1)) != 0)
    return FALSE;
  op = key->op_imm & 0xff;
  if (op != VYRE_I_ADD && op != VYRE_I_SUB && op != VYRE_I_MUL &&
      op != VYRE_I_XOR && op != VYRE_I_OR)
    return FALSE;
  left = VYRE_REG (key->a);
  right = key->op_imm & IMM ? VYRE_CONST (key->x) : VYRE_REG (key->b);
  x = without_mask (lw, left, c);
  y = without_mask (lw, right, c);
  if (x.v == left.v && y.v == right.v)
    return FALSE;
  *result = vyre_emit_op2 (
      lw, VYRE_I_AND, vyre_emit_op2 (lw, op, x, y), VYRE_CONST (c));
  return TRUE;
}

static gboolean
simplify_and (VyreLowering *lw, VyreOperand a, guint32 c, VyreOperand *result)
{
  guint32 mask = vyre_emit_mask (lw, a);
  const VyreKey *key;
  VyreOperand bit;

  if ((mask & ~c) == 0)
    *result = a;
  else if ((mask & c) == 0)
    *result = VYRE_CONST (0);
  else if ((key = made_by (lw, a, VYRE_I_AND)) != NULL)
    *result = with_constant (lw, VYRE_I_AND, key->a, key->x & c);
  else if (is_spread_bit (lw, a, &bit))
    *result =
        vyre_emit_op3 (lw, VYRE_I_SELECT, bit, VYRE_CONST (c), VYRE_CONST (0));
  else
    return simplify_low_bits (lw, a, c, result);
  return TRUE;
}

/* Unsigned comparisons that the possible bits decide, or that are tests for
 * zero: those have opposites, and conditions need no instruction for them. */
static gboolean
simplify_compare (
    VyreLowering *lw, guint op, VyreOperand a, guint32 c, VyreOperand *result)
{
  guint32 mask = vyre_emit_mask (lw, a);
  gboolean less = op == VYRE_I_LTU || op == VYRE_I_LEU;

  /* As a < c or a >= c. */
  if (op == VYRE_I_LEU || op == VYRE_I_GTU) {
    if (c == G_MAXUINT32) {
      *result = VYRE_CONST (less);
      return TRUE;
    }
    c++;
  }
  if (c == 0)
    *result = VYRE_CONST (!less);
  else if (mask < c)
    *result = VYRE_CONST (less);
  else if (c == 1)
    *result =
        vyre_emit_op2 (lw, less ? VYRE_I_EQ : VYRE_I_NE, a, VYRE_CONST (0));
  else
    return FALSE;
  return TRUE;
}

static gboolean
simplify_equal (
    VyreLowering *lw, guint op, VyreOperand a, guint32 c, VyreOperand *result)
{
  guint32 mask = vyre_emit_mask (lw, a);
  const VyreKey *key = vyre_emit_definition (lw, a);
  guint inverse;

  if ((c & ~mask) != 0) {
    *result = VYRE_CONST (op == VYRE_I_NE);
    return TRUE;
  }
  if (mask <= 1 && (op == VYRE_I_NE) == (c == 0)) {
    *result = a;
    return TRUE;
  }
  if (mask <= 1 && c == 1) {
    *result = vyre_emit_op2 (lw, VYRE_I_EQ, a, VYRE_CONST (0));
    return TRUE;
  }
  if (key == NULL)
    return FALSE;
  if (key->op_imm == (VYRE_I_ADD | IMM)) {
    *result = with_constant (lw, op, key->a, c - key->x);
    return TRUE;
  }
  if (key->op_imm == (VYRE_I_XOR | IMM)) {
    *result = with_constant (lw, op, key->a, c ^ key->x);
    return TRUE;
  }
  inverse =
      op == VYRE_I_EQ && c == 0 ? vyre_op_inverse (key->op_imm & 0xff) : 0;
  if (inverse == 0)
    return FALSE;
  *result = vyre_emit_plain2 (lw, inverse, VYRE_REG (key->a),
      key->op_imm & IMM ? VYRE_CONST (key->x) : VYRE_REG (key->b));
  return TRUE;
}

/* Floats are canonical, so these are exact; +0.0 may not be added to -0.0. */
static gboolean
simplify_float (guint op, VyreOperand a, guint32 c, VyreOperand *result)
{
  gboolean same =
      ((op == VYRE_I_FMUL || op == VYRE_I_FDIV) && c == 0x3f800000u) ||
      (op == VYRE_I_FSUB && c == 0) || (op == VYRE_I_FADD && c == 0x80000000u);

  if (same)
    *result = a;
  return same;
}

static gboolean
simplify_right (
    VyreLowering *lw, guint op, VyreOperand a, guint32 c, VyreOperand *result)
{
  guint32 mask = vyre_emit_mask (lw, a);
  const VyreKey *key;

  switch (op) {
    case VYRE_I_ADD:
    case VYRE_I_SUB:
    case VYRE_I_OR:
    case VYRE_I_XOR:
    case VYRE_I_ADDSATU:
    case VYRE_I_SUBSATU:
    case VYRE_I_ABSDIFFU:
    case VYRE_I_MAXU:
      if (c == 0) {
        *result = a;
        return TRUE;
      }
      if (op == VYRE_I_SUB) {
        *result = vyre_emit_op2 (lw, VYRE_I_ADD, a, VYRE_CONST (-c));
        return TRUE;
      }
      if (op == VYRE_I_MAXU && mask <= c) {
        *result = VYRE_CONST (c);
        return TRUE;
      }
      key = op == VYRE_I_OR || op == VYRE_I_XOR ? made_by (lw, a, op) : NULL;
      if (key != NULL) {
        *result = with_constant (
            lw, op, key->a, op == VYRE_I_OR ? key->x | c : key->x ^ c);
        return TRUE;
      }
      return op == VYRE_I_ADD && simplify_add (lw, a, c, result);
    case VYRE_I_MINU:
      if (mask > c && c != 0)
        return FALSE;
      *result = c == 0 ? VYRE_CONST (0) : a;
      return TRUE;
    case VYRE_I_SHL:
    case VYRE_I_SHR:
    case VYRE_I_SAR:
    case VYRE_I_ROTL:
    case VYRE_I_ROTR:
      /* Counts below 32 from here on. */
      if ((c & 31) == 0 || c > 31) {
        *result =
            (c & 31) == 0 ? a : vyre_emit_op2 (lw, op, a, VYRE_CONST (c & 31));
        return TRUE;
      }
      return op == VYRE_I_SHL   ? simplify_shl (lw, a, c, result)
             : op == VYRE_I_SHR ? simplify_shr (lw, a, c, result)
                                : FALSE;
    case VYRE_I_AND:
      return simplify_and (lw, a, c, result);
    case VYRE_I_MUL:
      if (c == 0)
        *result = VYRE_CONST (0);
      else if (c == 1)
        *result = a;
      else if (is_power_of_two (c))
        *result = vyre_emit_op2 (
            lw, VYRE_I_SHL, a, VYRE_CONST ((guint32) __builtin_ctz (c)));
      else
        return FALSE;
      return TRUE;
    case VYRE_I_DIVU:
      if (c == 0)
        *result = VYRE_CONST (G_MAXUINT32);
      else if (c == 1)
        *result = a;
      else if (is_power_of_two (c))
        *result = vyre_emit_op2 (
            lw, VYRE_I_SHR, a, VYRE_CONST ((guint32) __builtin_ctz (c)));
      else if (mask < c)
        *result = VYRE_CONST (0);
      else
        return FALSE;
      return TRUE;
    case VYRE_I_MODU:
      if (c <= 1)
        *result = VYRE_CONST (0);
      else if (is_power_of_two (c))
        *result = vyre_emit_op2 (lw, VYRE_I_AND, a, VYRE_CONST (c - 1));
      else if (mask < c)
        *result = a;
      else
        return FALSE;
      return TRUE;
    case VYRE_I_LAND:
      *result = c == 0 ? VYRE_CONST (0)
                       : vyre_emit_op2 (lw, VYRE_I_NE, a, VYRE_CONST (0));
      return TRUE;
    case VYRE_I_LOR:
      *result = c != 0 ? VYRE_CONST (1)
                       : vyre_emit_op2 (lw, VYRE_I_NE, a, VYRE_CONST (0));
      return TRUE;
    case VYRE_I_EQ:
    case VYRE_I_NE:
      return simplify_equal (lw, op, a, c, result);
    case VYRE_I_LTU:
    case VYRE_I_LEU:
    case VYRE_I_GTU:
    case VYRE_I_GEU:
      return simplify_compare (lw, op, a, c, result);
    default:
      return simplify_float (op, a, c, result);
  }
}

/* --- other operands ---------------------------------------------------------------- */

/* Of a value with itself. Floats are left alone: NaN. */
static gboolean
simplify_same (guint op, VyreOperand a, VyreOperand *result)
{
  switch (op) {
    case VYRE_I_SUB:
    case VYRE_I_XOR:
    case VYRE_I_NE:
    case VYRE_I_LTU:
    case VYRE_I_LTS:
    case VYRE_I_GTU:
    case VYRE_I_GTS:
    case VYRE_I_ABSDIFFU:
    case VYRE_I_ABSDIFFS:
    case VYRE_I_SUBSATU:
      *result = VYRE_CONST (0);
      return TRUE;
    case VYRE_I_EQ:
    case VYRE_I_LEU:
    case VYRE_I_LES:
    case VYRE_I_GEU:
    case VYRE_I_GES:
      *result = VYRE_CONST (1);
      return TRUE;
    case VYRE_I_AND:
    case VYRE_I_OR:
    case VYRE_I_MINU:
    case VYRE_I_MAXU:
    case VYRE_I_MINS:
    case VYRE_I_MAXS:
      *result = a;
      return TRUE;
    default:
      return FALSE;
  }
}

static gboolean
simplify_left (
    VyreLowering *lw, guint op, guint32 c, VyreOperand b, VyreOperand *result)
{
  /* Nothing is borrowed. */
  if (op != VYRE_I_SUB || (vyre_emit_mask (lw, b) & ~c) != 0 || c == 0)
    return FALSE;
  *result = vyre_emit_op2 (lw, VYRE_I_XOR, b, VYRE_CONST (c));
  return TRUE;
}

/* The unsigned interval outside (TRUE) or inside of which a comparison with a
 * constant is true on one side. */
static gboolean
bound (const VyreKey *key, gboolean negated, gboolean *lower, guint32 *value)
{
  guint op = key->op_imm & 0xff;

  if (!(key->op_imm & 0x100))
    return FALSE;
  if (negated)
    op = vyre_op_inverse (op);
  *value = key->x;
  *lower = op == VYRE_I_GEU || op == VYRE_I_GTU;
  if (op == VYRE_I_GTU && key->x != G_MAXUINT32)
    *value = key->x + 1;
  else if (op == VYRE_I_LTU && key->x != 0)
    *value = key->x - 1;
  else if (op != VYRE_I_GEU && op != VYRE_I_LEU)
    return FALSE;
  return TRUE;
}

/* low <= x && x <= high is x - low <= high - low; and the opposite. */
static gboolean
join_bounds (VyreLowering *lw, gboolean outside, VyreOperand a, VyreOperand b,
    VyreOperand *result)
{
  const VyreKey *first = vyre_emit_definition (lw, a),
                *second = vyre_emit_definition (lw, b);
  gboolean a_lower, b_lower;
  guint32 low, high;
  VyreOperand x;

  if (first == NULL || second == NULL || first->a != second->a ||
      !bound (first, outside, &a_lower, &low) ||
      !bound (second, outside, &b_lower, &high) || a_lower == b_lower)
    return FALSE;
  if (!a_lower) {
    guint32 swapped = low;

    low = high;
    high = swapped;
  }
  if (low == 0 || low > high)
    return FALSE;
  x = vyre_emit_op2 (lw, VYRE_I_ADD, VYRE_REG (first->a), VYRE_CONST (-low));
  *result = vyre_emit_op2 (
      lw, outside ? VYRE_I_GTU : VYRE_I_LEU, x, VYRE_CONST (high - low));
  return TRUE;
}

static gboolean
simplify_registers (VyreLowering *lw, guint op, VyreOperand a, VyreOperand b,
    VyreOperand *result)
{
  VyreOperand bit;

  if (a.v == b.v)
    return simplify_same (op, a, result);
  switch (op) {
    case VYRE_I_LAND:
    case VYRE_I_LOR:
      return join_bounds (lw, op == VYRE_I_LOR, a, b, result);
    case VYRE_I_AND:
      if (is_spread_bit (lw, b, &bit)) {
        *result = vyre_emit_op3 (lw, VYRE_I_SELECT, bit, a, VYRE_CONST (0));
        return TRUE;
      }
      if (is_spread_bit (lw, a, &bit)) {
        *result = vyre_emit_op3 (lw, VYRE_I_SELECT, bit, b, VYRE_CONST (0));
        return TRUE;
      }
      return FALSE;
    default:
      return FALSE;
  }
}

gboolean
vyre_simplify2 (VyreLowering *lw, guint op, VyreOperand a, VyreOperand b,
    VyreOperand *result)
{
  if (b.is_const)
    return !a.is_const && simplify_right (lw, op, a, b.v, result);
  if (a.is_const)
    return simplify_left (lw, op, a.v, b, result);
  return simplify_registers (lw, op, a, b, result);
}

/* --- conditions --------------------------------------------------------------------- */

VyreOperand
vyre_emit_condition (VyreLowering *lw, VyreOperand operand)
{
  const VyreKey *key = vyre_emit_definition (lw, operand), *shifted;
  guint32 c, mask;

  if (key == NULL || !(key->op_imm & IMM))
    return operand;
  c = key->x;
  mask = vyre_emit_mask (lw, VYRE_REG (key->a));
  switch (key->op_imm & 0xff) {
    case VYRE_I_NE:
      return c == 0 ? vyre_emit_condition (lw, VYRE_REG (key->a)) : operand;
    case VYRE_I_EQ:
      /* The only bit that can be set. */
      return c != 0 && c == mask && is_power_of_two (c)
                 ? vyre_emit_condition (lw, VYRE_REG (key->a))
                 : operand;
    case VYRE_I_GTU:
    case VYRE_I_GEU:
      if ((key->op_imm & 0xff) == VYRE_I_GTU)
        c++;
      /* The highest bit that can be set. */
      if (!is_power_of_two (c) || mask / 2 >= c)
        return operand;
      return vyre_emit_condition (
          lw, with_constant (lw, VYRE_I_AND, key->a, c));
    case VYRE_I_AND:
      shifted = made_by (lw, VYRE_REG (key->a), VYRE_I_SHR);
      if (shifted == NULL)
        return operand;
      return with_constant (lw, VYRE_I_AND, shifted->a, c << shifted->x);
    default:
      return operand;
  }
}

/* --- bits ----------------------------------------------------------------------------- */

guint32
vyre_simplify_mask (guint op, guint32 a, VyreOperand b, guint32 b_mask)
{
  switch (op) {
    case VYRE_I_AND:
      return a & b_mask;
    case VYRE_I_OR:
    case VYRE_I_XOR:
      return a | b_mask;
    case VYRE_I_SHL:
      return b.is_const ? a << (b.v & 31) : G_MAXUINT32;
    case VYRE_I_SHR:
      return b.is_const ? a >> (b.v & 31) : bits_up_to (a);
    case VYRE_I_MODU:
      /* Below the divisor. */
      return b.is_const && b.v > 1 ? bits_up_to (MIN (b.v - 1, a))
                                   : bits_up_to (a);
    case VYRE_I_DIVU:
      return b.is_const && b.v != 0 ? bits_up_to (a / b.v) : G_MAXUINT32;
    case VYRE_I_ADD:
      return bits_up_to ((guint64) a + b_mask);
    case VYRE_I_MUL:
      return bits_up_to ((guint64) a * b_mask);
    case VYRE_I_MINU:
      return bits_up_to (MIN (a, b_mask));
    case VYRE_I_MAXU:
    case VYRE_I_ABSDIFFU:
      return bits_up_to (MAX (a, b_mask));
    case VYRE_I_SUBSATU:
      return bits_up_to (a);
    default:
      return G_MAXUINT32;
  }
}

void
vyre_simplify_bounded (VyreLowering *lw, VyreOperand operand, guint32 max)
{
  if (!operand.is_const)
    g_array_index (lw->vregs, VyreVreg, operand.v).mask &= bits_up_to (max);
}
