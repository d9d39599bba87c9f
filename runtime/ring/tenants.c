/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tenants.h"

typedef enum
{
  UNUSED,
  REGISTERED,
  REVOKED,
} TenantState;

typedef struct
{
  TenantState state;
  VyreRingTenantQuota quota;
  VyreRingTenantUse use;
} Tenant;

struct _VyreRingTenants
{
  GMutex lock;
  Tenant table[VYRE_RING_LAST_TENANT + 1]; /* 0 is never used */
  guint32 next; /* lowest id never given out */
};

VyreRingTenants *
vyre_ring_tenants_new (void)
{
  VyreRingTenants *tenants = g_new0 (VyreRingTenants, 1);

  g_mutex_init (&tenants->lock);
  tenants->next = 1;
  return tenants;
}

void
vyre_ring_tenants_free (VyreRingTenants *tenants)
{
  if (tenants == NULL)
    return;
  g_mutex_clear (&tenants->lock);
  g_free (tenants);
}

/* With the lock held. */
static Tenant *
lookup (
    VyreRingTenants *tenants, guint32 id, gboolean revoked_too, GError **error)
{
  Tenant *tenant = NULL;

  if (id <= VYRE_RING_LAST_TENANT)
    tenant = &tenants->table[id];
  if (tenant == NULL || tenant->state == UNUSED ||
      (tenant->state == REVOKED && !revoked_too)) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "tenant %u: %s. Fix: register a tenant and use its id.", id,
        tenant != NULL && tenant->state == REVOKED ? "was unregistered"
                                                   : "not registered");
    return NULL;
  }
  return tenant;
}

gboolean
vyre_ring_tenants_register (VyreRingTenants *tenants,
    const VyreRingTenantQuota *quota, guint32 *id, GError **error)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant;
  guint32 i = tenants->next;

  if (i <= VYRE_RING_LAST_TENANT) {
    tenants->next++;
  } else {
    for (i = 1; i <= VYRE_RING_LAST_TENANT; i++) {
      if (tenants->table[i].state == UNUSED)
        break;
    }
  }
  if (i > VYRE_RING_LAST_TENANT) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_FULL,
        "tenants: all %u ids are taken. Fix: stop another user of this "
        "device first.",
        VYRE_RING_LAST_TENANT);
    return FALSE;
  }

  tenant = &tenants->table[i];
  *tenant = (Tenant){ .state = REGISTERED };
  tenant->quota.slots = quota ? MAX (quota->slots, 1) : VYRE_RING_UNBOUNDED;
  tenant->quota.staging = quota ? MAX (quota->staging, 1) : VYRE_RING_UNBOUNDED;
  tenant->quota.handles = quota ? MAX (quota->handles, 1) : VYRE_RING_UNBOUNDED;
  *id = i;
  return TRUE;
}

gboolean
vyre_ring_tenants_unregister (
    VyreRingTenants *tenants, guint32 id, GError **error)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant = lookup (tenants, id, FALSE, error);

  if (tenant == NULL)
    return FALSE;
  tenant->state = REVOKED;
  tenant->use.staging = 0;
  tenant->use.handles = 0;
  return TRUE;
}

gboolean
vyre_ring_tenants_recycle (VyreRingTenants *tenants, guint32 id, GError **error)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant = lookup (tenants, id, TRUE, error);

  if (tenant == NULL)
    return FALSE;
  if (tenant->state != REVOKED || tenant->use.drained < tenant->use.published) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_BUSY,
        "tenant %u: %s, %" G_GUINT64_FORMAT " slots in flight. Fix: unregister "
        "and quiesce it first.",
        id, tenant->state == REVOKED ? "unregistered" : "registered",
        tenant->use.published - tenant->use.drained);
    return FALSE;
  }
  *tenant = (Tenant){ .state = UNUSED };
  return TRUE;
}

