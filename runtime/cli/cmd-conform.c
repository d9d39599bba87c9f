/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "conform.h"
#include "conform-expect.h"
#include "conform-runtime.h"
#include "reference.h"

#include "lower/lower.h"
#include "reference/reference.h"
#include "vir0/blake3.h"
#include "vir0/validate.h"

#include <stdio.h>
#include <string.h>

/* vyre conform: folders of recorded cases, NAME.json with NAME.vir0 beside
 * it. What a case expects follows from its category. Those of the ring
 * protocol are many in a file, without programs: conform-runtime.h. */

/* A case that takes longer is taken for endless. */
#define CASE_TIMEOUT (60 * G_USEC_PER_SEC)
#define CASE_MAX_STEPS 100000000
#define MAX_CASE_FILE ((gsize) 256 * 1024 * 1024)

typedef enum
{
  CASE_PASSED,
  CASE_FAILED,
  CASE_REFUSED, /* with the code that the list of refusals has for it */
} Outcome;

typedef struct
{
  gint device;
  gboolean verbose;
  const char *engine;
  gboolean reference; /* no device */
  char *only; /* pattern for category/name, or NULL */
  CliSession *session; /* opened by the first case that runs */
  GError *session_error;
  ConformTally tally;
  GHashTable *refused; /* case -> code, or NULL */
  guint n[3]; /* by outcome */
  gboolean broken; /* something other than a case failed */
} Conform;

/* --- JSON ---------------------------------------------------------------- */

static const char *
get_string (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node)
                                              : NULL;
}

static GBytes *
get_hex (JsonObject *object, const char *member)
{
  const char *hex = get_string (object, member);
  gsize length = hex ? strlen (hex) : 0;
  guint8 *data;

  if (!hex)
    return NULL;
  data = g_malloc (length / 2 + 1);
  for (gsize i = 0; i + 1 < length; i += 2)
    data[i / 2] = (guint8) ((g_ascii_xdigit_value (hex[i]) & 15) << 4 |
                            (g_ascii_xdigit_value (hex[i + 1]) & 15));
  return g_bytes_new_take (data, length / 2);
}

/* --- cases of the decoder ------------------------------------------------ */

/* The program in one of the forms that a case may have. */
static VyreProgram *
decode_case (const ConformCase *c, VyreWireFlags flags, GError **error)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (c->blob, &length);

  if (g_str_has_prefix (c->name, "text/"))
    return vyre_program_decode_hex ((const char *) data, length, flags, error);
  return vyre_program_decode (data, length, flags, error);
}

static Outcome
check_rejected (const ConformCase *c, char **why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = decode_case (c, VYRE_WIRE_STRICT, &error);
  VyreWireError wanted = conform_expected_rejection (c->meta);

  if (wanted == VYRE_WIRE_N_ERRORS) {
    *why = g_strdup ("the recorded error is not known");
    return CASE_FAILED;
  }
  if (program) {
    *why = g_strdup ("was decoded");
    return CASE_FAILED;
  }
  *why = g_strdup (error->message);
  if (g_error_matches (error, VYRE_WIRE_ERROR, (int) wanted))
    return CASE_PASSED;
  g_free (*why);
  *why = g_strdup_printf ("was rejected, but not for %s: %s",
      vyre_wire_error_name (wanted), error->message);
  return CASE_FAILED;
}

/* Without the types that the encoder refuses, the same program encodes. */
static Outcome
check_unencodable (const ConformCase *c, char **why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      conform_build_program (c->meta, FALSE, &error);
  g_autoptr (VyreProgram) control = NULL;
  g_autoptr (GBytes) blob = NULL;
  g_autoptr (GBytes) control_blob = NULL;

  if (!program || !(control = conform_build_program (c->meta, TRUE, &error)) ||
      !(control_blob = vyre_program_encode (control, &error))) {
    *why = g_strdup (error->message);
    return CASE_FAILED;
  }
  blob = vyre_program_encode (program, &error);
  *why = g_strdup (blob ? "was encoded" : error->message);
  return g_error_matches (error, VYRE_WIRE_ERROR, VYRE_WIRE_ERROR_ENCODE)
             ? CASE_PASSED
             : CASE_FAILED;
}

