/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How kernels share a device: the rules, on a device that is made up. */

#include "engine/engine-private.h"

#define MULTIPROCESSORS 132
#define LANE_GROUPS (16 * MULTIPROCESSORS)
#define MS 1000
#define START (100 * (gint64) G_USEC_PER_SEC)

typedef struct
{
  VyreRuntime runtime;
  VyreDeviceInfo info;
  VyreMemory door;
  guint32 words[VYRE_DOOR_WORDS];
  VyreKernel compiled[10];
} Fixture;

static void
set_up (Fixture *f, gconstpointer data)
{
  VyreRuntime *runtime = &f->runtime;

  f->info.n_queues = 8;
  f->door.map = (guint8 *) f->words;
  runtime->info = &f->info;
  runtime->door = &f->door;
  runtime->residency = VYRE_RESIDENCY_RESIDENT;
  runtime->parallel = TRUE;
  runtime->workgroups = LANE_GROUPS;
  runtime->workgroups_compiled = 2 * LANE_GROUPS;
  runtime->compiled = g_ptr_array_new ();
  for (guint i = 0; i < G_N_ELEMENTS (f->compiled); i++) {
    f->compiled[i].id = VYRE_KERNEL_COMPILED | (i + 1);
    f->compiled[i].team = 4;
    g_ptr_array_add (runtime->compiled, &f->compiled[i]);
  }
  g_assert_true (vyre_partition_applies (runtime));
}

static void
tear_down (Fixture *f, gconstpointer data)
{
  g_ptr_array_unref (f->runtime.compiled);
}

static VyreKernel *
interpreter (Fixture *f)
{
  return &f->runtime.interpreters[VYRE_KERNEL_ALL];
}

/* As the supervisor does. */
static VyreActiveLaunch *
launch (Fixture *f, VyreKernel *kernel, gint64 now)
{
  VyreRuntime *runtime = &f->runtime;
  guint n = vyre_partition_count (runtime, kernel, now);
  guint queue = vyre_partition_choose_queue (runtime, kernel);
  guint i = 0;

  while (runtime->launches[i].launch != NULL)
    i++;
  runtime->launches[i] = (VyreActiveLaunch){
    .launch = (VyreLaunch *) &f->words[i], /* it is only compared with NULL */
    .kernel = kernel,
    .queue = queue,
    .started = now,
    .n_parts = n,
    .lane_groups =
        vyre_partition_workgroups (runtime, kernel, n) * MAX (kernel->team, 1),
  };
  f->words[VYRE_DOOR_LEAVE + i] = 0;
  f->words[VYRE_DOOR_LAUNCH + i * VYRE_LAUNCH_WORDS + VYRE_LAUNCH_BEGUN] = 0;
  return &runtime->launches[i];
}

static void
set_begun (Fixture *f, const VyreActiveLaunch *active)
{
  guint i = active - f->runtime.launches;

  f->words[VYRE_DOOR_LAUNCH + i * VYRE_LAUNCH_WORDS + VYRE_LAUNCH_BEGUN] = 1;
}

static void
assert_leaving (Fixture *f, const VyreActiveLaunch *active, gboolean leaving)
{
  guint i = active - f->runtime.launches;

  g_assert_cmpint (active->leaving, ==, leaving);
  g_assert_cmpuint (f->words[VYRE_DOOR_LEAVE + i], ==, leaving);
}

static void
leave (VyreActiveLaunch *active)
{
  active->launch = NULL;
}

/* --- */

static void
applies (Fixture *f, gconstpointer data)
{
  f->info.n_queues = 1;
  g_assert_false (vyre_partition_applies (&f->runtime));
  f->info.n_queues = 2;
  g_assert_true (vyre_partition_applies (&f->runtime));
  f->runtime.residency = VYRE_RESIDENCY_SLICED;
  g_assert_false (vyre_partition_applies (&f->runtime));
}

static guint32
count (Fixture *f, guint kernel, guint n_parts)
{
  const VyreKernel *found =
      kernel == 0 ? interpreter (f) : &f->compiled[kernel - 1];
  return vyre_partition_workgroups (&f->runtime, found, n_parts);
}

