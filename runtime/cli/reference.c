/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference.h"

#include "vir0/validate.h"

#define MAX_BYTES ((guint64) 4 << 30)

static gboolean
is_late (gpointer user_data)
{
  const gint64 *end = user_data;

  return g_get_monotonic_time () >= *end;
}

/* From one entry per returned buffer to one per buffer. */
static void
spread_outputs (
    const VyreProgram *program, const GPtrArray *returned, GBytes **outputs)
{
  guint next = 0;

  for (guint i = 0; i < program->n_buffers; i++) {
    VyreRole role = vyre_buffer_role (&program->buffers[i]);

    if (role == VYRE_ROLE_INOUT || role == VYRE_ROLE_OUTPUT)
      outputs[i] = g_bytes_ref (g_ptr_array_index (returned, next++));
  }
}

gboolean
cli_reference_run (const VyreProgram *program, const CliRunOptions *options,
    GBytes **inputs, GBytes **outputs, CliRunResult *result, GError **error)
{
  g_autofree GBytes **given = g_new0 (GBytes *, MAX (program->n_buffers, 1));
  g_autoptr (GPtrArray) returned = NULL;
  g_autoptr (GError) failure = NULL;
  gint64 start = g_get_monotonic_time (), end = start + options->timeout;
  guint64 steps = 0;
  guint n_given = 0;
  /* The rules of the format; what an engine needs besides is not asked of a
   * program that is to be compared. */
  const VyreValidateOptions validate = { .subgroup_support = TRUE,
    .repair = TRUE };
  VyreReferenceOptions run = {
    .grid = options->grid,
    .max_steps = options->max_steps,
    .max_bytes = MAX_BYTES,
    .cancelled = options->timeout > 0 ? is_late : NULL,
    .user_data = &end,
    .steps = &steps,
  };

  if (!vyre_program_check (program, &validate, error))
    return FALSE;
  for (guint i = 0; i < program->n_buffers; i++) {
    VyreRole role = vyre_buffer_role (&program->buffers[i]);

    if (role == VYRE_ROLE_INPUT || role == VYRE_ROLE_INOUT)
      given[n_given++] = inputs[i];
  }
  if (!vyre_reference_run (
          program, &run, given, n_given, &returned, &failure)) {
    if (g_error_matches (
            failure, VYRE_REFERENCE_ERROR, VYRE_REFERENCE_ERROR_CANCELLED))
      g_set_error (error, CLI_SESSION_ERROR, CLI_SESSION_ERROR_TIMEOUT,
          "the program did not end within %.1f seconds",
          options->timeout / 1e6);
    else
      g_propagate_error (error, g_steal_pointer (&failure));
    return FALSE;
  }
  spread_outputs (program, returned, outputs);
  if (result) {
    result->steps = steps;
    result->duration = g_get_monotonic_time () - start;
  }
  return TRUE;
}
