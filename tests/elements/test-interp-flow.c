/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How vyreinterp hands buffers to the engine, with one that the test makes up:
 * runs end when the test says so. */

#include "flow-harness.h"

#include "gst/gstvyreinterp.h"

#include "runtime/ring/words.h"

#define DEPTH 32 /* the default */

/* The first ones go at once; while these run and the task is busy with what is
 * downstream, the next ones go together. */
static void
test_lone (void)
{
  Interp *self = interp_new ("invert", NULL);

  fake_engine_reset_counts ();
  fake_engine_hold (TRUE);
  for (guint i = 0; i < 4; i++) {
    push_numbered (self, i, 1, 4096);
    g_assert_cmpuint (counts ().publishes, ==, i + 1);
    g_assert_cmpuint (counts ().in_flight, ==, i + 1);
  }
  /* Whoever waits for the GPU has nothing better to do. */
  push_numbered (self, 4, 4, 4096);
  wait_until (counts ().in_flight == 8);
  fake_engine_hold (FALSE);
  pull_numbered (self, 0, 8, 4096);
  interp_free (self);
  assert_nothing_left ();
}

/* Where runs are short the task looks for their ends, and publishes what comes
 * meanwhile; none is forgotten when it turns to something else. */
static void
test_polled (void)
{
  Interp *self;

  fake_engine_set_resident (TRUE);
  self = interp_new ("invert", NULL);
  for (guint round = 0; round < 200; round++) {
    guint n = 1 + round % 7;

    fake_engine_hold (TRUE);
    for (guint i = 0; i < n; i++) {
      push_numbered (self, i, 1, 64);
      g_usleep (round % 5 * 10);
    }
    /* All of so few, whatever the task does. */
    if (n <= 4)
      wait_until (counts ().in_flight == n);
    fake_engine_hold (FALSE);
    pull_numbered (self, 0, n, 64);
  }
  interp_free (self);
  fake_engine_set_resident (FALSE);
  assert_nothing_left ();
}

/* A list is published in one go, where the task does not take a part of it
 * meanwhile. */
static void
test_list (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstPad *pad = gst_element_get_static_pad (self->element, "src");
  gulong probe = hold_up_task (self, pad, 0, 4096);

  fake_engine_reset_counts ();
  fake_engine_hold (TRUE);
  g_assert_cmpint (push_numbered_list (self, 0, 6, 1000), ==, GST_FLOW_OK);
  g_assert_cmpuint (counts ().in_flight, ==, 6);
  g_assert_cmpuint (counts ().publishes, ==, 1);
  fake_engine_hold (FALSE);
  gst_pad_remove_probe (pad, probe);
  pull_numbered (self, 0, 1, 4096);
  pull_numbered (self, 0, 6, 1000);
  gst_object_unref (pad);
  interp_free (self);
  assert_nothing_left ();
}

/* With the task held up downstream, more than one is published at a time, and
 * none is forgotten when it goes on. */
static void
test_together (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstPad *pad = gst_element_get_static_pad (self->element, "src");
  gulong probe = hold_up_task (self, pad, 0, 4096);

  fake_engine_hold (TRUE);
  fake_engine_reset_counts ();
  push_numbered (self, 1, DEPTH - 1, 4096);
  gst_pad_remove_probe (pad, probe);
  wait_until (counts ().in_flight == DEPTH - 1);
  fake_engine_hold (FALSE);
  pull_numbered (self, 0, DEPTH, 4096);
  g_assert_cmpuint (counts ().published, ==, DEPTH - 1);
  g_assert_cmpuint (counts ().most, >, 1);
  gst_object_unref (pad);
  interp_free (self);
  assert_nothing_left ();
}

/* Windows are prepared once and bound again. */
static void
test_reuse (void)
{
  Interp *self = interp_new ("invert", NULL);

  fake_engine_reset_counts ();
  for (guint i = 0; i < 200; i++) {
    push_numbered (self, i, 1, 4096);
    pull_numbered (self, i, 1, 4096);
  }
  g_assert_cmpuint (counts ().published, ==, 200);
  g_assert_cmpuint (counts ().prepared + counts ().rebound, ==, 200);
  g_assert_cmpuint (counts ().prepared, <=, DEPTH);

  /* Other limits need another window. */
  fake_engine_reset_counts ();
  g_object_set (self->element, "max-steps", G_GUINT64_CONSTANT (5), NULL);
  push_numbered (self, 200, 1, 4096);
  pull_numbered (self, 200, 1, 4096);
  g_assert_cmpuint (counts ().prepared, ==, 1);

  /* Large ones would keep memory from others while nothing runs. */
  push_numbered (self, 201, 3, 1 << 20);
  pull_numbered (self, 201, 3, 1 << 20);
  wait_until (vyre_arena_get_used (
                  vyre_runtime_get_host_arena (fake_engine ())) < 1 << 20);
  /* Nor are the others kept for ever. */
  push_numbered (self, 204, 2, 4096);
  pull_numbered (self, 204, 2, 4096);
  wait_until (counts ().windows == 0);
  push_numbered (self, 206, 1, 4096);
  pull_numbered (self, 206, 1, 4096);
  interp_free (self);
  assert_nothing_left ();
}

