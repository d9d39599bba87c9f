/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every function of the builder: the program is byte for byte the same as the
 * one from text. */
#include <string.h>

#include "vir0/builder.h"
#include "vir0/text.h"

typedef struct
{
  const char *name;
  void (*build) (VyreBuilder *b);
  const char *text;
} Case;

#define U32(n) vyre_builder_u32 (b, n)
#define F32(x) vyre_builder_f32 (b, x)
#define RW(name, type, count) \
  vyre_builder_buffer (b, name, VYRE_ACCESS_READ_WRITE, type, count)

static void
build_buffers (VyreBuilder *b)
{
  const VyreType array = { .kind = VYRE_TYPE_ARRAY, .size = 12 };
  const VyreType handle = { .kind = VYRE_TYPE_HANDLE, .a = 7 };
  const VyreType i4 = { .kind = VYRE_TYPE_I4 };
  const VyreType quantized = { .kind = VYRE_TYPE_QUANTIZED,
    .element = &i4,
    .scale_tag = 2,
    .scale_param = 16,
    .zero_tag = 1 };
  const VyreHints hints = { TRUE, 2, 64, VYRE_LOCALITY_STREAMING };
  VyreBufferRef out, kept, ranged, odd;

  vyre_builder_set_operation (b, "an.operation");
  vyre_builder_set_non_composable (b);
  vyre_builder_buffer (b, "in", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U8, 0);
  vyre_builder_buffer (b, "small", VYRE_ACCESS_UNIFORM, VYRE_TYPE_F32, 4);
  vyre_builder_buffer (b, "group", VYRE_ACCESS_WORKGROUP, VYRE_TYPE_I32, 64);
  out =
      vyre_builder_buffer (b, "入力", VYRE_ACCESS_WRITE_ONLY, VYRE_TYPE_U32, 8);
  vyre_builder_set_output (b, out);
  kept = RW ("kept", VYRE_TYPE_U64, 2);
  vyre_builder_set_live_out (b, kept);
  vyre_builder_set_kind (b, kept, VYRE_KIND_PERSISTENT);
  ranged = RW ("ranged", VYRE_TYPE_U16, 9);
  vyre_builder_set_output_range (b, ranged, 2, 18);
  vyre_builder_set_hints (b, ranged, &hints);
  odd = vyre_builder_buffer_of (b, "array", VYRE_ACCESS_READ_ONLY, &array, 5);
  vyre_builder_set_binding (b, odd, 40);
  vyre_builder_buffer_of (b, "handle", VYRE_ACCESS_READ_ONLY, &handle, 1);
  vyre_builder_buffer_of (
      b, "quantized", VYRE_ACCESS_READ_ONLY, &quantized, 32);
  vyre_builder_begin_region (b, "a.generator", "a.source");
  vyre_builder_end_region (b);
  vyre_builder_begin_region (b, "another", NULL);
  vyre_builder_end_region (b);
}

static const char text_buffers[] =
    "program \"an.operation\" workgroup(64) non_composable;\n"
    "buffer in: readonly u8[] @0;\n"
    "buffer small: uniform f32[4] @1;\n"
    "buffer group: workgroup i32[64];\n"
    "buffer `入力`: writeonly u32[8] @2 output;\n"
    "buffer kept: readwrite u64[2] @3 live_out kind(persistent);\n"
    "buffer ranged: readwrite u16[9] @4 range(2..18) coalesce(2) align(64)\n"
    "  locality(streaming);\n"
    "buffer array: readonly array(12)[5] @40;\n"
    "buffer handle: readonly handle(7)[1] @41;\n"
    "buffer quantized: readonly quantized(i4, per_group(16), per_tensor)[32] "
    "@42;\n"
    "region \"a.generator\" from \"a.source\" {}\n"
    "region \"another\" {}\n";

