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

layout(local_size_x_id = 0) in;
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

/* Invocations that the lane group runs at once. */
uint
batch_width ()
{
  return wide () ? LANES * VYRE_WIDE : LANES;
}

/* Ids of this lane for the lane group or batch in hand. Returns which of its
 * invocations exist, a bit each. */
uint
locate ()
{
  uint group, local;
  bool valid;
  if (wide ()) {
    uint first = warp * LANES * VYRE_WIDE + lane;
    uint limit = tile_count * group_size;
    first_invocation = tile_first * group_size + first;
    uint valid_bits = 0u;
    for (uint k = 0u; k < VYRE_WIDE; k++)
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
  descriptor = launch.descriptors +
      uint64_t (descriptor_index) * uint64_t (VYRE_DESCRIPTOR_WORDS * 4);
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
suspend (uint area)
{
  if (phase != PHASE_FRESH)
    save_lanes ();
  save_header ();
  fence_release ();
  if (lane == 0u) {
    Words ring = Words (launch.ring);
    Words words = Words (launch.door);
    uint base = slot * VYRE_SLOT_WORDS;
    store_relaxed (ring, base + VYRE_A_SAVE_AREA, area + 1u);
    count_end (tenant);
    atomicStore (ring.w[base + VYRE_W_STATUS], uint (VYRE_ST_YIELD), SCOPE,
        BUFFERS, gl_SemanticsRelease | gl_SemanticsMakeAvailable);
    add_relaxed (words, VYRE_DOOR_YIELDED + level, 1u);
  }
}

void
main ()
{
  lane = gl_SubgroupInvocationID;
  Words control = Words (launch.control);
  Words words = Words (launch.door);
  uint fuel = launch.fuel;
  uint looked = fuel; /* what was left at the last look at the host */
  uint looks = 0u; /* since the tile was claimed */
  uint idle = 0u, polls = 0u;
  uint spread = gl_WorkGroupID.x;
  uint area = NONE;
  bool have_tile = false;
  bool leaving = false;
  bool eager = false;
  bool ran = false; /* some tile, since the last look at the host */

  have_ticket = false;
  ticket = 0u;
  ticket_level = home_level ();
  waiting_before = 0u;
  tail_before = 0u;
  urgent_run = 0u;
  owing = 0u;
  claim_steps = 0u;
  seen_slot = 0u;
  fetched_descriptor = NONE;

  /* Saving a tile takes one pass per register; claiming may look at every
   * slot once for each of its wishes. Both always fit into what is kept back. */
  uint n_slots = 0u;
  for (uint p = 0u; p < VYRE_PRI_LEVELS; p++)
    n_slots += level_slots (p);
  uint reserve = VYRE_I_MAX_REGISTERS + n_slots / LANES * SCANS + 2u * TURN_PASSES +
      32u;
  if (launch.fuel <= 2u * reserve)
    leaving = true;

  while (!leaving) {
    uint passes = TURN_PASSES;
    uint event = EV_SLICE;
    /* Not CLAIMED: how the tile in hand has ended. */
    uint end = VYRE_ST_CLAIMED;
    uint code = VYRE_FAULT_NONE, address = 0u, tag = 0u;
    bool suspending = false;

    if (!have_tile) {
      if (area == NONE)
        area = take_area (spread / 32u);
      if (PARALLEL && !have_ticket)
        next_ticket ();
      look_at_all (slot_of (ticket_level, ticket));
      bool told = told_to_leave ();
      bool closing = PARALLEL && launch_word (VYRE_LAUNCH_CLOSING) != 0u;
      uint got = NONE;
      if (!told && !closing)
        got = find_work (passes, spread, area != NONE &&
            ((PARALLEL ? gl_WorkGroupID.x + launch.generation : spread) + idle &
                1u) == 0u,
            area == NONE, eager, polls);
      eager = false;
      if (got != NONE && !confirm (got & 0x7fffffffu))
        got = NONE;
      if (got != NONE) {
        slot = got & 0x7fffffffu;
        bool resumed = (got & 0x80000000u) != 0u;
        idle = 0u;
        looks = 0u;
        claim_steps = 0u;
        spread += 7u;
        if (lane == 0u) {
          add_relaxed (words, VYRE_DOOR_CLAIMED + level, 1u);
          add_relaxed (words, VYRE_DOOR_LAUNCH +
              launch.index * VYRE_LAUNCH_WORDS + VYRE_LAUNCH_ACTIVE, 1u);
        }
        if (resumed) {
          uint kept = slot_word (VYRE_A_SAVE_AREA) - 1u;
          if (area != NONE)
            give_area (area);
          area = min (kept, launch.n_areas - 1u);
          if (lane == 0u)
            add_relaxed (words, VYRE_DOOR_RESUMED + level, 1u);
        }
        area_address = area_base (area);
        uint bad = open_tile (passes);
        fetched_descriptor = NONE;
        if (bad != VYRE_FAULT_NONE) {
          end = VYRE_ST_FAULT;
          code = bad;
          address = slot;
        } else {
          if (lane == 0u) {
            add_relaxed (control, VYRE_C_TENANT_FAIRNESS +
                tenant % VYRE_TENANT_FAIRNESS_SLOTS, 1u);
            add_relaxed (control, VYRE_C_PRI_FAIRNESS + level, 1u);
            add_relaxed (Words (tenant_table ()), VYRE_T_FAIRNESS + tenant, 1u);
            store_relaxed (control, VYRE_C_STARVATION, urgent_run);
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
          if (cancelled ()) {
            end = VYRE_ST_EMPTY;
            code = VYRE_FAULT_CANCELLED;
            have_tile = false;
          } else if (phase != PHASE_FRESH) {
            restore_lanes ();
            passes += register_rows ();
            locate ();
          }
        }
      } else {
        idle++;
        polls++;
        leaving = told || closing || idle > launch.idle_limit &&
            (!PARALLEL || launch_word (VYRE_LAUNCH_ACTIVE) == 0u);
        if (leaving && !told && !closing && PARALLEL && lane == 0u) {
          /* The others have found nothing for as long; the host shall know. */
          store_relaxed (words, VYRE_DOOR_LAUNCH +
              launch.index * VYRE_LAUNCH_WORDS + VYRE_LAUNCH_CLOSING, 1u);
          store_relaxed (Words (launch.records), launch.closed, 1u);
        }
      }
    }

    if (have_tile) {
      /* A workgroup (grouped) or a batch (flat) that has not begun. */
      bool ready = true;
      if (phase == PHASE_FRESH) {
        uint cost = (n_shared + LANES - 1u) / LANES;
        if (warp == 0u && grouped () && n_shared != 0u) {
          if (fuel < cost + passes + reserve) {
            ready = false;
          } else {
            clear_shared ();
            passes += cost;
          }
        }
        if (ready) {
          phase = 0u;
          active_warps = 0u;
          steps = 0UL;
          begin_lanes ();
        }
      }
      /* With nothing left to run with, fall through to suspending. */
      bool stop = fuel <= passes + reserve || !ready;
      fuel -= min (passes, fuel);
      if (!stop) {
        uint allowance = min (launch.slice, fuel - reserve);
        uint before = allowance;
#ifdef VYRE_COMPILED
        event = run_compiled (allowance, count_batches () - 1u);
        if (event == EV_SLICE)
          phase = PHASE_FRESH;
#else
        event = run (allowance);
#endif

        uint used = before - allowance;
        fuel -= used;
        ran = ran || used != 0u;
        claim_steps += used;
        total_steps = total_steps + used < total_steps ? NONE :
            total_steps + used;
      }

      bool finished = false;
      if (subgroupAny (fault_code != 0u)) {
        uvec4 votes = subgroupBallot (fault_code != 0u);
        uint who = subgroupBallotFindLSB (votes);
        end = VYRE_ST_FAULT;
        code = subgroupBroadcast (fault_code, who);
        address = subgroupBroadcast (fault_address, who);
        tag = subgroupBroadcast (fault_tag, who);
      } else if (event == EV_END && !grouped ()) {
        warp++;
        phase = PHASE_FRESH;
        finished = warp >= count_batches ();
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

      /* Short lane groups, and turns between barriers, never use a slice up:
       * together they do. */
      bool look = event == EV_SLICE || looked - fuel >= launch.slice;
      if (look && ran && lane == 0u)
        note_progress ();
      if (look) {
        looked = fuel;
        ran = false;
      }
      if (finished) {
        end = VYRE_ST_DONE;
      } else if (end == VYRE_ST_CLAIMED) {
        if (over_limit ()) {
          end = VYRE_ST_FAULT;
          code = VYRE_FAULT_STEP_LIMIT;
        } else if (look && cancelled ()) {
          end = VYRE_ST_EMPTY;
          code = VYRE_FAULT_CANCELLED;
        } else if (look) {
          looks++;
          suspending = turn_is_over (looks);
          leaving = told_to_leave () ||
              PARALLEL && launch_word (VYRE_LAUNCH_CLOSING) != 0u;
        }
      }
    } else {
      fuel -= min (passes, fuel);
    }
    leaving = leaving || fuel <= 2u * reserve;
    bool ended = end != VYRE_ST_CLAIMED;
    bool parting = ended || have_tile && (suspending || leaving);
    /* Here alone, for the time that devices take to compile it. */
    if (parting && lane == 0u)
      charge (tenant, claim_steps);
    if (ended) {
      complete (end, code, address, tag);
      have_tile = false;
      eager = true;
    } else if (parting) {
      /* The area stays with it. */
      suspend (area);
      area = NONE;
      have_tile = false;
      eager = true;
    }
  }

  if (area != NONE)
    give_area (area);
  if (lane == 0u) {
    add_relaxed (control, VYRE_C_IDLE_POLLS, polls);
    add_relaxed (control, VYRE_C_EXITED, 1u);
  }
}
