/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "vir0/text.h"

/* Wrong texts: where the error is reported and what it says. */

typedef struct
{
  const char *text;
  const char *at; /* LINE:COLUMN */
  const char *message; /* a part */
} Case;

static void
assert_error (
    const char *text, gsize length, const char *at, const char *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *prefix = g_strconcat (at, ": ", NULL);
  VyreProgram *program = vyre_program_parse (text, length, &error);

  if (program)
    g_error ("parsed: %.300s", text);
  g_assert_cmpint (error->domain, ==, VYRE_TEXT_ERROR);
  if (!g_str_has_prefix (error->message, prefix) ||
      !strstr (error->message, message))
    g_error ("expected %s … %s\nfound %s\nin %.300s", at, message,
        error->message, text);
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_assert_cmpuint (strlen (error->message), <, 1000);
}

static const Case programs[] = {
  { "", "1:1", "expected 'program', found the end of the text" },
  { "\n // nothing\n", "3:1", "found the end of the text" },
  { "kernel", "1:1", "expected 'program', found 'kernel'" },
  { "program;", "1:8", "expected 'workgroup', found ';'" },
  { "program main workgroup(1);", "1:9", "expected 'workgroup', found 'main'" },
  { "program workgroup 1;", "1:19", "expected '(', found number 1" },
  { "program workgroup();", "1:19", "expected a workgroup size, found ')'" },
  { "program workgroup(0);", "1:19", "workgroup size 0" },
  { "program workgroup(1,0);", "1:21", "workgroup size 0" },
  { "program workgroup(4294967296);", "1:19", "too large" },
  { "program workgroup(1i32);", "1:19", "expected a workgroup size" },
  { "program workgroup(1,2,3,4);", "1:24", "expected ')', found ','" },
  { "program workgroup(1)", "1:21", "expected ';', found the end" },
  { "program workgroup(1) fast;", "1:22", "expected ';', found 'fast'" },
  { "program workgroup(1);\nbuffer", "2:7", "expected a buffer name" },
  { "program workgroup(1);\nbuffer let: readonly u32[] @0;", "2:8",
      "reserved word 'let': write it in back quotes" },
  { "program workgroup(1);\nbuffer \"a\": readonly u32[] @0;", "2:8",
      "expected a buffer name, found string \"a\"" },
  { "program workgroup(1);\nbuffer a readonly u32[] @0;", "2:10",
      "expected ':', found 'readonly'" },
  { "program workgroup(1);\nbuffer a: u32[] @0;", "2:11",
      "(readonly, readwrite, uniform, workgroup, writeonly), found 'u32'" },
  { "program workgroup(1);\nbuffer a: readonly [] @0;", "2:20",
      "expected a type" },
  { "program workgroup(1);\nbuffer a: readonly u33[] @0;", "2:20",
      "expected a type (u32, i32, f32, bool, u8, …), found 'u33'" },
  { "program workgroup(1);\nbuffer a: readonly u32 @0;", "2:24",
      "expected '[', found '@'" },
  { "program workgroup(1);\nbuffer a: readonly u32[x] @0;", "2:24",
      "expected an element count or ']', found 'x'" },
  { "program workgroup(1);\nbuffer a: readonly u32[-1] @0;", "2:24",
      "expected an element count or ']', found '-'" },
  { "program workgroup(1);\nbuffer a: readonly u32[5000000000] @0;", "2:24",
      "at most 4294967295" },
  { "program workgroup(1);\nbuffer a: readonly u32[];", "2:25",
      "expected '@', found ';'" },
  { "program workgroup(1);\nbuffer a: readonly u32[] @x;", "2:27",
      "expected a binding number, found 'x'" },
  { "program workgroup(1);\nbuffer a: readonly u32[] @0 fast;", "2:29",
      "expected ';' or one of output, live_out, range" },
  { "program workgroup(1);\nbuffer a: readonly u32[1] @0 output output;",
      "2:37", "'output' stands twice" },
  { "program workgroup(1);\nbuffer a: readwrite u32[] @0 output;", "2:21",
      "needs an element count" },
  { "program workgroup(1);\nbuffer a: readwrite u32[] @0 live_out;", "2:21",
      "needs an element count" },
  { "program workgroup(1);\nbuffer a: workgroup u32[];", "2:21",
      "needs an element count" },
  { "program workgroup(1);\nbuffer a: readonly vec(u8, 2)[] @0;", "2:20",
      "cannot have elements of type vec" },
  { "program workgroup(1);\nbuffer a: readonly device_mesh()[] @0;", "2:20",
      "cannot have elements of type device_mesh" },
  { "program workgroup(1);\nbuffer a: readonly u32[4] @0 range(3..2);", "2:36",
      "range 3..2 ends before it starts" },
  { "program workgroup(1);\nbuffer a: readonly u32[4] @0 range(3);", "2:37",
      "expected '..', found ')'" },
  { "program workgroup(1);\nbuffer a: readonly u32[4] @0 kind(fast);", "2:35",
      "expected a memory kind (global, shared" },
  { "program workgroup(1);\nbuffer a: readonly u32[4] @0 coalesce(256);",
      "2:39", "at most 255" },
  { "program workgroup(1);\nbuffer a: readonly u32[4] @0 align();", "2:36",
      "expected an alignment" },
  { "program workgroup(1);\nbuffer a: readonly u32[4] @0 locality(near);",
      "2:39", "(streaming, temporal, random)" },
  { "program workgroup(1);\nmain { }\nbuffer a: readonly u32[4] @0;", "3:1",
      "expected a statement, found 'buffer'" },
  /* types */
  { "program workgroup(1);\nbuffer a: readonly array[4] @0;", "2:25",
      "expected '(', found '['" },
  { "program workgroup(1);\nbuffer a: readonly array(18446744073709551616)[]",
      "2:26", "too large" },
  { "program workgroup(1);\nbuffer a: readonly opaque(5)[] @0;", "2:27",
      "extension id 0x5: expected 0x80000000 or more" },
  { "program workgroup(1);\nbuffer a: readonly quantized(u32, per_tensor)[]",
      "2:30", "storage of quantized: expected one of i4, i8" },
  { "program workgroup(1);\nbuffer a: readonly quantized(u8, absent)[]", "2:34",
      "expected a scale (per_tensor, per_channel, per_group)" },
  { "program workgroup(1);\nbuffer a: readonly quantized(u8, per_group(0), "
    "absent)[]",
      "2:44", "group size 0" },
  { "program workgroup(1);\nbuffer a: readonly quantized(u8, per_tensor)[]",
      "2:44", "expected ',', found ')'" },
  /* lists */
  { "program workgroup(1);\n}", "2:1", "expected a statement, found '}'" },
  { "program workgroup(1);\nmain {\n  { return;\n }\n", "5:1",
      "expected '}' for the '{' at 2:6, found the end of the text" },
  { "program workgroup(1);\nmain return;", "2:6", "expected '{'" },
  { "program workgroup(1);\nregion { }", "2:8", "expected a generator name" },
  { "program workgroup(1);\nregion \"a\" from { }", "2:17",
      "expected a source name" },
  { "program workgroup(1);\n1 = 2;", "2:1",
      "expected a statement, found number 1" },
  { "program workgroup(1);\nelse { }", "2:1",
      "expected a statement, found 'else'" },
  { "program workgroup(1);\nx;", "2:2", "expected '=', '[' or '(', found ';'" },
  { "program workgroup(1);\nx += 1;", "2:3",
      "expected '=', '[' or '(', found '+'" },
  { "program workgroup(1);\nx = 1", "2:6", "expected ';', found the end" },
  { "program workgroup(1);\nx = 1 y = 2;", "2:7", "expected ';', found 'y'" },
  { "program workgroup(1);\nx[0] 1;", "2:6", "expected '=', found number 1" },
  { "program workgroup(1);\nlet x[0] = 1;", "2:6", "expected '=', found '['" },
  { "program workgroup(1);\nlet true = 1;", "2:5", "reserved word 'true'" },
  { "program workgroup(1);\nreturn 1;", "2:8", "expected ';'" },
  { "program workgroup(1);\nfor i = 0 { }", "2:7", "expected 'in', found '='" },
  { "program workgroup(1);\nfor i in 0 { }", "2:12",
      "expected '..', found '{'" },
  { "program workgroup(1);\nfor i in 0.5 { }", "2:14", "expected '..'" },
  { "program workgroup(1);\nbarrier.strong;", "2:9",
      "expected a memory ordering (relaxed, acquire" },
  { "program workgroup(1);\nfoo(1);", "2:1", "unknown statement 'foo'" },
  { "program workgroup(1);\natomic_add(x[0], 1);", "2:1",
      "it is an expression, bind its value with let" },
  { "program workgroup(1);\ntrap(1);", "2:7", "expected ',', found ')'" },
  { "program workgroup(1);\nasync_wait(tag);", "2:12",
      "expected a tag as a string, found 'tag'" },
  { "program workgroup(1);\nall_reduce(a, add, 0);", "2:15",
      "expected an operation (sum, min" },
  { "program workgroup(1);\nindirect_dispatch(a, 1.0);", "2:22",
      "expected a byte offset, found number 1.0" },
  { "program workgroup(1);\nopaque(\"k\", \"0\");", "2:13",
      "payload of 1 hexadecimal digits" },
  { "program workgroup(1);\nopaque(\"k\", \"0g\");", "2:13",
      "hexadecimal digits only" },
  { "program workgroup(1);\nopaque(\"k\", 00);", "2:13",
      "expected payload as a string of hexadecimal digits" },
  /* characters */
  { "program workgroup(1); /* x", "1:23", "comment is not closed" },
  { "program workgroup(1); /*/", "1:23", "comment is not closed" },
  { "program workgroup(1);\n#", "2:1", "unexpected character '#'" },
  { "program workgroup(1);\nä = 1;", "2:1",
      "unexpected character 'ä': names with it stand in back quotes" },
  { "program workgroup(1);\n\x01", "2:1", "unexpected character U+0001" },
  { "program workgroup(1);\nregion \"a\nb\" { }", "2:8", "not closed" },
  { "program workgroup(1);\nregion \"a", "2:8", "not closed" },
  { "program workgroup(1);\nregion \"a\tb\" { }", "2:10",
      "control character U+0009 between quotes: write \\u{9}" },
  { "program workgroup(1);\nregion \"\\x41\" { }", "2:9",
      "unknown escape: expected one of" },
  { "program workgroup(1);\nregion \"\\u41\" { }", "2:9", "unknown escape" },
  { "program workgroup(1);\nregion \"\\u{}\" { }", "2:9", "bad escape" },
  { "program workgroup(1);\nregion \"\\u{1234567}\" { }", "2:9", "bad escape" },
  { "program workgroup(1);\nregion \"\\u{d800}\" { }", "2:9",
      "\\u{D800} is no Unicode character" },
  { "program workgroup(1);\nregion \"\\u{110000}\" { }", "2:9",
      "no Unicode character" },
  { "program workgroup(1);\nregion \"\\", "2:9", "found end of text" },
};

