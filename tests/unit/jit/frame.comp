/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The plainest frame for generated code: workgroups share out the batches of
 * one tile. Built into the tests as text. */
#version 460
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_vote : require
#extension GL_EXT_control_flow_attributes : require
#pragma use_vulkan_memory_model

#include "ring/words.h"
#include "lower/isa.h"
#include "engine/launch.h"

layout(local_size_x_id = 0) in;
layout(constant_id = 1) const uint LANES = 32;

#include "memory.glsl"
#include "integer.glsl"
#include "float.glsl"
#include "transcendental.glsl"

/* The words of a run: what tests/unit/jit/run.c writes and reads. */
#define RUN_CODE 0
#define RUN_ADDRESS 1
#define RUN_TAG 2
#define RUN_STEPS 3
#define RUN_PASSES 4
#define RUN_BINDING0 8

layout(push_constant, scalar) uniform Push
{
  uint64_t run;
  uint n_bindings;
  uint tile_first, tile_count;
  uvec3 grid;
  uint max_passes; /* of a workgroup; 0: no limit */
  uint groups;     /* of the hardware */
  uint group_size;
  uint area_bytes; /* of a workgroup of the hardware */
  uint64_t areas;
} push;

shared uvec4 bindings[VYRE_MAX_BINDINGS];

uint lane;
uint tile_first, tile_count;
uvec3 grid;
uint fault_code, fault_address, fault_tag;
uint64_t area_address;
uint steps_done;
uint passes_made;

bool
go_on (uint passes)
{
  passes_made += passes;
  return push.max_passes == 0u || passes_made <= push.max_passes;
}

VYRE_COMPILED_PROGRAM

void
main ()
{
  Words run = Words (push.run);
  lane = gl_LocalInvocationID.x;
  area_address = push.areas +
      uint64_t (gl_WorkGroupID.x) * uint64_t (push.area_bytes);
  tile_first = push.tile_first;
  tile_count = push.tile_count;
  grid = push.grid;
  fault_code = 0u;
  fault_address = 0u;
  fault_tag = 0u;
  steps_done = 0u;
  passes_made = 0u;
  for (uint k = lane; k < push.n_bindings; k += LANES) {
    uint at = RUN_BINDING0 + 4u * k;
    uvec4 binding = uvec4 (run.w[at], run.w[at + 1u], run.w[at + 2u],
        run.w[at + 3u]);
    if (binding.y == VYRE_B_SHARED)
      binding.xy = unpackUint2x32 (area_address +
          uint64_t (VYRE_S_HEADER_WORDS * 4u + binding.x));
    bindings[k] = binding;
  }
  barrier ();

  compiled_begin ();
  uint batch = COMPILED_GROUP != 0u ? COMPILED_GROUP : COMPILED_UNROLL * LANES;
  uint total = push.tile_count * push.group_size;
  uint step = push.groups * batch;
  uint first = gl_WorkGroupID.x * batch;
  uint fitting = compiled_fitting (first, step);
  for (uint k = 0u; first < total; k++, first += step)
    if (k < fitting)
      compiled_inside (first);
    else
      compiled_checked (first);

  if (fault_code != 0u &&
      atomicCompSwap (run.w[RUN_CODE], 0u, fault_code, SCOPE, 0, 0, 0, 0) == 0u) {
    run.w[RUN_ADDRESS] = fault_address;
    run.w[RUN_TAG] = fault_tag;
  }
  atomicMax (run.w[RUN_STEPS], steps_done, SCOPE, 0, 0);
  atomicMax (run.w[RUN_PASSES], passes_made, SCOPE, 0, 0);
}
