/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts moved instructions in front of their loops, drops what nothing needs
 * and lets values arise in the variables they are assigned to. */
#include "lower-priv.h"

#define DROPPED 0xff
#define WINDOW 64 /* instructions looked back over, per move */

static GArray *
merge (VyreLowering *lw)
{
  GArray *code =
      g_array_sized_new (FALSE, FALSE, sizeof (VyreInst), lw->code->len + 64);
  guint n_loops = 0;

  for (guint i = 0; i < lw->code->len; i++) {
    VyreInst *inst = &g_array_index (lw->code, VyreInst, i);

    if (inst->op == VYRE_I_LOOP) {
      GArray *before = g_ptr_array_index (lw->moved, n_loops++);

      g_array_append_vals (code, before->data, before->len);
    }
    g_array_append_val (code, *inst);
  }
  return code;
}

static guint
sources_of (const VyreInst *inst, guint32 sources[3])
{
  guint flags = vyre_op_info (inst->op)->flags;
  guint n = 0;

  if ((flags & VYRE_F_A) && inst->a != VYRE_NONE)
    sources[n++] = inst->a;
  if ((flags & VYRE_F_B) && !inst->imm && inst->b != VYRE_NONE)
    sources[n++] = inst->b;
  if ((flags & VYRE_F_C) && inst->c != VYRE_NONE)
    sources[n++] = inst->c;
  return n;
}

static void
drop_dead (GArray *code, guint n_vregs)
{
  /* Reads by others than the register's own updates. */
  g_autofree guint32 *reads = g_new0 (guint32, n_vregs + 1);
  guint32 sources[3];

  for (guint i = 0; i < code->len; i++) {
    const VyreInst *inst = &g_array_index (code, VyreInst, i);
    guint n = sources_of (inst, sources);

    for (guint k = 0; k < n; k++)
      if (sources[k] != inst->dst)
        reads[sources[k]]++;
  }
  for (guint i = code->len; i-- > 0;) {
    VyreInst *inst = &g_array_index (code, VyreInst, i);
    guint n;

    if (!(vyre_op_info (inst->op)->flags & VYRE_F_PURE) ||
        reads[inst->dst] != 0)
      continue;
    n = sources_of (inst, sources);
    for (guint k = 0; k < n; k++)
      if (sources[k] != inst->dst)
        reads[sources[k]]--;
    inst->op = DROPPED;
  }
}

/* x = t right after t was made for nothing else: make it in x. */
static void
join_move (
    GArray *code, guint at, const guint32 *definitions, const guint32 *reads)
{
  VyreInst *move = &g_array_index (code, VyreInst, at);

  if (definitions[move->b] != 1 || reads[move->b] != 1)
    return;
  for (guint i = at; i-- > 0 && at - i < WINDOW;) {
    VyreInst *inst = &g_array_index (code, VyreInst, i);
    guint flags = vyre_op_info (inst->op)->flags;
    guint32 sources[3];
    guint n;

    if (inst->op == DROPPED)
      continue;
    if (inst->op <= VYRE_I_RETURN)
      return;
    if ((flags & VYRE_F_DST) && inst->dst == move->b) {
      inst->dst = move->dst;
      move->op = DROPPED;
      return;
    }
    if ((flags & VYRE_F_DST) && inst->dst == move->dst)
      return;
    n = sources_of (inst, sources);
    for (guint k = 0; k < n; k++)
      if (sources[k] == move->dst)
        return;
  }
}

static void
join_moves (GArray *code, guint n_vregs)
{
  g_autofree guint32 *definitions = g_new0 (guint32, n_vregs + 1);
  g_autofree guint32 *reads = g_new0 (guint32, n_vregs + 1);
  guint32 sources[3];

  for (guint i = 0; i < code->len; i++) {
    const VyreInst *inst = &g_array_index (code, VyreInst, i);
    guint n;

    if (inst->op == DROPPED)
      continue;
    n = sources_of (inst, sources);
    for (guint k = 0; k < n; k++)
      reads[sources[k]]++;
    if (vyre_op_info (inst->op)->flags & VYRE_F_DST)
      definitions[inst->dst]++;
    if (inst->op == VYRE_I_NEXT)
      definitions[inst->a]++;
  }
  for (guint i = 0; i < code->len; i++) {
    const VyreInst *inst = &g_array_index (code, VyreInst, i);

    if (inst->op == VYRE_I_MOV && !inst->imm)
      join_move (code, i, definitions, reads);
  }
}

GArray *
vyre_lowering_clean (VyreLowering *lw)
{
  GArray *code = merge (lw);
  guint kept = 0;

  drop_dead (code, lw->vregs->len);
  join_moves (code, lw->vregs->len);
  for (guint i = 0; i < code->len; i++) {
    VyreInst inst = g_array_index (code, VyreInst, i);

    if (inst.op == DROPPED)
      continue;
    if (inst.op == VYRE_I_END && kept > 0 &&
        g_array_index (code, VyreInst, kept - 1).op == VYRE_I_RETURN)
      kept--;
    g_array_index (code, VyreInst, kept++) = inst;
  }
  g_array_set_size (code, kept);
  return code;
}
