/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copies words of a few buffers while another kernel runs, where the device has
 * no queue that does nothing else.
 */
#version 460
#extension GL_GOOGLE_include_directive : require
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#pragma use_vulkan_memory_model

layout(local_size_x_id = 0) in;

#include "memory.glsl"

layout(push_constant, scalar) uniform Copy
{
  uint64_t from[3];
  uint64_t to[3];
  uint words[3];
} copy;

void
main ()
{
  uint step = gl_NumWorkGroups.x * gl_WorkGroupSize.x;

  for (uint r = 0u; r < 3u; r++) {
    Words from = Words (copy.from[r]);
    Words to = Words (copy.to[r]);

    for (uint i = gl_GlobalInvocationID.x; i < copy.words[r]; i += step)
      to.w[i] = load_relaxed (from, i);
  }
}
