/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tags and what turns one into another: truth values, indices, casts, loads
 * and stores (vir0-semantics.md sections 8, 9.5, 14 and 24). */
#include "../ring/words.h"
#include "lower-priv.h"

const char *
vyre_tag_name (const VyreValue *value)
{
  switch (value->tag) {
    case VYRE_TAG_U32:
      return "u32";
    case VYRE_TAG_I32:
      return "i32";
    case VYRE_TAG_BOOL:
      return "bool";
    case VYRE_TAG_U64:
      return "u64";
    case VYRE_TAG_F32:
      return "f32";
    case VYRE_TAG_F64:
      return "f64";
    case VYRE_TAG_BLOB:
      break;
  }
  switch (value->length) {
    case 1:
      return "a raw 1-byte value";
    case 2:
      return "a raw 2-byte value";
    case 4:
      return "a raw 4-byte value";
    case 8:
      return "a raw 8-byte value";
    case 16:
      return "a raw 16-byte value";
    default:
      return "a raw value";
  }
}

VyreValue
vyre_value1 (VyreTag tag, VyreOperand word)
{
  return (VyreValue){ .tag = tag, .length = 4, .n_words = 1, .w = { word } };
}

static VyreValue
value2 (VyreTag tag, VyreOperand low, VyreOperand high)
{
  return (
      VyreValue){ .tag = tag, .length = 8, .n_words = 2, .w = { low, high } };
}

static VyreOperand
word (const VyreValue *value, guint i)
{
  return i < value->n_words ? value->w[i] : VYRE_CONST (0);
}

/* The first length bytes of value, padded with zeros. The words of value hold
 * nothing beyond its own length. */
static VyreValue
blob (const VyreValue *value, guint64 length)
{
  VyreValue result = { .tag = VYRE_TAG_BLOB, .length = length };

  result.n_words = (guint) MIN ((length + 3) / 4, 4);
  for (guint i = 0; i < result.n_words; i++)
    result.w[i] = word (value, i);
  return result;
}

gboolean
vyre_value_same_tag (const VyreValue *a, const VyreValue *b)
{
  return a->tag == b->tag &&
         (a->tag != VYRE_TAG_BLOB || a->length == b->length);
}

/* --- elements ------------------------------------------------------------- */

static gboolean
describe_element (const VyreType *type, VyreElement *element)
{
  guint64 stride = vyre_type_stride (type);

  *element =
      (VyreElement){ .tag = VYRE_TAG_BLOB, .length = stride, .present = TRUE };
  switch (type->kind) {
    case VYRE_TYPE_U32:
    case VYRE_TYPE_BOOL: /* its raw word, section 9.5 */
      element->tag = VYRE_TAG_U32;
      break;
    case VYRE_TYPE_I32:
      element->tag = VYRE_TAG_I32;
      break;
    case VYRE_TYPE_F32:
      element->tag = VYRE_TAG_F32;
      break;
    case VYRE_TYPE_U64:
      element->tag = VYRE_TAG_U64;
      break;
    case VYRE_TYPE_F64:
      element->tag = VYRE_TAG_F64;
      break;
    case VYRE_TYPE_BYTES:
    case VYRE_TYPE_VEC:
      return FALSE;
    case VYRE_TYPE_ARRAY:
      element->length = type->size;
      element->present = FALSE;
      return TRUE;
    case VYRE_TYPE_DEVICE_MESH:
      element->length = 4;
      element->present = FALSE;
      return TRUE;
    case VYRE_TYPE_TENSOR:
    case VYRE_TYPE_TENSOR_SHAPED:
    case VYRE_TYPE_SPARSE_CSR:
    case VYRE_TYPE_SPARSE_COO:
    case VYRE_TYPE_SPARSE_BSR:
    case VYRE_TYPE_OPAQUE:
      element->length = 0;
      element->present = FALSE;
      return TRUE;
    default:
      break;
  }
  if (stride == 0 || stride > 16 || (stride & (stride - 1)) != 0)
    return FALSE;
  element->log2_stride = (guint) __builtin_ctzll (stride);
  return TRUE;
}

gboolean
vyre_lowering_element (VyreLowering *lw, guint32 buffer, VyreSource at,
    const char *user, VyreElement *element)
{
  const VyreBuffer *decl = &lw->program->buffers[buffer];
  g_autofree char *name = NULL;

  if (describe_element (decl->element, element))
    return TRUE;

  name = vyre_string_display (decl->name);
  return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X17", at,
      "%s on buffer `%s` whose elements are %s: single elements of that type "
      "cannot be read or written; declare the buffer with U8 or U32 elements",
      user, name, vyre_type_kind_name (decl->element->kind));
}

VyreValue
vyre_element_zero (const VyreElement *element)
{
  VyreValue zero = { .tag = element->tag, .length = element->length };

  zero.n_words = (guint) MIN ((element->length + 3) / 4, 4);
  for (guint i = 0; i < zero.n_words; i++)
    zero.w[i] = VYRE_CONST (0);
  return zero;
}

