/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random programs whose invocations touch elements of their own, mostly by
 * invocation_id.x: what the version without checks is about. Whole numbers
 * only, compared bit by bit. */
#include "oracle.h"

#include <string.h>

#define BUDGET 30 /* statements and operations of a program, roughly */

typedef struct
{
  GRand *rand;
  GString *text;
  guint n_variables; /* v0, v1, … are all declared in front */
  guint depth;
  guint n_counters;
  gint budget;
  gboolean plain; /* no element but the invocation's own: vectors */
} Maker;

static guint
pick (Maker *m, guint n)
{
  return (guint) g_rand_int_range (m->rand, 0, (gint32) n);
}

static void make_value (Maker *m, guint depth);

static void
make_operation (Maker *m, guint depth)
{
  static const char *const infix[] = { "+", "-", "*", "/", "%", "&", "|", "^",
    "<<", ">>" };
  static const char *const named[] = { "min", "max", "sat_sub", "abs_diff",
    "rotate_left", "sat_add", "mul_high" };
  gboolean call = pick (m, 3) == 0;
  const char *op = call ? "," : infix[pick (m, G_N_ELEMENTS (infix))];

  m->budget--;
  g_string_append (m->text, call ? named[pick (m, G_N_ELEMENTS (named))] : "");
  g_string_append_c (m->text, '(');
  make_value (m, depth - 1);
  g_string_append_printf (m->text, " %s ", op);
  if (*op == '/' || *op == '%') /* zeros, but none that can be seen */
    g_string_append_printf (m->text, "v%u", pick (m, m->n_variables));
  else
    make_value (m, depth - 1);
  g_string_append_c (m->text, ')');
}

static void
make_condition (Maker *m, guint depth)
{
  static const char *const compare[] = { "<", "<=", ">", ">=", "==", "!=" };

  if (pick (m, 4) == 0) {
    g_string_append (m->text, pick (m, 2) ? "i < len(out)" : "len(in) > i");
    return;
  }
  make_value (m, depth);
  g_string_append_printf (
      m->text, " %s ", compare[pick (m, G_N_ELEMENTS (compare))]);
  make_value (m, depth);
}

static void
make_value (Maker *m, guint depth)
{
  static const guint32 literals[] = { 0, 1, 2, 3, 5, 8, 31, 32, 255, 65536,
    0x80000000u, 0xffffffffu };
  GString *text = m->text;

  switch (depth == 0 || m->budget < 0 ? pick (m, 8) : pick (m, 14)) {
    case 0:
    case 1:
      g_string_append_printf (text, "v%u", pick (m, m->n_variables));
      return;
    case 2:
      g_string_append_printf (
          text, "%u", literals[pick (m, G_N_ELEMENTS (literals))]);
      return;
    case 3:
      g_string_append (text, "in[i]");
      return;
    case 4:
    case 5:
      if (m->plain)
        g_string_append (text, "in[i]");
      else if (pick (m, 2) == 0)
        g_string_append_printf (text, "in[i * 4 + %u]", pick (m, 5));
      else
        g_string_append_printf (text, "in[i + %u]", pick (m, 6));
      return;
    case 6:
      g_string_append (text, pick (m, 2) ? "u32(bytes[i])" : "u32(halves[i])");
      return;
    case 7:
      g_string_append (text, pick (m, 2) ? "out[i]" : "i");
      return;
    case 8:
      g_string_append (text, "table[");
      make_value (m, depth - 1);
      g_string_append (text, pick (m, 2) ? "]" : " % 16]");
      return;
    case 9:
      g_string_append (text, "select(");
      make_condition (m, depth - 1);
      g_string_append (text, ", ");
      make_value (m, depth - 1);
      g_string_append (text, ", ");
      make_value (m, depth - 1);
      g_string_append (text, ")");
      return;
    default:
      make_operation (m, depth);
      return;
  }
}

static void make_statements (Maker *m, guint n);

static void
make_block (Maker *m)
{
  g_string_append (m->text, "{\n");
  m->depth++;
  make_statements (m, 1 + pick (m, 4));
  m->depth--;
  g_string_append (m->text, "}\n");
}

static void
make_if (Maker *m)
{
  g_string_append (m->text, "if ");
  make_condition (m, 1);
  g_string_append_c (m->text, ' ');
  if (pick (m, 5) == 0) {
    g_string_append (m->text, "{ return; }\n");
    return;
  }
  make_block (m);
  if (pick (m, 2) == 0) {
    g_string_append (m->text, "else ");
    make_block (m);
  }
}