static void
parts (Fixture *f, gconstpointer data)
{
  f->compiled[1].team = 1;
  f->compiled[2].id = VYRE_KERNEL_BUILTIN;
  f->compiled[3].crowding = 2;

  /* Alone: all there is, and compiled ones more, if they use little. */
  g_assert_cmpuint (count (f, 0, 1), ==, LANE_GROUPS);
  g_assert_cmpuint (count (f, 1, 1), ==, 2 * LANE_GROUPS / 4);
  g_assert_cmpuint (count (f, 2, 1), ==, 2 * LANE_GROUPS);
  g_assert_cmpuint (count (f, 3, 1), ==, 4);
  g_assert_cmpuint (count (f, 4, 1), ==, 2 * LANE_GROUPS / 4);
  /* Five lane groups and two teams of four on each multiprocessor. */
  g_assert_cmpuint (count (f, 0, 2), ==, 5 * MULTIPROCESSORS);
  g_assert_cmpuint (count (f, 1, 2), ==, 2 * MULTIPROCESSORS);
  g_assert_cmpuint (count (f, 2, 2), ==, 8 * MULTIPROCESSORS);
  g_assert_cmpuint (count (f, 3, 2), ==, 4);
  g_assert_cmpuint (count (f, 4, 2), ==, MULTIPROCESSORS / 2);
  g_assert_cmpuint (count (f, 1, G_MAXUINT), ==, 2);
}

static void
wanted (Fixture *f, gconstpointer data)
{
  VyreRuntime *runtime = &f->runtime;
  VyreKernel *a = &f->compiled[0], *b = &f->compiled[1];

  vyre_partition_look (runtime, START);
  g_assert_cmpuint (vyre_partition_count (runtime, a, START), ==, 1);
  b->n_windows = 1;
  g_assert_cmpuint (vyre_partition_count (runtime, a, START), ==, 2);
  interpreter (f)->n_windows = 1;
  g_assert_cmpuint (vyre_partition_count (runtime, a, START), ==, 3);
  g_assert_cmpuint (
      vyre_partition_count (runtime, interpreter (f), START), ==, 2);
  interpreter (f)->n_windows = 0;

  /* One that came and went between two looks, and then no more. */
  b->n_windows = 0;
  b->n_published = 1;
  vyre_partition_look (runtime, START);
  g_assert_cmpuint (vyre_partition_count (runtime, a, START + 5 * MS), ==, 2);
  vyre_partition_look (runtime, START + 5 * MS);
  g_assert_cmpuint (vyre_partition_count (runtime, a, START + 12 * MS), ==, 1);
}

/* Two compiled kernels: the one that had everything begins again with half. */
static void
halves (Fixture *f, gconstpointer data)
{
  VyreRuntime *runtime = &f->runtime;
  VyreKernel *a = &f->compiled[0], *b = &f->compiled[1];
  gint64 now = g_get_monotonic_time ();

  a->n_windows = 1;
  VyreActiveLaunch *first = launch (f, a, now);
  g_assert_cmpuint (first->n_parts, ==, 1);
  b->n_windows = 1;
  /* It is let begin, unless that takes long. */
  g_assert_false (vyre_partition_is_due (runtime, first, now + 1 * MS));
  g_assert_true (vyre_partition_is_due (runtime, first, now + 3 * MS));
  set_begun (f, first);
  vyre_partition_look (runtime, now + 1 * MS);
  g_assert_true (vyre_partition_is_due (runtime, first, now + 1 * MS));
  /* It has work: it leaves when the next one has been launched. */
  g_assert_false (vyre_partition_make_room (runtime, b, now + 1 * MS));
  assert_leaving (f, first, FALSE);
  g_assert_true (vyre_partition_make_room (runtime, a, now + 1 * MS));
  VyreActiveLaunch *again = launch (f, a, now + 1 * MS);
  vyre_runtime_tell_to_leave (runtime, first - runtime->launches);
  g_assert_cmpuint (again->n_parts, ==, 2);
  g_assert_false (vyre_partition_make_room (runtime, b, now + 1 * MS));
  leave (first);
  g_assert_true (vyre_partition_make_room (runtime, b, now + 1 * MS));
  VyreActiveLaunch *other = launch (f, b, now + 1 * MS);
  g_assert_cmpuint (other->n_parts, ==, 2);
  g_assert_cmpuint (other->queue, !=, again->queue);
  set_begun (f, again);
  set_begun (f, other);
  g_assert_false (vyre_partition_is_due (runtime, again, now + 5 * MS));
  g_assert_false (vyre_partition_is_due (runtime, other, now + 5 * MS));

  /* Nothing for one of them for a while: the other may have all again. */
  vyre_partition_look (runtime, now);
  a->n_windows = 0;
  g_assert_false (vyre_partition_is_due (runtime, other, now + 8 * MS));
  g_assert_true (vyre_partition_is_due (runtime, other, now + 12 * MS));
  vyre_partition_make_room (runtime, b, now + 8 * MS);
  assert_leaving (f, again, FALSE);
  vyre_partition_make_room (runtime, b, now + 12 * MS);
  assert_leaving (f, again, TRUE);
  assert_leaving (f, other, FALSE);
  /* Then it waits, but not for ever. */
  again->told_at = now + 12 * MS;
  g_assert_false (vyre_partition_make_room (runtime, b, now + 13 * MS));
  g_assert_true (vyre_partition_make_room (runtime, b, now + 22 * MS));
}

