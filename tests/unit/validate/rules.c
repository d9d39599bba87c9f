/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A program that breaks each rule of vir0-semantics.md sections 22.4 to 22.7
 * and 23, and a neighbour that keeps it. Rules that only a program built in
 * memory can break are in memory.c. */
#include <string.h>

#include "vir0/text.h"
#include "vir0/validate.h"

/* Around every body, which stands on line 14 from column 1 on. */
static const char before[] = "program workgroup(4);\n"
                             "buffer a: readonly u32[] @0;\n"
                             "buffer o: readwrite u32[4] @1;\n"
                             "buffer f: readwrite f32[4] @2;\n"
                             "buffer s: readwrite i32[] @3;\n"
                             "buffer g: workgroup u32[8];\n"
                             "buffer l: readwrite u64[] @4;\n"
                             "buffer y: readwrite bytes[] @5;\n"
                             "buffer w: writeonly u32[4] @6;\n"
                             "buffer b: readwrite bool[] @7;\n"
                             "buffer c: uniform u32[4] @8;\n"
                             "buffer n: readwrite u8[] @9; "
                             "buffer k: readwrite u32[] @10;\n"
                             "main {\n";
static const char after[] = "\n}\n";

typedef struct
{
  const char *codes; /* of all errors, or after "w " of all warnings */
  const char *bad;
  const char *path; /* of the first one */
  guint column;
  const char *mentions;
  const char *good;
} Rule;

