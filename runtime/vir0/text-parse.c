/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text-private.h"

#include <string.h>

G_DEFINE_QUARK (vyre_text_error, vyre_text_error)

static gboolean parse_body (
    VyreTextParser *parser, guint level, VyreNodeList *list);
static VyreNode *parse_statement (VyreTextParser *parser, guint level);

static void
take_nodes (VyreTextParser *parser, GPtrArray *nodes, VyreNodeList *list)
{
  list->n_nodes = nodes->len;
  list->nodes = NULL;
  if (nodes->len == 0)
    return;
  list->nodes =
      vyre_program_alloc (parser->program, nodes->len * sizeof (VyreNode *));
  memcpy (list->nodes, nodes->pdata, nodes->len * sizeof (VyreNode *));
}

/* --- statements ------------------------------------------------------------ */

static gboolean
parse_value (VyreTextParser *parser, guint level, VyreNode *node)
{
  VyreExpr *expr = vyre_text_parse_expr (parser, level + 1);

  if (!expr)
    return FALSE;
  node->exprs[node->n_exprs++] = expr;
  return TRUE;
}

/* "=" VALUE ";" */
static gboolean
parse_assigned (VyreTextParser *parser, guint level, VyreNode *node)
{
  return vyre_text_expect_punct (parser, '=') &&
         parse_value (parser, level, node) &&
         vyre_text_expect_punct (parser, ';');
}

/* An empty "else" is the same as none. */
static gboolean
parse_if (VyreTextParser *parser, guint level, VyreNode *node)
{
  VyreNode *other;

  if (!parse_value (parser, level, node) ||
      !parse_body (parser, level + 1, &node->body))
    return FALSE;
  if (!vyre_text_skip_word (parser, "else"))
    return TRUE;
  if (!vyre_text_at_word (parser, "if"))
    return parse_body (parser, level + 1, &node->otherwise);
  other = parse_statement (parser, level + 1);
  if (!other)
    return FALSE;
  node->otherwise.n_nodes = 1;
  node->otherwise.nodes =
      vyre_program_alloc (parser->program, sizeof (VyreNode *));
  node->otherwise.nodes[0] = other;
  return TRUE;
}

/* VARIABLE "in" FROM ".." TO BODY */
static gboolean
parse_for (VyreTextParser *parser, guint level, VyreNode *node)
{
  return vyre_text_expect_name (parser, "a loop variable", &node->name) &&
         vyre_text_expect_word (parser, "in") &&
         parse_value (parser, level, node) &&
         vyre_text_expect_punct (parser, VYRE_PUNCT2 ('.', '.')) &&
         parse_value (parser, level, node) &&
         parse_body (parser, level + 1, &node->body);
}

/* The loop without an end of vir0-wire.md section 3. */
static gboolean
parse_forever (VyreTextParser *parser, guint level, VyreNode *node)
{
  static const guint32 bounds[] = { 0, G_MAXUINT32 };

  if (level + 1 > VYRE_MAX_NESTING)
    goto too_deep;
  node->name = vyre_program_string (parser->program, "__forever__", 11);
  for (guint i = 0; i < 2; i++) {
    node->exprs[i] = vyre_program_expr (parser->program, VYRE_EXPR_LIT_U32, 0);
    node->exprs[i]->bits = bounds[i];
    node->exprs[i]->at = node->at;
  }
  node->n_exprs = 2;
  return parse_body (parser, level + 1, &node->body);

too_deep:
  vyre_text_fail (
      parser, node->at, "nested deeper than %u levels", VYRE_MAX_NESTING);
  return FALSE;
}

/* STRING ["from" STRING] BODY */
static gboolean
parse_region (VyreTextParser *parser, guint level, VyreNode *node)
{
  if (!vyre_text_expect_string (
          parser, "a generator name as a string", &node->name))
    return FALSE;
  if (vyre_text_skip_word (parser, "from")) {
    if (!vyre_text_expect_string (
            parser, "a source name as a string", &node->name2))
      return FALSE;
    node->has_source = TRUE;
  }
  return parse_body (parser, level + 1, &node->body);
}

static gboolean
parse_barrier (VyreTextParser *parser, VyreNode *node)
{
  node->ordering = VYRE_ORDER_SEQ_CST;
  if (vyre_text_skip_punct (parser, '.') &&
      !vyre_text_expect_table (
          parser, vyre_text_orderings, "a memory ordering", &node->ordering))
    return FALSE;
  return vyre_text_expect_punct (parser, ';');
}

