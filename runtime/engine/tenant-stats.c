/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counters of each tenant. */

#include "engine-private.h"
#include "tenant-stats-private.h"

#include <string.h>

/* Entries looked at while the lock keeps others waiting. */
#define READ_AT_ONCE 32

typedef struct
{
  gboolean present; /* or gone, with windows in flight perhaps */
  VyreTenantReading reading;
} Entry;

struct _VyreTenantStats
{
  Entry *entries[VYRE_TENANTS]; /* by id; %NULL: never used */
};

VyreTenantStats *
vyre_tenant_stats_new (void)
{
  return g_new0 (VyreTenantStats, 1);
}

void
vyre_tenant_stats_free (VyreTenantStats *stats)
{
  if (stats == NULL)
    return;
  for (guint id = 0; id < VYRE_TENANTS; id++)
    g_free (stats->entries[id]);
  g_free (stats);
}

void
vyre_tenant_stats_begin (VyreTenantStats *stats, guint id, const char *name)
{
  const char *end;

  if (id >= VYRE_TENANTS)
    return;
  if (stats->entries[id] == NULL)
    stats->entries[id] = g_new (Entry, 1);
  VyreTenantReading *reading = &stats->entries[id]->reading;
  memset (reading, 0, sizeof *reading);
  reading->id = id;
  reading->since = g_get_monotonic_time ();
  g_strlcpy (reading->name, name != NULL ? name : "", sizeof reading->name);
  /* No character is left that was cut, or was none. */
  if (!g_utf8_validate (reading->name, -1, &end))
    reading->name[end - reading->name] = '\0';
  stats->entries[id]->present = TRUE;
}

static Entry *
find_entry (VyreTenantStats *stats, guint id)
{
  return id < VYRE_TENANTS ? stats->entries[id] : NULL;
}

void
vyre_tenant_stats_end (VyreTenantStats *stats, guint id)
{
  Entry *entry = find_entry (stats, id);
  if (entry != NULL)
    entry->present = FALSE;
}

void
vyre_tenant_stats_submitted (
    VyreTenantStats *stats, guint id, guint64 bytes, guint tiles)
{
  Entry *entry = find_entry (stats, id);
  if (entry != NULL) {
    entry->reading.submitted++;
    entry->reading.bytes += bytes;
    entry->reading.tiles += tiles;
  }
}

static void
count_end (VyreTenantReading *reading, const VyreTenantEnd *end)
{
  switch (end->state) {
    case VYRE_WINDOW_DONE:
      reading->done++;
      break;
    case VYRE_WINDOW_FAULT:
      reading->faulted++;
      reading->fault_code = end->code;
      reading->fault_address = end->address;
      reading->fault_at = g_get_monotonic_time ();
      break;
    case VYRE_WINDOW_CANCELLED:
      reading->cancelled++;
      break;
    default:
      reading->lost++;
      break;
  }
  if (end->compiled)
    reading->compiled++;
  reading->steps += end->steps;
  reading->slices += end->slices;
  reading->latency_sum_ns += end->latency_ns;
  reading->latency_max_ns = MAX (reading->latency_max_ns, end->latency_ns);
  reading->latency[vyre_latency_bucket (end->latency_ns)]++;
}

void
vyre_tenant_stats_finished (
    VyreTenantStats *stats, guint id, const VyreTenantEnd *end)
{
  Entry *entry = find_entry (stats, id);
  if (entry != NULL)
    count_end (&entry->reading, end);
}

void
vyre_tenant_stats_quiesced (
    VyreTenantStats *stats, guint id, gboolean in_time, guint64 wait_ns)
{
  Entry *entry = find_entry (stats, id);
  if (entry != NULL) {
    entry->reading.quiesce_calls++;
    entry->reading.quiesce_timeouts += !in_time;
    entry->reading.quiesce_wait_ns += wait_ns;
  }
}

guint
vyre_tenant_stats_read (VyreTenantStats *stats, guint first, guint end,
    VyreTenantReading *readings, guint n)
{
  guint written = 0;

  for (guint id = first; id < end && written < n; id++) {
    const Entry *entry = stats->entries[id];
    if (entry != NULL && entry->present)
      readings[written++] = entry->reading;
  }
  return written;
}

void
vyre_window_note_published (VyreWindow *window)
{
  vyre_tenant_stats_submitted (
      window->runtime->stats, window->tenant, window->n_bytes, window->n_tiles);
  if (window->replay != NULL)
    vyre_replay_note_published (window);
}

void
vyre_window_note_ended (VyreWindow *window, VyreWindowState state)
{
  VyreRuntime *runtime = window->runtime;

  /* The clock costs as much as all the rest. */
  if (runtime->reaped_at == 0)
    runtime->reaped_at = g_get_monotonic_time ();
  gint64 latency = runtime->reaped_at - window->published_at;
  const VyreTenantEnd end = {
    .state = state,
    .latency_ns = (guint64) MAX (latency, 0) * 1000,
    .code = window->code,
    .address = window->address,
    .steps = window->steps,
    .slices = window->slices,
    .compiled = (window->kernel->id & VYRE_KERNEL_COMPILED) != 0,
  };

  vyre_tenant_stats_finished (runtime->stats, window->tenant, &end);
  if (window->replay != NULL)
    vyre_replay_note_ended (window, state);
}

guint64
vyre_tenant_reading_in_flight (const VyreTenantReading *reading)
{
  guint64 ended =
      reading->done + reading->faulted + reading->cancelled + reading->lost;

  return reading->submitted > ended ? reading->submitted - ended : 0;
}

guint
vyre_runtime_read_tenants (
    VyreRuntime *runtime, VyreTenantReading *readings, guint n)
{
  guint written = 0;

  for (guint id = 0; id < VYRE_TENANTS && written < n; id += READ_AT_ONCE) {
    g_mutex_lock (&runtime->lock);
    written += vyre_tenant_stats_read (runtime->stats, id,
        MIN (id + READ_AT_ONCE, VYRE_TENANTS), readings + written, n - written);
    g_mutex_unlock (&runtime->lock);
  }
  return written;
}
