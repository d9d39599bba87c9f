/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-private.h"

#include <string.h>

G_DEFINE_QUARK (vyre_wire_error, vyre_wire_error)

#define DAMAGED "the blob is damaged or made by hand, write it again"
#define NEWER "write the program with the encoder of format version 4"

/* In the order of VyreWireError. */
static const struct
{
  const char *name, *advice;
} categories[VYRE_WIRE_N_ERRORS] = {
  { "oversize", "split the program" },
  { "bad-magic", "give a binary VIR0 program, which starts with VYRE" },
  { "version", "write the program again with an encoder of that version" },
  { "flags", "write the program uncompressed and unsealed, with flags 0x0004" },
  { "digest", "the program was changed or cut after it was written, fetch it "
              "again" },
  { "truncated", "get the complete program" },
  { "trailing-bytes", "give exactly one program, with nothing behind it" },
  { "leb-overflow", DAMAGED },
  { "int-range", DAMAGED },
  { "limit", "split the program" },
  { "bad-utf8", "write names as UTF-8" },
  { "depth", "flatten nested statements or expressions" },
  { "no-metadata", DAMAGED },
  { "metadata-op-id", DAMAGED },
  { "metadata-marker", DAMAGED },
  { "operand-ref", DAMAGED },
  { "operands", DAMAGED },
  { "op-id-mismatch", DAMAGED },
  { "entry-tag", DAMAGED },
  { "workgroup-zero", "give every axis of the workgroup at least 1" },
  { "composable-flag", DAMAGED },
  { "zero-count", "give output and workgroup buffers a count" },
  { "range-tag", DAMAGED },
  { "range-order", "put the start of the output range before its end" },
  { "range-element", "leave the output range out or use a type of fixed size" },
  { "range-fit", "end the output range inside the buffer" },
  { "hints-axis-tag", DAMAGED },
  { "hints-locality", DAMAGED },
  { "region-count", DAMAGED },
  { "region-order", DAMAGED },
  { "shape-tag", NEWER },
  { "element-tag", "use a scalar, array, handle, quantized or opaque element" },
  { "count-mismatch", DAMAGED },
  { "unknown-memory-kind", NEWER },
  { "unknown-access", NEWER },
  { "quant-storage", "store quantized values in a type of at most 16 bits" },
  { "quant-tag", NEWER },
  { "quant-param", "parameters are 0 for absent and per-tensor, not 0 for "
                   "per-group" },
  { "unknown-node-tag", NEWER },
  { "unknown-expr-tag", NEWER },
  { "unknown-binop", NEWER },
  { "unknown-unop", NEWER },
  { "unknown-atomic-op", NEWER },
  { "unknown-collective-op", NEWER },
  { "unknown-ordering", NEWER },
  { "unknown-data-type", NEWER },
  { "region-presence", DAMAGED },
  { "reserved-ext-id", "extension ids have bit 31 set" },
  { "unknown-extension", "write the program without this extension" },
  { "extension-payload", "64-bit literals carry exactly 8 bytes" },
  { "output-set-index", DAMAGED },
  { "output-set-access", DAMAGED },
  { "output-set-order", DAMAGED },
  { "output-set-mismatch", DAMAGED },
  { "encode", "change the program so that a decoder can read it" },
  { "hex", "write the hex text form again" },
};

const char *
vyre_wire_error_name (VyreWireError code)
{
  return (guint) code < VYRE_WIRE_N_ERRORS ? categories[code].name : "unknown";
}

gboolean
vyre_wire_fail (GError **error, VyreWireError code, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_set_error (error, VYRE_WIRE_ERROR, code, "%s: %s; %s",
      categories[code].name, text, categories[code].advice);
  return FALSE;
}

gboolean
vyre_wire_utf8_valid (const char *data, gsize length)
{
  const char *end;

  /* GLib's function stops at NUL, which the format allows. */
  while (length > 0 && !g_utf8_validate_len (data, length, &end)) {
    if (*end != '\0')
      return FALSE;
    end++;
    length -= end - data;
    data = end;
  }
  return TRUE;
}

