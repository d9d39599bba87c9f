/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Windows that are given up where they run and begin again interpreted. On a
 * device that compiles loops which may go on, with one that does; elsewhere they
 * are given up by hand. */

#include "engine/engine-private.h"
#include "programs.h"

#define LIMIT_US (60 * G_USEC_PER_SEC)
#define INVOCATIONS 64
#define TURNS 3000

static const char long_text[] =
    "program workgroup(8);\n"
    "buffer in: readonly u32[] @0;\n"
    "buffer out: writeonly u32[] @1;\n"
    "main { let n = invocation_id.x; for k in 0..in[0] { n = n * 3 + k; }\n"
    "  out[invocation_id.x] = n; }\n";

static VyreRuntime *runtime;
static VyreTenant *tenant, *neighbour;
static VyreBlock *in, *out;

static guint32
expected (guint32 n, guint turns)
{
  for (guint k = 0; k < turns; k++)
    n = n * 3 + k;
  return n;
}

static void
set_turns (guint32 turns)
{
  *(guint32 *) in->data = turns;
  vyre_block_note_write (in);
  memset (out->data, 0, INVOCATIONS * 4);
}

static VyreWindow *
submit (VyreTenant *who, VyreExecutable *executable)
{
  g_autoptr (GError) error = NULL;
  VyreBinding bindings[2] = { { in, 0, 64 }, { out, 0, INVOCATIONS * 4 } };
  guint32 grid[3] = { INVOCATIONS / 8, 1, 1 };
  VyreSubmitOptions options = { grid, 0 };
  VyreWindow *window =
      vyre_tenant_submit (who, executable, bindings, 2, &options, &error);

  g_assert_no_error (error);
  return window;
}

static void
assert_results (guint turns)
{
  for (guint i = 0; i < INVOCATIONS; i++)
    g_assert_cmphex (((const guint32 *) out->data)[i], ==, expected (i, turns));
}

static VyreRuntimeSnapshot
numbers (void)
{
  VyreRuntimeSnapshot snapshot;

  vyre_runtime_snapshot (runtime, &snapshot);
  vyre_runtime_snapshot_clear (&snapshot);
  return snapshot;
}

static void
give_up (VyreWindow *window)
{
  g_mutex_lock (&runtime->lock);
  vyre_window_give_up (window);
  vyre_runtime_unlock (runtime);
}

/* Counted once, whatever became of it in between. */
static void
test_begins_again (void)
{
  g_autoptr (VyreExecutable) executable = compile_program (runtime, long_text);
  g_autofree char *reason = NULL;
  VyreRuntimeSnapshot before = numbers (), after;
  guint restarts = 0;

  set_turns (TURNS);
  for (guint round = 0; round < 4; round++) {
    g_autoptr (VyreWindow) window = submit (tenant, executable);
    VyreWindowResult result;

    g_usleep (round * 2000);
    give_up (window);
    vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, &result);
    g_assert_cmpint (result.state, ==, VYRE_WINDOW_DONE);
    assert_results (TURNS);
    memset (out->data, 0, INVOCATIONS * 4);
  }
  after = numbers ();
  restarts = after.windows_restarted - before.windows_restarted;
  g_test_message ("%u of 4 began again", restarts);
  g_assert_cmpuint (restarts, >, 0);
  g_assert_cmpuint (after.windows_submitted - before.windows_submitted, ==, 4);
  g_assert_cmpuint (after.windows_done - before.windows_done, ==, 4);
  g_assert_cmpuint (after.windows_cancelled, ==, before.windows_cancelled);
  g_assert_cmpint (
      vyre_executable_get_tier (executable, &reason), ==, VYRE_TIER_REFUSED);
  g_assert_nonnull (strstr (reason, "interpreted"));
  g_assert_cmpuint (runtime->n_restarting, ==, 0);
}