static void
build_values (VyreBuilder *b)
{
  VyreBufferRef out = RW ("out", VYRE_TYPE_U32, 0);
  VyreBufferRef bytes =
      vyre_builder_buffer (b, "bytes", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U8, 0);
  const VyreType vec = { .kind = VYRE_TYPE_VEC2U32 };
  VyreValue one = U32 (1), truth = vyre_builder_bool (b, TRUE), x;
  VyreVar i, f;

  g_assert_cmpint (one.type, ==, VYRE_TYPE_U32);
  g_assert_cmpint (truth.type, ==, VYRE_TYPE_BOOL);
  i = vyre_builder_let (b, "i",
      vyre_builder_add (b, vyre_builder_invocation_id (b, 0),
          vyre_builder_mul (b, vyre_builder_workgroup_id (b, 1),
              vyre_builder_local_id (b, 2))));
  vyre_builder_let (b, "minus", vyre_builder_i32 (b, -5));
  f = vyre_builder_let (b, "f", F32 (0.5f));
  g_assert_cmpint (f.value.type, ==, VYRE_TYPE_F32);
  vyre_builder_let (b, "inf", vyre_builder_f32_bits (b, 0x7f800000u));
  vyre_builder_let (b, "no", vyre_builder_bool (b, FALSE));
  vyre_builder_let (b, "n", vyre_builder_buf_len (b, bytes));
  vyre_builder_let (b, "byte",
      vyre_builder_cast (
          b, VYRE_TYPE_U32, vyre_builder_load (b, bytes, i.value)));
  vyre_builder_let (b, "vec", vyre_builder_cast_to (b, &vec, one));
  vyre_builder_let (b, "pick",
      vyre_builder_select (b,
          vyre_builder_and (b, truth, vyre_builder_lt (b, i.value, one)), one,
          U32 (2)));
  vyre_builder_let (
      b, "fused", vyre_builder_fma (b, f.value, F32 (2), f.value));
  vyre_builder_let (b, "root", vyre_builder_unary (b, VYRE_UN_SQRT, f.value));
  /* A value used again and again is written again and again. */
  x = vyre_builder_add (b, i.value, one);
  x = vyre_builder_bit_xor (b, vyre_builder_shl (b, x, one), x);
  vyre_builder_let (b, "twice", vyre_builder_sub (b, x, x));
  vyre_builder_let (b, NULL,
      vyre_builder_or (b, vyre_builder_eq (b, one, i.value),
          vyre_builder_ne (b, one, i.value)));
  vyre_builder_let (b, NULL,
      vyre_builder_or (b, vyre_builder_le (b, one, i.value),
          vyre_builder_or (b, vyre_builder_ge (b, one, i.value),
              vyre_builder_gt (b, one, i.value))));
  vyre_builder_let (b, NULL,
      vyre_builder_min (b, vyre_builder_max (b, one, i.value),
          vyre_builder_div (
              b, one, vyre_builder_mod (b, i.value, vyre_builder_u32 (b, 3)))));
  vyre_builder_let (b, NULL,
      vyre_builder_bit_or (b, vyre_builder_bit_and (b, one, i.value),
          vyre_builder_shr (b, one, i.value)));
  vyre_builder_let (
      b, NULL, vyre_builder_binary (b, VYRE_BIN_MUL_HIGH, one, i.value));
  vyre_builder_store (b, out, i.value, x);
}

static const char text_values[] =
    "program workgroup(64);\n"
    "buffer out: readwrite u32[] @0;\n"
    "buffer bytes: readonly u8[] @1;\n"
    "main {\n"
    "  let i = invocation_id.x + workgroup_id.y * local_id.z;\n"
    "  let minus = -5i32;\n"
    "  let f = 0.5;\n"
    "  let `inf` = inf;\n"
    "  let no = false;\n"
    "  let n = len(bytes);\n"
    "  let byte = u32(bytes[i]);\n"
    "  let vec = vec2u32(1);\n"
    "  let pick = select(true && i < 1, 1, 2);\n"
    "  let fused = fma(f, 2.0, f);\n"
    "  let root = sqrt(f);\n"
    "  let twice = (i + 1 << 1 ^ i + 1) - (i + 1 << 1 ^ i + 1);\n"
    "  let _1 = 1 == i || 1 != i;\n"
    "  let _2 = 1 <= i || (1 >= i || 1 > i);\n"
    "  let _3 = min(max(1, i), 1 / (i % 3));\n"
    "  let _4 = 1 & i | 1 >> i;\n"
    "  let _5 = mul_high(1, i);\n"
    "  out[i] = i + 1 << 1 ^ i + 1;\n"
    "}\n";

static void
build_atomics (VyreBuilder *b)
{
  static const VyreAtomicOp ops[] = { VYRE_ATOMIC_ADD, VYRE_ATOMIC_OR,
    VYRE_ATOMIC_AND, VYRE_ATOMIC_XOR, VYRE_ATOMIC_MIN, VYRE_ATOMIC_MAX,
    VYRE_ATOMIC_EXCHANGE, VYRE_ATOMIC_LRU_UPDATE };
  VyreBufferRef cells = RW ("cells", VYRE_TYPE_U32, 16);

  for (guint i = 0; i < G_N_ELEMENTS (ops); i++)
    vyre_builder_let (
        b, NULL, vyre_builder_atomic (b, ops[i], cells, U32 (i), U32 (9)));
  vyre_builder_let (b, "old",
      vyre_builder_compare_exchange (b, cells, U32 (1), U32 (2), U32 (3)));
  vyre_builder_let (b, NULL,
      vyre_builder_atomic_full (b, VYRE_ATOMIC_ADD, cells, U32 (0), NULL,
          U32 (1), VYRE_ORDER_RELAXED));
}

