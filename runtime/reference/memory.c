/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

#include <string.h>

/* Loads, stores and atomics: vir0-semantics.md sections 9 and 16. */

VyreRefBuffer *
vyre_ref_find_buffer (VyreRefExec *exec, VyreString name)
{
  g_autofree char *text = NULL;
  int index;

  if (!vyre_ref_charge (exec, exec->program->n_buffers / 16))
    return NULL;
  index = vyre_program_find_buffer (exec->program, name);
  if (index >= 0)
    return &exec->buffers[index];
  text = vyre_string_display (name);
  vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_BUFFER,
      "there is no buffer `%s`; declare it", text);
  return NULL;
}

/* The bytes at index, NULL when they are out of bounds. */
static guint8 *
element_at (const VyreRefBuffer *buffer, guint32 index, guint64 stride)
{
  guint64 offset, end;

  if (stride == 0 || !g_uint64_checked_mul (&offset, index, stride) ||
      !g_uint64_checked_add (&end, offset, stride) || end > buffer->length)
    return NULL;
  return buffer->data + offset;
}

static guint32
read_u32 (const guint8 *bytes)
{
  guint32 value;

  memcpy (&value, bytes, sizeof value);
  return GUINT32_FROM_LE (value);
}

static void
write_u32 (guint8 *bytes, guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (bytes, &value, sizeof value);
}

static guint64
read_u64 (const guint8 *bytes)
{
  guint64 value;

  memcpy (&value, bytes, sizeof value);
  return GUINT64_FROM_LE (value);
}

/* bytes NULL: zeros. */
static gboolean
load_blob (VyreRefExec *exec, const guint8 *bytes, guint64 length,
    VyreRefValue *result)
{
  VyreRefBlob *blob = vyre_ref_blob_new (exec, length);

  if (!blob)
    return FALSE;
  if (bytes && length > 0)
    memcpy (blob->data, bytes, length);
  *result = (VyreRefValue){ VYRE_REF_BLOB, { .blob = blob } };
  return TRUE;
}

/* All bytes from index to the end. */
static gboolean
load_rest (VyreRefExec *exec, const VyreRefBuffer *buffer, guint32 index,
    VyreRefValue *result)
{
  gsize start = MIN ((gsize) index, buffer->length);

  return load_blob (exec, buffer->data + start, buffer->length - start, result);
}

gboolean
vyre_ref_load (VyreRefExec *exec, const VyreRefBuffer *buffer, guint32 index,
    VyreRefValue *result)
{
  static const guint8 zeros[8];
  const VyreType *type = buffer->decl->element;
  guint64 stride = vyre_type_stride (type), bits;
  const guint8 *bytes = element_at (buffer, index, stride);
  const guint8 *number = bytes ? bytes : zeros;
  float single;
  double flt;

  switch (type->kind) {
    case VYRE_TYPE_U32:
    case VYRE_TYPE_BOOL: /* the raw word, whatever the static type says */
      *result = vyre_ref_u32 (read_u32 (number));
      return TRUE;
    case VYRE_TYPE_I32:
      *result = vyre_ref_i32 (read_u32 (number));
      return TRUE;
    case VYRE_TYPE_U64:
      *result = vyre_ref_u64 (read_u64 (number));
      return TRUE;
    case VYRE_TYPE_F32:
      single = vyre_ref_float_from_bits (read_u32 (number));
      *result = vyre_ref_flt (vyre_ref_canon (single));
      return TRUE;
    case VYRE_TYPE_F64:
      bits = read_u64 (number);
      memcpy (&flt, &bits, sizeof flt);
      *result = vyre_ref_flt (flt);
      return TRUE;
    case VYRE_TYPE_BYTES:
      return load_rest (exec, buffer, index, result);
    case VYRE_TYPE_ARRAY:
      return load_blob (exec, NULL, type->size, result);
    case VYRE_TYPE_DEVICE_MESH:
      return load_blob (exec, NULL, 4, result);
    default:
      /* The element, or as many zeros; nothing where there is no stride. */
      return load_blob (exec, bytes, stride, result);
  }
}

/* The single-precision bits that an F32 buffer takes of a value. */
static guint32
storable_float (const VyreRefValue *value)
{
  if (value->tag == VYRE_REF_FLT)
    return vyre_ref_float_bits (vyre_ref_canon ((float) value->flt));
  if (value->tag == VYRE_REF_U32)
    return vyre_ref_float_bits (
        vyre_ref_canon (vyre_ref_float_from_bits (value->u32)));
  return 0;
}

