/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "cli-json.h"
#include "lower/isa.h"
#include "lower/lower.h"
#include "vir0/validate.h"

#include <stdio.h>
#include <string.h>

/* vyre check: what is wrong with a program, without running it. */

/* Lowering finds what only it can know, one thing at a time, and says so as
 * "PATH (LINE:COLUMN): MESSAGE [CODE]". */
static VyreFinding *
finding_from_lowering (const GError *error)
{
  g_autoptr (GRegex) regex = g_regex_new (
      "^(?:([^ :]*?) ?(?:\\((\\d+):(\\d+)\\))?: )?(.*) \\[(\\w+)\\]$",
      G_REGEX_DOTALL, 0, NULL);
  g_autoptr (GMatchInfo) match = NULL;
  VyreFinding *finding = g_new0 (VyreFinding, 1);
  g_autofree char *line = NULL, *column = NULL, *code = NULL;

  finding->severity = VYRE_SEVERITY_ERROR;
  if (!g_regex_match (regex, error->message, 0, &match)) {
    finding->code = "X19";
    finding->path = g_strdup ("");
    finding->message = g_strdup (error->message);
    return finding;
  }
  finding->path = g_match_info_fetch (match, 1);
  line = g_match_info_fetch (match, 2);
  column = g_match_info_fetch (match, 3);
  finding->message = g_match_info_fetch (match, 4);
  code = g_match_info_fetch (match, 5);
  finding->code = g_intern_string (code);
  finding->has_public_code = code[0] == 'V';
  finding->at.line = (guint32) g_ascii_strtoull (line, NULL, 10);
  finding->at.column = (guint32) g_ascii_strtoull (column, NULL, 10);
  return finding;
}

static void
check_lowering (VyreProgram *program, VyreFindings *findings)
{
  const VyreLowerOptions options = { .max_registers = VYRE_I_MAX_REGISTERS };
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreLowered) lowered = vyre_lower (program, &options, &error);

  if (!lowered)
    g_ptr_array_add (findings->errors, finding_from_lowering (error));
}

static void
print_list (const GPtrArray *list, const char *name)
{
  for (guint i = 0; i < list->len; i++) {
    g_autofree char *line =
        vyre_finding_format (g_ptr_array_index (list, i), name);

    printf ("%s\n", line);
  }
}

static void
print_text (const VyreFindings *findings, const char *name)
{
  guint n_errors = findings->errors->len;
  guint n_warnings = findings->warnings->len;

  print_list (findings->errors, name);
  print_list (findings->warnings, name);
  printf ("%s: %u error%s, %u warning%s", name, n_errors,
      n_errors == 1 ? "" : "s", n_warnings, n_warnings == 1 ? "" : "s");
  if (findings->n_unlisted > 0)
    printf (", and %" G_GUINT64_FORMAT " more", findings->n_unlisted);
  printf ("\n");
}

static void
add_list (JsonBuilder *b, const char *member, const GPtrArray *list)
{
  json_builder_set_member_name (b, member);
  json_builder_begin_array (b);
  for (guint i = 0; i < list->len; i++) {
    const VyreFinding *finding = g_ptr_array_index (list, i);

    json_builder_begin_object (b);
    cli_json_add_string (b, "code", finding->code);
    cli_json_add_boolean (b, "public_code", finding->has_public_code);
    cli_json_add_string (b, "path", finding->path);
    if (finding->at.line != 0) {
      cli_json_add_number (b, "line", finding->at.line);
      cli_json_add_number (b, "column", finding->at.column);
    }
    cli_json_add_string (b, "message", finding->message);
    json_builder_end_object (b);
  }
  json_builder_end_array (b);
}

static void
print_json (const VyreFindings *findings, const char *name)
{
  g_autoptr (JsonBuilder) b = json_builder_new ();

  json_builder_begin_object (b);
  cli_json_add_string (b, "program", name);
  cli_json_add_boolean (b, "valid", findings->errors->len == 0);
  add_list (b, "errors", findings->errors);
  add_list (b, "warnings", findings->warnings);
  cli_json_add_number (b, "unlisted", findings->n_unlisted);
  json_builder_end_object (b);
  cli_json_print (b);
}

int
cli_check (int argc, char **argv)
{
  gboolean json = FALSE, standard = FALSE, subgroups = FALSE;
  const GOptionEntry entries[] = {
    { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    { "standard", 's', 0, G_OPTION_ARG_NONE, &standard,
        "Only the rules of VIR0, not what this engine needs besides", NULL },
    { "subgroups", 0, 0, G_OPTION_ARG_NONE, &subgroups,
        "With --standard: the executor has subgroup operations", NULL },
    { NULL },
  };
  VyreValidateOptions options = VYRE_VALIDATE_OPTIONS_ENGINE;
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = NULL;
  g_autoptr (VyreFindings) findings = NULL;
  const char *name;

  if (!cli_parse ("check", &argc, &argv, entries, "PROGRAM",
          "Says everything that is wrong with PROGRAM, and where. Without\n"
          "errors, which is exit status 0, the engine runs it.",
          1, 1))
    return CLI_USAGE;
  if (subgroups && !standard) {
    cli_error (
        "check", "--subgroups goes with --standard: the engine has them");
    return CLI_USAGE;
  }

  program = cli_load_program (argv[1], NULL, &error);
  if (!program) {
    cli_error ("check", "%s", error->message);
    return CLI_FAILURE;
  }
  if (standard)
    options = (VyreValidateOptions){ .subgroup_support = subgroups };
  findings = vyre_program_validate (program, &options);
  if (!standard && findings->errors->len == 0)
    check_lowering (program, findings);

  name = strcmp (argv[1], "-") == 0 ? "standard input" : argv[1];
  if (json)
    print_json (findings, name);
  else
    print_text (findings, name);
  return findings->errors->len == 0 ? CLI_OK : CLI_FAILURE;
}
