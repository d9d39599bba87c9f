/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What generated code calls (runtime/jit/), beside the operations of
 * float.glsl, transcendental.glsl and integer.glsl. It stands in front of the
 * generated functions and expects of the frame:
 *
 *   LANES, lane             lanes of the workgroup, which is one subgroup
 *   tile_first, tile_count  the tile, in workgroups of the program
 *   grid                    of the dispatch, in workgroups
 *   bindings[]              x, y address, z bytes, w count
 *   fault_code, fault_address, fault_tag
 *                           of the lane; 0: none
 *   steps_done              instructions, of the lane group
 *   bool go_on (uint n)     n more loop passes; false: leave at once
 */

#ifdef VYRE_PARALLEL
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Pairs
{
  uvec2 p;
};
layout(buffer_reference, scalar, buffer_reference_align = 16) buffer Quads
{
  uvec4 q;
};
#else
layout(buffer_reference, scalar, buffer_reference_align = 8) buffer Longs
{
  uint64_t l[];
};
#endif

/* The first fault of a lane counts. */
void
compiled_fault (uint code, uint address, uint tag)
{
  if (fault_code == 0u) {
    fault_code = code;
    fault_address = address;
    fault_tag = tag;
  }
}

/* The workgroup with that number, x changing fastest. */
uvec3
compiled_workgroup (uint number)
{
  if (grid.y == 1u && grid.z == 1u)
    return uvec3 (number, 0u, 0u);
  return uvec3 (number % grid.x, number / grid.x % grid.y,
      number / grid.x / grid.y);
}

/* --- integers -------------------------------------------------------------- */

uint
compiled_multiply_high (uint a, uint b)
{
  uint high, low;
  umulExtended (a, b, high, low);
  return high;
}

uint
compiled_multiply_saturating (uint a, uint b)
{
  uint high, low;
  umulExtended (a, b, high, low);
  return high != 0u ? 0xffffffffu : low;
}

bool
compiled_ordered (uint a, uint b)
{
  return !is_nan (a) && !is_nan (b);
}

/* --- memory ---------------------------------------------------------------- */

/* What is accessed has been compared with the binding's length. */
uint
compiled_word (uint64_t at)
{
  return Words (at).w[0];
}

uint
compiled_half (uint64_t at)
{
  return uint (Halves (at).h[0]);
}

uint
compiled_byte (uint64_t at)
{
  return uint (Bytes (at).b[0]);
}

#ifdef VYRE_PARALLEL

uvec2
compiled_pair (uint64_t at)
{
  return Pairs (at).p;
}

uvec4
compiled_quad (uint64_t at)
{
  return Quads (at).q;
}

void
compiled_set_pair (uint64_t at, uvec2 value)
{
  Pairs (at).p = value;
}

void
compiled_set_quad (uint64_t at, uvec4 value)
{
  Quads (at).q = value;
}

#else

/* Where the lanes of a CPU access memory one after the other, component by
 * component, 64 bits are one. */

uvec2
compiled_pair (uint64_t at)
{
  return unpackUint2x32 (Longs (at).l[0]);
}

uvec4
compiled_quad (uint64_t at)
{
  return uvec4 (compiled_pair (at), compiled_pair (at + 8UL));
}

void
compiled_set_pair (uint64_t at, uvec2 value)
{
  Longs (at).l[0] = packUint2x32 (value);
}

void
compiled_set_quad (uint64_t at, uvec4 value)
{
  compiled_set_pair (at, value.xy);
  compiled_set_pair (at + 8UL, value.zw);
}

#endif

/* 0 unless inside. */
uint
compiled_load_word (uint64_t at, bool inside)
{
  uint r = 0u;
  if (inside)
    r = compiled_word (at);
  return r;
}

uint
compiled_load_half (uint64_t at, bool inside)
{
  uint r = 0u;
  if (inside)
    r = compiled_half (at);
  return r;
}

uint
compiled_load_byte (uint64_t at, bool inside)
{
  uint r = 0u;
  if (inside)
    r = compiled_byte (at);
  return r;
}

void
compiled_set_word (uint64_t at, uint value)
{
  Words (at).w[0] = value;
}

void
compiled_set_half (uint64_t at, uint value)
{
  Halves (at).h[0] = uint16_t (value);
}

void
compiled_set_byte (uint64_t at, uint value)
{
  Bytes (at).b[0] = uint8_t (value);
}
