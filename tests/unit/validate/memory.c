/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Programs that only memory can hold: rules that decoder and parser stop
 * before, limits, depth and sizes that must cost neither stack nor patience. */
#include <string.h>

#include "vir0/validate.h"

static VyreString
str (const char *text)
{
  return (VyreString){ text, (guint32) strlen (text) };
}

/* --- building --------------------------------------------------------------- */

static const VyreType u32_type = { .kind = VYRE_TYPE_U32 };
static const VyreType vec_type = {
  .kind = VYRE_TYPE_VEC, .element = &u32_type, .a = 3
};

static void
set_list (VyreProgram *p, VyreNodeList *list, guint32 n)
{
  list->n_nodes = n;
  list->nodes = vyre_program_alloc (p, (gsize) n * sizeof *list->nodes);
}

/* A program with a Region at the top and two buffers; its list is returned. */
static VyreProgram *
new_program (VyreNodeList **body, guint32 n)
{
  VyreProgram *p = vyre_program_new ();
  VyreNode *region = vyre_program_node (p, VYRE_NODE_REGION);

  region->name = str (VYRE_ROOT_REGION);
  p->workgroup_size[0] = p->workgroup_size[1] = p->workgroup_size[2] = 1;
  p->n_buffers = 2;
  p->buffers = vyre_program_alloc (p, 2 * sizeof *p->buffers);
  for (guint i = 0; i < 2; i++)
    p->buffers[i] = (VyreBuffer){ .name = str (i == 0 ? "o" : "v"),
      .binding = i,
      .hints = VYRE_HINTS_DEFAULT,
      .access = VYRE_ACCESS_READ_WRITE,
      .element = i == 0 ? &u32_type : &vec_type };
  set_list (p, &p->entry, 1);
  p->entry.nodes[0] = region;
  set_list (p, &region->body, n);
  *body = &region->body;
  return p;
}

static VyreExpr *
literal (VyreProgram *p, VyreExprKind kind, guint32 bits)
{
  VyreExpr *expr = vyre_program_expr (p, kind, 0);

  expr->bits = bits;
  return expr;
}

static VyreExpr *
named (VyreProgram *p, VyreExprKind kind, const char *name, VyreExpr *operand)
{
  VyreExpr *expr = vyre_program_expr (p, kind, operand ? 1 : 0);

  expr->name = str (name);
  if (operand)
    expr->args[0] = operand;
  return expr;
}

static VyreNode *
statement (VyreProgram *p, VyreNodeKind kind, const char *name, VyreExpr *first,
    VyreExpr *second)
{
  VyreNode *node = vyre_program_node (p, kind);

  node->name = str (name);
  node->exprs[0] = first;
  node->exprs[1] = second;
  node->n_exprs = second ? 2 : first ? 1 : 0;
  return node;
}

static VyreNode *
let_u32 (VyreProgram *p, const char *name, guint32 value)
{
  return statement (
      p, VYRE_NODE_LET, name, literal (p, VYRE_EXPR_LIT_U32, value), NULL);
}

/* The codes of all errors, with how often the same one came in a row. */
static char *
codes_of (const VyreProgram *program, const VyreValidateOptions *options,
    VyreFindings **result)
{
  VyreFindings *findings = vyre_program_validate (program, options);
  GString *out = g_string_new (NULL);

  for (guint i = 0, next; i < findings->errors->len; i = next) {
    const VyreFinding *finding = g_ptr_array_index (findings->errors, i);

    for (next = i + 1; next < findings->errors->len; next++)
      if (((VyreFinding *) g_ptr_array_index (findings->errors, next))->code !=
          finding->code)
        break;
    g_string_append_printf (
        out, "%s%s", out->len == 0 ? "" : " ", finding->code);
    if (next - i > 1)
      g_string_append_printf (out, "*%u", next - i);
  }
  if (result)
    *result = findings;
  else
    vyre_findings_free (findings);
  return g_string_free (out, FALSE);
}

static void
expect (const VyreProgram *program, const VyreValidateOptions *options,
    const char *codes)
{
  g_autofree char *found = codes_of (program, options, NULL);

  g_assert_cmpstr (found, ==, codes);
}

