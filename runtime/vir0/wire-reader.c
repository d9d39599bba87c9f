/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-reader.h"

#include <string.h>

static gboolean
take (VyreWireReader *r, guint64 length, const guint8 **bytes, const char *what)
{
  if (length > vyre_wire_left (r))
    return vyre_wire_reader_fail (r, TRUNCATED,
        "%s takes %" G_GUINT64_FORMAT " bytes, %" G_GSIZE_FORMAT " are left",
        what, length, vyre_wire_left (r));
  *bytes = r->p;
  r->p += length;
  return TRUE;
}

gboolean
vyre_wire_read_u8 (VyreWireReader *r, guint8 *value, const char *what)
{
  const guint8 *p;

  if (!take (r, 1, &p, what))
    return FALSE;
  *value = *p;
  return TRUE;
}

gboolean
vyre_wire_read_u32 (VyreWireReader *r, guint32 *value, const char *what)
{
  const guint8 *p;

  if (!take (r, 4, &p, what))
    return FALSE;
  memcpy (value, p, 4);
  *value = GUINT32_FROM_LE (*value);
  return TRUE;
}

gboolean
vyre_wire_read_u64 (VyreWireReader *r, guint64 *value, const char *what)
{
  const guint8 *p;

  if (!take (r, 8, &p, what))
    return FALSE;
  memcpy (value, p, 8);
  *value = GUINT64_FROM_LE (*value);
  return TRUE;
}

gboolean
vyre_wire_read_leb (VyreWireReader *r, guint64 *value, const char *what)
{
  guint64 result = 0;

  for (guint i = 0; i < 10; i++) {
    guint8 byte;

    if (!vyre_wire_read_u8 (r, &byte, what))
      return FALSE;
    if (i == 9 && byte > 1)
      return vyre_wire_reader_fail (
          r, LEB_OVERFLOW, "%s does not fit 64 bits", what);
    result |= (guint64) (byte & 0x7f) << (7 * i);
    if (!(byte & 0x80))
      break;
  }
  *value = result;
  return TRUE;
}

gboolean
vyre_wire_read_leb32 (VyreWireReader *r, guint32 *value, const char *what)
{
  guint64 wide;

  if (!vyre_wire_read_leb (r, &wide, what))
    return FALSE;
  if (wide > G_MAXUINT32)
    return vyre_wire_reader_fail (r, INT_RANGE,
        "%s is %" G_GUINT64_FORMAT ", which does not fit 32 bits", what, wide);
  *value = (guint32) wide;
  return TRUE;
}

gboolean
vyre_wire_read_count (
    VyreWireReader *r, guint64 max, guint32 *value, const char *what)
{
  guint64 wide;

  if (!vyre_wire_read_leb (r, &wide, what))
    return FALSE;
  if (wide > max)
    return vyre_wire_reader_fail (r, LIMIT,
        "%s is %" G_GUINT64_FORMAT ", at most %" G_GUINT64_FORMAT
        " are allowed",
        what, wide, max);
  *value = (guint32) wide;
  return TRUE;
}

gboolean
vyre_wire_read_bytes (
    VyreWireReader *r, guint64 length, const guint8 **bytes, const char *what)
{
  return take (r, length, bytes, what);
}

gboolean
vyre_wire_read_window (
    VyreWireReader *r, guint64 length, VyreWireReader *window, const char *what)
{
  const guint8 *p;

  if (!take (r, length, &p, what))
    return FALSE;
  window->decoder = r->decoder;
  window->p = p;
  window->end = p + length;
  return TRUE;
}

gboolean
vyre_wire_read_end (VyreWireReader *r, const char *what)
{
  if (r->p == r->end)
    return TRUE;
  return vyre_wire_reader_fail (r, TRAILING_BYTES,
      "%" G_GSIZE_FORMAT " bytes are left over in %s", vyre_wire_left (r),
      what);
}

static gboolean
read_text (
    VyreWireReader *r, guint32 length, VyreString *string, const char *what)
{
  const guint8 *p;

  if (!take (r, length, &p, what))
    return FALSE;
  if (!vyre_wire_utf8_valid ((const char *) p, length))
    return vyre_wire_reader_fail (r, BAD_UTF8, "%s is not UTF-8", what);
  string->data = length > 0 ? (const char *) p : "";
  string->length = length;
  return TRUE;
}

gboolean
vyre_wire_read_string (VyreWireReader *r, VyreString *string, const char *what)
{
  guint32 length;

  if (!vyre_wire_read_u32 (r, &length, what))
    return FALSE;
  if (length > WIRE_MAX_STRING)
    return vyre_wire_reader_fail (r, LIMIT,
        "%s has %u bytes, at most %u are allowed", what, length,
        WIRE_MAX_STRING);
  if (!read_text (r, length, string, what))
    return FALSE;
  *string = vyre_program_string (r->decoder->program, string->data, length);
  return TRUE;
}

gboolean
vyre_wire_read_op_id (VyreWireReader *r, VyreString *string)
{
  guint32 length;

  return vyre_wire_read_count (
             r, WIRE_MAX_STRING, &length, "length of an op-id") &&
         read_text (r, length, string, "op-id");
}

gpointer *
vyre_wire_take_list (VyreWireDecoder *decoder, GPtrArray *scratch, guint base)
{
  gsize count = scratch->len - base;
  gpointer *list = NULL;

  if (count > 0) {
    list = vyre_program_alloc (decoder->program, count * sizeof *list);
    memcpy (list, scratch->pdata + base, count * sizeof *list);
    g_ptr_array_set_size (scratch, base);
  }
  return list;
}

gboolean
vyre_wire_check_quant (
    VyreWireReader *r, gboolean zero_point, guint64 tag, guint32 param)
{
  const char *what = zero_point ? "zero point" : "scale";

  if (tag > (zero_point ? 3 : 2))
    return vyre_wire_reader_fail (
        r, QUANT_TAG, "unknown %s tag %" G_GUINT64_FORMAT, what, tag);
  if (!vyre_wire_quant_pair_ok (zero_point, tag, param))
    return vyre_wire_reader_fail (r, QUANT_PARAM,
        "parameter %u is wrong for %s tag %u", param, what, (guint) tag);
  return TRUE;
}
