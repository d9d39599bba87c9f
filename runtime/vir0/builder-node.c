/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The builder's statements, but for those of builder-transfer.c. */
#include "builder-private.h"

#include <string.h>

/* --- variables ------------------------------------------------------------------ */

static gboolean
choose_name (VyreBuilder *b, const char *name, VyreString *string)
{
  char text[24];

  if (name != NULL) {
    if (!vyre_builder_string (b, "the variable's name", name, string))
      return FALSE;
    if (g_hash_table_contains (b->visible_names, string))
      goto taken;
    return TRUE;
  }
  do {
    g_snprintf (text, sizeof text, "_%u", ++b->n_names);
    *string = (VyreString){ text, (guint32) strlen (text) };
  } while (g_hash_table_contains (b->visible_names, string));
  *string = vyre_program_string (b->program, text, string->length);
  return TRUE;

taken:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_NAME,
      "variable `%s` hides a variable of that name; choose another name", name);
  return FALSE;
}

/* In the innermost list. */
static VyreVar
declare (VyreBuilder *b, VyreString name, const VyreType *type, VyreRunTag tag,
    gboolean is_let)
{
  VyreBuilderVariable variable = {
    .name = name, .type = type, .is_let = is_let, .visible = TRUE
  };
  guint32 number;

  g_array_append_val (b->variables, variable);
  number = b->variables->len;
  g_array_append_val (b->visible, number);
  g_hash_table_insert (b->visible_names,
      memcpy (vyre_program_alloc (b->program, sizeof name), &name, sizeof name),
      GUINT_TO_POINTER (number));
  return (VyreVar){ vyre_builder_variable_value (b, number, tag) };
}

static VyreVar
no_variable (VyreBuilder *b)
{
  return (VyreVar){ { b->id, 0, 0 } };
}

VyreVar
vyre_builder_let (VyreBuilder *b, const char *name, VyreValue value)
{
  VyreBuilderOperand operand;
  VyreNode *node;

  g_return_val_if_fail (b != NULL, (VyreVar){ 0 });

  if (!vyre_builder_can_append (b, VYRE_NODE_LET))
    return no_variable (b);
  node = vyre_program_node (b->program, VYRE_NODE_LET);
  if (!choose_name (b, name, &node->name) ||
      !vyre_builder_take_next (b, "the value of Let", value, node, &operand) ||
      !vyre_builder_append (b, node))
    return no_variable (b);
  return declare (b, node->name, operand.type, operand.tag, TRUE);
}

/* Values that were made before a Loop and are used in it would change. */
static gboolean
check_frozen (VyreBuilder *b, guint32 number)
{
  for (guint i = 0; i < b->frames->len; i++) {
    const VyreBuilderFrame *frame =
        &g_array_index (b->frames, VyreBuilderFrame, i);
    g_autofree char *name = NULL;

    if (frame->frozen == NULL ||
        !g_hash_table_contains (frame->frozen, GUINT_TO_POINTER (number)))
      continue;
    name = vyre_string_display (vyre_builder_get_variable (b, number)->name);
    vyre_builder_fail (b, VYRE_BUILDER_ERROR_HANDLE,
        "assignment to variable `%s` in a Loop that uses a value made of it "
        "before the Loop, which would change from turn to turn; make the value "
        "in the Loop, or put it into a let before",
        name);
    return FALSE;
  }
  return TRUE;
}

void
vyre_builder_assign (VyreBuilder *b, VyreVar handle, VyreValue value)
{
  VyreBuilderOperand operand, target;
  VyreBuilderVariable *variable;
  const char *what = "the variable of Assign";
  g_autofree char *name = NULL, *from = NULL, *to = NULL;
  guint32 number;
  VyreNode *node;

  g_return_if_fail (b != NULL);

  /* Taking tells whether it is visible; its expression is not needed. */
  if (!vyre_builder_can_append (b, VYRE_NODE_ASSIGN) ||
      !vyre_builder_take (b, what, handle.value, &target))
    return;
  if (!vyre_builder_get_value (b, handle.value.index)->is_variable)
    goto no_variable;
  number = g_array_index (target.variables, guint32, 0);
  node = vyre_program_node (b->program, VYRE_NODE_ASSIGN);
  if (!vyre_builder_take_next (b, "the value of Assign", value, node, &operand))
    return;
  variable = vyre_builder_get_variable (b, number);
  if (!variable->is_let)
    goto loop_variable;
  if (operand.type != variable->type)
    goto other_type;
  node->name = variable->name;
  if (!check_frozen (b, number) || !vyre_builder_append (b, node))
    return;
  variable->assigned_at = b->n_statements;
  return;

no_variable:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_HANDLE,
      "%s is a value; give what vyre_builder_let() returned", what);
  return;
loop_variable:
  name = vyre_string_display (variable->name);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_HANDLE,
      "assignment to loop variable `%s`; copy it into a variable of its own",
      name);
  return;
other_type:
  name = vyre_string_display (variable->name);
  from = vyre_type_display (operand.type);
  to = vyre_type_display (variable->type);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
      "assignment of %s to variable `%s`, which is %s; cast the value", from,
      name, to);
}

