/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-tools.h"

#include "wire-vectors.h"

/* --- known programs ------------------------------------------------------ */

static const struct
{
  const char *blob, *canonical, *fingerprint;
} examples[] = {
  { example_a0, NULL,
      "4785482af406428d8ca023c3282f4bf60202b160e2fa8ac31ab47cdda1f426e3" },
  { example_a, NULL,
      "e9c73a19370c3ab436e0f4fb950b3c8fa366dd3f2779ab59e5a563cc75f7c2f6" },
  { example_b, NULL,
      "0a2f996c0860723593137ece3e8a132cf2595d2c05135b1d783646ff044d3f90" },
  { example_c, canonical_c,
      "2534088f9f1287287d712fb22609e9292b4f641154e6c3bc04d93ddc9943241c" },
  { example_d, canonical_d,
      "f0f19341fb7001cb8e3ce1f22d3e2be660fe703c65c3b5b160574f27fd41d341" },
};

static void
test_examples (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (examples); i++) {
    g_autoptr (GByteArray) blob = from_hex (examples[i].blob);
    g_autoptr (GByteArray) canonical_blob = from_hex (
        examples[i].canonical ? examples[i].canonical : examples[i].blob);
    g_autoptr (VyreProgram) program = decode_ok (blob->data, blob->len);
    g_autoptr (VyreProgram) canonical = vyre_program_canonicalize (program);
    g_autofree char *fingerprint = fingerprint_hex (program);

    assert_encodes_to (program, blob->data, blob->len);
    assert_encodes_to (canonical, canonical_blob->data, canonical_blob->len);
    g_assert_cmpstr (fingerprint, ==, examples[i].fingerprint);
  }
}

static void
test_mixed_model (void)
{
  g_autoptr (GByteArray) blob = from_hex (example_d);
  g_autoptr (VyreProgram) p = decode_ok (blob->data, blob->len);
  const VyreNode *root = p->entry.nodes[0];
  const VyreExpr *cast = root->body.nodes[0]->exprs[0];
  const VyreExpr *atomic = root->body.nodes[2]->exprs[0];
  const VyreBuffer *w = &p->buffers[0], *acc = &p->buffers[1];

  g_assert_true (vyre_string_is (p->entry_op_id, "demo.mixed"));
  g_assert_true (p->non_composable);
  g_assert_cmpuint (p->workgroup_size[1], ==, 4);
  g_assert_cmpint (w->element->kind, ==, VYRE_TYPE_QUANTIZED);
  g_assert_cmpint (w->element->element->kind, ==, VYRE_TYPE_I4);
  g_assert_cmpuint (w->element->scale_param, ==, 128);
  g_assert_true (acc->has_output_range);
  g_assert_cmpuint (acc->range_end, ==, 16);
  g_assert_true (acc->hints.has_coalesce_axis);
  g_assert_cmpint (acc->hints.locality, ==, VYRE_LOCALITY_STREAMING);
  g_assert_cmpuint (p->buffers[2].element->size, ==, 12);
  g_assert_cmpint (cast->type->kind, ==, VYRE_TYPE_VEC);
  g_assert_cmpuint (cast->type->a, ==, 4);
  g_assert_cmpint (cast->type->element->kind, ==, VYRE_TYPE_F32);
  g_assert_cmpint (atomic->op, ==, VYRE_ATOMIC_COMPARE_EXCHANGE);
  g_assert_cmpint (atomic->ordering, ==, VYRE_ORDER_ACQ_REL);
  g_assert_true (atomic->has_expected);
  g_assert_cmpuint (atomic->n_args, ==, 3);
  g_assert_cmpuint (atomic->args[1]->bits, ==, 7);
  g_assert_cmpint (root->body.nodes[4]->kind, ==, VYRE_NODE_BLOCK);
}

/* Length and hash of a program built here; frees it. */
static void
assert_built (VyreProgram *p, VyreNode *top, gsize length, const char *hash)
{
  g_autoptr (GBytes) blob = NULL;
  g_autofree char *got = NULL;
  g_autofree char *fingerprint = NULL;

  p->buffers[0].name = str (p, "out");
  p->entry = list (p, top, NULL);
  blob = encode_ok (p);
  g_assert_cmpuint (g_bytes_get_size (blob), ==, length);
  got = blake3_hex (g_bytes_get_data (blob, NULL), length);
  g_assert_cmpstr (got, ==, hash);
  fingerprint = fingerprint_hex (p);
  g_assert_cmpstr (fingerprint, ==, hash);
  vyre_program_unref (p);
}

