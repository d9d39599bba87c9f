/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../fixture-tools.h"

#include "cli/conform-expect.h"

/* Blobs made by the original implementation, and what it thought of them. */

typedef void (*CaseFunc) (const char *stem, JsonObject *meta, GByteArray *blob);

/* Calls func for each case of a folder and returns how many there were. The
 * blob is NULL where a case has no file. */
static guint
for_each_case (const char *name, CaseFunc func)
{
  const char *root = g_getenv ("VYRE_FIXTURES");
  g_autofree char *folder = g_build_filename (root, name, NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = g_dir_open (folder, 0, &error);
  const char *entry;
  guint n_cases = 0;

  g_assert_no_error (error);
  while ((entry = g_dir_read_name (dir))) {
    g_autoptr (JsonParser) parser = NULL;
    g_autoptr (GByteArray) blob = NULL;
    g_autofree char *json = g_build_filename (folder, entry, NULL);
    g_autofree char *stem = NULL;
    JsonObject *meta;

    if (!g_str_has_suffix (entry, ".json"))
      continue;
    stem = g_strndup (entry, strlen (entry) - strlen (".json"));
    meta = load_json (json, &parser);
    if (json_object_has_member (meta, "file") &&
        !json_object_get_null_member (meta, "file")) {
      g_autofree char *path = g_build_filename (
          folder, json_object_get_string_member (meta, "file"), NULL);
      char *data;
      gsize length;

      g_file_get_contents (path, &data, &length, &error);
      g_assert_no_error (error);
      blob = g_byte_array_new_take ((guint8 *) data, length);
    }
    g_test_message ("%s/%s", name, stem);
    func (stem, meta, blob);
    n_cases++;
  }
  return n_cases;
}

static gboolean
no_fixtures (void)
{
  const char *root = g_getenv ("VYRE_FIXTURES");

  if (root && *root)
    return FALSE;
  g_test_skip ("no fixtures");
  return TRUE;
}

/* --- rejected blobs ------------------------------------------------------ */

static void
check_bad (const char *stem, JsonObject *meta, GByteArray *blob)
{
  g_autoptr (GByteArray) synthetic = NULL;

  if (!blob) {
    JsonObject *recipe = json_object_get_object_member (meta, "synthetic");
    gint64 length = json_object_get_int_member (recipe, "length");

    synthetic = g_byte_array_new ();
    g_byte_array_set_size (synthetic, (guint) length);
    memset (synthetic->data, (int) json_object_get_int_member (recipe, "fill"),
        length);
    blob = synthetic;
  }
  assert_rejected (blob->data, blob->len, conform_expected_rejection (meta));
}

static void
test_bad (void)
{
  if (!no_fixtures ())
    g_assert_cmpuint (for_each_case ("bad", check_bad), >=, 277);
}

/* --- accepted blobs ------------------------------------------------------ */

static void
check_program (VyreProgram *program, JsonObject *meta)
{
  JsonArray *buffers = json_object_get_array_member (meta, "buffers");
  JsonObject *recorded = json_object_get_object_member (meta, "program");
  JsonArray *size = json_object_get_array_member (recorded, "workgroup_size");

  for (guint i = 0; i < 3; i++)
    g_assert_cmpint (
        program->workgroup_size[i], ==, json_array_get_int_element (size, i));
  g_assert_cmpint (program->entry.n_nodes, ==,
      json_object_get_int_member (recorded, "top_level_nodes"));
  g_assert_cmpuint (program->n_buffers, ==, json_array_get_length (buffers));
  for (guint i = 0; i < program->n_buffers; i++) {
    static const char *const roles[] = { "workgroup", "input", "inout",
      "output" };
    JsonObject *wanted = json_array_get_object_element (buffers, i);
    const VyreBuffer *buffer = &program->buffers[i];

    g_assert_true (vyre_string_is (buffer->name,
                       json_object_get_string_member (wanted, "name")) ||
                   memchr (buffer->name.data, 0, buffer->name.length));
    g_assert_cmpint (
        buffer->binding, ==, json_object_get_int_member (wanted, "binding"));
    g_assert_cmpint (
        buffer->count, ==, json_object_get_int_member (wanted, "count"));
    g_assert_cmpstr (vyre_access_name (buffer->access), ==,
        json_object_get_string_member (wanted, "access"));
    g_assert_cmpstr (vyre_memory_kind_name (buffer->kind), ==,
        json_object_get_string_member (wanted, "kind"));
    if (!json_object_get_null_member (wanted, "element_bits"))
      g_assert_cmpint (vyre_type_bits (buffer->element), ==,
          json_object_get_int_member (wanted, "element_bits"));
    if (json_object_has_member (wanted, "role"))
      g_assert_cmpstr (roles[vyre_buffer_role (buffer)], ==,
          json_object_get_string_member (wanted, "role"));
  }
}

static void
check_lenient (const char *stem, JsonObject *meta, GByteArray *blob)
{
  g_autoptr (VyreProgram) program = decode_ok (blob->data, blob->len);

  check_program (program, meta);
  if (json_object_get_boolean_member (meta, "canonical")) {
    assert_encodes_to (program, blob->data, blob->len);
  } else {
    g_autoptr (GByteArray) wanted =
        from_hex (json_object_get_string_member (meta, "reencoded_hex"));

    assert_encodes_to (program, wanted->data, wanted->len);
  }
}

static void
test_lenient (void)
{
  if (!no_fixtures ())
    g_assert_cmpuint (for_each_case ("lenient", check_lenient), >=, 68);
}

static void
check_round_trip (
    const char *stem, JsonObject *meta, GByteArray *blob, VyreWireFlags flags)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_decode (blob->data, blob->len, flags, &error);
  g_autoptr (VyreProgram) canonical = NULL;
  g_autofree char *digest = NULL;
  g_autofree char *fingerprint = NULL;
  g_autofree char *again = NULL;

  g_assert_no_error (error);
  check_program (program, meta);
  g_assert_true (json_object_get_boolean_member (meta, "roundtrip_identical"));
  assert_encodes_to (program, blob->data, blob->len);

  digest = blake3_hex (blob->data + 40, blob->len - 40);
  g_assert_cmpstr (
      digest, ==, json_object_get_string_member (meta, "digest_blake3"));
  fingerprint = fingerprint_hex (program);
  g_assert_cmpstr (
      fingerprint, ==, json_object_get_string_member (meta, "content_hash"));

  /* The canonical form outlives its source and is its own canonical form. */
  canonical = vyre_program_canonicalize (program);
  g_clear_pointer (&program, vyre_program_unref);
  again = fingerprint_hex (canonical);
  g_assert_cmpstr (again, ==, fingerprint);
}

