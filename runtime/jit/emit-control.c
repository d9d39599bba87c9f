/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Control flow.
 *
 * A condition becomes a mask for what has effects and a choice where values
 * meet, both halves being computed; or a branch, taken when any of the K
 * invocations wants it, which is better where much depends on it. What slots
 * hold for invocations that do not execute does not matter: wherever control
 * flow joins, those of the one side get the values of that side.
 *
 * With one invocation to a lane, one that ends is a return, and inside of a
 * branch no mask is needed. */
#include "jit-private.h"

/* Above these, a branch. In operations. */
#define SHARED_BRANCH_WEIGHT 4 /* the same for all K */
#define BRANCH_WEIGHT 12
/* Loops of no more passes than that are paid for at once. */
#define PAID_PASSES 256
/* Others make so many passes at a time, if they are no heavier than that: their
 * loads are then in flight together. */
#define PASSES_AT_ONCE 4
#define AT_ONCE_WEIGHT 48

/* --- the end of invocations ------------------------------------------------ */

void
vyre_jit_kill (VyreJitEmit *e, const VyreJitValue *condition, guint code,
    const VyreJitValue *address, guint32 tag)
{
  if (condition != NULL && condition->form == VYRE_JIT_CONST) {
    if (condition->number == 0)
      return;
    condition = NULL;
  }
  e->faults |= code != VYRE_FAULT_NONE;
  for (guint k = 0; k < e->unroll; k++) {
    gboolean some = e->mask.kind == VYRE_JIT_SOME;
    g_autofree char *when =
        g_strdup_printf ("%s%s%s", some ? vyre_jit_mask (e, e->mask, k) : "",
            some && condition ? " && " : "",
            condition ? vyre_jit_bool (e, condition, k) : "");
    g_autofree char *fault =
        code == VYRE_FAULT_NONE
            ? g_strdup ("")
            : g_strdup_printf ("compiled_fault (%uu, %s, %uu);%s", code,
                  vyre_jit_word (e, address, k), tag,
                  e->unroll == 1 ? " " : "");

    if (e->unroll > 1 && code == VYRE_FAULT_NONE)
      continue;
    vyre_jit_line (e, "%s%s%s{ %s%s }", *when ? "if (" : "", when,
        *when ? ") " : "", fault, e->unroll == 1 ? "return;" : "");
  }
  if (condition == NULL)
    e->mask.kind = VYRE_JIT_NONE;
  else if (e->unroll > 1)
    e->mask = vyre_jit_and (e, e->mask, condition, TRUE);
}

/* --- values that meet -------------------------------------------------------- */

/* A variable that is assigned where control flow joins. */
typedef struct
{
  guint slot;
  VyreJitValue value;
} Join;

/* Declares it with what the slot holds now. */
static void
join_declare (
    VyreJitEmit *e, GArray *joins, guint32 at, guint slot, gboolean shared)
{
  const VyreJitValue *now = &e->slots[slot];
  Join join = { slot,
    vyre_jit_variable (e, VYRE_JIT_WORD,
        shared && now->shared &&
            !vyre_jit_set_has (&e->found->varying[at], slot)) };

  for (guint k = 0; k < (join.value.shared ? 1 : e->unroll); k++)
    vyre_jit_line (e, "uint %s = %s;",
        vyre_jit_name (e, join.value.number, join.value.shared, k),
        vyre_jit_word (e, now, k));
  g_array_append_val (joins, join);
}

/* Assigns value, for the invocations of mask alone if it names some. */
static void
join_assign (VyreJitEmit *e, const Join *join, guint32 at,
    const VyreJitValue *value, VyreJitMask mask)
{
  if (join->value.shared && !value->shared) {
    vyre_jit_set_add (&e->found->varying[at], join->slot);
    e->again = TRUE;
    return;
  }
  for (guint k = 0; k < (join->value.shared ? 1 : e->unroll); k++) {
    const char *name =
        vyre_jit_name (e, join->value.number, join->value.shared, k);
    const char *text = vyre_jit_word (e, value, k);

    if (mask.kind == VYRE_JIT_SOME)
      vyre_jit_line (e, "%s = %s ? %s : %s;", name, vyre_jit_mask (e, mask, k),
          text, name);
    else
      vyre_jit_line (e, "%s = %s;", name, text);
  }
}

