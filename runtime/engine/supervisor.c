/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The supervisor thread: launches kernels when there is work that no running
 * launch may take, takes over completion records for threads that sleep, and
 * frees launches that ended. The only thread that waits for the GPU.
 */

#include "engine-private.h"

#include <sys/prctl.h>

/* Between two looks at completion records for threads that sleep: short at
 * first, longer for what takes long, so that neither latency nor the CPU
 * suffers much. */
#define PAUSE_US 15
#define LONGEST_PAUSE_US 250
/* Nobody waits: windows are taken over now and then all the same. */
#define LOOK_US 1000
/* A launch that has not ended after this long makes us look at records all
 * the same. */
#define LAUNCH_WAIT_NS (200 * 1000)
/* A resident kernel that finishes nothing for this long is relaunched. Few
 * workgroups: those without work may have left while others run long tiles,
 * and tiles of other windows must get their turn. Many: they stay as long as
 * one has a tile, and take turns by themselves. */
#define TIME_SLICE_US 4000
/* Whoever has no tile in hand by now will not come by one. */
#define BEGUN_US (5 * TIME_SLICE_US)
#define TIME_SLICE_PARALLEL_US (100 * 1000)
/* A kernel is not kept for longer than this: another takes over. */
#define RESIDENCY_US (2 * G_USEC_PER_SEC)
/* A submission that takes longer where kernels stay has waited for something. */
#define SUBMISSION_US 10000

/* Lock held. What a device that fails was doing. */
static void
log_launches (VyreRuntime *runtime)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];

    if (active->launch == NULL)
      continue;
    g_autofree char *told =
        active->leaving ? g_strdup_printf (", told to leave %.1f ms ago",
                              (now - active->told_at) / 1e3)
                        : g_strdup ("");
    g_info ("launch %u: kernel %08x on queue %u, generation %" G_GUINT64_FORMAT
            ", %.1f ms old%s",
        i, active->kernel->id, active->queue, active->generation,
        (now - active->started) / 1e3, told);
  }
}

static void
fail (VyreRuntime *runtime, const GError *error)
{
  g_mutex_lock (&runtime->lock);
  log_launches (runtime);
  vyre_runtime_fail (runtime, error->message);
  vyre_runtime_unlock (runtime);
}

/* --- launches ---------------------------------------------------------------- */

/* Lock held. */
static void
forget_launch (VyreRuntime *runtime, VyreActiveLaunch *active)
{
  gboolean pending = !g_queue_is_empty (&runtime->windows);

  if (!active->leaving && !pending)
    runtime->n_idle_exits++;
  active->launch = NULL;
  vyre_kernel_unref (active->kernel);
  if (--runtime->n_launches == 0 && pending && runtime->unattended_since == 0)
    runtime->unattended_since = g_get_monotonic_time ();
  if (runtime->stopped)
    g_cond_broadcast (&runtime->ended);
}

/* Frees launches that ended. FALSE when the device failed. */
static gboolean
collect_launches (VyreRuntime *runtime)
{
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    g_autoptr (GError) error = NULL;
    VyreActiveLaunch *active = &runtime->launches[i];
    VyreLaunch *launch = active->launch;

    if (launch == NULL)
      continue;
    if (vyre_launch_wait (launch, 0, &error)) {
      /* First: who waits until none is left may have the driver go away. */
      vyre_launch_free (launch);
      g_mutex_lock (&runtime->lock);
      forget_launch (runtime, active);
      vyre_runtime_unlock (runtime);
    } else if (error != NULL) {
      fail (runtime, error);
      return FALSE;
    }
  }
  return TRUE;
}

void
vyre_runtime_tell_to_leave (VyreRuntime *runtime, guint i)
{
  VyreActiveLaunch *active = &runtime->launches[i];

  if (active->launch == NULL || active->leaving)
    return;
  active->leaving = TRUE;
  active->told_at = g_get_monotonic_time ();
  vyre_poke (runtime->door, VYRE_DOOR_LEAVE + i, 1);
}

