/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text-private.h"

#include <string.h>

void
vyre_text_fail (VyreTextParser *parser, VyreSource at, const char *format, ...)
{
  g_autofree char *message = NULL;
  va_list args;

  if (!parser->error) {
    va_start (args, format);
    message = g_strdup_vprintf (format, args);
    va_end (args);
    g_set_error (&parser->error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_SYNTAX,
        "%u:%u: %s", at.line, at.column, message);
  }
  parser->token.kind = VYRE_TOKEN_END;
  parser->cursor = parser->end;
}

/* --- characters ---------------------------------------------------------- */

static int
peek (const VyreTextParser *parser, gsize ahead)
{
  if ((gsize) (parser->end - parser->cursor) <= ahead)
    return -1;
  return (guchar) parser->cursor[ahead];
}

/* Over one character; the text is valid UTF-8. */
static void
step (VyreTextParser *parser)
{
  if (*parser->cursor == '\n') {
    parser->here.line++;
    parser->here.column = 1;
  } else {
    parser->here.column++;
  }
  parser->cursor = g_utf8_next_char (parser->cursor);
}

static void
steps (VyreTextParser *parser, gsize n_ascii)
{
  parser->cursor += n_ascii;
  parser->here.column += n_ascii;
}

static gboolean
is_word (int c)
{
  return c >= 0 && (g_ascii_isalnum (c) || c == '_');
}

/* A character as error messages show it. */
static char *
show_char (const char *at)
{
  gunichar c = g_utf8_get_char (at);

  if (c > ' ' && g_unichar_isprint (c))
    return g_strdup_printf ("'%.*s'", (int) (g_utf8_next_char (at) - at), at);
  return g_strdup_printf ("U+%04X", c);
}

static void
skip_space (VyreTextParser *parser)
{
  for (;;) {
    VyreSource at = parser->here;
    int c = peek (parser, 0);

    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      step (parser);
    } else if (c == '/' && peek (parser, 1) == '/') {
      while (parser->cursor < parser->end && *parser->cursor != '\n')
        step (parser);
    } else if (c == '/' && peek (parser, 1) == '*') {
      steps (parser, 2);
      while (peek (parser, 0) != '*' || peek (parser, 1) != '/') {
        if (parser->cursor == parser->end) {
          vyre_text_fail (parser, at, "comment is not closed: expected '*/'");
          return;
        }
        step (parser);
      }
      steps (parser, 2);
    } else {
      return;
    }
  }
}

/* --- strings, names, character literals ---------------------------------- */

/* After the backslash. FALSE after an error. */
static gboolean
read_escape (VyreTextParser *parser, VyreSource at, gunichar *result)
{
  static const char plain[] = "\\\"`'nrt0";
  static const char meaning[] = "\\\"`'\n\r\t\0";
  g_autofree char *shown = NULL;
  const char *found;
  gunichar value = 0;
  guint digits = 0;
  int c = peek (parser, 0);

  found = c > 0 ? strchr (plain, c) : NULL;
  if (found) {
    *result = meaning[found - plain];
    steps (parser, 1);
    return TRUE;
  }
  if (c != 'u' || peek (parser, 1) != '{')
    goto unknown;

  steps (parser, 2);
  while ((c = peek (parser, 0)) >= 0 && g_ascii_isxdigit (c) && digits < 6) {
    value = value << 4 | g_ascii_xdigit_value (c);
    digits++;
    steps (parser, 1);
  }
  if (c != '}' || digits == 0)
    goto bad_digits;
  steps (parser, 1);
  if (!g_unichar_validate (value))
    goto no_character;
  *result = value;
  return TRUE;

unknown:
  shown = c >= 0 ? show_char (parser->cursor) : g_strdup ("end of text");
  vyre_text_fail (parser, at,
      "unknown escape: expected one of \\\\ \\\" \\` \\' \\n \\r \\t \\0 "
      "\\u{HEX} after '\\', found %s",
      shown);
  return FALSE;
bad_digits:
  vyre_text_fail (parser, at,
      "bad escape: expected \\u{HEX} with one to six hexadecimal digits");
  return FALSE;
no_character:
  vyre_text_fail (parser, at, "\\u{%X} is no Unicode character", value);
  return FALSE;
}

