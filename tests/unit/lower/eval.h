/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lower/lower.h"

/* Runs register code as isa.h states it, one workgroup after the other, all
 * lanes of a workgroup in one group. A measuring instrument for lowering, not
 * an engine: it checks every index it uses and aborts on a wrong one. */

typedef struct
{
  guint code; /* 0: none */
  guint32 address, tag, at;
} EvalFault;

typedef struct
{
  EvalFault fault;
  guint64 steps; /* instructions times executing lanes */
  gboolean stopped; /* max_steps were used up */
} EvalResult;

/* max_steps: instructions, 0 for no limit. buffers: per buffer of the program, GByteArray; NULL for Workgroup ones. */
void eval_run (const VyreLowered *lowered, GByteArray **buffers,
    const guint32 grid[3], guint64 max_steps, EvalResult *result);
