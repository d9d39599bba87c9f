/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What lowering saves: listings, and every program's result on the evaluator
 * of register code against the reference executor's, which knows none of it.
 * Comments before the programs say what the code was that is saved. */
#include <string.h>

#include "eval.h"
#include "lower/isa.h"
#include "listing.h"
#include "reference/reference.h"
#include "ring/words.h"
#include "vir0/text.h"

#define BYTES 260 /* of what has no size of its own */

static const char head[] = "program workgroup(64);\n"
                           "buffer in: readonly u32[] @0;\n"
                           "buffer bytes: readonly u8[] @1;\n"
                           "buffer floats: readonly f32[] @2;\n"
                           "buffer out: readwrite u32[] @3;\n";
static const char more[] = "buffer other: readwrite u32[] @4;\n";
static const char shared[] = "buffer tile: workgroup u32[64];\n";

/* --- both executors ------------------------------------------------------------ */

static VyreProgram *
parse (const char *declarations, const char *body)
{
  g_autofree char *text =
      g_strconcat (head, declarations, "main {\n", body, "\n}\n", NULL);
  g_autoptr (GError) error = NULL;
  VyreProgram *program = vyre_program_parse (text, strlen (text), &error);

  if (error != NULL)
    g_error ("%s: %s", body, error->message);
  return program;
}

static VyreLowered *
lower (VyreProgram *program, guint max_registers)
{
  VyreLowerOptions options = { max_registers };
  g_autoptr (GError) error = NULL;
  VyreLowered *lowered = vyre_lower (program, &options, &error);

  g_assert_no_error (error);
  return lowered;
}

static GByteArray *
contents (const VyreBuffer *buffer, guint32 seed)
{
  GByteArray *bytes = g_byte_array_new ();

  /* Small numbers, so that indices and bounds are met. */
  g_byte_array_set_size (bytes, BYTES);
  for (guint i = 0; i < BYTES; i++) {
    seed = seed * 1664525u + 1013904223u;
    bytes->data[i] =
        buffer->element->kind == VYRE_TYPE_U32 && i % 4 != 0 && seed >> 28 != 0
            ? 0
            : (guint8) (seed >> 24) % 90;
  }
  return bytes;
}

/* Returns the fault of both, 0 for none. */
static guint
compare (VyreProgram *program, guint max_registers, guint32 seed)
{
  g_autoptr (VyreLowered) lowered = lower (program, max_registers);
  g_autoptr (GPtrArray) inputs =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (GPtrArray) outputs = NULL;
  g_autoptr (GError) error = NULL;
  VyreReferenceOptions options = VYRE_REFERENCE_OPTIONS_DEFAULT;
  GByteArray *buffers[8] = { NULL };
  guint64 lengths[8] = { 0 };
  guint32 grid[3];
  guint n_outputs = 0;
  EvalResult result;

  for (guint i = 0; i < program->n_buffers; i++) {
    if (program->buffers[i].access == VYRE_ACCESS_WORKGROUP)
      continue;
    buffers[i] = contents (&program->buffers[i], seed + i);
    lengths[i] = BYTES;
    g_ptr_array_add (inputs, g_bytes_new (buffers[i]->data, BYTES));
  }
  g_assert_true (
      vyre_grid_compute (program, lowered->has_atomics, lengths, grid, &error));
  eval_run (lowered, buffers, grid, 0, &result);
  if (!vyre_reference_run (program, &options, (GBytes *const *) inputs->pdata,
          inputs->len, &outputs, &error)) {
    if (error->code != (gint) result.fault.code)
      g_error ("%s", error->message);
  } else {
    g_assert_cmpuint (result.fault.code, ==, 0);
    for (guint i = 0; i < program->n_buffers; i++) {
      gsize size;
      gconstpointer data;

      if (program->buffers[i].access != VYRE_ACCESS_READ_WRITE)
        continue;
      data = g_bytes_get_data (outputs->pdata[n_outputs++], &size);
      g_assert_cmpmem (buffers[i]->data, buffers[i]->len, data, size);
    }
  }
  for (guint i = 0; i < program->n_buffers; i++)
    if (buffers[i] != NULL)
      g_byte_array_unref (buffers[i]);
  return result.fault.code;
}

