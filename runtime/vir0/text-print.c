/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text-private.h"

#include <math.h>
#include <string.h>

/* Programs that come from a file stay within VYRE_MAX_NESTING. Deeper ones can
 * only be built in memory and do not encode: what lies deeper is shown as an
 * ellipsis, which does not parse. */
#define MAX_DEPTH (2 * VYRE_MAX_NESTING)

/* --- names, strings, numbers ------------------------------------------------ */

static void
print_quoted (GString *out, VyreString s, char quote)
{
  const char *at = s.data;
  const char *end = s.data + s.length;

  g_string_append_c (out, quote);
  while (at < end) {
    gunichar c = g_utf8_get_char_validated (at, end - at);

    /* A NUL makes g_utf8_get_char_validated() fail. */
    if (*at == '\0' || c >= (gunichar) -2) {
      g_string_append_printf (out, "\\u{%x}", (guchar) *at);
      at++;
      continue;
    }
    if (c == (gunichar) quote || c == '\\')
      g_string_append_printf (out, "\\%c", c);
    else if (c == '\n')
      g_string_append (out, "\\n");
    else if (c == '\t')
      g_string_append (out, "\\t");
    else if (g_unichar_isprint (c))
      g_string_append_unichar (out, c);
    else
      g_string_append_printf (out, "\\u{%x}", c);
    at = g_utf8_next_char (at);
  }
  g_string_append_c (out, quote);
}

static void
print_name (GString *out, VyreString name)
{
  if (vyre_text_is_bare_name (name))
    g_string_append_len (out, name.data, name.length);
  else
    print_quoted (out, name, '`');
}

static void
print_string (GString *out, VyreString s)
{
  print_quoted (out, s, '"');
}

static void
print_payload (GString *out, const guint8 *payload, guint32 length)
{
  static const char digits[] = "0123456789abcdef";

  g_string_append_c (out, '"');
  for (guint32 i = 0; i < length; i++) {
    g_string_append_c (out, digits[payload[i] >> 4]);
    g_string_append_c (out, digits[payload[i] & 15]);
  }
  g_string_append_c (out, '"');
}

/* Small numbers are counts, large ones mostly masks and constants. */
static void
print_u32 (GString *out, guint32 value)
{
  g_string_append_printf (out, value < 0x10000 ? "%u" : "0x%x", value);
}

/* As few digits as give the same bits again, but enough to print round numbers
 * without an exponent; never looks like an integer. */
static void
print_decimal (GString *out, double value, int first, int last, gboolean wide)
{
  char text[G_ASCII_DTOSTR_BUF_SIZE + 32];
  char format[8];

  for (int digits = first; digits <= last; digits++) {
    g_snprintf (format, sizeof (format), "%%.%dg", digits);
    g_ascii_formatd (text, sizeof (text), format, value);
    if (wide ? vyre_text_strtod (text, NULL) == value
             : vyre_text_strtof (text, NULL) == (float) value)
      break;
  }
  g_string_append (out, text);
  if (!strpbrk (text, ".e"))
    g_string_append (out, ".0");
}

static void
print_f32 (GString *out, guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof (value));
  if (bits << 1 == 0x7fc00000u << 1)
    g_string_append (out, bits >> 31 ? "-nan" : "nan");
  else if (isnan (value))
    g_string_append_printf (out, "f32_bits(0x%08x)", bits);
  else if (isinf (value))
    g_string_append (out, bits >> 31 ? "-inf" : "inf");
  else
    print_decimal (out, value, 6, 9, FALSE);
}

/* --- types ---------------------------------------------------------------- */

static void
print_dims (GString *out, const VyreType *type, gboolean comma)
{
  for (guint32 i = 0; i < type->n_dims; i++)
    g_string_append_printf (
        out, "%s%u", comma || i > 0 ? ", " : "", type->dims[i]);
}

static void
print_quantization (
    GString *out, const VyreTextWord *table, guint tag, guint32 param)
{
  const char *name = vyre_text_word_name (table, tag);

  g_string_append_printf (out, ", %s", name);
  if (g_str_equal (name, "per_channel") || g_str_equal (name, "per_group"))
    g_string_append_printf (out, "(%u)", param);
}

