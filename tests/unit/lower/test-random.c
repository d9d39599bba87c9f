/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random programs: the evaluated register code against the statements and
 * expressions themselves, invocation by invocation. */
#include <string.h>

#include "eval.h"
#include "vir0/text.h"

#define LANES 4
#define WORDS 8 /* of out, per lane */
#define N_IN 16
#define MAX_STEPS 200000

/* --- making one -------------------------------------------------------------- */

typedef struct
{
  GString *text;
  guint n_names; /* so far: all names differ */
  GArray *visible; /* guint: variables, loop counters negative */
  guint budget;
} Maker;

static guint
pick (guint n)
{
  return (guint) g_test_rand_int_range (0, (gint32) n);
}

static void
make_expr (Maker *m, guint depth)
{
  static const char *const infix[] = { "+", "-", "*", "/", "%", "&", "|", "^",
    "<<", ">>" };
  static const char *const named[] = { "min", "max", "sat_sub", "abs_diff",
    "rotate_left", "sat_add", "mul_high" };
  static const char *const compare[] = { "<", "<=", ">", ">=", "==", "!=" };
  static const guint32 literals[] = { 0, 1, 2, 3, 4, 7, 8, 16, 31, 32, 255, 256,
    0x80000000u, 0xffffffffu };
  guint what = depth == 0 ? pick (4) : pick (12);

  if (m->budget > 0)
    m->budget--;
  switch (what) {
    case 0:
    case 1:
      if (m->visible->len != 0) {
        gint name = g_array_index (m->visible, gint, pick (m->visible->len));

        g_string_append_printf (m->text, "v%d", ABS (name));
        return;
      }
      G_GNUC_FALLTHROUGH;
    case 2:
      g_string_append_printf (
          m->text, "%u", literals[pick (G_N_ELEMENTS (literals))]);
      return;
    case 3:
      g_string_append (m->text, pick (2) ? "invocation_id.x" : "len(out)");
      return;
    case 4:
      g_string_append (m->text, "in[");
      make_expr (m, depth - 1);
      g_string_append (m->text, pick (2) ? "]" : " % 16]");
      return;
    case 5:
      g_string_append (m->text, "own[invocation_id.x * 8 + (");
      make_expr (m, depth - 1);
      g_string_append (m->text, ") % 8]");
      return;
    case 6:
      g_string_append_printf (
          m->text, "%s(", named[pick (G_N_ELEMENTS (named))]);
      make_expr (m, depth - 1);
      g_string_append (m->text, ", ");
      make_expr (m, depth - 1);
      g_string_append (m->text, ")");
      return;
    case 7:
      g_string_append (m->text, "select(");
      make_expr (m, depth - 1);
      g_string_append_printf (m->text, " %s ", compare[pick (6)]);
      make_expr (m, depth - 1);
      g_string_append (m->text, pick (2) ? " && " : " || ");
      make_expr (m, depth - 1);
      g_string_append_printf (m->text, " %s %u, ", compare[pick (6)],
          literals[pick (G_N_ELEMENTS (literals))]);
      make_expr (m, depth - 1);
      g_string_append (m->text, ", ");
      make_expr (m, depth - 1);
      g_string_append (m->text, ")");
      return;
    case 8:
      g_string_append (m->text, pick (2) ? "~(" : "popcount(");
      make_expr (m, depth - 1);
      g_string_append (m->text, ")");
      return;
    default:
      g_string_append (m->text, "(");
      make_expr (m, depth - 1);
      g_string_append_printf (m->text, ") %s (", infix[pick (10)]);
      make_expr (m, depth - 1);
      g_string_append (m->text, ")");
      return;
  }
}

static void make_list (Maker *m, guint depth, guint n);

static void
make_node (Maker *m, guint depth)
{
  guint what = depth == 0 ? pick (5) : pick (9);
  guint seen = m->visible->len;
  gint name;

  switch (what) {
    case 0:
    case 1:
      name = (gint) ++m->n_names;
      g_string_append_printf (m->text, "let v%d = ", name);
      make_expr (m, 3);
      g_string_append (m->text, ";\n");
      g_array_append_val (m->visible, name);
      return;
    case 2:
    case 3:
      if (seen != 0) {
        name = g_array_index (m->visible, gint, pick (seen));
        if (name > 0) {
          g_string_append_printf (m->text, "v%d = ", name);
          make_expr (m, 3);
          g_string_append (m->text, ";\n");
          return;
        }
      }
      G_GNUC_FALLTHROUGH;
    case 4:
      g_string_append_printf (
          m->text, "own[invocation_id.x * 8 + %u] = ", pick (8));
      make_expr (m, 3);
      g_string_append (m->text, ";\n");
      return;
    case 5:
    case 6:
      g_string_append (m->text, "if ");
      make_expr (m, 2);
      g_string_append (m->text, " != 0 {\n");
      make_list (m, depth - 1, 3);
      if (pick (12) == 0)
        g_string_append (m->text, "return;\n");
      if (pick (2)) {
        g_string_append (m->text, "} else {\n");
        make_list (m, depth - 1, 3);
      }
      g_string_append (m->text, "}\n");
      return;
    case 7:
      g_string_append (m->text, "{\n");
      make_list (m, depth - 1, 3);
      g_string_append (m->text, "}\n");
      return;
    default:
      name = -(gint) ++m->n_names;
      g_string_append_printf (m->text, "for v%d in %u..", -name, pick (3));
      if (pick (2)) {
        g_string_append_printf (m->text, "%u {\n", pick (7));
      } else {
        g_string_append (m->text, "(");
        make_expr (m, 1);
        g_string_append (m->text, ") % 6 {\n");
      }
      g_array_append_val (m->visible, name);
      make_list (m, depth - 1, 4);
      g_array_set_size (m->visible, seen);
      g_string_append (m->text, "}\n");
      return;
  }
}

