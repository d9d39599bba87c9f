/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Finding work. A slot belongs to whoever moves its STATUS to CLAIMED by
 * compare-and-swap; everything else here only makes that cheap.
 *
 * Where many workgroups run (PARALLEL), each waits for one slot that will be
 * published next: its ticket. It then sees status and contents in one look,
 * and no two run for the same slot. Tickets are hints: what their holders do
 * not take (suspended tiles, other levels, workgroups that are busy or gone)
 * is found by scanning, which idle workgroups do now and then and others
 * whenever they have finished a tile.
 */

/* Words looked at in one go, a lane each. Devices with few workgroups have few
 * lanes too; they read each word when it is wanted. */
uint door_line0, door_line1, launch_line;
uint slot_line, seen_slot;

bool have_ticket;
uint ticket_level, ticket;
uint waiting_before; /* levels that had work at the look before, a bit each */
uint tail_before;    /* of the ticket's level */
uint urgent_run;     /* claims of the two highest levels in a row */

uint
door (uint i)
{
  if (!PARALLEL)
    return subgroupBroadcastFirst (load_relaxed (Words (launch.door), i));
  if (LANES >= 64u)
    return subgroupBroadcast (door_line0, i);
  return i < 32u ? subgroupBroadcast (door_line0, i) :
      subgroupBroadcast (door_line1, i - 32u);
}

uint
launch_word (uint i)
{
  if (!PARALLEL)
    return door (VYRE_DOOR_LAUNCH + launch.index * VYRE_LAUNCH_WORDS + i);
  return subgroupBroadcast (launch_line, i);
}

uint
slot_word (uint i)
{
  if (!PARALLEL)
    return Words (launch.ring).w[seen_slot * VYRE_SLOT_WORDS + i];
  return subgroupBroadcast (slot_line, i);
}

void
look_at_slot (uint which)
{
  seen_slot = which;
  if (PARALLEL)
    slot_line = load_relaxed (Words (launch.ring), which * VYRE_SLOT_WORDS +
        lane % VYRE_SLOT_WORDS);
}

void
look_at_door ()
{
  if (!PARALLEL)
    return;
  Words words = Words (launch.door);
  door_line0 = load_relaxed (words, lane);
  if (LANES < 64u)
    door_line1 = load_relaxed (words, 32u + lane);
  launch_line = load_relaxed (words, VYRE_DOOR_LAUNCH +
      launch.index * VYRE_LAUNCH_WORDS + lane % VYRE_LAUNCH_WORDS);
}

bool
told_to_leave ()
{
  return door (VYRE_DOOR_LEAVE + launch.index) != 0u ||
      door (VYRE_DOOR_SHUTDOWN) != 0u;
}

/* Slots of a level that wait, fresh or suspended, by any kernel. */
bool
has_waiting (uint p)
{
  return int (door (VYRE_DOOR_PUBLISHED + p) + door (VYRE_DOOR_YIELDED + p) -
      door (VYRE_DOOR_CLAIMED + p)) > 0;
}

uint
waiting_levels ()
{
  uint found = 0u;
  [[dont_unroll]]
  for (uint p = 0u; p < VYRE_PRI_LEVELS; p++)
    found |= has_waiting (p) ? 1u << p : 0u;
  return found;
}

uint64_t
tenant_table ()
{
  return launch.control + uint64_t (VYRE_CONTROL_TABLE * 4);
}

/* May this kernel run what is in the slot? */
bool
suits (uint residency, uint kernel)
{
  bool mine = launch.kernel != 0u ? kernel == launch.kernel :
      (kernel & ~KERNEL_FEATURES) == 0u;
  return mine && !older (launch.generation, residency);
}

/* Descriptor words that are on their way while the claim is. */
uint header_line, bindings_line, fetched_descriptor;

void
fetch_descriptor (uint which)
{
  fetched_descriptor = which;
  if (which >= launch.n_descriptors)
    return;
  Words d = Words (launch.descriptors +
      uint64_t (which) * uint64_t (VYRE_DESCRIPTOR_WORDS * 4));
  header_line = load_relaxed (d, lane % VYRE_X_BINDING0);
  bindings_line = load_relaxed (d, VYRE_X_BINDING0 + lane % 32u);
}

/* Moves a slot from status to CLAIMED for its tenant, unless that has no leave
 * or holds as many as its quota. Then slot_line is what was claimed; seen: it is
 * already, but for what open_tile() finds out. */
