/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "session.h"

#include <string.h>

/* How long a cancelled window may take to end. */
#define CANCEL_TIME (10 * G_USEC_PER_SEC)
/* How long a program may take to be compiled. */
#define COMPILE_TIME (120 * G_USEC_PER_SEC)

G_DEFINE_QUARK (cli_session_error, cli_session_error)

struct _CliSession
{
  VyreRuntime *runtime;
  VyreTenant *tenant;
  gboolean jit;
  guint n_compiled, n_asked;
};

CliSession *
cli_session_new (gint device, const char *engine, GError **error)
{
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;
  g_autoptr (CliSession) session = g_new0 (CliSession, 1);

  options.device_index = device;
  session->jit = g_strcmp0 (engine, "jit") == 0;
  session->runtime = vyre_runtime_acquire (&options, error);
  if (!session->runtime)
    return NULL;
  session->tenant = vyre_tenant_new (session->runtime, "vyre", error);
  if (!session->tenant)
    return NULL;
  return g_steal_pointer (&session);
}

void
cli_session_free (CliSession *session)
{
  if (session->tenant)
    vyre_tenant_free (session->tenant);
  if (session->runtime)
    vyre_runtime_unref (session->runtime);
  g_free (session);
}

VyreRuntime *
cli_session_get_runtime (CliSession *session)
{
  return session->runtime;
}

VyreExecutable *
cli_session_load (CliSession *session, VyreProgram *program, GError **error)
{
  VyreExecutable *executable =
      vyre_executable_new (session->runtime, program, error);

  if (executable == NULL)
    return NULL;
  if (!session->jit) {
    vyre_executable_set_engine (executable, VYRE_ENGINE_INTERP);
    return executable;
  }
  vyre_executable_set_engine (executable, VYRE_ENGINE_JIT);
  session->n_asked++;
  if (vyre_executable_wait_compiled (executable,
          g_get_monotonic_time () + COMPILE_TIME) == VYRE_TIER_COMPILED)
    session->n_compiled++;
  return executable;
}

void
cli_session_count_compiled (CliSession *session, guint *compiled, guint *asked)
{
  *compiled = session->n_compiled;
  *asked = session->n_asked;
}

/* Memory for one buffer, filled with input and zeros. */
static gboolean
bind_buffer (CliSession *session, const VyreBuffer *buffer, GBytes *input,
    VyreBinding *binding, GError **error)
{
  g_autofree char *name = vyre_string_display (buffer->name);
  VyreArena *arena = vyre_runtime_get_host_arena (session->runtime);
  gsize length = 0, padded;
  guint64 size = 0;

  if (vyre_buffer_role (buffer) == VYRE_ROLE_OUTPUT) {
    if (buffer->count > 0 &&
        !vyre_type_static_size (buffer->element, buffer->count, &size))
      goto no_size;
    if (size > G_MAXSSIZE - VYRE_PAGE_SIZE)
      goto no_room;
    length = size;
  } else {
    if (!input)
      goto no_input;
    length = g_bytes_get_size (input);
  }

  binding->length = length;
  if (length == 0)
    return TRUE;
  /* The GPU accesses whole words. */
  padded = (length + 3) & ~(gsize) 3;
  size = length;
  binding->block = vyre_arena_alloc (arena, padded);
  if (!binding->block)
    goto no_room;
  memset (binding->block->data, 0, padded);
  if (vyre_buffer_role (buffer) != VYRE_ROLE_OUTPUT)
    memcpy (binding->block->data, g_bytes_get_data (input, NULL), length);
  vyre_block_note_write (binding->block);
  return TRUE;

no_size:
  g_set_error (error, CLI_SESSION_ERROR, CLI_SESSION_ERROR_BINDING,
      "output \"%s\" has elements of type %s, which has no size; use another "
      "type",
      name, vyre_type_kind_name (buffer->element->kind));
  return FALSE;

no_room:
  g_set_error (error, CLI_SESSION_ERROR, CLI_SESSION_ERROR_BINDING,
      "buffer \"%s\" takes %" G_GUINT64_FORMAT
      " bytes, which the arena of %" G_GSIZE_FORMAT
      " bytes has no room for; set VYRE_ARENA_SIZE higher",
      name, size, vyre_arena_get_size (arena));
  return FALSE;

no_input:
  g_set_error (error, CLI_SESSION_ERROR, CLI_SESSION_ERROR_BINDING,
      "buffer \"%s\" needs data", name);
  return FALSE;
}

