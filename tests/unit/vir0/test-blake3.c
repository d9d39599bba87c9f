/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "../fixture-tools.h"

/* Byte n of a test input is n modulo 251. */
static GByteArray *
test_input (gsize length)
{
  GByteArray *input = g_byte_array_sized_new ((guint) length + 1);

  g_byte_array_set_size (input, (guint) length);
  for (gsize i = 0; i < length; i++)
    input->data[i] = (guint8) (i % 251);
  return input;
}

static void
assert_hash (gsize length, const char *wanted)
{
  g_autoptr (GByteArray) input = test_input (length);
  g_autofree char *got = blake3_hex (input->data, length);

  g_assert_cmpstr (got, ==, wanted);
}

static void
test_table (void)
{
  static const struct
  {
    gsize length;
    const char *hash;
  } table[] = {
    { 0, "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262" },
    { 1, "2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213" },
    { 63, "e9bc37a594daad83be9470df7f7b3798297c3d834ce80ba85d6e207627b7db7b" },
    { 64, "4eed7141ea4a5cd4b788606bd23f46e212af9cacebacdc7d1f4c6dc7f2511b98" },
    { 65, "de1e5fa0be70df6d2be8fffd0e99ceaa8eb6e8c93a63f2d8d1c30ecb6b263dee" },
    { 1023,
        "10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11" },
    { 1024,
        "42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7" },
    { 1025,
        "d00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444" },
    { 2048,
        "e776b6028c7cd22a4d0ba182a8bf62205d2ef576467e838ed6f2529b85fba24a" },
    { 2049,
        "5f4d72f40d7a5f82b15ca2b2e44b1de3c2ef86c426c95c1af0b6879522563030" },
    { 3073,
        "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3" },
    { 8192,
        "aae792484c8efe4f19e2ca7d371d8c467ffb10748d8a5a1ae579948f718a2a63" },
    { 102400,
        "bc3e3d41a1146b069abffad3c0d44860cf664390afce4d9661f7902e7943e085" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (table); i++)
    assert_hash (table[i].length, table[i].hash);
}

static void
test_official (void)
{
  const char *folder = g_getenv ("VYRE_FIXTURES");
  g_autofree char *path = NULL;
  g_autoptr (JsonParser) parser = NULL;
  JsonArray *cases;

  if (!folder || !*folder) {
    g_test_skip ("no fixtures");
    return;
  }
  path = g_build_filename (folder, "blake3", "test_vectors.json", NULL);
  cases = json_object_get_array_member (load_json (path, &parser), "cases");
  g_assert_cmpuint (json_array_get_length (cases), >=, 35);
  for (guint i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *object = json_array_get_object_element (cases, i);
    /* Extended output: the default hash is its beginning. */
    g_autofree char *hash =
        g_strndup (json_object_get_string_member (object, "hash"), 64);

    assert_hash (json_object_get_int_member (object, "input_len"), hash);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/blake3/table", test_table);
  g_test_add_func ("/blake3/official", test_official);
  return g_test_run ();
}
