/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The interpreter's inner loop for lanes that run four invocations each
 * (VYRE_XF_WIDE): one decoding serves four times as much work, and four loads
 * are on their way at once. R4 (n) is register n of all four. Invocation k of a
 * lane is LANES behind invocation k - 1, so that the lanes of a group touch
 * neighbouring elements.
 *
 * What takes time here is jumping: every jump to code that is far away waits
 * for the instruction cache, and a loop with votes in it keeps account of its
 * lanes at every turn. So there is no case for each operation, but a few forms
 * that compute whole families of them without a jump, steered by bits from a
 * table; and an inner loop for those, without a vote.
 */

#define WIDE_ALL ((1u << VYRE_WIDE) - 1u)

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

uint
op_info (uint op)
{
  if (op < VYRE_I_ROTL)
    return OP_INFO[op];
  uint i = op - VYRE_I_EQ;
  return i <= VYRE_I_NOT - VYRE_I_EQ ? COMPARE_INFO[i] : FORM_SLOW;
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

uvec4
linear (uint info, uvec4 a, uvec4 b)
{
  uvec4 n = (a & b & mask_of (info, LINEAR_AND)) ^
      (a & mask_of (info, LINEAR_A)) ^ (b & mask_of (info, LINEAR_B)) ^
      mask_of (info, LINEAR_NOT);
  uint one = (info & LINEAR_ADD) != 0u ? 1u : mask_of (info, LINEAR_SUB);
  uvec4 m = uvec4 (one);
  if ((info & LINEAR_MUL) != 0u)
    m = a;
  return b * m + n;
}

uvec4
compare (uint info, uvec4 a, uvec4 b)
{
  uint sign = (info & WITH_SIGN) != 0u ? 0x80000000u : 0u;
  uint less = info >> 4 & 1u, same = info >> 5 & 1u, invert = info >> 6 & 1u;
  uvec4 l = uvec4 (lessThan (a ^ sign, b ^ sign)) & less;
  uvec4 e = uvec4 (equal (a, b)) & same;
  return (l | e) ^ invert;
}

uvec4
limit (uint info, uvec4 a, uvec4 b)
{
  uint sign = (info & WITH_SIGN) != 0u ? 0x80000000u : 0u;
  bvec4 less = lessThan (a ^ sign, b ^ sign);
  bool greatest = (info & LIMIT_MAX) != 0u;
  return mix (greatest ? a : b, greatest ? b : a, less);
}

uvec4
shift (uint info, uvec4 a, uvec4 b)
{
  uvec4 n = b & 31u;
  if ((info & SHIFT_LEFT) != 0u)
    return a << n;
  if ((info & WITH_SIGN) != 0u)
    return uvec4 (ivec4 (a) >> ivec4 (n));
  return a >> n;
}

void
write_wide (uint target, uvec4 r)
{
  if (executing == WIDE_ALL) {
    R4 (target) = r;
    return;
  }
  if ((executing & 1u) != 0u)
    R4 (target).x = r.x;
  if ((executing & 2u) != 0u)
    R4 (target).y = r.y;
  if ((executing & 4u) != 0u)
    R4 (target).z = r.z;
  if ((executing & 8u) != 0u)
    R4 (target).w = r.w;
}

uvec4
value_wide (uint op, uint x)
{
  if (op != VYRE_I_SPECIAL) {
    uvec4 binding = bindings[min (x & 255u, VYRE_MAX_BINDINGS - 1u)];
    return uvec4 (op == VYRE_I_BUFLEN ? binding.w : binding.z);
  }
  uvec4 id = first_invocation + uvec4 (0u, 1u, 2u, 3u) * LANES;
  if (x == VYRE_SPECIAL_INVOCATION_ID)
    return id;
  /* Grid and workgroup have one dimension. */
  if (x != VYRE_SPECIAL_WORKGROUP_ID && x != VYRE_SPECIAL_LOCAL_ID)
    return uvec4 (0u);
  uvec4 group = id / group_size;
  return x == VYRE_SPECIAL_WORKGROUP_ID ? group : id - group * group_size;
}

uvec4
load_wide (uint x, uvec4 a)
{
  uvec4 binding = bindings[min (x & 255u, VYRE_MAX_BINDINGS - 1u)];
  Words m = Words (packUint2x32 (binding.xy));
  uint stride = VYRE_IM_STRIDE (x), width = VYRE_IM_WIDTH (x);
  uvec4 byte = (a << stride) + VYRE_IM_OFFSET (x);
  uint ok = executing & bits_of (lessThan (a, uvec4 (binding.z >> stride)));
  uvec4 word = uvec4 (0u);
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
  return word;
}

void
store_wide (uint x, uvec4 a, uvec4 value)
{
  uvec4 binding = bindings[min (x & 255u, VYRE_MAX_BINDINGS - 1u)];
  uint64_t base = packUint2x32 (binding.xy);
  Words m = Words (base);
  uint stride = VYRE_IM_STRIDE (x), width = VYRE_IM_WIDTH (x);
  uvec4 byte = (a << stride) + VYRE_IM_OFFSET (x);
  uint ok = executing & bits_of (lessThan (a, uvec4 (binding.z >> stride)));
  if (width == 2u) {
    if ((ok & 1u) != 0u)
      m.w[byte.x >> 2] = value.x;
    if ((ok & 2u) != 0u)
      m.w[byte.y >> 2] = value.y;
    if ((ok & 4u) != 0u)
      m.w[byte.z >> 2] = value.z;
    if ((ok & 8u) != 0u)
      m.w[byte.w >> 2] = value.w;
    return;
  }
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
  for (uint k = 0u; k < VYRE_WIDE; k++) {
    uint a = R4 (ra)[k];
    uint b = (ins.x & VYRE_I_IMM) != 0u && !atomic ? ins.y : R4 (rb)[k];
    uint c = R4 (rc)[k];
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
      R4 (target)[k] = r;
  }
}

/* VYRE_I_TRAP and VYRE_I_FAULT_IF. */
void
fault_wide (uint op, uvec2 ins, uvec4 a)
{
  bool trap = op == VYRE_I_TRAP;
  uint who = executing;
  if (!trap)
    who &= bits_of (notEqual (a, uvec4 (0u)));
  if (who == 0u)
    return;
  uint source = trap ? ins.x >> 16 & 63u : ins.x >> 8 & 63u;
  fault_code = trap ? VYRE_FAULT_TRAP : ins.x >> 24;
  fault_address = R4 (source)[findLSB (who)];
  if (trap)
    fault_tag = ins.y;
  executing &= ~who;
  alive &= ~who;
}

/* Control flow: levels have four bits each in entered.x and taken.x. Moves pc on
 * if it jumps; returns an event. */
uint
control_wide (uint op, uvec2 ins, uvec4 a, uvec4 b)
{
  uint at = (ins.x >> 8 & VYRE_WIDE_LEVELS - 1u) * VYRE_WIDE;
  uint was = entered.x >> at & alive & WIDE_ALL;
  if (op == VYRE_I_END)
    return EV_END;
  if (op == VYRE_I_BARRIER)
    return EV_BARRIER;
  /* ENDIF is not here: branch_wide() does it. */
  bool loops = op == VYRE_I_LOOP || op == VYRE_I_NEXT;
  bool leaves = op >= VYRE_I_RETURN;
  if (op == VYRE_I_IF || op == VYRE_I_LOOP) {
    was = executing;
    entered.x = entered.x & ~(WIDE_ALL << at) | executing << at;
    executing &= bits_of (loops ? lessThan (a, b) :
        notEqual (a, uvec4 (0u)));
    if (!loops)
      taken.x = taken.x & ~(WIDE_ALL << at) | executing << at;
  } else if (op == VYRE_I_ELSE) {
    executing = was & ~(taken.x >> at);
  } else if (op == VYRE_I_NEXT) {
    a += 1u;
    write_wide (ins.x >> 16 & 63u, a);
    executing &= bits_of (lessThan (a, b));
  } else if (op == VYRE_I_RETURN) {
    alive &= ~executing;
    executing = 0u;
  } else {
    fault_wide (op, ins, a);
  }
  bool any = subgroupAny ((leaves ? alive : executing) != 0u);
  if (!leaves && any == (op == VYRE_I_NEXT))
    pc = ins.y;
  if (loops && !any)
    executing = was;
  return leaves && !any ? EV_END : EV_SLICE;
}

/* Is this an instruction for the outer loop? Short branches are run through
 * with no lane executing rather than jumped over. */
bool
is_outer (uint form, uint op, uint target)
{
  return form == FORM_SLOW || form == FORM_CONTROL &&
      !(op == VYRE_I_ENDIF || (op == VYRE_I_IF || op == VYRE_I_ELSE) &&
          target - pc < 16u);
}

/* IF, ELSE and ENDIF, without jumping. */
void
branch_wide (uint op, uvec2 ins, uvec4 a)
{
  uint at = (ins.x >> 8 & VYRE_WIDE_LEVELS - 1u) * VYRE_WIDE;
  uint was = entered.x >> at & alive & WIDE_ALL;
  if (op == VYRE_I_IF) {
    entered.x = entered.x & ~(WIDE_ALL << at) | executing << at;
    executing &= bits_of (notEqual (a, uvec4 (0u)));
    taken.x = taken.x & ~(WIDE_ALL << at) | executing << at;
  } else {
    executing = op == VYRE_I_ELSE ? was & ~(taken.x >> at) : was;
  }
}

/* As interpret(), which this does for four invocations a lane. */
uint
interpret_wide (uint lane, inout uint allowance)
{
  uint event = EV_SLICE;

  [[dont_unroll]]
  while (allowance > 0u && event == EV_SLICE) {
    cache_code ();
    uvec2 ins = code_cache[pc - code_base];
    uint op, form;
    uvec4 a, b;
    bool outer;
    [[dont_unroll]]
    do {
      allowance--;
      pc++;
      /* On its way while this instruction runs. */
      uvec2 next = code_cache[min (pc - code_base, CODE_CACHE - 1u)];
      op = ins.x & 127u;
      uint info = op_info (op);
      form = info & FORM_MASK;
      a = R4 (ins.x >> 16 & 63u);
      b = R4 (ins.x >> 24 & 63u);
      if ((ins.x & VYRE_I_IMM) != 0u)
        b = uvec4 (ins.y);
      outer = is_outer (form, op, ins.y);
      if (!outer) {
        uvec4 r = uvec4 (0u);
        if (form == FORM_LINEAR) {
          r = linear (info, a, b);
        } else if (form == FORM_COMPARE) {
          r = compare (info, a, b);
        } else if (form == FORM_LOAD) {
          r = load_wide (ins.y, a);
        } else if (form == FORM_SHIFT) {
          r = shift (info, a, b);
        } else if (form == FORM_SELECT) {
          r = mix (R4 (ins.y & 63u), b, notEqual (a, uvec4 (0u)));
        } else if (form == FORM_LIMIT) {
          r = limit (info, a, b);
        } else if (form == FORM_VALUE) {
          r = value_wide (op, ins.y);
        } else if (form == FORM_STORE) {
          store_wide (ins.y, a, R4 (ins.x >> 8 & 63u));
        } else {
          branch_wide (op, ins, a);
        }
        if (form != FORM_STORE && form != FORM_CONTROL)
          write_wide (ins.x >> 8 & 63u, r);
        ins = next;
      }
    } while (!outer && allowance > 0u && is_cached (pc));
    if (outer) {
      if (form == FORM_SLOW)
        slow_wide (op, ins);
      else
        event = control_wide (op, ins, a, b);
    }
  }
  return event;
}
