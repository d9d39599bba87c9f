/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Values, masks and their texts. Every name is a letter and numbers: v for
 * values, m for masks, q for quads of words, followed by the number of the
 * invocation where there is one for each. */
#include "jit-private.h"

void
vyre_jit_line (VyreJitEmit *e, const char *format, ...)
{
  va_list args;

  g_string_append_printf (e->text, "%*s", (int) e->indent * 2, "");
  va_start (args, format);
  g_string_append_vprintf (e->text, format, args);
  va_end (args);
  g_string_append_c (e->text, '\n');
}

/* --- texts of operands --------------------------------------------------- */

typedef char Operand[40];

/* Sixteen, so that the operands of a line can be written as arguments. */
static Operand *
next_operand (void)
{
  static _Thread_local Operand operands[16];
  static _Thread_local guint next;

  return &operands[next++ % G_N_ELEMENTS (operands)];
}

const char *
vyre_jit_name (const VyreJitEmit *e, guint32 number, gboolean shared, guint k)
{
  Operand *text = next_operand ();

  if (shared)
    g_snprintf (*text, sizeof *text, "v%u", number);
  else
    g_snprintf (*text, sizeof *text, "v%u_%u", number, k);
  return *text;
}

const char *
vyre_jit_word (const VyreJitEmit *e, const VyreJitValue *value, guint k)
{
  Operand *text;

  if (value->form == VYRE_JIT_WORD)
    return vyre_jit_name (e, value->number, value->shared, k);
  text = next_operand ();
  if (value->form == VYRE_JIT_CONST)
    g_snprintf (*text, sizeof *text, "%uu", value->number);
  else
    g_snprintf (*text, sizeof *text, "uint (%s)",
        vyre_jit_name (e, value->number, value->shared, k));
  return *text;
}

const char *
vyre_jit_bool (const VyreJitEmit *e, const VyreJitValue *value, guint k)
{
  Operand *text;

  if (value->form == VYRE_JIT_CONST)
    return value->number != 0 ? "true" : "false";
  if (value->form == VYRE_JIT_BOOL)
    return vyre_jit_name (e, value->number, value->shared, k);
  text = next_operand ();
  g_snprintf (*text, sizeof *text, "(%s != 0u)",
      vyre_jit_name (e, value->number, value->shared, k));
  return *text;
}

const char *
vyre_jit_mask (const VyreJitEmit *e, VyreJitMask mask, guint k)
{
  Operand *text;

  if (mask.kind != VYRE_JIT_SOME)
    return mask.kind == VYRE_JIT_ALL ? "true" : "false";
  text = next_operand ();
  g_snprintf (*text, sizeof *text, "m%u_%u", mask.number, k);
  return *text;
}

/* --- values ---------------------------------------------------------------- */

VyreJitValue
vyre_jit_constant (guint32 number)
{
  return (VyreJitValue){
    .form = VYRE_JIT_CONST,
    .number = number,
    .shared = TRUE,
  };
}

VyreJitValue
vyre_jit_variable (VyreJitEmit *e, VyreJitForm form, gboolean shared)
{
  return (VyreJitValue){ .form = form, .number = e->next++, .shared = shared };
}

gboolean
vyre_jit_same (const VyreJitValue *a, const VyreJitValue *b)
{
  return a->form == b->form && a->number == b->number;
}

VyreJitMask
vyre_jit_and (VyreJitEmit *e, VyreJitMask mask, const VyreJitValue *condition,
    gboolean opposite)
{
  VyreJitMask result = { VYRE_JIT_SOME, e->next };

  if (mask.kind == VYRE_JIT_NONE)
    return mask;
  e->next++;
  for (guint k = 0; k < e->unroll; k++) {
    const char *text = vyre_jit_bool (e, condition, k);

    if (mask.kind == VYRE_JIT_ALL)
      vyre_jit_line (e, "const bool m%u_%u = %s%s;", result.number, k,
          opposite ? "!" : "", text);
    else
      vyre_jit_line (e, "const bool m%u_%u = %s && %s%s;", result.number, k,
          vyre_jit_mask (e, mask, k), opposite ? "!" : "", text);
  }
  return result;
}