/* Lock held. Those that the newest launch, of the kernel, makes superfluous. */
static void
tell_others_to_leave (
    VyreRuntime *runtime, const VyreKernel *kernel, guint newest)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *other = &runtime->launches[i];

    if (i == newest || other->launch == NULL)
      continue;
    if (other->kernel->id == kernel->id ||
        !vyre_kernel_is_wanted (other->kernel, now))
      vyre_runtime_tell_to_leave (runtime, i);
  }
  vyre_ring_store_fence ();
}

/* Lock held. An interpreter for all of what these windows need: better one with
 * more than that than none. */
static VyreKernel *
find_interpreter (VyreRuntime *runtime, guint needed)
{
  for (guint features = needed; features < VYRE_KERNELS; features++) {
    VyreKernel *kernel = &runtime->interpreters[features];

    if ((features & needed) == needed && kernel->pipeline != NULL)
      return kernel;
  }
  return NULL;
}

/* Lock held. The interpreter to launch for the windows in flight: one for
 * everything, else one for each kind in its turn. */
static VyreKernel *
choose_interpreter (VyreRuntime *runtime)
{
  guint needed = 0, n = 0;

  for (guint i = 0; i < VYRE_KERNELS; i++) {
    if (runtime->interpreters[i].n_windows > 0) {
      needed |= i;
      n++;
    }
  }
  if (n == 0)
    return NULL;
  VyreKernel *kernel = find_interpreter (runtime, needed);
  if (kernel != NULL)
    return kernel;
  guint turn = runtime->generation % n;
  for (guint i = 0; i < VYRE_KERNELS; i++) {
    /* Loading the program has made sure that there is one. */
    if (runtime->interpreters[i].n_windows > 0 && turn-- == 0)
      return find_interpreter (runtime, i);
  }
  return NULL;
}

/* Lock held. Has a launch of it been there for so long that it is time for the
 * next one, or has it not the part that it should have? */
static gboolean
is_old (VyreRuntime *runtime, const VyreKernel *kernel)
{
  gint64 now = g_get_monotonic_time ();

  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];

    if (active->launch != NULL && !active->leaving &&
        active->kernel->id == kernel->id &&
        (now - active->started > RESIDENCY_US ||
            vyre_partition_is_due (runtime, active, now)))
      return TRUE;
  }
  return FALSE;
}

/* Lock held. Do windows wait that no launch may run? */
static gboolean
interpreters_unserved (VyreRuntime *runtime, const VyreKernel *chosen)
{
  for (guint i = 0; i < VYRE_KERNELS; i++) {
    const VyreKernel *kernel = &runtime->interpreters[i];

    /* What the chosen one cannot run waits for its turn. */
    if (kernel->n_windows > 0 && (i & ~chosen->features) == 0 &&
        !vyre_kernel_is_served (runtime, kernel))
      return TRUE;
  }
  return is_old (runtime, chosen);
}

/* Lock held. The only launch there can be leaves when it has had its time and
 * windows wait for another, or nothing has ended for long. One that has not
 * begun would leave without doing anything: those get longer. */
static void
end_turn (VyreRuntime *runtime, gboolean stalled)
{
  gint64 now = g_get_monotonic_time ();
  gboolean served = vyre_runtime_is_served (runtime);

  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];
    gint64 age = now - active->started;

    if (active->launch == NULL || active->leaving || age < TIME_SLICE_US ||
        (served && !stalled && age < RESIDENCY_US))
      continue;
    guint word = VYRE_DOOR_LAUNCH + i * VYRE_LAUNCH_WORDS + VYRE_LAUNCH_ACTIVE;
    if (age > BEGUN_US || vyre_peek (runtime->door, word) != 0)
      vyre_runtime_tell_to_leave (runtime, i);
  }
  vyre_ring_store_fence ();
}

/* Lock held. The order in which kernels are asked: the interpreter and compiled
 * ones take turns in being the first. */
static VyreKernel *
kth_kernel (VyreRuntime *runtime, VyreKernel *interpreter, guint k,
    gboolean interpreter_first)
{
  guint n = runtime->compiled->len;

  if (interpreter_first && k == 0)
    return interpreter;
  guint64 place = interpreter_first ? (k - 1 + runtime->generation) % n
                                    : (k + runtime->generation) % (n + 1);
  return place == n ? interpreter
                    : g_ptr_array_index (runtime->compiled, place);
}

