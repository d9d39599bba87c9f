/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyrereport.h"

#include "runtime/ring/tenants.h"
#include "runtime/telemetry/priority.h"

GstVyreReport *
gst_vyre_report_new (guint64 serial)
{
  GstVyreReport *report = g_new0 (GstVyreReport, 1);

  report->serial = serial;
  return report;
}

void
gst_vyre_report_free (GstVyreReport *report)
{
  vyre_watchdog_clear (&report->watchdog);
  vyre_telemetry_clear (&report->telemetry);
  vyre_runtime_snapshot_clear (&report->snapshot);
  g_free (report);
}

/* --- sampling ------------------------------------------------------------- */

static void
unwrap_all (guint64 *counters, const guint32 *raw, guint n)
{
  for (guint i = 0; i < n; i++)
    counters[i] = vyre_telemetry_unwrap (counters[i], raw[i]);
}

static void
count (GstVyreReportCounters *c, const VyreControlSnapshot *control)
{
  guint32 metrics[VYRE_METRICS_SLOTS] = { 0 };

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
    metrics[control->metrics[i].opcode] = control->metrics[i].count;
  unwrap_all (c->metrics, metrics, VYRE_METRICS_SLOTS);
  unwrap_all (
      c->tenant_fairness, control->tenant_fairness, VYRE_TENANT_FAIRNESS_SLOTS);
  unwrap_all (c->priority_fairness, control->priority_fairness,
      VYRE_PRI_FAIRNESS_SLOTS);
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
gst_vyre_report_sample (GstVyreReport *report, VyreRuntime *runtime,
    GstClockTime timeout, GError **error)
{
  vyre_runtime_snapshot_again (runtime, &report->snapshot);
  if (!decode (&report->telemetry, &report->snapshot, error))
    return FALSE;
  count (&report->counters, &report->telemetry.control);
  report->watchdog.timeout_ns = timeout;
  vyre_watchdog_look (&report->watchdog, &report->telemetry,
      (guint64) report->snapshot.taken_at * GST_USECOND);
  return TRUE;
}

/* --- values --------------------------------------------------------------- */

void
gst_vyre_report_add_group (
    GstStructure *structure, const char *name, GstStructure *group)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, group);
  gst_structure_take_value (structure, name, &value);
}

static void
append_group (GValue *array, GstStructure *group)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, group);
  gst_value_array_append_and_take_value (array, &value);
}

static void
append_uint (GValue *array, guint number)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, G_TYPE_UINT);
  g_value_set_uint (&value, number);
  gst_value_array_append_and_take_value (array, &value);
}

static void
add_uint_array (
    GstStructure *structure, const char *name, const guint32 *numbers, guint n)
{
  GValue array = G_VALUE_INIT;

  gst_value_array_init (&array, n);
  for (guint i = 0; i < n; i++)
    append_uint (&array, numbers[i]);
  gst_structure_take_value (structure, name, &array);
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

/* --- groups --------------------------------------------------------------- */

static const char *
method_name (VyreSnapshotMethod method)
{
  switch (method) {
    case VYRE_SNAPSHOT_TRANSFER:
      return "transfer";
    case VYRE_SNAPSHOT_KERNEL:
      return "kernel";
    default:
      return "cpu";
  }
}

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
      G_TYPE_UINT64, snapshot->windows_cancelled, "windows-restarted",
      G_TYPE_UINT64, snapshot->windows_restarted, "tiles-published",
      G_TYPE_UINT64, snapshot->tiles_published, "tiles-done", G_TYPE_UINT64,
      snapshot->tiles_done, "bytes-bound", G_TYPE_UINT64, snapshot->bytes_bound,
      "idle-exits", G_TYPE_UINT64, snapshot->idle_exits, "unattended-us",
      G_TYPE_UINT64, snapshot->unattended_us, "kernel-compile-ns",
      G_TYPE_UINT64, snapshot->kernel_compile_ns, "snapshot-method",
      G_TYPE_STRING, method_name (snapshot->method), "snapshot-ns",
      G_TYPE_UINT64, snapshot->capture_ns, NULL);
}

