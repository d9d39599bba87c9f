/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The validator: any program; its answers agree with each other. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "vir0/validate.h"

static void
check_list (GPtrArray *list, VyreSeverity severity, guint max)
{
  FUZZ_ASSERT (list->len <= max);
  for (guint i = 0; i < list->len; i++) {
    const VyreFinding *finding = g_ptr_array_index (list, i);
    g_autofree char *line = vyre_finding_format (finding, "fuzz");

    FUZZ_ASSERT (finding->severity == severity);
    FUZZ_ASSERT (finding->code != NULL && finding->code[0] != '\0');
    FUZZ_ASSERT (finding->path != NULL);
    FUZZ_ASSERT (finding->has_public_code == (finding->code[0] == 'V'));
    FUZZ_ASSERT (g_utf8_validate (line, -1, NULL));
    FUZZ_ASSERT (strchr (line, '\n') == NULL);
  }
}

/* The number of errors. */
static guint64
validate (const VyreProgram *program, const VyreValidateOptions *options)
{
  g_autoptr (VyreFindings) findings = vyre_program_validate (program, options);
  g_autoptr (GError) error = NULL;
  guint max = options != NULL && options->max_findings != 0
                  ? options->max_findings
                  : VYRE_VALIDATE_MAX_FINDINGS;
  gboolean ok = vyre_program_check (program, options, &error);

  check_list (findings->errors, VYRE_SEVERITY_ERROR, 2 * max);
  check_list (findings->warnings, VYRE_SEVERITY_WARNING, max);
  FUZZ_ASSERT (ok == (findings->errors->len == 0));
  FUZZ_ASSERT (ok == (error == NULL));
  return findings->errors->len;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr (VyreProgram) program = fuzz_program (data, size);
  VyreValidateOptions options = VYRE_VALIDATE_OPTIONS_ENGINE;
  guint64 plain, more;

  if (program == NULL)
    return 0;
  validate (program, NULL);
  plain = validate (program, &options);
  /* Rules beyond the engine's only add. */
  options.backend = "fuzz";
  options.cast_targets = size > 0 ? 0x01010101u * data[size - 1] : 0;
  more = validate (program, &options);
  FUZZ_ASSERT (more >= plain);
  options.max_findings = 3;
  FUZZ_ASSERT ((validate (program, &options) == 0) == (more == 0));
  options.allow_shadowing = TRUE;
  validate (program, &options);
  return 0;
}
