/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "generate.h"

#include <math.h>
#include <string.h>

#include "vir0/builder.h"

#define MAX_LOOP_DEPTH 3
/* Elements of one invocation, in each buffer that it writes to. */
#define OWN 8
#define ATOMIC_CELLS 5

typedef enum
{
  IN_U32,
  IN_I32,
  IN_F32,
  IN_U8,
  IN_I8,
  IN_U16,
  IN_I16,
  IN_BOOL,
  IN_U64,
  UNIFORM,
  OWN_U32,
  OWN_I32,
  OWN_F32,
  OUT_U32,
  OUT_U8,
  OUT_U16,
  OUT_U64,
  OUT_BOOL,
  OUT_NEAR,
  OUT_FAR,
  OUT_SINE,
  ATOMIC_A,
  ATOMIC_B,
  ASYNC_LOADED,
  ASYNC_STORED,
  TILE,
  N_BUFFERS,
} Which;

typedef enum
{
  TILE_NONE,
  TILE_OWN, /* its owner loads and stores an element */
  TILE_ALL, /* all load from all */
} TileMode;

typedef struct
{
  VyreVar variable;
  gboolean assignable;
} Name;

typedef struct
{
  guint64 random;
  VyreBuilder *b;
  VyreBufferRef buffers[N_BUFFERS];
  VyreTypeKind tile_type;
  VyreAtomicOp atomic_ops[2];
  guint32 size[3], grid[3];
  guint32 n_local, n_total; /* invocations */
  VyreVar global, local; /* linear numbers */
  GArray *names; /* Name: visible variables */
  guint budget; /* values still to make */
  guint loop_depth;
  gboolean may_return, may_fault;
  TileMode tile;
} Maker;

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
static guint
pick (Maker *m, guint n)
{
  return (guint) ((next (&m->random) >> 32) * n >> 32);
}

static gboolean
one_in (Maker *m, guint n)
{
  return pick (m, n) == 0;
}

static const guint32 edges[] = { 0, 1, 2, 3, 4, 5, 7, 8, 15, 16, 31, 32, 33, 63,
  64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff, 0x10000, 0xffffff, 0x1000000,
  0x7ffffffe, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff,
  0x55555555, 0xaaaaaaaa, 0x01234567 };

