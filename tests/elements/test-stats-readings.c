/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vyrestats, compiled in, on a runtime whose words the test writes. */
#include "stats-harness.h"

#include <string.h>

#include "gst/gstvyrestats.h"
#include "runtime/ring/tenants.h"

/* --- helpers --------------------------------------------------------------- */

static guint
u32 (const GstStructure *structure, const char *field)
{
  guint value;

  if (!gst_structure_get_uint (structure, field, &value))
    g_error ("no uint %s in %s", field, gst_structure_get_name (structure));
  return value;
}

static const GstStructure *
group (const GstStructure *structure, const char *name)
{
  const GValue *value = gst_structure_get_value (structure, name);
  const GstStructure *inner;

  if (value == NULL || !GST_VALUE_HOLDS_STRUCTURE (value))
    g_error ("no group %s", name);
  inner = gst_value_get_structure (value);
  g_assert_cmpstr (gst_structure_get_name (inner), ==, name);
  return inner;
}

static const GValue *
array_item (
    const GstStructure *structure, const char *field, guint size, guint index)
{
  const GValue *array = gst_structure_get_value (structure, field);

  g_assert_nonnull (array);
  g_assert_true (GST_VALUE_HOLDS_ARRAY (array));
  g_assert_cmpuint (gst_value_array_get_size (array), ==, size);
  return index < size ? gst_value_array_get_value (array, index) : NULL;
}

static void
set_slot (FakeState *state, guint slot, guint32 status, guint32 tenant,
    guint32 ticket)
{
  guint32 *words = state->ring + slot * VYRE_SLOT_WORDS;

  words[VYRE_W_STATUS] = status;
  words[VYRE_W_TENANT] = tenant;
  words[VYRE_W_OPCODE] = vyre_ring_tenant_base (tenant);
  words[VYRE_A_TICKET] = ticket;
}

/* --- without a runtime ------------------------------------------------------ */

static void
unattached (void)
{
  static const char *const groups[] = { "runtime", "occupancy", "counters",
    "control", "watchdog", "priority", "evidence", "decode", "windows", "slots",
    "other-runtimes" };
  Rig rig = rig_new (NULL, GST_SECOND * 3600);
  GstStructure *s;
  guint i;

  gst_harness_set_src_caps_str (rig.harness, "application/octet-stream");
  for (i = 1; i <= 5; i++)
    push (&rig, i * 100, GST_CLOCK_TIME_NONE);
  g_assert_null (next_report (&rig, 0));
  s = report_at_eos (&rig);
  g_assert_false (flag (s, "attached"));
  g_assert_true (flag (s, "final"));
  g_assert_cmpuint (u32 (s, "schema-version"), ==, 1);
  g_assert_cmpstr (gst_structure_get_string (s, "scope"), ==, "none");
  g_assert_cmpuint (u64 (s, "buffers"), ==, 5);
  g_assert_cmpuint (u64 (s, "bytes"), ==, 1500);
  for (i = 0; i < G_N_ELEMENTS (groups); i++)
    g_assert_false (gst_structure_has_field (s, groups[i]));
  gst_structure_free (s);
  /* EOS is the last word. */
  g_assert_null (next_report (&rig, 50 * GST_MSECOND));
  rig_free (&rig);
}

/* No CAPS event, odd flags and metas, a gap, an empty buffer, a list. */
static void
passes_everything (void)
{
  Rig rig = rig_new (NULL, GST_SECOND);
  GstBufferList *list = gst_buffer_list_new ();
  GstBuffer *in, *out;
  GstSegment segment;
  GstStructure *s;
  GstPad *pad = rig.harness->srcpad;
  guint i;

  gst_pad_push_event (pad, gst_event_new_stream_start ("s"));
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_pad_push_event (pad, gst_event_new_segment (&segment));
  in = gst_buffer_new_allocate (NULL, 10, NULL);
  GST_BUFFER_FLAG_SET (in, GST_BUFFER_FLAG_GAP | GST_BUFFER_FLAG_DISCONT);
  GST_BUFFER_OFFSET (in) = 77;
  gst_buffer_ref (in); /* not writable */
  g_assert_cmpint (gst_pad_push (pad, in), ==, GST_FLOW_OK);
  out = gst_harness_pull (rig.harness);
  g_assert_true (out == in);
  g_assert_true (GST_BUFFER_FLAG_IS_SET (out, GST_BUFFER_FLAG_GAP));
  g_assert_cmpuint (GST_BUFFER_OFFSET (out), ==, 77);
  gst_buffer_unref (out);
  gst_buffer_unref (in);
  in = gst_buffer_new ();
  g_assert_cmpint (gst_pad_push (pad, in), ==, GST_FLOW_OK);
  out = gst_harness_pull (rig.harness);
  g_assert_true (out == in);
  gst_buffer_unref (out);
  for (i = 0; i < 3; i++)
    gst_buffer_list_add (list, gst_buffer_new_allocate (NULL, 4, NULL));
  g_assert_cmpint (gst_pad_push_list (pad, list), ==, GST_FLOW_OK);
  s = read_stats (rig.element);
  g_assert_cmpstr (gst_structure_get_name (s), ==, "application/x-vyre-stats");
  g_assert_cmpuint (u64 (s, "buffers"), ==, 5);
  g_assert_cmpuint (u64 (s, "bytes"), ==, 22);
  g_assert_cmpuint (u64 (s, "running-time"), ==, GST_CLOCK_TIME_NONE);
  g_assert_cmpuint (u64 (s, "duration"), ==, GST_CLOCK_TIME_NONE);
  gst_structure_free (s);
  rig_free (&rig);
}

