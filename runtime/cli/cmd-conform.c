/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "conform-case.h"
#include "conform-runtime.h"

#include <stdio.h>
#include <string.h>

/* vyre conform: folders of recorded cases, NAME.json with NAME.vir0 beside
 * it. What a case expects follows from its category. Those of the ring
 * protocol are many in a file, without programs: conform-runtime.h. */

#define MAX_CASE_FILE ((gsize) 256 * 1024 * 1024)

typedef struct
{
  gboolean verbose;
  char *only; /* pattern for category/name, or NULL */
  ConformJudge judge;
  guint n[3]; /* by outcome */
  gboolean broken; /* something other than a case failed */
} Conform;

static void
report (
    Conform *conform, const char *name, ConformOutcome outcome, const char *why)
{
  static const char *const words[] = {
    [CONFORM_PASSED] = "pass",
    [CONFORM_FAILED] = "FAIL",
    [CONFORM_REFUSED] = "refused",
  };

  conform->n[outcome]++;
  if (outcome != CONFORM_PASSED || conform->verbose)
    printf (
        "%s %s%s%s\n", words[outcome], name, why ? ": " : "", why ? why : "");
}

/* The program of a case: a file beside it, or made as described. */
static GBytes *
case_blob (const char *folder, JsonObject *meta, GError **error)
{
  const char *file = conform_get_string (meta, "file");
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
  ConformOutcome outcome;

  if (!json_parser_load_from_file (parser, path, &error) ||
      !JSON_NODE_HOLDS_OBJECT (json_parser_get_root (parser))) {
    report (conform, path, CONFORM_FAILED,
        error ? error->message : "is no JSON object");
    return TRUE;
  }
  c.meta = json_node_get_object (json_parser_get_root (parser));
  category = conform_get_string (c.meta, "category");
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
  c.reference = conform->judge.reference;
  c.blob = blob = case_blob (folder, c.meta, &error);
  if (error) {
    report (conform, name, CONFORM_FAILED, error->message);
    return TRUE;
  }
  outcome = conform_judge (&conform->judge, &c, &why);
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
  ConformCase c = { .name = name, .reference = conform->judge.reference };
  ConformOutcome outcome;

  if (g_file_test (json, G_FILE_TEST_EXISTS))
    return FALSE;
  if (conform->only && !g_pattern_match_simple (conform->only, name))
    return TRUE;
  c.blob = blob = cli_read_file (path, MAX_CASE_FILE, &error);
  if (!blob) {
    report (conform, name, CONFORM_FAILED, error->message);
    return TRUE;
  }
  outcome = conform_judge (&conform->judge, &c, &why);
  report (conform, name, outcome, why);
  return TRUE;
}

static void
report_record (gpointer data, const char *name, const char *why)
{
  Conform *conform = data;

  if (!conform->only || g_pattern_match_simple (conform->only, name))
    report (conform, name, why ? CONFORM_FAILED : CONFORM_PASSED, why);
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
    report (conform, path, CONFORM_FAILED,
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
  g_autoptr (GList) keys =
      g_list_sort (g_hash_table_get_keys (conform->judge.tally.errors),
          (GCompareFunc) strcmp);

  for (GList *l = keys; l; l = l->next) {
    const ConformErrors *errors =
        g_hash_table_lookup (conform->judge.tally.errors, l->data);

    printf ("worst error of %s: %" G_GUINT64_FORMAT " ULP in %" G_GUINT64_FORMAT
            " values\n",
        (char *) l->data, errors->worst, errors->n_values);
  }
  if (conform->judge.session) {
    guint compiled, asked;

    cli_session_count_compiled (conform->judge.session, &compiled, &asked);
    if (asked > 0)
      printf ("%u of %u programs ran compiled, the others interpreted\n",
          compiled, asked);
  }
  if (conform->judge.tally.n_exempt > 0)
    printf ("%u differed as they may\n", conform->judge.tally.n_exempt);
  printf ("%u passed, %u failed, %u refused\n", conform->n[CONFORM_PASSED],
      conform->n[CONFORM_FAILED], conform->n[CONFORM_REFUSED]);
}

int
cli_conform (int argc, char **argv)
{
  Conform conform = { .judge.device = -1 };
  g_autofree char *engine = NULL;
  g_autofree char *refused = NULL;
  const GOptionEntry options[] = {
    CLI_OPTION_ENGINE ("the programs", &engine),
    CLI_OPTION_DEVICE (&conform.judge.device),
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
      (!refused || (conform.judge.refused = conform_load_refused (refused)))) {
    conform.judge.reference = cli_is_reference (engine);
    conform.judge.engine = engine;
    conform.judge.tally.errors =
        g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
    for (int i = 1; i < argc; i++)
      run_folder (&conform, argv[i], FALSE);
    if (conform.judge.session_error)
      cli_error ("conform", "%s", conform.judge.session_error->message);
    if (!conform.broken && conform.n[CONFORM_PASSED] +
                                   conform.n[CONFORM_FAILED] +
                                   conform.n[CONFORM_REFUSED] ==
                               0) {
      cli_error ("conform", "no case matches '%s'", conform.only);
      conform.broken = TRUE;
    }
    print_summary (&conform);
    result =
        conform.n[CONFORM_FAILED] > 0 || conform.broken ? CLI_FAILURE : CLI_OK;
    g_hash_table_unref (conform.judge.tally.errors);
  }
  g_clear_error (&conform.judge.session_error);
  g_clear_pointer (&conform.judge.session, cli_session_free);
  g_clear_pointer (&conform.judge.refused, g_hash_table_unref);
  g_free (conform.only);
  return result;
}