static guint32
edge (Maker *m)
{
  return one_in (m, 4) ? (guint32) next (&m->random)
                       : edges[pick (m, G_N_ELEMENTS (edges))];
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

static guint32
float_edge (Maker *m)
{
  float value;
  guint32 bits;

  if (!one_in (m, 3))
    return float_edges[pick (m, G_N_ELEMENTS (float_edges))];
  value =
      ((float) pick (m, 1 << 20) - (1 << 19)) / (float) (1u << pick (m, 20));
  memcpy (&bits, &value, sizeof bits);
  return bits;
}

/* --- values ------------------------------------------------------------------- */

#define U32(n) vyre_builder_u32 (m->b, (n))
#define BIN(op, x, y) vyre_builder_binary (m->b, VYRE_BIN_##op, (x), (y))
#define CAST(type, x) vyre_builder_cast (m->b, VYRE_TYPE_##type, (x))

static VyreValue make_u32 (Maker *m, guint depth);
static VyreValue make_i32 (Maker *m, guint depth);
static VyreValue make_f32 (Maker *m, guint depth);
static VyreValue make_bool (Maker *m, guint depth);

/* A variable of that type. */
static gboolean
make_variable (Maker *m, VyreTypeKind type, VyreValue *value)
{
  guint n = m->names->len;

  for (guint tries = 0; n > 0 && tries < 4; tries++) {
    const Name *name = &g_array_index (m->names, Name, pick (m, n));

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
  return depth == 0 || m->budget == 0 || one_in (m, 6);
}

/* An element of its own: number * OWN + something below OWN. */
static VyreValue
own_index (Maker *m, guint depth)
{
  VyreValue base = BIN (MUL, m->global.value, U32 (OWN));
  VyreValue at = one_in (m, 2) || depth == 0
                     ? U32 (pick (m, OWN))
                     : BIN (MOD, make_u32 (m, depth - 1), U32 (OWN));

  return BIN (ADD, base, at);
}

/* Any element, mostly one that exists. */
static VyreValue
any_index (Maker *m, guint depth)
{
  VyreValue index = make_u32 (m, depth);

  /* Chance is taken in one order: never twice in one call's arguments. */
  return one_in (m, 3) ? index : BIN (MOD, index, U32 (1 + pick (m, 70)));
}

static VyreValue
load (Maker *m, Which which, VyreValue index)
{
  return vyre_builder_load (m->b, m->buffers[which], index);
}

static VyreValue
tile_own_index (Maker *m)
{
  return BIN (ADD, BIN (MUL, m->local.value, U32 (2)), U32 (pick (m, 2)));
}

static VyreValue
load_tile (Maker *m, guint depth)
{
  VyreValue index = m->tile == TILE_OWN ? tile_own_index (m)
                                        : BIN (MOD, make_u32 (m, depth),
                                              U32 (m->n_local * 2 + 3));

  return CAST (U32, load (m, TILE, index));
}

static VyreValue
load_u32 (Maker *m, guint depth)
{
  static const Which narrow[] = { IN_U8, IN_I8, IN_U16, IN_I16, IN_BOOL };
  Which which;

  switch (pick (m, 8)) {
    case 0:
    case 1:
      return load (m, OWN_U32, own_index (m, depth));
    case 2:
      if (m->tile != TILE_NONE)
        return load_tile (m, depth);
      G_GNUC_FALLTHROUGH;
    case 3:
      return load (m, UNIFORM, any_index (m, depth));
    case 4:
    case 5:
      which = narrow[pick (m, G_N_ELEMENTS (narrow))];
      return CAST (U32, load (m, which, any_index (m, depth)));
    case 6:
      /* The cast of a u64 is a fault where it does not fit. */
      return CAST (U32, CAST (BOOL, load (m, IN_U64, any_index (m, depth))));
    default:
      return load (m, IN_U32, any_index (m, depth));
  }
}

static VyreValue
leaf_u32 (Maker *m)
{
  static const Which measured[] = { IN_U32, IN_U8, IN_U16, IN_U64, IN_BOOL,
    OWN_U32, OUT_U8, TILE };
  VyreValue value;
  guint axis = pick (m, 3);

  if (!one_in (m, 3) && make_variable (m, VYRE_TYPE_U32, &value))
    return value;
  switch (pick (m, 8)) {
    case 0:
      return vyre_builder_invocation_id (m->b, axis);
    case 1:
      return vyre_builder_workgroup_id (m->b, axis);
    case 2:
      return vyre_builder_local_id (m->b, axis);
    case 3:
      return vyre_builder_buf_len (
          m->b, m->buffers[measured[pick (m, G_N_ELEMENTS (measured))]]);
    default:
      return U32 (edge (m));
  }
}

static VyreValue
make_u32 (Maker *m, guint depth)
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
  switch (pick (m, 10)) {
    case 0:
      return load_u32 (m, depth - 1);
    case 1:
      return CAST (U32, make_i32 (m, depth - 1));
    case 2:
      return CAST (U32, make_f32 (m, depth - 1));
    case 3:
      return CAST (U32, make_bool (m, depth - 1));
    case 4:
      x = make_u32 (m, depth - 1);
      return vyre_builder_unary (
          m->b, unary[pick (m, G_N_ELEMENTS (unary))], x);
    case 5:
      /* 0 as a literal is refused, 0 as a value is not. */
      x = make_u32 (m, depth - 1);
      y = make_u32 (m, depth - 1);
      y = BIN (MIN, y, U32 (edge (m)));
      return vyre_builder_binary (
          m->b, one_in (m, 2) ? VYRE_BIN_DIV : VYRE_BIN_MOD, x, y);
    case 6:
      x = make_bool (m, depth - 1);
      y = make_u32 (m, depth - 1);
      return vyre_builder_select (m->b, x, y, make_u32 (m, depth - 1));
    default:
      x = make_u32 (m, depth - 1);
      y = make_u32 (m, depth - 1);
      return vyre_builder_binary (
          m->b, binary[pick (m, G_N_ELEMENTS (binary))], x, y);
  }
}

/* Division by what is neither 0 nor -1, as those may be faults. */
static VyreValue
divide_i32 (Maker *m, guint depth)
{
  static const gint32 divisors[] = { 1, 2, 3, 7, 100, G_MAXINT32, -2, -3, -7,
    G_MININT32 };
  VyreValue x = make_i32 (m, depth), y;

  if (m->may_fault && one_in (m, 6))
    y = BIN (MIN, make_i32 (m, depth), vyre_builder_i32 (m->b, 5));
  else if (one_in (m, 2))
    y = BIN (MAX, make_i32 (m, depth), vyre_builder_i32 (m->b, 1));
  else
    y = vyre_builder_i32 (m->b, divisors[pick (m, G_N_ELEMENTS (divisors))]);
  /* The remainder is typed u32, whatever it is of. */
  return one_in (m, 2) ? BIN (DIV, x, y) : CAST (I32, BIN (MOD, x, y));
}

static VyreValue
make_i32 (Maker *m, guint depth)
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
    if (!one_in (m, 3) && make_variable (m, VYRE_TYPE_I32, &x))
      return x;
    return vyre_builder_i32 (m->b, (gint32) edge (m));
  }
  switch (pick (m, 10)) {
    case 0:
      return load (m, IN_I32, any_index (m, depth - 1));
    case 1:
      return load (m, OWN_I32, own_index (m, depth - 1));
    case 2:
      return CAST (I32, make_u32 (m, depth - 1));
    case 3:
      return CAST (I32, make_f32 (m, depth - 1));
    case 4:
      return divide_i32 (m, depth - 1);
    case 5:
      x = make_i32 (m, depth - 1);
      return vyre_builder_unary (
          m->b, unary[pick (m, G_N_ELEMENTS (unary))], x);
    case 6:
      x = make_bool (m, depth - 1);
      y = make_i32 (m, depth - 1);
      return vyre_builder_select (m->b, x, y, make_i32 (m, depth - 1));
    case 7:
      x = make_i32 (m, depth - 1);
      y = make_i32 (m, depth - 1);
      return CAST (I32, vyre_builder_binary (m->b,
                            untyped[pick (m, G_N_ELEMENTS (untyped))], x, y));
    default:
      x = make_i32 (m, depth - 1);
      y = make_i32 (m, depth - 1);
      return vyre_builder_binary (
          m->b, typed[pick (m, G_N_ELEMENTS (typed))], x, y);
  }
}

