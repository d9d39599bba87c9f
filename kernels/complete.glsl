/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The end of what was claimed.
 */

void
count_end (uint tenant_id)
{
  add_relaxed (Words (tenant_table ()), VYRE_T_HELD + tenant_id, 0xffffffffu);
  add_relaxed (Words (launch.door), VYRE_DOOR_LAUNCH +
      launch.index * VYRE_LAUNCH_WORDS + VYRE_LAUNCH_ACTIVE, 0xffffffffu);
}

/* All but the sequence, which says that the rest is there. */
void
write_record (Words record, uint status, uint code, uint address, uint tag)
{
#ifdef VYRE_PARALLEL
  /* Across the bus at once. */
  uint word = status;
  word = lane == VYRE_R_CODE ? code : word;
  word = lane == VYRE_R_ADDRESS ? address : word;
  word = lane == VYRE_R_TAG ? tag : word;
  word = lane == VYRE_R_STEPS ? total_steps : word;
  word = lane == VYRE_R_PC ? pc : word;
  word = lane == VYRE_R_SLICES ? slices : word;
  if (lane != VYRE_R_SEQUENCE && lane < VYRE_COMPLETION_WORDS)
    record.w[lane] = word;
#else
  if (lane == 0u) {
    record.w[VYRE_R_STATUS] = status;
    record.w[VYRE_R_CODE] = code;
    record.w[VYRE_R_ADDRESS] = address;
    record.w[VYRE_R_TAG] = tag;
    record.w[VYRE_R_STEPS] = total_steps;
    record.w[VYRE_R_PC] = pc;
    record.w[VYRE_R_SLICES] = slices;
  }
#endif
}

/* The tile in hand has ended. Called in one place: what is called often is in
 * the kernel often, and some devices compile slowly. */
void
complete (uint status, uint code, uint address, uint tag)
{
  Words record = Words (launch.records +
      uint64_t (slot) * uint64_t (VYRE_COMPLETION_WORDS * 4));
  write_record (record, status, code, address, tag);
  fence_release ();
  if (lane == 0u) {
    Words control = Words (launch.control);
    Words ring = Words (launch.ring);
    uint base = slot * VYRE_SLOT_WORDS;
    if (status == VYRE_ST_FAULT) {
      store_relaxed (ring, base + VYRE_A_ERROR, code);
      add_relaxed (control, VYRE_C_FAULTED, 1u);
    }
    count_end (tenant);
    /* Another fence would take as long as a look at device memory. Without it the
     * host may have the record first, and once all of the ring has been published
     * anew, there may be something else in the slot. */
    atomicCompSwap (ring.w[base + VYRE_W_STATUS], uint (VYRE_ST_CLAIMED), status,
        SCOPE, 0, 0, 0, 0);
    if (status == VYRE_ST_DONE)
      add_relaxed (control, VYRE_C_DONE_COUNT, 1u);
    store_relaxed (record, VYRE_R_SEQUENCE, sequence);
  }
}
