/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../vir0/program.h"

G_BEGIN_DECLS

/*
 * The reference executor: a program in, bytes out, on the CPU, one step after
 * the other in the exact order of vir0-semantics.md section 6. It is what the
 * other engines are compared with, written to be read and not to be fast, and
 * never runs in a pipeline.
 *
 * It decides by values and tags at run time, as section 8 says, and shares no
 * code with lowering but the grid rule.
 *
 * Floats: every operation is IEEE single precision, canonical before and after
 * (section 8.5). The transcendental functions are the C library's, computed in
 * double precision and rounded once, which is within the tolerance of section
 * 27 and at most an ULP from the recorded cases.
 */

#define VYRE_REFERENCE_ERROR (vyre_reference_error_quark ())
VYRE_API GQuark vyre_reference_error_quark (void);

/* Codes 1 to 17 are R01 to R17 of vir0-semantics.md section 21, which also
 * stand in the messages, as "[R07]". */
typedef enum
{
  VYRE_REFERENCE_ERROR_ENTRY = 1,
  VYRE_REFERENCE_ERROR_COLLECTIVE = 2,
  VYRE_REFERENCE_ERROR_VALIDATION = 3,
  VYRE_REFERENCE_ERROR_INPUT = 4,
  VYRE_REFERENCE_ERROR_WORKGROUP = 5, /* memory, invocations or ids */
  VYRE_REFERENCE_ERROR_INDEX = 6, /* no u32 or u64, where one is needed */
  VYRE_REFERENCE_ERROR_OPERANDS = 7, /* tags an operator has no meaning for */
  VYRE_REFERENCE_ERROR_DIVISION = 8, /* of i32 */
  VYRE_REFERENCE_ERROR_CAST = 9,
  VYRE_REFERENCE_ERROR_VARIABLE = 10,
  VYRE_REFERENCE_ERROR_BUFFER = 11,
  VYRE_REFERENCE_ERROR_ATOMIC = 12,
  VYRE_REFERENCE_ERROR_BARRIER = 13,
  VYRE_REFERENCE_ERROR_ASYNC = 14,
  VYRE_REFERENCE_ERROR_UNSUPPORTED = 15, /* Trap, and what nothing executes */
  VYRE_REFERENCE_ERROR_SUBGROUP = 16,
  VYRE_REFERENCE_ERROR_FMA = 17,

  /* Not the program's fault: what the options allow is used up. */
  VYRE_REFERENCE_ERROR_STEPS = 100,
  VYRE_REFERENCE_ERROR_MEMORY,
  VYRE_REFERENCE_ERROR_CANCELLED,
} VyreReferenceError;

typedef struct
{
  /* Three numbers of workgroups, or %NULL for the rule of section 5.1. */
  const guint32 *grid;
  /* Work that all invocations together may do: statements, expressions and, by
   * sixteen, bytes copied and names looked through; 0: no limit. */
  guint64 max_steps;
  /* Memory for buffers, invocations and values, roughly; 0: no limit. */
  guint64 max_bytes;
  /* Asked every few thousand steps, in the calling thread, or %NULL. The run
   * ends with VYRE_REFERENCE_ERROR_CANCELLED once it says TRUE. */
  gboolean (*cancelled) (gpointer user_data);
  gpointer user_data;
  guint64 *steps; /* (out) (optional): work done */
} VyreReferenceOptions;

#define VYRE_REFERENCE_MAX_BYTES ((guint64) 1 << 30)
#define VYRE_REFERENCE_OPTIONS_DEFAULT \
  ((VyreReferenceOptions){ .max_bytes = VYRE_REFERENCE_MAX_BYTES })

/**
 * vyre_reference_run:
 * @program: any program, such as the decoder returns
 * @options: (nullable): %NULL for VYRE_REFERENCE_OPTIONS_DEFAULT
 * @inputs: bytes for every input in declaration order; or, where their number
 *   says so, for every buffer but those of Workgroup access (section 4.2)
 * @n_inputs: how many
 * @outputs: (out) (transfer full) (element-type GBytes): the returned buffers in
 *   declaration order, each cut to its byte range (section 4.4); unset on error
 *
 * Repairs (section 3), validates, binds and runs @program. Any fault of any
 * invocation is an error and leaves no outputs (section 6.7). May be called
 * from any thread; @program and @inputs are not changed.
 */
VYRE_API gboolean vyre_reference_run (const VyreProgram *program,
    const VyreReferenceOptions *options, GBytes *const *inputs, guint n_inputs,
    GPtrArray **outputs, GError **error);

G_END_DECLS
