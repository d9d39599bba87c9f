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

/* Loop passes of one turn of the outer loop beside those that are counted where
 * they are made: its own, those over the priority levels, and one each for the
 * end of the loops that claim, interpret and read bindings, since devices that
 * count passes also count the one that finds nothing left to do. */
#define TURN_PASSES 32u
/* Of those polls of an idle workgroup that could look through the slots, one in so
 * many does. */
#define PATIENCE 8u
/* Looks at all slots that one claim may take. */
#define SCANS (PARALLEL ? 2u : 5u)

uint seen_slot;

bool have_ticket;
uint ticket_level, ticket;
uint waiting_before; /* levels that had work at the look before, a bit each */
uint tail_before;    /* of the ticket's level */
uint urgent_run;     /* claims of the two highest levels in a row */
uint owing;          /* fuel used that others have not been credited with yet */

#ifdef VYRE_PARALLEL

uint
door (uint i)
{
  return boxes[BOX_DOOR + i];
}

uint
launch_word (uint i)
{
  return boxes[BOX_LAUNCH + i];
}

uint
slot_word (uint i)
{
  return boxes[BOX_SLOT + i];
}

void
look_at_slot (uint which)
{
  seen_slot = which;
  uint line = load_relaxed (Words (launch.ring), which * VYRE_SLOT_WORDS +
      lane % VYRE_SLOT_WORDS);
  settle ();
  if (lane < VYRE_SLOT_WORDS)
    boxes[BOX_SLOT + lane] = line;
  settle ();
}

/* The doorbell, this launch's words and a slot in one look. */
void
look_at_all (uint which)
{
  Words words = Words (launch.door);
  seen_slot = which;
  uint line0 = load_relaxed (words, lane % 64u);
  uint line1 = load_relaxed (words, (32u + lane) % 64u);
  uint own = load_relaxed (words, VYRE_DOOR_LAUNCH +
      launch.index * VYRE_LAUNCH_WORDS + lane % VYRE_LAUNCH_WORDS);
  uint line = load_relaxed (Words (launch.ring), which * VYRE_SLOT_WORDS +
      lane % VYRE_SLOT_WORDS);
  settle ();
  boxes[BOX_DOOR + lane % 64u] = line0;
  boxes[BOX_DOOR + (32u + lane) % 64u] = line1;
  if (lane < VYRE_LAUNCH_WORDS)
    boxes[BOX_LAUNCH + lane] = own;
  if (lane < VYRE_SLOT_WORDS)
    boxes[BOX_SLOT + lane] = line;
  settle ();
}

#else

uint
door (uint i)
{
  return subgroupBroadcastFirst (load_relaxed (Words (launch.door), i));
}

uint
launch_word (uint i)
{
  return door (VYRE_DOOR_LAUNCH + launch.index * VYRE_LAUNCH_WORDS + i);
}

uint
slot_word (uint i)
{
  return Words (launch.ring).w[seen_slot * VYRE_SLOT_WORDS + i];
}

void
look_at_slot (uint which)
{
  seen_slot = which;
}

void
look_at_all (uint which)
{
}

#endif

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

/* Some of them have not begun; or the counters are on their way. */
bool
has_fresh (uint p)
{
  return int (door (VYRE_DOOR_PUBLISHED + p) + door (VYRE_DOOR_RESUMED + p) -
      door (VYRE_DOOR_CLAIMED + p)) > 0;
}

bool
has_suspended (uint p)
{
  return door (VYRE_DOOR_YIELDED + p) != door (VYRE_DOOR_RESUMED + p);
}

uint
waiting_levels ()
{
  uint found = 0u;
  if (PARALLEL) /* a lane for each */
    return subgroupBallot (lane < VYRE_PRI_LEVELS && has_waiting (lane)).x;
  [[dont_unroll]]
  for (uint p = 0u; p < VYRE_PRI_LEVELS; p++)
    found |= has_waiting (p) ? 1u << p : 0u;
  return found;
}