static void
same_results (VyreProgram *program)
{
  for (guint32 seed = 1; seed <= 3; seed++) {
    compare (program, 64, seed);
    compare (program, 8, seed);
  }
}

typedef struct
{
  const char *body, *listing; /* NULL: results alone matter */
  const char *declarations;
} Case;

static void
check_cases (const Case *cases, guint n)
{
  for (guint i = 0; i < n; i++) {
    const char *declarations = cases[i].declarations;
    g_autoptr (VyreProgram) program =
        parse (declarations != NULL ? declarations : "", cases[i].body);
    g_autoptr (VyreLowered) lowered = lower (program, 64);
    g_autofree char *listing = short_listing (lowered);

    if (cases[i].listing != NULL && !g_str_equal (listing, cases[i].listing)) {
      g_test_message (
          "%s\n is: %s\nnot: %s", cases[i].body, listing, cases[i].listing);
      g_test_fail ();
    }
    g_test_message ("%s", cases[i].body);
    same_results (program);
  }
}

/* --- lower-known.c, lower-live.c -------------------------------------------------- */

static const Case copies[] = {
  /* mov r0, 0; … add r0, r0, r1; … add r0, r0, r1: with a move first */
  { "let n = 0; n = n + in[1]; n = n + in[2]; out[n] = n;",
      "mov r0, 1; load r0, `in`[r0].u32; mov r1, 2; load r1, `in`[r1].u32; "
      "add r0, r0, r1; store `out`[r0].u32, r0; end" },
  /* a copy of what is assigned later */
  { "let a = in[1]; let b = a; a = 3; out[a] = a + b;",
      "mov r0, 1; load r0, `in`[r0].u32; add r0, r0, 3; mov r1, 3; "
      "store `out`[r1].u32, r0; end" },
  /* what the loop assigns is not known in it, nor behind it */
  { "let n = 5; for i in 0..in[1] { out[i] = n; n = n + 2; } out[n] = n;",
      "mov r0, 5; mov r1, 1; load r1, `in`[r1].u32; mov r2, 0; "
      "loop r2, r1, 8; store `out`[r2].u32, r0; add r0, r0, 2; "
      "next r2, r1, 5; store `out`[r0].u32, r0; end" },
  /* the last assignment of a turn is overwritten before it is read */
  { "let n = 5; for i in 0..in[1] { n = in[i]; out[i] = n; n = 7; }",
      "mov r0, 1; load r0, `in`[r0].u32; mov r1, 0; loop r1, r0, 7; "
      "load r2, `in`[r1].u32; store `out`[r1].u32, r2; next r1, r0, 4; end" },
  /* known before the if, in its else, and again behind it */
  { "let n = 5; if in[1] > 3 { out[n] = 1; n = in[2]; out[n] = n; } "
    "else { out[n + 1] = n; } out[9] = n;",
      NULL },
  { "let n = 1; let m = 2; for i in 0..in[3] % 9 { let t = n; n = m; m = t + m;"
    " if m > 50 { n = 4; } out[i] = n; } out[10] = n; out[11] = m;",
      NULL },
  { "let n = 1; for i in 0..3 { let m = n; for k in 0..in[i] % 5 { m = m + n; "
    "n = k; } out[i] = m; n = m; } out[20] = n;",
      NULL },
  { "let n = in[0]; let m = n; if in[1] > 9 { m = 1; out[3] = n; return; } "
    "n = n + m; out[n] = m;",
      NULL },
  /* a start that another loop inside has too: the counter is no place for it */
  { "let i = invocation_id.x; let n = 0; for j in i % 3..in[1] % 7 { "
    "for k in i % 3..4 { n = n * 3 + k; } } out[i] = n;",
      NULL },
  /* the same of a bound, and of what the last loop of the body reads */
  { "let i = invocation_id.x; let n = 0; for j in i % 3..in[1] % 7 { n = n + j;"
    " for k in 0..i % 3 { n = n * 3 + k; } } out[i] = n;",
      NULL },
  { "let i = invocation_id.x; let n = 0; let m = i % 5; "
    "for j in 0..in[1] % 7 { n = n + m; m = m + 1; for k in 0..in[2] % 4 { "
    "n = n + i % 5; } } out[i] = n;",
      NULL },
  /* two variables that hold one value */
  { "let a = len(in); let b = a; for i in 0..in[1] % 4 { b = b + a; a = i; } "
    "out[1] = a; out[2] = b;",
      NULL },
};

