/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two devices in one process: the CPU driver, named twice to the loader, is
 * two of them; with --these the first two that there are. Both work on the
 * process's one host arena. */

#include "engine/engine-private.h"
#include "programs.h"

#include <glib/gstdio.h>
#include <string.h>

#define LIMIT_US (30 * G_USEC_PER_SEC)
#define WORDS 20000
#define ROUNDS 30

static const char program_text[] =
    "program workgroup(64);\n"
    "buffer input: readonly u32[] @0;\n"
    "buffer output: readwrite u32[] @1;\n"
    "main { let i = invocation_id.x;\n"
    "  if i < len(output) { output[i] = input[i] * 3 + 1; } }\n";

typedef struct
{
  VyreRuntime *runtime;
  VyreTenant *tenant;
  VyreExecutable *executable;
} Side;

static Side sides[2];

static void
open_side (Side *side, gint index, const char *uuid)
{
  const VyreRuntimeOptions options = { index, NULL, VYRE_RESIDENCY_AUTO, uuid };
  g_autoptr (GError) error = NULL;

  side->runtime = vyre_runtime_acquire (&options, &error);
  g_assert_no_error (error);
  side->tenant = vyre_tenant_new (side->runtime, "side", &error);
  g_assert_no_error (error);
  side->executable = compile_program (side->runtime, program_text);
}

static void
close_side (Side *side)
{
  vyre_executable_unref (side->executable);
  vyre_tenant_free (side->tenant);
  vyre_runtime_unref (side->runtime);
}

static VyreBlock *
make_block (const Side *side)
{
  VyreBlock *block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (side->runtime), WORDS * 4);

  g_assert_nonnull (block);
  memset (block->data, 0, WORDS * 4);
  vyre_block_note_write (block);
  return block;
}

static VyreWindow *
submit (const Side *side, VyreBlock *from, VyreBlock *to)
{
  const VyreBinding bindings[] = { { from, 0, WORDS * 4 },
    { to, 0, WORDS * 4 } };
  g_autoptr (GError) error = NULL;
  VyreWindow *window = vyre_tenant_submit (
      side->tenant, side->executable, bindings, 2, NULL, &error);

  g_assert_no_error (error);
  return window;
}

static void
assert_done (VyreWindow *window)
{
  g_assert_cmpint (
      vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, NULL), ==,
      VYRE_WINDOW_DONE);
  vyre_window_unref (window);
}

static void
test_separate (void)
{
  g_autoptr (GPtrArray) list = vyre_runtime_list ();

  g_assert_cmpuint (list->len, ==, 2);
  g_assert_true (sides[0].runtime != sides[1].runtime);
  for (guint i = 0; i < 2; i++)
    g_assert_cmpuint (
        vyre_runtime_get_device_info (sides[i].runtime)->index, ==, i);
  g_assert_true (vyre_runtime_get_host_arena (sides[0].runtime) ==
                 vyre_runtime_get_host_arena (sides[1].runtime));
  /* The same device is the same runtime. */
  const VyreRuntimeOptions again = { 1, NULL, VYRE_RESIDENCY_AUTO, NULL };
  g_autoptr (VyreRuntime) runtime = vyre_runtime_acquire (&again, NULL);
  g_assert_true (runtime == sides[1].runtime);
}

/* What one writes the other one reads, there and back. */
static void
test_hand_over (void)
{
  g_autoptr (VyreBlock) a = make_block (&sides[0]);
  g_autoptr (VyreBlock) b = make_block (&sides[1]);
  guint32 *words = (guint32 *) a->data;
  g_autofree guint32 *expected = g_new (guint32, WORDS);

  for (guint i = 0; i < WORDS; i++)
    expected[i] = words[i] = i * 2654435761u;
  vyre_block_note_write (a);
  for (guint round = 0; round < ROUNDS; round++) {
    gboolean there = round % 2 == 0;

    assert_done (submit (&sides[round % 2], there ? a : b, there ? b : a));
    /* Each device must know of what the other has written. */
    vyre_block_note_write (there ? b : a);
    for (guint i = 0; i < WORDS; i++)
      expected[i] = expected[i] * 3 + 1;
  }
  g_assert_cmpmem (
      (ROUNDS % 2 == 0 ? a : b)->data, WORDS * 4, expected, WORDS * 4);
}

