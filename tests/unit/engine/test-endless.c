/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that do not end, of every shape that hides it: max-steps ends them,
 * cancelling ends them soon, and another tenant goes on meanwhile. */

#include "engine/engine-private.h"
#include "telemetry/watchdog.h"
#include "programs.h"

#include <string.h>

#define LIMIT_US (60 * G_USEC_PER_SEC)
/* A machine under load takes its time, and some drivers compile a program where
 * they run the others. */
#define CANCEL_LIMIT_US (G_USEC_PER_SEC / 2)
#define NEIGHBOUR_LIMIT_US (5 * G_USEC_PER_SEC)

static VyreRuntime *runtime;
static VyreTenant *tenant, *neighbour;
static VyreBlock *block;
static gint64 worst_cancel, worst_wait; /* of all tests, in µs */

static const struct
{
  const char *name;
  const char *text;
  guint groups;
  guint64 max_steps; /* that end it; 0: each invocation is short */
} shapes[] = {
  { "loop",
      "program workgroup(1);\n"
      "buffer data: readwrite u32[] @0;\n"
      "main { loop { data[0] = data[0] + 1; } }\n",
      1, 30000 },
  { "all lanes of all workgroups",
      "program workgroup(64);\n"
      "buffer data: readwrite u32[] @0;\n"
      "main { loop { data[1] = data[0] + 1; } }\n",
      5000, 30000 },
  { "one lane of many",
      "program workgroup(64);\n"
      "buffer data: readwrite u32[] @0;\n"
      "main { if invocation_id.x == 777 { loop { data[0] = 1; } } }\n",
      64, 30000 },
  { "nested loops",
      "program workgroup(8);\n"
      "buffer data: readwrite u32[] @0;\n"
      "main { for a in 0..100000 { for b in 0..a { for c in 0..b {\n"
      "  data[2] = c; } } } }\n",
      4, 30000 },
  /* No slice of it ever ends but at a barrier. */
  { "barriers",
      "program workgroup(64);\n"
      "buffer data: readwrite u32[] @0;\n"
      "buffer shared: workgroup u32[64];\n"
      "main { for n in 0..4294967295 {\n"
      "  shared[local_id.x] = n; barrier; } }\n",
      3, 3000 },
  { "barriers of a wide workgroup",
      "program workgroup(1024);\n"
      "buffer data: readwrite u32[] @0;\n"
      "buffer shared: workgroup u32[64];\n"
      "main { for n in 0..4294967295 {\n"
      "  shared[local_id.x] = n; barrier; } }\n",
      3, 300 },
  { "barriers of a narrow workgroup",
      "program workgroup(2);\n"
      "buffer data: readwrite u32[] @0;\n"
      "buffer shared: workgroup u32[64];\n"
      "main { for n in 0..4294967295 {\n"
      "  shared[local_id.x] = n; barrier; } }\n",
      3, 30000 },
  /* Nothing of it is long, but there is no end of it. */
  { "short invocations",
      "program workgroup(64);\n"
      "buffer data: readwrite u32[] @0;\n"
      "main { for n in 0..300 { data[3] = n; } }\n",
      30000000, 0 },
  { "short workgroups",
      "program workgroup(16);\n"
      "buffer data: readwrite u32[] @0;\n"
      "buffer shared: workgroup u32[64];\n"
      "main { shared[local_id.x] = 1; barrier; data[4] = shared[0]; }\n",
      100000000, 0 },
};

static VyreWindow *
submit (VyreTenant *who, VyreExecutable *executable, guint groups,
    guint64 max_steps)
{
  g_autoptr (GError) error = NULL;
  VyreBinding bindings[2] = { { block, 0, 4096 } };
  guint32 grid[3] = { groups, 1, 1 };
  VyreSubmitOptions options = { grid, max_steps };
  guint n = vyre_executable_get_program (executable)->n_buffers;
  VyreWindow *window =
      vyre_tenant_submit (who, executable, bindings, n, &options, &error);

  g_assert_no_error (error);
  return window;
}

static void
test_max_steps (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    VyreWindowResult result;
    gint64 start;

    if (shapes[i].max_steps == 0)
      continue;
    g_autoptr (VyreExecutable) executable =
        compile_program (runtime, shapes[i].text);
    start = g_get_monotonic_time ();
    g_autoptr (VyreWindow) window =
        submit (tenant, executable, shapes[i].groups, shapes[i].max_steps);
    vyre_window_wait (window, start + LIMIT_US, &result);
    g_test_message ("%s: %.1f ms, %s", shapes[i].name,
        (g_get_monotonic_time () - start) / 1e3,
        result.message ? result.message : "still running");
    g_assert_cmpint (result.state, ==, VYRE_WINDOW_FAULT);
    g_assert_cmpuint (result.code, ==, VYRE_FAULT_STEP_LIMIT);
    g_assert_nonnull (strstr (result.message, "max-steps"));
  }
}