/* One character inside quotes, escapes resolved. */
static gboolean
read_char (VyreTextParser *parser, VyreSource start, gunichar *c)
{
  VyreSource at = parser->here;

  if (parser->cursor == parser->end || *parser->cursor == '\n') {
    vyre_text_fail (parser, start, "quote is not closed on its line");
    return FALSE;
  }
  if (*parser->cursor == '\\') {
    steps (parser, 1);
    return read_escape (parser, at, c);
  }
  *c = g_utf8_get_char (parser->cursor);
  if (*c < 0x20 || *c == 0x7f) {
    vyre_text_fail (parser, at,
        "control character U+%04X between quotes: write \\u{%X}", *c, *c);
    return FALSE;
  }
  step (parser);
  return TRUE;
}

static void
read_quoted (VyreTextParser *parser, VyreTokenKind kind)
{
  VyreToken *token = &parser->token;
  g_autoptr (GString) text = g_string_new (NULL);
  char quote = *parser->cursor;
  gunichar c;

  steps (parser, 1);
  while (peek (parser, 0) != quote) {
    if (!read_char (parser, token->at, &c))
      return;
    /* A payload is two digits a byte. */
    if (text->len >= 2 * WIRE_MAX_PAYLOAD + 8) {
      vyre_text_fail (parser, token->at, "string of more than %u bytes",
          2 * WIRE_MAX_PAYLOAD);
      return;
    }
    if (c == 0)
      g_string_append_c (text, '\0');
    else
      g_string_append_unichar (text, c);
  }
  steps (parser, 1);
  token->kind = kind;
  token->string = vyre_program_string (parser->program, text->str, text->len);
}

/* 'a' is the u32 number of the character. */
static void
read_char_literal (VyreTextParser *parser)
{
  VyreToken *token = &parser->token;
  gunichar c;

  steps (parser, 1);
  if (!read_char (parser, token->at, &c))
    return;
  if (peek (parser, 0) != '\'') {
    vyre_text_fail (parser, token->at,
        "character literal: expected one character between single quotes");
    return;
  }
  steps (parser, 1);
  token->kind = VYRE_TOKEN_INTEGER;
  token->suffix = VYRE_SUFFIX_U32;
  token->value = c;
}

/* --- numbers -------------------------------------------------------------- */

static gboolean
read_suffix (VyreTextParser *parser)
{
  static const char names[][4] = { "", "u32", "i32", "f32", "u64", "i64",
    "f64" };
  const char *start = parser->cursor;
  gsize length;

  while (is_word (peek (parser, 0)))
    steps (parser, 1);
  length = parser->cursor - start;
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    if (strlen (names[i]) == length && memcmp (names[i], start, length) == 0) {
      parser->token.suffix = i;
      return TRUE;
    }
  }
  vyre_text_fail (parser, parser->token.at,
      "unknown number suffix '%.*s': expected one of u32, i32, f32, u64, i64, "
      "f64",
      (int) MIN (length, 40), start);
  return FALSE;
}

static void
add_digit (VyreToken *token, guint base, guint digit)
{
  if (token->value > (G_MAXUINT64 - digit) / base)
    token->too_big = TRUE;
  token->value = token->value * base + digit;
}