gboolean
vyre_lowering_load (VyreLowering *lw, guint32 buffer, VyreOperand index,
    VyreSource at, VyreValue *result)
{
  VyreElement element;

  if (!vyre_lowering_element (lw, buffer, at, "Load", &element))
    return FALSE;
  *result = vyre_element_zero (&element);
  if (!element.present)
    return TRUE;
  for (guint i = 0; i < result->n_words; i++)
    result->w[i] = vyre_emit_load (lw, buffer, element.log2_stride,
        MIN (element.log2_stride, 2), i * 4, index);
  if (element.tag == VYRE_TAG_F32)
    result->w[0] = vyre_emit_op1 (lw, VYRE_I_FCANON, result->w[0]);
  return TRUE;
}

gboolean
vyre_lowering_store (VyreLowering *lw, guint32 buffer, VyreOperand index,
    const VyreValue *value, VyreSource at)
{
  const VyreBuffer *decl = &lw->program->buffers[buffer];
  VyreElement element;
  VyreOperand first = word (value, 0);
  guint n_words;

  if (!vyre_lowering_element (lw, buffer, at, "Store", &element))
    return FALSE;
  if (!element.present)
    return TRUE;
  if (element.tag != value->tag &&
      (value->tag == VYRE_TAG_F32 ||
          (value->tag == VYRE_TAG_F64 && element.tag == VYRE_TAG_F32))) {
    g_autofree char *name = vyre_string_display (decl->name);

    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "S5", at,
        "Store of %s into buffer `%s` whose elements are %s; Cast the value "
        "to the element type",
        vyre_tag_name (value), name, vyre_type_kind_name (decl->element->kind));
  }

  if (element.tag == VYRE_TAG_F32 && value->tag != VYRE_TAG_F32)
    first = value->tag == VYRE_TAG_U32
                ? vyre_emit_op1 (lw, VYRE_I_FCANON, first)
                : VYRE_CONST (0);
  n_words = (guint) MIN ((element.length + 3) / 4, 4);
  for (guint i = 0; i < n_words; i++)
    vyre_emit_store (lw, buffer, element.log2_stride,
        MIN (element.log2_stride, 2), i * 4, index,
        i == 0 ? first : word (value, i));
  return TRUE;
}

/* --- conversions ---------------------------------------------------------- */

VyreOperand
vyre_lowering_truth (VyreLowering *lw, const VyreValue *value)
{
  switch (value->tag) {
    case VYRE_TAG_F32:
      return vyre_emit_op1 (lw, VYRE_I_FTRUTH, value->w[0]);
    case VYRE_TAG_U64:
      return vyre_emit_op2 (lw, VYRE_I_OR, value->w[0], value->w[1]);
    case VYRE_TAG_F64:
      return vyre_emit_op2 (lw, VYRE_I_OR, value->w[0],
          vyre_emit_op2 (
              lw, VYRE_I_AND, value->w[1], VYRE_CONST (0x7fffffffu)));
    case VYRE_TAG_BLOB:
      if (value->length > 4)
        return VYRE_CONST (1);
      return word (value, 0);
    default:
      return value->w[0];
  }
}

static VyreOperand
raise_fault (VyreLowering *lw, guint code, VyreOperand address)
{
  vyre_emit_fault_if (lw, code, VYRE_CONST (1), address);
  return VYRE_CONST (0);
}

VyreOperand
vyre_lowering_float_index (VyreLowering *lw, VyreOperand w, guint32 limit)
{
  /* As words, 0.0 up to the limit are the numbers below it; all else is
   * negative, too large or no number, except -0.0. */
  VyreOperand high = vyre_emit_op2 (lw, VYRE_I_GEU, w, VYRE_CONST (limit));
  VyreOperand other =
      vyre_emit_op2 (lw, VYRE_I_NE, w, VYRE_CONST (0x80000000u));

  vyre_emit_fault_if (
      lw, VYRE_FAULT_INDEX, vyre_emit_op2 (lw, VYRE_I_AND, high, other), w);
  return vyre_emit_op1 (lw, VYRE_I_F2U, w);
}

gboolean
vyre_lowering_index (
    VyreLowering *lw, const VyreValue *value, VyreSource at, VyreOperand *index)
{
  VyreOperand w = word (value, 0);

  switch (value->tag) {
    case VYRE_TAG_U32:
    case VYRE_TAG_BOOL:
      break;
    case VYRE_TAG_I32:
      vyre_emit_fault_if (lw, VYRE_FAULT_INDEX,
          vyre_emit_op2 (lw, VYRE_I_LTS, w, VYRE_CONST (0)), w);
      break;
    case VYRE_TAG_U64:
      vyre_emit_fault_if (lw, VYRE_FAULT_INDEX,
          vyre_emit_op2 (lw, VYRE_I_NE, value->w[1], VYRE_CONST (0)), w);
      break;
    case VYRE_TAG_F32:
      w = vyre_lowering_float_index (lw, w, 0x4f800000u);
      break;
    case VYRE_TAG_F64:
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X01", at,
          "an F64 value is used as an index or bound: F64 values can only be "
          "copied; use a U32");
    case VYRE_TAG_BLOB:
      if (value->length > 4)
        w = raise_fault (lw, VYRE_FAULT_INDEX, w);
      break;
  }
  *index = w;
  return TRUE;
}

