/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What goes into a recording, copied where it happens: see replay.h. */

#include "engine-private.h"
#include "replay-private.h"

#include <string.h>

/* --- publishing ---------------------------------------------------------- */

/* Copies within what may be held; FALSE: there is no room. */
static gboolean
copy_bytes (VyreReplayWriter *writer, VyreReplayCapture *capture,
    const VyreBinding *binding, guint64 start, guint64 end, GBytes **copy)
{
  guint64 length = end - start;

  if (!vyre_replay_writer_reserve (writer, length))
    return FALSE;
  capture->held += length;
  *copy = length == 0
              ? g_bytes_new (NULL, 0)
              : g_bytes_new (
                    binding->block->data + binding->offset + start, length);
  return TRUE;
}

static void
drop_copies (VyreReplayWriter *writer, VyreReplayCapture *capture)
{
  for (guint i = 0; i < capture->entry.n_buffers; i++) {
    g_clear_pointer (&capture->contents[i], g_bytes_unref);
    g_clear_pointer (&capture->outputs[i], g_bytes_unref);
  }
  vyre_replay_writer_release (writer, capture->held);
  capture->held = 0;
  capture->entry.flags |= VYRE_REPLAY_INCOMPLETE;
}

static VyreReplayCapture *
capture_new (VyreReplayWriter *writer, const VyreWindow *window)
{
  const VyreProgram *program = window->executable->lowered->program;
  VyreReplayCapture *capture = g_new0 (VyreReplayCapture, 1);
  VyreReplayEntry *entry = &capture->entry;

  capture->program = vyre_program_ref (window->executable->lowered->program);
  entry->n_buffers = window->n_bindings;
  entry->buffers = g_new0 (VyreReplayBuffer, window->n_bindings + 1);
  capture->contents = g_new0 (GBytes *, window->n_bindings + 1);
  capture->outputs = g_new0 (GBytes *, window->n_bindings + 1);
  entry->max_steps = window->max_steps;
  entry->flags = window->fixed_grid ? VYRE_REPLAY_FIXED_GRID : 0;
  for (guint i = 0; i < 3; i++)
    entry->grid[i] = window->grid[i];
  if (window->n_bindings > VYRE_REPLAY_MAX_BUFFERS) {
    entry->n_buffers = 0;
    entry->flags |= VYRE_REPLAY_INCOMPLETE;
    return capture;
  }
  for (guint i = 0; i < window->n_bindings; i++)
    entry->buffers[i].length = window->bindings[i].length;
  for (guint i = 0; i < window->n_bindings; i++) {
    const VyreBinding *binding = &window->bindings[i];
    VyreRole role = vyre_buffer_role (&program->buffers[i]);

    if ((role == VYRE_ROLE_INPUT || role == VYRE_ROLE_INOUT) &&
        !copy_bytes (writer, capture, binding, 0, binding->length,
            &capture->contents[i])) {
      drop_copies (writer, capture);
      break;
    }
  }
  return capture;
}

void
vyre_replay_note_publishing (VyreWindow *const *windows, guint n)
{
  VyreReplayWriter *writer =
      n > 0 ? g_atomic_pointer_get (&windows[0]->runtime->replay) : NULL;

  if (writer == NULL)
    return;
  for (guint i = 0; i < n; i++) {
    /* One that is in flight will not be published. */
    if (vyre_window_wait (windows[i], 0, NULL) == VYRE_WINDOW_RUNNING)
      continue;
    vyre_replay_forget (windows[i]);
    windows[i]->replay = capture_new (writer, windows[i]);
  }
}

static gboolean
is_written (const VyreWindow *window, guint i)
{
  const VyreLoweredBuffer *buffer = &window->executable->lowered->buffers[i];

  return buffer->stored || buffer->atomic;
}

/* Does the window use, or write, what lies there? */
static gboolean
uses (const VyreWindow *window, const VyreBinding *there, gboolean writes)
{
  for (guint i = 0; i < window->n_bindings; i++) {
    if (vyre_bindings_overlap (&window->bindings[i], there) &&
        (!writes || is_written (window, i)))
      return TRUE;
  }
  return FALSE;
}

/* Does either write what the other one uses? */
static gboolean
interfere (const VyreWindow *a, const VyreWindow *b)
{
  for (guint i = 0; i < a->n_bindings; i++) {
    for (guint k = 0; k < b->n_bindings; k++) {
      if (vyre_bindings_overlap (&a->bindings[i], &b->bindings[k]) &&
          (is_written (a, i) || is_written (b, k)))
        return TRUE;
    }
  }
  return FALSE;
}

static VyreBinding
target_of (const VyreResource *resource)
{
  return (VyreBinding){ resource->block, resource->at, resource->length };
}

