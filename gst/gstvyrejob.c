/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One run on one buffer: memory for it, its prepared window, what leaves. */

#include "gstvyreworkload-private.h"

#include "gstvyrememory.h"

#include <string.h>

/* A window keeps hold of its memory until it is bound anew. Up to this many
 * bytes of it that is cheaper than making the window anew. */
#define SPARE_BYTES (64 * 1024)
/* Memory up to this size is cut from blocks of SHARED_BLOCK bytes, at most this
 * part of the arena. */
#define SHARED_BYTES (64 * 1024)
#define SHARED_BLOCK (256 * 1024)
#define SHARED_PART 64

/* --- jobs that are used again ------------------------------------------------ */

/* Windows go before their tenant. */
static void
job_destroy (GstVyreJob *job)
{
  GstVyreWorkload *workload = job->workload;

  g_clear_pointer (&job->window, vyre_window_unref);
  g_free (job->blocks);
  g_free (job->bindings);
  g_free (job);
  gst_vyre_workload_release (workload);
}

/* Stands for the spare jobs of a workload that nobody uses any more. */
static GstVyreJob no_more;

static GstVyreJob *
take_all (GstVyreJob **jobs)
{
  return __atomic_exchange_n (jobs, NULL, __ATOMIC_ACQUIRE);
}

/* The job may be gone, and the workload with it, when this returns. */
static void
put_spare (GstVyreWorkload *workload, GstVyreJob *job)
{
  GstVyreJob *head = __atomic_load_n (&workload->spare, __ATOMIC_RELAXED);

  do {
    if (head == &no_more)
      goto closed;
    job->next = head;
  } while (!__atomic_compare_exchange_n (
      &workload->spare, &head, job, TRUE, __ATOMIC_RELEASE, __ATOMIC_RELAXED));
  return;

closed:
  job_destroy (job);
}

static void
destroy_all (GstVyreJob *job)
{
  while (job != NULL) {
    GstVyreJob *next = job->next;

    job_destroy (job);
    job = next;
  }
}

/* Takes what others have freed all at once: they meet rarely then. */
static GstVyreJob *
take_spare (GstVyreWorkload *workload)
{
  GstVyreJob *job = take_all (&workload->taken);

  if (job == NULL)
    job = take_all (&workload->spare);
  if (job != NULL)
    __atomic_store_n (
        &workload->taken, g_steal_pointer (&job->next), __ATOMIC_RELEASE);
  return job;
}

GstVyreJob *
gst_vyre_job_new (GstVyreWorkload *workload, GstBuffer *input)
{
  GstVyreJob *job = take_spare (workload);

  if (job == NULL) {
    job = g_new0 (GstVyreJob, 1);
    gst_vyre_workload_hold (workload);
    job->workload = workload;
    job->bindings = g_new0 (VyreBinding, workload->plan->n_slots);
    job->blocks = g_new0 (VyreBlock *, workload->plan->n_slots);
  }
  job->input = input;
  return job;
}

static void
drop_blocks (GstVyreJob *job)
{
  guint n_slots = job->workload->plan->n_slots;

  for (guint i = 0; i < n_slots; i++)
    g_clear_pointer (&job->blocks[i], vyre_block_unref);
}

/* Its window would keep memory from others. */
static gboolean
holds_much (const GstVyreJob *job)
{
  const GstVyreWorkload *workload = job->workload;
  gsize sum = 0;

  for (guint i = 0; i < workload->plan->n_slots; i++) {
    if (job->bindings[i].length > SPARE_BYTES - sum)
      return TRUE;
    sum += job->bindings[i].length;
  }
  return gst_vyre_arena_is_low (workload->arena, 0);
}

void
gst_vyre_job_free (GstVyreJob *job)
{
  GstVyreWorkload *workload = job->workload;

  drop_blocks (job);
  gst_clear_buffer (&job->input);
  gst_clear_buffer (&job->output);
  g_clear_pointer (&job->log, vyre_block_unref);
  if (job->window != NULL && holds_much (job))
    g_clear_pointer (&job->window, vyre_window_unref);
  job->awaited = FALSE;
  job->copied = job->in_place = job->bytes = 0;
  job->submitted = 0;
  put_spare (workload, job);
}

