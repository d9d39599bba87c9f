/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* dst[i] = FACTOR * src[i] + addend, and dst[n] = the subgroup's size. */
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_shader_subgroup_basic : require

layout (local_size_x_id = 0) in;
layout (constant_id = 1) const uint FACTOR = 1;

layout (buffer_reference, scalar, buffer_reference_align = 4) buffer Words
{
  uint word[];
};

layout (push_constant, scalar) uniform Push
{
  uint64_t src, dst;
  uint n, addend;
} push;

void
main ()
{
  Words src = Words (push.src), dst = Words (push.dst);
  uint stride = gl_NumWorkGroups.x * gl_WorkGroupSize.x;

  for (uint i = gl_GlobalInvocationID.x; i < push.n; i += stride)
    dst.word[i] = FACTOR * src.word[i] + push.addend;
  if (gl_GlobalInvocationID.x == 0)
    dst.word[push.n] = gl_SubgroupSize;
}
