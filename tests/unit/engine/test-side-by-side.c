/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Several kernels in use at a time: compiled programs and the interpreter. */

#include "engine/engine-private.h"
#include "programs.h"

#define LIMIT_US (120 * G_USEC_PER_SEC)
#define WORDS 1024
#define N_COMPILED 3
#define N (N_COMPILED + 1)
#define DEPTH 4

static VyreRuntime *runtime;
static VyreTenant *tenant;
static VyreExecutable *executables[N]; /* the last one is interpreted */
static VyreBlock *in, *out[N * DEPTH];
static guint rounds;

static guint32
addend (guint i)
{
  return 0x01020304u * (i + 1);
}

static VyreExecutable *
make (guint i)
{
  g_autofree char *text =
      g_strdup_printf ("program workgroup(64);\n"
                       "buffer in: readonly u32[] @0;\n"
                       "buffer out: writeonly u32[] @1;\n"
                       "main { let i = invocation_id.x;\n"
                       "  if i < len(out) { out[i] = in[i] + %u; } }\n",
          addend (i));
  VyreExecutable *executable = compile_program (runtime, text);
  gint64 end = g_get_monotonic_time () + LIMIT_US;
  g_autofree char *reason = NULL;

  if (i == N_COMPILED)
    return executable;
  vyre_executable_set_engine (executable, VYRE_ENGINE_JIT);
  while (vyre_executable_get_tier (executable, NULL) == VYRE_TIER_COMPILING &&
         g_get_monotonic_time () < end)
    g_usleep (1000);
  VyreTier tier = vyre_executable_get_tier (executable, &reason);
  if (tier != VYRE_TIER_COMPILED)
    g_test_message ("%s", reason);
  g_assert_cmpint (tier, ==, VYRE_TIER_COMPILED);
  return executable;
}

static VyreWindow *
submit (guint i, guint place)
{
  g_autoptr (GError) error = NULL;
  VyreBinding bindings[2] = { { in, 0, WORDS * 4 },
    { out[place], 0, WORDS * 4 } };
  VyreWindow *window;

  memset (out[place]->data, 0, WORDS * 4);
  window =
      vyre_tenant_submit (tenant, executables[i], bindings, 2, NULL, &error);
  g_assert_no_error (error);
  return window;
}

static void
finish (VyreWindow *window, guint i, guint place)
{
  const guint32 *words = (const guint32 *) out[place]->data;
  VyreWindowResult result;

  vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, &result);
  g_assert_cmpint (result.state, ==, VYRE_WINDOW_DONE);
  for (guint k = 0; k < WORDS; k++)
    g_assert_cmphex (words[k], ==, k * 3 + addend (i));
  vyre_window_unref (window);
}

static guint64
count_launches (void)
{
  VyreRuntimeSnapshot snapshot;

  vyre_runtime_snapshot (runtime, &snapshot);
  guint64 n = snapshot.launches;
  vyre_runtime_snapshot_clear (&snapshot);
  return n;
}

/* Where kernels stay side by side, one that waits for its next window is not
 * launched anew for it. */
static void
assert_few_launches (guint64 before, gint64 start)
{
  guint n = count_launches () - before;

  g_test_message ("%u rounds of %u windows: %u launches, %.1f ms", rounds, N, n,
      (g_get_monotonic_time () - start) / 1e3);
  if (vyre_partition_applies (runtime))
    g_assert_cmpuint (n, <, rounds / 2);
}

static void
test_alternating (void)
{
  guint64 before = count_launches ();
  gint64 start = g_get_monotonic_time ();

  for (guint round = 0; round < rounds; round++) {
    for (guint i = 0; i < N; i++)
      finish (submit (i, i), i, i);
  }
  assert_few_launches (before, start);
}

static void
test_together (void)
{
  guint64 before = count_launches ();
  gint64 start = g_get_monotonic_time ();
  VyreWindow *windows[N * DEPTH];

  for (guint round = 0; round < rounds; round++) {
    for (guint k = 0; k < G_N_ELEMENTS (windows); k++)
      windows[k] = submit (k % N, k);
    for (guint k = 0; k < G_N_ELEMENTS (windows); k++)
      finish (windows[k], k % N, k);
  }
  assert_few_launches (before, start);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  runtime = acquire_runtime (&argc, &argv);
  tenant = vyre_tenant_new (runtime, "side by side", &error);
  g_assert_no_error (error);
  rounds = runtime->parallel ? 500 : 8;
  in = vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), WORDS * 4);
  for (guint k = 0; k < G_N_ELEMENTS (out); k++)
    out[k] =
        vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), WORDS * 4);
  for (guint k = 0; k < WORDS; k++)
    ((guint32 *) in->data)[k] = k * 3;
  vyre_block_note_write (in);
  for (guint i = 0; i < N; i++)
    executables[i] = make (i);

  g_test_add_func ("/side-by-side/alternating", test_alternating);
  g_test_add_func ("/side-by-side/together", test_together);
  status = g_test_run ();

  for (guint i = 0; i < N; i++)
    vyre_executable_unref (executables[i]);
  for (guint k = 0; k < G_N_ELEMENTS (out); k++)
    vyre_block_unref (out[k]);
  vyre_block_unref (in);
  vyre_tenant_free (tenant);
  vyre_runtime_unref (runtime);
  return status;
}