/* What a program may take it does take, however its workgroup is made up. */
static void
test_below_max_steps (void)
{
  static const guint widths[] = { 1, 7, 8, 64, 1000 };

  for (guint i = 0; i < G_N_ELEMENTS (widths); i++) {
    g_autofree char *text = g_strdup_printf (
        "program workgroup(%u);\n"
        "buffer data: readwrite u32[] @0;\n"
        "buffer shared: workgroup u32[1000];\n"
        "main { for n in 0..500 { shared[local_id.x] = n; barrier; } }\n",
        widths[i]);
    g_autoptr (VyreExecutable) executable = compile_program (runtime, text);
    g_autoptr (VyreWindow) window = submit (tenant, executable, 2, 10000);

    g_assert_cmpint (
        vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, NULL), ==,
        VYRE_WINDOW_DONE);
  }
}

static VyreExecutable *
compile_invert (void)
{
  return compile_program (runtime, "program workgroup(64);\n"
                                   "buffer data: readwrite u32[] @0;\n"
                                   "main { let i = invocation_id.x + 16;\n"
                                   "  data[i] = ~data[i]; }\n");
}

/* The neighbour's windows end while that one runs; the longest it took. */
static gint64
neighbour_works (VyreExecutable *invert, guint groups, guint rounds)
{
  gint64 longest = 0;

  for (guint k = 0; k < rounds; k++) {
    gint64 start = g_get_monotonic_time ();
    g_autoptr (VyreWindow) window = submit (neighbour, invert, groups, 0);

    g_assert_cmpint (vyre_window_wait (window, start + LIMIT_US, NULL), ==,
        VYRE_WINDOW_DONE);
    longest = MAX (longest, g_get_monotonic_time () - start);
  }
  worst_wait = MAX (worst_wait, longest);
  g_assert_cmpint (longest, <, NEIGHBOUR_LIMIT_US);
  return longest;
}

/* A neighbour in a thread of its own that always has windows in flight. */
typedef struct
{
  VyreExecutable *invert;
  GThread *thread;
  gint stop, rounds; /* atomic */
} Flow;

static gpointer
flow (gpointer data)
{
  Flow *flow = data;

  while (!g_atomic_int_get (&flow->stop)) {
    g_autoptr (VyreWindow) first = submit (neighbour, flow->invert, 64, 0);

    neighbour_works (flow->invert, 64, 1);
    g_assert_cmpint (
        vyre_window_wait (first, g_get_monotonic_time () + LIMIT_US, NULL), ==,
        VYRE_WINDOW_DONE);
    g_atomic_int_inc (&flow->rounds);
  }
  return NULL;
}

static void
flow_begin (Flow *self, VyreExecutable *invert)
{
  *self = (Flow){ .invert = invert };
  self->thread = g_thread_new ("flow", flow, self);
}

/* Waits until it has gone on for some rounds from now. */
static void
flow_goes_on (Flow *self)
{
  gint before = g_atomic_int_get (&self->rounds);
  gint64 end = g_get_monotonic_time () + LIMIT_US;

  while (g_atomic_int_get (&self->rounds) < before + 3) {
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (1000);
  }
}

static void
flow_end (Flow *self)
{
  g_atomic_int_set (&self->stop, 1);
  g_thread_join (self->thread);
}

/* Cancels them all; how long it took until the last one had ended. */
static gint64
cancel (VyreWindow *const *windows, guint n)
{
  gint64 start = g_get_monotonic_time (), took;

  for (guint i = 0; i < n; i++)
    vyre_window_cancel (windows[i]);
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (vyre_window_wait (windows[i], start + LIMIT_US, NULL), ==,
        VYRE_WINDOW_CANCELLED);
  took = g_get_monotonic_time () - start;
  worst_cancel = MAX (worst_cancel, took);
  g_assert_cmpint (took, <, CANCEL_LIMIT_US);
  return took;
}

static void
test_cancel (void)
{
  g_autoptr (VyreExecutable) invert = compile_invert ();
  Flow flow;

  flow_begin (&flow, invert);
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    g_autoptr (VyreExecutable) executable =
        compile_program (runtime, shapes[i].text);
    g_autoptr (VyreWindow) window =
        submit (tenant, executable, shapes[i].groups, 0);

    flow_goes_on (&flow);
    g_assert_cmpint (
        vyre_window_wait (window, 0, NULL), ==, VYRE_WINDOW_RUNNING);
    g_test_message (
        "%s: cancelled in %.1f ms", shapes[i].name, cancel (&window, 1) / 1e3);
  }
  flow_end (&flow);
}

