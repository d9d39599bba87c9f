/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "program-private.h"
#include "wire.h"

/* What decoder, encoder and canonical form share. */

#define WIRE_HEADER_BYTES 40
#define WIRE_VERSION 4
#define WIRE_FLAGS 0x0004
#define WIRE_METADATA_OP_ID "vyre.program.metadata"
#define WIRE_METADATA_MARKER "VYRE-META"

#define WIRE_MAX_RECORDS 1000000
#define WIRE_MAX_LIST 1000000
#define WIRE_MAX_BUFFERS 16384
#define WIRE_MAX_CALL_ARGS 4096
#define WIRE_MAX_STRING 1048576
#define WIRE_MAX_PAYLOAD 4194304
#define WIRE_MAX_WINDOW 64

/* Sets an error whose message is "CATEGORY: TEXT; ADVICE". Returns FALSE. */
gboolean vyre_wire_fail (GError **error, VyreWireError code, const char *format,
    ...) G_GNUC_PRINTF (3, 4);

/* RFC 3629 with NUL allowed. */
gboolean vyre_wire_utf8_valid (const char *data, gsize length);

/* The op-id of a top-level record; an opaque node's is its kind. */
VyreString vyre_wire_node_op_id (const VyreNode *node);

/* The number of operands of an expression kind, -1 for Call and Atomic, whose
 * number varies, and for unknown kinds. */
int vyre_wire_expr_arity (guint kind);

/* TRUE for the three 64-bit literals, whose payload is 8 bytes. */
gboolean vyre_wire_is_stock_literal (VyreString kind);

gboolean vyre_wire_quant_storage_ok (VyreTypeKind kind);
/* Is the parameter right for a scale or zero-point tag in range? */
gboolean vyre_wire_quant_pair_ok (
    gboolean zero_point, guint64 tag, guint32 param);
/* Vec, TensorShaped, the sparse types and Quantized. */
gboolean vyre_wire_has_element (guint tag);
/* Element types that a memory region holds without further payload. */
gboolean vyre_wire_is_plain_element (guint tag);

static inline gboolean
vyre_wire_is_writable (VyreAccess access)
{
  return access == VYRE_ACCESS_READ_WRITE || access == VYRE_ACCESS_WRITE_ONLY;
}

/* Bytes per element for the range check of section 11.4. */
gboolean vyre_wire_fixed_element_size (const VyreType *type, guint64 *size);

/* Encodes without the limits on list lengths and on the whole: a canonical
 * form, in which dissolved Blocks join their parents, may pass them. */
GBytes *vyre_wire_encode_unlimited (const VyreProgram *program, GError **error);