static double
seconds_since (gint64 start)
{
  return (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
}

/* --- rules -------------------------------------------------------------------- */

static void
test_rules (void)
{
  VyreNodeList *body;
  g_autoptr (VyreProgram) p = new_program (&body, 2);
  VyreFindings *findings;
  g_autofree char *codes = NULL;

  body->nodes[0] = statement (
      p, VYRE_NODE_LET, "x", named (p, VYRE_EXPR_OPAQUE, "", NULL), NULL);
  body->nodes[1] = statement (p, VYRE_NODE_OPAQUE, "", NULL, NULL);
  expect (p, NULL, "V030 V031");

  p->workgroup_size[0] = p->workgroup_size[2] = 0;
  p->buffers[0].access = VYRE_ACCESS_WORKGROUP;
  codes = codes_of (p, NULL, &findings);
  g_assert_cmpstr (codes, ==, "P3*2 P6 V030 V031");
  g_assert_cmpstr (
      ((VyreFinding *) g_ptr_array_index (findings->errors, 1))->path, ==,
      "workgroup_size[2]");
  g_assert_cmpstr (
      ((VyreFinding *) g_ptr_array_index (findings->errors, 2))->path, ==,
      "buffers[0]");
  vyre_findings_free (findings);
}

/* A buffer of vectors, which neither file nor text can declare. */
static void
test_vectors (void)
{
  VyreNodeList *body;
  g_autoptr (VyreProgram) p = new_program (&body, 2);
  VyreExpr *load =
      named (p, VYRE_EXPR_LOAD, "v", literal (p, VYRE_EXPR_LIT_U32, 0));

  body->nodes[0] = statement (p, VYRE_NODE_LET, "x", load, NULL);
  body->nodes[1] = statement (p, VYRE_NODE_STORE, "v",
      literal (p, VYRE_EXPR_LIT_U32, 0), named (p, VYRE_EXPR_VAR, "x", NULL));
  expect (p, NULL, "");
  expect (p, &VYRE_VALIDATE_OPTIONS_ENGINE, "X17*2");
}

/* --- depth -------------------------------------------------------------------- */

/* Blocks around "let x = nope": depth of its list is n + 1. */
static VyreProgram *
deep_blocks (guint n)
{
  VyreNodeList *body;
  VyreProgram *p = new_program (&body, 1);

  for (guint i = 0; i < n; i++) {
    VyreNode *block =
        vyre_program_node (p, i % 2 == 0 ? VYRE_NODE_BLOCK : VYRE_NODE_REGION);

    set_list (p, &block->body, 1);
    body->nodes[0] = block;
    body = &block->body;
  }
  body->nodes[0] = statement (
      p, VYRE_NODE_LET, "x", named (p, VYRE_EXPR_VAR, "nope", NULL), NULL);
  return p;
}

static void
test_deep_lists (void)
{
  g_autoptr (VyreProgram) fits = deep_blocks (63);
  g_autoptr (VyreProgram) over = deep_blocks (64);
  g_autoptr (VyreProgram) far = deep_blocks (1000000);
  VyreFindings *findings;
  VyreFinding *finding;
  g_autofree char *codes = NULL;

  expect (fits, NULL, "E1");
  expect (over, NULL, "V018 E1");
  expect (over, &VYRE_VALIDATE_OPTIONS_ENGINE, "V018 E1");

  /* Everything below is examined all the same. */
  codes = codes_of (far, &VYRE_VALIDATE_OPTIONS_ENGINE, &findings);
  g_assert_cmpstr (codes, ==, "V018 V019 E1");
  finding = g_ptr_array_index (findings->errors, 2);
  g_assert_cmpuint (strlen (finding->path), <, 1024);
  g_assert_true (g_str_has_prefix (finding->path, "entry[0].body[0].body[0]"));
  g_assert_true (g_str_has_suffix (finding->path, ".body[0].value"));
  g_assert_nonnull (strstr (finding->path, "..."));
  vyre_findings_free (findings);
}

/* n additions of 1.0 around one more. */
static VyreProgram *
deep_sum (guint n, VyreExprKind kind)
{
  VyreNodeList *body;
  VyreProgram *p = new_program (&body, 1);
  VyreExpr *sum = literal (p, kind, 0);

  for (guint i = 0; i < n; i++) {
    VyreExpr *outer = vyre_program_expr (p, VYRE_EXPR_BIN_OP, 2);

    outer->op = VYRE_BIN_ADD;
    outer->args[0] = sum;
    outer->args[1] = literal (p, VYRE_EXPR_LIT_F32, 0x3f800000);
    sum = outer;
  }
  body->nodes[0] = statement (p, VYRE_NODE_LET, "x", sum, NULL);
  return p;
}

static void
test_deep_expressions (void)
{
  g_autoptr (VyreProgram) fits = deep_sum (128, VYRE_EXPR_LIT_F32);
  g_autoptr (VyreProgram) over = deep_sum (129, VYRE_EXPR_LIT_F32);
  g_autoptr (VyreProgram) far = deep_sum (1000000, VYRE_EXPR_LIT_F32);
  g_autoptr (VyreProgram) wrong = deep_sum (128, VYRE_EXPR_LIT_U32);
  g_autoptr (VyreProgram) unseen = deep_sum (400, VYRE_EXPR_LIT_U32);

  expect (fits, &VYRE_VALIDATE_OPTIONS_ENGINE, "");
  /* Both operands of the innermost addition are too deep. */
  expect (over, NULL, "V033*2");
  expect (over, &VYRE_VALIDATE_OPTIONS_ENGINE, "V033*2");
  /* The type comes up from below all the same. */
  expect (far, &VYRE_VALIDATE_OPTIONS_ENGINE, "V033*2");
  /* u32 + f32 is taken for u32, which goes on upwards. */
  expect (wrong, NULL, "E7*128");
  expect (unseen, NULL, "V033*2 E7*129");
}

/* If after If in the else, with a Barrier at the end: tens of thousands of
 * conditions that join on the way out. */
static void
test_deep_conditions (void)
{
  VyreNodeList *body;
  g_autoptr (VyreProgram) p = new_program (&body, 1);
  gint64 start = g_get_monotonic_time ();

  for (guint i = 0; i < 50000; i++) {
    VyreNode *node = statement (
        p, VYRE_NODE_IF, "", named (p, VYRE_EXPR_BUF_LEN, "o", NULL), NULL);

    set_list (p, &node->otherwise, 1);
    body->nodes[0] = node;
    body = &node->otherwise;
  }
  body->nodes[0] = vyre_program_node (p, VYRE_NODE_BARRIER);
  body->nodes[0]->ordering = VYRE_ORDER_SEQ_CST;
  expect (p, &VYRE_VALIDATE_OPTIONS_ENGINE, "V018");
  g_assert_cmpfloat (seconds_since (start), <, 20);
}

/* --- sizes -------------------------------------------------------------------- */

static void
test_statements (void)
{
  for (guint n = 99999; n <= 100001; n++) {
    VyreNodeList *body;
    g_autoptr (VyreProgram) p = new_program (&body, n);

    /* The Region counts, too. */
    for (guint i = 0; i < n; i++)
      body->nodes[i] = statement (p, VYRE_NODE_RESUME, "", NULL, NULL);
    expect (p, NULL, n == 99999 ? "" : "V019");
  }
}

static void
test_many_findings (void)
{
  const VyreValidateOptions few = { .max_findings = 3 };
  VyreNodeList *body;
  g_autoptr (VyreProgram) p = new_program (&body, 300000);
  VyreFindings *findings;
  g_autofree char *codes = NULL, *some = NULL;
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();

  for (guint i = 0; i < body->n_nodes; i++)
    body->nodes[i] = statement (
        p, VYRE_NODE_LET, "x", named (p, VYRE_EXPR_VAR, "nope", NULL), NULL);
  codes = codes_of (p, NULL, &findings);
  g_assert_cmpuint (findings->errors->len, ==, VYRE_VALIDATE_MAX_FINDINGS);
  /* E1 each, V032 for all but the first, V019. */
  g_assert_cmpuint (
      findings->n_unlisted, ==, 600000 - VYRE_VALIDATE_MAX_FINDINGS);
  vyre_findings_free (findings);

  some = codes_of (p, &few, &findings);
  g_assert_cmpstr (some, ==, "E1*2 V032");
  g_assert_cmpuint (findings->n_unlisted, ==, 600000 - 3);
  vyre_findings_free (findings);

  g_assert_false (vyre_program_check (p, NULL, &error));
  g_assert_nonnull (strstr (error->message, "\nand "));
  g_assert_cmpuint (strlen (error->message), <, 100000);
  g_assert_cmpfloat (seconds_since (start), <, 20);
}

/* Every statement touches every one of many buffers, in many lists. */
static void
test_many_buffers (void)
{
  const guint n_buffers = 4096, n_lists = 400;
  VyreNodeList *body;
  g_autoptr (VyreProgram) p = new_program (&body, n_lists);
  char (*names)[16] = vyre_program_alloc (p, n_buffers * sizeof *names);
  gint64 start = g_get_monotonic_time ();

  p->n_buffers = n_buffers;
  p->buffers = vyre_program_alloc (p, n_buffers * sizeof *p->buffers);
  for (guint i = 0; i < n_buffers; i++) {
    g_snprintf (names[i], sizeof *names, "b%u", i);
    p->buffers[i] = (VyreBuffer){ .name = str (names[i]),
      .binding = i,
      .access = VYRE_ACCESS_READ_WRITE,
      .element = &u32_type };
  }
  for (guint i = 0; i < n_lists; i++) {
    VyreExpr *call = vyre_program_expr (p, VYRE_EXPR_CALL, n_buffers);
    VyreNode *block = vyre_program_node (p, VYRE_NODE_BLOCK);

    call->name = str ("f");
    for (guint k = 0; k < n_buffers; k++)
      call->args[k] = named (p, VYRE_EXPR_BUF_LEN, names[k], NULL);
    set_list (p, &block->body, 1);
    block->body.nodes[0] = statement (p, VYRE_NODE_LET, "x", call, NULL);
    body->nodes[i] = block;
  }
  expect (p, NULL, "");
  g_assert_cmpfloat (seconds_since (start), <, 20);
}

/* Types of thousands of levels that differ at the bottom only, compared again
 * and again. */
static void
test_long_types (void)
{
  const guint n_uses = 50000, n_levels = 8000;
  VyreNodeList *body;
  g_autoptr (VyreProgram) p = new_program (&body, n_uses + 2);
  gint64 start = g_get_monotonic_time ();
  VyreFindings *findings;
  g_autofree char *codes = NULL;

  for (guint i = 0; i < 2; i++) {
    VyreType *type = vyre_program_alloc (p, sizeof *type);
    VyreExpr *cast =
        named (p, VYRE_EXPR_CAST, "", literal (p, VYRE_EXPR_LIT_U32, 0));

    type->kind = VYRE_TYPE_HANDLE;
    type->a = i;
    for (guint k = 0; k < n_levels; k++) {
      VyreType *outer = vyre_program_alloc (p, sizeof *outer);

      outer->kind = VYRE_TYPE_SPARSE_CSR;
      outer->element = type;
      type = outer;
    }
    cast->type = type;
    body->nodes[i] =
        statement (p, VYRE_NODE_LET, i == 0 ? "x" : "y", cast, NULL);
  }
  for (guint i = 0; i < n_uses; i++)
    body->nodes[i + 2] = statement (
        p, VYRE_NODE_ASSIGN, "x", named (p, VYRE_EXPR_VAR, "y", NULL), NULL);
  codes = codes_of (p, NULL, &findings);
  g_assert_cmpstr (codes, ==, "V012*2 V045*9998");
  g_assert_cmpuint (findings->n_unlisted, ==, n_uses - 9998);
  for (guint i = 0; i < findings->errors->len; i++) {
    const VyreFinding *finding = g_ptr_array_index (findings->errors, i);

    g_assert_cmpuint (strlen (finding->message), <, 1000);
  }
  vyre_findings_free (findings);
  g_assert_cmpfloat (seconds_since (start), <, 20);
}

/* --- threads ------------------------------------------------------------------ */

static gpointer
validate_often (gpointer data)
{
  for (guint i = 0; i < 200; i++)
    expect (data, &VYRE_VALIDATE_OPTIONS_ENGINE, "V032");
  return NULL;
}

static void
test_threads (void)
{
  VyreNodeList *body;
  g_autoptr (VyreProgram) p = new_program (&body, 2);
  GThread *threads[4];

  body->nodes[0] = let_u32 (p, "x", 1);
  body->nodes[1] = let_u32 (p, "x", 2);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("validate", validate_often, p);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/validate/memory/rules", test_rules);
  g_test_add_func ("/validate/memory/vectors", test_vectors);
  g_test_add_func ("/validate/memory/deep-lists", test_deep_lists);
  g_test_add_func ("/validate/memory/deep-expressions", test_deep_expressions);
  g_test_add_func ("/validate/memory/deep-conditions", test_deep_conditions);
  g_test_add_func ("/validate/memory/statements", test_statements);
  g_test_add_func ("/validate/memory/many-findings", test_many_findings);
  g_test_add_func ("/validate/memory/many-buffers", test_many_buffers);
  g_test_add_func ("/validate/memory/long-types", test_long_types);
  g_test_add_func ("/validate/memory/threads", test_threads);
  return g_test_run ();
}
