/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vir0/text.h"

#include <gio/gio.h>

/* What the subcommands of vyre share. */

enum
{
  CLI_OK = 0,
  CLI_FAILURE = 1,
  CLI_USAGE = 2,
};

typedef struct
{
  const char *name, *summary;
  /* argv[0] is the subcommand's name. Returns an exit code. */
  int (*run) (int argc, char **argv);
} CliCommand;

int cli_asm (int argc, char **argv);
int cli_check (int argc, char **argv);
int cli_conform (int argc, char **argv);
int cli_devices (int argc, char **argv);
int cli_disasm (int argc, char **argv);
int cli_info (int argc, char **argv);
int cli_replay (int argc, char **argv);
int cli_run (int argc, char **argv);
int cli_top (int argc, char **argv);

/* Prints "vyre COMMAND: TEXT" to standard error. */
void cli_error (const char *command, const char *format, ...)
    G_GNUC_PRINTF (2, 3);

/* Parses options; help goes to standard output and ends the process. arguments
 * describes what is left, min and max how much of it there may be. FALSE after
 * a message: return CLI_USAGE. */
gboolean cli_parse (const char *command, int *argc, char ***argv,
    const GOptionEntry *options, const char *arguments, const char *summary,
    int min, int max);

/* Options that several commands have; what: "the program", say. */
#define CLI_OPTION_ENGINE(what, where) \
  { "engine", 'e', 0, G_OPTION_ARG_STRING, where, \
    "What runs " what ": interp or jit (on a device), or reference (slow, " \
    "exact)", \
    "ENGINE" }
#define CLI_OPTION_DEVICE(where) \
  { "device", 'd', 0, G_OPTION_ARG_INT, where, \
    "Device number as in vyre devices, -1 for the best (-1)", "N" }

/* A program by file name, "-" for standard input, or the name of a shipped
 * one where no file is called so. size (or %NULL) gets the bytes of the file,
 * 0 for a shipped program. */
VyreProgram *cli_load_program (const char *name, gsize *size, GError **error);

/* FALSE after a message when the engine (NULL: the default) is not one. */
gboolean cli_check_engine (const char *command, const char *engine);
/* The plain-C executor, which needs no device. */
gboolean cli_is_reference (const char *engine);

GBytes *cli_read_file (const char *path, gsize max_bytes, GError **error);
/* "-" is standard output. Never replaces what the path refers to, so that
 * devices and pipes work. */
gboolean cli_write_file (
    const char *path, gconstpointer data, gsize length, GError **error);

/* Splits "NAME=VALUE" at the first '='; value points into text. NULL when
 * there is none. */
char *cli_split_assignment (const char *text, const char **value);
