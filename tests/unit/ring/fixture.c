/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <string.h>

#include "vir0/blake3.h"

char *
fixture_folder (void)
{
  const char *folder = g_getenv ("VYRE_FIXTURES");

  if (folder == NULL || *folder == '\0')
    return NULL;
  return g_build_filename (folder, "runtime", NULL);
}

Fixture *
fixture_open (const char *name)
{
  g_autofree char *folder = fixture_folder ();
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  Fixture *fixture;

  if (folder == NULL) {
    g_test_skip ("VYRE_FIXTURES names no folder");
    return NULL;
  }
  path = g_strdup_printf ("%s/%s.json", folder, name);
  fixture = g_new0 (Fixture, 1);
  fixture->parser = json_parser_new ();
  json_parser_load_from_file (fixture->parser, path, &error);
  g_assert_no_error (error);
  fixture->root = json_node_get_object (json_parser_get_root (fixture->parser));
  return fixture;
}

void
fixture_close (Fixture *fixture)
{
  if (fixture == NULL)
    return;
  g_object_unref (fixture->parser);
  g_free (fixture);
}

JsonNode *
fixture_member (JsonObject *object, const char *name)
{
  JsonNode *node = json_object_get_member (object, name);

  if (node == NULL)
    g_error ("fixture has no member %s", name);
  return node;
}

JsonObject *
fixture_object (JsonObject *object, const char *name)
{
  return json_node_get_object (fixture_member (object, name));
}

JsonArray *
fixture_array (JsonObject *object, const char *name)
{
  return json_node_get_array (fixture_member (object, name));
}

static guint32
node_u32 (JsonNode *node)
{
  gint64 value = json_node_get_int (node);

  g_assert_cmpint (value, >=, 0);
  g_assert_cmpint (value, <=, G_MAXUINT32);
  return (guint32) value;
}

guint32
fixture_u32 (JsonObject *object, const char *name)
{
  return node_u32 (fixture_member (object, name));
}

guint32
fixture_at (JsonArray *array, guint index)
{
  g_assert_cmpuint (index, <, json_array_get_length (array));
  return node_u32 (json_array_get_element (array, index));
}

gboolean
fixture_bool (JsonObject *object, const char *name)
{
  return json_node_get_boolean (fixture_member (object, name));
}

guint64
fixture_u64_text (JsonObject *object, const char *name)
{
  guint64 value;

  g_assert_true (g_ascii_string_to_unsigned (
      json_node_get_string (fixture_member (object, name)), 10, 0, G_MAXUINT64,
      &value, NULL));
  return value;
}

gboolean
fixture_has (JsonObject *object, const char *name)
{
  return json_object_has_member (object, name);
}

gboolean
fixture_is_error (JsonObject *object)
{
  g_assert_true (fixture_has (object, "ok") != fixture_has (object, "error"));
  return fixture_has (object, "error");
}

GByteArray *
fixture_hex (const char *hex)
{
  gsize n = strlen (hex) / 2;
  GByteArray *bytes = g_byte_array_sized_new (n);
  gsize i;

  g_assert_cmpuint (strlen (hex) % 2, ==, 0);
  for (i = 0; i < n; i++) {
    guint8 byte = g_ascii_xdigit_value (hex[2 * i]) << 4 |
                  g_ascii_xdigit_value (hex[2 * i + 1]);

    g_byte_array_append (bytes, &byte, 1);
  }
  return bytes;
}

GByteArray *
fixture_hex_member (JsonObject *object, const char *name)
{
  return fixture_hex (json_node_get_string (fixture_member (object, name)));
}

void
fixture_assert_words (const guint32 *words, gsize n_words, const char *hex)
{
  g_autoptr (GByteArray) bytes = fixture_hex (hex);
  gsize i;

  g_assert_cmpuint (bytes->len, ==, n_words * 4);
  for (i = 0; i < n_words; i++) {
    guint32 word;

    memcpy (&word, bytes->data + i * 4, 4);
    g_assert_cmphex (words[i], ==, GUINT32_FROM_LE (word));
  }
}

void
fixture_assert_sparse (const guint32 *words, gsize n_words, JsonObject *sparse)
{
  JsonArray *pairs = fixture_array (sparse, "nonzero_words");
  guint n_pairs = json_array_get_length (pairs);
  g_autofree char *digest = g_malloc0 (65);
  guint8 raw[32];
  guint nonzero = 0;
  gsize i;

  g_assert_cmpuint (n_words * 4, ==, fixture_u32 (sparse, "bytes"));
  for (i = 0; i < n_words; i++)
    nonzero += words[i] != 0;
  g_assert_cmpuint (nonzero, ==, n_pairs);
  for (i = 0; i < n_pairs; i++) {
    JsonArray *pair = json_array_get_array_element (pairs, (guint) i);

    g_assert_cmpuint (fixture_at (pair, 0), <, n_words);
    g_assert_cmphex (words[fixture_at (pair, 0)], ==, fixture_at (pair, 1));
  }
  /* Hosts of these tests are little-endian, as the GPUs are. */
  vyre_blake3 (words, n_words * 4, raw);
  for (i = 0; i < sizeof raw; i++)
    g_snprintf (digest + 2 * i, 3, "%02x", raw[i]);
  g_assert_cmpstr (
      digest, ==, json_node_get_string (fixture_member (sparse, "blake3")));
}
