/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

#include "../vir0/program-private.h"
#include "../vir0/validate.h"

#include <string.h>

/* From a program to the one that is executed: vir0-semantics.md section 3. */

/* Sections 22.5 and 22.6. A program in memory may nest deeper; nothing else
 * here recurses before this has been checked. */
#define MAX_LISTS 64
#define MAX_EXPRS 128

/* --- nesting ------------------------------------------------------------- */

static gboolean
check_expr (VyreRefExec *exec, const VyreExpr *expr, guint depth)
{
  exec->at = expr->at;
  if (depth > MAX_EXPRS)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_VALIDATION,
        "expressions nest more than %u levels deep; bind inner ones "
        "to "
        "variables",
        MAX_EXPRS);
  for (guint32 i = 0; i < expr->n_args; i++) {
    if (!check_expr (exec, expr->args[i], depth + 1))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_list (VyreRefExec *exec, const VyreNodeList *list, guint depth)
{
  for (guint32 i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];

    exec->at = node->at;
    if (depth > MAX_LISTS)
      return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_VALIDATION,
          "statements nest more than %u levels deep; flatten them", MAX_LISTS);
    for (guint j = 0; j < node->n_exprs; j++) {
      if (!check_expr (exec, node->exprs[j], 0))
        return FALSE;
    }
    if (!check_list (exec, &node->body, depth + 1) ||
        !check_list (exec, &node->otherwise, depth + 1))
      return FALSE;
  }
  return TRUE;
}

/* --- the top level (section 3.1) ----------------------------------------- */

static gboolean
wrap_entry (VyreRefExec *exec, VyreProgram *program)
{
  VyreNodeList entry = program->entry;
  VyreNode *region;
  guint32 i = 0;

  if (entry.n_nodes == 0)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_ENTRY,
        "the program has no statements; it needs a Region at its top");
  while (i < entry.n_nodes && entry.nodes[i]->kind == VYRE_NODE_REGION)
    i++;
  if (i == entry.n_nodes)
    return TRUE;
  if (entry.nodes[0]->kind == VYRE_NODE_STORE)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_ENTRY,
        "a Store stands at the top of the program; put it into a Region");

  region = vyre_program_node (program, VYRE_NODE_REGION);
  region->name = vyre_program_string (
      program, VYRE_ROOT_REGION, strlen (VYRE_ROOT_REGION));
  region->body = entry;
  program->entry.n_nodes = 1;
  program->entry.nodes =
      vyre_program_alloc (program, sizeof *program->entry.nodes);
  program->entry.nodes[0] = region;
  return TRUE;
}

/* --- single-rank collectives (section 3.2) ------------------------------- */

typedef struct
{
  VyreRefExec *exec;
  VyreProgram *program;
  guint n_copies;
} Rewriter;

static gboolean
has_collective (const VyreNodeList *list)
{
  for (guint32 i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];

    if (vyre_node_is_collective (node) || has_collective (&node->body) ||
        has_collective (&node->otherwise))
      return TRUE;
  }
  return FALSE;
}

static VyreNodeList
list_of (VyreProgram *program, VyreNode *node)
{
  VyreNodeList list = { 1, vyre_program_alloc (program, sizeof node) };

  list.nodes[0] = node;
  return list;
}

static VyreExpr *
named_expr (VyreProgram *program, VyreExprKind kind, VyreString name)
{
  VyreExpr *expr = vyre_program_expr (program, kind, 0);

  expr->name = name;
  return expr;
}

/* if index < len(buffer) { inner } */
static VyreNode *
if_within (
    VyreProgram *program, VyreString index, VyreString buffer, VyreNode *inner)
{
  VyreNode *node = vyre_program_node (program, VYRE_NODE_IF);
  VyreExpr *less = vyre_program_expr (program, VYRE_EXPR_BIN_OP, 2);

  less->op = VYRE_BIN_LT;
  less->args[0] = named_expr (program, VYRE_EXPR_VAR, index);
  less->args[1] = named_expr (program, VYRE_EXPR_BUF_LEN, buffer);
  node->n_exprs = 1;
  node->exprs[0] = less;
  node->body = list_of (program, inner);
  node->at = inner->at;
  return node;
}

/* The Let and the If that copy what the grid covers of input to output. */
static void
make_copy (Rewriter *rewriter, const VyreNode *node, VyreNode *copy[2])
{
  VyreProgram *program = rewriter->program;
  g_autofree char *text = g_strdup_printf (
      "__vyre_single_rank_collective_idx_%u", rewriter->n_copies++);
  VyreString index = vyre_program_string (program, text, strlen (text));
  VyreNode *store = vyre_program_node (program, VYRE_NODE_STORE);
  VyreExpr *load = vyre_program_expr (program, VYRE_EXPR_LOAD, 1);

  copy[0] = vyre_program_node (program, VYRE_NODE_LET);
  copy[0]->name = index;
  copy[0]->n_exprs = 1;
  copy[0]->exprs[0] = vyre_program_expr (program, VYRE_EXPR_INVOCATION_ID, 0);
  copy[0]->at = node->at;

  load->name = node->name;
  load->args[0] = named_expr (program, VYRE_EXPR_VAR, index);
  store->name = node->name2;
  store->n_exprs = 2;
  store->exprs[0] = named_expr (program, VYRE_EXPR_VAR, index);
  store->exprs[1] = load;
  store->at = node->at;
  copy[1] = if_within (program, index, node->name2,
      if_within (program, index, node->name, store));
}

