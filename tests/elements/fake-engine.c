/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fake-engine.h"

#include "runtime/ring/words.h"

#include <string.h>

struct _VyreRuntime
{
  gint refs;
  VyreDeviceInfo info;
  VyreArena *arena;
  GMutex lock;
  GCond ended;
  /* [lock] */
  GQueue windows; /* in flight, oldest first; whoever published one keeps it
                     until it has ended */
  FakeEngineCounts counts;
  gboolean hold, idle, fault, lost, resident;
  guint slots, windows_most, waiters;
  gint64 run_us, publish_us;
  guint64 copied, avoided;
};

struct _VyreTenant
{
  VyreRuntime *runtime;
};

struct _VyreExecutable
{
  gint refs;
  VyreRuntime *runtime;
  gint engine; /* atomic */
  VyreProgram *program;
};

struct _VyreWindow
{
  gint refs;
  VyreRuntime *runtime;
  GList link;
  gint state; /* atomic; changed under the lock */
  gboolean cancelled;
  gint64 ends_at; /* monotonic, where runs take time */
  guint code;
  char *message;
  guint n_bindings;
  VyreBinding *bindings;
};

G_DEFINE_QUARK (vyre_runtime_error, vyre_runtime_error)

static VyreRuntime *the_engine;

VyreRuntime *
fake_engine (void)
{
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    VyreRuntime *runtime = g_new0 (VyreRuntime, 1);

    runtime->refs = 1;
    g_strlcpy (runtime->info.name, "Imagined GPU", sizeof runtime->info.name);
    runtime->arena = vyre_arena_get_process (NULL);
    g_assert_nonnull (runtime->arena);
    g_mutex_init (&runtime->lock);
    g_cond_init (&runtime->ended);
    g_queue_init (&runtime->windows);
    the_engine = runtime;
    g_once_init_leave (&once, 1);
  }
  return the_engine;
}

/* --- runs ------------------------------------------------------------------ */

static void
run (VyreWindow *window)
{
  const VyreBinding *from = &window->bindings[0];
  const VyreBinding *to = &window->bindings[window->n_bindings - 1];
  gsize n = MIN (from->length, to->length);

  for (gsize i = 0; i < n; i++)
    to->block->data[to->offset + i] = ~from->block->data[from->offset + i];
}

/* With the lock. */
static void
end_first (VyreRuntime *runtime)
{
  VyreWindow *window = g_queue_pop_head_link (&runtime->windows)->data;
  VyreWindowState state = VYRE_WINDOW_DONE;

  if (window->cancelled) {
    state = VYRE_WINDOW_CANCELLED;
    window->message = g_strdup ("cancelled");
  } else if (runtime->fault) {
    runtime->fault = FALSE;
    state = VYRE_WINDOW_FAULT;
    window->code = VYRE_FAULT_TRAP;
    window->message = g_strdup ("imagined trap");
  } else if (!runtime->idle) {
    run (window);
  }
  runtime->counts.in_flight--;
  /* Then it may be gone. */
  g_atomic_int_set (&window->state, state);
  if (runtime->waiters > 0)
    g_cond_broadcast (&runtime->ended);
}

/* With the lock. Cancelled ones end whatever is held. */
static void
end_all (VyreRuntime *runtime)
{
  while (!g_queue_is_empty (&runtime->windows)) {
    VyreWindow *first = g_queue_peek_head (&runtime->windows);

    if (!first->cancelled &&
        (runtime->hold || first->ends_at > g_get_monotonic_time ()))
      return;
    end_first (runtime);
  }
}

void
fake_engine_counts (FakeEngineCounts *counts)
{
  VyreRuntime *runtime = fake_engine ();

  g_mutex_lock (&runtime->lock);
  *counts = runtime->counts;
  g_mutex_unlock (&runtime->lock);
}

void
fake_engine_reset_counts (void)
{
  VyreRuntime *runtime = fake_engine ();

  g_mutex_lock (&runtime->lock);
  runtime->counts.publishes = runtime->counts.published = 0;
  runtime->counts.most = 0;
  runtime->counts.prepared = runtime->counts.rebound = 0;
  runtime->counts.refused = 0;
  g_mutex_unlock (&runtime->lock);
}

void
fake_engine_hold (gboolean hold)
{
  VyreRuntime *runtime = fake_engine ();

  g_mutex_lock (&runtime->lock);
  runtime->hold = hold;
  end_all (runtime);
  g_mutex_unlock (&runtime->lock);
}

void
fake_engine_end (guint n)
{
  VyreRuntime *runtime = fake_engine ();

  g_mutex_lock (&runtime->lock);
  for (guint i = 0; i < n; i++)
    end_first (runtime);
  g_mutex_unlock (&runtime->lock);
}

