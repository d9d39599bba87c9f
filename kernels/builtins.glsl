/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The protocol's builtin opcodes (ring-protocol.md sections 6, 7, 11 and 12):
 * a kernel beside the megakernel, on the same ring, that claims their slots and
 * no others. Few workgroups run it, and only while there are such slots: the
 * opcodes cost the megakernel no registers, and programs that never publish
 * one do not pay for compiling it.
 *
 * A tenant's builtins reach the words of its own window of observables, and
 * nothing else; with MAY_WRITE_CONTROL all words but the table of tenants.
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
#include "engine/launch.h"

#define VYRE_BUILTINS 1
#define PARALLEL false

layout(local_size_x_id = 0) in;
layout(constant_id = VYRE_SPEC_LANES) const uint LANES = 32;
#define KERNEL_FEATURES 0u

#include "memory.glsl"
#include "tile.glsl"
#include "uniform.glsl"
uint pc; /* of a packed slot, the operation in hand */
#include "claim.glsl"
#include "complete.glsl"

/* No slot of the IO queue is free this often in a row: later. */
#define IO_TRIES 4u
#define LOG_TRIES 16u

/* The slot's words, read once. */
shared uint held[VYRE_SLOT_WORDS];
uint rights, own_first, own_count;
uint value; /* what the operation yields, for the completion record */
uint where; /* of what is wrong */

uint
arg (uint i)
{
  return held[VYRE_W_ARG0 + i];
}

uint
arg_byte (uint k)
{
  return arg (k / 4u) >> 8u * (k % 4u) & 0xffu;
}

void
hold_slot ()
{
  for (uint i = lane; i < VYRE_SLOT_WORDS; i += LANES)
    held[i] = slot_word (i);
  memoryBarrier (gl_ScopeSubgroup, gl_StorageSemanticsShared,
      gl_SemanticsAcquireRelease);
  subgroupBarrier ();
  Words table = Words (tenant_table ());
  tenant = held[VYRE_W_TENANT];
  /* The host may change these meanwhile: one look for all lanes. */
  sequence = uniform_word (load_relaxed (Words (launch.door),
          VYRE_DOOR_SEQUENCES + slot));
  rights = uniform_word (load_relaxed (table, VYRE_T_MASK + tenant));
  own_first = uniform_word (load_relaxed (table, VYRE_T_OBSERVABLE_FIRST +
          tenant));
  own_count = uniform_word (load_relaxed (table, VYRE_T_OBSERVABLE_COUNT +
          tenant));
}

/* --- words of the control block -------------------------------------------- */

bool
inside (uint first, uint n, uint from, uint count)
{
  return first >= from && first - from <= count && n <= count - (first - from);
}

/* May the tenant use these words? Notes the first that it may not. */
bool
may_use (uint first, uint n)
{
  bool ok = inside (first, n, own_first, own_count) ||
      (rights & VYRE_TENANT_MAY_WRITE_CONTROL) != 0u &&
      inside (first, n, 0u, VYRE_CONTROL_TABLE);
  if (!ok)
    where = first;
  return ok;
}

/* The same for an observable: word 160 + i. */
bool
may_yield (uint i)
{
  if (i < VYRE_CONTROL_OBSERVABLES)
    return may_use (VYRE_C_OBSERVABLE + i, 1u);
  where = i;
  return false;
}

/* Forward, as if one word at a time: overlapping, a copy onto what lies ahead
 * repeats the words between the two. */
void
copy_words (uint from, uint to, uint n, inout uint passes)
{
  Words control = Words (launch.control);
  uint distance = to > from ? to - from : n;
  [[dont_unroll]]
  for (uint k = 0u; k < n; k += LANES) {
    passes++;
    uint i = k + lane;
    uint word = 0u;
    if (i < n)
      word = load_relaxed (control, from + i % max (distance, 1u));
    subgroupBarrier ();
    if (i < n)
      store_relaxed (control, to + i, word);
    subgroupBarrier ();
  }
}

