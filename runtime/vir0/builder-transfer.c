/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The builder's statements that move whole ranges: asynchronous copies and
 * collectives. */
#include "builder-private.h"

/* --- in the background ------------------------------------------------------------ */

static gboolean
take_tag (VyreBuilder *b, VyreNode *node, const char *tag)
{
  if (*tag == '\0')
    goto empty;
  return vyre_builder_string (b, "the tag", tag, &node->tag);

empty:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "%s with an empty tag; give it the tag that its start and its wait share",
      vyre_node_kind_name (node->kind));
  return FALSE;
}

/* Offset or size. */
static gboolean
take_bytes (VyreBuilder *b, VyreNode *node, const char *part, VyreValue value)
{
  g_autofree char *what =
      g_strdup_printf ("the %s of %s", part, vyre_node_kind_name (node->kind));
  VyreBuilderOperand operand;

  return vyre_builder_take_next (b, what, value, node, &operand) &&
         (vyre_builder_is_kind (operand.type, VYRE_TYPE_U64) ||
             vyre_builder_check_u32 (b, what, &operand));
}

static void
append_async (VyreBuilder *b, VyreNodeKind kind, VyreBufferRef from,
    VyreBufferRef to, VyreValue offset, VyreValue size, const char *tag)
{
  const char *what = vyre_node_kind_name (kind);
  const VyreBuffer *source = vyre_builder_find_buffer (b, what, from);
  const VyreBuffer *target = vyre_builder_find_buffer (b, what, to);
  g_autofree char *name = NULL;
  VyreNode *node;

  if (source == NULL || target == NULL || !vyre_builder_can_append (b, kind))
    return;
  if (target->access == VYRE_ACCESS_READ_ONLY ||
      target->access == VYRE_ACCESS_UNIFORM)
    goto not_writable;
  node = vyre_program_node (b->program, kind);
  node->name = source->name;
  node->name2 = target->name;
  if (take_tag (b, node, tag) && take_bytes (b, node, "offset", offset) &&
      take_bytes (b, node, "size", size))
    vyre_builder_append (b, node);
  return;

not_writable:
  name = vyre_string_display (target->name);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
      "%s into buffer `%s` whose access is %s; declare it ReadWrite", what,
      name, vyre_access_name (target->access));
}

void
vyre_builder_async_load (VyreBuilder *b, VyreBufferRef from, VyreBufferRef to,
    VyreValue offset, VyreValue size, const char *tag)
{
  g_return_if_fail (b != NULL && tag != NULL);

  append_async (b, VYRE_NODE_ASYNC_LOAD, from, to, offset, size, tag);
}

void
vyre_builder_async_store (VyreBuilder *b, VyreBufferRef from, VyreBufferRef to,
    VyreValue offset, VyreValue size, const char *tag)
{
  g_return_if_fail (b != NULL && tag != NULL);

  append_async (b, VYRE_NODE_ASYNC_STORE, from, to, offset, size, tag);
}

void
vyre_builder_async_wait (VyreBuilder *b, const char *tag)
{
  VyreNode *node;

  g_return_if_fail (b != NULL && tag != NULL);

  if (!vyre_builder_can_append (b, VYRE_NODE_ASYNC_WAIT))
    return;
  node = vyre_program_node (b->program, VYRE_NODE_ASYNC_WAIT);
  if (take_tag (b, node, tag))
    vyre_builder_append (b, node);
}

/* --- collectives -------------------------------------------------------------------- */

/* output: NULL where there is one buffer; op: 0 where there is none. */
static void
append_collective (VyreBuilder *b, VyreNodeKind kind, VyreBufferRef input,
    const VyreBufferRef *output, VyreCollectiveOp op)
{
  const char *what = vyre_node_kind_name (kind);
  const VyreBuffer *from = vyre_builder_find_buffer (b, what, input);
  const VyreBuffer *to =
      output != NULL ? vyre_builder_find_buffer (b, what, *output) : from;
  const VyreBuffer *refused;
  g_autofree char *name = NULL, *from_type = NULL, *to_type = NULL;
  VyreNode *node;

  if (from == NULL || to == NULL || !vyre_builder_can_append (b, kind))
    return;
  refused = from->access == VYRE_ACCESS_WORKGROUP ? from : to;
  if (refused->access == VYRE_ACCESS_WORKGROUP)
    goto workgroup;
  if (vyre_validator_type (&b->rules, from->element) !=
      vyre_validator_type (&b->rules, to->element))
    goto other_type;
  if ((guint) op > VYRE_COLLECTIVE_BIT_XOR ||
      (op == 0 &&
          (kind == VYRE_NODE_ALL_REDUCE || kind == VYRE_NODE_REDUCE_SCATTER)))
    goto no_operation;
  node = vyre_program_node (b->program, kind);
  node->name = from->name;
  if (output != NULL)
    node->name2 = to->name;
  node->collective_op = (guint8) op;
  vyre_builder_append (b, node);
  return;

workgroup:
  name = vyre_string_display (refused->name);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
      "%s of Workgroup buffer `%s`; use a ReadWrite buffer", what, name);
  return;
other_type:
  from_type = vyre_type_display (from->element);
  to_type = vyre_type_display (to->element);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
      "%s from elements of %s to elements of %s; declare one type", what,
      from_type, to_type);
  return;
no_operation:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "%s with operation %u, which does not exist; use a VYRE_COLLECTIVE_ "
      "constant",
      what, (guint) op);
}

void
vyre_builder_all_reduce (
    VyreBuilder *b, VyreBufferRef buffer, VyreCollectiveOp op)
{
  g_return_if_fail (b != NULL);

  append_collective (b, VYRE_NODE_ALL_REDUCE, buffer, NULL, op);
}

void
vyre_builder_all_gather (
    VyreBuilder *b, VyreBufferRef input, VyreBufferRef output)
{
  g_return_if_fail (b != NULL);

  append_collective (b, VYRE_NODE_ALL_GATHER, input, &output, 0);
}

void
vyre_builder_reduce_scatter (VyreBuilder *b, VyreBufferRef input,
    VyreBufferRef output, VyreCollectiveOp op)
{
  g_return_if_fail (b != NULL);

  append_collective (b, VYRE_NODE_REDUCE_SCATTER, input, &output, op);
}

void
vyre_builder_broadcast (VyreBuilder *b, VyreBufferRef buffer)
{
  g_return_if_fail (b != NULL);

  append_collective (b, VYRE_NODE_BROADCAST, buffer, NULL, 0);
}
