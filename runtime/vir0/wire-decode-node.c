/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-reader.h"

#include <string.h>

/* Statements, expressions and data types of the general encoding:
 * vir0-wire.md sections 9 to 11. */

#define MAX_BIN_OP VYRE_BIN_MUL_HIGH
#define MAX_UN_OP VYRE_UN_RECIPROCAL
#define MAX_ATOMIC_OP VYRE_ATOMIC_LRU_UPDATE

static gboolean read_expr (VyreWireReader *r, VyreExpr **expr);

/* Nodes and expressions share the 64 levels of a record. Also bounds memory,
 * since everything large enough to matter passes here. */
static gboolean
enter (VyreWireReader *r)
{
  VyreWireDecoder *d = r->decoder;

  if (d->depth == VYRE_MAX_NESTING)
    return vyre_wire_reader_fail (r, DEPTH,
        "statements and expressions nest deeper than %d levels",
        VYRE_MAX_NESTING);
  if (vyre_program_memory (d->program) > VYRE_WIRE_MAX_MODEL_BYTES)
    return vyre_wire_reader_fail (r, LIMIT,
        "the decoded program takes more than %" G_GSIZE_FORMAT " bytes",
        VYRE_WIRE_MAX_MODEL_BYTES);
  d->depth++;
  return TRUE;
}

/* --- data types ---------------------------------------------------------- */

static gboolean
read_ext_id (VyreWireReader *r, guint32 *id, const char *what)
{
  if (!vyre_wire_read_u32 (r, id, what))
    return FALSE;
  if (!(*id & 0x80000000))
    return vyre_wire_reader_fail (r, RESERVED_EXT_ID,
        "%s 0x%08x is in the range of built-in numbers", what, *id);
  return TRUE;
}

static gboolean
read_dims (VyreWireReader *r, VyreType *type)
{
  const guint8 *bytes;
  guint32 *dims;

  if (!vyre_wire_read_u32 (r, &type->n_dims, "number of dimensions") ||
      !vyre_wire_read_bytes (
          r, (guint64) type->n_dims * 4, &bytes, "dimensions"))
    return FALSE;
  if (type->n_dims == 0)
    return TRUE;

  dims = vyre_program_alloc (r->decoder->program, (gsize) type->n_dims * 4);
  memcpy (dims, bytes, (gsize) type->n_dims * 4);
  for (guint32 i = 0; i < type->n_dims; i++)
    dims[i] = GUINT32_FROM_LE (dims[i]);
  type->dims = dims;
  return TRUE;
}

/* What stands behind the tag, or, for a type with an element, behind that. */
static gboolean
read_type_payload (VyreWireReader *r, VyreType *type)
{
  guint8 lanes;

  switch (type->kind) {
    case VYRE_TYPE_ARRAY:
      if (!vyre_wire_read_u32 (r, &type->a, "array element size"))
        return FALSE;
      type->size = type->a;
      type->a = 0;
      return TRUE;
    case VYRE_TYPE_HANDLE:
      return vyre_wire_read_u32 (r, &type->a, "handle type id");
    case VYRE_TYPE_VEC:
      if (!vyre_wire_read_u8 (r, &lanes, "lane count"))
        return FALSE;
      type->a = lanes;
      return TRUE;
    case VYRE_TYPE_TENSOR_SHAPED:
    case VYRE_TYPE_DEVICE_MESH:
      return read_dims (r, type);
    case VYRE_TYPE_SPARSE_BSR:
      return vyre_wire_read_u32 (r, &type->a, "block rows") &&
             vyre_wire_read_u32 (r, &type->b, "block columns");
    case VYRE_TYPE_QUANTIZED:
      if (!vyre_wire_quant_storage_ok (type->element->kind))
        return vyre_wire_reader_fail (r, QUANT_STORAGE,
            "a quantized type is stored as %s",
            vyre_type_kind_name (type->element->kind));
      return vyre_wire_read_u8 (r, &type->scale_tag, "scale tag") &&
             vyre_wire_read_u32 (r, &type->scale_param, "scale parameter") &&
             vyre_wire_check_quant (
                 r, FALSE, type->scale_tag, type->scale_param) &&
             vyre_wire_read_u8 (r, &type->zero_tag, "zero-point tag") &&
             vyre_wire_read_u32 (
                 r, &type->zero_param, "zero-point parameter") &&
             vyre_wire_check_quant (r, TRUE, type->zero_tag, type->zero_param);
    case VYRE_TYPE_OPAQUE:
      return read_ext_id (r, &type->a, "data type id");
    default:
      return TRUE;
  }
}

