/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

/* What one step does: vir0-semantics.md sections 6.2, 7 and 10. */

static VyreRefFrame *
top_frame (VyreRefInvocation *invocation)
{
  return &g_array_index (
      invocation->frames, VyreRefFrame, invocation->frames->len - 1);
}

static void
enter_list (
    VyreRefInvocation *invocation, const VyreNodeList *list, const char *field)
{
  VyreRefFrame frame = {
    .list = list, .field = field, .n_variables = invocation->variables->len
  };

  g_array_append_val (invocation->frames, frame);
}

void
vyre_ref_pop_variables (VyreRefExec *exec, GArray *variables, guint n_variables)
{
  for (guint i = n_variables; i < variables->len; i++)
    vyre_ref_value_clear (&g_array_index (variables, VyreRefVariable, i).value);
  vyre_ref_release (exec,
      (guint64) (variables->len - n_variables) * sizeof (VyreRefVariable));
  g_array_set_size (variables, n_variables);
}

/* --- variables (section 7) ----------------------------------------------- */

/* Takes the value. */
static gboolean
bind (VyreRefExec *exec, VyreRefInvocation *invocation, VyreString name,
    VyreRefValue *value, gboolean is_loop)
{
  VyreRefVariable variable = { name, *value, is_loop };
  g_autofree char *text = NULL;

  if (vyre_ref_find_variable (exec, invocation->variables, name)) {
    text = vyre_string_display (name);
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_VARIABLE,
        "the variable `%s` is bound already; use another name", text);
  }
  if (!vyre_ref_reserve (exec, sizeof variable))
    return FALSE;
  g_array_append_val (invocation->variables, variable);
  *value = vyre_ref_u32 (0);
  return TRUE;
}

static gboolean
execute_let (
    VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node)
{
  VyreRefLane lane = { invocation, invocation->variables };
  g_auto (VyreRefValue) value = { 0 };

  return vyre_ref_eval (exec, &lane, node->exprs[0], &value) &&
         bind (exec, invocation, node->name, &value, FALSE);
}

static gboolean
execute_assign (
    VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node)
{
  VyreRefLane lane = { invocation, invocation->variables };
  g_auto (VyreRefValue) value = { 0 };
  g_autofree char *name = NULL;
  VyreRefVariable *variable;
  VyreRefValue old;

  if (!vyre_ref_eval (exec, &lane, node->exprs[0], &value))
    return FALSE;
  variable = vyre_ref_find_variable (exec, invocation->variables, node->name);
  if (variable && !variable->is_loop) {
    old = variable->value;
    variable->value = value;
    value = old;
    return TRUE;
  }
  name = vyre_string_display (node->name);
  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_VARIABLE,
      variable ? "`%s` is the variable of a loop and cannot be assigned; bind "
                 "another"
               : "the variable `%s` to assign is not declared here; bind it "
                 "with a Let, or use Store if it is a buffer",
      name);
}

/* --- statements ---------------------------------------------------------- */

static gboolean
execute_store (
    VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node)
{
  VyreRefLane lane = { invocation, invocation->variables };
  g_auto (VyreRefValue) value = { 0 };
  VyreRefBuffer *buffer;
  guint32 index;

  if (!vyre_ref_eval_u32 (
          exec, &lane, node->exprs[0], "index of a Store", &index) ||
      !vyre_ref_eval (exec, &lane, node->exprs[1], &value))
    return FALSE;
  buffer = vyre_ref_find_buffer (exec, node->name);
  return buffer && vyre_ref_store (exec, buffer, index, &value);
}

static gboolean
execute_if (
    VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node)
{
  VyreRefLane lane = { invocation, invocation->variables };
  guint guard = GPOINTER_TO_UINT (g_hash_table_lookup (exec->guarded, node));
  g_auto (VyreRefValue) condition = { 0 };
  gboolean taken;

  if (!vyre_ref_eval (exec, &lane, node->exprs[0], &condition))
    return FALSE;
  taken = vyre_ref_truth (&condition);
  if (guard > 0) {
    guint8 *record = &invocation->branches[guard - 1];
    guint8 way = taken ? VYRE_REF_TOOK_THEN : VYRE_REF_TOOK_OTHERWISE;

    exec->branches_changed |= !(*record & way);
    *record |= way;
  }
  if (taken)
    enter_list (invocation, &node->body, "then");
  else
    enter_list (invocation, &node->otherwise, "otherwise");
  return TRUE;
}

