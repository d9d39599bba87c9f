/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Transcendental functions on canonical bit patterns (vir0-semantics.md
 * sections 13.1 and 27). Built from additions, multiplications and integer
 * arithmetic, which Vulkan rounds correctly, because its own functions are
 * allowed to be far off. Arguments of sin, cos and tan are reduced exactly,
 * whatever their size.
 */

const float LOG2_E = 1.44269504;
const float LN2_HI = 0.693359375;       /* 10 bits: products with n are exact */
const float LN2_LO = -2.12194440e-4;
const float PI_2_HI = 1.5707963267948966;
const float PI_2_LO = -4.37113883e-8;   /* of the rounding of PI_2_HI */

/* y * 2^n for y near 1, with overflow to infinity and underflow to zero. */
uint
scale_by_power (float y, int n)
{
  uint bits = floatBitsToUint (y);
  int e = int (bits >> 23 & 255u) + n;
  if (e >= 255)
    return F_INF;
  if (e <= 0)
    return 0u;
  return uint (e) << 23 | bits & 0x7fffffu;
}

/* e^r for |r| <= ln 2 / 2. */
float
exp_reduced (float r)
{
  precise float p = 1.9875691500e-4;
  p = p * r + 1.3981999507e-3;
  p = p * r + 8.3334519073e-3;
  p = p * r + 4.1665795894e-2;
  p = p * r + 1.6666665459e-1;
  p = p * r + 5.0000001201e-1;
  p = p * (r * r) + r + 1.0;
  return p;
}

uint
fexp (uint a)
{
  if (is_nan (a))
    return F_NAN;
  float x = uintBitsToFloat (a);
  if (x > 89.0)
    return F_INF;
  if (x < -88.0)
    return 0u;
  precise float n = floor (x * LOG2_E + 0.5);
  precise float r = x - n * LN2_HI;
  r = r - n * LN2_LO;
  return scale_by_power (exp_reduced (r), int (n));
}

uint
fexp2 (uint a)
{
  if (is_nan (a))
    return F_NAN;
  float x = uintBitsToFloat (a);
  if (x >= 128.0)
    return F_INF;
  if (x < -127.0)
    return 0u;
  precise float n = floor (x + 0.5);
  precise float r = (x - n) * 0.693147181;
  return scale_by_power (exp_reduced (r), int (n));
}

/* x = (1 + f) * 2^e with 1 + f in [sqrt 1/2, sqrt 2); ln (1 + f) - f. */
float
log_reduced (uint a, out float f, out float e)
{
  int k = int (a >> 23) - 127;
  uint m = a & 0x7fffffu;
  if (m >= 0x3504f3u) {
    k++;
    f = uintBitsToFloat (m | 0x3f000000u) - 1.0;
  } else {
    f = uintBitsToFloat (m | 0x3f800000u) - 1.0;
  }
  e = float (k);
  precise float z = f * f;
  precise float p = 7.0376836292e-2;
  p = p * f - 1.1514610310e-1;
  p = p * f + 1.1676998740e-1;
  p = p * f - 1.2420140846e-1;
  p = p * f + 1.4249322787e-1;
  p = p * f - 1.6668057665e-1;
  p = p * f + 2.0000714765e-1;
  p = p * f - 2.4999993993e-1;
  p = p * f + 3.3333331174e-1;
  p = p * f * z - 0.5 * z;
  return p;
}

/* 0 where the logarithm has an ordinary value. */
uint
log_special (uint a)
{
  if ((a & F_ABS) == 0u)
    return F_INF | F_SIGN;
  if (is_nan (a) || (a & F_SIGN) != 0u)
    return F_NAN;
  return a == F_INF ? F_INF : 0u;
}

uint
flog (uint a)
{
  uint special = log_special (a);
  if (special != 0u)
    return special;
  float f, e;
  precise float y = log_reduced (a, f, e);
  y = y + e * LN2_LO;
  y = y + f;
  y = y + e * LN2_HI;
  return canon (floatBitsToUint (y));
}