/* A type is a chain whose payloads follow from the inside out, so all tags
 * are read first. No native recursion: chains may be thousands long. */
static gboolean
read_type (VyreWireReader *r, const VyreType **result)
{
  GPtrArray *chain = r->decoder->types;
  const VyreType *inner = NULL;
  guint8 tag;

  g_ptr_array_set_size (chain, 0);
  do {
    VyreType *type;

    if (chain->len == VYRE_WIRE_MAX_TYPE_NESTING)
      return vyre_wire_reader_fail (r, LIMIT,
          "data types nest deeper than %d levels", VYRE_WIRE_MAX_TYPE_NESTING);
    if (!vyre_wire_read_u8 (r, &tag, "data type"))
      return FALSE;
    if (tag == 0 || (tag > VYRE_TYPE_QUANTIZED && tag != VYRE_TYPE_OPAQUE))
      return vyre_wire_reader_fail (
          r, UNKNOWN_DATA_TYPE, "unknown data type tag 0x%02x", tag);
    type = vyre_program_alloc (r->decoder->program, sizeof *type);
    type->kind = tag;
    g_ptr_array_add (chain, type);
  } while (vyre_wire_has_element (tag));

  for (guint i = chain->len; i > 0; i--) {
    VyreType *type = g_ptr_array_index (chain, i - 1);

    type->element = inner;
    if (!read_type_payload (r, type))
      return FALSE;
    inner = type;
  }
  *result = inner;
  return TRUE;
}

/* --- expressions --------------------------------------------------------- */

static gboolean
read_op (VyreWireReader *r, guint8 max, VyreWireError error, guint8 *op,
    guint32 *ext_id, const char *what)
{
  if (!vyre_wire_read_u8 (r, op, what))
    return FALSE;
  if (*op == 0x80)
    return read_ext_id (r, ext_id, what);
  if (*op == 0 || *op > max)
    return vyre_wire_fail (r->decoder->error, error,
        "unknown %s 0x%02x (before byte %" G_GSIZE_FORMAT ")", what, *op,
        vyre_wire_offset (r));
  return TRUE;
}

static gboolean
read_ordering (VyreWireReader *r, guint8 *ordering)
{
  if (!vyre_wire_read_u8 (r, ordering, "memory ordering"))
    return FALSE;
  if (*ordering > VYRE_ORDER_GRID_SYNC)
    return vyre_wire_reader_fail (
        r, UNKNOWN_ORDERING, "unknown memory ordering %u", *ordering);
  return TRUE;
}

static gboolean
read_opaque (VyreWireReader *r, gboolean is_expr, VyreString *kind,
    const guint8 **payload, guint32 *length)
{
  gboolean stock;
  const guint8 *bytes;

  if (!vyre_wire_read_string (r, kind, "extension kind") ||
      !vyre_wire_read_u32 (r, length, "length of an extension payload"))
    return FALSE;
  if (*length > WIRE_MAX_PAYLOAD)
    return vyre_wire_reader_fail (r, LIMIT,
        "an extension payload has %u bytes, at most %u are allowed", *length,
        WIRE_MAX_PAYLOAD);
  if (!vyre_wire_read_bytes (r, *length, &bytes, "extension payload"))
    return FALSE;

  stock = is_expr && vyre_wire_is_stock_literal (*kind);
  if (!stock && !(r->decoder->flags & VYRE_WIRE_PRESERVE_UNKNOWN)) {
    g_autofree char *name = vyre_string_display (*kind);

    return vyre_wire_reader_fail (r, UNKNOWN_EXTENSION,
        "no extension \"%s\" for %s is known", name,
        is_expr ? "expressions" : "statements");
  }
  if (stock && *length != 8) {
    g_autofree char *name = vyre_string_display (*kind);

    return vyre_wire_reader_fail (
        r, EXTENSION_PAYLOAD, "a %s has a payload of %u bytes", name, *length);
  }
  *payload = (const guint8 *) vyre_program_string (
      r->decoder->program, (const char *) bytes, *length)
                 .data;
  return TRUE;
}

