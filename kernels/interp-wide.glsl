/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interpreter's inner loop for lanes that run four invocations each
 * (VYRE_XF_WIDE): one decoding serves four times as much work, and four loads
 * are on their way at once. Register n of invocation k is R (4 * n + k).
 * Invocation k of a lane is LANES behind invocation k - 1, so that the lanes of
 * a group touch neighbouring elements.
 */

#define WIDE_ALL ((1u << VYRE_WIDE) - 1u)
#define R4(n) \
  uvec4 (R ((n) * 4u), R ((n) * 4u + 1u), R ((n) * 4u + 2u), R ((n) * 4u + 3u))

/* A bit for each component that is true. */
uint
bits_of (bvec4 v)
{
  return uint (v.x) | uint (v.y) << 1 | uint (v.z) << 2 | uint (v.w) << 3;
}

bvec4
from_bits (uint bits)
{
  return notEqual (uvec4 (bits) & uvec4 (1u, 2u, 4u, 8u), uvec4 (0u));
}

uvec4
special_wide (uint which)
{
  /* Grid and workgroup have one dimension. */
  if (which != VYRE_SPECIAL_INVOCATION_ID &&
      which != VYRE_SPECIAL_WORKGROUP_ID && which != VYRE_SPECIAL_LOCAL_ID)
    return uvec4 (0u);
  uvec4 id = first_invocation + uvec4 (0u, 1u, 2u, 3u) * LANES;
  if (which == VYRE_SPECIAL_INVOCATION_ID)
    return id;
  uvec4 group = id / group_size;
  return which == VYRE_SPECIAL_WORKGROUP_ID ? group : id - group * group_size;
}

uvec4
alu_wide (uint op, uvec4 a, uvec4 b, uvec4 c)
{
  uvec4 r = uvec4 (0u);
  switch (op) {
    case VYRE_I_MOV: r = b; break;
    case VYRE_I_SELECT: r = mix (c, b, notEqual (a, uvec4 (0u))); break;
    case VYRE_I_ADD: r = a + b; break;
    case VYRE_I_SUB: r = a - b; break;
    case VYRE_I_MUL: r = a * b; break;
    case VYRE_I_AND: r = a & b; break;
    case VYRE_I_OR: r = a | b; break;
    case VYRE_I_XOR: r = a ^ b; break;
    case VYRE_I_SHL: r = a << (b & 31u); break;
    case VYRE_I_SHR: r = a >> (b & 31u); break;
    case VYRE_I_SAR: r = uvec4 (ivec4 (a) >> ivec4 (b & 31u)); break;
    case VYRE_I_ROTL:
      r = a << (b & 31u) | a >> (32u - (b & 31u) & 31u);
      break;
    case VYRE_I_ROTR:
      r = a >> (b & 31u) | a << (32u - (b & 31u) & 31u);
      break;
    case VYRE_I_EQ: r = uvec4 (equal (a, b)); break;
    case VYRE_I_NE: r = uvec4 (notEqual (a, b)); break;
    case VYRE_I_LTU: r = uvec4 (lessThan (a, b)); break;
    case VYRE_I_LEU: r = uvec4 (lessThanEqual (a, b)); break;
    case VYRE_I_LTS: r = uvec4 (lessThan (ivec4 (a), ivec4 (b))); break;
    case VYRE_I_LES: r = uvec4 (lessThanEqual (ivec4 (a), ivec4 (b))); break;
    case VYRE_I_GTU: r = uvec4 (greaterThan (a, b)); break;
    case VYRE_I_GEU: r = uvec4 (greaterThanEqual (a, b)); break;
    case VYRE_I_GTS: r = uvec4 (greaterThan (ivec4 (a), ivec4 (b))); break;
    case VYRE_I_GES:
      r = uvec4 (greaterThanEqual (ivec4 (a), ivec4 (b)));
      break;
    case VYRE_I_MINU: r = min (a, b); break;
    case VYRE_I_MAXU: r = max (a, b); break;
    case VYRE_I_MINS: r = uvec4 (min (ivec4 (a), ivec4 (b))); break;
    case VYRE_I_MAXS: r = uvec4 (max (ivec4 (a), ivec4 (b))); break;
    case VYRE_I_ABSDIFFU: r = max (a, b) - min (a, b); break;
    case VYRE_I_ADDSATU:
      r = a + b;
      r |= -uvec4 (lessThan (r, a));
      break;
    case VYRE_I_SUBSATU: r = max (a, b) - b; break;
    case VYRE_I_LAND:
      r = uvec4 (notEqual (a, uvec4 (0u))) & uvec4 (notEqual (b, uvec4 (0u)));
      break;
    case VYRE_I_LOR: r = uvec4 (notEqual (a | b, uvec4 (0u))); break;
    case VYRE_I_NOT: r = ~a; break;
    case VYRE_I_POPCOUNT: r = uvec4 (bitCount (a)); break;
    case VYRE_I_CLZ: r = uvec4 (31 - findMSB (a)); break;
    case VYRE_I_CTZ:
      r = mix (uvec4 (findLSB (a)), uvec4 (32u), equal (a, uvec4 (0u)));
      break;
    case VYRE_I_REVERSE: r = bitfieldReverse (a); break;
  }
  return r;
}

