/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

/* Little-endian numbers in files, at any address. */

static inline void
vyre_put_le32 (guint8 *at, guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (at, &value, 4);
}

static inline void
vyre_put_le64 (guint8 *at, guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (at, &value, 8);
}

static inline guint32
vyre_get_le32 (const guint8 *at)
{
  guint32 value;

  memcpy (&value, at, 4);
  return GUINT32_FROM_LE (value);
}

static inline guint64
vyre_get_le64 (const guint8 *at)
{
  guint64 value;

  memcpy (&value, at, 8);
  return GUINT64_FROM_LE (value);
}

/* Word number index of what bytes hold. */
static inline guint32
vyre_get_word (const void *bytes, gsize index)
{
  return vyre_get_le32 ((const guint8 *) bytes + index * 4);
}

G_END_DECLS
