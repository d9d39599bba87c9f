/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Programs are at most 64 MiB; their text forms a few times that. */
#define MAX_PROGRAM_FILE ((gsize) 1024 * 1024 * 1024)

void
cli_error (const char *command, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  fprintf (stderr, "vyre %s: %s\n", command, text);
}

gboolean
cli_parse (const char *command, int *argc, char ***argv,
    const GOptionEntry *options, const char *arguments, const char *summary,
    int min, int max)
{
  g_autoptr (GOptionContext) context = g_option_context_new (arguments);
  g_autoptr (GError) error = NULL;
  g_autofree char *program = g_strconcat ("vyre ", command, NULL);

  /* What the help calls the program. */
  g_set_prgname (program);
  g_option_context_set_summary (context, summary);
  if (options)
    g_option_context_add_main_entries (context, options, NULL);
  if (!g_option_context_parse (context, argc, argv, &error)) {
    cli_error (command, "%s; see vyre %s --help", error->message, command);
    return FALSE;
  }
  if (*argc > 1 && strcmp ((*argv)[1], "--") == 0) {
    memmove (*argv + 1, *argv + 2, (*argc - 1) * sizeof **argv);
    (*argc)--;
  }
  if (*argc - 1 < min || *argc - 1 > max) {
    cli_error (command, "usage: vyre %s [OPTION…] %s", command, arguments);
    return FALSE;
  }
  return TRUE;
}

GBytes *
cli_read_file (const char *path, gsize max_bytes, GError **error)
{
  g_autoptr (GByteArray) data = g_byte_array_new ();
  g_autofree guint8 *buffer = g_malloc (65536);
  gboolean from_stdin = strcmp (path, "-") == 0;
  const char *name = from_stdin ? "standard input" : path;
  FILE *file = from_stdin ? stdin : fopen (path, "rb");
  gsize n;
  int code = errno;

  /* A byte array holds less than 4 GiB and doubles when it grows. */
  max_bytes = MIN (max_bytes, (gsize) 1 << 30);
  if (!file)
    goto failed;
  errno = 0;
  while ((n = fread (buffer, 1, 65536, file)) > 0) {
    if (n > max_bytes - data->len)
      goto too_large;
    g_byte_array_append (data, buffer, (guint) n);
  }
  code = errno;
  if (ferror (file))
    goto failed;
  if (!from_stdin)
    fclose (file);
  return g_byte_array_free_to_bytes (g_steal_pointer (&data));

too_large:
  fclose (file);
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_MESSAGE_TOO_LARGE,
      "%s: more than %" G_GSIZE_FORMAT " bytes; give less", name, max_bytes);
  return NULL;

failed:
  if (file)
    fclose (file);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code), "%s: %s", name,
      g_strerror (code));
  return NULL;
}

gboolean
cli_write_file (
    const char *path, gconstpointer data, gsize length, GError **error)
{
  gboolean to_stdout = strcmp (path, "-") == 0;
  FILE *file = to_stdout ? stdout : fopen (path, "wb");
  gboolean ok;
  int code;

  if (!file)
    goto failed;
  ok = fwrite (data, 1, length, file) == length && fflush (file) == 0;
  code = errno;
  if (!to_stdout && fclose (file) != 0 && ok) {
    ok = FALSE;
    code = errno;
  }
  errno = code;
  if (!ok)
    goto failed;
  return TRUE;

failed:
  code = errno;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
      "%s: cannot write %" G_GSIZE_FORMAT " bytes: %s",
      to_stdout ? "standard output" : path, length, g_strerror (code));
  return FALSE;
}

VyreProgram *
cli_load_program (const char *name, gsize *size, GError **error)
{
  g_autoptr (GBytes) bytes = NULL;
  VyreProgram *program;
  gconstpointer data;
  gsize length;

  if (size)
    *size = 0;
  if (strcmp (name, "-") != 0 && vyre_program_is_shipped_name (name) &&
      !g_file_test (name, G_FILE_TEST_EXISTS))
    return vyre_program_load_shipped (name, error);

  bytes = cli_read_file (name, MAX_PROGRAM_FILE, error);
  if (!bytes)
    return NULL;
  data = g_bytes_get_data (bytes, &length);
  if (size)
    *size = length;
  program = vyre_program_load_data (data ? data : "", length, error);
  if (!program)
    g_prefix_error (
        error, "%s: ", strcmp (name, "-") == 0 ? "standard input" : name);
  return program;
}

gboolean
cli_check_engine (const char *command, const char *engine)
{
  if (!engine || strcmp (engine, "interp") == 0 ||
      strcmp (engine, "jit") == 0 || cli_is_reference (engine))
    return TRUE;
  cli_error (command, "there is no engine \"%s\"; use interp, jit or reference",
      engine);
  return FALSE;
}

gboolean
cli_is_reference (const char *engine)
{
  return engine && strcmp (engine, "reference") == 0;
}

char *
cli_split_assignment (const char *text, const char **value)
{
  const char *equals = strchr (text, '=');

  if (!equals || equals == text)
    return NULL;
  *value = equals + 1;
  return g_strndup (text, equals - text);
}