gint
vyre_jit_assumption (VyreJitEmit *e, const VyreJitAssumption *wanted)
{
  for (guint i = 0; i < e->n_assumptions; i++) {
    const VyreJitAssumption *a = &e->assumptions[i];

    if (a->kind == wanted->kind && a->binding == wanted->binding &&
        a->stride == wanted->stride && a->scale == wanted->scale &&
        a->offset == wanted->offset)
      return (gint) i;
  }
  if (e->n_assumptions == VYRE_JIT_MAX_ASSUMPTIONS)
    return -1;
  e->assumptions[e->n_assumptions] = *wanted;
  return (gint) e->n_assumptions++;
}

/* --- operations ------------------------------------------------------------ */

/* $a, $b and $c stand for operands, $A and $B for whether they are not 0. The
 * names are those of the kernels' files, which define what an operation is;
 * what is written out here is what alu() and falu() of interp.glsl do. */
typedef struct
{
  const char *text;
  gboolean truth; /* of type bool */
} Template;

static const Template templates[VYRE_I_LIMIT] = {
  [VYRE_I_SELECT] = { "$A ? $b : $c" },
  [VYRE_I_ADD] = { "$a + $b" },
  [VYRE_I_SUB] = { "$a - $b" },
  [VYRE_I_MUL] = { "$a * $b" },
  [VYRE_I_DIVU] = { "divide (VYRE_I_DIVU, $a, $b)" },
  [VYRE_I_MODU] = { "divide (VYRE_I_MODU, $a, $b)" },
  [VYRE_I_DIVS] = { "divide (VYRE_I_DIVS, $a, $b)" },
  [VYRE_I_MODS] = { "divide (VYRE_I_MODS, $a, $b)" },
  [VYRE_I_AND] = { "$a & $b" },
  [VYRE_I_OR] = { "$a | $b" },
  [VYRE_I_XOR] = { "$a ^ $b" },
  [VYRE_I_SHL] = { "$a << ($b & 31u)" },
  [VYRE_I_SHR] = { "$a >> ($b & 31u)" },
  [VYRE_I_SAR] = { "uint (int ($a) >> int ($b & 31u))" },
  [VYRE_I_ROTL] = { "$a << ($b & 31u) | $a >> (32u - ($b & 31u) & 31u)" },
  [VYRE_I_ROTR] = { "$a >> ($b & 31u) | $a << (32u - ($b & 31u) & 31u)" },
  [VYRE_I_EQ] = { "$a == $b", TRUE },
  [VYRE_I_NE] = { "$a != $b", TRUE },
  [VYRE_I_LTU] = { "$a < $b", TRUE },
  [VYRE_I_LEU] = { "$a <= $b", TRUE },
  [VYRE_I_LTS] = { "int ($a) < int ($b)", TRUE },
  [VYRE_I_LES] = { "int ($a) <= int ($b)", TRUE },
  [VYRE_I_GTU] = { "$a > $b", TRUE },
  [VYRE_I_GEU] = { "$a >= $b", TRUE },
  [VYRE_I_GTS] = { "int ($a) > int ($b)", TRUE },
  [VYRE_I_GES] = { "int ($a) >= int ($b)", TRUE },
  [VYRE_I_MINU] = { "min ($a, $b)" },
  [VYRE_I_MAXU] = { "max ($a, $b)" },
  [VYRE_I_MINS] = { "uint (min (int ($a), int ($b)))" },
  [VYRE_I_MAXS] = { "uint (max (int ($a), int ($b)))" },
  [VYRE_I_ABSDIFFU] = { "max ($a, $b) - min ($a, $b)" },
  [VYRE_I_ABSDIFFS] = { "int ($a) > int ($b) ? $a - $b : $b - $a" },
  [VYRE_I_ADDSATU] = { "$a + min ($b, ~$a)" },
  [VYRE_I_SUBSATU] = { "$a - min ($a, $b)" },
  [VYRE_I_MULSATU] = { "compiled_multiply_saturating ($a, $b)" },
  [VYRE_I_MULHIU] = { "compiled_multiply_high ($a, $b)" },
  [VYRE_I_LAND] = { "$A && $B", TRUE },
  [VYRE_I_LOR] = { "$A || $B", TRUE },
  [VYRE_I_NOT] = { "~$a" },
  [VYRE_I_POPCOUNT] = { "uint (bitCount ($a))" },
  [VYRE_I_CLZ] = { "uint (31 - findMSB ($a))" },
  [VYRE_I_CTZ] = { "$a == 0u ? 32u : uint (findLSB ($a))" },
  [VYRE_I_REVERSE] = { "bitfieldReverse ($a)" },
  [VYRE_I_FADD] = { "fadd ($a, $b)" },
  [VYRE_I_FSUB] = { "fadd ($a, is_nan ($b) ? $b : $b ^ F_SIGN)" },
  [VYRE_I_FMUL] = { "fmul ($a, $b)" },
  [VYRE_I_FDIV] = { "fdiv ($a, $b)" },
  [VYRE_I_FMIN] = { "fminmax ($a, $b, false)" },
  [VYRE_I_FMAX] = { "fminmax ($a, $b, true)" },
  [VYRE_I_FEQ] = { "compiled_ordered ($a, $b) && order ($a) == order ($b)",
      TRUE },
  [VYRE_I_FNE] = { "!(compiled_ordered ($a, $b) && order ($a) == order ($b))",
      TRUE },
  [VYRE_I_FLT] = { "compiled_ordered ($a, $b) && order ($a) < order ($b)",
      TRUE },
  [VYRE_I_FLE] = { "compiled_ordered ($a, $b) && order ($a) <= order ($b)",
      TRUE },
  [VYRE_I_FGT] = { "compiled_ordered ($a, $b) && order ($a) > order ($b)",
      TRUE },
  [VYRE_I_FGE] = { "compiled_ordered ($a, $b) && order ($a) >= order ($b)",
      TRUE },
  [VYRE_I_FMA] = { "ffma ($a, $b, $c)" },
  [VYRE_I_FCANON] = { "canon ($a)" },
  [VYRE_I_FNEG] = { "is_nan ($a) ? F_NAN : $a ^ F_SIGN" },
  [VYRE_I_FABS] = { "is_nan ($a) ? F_NAN : $a & F_ABS" },
  [VYRE_I_FSQRT] = { "fsqrt ($a)" },
  [VYRE_I_FRSQRT] = { "fdiv (0x3f800000u, fsqrt ($a))" },
  [VYRE_I_FRCP] = { "fdiv (0x3f800000u, $a)" },
  [VYRE_I_FFLOOR] = { "fround_to ($a, 0u)" },
  [VYRE_I_FCEIL] = { "fround_to ($a, 1u)" },
  [VYRE_I_FTRUNC] = { "fround_to ($a, 2u)" },
  [VYRE_I_FROUND] = { "fround_to ($a, 3u)" },
  [VYRE_I_FSIGN] = { "fsign ($a)" },
  [VYRE_I_FISNAN] = { "is_nan ($a)", TRUE },
  [VYRE_I_FISINF] = { "($a & F_ABS) == F_INF", TRUE },
  [VYRE_I_FISFINITE] = { "($a & F_ABS) < F_INF", TRUE },
  [VYRE_I_FTRUTH] = { "($a & F_ABS) != 0u", TRUE },
  [VYRE_I_F2U] = { "f_to_uint ($a)" },
  [VYRE_I_F2S] = { "f_to_int ($a)" },
  [VYRE_I_U2F] = { "uint_to_f ($a)" },
  [VYRE_I_S2F] = { "int_to_f ($a)" },
  [VYRE_I_FSIN] = { "fsincos ($a, 0u)" },
  [VYRE_I_FCOS] = { "fsincos ($a, 1u)" },
  [VYRE_I_FTAN] = { "ftan ($a)" },
  [VYRE_I_FASIN] = { "fasin ($a)" },
  [VYRE_I_FACOS] = { "facos ($a)" },
  [VYRE_I_FATAN] = { "fatan ($a)" },
  [VYRE_I_FSINH] = { "fsinh ($a)" },
  [VYRE_I_FCOSH] = { "fcosh ($a)" },
  [VYRE_I_FTANH] = { "ftanh ($a)" },
  [VYRE_I_FEXP] = { "fexp ($a)" },
  [VYRE_I_FEXP2] = { "fexp2 ($a)" },
  [VYRE_I_FLOG] = { "flog ($a)" },
  [VYRE_I_FLOG2] = { "flog2 ($a)" },
};

