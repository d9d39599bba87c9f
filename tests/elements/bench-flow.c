/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the elements themselves cost: pipelines with an engine that does
 * nothing. No test; figures depend on the machine. Arguments: bytes of the file,
 * one of the pipelines (from 0; -1: all), bytes of a buffer, and how long a run
 * takes, in µs, publishing then 1 µs. */

#include "fake-engine.h"
#include "support.h"

#include "gst/gstvyreinterp.h"
#include "gst/gstvyresrc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 5

/* Best of several, from the first buffer to the last. */
static double
measure (const char *text)
{
  double best = 0;

  for (guint round = 0; round < ROUNDS; round++) {
    GstElement *pipeline = support_launch ("%s", text);
    GstElement *sink = gst_bin_get_by_name (GST_BIN (pipeline), "sink");
    GstStructure *stats;
    guint64 buffers;
    gint64 start;
    double seconds;

    /* Prerolled: read-ahead, arena and registration are there. */
    support_set_state (pipeline, GST_STATE_PAUSED);
    start = g_get_monotonic_time ();
    gst_element_set_state (pipeline, GST_STATE_PLAYING);
    support_wait_eos (pipeline);
    seconds = (g_get_monotonic_time () - start) / 1e6;
    g_object_get (sink, "stats", &stats, NULL);
    g_assert_true (gst_structure_get_uint64 (stats, "rendered", &buffers));
    best = MAX (best, buffers / seconds);
    gst_structure_free (stats);
    gst_object_unref (sink);
    support_set_state (pipeline, GST_STATE_NULL);
    gst_object_unref (pipeline);
  }
  return best;
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", NULL };
  static const struct
  {
    const char *source, *rest;
  } flows[] = {
    { "filesrc", "identity !" },
    { "filesrc", "" },
    { "vyresrc", "" },
    { "vyresrc", "queue !" },
    { "filesrc", "vyreinterp program=invert !" },
    { "vyresrc", "vyreinterp program=invert !" },
    { "vyresrc buffer-lists=true", "" },
    { "vyresrc buffer-lists=true", "queue !" },
    { "vyresrc buffer-lists=true", "vyreinterp program=invert !" },
    { "vyresrc buffer-lists=true",
        "vyreinterp program=invert async-depth=64 !" },
    { "vyresrc buffer-lists=true",
        "vyreinterp program=invert async-depth=128 !" },
  };
  gsize size = argc > 1 ? strtoull (argv[1], NULL, 0) : 256 << 20;
  guint only = argc > 2 ? atoi (argv[2]) : G_MAXUINT;
  guint blocksize = argc > 3 ? atoi (argv[3]) : 4096;
  g_autofree char *path = NULL;
  double base = 0;

  g_setenv ("GST_TRACERS", "", TRUE);
  support_init (&argc, &argv, plugins);
  GST_ELEMENT_REGISTER (vyresrc, NULL);
  GST_ELEMENT_REGISTER (vyreinterp, NULL);
  fake_engine_set_work (FALSE);
  if (argc > 4) {
    fake_engine_set_times (1, atoi (argv[4]));
    fake_engine_set_resident (TRUE);
  }
  path = support_noise_file ("file", size, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (flows); i++) {
    g_autofree char *text =
        g_strdup_printf ("%s location=%s blocksize=%u ! %s fakesink name=sink",
            flows[i].source, path, blocksize, flows[i].rest);
    double rate;

    if (only < G_N_ELEMENTS (flows) && only != i)
      continue;
    rate = measure (text);
    if (i == 0)
      base = rate;
    printf ("%10.0f buffers/s  %5.2f  %s ! %s fakesink\n", rate,
        base > 0 ? rate / base : 0, flows[i].source, flows[i].rest);
  }
  return support_run ();
}
