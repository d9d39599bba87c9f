/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs with barriers, workgroup memory or subgroup operations. One call of
 * compiled_checked() runs a workgroup, on one subgroup of the device, which may
 * have fewer lanes than the workgroup has invocations: the code between two
 * barriers, a segment, becomes a function that runs for one lane group after
 * the other before the next segment begins. What is alive between segments is
 * in the save area, or is a constant.
 *
 * Conditions and loops that have a barrier inside stand around segments. They
 * are decided by a vote of the invocations that have not ended: all vote the
 * same, as is made sure of here, or the program is refused. No barrier of the
 * device is among what is executed by some lanes only. */
#include "compiled-group.glsl.h"
#include "compiled.glsl.h"
#include "jit-private.h"

#include <string.h>

#define MAX_ROUNDS 32
#define MAX_SEGMENTS 64
/* Row of the save area: has the invocation not ended? */
#define ROW_ALIVE 0

typedef struct
{
  VyreJitEmit *e; /* its text is that of the segment in hand */
  const guint32 *size;
  guint32 invocations;
  gboolean ends; /* invocations may end before the program does */

  GString *functions, *body;
  guint indent;
  guint n_segments;
  VyreJitSet kept; /* slots that are in the save area */
  /* Passes of the whole: fixed + by_turn * lane groups; -1: not known. times:
   * what the segment in hand counts for. */
  gint64 fixed, by_turn, times;
  char *refusal;
} Group;

/* What follows a segment. */
typedef struct
{
  VyreJitSet live; /* slots whose values are needed there */
  VyreJitSet forced; /* of these: in the save area, whatever they are */
  enum
  {
    VOTE_NONE,
    VOTE_TRUE, /* a is not 0 */
    VOTE_BELOW, /* a < b */
    VOTE_NEXT, /* the same after a went up by 1 */
  } vote;
  guint a, b;
  guint32 at; /* of the IF or LOOP, for messages */
  gboolean last; /* the end of the program */
} Tail;

static void G_GNUC_PRINTF (2, 3) line (Group *g, const char *format, ...)
{
  va_list args;

  g_string_append_printf (g->body, "%*s", (int) g->indent * 2, "");
  va_start (args, format);
  g_string_append_vprintf (g->body, format, args);
  va_end (args);
  g_string_append_c (g->body, '\n');
}

static void
refuse (Group *g, char *why)
{
  if (g->refusal != NULL)
    g_free (why);
  else
    g->refusal = why;
}

static guint
row_of (const Group *g, guint slot)
{
  return 1 + (slot < VYRE_JIT_SPILL0 ? slot
                                     : g->e->code->lowered->n_registers + slot -
                                           VYRE_JIT_SPILL0);
}

/* a + b * c, or -1. */
static gint64
add_passes (gint64 a, gint64 b, gint64 c)
{
  if (a < 0 || b < 0 || c < 0 || (b > 0 && c > G_MAXUINT32 / b) ||
      a + b * c > G_MAXUINT32)
    return -1;
  return a + b * c;
}

/* --- segments ------------------------------------------------------------------ */

static VyreJitValue
kept_value (gboolean shared)
{
  return (VyreJitValue){
    .form = VYRE_JIT_WORD, .number = G_MAXUINT32, .shared = shared
  };
}