/* A word from u32, i32, u64, bool or a blob (targets U32 and I32). */
static VyreOperand
cast_to_word (VyreLowering *lw, const VyreValue *value)
{
  VyreOperand w = word (value, 0);

  if (value->tag == VYRE_TAG_U64)
    vyre_emit_fault_if (lw, VYRE_FAULT_CAST,
        vyre_emit_op2 (lw, VYRE_I_NE, value->w[1], VYRE_CONST (0)), w);
  else if (value->tag == VYRE_TAG_BLOB && value->length > 4)
    return raise_fault (lw, VYRE_FAULT_CAST, w);
  return w;
}

static VyreValue
cast_to_u64 (VyreLowering *lw, const VyreValue *value)
{
  VyreOperand w = word (value, 0), high = VYRE_CONST (0);

  if (value->tag == VYRE_TAG_I32) {
    vyre_emit_fault_if (lw, VYRE_FAULT_CAST,
        vyre_emit_op2 (lw, VYRE_I_LTS, w, VYRE_CONST (0)), w);
  } else if (value->tag == VYRE_TAG_BLOB && value->length > 8) {
    w = raise_fault (lw, VYRE_FAULT_CAST, w);
  } else if (value->tag == VYRE_TAG_U64 || value->tag == VYRE_TAG_BLOB) {
    high = word (value, 1);
  }
  return value2 (VYRE_TAG_U64, w, high);
}

static guint64
natural_length (const VyreValue *value)
{
  switch (value->tag) {
    case VYRE_TAG_U64:
    case VYRE_TAG_F64:
      return 8;
    case VYRE_TAG_BLOB:
      return value->length;
    default:
      return 4;
  }
}

gboolean
vyre_lowering_cast (VyreLowering *lw, const VyreType *type,
    const VyreValue *value, VyreSource at, VyreValue *result)
{
  VyreTypeKind kind = type->kind;
  VyreOperand w = word (value, 0);
  gboolean to_word = kind == VYRE_TYPE_U32 || kind == VYRE_TYPE_I32;

  if (kind == VYRE_TYPE_OPAQUE)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X08", at,
        "Cast to the extension type 0x%08x: no executor implements it; use a "
        "built-in type",
        type->a);
  if (kind == VYRE_TYPE_BYTES)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "V023", at,
        "Cast of %s to Bytes; store the value into a buffer instead",
        vyre_tag_name (value));

  if (kind == VYRE_TYPE_BOOL) {
    *result = vyre_value1 (
        VYRE_TAG_BOOL, vyre_emit_op2 (lw, VYRE_I_NE,
                           vyre_lowering_truth (lw, value), VYRE_CONST (0)));
    return TRUE;
  }
  if (value->tag == VYRE_TAG_F32) {
    if (kind == VYRE_TYPE_F32)
      *result = *value;
    else if (kind == VYRE_TYPE_U32)
      *result = vyre_value1 (VYRE_TAG_U32, vyre_emit_op1 (lw, VYRE_I_F2U, w));
    else if (kind == VYRE_TYPE_I32)
      *result = vyre_value1 (VYRE_TAG_I32, vyre_emit_op1 (lw, VYRE_I_F2S, w));
    else
      goto no_such_cast;
    return TRUE;
  }
  if (value->tag == VYRE_TAG_F64 &&
      (to_word || kind == VYRE_TYPE_U64 || kind == VYRE_TYPE_F32))
    goto no_such_cast;
  if (to_word) {
    *result = vyre_value1 (kind == VYRE_TYPE_U32 ? VYRE_TAG_U32 : VYRE_TAG_I32,
        cast_to_word (lw, value));
    return TRUE;
  }
  switch (kind) {
    case VYRE_TYPE_U64:
      *result = cast_to_u64 (lw, value);
      return TRUE;
    case VYRE_TYPE_F32:
      if (value->tag == VYRE_TAG_U64 ||
          (value->tag == VYRE_TAG_BLOB && value->length > 4))
        goto no_such_cast;
      *result = vyre_value1 (VYRE_TAG_F32,
          vyre_emit_op1 (
              lw, value->tag == VYRE_TAG_I32 ? VYRE_I_S2F : VYRE_I_U2F, w));
      return TRUE;
    case VYRE_TYPE_VEC2U32:
      *result = blob (value, 8);
      return TRUE;
    case VYRE_TYPE_VEC4U32:
      *result = blob (value, 16);
      return TRUE;
    default:
      *result = blob (value, natural_length (value));
      return TRUE;
  }

  /* ERRORS */
no_such_cast:
  return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "V012", at,
      "Cast of %s to %s does not exist; go through U32 or I32",
      vyre_tag_name (value), vyre_type_kind_name (kind));
}
