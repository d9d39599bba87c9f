/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "eval.h"
#include "listing.h"
#include "lower/isa.h"
#include "vir0/text.h"

static const char head[] = "program workgroup(4);\n"
                           "buffer in: readonly u32[] @0;\n"
                           "buffer out: readwrite u32[] @1;\n"
                           "buffer bytes: readwrite u8[] @2;\n"
                           "buffer floats: readwrite f32[] @3;\n"
                           "buffer wide: readwrite u64[] @4;\n"
                           "buffer signed: readwrite i32[] @5;\n"
                           "buffer sh: workgroup u32[4];\n"
                           "buffer sh2: workgroup u8[5];\n"
                           "buffer fixed: readwrite u32[4] @6;\n"
                           "buffer raw: readwrite bytes[] @7;\n"
                           "buffer wo: writeonly u32[4] @8;\n"
                           "main {\n";

static VyreProgram *
parse (const char *body)
{
  g_autofree char *text = g_strconcat (head, body, "\n}\n", NULL);
  g_autoptr (GError) error = NULL;
  VyreProgram *program = vyre_program_parse (text, strlen (text), &error);

  if (error != NULL)
    g_error ("%s: %s", body, error->message);
  return program;
}

static VyreLowered *
lower (const char *body, guint max_registers)
{
  g_autoptr (VyreProgram) program = parse (body);
  g_autoptr (GError) error = NULL;
  VyreLowerOptions options = { max_registers };
  VyreLowered *lowered = vyre_lower (program, &options, &error);

  if (lowered == NULL)
    g_error ("%s: %s", body, error->message);
  return lowered;
}

static guint
count (const VyreLowered *lowered, guint op)
{
  guint n = 0;

  for (guint i = 0; i < lowered->n_instructions; i++)
    n += (lowered->code[i * 2] & 0x7f) == op;
  return n;
}

/* --- listings --------------------------------------------------------------- */

typedef struct
{
  const char *body, *listing;
} Listing;

static const Listing listings[] = {
  { "let i = invocation_id.x; if i < len(out) { let w = in[i]; out[i] = ~w; }",
      "special r0, invocation_id.x; load r1, `in`[r0].u32; not r1, r1; "
      "store `out`[r0].u32, r1; end" },
  /* folding with the meaning of sections 12 and 30.1 */
  { "out[0] = 7 / 0 + 7 % 0 + (0 - 1) + (1 << 33);",
      "mov r0, 0; store `out`[r0].u32, r0; end" },
  { "let x = in[0]; out[x] = x / 8 + x % 16 + x * 4;",
      "mov r0, 0; load r0, `in`[r0].u32; shr r1, r0, 3; and r2, r0, 15; "
      "add r1, r1, r2; shl r2, r0, 2; add r1, r1, r2; "
      "store `out`[r0].u32, r1; end" },
  /* a constant on the left goes to the right, or is mirrored */
  { "let x = in[in[0]]; out[x] = u32(5 < x) + (3 & x);",
      "mov r0, 0; load r0, `in`[r0].u32; load r0, `in`[r0].u32; "
      "gtu r1, r0, 5; and r2, r0, 3; add r1, r1, r2; "
      "store `out`[r0].u32, r1; end" },
  /* bounds of an interval in two instructions; masks that do nothing */
  { "let x = in[in[0]]; out[x] = select(x >= 97 && x <= 122, x, x >> 24 & 255)"
    ";",
      "mov r0, 0; load r0, `in`[r0].u32; load r0, `in`[r0].u32; "
      "add r1, r0, 0xffffff9f; leu r1, r1, 25; shr r2, r0, 24; "
      "select r1, r1, r0, r2; store `out`[r0].u32, r1; end" },
  /* dead values go, faults and atomics stay */
  { "let x = in[3]; let y = x * 7; let z = atomic_add(out[1], 2);",
      "mov r0, 1; mov r1, 2; atomic r0, add `out`[r0], r1; end" },
  { "let z = i32(in[0]) / i32(in[1]);",
      "mov r0, 0; load r0, `in`[r0].u32; mov r1, 1; load r1, `in`[r1].u32; "
      "divs r0, r0, r1; end" },
  /* a variable is computed in place; what the loop does not change leaves it */
  { "let n = 0; for i in 0..in[9] { n = n + in[5] * len(in); } out[0] = n;",
      "mov r0, 0; mov r1, 9; load r1, `in`[r1].u32; mov r2, 0; mov r3, 5; "
      "load r3, `in`[r3].u32; buflen r4, `in`; mul r3, r3, r4; "
      "loop r2, r1, 11; add r0, r0, r3; next r2, r1, 9; mov r1, 0; "
      "store `out`[r1].u32, r0; end" },
  /* few turns of a small loop */
  { "let n = in[0]; for i in 0..3 { n = n ^ i; } out[n] = n;",
      "mov r0, 0; load r0, `in`[r0].u32; xor r0, r0, 3; "
      "store `out`[r0].u32, r0; end" },
  /* floats are canonical once; u64 is two words */
  { "let f = floats[1]; floats[f] = -f;",
      "mov r0, 1; load r0, `floats`[r0].u32; fcanon r0, r0; "
      "geu r1, r0, 0x4f800000; ne r2, r0, 0x80000000; and r1, r1, r2; "
      "fault_if r1, R06, r0; f2u r1, r0; fneg r0, r0; "
      "store `floats`[r1].u32, r0; end" },
  { "wide[0] = ~wide[1];",
      "mov r0, 1; load r1, `wide`[r0]+0/8.u32; "
      "load r0, `wide`[r0]+4/8.u32; not r1, r1; not r0, r0; mov r2, 0; "
      "store `wide`[r2]+0/8.u32, r1; store `wide`[r2]+4/8.u32, r0; end" },
  { "bytes[1] = bytes[0];", "mov r0, 0; load r0, `bytes`[r0].u8; mov r1, 1; "
                            "store `bytes`[r1].u8, r0; end" },
};