static void
test_copies (void)
{
  check_cases (copies, G_N_ELEMENTS (copies));
}

/* --- lower-guard.c ----------------------------------------------------------------- */

static const Case guards[] = {
  /* buflen r1, `out`; ltu r1, r0, r1; if r1, …; …; endif */
  { "let i = invocation_id.x; if i < len(out) { out[i] = u32(bytes[i]) * 3; }",
      "special r0, invocation_id.x; load r1, `bytes`[r0].u8; mul r1, r1, 3; "
      "store `out`[r0].u32, r1; end" },
  { "let i = invocation_id.x; if len(out) > i { if in[i] > 7 "
    "{ out[i] = in[i + 1]; } }",
      "special r0, invocation_id.x; load r1, `in`[r0].u32; gtu r1, r1, 7; "
      "if r1, 7; add r1, r0, 1; load r1, `in`[r1].u32; "
      "store `out`[r0].u32, r1; endif; end" },
  /* … geu r1, r0, r1; if r1, …; return; endif; … */
  { "let i = invocation_id.x; if i >= len(out) { return; } out[i] = in[i] + 1;",
      "special r0, invocation_id.x; load r1, `in`[r0].u32; add r1, r1, 1; "
      "store `out`[r0].u32, r1; end" },
  /* stays: another element */
  { "let i = invocation_id.x; if i < len(out) { out[i ^ 1] = 2; }",
      "special r0, invocation_id.x; buflen r1, `out`; ltu r1, r0, r1; "
      "if r1, 7; xor r0, r0, 1; mov r1, 2; store `out`[r0].u32, r1; endif; "
      "end" },
  /* stays: another buffer's length */
  { "let i = invocation_id.x; if i < len(bytes) { out[i] = 2; }",
      "special r0, invocation_id.x; buflen r1, `bytes`; ltu r1, r0, r1; "
      "if r1, 6; mov r1, 2; store `out`[r0].u32, r1; endif; end" },
  /* stays: another buffer decides how many invocations there are */
  { "let i = invocation_id.x; if i < len(out) "
    "{ out[i] = (in[i] + 1) * in[i + 1] * 3; }",
      "special r0, invocation_id.x; buflen r1, `out`; ltu r1, r0, r1; "
      "if r1, 11; load r1, `in`[r0].u32; add r1, r1, 1; add r2, r0, 1; "
      "load r2, `in`[r2].u32; mul r1, r1, r2; mul r1, r1, 3; "
      "store `out`[r0].u32, r1; endif; end",
      more },
  /* goes all the same: the rest is as short */
  { "let i = invocation_id.x; if i < len(out) { out[i] = in[i] + 1; }",
      "special r0, invocation_id.x; load r1, `in`[r0].u32; add r1, r1, 1; "
      "store `out`[r0].u32, r1; end",
      more },
  /* stays: something that others see */
  { "let i = invocation_id.x; if i < len(out) { out[i] = 1; other[i] = 1; }",
      NULL, more },
  { "let i = invocation_id.x; if i < len(out) "
    "{ let old = atomic_add(out[i], 1); }",
      NULL },
  { "let i = invocation_id.x; if i < len(out) "
    "{ out[i] = u32(i32(in[i]) / i32(in[i + 2])); }",
      NULL },
  { "let i = invocation_id.x; if i < len(out) { out[i] = in[i]; "
    "if in[i] > 100000 { trap(i, \"big\"); } }",
      NULL },
  /* stays: the value is read */
  { "let i = invocation_id.x; let n = 3; if i < len(out) { n = in[i]; "
    "out[i] = n; } other[i] = n;",
      NULL, more },
  /* stays: turns that depend on data */
  { "let i = invocation_id.x; if i < len(out) { let n = 0; "
    "for k in i..len(in) % 70 { n = n + k; } out[i] = n; }",
      NULL },
  { "let i = invocation_id.x; if i < len(out) { let n = 0; "
    "for k in 0..40 { n = n + in[i + k]; } out[i] = n; }",
      NULL },
  { "tile[local_id.x] = in[invocation_id.x]; barrier; "
    "let i = invocation_id.x; if i < len(out) "
    "{ out[i] = tile[local_id.x ^ 1]; }",
      NULL, shared },
};

