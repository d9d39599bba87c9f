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
 *   launch.texels           with VYRE_TEXELS: where the texels begin
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
#define COMPILED_LOAD(name, load) \
  uint name (uint64_t at, bool inside) \
  { \
    uint r = 0u; \
    if (inside) \
      r = load (at); \
    return r; \
  }

COMPILED_LOAD (compiled_load_word, compiled_word)
COMPILED_LOAD (compiled_load_half, compiled_half)
COMPILED_LOAD (compiled_load_byte, compiled_byte)

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

/* --- memory that the program does not write --------------------------------- */

/* compiled_fixed_ loads: only of what compiled_is_fixed() holds for. */
#ifdef VYRE_TEXELS

/* The lanes of a CPU follow addresses one after the other; texels are fetched
 * for all of them at once. Of one, two and four words. */
layout(set = 0, binding = 0) uniform usamplerBuffer compiled_texels[3];

bool
compiled_is_fixed (uvec4 binding)
{
  uint64_t at = packUint2x32 (binding.xy) - launch.texels;
  uint64_t end = uint64_t (uint (textureSize (compiled_texels[0]))) * 4UL;
  return (binding.x & 3u) == 0u && at <= end &&
      uint64_t (binding.z) <= end - at;
}

/* Nobody may write what is read so, not even the program under another name. */
bool
compiled_overlap (uvec4 a, uvec4 b)
{
  uint64_t first = packUint2x32 (a.xy), second = packUint2x32 (b.xy);
  return first < second + uint64_t (b.z) && second < first + uint64_t (a.z);
}

uint
compiled_fixed_word (uint64_t at)
{
  return texelFetch (compiled_texels[0],
      int (uint (at - launch.texels >> 2))).x;
}

uvec2
compiled_fixed_pair (uint64_t at)
{
  return texelFetch (compiled_texels[1],
      int (uint (at - launch.texels >> 3))).xy;
}

uvec4
compiled_fixed_quad (uint64_t at)
{
  return texelFetch (compiled_texels[2],
      int (uint (at - launch.texels >> 4)));
}

uint
compiled_fixed_half (uint64_t at)
{
  return compiled_fixed_word (at) >> (uint (at) & 2u) * 8u & 0xffffu;
}

uint
compiled_fixed_byte (uint64_t at)
{
  return compiled_fixed_word (at) >> (uint (at) & 3u) * 8u & 0xffu;
}

COMPILED_LOAD (compiled_fixed_load_word, compiled_fixed_word)
COMPILED_LOAD (compiled_fixed_load_half, compiled_fixed_half)
COMPILED_LOAD (compiled_fixed_load_byte, compiled_fixed_byte)

#else

#define compiled_is_fixed(binding) true
#define compiled_overlap(a, b) false
#define compiled_fixed_word compiled_word
#define compiled_fixed_pair compiled_pair
#define compiled_fixed_quad compiled_quad
#define compiled_fixed_half compiled_half
#define compiled_fixed_byte compiled_byte
#define compiled_fixed_load_word compiled_load_word
#define compiled_fixed_load_half compiled_load_half
#define compiled_fixed_load_byte compiled_load_byte

#endif
