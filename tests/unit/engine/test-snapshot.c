/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Snapshots by every method: the same words, storage that stays, and never a
 * long wait, also while the kernel works. */
#include <string.h>

#include "engine/engine-private.h"
#include "telemetry/telemetry.h"
#include "vir0/text.h"

/* What a snapshot may take when a copy is late, on a machine under load. */
#define LIMIT_US (2 * G_USEC_PER_SEC)

static VyreRuntime *runtime;
static VyreTenant *tenant;

static const struct
{
  VyreCopyMethod copy;
  VyreSnapshotMethod snapshot;
} methods[] = { { VYRE_COPY_NONE, VYRE_SNAPSHOT_CPU },
  { VYRE_COPY_TRANSFER, VYRE_SNAPSHOT_TRANSFER },
  { VYRE_COPY_KERNEL, VYRE_SNAPSHOT_KERNEL } };

static void
use_method (VyreCopyMethod method)
{
  g_autoptr (GError) error = NULL;

  vyre_runtime_use_copy_method (runtime, method, &error);
  g_assert_no_error (error);
}

static VyreWindow *
submit_endless (VyreBlock *block)
{
  static const char text[] = "program workgroup(1);\n"
                             "buffer data: readwrite u32[] @0;\n"
                             "main { loop { data[0] = data[0] + 1; } }\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_parse (text, strlen (text), &error);
  g_autoptr (VyreExecutable) executable = NULL;
  VyreBinding binding = { block, 0, 4096 };
  VyreWindow *window;

  g_assert_no_error (error);
  executable = vyre_executable_new (runtime, program, &error);
  g_assert_no_error (error);
  window = vyre_tenant_submit (tenant, executable, &binding, 1, NULL, &error);
  g_assert_no_error (error);
  return window;
}

/* Runs first: nothing was forced yet. */
static void
test_chosen (void)
{
  VyreRuntimeSnapshot snapshot = { 0 };

  vyre_runtime_snapshot_again (runtime, &snapshot);
  if (runtime->info->type == VYRE_DEVICE_CPU)
    g_assert_cmpint (snapshot.method, ==, VYRE_SNAPSHOT_CPU);
  g_assert_cmpint (snapshot.taken_at, <=, g_get_monotonic_time ());
  g_assert_cmpuint (snapshot.ring_slots, ==, runtime->slots);
  vyre_runtime_snapshot_clear (&snapshot);
}

/* On a queue that kernels run on, too, a copy may be late. */
static void
wait_for_method (VyreRuntimeSnapshot *snapshot, VyreSnapshotMethod method)
{
  gint64 end = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;

  do {
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    vyre_runtime_snapshot_again (runtime, snapshot);
  } while (snapshot->method != method);
}

/* Without the words that an idle kernel goes on counting in. */
static void
forget_idling (VyreRuntimeSnapshot *snapshot)
{
  snapshot->control[VYRE_C_EXITED] = 0;
  snapshot->control[VYRE_C_IDLE_POLLS] = 0;
}

/* While nothing happens they agree, word by word. */
static void
test_same_words (void)
{
  g_autoptr (VyreBlock) block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), 4096);
  VyreRuntimeSnapshot by_cpu = { 0 }, snapshot = { 0 };
  g_autoptr (VyreWindow) window = NULL;

  memset (block->data, 0, 4096);
  vyre_block_note_write (block);
  window = submit_endless (block);
  g_usleep (20 * 1000);
  vyre_window_cancel (window);
  g_assert_cmpint (vyre_window_wait (window,
                       g_get_monotonic_time () + 60 * G_USEC_PER_SEC, NULL),
      ==, VYRE_WINDOW_CANCELLED);
  use_method (VYRE_COPY_NONE);
  vyre_runtime_snapshot (runtime, &by_cpu);
  forget_idling (&by_cpu);
  g_assert_cmpuint (by_cpu.control[VYRE_C_CLAIMED], >, 0);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++) {
    const guint32 *control, *ring;

    use_method (methods[i].copy);
    wait_for_method (&snapshot, methods[i].snapshot);
    forget_idling (&snapshot);
    g_assert_cmpmem (snapshot.control, snapshot.control_words * 4,
        by_cpu.control, by_cpu.control_words * 4);
    g_assert_cmpmem (snapshot.ring, snapshot.ring_slots * VYRE_SLOT_BYTES,
        by_cpu.ring, by_cpu.ring_slots * VYRE_SLOT_BYTES);
    control = snapshot.control;
    ring = snapshot.ring;
    vyre_runtime_snapshot_again (runtime, &snapshot);
    g_assert_true (control == snapshot.control && ring == snapshot.ring);
  }
  vyre_runtime_snapshot_clear (&by_cpu);
  vyre_runtime_snapshot_clear (&snapshot);
}

