/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Workgroups of all sizes, most of them wider than the lane group that takes
 * turns with them: barriers, workgroup memory, and what lives across barriers,
 * compared with plain C. */

#include "engine/engine-private.h"
#include "vir0/text.h"

#include <string.h>

#define LIMIT_US (60 * G_USEC_PER_SEC)
#define GROUPS 3

static VyreRuntime *runtime;
static VyreTenant *tenant;
static guint most_spills; /* of the programs run so far */
/* --jit: compiled, where that takes drivers for CPUs seconds for each. */
static gboolean compiled;
static guint n_compiled;

typedef struct
{
  guint32 x, y, z;
} Size;

static const Size sizes[] = { { 1, 1, 1 }, { 7, 1, 1 }, { 8, 1, 1 },
  { 9, 1, 1 }, { 31, 1, 1 }, { 32, 1, 1 }, { 33, 1, 1 }, { 256, 1, 1 },
  { 1000, 1, 1 }, { 1024, 1, 1 }, { 32, 32, 1 }, { 8, 8, 8 }, { 1, 1, 64 },
  { 5, 3, 7 } };

/* Is it left out, as are most where programs are compiled? */
static gboolean
is_left_out (const Size *size)
{
  guint32 n = size->x * size->y * size->z;

  return compiled && n != 33 && n != 256 && n != 105;
}

/* Sizes, and the index of an invocation in its group and of its element. */
static char *
head (const Size *size)
{
  guint32 n = size->x * size->y * size->z;

  return g_strdup_printf (
      "program workgroup(%u, %u, %u);\n"
      "buffer input: readonly u32[] @0;\n"
      "buffer output: readwrite u32[] @1;\n"
      "buffer shared: workgroup u32[%u];\n"
      "main { let l = local_id.x + %u * (local_id.y + %u * local_id.z);\n"
      "  let at = workgroup_id.x * %u + l;\n",
      size->x, size->y, size->z, n, size->x, size->y, n);
}

/* Runs it on GROUPS workgroups. Where the state of a workgroup is more than the
 * engine keeps on this device, FALSE: the refusal has said so. */
static gboolean
run (const char *text, const Size *size, const guint32 *in, guint32 *out)
{
  gsize bytes = (gsize) size->x * size->y * size->z * GROUPS * 4;
  VyreArena *arena = vyre_runtime_get_host_arena (runtime);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_parse (text, strlen (text), &error);
  g_assert_no_error (error);
  g_autoptr (VyreExecutable) executable =
      vyre_executable_new (runtime, program, &error);
  if (g_error_matches (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT) &&
      vyre_runtime_get_device_info (runtime)->type != VYRE_DEVICE_CPU) {
    g_test_message ("%s", error->message);
    g_assert_nonnull (strstr (error->message, "bytes of state"));
    return FALSE;
  }
  if (error != NULL)
    g_test_message ("%s", text);
  g_assert_no_error (error);

  if (compiled) {
    g_autofree char *reason = NULL;

    vyre_executable_set_engine (executable, VYRE_ENGINE_JIT);
    vyre_executable_wait_compiled (
        executable, g_get_monotonic_time () + LIMIT_US);
    g_assert_cmpint (
        vyre_executable_get_tier (executable, &reason), ==, VYRE_TIER_COMPILED);
    n_compiled++;
  }
  most_spills = MAX (most_spills, executable->lowered->n_spills);

  guint32 grid[3] = { GROUPS, 1, 1 };
  VyreSubmitOptions options = { grid, 0 };
  VyreBlock *source = vyre_arena_alloc (arena, bytes);
  VyreBlock *target = vyre_arena_alloc (arena, bytes);
  VyreBinding bindings[3] = { { source, 0, bytes }, { target, 0, bytes } };
  VyreWindowResult result;

  memcpy (source->data, in, bytes);
  memset (target->data, 0xee, bytes);
  vyre_block_note_write (source);
  vyre_block_note_write (target);
  g_autoptr (VyreWindow) window =
      vyre_tenant_submit (tenant, executable, bindings, 3, &options, &error);
  g_assert_no_error (error);
  vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, &result);
  if (result.state != VYRE_WINDOW_DONE)
    g_test_message ("%s", result.message ? result.message : "still running");
  g_assert_cmpint (result.state, ==, VYRE_WINDOW_DONE);
  memcpy (out, target->data, bytes);
  vyre_block_unref (source);
  vyre_block_unref (target);
  return TRUE;
}

