/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that would take all time or memory, and programs made in memory that
 * no file could hold. */
#include "support.h"

#include <string.h>

static void
expect_limit (const char *text, const char *inputs,
    const VyreReferenceOptions *options, VyreReferenceError code)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *got = reference_try (text, inputs, options, &error);

  g_assert_null (got);
  g_test_message ("%s", error->message);
  g_assert_error (error, VYRE_REFERENCE_ERROR, (int) code);
}

static void
test_steps (void)
{
  const char *text = "program workgroup(1); main { let x = 1 + 2; }";
  VyreReferenceOptions options = VYRE_REFERENCE_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  g_autofree char *got = NULL;
  guint64 steps = 0, needed;

  options.steps = &steps;
  got = reference_try (text, NULL, &options, &error);
  g_assert_no_error (error);
  g_assert_nonnull (got);
  /* Region, Let, three expressions, end of the list, end of the program. */
  g_assert_cmpuint (steps, ==, 7);
  needed = steps;

  options.max_steps = needed - 1;
  expect_limit (text, NULL, &options, VYRE_REFERENCE_ERROR_STEPS);
  options.max_steps = needed;
  g_free (got);
  got = reference_try (text, NULL, &options, &error);
  g_assert_no_error (error);

  options.max_steps = 100000;
  expect_limit ("program workgroup(1); main { loop { } }", NULL, &options,
      VYRE_REFERENCE_ERROR_STEPS);
  g_assert_cmpuint (steps, <=, 100001);
  /* One statement: 32 lanes for each of 32 lanes, and so on. */
  expect_limit ("program workgroup(32); main { let x = subgroup_add("
                "subgroup_add(subgroup_add(subgroup_add(subgroup_add("
                "subgroup_add(subgroup_add(subgroup_add(1)))))))); }",
      NULL, &options, VYRE_REFERENCE_ERROR_STEPS);
  /* Workgroups that do nothing, or have much memory to clear. */
  expect_limit ("program workgroup(1);"
                "buffer o: writeonly u8[1000000] @0; main { }",
      NULL, &options, VYRE_REFERENCE_ERROR_STEPS);
  expect_limit ("program workgroup(1); buffer o: writeonly u8[100] @0;"
                "buffer s: workgroup u32[16777216]; main { }",
      NULL, &options, VYRE_REFERENCE_ERROR_STEPS);
}

static gboolean
count_down (gpointer user_data)
{
  guint *left = user_data;

  return (*left)-- == 0;
}

static void
test_cancel (void)
{
  guint left = 10;
  VyreReferenceOptions options = { .cancelled = count_down,
    .user_data = &left };

  expect_limit ("program workgroup(1); main { loop { } }", NULL, &options,
      VYRE_REFERENCE_ERROR_CANCELLED);
  g_assert_cmpuint (left, ==, G_MAXUINT);
}