/* Is something else being read to that place? */
static gboolean
is_loaded_to (
    const VyreRuntime *runtime, const VyreBinding *there, VyreResource *but)
{
  for (guint i = 0; i < runtime->resources->len; i++) {
    VyreResource *resource = g_ptr_array_index (runtime->resources, i);

    if (resource == NULL || resource == but || resource->n_users == 0)
      continue;
    VyreBinding target = target_of (resource);
    if (vyre_bindings_overlap (&target, there))
      return TRUE;
  }
  return FALSE;
}

/* Windows that wait for something else to be read to that place. */
static void
mark_loads (VyreRuntime *runtime, const VyreBinding *there, VyreResource *but)
{
  for (GList *l = runtime->windows.head; l != NULL; l = l->next) {
    VyreWindow *window = l->data;
    VyreResource *resource;

    if (!window->waits || window->replay == NULL)
      continue;
    resource = vyre_runtime_find_resource (
        runtime, window->items[0][1], window->tenant);
    if (resource == NULL || resource == but)
      continue;
    VyreBinding target = target_of (resource);
    if (vyre_bindings_overlap (&target, there))
      window->replay->entry.flags |= VYRE_REPLAY_SHARED;
  }
}

static void
mark_loaded (VyreWindow *window)
{
  for (guint i = 0; i < window->n_bindings; i++) {
    const VyreBinding *binding = &window->bindings[i];

    if (is_loaded_to (window->runtime, binding, NULL))
      window->replay->entry.flags |= VYRE_REPLAY_SHARED;
    if (is_written (window, i))
      mark_loads (window->runtime, binding, NULL);
  }
}

static void
mark_shared (VyreWindow *window)
{
  mark_loaded (window);
  for (GList *l = window->runtime->windows.head; l != NULL; l = l->next) {
    VyreWindow *other = l->data;

    if (other == window || other->executable == NULL ||
        !interfere (window, other))
      continue;
    window->replay->entry.flags |= VYRE_REPLAY_SHARED;
    if (other->replay != NULL)
      other->replay->entry.flags |= VYRE_REPLAY_SHARED;
  }
}

void
vyre_replay_note_published (VyreWindow *window)
{
  const VyreRuntime *runtime = window->runtime;
  VyreReplayCapture *capture = window->replay;
  const VyreLevel *level = &runtime->levels[window->level];
  guint32 slot;

  if (capture == NULL)
    return;
  slot = level->first + (guint32) (window->first_sequence & (level->slots - 1));
  const guint32 *words = runtime->shadow + (gsize) slot * VYRE_SLOT_WORDS;
  capture->record = (VyreReplayRecord){
    .time_ns = (guint64) g_get_real_time () * 1000,
    .slot = slot,
    .tenant = words[VYRE_W_TENANT],
    .opcode = words[VYRE_W_OPCODE],
    .args = { words[VYRE_W_ARG0], words[VYRE_W_ARG0 + 1],
        words[VYRE_W_ARG0 + 2], words[VYRE_W_ARG0 + 3] },
    .status = VYRE_ST_PUBLISHED,
  };
  capture->entry.time_ns = capture->record.time_ns;
  if (capture->builtin != NULL) {
    vyre_replay_builtins_published (window);
  } else {
    if (window->kernel->id != 0)
      capture->entry.flags |= VYRE_REPLAY_COMPILED;
    mark_shared (window);
  }
  vyre_replay_writer_begin (runtime->replay, capture);
}

void
vyre_replay_note_reading (
    VyreRuntime *runtime, VyreWindow *window, VyreResource *resource)
{
  VyreBinding target = target_of (resource);
  gboolean shared;

  if (g_atomic_pointer_get (&runtime->replay) == NULL)
    return;
  shared = is_loaded_to (runtime, &target, resource);
  for (GList *l = runtime->windows.head; l != NULL; l = l->next) {
    VyreWindow *other = l->data;

    if (other->executable == NULL || !uses (other, &target, FALSE))
      continue;
    shared |= uses (other, &target, TRUE);
    if (other->replay != NULL)
      other->replay->entry.flags |= VYRE_REPLAY_SHARED;
  }
  mark_loads (runtime, &target, resource);
  if (shared && window != NULL && window->replay != NULL)
    window->replay->entry.flags |= VYRE_REPLAY_SHARED;
}

/* --- the end ------------------------------------------------------------- */

