/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ring.h"

G_BEGIN_DECLS

/*
 * The host's tenant registry (section 9.2). Ids start at 1 and go up to the
 * last one that the table of tenants has a mask word for. An id is a tenant's for
 * good unless vyre_ring_tenants_recycle() gives it back.
 *
 * Every function may be called from any thread. Errors are VYRE_RING_ERROR and
 * leave everything as it was; an id that is not registered, or no longer, is
 * INVALID_ARGUMENT.
 */
typedef struct _VyreRingTenants VyreRingTenants;

#define VYRE_RING_LAST_TENANT (VYRE_TENANTS - 1)
#define VYRE_RING_UNBOUNDED G_MAXUINT64

/* Each is raised to at least 1. */
typedef struct
{
  guint64 slots; /* published and not drained */
  guint64 staging; /* bytes */
  guint64 handles;
} VyreRingTenantQuota;

typedef struct
{
  guint64 published, drained; /* slots, since registration */
  guint64 staging, handles; /* held now */
  guint64 quiesce_calls, quiesce_timeouts, quiesce_wait_ns;
} VyreRingTenantUse;

VYRE_API VyreRingTenants *vyre_ring_tenants_new (void);
VYRE_API void vyre_ring_tenants_free (VyreRingTenants *tenants);

/* @quota: %NULL for no limits. FULL when the mask table is used up. */
VYRE_API gboolean vyre_ring_tenants_register (VyreRingTenants *tenants,
    const VyreRingTenantQuota *quota, guint32 *id, GError **error);
/* Refuses all further publishing and reserving; gives staging and handles
 * back. Slots in flight still drain. */
VYRE_API gboolean vyre_ring_tenants_unregister (
    VyreRingTenants *tenants, guint32 id, GError **error);
/* Lets a later registration have @id, once fresh ones are used up. Only after
 * unregistering and when nothing is in flight (else BUSY): the kernel must not
 * meet a slot of the previous owner. */
VYRE_API gboolean vyre_ring_tenants_recycle (
    VyreRingTenants *tenants, guint32 id, GError **error);

/* First opcode of a tenant's window: 0x40100000 for id 1. */
VYRE_API guint32 vyre_ring_tenant_base (guint32 id);
/* @local below VYRE_TENANT_OP_WINDOW to the opcode in the ring. */
VYRE_API gboolean vyre_ring_tenant_opcode (
    guint32 id, guint32 local, guint32 *opcode, GError **error);

/* Takes @slots from the quota before publishing; QUOTA when that is more than
 * it leaves. Undone by vyre_ring_tenants_cancel(). */
VYRE_API gboolean vyre_ring_tenants_reserve (
    VyreRingTenants *tenants, guint32 id, guint64 slots, GError **error);
VYRE_API void vyre_ring_tenants_cancel (
    VyreRingTenants *tenants, guint32 id, guint64 slots);
/* @slots have left the ring, done or not. */
VYRE_API void vyre_ring_tenants_drained (
    VyreRingTenants *tenants, guint32 id, guint64 slots);
/* Reserves, publishes local opcode @local, and takes the reservation back when
 * the ring refuses. The caller serialises access to @ring. */
VYRE_API gboolean vyre_ring_tenants_publish (VyreRingTenants *tenants,
    guint32 id, guint32 *ring, gsize n_words, guint32 slot, guint32 local,
    const guint32 *args, gsize n_args, GError **error);

VYRE_API gboolean vyre_ring_tenants_take_staging (
    VyreRingTenants *tenants, guint32 id, guint64 bytes, GError **error);
VYRE_API gboolean vyre_ring_tenants_give_staging (
    VyreRingTenants *tenants, guint32 id, guint64 bytes, GError **error);
VYRE_API gboolean vyre_ring_tenants_take_handles (
    VyreRingTenants *tenants, guint32 id, guint64 handles, GError **error);
VYRE_API gboolean vyre_ring_tenants_give_handles (
    VyreRingTenants *tenants, guint32 id, guint64 handles, GError **error);

VYRE_API gboolean vyre_ring_tenants_get_use (VyreRingTenants *tenants,
    guint32 id, VyreRingTenantUse *use, GError **error);

/* Waits until all that was published has drained, looking at most @max_polls
 * times: 64 times at once, then with pauses of 2 to 50 us. TIMEOUT afterwards.
 * Works for unregistered ids too. */
VYRE_API gboolean vyre_ring_tenants_quiesce (
    VyreRingTenants *tenants, guint32 id, guint32 max_polls, GError **error);

/*
 * Which of the tenants 0 to @n - 1 of @conflicts may run together: in order,
 * each that conflicts with none taken before. @conflicts is an @n by @n
 * matrix, non-zero in either triangle meaning a conflict. @selected has room
 * for @n indices.
 */
VYRE_API gboolean vyre_ring_select_concurrent (const guint8 *conflicts,
    gsize n_conflicts, guint32 n, guint32 *selected, guint32 *n_selected,
    GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreRingTenants, vyre_ring_tenants_free)

G_END_DECLS