static void
times (void)
{
  Rig rig = rig_new (NULL, GST_SECOND * 3600);
  GstSegment segment;
  GstStructure *s;

  gst_harness_set_src_caps_str (rig.harness, "application/octet-stream");
  gst_segment_init (&segment, GST_FORMAT_TIME);
  segment.start = 10 * GST_SECOND;
  segment.time = 100 * GST_SECOND;
  segment.base = 5 * GST_SECOND;
  gst_harness_push_event (rig.harness, gst_event_new_segment (&segment));
  push (&rig, 1, 12 * GST_SECOND);
  s = report_at_eos (&rig);
  g_assert_cmpuint (u64 (s, "timestamp"), ==, 12 * GST_SECOND);
  g_assert_cmpuint (u64 (s, "stream-time"), ==, 102 * GST_SECOND);
  g_assert_cmpuint (u64 (s, "running-time"), ==, 7 * GST_SECOND);
  g_assert_cmpuint (u64 (s, "duration"), >, 0);
  g_assert_cmpuint (u64 (s, "duration"), <, WAIT);
  gst_structure_free (s);
  rig_free (&rig);
}

/* A seek back after EOS: the stream goes on and ends again. */
static void
ends_twice (void)
{
  Rig rig = rig_new (NULL, GST_SECOND * 3600);
  GstSegment segment;
  GstStructure *s;

  gst_harness_set_src_caps_str (rig.harness, "application/octet-stream");
  push (&rig, 1, 0);
  gst_structure_free (report_at_eos (&rig));
  gst_harness_push_event (rig.harness, gst_event_new_flush_start ());
  gst_harness_push_event (rig.harness, gst_event_new_flush_stop (TRUE));
  gst_segment_init (&segment, GST_FORMAT_TIME);
  gst_harness_push_event (rig.harness, gst_event_new_segment (&segment));
  push (&rig, 1, 0);
  s = report_at_eos (&rig);
  g_assert_cmpuint (u64 (s, "buffers"), ==, 2);
  gst_structure_free (s);
  rig_free (&rig);
}

/* --- with one ----------------------------------------------------------------- */

static void
fill (VyreRuntime *runtime)
{
  FakeState *state = fake_runtime_lock (runtime);
  guint32 *c = state->control;
  guint i;

  c[VYRE_C_TENANT_BASE] = VYRE_C_TENANT_MASK;
  for (i = 0; i < VYRE_TENANT_MASK_SLOTS; i++)
    c[VYRE_C_TENANT_MASK + i] = G_MAXUINT32;
  c[VYRE_C_DONE_COUNT] = 101;
  c[VYRE_C_EPOCH] = 102;
  c[VYRE_C_STARVATION] = 103;
  c[VYRE_C_EXITED] = 104;
  c[VYRE_C_CLAIMED] = 105;
  c[VYRE_C_YIELDED] = 106;
  c[VYRE_C_FAULTED] = 107;
  c[VYRE_C_STEPS_LO] = 108;
  c[VYRE_C_STEPS_HI] = 1;
  c[VYRE_C_IDLE_POLLS] = 109;
  c[VYRE_C_METRICS + 31] = 110;
  c[VYRE_C_TENANT_FAIRNESS + 1] = 111;
  c[VYRE_C_TENANT_FAIRNESS + 2] = 11;
  c[VYRE_C_PRI_FAIRNESS + 4] = 112;
  c[VYRE_C_TENANT_QUOTA + 3] = 113;
  set_slot (state, 0, VYRE_ST_PUBLISHED, 1, 5);
  set_slot (state, 1, VYRE_ST_CLAIMED, 1, 5);
  set_slot (state, 2, VYRE_ST_DONE, 2, 5);
  set_slot (state, 3, VYRE_ST_FAULT, 2, 5);
  set_slot (state, 4, VYRE_ST_YIELD, 2, 6);
  set_slot (state, 5, VYRE_ST_REQUEUE, 2, 6);
  set_slot (state, 6, VYRE_ST_WAIT_IO, 2, 6);
  set_slot (state, 7, 4711, 2, 6);
  state->numbers.launches = 201;
  state->numbers.generations = 202;
  state->numbers.windows_submitted = 203;
  state->numbers.windows_done = 204;
  state->numbers.windows_faulted = 205;
  state->numbers.windows_cancelled = 206;
  state->numbers.tiles_published = 207;
  state->numbers.tiles_done = 208;
  state->numbers.bytes_bound = 209;
  state->numbers.resident_device_bytes = 210;
  state->numbers.tenants = 2;
  state->numbers.windows_in_flight = 3;
  state->numbers.kernel_compile_ns = 211;
  state->numbers.capture_ns = 212;
  state->numbers.idle_exits = 213;
  state->numbers.unattended_us = 214;
  state->numbers.windows_restarted = 215;
  state->numbers.method = VYRE_SNAPSHOT_TRANSFER;
  state->copied = 1024;
  state->avoided = 3072;
  fake_runtime_unlock (runtime);
}

