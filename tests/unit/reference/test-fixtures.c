/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every recorded case that runs, through the reference executor: bytes equal to
 * the recorded ones, schedule-dependent cases included, and the recorded
 * faults. */
#include "../fixture-tools.h"
#include "support.h"

#include <string.h>

/* Worst distance in units in the last place, by function. */
static guint32 worst[VYRE_UN_RECIPROCAL + 1];

/* How far a recorded value may be: section 27 lets the true ones be as far. */
#define MAX_ULPS 4

static const struct
{
  const char *name;
  VyreReferenceError code;
} faults[] = {
  { "async_load_short_form", VYRE_REFERENCE_ERROR_BUFFER },
  { "async_wait_missing", VYRE_REFERENCE_ERROR_ASYNC },
  { "async_wait_without_start", VYRE_REFERENCE_ERROR_ASYNC },
  { "atomic_compareexchangeweak", VYRE_REFERENCE_ERROR_ATOMIC },
  { "bin_i32_div_by_zero", VYRE_REFERENCE_ERROR_DIVISION },
  { "bin_i32_mod_by_zero", VYRE_REFERENCE_ERROR_DIVISION },
  { "bin_i32_mulhigh", VYRE_REFERENCE_ERROR_OPERANDS },
  { "call_unknown_op", VYRE_REFERENCE_ERROR_UNSUPPORTED },
  { "cast_i32_to_u64", VYRE_REFERENCE_ERROR_CAST },
  { "cast_i64_to_i32", VYRE_REFERENCE_ERROR_CAST },
  { "cast_i64_to_u32", VYRE_REFERENCE_ERROR_CAST },
  { "cast_u64_to_i32", VYRE_REFERENCE_ERROR_CAST },
  { "cast_vec2u32_to_i32", VYRE_REFERENCE_ERROR_CAST },
  { "cast_vec4u32_to_u32", VYRE_REFERENCE_ERROR_CAST },
  { "cast_vec4u32_to_u64", VYRE_REFERENCE_ERROR_CAST },
  { "collective_all_reduce_group7", VYRE_REFERENCE_ERROR_COLLECTIVE },
  { "collective_broadcast_root1", VYRE_REFERENCE_ERROR_COLLECTIVE },
  { "collective_reduce_scatter_min", VYRE_REFERENCE_ERROR_COLLECTIVE },
  { "elem_copy_tensor", VYRE_REFERENCE_ERROR_INPUT },
  { "i32_computed_zero_divisor", VYRE_REFERENCE_ERROR_DIVISION },
  { "i32_negative_index_load", VYRE_REFERENCE_ERROR_INDEX },
  { "indirect_dispatch", VYRE_REFERENCE_ERROR_UNSUPPORTED },
  { "input_too_short", VYRE_REFERENCE_ERROR_INPUT },
  { "opaque_binop", VYRE_REFERENCE_ERROR_OPERANDS },
  { "opaque_datatype_max", VYRE_REFERENCE_ERROR_INPUT },
  { "opaque_datatype_min", VYRE_REFERENCE_ERROR_INPUT },
  { "opaque_expr", VYRE_REFERENCE_ERROR_UNSUPPORTED },
  { "opaque_expr_empty_payload", VYRE_REFERENCE_ERROR_UNSUPPORTED },
  { "opaque_node", VYRE_REFERENCE_ERROR_UNSUPPORTED },
  { "opaque_node_top_level", VYRE_REFERENCE_ERROR_UNSUPPORTED },
  { "subgroup_local_id", VYRE_REFERENCE_ERROR_SUBGROUP },
  { "subgroup_size", VYRE_REFERENCE_ERROR_SUBGROUP },
  { "trap_taken", VYRE_REFERENCE_ERROR_UNSUPPORTED },
  { "unsupported_bin_f32_absdiff", VYRE_REFERENCE_ERROR_OPERANDS },
  { "unsupported_bin_f32_mulhigh", VYRE_REFERENCE_ERROR_OPERANDS },
  { "unsupported_bin_f32_wrappingadd", VYRE_REFERENCE_ERROR_OPERANDS },
};

static VyreReferenceError
fault_of (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (faults); i++)
    if (g_str_equal (faults[i].name, name))
      return faults[i].code;
  g_error ("%s fails, and no code is known for it", name);
}

