/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What can be known about code before text is made of it: which slots an
 * instruction reads and writes, and whose values are needed where. */
#include "jit-private.h"

VyreJitInst
vyre_jit_inst (const VyreJitCode *code, guint32 at)
{
  guint32 first = code->lowered->code[2 * at];

  return (VyreJitInst){
    .op = first & 0x7f,
    .imm = (first & VYRE_I_IMM) != 0,
    .dst = first >> 8 & 0xff,
    .a = first >> 16 & 0xff,
    .b = first >> 24,
    .x = code->lowered->code[2 * at + 1],
  };
}

gboolean
vyre_jit_may_fault (const VyreJitInst *inst)
{
  return (inst->op == VYRE_I_DIVS || inst->op == VYRE_I_MODS) &&
         (!inst->imm || inst->x == 0 || inst->x == G_MAXUINT32);
}

guint
vyre_jit_effects (const VyreJitInst *inst, VyreJitSet *reads)
{
  *reads = (VyreJitSet){ 0 };
  switch (inst->op) {
    case VYRE_I_END:
    case VYRE_I_ELSE:
    case VYRE_I_ENDIF:
    case VYRE_I_RETURN:
    case VYRE_I_BARRIER:
      return VYRE_JIT_NO_SLOT;
    case VYRE_I_IF:
    case VYRE_I_TRAP:
      vyre_jit_set_add (reads, inst->a);
      return VYRE_JIT_NO_SLOT;
    case VYRE_I_LOOP:
      vyre_jit_set_add (reads, inst->a);
      vyre_jit_set_add (reads, inst->b);
      return VYRE_JIT_NO_SLOT;
    case VYRE_I_NEXT:
      vyre_jit_set_add (reads, inst->a);
      vyre_jit_set_add (reads, inst->b);
      return inst->a;
    case VYRE_I_FAULT_IF:
    case VYRE_I_STORE:
      vyre_jit_set_add (reads, inst->a);
      vyre_jit_set_add (reads, inst->dst);
      return VYRE_JIT_NO_SLOT;
    case VYRE_I_SPECIAL:
    case VYRE_I_BUFLEN:
    case VYRE_I_BYTELEN:
      return inst->dst;
    case VYRE_I_MOV:
      if (!inst->imm)
        vyre_jit_set_add (reads, inst->b);
      return inst->dst;
    case VYRE_I_SPILL_LOAD:
      vyre_jit_set_add (reads, VYRE_JIT_SPILL0 + inst->x);
      return inst->dst;
    case VYRE_I_SPILL_STORE:
      vyre_jit_set_add (reads, inst->dst);
      return VYRE_JIT_SPILL0 + inst->x;
    case VYRE_I_ATOMIC:
      vyre_jit_set_add (reads, inst->a);
      vyre_jit_set_add (reads, inst->b);
      if (VYRE_IA_OPERATION (inst->x) == VYRE_IA_COMPARE_EXCHANGE)
        vyre_jit_set_add (reads, VYRE_IA_EXPECTED (inst->x));
      return inst->dst;
    case VYRE_I_SELECT:
    case VYRE_I_FMA:
      vyre_jit_set_add (reads, inst->a);
      vyre_jit_set_add (reads, inst->b);
      vyre_jit_set_add (reads, inst->x & 255);
      return inst->dst;
    default:
      vyre_jit_set_add (reads, inst->a);
      if (((inst->op >= VYRE_I_ADD && inst->op <= VYRE_I_LOR) ||
              (inst->op >= VYRE_I_FADD && inst->op <= VYRE_I_FGE)) &&
          !inst->imm)
        vyre_jit_set_add (reads, inst->b);
      return inst->dst;
  }
}

/* --- which values are needed ------------------------------------------------- */

void
vyre_jit_set_unite (VyreJitSet *set, const VyreJitSet *other)
{
  for (guint i = 0; i < G_N_ELEMENTS (set->w); i++)
    set->w[i] |= other->w[i];
}

/* What is needed after an instruction, by all ways that lead on from it. */
static VyreJitSet
live_after (const VyreJitCode *code, guint32 at, const VyreJitInst *inst)
{
  VyreJitSet live = { 0 };
  VyreJitInst other;

  switch (inst->op) {
    case VYRE_I_END:
    case VYRE_I_RETURN:
    case VYRE_I_TRAP:
      return live;
    case VYRE_I_ELSE: /* reached from above: the end of the first half */
      return code->live[inst->x];
    case VYRE_I_IF:
      other = vyre_jit_inst (code, inst->x);
      live = code->live[inst->x + (other.op == VYRE_I_ELSE ? 1 : 0)];
      break;
    case VYRE_I_LOOP:
    case VYRE_I_NEXT:
      live = code->live[inst->x];
      break;
    default:
      break;
  }
  vyre_jit_set_unite (&live, &code->live[at + 1]);
  return live;
}

