/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyrereport.h"

#include "runtime/ring/tenants.h"

void
gst_vyre_report_clear (GstVyreReport *report)
{
  vyre_telemetry_clear (&report->current);
  *report = (GstVyreReport){ NULL };
}

static void
add_group (GstStructure *structure, const char *name, GstStructure *group)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, group);
  gst_structure_take_value (structure, name, &value);
}

static void
add_uint64_array (
    GstStructure *structure, const char *name, const guint64 *numbers, guint n)
{
  GValue array = G_VALUE_INIT;

  gst_value_array_init (&array, n);
  for (guint i = 0; i < n; i++) {
    GValue value = G_VALUE_INIT;

    g_value_init (&value, G_TYPE_UINT64);
    g_value_set_uint64 (&value, numbers[i]);
    gst_value_array_append_and_take_value (&array, &value);
  }
  gst_structure_take_value (structure, name, &array);
}

static double
ratio (guint64 part, guint64 whole)
{
  return whole == 0 ? 0.0 : (double) part / (double) whole;
}

/* --- counters ------------------------------------------------------------- */

static void
unwrap_all (guint64 *counters, const guint32 *raw, guint n)
{
  for (guint i = 0; i < n; i++)
    counters[i] = vyre_telemetry_unwrap (counters[i], raw[i]);
}

static void
count (GstVyreReportCounters *c, const VyreControlSnapshot *control)
{
  guint32 runs[VYRE_METRICS_SLOTS] = { 0 };

  c->done = vyre_telemetry_unwrap (c->done, control->done_count);
  c->epoch = vyre_telemetry_unwrap (c->epoch, control->epoch);
  c->exited = vyre_telemetry_unwrap (c->exited, control->exited);
  c->claimed = vyre_telemetry_unwrap (c->claimed, control->claimed);
  c->yielded = vyre_telemetry_unwrap (c->yielded, control->yielded);
  c->faulted = vyre_telemetry_unwrap (c->faulted, control->faulted);
  c->idle_polls = vyre_telemetry_unwrap (c->idle_polls, control->idle_polls);
  /* Two words that the kernel adds to one after the other: a reading between
   * them is behind. */
  c->steps = MAX (c->steps, control->steps);
  for (guint i = 0; i < control->n_metrics; i++)
    runs[control->metrics[i].opcode] = control->metrics[i].count;
  unwrap_all (c->opcode_runs, runs, VYRE_METRICS_SLOTS);
  unwrap_all (
      c->tenant_claims, control->tenant_fairness, VYRE_TENANT_FAIRNESS_SLOTS);
  unwrap_all (
      c->priority_claims, control->priority_fairness, VYRE_PRI_FAIRNESS_SLOTS);
}

/* --- groups --------------------------------------------------------------- */

static GstStructure *
runtime_group (VyreRuntime *runtime, const VyreRuntimeSnapshot *snapshot)
{
  const VyreDeviceInfo *info = vyre_runtime_get_device_info (runtime);
  const char *reason = NULL;
  VyreResidency residency = vyre_runtime_get_residency (runtime, &reason);

  return gst_structure_new ("runtime", "device-index", G_TYPE_UINT, info->index,
      "device-name", G_TYPE_STRING, info->name, "residency", G_TYPE_STRING,
      residency == VYRE_RESIDENCY_RESIDENT ? "resident" : "sliced",
      "residency-reason", G_TYPE_STRING, reason != NULL ? reason : "",
      "tenants", G_TYPE_UINT, snapshot->tenants, "windows-in-flight",
      G_TYPE_UINT, snapshot->windows_in_flight, "launches", G_TYPE_UINT64,
      snapshot->launches, "generations", G_TYPE_UINT64, snapshot->generations,
      "windows-submitted", G_TYPE_UINT64, snapshot->windows_submitted,
      "windows-done", G_TYPE_UINT64, snapshot->windows_done, "windows-faulted",
      G_TYPE_UINT64, snapshot->windows_faulted, "windows-cancelled",
      G_TYPE_UINT64, snapshot->windows_cancelled, "tiles-published",
      G_TYPE_UINT64, snapshot->tiles_published, "tiles-done", G_TYPE_UINT64,
      snapshot->tiles_done, "bytes-bound", G_TYPE_UINT64, snapshot->bytes_bound,
      "kernel-compile-ns", G_TYPE_UINT64, snapshot->kernel_compile_ns, NULL);
}

