/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-reader.h"

#include "blake3.h"

#include <string.h>

/* Envelope, records, memory regions and output set: vir0-wire.md sections 4
 * to 8, in the order of checks of section 16. */

static gboolean
check_envelope (const guint8 *data, gsize length, GError **error)
{
  guint8 digest[VYRE_DIGEST_BYTES];
  guint version, flags;

  if (length > VYRE_WIRE_MAX_BYTES)
    return vyre_wire_fail (error, VYRE_WIRE_ERROR_OVERSIZE,
        "the program has %" G_GSIZE_FORMAT " bytes, at most %u are allowed",
        length, VYRE_WIRE_MAX_BYTES);
  if (length < 4 || memcmp (data, "VYRE", 4) != 0)
    return vyre_wire_fail (
        error, VYRE_WIRE_ERROR_BAD_MAGIC, "the first four bytes are not VYRE");
  if (length < 6)
    return vyre_wire_fail (error, VYRE_WIRE_ERROR_TRUNCATED,
        "%" G_GSIZE_FORMAT " bytes hold no format version", length);
  version = data[4] | data[5] << 8;
  if (version != WIRE_VERSION)
    return vyre_wire_fail (error, VYRE_WIRE_ERROR_VERSION,
        "the format version is %u, this decoder reads version %d", version,
        WIRE_VERSION);
  if (length < WIRE_HEADER_BYTES)
    return vyre_wire_fail (error, VYRE_WIRE_ERROR_TRUNCATED,
        "the header takes %d bytes, the program has %" G_GSIZE_FORMAT,
        WIRE_HEADER_BYTES, length);
  flags = data[6] | data[7] << 8;
  if (flags != WIRE_FLAGS)
    return vyre_wire_fail (error, VYRE_WIRE_ERROR_FLAGS,
        "the flags are 0x%04x%s", flags,
        flags & 1      ? ", compressed"
        : flags & 2    ? ", sealed"
        : !(flags & 4) ? ", opaque payloads of unknown byte order"
                       : ", reserved bits are set");
  vyre_blake3 (data + WIRE_HEADER_BYTES, length - WIRE_HEADER_BYTES, digest);
  if (memcmp (digest, data + 8, sizeof digest) != 0)
    return vyre_wire_fail (error, VYRE_WIRE_ERROR_DIGEST,
        "the body's BLAKE3 is not the one in the header");
  return TRUE;
}

static gboolean
read_hints (VyreWireReader *r, VyreHints *hints)
{
  guint8 presence, locality;

  memset (hints, 0, sizeof *hints);
  if (!vyre_wire_read_u8 (r, &presence, "presence of a coalesce axis"))
    return FALSE;
  if (presence > 1)
    return vyre_wire_reader_fail (r, HINTS_AXIS_TAG,
        "presence of a coalesce axis is %u instead of 0 or 1", presence);
  hints->has_coalesce_axis = presence;
  if ((presence &&
          !vyre_wire_read_u8 (r, &hints->coalesce_axis, "coalesce axis")) ||
      !vyre_wire_read_u32 (
          r, &hints->preferred_alignment, "preferred alignment") ||
      !vyre_wire_read_u8 (r, &locality, "cache locality"))
    return FALSE;
  if (locality > VYRE_LOCALITY_RANDOM)
    return vyre_wire_reader_fail (
        r, HINTS_LOCALITY, "unknown cache locality %u", locality);
  hints->locality = locality;
  return TRUE;
}

