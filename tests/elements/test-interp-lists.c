/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Buffers that come in a list leave in lists, with an engine that the test makes
 * up. */

#include "flow-harness.h"

#include "gst/gstvyreinterp.h"

#define SIZE 64

/* What left together, as numbers of buffers; one alone is a group as well. */
typedef struct
{
  guint first, n;
} Group;

typedef struct
{
  Interp *interp;
  GstPad *src;
  GMutex lock;
  GArray *groups; /* under lock */
  GstFlowReturn result; /* what downstream says to a list, instead */
  gulong block;
  gint n_at_error; /* atomic */
} Lists;

static guint
number_of (GstBuffer *buffer)
{
  return GST_BUFFER_PTS (buffer) / GST_MSECOND;
}

static void
add_group (Lists *self, GstBuffer *first, guint n)
{
  Group group = { number_of (first), n };

  g_mutex_lock (&self->lock);
  g_array_append_val (self->groups, group);
  g_mutex_unlock (&self->lock);
}

static GstPadProbeReturn
see (GstPad *pad, GstPadProbeInfo *info, gpointer user_data)
{
  Lists *self = user_data;
  GstBufferList *list;
  guint n;

  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER) {
    add_group (self, GST_PAD_PROBE_INFO_BUFFER (info), 1);
    return GST_PAD_PROBE_OK;
  }
  list = GST_PAD_PROBE_INFO_BUFFER_LIST (info);
  n = gst_buffer_list_length (list);
  g_assert_cmpuint (n, >, 1);
  for (guint i = 1; i < n; i++)
    g_assert_cmpuint (number_of (gst_buffer_list_get (list, i)), >,
        number_of (gst_buffer_list_get (list, i - 1)));
  add_group (self, gst_buffer_list_get (list, 0), n);
  if (self->result == GST_FLOW_OK)
    return GST_PAD_PROBE_OK;
  gst_buffer_list_unref (list);
  GST_PAD_PROBE_INFO_FLOW_RETURN (info) = self->result;
  return GST_PAD_PROBE_HANDLED;
}

static void
lists_begin (Lists *self, const char *on_fault)
{
  GstElement *element = interp_element ("invert", NULL);

  gst_util_set_object_arg (G_OBJECT (element), "on-fault", on_fault);
  *self = (Lists){ .interp = interp_play (element),
    .groups = g_array_new (FALSE, FALSE, sizeof (Group)) };
  g_mutex_init (&self->lock);
  self->src = gst_element_get_static_pad (element, "src");
  gst_pad_add_probe (self->src,
      GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST, see, self,
      NULL);
  fake_engine_reset_counts ();
}

static void
lists_end (Lists *self)
{
  interp_free (self->interp);
  gst_object_unref (self->src);
  g_array_unref (self->groups);
  g_mutex_clear (&self->lock);
  assert_nothing_left ();
}

/* n of them, in this order, and each with those of its list only. */
static void
assert_groups (Lists *self, guint n, const guint *ends, guint n_ends)
{
  guint next = 0, list = 0;

  for (guint i = 0; i < self->groups->len; i++) {
    Group *group = &g_array_index (self->groups, Group, i);

    g_assert_cmpuint (group->first, ==, next);
    while (list < n_ends && ends[list] <= next)
      list++;
    next += group->n;
    g_assert_cmpuint (list, <, n_ends);
    g_assert_cmpuint (next, <=, ends[list]);
  }
  g_assert_cmpuint (next, ==, n);
}

static void
test_together (void)
{
  static const guint ends[] = { 6, 10, 11, 12, 24 };
  Lists lists;
  guint largest = 0;

  lists_begin (&lists, "error");
  fake_engine_hold (TRUE);
  g_assert_cmpint (
      push_numbered_list (lists.interp, 0, 6, SIZE), ==, GST_FLOW_OK);
  g_assert_cmpint (
      push_numbered_list (lists.interp, 6, 4, SIZE), ==, GST_FLOW_OK);
  push_numbered (lists.interp, 10, 2, SIZE);
  g_assert_cmpint (
      push_numbered_list (lists.interp, 12, 12, SIZE), ==, GST_FLOW_OK);
  wait_until (counts ().in_flight == 24);
  fake_engine_hold (FALSE);
  pull_numbered (lists.interp, 0, 24, SIZE);
  assert_groups (&lists, 24, ends, G_N_ELEMENTS (ends));
  for (guint i = 0; i < lists.groups->len; i++)
    largest = MAX (largest, g_array_index (lists.groups, Group, i).n);
  /* All runs had ended. */
  g_assert_cmpuint (largest, >=, 4);
  lists_end (&lists);
}

/* Longer ones than may be in flight, quickly one after the other, so that either
 * thread lets them leave. */
static void
test_long (void)
{
  Lists lists;

  lists_begin (&lists, "error");
  for (guint round = 0; round < 200; round++) {
    g_assert_cmpint (
        push_numbered_list (lists.interp, 0, 100, SIZE), ==, GST_FLOW_OK);
    pull_numbered (lists.interp, 0, 100, SIZE);
  }
  for (guint i = 0, next = 0; i < lists.groups->len; i++) {
    Group *group = &g_array_index (lists.groups, Group, i);

    g_assert_cmpuint (group->first, ==, next % 100);
    next += group->n;
  }
  g_assert_cmpuint (lists.groups->len, <, 200 * 100);
  lists_end (&lists);
}