/* Exact operations alone. The sign of a zero from Min and Max is anybody's, so
 * it is made positive. */
static VyreValue
make_f32 (Maker *m, guint depth)
{
  static const VyreBinOp binary[] = { VYRE_BIN_ADD, VYRE_BIN_SUB,
    VYRE_BIN_MUL };
  static const VyreUnOp unary[] = { VYRE_UN_NEGATE, VYRE_UN_ABS, VYRE_UN_FLOOR,
    VYRE_UN_CEIL, VYRE_UN_TRUNC, VYRE_UN_ROUND, VYRE_UN_SIGN };
  VyreValue x, y;

  if (is_leaf (m, depth)) {
    if (!one_in (m, 3) && make_variable (m, VYRE_TYPE_F32, &x))
      return x;
    return vyre_builder_f32_bits (m->b, float_edge (m));
  }
  switch (pick (m, 10)) {
    case 0:
      return load (m, IN_F32, any_index (m, depth - 1));
    case 1:
      return load (m, OWN_F32, own_index (m, depth - 1));
    case 2:
      return CAST (F32, make_u32 (m, depth - 1));
    case 3:
      return CAST (F32, make_i32 (m, depth - 1));
    case 4:
      x = make_f32 (m, depth - 1);
      return vyre_builder_unary (
          m->b, unary[pick (m, G_N_ELEMENTS (unary))], x);
    case 5:
      x = make_f32 (m, depth - 1);
      y = make_f32 (m, depth - 1);
      x = one_in (m, 2) ? BIN (MIN, x, y) : BIN (MAX, x, y);
      return BIN (ADD, x, vyre_builder_f32 (m->b, 0));
    case 6:
      x = make_bool (m, depth - 1);
      y = make_f32 (m, depth - 1);
      return vyre_builder_select (m->b, x, y, make_f32 (m, depth - 1));
    case 7:
      x = make_f32 (m, depth - 1);
      y = make_f32 (m, depth - 1);
      return vyre_builder_fma (m->b, x, y, make_f32 (m, depth - 1));
    default:
      x = make_f32 (m, depth - 1);
      y = make_f32 (m, depth - 1);
      return vyre_builder_binary (
          m->b, binary[pick (m, G_N_ELEMENTS (binary))], x, y);
  }
}

static VyreValue
make_of (Maker *m, VyreTypeKind type, guint depth)
{
  switch (type) {
    case VYRE_TYPE_I32:
      return make_i32 (m, depth);
    case VYRE_TYPE_F32:
      return make_f32 (m, depth);
    case VYRE_TYPE_BOOL:
      return make_bool (m, depth);
    default:
      return make_u32 (m, depth);
  }
}

static const VyreTypeKind types[] = { VYRE_TYPE_U32, VYRE_TYPE_U32,
  VYRE_TYPE_I32, VYRE_TYPE_F32, VYRE_TYPE_BOOL };

