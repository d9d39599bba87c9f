/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire.h"

G_BEGIN_DECLS

/* The readable text form of programs; its grammar is in docs/text-form.md. */

#define VYRE_TEXT_ERROR (vyre_text_error_quark ())
VYRE_API GQuark vyre_text_error_quark (void);

typedef enum
{
  VYRE_TEXT_ERROR_SYNTAX,       /* message starts with LINE:COLUMN: */
  VYRE_TEXT_ERROR_TOO_LARGE,
  VYRE_TEXT_ERROR_NOT_UTF8,
} VyreTextError;

/* Parses a program. The result is finished, the caller owns it, and its
 * expressions, statements and buffers carry their source positions. */
VYRE_API VyreProgram *vyre_program_parse (const char *text, gsize length,
    GError **error);

/* Prints a program so that parsing the result gives the same program (for
 * everything the wire carries). Never fails for a program that encodes. */
VYRE_API char *vyre_program_print (const VyreProgram *program);

/* Loads any form: binary (starts with "VYRE"), hex text ("vyre_ir v0.1") or
 * readable text. The form is told by content, never by file name. */
VYRE_API VyreProgram *vyre_program_load_data (const guint8 *data, gsize length,
    GError **error);
VYRE_API VyreProgram *vyre_program_load_file (const char *path,
    GError **error);

/* A shipped program by name (lower-case letters, digits, dashes), looked for
 * in the folders of the environment variable VYRE_PROGRAMS_PATH (colons
 * between them), then in the installed folder. G_FILE_ERROR_NOENT, with the
 * known names in the message, when there is none. */
VYRE_API VyreProgram *vyre_program_load_shipped (const char *name,
    GError **error);
/* The path of a file that belongs to a shipped program: NAME and suffix, in the
 * first of these folders that has it; %NULL when there is none, or name is no
 * program's. Free with g_free(). */
VYRE_API char *vyre_program_find_shipped (const char *name,
    const char *suffix);
/* Could it be the name of a shipped program? The empty text is none. */
VYRE_API gboolean vyre_program_is_shipped_name (const char *name);
/* Names of all shipped programs, sorted; free with g_strfreev(). */
VYRE_API char **vyre_program_list_shipped (void);

G_END_DECLS
