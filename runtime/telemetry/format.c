/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Formats of debug records. They come from wherever programs come from: they
 * are taken apart here, and never reach the C library's printf. */

#include "format.h"

#include <string.h>

typedef enum
{
  PIECE_TEXT,
  PIECE_UNSIGNED,
  PIECE_SIGNED,
  PIECE_HEX,
  PIECE_HEX_UPPER,
  PIECE_CHARACTER,
  PIECE_FLOAT,
} PieceKind;

typedef struct
{
  PieceKind kind;
  gsize start, length; /* of a text */
  guint width;
  gboolean zeros; /* fill with these */
} Piece;

typedef struct
{
  char *text;
  GArray *pieces; /* Piece; none for a percent sign's second half */
} Format;

struct _VyreFormats
{
  GMutex lock;
  GHashTable *by_id; /* number -> Format */
};

G_DEFINE_QUARK (vyre_format_error, vyre_format_error)

/* --- parsing ------------------------------------------------------------- */

static gboolean
fail_at (GError **error, gsize at, const char *what)
{
  g_set_error (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_SYNTAX,
      "byte %" G_GSIZE_FORMAT ": %s", at + 1, what);
  return FALSE;
}

static gboolean
check_text (const char *text, gsize length, GError **error)
{
  const char *end;

  if (length > VYRE_FORMAT_MAX_BYTES) {
    g_set_error (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_LIMIT,
        "the format has %" G_GSIZE_FORMAT " bytes, more than %d; make it "
        "shorter",
        length, VYRE_FORMAT_MAX_BYTES);
    return FALSE;
  }
  if (!g_utf8_validate_len (text, length, &end))
    return fail_at (error, (gsize) (end - text), "no UTF-8");
  for (const char *p = text; p < text + length; p = g_utf8_next_char (p)) {
    if (g_unichar_iscntrl (g_utf8_get_char (p)) && *p != '\n' && *p != '\t')
      return fail_at (
          error, (gsize) (p - text), "a control character; leave it out");
  }
  return TRUE;
}

/* What stands behind the percent sign at @at; the end of it, or 0. */
static gsize
parse_conversion (
    const char *text, gsize length, gsize at, Piece *piece, GError **error)
{
  gsize i = at + 1;

  *piece = (Piece){ 0 };
  if (i < length && text[i] == '0') {
    piece->zeros = TRUE;
    i++;
  }
  while (i < length && g_ascii_isdigit (text[i]) &&
         piece->width <= VYRE_FORMAT_MAX_WIDTH)
    piece->width = piece->width * 10 + (guint) (text[i++] - '0');
  if (piece->width > VYRE_FORMAT_MAX_WIDTH) {
    fail_at (error, at, "a width of more than 64 columns");
    return 0;
  }
  if (piece->zeros && piece->width == 0) {
    fail_at (error, at, "0 without a width, as in %08x");
    return 0;
  }
  switch (i < length ? text[i] : '\0') {
    case 'u':
      piece->kind = PIECE_UNSIGNED;
      break;
    case 'd':
      piece->kind = PIECE_SIGNED;
      break;
    case 'x':
      piece->kind = PIECE_HEX;
      break;
    case 'X':
      piece->kind = PIECE_HEX_UPPER;
      break;
    case 'c':
      piece->kind = PIECE_CHARACTER;
      break;
    case 'f':
      piece->kind = PIECE_FLOAT;
      break;
    default:
      fail_at (error, at,
          "a percent sign of no meaning; use %u %d %x %X %c %f or %%");
      return 0;
  }
  if (piece->width > 0 && piece->kind >= PIECE_CHARACTER) {
    fail_at (error, at, "%c and %f have no width");
    return 0;
  }
  return i + 1;
}

static void
add_text (GArray *pieces, gsize start, gsize length)
{
  Piece piece = { .kind = PIECE_TEXT, .start = start, .length = length };

  if (length > 0)
    g_array_append_val (pieces, piece);
}

