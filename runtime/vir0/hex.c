/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-private.h"

#include <string.h>

/* The hex text form: vir0-wire.md section 23. */

#define MAGIC_LINE "vyre_ir v0.1"
#define COUNT_WORD "wire_bytes "
#define BYTES_PER_LINE 32

/* Takes the next line off text. Carriage returns before its end do not
 * count: one in the first line, all in the others. */
static gboolean
next_line (const char **text, const char *end, gboolean first, VyreString *line)
{
  const char *start = *text, *stop;

  if (start == end)
    return FALSE;
  stop = memchr (start, '\n', end - start);
  *text = stop ? stop + 1 : end;
  if (first) {
    if (stop && stop > start && stop[-1] == '\r')
      stop--;
  } else {
    stop = stop ? stop : end;
    while (stop > start && stop[-1] == '\r')
      stop--;
  }
  line->data = start;
  line->length = (guint32) ((stop ? stop : end) - start);
  return TRUE;
}

/* "wire_bytes N", N of any number of digits that fits 64 bits. */
static gboolean
parse_count (VyreString line, guint64 *count)
{
  const guint32 word = strlen (COUNT_WORD);
  guint32 i = word;

  if (line.length < word || memcmp (line.data, COUNT_WORD, word) != 0)
    return FALSE;
  if (i < line.length && line.data[i] == '+')
    i++;
  if (i == line.length)
    return FALSE;
  *count = 0;
  for (; i < line.length; i++) {
    if (!g_ascii_isdigit (line.data[i]) ||
        !g_uint64_checked_mul (count, *count, 10) ||
        !g_uint64_checked_add (count, *count, line.data[i] - '0'))
      return FALSE;
  }
  return TRUE;
}

static gboolean
parse_line (VyreString line, guint64 number, GByteArray *bytes, GError **error)
{
  if (line.length % 2 != 0)
    return vyre_wire_fail (error, VYRE_WIRE_ERROR_HEX,
        "line %" G_GUINT64_FORMAT " has %u digits, an odd number", number,
        line.length);
  for (guint32 i = 0; i < line.length; i += 2) {
    int high = g_ascii_xdigit_value (line.data[i]);
    int low = g_ascii_xdigit_value (line.data[i + 1]);
    guint8 byte;

    if (high < 0 || low < 0)
      return vyre_wire_fail (error, VYRE_WIRE_ERROR_HEX,
          "line %" G_GUINT64_FORMAT " has a character that is no hex digit "
          "near column %u",
          number, i + 1);
    byte = (guint8) (high << 4 | low);
    g_byte_array_append (bytes, &byte, 1);
  }
  return TRUE;
}

VyreProgram *
vyre_program_decode_hex (
    const char *text, gsize length, VyreWireFlags flags, GError **error)
{
  g_autoptr (GByteArray) bytes = g_byte_array_new ();
  const char *end;
  VyreString line;
  guint64 count, number = 3;

  if (!text)
    text = "";
  end = text + length;

  /* Two digits a byte, and room for line ends and empty lines. */
  if (length > 4 * (gsize) VYRE_WIRE_MAX_BYTES)
    goto too_large;
  if (!next_line (&text, end, TRUE, &line) ||
      !vyre_string_is (line, MAGIC_LINE)) {
    vyre_wire_fail (
        error, VYRE_WIRE_ERROR_HEX, "the first line is not \"" MAGIC_LINE "\"");
    return NULL;
  }
  if (!next_line (&text, end, FALSE, &line) || !parse_count (line, &count)) {
    vyre_wire_fail (error, VYRE_WIRE_ERROR_HEX,
        "the second line is not \"" COUNT_WORD "\" and a number");
    return NULL;
  }
  if (count > VYRE_WIRE_MAX_BYTES)
    goto too_large;

  for (; next_line (&text, end, FALSE, &line); number++) {
    if (!parse_line (line, number, bytes, error))
      return NULL;
  }
  if (bytes->len != count) {
    vyre_wire_fail (error, VYRE_WIRE_ERROR_HEX,
        "%" G_GUINT64_FORMAT " bytes are announced and %u given", count,
        bytes->len);
    return NULL;
  }
  return vyre_program_decode (bytes->data, bytes->len, flags, error);

too_large:
  vyre_wire_fail (error, VYRE_WIRE_ERROR_OVERSIZE,
      "the hex form is for programs of at most %u bytes", VYRE_WIRE_MAX_BYTES);
  return NULL;
}

char *
vyre_program_encode_hex (const VyreProgram *program, GError **error)
{
  g_autoptr (GBytes) blob = vyre_program_encode (program, error);
  const guint8 *data;
  gsize length;
  GString *text;

  if (!blob)
    return NULL;
  data = g_bytes_get_data (blob, &length);
  text = g_string_sized_new (length * 2 + length / BYTES_PER_LINE + 64);
  g_string_append_printf (
      text, MAGIC_LINE "\n" COUNT_WORD "%" G_GSIZE_FORMAT "\n", length);
  for (gsize i = 0; i < length; i++) {
    g_string_append_c (text, "0123456789abcdef"[data[i] >> 4]);
    g_string_append_c (text, "0123456789abcdef"[data[i] & 15]);
    if (i % BYTES_PER_LINE == BYTES_PER_LINE - 1 || i == length - 1)
      g_string_append_c (text, '\n');
  }
  return g_string_free (text, FALSE);
}