static GstStructure *
ring_group (const VyreTelemetry *t)
{
  const VyreRingOccupancy *o = &t->occupancy;
  guint32 total = vyre_ring_occupancy_total (o);
  guint32 depth = vyre_ring_occupancy_depth (o);

  return gst_structure_new ("ring", "slots", G_TYPE_UINT, total, "empty",
      G_TYPE_UINT, o->empty, "published", G_TYPE_UINT, o->published, "claimed",
      G_TYPE_UINT, o->claimed, "done", G_TYPE_UINT, o->done, "wait-io",
      G_TYPE_UINT, o->wait_io, "yield", G_TYPE_UINT, o->yield, "requeue",
      G_TYPE_UINT, o->requeue, "fault", G_TYPE_UINT, o->fault, "unknown",
      G_TYPE_UINT, o->unknown, "depth", G_TYPE_UINT, depth, "depth-ratio",
      G_TYPE_DOUBLE, ratio (depth, total), "empty-ratio", G_TYPE_DOUBLE,
      ratio (o->empty, total), "windows", G_TYPE_UINT, (guint) t->n_windows,
      "active-windows", G_TYPE_UINT, (guint) vyre_telemetry_active_windows (t),
      NULL);
}

static GstStructure *
control_group (const VyreTelemetry *t, const GstVyreReportCounters *c)
{
  VyreRingCounters counters;
  GstStructure *group;

  vyre_ring_counters (&counters, t);
  group = gst_structure_new ("control", "shutdown", G_TYPE_BOOLEAN,
      t->control.shutdown, "done", G_TYPE_UINT64, c->done, "claimed",
      G_TYPE_UINT64, c->claimed, "yielded", G_TYPE_UINT64, c->yielded,
      "faulted", G_TYPE_UINT64, c->faulted, "steps", G_TYPE_UINT64, c->steps,
      "idle-polls", G_TYPE_UINT64, c->idle_polls, "exited", G_TYPE_UINT64,
      c->exited, "epoch", G_TYPE_UINT64, c->epoch, "starvation", G_TYPE_UINT,
      t->control.starvation, "tenant-skew", G_TYPE_UINT,
      counters.tenant_fairness_skew, NULL);
  add_uint64_array (group, "opcode-runs", c->opcode_runs, VYRE_METRICS_SLOTS);
  add_uint64_array (
      group, "tenant-claims", c->tenant_claims, VYRE_TENANT_FAIRNESS_SLOTS);
  add_uint64_array (
      group, "priority-claims", c->priority_claims, VYRE_PRI_FAIRNESS_SLOTS);
  return group;
}

static GstStructure *
watchdog_group (GstVyreReport *report, gint64 taken_at)
{
  VyreWatchdog *watchdog = &report->watchdog;
  VyreWatchdogSnapshot snapshot;

  vyre_watchdog_snapshot (
      &snapshot, &report->current, (guint64) taken_at * GST_USECOND);
  watchdog->timeout_ns = GST_VYRE_REPORT_WATCH;
  vyre_watchdog_feed (watchdog, &snapshot);
  return gst_structure_new ("watchdog", "stalled", G_TYPE_BOOLEAN,
      watchdog->stalled, "faulted", G_TYPE_BOOLEAN, watchdog->report.faulted,
      "runnable-slots", G_TYPE_UINT, watchdog->report.runnable_slots,
      "masked-slots", G_TYPE_UINT, watchdog->report.masked_slots, "fault-slots",
      G_TYPE_UINT, watchdog->report.fault_slots, NULL);
}