static void
make_list (Maker *m, guint depth, guint n)
{
  guint seen = m->visible->len;

  for (guint i = 0; i < 1 + pick (n) && m->budget > 0; i++)
    make_node (m, depth);
  g_array_set_size (m->visible, seen);
}

static char *
make_program (void)
{
  Maker m = { g_string_new ("program workgroup(4);\n"
                            "buffer in: readonly u32[16] @0;\n"
                            "buffer own: readwrite u32[] @1;\n"
                            "buffer out: readwrite u32[] @2;\nmain {\n"),
    .visible = g_array_new (FALSE, FALSE, sizeof (gint)), .budget = 400 };

  for (guint i = 0; i < 8; i++)
    make_node (&m, 4);
  for (guint i = 0; i < m.visible->len; i++)
    g_string_append_printf (m.text, "out[invocation_id.x * 64 + %u] = v%d;\n",
        i, ABS (g_array_index (m.visible, gint, i)));
  g_string_append (m.text, "}\n");
  g_array_unref (m.visible);
  return g_string_free (m.text, FALSE);
}

/* --- its meaning ---------------------------------------------------------------- */

typedef struct
{
  const VyreProgram *program;
  GHashTable *variables; /* VyreString (by text) -> value */
  guint32 *memory[3];
  guint32 lengths[3]; /* words */
  guint32 lane;
  gboolean returned;
  guint steps;
} Meaning;

static guint32
mean_expr (Meaning *m, const VyreExpr *expr)
{
  guint32 a[3] = { 0 };
  g_autofree char *name = NULL;
  guint64 wide;
  int buffer;

  for (guint i = 0; i < expr->n_args; i++)
    a[i] = mean_expr (m, expr->args[i]);
  switch (expr->kind) {
    case VYRE_EXPR_LIT_U32:
    case VYRE_EXPR_LIT_BOOL:
      return expr->bits;
    case VYRE_EXPR_VAR:
      name = g_strndup (expr->name.data, expr->name.length);
      g_assert_true (g_hash_table_contains (m->variables, name));
      return GPOINTER_TO_UINT (g_hash_table_lookup (m->variables, name));
    case VYRE_EXPR_LOAD:
      buffer = vyre_program_find_buffer (m->program, expr->name);
      return a[0] < m->lengths[buffer] ? m->memory[buffer][a[0]] : 0;
    case VYRE_EXPR_BUF_LEN:
      return m->lengths[vyre_program_find_buffer (m->program, expr->name)];
    case VYRE_EXPR_INVOCATION_ID:
      return m->lane;
    case VYRE_EXPR_SELECT:
      return a[0] ? a[1] : a[2];
    case VYRE_EXPR_UN_OP:
      return expr->op == VYRE_UN_BIT_NOT ? ~a[0]
             : expr->op == VYRE_UN_POPCOUNT
                 ? (guint32) __builtin_popcount (a[0])
                 : a[0] == 0;
    default:
      break;
  }
  g_assert_cmpint (expr->kind, ==, VYRE_EXPR_BIN_OP);
  wide = (guint64) a[0] * a[1];
  switch (expr->op) {
    case VYRE_BIN_ADD:
      return a[0] + a[1];
    case VYRE_BIN_SUB:
      return a[0] - a[1];
    case VYRE_BIN_MUL:
      return (guint32) wide;
    case VYRE_BIN_DIV:
      return a[1] ? a[0] / a[1] : G_MAXUINT32;
    case VYRE_BIN_MOD:
      return a[1] ? a[0] % a[1] : 0;
    case VYRE_BIN_AND_BITS:
      return a[0] & a[1];
    case VYRE_BIN_OR_BITS:
      return a[0] | a[1];
    case VYRE_BIN_XOR_BITS:
      return a[0] ^ a[1];
    case VYRE_BIN_SHL:
      return a[0] << (a[1] & 31);
    case VYRE_BIN_SHR:
      return a[0] >> (a[1] & 31);
    case VYRE_BIN_EQ:
      return a[0] == a[1];
    case VYRE_BIN_NE:
      return a[0] != a[1];
    case VYRE_BIN_LT:
      return a[0] < a[1];
    case VYRE_BIN_LE:
      return a[0] <= a[1];
    case VYRE_BIN_GT:
      return a[0] > a[1];
    case VYRE_BIN_GE:
      return a[0] >= a[1];
    case VYRE_BIN_AND:
      return a[0] && a[1];
    case VYRE_BIN_OR:
      return a[0] || a[1];
    case VYRE_BIN_MIN:
      return MIN (a[0], a[1]);
    case VYRE_BIN_MAX:
      return MAX (a[0], a[1]);
    case VYRE_BIN_ABS_DIFF:
      return MAX (a[0], a[1]) - MIN (a[0], a[1]);
    case VYRE_BIN_SATURATING_ADD:
      return (guint32) MIN ((guint64) a[0] + a[1], G_MAXUINT32);
    case VYRE_BIN_SATURATING_SUB:
      return a[0] > a[1] ? a[0] - a[1] : 0;
    case VYRE_BIN_MUL_HIGH:
      return (guint32) (wide >> 32);
    case VYRE_BIN_ROTATE_LEFT:
      return a[0] << (a[1] & 31) |
             (guint32) ((guint64) a[0] >> (32 - (a[1] & 31)));
    default:
      g_error ("operator %u", expr->op);
  }
}

