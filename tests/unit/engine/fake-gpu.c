/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-gpu.h"

#define TICK_US 20
#define IDLE_US 4000
#define MOST_IN_HAND 64
/* In the number of a compiled kernel. */
#define TEAM_SHIFT 20

typedef struct
{
  guint slot;
  gint64 ends;
} Tile;

typedef struct
{
  VyreLaunchConstants constants;
  guint queue, groups,
      unit; /* unit: room that a workgroup takes, in quarters */
  guint held; /* workgroups that run */
  gboolean told, ended, freed;
  gint64 idle_since;
  Tile tiles[MOST_IN_HAND];
  guint n_tiles;
} Launch;

static VyreRuntime *runtime; /* %NULL: not in use */
static struct
{
  guint n_queues, workgroups, workgroups_compiled;
  gboolean parallel;
  VyreResidency residency;
} real; /* what the runtime was */
static FakeGpu gpu;
static GMutex lock; /* guards all of this but runtime */
static GPtrArray *launches; /* Launch, as submitted */
static guint room; /* in quarters */
static gint64 away_until;
static GThread *thread;
static gboolean quit;

VyreLaunch *__real_vyre_device_launch (VyreDevice *device,
    VyrePipeline *pipeline, guint queue, guint32 groups, const void *constants,
    gsize bytes, GError **error);
gboolean __real_vyre_launch_wait (
    VyreLaunch *launch, guint64 timeout_ns, GError **error);
void __real_vyre_launch_free (VyreLaunch *launch);
VyreLaunch *__wrap_vyre_device_launch (VyreDevice *device,
    VyrePipeline *pipeline, guint queue, guint32 groups, const void *constants,
    gsize bytes, GError **error);
gboolean __wrap_vyre_launch_wait (
    VyreLaunch *launch, guint64 timeout_ns, GError **error);
void __wrap_vyre_launch_free (VyreLaunch *launch);

/* --- what the supervisor calls -- */

VyreLaunch *
__wrap_vyre_device_launch (VyreDevice *device, VyrePipeline *pipeline,
    guint queue, guint32 groups, const void *constants, gsize bytes,
    GError **error)
{
  if (runtime == NULL)
    return __real_vyre_device_launch (
        device, pipeline, queue, groups, constants, bytes, error);

  Launch *launch = g_new0 (Launch, 1);
  guint lane_groups = 1, weight = 4;
  launch->constants = *(const VyreLaunchConstants *) constants;
  if (launch->constants.kernel != 0) {
    lane_groups = launch->constants.kernel >> TEAM_SHIFT & 0xff;
    weight = gpu.weights[launch->constants.kernel % FAKE_GPU_WEIGHTS];
  }
  launch->queue = queue % gpu.n_queues;
  launch->groups = groups;
  launch->unit = lane_groups * weight;
  g_mutex_lock (&lock);
  g_ptr_array_add (launches, launch);
  g_mutex_unlock (&lock);
  return (VyreLaunch *) launch;
}

gboolean
__wrap_vyre_launch_wait (VyreLaunch *launch, guint64 timeout_ns, GError **error)
{
  if (runtime == NULL)
    return __real_vyre_launch_wait (launch, timeout_ns, error);

  gint64 end = g_get_monotonic_time () + timeout_ns / 1000;
  for (;;) {
    g_mutex_lock (&lock);
    gboolean ended = ((Launch *) launch)->ended;
    g_mutex_unlock (&lock);
    if (ended || g_get_monotonic_time () >= end)
      return ended;
    g_usleep (TICK_US);
  }
}

void
__wrap_vyre_launch_free (VyreLaunch *launch)
{
  if (runtime == NULL) {
    __real_vyre_launch_free (launch);
    return;
  }
  g_mutex_lock (&lock);
  g_assert_true (((Launch *) launch)->ended);
  ((Launch *) launch)->freed = TRUE;
  g_mutex_unlock (&lock);
}

/* --- the device -- */

static guint32 *
words_of (const VyreMemory *memory)
{
  return (guint32 *) memory->map;
}

static guint32
door (guint word)
{
  return __atomic_load_n (&words_of (runtime->door)[word], __ATOMIC_ACQUIRE);
}

