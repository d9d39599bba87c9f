/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-writer.h"

#include "blake3.h"

#include <string.h>

/* Envelope, records, memory regions and output set: vir0-wire.md sections 4
 * to 8 and 19. */

gboolean
vyre_wire_refuse (VyreWireWriter *w, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  return vyre_wire_fail (w->error, VYRE_WIRE_ERROR_ENCODE, "%s", text);
}

void
vyre_wire_put_bytes (VyreWireWriter *w, const void *data, gsize length)
{
  if (length > w->max - w->out->len)
    w->too_large = TRUE;
  else if (length > 0)
    g_byte_array_append (w->out, data, (guint) length);
}

void
vyre_wire_put_u8 (VyreWireWriter *w, guint8 value)
{
  vyre_wire_put_bytes (w, &value, 1);
}

void
vyre_wire_put_u32 (VyreWireWriter *w, guint32 value)
{
  value = GUINT32_TO_LE (value);
  vyre_wire_put_bytes (w, &value, 4);
}

void
vyre_wire_put_u64 (VyreWireWriter *w, guint64 value)
{
  value = GUINT64_TO_LE (value);
  vyre_wire_put_bytes (w, &value, 8);
}

void
vyre_wire_put_leb (VyreWireWriter *w, guint64 value)
{
  while (value > 0x7f) {
    vyre_wire_put_u8 (w, 0x80 | (value & 0x7f));
    value >>= 7;
  }
  vyre_wire_put_u8 (w, (guint8) value);
}

void
vyre_wire_put_hints (VyreWireWriter *w, const VyreHints *hints)
{
  vyre_wire_put_u8 (w, hints->has_coalesce_axis != FALSE);
  if (hints->has_coalesce_axis)
    vyre_wire_put_u8 (w, hints->coalesce_axis);
  vyre_wire_put_u32 (w, hints->preferred_alignment);
  vyre_wire_put_u8 (w, (guint8) hints->locality);
}

static gboolean
check_string (VyreWireWriter *w, VyreString string, const char *what)
{
  if (string.length > WIRE_MAX_STRING)
    return vyre_wire_refuse (w, "%s has %u bytes, at most %u are allowed", what,
        string.length, WIRE_MAX_STRING);
  if (!vyre_wire_utf8_valid (string.data, string.length))
    return vyre_wire_refuse (w, "%s is not UTF-8", what);
  return TRUE;
}

gboolean
vyre_wire_put_string (VyreWireWriter *w, VyreString string, const char *what)
{
  if (!check_string (w, string, what))
    return FALSE;
  vyre_wire_put_u32 (w, string.length);
  vyre_wire_put_bytes (w, string.data, string.length);
  return TRUE;
}

gboolean
vyre_wire_check_quantized (VyreWireWriter *w, const VyreType *type)
{
  VyreTypeKind storage = type->element ? type->element->kind : 0;

  if (!vyre_wire_quant_storage_ok (storage))
    return vyre_wire_refuse (
        w, "a quantized type is stored as %s", vyre_type_kind_name (storage));
  if (!vyre_wire_quant_pair_ok (FALSE, type->scale_tag, type->scale_param) ||
      !vyre_wire_quant_pair_ok (TRUE, type->zero_tag, type->zero_param))
    return vyre_wire_refuse (w,
        "a quantized type with scale %u, %u and zero "
        "point %u, %u",
        type->scale_tag, type->scale_param, type->zero_tag, type->zero_param);
  return TRUE;
}

/* --- buffers ------------------------------------------------------------- */

static gboolean
check_range (VyreWireWriter *w, const VyreBuffer *buffer, const char *name)
{
  guint64 size, bytes;

  if (!vyre_wire_fixed_element_size (buffer->element, &size))
    return vyre_wire_refuse (w,
        "buffer \"%s\" has an output range, but %s has no fixed size", name,
        vyre_type_kind_name (buffer->element->kind));
  if (!g_uint64_checked_mul (&bytes, buffer->count, size))
    return vyre_wire_refuse (
        w, "the size of buffer \"%s\" does not fit 64 bits", name);
  if (buffer->range_start > buffer->range_end || buffer->range_end > bytes)
    return vyre_wire_refuse (w,
        "the output range of buffer \"%s\" is %" G_GUINT64_FORMAT
        " to %" G_GUINT64_FORMAT ", the buffer has %" G_GUINT64_FORMAT " bytes",
        name, buffer->range_start, buffer->range_end, bytes);
  return TRUE;
}