/* A ring that takes two at a time loses and reorders none. */
static void
test_busy (void)
{
  Interp *self = interp_new ("invert", NULL);

  fake_engine_set_slots (2);
  fake_engine_hold (TRUE);
  push_numbered (self, 0, 2, 512);
  fake_engine_hold (FALSE);
  push_numbered (self, 2, 300, 512);
  pull_numbered (self, 0, 302, 512);
  fake_engine_set_slots (0);
  interp_free (self);
  assert_nothing_left ();
}

/* Nor do too few windows for all that is in flight: whoever finds none waits,
 * also for those that others keep. */
static void
test_few_windows (void)
{
  Interp *self = interp_new ("invert", NULL);
  Interp *other = interp_new ("invert", NULL);

  fake_engine_reset_counts ();
  fake_engine_set_windows (5);
  for (guint i = 0; i < 60; i++) {
    push_numbered (self, i * 10, 10, 512);
    push_numbered (other, i, 1, 512);
    pull_numbered (self, i * 10, 10, 512);
    pull_numbered (other, i, 1, 512);
  }
  g_assert_cmpuint (counts ().refused, >, 0);
  g_assert_cmpuint (counts ().published, ==, 660);
  fake_engine_set_windows (0);
  interp_free (self);
  interp_free (other);
  assert_nothing_left ();
}

static gpointer
flush_later (gpointer data)
{
  Interp *self = data;

  g_usleep (20000);
  gst_harness_push_event (self->harness, gst_event_new_flush_start ());
  return NULL;
}

/* A flush finds some published and some not, and a chain that waits. */
static void
test_flush (void)
{
  Interp *self = interp_new ("invert", NULL);
  GstFlowReturn ret = GST_FLOW_OK;
  GThread *thread;

  for (guint round = 0; round < 10; round++) {
    fake_engine_hold (TRUE);
    fake_engine_set_slots (round % 2 == 0 ? 0 : 3);
    fake_engine_set_windows (round % 3 == 0 ? 0 : 4);
    thread = g_thread_new ("flush", flush_later, self);
    while (ret == GST_FLOW_OK)
      ret = gst_harness_push (self->harness, noise_buffer (4096));
    g_assert_cmpint (ret, ==, GST_FLOW_FLUSHING);
    g_thread_join (thread);
    interp_stop_flush (self);
    fake_engine_hold (FALSE);
    fake_engine_set_slots (0);
    fake_engine_set_windows (0);
    push_numbered (self, round, 3, 100);
    pull_numbered (self, round, 3, 100);
    ret = GST_FLOW_OK;
  }
  interp_free (self);
  assert_nothing_left ();
}

static gpointer
stop_later (gpointer data)
{
  Interp *self = data;

  g_usleep (20000);
  gst_element_set_state (self->element, GST_STATE_READY);
  return NULL;
}

/* A chain that waits for a window does not hold up a state change. */
static void
test_stop_without_windows (void)
{
  for (guint round = 0; round < 5; round++) {
    Interp *self = interp_new ("invert", NULL);
    GstFlowReturn ret = GST_FLOW_OK;
    GThread *thread;

    fake_engine_hold (TRUE);
    fake_engine_set_windows (round);
    thread = g_thread_new ("stop", stop_later, self);
    while (ret == GST_FLOW_OK)
      ret = gst_harness_push (self->harness, noise_buffer (4096));
    g_assert_cmpint (ret, ==, GST_FLOW_FLUSHING);
    g_thread_join (thread);
    fake_engine_hold (FALSE);
    fake_engine_set_windows (0);
    interp_free (self);
    assert_nothing_left ();
  }
}

static void
expect_message (Interp *self, GstMessageType type, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;
  GstMessage *message =
      gst_bus_timed_pop_filtered (self->bus, 10 * GST_SECOND, type);

  g_assert_nonnull (message);
  if (type == GST_MESSAGE_ERROR)
    gst_message_parse_error (message, &error, &debug);
  else
    gst_message_parse_warning (message, &error, &debug);
  gst_message_unref (message);
  g_assert_nonnull (strstr (error->message, part));
}

