/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conform-expect.h"

#include <gio/gio.h>
#include <string.h>

/* --- programs that the decoder rejects ----------------------------------- */

/* A piece of the original's message, and the category it stands for. The
 * first that fits counts. */
static const struct
{
  const char *text;
  VyreWireError category;
} rejections[] = {
  { "wire blob is ", VYRE_WIRE_ERROR_OVERSIZE },
  { "invalid IR wire-format header", VYRE_WIRE_ERROR_BAD_MAGIC },
  { "version mismatch", VYRE_WIRE_ERROR_VERSION },
  { "field flags has", VYRE_WIRE_ERROR_FLAGS },
  { "missing OPAQUE_ENDIAN_FIXED", VYRE_WIRE_ERROR_FLAGS },
  { "IntegrityMismatch", VYRE_WIRE_ERROR_DIGEST },
  { "truncated IR wire format", VYRE_WIRE_ERROR_TRUNCATED },
  { "header requires", VYRE_WIRE_ERROR_TRUNCATED },
  { "trailing bytes", VYRE_WIRE_ERROR_TRAILING_BYTES },
  { "exceeds u64", VYRE_WIRE_ERROR_LEB_OVERFLOW },
  { "cannot fit u32", VYRE_WIRE_ERROR_INT_RANGE },
  { "exceeds IR wire-format limit", VYRE_WIRE_ERROR_LIMIT },
  { "exceeds limit", VYRE_WIRE_ERROR_LIMIT },
  { "invalid UTF-8", VYRE_WIRE_ERROR_BAD_UTF8 },
  { "maximum decode depth", VYRE_WIRE_ERROR_DEPTH },
  { "missing metadata node", VYRE_WIRE_ERROR_NO_METADATA },
  { "UnknownOp: op_id", VYRE_WIRE_ERROR_METADATA_OP_ID },
  { "payload marker is invalid", VYRE_WIRE_ERROR_METADATA_MARKER },
  { "is not a prior node", VYRE_WIRE_ERROR_OPERAND_REF },
  { "carries operand ids", VYRE_WIRE_ERROR_OPERANDS },
  { "does not match payload", VYRE_WIRE_ERROR_OP_ID_MISMATCH },
  { "entry_op_id tag", VYRE_WIRE_ERROR_ENTRY_TAG },
  { "workgroup_size[", VYRE_WIRE_ERROR_WORKGROUP_ZERO },
  { "has count 0", VYRE_WIRE_ERROR_ZERO_COUNT },
  { "output range on buffer", VYRE_WIRE_ERROR_RANGE_ELEMENT },
  { "output range end", VYRE_WIRE_ERROR_RANGE_FIT },
  { "output range start", VYRE_WIRE_ERROR_RANGE_ORDER },
  { "field coalesce_axis", VYRE_WIRE_ERROR_HINTS_AXIS_TAG },
  { "field cache_locality", VYRE_WIRE_ERROR_HINTS_LOCALITY },
  { "metadata buffer count", VYRE_WIRE_ERROR_REGION_COUNT },
  { "canonical order", VYRE_WIRE_ERROR_REGION_ORDER },
  { "field shape_tag", VYRE_WIRE_ERROR_SHAPE_TAG },
  { "is not valid for a Dense", VYRE_WIRE_ERROR_ELEMENT_TAG },
  { "field element has", VYRE_WIRE_ERROR_ELEMENT_TAG },
  { "does not match metadata count", VYRE_WIRE_ERROR_COUNT_MISMATCH },
  { "field kind has", VYRE_WIRE_ERROR_UNKNOWN_MEMORY_KIND },
  { "unknown buffer access", VYRE_WIRE_ERROR_UNKNOWN_ACCESS },
  { "unknown quantization", VYRE_WIRE_ERROR_QUANT_TAG },
  { "quantization", VYRE_WIRE_ERROR_QUANT_PARAM },
  { "unknown IR node tag", VYRE_WIRE_ERROR_UNKNOWN_NODE_TAG },
  { "unknown IR expression tag", VYRE_WIRE_ERROR_UNKNOWN_EXPR_TAG },
  { "unknown binary op", VYRE_WIRE_ERROR_UNKNOWN_BINOP },
  { "unknown unary op", VYRE_WIRE_ERROR_UNKNOWN_UNOP },
  { "unknown atomic op", VYRE_WIRE_ERROR_UNKNOWN_ATOMIC_OP },
  { "unknown CollectiveOp", VYRE_WIRE_ERROR_UNKNOWN_COLLECTIVE_OP },
  { "memory ordering tag", VYRE_WIRE_ERROR_UNKNOWN_ORDERING },
  { "unknown data type tag", VYRE_WIRE_ERROR_UNKNOWN_DATA_TYPE },
  { "collides with core IR", VYRE_WIRE_ERROR_RESERVED_EXT_ID },
  { "Resolver registered", VYRE_WIRE_ERROR_UNKNOWN_EXTENSION },
  { "names non-writable", VYRE_WIRE_ERROR_OUTPUT_SET_ACCESS },
  { "is not in strict declaration", VYRE_WIRE_ERROR_OUTPUT_SET_ORDER },
  { "is out of bounds for", VYRE_WIRE_ERROR_OUTPUT_SET_INDEX },
  { "exceeds MAX_TEXT_WIRE_BYTES", VYRE_WIRE_ERROR_OVERSIZE },
  { "text format", VYRE_WIRE_ERROR_HEX },
  { "hex body", VYRE_WIRE_ERROR_HEX },
  { "invalid hex character", VYRE_WIRE_ERROR_HEX },
  { "declared wire_bytes", VYRE_WIRE_ERROR_HEX },
};