/* --- the fence --------------------------------------------------------------- */

/* Have the tenant's slots among the count before this one ended? A place may
 * hold another slot by now: the sequence says. */
bool
have_ended (uint count, inout uint passes)
{
  Words ring = Words (launch.ring);
  uint mine = sequence - 1u;
  uint oldest = door (VYRE_DOOR_OLDEST + level);
  uint n = min (count, level_slots (level) - 1u);
  n = older (mine, oldest) ? n : min (n, mine - oldest);
  bool pending = false;
  [[dont_unroll]]
  for (uint k = 0u; k < n && !pending; k += LANES) {
    passes++;
    uint at = k + lane;
    bool waits = false;
    if (at < n) {
      uint number = mine - 1u - at;
      uint which = slot_of (level, number);
      uint base = which * VYRE_SLOT_WORDS;
      uint status = load_relaxed (ring, base + VYRE_W_STATUS);
      waits = status != VYRE_ST_EMPTY && status != VYRE_ST_DONE &&
          status != VYRE_ST_FAULT &&
          load_relaxed (ring, base + VYRE_W_TENANT) == tenant;
      if (waits) {
        bool tile = is_tile (load_relaxed (ring, base + VYRE_W_OPCODE));
        uint there = tile ? load_relaxed (ring, base + VYRE_A_SEQUENCE) :
            load_relaxed (Words (launch.door), VYRE_DOOR_SEQUENCES + which);
        waits = there == number + 1u;
      }
    }
    pending = subgroupAny (waits);
  }
  return !pending;
}

/* --- the debug log ------------------------------------------------------------- */

/* Lane 0. What has no room is counted. */
void
print (uint format, uint a1, uint a2)
{
  Words words = Words (launch.door);
  uint number = 0u;
  bool room = true, got = false;
  [[dont_unroll]]
  for (uint k = 0u; k < LOG_TRIES && room && !got; k++) {
    number = load_relaxed (words, VYRE_DOOR_LOG_CURSOR);
    room = number - load_relaxed (words, VYRE_DOOR_LOG_READ) < VYRE_D_CAPACITY;
    got = room && atomicCompSwap (words.w[VYRE_DOOR_LOG_CURSOR], number,
            number + 1u, SCOPE, BUFFERS, gl_SemanticsRelaxed, 0,
            gl_SemanticsRelaxed) == number;
  }
  if (!got) {
    add_relaxed (words, VYRE_DOOR_LOG_DROPPED, 1u);
    return;
  }
  Words tail = Words (launch.records);
  uint base = launch.closed - launch.index + VYRE_TAIL_LOG +
      number % VYRE_D_CAPACITY * VYRE_LOG_RECORD_WORDS;
  tail.w[base + VYRE_LOG_ARG1] = a1;
  tail.w[base + VYRE_LOG_ARG2] = a2;
  tail.w[base + VYRE_LOG_SLOT_BASE] = slot * VYRE_SLOT_WORDS;
  tail.w[base + VYRE_LOG_TENANT] = tenant;
  tail.w[base + VYRE_LOG_SEQUENCE] = sequence;
  atomicStore (tail.w[base + VYRE_LOG_FORMAT], format, SCOPE, BUFFERS,
      gl_SemanticsRelease | gl_SemanticsMakeAvailable);
}

/* --- the IO queue ------------------------------------------------------------- */

