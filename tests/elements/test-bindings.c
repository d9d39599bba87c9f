/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bindings property: its text, and how it meets the buffers of a program. */

#include "gst/gstvyreplan.h"

#include <string.h>

#include <glib/gstdio.h>

#include "vir0/text.h"

#define MIB (G_GUINT64_CONSTANT (1024) * 1024)

static GstVyreBinding *
only_binding (GPtrArray *bindings)
{
  g_assert_cmpuint (bindings->len, ==, 1);
  return g_ptr_array_index (bindings, 0);
}

static void
assert_data (const GstVyreBinding *binding, const char *name, const void *data,
    gsize length)
{
  g_assert_cmpstr (binding->name, ==, name);
  g_assert_cmpint (binding->kind, ==, GST_VYRE_BINDING_DATA);
  g_assert_nonnull (binding->data);
  g_assert_cmpmem (g_bytes_get_data (binding->data, NULL),
      g_bytes_get_size (binding->data), data, length);
}

static void
test_values (void)
{
  static const struct
  {
    const char *text;
    const char *bytes;
    gsize length;
  } cases[] = {
    { "b=hex:00ff2A", "\x00\xff\x2a", 3 },
    { "b=hex:", "", 0 },
    { "b=u8:0;255", "\x00\xff", 2 },
    { "b=u16:0x1234", "\x34\x12", 2 },
    { "b=u32:640", "\x80\x02\x00\x00", 4 },
    { "b=u32:4294967295", "\xff\xff\xff\xff", 4 },
    { "b=u64:18446744073709551615", "\xff\xff\xff\xff\xff\xff\xff\xff", 8 },
    { "b=i8:-128;127", "\x80\x7f", 2 },
    { "b=i16:-2", "\xfe\xff", 2 },
    { "b=i32:-3", "\xfd\xff\xff\xff", 4 },
    { "b=i64:-1", "\xff\xff\xff\xff\xff\xff\xff\xff", 8 },
    { "b=i32:1; -2 ;3", "\1\0\0\0\xfe\xff\xff\xff\3\0\0\0", 12 },
    { "b=f32:1.5", "\x00\x00\xc0\x3f", 4 },
    { "b=f32:-0", "\x00\x00\x00\x80", 4 },
    { "b=f64:1", "\0\0\0\0\0\0\xf0\x3f", 8 },
    { "  b  =  u8:7", "\7", 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GPtrArray) bindings =
        gst_vyre_bindings_parse (cases[i].text, &error);

    g_assert_no_error (error);
    assert_data (only_binding (bindings), "b", cases[i].bytes, cases[i].length);
  }
}

static void
test_items (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) bindings = gst_vyre_bindings_parse (
      "key=hex:00, a\\,b\\=c\\\\d=file:/x\\,y\\\\z:w.bin,s=zeros,t=zeros:16,"
      "k=keep,l=keep:32,m=keep:file:init.bin,n=keep:u8:1;2,"
      "output=size:min(len(input), 10) * 2,last=u8:1",
      &error);
  const GstVyreBinding *b;
  guint64 size;

  g_assert_no_error (error);
  g_assert_cmpuint (bindings->len, ==, 10);
  b = g_ptr_array_index (bindings, 1);
  g_assert_cmpstr (b->name, ==, "a,b=c\\d");
  g_assert_cmpstr (b->path, ==, "/x,y\\z:w.bin");
  b = g_ptr_array_index (bindings, 2);
  g_assert_cmpint (b->kind, ==, GST_VYRE_BINDING_ZEROS);
  g_assert_false (b->has_bytes);
  b = g_ptr_array_index (bindings, 3);
  g_assert_true (b->has_bytes);
  g_assert_cmpuint (b->bytes, ==, 16);
  b = g_ptr_array_index (bindings, 4);
  g_assert_cmpint (b->kind, ==, GST_VYRE_BINDING_KEEP);
  g_assert_false (b->has_bytes);
  b = g_ptr_array_index (bindings, 5);
  g_assert_cmpuint (b->bytes, ==, 32);
  b = g_ptr_array_index (bindings, 6);
  g_assert_cmpint (b->kind, ==, GST_VYRE_BINDING_KEEP);
  g_assert_cmpstr (b->path, ==, "init.bin");
  b = g_ptr_array_index (bindings, 7);
  g_assert_cmpint (b->kind, ==, GST_VYRE_BINDING_KEEP);
  g_assert_cmpuint (g_bytes_get_size (b->data), ==, 2);
  b = g_ptr_array_index (bindings, 8);
  g_assert_cmpint (b->kind, ==, GST_VYRE_BINDING_SIZE);
  g_assert_true (gst_vyre_size_expr_eval (b->size, 7, &size, &error));
  g_assert_cmpuint (size, ==, 14);
}