static const Rule rules[] = {
  /* statements */
  { "V008", "let x = 1; { let x = 2; }", "entry[0].body[1].body[0]", 14, "`x`",
      "{ let x = 1; } { let x = 2; } let x = 3;" },
  { "V008", "for i in 0..2 { let i = 1; }", "entry[0].body[0].body[0]", 17,
      "`i`", "for i in 0..2 { } for i in 0..2 { } let i = 0;" },
  { "V008", "let i = 1; for i in 0..2 { }", "entry[0].body[1]", 12, "loop",
      "for i in 0..2 { } let i = 1;" },
  { "V032", "let x = 1; let x = 2;", "entry[0].body[1]", 12, "`x`",
      "let x = 1; let y = 2;" },
  { "V010", "if local_id.x == 0 { barrier; }", "entry[0].body[0].then[0]", 22,
      "BufLen", "if workgroup_id.x == len(a) { barrier; }" },
  { "V010", "if local_id.x == 0 { } else { region \"r\" { { barrier; } } }",
      "entry[0].body[0].else[0].body[0].body[0]", 46, "Barrier",
      "region \"r\" { { barrier; } }" },
  { "V010", "for i in 0..a[0] { barrier; }", "entry[0].body[0].body[0]", 20,
      "Barrier", "for i in 0..len(a) { if i == 1 { barrier; } }" },
  { "V010", "let x = 1; x = a[0]; if x == 1 { barrier; }",
      "entry[0].body[2].then[0]", 34, "Barrier",
      "let x = 1; x = 2; if x == 1 { barrier; }" },
  { "V043", "barrier.relaxed;", "entry[0].body[0]", 1, "Relaxed",
      "barrier.acq_rel; barrier.grid_sync;" },
  { "V011", "for i in 0..2 { i = 1; }", "entry[0].body[0].body[0]", 17, "`i`",
      "for i in 0..2 { let j = i; j = 1; }" },
  { "V011 V045", "for i in 0..2 { i = 1.0; }", "entry[0].body[0].body[0]", 17,
      "`i`", "for i in 0..2 { let j = f32(i); j = 1.0; }" },
  { "V045", "let x = 1; x = 2i32;", "entry[0].body[1]", 12, "i32",
      "let x = 1; x = 2;" },
  { "V045", "f = 1;", "entry[0].body[0]", 1, "f32", "f[0] = 1.0;" },
  { "S1", "a = 1;", "entry[0].body[0]", 1, "ReadOnly", "o[0] = 1;" },
  { "S2", "nope = 1;", "entry[0].body[0]", 1, "`nope`",
      "let nope = 0; nope = 1;" },
  { "S3", "nope[0] = 1;", "entry[0].body[0]", 1, "`nope`", "o[0] = 1;" },
  { "S3", "o[0] = nope[0];", "entry[0].body[0].value", 8, "`nope`",
      "o[0] = a[0];" },
  { "S3", "o[0] = 1 + len(nope);", "entry[0].body[0].value.right", 12, "`nope`",
      "o[0] = 1 + len(a);" },
  { "S3 E1", "nope[x] = 1;", "entry[0].body[0]", 1, "`nope`", "o[0] = 1;" },
  { "S4", "a[0] = 1;", "entry[0].body[0]", 1, "`a`", "w[0] = 1; g[0] = 1;" },
  { "S4", "c[0] = 1;", "entry[0].body[0]", 1, "Uniform", "o[0] = c[0];" },
  { "S5", "o[0] = 1.0;", "entry[0].body[0]", 1, "f32", "f[0] = 1.0;" },
  { "S5", "b[0] = 1;", "entry[0].body[0]", 1, "bool", "b[0] = true;" },
  { "S6", "o[1i32] = 1;", "entry[0].body[0]", 1, "i32", "o[1] = 1;" },
  { "S6 V036", "o[-1i32] = 1;", "entry[0].body[0]", 1, "i32", "o[0] = 1;" },
  { "V036", "o[4] = 1;", "entry[0].body[0]", 1, "4", "o[3] = 1;" },
  { "V036", "o[1000] = 1;", "entry[0].body[0]", 1, "1000",
      "let i = 1000; o[i] = 1; s[1000] = 1i32;" },
  { "V013", "y[0] = 1;", "entry[0].body[0]", 1, "`y`", "o[0] = len(y);" },
  { "S5 V013", "o[0] = 1; f[0] = y[0];", "entry[0].body[1]", 11, "bytes",
      "f[0] = f[1];" },
  { "V013", "o[0] = y[0];", "entry[0].body[0].value", 8, "`y`",
      "n[0] = n[1];" },
  { "S7", "if 1.0 { }", "entry[0].body[0]", 1, "f32", "if 1 { } if true { }" },
  { "S8", "for i in 0i32..2 { }", "entry[0].body[0]", 1, "from",
      "for i in 0..2 { }" },
  { "S8 S8", "for i in true..2.0 { }", "entry[0].body[0]", 1, "bool",
      "for i in 1..2 { }" },
  { "S9", "return; o[0] = 1;", "entry[0].body[0]", 1, "Return",
      "o[0] = 1; return;" },
  { "E1 S9", "{ return; o[0] = x; }", "entry[0].body[0].body[1].value", 18,
      "`x`", "{ return; }" },
  { "S10", "indirect_dispatch(o, 6);", "entry[0].body[0]", 1, "6",
      "indirect_dispatch(o, 8);" },
  { "S10 S10", "indirect_dispatch(nope, 2);", "entry[0].body[0]", 1, "2",
      "indirect_dispatch(o, 0);" },
  { "S11", "async_load(a, o, 0, 4, \"\"); async_wait(\"t\");",
      "entry[0].body[0]", 1, "AsyncLoad",
      "async_load(a, o, 0, 4, \"t\"); async_wait(\"t\");" },
  { "S11 S11", "async_store(a, o, 0, 4, \"\"); async_wait(\"\");",
      "entry[0].body[0]", 1, "AsyncStore",
      "async_store(a, o, 0, 4, \"t\"); async_wait(\"t\");" },
  { "V046", "all_reduce(o, sum, 0);", "entry[0].body[0]", 1, "AllReduce", "" },
  { "V046 V046", "broadcast(nope, 0, 0);", "entry[0].body[0]", 1, "Broadcast",
      "" },
  { "V046 V046 V046", "all_gather(g, f, 0);", "entry[0].body[0]", 1,
      "AllGather", "" },

  /* hazards */
  { "S12", "o[0] = 1; let x = atomic_add(o[1], 1);", "entry[0].body[1]", 11,
      "`o`", "o[0] = 1; barrier; let x = atomic_add(o[1], 1);" },
  { "S12", "let x = atomic_add(o[1], 1); let y = o[0];", "entry[0].body[1]", 30,
      "plainly", "let x = atomic_add(o[1], 1); barrier; let y = o[0];" },
  { "S12", "let x = atomic_add(o[1], 1); let y = len(o);", "entry[0].body[1]",
      30, "atomically", "let y = atomic_add(o[1], 1); let z = len(a);" },
  /* Neither one statement by itself nor lists inside are compared. */
  { "", "let x = atomic_add(o[o[0]], 1);", NULL, 0, NULL,
      "o[0] = 1; if true { let x = atomic_add(o[0], 1); }" },
  /* The condition joins after the branches. */
  { "S12", "if o[0] == 1 { } let x = atomic_add(o[1], 1);", "entry[0].body[1]",
      18, "`o`", "if o[0] == 1 { let x = atomic_add(o[1], 1); } o[0] = 1;" },
  { "S12", "for i in 0..atomic_add(o[0], 1) { } o[0] = 1;", "entry[0].body[1]",
      37, "`o`", "for i in 0..atomic_add(o[0], 1) { o[0] = 1; }" },
  { "S12", "if 1 { o[0] = 1; let x = atomic_add(o[0], 1); }",
      "entry[0].body[0].then[1]", 18, "`o`",
      "if 1 { o[0] = 1; } else { let x = atomic_add(o[0], 1); }" },
  /* A Barrier inside clears nothing outside. */
  { "S12", "o[0] = 1; { barrier; } let x = atomic_add(o[0], 1);",
      "entry[0].body[2]", 24, "`o`",
      "{ o[0] = 1; } { let x = atomic_add(o[0], 1); }" },
  { "S12", "async_load(a, o, 0, 4, \"t\"); let x = atomic_add(o[0], 1);",
      "entry[0].body[1]", 30, "`o`",
      "async_load(a, g, 0, atomic_add(o[0], 1), \"t\"); o[0] = 1;" },
  /* In the order of the names, each once. */
  { "S12 S12",
      "let x = atomic_add(o[0], 1) + atomic_add(k[0], 1); "
      "o[0] = k[0] + k[1];",
      "entry[0].body[1]", 52, "`k`",
      "let x = atomic_add(o[0], 1); k[0] = 1; s[0] = 1i32;" },

  /* expressions */
  { "E1", "o[0] = x;", "entry[0].body[0].value", 8, "`x`",
      "let x = 1; o[0] = x;" },
  { "E1", "{ let x = 1; } o[0] = 1 + x;", "entry[0].body[1].value.right", 27,
      "`x`", "let x = 1; { o[0] = 1 + x; }" },
  { "E1", "let x = x;", "entry[0].body[0].value", 9, "`x`", "let x = 1;" },
  { "E2", "o[0] = invocation_id[3];", "entry[0].body[0].value", 8, "3",
      "o[0] = invocation_id[2];" },
  { "V044", "o[0] = a[0] / 0;", "entry[0].body[0].value", 13, "Div",
      "o[0] = a[0] / 1;" },
  { "V044", "f[0] = f[0] / -0.0;", "entry[0].body[0].value", 13, "Div",
      "f[0] = f[0] / 1.0;" },
  { "V044", "o[0] = a[0] % u32(i32(0));", "entry[0].body[0].value", 13, "Mod",
      "let z = 0; o[0] = a[0] % z;" },
  { "E3", "l[0] = l[0] * l[1];", "entry[0].body[0].value", 13, "u64",
      "let x = wrapping_add(l[0], l[1]) | 1;" },
  { "E3 E4", "l[0] = sat_add(l[0], l[1]);", "entry[0].body[0].value", 8,
      "SaturatingAdd", "o[0] = sat_add(a[0], a[1]);" },
  { "E4", "s[0] = sat_mul(s[0], s[1]);", "entry[0].body[0].value", 8, "i32",
      "o[0] = sat_mul(a[0], 2);" },
  { "E5", "o[0] = abs_diff(s[0], s[1]);", "entry[0].body[0].value", 8, "i32",
      "o[0] = abs_diff(a[0], 2);" },
  { "E6 E6", "b[0] = b[0] + b[1];", "entry[0].body[0].value", 13, "left",
      "o[0] = u32(b[0]) + u32(b[1]);" },
  { "E6", "o[0] = max(1, true);", "entry[0].body[0].value", 8, "right",
      "o[0] = max(1, u32(true));" },
  { "E7", "o[0] = 1 + 1i32;", "entry[0].body[0].value", 10, "i32",
      "s[0] = 1i32 + 1i32;" },
  { "E8 E8", "o[0] = 1.0 % 2.0;", "entry[0].body[0].value", 12, "left",
      "o[0] = 5 % 2;" },
  { "E8", "o[0] = 5 % 2i32;", "entry[0].body[0].value", 10, "Mod",
      "o[0] = 5i32 % 2i32;" },
  { "E9 E9 E9", "o[0] = l[0] & 1.0;", "entry[0].body[0].value", 13, "left",
      "o[0] = 5 & 2;" },
  { "E9", "o[0] = 5 ^ 2i32;", "entry[0].body[0].value", 10, "BitXor",
      "o[0] = 5i32 ^ 2i32;" },
  { "E10", "o[0] = 1 << 2i32;", "entry[0].body[0].value", 10, "right",
      "o[0] = 1 << 2;" },
  { "E10 E10", "o[0] = rotate_left(1i32, 1.0);", "entry[0].body[0].value", 8,
      "left", "o[0] = rotate_right(1, 5);" },
  { "E11 E11", "b[0] = 1.0 && 2i32;", "entry[0].body[0].value", 12, "left",
      "b[0] = 1 && true;" },
  { "E12", "b[0] = 1 == 1i32;", "entry[0].body[0].value", 10, "Eq",
      "b[0] = 1i32 == 1i32;" },
  { "E13", "o[0] = shuffle(1, 2);", "entry[0].body[0].value", 8, "Shuffle",
      "o[0] = min(1, 2);" },
  { "E13", "o[0] = wave_broadcast(1, 2);", "entry[0].body[0].value", 8,
      "WaveBroadcast", "" },
  { "E14", "s[0] = -s[0];", "entry[0].body[0].value", 8, "0 - x",
      "s[0] = 0i32 - s[0]; f[0] = -f[0]; o[0] = -o[0];" },
  { "E14", "b[0] = -b[0];", "entry[0].body[0].value", 8, "bool",
      "b[0] = !b[0];" },
  { "E15", "b[0] = !1.0;", "entry[0].body[0].value", 8, "f32",
      "b[0] = !1; b[0] = !true;" },
  { "E16", "f[0] = ~1.0;", "entry[0].body[0].value", 8, "BitNot",
      "o[0] = ~1; s[0] = ~1i32; l[0] = ~l[0];" },
  { "E16", "b[0] = popcount(true);", "entry[0].body[0].value", 8, "Popcount",
      "o[0] = clz(1) + ctz(2) + reverse_bits(3);" },
  { "E17", "f[0] = abs(1);", "entry[0].body[0].value", 8, "Abs",
      "f[0] = abs(1.0);" },
  { "E17", "b[0] = is_nan(1);", "entry[0].body[0].value", 8, "IsNan",
      "b[0] = is_nan(1.0);" },
  { "E18", "let x = unpack8_low(1);", "entry[0].body[0].value", 9, "Unpack8Low",
      "let x = 1 & 255;" },
  { "E18", "let x = opaque_unary(0x80000001, 1);", "entry[0].body[0].value", 9,
      "0x80000001", "" },
  { "V028", "f[0] = fma(1.0, 2, 3.0);", "entry[0].body[0].value", 8, "second",
      "f[0] = fma(1.0, 2.0, 3.0);" },
  { "V028 V028 V028", "let x = fma(1, 2i32, true);", "entry[0].body[0].value",
      9, "first", "" },
  { "V029", "let x = select(true, 1, 1.0);", "entry[0].body[0].value", 9, "f32",
      "let x = select(true, 1, 2);" },
  { "V012", "let x = u8(1.0);", "entry[0].body[0].value", 9, "bool",
      "let x = i32(1.0);" },
  { "V012", "let x = cast(vec2u32, n[0]);", "entry[0].body[0].value", 9, "u8",
      "let x = cast(vec2u32, l[0]);" },
  { "V023", "let x = cast(bytes, 1);", "entry[0].body[0].value", 9, "u32",
      "let x = cast(u64, 1);" },
  { "w V035", "let x = u8(1);", "entry[0].body[0].value", 9, "u8",
      "let x = u8(true); let z = u64(1);" },
  { "V042", "let x = atomic_add.grid_sync(o[0], 1);", "entry[0].body[0].value",
      9, "GridSync", "let x = atomic_add.relaxed(o[0], 1);" },
  { "V027", "let x = atomic_add(o[0i32], 1);", "entry[0].body[0].value", 9,
      "`o`", "let x = atomic_add(o[9], 1);" },
  { "V042 V027 S3", "let x = atomic_add.grid_sync(nope[true], 1.0);",
      "entry[0].body[0].value", 9, "GridSync", "" },
  { "V009", "let x = atomic_or(a[0], 1);", "entry[0].body[0].value", 9, "Or",
      "let x = atomic_or(o[0], 1);" },
  { "V009", "let x = atomic_or(w[0], 1);", "entry[0].body[0].value", 9,
      "WriteOnly", "" },
  { "V025", "let x = atomic_max(g[0], 1);", "entry[0].body[0].value", 9, "Max",
      "let x = atomic_max(o[0], 1);" },
  { "V013 V014", "let x = atomic_max(y[0], 1);", "entry[0].body[0].value", 9,
      "bytes", "" },
  { "V014", "let x = atomic_max(s[0], 1);", "entry[0].body[0].value", 9, "i32",
      "" },
  { "E19", "let x = atomic_max(o[0], 1i32);", "entry[0].body[0].value", 9,
      "i32", "" },
  { "E20", "let x = atomic_compare_exchange(o[0], 1);",
      "entry[0].body[0].value", 9, "CompareExchange",
      "let x = atomic_compare_exchange(o[0], 1, 2);" },
  { "E20", "let x = atomic_compare_exchange(o[0], 1.0, 2);",
      "entry[0].body[0].value", 9, "f32", "" },
  { "E20", "let x = atomic_add(o[0], 1, 2);", "entry[0].body[0].value", 9,
      "Add", "" },
  /* An atomic's own rules come before its operands'. */
  { "V009 E1 E1", "let x = atomic_add(a[p], q);", "entry[0].body[0].value", 9,
      "`a`", "" },
  { "V041", "let x = subgroup_add(1);", "entry[0].body[0].value", 9,
      "SubgroupAdd", "" },
  { "E1 V041", "let x = 1 + subgroup_shuffle(p, 1);",
      "entry[0].body[0].value.right.value", 30, "`p`", "" },
  /* Not looked at (section 22.8). */
  { "", "let x = a[1.0]; trap(nope, \"t\"); async_load(p, q, r, t, \"t\");",
      NULL, 0, NULL, "let x = select(1.0, 1, 2);" },
  /* Unknown types silence what needs to know them. */
  { "", "let x = call(\"f\", 1) / 2.0; let z = -unpack4_low(call(\"g\"));",
      NULL, 0, NULL, "let x = select(true, call(\"f\"), 1.0);" },
};

