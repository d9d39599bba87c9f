/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Tiles that a kernel took and will never report: a workgroup that the device
 * has dropped, a program that hangs. Their slots stay CLAIMED, their windows in
 * flight, for good.
 *
 * A kernel that lives tells of the steps of what it runs about every
 * millisecond. When a slot has been claimed for long without any, all kernels
 * are asked to leave: they suspend what they can go on with. What is still
 * claimed when the last one has ended, as its fence says, is nobody's, and
 * becomes a fault. Others wait for that about as long as for a relaunch.
 *
 * Everything here runs under the lock, in the supervisor's thread.
 */

#include "engine-private.h"

/* So often in the time after which a slot is suspected, suspicion is looked
 * for, at so many slots at most: reading device memory takes a microsecond. */
#define LOOKS 4
#define LOOK_SLOTS 256
/* A kernel that has not left after this long may never do so: others go on
 * beside it, and nothing is known of what it has claimed. */
#define DRAIN_US (200 * 1000)
/* Until it is tried again; twice as long each time. */
#define FIRST_PAUSE_US (1 * G_USEC_PER_SEC)
#define LONGEST_PAUSE_US (64 * G_USEC_PER_SEC)

static guint32
peek_slot (VyreRuntime *runtime, guint slot, guint word)
{
  return vyre_peek (runtime->ring, slot * VYRE_SLOT_WORDS + word);
}

static guint32 *
record_of (VyreRuntime *runtime, guint slot)
{
  return (guint32 *) runtime->records->map + slot * VYRE_COMPLETION_WORDS;
}

/* What the record of the slot, which has an owner, will say. Builtins have
 * arguments where tiles have this. */
static guint32
sequence_at (VyreRuntime *runtime, guint slot)
{
  const VyreWindow *owner = runtime->owners[slot];
  const VyreLevel *level = &runtime->levels[owner->level];
  guint64 number = slot - level->first - owner->first_sequence;

  return (guint32) (owner->first_sequence + (number & (level->slots - 1)) + 1);
}

/* Is there a tile in the slot that has not reported? */
static gboolean
is_open (VyreRuntime *runtime, guint slot)
{
  return runtime->owners[slot] != NULL &&
         __atomic_load_n (&record_of (runtime, slot)[VYRE_R_SEQUENCE],
             __ATOMIC_ACQUIRE) != sequence_at (runtime, slot);
}

/* --- suspicion -------------------------------------------------------------- */

/* Has the slot been claimed for long without a step? */
static gboolean
stands_still (VyreRuntime *runtime, guint slot, gint64 now)
{
  VyreSlotClaim *claim = &runtime->claims[slot];
  guint32 sequence = sequence_at (runtime, slot);
  guint32 progress;

  if (peek_slot (runtime, slot, VYRE_W_STATUS) != VYRE_ST_CLAIMED) {
    claim->since = 0;
    return FALSE;
  }
  progress = peek_slot (runtime, slot, VYRE_A_PROGRESS);
  if (claim->since == 0 || claim->sequence != sequence ||
      claim->progress != progress)
    *claim = (VyreSlotClaim){ now, sequence, progress };
  return now - claim->since >= runtime->hang_us;
}

/* Looks at some of the slots whose windows have been in flight for long. */
static gboolean
suspects (VyreRuntime *runtime, gint64 now)
{
  gint64 limit = now - runtime->hang_us / 2;
  gboolean found = FALSE;
  guint looked = 0, n = 0;

  for (; n < runtime->slots && looked < LOOK_SLOTS; n++) {
    guint slot = (runtime->next_claim + n) % runtime->slots;

    if (!is_open (runtime, slot) ||
        runtime->owners[slot]->published_at > limit) {
      runtime->claims[slot].since = 0;
      continue;
    }
    looked++;
    found = stands_still (runtime, slot, now) || found;
  }
  runtime->next_claim = (runtime->next_claim + n) % runtime->slots;
  return found;
}

/* --- recovery, while no kernel runs ------------------------------------------- */

static void
fault_slot (VyreRuntime *runtime, guint slot)
{
  const guint32 *shadow = runtime->shadow + slot * VYRE_SLOT_WORDS;
  guint32 *record = record_of (runtime, slot);
  guint word = slot * VYRE_SLOT_WORDS;

  vyre_poke (runtime->ring, word + VYRE_A_ERROR, VYRE_FAULT_LOST);
  vyre_poke (runtime->ring, word + VYRE_W_STATUS, VYRE_ST_FAULT);
  vyre_poke (runtime->control, VYRE_C_FAULTED,
      vyre_peek (runtime->control, VYRE_C_FAULTED) + 1);
  /* It is not among those that are held any more; no kernel counts now. */
  vyre_poke (runtime->control,
      VYRE_CONTROL_TABLE + VYRE_T_HELD + shadow[VYRE_W_TENANT], 0);
  vyre_ring_store_fence ();

  record[VYRE_R_STATUS] = VYRE_ST_FAULT;
  record[VYRE_R_CODE] = VYRE_FAULT_LOST;
  record[VYRE_R_ADDRESS] = slot;
  record[VYRE_R_TAG] = record[VYRE_R_STEPS] = record[VYRE_R_PC] =
      record[VYRE_R_SLICES] = 0;
  __atomic_store_n (
      &record[VYRE_R_SEQUENCE], sequence_at (runtime, slot), __ATOMIC_RELEASE);
  runtime->claims[slot].since = 0;
}