VyreString
vyre_wire_node_op_id (const VyreNode *node)
{
  static const char *const op_ids[] = { "vyre.node.let", "vyre.node.assign",
    "vyre.node.store", "vyre.node.if", "vyre.node.loop", "vyre.node.return",
    "vyre.node.block", "vyre.node.barrier", "vyre.node.indirect_dispatch",
    "vyre.node.async_load", "vyre.node.async_wait", "vyre.node.region",
    "vyre.node.async_store", "vyre.node.trap", "vyre.node.resume",
    "vyre.node.all_reduce", "vyre.node.all_gather", "vyre.node.reduce_scatter",
    "vyre.node.broadcast" };
  VyreString op_id = node->name;

  if (node->kind < G_N_ELEMENTS (op_ids)) {
    op_id.data = op_ids[node->kind];
    op_id.length = (guint32) strlen (op_id.data);
  }
  return op_id;
}

int
vyre_wire_expr_arity (guint kind)
{
  static const gint8 arity[] = {
    [VYRE_EXPR_LIT_U32] = 0,
    [VYRE_EXPR_LIT_I32] = 0,
    [VYRE_EXPR_LIT_BOOL] = 0,
    [VYRE_EXPR_VAR] = 0,
    [VYRE_EXPR_LOAD] = 1,
    [VYRE_EXPR_BUF_LEN] = 0,
    [VYRE_EXPR_INVOCATION_ID] = 0,
    [VYRE_EXPR_WORKGROUP_ID] = 0,
    [VYRE_EXPR_LOCAL_ID] = 0,
    [VYRE_EXPR_BIN_OP] = 2,
    [VYRE_EXPR_UN_OP] = 1,
    [VYRE_EXPR_CALL] = -1,
    [VYRE_EXPR_SELECT] = 3,
    [VYRE_EXPR_CAST] = 1,
    [VYRE_EXPR_ATOMIC] = -1,
    [VYRE_EXPR_LIT_F32] = 0,
    [VYRE_EXPR_FMA] = 3,
    [VYRE_EXPR_SUBGROUP_ADD] = 1,
    [VYRE_EXPR_SUBGROUP_SHUFFLE] = 2,
    [VYRE_EXPR_SUBGROUP_BALLOT] = 1,
    [VYRE_EXPR_SUBGROUP_LOCAL_ID] = 0,
    [VYRE_EXPR_SUBGROUP_SIZE] = 0,
  };

  if (kind == VYRE_EXPR_OPAQUE)
    return 0;
  return kind < G_N_ELEMENTS (arity) ? arity[kind] : -1;
}

gboolean
vyre_wire_is_stock_literal (VyreString kind)
{
  return vyre_string_is (kind, "vyre.literal.i64") ||
         vyre_string_is (kind, "vyre.literal.u64") ||
         vyre_string_is (kind, "vyre.literal.f64");
}

gboolean
vyre_wire_quant_storage_ok (VyreTypeKind kind)
{
  switch (kind) {
    case VYRE_TYPE_I4:
    case VYRE_TYPE_I8:
    case VYRE_TYPE_I16:
    case VYRE_TYPE_U8:
    case VYRE_TYPE_U16:
    case VYRE_TYPE_F8E4M3:
    case VYRE_TYPE_F8E5M2:
    case VYRE_TYPE_FP4:
    case VYRE_TYPE_NF4:
      return TRUE;
    default:
      return FALSE;
  }
}

gboolean
vyre_wire_quant_pair_ok (gboolean zero_point, guint64 tag, guint32 param)
{
  /* Number both lists alike: absent, per tensor, per channel, per group. */
  guint64 meaning = zero_point ? tag : tag + 1;

  if (tag > 3 || meaning > 3)
    return FALSE;
  if (meaning < 2)
    return param == 0;
  return meaning == 2 || param != 0;
}

gboolean
vyre_wire_has_element (guint tag)
{
  return (tag >= VYRE_TYPE_VEC && tag <= VYRE_TYPE_SPARSE_BSR) ||
         tag == VYRE_TYPE_QUANTIZED;
}

gboolean
vyre_wire_is_plain_element (guint tag)
{
  return (tag >= VYRE_TYPE_U32 && tag <= VYRE_TYPE_BYTES) ||
         (tag >= VYRE_TYPE_F16 && tag <= VYRE_TYPE_I64) ||
         (tag >= VYRE_TYPE_F8E4M3 && tag <= VYRE_TYPE_NF4);
}

gboolean
vyre_wire_fixed_element_size (const VyreType *type, guint64 *size)
{
  if (type->kind == VYRE_TYPE_ARRAY) {
    *size = type->size;
    return TRUE;
  }
  /* Four-bit types have a stride of a byte, which is what counts here. */
  *size = vyre_type_stride (type);
  return *size > 0;
}
