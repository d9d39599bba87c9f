/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Linear scan over the instructions in their order: a virtual register lives
 * from its first to its last mention, stretched over every loop that it was
 * made before and is used in. Lanes that are masked keep their registers, so
 * nothing else about control flow matters. If there are too few registers, all
 * is done again with three set aside, through which spilled values pass.
 */
#include "lower-priv.h"

#define MAX_SPILLS 4096
#define SCRATCH 3
#define NO_REGISTER 0xff

typedef struct
{
  guint32 start, end; /* instructions; VYRE_NONE: not mentioned */
  float weight; /* what spilling it costs */
  guint32 definition; /* the only one, or VYRE_NONE */
  guint32 slot; /* spill word, or VYRE_NONE */
  guint8 n_definitions; /* saturates at 2 */
  guint8 reg;
  gboolean spilled;
  gboolean again; /* made anew instead of loaded */
} Interval;

typedef struct
{
  guint32 start, end, parent;
} Span;

typedef struct
{
  VyreLowering *lw;
  GArray *code;
  const int *bindings;
  Interval *intervals;
  guint n_intervals;
  guint n_registers; /* that may be used */
  guint used; /* highest used one, plus 1 */
  guint n_slots;
  GArray *words; /* guint32 */
  guint32 open[VYRE_I_MAX_LEVELS];
  guint level;
} Allocation;

/* --- lives ---------------------------------------------------------------- */

static void
mention (Allocation *al, const GArray *spans, guint32 vreg, guint32 at,
    guint32 span, float cost)
{
  Interval *interval = &al->intervals[vreg];

  if (interval->start == VYRE_NONE)
    interval->start = interval->end = at;
  interval->end = MAX (interval->end, at);
  interval->weight += cost;
  while (span != VYRE_NONE) {
    const Span *loop = &g_array_index (spans, Span, span);

    if (interval->start >= loop->start)
      break;
    interval->end = MAX (interval->end, loop->end);
    span = loop->parent;
  }
}

static gboolean
can_be_made_again (const VyreInst *inst)
{
  return (inst->op == VYRE_I_MOV && inst->imm) || inst->op == VYRE_I_SPECIAL ||
         inst->op == VYRE_I_BUFLEN || inst->op == VYRE_I_BYTELEN;
}

static void
find_lives (Allocation *al)
{
  g_autoptr (GArray) spans = g_array_new (FALSE, FALSE, sizeof (Span));
  g_autofree guint32 *ends = g_new0 (guint32, al->code->len);
  guint32 open[VYRE_I_MAX_LEVELS], span = VYRE_NONE;
  guint depth = 0;
  float cost = 1;

  for (guint i = 0; i < al->code->len; i++) {
    guint op = g_array_index (al->code, VyreInst, i).op;

    if (op == VYRE_I_LOOP)
      open[depth++] = i;
    else if (op == VYRE_I_NEXT)
      ends[open[--depth]] = i;
  }
  for (guint i = 0; i < al->n_intervals; i++)
    al->intervals[i] = (Interval){ .start = VYRE_NONE,
      .slot = VYRE_NONE,
      .definition = VYRE_NONE,
      .reg = NO_REGISTER };

  for (guint i = 0; i < al->code->len; i++) {
    const VyreInst *inst = &g_array_index (al->code, VyreInst, i);
    guint flags = vyre_op_info (inst->op)->flags;

    if (flags & VYRE_F_A)
      mention (al, spans, inst->a, i, span, cost);
    if ((flags & VYRE_F_B) && !inst->imm)
      mention (al, spans, inst->b, i, span, cost);
    if ((flags & VYRE_F_C) && inst->c != VYRE_NONE)
      mention (al, spans, inst->c, i, span, cost);
    if (flags & VYRE_F_DST) {
      Interval *interval = &al->intervals[inst->dst];

      mention (al, spans, inst->dst, i, span, cost);
      interval->definition = i;
      interval->n_definitions = MIN (interval->n_definitions + 1, 2);
    }
    if (inst->op == VYRE_I_LOOP) {
      Span loop = { i, ends[i], span };

      al->intervals[inst->a].n_definitions = 2;
      g_array_append_val (spans, loop);
      span = spans->len - 1;
      cost = MIN (cost * 8, 1e9f);
    } else if (inst->op == VYRE_I_NEXT) {
      span = g_array_index (spans, Span, span).parent;
      cost /= 8;
    }
  }
  for (guint i = 0; i < al->n_intervals; i++) {
    Interval *interval = &al->intervals[i];

    if (interval->start == VYRE_NONE)
      continue;
    interval->weight /= (float) (interval->end - interval->start + 1);
    if (interval->n_definitions == 1 &&
        can_be_made_again (
            &g_array_index (al->code, VyreInst, interval->definition))) {
      interval->again = TRUE;
      interval->weight /= 2;
    }
  }
}

