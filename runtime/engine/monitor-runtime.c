/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The lines of a runtime's monitor: docs/telemetry.md describes them. */

#include "engine-private.h"
#include "monitor-private.h"
#include "tenant-stats-private.h"
#include "../telemetry/watchdog.h"

#include <json-glib/json-glib.h>
#include <string.h>
#include <unistd.h>

#define PROTOCOL "vyre-top"
#define PROTOCOL_VERSION 1
#define PERIOD_MS 250
#define PATIENCE_MS 5000
/* Work without progress for this long is a stall. */
#define WATCH_NS (500 * G_GINT64_CONSTANT (1000000))

/* The monitor's thread alone uses it, but for its life. */
struct _VyreRuntimeMonitor
{
  VyreRuntime *runtime; /* which owns this: not a reference */
  VyreMonitor *monitor;
  VyreTenantReading *readings; /* VYRE_TENANTS */
  VyreTelemetry current;
  VyreWatchdog watchdog;
};

/* Guards the pointers to monitors of all runtimes. */
static GMutex offer_lock;

/* --- JSON ---------------------------------------------------------------- */

static void
add_int (JsonBuilder *builder, const char *name, guint64 value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_int_value (builder, (gint64) MIN (value, G_MAXINT64));
}

static void
add_string (JsonBuilder *builder, const char *name, const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value != NULL ? value : "", -1);

  json_builder_set_member_name (builder, name);
  json_builder_add_string_value (builder, valid);
}

static void
add_boolean (JsonBuilder *builder, const char *name, gboolean value)
{
  json_builder_set_member_name (builder, name);
  json_builder_add_boolean_value (builder, value);
}

static void
begin_group (JsonBuilder *builder, const char *name)
{
  json_builder_set_member_name (builder, name);
  json_builder_begin_object (builder);
}

static char *
finish_line (JsonBuilder *builder)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = NULL;
  GString *line = g_string_new (NULL);

  json_builder_end_object (builder);
  root = json_builder_get_root (builder);
  json_generator_set_root (generator, root);
  json_generator_to_gstring (generator, line);
  g_string_append_c (line, '\n');
  return g_string_free (line, FALSE);
}

static const char *
residency_name (VyreResidency residency)
{
  return residency == VYRE_RESIDENCY_RESIDENT ? "resident" : "sliced";
}

static char *
make_hello (gpointer user_data)
{
  const VyreRuntimeMonitor *self = user_data;
  const VyreDeviceInfo *info = vyre_runtime_get_device_info (self->runtime);
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  const char *reason;
  VyreResidency residency = vyre_runtime_get_residency (self->runtime, &reason);

  json_builder_begin_object (builder);
  add_string (builder, "type", "hello");
  add_string (builder, "protocol", PROTOCOL);
  add_int (builder, "version", PROTOCOL_VERSION);
  add_int (builder, "pid", (guint64) getpid ());
  add_string (builder, "program", g_get_prgname ());
  add_int (builder, "period-ms", PERIOD_MS);
  begin_group (builder, "device");
  add_int (builder, "index", info->index);
  add_string (builder, "name", info->name);
  add_string (builder, "driver", info->driver);
  json_builder_end_object (builder);
  add_string (builder, "residency", residency_name (residency));
  add_string (builder, "residency-reason", reason);
  return finish_line (builder);
}

/* --- groups of a sample -------------------------------------------------- */

static void
add_runtime (
    JsonBuilder *builder, VyreRuntime *runtime, const VyreRuntimeSnapshot *s)
{
  VyreArena *arena = vyre_runtime_get_host_arena (runtime);
  guint64 copied, avoided;
  gsize used = 0, peak = 0, size = 0;

  vyre_runtime_get_copies (runtime, &copied, &avoided);
  if (arena != NULL) {
    vyre_arena_get_usage (arena, &used, &peak, NULL);
    size = vyre_arena_get_size (arena);
  }
  begin_group (builder, "runtime");
  add_int (builder, "tenants", s->tenants);
  add_int (builder, "windows-in-flight", s->windows_in_flight);
  add_int (builder, "windows-submitted", s->windows_submitted);
  add_int (builder, "windows-done", s->windows_done);
  add_int (builder, "windows-faulted", s->windows_faulted);
  add_int (builder, "windows-cancelled", s->windows_cancelled);
  add_int (builder, "windows-restarted", s->windows_restarted);
  add_int (builder, "tiles-published", s->tiles_published);
  add_int (builder, "tiles-done", s->tiles_done);
  add_int (builder, "bytes-bound", s->bytes_bound);
  add_int (builder, "launches", s->launches);
  add_int (builder, "generations", s->generations);
  add_int (builder, "idle-exits", s->idle_exits);
  add_int (builder, "unattended-us", s->unattended_us);
  add_int (builder, "host-copy-bytes", copied);
  add_int (builder, "host-copy-avoided-bytes", avoided);
  add_int (builder, "resident-device-bytes", s->resident_device_bytes);
  add_int (builder, "arena-bytes", size);
  add_int (builder, "arena-used-bytes", used);
  add_int (builder, "arena-peak-bytes", peak);
  json_builder_end_object (builder);
}

