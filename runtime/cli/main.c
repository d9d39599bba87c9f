/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static const CliCommand commands[] = {
  { "asm", "turn a program of any form into a binary one", cli_asm },
  { "check", "say what is wrong with a program", cli_check },
  { "conform", "run folders of recorded cases", cli_conform },
  { "devices", "list the Vulkan devices", cli_devices },
  { "disasm", "turn a program of any form into readable text", cli_disasm },
  { "info", "say what a program contains and needs", cli_info },
  { "replay", "run again what was recorded", cli_replay },
  { "run", "run a program on files", cli_run },
  { "top", "show what a running pipeline does", cli_top },
};

static void
print_help (FILE *out)
{
  fprintf (out,
      "Usage:\n  vyre COMMAND [OPTION…] ARGUMENT…\n\n"
      "Works with VIR0 programs: binary, hex or readable text, told apart by\n"
      "content, or the name of a program that ships with vyre.\n\n"
      "Commands:\n");
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    fprintf (out, "  %-10s%s\n", commands[i].name, commands[i].summary);
  fprintf (out,
      "\nvyre COMMAND --help describes a command, vyre --version tells the\n"
      "version. Exit status: 0 success, 1 failure, 2 wrong usage.\n");
}

int
main (int argc, char **argv)
{
  setlocale (LC_ALL, "");
  /* Results go to standard output, and whoever asks for messages
   * (G_MESSAGES_DEBUG) does not want them among these. */
  g_log_writer_default_set_use_stderr (TRUE);
  if (argc < 2) {
    print_help (stderr);
    return CLI_USAGE;
  }
  if (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0 ||
      strcmp (argv[1], "help") == 0) {
    print_help (stdout);
    return CLI_OK;
  }
  if (strcmp (argv[1], "--version") == 0) {
    printf ("vyre %s\n", VYRE_VERSION);
    return CLI_OK;
  }
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++) {
    if (strcmp (argv[1], commands[i].name) == 0)
      return commands[i].run (argc - 1, argv + 1);
  }
  fprintf (
      stderr, "vyre: there is no command \"%s\"; see vyre --help\n", argv[1]);
  return CLI_USAGE;
}