static void
begin_segment (Group *g, guint32 from, guint32 to)
{
  VyreJitEmit *e = g->e;
  VyreJitUses uses;
  gboolean local = FALSE;

  g_string_truncate (e->text, 0);
  e->indent = 1;
  e->mask = (VyreJitMask){ VYRE_JIT_ALL, 0 };
  e->n_quads = 0;
  e->paid = FALSE;
  vyre_jit_uses (e->code, from, to, &uses);
  vyre_jit_line (e, "const uint i0 = compiled_turn * LANES + lane;");
  if (g->ends && g->n_segments > 0)
    vyre_jit_line (e, "if (compiled_saved (%uu) == 0u) { return; }", ROW_ALIVE);
  else
    vyre_jit_line (e, "if (i0 >= COMPILED_GROUP) { return; }");
  vyre_jit_declare_bindings (e->text, &uses);

  for (guint which = 0; which < VYRE_SPECIALS; which++)
    local |= uses.specials[which] && (which < VYRE_SPECIAL_WORKGROUP_ID ||
                                         which >= VYRE_SPECIAL_LOCAL_ID);
  if (local)
    vyre_jit_line (e,
        "const uvec3 l0 = uvec3 (i0 %% %uu, i0 / %uu %% %uu, i0 / %uu);",
        g->size[0], g->size[0], g->size[1], g->size[0] * g->size[1]);
  for (guint which = 0; which < VYRE_SPECIALS; which++) {
    gboolean group =
        which >= VYRE_SPECIAL_WORKGROUP_ID && which < VYRE_SPECIAL_LOCAL_ID;
    char axis = "xyz"[which % 3];
    const char *name;

    if (!uses.specials[which])
      continue;
    if (which >= VYRE_SPECIAL_LOCAL_ID && g->size[which % 3] == 1) {
      e->specials[which] = vyre_jit_constant (0);
      continue;
    }
    e->specials[which] = vyre_jit_variable (e, VYRE_JIT_WORD, group);
    name = vyre_jit_name (e, e->specials[which].number, group, 0);
    if (group)
      vyre_jit_line (e, "const uint %s = compiled_at.%c;", name, axis);
    else if (which >= VYRE_SPECIAL_LOCAL_ID)
      vyre_jit_line (e, "const uint %s = l0.%c;", name, axis);
    else
      vyre_jit_line (e, "const uint %s = compiled_at.%c * %uu + l0.%c;", name,
          axis, g->size[which], axis);
  }
}

/* What the segment, or the vote behind it, may want of the save area. */
static void
restore (Group *g, guint32 from, const VyreJitRegion *region, const Tail *tail)
{
  VyreJitEmit *e = g->e;
  VyreJitSet wanted = region->read;

  vyre_jit_set_unite (&wanted, &region->assigned);
  if (tail->vote != VOTE_NONE)
    vyre_jit_set_add (&wanted, tail->a);
  if (tail->vote >= VOTE_BELOW)
    vyre_jit_set_add (&wanted, tail->b);
  for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++) {
    VyreJitValue value;

    if (!vyre_jit_set_has (&g->kept, slot) ||
        !vyre_jit_set_has (&wanted, slot) ||
        !vyre_jit_set_has (&e->code->live[from], slot))
      continue;
    value = vyre_jit_variable (e, VYRE_JIT_WORD, e->slots[slot].shared);
    vyre_jit_line (e, "const uint %s = compiled_saved (%uu);",
        vyre_jit_name (e, value.number, value.shared, 0), row_of (g, slot));
    e->slots[slot] = value;
  }
}

static void
vote (Group *g, const Tail *tail)
{
  VyreJitEmit *e = g->e;
  const VyreJitInst add = {
    .op = VYRE_I_ADD, .imm = TRUE, .dst = tail->a, .a = tail->a, .x = 1
  };
  const VyreJitValue *a = &e->slots[tail->a], *b = &e->slots[tail->b];

  if (tail->vote == VOTE_NONE)
    return;
  if (tail->vote == VOTE_NEXT)
    vyre_jit_operation (e, &add);
  if (!a->shared || (tail->vote != VOTE_TRUE && !b->shared))
    refuse (
        g, g_strdup_printf ("the %s at instruction %u has a barrier inside and "
                            "may not be the same for all invocations of a "
                            "workgroup; such programs are not compiled",
               tail->vote == VOTE_TRUE ? "condition" : "loop", tail->at));
  if (tail->vote == VOTE_TRUE)
    vyre_jit_line (
        e, "compiled_vote = compiled_vote || %s;", vyre_jit_bool (e, a, 0));
  else
    vyre_jit_line (e, "compiled_vote = compiled_vote || %s < %s;",
        vyre_jit_word (e, a, 0), vyre_jit_word (e, b, 0));
}

/* Puts into the save area what is not there and must be. before: what slots
 * were when the segment began. */