static gboolean
check_buffer (VyreWireWriter *w, const VyreBuffer *buffer)
{
  g_autofree char *name = vyre_string_display (buffer->name);

  if (!buffer->element)
    return vyre_wire_refuse (w, "buffer \"%s\" has no element type", name);
  if ((guint) buffer->kind > VYRE_KIND_PERSISTENT ||
      (guint) buffer->access > VYRE_ACCESS_WRITE_ONLY ||
      (guint) buffer->hints.locality > VYRE_LOCALITY_RANDOM)
    return vyre_wire_refuse (w,
        "buffer \"%s\" has kind %u, access %u and locality %u", name,
        (guint) buffer->kind, (guint) buffer->access,
        (guint) buffer->hints.locality);
  if (buffer->count == 0 && (buffer->access == VYRE_ACCESS_WORKGROUP ||
                                buffer->is_output || buffer->live_out))
    return vyre_wire_refuse (w, "%s buffer \"%s\" has count 0",
        buffer->access == VYRE_ACCESS_WORKGROUP ? "workgroup" : "output", name);
  return !buffer->has_output_range || check_range (w, buffer, name);
}

static gboolean
check_program (VyreWireWriter *w, const VyreProgram *program)
{
  for (guint i = 0; i < 3; i++) {
    if (program->workgroup_size[i] == 0)
      return vyre_wire_refuse (w, "axis %u of the workgroup has size 0", i);
  }
  if (program->n_buffers > WIRE_MAX_BUFFERS)
    return vyre_wire_refuse (w, "%u buffers, at most %u are allowed",
        program->n_buffers, WIRE_MAX_BUFFERS);
  if (program->entry.n_nodes > WIRE_MAX_RECORDS - 1 && !w->unlimited)
    return vyre_wire_refuse (w,
        "%u statements at the top level, at most %u are allowed",
        program->entry.n_nodes, WIRE_MAX_RECORDS - 1);
  for (guint32 i = 0; i < program->n_buffers; i++) {
    if (!check_buffer (w, &program->buffers[i]))
      return FALSE;
  }
  return TRUE;
}

/* --- sections ------------------------------------------------------------ */

static gboolean
put_metadata (VyreWireWriter *w, const VyreProgram *program)
{
  vyre_wire_put_bytes (w, WIRE_METADATA_MARKER, strlen (WIRE_METADATA_MARKER));
  vyre_wire_put_u8 (w, program->has_entry_op_id != FALSE);
  if (program->has_entry_op_id &&
      !vyre_wire_put_string (w, program->entry_op_id, "entry op-id"))
    return FALSE;
  for (guint i = 0; i < 3; i++)
    vyre_wire_put_u32 (w, program->workgroup_size[i]);
  vyre_wire_put_u8 (w, program->non_composable != FALSE);
  vyre_wire_put_leb (w, program->n_buffers);
  for (guint32 i = 0; i < program->n_buffers; i++) {
    const VyreBuffer *buffer = &program->buffers[i];

    if (!vyre_wire_put_string (w, buffer->name, "name of a buffer"))
      return FALSE;
    vyre_wire_put_u32 (w, buffer->binding);
    vyre_wire_put_u32 (w, buffer->count);
    vyre_wire_put_u8 (w, buffer->is_output != FALSE);
    vyre_wire_put_u8 (w, buffer->live_out != FALSE);
    vyre_wire_put_u8 (w, buffer->has_output_range != FALSE);
    if (buffer->has_output_range) {
      vyre_wire_put_leb (w, buffer->range_start);
      vyre_wire_put_leb (w, buffer->range_end);
    }
    vyre_wire_put_hints (w, &buffer->hints);
  }
  return TRUE;
}

static void
put_record (VyreWireWriter *w, VyreString op_id, const GByteArray *payload)
{
  vyre_wire_put_leb (w, op_id.length);
  vyre_wire_put_bytes (w, op_id.data, op_id.length);
  vyre_wire_put_leb (w, payload->len);
  vyre_wire_put_bytes (w, payload->data, payload->len);
  vyre_wire_put_leb (w, 0);
}

static gboolean
put_records (VyreWireWriter *w, const VyreProgram *program)
{
  /* The length of a payload stands before it. */
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  VyreWireWriter inner = *w;
  VyreString metadata = { WIRE_METADATA_OP_ID, strlen (WIRE_METADATA_OP_ID) };

  inner.out = payload;
  if (!put_metadata (&inner, program))
    return FALSE;
  vyre_wire_put_leb (w, (guint64) program->entry.n_nodes + 1);
  put_record (w, metadata, payload);

  for (guint32 i = 0; i < program->entry.n_nodes; i++) {
    const VyreNode *node = program->entry.nodes[i];

    g_byte_array_set_size (payload, 0);
    inner.depth = 0;
    if (!vyre_wire_put_node (&inner, node))
      return FALSE;
    w->too_large |= inner.too_large;
    put_record (w, vyre_wire_node_op_id (node), payload);
    if (w->too_large)
      break;
  }
  return TRUE;
}