/* A free slot of the queue, now ours, or NONE. */
uint
take_io (inout uint passes)
{
  Words words = Words (launch.door);
  uint got = NONE;
  uint tries = 0u;
  [[dont_unroll]]
  for (uint k = 0u; k < VYRE_IO_SLOTS && got == NONE && tries < IO_TRIES;
      k += LANES) {
    passes++;
    uint at = k + lane;
    uint state = VYRE_DOOR_IO + at * VYRE_DOOR_IO_WORDS + VYRE_DOOR_IO_STATE;
    bool is_free = at < VYRE_IO_SLOTS &&
        load_relaxed (words, state) == VYRE_ST_EMPTY;
    uvec4 votes = subgroupBallot (is_free);
    if (subgroupBallotBitCount (votes) > 0u) {
      tries++;
      uint who = subgroupBallotFindLSB (votes);
      bool won = false;
      if (lane == who)
        won = atomicCompSwap (words.w[state], VYRE_ST_EMPTY,
                VYRE_IOST_RESERVED, SCOPE, BUFFERS, gl_SemanticsRelaxed, 0,
                gl_SemanticsRelaxed) == VYRE_ST_EMPTY;
      if (subgroupAny (won))
        got = k + who;
    }
  }
  return got;
}

/* Lane 0: hands the request to the host. */
void
ask (uint which, uint handle, bool prefetch)
{
  Words tail = Words (launch.records);
  uint base = launch.closed - launch.index + VYRE_TAIL_IO +
      which * VYRE_IO_WORDS;
  tail.w[base + VYRE_IO_OP] = VYRE_IOOP_READ;
  tail.w[base + VYRE_IO_SRC] = handle;
  tail.w[base + VYRE_IO_DST] = handle;
  tail.w[base + VYRE_IO_TAG] = handle;
  tail.w[base + VYRE_IO_TENANT] = tenant;
  tail.w[base + VYRE_IO_PREFETCH] = uint (prefetch);
  tail.w[base + VYRE_IO_RING_SLOT] = slot;
  atomicStore (tail.w[base + VYRE_IO_STATUS], uint (VYRE_ST_PUBLISHED), SCOPE, BUFFERS,
      gl_SemanticsRelease | gl_SemanticsMakeAvailable);
}

/* A slot that waited: what the host says. Returns a fault code. */
uint
end_waiting ()
{
  Words words = Words (launch.door);
  uint which = held[VYRE_A_IO];
  if (which >= VYRE_IO_SLOTS)
    return VYRE_FAULT_ARGUMENT;
  uint base = VYRE_DOOR_IO + which * VYRE_DOOR_IO_WORDS;
  uint state = load_relaxed (words, base + VYRE_DOOR_IO_STATE);
  uint error = load_relaxed (words, base + VYRE_DOOR_IO_CODE);
  value = load_relaxed (words, base + VYRE_DOOR_IO_BYTES);
  subgroupBarrier ();
  if (lane == 0u)
    store_relaxed (words, base + VYRE_DOOR_IO_STATE, VYRE_ST_EMPTY);
  where = error;
  return state == VYRE_IOST_OK ? VYRE_FAULT_NONE : VYRE_FAULT_IO;
}

/* --- one operation -------------------------------------------------------------- */

uint
dfa_step (uint state, uint symbol, uint to)
{
  Words table = Words (tenant_table ());
  uint states = uniform_word (load_relaxed (table, VYRE_T_TABLE_STATES +
          tenant));
  where = state;
  if (state >= states)
    return VYRE_FAULT_ARGUMENT;
  where = symbol;
  if (symbol > 255u)
    return VYRE_FAULT_ARGUMENT;
  if (!may_yield (to))
    return VYRE_FAULT_CONTROL_INDEX;
  uint64_t address = packUint2x32 (uvec2 (
          load_relaxed (table, VYRE_T_TABLE_LO + tenant),
          load_relaxed (table, VYRE_T_TABLE_HI + tenant)));
  value = uniform_word (load_relaxed (Words (address +
              uint64_t (state) * 1024UL), symbol));
  if (lane == 0u)
    store_relaxed (Words (launch.control), VYRE_C_OBSERVABLE + to, value);
  return VYRE_FAULT_NONE;
}

/* Returns a fault code; nothing has changed then. Loads and stores of the
 * control block are atomic. */