/* A buffer waits downstream while all of a list have come. */
static void
hold_up (Lists *self, guint n)
{
  self->block = hold_up_task (self->interp, self->src, 1, SIZE);
  fake_engine_hold (TRUE);
  g_assert_cmpint (
      push_numbered_list (self->interp, 2, n, SIZE), ==, GST_FLOW_OK);
  wait_until (counts ().in_flight == n);
}

static void
go_on (Lists *self)
{
  fake_engine_hold (FALSE);
  gst_pad_remove_probe (self->src, self->block);
}

/* One run in the middle fails: those before it leave first, those behind it follow. */
static void
test_fault_drop (void)
{
  Lists lists;
  GstBuffer *buffer;
  guint total = 0;

  lists_begin (&lists, "drop");
  hold_up (&lists, 6);
  fake_engine_end (3);
  fake_engine_fault_next ();
  go_on (&lists);
  pull_numbered (lists.interp, 1, 4, SIZE);
  buffer = gst_harness_pull (lists.interp->harness);
  g_assert_cmpuint (number_of (buffer), ==, 6);
  g_assert_true (GST_BUFFER_FLAG_IS_SET (buffer, GST_BUFFER_FLAG_DISCONT));
  gst_buffer_unref (buffer);
  pull_numbered (lists.interp, 7, 1, SIZE);
  for (guint i = 0; i < lists.groups->len; i++)
    total += g_array_index (lists.groups, Group, i).n;
  g_assert_cmpuint (total, ==, 7);
  g_assert_cmpuint (interp_stat (lists.interp->element, "faults"), ==, 1);
  lists_end (&lists);
}

/* How many were downstream when the error was posted? */
static GstBusSyncReply
hear (GstBus *bus, GstMessage *message, gpointer user_data)
{
  Lists *self = user_data;

  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    g_atomic_int_set (&self->n_at_error,
        gst_harness_buffers_in_queue (self->interp->harness));
  gst_message_unref (message);
  return GST_BUS_DROP;
}

/* The stream ends there, and with it only what is behind. */
static void
test_fault_error (void)
{
  Lists lists;

  lists_begin (&lists, "error");
  lists.n_at_error = -1;
  gst_bus_set_sync_handler (lists.interp->bus, hear, &lists, NULL);
  hold_up (&lists, 6);
  fake_engine_end (3);
  fake_engine_fault_next ();
  go_on (&lists);
  wait_until (g_atomic_int_get (&lists.n_at_error) == 4);
  pull_numbered (lists.interp, 1, 4, SIZE);
  wait_until (push_numbered_list (lists.interp, 8, 2, SIZE) == GST_FLOW_ERROR);
  g_assert_cmpuint (
      gst_harness_buffers_in_queue (lists.interp->harness), ==, 0);
  gst_bus_set_sync_handler (lists.interp->bus, NULL, NULL, NULL);
  lists_end (&lists);
}

/* Downstream wants no more, or is not there, in the middle of a list. */
static void
test_refused (gconstpointer result)
{
  Lists lists;

  lists_begin (&lists, "error");
  hold_up (&lists, 8);
  lists.result = GPOINTER_TO_INT (result);
  go_on (&lists);
  wait_until (push_numbered_list (lists.interp, 10, 1, SIZE) == lists.result);
  lists_end (&lists);
}

/* A flush while a list is downstream. */
static void
test_flush (void)
{
  Lists lists;

  lists_begin (&lists, "error");
  for (guint i = 0; i < 50; i++) {
    hold_up (&lists, 8);
    fake_engine_end (i % 9);
    gst_harness_push_event (
        lists.interp->harness, gst_event_new_flush_start ());
    go_on (&lists);
    interp_stop_flush (lists.interp);
    while (gst_harness_buffers_in_queue (lists.interp->harness) > 0)
      gst_buffer_unref (gst_harness_pull (lists.interp->harness));
  }
  lists_end (&lists);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", "coretracers", NULL };

  support_init (&argc, &argv, plugins);
  GST_ELEMENT_REGISTER (vyreinterp, NULL);
  g_test_add_func ("/interp-lists/together", test_together);
  g_test_add_func ("/interp-lists/long", test_long);
  g_test_add_func ("/interp-lists/fault-drop", test_fault_drop);
  g_test_add_func ("/interp-lists/fault-error", test_fault_error);
  g_test_add_data_func ("/interp-lists/refused/eos",
      GINT_TO_POINTER (GST_FLOW_EOS), test_refused);
  g_test_add_data_func ("/interp-lists/refused/not-linked",
      GINT_TO_POINTER (GST_FLOW_NOT_LINKED), test_refused);
  g_test_add_data_func ("/interp-lists/refused/error",
      GINT_TO_POINTER (GST_FLOW_ERROR), test_refused);
  g_test_add_func ("/interp-lists/flush", test_flush);
  return support_run ();
}
