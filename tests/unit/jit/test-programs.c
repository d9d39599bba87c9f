/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small programs over buffers of many lengths, compiled in all widths, compared
 * with the reference executor: batches inside and outside of their buffers,
 * aligned or not, in several tiles. */
#include "oracle.h"

#include <string.h>

typedef struct
{
  const char *name;
  const char *text;
  gboolean unchecked, vectors; /* with four invocations to a lane */
  gboolean faults; /* may end with one */
  guint32 grid[3]; /* or all 0: by the lengths */
} Case;

#define TWO(a, b) \
  "program workgroup(64);\nbuffer input: readonly " a \
  "[] @0;\nbuffer output: readwrite " b "[] @1;\nmain {\n" \
  "  let i = invocation_id.x;\n"

static const Case cases[] = {
  { "words",
      TWO ("u32",
          "u32") "  if i < len(output) { output[i] = input[i] * 3 ^ i; }\n}\n",
      TRUE, TRUE },
  { "bytes",
      TWO ("u8", "u8") "  if i < len(output) { output[i] = u8(u32(input[i]) + "
                       "200); }\n}\n",
      TRUE, TRUE },
  { "halves",
      TWO ("u16", "u16") "  if i < len(output) { output[i] = u16(u32(input[i]) "
                         "* 7); }\n}\n",
      TRUE, TRUE },
  { "widen",
      TWO ("u8", "u32") "  if i < len(output) { output[i] = u32(input[i]) << "
                        "3; }\n}\n",
      TRUE, TRUE },
  { "narrow",
      TWO ("u32", "u16") "  if i < len(output) { output[i] = u16(input[i] >> "
                         "5); }\n}\n",
      TRUE, TRUE },
  { "no guard", TWO ("u32", "u32") "  output[i] = input[i] + 1;\n}\n", TRUE,
      TRUE },
  { "early return",
      TWO ("u32", "u32") "  if i >= len(output) { return; }\n"
                         "  if input[i] % 3 == 0 { output[i] = 1; return; }\n"
                         "  output[i] = input[i] + 2;\n}\n",
      TRUE, TRUE },
  { "two guards",
      TWO ("u32", "u32") "  if i < len(output) && i < len(input) { output[i] = "
                         "~input[i]; }\n}\n",
      TRUE, TRUE },
  { "else",
      TWO ("u32",
          "u32") "  let word = input[i];\n  let r = 0;\n"
                 "  if word & 1 == 0 { r = word / 3; } else { r = word % 5; "
                 "output[i] = 9; }\n"
                 "  if word > 0x80000000 { output[i] = r; }\n"
                 "  if word < 1000 { r = r + 1; }\n"
                 "  if i < len(output) { output[i] = output[i] + r; }\n}\n",
      TRUE, TRUE },
  { "four to one",
      TWO ("u32", "u32") "  if i < len(output) {\n"
                         "    output[i] = input[i * 4] + input[i * 4 + 1] * 3 "
                         "^ input[i * 4 + 2]\n"
                         "      + input[i * 4 + 3];\n  }\n}\n",
      TRUE, FALSE },
  { "one to four",
      TWO ("u32", "u32") "  let word = input[i];\n"
                         "  output[i << 2] = word & 255;\n  output[(i << 2) + "
                         "1] = word >> 8;\n"
                         "  output[i * 4 + 2] = word ^ 5;\n  output[i * 4 + 3] "
                         "= input[i * 4 + 3];\n"
                         "}\n",
      TRUE, FALSE },
  { "four in place",
      TWO ("u32",
          "u32") "  output[i * 4] = output[i * 4 + 1] + input[i * 4 + 2];\n"
                 "  output[i * 4 + 1] = output[i * 4] * 3 + output[i * 4 + "
                 "3];\n"
                 "  if output[i * 4 + 1] > 9 { output[i * 4 + 3] = 5; }\n"
                 "  output[i * 4 + 2] = output[i * 4 + 3] - output[i * "
                 "4];\n}\n",
      TRUE, FALSE },
  { "neighbours",
      TWO ("u32", "u32") "  if i < len(output) {\n"
                         "    output[i] = input[i + 1] + input[i] - input[i - "
                         "1];\n  }\n}\n",
      TRUE, FALSE },
  { "wide elements",
      TWO ("u64",
          "u64") "  if i < len(output) { output[i] = input[i + 2]; }\n}\n",
      TRUE, FALSE },
  { "vectors",
      TWO ("vec4u32",
          "vec4u32") "  if i < len(output) { output[i] = input[i]; }\n}\n",
      TRUE, FALSE },
  { "gather",
      TWO ("u32", "u32") "  if i < len(output) { output[i] = input[input[i] % "
                         "(len(input) + 1)]; }\n"
                         "}\n",
      TRUE, TRUE },
  { "division",
      TWO ("i32", "i32") "  if i < len(output) { output[i] = i32(i32(1000) / "
                         "i32(u32(input[i]) & 63)); }\n}\n",
      TRUE, TRUE, TRUE },
  { "trap",
      TWO ("u32",
          "u32") "  if i < len(output) {\n"
                 "    if input[i] > 0xfe000000 { trap(i, \"*/ #include\"); }\n"
                 "    output[i] = input[i];\n  }\n}\n",
      TRUE, TRUE, TRUE },
  { "uniform loop",
      TWO (
          "u32", "u32") "  if i < len(output) {\n    let sum = 0;\n"
                        "    for k in 0..5 { sum = sum * 31 + input[i + k]; }\n"
                        "    output[i] = sum;\n  }\n}\n",
      TRUE, FALSE },
  { "loops in loops",
      TWO ("u32",
          "u32") "  if i < len(output) {\n    let a = 1;\n    let b = 2;\n"
                 "    for k in 0..12 {\n      let c = a;\n      a = b;\n      "
                 "b = c + k;\n"
                 "      for l in 0..input[0] % 4 { a = a + l * input[i]; }\n   "
                 " }\n"
                 "    output[i] = a ^ b;\n  }\n}\n",
      TRUE, TRUE },
  { "varying loop",
      TWO ("u32",
          "u32") "  if i < len(output) {\n    let n = 0;\n"
                 "    for k in 0..input[i] % 40 {\n"
                 "      if k > 33 { output[i] = n; return; }\n"
                 "      n = n + k * k;\n    }\n    output[i] = n;\n  }\n}\n",
      TRUE, FALSE },
  { "ends in a loop",
      TWO ("u32", "u32") "  let n = 0;\n"
                         "  for k in 0..20 {\n    n = n + input[i] % 7;\n"
                         "    if n > 50 { output[i] = k; return; }\n  }\n"
                         "  output[i] = n + 100;\n}\n",
      TRUE, TRUE },
  { "zeros that are computed",
      TWO ("u32", "f32") "  let zero = f32(5 & u32(1.1754944e-38));\n"
                         "  output[i] = reciprocal(zero * -inf) + "
                         "f32(input[i] % 9);\n}\n",
      TRUE, TRUE },
  { "histogram",
      "program workgroup(32);\nbuffer input: readonly u8[] @0;\n"
      "buffer counts: readwrite u32[16] @1;\nmain {\n"
      "  let i = invocation_id.x;\n"
      "  if i < len(input) { let old = atomic_add(counts[u32(input[i]) & 31], "
      "1); }\n}\n",
      TRUE, TRUE },
  { "plane",
      "program workgroup(4, 2, 2);\nbuffer input: readonly u32[] @0;\n"
      "buffer output: readwrite u32[] @1;\nmain {\n"
      "  let x = invocation_id.x;\n  let y = invocation_id.y;\n"
      "  let z = invocation_id.z;\n"
      "  let i = x + 12 * (y + 10 * z);\n"
      "  output[i] = input[i] + local_id.x + 4 * local_id.y + 9 * local_id.z\n"
      "    + 100 * workgroup_id.x + 1000 * workgroup_id.y\n"
      "    + 10000 * workgroup_id.z;\n}\n",
      FALSE, FALSE, FALSE, { 3, 5, 2 } },
  { "line in a plane",
      TWO ("u32",
          "u32") "  output[i] = input[i] + workgroup_id.x * 8 + local_id.x\n"
                 "    + workgroup_id.y * 0;\n}\n",
      TRUE, TRUE, FALSE, { 4, 1, 1 } },
  { "short grid",
      "program workgroup(20);\nbuffer input: readonly u32[] @0;\n"
      "buffer output: readwrite u32[] @1;\nmain {\n"
      "  output[invocation_id.x] = input[invocation_id.x] * 3;\n}\n",
      TRUE, TRUE, FALSE, { 7, 1, 1 } },
  { "rows",
      "program workgroup(16);\nbuffer input: readonly u32[] @0;\n"
      "buffer output: readwrite u32[] @1;\nmain {\n"
      "  let i = invocation_id.x + 32 * workgroup_id.y;\n"
      "  output[i] = input[i] + workgroup_id.y + invocation_id.y;\n}\n",
      FALSE, FALSE, FALSE, { 2, 7, 1 } },
};

