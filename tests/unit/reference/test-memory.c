/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers, atomics and async copies: vir0-semantics.md sections 4, 9, 16, 19
 * and the vectors of 30.3. */
#include "support.h"

/* --- loads and stores ---------------------------------------------------- */

static void
test_bounds (void)
{
  const char *loads = "program workgroup(1);"
                      "buffer a: readonly u32[4] @0;"
                      "buffer out: readwrite u32[2] @1 output;"
                      "main { out[0] = a[4]; out[1] = a[0xffffffff]; }";
  const char *store = "program workgroup(1);"
                      "buffer a: readonly u32[1] @0;"
                      "buffer out: readwrite u32[4] @1;"
                      "main { out[a[0]] = 7; }";

  reference_expect (
      loads, "01000000 02000000 03000000 04000000", "00000000 00000000");
  reference_expect (store, "04000000|11111111 22222222 33333333 44444444",
      "11111111 22222222 33333333 44444444");
  reference_expect (store, "03000000|11111111 22222222 33333333 44444444",
      "11111111 22222222 33333333 07000000");
  reference_expect (store, "ffffffff|11111111 22222222 33333333 44444444",
      "11111111 22222222 33333333 44444444");
  reference_expect_error ("program workgroup(1);"
                          "buffer out: readwrite u32[4] @1 output;"
                          "main { out[4] = 7; }",
      NULL, VYRE_REFERENCE_ERROR_VALIDATION, "V036");
}

static void
test_narrow (void)
{
  reference_expect ("program workgroup(1);"
                    "buffer a: readonly u16[] @0;"
                    "buffer out: readwrite u32[2] @1 output;"
                    "main { out[0] = u32(a[1]); out[1] = len(a); }",
      "01020304", "03040000 02000000");
  reference_expect ("program workgroup(1);"
                    "buffer a: readonly i8[1] @0;"
                    "buffer out: readwrite i32[1] @1 output;"
                    "main { out[0] = i32(a[0]); }",
      "ff", "ff000000");
  reference_expect ("program workgroup(1);"
                    "buffer out: readwrite u8[3] @1;"
                    "main { out[1] = u8(511); }",
      "010203", "01ff03");
  reference_expect ("program workgroup(1);"
                    "buffer a: readonly u8[] @0;"
                    "buffer out: readwrite u32[1] @1 output;"
                    "main { out[0] = len(a); }",
      "0102030405", "05000000");
  /* Half bytes are counted, whole ones addressed. */
  reference_expect ("program workgroup(1);"
                    "buffer a: readonly i4[] @0;"
                    "buffer n: readwrite u32[1] @1 output;"
                    "buffer out: readwrite i4[6] @2;"
                    "main { n[0] = len(a); out[0] = a[1]; out[1] = a[3];"
                    " out[2] = a[2]; out[3] = a[0]; }",
      "a1b2c3|ffffff", "06000000|b200c3");
}

static void
test_types (void)
{
  /* The raw word of a Bool. */
  const char *copy = "program workgroup(1);"
                     "buffer a: readonly %s[1] @0;"
                     "buffer out: readwrite %s[1] @1 output;"
                     "main { out[0] = a[0]; }";
  static const struct
  {
    const char *type, *in, *out;
  } cases[] = {
    { "bool", "02000000", "02000000" }, { "f32", "0100a07f", "0000c07f" },
    { "f64", "0102030405060708", "0102030405060708" },
    { "i64", "ffffffffffffffff", "ffffffffffffffff" },
    { "f16", "017c", "017c" }, { "bf16", "0180", "0180" },
    { "vec2u32", "0102030405060708", "0102030405060708" },
    { "vec4u32", "000102030405060708090a0b0c0d0e0f",
        "000102030405060708090a0b0c0d0e0f" },
    { "handle(3)", "01020304", "01020304" }, { "fp4", "a5", "a5" },
    { "quantized(i8, per_tensor, absent)", "80", "80" },
    { "array(3)", "010203", "000000" }, /* zeros, and dropped */
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GString) text = g_string_new (copy);

    g_string_replace (text, "%s", cases[i].type, 0);
    if (g_str_has_prefix (cases[i].type, "array"))
      g_string_replace (text, " output", "", 0);
    if (g_str_has_prefix (cases[i].type, "array"))
      reference_expect (text->str, "010203|040506", "040506");
    else
      reference_expect (text->str, cases[i].in, cases[i].out);
  }
  /* F64 is computed in single precision (22.3, 5). */
  reference_expect ("program workgroup(1);"
                    "buffer a: readonly f64[1] @0;"
                    "buffer out: readwrite f64[1] @1 output;"
                    "main { out[0] = a[0] + a[0]; }",
      "182d4454fb210940", "00000060fb211940");
  /* Tags without a meaning. */
  reference_expect_error ("program workgroup(1);"
                          "buffer a: readonly bool[1] @0;"
                          "buffer out: readwrite bool[1] @1 output;"
                          "main { out[0] = a[0] && true; }",
      "01000000", VYRE_REFERENCE_ERROR_OPERANDS, "bool");
  reference_expect_error ("program workgroup(1);"
                          "buffer a: readonly u8[2] @0;"
                          "buffer out: readwrite bool[1] @1 output;"
                          "main { out[0] = a[0] == a[1]; }",
      "0101", VYRE_REFERENCE_ERROR_OPERANDS, "bytes");
  reference_expect_error ("program workgroup(1);"
                          "buffer a: readonly u8[2] @0;"
                          "buffer out: readwrite u32[1] @1 output;"
                          "main { out[0] = a[0] + 1; }",
      "0101", VYRE_REFERENCE_ERROR_OPERANDS, "");
  reference_expect ("program workgroup(1);"
                    "buffer a: readonly u8[2] @0;"
                    "buffer out: readwrite u32[1] @1 output;"
                    "main { out[0] = u32(a[0]) + u32(a[1]); }",
      "ff02", "01010000");
  reference_expect_error ("program workgroup(1);"
                          "buffer a: readonly u64[1] @0;"
                          "buffer out: readwrite u32[1] @1 output;"
                          "main { out[0] = u32(a[0]); }",
      "0000000001000000", VYRE_REFERENCE_ERROR_CAST, "4294967296");
}

