/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Operators, casts and the bits of floats: the vectors of vir0-semantics.md
 * sections 30.1 and 30.2, and the tags of sections 8 and 12 to 15. */
#include "support.h"

typedef struct
{
  const char *type, *expression;
  const char *hex; /* NULL: a fault */
  VyreReferenceError fault;
} Vector;

/* z, zi and zf are zeros that the validator does not see; w is 2^32. */
static void
check (const Vector *vectors, guint n)
{
  for (guint i = 0; i < n; i++) {
    const Vector *v = &vectors[i];
    g_autofree char *text = g_strdup_printf ("program workgroup(1);\n"
                                             "buffer a: readonly u32[1] @0;\n"
                                             "buffer b: readonly u64[1] @1;\n"
                                             "buffer out: readwrite %s[1] @2 "
                                             "output;\n"
                                             "main {\n"
                                             "  let z = a[0];\n"
                                             "  let zi = i32(z);\n"
                                             "  let zf = f32(z);\n"
                                             "  let w = b[0];\n"
                                             "  out[0] = %s;\n"
                                             "}\n",
        v->type, v->expression);
    const char *inputs = "00000000|0000000001000000";

    if (v->hex)
      reference_expect (text, inputs, v->hex);
    else
      reference_expect_error (text, inputs, v->fault, "");
  }
}

static void
test_integers (void)
{
  const Vector vectors[] = {
    { "u32", "0xffffffff + 1", "00000000" },
    { "u32", "0 - 1", "ffffffff" },
    { "u32", "0x10000 * 0x10000", "00000000" },
    { "u32", "7 / z", "ffffffff" },
    { "u32", "7 % z", "00000000" },
    { "u32", "1 << 32", "01000000" },
    { "u32", "1 << 33", "02000000" },
    { "u32", "0x80000000 >> 63", "01000000" },
    { "u32", "rotate_left(0x80000001, 1)", "03000000" },
    { "u32", "rotate_right(1, 33)", "00000080" },
    { "u32", "rotate_left(5, 32)", "05000000" },
    { "u32", "mul_high(0xffffffff, 0xffffffff)", "feffffff" },
    { "u32", "sat_add(0xffffffff, 1)", "ffffffff" },
    { "u32", "sat_sub(0, 1)", "00000000" },
    { "u32", "sat_mul(0x10000, 0x10000)", "ffffffff" },
    { "u32", "abs_diff(3, 10)", "07000000" },
    { "u32", "wrapping_sub(0, 1)", "ffffffff" },
    { "bool", "2 && 1", "01000000" },
    { "bool", "z || 0", "00000000" },
    { "bool", "4 || 0", "01000000" },
    { "u32", "-(1)", "ffffffff" },
    { "u32", "~0", "ffffffff" },
    { "u32", "clz(0)", "20000000" },
    { "u32", "ctz(0)", "20000000" },
    { "u32", "clz(1)", "1f000000" },
    { "u32", "ctz(0x80000000)", "1f000000" },
    { "u32", "popcount(0xffffffff)", "20000000" },
    { "u32", "reverse_bits(1)", "00000080" },
    { "bool", "!z", "01000000" },
    { "i32", "-7i32 / 2i32", "fdffffff" },
    /* Static U32, tag i32. */
    { "u32", "-7i32 % 2i32", "ffffffff" },
    { "u32", "7i32 % -2i32", "01000000" },
    { "i32", "2147483647i32 + 1i32", "00000080" },
    { "i32", "-2147483648i32 - 1i32", "ffffff7f" },
    { "i32", "-2147483648i32 * -1i32", "00000080" },
    { "i32", "min(-1i32, 1i32)", "ffffffff" },
    { "i32", "5i32 / zi", NULL, VYRE_REFERENCE_ERROR_DIVISION },
    { "u32", "5i32 % zi", NULL, VYRE_REFERENCE_ERROR_DIVISION },
    { "i32", "-2147483648i32 / (zi - 1i32)", NULL,
        VYRE_REFERENCE_ERROR_DIVISION },
    { "u32", "-2147483648i32 % (zi - 1i32)", NULL,
        VYRE_REFERENCE_ERROR_DIVISION },
    { "i32", "clz(-1i32)", "00000000" },
    { "i32", "popcount(-1i32)", "20000000" },
    { "bool", "-1i32 < 0i32", "01000000" },
    { "bool", "u32(-1i32) > 0", "01000000" },
    { "u64", "~w", "fffffffffeffffff" },
    { "u64", "clz(w)", "1f00000000000000" },
    { "u64", "reverse_bits(w)", "0000008000000000" },
    { "bool", "w > u64(5)", "01000000" },
    { "bool", "select(w, true, false)", "01000000" },
  };

  check (vectors, G_N_ELEMENTS (vectors));
}