/* Two that have too much both begin again, whatever the other has. */
static void
thirds (Fixture *f, gconstpointer data)
{
  VyreRuntime *runtime = &f->runtime;
  VyreKernel *a = &f->compiled[0], *b = &f->compiled[1], *c = &f->compiled[2];
  gint64 now = g_get_monotonic_time ();
  VyreActiveLaunch *before[2], *after[2];

  a->n_windows = b->n_windows = 1;
  before[0] = launch (f, a, now);
  before[1] = launch (f, b, now);
  set_begun (f, before[0]);
  set_begun (f, before[1]);
  c->n_windows = 1;
  vyre_partition_look (runtime, now);
  g_assert_false (vyre_partition_make_room (runtime, c, now));
  for (guint i = 0; i < 2; i++) {
    g_assert_true (vyre_partition_is_due (runtime, before[i], now));
    g_assert_true (vyre_partition_make_room (runtime, before[i]->kernel, now));
    after[i] = launch (f, before[i]->kernel, now);
    vyre_runtime_tell_to_leave (runtime, before[i] - runtime->launches);
    g_assert_cmpuint (after[i]->n_parts, ==, 3);
  }
  g_assert_false (vyre_partition_make_room (runtime, c, now));
  leave (before[0]);
  leave (before[1]);
  g_assert_true (vyre_partition_make_room (runtime, c, now));
}

/* One that idles keeps its place while it is wanted, if that is no larger than
 * its part. */
static void
alternating (Fixture *f, gconstpointer data)
{
  VyreRuntime *runtime = &f->runtime;
  VyreKernel *a = &f->compiled[0], *b = &f->compiled[1];

  a->n_windows = b->n_windows = 1;
  vyre_partition_look (runtime, START);
  VyreActiveLaunch *one = launch (f, a, START);
  VyreActiveLaunch *two = launch (f, b, START);
  set_begun (f, one);
  set_begun (f, two);
  a->n_windows = b->n_windows = 0;
  for (guint i = 0; i < 100; i++) {
    gint64 now = START + i * 5 * MS;
    a->n_published += i % 2;
    b->n_published += 1 - i % 2;
    vyre_partition_look (runtime, now);
    g_assert_true (vyre_partition_make_room (runtime, i % 2 ? a : b, now));
    g_assert_false (vyre_partition_is_due (runtime, one, now));
    g_assert_false (vyre_partition_is_due (runtime, two, now));
  }
  assert_leaving (f, one, FALSE);
  assert_leaving (f, two, FALSE);
}

static void
interpreter_first (Fixture *f, gconstpointer data)
{
  VyreRuntime *runtime = &f->runtime;
  VyreKernel *a = &f->compiled[0];
  gint64 now = g_get_monotonic_time ();

  a->n_windows = 1;
  interpreter (f)->n_windows = 1;
  VyreActiveLaunch *compiled = launch (f, a, now);
  g_assert_cmpuint (compiled->n_parts, ==, 2);
  g_assert_false (
      vyre_partition_make_room (runtime, interpreter (f), now + 3 * MS));
  assert_leaving (f, compiled, TRUE);
  leave (compiled);
  g_assert_true (vyre_partition_make_room (runtime, interpreter (f), now));
  VyreActiveLaunch *first = launch (f, interpreter (f), now);
  g_assert_true (vyre_partition_make_room (runtime, a, now));
  compiled = launch (f, a, now);
  /* The next generation of it needs nobody to leave. */
  g_assert_true (vyre_partition_make_room (runtime, interpreter (f), now));
  assert_leaving (f, compiled, FALSE);
  assert_leaving (f, first, FALSE);
}

/* One that finds no room although all have their parts. */
static void
crowded (Fixture *f, gconstpointer data)
{
  VyreRuntime *runtime = &f->runtime;
  VyreKernel *a = &f->compiled[0], *b = &f->compiled[1], *c = &f->compiled[2];

  a->n_windows = b->n_windows = c->n_windows = 1;
  c->team = 1;
  VyreActiveLaunch *one = launch (f, a, START);
  VyreActiveLaunch *two = launch (f, b, START);
  VyreActiveLaunch *three = launch (f, c, START);
  two->lane_groups++;
  set_begun (f, one);
  set_begun (f, two);
  vyre_partition_look (runtime, START + 1 * MS);
  g_assert_true (one->begun);
  g_assert_true (two->begun);
  g_assert_false (three->begun);
  assert_leaving (f, two, FALSE);
  vyre_partition_look (runtime, START + 11 * MS);
  assert_leaving (f, one, FALSE);
  assert_leaving (f, two, TRUE);
  g_assert_cmpuint (b->crowding, ==, 1);

  /* Its room is about to come. */
  vyre_partition_look (runtime, START + 12 * MS);
  assert_leaving (f, one, FALSE);
  guint before = two->lane_groups;
  leave (two);
  set_begun (f, three);
  vyre_partition_look (runtime, START + 13 * MS);
  g_assert_true (three->begun);
  two = launch (f, b, START + 13 * MS);
  g_assert_cmpuint (two->lane_groups, <=, before / 2);
}

