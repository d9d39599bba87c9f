/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "../export.h"
#include "words.h"

G_BEGIN_DECLS

/*
 * Host side of the ring protocol on plain memory.
 *
 * A ring is an array of 32-bit words in host order, @n_words long, 16 words a
 * slot (section 3). Publishers write a whole group of slots or nothing. None
 * of these functions locks: one ring, one writer at a time. STATUS words are
 * read with acquire and written with release, so that another thread of the
 * host may watch them.
 *
 * Every function that takes a GError returns %FALSE with a VYRE_RING_ERROR on
 * failure and then has changed neither the ring nor its outputs.
 */

#define VYRE_RING_ERROR (vyre_ring_error_quark ())
VYRE_API GQuark vyre_ring_error_quark (void);

/* Classes of section 22; messages read "what: numbers. Fix: action". */
typedef enum
{
  VYRE_RING_ERROR_INVALID_ARGUMENT,
  VYRE_RING_ERROR_BUSY, /* the slot's status does not allow it now */
  VYRE_RING_ERROR_FULL, /* beyond the ring's or the table's end */
  VYRE_RING_ERROR_MALFORMED, /* a buffer of the wrong shape */
  VYRE_RING_ERROR_UNSUPPORTED, /* in the protocol, but no kernel runs it */
  VYRE_RING_ERROR_IO,
  VYRE_RING_ERROR_DEVICE_LOST,
  VYRE_RING_ERROR_TIMEOUT,
  VYRE_RING_ERROR_QUOTA,
} VyreRingError;

/* --- lengths and encoders (section 13) ------------------------------------ */

/* Bytes of each buffer; %FALSE beyond what 32-bit word counts represent. */
VYRE_API gboolean vyre_ring_control_bytes (guint32 observables, guint64 *bytes);
VYRE_API gboolean vyre_ring_slot_bytes (guint32 slots, guint64 *bytes);
VYRE_API gboolean vyre_ring_debug_log_bytes (guint32 records, guint64 *bytes);

/*
 * Fills @words, which must be exactly as long as the length functions say.
 * Tenants 0 to @tenants - 1 get a mask of all ones and the initial quota, as
 * far as the tables go. Priority offsets stay zero: see
 * vyre_ring_write_priority_offsets().
 */
VYRE_API gboolean vyre_ring_encode_control (guint32 *words, gsize n_words,
    gboolean shutdown, guint32 tenants, guint32 observables, GError **error);
VYRE_API gboolean vyre_ring_encode_empty (
    guint32 *words, gsize n_words, guint32 slots, GError **error);
VYRE_API gboolean vyre_ring_encode_debug_log (
    guint32 *words, gsize n_words, guint32 records, GError **error);

/* First slot of each level and, last, the number of slots (section 10.1). */
VYRE_API void vyre_ring_priority_offsets (
    guint32 slots, guint32 offsets[VYRE_PRI_OFFSET_SLOTS]);
VYRE_API gboolean vyre_ring_write_priority_offsets (
    guint32 *control, gsize n_words, guint32 slots, GError **error);

/* --- opcodes (section 5.2) ------------------------------------------------ */

VYRE_API gboolean vyre_ring_opcode_is_builtin (guint32 opcode);
VYRE_API gboolean vyre_ring_opcode_is_system (guint32 opcode);
/* Whether the number is legal in a published slot. Publishers still refuse one
 * legal number as UNSUPPORTED: DFA_STEP, which no kernel implements. */
VYRE_API gboolean vyre_ring_opcode_is_publishable (guint32 opcode);

/* --- status machine (section 4) ------------------------------------------- */

typedef enum
{
  VYRE_RING_PUBLISH, /* always refused: use a publish function */
  VYRE_RING_CLAIM,
  VYRE_RING_FINISH,
  VYRE_RING_FAIL,
  VYRE_RING_CANCEL,
  VYRE_RING_RESET, /* FAULT to EMPTY */
} VyreRingTransition;

/* @previous (out, optional): the status before. */
VYRE_API gboolean vyre_ring_transition (guint32 *ring, gsize n_words,
    guint32 slot, VyreRingTransition transition, guint32 *previous,
    GError **error);

/* "empty", "published" ... or "unknown". */
VYRE_API const char *vyre_ring_status_name (guint32 status);
/* PUBLISHED, CLAIMED, WAIT_IO, YIELD or REQUEUE. */
VYRE_API gboolean vyre_ring_status_is_active (guint32 status);

/* --- publishing (sections 7 and 14) --------------------------------------- */

typedef struct
{
  guint32 opcode;
  const guint32 *args;
  guint32 n_args; /* at most VYRE_ARGS_PER_SLOT */
} VyreRingItem;

typedef struct
{
  guint32 opcode, input, output, param;
} VyreRingWorkItem;

/* One slot. Payload first, STATUS last; PRIORITY is always NORMAL. */
VYRE_API gboolean vyre_ring_publish_slot (guint32 *ring, gsize n_words,
    guint32 slot, guint32 tenant, guint32 opcode, const guint32 *args,
    gsize n_args, GError **error);

/* @items in consecutive slots from @start, then a BATCH_FENCE with
 * (count, tag). @used (out, optional): slots written, the fence included. */
VYRE_API gboolean vyre_ring_publish_batch (guint32 *ring, gsize n_words,
    guint32 start, guint32 tenant, const VyreRingItem *items, gsize n_items,
    guint32 tag, guint32 *used, GError **error);

/* @items in consecutive slots from @start. */
VYRE_API gboolean vyre_ring_publish_work_items (guint32 *ring, gsize n_words,
    guint32 start, guint32 tenant, const VyreRingWorkItem *items, gsize n_items,
    GError **error);