static char *
list_codes (const VyreFindings *findings)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < findings->errors->len; i++) {
    const VyreFinding *finding = g_ptr_array_index (findings->errors, i);

    g_string_append_printf (out, " %s", finding->code);
  }
  for (guint i = 0; i < findings->warnings->len; i++) {
    const VyreFinding *finding = g_ptr_array_index (findings->warnings, i);

    g_string_append_printf (out, " w %s", finding->code);
  }
  return g_string_free (out, FALSE);
}

static VyreFindings *
validate_text (const char *text, const VyreValidateOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_parse (text, strlen (text), &error);

  if (!program)
    g_error ("%s\n%s", error->message, text);
  return vyre_program_validate (program, options);
}

static void
check_text (const char *text, const VyreValidateOptions *options,
    const char *codes, const char *path, guint line, guint column,
    const char *mentions)
{
  g_autoptr (VyreFindings) findings = validate_text (text, options);
  g_autofree char *found = list_codes (findings);
  const VyreFinding *first;

  g_strstrip (found);
  if (strcmp (found, codes) != 0)
    g_error ("expected \"%s\", got \"%s\" for\n%s", codes, found, text);
  if (!path)
    return;
  first = g_ptr_array_index (
      findings->errors->len > 0 ? findings->errors : findings->warnings, 0);
  g_test_message ("%u:%u %s %s: %s", first->at.line, first->at.column,
      first->path, first->code, first->message);
  g_assert_cmpstr (first->path, ==, path);
  g_assert_cmpuint (first->at.line, ==, line);
  g_assert_cmpuint (first->at.column, ==, column);
  if (!strstr (first->message, mentions))
    g_error ("\"%s\" does not mention \"%s\"", first->message, mentions);
}

