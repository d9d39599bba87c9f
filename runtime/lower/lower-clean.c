/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts moved instructions in front of their loops, has dropped what nothing
 * needs, and lets values arise in the variables they are assigned to. */
#include "lower-priv.h"

#define WINDOW 64 /* instructions looked back over, per move */
#define WINDOW_AFTER 256 /* and ahead */

/* An IF with a constant is never true: it goes with all that is in it. */
static GArray *
merge (VyreLowering *lw)
{
  GArray *code =
      g_array_sized_new (FALSE, FALSE, sizeof (VyreInst), lw->code->len + 64);
  guint n_loops = 0, never = 0;

  for (guint i = 0; i < lw->code->len; i++) {
    VyreInst *inst = &g_array_index (lw->code, VyreInst, i);

    if (inst->op == VYRE_I_IF && (inst->imm || never != 0))
      never++;
    if (inst->op == VYRE_I_LOOP) {
      GArray *before = g_ptr_array_index (lw->moved, n_loops++);

      if (never == 0)
        g_array_append_vals (code, before->data, before->len);
    }
    if (never == 0)
      g_array_append_val (code, *inst);
    else if (inst->op == VYRE_I_ENDIF)
      never--;
  }
  return code;
}

static gboolean
writes (const VyreInst *inst, guint32 vreg)
{
  return ((vyre_op_info (inst->op)->flags & VYRE_F_DST) && inst->dst == vreg) ||
         (inst->op == VYRE_I_NEXT && inst->a == vreg);
}

static guint
count_reads (const VyreInst *inst, guint32 vreg)
{
  guint32 sources[3];
  guint n = inst->op == VYRE_DROPPED ? 0 : vyre_inst_sources (inst, sources);
  guint found = 0;

  for (guint k = 0; k < n; k++)
    found += sources[k] == vreg;
  return found;
}

/* The instruction before a move that makes what is moved, if none of those
 * between cares for the moved value's new place, else VYRE_NONE. Takes off what
 * they read of it. */
static guint32
find_maker (const GArray *code, guint32 at, guint32 *reads)
{
  const VyreInst *move = &g_array_index (code, VyreInst, at);

  for (guint32 i = at; i-- > 0 && at - i < WINDOW;) {
    const VyreInst *inst = &g_array_index (code, VyreInst, i);

    if (inst->op <= VYRE_I_RETURN)
      break;
    if (writes (inst, move->b))
      return i;
    if (writes (inst, move->dst) || count_reads (inst, move->dst) != 0)
      break;
    *reads -= count_reads (inst, move->b);
  }
  return VYRE_NONE;
}

/* Where the last read of what was moved stands, if its new place keeps it that
 * long, else VYRE_NONE: over whole loops, which read it at every turn. */
static guint32
find_last_read (const GArray *code, guint32 at, guint32 reads)
{
  const VyreInst *move = &g_array_index (code, VyreInst, at);
  guint loops = 0;
  gboolean in_loop = FALSE;

  for (guint32 i = at + 1; reads != 0 || in_loop; i++) {
    const VyreInst *inst;
    guint here;

    if (i == code->len || i - at > WINDOW_AFTER)
      return VYRE_NONE;
    inst = &g_array_index (code, VyreInst, i);
    here = count_reads (inst, move->b);
    reads -= here;
    if (inst->op == VYRE_I_LOOP)
      loops++;
    in_loop |= here != 0 && loops != 0 && inst->op != VYRE_I_LOOP;
    /* What NEXT writes is read at the loop's next turn. */
    if (writes (inst, move->dst) && (reads != 0 || in_loop))
      return VYRE_NONE;
    if (inst->op == VYRE_I_NEXT) {
      if (loops == 0)
        return VYRE_NONE;
      in_loop &= --loops != 0;
    }
    if (reads == 0 && !in_loop)
      return i;
  }
  return at;
}

/* x = t right after t was made: make it in x, and read it there. */
static void
join_move (GArray *code, guint32 at, const guint32 *definitions, guint32 *reads)
{
  VyreInst *move = &g_array_index (code, VyreInst, at);
  guint32 dst = move->dst, moved = move->b, first, last;
  guint32 left = reads[moved] - 1;

  if (definitions[moved] != 1)
    return;
  first = find_maker (code, at, &left);
  if (first == VYRE_NONE)
    return;
  last = find_last_read (code, at, left);
  if (last == VYRE_NONE)
    return;
  move->op = VYRE_DROPPED;
  reads[dst] += reads[moved] - 1;
  reads[moved] = 0;
  g_array_index (code, VyreInst, first).dst = dst;
  for (guint32 i = first + 1; i <= last; i++) {
    VyreInst *inst = &g_array_index (code, VyreInst, i);

    if (inst->op != VYRE_DROPPED)
      vyre_inst_rename (inst, moved, dst);
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

    if (inst->op == VYRE_DROPPED)
      continue;
    n = vyre_inst_sources (inst, sources);
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

  vyre_lowering_drop_dead (lw, code);
  code = vyre_lowering_select (lw, code);
  vyre_lowering_drop_guards (lw, code);
  vyre_lowering_drop_dead (lw, code);
  join_moves (code, lw->vregs->len);
  vyre_code_compact (code);
  if (code->len > 1 &&
      g_array_index (code, VyreInst, code->len - 2).op == VYRE_I_RETURN)
    g_array_remove_index (code, code->len - 2);
  return code;
}
