/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "vir0/text.h"

/* Hand-written texts: what they mean and how they are printed. */

static VyreProgram *
parse (const char *text)
{
  g_autoptr (GError) error = NULL;
  VyreProgram *program = vyre_program_parse (text, strlen (text), &error);

  if (!program)
    g_error ("%s\n%s", error->message, text);
  return program;
}

/* Parses, prints, goes through the wire and prints again. */
static void
assert_prints (const char *text, const char *expected)
{
  g_autoptr (VyreProgram) program = parse (text);
  g_autofree char *printed = vyre_program_print (program);
  g_autoptr (VyreProgram) again = NULL;
  g_autofree char *reprinted = NULL;

  g_assert_cmpstr (printed, ==, expected);
  again = parse (printed);
  reprinted = vyre_program_print (again);
  g_assert_cmpstr (reprinted, ==, expected);
}

static void
assert_survives_wire (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = parse (text);
  g_autoptr (VyreProgram) decoded = NULL;
  g_autoptr (GBytes) blob = vyre_program_encode (program, &error);
  g_autofree char *printed = NULL;
  g_autofree char *after = NULL;

  g_assert_no_error (error);
  decoded = vyre_program_decode (g_bytes_get_data (blob, NULL),
      g_bytes_get_size (blob), VYRE_WIRE_PRESERVE_UNKNOWN, &error);
  g_assert_no_error (error);
  printed = vyre_program_print (program);
  after = vyre_program_print (decoded);
  g_assert_cmpstr (after, ==, printed);
}

/* --- expressions ------------------------------------------------------------ */

typedef struct
{
  const char *text;
  const char *printed; /* NULL: as text */
} Case;

#define HEAD "program workgroup(1, 1, 1);\n\nmain {\n  let x = "
#define TAIL ";\n}\n"

