/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text-private.h"

#include <math.h>
#include <string.h>

/* Functions here take the level of the expression's root (see
 * vyre_text_parse_expr()) and give back its height, 1 for a leaf: a chain
 * like a + b + c grows downward on the left, so its depth is known only when
 * it has been read. */

static VyreExpr *parse_binary (
    VyreTextParser *parser, guint level, guint lowest, guint *height);

static gboolean
check_depth (VyreTextParser *parser, VyreSource at, guint level, guint height)
{
  if (level + height - 1 <= VYRE_MAX_NESTING)
    return TRUE;
  vyre_text_fail (parser, at,
      "nested deeper than %u levels, statements around it included: split it "
      "with let",
      VYRE_MAX_NESTING);
  return FALSE;
}

static VyreExpr *
new_expr (
    VyreTextParser *parser, VyreSource at, VyreExprKind kind, guint n_args)
{
  VyreExpr *expr = vyre_program_expr (parser->program, kind, n_args);

  expr->at = at;
  return expr;
}

/* --- literals ---------------------------------------------------------------- */

static VyreExpr *
new_wide_literal (
    VyreTextParser *parser, VyreSource at, const char *kind, guint64 value)
{
  VyreExpr *expr = new_expr (parser, at, VYRE_EXPR_OPAQUE, 0);
  guint8 *payload = vyre_program_alloc (parser->program, 8);

  for (guint i = 0; i < 8; i++)
    payload[i] = value >> (8 * i);
  expr->name = vyre_program_string (parser->program, kind, strlen (kind));
  expr->payload = payload;
  expr->payload_length = 8;
  return expr;
}

static guint32
float_bits (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof (bits));
  return bits;
}

static guint64
double_bits (double value)
{
  guint64 bits;

  memcpy (&bits, &value, sizeof (bits));
  return bits;
}

/* The current FLOAT token; a number that is not 0 must not become 0. */
static VyreExpr *
parse_float (VyreTextParser *parser, VyreSource at, gboolean negative)
{
  const VyreToken *token = &parser->token;
  g_autofree char *text = g_strndup (token->start, token->digits);
  gboolean wide = token->suffix == VYRE_SUFFIX_F64;
  VyreExpr *expr;
  float single;
  double value;

  single = wide ? 0 : vyre_text_strtof (text, NULL);
  value = wide ? vyre_text_strtod (text, NULL) : single;
  if (isinf (value))
    goto too_large;
  if (value == 0 && strcspn (text, "123456789") < strcspn (text, "eE"))
    goto too_small;

  if (wide) {
    expr = new_wide_literal (parser, at, "vyre.literal.f64",
        double_bits (value) ^ (guint64) negative << 63);
  } else {
    expr = new_expr (parser, at, VYRE_EXPR_LIT_F32, 0);
    expr->bits = float_bits (single) ^ (guint32) negative << 31;
  }
  vyre_text_advance (parser);
  return expr;

too_large:
  vyre_text_fail (parser, token->at, "number does not fit %s: too large",
      wide ? "f64" : "f32");
  return NULL;
too_small:
  vyre_text_fail (parser, token->at,
      "number does not fit %s: it would become 0", wide ? "f64" : "f32");
  return NULL;
}

/* The current INTEGER token. Only signed types come with negative set. */
static VyreExpr *
parse_integer (VyreTextParser *parser, VyreSource at, gboolean negative)
{
  const VyreToken *token = &parser->token;
  guint64 value = token->value;
  const char *type = NULL;
  VyreExpr *expr = NULL;

  switch (token->suffix) {
    case VYRE_SUFFIX_I32:
      type = "i32";
      if (token->too_big || value > (guint64) G_MAXINT32 + negative)
        goto too_large;
      expr = new_expr (parser, at, VYRE_EXPR_LIT_I32, 0);
      expr->bits = negative ? -value : value;
      break;
    case VYRE_SUFFIX_U64:
      type = "u64";
      if (token->too_big)
        goto too_large;
      expr = new_wide_literal (parser, at, "vyre.literal.u64", value);
      break;
    case VYRE_SUFFIX_I64:
      type = "i64";
      if (token->too_big || value > (guint64) G_MAXINT64 + negative)
        goto too_large;
      expr = new_wide_literal (
          parser, at, "vyre.literal.i64", negative ? -value : value);
      break;
    default:
      type = "u32";
      if (token->too_big || value > G_MAXUINT32)
        goto too_large;
      expr = new_expr (parser, at, VYRE_EXPR_LIT_U32, 0);
      expr->bits = value;
      break;
  }
  vyre_text_advance (parser);
  return expr;

too_large:
  vyre_text_fail (parser, token->at, "number %.*s does not fit %s",
      (int) MIN (token->length, 40), token->start, type);
  return NULL;
}