static void
test_listings (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (listings); i++) {
    g_autoptr (VyreLowered) lowered = lower (listings[i].body, 64);
    g_autofree char *listing = short_listing (lowered);

    if (!g_str_equal (listing, listings[i].listing)) {
      g_test_message ("%s\n is: %s\nnot: %s", listings[i].body, listing,
          listings[i].listing);
      g_test_fail ();
    }
  }
}

/* --- what is found out -------------------------------------------------------- */

static void
test_findings (void)
{
  g_autoptr (VyreLowered) a = NULL, b = NULL, c = NULL, d = NULL;

  a = lower ("let t = atomic_add(out[0], 1); let n = len(out);", 64);
  g_assert_true (a->buffers[1].commutative);
  g_assert_true (a->buffers[1].atomic);
  g_assert_true (a->has_atomics);
  g_assert_cmpint (a->buffers[0].binding, ==, -1);
  g_assert_cmpuint (a->n_bindings, ==, 1);
  g_assert_false (a->grouped);

  b = lower ("let t = atomic_add(out[0], 1); let u = atomic_max(out[0], 1);"
             "let v = atomic_exchange(fixed[0], 1);"
             "let w = atomic_xor(fixed[1], 1);",
      64);
  g_assert_false (b->buffers[1].commutative);
  g_assert_false (b->buffers[8].commutative);

  c = lower ("let t = atomic_add(out[0], 1); fixed[0] = t; barrier.grid_sync;"
             "sh2[0] = u8(in[0]); sh[1] = 2;",
      64);
  g_assert_false (c->buffers[1].commutative);
  g_assert_true (c->grouped);
  g_assert_cmpuint (c->shared_words, ==, 6);
  g_assert_cmpuint (c->buffers[6].shared_offset, ==, 0);
  g_assert_cmpuint (c->buffers[7].shared_offset, ==, 16);
  g_assert_true (c->buffers[0].loaded && !c->buffers[0].stored);
  g_assert_true (c->buffers[6].stored && !c->buffers[6].loaded);

  d = lower ("if in[0] == 1 { trap(1, \"b\"); } if in[0] == 2 "
             "{ trap(2, \"a\"); } trap(3, \"b\");",
      64);
  g_assert_cmpuint (d->n_trap_tags, ==, 2);
  g_assert_true (vyre_string_is (d->trap_tags[0], "b"));
  g_assert_true (vyre_string_is (d->trap_tags[1], "a"));
  g_assert_false (d->has_atomics);
}

