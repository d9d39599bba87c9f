/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Dead code: instructions whose result nothing needs on any way. Needed is what
 * control flow, memory and faults read, and what a needed instruction reads. A
 * register that is written once is needed or not as a whole; of a variable
 * every single assignment is looked at, from the end to the beginning, until
 * nothing changes: what is needed at the beginning of a loop's body is needed
 * at its end too.
 *
 * Masked lanes keep their registers, so each lane by itself sees ordinary
 * structured control flow. Return and Trap count as going on: code behind them
 * that nothing reaches has to find its operands made all the same.
 */
#include <string.h>

#include "lower-priv.h"

#define MAX_PASSES 16
#define MAX_WORK (4u * 1024 * 1024) /* words of sets, copied in one pass */

typedef struct
{
  guint64 *after; /* needed behind the ENDIF or NEXT */
  guint64 *other; /* at the beginning of the else */
  gboolean has_else;
  guint loop; /* number of the loop */
} Frame;

typedef struct
{
  VyreLowering *lw;
  GArray *code;
  gboolean *needed; /* per register */
  guint32 *number; /* of variables among themselves, else VYRE_NONE */
  gsize words; /* of a set of variables */
  guint64 *sets; /* for frames */
  guint64 *heads; /* per loop: needed at the beginning of its body */
  guint64 *live;
  guint n_loops;
  gboolean changed;
} Live;

static gboolean
is_needed (const Live *l, guint32 vreg)
{
  guint32 number = l->number[vreg];

  return number == VYRE_NONE ? l->needed[vreg]
                             : (l->live[number / 64] >> number % 64 & 1) != 0;
}

static void
need (Live *l, guint32 vreg)
{
  guint32 number = l->number[vreg];

  if (number != VYRE_NONE) {
    l->live[number / 64] |= (guint64) 1 << number % 64;
  } else if (!l->needed[vreg]) {
    l->needed[vreg] = TRUE;
    l->changed = TRUE;
  }
}

static void
copy (const Live *l, guint64 *to, const guint64 *from)
{
  if (l->words != 0)
    memcpy (to, from, l->words * sizeof *to);
}

static void
unite (const Live *l, guint64 *to, const guint64 *with)
{
  for (gsize i = 0; i < l->words; i++)
    to[i] |= with[i];
}

static void
begin_frame (Live *l, Frame *frames, guint depth)
{
  Frame *frame = &frames[depth];

  frame->after = l->sets + 2 * depth * l->words;
  frame->other = frame->after + l->words;
  frame->has_else = FALSE;
  copy (l, frame->after, l->live);
}

/* Is the instruction to stay? Notes what it needs. */
static gboolean
visit (Live *l, const VyreInst *inst)
{
  guint flags = vyre_op_info (inst->op)->flags;
  guint32 sources[3];
  guint n;

  if ((flags & VYRE_F_PURE) && !is_needed (l, inst->dst))
    return FALSE;
  if ((flags & VYRE_F_DST) && l->number[inst->dst] != VYRE_NONE) {
    guint32 number = l->number[inst->dst];

    l->live[number / 64] &= ~((guint64) 1 << number % 64);
  }
  n = vyre_inst_sources (inst, sources);
  for (guint k = 0; k < n; k++)
    need (l, sources[k]);
  return TRUE;
}

/* Once from the end to the beginning. */
static void
pass (Live *l, gboolean drop)
{
  Frame frames[VYRE_I_MAX_LEVELS];
  guint depth = 0, loop = l->n_loops;

  if (l->words != 0)
    memset (l->live, 0, l->words * sizeof *l->live);
  for (guint i = l->code->len; i-- > 0;) {
    VyreInst *inst = &g_array_index (l->code, VyreInst, i);
    Frame *frame = depth > 0 ? &frames[depth - 1] : NULL;
    guint64 *head;

    switch (inst->op) {
      case VYRE_I_ENDIF:
        begin_frame (l, frames, depth++);
        break;
      case VYRE_I_ELSE:
        frame->has_else = TRUE;
        copy (l, frame->other, l->live);
        copy (l, l->live, frame->after);
        break;
      case VYRE_I_IF:
        unite (l, l->live, frame->has_else ? frame->other : frame->after);
        depth--;
        break;
      case VYRE_I_NEXT:
        begin_frame (l, frames, depth++);
        frames[depth - 1].loop = --loop;
        unite (l, l->live, l->heads + loop * l->words);
        break;
      case VYRE_I_LOOP:
        head = l->heads + frame->loop * l->words;
        for (gsize k = 0; k < l->words; k++) {
          l->changed |= (l->live[k] & ~head[k]) != 0;
          head[k] |= l->live[k];
        }
        unite (l, l->live, frame->after);
        depth--;
        break;
      default:
        break;
    }
    if (!visit (l, inst) && drop)
      inst->op = VYRE_DROPPED;
  }
}

/* Huge programs, and long chains of variables through loops, are not worth
 * more: there every variable counts as a whole, and is needed if it is read. */
static void
give_up_flow (Live *l)
{
  l->words = 0;
  for (guint i = 0; i < l->code->len; i++) {
    guint32 sources[3];
    guint n =
        vyre_inst_sources (&g_array_index (l->code, VyreInst, i), sources);

    for (guint k = 0; k < n; k++)
      l->needed[sources[k]] |= l->number[sources[k]] != VYRE_NONE;
  }
  for (guint i = 0; i < l->lw->vregs->len; i++)
    l->number[i] = VYRE_NONE;
}

void
vyre_code_compact (GArray *code)
{
  guint kept = 0;

  for (guint i = 0; i < code->len; i++) {
    const VyreInst inst = g_array_index (code, VyreInst, i);

    if (inst.op != VYRE_DROPPED)
      g_array_index (code, VyreInst, kept++) = inst;
  }
  g_array_set_size (code, kept);
}

void
vyre_lowering_drop_dead (VyreLowering *lw, GArray *code)
{
  Live l = { .lw = lw, .code = code };
  guint n_variables = 0, n_controls = 0;

  l.needed = g_new0 (gboolean, lw->vregs->len + 1);
  l.number = g_new (guint32, lw->vregs->len + 1);
  for (guint i = 0; i < lw->vregs->len; i++)
    l.number[i] = g_array_index (lw->vregs, VyreVreg, i).variable
                      ? n_variables++
                      : VYRE_NONE;
  for (guint i = 0; i < code->len; i++) {
    guint op = g_array_index (code, VyreInst, i).op;

    n_controls += op < VYRE_I_MOV;
    l.n_loops += op == VYRE_I_LOOP;
  }
  l.words = (n_variables + 63) / 64;
  if ((guint64) l.words * n_controls > MAX_WORK)
    give_up_flow (&l);
  l.sets = g_new (guint64, 2 * VYRE_I_MAX_LEVELS * l.words + 1);
  l.heads = g_new0 (guint64, l.n_loops * l.words + 1);
  l.live = g_new (guint64, l.words + 1);

  for (guint n = 0; n == 0 || (l.changed && n < MAX_PASSES); n++) {
    l.changed = FALSE;
    pass (&l, FALSE);
  }
  if (l.changed) {
    give_up_flow (&l);
    pass (&l, FALSE);
  }
  pass (&l, TRUE);
  vyre_code_compact (code);

  g_free (l.needed);
  g_free (l.number);
  g_free (l.sets);
  g_free (l.heads);
  g_free (l.live);
}
