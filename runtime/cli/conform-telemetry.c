/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recordings of what is decoded from snapshots of ring and control block. */
#include "conform-runtime.h"

#include "telemetry/evidence.h"
#include "telemetry/sketch.h"

#include <string.h>

/* --- groups -------------------------------------------------------------- */

static void
expect_control (
    ConformRecord *record, JsonObject *wanted, const VyreControlSnapshot *got)
{
  JsonArray *metrics = conform_record_array (record, wanted, "metrics");
  JsonArray *tenants = conform_record_array (record, wanted, "tenant_fairness");
  JsonArray *levels =
      conform_record_array (record, wanted, "priority_fairness");

  conform_record_expect (record, wanted, "shutdown", got->shutdown);
  conform_record_expect (record, wanted, "done_count", got->done_count);
  conform_record_expect (record, wanted, "epoch", got->epoch);
  conform_record_same (
      record, "metrics", conform_record_length (metrics), got->n_metrics);
  for (guint i = 0; i < MIN (conform_record_length (metrics), got->n_metrics);
       i++) {
    JsonArray *pair = conform_record_array_at (record, metrics, i);

    conform_record_same (record, "an opcode of metrics",
        conform_record_u32_at (record, pair, 0), got->metrics[i].opcode);
    conform_record_same (record, "a count of metrics",
        conform_record_u32_at (record, pair, 1), got->metrics[i].count);
  }
  for (guint i = 0; i < VYRE_TENANT_FAIRNESS_SLOTS; i++)
    conform_record_same (record, "tenant_fairness",
        conform_record_u32_at (record, tenants, i), got->tenant_fairness[i]);
  for (guint i = 0; i < VYRE_PRI_FAIRNESS_SLOTS; i++)
    conform_record_same (record, "priority_fairness",
        conform_record_u32_at (record, levels, i), got->priority_fairness[i]);
}

static void
expect_occupancy (
    ConformRecord *record, JsonObject *wanted, const VyreRingOccupancy *got)
{
  const struct
  {
    const char *member;
    guint32 value;
  } fields[] = {
    { "empty", got->empty },
    { "published", got->published },
    { "claimed", got->claimed },
    { "done", got->done },
    { "wait_io", got->wait_io },
    { "yield_count", got->yield },
    { "requeue", got->requeue },
    { "fault", got->fault },
    { "unknown", got->unknown },
    { "total_slots", vyre_ring_occupancy_total (got) },
    { "queue_depth", vyre_ring_occupancy_depth (got) },
  };

  for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
    conform_record_expect (record, wanted, fields[i].member, fields[i].value);
}

static void
expect_counters (
    ConformRecord *record, JsonObject *result, const VyreTelemetry *t)
{
  JsonObject *wanted = conform_record_object (record, result, "ok");
  VyreRingCounters got;

  vyre_ring_counters (&got, t);
  {
    const struct
    {
      const char *member;
      guint64 value;
    } fields[] = {
      { "total_slots", got.total_slots },
      { "queue_depth", got.queue_depth },
      { "gpu_idle_slots", got.ring_idle_slots },
      { "gpu_idle_ppm", got.ring_idle_ppm },
      { "frontier_density_bps", got.frontier_density_bps },
      { "occupancy_proxy_bps", got.occupancy_proxy_bps },
      { "drained_slots", got.drained_slots },
      { "unreclaimed_done_slots", got.unreclaimed_done_slots },
      { "tenant_fairness_total", got.tenant_fairness_total },
      { "tenant_fairness_skew", got.tenant_fairness_skew },
      { "priority_fairness_total", got.priority_fairness_total },
      { "requeue_slots", got.requeue_slots },
      { "fault_slots", got.fault_slots },
    };

    conform_record_same (record, "number of counters",
        wanted ? json_object_get_size (wanted) : 0, G_N_ELEMENTS (fields));
    for (guint i = 0; i < G_N_ELEMENTS (fields); i++)
      conform_record_expect (record, wanted, fields[i].member, fields[i].value);
  }
}

/* --- slots --------------------------------------------------------------- */