/* --- registers ------------------------------------------------------------- */

/* FALSE if something would have to be spilled and may not. */
static gboolean
assign_registers (Allocation *al, guint n_registers, gboolean may_spill)
{
  guint32 owner[VYRE_I_MAX_REGISTERS];

  for (guint r = 0; r < n_registers; r++)
    owner[r] = VYRE_NONE;
  al->used = 0;
  for (guint i = 0; i < al->code->len; i++) {
    const VyreInst *inst = &g_array_index (al->code, VyreInst, i);
    Interval *interval;
    guint chosen = NO_REGISTER;

    if (!(vyre_op_info (inst->op)->flags & VYRE_F_DST))
      continue;
    interval = &al->intervals[inst->dst];
    if (interval->start != i)
      continue; /* has its register, or is spilled */

    for (guint r = n_registers; r-- > 0;) {
      if (owner[r] != VYRE_NONE && al->intervals[owner[r]].end <= i)
        owner[r] = VYRE_NONE;
      if (owner[r] == VYRE_NONE)
        chosen = r;
    }
    /* A move that needs no instruction. */
    if (inst->op == VYRE_I_MOV && !inst->imm) {
      const Interval *source = &al->intervals[inst->b];

      if (!source->spilled && source->reg != NO_REGISTER &&
          owner[source->reg] == VYRE_NONE)
        chosen = source->reg;
    }
    if (chosen == NO_REGISTER) {
      float lowest = interval->weight;

      if (!may_spill)
        return FALSE;
      for (guint r = 0; r < n_registers; r++)
        if (al->intervals[owner[r]].weight < lowest) {
          lowest = al->intervals[owner[r]].weight;
          chosen = r;
        }
      if (chosen == NO_REGISTER) {
        interval->spilled = TRUE;
        continue;
      }
      al->intervals[owner[chosen]].spilled = TRUE;
    }
    owner[chosen] = inst->dst;
    interval->reg = (guint8) chosen;
    al->used = MAX (al->used, chosen + 1);
  }
  return TRUE;
}