static void
check_body (const char *body, const VyreValidateOptions *options,
    const char *codes, const char *path, guint column, const char *mentions)
{
  g_autofree char *text = g_strconcat (before, body, after, NULL);

  check_text (text, options, codes, path, 14, column, mentions);
}

static void
test_rules (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rules); i++) {
    const Rule *rule = &rules[i];

    check_body (
        rule->bad, NULL, rule->codes, rule->path, rule->column, rule->mentions);
    if (rule->good)
      check_body (rule->good, NULL, "", NULL, 0, NULL);
  }
}

/* --- the program and its buffers -------------------------------------------- */

typedef struct
{
  const char *codes, *text, *path;
  guint line, column;
  const char *mentions;
} Whole;

static const Whole wholes[] = {
  { "P1", "program workgroup(1);", "", 0, 0, "Region" },
  { "P2", "program workgroup(1);\nmain { }\nbarrier; return;", "entry[1]", 3, 1,
      "Barrier" },
  { "", "program workgroup(1); main { } region \"r\" { }", NULL, 0, 0, NULL },
  { "P4",
      "program workgroup(1);\nbuffer x: readonly u32[] @0;\n"
      "buffer x: readonly u32[] @1;\nmain { }",
      "buffers[1]", 3, 8, "`x`" },
  /* Names mean the last declaration. */
  { "P4",
      "program workgroup(1); buffer x: readonly u32[] @0; "
      "buffer x: readwrite f32[] @1; main { x[0] = 1.0; }",
      NULL, 0, 0, NULL },
  { "P5",
      "program workgroup(1);\nbuffer x: readonly u32[] @7;\n"
      "buffer y: readonly u32[] @7;\nmain { }",
      "buffers[1]", 3, 8, "7" },
  { "",
      "program workgroup(1); buffer x: workgroup u32[4] @7; "
      "buffer y: readonly u32[] @7; main { }",
      NULL, 0, 0, NULL },
  { "P7",
      "program workgroup(1);\nbuffer x: readwrite array(3)[4] @7 output;\n"
      "main { }",
      "buffers[0]", 2, 8, "array(3)" },
  { "", "program workgroup(1); buffer x: readwrite array(3)[4] @7; main { }",
      NULL, 0, 0, NULL },
  { "V022",
      "program workgroup(1); buffer x: readwrite u32[4] @7 output;\n"
      "buffer y: readwrite u32[4] @8 output; main { }",
      "buffers[1]", 2, 8, "2 buffers" },
  { "",
      "program workgroup(1); buffer x: readwrite u32[4] @7 output;\n"
      "buffer y: readwrite u32[4] @8 live_out; main { }",
      NULL, 0, 0, NULL },
  { "P8 P8",
      "program workgroup(1); region \"b#self-exclusive\" { } "
      "main { { region \"b#self-exclusive\" { } } "
      "region \"a#self-exclusive\" { } region \"a#self-exclusive\" { } "
      "region \"c#self-exclusive\" { } }",
      "", 0, 0, "`a#self-exclusive`" },
  { "",
      "program workgroup(1); region \"b#self-exclusive\" { } "
      "region \"c#self-exclusive\" { } region \"b\" { } region \"b\" { }",
      NULL, 0, 0, NULL },
  /* The order of it all. */
  { "P2 P4 P5 V022 E1",
      "program workgroup(1); "
      "buffer x: readwrite u32[4] @7 output; "
      "buffer x: readwrite u32[4] @7 output; let z = q;",
      "entry[0]", 1, 99, "Let" },
};

