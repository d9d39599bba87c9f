/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "vir0/blake3.h"

#define HEADER_BYTES 40

guint8 *
fuzz_repair (const guint8 *data, gsize size)
{
  /* Exactly as long, so that reading beyond the end is seen. */
  guint8 *copy = g_malloc (MAX (size, 1));

  if (size > 0)
    memcpy (copy, data, size);
  if (size > HEADER_BYTES && memcmp (copy, "VYRE", 4) == 0)
    vyre_blake3 (copy + HEADER_BYTES, size - HEADER_BYTES, copy + 8);
  return copy;
}

VyreProgram *
fuzz_program (const guint8 *data, gsize size)
{
  g_autofree guint8 *copy = fuzz_repair (data, size);

  if (size >= 4 && memcmp (copy, "VYRE", 4) == 0)
    return vyre_program_decode (copy, size, VYRE_WIRE_STRICT, NULL);
  return vyre_program_parse ((const char *) copy, size, NULL);
}

GBytes *
fuzz_encode (const VyreProgram *program)
{
  g_autoptr (GError) error = NULL;
  GBytes *blob = vyre_program_encode (program, &error);

  if (blob == NULL)
    FUZZ_FAIL ("a program that was read does not encode: %s\n", error->message);
  return blob;
}
