/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Using libvyre as an application does. */

#include "work.h"

#include "programs.h"
#include "vir0/text.h"

/* Declared by libvyre's header; there once programs are compiled. */
#pragma weak vyre_executable_set_engine
#pragma weak vyre_executable_wait_compiled
#pragma weak vyre_executable_get_tier

#define MIN_BATCHES 5
#define VERIFIED_ITEMS 16
#define DEADLINE_US (30 * G_USEC_PER_SEC)

gint64
bench_deadline (void)
{
  return g_get_monotonic_time () + DEADLINE_US;
}

const char *
bench_residency_name (VyreResidency residency)
{
  return residency == VYRE_RESIDENCY_RESIDENT ? "resident" : "sliced";
}

gboolean
bench_is_refusal (const GError *error)
{
  return g_error_matches (error, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE) ||
         g_error_matches (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY) ||
         g_error_matches (
             error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT) ||
         g_error_matches (
             error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_RESIDENCY);
}

gboolean
bench_skip_or_fail (BenchRow *row, GError *refused, GError **error)
{
  if (!bench_is_refusal (refused)) {
    g_propagate_error (error, refused);
    return FALSE;
  }
  bench_row_skip (row, refused->message);
  g_error_free (refused);
  return TRUE;
}

BenchWork *
bench_work_open (Bench *bench, VyreResidency residency, GError **error)
{
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;
  g_autoptr (BenchWork) work = g_new0 (BenchWork, 1);
  const char *reason = NULL;

  options.device_index = bench->device_index;
  options.residency = residency;
  work->runtime = vyre_runtime_acquire (&options, error);
  if (work->runtime == NULL)
    return NULL;
  work->residency = vyre_runtime_get_residency (work->runtime, &reason);
  if (residency != VYRE_RESIDENCY_AUTO && work->residency != residency)
    goto other;
  work->tenant = vyre_tenant_new (work->runtime, "bench", error);
  return work->tenant != NULL ? g_steal_pointer (&work) : NULL;

other:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE,
      "the runtime is %s: %s", bench_residency_name (work->residency), reason);
  return NULL;
}

void
bench_work_close (BenchWork *work)
{
  g_clear_pointer (&work->tenant, vyre_tenant_free);
  g_clear_pointer (&work->runtime, vyre_runtime_unref);
  g_free (work);
}

VyreBlock *
bench_work_alloc (
    BenchWork *work, VyreArenaKind kind, gsize size, GError **error)
{
  VyreArena *arena = kind == VYRE_ARENA_DEVICE
                         ? vyre_runtime_get_device_arena (work->runtime)
                         : vyre_runtime_get_host_arena (work->runtime);
  const char *name = kind == VYRE_ARENA_DEVICE ? "device" : "host";
  VyreBlock *block = NULL;

  if (arena == NULL)
    goto none;
  block = vyre_arena_alloc (arena, size);
  if (block == NULL)
    goto full;
  return block;

none:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE,
      "the runtime has no %s arena on this device", name);
  return NULL;
full:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE,
      "no %" G_GSIZE_FORMAT " bytes free in the %s arena of %" G_GSIZE_FORMAT,
      size, name, vyre_arena_get_size (arena));
  return NULL;
}

VyreExecutable *
bench_work_load (
    BenchWork *work, const char *text, VyreEngine engine, GError **error)
{
  VyreProgram *program = vyre_program_parse (text, strlen (text), error);
  g_autoptr (VyreExecutable) executable = NULL;
  g_autofree char *reason = NULL;

  if (program == NULL)
    return NULL;
  executable = vyre_executable_new (work->runtime, program, error);
  vyre_program_unref (program);
  if (executable == NULL)
    return NULL;
  if (vyre_executable_set_engine == NULL) {
    if (engine == VYRE_ENGINE_JIT)
      goto no_tiers;
    return g_steal_pointer (&executable);
  }
  vyre_executable_set_engine (executable, engine);
  if (engine == VYRE_ENGINE_JIT && vyre_executable_wait_compiled (executable,
                                       bench_deadline ()) != VYRE_TIER_COMPILED)
    goto refused;
  return g_steal_pointer (&executable);

no_tiers:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE,
      "this libvyre does not compile programs");
  return NULL;
refused:
  vyre_executable_get_tier (executable, &reason);
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE, "not compiled: %s",
      reason != NULL ? reason : "not within the time that a benchmark waits");
  return NULL;
}

static void
drop_item (BenchItems *items, guint i)
{
  g_clear_pointer (&items->windows[i], vyre_window_unref);
  g_clear_pointer (&items->in[i], vyre_block_unref);
  g_clear_pointer (&items->out[i], vyre_block_unref);
}

/* Prepares it and runs it once: it has what it needs from then on. */
static gboolean
make_item (BenchWork *work, VyreExecutable *executable, VyreArenaKind kind,
    BenchItems *items, guint i, GError **error)
{
  gsize bytes = items->bytes;

  items->in[i] = bench_work_alloc (work, kind, bytes, error);
  if (items->in[i] == NULL)
    return FALSE;
  items->out[i] = bench_work_alloc (work, kind, bytes, error);
  if (items->out[i] == NULL)
    return FALSE;
  bench_fill (items->in[i]->data, bytes);
  vyre_block_note_write (items->in[i]);

  VyreBinding bindings[] = { { items->in[i], 0, bytes },
    { items->out[i], 0, bytes } };
  items->windows[i] = vyre_window_prepare (
      work->tenant, executable, bindings, G_N_ELEMENTS (bindings), NULL, error);
  return items->windows[i] != NULL &&
         vyre_windows_publish (&items->windows[i], 1, error) == 1 &&
         bench_wait (&items->windows[i], 1, error);
}