static void
add_ring (JsonBuilder *builder, const VyreTelemetry *telemetry)
{
  const VyreRingOccupancy *o = &telemetry->occupancy;

  begin_group (builder, "ring");
  add_int (builder, "slots", vyre_ring_occupancy_total (o));
  add_int (builder, "depth", vyre_ring_occupancy_depth (o));
  add_int (builder, "empty", o->empty);
  add_int (builder, "published", o->published);
  add_int (builder, "claimed", o->claimed);
  add_int (builder, "done", o->done);
  add_int (builder, "wait-io", o->wait_io);
  add_int (builder, "yield", o->yield);
  add_int (builder, "requeue", o->requeue);
  add_int (builder, "fault", o->fault);
  add_int (builder, "unknown", o->unknown);
  json_builder_end_object (builder);
}

static void
add_control (JsonBuilder *builder, const VyreControlSnapshot *control)
{
  begin_group (builder, "control");
  add_int (builder, "done", control->done_count);
  add_int (builder, "claimed", control->claimed);
  add_int (builder, "yielded", control->yielded);
  add_int (builder, "faulted", control->faulted);
  add_int (builder, "idle-polls", control->idle_polls);
  add_int (builder, "exited", control->exited);
  add_int (builder, "steps", control->steps);
  json_builder_end_object (builder);
}

static void
add_watchdog (JsonBuilder *builder, VyreRuntimeMonitor *self, gint64 now)
{
  const VyreWatchdogReport *report = &self->watchdog.report;

  self->watchdog.timeout_ns = WATCH_NS;
  vyre_watchdog_look (&self->watchdog, &self->current, (guint64) now * 1000);
  begin_group (builder, "watchdog");
  add_boolean (builder, "stalled", self->watchdog.stalled);
  add_int (builder, "runnable-slots", report->runnable_slots);
  add_int (builder, "masked-slots", report->masked_slots);
  add_int (builder, "fault-slots", report->fault_slots);
  add_int (builder, "stuck-slots", report->stuck_slots);
  json_builder_end_object (builder);
}

/* Interpolated: not beyond what there ever was. */
static void
add_percentile (JsonBuilder *builder, const char *name,
    const VyreTenantReading *reading, double percent)
{
  add_int (builder, name,
      MIN (vyre_latency_percentile (reading->latency, percent),
          reading->latency_max_ns));
}

static void
add_latency (JsonBuilder *builder, const VyreTenantReading *reading)
{
  begin_group (builder, "latency");
  add_int (builder, "sum-ns", reading->latency_sum_ns);
  add_int (builder, "max-ns", reading->latency_max_ns);
  add_percentile (builder, "p50-ns", reading, 50);
  add_percentile (builder, "p90-ns", reading, 90);
  add_percentile (builder, "p99-ns", reading, 99);
  json_builder_set_member_name (builder, "buckets");
  json_builder_begin_array (builder);
  for (guint i = 0; i < VYRE_LATENCY_BUCKETS; i++) {
    if (reading->latency[i] == 0)
      continue;
    json_builder_begin_array (builder);
    json_builder_add_int_value (builder, (gint64) vyre_latency_lower (i));
    json_builder_add_int_value (builder, (gint64) reading->latency[i]);
    json_builder_end_array (builder);
  }
  json_builder_end_array (builder);
  json_builder_end_object (builder);
}

static void
add_tenant (JsonBuilder *builder, const VyreTenantReading *reading, gint64 now)
{
  json_builder_begin_object (builder);
  add_int (builder, "id", reading->id);
  add_string (builder, "name", reading->name);
  add_int (builder, "since-us", (guint64) reading->since);
  add_int (builder, "submitted", reading->submitted);
  add_int (builder, "in-flight", vyre_tenant_reading_in_flight (reading));
  add_int (builder, "done", reading->done);
  add_int (builder, "faulted", reading->faulted);
  add_int (builder, "cancelled", reading->cancelled);
  add_int (builder, "lost", reading->lost);
  add_int (builder, "compiled", reading->compiled);
  add_int (builder, "tiles", reading->tiles);
  add_int (builder, "bytes", reading->bytes);
  add_int (builder, "steps", reading->steps);
  add_int (builder, "slices", reading->slices);
  add_latency (builder, reading);
  if (reading->fault_at != 0) {
    begin_group (builder, "last-fault");
    add_int (builder, "code", reading->fault_code);
    add_string (builder, "text", vyre_fault_name (reading->fault_code));
    add_int (builder, "address", reading->fault_address);
    add_int (builder, "age-us", (guint64) MAX (now - reading->fault_at, 0));
    json_builder_end_object (builder);
  }
  json_builder_end_object (builder);
}