static gboolean
read_buffer_entry (VyreWireReader *r, VyreBuffer *buffer)
{
  guint8 is_output, live_out, range;

  if (!vyre_wire_read_string (r, &buffer->name, "name of a buffer") ||
      !vyre_wire_read_u32 (r, &buffer->binding, "binding of a buffer") ||
      !vyre_wire_read_u32 (r, &buffer->count, "count of a buffer") ||
      !vyre_wire_read_u8 (r, &is_output, "output flag of a buffer") ||
      !vyre_wire_read_u8 (r, &live_out, "live-out flag of a buffer"))
    return FALSE;
  buffer->is_output = is_output != 0;
  buffer->live_out = live_out != 0;
  if (buffer->count == 0 && (buffer->is_output || buffer->live_out)) {
    g_autofree char *name = vyre_string_display (buffer->name);

    return vyre_wire_reader_fail (
        r, ZERO_COUNT, "output buffer \"%s\" has count 0", name);
  }

  if (!vyre_wire_read_u8 (r, &range, "presence of an output range"))
    return FALSE;
  if (range > 1)
    return vyre_wire_reader_fail (r, RANGE_TAG,
        "presence of an output range is %u instead of 0 or 1", range);
  buffer->has_output_range = range;
  if (range) {
    if (!vyre_wire_read_leb (
            r, &buffer->range_start, "start of an output range") ||
        !vyre_wire_read_leb (r, &buffer->range_end, "end of an output range"))
      return FALSE;
    if (buffer->range_start > buffer->range_end)
      return vyre_wire_reader_fail (r, RANGE_ORDER,
          "an output range goes from %" G_GUINT64_FORMAT
          " to %" G_GUINT64_FORMAT,
          buffer->range_start, buffer->range_end);
  }
  return read_hints (r, &buffer->hints);
}

static gboolean
read_metadata (VyreWireReader *r, GArray *buffers)
{
  VyreProgram *program = r->decoder->program;
  const guint8 *marker;
  guint8 presence, non_composable;
  guint32 count;

  if (!vyre_wire_read_bytes (
          r, strlen (WIRE_METADATA_MARKER), &marker, "metadata marker"))
    return FALSE;
  if (memcmp (marker, WIRE_METADATA_MARKER, strlen (WIRE_METADATA_MARKER)))
    return vyre_wire_reader_fail (r, METADATA_MARKER,
        "the metadata does not start with " WIRE_METADATA_MARKER);

  if (!vyre_wire_read_u8 (r, &presence, "presence of an entry op-id"))
    return FALSE;
  if (presence > 1)
    return vyre_wire_reader_fail (r, ENTRY_TAG,
        "presence of an entry op-id is %u instead of 0 or 1", presence);
  program->has_entry_op_id = presence;
  if (presence &&
      !vyre_wire_read_string (r, &program->entry_op_id, "entry op-id"))
    return FALSE;

  for (guint i = 0; i < 3; i++) {
    if (!vyre_wire_read_u32 (r, &program->workgroup_size[i], "workgroup size"))
      return FALSE;
  }
  for (guint i = 0; i < 3; i++) {
    if (program->workgroup_size[i] == 0)
      return vyre_wire_reader_fail (r, WORKGROUP_ZERO,
          "the workgroup size is %u, %u, %u", program->workgroup_size[0],
          program->workgroup_size[1], program->workgroup_size[2]);
  }

  if (!vyre_wire_read_u8 (r, &non_composable, "non-composable flag"))
    return FALSE;
  if (non_composable > 1)
    return vyre_wire_reader_fail (r, COMPOSABLE_FLAG,
        "the non-composable flag is %u instead of 0 or 1", non_composable);
  program->non_composable = non_composable;

  if (!vyre_wire_read_count (r, WIRE_MAX_BUFFERS, &count, "number of buffers"))
    return FALSE;
  for (guint32 i = 0; i < count; i++) {
    VyreBuffer buffer = { 0 };

    if (!read_buffer_entry (r, &buffer))
      return FALSE;
    g_array_append_val (buffers, buffer);
  }
  return vyre_wire_read_end (r, "the metadata");
}

/* Every operand list that is not empty fails, but for different reasons. */
static gboolean
read_operands (VyreWireReader *r, guint32 record, guint32 *count)
{
  if (!vyre_wire_read_count (r, WIRE_MAX_RECORDS, count, "number of operands"))
    return FALSE;
  for (guint32 i = 0; i < *count; i++) {
    guint32 operand;

    if (!vyre_wire_read_leb32 (r, &operand, "operand"))
      return FALSE;
    if (operand >= record)
      return vyre_wire_reader_fail (
          r, OPERAND_REF, "record %u refers to record %u", record, operand);
  }
  return TRUE;
}