static const gsize lengths[] = { 0, 1, 3, 64, 65, 127, 128, 129, 254, 256, 511,
  1021 };

/* --- tests ------------------------------------------------------------------------ */

static void
run_case (const Case *c, const VyreJitOptions *jit)
{
  g_autoptr (VyreLowered) lowered = jit_lower_text (c->text, 64);
  g_autoptr (GError) error = NULL;
  g_autoptr (JitProgram) compiled = jit_program_new (lowered, jit, &error);
  g_autofree char *how = g_strdup_printf ("%s, unroll %u, team %u%s", c->name,
      jit->unroll, jit->team, jit->checked_only ? ", checked" : "");
  const VyreJitSource *source;

  g_assert_no_error (error);
  source = jit_program_get_source (compiled);
  if (jit->unroll == 4 && source->unroll == 4) {
    gboolean fast = !jit->checked_only;

    if (source->unchecked != (c->unchecked && fast) ||
        source->vectors != (c->vectors && fast))
      g_error ("%s: %s version without checks, %s vectors", c->name,
          source->unchecked ? "a" : "no", source->vectors ? "with" : "without");
  }
  /* Devices that mind are not always at hand. */
  if (source->vectors && strstr (c->text, "input: readonly u32") != NULL)
    g_assert_nonnull (strstr (source->text, "(b0.x & 15u) != 0u"));
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    JitComparison comparison = {
      .name = how,
      .elements = lengths[i],
      .grid = c->grid[0] != 0 ? c->grid : NULL,
      .may_fault = c->faults,
      .run = { .tiles = 1 + i % 3 },
    };

    jit_compare (lowered, compiled, &comparison);
    comparison.run.misalign = 4 + i % 3 * 4;
    jit_compare (lowered, compiled, &comparison);
  }
}