static gboolean
check_collective (VyreRefExec *exec, const VyreNode *node)
{
  exec->at = node->at;
  if (node->group != 0)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_COLLECTIVE,
        "%s in group %u: there is a single rank, of group 0 alone",
        vyre_node_kind_name (node->kind), node->group);
  if (node->kind == VYRE_NODE_BROADCAST && node->root != 0)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_COLLECTIVE,
        "Broadcast from rank %u: there is rank 0 alone", node->root);
  return TRUE;
}

static gboolean
rewrite_list (Rewriter *rewriter, VyreNodeList *list)
{
  VyreProgram *program = rewriter->program;
  VyreNodeList old = *list;
  guint64 room = (guint64) old.n_nodes * 2 * sizeof (VyreNode *);

  list->n_nodes = 0;
  list->nodes = vyre_program_alloc (program, room);
  for (guint32 i = 0; i < old.n_nodes; i++) {
    const VyreNode *node = old.nodes[i];
    VyreNode *copy;

    if (vyre_node_is_collective (node)) {
      if (!check_collective (rewriter->exec, node))
        return FALSE;
      if (node->kind == VYRE_NODE_ALL_GATHER ||
          node->kind == VYRE_NODE_REDUCE_SCATTER) {
        make_copy (rewriter, node, &list->nodes[list->n_nodes]);
        list->n_nodes += 2;
      }
      continue;
    }
    copy = vyre_program_alloc (program, sizeof *copy);
    *copy = *node;
    if ((node->body.n_nodes > 0 && !rewrite_list (rewriter, &copy->body)) ||
        (node->otherwise.n_nodes > 0 &&
            !rewrite_list (rewriter, &copy->otherwise)))
      return FALSE;
    list->nodes[list->n_nodes++] = copy;
  }
  return TRUE;
}

/* --- what the run has to know -------------------------------------------- */

static void
survey_expr (VyreRefExec *exec, const VyreExpr *expr)
{
  exec->has_atomics |= expr->kind == VYRE_EXPR_ATOMIC;
  exec->has_subgroups |= expr->kind == VYRE_EXPR_SUBGROUP_ADD ||
                         expr->kind == VYRE_EXPR_SUBGROUP_SHUFFLE ||
                         expr->kind == VYRE_EXPR_SUBGROUP_BALLOT;
  for (guint32 i = 0; i < expr->n_args; i++)
    survey_expr (exec, expr->args[i]);
}

/* Says whether a barrier stands in the list; those in Regions are not seen
 * (section 6.4). */
static gboolean
survey_list (VyreRefExec *exec, const VyreNodeList *list)
{
  gboolean found = FALSE;

  for (guint32 i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];
    gboolean within;

    for (guint j = 0; j < node->n_exprs; j++)
      survey_expr (exec, node->exprs[j]);
    within = survey_list (exec, &node->body);
    within |= survey_list (exec, &node->otherwise);
    if (within && node->kind == VYRE_NODE_IF)
      g_hash_table_insert (
          exec->guarded, (gpointer) node, GUINT_TO_POINTER (++exec->n_guarded));
    found |= node->kind == VYRE_NODE_BARRIER ||
             (within && node->kind != VYRE_NODE_REGION);
  }
  return found;
}

static gboolean
validate (VyreRefExec *exec, const VyreProgram *program)
{
  const VyreValidateOptions options = { .subgroup_support = TRUE };
  g_autoptr (GError) error = NULL;

  return vyre_program_check (program, &options, &error) ||
         vyre_ref_fail (
             exec, VYRE_REFERENCE_ERROR_VALIDATION, "%s", error->message);
}

VyreProgram *
vyre_ref_prepare (VyreRefExec *exec, const VyreProgram *program)
{
  g_autoptr (VyreProgram) prepared = NULL;
  Rewriter rewriter = { exec };

  if (!check_list (exec, &program->entry, 0))
    return NULL;
  prepared = vyre_program_new_on (program);
  prepared->has_entry_op_id = program->has_entry_op_id;
  prepared->entry_op_id = program->entry_op_id;
  memcpy (prepared->workgroup_size, program->workgroup_size,
      sizeof prepared->workgroup_size);
  prepared->non_composable = program->non_composable;
  prepared->n_buffers = program->n_buffers;
  prepared->buffers = program->buffers;
  prepared->entry = program->entry;
  exec->at = (VyreSource){ 0, 0 };
  if (!wrap_entry (exec, prepared))
    return NULL;
  if (has_collective (&prepared->entry)) {
    rewriter.program = prepared;
    if (!rewrite_list (&rewriter, &prepared->entry))
      return NULL;
  }
  exec->at = (VyreSource){ 0, 0 };
  if (!validate (exec, prepared))
    return NULL;
  survey_list (exec, &prepared->entry);
  return g_steal_pointer (&prepared);
}