static gboolean
read_args (VyreWireReader *r, VyreExpr *expr)
{
  for (guint32 i = 0; i < expr->n_args; i++) {
    if (!read_expr (r, &expr->args[i]))
      return FALSE;
  }
  return TRUE;
}

static gboolean
read_call (VyreWireReader *r, VyreExpr *expr)
{
  GPtrArray *scratch = r->decoder->exprs;
  guint base = scratch->len;
  guint32 count;

  if (!vyre_wire_read_string (r, &expr->name, "op id of a call") ||
      !vyre_wire_read_u32 (r, &count, "number of arguments"))
    return FALSE;
  if (count > WIRE_MAX_CALL_ARGS)
    return vyre_wire_reader_fail (r, LIMIT,
        "a call has %u arguments, at most %u are allowed", count,
        WIRE_MAX_CALL_ARGS);
  for (guint32 i = 0; i < count; i++) {
    VyreExpr *arg;

    if (!read_expr (r, &arg))
      return FALSE;
    g_ptr_array_add (scratch, arg);
  }
  expr->args = (VyreExpr **) vyre_wire_take_list (r->decoder, scratch, base);
  expr->n_args = count;
  return TRUE;
}

static gboolean
read_atomic (VyreWireReader *r, VyreExpr *expr)
{
  guint8 expected;

  if (!read_op (r, MAX_ATOMIC_OP, VYRE_WIRE_ERROR_UNKNOWN_ATOMIC_OP, &expr->op,
          &expr->ext_id, "atomic operator") ||
      !read_ordering (r, &expr->ordering) ||
      !vyre_wire_read_string (r, &expr->name, "buffer of an atomic") ||
      !read_expr (r, &expr->args[0]) ||
      !vyre_wire_read_u8 (r, &expected, "presence of an expected value"))
    return FALSE;

  expr->has_expected = expected != 0;
  expr->n_args = expr->has_expected ? 3 : 2;
  return (!expr->has_expected || read_expr (r, &expr->args[1])) &&
         read_expr (r, &expr->args[expr->n_args - 1]);
}

static gboolean
read_expr_fields (VyreWireReader *r, VyreExpr *expr)
{
  guint8 byte;

  switch (expr->kind) {
    case VYRE_EXPR_LIT_U32:
    case VYRE_EXPR_LIT_I32:
    case VYRE_EXPR_LIT_F32:
      return vyre_wire_read_u32 (r, &expr->bits, "literal");
    case VYRE_EXPR_LIT_BOOL:
      if (!vyre_wire_read_u8 (r, &byte, "literal"))
        return FALSE;
      expr->bits = byte != 0;
      return TRUE;
    case VYRE_EXPR_VAR:
      return vyre_wire_read_string (r, &expr->name, "variable");
    case VYRE_EXPR_LOAD:
    case VYRE_EXPR_BUF_LEN:
      return vyre_wire_read_string (r, &expr->name, "buffer") &&
             read_args (r, expr);
    case VYRE_EXPR_INVOCATION_ID:
    case VYRE_EXPR_WORKGROUP_ID:
    case VYRE_EXPR_LOCAL_ID:
      return vyre_wire_read_u8 (r, &expr->axis, "axis");
    case VYRE_EXPR_BIN_OP:
      return read_op (r, MAX_BIN_OP, VYRE_WIRE_ERROR_UNKNOWN_BINOP, &expr->op,
                 &expr->ext_id, "binary operator") &&
             read_args (r, expr);
    case VYRE_EXPR_UN_OP:
      return read_op (r, MAX_UN_OP, VYRE_WIRE_ERROR_UNKNOWN_UNOP, &expr->op,
                 &expr->ext_id, "unary operator") &&
             read_args (r, expr);
    case VYRE_EXPR_CALL:
      return read_call (r, expr);
    case VYRE_EXPR_CAST:
      return read_type (r, &expr->type) && read_args (r, expr);
    case VYRE_EXPR_ATOMIC:
      return read_atomic (r, expr);
    case VYRE_EXPR_OPAQUE:
      return read_opaque (
          r, TRUE, &expr->name, &expr->payload, &expr->payload_length);
    default:
      return read_args (r, expr);
  }
}