/* After the join: its variables, and nothing that nobody asks for. */
static void
join_slots (VyreJitEmit *e, const GArray *joins, const VyreJitSet *assigned)
{
  for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++)
    if (vyre_jit_set_has (assigned, slot))
      e->slots[slot] = vyre_jit_constant (0);
  for (guint i = 0; i < joins->len; i++) {
    const Join *join = &g_array_index (joins, Join, i);

    e->slots[join->slot] = join->value;
  }
}

/* A mask that can be assigned; starts as the one in force. */
static VyreJitMask
declare_mask (VyreJitEmit *e)
{
  VyreJitMask mask = { VYRE_JIT_SOME, e->next++ };

  for (guint k = 0; k < e->unroll; k++)
    vyre_jit_line (
        e, "bool m%u_%u = %s;", mask.number, k, vyre_jit_mask (e, e->mask, k));
  return mask;
}

/* "m7_0 || m7_1 …" */
static char *
any_of (const VyreJitEmit *e, VyreJitMask mask)
{
  GString *text = g_string_new (NULL);

  for (guint k = 0; k < e->unroll; k++)
    g_string_append_printf (
        text, "%s%s", k > 0 ? " || " : "", vyre_jit_mask (e, mask, k));
  return g_string_free (text, FALSE);
}

/* --- conditions -------------------------------------------------------------- */

typedef struct
{
  guint32 at, end; /* IF, ENDIF */
  guint32 from[2], to[2]; /* the halves */
  VyreJitRegion half[2];
  VyreJitSet assigned; /* in any of them */
  VyreJitValue condition;
  gboolean kills;
} If;

static If
find_if (const VyreJitEmit *e, guint32 at, const VyreJitInst *inst)
{
  VyreJitInst other = vyre_jit_inst (e->code, inst->x);
  If result = { .at = at, .end = inst->x, .condition = e->slots[inst->a] };

  result.from[0] = at + 1;
  result.to[0] = result.from[1] = result.to[1] = inst->x;
  if (other.op == VYRE_I_ELSE) {
    result.from[1] = inst->x + 1;
    result.to[1] = result.end = other.x;
  }
  for (guint i = 0; i < 2; i++) {
    vyre_jit_region (e->code, result.from[i], result.to[i], &result.half[i]);
    for (guint w = 0; w < G_N_ELEMENTS (result.assigned.w); w++)
      result.assigned.w[w] |= result.half[i].assigned.w[w];
  }
  result.kills = result.half[0].kills || result.half[1].kills;
  return result;
}

/* In the version without checks, a condition that the last invocation decides
 * for all is made an assumption if most of the program hangs on it. Returns the
 * half that executes, or -1. */
static gint
decide (VyreJitEmit *e, const If *branch)
{
  const VyreJitValue *c = &branch->condition;
  guint half;

  if (c->form == VYRE_JIT_CONST)
    return c->number != 0 ? 0 : 1;
  if (c->guard == 0)
    return -1;
  half = c->guard_false ? 1 : 0;
  if ((e->assumed & c->guard) == c->guard)
    return (gint) half;
  if (e->depth > 0)
    return -1;
  /* "if (i >= n) return" has its other half behind it. */
  if (branch->half[half].weight * 2 < e->total_weight &&
      !(half == 1 && branch->half[0].kills && branch->half[0].weight <= 4))
    return -1;
  e->assumed |= c->guard;
  return (gint) half;
}

static void
choose (VyreJitEmit *e, const VyreJitValue *condition, guint slot,
    const VyreJitValue *a, const VyreJitValue *b)
{
  gboolean truth = a->form == VYRE_JIT_BOOL && b->form == VYRE_JIT_BOOL;
  VyreJitValue value =
      vyre_jit_variable (e, truth ? VYRE_JIT_BOOL : VYRE_JIT_WORD,
          condition->shared && a->shared && b->shared);

  for (guint k = 0; k < (value.shared ? 1 : e->unroll); k++)
    vyre_jit_line (e, "const %s %s = %s ? %s : %s;", truth ? "bool" : "uint",
        vyre_jit_name (e, value.number, value.shared, k),
        vyre_jit_bool (e, condition, k),
        truth ? vyre_jit_bool (e, a, k) : vyre_jit_word (e, a, k),
        truth ? vyre_jit_bool (e, b, k) : vyre_jit_word (e, b, k));
  e->slots[slot] = value;
}

