/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "interp-harness.h"

/* What vyreinterp refuses, and that it goes on afterwards. */

static void
assert_refused (GstElement *element, GstState state, GQuark domain, gint code,
    const char *says)
{
  GstBus *bus = gst_bus_new ();

  gst_object_ref_sink (element);
  gst_element_set_bus (element, bus);
  g_assert_cmpint (
      gst_element_set_state (element, state), ==, GST_STATE_CHANGE_FAILURE);
  assert_error_message (
      gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR), domain, code, says);
  support_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
}

static void
test_refusals (void)
{
#define IN "program workgroup(64); buffer input: readonly u32[] @0;"
  static const struct
  {
    const char *program, *bindings;
    gint code;
    const char *says;
  } cases[] = {
    { NULL, NULL, GST_RESOURCE_ERROR_NOT_FOUND, "no program to run" },
    { "", NULL, GST_RESOURCE_ERROR_NOT_FOUND, "no program to run" },
    { "no-such-program", NULL, GST_RESOURCE_ERROR_NOT_FOUND, "invert" },
    { "this is no program", NULL, GST_RESOURCE_ERROR_SETTINGS, "1:1" },
    { "invert", "key", GST_RESOURCE_ERROR_SETTINGS, "NAME=KIND:VALUE" },
    { "invert", "key=u32:1", GST_RESOURCE_ERROR_SETTINGS, "input, output" },
    { "histogram256", NULL, GST_RESOURCE_ERROR_SETTINGS, "histogram=keep" },
    { "histogram256", "histogram=keep:4", GST_RESOURCE_ERROR_SETTINGS,
        "exactly 1024 bytes" },
    { "xor-key", "key=file:/no/such/file", GST_RESOURCE_ERROR_NOT_FOUND,
        "/no/such/file" },
    { "xor-key", "key=file:/", GST_RESOURCE_ERROR_OPEN_READ, "regular" },
    /* What the engine does not execute. */
    { IN "buffer output: readwrite u32[] @1;"
         "main { output[0] = missing[0]; }",
        NULL, GST_RESOURCE_ERROR_SETTINGS, "missing" },
    { IN "buffer output: readwrite u32[] @1;"
         "main { resume(\"x\"); }",
        NULL, GST_RESOURCE_ERROR_SETTINGS, "" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    assert_refused (interp_element (cases[i].program, cases[i].bindings),
        GST_STATE_PAUSED, GST_RESOURCE_ERROR, cases[i].code, cases[i].says);
}

static void
test_refused_files (void)
{
  g_autofree char *path = support_path ("corrupt.vir0");
  GstElement *element;

  element = interp_element (NULL, NULL);
  g_object_set (element, "program-location", "/no/such/program", NULL);
  assert_refused (element, GST_STATE_PAUSED, GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_NOT_FOUND, "/no/such/program");

  /* Truncated, and with a digest that does not match. */
  for (gsize length = 4; length < 60; length += 5) {
    guint8 blob[60] = "VYRE";

    g_assert_true (g_file_set_contents (path, (char *) blob, length, NULL));
    element = interp_element (NULL, NULL);
    g_object_set (element, "program-location", path, NULL);
    assert_refused (element, GST_STATE_PAUSED, GST_RESOURCE_ERROR,
        GST_RESOURCE_ERROR_SETTINGS, "");
  }

  element = interp_element ("invert", NULL);
  g_object_set (element, "program-location", path, NULL);
  assert_refused (element, GST_STATE_PAUSED, GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_SETTINGS, "both");
}

static void
test_refused_device (void)
{
  GstElement *element = interp_element ("invert", NULL);

  g_object_set (element, "device-index", 4711, NULL);
  assert_refused (element, GST_STATE_READY, GST_RESOURCE_ERROR,
      GST_RESOURCE_ERROR_NOT_FOUND, "4711");
}

/* After a refusal the same element can be put right. */
static void
test_recovery (void)
{
  GstElement *element = interp_element ("histogram256", NULL);
  Interp *self;

  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_FAILURE);
  support_set_state (element, GST_STATE_READY);
  g_object_set (element, "program", "invert", NULL);
  self = interp_play (element);
  gst_harness_push (self->harness, noise_buffer (100));
  assert_inverted (gst_harness_pull (self->harness), 100);
  interp_free (self);
}

static GstElement *
interp_on_device (const char *uuid)
{
  GstElement *element = interp_element ("invert", NULL);

  g_object_set (element, "device-uuid", uuid, NULL);
  return element;
}

static void
test_mutability (void)
{
  Interp *self = interp_new ("invert", NULL);
  g_autofree char *name = NULL, *uuid = NULL;
  guint64 bytes;
  guint depth;
  gint device;

  /* Refused with a warning of the debug log only. */
  g_object_set (self->element, "max-output-bytes", G_GUINT64_CONSTANT (5),
      "async-depth", 3, "device-index", 7, "device-name", "other",
      "device-uuid", "other", NULL);
  g_object_get (self->element, "max-output-bytes", &bytes, "async-depth",
      &depth, "device-index", &device, "device-name", &name, "device-uuid",
      &uuid, NULL);
  g_assert_cmpuint (bytes, >, 5);
  g_assert_cmpuint (depth, ==, 3);
  g_assert_cmpint (device, ==, 0);
  g_assert_cmpstr (name, !=, "other");
  g_assert_cmpuint (strlen (uuid), ==, 32);
  interp_free (self);

  /* That UUID finds the device again. */
  self = interp_play (interp_on_device (uuid));
  gst_harness_push (self->harness, noise_buffer (100));
  assert_inverted (gst_harness_pull (self->harness), 100);
  interp_free (self);
}

static void
test_no_such_device (void)
{
  GstElement *element =
      interp_on_device ("00112233-4455-6677-8899-aabbccddeeff");
  GstBus *bus = gst_bus_new ();
  g_autoptr (GError) error = NULL;
  GstMessage *message;
  /* Its device is not what the other one wants. */
  Interp *other = interp_new ("invert", NULL);

  gst_object_ref_sink (element);
  gst_element_set_bus (element, bus);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_READY), ==,
      GST_STATE_CHANGE_FAILURE);
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, NULL);
  gst_message_unref (message);
  g_assert_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "00112233"));
  g_assert_nonnull (strstr (error->message, "there are: 0: "));
  gst_element_set_state (element, GST_STATE_NULL);
  gst_element_set_bus (element, NULL);
  gst_object_unref (bus);
  gst_object_unref (element);
  gst_harness_push (other->harness, noise_buffer (100));
  assert_inverted (gst_harness_pull (other->harness), 100);
  interp_free (other);
}

void
add_interp_refusal_tests (void)
{
  g_test_add_func ("/interp-stream/refusals", test_refusals);
  g_test_add_func ("/interp-stream/refused-files", test_refused_files);
  g_test_add_func ("/interp-stream/refused-device", test_refused_device);
  g_test_add_func ("/interp-stream/recovery", test_recovery);
  g_test_add_func ("/interp-stream/mutability", test_mutability);
  g_test_add_func ("/interp-stream/no-such-device", test_no_such_device);
}
