/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interpreter's inner loop: runs register code (runtime/lower/isa.h) for
 * one lane group until an event. The program counter is the same for all
 * lanes; each lane has a bit that says whether it executes.
 *
 * One load, one store per width and one set of atomics, whatever the program:
 * some devices execute every case of a switch, so memory stays out of it.
 */

#include "integer.glsl"

#define EV_SLICE 0u   /* the step allowance is used up */
#define EV_END 1u     /* every lane is finished */
#define EV_BARRIER 2u

uint pc;
uint64_t code_address;
uint quads; /* of invocations that a lane runs at once, where it runs several */

#ifdef VYRE_PARALLEL
/* A vector is register n of four invocations (quad q) of those that a lane runs at
 * once, where it runs several. */
shared uvec4 registers[VYRE_I_MAX_REGISTERS * LANES / VYRE_WIDE];
#define R(n) registers[((n) * LANES + lane) / VYRE_WIDE][lane % VYRE_WIDE]
#define R4(n, q) registers[((n) * quads + (q)) * LANES + lane]

/* Instructions from code_base on. Memory that the host writes too is not kept in
 * the caches of multiprocessors: each fetch would take half a microsecond. */
#define CODE_CACHE 64u
shared uvec2 code_cache[CODE_CACHE];
shared uint code_info[CODE_CACHE]; /* what interp-wide.glsl makes of them */
uint code_base;

uint op_info (uvec2 ins, uint at);

bool
is_cached (uint at)
{
  return at - code_base < CODE_CACHE;
}

/* Makes sure that the instruction at pc is there. */
void
cache_code ()
{
  if (is_cached (pc))
    return;
  code_base = pc & ~(CODE_CACHE / 4u - 1u);
  settle ();
  for (uint k = lane; k < CODE_CACHE; k += LANES) {
    if (code_base + k < code_length) {
      uvec2 ins = Code (code_address).i[code_base + k];
      code_cache[k] = ins;
      code_info[k] = op_info (ins, code_base + k);
    }
  }
  settle ();
}
#else
shared uint registers[VYRE_I_MAX_REGISTERS * LANES];
#define R(n) registers[(n) * LANES + lane]
#endif
/* The window's bindings with absolute addresses. */
shared uvec4 bindings[VYRE_MAX_BINDINGS];

/* Lane state: which of the lane's invocations execute, and which have not
 * ended; bit 0 where it runs one. */
uint executing, alive;
uvec2 entered, taken; /* per level of control flow */
uvec3 workgroup_id, local_id, invocation_id;
uint first_invocation; /* where the lane runs several: of the first */

/* Uniform state. */
uint64_t spill_address; /* of word 0 of lane 0 */

uint fault_code, fault_address, fault_tag; /* of this lane; 0: none */

uvec2
level_bit (uint level)
{
  return level < 32u ? uvec2 (1u << level, 0u) : uvec2 (0u, 1u << level - 32u);
}

bool
test (uvec2 set, uvec2 bit)
{
  return ((set.x & bit.x) | (set.y & bit.y)) != 0u;
}

uvec2
assign (uvec2 set, uvec2 bit, bool value)
{
  return value ? set | bit : set & ~bit;
}

uint
special_value (uint which)
{
  uvec3 v = which < 3u ? invocation_id : which < 6u ? workgroup_id : local_id;
  uint axis = which % 3u;
  return axis == 0u ? v.x : axis == 1u ? v.y : v.z;
}