static gboolean
read_statement_record (VyreWireReader *window, guint32 record, VyreString op_id,
    guint32 n_operands)
{
  VyreWireDecoder *d = window->decoder;
  VyreNode *node;
  VyreString expected;

  if (n_operands > 0)
    return vyre_wire_reader_fail (
        window, OPERANDS, "record %u has %u operands", record, n_operands);
  d->depth = 0;
  if (!vyre_wire_read_node (window, &node) ||
      !vyre_wire_read_end (window, "a statement's record"))
    return FALSE;

  expected = vyre_wire_node_op_id (node);
  if (!vyre_string_equal (op_id, expected)) {
    g_autofree char *found = vyre_string_display (op_id);
    g_autofree char *wanted = vyre_string_display (expected);

    return vyre_wire_reader_fail (window, OP_ID_MISMATCH,
        "record %u is called \"%s\" but holds a \"%s\"", record, found, wanted);
  }
  g_ptr_array_add (d->nodes, node);
  return TRUE;
}

static gboolean
read_records (VyreWireReader *r, GArray *buffers)
{
  VyreWireDecoder *d = r->decoder;
  VyreProgram *program = d->program;
  guint32 count;

  if (!vyre_wire_read_count (r, WIRE_MAX_RECORDS, &count, "number of records"))
    return FALSE;
  if (count == 0)
    return vyre_wire_reader_fail (r, NO_METADATA, "there are no records");

  for (guint32 i = 0; i < count; i++) {
    VyreWireReader window;
    VyreString op_id;
    guint64 length;
    guint32 n_operands;

    if (!vyre_wire_read_op_id (r, &op_id) ||
        !vyre_wire_read_leb (r, &length, "length of a record") ||
        !vyre_wire_read_window (r, length, &window, "record") ||
        !read_operands (r, i, &n_operands))
      return FALSE;
    if (i > 0) {
      if (!read_statement_record (&window, i, op_id, n_operands))
        return FALSE;
      continue;
    }
    if (!vyre_string_is (op_id, WIRE_METADATA_OP_ID)) {
      g_autofree char *name = vyre_string_display (op_id);

      return vyre_wire_reader_fail (r, METADATA_OP_ID,
          "the first record is \"%s\" instead of \"" WIRE_METADATA_OP_ID "\"",
          name);
    }
    if (!read_metadata (&window, buffers))
      return FALSE;
  }
  program->entry.n_nodes = d->nodes->len;
  program->entry.nodes = (VyreNode **) vyre_wire_take_list (d, d->nodes, 0);
  return TRUE;
}

/* --- memory regions ------------------------------------------------------ */

static gboolean
read_quantized (VyreWireReader *r, VyreType *type)
{
  VyreType *storage;
  guint64 tag;

  if (!vyre_wire_read_leb (r, &tag, "quantized storage"))
    return FALSE;
  if (tag > 0xff)
    return vyre_wire_reader_fail (r, INT_RANGE,
        "quantized storage %" G_GUINT64_FORMAT " does not fit 8 bits", tag);
  if (!vyre_wire_is_plain_element ((guint) tag))
    return vyre_wire_reader_fail (r, ELEMENT_TAG,
        "type 0x%02x cannot store quantized elements", (guint) tag);
  if (!vyre_wire_quant_storage_ok ((VyreTypeKind) tag))
    return vyre_wire_reader_fail (r, QUANT_STORAGE,
        "a quantized type is stored as %s",
        vyre_type_kind_name ((VyreTypeKind) tag));
  storage = vyre_program_alloc (r->decoder->program, sizeof *storage);
  storage->kind = (VyreTypeKind) tag;
  type->element = storage;

  if (!vyre_wire_read_leb (r, &tag, "scale tag") ||
      !vyre_wire_read_leb32 (r, &type->scale_param, "scale parameter") ||
      !vyre_wire_check_quant (r, FALSE, tag, type->scale_param))
    return FALSE;
  type->scale_tag = (guint8) tag;
  if (!vyre_wire_read_leb (r, &tag, "zero-point tag") ||
      !vyre_wire_read_leb32 (r, &type->zero_param, "zero-point parameter") ||
      !vyre_wire_check_quant (r, TRUE, tag, type->zero_param))
    return FALSE;
  type->zero_tag = (guint8) tag;
  return TRUE;
}

