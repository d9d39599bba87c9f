/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A buffer whose run hangs: the watchdog says so in time, the run is given up,
 * other elements flow all the while, and the watchdog says when it is over. */

#include "../unit/engine/hang.h"

#include "gst/gstvyreinterp.h"
#include "gst/gstvyrestats.h"

#include "interp-harness.h"

#define SIZE 4096
#define TIMEOUT (200 * GST_MSECOND)

static VyreRuntime *runtime;

static guint
tenant_named (const char *name)
{
  g_autofree VyreTenantReading *readings =
      g_new (VyreTenantReading, VYRE_TENANTS);
  guint n = vyre_runtime_read_tenants (runtime, readings, VYRE_TENANTS);

  for (guint i = 0; i < n; i++) {
    if (g_str_equal (readings[i].name, name))
      return readings[i].id;
  }
  g_error ("no tenant %s", name);
}

static void
assert_inverted_noise (GstBuffer *buffer)
{
  g_autofree guint8 *bytes = support_noise (SIZE);

  for (guint i = 0; i < SIZE; i++)
    bytes[i] = ~bytes[i];
  assert_buffer (buffer, bytes, SIZE);
}

/* Buffers to and fro, one after the other. */
typedef struct
{
  Interp *interp;
  GThread *thread;
  gint stop, rounds; /* atomic */
} Flow;

static gpointer
flow (gpointer data)
{
  Flow *self = data;

  while (!g_atomic_int_get (&self->stop)) {
    g_assert_cmpint (
        gst_harness_push (self->interp->harness, noise_buffer (SIZE)), ==,
        GST_FLOW_OK);
    assert_inverted_noise (gst_harness_pull (self->interp->harness));
    g_atomic_int_inc (&self->rounds);
  }
  return NULL;
}

static void
flow_begin (Flow *self)
{
  *self = (Flow){ .interp = interp_new ("invert", NULL) };
  self->thread = g_thread_new ("flow", flow, self);
}

static void
flow_end (Flow *self)
{
  g_atomic_int_set (&self->stop, 1);
  g_thread_join (self->thread);
  interp_free (self->interp);
}

static GstElement *
watch (void)
{
  GstElement *pipeline = support_launch (
      "fakesrc is-live=true do-timestamp=true datarate=1000 sizetype=fixed "
      "sizemax=10 ! vyrestats name=watchdog post-messages=false "
      "watchdog=%" G_GUINT64_FORMAT " ! fakesink",
      TIMEOUT);

  support_set_state (pipeline, GST_STATE_PLAYING);
  return pipeline;
}

/* What the watchdog's next message says. */
static GstStructure *
next_incident (GstElement *pipeline, GstMessageType type)
{
  GstMessage *message = support_wait_message (pipeline, type);
  const GstStructure *details = NULL;
  GstStructure *copy;

  g_assert_cmpstr (GST_MESSAGE_SRC_NAME (message), ==, "watchdog");
  if (type == GST_MESSAGE_WARNING)
    gst_message_parse_warning_details (message, &details);
  else
    gst_message_parse_info_details (message, &details);
  g_assert_nonnull (details);
  copy = gst_structure_copy (details);
  gst_message_unref (message);
  return copy;
}

/* The element's next run hangs, until the test has seen enough of it. */
static void
push_hanging (Interp *self, const char *name)
{
  guint id = tenant_named (name);

  hang_set_limit (runtime, HANG_FOREVER);
  hang_prepare (runtime, id);
  g_assert_cmpint (
      gst_harness_push (self->harness, noise_buffer (SIZE)), ==, GST_FLOW_OK);
  g_assert_true (hang_window (runtime, id));
}

