/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The first walk over a program: nesting limits, which buffers are written,
 * which variables are assigned and where. */
#include "lower-priv.h"

#define MAX_NODE_DEPTH 65 /* lists, vir0-semantics.md section 29 */
#define MAX_EXPR_DEPTH 129

static gboolean
scan_expr (VyreLowering *lw, const VyreExpr *expr, VyreSource at)
{
  if (lw->expr_depth == MAX_EXPR_DEPTH)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_LIMIT, "V033", at,
        "an expression is nested deeper than %u levels; compute parts of it "
        "in a Let before",
        MAX_EXPR_DEPTH - 1);

  if (expr->kind == VYRE_EXPR_ATOMIC) {
    gpointer found = g_hash_table_lookup (lw->buffers, &expr->name);

    lw->scan.atomics = TRUE;
    if (found != NULL)
      lw->scan.written[GPOINTER_TO_UINT (found) - 1] = TRUE;
  }
  if (vyre_expr_is_subgroup (expr))
    lw->scan.subgroups = TRUE;
  lw->expr_depth++;
  for (guint i = 0; i < expr->n_args; i++)
    if (!scan_expr (lw, expr->args[i], at))
      return FALSE;
  lw->expr_depth--;
  return TRUE;
}

static void
scan_written (VyreLowering *lw, const VyreString *name)
{
  gpointer found = g_hash_table_lookup (lw->buffers, name);

  if (found != NULL)
    lw->scan.written[GPOINTER_TO_UINT (found) - 1] = TRUE;
}

static gboolean
scan_list (VyreLowering *lw, const VyreNodeList *list, const char *field)
{
  if (lw->node_depth == MAX_NODE_DEPTH)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_LIMIT, "V018",
        (VyreSource){ 0, 0 },
        "statements are nested deeper than %u lists; "
        "nest less",
        MAX_NODE_DEPTH - 1);

  lw->node_depth++;
  for (guint i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];
    guint32 number = lw->scan.n_nodes++;

    vyre_lowering_push (lw, field, i);
    for (guint k = 0; k < node->n_exprs; k++)
      if (!scan_expr (lw, node->exprs[k], node->at))
        return FALSE;

    switch (node->kind) {
      case VYRE_NODE_ASSIGN:
        g_array_append_val (lw->scan.assigned_at, number);
        g_ptr_array_add (lw->scan.assigned, (gpointer) &node->name);
        g_hash_table_add (lw->scan.assigned_names, (gpointer) &node->name);
        break;
      case VYRE_NODE_STORE:
        scan_written (lw, &node->name);
        break;
      case VYRE_NODE_ASYNC_LOAD:
      case VYRE_NODE_ASYNC_STORE:
      case VYRE_NODE_ALL_GATHER:
      case VYRE_NODE_REDUCE_SCATTER:
        scan_written (lw, &node->name2);
        break;
      case VYRE_NODE_RETURN:
        lw->scan.returns = TRUE;
        break;
      case VYRE_NODE_BARRIER:
        lw->scan.barriers = TRUE;
        break;
      default:
        break;
    }
    if (!scan_list (
            lw, &node->body, node->kind == VYRE_NODE_IF ? "then" : "body"))
      return FALSE;
    if (!scan_list (lw, &node->otherwise, "else"))
      return FALSE;
    vyre_lowering_pop (lw);
  }
  lw->node_depth--;
  return TRUE;
}

gboolean
vyre_lowering_scan (VyreLowering *lw)
{
  VyreScan *scan = &lw->scan;

  scan->written = g_new0 (gboolean, lw->program->n_buffers + 1);
  scan->written[lw->exchange] = TRUE;
  scan->assigned_at = g_array_new (FALSE, FALSE, sizeof (guint32));
  scan->assigned = g_ptr_array_new ();
  scan->assigned_names = g_hash_table_new (vyre_string_hash, vyre_string_same);
  return scan_list (lw, &lw->program->entry, "entry");
}

void
vyre_lowering_scan_clear (VyreLowering *lw)
{
  VyreScan *scan = &lw->scan;

  g_clear_pointer (&scan->written, g_free);
  g_clear_pointer (&scan->assigned_at, g_array_unref);
  g_clear_pointer (&scan->assigned, g_ptr_array_unref);
  g_clear_pointer (&scan->assigned_names, g_hash_table_unref);
}

/* The first assignment at or after a statement. */
static guint
first_assignment (const VyreScan *scan, guint32 number)
{
  guint low = 0, high = scan->assigned_at->len;

  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (g_array_index (scan->assigned_at, guint32, middle) < number)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

gboolean
vyre_lowering_assigned (
    VyreLowering *lw, VyreString name, guint32 first, guint32 last)
{
  const VyreScan *scan = &lw->scan;
  /* Long ranges of assignments count as touching everything: the answer only
   * costs a move, and the question is asked for every Let. */
  guint budget = 64;

  for (guint i = first_assignment (scan, first); i < scan->assigned->len; i++) {
    if (g_array_index (scan->assigned_at, guint32, i) >= last)
      return FALSE;
    if (budget-- == 0)
      return TRUE;
    if (vyre_string_same (g_ptr_array_index (scan->assigned, i), &name))
      return TRUE;
  }
  return FALSE;
}

void
vyre_emit_forget (VyreLowering *lw, guint32 first, guint32 last)
{
  const VyreScan *scan = &lw->scan;

  for (guint i = first_assignment (scan, first); i < scan->assigned->len; i++) {
    VyreVariable *variable;

    if (g_array_index (scan->assigned_at, guint32, i) >= last)
      break;
    variable = vyre_lowering_variable (
        lw, *(const VyreString *) g_ptr_array_index (scan->assigned, i));
    if (variable == NULL || !variable->assignable)
      continue;
    for (guint w = 0; w < variable->value.n_words; w++) {
      guint32 vreg = variable->value.w[w].v;

      g_array_index (lw->vregs, VyreVreg, vreg).version = ++lw->next_version;
      vyre_known_assign (lw, vreg, NULL);
    }
  }
  vyre_emit_memory_changed (lw);
}

guint32
vyre_node_list_size (const VyreNodeList *list)
{
  guint32 size = list->n_nodes;

  for (guint i = 0; i < list->n_nodes; i++)
    size += vyre_node_list_size (&list->nodes[i]->body) +
            vyre_node_list_size (&list->nodes[i]->otherwise);
  return size;
}