/* --- atomics ------------------------------------------------------------- */

static void
test_atomics (void)
{
  const char *text = "program workgroup(1);"
                     "buffer a: readonly u32[1] @0;"
                     "buffer c: readwrite u32[2] @1;"
                     "buffer out: readwrite u32[1] @2 output;"
                     "main { if invocation_id.x == 0 {"
                     " let i = a[0]; out[0] = atomic_add(c[i], 5); } }";

  reference_expect (
      text, "01000000|01000000 fdffffff", "01000000 02000000|fdffffff");
  reference_expect (
      text, "02000000|01000000 02000000", "01000000 02000000|00000000");
  reference_expect (
      text, "ffffffff|01000000 02000000", "01000000 02000000|00000000");
  reference_expect ("program workgroup(1);"
                    "buffer c: readwrite u32[8] @0;"
                    "main { if invocation_id.x == 0 {"
                    " let a = atomic_or(c[0], 2);"
                    " let b = atomic_and(c[1], 2); let d = atomic_xor(c[2], 3);"
                    " let e = atomic_min(c[3], 2); let f = atomic_max(c[4], 2);"
                    " let g = atomic_exchange(c[5], 9);"
                    " let h = atomic_compare_exchange(c[6], 1, 8);"
                    " let k = atomic_lru_update(c[7], h); } }",
      "01000000 03000000 01000000 ffffffff ffffffff 07000000 01000000 00000000",
      "03000000 02000000 02000000 02000000 ffffffff 09000000 08000000"
      "01000000");
  reference_expect_error ("program workgroup(1);"
                          "buffer c: readwrite u32[1] @0;"
                          "main { let a = atomic_fetch_nand(c[0], 2); }",
      "00000000", VYRE_REFERENCE_ERROR_ATOMIC, "FetchNand");
  /* Not chosen, and executed all the same. */
  reference_expect ("program workgroup(1);"
                    "buffer c: readwrite u32[1] @0;"
                    "main { let a = select(true, 1, atomic_add(c[0], 2)); }",
      "01000000", "03000000");
}

/* --- async copies -------------------------------------------------------- */

static void
test_async (void)
{
  const char *load = "program workgroup(1);"
                     "buffer a: readonly u32[2] @0;"
                     "buffer out: readwrite u32[4] @1;"
                     "buffer n: readonly u64[2] @2;"
                     "main { async_load(a, out, n[0], n[1], \"t\");"
                     " async_wait(\"t\"); }";
  const char *store = "program workgroup(1);"
                      "buffer a: readonly u32[2] @0;"
                      "buffer out: readwrite u32[4] @1;"
                      "buffer n: readonly u64[2] @2;"
                      "main { async_store(a, out, n[0], n[1], \"t\");"
                      " async_wait(\"t\"); }";
  const char *ones = "ffffffff ffffffff ffffffff ffffffff";
  g_autofree char *few = g_strdup_printf (
      "0102030405060708|%s|0400000000000000 0800000000000000", ones);
  g_autofree char *end = g_strdup_printf (
      "0102030405060708|%s|0c00000000000000 0800000000000000", ones);
  g_autofree char *all = g_strdup_printf (
      "0102030405060708|%s|0600000000000000 ffffffffffffffff", ones);
  g_autofree char *far = g_strdup_printf (
      "0102030405060708|%s|ffffffffffffffff ffffffffffffffff", ones);

  reference_expect (load, few, "05060708 00000000 ffffffff ffffffff");
  reference_expect (load, all, "07080000 00000000 00000000 00000000");
  reference_expect (load, far, "00000000 00000000 00000000 00000000");
  reference_expect (store, end, "ffffffff ffffffff ffffffff 01020304");
  reference_expect (store, all, "ffffffff ffff0102 03040506 07080000");
  reference_expect (store, far, ones);

  /* Bytes are those of the start, and stay what they are. */
  reference_expect ("program workgroup(1);"
                    "buffer a: readwrite f32[1] @0;"
                    "buffer out: readwrite f32[1] @1 output;"
                    "main { async_load(a, out, 0, 4, \"t\"); a[0] = 1.0;"
                    " async_wait(\"t\"); }",
      "0100a07f", "0000803f|0100a07f");
  reference_expect ("program workgroup(1);"
                    "buffer a: readonly bytes[] @0;"
                    "buffer out: readwrite bytes[5] @1 output;"
                    "main { async_load(a, out, 1, 3, \"\\u{fc}\");"
                    " async_wait(\"\\u{fc}\"); }",
      "0102030405060708", "0203040000");
}

