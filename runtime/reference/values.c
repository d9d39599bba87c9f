/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

#include <math.h>
#include <string.h>

/* Values and what they convert to: vir0-semantics.md sections 8 and 14. */

/* --- blobs --------------------------------------------------------------- */

VyreRefBlob *
vyre_ref_blob_new (VyreRefExec *exec, guint64 length)
{
  VyreRefBlob *blob;

  if (!vyre_ref_charge_bytes (exec, length))
    return NULL;
  if (length > G_MAXSSIZE - sizeof (VyreRefBlob)) {
    vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_MEMORY,
        "a value of %" G_GUINT64_FORMAT " bytes is too large", length);
    return NULL;
  }
  if (!vyre_ref_reserve (exec, sizeof (VyreRefBlob) + length))
    return NULL;
  blob = g_try_malloc0 (sizeof (VyreRefBlob) + length);
  if (!blob) {
    vyre_ref_release (exec, sizeof (VyreRefBlob) + length);
    vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_MEMORY,
        "there is no memory for a value of %" G_GUINT64_FORMAT " bytes",
        length);
    return NULL;
  }
  blob->refs = 1;
  blob->account = &exec->memory;
  blob->length = length;
  return blob;
}

void
vyre_ref_blob_unref (VyreRefBlob *blob)
{
  if (--blob->refs > 0)
    return;
  *blob->account -= sizeof (VyreRefBlob) + blob->length;
  g_free (blob);
}

void
vyre_ref_value_clear (VyreRefValue *value)
{
  if (value->tag == VYRE_REF_BLOB)
    vyre_ref_blob_unref (value->blob);
  *value = vyre_ref_u32 (0);
}

VyreRefValue
vyre_ref_value_copy (const VyreRefValue *value)
{
  if (value->tag == VYRE_REF_BLOB)
    value->blob->refs++;
  return *value;
}

/* --- bits ---------------------------------------------------------------- */

float
vyre_ref_float_from_bits (guint32 bits)
{
  float value;

  memcpy (&value, &bits, sizeof value);
  return value;
}

guint32
vyre_ref_float_bits (float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return bits;
}

float
vyre_ref_canon (float value)
{
  guint32 bits = vyre_ref_float_bits (value);

  if ((bits & 0x7fffffff) > 0x7f800000)
    return vyre_ref_float_from_bits (0x7fc00000);
  if ((bits & 0x7f800000) == 0)
    return vyre_ref_float_from_bits (bits & 0x80000000);
  return value;
}

const char *
vyre_ref_tag_name (const VyreRefValue *value)
{
  static const char *const names[] = {
    [VYRE_REF_U32] = "u32",
    [VYRE_REF_I32] = "i32",
    [VYRE_REF_U64] = "u64",
    [VYRE_REF_BOOL] = "bool",
    [VYRE_REF_FLT] = "float",
    [VYRE_REF_BLOB] = "bytes",
  };

  return names[value->tag];
}

const guint8 *
vyre_ref_natural_bytes (
    const VyreRefValue *value, guint8 scratch[8], gsize *length)
{
  guint64 bits = 0;

  *length = 4;
  switch (value->tag) {
    case VYRE_REF_U32:
      bits = value->u32;
      break;
    case VYRE_REF_I32:
      bits = (guint32) value->i32;
      break;
    case VYRE_REF_BOOL:
      bits = value->bool_;
      break;
    case VYRE_REF_U64:
      bits = value->u64;
      *length = 8;
      break;
    case VYRE_REF_FLT:
      memcpy (&bits, &value->flt, sizeof bits);
      *length = 8;
      break;
    case VYRE_REF_BLOB:
      *length = value->blob->length;
      return value->blob->data;
  }
  bits = GUINT64_TO_LE (bits);
  memcpy (scratch, &bits, sizeof bits);
  return scratch;
}

/* The little-endian number in a blob of at most so many bytes. */
static gboolean
blob_number (const VyreRefBlob *blob, gsize most, guint64 *number)
{
  if (blob->length > most)
    return FALSE;
  *number = 0;
  memcpy (number, blob->data, blob->length);
  *number = GUINT64_FROM_LE (*number);
  return TRUE;
}

