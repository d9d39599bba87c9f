/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-tools.h"

static void
test_arena (void)
{
  g_autoptr (VyreProgram) p = vyre_program_new ();
  g_autoptr (GPtrArray) blocks = g_ptr_array_new ();

  /* Sizes around those of chunks; each block zeroed, aligned and its own. */
  for (gsize size = 0; size < 3000000; size = size * 3 + 1) {
    guint8 *block = vyre_program_alloc (p, size);

    g_assert_cmpuint ((gsize) block % 16, ==, 0);
    for (gsize i = 0; i < size; i++)
      g_assert_cmpuint (block[i], ==, 0);
    memset (block, 0xff, size);
  }
  for (guint i = 0; i < 5000; i++) {
    guint32 *block = vyre_program_alloc (p, sizeof *block);

    g_assert_cmpuint (*block, ==, 0);
    *block = i;
    g_ptr_array_add (blocks, block);
  }
  for (guint i = 0; i < blocks->len; i++)
    g_assert_cmpuint (*(guint32 *) g_ptr_array_index (blocks, i), ==, i);
}

static gpointer
ref_and_unref (gpointer program)
{
  for (guint i = 0; i < 10000; i++)
    vyre_program_unref (vyre_program_ref (program));
  return NULL;
}

static void
test_references (void)
{
  g_autoptr (VyreProgram) p = vyre_program_new ();
  GThread *threads[3];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("ref", ref_and_unref, p);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (p->n_buffers, ==, 0);
}

static void
assert_display (const char *data, gsize length, const char *wanted)
{
  VyreString s = { data, (guint32) length };
  g_autofree char *got = vyre_string_display (s);

  g_assert_cmpstr (got, ==, wanted);
}

static void
test_strings (void)
{
  g_autoptr (VyreProgram) p = vyre_program_new ();
  VyreString a = vyre_program_string (p, "a\0b", 3);
  VyreString empty = vyre_program_string (p, NULL, 0);
  g_autofree char *many = g_strnfill (500, 'x');
  g_autofree char *shown = NULL;

  g_assert_true (vyre_string_equal (a, vyre_program_string (p, "a\0b", 3)));
  g_assert_false (vyre_string_equal (a, vyre_program_string (p, "a\0c", 3)));
  g_assert_false (vyre_string_is (a, "a"));
  g_assert_nonnull (empty.data);
  g_assert_true (vyre_string_is (empty, ""));
  assert_display ("a\0\n\xc3\xa9\xff", 6, "a\\x00\\x0a\xc3\xa9\\xff");
  /* A character that the string cuts off. */
  assert_display ("x\xe2\x82", 3, "x\\xe2\\x82");
  assert_display ("", 0, "");
  shown = vyre_string_display (vyre_program_string (p, many, 500));
  g_assert_cmpuint (strlen (shown), ==, 120);
  g_assert_true (g_str_has_suffix (shown, "x..."));
}

static void
test_find_buffer (void)
{
  g_autoptr (VyreProgram) p = program_with_buffers (4);

  p->buffers[3].name = p->buffers[1].name;
  g_assert_cmpint (vyre_program_find_buffer (p, str (p, "b0")), ==, 0);
  g_assert_cmpint (vyre_program_find_buffer (p, str (p, "b1")), ==, 3);
  g_assert_cmpint (vyre_program_find_buffer (p, str (p, "b")), ==, -1);
}

static void
test_sizes (void)
{
  static const struct
  {
    VyreTypeKind kind;
    guint stride, bits;
  } table[] = {
    { VYRE_TYPE_U32, 4, 32 },
    { VYRE_TYPE_BOOL, 4, 32 },
    { VYRE_TYPE_HANDLE, 4, 32 },
    { VYRE_TYPE_U64, 8, 64 },
    { VYRE_TYPE_VEC2U32, 8, 64 },
    { VYRE_TYPE_VEC4U32, 16, 128 },
    { VYRE_TYPE_U8, 1, 8 },
    { VYRE_TYPE_BYTES, 1, 8 },
    { VYRE_TYPE_F8E5M2, 1, 8 },
    { VYRE_TYPE_BF16, 2, 16 },
    { VYRE_TYPE_NF4, 1, 4 },
    { VYRE_TYPE_ARRAY, 0, 0 },
    { VYRE_TYPE_DEVICE_MESH, 0, 32 },
    { VYRE_TYPE_TENSOR, 0, 0 },
    { VYRE_TYPE_OPAQUE, 0, 0 },
  };
  VyreType i4 = { .kind = VYRE_TYPE_I4 };
  VyreType quantized = { .kind = VYRE_TYPE_QUANTIZED, .element = &i4 };
  VyreType f32 = { .kind = VYRE_TYPE_F32 };
  VyreType vec = { .kind = VYRE_TYPE_VEC, .element = &f32, .a = 3 };
  VyreType array = { .kind = VYRE_TYPE_ARRAY, .size = 12 };
  VyreType tensor = { .kind = VYRE_TYPE_TENSOR };
  VyreType wide[40];
  guint64 bytes;

  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    VyreType one = { .kind = table[i].kind };

    g_assert_cmpuint (vyre_type_stride (&one), ==, table[i].stride);
    g_assert_cmpuint (vyre_type_bits (&one), ==, table[i].bits);
  }
  g_assert_cmpuint (vyre_type_stride (&quantized), ==, 1);
  g_assert_cmpuint (vyre_type_bits (&quantized), ==, 4);
  g_assert_cmpuint (vyre_type_stride (&vec), ==, 12);
  g_assert_cmpuint (vyre_type_bits (&vec), ==, 96);

  g_assert_true (vyre_type_static_size (&i4, 3, &bytes));
  g_assert_cmpuint (bytes, ==, 2);
  g_assert_true (vyre_type_static_size (&array, 5, &bytes));
  g_assert_cmpuint (bytes, ==, 60);
  g_assert_false (vyre_type_static_size (&tensor, 1, &bytes));
  g_assert_false (vyre_type_static_size (&f32, G_MAXUINT64 / 2, &bytes));
  array.size = G_MAXUINT64;
  g_assert_false (vyre_type_static_size (&array, 2, &bytes));

  g_assert_cmpuint (vyre_type_element_count (&f32, 11), ==, 2);
  g_assert_cmpuint (vyre_type_element_count (&i4, 3), ==, 6);
  g_assert_cmpuint (
      vyre_type_element_count (&i4, G_MAXUINT64), ==, G_MAXUINT32);
  g_assert_cmpuint (vyre_type_element_count (&tensor, 7), ==, 7);
  array.size = 12;
  g_assert_cmpuint (vyre_type_element_count (&array, 35), ==, 2);
  array.size = 0;
  g_assert_cmpuint (vyre_type_element_count (&array, 35), ==, 35);

  /* 255^40 lanes have no size rather than a wrong one. */
  for (guint i = 0; i < G_N_ELEMENTS (wide); i++)
    wide[i] = (VyreType){
      .kind = VYRE_TYPE_VEC, .a = 255, .element = i > 0 ? &wide[i - 1] : &i4
    };
  g_assert_cmpuint (vyre_type_bits (&wide[39]), ==, 0);
  g_assert_cmpuint (vyre_type_stride (&wide[39]), ==, 0);
}

