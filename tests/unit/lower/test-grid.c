/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "lower/lower.h"
#include "vir0/text.h"

typedef struct
{
  const char *buffers;
  guint32 size[3];
  guint64 lengths[2];
  gboolean atomics;
  guint32 grid[3];
} Row;

#define OUT "buffer out: readwrite u32[] @0;"
#define BOTH "buffer out: readwrite u32[] @0; buffer in: readonly u8[] @1;"

static const Row rows[] = {
  /* the table of vir0-semantics.md section 5.1 */
  { OUT, { 64, 1, 1 }, { 4 }, FALSE, { 1, 1, 1 } },
  { OUT, { 64, 1, 1 }, { 260 }, FALSE, { 2, 1, 1 } },
  { OUT, { 1, 1, 1 }, { 4000 }, FALSE, { 1000, 1, 1 } },
  { OUT, { 256, 1, 1 }, { 4000 }, FALSE, { 4, 1, 1 } },
  { OUT, { 8, 8, 1 }, { 1200 }, FALSE, { 3, 3, 1 } },
  { OUT, { 8, 8, 1 }, { 4000 }, FALSE, { 4, 4, 1 } },
  { OUT, { 4, 4, 4 }, { 2052 }, FALSE, { 3, 3, 3 } },
  { OUT, { 1, 64, 1 }, { 4000 }, FALSE, { 1, 16, 1 } },
  { OUT, { 1, 8, 8 }, { 400 }, FALSE, { 1, 2, 2 } },
  /* inputs count with atomics only (section 30.5) */
  { BOTH, { 256, 1, 1 }, { 4, 4097 }, TRUE, { 17, 1, 1 } },
  { BOTH, { 256, 1, 1 }, { 4, 4097 }, FALSE, { 1, 1, 1 } },
  { BOTH " buffer sh: workgroup u32[1];", { 256, 1, 1 }, { 4, 4097 }, FALSE,
      { 17, 1, 1 } },
  { "buffer in: readonly u8[] @0;", { 256, 1, 1 }, { 4097 }, FALSE,
      { 17, 1, 1 } },
  { "buffer pg_nodes: readonly u32[700] @0; buffer out: readwrite u32[] @1;",
      { 1, 1, 1 }, { 2800, 4 }, FALSE, { 700, 1, 1 } },
  { "buffer pg_nodes: readonly u32[700] @2; buffer out: readwrite u32[] @1;",
      { 1, 1, 1 }, { 2800, 4 }, FALSE, { 1, 1, 1 } },
  /* half-bytes, unreachable tails, nothing at all */
  { "buffer out: readwrite i4[] @0;", { 1, 1, 1 }, { 3 }, FALSE, { 6, 1, 1 } },
  { "buffer out: readwrite u64[] @0;", { 1, 1, 1 }, { 23 }, FALSE,
      { 2, 1, 1 } },
  { "buffer out: readwrite u32[] @0;", { 1, 1, 1 }, { 0 }, FALSE, { 1, 1, 1 } },
  { "", { 64, 2, 1 }, { 0 }, FALSE, { 1, 1, 1 } },
  /* the largest of each */
  { "buffer out: readwrite u8[] @0;", { 1, 1, 1 }, { G_MAXUINT32 }, FALSE,
      { G_MAXUINT32, 1, 1 } },
  { "buffer out: readwrite u8[] @0;", { 2, 2, 1 }, { G_MAXUINT32 }, FALSE,
      { 32768, 32768, 1 } },
  { "buffer out: readwrite u8[] @0;", { 2, 2, 2 }, { G_MAXUINT32 }, FALSE,
      { 813, 813, 813 } },
  { "buffer out: readwrite u8[] @0;", { 65536, 65535, 2 }, { G_MAXUINT32 },
      FALSE, { 1, 1, 1 } },
};

static VyreProgram *
program_of (const Row *row)
{
  g_autofree char *text =
      g_strdup_printf ("program workgroup(%u, %u, %u); %s main { return; }",
          row->size[0], row->size[1], row->size[2], row->buffers);
  g_autoptr (GError) error = NULL;
  VyreProgram *program = vyre_program_parse (text, strlen (text), &error);

  g_assert_no_error (error);
  return program;
}

static void
test_rule (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (VyreProgram) program = program_of (&rows[i]);
    g_autoptr (GError) error = NULL;
    guint64 lengths[3] = { rows[i].lengths[0], rows[i].lengths[1], 0 };
    guint32 grid[3];

    g_assert_true (
        vyre_grid_compute (program, rows[i].atomics, lengths, grid, &error));
    g_assert_no_error (error);
    for (guint axis = 0; axis < 3; axis++)
      if (grid[axis] != rows[i].grid[axis])
        g_error ("row %u, axis %u: %u instead of %u", i, axis, grid[axis],
            rows[i].grid[axis]);
  }
}

static void
refuse (const char *buffers, guint32 size, guint64 length, const char *id)
{
  Row row = { buffers, { size, 1, 1 }, { length } };
  g_autoptr (VyreProgram) program = program_of (&row);
  g_autoptr (GError) error = NULL;
  guint64 lengths[3] = { length, 0, 0 };
  guint32 grid[3];

  g_assert_false (vyre_grid_compute (program, FALSE, lengths, grid, &error));
  g_assert_nonnull (strstr (error->message, id));
}

static void
test_limits (void)
{
  refuse ("buffer out: readwrite u8[] @0;", 1, G_MAXUINT32 + 1ull, "[R04]");
  refuse ("buffer out: readwrite i4[] @0;", 1, 1ull << 31, "[R04]");
  refuse ("buffer out: readwrite i4[] @0;", 1, G_MAXUINT64, "[R04]");
  refuse ("buffer out: readwrite u8[] @0;", 1, G_MAXUINT64, "[R04]");
  refuse ("buffer out: readwrite tensor[] @0;", 1, 4, "[R04]");
  /* 614 workgroups of 7000000 invocations */
  refuse ("buffer out: readwrite u8[] @0;", 7000000, G_MAXUINT32, "[R05]");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lower/grid/rule", test_rule);
  g_test_add_func ("/lower/grid/limits", test_limits);
  return g_test_run ();
}
