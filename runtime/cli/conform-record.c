/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conform-record.h"
#include "cli.h"

#include "hex.h"
#include "vir0/blake3.h"

#include <string.h>

#define MAX_WHY 500 /* bytes; the first differences say enough */

/* --- cases --------------------------------------------------------------- */

void
conform_record_end (ConformRecord *record, const char *format, ...)
{
  g_autofree char *part = NULL;
  g_autofree char *name = NULL;
  va_list args;

  va_start (args, format);
  part = g_strdup_vprintf (format, args);
  va_end (args);
  name = g_strdup_printf ("runtime/%s/%s", record->name, part);
  record->report (
      record->data, name, record->why->len > 0 ? record->why->str : NULL);
  g_string_truncate (record->why, 0);
  record->n_cases++;
}

void
conform_record_differs (ConformRecord *record, const char *format, ...)
{
  va_list args;

  if (record->why->len > MAX_WHY)
    return;
  if (record->why->len > 0)
    g_string_append (record->why, "; ");
  va_start (args, format);
  g_string_append_vprintf (record->why, format, args);
  va_end (args);
}

/* --- reading ------------------------------------------------------------- */

static JsonNode *
member_of (ConformRecord *record, JsonObject *object, const char *member)
{
  JsonNode *node = object ? json_object_get_member (object, member) : NULL;

  if (!node)
    conform_record_differs (record, "no %s is recorded", member);
  return node;
}

static JsonNode *
element_of (ConformRecord *record, JsonArray *array, guint index)
{
  if (index < conform_record_length (array))
    return json_array_get_element (array, index);
  conform_record_differs (record, "no element %u is recorded", index);
  return NULL;
}

static JsonObject *
node_object (ConformRecord *record, JsonNode *node)
{
  if (node && JSON_NODE_HOLDS_OBJECT (node))
    return json_node_get_object (node);
  if (node)
    conform_record_differs (record, "an object should be recorded");
  return NULL;
}

static JsonArray *
node_array (ConformRecord *record, JsonNode *node)
{
  if (node && JSON_NODE_HOLDS_ARRAY (node))
    return json_node_get_array (node);
  if (node)
    conform_record_differs (record, "a list should be recorded");
  return NULL;
}

static guint64
node_number (ConformRecord *record, JsonNode *node, guint64 largest)
{
  if (node && JSON_NODE_HOLDS_VALUE (node)) {
    GType type = json_node_get_value_type (node);

    if (type == G_TYPE_BOOLEAN)
      return json_node_get_boolean (node);
    if (type == G_TYPE_INT64 && json_node_get_int (node) >= 0 &&
        (guint64) json_node_get_int (node) <= largest)
      return (guint64) json_node_get_int (node);
  }
  if (node)
    conform_record_differs (record, "a number should be recorded");
  return 0;
}

JsonObject *
conform_record_object (
    ConformRecord *record, JsonObject *object, const char *member)
{
  return node_object (record, member_of (record, object, member));
}

JsonArray *
conform_record_array (
    ConformRecord *record, JsonObject *object, const char *member)
{
  return node_array (record, member_of (record, object, member));
}

static const char *
node_string (ConformRecord *record, JsonNode *node)
{
  if (node && JSON_NODE_HOLDS_VALUE (node) &&
      json_node_get_value_type (node) == G_TYPE_STRING)
    return json_node_get_string (node);
  if (node)
    conform_record_differs (record, "a text should be recorded");
  return NULL;
}

const char *
conform_record_string (
    ConformRecord *record, JsonObject *object, const char *member)
{
  return node_string (record, member_of (record, object, member));
}

const char *
conform_record_string_at (ConformRecord *record, JsonArray *array, guint index)
{
  return node_string (record, element_of (record, array, index));
}

guint32
conform_record_u32 (
    ConformRecord *record, JsonObject *object, const char *member)
{
  return (guint32) node_number (
      record, member_of (record, object, member), G_MAXUINT32);
}