static void
assert_groups (const GstStructure *s)
{
  const GstStructure *g = group (s, "runtime");

  g_assert_cmpuint (u32 (g, "device-index"), ==, 3);
  g_assert_cmpstr (
      gst_structure_get_string (g, "device-name"), ==, "Imagined GPU");
  g_assert_cmpstr (gst_structure_get_string (g, "residency"), ==, "sliced");
  g_assert_cmpstr (
      gst_structure_get_string (g, "residency-reason"), ==, "as imagined");
  g_assert_cmpuint (u32 (g, "tenants"), ==, 2);
  g_assert_cmpuint (u32 (g, "windows-in-flight"), ==, 3);
  g_assert_cmpuint (u64 (g, "launches"), ==, 201);
  g_assert_cmpuint (u64 (g, "generations"), ==, 202);
  g_assert_cmpuint (u64 (g, "windows-submitted"), ==, 203);
  g_assert_cmpuint (u64 (g, "windows-done"), ==, 204);
  g_assert_cmpuint (u64 (g, "windows-faulted"), ==, 205);
  g_assert_cmpuint (u64 (g, "windows-cancelled"), ==, 206);
  g_assert_cmpuint (u64 (g, "tiles-published"), ==, 207);
  g_assert_cmpuint (u64 (g, "tiles-done"), ==, 208);
  g_assert_cmpuint (u64 (g, "bytes-bound"), ==, 209);
  g_assert_cmpuint (u64 (g, "kernel-compile-ns"), ==, 211);
  g_assert_cmpstr (
      gst_structure_get_string (g, "snapshot-method"), ==, "transfer");
  g_assert_cmpuint (u64 (g, "snapshot-ns"), ==, 212);
  g_assert_cmpuint (u64 (g, "idle-exits"), ==, 213);
  g_assert_cmpuint (u64 (g, "unattended-us"), ==, 214);
  g_assert_cmpuint (u64 (g, "windows-restarted"), ==, 215);
  g_assert_cmpint (gst_structure_n_fields (g), ==, 21);

  g = group (s, "occupancy");
  g_assert_cmpuint (u32 (g, "total-slots"), ==, FAKE_SLOTS);
  g_assert_cmpuint (u32 (g, "empty"), ==, FAKE_SLOTS - 8);
  g_assert_cmpuint (u32 (g, "published"), ==, 1);
  g_assert_cmpuint (u32 (g, "claimed"), ==, 1);
  g_assert_cmpuint (u32 (g, "done"), ==, 1);
  g_assert_cmpuint (u32 (g, "fault"), ==, 1);
  g_assert_cmpuint (u32 (g, "yield"), ==, 1);
  g_assert_cmpuint (u32 (g, "requeue"), ==, 1);
  g_assert_cmpuint (u32 (g, "wait-io"), ==, 1);
  g_assert_cmpuint (u32 (g, "unknown"), ==, 1);
  g_assert_cmpuint (u32 (g, "queue-depth"), ==, 7);
  g_assert_cmpint (gst_structure_n_fields (g), ==, 11);

  g = group (s, "counters");
  g_assert_cmpuint (u32 (g, "total-slots"), ==, FAKE_SLOTS);
  g_assert_cmpuint (u32 (g, "queue-depth"), ==, 7);
  g_assert_cmpuint (u32 (g, "ring-idle-slots"), ==, FAKE_SLOTS - 8);
  g_assert_cmpuint (u32 (g, "ring-idle-ppm"), ==, 500000);
  g_assert_cmpuint (u32 (g, "frontier-density-bps"), ==, 4375);
  g_assert_cmpuint (u32 (g, "occupancy-proxy-bps"), ==, 5000);
  g_assert_cmpuint (u32 (g, "drained-slots"), ==, 101);
  g_assert_cmpuint (u32 (g, "unreclaimed-done-slots"), ==, 1);
  g_assert_cmpuint (u64 (g, "tenant-fairness-total"), ==, 122);
  g_assert_cmpuint (u64 (g, "priority-fairness-total"), ==, 112);
  g_assert_cmpuint (u32 (g, "tenant-fairness-skew"), ==, 100);
  g_assert_cmpuint (u32 (g, "requeue-slots"), ==, 1);
  g_assert_cmpuint (u32 (g, "fault-slots"), ==, 1);
  /* Tenant 1 ticket 5; tenant 2 ticket 5, all over; tenant 2 ticket 6. */
  g_assert_cmpuint (u32 (g, "total-windows"), ==, 3);
  g_assert_cmpuint (u32 (g, "active-windows"), ==, 2);
  g_assert_cmpint (gst_structure_n_fields (g), ==, 15);

  g = group (s, "control");
  g_assert_false (flag (g, "shutdown"));
  g_assert_cmpuint (u64 (g, "done-count"), ==, 101);
  g_assert_cmpuint (u64 (g, "epoch"), ==, 102);
  g_assert_cmpuint (u32 (g, "starvation"), ==, 103);
  g_assert_cmpuint (u64 (g, "exited"), ==, 104);
  g_assert_cmpuint (u64 (g, "claimed"), ==, 105);
  g_assert_cmpuint (u64 (g, "yielded"), ==, 106);
  g_assert_cmpuint (u64 (g, "faulted"), ==, 107);
  g_assert_cmpuint (u64 (g, "steps"), ==, (G_GUINT64_CONSTANT (1) << 32) + 108);
  g_assert_cmpuint (u64 (g, "idle-polls"), ==, 109);
  g_assert_cmpuint (
      g_value_get_uint64 (array_item (g, "metrics", 32, 31)), ==, 110);
  g_assert_cmpuint (
      g_value_get_uint64 (array_item (g, "tenant-fairness", 32, 1)), ==, 111);
  g_assert_cmpuint (
      g_value_get_uint64 (array_item (g, "priority-fairness", 5, 4)), ==, 112);
  g_assert_cmpuint (
      g_value_get_uint (array_item (g, "tenant-quota", 32, 3)), ==, 113);
  g_assert_cmpint (gst_structure_n_fields (g), ==, 14);

  g = group (s, "watchdog");
  g_assert_cmpuint (u64 (g, "timeout"), ==, GST_SECOND / 2);
  u64 (g, "elapsed-ns");
  g_assert_false (flag (g, "suspected-stall"));
  g_assert_cmpuint (u32 (g, "done-delta"), ==, 0);
  g_assert_cmpuint (u32 (g, "queue-depth"), ==, 7);
  g_assert_cmpuint (u32 (g, "requeue-slots"), ==, 1);
  g_assert_cmpuint (u32 (g, "ring-idle-ppm"), ==, 500000);
  g_assert_false (flag (g, "stalled"));
  g_assert_true (flag (g, "faulted"));
  g_assert_cmpuint (u32 (g, "fault-slots"), ==, 1);
  g_assert_cmpuint (u32 (g, "runnable-slots"), ==, 5);
  g_assert_cmpuint (u32 (g, "masked-slots"), ==, 0);
  g_assert_cmpuint (u32 (g, "stuck-slots"), ==, 0);
  g_assert_cmpuint (u64 (g, "stuck-ns"), ==, 0);
  g_assert_cmpint (gst_structure_n_fields (g), ==, 14);

  g = group (s, "priority");
  g_assert_cmpuint (u64 (g, "requeue-count"), ==, 1);
  g_assert_cmpuint (u64 (g, "aged-promotions"), ==, 0);
  g_assert_cmpuint (u64 (g, "max-priority-age"), ==, 0);
  g_assert_true (flag (g, "should-drain"));
  g_assert_cmpstr (
      gst_structure_get_string (g, "drain-reason"), ==, "pending_telemetry");
  g_assert_cmpint (gst_structure_n_fields (g), ==, 5);

  g = group (s, "evidence");
  g_assert_cmpuint (u32 (g, "schema-version"), ==, 1);
  g_assert_true (flag (g, "complete"));
  g_assert_null (array_item (g, "missing", 0, 0));
  g_assert_cmpuint (u64 (g, "resident-device-bytes"), ==, 210);
  g_assert_cmpuint (u64 (g, "host-copy-bytes"), ==, 1024);
  g_assert_cmpuint (u64 (g, "host-copy-avoided-bytes"), ==, 3072);
  g_assert_cmpuint (u32 (g, "host-copy-avoidance-bps"), ==, 7500);
  u64 (g, "control-decode-ns");
  u64 (g, "ring-decode-ns");
  g_assert_true (flag (group (g, "coverage"), "ring"));
  g_assert_true (flag (group (g, "coverage"), "control"));
  g_assert_true (flag (group (g, "coverage"), "copy"));
  g_assert_true (flag (group (g, "coverage"), "residency"));
  g_assert_cmpint (gst_structure_n_fields (group (g, "coverage")), ==, 4);
  g_assert_cmpint (gst_structure_n_fields (g), ==, 10);

  g = group (s, "decode");
  g_assert_cmpuint (u32 (g, "schema-version"), ==, 1);
  g_assert_true (flag (g, "complete"));
  g_assert_true (flag (g, "uses-caller-owned-scratch"));
  g_assert_cmpuint (u64 (g, "decoded-slot-count"), ==, FAKE_SLOTS);
  g_assert_cmpuint (u64 (g, "slot-output-capacity"), >=, FAKE_SLOTS);
  g_assert_cmpuint (u64 (g, "decoded-window-count"), ==, 3);
  g_assert_cmpuint (u64 (g, "window-output-capacity"), >=, 3);
  u64 (g, "window-opcode-scratch-capacity");
  g_assert_cmpuint (u64 (g, "window-accumulator-scratch-capacity"), >=, 3);
  g_assert_cmpint (gst_structure_n_fields (g), ==, 9);
}