static void
save (Group *g, const VyreJitValue *before, const Tail *tail)
{
  VyreJitEmit *e = g->e;
  gboolean reached = e->mask.kind != VYRE_JIT_NONE;

  for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++) {
    VyreJitValue *value = &e->slots[slot];
    gboolean kept = vyre_jit_set_has (&g->kept, slot) &&
                    vyre_jit_same (value, &before[slot]);

    g->kept.w[slot / 64] &= ~((guint64) 1 << slot % 64);
    if (!vyre_jit_set_has (&tail->live, slot)) {
      *value = vyre_jit_constant (0);
      continue;
    }
    if (value->form == VYRE_JIT_CONST &&
        !vyre_jit_set_has (&tail->forced, slot))
      continue;
    vyre_jit_set_add (&g->kept, slot);
    if (!kept && reached)
      vyre_jit_line (e, "compiled_save (%uu, %s);", row_of (g, slot),
          vyre_jit_word (e, value, 0));
    *value = kept_value (value->shared);
  }
}

/* The passes that the loop behind the segment makes each time, or -1. */
static void
find_trip (Group *g, const Tail *tail)
{
  VyreJitEmit *e = g->e;
  const VyreJitValue *a = &e->slots[tail->a], *b = &e->slots[tail->b];
  VyreJitInst loop = vyre_jit_inst (e->code, tail->at);
  gint64 *trip = &e->found->trips[tail->at];
  VyreJitRegion body;

  vyre_jit_region (e->code, tail->at + 1, loop.x - 1, &body);
  *trip = -1;
  if (a->form == VYRE_JIT_CONST && b->form == VYRE_JIT_CONST &&
      tail->a != tail->b && !vyre_jit_set_has (&body.assigned, tail->a) &&
      !vyre_jit_set_has (&body.assigned, tail->b))
    *trip = a->number < b->number ? (gint64) b->number - a->number : 0;
}

static gboolean
is_needed (const Group *g, guint32 from, guint32 to, const Tail *tail)
{
  if (tail->last && g->n_segments > 0 && from + 1 == to &&
      vyre_jit_inst (g->e->code, from).op == VYRE_I_END)
    return FALSE;
  if (from < to || tail->vote != VOTE_NONE || g->n_segments == 0)
    return TRUE;
  for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++)
    if (vyre_jit_set_has (&tail->forced, slot) &&
        vyre_jit_set_has (&tail->live, slot) &&
        !vyre_jit_set_has (&g->kept, slot))
      return TRUE;
  return FALSE;
}

/* Its turns, in what stands around segments. */
static void
call_segment (Group *g, guint32 instructions, const VyreJitRegion *region,
    const Tail *tail)
{
  guint number = g->n_segments;

  line (g, "if (!compiled_go_on (COMPILED_TURNS + 1u, %uu)) { return; }",
      instructions);
  if (tail->vote != VOTE_NONE)
    line (g, "compiled_vote = false;");
  if (region->loops)
    line (g, "compiled_begin_turns ();");
  line (g, "[[dont_unroll]]");
  line (g, "for (compiled_turn = 0u; compiled_turn < COMPILED_TURNS; "
           "compiled_turn++) {");
  g->indent++;
  if (g->ends && !tail->last && (number == 0 || region->kills)) {
    line (g, "compiled_reached = false;");
    line (g, "compiled_segment_%u ();", number);
    line (g, "compiled_save (%uu, uint (compiled_reached));", ROW_ALIVE);
  } else {
    line (g, "compiled_segment_%u ();", number);
  }
  /* The first lane group with a fault is the one whose fault counts. */
  if (region->faults)
    line (g, "if (subgroupAny (fault_code != 0u)) { return; }");
  if (region->loops)
    line (g, "compiled_end_turn ();");
  g->indent--;
  line (g, "}");
  if (region->loops)
    line (g, "steps_done = compiled_steps_most;");
}

