/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Short branches without a branch: where an IF only computes a little and
 * assigns variables, both ways are computed and SELECT takes what counts. IF,
 * ELSE and ENDIF cost as much as any instruction, and lanes that disagree go
 * both ways anyway.
 *
 * Code comes here before moves are joined (lower-clean.c), so a variable is
 * assigned by MOV alone, and all else that is made in a branch is read there
 * alone.
 */
#include "lower-priv.h"

#define MAX_LENGTH 16 /* of what is looked at */
#define MAX_ALONE 3 /* of what replaces an IF without ELSE */

typedef struct
{
  guint32 at; /* of the IF in the new code */
  guint32 otherwise; /* of its ELSE, or VYRE_NONE */
  gboolean simple; /* nothing in it that must not happen for all lanes */
} Open;

typedef struct
{
  VyreLowering *lw;
  GArray *code;
  Open open[VYRE_I_MAX_LEVELS];
  guint n_open;
} Selects;

/* One branch: first to last - 1. */
typedef struct
{
  guint32 first, last;
  guint cost; /* as a branch, without IF and the like */
} Branch;

static VyreInst *
inst_at (const Selects *s, guint32 at)
{
  return &g_array_index (s->code, VyreInst, at);
}

static gboolean
is_variable (const Selects *s, guint32 vreg)
{
  return g_array_index (s->lw->vregs, VyreVreg, vreg).variable;
}

/* May be computed for lanes that do not want it. Loads may too, but touch
 * memory, and what compiled code may assume of a batch's indices. */
static gboolean
is_harmless (const VyreInst *inst)
{
  switch (inst->op) {
    case VYRE_I_LOAD:
    case VYRE_I_DIVU:
    case VYRE_I_MODU:
    case VYRE_I_FDIV:
    case VYRE_I_FMA:
    case VYRE_I_FSQRT:
    case VYRE_I_FRSQRT:
    case VYRE_I_FRCP:
      return FALSE;
    default:
      return (vyre_op_info (inst->op)->flags & VYRE_F_PURE) &&
             inst->op < VYRE_I_FSIN;
  }
}

/* The only assignment of a variable in a branch, or NULL; *many: there are
 * several. */
static VyreInst *
find_assignment (
    const Selects *s, const Branch *branch, guint32 vreg, gboolean *many)
{
  VyreInst *found = NULL;

  *many = FALSE;
  for (guint32 i = branch->first; i < branch->last; i++) {
    VyreInst *inst = inst_at (s, i);

    if (inst->dst != vreg)
      continue;
    *many |= found != NULL;
    found = inst;
  }
  return found;
}

static gboolean
is_read_after (const Selects *s, const Branch *branch, guint32 at, guint32 vreg)
{
  for (guint32 i = at + 1; i < branch->last; i++) {
    guint32 sources[3];
    guint n = vyre_inst_sources (inst_at (s, i), sources);

    for (guint k = 0; k < n; k++)
      if (sources[k] == vreg)
        return TRUE;
  }
  return FALSE;
}

/* Can the branch be turned, whatever it would cost? other: the other one. */
static gboolean
look_at (Selects *s, Branch *branch, const Branch *other, guint32 condition)
{
  gboolean many;

  branch->cost = 0;
  for (guint32 i = branch->first; i < branch->last; i++) {
    const VyreInst *inst = inst_at (s, i);

    branch->cost += inst->op != VYRE_I_MOV || inst->imm;
    if (!is_variable (s, inst->dst))
      continue;
    if (inst->op != VYRE_I_MOV || inst->dst == condition)
      return FALSE;
    find_assignment (s, branch, inst->dst, &many);
    if (many)
      return FALSE;
    /* What both assign is selected at the end: nobody may ask before, and what
     * is moved must last. */
    if (other == NULL || find_assignment (s, other, inst->dst, &many) == NULL)
      continue;
    if (is_read_after (s, branch, i, inst->dst))
      return FALSE;
    if (!inst->imm &&
        (find_assignment (s, branch, inst->b, &many) != NULL ||
            find_assignment (s, other, inst->b, &many) != NULL) &&
        is_variable (s, inst->b))
      return FALSE;
  }
  return TRUE;
}

/* --- the new code --------------------------------------------------------------- */

static void
add (GArray *made, guint op, guint32 dst, guint32 a, guint32 b, guint32 c)
{
  VyreInst inst = {
    .op = op, .dst = dst, .a = a, .b = b, .c = c, .buffer = VYRE_NONE
  };

  g_array_append_val (made, inst);
}

/* The register of what a MOV moves. */
static guint32
moved (Selects *s, GArray *made, const VyreInst *move)
{
  VyreInst number = *move;

  if (!move->imm)
    return move->b;
  number.dst = vyre_emit_vreg (s->lw, FALSE);
  g_array_append_val (made, number);
  return number.dst;
}

/* v = v + 1 under a condition that is 0 or 1 is v = v + condition. */
static gboolean
add_condition (Selects *s, GArray *made, const VyreInst *move,
    guint32 condition, gboolean opposite)
{
  const VyreInst *sum;

  if (opposite || move->imm || made->len == 0 ||
      g_array_index (s->lw->vregs, VyreVreg, condition).mask > 1)
    return FALSE;
  sum = &g_array_index (made, VyreInst, made->len - 1);
  if (sum->op != VYRE_I_ADD || !sum->imm || sum->x != 1 ||
      sum->dst != move->b || sum->a != move->dst)
    return FALSE;
  g_array_set_size (made, made->len - 1);
  add (made, VYRE_I_ADD, move->dst, move->dst, condition, VYRE_NONE);
  return TRUE;
}