/* The mask behind halves that ended with those masks. */
static VyreJitMask
unite (VyreJitEmit *e, VyreJitMask outer, VyreJitMask a, VyreJitMask b)
{
  VyreJitMask result = { VYRE_JIT_SOME, 0 };

  if (a.kind == VYRE_JIT_NONE && b.kind == VYRE_JIT_NONE)
    return a;
  if (e->unroll == 1)
    return outer;
  if (a.kind == VYRE_JIT_NONE)
    return b;
  if (b.kind == VYRE_JIT_NONE)
    return a;
  result.number = e->next++;
  for (guint k = 0; k < e->unroll; k++)
    vyre_jit_line (e, "const bool m%u_%u = %s || %s;", result.number, k,
        vyre_jit_mask (e, a, k), vyre_jit_mask (e, b, k));
  return result;
}

/* Both halves, without a branch. */
static void
convert (VyreJitEmit *e, const If *branch)
{
  g_autofree VyreJitValue *before = g_memdup2 (e->slots, sizeof e->slots);
  g_autofree VyreJitValue *first = NULL;
  const VyreJitSet *live = &e->code->live[branch->end];
  gboolean narrow = branch->kills && e->unroll > 1;
  VyreJitMask outer = e->mask, ends[2];

  e->depth++;
  for (guint i = 0; i < 2; i++) {
    e->mask = outer;
    if (narrow || branch->half[i].effects)
      e->mask = vyre_jit_and (e, outer, &branch->condition, i == 1);
    vyre_jit_range (e, branch->from[i], branch->to[i]);
    ends[i] = e->mask;
    if (i == 0) {
      first = g_memdup2 (e->slots, sizeof e->slots);
      memcpy (e->slots, before, sizeof e->slots);
    }
  }
  e->depth--;

  for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++) {
    const VyreJitValue second = e->slots[slot];

    if (!vyre_jit_set_has (&branch->assigned, slot))
      continue;
    if (!vyre_jit_set_has (live, slot))
      e->slots[slot] = vyre_jit_constant (0);
    else if (ends[1].kind == VYRE_JIT_NONE)
      e->slots[slot] = first[slot];
    else if (ends[0].kind != VYRE_JIT_NONE &&
             !vyre_jit_same (&first[slot], &second))
      choose (e, &branch->condition, slot, &first[slot], &second);
  }
  e->mask = branch->kills ? unite (e, outer, ends[0], ends[1]) : outer;
}

/* A half inside of braces. inside: who executes it; chosen: whose values count,
 * if not of all. */
static VyreJitMask
braces (VyreJitEmit *e, const If *branch, guint i, VyreJitMask inside,
    VyreJitMask chosen, const GArray *joins, VyreJitMask left)
{
  VyreJitMask end;

  e->mask = inside;
  e->indent++;
  vyre_jit_range (e, branch->from[i], branch->to[i]);
  end = e->mask;
  for (guint n = 0; n < joins->len && end.kind != VYRE_JIT_NONE; n++) {
    const Join *join = &g_array_index (joins, Join, n);

    if (vyre_jit_set_has (&branch->half[i].assigned, join->slot))
      join_assign (e, join, branch->at, &e->slots[join->slot], chosen);
  }
  for (guint k = 0; k < e->unroll && left.kind == VYRE_JIT_SOME; k++) {
    const char *name = vyre_jit_mask (e, left, k);
    const char *now = vyre_jit_mask (e, end, k);

    if (chosen.kind == VYRE_JIT_SOME)
      vyre_jit_line (e, "%s = %s && (%s || !%s);", name, name, now,
          vyre_jit_mask (e, chosen, k));
    else
      vyre_jit_line (e, "%s = %s;", name, now);
  }
  e->indent--;
  e->n_quads = 0; /* declared in there */
  return end;
}