/* Are windows being cancelled? Their tiles are looked for where a few
 * workgroups take turns at many; many come by them soon enough. */
bool
some_cancelled ()
{
  return !PARALLEL && door (VYRE_DOOR_CANCELLING) != 0u;
}

uint64_t
tenant_table ()
{
  return launch.control + uint64_t (VYRE_CONTROL_TABLE * 4);
}

bool
is_tile (uint opcode)
{
  return opcode - VYRE_TENANT_OP_BASE < VYRE_TENANT_OP_BASE;
}

/* May this kernel run what is in the slot? Builtins have arguments where tiles
 * say more about themselves. */
bool
suits (uint opcode, uint residency, uint kernel)
{
#ifdef VYRE_BUILTINS
  return !is_tile (opcode);
#else
  bool mine = launch.kernel != 0u ? kernel == launch.kernel :
      (kernel & ~KERNEL_FEATURES) == 0u;
  return mine && is_tile (opcode) && !older (launch.generation, residency);
#endif
}

bool
slot_suits ()
{
  return suits (slot_word (VYRE_W_OPCODE), slot_word (VYRE_A_RESIDENCY),
      slot_word (VYRE_A_KERNEL));
}

#ifdef VYRE_BUILTINS
/* Has the host answered what the slot waits for? */
bool
is_answered (uint base)
{
  uint which = load_relaxed (Words (launch.ring), base + VYRE_A_IO);
  if (which >= VYRE_IO_SLOTS)
    return false;
  uint state = load_relaxed (Words (launch.door), VYRE_DOOR_IO +
      which * VYRE_DOOR_IO_WORDS + VYRE_DOOR_IO_STATE);
  return state == VYRE_IOST_OK || state == VYRE_IOST_ERROR;
}
#endif

/* Descriptor words that are on their way while the claim is. */
uint header_line, bindings_line, fetched_descriptor;

/* Before anything else here. home: the level of the tickets. */
void
begin_claiming (uint home)
{
  have_ticket = false;
  ticket = 0u;
  ticket_level = home;
  waiting_before = 0u;
  tail_before = 0u;
  urgent_run = 0u;
  owing = 0u;
  claim_steps = 0u;
  seen_slot = 0u;
  fetched_descriptor = NONE;
  /* The first workgroup may be one of those that serve only what is urgent. */
  if (gl_WorkGroupID.x == 1u && lane == 0u)
    store_relaxed (Words (launch.door), VYRE_DOOR_LAUNCH +
        launch.index * VYRE_LAUNCH_WORDS + VYRE_LAUNCH_BEGUN, 1u);
}

void
fetch_descriptor (uint which)
{
  fetched_descriptor = which;
  if (which >= launch.n_descriptors)
    return;
  Words d = Words (descriptor_at (which));
  header_line = load_relaxed (d, lane % VYRE_X_BINDING0);
  bindings_line = load_relaxed (d, VYRE_X_BINDING0 + lane % 32u);
}

/* What lanes 0 to 3 have got. */
uvec4
four_answers (uint answer)
{
#ifdef VYRE_PARALLEL
  settle ();
  if (lane < 4u)
    boxes[BOX_FOUR + lane] = answer;
  settle ();
  return uvec4 (boxes[BOX_FOUR], boxes[BOX_FOUR + 1u], boxes[BOX_FOUR + 2u],
      boxes[BOX_FOUR + 3u]);
#else
  return uvec4 (subgroupBroadcast (answer, 0u), subgroupBroadcast (answer, 1u),
      subgroupBroadcast (answer, 2u), subgroupBroadcast (answer, 3u));
#endif
}

/* What was claimed last, and as what. */
uint claimed_status, claimed_tenant;

/* Moves a slot from status to CLAIMED for its tenant, unless that has no leave
 * or holds as many as its quota. */
