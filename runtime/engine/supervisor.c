/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The supervisor thread: launches the megakernel when there is work that no
 * running launch may take, takes over completion records while one runs, and
 * frees launches that ended. The only thread that waits for the GPU.
 */

#include "engine-private.h"

/* Between two looks at the completion records of a resident kernel: first
 * without a pause, later with one, so that neither latency nor an idle CPU
 * suffers much. */
#define SPINS 200
#define PAUSE_US 20
/* A launch that has not ended after this long makes us look at records all
 * the same. */
#define LAUNCH_WAIT_NS (200 * 1000)
#define IDLE_LOOK_US 1000
/* A resident kernel that finishes nothing for this long is relaunched: its
 * idle workgroups may have left while others run long tiles, and tiles of
 * other windows must get their turn. Long tiles go on where they were. */
#define TIME_SLICE_US 4000

static void
fail (VyreRuntime *runtime, const GError *error)
{
  g_mutex_lock (&runtime->lock);
  vyre_runtime_fail (runtime, error->message);
  vyre_runtime_unlock (runtime);
}

/* Frees launches that ended. FALSE when the device failed. */
static gboolean
collect_launches (VyreRuntime *runtime)
{
  for (guint i = 0; i < runtime->n_launches;) {
    g_autoptr (GError) error = NULL;
    VyreLaunch *launch = runtime->launches[i].launch;

    if (!vyre_launch_wait (launch, 0, &error)) {
      if (error != NULL) {
        fail (runtime, error);
        return FALSE;
      }
      i++;
      continue;
    }
    vyre_launch_free (launch);
    g_mutex_lock (&runtime->lock);
    runtime->launches[i] = runtime->launches[--runtime->n_launches];
    vyre_runtime_unlock (runtime);
  }
  return TRUE;
}

/* Lock held. Is there a kernel for all of what these windows need? Better one
 * with more than they need than none. Returns its features, or -1. */
static int
find_kernel (VyreRuntime *runtime, guint needed)
{
  for (guint features = needed; features < VYRE_KERNELS; features++) {
    if ((features & needed) == needed && runtime->pipelines[features] != NULL)
      return features;
  }
  return -1;
}

/* Lock held, windows in flight. The kernel to launch next: one for everything,
 * else one for each window in its turn. */
static guint
choose_kernel (VyreRuntime *runtime)
{
  guint needed = 0;

  for (GList *l = runtime->windows.head; l != NULL; l = l->next)
    needed |= ((VyreWindow *) l->data)->executable->features;
  int features = find_kernel (runtime, needed);
  if (features < 0) {
    VyreWindow *turn = g_queue_peek_nth (
        &runtime->windows, runtime->generation % runtime->windows.length);
    /* Loading the program has made sure that there is one. */
    features = find_kernel (runtime, turn->executable->features);
  }
  return features;
}

/* Lock held. Is a launch running that may do all that is in flight, or as much
 * as one launch can? (If no kernel can do it all, they take turns.) */
static gboolean
all_served (VyreRuntime *runtime)
{
  guint needed = 0;

  for (GList *l = runtime->windows.head; l != NULL; l = l->next)
    needed |= ((VyreWindow *) l->data)->executable->features;
  if (find_kernel (runtime, needed) < 0)
    needed = 0;
  for (guint i = 0; i < runtime->n_launches; i++) {
    if ((gint32) (runtime->launches[i].generation -
                  runtime->required_generation) >= 0 &&
        (needed & ~runtime->launches[i].features) == 0)
      return TRUE;
  }
  return FALSE;
}

/* Lock held. Is there work that no running launch may take? */
static gboolean
needs_launch (VyreRuntime *runtime, gboolean stalled)
{
  if (g_queue_is_empty (&runtime->windows) || runtime->failed)
    return FALSE;
  if (runtime->n_launches == 0)
    return TRUE;
  /* One at a time where launches are short anyway. */
  if (runtime->residency == VYRE_RESIDENCY_SLICED ||
      runtime->n_launches == VYRE_MAX_LAUNCHES)
    return FALSE;
  return stalled || !all_served (runtime);
}

