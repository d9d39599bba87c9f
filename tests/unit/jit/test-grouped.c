/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs with barriers, compiled for lane groups narrower, as wide and wider
 * than their workgroups, compared with the reference executor. */
#include "oracle.h"

#include "compiled-frame-parallel.comp.h"
#include "compiled-frame.comp.h"
#include "lower/isa.h"

#include <string.h>

/* l: the invocation in its workgroup, n: of these; at: of its element. */
#define HEAD \
  "program workgroup(%s);\nbuffer input: readonly u32[] @0;\n" \
  "buffer output: readwrite u32[] @1;\nbuffer tile: workgroup u32[%u] @2;\n" \
  "main {\n  let n = %u;\n" \
  "  let l = local_id.x + %u * (local_id.y + %u * local_id.z);\n" \
  "  let at = workgroup_id.x * n + l;\n"

typedef struct
{
  const char *name;
  const char *body;
  gboolean faults;
} Case;

static const Case cases[] = {
  { "no barrier", "  tile[l] = input[at] + tile[l];\n"
                  "  output[at] = tile[l] + len(tile);\n}\n" },
  { "reverse", "  tile[l] = input[at];\n  barrier;\n"
               "  output[at] = tile[n - 1 - l];\n}\n" },
  { "barriers at the ends", "  barrier;\n  tile[l] = at;\n  barrier;\n"
                            "  output[at] = tile[0] + tile[n - 1];\n"
                            "  barrier;\n  barrier;\n}\n" },
  { "values across",
      "  let a = input[at];\n  let b = a * 3 + l;\n  let c = 7;\n"
      "  tile[l] = a;\n  barrier;\n"
      "  let d = tile[(l + 1) % n] ^ b;\n  c = c + d;\n  barrier;\n"
      "  tile[l] = d;\n  barrier;\n"
      "  output[at] = tile[(l + 2) % n] + a + b * c + d + local_id.x\n"
      "    + workgroup_id.x;\n}\n" },
  { "sums", "  tile[l] = input[at];\n  barrier;\n"
            "  for s in 0..6 {\n    let step = 1 << s;\n    let v = tile[l];\n"
            "    let w = select(l >= step, tile[l - step], 0);\n    barrier;\n"
            "    tile[l] = v + w;\n    barrier;\n  }\n"
            "  output[at] = tile[l];\n}\n" },
  { "tree",
      "  tile[l] = input[at];\n  barrier;\n"
      "  for s in 0..5 {\n    let half = 16 >> s;\n"
      "    if l < half { if l + half < n { tile[l] = tile[l] + tile[l + half]; "
      "} }\n    barrier;\n  }\n"
      "  output[at] = tile[0] ^ l;\n}\n" },
  { "loops in loops",
      "  let x = input[at];\n  let y = 1;\n"
      "  for i in 0..3 {\n    for k in 0..i + 1 {\n"
      "      tile[l] = x + k;\n      barrier;\n"
      "      x = x * 5 + tile[(l + i) % n];\n      barrier;\n    }\n"
      "    for k in 0..l % 5 { y = y * 3 + k; }\n    x = x + y;\n  }\n"
      "  output[at] = x;\n}\n" },
  { "bound of the workgroup",
      "  let x = 0;\n"
      "  for i in workgroup_id.x..len(tile) % 3 + workgroup_id.x + 2 {\n"
      "    tile[l] = x + input[at] + i;\n    barrier;\n"
      "    x = x + tile[(l + 1) % n];\n    barrier;\n  }\n"
      "  output[at] = x;\n}\n" },
  { "conditions",
      "  let x = 5;\n  let y = l;\n"
      "  if workgroup_id.x % 2 == 0 {\n    tile[l] = input[at];\n    barrier;\n"
      "    x = tile[n - 1 - l];\n  } else {\n    y = y * 2;\n  }\n"
      "  if len(tile) > 3 { tile[l] = x; barrier; x = x + tile[0]; y = 9; }\n"
      "  else { if workgroup_id.x == 1 { barrier; y = 3; } }\n"
      "  output[at] = x * 31 + y;\n}\n" },
  { "conditions in loops", "  let x = 1;\n"
                           "  for i in 0..4 {\n"
                           "    if workgroup_id.x % 2 == 0 {\n"
                           "      tile[l] = x + l;\n      barrier;\n"
                           "      x = x + tile[(l + 1) % n];\n      barrier;\n "
                           "   } else { x = x * 3; "
                           "}\n  }\n"
                           "  output[at] = x;\n}\n" },
  { "no passes", "  let x = l;\n  for i in 3..3 { barrier; x = 0; }\n"
                 "  for i in 0..workgroup_id.x { tile[l] = x; barrier;\n"
                 "    x = x + tile[0]; barrier; }\n"
                 "  output[at] = x;\n}\n" },
  { "constants that change",
      "  let x = 1;\n  let z = 4;\n"
      "  for i in 0..3 {\n    tile[l] = x + i;\n    barrier;\n"
      "    output[at] = output[at] + tile[(l + 1) % n] * z;\n    x = 2;\n"
      "    if i == 1 { z = 8; }\n    barrier;\n  }\n"
      "  output[at] = output[at] + x * 1000 + z;\n}\n" },
  { "ends before a barrier",
      "  tile[l] = input[at];\n  barrier;\n  let x = tile[n - 1 - l];\n"
      "  output[at] = x;\n  if l % 3 == 1 { return; }\n"
      "  for k in 0..l % 7 { x = x * 5 + k; }\n  barrier;\n"
      "  output[at] = x + tile[0];\n}\n" },
  { "ends in loops",
      "  let x = input[at];\n"
      "  for i in 0..4 {\n    if l % 4 == i { output[at] = x; return; }\n"
      "    tile[l] = x;\n    barrier;\n    x = x + tile[l];\n    barrier;\n  "
      "}\n"
      "  output[at] = x;\n}\n" },
  { "all end", "  tile[l] = 1;\n  output[at] = l;\n"
               "  if l < n { return; }\n  barrier;\n  output[at] = 99;\n}\n" },
  { "atomics",
      "  tile[l] = input[at];\n  barrier;\n"
      "  let old = atomic_add(output[tile[n - 1 - l] % n], 1);\n  barrier;\n"
      "  if tile[l] % 2 == 0 { let o = atomic_add(output[l], tile[0]); }\n"
      "}\n" },
  { "traps",
      "  tile[l] = input[at];\n  barrier;\n"
      "  if tile[l] % 37 == 5 { trap(l, \"thirty-seven\"); }\n  barrier;\n"
      "  output[at] = tile[n - 1 - l];\n}\n",
      TRUE },
};