gboolean
conform_record_boolean (
    ConformRecord *record, JsonObject *object, const char *member)
{
  return node_number (record, member_of (record, object, member), 1) != 0;
}

guint64
conform_record_u64_text (
    ConformRecord *record, JsonObject *object, const char *member)
{
  const char *text = conform_record_string (record, object, member);
  guint64 value = 0;

  if (!text ||
      !g_ascii_string_to_unsigned (text, 10, 0, G_MAXUINT64, &value, NULL))
    conform_record_differs (record, "%s should be a number in quotes", member);
  return value;
}

static GByteArray *
hex_bytes (ConformRecord *record, const char *hex)
{
  gsize n = hex ? strlen (hex) : 0;
  GByteArray *bytes = g_byte_array_sized_new ((guint) (n / 2));
  gsize i;

  if (!hex || n % 2 != 0 || strspn (hex, "0123456789abcdefABCDEF") != n) {
    conform_record_differs (record, "pairs of hexadecimal digits are missing");
    return bytes;
  }
  for (i = 0; i < n; i += 2) {
    guint8 byte = (guint8) (g_ascii_xdigit_value (hex[i]) << 4 |
                            g_ascii_xdigit_value (hex[i + 1]));

    g_byte_array_append (bytes, &byte, 1);
  }
  return bytes;
}

GByteArray *
conform_record_hex (
    ConformRecord *record, JsonObject *object, const char *member)
{
  return hex_bytes (record, conform_record_string (record, object, member));
}

GByteArray *
conform_record_hex_at (ConformRecord *record, JsonArray *array, guint index)
{
  return hex_bytes (record, conform_record_string_at (record, array, index));
}

guint
conform_record_length (JsonArray *array)
{
  return array ? json_array_get_length (array) : 0;
}

JsonObject *
conform_record_object_at (ConformRecord *record, JsonArray *array, guint index)
{
  return node_object (record, element_of (record, array, index));
}

JsonArray *
conform_record_array_at (ConformRecord *record, JsonArray *array, guint index)
{
  return node_array (record, element_of (record, array, index));
}

guint32
conform_record_u32_at (ConformRecord *record, JsonArray *array, guint index)
{
  return (guint32) node_number (
      record, element_of (record, array, index), G_MAXUINT32);
}

/* --- comparing ----------------------------------------------------------- */

void
conform_record_same (
    ConformRecord *record, const char *what, guint64 wanted, guint64 got)
{
  if (wanted != got)
    conform_record_differs (record,
        "%s is %" G_GUINT64_FORMAT ", recorded is %" G_GUINT64_FORMAT, what,
        got, wanted);
}

void
conform_record_expect (
    ConformRecord *record, JsonObject *object, const char *member, guint64 got)
{
  JsonNode *node = member_of (record, object, member);

  if (node)
    conform_record_same (
        record, member, node_number (record, node, G_MAXINT64), got);
}

void
conform_record_expect_words (ConformRecord *record, const GByteArray *wanted,
    const guint32 *words, gsize n_words)
{
  gsize i;

  conform_record_same (record, "length in bytes", wanted->len, n_words * 4);
  for (i = 0; i < n_words && i < wanted->len / 4; i++) {
    guint32 word;

    memcpy (&word, wanted->data + i * 4, 4);
    word = GUINT32_FROM_LE (word);
    if (words[i] != word)
      conform_record_differs (record,
          "word %" G_GSIZE_FORMAT " is %#x, recorded is %#x", i, words[i],
          word);
  }
}