guint32
vyre_ring_tenant_base (guint32 id)
{
  return VYRE_TENANT_OP_BASE + id * VYRE_TENANT_OP_WINDOW;
}

gboolean
vyre_ring_tenant_opcode (
    guint32 id, guint32 local, guint32 *opcode, GError **error)
{
  if (id == 0 || id > VYRE_RING_LAST_TENANT) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "tenant %u: ids go from 1 to %u. Fix: use a registered id.", id,
        VYRE_RING_LAST_TENANT);
    return FALSE;
  }
  if (local >= VYRE_TENANT_OP_WINDOW) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "tenant %u: local opcode 0x%x. Fix: stay below 0x%x.", id, local,
        VYRE_TENANT_OP_WINDOW);
    return FALSE;
  }
  *opcode = vyre_ring_tenant_base (id) + local;
  return TRUE;
}

gboolean
vyre_ring_tenants_reserve (
    VyreRingTenants *tenants, guint32 id, guint64 slots, GError **error)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant = lookup (tenants, id, FALSE, error);
  guint64 outstanding;

  if (tenant == NULL)
    return FALSE;
  outstanding = tenant->use.published - tenant->use.drained;
  if (outstanding > tenant->quota.slots ||
      slots > tenant->quota.slots - outstanding ||
      slots > G_MAXUINT64 - tenant->use.published) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_QUOTA,
        "tenant %u: outstanding %" G_GUINT64_FORMAT ", asked for "
        "%" G_GUINT64_FORMAT ", cap %" G_GUINT64_FORMAT
        ". Fix: wait for slots to drain, or raise the quota.",
        id, outstanding, slots, tenant->quota.slots);
    return FALSE;
  }
  tenant->use.published += slots;
  return TRUE;
}

void
vyre_ring_tenants_cancel (VyreRingTenants *tenants, guint32 id, guint64 slots)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant = lookup (tenants, id, TRUE, NULL);

  if (tenant == NULL)
    return;
  tenant->use.published -=
      MIN (slots, tenant->use.published - tenant->use.drained);
}

void
vyre_ring_tenants_drained (VyreRingTenants *tenants, guint32 id, guint64 slots)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant = lookup (tenants, id, TRUE, NULL);

  if (tenant == NULL)
    return;
  tenant->use.drained +=
      MIN (slots, tenant->use.published - tenant->use.drained);
}

gboolean
vyre_ring_tenants_publish (VyreRingTenants *tenants, guint32 id, guint32 *ring,
    gsize n_words, guint32 slot, guint32 local, const guint32 *args,
    gsize n_args, GError **error)
{
  guint32 opcode;

  if (!vyre_ring_tenant_opcode (id, local, &opcode, error) ||
      !vyre_ring_tenants_reserve (tenants, id, 1, error))
    return FALSE;
  if (!vyre_ring_publish_slot (
          ring, n_words, slot, id, opcode, args, n_args, error)) {
    vyre_ring_tenants_cancel (tenants, id, 1);
    return FALSE;
  }
  return TRUE;
}

/* @used and @cap lie in the table, so they are read under the lock only. */
static gboolean
take (const char *what, guint32 id, guint64 *used, guint64 cap, guint64 n,
    GError **error)
{
  if (*used > cap || n > cap - *used) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_QUOTA,
        "tenant %u: %s: %" G_GUINT64_FORMAT
        " held, asked for %" G_GUINT64_FORMAT ", cap %" G_GUINT64_FORMAT
        ". Fix: give some back, or raise the quota.",
        id, what, *used, n, cap);
    return FALSE;
  }
  *used += n;
  return TRUE;
}

static gboolean
give (const char *what, guint32 id, guint64 *used, guint64 n, GError **error)
{
  if (n > *used) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "tenant %u: %s: gives back %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
        " held. Fix: give back what was taken, once.",
        id, what, n, *used);
    return FALSE;
  }
  *used -= n;
  return TRUE;
}

