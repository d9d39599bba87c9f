/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <string.h>

/* vyre asm and vyre disasm: programs from one form to another. */

int
cli_asm (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = NULL;
  g_autoptr (GBytes) blob = NULL;
  gsize length;
  gconstpointer data;

  if (!cli_parse ("asm", &argc, &argv, NULL, "PROGRAM OUT",
          "Writes PROGRAM, in any form, as a binary VIR0 program to OUT.\n"
          "- stands for standard input and output.",
          2, 2))
    return CLI_USAGE;

  program = cli_load_program (argv[1], NULL, &error);
  if (!program)
    goto failed;
  blob = vyre_program_encode (program, &error);
  if (!blob)
    goto failed;
  data = g_bytes_get_data (blob, &length);
  if (!cli_write_file (argv[2], data, length, &error))
    goto failed;
  return CLI_OK;

failed:
  cli_error ("asm", "%s", error->message);
  return CLI_FAILURE;
}

int
cli_disasm (int argc, char **argv)
{
  gboolean hex = FALSE;
  const GOptionEntry options[] = {
    { "hex", 'x', 0, G_OPTION_ARG_NONE, &hex,
        "Write the hex form instead of readable text", NULL },
    { NULL },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = NULL;
  g_autofree char *text = NULL;

  if (!cli_parse ("disasm", &argc, &argv, options, "PROGRAM [OUT]",
          "Writes PROGRAM, in any form, as readable text to OUT or standard\n"
          "output. vyre asm reads it back without loss.",
          1, 2))
    return CLI_USAGE;

  program = cli_load_program (argv[1], NULL, &error);
  if (!program)
    goto failed;
  text = hex ? vyre_program_encode_hex (program, &error)
             : vyre_program_print (program);
  if (!text ||
      !cli_write_file (argc > 2 ? argv[2] : "-", text, strlen (text), &error))
    goto failed;
  return CLI_OK;

failed:
  cli_error ("disasm", "%s", error->message);
  return CLI_FAILURE;
}