VyreWireError
conform_expected_rejection (JsonObject *meta)
{
  JsonNode *node = json_object_get_member (meta, "error");
  const char *error =
      node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node) : NULL;

  /* The nested type that overflows the original's stack. */
  if (json_object_has_member (meta, "reference_crashes"))
    return VYRE_WIRE_ERROR_LIMIT;
  for (guint i = 0; error && i < G_N_ELEMENTS (rejections); i++) {
    if (strstr (error, rejections[i].text))
      return rejections[i].category;
  }
  return VYRE_WIRE_N_ERRORS;
}

/* --- programs that end with an error ------------------------------------- */

static const struct
{
  const char *text;
  guint fault;
} faults[] = {
  { "single-rank", 2 },
  { "unsized element type", 4 },
  { "but requires at least", 4 },
  { "cannot be represented as u32", 6 },
  { "is not defined for", 7 },
  { "unknown BinOp variant", 7 },
  { "has undefined backend semantics", 8 },
  { "losslessly", 9 },
  { "missing buffer", 11 },
  { "unsupported atomic op", 12 },
  { "async transfer tag", 14 },
  { "async wait for tag", 14 },
  { "unsupported call", 15 },
  { "IndirectDispatch", 15 },
  { "dispatch trapped", 15 },
  { "does not support opaque", 15 },
  /* The two that it does not know are SubgroupLocalId and SubgroupSize. */
  { "unknown expression variant", 16 },
};

guint
conform_expected_fault (const char *message)
{
  for (guint i = 0; message && i < G_N_ELEMENTS (faults); i++) {
    if (strstr (message, faults[i].text))
      return faults[i].fault;
  }
  return 0;
}

/* Rules of validation that find a run-time error before it can happen. */
static const struct
{
  const char *rule;
  guint faults[3];
} covers[] = {
  { "V041", { 16 } },
  { "V046", { 2 } },
  { "X03", { 7 } },
  { "X05", { 11 } },
  { "X06", { 6 } },
  { "X07", { 7 } },
  { "X08", { 15, 7, 4 } }, /* statements and expressions, operators, types */
  { "X09", { 12 } },
  { "X11", { 15, 2 } },
  { "X13", { 16 } },
};

gboolean
conform_rule_covers (const char *rule, guint fault)
{
  g_autofree char *own = g_strdup_printf ("R%02u", fault);

  if (strcmp (rule, own) == 0)
    return TRUE;
  for (guint i = 0; fault != 0 && i < G_N_ELEMENTS (covers); i++) {
    if (strcmp (rule, covers[i].rule) != 0)
      continue;
    for (guint k = 0; k < G_N_ELEMENTS (covers[i].faults); k++) {
      if (covers[i].faults[k] == fault)
        return TRUE;
    }
  }
  return FALSE;
}

/* --- programs that do not encode ----------------------------------------- */

#define MAX_DIMS 16

static gboolean
find_type_kind (const char *name, VyreTypeKind *kind)
{
  for (guint i = 0; i <= VYRE_TYPE_OPAQUE; i++) {
    if (g_strcmp0 (vyre_type_kind_name (i), name) == 0) {
      *kind = i;
      return TRUE;
    }
  }
  return FALSE;
}