void
vyre_runtime_launch_constants (
    VyreRuntime *runtime, guint32 generation, VyreLaunchConstants *constants)
{
  *constants = (VyreLaunchConstants){
    .control = runtime->control->address,
    .ring = runtime->ring->address,
    .records = runtime->records->address,
    .descriptors = runtime->descriptors->address,
    .areas = runtime->areas->address,
    .area_map = runtime->area_map->address,
    .slots = runtime->slots,
    .n_areas = runtime->n_areas,
    .area_words = runtime->area_words,
    .generation = generation,
    .fuel = runtime->pass_budget,
    .slice = runtime->slice,
    .idle_limit = runtime->idle_limit,
    .n_descriptors = VYRE_DESCRIPTORS,
  };
}

static gboolean
start_launch (VyreRuntime *runtime, guint32 generation, guint features)
{
  g_autoptr (GError) error = NULL;
  VyreLaunchConstants constants;
  guint queue = generation % MAX (runtime->info->n_queues, 1);

  vyre_runtime_launch_constants (runtime, generation, &constants);
  VyreLaunch *launch =
      vyre_device_launch (runtime->device, runtime->pipelines[features], queue,
          runtime->workgroups, &constants, sizeof constants, &error);

  if (launch == NULL) {
    fail (runtime, error);
    return FALSE;
  }
  g_mutex_lock (&runtime->lock);
  runtime->launches[runtime->n_launches++] =
      (VyreActiveLaunch){ launch, generation, features };
  runtime->n_launched++;
  vyre_runtime_unlock (runtime);
  return TRUE;
}

/* Lets time pass while launches run; spins counts looks without progress. */
static void
pause_while_running (VyreRuntime *runtime, gboolean pending, guint *spins)
{
  if (!pending) {
    /* A resident kernel without work: it leaves by itself soon. */
    g_mutex_lock (&runtime->lock);
    if (g_queue_is_empty (&runtime->windows) && !runtime->quit)
      g_cond_wait_until (&runtime->work, &runtime->lock,
          g_get_monotonic_time () + IDLE_LOOK_US);
    vyre_runtime_unlock (runtime);
  } else if (runtime->residency == VYRE_RESIDENCY_SLICED) {
    g_autoptr (GError) error = NULL;
    vyre_launch_wait (runtime->launches[0].launch, LAUNCH_WAIT_NS, &error);
    if (error != NULL)
      fail (runtime, error);
  } else if ((*spins)++ < SPINS) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause ();
#endif
  } else {
    g_usleep (PAUSE_US);
  }
}

gpointer
vyre_supervisor_run (gpointer data)
{
  VyreRuntime *runtime = data;
  guint spins = 0;
  guint64 tiles_done = 0;
  guint n_launches = 0;
  gint64 moved = g_get_monotonic_time ();

  for (;;) {
    if (!collect_launches (runtime))
      break;

    g_mutex_lock (&runtime->lock);
    if (vyre_runtime_reap (runtime))
      spins = 0;
    gboolean failed = runtime->failed;
    gboolean pending = !g_queue_is_empty (&runtime->windows);
    gboolean idle = !pending && runtime->n_launches == 0;
    if (failed || (idle && runtime->quit)) {
      vyre_runtime_unlock (runtime);
      break;
    }
    if (idle) {
      spins = 0;
      g_cond_wait (&runtime->work, &runtime->lock);
      vyre_runtime_unlock (runtime);
      continue;
    }
    if (runtime->quit)
      vyre_poke (runtime->control, VYRE_C_SHUTDOWN, 1);
    if (tiles_done != runtime->tiles_done ||
        n_launches != runtime->n_launches || !pending) {
      tiles_done = runtime->tiles_done;
      n_launches = runtime->n_launches;
      moved = g_get_monotonic_time ();
    }
    /* Not before the launch before has left: it could not even begin. */
    gboolean stalled =
        n_launches == 1 && g_get_monotonic_time () - moved > TIME_SLICE_US;
    gboolean launch = needs_launch (runtime, stalled);
    guint features = launch ? choose_kernel (runtime) : 0;
    guint32 generation = launch ? ++runtime->generation : 0;
    /* An older kernel would poll beside the new one for nothing. */
    if (launch && runtime->n_launches > 0)
      vyre_poke (runtime->control, VYRE_C_LEAVE, generation);
    vyre_runtime_unlock (runtime);

    if (launch) {
      if (!start_launch (runtime, generation, features))
        break;
      spins = 0;
    } else {
      pause_while_running (runtime, pending, &spins);
    }
  }

  /* After a failure nothing is in flight any more, or the device is lost. */
  for (guint i = 0; i < runtime->n_launches; i++)
    vyre_launch_free (runtime->launches[i].launch);
  runtime->n_launches = 0;
  return NULL;
}