static void
decode (VyreTelemetry *telemetry, const VyreRuntimeSnapshot *snapshot)
{
  g_autoptr (GError) error = NULL;

  vyre_telemetry_decode (telemetry, snapshot->control,
      snapshot->control_words * 4, snapshot->ring,
      snapshot->ring_slots * VYRE_SLOT_BYTES, NULL, 0, &error);
  g_assert_no_error (error);
}

/* A tile that goes on is suspended and claimed again. */
static void
wait_for_claims (
    VyreRuntimeSnapshot *snapshot, VyreTelemetry *telemetry, guint32 claims)
{
  gint64 end = g_get_monotonic_time () + 30 * G_USEC_PER_SEC;

  do {
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (5 * 1000);
    vyre_runtime_snapshot_again (runtime, snapshot);
    decode (telemetry, snapshot);
  } while (telemetry->control.claimed == claims);
}

/* A program that goes on is seen to go on, whoever looks, and is not stopped
 * by it. */
static void
test_busy (void)
{
  g_autoptr (VyreBlock) block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), 4096);
  VyreRuntimeSnapshot snapshot = { 0 };
  VyreTelemetry telemetry = VYRE_TELEMETRY_INIT;
  g_autoptr (VyreWindow) window = NULL;
  guint32 claims = 0;

  memset (block->data, 0, 4096);
  vyre_block_note_write (block);
  window = submit_endless (block);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++) {
    gint64 longest = 0;
    guint by_method = 0;

    use_method (methods[i].copy);
    for (guint k = 0; k < 20; k++) {
      gint64 start = g_get_monotonic_time ();

      vyre_runtime_snapshot_again (runtime, &snapshot);
      longest = MAX (longest, g_get_monotonic_time () - start);
      by_method += snapshot.method == methods[i].snapshot;
      decode (&telemetry, &snapshot);
      g_assert_cmpuint (
          vyre_ring_occupancy_total (&telemetry.occupancy), ==, runtime->slots);
      g_usleep (1000);
    }
    g_test_message (
        "method %u: %u of 20, at most %.1f ms", i, by_method, longest / 1e3);
    g_assert_cmpint (longest, <, LIMIT_US);
    wait_for_claims (&snapshot, &telemetry, claims);
    claims = telemetry.control.claimed;
    g_assert_cmpint (
        vyre_window_wait (window, 0, NULL), ==, VYRE_WINDOW_RUNNING);
  }
  vyre_window_cancel (window);
  g_assert_cmpint (vyre_window_wait (window,
                       g_get_monotonic_time () + 60 * G_USEC_PER_SEC, NULL),
      ==, VYRE_WINDOW_CANCELLED);
  vyre_telemetry_clear (&telemetry);
  vyre_runtime_snapshot_clear (&snapshot);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;
  int result;

  if (argc > 1 && g_str_equal (argv[1], "--resident")) {
    options.residency = VYRE_RESIDENCY_RESIDENT;
    argv[1] = argv[--argc];
  }
  g_test_init (&argc, &argv, NULL);
  /* A copy that is late on a queue it shares with kernels says so. */
  g_log_set_always_fatal (G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
  runtime = vyre_runtime_acquire (&options, &error);
  g_assert_no_error (error);
  tenant = vyre_tenant_new (runtime, "test", &error);
  g_assert_no_error (error);
  g_test_add_func ("/snapshot/chosen", test_chosen);
  g_test_add_func ("/snapshot/same-words", test_same_words);
  g_test_add_func ("/snapshot/busy", test_busy);
  result = g_test_run ();
  vyre_tenant_free (tenant);
  vyre_runtime_unref (runtime);
  return result;
}