bool
take (uint which, uint status, uint owner, bool seen)
{
  Words ring = Words (launch.ring);
  Words table = Words (tenant_table ());
  uint base = which * VYRE_SLOT_WORDS;
  bool known = owner < VYRE_TENANTS;
  uint row = known ? owner : 0u;
  uint answer = 0u;
  /* Four questions at once: each answer takes its time. */
  if (lane == 0u)
    answer = uint (atomicCompSwap (ring.w[base + VYRE_W_STATUS], status,
            VYRE_ST_CLAIMED, SCOPE, BUFFERS, gl_SemanticsRelaxed, 0,
            gl_SemanticsRelaxed) == status);
  if (lane == 1u)
    answer = load_relaxed (table, VYRE_T_MASK + row);
  if (lane == 2u)
    answer = load_relaxed (table, VYRE_T_QUOTA + row);
  if (lane == 3u)
    answer = add_relaxed (table, VYRE_T_HELD + row, 1u);
  bool won = subgroupBroadcast (answer, 0u) != 0u;
  bool allowed = known &&
      (subgroupBroadcast (answer, 1u) & VYRE_TENANT_MAY_EXECUTE) != 0u;
  bool room = subgroupBroadcast (answer, 3u) < subgroupBroadcast (answer, 2u);
  if (won && !seen) {
    look_at_slot (which);
    /* Between looking and claiming it may have been finished and published
     * anew, for another kernel or tenant than this. */
    allowed = allowed && slot_word (VYRE_W_TENANT) == owner &&
        suits (slot_word (VYRE_A_RESIDENCY), slot_word (VYRE_A_KERNEL));
  }
  bool ok = won && allowed && room;
  if (lane == 0u) {
    if (won && !ok)
      atomicStore (ring.w[base + VYRE_W_STATUS], status, SCOPE, BUFFERS,
          gl_SemanticsRelease | gl_SemanticsMakeAvailable);
    if (!ok)
      add_relaxed (table, VYRE_T_HELD + row, 0xffffffffu);
    if (won && allowed && !room)
      add_relaxed (table, VYRE_T_DEFERRED + row, 1u);
  }
  return ok;
}

/* May the tenant run something now? For what is about to be claimed. */
bool
may_hold (uint owner)
{
  Words table = Words (tenant_table ());
  return owner < VYRE_TENANTS &&
      (load_relaxed (table, VYRE_T_MASK + owner) & VYRE_TENANT_MAY_EXECUTE) !=
      0u && load_relaxed (table, VYRE_T_HELD + owner) <
      load_relaxed (table, VYRE_T_QUOTA + owner);
}

/* Looks through the slots in flight of a level, a lane group's width at a time,
 * and claims one that this kernel may run. Oldest first: slots are taken back
 * in order, so one that waits long would block the ring. But fresh: only tiles
 * that have not begun, so that suspended ones, however long, leave some
 * workgroups to the others; suspended: only those, for want of a save area.
 * passes: loop passes used. Returns the slot, with the highest bit set if it was
 * suspended. */
uint
scan (uint p, inout uint passes, uint spread, bool fresh, bool suspended)
{
  Words ring = Words (launch.ring);
  uint oldest = door (VYRE_DOOR_OLDEST + p);
  uint span = min (door (VYRE_DOOR_TAIL + p) - oldest, level_slots (p));
  /* A tile that is suspended among others that never end gets its turn only
   * if not all look from the oldest on. */
  bool turning = !fresh &&
      ((gl_WorkGroupID.x >> 1) + (launch.generation >> 1) & 1u) != 0u;
  uint rows = (span + LANES - 1u) / LANES;
  uint first = turning ? launch.generation * 5u + spread : 0u;
  uint got = NONE;
  [[dont_unroll]]
  for (uint k = 0u; k < rows && got == NONE; k++) {
    passes++;
    uint at = (first + k) % rows * LANES + lane;
    uint candidate = slot_of (p, oldest + at);
    uint base = candidate * VYRE_SLOT_WORDS;
    bool ready = at < span;
    uint status = VYRE_ST_EMPTY;
    uint owner = 0u;
    if (ready) {
      status = load_relaxed (ring, base + VYRE_W_STATUS);
      ready = status == VYRE_ST_YIELD ? !fresh :
          (status == VYRE_ST_PUBLISHED || status == VYRE_ST_REQUEUE) &&
          !suspended;
    }
    if (ready) {
      owner = load_relaxed (ring, base + VYRE_W_TENANT);
      ready = suits (load_relaxed (ring, base + VYRE_A_RESIDENCY),
          load_relaxed (ring, base + VYRE_A_KERNEL)) && may_hold (owner);
    }
    uvec4 votes = subgroupBallot (ready);
    uint n = subgroupBallotBitCount (votes);
    if (n > 0u) {
      /* Spread the workgroups over the candidates. */
      uint rank = subgroupBallotExclusiveBitCount (votes);
      uint chosen = subgroupBallotFindLSB (subgroupBallot (ready &&
              rank == spread % n));
      candidate = subgroupBroadcast (candidate, chosen);
      status = subgroupBroadcast (status, chosen);
      owner = subgroupBroadcast (owner, chosen);
      if (take (candidate, status, owner, false))
        got = candidate | (status == VYRE_ST_YIELD ? 0x80000000u : 0u);
    }
  }
  return got;
}