static gboolean
read_shape (
    VyreWireReader *r, guint8 tag, guint32 *count, const VyreType **element)
{
  VyreType *type;

  if (!vyre_wire_read_leb32 (r, count, "count of a memory region"))
    return FALSE;
  type = vyre_program_alloc (r->decoder->program, sizeof *type);
  type->kind = tag;
  *element = type;

  switch (tag) {
    case VYRE_TYPE_ARRAY:
      if (!vyre_wire_read_leb (r, &type->size, "array element size"))
        return FALSE;
      break;
    case VYRE_TYPE_HANDLE:
      if (!vyre_wire_read_leb32 (r, &type->a, "handle type id"))
        return FALSE;
      break;
    case VYRE_TYPE_OPAQUE:
      if (!vyre_wire_read_leb32 (r, &type->a, "data type id"))
        return FALSE;
      if (!(type->a & 0x80000000))
        return vyre_wire_reader_fail (r, RESERVED_EXT_ID,
            "data type id 0x%08x is in the range of built-in numbers", type->a);
      break;
    case VYRE_TYPE_QUANTIZED:
      if (!read_quantized (r, type))
        return FALSE;
      break;
    default:
      if (!vyre_wire_is_plain_element (tag))
        return vyre_wire_reader_fail (r, ELEMENT_TAG,
            "a buffer cannot have elements of type 0x%02x", tag);
  }
  return vyre_wire_read_end (r, "the shape of a memory region");
}

static gboolean
check_buffer (VyreWireReader *r, const VyreBuffer *buffer, guint32 count)
{
  g_autofree char *name = vyre_string_display (buffer->name);
  guint64 size, bytes;

  if (count != buffer->count)
    return vyre_wire_reader_fail (r, COUNT_MISMATCH,
        "buffer \"%s\" has count %u in the metadata and %u in its region", name,
        buffer->count, count);
  if (count == 0 && buffer->access == VYRE_ACCESS_WORKGROUP)
    return vyre_wire_reader_fail (
        r, ZERO_COUNT, "workgroup buffer \"%s\" has count 0", name);
  if (!buffer->has_output_range)
    return TRUE;

  if (!vyre_wire_fixed_element_size (buffer->element, &size))
    return vyre_wire_reader_fail (r, RANGE_ELEMENT,
        "buffer \"%s\" has an output range, but %s has no fixed size", name,
        vyre_type_kind_name (buffer->element->kind));
  if (!g_uint64_checked_mul (&bytes, count, size))
    return vyre_wire_reader_fail (
        r, RANGE_FIT, "the size of buffer \"%s\" does not fit 64 bits", name);
  if (buffer->range_end > bytes)
    return vyre_wire_reader_fail (r, RANGE_FIT,
        "the output range of buffer \"%s\" ends at %" G_GUINT64_FORMAT
        ", the buffer at %" G_GUINT64_FORMAT,
        name, buffer->range_end, bytes);
  return TRUE;
}

static gboolean
read_region (VyreWireReader *r, guint32 index, VyreBuffer *buffer)
{
  VyreWireReader window;
  guint8 kind, access, element, shape;
  guint32 id, length, count;

  if (!vyre_wire_read_leb32 (r, &id, "id of a memory region"))
    return FALSE;
  if (id != index)
    return vyre_wire_reader_fail (
        r, REGION_ORDER, "memory region %u has id %u", index, id);
  if (!vyre_wire_read_u8 (r, &kind, "memory kind"))
    return FALSE;
  if (kind > VYRE_KIND_PERSISTENT)
    return vyre_wire_reader_fail (
        r, UNKNOWN_MEMORY_KIND, "unknown memory kind %u", kind);
  if (!vyre_wire_read_u8 (r, &access, "buffer access"))
    return FALSE;
  if (access > VYRE_ACCESS_WRITE_ONLY)
    return vyre_wire_reader_fail (
        r, UNKNOWN_ACCESS, "unknown buffer access %u", access);
  buffer->kind = kind;
  buffer->access = access;

  if (!vyre_wire_read_u8 (r, &element, "element type") ||
      !vyre_wire_read_u8 (r, &shape, "shape tag"))
    return FALSE;
  if (shape != 0)
    return vyre_wire_reader_fail (r, SHAPE_TAG, "unknown shape %u", shape);
  if (!vyre_wire_read_count (
          r, WIRE_MAX_WINDOW, &length, "length of a shape") ||
      !vyre_wire_read_window (r, length, &window, "shape") ||
      !read_shape (&window, element, &count, &buffer->element) ||
      !vyre_wire_read_count (r, WIRE_MAX_WINDOW, &length, "length of hints") ||
      !vyre_wire_read_window (r, length, &window, "hints") ||
      !read_hints (&window, &buffer->hints) ||
      !vyre_wire_read_end (&window, "the hints of a memory region"))
    return FALSE;
  return check_buffer (r, buffer, count);
}