uint
flog2 (uint a)
{
  uint special = log_special (a);
  if (special != 0u)
    return special;
  float f, e;
  precise float p = log_reduced (a, f, e);
  /* (f + p) * log2 e, with log2 e split as 1 + 0.44269504. */
  precise float y = p * 0.44269504 + f * 0.44269504;
  y = y + p;
  y = y + f;
  y = y + e;
  return canon (floatBitsToUint (y));
}

/* 2 / pi, the binary digits after the point, in words. */
const uint TWO_OVER_PI[8] = uint[8] (0xa2f9836eu, 0x4e441529u, 0xfc2757d1u,
    0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu, 0xdebbc561u);

/* Bits [at, at + 32) of 0.(2 / pi); positions before the point are zero. */
uint
two_over_pi (int at)
{
  if (at <= -32)
    return 0u;
  if (at < 0)
    return TWO_OVER_PI[0] >> uint (-at);
  uint word = uint (at) >> 5, shift = uint (at) & 31u;
  uint hi = TWO_OVER_PI[min (word, 7u)];
  uint lo = TWO_OVER_PI[min (word + 1u, 7u)];
  return shift == 0u ? hi : hi << shift | lo >> 32u - shift;
}

/* x = quadrant * pi/2 + r, |r| <= pi/4; the sign of x included. */
float
reduce (uint a, out uint quadrant)
{
  uint ua = a & F_ABS;
  bool negative = (a & F_SIGN) != 0u;
  quadrant = 0u;
  if (ua <= 0x3f490fdau) /* pi / 4 */
    return uintBitsToFloat (a);
  /* x = m * 2^k. The product m * 2/pi modulo 4, in fixed point with 62 bits
   * after the point: digits of 2/pi that count whole multiples of 4 drop out. */
  int k = int (ua >> 23) - 150;
  uint64_t m = uint64_t (ua & 0x7fffffu | 0x800000u);
  int at = k - 2; /* weight of the first digit taken, times m: 2 bits int. */
  uint w0 = two_over_pi (at), w1 = two_over_pi (at + 32),
      w2 = two_over_pi (at + 64);
  uint64_t product = (m * uint64_t (w0) << 32) + m * uint64_t (w1) +
      (m * uint64_t (w2) >> 32);
  quadrant = uint (product >> 62);
  uint64_t fraction = product << 2; /* of a quarter turn, 64 bits */
  bool upper = (fraction >> 63) != 0UL;
  if (upper) {
    quadrant++;
    fraction = ~fraction + 1UL;
  }
  /* To a float without losing the leading zeros' worth of bits. */
  uint hi = uint (fraction >> 32), lo = uint (fraction);
  int top = hi != 0u ? 32 + findMSB (hi) : lo != 0u ? findMSB (lo) : -1;
  if (top < 0)
    return 0.0;
  uint64_t norm = fraction << uint (63 - top);
  float head = float (uint (norm >> 40)); /* 24 bits, exact */
  float tail = float (uint (norm >> 16) & 0xffffffu); /* the next 24 */
  precise float r = head * PI_2_LO + tail * 5.9604645e-8 * PI_2_HI;
  precise float big = head * PI_2_HI;
  /* head * PI_2_HI rounds: its error by splitting both factors. */
  precise float hh = float (uint (head) & 0xfff000u), hl = head - hh;
  const float ph = 1.5703125, pl = 4.83870506e-4;
  precise float err = ((hh * ph - big) + hh * pl + hl * ph) + hl * pl;
  r = big + (r + err);
  r = r * uintBitsToFloat (uint (127 - 24 - 63 + top) << 23);
  if (upper != negative)
    r = -r;
  if (negative)
    quadrant = 0u - quadrant;
  return r;
}

