/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Bounds tests that the program makes and the engine makes again: where
 *
 *   if i < len (b) { … store b[i] … }
 *
 * does nothing else that anybody could notice, the test can go. Invocations
 * beyond the end then compute something for nothing, read zeros where they
 * read beyond buffers, and have their stores dropped. Nothing else may happen
 * in there: no store to another element or buffer, no atomic, nothing that
 * could fault or end an invocation, no loop whose turns depend on data, and no
 * value that is read afterwards.
 *
 * A test costs four instructions, which is half of a small program. It saves
 * those lane groups the rest that lie beyond the end as a whole. So it goes
 * where there are none to speak of, as this buffer's length made the grid, or
 * where the rest is no longer than the test.
 */
#include "lower-priv.h"

#define TEST_LENGTH 4 /* buflen, ltu, if, endif */
#define TOO_LONG 1024

typedef struct
{
  VyreLowering *lw;
  GArray *code;
  guint32 *definition; /* per register: the only one, or VYRE_NONE */
  guint32 *n_definitions;
  guint32 *n_reads;
  guint32 *n_inside; /* reads in the region that is looked at */
} Guards;

/* The instructions first to last - 1 are executed if index is below the length
 * of buffer. */
typedef struct
{
  guint32 first, last;
  guint32 index, buffer;
} Region;

static const VyreInst *
inst_at (const Guards *g, guint32 at)
{
  return &g_array_index (g->code, VyreInst, at);
}

/* The instruction that alone makes a register, or NULL. */
static const VyreInst *
maker_of (const Guards *g, guint32 vreg)
{
  return g->n_definitions[vreg] == 1 ? inst_at (g, g->definition[vreg]) : NULL;
}

static void
find_definitions (Guards *g)
{
  for (guint32 i = 0; i < g->code->len; i++) {
    const VyreInst *inst = inst_at (g, i);
    guint32 sources[3];
    guint n = vyre_inst_sources (inst, sources);

    for (guint k = 0; k < n; k++)
      g->n_reads[sources[k]]++;
    if (vyre_op_info (inst->op)->flags & VYRE_F_DST) {
      g->definition[inst->dst] = i;
      g->n_definitions[inst->dst]++;
    }
    if (inst->op == VYRE_I_NEXT)
      g->n_definitions[inst->a]++;
  }
}

/* --- which test ------------------------------------------------------------- */

static gboolean
is_length (const Guards *g, guint32 vreg, guint32 *buffer)
{
  const VyreInst *maker = maker_of (g, vreg);

  if (maker == NULL || maker->op != VYRE_I_BUFLEN)
    return FALSE;
  *buffer = maker->buffer;
  return TRUE;
}

/* index < len (buffer), or its opposite. */
static gboolean
is_test (const Guards *g, guint32 vreg, gboolean opposite, Region *region)
{
  const VyreInst *test = maker_of (g, vreg);
  guint op;

  if (test == NULL || test->imm)
    return FALSE;
  op = opposite ? vyre_op_inverse (test->op) : test->op;
  if (op == VYRE_I_LTU && is_length (g, test->b, &region->buffer))
    region->index = test->a;
  else if (op == VYRE_I_GTU && is_length (g, test->a, &region->buffer))
    region->index = test->b;
  else
    return FALSE;
  return g->n_definitions[region->index] == 1;
}

/* The elements that BufLen counts are those that stores of 2^log2_stride bytes
 * find in bounds. */
static gboolean
is_counted_so (const Guards *g, guint32 buffer, guint log2_stride)
{
  const VyreBuffer *decl = &g->lw->program->buffers[buffer];

  return decl->access != VYRE_ACCESS_WORKGROUP &&
         vyre_type_bits (decl->element) == 8u << log2_stride;
}

/* --- what may stand in the region --------------------------------------------- */

/* Turns of a loop from a number to a number, else 0. */
static guint32
turns_of (const Guards *g, const VyreInst *loop)
{
  /* The counter has one definition besides NEXT. */
  const VyreInst *from = inst_at (g, g->definition[loop->a]);
  const VyreInst *to = maker_of (g, loop->b);

  if (g->n_definitions[loop->a] != 2 || from->op != VYRE_I_MOV || !from->imm ||
      to == NULL || to->op != VYRE_I_MOV || !to->imm || from->x >= to->x)
    return 0;
  return to->x - from->x;
}

static gboolean
is_allowed (const Guards *g, const VyreInst *inst, const Region *region)
{
  switch (inst->op) {
    case VYRE_I_IF:
    case VYRE_I_ELSE:
    case VYRE_I_ENDIF:
    case VYRE_I_NEXT:
      return TRUE;
    case VYRE_I_LOOP:
      return turns_of (g, inst) != 0;
    case VYRE_I_STORE:
      return inst->buffer == region->buffer && inst->a == region->index &&
             is_counted_so (g, inst->buffer, VYRE_IM_STRIDE (inst->x));
    case VYRE_I_DIVS:
    case VYRE_I_MODS:
      return inst->imm && inst->x != 0 && inst->x != G_MAXUINT32;
    default:
      return (vyre_op_info (inst->op)->flags & VYRE_F_PURE) != 0;
  }
}

/* Nothing that is made in the region is read outside of it. */
static gboolean
is_closed (Guards *g, const Region *region)
{
  gboolean closed = TRUE;

  for (guint32 i = region->first; i < region->last; i++) {
    guint32 sources[3];
    guint n = vyre_inst_sources (inst_at (g, i), sources);

    for (guint k = 0; k < n; k++)
      g->n_inside[sources[k]]++;
  }
  for (guint32 i = region->first; i < region->last; i++) {
    const VyreInst *inst = inst_at (g, i);

    if (vyre_op_info (inst->op)->flags & VYRE_F_DST)
      closed &= g->n_inside[inst->dst] == g->n_reads[inst->dst];
  }
  for (guint32 i = region->first; i < region->last; i++) {
    guint32 sources[3];
    guint n = vyre_inst_sources (inst_at (g, i), sources);

    for (guint k = 0; k < n; k++)
      g->n_inside[sources[k]] = 0;
  }
  return closed;
}