/* --- store ------------------------------------------------------------------------ */

static gboolean
check_place (VyreBuilder *b, const VyreBuffer *buffer, const char *name,
    const VyreExpr *index)
{
  if (buffer->access != VYRE_ACCESS_READ_WRITE &&
      buffer->access != VYRE_ACCESS_WRITE_ONLY &&
      buffer->access != VYRE_ACCESS_WORKGROUP)
    goto not_writable;
  if (buffer->count != 0 && index->kind == VYRE_EXPR_LIT_U32 &&
      index->bits >= buffer->count)
    goto outside;
  return TRUE;

not_writable:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
      "Store to buffer `%s` whose access is %s; declare it ReadWrite", name,
      vyre_access_name (buffer->access));
  return FALSE;
outside:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "Store at element %u of buffer `%s`, which has %u; use an index from 0 "
      "to %u",
      index->bits, name, buffer->count, buffer->count - 1);
  return FALSE;
}

void
vyre_builder_store (
    VyreBuilder *b, VyreBufferRef ref, VyreValue index, VyreValue value)
{
  VyreBuilderOperand at, stored;
  const VyreBuffer *buffer;
  const VyreType *element;
  g_autofree char *name = NULL, *from = NULL, *to = NULL;
  VyreNode *node;

  g_return_if_fail (b != NULL);

  buffer = vyre_builder_find_buffer (b, "Store", ref);
  if (buffer == NULL || !vyre_builder_can_append (b, VYRE_NODE_STORE))
    return;
  node = vyre_program_node (b->program, VYRE_NODE_STORE);
  node->name = buffer->name;
  name = vyre_string_display (buffer->name);
  if (!vyre_builder_take_next (b, "the index of Store", index, node, &at) ||
      !vyre_builder_check_u32 (b, "the index of Store", &at) ||
      !check_place (b, buffer, name, at.expr) ||
      !vyre_builder_take_next (b, "the value of Store", value, node, &stored))
    return;
  element = vyre_validator_type (&b->rules, buffer->element);
  if (stored.type != element)
    goto other_type;
  vyre_builder_append (b, node);
  return;

other_type:
  from = vyre_type_display (stored.type);
  to = vyre_type_display (element);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
      "Store of %s into buffer `%s` whose elements are %s; cast the value to "
      "%s",
      from, name, to, to);
}

/* --- constructs ------------------------------------------------------------------ */

/* Ends the innermost list, which must be the construct's. */
static gboolean
end (VyreBuilder *b, VyreNodeKind kind, const char *call)
{
  const VyreBuilderFrame *frame;

  if (!vyre_builder_ready (b) || !vyre_builder_check_atomics (b))
    return FALSE;
  frame = vyre_builder_top (b);
  if (frame->node == NULL)
    goto none_open;
  if (frame->node->kind != kind)
    goto other_open;
  return TRUE;

none_open:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_NESTING,
      "%s with no %s open; begin one before", call, vyre_node_kind_name (kind));
  return FALSE;
other_open:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_NESTING,
      "%s, but the innermost construct is %s; end that first", call,
      vyre_node_kind_name (frame->node->kind));
  return FALSE;
}

static void
end_construct (VyreBuilder *b, VyreNodeKind kind, const char *call)
{
  VyreBuilderFrame *frame;
  VyreNode *node;

  if (!end (b, kind, call))
    return;
  frame = vyre_builder_top (b);
  node = frame->node;
  if (frame->in_else)
    node->otherwise = vyre_builder_close_list (b);
  else
    node->body = vyre_builder_close_list (b);
  b->n_statements++;
}

void
vyre_builder_begin_if (VyreBuilder *b, VyreValue condition)
{
  VyreBuilderOperand operand;
  g_autofree char *type = NULL;
  VyreNode *node;

  g_return_if_fail (b != NULL);

  if (!vyre_builder_can_append (b, VYRE_NODE_IF))
    return;
  node = vyre_program_node (b->program, VYRE_NODE_IF);
  if (!vyre_builder_take_next (
          b, "the condition of If", condition, node, &operand))
    return;
  if (!vyre_builder_is_kind (operand.type, VYRE_TYPE_U32) &&
      !vyre_builder_is_kind (operand.type, VYRE_TYPE_BOOL))
    goto bad_condition;
  if (vyre_builder_append (b, node))
    vyre_builder_open_list (b, node);
  return;

bad_condition:
  type = vyre_type_display (operand.type);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
      "the condition of If is %s and must be u32 or bool; compare it with "
      "something",
      type);
}

void
vyre_builder_else (VyreBuilder *b)
{
  VyreBuilderFrame *frame;

  g_return_if_fail (b != NULL);

  if (!end (b, VYRE_NODE_IF, "else"))
    return;
  frame = vyre_builder_top (b);
  if (frame->in_else)
    goto twice;
  vyre_builder_end_scope (b);
  frame->node->body = vyre_builder_take_nodes (b);
  frame->in_else = TRUE;
  b->n_statements++;
  return;

twice:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_NESTING,
      "a second else for one If; begin another If in the first");
}