static const char text_atomics[] =
    "program workgroup(64);\n"
    "buffer cells: readwrite u32[16] @0;\n"
    "main {\n"
    "  let _1 = atomic_add(cells[0], 9);\n"
    "  let _2 = atomic_or(cells[1], 9);\n"
    "  let _3 = atomic_and(cells[2], 9);\n"
    "  let _4 = atomic_xor(cells[3], 9);\n"
    "  let _5 = atomic_min(cells[4], 9);\n"
    "  let _6 = atomic_max(cells[5], 9);\n"
    "  let _7 = atomic_exchange(cells[6], 9);\n"
    "  let _8 = atomic_lru_update(cells[7], 9);\n"
    "  let old = atomic_compare_exchange(cells[1], 2, 3);\n"
    "  let _9 = atomic_add.relaxed(cells[0], 1);\n"
    "}\n";

static void
build_subgroups (VyreBuilder *b)
{
  VyreVar x = vyre_builder_let (b, "x", vyre_builder_local_id (b, 0));

  vyre_builder_let (b, "sum", vyre_builder_subgroup_add (b, x.value));
  vyre_builder_let (
      b, "first", vyre_builder_subgroup_shuffle (b, x.value, U32 (0)));
  vyre_builder_let (b, "odd",
      vyre_builder_subgroup_ballot (
          b, vyre_builder_bit_and (b, x.value, U32 (1))));
}

static const char text_subgroups[] = "program workgroup(64);\n"
                                     "main {\n"
                                     "  let x = local_id.x;\n"
                                     "  let sum = subgroup_add(x);\n"
                                     "  let first = subgroup_shuffle(x, 0);\n"
                                     "  let odd = subgroup_ballot(x & 1);\n"
                                     "}\n";

static void
build_control (VyreBuilder *b)
{
  VyreBufferRef in =
      vyre_builder_buffer (b, "in", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U32, 0);
  VyreBufferRef out = RW ("out", VYRE_TYPE_U32, 0);
  VyreVar i = vyre_builder_let (b, "i", vyre_builder_invocation_id (b, 0));
  VyreVar sum, k;

  vyre_builder_begin_if (
      b, vyre_builder_ge (b, i.value, vyre_builder_buf_len (b, out)));
  vyre_builder_return (b);
  vyre_builder_end_if (b);
  sum = vyre_builder_let (b, "sum", U32 (0));
  k = vyre_builder_begin_loop (b, "k", U32 (0), i.value);
  vyre_builder_begin_if (b, vyre_builder_bit_and (b, k.value, U32 (1)));
  vyre_builder_assign (b, sum,
      vyre_builder_add (b, sum.value, vyre_builder_load (b, in, k.value)));
  vyre_builder_else (b);
  vyre_builder_begin_block (b);
  vyre_builder_let (b, "t", sum.value);
  vyre_builder_end_block (b);
  vyre_builder_let (b, "t", k.value);
  vyre_builder_end_if (b);
  vyre_builder_end_loop (b);
  vyre_builder_begin_region (b, "inner", NULL);
  vyre_builder_store (b, out, i.value, sum.value);
  vyre_builder_end_region (b);
  k = vyre_builder_begin_loop (b, NULL, U32 (1), U32 (2));
  vyre_builder_trap (b, k.value, "a tag");
  vyre_builder_end_loop (b);
  vyre_builder_begin_forever (b);
  vyre_builder_return (b);
  vyre_builder_end_loop (b);
}

static const char text_control[] = "program workgroup(64);\n"
                                   "buffer in: readonly u32[] @0;\n"
                                   "buffer out: readwrite u32[] @1;\n"
                                   "main {\n"
                                   "  let i = invocation_id.x;\n"
                                   "  if i >= len(out) { return; }\n"
                                   "  let sum = 0;\n"
                                   "  for k in 0..i {\n"
                                   "    if k & 1 { sum = sum + in[k]; }\n"
                                   "    else { { let t = sum; } let t = k; }\n"
                                   "  }\n"
                                   "  region \"inner\" { out[i] = sum; }\n"
                                   "  for _1 in 1..2 { trap(_1, \"a tag\"); }\n"
                                   "  loop { return; }\n"
                                   "}\n";