static void
test_nothing (void)
{
  static const char *const texts[] = { NULL, "", "  " };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GPtrArray) bindings = gst_vyre_bindings_parse (texts[i], NULL);

    g_assert_nonnull (bindings);
    g_assert_cmpuint (bindings->len, ==, 0);
  }
}

static void
test_malformed (void)
{
  static const struct
  {
    const char *text;
    gint code;
    const char *says;
  } cases[] = {
    { "key", GST_VYRE_BINDINGS_ERROR_SYNTAX, "item 1: \"key\"" },
    { "=hex:00", GST_VYRE_BINDINGS_ERROR_SYNTAX, "item 1" },
    { "a=u8:1,", GST_VYRE_BINDINGS_ERROR_SYNTAX, "item 2" },
    { "a=u8:1,,b=u8:1", GST_VYRE_BINDINGS_ERROR_SYNTAX, "item 2" },
    { "key=", GST_VYRE_BINDINGS_ERROR_SYNTAX, "\"key\"" },
    { "key=640", GST_VYRE_BINDINGS_ERROR_SYNTAX, "u32:640" },
    { "key=u31:640", GST_VYRE_BINDINGS_ERROR_SYNTAX, "u31:640" },
    { "key=hex", GST_VYRE_BINDINGS_ERROR_SYNTAX, "hex:00ff" },
    { "key=hex:0", GST_VYRE_BINDINGS_ERROR_VALUE, "pairs" },
    { "key=hex:0g", GST_VYRE_BINDINGS_ERROR_VALUE, "pairs" },
    { "key=hex:00 11", GST_VYRE_BINDINGS_ERROR_VALUE, "pairs" },
    { "key=file:", GST_VYRE_BINDINGS_ERROR_VALUE, "path" },
    { "key=u8:256", GST_VYRE_BINDINGS_ERROR_VALUE, "\"256\" is no u8" },
    { "key=u8:-1", GST_VYRE_BINDINGS_ERROR_VALUE, "no u8" },
    { "key=u8:", GST_VYRE_BINDINGS_ERROR_VALUE, "no u8" },
    { "key=u8:1;;2", GST_VYRE_BINDINGS_ERROR_VALUE, "no u8" },
    { "key=u32:1x", GST_VYRE_BINDINGS_ERROR_VALUE, "no u32" },
    { "key=i8:128", GST_VYRE_BINDINGS_ERROR_VALUE, "no i8" },
    { "key=i32:0x1", GST_VYRE_BINDINGS_ERROR_VALUE, "no i32" },
    { "key=u64:18446744073709551616", GST_VYRE_BINDINGS_ERROR_VALUE, "no u64" },
    { "key=f32:1.5x", GST_VYRE_BINDINGS_ERROR_VALUE, "no f32" },
    { "key=f32:1e39", GST_VYRE_BINDINGS_ERROR_VALUE, "no f32" },
    { "key=zeros:x", GST_VYRE_BINDINGS_ERROR_VALUE, "number of bytes" },
    { "key=zeros:-1", GST_VYRE_BINDINGS_ERROR_VALUE, "number of bytes" },
    { "key=keep:99999999999999999999", GST_VYRE_BINDINGS_ERROR_VALUE,
        "number of bytes" },
    { "key=keep:bogus:1", GST_VYRE_BINDINGS_ERROR_SYNTAX, "keep:bogus:1" },
    { "key=keep:hex:0", GST_VYRE_BINDINGS_ERROR_VALUE, "pairs" },
    { "key=size", GST_VYRE_BINDINGS_ERROR_SYNTAX, "size:EXPR" },
    { "key=size:", GST_VYRE_BINDINGS_ERROR_SYNTAX, "\"key\"" },
    { "a=u8:1,a=u8:2", GST_VYRE_BINDINGS_ERROR_DUPLICATE,
        "\"a\" is bound twice" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GPtrArray) bindings =
        gst_vyre_bindings_parse (cases[i].text, &error);

    g_assert_null (bindings);
    g_assert_error (error, GST_VYRE_BINDINGS_ERROR, cases[i].code);
    if (strstr (error->message, cases[i].says) == NULL)
      g_error ("%s: \"%s\" does not say \"%s\"", cases[i].text, error->message,
          cases[i].says);
  }
}