static gboolean
read_regions (VyreWireReader *r)
{
  VyreProgram *program = r->decoder->program;
  guint32 count;

  if (!vyre_wire_read_count (
          r, WIRE_MAX_BUFFERS, &count, "number of memory regions"))
    return FALSE;
  if (count != program->n_buffers)
    return vyre_wire_reader_fail (r, REGION_COUNT,
        "there are %u memory regions for %u buffers", count,
        program->n_buffers);
  for (guint32 i = 0; i < count; i++) {
    if (!read_region (r, i, &program->buffers[i]))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_output_set (VyreWireReader *r)
{
  VyreProgram *program = r->decoder->program;
  guint32 count, n_writable = 0, next = 0;

  if (!vyre_wire_read_count (
          r, WIRE_MAX_BUFFERS, &count, "number of output indices"))
    return FALSE;
  for (guint32 i = 0; i < count; i++) {
    guint32 index;

    if (!vyre_wire_read_leb32 (r, &index, "output index"))
      return FALSE;
    if (index >= program->n_buffers)
      return vyre_wire_reader_fail (r, OUTPUT_SET_INDEX,
          "output index %u of %u buffers", index, program->n_buffers);
    if (!vyre_wire_is_writable (program->buffers[index].access))
      return vyre_wire_reader_fail (r, OUTPUT_SET_ACCESS,
          "output index %u names a buffer that is %s", index,
          vyre_access_name (program->buffers[index].access));
    if (index < next)
      return vyre_wire_reader_fail (r, OUTPUT_SET_ORDER,
          "output index %u follows index %u", index, next - 1);
    next = index + 1;
  }
  for (guint32 i = 0; i < program->n_buffers; i++)
    n_writable += vyre_wire_is_writable (program->buffers[i].access);
  if (count != n_writable)
    return vyre_wire_reader_fail (r, OUTPUT_SET_MISMATCH,
        "%u of %u writable buffers are in the output set", count, n_writable);
  return TRUE;
}

static gboolean
read_body (VyreWireReader *r)
{
  g_autoptr (GArray) buffers = g_array_new (FALSE, FALSE, sizeof (VyreBuffer));
  VyreProgram *program = r->decoder->program;

  if (!read_records (r, buffers))
    return FALSE;
  if (buffers->len > 0) {
    gsize bytes = buffers->len * sizeof (VyreBuffer);

    program->buffers = vyre_program_alloc (program, bytes);
    memcpy (program->buffers, buffers->data, bytes);
    program->n_buffers = buffers->len;
  }
  return read_regions (r) && read_output_set (r) &&
         vyre_wire_read_end (r, "the program");
}

VyreProgram *
vyre_program_decode (
    const guint8 *data, gsize length, VyreWireFlags flags, GError **error)
{
  g_autoptr (VyreProgram) program = NULL;
  g_autoptr (GPtrArray) nodes = NULL;
  g_autoptr (GPtrArray) exprs = NULL;
  g_autoptr (GPtrArray) types = NULL;
  VyreWireDecoder decoder;
  VyreWireReader reader;

  if (!check_envelope (data, length, error))
    return NULL;

  program = vyre_program_new ();
  nodes = g_ptr_array_new ();
  exprs = g_ptr_array_new ();
  types = g_ptr_array_new ();
  decoder = (VyreWireDecoder){
    .program = program,
    .flags = flags,
    .blob = data,
    .nodes = nodes,
    .exprs = exprs,
    .types = types,
    .error = error,
  };
  reader.decoder = &decoder;
  reader.p = data + WIRE_HEADER_BYTES;
  reader.end = data + length;
  return read_body (&reader) ? g_steal_pointer (&program) : NULL;
}
