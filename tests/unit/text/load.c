/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <string.h>

#include "vir0/text.h"

/* Forms told by content, files, and the shipped programs. */

#define SMALL "program workgroup(1);\nmain { return; }\n"

static void
assert_same (const VyreProgram *a, const VyreProgram *b)
{
  g_autoptr (GBytes) one = vyre_program_encode (a, NULL);
  g_autoptr (GBytes) other = vyre_program_encode (b, NULL);

  g_assert_nonnull (one);
  g_assert_nonnull (other);
  g_assert_true (g_bytes_equal (one, other));
}

static void
test_forms (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) text = NULL;
  g_autoptr (VyreProgram) binary = NULL;
  g_autoptr (VyreProgram) hex = NULL;
  g_autoptr (GBytes) blob = NULL;
  g_autofree char *dump = NULL;

  text =
      vyre_program_load_data ((const guint8 *) SMALL, strlen (SMALL), &error);
  g_assert_no_error (error);
  blob = vyre_program_encode (text, &error);
  g_assert_no_error (error);
  dump = vyre_program_encode_hex (text, &error);
  g_assert_no_error (error);

  binary = vyre_program_load_data (
      g_bytes_get_data (blob, NULL), g_bytes_get_size (blob), &error);
  g_assert_no_error (error);
  assert_same (text, binary);
  hex = vyre_program_load_data ((const guint8 *) dump, strlen (dump), &error);
  g_assert_no_error (error);
  assert_same (text, hex);
}

static void
test_wrong_data (void)
{
  static const char hex[] = "vyre_ir v0.1\nwire_bytes x\n";
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_program_load_data ((const guint8 *) "VYRE", 4, &error));
  g_assert_error (error, VYRE_WIRE_ERROR, VYRE_WIRE_ERROR_TRUNCATED);
  g_clear_error (&error);
  g_assert_null (
      vyre_program_load_data ((const guint8 *) hex, strlen (hex), &error));
  g_assert_true (error->domain != VYRE_TEXT_ERROR);
  g_clear_error (&error);
  g_assert_null (vyre_program_load_data (NULL, 0, &error));
  g_assert_error (error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_SYNTAX);
  g_clear_error (&error);
  g_assert_null (
      vyre_program_load_data ((const guint8 *) "\xff\xd8\xff", 3, &error));
  g_assert_error (error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_NOT_UTF8);
}

static void
test_files (void)
{
  g_autofree char *folder = g_dir_make_tmp ("vyre-text-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "program", NULL);
  g_autofree char *prefix = g_strconcat (path, ":2:8: expected ", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = NULL;

  g_assert_null (vyre_program_load_file (path, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_clear_error (&error);

  g_assert_null (vyre_program_load_file (folder, &error));
  g_assert_nonnull (error);
  g_clear_error (&error);

  g_assert_true (g_file_set_contents (
      path, "program workgroup(1);\nmain { 1 }", -1, NULL));
  g_assert_null (vyre_program_load_file (path, &error));
  g_assert_error (error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_SYNTAX);
  g_assert_true (g_str_has_prefix (error->message, prefix));
  g_clear_error (&error);

  g_assert_true (g_file_set_contents (path, SMALL, -1, NULL));
  program = vyre_program_load_file (path, &error);
  g_assert_no_error (error);
  g_assert_nonnull (program);
  g_unlink (path);
  g_rmdir (folder);
}

/* A wrong path must not fill memory. */
static void
test_endless_file (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_program_load_file ("/dev/zero", &error));
  g_assert_error (error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_TOO_LARGE);
}

static void
check_shipped (const char *name)
{
  g_autofree char *file = g_strconcat (name, ".vyre", NULL);
  g_autofree char *path =
      g_build_filename (g_getenv ("VYRE_PROGRAMS_PATH"), file, NULL);
  g_autofree char *example = g_strconcat ("program=", name, " ", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = NULL;
  g_autoptr (VyreProgram) again = NULL;
  g_autofree char *text = NULL;
  g_autofree char *source = NULL;
  VyreString input = { "input", 5 };

  program = vyre_program_load_shipped (name, &error);
  g_assert_no_error (error);
  g_assert_cmpint (vyre_program_find_buffer (program, input), >=, 0);
  text = vyre_program_print (program);
  again = vyre_program_parse (text, strlen (text), &error);
  g_assert_no_error (error);
  assert_same (program, again);

  /* It says what it does, how to call it and every buffer's name. */
  g_assert_true (g_file_get_contents (path, &source, NULL, NULL));
  g_assert_true (g_str_has_prefix (source, "// "));
  g_assert_nonnull (strstr (source, example));
  for (guint32 i = 0; i < program->n_buffers; i++) {
    const VyreBuffer *buffer = &program->buffers[i];
    g_autofree char *line = g_strdup_printf (
        "//   %.*s ", (int) buffer->name.length, buffer->name.data);

    if (buffer->access != VYRE_ACCESS_WORKGROUP)
      g_assert_nonnull (strstr (source, line));
  }
}

static void
test_shipped (void)
{
  g_auto (GStrv) names = vyre_program_list_shipped ();
  static const char *const expected[] = { "ascii-upper", "box-blur", "crc32",
    "dfa-scan", "find-bytes", "histogram256", "invert", "lut256",
    "newline-count", "rgba-to-gray", "sobel", "xor-key" };

  for (guint i = 0; i < G_N_ELEMENTS (expected); i++)
    g_assert_true (g_strv_contains ((const char *const *) names, expected[i]));
  for (char **name = names; *name; name++)
    check_shipped (*name);
}

static void
test_unknown_shipped (void)
{
  static const char *const names[] = { "none", "", "../programs/invert",
    "Invert", "invert.vyre", "\xff" };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (vyre_program_load_shipped (names[i], &error));
    g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
    g_assert_nonnull (strstr (error->message, "invert, lut256"));
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
  }
}

/* What the command and vyreinterp take for one. */
static void
test_shipped_names (void)
{
  static const char *const names[] = { "invert", "lut256", "a-b", "-", "7" };
  static const char *const others[] = { "", "Invert", "invert.vyre", "./invert",
    "in vert", "\xff", SMALL };

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    g_assert_true (vyre_program_is_shipped_name (names[i]));
  for (guint i = 0; i < G_N_ELEMENTS (others); i++)
    g_assert_false (vyre_program_is_shipped_name (others[i]));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/load/forms", test_forms);
  g_test_add_func ("/text/load/wrong-data", test_wrong_data);
  g_test_add_func ("/text/load/files", test_files);
  g_test_add_func ("/text/load/endless-file", test_endless_file);
  g_test_add_func ("/text/load/shipped", test_shipped);
  g_test_add_func ("/text/load/unknown-shipped", test_unknown_shipped);
  g_test_add_func ("/text/load/shipped-names", test_shipped_names);
  return g_test_run ();
}