static const Case expressions[] = {
  /* u32 */
  { "0" },
  { "65535" },
  { "65536", "0x10000" },
  { "0x0", "0" },
  { "4294967295", "0xffffffff" },
  { "12u32", "12" },
  { "'a'", "97" },
  { "'\\n'", "10" },
  { "'\\''", "39" },
  { "'€'", "8364" },
  { "'\\u{10ffff}'", "0x10ffff" },
  { "true" },
  { "false" },
  /* i32: the sign belongs to the literal, so Negate needs parentheses */
  { "5i32" },
  { "-5i32" },
  { "-2147483648i32" },
  { "- 0x10i32", "-16i32" },
  { "-(5i32)" },
  { "-(-5i32)" },
  { "--5i32", "-(-5i32)" },
  { "-5" },
  { "--5" },
  { "a - -5i32" },
  { "a-5i32", "a - 5i32" },
  /* f32 */
  { "1.0" },
  { "1f32", "1.0" },
  { "0.1" },
  { "0.10000000149", "0.1" },
  { "-0.0" },
  { "-(0.0)" },
  { "1e10", "1e+10" },
  { "1e+10" },
  { "16777216.0" },
  { "100000.0" },
  { "3.4028235e38", "3.4028235e+38" },
  { "3.40282347e+38", "3.4028235e+38" },
  { "1e-45", "1.4013e-45" },
  { "-1.17549e-38" },
  { "inf" },
  { "-inf" },
  { "nan" },
  { "-nan" },
  { "f32_bits(0x7f800001)" },
  { "f32_bits(0xffc12345)" },
  { "f32_bits(0x3f800000)", "1.0" },
  /* 64 bits */
  { "18446744073709551615u64" },
  { "-9223372036854775808i64" },
  { "9223372036854775807i64" },
  { "0xffu64", "255u64" },
  { "1f64", "1.0f64" },
  { "-0.1f64" },
  { "0.1234567890123456789f64", "0.12345678901234568f64" },
  { "5e-324f64", "4.94065645841247e-324f64" },
  { "opaque(\"vyre.literal.f64\", \"000000000000f07f\")" },
  { "opaque(\"my.kind\", \"\")" },
  { "opaque(\"my.kind\", \"00fF\")", "opaque(\"my.kind\", \"00ff\")" },
  /* names */
  { "_x1" },
  { "`a b`" },
  { "`x`", "x" },
  { "`let`" },
  { "`1`" },
  { "``" },
  { "`\\u{0}\\u{1}\\n\\t\\`\\\\\\u{7f}`" },
  { "`\\r\\0`", "`\\u{d}\\u{0}`" },
  { "`ж入\"'`" },
  { "`\\u{202e}`" },
  { "select" },
  { "min" },
  { "u32" },
  { "in" },
  { "`main`[`if`]" },
  /* ids */
  { "invocation_id.x" },
  { "workgroup_id.y" },
  { "local_id.z" },
  { "local_id[2]", "local_id.z" },
  { "local_id[255]" },
  /* operators: precedence and association */
  { "a + b * c" },
  { "(a + b) * c" },
  { "a + (b + c)" },
  { "(a + b) + c", "a + b + c" },
  { "a - (b - c)" },
  { "((a))", "a" },
  { "a * b / c % d" },
  { "a << b + c" },
  { "(a << b) + c" },
  { "a & b << c" },
  { "a ^ b & c" },
  { "(a ^ b) & c" },
  { "a | b ^ c" },
  { "a | b == c | d" },
  { "a | (b == c) | d" },
  { "(a == b) == c" },
  { "a == (b == c)" },
  { "(a < b) != (c >= d)" },
  { "a && b || c && d" },
  { "a && (b || c) && d" },
  { "a <= b && c > d" },
  { "a >> 1 << 2" },
  { "-a * ~b" },
  { "-(a * b)" },
  { "!(a && b)" },
  { "~-!a" },
  { "-x[1]" },
  { "a<b", "a < b" },
  { "a/*c*/+/**/b// d\n", "a + b" },
  /* memory */
  { "x[y[z]]" },
  { "len(x)" },
  { "len(`a b`)" },
  { "atomic_add(x[i], 1)" },
  { "atomic_add(x[i], 1, 2)" },
  { "atomic_or.relaxed(x[i + 1], a | b)" },
  { "atomic_and.acquire(x[i], 1)" },
  { "atomic_xor.release(x[i], 1)" },
  { "atomic_min.acq_rel(x[i], 1)" },
  { "atomic_max.grid_sync(x[i], 1)" },
  { "atomic_exchange.seq_cst(x[i], 1)", "atomic_exchange(x[i], 1)" },
  { "atomic_compare_exchange(x[i], 1, 2)" },
  { "atomic_compare_exchange(x[i], 2)" },
  { "atomic_compare_exchange_weak(x[i], 1, 2)" },
  { "atomic_fetch_nand(x[i], 1)" },
  { "atomic_lru_update(x[i], 1)" },
  { "atomic_opaque(0x80000000, x[i], 1)" },
  { "atomic_opaque.relaxed(0xffffffff, x[i], 1, 2)" },
  /* functions */
  { "select(a, b, c)" },
  { "fma(a, b, c)" },
  { "subgroup_add(a)" },
  { "subgroup_shuffle(a, b)" },
  { "subgroup_ballot(a)" },
  { "subgroup_local_id()" },
  { "subgroup_size()" },
  { "call(\"my.op\")" },
  { "call(\"my op\\\"\", a, b + c)" },
  { "opaque_binary(0x80000001, a, b)" },
  { "opaque_unary(0x80000001, a)" },
  /* casts */
  { "u32(a)" },
  { "i32(u8(a) + 1)" },
  { "vec2u32(a)" },
  { "bytes(a)" },
  { "tensor(a)" },
  { "cast(u32, a)", "u32(a)" },
  { "cast(array(4294967295), a)" },
  { "cast(handle(7), a)" },
  { "cast(vec(u8, 255), a)" },
  { "cast(vec(vec(f16, 2), 3), a)" },
  { "cast(tensor_shaped(f32), a)" },
  { "cast(tensor_shaped(f32, 0, 4294967295), a)" },
  { "cast(sparse_csr(i4), a)" },
  { "cast(sparse_coo(sparse_csr(nf4)), a)" },
  { "cast(sparse_bsr(fp4, 3, 5), a)" },
  { "cast(device_mesh(), a)" },
  { "cast(device_mesh(2, 3), a)" },
  { "cast(quantized(i8, per_tensor, absent), a)" },
  { "cast(quantized(u8, per_group(32), per_channel(1)), a)" },
  { "cast(quantized(f8e4m3, per_channel(0), per_tensor), a)" },
  { "cast(vec(quantized(f8e5m2, per_channel(4294967295), per_group(1)), 0), "
    "a)" },
  { "cast(opaque(0x80000000), a)" },
};