static gboolean
parse (const char *text, gsize length, GArray *pieces, GError **error)
{
  gsize start = 0, i = 0;
  guint n_args = 0;

  while (i < length) {
    Piece piece;
    gsize end;

    if (text[i] != '%') {
      i++;
      continue;
    }
    if (i + 1 < length && text[i + 1] == '%') {
      /* The first one belongs to the text, the second to nothing. */
      add_text (pieces, start, i + 1 - start);
      i += 2;
      start = i;
      continue;
    }
    end = parse_conversion (text, length, i, &piece, error);
    if (end == 0)
      return FALSE;
    if (++n_args > VYRE_FORMAT_MAX_ARGS)
      return fail_at (error, i, "a fourth word; a record has three");
    add_text (pieces, start, i - start);
    g_array_append_val (pieces, piece);
    start = i = end;
  }
  add_text (pieces, start, length - start);
  return TRUE;
}

/* --- table --------------------------------------------------------------- */

static void
format_free (Format *format)
{
  g_free (format->text);
  g_array_unref (format->pieces);
  g_free (format);
}

VyreFormats *
vyre_formats_new (void)
{
  VyreFormats *formats = g_new0 (VyreFormats, 1);

  g_mutex_init (&formats->lock);
  formats->by_id =
      g_hash_table_new_full (NULL, NULL, NULL, (GDestroyNotify) format_free);
  return formats;
}

void
vyre_formats_free (VyreFormats *formats)
{
  if (formats == NULL)
    return;
  g_hash_table_unref (formats->by_id);
  g_mutex_clear (&formats->lock);
  g_free (formats);
}

/* Takes over the format. */
static gboolean
insert (VyreFormats *formats, guint32 id, Format *format, GError **error)
{
  const Format *before;
  gboolean same = FALSE, full;

  g_mutex_lock (&formats->lock);
  before = g_hash_table_lookup (formats->by_id, GUINT_TO_POINTER (id));
  full = g_hash_table_size (formats->by_id) >= VYRE_FORMATS_MAX;
  if (before != NULL)
    same = strcmp (before->text, format->text) == 0;
  else if (!full)
    g_hash_table_insert (formats->by_id, GUINT_TO_POINTER (id), format);
  g_mutex_unlock (&formats->lock);

  if (before == NULL && !full)
    return TRUE;
  format_free (format);
  if (same)
    return TRUE;
  if (before != NULL)
    g_set_error (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_ID,
        "format %u is there already, with another text; use another number",
        id);
  else
    g_set_error (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_LIMIT,
        "there are %d formats, and no room for more", VYRE_FORMATS_MAX);
  return FALSE;
}

gboolean
vyre_formats_add (VyreFormats *formats, guint32 id, const char *text,
    gssize length, GError **error)
{
  gsize n_bytes = length < 0 ? strlen (text) : (gsize) length;
  g_autoptr (GArray) pieces = g_array_new (FALSE, FALSE, sizeof (Piece));
  Format *format;

  if (id == 0) {
    g_set_error_literal (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_ID,
        "format 0 is that of records which are not yet written; use another "
        "number");
    return FALSE;
  }
  if (!check_text (text, n_bytes, error) ||
      !parse (text, n_bytes, pieces, error)) {
    g_prefix_error (error, "format %u: ", id);
    return FALSE;
  }
  format = g_new (Format, 1);
  format->text = g_strndup (text, n_bytes);
  format->pieces = g_steal_pointer (&pieces);
  return insert (formats, id, format, error);
}

guint
vyre_formats_size (VyreFormats *formats)
{
  guint size;

  g_mutex_lock (&formats->lock);
  size = g_hash_table_size (formats->by_id);
  g_mutex_unlock (&formats->lock);
  return size;
}

