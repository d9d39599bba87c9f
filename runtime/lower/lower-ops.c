/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The opcodes of isa.h as lowering sees them. */
#include "lower-priv.h"

#define ONE (VYRE_F_DST | VYRE_F_A | VYRE_F_PURE)
#define TWO (VYRE_F_DST | VYRE_F_A | VYRE_F_B | VYRE_F_IMM | VYRE_F_PURE)
#define COM (TWO | VYRE_F_SWAP)
#define CMP (TWO | VYRE_F_BOOL)
#define THREE (VYRE_F_DST | VYRE_F_A | VYRE_F_B | VYRE_F_C | VYRE_F_PURE)
#define FLT VYRE_F_FLOAT

static const VyreOpInfo infos[VYRE_I_LIMIT] = {
  [VYRE_I_END] = { "end", 0 },
  [VYRE_I_IF] = { "if", VYRE_F_A },
  [VYRE_I_ELSE] = { "else", 0 },
  [VYRE_I_ENDIF] = { "endif", 0 },
  [VYRE_I_LOOP] = { "loop", VYRE_F_A | VYRE_F_B },
  [VYRE_I_NEXT] = { "next", VYRE_F_A | VYRE_F_B },
  [VYRE_I_RETURN] = { "return", 0 },
  [VYRE_I_BARRIER] = { "barrier", 0 },
  [VYRE_I_TRAP] = { "trap", VYRE_F_A },
  [VYRE_I_FAULT_IF] = { "fault_if", VYRE_F_A | VYRE_F_B },
  [VYRE_I_MOV] = { "mov", VYRE_F_DST | VYRE_F_B | VYRE_F_IMM | VYRE_F_PURE },
  [VYRE_I_SELECT] = { "select", THREE },
  [VYRE_I_SPECIAL] = { "special", VYRE_F_DST | VYRE_F_PURE },
  [VYRE_I_BUFLEN] = { "buflen", VYRE_F_DST | VYRE_F_PURE },
  [VYRE_I_BYTELEN] = { "bytelen", VYRE_F_DST | VYRE_F_PURE },
  [VYRE_I_LOAD] = { "load", VYRE_F_DST | VYRE_F_A | VYRE_F_PURE },
  [VYRE_I_STORE] = { "store", VYRE_F_A | VYRE_F_B },
  [VYRE_I_SPILL_LOAD] = { "spill_load", VYRE_F_DST },
  [VYRE_I_SPILL_STORE] = { "spill_store", VYRE_F_B },
  [VYRE_I_ATOMIC] = { "atomic", VYRE_F_DST | VYRE_F_A | VYRE_F_B | VYRE_F_C },
  [VYRE_I_ADD] = { "add", COM },
  [VYRE_I_SUB] = { "sub", TWO },
  [VYRE_I_MUL] = { "mul", COM },
  [VYRE_I_DIVU] = { "divu", TWO },
  [VYRE_I_MODU] = { "modu", TWO },
  [VYRE_I_DIVS] = { "divs", TWO & ~VYRE_F_PURE },
  [VYRE_I_MODS] = { "mods", TWO & ~VYRE_F_PURE },
  [VYRE_I_AND] = { "and", COM },
  [VYRE_I_OR] = { "or", COM },
  [VYRE_I_XOR] = { "xor", COM },
  [VYRE_I_SHL] = { "shl", TWO },
  [VYRE_I_SHR] = { "shr", TWO },
  [VYRE_I_SAR] = { "sar", TWO },
  [VYRE_I_ROTL] = { "rotl", TWO },
  [VYRE_I_ROTR] = { "rotr", TWO },
  [VYRE_I_EQ] = { "eq", CMP | VYRE_F_SWAP },
  [VYRE_I_NE] = { "ne", CMP | VYRE_F_SWAP },
  [VYRE_I_LTU] = { "ltu", CMP },
  [VYRE_I_LEU] = { "leu", CMP },
  [VYRE_I_LTS] = { "lts", CMP },
  [VYRE_I_LES] = { "les", CMP },
  [VYRE_I_GTU] = { "gtu", CMP },
  [VYRE_I_GEU] = { "geu", CMP },
  [VYRE_I_GTS] = { "gts", CMP },
  [VYRE_I_GES] = { "ges", CMP },
  [VYRE_I_MINU] = { "minu", COM },
  [VYRE_I_MAXU] = { "maxu", COM },
  [VYRE_I_MINS] = { "mins", COM },
  [VYRE_I_MAXS] = { "maxs", COM },
  [VYRE_I_ABSDIFFU] = { "absdiffu", COM },
  [VYRE_I_ABSDIFFS] = { "absdiffs", COM },
  [VYRE_I_ADDSATU] = { "addsatu", COM },
  [VYRE_I_SUBSATU] = { "subsatu", TWO },
  [VYRE_I_MULSATU] = { "mulsatu", COM },
  [VYRE_I_MULHIU] = { "mulhiu", COM },
  [VYRE_I_LAND] = { "land", CMP | VYRE_F_SWAP },
  [VYRE_I_LOR] = { "lor", CMP | VYRE_F_SWAP },
  [VYRE_I_NOT] = { "not", ONE },
  [VYRE_I_POPCOUNT] = { "popcount", ONE },
  [VYRE_I_CLZ] = { "clz", ONE },
  [VYRE_I_CTZ] = { "ctz", ONE },
  [VYRE_I_REVERSE] = { "reverse", ONE },
  /* Float operands keep their order: the sign of a zero out of min and max
   * follows the left one (section 12.1), and so does nothing else. */
  [VYRE_I_FADD] = { "fadd", COM | FLT },
  [VYRE_I_FSUB] = { "fsub", TWO | FLT },
  [VYRE_I_FMUL] = { "fmul", COM | FLT },
  [VYRE_I_FDIV] = { "fdiv", TWO | FLT },
  [VYRE_I_FMIN] = { "fmin", TWO | FLT },
  [VYRE_I_FMAX] = { "fmax", TWO | FLT },
  [VYRE_I_FEQ] = { "feq", CMP | VYRE_F_SWAP | FLT },
  [VYRE_I_FNE] = { "fne", CMP | VYRE_F_SWAP | FLT },
  [VYRE_I_FLT] = { "flt", CMP | FLT },
  [VYRE_I_FLE] = { "fle", CMP | FLT },
  [VYRE_I_FGT] = { "fgt", CMP | FLT },
  [VYRE_I_FGE] = { "fge", CMP | FLT },
  [VYRE_I_FMA] = { "fma", THREE | FLT },
  [VYRE_I_FCANON] = { "fcanon", ONE | FLT },
  [VYRE_I_FNEG] = { "fneg", ONE | FLT },
  [VYRE_I_FABS] = { "fabs", ONE | FLT },
  [VYRE_I_FSQRT] = { "fsqrt", ONE | FLT },
  [VYRE_I_FRSQRT] = { "frsqrt", ONE | FLT },
  [VYRE_I_FRCP] = { "frcp", ONE | FLT },
  [VYRE_I_FFLOOR] = { "ffloor", ONE | FLT },
  [VYRE_I_FCEIL] = { "fceil", ONE | FLT },
  [VYRE_I_FTRUNC] = { "ftrunc", ONE | FLT },
  [VYRE_I_FROUND] = { "fround", ONE | FLT },
  [VYRE_I_FSIGN] = { "fsign", ONE | FLT },
  [VYRE_I_FISNAN] = { "fisnan", ONE | FLT | VYRE_F_BOOL },
  [VYRE_I_FISINF] = { "fisinf", ONE | FLT | VYRE_F_BOOL },
  [VYRE_I_FISFINITE] = { "fisfinite", ONE | FLT | VYRE_F_BOOL },
  [VYRE_I_FTRUTH] = { "ftruth", ONE | FLT | VYRE_F_BOOL },
  [VYRE_I_F2U] = { "f2u", ONE | FLT },
  [VYRE_I_F2S] = { "f2s", ONE | FLT },
  [VYRE_I_U2F] = { "u2f", ONE | FLT },
  [VYRE_I_S2F] = { "s2f", ONE | FLT },
  [VYRE_I_FSIN] = { "fsin", ONE | FLT },
  [VYRE_I_FCOS] = { "fcos", ONE | FLT },
  [VYRE_I_FTAN] = { "ftan", ONE | FLT },
  [VYRE_I_FASIN] = { "fasin", ONE | FLT },
  [VYRE_I_FACOS] = { "facos", ONE | FLT },
  [VYRE_I_FATAN] = { "fatan", ONE | FLT },
  [VYRE_I_FSINH] = { "fsinh", ONE | FLT },
  [VYRE_I_FCOSH] = { "fcosh", ONE | FLT },
  [VYRE_I_FTANH] = { "ftanh", ONE | FLT },
  [VYRE_I_FEXP] = { "fexp", ONE | FLT },
  [VYRE_I_FEXP2] = { "fexp2", ONE | FLT },
  [VYRE_I_FLOG] = { "flog", ONE | FLT },
  [VYRE_I_FLOG2] = { "flog2", ONE | FLT },
};