static void
read_number (VyreTextParser *parser)
{
  VyreToken *token = &parser->token;
  gboolean is_float = FALSE;
  gboolean is_hex = FALSE;
  int c;

  token->kind = VYRE_TOKEN_INTEGER;
  if (peek (parser, 0) == '0' && peek (parser, 1) == 'x') {
    is_hex = TRUE;
    steps (parser, 2);
    c = peek (parser, 0);
    if (c < 0 || !g_ascii_isxdigit (c)) {
      vyre_text_fail (
          parser, token->at, "expected hexadecimal digits after '0x'");
      return;
    }
    while ((c = peek (parser, 0)) >= 0 && g_ascii_isxdigit (c)) {
      add_digit (token, 16, g_ascii_xdigit_value (c));
      steps (parser, 1);
    }
  } else {
    while ((c = peek (parser, 0)) >= 0 && g_ascii_isdigit (c)) {
      add_digit (token, 10, c - '0');
      steps (parser, 1);
    }
    /* "0..9" is a range, not a fraction. */
    c = peek (parser, 1);
    if (peek (parser, 0) == '.' && c >= 0 && g_ascii_isdigit (c)) {
      is_float = TRUE;
      steps (parser, 1);
      while ((c = peek (parser, 0)) >= 0 && g_ascii_isdigit (c))
        steps (parser, 1);
    }
    c = peek (parser, 0);
    if (c == 'e' || c == 'E') {
      gsize sign = peek (parser, 1) == '-' || peek (parser, 1) == '+';

      c = peek (parser, 1 + sign);
      if (c >= 0 && g_ascii_isdigit (c)) {
        is_float = TRUE;
        steps (parser, 1 + sign);
        while ((c = peek (parser, 0)) >= 0 && g_ascii_isdigit (c))
          steps (parser, 1);
      }
    }
  }
  token->digits = parser->cursor - token->start;
  if (!read_suffix (parser))
    return;
  if (token->suffix == VYRE_SUFFIX_F32 || token->suffix == VYRE_SUFFIX_F64)
    is_float = TRUE;
  else if (is_float && token->suffix != VYRE_SUFFIX_NONE)
    goto integer_suffix;
  if (is_float && is_hex)
    goto hex_float;
  if (is_float)
    token->kind = VYRE_TOKEN_FLOAT;
  return;

integer_suffix:
  vyre_text_fail (parser, token->at,
      "number with a fraction or an exponent has an integer suffix: expected "
      "f32 or f64");
  return;
hex_float:
  vyre_text_fail (parser, token->at,
      "hexadecimal number with a float suffix: expected f32_bits(0x…) or a "
      "decimal number");
}

/* --- tokens ---------------------------------------------------------------- */

static void
read_punct (VyreTextParser *parser)
{
  static const char pairs[][3] = { "<<", ">>", "==", "!=", "<=", ">=", "&&",
    "||", ".." };
  g_autofree char *shown = NULL;
  VyreToken *token = &parser->token;
  int c = peek (parser, 0);

  if (c <= 0 || !strchr ("{}()[];:,@=<>+-*/%&|^~!.", c))
    goto unexpected;
  token->kind = VYRE_TOKEN_PUNCT;
  for (guint i = 0; i < G_N_ELEMENTS (pairs); i++) {
    if (c == pairs[i][0] && peek (parser, 1) == pairs[i][1]) {
      token->punct = VYRE_PUNCT2 (pairs[i][0], pairs[i][1]);
      steps (parser, 2);
      return;
    }
  }
  token->punct = c;
  steps (parser, 1);
  return;

unexpected:
  shown = show_char (parser->cursor);
  vyre_text_fail (parser, token->at, "unexpected character %s%s", shown,
      c >= 0x80 ? ": names with it stand in back quotes" : "");
}

void
vyre_text_advance (VyreTextParser *parser)
{
  VyreToken *token = &parser->token;
  int c;

  if (parser->error)
    return;
  memset (token, 0, sizeof (*token));
  skip_space (parser);
  token->at = parser->here;
  token->start = parser->cursor;
  c = peek (parser, 0);
  if (c < 0) {
    token->kind = VYRE_TOKEN_END;
  } else if (g_ascii_isdigit (c)) {
    read_number (parser);
  } else if (is_word (c)) {
    token->kind = VYRE_TOKEN_WORD;
    while (is_word (peek (parser, 0)))
      steps (parser, 1);
  } else if (c == '"') {
    read_quoted (parser, VYRE_TOKEN_STRING);
  } else if (c == '`') {
    read_quoted (parser, VYRE_TOKEN_NAME);
  } else if (c == '\'') {
    read_char_literal (parser);
  } else {
    read_punct (parser);
  }
  token->length = parser->cursor - token->start;
}