/* A good hex form: encoding gives the same text. */
static Outcome
check_hex (const ConformCase *c, char **why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = decode_case (c, VYRE_WIRE_STRICT, &error);
  g_autofree char *again = NULL;
  gsize length;
  const char *text = g_bytes_get_data (c->blob, &length);

  if (program)
    again = vyre_program_encode_hex (program, &error);
  if (!again) {
    *why = g_strdup (error->message);
    return CASE_FAILED;
  }
  if (strlen (again) == length && memcmp (again, text, length) == 0)
    return CASE_PASSED;
  *why = g_strdup ("encodes to another text");
  return CASE_FAILED;
}

/* The codes of what the validator finds, "-" for rules without a public one. */
static gboolean
check_codes (const char *how, const VyreProgram *program, gboolean subgroups,
    JsonObject *recorded, char **why)
{
  VyreValidateOptions options = { .subgroup_support = subgroups };
  g_autoptr (VyreFindings) findings = vyre_program_validate (program, &options);
  JsonArray *codes = json_object_get_array_member (recorded, "codes");
  g_autoptr (GString) found = g_string_new (NULL);
  g_autoptr (GString) wanted = g_string_new (NULL);

  for (guint i = 0; i < findings->errors->len; i++) {
    const VyreFinding *finding = g_ptr_array_index (findings->errors, i);

    g_string_append_printf (
        found, " %s", finding->has_public_code ? finding->code : "-");
  }
  for (guint i = 0; i < json_array_get_length (codes); i++)
    g_string_append_printf (
        wanted, " %s", json_array_get_string_element (codes, i));
  if (strcmp (found->str, wanted->str) == 0)
    return TRUE;
  *why = g_strdup_printf (
      "validates (%s) with%s; wanted:%s", how, found->str, wanted->str);
  return FALSE;
}

static gboolean
check_validation (const ConformCase *c, const VyreProgram *program, char **why)
{
  static const char *const members[] = { "default", "with_subgroup_ops" };
  JsonObject *validation;

  if (!json_object_has_member (c->meta, "validation"))
    return TRUE;
  validation = json_object_get_object_member (c->meta, "validation");
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (json_object_has_member (validation, members[i]) &&
        !check_codes (members[i], program, i == 1,
            json_object_get_object_member (validation, members[i]), why))
      return FALSE;
  return TRUE;
}

/* Decodes and checks what is recorded about the encoding and about validity. */
static VyreProgram *
check_decoded (const ConformCase *c, VyreWireFlags flags, char **why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = decode_case (c, flags, &error);
  g_autoptr (GBytes) again = NULL;
  g_autoptr (GBytes) recorded = get_hex (c->meta, "reencoded_hex");
  const char *hash = get_string (c->meta, "content_hash");
  guint8 fingerprint[VYRE_DIGEST_BYTES];

  if (!program || !(again = vyre_program_encode (program, &error)) ||
      !vyre_program_fingerprint (program, fingerprint, &error)) {
    *why = g_strdup (error->message);
    return NULL;
  }
  if (!g_str_has_prefix (c->name, "text/") &&
      !g_bytes_equal (again, recorded ? recorded : c->blob)) {
    *why = g_strdup ("encodes to other bytes");
    return NULL;
  }
  if (hash) {
    g_autofree char *hex = cli_hex (fingerprint, VYRE_DIGEST_BYTES);

    if (strcmp (hex, hash) != 0) {
      *why = g_strdup_printf ("has fingerprint %s", hex);
      return NULL;
    }
  }
  if (!check_validation (c, program, why))
    return NULL;
  return g_steal_pointer (&program);
}

static Outcome
check_accepted (const ConformCase *c, VyreWireFlags flags, char **why)
{
  g_autoptr (VyreProgram) program = check_decoded (c, flags, why);

  return program ? CASE_PASSED : CASE_FAILED;
}

/* --- cases that run ------------------------------------------------------ */

static JsonObject *
recorded_buffer (const ConformCase *c, guint index)
{
  JsonArray *buffers = json_object_get_array_member (c->meta, "buffers");

  return json_array_get_object_element (buffers, index);
}

static gboolean
open_session (Conform *conform)
{
  if (!conform->session && !conform->session_error)
    conform->session = cli_session_new (
        conform->device, conform->engine, &conform->session_error);
  return conform->session != NULL;
}