static void
expand (GString *out, const char *template, const VyreJitEmit *e,
    const VyreJitValue operands[3], guint k)
{
  for (const char *p = template; *p != '\0'; p++) {
    if (*p != '$')
      g_string_append_c (out, *p);
    else if (*++p >= 'a')
      g_string_append (out, vyre_jit_word (e, &operands[*p - 'a'], k));
    else
      g_string_append (out, vyre_jit_bool (e, &operands[*p - 'A'], k));
  }
}

static VyreJitValue
define (VyreJitEmit *e, const char *template, gboolean truth,
    const VyreJitValue operands[3], gboolean shared)
{
  VyreJitValue value =
      vyre_jit_variable (e, truth ? VYRE_JIT_BOOL : VYRE_JIT_WORD, shared);
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint k = 0; k < (shared ? 1 : e->unroll); k++) {
    g_string_truncate (text, 0);
    expand (text, template, e, operands, k);
    vyre_jit_line (e, "const %s %s = %s;", truth ? "bool" : "uint",
        vyre_jit_name (e, value.number, shared, k), text->str);
  }
  return value;
}

/* --- what follows from the invocation's number ----------------------------- */

#define MAX_SCALE 64
#define MAX_OFFSET 65536

/* scale * x + offset from one that is, and a constant. */
static void
note_affine (VyreJitValue *result, guint op, const VyreJitValue *a,
    const VyreJitValue *b)
{
  gboolean swap = b->scale != 0 && (op == VYRE_I_ADD || op == VYRE_I_MUL);
  const VyreJitValue *multiple = swap ? b : a, *constant = swap ? a : b;
  guint64 scale = multiple->scale, offset = multiple->offset;
  guint64 by = constant->number;

  if (scale == 0 || constant->form != VYRE_JIT_CONST)
    return;
  switch (op) {
    case VYRE_I_ADD:
      /* Also what subtracts, as long as it stays above 0. */
      offset = (guint32) (offset + by);
      break;
    case VYRE_I_SUB:
      offset = (guint32) (offset - by);
      break;
    case VYRE_I_OR: /* bits that the multiple does not have */
      if (offset != 0 || by >= (scale & -scale))
        return;
      offset = by;
      break;
    case VYRE_I_SHL:
      scale <<= by & 31;
      offset <<= by & 31;
      break;
    case VYRE_I_MUL:
      scale *= by;
      offset *= by;
      break;
    default:
      return;
  }
  if (scale == 0 || scale > MAX_SCALE || offset >= MAX_OFFSET)
    return;
  result->scale = (guint32) scale;
  result->offset = (guint32) offset;
}

