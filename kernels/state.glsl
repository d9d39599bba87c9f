/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Save areas: where a suspended tile keeps its state, and a workgroup its
 * lane groups and its workgroup memory while it runs.
 */

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
  return uniform_word (found);
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

#ifndef VYRE_COMPILED

/* Words of a lane's registers. */
uint
register_rows ()
{
  return wide () ? n_registers * VYRE_WIDE * quads : n_registers;
}

uint
warp_words ()
{
  return (VYRE_S_LANE_ROWS + register_rows () + n_spills) * LANES;
}

/* Where the lane group in hand keeps its state: flat tiles have one place,
 * workgroups one per lane group. */
uint
lanes_base ()
{
  return VYRE_S_HEADER_WORDS + n_shared +
      (grouped () ? warp * warp_words () : 0u);
}

void
locate_spills ()
{
  spill_address = area_address + uint64_t ((lanes_base () +
          (VYRE_S_LANE_ROWS + register_rows ()) * LANES) * 4u);
}

void
save_lanes ()
{
  Words area = Words (area_address);
  uint base = lanes_base () + lane;
  uint rows = register_rows ();
  area.w[base] = pc;
  area.w[base + LANES] = executing | alive << 16;
  area.w[base + 2u * LANES] = entered.x;
  area.w[base + 3u * LANES] = entered.y;
  area.w[base + 4u * LANES] = taken.x;
  area.w[base + 5u * LANES] = taken.y;
  for (uint r = 0u; r < rows; r++)
    area.w[base + (VYRE_S_LANE_ROWS + r) * LANES] = R (r);
}

void
restore_lanes ()
{
  Words area = Words (area_address);
  uint base = lanes_base () + lane;
  uint rows = register_rows ();
  pc = subgroupBroadcastFirst (area.w[base]);
  uint bits = area.w[base + LANES];
  executing = bits & 0xffffu;
  alive = bits >> 16;
  entered = uvec2 (area.w[base + 2u * LANES], area.w[base + 3u * LANES]);
  taken = uvec2 (area.w[base + 4u * LANES], area.w[base + 5u * LANES]);
  for (uint r = 0u; r < rows; r++)
    R (r) = area.w[base + (VYRE_S_LANE_ROWS + r) * LANES];
}

#else

/* Compiled programs are suspended between batches: their header says all. */
uint
register_rows ()
{
  return 0u;
}

void
locate_spills ()
{
}

void
save_lanes ()
{
}

void
restore_lanes ()
{
}

#endif

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
