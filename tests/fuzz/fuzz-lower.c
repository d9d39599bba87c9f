/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Lowering: any program is refused by name, or gives code that passes the
 * verifier; what the validator lets through is not called invalid. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "lower/lower.h"
#include "vir0/validate.h"

/* What lowering alone refuses: faults that cannot but happen, asynchronous
 * copies that would have to be early, subgroups that are not whole. */
static gboolean
is_own_refusal (const GError *error)
{
  static const char *const codes[] = { "[R14]", "[X13]", "[X22]" };

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++)
    if (g_str_has_suffix (error->message, codes[i]))
      return TRUE;
  return g_error_matches (error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_LIMIT);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr (VyreProgram) program = fuzz_program (data, size);
  static const guint registers[] = { 8, 9, 16, 64 };
  gboolean valid;

  if (program == NULL)
    return 0;
  valid = vyre_program_check (program, &VYRE_VALIDATE_OPTIONS_ENGINE, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (registers); i++) {
    VyreLowerOptions options = { registers[i] };
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreLowered) lowered = vyre_lower (program, &options, &error);
    g_autofree char *dump = NULL;

    FUZZ_ASSERT ((lowered == NULL) == (error != NULL));
    if (lowered == NULL) {
      FUZZ_ASSERT (error->domain == VYRE_LOWER_ERROR);
      FUZZ_ASSERT (error->code != VYRE_LOWER_ERROR_VERIFY);
      FUZZ_ASSERT (g_utf8_validate (error->message, -1, NULL));
      if (valid && !is_own_refusal (error))
        FUZZ_FAIL ("valid, but not lowered: %s\n", error->message);
      continue;
    }
    if (!vyre_lowered_verify (lowered, &error))
      FUZZ_FAIL ("not verified: %s\n", error->message);
    dump = vyre_lowered_dump (lowered);
    FUZZ_ASSERT (dump != NULL);
  }
  return 0;
}
