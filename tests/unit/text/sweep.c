/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <string.h>

#include "vir0/text.h"

/* Damaged texts: whatever still parses prints, parses and encodes to the same;
 * everything else is an error with a position. Meant to run under sanitizers.
 * Bounded by time; the seed is GTest's, printed at the start. */

#define SECONDS 1.5

static const char sample[] =
    "program \"op.id\" workgroup(8, 4) non_composable; // header\n"
    "buffer input: readonly u8[] @0 kind(global) coalesce(1) align(16);\n"
    "buffer `o ut`: readwrite u32[4] @1 output live_out range(0..16);\n"
    "buffer t: workgroup quantized(i4, per_group(4), per_channel(1))[9];\n"
    "buffer w: uniform array(12)[2] @3 locality(random);\n"
    "main {\n"
    "  let i = invocation_id.x + local_id[1] * 'a';\n"
    "  if i < len(input) && !(i == 0x10) || true {\n"
    "    `o ut`[i] = ~u32(input[i]) << 3 ^ -(5i32) & select(a, 1.5e3, -inf);\n"
    "  } else if atomic_compare_exchange.relaxed(w[0], 1, 2) > 0 {\n"
    "    for j in 0..10 { i = i + fma(1.0, f32_bits(0x7fc00001), nan); }\n"
    "    loop { return; }\n"
    "  } else { barrier.grid_sync; }\n"
    "  region \"gen\\u{0}\" from \"src\" { trap(i, \"t\"); opaque(\"k\", "
    "\"00\"); }\n"
    "  let c = cast(vec(tensor_shaped(sparse_bsr(u8, 1, 2), 3), 4), i);\n"
    "  let d = opaque_binary(0x80000000, 7u64, opaque(\"x\", \"ff\"));\n"
    "  async_load(a, b, 0, 16, \"t\"); all_reduce(a, bit_xor, 0);\n"
    "  broadcast(a, 1, 2); indirect_dispatch(a, 8); /* end */\n"
    "}\n";

static const char *const pieces[] = { "(", ")", "{", "}", "[", "]", ";", ",",
  ":", "@", "=", "..", ".", "<", ">>", "&&", "-", "!", "~", "*", "\"", "`", "'",
  "\\", "//", "/*", "*/", "0", "1", "4294967296", "0x", "1e9", "5i32", "0.5",
  "nan", "let ", "if ", "else ", "for ", "in ", "loop ", "main ", "region ",
  "return", "barrier", "buffer ", "u32", "vec(", "cast(", "len(", "atomic_add",
  "opaque(", "call(", "`x`", "\"s\"", "\\u{0}", "\n", "\t", "\xc3\xa4", "\xff",
  "\xed\xa0\x80", "\x01" };

static void
damage (GString *text)
{
  guint n = g_test_rand_int_range (1, 4);

  while (n-- > 0 && text->len > 0) {
    gsize at = g_test_rand_int_range (0, text->len);
    gsize wanted = g_test_rand_int_range (1, 12);
    gsize length = MIN (text->len - at, wanted);
    g_autofree char *copy = NULL;

    switch (g_test_rand_int_range (0, 5)) {
      case 0:
        g_string_erase (text, at, length);
        break;
      case 1:
        g_string_insert (
            text, at, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);
        break;
      case 2:
        copy = g_strndup (text->str + at, length);
        g_string_insert (text, g_test_rand_int_range (0, text->len + 1), copy);
        break;
      case 3:
        text->str[at] = g_test_rand_int_range (0, 256);
        break;
      default:
        g_string_truncate (text, at);
        break;
    }
  }
}

/* Tokens without any order. */
static void
soup (GString *text)
{
  guint n = g_test_rand_int_range (1, 40);

  g_string_assign (text, "program workgroup(1);");
  while (n-- > 0)
    g_string_append (
        text, pieces[g_test_rand_int_range (0, G_N_ELEMENTS (pieces))]);
}

/* Whether it parsed. */
static gboolean
check (const char *data, gsize length)
{
  g_autofree char *text = g_memdup2 (data, length);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = vyre_program_parse (text, length, &error);
  g_autoptr (VyreProgram) again = NULL;
  g_autoptr (GBytes) blob = NULL;
  g_autoptr (GBytes) other = NULL;
  g_autofree char *printed = NULL;
  g_autofree char *reprinted = NULL;
  guint line, column;

  if (!program) {
    g_assert_nonnull (error);
    g_assert_cmpint (sscanf (error->message, "%u:%u: ", &line, &column), ==, 2);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    return FALSE;
  }
  printed = vyre_program_print (program);
  again = vyre_program_parse (printed, strlen (printed), &error);
  g_assert_no_error (error);
  reprinted = vyre_program_print (again);
  g_assert_cmpstr (reprinted, ==, printed);
  blob = vyre_program_encode (program, NULL);
  other = vyre_program_encode (again, NULL);
  g_assert_true ((blob == NULL) == (other == NULL));
  g_assert_true (!blob || g_bytes_equal (blob, other));
  return TRUE;
}

static void
test_sweep (void)
{
  g_auto (GStrv) names = vyre_program_list_shipped ();
  g_autoptr (GPtrArray) seeds = g_ptr_array_new_with_free_func (g_free);
  gint64 end = g_get_monotonic_time () + SECONDS * G_USEC_PER_SEC;
  guint parsed = 0, refused = 0;

  g_assert_true (check (sample, strlen (sample)));
  g_ptr_array_add (seeds, g_strdup (sample));
  for (char **name = names; *name; name++) {
    g_autoptr (VyreProgram) program = vyre_program_load_shipped (*name, NULL);

    g_assert_nonnull (program);
    g_ptr_array_add (seeds, vyre_program_print (program));
  }

  do {
    g_autoptr (GString) text =
        g_string_new (seeds->pdata[g_test_rand_int_range (0, seeds->len)]);

    if (g_test_rand_bit ())
      damage (text);
    else
      soup (text);
    if (check (text->str, text->len))
      parsed++;
    else
      refused++;
  } while (g_get_monotonic_time () < end);
  g_test_message ("%u parsed, %u refused", parsed, refused);
  g_assert_cmpuint (refused, >, 100);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/text/sweep", test_sweep);
  return g_test_run ();
}
