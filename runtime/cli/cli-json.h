/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

/* What the commands that can print JSON share. */

void cli_json_add_string (
    JsonBuilder *b, const char *member, const char *value);
/* JSON numbers above 2^53 are not safe to read: those are strings. */
void cli_json_add_number (JsonBuilder *b, const char *member, guint64 value);
void cli_json_add_boolean (
    JsonBuilder *b, const char *member, gboolean value);
/* What was built, on standard output. */
void cli_json_print (JsonBuilder *b);