uint
alu (uint op, uint a, uint b, uint c)
{
  uint r = 0u;
  switch (op) {
    case VYRE_I_MOV: r = b; break;
    case VYRE_I_SELECT: r = a != 0u ? b : c; break;
    case VYRE_I_ADD: r = a + b; break;
    case VYRE_I_SUB: r = a - b; break;
    case VYRE_I_MUL: r = a * b; break;
    case VYRE_I_DIVU:
    case VYRE_I_MODU:
    case VYRE_I_DIVS:
    case VYRE_I_MODS: r = divide (op, a, b); break;
    case VYRE_I_AND: r = a & b; break;
    case VYRE_I_OR: r = a | b; break;
    case VYRE_I_XOR: r = a ^ b; break;
    case VYRE_I_SHL: r = a << (b & 31u); break;
    case VYRE_I_SHR: r = a >> (b & 31u); break;
    case VYRE_I_SAR: r = uint (int (a) >> int (b & 31u)); break;
    case VYRE_I_ROTL: r = a << (b & 31u) | a >> (32u - (b & 31u) & 31u); break;
    case VYRE_I_ROTR: r = a >> (b & 31u) | a << (32u - (b & 31u) & 31u); break;
    case VYRE_I_EQ: r = uint (a == b); break;
    case VYRE_I_NE: r = uint (a != b); break;
    case VYRE_I_LTU: r = uint (a < b); break;
    case VYRE_I_LEU: r = uint (a <= b); break;
    case VYRE_I_LTS: r = uint (int (a) < int (b)); break;
    case VYRE_I_LES: r = uint (int (a) <= int (b)); break;
    case VYRE_I_GTU: r = uint (a > b); break;
    case VYRE_I_GEU: r = uint (a >= b); break;
    case VYRE_I_GTS: r = uint (int (a) > int (b)); break;
    case VYRE_I_GES: r = uint (int (a) >= int (b)); break;
    case VYRE_I_MINU: r = min (a, b); break;
    case VYRE_I_MAXU: r = max (a, b); break;
    case VYRE_I_MINS: r = uint (min (int (a), int (b))); break;
    case VYRE_I_MAXS: r = uint (max (int (a), int (b))); break;
    case VYRE_I_ABSDIFFU: r = max (a, b) - min (a, b); break;
    case VYRE_I_ABSDIFFS: r = int (a) > int (b) ? a - b : b - a; break;
    case VYRE_I_ADDSATU: r = a + b; r = r < a ? 0xffffffffu : r; break;
    case VYRE_I_SUBSATU: r = a < b ? 0u : a - b; break;
    case VYRE_I_MULSATU:
    case VYRE_I_MULHIU: {
      uint hi, lo;
      umulExtended (a, b, hi, lo);
      r = op == VYRE_I_MULHIU ? hi : hi != 0u ? 0xffffffffu : lo;
      break;
    }
    case VYRE_I_LAND: r = uint (a != 0u && b != 0u); break;
    case VYRE_I_LOR: r = uint (a != 0u || b != 0u); break;
    case VYRE_I_NOT: r = ~a; break;
    case VYRE_I_POPCOUNT: r = uint (bitCount (a)); break;
    case VYRE_I_CLZ: r = uint (31 - findMSB (a)); break;
    case VYRE_I_CTZ: r = a == 0u ? 32u : uint (findLSB (a)); break;
    case VYRE_I_REVERSE: r = bitfieldReverse (a); break;
  }
  return r;
}

uint
falu (uint op, uint a, uint b, uint c)
{
  uint r = 0u;
  bool ordered = !is_nan (a) && !is_nan (b);
  switch (op) {
    case VYRE_I_FADD: r = fadd (a, b); break;
    case VYRE_I_FSUB: r = fadd (a, is_nan (b) ? b : b ^ F_SIGN); break;
    case VYRE_I_FMUL: r = fmul (a, b); break;
    case VYRE_I_FDIV: r = fdiv (a, b); break;
    case VYRE_I_FMIN: r = fminmax (a, b, false); break;
    case VYRE_I_FMAX: r = fminmax (a, b, true); break;
    case VYRE_I_FEQ: r = uint (ordered && order (a) == order (b)); break;
    case VYRE_I_FNE: r = uint (!(ordered && order (a) == order (b))); break;
    case VYRE_I_FLT: r = uint (ordered && order (a) < order (b)); break;
    case VYRE_I_FLE: r = uint (ordered && order (a) <= order (b)); break;
    case VYRE_I_FGT: r = uint (ordered && order (a) > order (b)); break;
    case VYRE_I_FGE: r = uint (ordered && order (a) >= order (b)); break;
    case VYRE_I_FMA: r = ffma (a, b, c); break;
    case VYRE_I_FCANON: r = canon (a); break;
    case VYRE_I_FNEG: r = is_nan (a) ? F_NAN : a ^ F_SIGN; break;
    case VYRE_I_FABS: r = is_nan (a) ? F_NAN : a & F_ABS; break;
    case VYRE_I_FSQRT: r = fsqrt (a); break;
    case VYRE_I_FRSQRT: r = fdiv (0x3f800000u, fsqrt (a)); break;
    case VYRE_I_FRCP: r = fdiv (0x3f800000u, a); break;
    case VYRE_I_FFLOOR: r = fround_to (a, 0u); break;
    case VYRE_I_FCEIL: r = fround_to (a, 1u); break;
    case VYRE_I_FTRUNC: r = fround_to (a, 2u); break;
    case VYRE_I_FROUND: r = fround_to (a, 3u); break;
    case VYRE_I_FSIGN: r = fsign (a); break;
    case VYRE_I_FISNAN: r = uint (is_nan (a)); break;
    case VYRE_I_FISINF: r = uint ((a & F_ABS) == F_INF); break;
    case VYRE_I_FISFINITE: r = uint ((a & F_ABS) < F_INF); break;
    case VYRE_I_FTRUTH: r = uint ((a & F_ABS) != 0u); break;
    case VYRE_I_F2U: r = f_to_uint (a); break;
    case VYRE_I_F2S: r = f_to_int (a); break;
    case VYRE_I_U2F: r = uint_to_f (a); break;
    case VYRE_I_S2F: r = int_to_f (a); break;
  }
  return r;
}

