/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire-private.h"

/* Where an encoding grows. What is written past max is counted off as
 * too_large and not kept. Functions that can refuse return FALSE with the
 * error set. */
typedef struct
{
  GByteArray *out;
  gsize max;
  gboolean unlimited; /* see vyre_wire_encode_unlimited() */
  gboolean too_large;
  guint depth; /* of the current record */
  GError **error;
} VyreWireWriter;

/* Sets VYRE_WIRE_ERROR_ENCODE; returns FALSE. */
gboolean vyre_wire_refuse (VyreWireWriter *w, const char *format, ...)
    G_GNUC_PRINTF (2, 3);

void vyre_wire_put_u8 (VyreWireWriter *w, guint8 value);
void vyre_wire_put_u32 (VyreWireWriter *w, guint32 value);
void vyre_wire_put_u64 (VyreWireWriter *w, guint64 value);
void vyre_wire_put_leb (VyreWireWriter *w, guint64 value);
void vyre_wire_put_bytes (VyreWireWriter *w, const void *data, gsize length);
void vyre_wire_put_hints (VyreWireWriter *w, const VyreHints *hints);
/* A `str`. */
gboolean vyre_wire_put_string (
    VyreWireWriter *w, VyreString string, const char *what);
gboolean vyre_wire_put_type (VyreWireWriter *w, const VyreType *type);
gboolean vyre_wire_put_expr (VyreWireWriter *w, const VyreExpr *expr);
gboolean vyre_wire_put_node (VyreWireWriter *w, const VyreNode *node);

/* Storage and parameters of a quantized type. */
gboolean vyre_wire_check_quantized (VyreWireWriter *w, const VyreType *type);
