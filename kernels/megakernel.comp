/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The megakernel: lane groups claim slots of the ring, run the tiles behind
 * them and report. One hardware workgroup is one subgroup, so everything that
 * steers control flow is uniform in the workgroup, barriers of programs need
 * no hardware barrier, and a program workgroup wider than the subgroup is a
 * number of lane groups that take turns, each with its state in the save area.
 *
 * No workgroup waits for another. A launch ends when its fuel is used, when
 * it is told to leave, or when it has found nothing for a while; a tile that
 * is not finished then is suspended with its state (YIELD), and any workgroup
 * of any later launch goes on with it.
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
#extension GL_KHR_shader_subgroup_vote : require
#extension GL_KHR_shader_subgroup_ballot : require
#pragma use_vulkan_memory_model

#include "ring/words.h"
#include "lower/isa.h"
#include "engine/launch.h"

layout(local_size_x_id = 0) in;
layout(constant_id = VYRE_SPEC_LANES) const uint LANES = 32;
layout(constant_id = VYRE_SPEC_FEATURES) const uint KERNEL_FEATURES =
    VYRE_KERNEL_ALL;

#include "memory.glsl"
#include "float.glsl"
#include "transcendental.glsl"
#include "interp.glsl"

layout(push_constant, scalar) uniform Launch
{
  uint64_t control, ring, records, descriptors, areas, area_map;
  uint slots;           /* a power of two */
  uint n_areas;
  uint area_words;
  uint generation;      /* of residency */
  uint fuel;            /* loop passes this workgroup may make */
  uint slice;           /* instructions between two looks at the host */
  uint idle_limit;      /* polls without work before leaving; 0: leave at once */
  uint n_descriptors;
} launch;

#define NONE 0xffffffffu
/* Loop passes of one turn of the outer loop beside those that are counted where
 * they are made: its own, and one each for the end of the loops that claim,
 * interpret and read bindings, since devices that count passes also count the
 * one that finds nothing left to do. */
#define TURN_PASSES 4u
#define PC_ENDED 0xffffffffu
#define PHASE_FRESH 0xffffffffu /* the workgroup has not begun */

uint lane;

/* The tile in hand; uniform. */
uint slot, sequence, descriptor_index;
uint64_t descriptor;
uint tile_first, tile_count;
uint code_length, n_registers, n_spills, n_warps, n_shared, group_size, flags;
uint tenant, window_generation;
uvec3 size, grid;
uint64_t step_limit;
uint done_groups, warp, phase, active_warps, total_steps, slices;
uint64_t steps;
uint64_t area_address;

/* --- save areas ---------------------------------------------------------- */

uint
take_area (uint start)
{
  uint found = NONE;
  if (lane == 0u) {
    Words map = Words (launch.area_map);
    uint words = (launch.n_areas + 31u) / 32u;
    for (uint k = 0u; k < words && found == NONE; k++) {
      uint i = (start + k) % words;
      uint free_bits = load_relaxed (map, i);
      if (free_bits != 0u) {
        uint bit = uint (findLSB (free_bits));
        uint old = atomicAnd (map.w[i], ~(1u << bit), SCOPE, 0, 0);
        if ((old & 1u << bit) != 0u)
          found = i * 32u + bit;
      }
    }
  }
  return subgroupBroadcastFirst (found);
}

void
give_area (uint area)
{
  if (lane == 0u)
    atomicOr (Words (launch.area_map).w[area / 32u], 1u << area % 32u, SCOPE,
        0, 0);
}

uint64_t
area_base (uint area)
{
  return launch.areas + uint64_t (area) * uint64_t (launch.area_words) * 4UL;
}

uint
warp_words ()
{
  return (VYRE_S_LANE_ROWS + n_registers + n_spills) * LANES;
}

/* Where the lane group in hand keeps its state: flat tiles have one place,
 * workgroups one per lane group. */
uint
lanes_base ()
{
  return VYRE_S_HEADER_WORDS + n_shared +
      ((flags & VYRE_XF_GROUPED) != 0u ? warp * warp_words () : 0u);
}

void
locate_spills ()
{
  spill_address = area_address + uint64_t ((lanes_base () +
          (VYRE_S_LANE_ROWS + n_registers) * LANES) * 4u);
}

