/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-writer.h"

/* Statements, expressions and data types of the general encoding:
 * vir0-wire.md sections 9 to 11. A program may have been built by hand, so
 * nothing about it is taken for granted but that its pointers are valid. */

static gboolean
put_ext_id (VyreWireWriter *w, guint32 id, const char *what)
{
  if (!(id & 0x80000000))
    return vyre_wire_refuse (w, "%s 0x%08x lacks bit 31", what, id);
  vyre_wire_put_u32 (w, id);
  return TRUE;
}

static gboolean
put_enum (
    VyreWireWriter *w, guint value, guint min, guint max, const char *what)
{
  if (value < min || value > max)
    return vyre_wire_refuse (w, "unknown %s %u", what, value);
  vyre_wire_put_u8 (w, (guint8) value);
  return TRUE;
}

static gboolean
put_op (
    VyreWireWriter *w, guint op, guint max, guint32 ext_id, const char *what)
{
  if (op == 0x80) {
    vyre_wire_put_u8 (w, 0x80);
    return put_ext_id (w, ext_id, what);
  }
  return put_enum (w, op, 1, max, what);
}

static gboolean
put_opaque (VyreWireWriter *w, gboolean is_expr, VyreString kind,
    const guint8 *payload, guint32 length)
{
  if (length > WIRE_MAX_PAYLOAD)
    return vyre_wire_refuse (w,
        "an extension payload has %u bytes, at most %u are allowed", length,
        WIRE_MAX_PAYLOAD);
  if (is_expr && length != 8 && vyre_wire_is_stock_literal (kind))
    return vyre_wire_refuse (
        w, "a 64-bit literal has a payload of %u bytes", length);
  if (!vyre_wire_put_string (w, kind, "extension kind"))
    return FALSE;
  vyre_wire_put_u32 (w, length);
  vyre_wire_put_bytes (w, payload, length);
  return TRUE;
}

/* --- data types ---------------------------------------------------------- */

static gboolean
put_type_payload (VyreWireWriter *w, const VyreType *type)
{
  switch (type->kind) {
    case VYRE_TYPE_ARRAY:
      if (type->size > G_MAXUINT32)
        return vyre_wire_refuse (w,
            "a cast to an array of elements of %" G_GUINT64_FORMAT " bytes",
            type->size);
      vyre_wire_put_u32 (w, (guint32) type->size);
      return TRUE;
    case VYRE_TYPE_HANDLE:
      vyre_wire_put_u32 (w, type->a);
      return TRUE;
    case VYRE_TYPE_VEC:
      return put_enum (w, type->a, 0, 255, "lane count");
    case VYRE_TYPE_TENSOR_SHAPED:
    case VYRE_TYPE_DEVICE_MESH:
      vyre_wire_put_u32 (w, type->n_dims);
      for (guint32 i = 0; i < type->n_dims && !w->too_large; i++)
        vyre_wire_put_u32 (w, type->dims[i]);
      return TRUE;
    case VYRE_TYPE_SPARSE_BSR:
      vyre_wire_put_u32 (w, type->a);
      vyre_wire_put_u32 (w, type->b);
      return TRUE;
    case VYRE_TYPE_QUANTIZED:
      if (!vyre_wire_check_quantized (w, type))
        return FALSE;
      vyre_wire_put_u8 (w, type->scale_tag);
      vyre_wire_put_u32 (w, type->scale_param);
      vyre_wire_put_u8 (w, type->zero_tag);
      vyre_wire_put_u32 (w, type->zero_param);
      return TRUE;
    case VYRE_TYPE_OPAQUE:
      return put_ext_id (w, type->a, "data type id");
    default:
      return TRUE;
  }
}

gboolean
vyre_wire_put_type (VyreWireWriter *w, const VyreType *type)
{
  g_autoptr (GPtrArray) chain = NULL;

  for (;;) {
    gboolean has_element = vyre_wire_has_element (type ? type->kind : 0);

    if (!type || type->kind == 0 ||
        (type->kind > VYRE_TYPE_QUANTIZED && type->kind != VYRE_TYPE_OPAQUE))
      return vyre_wire_refuse (
          w, "unknown data type 0x%02x", type ? (guint) type->kind : 0);
    vyre_wire_put_u8 (w, (guint8) type->kind);
    if (!has_element)
      break;
    if (!chain)
      chain = g_ptr_array_new ();
    if (chain->len == VYRE_WIRE_MAX_TYPE_NESTING - 1)
      return vyre_wire_refuse (w, "data types nest deeper than %d levels",
          VYRE_WIRE_MAX_TYPE_NESTING);
    g_ptr_array_add (chain, (gpointer) type);
    type = type->element;
  }

  if (!put_type_payload (w, type))
    return FALSE;
  for (guint i = chain ? chain->len : 0; i > 0; i--) {
    if (!put_type_payload (w, g_ptr_array_index (chain, i - 1)))
      return FALSE;
  }
  return TRUE;
}

/* --- expressions --------------------------------------------------------- */