static VyreExpr *
parse_special_float (VyreTextParser *parser, VyreSource at, gboolean negative)
{
  VyreExpr *expr = new_expr (parser, at, VYRE_EXPR_LIT_F32, 0);

  expr->bits = vyre_text_at_word (parser, "inf") ? 0x7f800000 : 0x7fc00000;
  expr->bits ^= (guint32) negative << 31;
  vyre_text_advance (parser);
  return expr;
}

static gboolean
at_special_float (VyreTextParser *parser)
{
  return vyre_text_at_word (parser, "inf") || vyre_text_at_word (parser, "nan");
}

/* Whether a minus sign before the current token is part of the literal. */
static gboolean
at_signed_literal (VyreTextParser *parser)
{
  const VyreToken *token = &parser->token;

  return token->kind == VYRE_TOKEN_FLOAT || at_special_float (parser) ||
         (token->kind == VYRE_TOKEN_INTEGER &&
             (token->suffix == VYRE_SUFFIX_I32 ||
                 token->suffix == VYRE_SUFFIX_I64));
}

static VyreExpr *
parse_signed_literal (VyreTextParser *parser, VyreSource at, gboolean negative)
{
  if (parser->token.kind == VYRE_TOKEN_FLOAT)
    return parse_float (parser, at, negative);
  if (parser->token.kind == VYRE_TOKEN_INTEGER)
    return parse_integer (parser, at, negative);
  return parse_special_float (parser, at, negative);
}

/* --- functions ---------------------------------------------------------------- */

static VyreExpr *
parse_child (VyreTextParser *parser, guint level, guint *height)
{
  guint own = 0;
  VyreExpr *child = parse_binary (parser, level + 1, VYRE_PREC_LOWEST, &own);

  *height = MAX (*height, own + 1);
  return child;
}

/* n operands with commas between them. */
static gboolean
parse_operands (
    VyreTextParser *parser, VyreExpr *expr, guint n, guint level, guint *height)
{
  for (guint i = 0; i < n; i++) {
    if (i > 0 && !vyre_text_expect_punct (parser, ','))
      return FALSE;
    expr->args[i] = parse_child (parser, level, height);
    if (!expr->args[i])
      return FALSE;
  }
  return TRUE;
}

static gboolean
parse_extension_id (VyreTextParser *parser, guint32 *id)
{
  VyreSource at = parser->token.at;

  if (!vyre_text_expect_u32 (parser, "an extension id", id))
    return FALSE;
  if (*id < 0x80000000u) {
    vyre_text_fail (
        parser, at, "extension id 0x%x: expected 0x80000000 or more", *id);
    return FALSE;
  }
  return TRUE;
}

/* BUFFER[INDEX], [EXPECTED,] VALUE */
static VyreExpr *
parse_atomic (VyreTextParser *parser, VyreSource at, guint8 op, guint8 ordering,
    guint level, guint *height)
{
  VyreExpr *found[3] = {
    NULL,
  };
  VyreExpr *expr;
  VyreString name;
  guint32 id = 0;
  guint n = 1;

  if (op == VYRE_ATOMIC_OPAQUE && (!parse_extension_id (parser, &id) ||
                                      !vyre_text_expect_punct (parser, ',')))
    return NULL;
  if (!vyre_text_expect_name (parser, "a buffer name", &name) ||
      !vyre_text_expect_punct (parser, '['))
    return NULL;
  found[0] = parse_child (parser, level, height);
  if (!found[0] || !vyre_text_expect_punct (parser, ']') ||
      !vyre_text_expect_punct (parser, ','))
    return NULL;
  do {
    found[n] = parse_child (parser, level, height);
    if (!found[n])
      return NULL;
    n++;
  } while (n < 3 && vyre_text_skip_punct (parser, ','));

  expr = new_expr (parser, at, VYRE_EXPR_ATOMIC, n);
  for (guint i = 0; i < n; i++)
    expr->args[i] = found[i];
  expr->name = name;
  expr->op = op;
  expr->ext_id = id;
  expr->ordering = ordering;
  expr->has_expected = n == 3;
  return expr;
}