/* What is rare or long is computed for one invocation at a time, so that its
 * code stands in the kernel once. */
bool
is_slow (uint op)
{
  return op >= VYRE_I_FADD || op >= VYRE_I_DIVU && op <= VYRE_I_MODS ||
      op == VYRE_I_ABSDIFFS || op == VYRE_I_MULSATU || op == VYRE_I_MULHIU;
}

void
slow_wide (uint op, uvec2 ins, uint dst, uint mask)
{
  uint ra = (ins.x >> 16 & 63u) * 4u, rb = (ins.x >> 24 & 63u) * 4u;
  uint rc = (ins.y & 63u) * 4u;
  bool division = op == VYRE_I_DIVS || op == VYRE_I_MODS;
  for (uint k = 0u; k < VYRE_WIDE; k++) {
    uint a = R (ra + k);
    uint b = (ins.x & VYRE_I_IMM) != 0u ? ins.y : R (rb + k);
    uint c = R (rc + k);
    uint r;
    bool on = (mask & 1u << k) != 0u;
    if (op < VYRE_I_FADD)
      r = alu (op, a, b, c);
    else if (op < VYRE_I_FSIN)
      r = falu (op, a, b, c);
    else
      r = transcendental (op, a);
    if (division && on && (b == 0u || a == 0x80000000u && b == 0xffffffffu)) {
      fault_code = VYRE_FAULT_DIVISION;
      executing &= ~(1u << k);
      alive &= ~(1u << k);
    }
    if (on)
      R (dst * 4u + k) = r;
  }
}

void
write_wide (uint dst, uvec4 value, uint mask)
{
  if ((mask & 1u) != 0u)
    R (dst * 4u) = value.x;
  if ((mask & 2u) != 0u)
    R (dst * 4u + 1u) = value.y;
  if ((mask & 4u) != 0u)
    R (dst * 4u + 2u) = value.z;
  if ((mask & 8u) != 0u)
    R (dst * 4u + 3u) = value.w;
}

/* VYRE_I_LOAD, VYRE_I_STORE and VYRE_I_ATOMIC. */
void
access_wide (uint op, uvec2 ins, uint dst)
{
  uint x = ins.y;
  bool atomic = op == VYRE_I_ATOMIC;
  uvec4 binding = bindings[min (x & 255u, VYRE_MAX_BINDINGS - 1u)];
  uint stride = atomic ? 2u : VYRE_IM_STRIDE (x);
  uint width = atomic ? 2u : VYRE_IM_WIDTH (x);
  uint offset = atomic ? 0u : VYRE_IM_OFFSET (x);
  uint64_t base = packUint2x32 (binding.xy);
  uvec4 a = R4 (ins.x >> 16 & 63u);
  uvec4 byte = (a << stride) + offset;
  uint ok = executing &
      bits_of (lessThan (a, uvec4 (binding.z >> stride)));
  if (op == VYRE_I_LOAD) {
    uvec4 word = uvec4 (0u);
    Words m = Words (base);
    if ((ok & 1u) != 0u)
      word.x = m.w[byte.x >> 2];
    if ((ok & 2u) != 0u)
      word.y = m.w[byte.y >> 2];
    if ((ok & 4u) != 0u)
      word.z = m.w[byte.z >> 2];
    if ((ok & 8u) != 0u)
      word.w = m.w[byte.w >> 2];
    if (width != 2u)
      word = word >> (byte & 3u) * 8u & (width == 0u ? 0xffu : 0xffffu);
    write_wide (dst, word, executing);
  } else if (op == VYRE_I_STORE && width == 2u) {
    uvec4 value = R4 (dst);
    Words m = Words (base);
    if ((ok & 1u) != 0u)
      m.w[byte.x >> 2] = value.x;
    if ((ok & 2u) != 0u)
      m.w[byte.y >> 2] = value.y;
    if ((ok & 4u) != 0u)
      m.w[byte.z >> 2] = value.z;
    if ((ok & 8u) != 0u)
      m.w[byte.w >> 2] = value.w;
  } else {
    uint rb = (ins.x >> 24 & 63u) * 4u;
    uint rc = (VYRE_IA_EXPECTED (x) & 63u) * 4u;
    for (uint k = 0u; k < VYRE_WIDE; k++) {
      bool on = (ok & 1u << k) != 0u;
      uint at = R ((ins.x >> 16 & 63u) * 4u + k);
      uint64_t address = base + uint64_t ((at << stride) + offset);
      uint old = 0u;
      if (atomic) {
        if (on)
          old = atomic_access (address, VYRE_IA_OPERATION (x), R (rb + k),
              R (rc + k));
        if ((executing & 1u << k) != 0u)
          R (dst * 4u + k) = old;
      } else if (on) {
        uint value = R (dst * 4u + k);
        if (width == 1u)
          Halves (address).h[0] = uint16_t (value);
        else
          Bytes (address).b[0] = uint8_t (value);
      }
    }
  }
}