static void
end_tile (const Tile *tile)
{
  guint32 *slot =
      words_of (runtime->ring) + (gsize) tile->slot * VYRE_SLOT_WORDS;
  guint32 *record =
      words_of (runtime->records) + (gsize) tile->slot * VYRE_COMPLETION_WORDS;
  const guint32 *descriptor =
      words_of (runtime->descriptors) +
      (gsize) slot[VYRE_A_DESCRIPTOR] * VYRE_DESCRIPTOR_WORDS;
  gboolean cancelled = __atomic_load_n (&descriptor[VYRE_X_CANCEL],
                           __ATOMIC_ACQUIRE) == slot[VYRE_A_WINDOW_GENERATION];
  guint32 sequence = slot[VYRE_A_SEQUENCE];

  memset (record + 1, 0, (VYRE_COMPLETION_WORDS - 1) * 4);
  record[VYRE_R_STATUS] = cancelled ? VYRE_ST_EMPTY : VYRE_ST_DONE;
  __atomic_store_n (&slot[VYRE_W_STATUS], VYRE_ST_DONE, __ATOMIC_RELEASE);
  __atomic_store_n (&record[VYRE_R_SEQUENCE], sequence, __ATOMIC_RELEASE);
}

/* As suits() in kernels/claim.glsl. */
static gboolean
suits (const Launch *launch, const guint32 *slot)
{
  guint32 kernel = slot[VYRE_A_KERNEL];
  gboolean mine = launch->constants.kernel != 0
                      ? kernel == launch->constants.kernel
                      : (kernel & VYRE_KERNEL_COMPILED) == 0;

  return mine &&
         (gint32) (launch->constants.generation - slot[VYRE_A_RESIDENCY]) >= 0;
}

static gint64
choose_length (void)
{
  guint dice = g_random_int_range (0, 1000);

  if (dice == 0)
    return g_random_int_range (0, 20000);
  return g_random_int_range (0, dice < 50 ? 1000 : 50);
}

static void
claim_tiles (Launch *launch, gint64 now)
{
  const VyreLevel *level = &runtime->levels[VYRE_PRI_NORMAL];

  for (guint i = 0; i < level->slots; i++) {
    guint32 *slot =
        words_of (runtime->ring) + (gsize) (level->first + i) * VYRE_SLOT_WORDS;
    if (launch->n_tiles == MIN (launch->held, MOST_IN_HAND))
      return;
    if (__atomic_load_n (&slot[VYRE_W_STATUS], __ATOMIC_ACQUIRE) !=
            VYRE_ST_PUBLISHED ||
        !suits (launch, slot))
      continue;
    __atomic_store_n (&slot[VYRE_W_STATUS], VYRE_ST_CLAIMED, __ATOMIC_RELEASE);
    launch->tiles[launch->n_tiles++] =
        (Tile){ level->first + i, now + choose_length () };
  }
}

static void
give_room (Launch *launch)
{
  guint more =
      MIN (launch->groups - launch->held, room / MAX (launch->unit, 1));

  launch->held += more;
  room -= more * launch->unit;
}

static void
leave (Launch *launch)
{
  room += launch->held * launch->unit;
  launch->held = 0;
  launch->ended = TRUE;
}

static void
run (Launch *launch, gint64 now)
{
  guint base = VYRE_DOOR_LAUNCH + launch->constants.index * VYRE_LAUNCH_WORDS;
  guint32 *closed = vyre_runtime_tail (runtime) + VYRE_TAIL_CLOSED;
  gboolean told = door (VYRE_DOOR_LEAVE + launch->constants.index) != 0 ||
                  door (VYRE_DOOR_SHUTDOWN) != 0;

  /* What is told before it begins has to begin all the same. */
  if (!launch->told)
    give_room (launch);
  if (launch->held == 0)
    return;
  if (launch->held > 1)
    __atomic_store_n (&words_of (runtime->door)[base + VYRE_LAUNCH_BEGUN], 1,
        __ATOMIC_RELEASE);
  if (launch->idle_since == 0)
    launch->idle_since = now;
  for (guint i = launch->n_tiles; i-- > 0;) {
    if (launch->tiles[i].ends > now)
      continue;
    end_tile (&launch->tiles[i]);
    launch->tiles[i] = launch->tiles[--launch->n_tiles];
  }
  if (!told && !launch->told)
    claim_tiles (launch, now);
  if (launch->n_tiles > 0)
    launch->idle_since = now;
  if (now - launch->idle_since > IDLE_US)
    __atomic_store_n (&closed[launch->constants.index], 1, __ATOMIC_RELEASE);
  launch->told |= told || now - launch->idle_since > IDLE_US;
  if (launch->told && launch->n_tiles == 0)
    leave (launch);
}