static void
segment (Group *g, guint32 from, guint32 to, const Tail *tail)
{
  VyreJitEmit *e = g->e;
  g_autofree VyreJitValue *before = NULL;
  VyreJitRegion region;
  gint64 passes;

  if (!is_needed (g, from, to, tail))
    return;
  if (g->n_segments == MAX_SEGMENTS) {
    refuse (g, g_strdup_printf ("the program has more than %u stretches of "
                                "code between barriers; it is not compiled",
                   MAX_SEGMENTS));
    return;
  }
  vyre_jit_region (e->code, from, to, &region);
  begin_segment (g, from, to);
  restore (g, from, &region, tail);
  before = g_memdup2 (e->slots, sizeof e->slots);
  vyre_jit_range (e, from, to);
  if (tail->vote == VOTE_BELOW)
    find_trip (g, tail);
  if (e->mask.kind != VYRE_JIT_NONE)
    vote (g, tail);
  save (g, before, tail);
  if (e->mask.kind != VYRE_JIT_NONE && g->ends && !tail->last)
    vyre_jit_line (e, "compiled_reached = true;");

  passes = vyre_jit_passes (e, from, to);
  g->fixed = add_passes (g->fixed, g->times, 1);
  g->by_turn = add_passes (g->by_turn, g->times, add_passes (passes, 1, 1));
  g_string_append_printf (
      g->functions, "void\ncompiled_segment_%u ()\n{\n", g->n_segments);
  g_string_append_len (g->functions, e->text->str, e->text->len);
  g_string_append (g->functions, "}\n");
  call_segment (g, to - from, &region, tail);
  g->n_segments++;
}

/* --- conditions and loops around segments -------------------------------------- */

static void walk (Group *g, guint32 from, guint32 to, const Tail *tail);

static void
intersect (VyreJitSet *set, const VyreJitSet *other)
{
  for (guint i = 0; i < G_N_ELEMENTS (set->w); i++)
    set->w[i] &= other->w[i];
}

/* Which of the slots that meet at that instruction differ between
 * invocations? */
static void
note_varying (Group *g, guint32 at, const VyreJitSet *meeting)
{
  VyreJitEmit *e = g->e;

  for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++) {
    if (!vyre_jit_set_has (meeting, slot) || e->slots[slot].shared ||
        vyre_jit_set_has (&e->found->varying[at], slot))
      continue;
    vyre_jit_set_add (&e->found->varying[at], slot);
    e->again = TRUE;
  }
}

static void
meet (Group *g, guint32 at, const VyreJitSet *meeting)
{
  VyreJitEmit *e = g->e;

  for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++)
    if (vyre_jit_set_has (meeting, slot)) {
      e->slots[slot] =
          kept_value (!vyre_jit_set_has (&e->found->varying[at], slot));
      vyre_jit_set_add (&g->kept, slot);
    }
}

/* A condition with a barrier in one of its halves; start: of the segment
 * before. Returns the place of the ENDIF. */
static guint32
group_if (Group *g, guint32 start, guint32 at, const VyreJitInst *inst)
{
  VyreJitEmit *e = g->e;
  VyreJitInst other = vyre_jit_inst (e->code, inst->x);
  gboolean has_else = other.op == VYRE_I_ELSE;
  guint32 end = has_else ? other.x : inst->x;
  guint32 second = has_else ? inst->x + 1 : end;
  Tail before = { .vote = VOTE_TRUE, .a = inst->a, .at = at };
  Tail after = { .live = e->code->live[end] };
  g_autofree VyreJitValue *slots = NULL;
  VyreJitRegion region;
  VyreJitSet kept;

  vyre_jit_region (e->code, at, end, &region);
  after.forced = region.assigned;
  intersect (&after.forced, &after.live);
  before.live = e->code->live[at + 1];
  vyre_jit_set_unite (&before.live, &e->code->live[second]);
  before.forced = after.forced;
  intersect (&before.forced, &before.live);
  segment (g, start, at, &before);
  note_varying (g, at, &before.forced);
  slots = g_memdup2 (e->slots, sizeof e->slots);
  kept = g->kept;

  line (g, "if (subgroupAny (compiled_vote)) {");
  g->indent++;
  walk (g, at + 1, inst->x, &after);
  note_varying (g, at, &after.forced);
  g->indent--;
  line (g, "}");
  memcpy (e->slots, slots, sizeof e->slots);
  g->kept = kept;
  if (has_else) {
    line (g, "else {");
    g->indent++;
    walk (g, second, end, &after);
    note_varying (g, at, &after.forced);
    g->indent--;
    line (g, "}");
    memcpy (e->slots, slots, sizeof e->slots);
    g->kept = kept;
  }
  meet (g, at, &after.forced);
  return end;
}