static gboolean
execute_loop (
    VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node)
{
  VyreRefLane lane = { invocation, invocation->variables };
  VyreRefFrame frame = { .loop = node };

  if (!vyre_ref_eval_u32 (
          exec, &lane, node->exprs[0], "start of a Loop", &frame.counter) ||
      !vyre_ref_eval_u32 (
          exec, &lane, node->exprs[1], "end of a Loop", &frame.end))
    return FALSE;
  g_array_append_val (invocation->frames, frame);
  return TRUE;
}

static gboolean
execute_trap (
    VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node)
{
  VyreRefLane lane = { invocation, invocation->variables };
  g_autofree char *tag = vyre_string_display (node->tag);
  guint32 address;

  if (!vyre_ref_eval_u32 (
          exec, &lane, node->exprs[0], "address of a Trap", &address))
    return FALSE;
  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_UNSUPPORTED,
      "trap \"%s\" at address %u", tag, address);
}

static gboolean
refuse (VyreRefExec *exec, VyreReferenceError code, const VyreNode *node)
{
  return vyre_ref_fail (exec, code,
      "nothing executes %s; write it with other statements",
      vyre_node_kind_name (node->kind));
}

static gboolean
execute (VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node)
{
  switch (node->kind) {
    case VYRE_NODE_LET:
      return execute_let (exec, invocation, node);
    case VYRE_NODE_ASSIGN:
      return execute_assign (exec, invocation, node);
    case VYRE_NODE_STORE:
      return execute_store (exec, invocation, node);
    case VYRE_NODE_IF:
      return execute_if (exec, invocation, node);
    case VYRE_NODE_LOOP:
      return execute_loop (exec, invocation, node);
    case VYRE_NODE_BLOCK:
    case VYRE_NODE_REGION:
      enter_list (invocation, &node->body, "body");
      return TRUE;
    case VYRE_NODE_RETURN:
      invocation->finished = TRUE;
      return TRUE;
    case VYRE_NODE_BARRIER: /* every ordering alike, GridSync too */
      invocation->waiting = TRUE;
      return TRUE;
    case VYRE_NODE_ASYNC_LOAD:
    case VYRE_NODE_ASYNC_STORE:
      return vyre_ref_async_start (exec, invocation, node);
    case VYRE_NODE_ASYNC_WAIT:
      return vyre_ref_async_wait (exec, invocation, node);
    case VYRE_NODE_TRAP:
      return execute_trap (exec, invocation, node);
    case VYRE_NODE_RESUME:
    case VYRE_NODE_INDIRECT_DISPATCH:
    case VYRE_NODE_OPAQUE:
      return refuse (exec, VYRE_REFERENCE_ERROR_UNSUPPORTED, node);
    case VYRE_NODE_ALL_REDUCE:
    case VYRE_NODE_ALL_GATHER:
    case VYRE_NODE_REDUCE_SCATTER:
    case VYRE_NODE_BROADCAST:
      return refuse (exec, VYRE_REFERENCE_ERROR_COLLECTIVE, node);
  }
  g_return_val_if_reached (FALSE);
}

/* --- the step ------------------------------------------------------------ */

/* The next iteration, or the discovery that there is none. */
static gboolean
step_loop (VyreRefExec *exec, VyreRefInvocation *invocation)
{
  VyreRefFrame *frame = top_frame (invocation);
  const VyreNode *loop = frame->loop;
  VyreRefValue counter = vyre_ref_u32 (frame->counter);

  if (frame->counter >= frame->end) {
    g_array_set_size (invocation->frames, invocation->frames->len - 1);
    return TRUE;
  }
  frame->counter++;
  /* The scope that the list opens holds the loop variable. */
  enter_list (invocation, &loop->body, "body");
  return bind (exec, invocation, loop->name, &counter, TRUE);
}

static void
leave_list (VyreRefExec *exec, VyreRefInvocation *invocation)
{
  vyre_ref_pop_variables (
      exec, invocation->variables, top_frame (invocation)->n_variables);
  if (invocation->frames->len == 1)
    invocation->finished = TRUE;
  else
    g_array_set_size (invocation->frames, invocation->frames->len - 1);
}

gboolean
vyre_ref_step (VyreRefExec *exec, VyreRefInvocation *invocation)
{
  VyreRefFrame *frame = top_frame (invocation);

  exec->running = invocation;
  if (!vyre_ref_charge (exec, 1))
    return FALSE;
  if (frame->loop)
    return step_loop (exec, invocation);
  if (frame->next < frame->list->n_nodes)
    return execute (exec, invocation, frame->list->nodes[frame->next++]);
  leave_list (exec, invocation);
  return TRUE;
}