/* Column 9 is where the expression begins. */
static const Case expressions[] = {
  { "", "2:9", "expected an expression, found ';'" },
  { "a +", "2:12", "expected an expression, found ';'" },
  { "* a", "2:9", "expected an expression, found '*'" },
  { "(a", "2:11", "expected ')', found ';'" },
  { "a)", "2:10", "expected ';', found ')'" },
  { "a b", "2:11", "expected ';', found 'b'" },
  { "if", "2:9", "expected an expression, found 'if'" },
  { "\"a\"", "2:9", "expected an expression, found string \"a\"" },
  { "a < b < c", "2:15", "comparisons do not chain" },
  { "a == b != c", "2:16", "comparisons do not chain" },
  { "a = b", "2:11", "expected ';', found '='" },
  { "x[1", "2:12", "expected ']', found ';'" },
  { "x[1][2]", "2:13", "expected ';', found '['" },
  { "foo(1)", "2:9", "unknown function 'foo'" },
  { "foo.bar(1)", "2:12", "expected '(', found '.'" },
  { "vec(1)", "2:9", "cast to vec: expected cast(TYPE, value)" },
  { "u32()", "2:13", "expected an expression, found ')'" },
  { "u32(a, b)", "2:14", "expected ')', found ','" },
  { "min(a)", "2:14", "expected ',', found ')'" },
  { "min(a, b, c)", "2:17", "expected ')', found ','" },
  { "len(1)", "2:13", "expected a buffer name, found number 1" },
  { "len(a[0])", "2:14", "expected ')', found '['" },
  { "cast(a, b)", "2:14", "expected a type" },
  { "cast(array(4294967296), b)", "2:14", "at most 4294967295" },
  { "cast(vec(u8, 256), b)", "2:22", "at most 255" },
  { "call(a)", "2:14", "expected an operation id as a string" },
  { "f32_bits(-1)", "2:18", "expected the bits of an f32, found '-'" },
  { "opaque(\"vyre.literal.u64\", \"00\")", "2:36",
      "payload of 1 bytes: expected 8" },
  { "opaque_unary(1, a)", "2:22", "expected 0x80000000 or more" },
  { "atomic_add(x, 1)", "2:21", "expected '[', found ','" },
  { "atomic_add(x[0])", "2:24", "expected ',', found ')'" },
  { "atomic_add(x[0], 1, 2, 3)", "2:30", "expected ')', found ','" },
  { "atomic_add.fast(x[0], 1)", "2:20", "expected a memory ordering" },
  { "invocation_id", "2:22", "expected '.x', '.y', '.z' or '[axis]'" },
  { "invocation_id.w", "2:23", "expected an axis (x, y, z), found 'w'" },
  { "local_id[256]", "2:18", "at most 255" },
  /* numbers */
  { "4294967296", "2:9", "number 4294967296 does not fit u32" },
  { "99999999999999999999", "2:9", "does not fit u32" },
  { "2147483648i32", "2:9", "does not fit i32" },
  { "-2147483649i32", "2:10", "does not fit i32" },
  { "18446744073709551616u64", "2:9", "does not fit u64" },
  { "9223372036854775808i64", "2:9", "does not fit i64" },
  { "1e39", "2:9", "does not fit f32: too large" },
  { "1e-60", "2:9", "does not fit f32: it would become 0" },
  { "1e400f64", "2:9", "does not fit f64: too large" },
  { "1e-400f64", "2:9", "does not fit f64: it would become 0" },
  { "1u8", "2:9", "unknown number suffix 'u8'" },
  { "1x", "2:9", "unknown number suffix 'x'" },
  { "1e", "2:9", "unknown number suffix 'e'" },
  { "0x", "2:9", "expected hexadecimal digits after '0x'" },
  { "0xg", "2:9", "expected hexadecimal digits" },
  { "1.5i32", "2:9", "fraction or an exponent has an integer suffix" },
  { "1.", "2:10", "expected ';', found '.'" },
  { ".5", "2:9", "expected an expression, found '.'" },
  { "''", "2:9", "expected one character" },
  { "'ab'", "2:9", "expected one character" },
  { "'a", "2:9", "expected one character" },
};

