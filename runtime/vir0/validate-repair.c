/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Collectives of a single rank (vir0-semantics.md section 3.2). */
#include "program-private.h"
#include "validate-private.h"

#include <string.h>

static gboolean
is_single_rank (const VyreNode *node)
{
  return node->group == 0 &&
         !(node->kind == VYRE_NODE_BROADCAST && node->root != 0);
}

static VyreExpr *
new_expr (VyreValidator *v, VyreExprKind kind, VyreString name, VyreSource at,
    guint n_args)
{
  VyreExpr *expr = vyre_program_expr (v->scratch, kind, n_args);

  expr->name = name;
  expr->at = at;
  return expr;
}

static VyreNode *
new_node (VyreValidator *v, VyreNodeKind kind, VyreString name, VyreSource at,
    guint n_exprs)
{
  VyreNode *node = vyre_program_node (v->scratch, kind);

  node->name = name;
  node->at = at;
  node->n_exprs = (guint8) n_exprs;
  return node;
}

/* if index < len(buffer) { then } */
static VyreNode *
new_guard (VyreValidator *v, VyreString index, VyreString buffer,
    VyreNode *then, VyreSource at)
{
  VyreNode *node = new_node (v, VYRE_NODE_IF, (VyreString){ "", 0 }, at, 1);
  VyreExpr *less = new_expr (v, VYRE_EXPR_BIN_OP, (VyreString){ "", 0 }, at, 2);

  less->op = VYRE_BIN_LT;
  less->args[0] = new_expr (v, VYRE_EXPR_VAR, index, at, 0);
  less->args[1] = new_expr (v, VYRE_EXPR_BUF_LEN, buffer, at, 0);
  node->exprs[0] = less;
  node->body.nodes = vyre_program_alloc (v->scratch, sizeof *node->body.nodes);
  node->body.nodes[0] = then;
  node->body.n_nodes = 1;
  return node;
}

/* The two statements that copy the elements of an AllGather or ReduceScatter. */
static void
replace_gather (VyreValidator *v, const VyreNode *node, VyreNode *result[2])
{
  g_autofree char *text =
      g_strdup_printf ("__vyre_single_rank_collective_idx_%u", v->n_replaced++);
  VyreString index = vyre_program_string (v->scratch, text, strlen (text));
  VyreSource at = node->at;
  VyreNode *store;
  VyreExpr *load;

  result[0] = new_node (v, VYRE_NODE_LET, index, at, 1);
  result[0]->exprs[0] =
      new_expr (v, VYRE_EXPR_INVOCATION_ID, (VyreString){ "", 0 }, at, 0);
  load = new_expr (v, VYRE_EXPR_LOAD, node->name, at, 1);
  load->args[0] = new_expr (v, VYRE_EXPR_VAR, index, at, 0);
  store = new_node (v, VYRE_NODE_STORE, node->name2, at, 2);
  store->exprs[0] = new_expr (v, VYRE_EXPR_VAR, index, at, 0);
  store->exprs[1] = load;
  result[1] = new_guard (
      v, index, node->name2, new_guard (v, index, node->name, store, at), at);
}

/* A list as it is after section 3.2, with the statements' former numbers. */
void
vyre_validator_replace_collectives (
    VyreValidator *v, const VyreNodeList *list, VyreFrame *frame)
{
  guint64 n_nodes = list->n_nodes;
  VyreNode **nodes;
  guint32 *numbers;
  guint n = 0;

  for (guint32 i = 0; i < list->n_nodes; i++)
    n += vyre_node_is_collective (list->nodes[i]);
  if (n == 0)
    return;

  n_nodes += n + 1; /* the last one writes a number ahead */
  nodes = vyre_program_alloc (v->scratch, n_nodes * sizeof *nodes);
  numbers = vyre_program_alloc (v->scratch, n_nodes * sizeof *numbers);
  n = 0;
  for (guint32 i = 0; i < list->n_nodes; i++) {
    VyreNode *node = list->nodes[i];

    numbers[n] = numbers[n + 1] = i;
    if (!vyre_node_is_collective (node) || !is_single_rank (node)) {
      nodes[n++] = node;
    } else if (node->kind == VYRE_NODE_ALL_GATHER ||
               node->kind == VYRE_NODE_REDUCE_SCATTER) {
      replace_gather (v, node, nodes + n);
      n += 2;
    }
  }
  frame->nodes = nodes;
  frame->numbers = numbers;
  frame->n_nodes = n;
}
