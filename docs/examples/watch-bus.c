/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs a pipeline, watches its bus for the messages of vyrestats, and writes
 * them to a CSV file: a row for each, as it comes.
 *
 *   watch-bus CSV PIPELINE...
 *
 * PIPELINE is what gst-launch-1.0 takes, and has a vyrestats in it:
 *
 *   watch-bus out.csv vyresrc location=FILE ! vyreinterp program=invert ! \
 *       vyrestats interval=200000000 ! fakesink
 *
 * watch_bus.py does the same. plot_stats.py draws such a file.
 */
#include <gst/gst.h>
#include <stdio.h>

/* A column: field GROUP/NAME of the message. Counters are 64 bits wide, gauges
 * are of other types; see gst-inspect-1.0 vyrestats and the documentation of
 * the element. */
typedef struct
{
  const char *title, *group, *name;
} Column;

static const Column columns[] = {
  { "windows_done", "runtime", "windows-done" },
  { "windows_faulted", "runtime", "windows-faulted" },
  { "windows_in_flight", "runtime", "windows-in-flight" },
  { "bytes_bound", "runtime", "bytes-bound" },
  { "launches", "runtime", "launches" },
  { "depth_bps", "counters", "frontier-density-bps" },
  { "host_copy_bytes", "evidence", "host-copy-bytes" },
  { "host_copy_avoided_bytes", "evidence", "host-copy-avoided-bytes" },
  { "stalled", "watchdog", "stalled" },
};

typedef struct
{
  GMainLoop *loop;
  FILE *csv;
  gint64 start; /* µs: when the first message came */
  guint rows;
  gboolean failed;
} Watch;

static void
write_value (FILE *csv, const GValue *value)
{
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  if (value == NULL)
    return; /* an empty cell: the runtime did not say */
  if (G_VALUE_HOLDS_UINT64 (value))
    fprintf (csv, "%" G_GUINT64_FORMAT, g_value_get_uint64 (value));
  else if (G_VALUE_HOLDS_UINT (value))
    fprintf (csv, "%u", g_value_get_uint (value));
  else if (G_VALUE_HOLDS_BOOLEAN (value))
    fprintf (csv, "%d", g_value_get_boolean (value));
  else if (G_VALUE_HOLDS_DOUBLE (value))
    /* With a point in every locale. */
    fputs (g_ascii_formatd (
               number, sizeof number, "%.6g", g_value_get_double (value)),
        csv);
}

static void
write_row (Watch *watch, const GstStructure *message)
{
  gint64 now = g_get_monotonic_time ();
  gboolean attached = FALSE;

  /* Before vyreinterp has a runtime there is nothing to write down. */
  gst_structure_get_boolean (message, "attached", &attached);
  if (!attached)
    return;
  if (watch->rows++ == 0)
    watch->start = now;
  fprintf (watch->csv, "%" G_GINT64_FORMAT ".%06d",
      (now - watch->start) / G_USEC_PER_SEC,
      (int) ((now - watch->start) % G_USEC_PER_SEC));
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++) {
    const GValue *group = gst_structure_get_value (message, columns[i].group);

    fputc (',', watch->csv);
    if (group != NULL && GST_VALUE_HOLDS_STRUCTURE (group))
      write_value (
          watch->csv, gst_structure_get_value (
                          gst_value_get_structure (group), columns[i].name));
  }
  fputc ('\n', watch->csv);
  /* So that it can be drawn while the pipeline runs. */
  fflush (watch->csv);
}

static gboolean
on_message (GstBus *bus, GstMessage *message, gpointer user_data)
{
  Watch *watch = user_data;

  switch (GST_MESSAGE_TYPE (message)) {
    case GST_MESSAGE_ELEMENT:
      if (gst_message_has_name (message, "vyrestats"))
        write_row (watch, gst_message_get_structure (message));
      break;
    case GST_MESSAGE_ERROR: {
      g_autoptr (GError) error = NULL;
      g_autofree char *debug = NULL;

      gst_message_parse_error (message, &error, &debug);
      g_printerr ("%s: %s\n%s\n", GST_MESSAGE_SRC_NAME (message),
          error->message, debug != NULL ? debug : "");
      watch->failed = TRUE;
      g_main_loop_quit (watch->loop);
      break;
    }
    case GST_MESSAGE_EOS:
      g_main_loop_quit (watch->loop);
      break;
    default:
      break;
  }
  return G_SOURCE_CONTINUE;
}

static gboolean
run (GstElement *pipeline, Watch *watch)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  guint id = gst_bus_add_watch (bus, on_message, watch);

  watch->loop = g_main_loop_new (NULL, FALSE);
  /* What goes wrong comes as a message too. */
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_main_loop_run (watch->loop);
  gst_element_set_state (pipeline, GST_STATE_NULL);
  g_source_remove (id);
  g_main_loop_unref (watch->loop);
  return !watch->failed;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GstElement) pipeline = NULL;
  Watch watch = { NULL };
  gboolean ok;

  gst_init (&argc, &argv);
  if (argc < 3) {
    g_printerr ("usage: watch-bus CSV PIPELINE...\n");
    return 2;
  }
  pipeline = gst_parse_launchv ((const char **) argv + 2, &error);
  /* A pipeline may come together with an error: then something is missing. */
  if (error != NULL) {
    g_printerr ("%s\n", error->message);
    return 1;
  }
  gst_object_ref_sink (pipeline);
  watch.csv = fopen (argv[1], "w");
  if (watch.csv == NULL) {
    g_printerr ("%s: cannot be written\n", argv[1]);
    return 1;
  }
  fputs ("seconds", watch.csv);
  for (guint i = 0; i < G_N_ELEMENTS (columns); i++)
    fprintf (watch.csv, ",%s", columns[i].title);
  fputc ('\n', watch.csv);

  ok = run (pipeline, &watch);
  ok = fclose (watch.csv) == 0 && ok;
  g_print ("%s: %u rows\n", argv[1], watch.rows);
  if (watch.rows == 0)
    g_printerr ("no vyrestats said anything: is one in the pipeline, and a "
                "vyreinterp?\n");
  return ok && watch.rows > 0 ? 0 : 1;
}
