/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The decoder of blobs and of their hex form: any bytes; what is read encodes
 * and comes back the same. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

static void
check_round_trip (const VyreProgram *program, VyreWireFlags flags)
{
  g_autoptr (GBytes) first = fuzz_encode (program), second = NULL;
  g_autoptr (VyreProgram) again = NULL;
  gsize size;
  const guint8 *data = g_bytes_get_data (first, &size);

  again = vyre_program_decode (data, size, flags, NULL);
  FUZZ_ASSERT (again != NULL);
  second = fuzz_encode (again);
  FUZZ_ASSERT (g_bytes_equal (first, second));
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  static const VyreWireFlags modes[] = { VYRE_WIRE_STRICT,
    VYRE_WIRE_PRESERVE_UNKNOWN };
  g_autofree guint8 *copy = fuzz_repair (data, size);
  g_autoptr (GError) error = NULL;
  gboolean read[2];

  for (guint i = 0; i < 2; i++) {
    g_autoptr (VyreProgram) program =
        vyre_program_decode (copy, size, modes[i], &error);

    read[i] = program != NULL;
    FUZZ_ASSERT (read[i] == (error == NULL));
    if (program != NULL) {
      check_round_trip (program, modes[i]);
    } else {
      FUZZ_ASSERT (error->domain == VYRE_WIRE_ERROR);
      FUZZ_ASSERT (g_str_has_prefix (
          error->message, vyre_wire_error_name (error->code)));
      FUZZ_ASSERT (g_utf8_validate (error->message, -1, NULL));
    }
    g_clear_error (&error);
  }
  /* Keeping the unknown loses nothing of the known. */
  FUZZ_ASSERT (read[1] || !read[0]);

  if (size > 0 && copy[0] == 'v') {
    g_autoptr (VyreProgram) program = vyre_program_decode_hex (
        (const char *) copy, size, VYRE_WIRE_STRICT, NULL);

    if (program != NULL) {
      g_autofree char *hex = vyre_program_encode_hex (program, NULL);
      g_autoptr (VyreProgram) again = NULL;

      FUZZ_ASSERT (hex != NULL);
      again =
          vyre_program_decode_hex (hex, strlen (hex), VYRE_WIRE_STRICT, NULL);
      FUZZ_ASSERT (again != NULL);
    }
  }
  return 0;
}