/* "Empty", "WaitIo", or {"Unknown": raw}. */
static void
expect_status (ConformRecord *record, JsonObject *wanted, guint32 status)
{
  JsonNode *node = json_object_get_member (wanted, "status");
  const char *name = vyre_ring_status_name (status);
  g_auto (GStrv) parts = g_strsplit (name, "-", -1);
  g_autofree char *plain = g_strjoinv ("", parts);
  const char *text = NULL;

  if (node && JSON_NODE_HOLDS_OBJECT (node))
    text = "unknown";
  else
    text = conform_record_string (record, wanted, "status");
  if (!text || g_ascii_strcasecmp (plain, text) != 0)
    conform_record_differs (record, "the status %u is called %s", status, name);
}

static void
expect_slots (ConformRecord *record, JsonArray *wanted, const VyreTelemetry *t)
{
  conform_record_same (
      record, "slots", conform_record_length (wanted), t->n_slots);
  for (guint i = 0; i < MIN (conform_record_length (wanted), t->n_slots); i++) {
    JsonObject *want = conform_record_object_at (record, wanted, i);
    JsonArray *args = conform_record_array (record, want, "args_prefix");
    const VyreSlotSnapshot *got = &t->slots[i];

    if (!want)
      continue;
    conform_record_expect (record, want, "slot_idx", got->slot_idx);
    conform_record_expect (record, want, "status_raw", got->status);
    conform_record_expect (record, want, "tenant_id", got->tenant);
    conform_record_expect (record, want, "opcode", got->opcode);
    conform_record_expect (
        record, want, "is_active", vyre_ring_status_is_active (got->status));
    for (guint k = 0; k < G_N_ELEMENTS (got->args_prefix); k++)
      conform_record_same (record, "args_prefix",
          conform_record_u32_at (record, args, k), got->args_prefix[k]);
    expect_status (record, want, got->status);
  }
}

/* --- windows ------------------------------------------------------------- */

static void
expect_windows (
    ConformRecord *record, JsonObject *telemetry, const VyreTelemetry *t)
{
  JsonArray *wanted = conform_record_array (record, telemetry, "windows");
  JsonArray *active =
      conform_record_array (record, telemetry, "active_windows");
  guint n_active = 0;

  conform_record_same (
      record, "windows", conform_record_length (wanted), t->n_windows);
  for (guint i = 0; i < MIN (conform_record_length (wanted), t->n_windows);
       i++) {
    JsonObject *want = conform_record_object_at (record, wanted, i);
    const VyreWindowSnapshot *w = &t->windows[i];

    conform_record_expect (record, want, "ticket", w->ticket);
    conform_record_expect (record, want, "tenant_id", w->tenant);
    conform_record_expect (record, want, "opcode", w->opcode);
    conform_record_expect (record, want, "required_slots", w->required_slots);
    conform_record_expect (record, want, "lookahead_slots", w->lookahead_slots);
    conform_record_expect (record, want, "published", w->published);
    conform_record_expect (record, want, "claimed", w->claimed);
    conform_record_expect (record, want, "done", w->done);
    conform_record_expect (record, want, "wait_io", w->wait_io);
    conform_record_expect (record, want, "yield_count", w->yield);
    conform_record_expect (record, want, "requeue", w->requeue);
    conform_record_expect (record, want, "fault", w->fault);
    conform_record_expect (
        record, want, "is_active", vyre_window_is_active (w));
    if (vyre_window_is_active (w)) {
      JsonArray *pair = conform_record_array_at (record, active, n_active++);

      conform_record_same (record, "ticket of an active window",
          conform_record_u32_at (record, pair, 0), w->ticket);
      conform_record_same (record, "opcode of an active window",
          conform_record_u32_at (record, pair, 1), w->opcode);
    }
  }
  conform_record_same (record, "active windows", conform_record_length (active),
      vyre_telemetry_active_windows (t));
}

static gboolean
is_of (const VyreSlotSnapshot *slot, const VyreWindowSnapshot *window)
{
  return slot->opcode == window->opcode &&
         slot->args_prefix[0] == window->ticket;
}