static GPtrArray *
recorded_inputs (const VyreProgram *program, JsonArray *buffers)
{
  GPtrArray *inputs =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  for (guint i = 0; i < program->n_buffers; i++) {
    JsonObject *buffer = json_array_get_object_element (buffers, i);
    VyreRole role = vyre_buffer_role (&program->buffers[i]);
    const char *hex = text_of (buffer, "input_hex");

    if (role == VYRE_ROLE_INPUT || role == VYRE_ROLE_INOUT)
      g_ptr_array_add (inputs, reference_hex (hex ? hex : ""));
  }
  return inputs;
}

/* --- floats -------------------------------------------------------------- */

/* The functions that a program owes a distance to. */
static void
find_functions (const VyreExpr *expr, gboolean *functions)
{
  if (expr->kind == VYRE_EXPR_UN_OP && reference_is_transcendental (expr->op))
    functions[expr->op] = TRUE;
  for (guint i = 0; i < expr->n_args; i++)
    find_functions (expr->args[i], functions);
}

static void
find_functions_in_list (const VyreNodeList *list, gboolean *functions)
{
  for (guint i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];

    for (guint j = 0; j < node->n_exprs; j++)
      find_functions (node->exprs[j], functions);
    find_functions_in_list (&node->body, functions);
    find_functions_in_list (&node->otherwise, functions);
  }
}

static guint32
word (const guint8 *data, gsize index)
{
  guint32 value;

  memcpy (&value, data + 4 * index, 4);
  return GUINT32_FROM_LE (value);
}

static guint32
distance (guint32 a, guint32 b)
{
  guint32 x = a >> 31 ? ~a : a | 0x80000000u;
  guint32 y = b >> 31 ? ~b : b | 0x80000000u;

  return x > y ? x - y : y - x;
}

static void
compare_floats (const char *name, const gboolean *functions, gboolean zeros,
    const guint8 *got, const guint8 *wanted, gsize length)
{
  for (gsize i = 0; i < length / 4; i++) {
    guint32 g = word (got, i), w = word (wanted, i), ulps = distance (g, w);
    gboolean inexact = FALSE;

    if (zeros && ((g | w) & 0x7fffffff) == 0)
      continue;
    for (guint op = 0; op < G_N_ELEMENTS (worst); op++) {
      if (functions[op])
        worst[op] = MAX (worst[op], ulps);
      inexact |= functions[op];
    }
    if (ulps > (inexact ? MAX_ULPS : 0))
      g_error ("%s: element %" G_GSIZE_FORMAT " is %08x instead of %08x", name,
          i, g, w);
  }
}

static void
compare (const char *name, const VyreProgram *program, const VyreBuffer *decl,
    GBytes *got, GBytes *wanted)
{
  gboolean functions[G_N_ELEMENTS (worst)] = { FALSE };
  gsize got_length, length;
  const guint8 *g = g_bytes_get_data (got, &got_length);
  const guint8 *w = g_bytes_get_data (wanted, &length);

  g_assert_cmpuint (got_length, ==, length);
  find_functions_in_list (&program->entry, functions);
  if (decl->element->kind == VYRE_TYPE_F32 && length % 4 == 0)
    compare_floats (
        name, functions, g_str_has_prefix (name, "bin_f32_m"), g, w, length);
  else
    g_assert_cmpmem (g, got_length, w, length);
}

static void
compare_all (const char *name, const VyreProgram *program, JsonArray *buffers,
    const GPtrArray *outputs)
{
  guint next = 0;

  for (guint i = 0; i < program->n_buffers; i++) {
    const char *hex =
        text_of (json_array_get_object_element (buffers, i), "output_hex");
    g_autoptr (GBytes) wanted = NULL;

    if (!hex)
      continue;
    g_assert_cmpuint (next, <, outputs->len);
    wanted = reference_hex (hex);
    compare (name, program, &program->buffers[i],
        g_ptr_array_index (outputs, next++), wanted);
  }
  g_assert_cmpuint (next, ==, outputs->len);
}

/* --- cases --------------------------------------------------------------- */

