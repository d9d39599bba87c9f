/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How kernels share a device.
 *
 * The interpreter and every compiled program are kernels of their own, and each
 * fills all multiprocessors while it is alone. Another one's launch does not
 * begin before some of it leaves. So kernels for which windows come at the same
 * time get a part of the workgroups each: from those that have more a smaller
 * launch takes over. What nobody has asked for lately leaves, and the others get
 * its part.
 *
 * A launch is not submitted before those that make room for it have left, and an
 * interpreter before all others have: what a multiprocessor has for shared memory
 * seems to be settled by whatever begins there while it is empty, for as long as
 * anything runs there. Interpreters use much of it, compiled programs little; one
 * that began beside those ran two to three times as slowly.
 */

#include "engine-private.h"

/* A kernel keeps its part for so long after its last window. */
#define WANTED_US (10 * 1000)
/* Most leave within tens of microseconds; others are not waited for. */
#define LEAVE_WAIT_US 2000
/* A launch that has not begun by then finds no room. Where processes take turns
 * on the device, it may have to wait for the next turn of this one. */
#define BEGIN_US 10000
/* Where kernels must take turns. */
#define TURN_US 4000
/* Interpreters use more registers than most compiled programs: so many of their
 * lane groups fit beside each other, out of so many of the others'. */
#define INTERPRETER_PART(groups) ((groups) / 8 * 5)
#define MOST_CROWDING 3
/* One of them may be kept for what is urgent. */
#define LEAST_GROUPS 2
/* Builtins are short: a few workgroups do them all. */
#define BUILTIN_GROUPS 4

gboolean
vyre_partition_applies (const VyreRuntime *runtime)
{
  return runtime->residency == VYRE_RESIDENCY_RESIDENT && runtime->parallel &&
         runtime->info->n_queues >= 2;
}

static gboolean
is_same (const VyreKernel *a, const VyreKernel *b)
{
  return a->id == b->id;
}

gboolean
vyre_kernel_is_wanted (const VyreKernel *kernel, gint64 now)
{
  return kernel->n_windows > 0 || now - kernel->wanted_at < WANTED_US;
}

static void
note_wanted (VyreKernel *kernel, gint64 now)
{
  if (kernel->n_windows > 0 || kernel->n_published != kernel->n_seen)
    kernel->wanted_at = now;
  kernel->n_seen = kernel->n_published;
}

guint
vyre_partition_count (
    VyreRuntime *runtime, const VyreKernel *kernel, gint64 now)
{
  guint n = 1;

  if (!vyre_partition_applies (runtime))
    return n;
  for (guint i = 0; i < VYRE_KERNELS; i++) {
    const VyreKernel *other = &runtime->interpreters[i];
    n += !is_same (other, kernel) && vyre_kernel_is_wanted (other, now);
  }
  for (guint i = 0; i < runtime->compiled->len; i++) {
    const VyreKernel *other = g_ptr_array_index (runtime->compiled, i);
    n += !is_same (other, kernel) && vyre_kernel_is_wanted (other, now);
  }
  return n;
}

guint32
vyre_partition_workgroups (
    const VyreRuntime *runtime, const VyreKernel *kernel, guint n_parts)
{
  if (kernel->id == VYRE_KERNEL_BUILTIN)
    return MIN (runtime->workgroups_compiled, BUILTIN_GROUPS);
  if (n_parts <= 1)
    return kernel->id != 0 ? runtime->workgroups_compiled / kernel->team
                           : runtime->workgroups;
  guint32 groups = kernel->id != 0 ? runtime->workgroups / kernel->team
                                   : INTERPRETER_PART (runtime->workgroups);
  return MAX ((groups / n_parts) >> kernel->crowding, LEAST_GROUPS);
}

/* Is any launch about to make room? One that has not begun has none. */
static gboolean
one_leaves (const VyreRuntime *runtime)
{
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];

    if (active->launch != NULL && active->leaving && active->begun)
      return TRUE;
  }
  return FALSE;
}

/* A launch does not begin in its part, since another uses more registers or
 * shared memory than most. That one begins again with less; and if that has
 * happened often, the two take turns. */
static void
reduce_other (VyreRuntime *runtime, const VyreActiveLaunch *crowded, gint64 now)
{
  guint most = 0, found = VYRE_MAX_LAUNCHES;

  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *other = &runtime->launches[i];

    if (other->launch == NULL || other->leaving || !other->begun ||
        is_same (other->kernel, crowded->kernel) ||
        other->lane_groups <= most ||
        (other->kernel->crowding == MOST_CROWDING &&
            now - other->started < TURN_US))
      continue;
    most = other->lane_groups;
    found = i;
  }
  if (found == VYRE_MAX_LAUNCHES)
    return;
  VyreKernel *kernel = runtime->launches[found].kernel;
  if (kernel->crowding < MOST_CROWDING) {
    kernel->crowding++;
    g_info ("kernel %08x finds no room beside kernel %08x, which gets less",
        crowded->kernel->id, kernel->id);
  }
  vyre_runtime_tell_to_leave (runtime, found);
  vyre_ring_store_fence ();
}