static VyreExpr *
parse_call (VyreTextParser *parser, VyreSource at, guint level, guint *height)
{
  g_autoptr (GPtrArray) args = g_ptr_array_new ();
  VyreString name;
  VyreExpr *expr;

  if (!vyre_text_expect_string (parser, "an operation id as a string", &name))
    return NULL;
  while (vyre_text_skip_punct (parser, ',')) {
    if (args->len == WIRE_MAX_CALL_ARGS)
      goto too_many;
    expr = parse_child (parser, level, height);
    if (!expr)
      return NULL;
    g_ptr_array_add (args, expr);
  }
  expr = new_expr (parser, at, VYRE_EXPR_CALL, args->len);
  expr->name = name;
  for (guint i = 0; i < args->len; i++)
    expr->args[i] = args->pdata[i];
  return expr;

too_many:
  vyre_text_fail (parser, parser->token.at, "call with more than %u arguments",
      WIRE_MAX_CALL_ARGS);
  return NULL;
}

static VyreExpr *
parse_cast (VyreTextParser *parser, VyreSource at, guint level, guint *height)
{
  VyreExpr *expr = new_expr (parser, at, VYRE_EXPR_CAST, 1);
  VyreSource type_at = parser->token.at;
  const VyreType *type;

  expr->type = vyre_text_parse_type (parser);
  if (!expr->type || !vyre_text_expect_punct (parser, ','))
    return NULL;
  for (type = expr->type; type; type = type->element)
    if (type->kind == VYRE_TYPE_ARRAY && type->size > G_MAXUINT32)
      goto too_large;
  if (!parse_operands (parser, expr, 1, level, height))
    return NULL;
  return expr;

too_large:
  vyre_text_fail (parser, type_at,
      "array element size %" G_GUINT64_FORMAT " in a cast: at most %u",
      type->size, G_MAXUINT32);
  return NULL;
}

static VyreExpr *
parse_opaque (VyreTextParser *parser, VyreSource at)
{
  VyreExpr *expr = new_expr (parser, at, VYRE_EXPR_OPAQUE, 0);
  VyreSource payload_at;

  if (!vyre_text_expect_string (parser, "a kind as a string", &expr->name) ||
      !vyre_text_expect_punct (parser, ','))
    return NULL;
  payload_at = parser->token.at;
  if (!vyre_text_expect_payload (parser, &expr->payload, &expr->payload_length))
    return NULL;
  if (vyre_wire_is_stock_literal (expr->name) && expr->payload_length != 8) {
    vyre_text_fail (parser, payload_at, "payload of %u bytes: expected 8",
        expr->payload_length);
    return NULL;
  }
  return expr;
}

/* After the opening parenthesis, up to the closing one. */
static VyreExpr *
parse_arguments (VyreTextParser *parser, VyreSource at,
    const VyreTextFunction *function, guint8 ordering, guint level,
    guint *height)
{
  VyreExpr *expr;
  guint32 id = 0;

  switch (function->kind) {
    case VYRE_EXPR_ATOMIC:
      return parse_atomic (parser, at, function->op, ordering, level, height);
    case VYRE_EXPR_CALL:
      return parse_call (parser, at, level, height);
    case VYRE_EXPR_CAST:
      return parse_cast (parser, at, level, height);
    case VYRE_EXPR_OPAQUE:
      return parse_opaque (parser, at);
    case VYRE_EXPR_BUF_LEN:
      expr = new_expr (parser, at, VYRE_EXPR_BUF_LEN, 0);
      if (!vyre_text_expect_name (parser, "a buffer name", &expr->name))
        return NULL;
      return expr;
    case VYRE_EXPR_LIT_F32:
      expr = new_expr (parser, at, VYRE_EXPR_LIT_F32, 0);
      if (!vyre_text_expect_u32 (parser, "the bits of an f32", &expr->bits))
        return NULL;
      return expr;
    default:
      break;
  }
  /* All opaque operators have tag 0x80. */
  if (function->op == VYRE_BIN_OPAQUE &&
      (!parse_extension_id (parser, &id) ||
          !vyre_text_expect_punct (parser, ',')))
    return NULL;
  expr = new_expr (parser, at, function->kind, function->n_args);
  expr->op = function->op;
  expr->ext_id = id;
  if (!parse_operands (parser, expr, function->n_args, level, height))
    return NULL;
  return expr;
}

