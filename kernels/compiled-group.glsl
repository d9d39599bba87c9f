/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What code calls that is generated for programs with barriers. A workgroup of
 * the program runs on one subgroup: between two barriers, its lane groups take
 * turns. What lives across a barrier is kept in the save area, COMPILED_ROWS
 * words of a lane for each turn, behind workgroup memory. Expects of the frame
 * beside what compiled.glsl lists:
 *
 *   area_address            of the save area
 *   VYRE_S_HEADER_WORDS     words of it that are the frame's
 *   KHR_shader_subgroup_vote
 */

const uint COMPILED_TURNS = (COMPILED_GROUP + LANES - 1u) / LANES;

uvec3 compiled_at; /* the workgroup */
uint compiled_turn;
bool compiled_reached; /* the end of the segment, by this invocation */
bool compiled_vote;
/* Instructions before a segment, and after it by the turn that made most. */
uint compiled_steps_before, compiled_steps_most;

uint
compiled_place (uint row)
{
  return VYRE_S_HEADER_WORDS + COMPILED_SHARED +
      (compiled_turn * COMPILED_ROWS + row) * LANES + lane;
}

uint
compiled_saved (uint row)
{
  return Words (area_address).w[compiled_place (row)];
}

void
compiled_save (uint row, uint value)
{
  Words (area_address).w[compiled_place (row)] = value;
}

/* All that runs is one subgroup. Scopes between that and the queue family would
 * hold up other subgroups on some devices. */
void
compiled_barrier ()
{
  memoryBarrier (SCOPE, BUFFERS, gl_SemanticsAcquireRelease |
      gl_SemanticsMakeAvailable | gl_SemanticsMakeVisible);
  subgroupBarrier ();
}

/* Zeroes workgroup memory, when everybody is done with that of the workgroup
 * before. */
void
compiled_clear ()
{
  Words area = Words (area_address);
  compiled_barrier ();
  [[dont_unroll]]
  for (uint k = lane; k < COMPILED_SHARED; k += LANES)
    area.w[VYRE_S_HEADER_WORDS + k] = 0u;
  compiled_barrier ();
}

/* May the segment that follows run? */
bool
compiled_go_on (uint passes, uint instructions)
{
  steps_done += instructions;
  return subgroupAll (go_on (passes));
}

void
compiled_begin_turns ()
{
  compiled_steps_before = steps_done;
  compiled_steps_most = steps_done;
}

void
compiled_end_turn ()
{
  compiled_steps_most = max (compiled_steps_most, steps_done);
  steps_done = compiled_steps_before;
}