gboolean
vyre_ring_tenants_take_staging (
    VyreRingTenants *tenants, guint32 id, guint64 bytes, GError **error)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant = lookup (tenants, id, FALSE, error);

  return tenant != NULL && take ("staging bytes", id, &tenant->use.staging,
                               tenant->quota.staging, bytes, error);
}

gboolean
vyre_ring_tenants_give_staging (
    VyreRingTenants *tenants, guint32 id, guint64 bytes, GError **error)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant = lookup (tenants, id, FALSE, error);

  return tenant != NULL &&
         give ("staging bytes", id, &tenant->use.staging, bytes, error);
}

gboolean
vyre_ring_tenants_take_handles (
    VyreRingTenants *tenants, guint32 id, guint64 handles, GError **error)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant = lookup (tenants, id, FALSE, error);

  return tenant != NULL && take ("handles", id, &tenant->use.handles,
                               tenant->quota.handles, handles, error);
}

gboolean
vyre_ring_tenants_give_handles (
    VyreRingTenants *tenants, guint32 id, guint64 handles, GError **error)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant = lookup (tenants, id, FALSE, error);

  return tenant != NULL &&
         give ("handles", id, &tenant->use.handles, handles, error);
}

gboolean
vyre_ring_tenants_get_use (VyreRingTenants *tenants, guint32 id,
    VyreRingTenantUse *use, GError **error)
{
  g_autoptr (GMutexLocker) G_GNUC_UNUSED locker =
      g_mutex_locker_new (&tenants->lock);
  Tenant *tenant = lookup (tenants, id, TRUE, error);

  if (tenant == NULL)
    return FALSE;
  *use = tenant->use;
  return TRUE;
}

gboolean
vyre_ring_tenants_quiesce (
    VyreRingTenants *tenants, guint32 id, guint32 max_polls, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  guint64 outstanding = 0;
  gboolean drained = FALSE;
  guint32 poll;
  Tenant *tenant;

  for (poll = 0; poll < MAX (max_polls, 1); poll++) {
    g_mutex_lock (&tenants->lock);
    tenant = lookup (tenants, id, TRUE, error);
    if (tenant == NULL) {
      g_mutex_unlock (&tenants->lock);
      return FALSE;
    }
    outstanding = tenant->use.published - tenant->use.drained;
    g_mutex_unlock (&tenants->lock);
    drained = outstanding == 0;
    if (drained)
      break;
    if (poll >= 64)
      g_usleep (MIN (2u << MIN (poll - 64, 5), 50));
  }

  g_mutex_lock (&tenants->lock);
  tenant = &tenants->table[id];
  tenant->use.quiesce_calls++;
  tenant->use.quiesce_timeouts += drained ? 0 : 1;
  tenant->use.quiesce_wait_ns += (g_get_monotonic_time () - start) * 1000;
  g_mutex_unlock (&tenants->lock);
  if (!drained) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_TIMEOUT,
        "tenant %u: outstanding %" G_GUINT64_FORMAT " after %u polls. Fix: "
        "cancel its work, or wait longer.",
        id, outstanding, poll);
    return FALSE;
  }
  return TRUE;
}

gboolean
vyre_ring_select_concurrent (const guint8 *conflicts, gsize n_conflicts,
    guint32 n, guint32 *selected, guint32 *n_selected, GError **error)
{
  guint32 count = 0;
  guint32 i, k;

  if ((guint64) n * n != n_conflicts) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "conflict matrix: %" G_GSIZE_FORMAT " entries for %u tenants. Fix: "
        "pass one row and one column per tenant.",
        n_conflicts, n);
    return FALSE;
  }
  for (i = 0; i < n; i++) {
    for (k = 0; k < count; k++) {
      if (conflicts[(gsize) i * n + selected[k]] ||
          conflicts[(gsize) selected[k] * n + i])
        break;
    }
    if (k == count)
      selected[count++] = i;
  }
  *n_selected = count;
  return TRUE;
}
