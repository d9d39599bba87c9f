/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The register code that the interpreter kernel executes: what lowering
 * emits, the verifier admits and kernels/ runs. Included by C and by GLSL,
 * hence nothing but #defines.
 *
 * An instruction is two words:
 *   word 0: bits 0-6 opcode, bit 7 IMM, 8-15 dst, 16-23 a, 24-31 b
 *   word 1: X: an immediate, a target (instruction index) or packed fields
 * R[n] is register n of the lane. With IMM set, operand B is X itself instead
 * of R[b] (only for opcodes of the groups marked "imm").
 *
 * All lanes of a lane group share one program counter; each lane is either
 * executing or masked. Registers of masked lanes do not change. Structured
 * control flow uses levels 0..63, one per nesting depth of IF and LOOP.
 */
#ifndef VYRE_LOWER_ISA_H
#define VYRE_LOWER_ISA_H

#define VYRE_I_IMM 0x80u
#define VYRE_I_MAX_REGISTERS 64
#define VYRE_I_MAX_LEVELS 64
#define VYRE_I_MAX_CODE 1048576 /* instructions */

/* Control. Targets are absolute instruction indices. */
#define VYRE_I_END 0     /* all lanes are finished */
#define VYRE_I_IF 1      /* level dst, condition R[a] != 0; no lane: go to X (its ELSE or ENDIF) */
#define VYRE_I_ELSE 2    /* level dst; lanes swap; no lane: go to X (its ENDIF) */
#define VYRE_I_ENDIF 3   /* level dst; lanes that are alive come back */
#define VYRE_I_LOOP 4    /* level dst; lanes with R[a] < R[b] enter; none: go to X, just after NEXT */
#define VYRE_I_NEXT 5    /* level dst; R[a] += 1; lanes with R[a] < R[b] go on at X (body start);
                            none: lanes that entered and are alive come back, fall through */
#define VYRE_I_RETURN 6  /* executing lanes are finished for good */
#define VYRE_I_BARRIER 7 /* workgroup barrier; reached by every unfinished lane group */
#define VYRE_I_TRAP 8    /* executing lanes fault: code VYRE_FAULT_TRAP, address R[a], tag X */
#define VYRE_I_FAULT_IF 9 /* lanes with R[a] != 0 fault: code b (a number), address R[dst] */

/* Moves. */
#define VYRE_I_MOV 10     /* imm: dst = B */
#define VYRE_I_SELECT 11  /* dst = R[a] != 0 ? R[b] : R[X & 255] */
#define VYRE_I_SPECIAL 12 /* dst = special value X */
#define VYRE_I_BUFLEN 13  /* dst = element count of binding X */
#define VYRE_I_BYTELEN 14 /* dst = byte length of binding X */

/* Memory. X of LOAD and STORE: VYRE_IM(binding, log2 stride, log2 width,
 * byte offset inside the element). In bounds iff index < bytes >> log2 stride.
 * LOAD: dst = zero-extended value at element R[a], 0 when out of bounds.
 * STORE: low bytes of R[dst] to element R[a]; dropped when out of bounds. */
#define VYRE_I_LOAD 16
#define VYRE_I_STORE 17
#define VYRE_I_SPILL_LOAD 18  /* dst = spill word X of the lane */
#define VYRE_I_SPILL_STORE 19 /* spill word X of the lane = R[dst] */
/* dst = old word, 0 when out of bounds; index R[a], value R[b];
 * X: VYRE_IA(binding, operation, register of the expected value).
 * In bounds iff index < bytes / 4. */
#define VYRE_I_ATOMIC 20

/* Integers, imm. Truth values are 0 and 1. */
#define VYRE_I_ADD 24
#define VYRE_I_SUB 25
#define VYRE_I_MUL 26
#define VYRE_I_DIVU 27 /* x / 0 = 0xFFFFFFFF */
#define VYRE_I_MODU 28 /* x % 0 = 0 */
#define VYRE_I_DIVS 29 /* by 0 or MIN / -1: fault R08 */
#define VYRE_I_MODS 30 /* likewise; sign of the dividend */
#define VYRE_I_AND 31
#define VYRE_I_OR 32
#define VYRE_I_XOR 33
#define VYRE_I_SHL 34 /* counts are taken modulo 32 */
#define VYRE_I_SHR 35
#define VYRE_I_SAR 36
#define VYRE_I_ROTL 37
#define VYRE_I_ROTR 38
#define VYRE_I_EQ 39
#define VYRE_I_NE 40
#define VYRE_I_LTU 41
#define VYRE_I_LEU 42
#define VYRE_I_LTS 43
#define VYRE_I_LES 44
#define VYRE_I_GTU 45
#define VYRE_I_GEU 46
#define VYRE_I_GTS 47
#define VYRE_I_GES 48
#define VYRE_I_MINU 49
#define VYRE_I_MAXU 50
#define VYRE_I_MINS 51
#define VYRE_I_MAXS 52
#define VYRE_I_ABSDIFFU 53
#define VYRE_I_ABSDIFFS 54
#define VYRE_I_ADDSATU 55
#define VYRE_I_SUBSATU 56
#define VYRE_I_MULSATU 57
#define VYRE_I_MULHIU 58
#define VYRE_I_LAND 59 /* both non-zero */
#define VYRE_I_LOR 60  /* either non-zero */
/* Integers, one operand: dst = op R[a]. */
#define VYRE_I_NOT 61
#define VYRE_I_POPCOUNT 62
#define VYRE_I_CLZ 63 /* 32 for 0 */
#define VYRE_I_CTZ 64 /* 32 for 0 */
#define VYRE_I_REVERSE 65