static VyreNode *
accumulate (VyreProgram *p, guint32 to)
{
  VyreNode *loop = body (p, VYRE_NODE_LOOP, "i",
      list (p,
          let (p, VYRE_NODE_ASSIGN, "acc",
              bin (p, VYRE_BIN_ADD, var (p, "acc"), var (p, "i"))),
          NULL));

  loop->exprs[0] = lit (p, 0);
  loop->exprs[1] = lit (p, to);
  loop->n_exprs = 2;
  return loop;
}

static void
test_built (void)
{
  VyreProgram *p = program_with_buffers (1);
  VyreExpr *call;

  assert_built (p,
      body (p, VYRE_NODE_REGION, VYRE_ROOT_REGION,
          list (p, store (p, "out", lit (p, 0), lit (p, 42)), NULL)),
      194, "c1f2ccf5754f0e561c767f6d6e2a847947d70e4bd0593b617d53f5aee5cc0428");

  p = program_with_buffers (1);
  assert_built (p,
      body (p, VYRE_NODE_REGION, VYRE_ROOT_REGION,
          list (p,
              store (p, "out", lit (p, 0),
                  bin (p, VYRE_BIN_ADD, lit (p, 1), lit (p, 2))),
              NULL)),
      201, "9e8a8762168ae22123d41cb22f7268dbe565fa416e4408f0be78c840531e04cc");

  p = program_with_buffers (1);
  assert_built (p,
      body (p, VYRE_NODE_REGION, VYRE_ROOT_REGION,
          list (p, let (p, VYRE_NODE_LET, "acc", lit (p, 0)), accumulate (p, 4),
              store (p, "out", lit (p, 0), var (p, "acc")), NULL)),
      254, "c0939ac097203b376d7466ea6bae4fa6b76ee82020562ade8bd8af4a10e05a3f");

  p = program_with_buffers (1);
  assert_built (p,
      body (p, VYRE_NODE_REGION, "outer",
          list (p,
              body (p, VYRE_NODE_REGION, "inner",
                  list (p, store (p, "out", lit (p, 0), lit (p, 7)), NULL)),
              NULL)),
      197, "de6cc803a8ac5d35caa993c92d87d1c5bdcaf365e5d52281d41bc3f21e699f5f");

  p = program_with_buffers (1);
  call = vyre_program_expr (p, VYRE_EXPR_CALL, 1);
  call->name = str (p, "vyre-conform.test.identity_u32");
  call->args[0] = var (p, "acc");
  assert_built (p,
      body (p, VYRE_NODE_REGION, "vyre.intrinsics.math.accum",
          list (p, let (p, VYRE_NODE_LET, "acc", lit (p, 0)), accumulate (p, 3),
              let (p, VYRE_NODE_LET, "dial", call),
              store (p, "out", lit (p, 0), var (p, "dial")), NULL)),
      321, "ae744c66b22dcb9c2142b22bd9c26fcfdca9b61abe3c841e05c52ea16baa952b");
}

/* --- damaged blobs ------------------------------------------------------- */

static void
test_patches (void)
{
  g_autoptr (GByteArray) b = from_hex (example_b);

  for (guint i = 0; i < G_N_ELEMENTS (patches); i++) {
    g_autoptr (GByteArray) blob = from_hex (example_b);

    blob->data[patches[i].offset] = patches[i].byte;
    if (patches[i].repair)
      repair_digest (blob);
    g_test_message ("0x%02x <- %02x", patches[i].offset, patches[i].byte);
    if (patches[i].result == VYRE_WIRE_N_ERRORS) {
      g_autoptr (VyreProgram) program = decode_ok (blob->data, blob->len);

      assert_encodes_to (program, b->data, b->len);
    } else {
      assert_rejected (blob->data, blob->len, patches[i].result);
    }
  }
}

