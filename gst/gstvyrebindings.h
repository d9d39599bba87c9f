/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The bindings property of vyreinterp as text: what the user wants each buffer
 * of a program to hold. Knows no program; gstvyreplan.h joins the two. */

#define GST_VYRE_BINDINGS_ERROR (gst_vyre_bindings_error_quark ())
GQuark gst_vyre_bindings_error_quark (void);

typedef enum
{
  GST_VYRE_BINDINGS_ERROR_SYNTAX,
  GST_VYRE_BINDINGS_ERROR_VALUE,
  GST_VYRE_BINDINGS_ERROR_DUPLICATE,
} GstVyreBindingsError;

/* An expression over the length of the input: integers, len(input),
 * + - * / % ( ), min (a, b), max (a, b), in 64-bit signed arithmetic. */
typedef struct _GstVyreSizeExpr GstVyreSizeExpr;

GstVyreSizeExpr *gst_vyre_size_expr_parse (const char *text, GError **error);
/* FALSE when a step overflows or divides by zero, or the result is negative. */
gboolean gst_vyre_size_expr_eval (const GstVyreSizeExpr *expr,
    guint64 input_bytes, guint64 *bytes, GError **error);
void gst_vyre_size_expr_free (GstVyreSizeExpr *expr);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstVyreSizeExpr, gst_vyre_size_expr_free)

typedef enum
{
  GST_VYRE_BINDING_DATA, /* data or path */
  GST_VYRE_BINDING_ZEROS, /* bytes, when has_bytes */
  GST_VYRE_BINDING_KEEP, /* starts as data, path or zeros (bytes) */
  GST_VYRE_BINDING_SIZE, /* size: length of an outgoing buffer */
  GST_VYRE_BINDING_LOG, /* bytes, when has_bytes */
} GstVyreBindingKind;

typedef struct
{
  char *name;
  GstVyreBindingKind kind;
  GBytes *data; /* of hex and numbers, or %NULL */
  char *path; /* of file, or %NULL */
  gboolean has_bytes;
  guint64 bytes;
  GstVyreSizeExpr *size;
} GstVyreBinding;

/* Parses the whole property; %NULL and "" give an empty array. Free with
 * g_ptr_array_unref(). Reads no file. */
GPtrArray *gst_vyre_bindings_parse (const char *text, GError **error);

G_END_DECLS