/* --- whether it pays ----------------------------------------------------------- */

/* Instructions that are executed at most, up to TOO_LONG. */
static guint64
length_of (const Guards *g, const Region *region)
{
  guint64 length = 0, turns[VYRE_I_MAX_LEVELS + 1] = { 1 };
  guint loops = 0;

  for (guint32 i = region->first; i < region->last; i++) {
    const VyreInst *inst = inst_at (g, i);

    length += turns[loops];
    if (inst->op == VYRE_I_LOOP) {
      turns[loops + 1] = turns[loops] * turns_of (g, inst);
      loops++;
    } else if (inst->op == VYRE_I_NEXT) {
      loops--;
    }
    if (length > TOO_LONG || turns[loops] > TOO_LONG)
      return TOO_LONG;
  }
  return length;
}

/* The grid has as many invocations as the buffer has elements, up to whole
 * workgroups (section 5.1). */
static gboolean
makes_grid (const Guards *g, guint32 buffer)
{
  const VyreProgram *program = g->lw->program;
  const VyreBuffer *decl = &program->buffers[buffer];

  if (g->lw->scan.atomics || program->workgroup_size[1] != 1 ||
      program->workgroup_size[2] != 1)
    return FALSE;
  for (guint i = 0; i < program->n_buffers; i++) {
    const VyreBuffer *other = &program->buffers[i];

    if (other->access == VYRE_ACCESS_WORKGROUP)
      return FALSE;
    if (i == buffer || (vyre_buffer_role (other) != VYRE_ROLE_OUTPUT &&
                           other->access != VYRE_ACCESS_READ_WRITE))
      continue;
    if (other->count == 0 || other->count > decl->count)
      return FALSE;
  }
  return TRUE;
}

static gboolean
pays (const Guards *g, const Region *region)
{
  const VyreInst *index = maker_of (g, region->index);
  guint64 count = g->lw->program->buffers[region->buffer].count;
  guint64 length = length_of (g, region), lanes, size;

  if (length <= TEST_LENGTH)
    return TRUE;
  if (length >= TOO_LONG || index->op != VYRE_I_SPECIAL ||
      index->x != VYRE_SPECIAL_INVOCATION_ID || !makes_grid (g, region->buffer))
    return FALSE;
  /* Of a length that is known, all that the last workgroup does in vain. */
  size = g->lw->program->workgroup_size[0];
  lanes = (count + size - 1) / size * size;
  return count == 0 || (lanes - count) * length <= lanes * TEST_LENGTH;
}

static gboolean
is_needless (Guards *g, const Region *region)
{
  for (guint32 i = region->first; i < region->last; i++)
    if (!is_allowed (g, inst_at (g, i), region))
      return FALSE;
  return pays (g, region) && is_closed (g, region);
}

/* --- all of them --------------------------------------------------------------- */

static void
drop (Guards *g, guint32 at)
{
  g_array_index (g->code, VyreInst, at).op = VYRE_DROPPED;
}

/* An IF outside of everything, and its ENDIF. */
static void
look_at (Guards *g, guint32 at, guint32 end)
{
  const VyreInst *inst = inst_at (g, at);
  Region region = { at + 1, end, VYRE_NONE, VYRE_NONE };

  if (is_test (g, inst->a, FALSE, &region)) {
    if (!is_needless (g, &region))
      return;
    drop (g, at);
    drop (g, end);
    return;
  }
  /* if i >= len (b) { return; } and the rest of the program. */
  if (end != at + 2 || inst_at (g, at + 1)->op != VYRE_I_RETURN ||
      !is_test (g, inst->a, TRUE, &region))
    return;
  region.first = end + 1;
  region.last = g->code->len - 1;
  if (!is_needless (g, &region))
    return;
  drop (g, at);
  drop (g, at + 1);
  drop (g, end);
}

void
vyre_lowering_drop_guards (VyreLowering *lw, GArray *code)
{
  Guards g = { .lw = lw, .code = code };
  guint depth = 0;
  guint32 begin = 0;
  gboolean has_else = FALSE, ends = FALSE;

  g.definition = g_new (guint32, lw->vregs->len + 1);
  g.n_definitions = g_new0 (guint32, lw->vregs->len + 1);
  g.n_reads = g_new0 (guint32, lw->vregs->len + 1);
  g.n_inside = g_new0 (guint32, lw->vregs->len + 1);
  find_definitions (&g);

  for (guint32 i = 0; i < code->len; i++) {
    switch (inst_at (&g, i)->op) {
      case VYRE_I_IF:
      case VYRE_I_LOOP:
        if (depth++ == 0) {
          begin = i;
          has_else = FALSE;
        }
        break;
      case VYRE_I_ELSE:
        has_else |= depth == 1;
        break;
      case VYRE_I_NEXT:
        depth--;
        break;
      case VYRE_I_ENDIF:
        /* The rest of a program is looked at once. */
        if (--depth == 0 && !has_else &&
            !(ends && inst_at (&g, begin + 1)->op == VYRE_I_RETURN)) {
          ends |= inst_at (&g, begin + 1)->op == VYRE_I_RETURN;
          look_at (&g, begin, i);
        }
        break;
      default:
        break;
    }
  }
  vyre_code_compact (code);

  g_free (g.definition);
  g_free (g.n_definitions);
  g_free (g.n_reads);
  g_free (g.n_inside);
}