static gboolean
wait_for (
    VyreWindow *window, gint64 timeout, CliRunResult *result, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  gint64 end = timeout > 0 ? start + timeout : G_MAXINT64;
  VyreWindowResult window_result = { 0 };
  VyreWindowState state;
  gboolean late = FALSE;

  state = vyre_window_wait (window, end, &window_result);
  if (state == VYRE_WINDOW_RUNNING) {
    late = TRUE;
    vyre_window_cancel (window);
    state = vyre_window_wait (
        window, g_get_monotonic_time () + CANCEL_TIME, &window_result);
  }
  if (late) {
    g_set_error (error, CLI_SESSION_ERROR, CLI_SESSION_ERROR_TIMEOUT,
        "the program did not end within %.1f seconds%s", timeout / 1e6,
        state == VYRE_WINDOW_RUNNING ? ", and could not be cancelled" : "");
    return FALSE;
  }
  if (result) {
    result->steps = window_result.steps;
    result->slices = window_result.slices;
    result->fault = state == VYRE_WINDOW_FAULT ? window_result.code : 0;
    result->duration = g_get_monotonic_time () - start;
  }
  if (state == VYRE_WINDOW_DONE)
    return TRUE;
  g_set_error (error, CLI_SESSION_ERROR,
      state == VYRE_WINDOW_FAULT ? CLI_SESSION_ERROR_FAULT
                                 : CLI_SESSION_ERROR_LOST,
      "%s",
      window_result.message            ? window_result.message
      : state == VYRE_WINDOW_FAULT     ? vyre_fault_name (window_result.code)
      : state == VYRE_WINDOW_CANCELLED ? "the program was cancelled"
                                       : "the runtime failed");
  return FALSE;
}

static GBytes *
returned_bytes (const VyreBuffer *buffer, const VyreBinding *binding)
{
  const guint8 *data = binding->block ? binding->block->data : NULL;
  gsize start = 0, end = binding->length;

  if (buffer->has_output_range && buffer->range_end <= binding->length) {
    start = buffer->range_start;
    end = buffer->range_end;
  }
  return g_bytes_new (data ? data + start : NULL, end - start);
}

gboolean
cli_session_run (CliSession *session, VyreExecutable *executable,
    const CliRunOptions *options, GBytes **inputs, GBytes **outputs,
    CliRunResult *result, GError **error)
{
  VyreProgram *program = vyre_executable_get_program (executable);
  guint n = program->n_buffers;
  g_autofree VyreBinding *bindings = g_new0 (VyreBinding, MAX (n, 1));
  g_autoptr (VyreWindow) window = NULL;
  VyreSubmitOptions submit = { options->grid, options->max_steps };
  gboolean ok = FALSE;

  for (guint i = 0; i < n; i++) {
    if (vyre_buffer_role (&program->buffers[i]) != VYRE_ROLE_WORKGROUP &&
        !bind_buffer (
            session, &program->buffers[i], inputs[i], &bindings[i], error))
      goto done;
  }
  window = vyre_tenant_submit (
      session->tenant, executable, bindings, n, &submit, error);
  if (!window || !wait_for (window, options->timeout, result, error))
    goto done;
  for (guint i = 0; i < n; i++) {
    VyreRole role = vyre_buffer_role (&program->buffers[i]);

    if (role == VYRE_ROLE_INOUT || role == VYRE_ROLE_OUTPUT)
      outputs[i] = returned_bytes (&program->buffers[i], &bindings[i]);
  }
  ok = TRUE;

done:
  for (guint i = 0; i < n; i++)
    g_clear_pointer (&bindings[i].block, vyre_block_unref);
  return ok;
}