/* Who cancels it in between does not get it back. */
static void
test_cancelled (void)
{
  g_autoptr (VyreExecutable) executable = compile_program (runtime, long_text);
  VyreWindowResult result;

  set_turns (0xffffffff);
  for (guint round = 0; round < 4; round++) {
    g_autoptr (VyreWindow) window = submit (tenant, executable);

    give_up (window);
    g_usleep (round * 3000);
    vyre_window_cancel (window);
    vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, &result);
    g_assert_cmpint (result.state, ==, VYRE_WINDOW_CANCELLED);
  }
  g_assert_cmpuint (runtime->n_restarting, ==, 0);
}

/* Many at once, of two tenants, each of which waits for room again. */
static void
test_many (void)
{
  enum
  {
    N = 12
  };
  g_autoptr (VyreExecutable) executable = compile_program (runtime, long_text);
  VyreWindow *windows[N];

  set_turns (TURNS / 4);
  for (guint i = 0; i < N; i++)
    windows[i] = submit (i % 2 == 0 ? tenant : neighbour, executable);
  for (guint i = 0; i < N; i++)
    give_up (windows[i]);
  g_assert_cmpuint (
      vyre_windows_wait (windows, N, g_get_monotonic_time () + LIMIT_US), ==,
      N);
  assert_results (TURNS / 4);
  for (guint i = 0; i < N; i++) {
    g_assert_cmpint (
        vyre_window_wait (windows[i], 0, NULL), ==, VYRE_WINDOW_DONE);
    vyre_window_unref (windows[i]);
  }
}

