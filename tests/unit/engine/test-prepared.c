/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Prepared windows: published again and again, and more of them than the
 * runtime has descriptors. --resident: with a kernel that stays. */

#include "engine/engine-private.h"
#include "programs.h"

#include <string.h>

#define LIMIT_US (60 * G_USEC_PER_SEC)

static const char forever_text[] = "program workgroup(1);\n"
                                   "buffer data: readwrite u32[] @0;\n"
                                   "main { loop { data[0] = data[0] + 1; } }\n";
static const char invert_text[] =
    "program workgroup(64);\n"
    "buffer input: readonly u32[] @0;\n"
    "buffer output: readwrite u32[] @1;\n"
    "main { let i = invocation_id.x;\n"
    "  if i < len(output) { output[i] = ~input[i]; } }\n";

static VyreRuntime *runtime;
static VyreTenant *tenant;

static gint64
deadline (void)
{
  return g_get_monotonic_time () + LIMIT_US;
}

static VyreBlock *
make_block (gsize bytes)
{
  VyreBlock *block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), bytes);

  g_assert_nonnull (block);
  memset (block->data, 0, block->size);
  vyre_block_note_write (block);
  return block;
}

/* Any number of windows may be prepared: whoever is published gets the
 * descriptor of one that is not in flight, and that one gets another. */
static void
test_prepared_share (void)
{
  g_autoptr (VyreExecutable) forever = compile_program (runtime, forever_text);
  VyreBlock *block = make_block (4);
  VyreBinding bindings[1] = { { block, 0, 4 } };
  guint32 grid[3] = { 1, 1, 1 };
  VyreSubmitOptions options = { grid, 1000 };
  g_autoptr (GPtrArray) windows =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vyre_window_unref);
  g_autoptr (GError) error = NULL;
  guint n_free = runtime->n_free_descriptors;

  /* Where a GPU has thousands this would only take long. */
  runtime->n_free_descriptors = 100;
  for (guint i = 0; i < 250; i++) {
    g_ptr_array_add (windows,
        vyre_window_prepare (tenant, forever, bindings, 1, &options, &error));
    g_assert_no_error (error);
  }
  VyreTenant *other = vyre_tenant_new (runtime, "other", &error);
  g_assert_no_error (error);
  g_autoptr (VyreWindow) window =
      vyre_tenant_submit (other, forever, bindings, 1, &options, &error);
  g_assert_no_error (error);
  g_assert_cmpint (
      vyre_window_wait (window, deadline (), NULL), ==, VYRE_WINDOW_FAULT);
  for (guint round = 0; round < 2; round++) {
    for (guint i = 0; i < windows->len;) {
      VyreWindow **rest = (VyreWindow **) windows->pdata + i;
      i += vyre_windows_publish (rest, MIN (16, windows->len - i), &error);
      if (error != NULL) {
        g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY);
        g_clear_error (&error);
        vyre_tenant_wait_room (tenant, deadline ());
      }
    }
    for (guint i = 0; i < windows->len; i++) {
      VyreWindowResult result;

      g_assert_cmpint (
          vyre_window_wait (windows->pdata[i], deadline (), &result), ==,
          VYRE_WINDOW_FAULT);
      g_assert_cmpuint (result.code, ==, VYRE_FAULT_STEP_LIMIT);
    }
  }
  g_clear_pointer (&window, vyre_window_unref);
  vyre_tenant_free (other);
  g_ptr_array_set_size (windows, 0);
  g_assert_cmpuint (runtime->n_free_descriptors, ==, 100);
  g_assert_cmpuint (runtime->holders.length, ==, 0);
  runtime->n_free_descriptors = n_free;
  g_assert_cmpuint (
      runtime->uses[vyre_tenant_get_id (tenant)].descriptors, ==, 0);
  vyre_block_unref (block);
}

/* When windows in flight have all descriptors, the next one is told so, both
 * when it is prepared and when it is published. */
