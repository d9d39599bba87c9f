/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Float operations on bit patterns (vir0-semantics.md sections 8.5, 12.1, 13,
 * 14.2, 15, 25.4). Special values are decided on integer bits, where no
 * driver's float mode can interfere.
 */

#define F_NAN 0x7fc00000u
#define F_INF 0x7f800000u
#define F_SIGN 0x80000000u
#define F_ABS 0x7fffffffu

uint
canon (uint u)
{
  if ((u & F_ABS) > F_INF)
    return F_NAN;
  return (u & F_INF) == 0u ? u & F_SIGN : u;
}

bool
is_nan (uint u)
{
  return (u & F_ABS) > F_INF;
}

/* Total order of comparable floats as signed integers; +0 and -0 agree. */
int
order (uint u)
{
  return (u & F_SIGN) != 0u ? -int (u & F_ABS) : int (u);
}

uint
fadd (uint a, uint b)
{
  precise float r = uintBitsToFloat (a) + uintBitsToFloat (b);
  return canon (floatBitsToUint (r));
}

/* One step towards quotient m with remainder 0 <= rem < divisor. No loop: some
 * devices count loop passes, and the caller charges one for an instruction. */
void
correct_quotient (inout uint64_t m, inout int64_t rem, int64_t divisor)
{
  if (rem < 0L) {
    m -= 1UL;
    rem += divisor;
  } else if (rem >= divisor) {
    m += 1UL;
    rem -= divisor;
  }
}

uint
fdiv (uint a, uint b)
{
  uint sign = (a ^ b) & F_SIGN;
  uint ua = a & F_ABS, ub = b & F_ABS;
  if (ua > F_INF || ub > F_INF || ua == F_INF && ub == F_INF ||
      ua == 0u && ub == 0u)
    return F_NAN;
  if (ua == F_INF || ub == 0u)
    return sign | F_INF;
  if (ub == F_INF || ua == 0u)
    return sign;
  /* Scaled into [1, 2) / [1, 2): the quotient of the driver cannot overflow
   * or lose bits to flushed denormals; the exponent is put back by hand. */
  int e = int (ua >> 23) - int (ub >> 23);
  float x = uintBitsToFloat (ua & 0x007fffffu | 0x3f800000u);
  float y = uintBitsToFloat (ub & 0x007fffffu | 0x3f800000u);
  precise float q = x / y;
  /* Round to nearest exactly: pick among q and its neighbours by the integer
   * remainder (q has 24 bits, y has 24 bits: the products fit 64). */
  uint qb = floatBitsToUint (q);
  uint mx = ua & 0x007fffffu | 0x00800000u;
  uint my = ub & 0x007fffffu | 0x00800000u;
  bool below = mx < my; /* the quotient lies in (1/2, 1) */
  uint64_t num = uint64_t (mx) << (below ? 24 : 23);
  uint64_t m = uint64_t (qb & 0x007fffffu | 0x00800000u);
  int qe = int (qb >> 23) - 127;
  /* The driver may round up to a power of two or down below one. */
  if (below && qe == 0) {
    m = 0xffffffUL;
  } else if (!below && qe < 0) {
    m = 0x800000UL;
  }
  int64_t rem = int64_t (num) - int64_t (m * uint64_t (my));
  correct_quotient (m, rem, int64_t (my));
  correct_quotient (m, rem, int64_t (my));
  correct_quotient (m, rem, int64_t (my));
  if (2L * rem > int64_t (my) || 2L * rem == int64_t (my) && (m & 1UL) != 0UL)
    m += 1UL;
  int re = e + 127 - (below ? 1 : 0);
  if (m == 0x1000000UL) {
    m = 0x800000UL;
    re += 1;
  }
  if (re >= 255)
    return sign | F_INF;
  /* Below the smallest normal there is one bit less to round to. */
  if (re == 0 && m == 0xffffffUL)
    return sign | 0x00800000u;
  if (re <= 0)
    return sign;
  return sign | uint (re) << 23 | uint (m) & 0x007fffffu;
}

/* Left operand where equal: the sign of a zero is then the left one's. */
uint
fminmax (uint a, uint b, bool want_max)
{
  if (is_nan (a))
    return is_nan (b) ? F_NAN : b;
  if (is_nan (b))
    return a;
  bool take_b = want_max ? order (b) > order (a) : order (b) < order (a);
  return take_b ? b : a;
}

