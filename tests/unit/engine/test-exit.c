/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes that exit with everything in use: nothing of ours is in the driver
 * when its turn to clean up comes. And processes that are killed. */

#include "engine/engine-private.h"
#include "programs.h"

#include <gio/gio.h>
#include <stdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIMIT_US (60 * G_USEC_PER_SEC)

static const char endless_text[] = "program workgroup(8);\n"
                                   "buffer data: readwrite u32[] @0;\n"
                                   "main { loop { data[0] = data[0] + 1; } }\n";
static const char plain_text[] = "program workgroup(8);\n"
                                 "buffer data: readwrite u32[] @0;\n"
                                 "main { data[invocation_id.x] = 7; }\n";

static VyreRuntime *runtime;
static VyreTenant *tenant;
static VyreBlock *block;

static void
begin (void)
{
  g_autoptr (GError) error = NULL;

  runtime = vyre_runtime_acquire (NULL, &error);
  g_assert_no_error (error);
  tenant = vyre_tenant_new (runtime, "exits", &error);
  g_assert_no_error (error);
  block = vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), 256);
  memset (block->data, 0, 256);
  vyre_block_note_write (block);
}

static void
end (void)
{
  vyre_block_unref (block);
  vyre_tenant_free (tenant);
  vyre_runtime_unref (runtime);
}

static VyreWindow *
submit (VyreExecutable *executable, GError **error)
{
  const VyreBinding binding = { block, 0, 256 };
  const guint32 grid[3] = { 8, 1, 1 };
  const VyreSubmitOptions options = { grid, 0 };

  return vyre_tenant_submit (tenant, executable, &binding, 1, &options, error);
}

/* The device works. */
static void
run_plain (VyreExecutable *plain)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreWindow) window = submit (plain, &error);

  g_assert_no_error (error);
  g_assert_cmpint (
      vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, NULL), ==,
      VYRE_WINDOW_DONE);
  g_assert_cmpuint (((const guint32 *) block->data)[63], ==, 7);
}

/* --- in use ------------------------------------------------------------------ */

/* As the driver's own would, after ours: it was there before. A GPU's driver is
 * gone by now. */
static void
check_left (void)
{
  gboolean cpu =
      vyre_runtime_get_device_info (runtime)->type == VYRE_DEVICE_CPU;
  g_autoptr (GError) error = NULL;

  g_assert_true (vyre_is_exiting ());
  g_mutex_lock (&runtime->lock);
  g_assert_cmpuint (runtime->n_launches, ==, 0);
  g_assert_cmpuint (runtime->n_compiling, ==, 0);
  g_assert_cmpuint (runtime->n_releasing, ==, 0);
  g_assert_true (g_queue_is_empty (&runtime->windows));
  g_mutex_unlock (&runtime->lock);
  if (cpu) {
    g_assert_null (vyre_runtime_acquire (NULL, &error));
    g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_SHUTDOWN);
  }
  g_printerr ("all have left\n");
}

/* Goes on until it is refused. */
static gpointer
submit_always (gpointer executable)
{
  for (;;) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreWindow) window = submit (executable, &error);

    if (window != NULL) {
      vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, NULL);
    } else {
      g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_SHUTDOWN);
      return NULL;
    }
  }
}

static void
exit_in_use (void)
{
  static VyreExecutable *endless, *compiling, *plain;
  static VyreWindow *windows[3];

  atexit (check_left);
  begin ();
  endless = compile_program (runtime, endless_text);
  plain = compile_program (runtime, plain_text);
  /* Not in any cache. */
  g_autofree char *text = g_strdup_printf ("program workgroup(8);\n"
                                           "buffer data: readwrite u32[] @0;\n"
                                           "main { data[0] = data[0] + %u; }\n",
      (guint) g_get_real_time ());
  compiling = compile_program (runtime, text);
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    windows[i] = submit (endless, NULL);
    g_assert_nonnull (windows[i]);
  }
  g_thread_unref (g_thread_new ("submit", submit_always, plain));
  g_usleep (20000);
  vyre_executable_set_engine (compiling, VYRE_ENGINE_JIT);
  g_usleep (5000);
  exit (0);
}

static void
test_in_use (void)
{
  if (g_test_subprocess ()) {
    exit_in_use ();
    return;
  }
  g_test_trap_subprocess (NULL, LIMIT_US, 0);
  g_test_trap_assert_passed ();
  g_test_trap_assert_stderr ("*all have left*");
}

/* --- a copy of the process ------------------------------------------------------ */

static pid_t parent;

static void
check_untouched (void)
{
  if (getpid () != parent)
    g_assert_false (vyre_is_exiting ());
}

/* A child that was forked takes nothing from its parent when it exits. */
static void
test_forked (void)
{
  int status;

  parent = getpid ();
  atexit (check_untouched);
  begin ();
  if (vyre_runtime_get_device_info (runtime)->type != VYRE_DEVICE_CPU) {
    g_test_skip ("drivers of GPUs do not outlive a fork");
    end ();
    return;
  }
  g_autoptr (VyreExecutable) plain = compile_program (runtime, plain_text);
  pid_t child = fork ();
  if (child == 0)
    exit (0);
  g_assert_cmpint (child, >, 0);
  g_assert_cmpint (waitpid (child, &status, 0), ==, child);
  g_assert_true (WIFEXITED (status) && WEXITSTATUS (status) == 0);
  run_plain (plain);
  end ();
}

/* --- killed ---------------------------------------------------------------------- */

static void
run_until_killed (void)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  begin ();
  g_autoptr (VyreExecutable) endless = compile_program (runtime, endless_text);
  g_autoptr (VyreWindow) window = submit (endless, NULL);

  g_assert_nonnull (window);
  /* Some devices show nothing of it before it ends. */
  for (guint i = 0;
       i < 1000 && ((volatile const guint32 *) block->data)[0] == 0; i++)
    g_usleep (1000);
  g_print ("\nruns\n");
  fflush (stdout);
  for (;;)
    g_usleep (G_USEC_PER_SEC);
}

/* What a process left on the device when it was killed is no trouble to the
 * next one. */
static void
test_killed (void)
{
  g_autoptr (GError) error = NULL;

  if (g_test_subprocess ())
    run_until_killed ();
  for (guint round = 0; round < 2; round++) {
    g_autoptr (GSubprocess) child =
        g_subprocess_new (G_SUBPROCESS_FLAGS_STDOUT_PIPE, &error,
            "/proc/self/exe", "-p", "/exit/killed", "--GTestSubprocess", NULL);
    g_assert_no_error (error);
    g_autoptr (GDataInputStream) output =
        g_data_input_stream_new (g_subprocess_get_stdout_pipe (child));
    g_autofree char *line = NULL;

    while (g_strcmp0 (line, "runs") != 0) {
      g_free (line);
      line = g_data_input_stream_read_line (output, NULL, NULL, &error);
      g_assert_no_error (error);
      g_assert_nonnull (line);
    }
    gint64 start = g_get_monotonic_time ();
    g_subprocess_force_exit (child);
    g_subprocess_wait (child, NULL, &error);
    g_assert_no_error (error);
    begin ();
    g_autoptr (VyreExecutable) plain = compile_program (runtime, plain_text);
    run_plain (plain);
    g_test_message ("used again %.0f ms after the process was killed",
        (g_get_monotonic_time () - start) / 1e3);
    end ();
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/exit/in-use", test_in_use);
  g_test_add_func ("/exit/forked", test_forked);
  g_test_add_func ("/exit/killed", test_killed);
  return g_test_run ();
}