void
vyre_builder_end_if (VyreBuilder *b)
{
  g_return_if_fail (b != NULL);

  end_construct (b, VYRE_NODE_IF, "end_if");
}

VyreVar
vyre_builder_begin_loop (
    VyreBuilder *b, const char *name, VyreValue from, VyreValue to)
{
  VyreBuilderOperand operand;
  VyreNode *node;

  g_return_val_if_fail (b != NULL, (VyreVar){ 0 });

  if (!vyre_builder_can_append (b, VYRE_NODE_LOOP))
    return no_variable (b);
  node = vyre_program_node (b->program, VYRE_NODE_LOOP);
  if (!choose_name (b, name, &node->name) ||
      !vyre_builder_take_next (
          b, "the from bound of Loop", from, node, &operand) ||
      !vyre_builder_check_u32 (b, "the from bound of Loop", &operand) ||
      !vyre_builder_take_next (b, "the to bound of Loop", to, node, &operand) ||
      !vyre_builder_check_u32 (b, "the to bound of Loop", &operand) ||
      !vyre_builder_append (b, node))
    return no_variable (b);
  vyre_builder_open_list (b, node);
  return declare (b, node->name, vyre_plain_type (VYRE_TYPE_U32),
      (VyreRunTag){ VYRE_TAG_WORD, 0 }, FALSE);
}

VyreVar
vyre_builder_begin_forever (VyreBuilder *b)
{
  g_return_val_if_fail (b != NULL, (VyreVar){ 0 });

  /* vir0-wire.md section 3. */
  return vyre_builder_begin_loop (b, "__forever__", vyre_builder_u32 (b, 0),
      vyre_builder_u32 (b, G_MAXUINT32));
}

void
vyre_builder_end_loop (VyreBuilder *b)
{
  g_return_if_fail (b != NULL);

  end_construct (b, VYRE_NODE_LOOP, "end_loop");
}

void
vyre_builder_begin_block (VyreBuilder *b)
{
  VyreNode *node;

  g_return_if_fail (b != NULL);

  if (!vyre_builder_can_append (b, VYRE_NODE_BLOCK))
    return;
  node = vyre_program_node (b->program, VYRE_NODE_BLOCK);
  if (vyre_builder_append (b, node))
    vyre_builder_open_list (b, node);
}

void
vyre_builder_end_block (VyreBuilder *b)
{
  g_return_if_fail (b != NULL);

  end_construct (b, VYRE_NODE_BLOCK, "end_block");
}

void
vyre_builder_begin_region (
    VyreBuilder *b, const char *generator, const char *source)
{
  VyreNode *node;

  g_return_if_fail (b != NULL && generator != NULL);

  if (!vyre_builder_can_append (b, VYRE_NODE_REGION))
    return;
  node = vyre_program_node (b->program, VYRE_NODE_REGION);
  if (!vyre_builder_string (
          b, "the generator of Region", generator, &node->name))
    return;
  node->has_source = source != NULL;
  if (source != NULL &&
      !vyre_builder_string (b, "the source of Region", source, &node->name2))
    return;
  if (vyre_builder_append (b, node))
    vyre_builder_open_list (b, node);
}

void
vyre_builder_end_region (VyreBuilder *b)
{
  g_return_if_fail (b != NULL);

  end_construct (b, VYRE_NODE_REGION, "end_region");
}

/* --- others ------------------------------------------------------------------------ */

void
vyre_builder_return (VyreBuilder *b)
{
  g_return_if_fail (b != NULL);

  if (vyre_builder_can_append (b, VYRE_NODE_RETURN))
    vyre_builder_append (b, vyre_program_node (b->program, VYRE_NODE_RETURN));
}

void
vyre_builder_barrier (VyreBuilder *b, VyreOrdering ordering)
{
  VyreNode *node;

  g_return_if_fail (b != NULL);

  if (!vyre_builder_can_append (b, VYRE_NODE_BARRIER))
    return;
  if (ordering <= VYRE_ORDER_RELAXED || ordering > VYRE_ORDER_GRID_SYNC)
    goto bad_ordering;
  node = vyre_program_node (b->program, VYRE_NODE_BARRIER);
  node->ordering = (guint8) ordering;
  vyre_builder_append (b, node);
  return;

bad_ordering:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "Barrier with ordering %s (%u), which orders nothing; use "
      "VYRE_ORDER_SEQ_CST",
      vyre_ordering_name (ordering), (guint) ordering);
}

void
vyre_builder_trap (VyreBuilder *b, VyreValue address, const char *tag)
{
  VyreBuilderOperand operand;
  VyreNode *node;

  g_return_if_fail (b != NULL && tag != NULL);

  if (!vyre_builder_can_append (b, VYRE_NODE_TRAP))
    return;
  node = vyre_program_node (b->program, VYRE_NODE_TRAP);
  if (vyre_builder_take_next (
          b, "the address of Trap", address, node, &operand) &&
      vyre_builder_check_u32 (b, "the address of Trap", &operand) &&
      vyre_builder_string (b, "the tag of Trap", tag, &node->tag))
    vyre_builder_append (b, node);
}