/* The rule of vir0-semantics.md section 5.1 gives the recorded grid. */
static gboolean
check_grid (const ConformCase *c, const VyreProgram *program,
    const Survey *survey, GBytes **inputs, char **why)
{
  g_autofree guint64 *lengths = g_new0 (guint64, program->n_buffers + 1);
  JsonArray *wanted = json_object_get_array_member (
      json_object_get_object_member (c->meta, "dispatch"), "workgroup_count");
  g_autoptr (GError) error = NULL;
  guint32 grid[3];

  for (guint i = 0; i < program->n_buffers; i++) {
    const VyreBuffer *buffer = &program->buffers[i];

    if (vyre_buffer_role (buffer) == VYRE_ROLE_OUTPUT)
      vyre_type_static_size (buffer->element, buffer->count, &lengths[i]);
    else if (inputs[i])
      lengths[i] = g_bytes_get_size (inputs[i]);
  }
  if (!vyre_grid_compute (
          program, survey->needs[SURVEY_ATOMICS], lengths, grid, &error)) {
    *why = g_strdup (error->message);
    return FALSE;
  }
  for (guint i = 0; i < 3; i++) {
    if (grid[i] != json_array_get_int_element (wanted, i)) {
      *why = g_strdup_printf ("axis %u has %u workgroups, recorded are %d", i,
          grid[i], (int) json_array_get_int_element (wanted, i));
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
check_outputs (Conform *conform, const ConformCase *c,
    const VyreProgram *program, const Survey *survey, GBytes **outputs,
    char **why)
{
  for (guint i = 0; i < program->n_buffers; i++) {
    g_autoptr (GBytes) wanted = get_hex (recorded_buffer (c, i), "output_hex");
    g_autofree char *name = NULL;
    g_autofree char *difference = NULL;

    if (!wanted && !outputs[i])
      continue;
    name = vyre_string_display (program->buffers[i].name);
    if (!wanted || !outputs[i]) {
      *why = g_strdup_printf (
          "buffer \"%s\" was %sreturned", name, wanted ? "not " : "");
      return FALSE;
    }
    if (!conform_compare (c, program, survey, i, wanted, outputs[i],
            &conform->tally, &difference)) {
      *why = g_strdup_printf ("buffer \"%s\" %s", name, difference);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
execute (Conform *conform, VyreProgram *program, GBytes **inputs,
    GBytes **outputs, CliRunResult *result, GError **error)
{
  CliRunOptions options = { NULL, CASE_MAX_STEPS, CASE_TIMEOUT };
  g_autoptr (VyreExecutable) executable = NULL;

  if (conform->reference)
    return cli_reference_run (
        program, &options, inputs, outputs, result, error);
  executable = cli_session_load (conform->session, program, error);
  return executable && cli_session_run (conform->session, executable, &options,
                           inputs, outputs, result, error);
}

/* The codes of the rules by which a program was refused, or of the error that
 * it ran into; NULL when it failed in another way. */
static GPtrArray *
error_codes (const GError *error, guint fault)
{
  g_autoptr (GPtrArray) codes = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GRegex) regex = NULL;
  g_autoptr (GMatchInfo) match = NULL;

  if (g_error_matches (error, CLI_SESSION_ERROR, CLI_SESSION_ERROR_BINDING) ||
      g_error_matches (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING))
    fault = VYRE_REFERENCE_ERROR_INPUT;
  else if (error->domain == VYRE_REFERENCE_ERROR &&
           error->code < VYRE_REFERENCE_ERROR_STEPS)
    fault = (guint) error->code;
  if (fault != 0) {
    g_ptr_array_add (codes, g_strdup_printf ("R%02u", fault));
    return g_steal_pointer (&codes);
  }
  /* Validation has a line for each error, lowering ends with its rule. */
  if (error->domain == VYRE_VALIDATE_ERROR)
    regex = g_regex_new (": error \\[([A-Z]+[0-9]+)\\]: ", 0, 0, NULL);
  else if (error->domain == VYRE_LOWER_ERROR)
    regex = g_regex_new (" \\[([A-Z]+[0-9]+)\\]$", 0, 0, NULL);
  else
    return NULL;
  for (g_regex_match (regex, error->message, 0, &match);
       g_match_info_matches (match); g_match_info_next (match, NULL))
    g_ptr_array_add (codes, g_match_info_fetch (match, 1));
  return codes->len > 0 ? g_steal_pointer (&codes) : NULL;
}

/* Does every code stand for the run-time error that is recorded? */
static gboolean
codes_cover (const GPtrArray *codes, guint fault)
{
  for (guint i = 0; i < codes->len; i++) {
    if (!conform_rule_covers (g_ptr_array_index (codes, i), fault))
      return FALSE;
  }
  return TRUE;
}

static gboolean
is_listed (Conform *conform, const char *name, const GPtrArray *codes)
{
  const char *code =
      conform->refused ? g_hash_table_lookup (conform->refused, name) : NULL;

  for (guint i = 0; code && i < codes->len; i++) {
    if (strcmp (g_ptr_array_index (codes, i), code) != 0)
      return FALSE;
  }
  return code != NULL;
}

/* A program whose run ends with an error, recorded as such. */
static Outcome
judge_error (Conform *conform, const ConformCase *c, VyreProgram *program,
    GBytes **inputs, GBytes **outputs, char **why)
{
  const char *message =
      get_string (json_object_get_object_member (c->meta, "run"), "error");
  guint wanted = conform_expected_fault (message);
  CliRunResult result = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) codes = NULL;

  if (wanted == 0) {
    *why = g_strdup_printf (
        "the recorded error is not known: %s", message ? message : "no text");
    return CASE_FAILED;
  }
  if (execute (conform, program, inputs, outputs, &result, &error)) {
    *why = g_strdup_printf ("ran without a fault, recorded is R%02u", wanted);
    return CASE_FAILED;
  }
  codes = error_codes (error, result.fault);
  if (codes && codes_cover (codes, wanted)) {
    *why = g_strdup (error->message);
    return CASE_PASSED;
  }
  *why = g_strdup_printf (
      "recorded is R%02u, and not: %s", wanted, error->message);
  return CASE_FAILED;
}

static Outcome
judge_run (Conform *conform, const ConformCase *c, VyreProgram *program,
    GBytes **inputs, GBytes **outputs, char **why)
{
  CliRunResult result = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) codes = NULL;
  Survey survey;

  survey_program (program, &survey);
  if (!check_grid (c, program, &survey, inputs, why))
    return CASE_FAILED;
  if (execute (conform, program, inputs, outputs, &result, &error))
    return check_outputs (conform, c, program, &survey, outputs, why)
               ? CASE_PASSED
               : CASE_FAILED;
  *why = g_strdup (error->message);
  codes = result.fault == 0 ? error_codes (error, 0) : NULL;
  return codes && is_listed (conform, c->name, codes) ? CASE_REFUSED
                                                      : CASE_FAILED;
}

static Outcome
check_run (
    Conform *conform, const ConformCase *c, VyreWireFlags flags, char **why)
{
  g_autoptr (VyreProgram) program = check_decoded (c, flags, why);
  g_autofree GBytes **inputs = NULL;
  g_autofree GBytes **outputs = NULL;
  Outcome outcome;
  JsonArray *buffers = json_object_get_array_member (c->meta, "buffers");
  const char *status =
      get_string (json_object_get_object_member (c->meta, "run"), "status");

  if (!program)
    return CASE_FAILED;
  if (g_strcmp0 (status, "ok") != 0 && g_strcmp0 (status, "error") != 0) {
    *why = g_strdup ("no run is recorded");
    return CASE_FAILED;
  }
  if (json_array_get_length (buffers) != program->n_buffers) {
    *why = g_strdup ("has another number of buffers");
    return CASE_FAILED;
  }
  if (!conform->reference && !open_session (conform)) {
    *why = g_strdup (conform->session_error->message);
    return CASE_FAILED;
  }
  inputs = g_new0 (GBytes *, program->n_buffers + 1);
  outputs = g_new0 (GBytes *, program->n_buffers + 1);
  for (guint i = 0; i < program->n_buffers; i++)
    inputs[i] = get_hex (recorded_buffer (c, i), "input_hex");
  outcome = (strcmp (status, "ok") == 0 ? judge_run : judge_error) (
      conform, c, program, inputs, outputs, why);
  for (guint i = 0; i < program->n_buffers; i++) {
    g_clear_pointer (&inputs[i], g_bytes_unref);
    g_clear_pointer (&outputs[i], g_bytes_unref);
  }
  return outcome;
}

/* Extension types decode everywhere and fail for want of a size; extension
 * statements and expressions decode only where the extension is known, which it
 * is not here, or where they may be kept as they are. */
static Outcome
check_opaque (Conform *conform, const ConformCase *c, char **why)
{
  const char *message =
      get_string (json_object_get_object_member (c->meta, "run"), "error");
  gboolean of_type =
      conform_expected_fault (message) == VYRE_REFERENCE_ERROR_INPUT;
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) strict = decode_case (c, VYRE_WIRE_STRICT, &error);

  if (of_type == (strict != NULL) &&
      (strict || g_error_matches (error, VYRE_WIRE_ERROR,
                     VYRE_WIRE_ERROR_UNKNOWN_EXTENSION)))
    return check_run (conform, c, VYRE_WIRE_PRESERVE_UNKNOWN, why);
  *why =
      g_strdup (strict ? "an unknown extension was decoded" : error->message);
  return CASE_FAILED;
}

/* --- folders ------------------------------------------------------------- */

static Outcome
judge (Conform *conform, const ConformCase *c, char **why)
{
  if (!c->meta)
    return check_hex (c, why);
  if (json_object_has_member (c->meta, "encode_error"))
    return check_unencodable (c, why);
  if (!c->blob) {
    *why = g_strdup ("the case has no program");
    return CASE_FAILED;
  }
  if (json_object_has_member (c->meta, "decodes"))
    return json_object_get_boolean_member_with_default (
               c->meta, "decodes", FALSE)
               ? check_accepted (c, VYRE_WIRE_STRICT, why)
               : check_rejected (c, why);
  if (g_str_has_prefix (c->name, "invalid/"))
    return check_accepted (c, VYRE_WIRE_STRICT, why);
  if (!json_object_has_member (c->meta, "run") ||
      !json_object_has_member (c->meta, "dispatch") ||
      !json_object_has_member (c->meta, "buffers")) {
    *why = g_strdup ("nothing is recorded that could be compared");
    return CASE_FAILED;
  }
  return g_str_has_prefix (c->name, "opaque/")
             ? check_opaque (conform, c, why)
             : check_run (conform, c, VYRE_WIRE_STRICT, why);
}

static void
report (Conform *conform, const char *name, Outcome outcome, const char *why)
{
  static const char *const words[] = {
    [CASE_PASSED] = "pass",
    [CASE_FAILED] = "FAIL",
    [CASE_REFUSED] = "refused",
  };

  conform->n[outcome]++;
  if (outcome != CASE_PASSED || conform->verbose)
    printf (
        "%s %s%s%s\n", words[outcome], name, why ? ": " : "", why ? why : "");
}

/* The program of a case: a file beside it, or made as described. */
static GBytes *
case_blob (const char *folder, JsonObject *meta, GError **error)
{
  const char *file = get_string (meta, "file");
  g_autofree char *path = NULL;

  if (file) {
    path = g_build_filename (folder, file, NULL);
    return cli_read_file (path, MAX_CASE_FILE, error);
  }
  if (json_object_has_member (meta, "synthetic")) {
    JsonObject *recipe = json_object_get_object_member (meta, "synthetic");
    gint64 length = json_object_get_int_member (recipe, "length");
    guint8 *data;

    if (length < 0 || (guint64) length > MAX_CASE_FILE) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
          "a program of %" G_GINT64_FORMAT " bytes is described", length);
      return NULL;
    }
    data = g_malloc (MAX (length, 1));
    memset (data, (int) json_object_get_int_member (recipe, "fill"), length);
    return g_bytes_new_take (data, length);
  }
  return NULL;
}