static void
test_guards (void)
{
  static const guint stay[] = { 3, 4, 5, 7, 8, 9, 10, 11, 12 };

  check_cases (guards, G_N_ELEMENTS (guards));
  for (guint i = 0; i < G_N_ELEMENTS (stay); i++) {
    const Case *c = &guards[stay[i]];
    g_autoptr (VyreProgram) program =
        parse (c->declarations != NULL ? c->declarations : "", c->body);
    g_autoptr (VyreLowered) lowered = lower (program, 64);
    gboolean found = FALSE;

    for (guint k = 0; k < lowered->n_instructions; k++)
      found |= (lowered->code[k * 2] & 0x7f) == VYRE_I_BUFLEN;
    g_assert_true (found);
  }
}

/* A short buffer of known length: a workgroup would do much for nothing. */
static void
test_short_guard (void)
{
  static const char format[] =
      "program workgroup(64);\nbuffer in: readonly u32[%u] @0;\n"
      "buffer out: readwrite u32[%u] @1;\nmain { let i = invocation_id.x; "
      "if i < len(out) { out[i] = (in[i] ^ in[i + 1]) * in[i + 2]; } }\n";
  static const guint counts[] = { 1, 64, 70, 1000 };

  for (guint i = 0; i < G_N_ELEMENTS (counts); i++) {
    g_autofree char *text = g_strdup_printf (format, counts[i], counts[i]);
    g_autoptr (VyreProgram) program =
        vyre_program_parse (text, strlen (text), NULL);
    g_autoptr (VyreLowered) lowered = lower (program, 64);
    gboolean found = FALSE;

    for (guint k = 0; k < lowered->n_instructions; k++)
      found |= (lowered->code[k * 2] & 0x7f) == VYRE_I_IF;
    g_assert_cmpint (found, ==, counts[i] == 1);
  }
}

/* --- lower-select.c ------------------------------------------------------------------ */