void
gst_vyre_workload_trim (GstVyreWorkload *workload)
{
  destroy_all (take_all (&workload->taken));
  destroy_all (take_all (&workload->spare));
}

void
gst_vyre_workload_close (GstVyreWorkload *workload)
{
  destroy_all (take_all (&workload->taken));
  destroy_all (
      __atomic_exchange_n (&workload->spare, &no_more, __ATOMIC_ACQUIRE));
  g_clear_pointer (&workload->shared, vyre_block_unref);
}

void
gst_vyre_workload_drop_spare (GstVyreWorkload *workload)
{
  gst_vyre_workload_trim (workload);
  g_clear_pointer (&workload->shared, vyre_block_unref);
}

/* --- memory -------------------------------------------------------------------- */

/* Where the bytes are is where the GPU may read them, when they are one piece
 * of an arena of its own, and where it may write, or bytes be added behind
 * them, when nobody else sees them. */
static VyreBlock *
usable_in_place (GstVyreJob *job, const GstVyreLengths *lengths, gsize *offset)
{
  GstVyreWorkload *workload = job->workload;
  GstMemory *memory;
  VyreBlock *block;

  if (gst_buffer_n_memory (job->input) != 1)
    return NULL;
  memory = gst_buffer_peek_memory (job->input, 0);
  block = gst_vyre_memory_peek_block (memory, offset);
  if (block == NULL || *offset % 4 != 0 ||
      lengths->input > memory->maxsize - memory->offset)
    return NULL;
  if (!vyre_runtime_has_arena (workload->runtime, block->arena))
    return NULL;
  if (memory->size == lengths->input &&
      !gst_vyre_workload_writes (workload, workload->plan->input))
    return block;
  if (workload->survival == GST_VYRE_SURVIVES_INPUT)
    return NULL;
  if (!gst_buffer_is_writable (job->input) ||
      !gst_memory_is_writable (memory) || GST_MEMORY_IS_READONLY (memory))
    return NULL;
  return block;
}

/* Pages of a block that small runs share. %NULL: no room. */
static VyreBlock *
alloc_part (GstVyreWorkload *workload, gsize bytes)
{
  gsize size = MIN ((gsize) SHARED_BLOCK,
      vyre_arena_get_size (workload->arena) / SHARED_PART);
  VyreBlock *part;

  if (workload->shared == NULL ||
      bytes > workload->shared->size - workload->shared_used) {
    VyreBlock *block = vyre_arena_alloc (workload->arena, MAX (size, bytes));

    if (block == NULL)
      return NULL;
    g_clear_pointer (&workload->shared, vyre_block_unref);
    workload->shared = block;
    workload->shared_used = 0;
  }
  part = vyre_block_new_part (workload->shared, workload->shared_used, bytes);
  workload->shared_used += part->size;
  return part;
}

/* Memory of this run for one slot, zeroed behind up to a multiple of four; what
 * leaves starts as zeros unless the program is known to write it all, or it
 * would show bytes of other streams. */
static gboolean
alloc_slot (GstVyreJob *job, guint i, guint64 bytes)
{
  GstVyreWorkload *workload = job->workload;
  gboolean clear = workload->plan->slots[i].kind == GST_VYRE_SLOT_OUTGOING &&
                   !workload->covers_outgoing;
  VyreBlock *block;

  job->bindings[i] = (VyreBinding){ NULL, 0, bytes };
  if (bytes == 0)
    return TRUE;
  block = bytes <= SHARED_BYTES ? alloc_part (workload, bytes)
                                : vyre_arena_alloc (workload->arena, bytes);
  if (block == NULL)
    return FALSE;
  if (clear)
    gst_vyre_block_fill (block, NULL, bytes);
  else
    gst_vyre_block_pad (block, bytes);
  job->bindings[i].block = job->blocks[i] = block;
  return TRUE;
}