static void
check_valid (const char *stem, JsonObject *meta, GByteArray *blob)
{
  check_round_trip (stem, meta, blob, VYRE_WIRE_STRICT);
}

static void
test_valid (void)
{
  static const char *const folders[] = { "features", "ops", "realistic",
    "invalid", "runtime_error" };
  guint n_cases = 0;

  if (no_fixtures ())
    return;
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++)
    n_cases += for_each_case (folders[i], check_valid);
  g_assert_cmpuint (n_cases, >=, 481);
}

static void
check_opaque (const char *stem, JsonObject *meta, GByteArray *blob)
{
  check_round_trip (stem, meta, blob, VYRE_WIRE_PRESERVE_UNKNOWN);
  if (!strstr (stem, "datatype"))
    assert_rejected (blob->data, blob->len, VYRE_WIRE_ERROR_UNKNOWN_EXTENSION);
}

static void
test_opaque (void)
{
  if (!no_fixtures ())
    g_assert_cmpuint (for_each_case ("opaque", check_opaque), >=, 6);
}

/* --- hex form ------------------------------------------------------------ */

static char *
read_text (const char *name)
{
  g_autofree char *path =
      g_build_filename (g_getenv ("VYRE_FIXTURES"), "text", name, NULL);
  GError *error = NULL;
  char *text;

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  return text;
}

static void
check_text (const char *stem, JsonObject *meta, GByteArray *blob)
{
  gboolean decodes = json_object_get_boolean_member (meta, "decodes");
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = vyre_program_decode_hex (
      (const char *) blob->data, blob->len, VYRE_WIRE_STRICT, &error);

  if (decodes) {
    g_assert_no_error (error);
    g_assert_nonnull (program);
  } else {
    g_assert_null (program);
    g_assert_error (
        error, VYRE_WIRE_ERROR, (int) conform_expected_rejection (meta));
  }
}

static void
test_text (void)
{
  static const char *const good[] = { "expr_literals.txt", "node_loops.txt" };

  if (no_fixtures ())
    return;
  g_assert_cmpuint (for_each_case ("text", check_text), >=, 11);
  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    g_autofree char *text = read_text (good[i]);
    g_autofree char *again = NULL;
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreProgram) program =
        vyre_program_decode_hex (text, strlen (text), VYRE_WIRE_STRICT, &error);

    g_assert_no_error (error);
    again = vyre_program_encode_hex (program, &error);
    g_assert_no_error (error);
    g_assert_cmpstr (again, ==, text);
  }
}

/* --- programs that do not encode ----------------------------------------- */

static void
check_encode_error (const char *stem, JsonObject *meta, GByteArray *blob)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) p = conform_build_program (meta, FALSE, &error);
  g_autoptr (VyreProgram) replaced = conform_build_program (meta, TRUE, &error);
  guint8 fingerprint[VYRE_DIGEST_BYTES];

  g_assert_no_error (error);
  g_assert_true (json_object_has_member (meta, "encode_error"));
  g_bytes_unref (encode_ok (replaced));
  g_assert_null (vyre_program_encode (p, &error));
  g_assert_error (error, VYRE_WIRE_ERROR, VYRE_WIRE_ERROR_ENCODE);
  g_clear_error (&error);
  g_assert_false (vyre_program_fingerprint (p, fingerprint, &error));
  g_assert_error (error, VYRE_WIRE_ERROR, VYRE_WIRE_ERROR_ENCODE);
  g_assert_null (vyre_program_canonicalize (p));
}

static void
test_encode_error (void)
{
  if (!no_fixtures ())
    g_assert_cmpuint (
        for_each_case ("encode_error", check_encode_error), >=, 4);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/fixtures/bad", test_bad);
  g_test_add_func ("/wire/fixtures/lenient", test_lenient);
  g_test_add_func ("/wire/fixtures/valid", test_valid);
  g_test_add_func ("/wire/fixtures/opaque", test_opaque);
  g_test_add_func ("/wire/fixtures/text", test_text);
  g_test_add_func ("/wire/fixtures/encode-error", test_encode_error);
  return g_test_run ();
}
