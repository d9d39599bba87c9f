/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Barriers may stand only where all invocations of a workgroup come by: rule
 * X14 of vir0-semantics.md section 23. A variable counts as varying for its
 * whole life once any value it gets may vary, or if it is assigned where not
 * all invocations come by. That is a little stricter than following the flow,
 * and sound in loops without further thought.
 */
#include <string.h>

#include "lower-priv.h"

#define MAX_PASSES 32

typedef struct
{
  VyreLowering *lw;
  GHashTable *visible; /* VyreString -> number + 1 */
  GPtrArray *names; /* the keys of visible, in order */
  guint8 *varying; /* per Let and Loop, in order */
  guint next;
  gboolean changed;
  gboolean final;
} Uniform;

static const VyreExpr *
find_varying (Uniform *u, const VyreExpr *expr)
{
  gpointer found;

  switch (expr->kind) {
    case VYRE_EXPR_LIT_U32:
    case VYRE_EXPR_LIT_I32:
    case VYRE_EXPR_LIT_BOOL:
    case VYRE_EXPR_LIT_F32:
    case VYRE_EXPR_BUF_LEN:
    case VYRE_EXPR_WORKGROUP_ID:
      return NULL;
    case VYRE_EXPR_VAR:
      found = g_hash_table_lookup (u->visible, &expr->name);
      return found != NULL && !u->varying[GPOINTER_TO_UINT (found) - 1] ? NULL
                                                                        : expr;
    case VYRE_EXPR_BIN_OP:
    case VYRE_EXPR_UN_OP:
    case VYRE_EXPR_CAST:
    case VYRE_EXPR_SELECT:
    case VYRE_EXPR_FMA:
      for (guint i = 0; i < expr->n_args; i++) {
        const VyreExpr *culprit = find_varying (u, expr->args[i]);

        if (culprit != NULL)
          return culprit;
      }
      return NULL;
    default:
      return expr;
  }
}

static void
mark_varying (Uniform *u, guint number)
{
  if (!u->varying[number]) {
    u->varying[number] = TRUE;
    u->changed = TRUE;
  }
}

static void
bind (Uniform *u, const VyreString *name, gboolean varying)
{
  guint number = u->next++;

  if (varying)
    mark_varying (u, number);
  g_hash_table_insert (
      u->visible, (gpointer) name, GUINT_TO_POINTER (number + 1));
  g_ptr_array_add (u->names, (gpointer) name);
}

static void
unbind (Uniform *u, guint n_names)
{
  for (guint i = n_names; i < u->names->len; i++)
    g_hash_table_remove (u->visible, g_ptr_array_index (u->names, i));
  g_ptr_array_set_size (u->names, (gint) n_names);
}

static const VyreExpr *
find_subgroup (const VyreExpr *expr)
{
  if (vyre_expr_is_subgroup (expr))
    return expr;
  for (guint i = 0; i < expr->n_args; i++) {
    const VyreExpr *found = find_subgroup (expr->args[i]);

    if (found != NULL)
      return found;
  }
  return NULL;
}

/* what: a Barrier, or an operation that contains one. */
static gboolean
refuse_barrier (Uniform *u, const char *what, const char *id, VyreSource at,
    const VyreExpr *culprit)
{
  g_autofree char *why = NULL;

  if (culprit->kind == VYRE_EXPR_VAR) {
    g_autofree char *name = vyre_string_display (culprit->name);

    why = g_strdup_printf ("variable `%s`", name);
  } else {
    why = g_strdup (vyre_expr_kind_name (culprit->kind));
  }
  return vyre_lowering_fail (u->lw, VYRE_LOWER_ERROR_INVALID, id, at,
      "%s under a condition or loop bound that uses %s, which may differ "
      "between the invocations of a workgroup; move it out, or make "
      "the condition of literals, BufLen and WorkgroupId",
      what, why);
}

static gboolean
walk (Uniform *u, const VyreNodeList *list, const char *field,
    const VyreExpr *culprit)
{
  guint n_names = u->names->len;

  for (guint i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];
    const VyreExpr *inner = culprit;
    gpointer found;
    guint before_body;

    for (guint k = 0; k < node->n_exprs && inner == NULL; k++)
      if (node->kind == VYRE_NODE_IF || node->kind == VYRE_NODE_LOOP)
        inner = find_varying (u, node->exprs[k]);

    for (guint k = 0; k < node->n_exprs && u->final && culprit != NULL; k++) {
      const VyreExpr *found = find_subgroup (node->exprs[k]);

      if (found != NULL) {
        vyre_lowering_push (u->lw, field, i);
        return refuse_barrier (
            u, vyre_expr_kind_name (found->kind), "X13", found->at, culprit);
      }
    }

    switch (node->kind) {
      case VYRE_NODE_LET:
        bind (u, &node->name, find_varying (u, node->exprs[0]) != NULL);
        continue;
      case VYRE_NODE_ASSIGN:
        found = g_hash_table_lookup (u->visible, &node->name);
        if (found != NULL &&
            (culprit != NULL || find_varying (u, node->exprs[0]) != NULL))
          mark_varying (u, GPOINTER_TO_UINT (found) - 1);
        continue;
      case VYRE_NODE_BARRIER:
        if (!u->final || culprit == NULL)
          continue;
        vyre_lowering_push (u->lw, field, i);
        return refuse_barrier (u, "Barrier", "X14", node->at, culprit);
      case VYRE_NODE_IF:
      case VYRE_NODE_LOOP:
      case VYRE_NODE_BLOCK:
      case VYRE_NODE_REGION:
        break;
      default:
        continue;
    }

    vyre_lowering_push (u->lw, field, i);
    before_body = u->names->len;
    if (node->kind == VYRE_NODE_LOOP)
      bind (u, &node->name, inner != NULL);
    if (!walk (u, &node->body, node->kind == VYRE_NODE_IF ? "then" : "body",
            inner))
      return FALSE;
    unbind (u, before_body);
    if (!walk (u, &node->otherwise, "else", inner))
      return FALSE;
    vyre_lowering_pop (u->lw);
  }
  unbind (u, n_names);
  return TRUE;
}

gboolean
vyre_lowering_check_barriers (VyreLowering *lw)
{
  Uniform u = { .lw = lw };
  gboolean ok;

  if (!lw->scan.barriers && !lw->scan.subgroups)
    return TRUE;

  u.visible = g_hash_table_new (vyre_string_hash, vyre_string_same);
  u.names = g_ptr_array_new ();
  u.varying = g_new0 (guint8, lw->scan.n_nodes + 1);
  for (guint pass = 0; pass < MAX_PASSES; pass++) {
    u.next = 0;
    u.changed = FALSE;
    walk (&u, &lw->program->entry, "entry", NULL);
    if (!u.changed)
      break;
  }
  if (u.changed) /* absurdly long chains: take all as varying */
    memset (u.varying, 1, lw->scan.n_nodes);
  u.next = 0;
  u.final = TRUE;
  ok = walk (&u, &lw->program->entry, "entry", NULL);

  g_hash_table_unref (u.visible);
  g_ptr_array_unref (u.names);
  g_free (u.varying);
  return ok;
}