static GstStructure *
occupancy_group (const VyreRingOccupancy *o)
{
  return gst_structure_new ("occupancy", "empty", G_TYPE_UINT, o->empty,
      "published", G_TYPE_UINT, o->published, "claimed", G_TYPE_UINT,
      o->claimed, "done", G_TYPE_UINT, o->done, "wait-io", G_TYPE_UINT,
      o->wait_io, "yield", G_TYPE_UINT, o->yield, "requeue", G_TYPE_UINT,
      o->requeue, "fault", G_TYPE_UINT, o->fault, "unknown", G_TYPE_UINT,
      o->unknown, "total-slots", G_TYPE_UINT, vyre_ring_occupancy_total (o),
      "queue-depth", G_TYPE_UINT, vyre_ring_occupancy_depth (o), NULL);
}

static GstStructure *
counters_group (const VyreTelemetry *t)
{
  VyreRingCounters c;

  vyre_ring_counters (&c, t);
  return gst_structure_new ("counters", "total-slots", G_TYPE_UINT,
      c.total_slots, "queue-depth", G_TYPE_UINT, c.queue_depth,
      "ring-idle-slots", G_TYPE_UINT, c.ring_idle_slots, "ring-idle-ppm",
      G_TYPE_UINT, c.ring_idle_ppm, "frontier-density-bps", G_TYPE_UINT,
      (guint) c.frontier_density_bps, "occupancy-proxy-bps", G_TYPE_UINT,
      (guint) c.occupancy_proxy_bps, "drained-slots", G_TYPE_UINT,
      c.drained_slots, "unreclaimed-done-slots", G_TYPE_UINT,
      c.unreclaimed_done_slots, "tenant-fairness-total", G_TYPE_UINT64,
      c.tenant_fairness_total, "priority-fairness-total", G_TYPE_UINT64,
      c.priority_fairness_total, "tenant-fairness-skew", G_TYPE_UINT,
      c.tenant_fairness_skew, "requeue-slots", G_TYPE_UINT, c.requeue_slots,
      "fault-slots", G_TYPE_UINT, c.fault_slots, "total-windows", G_TYPE_UINT,
      (guint) t->n_windows, "active-windows", G_TYPE_UINT,
      (guint) vyre_telemetry_active_windows (t), NULL);
}

static GstStructure *
control_group (
    const VyreControlSnapshot *control, const GstVyreReportCounters *c)
{
  GstStructure *group = gst_structure_new ("control", "shutdown",
      G_TYPE_BOOLEAN, control->shutdown, "done-count", G_TYPE_UINT64, c->done,
      "epoch", G_TYPE_UINT64, c->epoch, "starvation", G_TYPE_UINT,
      control->starvation, "claimed", G_TYPE_UINT64, c->claimed, "yielded",
      G_TYPE_UINT64, c->yielded, "faulted", G_TYPE_UINT64, c->faulted, "steps",
      G_TYPE_UINT64, c->steps, "idle-polls", G_TYPE_UINT64, c->idle_polls,
      "exited", G_TYPE_UINT64, c->exited, NULL);

  add_uint64_array (group, "metrics", c->metrics, VYRE_METRICS_SLOTS);
  add_uint64_array (
      group, "tenant-fairness", c->tenant_fairness, VYRE_TENANT_FAIRNESS_SLOTS);
  add_uint64_array (group, "priority-fairness", c->priority_fairness,
      VYRE_PRI_FAIRNESS_SLOTS);
  add_uint_array (
      group, "tenant-quota", control->tenant_quota, VYRE_TENANT_QUOTA_SLOTS);
  return group;
}

static GstStructure *
watchdog_group (const VyreWatchdog *watchdog)
{
  const VyreWatchdogReport *r = &watchdog->report;

  return gst_structure_new ("watchdog", "timeout", GST_TYPE_CLOCK_TIME,
      watchdog->timeout_ns, "elapsed-ns", G_TYPE_UINT64, r->elapsed_ns,
      "stalled", G_TYPE_BOOLEAN, watchdog->stalled, "faulted", G_TYPE_BOOLEAN,
      r->faulted, "suspected-stall", G_TYPE_BOOLEAN, r->suspected_stall,
      "done-delta", G_TYPE_UINT, r->done_delta, "queue-depth", G_TYPE_UINT,
      r->queue_depth, "runnable-slots", G_TYPE_UINT, r->runnable_slots,
      "masked-slots", G_TYPE_UINT, r->masked_slots, "fault-slots", G_TYPE_UINT,
      r->fault_slots, "stuck-slots", G_TYPE_UINT, r->stuck_slots, "stuck-ns",
      G_TYPE_UINT64, r->stuck_ns, "requeue-slots", G_TYPE_UINT,
      r->requeue_slots, "ring-idle-ppm", G_TYPE_UINT, r->ring_idle_ppm, NULL);
}