static VyreTypeKind
pick_type (Maker *m)
{
  return types[pick (m, G_N_ELEMENTS (types))];
}

static VyreValue
make_bool (Maker *m, guint depth)
{
  static const VyreBinOp compare[] = { VYRE_BIN_EQ, VYRE_BIN_NE, VYRE_BIN_LT,
    VYRE_BIN_GT, VYRE_BIN_LE, VYRE_BIN_GE };
  static const VyreUnOp tests[] = { VYRE_UN_IS_NAN, VYRE_UN_IS_INF,
    VYRE_UN_IS_FINITE };
  VyreTypeKind type = pick_type (m);
  VyreValue x, y;

  if (is_leaf (m, depth)) {
    if (make_variable (m, VYRE_TYPE_BOOL, &x))
      return x;
    return vyre_builder_bool (m->b, one_in (m, 2));
  }
  switch (pick (m, 8)) {
    case 0:
      x = make_f32 (m, depth - 1);
      return vyre_builder_unary (m->b, tests[pick (m, 3)], x);
    case 1:
      type = one_in (m, 2) ? VYRE_TYPE_U32 : VYRE_TYPE_BOOL;
      return vyre_builder_unary (
          m->b, VYRE_UN_LOGICAL_NOT, make_of (m, type, depth - 1));
    case 2:
      return CAST (BOOL, make_of (m, type, depth - 1));
    case 3:
    case 4:
      type = one_in (m, 2) ? VYRE_TYPE_U32 : VYRE_TYPE_BOOL;
      x = make_of (m, type, depth - 1);
      y = make_of (m, type, depth - 1);
      return one_in (m, 2) ? BIN (AND, x, y) : BIN (OR, x, y);
    default:
      x = make_of (m, type, depth - 1);
      y = make_of (m, type, depth - 1);
      return vyre_builder_binary (
          m->b, compare[pick (m, type == VYRE_TYPE_BOOL ? 2 : 6)], x, y);
  }
}

/* --- statements ----------------------------------------------------------------- */

static void make_list (Maker *m, guint depth, guint n);

static void
add_name (Maker *m, VyreVar variable, gboolean assignable)
{
  Name name = { variable, assignable };

  g_array_append_val (m->names, name);
}

/* Operations with a tolerance, on arguments where it holds. */
static void
store_inexact (Maker *m)
{
  static const VyreUnOp near[] = { VYRE_UN_SQRT, VYRE_UN_INVERSE_SQRT,
    VYRE_UN_RECIPROCAL };
  static const VyreUnOp far[] = { VYRE_UN_EXP, VYRE_UN_LOG, VYRE_UN_TANH,
    VYRE_UN_EXP2, VYRE_UN_LOG2, VYRE_UN_ATAN };
  VyreValue index = own_index (m, 0), x = make_f32 (m, 2), y;

  switch (pick (m, 4)) {
    case 0:
      /* As with integers: 0 as a literal is refused. */
      y = BIN (MUL, make_f32 (m, 2), vyre_builder_f32 (m->b, 1));
      vyre_builder_store (m->b, m->buffers[OUT_NEAR], index, BIN (DIV, x, y));
      return;
    case 1:
      vyre_builder_store (m->b, m->buffers[OUT_NEAR], index,
          vyre_builder_unary (m->b, near[pick (m, 3)], x));
      return;
    case 2:
      /* Within +-3, and a NaN becomes 3. */
      x = BIN (MAX, BIN (MIN, x, vyre_builder_f32 (m->b, 3)),
          vyre_builder_f32 (m->b, -3));
      vyre_builder_store (m->b, m->buffers[OUT_SINE], index,
          vyre_builder_unary (
              m->b, one_in (m, 2) ? VYRE_UN_SIN : VYRE_UN_COS, x));
      return;
    default:
      vyre_builder_store (m->b, m->buffers[OUT_FAR], index,
          vyre_builder_unary (m->b, far[pick (m, G_N_ELEMENTS (far))], x));
      return;
  }
}