uint
operate (uint op, uint a0, uint a1, uint a2, inout uint passes)
{
  Words control = Words (launch.control);
  uint code = VYRE_FAULT_NONE;
  uint got = 0u;

  value = 0u;
  switch (op) {
  case VYRE_OP_NOP:
    break;
  case VYRE_OP_STORE_U32:
    if (!may_use (a1, 1u))
      return VYRE_FAULT_CONTROL_INDEX;
    if (lane == 0u)
      got = atomicExchange (control.w[a1], a0, SCOPE, 0, 0);
    break;
  case VYRE_OP_ATOMIC_ADD:
    if (!may_use (a1, 1u))
      return VYRE_FAULT_CONTROL_INDEX;
    if (lane == 0u)
      got = add_relaxed (control, a1, a0);
    break;
  case VYRE_OP_LOAD_U32:
    if (!may_use (a0, 1u) || !may_yield (a1))
      return VYRE_FAULT_CONTROL_INDEX;
    if (lane == 0u) {
      got = load_relaxed (control, a0);
      store_relaxed (control, VYRE_C_OBSERVABLE + a1, got);
    }
    break;
  case VYRE_OP_COMPARE_SWAP:
    if (!may_use (a0, 1u) || !may_yield (a0))
      return VYRE_FAULT_CONTROL_INDEX;
    if (lane == 0u) {
      got = atomicCompSwap (control.w[a0], a1, a2, SCOPE, BUFFERS,
          gl_SemanticsRelaxed, 0, gl_SemanticsRelaxed);
      store_relaxed (control, VYRE_C_OBSERVABLE + a0, got);
    }
    break;
  case VYRE_OP_MEMCPY:
    if (!may_use (a0, a2) || !may_use (a1, a2))
      return VYRE_FAULT_CONTROL_INDEX;
    copy_words (a0, a1, a2, passes);
    got = a2;
    break;
  case VYRE_OP_DFA_STEP:
    return dfa_step (a0, a1, a2);
  case VYRE_OP_BATCH_FENCE:
    if (lane == 0u) {
      got = add_relaxed (control, VYRE_C_EPOCH, 1u) + 1u;
      store_relaxed (control, VYRE_C_OBSERVABLE, a1);
    }
    break;
  case VYRE_OP_PRINTF:
    where = a0;
    if ((rights & VYRE_TENANT_MAY_PRINT) == 0u)
      return VYRE_FAULT_DENIED;
    if (a0 == 0u)
      return VYRE_FAULT_ARGUMENT;
    if (lane == 0u)
      print (a0, a1, a2);
    passes += LOG_TRIES;
    break;
  case VYRE_OP_SHUTDOWN:
    where = 0u;
    if ((rights & VYRE_TENANT_MAY_SHUT_DOWN) == 0u)
      return VYRE_FAULT_DENIED;
    if (lane == 0u)
      atomicCompSwap (control.w[VYRE_C_SHUTDOWN], 0u, VYRE_SHUTDOWN_DRAIN,
          SCOPE, BUFFERS, gl_SemanticsRelaxed, 0, gl_SemanticsRelaxed);
    break;
  default:
    where = op;
    code = VYRE_FAULT_BAD_OPCODE;
    break;
  }
  value = uniform_word (got);
  return code;
}

void
count_metric (uint op)
{
  if (op < VYRE_METRICS_SLOTS && lane == 0u)
    add_relaxed (Words (launch.control), VYRE_C_METRICS + op, 1u);
}

/* --- a slot ---------------------------------------------------------------------- */

/* Arguments of operation i of a packed slot: first word, and how many. */
uvec2
packed_args (uint i, uint n, uint total, uint meta)
{
  uint first = arg_byte (3u + 2u * i);
  uint end = i + 1u < n ? arg_byte (5u + 2u * i) : total;
  return uvec2 (meta + first, end - first);
}

