/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreworkload-private.h"

#include "lower/coverage.h"

#include <string.h>

#define GST_CAT_DEFAULT gst_vyre_interp_debug
GST_DEBUG_CATEGORY_EXTERN (gst_vyre_interp_debug);

void
gst_vyre_block_pad (VyreBlock *block, gsize length)
{
  memset (block->data + length, 0, -length % 4);
}

VyreBlock *
gst_vyre_block_alloc_padded (VyreArena *arena, gsize length)
{
  VyreBlock *block = vyre_arena_alloc (arena, length);

  if (block)
    gst_vyre_block_pad (block, length);
  return block;
}

void
gst_vyre_block_fill (VyreBlock *block, GBytes *data, gsize length)
{
  if (data)
    memcpy (block->data, g_bytes_get_data (data, NULL), length);
  else
    memset (block->data, 0, length);
  gst_vyre_block_pad (block, length);
  vyre_block_note_write (block);
}

gboolean
gst_vyre_workload_fits (
    GstVyreWorkload *workload, const char *name, guint64 bytes, GError **error)
{
  gsize size = vyre_arena_get_size (workload->arena);

  if (bytes <= size)
    return TRUE;
  g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
      "buffer \"%s\" needs %" G_GUINT64_FORMAT
      " bytes, the arena has %" G_GSIZE_FORMAT
      "; start with a larger one, for example "
      "VYRE_ARENA_SIZE=1G, or send smaller buffers",
      name, bytes, size);
  return FALSE;
}

/* --- lasting memory ------------------------------------------------------ */

/* Constants and concurrent atomics are best where the GPU is; an ordered kept
 * buffer is copied by the CPU before each run, which device memory is slow
 * for. */
static VyreBlock *
alloc_lasting (
    GstVyreWorkload *workload, const GstVyreSlot *slot, GError **error)
{
  VyreArena *device = vyre_runtime_get_device_arena (workload->runtime);
  VyreBlock *block = NULL;

  if (!gst_vyre_workload_fits (workload, slot->name, slot->bytes, error))
    return NULL;
  if (device && !(slot->kind == GST_VYRE_SLOT_KEPT && workload->ordered))
    block = vyre_arena_alloc (device, slot->bytes);
  if (block == NULL)
    block = vyre_arena_alloc (workload->arena, slot->bytes);
  if (block == NULL)
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
        "no room for the %" G_GUINT64_FORMAT " bytes of buffer \"%s\" in an "
        "arena of %" G_GSIZE_FORMAT "; start with a larger one, for example "
        "VYRE_ARENA_SIZE=1G",
        slot->bytes, slot->name, vyre_arena_get_size (workload->arena));
  return block;
}

/* Does the same memory serve all runs? */
static gboolean
is_lasting (GstVyreWorkload *workload, guint i)
{
  switch (workload->plan->slots[i].kind) {
    case GST_VYRE_SLOT_KEPT:
      return TRUE;
    case GST_VYRE_SLOT_DATA:
    case GST_VYRE_SLOT_ZEROS:
      return !gst_vyre_workload_writes (workload, i);
    default:
      return FALSE;
  }
}

static gboolean
make_lasting (GstVyreWorkload *workload, GError **error)
{
  const GstVyrePlan *plan = workload->plan;

  workload->lasting = g_new0 (GstVyreLasting, plan->n_slots);
  for (guint i = 0; i < plan->n_slots; i++) {
    if (plan->slots[i].kind == GST_VYRE_SLOT_KEPT &&
        gst_vyre_workload_writes (workload, i) &&
        (workload->survival != GST_VYRE_SURVIVES_NOTHING ||
            !vyre_executable_is_commutative (workload->executable, i)))
      workload->ordered = TRUE;
  }
  for (guint i = 0; i < plan->n_slots; i++) {
    const GstVyreSlot *slot = &plan->slots[i];
    GstVyreLasting *lasting = &workload->lasting[i];

    if (slot->bytes == 0 || !is_lasting (workload, i))
      continue;
    lasting->block = alloc_lasting (workload, slot, error);
    if (lasting->block == NULL)
      return FALSE;
    gst_vyre_block_fill (lasting->block, slot->data, slot->bytes);
    if (slot->kind == GST_VYRE_SLOT_KEPT && workload->ordered)
      lasting->shadow = g_malloc (slot->bytes);
  }
  return TRUE;
}