static void
test_expressions (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (expressions); i++) {
    const Case *c = &expressions[i];
    g_autofree char *text = g_strconcat (HEAD, c->text, TAIL, NULL);
    g_autofree char *expected =
        g_strconcat (HEAD, c->printed ? c->printed : c->text, TAIL, NULL);

    assert_prints (text, expected);
  }
}

/* All but the floats that encoding makes alike. */
static void
test_expressions_on_the_wire (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (expressions); i++) {
    const char *e = expressions[i].text;
    g_autofree char *text = g_strconcat (HEAD, e, TAIL, NULL);

    if (strstr (e, "-0.0") || strstr (e, "nan") || strstr (e, "e-45") ||
        strstr (e, "e-38") || strstr (e, "f32_bits(0x7f") ||
        strstr (e, "f32_bits(0xff"))
      continue;
    assert_survives_wire (text);
  }
}

static VyreExpr *
first_value (const VyreProgram *program)
{
  return program->entry.nodes[0]->body.nodes[0]->exprs[0];
}

static void
test_literal_bits (void)
{
  static const struct
  {
    const char *text;
    VyreExprKind kind;
    guint32 bits;
  } cases[] = {
    { "-1i32", VYRE_EXPR_LIT_I32, 0xffffffff },
    { "-2147483648i32", VYRE_EXPR_LIT_I32, 0x80000000 },
    { "-0.0", VYRE_EXPR_LIT_F32, 0x80000000 },
    { "nan", VYRE_EXPR_LIT_F32, 0x7fc00000 },
    { "-nan", VYRE_EXPR_LIT_F32, 0xffc00000 },
    { "-inf", VYRE_EXPR_LIT_F32, 0xff800000 },
    { "f32_bits(0x7fa00001)", VYRE_EXPR_LIT_F32, 0x7fa00001 },
    { "1e-45", VYRE_EXPR_LIT_F32, 1 },
    { "0.1", VYRE_EXPR_LIT_F32, 0x3dcccccd },
    { "1.000000178813934326171875000000001", VYRE_EXPR_LIT_F32, 0x3f800002 },
    /* Rounded twice, through double, it would become …02. */
    { "1.00000017881393432617187499", VYRE_EXPR_LIT_F32, 0x3f800001 },
    { "true", VYRE_EXPR_LIT_BOOL, 1 },
    { "0xffffffff", VYRE_EXPR_LIT_U32, 0xffffffff },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strconcat (HEAD, cases[i].text, TAIL, NULL);
    g_autoptr (VyreProgram) program = parse (text);
    const VyreExpr *expr = first_value (program);

    g_assert_cmpint (expr->kind, ==, cases[i].kind);
    g_assert_cmphex (expr->bits, ==, cases[i].bits);
  }
}

/* Patterns from all over the range, every exponent and both signs among them.
 */
static void
test_float_bits (void)
{
  for (guint i = 0; i < 0x10000; i += 7) {
    guint32 bits = i << 16 | (i * 0x9e37u & 0xffff);
    g_autofree char *text = g_strdup_printf (HEAD "f32_bits(0x%x)" TAIL, bits);
    g_autoptr (VyreProgram) program = parse (text);
    g_autofree char *printed = vyre_program_print (program);
    g_autoptr (VyreProgram) again = parse (printed);

    g_assert_cmpint (first_value (again)->kind, ==, VYRE_EXPR_LIT_F32);
    g_assert_cmphex (first_value (again)->bits, ==, bits);
  }
}

