/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Integer operations that interpreted and compiled code share. */
#ifndef VYRE_INTEGER_GLSL
#define VYRE_INTEGER_GLSL

/* In magnitudes: signed division of negatives is not fixed by all drivers, and
 * MIN / -1 must not reach the instruction. One division for all four: it is
 * the dearest thing there is where every case of a switch executes. */
uint
divide (uint op, uint a, uint b)
{
  bool is_signed = op == VYRE_I_DIVS || op == VYRE_I_MODS;
  bool remainder = op == VYRE_I_MODU || op == VYRE_I_MODS;
  bool negative_a = is_signed && (a & 0x80000000u) != 0u;
  bool negative_b = is_signed && (b & 0x80000000u) != 0u;
  uint ua = negative_a ? 0u - a : a;
  uint ub = negative_b ? 0u - b : b;
  uint q = ua / max (ub, 1u);
  uint m = ua - q * ub;
  if (remainder)
    return b == 0u ? 0u : negative_a ? 0u - m : m;
  return b == 0u ? 0xffffffffu : negative_a != negative_b ? 0u - q : q;
}

#endif
