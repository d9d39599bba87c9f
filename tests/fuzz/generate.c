/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statements, what all invocations do together, and the program around it. */
#include "generate-private.h"

#include <string.h>

#define MAX_LOOP_DEPTH 3
#define ATOMIC_CELLS 5

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
  VyreValue index = maker_own_index (m, 0), x = maker_f32 (m, 2), y;

  switch (maker_pick (m, 4)) {
    case 0:
      /* As with integers: 0 as a literal is refused. */
      y = BIN (MUL, maker_f32 (m, 2), vyre_builder_f32 (m->b, 1));
      vyre_builder_store (m->b, m->buffers[OUT_NEAR], index, BIN (DIV, x, y));
      return;
    case 1:
      vyre_builder_store (m->b, m->buffers[OUT_NEAR], index,
          vyre_builder_unary (m->b, near[maker_pick (m, 3)], x));
      return;
    case 2:
      /* Within +-3, and a NaN becomes 3. */
      x = BIN (MAX, BIN (MIN, x, vyre_builder_f32 (m->b, 3)),
          vyre_builder_f32 (m->b, -3));
      vyre_builder_store (m->b, m->buffers[OUT_SINE], index,
          vyre_builder_unary (
              m->b, maker_one_in (m, 2) ? VYRE_UN_SIN : VYRE_UN_COS, x));
      return;
    default:
      vyre_builder_store (m->b, m->buffers[OUT_FAR], index,
          vyre_builder_unary (
              m->b, far[maker_pick (m, G_N_ELEMENTS (far))], x));
      return;
  }
}

static void
store_exact (Maker *m)
{
  VyreValue index = maker_own_index (m, 2);
  VyreValue x;

  switch (maker_pick (m, 9)) {
    case 0:
      vyre_builder_store (m->b, m->buffers[OWN_I32], index, maker_i32 (m, 3));
      return;
    case 1:
      vyre_builder_store (m->b, m->buffers[OWN_F32], index, maker_f32 (m, 3));
      return;
    case 2:
      x = CAST (U8, maker_u32 (m, 3));
      vyre_builder_store (m->b, m->buffers[OUT_U8], index, x);
      return;
    case 3:
      x = CAST (U16, maker_u32 (m, 3));
      vyre_builder_store (m->b, m->buffers[OUT_U16], index, x);
      return;
    case 4:
      x = maker_one_in (m, 2) ? CAST (U64, maker_u32 (m, 3))
                              : maker_load (m, IN_U64, maker_any_index (m, 1));
      vyre_builder_store (m->b, m->buffers[OUT_U64], index, x);
      return;
    case 5:
      vyre_builder_store (m->b, m->buffers[OUT_BOOL], index, maker_bool (m, 3));
      return;
    case 6:
      /* Outside, and dropped. */
      x = BIN (OR_BITS, maker_u32 (m, 2), U32 (0x80000000u));
      vyre_builder_store (m->b, m->buffers[OUT_U32], x, maker_u32 (m, 1));
      return;
    case 7:
      vyre_builder_store (m->b, m->buffers[OUT_U32], index, maker_u32 (m, 3));
      return;
    default:
      vyre_builder_store (m->b, m->buffers[OWN_U32], index, maker_u32 (m, 3));
      return;
  }
}

static void
store_tile (Maker *m)
{
  VyreValue index = maker_tile_own_index (m);
  VyreValue x = maker_u32 (m, 2);

  if (m->tile_type != VYRE_TYPE_U32)
    x = vyre_builder_cast (m->b, m->tile_type, x);
  vyre_builder_store (m->b, m->buffers[TILE], index, x);
}

static void
make_atomic (Maker *m)
{
  guint which = maker_pick (m, 2);
  guint32 cells = ATOMIC_CELLS + maker_one_in (m, 4);
  VyreValue index = BIN (MOD, maker_u32 (m, 2), U32 (cells));
  VyreValue value = maker_u32 (m, 2);

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
      offset, U32 (maker_pick (m, 8)), "s");
  vyre_builder_async_wait (m->b, "s");
}

static void
make_if (Maker *m, guint depth)
{
  VyreValue condition =
      maker_one_in (m, 4) ? maker_u32 (m, 2) : maker_bool (m, 3);

  vyre_builder_begin_if (m->b, condition);
  make_list (m, depth - 1, 3);
  if (m->may_return && maker_one_in (m, 8)) {
    vyre_builder_return (m->b);
  } else if (m->may_fault && maker_one_in (m, 10)) {
    vyre_builder_trap (m->b, maker_u32 (m, 1), "made");
  }
  if (maker_one_in (m, 2)) {
    vyre_builder_else (m->b);
    make_list (m, depth - 1, 3);
  }
  vyre_builder_end_if (m->b);
}

static void
make_loop (Maker *m, guint depth)
{
  guint seen = m->names->len;
  guint32 first =
      maker_one_in (m, 8) ? G_MAXUINT32 - maker_pick (m, 4) : maker_pick (m, 3);
  VyreValue from, to;

  if (maker_one_in (m, 2)) {
    from = U32 (first);
    to = U32 (first > 100 ? G_MAXUINT32 : first + maker_pick (m, 5));
  } else {
    from = BIN (MOD, maker_u32 (m, 1), U32 (3));
    to = BIN (MOD, maker_u32 (m, 2), U32 (6));
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
    name = &g_array_index (m->names, Name, maker_pick (m, m->names->len));
    if (name->assignable)
      break;
  }
  if (name == NULL || !name->assignable) {
    store_exact (m);
    return;
  }
  target = name->variable;
  vyre_builder_assign (m->b, target, maker_of (m, target.value.type, 3));
}

