/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreworkload.h"

#include "gstvyrememory.h"

#include "lower/coverage.h"

#include <string.h>

#define GST_CAT_DEFAULT gst_vyre_interp_debug
GST_DEBUG_CATEGORY_EXTERN (gst_vyre_interp_debug);

/* Memory of one slot that outlives a run. */
typedef struct
{
  VyreBlock *block; /* DATA, ZEROS that are never written, KEPT */
  guint8 *shadow; /* KEPT of an ordered workload */
} Lasting;

struct _GstVyreWorkload
{
  VyreRuntime *runtime; /* a reference */
  VyreTenant *tenant;
  VyreExecutable *executable;
  GstVyrePlan *plan;
  VyreArena *arena; /* host arena of the runtime */
  GstVyreSurvival survival;
  gboolean ordered;
  gboolean covers_outgoing;
  GMutex lock; /* lasting[].block of kept slots, shadowed */
  const GstVyreJob
      *shadowed; /* whose run the shadows undo; never looked into */
  Lasting *lasting; /* by slot */
};

/* The GPU reads whole words, so what follows the last byte is there and zero. */
static void
clear_padding (VyreBlock *block, gsize length)
{
  memset (block->data + length, 0, -length % 4);
}

VyreBlock *
gst_vyre_block_alloc_padded (VyreArena *arena, gsize length)
{
  VyreBlock *block = vyre_arena_alloc (arena, length);

  if (block)
    clear_padding (block, length);
  return block;
}

static void
fill_block (VyreBlock *block, GBytes *data, gsize length)
{
  if (data)
    memcpy (block->data, g_bytes_get_data (data, NULL), length);
  else
    memset (block->data, 0, length);
  clear_padding (block, length);
  vyre_block_note_write (block);
}

static gboolean
fits_arena (
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

static gboolean
is_written (GstVyreWorkload *workload, guint slot)
{
  return vyre_executable_writes (workload->executable, slot);
}

/* Constants and concurrent atomics are best where the GPU is; an ordered kept
 * buffer is copied by the CPU before each run, which device memory is slow
 * for. */
static VyreBlock *
alloc_lasting (
    GstVyreWorkload *workload, const GstVyreSlot *slot, GError **error)
{
  VyreArena *device = vyre_runtime_get_device_arena (workload->runtime);
  VyreBlock *block = NULL;

  if (!fits_arena (workload, slot->name, slot->bytes, error))
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
      return !is_written (workload, i);
    default:
      return FALSE;
  }
}