const VyreOpInfo *
vyre_op_info (guint op)
{
  static const VyreOpInfo unknown = { NULL, 0 };
  return op < VYRE_I_LIMIT ? &infos[op] : &unknown;
}

guint
vyre_inst_sources (const VyreInst *inst, guint32 sources[3])
{
  guint flags = vyre_op_info (inst->op)->flags;
  guint n = 0;

  if ((flags & VYRE_F_A) && inst->a != VYRE_NONE)
    sources[n++] = inst->a;
  if ((flags & VYRE_F_B) && !inst->imm && inst->b != VYRE_NONE)
    sources[n++] = inst->b;
  if ((flags & VYRE_F_C) && inst->c != VYRE_NONE)
    sources[n++] = inst->c;
  return n;
}

void
vyre_inst_rename (VyreInst *inst, guint32 from, guint32 to)
{
  guint flags = vyre_op_info (inst->op)->flags;

  if ((flags & VYRE_F_A) && inst->a == from)
    inst->a = to;
  if ((flags & VYRE_F_B) && !inst->imm && inst->b == from)
    inst->b = to;
  if ((flags & VYRE_F_C) && inst->c == from)
    inst->c = to;
}

guint
vyre_op_inverse (guint op)
{
  switch (op) {
    case VYRE_I_EQ:
      return VYRE_I_NE;
    case VYRE_I_NE:
      return VYRE_I_EQ;
    case VYRE_I_LTU:
      return VYRE_I_GEU;
    case VYRE_I_GEU:
      return VYRE_I_LTU;
    case VYRE_I_LEU:
      return VYRE_I_GTU;
    case VYRE_I_GTU:
      return VYRE_I_LEU;
    case VYRE_I_LTS:
      return VYRE_I_GES;
    case VYRE_I_GES:
      return VYRE_I_LTS;
    case VYRE_I_LES:
      return VYRE_I_GTS;
    case VYRE_I_GTS:
      return VYRE_I_LES;
    /* The ordered float comparisons have none: both are false for NaN. */
    case VYRE_I_FEQ:
      return VYRE_I_FNE;
    case VYRE_I_FNE:
      return VYRE_I_FEQ;
    default:
      return 0;
  }
}

guint
vyre_op_mirror (guint op)
{
  switch (op) {
    case VYRE_I_LTU:
      return VYRE_I_GTU;
    case VYRE_I_GTU:
      return VYRE_I_LTU;
    case VYRE_I_LEU:
      return VYRE_I_GEU;
    case VYRE_I_GEU:
      return VYRE_I_LEU;
    case VYRE_I_LTS:
      return VYRE_I_GTS;
    case VYRE_I_GTS:
      return VYRE_I_LTS;
    case VYRE_I_LES:
      return VYRE_I_GES;
    case VYRE_I_GES:
      return VYRE_I_LES;
    case VYRE_I_FLT:
      return VYRE_I_FGT;
    case VYRE_I_FGT:
      return VYRE_I_FLT;
    case VYRE_I_FLE:
      return VYRE_I_FGE;
    case VYRE_I_FGE:
      return VYRE_I_FLE;
    default:
      return 0;
  }
}