/* Bytes of a slot that this run needs memory of its own for. */
static guint64
own_bytes (GstVyreJob *job, guint i, const GstVyreLengths *lengths,
    gboolean copy_input)
{
  const GstVyreSlot *slot = &job->workload->plan->slots[i];

  switch (slot->kind) {
    case GST_VYRE_SLOT_INPUT:
    case GST_VYRE_SLOT_IN_PLACE:
      return copy_input ? lengths->input : 0;
    case GST_VYRE_SLOT_OUTGOING:
      return lengths->outgoing;
    case GST_VYRE_SLOT_LOG:
      return slot->bytes;
    case GST_VYRE_SLOT_DATA:
    case GST_VYRE_SLOT_ZEROS:
      return job->workload->lasting[i].block ? 0 : slot->bytes;
    default:
      return 0;
  }
}

/* All memory first, in one attempt: a job that waits for a block while it
 * holds others could wait for ever. */
static GstVyreProgress
alloc_all (GstVyreJob *job, const GstVyreLengths *lengths, gboolean copy_input,
    GError **error)
{
  GstVyreWorkload *workload = job->workload;
  guint64 sum = 0;

  for (guint i = 0; i < workload->plan->n_slots; i++) {
    const GstVyreSlot *slot = &workload->plan->slots[i];
    guint64 bytes = own_bytes (job, i, lengths, copy_input);

    if (!g_uint64_checked_add (&sum, sum, bytes))
      sum = G_MAXUINT64;
    if (!gst_vyre_workload_fits (workload, slot->name, sum, error))
      return GST_VYRE_FAILED;
    if (!alloc_slot (job, i, bytes)) {
      drop_blocks (job);
      /* What is only kept for later is needed now. */
      gst_vyre_workload_drop_spare (workload);
      return GST_VYRE_NO_ROOM;
    }
  }
  job->bytes = sum;
  return GST_VYRE_READY;
}

static void
fill_slots (GstVyreJob *job)
{
  GstVyreWorkload *workload = job->workload;
  const GstVyrePlan *plan = workload->plan;

  for (guint i = 0; i < plan->n_slots; i++) {
    const GstVyreSlot *slot = &plan->slots[i];
    VyreBinding *binding = &job->bindings[i];

    switch (slot->kind) {
      case GST_VYRE_SLOT_LOG:
        gst_vyre_block_fill (job->blocks[i], NULL, slot->bytes);
        job->log = vyre_block_ref (job->blocks[i]);
        break;
      case GST_VYRE_SLOT_DATA:
      case GST_VYRE_SLOT_ZEROS:
        if (job->blocks[i] != NULL) {
          gst_vyre_block_fill (job->blocks[i], slot->data, slot->bytes);
          break;
        }
        /* fall through */
      case GST_VYRE_SLOT_KEPT:
        binding->block = workload->lasting[i].block;
        binding->length = slot->bytes;
        break;
      default:
        break;
    }
  }
}

/* --- what leaves ------------------------------------------------------------- */

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
make_output (GstVyreJob *job, guint slot, const GstVyreLengths *lengths)
{
  GstBuffer *output = gst_buffer_new ();

  if (lengths->leave > 0)
    gst_buffer_append_memory (
        output, gst_vyre_memory_new (g_steal_pointer (&job->blocks[slot]),
                    lengths->leave_offset, lengths->leave));
  carry_metadata (output, job->input, lengths);
  return output;
}

static void
choose_output (GstVyreJob *job, const GstVyreLengths *lengths)
{
  const GstVyrePlan *plan = job->workload->plan;

  if (plan->outgoing < 0) {
    job->output = g_steal_pointer (&job->input);
    return;
  }
  if (plan->outgoing != (gint) plan->input || job->blocks[plan->input]) {
    job->output = make_output (job, plan->outgoing, lengths);
  } else {
    job->output = gst_buffer_make_writable (g_steal_pointer (&job->input));
    if (lengths->leave != gst_buffer_get_size (job->output))
      gst_buffer_resize (job->output, lengths->leave_offset, lengths->leave);
  }
  /* Whether the result of a gap is one too, only the program knows. */
  GST_BUFFER_FLAG_UNSET (job->output, GST_BUFFER_FLAG_GAP);
}

/* --- preparing ------------------------------------------------------------------ */

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

static void
take_in_place (GstVyreJob *job, VyreBlock *block, gsize offset,
    const GstVyreLengths *lengths)
{
  gsize size = gst_buffer_get_size (job->input);

  if (size < lengths->input) {
    memset (block->data + offset + size, 0, lengths->input - size);
    vyre_block_note_write (block);
  }
  job->bindings[job->workload->plan->input] =
      (VyreBinding){ block, offset, lengths->input };
  job->in_place = size;
}