/* Floats as bit patterns; operands are canonical, results are made canonical
 * (vir0-semantics.md section 8.5). imm in the two-operand ones. */
#define VYRE_I_FADD 70
#define VYRE_I_FSUB 71
#define VYRE_I_FMUL 72
#define VYRE_I_FDIV 73
#define VYRE_I_FMIN 74
#define VYRE_I_FMAX 75
#define VYRE_I_FEQ 76
#define VYRE_I_FNE 77
#define VYRE_I_FLT 78
#define VYRE_I_FLE 79
#define VYRE_I_FGT 80
#define VYRE_I_FGE 81
#define VYRE_I_FMA 82 /* dst = R[a] * R[b] + R[X & 255], one rounding */
#define VYRE_I_FCANON 83
#define VYRE_I_FNEG 84
#define VYRE_I_FABS 85
#define VYRE_I_FSQRT 86
#define VYRE_I_FRSQRT 87
#define VYRE_I_FRCP 88
#define VYRE_I_FFLOOR 89
#define VYRE_I_FCEIL 90
#define VYRE_I_FTRUNC 91
#define VYRE_I_FROUND 92
#define VYRE_I_FSIGN 93
#define VYRE_I_FISNAN 94
#define VYRE_I_FISINF 95
#define VYRE_I_FISFINITE 96
#define VYRE_I_FTRUTH 97 /* dst = R[a] != 0.0, NaN true */
#define VYRE_I_F2U 98    /* truncate, saturate, NaN 0 */
#define VYRE_I_F2S 99
#define VYRE_I_U2F 100 /* nearest even */
#define VYRE_I_S2F 101
#define VYRE_I_FSIN 102
#define VYRE_I_FCOS 103
#define VYRE_I_FTAN 104
#define VYRE_I_FASIN 105
#define VYRE_I_FACOS 106
#define VYRE_I_FATAN 107
#define VYRE_I_FSINH 108
#define VYRE_I_FCOSH 109
#define VYRE_I_FTANH 110
#define VYRE_I_FEXP 111
#define VYRE_I_FEXP2 112
#define VYRE_I_FLOG 113
#define VYRE_I_FLOG2 114
#define VYRE_I_LIMIT 115 /* opcodes below this may exist */

/* Special values. */
#define VYRE_SPECIAL_INVOCATION_ID 0 /* + axis */
#define VYRE_SPECIAL_WORKGROUP_ID 3
#define VYRE_SPECIAL_LOCAL_ID 6
#define VYRE_SPECIALS 9

/* Packed X of memory instructions. */
#define VYRE_IM(binding, log2_stride, log2_width, byte_offset) \
  ((binding) | (log2_stride) << 8 | (log2_width) << 12 | (byte_offset) << 16)
#define VYRE_IM_BINDING(x) ((x) & 255u)
#define VYRE_IM_STRIDE(x) ((x) >> 8 & 15u) /* 0..4 */
#define VYRE_IM_WIDTH(x) ((x) >> 12 & 15u) /* 0..2 */
#define VYRE_IM_OFFSET(x) ((x) >> 16 & 255u)

#define VYRE_IA(binding, operation, expected) \
  ((binding) | (operation) << 8 | (expected) << 16)
#define VYRE_IA_BINDING(x) ((x) & 255u)
#define VYRE_IA_OPERATION(x) ((x) >> 8 & 255u)
#define VYRE_IA_EXPECTED(x) ((x) >> 16 & 255u)

#define VYRE_IA_ADD 0
#define VYRE_IA_OR 1
#define VYRE_IA_AND 2
#define VYRE_IA_XOR 3
#define VYRE_IA_MIN 4
#define VYRE_IA_MAX 5
#define VYRE_IA_EXCHANGE 6
#define VYRE_IA_COMPARE_EXCHANGE 7

#endif