static void
test_cuts (void)
{
  g_autoptr (GByteArray) b = from_hex (example_b);

  assert_rejected (NULL, 0, VYRE_WIRE_ERROR_BAD_MAGIC);
  assert_rejected (b->data, 3, VYRE_WIRE_ERROR_BAD_MAGIC);
  for (gsize n = 4; n < 40; n++)
    assert_rejected (b->data, n, VYRE_WIRE_ERROR_TRUNCATED);
  for (gsize n = 40; n < b->len; n++)
    assert_rejected (b->data, n, VYRE_WIRE_ERROR_DIGEST);
  b->data[6] = 0;
  assert_rejected (b->data, 39, VYRE_WIRE_ERROR_TRUNCATED);
  b->data[4] = 3;
  assert_rejected (b->data, 6, VYRE_WIRE_ERROR_VERSION);
}

static GByteArray *
with_replacement (const char *replacement)
{
  g_autoptr (GByteArray) b = from_hex (example_b);
  g_autoptr (GByteArray) middle = from_hex (replacement);
  GByteArray *blob = g_byte_array_new ();

  g_byte_array_append (blob, b->data, 0x28);
  g_byte_array_append (blob, middle->data, middle->len);
  g_byte_array_append (blob, b->data + 0x29, b->len - 0x29);
  repair_digest (blob);
  return blob;
}

static void
test_leb128 (void)
{
  static const char *const accepted[] = { "02", "8200", "828000",
    "82808080808080808000" };
  g_autoptr (GByteArray) b = from_hex (example_b);

  for (guint i = 0; i < G_N_ELEMENTS (accepted); i++) {
    g_autoptr (GByteArray) blob = with_replacement (accepted[i]);
    g_autoptr (VyreProgram) program = decode_ok (blob->data, blob->len);

    assert_encodes_to (program, b->data, b->len);
  }
  for (guint last = 2; last < 256; last += 42) {
    g_autofree char *hex =
        g_strdup_printf ("828080808080808080%02x", last | 0x80);
    g_autofree char *hex2 = g_strdup_printf ("828080808080808080%02x", last);
    g_autoptr (GByteArray) blob = with_replacement (hex);
    g_autoptr (GByteArray) blob2 = with_replacement (hex2);

    assert_rejected (blob->data, blob->len, VYRE_WIRE_ERROR_LEB_OVERFLOW);
    assert_rejected (blob2->data, blob2->len, VYRE_WIRE_ERROR_LEB_OVERFLOW);
  }
  {
    /* Record counts of 2^64 - 1 and of 1,000,001. */
    g_autoptr (GByteArray) blob = with_replacement ("ffffffffffffffffff01");
    g_autoptr (GByteArray) blob2 = with_replacement ("c1843d");

    assert_rejected (blob->data, blob->len, VYRE_WIRE_ERROR_LIMIT);
    assert_rejected (blob2->data, blob2->len, VYRE_WIRE_ERROR_LIMIT);
  }
}

static void
test_ends (void)
{
  g_autoptr (GByteArray) blob = from_hex (example_b);

  g_byte_array_append (blob, (const guint8 *) "", 1);
  repair_digest (blob);
  assert_rejected (blob->data, blob->len, VYRE_WIRE_ERROR_TRAILING_BYTES);
  g_byte_array_set_size (blob, blob->len - 2);
  repair_digest (blob);
  assert_rejected (blob->data, blob->len, VYRE_WIRE_ERROR_TRUNCATED);
}

/* --- limits -------------------------------------------------------------- */

static void
assert_refused (const VyreProgram *p, const char *text)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_program_encode (p, &error));
  g_assert_error (error, VYRE_WIRE_ERROR, VYRE_WIRE_ERROR_ENCODE);
  g_assert_nonnull (strstr (error->message, text));
}

static void
assert_round_trips (const VyreProgram *p)
{
  g_autoptr (GBytes) blob = encode_ok (p);
  gsize length;
  const guint8 *data = g_bytes_get_data (blob, &length);
  g_autoptr (VyreProgram) again = decode_ok (data, length);

  assert_encodes_to (again, data, length);
}

static VyreNode *
nested_blocks (VyreProgram *p, guint levels)
{
  VyreNode *node = vyre_program_node (p, VYRE_NODE_BLOCK);

  for (guint i = 1; i < levels; i++)
    node = body (p, VYRE_NODE_BLOCK, "", list (p, node, NULL));
  return node;
}

static VyreExpr *
nested_unops (VyreProgram *p, guint height)
{
  VyreExpr *expr = lit (p, 1);

  for (guint i = 1; i < height; i++) {
    VyreExpr *outer = vyre_program_expr (p, VYRE_EXPR_UN_OP, 1);

    outer->op = VYRE_UN_BIT_NOT;
    outer->args[0] = expr;
    expr = outer;
  }
  return expr;
}