/* a < b, with an invocation's own a: holds for all that matter if it does for
 * the last one. */
static void
note_below (VyreJitEmit *e, VyreJitValue *result, const VyreJitValue *a,
    const VyreJitValue *b, gboolean opposite)
{
  VyreJitAssumption assumption = { VYRE_JIT_BELOW_COUNT, b->counts - 1, 0,
    a->scale, a->offset };
  gint number;

  if (a->scale == 0 || (b->form != VYRE_JIT_CONST && b->counts == 0))
    return;
  if (b->form == VYRE_JIT_CONST) {
    assumption.kind = VYRE_JIT_BELOW_CONST;
    assumption.binding = b->number;
  }
  number = vyre_jit_assumption (e, &assumption);
  if (number < 0)
    return;
  result->guard = (guint64) 1 << number;
  result->guard_false = opposite;
}

static void
note_guard (VyreJitEmit *e, VyreJitValue *result, guint op,
    const VyreJitValue *a, const VyreJitValue *b)
{
  switch (op) {
    case VYRE_I_LTU:
      note_below (e, result, a, b, FALSE);
      break;
    case VYRE_I_GEU:
      note_below (e, result, a, b, TRUE);
      break;
    case VYRE_I_GTU:
      note_below (e, result, b, a, FALSE);
      break;
    case VYRE_I_LEU:
      note_below (e, result, b, a, TRUE);
      break;
    case VYRE_I_LAND:
    case VYRE_I_AND:
    case VYRE_I_LOR:
    case VYRE_I_OR:
      /* Both hold, or neither of their opposites does. */
      if (a->guard != 0 && b->guard != 0 && result->form == VYRE_JIT_BOOL &&
          a->guard_false == b->guard_false &&
          a->guard_false == (op == VYRE_I_LOR || op == VYRE_I_OR)) {
        result->guard = a->guard | b->guard;
        result->guard_false = a->guard_false;
      }
      break;
    default:
      break;
  }
}