static gboolean
parse_async (VyreTextParser *parser, guint level, VyreNode *node)
{
  return vyre_text_expect_name (parser, "a source buffer", &node->name) &&
         vyre_text_expect_punct (parser, ',') &&
         vyre_text_expect_name (parser, "a destination buffer", &node->name2) &&
         vyre_text_expect_punct (parser, ',') &&
         parse_value (parser, level, node) &&
         vyre_text_expect_punct (parser, ',') &&
         parse_value (parser, level, node) &&
         vyre_text_expect_punct (parser, ',') &&
         vyre_text_expect_string (parser, "a tag as a string", &node->tag);
}

static gboolean
parse_two_buffers (VyreTextParser *parser, VyreNode *node)
{
  return vyre_text_expect_name (parser, "an input buffer", &node->name) &&
         vyre_text_expect_punct (parser, ',') &&
         vyre_text_expect_name (parser, "an output buffer", &node->name2) &&
         vyre_text_expect_punct (parser, ',');
}

static gboolean
parse_collective_op (VyreTextParser *parser, VyreNode *node)
{
  return vyre_text_expect_table (parser, vyre_text_collectives, "an operation",
             &node->collective_op) &&
         vyre_text_expect_punct (parser, ',');
}

/* The arguments of one of vyre_text_statements. */
static gboolean
parse_statement_arguments (VyreTextParser *parser, guint level, VyreNode *node)
{
  switch (node->kind) {
    case VYRE_NODE_INDIRECT_DISPATCH:
      return vyre_text_expect_name (parser, "a buffer name", &node->name) &&
             vyre_text_expect_punct (parser, ',') &&
             vyre_text_expect_uint (
                 parser, "a byte offset", G_MAXUINT64, &node->count_offset);
    case VYRE_NODE_ASYNC_LOAD:
    case VYRE_NODE_ASYNC_STORE:
      return parse_async (parser, level, node);
    case VYRE_NODE_ASYNC_WAIT:
    case VYRE_NODE_RESUME:
      return vyre_text_expect_string (parser, "a tag as a string", &node->tag);
    case VYRE_NODE_TRAP:
      return parse_value (parser, level, node) &&
             vyre_text_expect_punct (parser, ',') &&
             vyre_text_expect_string (parser, "a tag as a string", &node->tag);
    case VYRE_NODE_ALL_REDUCE:
      return vyre_text_expect_name (parser, "a buffer name", &node->name) &&
             vyre_text_expect_punct (parser, ',') &&
             parse_collective_op (parser, node) &&
             vyre_text_expect_u32 (parser, "a group", &node->group);
    case VYRE_NODE_ALL_GATHER:
      return parse_two_buffers (parser, node) &&
             vyre_text_expect_u32 (parser, "a group", &node->group);
    case VYRE_NODE_REDUCE_SCATTER:
      return parse_two_buffers (parser, node) &&
             parse_collective_op (parser, node) &&
             vyre_text_expect_u32 (parser, "a group", &node->group);
    case VYRE_NODE_BROADCAST:
      return vyre_text_expect_name (parser, "a buffer name", &node->name) &&
             vyre_text_expect_punct (parser, ',') &&
             vyre_text_expect_u32 (parser, "a root", &node->root) &&
             vyre_text_expect_punct (parser, ',') &&
             vyre_text_expect_u32 (parser, "a group", &node->group);
    case VYRE_NODE_OPAQUE:
      return vyre_text_expect_string (
                 parser, "a kind as a string", &node->name) &&
             vyre_text_expect_punct (parser, ',') &&
             vyre_text_expect_payload (
                 parser, &node->payload, &node->payload_length);
    default:
      g_assert_not_reached ();
  }
}