static void
test_fault (void)
{
  GstElement *element = interp_element ("invert", NULL);
  Interp *self;

  gst_util_set_object_arg (G_OBJECT (element), "on-fault", "drop");
  self = interp_play (element);
  fake_engine_hold (TRUE);
  push_numbered (self, 0, 6, 64);
  wait_until (counts ().in_flight == 6);
  fake_engine_end (2);
  fake_engine_fault_next ();
  fake_engine_hold (FALSE);
  pull_numbered (self, 0, 2, 64);
  pull_numbered (self, 3, 3, 64);
  expect_message (self, GST_MESSAGE_WARNING, "imagined trap");
  interp_free (self);
  assert_nothing_left ();
}

static void
test_engine (void)
{
  GstElement *element = interp_element ("invert", NULL);
  Interp *self = interp_play (element);
  GstStructure *stats;
  gint tier;

  g_assert_cmpint (counts ().engine, ==, VYRE_ENGINE_AUTO);
  g_object_get (element, "tier", &tier, NULL);
  g_assert_cmpint (tier, ==, VYRE_TIER_INTERPRETED);
  gst_util_set_object_arg (G_OBJECT (element), "engine", "jit");
  g_assert_cmpint (counts ().engine, ==, VYRE_ENGINE_JIT);
  g_object_get (element, "tier", &tier, "stats", &stats, NULL);
  g_assert_cmpint (tier, ==, VYRE_TIER_REFUSED);
  g_assert_cmpstr (gst_structure_get_string (stats, "tier"), ==, "refused");
  g_assert_cmpstr (
      gst_structure_get_string (stats, "tier-reason"), ==, "there is no GPU");
  gst_structure_free (stats);

  /* The next program is run the same way. */
  g_object_set (element, "program", "ascii-upper", NULL);
  g_assert_cmpint (counts ().engine, ==, VYRE_ENGINE_JIT);
  push_numbered (self, 0, 1, 64);
  pull_numbered (self, 0, 1, 64);
  g_object_get (element, "tier", &tier, NULL);
  g_assert_cmpint (tier, ==, VYRE_TIER_REFUSED);
  interp_free (self);
  g_assert_cmpuint (counts ().tenants, ==, 0);
}

static void
test_properties (void)
{
  GstElement *element = interp_element ("invert", NULL);
  Interp *self;

  gst_util_set_object_arg (G_OBJECT (element), "priority", "low");
  g_object_set (element, "quota", 7, NULL);
  self = interp_play (element);
  g_assert_cmpuint (counts ().priority, ==, VYRE_PRI_LOW);
  g_assert_cmpuint (counts ().quota, ==, 7);
  gst_util_set_object_arg (G_OBJECT (element), "priority", "critical");
  g_object_set (element, "quota", 0, NULL);
  g_assert_cmpuint (counts ().priority, ==, VYRE_PRI_CRITICAL);
  g_assert_cmpuint (counts ().quota, ==, 0);
  /* The next program gets them, too. */
  g_object_set (element, "program", "ascii-upper", NULL);
  g_assert_cmpuint (counts ().priority, ==, VYRE_PRI_CRITICAL);
  interp_free (self);
  assert_nothing_left ();
}

/* --- another program while the stream runs ------------------------------------- */

static char *
program_of (Interp *self)
{
  char *program;

  g_object_get (self->element, "program", &program, NULL);
  return program;
}

/* What was in flight leaves first, nothing waits for it, and the old program
 * goes when its last buffer has left. */
static void
test_takeover (void)
{
  Interp *self = interp_new ("invert", NULL);
  guint before;

  fake_engine_hold (TRUE);
  push_numbered (self, 0, 3, 256);
  before = counts ().executables;
  g_object_set (self->element, "program", "ascii-upper", NULL);
  g_assert_cmpuint (counts ().executables, ==, before + 1);
  g_assert_cmpuint (counts ().tenants, ==, 2);
  push_numbered (self, 3, 3, 256);
  wait_until (counts ().in_flight == 6);
  g_assert_cmpuint (counts ().tenants, ==, 2);
  fake_engine_hold (FALSE);
  pull_numbered (self, 0, 6, 256);
  wait_until (counts ().tenants == 1);

  /* The latest of several takes over. */
  g_object_set (self->element, "program", "invert", NULL);
  g_object_set (self->element, "program", "ascii-upper", NULL);
  g_assert_cmpuint (counts ().tenants, ==, 2);
  push_numbered (self, 6, 2, 256);
  pull_numbered (self, 6, 2, 256);
  wait_until (counts ().tenants == 1);
  /* One that no buffer came for goes with the stream. */
  g_object_set (self->element, "program", "invert", NULL);
  interp_free (self);
  assert_nothing_left ();
}