static void
store_exact (Maker *m)
{
  VyreValue index = own_index (m, 2);
  VyreValue x;

  switch (pick (m, 9)) {
    case 0:
      vyre_builder_store (m->b, m->buffers[OWN_I32], index, make_i32 (m, 3));
      return;
    case 1:
      vyre_builder_store (m->b, m->buffers[OWN_F32], index, make_f32 (m, 3));
      return;
    case 2:
      x = CAST (U8, make_u32 (m, 3));
      vyre_builder_store (m->b, m->buffers[OUT_U8], index, x);
      return;
    case 3:
      x = CAST (U16, make_u32 (m, 3));
      vyre_builder_store (m->b, m->buffers[OUT_U16], index, x);
      return;
    case 4:
      x = one_in (m, 2) ? CAST (U64, make_u32 (m, 3))
                        : load (m, IN_U64, any_index (m, 1));
      vyre_builder_store (m->b, m->buffers[OUT_U64], index, x);
      return;
    case 5:
      vyre_builder_store (m->b, m->buffers[OUT_BOOL], index, make_bool (m, 3));
      return;
    case 6:
      /* Outside, and dropped. */
      x = BIN (OR_BITS, make_u32 (m, 2), U32 (0x80000000u));
      vyre_builder_store (m->b, m->buffers[OUT_U32], x, make_u32 (m, 1));
      return;
    case 7:
      vyre_builder_store (m->b, m->buffers[OUT_U32], index, make_u32 (m, 3));
      return;
    default:
      vyre_builder_store (m->b, m->buffers[OWN_U32], index, make_u32 (m, 3));
      return;
  }
}

static void
store_tile (Maker *m)
{
  VyreValue index = tile_own_index (m);
  VyreValue x = make_u32 (m, 2);

  if (m->tile_type != VYRE_TYPE_U32)
    x = vyre_builder_cast (m->b, m->tile_type, x);
  vyre_builder_store (m->b, m->buffers[TILE], index, x);
}

static void
make_atomic (Maker *m)
{
  guint which = pick (m, 2);
  guint32 cells = ATOMIC_CELLS + one_in (m, 4);
  VyreValue index = BIN (MOD, make_u32 (m, 2), U32 (cells));
  VyreValue value = make_u32 (m, 2);

  vyre_builder_let (m->b, NULL,
      vyre_builder_atomic (m->b, m->atomic_ops[which],
          m->buffers[ATOMIC_A + which], index, value));
}

/* Bytes of its own, not at words. */
static void
make_async_store (Maker *m)
{
  VyreValue offset = BIN (MUL, m->global.value, U32 (7));

  vyre_builder_async_store (m->b, m->buffers[IN_U8], m->buffers[ASYNC_STORED],
      offset, U32 (pick (m, 8)), "s");
  vyre_builder_async_wait (m->b, "s");
}

static void
make_if (Maker *m, guint depth)
{
  VyreValue condition = one_in (m, 4) ? make_u32 (m, 2) : make_bool (m, 3);

  vyre_builder_begin_if (m->b, condition);
  make_list (m, depth - 1, 3);
  if (m->may_return && one_in (m, 8)) {
    vyre_builder_return (m->b);
  } else if (m->may_fault && one_in (m, 10)) {
    vyre_builder_trap (m->b, make_u32 (m, 1), "made");
  }
  if (one_in (m, 2)) {
    vyre_builder_else (m->b);
    make_list (m, depth - 1, 3);
  }
  vyre_builder_end_if (m->b);
}

static void
make_loop (Maker *m, guint depth)
{
  guint seen = m->names->len;
  guint32 first = one_in (m, 8) ? G_MAXUINT32 - pick (m, 4) : pick (m, 3);
  VyreValue from, to;

  if (one_in (m, 2)) {
    from = U32 (first);
    to = U32 (first > 100 ? G_MAXUINT32 : first + pick (m, 5));
  } else {
    from = BIN (MOD, make_u32 (m, 1), U32 (3));
    to = BIN (MOD, make_u32 (m, 2), U32 (6));
  }
  m->loop_depth++;
  add_name (m, vyre_builder_begin_loop (m->b, NULL, from, to), FALSE);
  make_list (m, depth - 1, 3);
  vyre_builder_end_loop (m->b);
  m->loop_depth--;
  g_array_set_size (m->names, seen);
}

static void
make_assign (Maker *m)
{
  const Name *name = NULL;
  VyreVar target;

  for (guint tries = 0; m->names->len > 0 && tries < 6; tries++) {
    name = &g_array_index (m->names, Name, pick (m, m->names->len));
    if (name->assignable)
      break;
  }
  if (name == NULL || !name->assignable) {
    store_exact (m);
    return;
  }
  target = name->variable;
  vyre_builder_assign (m->b, target, make_of (m, target.value.type, 3));
}

