/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * X14 of vir0-semantics.md section 23: a Barrier may stand only where all
 * invocations of a workgroup come by. V010 looks once, in the order of the
 * text, and so misses what later passes of a loop and divergent assignments
 * do. Here a variable counts as varying for its whole life once any value it
 * gets may vary, or if it is assigned where not all invocations come by.
 */
#include "validate-private.h"

#include <string.h>

#define MAX_PASSES 32

typedef struct
{
  VyreValidator *v;
  guint8 *varying; /* per Let and Loop, in order */
  guint next;
  gboolean changed, final;
} Uniform;

/* The bindings' list is not used here; it holds the number in varying. */
static gboolean
varies (const Uniform *u, const VyreName *name)
{
  return name->binding == NULL || u->varying[name->binding->list];
}

/* The first part of an expression that may vary, or NULL. */
static const VyreExpr *
find_varying (Uniform *u, const VyreExpr *expr)
{
  switch (expr->kind) {
    case VYRE_EXPR_LIT_U32:
    case VYRE_EXPR_LIT_I32:
    case VYRE_EXPR_LIT_BOOL:
    case VYRE_EXPR_LIT_F32:
    case VYRE_EXPR_BUF_LEN:
    case VYRE_EXPR_WORKGROUP_ID:
      return NULL;
    case VYRE_EXPR_VAR:
      return varies (u, vyre_validator_name (u->v, expr->name)) ? expr : NULL;
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
mark (Uniform *u, guint number)
{
  if (!u->varying[number]) {
    u->varying[number] = TRUE;
    u->changed = TRUE;
  }
}

static void
bind (Uniform *u, VyreString string, gboolean varying)
{
  VyreName *name = vyre_validator_name (u->v, string);
  VyreBinding *binding = g_new0 (VyreBinding, 1);

  binding->name = name;
  binding->shadowed = name->binding;
  binding->list = u->next++;
  name->binding = binding;
  if (varying)
    mark (u, binding->list);
  g_ptr_array_add (u->v->bindings, binding);
}

static void
unbind (Uniform *u, guint first)
{
  GPtrArray *bindings = u->v->bindings;

  for (guint i = bindings->len; i > first; i--) {
    VyreBinding *binding = g_ptr_array_index (bindings, i - 1);

    binding->name->binding = binding->shadowed;
  }
  g_ptr_array_set_size (bindings, (gint) first);
}

static void
refuse (Uniform *u, const VyreNode *node, const VyreExpr *culprit)
{
  g_autofree char *name = NULL;

  if (g_hash_table_contains (u->v->refused_barriers, node))
    return;
  if (culprit->kind == VYRE_EXPR_VAR)
    name = vyre_string_display (culprit->name);
  VYRE_FAIL (u->v, "X14", node->at,
      "not every invocation of a workgroup may reach this Barrier, because a "
      "condition or bound around it depends on %s%s%s, which may differ; move "
      "the Barrier out, or make them of literals, BufLen and WorkgroupId",
      name != NULL ? "variable `" : "",
      name != NULL ? name : vyre_expr_kind_name (culprit->kind),
      name != NULL ? "`" : "");
}

/* culprit: why the list may be divergent, or NULL. */
static void
walk (Uniform *u, const VyreNodeList *list, const char *field,
    const VyreExpr *culprit)
{
  VyreValidator *v = u->v;
  guint first = v->bindings->len, frame_number = v->frames->len;
  VyreFrame frame = { .field = field };

  g_array_append_val (v->frames, frame);
  for (guint32 i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];
    const VyreExpr *inner = culprit;
    const VyreBinding *target;
    guint before;

    g_array_index (v->frames, VyreFrame, frame_number).next = i;
    switch (node->kind) {
      case VYRE_NODE_LET:
        bind (u, node->name, find_varying (u, node->exprs[0]) != NULL);
        continue;
      case VYRE_NODE_ASSIGN:
        target = vyre_validator_name (v, node->name)->binding;
        if (target != NULL &&
            (culprit != NULL || find_varying (u, node->exprs[0]) != NULL))
          mark (u, target->list);
        continue;
      case VYRE_NODE_BARRIER:
        if (u->final && culprit != NULL)
          refuse (u, node, culprit);
        continue;
      case VYRE_NODE_IF:
      case VYRE_NODE_LOOP:
        for (guint k = 0; k < node->n_exprs && inner == NULL; k++)
          inner = find_varying (u, node->exprs[k]);
        break;
      case VYRE_NODE_BLOCK:
      case VYRE_NODE_REGION:
        break;
      default:
        continue;
    }

    before = v->bindings->len;
    if (node->kind == VYRE_NODE_LOOP)
      bind (u, node->name, inner != NULL);
    walk (u, &node->body, node->kind == VYRE_NODE_IF ? "then" : "body", inner);
    unbind (u, before);
    if (node->kind == VYRE_NODE_IF)
      walk (u, &node->otherwise, "else", inner);
  }
  unbind (u, first);
  g_array_set_size (v->frames, frame_number);
}

void
vyre_engine_check_barriers (VyreValidator *v)
{
  const VyreNodeList *entry = &v->program->entry;
  Uniform u = { .v = v };

  u.varying = g_new0 (guint8, (gsize) v->n_statements + 1);
  for (guint pass = 0; pass < MAX_PASSES; pass++) {
    u.next = 0;
    u.changed = FALSE;
    walk (&u, entry, "entry", NULL);
    if (!u.changed)
      break;
  }
  if (u.changed) /* absurdly long chains: take all as varying */
    memset (u.varying, 1, v->n_statements);
  u.next = 0;
  u.final = TRUE;
  walk (&u, entry, "entry", NULL);
  g_free (u.varying);
}