void
save_lanes ()
{
  Words area = Words (area_address);
  uint base = lanes_base () + lane;
  area.w[base] = pc;
  area.w[base + LANES] = uint (executing) | uint (alive) << 1;
  area.w[base + 2u * LANES] = entered.x;
  area.w[base + 3u * LANES] = entered.y;
  area.w[base + 4u * LANES] = taken.x;
  area.w[base + 5u * LANES] = taken.y;
  for (uint r = 0u; r < n_registers; r++)
    area.w[base + (VYRE_S_LANE_ROWS + r) * LANES] = R (r);
}

void
restore_lanes ()
{
  Words area = Words (area_address);
  uint base = lanes_base () + lane;
  pc = subgroupBroadcastFirst (area.w[base]);
  uint bits = area.w[base + LANES];
  executing = (bits & 1u) != 0u;
  alive = (bits & 2u) != 0u;
  entered = uvec2 (area.w[base + 2u * LANES], area.w[base + 3u * LANES]);
  taken = uvec2 (area.w[base + 4u * LANES], area.w[base + 5u * LANES]);
  for (uint r = 0u; r < n_registers; r++)
    R (r) = area.w[base + (VYRE_S_LANE_ROWS + r) * LANES];
}

void
save_header ()
{
  if (lane == 0u) {
    Words area = Words (area_address);
    area.w[VYRE_S_WORKGROUP] = done_groups;
    area.w[VYRE_S_WARP] = warp;
    area.w[VYRE_S_PHASE] = phase;
    area.w[VYRE_S_STEPS_LO] = uint (steps);
    area.w[VYRE_S_STEPS_HI] = uint (steps >> 32);
    area.w[VYRE_S_TOTAL] = total_steps;
    area.w[VYRE_S_SLICES] = slices + 1u;
    area.w[VYRE_S_ACTIVE] = active_warps;
  }
}

void
restore_header ()
{
  Words area = Words (area_address);
  done_groups = area.w[VYRE_S_WORKGROUP];
  warp = area.w[VYRE_S_WARP];
  phase = area.w[VYRE_S_PHASE];
  steps = uint64_t (area.w[VYRE_S_STEPS_LO]) |
      uint64_t (area.w[VYRE_S_STEPS_HI]) << 32;
  total_steps = area.w[VYRE_S_TOTAL];
  slices = area.w[VYRE_S_SLICES];
  active_warps = area.w[VYRE_S_ACTIVE];
}

/* --- lane groups of a tile ------------------------------------------------ */

bool
grouped ()
{
  return (flags & VYRE_XF_GROUPED) != 0u;
}

/* Ids of this lane for the lane group or batch in hand. FALSE: the lane has no
 * invocation. */