/* Every operator of the wire has a spelling of its own. */
static void
test_all_operators (void)
{
  static const struct
  {
    VyreExprKind kind;
    guint last, n_args;
  } kinds[] = {
    { VYRE_EXPR_BIN_OP, VYRE_BIN_MUL_HIGH, 2 },
    { VYRE_EXPR_UN_OP, VYRE_UN_RECIPROCAL, 1 },
    { VYRE_EXPR_ATOMIC, VYRE_ATOMIC_LRU_UPDATE, 2 },
  };

  for (guint k = 0; k < G_N_ELEMENTS (kinds); k++) {
    for (guint op = 1; op <= kinds[k].last; op++) {
      g_autoptr (VyreProgram) program = parse (HEAD "0" TAIL);
      g_autoptr (VyreProgram) again = NULL;
      g_autofree char *printed = NULL;
      VyreExpr *expr =
          vyre_program_expr (program, kinds[k].kind, kinds[k].n_args);

      expr->op = op;
      expr->ordering = VYRE_ORDER_SEQ_CST;
      expr->name = vyre_program_string (program, "b", 1);
      for (guint i = 0; i < kinds[k].n_args; i++)
        expr->args[i] = vyre_program_expr (program, VYRE_EXPR_LIT_U32, 0);
      program->entry.nodes[0]->body.nodes[0]->exprs[0] = expr;
      printed = vyre_program_print (program);
      again = parse (printed);
      g_assert_cmpint (first_value (again)->kind, ==, kinds[k].kind);
      g_assert_cmpuint (first_value (again)->op, ==, op);
      g_assert_cmpuint (first_value (again)->n_args, ==, kinds[k].n_args);
    }
  }
}

/* --- statements and programs ------------------------------------------------ */