static void
test_refused (void)
{
  Interp *self = interp_new ("invert", NULL);
  g_autofree char *program = NULL, *location = NULL;

  push_numbered (self, 0, 1, 64);
  g_object_set (self->element, "program", "no-such-program", NULL);
  expect_message (self, GST_MESSAGE_WARNING, "refused");
  g_object_set (self->element, "program", "program workgroup(64", NULL);
  expect_message (self, GST_MESSAGE_WARNING, "refused");
  g_object_set (self->element, "program", NULL, NULL);
  expect_message (self, GST_MESSAGE_WARNING, "refused");
  g_object_set (self->element, "program-location", "/nowhere/x.vir0", NULL);
  expect_message (self, GST_MESSAGE_WARNING, "refused");
  /* Needs a key. */
  g_object_set (self->element, "program", "xor-key", NULL);
  expect_message (self, GST_MESSAGE_WARNING, "key");
  program = program_of (self);
  g_assert_cmpstr (program, ==, "invert");
  g_object_get (self->element, "program-location", &location, NULL);
  g_assert_null (location);
  push_numbered (self, 1, 1, 64);
  pull_numbered (self, 0, 2, 64);
  g_assert_cmpuint (counts ().tenants, ==, 1);

  /* Bindings first, then the program. */
  g_clear_pointer (&program, g_free);
  g_object_set (self->element, "bindings", "key=hex:00ff", NULL);
  g_object_set (self->element, "program", "xor-key", NULL);
  program = program_of (self);
  g_assert_cmpstr (program, ==, "xor-key");
  g_assert_null (gst_bus_pop_filtered (
      self->bus, GST_MESSAGE_WARNING | GST_MESSAGE_ERROR));
  interp_free (self);
  assert_nothing_left ();
}

static gpointer
change_programs (gpointer data)
{
  Interp *self = data;

  for (guint i = 0; !g_atomic_int_get (&self->stop); i++) {
    g_object_set (
        self->element, "program", i % 2 == 0 ? "ascii-upper" : "invert", NULL);
    g_usleep (500);
  }
  return NULL;
}

static gpointer
push_many (gpointer data)
{
  push_numbered (data, 0, 3000, 128);
  return NULL;
}

/* No buffer is lost or out of order while programs change all the time. */
static void
test_takeover_storm (void)
{
  Interp *self = interp_new ("invert", NULL);
  GThread *changer = g_thread_new ("change", change_programs, self);
  GThread *pusher = g_thread_new ("push", push_many, self);

  pull_numbered (self, 0, 3000, 128);
  g_thread_join (pusher);
  g_atomic_int_set (&self->stop, TRUE);
  g_thread_join (changer);
  g_assert_cmpuint (interp_stat (self->element, "buffers-out"), ==, 3000);
  interp_free (self);
  assert_nothing_left ();
}

/* Nothing works after it, so it is the last test. */
static void
test_lost (void)
{
  Interp *self = interp_new ("invert", NULL);

  push_numbered (self, 0, 1, 64);
  pull_numbered (self, 0, 1, 64);
  fake_engine_lose ();
  g_assert_cmpint (
      gst_harness_push (self->harness, noise_buffer (64)), ==, GST_FLOW_ERROR);
  expect_message (self, GST_MESSAGE_ERROR, "is gone");
  interp_free (self);
  assert_nothing_left ();
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", "coretracers", NULL };

  support_init (&argc, &argv, plugins);
  GST_ELEMENT_REGISTER (vyreinterp, NULL);
  fake_engine_set_work (TRUE);
  g_test_add_func ("/interp-flow/lone", test_lone);
  g_test_add_func ("/interp-flow/polled", test_polled);
  g_test_add_func ("/interp-flow/list", test_list);
  g_test_add_func ("/interp-flow/together", test_together);
  g_test_add_func ("/interp-flow/reuse", test_reuse);
  g_test_add_func ("/interp-flow/busy", test_busy);
  g_test_add_func ("/interp-flow/few-windows", test_few_windows);
  g_test_add_func ("/interp-flow/flush", test_flush);
  g_test_add_func (
      "/interp-flow/stop-without-windows", test_stop_without_windows);
  g_test_add_func ("/interp-flow/fault", test_fault);
  g_test_add_func ("/interp-flow/engine", test_engine);
  g_test_add_func ("/interp-flow/properties", test_properties);
  g_test_add_func ("/interp-flow/takeover", test_takeover);
  g_test_add_func ("/interp-flow/refused", test_refused);
  g_test_add_func ("/interp-flow/takeover-storm", test_takeover_storm);
  g_test_add_func ("/interp-flow/lost", test_lost);
  return support_run ();
}
