/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The launch's constants and the tile in hand: what the other files of the
 * megakernel share. All of it is uniform in the workgroup but lane.
 */

layout(push_constant, scalar) uniform Launch
{
  uint64_t control, ring, records, descriptors, areas, area_map, door;
  uint64_t texels;
  uint n_areas;
  uint area_words;
  uint generation;      /* of residency */
  uint fuel;            /* loop passes this workgroup may make */
  uint slice;           /* instructions between two looks at the host */
  uint idle_limit;      /* polls without work before leaving; 0: leave at once */
  uint n_descriptors;
  uint index;           /* of this launch, for the doorbell */
  uint kernel;          /* what VYRE_A_KERNEL must be, or 0: any features */
  uint closed;          /* word of the completion records to close by */
  uint levels[VYRE_PRI_LEVELS]; /* first slot, and log2 of their number << 24 */
} launch;

#define NONE 0xffffffffu

uint lane;

uint slot, level, sequence, descriptor_index;
uint64_t descriptor;
uint tile_first, tile_count;
uint tile_step; /* invocations from one batch of a flat tile to the next */
uint code_length, n_registers, n_spills, n_warps, n_shared, group_size, flags;
uint tenant, window_generation;
uvec3 size, grid;
uint64_t step_limit;
uint done_groups, warp, phase, active_warps, total_steps, slices;
uint claim_steps; /* of total_steps, since the tile was claimed */
uint64_t steps;
uint64_t area_address;

/* Compiled code has its barriers within. */
bool
grouped ()
{
#ifdef VYRE_COMPILED
  return false;
#else
  return (flags & VYRE_XF_GROUPED) != 0u;
#endif
}

/* Do lanes run several invocations at once? */
bool
wide ()
{
  return PARALLEL && (flags & VYRE_XF_WIDE) != 0u && grid.y == 1u &&
      grid.z == 1u;
}

/* Tells the host that the tile in hand goes on. */
void
note_progress ()
{
  add_relaxed (Words (launch.ring), slot * VYRE_SLOT_WORDS + VYRE_A_PROGRESS,
      1u);
}

uint64_t
descriptor_at (uint which)
{
  return launch.descriptors +
      uint64_t (which) * uint64_t (VYRE_DESCRIPTOR_WORDS * 4);
}

uint
level_first (uint p)
{
  return launch.levels[p] & 0xffffffu;
}

uint
level_slots (uint p)
{
  return 1u << (launch.levels[p] >> 24);
}

uint
all_slots ()
{
  uint n = 0u;
  for (uint p = 0u; p < VYRE_PRI_LEVELS; p++)
    n += level_slots (p);
  return n;
}

/* The slot of a sequence number of a level. */
uint
slot_of (uint p, uint number)
{
  return level_first (p) + (number & level_slots (p) - 1u);
}

bool
older (uint a, uint b)
{
  return int (a - b) < 0;
}