void
vyre_text_expected (VyreTextParser *parser, const char *what)
{
  const VyreToken *token = &parser->token;
  g_autofree char *shown = NULL;
  VyreString spelling = { token->start, MIN (token->length, 4096) };

  if (parser->error)
    return;
  shown = vyre_string_display (spelling);
  switch (token->kind) {
    case VYRE_TOKEN_END:
      vyre_text_fail (parser, token->at,
          "expected %s, found the end of the "
          "text",
          what);
      break;
    case VYRE_TOKEN_INTEGER:
    case VYRE_TOKEN_FLOAT:
      vyre_text_fail (
          parser, token->at, "expected %s, found number %s", what, shown);
      break;
    case VYRE_TOKEN_STRING:
      vyre_text_fail (
          parser, token->at, "expected %s, found string %s", what, shown);
      break;
    case VYRE_TOKEN_NAME:
      vyre_text_fail (
          parser, token->at, "expected %s, found name %s", what, shown);
      break;
    default:
      vyre_text_fail (
          parser, token->at, "expected %s, found '%s'", what, shown);
      break;
  }
}

gboolean
vyre_text_at_punct (VyreTextParser *parser, guint punct)
{
  return parser->token.kind == VYRE_TOKEN_PUNCT && parser->token.punct == punct;
}

gboolean
vyre_text_at_word (VyreTextParser *parser, const char *word)
{
  const VyreToken *token = &parser->token;

  return token->kind == VYRE_TOKEN_WORD && token->length == strlen (word) &&
         memcmp (token->start, word, token->length) == 0;
}

gboolean
vyre_text_skip_punct (VyreTextParser *parser, guint punct)
{
  if (!vyre_text_at_punct (parser, punct))
    return FALSE;
  vyre_text_advance (parser);
  return TRUE;
}

gboolean
vyre_text_skip_word (VyreTextParser *parser, const char *word)
{
  if (!vyre_text_at_word (parser, word))
    return FALSE;
  vyre_text_advance (parser);
  return TRUE;
}

gboolean
vyre_text_expect_punct (VyreTextParser *parser, guint punct)
{
  char what[8];

  if (vyre_text_skip_punct (parser, punct))
    return TRUE;
  if (punct > 0xff)
    g_snprintf (what, sizeof (what), "'%c%c'", punct >> 8, punct & 0xff);
  else
    g_snprintf (what, sizeof (what), "'%c'", punct);
  vyre_text_expected (parser, what);
  return FALSE;
}

gboolean
vyre_text_expect_word (VyreTextParser *parser, const char *word)
{
  g_autofree char *what = NULL;

  if (vyre_text_skip_word (parser, word))
    return TRUE;
  what = g_strdup_printf ("'%s'", word);
  vyre_text_expected (parser, what);
  return FALSE;
}

static gboolean
check_length (VyreTextParser *parser, const char *what, gsize length)
{
  if (length <= WIRE_MAX_STRING)
    return TRUE;
  vyre_text_fail (parser, parser->token.at,
      "%s of %" G_GSIZE_FORMAT " bytes: at most %u are allowed", what, length,
      WIRE_MAX_STRING);
  return FALSE;
}

gboolean
vyre_text_expect_name (
    VyreTextParser *parser, const char *what, VyreString *name)
{
  VyreToken *token = &parser->token;

  if (token->kind == VYRE_TOKEN_NAME) {
    if (!check_length (parser, what, token->string.length))
      return FALSE;
    *name = token->string;
  } else if (token->kind == VYRE_TOKEN_WORD) {
    if (vyre_text_word (vyre_text_reserved, token->start, token->length)) {
      vyre_text_fail (parser, token->at,
          "expected %s, found reserved word '%.*s': write it in back quotes",
          what, (int) token->length, token->start);
      return FALSE;
    }
    if (!check_length (parser, what, token->length))
      return FALSE;
    *name = vyre_program_string (parser->program, token->start, token->length);
  } else {
    vyre_text_expected (parser, what);
    return FALSE;
  }
  vyre_text_advance (parser);
  return TRUE;
}

