/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyrebindings.h"

#include <errno.h>
#include <math.h>
#include <string.h>

G_DEFINE_QUARK (gst_vyre_bindings_error, gst_vyre_bindings_error)

/* --- size expressions --------------------------------------------------- */

typedef enum
{
  SIZE_CONSTANT,
  SIZE_LENGTH,
  SIZE_NEGATE,
  SIZE_ADD,
  SIZE_SUBTRACT,
  SIZE_MULTIPLY,
  SIZE_DIVIDE,
  SIZE_MODULO,
  SIZE_MIN,
  SIZE_MAX,
} SizeOp;

typedef struct
{
  SizeOp op;
  gint64 value;
} SizeStep;

/* Postfix order, so that evaluation needs a small stack and no recursion. */
struct _GstVyreSizeExpr
{
  GArray *steps;
};

/* Bounds the recursion of the parser; with at most two values waiting at each
 * level, also the stack of the evaluation. */
#define SIZE_MAX_DEPTH 32
#define SIZE_MAX_STEPS 256

typedef struct
{
  const char *text;
  const char *at;
  guint depth;
  GArray *steps;
  GError **error;
} SizeParser;

static gboolean size_parse_sum (SizeParser *parser);

static gboolean
size_fail (SizeParser *parser, const char *what)
{
  g_set_error (parser->error, GST_VYRE_BINDINGS_ERROR,
      GST_VYRE_BINDINGS_ERROR_SYNTAX,
      "size expression \"%s\", character %u: %s; write integers, len(input), "
      "+ - * / %%, min(a,b), max(a,b) and parentheses",
      parser->text, (guint) (parser->at - parser->text) + 1, what);
  return FALSE;
}

static void
size_skip_space (SizeParser *parser)
{
  while (g_ascii_isspace (*parser->at))
    parser->at++;
}

static gboolean
size_accept (SizeParser *parser, const char *token)
{
  gsize length = strlen (token);

  size_skip_space (parser);
  if (strncmp (parser->at, token, length) != 0)
    return FALSE;
  parser->at += length;
  return TRUE;
}

static gboolean
size_emit (SizeParser *parser, SizeOp op, gint64 value)
{
  SizeStep step = { op, value };

  if (parser->steps->len >= SIZE_MAX_STEPS)
    return size_fail (parser, "too long");
  g_array_append_val (parser->steps, step);
  return TRUE;
}

static gboolean
size_parse_pair (SizeParser *parser, SizeOp op)
{
  if (!size_accept (parser, "("))
    return size_fail (parser, "expected '('");
  if (!size_parse_sum (parser))
    return FALSE;
  if (!size_accept (parser, ","))
    return size_fail (parser, "expected ','");
  if (!size_parse_sum (parser))
    return FALSE;
  if (!size_accept (parser, ")"))
    return size_fail (parser, "expected ')'");
  return size_emit (parser, op, 0);
}

static gboolean
size_parse_number (SizeParser *parser)
{
  char *end = NULL;
  gint64 value;

  errno = 0;
  value = g_ascii_strtoll (parser->at, &end, 10);
  if (errno == ERANGE)
    return size_fail (parser, "number too large");
  parser->at = end;
  if (g_ascii_isalnum (*end) || *end == '_' || *end == '.')
    return size_fail (parser, "not an integer");
  return size_emit (parser, SIZE_CONSTANT, value);
}

static gboolean
size_parse_factor (SizeParser *parser)
{
  gboolean ok;

  if (++parser->depth > SIZE_MAX_DEPTH)
    return size_fail (parser, "nested too deeply");

  size_skip_space (parser);
  if (g_ascii_isdigit (*parser->at)) {
    ok = size_parse_number (parser);
  } else if (size_accept (parser, "-")) {
    ok = size_parse_factor (parser) && size_emit (parser, SIZE_NEGATE, 0);
  } else if (size_accept (parser, "(")) {
    ok = size_parse_sum (parser);
    if (ok && !size_accept (parser, ")"))
      ok = size_fail (parser, "expected ')'");
  } else if (size_accept (parser, "len")) {
    ok = size_accept (parser, "(") && size_accept (parser, "input") &&
         size_accept (parser, ")");
    if (ok)
      ok = size_emit (parser, SIZE_LENGTH, 0);
    else
      size_fail (parser, "only len(input) is known");
  } else if (size_accept (parser, "min")) {
    ok = size_parse_pair (parser, SIZE_MIN);
  } else if (size_accept (parser, "max")) {
    ok = size_parse_pair (parser, SIZE_MAX);
  } else {
    ok = size_fail (parser, "expected a value");
  }

  parser->depth--;
  return ok;
}