/* Less what its EMPTY slots have put into it. FALSE when nothing is left. */
static gboolean
leave_out_empty (const VyreTelemetry *t, VyreWindowSnapshot *window)
{
  guint members = 0;

  for (gsize i = 0; i < t->n_slots; i++) {
    const VyreSlotSnapshot *slot = &t->slots[i];

    if (!is_of (slot, window))
      continue;
    if (slot->status == VYRE_ST_EMPTY) {
      window->required_slots -= slot->args_prefix[1] == 0;
      window->lookahead_slots -= slot->args_prefix[1] == 1;
    } else if (members++ == 0) {
      window->tenant = slot->tenant;
    }
  }
  return members > 0;
}

/* The original's windows have EMPTY slots, ours do not, unless asked: @t must
 * be @all, which is as recorded, without them. */
static void
expect_empty_left_out (
    ConformRecord *record, const VyreTelemetry *t, const VyreTelemetry *all)
{
  gsize row = 0;

  for (gsize i = 0; i < all->n_windows; i++) {
    VyreWindowSnapshot window = all->windows[i];

    if (!leave_out_empty (all, &window))
      continue;
    if (row < t->n_windows &&
        memcmp (&t->windows[row], &window, sizeof window) != 0)
      conform_record_differs (record,
          "ticket %u, opcode %u: not the recorded window without its EMPTY "
          "slots",
          window.ticket, window.opcode);
    row++;
  }
  conform_record_same (record, "windows", row, t->n_windows);
}

/* --- sketches ------------------------------------------------------------ */

static void
expect_sketch (ConformRecord *record, JsonObject *wanted, const char *member,
    const VyreSketch *got)
{
  JsonObject *sketch = conform_record_object (record, wanted, member);
  JsonArray *counters = conform_record_array (record, sketch, "counters");
  guint n = got->depth * got->width;

  conform_record_expect (record, sketch, "depth", got->depth);
  conform_record_expect (record, sketch, "width", got->width);
  conform_record_same (record, member, conform_record_length (counters), n);
  for (guint i = 0; i < MIN (conform_record_length (counters), n); i++)
    conform_record_same (record, member,
        conform_record_u32_at (record, counters, i), got->counters[i]);
}

static void
expect_sketches (
    ConformRecord *record, JsonObject *wanted, const VyreTelemetry *t)
{
  JsonObject *first = conform_record_object (record, wanted, "ring_opcode");
  JsonArray *estimates = conform_record_array (record, wanted, "estimates");
  VyreSketchTelemetry s = VYRE_SKETCH_TELEMETRY_INIT;
  g_autoptr (GError) error = NULL;

  if (vyre_sketch_telemetry_build (&s, t,
          conform_record_u32 (record, first, "depth"),
          conform_record_u32 (record, first, "width"), &error)) {
    expect_sketch (record, wanted, "ring_opcode", &s.ring_opcode);
    expect_sketch (record, wanted, "active_opcode", &s.active_opcode);
    expect_sketch (record, wanted, "tenant", &s.tenant);
    expect_sketch (record, wanted, "status", &s.status);
    expect_sketch (record, wanted, "dispatch_metrics", &s.dispatch_metrics);
    conform_record_expect (record, wanted, "total_slots", s.total_slots);
    conform_record_expect (record, wanted, "active_slots", s.active_slots);
    for (guint i = 0; i < conform_record_length (estimates); i++) {
      JsonArray *pair = conform_record_array_at (record, estimates, i);

      conform_record_same (record, "an estimate",
          conform_record_u32_at (record, pair, 1),
          vyre_sketch_estimate (
              &s.ring_opcode, conform_record_u32_at (record, pair, 0)));
    }
  } else {
    conform_record_differs (record, "failed: %s", error->message);
  }
  vyre_sketch_telemetry_clear (&s);
}

/* --- files --------------------------------------------------------------- */