static void
print_type_end (GString *out, const VyreType *type)
{
  switch (type->kind) {
    case VYRE_TYPE_ARRAY:
      g_string_append_printf (out, "(%" G_GUINT64_FORMAT ")", type->size);
      break;
    case VYRE_TYPE_HANDLE:
      g_string_append_printf (out, "(%u)", type->a);
      break;
    case VYRE_TYPE_OPAQUE:
      g_string_append_printf (out, "(0x%08x)", type->a);
      break;
    case VYRE_TYPE_DEVICE_MESH:
      g_string_append_c (out, '(');
      print_dims (out, type, FALSE);
      g_string_append_c (out, ')');
      break;
    case VYRE_TYPE_VEC:
      g_string_append_printf (out, ", %u)", type->a);
      break;
    case VYRE_TYPE_TENSOR_SHAPED:
      print_dims (out, type, TRUE);
      g_string_append_c (out, ')');
      break;
    case VYRE_TYPE_SPARSE_CSR:
    case VYRE_TYPE_SPARSE_COO:
      g_string_append_c (out, ')');
      break;
    case VYRE_TYPE_SPARSE_BSR:
      g_string_append_printf (out, ", %u, %u)", type->a, type->b);
      break;
    case VYRE_TYPE_QUANTIZED:
      print_quantization (
          out, vyre_text_scales, type->scale_tag, type->scale_param);
      print_quantization (
          out, vyre_text_zeros, type->zero_tag, type->zero_param);
      g_string_append_c (out, ')');
      break;
    default:
      break;
  }
}

static void
print_type (GString *out, const VyreType *type)
{
  g_autoptr (GPtrArray) chain = g_ptr_array_new ();

  for (; type; type = type->element) {
    g_string_append (out, vyre_text_word_name (vyre_text_types, type->kind));
    if (type->element)
      g_string_append_c (out, '(');
    g_ptr_array_add (chain, (gpointer) type);
  }
  for (guint i = chain->len; i > 0; i--)
    print_type_end (out, chain->pdata[i - 1]);
}

/* --- expressions ------------------------------------------------------------ */

static void print_expr (
    GString *out, const VyreExpr *expr, guint lowest, guint depth);

static void
print_args (GString *out, const VyreExpr *expr, guint first, guint depth)
{
  for (guint32 i = first; i < expr->n_args; i++) {
    if (i > first)
      g_string_append (out, ", ");
    print_expr (out, expr->args[i], VYRE_PREC_LOWEST, depth);
  }
}

static void
print_place (GString *out, const VyreExpr *expr, guint depth)
{
  print_name (out, expr->name);
  g_string_append_c (out, '[');
  print_expr (out, expr->args[0], VYRE_PREC_LOWEST, depth);
  g_string_append_c (out, ']');
}

static void
print_id (GString *out, const char *name, guint8 axis)
{
  g_string_append (out, name);
  if (axis < 3)
    g_string_append_printf (out, ".%c", 'x' + axis);
  else
    g_string_append_printf (out, "[%u]", axis);
}

/* Literals of 64 bits; FALSE for all other opaque expressions. */
static gboolean
print_wide_literal (GString *out, const VyreExpr *expr)
{
  guint64 bits = 0;
  double value;

  if (expr->payload_length != 8)
    return FALSE;
  for (guint i = 0; i < 8; i++)
    bits |= (guint64) expr->payload[i] << (8 * i);
  if (vyre_string_is (expr->name, "vyre.literal.u64")) {
    g_string_append_printf (out, "%" G_GUINT64_FORMAT "u64", bits);
    return TRUE;
  }
  if (vyre_string_is (expr->name, "vyre.literal.i64")) {
    g_string_append_printf (out, "%" G_GINT64_FORMAT "i64", (gint64) bits);
    return TRUE;
  }
  memcpy (&value, &bits, sizeof (value));
  if (!vyre_string_is (expr->name, "vyre.literal.f64") || !isfinite (value))
    return FALSE;
  print_decimal (out, value, 15, 17, TRUE);
  g_string_append (out, "f64");
  return TRUE;
}

