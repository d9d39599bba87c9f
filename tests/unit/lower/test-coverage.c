/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which programs write all of a buffer. */

#include "lower/coverage.h"

#include <string.h>

#include "vir0/text.h"

#define BUFFERS \
  "buffer input: readonly u32[] @0; buffer output: readwrite u32[] @1;\n" \
  "buffer other: readwrite u32[] @2;\n"

static gboolean
covers (const char *head, const char *main)
{
  g_autofree char *text = g_strconcat (head, main, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_parse (text, strlen (text), &error);

  g_assert_no_error (error);
  return vyre_program_covers (program, 1);
}

static void
test_covered (void)
{
  static const char *const mains[] = {
    "main { output[invocation_id.x] = 1; }",
    "main { let i = invocation_id.x; output[i] = input[i]; }",
    "main { let i = invocation_id.x;"
    "if i < len(output) { output[i] = input[i]; } }",
    "main { let i = invocation_id.x;"
    "if len(output) > i { output[i] = input[i]; } }",
    "main { let i = invocation_id.x; { { output[i] = 1; } } }",
    "main { let i = invocation_id.x; if i < len(output) {"
    "for k in 0..4 { other[k] = i; } barrier; output[i] = 1; } }",
    "main { let i = invocation_id.x; if input[i] == 7 { trap(1, \"t\"); }"
    "output[i] = 1; }",
    "main { let i = invocation_id.x; output[i] = 1; output[0] = 2; }",
    "main { let j = 5; let i = invocation_id.x; output[i] = j; }",
    "region \"a\" { other[0] = 1; } region \"b\" {"
    "let i = invocation_id.x; output[i] = 1; }",
  };

  for (guint i = 0; i < G_N_ELEMENTS (mains); i++) {
    if (!covers ("program workgroup(64);\n" BUFFERS, mains[i]))
      g_error ("not covered: %s", mains[i]);
    g_assert_false (covers ("program workgroup(8, 8);\n" BUFFERS, mains[i]));
    g_assert_false (covers ("program workgroup(1, 64);\n" BUFFERS, mains[i]));
  }
}

static void
test_not_covered (void)
{
  static const char *const mains[] = {
    "main { }",
    "main { output[0] = 1; }",
    "main { other[invocation_id.x] = 1; }",
    "main { output[invocation_id.y] = 1; }",
    "main { output[local_id.x] = 1; }",
    "main { output[workgroup_id.x] = 1; }",
    /* Only some of them. */
    "main { let i = invocation_id.x; if i < len(input) { output[i] = 1; } }",
    "main { let i = invocation_id.x; if i < 10 { output[i] = 1; } }",
    "main { let i = invocation_id.x; if i > len(output) { output[i] = 1; } }",
    "main { let i = invocation_id.x; if i <= len(output) { }"
    "else { output[i] = 1; } }",
    "main { let i = invocation_id.x; if input[i] == 0 { output[i] = 1; } }",
    "main { let i = invocation_id.x; for k in 0..1 { output[i] = 1; } }",
    "main { let i = invocation_id.x * 2; output[i] = 1; }",
    "main { let i = invocation_id.x; output[i + 1] = 1; }",
    "main { let i = invocation_id.x;"
    "if i < len(output) { if input[i] == 0 { output[i] = 1; } } }",
    /* Not all of them get there. */
    "main { let i = invocation_id.x; if i == 7 { return; } output[i] = 1; }",
    "region \"a\" { return; } region \"b\" {"
    "let i = invocation_id.x; output[i] = 1; }",
    /* The variable is not what it was. */
    "main { let i = invocation_id.x; i = 0; output[i] = 1; }",
    "main { let i = invocation_id.x; for i in 0..1 { other[i] = 1; }"
    "output[i] = 1; }",
    "main { { let i = invocation_id.x; } { let i = 0; output[i] = 1; } }",
    "main { { let i = invocation_id.x; other[i] = 1; } output[i] = 1; }",
    /* Somebody looks at what was there. */
    "main { let i = invocation_id.x; output[i] = output[i] + 1; }",
    "main { let i = invocation_id.x; output[i] = 1; other[i] = output[0]; }",
    "main { let i = invocation_id.x;"
    "let o = atomic_add(output[0], 1); output[i] = o; }",
    "main { let i = invocation_id.x; async_load(output, other, 0, 4, \"t\");"
    "async_wait(\"t\"); output[i] = 1; }",
    "main { let i = invocation_id.x; broadcast(output, 0, 0); output[i] = 1; }",
  };

  for (guint i = 0; i < G_N_ELEMENTS (mains); i++) {
    if (covers ("program workgroup(64);\n" BUFFERS, mains[i]))
      g_error ("covered: %s", mains[i]);
  }
}

static void
test_elements (void)
{
  static const char *const elements[] = { "u32", "i32", "f32", "bool", "u8",
    "u16", "u64", "bytes", "i4", "vec4u32" };

  for (guint i = 0; i < G_N_ELEMENTS (elements); i++) {
    g_autofree char *head = g_strdup_printf (
        "program workgroup(64);\n"
        "buffer input: readonly %s[] @0; buffer output: readwrite %s[] @1;\n",
        elements[i], elements[i]);
    gboolean covered = covers (
        head, "main { let i = invocation_id.x; output[i] = input[i]; }");

    g_assert_cmpint (covered, ==, i < 5);
  }
}

/* Those that ship and have an output are worth it. */
static void
test_shipped (void)
{
  g_auto (GStrv) names = vyre_program_list_shipped ();
  guint n = 0;

  for (guint i = 0; names[i]; i++) {
    g_autoptr (VyreProgram) program =
        vyre_program_load_shipped (names[i], NULL);
    VyreString output = { "output", 6 };
    int buffer = vyre_program_find_buffer (program, output);

    if (buffer < 0)
      continue;
    n += vyre_program_covers (program, buffer);
    g_test_message ("%s: %d", names[i], vyre_program_covers (program, buffer));
  }
  g_assert_cmpuint (n, >=, 5);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/coverage/covered", test_covered);
  g_test_add_func ("/coverage/not-covered", test_not_covered);
  g_test_add_func ("/coverage/elements", test_elements);
  g_test_add_func ("/coverage/shipped", test_shipped);
  return g_test_run ();
}