static void
test_size_expr (void)
{
  static const struct
  {
    const char *text;
    guint64 input, size;
  } cases[] = {
    { "0", 9, 0 },
    { "len(input)", 9, 9 },
    { " len ( input ) ", 9, 9 },
    { "len(input)*2+1", 9, 19 },
    { "1+2*3", 0, 7 },
    { "(1+2)*3", 0, 9 },
    { "10-2-3", 0, 5 },
    { "100/10/2", 0, 5 },
    { "17%5", 0, 2 },
    { "(len(input)+3)/4*4", 9, 12 },
    { "max(len(input)-16,0)", 9, 0 },
    { "min(len(input),4)", 9, 4 },
    { "--5", 0, 5 },
    { "-5+6", 0, 1 },
    { "max(min(3,2),min(1,9))", 0, 2 },
    { "9223372036854775807", 0, G_MAXINT64 },
    { "len(input)", G_MAXINT64, G_MAXINT64 },
  };
  static const char *const malformed[] = { "", "1+", "(1", "1)", "len()",
    "len(output)", "min(1)", "min(1,2", "max 1,2", "1 2", "0x10", "1.5", "a",
    "9223372036854775808", "+1", "length(input)",
    "((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))" };
  static const struct
  {
    const char *text;
    guint64 input;
  } failing[] = {
    { "1/0", 0 },
    { "1%0", 0 },
    { "1/len(input)", 0 },
    { "len(input)-10", 9 },
    { "9223372036854775807+1", 0 },
    { "len(input)*9223372036854775807", 2 },
    { "(-9223372036854775807-1)/-1", 0 },
    { "-(-9223372036854775807-1)", 0 },
    { "(-9223372036854775807-1)%-1", 0 },
    { "-9223372036854775807-2", 0 },
    { "len(input)", G_MAXUINT64 },
  };
  g_autoptr (GString) longest = g_string_new ("1");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GstVyreSizeExpr) expr =
        gst_vyre_size_expr_parse (cases[i].text, &error);
    guint64 size;

    g_assert_no_error (error);
    g_assert_true (
        gst_vyre_size_expr_eval (expr, cases[i].input, &size, &error));
    g_assert_cmpuint (size, ==, cases[i].size);
  }
  for (guint i = 0; i < G_N_ELEMENTS (malformed); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (gst_vyre_size_expr_parse (malformed[i], &error));
    g_assert_error (
        error, GST_VYRE_BINDINGS_ERROR, GST_VYRE_BINDINGS_ERROR_SYNTAX);
  }
  for (guint i = 0; i < G_N_ELEMENTS (failing); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GstVyreSizeExpr) expr =
        gst_vyre_size_expr_parse (failing[i].text, &error);
    guint64 size;

    g_assert_no_error (error);
    g_assert_false (
        gst_vyre_size_expr_eval (expr, failing[i].input, &size, &error));
    g_assert_error (
        error, GST_VYRE_BINDINGS_ERROR, GST_VYRE_BINDINGS_ERROR_VALUE);
  }
  /* Many values that wait at once, and too many steps. */
  for (guint i = 0; i < 300; i++)
    g_string_append (longest, "+1");
  g_assert_null (gst_vyre_size_expr_parse (longest->str, NULL));
}