static void
make_statement (Maker *m)
{
  GString *text = m->text;

  m->budget -= 2;
  switch (m->depth >= 4 || m->budget < 0 ? pick (m, 6) : pick (m, 10)) {
    case 0:
    case 1:
      g_string_append_printf (text, "v%u = ", pick (m, m->n_variables));
      break;
    case 2:
      g_string_append (text, "out[i] = ");
      break;
    case 3:
      if (m->plain)
        g_string_append (text, "wide[i] = ");
      else
        g_string_append_printf (text, "wide[i * 4 + %u] = ", pick (m, 4));
      break;
    case 4:
      g_string_append (text, "out_bytes[i] = u8(");
      make_value (m, 2);
      g_string_append (text, ");\n");
      return;
    case 5:
      g_string_append (text, "out_halves[i] = u16(");
      make_value (m, 2);
      g_string_append (text, ");\n");
      return;
    case 6:
    case 7:
      make_if (m);
      return;
    default:
      g_string_append_printf (text, "for k%u in 0..", m->n_counters++);
      if (pick (m, 4) != 0) {
        g_string_append_printf (text, "%u ", pick (m, 5));
      } else {
        make_value (m, 1);
        g_string_append (text, " % 6 ");
      }
      make_block (m);
      return;
  }
  make_value (m, 3);
  g_string_append (text, ";\n");
}

static void
make_statements (Maker *m, guint n)
{
  for (guint i = 0; i < n; i++)
    make_statement (m);
}

static char *
make_program (guint32 seed)
{
  Maker m = { .rand = g_rand_new_with_seed (seed),
    .text = g_string_new (
        "program workgroup(32);\n"
        "buffer in: readonly u32[] @0;\nbuffer bytes: readonly u8[] @1;\n"
        "buffer halves: readonly u16[] @2;\nbuffer table: readonly u32[16] "
        "@3;\n"
        "buffer out: readwrite u32[] @4;\nbuffer wide: readwrite u32[] @5;\n"
        "buffer out_bytes: readwrite u8[] @6;\n"
        "buffer out_halves: readwrite u16[] @7;\nmain {\n"
        "let i = invocation_id.x;\n"),
    .budget = BUDGET,
    .plain = seed % 2 == 0 };

  m.n_variables = 2 + pick (&m, 3);
  for (guint i = 0; i < m.n_variables; i++)
    g_string_append_printf (
        m.text, "let v%u = %s;\n", i, i % 2 ? "in[i]" : "i * 3");
  if (pick (&m, 2) == 0) {
    g_string_append (m.text, "if i < len(out) ");
    make_block (&m);
  }
  make_statements (&m, 2 + pick (&m, 6));
  g_string_append (m.text, "}\n");
  g_rand_free (m.rand);
  return g_string_free (m.text, FALSE);
}

static void
run_seed (guint32 seed)
{
  static const guint registers[] = { 64, 8, 24 };
  static const gsize lengths[] = { 5, 97, 256, 640 };
  g_autofree char *text = make_program (seed);
  g_autofree char *name = g_strdup_printf ("seed %u:\n%s", seed, text);
  g_autoptr (VyreLowered) lowered = jit_lower_text (text, registers[seed % 3]);
  VyreJitOptions jit = { .unroll = seed % 4 == 1 ? 1 : 4 };
  g_autoptr (GError) error = NULL;
  g_autoptr (JitProgram) compiled = jit_program_new (lowered, &jit, &error);

  g_assert_no_error (error);
  g_test_message ("seed %u", seed);
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    JitComparison how = {
      .name = name,
      .elements = lengths[i],
      .run = { .tiles = 1 + i % 2, .misalign = seed % 8 == 7 ? 4 : 0 },
    };

    jit_compare (lowered, compiled, &how);
  }
}

/* VYRE_TEST_SEED is the first seed. */
static void
test_random (void)
{
  const char *first = g_getenv ("VYRE_TEST_SEED");
  guint32 seed = first ? (guint32) g_ascii_strtoull (first, NULL, 10) : 1;
  guint n = g_strcmp0 (g_getenv ("VYRE_TEST_LONG"), "1") == 0 ? 1000 : 16;

  if (jit_device () == NULL) {
    g_test_skip ("there is no device");
    return;
  }
  for (guint i = 0; i < n; i++)
    run_seed (seed + i);
  jit_print_times ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/random", test_random);
  return g_test_run ();
}