static void
test_async_errors (void)
{
  const char *head = "program workgroup(1); buffer a: readonly u32[2] @0;"
                     "buffer out: readwrite u32[2] @1 output; main { ";
  static const struct
  {
    const char *body;
    VyreReferenceError code;
    const char *part;
  } cases[] = {
    { "async_load(a, out, 0, 4, \"t\"); async_load(a, out, 0, 4, \"t\"); }",
        VYRE_REFERENCE_ERROR_ASYNC, "under way already" },
    { "async_wait(\"t\"); }", VYRE_REFERENCE_ERROR_ASYNC, "\"t\"" },
    { "async_load(a, out, 0, 4, \"t\"); return; }", VYRE_REFERENCE_ERROR_ASYNC,
        "ended with" },
    { "async_load(a, nowhere, 0, 4, \"t\"); }", VYRE_REFERENCE_ERROR_BUFFER,
        "nowhere" },
    { "async_load(a, out, -1i32, 4, \"t\"); }", VYRE_REFERENCE_ERROR_INDEX,
        "offset" },
    { "async_load(a, out, 0, nope, \"t\"); }", VYRE_REFERENCE_ERROR_VARIABLE,
        "nope" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = g_strconcat (head, cases[i].body, NULL);

    reference_expect_error (
        text, "0000000000000000", cases[i].code, cases[i].part);
  }
}

/* --- inputs and outputs -------------------------------------------------- */

static void
test_inputs (void)
{
  const char *text = "program workgroup(1);"
                     "buffer a: readonly u32[1] @0;"
                     "buffer out: readwrite u32[1] @1 output;"
                     "buffer b: readwrite u32[] @2;"
                     "main { out[0] = a[0] + b[0]; b[0] = len(b); }";

  reference_expect (text, "01000000|02000000 ff", "03000000|01000000 ff");
  /* One for every buffer; that of the output is ignored. */
  reference_expect (text, "01000000|77|02000000", "03000000|01000000");
  reference_expect_error (text, "01000000", VYRE_REFERENCE_ERROR_INPUT, "`b`");
  reference_expect_error (
      text, "010000|02000000", VYRE_REFERENCE_ERROR_INPUT, "3 bytes");
  reference_expect_error (text, "01000000|00000000|00000000|00000000",
      VYRE_REFERENCE_ERROR_INPUT, "4 buffers");
  /* More than declared is there. */
  reference_expect ("program workgroup(1);"
                    "buffer b: readwrite u32[4] @2;"
                    "main { b[0] = len(b); }",
      "00000000 01000000 02000000 03000000 04000000",
      "05000000 01000000 02000000 03000000 04000000");
  /* Only part is returned. */
  reference_expect ("program workgroup(1);"
                    "buffer b: readwrite u32[4] @2 range(4..10);"
                    "main { }",
      "00000000 01000000 02000000 03000000", "01000000 0200");
  reference_expect ("program workgroup(1);"
                    "buffer a: writeonly u32[1] @0;"
                    "buffer b: readwrite u32[1] @1 live_out;"
                    "main { b[0] = a[0] + 1; a[0] = 5; b[0] = b[0] + a[0]; }",
      NULL, "05000000|06000000");
  reference_expect_error ("program workgroup(1);"
                          "buffer a: readonly tensor[] @0;"
                          "main { }",
      "00", VYRE_REFERENCE_ERROR_INPUT, "tensor");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/memory/bounds", test_bounds);
  g_test_add_func ("/reference/memory/narrow", test_narrow);
  g_test_add_func ("/reference/memory/types", test_types);
  g_test_add_func ("/reference/memory/atomics", test_atomics);
  g_test_add_func ("/reference/memory/async", test_async);
  g_test_add_func ("/reference/memory/async-errors", test_async_errors);
  g_test_add_func ("/reference/memory/inputs", test_inputs);
  return g_test_run ();
}