/* --- refusals ----------------------------------------------------------------- */

typedef struct
{
  const char *body;
  VyreLowerError code;
  const char *parts[4]; /* of the message */
} Refusal;

#define INVALID VYRE_LOWER_ERROR_INVALID
#define UNSUPPORTED VYRE_LOWER_ERROR_UNSUPPORTED
#define LIMIT VYRE_LOWER_ERROR_LIMIT

static const Refusal refusals[] = {
  { "out[0] = x;", INVALID, { "entry[0].body[0]", "(14:", "`x`", "[E1]" } },
  { "region \"r\" { let x = 1; } out[0] = x;", INVALID, { "`x`", "[E1]" } },
  { "let x = 1; let x = 2;", INVALID, { "body[1]", "`x`", "[V032]" } },
  { "let x = 1; if in[0] == 0 { out[0] = 1; } else { let x = 2; }", INVALID,
      { "body[1].else[0]", "`x`", "[V008]" } },
  { "for i in 0..9 { i = 2; }", INVALID, { "`i`", "[V011]" } },
  { "out = 1;", INVALID, { "`out`", "use Store", "[X04]" } },
  { "y = 1;", INVALID, { "`y`", "[S2]" } },
  { "out[0] = nothing[1];", INVALID, { "Load", "`nothing`", "[S3]" } },
  { "in[0] = 1;", INVALID, { "Store", "`in`", "ReadOnly", "[S4]" } },
  { "fixed[4] = 1;", INVALID, { "`fixed`", "4", "[V036]" } },
  { "out[0] = 1.5;", INVALID, { "f32", "`out`", "[S5]" } },
  { "out[0] = in[0] + 1i32;", INVALID, { "Add", "u32", "i32", "[X07]" } },
  { "let x = bytes[0] + bytes[1];", INVALID, { "1-byte", "Cast", "[X07]" } },
  { "let x = 1; x = 2.0;", INVALID, { "`x`", "f32", "[X07]" } },
  { "let x = select(true, 1, 2i32);", INVALID, { "Select", "i32", "[X07]" } },
  { "let x = abs_diff(floats[0], 1.0);", INVALID, { "AbsDiff", "[X03]" } },
  { "let x = mul_high(wide[0], wide[0]);", UNSUPPORTED,
      { "MulHigh", "u64", "[X03]" } },
  { "let x = sqrt(in[0]);", INVALID, { "Sqrt", "u32", "[X03]" } },
  { "let x = u64(floats[0]);", INVALID, { "f32", "u64", "[V012]" } },
  { "let x = raw[0];", UNSUPPORTED, { "`raw`", "bytes", "[X17]" } },
  { "let x = atomic_add(in[0], 1);", INVALID, { "`in`", "[V009]" } },
  { "let x = atomic_add(sh[0], 1);", INVALID, { "`sh`", "[V025]" } },
  { "let x = atomic_add(signed[0], 1);", INVALID, { "`signed`", "[V014]" } },
  { "let x = atomic_fetch_nand(out[0], 1);", UNSUPPORTED,
      { "FetchNand", "`out`", "[X09]" } },
  { "let x = call(\"a.b\", 1);", UNSUPPORTED, { "Call", "`a.b`", "[X08]" } },
  { "let x = unpack8_low(in[0]);", UNSUPPORTED, { "Shr", "[X10]" } },
  { "if in[0] == 1 { let x = subgroup_add(in[0]); }", INVALID,
      { "SubgroupAdd", "Load", "[X13]" } },
  { "let x = subgroup_add(in[0]); if in[0] == 1 { return; }", UNSUPPORTED,
      { "SubgroupAdd", "Return", "[X13]" } },
  { "let x = subgroup_add(atomic_add(out[0], 1));", UNSUPPORTED,
      { "SubgroupAdd", "[X21]" } },
  { "let x = subgroup_add(wide[0]);", INVALID, { "u64", "[R16]" } },
  { "let x = subgroup_size();", UNSUPPORTED, { "SubgroupSize", "[X13]" } },
  { "resume(\"t\");", UNSUPPORTED, { "Resume", "[X11]" } },
  { "all_reduce(out, sum, 3);", UNSUPPORTED, { "group 3", "[X11]" } },
  { "broadcast(out, 0, 2);", UNSUPPORTED, { "[X11]" } },
  { "all_gather(in, floats, 0);", INVALID, { "`floats`", "[V046]" } },
  { "barrier.relaxed;", INVALID, { "Relaxed", "[V043]" } },
  { "let i = local_id.x; if i == 0 { barrier; }", INVALID,
      { "body[1].then[0]", "`i`", "[X14]" } },
  { "for k in 0..in[0] { barrier; }", INVALID, { "Load", "[X14]" } },
  /* late in the body, seen early in it (unsound in the validator) */
  { "let n = 1; for k in 0..9 { if n == 1 { barrier; } n = local_id.x; }",
      INVALID, { "body[1].body[0].then[0]", "`n`", "[X14]" } },
  /* uniform value, assigned where not all come by */
  { "let n = 1; if local_id.x == 0 { n = 2; } if n == 1 { barrier; }", INVALID,
      { "body[2].then[0]", "`n`", "[X14]" } },
  { "async_load(in, out, 0, 4, \"t\");", INVALID, { "`t`", "[R14]" } },
  { "async_wait(\"t\");", INVALID, { "`t`", "[R14]" } },
  { "async_load(in, out, 0, 4, \"t\"); if in[0] == 0 { async_wait(\"t\"); } "
    "async_wait(\"t\");",
      INVALID, { "body[1].then[0]", "`t`", "[R14]" } },
  { "async_load(in, out, 0, 4, \"t\"); if in[0] == 0 { return; } "
    "async_wait(\"t\");",
      INVALID, { "this Return", "[R14]" } },
  { "async_load(in, out, 0, 4, \"t\"); async_load(in, out, 0, 4, \"t\");",
      INVALID, { "`t`", "[R14]" } },
  { "async_load(in, in, 0, 4, \"t\"); async_wait(\"t\");", UNSUPPORTED,
      { "`in`", "[X05]" } },
  { "async_load(out, fixed, 0, 4, \"t\"); out[0] = 1; async_wait(\"t\");",
      UNSUPPORTED, { "`out`", "`t`", "[X22]" } },
};