static gboolean
size_parse_product (SizeParser *parser)
{
  if (!size_parse_factor (parser))
    return FALSE;
  for (;;) {
    SizeOp op;

    if (size_accept (parser, "*"))
      op = SIZE_MULTIPLY;
    else if (size_accept (parser, "/"))
      op = SIZE_DIVIDE;
    else if (size_accept (parser, "%"))
      op = SIZE_MODULO;
    else
      return TRUE;
    if (!size_parse_factor (parser) || !size_emit (parser, op, 0))
      return FALSE;
  }
}

static gboolean
size_parse_sum (SizeParser *parser)
{
  if (!size_parse_product (parser))
    return FALSE;
  for (;;) {
    SizeOp op;

    if (size_accept (parser, "+"))
      op = SIZE_ADD;
    else if (size_accept (parser, "-"))
      op = SIZE_SUBTRACT;
    else
      return TRUE;
    if (!size_parse_product (parser) || !size_emit (parser, op, 0))
      return FALSE;
  }
}

GstVyreSizeExpr *
gst_vyre_size_expr_parse (const char *text, GError **error)
{
  g_autoptr (GstVyreSizeExpr) expr = g_new0 (GstVyreSizeExpr, 1);
  SizeParser parser = { text, text, 0, NULL, error };

  expr->steps = g_array_new (FALSE, FALSE, sizeof (SizeStep));
  parser.steps = expr->steps;
  if (!size_parse_sum (&parser))
    return NULL;
  size_skip_space (&parser);
  if (*parser.at != '\0') {
    size_fail (&parser, "unexpected character");
    return NULL;
  }
  return g_steal_pointer (&expr);
}

static gboolean
size_apply (SizeOp op, gint64 a, gint64 b, gint64 *result)
{
  switch (op) {
    case SIZE_ADD:
      return !__builtin_add_overflow (a, b, result);
    case SIZE_SUBTRACT:
      return !__builtin_sub_overflow (a, b, result);
    case SIZE_MULTIPLY:
      return !__builtin_mul_overflow (a, b, result);
    case SIZE_DIVIDE:
    case SIZE_MODULO:
      if (b == 0 || (a == G_MININT64 && b == -1))
        return FALSE;
      *result = op == SIZE_DIVIDE ? a / b : a % b;
      return TRUE;
    case SIZE_MIN:
      *result = MIN (a, b);
      return TRUE;
    case SIZE_MAX:
      *result = MAX (a, b);
      return TRUE;
    default:
      g_assert_not_reached ();
  }
}

gboolean
gst_vyre_size_expr_eval (const GstVyreSizeExpr *expr, guint64 input_bytes,
    guint64 *bytes, GError **error)
{
  gint64 stack[SIZE_MAX_STEPS];
  guint used = 0;

  if (input_bytes > G_MAXINT64)
    goto failed;
  for (guint i = 0; i < expr->steps->len; i++) {
    const SizeStep *step = &g_array_index (expr->steps, SizeStep, i);

    switch (step->op) {
      case SIZE_CONSTANT:
        stack[used++] = step->value;
        break;
      case SIZE_LENGTH:
        stack[used++] = input_bytes;
        break;
      case SIZE_NEGATE:
        if (__builtin_sub_overflow (0, stack[used - 1], &stack[used - 1]))
          goto failed;
        break;
      default:
        used--;
        if (!size_apply (
                step->op, stack[used - 1], stack[used], &stack[used - 1]))
          goto failed;
        break;
    }
  }
  if (stack[0] < 0)
    goto negative;
  *bytes = stack[0];
  return TRUE;

failed:
  g_set_error (error, GST_VYRE_BINDINGS_ERROR, GST_VYRE_BINDINGS_ERROR_VALUE,
      "the size expression overflows or divides by zero for an input of "
      "%" G_GUINT64_FORMAT " bytes",
      input_bytes);
  return FALSE;

negative:
  g_set_error (error, GST_VYRE_BINDINGS_ERROR, GST_VYRE_BINDINGS_ERROR_VALUE,
      "the size expression gives %" G_GINT64_FORMAT
      " for an input of %" G_GUINT64_FORMAT " bytes; guard it with max(...,0)",
      stack[0], input_bytes);
  return FALSE;
}

