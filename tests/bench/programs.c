/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The measured programs, in text form and in C; map.comp has them in GLSL. */

#include "programs.h"

#include "bench.h"

/* At each end, and a sample of as many: mapped device memory takes a
 * microsecond a word. */
#define VERIFIED_WORDS 1024

const BenchProgram bench_programs[] = {
  { "1 operation", 1, { MAP_INVERT, 0, 0, 0 } },
  { "5 operations", 5, { MAP_ROUNDS, 1, 1, 0 } },
  { "10 operations", 10, { MAP_ROUNDS, 2, 1, 0 } },
  { "20 operations", 20, { MAP_ROUNDS, 4, 1, 0 } },
  { "50 operations", 50, { MAP_ROUNDS, 10, 1, 0 } },
  { "10 operations 32 times", 320, { MAP_ROUNDS, 2, 32, 0 } },
};
const guint bench_n_programs = G_N_ELEMENTS (bench_programs);

const BenchProgram bench_program_copy = { "copy", 0, { MAP_COPY, 0, 0, 0 } };

char *
bench_program_text (const BenchProgram *program, guint32 salt)
{
  const BaselineMap *map = &program->map;
  g_autoptr (GString) text = g_string_new ("program workgroup(64);\n"
                                           "buffer input: readonly u32[] @0;\n"
                                           "buffer output: readwrite u32[] "
                                           "@1;\n"
                                           "main {\n"
                                           "  let i = invocation_id.x;\n"
                                           "  if i < len(output) {\n"
                                           "    let x = input[i];\n");

  if (map->op == MAP_INVERT)
    g_string_append (text, "x = ~x;\n");
  if (map->op == MAP_ROUNDS) {
    if (map->loops > 1)
      g_string_append_printf (text, "for k in 0..%u {\n", map->loops);
    for (guint r = 0; r < map->rounds; r++)
      g_string_append (text, "x = x * 0x9e3779b1 + 0x7f4a7c15;\n"
                             "x = (x ^ x >> 15) - 0x85ebca6b;\n");
    if (map->loops > 1)
      g_string_append (text, "}\n");
  }
  if (salt != 0)
    g_string_append_printf (text, "x = x ^ 0x%x;\n", salt);
  g_string_append (text, "output[i] = x;\n  }\n}\n");
  return g_string_free (g_steal_pointer (&text), FALSE);
}

guint32
bench_program_apply (const BenchProgram *program, guint32 salt, guint32 x)
{
  const BaselineMap *map = &program->map;

  if (map->op == MAP_INVERT)
    x = ~x;
  for (guint r = 0; map->op == MAP_ROUNDS && r < map->rounds * map->loops;
       r++) {
    x = x * 0x9e3779b1u + 0x7f4a7c15u;
    x = (x ^ x >> 15) - 0x85ebca6bu;
  }
  return x ^ salt;
}

void
bench_fill (gpointer data, gsize bytes)
{
  guint32 *words = data;
  guint32 x = 0x12345678;

  for (gsize i = 0; i < bytes / 4; i++) {
    x = x * 1664525u + 1013904223u;
    words[i] = x;
  }
}

static gboolean
verify_range (const BenchProgram *program, guint32 salt, const guint32 *in,
    const guint32 *out, gsize start, gsize end, gsize stride, const char *what,
    GError **error)
{
  for (gsize i = start; i < end; i += stride) {
    guint32 wanted = bench_program_apply (program, salt, in[i]);
    if (out[i] == wanted)
      continue;
    g_set_error (error, BENCH_ERROR, BENCH_ERROR_WRONG,
        "%s, %s: word %" G_GSIZE_FORMAT " is %08x, expected %08x (of %08x)",
        what, program->name, i, out[i], wanted, in[i]);
    return FALSE;
  }
  return TRUE;
}

gboolean
bench_verify (const BenchProgram *program, guint32 salt, const void *in,
    const void *out, gsize bytes, const char *what, GError **error)
{
  gsize words = bytes / 4;
  gsize stride = words / VERIFIED_WORDS | 1;
  gsize end = MIN (words, VERIFIED_WORDS);

  return verify_range (program, salt, in, out, 0, end, 1, what, error) &&
         verify_range (
             program, salt, in, out, words - end, words, 1, what, error) &&
         verify_range (program, salt, in, out, 0, words, stride, what, error);
}