static gboolean
assign_slots (Allocation *al)
{
  g_autoptr (GArray) free_slots = g_array_new (FALSE, FALSE, sizeof (guint32));
  /* Spilled values by the instruction of their end: chains of registers. */
  g_autofree guint32 *ending = g_new (guint32, al->code->len + 1);
  g_autofree guint32 *next = g_new (guint32, al->n_intervals + 1);

  for (guint i = 0; i < al->code->len; i++)
    ending[i] = VYRE_NONE;
  for (guint i = 0; i < al->code->len; i++) {
    const VyreInst *inst = &g_array_index (al->code, VyreInst, i);
    Interval *interval;

    for (guint32 v = ending[i]; v != VYRE_NONE; v = next[v])
      g_array_append_val (free_slots, al->intervals[v].slot);
    if (!(vyre_op_info (inst->op)->flags & VYRE_F_DST))
      continue;
    interval = &al->intervals[inst->dst];
    if (interval->start != i || !interval->spilled || interval->again)
      continue;
    if (free_slots->len != 0) {
      interval->slot = g_array_index (free_slots, guint32, free_slots->len - 1);
      g_array_set_size (free_slots, free_slots->len - 1);
    } else if (al->n_slots == MAX_SPILLS) {
      al->lw->crowded = TRUE;
      return vyre_lowering_fail (al->lw, VYRE_LOWER_ERROR_LIMIT, "X19",
          (VyreSource){ 0, 0 },
          "more than %u values are alive at once; "
          "split the program",
          MAX_SPILLS + al->n_registers);
    } else {
      interval->slot = al->n_slots++;
    }
    if (interval->end > i) {
      next[inst->dst] = ending[interval->end];
      ending[interval->end] = inst->dst;
    } else {
      g_array_append_val (free_slots, interval->slot);
    }
  }
  return TRUE;
}

/* --- words ------------------------------------------------------------------ */

static void
put (Allocation *al, guint op, guint dst, guint a, guint b, guint32 x)
{
  guint32 words[2] = { op | dst << 8 | a << 16 | b << 24, x };

  g_array_append_vals (al->words, words, 2);
}

static void
put_definition (Allocation *al, const VyreInst *inst, guint reg)
{
  put (al, inst->op | (inst->imm ? VYRE_I_IMM : 0), reg, 0, 0,
      inst->buffer != VYRE_NONE ? (guint32) al->bindings[inst->buffer]
                                : inst->x);
}

/* The register that holds a source; scratch: where to bring a spilled one. */
static guint
source (Allocation *al, guint32 vreg, guint scratch)
{
  const Interval *interval = &al->intervals[vreg];
  guint reg = al->n_registers + scratch;

  if (!interval->spilled)
    return interval->reg;
  if (interval->again)
    put_definition (
        al, &g_array_index (al->code, VyreInst, interval->definition), reg);
  else
    put (al, VYRE_I_SPILL_LOAD, reg, 0, 0, interval->slot);
  al->used = MAX (al->used, reg + 1);
  return reg;
}

static guint32 *
word (Allocation *al, guint32 inst, guint which)
{
  return &g_array_index (al->words, guint32, inst * 2 + which);
}

static void
put_control (Allocation *al, const VyreInst *inst)
{
  guint32 here;
  guint a = 0, b = 0;

  if (inst->op == VYRE_I_IF || inst->op == VYRE_I_LOOP ||
      inst->op == VYRE_I_NEXT)
    a = source (al, inst->a, 0);
  if (inst->op == VYRE_I_LOOP || inst->op == VYRE_I_NEXT)
    b = source (al, inst->b, 1);
  here = al->words->len / 2;
  switch (inst->op) {
    case VYRE_I_IF:
    case VYRE_I_LOOP:
      put (al, inst->op, al->level, a, b, 0);
      al->open[al->level++] = here;
      /* The counter of a spilled loop passes through its scratch register,
       * both on entry and from NEXT. */
      if (inst->op == VYRE_I_LOOP && al->intervals[inst->a].spilled)
        put (al, VYRE_I_SPILL_STORE, a, 0, 0, al->intervals[inst->a].slot);
      break;
    case VYRE_I_ELSE:
      *word (al, al->open[al->level - 1], 1) = here;
      al->open[al->level - 1] = here;
      put (al, VYRE_I_ELSE, al->level - 1, 0, 0, 0);
      break;
    case VYRE_I_ENDIF:
      al->level--;
      *word (al, al->open[al->level], 1) = here;
      put (al, VYRE_I_ENDIF, al->level, 0, 0, 0);
      break;
    case VYRE_I_NEXT:
      al->level--;
      *word (al, al->open[al->level], 1) = here + 1;
      put (al, VYRE_I_NEXT, al->level, a, b, al->open[al->level] + 1);
      break;
    default:
      put (al, inst->op, 0, 0, 0, 0);
      break;
  }
}