/* Lock held. The kernel that has to be launched, or NULL. stalled: nothing has
 * ended for long. soon: is set if there is one, but others leave first. */
static VyreKernel *
choose_kernel (VyreRuntime *runtime, gboolean stalled, gboolean *soon)
{
  if (g_queue_is_empty (&runtime->windows) || runtime->failed ||
      runtime->n_launches == VYRE_MAX_LAUNCHES)
    return NULL;
  /* One at a time where launches are short anyway, or run one after the other:
   * what waits in a queue would be told to leave before it has begun. */
  gboolean sliced = runtime->residency == VYRE_RESIDENCY_SLICED;
  if ((sliced || runtime->info->n_queues < 2) && runtime->n_launches > 0) {
    end_turn (runtime, stalled && !sliced);
    return NULL;
  }

  gboolean shares = vyre_partition_applies (runtime) && !stalled;
  gint64 now = g_get_monotonic_time ();
  VyreKernel *interpreter = choose_interpreter (runtime);
  gboolean is_first = shares && interpreter != NULL &&
                      vyre_partition_goes_first (runtime, interpreter);
  for (guint k = 0; k <= runtime->compiled->len; k++) {
    VyreKernel *kernel = kth_kernel (runtime, interpreter, k, is_first);

    /* The interpreter stands for others of its kind, too. */
    if (kernel == NULL || (kernel != interpreter && kernel->n_windows == 0))
      continue;
    if (!stalled &&
        !(kernel == interpreter ? interpreters_unserved (runtime, kernel)
                                : !vyre_kernel_is_served (runtime, kernel) ||
                                      is_old (runtime, kernel)))
      continue;
    if (shares && !vyre_partition_has_queue (runtime, kernel, now))
      continue;
    if (!shares || vyre_partition_make_room (runtime, kernel, now))
      return kernel;
    *soon = TRUE;
    if (is_first)
      return NULL;
  }
  return NULL;
}

void
vyre_runtime_launch_constants (VyreRuntime *runtime, guint64 generation,
    guint index, guint32 kernel, VyreLaunchConstants *constants)
{
  *constants = (VyreLaunchConstants){
    .control = runtime->control->address,
    .ring = runtime->ring->address,
    .records = runtime->records->address,
    .descriptors = runtime->descriptors->address,
    .areas = runtime->areas->address,
    .area_map = runtime->area_map->address,
    .door = runtime->door->address,
    .texels = runtime->texels != NULL ? runtime->arena_memory[0]->address : 0,
    .n_areas = runtime->n_areas,
    .area_words = runtime->area_words,
    .generation = (guint32) generation,
    .fuel = runtime->pass_budget,
    .slice = runtime->slice,
    .idle_limit = runtime->idle_limit,
    .n_descriptors = runtime->n_descriptors,
    .index = index,
    .kernel = kernel,
    .closed = runtime->slots * VYRE_COMPLETION_WORDS + index,
  };
  for (guint i = 0; i < VYRE_PRI_LEVELS; i++)
    constants->levels[i] =
        runtime->levels[i].first |
        (guint32) g_bit_nth_lsf (runtime->levels[i].slots, -1) << 24;
}

/* Lock held. The doorbell words of a launch that is about to start. */
static guint
open_door (VyreRuntime *runtime)
{
  guint32 *closed = vyre_runtime_tail (runtime) + VYRE_TAIL_CLOSED;
  guint i = 0;

  while (runtime->launches[i].launch != NULL)
    i++;
  guint base = VYRE_DOOR_LAUNCH + i * VYRE_LAUNCH_WORDS;
  for (guint k = 0; k < VYRE_PRI_LEVELS; k++)
    vyre_poke (runtime->door, base + VYRE_LAUNCH_TICKETS + k,
        (guint32) runtime->levels[k].oldest_sequence);
  vyre_poke (runtime->door, base + VYRE_LAUNCH_ACTIVE, 0);
  vyre_poke (runtime->door, base + VYRE_LAUNCH_CLOSING, 0);
  vyre_poke (runtime->door, base + VYRE_LAUNCH_BEGUN, 0);
  vyre_poke (runtime->door, VYRE_DOOR_LEAVE + i, 0);
  __atomic_store_n (&closed[i], 0, __ATOMIC_RELAXED);
  vyre_ring_store_fence ();
  return i;
}