static gboolean
make_lasting (GstVyreWorkload *workload, GError **error)
{
  const GstVyrePlan *plan = workload->plan;

  workload->lasting = g_new0 (Lasting, plan->n_slots);
  for (guint i = 0; i < plan->n_slots; i++) {
    if (plan->slots[i].kind == GST_VYRE_SLOT_KEPT && is_written (workload, i) &&
        (workload->survival != GST_VYRE_SURVIVES_NOTHING ||
            !vyre_executable_is_commutative (workload->executable, i)))
      workload->ordered = TRUE;
  }
  for (guint i = 0; i < plan->n_slots; i++) {
    const GstVyreSlot *slot = &plan->slots[i];
    Lasting *lasting = &workload->lasting[i];

    if (slot->bytes == 0 || !is_lasting (workload, i))
      continue;
    lasting->block = alloc_lasting (workload, slot, error);
    if (lasting->block == NULL)
      return FALSE;
    fill_block (lasting->block, slot->data, slot->bytes);
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
    Lasting *lasting = &workload->lasting[i];
    VyreBlock *block;

    if (slot->kind != GST_VYRE_SLOT_KEPT || slot->bytes == 0)
      continue;
    if (in_place)
      block = vyre_block_ref (lasting->block);
    else
      block = alloc_lasting (workload, slot, error);
    if (block == NULL)
      return FALSE;
    fill_block (block, slot->data, slot->bytes);
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

static void
take_shadows (GstVyreWorkload *workload, const GstVyreJob *job)
{
  guint64 copied = 0;

  g_mutex_lock (&workload->lock);
  workload->shadowed = job;
  g_mutex_unlock (&workload->lock);
  for (guint i = 0; i < workload->plan->n_slots; i++) {
    Lasting *lasting = &workload->lasting[i];

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
    Lasting *lasting = &workload->lasting[i];

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
gst_vyre_job_undo (GstVyreJob *job, GstVyreWorkload *workload)
{
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

  workload->runtime = vyre_runtime_ref (runtime);
  workload->plan = plan;
  workload->survival = survival;
  workload->arena = vyre_runtime_get_host_arena (runtime);
  g_mutex_init (&workload->lock);

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
  gst_vyre_workload_free (workload);
  return NULL;
}

void
gst_vyre_workload_free (GstVyreWorkload *workload)
{
  g_clear_pointer (&workload->tenant, vyre_tenant_free);
  for (guint i = 0; workload->lasting && i < workload->plan->n_slots; i++) {
    g_clear_pointer (&workload->lasting[i].block, vyre_block_unref);
    g_free (workload->lasting[i].shadow);
  }
  g_free (workload->lasting);
  g_clear_pointer (&workload->executable, vyre_executable_unref);
  gst_vyre_plan_free (workload->plan);
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

void
gst_vyre_workload_wait_room (GstVyreWorkload *workload, gint64 end_time)
{
  vyre_tenant_wait_room (workload->tenant, end_time);
}

/* --- jobs ---------------------------------------------------------------- */

GstVyreJob *
gst_vyre_job_new (GstBuffer *input)
{
  GstVyreJob *job = g_new0 (GstVyreJob, 1);

  job->input = input;
  return job;
}

static void
drop_blocks (GstVyreJob *job)
{
  for (guint i = 0; i < job->n_blocks; i++)
    g_clear_pointer (&job->blocks[i], vyre_block_unref);
}

/* Where the bytes are is where the GPU may read them, when they are one piece
 * of an arena of its own, and where it may write, or bytes be added behind
 * them, when nobody else sees them. */
static VyreBlock *
usable_in_place (GstVyreJob *job, GstVyreWorkload *workload,
    const GstVyreLengths *lengths, gsize *offset)
{
  GstMemory *memory;
  VyreBlock *block;

  if (gst_buffer_n_memory (job->input) != 1)
    return NULL;
  memory = gst_buffer_peek_memory (job->input, 0);
  block = gst_vyre_memory_peek_block (memory, offset);
  if (block == NULL || *offset % 4 != 0 || *offset > block->size ||
      lengths->input > block->size - *offset)
    return NULL;
  if (!vyre_runtime_has_arena (workload->runtime, block->arena))
    return NULL;
  if (memory->size == lengths->input &&
      !is_written (workload, workload->plan->input))
    return block;
  if (workload->survival == GST_VYRE_SURVIVES_INPUT)
    return NULL;
  if (!gst_buffer_is_writable (job->input) ||
      !gst_memory_is_writable (memory) || GST_MEMORY_IS_READONLY (memory))
    return NULL;
  return block;
}

/* Fresh memory for one slot of this run. Kind NONE and lasting ones have none. */
static gboolean
alloc_slot (GstVyreJob *job, GstVyreWorkload *workload, guint i, guint64 bytes)
{
  if (bytes == 0)
    return TRUE;
  job->blocks[i] = gst_vyre_block_alloc_padded (workload->arena, bytes);
  return job->blocks[i] != NULL;
}

/* All memory first, in one attempt: a job that waits for a block while it
 * holds others could wait for ever. */
static GstVyreProgress
alloc_all (GstVyreJob *job, GstVyreWorkload *workload,
    const GstVyreLengths *lengths, gboolean copy_input, GError **error)
{
  const GstVyrePlan *plan = workload->plan;
  guint64 sum = 0;

  for (guint i = 0; i < plan->n_slots; i++) {
    const GstVyreSlot *slot = &plan->slots[i];
    guint64 bytes = 0;

    switch (slot->kind) {
      case GST_VYRE_SLOT_INPUT:
      case GST_VYRE_SLOT_IN_PLACE:
        bytes = copy_input ? lengths->input : 0;
        break;
      case GST_VYRE_SLOT_OUTGOING:
        bytes = lengths->outgoing;
        break;
      case GST_VYRE_SLOT_DATA:
      case GST_VYRE_SLOT_ZEROS:
        bytes = workload->lasting[i].block ? 0 : slot->bytes;
        break;
      default:
        break;
    }
    if (!g_uint64_checked_add (&sum, sum, bytes))
      sum = G_MAXUINT64;
    if (!fits_arena (workload, slot->name, sum, error))
      return GST_VYRE_FAILED;
    if (!alloc_slot (job, workload, i, bytes)) {
      drop_blocks (job);
      return GST_VYRE_NO_ROOM;
    }
  }
  return GST_VYRE_READY;
}

/* Metas that describe or hold the memory they came with stay behind. */
static gboolean
carry_meta (GstBuffer *from, GstMeta **meta, gpointer user_data)
{
  const GstMetaInfo *info = (*meta)->info;
  GstMetaTransformCopy copy = { FALSE, 0, -1 };

  if (info->transform_func &&
      !gst_meta_api_type_has_tag (info->api, _gst_meta_tag_memory) &&
      !gst_meta_api_type_has_tag (info->api, _gst_meta_tag_memory_reference))
    info->transform_func (
        user_data, *meta, from, _gst_meta_transform_copy, &copy);
  return TRUE;
}

static void
carry_metadata (GstBuffer *to, GstBuffer *from, const GstVyreLengths *lengths)
{
  gsize size = gst_buffer_get_size (from);

  gst_buffer_copy_into (
      to, from, GST_BUFFER_COPY_FLAGS | GST_BUFFER_COPY_TIMESTAMPS, 0, -1);
  gst_buffer_foreach_meta (from, carry_meta, to);
  /* Offsets that count bytes go with the new length, others count frames. */
  if (lengths->leave != size && GST_BUFFER_OFFSET_IS_VALID (from) &&
      GST_BUFFER_OFFSET_END_IS_VALID (from) &&
      GST_BUFFER_OFFSET_END (from) - GST_BUFFER_OFFSET (from) == size) {
    guint64 start = gst_util_uint64_scale (
        GST_BUFFER_OFFSET (from), lengths->per_leave, lengths->per_input);

    GST_BUFFER_OFFSET (to) = start;
    GST_BUFFER_OFFSET_END (to) = start + lengths->leave;
  }
}

static GstBuffer *
make_output (GstVyreJob *job, VyreBlock *block, const GstVyreLengths *lengths)
{
  GstBuffer *output = gst_buffer_new ();

  if (lengths->leave > 0)
    gst_buffer_append_memory (
        output, gst_vyre_memory_new (vyre_block_ref (block),
                    lengths->leave_offset, lengths->leave));
  carry_metadata (output, job->input, lengths);
  return output;
}

static void
choose_output (
    GstVyreJob *job, GstVyreWorkload *workload, const GstVyreLengths *lengths)
{
  const GstVyrePlan *plan = workload->plan;

  if (plan->outgoing < 0) {
    job->output = g_steal_pointer (&job->input);
    return;
  }
  if (plan->outgoing != (gint) plan->input || job->blocks[plan->input]) {
    job->output = make_output (job, job->blocks[plan->outgoing], lengths);
  } else {
    job->output = gst_buffer_make_writable (g_steal_pointer (&job->input));
    if (lengths->leave != gst_buffer_get_size (job->output))
      gst_buffer_resize (job->output, lengths->leave_offset, lengths->leave);
  }
  /* Whether the result of a gap is one too, only the program knows. */
  GST_BUFFER_FLAG_UNSET (job->output, GST_BUFFER_FLAG_GAP);
}

static void
fill_slots (
    GstVyreJob *job, GstVyreWorkload *workload, const GstVyreLengths *lengths)
{
  const GstVyrePlan *plan = workload->plan;

  for (guint i = 0; i < plan->n_slots; i++) {
    const GstVyreSlot *slot = &plan->slots[i];
    VyreBinding *binding = &job->bindings[i];

    switch (slot->kind) {
      case GST_VYRE_SLOT_NONE:
        break;
      case GST_VYRE_SLOT_INPUT:
      case GST_VYRE_SLOT_IN_PLACE:
        binding->length = lengths->input;
        break;
      case GST_VYRE_SLOT_OUTGOING:
        /* In full, unless the program is known to write it all: what it leaves
         * out would show bytes of other streams. */
        binding->block = job->blocks[i];
        binding->length = lengths->outgoing;
        if (binding->block && !workload->covers_outgoing)
          fill_block (binding->block, NULL, binding->length);
        break;
      case GST_VYRE_SLOT_DATA:
      case GST_VYRE_SLOT_ZEROS:
      case GST_VYRE_SLOT_KEPT:
        binding->block = workload->lasting[i].block;
        binding->length = slot->bytes;
        if (binding->block == NULL && job->blocks[i]) {
          binding->block = job->blocks[i];
          fill_block (binding->block, slot->data, slot->bytes);
        }
        break;
    }
  }
}

static gboolean
copy_input (GstVyreJob *job, VyreBlock *block, const GstVyreLengths *lengths)
{
  gsize size = gst_buffer_get_size (job->input);

  if (gst_buffer_extract (job->input, 0, block->data, size) != size)
    return FALSE;
  memset (block->data + size, 0, lengths->input - size);
  vyre_block_note_write (block);
  job->copied = size;
  return TRUE;
}

GstVyreProgress
gst_vyre_job_prepare (
    GstVyreJob *job, GstVyreWorkload *workload, GError **error)
{
  const GstVyrePlan *plan = workload->plan;
  GstVyreLengths lengths;
  VyreBlock *in_place;
  VyreBinding *input;
  GstVyreProgress progress;
  gsize offset = 0;

  if (!gst_vyre_plan_measure (
          plan, gst_buffer_get_size (job->input), &lengths, error))
    return GST_VYRE_FAILED;
  if (job->bindings == NULL) {
    job->bindings = g_new0 (VyreBinding, plan->n_slots);
    job->n_blocks = plan->n_slots + 1;
    job->blocks = g_new0 (VyreBlock *, job->n_blocks);
  }
  in_place = usable_in_place (job, workload, &lengths, &offset);
  progress = alloc_all (job, workload, &lengths, in_place == NULL, error);
  if (progress != GST_VYRE_READY)
    return progress;

  fill_slots (job, workload, &lengths);
  input = &job->bindings[plan->input];
  if (in_place) {
    gsize size = gst_buffer_get_size (job->input);

    if (size < lengths.input) {
      memset (in_place->data + offset + size, 0, lengths.input - size);
      vyre_block_note_write (in_place);
    }
    input->block = in_place;
    input->offset = offset;
    job->in_place = size;
    /* Of ours, so that the block outlives whatever becomes of the memory. */
    job->blocks[plan->n_slots] = vyre_block_ref (in_place);
  } else {
    input->block = job->blocks[plan->input];
    if (!copy_input (job, input->block, &lengths))
      goto unreadable;
  }
  choose_output (job, workload, &lengths);
  return GST_VYRE_READY;

unreadable:
  g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
      "cannot read the %" G_GSIZE_FORMAT " bytes of the incoming buffer",
      gst_buffer_get_size (job->input));
  return GST_VYRE_FAILED;
}

GstVyreProgress
gst_vyre_job_submit (GstVyreJob *job, GstVyreWorkload *workload,
    guint64 max_steps, GError **error)
{
  const GstVyrePlan *plan = workload->plan;
  VyreSubmitOptions options = { NULL, max_steps };
  GError *inner = NULL;

  take_shadows (workload, job);
  job->submitted = g_get_monotonic_time ();
  job->window = vyre_tenant_submit (workload->tenant, workload->executable,
      job->bindings, plan->n_slots, &options, &inner);
  if (job->window == NULL) {
    if (g_error_matches (inner, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY)) {
      g_clear_error (&inner);
      return GST_VYRE_NO_ROOM;
    }
    g_propagate_error (error, inner);
    return GST_VYRE_FAILED;
  }
  /* From here on the window has references of its own. */
  drop_blocks (job);
  vyre_runtime_note_copy (workload->runtime, job->copied, job->in_place);
  return GST_VYRE_READY;
}

void
gst_vyre_job_free (GstVyreJob *job)
{
  drop_blocks (job);
  g_free (job->blocks);
  g_free (job->bindings);
  g_clear_pointer (&job->input, gst_buffer_unref);
  g_clear_pointer (&job->output, gst_buffer_unref);
  g_clear_pointer (&job->window, vyre_window_unref);
  g_free (job);
}
