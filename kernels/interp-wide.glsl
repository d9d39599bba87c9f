/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interpreter's inner loop for lanes that run 4, 8 or 16 invocations each
 * (VYRE_XF_WIDE), in quads: one decoding serves them all, and all their loads
 * are on their way at once. R4 (n, q) is register n of the four of quad q.
 * Invocation k of a lane is LANES behind invocation k - 1, so that the lanes of a
 * group touch neighbouring elements. Masks have a bit for each.
 *
 * What takes time here is jumping: every jump to code that is far away waits
 * for the instruction cache, and a loop with votes in it keeps account of its
 * lanes at every turn. So there is no case for each operation, but a few forms
 * that compute whole families of them without a jump, steered by bits from a
 * table, each with a short loop over the quads; and an inner loop for those,
 * without a vote.
 */

/* Invocations of a lane, and a bit for each. */
#define WIDTH (quads * VYRE_WIDE)
#define WIDE_ALL ((1u << WIDTH) - 1u)
/* Operands of the instruction ins for quad q. */
#define A4(q) R4 (ins.x >> 16 & 63u, q)
#define B4(q) ((ins.x & VYRE_I_IMM) != 0u ? uvec4 (ins.y) : \
      R4 (ins.x >> 24 & 63u, q))

/* Forms. */
#define FORM_MASK 15u
#define FORM_SLOW 0u
#define FORM_LINEAR 1u /* b * m + ((a & b & M0) ^ (a & M1) ^ (b & M2) ^ C) */
#define FORM_COMPARE 2u
#define FORM_SHIFT 3u
#define FORM_LOAD 4u
#define FORM_STORE 5u
#define FORM_CONTROL 6u
#define FORM_SELECT 7u
#define FORM_VALUE 8u
#define FORM_LIMIT 9u /* minimum and maximum */

#define LINEAR_AND 0x10u  /* M0 */
#define LINEAR_A 0x20u    /* M1 */
#define LINEAR_B 0x40u    /* M2 */
#define LINEAR_NOT 0x80u  /* C */
#define LINEAR_MUL 0x100u /* m is a */
#define LINEAR_ADD 0x200u /* m is 1 */
#define LINEAR_SUB 0x400u /* m is -1 */
#define COMPARE_LESS 0x10u
#define COMPARE_EQUAL 0x20u
#define COMPARE_NOT 0x40u
#define WITH_SIGN 0x80u
#define SHIFT_LEFT 0x10u
#define LIMIT_MAX 0x10u
#define OUTER 0x10000u /* not for the inner loop */

#define LESS (FORM_COMPARE | COMPARE_LESS)
#define EQUAL (FORM_COMPARE | COMPARE_EQUAL)

const uint OP_INFO[VYRE_I_ROTL] = uint[] (
    FORM_CONTROL, FORM_CONTROL, FORM_CONTROL, FORM_CONTROL, FORM_CONTROL,
    FORM_CONTROL, FORM_CONTROL, FORM_CONTROL, FORM_CONTROL, FORM_CONTROL,
    FORM_LINEAR | LINEAR_B,                             /* MOV */
    FORM_SELECT,
    FORM_VALUE, FORM_VALUE, FORM_VALUE, FORM_SLOW,
    FORM_LOAD, FORM_STORE, FORM_SLOW, FORM_SLOW, FORM_SLOW, FORM_SLOW,
    FORM_SLOW, FORM_SLOW,
    FORM_LINEAR | LINEAR_ADD | LINEAR_A,                /* ADD */
    FORM_LINEAR | LINEAR_SUB | LINEAR_A,                /* SUB */
    FORM_LINEAR | LINEAR_MUL,                           /* MUL */
    FORM_SLOW, FORM_SLOW, FORM_SLOW, FORM_SLOW,
    FORM_LINEAR | LINEAR_AND,                           /* AND */
    FORM_LINEAR | LINEAR_AND | LINEAR_A | LINEAR_B,     /* OR */
    FORM_LINEAR | LINEAR_A | LINEAR_B,                  /* XOR */
    FORM_SHIFT | SHIFT_LEFT, FORM_SHIFT, FORM_SHIFT | WITH_SIGN);

