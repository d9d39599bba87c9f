/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vir0/program.h"

G_BEGIN_DECLS

/*
 * Random programs that mean the same in every schedule (vir0-semantics.md
 * section 6.6), by construction: each invocation writes its own elements alone,
 * atomics of one buffer commute and their old values are not used, workgroup
 * memory is written by its owner and read by all in turns with barriers
 * between, subgroup operations follow a barrier.
 *
 * Floats that decide anything come of operations that are exact; those with a
 * tolerance (section 27) are stored at once, to a buffer that says so.
 */

typedef struct
{
  VyreProgram *program;
  guint32 grid[3];
  /* By buffer: what is bound; NULL for workgroup memory. Zeros for outputs. */
  GBytes **contents;
  /* By buffer: units in the last place that two executors may be apart. */
  guint *ulps;
  /* Sines may be off by this much at arguments up to pi, besides. */
  gboolean *trigonometric;
} Generated;

/* The same for the same seed, everywhere. Aborts if what it makes is refused. */
Generated *generate_program (guint64 seed);
void generated_free (Generated *generated);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Generated, generated_free)

G_END_DECLS
