/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vir0/text.h"

/* What the fuzzing targets share. Each defines LLVMFuzzerTestOneInput(). */

int LLVMFuzzerTestOneInput (const guint8 *data, size_t size);

/* A copy of data whose digest, if it has the header of a blob, is right: what
 * is tested lies behind that check. Free with g_free(). */
guint8 *fuzz_repair (const guint8 *data, gsize size);

/* A program: a blob after fuzz_repair(), else text. NULL if it is neither. */
VyreProgram *fuzz_program (const guint8 *data, gsize size);

/* Encodes what must encode. */
GBytes *fuzz_encode (const VyreProgram *program);

/* Aborts with the text, which ends in a newline. */
#define FUZZ_FAIL(...) \
  do { \
    g_printerr (__VA_ARGS__); \
    abort (); \
  } while (0)
#define FUZZ_ASSERT(ok) \
  do { \
    if (!(ok)) \
      FUZZ_FAIL ("%s:%d: %s does not hold\n", __FILE__, __LINE__, #ok); \
  } while (0)
