/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "program.h"

G_BEGIN_DECLS

/**
 * The validator (vir0-semantics.md sections 22 to 24). It tells what is wrong
 * with a program, all of it at once, and changes nothing. Programs may come
 * from anywhere, built in memory included: depth and size are bounded by
 * memory alone, and time grows with the size of the program.
 */

#define VYRE_VALIDATE_ERROR (vyre_validate_error_quark ())
VYRE_API GQuark vyre_validate_error_quark (void);

typedef enum
{
  VYRE_VALIDATE_ERROR_INVALID,  /* a program has errors */
} VyreValidateError;

typedef enum
{
  VYRE_SEVERITY_ERROR,
  VYRE_SEVERITY_WARNING,        /* never makes a program invalid */
} VyreSeverity;

typedef struct
{
  VyreSeverity severity;
  /* The rule's id in vir0-semantics.md: "V008", "P2", "S6", "E3", "X08". */
  const char *code;
  /* The code is one that vyre reports too; it has none for the other rules. */
  gboolean has_public_code;
  /* Where: "entry[0].body[1].then[2].value.left", "buffers[3]",
   * "workgroup_size[0]"; empty for the program as a whole. The middle of paths
   * with more than 72 statements is left out. */
  char *path;
  VyreSource at;                /* 0, 0 unless the program comes from text */
  char *message;                /* one line: what is wrong, and what to write */
} VyreFinding;

typedef struct
{
  /* Each in the order of section 22.2, the X rules of section 23 after all
   * others. Elements are VyreFinding. */
  GPtrArray *errors;
  GPtrArray *warnings;
  /* Errors and warnings beyond max_findings, which are counted only. */
  guint64 n_unlisted;
} VyreFindings;

typedef struct
{
  gboolean allow_shadowing;
  gboolean subgroup_support;
  gboolean collective_support;
  /* Validate what is left after the repairs of section 3.1 and 3.2: other
   * statements at the top than Regions count as put into one (a warning), and
   * collectives of the single rank as replaced. Otherwise both are errors. */
  gboolean repair;
  /* Section 23 as well: refuse what this engine does not execute, or not with
   * the meaning of the specification. X01, X02, X12, X15, X16, X18 and X22 are
   * left out because it gives those programs their meaning, or decides when it
   * runs them; X19 and X20 are for whoever knows the device. */
  gboolean engine_checks;
  /* V034: a backend's name and the casts it knows, bit 1 << VyreTypeKind for
   * kinds below 32. %NULL: any backend. */
  const char *backend;
  guint32 cast_targets;
  /* Findings of one severity to keep; 0: VYRE_VALIDATE_MAX_FINDINGS. */
  guint max_findings;
} VyreValidateOptions;

#define VYRE_VALIDATE_MAX_FINDINGS 10000

/* What decides whether this engine runs a program (section 3, item 4). */
#define VYRE_VALIDATE_OPTIONS_ENGINE \
  ((VyreValidateOptions){ .subgroup_support = TRUE, .repair = TRUE, \
      .engine_checks = TRUE })

/**
 * vyre_program_validate:
 * @program: a finished program, whose statements and expressions are trees
 * @options: (nullable): %NULL is all off, as for a validator that stands alone
 *
 * May be called from any thread, also for one program in several at once.
 *
 * Returns: (transfer full): everything found; free with vyre_findings_free().
 * The program is valid if there are no errors.
 */
VYRE_API VyreFindings *vyre_program_validate (const VyreProgram *program,
    const VyreValidateOptions *options);
VYRE_API void vyre_findings_free (VyreFindings *findings);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreFindings, vyre_findings_free)

/* One line as compilers print it, newly allocated: "NAME:LINE:COLUMN: error
 * [V008]: MESSAGE", with the path where there is no line. name may be %NULL. */
VYRE_API char *vyre_finding_format (const VyreFinding *finding,
    const char *name);

/* Validates, and if there are errors sets a VYRE_VALIDATE_ERROR whose message
 * is a summary and then a line for each of them (the first hundred). */
VYRE_API gboolean vyre_program_check (const VyreProgram *program,
    const VyreValidateOptions *options, GError **error);

G_END_DECLS