void
gst_vyre_size_expr_free (GstVyreSizeExpr *expr)
{
  g_array_unref (expr->steps);
  g_free (expr);
}

/* --- values ------------------------------------------------------------- */

typedef struct
{
  const char *name;
  guint bytes;
  char class; /* u, i, f */
} NumberKind;

static const NumberKind number_kinds[] = {
  { "u8", 1, 'u' },
  { "u16", 2, 'u' },
  { "u32", 4, 'u' },
  { "u64", 8, 'u' },
  { "i8", 1, 'i' },
  { "i16", 2, 'i' },
  { "i32", 4, 'i' },
  { "i64", 8, 'i' },
  { "f32", 4, 'f' },
  { "f64", 8, 'f' },
};

static gboolean
number_to_bits (const NumberKind *kind, const char *text, guint64 *bits)
{
  guint width = kind->bytes * 8;
  gboolean negative = text[0] == '-';
  gboolean hex = g_ascii_strncasecmp (text + negative, "0x", 2) == 0;

  switch (kind->class) {
    case 'u':
      return g_ascii_string_to_unsigned (text + (hex ? 2 : 0), hex ? 16 : 10, 0,
          G_MAXUINT64 >> (64 - width), bits, NULL);
    case 'i': {
      gint64 value, max = G_MAXINT64 >> (64 - width);

      if (hex)
        return FALSE;
      if (!g_ascii_string_to_signed (text, 10, -max - 1, max, &value, NULL))
        return FALSE;
      *bits = value;
      return TRUE;
    }
    default: {
      char *end = NULL;
      double value = g_ascii_strtod (text, &end);

      if (end == text || *end != '\0' || g_ascii_isspace (text[0]))
        return FALSE;
      if (kind->bytes == 4) {
        float single = value;
        guint32 word;

        /* A number that a float cannot hold must not become infinite. */
        if (isinf (single) && !isinf (value))
          return FALSE;
        memcpy (&word, &single, 4);
        *bits = word;
      } else {
        memcpy (bits, &value, 8);
      }
      return TRUE;
    }
  }
}

static GBytes *
parse_numbers (
    const char *name, const NumberKind *kind, const char *value, GError **error)
{
  g_auto (GStrv) items = g_strsplit (value, ";", -1);
  g_autoptr (GByteArray) data = g_byte_array_new ();

  if (value[0] == '\0') {
    /* An empty string splits into no items, not into one. */
    g_set_error (error, GST_VYRE_BINDINGS_ERROR, GST_VYRE_BINDINGS_ERROR_VALUE,
        "buffer \"%s\": \"\" is no %s number", name, kind->name);
    return NULL;
  }
  for (guint i = 0; items[i]; i++) {
    guint64 bits = 0;

    g_strstrip (items[i]);
    if (!number_to_bits (kind, items[i], &bits)) {
      g_set_error (error, GST_VYRE_BINDINGS_ERROR,
          GST_VYRE_BINDINGS_ERROR_VALUE,
          "buffer \"%s\": \"%s\" is no %s number; write for example %s:%s",
          name, items[i], kind->name, kind->name,
          kind->class == 'f' ? "1.5;2" : "1;2;3");
      return NULL;
    }
    for (guint byte = 0; byte < kind->bytes; byte++) {
      guint8 b = bits >> (8 * byte);
      g_byte_array_append (data, &b, 1);
    }
  }
  return g_byte_array_free_to_bytes (g_steal_pointer (&data));
}

