/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vyrestats beside the elements that use the GPU, on whatever device there
 * is. What the fields say is test-stats-readings.c's. */
#include <gst/gst.h>

#include "runtime/engine/builtins.h"
#include "support.h"

#define WAIT (30 * GST_SECOND)

static char *
program (const char *name)
{
  return g_build_filename (g_getenv ("VYRE_PROGRAMS_PATH"), name, NULL);
}

static gboolean
have_device (void)
{
  g_autoptr (GError) error = NULL;
  VyreRuntimeOptions any = VYRE_RUNTIME_OPTIONS_DEFAULT;
  g_autoptr (VyreRuntime) runtime = vyre_runtime_acquire (&any, &error);

  if (runtime == NULL)
    g_test_skip (error->message);
  return runtime != NULL;
}

static guint64
counter (const GstStructure *report, const char *group, const char *field)
{
  const GstStructure *inner = report;
  guint64 value;

  if (group != NULL) {
    const GValue *boxed = gst_structure_get_value (report, group);

    if (boxed == NULL)
      g_error ("no group %s", group);
    inner = gst_value_get_structure (boxed);
  }
  if (!gst_structure_get_uint64 (inner, field, &value))
    g_error ("no counter %s", field);
  return value;
}

static gboolean
flag (const GstStructure *report, const char *group, const char *field)
{
  const GstStructure *inner = report;
  gboolean value;

  if (group != NULL)
    inner = gst_value_get_structure (gst_structure_get_value (report, group));
  g_assert_true (gst_structure_get_boolean (inner, field, &value));
  return value;
}

/* Plays to the end. All messages of @element, in order. */
static GPtrArray *
reports_of (GstElement *pipeline, const char *element)
{
  GPtrArray *reports =
      g_ptr_array_new_with_free_func ((GDestroyNotify) gst_structure_free);
  GstBus *bus = gst_element_get_bus (pipeline);
  gboolean running = TRUE;

  support_set_state (pipeline, GST_STATE_PLAYING);
  while (running) {
    GstMessage *message = gst_bus_timed_pop_filtered (
        bus, WAIT, GST_MESSAGE_ELEMENT | GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

    g_assert_nonnull (message);
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR) {
      GError *error;

      gst_message_parse_error (message, &error, NULL);
      g_error ("%s: %s", GST_MESSAGE_SRC_NAME (message), error->message);
    }
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS)
      running = FALSE;
    else if (gst_message_has_name (message, "vyrestats") &&
             g_str_equal (GST_MESSAGE_SRC_NAME (message), element))
      g_ptr_array_add (
          reports, gst_structure_copy (gst_message_get_structure (message)));
    gst_message_unref (message);
  }
  gst_object_unref (bus);
  g_assert_cmpuint (reports->len, >, 0);
  return reports;
}