BenchItems *
bench_items_new (BenchWork *work, VyreEngine engine, VyreArenaKind kind,
    gsize bytes, guint min, guint max, GError **error)
{
  g_autoptr (BenchItems) items = g_new0 (BenchItems, 1);
  g_autofree char *text = bench_program_text (&bench_programs[0], 0);
  g_autoptr (VyreExecutable) executable =
      bench_work_load (work, text, engine, error);
  g_autoptr (GError) refused = NULL;

  if (executable == NULL)
    return NULL;
  items->bytes = bytes;
  items->in = g_new0 (VyreBlock *, max);
  items->out = g_new0 (VyreBlock *, max);
  items->windows = g_new0 (VyreWindow *, max);
  while (items->n < max && refused == NULL) {
    if (!make_item (work, executable, kind, items, items->n++, &refused))
      drop_item (items, --items->n);
  }
  if (refused != NULL && !bench_is_refusal (refused))
    goto failed;
  if (items->n < min)
    goto too_few;
  return g_steal_pointer (&items);

failed:
  g_propagate_error (error, g_steal_pointer (&refused));
  return NULL;
too_few:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE,
      "the runtime refuses more than %u of %u windows: %s", items->n, min,
      refused->message);
  return NULL;
}

void
bench_items_shrink (BenchItems *items, guint n)
{
  while (items->n > n)
    drop_item (items, --items->n);
}

void
bench_items_free (BenchItems *items)
{
  bench_items_shrink (items, 0);
  g_free (items->windows);
  g_free (items->out);
  g_free (items->in);
  g_free (items);
}

gboolean
bench_publish (
    BenchWork *work, VyreWindow *const *windows, guint n, GError **error)
{
  gint64 deadline = 0;

  for (guint done = 0; done < n;) {
    g_autoptr (GError) busy = NULL;
    done += vyre_windows_publish (windows + done, n - done, &busy);
    if (busy == NULL)
      continue;
    if (deadline == 0)
      deadline = bench_deadline ();
    if (!g_error_matches (busy, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY) ||
        g_get_monotonic_time () > deadline) {
      g_propagate_error (error, g_steal_pointer (&busy));
      return FALSE;
    }
    vyre_tenant_wait_room (work->tenant, deadline);
  }
  return TRUE;
}

gboolean
bench_wait (VyreWindow *const *windows, guint n, GError **error)
{
  guint ended = vyre_windows_wait (windows, n, bench_deadline ());

  if (ended < n)
    goto timeout;
  return TRUE;

timeout:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_TIMEOUT,
      "%u of %u windows did not end within %d seconds", n - ended, n,
      (int) (DEADLINE_US / G_USEC_PER_SEC));
  return FALSE;
}

gboolean
bench_items_stream (BenchWork *work, BenchItems *items, guint batch,
    guint depth, gint64 duration_us, double *rate, GError **error)
{
  guint64 start = bench_now (), now = start;
  guint published = 0, waited = 0;

  g_assert (batch * depth <= items->n);
  while (
      published < MIN_BATCHES || now - start < (guint64) duration_us * 1000) {
    if (published - waited == depth &&
        !bench_wait (items->windows + waited++ % depth * batch, batch, error))
      return FALSE;
    if (!bench_publish (
            work, items->windows + published++ % depth * batch, batch, error))
      return FALSE;
    now = bench_now ();
  }
  for (; waited < published; waited++) {
    if (!bench_wait (items->windows + waited % depth * batch, batch, error))
      return FALSE;
  }
  if (rate != NULL)
    *rate = (double) published * batch * 1e9 / (bench_now () - start);
  return bench_all_done (items->windows, batch * depth, error);
}

gboolean
bench_items_verify (
    BenchWork *work, BenchItems *items, const char *what, GError **error)
{
  for (guint i = 0; i < items->n; i++) {
    bench_fill (items->in[i]->data, items->bytes);
    ((guint32 *) items->in[i]->data)[i % (items->bytes / 4)] = i;
    memset (items->out[i]->data, 0, items->bytes);
    vyre_block_note_write (items->in[i]);
    vyre_block_note_write (items->out[i]);
  }
  if (!bench_publish (work, items->windows, items->n, error) ||
      !bench_wait (items->windows, items->n, error) ||
      !bench_all_done (items->windows, items->n, error))
    return FALSE;
  for (guint i = 0; i < items->n; i += 1 + items->n / VERIFIED_ITEMS) {
    if (!bench_verify (&bench_programs[0], 0, items->in[i]->data,
            items->out[i]->data, items->bytes, what, error))
      return FALSE;
  }
  return TRUE;
}

gboolean
bench_all_done (VyreWindow *const *windows, guint n, GError **error)
{
  for (guint i = 0; i < n; i++) {
    VyreWindowResult result = { 0 };
    if (vyre_window_wait (windows[i], 0, &result) == VYRE_WINDOW_DONE)
      continue;
    g_set_error (error, BENCH_ERROR, BENCH_ERROR_FAILED,
        "window %u of %u is not done (state %d): %s", i, n, result.state,
        result.message != NULL ? result.message : "no message");
    return FALSE;
  }
  return TRUE;
}