static void
branch (VyreJitEmit *e, const If *branch)
{
  g_autofree VyreJitValue *before = g_memdup2 (e->slots, sizeof e->slots);
  g_autoptr (GArray) joins = g_array_new (FALSE, FALSE, sizeof (Join));
  const VyreJitSet *live = &e->code->live[branch->end];
  const VyreJitValue *c = &branch->condition;
  VyreJitMask all = { VYRE_JIT_ALL }, outer = e->mask, left = all;
  VyreJitMask halves[2] = { all, all }, ends[2] = { all, all };
  gboolean one = e->unroll == 1 || c->shared;
  gboolean masked = e->unroll == 1 && outer.kind == VYRE_JIT_SOME;
  guint first = branch->from[0] < branch->to[0] ? 0 : 1;

  for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++)
    if (vyre_jit_set_has (&branch->assigned, slot) &&
        vyre_jit_set_has (live, slot))
      join_declare (e, joins, branch->at, slot, c->shared);
  if (branch->kills && e->unroll > 1)
    left = declare_mask (e);
  for (guint i = 0; i < 2; i++)
    if (!one && branch->from[i] < branch->to[i])
      halves[i] = vyre_jit_and (e, outer, c, i == 1);

  e->depth++;
  for (guint i = first; i < 2; i++) {
    g_autofree char *any = one ? NULL : any_of (e, halves[i]);
    VyreJitMask inside = one ? e->unroll == 1 ? all : outer : halves[i];

    if (branch->from[i] >= branch->to[i])
      continue;
    if (!one)
      vyre_jit_line (e, "if (%s) {", any);
    else if (i > first && !masked)
      vyre_jit_line (e, "else {");
    else
      vyre_jit_line (e, "if (%s%s%s%s) {",
          masked ? vyre_jit_mask (e, outer, 0) : "", masked ? " && " : "",
          i == 1 ? "!" : "", vyre_jit_bool (e, c, 0));
    ends[i] = braces (e, branch, i, inside, halves[i], joins, left);
    vyre_jit_line (e, "}");
    memcpy (e->slots, before, sizeof e->slots);
  }
  e->depth--;

  join_slots (e, joins, &branch->assigned);
  e->mask = left.kind == VYRE_JIT_SOME ? left : outer;
  if (ends[0].kind == VYRE_JIT_NONE && ends[1].kind == VYRE_JIT_NONE)
    e->mask.kind = VYRE_JIT_NONE;
}

/* Returns the place of the ENDIF. */
static guint32
emit_if (VyreJitEmit *e, guint32 at, const VyreJitInst *inst)
{
  If found = find_if (e, at, inst);
  guint weight = found.half[0].weight + found.half[1].weight;
  gint half = decide (e, &found);

  if (half >= 0)
    vyre_jit_range (e, found.from[half], found.to[half]);
  else if (found.half[0].loops || found.half[1].loops ||
           weight >
               (found.condition.shared ? SHARED_BRANCH_WEIGHT : BRANCH_WEIGHT))
    branch (e, &found);
  else
    convert (e, &found);
  return found.end;
}

/* --- loops --------------------------------------------------------------------- */

gint64
vyre_jit_passes (const VyreJitEmit *e, guint32 from, guint32 to)
{
  gint64 sum = 0;

  for (guint32 at = from; at < to; at++) {
    VyreJitInst inst = vyre_jit_inst (e->code, at);
    gint64 inner, trip;

    if (inst.op != VYRE_I_LOOP)
      continue;
    trip = e->found->trips[at];
    inner = trip == 0 ? 0 : vyre_jit_passes (e, at + 1, inst.x - 1);
    if (trip < 0 || inner < 0)
      return -1;
    /* The pass that finds the end counts too. Both factors are below 2^33. */
    if (trip > 0 && inner + 1 > G_MAXUINT32 / trip)
      return -1;
    sum += trip * (inner + 1) + 1;
    if (sum > G_MAXUINT32)
      return -1;
    at = inst.x - 1;
  }
  return sum;
}

typedef struct
{
  guint32 at, next; /* LOOP, NEXT */
  guint a, b; /* slots: counter and bound */
  VyreJitRegion region; /* with NEXT */
  gboolean uniform; /* as many passes for all K */
} Loop;

static void
note_trip (VyreJitEmit *e, const Loop *loop)
{
  const VyreJitValue *a = &e->slots[loop->a], *b = &e->slots[loop->b];
  VyreJitRegion body;
  gint64 trip = -1;

  /* The version without checks knows no more of them. */
  if (e->fast)
    return;
  vyre_jit_region (e->code, loop->at + 1, loop->next, &body);
  if (a->form == VYRE_JIT_CONST && b->form == VYRE_JIT_CONST &&
      !vyre_jit_set_has (&body.assigned, loop->a) &&
      !vyre_jit_set_has (&loop->region.assigned, loop->b))
    trip = a->number < b->number ? (gint64) b->number - a->number : 0;
  if (e->found->trips[loop->at] != trip) {
    e->found->trips[loop->at] = trip;
    e->again = TRUE;
  }
}

