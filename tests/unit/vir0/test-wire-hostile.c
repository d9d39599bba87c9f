/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-tools.h"

#include "wire-vectors.h"

/* Damaged and expensive blobs. What they test shows under the sanitizers. */

static const char *const seeds[] = { example_b, example_c, example_d };

/* Decodes with either flag; what is accepted must encode, and what it encodes
 * to must be its own encoding. */
static void
decode_any (const GByteArray *blob)
{
  for (guint flags = 0; flags < 2; flags++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreProgram) program =
        vyre_program_decode (blob->data, blob->len, flags, &error);
    g_autoptr (VyreProgram) again = NULL;
    g_autoptr (GBytes) first = NULL;
    g_autoptr (GBytes) second = NULL;
    g_autofree char *fingerprint = NULL;

    if (!program) {
      g_assert_true (error->domain == VYRE_WIRE_ERROR);
      continue;
    }
    first = encode_ok (program);
    again = vyre_program_decode (g_bytes_get_data (first, NULL),
        g_bytes_get_size (first), flags, &error);
    g_assert_no_error (error);
    second = encode_ok (again);
    g_assert_true (g_bytes_equal (first, second));
    fingerprint = fingerprint_hex (program);
  }
}

static void
test_truncations (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (seeds); i++) {
    g_autoptr (GByteArray) blob = from_hex (seeds[i]);
    guint length = blob->len;

    for (guint n = length; n > 40; n--) {
      /* Its own allocation, so that reading one byte too far is seen. */
      g_autoptr (GByteArray) cut = g_byte_array_new ();

      g_byte_array_append (cut, blob->data, n);
      repair_digest (cut);
      decode_any (cut);
    }
  }
}

static void
test_every_byte (void)
{
  static const guint8 values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };

  for (guint i = 0; i < G_N_ELEMENTS (seeds); i++) {
    g_autoptr (GByteArray) blob = from_hex (seeds[i]);

    for (guint n = 40; n < blob->len; n++) {
      guint8 byte = blob->data[n];

      for (guint v = 0; v < G_N_ELEMENTS (values); v++) {
        blob->data[n] = values[v];
        repair_digest (blob);
        decode_any (blob);
      }
      blob->data[n] = byte;
    }
  }
}

static void
test_mutations (void)
{
  gint64 end = g_get_monotonic_time () + 3 * G_USEC_PER_SEC;
  guint n_rounds = 0;

  while (n_rounds < 20000 && g_get_monotonic_time () < end) {
    g_autoptr (GByteArray) blob =
        from_hex (seeds[g_test_rand_int_range (0, G_N_ELEMENTS (seeds))]);
    guint n_changes = g_test_rand_int_range (1, 6);

    for (guint i = 0; i < n_changes; i++) {
      guint at = g_test_rand_int_range (40, blob->len);

      switch (g_test_rand_int_range (0, 3)) {
        case 0:
          blob->data[at] = (guint8) g_test_rand_int ();
          break;
        case 1:
          /* A tag or a small number. */
          blob->data[at] = (guint8) g_test_rand_int_range (0, 32);
          break;
        default:
          if (blob->len > 60)
            g_byte_array_remove_index (blob, at);
      }
    }
    repair_digest (blob);
    decode_any (blob);
    n_rounds++;
  }
  g_test_message ("%u rounds", n_rounds);
  g_assert_cmpuint (n_rounds, >, 0);
}

/* --- blobs that announce more than they hold ----------------------------- */

static void
put_leb (GByteArray *out, guint64 value)
{
  guint8 byte;

  do {
    byte = (value & 0x7f) | (value > 0x7f ? 0x80 : 0);
    g_byte_array_append (out, &byte, 1);
    value >>= 7;
  } while (value > 0);
}

static GByteArray *
with_statement (const char *op_id, const GByteArray *payload)
{
  g_autoptr (GByteArray) empty = from_hex (example_a0);
  GByteArray *blob = g_byte_array_new ();

  g_byte_array_append (blob, empty->data, empty->len - 2);
  blob->data[0x28] = 2;
  put_leb (blob, strlen (op_id));
  g_byte_array_append (blob, (const guint8 *) op_id, strlen (op_id));
  put_leb (blob, payload->len);
  g_byte_array_append (blob, payload->data, payload->len);
  g_byte_array_append (blob, (const guint8 *) "\0\0\0", 3);
  repair_digest (blob);
  return blob;
}

static void
test_announced_lists (void)
{
  /* 63 Blocks in each other, every one announcing a million statements. */
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  g_autoptr (GByteArray) blob = NULL;

  for (guint i = 0; i < 63; i++)
    g_byte_array_append (payload, (const guint8 *) "\x06\x40\x42\x0f\0", 5);
  blob = with_statement ("vyre.node.block", payload);
  assert_rejected (blob->data, blob->len, VYRE_WIRE_ERROR_TRUNCATED);

  payload->data[1] = 0x41;
  g_clear_pointer (&blob, g_byte_array_unref);
  blob = with_statement ("vyre.node.block", payload);
  assert_rejected (blob->data, blob->len, VYRE_WIRE_ERROR_LIMIT);
}

static void
test_long_list (void)
{
  /* A million Return statements, which is allowed. */
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  g_autoptr (GByteArray) blob = NULL;
  g_autoptr (VyreProgram) program = NULL;

  g_byte_array_append (payload, (const guint8 *) "\x06\x40\x42\x0f\0", 5);
  g_byte_array_set_size (payload, 5 + 1000000);
  memset (payload->data + 5, VYRE_NODE_RETURN, 1000000);
  blob = with_statement ("vyre.node.block", payload);
  program = decode_ok (blob->data, blob->len);
  g_assert_cmpuint (program->entry.nodes[0]->body.n_nodes, ==, 1000000);
  /* More statements at the top level of the canonical form than a decoder
   * would read; there is a fingerprint all the same. */
  g_free (fingerprint_hex (program));
}

static void
test_type_bomb (void)
{
  /* let "" = cast <20,000 nested types> true */
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  g_autoptr (GByteArray) blob = NULL;

  g_byte_array_append (payload, (const guint8 *) "\0\0\0\0\0\x0d", 6);
  for (guint i = 0; i < 20000; i++)
    g_byte_array_append (payload, (const guint8 *) "\x16", 1);
  g_byte_array_append (payload, (const guint8 *) "\x01\x02\x01", 3);
  blob = with_statement ("vyre.node.let", payload);
  assert_rejected (blob->data, blob->len, VYRE_WIRE_ERROR_LIMIT);

  g_byte_array_remove_range (payload, 6, 20000 - 4096);
  g_clear_pointer (&blob, g_byte_array_unref);
  blob = with_statement ("vyre.node.let", payload);
  decode_any (blob);
  vyre_program_unref (decode_ok (blob->data, blob->len));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/wire/hostile/truncations", test_truncations);
  g_test_add_func ("/wire/hostile/every-byte", test_every_byte);
  g_test_add_func ("/wire/hostile/mutations", test_mutations);
  g_test_add_func ("/wire/hostile/announced-lists", test_announced_lists);
  g_test_add_func ("/wire/hostile/long-list", test_long_list);
  g_test_add_func ("/wire/hostile/type-bomb", test_type_bomb);
  return g_test_run ();
}
