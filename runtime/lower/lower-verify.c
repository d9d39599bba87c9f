/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The verifier of register code. It shares nothing with lowering but isa.h:
 * what it lets through cannot make the kernel read or write outside its
 * registers, spill words, bindings and code, nor leave its nesting levels,
 * whoever made the code.
 */
#include "../ring/words.h"
#include "isa.h"
#include "lower.h"

#define MAX_SPILLS 4096
#define MAX_SHARED_WORDS (16u * 1024 * 1024)

typedef struct
{
  guint op; /* IF, ELSE or LOOP */
  guint32 at;
} Open;

typedef struct
{
  const VyreLowered *lowered;
  guint32 at;
  guint op, dst, a, b;
  gboolean imm;
  guint32 x;
  Open open[VYRE_I_MAX_LEVELS];
  guint n_open;
  GError **error;
} Check;

static gboolean G_GNUC_PRINTF (2, 3)
    bad (const Check *check, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (check->error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_VERIFY,
      "instruction %u (opcode %u): %s; the code must not be uploaded",
      check->at, check->op, text);
  return FALSE;
}

static gboolean
reg (const Check *check, const char *field, guint32 number)
{
  return number < check->lowered->n_registers ||
         bad (check, "%s names register %u of %u", field, number,
             check->lowered->n_registers);
}

static gboolean
no_imm (const Check *check)
{
  return !check->imm || bad (check, "an immediate is not allowed");
}

static gboolean
reg_a (const Check *check)
{
  return no_imm (check) && reg (check, "a", check->a);
}

static gboolean
two_operands (const Check *check)
{
  return reg (check, "dst", check->dst) && reg (check, "a", check->a) &&
         (check->imm || reg (check, "b", check->b));
}

static gboolean
binding (const Check *check, guint32 number)
{
  return number < check->lowered->n_bindings ||
         bad (check, "binding %u of %u", number, check->lowered->n_bindings);
}

static gboolean
memory (const Check *check)
{
  guint32 stride = VYRE_IM_STRIDE (check->x), width = VYRE_IM_WIDTH (check->x);

  if (!binding (check, VYRE_IM_BINDING (check->x)))
    return FALSE;
  if (stride > 4 || width > 2 || check->x >> 24 != 0 ||
      VYRE_IM_OFFSET (check->x) + (1u << width) > 1u << stride)
    return bad (check,
        "a value of 2^%u bytes at offset %u in elements of 2^%u"
        " bytes",
        width, VYRE_IM_OFFSET (check->x), stride);
  /* The kernel reads whole words. */
  if (VYRE_IM_OFFSET (check->x) % (1u << width) != 0)
    return bad (check, "a value of 2^%u bytes at the odd offset %u", width,
        VYRE_IM_OFFSET (check->x));
  return TRUE;
}

static gboolean
atomic (const Check *check)
{
  return no_imm (check) && reg (check, "dst", check->dst) &&
         reg (check, "a", check->a) && reg (check, "b", check->b) &&
         reg (check, "X", VYRE_IA_EXPECTED (check->x)) &&
         binding (check, VYRE_IA_BINDING (check->x)) &&
         ((VYRE_IA_OPERATION (check->x) <= VYRE_IA_COMPARE_EXCHANGE &&
              check->x >> 24 == 0) ||
             bad (check, "atomic operation 0x%08x", check->x));
}

static gboolean
fault_if (const Check *check)
{
  switch (check->b) {
    case VYRE_FAULT_INDEX:
    case VYRE_FAULT_OPERANDS:
    case VYRE_FAULT_DIVISION:
    case VYRE_FAULT_CAST:
    case VYRE_FAULT_BARRIER:
    case VYRE_FAULT_ASYNC:
    case VYRE_FAULT_TRAP:
    case VYRE_FAULT_SUBGROUP:
      return reg_a (check) && reg (check, "dst", check->dst);
    default:
      return bad (check, "fault code %u", check->b);
  }
}

static gboolean
target (const Check *check, guint32 at, guint32 expected)
{
  return check->lowered->code[at * 2 + 1] == expected ||
         bad (check, "instruction %u goes to %u, but must go to %u", at,
             check->lowered->code[at * 2 + 1], expected);
}

/* The level of what is opened, or of the innermost open one. */
static gboolean
level (const Check *check, guint expected)
{
  return no_imm (check) &&
         (check->dst == expected ||
             bad (check, "level %u where %u is open", check->dst, expected));
}

static gboolean
open_level (Check *check)
{
  if (check->n_open == VYRE_I_MAX_LEVELS)
    return bad (check, "more than %u levels", VYRE_I_MAX_LEVELS);
  if (!level (check, check->n_open))
    return FALSE;
  check->open[check->n_open++] = (Open){ check->op, check->at };
  return TRUE;
}

