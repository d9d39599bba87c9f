/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstharness.h>

#include "fake-runtime.h"
#include "gst/gstvyrecontext.h"
#include "support.h"

/* vyrestats in a harness, and the fields of what it posts. */

#define WAIT (10 * GST_SECOND)

typedef struct
{
  GstHarness *harness;
  GstElement *element;
  GstBus *bus;
} Rig;

/* The element in PLAYING, with a source pad that has sent nothing yet. */
static inline Rig
rig_new (VyreRuntime *runtime, guint64 interval)
{
  Rig rig = { NULL };

  rig.element = gst_element_factory_make ("vyrestats", NULL);
  g_assert_nonnull (rig.element);
  gst_object_ref_sink (rig.element);
  rig.bus = gst_bus_new ();
  gst_element_set_bus (rig.element, rig.bus);
  g_object_set (rig.element, "interval", interval, NULL);
  if (runtime != NULL) {
    GstContext *context = gst_vyre_context_new (runtime);

    gst_element_set_context (rig.element, context);
    gst_context_unref (context);
  }
  rig.harness = gst_harness_new_with_element (rig.element, "sink", "src");
  gst_harness_play (rig.harness);
  return rig;
}

static inline void
rig_free (Rig *rig)
{
  gst_harness_teardown (rig->harness);
  gst_bus_set_flushing (rig->bus, TRUE);
  gst_element_set_bus (rig->element, NULL);
  gst_object_unref (rig->bus);
  gst_object_unref (rig->element);
}

static inline void
push (Rig *rig, gsize size, GstClockTime pts)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, size, NULL);

  GST_BUFFER_PTS (buffer) = pts;
  g_assert_cmpint (gst_harness_push (rig->harness, buffer), ==, GST_FLOW_OK);
}

/* The next message's structure, to be freed; %NULL after @timeout. */
static inline GstStructure *
next_report (Rig *rig, GstClockTime timeout)
{
  gint64 end = g_get_monotonic_time () + (gint64) (timeout / GST_USECOND);

  for (;;) {
    gint64 left = MAX (end - g_get_monotonic_time (), 0);
    GstMessage *message = gst_bus_timed_pop_filtered (
        rig->bus, (GstClockTime) left * GST_USECOND, GST_MESSAGE_ELEMENT);
    GstStructure *structure;

    if (message == NULL)
      return NULL;
    g_assert_true (GST_MESSAGE_SRC (message) == GST_OBJECT (rig->element));
    structure = gst_structure_copy (gst_message_get_structure (message));
    gst_message_unref (message);
    g_assert_cmpstr (gst_structure_get_name (structure), ==, "vyrestats");
    return structure;
  }
}

static inline GstStructure *
report_at_eos (Rig *rig)
{
  GstStructure *structure;

  g_assert_true (gst_harness_push_event (rig->harness, gst_event_new_eos ()));
  structure = next_report (rig, 0);
  g_assert_nonnull (structure);
  return structure;
}

static inline GstStructure *
read_stats (GstElement *element)
{
  GstStructure *structure = NULL;

  g_object_get (element, "stats", &structure, NULL);
  g_assert_nonnull (structure);
  return structure;
}

static inline guint64
u64 (const GstStructure *structure, const char *field)
{
  guint64 value;

  if (!gst_structure_get_uint64 (structure, field, &value))
    g_error ("no uint64 %s in %s", field, gst_structure_get_name (structure));
  return value;
}

static inline gboolean
flag (const GstStructure *structure, const char *field)
{
  gboolean value;

  if (!gst_structure_get_boolean (structure, field, &value))
    g_error ("no boolean %s in %s", field, gst_structure_get_name (structure));
  return value;
}

/* Adds the tests of stats-flow.c. */
void add_stats_flow_tests (void);