static gboolean
put_shape (VyreWireWriter *w, const VyreBuffer *buffer)
{
  const VyreType *type = buffer->element;

  vyre_wire_put_leb (w, buffer->count);
  switch (type->kind) {
    case VYRE_TYPE_ARRAY:
      vyre_wire_put_leb (w, type->size);
      return TRUE;
    case VYRE_TYPE_HANDLE:
      vyre_wire_put_leb (w, type->a);
      return TRUE;
    case VYRE_TYPE_OPAQUE:
      if (!(type->a & 0x80000000))
        return vyre_wire_refuse (
            w, "data type id 0x%08x lacks bit 31", type->a);
      vyre_wire_put_leb (w, type->a);
      return TRUE;
    case VYRE_TYPE_QUANTIZED:
      if (!vyre_wire_check_quantized (w, type))
        return FALSE;
      vyre_wire_put_leb (w, type->element->kind);
      vyre_wire_put_leb (w, type->scale_tag);
      vyre_wire_put_leb (w, type->scale_param);
      vyre_wire_put_leb (w, type->zero_tag);
      vyre_wire_put_leb (w, type->zero_param);
      return TRUE;
    default:
      if (!vyre_wire_is_plain_element (type->kind))
        return vyre_wire_refuse (w, "a buffer cannot have elements of type %s",
            vyre_type_kind_name (type->kind));
      return TRUE;
  }
}

static gboolean
put_regions (VyreWireWriter *w, const VyreProgram *program)
{
  g_autoptr (GByteArray) payload = g_byte_array_new ();
  VyreWireWriter inner = *w;

  inner.out = payload;
  vyre_wire_put_leb (w, program->n_buffers);
  for (guint32 i = 0; i < program->n_buffers; i++) {
    const VyreBuffer *buffer = &program->buffers[i];

    vyre_wire_put_leb (w, i);
    vyre_wire_put_u8 (w, (guint8) buffer->kind);
    vyre_wire_put_u8 (w, (guint8) buffer->access);
    vyre_wire_put_u8 (w, (guint8) buffer->element->kind);
    vyre_wire_put_u8 (w, 0);
    g_byte_array_set_size (payload, 0);
    if (!put_shape (&inner, buffer))
      return FALSE;
    vyre_wire_put_leb (w, payload->len);
    vyre_wire_put_bytes (w, payload->data, payload->len);
    g_byte_array_set_size (payload, 0);
    vyre_wire_put_hints (&inner, &buffer->hints);
    vyre_wire_put_leb (w, payload->len);
    vyre_wire_put_bytes (w, payload->data, payload->len);
  }
  return TRUE;
}

static void
put_output_set (VyreWireWriter *w, const VyreProgram *program)
{
  guint32 count = 0;

  for (guint32 i = 0; i < program->n_buffers; i++)
    count += vyre_wire_is_writable (program->buffers[i].access);
  vyre_wire_put_leb (w, count);
  for (guint32 i = 0; i < program->n_buffers; i++) {
    if (vyre_wire_is_writable (program->buffers[i].access))
      vyre_wire_put_leb (w, i);
  }
}

static GBytes *
encode (const VyreProgram *program, gboolean unlimited, GError **error)
{
  g_autoptr (GByteArray) out = g_byte_array_new ();
  static const guint8 header[WIRE_HEADER_BYTES] = { 'V', 'Y', 'R', 'E',
    WIRE_VERSION, 0, WIRE_FLAGS, 0 };
  VyreWireWriter w = {
    .out = out,
    /* GByteArray holds less than 4 GiB and doubles when it grows. */
    .max = unlimited ? (gsize) 1 << 30 : VYRE_WIRE_MAX_BYTES,
    .unlimited = unlimited,
    .error = error,
  };

  vyre_wire_put_bytes (&w, header, sizeof header);
  if (!check_program (&w, program) || !put_records (&w, program) ||
      !put_regions (&w, program))
    return NULL;
  put_output_set (&w, program);
  if (w.too_large) {
    vyre_wire_refuse (
        &w, "the program takes more than %" G_GSIZE_FORMAT " bytes", w.max);
    return NULL;
  }
  vyre_blake3 (out->data + WIRE_HEADER_BYTES, out->len - WIRE_HEADER_BYTES,
      out->data + 8);
  return g_byte_array_free_to_bytes (g_steal_pointer (&out));
}

GBytes *
vyre_program_encode (const VyreProgram *program, GError **error)
{
  return encode (program, FALSE, error);
}

GBytes *
vyre_wire_encode_unlimited (const VyreProgram *program, GError **error)
{
  return encode (program, TRUE, error);
}