/* FALSE when the file describes no case. */
static gboolean
run_case (Conform *conform, const char *folder, const char *entry)
{
  g_autofree char *path = g_build_filename (folder, entry, NULL);
  g_autofree char *base = g_path_get_basename (folder);
  g_autofree char *name = NULL;
  g_autofree char *why = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GBytes) blob = NULL;
  g_autoptr (GError) error = NULL;
  ConformCase c = { 0 };
  const char *category;
  Outcome outcome;

  if (!json_parser_load_from_file (parser, path, &error) ||
      !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser))) {
    report (conform, path, CASE_FAILED,
        error ? error->message : "is no JSON object");
    return TRUE;
  }
  c.meta = json_node_get_object (json_parser_get_root (parser));
  category = get_string (c.meta, "category");
  if (!category && !json_object_has_member (c.meta, "encode_error"))
    return FALSE;
  /* Cases of the decoder have finer categories than their folders. */
  if (!category || (json_object_has_member (c.meta, "decodes") &&
                       strcmp (category, "text") != 0))
    category = base;
  name = g_strdup_printf (
      "%s/%.*s", category, (int) (strlen (entry) - strlen (".json")), entry);
  if (conform->only && !g_pattern_match_simple (conform->only, name))
    return TRUE;

  c.name = name;
  c.reference = conform->reference;
  c.blob = blob = case_blob (folder, c.meta, &error);
  if (error) {
    report (conform, name, CASE_FAILED, error->message);
    return TRUE;
  }
  outcome = judge (conform, &c, &why);
  report (conform, name, outcome, why);
  return TRUE;
}

