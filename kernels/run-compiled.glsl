/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A compiled program in the megakernel: what generated code expects of its
 * frame (compiled.glsl), the code itself, and the loop over its batches.
 */

#define EV_SLICE 0u
#define EV_END 1u
#define EV_BARRIER 2u

shared uvec4 bindings[VYRE_MAX_BINDINGS];
uint pc; /* nothing; 0 */
uint fault_code, fault_address, fault_tag; /* of this lane; 0: none */

/* Of this lane, for the batch in hand. */
uint steps_done;
uint passes_made, next_look;
bool stopped;
bool was_stopped; /* of any lane, by cancellation */

/* Loop passes between two looks at the host. */
#define LOOK_PASSES 4096u
/* What a batch is charged with beside its own. */
#define BATCH_PASSES (PARALLEL ? 8u : 2u)

bool
go_on (uint passes)
{
  passes_made += passes;
  if (passes_made < next_look)
    return !stopped;
  next_look = passes_made + LOOK_PASSES;
  note_progress ();
  if (step_limit != 0UL && uint64_t (steps_done) > step_limit) {
    fault_code = VYRE_FAULT_STEP_LIMIT;
    stopped = true;
  }
  if (load_relaxed (Words (descriptor), VYRE_X_CANCEL) == window_generation)
    stopped = true;
  return !stopped;
}

VYRE_COMPILED_PROGRAM

/* Lane groups of a hardware workgroup: team.glsl. */
#ifdef VYRE_PARALLEL
#define TEAM COMPILED_TEAM
#endif

uint
batch_width ()
{
  return COMPILED_GROUP != 0u ? COMPILED_GROUP :
      LANES * COMPILED_UNROLL * COMPILED_TEAM;
}

/* Nothing is kept between batches. */
uint
locate ()
{
  return 1u;
}

void
begin_lanes ()
{
  pc = 0u;
}

void
begin_batch ()
{
  steps_done = 0u;
  passes_made = 0u;
  next_look = LOOK_PASSES;
  stopped = false;
}

/* After a batch, which is charged with its loop passes, or as many as it may make
 * (NONE: unknown), and something for itself: may another one run? */
bool
end_batch (inout uint allowance, uint room, uint passes)
{
  uint charge = BATCH_PASSES + (passes != NONE ? passes :
      subgroupMax (passes_made));
  steps = uint64_t (COMPILED_STEPS != NONE ? COMPILED_STEPS :
      subgroupMax (steps_done));
  allowance -= min (charge, allowance);
  was_stopped = COMPILED_LOOPS && subgroupAny (stopped);
  return allowance >= room && !was_stopped &&
      !(COMPILED_FAULTS && subgroupAny (fault_code != 0u)) &&
      !(step_limit != 0UL && steps > step_limit);
}

/* Of programs without loops and faults, all is known beforehand: so many batches
 * run from warp on. The step limit holds for each. */
bool
straight_over ()
{
  return step_limit != 0UL && uint64_t (COMPILED_STEPS) > step_limit;
}

uint
straight_batches (uint allowance, uint last)
{
  uint n = min (last + 1u - warp, allowance / BATCH_PASSES);
  return straight_over () ? min (n, 1u) : n;
}

/* The team has run what straight_batches() said. */
uint
account_straight (inout uint allowance, uint last)
{
  uint n = straight_batches (allowance, last);
  uint next = warp + n;
  allowance -= n * BATCH_PASSES;
  steps = uint64_t (COMPILED_STEPS);
  bool over = straight_over () && n != 0u;
  warp = next <= last && !over ? next : next - 1u;
  return next <= last && !over ? EV_SLICE : EV_END;
}

/* Runs batches one after the other as far as allowance goes: those that need no
 * checks, then the others. In loops of their own, since the lanes of a CPU would
 * execute both versions for every batch. */
uint
run_compiled (inout uint allowance, uint last)
{
  /* Where passes are many, none is reserved for the batch. */
  uint room = PARALLEL ? BATCH_PASSES : COMPILED_PASSES + BATCH_PASSES;
  uint next = warp;
  bool more = allowance >= room;

  if (COMPILED_TEAM > 1u)
    return account_straight (allowance, last);
  if (!more)
    return EV_SLICE;
  was_stopped = false;
#ifndef VYRE_PARALLEL
  compiled_begin ();
#endif
  uint end = min (compiled_fitting (0u, tile_step), last + 1u);
  if (!COMPILED_LOOPS && !COMPILED_FAULTS) {
    uint n = next < end ? straight_batches (allowance, end - 1u) : 0u;
    [[dont_unroll]]
    for (uint k = 0u; k < n; k++)
      compiled_inside ((next + k) * tile_step);
    if (n > 0u) {
      next += n;
      warp = next - 1u;
      steps = uint64_t (COMPILED_STEPS);
      allowance -= n * BATCH_PASSES;
      more = allowance >= room && next <= last && !straight_over ();
    }
  } else {
    [[dont_unroll]]
    while (more && next < end) {
      warp = next++;
      begin_batch ();
      compiled_inside (warp * tile_step);
      more = end_batch (allowance, room, COMPILED_PASSES_INSIDE) && next <= last;
    }
  }
  [[dont_unroll]]
  while (more) {
    warp = next++;
    begin_batch ();
    compiled_checked (warp * tile_step);
    more = end_batch (allowance, room, COMPILED_PASSES) && next <= last;
  }
  if (was_stopped)
    return EV_SLICE;
  if (next <= last && allowance < room) {
    warp = next;
    return EV_SLICE;
  }
  return EV_END;
}