gboolean
gst_vyre_workload_reset_kept (
    GstVyreWorkload *workload, gboolean in_place, GError **error)
{
  const GstVyrePlan *plan = workload->plan;

  g_mutex_lock (&workload->lock);
  workload->shadowed = NULL;
  g_mutex_unlock (&workload->lock);
  for (guint i = 0; i < plan->n_slots; i++) {
    const GstVyreSlot *slot = &plan->slots[i];
    GstVyreLasting *lasting = &workload->lasting[i];
    VyreBlock *block;

    if (slot->kind != GST_VYRE_SLOT_KEPT || slot->bytes == 0)
      continue;
    if (in_place)
      block = vyre_block_ref (lasting->block);
    else
      block = alloc_lasting (workload, slot, error);
    if (block == NULL)
      return FALSE;
    gst_vyre_block_fill (block, slot->data, slot->bytes);
    g_mutex_lock (&workload->lock);
    {
      VyreBlock *old = lasting->block;

      lasting->block = block;
      block = old;
    }
    g_mutex_unlock (&workload->lock);
    vyre_block_unref (block);
  }
  return TRUE;
}

GstStructure *
gst_vyre_workload_get_kept (GstVyreWorkload *workload)
{
  const GstVyrePlan *plan = workload->plan;
  GstStructure *kept;

  if (plan->n_kept == 0)
    return NULL;
  kept = gst_structure_new_empty ("vyre-kept");
  for (guint i = 0; i < plan->n_slots; i++) {
    const GstVyreSlot *slot = &plan->slots[i];
    GstBuffer *buffer;

    if (slot->kind != GST_VYRE_SLOT_KEPT)
      continue;
    buffer = gst_buffer_new_allocate (NULL, slot->bytes, NULL);
    if (slot->bytes > 0) {
      VyreBlock *block;

      g_mutex_lock (&workload->lock);
      block = vyre_block_ref (workload->lasting[i].block);
      g_mutex_unlock (&workload->lock);
      gst_buffer_fill (buffer, 0, block->data, slot->bytes);
      vyre_runtime_note_copy (workload->runtime, slot->bytes, 0);
      vyre_block_unref (block);
    }
    gst_structure_set (kept, slot->name, GST_TYPE_BUFFER, buffer, NULL);
    gst_buffer_unref (buffer);
  }
  return kept;
}

void
gst_vyre_workload_take_shadows (
    GstVyreWorkload *workload, const GstVyreJob *job)
{
  guint64 copied = 0;

  if (!workload->ordered)
    return;
  g_mutex_lock (&workload->lock);
  workload->shadowed = job;
  g_mutex_unlock (&workload->lock);
  for (guint i = 0; i < workload->plan->n_slots; i++) {
    GstVyreLasting *lasting = &workload->lasting[i];

    if (lasting->shadow == NULL)
      continue;
    memcpy (
        lasting->shadow, lasting->block->data, workload->plan->slots[i].bytes);
    copied += workload->plan->slots[i].bytes;
  }
  if (copied > 0)
    vyre_runtime_note_copy (workload->runtime, copied, 0);
}

static void
undo_locked (GstVyreWorkload *workload)
{
  workload->shadowed = NULL;
  for (guint i = 0; i < workload->plan->n_slots; i++) {
    GstVyreLasting *lasting = &workload->lasting[i];

    if (lasting->shadow == NULL)
      continue;
    memcpy (
        lasting->block->data, lasting->shadow, workload->plan->slots[i].bytes);
    vyre_block_note_write (lasting->block);
    vyre_runtime_note_copy (
        workload->runtime, workload->plan->slots[i].bytes, 0);
  }
}

void
gst_vyre_job_undo (GstVyreJob *job)
{
  GstVyreWorkload *workload = job->workload;

  g_mutex_lock (&workload->lock);
  if (workload->shadowed == job)
    undo_locked (workload);
  g_mutex_unlock (&workload->lock);
}

void
gst_vyre_workload_undo_last (GstVyreWorkload *workload)
{
  g_mutex_lock (&workload->lock);
  if (workload->shadowed)
    undo_locked (workload);
  g_mutex_unlock (&workload->lock);
}

/* --- workload ------------------------------------------------------------ */