static gboolean
read_expr (VyreWireReader *r, VyreExpr **result)
{
  VyreExpr *expr;
  guint8 tag;
  int n_args;

  if (!enter (r) || !vyre_wire_read_u8 (r, &tag, "expression"))
    return FALSE;
  if (tag > VYRE_EXPR_SUBGROUP_SIZE && tag != VYRE_EXPR_OPAQUE)
    return vyre_wire_reader_fail (
        r, UNKNOWN_EXPR_TAG, "unknown expression tag %u", tag);

  n_args = tag == VYRE_EXPR_ATOMIC ? 3 : MAX (vyre_wire_expr_arity (tag), 0);
  expr = vyre_program_expr (r->decoder->program, tag, n_args);
  if (!read_expr_fields (r, expr))
    return FALSE;
  r->decoder->depth--;
  *result = expr;
  return TRUE;
}

/* --- statements ---------------------------------------------------------- */

static gboolean
read_node_list (VyreWireReader *r, VyreNodeList *list)
{
  GPtrArray *scratch = r->decoder->nodes;
  guint base = scratch->len;
  guint32 count;

  if (!vyre_wire_read_u32 (r, &count, "number of statements"))
    return FALSE;
  if (count > WIRE_MAX_LIST)
    return vyre_wire_reader_fail (r, LIMIT,
        "a list has %u statements, at most %u are allowed", count,
        WIRE_MAX_LIST);
  for (guint32 i = 0; i < count; i++) {
    VyreNode *node;

    if (!vyre_wire_read_node (r, &node))
      return FALSE;
    g_ptr_array_add (scratch, node);
  }
  list->nodes = (VyreNode **) vyre_wire_take_list (r->decoder, scratch, base);
  list->n_nodes = count;
  return TRUE;
}

static gboolean
read_exprs (VyreWireReader *r, VyreNode *node, guint count)
{
  for (guint i = 0; i < count; i++) {
    if (!read_expr (r, &node->exprs[i]))
      return FALSE;
  }
  node->n_exprs = count;
  return TRUE;
}

static gboolean
read_collective_op (VyreWireReader *r, guint8 *op)
{
  if (!vyre_wire_read_u8 (r, op, "collective operator"))
    return FALSE;
  if (*op < VYRE_COLLECTIVE_SUM || *op > VYRE_COLLECTIVE_BIT_XOR)
    return vyre_wire_reader_fail (
        r, UNKNOWN_COLLECTIVE_OP, "unknown collective operator %u", *op);
  return TRUE;
}

static gboolean
read_region (VyreWireReader *r, VyreNode *node)
{
  guint8 presence;

  if (!vyre_wire_read_string (r, &node->name, "generator of a region") ||
      !vyre_wire_read_u8 (r, &presence, "presence of a source name"))
    return FALSE;
  if (presence > 1)
    return vyre_wire_reader_fail (r, REGION_PRESENCE,
        "presence of a region's source name is %u instead of 0 or 1", presence);
  node->has_source = presence;
  return (!presence || vyre_wire_read_string (
                           r, &node->name2, "source name of a region")) &&
         read_node_list (r, &node->body);
}