/* --- plans --------------------------------------------------------------- */

#define MAIN "main { return; }\n"
#define HEAD "program workgroup(64);\n"

static GstVyrePlan *
plan_of (const char *text, const char *bindings_text, guint64 max_output_bytes,
    GError **error)
{
  GError *inner = NULL;
  g_autofree char *whole = g_strconcat (HEAD, text, MAIN, NULL);
  g_autoptr (VyreProgram) program =
      vyre_program_parse (whole, strlen (whole), &inner);
  g_autoptr (GPtrArray) bindings = NULL;
  GstVyrePlanLimits limits = { max_output_bytes, 1024 };

  g_assert_no_error (inner);
  bindings = gst_vyre_bindings_parse (bindings_text, &inner);
  g_assert_no_error (inner);
  return gst_vyre_plan_new (program, bindings, &limits, error);
}

static void
test_roles (void)
{
  static const struct
  {
    const char *text, *bindings;
    guint input;
    gint outgoing;
  } cases[] = {
    /* By name, whatever else there is. */
    { "buffer a: readonly u32[] @0; buffer input: readonly u32[] @1;"
      "buffer output: readwrite u32[] @2;",
        "a=hex:00000000", 1, 2 },
    { "buffer input: readwrite u32[] @0;", NULL, 0, 0 },
    { "buffer output: readwrite u32[] @0;", NULL, 0, 0 },
    /* First ReadOnly that is not bound. */
    { "buffer a: readonly u32[] @0; buffer b: readonly u32[] @1;"
      "buffer output: readwrite u32[] @2;",
        "a=u32:1", 1, 2 },
    { "buffer w: uniform u32[1] @0; buffer b: readonly u32[] @1;", "w=u32:1", 1,
        -1 },
    /* Only ReadWrite. */
    { "buffer t: uniform u32[1] @0; buffer d: readwrite u32[] @1;", "t=u32:1",
        1, 1 },
    { "buffer d: readwrite u32[] @0; buffer k: readwrite u32[4] @1;", "k=keep",
        0, 0 },
    /* Kept and bound ones are no candidates, even by name. */
    { "buffer input: readonly u32[] @0; buffer output: readwrite u32[4] @1;",
        "output=keep", 0, -1 },
    { "buffer input: readonly u32[1] @0; buffer x: readonly u32[] @1;",
        "input=u32:7", 1, -1 },
    /* A size makes it outgoing. */
    { "buffer a: readonly u32[] @0; buffer b: readwrite u32[] @1;",
        "b=size:len(input)", 0, 1 },
    { "buffer d: readwrite u32[] @0; buffer b: readwrite u32[] @1;",
        "b=size:16", 0, 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GstVyrePlan) plan =
        plan_of (cases[i].text, cases[i].bindings, MIB, &error);

    g_assert_no_error (error);
    g_assert_cmpuint (plan->input, ==, cases[i].input);
    g_assert_cmpint (plan->outgoing, ==, cases[i].outgoing);
  }
}