bool
take (uint which, uint status, uint owner)
{
  Words ring = Words (launch.ring);
  Words table = Words (tenant_table ());
  uint base = which * VYRE_SLOT_WORDS;
  bool known = owner < VYRE_TENANTS;
  uint row = known ? owner : 0u;
  uint answer = 0u;
  claimed_status = status;
  claimed_tenant = row;
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
  uvec4 answers = four_answers (answer);
  bool won = answers.x != 0u;
  bool allowed = known && (answers.y & VYRE_TENANT_MAY_EXECUTE) != 0u;
  bool room = answers.w < answers.z;
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

/* Makes what is in the claimed slot visible. Between looking and claiming it may
 * have been finished and published anew, for another kernel or tenant than
 * this: then it is put back. */
bool
confirm (uint which)
{
  look_at_slot (which);
  fence_acquire ();
  bool same = slot_word (VYRE_W_TENANT) == claimed_tenant && slot_suits ();
  if (!same && lane == 0u) {
    atomicStore (Words (launch.ring).w[which * VYRE_SLOT_WORDS +
            VYRE_W_STATUS], claimed_status, SCOPE, BUFFERS,
        gl_SemanticsRelease | gl_SemanticsMakeAvailable);
    add_relaxed (Words (tenant_table ()), VYRE_T_HELD + claimed_tenant,
        0xffffffffu);
  }
  return same;
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

/* Is the slot's window being cancelled? */
bool
is_cancelled (uint base)
{
  Words ring = Words (launch.ring);
  uint which = load_relaxed (ring, base + VYRE_A_DESCRIPTOR);
  if (which >= launch.n_descriptors)
    return false;
  Words d = Words (descriptor_at (which));
  return load_relaxed (d, VYRE_X_CANCEL) ==
      load_relaxed (ring, base + VYRE_A_WINDOW_GENERATION);
}

/*
 * Turns, where few workgroups serve many tiles: what a tile uses until it ends
 * or is suspended counts for its tenant's TIME, and the next turn is that of a
 * tenant whose TIME is before the CLOCK of its level. When all that wait are
 * beyond, the clock moves to a turn behind the first of them. A level that waits
 * while others above it run is owed a part of what they use, and comes first
 * as long as it is owed something; what it uses more than that it owes. With nobody
 * above it what it is owed is nothing to those below. All of it
 * is in memory that outlives launches, or short ones would begin with the same
 * tenant again and again. Readings may be a little old; what one turn gets too
 * much the next ones get less.
 */

/* Who has had nothing to do for long may not make up for more than this. */
#define LONGEST_LAG (4u * VYRE_TURN_FUEL)

/* TIME of the tenant less the clock. */
int
lead_of (uint owner, uint clock)
{
  return max (int (load_relaxed (Words (tenant_table ()), VYRE_T_TIME + owner) -
          clock), -int (LONGEST_LAG));
}

/* By one lane: charges the tile's tenant and level for a turn. */
void
charge (uint owner, uint used)
{
  Words words = Words (launch.door);
  Words table = Words (tenant_table ());
  add_relaxed (table, VYRE_T_FUEL + owner, used);
  if (PARALLEL)
    return;
  uint clock = load_relaxed (words, VYRE_DOOR_CLOCK + level);
  if (int (clock - load_relaxed (table, VYRE_T_TIME + owner)) >
      int (LONGEST_LAG))
    store_relaxed (table, VYRE_T_TIME + owner, clock - LONGEST_LAG);
  add_relaxed (table, VYRE_T_TIME + owner, used);
  if ((waiting_before & (1u << level) - 1u) != 0u &&
      int (load_relaxed (words, VYRE_DOOR_OWED + level)) >
      -int (VYRE_OWED_MOST))
    add_relaxed (words, VYRE_DOOR_OWED + level, -used);
  uint below = waiting_before >> level >> 1u;
  if (below == 0u)
    return;
  owing += used;
  for (uint p = level + 1u; p < VYRE_PRI_LEVELS; p++) {
    if ((waiting_before & 1u << p) != 0u &&
        int (load_relaxed (words, VYRE_DOOR_OWED + p)) < int (VYRE_OWED_MOST))
      add_relaxed (words, VYRE_DOOR_OWED + p, owing >> VYRE_OWED_SHIFT);
  }
  owing &= (1u << VYRE_OWED_SHIFT) - 1u;
}

/* What scan() looks for first: tiles of anybody, of tenants whose turn it is, or
 * of cancelled windows. */
#define WISH_ANY 0u
#define WISH_TURN 1u
#define WISH_CANCELLED 2u

/* Looks through the slots in flight of a level, a lane group's width at a time,
 * and claims one that this kernel may run. Oldest first: slots are taken back
 * in order, so one that waits long would block the ring. But fresh: only tiles
 * that have not begun, or those first, so that suspended ones, however long,
 * leave some workgroups to the others; suspended: only those, for want of a save area.
 * wish: what is taken before anything else, but for cancelled tiles, which
 * others do not stand in for. passes: loop passes used. Returns the slot, with
 * the highest bit set if it was suspended. */
uint
scan (uint p, inout uint passes, uint spread, bool fresh, bool suspended,
    uint wish)
{
  Words ring = Words (launch.ring);
  uint oldest = door (VYRE_DOOR_OLDEST + p);
  uint span = min (door (VYRE_DOOR_TAIL + p) - oldest, level_slots (p));
  /* A tile that is suspended among others that never end gets its turn only
   * if not all look from the oldest on; one that has not begun, behind as many
   * that have not or are suspended, only if some look from the newest on. Few
   * workgroups change their ways with each claim, many have different ones. */
  uint way = PARALLEL ? gl_WorkGroupID.x + (launch.generation & ~1u) : spread;
  bool odd = (way & 2u) != 0u;
  bool turning = !fresh && odd;
  bool newest = fresh && odd && (!PARALLEL || has_suspended (p));
  uint rows = (span + LANES - 1u) / LANES;
  uint first = turning ? launch.generation * 5u + spread : 0u;
  uint turns = rows;
  uint got = NONE;
  uint clock = door (VYRE_DOOR_CLOCK + p);
  int limit = 0, least = 0x7fffffff;
  [[dont_unroll]]
  for (uint k = 0u; k < turns && got == NONE; k++) {
    passes++;
    uint at = (first + k) % rows * LANES + lane;
    at = newest ? span - 1u - at : at; /* wraps where there is none */
    uint candidate = slot_of (p, oldest + at);
    uint base = candidate * VYRE_SLOT_WORDS;
    bool ready = at < span;
    uint status = VYRE_ST_EMPTY;
    uint owner = 0u;
    if (ready) {
      status = load_relaxed (ring, base + VYRE_W_STATUS);
      ready = status == VYRE_ST_YIELD ? !fresh || wish == WISH_TURN :
          (status == VYRE_ST_PUBLISHED || status == VYRE_ST_REQUEUE) &&
          !suspended;
#ifdef VYRE_BUILTINS
      if (status == VYRE_ST_WAIT_IO)
        ready = is_answered (base);
#endif
    }
    if (ready) {
      owner = load_relaxed (ring, base + VYRE_W_TENANT);
      ready = suits (load_relaxed (ring, base + VYRE_W_OPCODE),
          load_relaxed (ring, base + VYRE_A_RESIDENCY),
          load_relaxed (ring, base + VYRE_A_KERNEL)) && may_hold (owner);
      if (wish == WISH_TURN && ready) {
        int lead = lead_of (owner, clock);
        least = min (least, lead);
        ready = lead < limit && (!fresh || status != VYRE_ST_YIELD || k >= rows);
      }
      if (wish == WISH_CANCELLED)
        ready = ready && is_cancelled (base);
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
      if (take (candidate, status, owner))
        got = candidate | (status == VYRE_ST_YIELD ? 0x80000000u : 0u);
    }
    if (wish == WISH_TURN && k + 1u == rows && got == NONE) {
      /* Suspended ones are looked at again. If it is nobody's turn although
       * some wait, it becomes that of the first of them. */
      least = subgroupMin (least);
      turns = least != 0x7fffffff ? 2u * rows : rows;
      if (least >= 0 && least != 0x7fffffff) {
        limit = least + int (VYRE_TURN_FUEL);
        if (lane == 0u)
          store_relaxed (Words (launch.door), VYRE_DOOR_CLOCK + p,
              clock + uint (limit));
      }
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
      held |= uint (has_suspended (p));
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
  ticket = uniform_word (n);
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
    if (slot_suits ()) {
      fetch_descriptor (slot_word (VYRE_A_DESCRIPTOR));
      if (take (which, VYRE_ST_PUBLISHED, slot_word (VYRE_W_TENANT))) {
        have_ticket = false;
        return which;
      }
      /* Not ours: it may say something else by the time it is. */
      fetched_descriptor = NONE;
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
  uint got = NONE;
  if (PARALLEL) {
    /* What idle workgroups see nearly always. */
    uint tail = door (VYRE_DOOR_TAIL + ticket_level);
    bool published = slot_word (VYRE_A_SEQUENCE) == ticket + 1u &&
        slot_word (VYRE_W_STATUS) == VYRE_ST_PUBLISHED;
    if (waiting == 0u && !published && !older (ticket, tail_before)) {
      waiting_before = 0u;
      tail_before = tail;
      return NONE;
    }
  }
  uint lowest = lowest_level ();
  /* Idle workgroups leave others a moment to come by what they wait for. */
  uint patient = waiting;
  if (PARALLEL) {
    uint later = (gl_WorkGroupID.x + polls) % PATIENCE == 0u ?
        waiting & waiting_before : 0u;
    uint home = 1u << ticket_level;
    patient = eager ? waiting & ~home | later & home : later;
    /* Nobody else may come by what is fresh for long while all are busy with
     * what they suspend in turn. */
    if (fresh)
      patient |= subgroupBallot (lane < VYRE_PRI_LEVELS &&
              has_suspended (lane) && has_fresh (lane)).x;
  }
  bool starving = urgent_run >= VYRE_STARVATION_THRESHOLD;
  uint start = starving || !PARALLEL ? VYRE_PRI_LEVELS : 2u * VYRE_PRI_LEVELS;
  start = some_cancelled () ? 0u : start;
  /* What is cancelled comes first; then what starves or is owed something; then
   * from the highest level down. */
  [[dont_unroll]]
  for (uint k = start; k < 3u * VYRE_PRI_LEVELS && got == NONE; k++) {
    passes++;
    uint p = k % VYRE_PRI_LEVELS;
    bool cancelling = k < VYRE_PRI_LEVELS;
    bool last = k >= 2u * VYRE_PRI_LEVELS;
    bool below = (waiting & 1u << p) != 0u &&
        (waiting & (1u << p) - 1u) != 0u; /* others that wait */
    if (!cancelling && !last && (PARALLEL ? !starving || p < VYRE_PRI_NORMAL :
            !below || int (door (VYRE_DOOR_OWED + p)) <= 0) ||
        p > lowest)
      continue;
    if (PARALLEL && have_ticket && p == ticket_level && !suspended && last)
      got = try_ticket ();
    if (got == NONE && (patient & 1u << p) != 0u &&
        (!PARALLEL || !fresh || has_fresh (p)))
      got = scan (p, passes, spread, fresh && !cancelling, suspended,
          cancelling ? WISH_CANCELLED : PARALLEL ? WISH_ANY : WISH_TURN);
    if (got != NONE)
      level = p;
  }
  if (got != NONE)
    urgent_run = level <= VYRE_PRI_HIGH ? urgent_run + 1u : 0u;
  waiting_before = waiting;
  tail_before = door (VYRE_DOOR_TAIL + ticket_level);
  return got;
}