/* All of them at once, with a neighbour. */
static void
test_cancel_together (void)
{
  g_autoptr (VyreExecutable) invert = compile_invert ();
  VyreWindow *windows[12];
  Flow flow;

  flow_begin (&flow, invert);
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    const guint shape = i % 6;
    g_autoptr (VyreExecutable) executable =
        compile_program (runtime, shapes[shape].text);

    windows[i] = submit (tenant, executable, shapes[shape].groups, 0);
  }
  flow_goes_on (&flow);
  g_test_message (
      "one of them cancelled in %.1f ms", cancel (windows, 1) / 1e3);
  g_test_message ("the others cancelled in %.1f ms",
      cancel (windows + 1, G_N_ELEMENTS (windows) - 1) / 1e3);
  flow_end (&flow);
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++)
    vyre_window_unref (windows[i]);
}

/* A tenant whose windows do not end has all of the ring that it gets, a tile in
 * each slot, and the neighbour's slots go round and round beside them. */
static void
test_full_ring (void)
{
  g_autoptr (VyreExecutable) invert = compile_invert ();
  g_autoptr (VyreExecutable) executable =
      compile_program (runtime, shapes[0].text);
  g_autoptr (GPtrArray) windows =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vyre_window_unref);
  g_autoptr (GError) error = NULL;
  VyreBinding binding = { block, 0, 4096 };
  guint32 grid[3] = { 100000, 1, 1 };
  VyreSubmitOptions options = { grid, 0 };
  static const guint levels[] = { VYRE_PRI_IDLE, VYRE_PRI_LOW,
    VYRE_PRI_NORMAL };
  guint before = runtime->tiles_published;

  for (guint k = 0; k < G_N_ELEMENTS (levels); k++) {
    g_clear_error (&error);
    vyre_tenant_set_priority (tenant, levels[k]);
    for (guint i = 0; i <= runtime->slots && error == NULL; i++) {
      VyreWindow *window = vyre_tenant_submit (
          tenant, executable, &binding, 1, &options, &error);
      if (window != NULL)
        g_ptr_array_add (windows, window);
    }
    g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY);
  }
  g_test_message ("%u windows, %u tiles, %u save areas; %s", windows->len,
      (guint) (runtime->tiles_published - before), runtime->n_areas,
      error->message);
  g_assert_cmpuint (runtime->n_areas, >=, runtime->slots + runtime->workgroups);
  g_test_message (
      "a neighbour waited %.1f ms", neighbour_works (invert, 64, 40) / 1e3);
  vyre_tenant_set_priority (neighbour, VYRE_PRI_HIGH);
  g_test_message (
      "with a higher priority %.1f ms", neighbour_works (invert, 64, 40) / 1e3);
  vyre_tenant_set_priority (neighbour, VYRE_PRI_NORMAL);
  g_test_message ("all cancelled in %.1f ms",
      cancel ((VyreWindow **) windows->pdata, windows->len) / 1e3);
}

/* Programs of few registers and of more, so that lanes of a GPU run 16, 8 and 4
 * invocations at once where they may. Each invocation takes its own number of
 * turns. */
static const char *const long_programs[] = {
  "program workgroup(64);\n"
  "buffer data: readwrite u32[] @0;\n"
  "main { let i = invocation_id.x;\n"
  "  if i < len(data) {\n"
  "    let x = data[i];\n"
  "    for n in 0..(8000 + i % 61) { x = x * 1664525 + n; }\n"
  "    data[i] = x; } }\n",
  "program workgroup(64);\n"
  "buffer data: readwrite u32[] @0;\n"
  "main { let i = invocation_id.x;\n"
  "  if i < len(data) {\n"
  "    let x = data[i];\n"
  "    let a = i * 5; let b = i ^ 77; let c = i + 3;\n"
  "    for n in 0..(8000 + i % 61) {\n"
  "      if n % 64 < 32 { x = x * 1664525 + n; a = a + x; }\n"
  "      else { b = b ^ x; c = c + b; x = x + c; } }\n"
  "    data[i] = x + a + b + c; } }\n",
};

static guint32
long_result (guint program, guint32 i)
{
  guint32 x = i * 2654435761u, a = i * 5, b = i ^ 77, c = i + 3;

  for (guint32 n = 0; n < 8000 + i % 61; n++) {
    if (program == 0 || n % 64 < 32) {
      x = x * 1664525 + n;
      a += x;
    } else {
      b ^= x;
      c += b;
      x += c;
    }
  }
  return program == 0 ? x : x + a + b + c;
}

