/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The turns of a lane group: get a tile unless there is one in hand, run a part
 * of it, see what has become of it. What it keeps from turn to turn, and from
 * one part of a turn to the next, is here.
 */

uint fuel;
uint looked; /* fuel that was left at the last look at the host */
uint looks;  /* at the host since the tile was claimed */
uint idle, polls;
uint spread;
uint area;
uint reserve; /* fuel that is kept back */
bool have_tile, leaving, eager;
bool ran; /* some tile, since the last look at the host */

/* Of the turn. */
uint passes, allowance;
bool running; /* with that allowance */
uint end;     /* how the tile in hand has ended, or CLAIMED */
uint end_code, end_address, end_tag;

void
begin_turns ()
{
  fuel = launch.fuel;
  looked = fuel;
  looks = 0u;
  idle = 0u;
  polls = 0u;
  spread = gl_WorkGroupID.x;
  area = NONE;
  have_tile = false;
  eager = false;
  ran = false;

  begin_claiming (home_level ());

  /* Saving a tile takes one pass per register; claiming may look at every
   * slot once for each of its wishes. Both always fit into what is kept back. */
  reserve = VYRE_I_MAX_REGISTERS + all_slots () / LANES * SCANS +
      2u * TURN_PASSES + 32u;
  leaving = launch.fuel <= 2u * reserve;
}

/* Opens what has been claimed: got as find_work() returns it. */
void
take_tile (uint got)
{
  Words control = Words (launch.control);
  Words words = Words (launch.door);
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
    end_code = bad;
    end_address = slot;
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
    if (opened_cancelled ()) {
      end = VYRE_ST_EMPTY;
      end_code = VYRE_FAULT_CANCELLED;
      have_tile = false;
    } else if (phase != PHASE_FRESH) {
      restore_lanes ();
      passes += register_rows ();
      locate ();
    }
  }
}

/* Nothing has been found. */
void
stay_idle (bool told, bool closing)
{
  Words words = Words (launch.door);
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

void
look_for_work ()
{
  if (area == NONE)
    area = take_area (spread / 32u);
  if (PARALLEL && !have_ticket)
    next_ticket ();
  look_at_all (slot_of (ticket_level, ticket));
  bool told = told_to_leave ();
  bool closing = PARALLEL && launch_word (VYRE_LAUNCH_CLOSING) != 0u;
  uint got = NONE;
  /* Each time that it looks through the slots it prefers the other kind: each tile
   * makes spread odd or even. */
  uint way = spread + (PARALLEL ? launch.generation + polls / PATIENCE : idle);
  if (!told && !closing)
    got = find_work (passes, spread, area != NONE && (way & 1u) == 0u,
        area == NONE, eager, polls);
  eager = false;
  if (got != NONE && !confirm (got & 0x7fffffffu))
    got = NONE;
  if (got != NONE)
    take_tile (got);
  else
    stay_idle (told, closing);
}

/* Is the tile in hand run now, and how far? */
void
prepare_run ()
{
  if (!have_tile) {
    fuel -= min (passes, fuel);
    return;
  }
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
  running = !stop;
  allowance = running ? min (launch.slice, fuel - reserve) : 0u;
}

#ifdef TEAM
/* Batches of the tile in hand for the team to run in this turn. */
uint
team_batches ()
{
  return TEAM > 1u && running ? straight_batches (allowance,
      count_batches () - 1u) : 0u;
}
#endif

/* How what was run has ended: an EV_ number. */
uint
run_turn ()
{
  if (!running)
    return EV_SLICE;
  uint before = allowance;
#ifdef VYRE_COMPILED
  uint event = run_compiled (allowance, count_batches () - 1u);
  if (event == EV_SLICE)
    phase = PHASE_FRESH;
#else
  uint event = run (allowance);
#endif
  uint used = before - allowance;
  fuel -= used;
  ran = ran || used != 0u;
  claim_steps += used;
  total_steps = total_steps + used < total_steps ? NONE : total_steps + used;
  return event;
}

/* A lane group of a workgroup that has several has come to a barrier or its end:
 * the turn goes to the next. Returns whether the tile is finished. */
bool
next_lanes (uint event)
{
  bool finished = false;
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
  return finished;
}

/* What has become of the tile in hand, after event. Returns whether it is to be
 * suspended. */
bool
judge_turn (uint event)
{
  bool suspending = false;
  bool finished = false;
  if (subgroupAny (fault_code != 0u)) {
    uvec4 votes = subgroupBallot (fault_code != 0u);
    uint who = subgroupBallotFindLSB (votes);
    end = VYRE_ST_FAULT;
    end_code = subgroupBroadcast (fault_code, who);
    end_address = subgroupBroadcast (fault_address, who);
    end_tag = subgroupBroadcast (fault_tag, who);
  } else if (event == EV_END && !grouped ()) {
    warp++;
    phase = PHASE_FRESH;
    finished = warp >= count_batches ();
  } else if (event == EV_END || event == EV_BARRIER) {
    finished = next_lanes (event);
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
      end_code = VYRE_FAULT_STEP_LIMIT;
    } else if (look && cancelled ()) {
      end = VYRE_ST_EMPTY;
      end_code = VYRE_FAULT_CANCELLED;
    } else if (look) {
      looks++;
      suspending = turn_is_over (looks);
      leaving = told_to_leave () ||
          PARALLEL && launch_word (VYRE_LAUNCH_CLOSING) != 0u;
    }
  }
  return suspending;
}

void
begin_turn ()
{
  passes = TURN_PASSES;
  running = false;
  end = VYRE_ST_CLAIMED;
  end_code = VYRE_FAULT_NONE;
  end_address = 0u;
  end_tag = 0u;
  if (!have_tile)
    look_for_work ();
  prepare_run ();
}

void
end_turn ()
{
  uint event = run_turn ();
  bool suspending = have_tile && judge_turn (event);

  leaving = leaving || fuel <= 2u * reserve;
  bool ended = end != VYRE_ST_CLAIMED;
  bool parting = ended || have_tile && (suspending || leaving);
  /* Here alone, for the time that devices take to compile it. */
  if (parting && lane == 0u)
    charge (tenant, claim_steps);
  if (ended) {
    complete (end, end_code, end_address, end_tag);
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

void
end_turns ()
{
  Words control = Words (launch.control);

  if (area != NONE)
    give_area (area);
  if (lane == 0u) {
    add_relaxed (control, VYRE_C_IDLE_POLLS, polls);
    add_relaxed (control, VYRE_C_EXITED, 1u);
  }
}
