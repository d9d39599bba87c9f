/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

GBytes *
reference_hex (const char *hex)
{
  GByteArray *bytes = g_byte_array_new ();

  while (*hex) {
    guint8 byte;

    if (*hex == ' ') {
      hex++;
      continue;
    }
    g_assert_true (g_ascii_isxdigit (hex[0]) && g_ascii_isxdigit (hex[1]));
    byte = (guint8) (g_ascii_xdigit_value (hex[0]) * 16 +
                     g_ascii_xdigit_value (hex[1]));
    g_byte_array_append (bytes, &byte, 1);
    hex += 2;
  }
  return g_byte_array_free_to_bytes (bytes);
}

gboolean
reference_is_transcendental (guint op)
{
  return op == VYRE_UN_COS || op == VYRE_UN_SIN ||
         (op >= VYRE_UN_EXP && op <= VYRE_UN_COSH);
}