static void
build_memory (VyreBuilder *b)
{
  VyreBufferRef in =
      vyre_builder_buffer (b, "in", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U32, 0);
  VyreBufferRef out = RW ("out", VYRE_TYPE_U32, 0);
  VyreBufferRef tile =
      vyre_builder_buffer (b, "tile", VYRE_ACCESS_WORKGROUP, VYRE_TYPE_U32, 64);
  VyreVar l = vyre_builder_let (b, "l", vyre_builder_local_id (b, 0));

  vyre_builder_store (b, tile, l.value, vyre_builder_load (b, in, l.value));
  vyre_builder_barrier (b, VYRE_ORDER_SEQ_CST);
  vyre_builder_store (b, out, l.value,
      vyre_builder_load (b, tile, vyre_builder_sub (b, U32 (63), l.value)));
  vyre_builder_barrier (b, VYRE_ORDER_ACQ_REL);
  vyre_builder_async_load (
      b, in, out, U32 (4), vyre_builder_cast (b, VYRE_TYPE_U64, U32 (8)), "t");
  vyre_builder_async_wait (b, "t");
  vyre_builder_async_store (b, in, out, U32 (4), U32 (8), "u");
  vyre_builder_async_wait (b, "u");
}

static const char text_memory[] = "program workgroup(64);\n"
                                  "buffer in: readonly u32[] @0;\n"
                                  "buffer out: readwrite u32[] @1;\n"
                                  "buffer tile: workgroup u32[64];\n"
                                  "main {\n"
                                  "  let l = local_id.x;\n"
                                  "  tile[l] = in[l];\n"
                                  "  barrier;\n"
                                  "  out[l] = tile[63 - l];\n"
                                  "  barrier.acq_rel;\n"
                                  "  async_load(in, out, 4, u64(8), \"t\");\n"
                                  "  async_wait(\"t\");\n"
                                  "  async_store(in, out, 4, 8, \"u\");\n"
                                  "  async_wait(\"u\");\n"
                                  "}\n";

static void
build_collectives (VyreBuilder *b)
{
  VyreBufferRef in =
      vyre_builder_buffer (b, "in", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U32, 8);
  VyreBufferRef out = RW ("out", VYRE_TYPE_U32, 8);

  vyre_builder_all_reduce (b, out, VYRE_COLLECTIVE_MAX);
  vyre_builder_all_gather (b, in, out);
  vyre_builder_reduce_scatter (b, in, out, VYRE_COLLECTIVE_BIT_XOR);
  vyre_builder_broadcast (b, out);
}

static const char text_collectives[] =
    "program workgroup(64);\n"
    "buffer in: readonly u32[8] @0;\n"
    "buffer out: readwrite u32[8] @1;\n"
    "main {\n"
    "  all_reduce(out, max, 0);\n"
    "  all_gather(in, out, 0);\n"
    "  reduce_scatter(in, out, bit_xor, 0);\n"
    "  broadcast(out, 0, 0);\n"
    "}\n";

/* As deep as a program can be: 61 Blocks in the root Region, and a Let whose
 * value is of height 1. */
static void
build_deep (VyreBuilder *b)
{
  for (guint i = 0; i < 61; i++)
    vyre_builder_begin_block (b);
  vyre_builder_let (b, "x", U32 (1));
  for (guint i = 0; i < 61; i++)
    vyre_builder_end_block (b);
}

static const char text_deep[] = "program workgroup(64); main {"
                                "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{"
                                "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{let x = 1;"
                                "}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}"
                                "}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}";

static const Case cases[] = {
  { "buffers", build_buffers, text_buffers },
  { "values", build_values, text_values },
  { "atomics", build_atomics, text_atomics },
  { "subgroups", build_subgroups, text_subgroups },
  { "control", build_control, text_control },
  { "memory", build_memory, text_memory },
  { "collectives", build_collectives, text_collectives },
  { "deep", build_deep, text_deep },
};

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreBuilder) b = vyre_builder_new (64, 1, 1);
  g_autoptr (VyreProgram) built = NULL, parsed = NULL;
  g_autoptr (GBytes) found = NULL, expected = NULL;
  g_autofree char *printed = NULL, *wanted = NULL;

  c->build (b);
  built = vyre_builder_finish (b, &error);
  g_assert_no_error (error);
  parsed = vyre_program_parse (c->text, strlen (c->text), &error);
  g_assert_no_error (error);
  printed = vyre_program_print (built);
  wanted = vyre_program_print (parsed);
  g_assert_cmpstr (printed, ==, wanted);

  found = vyre_program_encode (built, &error);
  g_assert_no_error (error);
  expected = vyre_program_encode (parsed, &error);
  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (found, expected));
}

