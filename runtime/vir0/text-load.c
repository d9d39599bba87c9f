/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text-private.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define CHUNK_BYTES (64 * 1024)
#define SUFFIX ".vyre"
#define HEX_HEADER "vyre_ir v0.1"
/* Two digits a byte and line feeds; the other forms have one limit. */
#define MAX_HEX_BYTES (3 * (gsize) VYRE_WIRE_MAX_BYTES)
G_STATIC_ASSERT (VYRE_TEXT_MAX_BYTES == VYRE_WIRE_MAX_BYTES);

static gboolean
is_hex (const guint8 *data, gsize length)
{
  return length >= strlen (HEX_HEADER) &&
         memcmp (data, HEX_HEADER, strlen (HEX_HEADER)) == 0;
}

/**
 * vyre_program_load_data:
 * @data: a program in any form
 * @length: bytes of @data
 * @error: return location for a VYRE_WIRE_ERROR or VYRE_TEXT_ERROR
 *
 * Reads a binary program (begins with "VYRE"), a hex dump (begins with
 * "vyre_ir v0.1") or readable text (everything else).
 *
 * Returns: (transfer full): the program, or %NULL
 */
VyreProgram *
vyre_program_load_data (const guint8 *data, gsize length, GError **error)
{
  if (length >= 4 && memcmp (data, "VYRE", 4) == 0)
    return vyre_program_decode (data, length, VYRE_WIRE_STRICT, error);
  if (is_hex (data, length))
    return vyre_program_decode_hex (
        (const char *) data, length, VYRE_WIRE_STRICT, error);
  return vyre_program_parse ((const char *) data, length, error);
}

/* Reads with a limit, so that a wrong path (a video, /dev/zero) costs little;
 * pipes are fine. */
static GByteArray *
read_file (const char *path, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree guint8 *chunk = g_malloc (CHUNK_BYTES);
  gsize limit = 0;
  gssize n;
  int saved;
  int fd;

  do
    fd = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  while (fd < 0 && errno == EINTR);
  if (fd < 0)
    goto failed;
  while ((n = read (fd, chunk, CHUNK_BYTES)) != 0) {
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      goto failed;
    g_byte_array_append (bytes, chunk, n);
    limit =
        is_hex (bytes->data, bytes->len) ? MAX_HEX_BYTES : VYRE_WIRE_MAX_BYTES;
    if (bytes->len > limit)
      goto too_large;
  }
  close (fd);
  return g_steal_pointer (&bytes);

failed:
  saved = errno;
  if (fd >= 0)
    close (fd);
  g_set_error_literal (
      error, G_FILE_ERROR, g_file_error_from_errno (saved), g_strerror (saved));
  return NULL;
too_large:
  close (fd);
  g_set_error (error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_TOO_LARGE,
      "file of more than %" G_GSIZE_FORMAT " bytes: too large for a program",
      limit);
  return NULL;
}

/**
 * vyre_program_load_file:
 * @path: path of a program in any form
 * @error: return location for a GFileError, VYRE_WIRE_ERROR or
 *   VYRE_TEXT_ERROR; the message starts with @path
 *
 * vyre_program_load_data() of a file's contents.
 *
 * Returns: (transfer full): the program, or %NULL
 */
VyreProgram *
vyre_program_load_file (const char *path, GError **error)
{
  g_autoptr (GByteArray) bytes = NULL;
  g_autoptr (GError) failure = NULL;
  VyreProgram *program = NULL;

  g_return_val_if_fail (path != NULL, NULL);
  bytes = read_file (path, &failure);
  if (bytes)
    program = vyre_program_load_data (bytes->data, bytes->len, &failure);
  if (program)
    return program;

  /* PATH:LINE:COLUMN: is what editors jump to. */
  if (g_error_matches (failure, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_SYNTAX) ||
      g_error_matches (failure, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_NOT_UTF8))
    g_prefix_error (&failure, "%s:", path);
  else
    g_prefix_error (&failure, "%s: ", path);
  g_propagate_error (error, g_steal_pointer (&failure));
  return NULL;
}