/* The window takes references to all memory. */
static gboolean
bind_window (GstVyreJob *job, guint64 max_steps, GError **error)
{
  GstVyreWorkload *workload = job->workload;
  VyreSubmitOptions options = { NULL, max_steps };

  if (job->window != NULL && job->max_steps != max_steps)
    g_clear_pointer (&job->window, vyre_window_unref);
  job->max_steps = max_steps;
  if (job->window != NULL)
    return vyre_window_rebind (
        job->window, job->bindings, workload->plan->n_slots, error);
  job->window = vyre_window_prepare (workload->tenant, workload->executable,
      job->bindings, workload->plan->n_slots, &options, error);
  return job->window != NULL;
}

GstVyreProgress
gst_vyre_job_prepare (GstVyreJob *job, guint64 max_steps, GError **error)
{
  GstVyreWorkload *workload = job->workload;
  const GstVyrePlan *plan = workload->plan;
  GstVyreLengths lengths;
  VyreBlock *in_place;
  GstVyreProgress progress;
  GError *inner = NULL;
  gsize offset = 0;

  if (!gst_vyre_plan_measure (
          plan, gst_buffer_get_size (job->input), &lengths, error))
    return GST_VYRE_FAILED;
  job->copied = job->in_place = 0;
  in_place = usable_in_place (job, &lengths, &offset);
  progress = alloc_all (job, &lengths, in_place == NULL, error);
  if (progress != GST_VYRE_READY)
    return progress;

  fill_slots (job);
  if (in_place)
    take_in_place (job, in_place, offset, &lengths);
  else if (!copy_input (job, job->blocks[plan->input], &lengths))
    goto unreadable;
  job->bytes += job->in_place;
  if (!bind_window (job, max_steps, &inner))
    goto not_bound;
  choose_output (job, &lengths);
  drop_blocks (job);
  return GST_VYRE_READY;

not_bound:
  /* Whoever waits holds nothing that others could be waiting for: neither
   * memory nor windows that are only kept for later. */
  drop_blocks (job);
  gst_vyre_workload_trim (workload);
  if (g_error_matches (inner, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY)) {
    g_error_free (inner);
    return GST_VYRE_BUSY;
  }
  g_propagate_error (error, inner);
  return GST_VYRE_FAILED;

unreadable:
  g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
      "cannot read the %" G_GSIZE_FORMAT " bytes of the incoming buffer",
      gst_buffer_get_size (job->input));
  return GST_VYRE_FAILED;
}

const void *
gst_vyre_job_get_log (const GstVyreJob *job, gsize *bytes)
{
  const GstVyrePlan *plan = job->workload->plan;

  if (job->log == NULL)
    return NULL;
  *bytes = plan->slots[plan->log].bytes;
  return job->log->data;
}

guint
gst_vyre_jobs_publish (GstVyreJob *const *jobs, guint n, GError **error)
{
  VyreWindow *windows[GST_VYRE_PUBLISH_MAX];
  gint64 now = g_get_monotonic_time ();
  gsize copied = 0, in_place = 0;
  GError *inner = NULL;
  guint published;

  g_return_val_if_fail (n > 0 && n <= GST_VYRE_PUBLISH_MAX, 0);

  for (guint i = 0; i < n; i++) {
    gst_vyre_workload_take_shadows (jobs[i]->workload, jobs[i]);
    jobs[i]->submitted = now;
    windows[i] = jobs[i]->window;
  }
  published = vyre_windows_publish (windows, n, &inner);
  if (g_error_matches (inner, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY))
    g_clear_error (&inner);
  for (guint i = published; i < n; i++)
    jobs[i]->submitted = 0;
  for (guint i = 0; i < published; i++) {
    copied += jobs[i]->copied;
    in_place += jobs[i]->in_place;
  }
  if (published > 0)
    vyre_runtime_note_copy (jobs[0]->workload->runtime, copied, in_place);
  if (inner != NULL)
    g_propagate_error (error, inner);
  return published;
}