static gboolean
close_level (Check *check, gboolean loop)
{
  const Open *open;

  if (check->n_open == 0)
    return bad (check, "nothing is open");
  open = &check->open[--check->n_open];
  if ((open->op == VYRE_I_LOOP) != loop)
    return bad (check, "does not belong to instruction %u", open->at);
  return level (check, check->n_open) &&
         target (check, open->at, loop ? check->at + 1 : check->at);
}

static gboolean
control (Check *check)
{
  Open *open;

  switch (check->op) {
    case VYRE_I_END:
      if (check->at + 1 != check->lowered->n_instructions)
        return bad (check, "END before the last instruction");
      return no_imm (check) &&
             (check->n_open == 0 || bad (check, "instruction %u is still open",
                                        check->open[check->n_open - 1].at));
    case VYRE_I_IF:
      return reg_a (check) && open_level (check);
    case VYRE_I_ELSE:
      if (check->n_open == 0 || check->open[check->n_open - 1].op != VYRE_I_IF)
        return bad (check, "no IF is open");
      open = &check->open[check->n_open - 1];
      if (!level (check, check->n_open - 1) ||
          !target (check, open->at, check->at))
        return FALSE;
      *open = (Open){ VYRE_I_ELSE, check->at };
      return TRUE;
    case VYRE_I_ENDIF:
      return close_level (check, FALSE);
    case VYRE_I_LOOP:
      return reg_a (check) && reg (check, "b", check->b) && open_level (check);
    case VYRE_I_NEXT:
      return reg_a (check) && reg (check, "b", check->b) &&
             close_level (check, TRUE) &&
             target (check, check->at, check->open[check->n_open].at + 1);
    case VYRE_I_BARRIER:
      return no_imm (check) &&
             (check->lowered->grouped ||
                 bad (check, "a barrier in code that is not grouped"));
    default:
      return no_imm (check);
  }
}

static gboolean
instruction (Check *check)
{
  guint op = check->op;

  if (op <= VYRE_I_BARRIER)
    return control (check);
  if (op >= VYRE_I_ADD && op <= VYRE_I_LOR)
    return two_operands (check);
  if (op >= VYRE_I_FADD && op <= VYRE_I_FGE)
    return two_operands (check);
  if ((op >= VYRE_I_NOT && op <= VYRE_I_REVERSE) ||
      (op >= VYRE_I_FCANON && op <= VYRE_I_FLOG2))
    return reg_a (check) && reg (check, "dst", check->dst);

  switch (op) {
    case VYRE_I_TRAP:
      return reg_a (check) &&
             ((check->x >= 1 && check->x <= check->lowered->n_trap_tags) ||
                 bad (check, "tag %u of %u", check->x,
                     check->lowered->n_trap_tags));
    case VYRE_I_FAULT_IF:
      return fault_if (check);
    case VYRE_I_MOV:
      return reg (check, "dst", check->dst) &&
             (check->imm || reg (check, "b", check->b));
    case VYRE_I_SELECT:
    case VYRE_I_FMA:
      return no_imm (check) && two_operands (check) &&
             reg (check, "X", check->x);
    case VYRE_I_SPECIAL:
      return no_imm (check) && reg (check, "dst", check->dst) &&
             (check->x < VYRE_SPECIALS ||
                 bad (check, "special value %u", check->x));
    case VYRE_I_BUFLEN:
    case VYRE_I_BYTELEN:
      return no_imm (check) && reg (check, "dst", check->dst) &&
             binding (check, check->x);
    case VYRE_I_LOAD:
    case VYRE_I_STORE:
      return reg_a (check) && reg (check, "dst", check->dst) && memory (check);
    case VYRE_I_SPILL_LOAD:
    case VYRE_I_SPILL_STORE:
      return no_imm (check) && reg (check, "dst", check->dst) &&
             (check->x < check->lowered->n_spills ||
                 bad (check, "spill word %u of %u", check->x,
                     check->lowered->n_spills));
    case VYRE_I_ATOMIC:
      return atomic (check);
    default:
      return bad (check, "unknown opcode");
  }
}

enum
{
  USES_DST = 1,
  USES_A = 2,
  USES_B = 4,
  USES_X = 8,
  USES_ALL = 15
};

/* Fields without a use are zero, so that a kernel may fetch every operand
 * before it looks at the opcode. */