/* --- shipped programs --------------------------------------------------------- */

/**
 * vyre_program_is_shipped_name:
 * @name: what may be a name
 *
 * Tells names of shipped programs from program text and from most file names,
 * without looking whether there is such a program.
 *
 * Returns: whether @name has only lower-case letters, digits and dashes, and
 *   at least one of them
 */
gboolean
vyre_program_is_shipped_name (const char *name)
{
  g_return_val_if_fail (name != NULL, FALSE);
  return *name && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
                      strlen (name);
}

/* The folders to look in, first one first. */
static char **
program_folders (void)
{
  const char *path = g_getenv ("VYRE_PROGRAMS_PATH");
  g_autoptr (GStrvBuilder) folders = g_strv_builder_new ();
  g_auto (GStrv) own = g_strsplit (path ? path : "", ":", -1);

  for (char **folder = own; *folder; folder++)
    if (**folder)
      g_strv_builder_add (folders, *folder);
  g_strv_builder_add (folders, VYRE_PROGRAMS_DIR);
  return g_strv_builder_end (folders);
}

static int
compare_names (gconstpointer a, gconstpointer b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

/**
 * vyre_program_list_shipped:
 *
 * Returns: (transfer full): the names that vyre_program_load_shipped() knows,
 *   sorted, each once
 */
char **
vyre_program_list_shipped (void)
{
  g_auto (GStrv) folders = program_folders ();
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);
  GPtrArray *names = g_ptr_array_new ();

  for (char **folder = folders; *folder; folder++) {
    g_autoptr (GDir) dir = g_dir_open (*folder, 0, NULL);
    const char *file;

    while (dir && (file = g_dir_read_name (dir))) {
      g_autofree char *name = NULL;

      if (!g_str_has_suffix (file, SUFFIX))
        continue;
      name = g_strndup (file, strlen (file) - strlen (SUFFIX));
      if (!vyre_program_is_shipped_name (name) ||
          g_hash_table_contains (seen, name))
        continue;
      g_hash_table_add (seen, name);
      g_ptr_array_add (names, g_steal_pointer (&name));
    }
  }
  g_ptr_array_sort (names, compare_names);
  g_ptr_array_add (names, NULL);
  return (char **) g_ptr_array_free (names, FALSE);
}

char *
vyre_program_find_shipped (const char *name, const char *suffix)
{
  g_auto (GStrv) folders = program_folders ();

  for (char **folder = folders; *folder && vyre_program_is_shipped_name (name);
       folder++) {
    g_autofree char *file = g_strconcat (name, suffix, NULL);
    g_autofree char *path = g_build_filename (*folder, file, NULL);

    if (g_file_test (path, G_FILE_TEST_EXISTS))
      return g_steal_pointer (&path);
  }
  return NULL;
}

/**
 * vyre_program_load_shipped:
 * @name: lower-case letters, digits, dashes
 * @error: return location for a GFileError, or what
 *   vyre_program_load_file() reports
 *
 * Loads NAME.vyre from the first folder of VYRE_PROGRAMS_PATH or the installed
 * folder that has it.
 *
 * Returns: (transfer full): the program, or %NULL
 */
VyreProgram *
vyre_program_load_shipped (const char *name, GError **error)
{
  g_autofree char *path = NULL;
  g_auto (GStrv) known = NULL;
  g_autofree char *names = NULL;
  g_autofree char *shown = NULL;

  g_return_val_if_fail (name != NULL, NULL);
  path = vyre_program_find_shipped (name, SUFFIX);
  if (path != NULL)
    return vyre_program_load_file (path, error);

  known = vyre_program_list_shipped ();
  names = g_strjoinv (", ", known);
  shown = g_utf8_make_valid (name, -1);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
      "no shipped program is called '%s'; known are: %s (more folders can be "
      "named in VYRE_PROGRAMS_PATH)",
      shown, *names ? names : "none");
  return NULL;
}