static void
fields (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig;
  GstStructure *s;

  fill (runtime);
  rig = rig_new (runtime, GST_SECOND * 3600);
  gst_harness_set_src_caps_str (rig.harness, "application/octet-stream");
  push (&rig, 3, 0);
  s = read_stats (rig.element);
  g_assert_true (flag (s, "attached"));
  g_assert_false (flag (s, "final"));
  g_assert_cmpuint (u32 (s, "schema-version"), ==, 1);
  g_assert_cmpstr (gst_structure_get_string (s, "scope"), ==, "pipeline");
  g_assert_cmpuint (u64 (s, "bytes"), ==, 3);
  assert_groups (s);
  g_assert_cmpint (gst_structure_n_fields (s), ==, 18);
  gst_structure_free (s);
  s = report_at_eos (&rig);
  assert_groups (s);
  g_assert_true (flag (s, "final"));
  g_assert_cmpint (gst_structure_n_fields (s), ==, 18);
  gst_structure_free (s);
  rig_free (&rig);
  g_assert_cmpint (fake_runtime_refs (runtime), ==, 1);
}

/* Words of 32 bits wrap, the fields do not. */
static void
counters_rise (void)
{
  static const guint words[] = { VYRE_C_DONE_COUNT, VYRE_C_EPOCH, VYRE_C_EXITED,
    VYRE_C_CLAIMED, VYRE_C_YIELDED, VYRE_C_FAULTED, VYRE_C_IDLE_POLLS };
  static const char *const names[] = { "done-count", "epoch", "exited",
    "claimed", "yielded", "faulted", "idle-polls" };
  const guint64 high = G_GUINT64_CONSTANT (1) << 32;
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig = rig_new (runtime, GST_SECOND * 3600);
  FakeState *state;
  GstStructure *s;
  guint i;

  state = fake_runtime_lock (runtime);
  for (i = 0; i < G_N_ELEMENTS (words); i++)
    state->control[words[i]] = 0xFFFFFF00;
  state->control[VYRE_C_METRICS + 2] = 0xFFFFFF00;
  state->control[VYRE_C_STEPS_HI] = 7;
  state->control[VYRE_C_STEPS_LO] = 0xFFFFFF00;
  fake_runtime_unlock (runtime);
  gst_structure_free (read_stats (rig.element));

  state = fake_runtime_lock (runtime);
  for (i = 0; i < G_N_ELEMENTS (words); i++)
    state->control[words[i]] = 5 + i;
  state->control[VYRE_C_METRICS + 2] = 0;
  state->control[VYRE_C_STEPS_LO] = 4; /* the carry is still to come */
  fake_runtime_unlock (runtime);
  s = read_stats (rig.element);
  for (i = 0; i < G_N_ELEMENTS (words); i++)
    g_assert_cmpuint (u64 (group (s, "control"), names[i]), ==, high + 5 + i);
  g_assert_cmpuint (
      g_value_get_uint64 (array_item (group (s, "control"), "metrics", 32, 2)),
      ==, high);
  g_assert_cmpuint (
      u64 (group (s, "control"), "steps"), ==, 7 * high + 0xFFFFFF00);
  gst_structure_free (s);
  rig_free (&rig);
}