/* "2x2" */
static gboolean
parse_dims (VyreProgram *program, const char *text, VyreType *type)
{
  g_auto (GStrv) parts = g_strsplit (text, "x", MAX_DIMS + 1);
  guint n = g_strv_length (parts);
  guint32 *dims = vyre_program_alloc (program, MAX_DIMS * sizeof *dims);

  if (n == 0 || n > MAX_DIMS)
    return FALSE;
  for (guint i = 0; i < n; i++) {
    guint64 value;

    if (!g_ascii_string_to_unsigned (
            parts[i], 10, 0, G_MAXUINT32, &value, NULL))
      return FALSE;
    dims[i] = (guint32) value;
  }
  type->n_dims = n;
  type->dims = dims;
  return TRUE;
}

/* "u32", "sparse_csr<f32>", "sparse_bsr<f32;2x2>", "device_mesh<2x2>". */
static const VyreType *
parse_type (VyreProgram *program, const char *text)
{
  VyreType *type = vyre_program_alloc (program, sizeof *type);
  const char *open = strchr (text, '<');
  g_autofree char *name =
      open ? g_strndup (text, open - text) : g_strdup (text);
  g_autofree char *inner = NULL;
  char *dims;

  if (!find_type_kind (name, &type->kind) ||
      (open && !g_str_has_suffix (open, ">")))
    return NULL;
  if (!open)
    return type;
  inner = g_strndup (open + 1, strlen (open) - 2);
  if (type->kind == VYRE_TYPE_DEVICE_MESH)
    return parse_dims (program, inner, type) ? type : NULL;
  dims = strchr (inner, ';');
  if (dims)
    *dims++ = 0;
  if (strchr (inner, '<'))
    return NULL;
  type->element = parse_type (program, inner);
  if (!type->element || (dims && !parse_dims (program, dims, type)))
    return NULL;
  if (type->kind == VYRE_TYPE_SPARSE_BSR) {
    if (type->n_dims != 2)
      return NULL;
    type->a = type->dims[0];
    type->b = type->dims[1];
    type->n_dims = 0;
    type->dims = NULL;
  }
  return type;
}

static gboolean
build_buffer (VyreProgram *program, JsonObject *recorded, gboolean replace,
    VyreBuffer *buffer)
{
  const char *name =
      json_object_get_string_member_with_default (recorded, "name", NULL);
  const char *access =
      json_object_get_string_member_with_default (recorded, "access", NULL);
  const char *element =
      json_object_get_string_member_with_default (recorded, "element", NULL);
  gint64 binding =
      json_object_get_int_member_with_default (recorded, "binding", -1);
  gint64 count =
      json_object_get_int_member_with_default (recorded, "count", -1);

  if (!name || !element || binding < 0 || binding > G_MAXUINT32 || count < 0 ||
      count > G_MAXUINT32)
    return FALSE;
  if (g_strcmp0 (access, "ReadOnly") == 0) {
    buffer->access = VYRE_ACCESS_READ_ONLY;
    buffer->kind = VYRE_KIND_READONLY;
  } else if (g_strcmp0 (access, "ReadWrite") == 0) {
    buffer->access = VYRE_ACCESS_READ_WRITE;
    buffer->kind = VYRE_KIND_GLOBAL;
  } else {
    return FALSE;
  }
  buffer->name = vyre_program_string (program, name, strlen (name));
  buffer->binding = (guint32) binding;
  buffer->count = (guint32) count;
  buffer->hints = VYRE_HINTS_DEFAULT;
  buffer->element = parse_type (program, replace ? "u32" : element);
  return buffer->element != NULL;
}

VyreProgram *
conform_build_program (JsonObject *meta, gboolean replace, GError **error)
{
  g_autoptr (VyreProgram) program = vyre_program_new ();
  JsonArray *buffers = json_object_has_member (meta, "buffers")
                           ? json_object_get_array_member (meta, "buffers")
                           : NULL;
  guint n = buffers ? json_array_get_length (buffers) : 0;

  for (guint i = 0; i < 3; i++)
    program->workgroup_size[i] = 1;
  program->n_buffers = n;
  program->buffers =
      vyre_program_alloc (program, MAX (n, 1) * sizeof *program->buffers);
  for (guint i = 0; i < n; i++) {
    if (!build_buffer (program, json_array_get_object_element (buffers, i),
            replace, &program->buffers[i])) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
          "the description of buffer %u is not understood", i);
      return NULL;
    }
  }
  if (n > 0)
    return g_steal_pointer (&program);
  g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
      "the case describes no buffers");
  return NULL;
}