/* --- instructions ------------------------------------------------------------ */

/* A truth value compared with a constant is itself or its opposite. Returns
 * what it is, or NULL. */
static const char *
truth_template (guint op, const VyreJitValue operands[3])
{
  const VyreJitValue *a = &operands[0], *b = &operands[1];

  if (a->form != VYRE_JIT_BOOL)
    return NULL;
  if ((op == VYRE_I_EQ || op == VYRE_I_NE || op == VYRE_I_XOR) &&
      b->form == VYRE_JIT_CONST && b->number <= 1) {
    gboolean same = (op == VYRE_I_EQ) == (b->number == 1);

    return same ? "$A" : "!$A";
  }
  if (b->form != VYRE_JIT_BOOL)
    return NULL;
  switch (op) {
    case VYRE_I_AND:
      return "$A && $B";
    case VYRE_I_OR:
      return "$A || $B";
    case VYRE_I_XOR:
      return "$A != $B";
    default:
      return NULL;
  }
}

static gboolean
is_known (const VyreJitValue *value)
{
  return value->form == VYRE_JIT_CONST || value->known;
}

static gboolean
is_zero (const VyreJitValue *value)
{
  return value->form == VYRE_JIT_CONST && value->number == 0;
}

/* Can a driver find out what it is? Also what x & 0 is, and which of two known
 * values. */
static gboolean
finds_out (const VyreJitInst *inst, const VyreJitValue operands[3])
{
  const VyreJitValue *a = &operands[0], *b = &operands[1], *c = &operands[2];

  if (inst->op == VYRE_I_SELECT)
    return is_known (a) && (is_known (b) || is_known (c));
  return (is_known (a) && is_known (b) && is_known (c)) || is_zero (a) ||
         (is_zero (b) && inst->op >= VYRE_I_ADD && inst->op <= VYRE_I_LOR &&
             inst->op != VYRE_I_ADD && inst->op != VYRE_I_SUB);
}

/* Additions and multiplications are the device's. Where it sees that an operand
 * is 0, or that both are the same, it may forget about infinities, NaN and the
 * signs of zeros, so it must not see that: o is 0, which only we know. */
static void
hide (VyreJitEmit *e, const VyreJitInst *inst, VyreJitValue operands[3])
{
  if (inst->op != VYRE_I_FADD && inst->op != VYRE_I_FSUB &&
      inst->op != VYRE_I_FMUL)
    return;
  for (guint i = 0; i < 2; i++) {
    guint32 exponent = operands[i].number & 0x7f800000u;
    gboolean constant = operands[i].form == VYRE_JIT_CONST;
    gboolean hidden =
        constant ? exponent == 0 || exponent == 0x7f800000u : operands[i].known;

    if (hidden ||
        (!constant && i == 1 && vyre_jit_same (&operands[0], &operands[1])))
      operands[i] = define (
          e, i == 0 ? "$a ^ o" : "$b ^ o", FALSE, operands, operands[i].shared);
  }
}