/* A loop with a barrier inside. Returns the place of the NEXT. */
static guint32
group_loop (Group *g, guint32 start, guint32 at, const VyreJitInst *inst)
{
  VyreJitEmit *e = g->e;
  guint32 next = inst->x - 1;
  Tail before = { .vote = VOTE_BELOW, .a = inst->a, .b = inst->b, .at = at };
  Tail after = before;
  gint64 times = g->times, trip;
  VyreJitRegion region;

  vyre_jit_region (e->code, at + 1, next + 1, &region);
  after.vote = VOTE_NEXT;
  after.live = e->code->live[at + 1];
  vyre_jit_set_unite (&after.live, &e->code->live[next + 1]);
  vyre_jit_set_add (&after.live, inst->a);
  vyre_jit_set_add (&after.live, inst->b);
  after.forced = region.assigned;
  intersect (&after.forced, &after.live);
  before.live = after.live;
  before.forced = after.forced;
  segment (g, start, at, &before);
  note_varying (g, at, &after.forced);
  meet (g, at, &after.forced);

  trip = e->found->trips[at];
  g->fixed = add_passes (g->fixed, times, add_passes (trip, 1, 1));
  g->times = add_passes (0, times, trip);
  line (g, "[[dont_unroll]]");
  line (g, "while (subgroupAny (compiled_vote)) {");
  g->indent++;
  walk (g, at + 1, next, &after);
  note_varying (g, at, &after.forced);
  g->indent--;
  line (g, "}");
  g->times = times;
  meet (g, at, &after.forced);
  return next;
}

static void
walk (Group *g, guint32 from, guint32 to, const Tail *tail)
{
  const VyreJitCode *code = g->e->code;
  guint32 start = from;

  for (guint32 at = from; at < to && g->refusal == NULL; at++) {
    VyreJitInst inst = vyre_jit_inst (code, at);
    VyreJitRegion region;
    Tail barrier = { 0 };
    guint32 end;

    if (inst.op == VYRE_I_BARRIER) {
      barrier.live = code->live[at + 1];
      segment (g, start, at, &barrier);
      line (g, "compiled_barrier ();");
      start = at + 1;
    } else if (inst.op == VYRE_I_IF || inst.op == VYRE_I_LOOP) {
      end = inst.x;
      if (inst.op == VYRE_I_LOOP)
        end = inst.x - 1;
      else if (vyre_jit_inst (code, end).op == VYRE_I_ELSE)
        end = vyre_jit_inst (code, end).x;
      vyre_jit_region (code, at, end, &region);
      if (region.barriers) {
        if (inst.op == VYRE_I_IF)
          group_if (g, start, at, &inst);
        else
          group_loop (g, start, at, &inst);
        start = end + 1;
      }
      at = end;
    }
  }
  if (g->refusal == NULL)
    segment (g, start, to, tail);
}

/* --- the text --------------------------------------------------------------------- */

static void
group_clear (Group *g)
{
  if (g->e->text != NULL)
    g_string_free (g->e->text, TRUE);
  if (g->functions != NULL)
    g_string_free (g->functions, TRUE);
  if (g->body != NULL)
    g_string_free (g->body, TRUE);
  g_free (g->refusal);
}

static void
run (Group *g, VyreJitEmit *e, const VyreJitCode *code, VyreJitFindings *found)
{
  const VyreLowered *lowered = code->lowered;
  const Tail end = { .last = TRUE };
  VyreJitRegion all;

  vyre_jit_region (code, 0, code->n, &all);
  for (guint round = 0;; round++) {
    if (round > 0)
      group_clear (g);
    *e = (VyreJitEmit){
      .code = code,
      .found = found,
      .unroll = 1,
      .group = TRUE,
      .text = g_string_new (NULL),
      .next = 1,
      .total_weight = all.weight,
    };
    *g = (Group){
      .e = e,
      .size = lowered->program->workgroup_size,
      .ends = all.kills,
      .functions = g_string_new (NULL),
      .body = g_string_new (NULL),
      .indent = 1,
      .times = 1,
    };
    g->invocations = g->size[0] * g->size[1] * g->size[2];
    for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++)
      e->slots[slot] = vyre_jit_constant (0);
    for (guint which = 0; which < VYRE_SPECIALS; which++)
      e->specials[which] = vyre_jit_constant (0);
    if (round == MAX_ROUNDS)
      memset (found->varying, 0xff, code->n * sizeof (VyreJitSet));
    walk (g, 0, code->n, &end);
    if (!e->again || round > MAX_ROUNDS)
      return;
  }
}

