/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine-private.h"

#define CANCEL_LIMIT_US (5 * G_USEC_PER_SEC)
#define INITIAL_RIGHTS \
  (VYRE_TENANT_MAY_EXECUTE | VYRE_TENANT_MAY_PRINT | VYRE_TENANT_MAY_IO)

/* Lock held. A word of the tenant's row, and its copy for telemetry. */
static void
poke_tenant (VyreRuntime *runtime, guint32 id, guint array, guint32 value)
{
  vyre_poke (runtime->control, VYRE_CONTROL_TABLE + array + id, value);
  if (array == VYRE_T_MASK && id < VYRE_TENANT_MASK_SLOTS)
    vyre_poke (runtime->control, VYRE_C_TENANT_MASK + id, value);
  if (array == VYRE_T_QUOTA && id < VYRE_TENANT_QUOTA_SLOTS)
    vyre_poke (runtime->control, VYRE_C_TENANT_QUOTA + id, value);
}

/* Lock held. The tenant's next turn comes as soon as anybody's of its level. */
static void
join_level (VyreRuntime *runtime, guint32 id)
{
  guint level = runtime->uses[id].level;

  poke_tenant (runtime, id, VYRE_T_TIME,
      vyre_peek (runtime->door, VYRE_DOOR_CLOCK + level));
}

VyreTenant *
vyre_tenant_new (VyreRuntime *runtime, const char *name, GError **error)
{
  guint32 id;

  if (!vyre_ring_tenants_register (runtime->tenants, NULL, &id, error))
    return NULL;

  VyreTenant *tenant = g_new0 (VyreTenant, 1);
  tenant->runtime = vyre_runtime_ref (runtime);
  tenant->id = id;
  tenant->name = g_strdup (name);

  g_mutex_lock (&runtime->lock);
  vyre_tenant_stats_begin (runtime->stats, id, name);
  VyreTenantUse *use = &runtime->uses[id];
  *use = (VyreTenantUse){ .serial = use->serial + 1,
    .level = VYRE_PRI_NORMAL,
    .rights = INITIAL_RIGHTS };
  tenant->serial = use->serial;
  poke_tenant (runtime, id, VYRE_T_MASK, INITIAL_RIGHTS);
  poke_tenant (runtime, id, VYRE_T_QUOTA, VYRE_TENANT_INITIAL_QUOTA);
  join_level (runtime, id);
  vyre_ring_store_fence ();
  runtime->n_tenants++;
  vyre_runtime_unlock (runtime);
  return tenant;
}

void
vyre_tenant_set_priority (VyreTenant *tenant, guint level)
{
  VyreRuntime *runtime = tenant->runtime;

  g_return_if_fail (level < VYRE_PRI_LEVELS);
  g_mutex_lock (&runtime->lock);
  if (runtime->uses[tenant->id].level != level) {
    runtime->uses[tenant->id].level = level;
    join_level (runtime, tenant->id);
    vyre_ring_store_fence ();
  }
  vyre_runtime_unlock (runtime);
}

void
vyre_tenant_set_rights (VyreTenant *tenant, guint32 rights)
{
  VyreRuntime *runtime = tenant->runtime;

  g_mutex_lock (&runtime->lock);
  guint32 before = runtime->uses[tenant->id].rights;
  runtime->uses[tenant->id].rights = rights;
  if (before != rights)
    vyre_replay_note_rights (runtime, tenant->id, before);
  poke_tenant (runtime, tenant->id, VYRE_T_MASK, rights);
  vyre_ring_store_fence ();
  vyre_runtime_unlock (runtime);
}

void
vyre_tenant_set_quota (VyreTenant *tenant, guint slots)
{
  VyreRuntime *runtime = tenant->runtime;

  g_mutex_lock (&runtime->lock);
  poke_tenant (runtime, tenant->id, VYRE_T_QUOTA,
      slots != 0 ? slots : VYRE_TENANT_INITIAL_QUOTA);
  vyre_ring_store_fence ();
  vyre_runtime_unlock (runtime);
}

void
vyre_tenant_retire_locked (VyreRuntime *runtime, guint32 id)
{
  if (!runtime->uses[id].dead || runtime->uses[id].windows > 0 ||
      !vyre_ring_tenants_recycle (runtime->tenants, id, NULL))
    return;
  runtime->uses[id].dead = FALSE;
  runtime->uses[id].serial++;
  runtime->uses[id].descriptors = 0;
  vyre_tenant_drop_means (runtime, id);
  poke_tenant (runtime, id, VYRE_T_MASK, 0);
  vyre_ring_store_fence ();
}

void
vyre_tenant_free (VyreTenant *tenant)
{
  if (tenant == NULL)
    return;

  VyreRuntime *runtime = tenant->runtime;
  g_mutex_lock (&runtime->lock);
  for (GList *l = runtime->windows.head; l != NULL; l = l->next) {
    VyreWindow *window = l->data;
    if (window->tenant == tenant->id)
      vyre_window_cancel_locked (window);
  }
  /* They end at the kernel's next look; a device that hangs is not waited for. */
  gint64 end_time = g_get_monotonic_time () + CANCEL_LIMIT_US;
  runtime->n_sleepers++;
  g_cond_signal (&runtime->work);
  while (runtime->uses[tenant->id].windows > 0) {
    if (!g_cond_wait_until (&runtime->ended, &runtime->lock, end_time))
      break;
  }
  runtime->n_sleepers--;
  vyre_ring_tenants_unregister (runtime->tenants, tenant->id, NULL);
  vyre_tenant_stats_end (runtime->stats, tenant->id);
  runtime->uses[tenant->id].dead = TRUE;
  vyre_tenant_retire_locked (runtime, tenant->id);
  runtime->n_tenants--;
  vyre_runtime_unlock (runtime);

  vyre_runtime_unref (runtime);
  g_free (tenant->name);
  g_free (tenant);
}

gboolean
vyre_tenant_quiesce (VyreTenant *tenant, gint64 end_time, GError **error)
{
  VyreRuntime *runtime = tenant->runtime;
  const VyreTenantUse *use = &runtime->uses[tenant->id];
  gint64 start = g_get_monotonic_time ();
  gboolean in_time = end_time != 0;

  g_mutex_lock (&runtime->lock);
  vyre_runtime_reap (runtime);
  runtime->n_sleepers++;
  g_cond_signal (&runtime->work);
  while (use->windows > 0 && in_time)
    in_time = g_cond_wait_until (&runtime->ended, &runtime->lock, end_time);
  runtime->n_sleepers--;
  guint left = use->windows;
  vyre_tenant_stats_quiesced (runtime->stats, tenant->id, left == 0,
      (guint64) (g_get_monotonic_time () - start) * 1000);
  vyre_runtime_unlock (runtime);
  if (left > 0)
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY,
        "tenant %u has %u windows in flight; wait longer, or cancel them",
        tenant->id, left);
  return left == 0;
}

guint
vyre_tenant_get_id (VyreTenant *tenant)
{
  return tenant->id;
}