static void
make_statement (Maker *m, guint depth)
{
  guint what = maker_pick (m, depth == 0 ? 14 : 20);

  if (what < 4) {
    add_name (m,
        vyre_builder_let (m->b, NULL, maker_of (m, maker_pick_type (m), 4)),
        TRUE);
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
  } else if (maker_one_in (m, 2)) {
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

  for (guint i = 0; i < 1 + maker_pick (m, n) && m->budget > 0; i++)
    make_statement (m, depth);
  g_array_set_size (m->names, seen);
}

/* --- what all invocations do together ---------------------------------------------- */

static void
make_barrier (Maker *m)
{
  vyre_builder_barrier (
      m->b, maker_one_in (m, 4) ? VYRE_ORDER_ACQ_REL : VYRE_ORDER_SEQ_CST);
}

/* Right after a barrier all are at the same step. */
static void
make_subgroup (Maker *m)
{
  VyreValue x = maker_u32 (m, 1);

  switch (maker_pick (m, 4)) {
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
          m->b, x, BIN (MOD, maker_u32 (m, 1), U32 (40)));
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
  if (!m->may_return && maker_one_in (m, 2))
    make_subgroup (m);
  add_name (m, vyre_builder_let (m->b, NULL, maker_load_tile (m, 2)), TRUE);
  make_list (m, 2, 3);
  make_barrier (m);
  m->tile = TILE_OWN;
}

static void
make_together (Maker *m)
{
  guint seen = m->names->len;

  switch (maker_pick (m, 4)) {
    case 0:
      m->loop_depth++;
      add_name (m,
          vyre_builder_begin_loop (m->b, NULL, U32 (0),
              maker_one_in (m, 2)
                  ? U32 (1 + maker_pick (m, 2))
                  : BIN (ADD, vyre_builder_workgroup_id (m->b, 0), U32 (1))),
          FALSE);
      make_round (m);
      vyre_builder_end_loop (m->b);
      m->loop_depth--;
      g_array_set_size (m->names, seen);
      break;
    case 1:
      vyre_builder_begin_if (m->b,
          BIN (AND_BITS, vyre_builder_workgroup_id (m->b, maker_pick (m, 3)),
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
  static const VyreTypeKind first[] = { VYRE_TYPE_U32, VYRE_TYPE_I32,
    VYRE_TYPE_F32 };

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
  if (maker_one_in (m, 3)) {
    guint32 offset = maker_pick (m, 9), size = maker_pick (m, 70);

    vyre_builder_async_load (m->b, m->buffers[IN_U8], m->buffers[ASYNC_LOADED],
        U32 (offset), U32 (size), "l");
    vyre_builder_async_wait (m->b, "l");
  }
  for (guint i = 0; i < 3; i++)
    add_name (
        m, vyre_builder_let (m->b, NULL, maker_of (m, first[i], 3)), TRUE);
  for (guint i = 0; i < 5; i++)
    make_statement (m, 4);
  for (guint i = maker_pick (m, 3); i > 0; i--) {
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
    return m->n_total * 7 - maker_pick (m, 7);
  if (which == ASYNC_LOADED || which < OWN_U32)
    return few[maker_pick (m, G_N_ELEMENTS (few))];
  return m->n_total * OWN - (maker_one_in (m, 2) ? maker_pick (m, OWN) : 0);
}

static GBytes *
choose_content (Maker *m, VyreTypeKind type, VyreRole role, gsize size)
{
  guint8 *data = g_malloc0 (MAX (size, 1));
  gsize i = 0;

  for (; role != VYRE_ROLE_OUTPUT && i + 4 <= size; i += 4) {
    guint32 word =
        type == VYRE_TYPE_F32 ? maker_float_edge (m) : maker_edge (m);

    memcpy (data + i, &word, 4);
  }
  for (; role != VYRE_ROLE_OUTPUT && i < size; i++)
    data[i] = (guint8) maker_pick (m, 256);
  return g_bytes_new_take (data, size);
}

static void
choose_shape (Maker *m)
{
  static const guint32 sizes[][3] = { { 1, 1, 1 }, { 7, 1, 1 }, { 32, 1, 1 },
    { 33, 1, 1 }, { 64, 1, 1 }, { 4, 4, 1 }, { 2, 3, 5 }, { 1, 8, 1 } };
  const guint32 *size = sizes[maker_pick (m, G_N_ELEMENTS (sizes))];

  m->n_local = size[0] * size[1] * size[2];
  m->n_total = m->n_local;
  for (guint i = 0; i < 3; i++) {
    m->size[i] = size[i];
    m->grid[i] = m->n_total <= 70 ? 1 + maker_pick (m, 3) : 1;
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
  m->budget = 150 + maker_pick (m, 400);
  m->may_return = maker_one_in (m, 2);
  m->may_fault = maker_one_in (m, 16);
  m->tile_type = tiles[maker_pick (m, G_N_ELEMENTS (tiles))];
  for (guint i = 0; i < 2; i++)
    m->atomic_ops[i] = commuting[maker_pick (m, G_N_ELEMENTS (commuting))];

  for (guint i = 0; i < N_BUFFERS; i++) {
    const Declaration *d = &declarations[i];
    gboolean is_static = d->access == VYRE_ACCESS_WRITE_ONLY ||
                         d->access == VYRE_ACCESS_WORKGROUP;

    counts[i] = choose_count (m, i);
    m->buffers[i] = vyre_builder_buffer (m->b, d->name, d->access,
        i == TILE ? m->tile_type : d->type,
        is_static || maker_one_in (m, 3) ? counts[i] : 0);
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