static const Case selects[] = {
  /* if r2, 7; mov r0, r3; endif */
  { "let n = in[1]; let m = in[2]; if in[3] == 0 { n = m; } out[4] = n;",
      "mov r0, 1; load r0, `in`[r0].u32; mov r1, 2; load r1, `in`[r1].u32; "
      "mov r2, 3; load r2, `in`[r2].u32; select r0, r2, r0, r1; mov r1, 4; "
      "store `out`[r1].u32, r0; end" },
  /* if r1, …; add r0, r0, 1; endif */
  { "let n = 0; for i in 0..40 { if in[i] < 9 { n = n + 1; } } out[4] = n;",
      "mov r0, 0; mov r1, 40; mov r2, 0; loop r2, r1, 8; "
      "load r3, `in`[r2].u32; ltu r3, r3, 9; add r0, r0, r3; "
      "next r2, r1, 4; mov r1, 4; store `out`[r1].u32, r0; end" },
  /* if r1, …; mov r2, …; else; mov r2, …; endif */
  { "let n = 0; let a = in[1]; if a < 9 { n = a * 5; } else { n = a + 7; } "
    "out[4] = n;",
      "mov r0, 1; load r0, `in`[r0].u32; ltu r1, r0, 9; mul r2, r0, 5; "
      "add r0, r0, 7; select r0, r1, r2, r0; mov r1, 4; "
      "store `out`[r1].u32, r0; end" },
  /* stays: a store, a load, too long, a division */
  { "let n = in[1]; if n < 9 { n = n + 2; out[n] = 1; } out[4] = n;", NULL },
  { "let n = in[1]; if n < 9 { n = in[n]; } out[4] = n;", NULL },
  { "let n = in[1]; if n < 9 { n = ((n + 2) * 3 ^ n) * 5 - n; } out[4] = n;",
      NULL },
  { "let n = i32(in[1]); if in[2] != 0 { n = n / i32(in[2]); } "
    "out[4] = u32(n);",
      NULL },
  /* what one half reads the other assigns; the condition itself is assigned */
  { "let a = in[1]; let b = in[2]; for i in 0..4 { if in[i] > 20 { a = b; } "
    "else { b = a; } out[i] = a + b * 256; a = a + i; }",
      NULL },
  { "let a = in[1]; let b = in[2]; for i in 0..in[5] % 7 { if in[i] > 20 "
    "{ a = b; b = 1; } else { b = a; a = 2; } out[i] = a + b * 256; }",
      NULL },
  { "let a = in[1] % 3; for i in 0..in[6] % 9 { if a { a = 0; } else { a = i; }"
    " out[i] = a; }",
      NULL },
  { "let a = in[1]; let b = 1; for i in 0..in[6] % 9 { if in[i] > 30 { a = a + "
    "1; b = a; } out[i] = a * b; }",
      NULL },
};

static void
test_selects (void)
{
  static const guint stay[] = { 3, 4, 5, 6 };

  check_cases (selects, G_N_ELEMENTS (selects));
  for (guint i = 0; i < G_N_ELEMENTS (stay); i++) {
    g_autoptr (VyreProgram) program = parse ("", selects[stay[i]].body);
    g_autoptr (VyreLowered) lowered = lower (program, 64);
    gboolean found = FALSE;

    for (guint k = 0; k < lowered->n_instructions; k++)
      found |= (lowered->code[k * 2] & 0x7f) == VYRE_I_IF;
    g_assert_true (found);
  }
}

/* --- known conditions ------------------------------------------------------------------ */

static const Case branches[] = {
  /* mov r0, 0; if r0, 4; …; else; …; endif */
  { "let n = 4; if n < 3 { out[1] = 1; } else { out[2] = 2; }",
      "mov r0, 2; store `out`[r0].u32, r0; end" },
  { "for i in 0..3 { if i == 1 { out[i] = in[i]; } }",
      "mov r0, 1; load r1, `in`[r0].u32; store `out`[r0].u32, r1; end" },
  { "let n = 1; if 1 > 2 { n = 2; for i in 0..in[1] { if in[i] > 3 { n = i; } "
    "out[i] = n; } } out[n] = n;",
      "mov r0, 1; store `out`[r0].u32, r0; end" },
  { "let n = 1; if 2 > 1 { n = in[3]; } else { n = in[4]; } out[5] = n;",
      "mov r0, 3; load r0, `in`[r0].u32; mov r1, 5; store `out`[r1].u32, r0; "
      "end" },
  /* the end of an invocation keeps its place */
  { "if 2 > 1 { out[1] = 1; return; } out[2] = 2;", NULL },
};