static gboolean
read_node_fields (VyreWireReader *r, VyreNode *node)
{
  switch (node->kind) {
    case VYRE_NODE_LET:
    case VYRE_NODE_ASSIGN:
      return vyre_wire_read_string (r, &node->name, "variable") &&
             read_exprs (r, node, 1);
    case VYRE_NODE_STORE:
      return vyre_wire_read_string (r, &node->name, "buffer of a store") &&
             read_exprs (r, node, 2);
    case VYRE_NODE_IF:
      return read_exprs (r, node, 1) && read_node_list (r, &node->body) &&
             read_node_list (r, &node->otherwise);
    case VYRE_NODE_LOOP:
      return vyre_wire_read_string (r, &node->name, "loop variable") &&
             read_exprs (r, node, 2) && read_node_list (r, &node->body);
    case VYRE_NODE_RETURN:
      return TRUE;
    case VYRE_NODE_BLOCK:
      return read_node_list (r, &node->body);
    case VYRE_NODE_BARRIER:
      return read_ordering (r, &node->ordering);
    case VYRE_NODE_INDIRECT_DISPATCH:
      return vyre_wire_read_string (r, &node->name, "count buffer") &&
             vyre_wire_read_u64 (r, &node->count_offset, "count offset");
    case VYRE_NODE_ASYNC_LOAD:
    case VYRE_NODE_ASYNC_STORE:
      return vyre_wire_read_string (r, &node->name, "source of a copy") &&
             vyre_wire_read_string (r, &node->name2, "destination of a copy") &&
             read_exprs (r, node, 2) &&
             vyre_wire_read_string (r, &node->tag, "tag of a copy");
    case VYRE_NODE_ASYNC_WAIT:
    case VYRE_NODE_RESUME:
      return vyre_wire_read_string (r, &node->tag, "tag");
    case VYRE_NODE_REGION:
      return read_region (r, node);
    case VYRE_NODE_TRAP:
      return read_exprs (r, node, 1) &&
             vyre_wire_read_string (r, &node->tag, "tag of a trap");
    case VYRE_NODE_ALL_REDUCE:
      return vyre_wire_read_string (r, &node->name, "collective buffer") &&
             read_collective_op (r, &node->collective_op) &&
             vyre_wire_read_u32 (r, &node->group, "group");
    case VYRE_NODE_ALL_GATHER:
      return vyre_wire_read_string (r, &node->name, "collective input") &&
             vyre_wire_read_string (r, &node->name2, "collective output") &&
             vyre_wire_read_u32 (r, &node->group, "group");
    case VYRE_NODE_REDUCE_SCATTER:
      return vyre_wire_read_string (r, &node->name, "collective input") &&
             vyre_wire_read_string (r, &node->name2, "collective output") &&
             read_collective_op (r, &node->collective_op) &&
             vyre_wire_read_u32 (r, &node->group, "group");
    case VYRE_NODE_BROADCAST:
      return vyre_wire_read_string (r, &node->name, "collective buffer") &&
             vyre_wire_read_u32 (r, &node->root, "root") &&
             vyre_wire_read_u32 (r, &node->group, "group");
    case VYRE_NODE_OPAQUE:
      return read_opaque (
          r, FALSE, &node->name, &node->payload, &node->payload_length);
  }
  g_assert_not_reached ();
}

gboolean
vyre_wire_read_node (VyreWireReader *r, VyreNode **result)
{
  VyreNode *node;
  guint8 tag;

  if (!enter (r) || !vyre_wire_read_u8 (r, &tag, "statement"))
    return FALSE;
  if (tag > VYRE_NODE_BROADCAST && tag != VYRE_NODE_OPAQUE)
    return vyre_wire_reader_fail (
        r, UNKNOWN_NODE_TAG, "unknown statement tag %u", tag);

  node = vyre_program_node (r->decoder->program, tag);
  if (!read_node_fields (r, node))
    return FALSE;
  r->decoder->depth--;
  *result = node;
  return TRUE;
}