static void
put_inst (Allocation *al, const VyreInst *inst)
{
  guint flags = vyre_op_info (inst->op)->flags;
  Interval *interval = flags & VYRE_F_DST ? &al->intervals[inst->dst] : NULL;
  guint dst = 0, a = 0, b = 0, c = 0;
  guint32 x = inst->x;

  if (inst->op <= VYRE_I_BARRIER) {
    put_control (al, inst);
    return;
  }
  if (interval != NULL && interval->spilled && interval->again)
    return;

  if (flags & VYRE_F_A)
    a = source (al, inst->a, 0);
  if ((flags & VYRE_F_B) && !inst->imm)
    b = source (al, inst->b, 1);
  if ((flags & VYRE_F_C) && inst->c != VYRE_NONE)
    c = source (al, inst->c, 2);
  if (interval != NULL) {
    dst = interval->spilled ? al->n_registers : interval->reg;
    al->used = MAX (al->used, dst + 1);
  }
  switch (inst->op) {
    case VYRE_I_MOV:
      if (!inst->imm && dst == b && !interval->spilled)
        return;
      break;
    case VYRE_I_SELECT:
    case VYRE_I_FMA:
      x = c;
      break;
    case VYRE_I_BUFLEN:
    case VYRE_I_BYTELEN:
      x = (guint32) al->bindings[inst->buffer];
      break;
    case VYRE_I_LOAD:
      x |= (guint32) al->bindings[inst->buffer];
      break;
    case VYRE_I_STORE:
      x |= (guint32) al->bindings[inst->buffer];
      dst = b;
      b = 0;
      break;
    case VYRE_I_ATOMIC:
      x = VYRE_IA ((guint32) al->bindings[inst->buffer], inst->x, c);
      break;
    case VYRE_I_FAULT_IF:
      dst = b;
      b = inst->x;
      x = 0;
      break;
    default:
      break;
  }
  put (al, inst->op | (inst->imm ? VYRE_I_IMM : 0), dst, a, b, x);
  if (interval != NULL && interval->spilled)
    put (al, VYRE_I_SPILL_STORE, dst, 0, 0, interval->slot);
}

gboolean
vyre_lowering_allocate (
    VyreLowering *lw, GArray *code, const int *bindings, VyreLowered *lowered)
{
  Allocation al = { .lw = lw,
    .code = code,
    .bindings = bindings,
    .n_intervals = lw->vregs->len,
    .n_registers = lw->options.max_registers };
  gboolean ok = TRUE;

  al.intervals = g_new (Interval, al.n_intervals + 1);
  find_lives (&al);
  if (!assign_registers (&al, al.n_registers, FALSE)) {
    al.n_registers -= SCRATCH;
    find_lives (&al);
    assign_registers (&al, al.n_registers, TRUE);
    ok = assign_slots (&al);
  }
  if (ok) {
    al.words =
        g_array_sized_new (FALSE, FALSE, sizeof (guint32), code->len * 2 + 64);
    for (guint i = 0; i < code->len; i++)
      put_inst (&al, &g_array_index (code, VyreInst, i));
    lowered->n_instructions = al.words->len / 2;
    lowered->code = (guint32 *) g_array_free (al.words, FALSE);
    lowered->n_registers = MAX (al.used, 1);
    lowered->n_spills = al.n_slots;
    if (lowered->n_instructions > VYRE_I_MAX_CODE) {
      lw->crowded = TRUE;
      ok = vyre_lowering_fail (lw, VYRE_LOWER_ERROR_LIMIT, "X19",
          (VyreSource){ 0, 0 },
          "the program needs %u instructions, more "
          "than the %u that fit; split it",
          lowered->n_instructions, VYRE_I_MAX_CODE);
    }
  }
  g_free (al.intervals);
  return ok;
}