static void
test_descriptors (void)
{
  g_autoptr (VyreExecutable) forever = compile_program (runtime, forever_text);
  VyreBlock *block = make_block (4);
  VyreBinding bindings[1] = { { block, 0, 4 } };
  guint32 grid[3] = { 1, 1, 1 };
  VyreSubmitOptions options = { grid, 0 };
  VyreWindow *windows[5];
  g_autoptr (GError) error = NULL;
  guint n_free = runtime->n_free_descriptors;

  runtime->n_free_descriptors = G_N_ELEMENTS (windows);
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    windows[i] =
        vyre_tenant_submit (tenant, forever, bindings, 1, &options, &error);
    g_assert_no_error (error);
  }
  g_assert_null (
      vyre_window_prepare (tenant, forever, bindings, 1, &options, &error));
  g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "descriptors"));
  g_clear_error (&error);
  g_assert_null (
      vyre_tenant_submit (tenant, forever, bindings, 1, &options, &error));
  g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY);
  g_assert_nonnull (strstr (error->message, "descriptors"));
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    vyre_window_cancel (windows[i]);
    g_assert_cmpint (vyre_window_wait (windows[i], deadline (), NULL), ==,
        VYRE_WINDOW_CANCELLED);
    vyre_window_unref (windows[i]);
  }
  g_assert_cmpuint (runtime->n_free_descriptors, ==, G_N_ELEMENTS (windows));
  runtime->n_free_descriptors = n_free;
  vyre_block_unref (block);
}

/* Prepared windows are published over and over, with other memory now and then,
 * and without being waited for: those in flight are BUSY, all others run. */
static void
test_publish_again (void)
{
  g_autoptr (VyreExecutable) invert = compile_program (runtime, invert_text);
  VyreBlock *blocks[6];
  VyreWindow *windows[4];
  guint published = 0, busy = 0;

  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++) {
    blocks[i] = make_block (256);
    memset (blocks[i]->data, 0, 256);
    vyre_block_note_write (blocks[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    VyreBinding bindings[2] = { { blocks[0], 0, 256 }, { blocks[1], 0, 256 } };
    windows[i] = vyre_window_prepare (tenant, invert, bindings, 2, NULL, NULL);
    g_assert_nonnull (windows[i]);
    g_assert_cmpint (
        vyre_window_wait (windows[i], 0, NULL), ==, VYRE_WINDOW_IDLE);
  }
  for (guint round = 0; round < 3000 || published < 200; round++) {
    guint k = round % G_N_ELEMENTS (windows);
    guint n = MIN (1 + round % 3, G_N_ELEMENTS (windows) - k);
    g_autoptr (GError) error = NULL;
    guint got = vyre_windows_publish (windows + k, n, &error);

    published += got;
    if (got < n) {
      g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY);
      busy++;
      if (busy % 64 == 0)
        g_usleep (500);
    }
    if (round % 7 == 0) {
      VyreBlock *out = blocks[1 + round % 5];
      VyreBinding bindings[2] = { { blocks[0], 0, 256 }, { out, 0, 256 } };
      g_autoptr (GError) refused = NULL;
      if (!vyre_window_rebind (windows[k], bindings, 2, &refused))
        g_assert_error (refused, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY);
    }
  }
  g_assert_cmpuint (
      vyre_windows_wait (windows, G_N_ELEMENTS (windows), deadline ()), ==,
      G_N_ELEMENTS (windows));
  g_test_message ("%u published, %u times busy", published, busy);
  g_assert_cmphex (((guint32 *) blocks[1]->data)[0], ==, 0xffffffff);
  for (guint i = 0; i < G_N_ELEMENTS (windows); i++)
    vyre_window_unref (windows[i]);
  for (guint i = 0; i < G_N_ELEMENTS (blocks); i++)
    vyre_block_unref (blocks[i]);
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
  g_log_set_always_fatal (
      G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
  runtime = vyre_runtime_acquire (&options, &error);
  g_assert_no_error (error);
  tenant = vyre_tenant_new (runtime, "test", &error);
  g_assert_no_error (error);

  g_test_add_func ("/prepared/share", test_prepared_share);
  g_test_add_func ("/prepared/descriptors", test_descriptors);
  g_test_add_func ("/prepared/publish-again", test_publish_again);
  status = g_test_run ();
  vyre_tenant_free (tenant);
  vyre_runtime_unref (runtime);
  return status;
}