/* NEXT and what follows from it, unless nobody gets there. */
static void
close_loop (
    VyreJitEmit *e, const Loop *loop, const GArray *joins, VyreJitMask left)
{
  VyreJitMask all = { VYRE_JIT_ALL };
  guint32 first = g_array_index (joins, Join, 0).value.number;
  guint32 last = g_array_index (joins, Join, joins->len - 1).value.number;
  VyreJitInst add = {
    .op = VYRE_I_ADD, .imm = TRUE, .dst = loop->a, .a = loop->a, .x = 1
  };

  vyre_jit_operation (e, &add);
  /* All at once: what one variable gets may be the old value of another. */
  for (guint i = 0; i < joins->len; i++) {
    const Join *join = &g_array_index (joins, Join, i);
    VyreJitValue *value = &e->slots[join->slot], copy;

    if (value->form != VYRE_JIT_WORD || value->number < first ||
        value->number > last || value->number == join->value.number)
      continue;
    copy = vyre_jit_variable (e, VYRE_JIT_WORD, value->shared);
    for (guint k = 0; k < (copy.shared ? 1 : e->unroll); k++)
      vyre_jit_line (e, "const uint %s = %s;",
          vyre_jit_name (e, copy.number, copy.shared, k),
          vyre_jit_word (e, value, k));
    *value = copy;
  }
  for (guint i = 0; i < joins->len; i++) {
    const Join *join = &g_array_index (joins, Join, i);

    if (!vyre_jit_same (&e->slots[join->slot], &join->value))
      join_assign (e, join, loop->at, &e->slots[join->slot], all);
  }
  for (guint k = 0; k < e->unroll && left.kind == VYRE_JIT_SOME; k++)
    vyre_jit_line (e, "%s = %s;", vyre_jit_mask (e, left, k),
        vyre_jit_mask (e, e->mask, k));
}

/* The slots that a pass leaves to the next one, or to what is behind. */
static GArray *
loop_joins (VyreJitEmit *e, const Loop *loop)
{
  GArray *joins = g_array_new (FALSE, FALSE, sizeof (Join));
  const VyreJitSet *body = &e->code->live[loop->at + 1];
  const VyreJitSet *behind = &e->code->live[loop->next + 1];

  for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++)
    if (vyre_jit_set_has (&loop->region.assigned, slot) &&
        (slot == loop->a || slot == loop->b || vyre_jit_set_has (body, slot) ||
            vyre_jit_set_has (behind, slot)))
      join_declare (e, joins, loop->at, slot, loop->uniform);
  return joins;
}

/* The condition of a loop, an expression. */
static char *
while_of (const VyreJitEmit *e, const Loop *loop, VyreJitMask outer,
    VyreJitMask left, guint passes)
{
  const char *a = vyre_jit_word (e, &e->slots[loop->a], 0);
  const char *b = vyre_jit_word (e, &e->slots[loop->b], 0);
  GString *text = g_string_new (NULL);

  if (e->unroll == 1 && outer.kind == VYRE_JIT_SOME)
    g_string_append_printf (text, "%s && ", vyre_jit_mask (e, outer, 0));
  g_string_append_printf (text, "%s < %s", a, b);
  if (passes > 1)
    g_string_append_printf (text, " && %s - %s >= %uu", b, a, passes);
  if (left.kind == VYRE_JIT_SOME) {
    g_autofree char *any = any_of (e, left);

    g_string_append_printf (text, " && (%s)", any);
  }
  return g_string_free (text, FALSE);
}

/* The loop, that many passes at a time. */
static void
emit_while (VyreJitEmit *e, const Loop *loop, const GArray *joins,
    VyreJitMask outer, VyreJitMask left, guint passes)
{
  VyreJitMask all = { VYRE_JIT_ALL };
  VyreJitMask inside = e->unroll == 1               ? all
                       : left.kind == VYRE_JIT_SOME ? left
                                                    : outer;
  g_autofree char *condition = while_of (e, loop, outer, left, passes);

  vyre_jit_line (e, "while (%s) {", condition);
  e->depth++;
  e->indent++;
  vyre_jit_line (
      e, "steps_done += %uu;", passes * (loop->next - loop->at) * e->unroll);
  e->mask = inside;
  for (guint i = 0; i < passes; i++) {
    e->n_quads = 0; /* the pass before may have stored */
    vyre_jit_range (e, loop->at + 1, loop->next);
    if (e->unroll == 1 && e->mask.kind == VYRE_JIT_NONE)
      break; /* nobody gets to its end */
    close_loop (e, loop, joins, left);
    if (i + 1 == passes && !e->paid)
      vyre_jit_line (e, "if (!go_on (%uu)) { return; }", passes);
    join_slots (e, joins, &loop->region.assigned);
  }
  e->n_quads = 0;
  e->indent--;
  e->depth--;
  vyre_jit_line (e, "}");
}

