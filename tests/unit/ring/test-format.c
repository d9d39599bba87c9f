/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Formats of debug records, good and bad ones, and reading a log that is being
 * written. */
#include <string.h>

#include "ring/words.h"
#include "telemetry/format.h"

static guint32
bits (float value)
{
  guint32 word;

  memcpy (&word, &value, sizeof word);
  return word;
}

static void
assert_renders (
    const char *format, guint32 a, guint32 b, guint32 c, const char *wanted)
{
  g_autoptr (VyreFormats) formats = vyre_formats_new ();
  VyreRingDebugRecord record = { 5, { a, b, c } };
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;

  g_assert_true (vyre_formats_add (formats, 5, format, -1, &error));
  g_assert_no_error (error);
  text = vyre_formats_render (formats, &record);
  g_assert_cmpstr (text, ==, wanted);
}

static void
test_render (void)
{
  assert_renders ("", 1, 2, 3, "");
  assert_renders ("plain text", 1, 2, 3, "plain text");
  assert_renders ("%u", G_MAXUINT32, 0, 0, "4294967295");
  assert_renders ("%d", G_MAXUINT32, 0, 0, "-1");
  assert_renders ("%d", 0x80000000u, 0, 0, "-2147483648");
  assert_renders ("%u|%d|%x", 0, 0, 0, "0|0|0");
  assert_renders ("%x %X", 0xdeadbeefu, 0xdeadbeefu, 0, "deadbeef DEADBEEF");
  assert_renders ("%08x", 0xab, 0, 0, "000000ab");
  assert_renders ("%8x|", 0xab, 0, 0, "      ab|");
  assert_renders ("%2x", 0xabcdef, 0, 0, "abcdef");
  assert_renders ("%5d|%05d", (guint32) -42, (guint32) -42, 0, "  -42|-0042");
  assert_renders ("%64u", 7, 0, 0,
      "                                                               7");
  assert_renders ("a%%b%u%%", 3, 0, 0, "a%b3%");
  assert_renders ("%%%%", 3, 0, 0, "%%");
  assert_renders ("%%u", 3, 0, 0, "%u");
  assert_renders ("%c%c%c", 'o', 'k', '!', "ok!");
  assert_renders ("%c", 0xe4, 0, 0, "\303\244");
  /* What a terminal would obey, or is no character. */
  assert_renders ("%c%c%c", 0x1b, '\n', 0, "\\x1b\\x0a\\x00");
  assert_renders ("%c%c%c", 0xd800, 0x110000, G_MAXUINT32,
      "\\u{d800}\\u{110000}\\u{ffffffff}");
  assert_renders ("%f %f", bits (1.5f), bits (-0.0f), 0, "1.500000 -0.000000");
  assert_renders ("%f", bits (3.4028235e38f), 0, 0,
      "340282346638528859811704183484516925440.000000");
  assert_renders (
      "%f %f %f", 0x7f800000u, 0xff800000u, 0xffffffffu, "inf -inf nan");
  assert_renders (
      "Gr\303\266\303\237e %u\n\tend", 9, 0, 0, "Gr\303\266\303\237e 9\n\tend");
  /* Words beyond those asked for. */
  assert_renders ("%u", 1, 2, 3, "1");
}

static void
test_unknown (void)
{
  g_autoptr (VyreFormats) formats = vyre_formats_new ();
  VyreRingDebugRecord record = { 77, { 1, 2, 3 } };
  g_autofree char *text = vyre_formats_render (formats, &record);

  g_assert_cmpstr (text, ==, "format 77, which nobody has told: 1 2 3");
}