/* FUNCTION "(" … ")" ";", NAME "=" …, NAME "[" INDEX "]" "=" … */
static VyreNode *
parse_named_statement (VyreTextParser *parser, guint level)
{
  VyreToken first = parser->token;
  const VyreTextWord *word;
  VyreString name;
  VyreNode *node;

  if (first.kind == VYRE_TOKEN_WORD &&
      vyre_text_word (vyre_text_reserved, first.start, first.length)) {
    vyre_text_expected (parser, "a statement");
    return NULL;
  }
  if (!vyre_text_expect_name (parser, "a statement", &name))
    return NULL;

  if (first.kind == VYRE_TOKEN_WORD && vyre_text_skip_punct (parser, '(')) {
    word = vyre_text_word (vyre_text_statements, first.start, first.length);
    if (!word)
      goto unknown;
    node = vyre_program_node (parser->program, word->value);
    node->at = first.at;
    if (!parse_statement_arguments (parser, level, node) ||
        !vyre_text_expect_punct (parser, ')') ||
        !vyre_text_expect_punct (parser, ';'))
      return NULL;
    return node;
  }

  if (vyre_text_skip_punct (parser, '[')) {
    node = vyre_program_node (parser->program, VYRE_NODE_STORE);
    node->at = first.at;
    node->name = name;
    if (!parse_value (parser, level, node) ||
        !vyre_text_expect_punct (parser, ']') ||
        !parse_assigned (parser, level, node))
      return NULL;
    return node;
  }

  if (!vyre_text_at_punct (parser, '=')) {
    vyre_text_expected (parser, "'=', '[' or '('");
    return NULL;
  }
  node = vyre_program_node (parser->program, VYRE_NODE_ASSIGN);
  node->at = first.at;
  node->name = name;
  return parse_assigned (parser, level, node) ? node : NULL;

unknown:
  vyre_text_fail (parser, first.at, "unknown statement '%.*s'%s",
      (int) MIN (first.length, 80), first.start,
      vyre_text_function (first.start, first.length)
          ? ": it is an expression, bind its value with let"
          : "");
  return NULL;
}

static VyreNode *
parse_keyword_statement (VyreTextParser *parser, guint level)
{
  static const VyreTextWord keywords[] = {
    { "let", VYRE_NODE_LET },
    { "if", VYRE_NODE_IF },
    { "for", VYRE_NODE_LOOP },
    { "loop", VYRE_NODE_LOOP },
    { "return", VYRE_NODE_RETURN },
    { "barrier", VYRE_NODE_BARRIER },
    { "region", VYRE_NODE_REGION },
    { "main", VYRE_NODE_REGION },
    { NULL },
  };
  VyreToken first = parser->token;
  const VyreTextWord *keyword = NULL;
  gboolean done = FALSE;
  VyreNode *node;

  if (first.kind == VYRE_TOKEN_WORD)
    keyword = vyre_text_word (keywords, first.start, first.length);
  if (!keyword)
    return parse_named_statement (parser, level);

  node = vyre_program_node (parser->program, keyword->value);
  node->at = first.at;
  vyre_text_advance (parser);
  switch (node->kind) {
    case VYRE_NODE_LET:
      done = vyre_text_expect_name (parser, "a variable name", &node->name) &&
             parse_assigned (parser, level, node);
      break;
    case VYRE_NODE_IF:
      done = parse_if (parser, level, node);
      break;
    case VYRE_NODE_LOOP:
      if (*keyword->name == 'f')
        done = parse_for (parser, level, node);
      else
        done = parse_forever (parser, level, node);
      break;
    case VYRE_NODE_RETURN:
      done = vyre_text_expect_punct (parser, ';');
      break;
    case VYRE_NODE_BARRIER:
      done = parse_barrier (parser, node);
      break;
    default:
      if (*keyword->name == 'r') {
        done = parse_region (parser, level, node);
      } else {
        node->name = vyre_program_string (
            parser->program, VYRE_ROOT_REGION, strlen (VYRE_ROOT_REGION));
        done = parse_body (parser, level + 1, &node->body);
      }
      break;
  }
  return done ? node : NULL;
}

static VyreNode *
parse_statement (VyreTextParser *parser, guint level)
{
  VyreNode *node;

  if (level > VYRE_MAX_NESTING) {
    vyre_text_fail (parser, parser->token.at, "nested deeper than %u levels",
        VYRE_MAX_NESTING);
    return NULL;
  }
  if (!vyre_text_at_punct (parser, '{'))
    return parse_keyword_statement (parser, level);
  node = vyre_program_node (parser->program, VYRE_NODE_BLOCK);
  node->at = parser->token.at;
  return parse_body (parser, level + 1, &node->body) ? node : NULL;
}

