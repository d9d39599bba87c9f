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
#define BATCH_PASSES 8u

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

uint
batch_width ()
{
  return COMPILED_GROUP != 0u ? COMPILED_GROUP : LANES * COMPILED_UNROLL;
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

/* What a batch is charged with: its loop passes, or as many as it may make, and
 * something for the batch itself. */
uint
batch_charge ()
{
  return (COMPILED_PASSES != 0xffffffffu ? COMPILED_PASSES : passes_made) +
      BATCH_PASSES;
}

/* Runs batches one after the other as far as allowance goes. */
uint
run_compiled (inout uint allowance, uint last)
{
  /* Where passes are many, none is reserved for the batch. */
  uint room = PARALLEL ? BATCH_PASSES : COMPILED_PASSES + BATCH_PASSES;
  uint event = EV_END;
  bool more = allowance >= room;
  bool ran = false;

  if (!more)
    return EV_SLICE;
  [[dont_unroll]]
  while (more) {
    if (ran)
      warp++;
    ran = true;
    steps_done = 0u;
    passes_made = 0u;
    next_look = LOOK_PASSES;
    stopped = false;
    compiled_batch (warp * batch_width ());
    steps = uint64_t (subgroupMax (steps_done));
    uint charge = min (subgroupMax (batch_charge ()), allowance);
    allowance -= charge;
    was_stopped = subgroupAny (stopped);
    more = warp < last && allowance >= room && !was_stopped &&
        !subgroupAny (fault_code != 0u) &&
        !(step_limit != 0UL && steps > step_limit);
  }
  if (was_stopped)
    return EV_SLICE;
  if (warp < last && allowance < room) {
    warp++;
    event = EV_SLICE;
  }
  return event;
}