static void
test_program (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (wholes); i++)
    check_text (wholes[i].text, NULL, wholes[i].codes, wholes[i].path,
        wholes[i].line, wholes[i].column, wholes[i].mentions);
}

/* --- options ----------------------------------------------------------------- */

static void
test_options (void)
{
  const VyreValidateOptions shadowing = { .allow_shadowing = TRUE };
  const VyreValidateOptions subgroups = { .subgroup_support = TRUE };
  const VyreValidateOptions collectives = { .collective_support = TRUE };
  const VyreValidateOptions repair = { .repair = TRUE };
  const VyreValidateOptions backend = { .backend = "tin",
    .cast_targets = 1u << VYRE_TYPE_U32 | 1u << VYRE_TYPE_F32 };

  check_body ("let x = 1; { let x = 2; } for x in 0..2 { }", &shadowing, "",
      NULL, 0, NULL);
  check_body ("let x = 1; let x = 2;", &shadowing, "V032", "entry[0].body[1]",
      12, "`x`");
  /* The second one hides the first one until the list ends. */
  check_body ("let x = 1; { let x = 2.0; f[0] = x; } o[0] = x;", NULL, "V008",
      "entry[0].body[1].body[0]", 14, "`x`");
  check_body ("o[0] = subgroup_add(subgroup_local_id());", &subgroups, "", NULL,
      0, NULL);

  check_body ("all_gather(a, o, 1); broadcast(o, 1, 1);", &collectives, "",
      NULL, 0, NULL);
  check_body ("all_reduce(g, sum, 1);", &collectives, "V046",
      "entry[0].body[0]", 1, "`g`");
  check_body ("all_gather(a, nope, 1);", &collectives, "V046",
      "entry[0].body[0]", 1, "`nope`");
  check_body ("reduce_scatter(a, f, sum, 1);", &collectives, "V046",
      "entry[0].body[0]", 1, "f32");

  check_body ("let x = u32(1.0); let z = f32(1);", &backend, "", NULL, 0, NULL);
  check_body ("let x = i32(call(\"f\"));", &backend, "V034",
      "entry[0].body[0].value", 9, "tin");
  check_body ("let x = i64(1.0);", &backend, "V034 V012",
      "entry[0].body[0].value", 9, "i64");

  /* Section 3.1. */
  check_text ("program workgroup(1);\nbarrier; barrier.relaxed;", &repair,
      "V043 w P2", "entry[1]", 2, 10, "Relaxed");
  check_text ("program workgroup(1); buffer o: readwrite u32[] @0;\n"
              "o[0] = 1; main { }",
      &repair, "P2", "entry[0]", 2, 1, "Store");
  check_text ("program workgroup(1);", &repair, "P1", "", 0, 0, "Region");
  /* Section 3.2. */
  check_body ("all_reduce(o, sum, 0); broadcast(nope, 0, 0);", &repair, "",
      NULL, 0, NULL);
  check_body ("all_gather(a, o, 0); reduce_scatter(a, k, sum, 0);", &repair, "",
      NULL, 0, NULL);
  check_body ("barrier; all_gather(s, o, 0); barrier.relaxed;", &repair,
      "S5 V043", "entry[0].body[1].then[0].then[0]", 10, "i32");
  check_body ("barrier; all_reduce(o, sum, 1);", &repair, "X11",
      "entry[0].body[1]", 10, "group 1");
  check_body (
      "broadcast(o, 3, 0);", &repair, "X11", "entry[0].body[0]", 1, "root 3");
}