static void
test_refusals (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (refusals); i++) {
    const Refusal *refusal = &refusals[i];
    g_autoptr (VyreProgram) program = parse (refusal->body);
    g_autoptr (VyreLowered) lowered = NULL;
    g_autoptr (GError) error = NULL;
    VyreLowerOptions options = { 64 };

    lowered = vyre_lower (program, &options, &error);
    if (lowered != NULL) {
      g_test_message ("%s is not refused", refusal->body);
      g_test_fail ();
      continue;
    }
    g_test_message ("%s", error->message);
    g_assert_cmpint (error->code, ==, refusal->code);
    for (guint k = 0; k < 4 && refusal->parts[k] != NULL; k++)
      if (strstr (error->message, refusal->parts[k]) == NULL) {
        g_test_message ("%s lacks %s", refusal->body, refusal->parts[k]);
        g_test_fail ();
      }
  }
}

static void
test_whole_programs (void)
{
  static const struct
  {
    const char *text, *id;
  } rows[] = {
    { "program workgroup(65536, 65536, 2); main { return; }", "[R05]" },
    { "program workgroup(1); buffer s: workgroup u32[16777217]; main {}",
        "[X19]" },
    { "program workgroup(1); buffer s: workgroup tensor[2]; main {}", "[P6]" },
    { "program workgroup(1); buffer a: readonly u32[] @0; "
      "buffer a: readonly u32[] @1; main {}",
        "[P4]" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreProgram) program =
        vyre_program_parse (rows[i].text, strlen (rows[i].text), &error);
    g_autoptr (VyreLowered) lowered = NULL;
    VyreLowerOptions options = { 64 };

    g_assert_no_error (error);
    lowered = vyre_lower (program, &options, &error);
    g_assert_null (lowered);
    if (strstr (error->message, rows[i].id) == NULL)
      g_error ("%s: %s", rows[i].text, error->message);
  }
}

/* --- running what the fixtures do not have -------------------------------------- */

