/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/mman.h>

#include "ingest/arena.h"

#define PAGE ((gsize) VYRE_PAGE_SIZE)

static VyreArena *
new_host (gsize size)
{
  g_autoptr (GError) error = NULL;
  VyreArena *arena = vyre_arena_new_host (size, &error);

  g_assert_no_error (error);
  g_assert_nonnull (arena);
  return arena;
}

static void
assert_usage (VyreArena *arena, gsize used, gsize peak, guint blocks)
{
  gsize u, p;
  guint b;

  vyre_arena_get_usage (arena, &u, &p, &b);
  g_assert_cmpuint (u, ==, used);
  g_assert_cmpuint (p, ==, peak);
  g_assert_cmpuint (b, ==, blocks);
}

static void
test_basic (void)
{
  g_autoptr (VyreArena) arena = new_host (10 * PAGE - 5);
  VyreBlock *a, *b;

  g_assert_cmpuint (vyre_arena_get_size (arena), ==, 10 * PAGE);
  g_assert_cmpint (vyre_arena_get_kind (arena), ==, VYRE_ARENA_HOST);
  g_assert_cmpuint ((guintptr) vyre_arena_get_base (arena) % (2 << 20), ==, 0);
  assert_usage (arena, 0, 0, 0);

  a = vyre_arena_alloc (arena, 0);
  b = vyre_arena_alloc (arena, PAGE + 1);
  g_assert_nonnull (a);
  g_assert_nonnull (b);
  g_assert_true (a->arena == arena);
  g_assert_cmpuint (a->size, ==, PAGE);
  g_assert_cmpuint (b->size, ==, 2 * PAGE);
  g_assert_cmpuint (a->offset, ==, 0);
  g_assert_cmpuint (b->offset, ==, PAGE);
  g_assert_true (b->data == vyre_arena_get_base (arena) + b->offset);
  memset (a->data, 0xaa, a->size);
  memset (b->data, 0xbb, b->size);
  g_assert_cmpuint (a->data[a->size - 1], ==, 0xaa);
  assert_usage (arena, 3 * PAGE, 3 * PAGE, 2);

  vyre_block_ref (a);
  vyre_block_unref (a);
  assert_usage (arena, 3 * PAGE, 3 * PAGE, 2);
  vyre_block_unref (a);
  assert_usage (arena, 2 * PAGE, 3 * PAGE, 1);
  vyre_block_unref (b);
  assert_usage (arena, 0, 3 * PAGE, 0);

  g_assert_null (vyre_arena_alloc (arena, 10 * PAGE + 1));
  g_assert_null (vyre_arena_alloc (arena, G_MAXSIZE));
  a = vyre_arena_alloc (arena, 10 * PAGE);
  g_assert_nonnull (a);
  g_assert_null (vyre_arena_alloc (arena, 1));
  vyre_block_unref (a);
}