static void
test_misfits (void)
{
#define IN "buffer input: readonly u32[] @0;"
  static const struct
  {
    const char *text, *bindings;
    gint code;
    const char *says;
  } cases[] = {
    { IN, "nope=u32:1", GST_VYRE_PLAN_ERROR_UNKNOWN, "it has: input" },
    { IN "buffer key: readonly u32[4] @1;", NULL, GST_VYRE_PLAN_ERROR_UNBOUND,
        "\"key\" (ReadOnly, u32, exactly 16 bytes)" },
    { IN "buffer t: readwrite u32[] @1;", NULL, GST_VYRE_PLAN_ERROR_UNBOUND,
        "t=keep:BYTES" },
    { IN "buffer key: readonly u32[4] @1;", "key=u32:1",
        GST_VYRE_PLAN_ERROR_MISFIT, "exactly 16 bytes" },
    { IN "buffer key: readonly u32[4] @1;", "key=zeros:15",
        GST_VYRE_PLAN_ERROR_MISFIT, "bindings give 15" },
    { IN "buffer key: readonly u32[4] @1;", "key=keep",
        GST_VYRE_PLAN_ERROR_MISFIT, "nothing to keep" },
    { IN "buffer t: readwrite u32[] @1;", "t=keep", GST_VYRE_PLAN_ERROR_MISFIT,
        "t=keep:BYTES" },
    { IN "buffer t: readwrite u32[] @1;", "t=zeros", GST_VYRE_PLAN_ERROR_MISFIT,
        "t=zeros:BYTES" },
    { IN "buffer t: readwrite u32[4] @1;", "t=size:16",
        GST_VYRE_PLAN_ERROR_MISFIT, "count 4" },
    { IN "buffer t: readwrite u32[] @1; buffer u: readwrite u32[] @2;",
        "t=size:16,u=size:16", GST_VYRE_PLAN_ERROR_MISFIT, "only one" },
    { IN, "input=size:4", GST_VYRE_PLAN_ERROR_MISFIT, "is the input" },
    { IN "buffer w: workgroup u32[4];", "w=zeros", GST_VYRE_PLAN_ERROR_MISFIT,
        "workgroup" },
    { "buffer a: readwrite u32[] @0; buffer b: readwrite u32[] @1;", NULL,
        GST_VYRE_PLAN_ERROR_UNBOUND, "2 ReadWrite" },
    { "buffer w: uniform u32[1] @0;", NULL, GST_VYRE_PLAN_ERROR_UNBOUND,
        "named input" },
    { IN "buffer t: readwrite u32[] @1;", "t=keep:2000000",
        GST_VYRE_PLAN_ERROR_LIMIT, "max-output-bytes" },
    { "buffer input: readonly u32[1000000] @0;", NULL,
        GST_VYRE_PLAN_ERROR_LIMIT, "max-output-bytes" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GstVyrePlan) plan =
        plan_of (cases[i].text, cases[i].bindings, MIB, &error);

    g_assert_null (plan);
    g_assert_error (error, GST_VYRE_PLAN_ERROR, cases[i].code);
    if (strstr (error->message, cases[i].says) == NULL)
      g_error ("case %u: \"%s\" does not say \"%s\"", i, error->message,
          cases[i].says);
  }
}

