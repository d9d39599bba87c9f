/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "engine/builtins.h"
#include "telemetry/format.h"

G_BEGIN_DECLS

/* What programs and builtins print, as the element message `vyre-print`. Its
 * schema is in docs/messages.md. */

#define GST_VYRE_PRINT_VERSION 1

/* A table of formats: that of location; or, if that is %NULL, the one beside the
 * shipped program of that name (may be %NULL); or none, which is no error.
 * Returns formats, empty ones too. */
VyreFormats *gst_vyre_print_load_formats (
    const char *location, const char *program, GError **error);

/* Something that prints: counts its records, and those that had no room. One
 * thread at a time. */
typedef struct
{
  guint64 printed, dropped;
  GArray *records; /* scratch: VyreRingDebugRecord */
} GstVyrePrinter;

void gst_vyre_printer_clear (GstVyrePrinter *printer);

/* The records of a program's log after one run, or %NULL when it has printed
 * nothing. buffer: what it ran on. */
GstStructure *gst_vyre_printer_read_log (GstVyrePrinter *printer,
    VyreFormats *formats, guint tenant, const void *log, gsize bytes,
    GstBuffer *buffer);
/* Those of the runtime's debug log that are new; next: as with
 * vyre_runtime_read_log(). At most VYRE_LOG_KEPT; NULL: none. */
GstStructure *gst_vyre_printer_read_ring (GstVyrePrinter *printer,
    VyreFormats *formats, VyreRuntime *runtime, guint64 *next);

G_END_DECLS