void
fake_engine_set_slots (guint slots)
{
  VyreRuntime *runtime = fake_engine ();

  g_mutex_lock (&runtime->lock);
  runtime->slots = slots;
  g_mutex_unlock (&runtime->lock);
}

void
fake_engine_set_windows (guint windows)
{
  VyreRuntime *runtime = fake_engine ();

  g_mutex_lock (&runtime->lock);
  runtime->windows_most = windows;
  g_mutex_unlock (&runtime->lock);
}

void
fake_engine_set_times (gint64 publish_us, gint64 run_us)
{
  VyreRuntime *runtime = fake_engine ();

  g_mutex_lock (&runtime->lock);
  runtime->publish_us = publish_us;
  runtime->run_us = run_us;
  g_mutex_unlock (&runtime->lock);
}

void
fake_engine_set_resident (gboolean resident)
{
  fake_engine ()->resident = resident;
}

void
fake_engine_set_work (gboolean work)
{
  VyreRuntime *runtime = fake_engine ();

  g_mutex_lock (&runtime->lock);
  runtime->idle = !work;
  g_mutex_unlock (&runtime->lock);
}

void
fake_engine_fault_next (void)
{
  VyreRuntime *runtime = fake_engine ();

  g_mutex_lock (&runtime->lock);
  runtime->fault = TRUE;
  g_mutex_unlock (&runtime->lock);
}

void
fake_engine_lose (void)
{
  VyreRuntime *runtime = fake_engine ();

  g_mutex_lock (&runtime->lock);
  runtime->lost = TRUE;
  g_mutex_unlock (&runtime->lock);
}

/* --- the engine's interface -------------------------------------------------- */

VyreRuntime *
vyre_runtime_acquire (const VyreRuntimeOptions *options, GError **error)
{
  return vyre_runtime_ref (fake_engine ());
}

VyreRuntime *
vyre_runtime_ref (VyreRuntime *runtime)
{
  g_atomic_int_inc (&runtime->refs);
  return runtime;
}

/* The first reference is never dropped. */
void
vyre_runtime_unref (VyreRuntime *runtime)
{
  g_assert_false (g_atomic_int_dec_and_test (&runtime->refs));
}

const VyreDeviceInfo *
vyre_runtime_get_device_info (VyreRuntime *runtime)
{
  return &runtime->info;
}

VyreResidency
vyre_runtime_get_residency (VyreRuntime *runtime, const char **reason)
{
  if (reason != NULL)
    *reason = "as imagined";
  return runtime->resident ? VYRE_RESIDENCY_RESIDENT : VYRE_RESIDENCY_SLICED;
}

VyreArena *
vyre_runtime_get_host_arena (VyreRuntime *runtime)
{
  return runtime->arena;
}

VyreArena *
vyre_runtime_get_device_arena (VyreRuntime *runtime)
{
  return NULL;
}

gboolean
vyre_runtime_has_arena (VyreRuntime *runtime, VyreArena *arena)
{
  return arena == runtime->arena;
}

void
vyre_runtime_note_copy (VyreRuntime *runtime, guint64 copied, guint64 avoided)
{
  g_mutex_lock (&runtime->lock);
  runtime->copied += copied;
  runtime->avoided += avoided;
  g_mutex_unlock (&runtime->lock);
}

VyreTenant *
vyre_tenant_new (VyreRuntime *runtime, const char *name, GError **error)
{
  VyreTenant *tenant = g_new0 (VyreTenant, 1);

  tenant->runtime = vyre_runtime_ref (runtime);
  g_mutex_lock (&runtime->lock);
  runtime->counts.tenants++;
  g_mutex_unlock (&runtime->lock);
  return tenant;
}

void
vyre_tenant_free (VyreTenant *tenant)
{
  VyreRuntime *runtime = tenant->runtime;

  g_mutex_lock (&runtime->lock);
  runtime->counts.tenants--;
  g_mutex_unlock (&runtime->lock);
  vyre_runtime_unref (runtime);
  g_free (tenant);
}

void
vyre_tenant_set_priority (VyreTenant *tenant, guint level)
{
  g_mutex_lock (&tenant->runtime->lock);
  tenant->runtime->counts.priority = level;
  g_mutex_unlock (&tenant->runtime->lock);
}

void
vyre_tenant_set_quota (VyreTenant *tenant, guint slots)
{
  g_mutex_lock (&tenant->runtime->lock);
  tenant->runtime->counts.quota = slots;
  g_mutex_unlock (&tenant->runtime->lock);
}