/* The number at the start of the line; what is left is the format. */
static gboolean
take_id (const char **line, gsize *length, guint32 *id)
{
  g_autofree char *word = NULL;
  gboolean hex;
  guint64 value;
  gsize n = 0;

  while (n < *length && n < 16 && (*line)[n] != ' ' && (*line)[n] != '\t')
    n++;
  if (n == *length || ((*line)[n] != ' ' && (*line)[n] != '\t'))
    return FALSE;
  word = g_strndup (*line, n);
  hex = g_str_has_prefix (word, "0x") || g_str_has_prefix (word, "0X");
  if (!g_ascii_string_to_unsigned (
          hex ? word + 2 : word, hex ? 16 : 10, 0, G_MAXUINT32, &value, NULL))
    return FALSE;
  *id = (guint32) value;
  *line += n + 1;
  *length -= n + 1;
  return TRUE;
}

/* FALSE: a backslash before something else. */
static gboolean
unescape (const char *text, gsize length, GString *out)
{
  for (gsize i = 0; i < length; i++) {
    char c = text[i];

    if (c == '\\') {
      const char *known = ++i < length ? strchr ("nt\\", text[i]) : NULL;

      if (known == NULL || *known == '\0')
        return FALSE;
      c = *known == 'n' ? '\n' : *known == 't' ? '\t' : '\\';
    }
    g_string_append_c (out, c);
  }
  return TRUE;
}

static gboolean
add_line (VyreFormats *formats, const char *line, gsize length, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);
  guint32 id;

  if (length > 0 && line[length - 1] == '\r')
    length--;
  if (length == 0 || line[0] == '#')
    return TRUE;
  if (!take_id (&line, &length, &id)) {
    g_set_error_literal (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_ID,
        "a number of 32 bits, a space and the format are expected");
    return FALSE;
  }
  if (!unescape (line, length, text)) {
    g_set_error (error, VYRE_FORMAT_ERROR, VYRE_FORMAT_ERROR_SYNTAX,
        "format %u: a backslash of no meaning; use \\n, \\t or \\\\", id);
    return FALSE;
  }
  return vyre_formats_add (formats, id, text->str, (gssize) text->len, error);
}

gboolean
vyre_formats_add_table (
    VyreFormats *formats, const char *text, gsize length, GError **error)
{
  gsize number = 0;

  for (gsize start = 0; start < length; number++) {
    const char *end = memchr (text + start, '\n', length - start);
    gsize n = end != NULL ? (gsize) (end - text) - start : length - start;

    if (!add_line (formats, text + start, n, error)) {
      g_prefix_error (error, "line %" G_GSIZE_FORMAT ": ", number + 1);
      return FALSE;
    }
    start += n + 1;
  }
  return TRUE;
}

/* --- rendering ----------------------------------------------------------- */

static void
append_number (GString *out, const Piece *piece, guint32 word)
{
  const char *alphabet =
      piece->kind == PIECE_HEX_UPPER ? "0123456789ABCDEF" : "0123456789abcdef";
  guint base =
      piece->kind == PIECE_UNSIGNED || piece->kind == PIECE_SIGNED ? 10 : 16;
  gboolean negative = piece->kind == PIECE_SIGNED && (word >> 31) != 0;
  char digits[16];
  guint n = 0, fill;

  if (negative)
    word = 0 - word;
  do {
    digits[n++] = alphabet[word % base];
    word /= base;
  } while (word > 0);
  fill = n + negative < piece->width ? piece->width - n - negative : 0;
  for (guint i = 0; i < fill && !piece->zeros; i++)
    g_string_append_c (out, ' ');
  if (negative)
    g_string_append_c (out, '-');
  for (guint i = 0; i < fill && piece->zeros; i++)
    g_string_append_c (out, '0');
  while (n > 0)
    g_string_append_c (out, digits[--n]);
}

static void
append_character (GString *out, guint32 word)
{
  if (g_unichar_validate (word) && g_unichar_isprint (word) &&
      !g_unichar_iszerowidth (word))
    g_string_append_unichar (out, word);
  else
    g_string_append_printf (out, word < 256 ? "\\x%02x" : "\\u{%x}", word);
}