static void
look_whether_begun (VyreRuntime *runtime, guint i)
{
  VyreActiveLaunch *active = &runtime->launches[i];
  guint word = VYRE_DOOR_LAUNCH + i * VYRE_LAUNCH_WORDS + VYRE_LAUNCH_BEGUN;

  if (active->launch != NULL && !active->begun)
    active->begun = vyre_peek (runtime->door, word) != 0;
}

void
vyre_partition_look (VyreRuntime *runtime, gint64 now)
{
  if (!vyre_partition_applies (runtime))
    return;
  for (guint i = 0; i < VYRE_KERNELS; i++)
    note_wanted (&runtime->interpreters[i], now);
  for (guint i = 0; i < runtime->compiled->len; i++)
    note_wanted (g_ptr_array_index (runtime->compiled, i), now);

  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++)
    look_whether_begun (runtime, i);
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];

    if (active->launch != NULL && !active->begun && !active->leaving &&
        active->kernel->n_windows > 0 && now - active->started > BEGIN_US &&
        !one_leaves (runtime))
      reduce_other (runtime, active, now);
  }
}

/* A queue runs one launch after the other. One that takes over is better behind
 * the one that it takes over from than behind another. */
guint
vyre_partition_choose_queue (
    const VyreRuntime *runtime, const VyreKernel *kernel)
{
  guint n = CLAMP (runtime->info->n_queues, 1, VYRE_MAX_LAUNCHES);
  guint users[VYRE_MAX_LAUNCHES] = { 0 }, best = 0;
  gboolean own[VYRE_MAX_LAUNCHES] = { FALSE };

  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];

    if (active->launch == NULL)
      continue;
    users[active->queue]++;
    own[active->queue] |= is_same (active->kernel, kernel);
  }
  for (guint i = 1; i < n; i++) {
    if (users[i] < users[best] ||
        (users[i] == users[best] && own[i] && !own[best]))
      best = i;
  }
  return best;
}

gboolean
vyre_partition_has_queue (
    VyreRuntime *runtime, const VyreKernel *kernel, gint64 now)
{
  guint n = 0, oldest = VYRE_MAX_LAUNCHES;
  gint64 started = now - TURN_US;

  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];

    if (active->launch == NULL)
      continue;
    if (is_same (active->kernel, kernel))
      return TRUE;
    n++;
    if (active->begun && !active->leaving && active->started < started) {
      started = active->started;
      oldest = i;
    }
  }
  if (n < runtime->info->n_queues)
    return TRUE;
  if (oldest < VYRE_MAX_LAUNCHES && !one_leaves (runtime)) {
    vyre_runtime_tell_to_leave (runtime, oldest);
    vyre_ring_store_fence ();
  }
  return FALSE;
}

/* A launch of the kernel; staying: that has not been told to leave. */
static const VyreActiveLaunch *
find_launch (
    const VyreRuntime *runtime, const VyreKernel *kernel, gboolean staying)
{
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];

    if (active->launch != NULL && is_same (active->kernel, kernel) &&
        !(staying && active->leaving))
      return active;
  }
  return NULL;
}

gboolean
vyre_partition_goes_first (const VyreRuntime *runtime, const VyreKernel *kernel)
{
  return kernel->id == 0 && find_launch (runtime, kernel, FALSE) == NULL;
}

/* Launches that are told to leave before they have begun, again and again, have
 * cost a device (docs/decisions.md). */
static gboolean
may_be_told (const VyreActiveLaunch *active, gint64 now)
{
  return active->begun || now - active->started > LEAVE_WAIT_US;
}

gboolean
vyre_partition_make_room (
    VyreRuntime *runtime, const VyreKernel *kernel, gint64 now)
{
  guint n_parts = vyre_partition_count (runtime, kernel, now);
  const VyreActiveLaunch *own = find_launch (runtime, kernel, TRUE);
  gboolean goes_first = vyre_partition_goes_first (runtime, kernel);
  gboolean clear = TRUE;

  /* It takes over, with no more than there was. */
  if (own != NULL && own->n_parts <= n_parts)
    return TRUE;
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *other = &runtime->launches[i];

    if (other->launch == NULL || is_same (other->kernel, kernel))
      continue;
    if (other->leaving) {
      clear &= now - other->told_at > LEAVE_WAIT_US;
      continue;
    }
    if (!goes_first && other->n_parts >= n_parts &&
        vyre_kernel_is_wanted (other->kernel, now))
      continue;
    clear = FALSE;
    /* Where it has work, a smaller one takes over, without a gap. */
    if ((goes_first || other->kernel->n_windows == 0) &&
        may_be_told (other, now))
      vyre_runtime_tell_to_leave (runtime, i);
  }
  vyre_ring_store_fence ();
  return clear;
}

gboolean
vyre_partition_is_due (
    VyreRuntime *runtime, const VyreActiveLaunch *active, gint64 now)
{
  guint n_parts = vyre_partition_count (runtime, active->kernel, now);

  if (active->n_parts > n_parts)
    return now - active->started > WANTED_US;
  return active->n_parts < n_parts && may_be_told (active, now);
}