/* Each with operands of a type that it has, and what text calls it. */
static void
test_operators (void)
{
  static const struct
  {
    guint op;
    VyreTypeKind type;
    const char *text;
  } operators[] = {
#define UN(op, type, text) { VYRE_UN_##op, VYRE_TYPE_##type, text "(x)" }
    { VYRE_UN_NEGATE, VYRE_TYPE_U32, "-x" },
    { VYRE_UN_BIT_NOT, VYRE_TYPE_U32, "~x" },
    { VYRE_UN_LOGICAL_NOT, VYRE_TYPE_U32, "!x" },
    UN (POPCOUNT, U32, "popcount"),
    UN (CLZ, U32, "clz"),
    UN (CTZ, I32, "ctz"),
    UN (REVERSE_BITS, U32, "reverse_bits"),
    UN (COS, F32, "cos"),
    UN (SIN, F32, "sin"),
    UN (ABS, F32, "abs"),
    UN (SQRT, F32, "sqrt"),
    UN (FLOOR, F32, "floor"),
    UN (CEIL, F32, "ceil"),
    UN (ROUND, F32, "round"),
    UN (TRUNC, F32, "trunc"),
    UN (SIGN, F32, "sign"),
    UN (IS_NAN, F32, "is_nan"),
    UN (IS_INF, F32, "is_inf"),
    UN (IS_FINITE, F32, "is_finite"),
    UN (EXP, F32, "exp"),
    UN (LOG, F32, "log"),
    UN (LOG2, F32, "log2"),
    UN (EXP2, F32, "exp2"),
    UN (TAN, F32, "tan"),
    UN (ACOS, F32, "acos"),
    UN (ASIN, F32, "asin"),
    UN (ATAN, F32, "atan"),
    UN (TANH, F32, "tanh"),
    UN (SINH, F32, "sinh"),
    UN (COSH, F32, "cosh"),
    UN (INVERSE_SQRT, F32, "inverse_sqrt"),
    UN (RECIPROCAL, F32, "reciprocal"),
#undef UN
#define BIN(op, text) { 0x100 | VYRE_BIN_##op, VYRE_TYPE_U32, text "(x, x)" }
    BIN (ABS_DIFF, "abs_diff"),
    BIN (SATURATING_ADD, "sat_add"),
    BIN (SATURATING_SUB, "sat_sub"),
    BIN (SATURATING_MUL, "sat_mul"),
    BIN (ROTATE_LEFT, "rotate_left"),
    BIN (ROTATE_RIGHT, "rotate_right"),
    BIN (WRAPPING_ADD, "wrapping_add"),
    BIN (WRAPPING_SUB, "wrapping_sub"),
    BIN (MUL_HIGH, "mul_high"),
#undef BIN
  };

  for (guint i = 0; i < G_N_ELEMENTS (operators); i++) {
    g_autoptr (VyreBuilder) b = vyre_builder_new (1, 1, 1);
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreProgram) built = NULL;
    g_autofree char *printed = NULL, *line = NULL;
    VyreVar x = vyre_builder_let (b, "x",
        operators[i].type == VYRE_TYPE_F32   ? F32 (1.5f)
        : operators[i].type == VYRE_TYPE_I32 ? vyre_builder_i32 (b, 3)
                                             : U32 (3));
    guint op = operators[i].op & 0xff;

    if (operators[i].op >= 0x100)
      vyre_builder_let (b, "y", vyre_builder_binary (b, op, x.value, x.value));
    else
      vyre_builder_let (b, "y", vyre_builder_unary (b, op, x.value));
    built = vyre_builder_finish (b, &error);
    g_assert_no_error (error);
    printed = vyre_program_print (built);
    line = g_strdup_printf ("let y = %s;", operators[i].text);
    if (strstr (printed, line) == NULL)
      g_error ("no \"%s\" in:\n%s", line, printed);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path =
        g_strconcat ("/builder/construct/", cases[i].name, NULL);

    g_test_add_data_func (path, &cases[i], test_case);
  }
  g_test_add_func ("/builder/construct/operators", test_operators);
  return g_test_run ();
}