/* Everything before anything: offsets ascend and stay within the slot. */
bool
is_well_packed (uint n, uint total, uint meta, inout uint passes)
{
  if (meta > VYRE_ARGS_PER_SLOT || total > VYRE_ARGS_PER_SLOT - meta)
    return false;
  uint before = 0u;
  bool ok = true;
  [[dont_unroll]]
  for (uint i = 0u; i < n; i++) {
    uint first = arg_byte (3u + 2u * i);
    ok = ok && first >= before && first <= total;
    before = first;
  }
  passes += n;
  return ok;
}

/* Runs the slot in hand. Returns the status to leave it with: DONE; FAULT;
 * REQUEUE, not begun; or WAIT_IO. */
uint
run_slot (out uint code, inout uint passes)
{
  uint opcode = held[VYRE_W_OPCODE];
  bool packed = opcode == VYRE_OP_PACKED_SLOT;
  uint n = packed ? arg_byte (0u) : 1u;
  uint total = arg_byte (1u);
  uint meta = packed ? (2u + 2u * n + 3u) / 4u : 0u;

  code = VYRE_FAULT_NONE;
  value = 0u;
  where = 0u;
  pc = 0u;
  if (packed && !is_well_packed (n, total, meta, passes)) {
    code = VYRE_FAULT_PACKED;
    return VYRE_ST_FAULT;
  }
  /* What has to wait does so before anything has been done. */
  [[dont_unroll]]
  for (uint i = 0u; i < n; i++) {
    passes++;
    uvec2 args = packed ? packed_args (i, n, total, meta) : uvec2 (0u, 1u);
    uint op = packed ? arg_byte (2u + 2u * i) : opcode;
    uint count = args.y > 0u ? arg (args.x) : 0u;
    if (op == VYRE_OP_BATCH_FENCE && !have_ended (count, passes))
      return VYRE_ST_REQUEUE;
  }
  [[dont_unroll]]
  for (uint i = 0u; i < n && code == VYRE_FAULT_NONE; i++) {
    passes++;
    uvec2 args = packed ? packed_args (i, n, total, meta) :
        uvec2 (0u, VYRE_ARGS_PER_SLOT);
    uint op = packed ? arg_byte (2u + 2u * i) : opcode;
    pc = i;
    count_metric (op);
    code = operate (op, args.y > 0u ? arg (args.x) : 0u,
        args.y > 1u ? arg (args.x + 1u) : 0u,
        args.y > 2u ? arg (args.x + 2u) : 0u, passes);
  }
  total_steps = n;
  return code == VYRE_FAULT_NONE ? VYRE_ST_DONE : VYRE_ST_FAULT;
}

/* The same for LOAD_MISS. which: the slot of the IO queue to ask by, or NONE. */
uint
load_miss (out uint code, out uint which, inout uint passes)
{
  which = NONE;
  code = VYRE_FAULT_NONE;
  value = 0u;
  where = 0u;
  total_steps = 1u;
  if (claimed_status == VYRE_ST_WAIT_IO) {
    code = end_waiting ();
    return code == VYRE_FAULT_NONE ? VYRE_ST_DONE : VYRE_ST_FAULT;
  }
  if ((rights & VYRE_TENANT_MAY_IO) == 0u) {
    code = VYRE_FAULT_DENIED;
    return VYRE_ST_FAULT;
  }
  which = take_io (passes);
  if (which == NONE)
    return VYRE_ST_REQUEUE;
  return arg (1u) != 0u ? VYRE_ST_DONE : VYRE_ST_WAIT_IO;
}

/* Puts the slot back, unstarted or parked. */
void
put_back (uint status)
{
  fence_release ();
  if (lane == 0u) {
    count_end (tenant);
    atomicStore (Words (launch.ring).w[slot * VYRE_SLOT_WORDS + VYRE_W_STATUS],
        status, SCOPE, BUFFERS,
        gl_SemanticsRelease | gl_SemanticsMakeAvailable);
  }
}

