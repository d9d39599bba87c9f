/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../telemetry/latency.h"
#include "runtime.h"

G_BEGIN_DECLS

/*
 * What each tenant of a runtime has run since it came. All counters only rise
 * while the tenant lives; subtract two readings for a rate.
 */

typedef struct
{
  guint id;
  char name[64];                /* UTF-8, cut if longer */
  gint64 since;                 /* monotonic, µs: when the tenant came */
  guint64 submitted;            /* windows */
  guint64 done, faulted, cancelled, lost; /* of these, by how they ended */
  guint64 compiled;             /* of those that ended: did not interpret */
  guint64 tiles, bytes;         /* of the windows submitted */
  guint64 steps, slices;        /* of the windows that ended */
  guint64 quiesce_calls, quiesce_timeouts, quiesce_wait_ns;
  /* From publishing to when the runtime saw the end, windows of all ends. */
  guint64 latency_sum_ns, latency_max_ns;
  guint64 latency[VYRE_LATENCY_BUCKETS];
  /* The newest fault; fault_at is 0 when there was none. */
  guint fault_code;             /* VYRE_FAULT_* of ring/words.h */
  guint32 fault_address;
  gint64 fault_at;              /* monotonic, µs */
} VyreTenantReading;

/* Windows that have not ended. */
VYRE_API guint64 vyre_tenant_reading_in_flight (
    const VyreTenantReading *reading);

/* Readings of the first n tenants, by id, into the caller's array. Returns how
 * many were written. Any thread. */
VYRE_API guint vyre_runtime_read_tenants (VyreRuntime *runtime,
    VyreTenantReading *readings, guint n);

G_END_DECLS