static void
test_depth (void)
{
  g_autoptr (VyreProgram) p = program_with_buffers (0);

  p->entry = list (p, nested_blocks (p, 64), nested_blocks (p, 64), NULL);
  assert_round_trips (p);
  p->entry = list (p, nested_blocks (p, 65), NULL);
  assert_refused (p, "deeper than 64");
  p->entry = list (p, let (p, VYRE_NODE_LET, "x", nested_unops (p, 63)), NULL);
  assert_round_trips (p);
  p->entry = list (p, let (p, VYRE_NODE_LET, "x", nested_unops (p, 64)), NULL);
  assert_refused (p, "deeper than 64");
  /* Far more levels than the native stack would take. */
  p->entry =
      list (p, let (p, VYRE_NODE_LET, "x", nested_unops (p, 1000000)), NULL);
  assert_refused (p, "deeper than 64");
  g_assert_null (vyre_program_canonicalize (p));
}

static void
test_type_nesting (void)
{
  g_autoptr (VyreProgram) p = program_with_buffers (0);
  VyreExpr *cast = vyre_program_expr (p, VYRE_EXPR_CAST, 1);
  const VyreType *chain = type (p, VYRE_TYPE_U32, NULL);

  cast->args[0] = lit (p, 1);
  p->entry = list (p, let (p, VYRE_NODE_LET, "x", cast), NULL);
  for (guint i = 1; i < VYRE_WIRE_MAX_TYPE_NESTING; i++)
    chain = type (p, VYRE_TYPE_SPARSE_CSR, chain);
  cast->type = chain;
  assert_round_trips (p);
  g_free (fingerprint_hex (p));
  cast->type = type (p, VYRE_TYPE_SPARSE_COO, chain);
  assert_refused (p, "data types nest deeper");
}

static void
test_call_arguments (void)
{
  g_autoptr (VyreProgram) p = program_with_buffers (0);
  VyreExpr *call = vyre_program_expr (p, VYRE_EXPR_CALL, 4097);

  for (guint i = 0; i < call->n_args; i++)
    call->args[i] = lit (p, i);
  p->entry = list (p, let (p, VYRE_NODE_LET, "x", call), NULL);
  assert_refused (p, "4097 operands");
  call->n_args = 4096;
  assert_round_trips (p);
}

static void
test_strings (void)
{
  g_autoptr (VyreProgram) p = program_with_buffers (1);
  g_autofree char *text = g_strnfill (1048577, 'n');

  p->buffers[0].name = vyre_program_string (p, text, 1048576);
  assert_round_trips (p);
  p->buffers[0].name = vyre_program_string (p, text, 1048577);
  assert_refused (p, "1048577 bytes");
  p->buffers[0].name = vyre_program_string (p, "a\0b\n", 4);
  assert_round_trips (p);
  p->buffers[0].name = vyre_program_string (p, "\xed\xa0\x80", 3);
  assert_refused (p, "UTF-8");
}

static void
test_buffer_count (void)
{
  g_autoptr (VyreProgram) p = program_with_buffers (16385);

  assert_refused (p, "16385 buffers");
  p->n_buffers = 16384;
  assert_round_trips (p);
}

static void
test_output_ranges (void)
{
  static const struct
  {
    VyreTypeKind kind;
    guint32 count;
    guint64 end;
    gboolean fits;
  } table[] = {
    { VYRE_TYPE_U32, 1, 4, TRUE },
    { VYRE_TYPE_U32, 1, 5, FALSE },
    { VYRE_TYPE_U32, 0, 0, TRUE },
    { VYRE_TYPE_U32, 0, 1, FALSE },
    { VYRE_TYPE_TENSOR, 1, 0, FALSE },
    { VYRE_TYPE_I4, 9, 9, TRUE },
    { VYRE_TYPE_I4, 9, 10, FALSE },
    { VYRE_TYPE_VEC4U32, 2, 32, TRUE },
  };
  g_autoptr (VyreProgram) p = program_with_buffers (1);
  VyreType *array = vyre_program_alloc (p, sizeof *array);

  p->buffers[0].has_output_range = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    p->buffers[0].element = type (p, table[i].kind, NULL);
    p->buffers[0].count = table[i].count;
    p->buffers[0].range_end = table[i].end;
    if (table[i].fits)
      assert_round_trips (p);
    else
      assert_refused (p, "range");
  }
  array->kind = VYRE_TYPE_ARRAY;
  array->size = (guint64) 1 << 40;
  p->buffers[0].element = array;
  p->buffers[0].count = G_MAXUINT32;
  p->buffers[0].range_end = 1;
  assert_refused (p, "64 bits");
}