static void
make_statement (Maker *m, guint depth)
{
  guint what = pick (m, depth == 0 ? 14 : 20);

  if (what < 4) {
    add_name (
        m, vyre_builder_let (m->b, NULL, make_of (m, pick_type (m), 4)), TRUE);
  } else if (what < 7) {
    make_assign (m);
  } else if (what < 9) {
    store_exact (m);
  } else if (what < 10) {
    store_inexact (m);
  } else if (what < 12) {
    make_atomic (m);
  } else if (what < 13) {
    if (m->tile == TILE_OWN)
      store_tile (m);
    else
      store_exact (m);
  } else if (what < 14) {
    make_async_store (m);
  } else if (what < 17) {
    make_if (m, depth);
  } else if (what < 19) {
    if (m->loop_depth < MAX_LOOP_DEPTH)
      make_loop (m, depth);
  } else if (one_in (m, 2)) {
    vyre_builder_begin_block (m->b);
    make_list (m, depth - 1, 3);
    vyre_builder_end_block (m->b);
  } else {
    vyre_builder_begin_region (m->b, "a.part", NULL);
    make_list (m, depth - 1, 3);
    vyre_builder_end_region (m->b);
  }
}

static void
make_list (Maker *m, guint depth, guint n)
{
  guint seen = m->names->len;

  for (guint i = 0; i < 1 + pick (m, n) && m->budget > 0; i++)
    make_statement (m, depth);
  g_array_set_size (m->names, seen);
}

/* --- what all invocations do together ---------------------------------------------- */

static void
make_barrier (Maker *m)
{
  vyre_builder_barrier (
      m->b, one_in (m, 4) ? VYRE_ORDER_ACQ_REL : VYRE_ORDER_SEQ_CST);
}

/* Right after a barrier all are at the same step. */
static void
make_subgroup (Maker *m)
{
  VyreValue x = make_u32 (m, 1);

  switch (pick (m, 4)) {
    case 0:
      x = vyre_builder_subgroup_add (m->b, x);
      break;
    case 1:
      x = vyre_builder_subgroup_ballot (m->b, x);
      break;
    case 2:
      /* Small whole numbers, whose sum is exact. */
      x = CAST (F32, BIN (MOD, x, U32 (1000)));
      x = CAST (U32, vyre_builder_subgroup_add (m->b, x));
      break;
    default:
      x = vyre_builder_subgroup_shuffle (
          m->b, x, BIN (MOD, make_u32 (m, 1), U32 (40)));
      break;
  }
  add_name (m, vyre_builder_let (m->b, NULL, x), TRUE);
}

/* Everybody writes, everybody reads. */
static void
make_round (Maker *m)
{
  m->tile = TILE_OWN;
  make_list (m, 2, 3);
  store_tile (m);
  make_barrier (m);
  m->tile = TILE_ALL;
  if (!m->may_return && one_in (m, 2))
    make_subgroup (m);
  add_name (m, vyre_builder_let (m->b, NULL, load_tile (m, 2)), TRUE);
  make_list (m, 2, 3);
  make_barrier (m);
  m->tile = TILE_OWN;
}

static void
make_together (Maker *m)
{
  guint seen = m->names->len;

  switch (pick (m, 4)) {
    case 0:
      m->loop_depth++;
      add_name (m,
          vyre_builder_begin_loop (m->b, NULL, U32 (0),
              one_in (m, 2)
                  ? U32 (1 + pick (m, 2))
                  : BIN (ADD, vyre_builder_workgroup_id (m->b, 0), U32 (1))),
          FALSE);
      make_round (m);
      vyre_builder_end_loop (m->b);
      m->loop_depth--;
      g_array_set_size (m->names, seen);
      break;
    case 1:
      vyre_builder_begin_if (
          m->b, BIN (AND_BITS, vyre_builder_workgroup_id (m->b, pick (m, 3)),
                    U32 (1)));
      make_round (m);
      vyre_builder_end_if (m->b);
      g_array_set_size (m->names, seen);
      break;
    default:
      make_round (m);
      break;
  }
}

/* Every variable that is left, so that none was for nothing. */
static void
store_names (Maker *m)
{
  guint slot = 0;

  for (guint i = m->names->len; i > 0 && slot < OWN; i--) {
    VyreValue x = g_array_index (m->names, Name, i - 1).variable.value;
    VyreValue at =
        BIN (ADD, BIN (MUL, m->global.value, U32 (OWN)), U32 (slot++));

    if (x.type == VYRE_TYPE_F32)
      vyre_builder_store (m->b, m->buffers[OWN_F32], at, x);
    else if (x.type == VYRE_TYPE_I32)
      vyre_builder_store (m->b, m->buffers[OWN_I32], at, x);
    else
      vyre_builder_store (m->b, m->buffers[OUT_U32], at,
          x.type == VYRE_TYPE_BOOL ? CAST (U32, x) : x);
  }
}