static void
test_bad_size (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_arena_new_host (0, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
  g_clear_error (&error);
  g_assert_null (vyre_arena_new_host (G_MAXSIZE, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
  g_clear_error (&error);
  /* More than any address space of today. */
  g_assert_null (vyre_arena_new_host ((gsize) 1 << 60, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM);
}

/* Freed memory is used again only after the search went round. */
static void
test_round (void)
{
  g_autoptr (VyreArena) arena = new_host (8 * PAGE);
  VyreBlock *block;

  for (guint i = 0; i < 24; i++) {
    block = vyre_arena_alloc (arena, PAGE);
    g_assert_nonnull (block);
    g_assert_cmpuint (block->offset, ==, (i % 8) * PAGE);
    vyre_block_unref (block);
  }
  /* The end has room for two of these only, so the next starts over. */
  for (guint i = 0; i < 6; i++) {
    block = vyre_arena_alloc (arena, 3 * PAGE);
    g_assert_nonnull (block);
    g_assert_cmpuint (block->offset, ==, (i % 2) * 3 * PAGE);
    vyre_block_unref (block);
  }
  /* The cursor is at page 6: a range that lies across it can be had whole. */
  block = vyre_arena_alloc (arena, 8 * PAGE);
  g_assert_nonnull (block);
  vyre_block_unref (block);
}

static void
test_coalesce (void)
{
  static const guint orders[][4] = {
    { 0, 1, 2, 3 },
    { 3, 2, 1, 0 },
    { 0, 2, 1, 3 },
    { 1, 3, 0, 2 },
    { 2, 0, 3, 1 },
  };
  g_autoptr (VyreArena) arena = new_host (8 * PAGE);
  VyreBlock *blocks[4], *whole;

  for (guint o = 0; o < G_N_ELEMENTS (orders); o++) {
    for (guint i = 0; i < 4; i++) {
      blocks[i] = vyre_arena_alloc (arena, 2 * PAGE);
      g_assert_nonnull (blocks[i]);
    }
    for (guint i = 0; i < 4; i++) {
      g_assert_null (vyre_arena_alloc (arena, 8 * PAGE));
      vyre_block_unref (blocks[orders[o][i]]);
    }
    whole = vyre_arena_alloc (arena, 8 * PAGE);
    g_assert_nonnull (whole);
    vyre_block_unref (whole);
  }

  /* Room enough, but in two pieces. */
  for (guint i = 0; i < 4; i++)
    blocks[i] = vyre_arena_alloc (arena, 2 * PAGE);
  vyre_block_unref (blocks[0]);
  vyre_block_unref (blocks[2]);
  g_assert_null (vyre_arena_alloc (arena, 3 * PAGE));
  vyre_block_unref (blocks[1]);
  whole = vyre_arena_alloc (arena, 6 * PAGE);
  g_assert_nonnull (whole);
  vyre_block_unref (whole);
  vyre_block_unref (blocks[3]);
}

typedef struct
{
  VyreArena *arena;
  VyreBlock *block;
} Late;

static gpointer
free_late (gpointer data)
{
  Late *late = data;

  g_usleep (20000);
  if (late->block != NULL)
    vyre_block_unref (late->block);
  else
    vyre_arena_wake (late->arena);
  return NULL;
}

static void
test_wait (void)
{
  g_autoptr (VyreArena) arena = new_host (4 * PAGE);
  VyreBlock *all = vyre_arena_alloc (arena, 4 * PAGE), *block;
  Late late = { arena, all };
  GThread *thread;
  guint64 serial;
  gint64 start;

  /* Time runs out. */
  serial = vyre_arena_serial (arena);
  start = g_get_monotonic_time ();
  vyre_arena_wait (arena, serial, start + 10000);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 10000);
  g_assert_cmpuint (vyre_arena_serial (arena), ==, serial);

  /* A block returns. */
  thread = g_thread_new ("late", free_late, &late);
  for (;;) {
    serial = vyre_arena_serial (arena);
    block = vyre_arena_alloc (arena, 4 * PAGE);
    if (block != NULL)
      break;
    vyre_arena_wait (arena, serial, G_MAXINT64);
  }
  g_thread_join (thread);

  /* Somebody wakes us, and nothing was returned. */
  late.block = NULL;
  serial = vyre_arena_serial (arena);
  thread = g_thread_new ("late", free_late, &late);
  vyre_arena_wait (arena, serial, G_MAXINT64);
  g_assert_null (vyre_arena_alloc (arena, PAGE));
  g_thread_join (thread);

  /* What happened since the ticket was taken is not waited for. */
  serial = vyre_arena_serial (arena);
  vyre_block_unref (block);
  vyre_arena_wait (arena, serial, G_MAXINT64);
}

static void
count_release (gpointer data)
{
  (*(guint *) data)++;
}

static void
test_outlive (void)
{
  guint8 *map = mmap (NULL, 4 * PAGE, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  VyreArena *arena;
  VyreBlock *block;
  guint released = 0;

  g_assert_true (map != MAP_FAILED);
  arena = vyre_arena_new_mapped (
      map, 4 * PAGE - 1, VYRE_ARENA_DEVICE, count_release, &released);
  g_assert_cmpuint (vyre_arena_get_size (arena), ==, 3 * PAGE);
  g_assert_cmpint (vyre_arena_get_kind (arena), ==, VYRE_ARENA_DEVICE);
  block = vyre_arena_alloc (arena, 3 * PAGE);
  g_assert_nonnull (block);
  vyre_arena_unref (arena);
  g_assert_cmpuint (released, ==, 0);
  block->data[0] = 1;
  vyre_block_unref (block);
  g_assert_cmpuint (released, ==, 1);
  munmap (map, 4 * PAGE);

  /* Our own mapping likewise. */
  arena = new_host (PAGE);
  block = vyre_arena_alloc (arena, 1);
  vyre_arena_unref (arena);
  memset (block->data, 1, block->size);
  vyre_block_unref (block);
}

static void
test_stamps (void)
{
  g_autoptr (VyreArena) arena = new_host (4 * PAGE);
  g_autoptr (VyreBlock) a = vyre_arena_alloc (arena, 1);
  g_autoptr (VyreBlock) b = vyre_arena_alloc (arena, 1);
  guint64 before = vyre_arena_newest_stamp ();

  vyre_block_note_write (a);
  g_assert_cmpuint (vyre_block_get_write_stamp (a), ==, before + 1);
  vyre_block_note_write (b);
  g_assert_cmpuint (
      vyre_block_get_write_stamp (b), >, vyre_block_get_write_stamp (a));
  vyre_block_note_write (a);
  g_assert_cmpuint (
      vyre_block_get_write_stamp (a), ==, vyre_arena_newest_stamp ());
}

static void
test_process (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreArena) a = NULL;
  g_autoptr (VyreArena) b = NULL;
  static const char *bad[] = { "12Q", "M", "-1M", "0", "99999999999G", "1M2",
    " 1M" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_setenv ("VYRE_ARENA_SIZE", bad[i], TRUE);
    g_assert_null (vyre_arena_get_process (&error));
    g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
    g_assert_nonnull (strstr (error->message, bad[i]));
    g_clear_error (&error);
  }
  g_setenv ("VYRE_ARENA_SIZE", "3m", TRUE);
  a = vyre_arena_get_process (&error);
  g_assert_no_error (error);
  g_assert_cmpuint (vyre_arena_get_size (a), ==, 3 << 20);
  /* The first caller decides. */
  g_setenv ("VYRE_ARENA_SIZE", "5M", TRUE);
  b = vyre_arena_get_process (&error);
  g_assert_no_error (error);
  g_assert_true (a == b);
}

typedef struct
{
  VyreArena *arena;
  guint seed;
  gint64 end;
  guint64 done;
} Stress;

/* Each block is filled with a mark of its thread: overlapping blocks would be
 * seen, and a sanitizer for threads would see them too. */
static gpointer
stress_thread (gpointer data)
{
  Stress *stress = data;
  GRand *rand = g_rand_new_with_seed (stress->seed);
  VyreBlock *held[16] = { NULL };

  while (g_get_monotonic_time () < stress->end) {
    guint i = g_rand_int_range (rand, 0, G_N_ELEMENTS (held));
    guint64 serial;

    if (held[i] != NULL) {
      for (gsize at = 0; at < held[i]->size; at += PAGE / 2)
        g_assert_cmpuint (held[i]->data[at], ==, stress->seed);
      g_clear_pointer (&held[i], vyre_block_unref);
      continue;
    }
    serial = vyre_arena_serial (stress->arena);
    held[i] =
        vyre_arena_alloc (stress->arena, g_rand_int_range (rand, 0, 8 * PAGE));
    if (held[i] == NULL) {
      vyre_arena_wait (stress->arena, serial, g_get_monotonic_time () + 500);
      continue;
    }
    for (gsize at = 0; at < held[i]->size; at += PAGE / 2)
      held[i]->data[at] = stress->seed;
    stress->done++;
  }
  for (guint i = 0; i < G_N_ELEMENTS (held); i++)
    g_clear_pointer (&held[i], vyre_block_unref);
  g_rand_free (rand);
  return NULL;
}

static void
test_stress (void)
{
  g_autoptr (VyreArena) arena = new_host (128 * PAGE);
  Stress stress[4];
  GThread *threads[4];
  VyreBlock *whole;
  gint64 end = g_get_monotonic_time () + G_USEC_PER_SEC;

  for (guint i = 0; i < 4; i++) {
    stress[i] = (Stress){ arena, i + 1, end, 0 };
    threads[i] = g_thread_new ("stress", stress_thread, &stress[i]);
  }
  for (guint i = 0; i < 4; i++) {
    g_thread_join (threads[i]);
    g_assert_cmpuint (stress[i].done, >, 0);
  }
  whole = vyre_arena_alloc (arena, 128 * PAGE);
  g_assert_nonnull (whole);
  assert_usage (arena, 128 * PAGE, 128 * PAGE, 1);
  vyre_block_unref (whole);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ingest/arena/basic", test_basic);
  g_test_add_func ("/ingest/arena/bad-size", test_bad_size);
  g_test_add_func ("/ingest/arena/round", test_round);
  g_test_add_func ("/ingest/arena/coalesce", test_coalesce);
  g_test_add_func ("/ingest/arena/wait", test_wait);
  g_test_add_func ("/ingest/arena/outlive", test_outlive);
  g_test_add_func ("/ingest/arena/stamps", test_stamps);
  g_test_add_func ("/ingest/arena/process", test_process);
  g_test_add_func ("/ingest/arena/stress", test_stress);
  return g_test_run ();
}
