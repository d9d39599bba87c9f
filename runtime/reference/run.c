/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

#include <string.h>

/* The schedule: vir0-semantics.md sections 6.1 to 6.5. */

/* What an invocation is counted for, beside its variables and copies. */
#define INVOCATION_BYTES (sizeof (VyreRefInvocation) + 512)

/* --- rounds -------------------------------------------------------------- */

static gboolean
take_snapshots (VyreRefExec *exec)
{
  guint64 copied = 0;

  for (guint32 i = 0; i < exec->n_invocations; i++) {
    VyreRefInvocation *invocation = &exec->invocations[i];
    guint n = invocation->variables->len;

    vyre_ref_pop_variables (exec, invocation->snapshot, 0);
    if (!vyre_ref_reserve (exec, (guint64) n * sizeof (VyreRefVariable)))
      return FALSE;
    for (guint j = 0; j < n; j++) {
      VyreRefVariable variable =
          g_array_index (invocation->variables, VyreRefVariable, j);

      variable.value = vyre_ref_value_copy (&variable.value);
      g_array_append_val (invocation->snapshot, variable);
    }
    copied += 1 + n;
  }
  return vyre_ref_charge (exec, copied / 16);
}

static const VyreNode *
guarded_node (VyreRefExec *exec, guint guard)
{
  gpointer node, number;
  GHashTableIter iter;

  g_hash_table_iter_init (&iter, exec->guarded);
  while (g_hash_table_iter_next (&iter, &node, &number)) {
    if (GPOINTER_TO_UINT (number) == guard)
      return node;
  }
  g_return_val_if_reached (NULL);
}

/* Section 6.4: nobody unfinished may have gone one way through an If around a
 * barrier, at any time, and somebody the other. */
static gboolean
check_branches (VyreRefExec *exec, const guint32 *alive, guint32 n_alive)
{
  if (!exec->branches_changed)
    return TRUE;
  exec->branches_changed = FALSE;
  exec->running = NULL;
  if (!vyre_ref_charge (exec, (guint64) exec->n_guarded * n_alive / 16))
    return FALSE;
  for (guint guard = 0; guard < exec->n_guarded; guard++) {
    guint ways = 0;

    for (guint32 i = 0; i < n_alive; i++)
      ways |= exec->invocations[alive[i]].branches[guard];
    if (ways != (VYRE_REF_TOOK_THEN | VYRE_REF_TOOK_OTHERWISE))
      continue;
    exec->at = guarded_node (exec, guard + 1)->at;
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_BARRIER,
        "an If with a barrier inside went both ways in workgroup "
        "%u,%u,%u; make its condition the same for all invocations and at all "
        "times",
        exec->workgroup[0], exec->workgroup[1], exec->workgroup[2]);
  }
  return TRUE;
}

static guint32
drop_finished (VyreRefExec *exec, guint32 *alive, guint32 n_alive)
{
  guint32 n = 0;

  for (guint32 i = 0; i < n_alive; i++) {
    if (!exec->invocations[alive[i]].finished)
      alive[n++] = alive[i];
  }
  return n;
}

/* A barrier needs every unfinished invocation, at whichever statement. */
static void
release_barrier (VyreRefExec *exec, const guint32 *alive, guint32 n_alive)
{
  for (guint32 i = 0; i < n_alive; i++) {
    if (!exec->invocations[alive[i]].waiting)
      return;
  }
  for (guint32 i = 0; i < n_alive; i++)
    exec->invocations[alive[i]].waiting = FALSE;
}

static gboolean
run_round (VyreRefExec *exec, guint32 *alive, guint32 *n_alive)
{
  if (exec->has_subgroups && !take_snapshots (exec))
    return FALSE;
  for (guint32 i = 0; i < *n_alive; i++) {
    VyreRefInvocation *invocation = &exec->invocations[alive[i]];

    if (!invocation->waiting && !vyre_ref_step (exec, invocation))
      return FALSE;
  }
  *n_alive = drop_finished (exec, alive, *n_alive);
  if (!check_branches (exec, alive, *n_alive))
    return FALSE;
  release_barrier (exec, alive, *n_alive);
  return vyre_ref_charge (exec, *n_alive / 16);
}

/* --- workgroups ---------------------------------------------------------- */

static void
reset_invocation (VyreRefExec *exec, VyreRefInvocation *invocation)
{
  const guint32 *size = exec->program->workgroup_size;
  VyreRefFrame root = { .list = &exec->program->entry, .field = "entry" };
  guint32 linear = invocation->linear;

  invocation->local[0] = linear % size[0];
  invocation->local[1] = linear / size[0] % size[1];
  invocation->local[2] = linear / size[0] / size[1];
  for (guint axis = 0; axis < 3; axis++)
    invocation->global[axis] =
        exec->workgroup[axis] * size[axis] + invocation->local[axis];
  invocation->waiting = invocation->finished = FALSE;
  vyre_ref_pop_variables (exec, invocation->variables, 0);
  vyre_ref_pop_variables (exec, invocation->snapshot, 0);
  g_array_set_size (invocation->frames, 0);
  g_array_append_val (invocation->frames, root);
  if (exec->n_guarded > 0)
    memset (invocation->branches, 0, exec->n_guarded);
}