/* --- what the engine needs besides -------------------------------------------- */

static const Rule engine_rules[] = {
  { "X03", "s[0] = cast(i32, wrapping_add(b[0] == b[1], true));",
      "entry[0].body[0].value.operand", 18, "bool",
      "s[0] = cast(i32, wrapping_add(1i32, s[1]));" },
  { "X03", "let x = mul_high(1i32, 2i32);", "entry[0].body[0].value", 9, "i32",
      "let x = mul_high(1, 2);" },
  { "X03", "let x = abs_diff(1.0, 2.0);", "entry[0].body[0].value", 9, "f32",
      "let x = abs_diff(1, 2);" },
  { "X04", "o = 1;", "entry[0].body[0]", 1, "Store", "o[0] = 1;" },
  { "X05", "async_load(nope, o, 0, 4, \"t\"); async_wait(\"t\");",
      "entry[0].body[0]", 1, "`nope`",
      "async_load(a, o, 0, 4, \"t\"); async_wait(\"t\");" },
  { "X05", "async_load(a, c, 0, 4, \"t\"); async_wait(\"t\");",
      "entry[0].body[0]", 1, "Uniform", "" },
  { "X05 X05", "async_load(a, o, p, 1 + 2.0, \"t\"); async_wait(\"t\");",
      "entry[0].body[0].offset", 18, "`p`", "" },
  { "X06", "trap(1 + p, \"t\");", "entry[0].body[0].address.right", 10, "`p`",
      "trap(1, \"t\");" },
  /* The static types agree, what is there at run time does not. */
  { "X07", "o[0] = (1i32 & 2i32) + 1;", "entry[0].body[0].value", 22, "i32",
      "o[0] = u32(1i32 & 2i32) + 1;" },
  { "X07", "b[0] = b[0] && true;", "entry[0].body[0].value", 13, "u32 and bool",
      "b[0] = bool(b[0]) && true; b[1] = b[0] && 1;" },
  { "X07", "o[0] = u32(n[0] == n[1]);", "entry[0].body[0].value.operand", 17,
      "raw", "o[0] = u32(u32(n[0]) == u32(n[1])); n[2] = n[3];" },
  { "X07", "let x = 1i32 & 2i32; x = 1;", "entry[0].body[1]", 22, "`x`",
      "let x = 1i32 & 2i32; x = 3i32 | 1i32;" },
  { "X07", "let x = select(true, 1i32 & 2i32, 1);", "entry[0].body[0].value", 9,
      "i32", "let x = select(true, 2, 1);" },
  /* One error makes no more. */
  { "E7", "let x = (1 + 2.0) * 3; let z = x & 1;", NULL, 0, NULL, NULL },
  { "X08", "let x = call(\"f\") + 1;", "entry[0].body[0].value.left", 9, "`f`",
      "" },
  { "X08", "let x = 1 + opaque_binary(0x80000007, 1, 2);",
      "entry[0].body[0].value.right", 13, "0x80000007", "" },
  { "X08", "let x = atomic_opaque(0x80000007, o[0], 1);",
      "entry[0].body[0].value", 9, "`o`", "" },
  { "X08", "let x = 1u64;", "entry[0].body[0].value", 9, "vyre.literal.u64",
      "let x = u64(1);" },
  { "X08 X08", "opaque(\"some.node\", \"00\"); let x = opaque(\"k\", \"\");",
      "entry[0].body[0]", 1, "some.node", "" },
  { "X09", "let x = atomic_fetch_nand(o[0], 1);", "entry[0].body[0].value", 9,
      "FetchNand", "let x = atomic_lru_update(o[0], 1);" },
  { "X09", "let x = atomic_compare_exchange_weak(o[0], 1);",
      "entry[0].body[0].value", 9, "CompareExchangeWeak", "" },
  { "X08 X10", "let x = unpack4_high(call(\"f\"));",
      "entry[0].body[0].value.operand", 22, "`f`", "" },
  { "X11 X11", "resume(\"t\"); indirect_dispatch(o, 0);", "entry[0].body[0]", 1,
      "Resume", "" },
  { "X13 X13", "let x = subgroup_size() + subgroup_local_id();",
      "entry[0].body[0].value.left", 9, "32", "let x = subgroup_add(1);" },
  { "X13", "let x = subgroup_add(1i32);", "entry[0].body[0].value", 9, "i32",
      "let x = subgroup_shuffle(1.0, 3);" },
  { "X21", "let x = subgroup_add(1 + atomic_add(o[0], 1));",
      "entry[0].body[0].value", 9, "Atomic",
      "let z = atomic_add(o[0], 1); let x = subgroup_add(1 + z);" },
  /* V010 looks at each place once; these vary only later. */
  { "X14", "let x = 1; if local_id.x == 0 { x = 2; } if x == 1 { barrier; }",
      "entry[0].body[2].then[0]", 54, "`x`",
      "let x = 1; if workgroup_id.x == 0 { x = 2; } if x == 1 { barrier; }" },
  { "X14", "let x = 1; for i in 0..2 { if x == 1 { barrier; } x = a[i]; }",
      "entry[0].body[1].body[0].then[0]", 40, "`x`",
      "let x = 1; for i in 0..2 { if x == 1 { barrier; } x = i; }" },
  { "X14",
      "let x = 1; let z = 1; for i in 0..9 { if x == 1 { barrier; } "
      "x = z; z = local_id.x; }",
      "entry[0].body[2].body[0].then[0]", 51, "`x`", "" },
  { "V010", "if local_id.x == 0 { barrier; }", "entry[0].body[0].then[0]", 22,
      "Barrier", "if len(a) == 0 { barrier; }" },
  /* Run with their meaning. */
  { "",
      "o[0] = a[1.0] + a[1i32]; w[0] = 1; o[1] = w[0]; barrier.grid_sync; "
      "if local_id.x == 9 { return; } barrier;",
      NULL, 0, NULL, "let x = select(1.0, 1, 2); trap(1i32, \"t\");" },
};

