/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text-private.h"

static VyreType *
begin_type (VyreTextParser *parser)
{
  const VyreToken *token = &parser->token;
  const VyreTextWord *word = NULL;
  VyreType *type;

  if (token->kind == VYRE_TOKEN_WORD)
    word = vyre_text_word (vyre_text_types, token->start, token->length);
  if (!word) {
    vyre_text_expected (parser, "a type (u32, i32, f32, bool, u8, …)");
    return NULL;
  }
  type = vyre_program_alloc (parser->program, sizeof (VyreType));
  type->kind = word->value;
  vyre_text_advance (parser);
  return type;
}

/* [first] {"," dimension}; comma: whether one stands before the first. */
static gboolean
parse_dims (VyreTextParser *parser, VyreType *type, gboolean comma)
{
  g_autoptr (GArray) dims = g_array_new (FALSE, FALSE, sizeof (guint32));
  guint32 *copy;
  guint32 dim;

  while (!vyre_text_at_punct (parser, ')')) {
    if (comma && !vyre_text_expect_punct (parser, ','))
      return FALSE;
    comma = TRUE;
    if (!vyre_text_expect_u32 (parser, "a dimension", &dim))
      return FALSE;
    g_array_append_val (dims, dim);
  }
  copy = vyre_program_alloc (
      parser->program, MAX (dims->len, 1) * sizeof (guint32));
  for (guint i = 0; i < dims->len; i++)
    copy[i] = g_array_index (dims, guint32, i);
  type->n_dims = dims->len;
  type->dims = copy;
  return TRUE;
}

/* vir0-wire.md section 11.3: an axis, a group size above 0, or nothing. */
static gboolean
parse_quantization (VyreTextParser *parser, const VyreTextWord *table,
    const char *what, guint8 *tag, guint32 *param)
{
  VyreSource at;
  const char *name;

  if (!vyre_text_expect_punct (parser, ',') ||
      !vyre_text_expect_table (parser, table, what, tag))
    return FALSE;
  name = vyre_text_word_name (table, *tag);
  if (!g_str_equal (name, "per_channel") && !g_str_equal (name, "per_group"))
    return TRUE;
  if (!vyre_text_expect_punct (parser, '('))
    return FALSE;
  at = parser->token.at;
  if (!vyre_text_expect_u32 (parser, "an axis or a group size", param))
    return FALSE;
  if (*param == 0 && g_str_equal (name, "per_group")) {
    vyre_text_fail (parser, at, "group size 0: expected at least 1");
    return FALSE;
  }
  return vyre_text_expect_punct (parser, ')');
}

static gboolean
parse_storage (VyreTextParser *parser, VyreType *type, VyreSource at)
{
  if (!vyre_wire_quant_storage_ok (type->element->kind)) {
    vyre_text_fail (parser, at,
        "storage of quantized: expected one of i4, i8, i16, u8, u16, f8e4m3, "
        "f8e5m2, fp4, nf4");
    return FALSE;
  }
  return parse_quantization (parser, vyre_text_scales, "a scale",
             &type->scale_tag, &type->scale_param) &&
         parse_quantization (parser, vyre_text_zeros, "a zero point",
             &type->zero_tag, &type->zero_param);
}

/* What follows the element, up to the closing parenthesis. */
static gboolean
end_element_type (VyreTextParser *parser, VyreType *type, VyreSource at)
{
  guint64 lanes;

  switch (type->kind) {
    case VYRE_TYPE_VEC:
      if (!vyre_text_expect_punct (parser, ',') ||
          !vyre_text_expect_uint (parser, "a lane count", G_MAXUINT8, &lanes))
        return FALSE;
      type->a = lanes;
      break;
    case VYRE_TYPE_TENSOR_SHAPED:
      if (!parse_dims (parser, type, TRUE))
        return FALSE;
      break;
    case VYRE_TYPE_SPARSE_BSR:
      if (!vyre_text_expect_punct (parser, ',') ||
          !vyre_text_expect_u32 (parser, "block rows", &type->a) ||
          !vyre_text_expect_punct (parser, ',') ||
          !vyre_text_expect_u32 (parser, "block columns", &type->b))
        return FALSE;
      break;
    case VYRE_TYPE_QUANTIZED:
      if (!parse_storage (parser, type, at))
        return FALSE;
      break;
    default:
      break;
  }
  return vyre_text_expect_punct (parser, ')');
}

/* A type without an element. */
static gboolean
end_leaf_type (VyreTextParser *parser, VyreType *type)
{
  VyreSource at;

  if (vyre_text_type_is_plain (type->kind))
    return TRUE;
  if (!vyre_text_expect_punct (parser, '('))
    return FALSE;
  at = parser->token.at;
  switch (type->kind) {
    case VYRE_TYPE_ARRAY:
      if (!vyre_text_expect_uint (
              parser, "an element size in bytes", G_MAXUINT64, &type->size))
        return FALSE;
      break;
    case VYRE_TYPE_HANDLE:
      if (!vyre_text_expect_u32 (parser, "a type id", &type->a))
        return FALSE;
      break;
    case VYRE_TYPE_DEVICE_MESH:
      if (!parse_dims (parser, type, FALSE))
        return FALSE;
      break;
    case VYRE_TYPE_OPAQUE:
      if (!vyre_text_expect_u32 (parser, "an extension id", &type->a))
        return FALSE;
      if (type->a < 0x80000000u) {
        vyre_text_fail (parser, at,
            "extension id 0x%x: expected 0x80000000 or more", type->a);
        return FALSE;
      }
      break;
    default:
      g_assert_not_reached ();
  }
  return vyre_text_expect_punct (parser, ')');
}

/* Without recursion: types may nest by the thousand. */
const VyreType *
vyre_text_parse_type (VyreTextParser *parser)
{
  g_autoptr (GPtrArray) open = g_ptr_array_new ();
  VyreSource at = parser->token.at;
  VyreType *type;

  while ((type = begin_type (parser)) && vyre_wire_has_element (type->kind)) {
    if (open->len == VYRE_WIRE_MAX_TYPE_NESTING - 1)
      goto too_deep;
    if (!vyre_text_expect_punct (parser, '('))
      return NULL;
    g_ptr_array_add (open, type);
    at = parser->token.at;
  }
  if (!type || !end_leaf_type (parser, type))
    return NULL;
  while (open->len > 0) {
    VyreType *outer = g_ptr_array_steal_index (open, open->len - 1);

    outer->element = type;
    if (!end_element_type (parser, outer, at))
      return NULL;
    type = outer;
  }
  return type;

too_deep:
  vyre_text_fail (parser, parser->token.at, "type nested deeper than %u levels",
      VYRE_WIRE_MAX_TYPE_NESTING);
  return NULL;
}