static VyreExpr *
parse_function (
    VyreTextParser *parser, const VyreToken *word, guint level, guint *height)
{
  const VyreTextFunction *function;
  const VyreTextWord *type;
  guint8 ordering = VYRE_ORDER_SEQ_CST;
  VyreExpr *expr;
  VyreType *target;

  function = vyre_text_function (word->start, word->length);
  type = vyre_text_word (vyre_text_types, word->start, word->length);
  if (function && function->kind == VYRE_EXPR_ATOMIC &&
      vyre_text_skip_punct (parser, '.') &&
      !vyre_text_expect_table (
          parser, vyre_text_orderings, "a memory ordering", &ordering))
    return NULL;
  if (!vyre_text_expect_punct (parser, '('))
    return NULL;

  if (function) {
    expr =
        parse_arguments (parser, word->at, function, ordering, level, height);
    if (!expr)
      return NULL;
  } else if (type && vyre_text_type_is_plain (type->value)) {
    target = vyre_program_alloc (parser->program, sizeof (VyreType));
    target->kind = type->value;
    expr = new_expr (parser, word->at, VYRE_EXPR_CAST, 1);
    expr->type = target;
    if (!parse_operands (parser, expr, 1, level, height))
      return NULL;
  } else {
    goto unknown;
  }
  if (!vyre_text_expect_punct (parser, ')'))
    return NULL;
  return expr;

unknown:
  if (type)
    vyre_text_fail (
        parser, word->at, "cast to %s: expected cast(TYPE, value)", type->name);
  else
    vyre_text_fail (parser, word->at, "unknown function '%.*s'",
        (int) MIN (word->length, 80), word->start);
  return NULL;
}

/* --- operators ---------------------------------------------------------------- */

/* .x .y .z or [NUMBER] */
static VyreExpr *
parse_id (VyreTextParser *parser, VyreSource at, VyreExprKind kind)
{
  static const VyreTextWord axes[] = { { "x", 0 }, { "y", 1 }, { "z", 2 },
    { NULL } };
  VyreExpr *expr = new_expr (parser, at, kind, 0);
  guint64 axis;

  vyre_text_advance (parser);
  if (vyre_text_skip_punct (parser, '[')) {
    if (!vyre_text_expect_uint (parser, "an axis number", G_MAXUINT8, &axis) ||
        !vyre_text_expect_punct (parser, ']'))
      return NULL;
    expr->axis = axis;
    return expr;
  }
  if (!vyre_text_skip_punct (parser, '.')) {
    vyre_text_expected (parser, "'.x', '.y', '.z' or '[axis]'");
    return NULL;
  }
  if (!vyre_text_expect_table (parser, axes, "an axis", &expr->axis))
    return NULL;
  return expr;
}

static VyreExpr *
parse_load (VyreTextParser *parser, VyreSource at, VyreString name, guint level,
    guint *height)
{
  VyreExpr *expr = new_expr (parser, at, VYRE_EXPR_LOAD, 1);

  expr->name = name;
  expr->args[0] = parse_child (parser, level, height);
  if (!expr->args[0] || !vyre_text_expect_punct (parser, ']'))
    return NULL;
  return expr;
}

static VyreExpr *
parse_named (VyreTextParser *parser, guint level, guint *height)
{
  VyreToken first = parser->token;
  VyreString name;
  VyreExpr *expr;

  if (first.kind == VYRE_TOKEN_WORD &&
      vyre_text_word (vyre_text_reserved, first.start, first.length)) {
    vyre_text_expected (parser, "an expression");
    return NULL;
  }
  if (!vyre_text_expect_name (parser, "an expression", &name))
    return NULL;
  if (first.kind == VYRE_TOKEN_WORD &&
      (vyre_text_at_punct (parser, '(') || vyre_text_at_punct (parser, '.')))
    return parse_function (parser, &first, level, height);
  if (vyre_text_skip_punct (parser, '['))
    return parse_load (parser, first.at, name, level, height);
  expr = new_expr (parser, first.at, VYRE_EXPR_VAR, 0);
  expr->name = name;
  return expr;
}