static void
compute (VyreJitEmit *e, const VyreJitInst *inst)
{
  gboolean two = (inst->op >= VYRE_I_ADD && inst->op <= VYRE_I_LOR) ||
                 (inst->op >= VYRE_I_FADD && inst->op <= VYRE_I_FGE);
  gboolean three = inst->op == VYRE_I_SELECT || inst->op == VYRE_I_FMA;
  VyreJitValue operands[3] = {
    e->slots[inst->a],
    two && inst->imm ? vyre_jit_constant (inst->x)
    : two || three   ? e->slots[inst->b]
                     : vyre_jit_constant (0),
    three ? e->slots[inst->x & 255] : vyre_jit_constant (0),
  };
  gboolean shared =
      operands[0].shared && operands[1].shared && operands[2].shared;
  gboolean truth = templates[inst->op].truth;
  const char *template = truth_template (inst->op, operands);
  VyreJitValue result;

  if (vyre_jit_may_fault (inst)) {
    VyreJitValue wrong =
        define (e, "$b == 0u || $a == 0x80000000u && $b == 0xffffffffu", TRUE,
            operands, shared);
    VyreJitValue none = vyre_jit_constant (0);

    vyre_jit_kill (e, &wrong, VYRE_FAULT_DIVISION, &none, 0);
  }
  hide (e, inst, operands);
  if (template != NULL)
    truth = TRUE;
  else if (inst->op == VYRE_I_DIVU && inst->imm && inst->x != 0)
    template = "$a / $b";
  else if (inst->op == VYRE_I_MODU && inst->imm && inst->x != 0)
    template = "$a % $b";
  else
    template = templates[inst->op].text;
  result = define (e, template, truth, operands, shared);
  result.known = finds_out (inst, operands);
  if (e->fast) {
    note_affine (&result, inst->op, &operands[0], &operands[1]);
    note_guard (e, &result, inst->op, &operands[0], &operands[1]);
    if (template[0] == '$' && template[1] == 'A' && template[2] == '\0') {
      result.guard = operands[0].guard;
      result.guard_false = operands[0].guard_false;
    } else if (template[0] == '!' && template[1] == '$') {
      result.guard = operands[0].guard;
      result.guard_false = !operands[0].guard_false;
    }
  }
  e->slots[inst->dst] = result;
}

/* Everything that touches neither memory nor control flow. */
void
vyre_jit_operation (VyreJitEmit *e, const VyreJitInst *inst)
{
  VyreJitValue value;

  switch (inst->op) {
    case VYRE_I_MOV:
      e->slots[inst->dst] =
          inst->imm ? vyre_jit_constant (inst->x) : e->slots[inst->b];
      break;
    case VYRE_I_SPILL_LOAD:
      e->slots[inst->dst] = e->slots[VYRE_JIT_SPILL0 + inst->x];
      break;
    case VYRE_I_SPILL_STORE:
      e->slots[VYRE_JIT_SPILL0 + inst->x] = e->slots[inst->dst];
      break;
    case VYRE_I_SPECIAL:
      e->slots[inst->dst] = e->specials[inst->x];
      break;
    case VYRE_I_BUFLEN:
    case VYRE_I_BYTELEN:
      value = vyre_jit_variable (e, VYRE_JIT_WORD, TRUE);
      if (inst->op == VYRE_I_BUFLEN)
        value.counts = inst->x + 1;
      vyre_jit_line (e, "const uint v%u = b%u.%s;", value.number, inst->x,
          inst->op == VYRE_I_BUFLEN ? "w" : "z");
      e->slots[inst->dst] = value;
      break;
    default:
      compute (e, inst);
      break;
  }
}