static void
run_groups (
    ConformRecord *record, const VyreTelemetry *t, const VyreTelemetry *all)
{
  JsonObject *wanted =
      conform_record_object (record, record->root, "telemetry");
  JsonArray *sketches = conform_record_array (record, record->root, "sketches");

  expect_control (
      record, conform_record_object (record, wanted, "control"), &t->control);
  conform_record_end (record, "control");
  expect_occupancy (record, conform_record_object (record, wanted, "occupancy"),
      &t->occupancy);
  conform_record_end (record, "occupancy");
  expect_slots (record, conform_record_array (record, wanted, "slots"), t);
  conform_record_end (record, "slots");
  expect_counters (
      record, conform_record_object (record, wanted, "counters"), t);
  conform_record_end (record, "counters");
  expect_windows (record, wanted, all);
  conform_record_end (record, "windows");
  expect_empty_left_out (record, t, all);
  conform_record_end (record, "windows-without-empty");
  for (guint i = 0; i < conform_record_length (sketches); i++) {
    expect_sketches (record, conform_record_object_at (record, sketches, i), t);
    conform_record_end (record, "sketches-%u", i);
  }
}

static void
run_telemetry (ConformRecord *record)
{
  JsonArray *list =
      conform_record_array (record, record->root, "window_opcodes");
  guint n = conform_record_length (list);
  g_autoptr (GByteArray) control =
      conform_record_hex (record, record->root, "control_hex");
  g_autoptr (GByteArray) ring =
      conform_record_hex (record, record->root, "ring_hex");
  g_autofree guint32 *opcodes = g_new0 (guint32, n + 1);
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  VyreTelemetry all = { .count_empty = TRUE };
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < n; i++)
    opcodes[i] = conform_record_u32_at (record, list, i);
  if (vyre_telemetry_decode (&t, control->data, control->len, ring->data,
          ring->len, opcodes, n, &error) &&
      vyre_telemetry_decode (&all, control->data, control->len, ring->data,
          ring->len, opcodes, n, &error))
    run_groups (record, &t, &all);
  else
    conform_record_differs (record, "failed: %s", error->message);
  vyre_telemetry_clear (&t);
  vyre_telemetry_clear (&all);
}

static void
expect_no_sketch (
    ConformRecord *record, const char *member, guint32 depth, guint32 width)
{
  VyreSketch sketch = VYRE_SKETCH_INIT;
  g_autoptr (GError) error = NULL;
  gboolean ok = vyre_sketch_reset (&sketch, depth, width, &error);

  conform_record_expect_result (
      record, conform_record_object (record, record->root, member), ok, error);
  conform_record_end (record, "%s", member);
  vyre_sketch_clear (&sketch);
}

static void
run_telemetry_errors (ConformRecord *record)
{
  JsonArray *cases = conform_record_array (record, record->root, "cases");
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  const guint8 bytes[1024] = { 0 };

  for (guint i = 0; i < conform_record_length (cases); i++) {
    JsonObject *entry = conform_record_object_at (record, cases, i);
    guint32 control = conform_record_u32 (record, entry, "control_bytes");
    guint32 ring = conform_record_u32 (record, entry, "ring_bytes");
    g_autoptr (GError) error = NULL;
    gboolean ok;

    if (control <= sizeof bytes && ring <= sizeof bytes) {
      ok = vyre_telemetry_decode (
          &t, bytes, control, bytes, ring, NULL, 0, &error);
      conform_record_expect_result (
          record, conform_record_object (record, entry, "result"), ok, error);
    } else {
      conform_record_differs (record, "the buffers are longer than these");
    }
    conform_record_end (record, "%u", i);
  }
  expect_counters (record,
      conform_record_object (record, record->root, "default_counters"), &t);
  conform_record_end (record, "default_counters");
  expect_no_sketch (record, "sketch_zero_depth", 0, 8);
  expect_no_sketch (record, "sketch_zero_width", 8, 0);
  vyre_telemetry_clear (&t);
}

static void
run_fairness (ConformRecord *record)
{
  JsonArray *cases = conform_record_array (record, record->root, "cases");
  VyreTelemetry t = VYRE_TELEMETRY_INIT;

  for (guint i = 0; i < conform_record_length (cases); i++) {
    JsonObject *entry = conform_record_object_at (record, cases, i);
    JsonArray *words = conform_record_array (record, entry, "tenant_fairness");
    guint32 control[VYRE_CONTROL_MIN_WORDS] = { 0 };
    guint32 ring[VYRE_SLOT_WORDS] = { 0 };
    g_autoptr (GError) error = NULL;

    for (guint k = 0; k < VYRE_TENANT_FAIRNESS_SLOTS; k++)
      control[VYRE_C_TENANT_FAIRNESS + k] =
          GUINT32_TO_LE (conform_record_u32_at (record, words, k));
    if (vyre_telemetry_decode (
            &t, control, sizeof control, ring, sizeof ring, NULL, 0, &error))
      expect_counters (
          record, conform_record_object (record, entry, "counters"), &t);
    else
      conform_record_differs (record, "failed: %s", error->message);
    conform_record_end (record, "%u", i);
  }
  vyre_telemetry_clear (&t);
}

