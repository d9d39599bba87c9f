/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "run.h"

/* Programs in text form, compiled and compared with the reference executor. */

/* Aborts, with the text, when it is refused. */
VyreLowered *jit_lower_text (const char *text, guint registers);

typedef struct
{
  const char *name; /* of the program and of how it was compiled */
  gsize elements; /* of buffers without a count */
  const guint32 *grid; /* or NULL: the rule */
  gboolean may_fault;
  JitRunOptions run;
} JitComparison;

/* Fills all buffers with bytes that follow from elements, runs both, and aborts
 * when they differ. */
void jit_compare (
    const VyreLowered *lowered, JitProgram *compiled, const JitComparison *how);
