/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "conform.h"

/* Lines "CATEGORY/NAME CODE REASON", empty ones, and comments behind '#'. */
GHashTable *
conform_load_refused (const char *path)
{
  g_autoptr (GHashTable) refused = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GRegex) regex = NULL;
  g_auto (GStrv) lines = NULL;
  g_autofree char *text = NULL;

  if (!g_file_get_contents (path, &text, NULL, &error)) {
    cli_error ("conform", "%s", error->message);
    return NULL;
  }
  refused = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  regex = g_regex_new (
      "^([^\\s/]+/\\S+)\\s+([A-Z]+[0-9]+)\\s+\\S", G_REGEX_RAW, 0, NULL);
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i]; i++) {
    g_autoptr (GMatchInfo) match = NULL;
    const char *line = g_strstrip (lines[i]);

    if (*line == 0 || *line == '#')
      continue;
    if (!g_regex_match (regex, line, 0, &match)) {
      cli_error ("conform",
          "%s:%u: write FOLDER/NAME, the code of the refusal, and the reason",
          path, i + 1);
      return NULL;
    }
    g_hash_table_replace (
        refused, g_match_info_fetch (match, 1), g_match_info_fetch (match, 2));
  }
  return g_steal_pointer (&refused);
}
