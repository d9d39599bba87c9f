/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine-private.h"

#define CANCEL_LIMIT_US (5 * G_USEC_PER_SEC)

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
  vyre_tenant_stats_begin (runtime->stats, id, name);

  g_mutex_lock (&runtime->lock);
  vyre_poke (
      runtime->control, VYRE_C_TENANT_MASK + id, VYRE_TENANT_MAY_EXECUTE);
  vyre_poke (
      runtime->control, VYRE_C_TENANT_QUOTA + id, VYRE_TENANT_INITIAL_QUOTA);
  vyre_ring_store_fence ();
  runtime->n_tenants++;
  vyre_runtime_unlock (runtime);
  return tenant;
}

void
vyre_tenant_retire_locked (VyreRuntime *runtime, guint32 id)
{
  if ((runtime->dead_tenants & 1u << id) == 0 ||
      !vyre_ring_tenants_recycle (runtime->tenants, id, NULL))
    return;
  runtime->dead_tenants &= ~(1u << id);
  vyre_poke (runtime->control, VYRE_C_TENANT_MASK + id, 0);
  vyre_ring_store_fence ();
}

/* Lock held. */
static gboolean
has_windows (VyreTenant *tenant)
{
  for (GList *l = tenant->runtime->windows.head; l != NULL; l = l->next) {
    if (((VyreWindow *) l->data)->tenant == tenant->id)
      return TRUE;
  }
  return FALSE;
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
  while (has_windows (tenant)) {
    if (!g_cond_wait_until (&runtime->ended, &runtime->lock, end_time))
      break;
  }
  vyre_ring_tenants_unregister (runtime->tenants, tenant->id, NULL);
  vyre_tenant_stats_end (runtime->stats, tenant->id);
  runtime->dead_tenants |= 1u << tenant->id;
  vyre_tenant_retire_locked (runtime, tenant->id);
  runtime->n_tenants--;
  vyre_runtime_unlock (runtime);

  vyre_runtime_unref (runtime);
  g_free (tenant->name);
  g_free (tenant);
}

guint
vyre_tenant_get_id (VyreTenant *tenant)
{
  return tenant->id;
}