/* What has been suspended goes on as if nothing had been. */
static void
test_suspended (void)
{
  const guint n = runtime->parallel ? 20000 : 64;
  const guint32 workgroups = runtime->wide_workgroups;
  /* More tiles than workgroups. */
  VyreWindow *others[8];
  const guint n_others = runtime->workgroups / VYRE_MAX_TILES + 1;
  g_autoptr (VyreExecutable) endless =
      compile_program (runtime, shapes[1].text);
  VyreArena *arena = vyre_runtime_get_host_arena (runtime);
  VyreBlock *mine = vyre_arena_alloc (arena, n * 4);
  guint32 *words = (guint32 *) mine->data;

  g_assert_cmpuint (n_others, <=, G_N_ELEMENTS (others));
  for (guint k = 0; k < 2 * G_N_ELEMENTS (long_programs); k++) {
    const guint program = k / 2;
    g_autoptr (VyreExecutable) executable =
        compile_program (runtime, long_programs[program]);
    g_autoptr (GError) error = NULL;
    VyreBinding binding = { mine, 0, n * 4 };

    for (guint i = 0; i < n_others; i++)
      others[i] = submit (tenant, endless, 50000, 0);
    for (guint i = 0; i < n; i++)
      words[i] = i * 2654435761u;
    vyre_block_note_write (mine);
    runtime->wide_workgroups = k % 2 == 0 ? workgroups : 0;
    g_autoptr (VyreWindow) window =
        vyre_tenant_submit (neighbour, executable, &binding, 1, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpint (
        vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, NULL), ==,
        VYRE_WINDOW_DONE);
    g_test_message (
        "%u quads, suspended %u times", window->quads, window->slices);
    g_assert_cmpuint (window->slices, >, 0);
    for (guint i = 0; i < n; i++)
      g_assert_cmphex (words[i], ==, long_result (program, i));
    cancel (others, n_others);
    for (guint i = 0; i < n_others; i++)
      vyre_window_unref (others[i]);
  }
  runtime->wide_workgroups = workgroups;
  vyre_block_unref (mine);
}

/* What a snapshot says of all tiles' progress. */
static guint32
read_progress (VyreWatchdog *watchdog)
{
  VyreTelemetry telemetry = VYRE_TELEMETRY_INIT;
  VyreRuntimeSnapshot snapshot;
  guint32 progress;

  vyre_runtime_snapshot (runtime, &snapshot);
  g_assert_true (vyre_telemetry_decode (&telemetry, snapshot.control,
      snapshot.control_words * 4, snapshot.ring,
      (gsize) snapshot.ring_slots * VYRE_SLOT_BYTES, NULL, 0, NULL));
  vyre_watchdog_look (watchdog, &telemetry, (guint64) snapshot.taken_at * 1000);
  progress = telemetry.progress;
  vyre_telemetry_clear (&telemetry);
  vyre_runtime_snapshot_clear (&snapshot);
  return progress;
}

/* A program without an end is no stall, as long as it goes on. */
static void
test_progress (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (shapes); i++) {
    VyreWatchdog watchdog = { .timeout_ns =
                                  LIMIT_US * G_GUINT64_CONSTANT (1000) };
    g_autoptr (VyreExecutable) executable =
        compile_program (runtime, shapes[i].text);
    g_autoptr (VyreWindow) window =
        submit (tenant, executable, shapes[i].groups, 0);
    gint64 end = g_get_monotonic_time () + LIMIT_US;
    guint32 last = read_progress (&watchdog);
    guint rises = 0;

    while (rises < 5) {
      guint32 now = read_progress (&watchdog);

      rises += now != last;
      if (now != last)
        g_assert_true (watchdog.report.progressed);
      last = now;
      g_assert_cmpint (g_get_monotonic_time (), <, end);
      g_usleep (500);
    }
    g_assert_false (watchdog.stalled);
    vyre_watchdog_clear (&watchdog);
    cancel (&window, 1);
  }
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
  }
  g_test_init (&argc, &argv, NULL);
  runtime = vyre_runtime_acquire (&options, &error);
  g_assert_no_error (error);
  tenant = vyre_tenant_new (runtime, "endless", &error);
  g_assert_no_error (error);
  neighbour = vyre_tenant_new (runtime, "neighbour", &error);
  g_assert_no_error (error);
  block = vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), 4096);
  memset (block->data, 0, 4096);
  vyre_block_note_write (block);

  g_test_add_func ("/endless/max-steps", test_max_steps);
  g_test_add_func ("/endless/below-max-steps", test_below_max_steps);
  g_test_add_func ("/endless/cancel", test_cancel);
  g_test_add_func ("/endless/cancel-together", test_cancel_together);
  g_test_add_func ("/endless/full-ring", test_full_ring);
  g_test_add_func ("/endless/progress", test_progress);
  g_test_add_func ("/endless/suspended", test_suspended);
  status = g_test_run ();
  g_print ("# longest cancellation %.1f ms, longest wait of a neighbour %.1f "
           "ms\n",
      worst_cancel / 1e3, worst_wait / 1e3);
  vyre_block_unref (block);
  vyre_tenant_free (neighbour);
  vyre_tenant_free (tenant);
  vyre_runtime_unref (runtime);
  return status;
}
