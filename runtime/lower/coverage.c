/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "coverage.h"

/* Recursion is bounded by VYRE_MAX_NESTING, which the decoder and the parser
 * keep to. */

typedef struct
{
  const VyreProgram *program;
  VyreString target;
  VyreString index; /* variable that holds the invocation's number */
  guint bindings; /* of that name, in the whole program */
  gboolean spoiled; /* something that the shape does not allow */
} Scan;

static void
scan_expr (Scan *scan, const VyreExpr *expr)
{
  switch (expr->kind) {
    case VYRE_EXPR_LOAD:
    case VYRE_EXPR_ATOMIC:
      if (vyre_string_equal (expr->name, scan->target))
        scan->spoiled = TRUE;
      break;
    case VYRE_EXPR_CALL:
    case VYRE_EXPR_OPAQUE:
      scan->spoiled = TRUE;
      break;
    default:
      break;
  }
  for (guint i = 0; i < expr->n_args; i++)
    scan_expr (scan, expr->args[i]);
}

static void scan_list (Scan *scan, const VyreNodeList *list);

static void
scan_node (Scan *scan, const VyreNode *node)
{
  switch (node->kind) {
    case VYRE_NODE_LET:
    case VYRE_NODE_LOOP:
      if (vyre_string_equal (node->name, scan->index))
        scan->bindings++;
      break;
    case VYRE_NODE_ASSIGN:
      if (vyre_string_equal (node->name, scan->index))
        scan->spoiled = TRUE;
      break;
    case VYRE_NODE_STORE:
    case VYRE_NODE_IF:
    case VYRE_NODE_BLOCK:
    case VYRE_NODE_REGION:
    case VYRE_NODE_BARRIER:
    case VYRE_NODE_TRAP:
      break;
    default:
      /* Return ends an invocation before its store; copies and collectives
       * read; what the rest does is not this function's business. */
      scan->spoiled = TRUE;
      break;
  }
  for (guint i = 0; i < node->n_exprs; i++)
    scan_expr (scan, node->exprs[i]);
  scan_list (scan, &node->body);
  scan_list (scan, &node->otherwise);
}

static void
scan_list (Scan *scan, const VyreNodeList *list)
{
  for (guint i = 0; i < list->n_nodes && !scan->spoiled; i++)
    scan_node (scan, list->nodes[i]);
}

static gboolean
is_invocation_x (const VyreExpr *expr)
{
  return expr->kind == VYRE_EXPR_INVOCATION_ID && expr->axis == 0;
}

/* The invocation's number, or the one variable that holds it. */
static gboolean
is_index (const Scan *scan, const VyreExpr *expr)
{
  return is_invocation_x (expr) ||
         (expr->kind == VYRE_EXPR_VAR && scan->index.length > 0 &&
             vyre_string_equal (expr->name, scan->index));
}

static gboolean
is_target_length (const Scan *scan, const VyreExpr *expr)
{
  return expr->kind == VYRE_EXPR_BUF_LEN &&
         vyre_string_equal (expr->name, scan->target);
}

/* index < len (target): true for every element's invocation. */
static gboolean
is_bounds_test (const Scan *scan, const VyreExpr *expr)
{
  if (expr->kind != VYRE_EXPR_BIN_OP)
    return FALSE;
  if (expr->op == VYRE_BIN_LT)
    return is_index (scan, expr->args[0]) &&
           is_target_length (scan, expr->args[1]);
  if (expr->op == VYRE_BIN_GT)
    return is_index (scan, expr->args[1]) &&
           is_target_length (scan, expr->args[0]);
  return FALSE;
}

/* Is there a store of its own element that every invocation with one comes to?
 * Remembers the index variable on the way; its scope is this list and what is
 * in it, and so is the search. */
static gboolean
find_store (Scan *scan, const VyreNodeList *list)
{
  VyreString outer = scan->index;

  for (guint i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];

    switch (node->kind) {
      case VYRE_NODE_LET:
        if (scan->index.length == 0 && is_invocation_x (node->exprs[0]))
          scan->index = node->name;
        break;
      case VYRE_NODE_STORE:
        if (vyre_string_equal (node->name, scan->target) &&
            is_index (scan, node->exprs[0]))
          return TRUE;
        break;
      case VYRE_NODE_IF:
        if (is_bounds_test (scan, node->exprs[0]) &&
            find_store (scan, &node->body))
          return TRUE;
        break;
      case VYRE_NODE_BLOCK:
      case VYRE_NODE_REGION:
        if (find_store (scan, &node->body))
          return TRUE;
        break;
      default:
        break;
    }
  }
  scan->index = outer;
  return FALSE;
}

gboolean
vyre_program_covers (const VyreProgram *program, guint buffer)
{
  Scan scan = { program };
  const VyreBuffer *target;

  g_return_val_if_fail (buffer < program->n_buffers, FALSE);

  target = &program->buffers[buffer];
  if (target->access != VYRE_ACCESS_READ_WRITE &&
      target->access != VYRE_ACCESS_WRITE_ONLY)
    return FALSE;
  /* With one axis, the grid has an invocation for each element. */
  if (program->workgroup_size[1] != 1 || program->workgroup_size[2] != 1)
    return FALSE;
  switch (target->element->kind) {
    case VYRE_TYPE_U32:
    case VYRE_TYPE_I32:
    case VYRE_TYPE_F32:
    case VYRE_TYPE_BOOL:
    case VYRE_TYPE_U8:
      break;
    default:
      return FALSE;
  }

  scan.target = target->name;
  if (!find_store (&scan, &program->entry))
    return FALSE;
  scan_list (&scan, &program->entry);
  return !scan.spoiled && (scan.index.length == 0 || scan.bindings == 1);
}