/* As interpret(), which this does for four invocations a lane. Levels of control
 * flow have four bits each in entered.x and taken.x. */
uint
interpret_wide (uint lane, inout uint allowance)
{
  Code code = Code (code_address);
  uint event = EV_SLICE;
  uvec2 ins = code.i[pc];

  while (allowance > 0u) {
    allowance--;
    pc++;
    /* On its way while this instruction runs; jumps fetch again. */
    uvec2 next = code.i[pc];
    uint op = ins.x & 127u;
    uint dst = ins.x >> 8 & 63u;
    uint x = ins.y;

    if (op >= VYRE_I_ADD && !is_slow (op) || op == VYRE_I_MOV ||
        op == VYRE_I_SELECT) {
      uvec4 a = R4 (ins.x >> 16 & 63u);
      uvec4 b = uvec4 (x);
      if ((ins.x & VYRE_I_IMM) == 0u)
        b = R4 (ins.x >> 24 & 63u);
      uvec4 c = uvec4 (0u);
      if (op == VYRE_I_SELECT)
        c = R4 (x & 63u);
      write_wide (dst, alu_wide (op, a, b, c), executing);
    } else if (op == VYRE_I_LOAD || op == VYRE_I_STORE ||
        op == VYRE_I_ATOMIC) {
      access_wide (op, ins, dst);
    } else if (op > VYRE_I_SELECT && op < VYRE_I_LOAD) {
      uvec4 value = op == VYRE_I_SPECIAL ? special_wide (x) :
          uvec4 (op == VYRE_I_BUFLEN ?
              bindings[min (x & 255u, VYRE_MAX_BINDINGS - 1u)].w :
              bindings[min (x & 255u, VYRE_MAX_BINDINGS - 1u)].z);
      write_wide (dst, value, executing);
    } else if (op < VYRE_I_MOV) {
      uint shift = (dst & VYRE_WIDE_LEVELS - 1u) * VYRE_WIDE;
      uint level_mask = WIDE_ALL << shift;
      uint was = entered.x >> shift & alive & WIDE_ALL;
      uvec4 a = R4 (ins.x >> 16 & 63u);
      bool may_jump = false, on_any = false, restore = false;
      bool leaves = false;
      switch (op) {
        case VYRE_I_IF:
          entered.x = entered.x & ~level_mask | executing << shift;
          executing &= bits_of (notEqual (a, uvec4 (0u)));
          taken.x = taken.x & ~level_mask | executing << shift;
          may_jump = true;
          break;
        case VYRE_I_ELSE:
          executing = was & ~(taken.x >> shift);
          may_jump = true;
          break;
        case VYRE_I_ENDIF:
          executing = was;
          break;
        case VYRE_I_LOOP: {
          uvec4 b = R4 (ins.x >> 24 & 63u);
          entered.x = entered.x & ~level_mask | executing << shift;
          was = executing;
          executing &= bits_of (lessThan (a, b));
          may_jump = true;
          restore = true;
          break;
        }
        case VYRE_I_NEXT: {
          uvec4 b = R4 (ins.x >> 24 & 63u);
          a += 1u;
          write_wide (ins.x >> 16 & 63u, a, executing);
          executing &= bits_of (lessThan (a, b));
          may_jump = true;
          on_any = true;
          restore = true;
          break;
        }
        case VYRE_I_RETURN:
          alive &= ~executing;
          executing = 0u;
          leaves = true;
          break;
        case VYRE_I_FAULT_IF:
        case VYRE_I_TRAP: {
          bool trap = op == VYRE_I_TRAP;
          uvec4 at = a;
          if (!trap)
            at = R4 (dst);
          uint who = executing;
          if (!trap)
            who &= bits_of (notEqual (a, uvec4 (0u)));
          if (who != 0u) {
            uint k = uint (findLSB (who));
            fault_code = trap ? VYRE_FAULT_TRAP : ins.x >> 24;
            fault_address = k == 0u ? at.x : k == 1u ? at.y : k == 2u ?
                at.z : at.w;
            if (trap)
              fault_tag = x;
            executing &= ~who;
            alive &= ~who;
          }
          leaves = true;
          break;
        }
      }
      bool any = subgroupAny ((leaves ? alive : executing) != 0u);
      if (may_jump && any == on_any) {
        pc = x;
        next = code.i[pc];
      }
      if (restore && !any)
        executing = was;
      if (op == VYRE_I_END || leaves && !any)
        event = EV_END;
      if (op == VYRE_I_BARRIER)
        event = EV_BARRIER;
    } else {
      slow_wide (op, ins, dst, executing);
    }
    ins = next;
    if (event != EV_SLICE)
      break;
  }
  return event;
}