static gboolean
unused_fields (const Check *check)
{
  guint uses;

  switch (check->op) {
    case VYRE_I_END:
    case VYRE_I_RETURN:
    case VYRE_I_BARRIER:
      uses = 0;
      break;
    case VYRE_I_IF:
    case VYRE_I_LOAD:
    case VYRE_I_STORE:
      uses = USES_DST | USES_A | USES_X;
      break;
    case VYRE_I_ELSE:
    case VYRE_I_SPECIAL:
    case VYRE_I_BUFLEN:
    case VYRE_I_BYTELEN:
    case VYRE_I_SPILL_LOAD:
    case VYRE_I_SPILL_STORE:
      uses = USES_DST | USES_X;
      break;
    case VYRE_I_ENDIF:
      uses = USES_DST;
      break;
    case VYRE_I_LOOP:
    case VYRE_I_NEXT:
    case VYRE_I_SELECT:
    case VYRE_I_FMA:
    case VYRE_I_ATOMIC:
      uses = USES_ALL;
      break;
    case VYRE_I_TRAP:
      uses = USES_A | USES_X;
      break;
    case VYRE_I_FAULT_IF:
      uses = USES_DST | USES_A | USES_B;
      break;
    case VYRE_I_MOV:
      uses = USES_DST | (check->imm ? USES_X : USES_B);
      break;
    default:
      uses = USES_DST | USES_A;
      if ((check->op >= VYRE_I_ADD && check->op <= VYRE_I_LOR) ||
          (check->op >= VYRE_I_FADD && check->op <= VYRE_I_FGE))
        uses |= check->imm ? USES_X : USES_B;
      break;
  }
  return (((uses & USES_DST) || check->dst == 0) &&
             ((uses & USES_A) || check->a == 0) &&
             ((uses & USES_B) || check->b == 0) &&
             ((uses & USES_X) || check->x == 0)) ||
         bad (check, "a field without a use is not zero");
}

static gboolean
whole (const VyreLowered *lowered, GError **error)
{
  const char *wrong = NULL;
  guint64 used = 0; /* bindings: one bit each, 56 at most */
  guint32 n_used = 0;

  if (lowered->program == NULL || lowered->code == NULL ||
      lowered->n_instructions == 0)
    wrong = "there is no code";
  else if (lowered->n_instructions > VYRE_I_MAX_CODE)
    wrong = "too many instructions";
  else if (lowered->n_registers > VYRE_I_MAX_REGISTERS)
    wrong = "too many registers";
  else if (lowered->n_spills > MAX_SPILLS)
    wrong = "too many spill words";
  else if (lowered->n_bindings > VYRE_MAX_BINDINGS)
    wrong = "too many bindings";
  else if (lowered->shared_words > MAX_SHARED_WORDS)
    wrong = "too much workgroup memory";
  else if (lowered->shared_words != 0 && !lowered->grouped)
    wrong = "workgroup memory in code that is not grouped";
  else if (lowered->code[lowered->n_instructions * 2 - 2] != VYRE_I_END)
    wrong = "the last instruction is not END";

  for (guint i = 0; wrong == NULL && i < lowered->program->n_buffers; i++) {
    const VyreLoweredBuffer *buffer = &lowered->buffers[i];
    const VyreBuffer *decl = &lowered->program->buffers[i];
    guint64 bytes;

    if (buffer->binding < 0)
      continue;
    if ((guint) buffer->binding >= lowered->n_bindings ||
        (used >> buffer->binding & 1) != 0)
      wrong = "two buffers share a binding, or one has none of the bindings";
    else
      used |= (guint64) 1 << buffer->binding;
    n_used++;
    if (decl->access != VYRE_ACCESS_WORKGROUP)
      continue;
    if (!vyre_type_static_size (decl->element, decl->count, &bytes) ||
        buffer->shared_offset % 4 != 0 ||
        buffer->shared_offset / 4 > lowered->shared_words ||
        bytes > 4 * (guint64) lowered->shared_words - buffer->shared_offset)
      wrong = "a Workgroup buffer reaches beyond workgroup memory";
  }
  if (wrong == NULL && lowered->has_exchange) {
    const guint32 *size = lowered->program->workgroup_size;
    guint64 lanes = (guint64) size[0] * size[1];

    if (lowered->exchange_binding >= lowered->n_bindings ||
        (used >> lowered->exchange_binding & 1) != 0)
      wrong = "the exchange has no binding of its own";
    else if (lanes > G_MAXUINT32 || lowered->exchange_offset % 4 != 0 ||
             lowered->exchange_offset / 4 + lanes * size[2] >
                 lowered->shared_words)
      wrong = "the exchange reaches beyond workgroup memory";
    n_used++;
  }
  if (wrong == NULL && n_used != lowered->n_bindings)
    wrong = "a binding belongs to no buffer";
  if (wrong == NULL)
    return TRUE;
  g_set_error (error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_VERIFY,
      "%s; the code must not be uploaded", wrong);
  return FALSE;
}

/**
 * vyre_lowered_verify:
 * @lowered: code and its tables, from any source
 *
 * Linear in the number of instructions. May be called from any thread.
 */
gboolean
vyre_lowered_verify (const VyreLowered *lowered, GError **error)
{
  Check check = { .lowered = lowered, .error = error };

  if (!whole (lowered, error))
    return FALSE;
  for (check.at = 0; check.at < lowered->n_instructions; check.at++) {
    guint32 first = lowered->code[check.at * 2];

    check.op = first & 0x7f;
    check.imm = (first & VYRE_I_IMM) != 0;
    check.dst = first >> 8 & 0xff;
    check.a = first >> 16 & 0xff;
    check.b = first >> 24;
    check.x = lowered->code[check.at * 2 + 1];
    if (!instruction (&check) || !unused_fields (&check))
      return FALSE;
  }
  return TRUE;
}