static const Case programs[] = {
  { "program workgroup(64);", "program workgroup(64, 1, 1);\n" },
  { "program \"a \\\"b\\\"\" workgroup(1, 2) non_composable;",
      "program \"a \\\"b\\\"\" workgroup(1, 2, 1) non_composable;\n" },
  { "\xef\xbb\xbfprogram \"\"\r\n\tworkgroup(4294967295,1,1);",
      "program \"\" workgroup(4294967295, 1, 1);\n" },
  { "program workgroup(1, 1, 1);\n"
    "\n"
    "buffer a: readonly u32[] @0;\n"
    "buffer `b c`: readwrite f32[4294967295] @4294967295 output live_out;\n"
    "buffer c: uniform vec4u32[2] @2;\n"
    "buffer d: workgroup i16[7];\n"
    "buffer e: writeonly u8[8] @4 output range(2..6);\n"
    "buffer f: readwrite array(18446744073709551615)[] @5;\n"
    "buffer g: readonly quantized(i4, per_tensor, absent)[3] @6;\n"
    "buffer h: readonly handle(0)[1] @7;\n"
    "buffer i: readonly opaque(0x80000000)[1] @8;\n"
    "buffer a: readonly u32[1] @0 kind(global) coalesce(255) align(16) "
    "locality(streaming);\n"
    "buffer ``: workgroup bool[1] @3 kind(persistent) locality(random);\n"
    "buffer k: uniform u32[1] @9 kind(push);\n"
    "buffer l: readwrite u32[1] @10 live_out kind(local) align(4294967295);\n"
    "buffer m: readonly u32[1] @11 range(0..0) kind(shared);\n"
    "buffer n: readonly u32[1] @12 kind(uniform);\n"
    "buffer o: readwrite u32[1] @13 kind(readonly);\n" },
  { "program workgroup(1);\n"
    "buffer a: readonly u32[0x10] @0 locality(temporal) kind(readonly) "
    "align(0) coalesce(0);",
      "program workgroup(1, 1, 1);\n\n"
      "buffer a: readonly u32[16] @0 coalesce(0);\n" },
  /* statements at the top, nested ones, defaults */
  { "program workgroup(1, 1, 1);\n"
    "\n"
    "let x = 1;\n"
    "x = x + 1;\n"
    "b[x] = 2;\n"
    "`if`[0] = 3;\n"
    "`let` = 4;\n"
    "return;\n"
    "{ }\n"
    "{\n"
    "  { }\n"
    "}\n"
    "main { }\n"
    "region \"\" { }\n"
    "region \"a\\nb\" from \"\" {\n"
    "  return;\n"
    "}\n"
    "region \"vyre.program.root\" from \"x\" { }\n"
    "barrier;\n"
    "barrier.relaxed;\n"
    "barrier.grid_sync;\n"
    "loop { }\n"
    "for i in 0..10 {\n"
    "  loop {\n"
    "    return;\n"
    "  }\n"
    "}\n"
    "for __forever__ in 0..0xfffffffe { }\n"
    "for `in` in a[1]..b + 1 { }\n",
      "program workgroup(1, 1, 1);\n"
      "\n"
      "let x = 1;\n"
      "x = x + 1;\n"
      "b[x] = 2;\n"
      "`if`[0] = 3;\n"
      "`let` = 4;\n"
      "return;\n"
      "{ }\n"
      "{\n"
      "  { }\n"
      "}\n"
      "main { }\n"
      "region \"\" { }\n"
      "region \"a\\nb\" from \"\" {\n"
      "  return;\n"
      "}\n"
      "region \"vyre.program.root\" from \"x\" { }\n"
      "barrier;\n"
      "barrier.relaxed;\n"
      "barrier.grid_sync;\n"
      "loop { }\n"
      "for i in 0..10 {\n"
      "  loop {\n"
      "    return;\n"
      "  }\n"
      "}\n"
      "for __forever__ in 0..0xfffffffe { }\n"
      "for in in a[1]..b + 1 { }\n" },
  { "program workgroup(1); barrier.seq_cst; "
    "region \"vyre.program.root\" { } for __forever__ in 0..4294967295 { }",
      "program workgroup(1, 1, 1);\n\nbarrier;\nmain { }\nloop { }\n" },
  /* conditions */
  { "program workgroup(1, 1, 1);\n"
    "\n"
    "if a { }\n"
    "if a < b {\n"
    "  return;\n"
    "} else {\n"
    "  x = 1;\n"
    "}\n"
    "if a { } else if b { } else if c {\n"
    "  return;\n"
    "} else {\n"
    "  if d { }\n"
    "  return;\n"
    "}\n" },
  { "program workgroup(1); if (a) { } else { } if a { } else { if b { } }",
      "program workgroup(1, 1, 1);\n\nif a { }\nif a { } else if b { }\n" },
  /* statements that look like calls */
  { "program workgroup(1, 1, 1);\n"
    "\n"
    "indirect_dispatch(b, 18446744073709551615);\n"
    "async_load(a, b, i * 4, 16, \"tag\");\n"
    "async_store(`a b`, b, 0, len(a), \"\");\n"
    "async_wait(\"tag\");\n"
    "trap(x + 1, \"boom\\u{0}\");\n"
    "resume(\"again\");\n"
    "all_reduce(a, sum, 0);\n"
    "all_reduce(a, min, 1);\n"
    "all_reduce(a, max, 4294967295);\n"
    "all_reduce(a, bit_and, 0);\n"
    "all_gather(a, b, 0);\n"
    "reduce_scatter(a, b, bit_or, 0);\n"
    "reduce_scatter(a, b, bit_xor, 2);\n"
    "broadcast(a, 3, 4);\n"
    "opaque(\"my.kind\", \"00ff10\");\n"
    "opaque(\"\", \"\");\n" },
};

static void
test_programs (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (programs); i++) {
    const Case *c = &programs[i];

    assert_prints (c->text, c->printed ? c->printed : c->text);
    assert_survives_wire (c->text);
  }
}