static GstStructure *
evidence_group (VyreRuntime *runtime, const VyreRuntimeSnapshot *snapshot,
    const VyreTelemetry *telemetry)
{
  VyreRuntimeEvidence evidence;
  guint64 copied, avoided;
  const char *missing[4];
  GValue names = G_VALUE_INIT;
  GstStructure *group;
  guint n;

  vyre_runtime_get_copies (runtime, &copied, &avoided);
  vyre_evidence_init (&evidence);
  vyre_evidence_measure_telemetry (&evidence, telemetry);
  vyre_evidence_measure_residency (&evidence, snapshot->resident_device_bytes);
  /* Nothing measured is no evidence that nothing was copied. */
  if ((copied | avoided) != 0)
    vyre_evidence_measure_copy (&evidence, copied, avoided);

  group = gst_structure_new ("evidence", "schema-version", G_TYPE_UINT,
      evidence.schema_version, "complete", G_TYPE_BOOLEAN,
      vyre_evidence_is_complete (&evidence), "resident-device-bytes",
      G_TYPE_UINT64, evidence.resident_device_bytes, "host-copy-bytes",
      G_TYPE_UINT64, evidence.host_copy_bytes, "host-copy-avoided-bytes",
      G_TYPE_UINT64, evidence.host_copy_avoided_bytes,
      "host-copy-avoidance-ratio", G_TYPE_DOUBLE,
      vyre_evidence_avoidance_bps (&evidence) / 10000.0, "control-decode-ns",
      G_TYPE_UINT64, evidence.control_decode_ns, "ring-decode-ns",
      G_TYPE_UINT64, evidence.ring_decode_ns, NULL);
  n = vyre_evidence_missing (&evidence, missing);
  gst_value_array_init (&names, n);
  for (guint i = 0; i < n; i++) {
    GValue name = G_VALUE_INIT;

    g_value_init (&name, G_TYPE_STRING);
    g_value_set_static_string (&name, missing[i]);
    gst_value_array_append_and_take_value (&names, &name);
  }
  gst_structure_take_value (group, "missing", &names);
  return group;
}

static gboolean
decode (VyreTelemetry *telemetry, const VyreRuntimeSnapshot *snapshot,
    GError **error)
{
  guint32 opcodes[VYRE_RING_LAST_TENANT];

  for (guint32 id = 1; id <= VYRE_RING_LAST_TENANT; id++)
    opcodes[id - 1] = vyre_ring_tenant_base (id) + VYRE_TENANT_OP_RUN_TILE;
  return vyre_telemetry_decode (telemetry, snapshot->control,
      (gsize) snapshot->control_words * 4, snapshot->ring,
      (gsize) snapshot->ring_slots * VYRE_SLOT_BYTES, opcodes,
      G_N_ELEMENTS (opcodes), error);
}

gboolean
gst_vyre_report_read (GstVyreReport *report, VyreRuntime *runtime,
    GstStructure *structure, GError **error)
{
  VyreRuntimeSnapshot snapshot;

  if (report->runtime != runtime) {
    gst_vyre_report_clear (report);
    report->runtime = runtime;
  }
  vyre_runtime_snapshot (runtime, &snapshot);
  if (!decode (&report->current, &snapshot, error)) {
    vyre_runtime_snapshot_clear (&snapshot);
    return FALSE;
  }

  count (&report->counters, &report->current.control);
  add_group (structure, "runtime", runtime_group (runtime, &snapshot));
  add_group (structure, "ring", ring_group (&report->current));
  add_group (structure, "control",
      control_group (&report->current, &report->counters));
  add_group (structure, "evidence",
      evidence_group (runtime, &snapshot, &report->current));
  add_group (structure, "watchdog", watchdog_group (report, snapshot.taken_at));
  vyre_runtime_snapshot_clear (&snapshot);
  return TRUE;
}
