/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Tiles that never report: their windows fail, everything else goes on. On a
 * CPU device only: one that hangs a GPU would hang the test. */

#include "hang.h"
#include "programs.h"

#include <string.h>

#define LIMIT_US (60 * G_USEC_PER_SEC)

static VyreRuntime *runtime;
static VyreBlock *block;
static gboolean resident;

static gint64
deadline (void)
{
  return g_get_monotonic_time () + LIMIT_US;
}

static VyreExecutable *
compile_count (void)
{
  return compile_program (runtime,
      "program workgroup(64);\n"
      "buffer data: readwrite u32[] @0;\n"
      "main { let i = invocation_id.x;\n"
      "  if i < len(data) { data[i] = data[i] + 1; } }\n");
}

static VyreWindow *
submit (
    VyreTenant *tenant, VyreExecutable *executable, guint page, guint groups)
{
  g_autoptr (GError) error = NULL;
  VyreBinding binding = { block, page * VYRE_PAGE_SIZE, VYRE_PAGE_SIZE };
  guint32 grid[3] = { groups, 1, 1 };
  VyreSubmitOptions options = { grid, 0 };
  VyreWindow *window =
      vyre_tenant_submit (tenant, executable, &binding, 1, &options, &error);

  g_assert_no_error (error);
  return window;
}

static void
expect_lost (VyreWindow *window)
{
  VyreWindowResult result;

  vyre_window_wait (window, deadline (), &result);
  g_assert_cmpint (result.state, ==, VYRE_WINDOW_FAULT);
  g_assert_cmpuint (result.code, ==, VYRE_FAULT_LOST);
  g_assert_nonnull (strstr (result.message, "hangs"));
  g_test_message ("%s", result.message);
}

static guint
free_areas (void)
{
  guint n = 0;

  for (guint i = 0; i < (runtime->n_areas + 31) / 32; i++)
    n += __builtin_popcount (vyre_peek (runtime->area_map, i));
  return n;
}

static void
wait_for_no_launch (void)
{
  gint64 end = deadline ();
  gboolean any = TRUE;

  while (any) {
    g_mutex_lock (&runtime->lock);
    any = runtime->n_launches > 0;
    vyre_runtime_unlock (runtime);
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (1000);
  }
}

/* Everything that kernels count is as if nothing had been lost. */
static void
assert_tidy (VyreTenant *tenant)
{
  wait_for_no_launch ();
  g_assert_cmpuint (
      vyre_peek (runtime->control,
          VYRE_CONTROL_TABLE + VYRE_T_HELD + vyre_tenant_get_id (tenant)),
      ==, 0);
  g_assert_cmpuint (free_areas (), ==, runtime->n_areas);
  for (guint p = 0; p < VYRE_PRI_LEVELS; p++)
    g_assert_cmpuint (vyre_peek (runtime->door, VYRE_DOOR_CLAIMED + p), ==,
        runtime->levels[p].published +
            vyre_peek (runtime->door, VYRE_DOOR_YIELDED + p));
}

/* A neighbour that always has a window in flight; its bytes count the runs. */
typedef struct
{
  VyreTenant *tenant;
  VyreExecutable *executable;
  GThread *thread;
  gint stop, rounds; /* atomic */
} Flow;

static gpointer
flow (gpointer data)
{
  Flow *self = data;

  while (!g_atomic_int_get (&self->stop)) {
    g_autoptr (VyreWindow) window =
        submit (self->tenant, self->executable, 1, VYRE_PAGE_SIZE / 256);

    g_assert_cmpint (
        vyre_window_wait (window, deadline (), NULL), ==, VYRE_WINDOW_DONE);
    g_atomic_int_inc (&self->rounds);
  }
  return NULL;
}

static void
flow_begin (Flow *self)
{
  *self = (Flow){ .executable = compile_count () };
  self->tenant = vyre_tenant_new (runtime, "neighbour", NULL);
  memset (block->data + VYRE_PAGE_SIZE, 0, VYRE_PAGE_SIZE);
  vyre_block_note_write (block);
  self->thread = g_thread_new ("flow", flow, self);
}

static void
flow_end (Flow *self)
{
  const guint32 *words = (const guint32 *) (block->data + VYRE_PAGE_SIZE);

  g_atomic_int_set (&self->stop, 1);
  g_thread_join (self->thread);
  for (guint i = 0; i < VYRE_PAGE_SIZE / 4; i++)
    g_assert_cmpuint (words[i], ==, self->rounds);
  vyre_executable_unref (self->executable);
  vyre_tenant_free (self->tenant);
}

static void
test_hang (void)
{
  g_autoptr (VyreExecutable) count = compile_count ();
  VyreTenant *tenant = vyre_tenant_new (runtime, "hangs", NULL);
  guint id = vyre_tenant_get_id (tenant);
  guint64 lost = runtime->tiles_lost;
  Flow neighbour;

  /* As few as one may be held: a lost one must not count. */
  vyre_tenant_set_quota (tenant, 1);
  flow_begin (&neighbour);
  for (guint round = 0; round < 3; round++) {
    gint before;

    hang_prepare (runtime, id);
    g_autoptr (VyreWindow) window =
        submit (tenant, count, 0, round == 0 ? 1 : 40);
    hang_set_limit (runtime, HANG_FOREVER);
    g_assert_true (hang_window (runtime, id));
    before = g_atomic_int_get (&neighbour.rounds);
    while (g_atomic_int_get (&neighbour.rounds) < before + 4)
      g_usleep (1000);
    g_assert_cmpint (
        vyre_window_wait (window, 0, NULL), ==, VYRE_WINDOW_RUNNING);
    hang_set_limit (runtime, HANG_SHORT);
    expect_lost (window);
    /* The tenant goes on, too. */
    for (guint i = 0; i < 3; i++) {
      g_autoptr (VyreWindow) next = submit (tenant, count, 0, 40);
      g_assert_cmpint (
          vyre_window_wait (next, deadline (), NULL), ==, VYRE_WINDOW_DONE);
    }
  }
  flow_end (&neighbour);
  g_assert_cmpuint (runtime->tiles_lost, ==, lost + 3);
  assert_tidy (tenant);
  vyre_tenant_free (tenant);
}

