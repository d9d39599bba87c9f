/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreprint.h"

#include <string.h>

#include "vir0/text.h"

/* Records looked at in one go. */
#define AT_A_TIME 64

VyreFormats *
gst_vyre_print_load_formats (
    const char *location, const char *program, GError **error)
{
  g_autoptr (VyreFormats) formats = vyre_formats_new ();
  g_autofree char *shipped = NULL, *text = NULL;
  gsize length;

  if (location == NULL && program != NULL)
    location = shipped = vyre_program_find_shipped (program, ".formats");
  if (location == NULL)
    return g_steal_pointer (&formats);
  if (!g_file_get_contents (location, &text, &length, error))
    return NULL;
  if (!vyre_formats_add_table (formats, text, length, error)) {
    g_prefix_error (error, "%s: ", location);
    return NULL;
  }
  return g_steal_pointer (&formats);
}

void
gst_vyre_printer_clear (GstVyrePrinter *printer)
{
  g_clear_pointer (&printer->records, g_array_unref);
  printer->printed = printer->dropped = 0;
}

/* --- messages ------------------------------------------------------------- */

static void
append_record (GValue *list, VyreFormats *formats, guint64 number, guint tenant,
    const VyreRingDebugRecord *record)
{
  GValue item = G_VALUE_INIT, args = G_VALUE_INIT;
  char *text = vyre_formats_render (formats, record);
  GstStructure *structure = gst_structure_new ("record", "number",
      G_TYPE_UINT64, number, "tenant", G_TYPE_UINT, tenant, "format",
      G_TYPE_UINT, record->format, "text", G_TYPE_STRING, text, NULL);

  g_free (text);
  g_value_init (&args, GST_TYPE_ARRAY);
  for (guint i = 0; i < G_N_ELEMENTS (record->args); i++) {
    GValue arg = G_VALUE_INIT;

    g_value_init (&arg, G_TYPE_UINT);
    g_value_set_uint (&arg, record->args[i]);
    gst_value_array_append_and_take_value (&args, &arg);
  }
  gst_structure_take_value (structure, "args", &args);
  g_value_init (&item, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&item, structure);
  gst_value_list_append_and_take_value (list, &item);
}

/* Takes the list. */
static GstStructure *
make_message (
    const GstVyrePrinter *printer, const char *source, GValue *records)
{
  GstStructure *message = gst_structure_new ("vyre-print", "version",
      G_TYPE_UINT, GST_VYRE_PRINT_VERSION, "source", G_TYPE_STRING, source,
      "printed", G_TYPE_UINT64, printer->printed, "dropped", G_TYPE_UINT64,
      printer->dropped, NULL);

  gst_structure_take_value (message, "records", records);
  return message;
}

GstStructure *
gst_vyre_printer_read_log (GstVyrePrinter *printer, VyreFormats *formats,
    guint tenant, const void *log, gsize bytes, GstBuffer *buffer)
{
  GValue list = G_VALUE_INIT;
  guint32 dropped = 0;
  GstStructure *message;
  guint n;

  if (printer->records == NULL)
    printer->records = g_array_new (FALSE, FALSE, sizeof (VyreRingDebugRecord));
  if (!vyre_ring_read_debug_log (log, bytes, printer->records, &dropped, NULL))
    return NULL;
  n = printer->records->len;
  if (n == 0 && dropped == 0)
    return NULL;

  g_value_init (&list, GST_TYPE_LIST);
  for (guint i = 0; i < n; i++) {
    const VyreRingDebugRecord *record =
        &g_array_index (printer->records, VyreRingDebugRecord, i);

    /* Its place was taken and nothing written there. */
    if (record->format == 0)
      continue;
    append_record (&list, formats, printer->printed++, tenant, record);
  }
  printer->dropped += dropped;
  message = make_message (printer, "program", &list);
  gst_structure_set (message, "pts", GST_TYPE_CLOCK_TIME,
      GST_BUFFER_PTS (buffer), "offset", G_TYPE_UINT64,
      GST_BUFFER_OFFSET (buffer), NULL);
  return message;
}

GstStructure *
gst_vyre_printer_read_ring (GstVyrePrinter *printer, VyreFormats *formats,
    VyreRuntime *runtime, guint64 *next)
{
  VyreLogRecord records[AT_A_TIME];
  GValue list = G_VALUE_INIT;
  guint64 lost = 0, most = *next + VYRE_LOG_KEPT;
  guint n;

  g_value_init (&list, GST_TYPE_LIST);
  while (*next < most && (n = vyre_runtime_read_log (
                              runtime, next, records, AT_A_TIME, &lost)) > 0) {
    for (guint i = 0; i < n; i++)
      append_record (&list, formats, records[i].number, records[i].tenant,
          &records[i].record);
    printer->printed += n;
  }
  if (gst_value_list_get_size (&list) == 0) {
    g_value_unset (&list);
    return NULL;
  }
  /* What the GPU had no room for, and what was overwritten before we came. */
  printer->dropped += lost;
  GstStructure *message = make_message (printer, "ring", &list);
  gst_structure_set (message, "dropped", G_TYPE_UINT64,
      printer->dropped + vyre_runtime_get_log_dropped (runtime), NULL);
  return message;
}