gboolean
vyre_ref_store (VyreRefExec *exec, VyreRefBuffer *buffer, guint32 index,
    const VyreRefValue *value)
{
  const VyreType *type = buffer->decl->element;
  guint64 stride = vyre_type_stride (type);
  guint8 *place = element_at (buffer, index, stride);
  guint8 scratch[8];
  gsize length;
  const guint8 *bytes = vyre_ref_natural_bytes (value, scratch, &length);

  if (!place)
    return TRUE;
  if (type->kind == VYRE_TYPE_F32) {
    write_u32 (place, storable_float (value));
    return TRUE;
  }
  if (type->kind == VYRE_TYPE_BYTES)
    stride = MIN (length, buffer->length - index);
  if (!vyre_ref_charge_bytes (exec, stride))
    return FALSE;
  length = MIN (length, stride);
  memcpy (place, bytes, length);
  memset (place + length, 0, stride - length);
  return TRUE;
}

static gboolean
apply (guint op, guint32 old, guint32 value, guint32 expected, guint32 *new)
{
  switch (op) {
    case VYRE_ATOMIC_ADD:
      *new = old + value;
      return TRUE;
    case VYRE_ATOMIC_OR:
      *new = old | value;
      return TRUE;
    case VYRE_ATOMIC_AND:
      *new = old &value;
      return TRUE;
    case VYRE_ATOMIC_XOR:
      *new = old ^ value;
      return TRUE;
    case VYRE_ATOMIC_MIN:
      *new = MIN (old, value);
      return TRUE;
    case VYRE_ATOMIC_MAX:
    case VYRE_ATOMIC_LRU_UPDATE:
      *new = MAX (old, value);
      return TRUE;
    case VYRE_ATOMIC_EXCHANGE:
      *new = value;
      return TRUE;
    case VYRE_ATOMIC_COMPARE_EXCHANGE:
      *new = old == expected ? value : old;
      return TRUE;
    default:
      return FALSE;
  }
}

/* The operands in their order: index, expected, value. */
static gboolean
atomic_operands (VyreRefExec *exec, const VyreRefLane *lane,
    const VyreExpr *expr, guint32 *index, guint32 *expected, guint32 *value)
{
  guint next = 0;

  *expected = 0;
  return vyre_ref_eval_u32 (
             exec, lane, expr->args[next++], "index of an atomic", index) &&
         (!expr->has_expected ||
             vyre_ref_eval_u32 (exec, lane, expr->args[next++],
                 "expected value of an atomic", expected)) &&
         vyre_ref_eval_u32 (
             exec, lane, expr->args[next], "value of an atomic", value);
}

gboolean
vyre_ref_atomic (VyreRefExec *exec, const VyreRefLane *lane,
    const VyreExpr *expr, VyreRefValue *result)
{
  gboolean needs_expected = expr->op == VYRE_ATOMIC_COMPARE_EXCHANGE;
  guint32 index, expected, value, old, new;
  VyreRefBuffer *buffer;
  guint64 stride, offset;

  if (!atomic_operands (exec, lane, expr, &index, &expected, &value))
    return FALSE;
  if (!apply (expr->op, 0, 0, 0, &new))
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_ATOMIC,
        "the atomic %s is not executed anywhere; use another",
        vyre_atomic_op_name (expr->op));
  if (expr->has_expected != needs_expected)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_ATOMIC,
        "the atomic %s %s an expected value", vyre_atomic_op_name (expr->op),
        needs_expected ? "needs" : "takes no");
  buffer = vyre_ref_find_buffer (exec, expr->name);
  if (!buffer)
    return FALSE;
  if (buffer->decl->access == VYRE_ACCESS_WORKGROUP)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_BUFFER,
        "atomics work on no Workgroup buffer; use one of ReadWrite access");

  stride = MAX (vyre_type_stride (buffer->decl->element), 4);
  *result = vyre_ref_u32 (0);
  if (!g_uint64_checked_mul (&offset, index, stride) || buffer->length < 4 ||
      offset > buffer->length - 4)
    return TRUE;
  old = read_u32 (buffer->data + offset);
  apply (expr->op, old, value, expected, &new);
  write_u32 (buffer->data + offset, new);
  *result = vyre_ref_u32 (old);
  return TRUE;
}
