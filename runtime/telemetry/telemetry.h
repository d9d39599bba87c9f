/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../ring/ring.h"

G_BEGIN_DECLS

/*
 * What a snapshot of control block and ring says (section 19). Pure functions
 * of bytes; nothing here touches a device. Buffers are little-endian bytes as
 * captured. Errors are VYRE_RING_ERROR_MALFORMED unless said otherwise, and
 * leave every output as it was.
 *
 * Structs are the caller's; decoding again into the same one reuses its
 * storage. One struct, one thread at a time.
 */

typedef struct
{
  guint32 empty, published, claimed, done, wait_io, yield, requeue, fault,
      unknown;
} VyreRingOccupancy;

/* Sums saturate. Depth is all but empty and done. */
VYRE_API guint32 vyre_ring_occupancy_total (const VyreRingOccupancy *occupancy);
VYRE_API guint32 vyre_ring_occupancy_depth (const VyreRingOccupancy *occupancy);

typedef struct
{
  guint32 slot_idx;
  guint32 status; /* raw: VYRE_ST_*, or a value that means nothing here */
  guint32 tenant, opcode;
  guint32 args_prefix[3]; /* old words for an empty slot */
  guint32 progress; /* of a tile: rises while it makes steps, wraps; else 0 */
} VyreSlotSnapshot;

/* Slots that share ticket and opcode. EMPTY slots are no part of a window,
 * whatever words they still hold (unless VyreTelemetry.count_empty). */
typedef struct
{
  guint32 ticket;
  guint32 tenant; /* of the first such slot */
  guint32 opcode;
  guint32 required_slots, lookahead_slots; /* by class; others count as none */
  guint32 published, claimed, done, wait_io, yield, requeue, fault;
} VyreWindowSnapshot;

VYRE_API gboolean vyre_window_is_active (const VyreWindowSnapshot *window);

typedef struct
{
  gboolean shutdown;
  guint32 done_count; /* wraps */
  guint32 epoch;
  guint n_metrics;
  VyreRingMetric metrics[VYRE_METRICS_SLOTS];
  guint32 tenant_mask[VYRE_TENANT_MASK_SLOTS];
  guint32 tenant_quota[VYRE_TENANT_QUOTA_SLOTS];
  guint32 tenant_fairness[VYRE_TENANT_FAIRNESS_SLOTS];
  guint32 priority_fairness[VYRE_PRI_FAIRNESS_SLOTS];
  guint32 starvation;
  /* The project's own words; 0 where the ring is another's. All wrap. */
  guint32 exited, tail, oldest, claimed, yielded, faulted, idle_polls;
  guint64 steps;
} VyreControlSnapshot;

VYRE_API gboolean vyre_control_decode (VyreControlSnapshot *snapshot,
    const void *control, gsize n_bytes, GError **error);

/* Private to the decoder; kept from one decode to the next. */
typedef struct
{
  guint64 order; /* ticket, then opcode */
  guint32 row;
} VyreWindowKey;

typedef struct
{
  /* For the caller to set before decoding; vyre_telemetry_clear() unsets it.
   * Windows have EMPTY slots, too, by the words that these still hold, as
   * decoders that follow section 19.5 to the letter have it. Recycled slots
   * then make windows that nobody published. */
  gboolean count_empty;

  VyreControlSnapshot control;
  VyreRingOccupancy occupancy;
  guint32 runnable_slots; /* active and not waiting for a masked tenant */
  guint32 masked_slots; /* waiting for a tenant that may not execute */
  guint32 progress; /* of all active slots together, wraps */
  VyreSlotSnapshot *slots; /* in slot order */
  gsize n_slots, slots_capacity;
  VyreWindowSnapshot *windows; /* by ticket, then opcode */
  gsize n_windows, windows_capacity;
  guint64 control_decode_ns, ring_decode_ns; /* of the last decode */

  guint32 *opcode_scratch;
  gsize opcode_capacity;
  VyreWindowKey *key_scratch; /* two halves, to sort to and fro */
  gsize key_capacity;
  VyreWindowSnapshot *row_scratch;
  gsize row_capacity;
} VyreTelemetry;

#define VYRE_TELEMETRY_INIT \
  { \
    0 \
  }
VYRE_API void vyre_telemetry_clear (VyreTelemetry *telemetry);

/*
 * Decodes both buffers. @window_opcodes: the opcodes whose slots form windows,
 * in any order, repeated or not; none means no windows. The control block has
 * at least 640 bytes; the ring is any number of whole slots.
 */
VYRE_API gboolean vyre_telemetry_decode (VyreTelemetry *telemetry,
    const void *control, gsize control_bytes, const void *ring,
    gsize ring_bytes, const guint32 *window_opcodes, gsize n_window_opcodes,
    GError **error);

VYRE_API gsize vyre_telemetry_active_slots (
    const VyreTelemetry *telemetry, guint32 opcode);
VYRE_API gsize vyre_telemetry_active_windows (const VyreTelemetry *telemetry);

/* Continues a 64-bit counter from the next reading of one that wraps at 2^32.
 * Right as long as fewer than 2^32 events lie between two readings. */
VYRE_API guint64 vyre_telemetry_unwrap (guint64 previous, guint32 raw);

/* --- counters (19.7) ------------------------------------------------------- */

typedef struct
{
  guint32 total_slots, queue_depth;
  guint32 ring_idle_slots; /* empty; says nothing about the device's load */
  guint32 ring_idle_ppm;
  guint16 frontier_density_bps; /* depth of total */
  guint16 occupancy_proxy_bps; /* not empty of total */
  guint32 drained_slots;
  guint32 unreclaimed_done_slots;
  guint64 tenant_fairness_total, priority_fairness_total;
  guint32 tenant_fairness_skew; /* among tenants with any claim */
  guint32 requeue_slots, fault_slots;
} VyreRingCounters;

VYRE_API void vyre_ring_counters (
    VyreRingCounters *counters, const VyreTelemetry *telemetry);

G_END_DECLS
