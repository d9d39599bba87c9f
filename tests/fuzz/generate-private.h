/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "generate.h"
#include "vir0/builder.h"

G_BEGIN_DECLS

/* What the parts of the generator share. */

/* Elements of one invocation, in each buffer that it writes to. */
#define OWN 8

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

#define U32(n) vyre_builder_u32 (m->b, (n))
#define BIN(op, x, y) vyre_builder_binary (m->b, VYRE_BIN_##op, (x), (y))
#define CAST(type, x) vyre_builder_cast (m->b, VYRE_TYPE_##type, (x))

/* --- generate-value.c ------------------------------------------------------ */

/* 0 to n - 1. Chance is taken in one order everywhere: never twice in one
 * call's arguments. */
guint maker_pick (Maker *m, guint n);
gboolean maker_one_in (Maker *m, guint n);
/* Words, and bits of floats, where things go wrong. */
guint32 maker_edge (Maker *m);
guint32 maker_float_edge (Maker *m);

/* An element of its own: number * OWN + something below OWN. */
VyreValue maker_own_index (Maker *m, guint depth);
/* Any element, mostly one that exists. */
VyreValue maker_any_index (Maker *m, guint depth);
VyreValue maker_tile_own_index (Maker *m);
VyreValue maker_load (Maker *m, Which which, VyreValue index);
/* As the turn allows. */
VyreValue maker_load_tile (Maker *m, guint depth);
VyreValue maker_u32 (Maker *m, guint depth);
VyreValue maker_i32 (Maker *m, guint depth);
/* Of exact operations alone. */
VyreValue maker_f32 (Maker *m, guint depth);
VyreValue maker_bool (Maker *m, guint depth);
VyreValue maker_of (Maker *m, VyreTypeKind type, guint depth);
VyreTypeKind maker_pick_type (Maker *m);

G_END_DECLS