static void
expect_digest (ConformRecord *record, JsonObject *sparse, const guint32 *words,
    gsize n_words)
{
  const char *wanted = conform_record_string (record, sparse, "blake3");
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  g_autofree char *digest = NULL;
  guint8 raw[32];
  gsize i;

  for (i = 0; i < n_words; i++) {
    guint32 word = GUINT32_TO_LE (words[i]);

    g_byte_array_append (bytes, (const guint8 *) &word, 4);
  }
  vyre_blake3 (bytes->data, bytes->len, raw);
  digest = vyre_hex_dup (raw, sizeof raw);
  if (g_strcmp0 (digest, wanted) != 0)
    conform_record_differs (record, "the digest is %s", digest);
}

void
conform_record_expect_sparse (ConformRecord *record, JsonObject *sparse,
    const guint32 *words, gsize n_words)
{
  JsonArray *pairs = conform_record_array (record, sparse, "nonzero_words");
  guint n_pairs = conform_record_length (pairs);
  gsize nonzero = 0, next = 0, i;

  conform_record_expect (record, sparse, "bytes", n_words * 4);
  for (i = 0; i < n_words; i++)
    nonzero += words[i] != 0;
  conform_record_same (record, "words that are not 0", n_pairs, nonzero);
  for (i = 0; i < n_pairs; i++) {
    JsonArray *pair = conform_record_array_at (record, pairs, (guint) i);
    guint32 index = conform_record_u32_at (record, pair, 0);
    guint32 value = conform_record_u32_at (record, pair, 1);

    if (index < next || index >= n_words || words[index] != value)
      conform_record_differs (record, "word %u is not %#x", index, value);
    next = (gsize) index + 1;
  }
  expect_digest (record, sparse, words, n_words);
}

/* --- errors -------------------------------------------------------------- */

/* A piece of the original's message, and the class that it has here: there,
 * one class stands for most refusals (section 22). The first that fits. */
static const struct
{
  const char *text;
  VyreRingError code;
} errors[] = {
  { "slot_idx must be < slot_count", VYRE_RING_ERROR_INVALID_ARGUMENT },
  { "byte length overflow", VYRE_RING_ERROR_INVALID_ARGUMENT },
  { "depth and width must be non-zero", VYRE_RING_ERROR_INVALID_ARGUMENT },
  { "not publishable", VYRE_RING_ERROR_BUSY },
  { "exceeds ring slot count", VYRE_RING_ERROR_FULL },
  { "exact multiple of SLOT_WORDS", VYRE_RING_ERROR_MALFORMED },
  { "not a whole number of u32 words", VYRE_RING_ERROR_MALFORMED },
  { "is missing word", VYRE_RING_ERROR_MALFORMED },
  { "control snapshot has", VYRE_RING_ERROR_MALFORMED },
  { "ring snapshot has", VYRE_RING_ERROR_MALFORMED },
};

static void
expect_error (ConformRecord *record, const char *text, const GError *error)
{
  guint i = 0;

  while (
      i < G_N_ELEMENTS (errors) && !strstr (text ? text : "", errors[i].text))
    i++;
  if (i == G_N_ELEMENTS (errors))
    conform_record_differs (
        record, "the recorded error is not known: %s", text ? text : "no text");
  else if (!g_error_matches (error, VYRE_RING_ERROR, errors[i].code))
    conform_record_differs (record, "class %d of \"%s\" is not that of \"%s\"",
        error->code, error->message, text);
  if (!strstr (error->message, "Fix: "))
    conform_record_differs (
        record, "\"%s\" does not say what to do", error->message);
}

gboolean
conform_record_expect_result (
    ConformRecord *record, JsonObject *result, gboolean ok, const GError *error)
{
  gboolean wanted = result && json_object_has_member (result, "ok");

  if (!result)
    return FALSE;
  if (wanted == json_object_has_member (result, "error")) {
    conform_record_differs (record, "either ok or error should be recorded");
    return FALSE;
  }
  if (wanted && !ok)
    conform_record_differs (record, "failed: %s", error->message);
  else if (!wanted && ok)
    conform_record_differs (record, "did not fail");
  else if (!ok)
    expect_error (
        record, conform_record_string (record, result, "error"), error);
  return wanted && ok;
}