static void
test_roles (void)
{
  VyreBuffer b = { .access = VYRE_ACCESS_READ_ONLY };

  g_assert_cmpint (vyre_buffer_role (&b), ==, VYRE_ROLE_INPUT);
  b.live_out = TRUE;
  g_assert_cmpint (vyre_buffer_role (&b), ==, VYRE_ROLE_INPUT);
  b.access = VYRE_ACCESS_READ_WRITE;
  g_assert_cmpint (vyre_buffer_role (&b), ==, VYRE_ROLE_OUTPUT);
  b.live_out = FALSE;
  g_assert_cmpint (vyre_buffer_role (&b), ==, VYRE_ROLE_INOUT);
  b.is_output = TRUE;
  g_assert_cmpint (vyre_buffer_role (&b), ==, VYRE_ROLE_OUTPUT);
  b.access = VYRE_ACCESS_WORKGROUP;
  g_assert_cmpint (vyre_buffer_role (&b), ==, VYRE_ROLE_WORKGROUP);
  b.is_output = FALSE;
  b.access = VYRE_ACCESS_WRITE_ONLY;
  g_assert_cmpint (vyre_buffer_role (&b), ==, VYRE_ROLE_OUTPUT);
  b.access = VYRE_ACCESS_UNIFORM;
  g_assert_cmpint (vyre_buffer_role (&b), ==, VYRE_ROLE_INPUT);
}

static void
test_names (void)
{
  g_assert_cmpstr (vyre_type_kind_name (VYRE_TYPE_F8E4M3), ==, "f8e4m3");
  g_assert_cmpstr (vyre_type_kind_name (VYRE_TYPE_OPAQUE), ==, "opaque");
  g_assert_cmpstr (vyre_type_kind_name (0), ==, "unknown");
  g_assert_cmpstr (vyre_bin_op_name (0x08), ==, "BitXor");
  g_assert_cmpstr (vyre_bin_op_name (0x0f), ==, "Le");
  g_assert_cmpstr (vyre_bin_op_name (0x21), ==, "MulHigh");
  g_assert_cmpstr (vyre_bin_op_name (0x22), ==, "unknown");
  g_assert_cmpstr (vyre_bin_op_name (0x80), ==, "Opaque");
  g_assert_cmpstr (vyre_un_op_name (0x24), ==, "Reciprocal");
  g_assert_cmpstr (vyre_atomic_op_name (0x0b), ==, "LruUpdate");
  g_assert_cmpstr (vyre_ordering_name (5), ==, "GridSync");
  g_assert_cmpstr (
      vyre_node_kind_name (VYRE_NODE_REDUCE_SCATTER), ==, "ReduceScatter");
  g_assert_cmpstr (
      vyre_expr_kind_name (VYRE_EXPR_SUBGROUP_SIZE), ==, "SubgroupSize");
  g_assert_cmpstr (vyre_expr_kind_name (22), ==, "unknown");
  g_assert_cmpstr (vyre_memory_kind_name (VYRE_KIND_PUSH), ==, "Push");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/program/arena", test_arena);
  g_test_add_func ("/program/references", test_references);
  g_test_add_func ("/program/strings", test_strings);
  g_test_add_func ("/program/find-buffer", test_find_buffer);
  g_test_add_func ("/program/sizes", test_sizes);
  g_test_add_func ("/program/roles", test_roles);
  g_test_add_func ("/program/names", test_names);
  return g_test_run ();
}