static void
print_opaque_expr (GString *out, const VyreExpr *expr)
{
  if (print_wide_literal (out, expr))
    return;
  g_string_append (out, "opaque(");
  print_string (out, expr->name);
  g_string_append (out, ", ");
  print_payload (out, expr->payload, expr->payload_length);
  g_string_append_c (out, ')');
}

/* Whether a minus sign before it would be read as part of it. */
static gboolean
takes_sign (const VyreExpr *expr)
{
  return expr->kind == VYRE_EXPR_LIT_I32 || expr->kind == VYRE_EXPR_LIT_F32 ||
         expr->kind == VYRE_EXPR_OPAQUE;
}

static const char *
function_name (const VyreExpr *expr)
{
  const VyreTextFunction *f;

  for (f = vyre_text_functions; f->name; f++)
    if (f->kind == expr->kind && f->op == expr->op)
      return f->name;
  return "?";
}

static void
print_function (GString *out, const VyreExpr *expr, guint depth)
{
  g_string_append (out, function_name (expr));
  if (expr->kind == VYRE_EXPR_ATOMIC && expr->ordering != VYRE_ORDER_SEQ_CST)
    g_string_append_printf (
        out, ".%s", vyre_text_word_name (vyre_text_orderings, expr->ordering));
  g_string_append_c (out, '(');
  if (expr->op == VYRE_BIN_OPAQUE)
    g_string_append_printf (out, "0x%08x, ", expr->ext_id);
  if (expr->kind == VYRE_EXPR_ATOMIC) {
    print_place (out, expr, depth);
    g_string_append (out, ", ");
    print_args (out, expr, 1, depth);
  } else if (expr->kind == VYRE_EXPR_CALL) {
    print_string (out, expr->name);
    if (expr->n_args > 0)
      g_string_append (out, ", ");
    print_args (out, expr, 0, depth);
  } else if (expr->kind == VYRE_EXPR_BUF_LEN) {
    print_name (out, expr->name);
  } else {
    print_args (out, expr, 0, depth);
  }
  g_string_append_c (out, ')');
}

static void
print_cast (GString *out, const VyreExpr *expr, guint depth)
{
  if (vyre_text_type_is_plain (expr->type->kind)) {
    print_type (out, expr->type);
    g_string_append_c (out, '(');
  } else {
    g_string_append (out, "cast(");
    print_type (out, expr->type);
    g_string_append (out, ", ");
  }
  print_args (out, expr, 0, depth);
  g_string_append_c (out, ')');
}

static void
print_infix (GString *out, const VyreExpr *expr, const VyreTextInfix *infix,
    guint lowest, guint depth)
{
  guint left = infix->precedence + (infix->precedence == VYRE_PREC_COMPARE);
  gboolean parens = infix->precedence < lowest;

  if (parens)
    g_string_append_c (out, '(');
  print_expr (out, expr->args[0], left, depth);
  g_string_append_c (out, ' ');
  if (infix->punct > 0xff)
    g_string_append_c (out, infix->punct >> 8);
  g_string_append_c (out, infix->punct & 0xff);
  g_string_append_c (out, ' ');
  print_expr (out, expr->args[1], infix->precedence + 1, depth);
  if (parens)
    g_string_append_c (out, ')');
}

static void
print_unary (GString *out, const VyreExpr *expr, guint lowest, guint depth)
{
  gboolean parens = lowest > VYRE_PREC_UNARY;
  char sign = 0;

  if (expr->op == VYRE_UN_NEGATE)
    sign = '-';
  else if (expr->op == VYRE_UN_BIT_NOT)
    sign = '~';
  else if (expr->op == VYRE_UN_LOGICAL_NOT)
    sign = '!';
  if (!sign) {
    print_function (out, expr, depth);
    return;
  }
  if (parens)
    g_string_append_c (out, '(');
  g_string_append_c (out, sign);
  if (sign == '-' && takes_sign (expr->args[0])) {
    g_string_append_c (out, '(');
    print_args (out, expr, 0, depth);
    g_string_append_c (out, ')');
  } else {
    print_expr (out, expr->args[0], VYRE_PREC_UNARY, depth);
  }
  if (parens)
    g_string_append_c (out, ')');
}

