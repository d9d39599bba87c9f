/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The builder's lists of statements: what may stand in them, and their scopes. */
#include "builder-private.h"
#include "wire-private.h"

#include <string.h>

void
vyre_builder_clear_frame (gpointer data)
{
  VyreBuilderFrame *frame = data;

  g_clear_pointer (&frame->nodes, g_ptr_array_unref);
  g_clear_pointer (&frame->frozen, g_hash_table_unref);
}

void
vyre_builder_open_list (VyreBuilder *b, VyreNode *node)
{
  VyreBuilderFrame frame = { .node = node,
    .nodes = g_ptr_array_new (),
    .first_visible = b->visible->len,
    .begun_at = b->n_statements };

  g_array_append_val (b->frames, frame);
}

void
vyre_builder_end_scope (VyreBuilder *b)
{
  guint first = vyre_builder_top (b)->first_visible;

  for (guint i = b->visible->len; i > first; i--) {
    guint32 number = g_array_index (b->visible, guint32, i - 1);
    VyreBuilderVariable *variable = vyre_builder_get_variable (b, number);

    variable->visible = FALSE;
    g_hash_table_remove (b->visible_names, &variable->name);
  }
  g_array_set_size (b->visible, first);
}

VyreNodeList
vyre_builder_take_nodes (VyreBuilder *b)
{
  GPtrArray *nodes = vyre_builder_top (b)->nodes;
  VyreNodeList list = { nodes->len, NULL };

  if (nodes->len > 0) {
    list.nodes =
        vyre_program_alloc (b->program, nodes->len * sizeof *list.nodes);
    memcpy (list.nodes, nodes->pdata, nodes->len * sizeof *list.nodes);
  }
  g_ptr_array_set_size (nodes, 0);
  return list;
}

VyreNodeList
vyre_builder_close_list (VyreBuilder *b)
{
  VyreNodeList list = vyre_builder_take_nodes (b);

  vyre_builder_end_scope (b);
  g_array_set_size (b->frames, b->frames->len - 1);
  return list;
}

/* At what level of nesting the statements of the innermost list stand. */
static guint
level (VyreBuilder *b, VyreNodeKind kind)
{
  gboolean wrapped =
      b->top_has_other || (b->frames->len == 1 && kind != VYRE_NODE_REGION);

  return b->frames->len + (wrapped ? 1 : 0);
}

gboolean
vyre_builder_can_append (VyreBuilder *b, VyreNodeKind kind)
{
  const GPtrArray *nodes;
  guint limit;

  if (!vyre_builder_ready (b))
    return FALSE;
  nodes = vyre_builder_top (b)->nodes;
  limit = b->frames->len == 1 ? WIRE_MAX_LIST - 1 : WIRE_MAX_LIST;
  if (nodes->len > 0) {
    const VyreNode *last = g_ptr_array_index (nodes, nodes->len - 1);

    if (last->kind == VYRE_NODE_RETURN)
      goto after_return;
  }
  if (nodes->len >= limit)
    goto too_many;
  if (level (b, kind) > VYRE_MAX_NESTING)
    goto too_deep;
  return TRUE;

after_return:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_NESTING,
      "%s after Return in one list, which is never reached; end the list "
      "after Return",
      vyre_node_kind_name (kind));
  return FALSE;
too_many:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_LIMIT,
      "%s is one too many, a list has at most %u statements; use a Loop",
      vyre_node_kind_name (kind), limit);
  return FALSE;
too_deep:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_LIMIT,
      "%s is nested deeper than %u levels; nest less",
      vyre_node_kind_name (kind), VYRE_MAX_NESTING);
  return FALSE;
}

gboolean
vyre_builder_append (VyreBuilder *b, VyreNode *node)
{
  if (!vyre_builder_check_atomics (b))
    return FALSE;
  if (b->frames->len == 1 && node->kind != VYRE_NODE_REGION)
    b->top_has_other = TRUE;
  g_ptr_array_add (vyre_builder_top (b)->nodes, node);
  b->n_statements++;
  return TRUE;
}

gboolean
vyre_builder_take_next (VyreBuilder *b, const char *what, VyreValue value,
    VyreNode *node, VyreBuilderOperand *operand)
{
  if (!vyre_builder_take (b, what, value, operand))
    return FALSE;
  if (level (b, node->kind) + operand->height > VYRE_MAX_NESTING)
    goto too_deep;
  node->exprs[node->n_exprs++] = operand->expr;
  return TRUE;

too_deep:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_LIMIT,
      "%s is nested %u levels deep in a statement at level %u, and both "
      "together may have %u; put parts into a let, or nest less",
      what, operand->height, level (b, node->kind), VYRE_MAX_NESTING);
  return FALSE;
}

gboolean
vyre_builder_check_u32 (
    VyreBuilder *b, const char *what, const VyreBuilderOperand *operand)
{
  g_autofree char *type = NULL;

  if (vyre_builder_is_kind (operand->type, VYRE_TYPE_U32))
    return TRUE;
  type = vyre_type_display (operand->type);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
      "%s is %s and must be u32; cast it", what, type);
  return FALSE;
}