static void
test_memory (void)
{
  VyreReferenceOptions options = { .max_bytes = 1 << 20 };
  g_autoptr (GError) error = NULL;
  g_autofree char *got = NULL;

  expect_limit ("program workgroup(1);"
                "buffer o: writeonly u32[4294967295] @0; main { }",
      NULL, &options, VYRE_REFERENCE_ERROR_MEMORY);
  expect_limit ("program workgroup(1024, 1024, 1024); main { }", NULL, &options,
      VYRE_REFERENCE_ERROR_MEMORY);
  /* A value as large as its type says. */
  expect_limit ("program workgroup(1);"
                "buffer a: readonly array(4294967295)[] @0;"
                "main { let x = a[0]; }",
      "00", &options, VYRE_REFERENCE_ERROR_MEMORY);
  /* Many small ones. */
  expect_limit (
      "program workgroup(1); buffer a: readonly array(60000)[] @0;"
      "main { let a0 = a[0]; let a1 = a[0]; let a2 = a[0];"
      " let a3 = a[0]; let a4 = a[0]; let a5 = a[0]; let a6 = a[0];"
      " let a7 = a[0]; let a8 = a[0]; let a9 = a[0]; let b0 = a[0];"
      " let b1 = a[0]; let b2 = a[0]; let b3 = a[0]; let b4 = a[0];"
      " let b5 = a[0]; let b6 = a[0]; let b7 = a[0]; let b8 = a[0]; }",
      "00", &options, VYRE_REFERENCE_ERROR_MEMORY);
  /* What is let go of counts no more. */
  got = reference_try (
      "program workgroup(1); buffer a: readonly array(60000)[] @0;"
      "main { for i in 0..100 { let x = a[0]; let y = x; x = y; } }",
      "00", &options, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (got, ==, "");
}

static void
test_sizes (void)
{
  VyreReferenceOptions options = VYRE_REFERENCE_OPTIONS_DEFAULT;
  const guint32 none[3] = { 1, 0, 1 }, wide[3] = { 1u << 31, 1, 1 };

  reference_expect_error ("program workgroup(65536, 65536); main { }", NULL,
      VYRE_REFERENCE_ERROR_WORKGROUP, "2^32");
  reference_expect_error (
      "program workgroup(4294967295, 4294967295, 4294967295); main { }", NULL,
      VYRE_REFERENCE_ERROR_WORKGROUP, "2^32");
  reference_expect_error ("program workgroup(1);"
                          "buffer s: workgroup u32[16777217]; main { }",
      NULL, VYRE_REFERENCE_ERROR_WORKGROUP, "67108864");
  reference_expect_error ("program workgroup(1);"
                          "buffer s: workgroup array(4294967295)[4294967295];"
                          "main { }",
      NULL, VYRE_REFERENCE_ERROR_WORKGROUP, "");
  options.grid = none;
  expect_limit ("program workgroup(1); main { }", NULL, &options,
      VYRE_REFERENCE_ERROR_WORKGROUP);
  options.grid = wide;
  expect_limit ("program workgroup(4); main { }", NULL, &options,
      VYRE_REFERENCE_ERROR_WORKGROUP);
}

/* --- programs made in memory --------------------------------------------- */

static VyreProgram *
new_program (VyreNode *(*make) (VyreProgram *program, guint depth), guint depth)
{
  VyreProgram *program = vyre_program_new ();
  VyreNode *region = vyre_program_node (program, VYRE_NODE_REGION);

  region->name = vyre_program_string (program, "r", 1);
  region->body.nodes = vyre_program_alloc (program, sizeof (VyreNode *));
  region->body.nodes[0] = make (program, depth);
  region->body.n_nodes = 1;
  program->entry.nodes = vyre_program_alloc (program, sizeof (VyreNode *));
  program->entry.nodes[0] = region;
  program->entry.n_nodes = 1;
  for (guint i = 0; i < 3; i++)
    program->workgroup_size[i] = 1;
  return program;
}

static VyreNode *
nested_blocks (VyreProgram *program, guint depth)
{
  VyreNode *node = vyre_program_node (program, VYRE_NODE_BLOCK);

  for (guint i = 1; i < depth; i++) {
    VyreNode *outer = vyre_program_node (program, VYRE_NODE_BLOCK);

    outer->body.nodes = vyre_program_alloc (program, sizeof (VyreNode *));
    outer->body.nodes[0] = node;
    outer->body.n_nodes = 1;
    node = outer;
  }
  return node;
}

static VyreNode *
nested_exprs (VyreProgram *program, guint depth)
{
  VyreNode *node = vyre_program_node (program, VYRE_NODE_LET);
  VyreExpr *expr = vyre_program_expr (program, VYRE_EXPR_LIT_U32, 0);

  for (guint i = 0; i < depth; i++) {
    VyreExpr *outer = vyre_program_expr (program, VYRE_EXPR_UN_OP, 1);

    outer->op = VYRE_UN_BIT_NOT;
    outer->args[0] = expr;
    expr = outer;
  }
  node->name = vyre_program_string (program, "x", 1);
  node->exprs[0] = expr;
  node->n_exprs = 1;
  return node;
}

static VyreNode *
wrong_axis (VyreProgram *program, guint axis)
{
  VyreNode *node = nested_exprs (program, 0);

  node->exprs[0] = vyre_program_expr (program, VYRE_EXPR_INVOCATION_ID, 0);
  node->exprs[0]->axis = (guint8) axis;
  return node;
}

static void
run_in_memory (VyreProgram *program, gboolean runs)
{
  g_autoptr (GPtrArray) outputs = NULL;
  g_autoptr (GError) error = NULL;

  if (vyre_reference_run (program, NULL, NULL, 0, &outputs, &error)) {
    g_assert_true (runs);
    g_assert_cmpuint (outputs->len, ==, 0);
  } else {
    g_assert_false (runs);
    g_assert_error (
        error, VYRE_REFERENCE_ERROR, VYRE_REFERENCE_ERROR_VALIDATION);
  }
  vyre_program_unref (program);
}

static void
test_in_memory (void)
{
  VyreProgram *program;

  run_in_memory (new_program (nested_blocks, 63), TRUE);
  run_in_memory (new_program (nested_blocks, 65), FALSE);
  run_in_memory (new_program (nested_blocks, 100000), FALSE);
  run_in_memory (new_program (nested_exprs, 128), TRUE);
  run_in_memory (new_program (nested_exprs, 129), FALSE);
  run_in_memory (new_program (nested_exprs, 100000), FALSE);
  run_in_memory (new_program (wrong_axis, 2), TRUE);
  run_in_memory (new_program (wrong_axis, 3), FALSE);
  program = new_program (wrong_axis, 0);
  program->workgroup_size[1] = 0;
  run_in_memory (program, FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/limits/steps", test_steps);
  g_test_add_func ("/reference/limits/cancel", test_cancel);
  g_test_add_func ("/reference/limits/memory", test_memory);
  g_test_add_func ("/reference/limits/sizes", test_sizes);
  g_test_add_func ("/reference/limits/in-memory", test_in_memory);
  return g_test_run ();
}