static void
print_expr (GString *out, const VyreExpr *expr, guint lowest, guint depth)
{
  const VyreTextInfix *infix;

  if (++depth > MAX_DEPTH) {
    g_string_append (out, "…");
    return;
  }
  switch (expr->kind) {
    case VYRE_EXPR_LIT_U32:
      print_u32 (out, expr->bits);
      break;
    case VYRE_EXPR_LIT_I32:
      g_string_append_printf (out, "%di32", (gint32) expr->bits);
      break;
    case VYRE_EXPR_LIT_F32:
      print_f32 (out, expr->bits);
      break;
    case VYRE_EXPR_LIT_BOOL:
      g_string_append (out, expr->bits ? "true" : "false");
      break;
    case VYRE_EXPR_VAR:
      print_name (out, expr->name);
      break;
    case VYRE_EXPR_LOAD:
      print_place (out, expr, depth);
      break;
    case VYRE_EXPR_INVOCATION_ID:
      print_id (out, "invocation_id", expr->axis);
      break;
    case VYRE_EXPR_WORKGROUP_ID:
      print_id (out, "workgroup_id", expr->axis);
      break;
    case VYRE_EXPR_LOCAL_ID:
      print_id (out, "local_id", expr->axis);
      break;
    case VYRE_EXPR_BIN_OP:
      infix = vyre_text_infix_by_op (expr->op);
      if (infix)
        print_infix (out, expr, infix, lowest, depth);
      else
        print_function (out, expr, depth);
      break;
    case VYRE_EXPR_UN_OP:
      print_unary (out, expr, lowest, depth);
      break;
    case VYRE_EXPR_CAST:
      print_cast (out, expr, depth);
      break;
    case VYRE_EXPR_OPAQUE:
      print_opaque_expr (out, expr);
      break;
    default:
      print_function (out, expr, depth);
      break;
  }
}

/* --- statements -------------------------------------------------------------- */

static void print_node (GString *out, const VyreNode *node, guint depth);

static void
print_indent (GString *out, guint depth)
{
  for (guint i = 0; i < depth; i++)
    g_string_append (out, "  ");
}

static void
print_value (GString *out, const VyreNode *node, guint i, guint depth)
{
  print_expr (out, node->exprs[i], VYRE_PREC_LOWEST, depth);
}

/* "{" … "}", the closing brace indented to depth, no line feed after it. */
static void
print_body (GString *out, const VyreNodeList *list, guint depth)
{
  if (list->n_nodes == 0) {
    g_string_append (out, "{ }");
    return;
  }
  g_string_append (out, "{\n");
  for (guint32 i = 0; i < list->n_nodes; i++) {
    print_indent (out, depth + 1);
    if (depth + 1 < MAX_DEPTH)
      print_node (out, list->nodes[i], depth + 1);
    else
      g_string_append (out, "…\n");
  }
  print_indent (out, depth);
  g_string_append_c (out, '}');
}

/* A chain of else-ifs is printed flat. */
static void
print_if (GString *out, const VyreNode *node, guint depth)
{
  for (;;) {
    const VyreNodeList *otherwise = &node->otherwise;

    g_string_append (out, "if ");
    print_value (out, node, 0, depth);
    g_string_append_c (out, ' ');
    print_body (out, &node->body, depth);
    if (otherwise->n_nodes == 0)
      return;
    g_string_append (out, " else ");
    if (otherwise->n_nodes != 1 || otherwise->nodes[0]->kind != VYRE_NODE_IF) {
      print_body (out, otherwise, depth);
      return;
    }
    node = otherwise->nodes[0];
  }
}