/* a * b + c with one rounding, in integers: exact on every device, whether
 * its fma is fused or not. */
uint
ffma (uint a, uint b, uint c)
{
  uint ua = a & F_ABS, ub = b & F_ABS, uc = c & F_ABS;
  uint ps = (a ^ b) & F_SIGN;
  if (ua > F_INF || ub > F_INF || uc > F_INF)
    return F_NAN;
  if (ua == F_INF || ub == F_INF) {
    if (ua == 0u || ub == 0u)
      return F_NAN;
    return uc == F_INF && (c & F_SIGN) != ps ? F_NAN : ps | F_INF;
  }
  if (uc == F_INF)
    return c;
  if (ua == 0u || ub == 0u) {
    if (uc == 0u)
      return ps == (c & F_SIGN) ? ps : 0u;
    return c;
  }
  /* Product: 48 bits, scaled so that bit 62 or 61 is its top; value =
   * pm * 2^(pe - 62 ... ) with a common exponent scale below. */
  uint64_t pm = uint64_t (ua & 0x7fffffu | 0x800000u) *
      uint64_t (ub & 0x7fffffu | 0x800000u) << 14;
  int pe = int (ua >> 23) + int (ub >> 23) - 127; /* exponent of bit 60 */
  uint64_t cm = uint64_t (uc & 0x7fffffu | 0x800000u) << 37;
  int ce = int (uc >> 23); /* exponent of bit 60 */
  uint sign = ps;
  int e = pe;
  uint64_t m = pm;
  if (uc != 0u) {
    int d = pe - ce;
    uint64_t big = pm, small = cm;
    uint bs = ps, ss = c & F_SIGN;
    e = pe;
    if (d < 0 || d == 0 && cm > pm) {
      big = cm;
      small = pm;
      bs = c & F_SIGN;
      ss = ps;
      e = ce;
      d = -d;
    }
    uint64_t shifted = d < 63 ? small >> d : 0UL;
    bool lost = d < 63 ? shifted << d != small : true;
    if (bs == ss) {
      m = big + shifted | (lost ? 1UL : 0UL);
      sign = bs;
    } else {
      /* Borrow one unit for the lost part and keep it as a sticky bit. */
      uint64_t sub = shifted + (lost ? 1UL : 0UL);
      if (big >= sub) {
        m = big - sub;
        sign = bs;
      } else {
        m = sub - big;
        sign = ss;
      }
      if (lost)
        m |= 1UL;
      if (m == 0UL)
        return 0u;
    }
  }
  /* Normalise: top bit to bit 62. */
  uint hi = uint (m >> 32), lo = uint (m);
  int top = hi != 0u ? 32 + findMSB (hi) : findMSB (lo);
  int shift = 62 - top;
  if (shift > 0) {
    m <<= shift;
  } else if (shift < 0) {
    m = m >> -shift | ((m & 1UL) != 0UL ? 1UL : 0UL);
  }
  e += top - 60;
  /* Keep 24 bits of 63, round to nearest even. */
  uint64_t mant = m >> 39;
  uint64_t rest = m & 0x7fffffffffUL;
  if (rest > 0x4000000000UL || rest == 0x4000000000UL && (mant & 1UL) != 0UL)
    mant += 1UL;
  if (mant == 0x1000000UL) {
    mant = 0x800000UL;
    e += 1;
  }
  if (e >= 255)
    return sign | F_INF;
  /* Below the smallest normal there is one bit less to round to. */
  if (e == 0 && m >= 0x7fffff8000000000UL)
    return sign | 0x00800000u;
  if (e <= 0)
    return sign;
  return sign | uint (e) << 23 | uint (mant) & 0x7fffffu;
}

uint
fmul (uint a, uint b)
{
  /* Products that may round up to the smallest normal: devices that flush
   * denormals would flush them first. */
  int e = int (a >> 23 & 255u) + int (b >> 23 & 255u) - 127;
  if (e == 0 || e == -1)
    return ffma (a, b, (a ^ b) & F_SIGN);
  precise float r = uintBitsToFloat (a) * uintBitsToFloat (b);
  return canon (floatBitsToUint (r));
}

/* One step towards the largest r with r * r <= n. */
void
correct_root (inout uint64_t r, uint64_t n)
{
  if (r * r > n)
    r -= 1UL;
  else if ((r + 1UL) * (r + 1UL) <= n)
    r += 1UL;
}