/* Comparisons, limits and NOT, from VYRE_I_EQ to VYRE_I_NOT. */
const uint COMPARE_INFO[VYRE_I_NOT - VYRE_I_EQ + 1] = uint[] (
    EQUAL, EQUAL | COMPARE_NOT,
    LESS, LESS | EQUAL,                                 /* LTU, LEU */
    LESS | WITH_SIGN, LESS | EQUAL | WITH_SIGN,         /* LTS, LES */
    LESS | EQUAL | COMPARE_NOT, LESS | COMPARE_NOT,     /* GTU, GEU */
    LESS | EQUAL | COMPARE_NOT | WITH_SIGN, LESS | COMPARE_NOT | WITH_SIGN,
    FORM_LIMIT, FORM_LIMIT | LIMIT_MAX,                 /* MINU, MAXU */
    FORM_LIMIT | WITH_SIGN, FORM_LIMIT | LIMIT_MAX | WITH_SIGN,
    FORM_SLOW, FORM_SLOW, FORM_SLOW, FORM_SLOW, FORM_SLOW, FORM_SLOW,
    FORM_SLOW, FORM_SLOW,
    FORM_LINEAR | LINEAR_A | LINEAR_NOT);               /* NOT */

/* Is this an instruction for the outer loop? Short branches are run through
 * with no lane executing rather than jumped over. */
bool
is_outer (uint form, uint op, uint distance)
{
  return form == FORM_SLOW || form == FORM_CONTROL &&
      !(op == VYRE_I_ENDIF || (op == VYRE_I_IF || op == VYRE_I_ELSE) &&
          distance < 16u);
}

/* What there is to know of the instruction at that place. */
uint
op_info (uvec2 ins, uint at)
{
  uint op = ins.x & 127u, i = op - VYRE_I_EQ;
  uint info = op < VYRE_I_ROTL ? OP_INFO[op] :
      i <= VYRE_I_NOT - VYRE_I_EQ ? COMPARE_INFO[i] : FORM_SLOW;
  return is_outer (info & FORM_MASK, op, ins.y - at - 1u) ? info | OUTER : info;
}

/* All ones if any of the bits is set. */
uint
mask_of (uint info, uint bits)
{
  return (info & bits) != 0u ? 0xffffffffu : 0u;
}

/* A bit for each component that is true. */
uint
bits_of (bvec4 v)
{
  return uint (v.x) | uint (v.y) << 1 | uint (v.z) << 2 | uint (v.w) << 3;
}

/* Of the four of a quad. */
uint
quad_bits (uint bits, uint q)
{
  return bits >> q * VYRE_WIDE & 15u;
}

void
write_quad (uint target, uint q, uvec4 r)
{
  uint bits = quad_bits (executing, q);
  if (bits != 15u)
    r = mix (R4 (target, q), r,
        notEqual (uvec4 (bits) & uvec4 (1u, 2u, 4u, 8u), uvec4 (0u)));
  R4 (target, q) = r;
}

/* Two quads at a time, or one twice: what one waits for the other does, too. */
#define PAIRS(quad) [[dont_unroll]] \
  for (uint q = 0u; q < quads; q += 2u) { \
    uint p = min (q + 1u, quads - 1u); \
    uvec4 a = A4 (q), b = B4 (q), c = A4 (p), d = B4 (p); \
    uvec4 r = quad (a, b), s = quad (c, d); \
    write_quad (target, q, r); \
    write_quad (target, p, s); \
  }

void
linear_wide (uint info, uvec2 ins)
{
  uint target = ins.x >> 8 & 63u;
  uint m0 = mask_of (info, LINEAR_AND), m1 = mask_of (info, LINEAR_A),
      m2 = mask_of (info, LINEAR_B), m3 = mask_of (info, LINEAR_NOT);
  uint one = (info & LINEAR_ADD) != 0u ? 1u : mask_of (info, LINEAR_SUB);
  bool multiply = (info & LINEAR_MUL) != 0u;
#define LINEAR(a, b) b * (multiply ? a : uvec4 (one)) + \
    ((a & b & m0) ^ (a & m1) ^ (b & m2) ^ m3)
  PAIRS (LINEAR)
}

void
compare_wide (uint info, uvec2 ins)
{
  uint target = ins.x >> 8 & 63u;
  uint sign = (info & WITH_SIGN) != 0u ? 0x80000000u : 0u;
  uint less = info >> 4 & 1u, same = info >> 5 & 1u, invert = info >> 6 & 1u;
#define COMPARE(a, b) (uvec4 (lessThan (a ^ sign, b ^ sign)) & less | \
      uvec4 (equal (a, b)) & same) ^ invert
  PAIRS (COMPARE)
}

