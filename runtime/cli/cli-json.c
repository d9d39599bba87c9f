/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli-json.h"

#include <stdio.h>

void
cli_json_add_string (JsonBuilder *b, const char *member, const char *value)
{
  json_builder_set_member_name (b, member);
  json_builder_add_string_value (b, value);
}

void
cli_json_add_number (JsonBuilder *b, const char *member, guint64 value)
{
  json_builder_set_member_name (b, member);
  if (value <= (G_GUINT64_CONSTANT (1) << 53)) {
    json_builder_add_int_value (b, (gint64) value);
  } else {
    g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, value);

    json_builder_add_string_value (b, text);
  }
}

void
cli_json_add_boolean (JsonBuilder *b, const char *member, gboolean value)
{
  json_builder_set_member_name (b, member);
  json_builder_add_boolean_value (b, value != FALSE);
}

void
cli_json_print (JsonBuilder *b)
{
  g_autoptr (JsonNode) root = json_builder_get_root (b);
  g_autofree char *text = json_to_string (root, TRUE);

  printf ("%s\n", text);
}