GstVyreWorkload *
gst_vyre_workload_new (VyreRuntime *runtime, GstVyrePlan *plan,
    const char *name, GstVyreSurvival survival, GError **error)
{
  GstVyreWorkload *workload = g_new0 (GstVyreWorkload, 1);

  workload->refs = workload->users = 1;
  workload->runtime = vyre_runtime_ref (runtime);
  workload->plan = plan;
  workload->survival = survival;
  workload->arena = vyre_runtime_get_host_arena (runtime);
  g_mutex_init (&workload->lock);

  workload->is_polled =
      vyre_runtime_get_residency (runtime, NULL) == VYRE_RESIDENCY_RESIDENT &&
      vyre_runtime_get_device_info (runtime)->type != VYRE_DEVICE_CPU;
  workload->covers_outgoing =
      plan->outgoing >= 0 &&
      vyre_program_covers (plan->program, plan->outgoing);

  workload->executable = vyre_executable_new (runtime, plan->program, error);
  if (workload->executable == NULL)
    goto failed;
  workload->tenant = vyre_tenant_new (runtime, name, error);
  if (workload->tenant == NULL)
    goto failed;
  if (!make_lasting (workload, error))
    goto failed;
  return workload;

failed:
  gst_vyre_workload_unref (workload);
  return NULL;
}

GstVyreWorkload *
gst_vyre_workload_ref (GstVyreWorkload *workload)
{
  g_atomic_int_inc (&workload->users);
  return workload;
}

void
gst_vyre_workload_unref (GstVyreWorkload *workload)
{
  if (!g_atomic_int_dec_and_test (&workload->users))
    return;
  gst_vyre_workload_close (workload);
  gst_vyre_workload_release (workload);
}

void
gst_vyre_workload_hold (GstVyreWorkload *workload)
{
  g_atomic_int_inc (&workload->refs);
}

void
gst_vyre_workload_release (GstVyreWorkload *workload)
{
  if (!g_atomic_int_dec_and_test (&workload->refs))
    return;
  g_clear_pointer (&workload->tenant, vyre_tenant_free);
  for (guint i = 0; workload->lasting && i < workload->plan->n_slots; i++) {
    g_clear_pointer (&workload->lasting[i].block, vyre_block_unref);
    g_free (workload->lasting[i].shadow);
  }
  g_free (workload->lasting);
  g_clear_pointer (&workload->executable, vyre_executable_unref);
  gst_vyre_plan_free (workload->plan);
  g_clear_pointer (&workload->formats, vyre_formats_free);
  vyre_runtime_unref (workload->runtime);
  g_mutex_clear (&workload->lock);
  g_free (workload);
}

const GstVyrePlan *
gst_vyre_workload_get_plan (GstVyreWorkload *workload)
{
  return workload->plan;
}

VyreRuntime *
gst_vyre_workload_get_runtime (GstVyreWorkload *workload)
{
  return workload->runtime;
}

void
gst_vyre_workload_take_formats (GstVyreWorkload *workload, VyreFormats *formats)
{
  g_clear_pointer (&workload->formats, vyre_formats_free);
  workload->formats = formats;
}

VyreFormats *
gst_vyre_workload_get_formats (GstVyreWorkload *workload)
{
  return workload->formats;
}

guint
gst_vyre_workload_get_tenant_id (GstVyreWorkload *workload)
{
  return vyre_tenant_get_id (workload->tenant);
}

VyreArena *
gst_vyre_workload_get_arena (GstVyreWorkload *workload)
{
  return workload->arena;
}

gboolean
gst_vyre_workload_is_ordered (GstVyreWorkload *workload)
{
  return workload->ordered;
}

gboolean
gst_vyre_workload_is_polled (GstVyreWorkload *workload)
{
  return workload->is_polled;
}

void
gst_vyre_workload_wait_room (GstVyreWorkload *workload, gint64 end_time)
{
  vyre_tenant_wait_room (workload->tenant, end_time);
}

void
gst_vyre_workload_set_engine (GstVyreWorkload *workload, VyreEngine engine)
{
  vyre_executable_set_engine (workload->executable, engine);
}

VyreTier
gst_vyre_workload_get_tier (GstVyreWorkload *workload, char **reason)
{
  return vyre_executable_get_tier (workload->executable, reason);
}

void
gst_vyre_workload_set_share (
    GstVyreWorkload *workload, guint priority, guint quota)
{
  vyre_tenant_set_priority (workload->tenant, priority);
  vyre_tenant_set_quota (workload->tenant, quota);
}