static void
test_engine (void)
{
  const VyreValidateOptions options = VYRE_VALIDATE_OPTIONS_ENGINE;

  for (guint i = 0; i < G_N_ELEMENTS (engine_rules); i++) {
    const Rule *rule = &engine_rules[i];

    check_body (rule->bad, &options, rule->codes, rule->path, rule->column,
        rule->mentions);
    if (rule->good)
      check_body (rule->good, &options, "", NULL, 0, NULL);
  }
}

/* --- what people see ---------------------------------------------------------- */

static void
test_texts (void)
{
  g_autofree char *body = g_strconcat (
      before, "o[nope] = 1.0; all_reduce(a, sum, 0);\nx = 1;", after, NULL);
  g_autoptr (VyreFindings) findings = validate_text (body, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_parse (body, strlen (body), &error);
  g_autofree char *line =
      vyre_finding_format (g_ptr_array_index (findings->errors, 0), "a.vyre");
  g_autofree char *bare =
      vyre_finding_format (g_ptr_array_index (findings->errors, 0), NULL);
  g_auto (GStrv) lines = NULL;
  VyreFinding binary = { VYRE_SEVERITY_WARNING, "V035", TRUE,
    (char *) "entry[0].body[1]", { 0, 0 }, (char *) "text" };
  g_autofree char *other = vyre_finding_format (&binary, "b.vir0");

  g_assert_true (g_str_has_prefix (line, "a.vyre:14:1: error [S5]: Store "));
  g_assert_true (g_str_has_prefix (bare, "14:1: error [S5]: Store "));
  g_assert_cmpstr (other, ==, "b.vir0: entry[0].body[1]: warning [V035]: text");

  g_assert_false (vyre_program_check (program, NULL, &error));
  g_assert_error (error, VYRE_VALIDATE_ERROR, VYRE_VALIDATE_ERROR_INVALID);
  lines = g_strsplit (error->message, "\n", -1);
  g_assert_cmpuint (g_strv_length (lines), ==, 5);
  g_assert_cmpstr (lines[0], ==, "the program is not valid: 4 errors");
  g_assert_cmpstr (lines[1], ==, bare);
  g_assert_true (g_str_has_prefix (lines[4], "15:1: error [S2]: "));
}

/* Names that look like format strings or hold anything. */
static void
test_names (void)
{
  check_body (
      "let x = `%s%n`;", NULL, "E1", "entry[0].body[0].value", 9, "`%s%n`");
  check_body ("let x = `a\\n\\u{7}b`;", NULL, "E1", "entry[0].body[0].value", 9,
      "`a\\x0a\\x07b`");
  check_body (
      "let `` = 1; let `` = 2;", NULL, "V032", "entry[0].body[1]", 13, "``");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/validate/rules", test_rules);
  g_test_add_func ("/validate/program", test_program);
  g_test_add_func ("/validate/options", test_options);
  g_test_add_func ("/validate/engine", test_engine);
  g_test_add_func ("/validate/texts", test_texts);
  g_test_add_func ("/validate/names", test_names);
  return g_test_run ();
}
