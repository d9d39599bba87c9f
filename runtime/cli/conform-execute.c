/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "conform-case.h"
#include "conform-expect.h"
#include "reference.h"

#include "lower/lower.h"
#include "reference/reference.h"
#include "vir0/validate.h"

#include <string.h>

/* Cases whose programs run. */

/* A case that takes longer is taken for endless. */
#define CASE_TIMEOUT (60 * G_USEC_PER_SEC)
#define CASE_MAX_STEPS 100000000

static JsonObject *
recorded_buffer (const ConformCase *c, guint index)
{
  JsonArray *buffers = json_object_get_array_member (c->meta, "buffers");

  return json_array_get_object_element (buffers, index);
}

static gboolean
open_session (ConformJudge *judge)
{
  if (!judge->session && !judge->session_error)
    judge->session =
        cli_session_new (judge->device, judge->engine, &judge->session_error);
  return judge->session != NULL;
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
check_outputs (ConformJudge *judge, const ConformCase *c,
    const VyreProgram *program, const Survey *survey, GBytes **outputs,
    char **why)
{
  for (guint i = 0; i < program->n_buffers; i++) {
    g_autoptr (GBytes) wanted =
        conform_get_hex (recorded_buffer (c, i), "output_hex");
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
            &judge->tally, &difference)) {
      *why = g_strdup_printf ("buffer \"%s\" %s", name, difference);
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
execute (ConformJudge *judge, VyreProgram *program, GBytes **inputs,
    GBytes **outputs, CliRunResult *result, GError **error)
{
  CliRunOptions options = { NULL, CASE_MAX_STEPS, CASE_TIMEOUT };
  g_autoptr (VyreExecutable) executable = NULL;

  if (judge->reference)
    return cli_reference_run (
        program, &options, inputs, outputs, result, error);
  executable = cli_session_load (judge->session, program, error);
  return executable && cli_session_run (judge->session, executable, &options,
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
is_listed (ConformJudge *judge, const char *name, const GPtrArray *codes)
{
  const char *code =
      judge->refused ? g_hash_table_lookup (judge->refused, name) : NULL;

  for (guint i = 0; code && i < codes->len; i++) {
    if (strcmp (g_ptr_array_index (codes, i), code) != 0)
      return FALSE;
  }
  return code != NULL;
}

/* A program whose run ends with an error, recorded as such. */
static ConformOutcome
judge_error (ConformJudge *judge, const ConformCase *c, VyreProgram *program,
    GBytes **inputs, GBytes **outputs, char **why)
{
  const char *message = conform_get_string (
      json_object_get_object_member (c->meta, "run"), "error");
  guint wanted = conform_expected_fault (message);
  CliRunResult result = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) codes = NULL;

  if (wanted == 0) {
    *why = g_strdup_printf (
        "the recorded error is not known: %s", message ? message : "no text");
    return CONFORM_FAILED;
  }
  if (execute (judge, program, inputs, outputs, &result, &error)) {
    *why = g_strdup_printf ("ran without a fault, recorded is R%02u", wanted);
    return CONFORM_FAILED;
  }
  codes = error_codes (error, result.fault);
  if (codes && codes_cover (codes, wanted)) {
    *why = g_strdup (error->message);
    return CONFORM_PASSED;
  }
  *why = g_strdup_printf (
      "recorded is R%02u, and not: %s", wanted, error->message);
  return CONFORM_FAILED;
}

static ConformOutcome
judge_run (ConformJudge *judge, const ConformCase *c, VyreProgram *program,
    GBytes **inputs, GBytes **outputs, char **why)
{
  CliRunResult result = { 0 };
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) codes = NULL;
  Survey survey;

  survey_program (program, &survey);
  if (!check_grid (c, program, &survey, inputs, why))
    return CONFORM_FAILED;
  if (execute (judge, program, inputs, outputs, &result, &error))
    return check_outputs (judge, c, program, &survey, outputs, why)
               ? CONFORM_PASSED
               : CONFORM_FAILED;
  *why = g_strdup (error->message);
  codes = result.fault == 0 ? error_codes (error, 0) : NULL;
  return codes && is_listed (judge, c->name, codes) ? CONFORM_REFUSED
                                                    : CONFORM_FAILED;
}

static ConformOutcome
check_run (
    ConformJudge *judge, const ConformCase *c, VyreWireFlags flags, char **why)
{
  g_autoptr (VyreProgram) program = conform_check_decoded (c, flags, why);
  g_autofree GBytes **inputs = NULL;
  g_autofree GBytes **outputs = NULL;
  ConformOutcome outcome;
  JsonArray *buffers = json_object_get_array_member (c->meta, "buffers");
  const char *status = conform_get_string (
      json_object_get_object_member (c->meta, "run"), "status");

  if (!program)
    return CONFORM_FAILED;
  if (g_strcmp0 (status, "ok") != 0 && g_strcmp0 (status, "error") != 0) {
    *why = g_strdup ("no run is recorded");
    return CONFORM_FAILED;
  }
  if (json_array_get_length (buffers) != program->n_buffers) {
    *why = g_strdup ("has another number of buffers");
    return CONFORM_FAILED;
  }
  if (!judge->reference && !open_session (judge)) {
    *why = g_strdup (judge->session_error->message);
    return CONFORM_FAILED;
  }
  inputs = g_new0 (GBytes *, program->n_buffers + 1);
  outputs = g_new0 (GBytes *, program->n_buffers + 1);
  for (guint i = 0; i < program->n_buffers; i++)
    inputs[i] = conform_get_hex (recorded_buffer (c, i), "input_hex");
  outcome = (strcmp (status, "ok") == 0 ? judge_run : judge_error) (
      judge, c, program, inputs, outputs, why);
  for (guint i = 0; i < program->n_buffers; i++) {
    g_clear_pointer (&inputs[i], g_bytes_unref);
    g_clear_pointer (&outputs[i], g_bytes_unref);
  }
  return outcome;
}

/* Extension types decode everywhere and fail for want of a size; extension
 * statements and expressions decode only where the extension is known, which it
 * is not here, or where they may be kept as they are. */
static ConformOutcome
check_opaque (ConformJudge *judge, const ConformCase *c, char **why)
{
  const char *message = conform_get_string (
      json_object_get_object_member (c->meta, "run"), "error");
  gboolean of_type =
      conform_expected_fault (message) == VYRE_REFERENCE_ERROR_INPUT;
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) strict = conform_decode (c, VYRE_WIRE_STRICT, &error);

  if (of_type == (strict != NULL) &&
      (strict || g_error_matches (error, VYRE_WIRE_ERROR,
                     VYRE_WIRE_ERROR_UNKNOWN_EXTENSION)))
    return check_run (judge, c, VYRE_WIRE_PRESERVE_UNKNOWN, why);
  *why =
      g_strdup (strict ? "an unknown extension was decoded" : error->message);
  return CONFORM_FAILED;
}

ConformOutcome
conform_judge (ConformJudge *judge, const ConformCase *c, char **why)
{
  if (!c->meta)
    return conform_check_hex (c, why);
  if (json_object_has_member (c->meta, "encode_error"))
    return conform_check_unencodable (c, why);
  if (!c->blob) {
    *why = g_strdup ("the case has no program");
    return CONFORM_FAILED;
  }
  if (json_object_has_member (c->meta, "decodes"))
    return json_object_get_boolean_member_with_default (
               c->meta, "decodes", FALSE)
               ? conform_check_accepted (c, VYRE_WIRE_STRICT, why)
               : conform_check_rejected (c, why);
  if (g_str_has_prefix (c->name, "invalid/"))
    return conform_check_accepted (c, VYRE_WIRE_STRICT, why);
  if (!json_object_has_member (c->meta, "run") ||
      !json_object_has_member (c->meta, "dispatch") ||
      !json_object_has_member (c->meta, "buffers")) {
    *why = g_strdup ("nothing is recorded that could be compared");
    return CONFORM_FAILED;
  }
  return g_str_has_prefix (c->name, "opaque/")
             ? check_opaque (judge, c, why)
             : check_run (judge, c, VYRE_WIRE_STRICT, why);
}