static void
evidence_is_measured (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig = rig_new (runtime, GST_SECOND * 3600);
  GstStructure *s = read_stats (rig.element);
  const GstStructure *g = group (s, "evidence");

  g_assert_false (flag (g, "complete"));
  g_assert_cmpstr (
      g_value_get_string (array_item (g, "missing", 1, 0)), ==, "copy");
  g_assert_false (flag (group (g, "coverage"), "copy"));
  g_assert_cmpuint (u32 (g, "host-copy-avoidance-bps"), ==, 0);
  gst_structure_free (s);
  rig_free (&rig);
}

static gboolean
is_stalled (Rig *rig)
{
  GstStructure *s = read_stats (rig->element);
  gboolean stalled = flag (group (s, "watchdog"), "stalled");

  gst_structure_free (s);
  return stalled;
}

static void
stalls (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig = rig_new (runtime, GST_SECOND * 3600);
  FakeState *state;

  state = fake_runtime_lock (runtime);
  state->control[VYRE_C_TENANT_BASE] = VYRE_C_TENANT_MASK;
  state->control[VYRE_C_TENANT_MASK + 1] = G_MAXUINT32;
  fake_runtime_unlock (runtime);
  g_assert_false (is_stalled (&rig));
  /* An idle while, then work: none of it has had time. */
  g_usleep (600 * 1000);
  state = fake_runtime_lock (runtime);
  set_slot (state, 0, VYRE_ST_PUBLISHED, 1, 1);
  fake_runtime_unlock (runtime);
  g_assert_false (is_stalled (&rig));
  g_usleep (600 * 1000);
  g_assert_true (is_stalled (&rig));
  /* Too soon to tell again; still. */
  g_assert_true (is_stalled (&rig));
  state = fake_runtime_lock (runtime);
  state->control[VYRE_C_STEPS_LO]++;
  fake_runtime_unlock (runtime);
  g_assert_false (is_stalled (&rig));
  rig_free (&rig);
}