static VyreExpr *
parse_parentheses (VyreTextParser *parser, guint level, guint *height)
{
  VyreExpr *expr;

  if (parser->parens == VYRE_TEXT_MAX_PARENS)
    goto too_deep;
  parser->parens++;
  vyre_text_advance (parser);
  expr = parse_binary (parser, level, VYRE_PREC_LOWEST, height);
  parser->parens--;
  if (!expr || !vyre_text_expect_punct (parser, ')'))
    return NULL;
  return expr;

too_deep:
  vyre_text_fail (parser, parser->token.at, "more than %u nested parentheses",
      VYRE_TEXT_MAX_PARENS);
  return NULL;
}

static VyreExpr *
parse_primary (VyreTextParser *parser, guint level, guint *height)
{
  const VyreToken *token = &parser->token;
  VyreSource at = token->at;
  VyreExpr *expr;

  *height = 1;
  if (vyre_text_at_punct (parser, '('))
    return parse_parentheses (parser, level, height);
  if (at_signed_literal (parser))
    return parse_signed_literal (parser, at, FALSE);
  if (token->kind == VYRE_TOKEN_INTEGER)
    return parse_integer (parser, at, FALSE);
  if (vyre_text_at_word (parser, "true") ||
      vyre_text_at_word (parser, "false")) {
    expr = new_expr (parser, at, VYRE_EXPR_LIT_BOOL, 0);
    expr->bits = vyre_text_at_word (parser, "true");
    vyre_text_advance (parser);
    return expr;
  }
  if (vyre_text_at_word (parser, "invocation_id"))
    return parse_id (parser, at, VYRE_EXPR_INVOCATION_ID);
  if (vyre_text_at_word (parser, "workgroup_id"))
    return parse_id (parser, at, VYRE_EXPR_WORKGROUP_ID);
  if (vyre_text_at_word (parser, "local_id"))
    return parse_id (parser, at, VYRE_EXPR_LOCAL_ID);
  return parse_named (parser, level, height);
}

static VyreExpr *
parse_unary (VyreTextParser *parser, guint level, guint *height)
{
  VyreSource at = parser->token.at;
  guint own = 0;
  VyreUnOp op;
  VyreExpr *expr;

  if (!check_depth (parser, at, level, 1))
    return NULL;
  if (vyre_text_skip_punct (parser, '-')) {
    op = VYRE_UN_NEGATE;
    if (at_signed_literal (parser)) {
      *height = 1;
      return parse_signed_literal (parser, at, TRUE);
    }
  } else if (vyre_text_skip_punct (parser, '~')) {
    op = VYRE_UN_BIT_NOT;
  } else if (vyre_text_skip_punct (parser, '!')) {
    op = VYRE_UN_LOGICAL_NOT;
  } else {
    return parse_primary (parser, level, height);
  }
  expr = new_expr (parser, at, VYRE_EXPR_UN_OP, 1);
  expr->op = op;
  expr->args[0] = parse_unary (parser, level + 1, &own);
  if (!expr->args[0])
    return NULL;
  *height = own + 1;
  return expr;
}

static VyreExpr *
parse_binary (VyreTextParser *parser, guint level, guint lowest, guint *height)
{
  gboolean compared = FALSE;
  VyreExpr *left = parse_unary (parser, level, height);

  while (left && parser->token.kind == VYRE_TOKEN_PUNCT) {
    const VyreTextInfix *infix = vyre_text_infix_by_punct (parser->token.punct);
    VyreSource at = parser->token.at;
    VyreExpr *expr;
    guint right = 0;

    if (!infix || infix->precedence < lowest)
      return left;
    if (infix->precedence == VYRE_PREC_COMPARE) {
      if (compared)
        goto chained;
      compared = TRUE;
    }
    vyre_text_advance (parser);
    expr = new_expr (parser, at, VYRE_EXPR_BIN_OP, 2);
    expr->op = infix->op;
    expr->args[0] = left;
    expr->args[1] =
        parse_binary (parser, level + 1, infix->precedence + 1, &right);
    if (!expr->args[1])
      return NULL;
    *height = MAX (*height, right) + 1;
    if (!check_depth (parser, at, level, *height))
      return NULL;
    left = expr;
  }
  return left;

chained:
  vyre_text_fail (parser, parser->token.at,
      "comparisons do not chain: use parentheses or &&");
  return NULL;
}

VyreExpr *
vyre_text_parse_expr (VyreTextParser *parser, guint level)
{
  guint height = 0;
  VyreExpr *expr = parse_binary (parser, level, VYRE_PREC_LOWEST, &height);

  return parser->error ? NULL : expr;
}