static void
test_floats (void)
{
  const Vector vectors[] = {
    { "f32", "1.0 / zf", "0000807f" },
    { "f32", "-1.0 / zf", "000080ff" },
    { "f32", "zf / zf", "0000c07f" },
    { "f32", "inf - inf", "0000c07f" },
    { "f32", "0.0 * inf", "0000c07f" },
    { "f32", "sqrt(-1.0)", "0000c07f" },
    { "f32", "log(-1.0)", "0000c07f" },
    { "f32", "log(zf)", "000080ff" },
    { "f32", "f32_bits(0x00000001)", "00000000" },
    { "f32", "f32_bits(0x80000001)", "00000080" },
    { "f32", "f32_bits(0x7f800001)", "0000c07f" },
    { "f32", "f32_bits(0xffc12345)", "0000c07f" },
    { "f32", "f32_bits(0x00800000) * 0.5", "00000000" },
    { "f32", "round(0.5)", "0000803f" },
    { "f32", "round(1.5)", "00000040" },
    { "f32", "round(2.5)", "00004040" },
    { "f32", "round(-0.5)", "000080bf" },
    { "f32", "round(-2.5)", "000040c0" },
    { "f32", "round(-0.3)", "00000080" },
    { "f32", "round(f32_bits(0x3effffff))", "00000000" },
    { "f32", "ceil(-0.5)", "00000080" },
    { "f32", "trunc(-0.5)", "00000080" },
    { "f32", "floor(f32_bits(0x80000000))", "00000080" },
    { "f32", "sign(f32_bits(0x80000000))", "00000000" },
    { "f32", "sign(-3.0)", "000080bf" },
    { "f32", "sign(nan)", "0000c07f" },
    { "f32", "min(nan, 1.0)", "0000803f" },
    { "f32", "max(1.0, nan)", "0000803f" },
    { "f32", "min(nan, nan)", "0000c07f" },
    /* Equal operands: the left one. */
    { "f32", "min(f32_bits(0x80000000), 0.0)", "00000080" },
    { "f32", "max(f32_bits(0x80000000), 0.0)", "00000080" },
    { "f32", "reciprocal(f32_bits(0x00000001))", "0000807f" },
    { "f32", "inverse_sqrt(4.0)", "0000003f" },
    { "f32", "-(0.0)", "00000080" },
    { "f32", "abs(-2.0)", "00000040" },
    { "bool", "nan == nan", "00000000" },
    { "bool", "nan != nan", "01000000" },
    { "bool", "nan <= nan", "00000000" },
    { "bool", "f32_bits(0x80000000) == 0.0", "01000000" },
    { "bool", "is_nan(zf / zf)", "01000000" },
    { "bool", "is_inf(1.0 / zf)", "01000000" },
    { "bool", "is_finite(1.0 / zf)", "00000000" },
    /* One rounding: 2^-24 survives the cancellation. */
    { "f32",
        "fma(f32_bits(0x3f800800), f32_bits(0x3f800800), "
        "f32_bits(0xbf801000))",
        "00008033" },
    { "f32",
        "f32_bits(0x3f800800) * f32_bits(0x3f800800) + "
        "f32_bits(0xbf801000)",
        "00000000" },
    { "f32", "select(nan, 1.0, 2.0)", "0000803f" },
    { "f32", "select(f32_bits(0x80000000), 1.0, 2.0)", "00000040" },
    { "f32", "sin(0.0)", "00000000" },
    { "f32", "cos(zf)", "0000803f" },
    { "f32", "exp(1000.0)", "0000807f" },
    { "f32", "exp(-100.0)", "00000000" }, /* subnormal */
    { "f32", "exp2(10.0)", "00008044" },
    { "f32", "log2(8.0)", "00004040" },
  };

  check (vectors, G_N_ELEMENTS (vectors));
}