static GString *
nested (const char *open, const char *middle, const char *close, guint n)
{
  GString *text = g_string_new ("program workgroup(1);\n");

  for (guint i = 0; i < n; i++)
    g_string_append (text, open);
  g_string_append (text, middle);
  for (guint i = 0; i < n; i++)
    g_string_append (text, close);
  return text;
}

/* The deepest that the wire carries: 64 levels. */
static void
test_deepest (void)
{
  g_autoptr (GString) blocks = nested ("{", "", "}", 64);
  g_autoptr (GString) chain = nested ("let x = a", "", "", 1);
  g_autoptr (GString) unary = nested ("let x = ", "", "", 1);
  g_autoptr (GString) ifs = nested ("if a { } else ", "{ }", "", 62);
  g_autoptr (GString) type = nested ("let x = cast(", "", "", 1);
  g_autoptr (GString) parens = nested ("let x = ", "", "", 1);

  assert_survives_wire (blocks->str);
  for (guint i = 0; i < 62; i++)
    g_string_append (chain, i % 2 ? " * (b)" : " + b");
  g_string_append (chain, ";");
  assert_survives_wire (chain->str);
  for (guint i = 0; i < 62; i++)
    g_string_append_c (unary, '-');
  g_string_append (unary, "a;");
  assert_survives_wire (unary->str);
  assert_survives_wire (ifs->str);
  for (guint i = 0; i < 8191; i++)
    g_string_append (type, "vec(");
  g_string_append (type, "u8");
  for (guint i = 0; i < 8191; i++)
    g_string_append (type, ", 2)");
  g_string_append (type, ", a);");
  assert_survives_wire (type->str);
  for (guint i = 0; i < 256; i++)
    g_string_append_c (parens, '(');
  g_string_append_c (parens, 'a');
  for (guint i = 0; i < 256; i++)
    g_string_append_c (parens, ')');
  g_string_append_c (parens, ';');
  assert_survives_wire (parens->str);
}

static void
test_positions (void)
{
  g_autoptr (VyreProgram) program =
      parse ("program workgroup(1);\n"
             "  buffer `ж`: readonly u32[] @0; buffer b: readonly u32[] @1;\n"
             "main {\n"
             "\tif `ж`[0] + 1 < 2 {\n"
             "    b[3] = min(x, y);\n"
             "  } else if c { }\n"
             "}\n");
  const VyreNode *main_node = program->entry.nodes[0];
  const VyreNode *if_node = main_node->body.nodes[0];
  const VyreNode *store = if_node->body.nodes[0];
  const VyreNode *else_node = if_node->otherwise.nodes[0];
  const VyreExpr *less = if_node->exprs[0];

#define ASSERT_AT(thing, l, c) \
  g_assert_cmpuint ((thing).at.line, ==, l); \
  g_assert_cmpuint ((thing).at.column, ==, c)
  ASSERT_AT (program->buffers[0], 2, 10);
  ASSERT_AT (program->buffers[1], 2, 41);
  ASSERT_AT (*main_node, 3, 1);
  ASSERT_AT (*if_node, 4, 2);
  ASSERT_AT (*less, 4, 16);
  ASSERT_AT (*less->args[0], 4, 12);
  ASSERT_AT (*less->args[0]->args[0], 4, 5);
  ASSERT_AT (*less->args[0]->args[0]->args[0], 4, 9);
  ASSERT_AT (*store, 5, 5);
  ASSERT_AT (*store->exprs[1], 5, 12);
  ASSERT_AT (*store->exprs[1]->args[1], 5, 19);
  ASSERT_AT (*else_node, 6, 10);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/golden/expressions", test_expressions);
  g_test_add_func (
      "/text/golden/expressions-on-the-wire", test_expressions_on_the_wire);
  g_test_add_func ("/text/golden/literal-bits", test_literal_bits);
  g_test_add_func ("/text/golden/float-bits", test_float_bits);
  g_test_add_func ("/text/golden/all-operators", test_all_operators);
  g_test_add_func ("/text/golden/programs", test_programs);
  g_test_add_func ("/text/golden/deepest", test_deepest);
  g_test_add_func ("/text/golden/positions", test_positions);
  return g_test_run ();
}