/* The whole ring anew: @items from slot 0, all other words zero. For a ring
 * that no kernel serves yet: slot statuses are not looked at. */
VYRE_API gboolean vyre_ring_encode_work_items (guint32 *ring, gsize n_words,
    guint32 tenant, const VyreRingWorkItem *items, gsize n_items,
    GError **error);

/* The argument words of a packed slot (section 7.1). Opcodes fit a byte.
 * @n_args (out): words used. */
VYRE_API gboolean vyre_ring_pack (guint32 args[VYRE_ARGS_PER_SLOT],
    guint32 *n_args, const VyreRingItem *ops, gsize n_ops, GError **error);
/* Packs @ops into one slot. */
VYRE_API gboolean vyre_ring_publish_packed (guint32 *ring, gsize n_words,
    guint32 slot, guint32 tenant, const VyreRingItem *ops, gsize n_ops,
    GError **error);

#define VYRE_RING_CLASS_REQUIRED 0
#define VYRE_RING_CLASS_LOOKAHEAD 1
#define VYRE_RING_WINDOW_ARGS (VYRE_ARGS_PER_SLOT - 2)

typedef struct
{
  const guint32 *words;
  guint32 n_words; /* at most VYRE_RING_WINDOW_ARGS */
} VyreRingPayload;

typedef struct
{
  guint32 tenant, opcode, ticket;
  const VyreRingPayload *required;
  gsize n_required;
  const VyreRingPayload *lookahead;
  gsize n_lookahead;
} VyreRingWindow;

/* A window's slots from @start on, required before look-ahead. An empty
 * window is legal and uses none. @used (out, optional). */
VYRE_API gboolean vyre_ring_publish_window (guint32 *ring, gsize n_words,
    guint32 start, const VyreRingWindow *window, guint32 *used, GError **error);

/* LOAD_MISS is no publishable opcode: its slot exists only ready-made
 * (section 12.5). */
VYRE_API void vyre_ring_encode_load_miss (
    guint32 resource, gboolean prefetch, guint32 slot[VYRE_SLOT_WORDS]);
VYRE_API gboolean vyre_ring_decode_load_miss (
    const guint32 *slot, gsize n_words, guint32 *resource, gboolean *prefetch);

/* Transport of ready-made slots: copies 64 bytes in or out, with no look at
 * the status. */
VYRE_API gboolean vyre_ring_write_slot (guint32 *ring, gsize n_words,
    guint32 slot, const void *bytes, gsize n_bytes, GError **error);
VYRE_API gboolean vyre_ring_read_slot (const guint32 *ring, gsize n_words,
    guint32 slot, void *bytes, gsize n_bytes, GError **error);

/*
 * Copies @n whole slots, whose numbers are in @slots, from @shadow to the ring
 * in mapped write-combined device memory that a kernel may be serving. All
 * payloads go first, with EMPTY in the status word, then a store fence, then the
 * status words of the shadow. So a kernel that sees PUBLISHED sees the payload,
 * and write-combining buffers that drain early publish nothing. The caller ends
 * with a store fence, once for all else that it has to say: every one waits until
 * the stores before have crossed the bus.
 *
 * Never reads @mapped_ring. Both arrays are whole slots; the caller has
 * checked that every number in @slots lies in them and that the kernel owns
 * none of these slots. @mapped_ring needs no more than 4-byte alignment; with
 * 64 bytes every slot is one burst.
 */
VYRE_API void vyre_ring_publish_mapped (volatile guint32 *mapped_ring,
    const guint32 *shadow, const guint32 *slots, guint n);

/* Copies @n whole lines to mapped device memory, of which every one that is
 * aligned is one burst. No fence. */
#define VYRE_LINE_WORDS 16
VYRE_API void vyre_ring_store_lines (
    volatile guint32 *to, const guint32 *from, guint n);

/* Orders all stores before it, write-combined ones included, before all
 * stores after it. */
VYRE_API void vyre_ring_store_fence (void);

/* --- readers of snapshots (sections 11 and 13) ----------------------------- */

/* @control, @ring, @log: little-endian bytes. Only the bytes that are needed
 * must be there. */
VYRE_API gboolean vyre_ring_read_done_count (
    const void *control, gsize n_bytes, guint32 *value, GError **error);
VYRE_API gboolean vyre_ring_read_epoch (
    const void *control, gsize n_bytes, guint32 *value, GError **error);
VYRE_API gboolean vyre_ring_read_observable (const void *control, gsize n_bytes,
    guint32 index, guint32 *value, GError **error);

typedef struct
{
  guint32 opcode; /* 0 to 31 */
  guint32 count; /* not 0 */
} VyreRingMetric;

VYRE_API gboolean vyre_ring_read_metrics (const void *control, gsize n_bytes,
    VyreRingMetric metrics[VYRE_METRICS_SLOTS], guint *n_metrics,
    GError **error);

/* Slots that are DONE among the first @n_slots. */
VYRE_API gboolean vyre_ring_count_done (const void *ring, gsize n_bytes,
    guint32 n_slots, guint32 *count, GError **error);

typedef struct
{
  guint32 format;
  guint32 args[3]; /* the kernel stores the slot's word index in the last */
} VyreRingDebugRecord;

/*
 * Records of the debug log into @records, a GArray of VyreRingDebugRecord,
 * which is cleared first. A log that ran over yields the records that were
 * kept; @dropped (out, optional) is the number of those that were not.
 */
VYRE_API gboolean vyre_ring_read_debug_log (const void *log, gsize n_bytes,
    GArray *records, guint32 *dropped, GError **error);

G_END_DECLS