void
limit_wide (uint info, uvec2 ins)
{
  uint target = ins.x >> 8 & 63u;
  uint sign = (info & WITH_SIGN) != 0u ? 0x80000000u : 0u;
  bool greatest = (info & LIMIT_MAX) != 0u;
#define LIMIT(a, b) mix (greatest ? a : b, greatest ? b : a, \
      lessThan (a ^ sign, b ^ sign))
  PAIRS (LIMIT)
}

void
shift_wide (uint info, uvec2 ins)
{
  uint target = ins.x >> 8 & 63u;
  bool left = (info & SHIFT_LEFT) != 0u, sign = (info & WITH_SIGN) != 0u;
#define SHIFT(a, b) left ? a << (b & 31u) : sign ? \
    uvec4 (ivec4 (a) >> ivec4 (b & 31u)) : a >> (b & 31u)
  PAIRS (SHIFT)
}

void
select_wide (uvec2 ins)
{
  uint target = ins.x >> 8 & 63u;
  [[dont_unroll]]
  for (uint q = 0u; q < quads; q++)
    write_quad (target, q, mix (R4 (ins.y & 63u, q), B4 (q),
        notEqual (A4 (q), uvec4 (0u))));
}

void
value_wide (uint op, uvec2 ins)
{
  uint target = ins.x >> 8 & 63u, x = ins.y;
  uvec4 binding = bindings[min (x & 255u, VYRE_MAX_BINDINGS - 1u)];
  [[dont_unroll]]
  for (uint q = 0u; q < quads; q++) {
    uvec4 id = first_invocation + (q * VYRE_WIDE + uvec4 (0u, 1u, 2u, 3u)) * LANES;
    uvec4 r = uvec4 (op == VYRE_I_BUFLEN ? binding.w : binding.z);
    /* Grid and workgroup have one dimension. */
    if (op == VYRE_I_SPECIAL) {
      uvec4 group = id / group_size;
      r = x == VYRE_SPECIAL_INVOCATION_ID ? id :
          x == VYRE_SPECIAL_WORKGROUP_ID ? group :
          x == VYRE_SPECIAL_LOCAL_ID ? id - group * group_size : uvec4 (0u);
    }
    write_quad (target, q, r);
  }
}

/* Of quad q: bytes from the binding's beginning, and who may touch them. */
uvec4
locate_quad (uvec4 binding, uint x, uvec4 a, uint q, out uint ok)
{
  uint stride = VYRE_IM_STRIDE (x);
  ok = quad_bits (executing, q) & bits_of (lessThan (a, uvec4 (binding.z >>
              stride)));
  return (a << stride) + VYRE_IM_OFFSET (x);
}

void
load_wide (uvec2 ins)
{
  uint target = ins.x >> 8 & 63u, x = ins.y;
  uvec4 binding = bindings[min (x & 255u, VYRE_MAX_BINDINGS - 1u)];
  Words m = Words (packUint2x32 (binding.xy));
  uint width = VYRE_IM_WIDTH (x);
  uvec4 word[VYRE_MOST_QUADS];
  /* Nothing is waited for before all are on their way. */
  [[unroll]]
  for (uint q = 0u; q < VYRE_MOST_QUADS; q++) {
    word[q] = uvec4 (0u);
    if (q < quads) {
      uint ok;
      uvec4 at = locate_quad (binding, x, A4 (q), q, ok) >> 2;
      if ((ok & 1u) != 0u)
        word[q].x = m.w[at.x];
      if ((ok & 2u) != 0u)
        word[q].y = m.w[at.y];
      if ((ok & 4u) != 0u)
        word[q].z = m.w[at.z];
      if ((ok & 8u) != 0u)
        word[q].w = m.w[at.w];
    }
  }
  [[unroll]]
  for (uint q = 0u; q < VYRE_MOST_QUADS; q++) {
    if (q < quads) {
      if (width != 2u) {
        uint ok;
        uvec4 byte = locate_quad (binding, x, A4 (q), q, ok);
        word[q] = word[q] >> (byte & 3u) * 8u & (width == 0u ? 0xffu : 0xffffu);
      }
      write_quad (target, q, word[q]);
    }
  }
}