void
vyre_tenant_wait_room (VyreTenant *tenant, gint64 end_time)
{
  VyreRuntime *runtime = tenant->runtime;

  g_mutex_lock (&runtime->lock);
  runtime->waiters++;
  if (!g_queue_is_empty (&runtime->windows))
    g_cond_wait_until (&runtime->ended, &runtime->lock, end_time);
  runtime->waiters--;
  g_mutex_unlock (&runtime->lock);
}

VyreExecutable *
vyre_executable_new (VyreRuntime *runtime, VyreProgram *program, GError **error)
{
  VyreExecutable *executable = g_new0 (VyreExecutable, 1);

  executable->refs = 1;
  executable->runtime = runtime;
  executable->program = vyre_program_ref (program);
  g_mutex_lock (&runtime->lock);
  runtime->counts.executables++;
  g_mutex_unlock (&runtime->lock);
  return executable;
}

VyreExecutable *
vyre_executable_ref (VyreExecutable *executable)
{
  g_atomic_int_inc (&executable->refs);
  return executable;
}

void
vyre_executable_unref (VyreExecutable *executable)
{
  if (!g_atomic_int_dec_and_test (&executable->refs))
    return;
  vyre_program_unref (executable->program);
  g_free (executable);
}

void
vyre_executable_set_engine (VyreExecutable *executable, VyreEngine engine)
{
  g_atomic_int_set (&executable->engine, engine);
  g_mutex_lock (&executable->runtime->lock);
  executable->runtime->counts.engine = engine;
  g_mutex_unlock (&executable->runtime->lock);
}

/* What is to be compiled cannot be. */
VyreTier
vyre_executable_get_tier (VyreExecutable *executable, char **reason)
{
  if (g_atomic_int_get (&executable->engine) != VYRE_ENGINE_JIT)
    return VYRE_TIER_INTERPRETED;
  if (reason != NULL)
    *reason = g_strdup ("there is no GPU");
  return VYRE_TIER_REFUSED;
}

gboolean
vyre_executable_is_commutative (VyreExecutable *executable, guint buffer)
{
  return FALSE;
}

gboolean
vyre_executable_writes (VyreExecutable *executable, guint buffer)
{
  return executable->program->buffers[buffer].access == VYRE_ACCESS_READ_WRITE;
}

/* --- windows ------------------------------------------------------------------ */

static void
bind (VyreWindow *window, const VyreBinding *bindings)
{
  for (guint i = 0; i < window->n_bindings; i++) {
    VyreBlock *before = window->bindings[i].block;

    window->bindings[i] = bindings[i];
    if (bindings[i].block != NULL)
      vyre_block_ref (bindings[i].block);
    if (before != NULL)
      vyre_block_unref (before);
  }
}

VyreWindow *
vyre_window_prepare (VyreTenant *tenant, VyreExecutable *executable,
    const VyreBinding *bindings, guint n_bindings,
    const VyreSubmitOptions *options, GError **error)
{
  VyreRuntime *runtime = tenant->runtime;
  VyreWindow *window;
  gboolean busy;

  g_mutex_lock (&runtime->lock);
  busy = runtime->windows_most != 0 &&
         runtime->counts.windows >= runtime->windows_most;
  runtime->counts.refused += busy;
  g_mutex_unlock (&runtime->lock);
  if (busy) {
    g_set_error_literal (
        error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY, "no window");
    return NULL;
  }

  window = g_new0 (VyreWindow, 1);
  window->refs = 1;
  window->link.data = window;
  window->runtime = vyre_runtime_ref (runtime);
  window->state = VYRE_WINDOW_IDLE;
  window->n_bindings = n_bindings;
  window->bindings = g_new0 (VyreBinding, n_bindings);
  bind (window, bindings);
  g_mutex_lock (&window->runtime->lock);
  window->runtime->counts.prepared++;
  window->runtime->counts.windows++;
  g_mutex_unlock (&window->runtime->lock);
  return window;
}

gboolean
vyre_window_rebind (VyreWindow *window, const VyreBinding *bindings,
    guint n_bindings, GError **error)
{
  g_assert_cmpint (g_atomic_int_get (&window->state), !=, VYRE_WINDOW_RUNNING);
  g_assert_cmpuint (n_bindings, ==, window->n_bindings);
  bind (window, bindings);
  g_mutex_lock (&window->runtime->lock);
  window->runtime->counts.rebound++;
  g_mutex_unlock (&window->runtime->lock);
  return TRUE;
}

