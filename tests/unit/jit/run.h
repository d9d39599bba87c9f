/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "device/device.h"
#include "jit/jit.h"

/* Compiled programs in the test frame, on a device. */

extern const char *const jit_frame;

typedef struct
{
  guint tiles; /* dispatches that share out the workgroups; 0: 1 */
  guint32 max_passes; /* of the frame; 0: no limit */
  gsize misalign; /* added to every address: a multiple of 4, below 64 */
} JitRunOptions;

typedef struct
{
  guint32 code, address, tag; /* of a fault; 0: none */
  guint32 steps, passes; /* the largest of a workgroup */
} JitRunResult;

/* The first usable device, opened once; NULL without one. */
VyreDevice *jit_device (void);

/* A program made ready. NULL, with an error, when it is not compiled; aborts
 * when what was generated does not compile. lowered must outlive it. */
typedef struct _JitProgram JitProgram;

JitProgram *jit_program_new (
    const VyreLowered *lowered, const VyreJitOptions *options, GError **error);
void jit_program_free (JitProgram *program);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (JitProgram, jit_program_free)

/* Runs it over the grid. buffers: by buffer of the program, as they are before
 * and after; NULL for those of Workgroup access. Aborts when a byte beside one
 * was written, and when running fails. */
void jit_program_run (const JitProgram *program, const JitRunOptions *options,
    GByteArray **buffers, const guint32 grid[3], JitRunResult *result);
/* What was generated: for tests of its shape. */
const VyreJitSource *jit_program_get_source (const JitProgram *program);

/* Prints how long the steps took and how long texts were, so far. */
void jit_print_times (void);
