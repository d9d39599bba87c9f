/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

#include "vir0/wire-tools.h"

/* What the tests of recorded cases share. */

/* The root of a file; parser keeps it. */
static inline JsonObject *
load_json (const char *path, JsonParser **parser)
{
  g_autoptr (GError) error = NULL;

  *parser = json_parser_new ();
  json_parser_load_from_file (*parser, path, &error);
  g_assert_no_error (error);
  return json_node_get_object (json_parser_get_root (*parser));
}

/* NULL where there is no text. */
static inline const char *
text_of (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node)
                                              : NULL;
}

/* blob (or NULL) gets the bytes of the file. */
static inline VyreProgram *
load_program (const char *path, GBytes **blob)
{
  g_autofree char *data = NULL;
  g_autoptr (GError) error = NULL;
  VyreProgram *program;
  gsize length;

  g_file_get_contents (path, &data, &length, &error);
  g_assert_no_error (error);
  program = vyre_program_decode (
      (const guint8 *) data, length, VYRE_WIRE_PRESERVE_UNKNOWN, &error);
  g_assert_no_error (error);
  if (blob)
    *blob = g_bytes_new_take (g_steal_pointer (&data), length);
  return program;
}