static void
publish (VyreRuntime *runtime, VyreWindow *window)
{
  g_assert_cmpint (g_atomic_int_get (&window->state), !=, VYRE_WINDOW_RUNNING);
  window->cancelled = FALSE;
  window->ends_at =
      runtime->run_us > 0 ? g_get_monotonic_time () + runtime->run_us : 0;
  window->code = VYRE_FAULT_NONE;
  g_clear_pointer (&window->message, g_free);
  g_atomic_int_set (&window->state, VYRE_WINDOW_RUNNING);
  g_queue_push_tail_link (&runtime->windows, &window->link);
  runtime->counts.in_flight++;
}

static void
take_time (gint64 us)
{
  gint64 end = g_get_monotonic_time () + us;

  while (g_get_monotonic_time () < end)
    continue;
}

guint
vyre_windows_publish (VyreWindow *const *windows, guint n, GError **error)
{
  VyreRuntime *runtime = windows[0]->runtime;
  guint published = 0;

  g_mutex_lock (&runtime->lock);
  if (runtime->lost)
    goto lost;
  if (runtime->publish_us > 0)
    take_time (runtime->publish_us);
  while (published < n &&
         (runtime->slots == 0 || runtime->counts.in_flight < runtime->slots))
    publish (runtime, windows[published++]);
  if (published > 0) {
    runtime->counts.publishes++;
    runtime->counts.published += published;
    runtime->counts.most = MAX (runtime->counts.most, published);
  }
  end_all (runtime);
  g_mutex_unlock (&runtime->lock);
  if (published < n)
    g_set_error_literal (
        error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY, "full");
  return published;

lost:
  g_mutex_unlock (&runtime->lock);
  g_set_error_literal (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LOST,
      "the imagined GPU is gone");
  return 0;
}

static guint
count_ended (VyreWindow *const *windows, guint n)
{
  guint ended = 0;

  while (ended < n &&
         g_atomic_int_get (&windows[ended]->state) != VYRE_WINDOW_RUNNING)
    ended++;
  return ended;
}

/* Where runs take time nobody ends them but those who look. */
static guint
poll_windows (VyreWindow *const *windows, guint n, gint64 end_time)
{
  VyreRuntime *runtime = windows[0]->runtime;
  guint ended = count_ended (windows, n);
  gint64 now;

  do {
    now = g_get_monotonic_time ();
    if (ended < n && windows[ended]->ends_at <= now) {
      g_mutex_lock (&runtime->lock);
      end_all (runtime);
      g_mutex_unlock (&runtime->lock);
      ended = count_ended (windows, n);
    }
  } while (ended < n && now < end_time);
  return ended;
}

guint
vyre_windows_wait (VyreWindow *const *windows, guint n, gint64 end_time)
{
  guint ended = count_ended (windows, n);
  VyreRuntime *runtime;

  if (ended == n)
    return ended;
  if (windows[ended]->ends_at > 0)
    return poll_windows (windows, n, end_time);
  if (end_time == 0)
    return ended;
  runtime = windows[0]->runtime;
  g_mutex_lock (&runtime->lock);
  runtime->waiters++;
  while ((ended = count_ended (windows, n)) < n &&
         g_cond_wait_until (&runtime->ended, &runtime->lock, end_time))
    continue;
  runtime->waiters--;
  g_mutex_unlock (&runtime->lock);
  return ended;
}

VyreWindowState
vyre_window_wait (VyreWindow *window, gint64 end_time, VyreWindowResult *result)
{
  VyreWindowState state;

  vyre_windows_wait (&window, 1, end_time);
  state = g_atomic_int_get (&window->state);
  if (result != NULL)
    *result = (VyreWindowResult){ .state = state,
      .code = window->code,
      .message = state == VYRE_WINDOW_RUNNING ? NULL : window->message };
  return state;
}

void
vyre_window_cancel (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;

  g_mutex_lock (&runtime->lock);
  if (g_atomic_int_get (&window->state) == VYRE_WINDOW_RUNNING)
    window->cancelled = TRUE;
  end_all (runtime);
  g_mutex_unlock (&runtime->lock);
}

VyreWindow *
vyre_window_ref (VyreWindow *window)
{
  g_atomic_int_inc (&window->refs);
  return window;
}

void
vyre_window_unref (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;

  if (!g_atomic_int_dec_and_test (&window->refs))
    return;
  for (guint i = 0; i < window->n_bindings; i++) {
    if (window->bindings[i].block != NULL)
      vyre_block_unref (window->bindings[i].block);
  }
  g_mutex_lock (&runtime->lock);
  runtime->counts.windows--;
  g_mutex_unlock (&runtime->lock);
  vyre_runtime_unref (runtime);
  g_free (window->bindings);
  g_free (window->message);
  g_free (window);
}

const char *
vyre_fault_name (guint code)
{
  return "imagined";
}