static guint32
run (const char *body, guint max_registers, GByteArray **buffers)
{
  g_autoptr (VyreLowered) lowered = lower (body, max_registers);
  guint32 grid[3] = { 1, 1, 1 };
  EvalResult result;

  eval_run (lowered, buffers, grid, 0, &result);
  return result.fault.code;
}

static GByteArray **
fresh (void)
{
  GByteArray **buffers = g_new0 (GByteArray *, 12);

  for (guint i = 0; i < 11; i++) {
    buffers[i] = g_byte_array_new ();
    g_byte_array_set_size (buffers[i], 64);
    memset (buffers[i]->data, i == 0 ? 0 : 0xee, 64);
    for (guint k = 0; k < 16 && i == 0; k++)
      buffers[i]->data[k * 4] = (guint8) (k + 1);
  }
  return buffers;
}

static void
done (GByteArray **buffers)
{
  for (guint i = 0; i < 11; i++)
    g_byte_array_unref (buffers[i]);
  g_free (buffers);
}

static void
test_async (void)
{
  GByteArray **buffers = fresh ();

  /* zeros past the source, clipped at the destination (section 30.3) */
  g_byte_array_set_size (buffers[0], 7);
  g_byte_array_set_size (buffers[2], 11);
  g_assert_cmpuint (run ("async_load(in, bytes, 4, 6, \"a\");"
                         "async_store(in, bytes, 9, 100, \"b\");"
                         "async_wait(\"a\"); async_wait(\"b\");",
                        64, buffers),
      ==, 0);
  g_assert_cmpmem (
      buffers[2]->data, 11, "\x02\0\0\0\0\0\xee\xee\xee\x01\0", 11);
  /* offsets beyond everything neither fault nor wrap around */
  g_assert_cmpuint (run ("async_load(in, out, 0xffffffff, 5, \"a\");"
                         "async_store(in, fixed, 0xfffffffe, 5, \"b\");"
                         "async_wait(\"a\"); async_wait(\"b\");",
                        8, buffers),
      ==, 0);
  g_assert_cmpmem (buffers[1]->data, 6, "\0\0\0\0\0\xee", 6);
  g_assert_cmpmem (buffers[8]->data, 6, "\xee\xee\xee\xee\xee\xee", 6);
  /* 2^32 and more are as good as the largest word; negative ones fault */
  g_assert_cmpuint (run ("async_load(in, out, wide[0], wide[0], \"a\");"
                         "async_wait(\"a\");",
                        64, buffers),
      ==, 0);
  g_assert_cmpuint (buffers[1]->data[63], ==, 0);
  g_assert_cmpuint (run ("async_load(in, out, 0i32 - i32(in[0]), 1, \"a\");"
                         "async_wait(\"a\");",
                        64, buffers),
      ==, 6);
  done (buffers);
}

static void
test_subgroups (void)
{
  static const char text[] =
      "program workgroup(10, 2, 2);\n" /* a slice of 32 and one of 8 */
      "buffer out: readwrite u32[] @0;\n"
      "main {\n"
      "  let i = local_id.x + 10 * (local_id.y + 2 * local_id.z);\n"
      "  out[i] = subgroup_add(i * i);\n"
      "  out[i + 40] = subgroup_ballot(i % 3 == 0);\n"
      "  out[i + 80] = subgroup_shuffle(i + 7, i + 3);\n"
      "  out[i + 120] = u32(subgroup_add(f32(i) + 0.5));\n"
      "}\n";
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_parse (text, strlen (text), &error);
  g_autoptr (VyreLowered) lowered = NULL;
  g_autoptr (GByteArray) out = g_byte_array_new ();
  VyreLowerOptions options = { 8 };
  const guint32 grid[3] = { 1, 1, 1 };
  const guint32 *got;
  EvalResult result;

  g_assert_no_error (error);
  lowered = vyre_lower (program, &options, &error);
  g_assert_no_error (error);
  g_assert_true (lowered->grouped);
  g_assert_true (lowered->has_exchange);
  g_assert_cmpuint (lowered->exchange_binding, ==, 1);
  g_byte_array_set_size (out, 160 * 4);
  eval_run (lowered, &out, grid, 0, &result);
  g_assert_cmpuint (result.fault.code, ==, 0);
  got = (const guint32 *) out->data;
  for (guint i = 0; i < 40; i++) {
    guint first = i & ~31u, last = MIN (first + 32, 40);
    guint32 sum = 0, votes = 0, halves = 0;

    for (guint k = first; k < last; k++) {
      sum += k * k;
      votes |= (guint32) (k % 3 == 0) << (k - first);
      halves += 2 * k + 1;
    }
    g_assert_cmpuint (got[i], ==, sum);
    g_assert_cmpuint (got[i + 40], ==, votes);
    g_assert_cmpuint (got[i + 80], ==,
        i + 3 < 32 && first + i + 3 < 40 ? first + i + 3 + 7 : 0);
    g_assert_cmpuint (got[i + 120], ==, halves / 2);
  }
}