static void
test_case (gconstpointer data)
{
  const char *base = data;
  g_autofree char *name = g_path_get_basename (base);
  g_autofree char *json = g_strdup_printf ("%s.json", base);
  g_autofree char *vir0 = g_strdup_printf ("%s.vir0", base);
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (VyreProgram) program = load_program (vir0, NULL);
  g_autoptr (GPtrArray) inputs = NULL;
  g_autoptr (GPtrArray) outputs = NULL;
  g_autoptr (GError) error = NULL;
  VyreReferenceOptions options = VYRE_REFERENCE_OPTIONS_DEFAULT;
  JsonObject *root;
  JsonArray *buffers;
  const char *status;
  gboolean ok;

  root = load_json (json, &parser);
  buffers = json_object_get_array_member (root, "buffers");
  status = text_of (json_object_get_object_member (root, "run"), "status");
  inputs = recorded_inputs (program, buffers);
  options.max_steps = 100000000;
  ok = vyre_reference_run (program, &options, (GBytes **) inputs->pdata,
      inputs->len, &outputs, &error);

  if (g_str_equal (status, "ok")) {
    g_assert_no_error (error);
    g_assert_true (ok);
    compare_all (name, program, buffers, outputs);
    return;
  }
  g_assert_cmpstr (status, ==, "error");
  g_assert_false (ok);
  g_assert_null (outputs);
  g_test_message ("%s", error->message);
  g_assert_error (error, VYRE_REFERENCE_ERROR, (int) fault_of (name));
}

/* What the validator finds keeps a program from running, whatever its inputs,
 * but for what the repairs of section 3 refuse before that. */
static void
test_invalid (gconstpointer data)
{
  const char *base = data;
  g_autofree char *json = g_strdup_printf ("%s.json", base);
  g_autofree char *vir0 = g_strdup_printf ("%s.vir0", base);
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (VyreProgram) program = load_program (vir0, NULL);
  g_autoptr (GPtrArray) outputs = NULL;
  g_autoptr (GError) error = NULL;
  JsonObject *with_subgroups;
  guint n_errors;

  with_subgroups = json_object_get_object_member (
      json_object_get_object_member (load_json (json, &parser), "validation"),
      "with_subgroup_ops");
  n_errors = json_array_get_length (
      json_object_get_array_member (with_subgroups, "errors"));
  if (vyre_reference_run (program, NULL, NULL, 0, &outputs, &error)) {
    /* Invalid only without subgroups, or as long as nothing puts a Region
     * around the statements and drops collectives. */
    g_assert_true (n_errors == 0 ||
                   g_str_has_suffix (base, "/entry_not_region") ||
                   g_str_has_suffix (base, "/collective_unknown_buffer"));
    return;
  }
  g_assert_cmpuint (n_errors, >, 0);
  g_assert_cmpint (error->domain, ==, VYRE_REFERENCE_ERROR);
  g_assert_cmpint (error->code, <=, VYRE_REFERENCE_ERROR_VALIDATION);
}

static void
print_worst (void)
{
  for (guint op = 0; op < G_N_ELEMENTS (worst); op++) {
    if (reference_is_transcendental (op))
      g_print (
          "# worst distance of %s: %u ULP\n", vyre_un_op_name (op), worst[op]);
  }
}

static void
test_no_fixtures (void)
{
  g_test_skip ("VYRE_FIXTURES names no folder of fixtures");
}

static guint
add_folder (const char *fixtures, const char *folder, GTestDataFunc function)
{
  g_autofree char *path = g_build_filename (fixtures, folder, NULL);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *entry;
  guint n = 0;

  while (dir && (entry = g_dir_read_name (dir))) {
    g_autofree char *base = NULL, *test = NULL;

    if (!g_str_has_suffix (entry, ".vir0"))
      continue;
    base = g_strdup_printf (
        "%s/%.*s", path, (int) (strlen (entry) - strlen (".vir0")), entry);
    test = g_strdup_printf ("/reference/%s/%.*s", folder,
        (int) (strlen (entry) - strlen (".vir0")), entry);
    g_test_add_data_func_full (test, g_steal_pointer (&base), function, g_free);
    n++;
  }
  return n;
}

int
main (int argc, char **argv)
{
  static const char *const folders[] = { "features", "ops", "realistic",
    "opaque", "runtime_error" };
  const char *fixtures = g_getenv ("VYRE_FIXTURES");
  guint n = 0;
  int result;

  g_test_init (&argc, &argv, NULL);
  if (fixtures && *fixtures)
    for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
      n += add_folder (fixtures, folders[i], test_case);
  if (n > 0)
    n += add_folder (fixtures, "invalid", test_invalid);
  else
    g_test_add_func ("/reference/fixtures", test_no_fixtures);
  result = g_test_run ();
  print_worst ();
  return result;
}