bool
locate ()
{
  uint group, local;
  bool valid;
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
  return valid;
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

/* --- claiming -------------------------------------------------------------- */

bool
older (uint a, uint b)
{
  return int (a - b) < 0;
}

/* A slot of a tenant that may not run stays published. */
bool
may_execute (uint tenant)
{
  return tenant < VYRE_TENANT_MASK_SLOTS &&
      (load_relaxed (Words (launch.control), VYRE_C_TENANT_MASK + tenant) &
          VYRE_TENANT_MAY_EXECUTE) != 0u;
}

/* May this kernel run what is in the slot? */
bool
may_run (uint base)
{
  Words ring = Words (launch.ring);

  return !older (launch.generation,
          load_relaxed (ring, base + VYRE_A_RESIDENCY)) &&
      (load_relaxed (ring, base + VYRE_A_KERNEL) & ~KERNEL_FEATURES) == 0u &&
      may_execute (load_relaxed (ring, base + VYRE_W_TENANT));
}

/* Looks through the slots in flight, a lane group's width at a time, and claims
 * one that this kernel may run. Oldest first: slots are taken back in order, so
 * one that waits long would block the ring. But fresh: only tiles that have
 * not begun, so that suspended ones, however long, leave some workgroups of
 * some launches to the others; suspended: only those, for want of a save area.
 * passes: loop passes used. */
uint
claim (inout uint passes, uint spread, bool fresh, bool suspended)
{
  Words control = Words (launch.control);
  Words ring = Words (launch.ring);
  uint tail = load_relaxed (control, VYRE_C_TAIL);
  uint oldest = load_relaxed (control, VYRE_C_OLDEST);
  uint available = tail - load_relaxed (control, VYRE_C_SKIPPED) +
      load_relaxed (control, VYRE_C_YIELDED) -
      load_relaxed (control, VYRE_C_CLAIMED);
  tail = subgroupBroadcastFirst (tail);
  oldest = subgroupBroadcastFirst (oldest);
  available = subgroupBroadcastFirst (available);
  uint span = tail - oldest;
  uint got = NONE;
  if (span == 0u || span > launch.slots || int (available) <= 0)
    span = 0u;
  /* A tile that is suspended among others that never end gets its turn only
   * if not all look from the oldest on. */
  bool turning = !fresh &&
      ((gl_WorkGroupID.x >> 1) + (launch.generation >> 1) & 1u) != 0u;
  uint rows = (span + LANES - 1u) / LANES;
  uint first = turning ? launch.generation * 5u + spread : 0u;
  for (uint k = 0u; k < rows && got == NONE; k++) {
    passes++;
    uint at = (first + k) % rows * LANES + lane;
    uint candidate = oldest + at & launch.slots - 1u;
    uint base = candidate * VYRE_SLOT_WORDS;
    bool ready = at < span;
    uint status = VYRE_ST_EMPTY;
    if (ready) {
      status = load_relaxed (ring, base + VYRE_W_STATUS);
      ready = status == VYRE_ST_YIELD ? !fresh :
          (status == VYRE_ST_PUBLISHED || status == VYRE_ST_REQUEUE) &&
          !suspended;
    }
    if (ready)
      ready = may_run (base);
    uvec4 votes = subgroupBallot (ready);
    uint n = subgroupBallotBitCount (votes);
    if (n > 0u) {
      /* Spread the workgroups over the candidates; suspended tiles first
       * would be fairer, but they are found all the same. */
      uint rank = subgroupBallotExclusiveBitCount (votes);
      bool mine = ready && rank == spread % n;
      uint won = NONE;
      if (mine && atomicCompSwap (ring.w[base + VYRE_W_STATUS], status,
              VYRE_ST_CLAIMED, SCOPE, BUFFERS, gl_SemanticsAcquire |
              gl_SemanticsMakeVisible, 0, gl_SemanticsRelaxed) == status)
        won = candidate | (status == VYRE_ST_YIELD ? 0x80000000u : 0u);
      /* Between looking and claiming the slot may have been finished and
       * published anew, for another kernel than this. */
      if (won != NONE && !may_run (base)) {
        atomicStore (ring.w[base + VYRE_W_STATUS], status, SCOPE, BUFFERS,
            gl_SemanticsRelease | gl_SemanticsMakeAvailable);
        won = NONE;
      }
      uvec4 winners = subgroupBallot (won != NONE);
      got = subgroupBallotBitCount (winners) != 0u ?
          subgroupBroadcast (won, subgroupBallotFindLSB (winners)) : NONE;
    }
  }
  return got;
}

/* --- completion ------------------------------------------------------------ */

void
complete (uint status, uint code, uint address, uint tag)
{
  fence_release ();
  if (lane == 0u) {
    Words control = Words (launch.control);
    Words ring = Words (launch.ring);
    Words record = Words (launch.records +
        uint64_t (slot) * uint64_t (VYRE_COMPLETION_WORDS * 4));
    uint base = slot * VYRE_SLOT_WORDS;
    if (status == VYRE_ST_FAULT) {
      store_relaxed (ring, base + VYRE_A_ERROR, code);
      add_relaxed (control, VYRE_C_FAULTED, 1u);
    }
    uint old = add_relaxed (control, VYRE_C_STEPS_LO, total_steps);
    if (old + total_steps < old)
      add_relaxed (control, VYRE_C_STEPS_HI, 1u);
    record.w[VYRE_R_STATUS] = status;
    record.w[VYRE_R_CODE] = code;
    record.w[VYRE_R_ADDRESS] = address;
    record.w[VYRE_R_TAG] = tag;
    record.w[VYRE_R_STEPS] = total_steps;
    record.w[VYRE_R_PC] = pc;
    record.w[VYRE_R_SLICES] = slices;
    /* DONE first, then the count, then the host's record. */
    atomicStore (ring.w[base + VYRE_W_STATUS], status, SCOPE, BUFFERS,
        gl_SemanticsRelease | gl_SemanticsMakeAvailable);
    if (status == VYRE_ST_DONE)
      add_relaxed (control, VYRE_C_DONE_COUNT, 1u);
    atomicStore (record.w[VYRE_R_SEQUENCE], sequence, SCOPE, BUFFERS,
        gl_SemanticsRelease | gl_SemanticsMakeAvailable);
  }
}

/* --- tiles ------------------------------------------------------------------ */

/* Reads slot and descriptor, every word once. Returns a fault code. */
uint
open_tile (inout uint passes)
{
  Words ring = Words (launch.ring);
  uint base = slot * VYRE_SLOT_WORDS;
  uint opcode = ring.w[base + VYRE_W_OPCODE];
  tenant = ring.w[base + VYRE_W_TENANT];
  sequence = ring.w[base + VYRE_A_SEQUENCE];
  descriptor_index = ring.w[base + VYRE_A_DESCRIPTOR];
  window_generation = ring.w[base + VYRE_A_WINDOW_GENERATION];
  tile_first = ring.w[base + VYRE_A_TILE_FIRST];
  tile_count = ring.w[base + VYRE_A_TILE_COUNT];
  total_steps = 0u;
  slices = 0u;
  pc = 0u;
  if (opcode == VYRE_OP_NOP)
    return VYRE_FAULT_NONE;
  if (tenant >= VYRE_TENANT_MASK_SLOTS || opcode != VYRE_TENANT_OP_BASE +
          tenant * VYRE_TENANT_OP_WINDOW + VYRE_TENANT_OP_RUN_TILE)
    return VYRE_FAULT_BAD_OPCODE;
  if (descriptor_index >= launch.n_descriptors)
    return VYRE_FAULT_BAD_DESCRIPTOR;
  descriptor = launch.descriptors +
      uint64_t (descriptor_index) * uint64_t (VYRE_DESCRIPTOR_WORDS * 4);
  Words d = Words (descriptor);
  if (d.w[VYRE_X_GENERATION] != window_generation ||
      d.w[VYRE_X_TENANT] != tenant)
    return VYRE_FAULT_BAD_DESCRIPTOR;
  code_address = packUint2x32 (uvec2 (d.w[VYRE_X_CODE_LO],
      d.w[VYRE_X_CODE_HI]));
  code_length = d.w[VYRE_X_CODE_LENGTH];
  flags = d.w[VYRE_X_FLAGS];
  n_registers = min (d.w[VYRE_X_REGISTERS], VYRE_I_MAX_REGISTERS);
  n_spills = d.w[VYRE_X_SPILLS];
  size = uvec3 (d.w[VYRE_X_SIZE_X], d.w[VYRE_X_SIZE_Y], d.w[VYRE_X_SIZE_Z]);
  group_size = d.w[VYRE_X_INVOCATIONS];
  grid = uvec3 (d.w[VYRE_X_GRID_X], d.w[VYRE_X_GRID_Y], d.w[VYRE_X_GRID_Z]);
  n_shared = d.w[VYRE_X_SHARED_WORDS];
  n_warps = d.w[VYRE_X_WARPS];
  step_limit = uint64_t (d.w[VYRE_X_MAX_STEPS_LO]) |
      uint64_t (d.w[VYRE_X_MAX_STEPS_HI]) << 32;
  uint n_bindings = min (d.w[VYRE_X_BINDINGS], VYRE_MAX_BINDINGS);

  /* Workgroup memory lives in the save area of this tile. */
  for (uint k = lane; k < n_bindings; k += LANES) {
    uint at = VYRE_X_BINDING0 + k * VYRE_BINDING_WORDS;
    uvec4 binding = uvec4 (d.w[at], d.w[at + 1u], d.w[at + 2u], d.w[at + 3u]);
    if (binding.y == VYRE_B_SHARED)
      binding.xy = unpackUint2x32 (area_address +
          uint64_t (VYRE_S_HEADER_WORDS * 4u + binding.x));
    bindings[k] = binding;
  }
  passes += (n_bindings + LANES - 1u) / LANES;
  memoryBarrier (gl_ScopeSubgroup, gl_StorageSemanticsShared,
      gl_SemanticsAcquireRelease);
  subgroupBarrier ();
  return VYRE_FAULT_NONE;
}

bool
cancelled ()
{
  return subgroupBroadcastFirst (load_relaxed (Words (descriptor),
          VYRE_X_CANCEL)) == window_generation;
}

/* Zeroes workgroup memory; the caller has made sure of the fuel. */
void
clear_shared ()
{
  Words area = Words (area_address);
  for (uint k = lane; k < n_shared; k += LANES)
    area.w[VYRE_S_HEADER_WORDS + k] = 0u;
  memoryBarrier (gl_ScopeSubgroup, BUFFERS, gl_SemanticsAcquireRelease);
  subgroupBarrier ();
}

void
main ()
{
  lane = gl_SubgroupInvocationID;
  Words control = Words (launch.control);
  Words ring = Words (launch.ring);
  uint fuel = launch.fuel;
  uint looked = fuel; /* what was left at the last look at the host */
  uint idle = 0u, polls = 0u;
  uint spread = gl_WorkGroupID.x;
  uint area = take_area (spread / 32u);
  bool have_tile = false;
  bool leaving = false;

  /* Saving a tile takes one pass per register; claiming may look at every
   * slot once. Both always fit into what is kept back. */
  uint reserve = VYRE_I_MAX_REGISTERS + launch.slots / LANES + 32u;
  if (launch.fuel <= 2u * reserve)
    leaving = true;

  while (!leaving) {
    uint passes = TURN_PASSES;
    uint event = EV_SLICE;

    if (!have_tile) {
      bool told = load_relaxed (control, VYRE_C_SHUTDOWN) != 0u ||
          older (launch.generation, load_relaxed (control, VYRE_C_LEAVE));
      told = subgroupBroadcastFirst (uint (told)) != 0u;
      uint got = NONE;
      if (!told)
        got = claim (passes, spread, area != NONE &&
            (gl_WorkGroupID.x + launch.generation + idle & 1u) == 0u,
            area == NONE);
      if (got != NONE) {
        fence_acquire ();
        slot = got & 0x7fffffffu;
        bool resumed = (got & 0x80000000u) != 0u;
        uint base = slot * VYRE_SLOT_WORDS;
        idle = 0u;
        spread += 7u;
        if (lane == 0u)
          add_relaxed (control, VYRE_C_CLAIMED, 1u);
        if (resumed) {
          uint kept = load_relaxed (ring, base + VYRE_A_SAVE_AREA) - 1u;
          if (area != NONE)
            give_area (area);
          area = subgroupBroadcastFirst (min (kept, launch.n_areas - 1u));
        }
        area_address = area_base (area);
        uint bad = open_tile (passes);
        if (bad != VYRE_FAULT_NONE) {
          complete (VYRE_ST_FAULT, bad, slot, 0u);
        } else if (ring.w[base + VYRE_W_OPCODE] == VYRE_OP_NOP) {
          complete (VYRE_ST_DONE, VYRE_FAULT_NONE, 0u, 0u);
        } else {
          if (lane == 0u) {
            add_relaxed (control, VYRE_C_TENANT_FAIRNESS +
                tenant % VYRE_TENANT_FAIRNESS_SLOTS, 1u);
            add_relaxed (control, VYRE_C_PRI_FAIRNESS + VYRE_PRI_NORMAL, 1u);
          }
          have_tile = true;
          fault_code = 0u;
          if (resumed) {
            restore_header ();
          } else {
            done_groups = 0u;
            warp = 0u;
            steps = 0UL;
            phase = PHASE_FRESH;
          }
          locate_spills ();
          if (phase != PHASE_FRESH) {
            restore_lanes ();
            passes += n_registers;
            locate ();
          }
        }
      } else {
        idle++;
        polls++;
        leaving = told || idle > launch.idle_limit;
      }
    }

    if (have_tile) {
      /* A workgroup (grouped) or a batch (flat) that has not begun. */
      bool run = true;
      if (phase == PHASE_FRESH) {
        uint cost = (n_shared + LANES - 1u) / LANES;
        if (warp == 0u && grouped () && n_shared != 0u) {
          if (fuel < cost + passes + reserve) {
            run = false;
          } else {
            clear_shared ();
            passes += cost;
          }
        }
        if (run) {
          phase = 0u;
          active_warps = 0u;
          steps = 0UL;
          begin_lanes ();
        }
      }
      /* With nothing left to run with, fall through to suspending. */
      bool stop = fuel <= passes + reserve || !run;
      fuel -= min (passes, fuel);
      if (!stop) {
        uint allowance = min (launch.slice, fuel - reserve);
        uint before = allowance;
        if (pc != PC_ENDED)
          event = interpret (lane, allowance);
        else
          event = EV_END;
        uint used = before - allowance;
        fuel -= used;
        steps += uint64_t (used);
        total_steps = total_steps + used < total_steps ? NONE :
            total_steps + used;
      }

      bool finished = false;
      if (subgroupAny (fault_code != 0u)) {
        uvec4 votes = subgroupBallot (fault_code != 0u);
        uint who = subgroupBallotFindLSB (votes);
        complete (VYRE_ST_FAULT, subgroupBroadcast (fault_code, who),
            subgroupBroadcast (fault_address, who),
            subgroupBroadcast (fault_tag, who));
        have_tile = false;
      } else if (event == EV_END && !grouped ()) {
        warp++;
        phase = PHASE_FRESH;
        finished = warp >= (tile_count * group_size + LANES - 1u) / LANES;
      } else if (event == EV_END || event == EV_BARRIER) {
        /* The turn goes to the workgroup's next lane group. */
        if (event == EV_BARRIER)
          active_warps++;
        else
          pc = PC_ENDED;
        if (n_warps == 1u) {
          if (event == EV_BARRIER) {
            phase++;
            active_warps = 0u;
          } else {
            finished = true;
          }
        } else {
          save_lanes ();
          fuel -= min (2u * n_registers, fuel);
          warp++;
          if (warp == n_warps) {
            warp = 0u;
            phase++;
            finished = active_warps == 0u;
            active_warps = 0u;
          }
          if (!finished) {
            if (phase == 0u)
              begin_lanes ();
            else
              restore_lanes ();
            locate ();
            locate_spills ();
          }
        }
        memoryBarrier (SCOPE, BUFFERS, gl_SemanticsAcquireRelease |
            gl_SemanticsMakeAvailable | gl_SemanticsMakeVisible);
        subgroupBarrier ();
        if (finished) {
          done_groups++;
          warp = 0u;
          phase = PHASE_FRESH;
          finished = done_groups == tile_count;
          locate_spills ();
        }
      }

      if (finished) {
        complete (VYRE_ST_DONE, VYRE_FAULT_NONE, 0u, 0u);
        have_tile = false;
      }
      if (have_tile && step_limit != 0UL && steps > step_limit) {
        complete (VYRE_ST_FAULT, VYRE_FAULT_STEP_LIMIT, 0u, 0u);
        have_tile = false;
      }
      /* Short lane groups, and turns between barriers, never use a slice up:
       * together they do. */
      bool look = event == EV_SLICE || looked - fuel >= launch.slice;
      if (look)
        looked = fuel;
      if (have_tile && look && cancelled ()) {
        complete (VYRE_ST_EMPTY, VYRE_FAULT_CANCELLED, 0u, 0u);
        have_tile = false;
      }
      if (have_tile && look) {
        bool told = load_relaxed (control, VYRE_C_SHUTDOWN) != 0u ||
            older (launch.generation, load_relaxed (control, VYRE_C_LEAVE));
        leaving = subgroupBroadcastFirst (uint (told)) != 0u;
      }
      leaving = leaving || fuel <= 2u * reserve;
    } else {
      fuel -= min (passes, fuel);
      leaving = leaving || fuel <= 2u * reserve;
    }
  }

  if (have_tile) {
    if (phase != PHASE_FRESH)
      save_lanes ();
    save_header ();
    fence_release ();
    if (lane == 0u) {
      uint base = slot * VYRE_SLOT_WORDS;
      store_relaxed (ring, base + VYRE_A_SAVE_AREA, area + 1u);
      atomicStore (ring.w[base + VYRE_W_STATUS], uint (VYRE_ST_YIELD), SCOPE, BUFFERS,
          gl_SemanticsRelease | gl_SemanticsMakeAvailable);
      add_relaxed (control, VYRE_C_YIELDED, 1u);
    }
  } else if (area != NONE) {
    give_area (area);
  }
  if (lane == 0u) {
    add_relaxed (control, VYRE_C_IDLE_POLLS, polls);
    add_relaxed (control, VYRE_C_EXITED, 1u);
  }
}