static guint32 *
noise (guint32 n)
{
  guint32 *words = g_new (guint32, n);

  for (guint32 i = 0; i < n; i++)
    words[i] = (i + 1) * 2654435761u;
  return words;
}

static void
check (const Size *size, const guint32 *out, const guint32 *expected)
{
  guint32 n = size->x * size->y * size->z;

  for (guint32 i = 0; i < n * GROUPS; i++) {
    if (out[i] != expected[i])
      g_error ("%u x %u x %u: invocation %u of workgroup %u gives %u, not %u",
          size->x, size->y, size->z, i % n, i / n, out[i], expected[i]);
  }
}

/* Inclusive sums, doubling the distance. */
static void
test_prefix_sum (void)
{
  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++) {
    const Size *size = &sizes[k];
    guint32 n = size->x * size->y * size->z;
    if (is_left_out (size))
      continue;
    g_autofree char *start = head (size);
    g_autofree char *text =
        g_strdup_printf ("%s  shared[l] = input[at];\n"
                         "  barrier;\n"
                         "  for s in 0..10 {\n"
                         "    let step = 1 << s;\n"
                         "    let v = shared[l];\n"
                         "    let w = select(l >= step, shared[l - step], 0);\n"
                         "    barrier;\n"
                         "    shared[l] = v + w;\n"
                         "    barrier; }\n"
                         "  output[at] = shared[l]; }\n",
            start);
    g_autofree guint32 *in = noise (n * GROUPS);
    g_autofree guint32 *out = g_new (guint32, n * GROUPS);
    g_autofree guint32 *expected = g_new (guint32, n * GROUPS);

    for (guint32 i = 0; i < n * GROUPS; i++)
      expected[i] = in[i] + (i % n > 0 ? expected[i - 1] : 0);
    if (run (text, size, in, out))
      check (size, out, expected);
  }
}

/* A tree of maxima and sums; invocations drop out of it, all meet at barriers. */
static void
test_reduction (void)
{
  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++) {
    const Size *size = &sizes[k];
    guint32 n = size->x * size->y * size->z;
    if (is_left_out (size))
      continue;
    g_autofree char *start = head (size);
    g_autofree char *text =
        g_strdup_printf ("%s  shared[l] = input[at];\n"
                         "  barrier;\n"
                         "  for s in 0..10 {\n"
                         "    let half = 512 >> s;\n"
                         "    if l < half { if l + half < %u {\n"
                         "      shared[l] = shared[l] + shared[l + half]; } }\n"
                         "    barrier; }\n"
                         "  output[at] = shared[0] ^ l; }\n",
            start, n);
    g_autofree guint32 *in = noise (n * GROUPS);
    g_autofree guint32 *out = g_new (guint32, n * GROUPS);
    g_autofree guint32 *expected = g_new (guint32, n * GROUPS);

    for (guint32 g = 0; g < GROUPS; g++) {
      guint32 sum = 0;
      for (guint32 i = 0; i < n; i++)
        sum += in[g * n + i];
      for (guint32 i = 0; i < n; i++)
        expected[g * n + i] = sum ^ i;
    }
    if (run (text, size, in, out))
      check (size, out, expected);
  }
}

/* live values of each invocation that must outlast barriers: some in registers,
 * and, with more than there are, some spilled. */
static void
check_live (const Size *size, guint live)
{
  guint32 n = size->x * size->y * size->z;
  g_autofree char *start = head (size);
  GString *text = g_string_new (start);
  g_autofree guint32 *in = noise (n * GROUPS);
  g_autofree guint32 *out = g_new (guint32, n * GROUPS);
  g_autofree guint32 *expected = g_new0 (guint32, n * GROUPS);

  g_string_append (text, "  shared[l] = input[at];\n  barrier;\n");
  for (guint j = 0; j < live; j++)
    g_string_append_printf (
        text, "  let r%u = shared[(l + %u) %% %u];\n", j, j * 5, n);
  g_string_append (text, "  barrier;\n  shared[l] = 1;\n  barrier;\n"
                         "  let sum = shared[0] - 1;\n");
  for (guint j = 0; j < live; j++)
    g_string_append_printf (text, "  sum = sum * 3 + r%u;\n", j);
  g_string_append (text, "  output[at] = sum; }\n");
  for (guint32 i = 0; i < n * GROUPS; i++) {
    for (guint j = 0; j < live; j++)
      expected[i] = expected[i] * 3 + in[i / n * n + (i % n + j * 5) % n];
  }
  if (run (text->str, size, in, out))
    check (size, out, expected);
  g_string_free (text, TRUE);
}