static void
test_faults (void)
{
  static const struct
  {
    const char *body;
    guint code;
  } rows[] = {
    { "out[i32(in[0]) - 2i32] = 1;", 6 },
    { "out[i32(in[0]) - 1i32] = 1;", 0 },
    { "out[wide[0]] = 1;", 6 },
    { "let x = in[floats[0]];", 6 }, /* negative */
    { "let x = u32(wide[0]);", 9 },
    { "let x = u64(i32(in[0]) - 2i32);", 9 },
    { "let x = i32(in[0]) / (i32(in[0]) - 1i32);", 8 },
    { "let x = i32(in[0]) % (i32(in[0]) - 1i32);", 8 },
    { "let x = -2147483648i32 / -1i32;", 8 },
    { "if in[0] == 2 { let x = 1i32 / (i32(in[0]) - i32(in[0])); }", 0 },
    { "let x = select(false, 1i32 / (i32(in[0]) - i32(in[0])), 1i32);", 8 },
    { "let x = false && 1i32 / (i32(in[0]) - i32(in[0])) == 1i32;", 8 },
    { "trap(in[3], \"t\");", 15 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    GByteArray **buffers = fresh ();
    guint code = run (rows[i].body, i % 2 ? 8 : 64, buffers);

    if (code != rows[i].code) {
      g_test_message (
          "%s: fault %u instead of %u", rows[i].body, code, rows[i].code);
      g_test_fail ();
    }
    done (buffers);
  }
}

/* --- size and pressure ----------------------------------------------------------- */

/* n variables that are all needed at the end. */
static char *
many_variables (guint n)
{
  GString *text = g_string_new ("let i = invocation_id.x;\n");

  for (guint k = 0; k < n; k++)
    g_string_append_printf (text, "let v%u = in[i + %u] * %u;\n", k, k, k + 3);
  g_string_append (text, "let s = 0; for k in 0..in[2] { s = s + k;\n");
  for (guint k = 0; k < n; k++)
    g_string_append_printf (text, "s = s * 3 + v%u;\n", k);
  g_string_append (text, "} out[i] = s;");
  return g_string_free (text, FALSE);
}

static void
test_spills (void)
{
  g_autofree char *body = many_variables (100);
  g_autoptr (VyreLowered) few = lower (body, 8);
  g_autoptr (VyreLowered) many = lower (body, 64);
  guint32 expected[4];
  GByteArray **a = fresh (), **b = fresh ();

  g_assert_cmpuint (few->n_registers, <=, 8);
  g_assert_cmpuint (few->n_spills, >, 0);
  g_assert_cmpuint (count (few, VYRE_I_SPILL_LOAD), >, 0);
  g_assert_cmpuint (count (few, VYRE_I_SPILL_STORE), >, 0);
  g_assert_cmpuint (many->n_registers, <=, 64);
  for (guint lane = 0; lane < 4; lane++) {
    guint32 s = 0;

    for (guint k = 0; k < 3; k++) {
      s += k;
      for (guint v = 0; v < 100; v++)
        s = s * 3 + (lane + v < 16 ? lane + v + 1 : 0) * (v + 3);
    }
    expected[lane] = s;
  }
  g_assert_cmpuint (run (body, 8, a), ==, 0);
  g_assert_cmpuint (run (body, 64, b), ==, 0);
  g_assert_cmpmem (a[1]->data, 16, expected, 16);
  g_assert_cmpmem (b[1]->data, 16, expected, 16);
  done (a);
  done (b);
}

static void
test_limits (void)
{
  g_autofree char *body = many_variables (5000);
  g_autoptr (VyreProgram) program = parse (body);
  g_autoptr (VyreLowered) lowered = NULL;
  g_autoptr (GError) error = NULL;
  VyreLowerOptions options = { 8 };
  gint64 start = g_get_monotonic_time ();

  lowered = vyre_lower (program, &options, &error);
  g_assert_null (lowered);
  g_assert_error (error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_LIMIT);
  g_assert_cmpint (g_get_monotonic_time () - start, <, 20 * G_USEC_PER_SEC);

  g_clear_error (&error);
  options.max_registers = 7;
  g_assert_null (vyre_lower (program, &options, &error));
  g_clear_error (&error);
  options.max_registers = 65;
  g_assert_null (vyre_lower (program, &options, &error));
}

/* What sharing and moving would keep alive must not make a program fail. */
static void
test_crowded (void)
{
  GString *body = g_string_new ("let i = invocation_id.x; let x = 0;"
                                "for k in 0..in[1] {\n");
  g_autoptr (VyreLowered) lowered = NULL;
  GByteArray **buffers = fresh ();
  guint32 expected = 0;

  for (guint k = 0; k < 5000; k++) {
    g_string_append_printf (body, "x = x + in[%u] * in[i + %u];\n", k, k);
    expected += k < 16 ? 2 * (k + 1) * (k + 1) : 0;
  }
  g_string_append (body, "} out[i] = x;");
  lowered = lower (body->str, 16);
  g_assert_cmpuint (lowered->n_spills, ==, 0);
  g_assert_cmpuint (run (body->str, 16, buffers), ==, 0);
  g_assert_cmpuint (*(guint32 *) buffers[1]->data, ==, expected);
  done (buffers);
  g_string_free (body, TRUE);
}

static void
test_nesting (void)
{
  g_autoptr (VyreProgram) program = parse ("return;");
  VyreNode *inner = program->entry.nodes[0];
  VyreLowerOptions options = { 16 };

  /* Built in memory, deeper than any file could be. */
  for (guint depth = 0; depth < 300; depth++) {
    g_autoptr (VyreProgram) nested =
        parse ("for i in 0..in[0] { out[0] = 1; }");
    g_autoptr (VyreLowered) lowered = NULL;
    g_autoptr (GError) error = NULL;
    VyreNode *node;

    if (depth != 0 && depth % 60 != 0)
      continue;
    for (guint k = 0; k < depth; k++) {
      g_autofree char *name = g_strdup_printf ("v%u", k);

      node = vyre_program_node (nested, VYRE_NODE_LOOP);
      node->name = vyre_program_string (nested, name, strlen (name));
      node->n_exprs = 2;
      node->exprs[0] = vyre_program_expr (nested, VYRE_EXPR_LIT_U32, 0);
      node->exprs[1] = vyre_program_expr (nested, VYRE_EXPR_LIT_U32, 0);
      node->exprs[1]->bits = 1000;
      node->body = nested->entry;
      nested->entry.nodes = vyre_program_alloc (nested, sizeof node);
      nested->entry.nodes[0] = node;
      nested->entry.n_nodes = 1;
    }
    lowered = vyre_lower (nested, &options, &error);
    if (depth <= 60)
      g_assert_no_error (error);
    else
      g_assert_error (error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_LIMIT);
  }
  g_assert_nonnull (inner);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lower/listings", test_listings);
  g_test_add_func ("/lower/findings", test_findings);
  g_test_add_func ("/lower/refusals", test_refusals);
  g_test_add_func ("/lower/whole-programs", test_whole_programs);
  g_test_add_func ("/lower/async", test_async);
  g_test_add_func ("/lower/subgroups", test_subgroups);
  g_test_add_func ("/lower/faults", test_faults);
  g_test_add_func ("/lower/spills", test_spills);
  g_test_add_func ("/lower/limits", test_limits);
  g_test_add_func ("/lower/crowded", test_crowded);
  g_test_add_func ("/lower/nesting", test_nesting);
  return g_test_run ();
}