static void
malformed (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig = rig_new (runtime, GST_SECOND * 3600);
  GstStructure *s;

  fake_runtime_lock (runtime)->malformed = TRUE;
  fake_runtime_unlock (runtime);
  s = read_stats (rig.element);
  g_assert_true (flag (s, "attached"));
  g_assert_false (gst_structure_has_field (s, "occupancy"));
  gst_structure_free (s);
  fake_runtime_lock (runtime)->malformed = FALSE;
  fake_runtime_unlock (runtime);
  s = read_stats (rig.element);
  group (s, "occupancy");
  gst_structure_free (s);
  rig_free (&rig);
}

/* --- how much, and of whom ------------------------------------------------------ */

static void
detail (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  const GstStructure *g;
  Rig rig;
  GstStructure *s;

  fill (runtime);
  rig = rig_new (runtime, GST_SECOND * 3600);
  s = read_stats (rig.element);
  g_assert_false (gst_structure_has_field (s, "windows"));
  g_assert_false (gst_structure_has_field (s, "slots"));
  gst_structure_free (s);

  gst_util_set_object_arg (G_OBJECT (rig.element), "detail", "windows");
  s = read_stats (rig.element);
  assert_groups (s);
  g_assert_false (gst_structure_has_field (s, "slots"));
  g = gst_value_get_structure (array_item (s, "windows", 3, 0));
  g_assert_cmpuint (u32 (g, "ticket"), ==, 5);
  g_assert_cmpuint (u32 (g, "tenant"), ==, 1);
  g_assert_cmpuint (u32 (g, "opcode"), ==, vyre_ring_tenant_base (1));
  g_assert_cmpuint (u32 (g, "required-slots"), ==, 2);
  g_assert_cmpuint (u32 (g, "lookahead-slots"), ==, 0);
  g_assert_cmpuint (u32 (g, "published"), ==, 1);
  g_assert_cmpuint (u32 (g, "claimed"), ==, 1);
  g_assert_cmpuint (u32 (g, "done"), ==, 0);
  g_assert_true (flag (g, "active"));
  g_assert_cmpint (gst_structure_n_fields (g), ==, 13);
  g = gst_value_get_structure (array_item (s, "windows", 3, 2));
  g_assert_cmpuint (u32 (g, "ticket"), ==, 6);
  g_assert_cmpuint (u32 (g, "wait-io"), ==, 1);
  g_assert_cmpuint (u32 (g, "yield"), ==, 1);
  g_assert_cmpuint (u32 (g, "requeue"), ==, 1);
  g_assert_cmpuint (u32 (g, "fault"), ==, 0);
  gst_structure_free (s);

  gst_util_set_object_arg (G_OBJECT (rig.element), "detail", "slots");
  gst_harness_set_src_caps_str (rig.harness, "application/octet-stream");
  s = report_at_eos (&rig);
  array_item (s, "windows", 3, 0);
  g = gst_value_get_structure (array_item (s, "slots", FAKE_SLOTS, 7));
  g_assert_cmpuint (u32 (g, "slot-idx"), ==, 7);
  g_assert_cmpstr (gst_structure_get_string (g, "status"), ==, "unknown");
  g_assert_cmpuint (u32 (g, "status-raw"), ==, 4711);
  g_assert_cmpuint (u32 (g, "tenant"), ==, 2);
  g_assert_cmpuint (u32 (g, "opcode"), ==, vyre_ring_tenant_base (2));
  g_assert_cmpuint (
      g_value_get_uint (array_item (g, "args-prefix", 3, 0)), ==, 6);
  g_assert_cmpint (gst_structure_n_fields (g), ==, 6);
  g = gst_value_get_structure (array_item (s, "slots", FAKE_SLOTS, 15));
  g_assert_cmpstr (gst_structure_get_string (g, "status"), ==, "empty");
  gst_structure_free (s);
  rig_free (&rig);
}

