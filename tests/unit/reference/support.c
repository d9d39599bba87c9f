/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include <string.h>

GBytes *
reference_hex (const char *hex)
{
  GByteArray *bytes = g_byte_array_new ();

  while (*hex) {
    guint8 byte;

    if (*hex == ' ') {
      hex++;
      continue;
    }
    g_assert_true (g_ascii_isxdigit (hex[0]) && g_ascii_isxdigit (hex[1]));
    byte = (guint8) (g_ascii_xdigit_value (hex[0]) * 16 +
                     g_ascii_xdigit_value (hex[1]));
    g_byte_array_append (bytes, &byte, 1);
    hex += 2;
  }
  return g_byte_array_free_to_bytes (bytes);
}

gboolean
reference_is_transcendental (guint op)
{
  return op == VYRE_UN_COS || op == VYRE_UN_SIN ||
         (op >= VYRE_UN_EXP && op <= VYRE_UN_COSH);
}

static GPtrArray *
split_inputs (const char *inputs)
{
  GPtrArray *list =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_auto (GStrv) parts = inputs ? g_strsplit (inputs, "|", -1) : NULL;

  for (char **part = parts; part && *part; part++)
    g_ptr_array_add (list, reference_hex (*part));
  return list;
}

static char *
join_outputs (const GPtrArray *outputs)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < outputs->len; i++) {
    gsize length;
    const guint8 *data =
        g_bytes_get_data (g_ptr_array_index (outputs, i), &length);

    if (i > 0)
      g_string_append_c (text, '|');
    for (gsize j = 0; j < length; j++)
      g_string_append_printf (text, "%02x", data[j]);
  }
  return g_string_free (text, FALSE);
}

char *
reference_try (const char *text, const char *inputs,
    const VyreReferenceOptions *options, GError **error)
{
  g_autoptr (VyreProgram) program = NULL;
  g_autoptr (GPtrArray) list = split_inputs (inputs);
  g_autoptr (GPtrArray) outputs = NULL;
  g_autoptr (GError) syntax = NULL;

  program = vyre_program_parse (text, strlen (text), &syntax);
  if (!program)
    g_error ("%s\n%s", syntax->message, text);
  if (!vyre_reference_run (program, options, (GBytes **) list->pdata, list->len,
          &outputs, error)) {
    g_assert_null (outputs);
    return NULL;
  }
  return join_outputs (outputs);
}

/* Endless programs fail as tests, too. */
#define MAX_STEPS 10000000

void
reference_expect (const char *text, const char *inputs, const char *outputs)
{
  VyreReferenceOptions options = VYRE_REFERENCE_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  g_autoptr (GString) wanted = g_string_new (outputs);
  g_autofree char *got = NULL;

  options.max_steps = MAX_STEPS;
  got = reference_try (text, inputs, &options, &error);
  g_string_replace (wanted, " ", "", 0);
  if (!got)
    g_error ("%s\n%s", error->message, text);
  if (strcmp (got, wanted->str) != 0)
    g_error ("%s instead of %s\n%s", got, wanted->str, text);
}

void
reference_expect_error (const char *text, const char *inputs,
    VyreReferenceError code, const char *part)
{
  VyreReferenceOptions options = VYRE_REFERENCE_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  g_autofree char *got = NULL;

  options.max_steps = MAX_STEPS;
  got = reference_try (text, inputs, &options, &error);
  if (got)
    g_error ("ran, with %s\n%s", got, text);
  if (!g_error_matches (error, VYRE_REFERENCE_ERROR, (int) code) ||
      !strstr (error->message, part))
    g_error ("wanted error %d with \"%s\", got %d: %s\n%s", code, part,
        error->code, error->message, text);
}