static void
test_programs (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (programs); i++) {
    const Case *c = &programs[i];

    assert_error (c->text, strlen (c->text), c->at, c->message);
  }
}

static void
test_expressions (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (expressions); i++) {
    const Case *c = &expressions[i];
    g_autofree char *text =
        g_strdup_printf ("program workgroup(1);\nlet x = %s;", c->text);

    assert_error (text, strlen (text), c->at, c->message);
  }
}

static void
test_encoding (void)
{
  static const char nul[] = "program\0workgroup(1);";
  static const char bad[] = "program workgroup(1);\n// \xff";
  static const char surrogate[] = "program workgroup(1);\n// \xed\xa0\x80";
  g_autoptr (GError) error = NULL;

  assert_error (nul, sizeof (nul) - 1, "1:8", "unexpected character U+0000");
  assert_error (bad, strlen (bad), "2:4", "not UTF-8: byte 0xff");
  assert_error (surrogate, strlen (surrogate), "2:4", "not UTF-8: byte 0xed");
  g_assert_null (vyre_program_parse (bad, strlen (bad), &error));
  g_assert_error (error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_NOT_UTF8);
}

/* The text need not end with NUL: nothing behind its length is read. */
static void
test_length (void)
{
  static const char text[] = "program workgroup(1); main { return; }";

  for (gsize length = 0; length < strlen (text); length++) {
    g_autofree char *copy = g_memdup2 (text, length);
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreProgram) program = vyre_program_parse (copy, length, &error);

    g_assert_true ((program != NULL) == (length == 21 || length == 22));
  }
}