/* "{" {STATEMENT} "}" */
static gboolean
parse_body (VyreTextParser *parser, guint level, VyreNodeList *list)
{
  g_autoptr (GPtrArray) nodes = g_ptr_array_new ();
  VyreSource open = parser->token.at;
  VyreNode *node;

  if (!vyre_text_expect_punct (parser, '{'))
    return FALSE;
  while (!vyre_text_skip_punct (parser, '}')) {
    if (parser->token.kind == VYRE_TOKEN_END)
      goto not_closed;
    if (nodes->len == WIRE_MAX_LIST)
      goto too_many;
    node = parse_statement (parser, level);
    if (!node)
      return FALSE;
    g_ptr_array_add (nodes, node);
  }
  take_nodes (parser, nodes, list);
  return TRUE;

not_closed:
  vyre_text_fail (parser, parser->token.at,
      "expected '}' for the '{' at %u:%u, found the end of the text", open.line,
      open.column);
  return FALSE;
too_many:
  vyre_text_fail (parser, parser->token.at,
      "more than %u statements in one list", WIRE_MAX_LIST);
  return FALSE;
}

/* --- program and buffers ------------------------------------------------------ */

/* "program" [STRING] "workgroup" "(" X ["," Y ["," Z]] ")"
 * ["non_composable"] ";" */
static gboolean
parse_header (VyreTextParser *parser)
{
  VyreProgram *program = parser->program;
  guint n = 0;

  if (!vyre_text_expect_word (parser, "program"))
    return FALSE;
  if (parser->token.kind == VYRE_TOKEN_STRING) {
    if (!vyre_text_expect_string (
            parser, "an operation id", &program->entry_op_id))
      return FALSE;
    program->has_entry_op_id = TRUE;
  }
  if (!vyre_text_expect_word (parser, "workgroup") ||
      !vyre_text_expect_punct (parser, '('))
    return FALSE;
  do {
    VyreSource at = parser->token.at;

    if (!vyre_text_expect_u32 (
            parser, "a workgroup size", &program->workgroup_size[n]))
      return FALSE;
    if (program->workgroup_size[n] == 0) {
      vyre_text_fail (parser, at, "workgroup size 0: expected at least 1");
      return FALSE;
    }
    n++;
  } while (n < 3 && vyre_text_skip_punct (parser, ','));
  for (; n < 3; n++)
    program->workgroup_size[n] = 1;
  if (!vyre_text_expect_punct (parser, ')'))
    return FALSE;
  program->non_composable = vyre_text_skip_word (parser, "non_composable");
  return vyre_text_expect_punct (parser, ';');
}

typedef enum
{
  ATTRIBUTE_OUTPUT,
  ATTRIBUTE_LIVE_OUT,
  ATTRIBUTE_RANGE,
  ATTRIBUTE_KIND,
  ATTRIBUTE_COALESCE,
  ATTRIBUTE_ALIGN,
  ATTRIBUTE_LOCALITY,
} Attribute;

static const VyreTextWord attributes[] = {
  { "output", ATTRIBUTE_OUTPUT },
  { "live_out", ATTRIBUTE_LIVE_OUT },
  { "range", ATTRIBUTE_RANGE },
  { "kind", ATTRIBUTE_KIND },
  { "coalesce", ATTRIBUTE_COALESCE },
  { "align", ATTRIBUTE_ALIGN },
  { "locality", ATTRIBUTE_LOCALITY },
  { NULL },
};

/* "(" … ")" of one attribute, where it has any. */
static gboolean
parse_attribute (VyreTextParser *parser, VyreBuffer *buffer, Attribute which)
{
  guint64 number = 0;
  guint8 value = 0;
  VyreSource at;

  if (which == ATTRIBUTE_OUTPUT) {
    buffer->is_output = TRUE;
    return TRUE;
  }
  if (which == ATTRIBUTE_LIVE_OUT) {
    buffer->live_out = TRUE;
    return TRUE;
  }
  if (!vyre_text_expect_punct (parser, '('))
    return FALSE;
  at = parser->token.at;
  switch (which) {
    case ATTRIBUTE_RANGE:
      buffer->has_output_range = TRUE;
      if (!vyre_text_expect_uint (
              parser, "a byte offset", G_MAXUINT64, &buffer->range_start) ||
          !vyre_text_expect_punct (parser, VYRE_PUNCT2 ('.', '.')) ||
          !vyre_text_expect_uint (
              parser, "a byte offset", G_MAXUINT64, &buffer->range_end))
        return FALSE;
      if (buffer->range_start > buffer->range_end)
        goto backwards;
      break;
    case ATTRIBUTE_KIND:
      if (!vyre_text_expect_table (
              parser, vyre_text_kinds, "a memory kind", &value))
        return FALSE;
      buffer->kind = value;
      break;
    case ATTRIBUTE_COALESCE:
      if (!vyre_text_expect_uint (
              parser, "an axis number", G_MAXUINT8, &number))
        return FALSE;
      buffer->hints.has_coalesce_axis = TRUE;
      buffer->hints.coalesce_axis = number;
      break;
    case ATTRIBUTE_ALIGN:
      if (!vyre_text_expect_u32 (parser, "an alignment in bytes",
              &buffer->hints.preferred_alignment))
        return FALSE;
      break;
    default:
      if (!vyre_text_expect_table (
              parser, vyre_text_localities, "a cache locality", &value))
        return FALSE;
      buffer->hints.locality = value;
      break;
  }
  return vyre_text_expect_punct (parser, ')');

backwards:
  vyre_text_fail (parser, at,
      "range %" G_GUINT64_FORMAT "..%" G_GUINT64_FORMAT
      " ends before it starts",
      buffer->range_start, buffer->range_end);
  return FALSE;
}

