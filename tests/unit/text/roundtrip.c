/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "vir0/text.h"

/* Every fixture that decodes is printed, parsed and encoded again. */

static GBytes *
encode (const VyreProgram *program, const char *what)
{
  g_autoptr (GError) error = NULL;
  GBytes *blob = vyre_program_encode (program, &error);

  if (!blob)
    g_error ("%s does not encode: %s", what, error->message);
  return blob;
}

static void
check_file (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) first = NULL;
  g_autoptr (VyreProgram) second = NULL;
  g_autoptr (GBytes) before = NULL;
  g_autoptr (GBytes) after = NULL;
  g_autofree char *data = NULL;
  g_autofree char *text = NULL;
  g_autofree char *again = NULL;
  gsize length;

  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  first = vyre_program_decode (
      (const guint8 *) data, length, VYRE_WIRE_PRESERVE_UNKNOWN, &error);
  if (!first)
    g_error ("%s: %s", path, error->message);
  text = vyre_program_print (first);
  g_assert_true (g_utf8_validate (text, -1, NULL));
  second = vyre_program_parse (text, strlen (text), &error);
  if (!second)
    g_error ("%s: %s\n%.4000s", path, error->message, text);

  before = encode (first, path);
  after = encode (second, path);
  if (!g_bytes_equal (before, after))
    g_error ("%s: other bytes after printing and parsing\n%.4000s", path, text);
  /* Encoding makes all NaNs and zeros alike; the text does not. */
  again = vyre_program_print (second);
  g_assert_cmpstr (again, ==, text);
}

static void
test_folder (gconstpointer data)
{
  const char *fixtures = g_getenv ("VYRE_FIXTURES");
  g_autofree char *folder = NULL;
  g_autoptr (GDir) dir = NULL;
  const char *name;
  guint n = 0;

  if (!fixtures || !*fixtures) {
    g_test_skip ("VYRE_FIXTURES is not set");
    return;
  }
  folder = g_build_filename (fixtures, data, NULL);
  dir = g_dir_open (folder, 0, NULL);
  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *path = g_build_filename (folder, name, NULL);

    if (!g_str_has_suffix (name, ".vir0"))
      continue;
    check_file (path);
    n++;
  }
  g_test_message ("%u programs", n);
  g_assert_cmpuint (n, >, 0);
}

int
main (int argc, char **argv)
{
  static const char *const folders[] = { "features", "ops", "realistic",
    "invalid", "lenient", "runtime_error", "opaque" };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *path = g_strconcat ("/text/round-trip/", folders[i], NULL);

    g_test_add_data_func (path, folders[i], test_folder);
  }
  return g_test_run ();
}
