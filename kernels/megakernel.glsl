/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The megakernel: lane groups claim slots of the ring, run the tiles behind
 * them and report. One hardware workgroup is one subgroup (but see team.glsl), so
 * everything that steers control flow is uniform in the workgroup, barriers of
 * programs need no hardware barrier, and a program workgroup wider than the
 * subgroup is a number of lane groups that take turns, each with its state in the
 * save area.
 *
 * No workgroup waits for another. A launch ends when its fuel is used, when
 * it is told to leave, or when it has found nothing for a while; a tile that
 * is not finished then is suspended with its state (YIELD), and any workgroup
 * of any later launch goes on with it.
 *
 * With VYRE_COMPILED it runs one program, which is compiled in place of the
 * interpreter (runtime/jit/), and claims nothing else. Such a program has its
 * barriers within, a batch is then a workgroup, and it is suspended between two
 * batches only.
 */
#extension GL_EXT_buffer_reference : require
#extension GL_EXT_control_flow_attributes : require
#extension GL_EXT_scalar_block_layout : require
#extension GL_EXT_shader_8bit_storage : require
#extension GL_EXT_shader_16bit_storage : require
#extension GL_EXT_shader_explicit_arithmetic_types_int8 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int16 : require
#extension GL_EXT_shader_explicit_arithmetic_types_int64 : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_shader_subgroup_arithmetic : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_KHR_shader_subgroup_vote : require
#extension GL_KHR_shader_subgroup_ballot : require
#extension GL_KHR_shader_subgroup_shuffle : require
#pragma use_vulkan_memory_model

#include "ring/words.h"
#include "lower/isa.h"
#include "engine/launch.h"

layout(local_size_x_id = VYRE_SPEC_SIZE) in;
layout(constant_id = VYRE_SPEC_LANES) const uint LANES = 32;
layout(constant_id = VYRE_SPEC_FEATURES) const uint KERNEL_FEATURES =
    VYRE_KERNEL_ALL;

/* Many workgroups run at once: they wait for slots by ticket, and lanes run
 * several invocations at once. Not worth its code on a CPU. */
#ifdef VYRE_PARALLEL
#define PARALLEL true
#else
#define PARALLEL false
#endif

#include "memory.glsl"
#include "float.glsl"
#include "transcendental.glsl"
#include "tile.glsl"
#include "uniform.glsl"
#ifdef VYRE_COMPILED
#include "integer.glsl"
#include "run-compiled.glsl"
#else
#include "interp.glsl"
#ifdef VYRE_PARALLEL
#include "interp-wide.glsl"
#endif
#endif
#include "state.glsl"
#include "claim.glsl"
#include "complete.glsl"

#define PC_ENDED 0xffffffffu
#define PHASE_FRESH 0xffffffffu /* the workgroup has not begun */
/* Looks at the host after which a tile leaves its workgroup to others, and to
 * others that are more urgent: at once where few workgroups run. */
#define ROTATE_LOOKS 4u
#define ROTATE_LOOKS_URGENT (PARALLEL ? 4u : 1u)

/* --- lane groups of a tile ------------------------------------------------ */

#ifndef VYRE_COMPILED

/* As many as the host says, if the registers of so many are there. */
uint
count_quads ()
{
  uint n = 1u << (flags >> VYRE_XF_QUADS_SHIFT & 3u);
  return wide () && n_registers * n * VYRE_WIDE <= VYRE_I_MAX_REGISTERS ? n : 1u;
}

/* Invocations that the lane group runs at once. */
uint
batch_width ()
{
  return wide () ? LANES * VYRE_WIDE * quads : LANES;
}

/* Ids of this lane for the lane group or batch in hand. Returns which of its
 * invocations exist, a bit each. */
uint
locate ()
{
  uint group, local;
  bool valid;
  if (wide ()) {
    uint first = warp * batch_width () + lane;
    uint limit = tile_count * group_size;
    first_invocation = tile_first * group_size + first;
    uint valid_bits = 0u;
    for (uint k = 0u; k < quads * VYRE_WIDE; k++)
      valid_bits |= first + k * LANES < limit ? 1u << k : 0u;
    return valid_bits;
  }
  if (grouped ()) {
    group = done_groups;
    local = warp * LANES + lane;
    valid = local < group_size;
  } else {
    uint invocation = warp * LANES + lane;
    valid = invocation < tile_count * group_size;
    group = invocation / group_size;
    local = invocation % group_size;
  }
  uint linear = tile_first + group;
  workgroup_id = uvec3 (linear % grid.x, linear / grid.x % grid.y,
      linear / grid.x / grid.y);
  local_id = uvec3 (local % size.x, local / size.x % size.y,
      local / size.x / size.y);
  invocation_id = workgroup_id * size + local_id;
  return uint (valid);
}

