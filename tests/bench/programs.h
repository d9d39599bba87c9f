/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "baseline.h"

G_BEGIN_DECLS

/*
 * The measured programs: maps of u32 words, from one operation to many. Each
 * exists in VIR0's text form, in GLSL (map.comp) and in C, written alike.
 */
typedef struct
{
  const char *name;
  guint operations;             /* on each word, without load and store */
  BaselineMap map;
} BenchProgram;

/* From 1 to 50 operations in a straight line, then a loop of ten. */
extern const BenchProgram bench_programs[];
extern const guint bench_n_programs;
/* Copies; not in the list above. */
extern const BenchProgram bench_program_copy;

/* The program as text; free with g_free(). salt takes part in the result and
 * makes a program that nobody has seen before. */
char *bench_program_text (const BenchProgram *program, guint32 salt);
/* What it makes of a word. */
guint32 bench_program_apply (const BenchProgram *program, guint32 salt,
    guint32 x);

/* Words that look random, the same each time. */
void bench_fill (gpointer data, gsize bytes);
/* Is out what the program makes of in? All of a small buffer, and of a large
 * one the ends and a sample: device memory is slow to read. */
gboolean bench_verify (const BenchProgram *program, guint32 salt,
    const void *in, const void *out, gsize bytes, const char *what,
    GError **error);

G_END_DECLS
