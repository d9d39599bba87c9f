/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The parser of the readable text form: any bytes; what is read prints, and
 * the print is read as the same program. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autofree guint8 *copy = fuzz_repair (data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) first = NULL, second = NULL;
  g_autofree char *text = NULL, *again = NULL;
  g_autoptr (GBytes) blob = NULL, reread = NULL;

  first = vyre_program_parse ((const char *) copy, size, &error);
  FUZZ_ASSERT ((first == NULL) == (error != NULL));
  if (first == NULL) {
    FUZZ_ASSERT (error->domain == VYRE_TEXT_ERROR);
    FUZZ_ASSERT (g_utf8_validate (error->message, -1, NULL));
    return 0;
  }
  text = vyre_program_print (first);
  FUZZ_ASSERT (g_utf8_validate (text, -1, NULL));
  second = vyre_program_parse (text, strlen (text), &error);
  if (second == NULL)
    FUZZ_FAIL ("the print is not read: %s\n%s\n", error->message, text);
  again = vyre_program_print (second);
  if (strcmp (text, again) != 0)
    FUZZ_FAIL ("printed:\n%s\nand again:\n%s\n", text, again);

  /* Not all that parses encodes: a range that does not fit its buffer. */
  blob = vyre_program_encode (first, NULL);
  reread = vyre_program_encode (second, NULL);
  FUZZ_ASSERT ((blob == NULL) == (reread == NULL));
  FUZZ_ASSERT (blob == NULL || g_bytes_equal (blob, reread));
  return 0;
}