static void
copy_outputs (VyreReplayWriter *writer, VyreWindow *window)
{
  const VyreProgram *program = window->executable->lowered->program;
  VyreReplayCapture *capture = window->replay;

  for (guint i = 0; i < capture->entry.n_buffers; i++) {
    const VyreBinding *binding = &window->bindings[i];
    VyreRole role = vyre_buffer_role (&program->buffers[i]);
    guint64 start, end;

    if (role != VYRE_ROLE_INOUT && role != VYRE_ROLE_OUTPUT)
      continue;
    vyre_replay_returned_range (
        &program->buffers[i], binding->length, &start, &end);
    if (!copy_bytes (
            writer, capture, binding, start, end, &capture->outputs[i])) {
      drop_copies (writer, capture);
      return;
    }
  }
}

void
vyre_replay_note_ended (VyreWindow *window, VyreWindowState state)
{
  VyreReplayCapture *capture = window->replay;
  VyreReplayWriter *writer;

  if (capture == NULL)
    return;
  writer = window->runtime->replay;
  switch (state) {
    case VYRE_WINDOW_DONE:
      capture->record.status = VYRE_ST_DONE;
      if (capture->program != NULL &&
          (capture->entry.flags & VYRE_REPLAY_INCOMPLETE) == 0)
        copy_outputs (writer, window);
      break;
    case VYRE_WINDOW_FAULT:
      capture->record.status = VYRE_ST_FAULT;
      capture->record.failure = VYRE_REPLAY_PROGRAM_BUG;
      capture->record.backend_code = VYRE_REPLAY_BACKEND_DISPATCH;
      break;
    case VYRE_WINDOW_LOST:
      capture->record.status = VYRE_ST_CLAIMED;
      capture->record.failure = VYRE_REPLAY_DEVICE_LOSS;
      capture->record.backend_code = VYRE_REPLAY_BACKEND_DISPATCH;
      break;
    default:
      capture->record.status = VYRE_ST_EMPTY;
      break;
  }
  capture->entry.state = state;
  capture->entry.code = window->code;
  capture->entry.address = window->address;
  capture->entry.steps = window->steps;
  if (capture->builtin != NULL &&
      (state == VYRE_WINDOW_DONE || state == VYRE_WINDOW_FAULT))
    vyre_replay_builtins_ended (window);
  window->replay = NULL;
  vyre_replay_writer_finish (writer, capture);
}

void
vyre_replay_forget (VyreWindow *window)
{
  VyreReplayCapture *capture = g_steal_pointer (&window->replay);

  if (capture == NULL)
    return;
  vyre_replay_writer_release (window->runtime->replay, capture->held);
  vyre_replay_capture_free (capture);
}

/* --- life ---------------------------------------------------------------- */

gboolean
vyre_runtime_record (VyreRuntime *runtime, const char *path,
    const VyreReplayOptions *options, GError **error)
{
  const VyreReplayOptions defaults = { 0 };
  VyreReplayWriter *writer = vyre_replay_writer_new (
      path, options != NULL ? options : &defaults, error);

  if (writer == NULL)
    return FALSE;
  if (!g_atomic_pointer_compare_and_exchange (&runtime->replay, NULL, writer))
    goto recording;
  return TRUE;

recording:
  vyre_replay_writer_free (writer);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_EXIST,
      "%s: the runtime of %s is being recorded already", path,
      runtime->info->name);
  return FALSE;
}

gboolean
vyre_runtime_get_recorded (VyreRuntime *runtime, VyreReplayCounts *counts)
{
  VyreReplayWriter *writer = g_atomic_pointer_get (&runtime->replay);

  if (writer == NULL)
    return FALSE;
  vyre_replay_writer_get_counts (writer, counts);
  return TRUE;
}

void
vyre_runtime_begin_recording (VyreRuntime *runtime)
{
  const char *path = g_getenv ("VYRE_REPLAY_LOG");
  const char *limit = g_getenv ("VYRE_REPLAY_LIMIT");
  VyreReplayOptions options = { 0 };
  g_autoptr (GError) error = NULL;
  guint64 mebibytes = 0;

  if (path == NULL || *path == '\0')
    return;
  if (limit != NULL && *limit != '\0' &&
      !g_ascii_string_to_unsigned (
          limit, 10, 1, G_MAXINT64 >> 20, &mebibytes, &error))
    g_warning ("VYRE_REPLAY_LIMIT: %s; a number of MiB is expected, 1024 is "
               "taken",
        error->message);
  g_clear_error (&error);
  options.data_limit = mebibytes << 20;
  if (!vyre_runtime_record (runtime, path, &options, &error))
    g_warning ("VYRE_REPLAY_LOG: nothing is recorded: %s", error->message);
}

void
vyre_runtime_end_recording (VyreRuntime *runtime)
{
  g_clear_pointer (&runtime->replay, vyre_replay_writer_free);
}
