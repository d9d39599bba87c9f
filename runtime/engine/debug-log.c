/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The debug log: a ring of records that kernels write and the host takes. */

#include "engine-private.h"

/* In the order of the GPU's cursor: one that is begun and not there yet holds
 * those behind it up, for as long as a workgroup takes to write it. */
void
vyre_runtime_drain_log (VyreRuntime *runtime)
{
  guint32 *tail = vyre_runtime_tail (runtime) + VYRE_TAIL_LOG;
  guint n = 0;

  for (; n < VYRE_D_CAPACITY; n++) {
    guint32 *words =
        tail + runtime->n_logged % VYRE_D_CAPACITY * VYRE_LOG_RECORD_WORDS;
    guint32 format =
        __atomic_load_n (&words[VYRE_LOG_FORMAT], __ATOMIC_ACQUIRE);

    if (format == 0)
      break;
    runtime->log[runtime->n_logged % VYRE_LOG_KEPT] = (VyreLogRecord){
      .number = runtime->n_logged,
      .tenant = words[VYRE_LOG_TENANT],
      .slot = words[VYRE_LOG_SLOT_BASE] / VYRE_SLOT_WORDS,
      .sequence = words[VYRE_LOG_SEQUENCE],
      .record = { format, { words[VYRE_LOG_ARG1], words[VYRE_LOG_ARG2],
                              words[VYRE_LOG_SLOT_BASE] } },
    };
    /* Before the GPU learns that there is room. */
    __atomic_store_n (&words[VYRE_LOG_FORMAT], 0, __ATOMIC_RELEASE);
    runtime->n_logged++;
  }
  if (n > 0) {
    vyre_ring_store_fence ();
    vyre_poke (runtime->door, VYRE_DOOR_LOG_READ, (guint32) runtime->n_logged);
    vyre_ring_store_fence ();
  }
}

guint
vyre_runtime_read_log (VyreRuntime *runtime, guint64 *next,
    VyreLogRecord *records, guint n, guint64 *lost)
{
  guint read = 0;

  g_mutex_lock (&runtime->lock);
  if (runtime->log != NULL)
    vyre_runtime_drain_log (runtime);
  if (runtime->n_logged - MIN (*next, runtime->n_logged) > VYRE_LOG_KEPT) {
    guint64 oldest = runtime->n_logged - VYRE_LOG_KEPT;

    if (lost != NULL)
      *lost += oldest - *next;
    *next = oldest;
  }
  for (; read < n && *next < runtime->n_logged; (*next)++)
    records[read++] = runtime->log[*next % VYRE_LOG_KEPT];
  vyre_runtime_unlock (runtime);
  return read;
}

guint64
vyre_runtime_get_log_end (VyreRuntime *runtime)
{
  g_mutex_lock (&runtime->lock);
  if (runtime->log != NULL)
    vyre_runtime_drain_log (runtime);
  guint64 end = runtime->n_logged;
  vyre_runtime_unlock (runtime);
  return end;
}

guint32
vyre_runtime_get_log_dropped (VyreRuntime *runtime)
{
  return vyre_peek (runtime->door, VYRE_DOOR_LOG_DROPPED);
}