static void
append_float (GString *out, guint32 word)
{
  char text[64];
  float value;

  memcpy (&value, &word, sizeof value);
  /* One way to write each, whatever the C library's. */
  if (value != value)
    g_string_append (out, "nan");
  else if ((word & 0x7FFFFFFFu) == 0x7F800000u)
    g_string_append (out, word >> 31 ? "-inf" : "inf");
  else
    g_string_append (
        out, g_ascii_formatd (text, sizeof text, "%.6f", (double) value));
}

static void
append_piece (GString *out, const Piece *piece, guint32 word)
{
  switch (piece->kind) {
    case PIECE_CHARACTER:
      append_character (out, word);
      break;
    case PIECE_FLOAT:
      append_float (out, word);
      break;
    default:
      append_number (out, piece, word);
      break;
  }
}

char *
vyre_formats_render (VyreFormats *formats, const VyreRingDebugRecord *record)
{
  GString *out = g_string_new (NULL);
  const Format *format;
  guint next = 0;

  g_mutex_lock (&formats->lock);
  format =
      g_hash_table_lookup (formats->by_id, GUINT_TO_POINTER (record->format));
  for (guint i = 0; format != NULL && i < format->pieces->len; i++) {
    const Piece *piece = &g_array_index (format->pieces, Piece, i);

    if (piece->kind == PIECE_TEXT)
      g_string_append_len (
          out, format->text + piece->start, (gssize) piece->length);
    else
      append_piece (out, piece, record->args[next++]);
  }
  g_mutex_unlock (&formats->lock);
  if (format == NULL)
    g_string_append_printf (out, "format %u, which nobody has told: %u %u %u",
        record->format, record->args[0], record->args[1], record->args[2]);
  return g_string_free (out, FALSE);
}

/* --- log ----------------------------------------------------------------- */

struct _VyreDebugReader
{
  GArray *current; /* VyreRingDebugRecord */
  GByteArray *seen; /* a byte for each record of the log: 1, returned */
  guint32 cursor, dropped; /* of the reading before */
  guint64 total_dropped;
};

VyreDebugReader *
vyre_debug_reader_new (void)
{
  VyreDebugReader *reader = g_new0 (VyreDebugReader, 1);

  reader->current = g_array_new (FALSE, FALSE, sizeof (VyreRingDebugRecord));
  reader->seen = g_byte_array_new ();
  return reader;
}

void
vyre_debug_reader_free (VyreDebugReader *reader)
{
  if (reader == NULL)
    return;
  g_array_unref (reader->current);
  g_byte_array_unref (reader->seen);
  g_free (reader);
}

guint64
vyre_debug_reader_dropped (const VyreDebugReader *reader)
{
  return reader->total_dropped;
}

gboolean
vyre_debug_reader_read (VyreDebugReader *reader, const void *log, gsize n_bytes,
    GArray *records, GError **error)
{
  guint32 cursor, dropped, n;
  guint before;

  if (!vyre_ring_read_debug_log (
          log, n_bytes, reader->current, &dropped, error))
    return FALSE;
  n = reader->current->len;
  cursor = n + dropped;
  if (cursor < reader->cursor) {
    g_byte_array_set_size (reader->seen, 0);
    reader->dropped = 0;
  }
  reader->total_dropped += dropped - MIN (reader->dropped, dropped);
  reader->cursor = cursor;
  reader->dropped = dropped;

  before = reader->seen->len;
  if (n > before) {
    g_byte_array_set_size (reader->seen, n);
    memset (reader->seen->data + before, 0, n - before);
  }
  for (guint i = 0; i < n; i++) {
    VyreRingDebugRecord record =
        g_array_index (reader->current, VyreRingDebugRecord, i);

    /* The number is written last. */
    if (record.format == 0 || reader->seen->data[i] != 0)
      continue;
    reader->seen->data[i] = 1;
    g_array_append_val (records, record);
  }
  return TRUE;
}