static void
expect_watchdog (GstElement *pipeline, Flow *flows, guint n_flows, guint id)
{
  gint rounds[4];
  guint slots, tenant;
  guint64 elapsed;
  GstStructure *incident = next_incident (pipeline, GST_MESSAGE_WARNING);

  g_assert_true (gst_structure_get (incident, "stuck-slots", G_TYPE_UINT,
      &slots, "stuck-tenant", G_TYPE_UINT, &tenant, "elapsed-ns", G_TYPE_UINT64,
      &elapsed, NULL));
  g_assert_cmpuint (slots, ==, 1);
  g_assert_cmpuint (tenant, ==, id);
  g_assert_cmpuint (elapsed, >=, TIMEOUT);
  /* It looks four times in its time; the machine may be busy. */
  g_assert_cmpuint (elapsed, <, TIMEOUT + 5 * GST_SECOND);
  g_test_message ("told of after %.0f ms", elapsed / 1e6);
  gst_structure_free (incident);
  for (guint i = 0; i < n_flows; i++)
    rounds[i] = g_atomic_int_get (&flows[i].rounds);
  for (guint i = 0; i < n_flows; i++) {
    while (g_atomic_int_get (&flows[i].rounds) < rounds[i] + 4)
      g_usleep (1000);
  }
  /* Enough: now it is given up. */
  hang_set_limit (runtime, HANG_SHORT);
  gst_structure_free (next_incident (pipeline, GST_MESSAGE_INFO));
}

/* The stream drops the buffer and goes on. */
static void
test_drop (void)
{
  GstElement *element = interp_element ("invert", NULL);
  GstElement *pipeline;
  Interp *self;
  Flow flows[2];

  gst_object_set_name (GST_OBJECT (element), "hangs");
  gst_util_set_object_arg (G_OBJECT (element), "on-fault", "drop");
  self = interp_play (element);
  for (guint i = 0; i < G_N_ELEMENTS (flows); i++)
    flow_begin (&flows[i]);
  pipeline = watch ();
  for (guint round = 0; round < 2; round++) {
    push_hanging (self, "hangs");
    /* Those behind it wait for their turn to leave. */
    g_assert_cmpint (
        gst_harness_push (self->harness, noise_buffer (SIZE)), ==, GST_FLOW_OK);
    expect_watchdog (
        pipeline, flows, G_N_ELEMENTS (flows), tenant_named ("hangs"));
    assert_inverted_noise (gst_harness_pull (self->harness));
    g_assert_cmpuint (interp_stat (element, "faults"), ==, round + 1);
  }
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  for (guint i = 0; i < G_N_ELEMENTS (flows); i++)
    flow_end (&flows[i]);
  interp_free (self);
}

/* By default the stream ends with an error that says why. */
static void
test_error (void)
{
  GstElement *element = interp_element ("invert", NULL);
  g_autoptr (GError) error = NULL;
  GstElement *pipeline;
  GstMessage *message;
  Interp *self;
  Flow other;

  gst_object_set_name (GST_OBJECT (element), "hangs");
  self = interp_play (element);
  flow_begin (&other);
  pipeline = watch ();
  push_hanging (self, "hangs");
  expect_watchdog (pipeline, &other, 1, tenant_named ("hangs"));
  message = gst_bus_timed_pop_filtered (
      self->bus, 20 * GST_SECOND, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  g_assert_error (error, GST_STREAM_ERROR, GST_STREAM_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "hangs"));
  gst_message_unref (message);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  flow_end (&other);
  interp_free (self);
}

/* An element that is stopped meanwhile waits no longer than that. */
static void
test_stop (void)
{
  GstElement *element = interp_element ("invert", NULL);
  Interp *self;

  gst_object_set_name (GST_OBJECT (element), "hangs");
  self = interp_play (element);
  push_hanging (self, "hangs");
  hang_set_limit (runtime, HANG_SHORT);
  interp_free (self);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", "coretracers", NULL };
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;
  int status;

  support_init (&argc, &argv, plugins);
  GST_ELEMENT_REGISTER (vyreinterp, NULL);
  GST_ELEMENT_REGISTER (vyrestats, NULL);
  runtime = vyre_runtime_acquire (&options, &error);
  g_assert_no_error (error);
  g_test_add_func ("/hang/drop", test_drop);
  g_test_add_func ("/hang/error", test_error);
  g_test_add_func ("/hang/stop", test_stop);
  status = support_run ();
  vyre_runtime_unref (runtime);
  return status;
}
