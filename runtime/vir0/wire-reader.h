/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "wire-private.h"

/* The state of one decoding. */
typedef struct
{
  VyreProgram *program;
  VyreWireFlags flags;
  const guint8 *blob; /* offsets in messages count from here */
  /* Lists grow here and move into the program when complete; nested lists
   * share one array, each above those it stands in. */
  GPtrArray *nodes, *exprs, *types;
  guint depth; /* of the current record */
  GError **error;
} VyreWireDecoder;

/* A window of the blob. Reading past its end is `truncated`. Every function
 * returns FALSE with the error set; `what` names the item in messages. */
typedef struct
{
  VyreWireDecoder *decoder;
  const guint8 *p, *end;
} VyreWireReader;

static inline gsize
vyre_wire_left (const VyreWireReader *r)
{
  return r->end - r->p;
}

/* The offset in the blob of what is read next. */
static inline gsize
vyre_wire_offset (const VyreWireReader *r)
{
  return r->p - r->decoder->blob;
}

/* FALSE, visibly so for the compiler's flow analysis. */
#define vyre_wire_reader_fail(r, code, format, ...) \
  (vyre_wire_fail ((r)->decoder->error, VYRE_WIRE_ERROR_##code, \
       format " (before byte %" G_GSIZE_FORMAT ")", ##__VA_ARGS__, \
       vyre_wire_offset (r)), \
      FALSE)

gboolean vyre_wire_read_u8 (VyreWireReader *r, guint8 *value, const char *what);
gboolean vyre_wire_read_u32 (
    VyreWireReader *r, guint32 *value, const char *what);
gboolean vyre_wire_read_u64 (
    VyreWireReader *r, guint64 *value, const char *what);
gboolean vyre_wire_read_leb (
    VyreWireReader *r, guint64 *value, const char *what);
gboolean vyre_wire_read_leb32 (
    VyreWireReader *r, guint32 *value, const char *what);
/* A LEB128 count or length of at most max. */
gboolean vyre_wire_read_count (
    VyreWireReader *r, guint64 max, guint32 *value, const char *what);
/* A pointer to the next bytes, which stay where they are. */
gboolean vyre_wire_read_bytes (
    VyreWireReader *r, guint64 length, const guint8 **bytes, const char *what);
gboolean vyre_wire_read_window (VyreWireReader *r, guint64 length,
    VyreWireReader *window, const char *what);
gboolean vyre_wire_read_end (VyreWireReader *r, const char *what);
/* A `str`, copied into the program. */
gboolean vyre_wire_read_string (
    VyreWireReader *r, VyreString *string, const char *what);
/* `leb` length form: points into the blob. */
gboolean vyre_wire_read_op_id (VyreWireReader *r, VyreString *string);

gboolean vyre_wire_read_node (VyreWireReader *r, VyreNode **node);
/* Judges scale and zero point of a quantized type. */
gboolean vyre_wire_check_quant (
    VyreWireReader *r, gboolean zero_point, guint64 tag, guint32 param);
/* Moves everything above base into the program. */
gpointer *vyre_wire_take_list (
    VyreWireDecoder *decoder, GPtrArray *scratch, guint base);