static void
test_refusals (void)
{
  g_autoptr (VyreProgram) p = program_with_buffers (1);
  VyreExpr *expr;

  p->workgroup_size[2] = 0;
  assert_refused (p, "axis 2");
  p->workgroup_size[2] = 1;

  p->buffers[0].count = 0;
  assert_round_trips (p);
  p->buffers[0].is_output = TRUE;
  assert_refused (p, "count 0");
  p->buffers[0].is_output = FALSE;
  p->buffers[0].access = VYRE_ACCESS_WORKGROUP;
  assert_refused (p, "count 0");
  p->buffers[0].access = VYRE_ACCESS_READ_ONLY;

  p->buffers[0].element =
      type (p, VYRE_TYPE_VEC, type (p, VYRE_TYPE_F32, NULL));
  assert_refused (p, "vec");
  p->buffers[0].element = type (p, VYRE_TYPE_OPAQUE, NULL);
  assert_refused (p, "bit 31");
  p->buffers[0].element =
      type (p, VYRE_TYPE_QUANTIZED, type (p, VYRE_TYPE_F32, NULL));
  assert_refused (p, "stored as f32");
  p->buffers[0].element = type (p, VYRE_TYPE_U32, NULL);

  expr = bin (p, VYRE_BIN_OPAQUE, lit (p, 1), lit (p, 2));
  p->entry = list (p, let (p, VYRE_NODE_LET, "x", expr), NULL);
  assert_refused (p, "bit 31");
  expr->ext_id = 0x80000001;
  assert_round_trips (p);
  expr->op = 0x22;
  assert_refused (p, "binary operator");
  expr->op = VYRE_BIN_ADD;
  expr->n_args = 1;
  assert_refused (p, "1 operands");
  expr->n_args = 2;
  expr->args[1] = NULL;
  assert_refused (p, "missing");
  expr->args[1] = vyre_program_expr (p, VYRE_EXPR_OPAQUE, 0);
  expr->args[1]->name = str (p, "vyre.literal.f64");
  assert_refused (p, "0 bytes");
}

/* --- canonical form ------------------------------------------------------ */

static void
test_buffer_order (void)
{
  /* In canonical order: by length, then content, then binding; Persistent
   * before Push. */
  static const struct
  {
    const char *name;
    guint binding;
    VyreMemoryKind kind;
  } wanted[] = {
    { "b", 7, VYRE_KIND_GLOBAL },
    { "c", 0, VYRE_KIND_GLOBAL },
    { "aa", 1, VYRE_KIND_GLOBAL },
    { "aa", 2, VYRE_KIND_PERSISTENT },
    { "aa", 2, VYRE_KIND_PUSH },
  };
  const guint n = G_N_ELEMENTS (wanted);
  g_autoptr (VyreProgram) p = program_with_buffers (n);
  g_autoptr (VyreProgram) canonical = NULL;
  g_autofree char *first = NULL;
  g_autofree char *second = NULL;

  for (guint i = 0; i < n; i++) {
    VyreBuffer *buffer = &p->buffers[(i * 2 + 1) % n];

    buffer->name = str (p, wanted[i].name);
    buffer->binding = wanted[i].binding;
    buffer->kind = wanted[i].kind;
  }
  canonical = vyre_program_canonicalize (p);
  for (guint i = 0; i < n; i++) {
    g_assert_true (vyre_string_is (canonical->buffers[i].name, wanted[i].name));
    g_assert_cmpuint (canonical->buffers[i].binding, ==, wanted[i].binding);
    g_assert_cmpint (canonical->buffers[i].kind, ==, wanted[i].kind);
  }
  first = fingerprint_hex (p);
  second = fingerprint_hex (canonical);
  g_assert_cmpstr (first, ==, second);
}