uint
atomic_access (uint64_t address, uint operation, uint value, uint expected)
{
  Words m = Words (address);
  uint r = 0u;
  switch (operation) {
    case VYRE_IA_ADD: r = atomicAdd (m.w[0], value, SCOPE, 0, 0); break;
    case VYRE_IA_OR: r = atomicOr (m.w[0], value, SCOPE, 0, 0); break;
    case VYRE_IA_AND: r = atomicAnd (m.w[0], value, SCOPE, 0, 0); break;
    case VYRE_IA_XOR: r = atomicXor (m.w[0], value, SCOPE, 0, 0); break;
    case VYRE_IA_MIN: r = atomicMin (m.w[0], value, SCOPE, 0, 0); break;
    case VYRE_IA_MAX: r = atomicMax (m.w[0], value, SCOPE, 0, 0); break;
    case VYRE_IA_EXCHANGE:
      r = atomicExchange (m.w[0], value, SCOPE, 0, 0);
      break;
    case VYRE_IA_COMPARE_EXCHANGE:
      r = atomicCompSwap (m.w[0], expected, value, SCOPE, 0, 0, 0, 0);
      break;
  }
  return r;
}

/* Runs at most allowance instructions; leaves how many are left in it. A lane
 * that faults stops at once and keeps its fault_code; the others run on to the
 * next event, where the caller looks. */
