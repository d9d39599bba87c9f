/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Strict readers of control, ring and debug-log snapshots. */
#include "ring.h"

#include "bytes.h"

#include <string.h>

static gboolean
check_aligned (const char *what, gsize n_bytes, GError **error)
{
  if (n_bytes % 4 != 0) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "%s: %" G_GSIZE_FORMAT " bytes, no whole number of words. Fix: pass "
        "whole 32-bit words.",
        what, n_bytes);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_word (const char *what, gsize n_bytes, guint64 index, GError **error)
{
  if (index >= n_bytes / 4) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "%s: word %" G_GUINT64_FORMAT " is not in %" G_GSIZE_FORMAT
        " bytes. Fix: capture the whole buffer that the encoder made.",
        what, index, n_bytes);
    return FALSE;
  }
  return TRUE;
}

static gboolean
read_control (const void *control, gsize n_bytes, guint64 index, guint32 *value,
    GError **error)
{
  if (!check_aligned ("control block", n_bytes, error) ||
      !check_word ("control block", n_bytes, index, error))
    return FALSE;
  *value = vyre_get_word (control, (gsize) index);
  return TRUE;
}

gboolean
vyre_ring_read_done_count (
    const void *control, gsize n_bytes, guint32 *value, GError **error)
{
  return read_control (control, n_bytes, VYRE_C_DONE_COUNT, value, error);
}

gboolean
vyre_ring_read_epoch (
    const void *control, gsize n_bytes, guint32 *value, GError **error)
{
  return read_control (control, n_bytes, VYRE_C_EPOCH, value, error);
}

gboolean
vyre_ring_read_observable (const void *control, gsize n_bytes, guint32 index,
    guint32 *value, GError **error)
{
  return read_control (
      control, n_bytes, (guint64) VYRE_C_OBSERVABLE + index, value, error);
}

gboolean
vyre_ring_read_metrics (const void *control, gsize n_bytes,
    VyreRingMetric metrics[VYRE_METRICS_SLOTS], guint *n_metrics,
    GError **error)
{
  guint32 i;

  if (!check_aligned ("control block", n_bytes, error) ||
      !check_word ("control block", n_bytes,
          VYRE_C_METRICS + VYRE_METRICS_SLOTS - 1, error))
    return FALSE;

  *n_metrics = 0;
  for (i = 0; i < VYRE_METRICS_SLOTS; i++) {
    guint32 count = vyre_get_word (control, VYRE_C_METRICS + i);

    if (count > 0)
      metrics[(*n_metrics)++] = (VyreRingMetric){ i, count };
  }
  return TRUE;
}

gboolean
vyre_ring_count_done (const void *ring, gsize n_bytes, guint32 n_slots,
    guint32 *count, GError **error)
{
  guint32 done = 0;
  guint32 i;

  if (n_slots > 0) {
    if (!check_aligned ("ring", n_bytes, error) ||
        !check_word (
            "ring", n_bytes, (guint64) n_slots * VYRE_SLOT_WORDS - 1, error))
      return FALSE;
  }
  for (i = 0; i < n_slots; i++) {
    if (vyre_get_word (ring, (gsize) i * VYRE_SLOT_WORDS + VYRE_W_STATUS) ==
        VYRE_ST_DONE)
      done++;
  }
  *count = done;
  return TRUE;
}

gboolean
vyre_ring_read_debug_log (const void *log, gsize n_bytes, GArray *records,
    guint32 *dropped, GError **error)
{
  gsize capacity, n, i;
  guint32 cursor;

  if (!check_aligned ("debug log", n_bytes, error) ||
      !check_word ("debug log", n_bytes, VYRE_D_CURSOR, error))
    return FALSE;
  cursor = vyre_get_word (log, VYRE_D_CURSOR);
  if (cursor % VYRE_D_RECORD_WORDS != 0) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "debug log: cursor %u is no multiple of %u. Fix: capture the log when "
        "no kernel of another version writes to it.",
        cursor, VYRE_D_RECORD_WORDS);
    return FALSE;
  }

  capacity = (n_bytes / 4 - VYRE_D_RECORDS) / VYRE_D_RECORD_WORDS;
  n = MIN (cursor / VYRE_D_RECORD_WORDS, capacity);
  g_array_set_size (records, 0);
  for (i = 0; i < n; i++) {
    gsize word = VYRE_D_RECORDS + i * VYRE_D_RECORD_WORDS;
    VyreRingDebugRecord record = { vyre_get_word (log, word),
      { vyre_get_word (log, word + 1), vyre_get_word (log, word + 2),
          vyre_get_word (log, word + 3) } };

    g_array_append_val (records, record);
  }
  if (dropped != NULL)
    *dropped = cursor / VYRE_D_RECORD_WORDS - (guint32) n;
  return TRUE;
}