static void
test_casts (void)
{
  const Vector vectors[] = {
    { "u32", "u32(nan)", "00000000" },
    { "u32", "u32(-1.5)", "00000000" },
    { "u32", "u32(3.99)", "03000000" },
    { "u32", "u32(4294967296.0)", "ffffffff" },
    { "u32", "u32(inf)", "ffffffff" },
    { "i32", "i32(nan)", "00000000" },
    { "i32", "i32(3e9)", "ffffff7f" },
    { "i32", "i32(-3e9)", "00000080" },
    { "i32", "i32(-1.9)", "ffffffff" },
    { "f32", "f32(0xffffffff)", "0000804f" },
    { "f32", "f32(16777217)", "0000804b" },
    { "f32", "f32(-2147483648i32)", "000000cf" },
    { "f32", "f32(true)", "0000803f" },
    { "bool", "bool(nan)", "01000000" },
    { "bool", "bool(f32_bits(0x80000000))", "00000000" },
    { "bool", "bool(256)", "01000000" },
    { "u32", "u32(true)", "01000000" },
    { "u32", "u32(-1i32)", "ffffffff" },
    { "u64", "u64(7)", "0700000000000000" },
    { "u64", "u64(zi - 1i32)", NULL, VYRE_REFERENCE_ERROR_CAST },
    { "u32", "u32(w)", NULL, VYRE_REFERENCE_ERROR_CAST },
    { "i32", "i32(w)", NULL, VYRE_REFERENCE_ERROR_CAST },
    { "u32", "u32(w >> 1)", NULL, VYRE_REFERENCE_ERROR_VALIDATION },
    /* A cast to a narrow type narrows nothing. */
    { "u32", "u32(u8(511))", "ff010000" },
    { "u8", "u8(511)", "ff" },
    { "u16", "u16(0x12345)", "4523" },
    { "i64", "i64(-1i32)", "ffffffff00000000" },
    { "u64", "u64(vec2u32(7))", "0700000000000000" },
    { "u32", "u32(vec2u32(7))", NULL, VYRE_REFERENCE_ERROR_CAST },
    { "u64", "u64(vec4u32(7))", NULL, VYRE_REFERENCE_ERROR_CAST },
    { "bool", "bool(vec2u32(z))", "01000000" },
    { "bool", "bool(i64(z))", "00000000" },
    { "vec4u32", "vec4u32(0x01020304)", "04030201000000000000000000000000" },
  };

  check (vectors, G_N_ELEMENTS (vectors));
}

/* What validates and has no meaning (section 22.3). */
static void
test_tags (void)
{
  const Vector vectors[] = {
    { "u32", "(zi & 1i32) + 1", NULL, VYRE_REFERENCE_ERROR_OPERANDS },
    { "u32", "wrapping_add(1.0, 2.0)", NULL, VYRE_REFERENCE_ERROR_OPERANDS },
    { "u32", "wrapping_add(true, false)", NULL, VYRE_REFERENCE_ERROR_OPERANDS },
    { "u32", "mul_high(1i32, 1i32)", NULL, VYRE_REFERENCE_ERROR_OPERANDS },
    { "u32", "abs_diff(1.0, 2.0)", NULL, VYRE_REFERENCE_ERROR_OPERANDS },
    /* Reachable through tags other than the static ones. */
    { "u32", "rotate_left(zi & 1i32, zi & 1i32)", NULL,
        VYRE_REFERENCE_ERROR_OPERANDS },
    { "u32", "wrapping_sub(zi, 8i32) >> (zi | 1i32)", "fcffffff" },
    { "u32", "wrapping_add(w, w)", "00000000" },
    { "u32", "mul_high(w, w)", "01000000" },
    { "u32", "a[zi]", "00000000" },
    { "u32", "a[zi - 1i32]", NULL, VYRE_REFERENCE_ERROR_INDEX },
    { "u32", "a[0.9]", "00000000" },
    { "u32", "a[nan]", NULL, VYRE_REFERENCE_ERROR_INDEX },
    { "u32", "a[w]", NULL, VYRE_REFERENCE_ERROR_INDEX },
    { "u32", "a[true]", "00000000" },
    { "u32", "a[vec2u32(1)]", NULL, VYRE_REFERENCE_ERROR_INDEX },
    { "u32", "call(\"no.such.op\", z)", NULL,
        VYRE_REFERENCE_ERROR_UNSUPPORTED },
    { "u64", "7u64", NULL, VYRE_REFERENCE_ERROR_UNSUPPORTED },
    { "u32", "subgroup_size()", NULL, VYRE_REFERENCE_ERROR_SUBGROUP },
    { "u32", "unpack4_low(a[0])", NULL, VYRE_REFERENCE_ERROR_VALIDATION },
  };

  check (vectors, G_N_ELEMENTS (vectors));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/values/integers", test_integers);
  g_test_add_func ("/reference/values/floats", test_floats);
  g_test_add_func ("/reference/values/casts", test_casts);
  g_test_add_func ("/reference/values/tags", test_tags);
  return g_test_run ();
}