static gboolean
is_u32 (const VyreExpr *expr, guint32 value)
{
  return expr->kind == VYRE_EXPR_LIT_U32 && expr->bits == value;
}

static void
print_loop (GString *out, const VyreNode *node, guint depth)
{
  if (vyre_string_is (node->name, "__forever__") &&
      is_u32 (node->exprs[0], 0) && is_u32 (node->exprs[1], G_MAXUINT32)) {
    g_string_append (out, "loop ");
  } else {
    g_string_append (out, "for ");
    print_name (out, node->name);
    g_string_append (out, " in ");
    print_value (out, node, 0, depth);
    g_string_append (out, "..");
    print_value (out, node, 1, depth);
    g_string_append_c (out, ' ');
  }
  print_body (out, &node->body, depth);
}

static void
print_region (GString *out, const VyreNode *node, guint depth)
{
  if (vyre_string_is (node->name, VYRE_ROOT_REGION) && !node->has_source) {
    g_string_append (out, "main ");
  } else {
    g_string_append (out, "region ");
    print_string (out, node->name);
    g_string_append_c (out, ' ');
    if (node->has_source) {
      g_string_append (out, "from ");
      print_string (out, node->name2);
      g_string_append_c (out, ' ');
    }
  }
  print_body (out, &node->body, depth);
}

/* Statements that look like a call. */
static void
print_call_statement (GString *out, const VyreNode *node, guint depth)
{
  const char *op =
      vyre_text_word_name (vyre_text_collectives, node->collective_op);

  g_string_append_printf (
      out, "%s(", vyre_text_word_name (vyre_text_statements, node->kind));
  switch (node->kind) {
    case VYRE_NODE_INDIRECT_DISPATCH:
      print_name (out, node->name);
      g_string_append_printf (out, ", %" G_GUINT64_FORMAT, node->count_offset);
      break;
    case VYRE_NODE_ASYNC_LOAD:
    case VYRE_NODE_ASYNC_STORE:
      print_name (out, node->name);
      g_string_append (out, ", ");
      print_name (out, node->name2);
      g_string_append (out, ", ");
      print_value (out, node, 0, depth);
      g_string_append (out, ", ");
      print_value (out, node, 1, depth);
      g_string_append (out, ", ");
      print_string (out, node->tag);
      break;
    case VYRE_NODE_ASYNC_WAIT:
    case VYRE_NODE_RESUME:
      print_string (out, node->tag);
      break;
    case VYRE_NODE_TRAP:
      print_value (out, node, 0, depth);
      g_string_append (out, ", ");
      print_string (out, node->tag);
      break;
    case VYRE_NODE_ALL_REDUCE:
      print_name (out, node->name);
      g_string_append_printf (out, ", %s, %u", op, node->group);
      break;
    case VYRE_NODE_ALL_GATHER:
      print_name (out, node->name);
      g_string_append (out, ", ");
      print_name (out, node->name2);
      g_string_append_printf (out, ", %u", node->group);
      break;
    case VYRE_NODE_REDUCE_SCATTER:
      print_name (out, node->name);
      g_string_append (out, ", ");
      print_name (out, node->name2);
      g_string_append_printf (out, ", %s, %u", op, node->group);
      break;
    case VYRE_NODE_BROADCAST:
      print_name (out, node->name);
      g_string_append_printf (out, ", %u, %u", node->root, node->group);
      break;
    default:
      print_string (out, node->name);
      g_string_append (out, ", ");
      print_payload (out, node->payload, node->payload_length);
      break;
  }
  g_string_append (out, ");");
}