/* What is to be launched. */
typedef struct
{
  VyreKernel *kernel; /* a reference; or NULL: nothing now */
  guint64 generation;
  guint index; /* of the launch */
  guint n_parts;
  gboolean soon; /* nothing, but others are leaving for it */
} Plan;

static gboolean
start_launch (VyreRuntime *runtime, const Plan *plan)
{
  g_autoptr (GError) error = NULL;
  VyreLaunchConstants constants;
  VyreKernel *kernel = plan->kernel;
  guint queue = vyre_partition_choose_queue (runtime, kernel);
  guint32 groups = vyre_partition_workgroups (runtime, kernel, plan->n_parts);

  vyre_runtime_launch_constants (
      runtime, plan->generation, plan->index, kernel->id, &constants);
  gint64 begun = g_get_monotonic_time ();
  VyreLaunch *launch = vyre_device_launch (runtime->device, kernel->pipeline,
      queue, groups, &constants, sizeof constants, &error);

  if (launch == NULL) {
    vyre_kernel_unref (kernel);
    fail (runtime, error);
    return FALSE;
  }
  gint64 now = g_get_monotonic_time ();
  g_debug ("kernel %08x: launch %u on queue %u, generation %" G_GUINT64_FORMAT
           ", %u workgroups, shares with %u",
      kernel->id, plan->index, queue, plan->generation, groups,
      plan->n_parts - 1);
  if (runtime->residency == VYRE_RESIDENCY_RESIDENT &&
      now - begun > SUBMISSION_US)
    g_info ("the submission of a launch took %.1f ms", (now - begun) / 1e3);
  g_mutex_lock (&runtime->lock);
  runtime->launches[plan->index] = (VyreActiveLaunch){
    .launch = launch,
    .kernel = kernel,
    .generation = plan->generation,
    .queue = queue,
    .begun = !vyre_partition_applies (runtime), /* nobody asks there */
    .started = now,
    .n_parts = plan->n_parts,
    .lane_groups = groups * MAX (kernel->team, 1),
  };
  runtime->n_launches++;
  runtime->n_launched++;
  if (runtime->unattended_since != 0) {
    runtime->unattended_us += now - runtime->unattended_since;
    runtime->unattended_since = 0;
  }
  tell_others_to_leave (runtime, kernel, plan->index);
  vyre_runtime_unlock (runtime);
  return TRUE;
}

/* --- time --------------------------------------------------------------------- */

/* Lock held, given up meanwhile. */
static void
wait_for_work (VyreRuntime *runtime, gint64 us)
{
  g_cond_wait_until (
      &runtime->work, &runtime->lock, g_get_monotonic_time () + us);
}

static VyreLaunch *
any_launch (VyreRuntime *runtime)
{
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    if (runtime->launches[i].launch != NULL)
      return runtime->launches[i].launch;
  }
  return NULL;
}

/* Lets time pass while launches run; looks counts those without progress. */
static void
pause_while_running (VyreRuntime *runtime, guint *looks, gboolean soon)
{
  if (soon) {
    g_usleep (PAUSE_US);
    return;
  }
  g_mutex_lock (&runtime->lock);
  gboolean pending = !g_queue_is_empty (&runtime->windows);
  gboolean asked = runtime->n_sleepers > 0;
  if (!pending || (!asked && runtime->residency != VYRE_RESIDENCY_SLICED)) {
    if (!runtime->quit)
      wait_for_work (runtime, LOOK_US);
    vyre_runtime_unlock (runtime);
    return;
  }
  vyre_runtime_unlock (runtime);

  VyreLaunch *launch = any_launch (runtime);
  if (runtime->residency == VYRE_RESIDENCY_SLICED && launch != NULL) {
    g_autoptr (GError) error = NULL;
    vyre_launch_wait (launch, LAUNCH_WAIT_NS, &error);
    if (error != NULL)
      fail (runtime, error);
  } else {
    g_usleep (MIN (PAUSE_US + *looks, LONGEST_PAUSE_US));
  }
  (*looks)++;
}

typedef struct
{
  guint64 tiles_done, n_launched;
  guint n_launches;
  gint64 moved; /* monotonic, µs */
} Progress;