/* TRUE for a NAME.txt without NAME.json. */
static gboolean
run_text (Conform *conform, const char *folder, const char *entry)
{
  int length = (int) (strlen (entry) - strlen (".txt"));
  g_autofree char *path = g_build_filename (folder, entry, NULL);
  g_autofree char *json =
      g_strdup_printf ("%s/%.*s.json", folder, length, entry);
  g_autofree char *name = g_strdup_printf ("text/%.*s", length, entry);
  g_autofree char *why = NULL;
  g_autoptr (GBytes) blob = NULL;
  g_autoptr (GError) error = NULL;
  ConformCase c = { .name = name, .reference = conform->reference };
  Outcome outcome;

  if (g_file_test (json, G_FILE_TEST_EXISTS))
    return FALSE;
  if (conform->only && !g_pattern_match_simple (conform->only, name))
    return TRUE;
  c.blob = blob = cli_read_file (path, MAX_CASE_FILE, &error);
  if (!blob) {
    report (conform, name, CASE_FAILED, error->message);
    return TRUE;
  }
  outcome = judge (conform, &c, &why);
  report (conform, name, outcome, why);
  return TRUE;
}

static void
report_record (gpointer data, const char *name, const char *why)
{
  Conform *conform = data;

  if (!conform->only || g_pattern_match_simple (conform->only, name))
    report (conform, name, why ? CASE_FAILED : CASE_PASSED, why);
}