static void
test_files (void)
{
  g_autofree char *folder = g_dir_make_tmp ("vyre-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (folder, "a,b.bin", NULL);
  g_autofree char *escaped = g_strdup_printf ("key=file:%s/a\\,b.bin", folder);
  g_autofree char *missing = g_strdup_printf ("key=file:%s/none", folder);
  g_autofree char *long_contents = NULL;
  g_autofree char *directory = g_strdup_printf ("key=file:%s", folder);
  const char *text = IN "buffer key: readonly u8[] @1;";
  g_autoptr (GError) error = NULL;
  GstVyrePlan *plan;

  g_assert_true (g_file_set_contents (path, "abcde", 5, NULL));
  plan = plan_of (text, escaped, MIB, &error);
  g_assert_no_error (error);
  g_assert_cmpint (plan->slots[1].kind, ==, GST_VYRE_SLOT_DATA);
  g_assert_cmpuint (plan->slots[1].bytes, ==, 5);
  g_assert_cmpmem (g_bytes_get_data (plan->slots[1].data, NULL), 5, "abcde", 5);
  gst_vyre_plan_free (plan);

  g_assert_null (plan_of (text, missing, MIB, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT);
  g_assert_nonnull (strstr (error->message, "\"key\""));
  g_clear_error (&error);
  g_assert_null (plan_of (text, directory, MIB, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
  g_clear_error (&error);

  long_contents = g_strnfill (1025, 'x');
  g_assert_true (g_file_set_contents (path, long_contents, 1025, NULL));
  g_assert_null (plan_of (text, escaped, MIB, &error));
  g_assert_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_LIMIT);
  g_unlink (path);
  g_rmdir (folder);
}

static void
test_lengths (void)
{
  static const struct
  {
    const char *text, *bindings;
    guint64 given;
    GstVyreLengths lengths;
  } cases[] = {
#define OUT0 "buffer output: readwrite u32[] @1;"
    /* Padded for the program, cut back for the world. */
    { IN OUT0, NULL, 8, { 8, 8, 0, 8 } },
    { IN OUT0, NULL, 5, { 8, 8, 0, 5 } },
    { IN OUT0, "output=size:len(input)*2", 5, { 8, 12, 0, 10 } },
    { IN OUT0, "output=size:0", 5, { 8, 0, 0, 0 } },
    { "buffer d: readwrite u32[] @0;", NULL, 5, { 8, 8, 0, 5 } },
    { "buffer d: readwrite u8[] @0;", NULL, 5, { 5, 5, 0, 5 } },
    /* Without outgoing buffer. */
    { IN, NULL, 5, { 8, 0, 0, 5 } },
    /* Frames. */
    { "buffer input: readonly u8[100] @0;" OUT0, NULL, 100,
        { 100, 100, 0, 100 } },
    { "buffer input: readonly u8[100] @0;" OUT0, NULL, 30,
        { 100, 100, 0, 30 } },
    { "buffer input: readonly u8[100] @0; buffer output: readwrite u8[25] @1;",
        NULL, 100, { 100, 25, 0, 25 } },
    { "buffer input: readonly u8[100] @0; buffer output: readwrite u8[25] @1;",
        NULL, 30, { 100, 25, 0, 8 } },
    { "buffer input: readonly u8[100] @0;" OUT0, "output=size:len(input)/2", 30,
        { 100, 52, 0, 15 } },
    { "buffer d: readwrite u8[100] @0;", NULL, 7, { 100, 100, 0, 7 } },
    { "buffer input: readonly u8[100] @0;", NULL, 7, { 100, 0, 0, 7 } },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GstVyrePlan) plan =
        plan_of (cases[i].text, cases[i].bindings, MIB, &error);
    GstVyreLengths lengths;

    g_assert_no_error (error);
    g_assert_true (
        gst_vyre_plan_measure (plan, cases[i].given, &lengths, &error));
    g_assert_cmpuint (lengths.input, ==, cases[i].lengths.input);
    g_assert_cmpuint (lengths.outgoing, ==, cases[i].lengths.outgoing);
    g_assert_cmpuint (lengths.leave_offset, ==, cases[i].lengths.leave_offset);
    g_assert_cmpuint (lengths.leave, ==, cases[i].lengths.leave);
  }
}

static void
test_output_limit (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstVyrePlan) plan =
      plan_of (IN OUT0, "output=size:len(input)*1000", 4096, &error);
  GstVyreLengths lengths;

  g_assert_no_error (error);
  g_assert_true (gst_vyre_plan_measure (plan, 4, &lengths, NULL));
  g_assert_false (gst_vyre_plan_measure (plan, 5, &lengths, &error));
  g_assert_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_LIMIT);
  g_assert_nonnull (strstr (error->message, "4096"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/bindings/values", test_values);
  g_test_add_func ("/bindings/items", test_items);
  g_test_add_func ("/bindings/nothing", test_nothing);
  g_test_add_func ("/bindings/malformed", test_malformed);
  g_test_add_func ("/bindings/size-expr", test_size_expr);
  g_test_add_func ("/plan/roles", test_roles);
  g_test_add_func ("/plan/misfits", test_misfits);
  g_test_add_func ("/plan/files", test_files);
  g_test_add_func ("/plan/lengths", test_lengths);
  g_test_add_func ("/plan/output-limit", test_output_limit);
  return g_test_run ();
}