static void
test_refused (void)
{
  static const struct
  {
    const char *text;
    gssize length;
    guint at; /* byte, from 1 */
  } cases[] = {
    { "%", -1, 1 },
    { "abc %", -1, 5 },
    { "%s", -1, 1 },
    { "%n", -1, 1 },
    { "100%, %u", -1, 4 },
    { "%%%", -1, 3 },
    { "%u %u %u %u", -1, 10 },
    { "%lu", -1, 1 },
    { "%-5d", -1, 1 },
    { "%+d", -1, 1 },
    { "%#x", -1, 1 },
    { "%*u", -1, 1 },
    { "%1$u", -1, 1 },
    { "%.3f", -1, 1 },
    { "%5f", -1, 1 },
    { "%3c", -1, 1 },
    { "%0x", -1, 1 },
    { "%0", -1, 1 },
    { "%08", -1, 1 },
    { "x %65u", -1, 3 },
    { "%99999999999999999999u", -1, 1 },
    { "%i", -1, 1 },
    { "%p", -1, 1 },
    { "bell\007", -1, 5 },
    { "\033[2J", -1, 1 },
    { "a\rb", -1, 2 },
    { "\302\205", -1, 1 }, /* NEL */
    { "ab\377", -1, 3 },
    { "cut \303", -1, 5 },
    { "zero\0%u", 7, 5 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (VyreFormats) formats = vyre_formats_new ();
    g_autofree char *wanted =
        g_strdup_printf ("format 9: byte %u: ", cases[i].at);
    g_autoptr (GError) error = NULL;

    g_assert_false (
        vyre_formats_add (formats, 9, cases[i].text, cases[i].length, &error));
    g_assert_error (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_SYNTAX);
    if (!g_str_has_prefix (error->message, wanted))
      g_error ("case %u: %s", i, error->message);
    g_assert_true (g_utf8_validate (error->message, -1, NULL));
    g_assert_cmpuint (vyre_formats_size (formats), ==, 0);
  }
}

static void
test_limits (void)
{
  g_autoptr (VyreFormats) formats = vyre_formats_new ();
  g_autofree char *longest = g_strnfill (VYRE_FORMAT_MAX_BYTES, 'x');
  g_autofree char *longer = g_strnfill (VYRE_FORMAT_MAX_BYTES + 1, 'x');
  g_autoptr (GError) error = NULL;

  g_assert_true (vyre_formats_add (formats, 1, longest, -1, &error));
  g_assert_false (vyre_formats_add (formats, 2, longer, -1, &error));
  g_assert_error (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_false (vyre_formats_add (formats, 0, "x", -1, &error));
  g_assert_error (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_ID);
  g_clear_error (&error);

  /* Once more the same is fine, another text is not. */
  g_assert_true (vyre_formats_add (formats, G_MAXUINT32, "a %u", -1, &error));
  g_assert_true (vyre_formats_add (formats, G_MAXUINT32, "a %u", -1, &error));
  g_assert_false (vyre_formats_add (formats, G_MAXUINT32, "b %u", -1, &error));
  g_assert_error (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_ID);
  g_clear_error (&error);

  for (guint32 id = 2; id < VYRE_FORMATS_MAX; id++)
    g_assert_true (vyre_formats_add (formats, id, "x", 1, NULL));
  g_assert_cmpuint (vyre_formats_size (formats), ==, VYRE_FORMATS_MAX);
  g_assert_false (vyre_formats_add (formats, 1u << 20, "x", 1, &error));
  g_assert_error (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_LIMIT);
  g_assert_true (vyre_formats_add (formats, 2, "x", 1, NULL));
}

static void
test_table (void)
{
  const char *good = "# comment\n\n1 one %u\r\n0x10\ttab\\tand\\nline\\\\ %x\n"
                     "4294967295  leading space\n7 no newline at the end";
  static const struct
  {
    const char *text, *message;
  } bad[] = {
    { "1 ok\n2 %q\n", "line 2: format 2: byte 1: " },
    { "\n\nx y\n", "line 3: a number" },
    { "5\n", "line 1: a number" },
    { "-1 x\n", "line 1: a number" },
    { "4294967296 x\n", "line 1: a number" },
    { "0x x\n", "line 1: a number" },
    { "1 a\\q\n", "line 1: format 1: a backslash" },
    { "1 a\\\n", "line 1: format 1: a backslash" },
    { "0 zero\n", "line 1: format 0 " },
    { "1 a\n1 b\n", "line 2: format 1 is there" },
    { "00000000000000000000000001 x\n", "line 1: a number" },
  };
  g_autoptr (VyreFormats) formats = vyre_formats_new ();
  g_autoptr (GError) error = NULL;
  VyreRingDebugRecord record = { 16, { 255, 0, 0 } };
  g_autofree char *text = NULL;

  g_assert_true (vyre_formats_add_table (formats, good, strlen (good), &error));
  g_assert_no_error (error);
  g_assert_cmpuint (vyre_formats_size (formats), ==, 4);
  text = vyre_formats_render (formats, &record);
  g_assert_cmpstr (text, ==, "tab\tand\nline\\ ff");
  g_clear_pointer (&text, g_free);
  record.format = G_MAXUINT32;
  text = vyre_formats_render (formats, &record);
  g_assert_cmpstr (text, ==, " leading space");
  g_assert_true (vyre_formats_add_table (formats, "", 0, &error));

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (VyreFormats) other = vyre_formats_new ();

    g_assert_false (vyre_formats_add_table (
        other, bad[i].text, strlen (bad[i].text), &error));
    if (!g_str_has_prefix (error->message, bad[i].message))
      g_error ("case %u: %s", i, error->message);
    g_clear_error (&error);
  }
}

/* --- log ----------------------------------------------------------------- */

typedef struct
{
  guint32 words[VYRE_D_WORDS];
} Log;

/* As the kernel does: room first, the number of the format last. */
static void
write_record (Log *log, guint32 format, guint32 word)
{
  guint32 at = log->words[VYRE_D_CURSOR] + 1;

  log->words[VYRE_D_CURSOR] += 4;
  if (at + 4 > VYRE_D_WORDS)
    return;
  log->words[at + 1] = word;
  log->words[at] = format;
}

static void
assert_reads (VyreDebugReader *reader, Log *log, const char *wanted)
{
  g_autoptr (GArray) records =
      g_array_new (FALSE, FALSE, sizeof (VyreRingDebugRecord));
  g_autoptr (GString) found = g_string_new (NULL);
  g_autoptr (GError) error = NULL;

  g_assert_true (vyre_debug_reader_read (
      reader, log->words, sizeof log->words, records, &error));
  g_assert_no_error (error);
  for (guint i = 0; i < records->len; i++) {
    const VyreRingDebugRecord *record =
        &g_array_index (records, VyreRingDebugRecord, i);

    g_string_append_printf (
        found, "%s%u:%u", i > 0 ? " " : "", record->format, record->args[0]);
  }
  g_assert_cmpstr (found->str, ==, wanted);
}

static void
test_log (void)
{
  g_autoptr (VyreDebugReader) reader = vyre_debug_reader_new ();
  g_autoptr (GArray) records =
      g_array_new (FALSE, FALSE, sizeof (VyreRingDebugRecord));
  g_autoptr (GError) error = NULL;
  Log log = { { 0 } };

  assert_reads (reader, &log, "");
  write_record (&log, 1, 10);
  write_record (&log, 1, 11);
  assert_reads (reader, &log, "1:10 1:11");
  assert_reads (reader, &log, "");
  /* One that has its room, but is not written yet, behind one that is. */
  write_record (&log, 0, 12);
  write_record (&log, 2, 13);
  assert_reads (reader, &log, "2:13");
  log.words[1 + 2 * 4] = 3;
  assert_reads (reader, &log, "3:12");
  g_assert_cmpuint (vyre_debug_reader_dropped (reader), ==, 0);

  for (guint i = 4; i < VYRE_D_CAPACITY + 5; i++)
    write_record (&log, 9, i);
  g_assert_true (vyre_debug_reader_read (
      reader, log.words, sizeof log.words, records, &error));
  g_assert_cmpuint (records->len, ==, VYRE_D_CAPACITY - 4);
  g_assert_cmpuint (vyre_debug_reader_dropped (reader), ==, 5);
  write_record (&log, 9, 0);
  assert_reads (reader, &log, "");
  g_assert_cmpuint (vyre_debug_reader_dropped (reader), ==, 6);

  /* Cleared. */
  memset (&log, 0, sizeof log);
  write_record (&log, 4, 1);
  assert_reads (reader, &log, "4:1");
  g_assert_cmpuint (vyre_debug_reader_dropped (reader), ==, 6);

  /* Hostile cursors. */
  log.words[VYRE_D_CURSOR] = 3;
  g_array_set_size (records, 0);
  g_assert_false (vyre_debug_reader_read (
      reader, log.words, sizeof log.words, records, &error));
  g_assert_nonnull (error);
  g_assert_cmpuint (records->len, ==, 0);
  log.words[VYRE_D_CURSOR] = 0xFFFFFFFCu;
  g_clear_error (&error);
  g_assert_true (vyre_debug_reader_read (
      reader, log.words, sizeof log.words, records, &error));
  g_assert_cmpuint (vyre_debug_reader_dropped (reader), ==,
      6 + 0xFFFFFFFCu / 4 - VYRE_D_CAPACITY);
  g_assert_false (
      vyre_debug_reader_read (reader, log.words, 3, records, &error));
  vyre_debug_reader_free (NULL);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/format/render", test_render);
  g_test_add_func ("/format/unknown", test_unknown);
  g_test_add_func ("/format/refused", test_refused);
  g_test_add_func ("/format/limits", test_limits);
  g_test_add_func ("/format/table", test_table);
  g_test_add_func ("/format/log", test_log);
  return g_test_run ();
}
