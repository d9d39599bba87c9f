/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The benchmark's programs as one would write them by hand: no interpreter, no
 * bounds checks, WIDTH words for each invocation. Which program it is, is
 * constant when the pipeline is made. The same stand in programs.c in VIR0's
 * text form and in C.
 */
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require

#if WIDTH == 1
#define WORDS uint
#elif WIDTH == 2
#define WORDS uvec2
#else
#define WORDS uvec4
#endif

#define MAP_COPY 0u
#define MAP_INVERT 1u

layout(local_size_x = 256) in;
layout(constant_id = 0) const uint OP = 0u;
layout(constant_id = 1) const uint ROUNDS = 1u;
layout(constant_id = 2) const uint LOOPS = 1u;
layout(constant_id = 3) const uint SALT = 0u;

layout(buffer_reference, std430, buffer_reference_align = 4 * WIDTH)
    readonly restrict buffer Source { WORDS w[]; };
layout(buffer_reference, std430, buffer_reference_align = 4 * WIDTH)
    writeonly restrict buffer Target { WORDS w[]; };

layout(push_constant, scalar) uniform Launch
{
  uint64_t source;
  uint64_t target;
} launch;

WORDS
map (WORDS x)
{
  if (OP == MAP_COPY)
    return x;
  if (OP == MAP_INVERT)
    return ~x ^ SALT;
  for (uint l = 0u; l < LOOPS; l++) {
    [[unroll]] for (uint r = 0u; r < ROUNDS; r++) {
      x = x * 0x9e3779b1u + 0x7f4a7c15u;
      x = (x ^ (x >> 15u)) - 0x85ebca6bu;
    }
  }
  return x ^ SALT;
}

void
main ()
{
  uint i = gl_GlobalInvocationID.x;

  Target (launch.target).w[i] = map (Source (launch.source).w[i]);
}