void
begin_lanes ()
{
  pc = 0u;
  executing = locate ();
  alive = executing;
  entered = uvec2 (0u);
  taken = uvec2 (0u);
}

#endif

/* --- tiles ------------------------------------------------------------------ */

uint
header_word (uint i)
{
#ifdef VYRE_PARALLEL
  return boxes[BOX_HEADER + i];
#else
  return Words (descriptor).w[i];
#endif
}

void
read_slot ()
{
  tenant = slot_word (VYRE_W_TENANT);
  sequence = slot_word (VYRE_A_SEQUENCE);
  descriptor_index = slot_word (VYRE_A_DESCRIPTOR);
  window_generation = slot_word (VYRE_A_WINDOW_GENERATION);
  tile_first = slot_word (VYRE_A_TILE_FIRST);
  tile_count = slot_word (VYRE_A_TILE_COUNT);
}

/* The descriptor's first words, unless they are there. */
bool
read_header ()
{
  descriptor = descriptor_at (descriptor_index);
  if (descriptor_index >= launch.n_descriptors)
    return false;
#ifdef VYRE_PARALLEL
  if (fetched_descriptor != descriptor_index)
    fetch_descriptor (descriptor_index);
  settle ();
  boxes[BOX_HEADER + lane % VYRE_X_BINDING0] = header_line;
  settle ();
#endif
  return header_word (VYRE_X_GENERATION) == window_generation &&
      header_word (VYRE_X_TENANT) == tenant;
}

void
read_bindings (inout uint passes)
{
  Words d = Words (descriptor);
  uint n_bindings = min (header_word (VYRE_X_BINDINGS), VYRE_MAX_BINDINGS);
  uint turns = (n_bindings + LANES - 1u) / LANES;
  /* Workgroup memory lives in the save area of this tile. */
  for (uint turn = 0u; turn < turns; turn++) {
    uint k = turn * LANES + lane;
    uint at = VYRE_X_BINDING0 + k * VYRE_BINDING_WORDS;
    uvec4 binding;
#ifdef VYRE_PARALLEL
    if (n_bindings <= 8u) {
      /* Fetched with the header. */
      if (lane < 32u)
        bindings[lane / 4u][lane % 4u] = bindings_line;
      settle ();
      if (k < n_bindings)
        binding = bindings[k];
    } else
#endif
    if (k < n_bindings)
      binding = uvec4 (d.w[at], d.w[at + 1u], d.w[at + 2u], d.w[at + 3u]);
    if (k < n_bindings) {
      if (binding.y == VYRE_B_SHARED)
        binding.xy = unpackUint2x32 (area_address +
            uint64_t (VYRE_S_HEADER_WORDS * 4u + binding.x));
      bindings[k] = binding;
    }
  }
  passes += turns;
  memoryBarrier (gl_ScopeSubgroup, gl_StorageSemanticsShared,
      gl_SemanticsAcquireRelease);
  subgroupBarrier ();
}

/* Reads slot and descriptor, every word once. Returns a fault code. */
uint
open_tile (inout uint passes)
{
  total_steps = 0u;
  slices = 0u;
  pc = 0u;
  read_slot ();
  if (tenant >= VYRE_TENANTS || slot_word (VYRE_W_OPCODE) !=
      VYRE_TENANT_OP_BASE + tenant * VYRE_TENANT_OP_WINDOW +
          VYRE_TENANT_OP_RUN_TILE)
    return VYRE_FAULT_BAD_OPCODE;
  bool good = read_header ();
  if (!good && PARALLEL) {
    /* Fetched before the slot was claimed, for what it held then. */
    fetched_descriptor = NONE;
    good = read_header ();
  }
  if (!good)
    return VYRE_FAULT_BAD_DESCRIPTOR;
#ifndef VYRE_COMPILED
  code_address = packUint2x32 (uvec2 (header_word (VYRE_X_CODE_LO),
      header_word (VYRE_X_CODE_HI)));
  code_length = header_word (VYRE_X_CODE_LENGTH);
#endif
  flags = header_word (VYRE_X_FLAGS);
  n_registers = min (header_word (VYRE_X_REGISTERS), VYRE_I_MAX_REGISTERS);
  n_spills = header_word (VYRE_X_SPILLS);
  size = uvec3 (header_word (VYRE_X_SIZE_X), header_word (VYRE_X_SIZE_Y),
      header_word (VYRE_X_SIZE_Z));
  group_size = header_word (VYRE_X_INVOCATIONS);
  grid = uvec3 (header_word (VYRE_X_GRID_X), header_word (VYRE_X_GRID_Y),
      header_word (VYRE_X_GRID_Z));
  n_shared = header_word (VYRE_X_SHARED_WORDS);
  n_warps = header_word (VYRE_X_WARPS);
  step_limit = uint64_t (header_word (VYRE_X_MAX_STEPS_LO)) |
      uint64_t (header_word (VYRE_X_MAX_STEPS_HI)) << 32;
#ifndef VYRE_COMPILED
  quads = count_quads ();
#endif
  tile_step = batch_width ();
#ifdef VYRE_COMPILED
  /* Of all lane groups together; compiled code counts for one. */
  step_limit /= uint64_t (max (n_warps, 1u));
  if ((tile_count & VYRE_TILE_STRIDED) != 0u) {
    tile_step = max (tile_step, (tile_count & ~VYRE_TILE_STRIDED) * group_size);
    tile_count = grid.x * grid.y * grid.z - tile_first;
  }
#endif
#if defined VYRE_PARALLEL && !defined VYRE_COMPILED
  code_base = pc - CODE_CACHE; /* nothing */
  cache_code ();
#endif
  read_bindings (passes);
  return VYRE_FAULT_NONE;
}

