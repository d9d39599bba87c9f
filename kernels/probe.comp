/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The start-up probe: does a running kernel see what the host writes, and how
 * many loop passes does it really make? The answer decides about residency.
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

#include "engine/launch.h"

layout(local_size_x_id = 0) in;

#include "memory.glsl"

layout(push_constant, scalar) uniform Launch
{
  uint64_t words;       /* VYRE_PROBE_* */
  uint64_t answer;      /* host-cached memory */
  uint passes;
  uint poll_every;      /* a power of two */
} launch;

void
main ()
{
  Words words = Words (launch.words);
  Words answer = Words (launch.answer);
  uint made = 0u, seen = 0u;

  if (gl_SubgroupInvocationID == 0u) {
    atomicStore (answer.w[VYRE_PROBE_RUNNING], 1u, SCOPE, BUFFERS,
        gl_SemanticsRelease | gl_SemanticsMakeAvailable);
  }
  for (uint i = 0u; i < launch.passes; i++) {
    made++;
    if ((i & launch.poll_every - 1u) == 0u && seen == 0u &&
        load_relaxed (words, VYRE_PROBE_DOORBELL) != 0u)
      seen = i + 1u;
  }
  if (gl_SubgroupInvocationID == 0u) {
    answer.w[VYRE_PROBE_PASSES] = made;
    answer.w[VYRE_PROBE_SEEN] = seen;
  }
}