/* What vir0-wire.md sections 6.1, 7.2 and 11.2 demand of one buffer. */
static gboolean
check_buffer (
    VyreTextParser *parser, const VyreBuffer *buffer, VyreSource type_at)
{
  switch (buffer->element->kind) {
    case VYRE_TYPE_VEC:
    case VYRE_TYPE_TENSOR_SHAPED:
    case VYRE_TYPE_SPARSE_CSR:
    case VYRE_TYPE_SPARSE_COO:
    case VYRE_TYPE_SPARSE_BSR:
    case VYRE_TYPE_DEVICE_MESH:
      goto bad_element;
    default:
      break;
  }
  if (buffer->count == 0 && (buffer->is_output || buffer->live_out ||
                                buffer->access == VYRE_ACCESS_WORKGROUP))
    goto no_count;
  return TRUE;

bad_element:
  vyre_text_fail (parser, type_at, "a buffer cannot have elements of type %s",
      vyre_text_word_name (vyre_text_types, buffer->element->kind));
  return FALSE;
no_count:
  vyre_text_fail (parser, type_at,
      "a buffer that is output, live_out or workgroup needs an element count: "
      "expected a number above 0 between '[' and ']'");
  return FALSE;
}

/* After "buffer": NAME ":" ACCESS TYPE "[" [COUNT] "]" ["@" BINDING]
 * {ATTRIBUTE} ";". The binding may be left out for workgroup memory only. */
static gboolean
parse_buffer (VyreTextParser *parser, VyreBuffer *buffer)
{
  const VyreToken *token = &parser->token;
  const VyreTextWord *word;
  VyreSource type_at;
  guint seen = 0;
  guint8 value;

  buffer->at = token->at;
  buffer->hints = VYRE_HINTS_DEFAULT;
  if (!vyre_text_expect_name (parser, "a buffer name", &buffer->name) ||
      !vyre_text_expect_punct (parser, ':') ||
      !vyre_text_expect_table (
          parser, vyre_text_accesses, "how the buffer is used", &value))
    return FALSE;
  buffer->access = value;
  buffer->kind = vyre_text_default_kind (value);

  type_at = token->at;
  buffer->element = vyre_text_parse_type (parser);
  if (!buffer->element || !vyre_text_expect_punct (parser, '['))
    return FALSE;
  if (!vyre_text_at_punct (parser, ']') &&
      !vyre_text_expect_u32 (parser, "an element count or ']'", &buffer->count))
    return FALSE;
  if (!vyre_text_expect_punct (parser, ']'))
    return FALSE;

  if (buffer->access != VYRE_ACCESS_WORKGROUP ||
      vyre_text_at_punct (parser, '@')) {
    if (!vyre_text_expect_punct (parser, '@') ||
        !vyre_text_expect_u32 (parser, "a binding number", &buffer->binding))
      return FALSE;
  }

  while (!vyre_text_at_punct (parser, ';')) {
    word = token->kind == VYRE_TOKEN_WORD
               ? vyre_text_word (attributes, token->start, token->length)
               : NULL;
    if (!word) {
      vyre_text_expected (parser, "';' or one of output, live_out, range, "
                                  "kind, coalesce, align, locality");
      return FALSE;
    }
    if (seen & 1u << word->value) {
      vyre_text_fail (parser, token->at, "'%s' stands twice", word->name);
      return FALSE;
    }
    seen |= 1u << word->value;
    vyre_text_advance (parser);
    if (!parse_attribute (parser, buffer, word->value))
      return FALSE;
  }
  vyre_text_advance (parser);
  return check_buffer (parser, buffer, type_at);
}