static GBytes *
parse_hex (const char *name, const char *value, GError **error)
{
  gsize digits = strlen (value);
  g_autofree guint8 *data = g_malloc (digits / 2 + 1);

  for (gsize i = 0; i < digits; i++) {
    int digit = g_ascii_xdigit_value (value[i]);

    if (digit < 0)
      goto not_hex;
    data[i / 2] = i % 2 ? data[i / 2] | digit : digit << 4;
  }
  if (digits % 2)
    goto not_hex;
  return g_bytes_new (data, digits / 2);

not_hex:
  g_set_error (error, GST_VYRE_BINDINGS_ERROR, GST_VYRE_BINDINGS_ERROR_VALUE,
      "buffer \"%s\": hex needs pairs of hexadecimal digits and nothing else, "
      "for example %s=hex:00ff2a",
      name, name);
  return NULL;
}

/* Values that are bytes: what may follow NAME= and NAME=keep: alike. Returns
 * FALSE with no error when kind is none of them. */
static gboolean
parse_contents (GstVyreBinding *binding, const char *kind, const char *value,
    GError **error)
{
  if (g_str_equal (kind, "hex")) {
    binding->data = parse_hex (binding->name, value, error);
    return binding->data != NULL;
  }
  if (g_str_equal (kind, "file")) {
    if (value[0] == '\0') {
      g_set_error (error, GST_VYRE_BINDINGS_ERROR,
          GST_VYRE_BINDINGS_ERROR_VALUE,
          "buffer \"%s\": file needs a path, for example %s=file:table.bin",
          binding->name, binding->name);
      return FALSE;
    }
    binding->path = g_strdup (value);
    return TRUE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (number_kinds); i++) {
    if (g_str_equal (kind, number_kinds[i].name)) {
      binding->data =
          parse_numbers (binding->name, &number_kinds[i], value, error);
      return binding->data != NULL;
    }
  }
  return FALSE;
}

static gboolean
parse_byte_count (GstVyreBinding *binding, const char *value, GError **error)
{
  g_autofree char *text = g_strstrip (g_strdup (value));

  if (!g_ascii_string_to_unsigned (
          text, 10, 0, G_MAXINT64, &binding->bytes, NULL)) {
    g_set_error (error, GST_VYRE_BINDINGS_ERROR, GST_VYRE_BINDINGS_ERROR_VALUE,
        "buffer \"%s\": \"%s\" is no number of bytes", binding->name, value);
    return FALSE;
  }
  binding->has_bytes = TRUE;
  return TRUE;
}

/* value is %NULL when there is no colon. */
static gboolean
parse_value (GstVyreBinding *binding, const char *kind, const char *value,
    GError **error)
{
  GError *inner = NULL;

  if (g_str_equal (kind, "zeros")) {
    binding->kind = GST_VYRE_BINDING_ZEROS;
    return value == NULL || parse_byte_count (binding, value, error);
  }
  if (g_str_equal (kind, "log")) {
    binding->kind = GST_VYRE_BINDING_LOG;
    return value == NULL || parse_byte_count (binding, value, error);
  }
  if (g_str_equal (kind, "keep")) {
    const char *colon = value ? strchr (value, ':') : NULL;

    binding->kind = GST_VYRE_BINDING_KEEP;
    if (value == NULL)
      return TRUE;
    if (colon) {
      g_autofree char *inner_kind = g_strndup (value, colon - value);

      if (parse_contents (binding, inner_kind, colon + 1, &inner))
        return TRUE;
      if (inner == NULL)
        goto unknown_kind;
      g_propagate_error (error, inner);
      return FALSE;
    }
    return parse_byte_count (binding, value, error);
  }
  if (value == NULL)
    goto unknown_kind;
  if (g_str_equal (kind, "size")) {
    binding->kind = GST_VYRE_BINDING_SIZE;
    binding->size = gst_vyre_size_expr_parse (value, &inner);
    if (binding->size)
      return TRUE;
    g_propagate_prefixed_error (error, inner, "buffer \"%s\": ", binding->name);
    return FALSE;
  }
  binding->kind = GST_VYRE_BINDING_DATA;
  if (parse_contents (binding, kind, value, &inner))
    return TRUE;
  if (inner == NULL)
    goto unknown_kind;
  g_propagate_error (error, inner);
  return FALSE;

unknown_kind:
  g_set_error (error, GST_VYRE_BINDINGS_ERROR, GST_VYRE_BINDINGS_ERROR_SYNTAX,
      "buffer \"%s\": \"%s%s%s\" is no value; write hex:00ff, file:PATH, "
      "u32:640 (also u8 u16 u64 i8 i16 i32 i64 f32 f64; lists with ';'), "
      "zeros, zeros:BYTES, keep, keep:BYTES, keep:KIND:VALUE, log, log:BYTES "
      "or size:EXPR",
      binding->name, kind, value ? ":" : "", value ? value : "");
  return FALSE;
}

