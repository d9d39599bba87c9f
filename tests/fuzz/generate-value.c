/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Chance, and values of every type. */
#include "generate-private.h"

#include <string.h>

/* --- chance ------------------------------------------------------------------ */

static guint64
next (guint64 *state)
{
  guint64 z = *state += 0x9e3779b97f4a7c15u;

  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* 0 to n - 1 */
guint
maker_pick (Maker *m, guint n)
{
  return (guint) ((next (&m->random) >> 32) * n >> 32);
}

gboolean
maker_one_in (Maker *m, guint n)
{
  return maker_pick (m, n) == 0;
}

static const guint32 edges[] = { 0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 33, 63,
  64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0xffffff, 0x1000000,
  0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff,
  0x55555555, 0xaaaaaaaa, 0x01234567 };

guint32
maker_edge (Maker *m)
{
  return maker_one_in (m, 4) ? (guint32) next (&m->random)
                             : edges[maker_pick (m, G_N_ELEMENTS (edges))];
}

/* No values whose products lie between subnormal and normal: there an executor
 * may flush before or after it rounds. */
static const guint32 float_edges[] = { 0x00000000, 0x80000000, 0x3f800000,
  0xbf800000, 0x3f000000, 0xbf000000, 0x3effffff, 0x3f7fffff, 0x3f800001,
  0x3fc00000, 0x40200000, 0xc0200000, 0x40490fdb, 0x4b000000, 0x4b7fffff,
  0x4b800000, 0xcb000001, 0x4effffff, 0x4f000000, 0xcf000000, 0x4f7fffff,
  0x4f800000, 0x5f800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
  0x7fc00000, 0x7fa00001, 0xffc12345, 0x00000001, 0x807fffff, 0x00800000,
  0x3dcccccd, 0x42c80000, 0xc2c80000 };

guint32
maker_float_edge (Maker *m)
{
  float value;
  guint32 bits;

  if (!maker_one_in (m, 3))
    return float_edges[maker_pick (m, G_N_ELEMENTS (float_edges))];
  value = ((float) maker_pick (m, 1 << 20) - (1 << 19)) /
          (float) (1u << maker_pick (m, 20));
  memcpy (&bits, &value, sizeof bits);
  return bits;
}

/* --- values ------------------------------------------------------------------- */

/* A variable of that type. */
static gboolean
make_variable (Maker *m, VyreTypeKind type, VyreValue *value)
{
  guint n = m->names->len;

  for (guint tries = 0; n > 0 && tries < 4; tries++) {
    const Name *name = &g_array_index (m->names, Name, maker_pick (m, n));

    if (name->variable.value.type != type)
      continue;
    *value = name->variable.value;
    return TRUE;
  }
  return FALSE;
}

/* Does the budget, or chance, end the value here? */
static gboolean
is_leaf (Maker *m, guint depth)
{
  if (m->budget > 0)
    m->budget--;
  return depth == 0 || m->budget == 0 || maker_one_in (m, 6);
}

/* An element of its own: number * OWN + something below OWN. */
VyreValue
maker_own_index (Maker *m, guint depth)
{
  VyreValue base = BIN (MUL, m->global.value, U32 (OWN));
  VyreValue at = maker_one_in (m, 2) || depth == 0
                     ? U32 (maker_pick (m, OWN))
                     : BIN (MOD, maker_u32 (m, depth - 1), U32 (OWN));

  return BIN (ADD, base, at);
}

/* Any element, mostly one that exists. */
VyreValue
maker_any_index (Maker *m, guint depth)
{
  VyreValue index = maker_u32 (m, depth);

  /* Chance is taken in one order: never twice in one call's arguments. */
  return maker_one_in (m, 3) ? index
                             : BIN (MOD, index, U32 (1 + maker_pick (m, 70)));
}

VyreValue
maker_load (Maker *m, Which which, VyreValue index)
{
  return vyre_builder_load (m->b, m->buffers[which], index);
}

VyreValue
maker_tile_own_index (Maker *m)
{
  return BIN (ADD, BIN (MUL, m->local.value, U32 (2)), U32 (maker_pick (m, 2)));
}

VyreValue
maker_load_tile (Maker *m, guint depth)
{
  VyreValue index = m->tile == TILE_OWN ? maker_tile_own_index (m)
                                        : BIN (MOD, maker_u32 (m, depth),
                                              U32 (m->n_local * 2 + 3));

  return CAST (U32, maker_load (m, TILE, index));
}

static VyreValue
load_u32 (Maker *m, guint depth)
{
  static const Which narrow[] = { IN_U8, IN_I8, IN_U16, IN_I16, IN_BOOL };
  Which which;

  switch (maker_pick (m, 8)) {
    case 0:
    case 1:
      return maker_load (m, OWN_U32, maker_own_index (m, depth));
    case 2:
      if (m->tile != TILE_NONE)
        return maker_load_tile (m, depth);
      G_GNUC_FALLTHROUGH;
    case 3:
      return maker_load (m, UNIFORM, maker_any_index (m, depth));
    case 4:
    case 5:
      which = narrow[maker_pick (m, G_N_ELEMENTS (narrow))];
      return CAST (U32, maker_load (m, which, maker_any_index (m, depth)));
    case 6:
      /* The cast of a u64 is a fault where it does not fit. */
      return CAST (
          U32, CAST (BOOL, maker_load (m, IN_U64, maker_any_index (m, depth))));
    default:
      return maker_load (m, IN_U32, maker_any_index (m, depth));
  }
}

static VyreValue
leaf_u32 (Maker *m)
{
  static const Which measured[] = { IN_U32, IN_U8, IN_U16, IN_U64, IN_BOOL,
    OWN_U32, OUT_U8, TILE };
  VyreValue value;
  guint axis = maker_pick (m, 3);

  if (!maker_one_in (m, 3) && make_variable (m, VYRE_TYPE_U32, &value))
    return value;
  switch (maker_pick (m, 8)) {
    case 0:
      return vyre_builder_invocation_id (m->b, axis);
    case 1:
      return vyre_builder_workgroup_id (m->b, axis);
    case 2:
      return vyre_builder_local_id (m->b, axis);
    case 3:
      return vyre_builder_buf_len (
          m->b, m->buffers[measured[maker_pick (m, G_N_ELEMENTS (measured))]]);
    default:
      return U32 (maker_edge (m));
  }
}

VyreValue
maker_u32 (Maker *m, guint depth)
{
  static const VyreBinOp binary[] = { VYRE_BIN_ADD, VYRE_BIN_SUB, VYRE_BIN_MUL,
    VYRE_BIN_AND_BITS, VYRE_BIN_OR_BITS, VYRE_BIN_XOR_BITS, VYRE_BIN_SHL,
    VYRE_BIN_SHR, VYRE_BIN_MIN, VYRE_BIN_MAX, VYRE_BIN_ABS_DIFF,
    VYRE_BIN_SATURATING_ADD, VYRE_BIN_SATURATING_SUB, VYRE_BIN_SATURATING_MUL,
    VYRE_BIN_ROTATE_LEFT, VYRE_BIN_ROTATE_RIGHT, VYRE_BIN_WRAPPING_ADD,
    VYRE_BIN_WRAPPING_SUB, VYRE_BIN_MUL_HIGH };
  static const VyreUnOp unary[] = { VYRE_UN_NEGATE, VYRE_UN_BIT_NOT,
    VYRE_UN_POPCOUNT, VYRE_UN_CLZ, VYRE_UN_CTZ, VYRE_UN_REVERSE_BITS };
  VyreValue x, y;

  if (is_leaf (m, depth))
    return leaf_u32 (m);
  switch (maker_pick (m, 10)) {
    case 0:
      return load_u32 (m, depth - 1);
    case 1:
      return CAST (U32, maker_i32 (m, depth - 1));
    case 2:
      return CAST (U32, maker_f32 (m, depth - 1));
    case 3:
      return CAST (U32, maker_bool (m, depth - 1));
    case 4:
      x = maker_u32 (m, depth - 1);
      return vyre_builder_unary (
          m->b, unary[maker_pick (m, G_N_ELEMENTS (unary))], x);
    case 5:
      /* 0 as a literal is refused, 0 as a value is not. */
      x = maker_u32 (m, depth - 1);
      y = maker_u32 (m, depth - 1);
      y = BIN (MIN, y, U32 (maker_edge (m)));
      return vyre_builder_binary (
          m->b, maker_one_in (m, 2) ? VYRE_BIN_DIV : VYRE_BIN_MOD, x, y);
    case 6:
      x = maker_bool (m, depth - 1);
      y = maker_u32 (m, depth - 1);
      return vyre_builder_select (m->b, x, y, maker_u32 (m, depth - 1));
    default:
      x = maker_u32 (m, depth - 1);
      y = maker_u32 (m, depth - 1);
      return vyre_builder_binary (
          m->b, binary[maker_pick (m, G_N_ELEMENTS (binary))], x, y);
  }
}

/* Division by what is neither 0 nor -1, as those may be faults. */
static VyreValue
divide_i32 (Maker *m, guint depth)
{
  static const gint32 divisors[] = { 1, 2, 3, 7, 100, G_MAXINT32, -2, -3, -7,
    G_MININT32 };
  VyreValue x = maker_i32 (m, depth), y;

  if (m->may_fault && maker_one_in (m, 6))
    y = BIN (MIN, maker_i32 (m, depth), vyre_builder_i32 (m->b, 5));
  else if (maker_one_in (m, 2))
    y = BIN (MAX, maker_i32 (m, depth), vyre_builder_i32 (m->b, 1));
  else
    y = vyre_builder_i32 (
        m->b, divisors[maker_pick (m, G_N_ELEMENTS (divisors))]);
  /* The remainder is typed u32, whatever it is of. */
  return maker_one_in (m, 2) ? BIN (DIV, x, y) : CAST (I32, BIN (MOD, x, y));
}

VyreValue
maker_i32 (Maker *m, guint depth)
{
  static const VyreBinOp typed[] = { VYRE_BIN_ADD, VYRE_BIN_SUB, VYRE_BIN_MUL,
    VYRE_BIN_MIN, VYRE_BIN_MAX };
  /* Typed u32. */
  static const VyreBinOp untyped[] = { VYRE_BIN_AND_BITS, VYRE_BIN_OR_BITS,
    VYRE_BIN_XOR_BITS, VYRE_BIN_WRAPPING_ADD, VYRE_BIN_WRAPPING_SUB };
  static const VyreUnOp unary[] = { VYRE_UN_BIT_NOT, VYRE_UN_POPCOUNT,
    VYRE_UN_CLZ, VYRE_UN_CTZ, VYRE_UN_REVERSE_BITS };
  VyreValue x, y;

  if (is_leaf (m, depth)) {
    if (!maker_one_in (m, 3) && make_variable (m, VYRE_TYPE_I32, &x))
      return x;
    return vyre_builder_i32 (m->b, (gint32) maker_edge (m));
  }
  switch (maker_pick (m, 10)) {
    case 0:
      return maker_load (m, IN_I32, maker_any_index (m, depth - 1));
    case 1:
      return maker_load (m, OWN_I32, maker_own_index (m, depth - 1));
    case 2:
      return CAST (I32, maker_u32 (m, depth - 1));
    case 3:
      return CAST (I32, maker_f32 (m, depth - 1));
    case 4:
      return divide_i32 (m, depth - 1);
    case 5:
      x = maker_i32 (m, depth - 1);
      return vyre_builder_unary (
          m->b, unary[maker_pick (m, G_N_ELEMENTS (unary))], x);
    case 6:
      x = maker_bool (m, depth - 1);
      y = maker_i32 (m, depth - 1);
      return vyre_builder_select (m->b, x, y, maker_i32 (m, depth - 1));
    case 7:
      x = maker_i32 (m, depth - 1);
      y = maker_i32 (m, depth - 1);
      return CAST (
          I32, vyre_builder_binary (m->b,
                   untyped[maker_pick (m, G_N_ELEMENTS (untyped))], x, y));
    default:
      x = maker_i32 (m, depth - 1);
      y = maker_i32 (m, depth - 1);
      return vyre_builder_binary (
          m->b, typed[maker_pick (m, G_N_ELEMENTS (typed))], x, y);
  }
}

/* Exact operations alone. The sign of a zero from Min and Max is anybody's, so
 * it is made positive. */
VyreValue
maker_f32 (Maker *m, guint depth)
{
  static const VyreBinOp binary[] = { VYRE_BIN_ADD, VYRE_BIN_SUB,
    VYRE_BIN_MUL };
  static const VyreUnOp unary[] = { VYRE_UN_NEGATE, VYRE_UN_ABS, VYRE_UN_FLOOR,
    VYRE_UN_CEIL, VYRE_UN_TRUNC, VYRE_UN_ROUND, VYRE_UN_SIGN };
  VyreValue x, y;

  if (is_leaf (m, depth)) {
    if (!maker_one_in (m, 3) && make_variable (m, VYRE_TYPE_F32, &x))
      return x;
    return vyre_builder_f32_bits (m->b, maker_float_edge (m));
  }
  switch (maker_pick (m, 10)) {
    case 0:
      return maker_load (m, IN_F32, maker_any_index (m, depth - 1));
    case 1:
      return maker_load (m, OWN_F32, maker_own_index (m, depth - 1));
    case 2:
      return CAST (F32, maker_u32 (m, depth - 1));
    case 3:
      return CAST (F32, maker_i32 (m, depth - 1));
    case 4:
      x = maker_f32 (m, depth - 1);
      return vyre_builder_unary (
          m->b, unary[maker_pick (m, G_N_ELEMENTS (unary))], x);
    case 5:
      x = maker_f32 (m, depth - 1);
      y = maker_f32 (m, depth - 1);
      x = maker_one_in (m, 2) ? BIN (MIN, x, y) : BIN (MAX, x, y);
      return BIN (ADD, x, vyre_builder_f32 (m->b, 0));
    case 6:
      x = maker_bool (m, depth - 1);
      y = maker_f32 (m, depth - 1);
      return vyre_builder_select (m->b, x, y, maker_f32 (m, depth - 1));
    case 7:
      x = maker_f32 (m, depth - 1);
      y = maker_f32 (m, depth - 1);
      return vyre_builder_fma (m->b, x, y, maker_f32 (m, depth - 1));
    default:
      x = maker_f32 (m, depth - 1);
      y = maker_f32 (m, depth - 1);
      return vyre_builder_binary (
          m->b, binary[maker_pick (m, G_N_ELEMENTS (binary))], x, y);
  }
}

VyreValue
maker_of (Maker *m, VyreTypeKind type, guint depth)
{
  switch (type) {
    case VYRE_TYPE_I32:
      return maker_i32 (m, depth);
    case VYRE_TYPE_F32:
      return maker_f32 (m, depth);
    case VYRE_TYPE_BOOL:
      return maker_bool (m, depth);
    default:
      return maker_u32 (m, depth);
  }
}

static const VyreTypeKind types[] = { VYRE_TYPE_U32, VYRE_TYPE_U32,
  VYRE_TYPE_I32, VYRE_TYPE_F32, VYRE_TYPE_BOOL };

VyreTypeKind
maker_pick_type (Maker *m)
{
  return types[maker_pick (m, G_N_ELEMENTS (types))];
}

VyreValue
maker_bool (Maker *m, guint depth)
{
  static const VyreBinOp compare[] = { VYRE_BIN_EQ, VYRE_BIN_NE, VYRE_BIN_LT,
    VYRE_BIN_GT, VYRE_BIN_LE, VYRE_BIN_GE };
  static const VyreUnOp tests[] = { VYRE_UN_IS_NAN, VYRE_UN_IS_INF,
    VYRE_UN_IS_FINITE };
  VyreTypeKind type = maker_pick_type (m);
  VyreValue x, y;

  if (is_leaf (m, depth)) {
    if (make_variable (m, VYRE_TYPE_BOOL, &x))
      return x;
    return vyre_builder_bool (m->b, maker_one_in (m, 2));
  }
  switch (maker_pick (m, 8)) {
    case 0:
      x = maker_f32 (m, depth - 1);
      return vyre_builder_unary (m->b, tests[maker_pick (m, 3)], x);
    case 1:
      type = maker_one_in (m, 2) ? VYRE_TYPE_U32 : VYRE_TYPE_BOOL;
      return vyre_builder_unary (
          m->b, VYRE_UN_LOGICAL_NOT, maker_of (m, type, depth - 1));
    case 2:
      return CAST (BOOL, maker_of (m, type, depth - 1));
    case 3:
    case 4:
      type = maker_one_in (m, 2) ? VYRE_TYPE_U32 : VYRE_TYPE_BOOL;
      x = maker_of (m, type, depth - 1);
      y = maker_of (m, type, depth - 1);
      return maker_one_in (m, 2) ? BIN (AND, x, y) : BIN (OR, x, y);
    default:
      x = maker_of (m, type, depth - 1);
      y = maker_of (m, type, depth - 1);
      return vyre_builder_binary (
          m->b, compare[maker_pick (m, type == VYRE_TYPE_BOOL ? 2 : 6)], x, y);
  }
}
