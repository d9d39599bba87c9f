/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Counters of each tenant. */

#include "engine-private.h"
#include "tenant-stats-private.h"

#include <string.h>
#include <time.h>

G_STATIC_ASSERT (VYRE_MAX_TENANTS == VYRE_TENANT_MASK_SLOTS);

struct _VyreTenantStats
{
  GMutex lock;
  gboolean present[VYRE_MAX_TENANTS];
  VyreTenantReading readings[VYRE_MAX_TENANTS];
};

static guint64
now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (guint64) now.tv_sec * 1000000000u + (guint64) now.tv_nsec;
}

VyreTenantStats *
vyre_tenant_stats_new (void)
{
  VyreTenantStats *stats = g_new0 (VyreTenantStats, 1);

  g_mutex_init (&stats->lock);
  return stats;
}

void
vyre_tenant_stats_free (VyreTenantStats *stats)
{
  if (stats == NULL)
    return;
  g_mutex_clear (&stats->lock);
  g_free (stats);
}

void
vyre_tenant_stats_begin (VyreTenantStats *stats, guint id, const char *name)
{
  const char *end;

  if (id >= VYRE_MAX_TENANTS)
    return;
  g_mutex_lock (&stats->lock);
  VyreTenantReading *reading = &stats->readings[id];
  memset (reading, 0, sizeof *reading);
  reading->id = id;
  reading->since = g_get_monotonic_time ();
  g_strlcpy (reading->name, name != NULL ? name : "", sizeof reading->name);
  /* No character is left that was cut, or was none. */
  if (!g_utf8_validate (reading->name, -1, &end))
    reading->name[end - reading->name] = '\0';
  stats->present[id] = TRUE;
  g_mutex_unlock (&stats->lock);
}

void
vyre_tenant_stats_end (VyreTenantStats *stats, guint id)
{
  if (id >= VYRE_MAX_TENANTS)
    return;
  g_mutex_lock (&stats->lock);
  stats->present[id] = FALSE;
  g_mutex_unlock (&stats->lock);
}

guint64
vyre_tenant_stats_submitted (
    VyreTenantStats *stats, guint id, guint64 bytes, guint tiles)
{
  if (id < VYRE_MAX_TENANTS) {
    g_mutex_lock (&stats->lock);
    stats->readings[id].submitted++;
    stats->readings[id].bytes += bytes;
    stats->readings[id].tiles += tiles;
    g_mutex_unlock (&stats->lock);
  }
  return now_ns ();
}

void
vyre_tenant_stats_finished (
    VyreTenantStats *stats, guint id, const VyreTenantEnd *end)
{
  guint64 now = now_ns ();
  guint64 latency = now > end->published_ns ? now - end->published_ns : 0;

  if (id >= VYRE_MAX_TENANTS)
    return;
  g_mutex_lock (&stats->lock);
  VyreTenantReading *reading = &stats->readings[id];
  switch (end->state) {
    case VYRE_WINDOW_DONE:
      reading->done++;
      break;
    case VYRE_WINDOW_FAULT:
      reading->faulted++;
      reading->fault_code = end->code;
      reading->fault_address = end->address;
      reading->fault_at = (gint64) (now / 1000);
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
  reading->latency_sum_ns += latency;
  reading->latency_max_ns = MAX (reading->latency_max_ns, latency);
  reading->latency[vyre_latency_bucket (latency)]++;
  g_mutex_unlock (&stats->lock);
}

guint
vyre_tenant_stats_read (
    VyreTenantStats *stats, VyreTenantReading *readings, guint n)
{
  guint written = 0;

  g_mutex_lock (&stats->lock);
  for (guint id = 0; id < VYRE_MAX_TENANTS && written < n; id++) {
    if (stats->present[id])
      readings[written++] = stats->readings[id];
  }
  g_mutex_unlock (&stats->lock);
  return written;
}

void
vyre_window_note_published (VyreWindow *window)
{
  guint64 bytes = 0;

  for (guint i = 0; i < window->n_bindings; i++)
    bytes += window->bindings[i].length;
  window->published_ns = vyre_tenant_stats_submitted (
      window->runtime->stats, window->tenant, bytes, window->n_tiles);
}

void
vyre_window_note_ended (VyreWindow *window)
{
  const VyreTenantEnd end = {
    .state = window->state,
    .published_ns = window->published_ns,
    .code = window->code,
    .address = window->address,
    .steps = window->steps,
    .slices = window->slices,
  };

  vyre_tenant_stats_finished (window->runtime->stats, window->tenant, &end);
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
  return vyre_tenant_stats_read (runtime->stats, readings, n);
}