/* Is the first operand, after canonicalisation, the literal 1 or variable a? */
static gboolean
first_stays (guint op, gboolean left_literal, gboolean right_literal)
{
  g_autoptr (VyreProgram) p = program_with_buffers (0);
  g_autoptr (VyreProgram) canonical = NULL;
  VyreExpr *left = left_literal ? lit (p, 9) : var (p, "z");
  VyreExpr *right = right_literal ? lit (p, 1) : var (p, "a");
  const VyreExpr *expr;

  p->entry =
      list (p, let (p, VYRE_NODE_LET, "x", bin (p, op, left, right)), NULL);
  canonical = vyre_program_canonicalize (p);
  expr = canonical->entry.nodes[0]->exprs[0];
  return expr->args[0]->kind == left->kind &&
         expr->args[0]->bits == left->bits &&
         vyre_string_equal (expr->args[0]->name, left->name);
}

static void
test_operand_order (void)
{
  /* Sortable, commutative only, neither. Both operands would change places
   * if sorted by their keys. */
  g_assert_false (first_stays (VYRE_BIN_XOR_BITS, FALSE, FALSE));
  g_assert_false (first_stays (VYRE_BIN_XOR_BITS, TRUE, TRUE));
  g_assert_false (first_stays (VYRE_BIN_XOR_BITS, TRUE, FALSE));
  g_assert_true (first_stays (VYRE_BIN_XOR_BITS, FALSE, TRUE));
  g_assert_true (first_stays (VYRE_BIN_ADD, FALSE, FALSE));
  g_assert_false (first_stays (VYRE_BIN_ADD, TRUE, TRUE));
  g_assert_false (first_stays (VYRE_BIN_ADD, TRUE, FALSE));
  g_assert_true (first_stays (VYRE_BIN_ADD, FALSE, TRUE));
  g_assert_true (first_stays (VYRE_BIN_SUB, FALSE, FALSE));
  g_assert_true (first_stays (VYRE_BIN_SUB, TRUE, TRUE));
  g_assert_true (first_stays (VYRE_BIN_SUB, TRUE, FALSE));
}

static void
test_blocks (void)
{
  g_autoptr (VyreProgram) p = program_with_buffers (1);
  g_autoptr (VyreProgram) canonical = NULL;
  VyreNode *ret = vyre_program_node (p, VYRE_NODE_RETURN);
  VyreNode *scoped = body (p, VYRE_NODE_BLOCK, "",
      list (p, let (p, VYRE_NODE_LET, "x", lit (p, 1)), NULL));

  /* Block { Block { } Block { Let } Return } Block { Block { Return } }
   * becomes Block { Let } Return Return. */
  p->entry = list (p,
      body (p, VYRE_NODE_BLOCK, "",
          list (p, nested_blocks (p, 1), scoped, ret, NULL)),
      body (p, VYRE_NODE_BLOCK, "",
          list (p, body (p, VYRE_NODE_BLOCK, "", list (p, ret, NULL)), NULL)),
      NULL);
  canonical = vyre_program_canonicalize (p);
  g_assert_cmpuint (canonical->entry.n_nodes, ==, 3);
  g_assert_cmpint (canonical->entry.nodes[0]->kind, ==, VYRE_NODE_BLOCK);
  g_assert_cmpint (canonical->entry.nodes[1]->kind, ==, VYRE_NODE_RETURN);
  g_assert_cmpint (canonical->entry.nodes[2]->kind, ==, VYRE_NODE_RETURN);
}

static void
test_float_literals (void)
{
  static const struct
  {
    guint32 bits, written;
  } table[] = {
    { 0x80000000, 0 },
    { 0x00000001, 0 },
    { 0x807fffff, 0 },
    { 0xffc12345, 0x7fc00000 },
    { 0x7f800001, 0x7fc00000 },
    { 0xff800000, 0xff800000 },
    { 0x7f800000, 0x7f800000 },
    { 0x00800000, 0x00800000 },
    { 0xbf800000, 0xbf800000 },
  };
  g_autoptr (VyreProgram) p = program_with_buffers (0);
  VyreExpr *expr = vyre_program_expr (p, VYRE_EXPR_LIT_F32, 0);

  p->entry = list (p, let (p, VYRE_NODE_LET, "x", expr), NULL);
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    g_autoptr (GBytes) blob = NULL;
    g_autoptr (VyreProgram) again = NULL;

    expr->bits = table[i].bits;
    blob = encode_ok (p);
    again = decode_ok (g_bytes_get_data (blob, NULL), g_bytes_get_size (blob));
    g_assert_cmphex (
        again->entry.nodes[0]->exprs[0]->bits, ==, table[i].written);
  }
}