/* A file of the ring protocol, with all its cases. */
static gboolean
run_record (Conform *conform, const char *folder, const char *entry)
{
  g_autofree char *path = g_build_filename (folder, entry, NULL);
  g_autofree char *name = g_strndup (entry, strlen (entry) - strlen (".json"));
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  ConformRecord record = { .name = name, .report = report_record };

  if (!json_parser_load_from_file (parser, path, &error) ||
      !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser))) {
    report (conform, path, CASE_FAILED,
        error ? error->message : "is no JSON object");
    return TRUE;
  }
  record.root = json_node_get_object (json_parser_get_root (parser));
  record.data = conform;
  conform_runtime (&record);
  return TRUE;
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

static gboolean run_folder (
    Conform *conform, const char *folder, gboolean nested);

/* All cases of a folder, or of the folders in it. */
static gboolean
run_entries (Conform *conform, const char *folder, GPtrArray *names)
{
  g_autofree char *base = g_path_get_basename (folder);
  gboolean text = strcmp (base, "text") == 0, found = FALSE;
  gboolean records = strcmp (base, "runtime") == 0;
  guint n_cases = 0;

  for (guint i = 0; i < names->len; i++) {
    const char *entry = g_ptr_array_index (names, i);

    if (g_str_has_suffix (entry, ".json"))
      n_cases += (records ? run_record : run_case) (conform, folder, entry);
    else if (text && g_str_has_suffix (entry, ".txt"))
      n_cases += run_text (conform, folder, entry);
  }
  if (n_cases > 0)
    return TRUE;
  for (guint i = 0; i < names->len; i++) {
    g_autofree char *path =
        g_build_filename (folder, g_ptr_array_index (names, i), NULL);

    if (g_file_test (path, G_FILE_TEST_IS_DIR))
      found |= run_folder (conform, path, TRUE);
  }
  return found;
}