static void
test_branches (void)
{
  check_cases (branches, G_N_ELEMENTS (branches));
}

/* --- lower-simplify.c ------------------------------------------------------------------ */

static const Case reductions[] = {
  /* shr; and; shl; a condition's bit where it is */
  { "let x = in[1]; out[x] = (x >> 8) << 8;",
      "mov r0, 1; load r0, `in`[r0].u32; and r1, r0, 0xffffff00; "
      "store `out`[r0].u32, r1; end" },
  { "let x = in[1]; out[x] = select(x >> 8 & 255 >= 128, x, 5);",
      "mov r0, 1; load r0, `in`[r0].u32; and r1, r0, 32768; mov r2, 5; "
      "select r1, r1, r0, r2; store `out`[r0].u32, r1; end" },
  { "let x = in[1]; out[x] = select((x >> 3 & 1) == 1, x, 5);",
      "mov r0, 1; load r0, `in`[r0].u32; and r1, r0, 8; mov r2, 5; "
      "select r1, r1, r0, r2; store `out`[r0].u32, r1; end" },
  /* sub r1, 0, r1; and */
  { "let x = in[1]; out[x] = 0 - (x & 1) & in[2];",
      "mov r0, 1; load r0, `in`[r0].u32; and r1, r0, 1; mov r2, 0; mov r3, 2; "
      "load r3, `in`[r3].u32; select r1, r1, r3, r2; store `out`[r0].u32, r1; "
      "end" },
  /* mov r1, 63; sub */
  { "let x = in[1]; out[x] = 63 - local_id.x;",
      "mov r0, 1; load r0, `in`[r0].u32; special r1, local_id.x; "
      "xor r1, r1, 63; store `out`[r0].u32, r1; end" },
  { "let x = in[1]; out[x] = u32(x > 0 && in[2] != 0);",
      "mov r0, 1; load r0, `in`[r0].u32; mov r1, 2; load r1, `in`[r1].u32; "
      "land r1, r0, r1; store `out`[r0].u32, r1; end" },
  { "let x = u32(bytes[1]); out[x] = select(x < 256, x, 7) + min(x, 300);",
      "mov r0, 1; load r0, `bytes`[r0].u8; add r1, r0, r0; "
      "store `out`[r0].u32, r1; end" },
  { "let x = in[1]; out[0] = x - x + (x ^ x) + u32(x == x) + u32(x < x); "
    "out[1] = min(x, x) + max(x, x) + (x & x) + (x | x) + abs_diff(x, x);",
      NULL },
  { "let x = in[1]; out[0] = x >> 5 >> 30; out[1] = x << 5 << 30; "
    "out[2] = x >> 33 >> 34; out[3] = x << 3 >> 3; out[4] = x << 5 >> 3; "
    "out[5] = (x | 5 | 8) ^ 3 ^ 12; out[6] = x & 60 & 39; "
    "out[7] = rotate_left(x, 33);",
      NULL },
  { "let x = in[1] & 7; out[0] = u32(x == 9) + u32(x != 9) * 2 + "
    "u32(x + 3 == 5) * 4 + u32((x ^ 3) != 5) * 8 + u32(x <= 7) * 16 + "
    "u32(x > 7) * 32 + u32(x >= 4) * 64 + u32(x < 1) * 128; "
    "out[1] = x * 40 / 300 + x % 9 + x / 8 + max(x, 7) + min(x, 0); "
    "if x >= 4 { out[2] = 1; } if x > 3 { out[3] = 1; } if x > 2 { out[4] = 1; "
    "} if x & 4 == 4 { out[5] = 1; }",
      NULL },
  /* and r1, r0, 255; and r2, r2, 255; sub; and */
  { "let x = in[1]; out[x] = (x & 255) - (in[2] & 511) & 255;",
      "mov r0, 1; load r0, `in`[r0].u32; mov r1, 2; load r1, `in`[r1].u32; "
      "sub r1, r0, r1; and r1, r1, 255; store `out`[r0].u32, r1; end" },
  { "let x = in[1]; let y = in[2] * 5; out[0] = (x & 254) + (y & 255) & 255; "
    "out[1] = (x & 255) * (y & 65535) & 255; out[2] = ((x & 7) ^ 12) & 7; "
    "out[3] = (x & 255 | y & 1023) & 255; out[4] = (x & 255) - (y & 255) & "
    "510;",
      NULL },
  { "let f = floats[1]; out[0] = u32((f * 1.0 / 1.0 - 0.0) * 8.0);", NULL },
};