static gpointer
work (gpointer data)
{
  const Side *side = data;
  g_autoptr (VyreBlock) from = make_block (side);
  g_autoptr (VyreBlock) to = make_block (side);

  for (guint round = 0; round < ROUNDS; round++) {
    guint32 *words = (guint32 *) from->data;

    for (guint i = 0; i < WORDS; i++)
      words[i] = i + round;
    vyre_block_note_write (from);
    assert_done (submit (side, from, to));
    words = (guint32 *) to->data;
    for (guint i = 0; i < WORDS; i++)
      g_assert_cmpuint (words[i], ==, (i + round) * 3 + 1);
  }
  return NULL;
}

static void
test_at_once (void)
{
  GThread *threads[4];
  VyreRuntimeSnapshot before[2], after[2];

  for (guint i = 0; i < 2; i++)
    vyre_runtime_snapshot (sides[i].runtime, &before[i]);
  /* A tenant is used by one thread at a time. */
  Side own[4];
  for (guint i = 0; i < 4; i++) {
    own[i] = sides[i % 2];
    own[i].tenant = vyre_tenant_new (own[i].runtime, "thread", NULL);
    threads[i] = g_thread_new ("work", work, &own[i]);
  }
  for (guint i = 0; i < 4; i++) {
    g_thread_join (threads[i]);
    vyre_tenant_free (own[i].tenant);
  }
  for (guint i = 0; i < 2; i++) {
    vyre_runtime_snapshot (sides[i].runtime, &after[i]);
    g_assert_cmpuint (
        after[i].windows_done - before[i].windows_done, ==, 2 * ROUNDS);
    vyre_runtime_snapshot_clear (&before[i]);
    vyre_runtime_snapshot_clear (&after[i]);
  }
}

/* One that ends leaves the other one alone. */
static void
test_end (void)
{
  close_side (&sides[0]);
  work (&sides[1]);
  open_side (&sides[0], 0, NULL);
  work (&sides[0]);
}

static guint
count_devices (void)
{
  g_autoptr (GArray) devices = vyre_device_enumerate (NULL);

  return devices != NULL ? devices->len : 0;
}

/* The loader's list with the CPU driver in it twice; FALSE: there is none. */
static gboolean
name_driver_twice (const char *folder)
{
  static const char *const places[] = { "/usr/share/vulkan/icd.d",
    "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d" };

  for (guint i = 0; i < G_N_ELEMENTS (places); i++) {
    g_autoptr (GDir) dir = g_dir_open (places[i], 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
      g_autofree char *path = g_build_filename (places[i], name, NULL);
      g_autofree char *copy = g_build_filename (folder, "second.json", NULL);
      g_autofree char *list = g_strjoin (":", path, copy, NULL);
      g_autofree char *text = NULL;

      if (!g_str_has_prefix (name, "lvp_icd") ||
          !g_file_get_contents (path, &text, NULL, NULL) ||
          !g_file_set_contents (copy, text, -1, NULL))
        continue;
      g_setenv ("VK_DRIVER_FILES", list, TRUE);
      g_setenv ("VK_ICD_FILENAMES", list, TRUE);
      return TRUE;
    }
  }
  return FALSE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *folder = g_dir_make_tmp ("vyre-devices-XXXXXX", &error);

  g_assert_no_error (error);
  gboolean twice = argc > 1 && g_str_equal (argv[1], "--these")
                       ? count_devices () >= 2
                       : name_driver_twice (folder);
  g_test_init (&argc, &argv, NULL);
  int status = 77;
  if (twice) {
    open_side (&sides[0], 0, NULL);
    open_side (&sides[1], 1, NULL);
    g_test_add_func ("/devices/separate", test_separate);
    g_test_add_func ("/devices/hand-over", test_hand_over);
    g_test_add_func ("/devices/at-once", test_at_once);
    g_test_add_func ("/devices/end", test_end);
    status = g_test_run ();
    close_side (&sides[0]);
    close_side (&sides[1]);
  }
  g_autofree char *copy = g_build_filename (folder, "second.json", NULL);
  g_unlink (copy);
  g_rmdir (folder);
  return status;
}