bool
cancelled ()
{
  return uniform_word (load_relaxed (Words (descriptor), VYRE_X_CANCEL)) ==
      window_generation;
}

/* Of the tile that has just been opened: where many workgroups run, as of when it
 * was claimed, since another look takes as long as all of a short tile. */
bool
opened_cancelled ()
{
  return PARALLEL ? header_word (VYRE_X_CANCEL) == window_generation :
      cancelled ();
}

/* Is it time that the tile in hand leaves its workgroup to one as urgent that
 * waits, or to one that is more urgent or cancelled? */
bool
turn_is_over (uint looks)
{
  look_at_all (slot);
  uint waiting = waiting_levels ();
  bool urgent = (waiting & (1u << level) - 1u) != 0u || some_cancelled ();
  waiting_before = PARALLEL ? waiting_before : waiting;
  return (PARALLEL ? (waiting & (2u << level) - 1u) != 0u : waiting != 0u) &&
      looks >= (urgent ? ROTATE_LOOKS_URGENT : ROTATE_LOOKS);
}

/* Batches of the flat tile in hand. */
uint
count_batches ()
{
  return (tile_count * group_size + tile_step - 1u) / tile_step;
}

bool
over_limit ()
{
  return step_limit != 0UL && steps > step_limit;
}

/* --- main -------------------------------------------------------------------- */

#ifndef VYRE_COMPILED

uint
interpret_any (inout uint allowance)
{
#ifdef VYRE_PARALLEL
  if (wide ())
    return interpret_wide (lane, allowance);
#endif
  return interpret (lane, allowance);
}

/* Runs the lane group in hand, or flat batches one after the other, as far as
 * allowance goes; counts the steps of the last one. */
uint
run (inout uint allowance)
{
  if (pc == PC_ENDED)
    return EV_END;
  uint last = PARALLEL && !grouped () ? count_batches () - 1u : 0u;
  uint event;
  bool more;
  [[dont_unroll]]
  do {
    uint before = allowance;
    event = interpret_any (allowance);
    steps += uint64_t (before - allowance);
    more = PARALLEL && event == EV_END && warp < last && allowance > 0u &&
        !subgroupAny (fault_code != 0u) && !over_limit ();
    if (more) {
      warp++;
      steps = 0UL;
      begin_lanes ();
    }
  } while (more);
  return event;
}

#endif

void
suspend (uint kept)
{
  if (phase != PHASE_FRESH)
    save_lanes ();
  save_header ();
  fence_release ();
  if (lane == 0u) {
    Words ring = Words (launch.ring);
    Words words = Words (launch.door);
    uint base = slot * VYRE_SLOT_WORDS;
    store_relaxed (ring, base + VYRE_A_SAVE_AREA, kept + 1u);
    count_end (tenant);
    atomicStore (ring.w[base + VYRE_W_STATUS], uint (VYRE_ST_YIELD), SCOPE,
        BUFFERS, gl_SemanticsRelease | gl_SemanticsMakeAvailable);
    add_relaxed (words, VYRE_DOOR_YIELDED + level, 1u);
  }
}

#include "turn.glsl"

#ifdef TEAM
#include "team.glsl"

void
main ()
{
  uint turn = 0u;
  bool stays;
  lane = gl_SubgroupInvocationID;
  leaving = false;
  running = false;
  if (leads ())
    begin_turns ();
  [[dont_unroll]]
  do {
    stays = !leaving;
    if (leads () && stays)
      begin_turn ();
    stays = run_together (turn++, stays ? team_batches () : TEAM_LEAVES);
    if (leads () && stays)
      end_turn ();
  } while (stays);
  if (leads ())
    end_turns ();
}

#else

void
main ()
{
  lane = gl_SubgroupInvocationID;
  begin_turns ();
  while (!leaving) {
    begin_turn ();
    end_turn ();
  }
  end_turns ();
}

#endif