static void
parse_program (VyreTextParser *parser)
{
  VyreProgram *program = parser->program;
  g_autoptr (GArray) buffers = NULL;
  g_autoptr (GPtrArray) nodes = g_ptr_array_new ();
  VyreNode *node;

  buffers = g_array_new (FALSE, TRUE, sizeof (VyreBuffer));
  vyre_text_advance (parser);
  if (!parse_header (parser))
    return;
  while (vyre_text_at_word (parser, "buffer")) {
    VyreBuffer buffer = {
      0,
    };

    if (buffers->len == WIRE_MAX_BUFFERS)
      goto too_many_buffers;
    vyre_text_advance (parser);
    if (!parse_buffer (parser, &buffer))
      return;
    g_array_append_val (buffers, buffer);
  }
  while (parser->token.kind != VYRE_TOKEN_END) {
    if (nodes->len == WIRE_MAX_LIST - 1)
      goto too_many_nodes;
    node = parse_statement (parser, 1);
    if (!node)
      return;
    g_ptr_array_add (nodes, node);
  }

  program->n_buffers = buffers->len;
  program->buffers =
      vyre_program_alloc (program, MAX (buffers->len, 1) * sizeof (VyreBuffer));
  if (buffers->len > 0)
    memcpy (
        program->buffers, buffers->data, buffers->len * sizeof (VyreBuffer));
  take_nodes (parser, nodes, &program->entry);
  return;

too_many_buffers:
  vyre_text_fail (
      parser, parser->token.at, "more than %u buffers", WIRE_MAX_BUFFERS);
  return;
too_many_nodes:
  vyre_text_fail (parser, parser->token.at,
      "more than %u statements at the top", WIRE_MAX_LIST - 1);
}

/* The position of byte offset in text, which is valid UTF-8 up to there. */
static VyreSource
locate (const char *text, gsize offset)
{
  VyreSource at = { 1, 1 };

  for (const char *c = text; c < text + offset; c = g_utf8_next_char (c)) {
    if (*c == '\n') {
      at.line++;
      at.column = 1;
    } else {
      at.column++;
    }
  }
  return at;
}

/**
 * vyre_program_parse:
 * @text: the program, UTF-8, not necessarily terminated by NUL
 * @length: bytes of @text
 * @error: return location for a VYRE_TEXT_ERROR
 *
 * Parses the readable text form of docs/text-form.md. Stops at the first
 * error and says where it is and what stands there. Any input is safe. May be
 * called from any thread.
 *
 * Returns: (transfer full): the program, or %NULL
 */
VyreProgram *
vyre_program_parse (const char *text, gsize length, GError **error)
{
  g_autoptr (VyreProgram) program = NULL;
  VyreTextParser parser = { .here = { 1, 1 } };
  const char *bad = NULL;
  VyreSource at;

  g_return_val_if_fail (text != NULL || length == 0, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (length > VYRE_TEXT_MAX_BYTES)
    goto too_large;
  if (length == 0)
    text = "";
  if (!g_utf8_validate_len (text, length, &bad))
    goto bad_text;

  program = vyre_program_new ();
  parser.program = program;
  parser.cursor = text;
  parser.end = text + length;
  /* A byte order mark is no part of the text. */
  if (g_str_has_prefix (length >= 3 ? text : "", "\xef\xbb\xbf"))
    parser.cursor += 3;
  parse_program (&parser);
  if (parser.error) {
    g_propagate_error (error, parser.error);
    return NULL;
  }
  return g_steal_pointer (&program);

too_large:
  g_set_error (error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_TOO_LARGE,
      "program text of %" G_GSIZE_FORMAT " bytes: at most %u are read", length,
      VYRE_TEXT_MAX_BYTES);
  return NULL;
bad_text:
  at = locate (text, bad - text);
  if (*bad == '\0')
    g_set_error (error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_SYNTAX,
        "%u:%u: unexpected character U+0000", at.line, at.column);
  else
    g_set_error (error, VYRE_TEXT_ERROR, VYRE_TEXT_ERROR_NOT_UTF8,
        "%u:%u: text is not UTF-8: byte 0x%02x", at.line, at.column,
        (guchar) *bad);
  return NULL;
}