static GstStructure *
priority_group (const VyreTelemetry *t)
{
  VyrePriorityAccounting a;

  vyre_priority_from_telemetry (&a, t);
  return gst_structure_new ("priority", "requeue-count", G_TYPE_UINT64,
      a.requeue_count, "aged-promotions", G_TYPE_UINT64, a.aged_promotions,
      "max-priority-age", G_TYPE_UINT64, a.max_priority_age, "should-drain",
      G_TYPE_BOOLEAN, vyre_priority_should_drain (&a), "drain-reason",
      G_TYPE_STRING, vyre_priority_drain_reason (&a), NULL);
}

static void
add_missing (GstStructure *group, const VyreRuntimeEvidence *evidence)
{
  const char *missing[4];
  guint n = vyre_evidence_missing (evidence, missing);
  GValue names = G_VALUE_INIT;

  gst_value_array_init (&names, n);
  for (guint i = 0; i < n; i++) {
    GValue name = G_VALUE_INIT;

    g_value_init (&name, G_TYPE_STRING);
    g_value_set_static_string (&name, missing[i]);
    gst_value_array_append_and_take_value (&names, &name);
  }
  gst_structure_take_value (group, "missing", &names);
}

static GstStructure *
evidence_group (VyreRuntime *runtime, const VyreRuntimeSnapshot *snapshot,
    const VyreTelemetry *telemetry)
{
  VyreRuntimeEvidence e;
  guint64 copied, avoided;
  GstStructure *group;

  vyre_runtime_get_copies (runtime, &copied, &avoided);
  vyre_evidence_init (&e);
  vyre_evidence_measure_telemetry (&e, telemetry);
  vyre_evidence_measure_residency (&e, snapshot->resident_device_bytes);
  /* Nothing measured is no evidence that nothing was copied. */
  if ((copied | avoided) != 0)
    vyre_evidence_measure_copy (&e, copied, avoided);

  group = gst_structure_new ("evidence", "schema-version", G_TYPE_UINT,
      e.schema_version, "complete", G_TYPE_BOOLEAN,
      vyre_evidence_is_complete (&e), "resident-device-bytes", G_TYPE_UINT64,
      e.resident_device_bytes, "host-copy-bytes", G_TYPE_UINT64,
      e.host_copy_bytes, "host-copy-avoided-bytes", G_TYPE_UINT64,
      e.host_copy_avoided_bytes, "host-copy-avoidance-bps", G_TYPE_UINT,
      (guint) vyre_evidence_avoidance_bps (&e), "control-decode-ns",
      G_TYPE_UINT64, e.control_decode_ns, "ring-decode-ns", G_TYPE_UINT64,
      e.ring_decode_ns, NULL);
  add_missing (group, &e);
  gst_vyre_report_add_group (group, "coverage",
      gst_structure_new ("coverage", "ring", G_TYPE_BOOLEAN,
          (e.coverage & VYRE_EVIDENCE_RING) != 0, "control", G_TYPE_BOOLEAN,
          (e.coverage & VYRE_EVIDENCE_CONTROL) != 0, "copy", G_TYPE_BOOLEAN,
          (e.coverage & VYRE_EVIDENCE_COPY) != 0, "residency", G_TYPE_BOOLEAN,
          (e.coverage & VYRE_EVIDENCE_RESIDENCY) != 0, NULL));
  return group;
}