/* --- conversions --------------------------------------------------------- */

gboolean
vyre_ref_truth (const VyreRefValue *value)
{
  guint64 number;

  switch (value->tag) {
    case VYRE_REF_U32:
      return value->u32 != 0;
    case VYRE_REF_I32:
      return value->i32 != 0;
    case VYRE_REF_U64:
      return value->u64 != 0;
    case VYRE_REF_BOOL:
      return value->bool_;
    case VYRE_REF_FLT:
      return value->flt != 0;
    case VYRE_REF_BLOB:
      /* A longer one is true even if it is all zeros. */
      return !blob_number (value->blob, 4, &number) || number != 0;
  }
  g_return_val_if_reached (FALSE);
}

static gboolean
to_unsigned (const VyreRefValue *value, gsize bytes, guint64 *result)
{
  /* One past the largest, which a double holds. */
  const double end = bytes == 4 ? 4294967296.0 : 18446744073709551616.0;

  switch (value->tag) {
    case VYRE_REF_U32:
      *result = value->u32;
      return TRUE;
    case VYRE_REF_I32:
      *result = (guint64) value->i32;
      return value->i32 >= 0;
    case VYRE_REF_U64:
      *result = value->u64;
      return bytes == 8 || value->u64 <= G_MAXUINT32;
    case VYRE_REF_BOOL:
      *result = value->bool_;
      return TRUE;
    case VYRE_REF_FLT:
      /* A u32 may be 4294967295 and no fraction more. */
      if (!(value->flt >= 0 && value->flt < end) ||
          (bytes == 4 && value->flt > 4294967295.0))
        return FALSE;
      *result = (guint64) value->flt;
      return TRUE;
    case VYRE_REF_BLOB:
      return blob_number (value->blob, bytes, result);
  }
  g_return_val_if_reached (FALSE);
}

gboolean
vyre_ref_to_u32_quietly (const VyreRefValue *value, guint32 *result)
{
  guint64 wide;

  if (!to_unsigned (value, 4, &wide))
    return FALSE;
  *result = (guint32) wide;
  return TRUE;
}

/* "i32 -1", for messages. */
static char *
describe (const VyreRefValue *value)
{
  switch (value->tag) {
    case VYRE_REF_U32:
      return g_strdup_printf ("u32 %u", value->u32);
    case VYRE_REF_I32:
      return g_strdup_printf ("i32 %d", value->i32);
    case VYRE_REF_U64:
      return g_strdup_printf ("u64 %" G_GUINT64_FORMAT, value->u64);
    case VYRE_REF_BOOL:
      return g_strdup (value->bool_ ? "true" : "false");
    case VYRE_REF_FLT:
      return g_strdup_printf ("float %.9g", value->flt);
    case VYRE_REF_BLOB:
      return g_strdup_printf ("value of %" G_GSIZE_FORMAT " bytes without a "
                              "number type",
          value->blob->length);
  }
  g_return_val_if_reached (NULL);
}

gboolean
vyre_ref_to_u32 (VyreRefExec *exec, const VyreRefValue *value, const char *what,
    guint32 *result)
{
  g_autofree char *text = NULL;

  if (vyre_ref_to_u32_quietly (value, result))
    return TRUE;
  text = describe (value);
  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_INDEX,
      "%s: the %s is no u32; cast or clamp it", what, text);
}

gboolean
vyre_ref_to_u64 (VyreRefExec *exec, const VyreRefValue *value, const char *what,
    guint64 *result)
{
  g_autofree char *text = NULL;

  if (to_unsigned (value, 8, result))
    return TRUE;
  text = describe (value);
  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_INDEX,
      "%s: the %s is no u64; cast or clamp it", what, text);
}

/* --- casts (section 14.2) ------------------------------------------------ */

static gboolean
cast_failed (
    VyreRefExec *exec, const VyreType *target, const VyreRefValue *value)
{
  g_autofree char *text = describe (value);

  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_CAST,
      "the %s has no value as %s; test its range before the cast", text,
      vyre_type_kind_name (target->kind));
}