static gboolean
makes_many_at_once (const VyreJitEmit *e, const Loop *loop)
{
  VyreJitRegion body;

  vyre_jit_region (e->code, loop->at + 1, loop->next, &body);
  return !e->paid && !body.loops && !body.kills &&
         body.weight * e->unroll <= AT_ONCE_WEIGHT &&
         !vyre_jit_set_has (&body.assigned, loop->a) &&
         !vyre_jit_set_has (&body.assigned, loop->b);
}

/* Returns the place of the NEXT. */
static guint32
emit_loop (VyreJitEmit *e, guint32 at, const VyreJitInst *inst)
{
  Loop loop = { .at = at, .next = inst->x - 1, .a = inst->a, .b = inst->b };
  VyreJitMask outer = e->mask, left = { VYRE_JIT_ALL };
  g_autoptr (GArray) joins = NULL;
  gboolean paid = e->paid;
  gint64 passes;

  vyre_jit_region (e->code, at + 1, inst->x, &loop.region);
  note_trip (e, &loop);
  if (e->found->trips[at] == 0)
    return loop.next;
  loop.uniform = e->slots[loop.a].shared && e->slots[loop.b].shared &&
                 !vyre_jit_set_has (&e->found->varying[at], loop.a) &&
                 !vyre_jit_set_has (&e->found->varying[at], loop.b);
  e->varying_loop |= !loop.uniform;

  passes = vyre_jit_passes (e, at, inst->x);
  if (!e->paid && passes > 0 && passes <= PAID_PASSES) {
    vyre_jit_line (
        e, "if (!go_on (%" G_GINT64_FORMAT "u)) { return; }", passes);
    e->paid = TRUE;
  }
  joins = loop_joins (e, &loop);
  join_slots (e, joins, &loop.region.assigned);
  if (loop.region.kills && e->unroll > 1)
    left = declare_mask (e);
  if (makes_many_at_once (e, &loop))
    emit_while (e, &loop, joins, outer, left, PASSES_AT_ONCE);
  emit_while (e, &loop, joins, outer, left, 1);
  e->paid = paid;
  join_slots (e, joins, &loop.region.assigned);
  e->mask = left.kind == VYRE_JIT_SOME ? left : outer;
  return loop.next;
}

/* --- ranges --------------------------------------------------------------------- */

static void
note_pressure (VyreJitEmit *e, guint32 at)
{
  guint n = 0;

  for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++)
    n += vyre_jit_set_has (&e->code->live[at + 1], slot) &&
         e->slots[slot].form != VYRE_JIT_CONST && !e->slots[slot].shared;
  e->pressure = MAX (e->pressure, n);
}

void
vyre_jit_range (VyreJitEmit *e, guint32 from, guint32 to)
{
  for (guint32 at = from; at < to && e->mask.kind != VYRE_JIT_NONE; at++) {
    VyreJitInst inst = vyre_jit_inst (e->code, at);
    VyreJitValue value;

    switch (inst.op) {
      case VYRE_I_END:
        return;
      case VYRE_I_IF:
        at = emit_if (e, at, &inst);
        break;
      case VYRE_I_LOOP:
        at = emit_loop (e, at, &inst);
        break;
      case VYRE_I_RETURN:
        vyre_jit_kill (e, NULL, VYRE_FAULT_NONE, NULL, 0);
        break;
      case VYRE_I_TRAP:
        value = e->slots[inst.a];
        vyre_jit_kill (e, NULL, VYRE_FAULT_TRAP, &value, inst.x);
        break;
      case VYRE_I_FAULT_IF:
        value = e->slots[inst.dst];
        vyre_jit_kill (e, &e->slots[inst.a], inst.b, &value, 0);
        break;
      case VYRE_I_LOAD:
      case VYRE_I_STORE:
      case VYRE_I_ATOMIC:
        vyre_jit_memory (e, &inst, at);
        break;
      default:
        vyre_jit_operation (e, &inst);
        break;
    }
    note_pressure (e, at);
  }
}