/* A pipeline without a runtime shows those of the process, which may go. */
static void
process_scope (void)
{
  VyreRuntime *first = fake_runtime_new ();
  VyreRuntime *second = fake_runtime_new ();
  const GstStructure *g;
  Rig rig;
  GstStructure *s;

  fill (first);
  fake_runtime_lock (second)->numbers.launches = 7;
  fake_runtime_unlock (second);
  fake_runtime_set_list (first, second);
  rig = rig_new (NULL, GST_SECOND * 3600);
  s = read_stats (rig.element);
  g_assert_false (flag (s, "attached"));
  g_assert_cmpstr (gst_structure_get_string (s, "scope"), ==, "process");
  assert_groups (s);
  g = gst_value_get_structure (array_item (s, "other-runtimes", 1, 0));
  g_assert_cmpuint (u64 (group (g, "runtime"), "launches"), ==, 7);
  g_assert_cmpuint (u32 (group (g, "occupancy"), "empty"), ==, FAKE_SLOTS);
  g_assert_cmpint (gst_structure_n_fields (g), ==, 8);
  gst_structure_free (s);

  /* It keeps none of them alive. */
  g_assert_cmpint (fake_runtime_refs (first), ==, 1);
  g_assert_cmpint (fake_runtime_refs (second), ==, 1);
  fake_runtime_set_list (second, NULL);
  s = read_stats (rig.element);
  g_assert_cmpuint (u64 (group (s, "runtime"), "launches"), ==, 7);
  g_assert_false (gst_structure_has_field (s, "other-runtimes"));
  gst_structure_free (s);
  fake_runtime_set_list (NULL, NULL);
  s = read_stats (rig.element);
  g_assert_cmpstr (gst_structure_get_string (s, "scope"), ==, "none");
  gst_structure_free (s);
  vyre_runtime_unref (first);
  vyre_runtime_unref (second);
  rig_free (&rig);
}

/* Before and after it ran as well. */
static void
any_state (void)
{
  GstElement *element = gst_element_factory_make ("vyrestats", NULL);
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  static const GstState states[] = { GST_STATE_NULL, GST_STATE_READY,
    GST_STATE_NULL };

  gst_object_ref_sink (element);
  fill (runtime);
  fake_runtime_set_list (runtime, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (states); i++) {
    GstStructure *s;

    gst_element_set_state (element, states[i]);
    s = read_stats (element);
    g_assert_cmpstr (gst_structure_get_string (s, "scope"), ==, "process");
    assert_groups (s);
    gst_structure_free (s);
  }
  fake_runtime_set_list (NULL, NULL);
  gst_object_unref (element);
}

/* --- the watchdog ----------------------------------------------------------------- */

/* The next message of the watchdog, or %NULL after @wait. */
static GstMessage *
next_incident (Rig *rig, GstClockTime wait)
{
  return gst_bus_timed_pop_filtered (
      rig->bus, wait, GST_MESSAGE_WARNING | GST_MESSAGE_INFO);
}