/* Backwards until nothing changes: as often as loops are nested, and once. */
static void
find_live (VyreJitCode *code)
{
  gboolean changed = TRUE;

  while (changed) {
    changed = FALSE;
    for (guint32 at = code->n; at-- > 0;) {
      VyreJitInst inst = vyre_jit_inst (code, at);
      VyreJitSet live = live_after (code, at, &inst), reads;
      guint written = vyre_jit_effects (&inst, &reads);

      if (written != VYRE_JIT_NO_SLOT)
        live.w[written / 64] &= ~((guint64) 1 << written % 64);
      vyre_jit_set_unite (&live, &reads);
      for (guint i = 0; i < G_N_ELEMENTS (live.w); i++)
        changed |= live.w[i] != code->live[at].w[i];
      code->live[at] = live;
    }
  }
}

void
vyre_jit_code_init (VyreJitCode *code, const VyreLowered *lowered)
{
  code->lowered = lowered;
  code->n = lowered->n_instructions;
  code->live = g_new0 (VyreJitSet, code->n + 1);
  code->loops = FALSE;
  for (guint32 i = 0; i < code->n; i++)
    code->loops |= vyre_jit_inst (code, i).op == VYRE_I_LOOP;
  find_live (code);
}

void
vyre_jit_code_clear (VyreJitCode *code)
{
  g_clear_pointer (&code->live, g_free);
}

/* --- what code uses ----------------------------------------------------------- */

static void
use_elements (VyreJitUses *uses, guint binding, guint stride)
{
  uses->bindings |= (guint64) 1 << binding;
  uses->strides[binding] |= 1 << stride;
}

void
vyre_jit_uses (
    const VyreJitCode *code, guint32 from, guint32 to, VyreJitUses *uses)
{
  *uses = (VyreJitUses){ 0 };
  for (guint32 at = from; at < to; at++) {
    VyreJitInst inst = vyre_jit_inst (code, at);

    switch (inst.op) {
      case VYRE_I_SPECIAL:
        uses->specials[inst.x] = TRUE;
        break;
      case VYRE_I_BUFLEN:
      case VYRE_I_BYTELEN:
        uses->bindings |= (guint64) 1 << inst.x;
        break;
      case VYRE_I_LOAD:
      case VYRE_I_STORE:
        use_elements (uses, VYRE_IM_BINDING (inst.x), VYRE_IM_STRIDE (inst.x));
        break;
      case VYRE_I_ATOMIC:
        use_elements (uses, VYRE_IA_BINDING (inst.x), 2);
        break;
      default:
        break;
    }
  }
}

/* --- ranges ----------------------------------------------------------------- */

static guint
weight_of (guint op)
{
  if (op >= VYRE_I_FSIN)
    return 60;
  switch (op) {
    case VYRE_I_FDIV:
    case VYRE_I_FSQRT:
    case VYRE_I_FRSQRT:
    case VYRE_I_FRCP:
    case VYRE_I_FMA:
      return 40;
    case VYRE_I_DIVU:
    case VYRE_I_MODU:
    case VYRE_I_DIVS:
    case VYRE_I_MODS:
      return 12;
    case VYRE_I_LOAD:
    case VYRE_I_STORE:
    case VYRE_I_ATOMIC:
      return 4;
    default:
      return op >= VYRE_I_FADD ? 4 : 1;
  }
}

void
vyre_jit_region (
    const VyreJitCode *code, guint32 from, guint32 to, VyreJitRegion *region)
{
  *region = (VyreJitRegion){ 0 };
  for (guint32 at = from; at < to; at++) {
    VyreJitInst inst = vyre_jit_inst (code, at);
    VyreJitSet reads;
    guint written = vyre_jit_effects (&inst, &reads);

    if (written != VYRE_JIT_NO_SLOT)
      vyre_jit_set_add (&region->assigned, written);
    region->weight += weight_of (inst.op);
    region->loops |= inst.op == VYRE_I_LOOP;
    region->barriers |= inst.op == VYRE_I_BARRIER;
    region->faults |= inst.op == VYRE_I_TRAP || inst.op == VYRE_I_FAULT_IF ||
                      vyre_jit_may_fault (&inst);
    vyre_jit_set_unite (&region->read, &reads);
    region->kills |= inst.op == VYRE_I_RETURN;
    region->effects |= inst.op == VYRE_I_STORE || inst.op == VYRE_I_ATOMIC;
  }
  region->kills |= region->faults;
  region->effects |= region->kills;
}

gboolean
vyre_jit_is_written (const VyreJitCode *code, guint binding)
{
  const VyreLowered *lowered = code->lowered;

  for (guint i = 0; i < lowered->program->n_buffers; i++) {
    const VyreLoweredBuffer *buffer = &lowered->buffers[i];

    if (buffer->binding == (gint) binding)
      return buffer->stored || buffer->atomic;
  }
  /* Workgroup memory of subgroup operations. */
  return TRUE;
}