static void
test_size (void)
{
  gsize length = 64 * 1024 * 1024 + 1;
  g_autofree char *text = g_malloc (length);
  g_autoptr (GError) error = NULL;

  memset (text, ' ', length);
  g_assert_null (vyre_program_parse (text, length, &error));
  g_assert_error (error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_TOO_LARGE);
}

/* head, then n times open: deep nesting ends in an error, not in a crash. */
static void
assert_deep_error (const char *head, const char *open, guint n, const char *at,
    const char *message)
{
  g_autoptr (GString) text = g_string_new ("program workgroup(1);\n");

  g_string_append (text, head);
  for (guint i = 0; i < n; i++)
    g_string_append (text, open);
  assert_error (text->str, text->len, at, message);
}

static void
test_depth (void)
{
  assert_deep_error ("", "{", 65, "2:65", "nested deeper than 64 levels");
  assert_deep_error ("", "{", 100000, "2:65", "nested deeper than 64 levels");
  assert_deep_error ("", "loop{", 100000, "2:316", "nested deeper than 64");
  assert_deep_error ("", "main{", 100000, "2:321", "nested deeper than 64");
  assert_deep_error (
      "", "for i in 0..1{", 100000, "2:892", "nested deeper than 64");
  assert_deep_error (
      "", "if a{}else ", 100000, "2:697", "nested deeper than 64");
  assert_deep_error ("x=", "(", 100000, "2:259", "256 nested parentheses");
  assert_deep_error ("x=", "-", 100000, "2:66", "nested deeper than 64");
  assert_deep_error ("x=", "a+", 100000, "2:128", "nested deeper than 64");
  assert_deep_error ("x=", "a|(", 100000, "2:191", "nested deeper than 64");
  assert_deep_error ("x=", "a[", 100000, "2:129", "nested deeper than 64");
  assert_deep_error ("x=", "abs(", 100000, "2:255", "nested deeper than 64");
  assert_deep_error (
      "x=", "call(\"\",", 100000, "2:507", "nested deeper than 64");
  assert_deep_error (
      "x=", "atomic_or(x[", 100000, "2:759", "nested deeper than 64");
  assert_deep_error ("x=cast(", "vec(", 100000, "2:32775",
      "type nested deeper than 8192 levels");
  assert_deep_error ("buffer a:readonly ", "sparse_csr(", 100000, "2:90130",
      "type nested deeper than 8192 levels");
}