static VyreVar
linear (Maker *m, const char *name, VyreValue x, VyreValue y, VyreValue z,
    guint32 width, guint32 height)
{
  VyreValue row = BIN (ADD, y, BIN (MUL, z, U32 (height)));

  return vyre_builder_let (
      m->b, name, BIN (ADD, x, BIN (MUL, row, U32 (width))));
}

static void
make_body (Maker *m)
{
  m->global = linear (m, "global", vyre_builder_invocation_id (m->b, 0),
      vyre_builder_invocation_id (m->b, 1),
      vyre_builder_invocation_id (m->b, 2), m->size[0] * m->grid[0],
      m->size[1] * m->grid[1]);
  m->local = linear (m, "local", vyre_builder_local_id (m->b, 0),
      vyre_builder_local_id (m->b, 1), vyre_builder_local_id (m->b, 2),
      m->size[0], m->size[1]);
  add_name (m, m->global, FALSE);
  add_name (m, m->local, FALSE);
  m->tile = TILE_OWN;

  /* All write the same. */
  if (one_in (m, 3)) {
    guint32 offset = pick (m, 9), size = pick (m, 70);

    vyre_builder_async_load (m->b, m->buffers[IN_U8], m->buffers[ASYNC_LOADED],
        U32 (offset), U32 (size), "l");
    vyre_builder_async_wait (m->b, "l");
  }
  for (guint i = 0; i < 3; i++)
    add_name (
        m, vyre_builder_let (m->b, NULL, make_of (m, types[i + 1], 3)), TRUE);
  for (guint i = 0; i < 5; i++)
    make_statement (m, 4);
  for (guint i = pick (m, 3); i > 0; i--) {
    make_together (m);
    make_statement (m, 3);
  }
  store_names (m);
}

/* --- buffers -------------------------------------------------------------------------- */

typedef struct
{
  const char *name;
  VyreAccess access;
  VyreTypeKind type;
} Declaration;

static const Declaration declarations[N_BUFFERS] = {
  [IN_U32] = { "in_u32", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U32 },
  [IN_I32] = { "in_i32", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_I32 },
  [IN_F32] = { "in_f32", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_F32 },
  [IN_U8] = { "in_u8", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U8 },
  [IN_I8] = { "in_i8", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_I8 },
  [IN_U16] = { "in_u16", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U16 },
  [IN_I16] = { "in_i16", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_I16 },
  [IN_BOOL] = { "in_bool", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_BOOL },
  [IN_U64] = { "in_u64", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U64 },
  [UNIFORM] = { "uniform", VYRE_ACCESS_UNIFORM, VYRE_TYPE_U32 },
  [OWN_U32] = { "own_u32", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U32 },
  [OWN_I32] = { "own_i32", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_I32 },
  [OWN_F32] = { "own_f32", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_F32 },
  [OUT_U32] = { "out_u32", VYRE_ACCESS_WRITE_ONLY, VYRE_TYPE_U32 },
  [OUT_U8] = { "out_u8", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U8 },
  [OUT_U16] = { "out_u16", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U16 },
  [OUT_U64] = { "out_u64", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U64 },
  [OUT_BOOL] = { "out_bool", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_BOOL },
  [OUT_NEAR] = { "out_near", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_F32 },
  [OUT_FAR] = { "out_far", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_F32 },
  [OUT_SINE] = { "out_sine", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_F32 },
  [ATOMIC_A] = { "atomic_a", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U32 },
  [ATOMIC_B] = { "atomic_b", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U32 },
  [ASYNC_LOADED] = { "loaded", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U8 },
  [ASYNC_STORED] = { "stored", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U8 },
  [TILE] = { "tile", VYRE_ACCESS_WORKGROUP, VYRE_TYPE_U32 },
};

/* Elements; of its own ones sometimes too few for the last invocation. */
static guint32
choose_count (Maker *m, Which which)
{
  static const guint32 few[] = { 0, 1, 2, 3, 5, 16, 31, 64, 70 };

  if (which == TILE)
    return m->n_local * 2;
  if (which == ATOMIC_A || which == ATOMIC_B)
    return ATOMIC_CELLS;
  if (which == ASYNC_STORED)
    return m->n_total * 7 - pick (m, 7);
  if (which == ASYNC_LOADED || which < OWN_U32)
    return few[pick (m, G_N_ELEMENTS (few))];
  return m->n_total * OWN - (one_in (m, 2) ? pick (m, OWN) : 0);
}