/* The level that this workgroup waits for by ticket. */
uint
home_level ()
{
  uint place = gl_WorkGroupID.x % 16u;
  return place != 0u ? VYRE_PRI_NORMAL :
      gl_WorkGroupID.x / 16u % 2u == 0u ? VYRE_PRI_CRITICAL : VYRE_PRI_HIGH;
}

/* Some workgroups leave suspended work to the others, so that urgent work
 * finds them free. */
uint
lowest_level ()
{
  bool reserved = PARALLEL && gl_WorkGroupID.x % 16u == 0u;
  uint held = 0u;
  if (reserved) {
    for (uint p = VYRE_PRI_NORMAL; p < VYRE_PRI_LEVELS; p++)
      held |= door (VYRE_DOOR_YIELDED + p) - door (VYRE_DOOR_RESUMED + p);
  }
  return held != 0u ? VYRE_PRI_HIGH : VYRE_PRI_IDLE;
}

void
next_ticket ()
{
  uint n = 0u;
  if (lane == 0u)
    n = add_relaxed (Words (launch.door), VYRE_DOOR_LAUNCH +
        launch.index * VYRE_LAUNCH_WORDS + VYRE_LAUNCH_TICKETS + ticket_level,
        1u);
  ticket = subgroupBroadcastFirst (n);
  have_ticket = true;
}

/* Looks at the ticket's slot; slot_line holds it. Claims it if it has been
 * published, and gives the ticket up if somebody else has it. */
uint
try_ticket ()
{
  uint which = slot_of (ticket_level, ticket);
  uint tail = tail_before;
  bool mine = slot_word (VYRE_A_SEQUENCE) == ticket + 1u;
  uint status = slot_word (VYRE_W_STATUS);
  bool published = mine && status == VYRE_ST_PUBLISHED;
  /* The tail of the look before: the slot was read after it. */
  bool lost = !published && older (ticket, tail);
  if (published) {
    if (suits (slot_word (VYRE_A_RESIDENCY), slot_word (VYRE_A_KERNEL))) {
      fetch_descriptor (slot_word (VYRE_A_DESCRIPTOR));
      if (take (which, VYRE_ST_PUBLISHED, slot_word (VYRE_W_TENANT), true)) {
        have_ticket = false;
        return which;
      }
    }
    lost = true;
  }
  if (lost)
    next_ticket ();
  return NONE;
}

/* One attempt to get work: a slot as scan() returns it, or NONE. The looks have
 * been taken. eager: a tile has just been finished. Sets level. */
uint
find_work (inout uint passes, uint spread, bool fresh, bool suspended,
    bool eager, uint polls)
{
  uint waiting = waiting_levels ();
  uint lowest = lowest_level ();
  uint got = NONE;
  /* Idle workgroups leave others a moment to come by what they wait for. */
  uint patient = waiting;
  if (PARALLEL) {
    uint later = (gl_WorkGroupID.x + polls & 7u) == 0u ?
        waiting & waiting_before : 0u;
    uint home = 1u << ticket_level;
    patient = eager ? waiting & ~home | later & home : later;
  }
  bool starving = urgent_run >= VYRE_STARVATION_THRESHOLD;
  /* What starves comes first, once; then from the highest level down. */
  [[dont_unroll]]
  for (uint k = starving ? 0u : VYRE_PRI_LEVELS; k < 2u * VYRE_PRI_LEVELS &&
      got == NONE; k++) {
    passes++;
    uint p = k % VYRE_PRI_LEVELS;
    if (k < VYRE_PRI_LEVELS && p < VYRE_PRI_NORMAL || p > lowest)
      continue;
    if (PARALLEL && have_ticket && p == ticket_level && !suspended && k >= VYRE_PRI_LEVELS)
      got = try_ticket ();
    if (got == NONE && (patient & 1u << p) != 0u)
      got = scan (p, passes, spread, fresh, suspended);
    if (got != NONE)
      level = p;
  }
  if (got != NONE)
    urgent_run = level <= VYRE_PRI_HIGH ? urgent_run + 1u : 0u;
  waiting_before = waiting;
  tail_before = door (VYRE_DOOR_TAIL + ticket_level);
  return got;
}