/* The original's constructor claims everything, ours what was measured; with
 * all of it measured they agree. */
static void
expect_avoidance (ConformRecord *record, JsonObject *entry)
{
  const VyreTelemetry none = VYRE_TELEMETRY_INIT;
  VyreRuntimeEvidence e;

  vyre_evidence_init (&e);
  vyre_evidence_measure_copy (&e,
      conform_record_u64_text (record, entry, "host_copy_bytes"),
      conform_record_u64_text (record, entry, "host_copy_avoided_bytes"));
  conform_record_expect (record, entry, "host_copy_avoidance_bps",
      vyre_evidence_avoidance_bps (&e));
  if (vyre_evidence_is_complete (&e))
    conform_record_differs (record, "complete with copies alone");
  vyre_evidence_measure_telemetry (&e, &none);
  vyre_evidence_measure_residency (&e, 0);
  conform_record_expect (
      record, entry, "is_complete", vyre_evidence_is_complete (&e));
}

static void
expect_coverage (ConformRecord *record, JsonObject *entry)
{
  static const struct
  {
    const char *name;
    VyreEvidenceCoverage bit;
  } families[] = { { "ring", VYRE_EVIDENCE_RING },
    { "control", VYRE_EVIDENCE_CONTROL }, { "copy", VYRE_EVIDENCE_COPY },
    { "residency", VYRE_EVIDENCE_RESIDENCY } };
  JsonArray *wanted = conform_record_array (record, entry, "missing");
  const char *missing[4];
  VyreRuntimeEvidence e;
  guint n;

  vyre_evidence_init (&e);
  for (guint i = 0; i < G_N_ELEMENTS (families); i++) {
    if (conform_record_boolean (record, entry, families[i].name))
      e.coverage |= families[i].bit;
  }
  n = vyre_evidence_missing (&e, missing);
  conform_record_same (record, "missing", conform_record_length (wanted), n);
  for (guint i = 0; i < n; i++) {
    if (g_strcmp0 (missing[i], conform_record_string_at (record, wanted, i)) !=
        0)
      conform_record_differs (record, "%s is missing", missing[i]);
  }
  if (vyre_evidence_is_complete (&e) != (n == 0))
    conform_record_differs (record, "complete, or not, against the list");
}

static void
run_evidence (ConformRecord *record)
{
  JsonArray *avoidance =
      conform_record_array (record, record->root, "avoidance");
  JsonArray *coverage = conform_record_array (record, record->root, "coverage");

  for (guint i = 0; i < conform_record_length (avoidance); i++) {
    expect_avoidance (record, conform_record_object_at (record, avoidance, i));
    conform_record_end (record, "avoidance-%u", i);
  }
  for (guint i = 0; i < conform_record_length (coverage); i++) {
    expect_coverage (record, conform_record_object_at (record, coverage, i));
    conform_record_end (record, "coverage-%u", i);
  }
  conform_record_expect (
      record, record->root, "schema_version", VYRE_EVIDENCE_SCHEMA);
  conform_record_end (record, "schema_version");
}

const ConformRuntimeFile conform_telemetry_files[] = {
  { "evidence", run_evidence },
  { "fairness_counters", run_fairness },
  { "telemetry_all_empty", run_telemetry },
  { "telemetry_errors", run_telemetry_errors },
  { "telemetry_mixed_windows", run_telemetry },
  { "telemetry_single_published", run_telemetry },
  { "telemetry_windows_many", run_telemetry },
  { "telemetry_zero_slots", run_telemetry },
  { NULL, NULL },
};