/* opposite: this is the ELSE, and other the first half. */
static void
convert (Selects *s, GArray *made, const Branch *branch, const Branch *other,
    guint32 condition, gboolean opposite)
{
  for (guint32 i = branch->first; i < branch->last; i++) {
    const VyreInst inst = *inst_at (s, i);
    const VyreInst *twin = NULL;
    gboolean many;
    guint32 value;

    if (!is_variable (s, inst.dst)) {
      g_array_append_val (made, inst);
      continue;
    }
    if (other != NULL)
      twin = find_assignment (s, other, inst.dst, &many);
    if (twin != NULL && !opposite)
      continue;
    if (twin == NULL && !is_read_after (s, branch, i, inst.b) &&
        add_condition (s, made, &inst, condition, opposite))
      continue;
    value = moved (s, made, &inst);
    if (!opposite)
      add (made, VYRE_I_SELECT, inst.dst, condition, value, inst.dst);
    else if (twin == NULL)
      add (made, VYRE_I_SELECT, inst.dst, condition, inst.dst, value);
    else
      add (made, VYRE_I_SELECT, inst.dst, condition, moved (s, made, twin),
          value);
  }
}

/* What the condition compares with 0, if it is true for 0 alone and the value
 * is there for good, else VYRE_NONE. */
static guint32
opposite_of (const Selects *s, guint32 at)
{
  guint32 condition = inst_at (s, at)->a;

  for (guint32 i = at; i-- > 0 && at - i < MAX_LENGTH;) {
    const VyreInst *inst = inst_at (s, i);

    if (!(vyre_op_info (inst->op)->flags & VYRE_F_DST) ||
        inst->dst != condition)
      continue;
    return inst->op == VYRE_I_EQ && inst->imm && inst->x == 0 &&
                   !is_variable (s, condition) && !is_variable (s, inst->a)
               ? inst->a
               : VYRE_NONE;
  }
  return VYRE_NONE;
}

/* The comparison is not needed if the arms change places. */
static void
turn_selects (GArray *made, guint32 condition, guint32 tested)
{
  for (guint i = 0; i < made->len; i++) {
    VyreInst *inst = &g_array_index (made, VyreInst, i);
    guint32 b = inst->b;

    if (inst->op != VYRE_I_SELECT || inst->a != condition)
      continue;
    inst->a = tested;
    inst->b = inst->c;
    inst->c = b;
  }
}

/* The innermost open IF ends; TRUE: it is gone. */
static gboolean
try_select (Selects *s)
{
  Open *open = &s->open[s->n_open];
  gboolean has_else = open->otherwise != VYRE_NONE;
  guint32 condition = inst_at (s, open->at)->a;
  guint32 tested = opposite_of (s, open->at);
  Branch then = { open->at + 1, has_else ? open->otherwise : s->code->len, 0 };
  Branch otherwise = { open->otherwise + 1, s->code->len, 0 };
  g_autoptr (GArray) made = NULL;
  guint limit;

  if (!open->simple || s->code->len - open->at > MAX_LENGTH ||
      !look_at (s, &then, has_else ? &otherwise : NULL, condition) ||
      (has_else && !look_at (s, &otherwise, &then, condition)))
    return FALSE;
  made = g_array_new (FALSE, FALSE, sizeof (VyreInst));
  convert (s, made, &then, has_else ? &otherwise : NULL, condition, FALSE);
  if (has_else)
    convert (s, made, &otherwise, &then, condition, TRUE);
  if (tested != VYRE_NONE)
    turn_selects (made, condition, tested);
  /* Never more than the shorter way took, or hardly. */
  limit = has_else ? 3 + MIN (then.cost, otherwise.cost) : MAX_ALONE;
  if (made->len > limit)
    return FALSE;
  g_array_set_size (s->code, open->at);
  g_array_append_vals (s->code, made->data, made->len);
  return TRUE;
}

GArray *
vyre_lowering_select (VyreLowering *lw, GArray *code)
{
  Selects s = { .lw = lw };

  if (lw->frugal)
    return code;
  s.code = g_array_sized_new (FALSE, FALSE, sizeof (VyreInst), code->len);
  for (guint32 i = 0; i < code->len; i++) {
    const VyreInst inst = g_array_index (code, VyreInst, i);

    switch (inst.op) {
      case VYRE_I_IF:
      case VYRE_I_LOOP:
        s.open[s.n_open++] =
            (Open){ s.code->len, VYRE_NONE, inst.op == VYRE_I_IF };
        break;
      case VYRE_I_ELSE:
        s.open[s.n_open - 1].otherwise = s.code->len;
        break;
      case VYRE_I_ENDIF:
      case VYRE_I_NEXT:
        s.n_open--;
        if (try_select (&s))
          continue;
        if (s.n_open > 0)
          s.open[s.n_open - 1].simple = FALSE;
        break;
      default:
        if (s.n_open > 0)
          s.open[s.n_open - 1].simple &= is_harmless (&inst);
        break;
    }
    g_array_append_val (s.code, inst);
  }
  g_array_unref (code);
  return s.code;
}
