/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every recorded validation is repeated: the same rules in the same order and
 * as often, with and without subgroup support. */
#include "../fixture-tools.h"

#include "lower/isa.h"
#include "lower/lower.h"
#include "vir0/validate.h"

static const char *const folders[] = { "features", "ops", "realistic",
  "runtime_error", "opaque", "lenient", "invalid" };

/* Recorded texts without a public code, and the rule they are about. */
static const struct
{
  const char *text, *code;
} rules[] = {
  { "AbsDiff has", "E5" },
  { "Node::If condition", "S7" },
  { "Node::Loop * bound", "S8" },
  { "Node::Store buffer * index has", "S6" },
  { "Node::Store buffer * value has", "S5" },
  { "Saturating arithmetic", "E4" },
  { "assignment to undeclared variable", "S2" },
  { "async stream tag is empty", "S11" },
  { "atomic on unknown buffer", "S3" },
  { "atomic value type", "E19" },
  { "binary operation * has type `bool`, but numeric arithmetic", "E6" },
  { "binary operation * legal integer set is", "E9" },
  { "binary operation * logical And/Or operands", "E11" },
  { "binary operation * shift/rotate operands", "E10" },
  { "binary operation * Legal set for Mod", "E8" },
  { "binary operation * mismatched numeric types", "E7" },
  { "binary operation * 64-bit integer arithmetic", "E3" },
  { "binary operation * requires backend subgroup semantics", "E13" },
  { "compare-exchange atomic is missing", "E20" },
  { "non-compare-exchange atomic includes", "E20" },
  { "duplicate binding slot", "P5" },
  { "duplicate buffer name", "P4" },
  { "fusion hazard on buffer", "S12" },
  { "indirect dispatch", "S10" },
  { "invocation/workgroup ID axis", "E2" },
  { "load from unknown buffer", "S3" },
  { "store to unknown buffer", "S3" },
  { "output buffer * unsupported element type", "P7" },
  { "program entry has no top-level Region", "P1" },
  { "program entry node", "P2" },
  { "reference to undeclared variable", "E1" },
  { "store to non-writable buffer", "S4" },
  { "unary operation * is not recognized", "E18" },
  { "unary operation * legal total Negate types", "E14" },
  { "unary operation * legal integer set is", "E16" },
  { "unary operation * legal set for math ops", "E17" },
  { "unreachable statements after", "S9" },
};

static const char *
expected_code (const char *code, const char *text)
{
  if (strcmp (code, "-") != 0)
    return code;
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++) {
    g_autofree char *pattern = g_strconcat (rules[i].text, "*", NULL);

    if (g_pattern_match_simple (pattern, text))
      return rules[i].code;
  }
  g_error ("no rule is known for \"%s\"", text);
}

static void
compare_list (
    const char *name, GPtrArray *got, JsonArray *codes, JsonArray *texts)
{
  g_autoptr (GString) expected_list = g_string_new (NULL);
  g_autoptr (GString) got_list = g_string_new (NULL);

  for (guint i = 0; i < json_array_get_length (texts); i++) {
    const char *text = json_array_get_string_element (texts, i);
    const char *code =
        codes ? json_array_get_string_element (codes, i) : "V035";

    g_string_append_printf (expected_list, " %s", expected_code (code, text));
  }
  for (guint i = 0; i < got->len; i++) {
    const VyreFinding *finding = g_ptr_array_index (got, i);

    g_string_append_printf (got_list, " %s", finding->code);
    g_assert_cmpint (finding->has_public_code, ==, finding->code[0] == 'V');
    g_assert_cmpstr (finding->message, !=, "");
    g_assert_true (g_utf8_validate (finding->message, -1, NULL));
  }
  if (strcmp (expected_list->str, got_list->str) != 0)
    g_error ("%s: expected%s, got%s", name, expected_list->str, got_list->str);
}

static void
compare (const char *name, const VyreProgram *program, gboolean subgroups,
    JsonObject *expected)
{
  VyreValidateOptions options = { .subgroup_support = subgroups };
  g_autoptr (VyreFindings) findings = vyre_program_validate (program, &options);
  g_autoptr (GError) error = NULL;
  gboolean valid = vyre_program_check (program, &options, &error);

  compare_list (name, findings->errors,
      json_object_get_array_member (expected, "codes"),
      json_object_get_array_member (expected, "errors"));
  if (json_object_has_member (expected, "warnings"))
    compare_list (name, findings->warnings, NULL,
        json_object_get_array_member (expected, "warnings"));
  g_assert_cmpint (valid, ==, findings->errors->len == 0);
  if (!valid)
    g_assert_error (error, VYRE_VALIDATE_ERROR, VYRE_VALIDATE_ERROR_INVALID);
}

/* What the engine runs must pass its checks; what it does not pass must not be
 * recorded as running. */
static void
compare_engine (const char *name, VyreProgram *program, JsonObject *root)
{
  static const VyreLowerOptions lower = { .max_registers =
                                              VYRE_I_MAX_REGISTERS };
  g_autoptr (GError) lower_error = NULL, error = NULL;
  g_autoptr (VyreLowered) lowered = vyre_lower (program, &lower, &lower_error);
  gboolean valid =
      vyre_program_check (program, &VYRE_VALIDATE_OPTIONS_ENGINE, &error);
  JsonObject *run = json_object_has_member (root, "run")
                        ? json_object_get_object_member (root, "run")
                        : NULL;
  const char *status =
      run ? json_object_get_string_member (run, "status") : NULL;

  if (valid)
    return;
  if (g_strcmp0 (status, "ok") == 0)
    g_error ("%s runs, but: %s", name, error->message);
  if (g_strcmp0 (status, "error") == 0 && lowered)
    g_test_message ("%s is refused now: %s", name, error->message);
}

static guint
test_folder (const char *folder)
{
  const char *root = g_getenv ("VYRE_FIXTURES");
  g_autofree char *path = g_build_filename (root, folder, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (path, 0, &error);
  const char *name;
  guint n = 0;

  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *json_path = g_build_filename (path, name, NULL);
    g_autofree char *blob_path = NULL;
    g_autoptr (JsonParser) parser = NULL;
    g_autoptr (VyreProgram) program = NULL;
    JsonObject *object, *validation;

    if (!g_str_has_suffix (name, ".json"))
      continue;
    object = load_json (json_path, &parser);
    g_assert_true (json_object_has_member (object, "validation"));

    blob_path = g_strdup_printf (
        "%.*s.vir0", (int) (strlen (json_path) - strlen (".json")), json_path);
    program = load_program (blob_path, NULL);

    validation = json_object_get_object_member (object, "validation");
    compare (name, program, FALSE,
        json_object_get_object_member (validation, "default"));
    /* Not recorded in lenient/. */
    if (json_object_has_member (validation, "with_subgroup_ops"))
      compare (name, program, TRUE,
          json_object_get_object_member (validation, "with_subgroup_ops"));
    else
      g_assert_cmpstr (folder, ==, "lenient");
    compare_engine (name, program, object);
    n++;
  }
  return n;
}

static void
test_fixtures (gconstpointer data)
{
  const char *root = g_getenv ("VYRE_FIXTURES");
  guint n;

  if (!root || !*root) {
    g_test_skip ("VYRE_FIXTURES names no folder");
    return;
  }
  n = test_folder (data);
  g_assert_cmpuint (n, >, 0);
  g_test_message ("%s: %u programs", (const char *) data, n);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *path = g_strconcat ("/validate/", folders[i], NULL);

    g_test_add_data_func (path, folders[i], test_fixtures);
  }
  return g_test_run ();
}
