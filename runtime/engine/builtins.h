/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../ring/ring.h"
#include "runtime.h"

G_BEGIN_DECLS

/*
 * The ring protocol's builtin opcodes (ring-protocol.md sections 5 to 7, 11 and
 * 12), published for the GPU. What is published together is a window: it is
 * waited for, and ends, as those of programs do, but cannot be cancelled: it
 * ends by itself. The first call of a runtime compiles a kernel.
 *
 * What an opcode addresses are words of the control block, by their numbers
 * there: observable i is word VYRE_C_OBSERVABLE + i. A tenant has a window of
 * them, none at first; everything else is out of its reach, and addressing it
 * is VYRE_FAULT_CONTROL_INDEX.
 *
 *   NOP                    nothing
 *   STORE_U32      v, i    word i = v                      yields what it was
 *   ATOMIC_ADD     v, i    word i += v, modulo 2^32        yields what it was
 *   LOAD_U32       i, o    observable o = word i           yields it
 *   COMPARE_SWAP   i, e, v word i = v if it was e;
 *                          observable i = what it was      yields what it was
 *   MEMCPY         i, k, n word k + j = word i + j for j from 0 to n - 1 in
 *                          this order                      yields n
 *   DFA_STEP       s, c, o observable o = entry c of row s of the tenant's
 *                          table; c is below 256           yields it
 *   BATCH_FENCE    n, tag  when the tenant's slots among the n before this one
 *                          have ended: the epoch rises, observable 0 = tag
 *                                                          yields the epoch
 *   PRINTF         f, a, b a record of the debug log; f is not 0
 *   SHUTDOWN               as vyre_runtime_shutdown() with no deadline
 *
 * Arguments that are not given are 0. PRINTF needs the right MAY_PRINT,
 * SHUTDOWN the right MAY_SHUT_DOWN, loading a resource MAY_IO.
 */

/* --- a tenant's means --------------------------------------------------------- */

/* VYRE_TENANT_MAY_* (ring/words.h); at first EXECUTE, PRINT and IO. Without
 * EXECUTE, what is published waits. WRITE_CONTROL lets builtins reach all words
 * of the control block, those of other tenants included. At once, from any
 * thread. */
VYRE_API void vyre_tenant_set_rights (VyreTenant *tenant, guint32 rights);

/* Gives the tenant a window of n observables, all 0, in place of the one it has
 * had. first (out): the number of the first word. Errors: VYRE_RUNTIME_ERROR:
 * BUSY while the tenant has something in flight, LIMIT when no n in a row are
 * free of VYRE_CONTROL_OBSERVABLES. Observable 0 is nobody's. */
VYRE_API gboolean vyre_tenant_set_observables (VyreTenant *tenant, guint n,
    guint32 *first, GError **error);
/* n words of the control block from first on, read from device memory: about a
 * microsecond each on a discrete GPU. Prefer vyre_window_get_item(). */
VYRE_API void vyre_tenant_read_observables (VyreTenant *tenant, guint32 first,
    guint n, guint32 *words);

/* The table of DFA_STEP: n_states rows of 256 words, copied; none with 0. BUSY
 * and LIMIT as above. */
VYRE_API gboolean vyre_tenant_set_table (VyreTenant *tenant,
    const guint32 *words, guint n_states, GError **error);

/* --- publishing ------------------------------------------------------------------ */

/* A slot for each item, at the tenant's level, all or none. Not LOAD_MISS (see
 * vyre_tenant_load()), nor opcodes that are no builtins: UNSUPPORTED. Errors:
 * VYRE_RING_ERROR (opcode, arguments), VYRE_RUNTIME_ERROR (BUSY: try again when
 * something has ended; LIMIT: more than a quarter of the level). Returns a
 * reference. */
VYRE_API VyreWindow *vyre_tenant_publish (VyreTenant *tenant,
    const VyreRingItem *items, guint n_items, GError **error);
/* The same with a BATCH_FENCE for all of them in one more slot. */
VYRE_API VyreWindow *vyre_tenant_publish_batch (VyreTenant *tenant,
    const VyreRingItem *items, guint n_items, guint32 tag, GError **error);
/* All operations in one slot, run one after the other (section 7); the first
 * that faults ends it. Its item yields what the last one does. */
VYRE_API VyreWindow *vyre_tenant_publish_packed (VyreTenant *tenant,
    const VyreRingItem *items, guint n_items, GError **error);

typedef struct
{
  guint code;                   /* VYRE_FAULT_*; NONE: done */
  guint32 value;                /* what it yields; the fault's address */
} VyreItemResult;

/* One of the window's items, once it has ended; %FALSE before, if it was lost,
 * or if there is none of that number. */
VYRE_API gboolean vyre_window_get_item (VyreWindow *window, guint item,
    VyreItemResult *result);

/* --- resources: LOAD_MISS -------------------------------------------------------- */

/* Names length bytes of a file from offset on, and where in a block they go; the
 * GPU then asks for them by number, and the host reads them (by io_uring, if
 * there is one) without any thread spinning. The file is opened at once.
 * number (out): never 0. Errors: G_FILE_ERROR, VYRE_RUNTIME_ERROR_BINDING. The
 * resource lives as long as the tenant. */
VYRE_API gboolean vyre_tenant_add_resource (VyreTenant *tenant,
    const char *path, guint64 offset, gsize length, VyreBlock *block, gsize at,
    guint32 *number, GError **error);
/* Publishes LOAD_MISS. Its item yields the bytes read, fewer than the length
 * only at the end of the file, and faults with VYRE_FAULT_IO and an errno. It
 * ends when they are there; with prefetch at once. Windows that read the block
 * are published after the end, or may see what was there before. */
VYRE_API VyreWindow *vyre_tenant_load (VyreTenant *tenant, guint32 number,
    gboolean prefetch, GError **error);

/* --- the debug log: PRINTF -------------------------------------------------------- */

typedef struct
{
  guint64 number;               /* counts the runtime's records, from 0 */
  guint tenant;
  guint32 slot;                 /* in the ring */
  guint32 sequence;             /* of the slot's contents; wraps */
  VyreRingDebugRecord record;   /* args[2]: the slot's word index */
} VyreLogRecord;

/* Records that are kept for readers. */
#define VYRE_LOG_KEPT 4096

/* Up to n records from number *next on, oldest first; moves *next behind them.
 * Every reader has its own next, 0 at first, and sees every record that is
 * still kept. lost (may be %NULL) rises by those that were not kept any more.
 * Any thread. */
VYRE_API guint vyre_runtime_read_log (VyreRuntime *runtime, guint64 *next,
    VyreLogRecord *records, guint n, guint64 *lost);
/* The number of the record that comes next. Any thread. */
VYRE_API guint64 vyre_runtime_get_log_end (VyreRuntime *runtime);
/* Records that the GPU found no room for so far; wraps. Reads device memory. */
VYRE_API guint32 vyre_runtime_get_log_dropped (VyreRuntime *runtime);

/* --- shutdown --------------------------------------------------------------------- */

/* In two phases (section 17): from now on nothing is published any more
 * (VYRE_RUNTIME_ERROR_SHUTDOWN), what is in flight ends; then all kernels leave.
 * Waits for both until end_time (monotonic, µs; 0: does not wait); what has not
 * ended by then is cancelled. Returns whether everything ended by itself, and
 * in time. Any thread; the second call waits for the same. Whoever acquires the
 * device's runtime next gets a new one. */
VYRE_API gboolean vyre_runtime_shutdown (VyreRuntime *runtime,
    gint64 end_time);

G_END_DECLS