static gboolean
run_folder (Conform *conform, const char *folder, gboolean nested)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  g_autoptr (GPtrArray) names = g_ptr_array_new_with_free_func (g_free);
  const char *entry;

  if (!dir) {
    cli_error ("conform", "%s", error->message);
    conform->broken = TRUE;
    return FALSE;
  }
  while ((entry = g_dir_read_name (dir)))
    g_ptr_array_add (names, g_strdup (entry));
  g_ptr_array_sort (names, compare_names);
  if (run_entries (conform, folder, names))
    return TRUE;
  /* Folders of other things may stand beside the cases, but a folder that was
   * asked for has some. */
  cli_error ("conform", "%s: there are no cases here%s", folder,
      nested ? ", skipped" : "; give a folder of .json and .vir0 files");
  conform->broken |= !nested;
  return FALSE;
}

static void
print_summary (Conform *conform)
{
  g_autoptr (GList) keys = g_list_sort (
      g_hash_table_get_keys (conform->tally.errors), (GCompareFunc) strcmp);

  for (GList *l = keys; l; l = l->next) {
    const ConformErrors *errors =
        g_hash_table_lookup (conform->tally.errors, l->data);

    printf ("worst error of %s: %" G_GUINT64_FORMAT " ULP in %" G_GUINT64_FORMAT
            " values\n",
        (char *) l->data, errors->worst, errors->n_values);
  }
  if (conform->session) {
    guint compiled, asked;

    cli_session_count_compiled (conform->session, &compiled, &asked);
    if (asked > 0)
      printf ("%u of %u programs ran compiled, the others interpreted\n",
          compiled, asked);
  }
  if (conform->tally.n_exempt > 0)
    printf ("%u differed as they may\n", conform->tally.n_exempt);
  printf ("%u passed, %u failed, %u refused\n", conform->n[CASE_PASSED],
      conform->n[CASE_FAILED], conform->n[CASE_REFUSED]);
}

int
cli_conform (int argc, char **argv)
{
  Conform conform = { .device = -1 };
  g_autofree char *engine = NULL;
  g_autofree char *refused = NULL;
  const GOptionEntry options[] = {
    { "engine", 'e', 0, G_OPTION_ARG_STRING, &engine,
        "What runs the programs: interp or jit (on a device), or reference",
        "ENGINE" },
    { "device", 'd', 0, G_OPTION_ARG_INT, &conform.device,
        "Device number as in vyre devices, -1 for the best (-1)", "N" },
    { "only", 'o', 0, G_OPTION_ARG_STRING, &conform.only,
        "Run cases whose FOLDER/NAME matches, such as 'ops/bin_*'", "PATTERN" },
    { "refused", 'r', 0, G_OPTION_ARG_FILENAME, &refused,
        "Cases that the engine may refuse, a line for each: FOLDER/NAME, the "
        "code, the reason",
        "FILE" },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &conform.verbose,
        "Print every case, not those alone that do not pass", NULL },
    { NULL },
  };
  int result = CLI_USAGE;

  if (cli_parse ("conform", &argc, &argv, options, "FOLDER…",
          "Runs the recorded cases in folders: programs that must be "
          "rejected,\n"
          "decoded, refused, or executed with the recorded results, and the\n"
          "ring protocol's buffers and numbers. Ends with\n"
          "'N passed, N failed, N refused'; succeeds when none failed.",
          1, G_MAXINT) &&
      cli_check_engine ("conform", engine) &&
      (!refused || (conform.refused = conform_load_refused (refused)))) {
    conform.reference = cli_is_reference (engine);
    conform.engine = engine;
    conform.tally.errors =
        g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    for (int i = 1; i < argc; i++)
      run_folder (&conform, argv[i], FALSE);
    if (conform.session_error)
      cli_error ("conform", "%s", conform.session_error->message);
    if (!conform.broken && conform.n[CASE_PASSED] + conform.n[CASE_FAILED] +
                                   conform.n[CASE_REFUSED] ==
                               0) {
      cli_error ("conform", "no case matches '%s'", conform.only);
      conform.broken = TRUE;
    }
    print_summary (&conform);
    result =
        conform.n[CASE_FAILED] > 0 || conform.broken ? CLI_FAILURE : CLI_OK;
    g_hash_table_unref (conform.tally.errors);
  }
  g_clear_error (&conform.session_error);
  g_clear_pointer (&conform.session, cli_session_free);
  g_clear_pointer (&conform.refused, g_hash_table_unref);
  g_free (conform.only);
  return result;
}