static guint32
canonical_f32 (guint32 bits)
{
  if ((bits & 0x7f800000) == 0x7f800000 && (bits & 0x007fffff))
    return 0x7fc00000;
  return bits & 0x7f800000 ? bits : 0;
}

static gboolean
put_args (VyreWireWriter *w, const VyreExpr *expr, guint32 first, guint32 end)
{
  for (guint32 i = first; i < end; i++) {
    if (!vyre_wire_put_expr (w, expr->args[i]))
      return FALSE;
  }
  return TRUE;
}

static gboolean
put_atomic (VyreWireWriter *w, const VyreExpr *expr)
{
  if (!put_op (w, expr->op, VYRE_ATOMIC_LRU_UPDATE, expr->ext_id,
          "atomic operator") ||
      !put_enum (
          w, expr->ordering, 0, VYRE_ORDER_GRID_SYNC, "memory ordering") ||
      !vyre_wire_put_string (w, expr->name, "buffer of an atomic") ||
      !put_args (w, expr, 0, 1))
    return FALSE;
  vyre_wire_put_u8 (w, expr->has_expected != FALSE);
  return put_args (w, expr, 1, expr->n_args);
}

static gboolean
put_expr_fields (VyreWireWriter *w, const VyreExpr *expr)
{
  switch (expr->kind) {
    case VYRE_EXPR_LIT_U32:
    case VYRE_EXPR_LIT_I32:
      vyre_wire_put_u32 (w, expr->bits);
      return TRUE;
    case VYRE_EXPR_LIT_F32:
      vyre_wire_put_u32 (w, canonical_f32 (expr->bits));
      return TRUE;
    case VYRE_EXPR_LIT_BOOL:
      vyre_wire_put_u8 (w, expr->bits != 0);
      return TRUE;
    case VYRE_EXPR_VAR:
    case VYRE_EXPR_LOAD:
    case VYRE_EXPR_BUF_LEN:
      return vyre_wire_put_string (w, expr->name, "name") &&
             put_args (w, expr, 0, expr->n_args);
    case VYRE_EXPR_INVOCATION_ID:
    case VYRE_EXPR_WORKGROUP_ID:
    case VYRE_EXPR_LOCAL_ID:
      vyre_wire_put_u8 (w, expr->axis);
      return TRUE;
    case VYRE_EXPR_BIN_OP:
      return put_op (w, expr->op, VYRE_BIN_MUL_HIGH, expr->ext_id,
                 "binary operator") &&
             put_args (w, expr, 0, expr->n_args);
    case VYRE_EXPR_UN_OP:
      return put_op (w, expr->op, VYRE_UN_RECIPROCAL, expr->ext_id,
                 "unary operator") &&
             put_args (w, expr, 0, expr->n_args);
    case VYRE_EXPR_CALL:
      if (!vyre_wire_put_string (w, expr->name, "op id of a call"))
        return FALSE;
      vyre_wire_put_u32 (w, expr->n_args);
      return put_args (w, expr, 0, expr->n_args);
    case VYRE_EXPR_CAST:
      return vyre_wire_put_type (w, expr->type) &&
             put_args (w, expr, 0, expr->n_args);
    case VYRE_EXPR_ATOMIC:
      return put_atomic (w, expr);
    case VYRE_EXPR_OPAQUE:
      return put_opaque (
          w, TRUE, expr->name, expr->payload, expr->payload_length);
    default:
      return put_args (w, expr, 0, expr->n_args);
  }
}

static gboolean
n_args_ok (const VyreExpr *expr)
{
  switch (expr->kind) {
    case VYRE_EXPR_CALL:
      return expr->n_args <= WIRE_MAX_CALL_ARGS;
    case VYRE_EXPR_ATOMIC:
      return expr->n_args == (expr->has_expected ? 3 : 2);
    default:
      return (int) expr->n_args == vyre_wire_expr_arity (expr->kind);
  }
}

static gboolean
enter (VyreWireWriter *w)
{
  if (w->depth == VYRE_MAX_NESTING)
    return vyre_wire_refuse (w,
        "statements and expressions nest deeper than %d levels",
        VYRE_MAX_NESTING);
  if (w->too_large)
    return vyre_wire_refuse (w, "the program is too large");
  w->depth++;
  return TRUE;
}

gboolean
vyre_wire_put_expr (VyreWireWriter *w, const VyreExpr *expr)
{
  if (!enter (w))
    return FALSE;
  if (!expr)
    return vyre_wire_refuse (w, "an operand is missing");
  if (expr->kind > VYRE_EXPR_SUBGROUP_SIZE && expr->kind != VYRE_EXPR_OPAQUE)
    return vyre_wire_refuse (
        w, "unknown expression kind %u", (guint) expr->kind);
  if (!n_args_ok (expr))
    return vyre_wire_refuse (w, "a %s with %u operands",
        vyre_expr_kind_name (expr->kind), expr->n_args);

  vyre_wire_put_u8 (w, (guint8) expr->kind);
  if (!put_expr_fields (w, expr))
    return FALSE;
  w->depth--;
  return TRUE;
}