static void
test_case (gconstpointer data)
{
  static const VyreJitOptions options[] = {
    { .unroll = 4, .team = 4 },
    { .unroll = 1 },
    { .unroll = 2 },
    { .unroll = 8 },
    { .unroll = 16, .team = 4 },
    { .unroll = 4, .checked_only = TRUE },
  };
  gboolean longer = g_strcmp0 (g_getenv ("VYRE_TEST_LONG"), "1") == 0;

  if (jit_device () == NULL) {
    g_test_skip ("there is no device");
    return;
  }
  for (guint i = 0; i < (longer ? G_N_ELEMENTS (options) : 2); i++)
    run_case (data, &options[i]);
}

/* Told to stop, it stops. */
static void
test_stops (void)
{
  g_autoptr (VyreLowered) lowered = jit_lower_text (
      "program workgroup(1);\nbuffer out: readwrite u32[1] @0;\nmain {\n"
      "  let n = 0;\n  for k in 0..4000000000 { n = n + out[0]; }\n"
      "  out[0] = n;\n}\n",
      64);
  VyreJitOptions jit = VYRE_JIT_OPTIONS_DEFAULT;
  JitRunOptions options = { .max_passes = 1000 };
  g_autoptr (GError) error = NULL;
  g_autoptr (JitProgram) compiled = NULL;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  GByteArray *buffers[] = { out };
  guint32 grid[] = { 1, 1, 1 };
  JitRunResult result;

  if (jit_device () == NULL) {
    g_test_skip ("there is no device");
    return;
  }
  compiled = jit_program_new (lowered, &jit, &error);
  g_assert_no_error (error);
  g_byte_array_append (out, (const guint8 *) "\7\0\0\0", 4);
  jit_program_run (compiled, &options, buffers, grid, &result);
  g_assert_cmpuint (result.code, ==, 0);
  g_assert_cmpuint (result.passes, >, 1000);
  g_assert_cmpuint (result.passes, <=, 1004);
  g_assert_cmpuint (result.steps, >, 1000);
  g_assert_cmpuint (out->data[0], ==, 7);
}

int
main (int argc, char **argv)
{
  int result;

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strdup_printf ("/jit/programs/%s", cases[i].name);

    g_test_add_data_func (g_strdelimit (path, " ", '-'), &cases[i], test_case);
  }
  g_test_add_func ("/jit/programs/stops", test_stops);
  result = g_test_run ();
  jit_print_times ();
  return result;
}