static void
test_limits (void)
{
  g_autoptr (GString) call =
      g_string_new ("program workgroup(1);\nx=call(\"\"");
  g_autoptr (GString) buffers = g_string_new ("program workgroup(1);\n");
  g_autoptr (GString) name = g_string_new ("program workgroup(1);\n");

  for (guint i = 0; i < 4097; i++)
    g_string_append (call, ",a");
  g_string_append (call, ");");
  assert_error (call->str, call->len, "2:8203", "more than 4096 arguments");

  for (guint i = 0; i < 16385; i++)
    g_string_append (buffers, "buffer a:readonly u8[]@0;\n");
  assert_error (
      buffers->str, buffers->len, "16386:1", "more than 16384 buffers");

  for (guint i = 0; i < 1048577; i++)
    g_string_append_c (name, 'a');
  g_string_append (name, "=1;");
  assert_error (name->str, name->len, "2:1", "at most 1048576 are allowed");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/errors/programs", test_programs);
  g_test_add_func ("/text/errors/expressions", test_expressions);
  g_test_add_func ("/text/errors/encoding", test_encoding);
  g_test_add_func ("/text/errors/length", test_length);
  g_test_add_func ("/text/errors/size", test_size);
  g_test_add_func ("/text/errors/depth", test_depth);
  g_test_add_func ("/text/errors/limits", test_limits);
  return g_test_run ();
}