/* --- statements ---------------------------------------------------------- */

static gboolean
put_node_list (VyreWireWriter *w, const VyreNodeList *list)
{
  if (list->n_nodes > WIRE_MAX_LIST && !w->unlimited)
    return vyre_wire_refuse (w,
        "a list has %u statements, at most %u are allowed", list->n_nodes,
        WIRE_MAX_LIST);
  vyre_wire_put_u32 (w, list->n_nodes);
  for (guint32 i = 0; i < list->n_nodes; i++) {
    if (!vyre_wire_put_node (w, list->nodes[i]))
      return FALSE;
  }
  return TRUE;
}

static gboolean
put_exprs (VyreWireWriter *w, const VyreNode *node, guint count)
{
  for (guint i = 0; i < count; i++) {
    if (!vyre_wire_put_expr (w, node->exprs[i]))
      return FALSE;
  }
  return TRUE;
}

static gboolean
put_name (VyreWireWriter *w, const VyreNode *node)
{
  return vyre_wire_put_string (w, node->name, "name");
}

static gboolean
put_name2 (VyreWireWriter *w, const VyreNode *node)
{
  return vyre_wire_put_string (w, node->name2, "name");
}

static gboolean
put_tag (VyreWireWriter *w, const VyreNode *node)
{
  return vyre_wire_put_string (w, node->tag, "tag");
}

static gboolean
put_collective_op (VyreWireWriter *w, const VyreNode *node)
{
  return put_enum (w, node->collective_op, VYRE_COLLECTIVE_SUM,
      VYRE_COLLECTIVE_BIT_XOR, "collective operator");
}

static gboolean
put_node_fields (VyreWireWriter *w, const VyreNode *node)
{
  switch (node->kind) {
    case VYRE_NODE_LET:
    case VYRE_NODE_ASSIGN:
      return put_name (w, node) && put_exprs (w, node, 1);
    case VYRE_NODE_STORE:
      return put_name (w, node) && put_exprs (w, node, 2);
    case VYRE_NODE_IF:
      return put_exprs (w, node, 1) && put_node_list (w, &node->body) &&
             put_node_list (w, &node->otherwise);
    case VYRE_NODE_LOOP:
      return put_name (w, node) && put_exprs (w, node, 2) &&
             put_node_list (w, &node->body);
    case VYRE_NODE_RETURN:
      return TRUE;
    case VYRE_NODE_BLOCK:
      return put_node_list (w, &node->body);
    case VYRE_NODE_BARRIER:
      return put_enum (
          w, node->ordering, 0, VYRE_ORDER_GRID_SYNC, "memory ordering");
    case VYRE_NODE_INDIRECT_DISPATCH:
      if (!put_name (w, node))
        return FALSE;
      vyre_wire_put_u64 (w, node->count_offset);
      return TRUE;
    case VYRE_NODE_ASYNC_LOAD:
    case VYRE_NODE_ASYNC_STORE:
      return put_name (w, node) && put_name2 (w, node) &&
             put_exprs (w, node, 2) && put_tag (w, node);
    case VYRE_NODE_ASYNC_WAIT:
    case VYRE_NODE_RESUME:
      return put_tag (w, node);
    case VYRE_NODE_REGION:
      if (!put_name (w, node))
        return FALSE;
      vyre_wire_put_u8 (w, node->has_source != FALSE);
      return (!node->has_source || put_name2 (w, node)) &&
             put_node_list (w, &node->body);
    case VYRE_NODE_TRAP:
      return put_exprs (w, node, 1) && put_tag (w, node);
    case VYRE_NODE_ALL_REDUCE:
      if (!put_name (w, node) || !put_collective_op (w, node))
        return FALSE;
      vyre_wire_put_u32 (w, node->group);
      return TRUE;
    case VYRE_NODE_ALL_GATHER:
      if (!put_name (w, node) || !put_name2 (w, node))
        return FALSE;
      vyre_wire_put_u32 (w, node->group);
      return TRUE;
    case VYRE_NODE_REDUCE_SCATTER:
      if (!put_name (w, node) || !put_name2 (w, node) ||
          !put_collective_op (w, node))
        return FALSE;
      vyre_wire_put_u32 (w, node->group);
      return TRUE;
    case VYRE_NODE_BROADCAST:
      if (!put_name (w, node))
        return FALSE;
      vyre_wire_put_u32 (w, node->root);
      vyre_wire_put_u32 (w, node->group);
      return TRUE;
    case VYRE_NODE_OPAQUE:
      return put_opaque (
          w, FALSE, node->name, node->payload, node->payload_length);
  }
  return vyre_wire_refuse (w, "unknown statement kind %u", (guint) node->kind);
}

gboolean
vyre_wire_put_node (VyreWireWriter *w, const VyreNode *node)
{
  if (!enter (w))
    return FALSE;
  if (!node)
    return vyre_wire_refuse (w, "a statement is missing");
  vyre_wire_put_u8 (w, (guint8) node->kind);
  if (!put_node_fields (w, node))
    return FALSE;
  w->depth--;
  return TRUE;
}