void
store_wide (uvec2 ins)
{
  uint source = ins.x >> 8 & 63u, x = ins.y;
  uvec4 binding = bindings[min (x & 255u, VYRE_MAX_BINDINGS - 1u)];
  uint64_t base = packUint2x32 (binding.xy);
  Words m = Words (base);
  uint width = VYRE_IM_WIDTH (x);
  [[dont_unroll]]
  for (uint q = 0u; q < quads; q++) {
    uint ok;
    uvec4 byte = locate_quad (binding, x, A4 (q), q, ok);
    uvec4 value = R4 (source, q);
    if (width == 2u) {
      if ((ok & 1u) != 0u)
        m.w[byte.x >> 2] = value.x;
      if ((ok & 2u) != 0u)
        m.w[byte.y >> 2] = value.y;
      if ((ok & 4u) != 0u)
        m.w[byte.z >> 2] = value.z;
      if ((ok & 8u) != 0u)
        m.w[byte.w >> 2] = value.w;
    } else {
      [[dont_unroll]]
      for (uint k = 0u; k < VYRE_WIDE; k++) {
        uint64_t address = base + uint64_t (byte.x);
        if ((ok & 1u << k) != 0u) {
          if (width == 1u)
            Halves (address).h[0] = uint16_t (value.x);
          else
            Bytes (address).b[0] = uint8_t (value.x);
        }
        /* Turned round instead of indexed: vectors stay in registers. */
        byte = byte.yzwx;
        value = value.yzwx;
      }
    }
  }
}

/* What is rare or long is computed for one invocation at a time, so that its
 * code stands in the kernel once: what alu(), falu() and transcendental() do,
 * and atomics. */
void
slow_wide (uint op, uvec2 ins)
{
  bool division = op == VYRE_I_DIVS || op == VYRE_I_MODS;
  bool atomic = op == VYRE_I_ATOMIC;
  uint ra = ins.x >> 16 & 63u, rb = ins.x >> 24 & 63u;
  uint rc = (atomic ? VYRE_IA_EXPECTED (ins.y) : ins.y) & 63u;
  uint target = ins.x >> 8 & 63u;
  uvec4 binding = bindings[min (ins.y & 255u, VYRE_MAX_BINDINGS - 1u)];
  uint64_t base = packUint2x32 (binding.xy);
  [[dont_unroll]]
  for (uint k = 0u; k < WIDTH; k++) {
    uint q = k / VYRE_WIDE, i = k % VYRE_WIDE;
    uint a = R4 (ra, q)[i];
    uint b = (ins.x & VYRE_I_IMM) != 0u && !atomic ? ins.y : R4 (rb, q)[i];
    uint c = R4 (rc, q)[i];
    bool on = (executing & 1u << k) != 0u;
    uint r = 0u;
    if (atomic) {
      if (on && a < binding.z >> 2)
        r = atomic_access (base + uint64_t (a) * 4UL,
            VYRE_IA_OPERATION (ins.y), b, c);
    } else if (op < VYRE_I_FADD) {
      r = alu (op, a, b, c);
    } else if (op < VYRE_I_FSIN) {
      r = falu (op, a, b, c);
    } else {
      r = transcendental (op, a);
    }
    if (division && on &&
        (b == 0u || a == 0x80000000u && b == 0xffffffffu)) {
      fault_code = VYRE_FAULT_DIVISION;
      executing &= ~(1u << k);
      alive &= ~(1u << k);
    }
    if (on)
      R4 (target, q)[i] = r;
  }
}

/* Invocations whose first operand is not zero. */
uint
nonzero_bits (uvec2 ins)
{
  uint bits = 0u;
  [[dont_unroll]]
  for (uint q = 0u; q < quads; q++)
    bits |= bits_of (notEqual (A4 (q), uvec4 (0u))) << q * VYRE_WIDE;
  return bits;
}

/* Invocations whose first operand, plus step, is less than the second. */
uint
less_bits (uvec2 ins, uint step)
{
  uint bits = 0u;
  [[dont_unroll]]
  for (uint q = 0u; q < quads; q++) {
    uvec4 a = A4 (q) + step;
    bits |= bits_of (lessThan (a, B4 (q))) << q * VYRE_WIDE;
    if (step != 0u)
      write_quad (ins.x >> 16 & 63u, q, a);
  }
  return bits;
}

/* Levels of control flow have WIDTH bits each in entered and taken. */
uint
level_bits (uvec2 masks, uint at)
{
  return (at < 32u ? masks.x : masks.y) >> (at & 31u) & WIDE_ALL;
}

uvec2
with_level_bits (uvec2 masks, uint at, uint bits)
{
  uint keep = ~(WIDE_ALL << (at & 31u));
  bits <<= at & 31u;
  if (at < 32u)
    masks.x = masks.x & keep | bits;
  else
    masks.y = masks.y & keep | bits;
  return masks;
}