static void
test_reductions (void)
{
  check_cases (reductions, G_N_ELEMENTS (reductions));
}

/* --- lower-fold.c ------------------------------------------------------------------------ */

/* Not as operands themselves: division by a literal 0 is invalid. */
static GString *
begin_folding (const char *const *values)
{
  GString *body = g_string_new (NULL);

  for (guint i = 0; values[i] != NULL; i++)
    g_string_append_printf (body, "let a%u = %s; ", i, values[i]);
  return body;
}

/* Every operation on literals that are edges, by both executors. */
static void
fold_all (const char *type, const char *const *infix, const char *const *named,
    const char *const *values)
{
  gboolean is_float = g_str_equal (type, "f32");

  for (guint i = 0; values[i] != NULL; i++) {
    g_autoptr (GString) body = begin_folding (values);
    g_autoptr (VyreProgram) program = NULL;
    guint n = 0;

    for (guint k = 0; values[k] != NULL; k++) {
      for (guint o = 0; infix[o] != NULL; o++) {
        gboolean truth =
            strchr ("<>=!&|", infix[o][0]) != NULL &&
            !g_str_equal (infix[o], "<<") && !g_str_equal (infix[o], ">>") &&
            !g_str_equal (infix[o], "&") && !g_str_equal (infix[o], "|");

        if (is_float && !truth)
          g_string_append_printf (body,
              "let f%u = a%u %s a%u; out[%u] = select(is_nan(f%u), 1, "
              "u32(f%u)) "
              "+ select(f%u < 0.0, u32(abs(f%u)), 3) * 7; ",
              n, i, infix[o], k, n % 60, n, n, n, n);
        else
          g_string_append_printf (
              body, "out[%u] = u32(a%u %s a%u); ", n % 60, i, infix[o], k);
        n++;
        if (n % 60 == 0) {
          g_clear_pointer (&program, vyre_program_unref);
          program = parse ("", body->str);
          compare (program, 64, 1);
          g_string_free (body, TRUE);
          body = begin_folding (values);
        }
      }
      for (guint o = 0; named[o] != NULL; o++)
        g_string_append_printf (
            body, "out[%u] = u32(%s(a%u, a%u)); ", n++ % 60, named[o], i, k);
    }
    g_clear_pointer (&program, vyre_program_unref);
    program = parse ("", body->str);
    compare (program, 64, 1);
  }
}

static void
test_folding (void)
{
  static const char *const infix[] = { "+", "-", "*", "/", "%", "&", "|", "^",
    "<<", ">>", "<", "<=", ">", ">=", "==", "!=", NULL };
  static const char *const named[] = { "min", "max", "sat_add", "sat_sub",
    "sat_mul", "abs_diff", "rotate_left", "rotate_right", "mul_high", NULL };
  static const char *const numbers[] = { "0", "1", "2", "31", "32", "33",
    "0x7fffffff", "0x80000000", "0xffffffff", NULL };
  static const char *const f_infix[] = { "+", "-", "*", "<", "<=", ">",
    ">=", "==", "!=", NULL };
  static const char *const floats[] = { "0.0", "-0.0", "1.0", "-1.5", "3.99",
    "16777216.0", "4294967040.0", "3.4e38", "1.2e-38", "-2.0e-30", "inf",
    "-inf", "nan", NULL };
  static const char *const none[] = { NULL };

  fold_all ("u32", infix, named, numbers);
  fold_all ("f32", f_infix, none, floats);
}

