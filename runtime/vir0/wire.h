/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "program.h"

G_BEGIN_DECLS

/* Error domain of decoding and encoding; codes are the categories of
 * vir0-wire.md section 17, in its order, plus VYRE_WIRE_ERROR_ENCODE for what
 * the encoder refuses. */
#define VYRE_WIRE_ERROR (vyre_wire_error_quark ())
VYRE_API GQuark vyre_wire_error_quark (void);

typedef enum
{
  VYRE_WIRE_ERROR_OVERSIZE,
  VYRE_WIRE_ERROR_BAD_MAGIC,
  VYRE_WIRE_ERROR_VERSION,
  VYRE_WIRE_ERROR_FLAGS,
  VYRE_WIRE_ERROR_DIGEST,
  VYRE_WIRE_ERROR_TRUNCATED,
  VYRE_WIRE_ERROR_TRAILING_BYTES,
  VYRE_WIRE_ERROR_LEB_OVERFLOW,
  VYRE_WIRE_ERROR_INT_RANGE,
  VYRE_WIRE_ERROR_LIMIT,
  VYRE_WIRE_ERROR_BAD_UTF8,
  VYRE_WIRE_ERROR_DEPTH,
  VYRE_WIRE_ERROR_NO_METADATA,
  VYRE_WIRE_ERROR_METADATA_OP_ID,
  VYRE_WIRE_ERROR_METADATA_MARKER,
  VYRE_WIRE_ERROR_OPERAND_REF,
  VYRE_WIRE_ERROR_OPERANDS,
  VYRE_WIRE_ERROR_OP_ID_MISMATCH,
  VYRE_WIRE_ERROR_ENTRY_TAG,
  VYRE_WIRE_ERROR_WORKGROUP_ZERO,
  VYRE_WIRE_ERROR_COMPOSABLE_FLAG,
  VYRE_WIRE_ERROR_ZERO_COUNT,
  VYRE_WIRE_ERROR_RANGE_TAG,
  VYRE_WIRE_ERROR_RANGE_ORDER,
  VYRE_WIRE_ERROR_RANGE_ELEMENT,
  VYRE_WIRE_ERROR_RANGE_FIT,
  VYRE_WIRE_ERROR_HINTS_AXIS_TAG,
  VYRE_WIRE_ERROR_HINTS_LOCALITY,
  VYRE_WIRE_ERROR_REGION_COUNT,
  VYRE_WIRE_ERROR_REGION_ORDER,
  VYRE_WIRE_ERROR_SHAPE_TAG,
  VYRE_WIRE_ERROR_ELEMENT_TAG,
  VYRE_WIRE_ERROR_COUNT_MISMATCH,
  VYRE_WIRE_ERROR_UNKNOWN_MEMORY_KIND,
  VYRE_WIRE_ERROR_UNKNOWN_ACCESS,
  VYRE_WIRE_ERROR_QUANT_STORAGE,
  VYRE_WIRE_ERROR_QUANT_TAG,
  VYRE_WIRE_ERROR_QUANT_PARAM,
  VYRE_WIRE_ERROR_UNKNOWN_NODE_TAG,
  VYRE_WIRE_ERROR_UNKNOWN_EXPR_TAG,
  VYRE_WIRE_ERROR_UNKNOWN_BINOP,
  VYRE_WIRE_ERROR_UNKNOWN_UNOP,
  VYRE_WIRE_ERROR_UNKNOWN_ATOMIC_OP,
  VYRE_WIRE_ERROR_UNKNOWN_COLLECTIVE_OP,
  VYRE_WIRE_ERROR_UNKNOWN_ORDERING,
  VYRE_WIRE_ERROR_UNKNOWN_DATA_TYPE,
  VYRE_WIRE_ERROR_REGION_PRESENCE,
  VYRE_WIRE_ERROR_RESERVED_EXT_ID,
  VYRE_WIRE_ERROR_UNKNOWN_EXTENSION,
  VYRE_WIRE_ERROR_EXTENSION_PAYLOAD,
  VYRE_WIRE_ERROR_OUTPUT_SET_INDEX,
  VYRE_WIRE_ERROR_OUTPUT_SET_ACCESS,
  VYRE_WIRE_ERROR_OUTPUT_SET_ORDER,
  VYRE_WIRE_ERROR_OUTPUT_SET_MISMATCH,
  VYRE_WIRE_ERROR_ENCODE,
  VYRE_WIRE_ERROR_HEX, /* the frame of the hex form, section 23 */
  VYRE_WIRE_N_ERRORS,
} VyreWireError;

/* "bad-magic" and so on; what error messages start with. */
VYRE_API const char *vyre_wire_error_name (VyreWireError code);

typedef enum
{
  VYRE_WIRE_STRICT = 0,
  /* Keep opaque nodes and expressions of unknown kind (section 14.2, preserve
   * mode); never use it to decide whether a blob is valid. */
  VYRE_WIRE_PRESERVE_UNKNOWN = 1 << 0,
} VyreWireFlags;

#define VYRE_WIRE_MAX_BYTES (64u * 1024 * 1024)
#define VYRE_DIGEST_BYTES 32
/* Types nested in a Cast's type; deeper ones are `limit` (section 11.5). */
#define VYRE_WIRE_MAX_TYPE_NESTING 8192
/* Memory for one program in its decoded form; more is `limit`. A blob of
 * single-byte statements takes some two hundred times its length. */
#define VYRE_WIRE_MAX_MODEL_BYTES ((gsize) 1024 * 1024 * 1024)

/* Decodes one blob (section 16). Returns a finished program the caller owns,
 * or %NULL with a VYRE_WIRE_ERROR. Any input is safe. */
VYRE_API VyreProgram *vyre_program_decode (
    const guint8 *data, gsize length, VyreWireFlags flags, GError **error);

/* Encodes (section 19). Refuses everything the decoder would not read. */
VYRE_API GBytes *vyre_program_encode (
    const VyreProgram *program, GError **error);

/* The hex text form of section 23 (not the readable text form: see text.h). */
VYRE_API VyreProgram *vyre_program_decode_hex (
    const char *text, gsize length, VyreWireFlags flags, GError **error);
VYRE_API char *vyre_program_encode_hex (
    const VyreProgram *program, GError **error);

/* canonical(P) of section 21 as a new program, which may share memory with
 * (and keeps alive) the given one; %NULL when that does not encode. */
VYRE_API VyreProgram *vyre_program_canonicalize (const VyreProgram *program);

/* The content fingerprint of section 21.1. */
VYRE_API gboolean vyre_program_fingerprint (const VyreProgram *program,
    guint8 digest[VYRE_DIGEST_BYTES], GError **error);

G_END_DECLS