static gboolean
is_first_of_queue (guint i)
{
  const Launch *launch = launches->pdata[i];

  for (guint k = 0; k < i; k++) {
    const Launch *before = launches->pdata[k];
    if (before->queue == launch->queue && !before->ended)
      return FALSE;
  }
  return TRUE;
}

/* Lock held. */
static void
tick (gint64 now)
{
  if (gpu.away_us > 0 && now > away_until && g_random_int_range (0, 200) == 0)
    away_until = now + g_random_int_range (0, gpu.away_us);
  if (now < away_until)
    return;
  for (guint i = launches->len; i-- > 0;) {
    if (((Launch *) launches->pdata[i])->freed)
      g_ptr_array_remove_index (launches, i);
  }
  for (guint i = 0; i < launches->len; i++) {
    Launch *launch = launches->pdata[i];
    if (!launch->ended && is_first_of_queue (i))
      run (launch, now);
  }
}

static gpointer
run_device (gpointer data)
{
  gboolean goes_on = TRUE;

  while (goes_on) {
    g_mutex_lock (&lock);
    tick (g_get_monotonic_time ());
    goes_on = !quit;
    g_mutex_unlock (&lock);
    g_usleep (TICK_US);
  }
  return NULL;
}

/* --- what is constant elsewhere -- */

static void
change_runtime (VyreRuntime *of)
{
  VyreDeviceInfo *info = (VyreDeviceInfo *) of->info;

  real.n_queues = info->n_queues;
  real.parallel = of->parallel;
  real.residency = of->residency;
  real.workgroups = of->workgroups;
  real.workgroups_compiled = of->workgroups_compiled;
  info->n_queues = gpu.n_queues;
  of->parallel = TRUE;
  of->residency = VYRE_RESIDENCY_RESIDENT;
  of->workgroups = gpu.room;
  of->workgroups_compiled = 2 * gpu.room;
}

static void
restore_runtime (VyreRuntime *of)
{
  VyreDeviceInfo *info = (VyreDeviceInfo *) of->info;

  info->n_queues = real.n_queues;
  of->parallel = real.parallel;
  of->residency = real.residency;
  of->workgroups = real.workgroups;
  of->workgroups_compiled = real.workgroups_compiled;
}

/* --- */

void
fake_gpu_start (VyreRuntime *of, const FakeGpu *what)
{
  gpu = *what;
  room = 4 * gpu.room;
  away_until = 0;
  launches = g_ptr_array_new_with_free_func (g_free);
  quit = FALSE;
  g_mutex_lock (&of->lock);
  change_runtime (of);
  runtime = of;
  vyre_runtime_unlock (of);
  thread = g_thread_new ("fake GPU", run_device, NULL);
}

void
fake_gpu_stop (void)
{
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  guint n;

  do {
    g_usleep (1000);
    g_mutex_lock (&runtime->lock);
    n = runtime->n_launches;
    vyre_runtime_unlock (runtime);
    g_assert_cmpint (g_get_monotonic_time (), <, end);
  } while (n > 0);
  g_mutex_lock (&lock);
  quit = TRUE;
  g_mutex_unlock (&lock);
  g_thread_join (thread);
  g_mutex_lock (&runtime->lock);
  restore_runtime (runtime);
  vyre_runtime_unlock (runtime);
  runtime = NULL;
  g_ptr_array_unref (launches);
}

void
fake_gpu_compile (VyreExecutable *executable, guint number, guint team)
{
  VyreRuntime *of = executable->runtime;
  VyreKernel *kernel = g_new0 (VyreKernel, 1);

  kernel->refs = 1;
  g_assert_cmpuint (number, <, 1 << TEAM_SHIFT);
  kernel->id = VYRE_KERNEL_COMPILED | team << TEAM_SHIFT | number;
  kernel->team = team;
  g_mutex_lock (&of->lock);
  g_ptr_array_add (of->compiled, kernel);
  executable->compiled = kernel;
  executable->tier = VYRE_TIER_COMPILED;
  executable->engine = VYRE_ENGINE_JIT;
  executable->batch = 32 * 16 * team;
  vyre_runtime_unlock (of);
}
