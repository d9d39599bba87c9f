/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the GPU has printed to its debug log, posted by vyrestats. */

#include "gstvyrestats-private.h"

#include "gstvyreprint.h"

/* Where the element is in the log of a runtime. */
typedef struct
{
  guint64 serial; /* of the runtime */
  guint64 next;
  GstVyrePrinter printer;
} Reader;

struct _GstVyreStatsPrint
{
  VyreFormats *formats;
  GArray *readers; /* Reader; those of runtimes that are gone stay */
};

static void
reader_clear (gpointer data)
{
  gst_vyre_printer_clear (&((Reader *) data)->printer);
}

static Reader *
find_reader (GstVyreStatsPrint *print, VyreRuntime *runtime)
{
  Reader reader = { .serial = vyre_runtime_get_serial (runtime) };

  for (guint i = 0; i < print->readers->len; i++) {
    Reader *there = &g_array_index (print->readers, Reader, i);

    if (there->serial == reader.serial)
      return there;
  }
  g_array_append_val (print->readers, reader);
  return &g_array_index (print->readers, Reader, print->readers->len - 1);
}

gboolean
gst_vyre_stats_start_print (GstVyreStats *self, GError **error)
{
  g_autoptr (GPtrArray) runtimes = vyre_runtime_list ();
  g_autofree char *location = NULL;
  VyreFormats *formats;

  GST_OBJECT_LOCK (self);
  location = g_strdup (self->print_formats);
  GST_OBJECT_UNLOCK (self);
  formats = gst_vyre_print_load_formats (location, NULL, error);
  if (formats == NULL)
    return FALSE;
  self->print = g_new0 (GstVyreStatsPrint, 1);
  self->print->formats = formats;
  self->print->readers = g_array_new (FALSE, TRUE, sizeof (Reader));
  g_array_set_clear_func (self->print->readers, reader_clear);
  /* What was printed before belongs to others. */
  for (guint i = 0; i < runtimes->len; i++) {
    VyreRuntime *runtime = g_ptr_array_index (runtimes, i);

    find_reader (self->print, runtime)->next =
        vyre_runtime_get_log_end (runtime);
  }
  return TRUE;
}

void
gst_vyre_stats_stop_print (GstVyreStats *self)
{
  if (self->print == NULL)
    return;
  g_array_unref (self->print->readers);
  vyre_formats_free (self->print->formats);
  g_clear_pointer (&self->print, g_free);
}

void
gst_vyre_stats_post_printed (GstVyreStats *self, GPtrArray *runtimes)
{
  for (guint i = 0; i < runtimes->len; i++) {
    VyreRuntime *runtime = g_ptr_array_index (runtimes, i);
    Reader *reader = find_reader (self->print, runtime);
    GstStructure *printed;

    while ((printed = gst_vyre_printer_read_ring (&reader->printer,
                self->print->formats, runtime, &reader->next)) != NULL)
      gst_element_post_message (GST_ELEMENT_CAST (self),
          gst_message_new_element (GST_OBJECT_CAST (self), printed));
  }
}
