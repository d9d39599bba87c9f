/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <math.h>
#include <string.h>

#include "eval.h"
#include "lower/isa.h"
#include "ring/words.h"

typedef struct
{
  guint8 *data;
  guint64 length;
  guint32 count;
} Binding;

typedef struct
{
  const VyreLowered *l;
  EvalResult *result;
  Binding bindings[VYRE_MAX_BINDINGS];
  guint n_lanes;
  guint32 *regs; /* lane-major */
  guint32 *spills;
  gboolean *alive, *on;
  gboolean *entered[VYRE_I_MAX_LEVELS], *taken[VYRE_I_MAX_LEVELS];
  guint32 group[3];
  guint8 *shared;
  guint64 left; /* instructions; 0: no limit */
} Eval;

static float
as_float (guint32 bits)
{
  float f;

  memcpy (&f, &bits, 4);
  return f;
}

static guint32
canon (guint32 bits)
{
  if ((bits & 0x7fffffff) > 0x7f800000)
    return 0x7fc00000;
  return (bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits;
}

static guint32
as_bits (float f)
{
  guint32 bits;

  memcpy (&bits, &f, 4);
  return canon (bits);
}

static guint32
reverse (guint32 v)
{
  guint32 r = 0;

  for (guint i = 0; i < 32; i++)
    r = r << 1 | (v >> i & 1);
  return r;
}

static guint32
binary (guint op, guint32 a, guint32 b, gboolean *fault)
{
  gint64 sa = (gint32) a, sb = (gint32) b;
  guint64 wide = (guint64) a * b;
  float fa = as_float (a), fb = as_float (b);

  switch (op) {
    case VYRE_I_ADD:
      return a + b;
    case VYRE_I_SUB:
      return a - b;
    case VYRE_I_MUL:
      return (guint32) wide;
    case VYRE_I_DIVU:
      return b ? a / b : 0xffffffff;
    case VYRE_I_MODU:
      return b ? a % b : 0;
    case VYRE_I_DIVS:
    case VYRE_I_MODS:
      *fault = sb == 0 || (sa == G_MININT32 && sb == -1);
      return *fault ? 0 : (guint32) (op == VYRE_I_DIVS ? sa / sb : sa % sb);
    case VYRE_I_AND:
      return a & b;
    case VYRE_I_OR:
      return a | b;
    case VYRE_I_XOR:
      return a ^ b;
    case VYRE_I_SHL:
      return a << (b & 31);
    case VYRE_I_SHR:
      return a >> (b & 31);
    case VYRE_I_SAR:
      return (guint32) ((gint32) a >> (b & 31));
    case VYRE_I_ROTL:
      return (guint32) (((guint64) a << 32 | a) >> (32 - (b & 31)));
    case VYRE_I_ROTR:
      return (guint32) (((guint64) a << 32 | a) >> (b & 31));
    case VYRE_I_EQ:
      return a == b;
    case VYRE_I_NE:
      return a != b;
    case VYRE_I_LTU:
      return a < b;
    case VYRE_I_LEU:
      return a <= b;
    case VYRE_I_LTS:
      return sa < sb;
    case VYRE_I_LES:
      return sa <= sb;
    case VYRE_I_GTU:
      return a > b;
    case VYRE_I_GEU:
      return a >= b;
    case VYRE_I_GTS:
      return sa > sb;
    case VYRE_I_GES:
      return sa >= sb;
    case VYRE_I_MINU:
      return MIN (a, b);
    case VYRE_I_MAXU:
      return MAX (a, b);
    case VYRE_I_MINS:
      return (guint32) MIN (sa, sb);
    case VYRE_I_MAXS:
      return (guint32) MAX (sa, sb);
    case VYRE_I_ABSDIFFU:
      return a > b ? a - b : b - a;
    case VYRE_I_ABSDIFFS:
      return (guint32) (sa > sb ? sa - sb : sb - sa);
    case VYRE_I_ADDSATU:
      return (guint32) MIN ((guint64) a + b, G_MAXUINT32);
    case VYRE_I_SUBSATU:
      return a > b ? a - b : 0;
    case VYRE_I_MULSATU:
      return (guint32) MIN (wide, G_MAXUINT32);
    case VYRE_I_MULHIU:
      return (guint32) (wide >> 32);
    case VYRE_I_LAND:
      return a && b;
    case VYRE_I_LOR:
      return a || b;
    case VYRE_I_FADD:
      return as_bits (fa + fb);
    case VYRE_I_FSUB:
      return as_bits (fa - fb);
    case VYRE_I_FMUL:
      return as_bits (fa * fb);
    case VYRE_I_FDIV:
      return as_bits (fa / fb);
    case VYRE_I_FMIN:
      return isnan (fa) ? b : isnan (fb) ? a : fb < fa ? b : a;
    case VYRE_I_FMAX:
      return isnan (fa) ? b : isnan (fb) ? a : fb > fa ? b : a;
    case VYRE_I_FEQ:
      return fa == fb;
    case VYRE_I_FNE:
      return fa != fb;
    case VYRE_I_FLT:
      return fa < fb;
    case VYRE_I_FLE:
      return fa <= fb;
    case VYRE_I_FGT:
      return fa > fb;
    case VYRE_I_FGE:
      return fa >= fb;
    default:
      g_error ("no binary opcode: %u", op);
  }
}

static guint32
unary (guint op, guint32 a)
{
  float f = as_float (a);

  switch (op) {
    case VYRE_I_NOT:
      return ~a;
    case VYRE_I_POPCOUNT:
      return (guint32) __builtin_popcount (a);
    case VYRE_I_CLZ:
      return a ? (guint32) __builtin_clz (a) : 32;
    case VYRE_I_CTZ:
      return a ? (guint32) __builtin_ctz (a) : 32;
    case VYRE_I_REVERSE:
      return reverse (a);
    case VYRE_I_FCANON:
      return canon (a);
    case VYRE_I_FNEG:
      return canon (a ^ 0x80000000);
    case VYRE_I_FABS:
      return canon (a & 0x7fffffff);
    case VYRE_I_FSQRT:
      return as_bits (sqrtf (f));
    case VYRE_I_FRSQRT:
      return as_bits (1.0f / sqrtf (f));
    case VYRE_I_FRCP:
      return as_bits (1.0f / f);
    case VYRE_I_FFLOOR:
      return as_bits (floorf (f));
    case VYRE_I_FCEIL:
      return as_bits (ceilf (f));
    case VYRE_I_FTRUNC:
      return as_bits (truncf (f));
    case VYRE_I_FROUND:
      return as_bits (roundf (f));
    case VYRE_I_FSIGN:
      return isnan (f) ? a : as_bits ((f > 0) - (f < 0));
    case VYRE_I_FISNAN:
      return isnan (f) != 0;
    case VYRE_I_FISINF:
      return isinf (f) != 0;
    case VYRE_I_FISFINITE:
      return isfinite (f) != 0;
    case VYRE_I_FTRUTH:
      return f != 0;
    case VYRE_I_F2U:
      return !(f > 0) ? 0 : f >= 4294967296.0f ? G_MAXUINT32 : (guint32) f;
    case VYRE_I_F2S:
      return isnan (f)            ? 0
             : f >= 2147483648.0f ? G_MAXINT32
             : f < -2147483648.0f ? 0x80000000
                                  : (guint32) (gint32) f;
    case VYRE_I_U2F:
      return as_bits ((float) a);
    case VYRE_I_S2F:
      return as_bits ((float) (gint32) a);
    case VYRE_I_FSIN:
      return as_bits (sinf (f));
    case VYRE_I_FCOS:
      return as_bits (cosf (f));
    case VYRE_I_FTAN:
      return as_bits (tanf (f));
    case VYRE_I_FASIN:
      return as_bits (asinf (f));
    case VYRE_I_FACOS:
      return as_bits (acosf (f));
    case VYRE_I_FATAN:
      return as_bits (atanf (f));
    case VYRE_I_FSINH:
      return as_bits (sinhf (f));
    case VYRE_I_FCOSH:
      return as_bits (coshf (f));
    case VYRE_I_FTANH:
      return as_bits (tanhf (f));
    case VYRE_I_FEXP:
      return as_bits (expf (f));
    case VYRE_I_FEXP2:
      return as_bits (exp2f (f));
    case VYRE_I_FLOG:
      return as_bits (logf (f));
    case VYRE_I_FLOG2:
      return as_bits (log2f (f));
    default:
      g_error ("no unary opcode: %u", op);
  }
}

static guint32
special (const Eval *e, guint lane, guint32 which)
{
  const guint32 *size = e->l->program->workgroup_size;
  guint32 local[3] = { lane % size[0], lane / size[0] % size[1],
    lane / size[0] / size[1] };
  guint axis = which % 3;

  return which < 3   ? e->group[axis] * size[axis] + local[axis]
         : which < 6 ? e->group[axis]
                     : local[axis];
}

static guint32
atomic (
    Binding *binding, guint32 x, guint32 index, guint32 value, guint32 expected)
{
  guint32 old, new;

  if (index >= binding->length / 4)
    return 0;
  memcpy (&old, binding->data + 4 * (gsize) index, 4);
  switch (VYRE_IA_OPERATION (x)) {
    case VYRE_IA_ADD:
      new = old + value;
      break;
    case VYRE_IA_OR:
      new = old | value;
      break;
    case VYRE_IA_AND:
      new = old &value;
      break;
    case VYRE_IA_XOR:
      new = old ^ value;
      break;
    case VYRE_IA_MIN:
      new = MIN (old, value);
      break;
    case VYRE_IA_MAX:
      new = MAX (old, value);
      break;
    case VYRE_IA_EXCHANGE:
      new = value;
      break;
    case VYRE_IA_COMPARE_EXCHANGE:
      new = old == expected ? value : old;
      break;
    default:
      g_error ("no atomic operation: 0x%x", x);
  }
  memcpy (binding->data + 4 * (gsize) index, &new, 4);
  return old;
}

/* The bytes of an access, or NULL when it is out of bounds. */
static guint8 *
place (Binding *binding, guint32 x, guint32 index)
{
  g_assert_cmpuint (VYRE_IM_OFFSET (x) + (1u << VYRE_IM_WIDTH (x)), <=,
      1u << VYRE_IM_STRIDE (x));
  if (index >= binding->length >> VYRE_IM_STRIDE (x))
    return NULL;
  return binding->data + ((gsize) index << VYRE_IM_STRIDE (x)) +
         VYRE_IM_OFFSET (x);
}

static void
fault (
    Eval *e, guint lane, guint32 at, guint code, guint32 address, guint32 tag)
{
  if (e->result->fault.code == 0)
    e->result->fault = (EvalFault){ code, address, tag, at };
  e->alive[lane] = e->on[lane] = FALSE;
}

/* One instruction of one executing lane. */
static void
lane_step (Eval *e, guint lane, guint32 at, guint32 first, guint32 x)
{
  guint op = first & 0x7f, d = first >> 8 & 0xff, a = first >> 16 & 0xff;
  guint b = first >> 24;
  guint32 *r = e->regs + (gsize) lane * VYRE_I_MAX_REGISTERS;
  guint32 *spills = e->spills + (gsize) lane * (e->l->n_spills + 1);
  guint32 value = first & VYRE_I_IMM ? x : r[b & 63];
  gboolean bad = FALSE;
  guint8 *bytes;

  g_assert_cmpuint (MAX (d, MAX (a, b)), <, 64);
  switch (op) {
    case VYRE_I_RETURN:
      e->alive[lane] = e->on[lane] = FALSE;
      break;
    case VYRE_I_TRAP:
      fault (e, lane, at, VYRE_FAULT_TRAP, r[a], x);
      break;
    case VYRE_I_FAULT_IF:
      if (r[a])
        fault (e, lane, at, b, r[d], 0);
      break;
    case VYRE_I_MOV:
      r[d] = value;
      break;
    case VYRE_I_SELECT:
      r[d] = r[a] ? r[b] : r[x & 63];
      break;
    case VYRE_I_FMA:
      r[d] = as_bits (
          fmaf (as_float (r[a]), as_float (r[b]), as_float (r[x & 63])));
      break;
    case VYRE_I_SPECIAL:
      r[d] = special (e, lane, x);
      break;
    case VYRE_I_BUFLEN:
      r[d] = e->bindings[x].count;
      break;
    case VYRE_I_BYTELEN:
      r[d] = (guint32) e->bindings[x].length;
      break;
    case VYRE_I_LOAD:
      bytes = place (&e->bindings[VYRE_IM_BINDING (x)], x, r[a]);
      value = 0;
      if (bytes != NULL)
        memcpy (&value, bytes, 1u << VYRE_IM_WIDTH (x));
      r[d] = value;
      break;
    case VYRE_I_STORE:
      bytes = place (&e->bindings[VYRE_IM_BINDING (x)], x, r[a]);
      if (bytes != NULL)
        memcpy (bytes, &r[d], 1u << VYRE_IM_WIDTH (x));
      break;
    case VYRE_I_SPILL_LOAD:
      g_assert_cmpuint (x, <, e->l->n_spills);
      r[d] = spills[x];
      break;
    case VYRE_I_SPILL_STORE:
      g_assert_cmpuint (x, <, e->l->n_spills);
      spills[x] = r[d];
      break;
    case VYRE_I_ATOMIC:
      r[d] = atomic (&e->bindings[VYRE_IA_BINDING (x)], x, r[a], r[b],
          r[VYRE_IA_EXPECTED (x) & 63]);
      break;
    default:
      if ((op >= VYRE_I_ADD && op <= VYRE_I_LOR) ||
          (op >= VYRE_I_FADD && op <= VYRE_I_FGE)) {
        value = binary (op, r[a], value, &bad);
        if (bad)
          fault (e, lane, at, VYRE_FAULT_DIVISION, r[a], 0);
        else
          r[d] = value;
      } else {
        r[d] = unary (op, r[a]);
      }
      break;
  }
}

/* on = which lanes of entered are alive and, if not NULL, (not) in taken. */
static gboolean
resume (
    Eval *e, const gboolean *entered, const gboolean *taken, gboolean wanted)
{
  gboolean any = FALSE;

  for (guint i = 0; i < e->n_lanes; i++) {
    e->on[i] =
        entered[i] && e->alive[i] && (taken == NULL || taken[i] == wanted);
    any |= e->on[i];
  }
  return any;
}

static guint32
control (Eval *e, guint32 pc, guint32 first, guint32 x)
{
  guint op = first & 0x7f, level = first >> 8 & 0xff, a = first >> 16 & 0xff;
  guint b = first >> 24;
  gboolean *entered = e->entered[level & 63], *taken = e->taken[level & 63];

  g_assert_cmpuint (level, <, VYRE_I_MAX_LEVELS);
  if (op == VYRE_I_IF || op == VYRE_I_LOOP)
    memcpy (entered, e->on, e->n_lanes * sizeof (gboolean));
  for (guint i = 0; i < e->n_lanes; i++) {
    guint32 *r = e->regs + (gsize) i * VYRE_I_MAX_REGISTERS;

    if (op == VYRE_I_NEXT && e->on[i])
      r[a]++;
    if (op == VYRE_I_IF)
      taken[i] = r[a] != 0;
    else if (op == VYRE_I_LOOP || op == VYRE_I_NEXT)
      taken[i] = e->on[i] && r[a] < r[b];
  }
  switch (op) {
    case VYRE_I_IF:
      return resume (e, entered, taken, TRUE) ? pc + 1 : x;
    case VYRE_I_ELSE:
      return resume (e, entered, taken, FALSE) ? pc + 1 : x;
    case VYRE_I_ENDIF:
      resume (e, entered, NULL, FALSE);
      return pc + 1;
    case VYRE_I_LOOP:
      if (resume (e, entered, taken, TRUE))
        return pc + 1;
      resume (e, entered, NULL, FALSE);
      return x;
    default:
      if (resume (e, entered, taken, TRUE))
        return x;
      resume (e, entered, NULL, FALSE);
      return pc + 1;
  }
}

static void
run_workgroup (Eval *e)
{
  const VyreLowered *l = e->l;

  for (gsize i = 0; i < (gsize) e->n_lanes * VYRE_I_MAX_REGISTERS; i++)
    e->regs[i] = 0xdeadbeef; /* nothing may rest on it */
  memset (e->shared, 0, (gsize) l->shared_words * 4);
  for (guint i = 0; i < e->n_lanes; i++)
    e->alive[i] = e->on[i] = TRUE;

  for (guint32 pc = 0;;) {
    guint32 first, x;
    guint op;

    g_assert_cmpuint (pc, <, l->n_instructions);
    first = l->code[pc * 2];
    x = l->code[pc * 2 + 1];
    op = first & 0x7f;
    if (op == VYRE_I_END)
      return;
    if (e->left != 0 && --e->left == 0) {
      e->result->stopped = TRUE;
      return;
    }
    for (guint i = 0; i < e->n_lanes; i++)
      e->result->steps += e->on[i];
    if (op >= VYRE_I_IF && op <= VYRE_I_NEXT) {
      pc = control (e, pc, first, x);
      continue;
    }
    if (op != VYRE_I_BARRIER)
      for (guint i = 0; i < e->n_lanes; i++)
        if (e->on[i])
          lane_step (e, i, pc, first, x);
    pc++;
  }
}

void
eval_run (const VyreLowered *lowered, GByteArray **buffers,
    const guint32 grid[3], guint64 max_steps, EvalResult *result)
{
  const VyreProgram *program = lowered->program;
  Eval e = { .l = lowered, .result = result, .left = max_steps };
  gsize bytes;

  memset (result, 0, sizeof *result);
  e.n_lanes = program->workgroup_size[0] * program->workgroup_size[1] *
              program->workgroup_size[2];
  bytes = e.n_lanes * sizeof (gboolean);
  e.regs = g_new (guint32, (gsize) e.n_lanes * VYRE_I_MAX_REGISTERS);
  e.spills = g_new0 (guint32, (gsize) e.n_lanes * (lowered->n_spills + 1));
  e.alive = g_malloc (bytes);
  e.on = g_malloc (bytes);
  for (guint i = 0; i < VYRE_I_MAX_LEVELS; i++) {
    e.entered[i] = g_malloc0 (bytes);
    e.taken[i] = g_malloc0 (bytes);
  }
  e.shared = g_malloc0 ((gsize) lowered->shared_words * 4 + 4);
  for (guint i = 0; i < program->n_buffers; i++) {
    const VyreLoweredBuffer *buffer = &lowered->buffers[i];
    Binding *binding;
    guint64 length;

    if (buffer->binding < 0)
      continue;
    binding = &e.bindings[buffer->binding];
    if (program->buffers[i].access == VYRE_ACCESS_WORKGROUP) {
      g_assert_true (vyre_type_static_size (
          program->buffers[i].element, program->buffers[i].count, &length));
      binding->data = e.shared + buffer->shared_offset;
      binding->length = length;
    } else {
      binding->data = buffers[i]->data;
      binding->length = buffers[i]->len;
    }
    binding->count =
        vyre_type_element_count (program->buffers[i].element, binding->length);
  }

  if (lowered->has_exchange) {
    Binding *binding = &e.bindings[lowered->exchange_binding];

    binding->data = e.shared + lowered->exchange_offset;
    binding->length = 4 * (guint64) e.n_lanes;
    binding->count = e.n_lanes;
  }

  for (e.group[2] = 0; e.group[2] < grid[2]; e.group[2]++)
    for (e.group[1] = 0; e.group[1] < grid[1]; e.group[1]++)
      for (e.group[0] = 0; e.group[0] < grid[0]; e.group[0]++)
        if (result->fault.code == 0 && !result->stopped)
          run_workgroup (&e);

  g_free (e.regs);
  g_free (e.spills);
  g_free (e.alive);
  g_free (e.on);
  for (guint i = 0; i < VYRE_I_MAX_LEVELS; i++) {
    g_free (e.entered[i]);
    g_free (e.taken[i]);
  }
  g_free (e.shared);
}
