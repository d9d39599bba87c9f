/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* An element through which nothing flows costs nothing. */

#include "engine/runtime.h"

#include "interp-harness.h"

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
  support_assert_quiet ();
  for (guint round = 0; round < 2; round++) {
    for (guint i = 0; i < 100; i++)
      g_assert_cmpint (gst_harness_push (self->harness, noise_buffer (4096)),
          ==, GST_FLOW_OK);
    for (guint i = 0; i < 100; i++)
      gst_buffer_unref (gst_harness_pull (self->harness));
    support_assert_quiet ();
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