/* One that was told to leave before it had begun makes no room. */
static void
not_begun (Fixture *f, gconstpointer data)
{
  VyreRuntime *runtime = &f->runtime;
  VyreKernel *large = &f->compiled[0], *other = &f->compiled[1];

  large->n_windows = other->n_windows = 1;
  VyreActiveLaunch *one = launch (f, large, START);
  VyreActiveLaunch *two = launch (f, other, START);
  VyreActiveLaunch *next = launch (f, other, START + 1 * MS);
  set_begun (f, one);
  vyre_runtime_tell_to_leave (runtime, two - runtime->launches);
  vyre_partition_look (runtime, START + 2 * MS);
  assert_leaving (f, one, FALSE);
  vyre_partition_look (runtime, START + 12 * MS);
  assert_leaving (f, one, TRUE);
  assert_leaving (f, next, FALSE);
  g_assert_cmpuint (large->crowding, ==, 1);
  g_assert_cmpuint (other->crowding, ==, 0);
}

/* Less and less, and then turns. */
static void
never_fits (Fixture *f, gconstpointer data)
{
  VyreRuntime *runtime = &f->runtime;
  VyreKernel *large = &f->compiled[0], *other = &f->compiled[1];
  guint32 last = G_MAXUINT32;

  large->n_windows = other->n_windows = 1;
  other->crowding = 3;
  for (guint i = 1; i < 10; i++) {
    gint64 now = START + i * 100 * MS;
    VyreActiveLaunch *one = launch (f, large, now);
    VyreActiveLaunch *two = launch (f, other, now);
    set_begun (f, one);
    g_assert_cmpuint (one->lane_groups, <=, last);
    last = one->lane_groups;
    vyre_partition_look (runtime, now + 9 * MS);
    assert_leaving (f, one, FALSE);
    vyre_partition_look (runtime, now + 11 * MS);
    assert_leaving (f, one, TRUE);
    assert_leaving (f, two, FALSE);
    leave (one);
    leave (two);
  }
  g_assert_cmpuint (large->crowding, ==, 3);
  g_assert_cmpuint (last, ==, count (f, 1, 2) * large->team);
}

/* More kernels than queues take turns. */
static void
queues (Fixture *f, gconstpointer data)
{
  VyreRuntime *runtime = &f->runtime;
  guint used = 0;

  for (guint i = 0; i < 10; i++)
    f->compiled[i].n_windows = 1;
  for (guint i = 0; i < 8; i++) {
    gint64 now = START + i * MS;
    g_assert_true (vyre_partition_has_queue (runtime, &f->compiled[i], now));
    VyreActiveLaunch *active = launch (f, &f->compiled[i], now);
    used |= 1u << active->queue;
    set_begun (f, active);
  }
  vyre_partition_look (runtime, START + 8 * MS);
  g_assert_cmphex (used, ==, 0xff);
  VyreKernel *late = &f->compiled[8], *third = &f->compiled[2];
  g_assert_false (vyre_partition_has_queue (runtime, late, START + 3 * MS));
  assert_leaving (f, &runtime->launches[0], FALSE);
  g_assert_false (vyre_partition_has_queue (runtime, late, START + 7 * MS));
  assert_leaving (f, &runtime->launches[0], TRUE);
  /* One at a time. */
  g_assert_false (vyre_partition_has_queue (runtime, late, START + 20 * MS));
  assert_leaving (f, &runtime->launches[1], FALSE);
  /* One that takes over waits behind its own. */
  g_assert_true (vyre_partition_has_queue (runtime, third, START + 20 * MS));
  g_assert_cmpuint (vyre_partition_choose_queue (runtime, third), ==,
      runtime->launches[2].queue);
  guint queue = runtime->launches[0].queue;
  leave (&runtime->launches[0]);
  g_assert_true (vyre_partition_has_queue (runtime, late, START + 20 * MS));
  g_assert_cmpuint (vyre_partition_choose_queue (runtime, late), ==, queue);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
#define ADD(name) \
  g_test_add ("/partition/" #name, Fixture, NULL, set_up, name, tear_down)
  ADD (applies);
  ADD (parts);
  ADD (wanted);
  ADD (halves);
  ADD (thirds);
  ADD (alternating);
  ADD (interpreter_first);
  ADD (crowded);
  ADD (not_begun);
  ADD (never_fits);
  ADD (queues);
  return g_test_run ();
}