/* --- hex form ------------------------------------------------------------ */

static void
assert_hex (const char *text, int code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_decode_hex (text, strlen (text), VYRE_WIRE_STRICT, &error);

  if (code < 0) {
    g_assert_no_error (error);
    g_assert_nonnull (program);
  } else {
    g_assert_null (program);
    g_assert_error (error, VYRE_WIRE_ERROR, code);
  }
}

static void
test_hex (void)
{
  g_autoptr (GByteArray) blob = from_hex (example_b);
  g_autoptr (VyreProgram) program = decode_ok (blob->data, blob->len);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = vyre_program_encode_hex (program, &error);
  g_auto (GStrv) lines = NULL;
  static const struct
  {
    const char *head, *count;
    int code;
  } table[] = {
    { "vyre_ir v0.1", "wire_bytes +00195\r\r", -1 },
    { "vyre_ir v0.1\r", "wire_bytes 195", -1 },
    { "vyre_ir v0.1\r\r", "wire_bytes 195", VYRE_WIRE_ERROR_HEX },
    { "vyre_ir v0.1 ", "wire_bytes 195", VYRE_WIRE_ERROR_HEX },
    { "\xef\xbb\xbfvyre_ir v0.1", "wire_bytes 195", VYRE_WIRE_ERROR_HEX },
    { "vyre_ir v0.1", "wire_bytes  195", VYRE_WIRE_ERROR_HEX },
    { "vyre_ir v0.1", "wire_bytes 195 ", VYRE_WIRE_ERROR_HEX },
    { "vyre_ir v0.1", "wire_bytes -195", VYRE_WIRE_ERROR_HEX },
    { "vyre_ir v0.1", "wire_bytes +", VYRE_WIRE_ERROR_HEX },
    { "vyre_ir v0.1", "wire_bytes 18446744073709551616", VYRE_WIRE_ERROR_HEX },
    { "vyre_ir v0.1", "wire_bytes 18446744073709551615",
        VYRE_WIRE_ERROR_OVERSIZE },
    { "vyre_ir v0.1", "wire_bytes 67108865", VYRE_WIRE_ERROR_OVERSIZE },
    { "vyre_ir v0.1", "wire_bytes 67108864", VYRE_WIRE_ERROR_HEX },
    { "vyre_ir v0.1", "wire_bytes 194", VYRE_WIRE_ERROR_HEX },
  };

  g_assert_no_error (error);
  g_assert_true (g_str_has_suffix (text, "0000\n010100\n"));
  assert_hex (text, -1);
  lines = g_strsplit (text, "\n", 3);
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    g_autofree char *altered = g_strdup_printf (
        "%s\n%s\n\n\r\n%s", table[i].head, table[i].count, lines[2]);

    assert_hex (altered, table[i].code);
  }
  assert_hex ("", VYRE_WIRE_ERROR_HEX);
  assert_hex ("vyre_ir v0.1", VYRE_WIRE_ERROR_HEX);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/examples", test_examples);
  g_test_add_func ("/wire/mixed-model", test_mixed_model);
  g_test_add_func ("/wire/built", test_built);
  g_test_add_func ("/wire/patches", test_patches);
  g_test_add_func ("/wire/cuts", test_cuts);
  g_test_add_func ("/wire/leb128", test_leb128);
  g_test_add_func ("/wire/ends", test_ends);
  g_test_add_func ("/wire/depth", test_depth);
  g_test_add_func ("/wire/type-nesting", test_type_nesting);
  g_test_add_func ("/wire/call-arguments", test_call_arguments);
  g_test_add_func ("/wire/strings", test_strings);
  g_test_add_func ("/wire/buffer-count", test_buffer_count);
  g_test_add_func ("/wire/output-ranges", test_output_ranges);
  g_test_add_func ("/wire/refusals", test_refusals);
  g_test_add_func ("/wire/canonical/buffer-order", test_buffer_order);
  g_test_add_func ("/wire/canonical/operand-order", test_operand_order);
  g_test_add_func ("/wire/canonical/blocks", test_blocks);
  g_test_add_func ("/wire/float-literals", test_float_literals);
  g_test_add_func ("/wire/hex", test_hex);
  return g_test_run ();
}