static GstStructure *
decode_group (const VyreTelemetry *t)
{
  VyreDecodeEvidence e;

  vyre_decode_evidence (&e, t);
  return gst_structure_new ("decode", "schema-version", G_TYPE_UINT,
      e.schema_version, "complete", G_TYPE_BOOLEAN,
      vyre_decode_evidence_is_complete (&e), "decoded-slot-count",
      G_TYPE_UINT64, e.decoded_slot_count, "slot-output-capacity",
      G_TYPE_UINT64, e.slot_output_capacity, "decoded-window-count",
      G_TYPE_UINT64, e.decoded_window_count, "window-output-capacity",
      G_TYPE_UINT64, e.window_output_capacity, "window-opcode-scratch-capacity",
      G_TYPE_UINT64, e.window_opcode_scratch_capacity,
      "window-accumulator-scratch-capacity", G_TYPE_UINT64,
      e.window_accumulator_scratch_capacity, "uses-caller-owned-scratch",
      G_TYPE_BOOLEAN, e.uses_caller_owned_scratch, NULL);
}

static GstStructure *
window_group (const VyreWindowSnapshot *w)
{
  return gst_structure_new ("window", "ticket", G_TYPE_UINT, w->ticket,
      "tenant", G_TYPE_UINT, w->tenant, "opcode", G_TYPE_UINT, w->opcode,
      "required-slots", G_TYPE_UINT, w->required_slots, "lookahead-slots",
      G_TYPE_UINT, w->lookahead_slots, "published", G_TYPE_UINT, w->published,
      "claimed", G_TYPE_UINT, w->claimed, "done", G_TYPE_UINT, w->done,
      "wait-io", G_TYPE_UINT, w->wait_io, "yield", G_TYPE_UINT, w->yield,
      "requeue", G_TYPE_UINT, w->requeue, "fault", G_TYPE_UINT, w->fault,
      "active", G_TYPE_BOOLEAN, vyre_window_is_active (w), NULL);
}

static GstStructure *
slot_group (const VyreSlotSnapshot *slot)
{
  GstStructure *group =
      gst_structure_new ("slot", "slot-idx", G_TYPE_UINT, slot->slot_idx,
          "status", G_TYPE_STRING, vyre_ring_status_name (slot->status),
          "status-raw", G_TYPE_UINT, slot->status, "tenant", G_TYPE_UINT,
          slot->tenant, "opcode", G_TYPE_UINT, slot->opcode, NULL);

  add_uint_array (group, "args-prefix", slot->args_prefix,
      G_N_ELEMENTS (slot->args_prefix));
  return group;
}

static void
add_details (
    GstStructure *structure, const VyreTelemetry *t, GstVyreStatsDetail detail)
{
  GValue array = G_VALUE_INIT;

  if (detail >= GST_VYRE_STATS_DETAIL_WINDOWS) {
    gst_value_array_init (&array, (guint) t->n_windows);
    for (gsize i = 0; i < t->n_windows; i++)
      append_group (&array, window_group (&t->windows[i]));
    gst_structure_take_value (structure, "windows", &array);
  }
  if (detail >= GST_VYRE_STATS_DETAIL_SLOTS) {
    array = (GValue) G_VALUE_INIT;
    gst_value_array_init (&array, (guint) t->n_slots);
    for (gsize i = 0; i < t->n_slots; i++)
      append_group (&array, slot_group (&t->slots[i]));
    gst_structure_take_value (structure, "slots", &array);
  }
}

void
gst_vyre_report_describe (const GstVyreReport *report, VyreRuntime *runtime,
    GstVyreStatsDetail detail, GstStructure *s)
{
  const VyreTelemetry *t = &report->telemetry;

  gst_vyre_report_add_group (
      s, "runtime", runtime_group (runtime, &report->snapshot));
  gst_vyre_report_add_group (s, "occupancy", occupancy_group (&t->occupancy));
  gst_vyre_report_add_group (s, "counters", counters_group (t));
  gst_vyre_report_add_group (
      s, "control", control_group (&t->control, &report->counters));
  gst_vyre_report_add_group (s, "watchdog", watchdog_group (&report->watchdog));
  gst_vyre_report_add_group (s, "priority", priority_group (t));
  gst_vyre_report_add_group (
      s, "evidence", evidence_group (runtime, &report->snapshot, t));
  gst_vyre_report_add_group (s, "decode", decode_group (t));
  add_details (s, t, detail);
}