static const struct
{
  const char *size;
  guint x, y, z;
} sizes[] = { { "1", 1, 1, 1 }, { "7", 7, 1, 1 }, { "8", 8, 1, 1 },
  { "33", 33, 1, 1 }, { "5, 3, 3", 5, 3, 3 }, { "64", 64, 1, 1 },
  { "300", 300, 1, 1 } };

static void
run_case (const Case *c, guint k, guint registers)
{
  guint n = sizes[k].x * sizes[k].y * sizes[k].z;
  g_autofree char *head =
      g_strdup_printf (HEAD, sizes[k].size, n, n, sizes[k].x, sizes[k].y);
  g_autofree char *text = g_strconcat (head, c->body, NULL);
  g_autoptr (VyreLowered) lowered = jit_lower_text (text, registers);
  VyreJitOptions jit = VYRE_JIT_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  g_autoptr (JitProgram) compiled = jit_program_new (lowered, &jit, &error);
  g_autofree char *how = g_strdup_printf (
      "%s, %s, %u registers", c->name, sizes[k].size, registers);

  g_assert_no_error (error);
  g_assert_true (lowered->grouped);
  for (guint32 groups = 1; groups <= 21; groups += 10) {
    const guint32 grid[] = { groups, 1, 1 };
    JitComparison comparison = {
      .name = how,
      .elements = groups * n - (groups > 1 ? 1 : 0),
      .grid = grid,
      .may_fault = c->faults,
      .run = { .tiles = 1 + groups % 3 },
    };

    jit_compare (lowered, compiled, &comparison);
  }
}

static void
test_case (gconstpointer data)
{
  static const guint few[] = { 1, 3, 4 };
  gboolean longer = g_strcmp0 (g_getenv ("VYRE_TEST_LONG"), "1") == 0;

  if (jit_device () == NULL) {
    g_test_skip ("there is no device");
    return;
  }
  for (guint i = 0; !longer && i < G_N_ELEMENTS (few); i++)
    run_case (data, few[i], few[i] == 3 ? 8 : 64);
  for (guint k = 0; longer && k < G_N_ELEMENTS (sizes); k++) {
    run_case (data, k, 64);
    run_case (data, k, 8);
  }
}

/* The engine's frames, also that of devices which run no tests, have what
 * generated code calls. */
static void
test_frames (void)
{
  static const char *const frames[] = { vyre_compiled_frame_text,
    vyre_compiled_frame_parallel_text };
  VyreJitOptions jit = VYRE_JIT_OPTIONS_DEFAULT;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *head = g_strdup_printf (HEAD, "48", 48, 48, 48, 1);
    g_autofree char *text = g_strconcat (head, cases[i].body, NULL);
    g_autoptr (VyreLowered) lowered = jit_lower_text (text, 64);
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreJitSource) source =
        vyre_jit_generate (lowered, &jit, &error);

    g_assert_no_error (error);
    for (guint k = 0; k < G_N_ELEMENTS (frames); k++) {
      g_autoptr (GBytes) spirv =
          vyre_jit_compile (source->text, frames[k], &error);

      g_assert_no_error (error);
      g_assert_nonnull (spirv);
    }
  }
}