gboolean
vyre_text_expect_string (
    VyreTextParser *parser, const char *what, VyreString *string)
{
  VyreToken *token = &parser->token;

  if (token->kind != VYRE_TOKEN_STRING) {
    vyre_text_expected (parser, what);
    return FALSE;
  }
  if (!check_length (parser, what, token->string.length))
    return FALSE;
  *string = token->string;
  vyre_text_advance (parser);
  return TRUE;
}

gboolean
vyre_text_expect_uint (
    VyreTextParser *parser, const char *what, guint64 max, guint64 *value)
{
  VyreToken *token = &parser->token;

  if (token->kind != VYRE_TOKEN_INTEGER || token->suffix != VYRE_SUFFIX_NONE) {
    vyre_text_expected (parser, what);
    return FALSE;
  }
  if (token->too_big || token->value > max) {
    vyre_text_fail (parser, token->at,
        "%s %.*s is too large: at most %" G_GUINT64_FORMAT, what,
        (int) MIN (token->length, 40), token->start, max);
    return FALSE;
  }
  *value = token->value;
  vyre_text_advance (parser);
  return TRUE;
}

gboolean
vyre_text_expect_u32 (VyreTextParser *parser, const char *what, guint32 *value)
{
  guint64 wide;

  if (!vyre_text_expect_uint (parser, what, G_MAXUINT32, &wide))
    return FALSE;
  *value = wide;
  return TRUE;
}

gboolean
vyre_text_expect_payload (
    VyreTextParser *parser, const guint8 **payload, guint32 *length)
{
  const VyreToken *token = &parser->token;
  VyreString hex = token->string;
  guint8 *bytes;

  if (token->kind != VYRE_TOKEN_STRING) {
    vyre_text_expected (parser, "payload as a string of hexadecimal digits");
    return FALSE;
  }
  for (guint32 i = 0; i < hex.length; i++)
    if (!g_ascii_isxdigit (hex.data[i]))
      goto bad_digit;
  if (hex.length % 2)
    goto odd;
  if (hex.length / 2 > WIRE_MAX_PAYLOAD)
    goto too_long;

  *length = hex.length / 2;
  bytes = vyre_program_alloc (parser->program, MAX (*length, 1));
  for (guint32 i = 0; i < *length; i++)
    bytes[i] = g_ascii_xdigit_value (hex.data[2 * i]) << 4 |
               g_ascii_xdigit_value (hex.data[2 * i + 1]);
  *payload = bytes;
  vyre_text_advance (parser);
  return TRUE;

bad_digit:
  vyre_text_fail (
      parser, token->at, "payload: expected hexadecimal digits only");
  return FALSE;
odd:
  vyre_text_fail (parser, token->at,
      "payload of %u hexadecimal digits: expected two for each byte",
      hex.length);
  return FALSE;
too_long:
  vyre_text_fail (parser, token->at,
      "payload of %u bytes: at most %u are allowed", hex.length / 2,
      WIRE_MAX_PAYLOAD);
  return FALSE;
}

gboolean
vyre_text_expect_table (VyreTextParser *parser, const VyreTextWord *table,
    const char *what, guint8 *value)
{
  const VyreToken *token = &parser->token;
  const VyreTextWord *word = NULL;
  g_autoptr (GString) expected = NULL;

  if (token->kind == VYRE_TOKEN_WORD)
    word = vyre_text_word (table, token->start, token->length);
  if (word) {
    *value = word->value;
    vyre_text_advance (parser);
    return TRUE;
  }
  expected = g_string_new (what);
  g_string_append (expected, " (");
  for (word = table; word->name; word++)
    g_string_append_printf (
        expected, "%s%s", word == table ? "" : ", ", word->name);
  g_string_append_c (expected, ')');
  vyre_text_expected (parser, expected->str);
  return FALSE;
}
