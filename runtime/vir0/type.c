/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program.h"

/* Sizes of types and roles of buffers: vir0-semantics.md sections 1.3, 4.1
 * and 9.2. */

/* Bytes between elements and bits of one element, for types without element
 * types. Four-bit types occupy a byte each but are counted by half bytes. */
static void
leaf_size (const VyreType *type, guint64 *stride, guint64 *bits)
{
  *stride = 0;
  *bits = 0;
  switch (type->kind) {
    case VYRE_TYPE_U32:
    case VYRE_TYPE_I32:
    case VYRE_TYPE_F32:
    case VYRE_TYPE_BOOL:
    case VYRE_TYPE_HANDLE:
      *stride = 4;
      *bits = 32;
      break;
    case VYRE_TYPE_U64:
    case VYRE_TYPE_I64:
    case VYRE_TYPE_F64:
    case VYRE_TYPE_VEC2U32:
      *stride = 8;
      *bits = 64;
      break;
    case VYRE_TYPE_VEC4U32:
      *stride = 16;
      *bits = 128;
      break;
    case VYRE_TYPE_BYTES:
    case VYRE_TYPE_U8:
    case VYRE_TYPE_I8:
    case VYRE_TYPE_F8E4M3:
    case VYRE_TYPE_F8E5M2:
      *stride = 1;
      *bits = 8;
      break;
    case VYRE_TYPE_U16:
    case VYRE_TYPE_I16:
    case VYRE_TYPE_F16:
    case VYRE_TYPE_BF16:
      *stride = 2;
      *bits = 16;
      break;
    case VYRE_TYPE_I4:
    case VYRE_TYPE_FP4:
    case VYRE_TYPE_NF4:
      *stride = 1;
      *bits = 4;
      break;
    case VYRE_TYPE_DEVICE_MESH:
      *bits = 32;
      break;
    default:
      break;
  }
}

/* Either is 0 where the product of the lane counts makes it absurd; bits of
 * at most 2^61 leave callers room to multiply by 8. */
static void
type_size (const VyreType *type, guint64 *stride, guint64 *bits)
{
  guint64 lanes = 1, leaf_stride, leaf_bits;

  *stride = 0;
  *bits = 0;
  for (; type->kind == VYRE_TYPE_VEC || type->kind == VYRE_TYPE_QUANTIZED;
       type = type->element) {
    if (type->kind == VYRE_TYPE_VEC &&
        !g_uint64_checked_mul (&lanes, lanes, type->a))
      return;
  }
  leaf_size (type, &leaf_stride, &leaf_bits);
  if (!g_uint64_checked_mul (stride, lanes, leaf_stride))
    *stride = 0;
  if (!g_uint64_checked_mul (bits, lanes, leaf_bits) || *bits > G_MAXUINT64 / 8)
    *bits = 0;
}

guint64
vyre_type_stride (const VyreType *type)
{
  guint64 stride, bits;

  type_size (type, &stride, &bits);
  return stride;
}

guint64
vyre_type_bits (const VyreType *type)
{
  guint64 stride, bits;

  type_size (type, &stride, &bits);
  return bits;
}

gboolean
vyre_type_static_size (const VyreType *type, guint64 count, guint64 *bytes)
{
  guint64 bits;

  if (type->kind == VYRE_TYPE_ARRAY)
    return g_uint64_checked_mul (bytes, count, type->size);

  bits = vyre_type_bits (type);
  if (bits == 0)
    return FALSE;
  /* Whole bytes first: count * bits may need more than 64 bits when the
   * number of bytes does not. */
  if (bits % 8 == 0)
    return g_uint64_checked_mul (bytes, count, bits / 8);
  if (!g_uint64_checked_mul (bytes, count, bits))
    return FALSE;
  *bytes = *bytes / 8 + (*bytes % 8 != 0);
  return TRUE;
}

guint32
vyre_type_element_count (const VyreType *type, guint64 bytes)
{
  guint64 bits, count;

  if (type->kind == VYRE_TYPE_ARRAY) {
    count = type->size > 0 ? bytes / type->size : bytes;
  } else {
    bits = vyre_type_bits (type);
    if (bits == 0)
      count = bytes;
    else if (bits % 8 == 0)
      count = bytes / (bits / 8);
    else
      count = MIN (bytes / bits, G_MAXUINT32) * 8 + bytes % bits * 8 / bits;
  }
  return (guint32) MIN (count, G_MAXUINT32);
}

VyreRole
vyre_buffer_role (const VyreBuffer *buffer)
{
  if (buffer->access == VYRE_ACCESS_WORKGROUP)
    return VYRE_ROLE_WORKGROUP;
  if (buffer->is_output || buffer->access == VYRE_ACCESS_WRITE_ONLY ||
      (buffer->live_out && buffer->access == VYRE_ACCESS_READ_WRITE))
    return VYRE_ROLE_OUTPUT;
  if (buffer->access == VYRE_ACCESS_READ_WRITE)
    return VYRE_ROLE_INOUT;
  return VYRE_ROLE_INPUT;
}