static void
test_which (void)
{
  static const struct
  {
    const char *buffers, *body;
    gboolean can;
  } cases[] = {
    { "buffer a: readonly u32[] @0; buffer b: writeonly u32[] @1;",
        "b[0] = a[0];", TRUE },
    { "buffer a: readonly u32[] @0; buffer b: readwrite u32[] @1;",
        "b[0] = a[0];", TRUE },
    { "buffer a: readonly u32[] @0; buffer b: readwrite u32[] @1;",
        "b[0] = b[0] + a[0];", FALSE },
    { "buffer a: readonly u32[] @0; buffer b: readwrite u32[] @1;",
        "let old = atomic_add(b[0], a[0]);", FALSE },
    { "buffer a: readonly u32[] @0; buffer b: writeonly u32[] @1; "
      "buffer c: workgroup u32[4];",
        "c[0] = a[0]; barrier; b[0] = c[0] + c[1];", TRUE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text =
        g_strdup_printf ("program workgroup(1);\n%s\nmain { %s }\n",
            cases[i].buffers, cases[i].body);
    g_autoptr (VyreExecutable) executable = compile_program (runtime, text);

    g_test_message ("%s", text);
    g_assert_cmpint (
        vyre_executable_can_restart (executable), ==, cases[i].can);
  }
}

/* One that reads where it writes, by how it is bound, stays interpreted. */
static void
test_bound_together (void)
{
  g_autoptr (VyreExecutable) executable = compile_program (runtime, long_text);
  VyreKernel compiled = { .id = VYRE_KERNEL_COMPILED };
  VyreBinding bindings[2] = { { in, 0, 64 }, { out, 0, 256 } };
  VyreWindow window = {
    .executable = executable, .bindings = bindings, .n_bindings = 2
  };

  g_mutex_lock (&runtime->lock);
  executable->engine = VYRE_ENGINE_JIT;
  executable->tier = VYRE_TIER_COMPILED;
  executable->compiled = &compiled;
  executable->may_be_long = TRUE;
  g_assert_true (vyre_window_choose_kernel (&window) == &compiled);
  bindings[1] = (VyreBinding){ in, 64, 256 };
  g_assert_true (vyre_window_choose_kernel (&window) == &compiled);
  bindings[1] = (VyreBinding){ in, 60, 256 };
  g_assert_true (
      vyre_window_choose_kernel (&window) == executable->interpreter);
  executable->may_be_long = FALSE;
  g_assert_true (vyre_window_choose_kernel (&window) == &compiled);
  executable->compiled = NULL;
  executable->tier = VYRE_TIER_REFUSED;
  g_assert_true (
      vyre_window_choose_kernel (&window) == executable->interpreter);
  vyre_runtime_unlock (runtime);
}

/* Compiled and endless: it leaves the device all the same, others go on, and it
 * is still there to be cancelled. */
static void
test_endless (void)
{
  static const char text[] = "program workgroup(8);\n"
                             "buffer in: readonly u32[] @0;\n"
                             "buffer out: writeonly u32[] @1;\n"
                             "main { loop { out[invocation_id.x] = in[0]; } }";
  g_autoptr (GError) error = NULL;

  if (runtime->info->type == VYRE_DEVICE_CPU) {
    g_test_skip ("this device compiles no loops that may go on");
    return;
  }
  g_autoptr (VyreExecutable) endless = compile_program (runtime, text);
  g_autoptr (VyreExecutable) other = compile_program (runtime, long_text);
  g_autoptr (VyreWindow) window = NULL;
  const guint32 args[] = { 6, 1, 2 };
  VyreRingItem item = { VYRE_OP_PRINTF, args, G_N_ELEMENTS (args) };
  gint64 start;

  vyre_executable_set_engine (endless, VYRE_ENGINE_JIT);
  g_assert_cmpint (vyre_executable_wait_compiled (
                       endless, g_get_monotonic_time () + LIMIT_US),
      ==, VYRE_TIER_COMPILED);
  set_turns (100);
  start = g_get_monotonic_time ();
  window = submit (tenant, endless);
  g_usleep (50000);
  /* Another kernel, for the first time. */
  g_autoptr (VyreWindow) builtin =
      vyre_tenant_publish (neighbour, &item, 1, &error);
  g_assert_no_error (error);
  g_assert_cmpint (
      vyre_window_wait (builtin, start + LIMIT_US, NULL), ==, VYRE_WINDOW_DONE);
  while (vyre_executable_get_tier (endless, NULL) == VYRE_TIER_COMPILED ||
         g_get_monotonic_time () - start < 8 * G_USEC_PER_SEC) {
    g_autoptr (VyreWindow) next = submit (neighbour, other);

    g_assert_cmpint (
        vyre_window_wait (next, start + LIMIT_US, NULL), ==, VYRE_WINDOW_DONE);
    g_usleep (500);
  }
  g_assert_cmpint (vyre_window_state (window), ==, VYRE_WINDOW_RUNNING);
  start = g_get_monotonic_time ();
  vyre_window_cancel (window);
  g_assert_cmpint (vyre_window_wait (window, start + LIMIT_US, NULL), ==,
      VYRE_WINDOW_CANCELLED);
  g_test_message (
      "cancelled in %.1f ms", (g_get_monotonic_time () - start) / 1e3);
}

static VyreBlock *
make_block (void)
{
  VyreBlock *block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), 4096);

  g_assert_nonnull (block);
  return block;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  runtime = acquire_runtime (&argc, &argv);
  tenant = vyre_tenant_new (runtime, "restart", &error);
  g_assert_no_error (error);
  neighbour = vyre_tenant_new (runtime, "neighbour", &error);
  g_assert_no_error (error);
  in = make_block ();
  out = make_block ();

  g_test_add_func ("/restart/begins-again", test_begins_again);
  g_test_add_func ("/restart/cancelled", test_cancelled);
  g_test_add_func ("/restart/many", test_many);
  g_test_add_func ("/restart/which", test_which);
  g_test_add_func ("/restart/bound-together", test_bound_together);
  g_test_add_func ("/restart/endless", test_endless);
  status = g_test_run ();
  vyre_block_unref (in);
  vyre_block_unref (out);
  vyre_tenant_free (tenant);
  vyre_tenant_free (neighbour);
  vyre_runtime_unref (runtime);
  return status;
}
