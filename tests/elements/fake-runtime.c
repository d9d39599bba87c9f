/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "runtime/engine/builtins.h"
#include "runtime/ring/ring.h"

#include "fake-runtime.h"

struct _VyreRuntime
{
  gint refs;
  guint64 serial;
  VyreDeviceInfo info;
  GMutex lock;
  FakeState state;
};

G_DEFINE_QUARK (vyre_runtime_error, vyre_runtime_error)

VyreRuntime *
fake_runtime_new (void)
{
  static guint64 serials;
  VyreRuntime *runtime = g_new0 (VyreRuntime, 1);

  runtime->refs = 1;
  runtime->serial = ++serials;
  runtime->info.index = 3;
  g_strlcpy (runtime->info.name, "Imagined GPU", sizeof runtime->info.name);
  g_mutex_init (&runtime->lock);
  return runtime;
}

static VyreRuntime *listed[2];

void
fake_runtime_set_list (VyreRuntime *first, VyreRuntime *second)
{
  listed[0] = first;
  listed[1] = second;
}

GPtrArray *
vyre_runtime_list (void)
{
  GPtrArray *list =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vyre_runtime_unref);

  for (guint i = 0; i < G_N_ELEMENTS (listed); i++)
    if (listed[i] != NULL)
      g_ptr_array_add (list, vyre_runtime_ref (listed[i]));
  return list;
}

guint64
vyre_runtime_get_serial (VyreRuntime *runtime)
{
  return runtime->serial;
}

FakeState *
fake_runtime_lock (VyreRuntime *runtime)
{
  g_mutex_lock (&runtime->lock);
  return &runtime->state;
}

void
fake_runtime_unlock (VyreRuntime *runtime)
{
  g_mutex_unlock (&runtime->lock);
}

gint
fake_runtime_refs (VyreRuntime *runtime)
{
  return g_atomic_int_get (&runtime->refs);
}

VyreRuntime *
vyre_runtime_acquire (const VyreRuntimeOptions *options, GError **error)
{
  g_set_error_literal (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LOST,
      "a reader must not create a runtime");
  return NULL;
}

VyreRuntime *
vyre_runtime_ref (VyreRuntime *runtime)
{
  g_atomic_int_inc (&runtime->refs);
  return runtime;
}

void
vyre_runtime_unref (VyreRuntime *runtime)
{
  if (!g_atomic_int_dec_and_test (&runtime->refs))
    return;
  g_mutex_clear (&runtime->lock);
  g_free (runtime);
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
  return VYRE_RESIDENCY_SLICED;
}

void
vyre_runtime_snapshot_again (
    VyreRuntime *runtime, VyreRuntimeSnapshot *snapshot)
{
  FakeState *state = fake_runtime_lock (runtime);

  vyre_runtime_snapshot_clear (snapshot);
  *snapshot = state->numbers;
  snapshot->control = g_memdup2 (state->control, sizeof state->control);
  snapshot->control_words =
      state->malformed ? VYRE_CONTROL_MIN_WORDS - 1 : VYRE_CONTROL_MIN_WORDS;
  snapshot->ring = g_memdup2 (state->ring, sizeof state->ring);
  snapshot->ring_slots = FAKE_SLOTS;
  snapshot->taken_at = g_get_monotonic_time ();
  state->snapshots++;
  fake_runtime_unlock (runtime);
}

void
vyre_runtime_snapshot_clear (VyreRuntimeSnapshot *snapshot)
{
  g_clear_pointer (&snapshot->control, g_free);
  g_clear_pointer (&snapshot->ring, g_free);
}

void
vyre_runtime_get_copies (
    VyreRuntime *runtime, guint64 *copied, guint64 *avoided)
{
  FakeState *state = fake_runtime_lock (runtime);

  *copied = state->copied;
  *avoided = state->avoided;
  fake_runtime_unlock (runtime);
}

/* Nothing is printed. */
guint
vyre_runtime_read_log (VyreRuntime *runtime, guint64 *next,
    VyreLogRecord *records, guint n, guint64 *lost)
{
  return 0;
}

guint64
vyre_runtime_get_log_end (VyreRuntime *runtime)
{
  return 0;
}

guint32
vyre_runtime_get_log_dropped (VyreRuntime *runtime)
{
  return 0;
}