/* --- items -------------------------------------------------------------- */

static void
binding_free (gpointer data)
{
  GstVyreBinding *binding = data;

  g_free (binding->name);
  g_clear_pointer (&binding->data, g_bytes_unref);
  g_free (binding->path);
  g_clear_pointer (&binding->size, gst_vyre_size_expr_free);
  g_free (binding);
}

/* Copies up to an unescaped character of stops, which it leaves. nested: do
 * not stop inside parentheses, for the commas of min and max. */
static char *
take_until (const char **at, const char *stops, gboolean nested)
{
  GString *out = g_string_new (NULL);
  guint depth = 0;

  for (; **at; (*at)++) {
    if (**at == '\\' && (*at)[1] != '\0') {
      (*at)++;
      g_string_append_c (out, **at);
      continue;
    }
    if (depth == 0 && strchr (stops, **at))
      break;
    if (nested && **at == '(')
      depth++;
    else if (nested && **at == ')' && depth > 0)
      depth--;
    g_string_append_c (out, **at);
  }
  return g_string_free (out, FALSE);
}

static void
skip_space (const char **at)
{
  while (g_ascii_isspace (**at))
    (*at)++;
}

GPtrArray *
gst_vyre_bindings_parse (const char *text, GError **error)
{
  g_autoptr (GPtrArray) bindings =
      g_ptr_array_new_with_free_func (binding_free);
  const char *at = text ? text : "";
  guint item = 0;

  skip_space (&at);
  if (*at == '\0')
    return g_steal_pointer (&bindings);

  for (;;) {
    GstVyreBinding *binding = g_new0 (GstVyreBinding, 1);
    g_autofree char *kind = NULL;
    g_autofree char *value = NULL;

    g_ptr_array_add (bindings, binding);
    item++;
    skip_space (&at);
    binding->name = g_strchomp (take_until (&at, "=,", FALSE));
    if (*at != '=' || binding->name[0] == '\0') {
      g_set_error (error, GST_VYRE_BINDINGS_ERROR,
          GST_VYRE_BINDINGS_ERROR_SYNTAX,
          "bindings, item %u: \"%s\" is not NAME=KIND:VALUE; items stand "
          "between commas, and \\ before a comma takes it literally",
          item, binding->name);
      return NULL;
    }
    at++;
    skip_space (&at);
    kind = g_strchomp (take_until (&at, ":,", FALSE));
    if (*at == ':') {
      at++;
      value = take_until (&at, ",", g_str_equal (kind, "size"));
    }
    for (guint i = 0; i + 1 < bindings->len; i++) {
      GstVyreBinding *other = g_ptr_array_index (bindings, i);

      if (g_str_equal (other->name, binding->name)) {
        g_set_error (error, GST_VYRE_BINDINGS_ERROR,
            GST_VYRE_BINDINGS_ERROR_DUPLICATE,
            "bindings, item %u: buffer \"%s\" is bound twice", item,
            binding->name);
        return NULL;
      }
    }
    if (!parse_value (binding, kind, value, error))
      return NULL;
    if (*at == '\0')
      return g_steal_pointer (&bindings);
    at++;
  }
}