static gboolean
clear_workgroup_memory (VyreRefExec *exec)
{
  for (guint i = 0; i < exec->program->n_buffers; i++) {
    VyreRefBuffer *buffer = &exec->buffers[i];

    if (buffer->decl->access != VYRE_ACCESS_WORKGROUP)
      continue;
    if (!vyre_ref_charge_bytes (exec, buffer->length))
      return FALSE;
    memset (buffer->data, 0, buffer->length);
  }
  return TRUE;
}

static gboolean
run_workgroup (VyreRefExec *exec, guint32 *alive)
{
  guint32 n_alive = exec->n_invocations;

  exec->running = NULL;
  exec->branches_changed = FALSE;
  if (!clear_workgroup_memory (exec))
    return FALSE;
  for (guint32 i = 0; i < n_alive; i++) {
    reset_invocation (exec, &exec->invocations[i]);
    alive[i] = i;
  }
  while (n_alive > 0) {
    if (!run_round (exec, alive, &n_alive))
      return FALSE;
  }
  exec->running = NULL;
  for (guint32 i = 0; i < exec->n_invocations; i++) {
    if (!vyre_ref_async_check (exec, &exec->invocations[i]))
      return FALSE;
  }
  return TRUE;
}

static gboolean
run_workgroups (VyreRefExec *exec, guint32 *alive)
{
  guint32 *at = exec->workgroup;

  for (at[2] = 0; at[2] < exec->grid[2]; at[2]++) {
    for (at[1] = 0; at[1] < exec->grid[1]; at[1]++) {
      for (at[0] = 0; at[0] < exec->grid[0]; at[0]++) {
        if (!run_workgroup (exec, alive))
          return FALSE;
      }
    }
  }
  return TRUE;
}

/* --- invocations --------------------------------------------------------- */

static guint64
invocation_bytes (const VyreRefExec *exec)
{
  return INVOCATION_BYTES + exec->n_guarded;
}

static gboolean
make_invocations (VyreRefExec *exec, guint32 n)
{
  if (!vyre_ref_reserve (exec, n * invocation_bytes (exec)))
    return FALSE;
  exec->invocations = g_try_new0 (VyreRefInvocation, n);
  if (!exec->invocations)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_MEMORY,
        "there is no memory for %u invocations; use smaller workgroups", n);
  exec->n_invocations = n;
  for (guint32 i = 0; i < n; i++) {
    VyreRefInvocation *invocation = &exec->invocations[i];

    invocation->linear = i;
    invocation->variables =
        g_array_new (FALSE, FALSE, sizeof (VyreRefVariable));
    invocation->snapshot = g_array_new (FALSE, FALSE, sizeof (VyreRefVariable));
    invocation->frames = g_array_new (FALSE, FALSE, sizeof (VyreRefFrame));
    invocation->transfers =
        g_array_new (FALSE, FALSE, sizeof (VyreRefTransfer));
    invocation->branches = g_malloc0 (exec->n_guarded);
  }
  return TRUE;
}

static void
free_invocations (VyreRefExec *exec)
{
  for (guint32 i = 0; i < exec->n_invocations; i++) {
    VyreRefInvocation *invocation = &exec->invocations[i];

    vyre_ref_pop_variables (exec, invocation->variables, 0);
    vyre_ref_pop_variables (exec, invocation->snapshot, 0);
    vyre_ref_async_clear (exec, invocation);
    g_array_unref (invocation->variables);
    g_array_unref (invocation->snapshot);
    g_array_unref (invocation->frames);
    g_array_unref (invocation->transfers);
    g_free (invocation->branches);
  }
  g_clear_pointer (&exec->invocations, g_free);
  vyre_ref_release (exec, exec->n_invocations * invocation_bytes (exec));
}

gboolean
vyre_ref_run_grid (VyreRefExec *exec)
{
  const guint32 *size = exec->program->workgroup_size;
  g_autofree guint32 *alive = NULL;
  gboolean ok = FALSE;
  guint64 lanes;

  if (!g_uint64_checked_mul (&lanes, (guint64) size[0] * size[1], size[2]) ||
      lanes > G_MAXUINT32)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_WORKGROUP,
        "a workgroup of %u x %u x %u has more than 2^32 - 1 invocations; make "
        "it smaller",
        size[0], size[1], size[2]);
  if (!make_invocations (exec, (guint32) lanes))
    return FALSE;
  alive = g_try_new (guint32, lanes);
  if (!alive)
    vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_MEMORY,
        "there is no memory for %" G_GUINT64_FORMAT " invocations", lanes);
  else
    ok = run_workgroups (exec, alive);
  exec->running = NULL;
  free_invocations (exec);
  return ok && !exec->error;
}