/* A fault is no constant: it is raised, where it is reached and only there. */
static void
test_faults_stay (void)
{
  static const char *const by[] = { "5i32 / zero", "5i32 % zero",
    "i32(0x80000000) / i32(0xffffffff)", "i32(0x80000000) % i32(0xffffffff)" };

  for (guint i = 0; i < G_N_ELEMENTS (by); i++) {
    g_autofree char *plain =
        g_strdup_printf ("let zero = 0i32; out[1] = u32(%s);", by[i]);
    g_autofree char *unread =
        g_strdup_printf ("let zero = 0i32; let x = %s;", by[i]);
    g_autofree char *selected = g_strdup_printf (
        "let zero = 0i32; out[1] = u32(select(true, 1i32, i32(%s)));", by[i]);
    g_autofree char *never = g_strdup_printf (
        "let zero = 0i32; if 1 > 2 { out[1] = u32(%s); } out[2] = 3;", by[i]);
    g_autofree char *rarely = g_strdup_printf (
        "let zero = 0i32; if in[1] > 70000 { out[1] = u32(%s); }", by[i]);
    const char *const faulting[] = { plain, unread, selected };
    const char *const harmless[] = { never, rarely };

    for (guint k = 0; k < G_N_ELEMENTS (faulting); k++) {
      g_autoptr (VyreProgram) program = parse ("", faulting[k]);

      g_assert_cmpuint (compare (program, 64, 1), ==, VYRE_FAULT_DIVISION);
    }
    for (guint k = 0; k < G_N_ELEMENTS (harmless); k++) {
      g_autoptr (VyreProgram) program = parse ("", harmless[k]);

      g_assert_cmpuint (compare (program, 64, 1), ==, 0);
    }
  }
}

/* What was loaded is loaded again once it may have changed. */
static const Case loads[] = {
  { "let a = other[1]; other[2] = 5; out[0] = a + other[1];", NULL, more },
  { "let a = other[1]; other[in[0] % 2] = 5; out[0] = a + other[1];", NULL,
      more },
  { "let i = invocation_id.x; let a = other[i]; if i < 9 { let b = "
    "atomic_add(other[i], 3); } out[i] = a + other[i] * 256;",
      NULL, more },
  { "let l = local_id.x; tile[l] = l; barrier; let a = tile[l ^ 1]; barrier; "
    "tile[l] = a + 1; barrier; out[invocation_id.x] = a + tile[l ^ 1] * 256;",
      NULL, shared },
  { "if invocation_id.x == 0 { let a = other[1]; async_load(in, other, 0, 16, "
    "\"t\"); async_wait(\"t\"); out[0] = a + other[1] * 3; }",
      NULL, more },
  { "if invocation_id.x == 0 { for i in 0..in[2] % 5 { let a = other[1]; "
    "other[1] = a + 1; out[i] = a + other[1]; } }",
      NULL, more },
};

static void
test_loads (void)
{
  check_cases (loads, G_N_ELEMENTS (loads));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lower/reduce/copies", test_copies);
  g_test_add_func ("/lower/reduce/guards", test_guards);
  g_test_add_func ("/lower/reduce/short-guard", test_short_guard);
  g_test_add_func ("/lower/reduce/selects", test_selects);
  g_test_add_func ("/lower/reduce/branches", test_branches);
  g_test_add_func ("/lower/reduce/reductions", test_reductions);
  g_test_add_func ("/lower/reduce/folding", test_folding);
  g_test_add_func ("/lower/reduce/faults", test_faults_stay);
  g_test_add_func ("/lower/reduce/loads", test_loads);
  return g_test_run ();
}