static char *
assemble (const Group *g, gint64 fixed)
{
  const VyreLowered *lowered = g->e->code->lowered;
  GString *text = g_string_new (vyre_compiled_text);
  VyreJitUses uses;

  g_string_append_printf (text,
      "const uint COMPILED_UNROLL = 1u;\n"
      "const uint COMPILED_TEAM = 1u;\n"
      "const uint COMPILED_PASSES_INSIDE = 0u;\n"
      "const uint COMPILED_STEPS = 0xffffffffu;\n"
      "const bool COMPILED_LOOPS = true;\n"
      "const bool COMPILED_FAULTS = true;\n"
      "const uint COMPILED_GROUP = %uu;\n"
      "const uint COMPILED_SHARED = %uu;\n"
      "const uint COMPILED_ROWS = %uu;\n",
      g->invocations, lowered->shared_words,
      1 + lowered->n_registers + lowered->n_spills);
  g_string_append (text, vyre_compiled_group_text);
  if (fixed < 0)
    g_string_append (text, "const uint COMPILED_PASSES = 0xffffffffu;\n");
  else
    g_string_append_printf (text,
        "const uint COMPILED_PASSES = %uu + %uu * COMPILED_TURNS +\n"
        "    (COMPILED_SHARED + LANES - 1u) / LANES;\n",
        (guint32) fixed, (guint32) g->by_turn);
  vyre_jit_uses (g->e->code, 0, g->e->code->n, &uses);
  vyre_jit_bind (text, &uses);
  g_string_append_len (text, g->functions->str, g->functions->len);
  g_string_append (text, "uint\n"
                         "compiled_fitting (uint first, uint step)\n"
                         "{\n"
                         "  return 0u;\n"
                         "}\n"
                         "void\n"
                         "compiled_inside (uint first)\n"
                         "{\n"
                         "}\n"
                         "void\n"
                         "compiled_checked (uint first)\n"
                         "{\n"
                         "  compiled_at = compiled_workgroup (tile_first + "
                         "first / COMPILED_GROUP);\n"
                         "  if (!compiled_go_on ((COMPILED_SHARED + LANES - "
                         "1u) / LANES + 1u, 0u)) { return; }\n"
                         "  compiled_clear ();\n");
  g_string_append_len (text, g->body->str, g->body->len);
  g_string_append (text, "}\n");
  return g_string_free (text, FALSE);
}

/* Of one workgroup, on a device with that many lanes. */
static gint64
count_passes (const Group *g, gint64 fixed, guint32 lanes)
{
  guint32 shared = g->e->code->lowered->shared_words;

  return add_passes (
      add_passes (fixed, 1, ((gint64) shared + lanes - 1) / lanes), g->by_turn,
      ((gint64) g->invocations + lanes - 1) / lanes);
}

VyreJitSource *
vyre_jit_generate_group (const VyreJitCode *code, VyreJitFindings *found,
    const VyreJitOptions *options, GError **error)
{
  g_autofree VyreJitEmit *e = g_new0 (VyreJitEmit, 1);
  VyreJitSource *source = NULL;
  Group g = { .e = e };
  gint64 fixed, passes;

  run (&g, e, code, found);
  if (g.refusal != NULL) {
    g_set_error_literal (
        error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED, g.refusal);
    goto done;
  }
  /* And the pass that finds workgroup memory cleared. */
  fixed = g.by_turn < 0 ? -1 : add_passes (g.fixed, 1, 1);
  passes = count_passes (&g, fixed, MAX (options->lanes, 1));
  /* Whatever the lanes: the text adds up what one lane would make. */
  if (count_passes (&g, fixed, 1) < 0)
    fixed = -1;
  if (!vyre_jit_check_passes (passes, options, error))
    goto done;
  source = g_new0 (VyreJitSource, 1);
  source->text = assemble (&g, fixed);
  source->unroll = 1;
  source->team = 1;
  source->passes = passes < 0 ? G_MAXUINT32 : (guint32) passes;

done:
  group_clear (&g);
  return source;
}