float
sin_reduced (float r)
{
  precise float z = r * r;
  precise float p = -1.9515295891e-4;
  p = p * z + 8.3321608736e-3;
  p = p * z - 1.6666654611e-1;
  p = p * z * r + r;
  return p;
}

float
cos_reduced (float r)
{
  precise float z = r * r;
  precise float p = 2.443315711809948e-5;
  p = p * z - 1.388731625493765e-3;
  p = p * z + 4.166664568298827e-2;
  p = p * z * z - 0.5 * z + 1.0;
  return p;
}

/* shift 0: sin, 1: cos. */
uint
fsincos (uint a, uint shift)
{
  if ((a & F_ABS) >= F_INF)
    return F_NAN;
  uint quadrant;
  float r = reduce (a, quadrant);
  quadrant += shift;
  float y = (quadrant & 1u) != 0u ? cos_reduced (r) : sin_reduced (r);
  uint bits = floatBitsToUint (y);
  return canon ((quadrant & 2u) != 0u ? bits ^ F_SIGN : bits);
}

uint
ftan (uint a)
{
  if ((a & F_ABS) >= F_INF)
    return F_NAN;
  uint quadrant;
  float r = reduce (a, quadrant);
  precise float z = r * r;
  precise float p = 9.38540185543e-3;
  p = p * z + 3.11992232697e-3;
  p = p * z + 2.44301354525e-2;
  p = p * z + 5.34112807005e-2;
  p = p * z + 1.33387994085e-1;
  p = p * z + 3.33331568548e-1;
  p = p * z * r + r;
  uint bits = floatBitsToUint (p);
  if ((quadrant & 1u) != 0u)
    bits = fdiv (0xbf800000u, canon (bits));
  return canon (bits);
}

/* asin for |x| <= 1/2. */
float
asin_reduced (float x)
{
  precise float z = x * x;
  precise float p = 4.2163199048e-2;
  p = p * z + 2.4181311049e-2;
  p = p * z + 4.5470025998e-2;
  p = p * z + 7.4953002686e-2;
  p = p * z + 1.6666752422e-1;
  p = p * z * x + x;
  return p;
}

/* asin (sqrt ((1 - |x|) / 2)) for |x| > 1/2. */
float
asin_of_half_angle (float ax)
{
  precise float half_rest = 0.5 * (1.0 - ax);
  return asin_reduced (uintBitsToFloat (fsqrt (floatBitsToUint (half_rest))));
}

uint
fasin (uint a)
{
  uint ua = a & F_ABS;
  if (ua > 0x3f800000u)
    return F_NAN;
  float ax = uintBitsToFloat (ua);
  precise float y;
  if (ua <= 0x3f000000u)
    y = asin_reduced (ax);
  else
    y = PI_2_HI - (2.0 * asin_of_half_angle (ax) - PI_2_LO);
  return canon (floatBitsToUint (y) | a & F_SIGN);
}

uint
facos (uint a)
{
  uint ua = a & F_ABS;
  if (ua > 0x3f800000u)
    return F_NAN;
  float ax = uintBitsToFloat (ua);
  precise float y;
  if (ua <= 0x3f000000u)
    y = PI_2_HI - (asin_reduced (uintBitsToFloat (a)) - PI_2_LO);
  else if ((a & F_SIGN) == 0u)
    y = 2.0 * asin_of_half_angle (ax);
  else
    y = 2.0 * PI_2_HI - (2.0 * asin_of_half_angle (ax) - 2.0 * PI_2_LO);
  return canon (floatBitsToUint (y));
}

