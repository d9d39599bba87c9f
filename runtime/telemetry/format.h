/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../ring/ring.h"

G_BEGIN_DECLS

/*
 * Text for the records of the debug log (ring-protocol.md section 11). A record
 * has the number of a format and up to three words; the formats are the host's.
 *
 * A format is UTF-8 text of at most VYRE_FORMAT_MAX_BYTES bytes without control
 * characters but newline and tab, with up to three of these in it, in the order
 * of the words:
 *
 *   %u %d %x %X   the word, unsigned, signed, in hex; with a width of 1 to 64
 *                 columns (%4u), filled with zeros after a 0 (%08x)
 *   %c            the character of that number; what cannot be printed is
 *                 shown as \xNN or \u{NNNN}
 *   %f            the word's bits as an F32, six digits behind the point
 *   %%            a percent sign; takes no word
 *
 * Words that the format does not ask for are not shown.
 */
#define VYRE_FORMAT_MAX_BYTES 1024
#define VYRE_FORMAT_MAX_WIDTH 64
#define VYRE_FORMAT_MAX_ARGS 3

#define VYRE_FORMAT_ERROR (vyre_format_error_quark ())
VYRE_API GQuark vyre_format_error_quark (void);

typedef enum
{
  VYRE_FORMAT_ERROR_SYNTAX, /* says at which byte, counted from 1 */
  VYRE_FORMAT_ERROR_ID, /* 0, no number, or taken by another format */
  VYRE_FORMAT_ERROR_LIMIT, /* too long, or too many */
} VyreFormatError;

/**
 * VyreFormats: formats by number. Any thread.
 */
typedef struct _VyreFormats VyreFormats;

#define VYRE_FORMATS_MAX 65536

VYRE_API VyreFormats *vyre_formats_new (void);
VYRE_API void vyre_formats_free (VyreFormats *formats);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreFormats, vyre_formats_free)

/* @id: not 0, which is what records have that are not yet written. @length: in
 * bytes, or -1 for text that ends with a zero. Adding the same text once more
 * is no error. */
VYRE_API gboolean vyre_formats_add (VyreFormats *formats, guint32 id,
    const char *text, gssize length, GError **error);

/* A table: lines of a number (decimal, or hex after 0x), a space or tab, and
 * the format; \n, \t and \\ in it stand for newline, tab and backslash. Empty
 * lines and those that begin with # are skipped. The first mistake is an error,
 * with its line; what stood before it has been added. */
VYRE_API gboolean vyre_formats_add_table (
    VyreFormats *formats, const char *text, gsize length, GError **error);

VYRE_API guint vyre_formats_size (VyreFormats *formats);

/* The record's text; newly allocated, UTF-8, without control characters but
 * newline and tab. One of an unknown format is shown by its numbers. */
VYRE_API char *vyre_formats_render (
    VyreFormats *formats, const VyreRingDebugRecord *record);

/**
 * VyreDebugReader: reads a debug log that is being written, again and again,
 * and returns every record once, as soon as its format is there. One thread at
 * a time.
 */
typedef struct _VyreDebugReader VyreDebugReader;

VYRE_API VyreDebugReader *vyre_debug_reader_new (void);
VYRE_API void vyre_debug_reader_free (VyreDebugReader *reader);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreDebugReader, vyre_debug_reader_free)

/* New records of a copy of the log, appended to @records, a GArray of
 * VyreRingDebugRecord. A cursor that has gone back means that the log was
 * cleared. Errors: as vyre_ring_read_debug_log(); nothing has changed then. */
VYRE_API gboolean vyre_debug_reader_read (VyreDebugReader *reader,
    const void *log, gsize n_bytes, GArray *records, GError **error);

/* Records that there was no room for, of all logs read. */
VYRE_API guint64 vyre_debug_reader_dropped (const VyreDebugReader *reader);

G_END_DECLS