static void
mean_list (Meaning *m, const VyreNodeList *list)
{
  for (guint i = 0; i < list->n_nodes && !m->returned; i++) {
    const VyreNode *node = list->nodes[i];
    guint32 a[2] = { 0 };
    int buffer;

    if (++m->steps > MAX_STEPS)
      return;
    for (guint k = 0; k < node->n_exprs; k++)
      a[k] = mean_expr (m, node->exprs[k]);
    switch (node->kind) {
      case VYRE_NODE_LET:
      case VYRE_NODE_ASSIGN:
        g_hash_table_insert (m->variables,
            g_strndup (node->name.data, node->name.length),
            GUINT_TO_POINTER (a[0]));
        break;
      case VYRE_NODE_STORE:
        buffer = vyre_program_find_buffer (m->program, node->name);
        if (a[0] < m->lengths[buffer])
          m->memory[buffer][a[0]] = a[1];
        break;
      case VYRE_NODE_IF:
        mean_list (m, a[0] ? &node->body : &node->otherwise);
        break;
      case VYRE_NODE_BLOCK:
      case VYRE_NODE_REGION:
        mean_list (m, &node->body);
        break;
      case VYRE_NODE_LOOP:
        for (; a[0] < a[1] && !m->returned && m->steps <= MAX_STEPS; a[0]++) {
          g_hash_table_insert (m->variables,
              g_strndup (node->name.data, node->name.length),
              GUINT_TO_POINTER (a[0]));
          mean_list (m, &node->body);
        }
        break;
      case VYRE_NODE_RETURN:
        m->returned = TRUE;
        break;
      default:
        g_error ("statement %d", (int) node->kind);
    }
  }
}

/* --- both -------------------------------------------------------------------------- */

static gboolean
run_one (guint max_registers)
{
  g_autofree char *text = make_program ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_parse (text, strlen (text), &error);
  g_autoptr (VyreLowered) lowered = NULL;
  VyreLowerOptions options = { max_registers };
  GByteArray *buffers[3];
  g_autofree guint32 *memory = g_new0 (guint32, 3 * 256);
  Meaning m = { program, .memory = { memory, memory + 256, memory + 512 },
    .lengths = { N_IN, LANES * WORDS - 1, LANES * 64 } };
  const guint32 grid[3] = { 1, 1, 1 };
  EvalResult result;
  gboolean ok = TRUE;

  if (error != NULL)
    g_error ("%s\n%s", text, error->message);
  for (guint i = 0; i < 3 * 256; i++)
    memory[i] = pick (3) ? pick (40) : g_test_rand_int ();
  for (guint i = 0; i < 3; i++) {
    buffers[i] = g_byte_array_new ();
    g_byte_array_append (
        buffers[i], (const guint8 *) m.memory[i], m.lengths[i] * 4);
  }

  lowered = vyre_lower (program, &options, &error);
  if (lowered == NULL)
    g_error ("%s\n%s", text, error->message);
  for (m.lane = 0; m.lane < LANES; m.lane++) {
    m.variables = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
    m.returned = FALSE;
    mean_list (&m, &program->entry);
    g_hash_table_unref (m.variables);
  }
  if (m.steps <= MAX_STEPS) {
    eval_run (lowered, buffers, grid, 0, &result);
    g_assert_cmpuint (result.fault.code, ==, 0);
    for (guint i = 0; i < 3; i++)
      ok &= memcmp (buffers[i]->data, m.memory[i], m.lengths[i] * 4) == 0;
  }
  if (!ok) {
    g_autofree char *listing = vyre_lowered_dump (lowered);

    g_error (
        "differs with %u registers:\n%s\n%s", max_registers, text, listing);
  }
  for (guint i = 0; i < 3; i++)
    g_byte_array_unref (buffers[i]);
  return m.steps <= MAX_STEPS;
}

static void
test_programs (void)
{
  guint n = g_test_slow () ? 20000 : 1000, finished = 0;

  for (guint i = 0; i < n; i++)
    finished += run_one (8 + i % 4 * i % 57);
  g_test_message ("%u programs", finished);
  g_assert_cmpuint (finished, >, n / 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lower/random", test_programs);
  return g_test_run ();
}