static void
test_live_values (void)
{
  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++) {
    if (is_left_out (&sizes[k]))
      continue;
    if (!compiled) {
      check_live (&sizes[k], 10);
      check_live (&sizes[k], 50);
    }
    if (!compiled || sizes[k].x == 33)
      check_live (&sizes[k], 85);
  }
  g_assert_cmpuint (most_spills, >, 0);
}

/* Some invocations of a group return before the others end, between barriers
 * that all have passed. */
static void
test_early_return (void)
{
  if (compiled &&
      vyre_runtime_get_device_info (runtime)->type == VYRE_DEVICE_CPU) {
    g_test_skip ("a loop of unknown length is not compiled for this device");
    return;
  }
  for (guint k = 0; k < G_N_ELEMENTS (sizes); k++) {
    const Size *size = &sizes[k];
    guint32 n = size->x * size->y * size->z;
    if (is_left_out (size))
      continue;
    g_autofree char *start = head (size);
    g_autofree char *text =
        g_strdup_printf ("%s  shared[l] = input[at];\n"
                         "  barrier;\n"
                         "  let other = shared[%u - l];\n"
                         "  output[at] = other;\n"
                         "  if l %% 3 == 1 { return; }\n"
                         "  for k in 0..l { other = other * 5 + k; }\n"
                         "  output[at] = other; }\n",
            start, n - 1);
    g_autofree guint32 *in = noise (n * GROUPS);
    g_autofree guint32 *out = g_new (guint32, n * GROUPS);
    g_autofree guint32 *expected = g_new (guint32, n * GROUPS);

    for (guint32 i = 0; i < n * GROUPS; i++) {
      guint32 l = i % n;
      expected[i] = in[i - l + n - 1 - l];
      for (guint32 j = 0; j < l && l % 3 != 1; j++)
        expected[i] = expected[i] * 5 + j;
    }
    if (run (text, size, in, out))
      check (size, out, expected);
  }
}

static void
test_too_large (void)
{
  static const struct
  {
    const char *text;
    const char *says[3];
  } refused[] = {
    { "program workgroup(1024, 1024, 2);\n"
      "buffer output: readwrite u32[] @0;\n"
      "main { output[invocation_id.x] = 1; }\n",
        { "1024 x 1024 x 2", "1048576" } },
    { "program workgroup(4294967295, 4294967295, 4294967295);\n"
      "buffer output: readwrite u32[] @0;\n"
      "main { output[invocation_id.x] = 1; }\n",
        { "4294967295" } },
    { "program workgroup(65536);\n"
      "buffer output: readwrite u32[] @0;\n"
      "buffer shared: workgroup u32[64];\n"
      "main { shared[local_id.x] = 1; barrier;\n"
      "  output[invocation_id.x] = shared[0]; }\n",
        { "65536 x 1 x 1", "bytes of state",
            "256 bytes of workgroup memory" } },
    { "program workgroup(64);\n"
      "buffer output: readwrite u32[] @0;\n"
      "buffer shared: workgroup u32[1000000];\n"
      "main { shared[local_id.x] = 1; barrier;\n"
      "  output[invocation_id.x] = shared[0]; }\n",
        { "64 x 1 x 1", "4000000 bytes of workgroup memory" } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreProgram) program =
        vyre_program_parse (refused[i].text, strlen (refused[i].text), &error);
    g_assert_no_error (error);
    g_autoptr (VyreExecutable) executable =
        vyre_executable_new (runtime, program, &error);

    g_assert_null (executable);
    g_test_message ("%s", error->message);
    for (guint k = 0; k < 3 && refused[i].says[k]; k++)
      g_assert_nonnull (strstr (error->message, refused[i].says[k]));
  }
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  compiled = argc > 1 && strcmp (argv[1], "--jit") == 0;
  runtime = vyre_runtime_acquire (NULL, &error);
  g_assert_no_error (error);
  tenant = vyre_tenant_new (runtime, "workgroups", &error);
  g_assert_no_error (error);

  g_test_add_func ("/workgroups/prefix-sum", test_prefix_sum);
  g_test_add_func ("/workgroups/reduction", test_reduction);
  g_test_add_func ("/workgroups/live-values", test_live_values);
  g_test_add_func ("/workgroups/early-return", test_early_return);
  g_test_add_func ("/workgroups/too-large", test_too_large);
  status = g_test_run ();
  g_assert_cmpuint (n_compiled > 0, ==, compiled);
  vyre_tenant_free (tenant);
  vyre_runtime_unref (runtime);
  return status;
}