/* Claims are counted after the slot is taken; one that came to nothing in
 * between would be waited for for ever. */
static void
recount_level (VyreRuntime *runtime, guint p)
{
  const VyreLevel *level = &runtime->levels[p];
  guint32 waiting = 0, suspended = 0;

  for (guint i = 0; i < level->slots; i++) {
    guint32 status;

    if (!is_open (runtime, level->first + i))
      continue;
    status = peek_slot (runtime, level->first + i, VYRE_W_STATUS);
    suspended += status == VYRE_ST_YIELD;
    /* One that the host has answered counts as published once more. */
    waiting += status == VYRE_ST_PUBLISHED || status == VYRE_ST_YIELD ||
               status == VYRE_ST_REQUEUE ||
               (status == VYRE_ST_WAIT_IO &&
                   !runtime->owners[level->first + i]->waits);
  }
  guint32 yielded = vyre_peek (runtime->door, VYRE_DOOR_YIELDED + p);
  vyre_poke (runtime->door, VYRE_DOOR_CLAIMED + p,
      level->published + yielded - waiting);
  vyre_poke (runtime->door, VYRE_DOOR_RESUMED + p, yielded - suspended);
}

/* Only suspended tiles have a save area now; those of lost ones are free. */
static void
free_areas (VyreRuntime *runtime)
{
  guint n_words = (runtime->n_areas + 31) / 32;
  g_autofree guint32 *taken = g_new0 (guint32, n_words);

  for (guint slot = 0; slot < runtime->slots; slot++) {
    guint32 area;

    if (!is_open (runtime, slot) ||
        peek_slot (runtime, slot, VYRE_W_STATUS) != VYRE_ST_YIELD)
      continue;
    area = peek_slot (runtime, slot, VYRE_A_SAVE_AREA) - 1;
    if (area < runtime->n_areas)
      taken[area / 32] |= 1u << area % 32;
  }
  for (guint i = 0; i < n_words; i++) {
    guint left = runtime->n_areas - i * 32;
    guint32 all = left >= 32 ? G_MAXUINT32 : (1u << left) - 1;

    vyre_poke (runtime->area_map, i, all & ~taken[i]);
  }
}

static void
fault_lost (VyreRuntime *runtime)
{
  guint n = 0;

  for (guint slot = 0; slot < runtime->slots; slot++) {
    if (!is_open (runtime, slot) ||
        peek_slot (runtime, slot, VYRE_W_STATUS) != VYRE_ST_CLAIMED)
      continue;
    fault_slot (runtime, slot);
    n++;
  }
  if (n == 0)
    return;
  for (guint p = 0; p < VYRE_PRI_LEVELS; p++)
    recount_level (runtime, p);
  free_areas (runtime);
  vyre_ring_store_fence ();
  runtime->tiles_lost += n;
  g_info ("%s: %u tiles were taken by kernels that ended without them",
      runtime->info->name, n);
  vyre_runtime_reap (runtime);
}

/* --- both -------------------------------------------------------------------- */

static void
tell_all_to_leave (VyreRuntime *runtime)
{
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++)
    vyre_runtime_tell_to_leave (runtime, i);
  vyre_ring_store_fence ();
}

gboolean
vyre_runtime_may_launch (VyreRuntime *runtime)
{
  gint64 now = g_get_monotonic_time ();

  if (runtime->draining_since == 0) {
    if (now < runtime->next_suspicion || g_queue_is_empty (&runtime->windows))
      return TRUE;
    runtime->next_suspicion = now + runtime->hang_us / LOOKS;
    if (!suspects (runtime, now))
      return TRUE;
    runtime->drain_pause_us = MAX (runtime->drain_pause_us, FIRST_PAUSE_US);
    runtime->draining_since = now;
  }
  if (runtime->n_launches > 0 && now - runtime->draining_since < DRAIN_US) {
    tell_all_to_leave (runtime);
    return FALSE;
  }
  runtime->draining_since = 0;
  if (runtime->n_launches == 0) {
    fault_lost (runtime);
    runtime->drain_pause_us = FIRST_PAUSE_US;
  } else {
    runtime->next_suspicion = now + runtime->drain_pause_us;
    runtime->drain_pause_us =
        MIN (2 * runtime->drain_pause_us, LONGEST_PAUSE_US);
  }
  return TRUE;
}