/* Lock held. Has nothing moved for too long? */
static gboolean
is_stalled (VyreRuntime *runtime, Progress *progress)
{
  gint64 now = g_get_monotonic_time ();
  gint64 limit = runtime->parallel ? TIME_SLICE_PARALLEL_US : TIME_SLICE_US;
  guint staying = 0;

  if (progress->tiles_done != runtime->tiles_done ||
      progress->n_launched != runtime->n_launched ||
      progress->n_launches != runtime->n_launches ||
      g_queue_is_empty (&runtime->windows)) {
    progress->tiles_done = runtime->tiles_done;
    progress->n_launched = runtime->n_launched;
    progress->n_launches = runtime->n_launches;
    progress->moved = now;
  }
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    if (runtime->launches[i].launch != NULL && !runtime->launches[i].leaving)
      staying++;
  }
  /* Not before those that were told have left: it could not even begin. */
  return runtime->n_launches > 0 && staying == runtime->n_launches &&
         now - progress->moved > limit;
}

/* Lock held. */
static void
plan_launch (VyreRuntime *runtime, gboolean stalled, Plan *plan)
{
  gint64 now = g_get_monotonic_time ();

  vyre_partition_look (runtime, now);
  VyreKernel *kernel = choose_kernel (runtime, stalled, &plan->soon);
  if (kernel == NULL)
    return;
  plan->n_parts = vyre_partition_count (runtime, kernel, now);
  /* Beside others it may fit by now. */
  if (plan->n_parts == 1)
    kernel->crowding = 0;
  plan->kernel = vyre_kernel_ref (kernel);
  plan->generation = runtime->generation =
      MAX (runtime->generation + 1, kernel->required);
  plan->index = open_door (runtime);
  /* Nothing ends anyway, and the submission may have to wait for them. */
  if (stalled)
    tell_others_to_leave (runtime, kernel, plan->index);
}

gpointer
vyre_supervisor_run (gpointer data)
{
  VyreRuntime *runtime = data;
  Progress progress = { .moved = g_get_monotonic_time () };
  guint looks = 0;

  /* Short sleeps are to be short. */
  prctl (PR_SET_TIMERSLACK, 1000ul, 0ul, 0ul, 0ul);
  for (;;) {
    if (!collect_launches (runtime))
      break;

    g_mutex_lock (&runtime->lock);
    if (vyre_runtime_reap (runtime))
      looks = 0;
    vyre_runtime_advance_shutdown (runtime);
    vyre_runtime_restart_stuck (runtime);
    if (runtime->n_restarting > 0)
      vyre_runtime_publish_restarting (runtime);
    gboolean idle = runtime->windows.length == runtime->n_waiting &&
                    runtime->n_launches == 0;
    if (runtime->failed || (idle && runtime->quit)) {
      vyre_runtime_unlock (runtime);
      break;
    }
    if (idle) {
      looks = 0;
      /* What was reaped is let go of first; that may take a while. */
      if (g_queue_is_empty (&runtime->finished))
        g_cond_wait (&runtime->work, &runtime->lock);
      vyre_runtime_unlock (runtime);
      continue;
    }
    if (runtime->quit) {
      vyre_poke (runtime->control, VYRE_C_SHUTDOWN, VYRE_SHUTDOWN_STOP);
      vyre_poke (runtime->door, VYRE_DOOR_SHUTDOWN, 1);
      vyre_ring_store_fence ();
    }
    Plan plan = { 0 };
    if (vyre_runtime_may_launch (runtime))
      plan_launch (runtime, is_stalled (runtime, &progress), &plan);
    vyre_runtime_unlock (runtime);

    if (plan.kernel != NULL) {
      if (!start_launch (runtime, &plan))
        break;
      looks = 0;
    } else {
      pause_while_running (runtime, &looks, plan.soon);
    }
  }

  /* After a failure nothing is in flight any more, or the device is lost. */
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    if (runtime->launches[i].launch == NULL)
      continue;
    g_clear_pointer (&runtime->launches[i].launch, vyre_launch_free);
    vyre_kernel_unref (runtime->launches[i].kernel);
  }
  runtime->n_launches = 0;
  return NULL;
}