/* Its tenant need not wait for the device for ever either. */
static void
test_cancelled (void)
{
  g_autoptr (VyreExecutable) count = compile_count ();
  VyreTenant *tenant = vyre_tenant_new (runtime, "hangs", NULL);
  guint id = vyre_tenant_get_id (tenant);

  hang_prepare (runtime, id);
  g_autoptr (VyreWindow) window = submit (tenant, count, 0, 40);
  g_assert_true (hang_window (runtime, id));
  vyre_window_cancel (window);
  expect_lost (window);
  assert_tidy (tenant);
  vyre_tenant_free (tenant);
}

/* What goes on, however long, is not lost, although kernels must leave for one
 * that is. */
static void
test_beside_endless (void)
{
  g_autoptr (VyreExecutable) count = compile_count ();
  g_autoptr (VyreExecutable) endless =
      compile_program (runtime, "program workgroup(1);\n"
                                "buffer data: readwrite u32[] @0;\n"
                                "main { loop { data[0] = data[0] + 1; } }\n");
  VyreTenant *tenant = vyre_tenant_new (runtime, "hangs", NULL);
  VyreTenant *other = vyre_tenant_new (runtime, "endless", NULL);
  guint id = vyre_tenant_get_id (tenant);
  VyreWindow *windows[5];

  for (guint i = 0; i < G_N_ELEMENTS (windows); i++)
    windows[i] = submit (other, endless, 2, 3);
  hang_prepare (runtime, id);
  g_autoptr (VyreWindow) window = submit (tenant, count, 0, 40);
  g_assert_true (hang_window (runtime, id));
  expect_lost (window);
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    g_assert_cmpint (
        vyre_window_wait (windows[i], 0, NULL), ==, VYRE_WINDOW_RUNNING);
    vyre_window_cancel (windows[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    g_assert_cmpint (vyre_window_wait (windows[i], deadline (), NULL), ==,
        VYRE_WINDOW_CANCELLED);
    vyre_window_unref (windows[i]);
  }
  assert_tidy (tenant);
  vyre_tenant_free (tenant);
  vyre_tenant_free (other);
}

/* An endless loop, and no budget: the device cuts it off, and nobody reports.
 * The budget is the launch's, so nobody else runs meanwhile. */
static void
test_no_budget (void)
{
  g_autoptr (VyreExecutable) count = compile_count ();
  g_autoptr (VyreExecutable) endless =
      compile_program (runtime, "program workgroup(1);\n"
                                "buffer data: readwrite u32[] @0;\n"
                                "main { loop { data[0] = data[0] + 1; } }\n");
  VyreTenant *tenant = vyre_tenant_new (runtime, "hangs", NULL);
  guint32 budget = runtime->pass_budget, slice = runtime->slice;

  wait_for_no_launch ();
  runtime->pass_budget = 1u << 30;
  runtime->slice = 1u << 29;
  g_autoptr (VyreWindow) window = submit (tenant, endless, 2, 1);
  expect_lost (window);
  wait_for_no_launch ();
  runtime->pass_budget = budget;
  runtime->slice = slice;
  g_autoptr (VyreWindow) next = submit (tenant, count, 0, 40);
  g_assert_cmpint (
      vyre_window_wait (next, deadline (), NULL), ==, VYRE_WINDOW_DONE);
  assert_tidy (tenant);
  vyre_tenant_free (tenant);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;
  int status;

  if (argc > 1 && g_str_equal (argv[1], "--resident")) {
    options.residency = VYRE_RESIDENCY_RESIDENT;
    argv[1] = argv[--argc];
    resident = TRUE;
  }
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (
      G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
  runtime = vyre_runtime_acquire (&options, &error);
  g_assert_no_error (error);
  if (runtime->info->type != VYRE_DEVICE_CPU) {
    g_print ("1..0 # SKIP not a CPU device\n");
    vyre_runtime_unref (runtime);
    return 0;
  }
  hang_set_limit (runtime, HANG_SHORT);
  block = vyre_arena_alloc (
      vyre_runtime_get_host_arena (runtime), 4 * VYRE_PAGE_SIZE);
  g_assert_nonnull (block);
  memset (block->data, 0, block->size);
  vyre_block_note_write (block);

  g_test_add_func ("/lost/hang", test_hang);
  g_test_add_func ("/lost/cancelled", test_cancelled);
  g_test_add_func ("/lost/beside-endless", test_beside_endless);
  if (!resident)
    g_test_add_func ("/lost/no-budget", test_no_budget);
  status = g_test_run ();
  vyre_block_unref (block);
  vyre_runtime_unref (runtime);
  return status;
}
