/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

/* The whole run, its errors and its budgets. */

/* Steps between two questions whether to stop. */
#define POLL_STEPS 4096

G_DEFINE_QUARK (vyre_reference_error, vyre_reference_error)

/* "entry[0].body[2] (4:7)", as lowering says it. */
static void
append_place (GString *message, const VyreRefInvocation *invocation)
{
  VyreSource at = { 0, 0 };

  for (guint i = 0; i < invocation->frames->len; i++) {
    const VyreRefFrame *frame =
        &g_array_index (invocation->frames, VyreRefFrame, i);

    if (!frame->list || frame->next == 0)
      continue;
    g_string_append_printf (
        message, "%s%s[%u]", i == 0 ? "" : ".", frame->field, frame->next - 1);
    at = frame->list->nodes[frame->next - 1]->at;
  }
  if (at.line != 0)
    g_string_append_printf (message, " (%u:%u)", at.line, at.column);
  g_string_append_printf (message,
      ", invocation %u,%u,%u: ", invocation->global[0], invocation->global[1],
      invocation->global[2]);
}

gboolean
vyre_ref_fail (
    VyreRefExec *exec, VyreReferenceError code, const char *format, ...)
{
  g_autoptr (GString) message = g_string_new (NULL);
  va_list args;

  if (exec->running)
    append_place (message, exec->running);
  else if (exec->at.line != 0)
    g_string_append_printf (
        message, "(%u:%u): ", exec->at.line, exec->at.column);
  va_start (args, format);
  g_string_append_vprintf (message, format, args);
  va_end (args);
  if (code < VYRE_REFERENCE_ERROR_STEPS)
    g_string_append_printf (message, " [R%02d]", code);
  if (!exec->error)
    exec->error =
        g_error_new_literal (VYRE_REFERENCE_ERROR, code, message->str);
  return FALSE;
}

gboolean
vyre_ref_charge (VyreRefExec *exec, guint64 steps)
{
  const VyreReferenceOptions *options = exec->options;

  if (exec->error)
    return FALSE;
  if (!g_uint64_checked_add (&exec->steps, exec->steps, steps))
    exec->steps = G_MAXUINT64;
  if (options->max_steps > 0 && exec->steps > options->max_steps)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_STEPS,
        "the program has not ended after %" G_GUINT64_FORMAT
        " steps; allow more, or make it end",
        options->max_steps);
  if (options->cancelled && exec->steps >= exec->next_poll) {
    exec->next_poll = exec->steps + POLL_STEPS;
    if (options->cancelled (options->user_data))
      return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_CANCELLED,
          "the program was cancelled after %" G_GUINT64_FORMAT " steps",
          exec->steps);
  }
  return TRUE;
}

gboolean
vyre_ref_charge_bytes (VyreRefExec *exec, guint64 bytes)
{
  return vyre_ref_charge (exec, bytes / 16);
}

gboolean
vyre_ref_reserve (VyreRefExec *exec, guint64 bytes)
{
  guint64 total, limit = exec->options->max_bytes;

  if (!g_uint64_checked_add (&total, exec->memory, bytes) ||
      (limit > 0 && total > limit))
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_MEMORY,
        "%" G_GUINT64_FORMAT " bytes are needed beside %" G_GUINT64_FORMAT
        " in use, %" G_GUINT64_FORMAT " are allowed; allow more",
        bytes, exec->memory, limit > 0 ? limit : G_MAXUINT64);
  exec->memory = total;
  return TRUE;
}

void
vyre_ref_release (VyreRefExec *exec, guint64 bytes)
{
  exec->memory -= bytes;
}

static void
clear_buffers (VyreRefExec *exec)
{
  if (!exec->buffers)
    return;
  for (guint i = 0; i < exec->program->n_buffers; i++)
    g_free (exec->buffers[i].data);
  g_free (exec->buffers);
}

gboolean
vyre_reference_run (const VyreProgram *program,
    const VyreReferenceOptions *options, GBytes *const *inputs, guint n_inputs,
    GPtrArray **outputs, GError **error)
{
  const VyreReferenceOptions fallback = VYRE_REFERENCE_OPTIONS_DEFAULT;
  VyreRefExec exec = { .options = options ? options : &fallback };
  g_autoptr (VyreProgram) prepared = NULL;

  g_return_val_if_fail (program != NULL, FALSE);
  g_return_val_if_fail (inputs != NULL || n_inputs == 0, FALSE);
  g_return_val_if_fail (outputs != NULL, FALSE);

  exec.guarded = g_hash_table_new (NULL, NULL);
  prepared = vyre_ref_prepare (&exec, program);
  if (prepared) {
    exec.program = prepared;
    if (vyre_ref_bind (&exec, inputs, n_inputs) &&
        vyre_ref_compute_grid (&exec) && vyre_ref_run_grid (&exec))
      *outputs = vyre_ref_collect (&exec);
    clear_buffers (&exec);
  }
  g_hash_table_unref (exec.guarded);
  if (exec.options->steps)
    *exec.options->steps = exec.steps;
  if (!exec.error)
    return TRUE;
  g_propagate_error (error, exec.error);
  return FALSE;
}