void
count_claim ()
{
  Words words = Words (launch.door);
  Words control = Words (launch.control);
  if (lane == 0u) {
    add_relaxed (words, VYRE_DOOR_CLAIMED + level, 1u);
    add_relaxed (words, VYRE_DOOR_LAUNCH + launch.index * VYRE_LAUNCH_WORDS +
        VYRE_LAUNCH_ACTIVE, 1u);
    add_relaxed (control, VYRE_C_PRI_FAIRNESS + level, 1u);
    add_relaxed (control, VYRE_C_TENANT_FAIRNESS +
        claimed_tenant % VYRE_TENANT_FAIRNESS_SLOTS, 1u);
    add_relaxed (Words (tenant_table ()), VYRE_T_FAIRNESS + claimed_tenant, 1u);
    store_relaxed (control, VYRE_C_STARVATION, urgent_run);
  }
}

void
serve (inout uint passes, inout uint idle)
{
  Words ring = Words (launch.ring);
  uint code, which = NONE;
  bool miss;

  hold_slot ();
  miss = held[VYRE_W_OPCODE] == VYRE_OP_LOAD_MISS;
  bool prefetch = arg (1u) != 0u;
  uint handle = arg (0u);
  uint status;
  if (miss)
    status = load_miss (code, which, passes);
  else
    status = run_slot (code, passes);
  claim_steps = total_steps;
  if (lane == 0u && status != VYRE_ST_REQUEUE)
    charge (tenant, claim_steps);
  if (status == VYRE_ST_REQUEUE) {
    /* As if it had not been claimed. */
    if (lane == 0u)
      add_relaxed (Words (launch.door), VYRE_DOOR_CLAIMED + level, 0xffffffffu);
    put_back (status);
    idle++;
  } else {
    idle = 0u;
    if (which != NONE && lane == 0u)
      store_relaxed (ring, slot * VYRE_SLOT_WORDS + VYRE_A_IO, which);
    if (status == VYRE_ST_WAIT_IO)
      put_back (status);
    else
      complete (status, code, code == VYRE_FAULT_NONE ? value : where, 0u);
    if (which != NONE && lane == 0u)
      ask (which, handle, prefetch);
  }
}

void
main ()
{
  lane = gl_SubgroupInvocationID;
  uint fuel = launch.fuel;
  uint idle = 0u, polls = 0u;
  uint spread = gl_WorkGroupID.x;
  bool leaving = false;

  begin_claiming (VYRE_PRI_NORMAL);
  slices = 0u;

  /* Claiming may look at every slot once for each of its wishes; every operation
   * of a packed slot at every slot of a level, and those that have arguments
   * may copy every observable. */
  uint reserve = all_slots () / LANES * (SCANS + 2u * VYRE_ARGS_PER_SLOT) +
      VYRE_CONTROL_TABLE / LANES * VYRE_ARGS_PER_SLOT + 2u * TURN_PASSES + 64u;
  if (launch.fuel <= 2u * reserve)
    leaving = true;

  while (!leaving) {
    uint passes = TURN_PASSES;
    bool told = told_to_leave ();
    uint got = NONE;
    if (!told)
      got = find_work (passes, spread, false, false, false, polls);
    if (got != NONE && !confirm (got))
      got = NONE;
    if (got != NONE) {
      slot = got;
      spread += 7u;
      total_steps = 0u;
      claim_steps = 0u;
      count_claim ();
      serve (passes, idle);
    } else {
      idle++;
      polls++;
    }
    fuel -= min (passes, fuel);
    leaving = told || idle > launch.idle_limit || fuel <= 2u * reserve;
  }
  if (lane == 0u) {
    add_relaxed (Words (launch.control), VYRE_C_IDLE_POLLS, polls);
    add_relaxed (Words (launch.control), VYRE_C_EXITED, 1u);
  }
}