uint
fsqrt (uint a)
{
  if (a == F_SIGN || a == 0u)
    return a;
  if (is_nan (a) || (a & F_SIGN) != 0u)
    return F_NAN;
  if (a == F_INF)
    return a;
  /* Exact: an integer estimate from the driver's root, corrected by its
   * remainder. x = mant * 2^(e): make e even, root of a 48-bit integer. */
  int e = int (a >> 23) - 127;
  uint64_t mant = uint64_t (a & 0x7fffffu | 0x800000u);
  uint64_t n = (e & 1) != 0 ? mant << 24 : mant << 23; /* in [2^46, 2^48) */
  float s = sqrt (uintBitsToFloat ((a & 0x7fffffu) |
      ((e & 1) != 0 ? 0x40000000u : 0x3f800000u)));
  uint64_t r = uint64_t (uint (s * 8388608.0));
  correct_root (r, n);
  correct_root (r, n);
  correct_root (r, n);
  correct_root (r, n);
  /* n - r^2 > r means the root lies above r + 1/2; it never equals it. */
  if (n - r * r > r)
    r += 1UL;
  int re = ((e & 1) != 0 ? e - 1 : e) / 2 + 127;
  if (r == 0x1000000UL) {
    r = 0x800000UL;
    re += 1;
  }
  return uint (re) << 23 | uint (r) & 0x7fffffu;
}

/* Rounding to integers on the bits. mode: 0 floor, 1 ceil, 2 trunc, 3 halves
 * away from zero. The sign of zero is the operand's. */
uint
fround_to (uint a, uint mode)
{
  uint ua = a & F_ABS, sign = a & F_SIGN;
  if (ua > F_INF)
    return F_NAN;
  int e = int (ua >> 23) - 127;
  if (e >= 23)
    return a;
  uint mask = e < 0 ? F_ABS : 0x007fffffu >> uint (max (e, 0));
  uint frac = e < 0 ? ua : ua & mask;
  if (frac == 0u)
    return a;
  uint whole = e < 0 ? 0u : ua & ~mask;
  bool up = false; /* away from zero */
  if (mode == 0u)
    up = sign != 0u;
  else if (mode == 1u)
    up = sign == 0u;
  else if (mode == 3u)
    up = e < 0 ? e == -1 : (frac & (mask + 1u) >> 1) != 0u;
  if (!up)
    return sign | whole;
  if (e < 0)
    return sign | 0x3f800000u;
  return sign | whole + mask + 1u;
}

uint
fsign (uint a)
{
  if (is_nan (a))
    return F_NAN;
  return (a & F_ABS) == 0u ? 0u : a & F_SIGN | 0x3f800000u;
}

uint
f_to_uint (uint a)
{
  uint ua = a & F_ABS;
  int e = int (ua >> 23) - 127;
  if (ua > F_INF || (a & F_SIGN) != 0u || e < 0)
    return 0u;
  if (e >= 32)
    return 0xffffffffu;
  uint m = ua & 0x7fffffu | 0x800000u;
  return e >= 23 ? m << uint (e - 23) : m >> uint (23 - e);
}

uint
f_to_int (uint a)
{
  uint ua = a & F_ABS;
  int e = int (ua >> 23) - 127;
  bool neg = (a & F_SIGN) != 0u;
  if (ua > F_INF || e < 0)
    return 0u;
  if (e >= 31)
    return neg ? 0x80000000u : 0x7fffffffu;
  uint m = ua & 0x7fffffu | 0x800000u;
  m = e >= 23 ? m << uint (e - 23) : m >> uint (23 - e);
  return neg ? 0u - m : m;
}

/* Nearest even, by hand: the conversion's rounding is not fixed by Vulkan. */
uint
uint_to_f (uint v)
{
  if (v == 0u)
    return 0u;
  int top = findMSB (v);
  uint e = uint (top + 127);
  if (top <= 23)
    return (e << 23) + (v << uint (23 - top) & 0x7fffffu);
  uint s = uint (top - 23);
  uint m = v >> s, rest = v & (1u << s) - 1u, halfway = 1u << s - 1u;
  if (rest > halfway || rest == halfway && (m & 1u) != 0u)
    m += 1u; /* may carry into the exponent, which is then right */
  return (e << 23) + (m - 0x800000u);
}

uint
int_to_f (uint v)
{
  return (v & F_SIGN) != 0u ? F_SIGN | uint_to_f (0u - v) : uint_to_f (v);
}