static GBytes *
choose_content (Maker *m, VyreTypeKind type, VyreRole role, gsize size)
{
  guint8 *data = g_malloc0 (MAX (size, 1));
  gsize i = 0;

  for (; role != VYRE_ROLE_OUTPUT && i + 4 <= size; i += 4) {
    guint32 word = type == VYRE_TYPE_F32 ? float_edge (m) : edge (m);

    memcpy (data + i, &word, 4);
  }
  for (; role != VYRE_ROLE_OUTPUT && i < size; i++)
    data[i] = (guint8) pick (m, 256);
  return g_bytes_new_take (data, size);
}

static void
choose_shape (Maker *m)
{
  static const guint32 sizes[][3] = { { 1, 1, 1 }, { 7, 1, 1 }, { 32, 1, 1 },
    { 33, 1, 1 }, { 64, 1, 1 }, { 4, 4, 1 }, { 2, 3, 5 }, { 1, 8, 1 } };
  const guint32 *size = sizes[pick (m, G_N_ELEMENTS (sizes))];

  m->n_local = size[0] * size[1] * size[2];
  m->n_total = m->n_local;
  for (guint i = 0; i < 3; i++) {
    m->size[i] = size[i];
    m->grid[i] = m->n_total <= 70 ? 1 + pick (m, 3) : 1;
    m->n_total *= m->grid[i];
  }
}

Generated *
generate_program (guint64 seed)
{
  static const VyreAtomicOp commuting[] = { VYRE_ATOMIC_ADD, VYRE_ATOMIC_OR,
    VYRE_ATOMIC_AND, VYRE_ATOMIC_XOR, VYRE_ATOMIC_MIN, VYRE_ATOMIC_MAX,
    VYRE_ATOMIC_LRU_UPDATE };
  static const VyreTypeKind tiles[] = { VYRE_TYPE_U32, VYRE_TYPE_U32,
    VYRE_TYPE_U8, VYRE_TYPE_U16 };
  Maker maker = { .random = seed }, *m = &maker;
  Generated *made = g_new0 (Generated, 1);
  guint32 counts[N_BUFFERS];
  g_autoptr (GError) error = NULL;

  choose_shape (m);
  m->b = vyre_builder_new (m->size[0], m->size[1], m->size[2]);
  m->names = g_array_new (FALSE, FALSE, sizeof (Name));
  m->budget = 150 + pick (m, 400);
  m->may_return = one_in (m, 2);
  m->may_fault = one_in (m, 16);
  m->tile_type = tiles[pick (m, G_N_ELEMENTS (tiles))];
  for (guint i = 0; i < 2; i++)
    m->atomic_ops[i] = commuting[pick (m, G_N_ELEMENTS (commuting))];

  for (guint i = 0; i < N_BUFFERS; i++) {
    const Declaration *d = &declarations[i];
    gboolean is_static = d->access == VYRE_ACCESS_WRITE_ONLY ||
                         d->access == VYRE_ACCESS_WORKGROUP;

    counts[i] = choose_count (m, i);
    m->buffers[i] = vyre_builder_buffer (m->b, d->name, d->access,
        i == TILE ? m->tile_type : d->type,
        is_static || one_in (m, 3) ? counts[i] : 0);
  }
  make_body (m);
  made->program = vyre_builder_finish (m->b, &error);
  if (made->program == NULL)
    g_error ("seed %" G_GUINT64_FORMAT ": %s", seed, error->message);

  memcpy (made->grid, m->grid, sizeof made->grid);
  made->contents = g_new0 (GBytes *, N_BUFFERS);
  made->ulps = g_new0 (guint, N_BUFFERS);
  made->trigonometric = g_new0 (gboolean, N_BUFFERS);
  made->ulps[OUT_NEAR] = 4;
  made->ulps[OUT_FAR] = 128;
  made->ulps[OUT_SINE] = 128;
  made->trigonometric[OUT_SINE] = TRUE;
  for (guint i = 0; i < N_BUFFERS; i++) {
    const VyreBuffer *buffer = &made->program->buffers[i];
    VyreRole role = vyre_buffer_role (buffer);

    if (role != VYRE_ROLE_WORKGROUP)
      made->contents[i] = choose_content (m, declarations[i].type, role,
          counts[i] * vyre_type_stride (buffer->element));
  }
  vyre_builder_free (m->b);
  g_array_unref (m->names);
  return made;
}

void
generated_free (Generated *generated)
{
  for (guint i = 0; i < N_BUFFERS; i++)
    g_clear_pointer (&generated->contents[i], g_bytes_unref);
  vyre_program_unref (generated->program);
  g_free (generated->contents);
  g_free (generated->ulps);
  g_free (generated->trigonometric);
  g_free (generated);
}