/* VYRE_I_TRAP and VYRE_I_FAULT_IF. */
void
fault_wide (uint op, uvec2 ins)
{
  bool trap = op == VYRE_I_TRAP;
  uint who = executing;
  if (!trap)
    who &= nonzero_bits (ins);
  if (who == 0u)
    return;
  uint source = trap ? ins.x >> 16 & 63u : ins.x >> 8 & 63u;
  uint first = uint (findLSB (who));
  fault_code = trap ? VYRE_FAULT_TRAP : ins.x >> 24;
  fault_address = R4 (source, first / VYRE_WIDE)[first % VYRE_WIDE];
  if (trap)
    fault_tag = ins.y;
  executing &= ~who;
  alive &= ~who;
}

/* Control flow. Moves pc on if it jumps; returns an event. */
uint
control_wide (uint op, uvec2 ins)
{
  uint at = (ins.x >> 8 & VYRE_WIDE_LEVELS - 1u) * WIDTH;
  uint was = level_bits (entered, at) & alive;
  if (op == VYRE_I_END)
    return EV_END;
  if (op == VYRE_I_BARRIER)
    return EV_BARRIER;
  /* ENDIF is not here: branch_wide() does it. */
  bool loops = op == VYRE_I_LOOP || op == VYRE_I_NEXT;
  bool leaves = op >= VYRE_I_RETURN;
  if (op == VYRE_I_IF || op == VYRE_I_LOOP) {
    was = executing;
    entered = with_level_bits (entered, at, executing);
    executing &= loops ? less_bits (ins, 0u) : nonzero_bits (ins);
    if (!loops)
      taken = with_level_bits (taken, at, executing);
  } else if (op == VYRE_I_ELSE) {
    executing = was & ~level_bits (taken, at);
  } else if (op == VYRE_I_NEXT) {
    executing &= less_bits (ins, 1u);
  } else if (op == VYRE_I_RETURN) {
    alive &= ~executing;
    executing = 0u;
  } else {
    fault_wide (op, ins);
  }
  bool any = subgroupAny ((leaves ? alive : executing) != 0u);
  if (!leaves && any == (op == VYRE_I_NEXT))
    pc = ins.y;
  if (loops && !any)
    executing = was;
  return leaves && !any ? EV_END : EV_SLICE;
}

/* IF, ELSE and ENDIF, without jumping. */
void
branch_wide (uint op, uvec2 ins)
{
  uint at = (ins.x >> 8 & VYRE_WIDE_LEVELS - 1u) * WIDTH;
  uint was = level_bits (entered, at) & alive;
  if (op == VYRE_I_IF) {
    entered = with_level_bits (entered, at, executing);
    executing &= nonzero_bits (ins);
    taken = with_level_bits (taken, at, executing);
  } else {
    executing = op == VYRE_I_ELSE ? was & ~level_bits (taken, at) : was;
  }
}

/* As interpret(), which this does for several invocations a lane. */
uint
interpret_wide (uint lane, inout uint allowance)
{
  uint event = EV_SLICE;

  [[dont_unroll]]
  while (allowance > 0u && event == EV_SLICE) {
    cache_code ();
    uvec2 ins = code_cache[pc - code_base];
    uint info = code_info[pc - code_base];
    bool outer;
    [[dont_unroll]]
    do {
      allowance--;
      pc++;
      /* On its way while this instruction runs. */
      uint at = min (pc - code_base, CODE_CACHE - 1u);
      uvec2 next = code_cache[at];
      uint next_info = code_info[at];
      uint form = info & FORM_MASK;
      outer = (info & OUTER) != 0u;
      if (!outer) {
        if (form == FORM_LINEAR)
          linear_wide (info, ins);
        else if (form == FORM_COMPARE)
          compare_wide (info, ins);
        else if (form == FORM_LOAD)
          load_wide (ins);
        else if (form == FORM_SHIFT)
          shift_wide (info, ins);
        else if (form == FORM_SELECT)
          select_wide (ins);
        else if (form == FORM_LIMIT)
          limit_wide (info, ins);
        else if (form == FORM_VALUE)
          value_wide (ins.x & 127u, ins);
        else if (form == FORM_STORE)
          store_wide (ins);
        else
          branch_wide (ins.x & 127u, ins);
        ins = next;
        info = next_info;
      }
    } while (!outer && allowance > 0u && is_cached (pc));
    if (outer) {
      if ((info & FORM_MASK) == FORM_SLOW)
        slow_wide (ins.x & 127u, ins);
      else
        event = control_wide (ins.x & 127u, ins);
    }
  }
  return event;
}