uint
fatan (uint a)
{
  uint ua = a & F_ABS;
  if (ua > F_INF)
    return F_NAN;
  float x = uintBitsToFloat (ua);
  precise float base = 0.0, low = 0.0;
  if (ua == F_INF) {
    base = PI_2_HI;
    x = 0.0;
  } else if (x > 2.414213562) {
    base = PI_2_HI;
    low = PI_2_LO;
    x = -1.0 / x;
  } else if (x > 0.4142135624) {
    base = 0.7853981634;
    low = 0.5 * PI_2_LO;
    x = (x - 1.0) / (x + 1.0);
  }
  precise float z = x * x;
  precise float p = 8.05374449538e-2;
  p = p * z - 1.38776856032e-1;
  p = p * z + 1.99777106478e-1;
  p = p * z - 3.33329491539e-1;
  p = base + (p * z * x + x + low);
  return canon (floatBitsToUint (p) | a & F_SIGN);
}

/* e^|x| / 2 for |x| where e^|x| may overflow though half of it does not. */
float
half_exp (float ax)
{
  float w = uintBitsToFloat (fexp (floatBitsToUint (0.5 * ax)));
  precise float y = 0.5 * w * w;
  return y;
}

uint
fsinh (uint a)
{
  uint ua = a & F_ABS;
  if (ua > F_INF)
    return F_NAN;
  float ax = uintBitsToFloat (ua);
  precise float y;
  if (ua >= 0x42c00000u) {
    return a & F_SIGN | F_INF; /* beyond 96 */
  } else if (ax > 20.0) {
    y = half_exp (ax);
  } else if (ax > 1.0) {
    float e = uintBitsToFloat (fexp (ua));
    y = 0.5 * e - 0.5 / e;
  } else {
    precise float z = ax * ax;
    y = 2.03721912945e-4;
    y = y * z + 8.33028376239e-3;
    y = y * z + 1.66667160211e-1;
    y = y * z * ax + ax;
  }
  return canon (floatBitsToUint (y) | a & F_SIGN);
}

uint
fcosh (uint a)
{
  uint ua = a & F_ABS;
  if (ua > F_INF)
    return F_NAN;
  float ax = uintBitsToFloat (ua);
  if (ua >= 0x42c00000u)
    return F_INF;
  precise float y;
  if (ax > 20.0) {
    y = half_exp (ax);
  } else {
    float e = uintBitsToFloat (fexp (ua));
    y = 0.5 * e + 0.5 / e;
  }
  return canon (floatBitsToUint (y));
}

uint
ftanh (uint a)
{
  uint ua = a & F_ABS;
  if (ua > F_INF)
    return F_NAN;
  float ax = uintBitsToFloat (ua);
  precise float y;
  if (ax > 9.5) {
    y = 1.0;
  } else if (ax >= 0.625) {
    float e = uintBitsToFloat (fexp (floatBitsToUint (ax + ax)));
    y = 1.0 - 2.0 / (e + 1.0);
  } else {
    precise float z = ax * ax;
    y = -5.70498872745e-3;
    y = y * z + 2.06390887954e-2;
    y = y * z - 5.37397155531e-2;
    y = y * z + 1.33314422036e-1;
    y = y * z - 3.33332819422e-1;
    y = y * z * ax + ax;
  }
  return canon (floatBitsToUint (y) | a & F_SIGN);
}

uint
transcendental (uint op, uint a)
{
  uint r = 0u;
  switch (op) {
    case VYRE_I_FSIN: r = fsincos (a, 0u); break;
    case VYRE_I_FCOS: r = fsincos (a, 1u); break;
    case VYRE_I_FTAN: r = ftan (a); break;
    case VYRE_I_FASIN: r = fasin (a); break;
    case VYRE_I_FACOS: r = facos (a); break;
    case VYRE_I_FATAN: r = fatan (a); break;
    case VYRE_I_FSINH: r = fsinh (a); break;
    case VYRE_I_FCOSH: r = fcosh (a); break;
    case VYRE_I_FTANH: r = ftanh (a); break;
    case VYRE_I_FEXP: r = fexp (a); break;
    case VYRE_I_FEXP2: r = fexp2 (a); break;
    case VYRE_I_FLOG: r = flog (a); break;
    case VYRE_I_FLOG2: r = flog2 (a); break;
  }
  return r;
}