uint
interpret (uint lane, inout uint allowance)
{
#ifndef VYRE_PARALLEL
  Code code = Code (code_address);
#endif
  uint event = EV_SLICE;
  bool on = executing != 0u, live = alive != 0u;

  while (allowance > 0u) {
    allowance--;
#ifdef VYRE_PARALLEL
    cache_code ();
    uvec2 ins = code_cache[pc - code_base];
#else
    uvec2 ins = code.i[pc];
#endif
    pc++;
    uint op = ins.x & 127u;
    uint dst = ins.x >> 8 & 63u;
    uint x = ins.y;
    uint a = R (ins.x >> 16 & 63u);
    uint b = (ins.x & VYRE_I_IMM) != 0u ? x : R (ins.x >> 24 & 63u);
    /* The third register: what is stored, what is expected, or c. */
    bool uses_dst = op == VYRE_I_STORE || op == VYRE_I_SPILL_STORE ||
        op == VYRE_I_FAULT_IF;
    uint c = R (uses_dst ? dst : op == VYRE_I_ATOMIC ?
            VYRE_IA_EXPECTED (x) & 63u : x & 63u);
    bool writes = on;
    uint target = dst;
    uint result = 0u;

    if (op < VYRE_I_MOV) {
      uvec2 bit = level_bit (dst);
      bool was = test (entered, bit) && live;
      bool may_jump = false, on_any = false, restore = false;
      writes = false;
      switch (op) {
        case VYRE_I_IF:
          entered = assign (entered, bit, on);
          on = on && a != 0u;
          taken = assign (taken, bit, on);
          may_jump = true;
          break;
        case VYRE_I_ELSE:
          on = was && !test (taken, bit);
          may_jump = true;
          break;
        case VYRE_I_ENDIF:
          on = was;
          break;
        case VYRE_I_LOOP:
          entered = assign (entered, bit, on);
          was = on;
          on = on && a < b;
          may_jump = true;
          restore = true;
          break;
        case VYRE_I_NEXT:
          result = a + 1u;
          writes = on;
          target = ins.x >> 16 & 63u;
          on = on && result < b;
          may_jump = true;
          on_any = true;
          restore = true;
          break;
        case VYRE_I_RETURN:
          live = live && !on;
          on = false;
          break;
        case VYRE_I_FAULT_IF:
          if (on && a != 0u) {
            fault_code = ins.x >> 24;
            fault_address = c;
            on = false;
            live = false;
          }
          break;
        case VYRE_I_TRAP:
          if (on) {
            fault_code = VYRE_FAULT_TRAP;
            fault_address = a;
            fault_tag = x;
            on = false;
            live = false;
          }
          break;
      }
      bool leaves = op == VYRE_I_RETURN || op == VYRE_I_TRAP ||
          op == VYRE_I_FAULT_IF;
      bool any = subgroupAny (leaves ? live : on);
      if (may_jump && any == on_any)
        pc = x;
      if (restore && !any)
        on = was;
      if (op == VYRE_I_END || leaves && !any)
        event = EV_END;
      if (op == VYRE_I_BARRIER)
        event = EV_BARRIER;
    } else if (op < VYRE_I_ADD && op > VYRE_I_SELECT) {
      bool spill = op == VYRE_I_SPILL_LOAD || op == VYRE_I_SPILL_STORE;
      bool atomic = op == VYRE_I_ATOMIC;
      uvec4 binding = bindings[min (x & 255u, VYRE_MAX_BINDINGS - 1u)];
      uint stride = atomic ? 2u : VYRE_IM_STRIDE (x);
      uint width = atomic || spill ? 2u : VYRE_IM_WIDTH (x);
      uint offset = atomic ? 0u : VYRE_IM_OFFSET (x);
      uint64_t base = packUint2x32 (binding.xy);
      uint byte = (a << stride) + offset;
      bool ok = on && a < binding.z >> stride;
      if (spill) {
        base = spill_address;
        byte = (x * LANES + lane) * 4u;
        ok = on;
      }
      writes = on && !uses_dst;
      if (op == VYRE_I_SPECIAL)
        result = special_value (x);
      else if (op == VYRE_I_BUFLEN)
        result = binding.w;
      else if (op == VYRE_I_BYTELEN)
        result = binding.z;
      uint64_t address = base + uint64_t (byte);
      if (ok && (op == VYRE_I_LOAD || op == VYRE_I_SPILL_LOAD)) {
        uint word = Words (base).w[byte >> 2];
        word >>= (byte & 3u) * 8u;
        result = width == 2u ? word : word & (width == 0u ? 0xffu : 0xffffu);
      }
      if (ok && (op == VYRE_I_STORE || op == VYRE_I_SPILL_STORE)) {
        if (width == 2u)
          Words (base).w[byte >> 2] = c;
        else if (width == 1u)
          Halves (address).h[0] = uint16_t (c);
        else
          Bytes (address).b[0] = uint8_t (c);
      }
      if ((KERNEL_FEATURES & VYRE_KERNEL_ATOMIC) != 0u && ok && atomic)
        result = atomic_access (address, VYRE_IA_OPERATION (x), b, c);
    } else {
      if (op < VYRE_I_FADD)
        result = alu (op, a, b, c);
      else if ((KERNEL_FEATURES & VYRE_KERNEL_FLOAT) != 0u &&
          op < VYRE_I_FSIN)
        result = falu (op, a, b, c);
      else if ((KERNEL_FEATURES & VYRE_KERNEL_TRANSCENDENTAL) != 0u)
        result = transcendental (op, a);
      bool division = op == VYRE_I_DIVS || op == VYRE_I_MODS;
      if (division && on &&
          (b == 0u || a == 0x80000000u && b == 0xffffffffu)) {
        fault_code = VYRE_FAULT_DIVISION;
        on = false;
        live = false;
      }
    }
    if (writes)
      R (target) = result;
    if (event != EV_SLICE)
      break;
  }
  executing = uint (on);
  alive = uint (live);
  return event;
}