static char *
make_sample (gpointer user_data)
{
  VyreRuntimeMonitor *self = user_data;
  g_autoptr (JsonBuilder) builder = json_builder_new ();
  g_autoptr (GError) error = NULL;
  VyreRuntimeSnapshot snapshot;
  guint n;

  vyre_runtime_snapshot (self->runtime, &snapshot);
  n = vyre_runtime_read_tenants (self->runtime, self->readings, VYRE_TENANTS);

  json_builder_begin_object (builder);
  add_string (builder, "type", "sample");
  add_int (builder, "time-us", (guint64) snapshot.taken_at);
  add_runtime (builder, self->runtime, &snapshot);
  json_builder_set_member_name (builder, "tenants");
  json_builder_begin_array (builder);
  for (guint i = 0; i < n; i++)
    add_tenant (builder, &self->readings[i], snapshot.taken_at);
  json_builder_end_array (builder);
  if (vyre_telemetry_decode (&self->current, snapshot.control,
          (gsize) snapshot.control_words * 4, snapshot.ring,
          (gsize) snapshot.ring_slots * VYRE_SLOT_BYTES, NULL, 0, &error)) {
    add_ring (builder, &self->current);
    add_control (builder, &self->current.control);
    add_watchdog (builder, self, snapshot.taken_at);
  } else {
    add_string (builder, "error", error->message);
  }
  vyre_runtime_snapshot_clear (&snapshot);
  return finish_line (builder);
}

/* --- life ---------------------------------------------------------------- */

static void
monitor_free (VyreRuntimeMonitor *self)
{
  if (self == NULL)
    return;
  vyre_monitor_free (self->monitor);
  vyre_watchdog_clear (&self->watchdog);
  vyre_telemetry_clear (&self->current);
  g_free (self->readings);
  g_free (self);
}

static VyreRuntimeMonitor *
monitor_new (VyreRuntime *runtime, GError **error)
{
  VyreRuntimeMonitor *self = g_new0 (VyreRuntimeMonitor, 1);
  const VyreMonitorSource source = { make_hello, make_sample, self, PERIOD_MS,
    PATIENCE_MS };
  g_autofree char *name = g_strdup_printf ("%d-%u.sock", (int) getpid (),
      vyre_runtime_get_device_info (runtime)->index);

  self->runtime = runtime;
  self->readings = g_new (VyreTenantReading, VYRE_TENANTS);
  self->monitor = vyre_monitor_new (name, &source, error);
  if (self->monitor == NULL)
    g_clear_pointer (&self, monitor_free);
  return self;
}

gboolean
vyre_runtime_offer_monitor (VyreRuntime *runtime, GError **error)
{
  g_mutex_lock (&offer_lock);
  if (runtime->monitor == NULL)
    runtime->monitor = monitor_new (runtime, error);
  gboolean ok = runtime->monitor != NULL;
  g_mutex_unlock (&offer_lock);
  return ok;
}

void
vyre_runtime_begin_monitor (VyreRuntime *runtime)
{
  const char *wish = g_getenv ("VYRE_TOP");
  g_autoptr (GError) error = NULL;

  if (wish == NULL || *wish == '\0' || strcmp (wish, "0") == 0)
    return;
  if (!vyre_runtime_offer_monitor (runtime, &error))
    g_warning ("VYRE_TOP: nothing for vyre top: %s", error->message);
}

void
vyre_runtime_end_monitor (VyreRuntime *runtime)
{
  g_mutex_lock (&offer_lock);
  VyreRuntimeMonitor *self = g_steal_pointer (&runtime->monitor);
  g_mutex_unlock (&offer_lock);
  /* Without the lock: its thread may be about to take it. */
  monitor_free (self);
}

gboolean
vyre_runtime_is_monitor_thread (VyreRuntime *runtime)
{
  g_mutex_lock (&offer_lock);
  gboolean is = runtime->monitor != NULL &&
                vyre_monitor_is_current_thread (runtime->monitor->monitor);
  g_mutex_unlock (&offer_lock);
  return is;
}