/* What differs between invocations decides about no barrier: lowering refuses
 * that, and so does the generator where code did not come from there. */
static void
test_varying (void)
{
  g_autofree char *text = g_strdup_printf (HEAD, "32", 32, 32, 32, 1);
  g_autofree char *whole = g_strconcat (text,
      "  if workgroup_id.x == 1 { barrier; }\n  output[at] = l;\n}\n", NULL);
  g_autoptr (VyreLowered) lowered = jit_lower_text (whole, 64);
  VyreJitOptions jit = VYRE_JIT_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  guint changed = 0;

  for (guint32 i = 0; i < lowered->n_instructions; i++) {
    if ((lowered->code[2 * i] & 127) == VYRE_I_SPECIAL &&
        lowered->code[2 * i + 1] == VYRE_SPECIAL_WORKGROUP_ID) {
      lowered->code[2 * i + 1] = VYRE_SPECIAL_LOCAL_ID;
      changed++;
    }
  }
  g_assert_cmpuint (changed, >, 0);
  g_assert_null (vyre_jit_generate (lowered, &jit, &error));
  g_assert_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "same for all invocations"));
}

/* Barriers in loops whose length nobody knows, or which are long for so many
 * turns: only where loops are not cut. */
static void
test_passes (void)
{
  g_autofree char *start = g_strdup_printf (HEAD, "100", 100, 100, 100, 1);
  g_autofree char *often = g_strconcat (start,
      "  for i in 0..1000 { tile[l] = tile[l] + i; barrier; }\n"
      "  output[at] = tile[l];\n}\n",
      NULL);
  g_autofree char *any = g_strconcat (start,
      "  for i in 0..len(input) { barrier; }\n  output[at] = tile[l];\n}\n",
      NULL);
  g_autoptr (VyreLowered) bounded = jit_lower_text (often, 64);
  g_autoptr (VyreLowered) unbounded = jit_lower_text (any, 64);
  VyreJitOptions jit = { .max_passes = 40000, .lanes = 8 };
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreJitSource) source = vyre_jit_generate (bounded, &jit, &error);

  /* The loop's two segments have 13 turns and see their end each time. */
  g_assert_no_error (error);
  g_assert_cmpuint (source->passes, >=, 1000 * 2 * 14 + 1001);
  g_assert_cmpuint (source->passes, <=, 1000 * 2 * 14 + 1001 + 3 * 14);
  jit.lanes = 0;
  g_assert_null (vyre_jit_generate (bounded, &jit, &error));
  g_assert_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED);
  g_clear_error (&error);
  jit.lanes = 8;
  g_assert_null (vyre_jit_generate (unbounded, &jit, &error));
  g_assert_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED);
  g_assert_nonnull (strstr (error->message, "constant number of passes"));
}

/* Told to stop, the whole workgroup does, at its next segment. */
static void
test_stops (void)
{
  g_autofree char *start = g_strdup_printf (HEAD, "20", 20, 20, 20, 1);
  g_autofree char *text = g_strconcat (start,
      "  output[at] = 7;\n"
      "  for i in 0..len(input) * 4000000 { tile[l] = i; barrier; }\n"
      "  output[at] = 8;\n}\n",
      NULL);
  g_autoptr (VyreLowered) lowered = jit_lower_text (text, 64);
  VyreJitOptions jit = VYRE_JIT_OPTIONS_DEFAULT;
  JitRunOptions options = { .max_passes = 1000 };
  g_autoptr (GError) error = NULL;
  g_autoptr (JitProgram) compiled = NULL;
  g_autoptr (GByteArray) in = g_byte_array_new (), out = g_byte_array_new ();
  GByteArray *buffers[] = { in, out, NULL };
  guint32 grid[] = { 1, 1, 1 };
  JitRunResult result;

  if (jit_device () == NULL) {
    g_test_skip ("there is no device");
    return;
  }
  compiled = jit_program_new (lowered, &jit, &error);
  g_assert_no_error (error);
  g_byte_array_set_size (in, 80);
  g_byte_array_set_size (out, 80);
  memset (out->data, 0, 80);
  jit_program_run (compiled, &options, buffers, grid, &result);
  g_assert_cmpuint (result.code, ==, 0);
  g_assert_cmpuint (result.passes, >, 1000);
  g_assert_cmpuint (result.passes, <=, 1100);
  for (guint i = 0; i < 20; i++)
    g_assert_cmpuint (out->data[4 * i], ==, 7);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/jit/grouped/%s", cases[i].name);

    g_test_add_data_func (g_strdelimit (path, " ", '-'), &cases[i], test_case);
  }
  g_test_add_func ("/jit/grouped/frames", test_frames);
  g_test_add_func ("/jit/grouped/varying", test_varying);
  g_test_add_func ("/jit/grouped/passes", test_passes);
  g_test_add_func ("/jit/grouped/stops", test_stops);
  result = g_test_run ();
  jit_print_times ();
  return result;
}