static void
assert_incident (GstMessage *message, GstMessageType type, guint runnable)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;
  const GstStructure *details;

  g_assert_nonnull (message);
  g_assert_cmpint (GST_MESSAGE_TYPE (message), ==, type);
  if (type == GST_MESSAGE_WARNING) {
    gst_message_parse_warning (message, &error, &debug);
    gst_message_parse_warning_details (message, &details);
  } else {
    gst_message_parse_info (message, &error, &debug);
    gst_message_parse_info_details (message, &details);
  }
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_FAILED);
  g_assert_nonnull (strstr (debug, "Imagined GPU"));
  g_assert_cmpuint (u32 (details, "runnable-slots"), ==, runnable);
  g_assert_cmpuint (u32 (details, "device-index"), ==, 3);
  g_assert_cmpuint (u32 (details, "masked-slots"), ==, 0);
  u64 (details, "elapsed-ns");
  gst_message_unref (message);
}

static void
set_published (VyreRuntime *runtime)
{
  FakeState *state = fake_runtime_lock (runtime);

  state->control[VYRE_C_TENANT_BASE] = VYRE_C_TENANT_MASK;
  state->control[VYRE_C_TENANT_MASK + 1] = G_MAXUINT32;
  set_slot (state, 0, VYRE_ST_PUBLISHED, 1, 1);
  fake_runtime_unlock (runtime);
}

static void
bump (VyreRuntime *runtime, guint word)
{
  fake_runtime_lock (runtime)->control[word]++;
  fake_runtime_unlock (runtime);
}

/* Once when it stalls, once when it goes on; whether messages are wanted or
 * not, and although nothing flows. */
static void
watchdog (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig = rig_new (runtime, GST_SECOND * 3600);
  gint64 start;

  g_object_set (
      rig.element, "post-messages", FALSE, "watchdog", 200 * GST_MSECOND, NULL);
  g_assert_null (next_incident (&rig, 300 * GST_MSECOND));
  start = g_get_monotonic_time ();
  set_published (runtime);
  assert_incident (next_incident (&rig, WAIT), GST_MESSAGE_WARNING, 1);
  g_assert_cmpint (g_get_monotonic_time () - start, >=, 190 * 1000);
  g_assert_null (next_incident (&rig, 300 * GST_MSECOND));
  bump (runtime, VYRE_C_STEPS_LO);
  assert_incident (next_incident (&rig, WAIT), GST_MESSAGE_INFO, 1);
  /* It stands still again. */
  assert_incident (next_incident (&rig, WAIT), GST_MESSAGE_WARNING, 1);
  set_slot (fake_runtime_lock (runtime), 0, VYRE_ST_EMPTY, 1, 1);
  fake_runtime_unlock (runtime);
  assert_incident (next_incident (&rig, WAIT), GST_MESSAGE_INFO, 0);
  rig_free (&rig);
}

/* Steady progress, however slow the stream, and a tenant that may not run. */
static void
watchdog_quiet (void)
{
  g_autoptr (VyreRuntime) runtime = fake_runtime_new ();
  Rig rig = rig_new (runtime, GST_SECOND * 3600);
  FakeState *state;

  g_object_set (rig.element, "watchdog", 400 * GST_MSECOND, NULL);
  set_published (runtime);
  for (guint i = 0; i < 40; i++) {
    bump (runtime, VYRE_C_DONE_COUNT);
    g_usleep (20 * 1000);
  }
  state = fake_runtime_lock (runtime);
  state->control[VYRE_C_TENANT_MASK + 1] = 0;
  fake_runtime_unlock (runtime);
  g_assert_null (next_incident (&rig, 800 * GST_MSECOND));
  /* Off, it does not look. */
  g_object_set (rig.element, "watchdog", G_GUINT64_CONSTANT (0), NULL);
  set_published (runtime);
  g_assert_null (next_incident (&rig, 800 * GST_MSECOND));
  rig_free (&rig);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", NULL };

  support_init (&argc, &argv, plugins);
  g_assert_true (GST_ELEMENT_REGISTER (vyrestats, NULL));
  g_test_add_func ("/stats/unattached", unattached);
  g_test_add_func ("/stats/passes-everything", passes_everything);
  g_test_add_func ("/stats/times", times);
  g_test_add_func ("/stats/ends-twice", ends_twice);
  g_test_add_func ("/stats/fields", fields);
  g_test_add_func ("/stats/counters-rise", counters_rise);
  g_test_add_func ("/stats/evidence-is-measured", evidence_is_measured);
  g_test_add_func ("/stats/stalls", stalls);
  g_test_add_func ("/stats/malformed", malformed);
  g_test_add_func ("/stats/detail", detail);
  g_test_add_func ("/stats/process-scope", process_scope);
  g_test_add_func ("/stats/any-state", any_state);
  g_test_add_func ("/stats/watchdog", watchdog);
  g_test_add_func ("/stats/watchdog-quiet", watchdog_quiet);
  add_stats_flow_tests ();
  return support_run ();
}