/* The bits of a U32 or I32 cast of anything but a float. */
static gboolean
cast_to_word (const VyreRefValue *value, guint32 *bits)
{
  if (value->tag != VYRE_REF_I32)
    return vyre_ref_to_u32_quietly (value, bits);
  *bits = (guint32) value->i32;
  return TRUE;
}

static guint32
float_to_u32 (double value)
{
  if (!(value > 0))
    return 0;
  return value >= 4294967295.0 ? G_MAXUINT32 : (guint32) value;
}

static gint32
float_to_i32 (double value)
{
  if (isnan (value))
    return 0;
  if (value >= 2147483647.0)
    return G_MAXINT32;
  return value <= -2147483648.0 ? G_MININT32 : (gint32) value;
}

static gboolean
cast_to_float (const VyreRefValue *value, double *result)
{
  guint64 number;

  switch (value->tag) {
    case VYRE_REF_U32:
      *result = (float) value->u32;
      return TRUE;
    case VYRE_REF_I32:
      *result = (float) value->i32;
      return TRUE;
    case VYRE_REF_U64:
      *result = (float) value->u64;
      return TRUE;
    case VYRE_REF_BOOL:
      *result = value->bool_;
      return TRUE;
    case VYRE_REF_FLT:
      *result = value->flt;
      return TRUE;
    case VYRE_REF_BLOB:
      if (!blob_number (value->blob, 4, &number))
        return FALSE;
      *result = (float) number;
      return TRUE;
  }
  g_return_val_if_reached (FALSE);
}

/* The natural bytes, cut or padded with zeros to so many. */
static gboolean
cast_to_blob (VyreRefExec *exec, const VyreRefValue *value, gssize wanted,
    VyreRefValue *result)
{
  guint8 scratch[8];
  gsize length;
  const guint8 *bytes = vyre_ref_natural_bytes (value, scratch, &length);
  VyreRefBlob *blob;

  if (value->tag == VYRE_REF_BLOB && (wanted < 0 || (gsize) wanted == length)) {
    *result = vyre_ref_value_copy (value);
    return TRUE;
  }
  blob = vyre_ref_blob_new (exec, wanted < 0 ? length : (gsize) wanted);
  if (!blob)
    return FALSE;
  memcpy (blob->data, bytes, MIN (length, blob->length));
  *result = (VyreRefValue){ VYRE_REF_BLOB, { .blob = blob } };
  return TRUE;
}

gboolean
vyre_ref_cast (VyreRefExec *exec, const VyreType *target,
    const VyreRefValue *value, VyreRefValue *result)
{
  guint64 wide;
  guint32 bits;
  double flt;

  switch (target->kind) {
    case VYRE_TYPE_U32:
      if (value->tag == VYRE_REF_FLT)
        bits = float_to_u32 (value->flt);
      else if (!cast_to_word (value, &bits))
        return cast_failed (exec, target, value);
      *result = vyre_ref_u32 (bits);
      return TRUE;
    case VYRE_TYPE_I32:
      if (value->tag == VYRE_REF_FLT)
        bits = (guint32) float_to_i32 (value->flt);
      else if (!cast_to_word (value, &bits))
        return cast_failed (exec, target, value);
      *result = vyre_ref_i32 (bits);
      return TRUE;
    case VYRE_TYPE_U64:
      if (!to_unsigned (value, 8, &wide))
        return cast_failed (exec, target, value);
      *result = vyre_ref_u64 (wide);
      return TRUE;
    case VYRE_TYPE_F32:
      if (!cast_to_float (value, &flt))
        return cast_failed (exec, target, value);
      *result = vyre_ref_flt (flt);
      return TRUE;
    case VYRE_TYPE_BOOL:
      *result = vyre_ref_bool (vyre_ref_truth (value));
      return TRUE;
    case VYRE_TYPE_VEC2U32:
      return cast_to_blob (exec, value, 8, result);
    case VYRE_TYPE_VEC4U32:
      return cast_to_blob (exec, value, 16, result);
    default:
      return cast_to_blob (exec, value, -1, result);
  }
}