static void
print_node (GString *out, const VyreNode *node, guint depth)
{
  switch (node->kind) {
    case VYRE_NODE_LET:
      g_string_append (out, "let ");
      /* fall through */
    case VYRE_NODE_ASSIGN:
      print_name (out, node->name);
      g_string_append (out, " = ");
      print_value (out, node, 0, depth);
      g_string_append_c (out, ';');
      break;
    case VYRE_NODE_STORE:
      print_name (out, node->name);
      g_string_append_c (out, '[');
      print_value (out, node, 0, depth);
      g_string_append (out, "] = ");
      print_value (out, node, 1, depth);
      g_string_append_c (out, ';');
      break;
    case VYRE_NODE_IF:
      print_if (out, node, depth);
      break;
    case VYRE_NODE_LOOP:
      print_loop (out, node, depth);
      break;
    case VYRE_NODE_RETURN:
      g_string_append (out, "return;");
      break;
    case VYRE_NODE_BLOCK:
      print_body (out, &node->body, depth);
      break;
    case VYRE_NODE_BARRIER:
      g_string_append (out, "barrier");
      if (node->ordering != VYRE_ORDER_SEQ_CST)
        g_string_append_printf (out, ".%s",
            vyre_text_word_name (vyre_text_orderings, node->ordering));
      g_string_append_c (out, ';');
      break;
    case VYRE_NODE_REGION:
      print_region (out, node, depth);
      break;
    default:
      print_call_statement (out, node, depth);
      break;
  }
  g_string_append_c (out, '\n');
}

/* --- program ------------------------------------------------------------------ */

static void
print_buffer (GString *out, const VyreBuffer *buffer)
{
  const VyreHints *hints = &buffer->hints;

  g_string_append (out, "buffer ");
  print_name (out, buffer->name);
  g_string_append_printf (
      out, ": %s ", vyre_text_word_name (vyre_text_accesses, buffer->access));
  print_type (out, buffer->element);
  if (buffer->count > 0)
    g_string_append_printf (out, "[%u]", buffer->count);
  else
    g_string_append (out, "[]");
  if (buffer->access != VYRE_ACCESS_WORKGROUP || buffer->binding != 0)
    g_string_append_printf (out, " @%u", buffer->binding);
  if (buffer->is_output)
    g_string_append (out, " output");
  if (buffer->live_out)
    g_string_append (out, " live_out");
  if (buffer->has_output_range)
    g_string_append_printf (out,
        " range(%" G_GUINT64_FORMAT "..%" G_GUINT64_FORMAT ")",
        buffer->range_start, buffer->range_end);
  if (buffer->kind != vyre_text_default_kind (buffer->access))
    g_string_append_printf (
        out, " kind(%s)", vyre_text_word_name (vyre_text_kinds, buffer->kind));
  if (hints->has_coalesce_axis)
    g_string_append_printf (out, " coalesce(%u)", hints->coalesce_axis);
  if (hints->preferred_alignment != 0)
    g_string_append_printf (out, " align(%u)", hints->preferred_alignment);
  if (hints->locality != VYRE_LOCALITY_TEMPORAL)
    g_string_append_printf (out, " locality(%s)",
        vyre_text_word_name (vyre_text_localities, hints->locality));
  g_string_append (out, ";\n");
}

/**
 * vyre_program_print:
 * @program: a program
 *
 * Prints @program in the form that vyre_program_parse() reads, indented by two
 * columns, with no more parentheses than its expressions need. Every program
 * that encodes comes back the same. May be called from any thread.
 *
 * Returns: (transfer full): the text, UTF-8, free with g_free()
 */
char *
vyre_program_print (const VyreProgram *program)
{
  const guint32 *size = program->workgroup_size;
  GString *out = g_string_new ("program ");

  if (program->has_entry_op_id) {
    print_string (out, program->entry_op_id);
    g_string_append_c (out, ' ');
  }
  g_string_append_printf (
      out, "workgroup(%u, %u, %u)", size[0], size[1], size[2]);
  if (program->non_composable)
    g_string_append (out, " non_composable");
  g_string_append (out, ";\n");

  if (program->n_buffers > 0)
    g_string_append_c (out, '\n');
  for (guint32 i = 0; i < program->n_buffers; i++)
    print_buffer (out, &program->buffers[i]);

  if (program->entry.n_nodes > 0)
    g_string_append_c (out, '\n');
  for (guint32 i = 0; i < program->entry.n_nodes; i++)
    print_node (out, program->entry.nodes[i], 0);
  return g_string_free (out, FALSE);
}