static void
stop (GstElement *pipeline)
{
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

static const GstStructure *
last_of (GPtrArray *reports)
{
  return g_ptr_array_index (reports, reports->len - 1);
}

/* The last message has counted all that went through the GPU. */
static void
after_interp (void)
{
  g_autofree char *invert = program ("invert.vyre");
  g_autoptr (GPtrArray) reports = NULL;
  const GstStructure *last;
  GstElement *pipeline;

  if (!have_device ())
    return;
  pipeline = support_launch (
      "fakesrc num-buffers=25 sizetype=fixed sizemax=4096 ! "
      "vyreinterp program-location=%s ! vyrestats name=s ! fakesink",
      invert);
  reports = reports_of (pipeline, "s");
  last = last_of (reports);
  g_assert_true (flag (last, NULL, "attached"));
  g_assert_cmpuint (counter (last, NULL, "buffers"), ==, 25);
  g_assert_cmpuint (counter (last, NULL, "bytes"), ==, 25 * 4096);
  g_assert_cmpuint (counter (last, "runtime", "windows-submitted"), ==, 25);
  g_assert_cmpuint (counter (last, "runtime", "windows-done"), ==, 25);
  g_assert_cmpuint (counter (last, "runtime", "windows-faulted"), ==, 0);
  g_assert_cmpuint (counter (last, "runtime", "launches"), >, 0);
  g_assert_cmpuint (counter (last, "runtime", "tiles-done"), >=, 25);
  g_assert_cmpuint (counter (last, "control", "done-count"), ==,
      counter (last, "runtime", "tiles-done"));
  g_assert_cmpuint (counter (last, "control", "steps"), >, 0);
  g_assert_true (flag (last, "evidence", "complete"));
  g_assert_cmpuint (counter (last, "evidence", "resident-device-bytes"), >, 0);
  g_assert_cmpuint (counter (last, "evidence", "host-copy-bytes") +
                        counter (last, "evidence", "host-copy-avoided-bytes"),
      >, 0);
  g_assert_false (flag (last, "watchdog", "stalled"));
  g_assert_false (flag (last, "watchdog", "faulted"));
  stop (pipeline);
}

/* In front of it as well, with a file that goes to the GPU where it is. */
static void
before_interp (void)
{
  g_autofree char *invert = program ("invert.vyre");
  g_autofree char *file = NULL;
  g_autoptr (GPtrArray) reports = NULL;
  GstElement *pipeline;

  if (!have_device ())
    return;
  file = support_noise_file ("before-interp", 1 << 20, NULL);
  pipeline = support_launch (
      "vyresrc location=%s blocksize=65536 ! vyrestats name=s ! "
      "vyreinterp program-location=%s ! fakesink",
      file, invert);
  reports = reports_of (pipeline, "s");
  g_assert_true (flag (last_of (reports), NULL, "attached"));
  g_assert_cmpuint (counter (last_of (reports), NULL, "bytes"), ==, 1 << 20);
  stop (pipeline);
}

static void
assert_rises (const GstStructure *a, const GstStructure *b, const char *group,
    const char *field)
{
  g_assert_cmpuint (counter (a, group, field), <=, counter (b, group, field));
}

static void
monotonic (void)
{
  static const char *const control[] = { "done-count", "claimed", "yielded",
    "faulted", "steps", "idle-polls", "exited" };
  static const char *const runtime[] = { "launches", "windows-submitted",
    "windows-done", "tiles-published", "tiles-done", "bytes-bound" };
  g_autofree char *invert = program ("invert.vyre");
  g_autoptr (GPtrArray) reports = NULL;
  GstElement *pipeline;
  guint i, k, attached = 0;

  if (!have_device ())
    return;
  pipeline = support_launch (
      "fakesrc num-buffers=60 sizetype=fixed sizemax=4096 datarate=200000 "
      "is-live=true do-timestamp=true ! vyreinterp program-location=%s ! "
      "vyrestats name=s interval=%" G_GUINT64_FORMAT " ! fakesink sync=true",
      invert, 20 * GST_MSECOND);
  reports = reports_of (pipeline, "s");
  for (i = 1; i < reports->len; i++) {
    const GstStructure *a = g_ptr_array_index (reports, i - 1);
    const GstStructure *b = g_ptr_array_index (reports, i);

    assert_rises (a, b, NULL, "buffers");
    if (!flag (a, NULL, "attached"))
      continue;
    attached++;
    for (k = 0; k < G_N_ELEMENTS (control); k++)
      assert_rises (a, b, "control", control[k]);
    for (k = 0; k < G_N_ELEMENTS (runtime); k++)
      assert_rises (a, b, "runtime", runtime[k]);
  }
  /* A second of stream. */
  g_assert_cmpuint (attached, >=, 5);
  stop (pipeline);
}

/* Two programs and two monitors, one runtime: each sees both tenants. */
static void
sees_all_tenants (void)
{
  g_autofree char *invert = program ("invert.vyre");
  g_autoptr (GPtrArray) reports = NULL;
  const GValue *claims;
  GstElement *pipeline;
  guint active = 0;
  guint i;

  if (!have_device ())
    return;
  pipeline = support_launch (
      "fakesrc num-buffers=10 sizetype=fixed sizemax=4096 ! "
      "vyreinterp program-location=%s ! vyrestats name=a ! "
      "vyreinterp program-location=%s ! vyrestats name=b ! fakesink",
      invert, invert);
  reports = reports_of (pipeline, "b");
  g_assert_cmpuint (
      counter (last_of (reports), "runtime", "windows-done"), ==, 20);
  claims = gst_structure_get_value (
      gst_value_get_structure (
          gst_structure_get_value (last_of (reports), "control")),
      "tenant-fairness");
  for (i = 0; i < gst_value_array_get_size (claims); i++)
    active += g_value_get_uint64 (gst_value_array_get_value (claims, i)) > 0;
  g_assert_cmpuint (active, ==, 2);
  stop (pipeline);
}

/* A runtime elsewhere in the process is no part of this pipeline, but told of
 * for want of one. */
static void
no_runtime_in_pipeline (void)
{
  VyreRuntimeOptions any = VYRE_RUNTIME_OPTIONS_DEFAULT;
  g_autoptr (VyreRuntime) elsewhere = NULL;
  g_autoptr (GPtrArray) reports = NULL;
  g_autoptr (GPtrArray) later = NULL;
  const char *description =
      "fakesrc num-buffers=3 sizetype=fixed sizemax=5 ! vyrestats name=s ! "
      "fakesink";
  GstElement *pipeline;

  if (!have_device ())
    return;
  elsewhere = vyre_runtime_acquire (&any, NULL);
  pipeline = support_launch ("%s", description);
  reports = reports_of (pipeline, "s");
  g_assert_false (flag (last_of (reports), NULL, "attached"));
  g_assert_cmpuint (counter (last_of (reports), NULL, "bytes"), ==, 15);
  g_assert_cmpstr (
      gst_structure_get_string (last_of (reports), "scope"), ==, "process");
  g_assert_cmpuint (
      counter (last_of (reports), "runtime", "windows-submitted"), ==, 0);
  stop (pipeline);

  g_clear_pointer (&elsewhere, vyre_runtime_unref);
  pipeline = support_launch ("%s", description);
  later = reports_of (pipeline, "s");
  g_assert_cmpstr (
      gst_structure_get_string (last_of (later), "scope"), ==, "none");
  g_assert_false (gst_structure_has_field (last_of (later), "runtime"));
  stop (pipeline);
}

/* The evidence of one pipeline with a runtime of its own. */
static GstStructure *
evidence_of (const char *source)
{
  g_autofree char *invert = program ("invert.vyre");
  GstElement *pipeline = support_launch (
      "%s ! vyreinterp program-location=%s ! vyrestats name=s ! fakesink",
      source, invert);
  g_autoptr (GPtrArray) reports = reports_of (pipeline, "s");
  const GValue *group = gst_structure_get_value (last_of (reports), "evidence");
  GstStructure *evidence = gst_structure_copy (gst_value_get_structure (group));

  stop (pipeline);
  return evidence;
}

static guint
basis_points (const GstStructure *evidence)
{
  guint bps;

  g_assert_true (
      gst_structure_get_uint (evidence, "host-copy-avoidance-bps", &bps));
  return bps;
}

#define COPIED_BUFFERS 8
#define COPIED_BYTES 65536

/* Upstream has never heard of our allocator: each byte is copied once. */
static void
must_copy (void)
{
  g_autoptr (GstStructure) evidence = NULL;

  if (!have_device ())
    return;
  evidence =
      evidence_of ("fakesrc num-buffers=8 sizetype=fixed sizemax=65536 ! "
                   "identity drop-allocation=true");
  g_assert_cmpuint (counter (evidence, NULL, "host-copy-bytes"), ==,
      COPIED_BUFFERS * COPIED_BYTES);
  g_assert_cmpuint (counter (evidence, NULL, "host-copy-avoided-bytes"), ==, 0);
  g_assert_cmpuint (basis_points (evidence), ==, 0);
  g_assert_true (flag (evidence, NULL, "complete"));
}

/* The shadow of a kept buffer that must survive a fault is a copy, each time. */
static void
must_copy_kept (void)
{
  g_autofree char *histogram = program ("histogram256.vyre");
  g_autofree char *file = NULL;
  g_autoptr (GPtrArray) reports = NULL;
  GstElement *pipeline;

  if (!have_device ())
    return;
  file = support_noise_file ("must-copy-kept", 4 * 4096, NULL);
  pipeline = support_launch (
      "vyresrc location=%s blocksize=4096 ! vyreinterp program-location=%s "
      "bindings=histogram=keep on-fault=drop ! vyrestats name=s ! fakesink",
      file, histogram);
  reports = reports_of (pipeline, "s");
  g_assert_cmpuint (counter (last_of (reports), "evidence", "host-copy-bytes"),
      >=, 4 * 256 * 4);
  g_assert_cmpuint (
      counter (last_of (reports), "evidence", "host-copy-avoided-bytes"), ==,
      4 * 4096);
  stop (pipeline);
}

/* A file that is read to where the GPU works on it. */
static void
must_not_copy (void)
{
  g_autofree char *file = NULL;
  g_autofree char *source = NULL;
  g_autoptr (GstStructure) evidence = NULL;

  if (!have_device ())
    return;
  file = support_noise_file ("must-not-copy", 1 << 20, NULL);
  source = g_strdup_printf ("vyresrc location=%s", file);
  evidence = evidence_of (source);
  g_assert_cmpuint (counter (evidence, NULL, "host-copy-bytes"), ==, 0);
  g_assert_cmpuint (
      counter (evidence, NULL, "host-copy-avoided-bytes"), ==, 1 << 20);
  g_assert_cmpuint (basis_points (evidence), ==, 10000);
  g_assert_true (flag (evidence, NULL, "complete"));
}

static void
over_and_over (void)
{
  g_autofree char *invert = program ("invert.vyre");
  GstElement *pipeline;
  guint i;

  if (!have_device ())
    return;
  pipeline = support_launch (
      "fakesrc num-buffers=5 sizetype=fixed sizemax=4096 ! "
      "vyreinterp program-location=%s ! vyrestats name=s interval=1000000 ! "
      "fakesink",
      invert);
  for (i = 0; i < 6; i++) {
    g_autoptr (GPtrArray) reports = reports_of (pipeline, "s");

    g_assert_true (flag (last_of (reports), NULL, "attached"));
    g_assert_cmpuint (counter (last_of (reports), NULL, "buffers"), ==, 5);
    support_set_state (pipeline, i % 2 == 0 ? GST_STATE_NULL : GST_STATE_READY);
  }
  stop (pipeline);
}

/* Streaming thread. Nothing may end before all is printed. */
static GstPadProbeReturn
hold_end (GstPad *pad, GstPadProbeInfo *info, gpointer published)
{
  if (GST_EVENT_TYPE (gst_pad_probe_info_get_event (info)) == GST_EVENT_EOS) {
    while (!g_atomic_int_get ((gint *) published))
      g_usleep (1000);
  }
  return GST_PAD_PROBE_OK;
}

/* What builtins print while the pipeline plays, with the text that the formats
 * give it, all of it or counted; nothing of what was printed before. */
static void
printed_by_ring (void)
{
  enum
  {
    N_BATCHES = 10,
    N_ITEMS = 20
  };
  g_autofree char *formats = support_path ("ring-formats");
  g_autofree char *path = support_noise_file ("ring", 200000, NULL);
  g_autoptr (GError) error = NULL;
  guint64 printed = 0, dropped = 0, last = 0;

  if (!have_device ())
    return;
  g_autoptr (VyreRuntime) runtime = vyre_runtime_acquire (NULL, &error);
  VyreTenant *tenant = vyre_tenant_new (runtime, "printer", &error);
  g_assert_no_error (error);
  guint32 args[N_ITEMS][3];
  VyreRingItem items[N_ITEMS];
  for (guint i = 0; i < N_ITEMS; i++) {
    args[i][0] = i == 0 ? 5 : 6;
    args[i][1] = i;
    args[i][2] = 0;
    items[i] = (VyreRingItem){ VYRE_OP_PRINTF, args[i], 3 };
  }
  g_autoptr (VyreWindow) before =
      vyre_tenant_publish (tenant, items, 1, &error);
  g_assert_no_error (error);
  vyre_window_wait (before, G_MAXINT64, NULL);
  guint32 dropped_before = vyre_runtime_get_log_dropped (runtime);

  g_assert_true (
      g_file_set_contents (formats, "6 item %u of batch %u\n", -1, &error));
  GstElement *pipeline = support_launch (
      "filesrc name=source location=%s blocksize=4096 ! "
      "vyreinterp program=invert ! "
      "vyrestats interval=20000000 print-formats=%s ! fakesink",
      path, formats);
  g_autoptr (GstElement) source =
      gst_bin_get_by_name (GST_BIN (pipeline), "source");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (source, "src");
  gint published = 0;
  gst_pad_add_probe (
      pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, hold_end, &published, NULL);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  support_set_state (pipeline, GST_STATE_PAUSED);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  for (guint k = 1; k <= N_BATCHES; k++) {
    for (guint i = 0; i < N_ITEMS; i++) {
      args[i][0] = 6;
      args[i][2] = k;
    }
    g_autoptr (VyreWindow) window =
        vyre_tenant_publish (tenant, items, N_ITEMS, &error);
    g_assert_no_error (error);
    g_assert_cmpint (
        vyre_window_wait (window, G_MAXINT64, NULL), ==, VYRE_WINDOW_DONE);
  }
  g_atomic_int_set (&published, 1);
  /* The last message, at the end of the stream, has what is left; what is
   * printed after that is seen by nobody. */
  for (gboolean eos = FALSE; !eos;) {
    g_autoptr (GstMessage) message = gst_bus_timed_pop_filtered (
        bus, WAIT, GST_MESSAGE_EOS | GST_MESSAGE_ELEMENT | GST_MESSAGE_ERROR);

    g_assert_nonnull (message);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    eos = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
    if (!gst_message_has_name (message, "vyre-print"))
      continue;
    const GstStructure *s = gst_message_get_structure (message);
    const GValue *records = gst_structure_get_value (s, "records");

    g_assert_cmpstr (gst_structure_get_string (s, "source"), ==, "ring");
    g_assert_true (gst_structure_get_uint64 (s, "dropped", &dropped));
    for (guint i = 0; i < gst_value_list_get_size (records); i++) {
      const GstStructure *record =
          gst_value_get_structure (gst_value_list_get_value (records, i));
      const GValue *words = gst_structure_get_value (record, "args");
      guint item = g_value_get_uint (gst_value_array_get_value (words, 0));
      guint batch = g_value_get_uint (gst_value_array_get_value (words, 1));
      g_autofree char *text =
          g_strdup_printf ("item %u of batch %u", item, batch);
      guint id;

      g_assert_true (gst_structure_get_uint (record, "tenant", &id));
      g_assert_cmpuint (id, ==, vyre_tenant_get_id (tenant));
      g_assert_cmpstr (gst_structure_get_string (record, "text"), ==, text);
      g_assert_cmpuint (batch, >=, last);
      last = batch;
      printed++;
    }
  }
  if (last == N_BATCHES)
    g_assert_cmpuint (
        printed + (dropped - dropped_before), ==, N_BATCHES * N_ITEMS);
  g_assert_cmpuint (printed, >, 0);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  vyre_tenant_free (tenant);
}

static void
bad_formats (void)
{
  GstElement *pipeline = support_launch (
      "fakesrc num-buffers=1 ! vyrestats print-formats=/nowhere ! fakesink");

  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, "/nowhere");
  gst_object_unref (pipeline);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", NULL };

  support_init (&argc, &argv, plugins);
  g_test_add_func ("/stats/after-interp", after_interp);
  g_test_add_func ("/stats/before-interp", before_interp);
  g_test_add_func ("/stats/monotonic", monotonic);
  g_test_add_func ("/stats/sees-all-tenants", sees_all_tenants);
  g_test_add_func ("/stats/no-runtime-in-pipeline", no_runtime_in_pipeline);
  g_test_add_func ("/stats/must-copy", must_copy);
  g_test_add_func ("/stats/must-copy-kept", must_copy_kept);
  g_test_add_func ("/stats/must-not-copy", must_not_copy);
  g_test_add_func ("/stats/over-and-over", over_and_over);
  g_test_add_func ("/stats/printed-by-ring", printed_by_ring);
  g_test_add_func ("/stats/bad-formats", bad_formats);
  return support_run ();
}
