/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An element through which nothing flows costs nothing. */

#include "engine/runtime.h"

#include "interp-harness.h"

#include <sys/resource.h>

#define SETTLE_US (G_USEC_PER_SEC / 2)
#define LONG_US G_USEC_PER_SEC
#define MOST_US (LONG_US / 50)

/* Of all threads, µs. */
static gint64
cpu_time (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC +
         usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static void
assert_quiet (void)
{
  g_usleep (SETTLE_US);
  gint64 before = cpu_time ();
  g_usleep (LONG_US);
  gint64 used = cpu_time () - before;

  g_test_message ("%.2f %% of a processor", used * 100.0 / LONG_US);
  g_assert_cmpint (used, <, MOST_US);
}

/* Compiling takes time, and is no trace of the stream. */
static void
wait_compiled (GstElement *element)
{
  gint tier;

  do {
    g_usleep (10000);
    g_object_get (element, "tier", &tier, NULL);
  } while (tier == VYRE_TIER_COMPILING);
}

static void
test_quiet (gconstpointer data)
{
  GstElement *element = interp_element ("invert", NULL);

  gst_util_set_object_arg (G_OBJECT (element), "engine", data);
  Interp *self = interp_play (element);
  wait_compiled (element);
  assert_quiet ();
  for (guint round = 0; round < 2; round++) {
    for (guint i = 0; i < 100; i++)
      g_assert_cmpint (gst_harness_push (self->harness, noise_buffer (4096)),
          ==, GST_FLOW_OK);
    for (guint i = 0; i < 100; i++)
      gst_buffer_unref (gst_harness_pull (self->harness));
    assert_quiet ();
  }
  interp_free (self);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { NULL };

  support_init (&argc, &argv, plugins);
  g_test_add_data_func ("/interp-quiet/interp", "interp", test_quiet);
  g_test_add_data_func ("/interp-quiet/jit", "jit", test_quiet);
  return support_run ();
}
