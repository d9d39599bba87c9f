/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A dispatch as a window of slots: checking, describing, publishing, waiting. */

#include "engine-private.h"

typedef struct
{
  guint32 grid[3];
  guint64 groups; /* workgroups */
  guint32 group_size; /* invocations of one */
  guint32 warps; /* lane groups of one, or of nothing if flat */
  guint n_tiles;
  guint32 groups_per_tile;
} Plan;

/* --- checks -------------------------------------------------------------- */

static gboolean
check_binding (VyreRuntime *runtime, const VyreBuffer *buffer,
    const VyreBinding *binding, GError **error)
{
  g_autofree char *name = vyre_string_display (buffer->name);
  guint64 wanted = 0;

  if (buffer->count > 0 &&
      !vyre_type_static_size (buffer->element, buffer->count, &wanted)) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "buffer '%s': %u elements of type %s have no size in bytes", name,
        buffer->count, vyre_type_kind_name (buffer->element->kind));
    return FALSE;
  }
  if (binding->length < wanted) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "buffer '%s' needs %" G_GUINT64_FORMAT
        " bytes (%u of %s), %" G_GSIZE_FORMAT " are bound",
        name, wanted, buffer->count,
        vyre_type_kind_name (buffer->element->kind), binding->length);
    return FALSE;
  }
  if (binding->length > G_MAXUINT32 - 3) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "buffer '%s': %" G_GSIZE_FORMAT " bytes are more than one dispatch "
        "can address (4294967292); use smaller buffers",
        name, binding->length);
    return FALSE;
  }
  if (binding->length == 0)
    return TRUE;
  if (binding->block == NULL ||
      vyre_runtime_find_mapped (runtime, binding->block->arena) == NULL) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "buffer '%s' is not in an arena of this device; copy it into one",
        name);
    return FALSE;
  }
  gsize rounded = (binding->length + 3) & ~(gsize) 3;
  if (binding->offset % 4 != 0 || binding->offset > binding->block->size ||
      rounded > binding->block->size - binding->offset) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "buffer '%s': offset %" G_GSIZE_FORMAT " and length %" G_GSIZE_FORMAT
        " do not fit a block of %" G_GSIZE_FORMAT " bytes in whole words",
        name, binding->offset, binding->length, binding->block->size);
    return FALSE;
  }
  return TRUE;
}

static gboolean
make_plan (VyreRuntime *runtime, const VyreLowered *lowered,
    const VyreBinding *bindings, const VyreSubmitOptions *options, Plan *plan,
    GError **error)
{
  const VyreProgram *program = lowered->program;
  const guint32 *size = program->workgroup_size;

  if (options->grid != NULL) {
    for (guint i = 0; i < 3; i++)
      plan->grid[i] = options->grid[i];
  } else {
    g_autofree guint64 *lengths = g_new0 (guint64, program->n_buffers + 1);
    for (guint i = 0; i < program->n_buffers; i++)
      lengths[i] = bindings[i].length;
    if (!vyre_grid_compute (
            program, lowered->has_atomics, lengths, plan->grid, error))
      return FALSE;
  }

  guint64 xy = (guint64) plan->grid[0] * plan->grid[1];
  gboolean fits = xy <= G_MAXUINT32 && xy * plan->grid[2] <= G_MAXUINT32;
  for (guint i = 0; i < 3; i++)
    fits = fits && plan->grid[i] > 0 &&
           (guint64) plan->grid[i] * size[i] <= G_MAXUINT32;
  if (!fits) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "a grid of %u x %u x %u workgroups of %u x %u x %u is empty or has "
        "ids beyond 32 bits; use smaller buffers",
        plan->grid[0], plan->grid[1], plan->grid[2], size[0], size[1], size[2]);
    return FALSE;
  }
  plan->groups = xy * plan->grid[2];
  plan->group_size = size[0] * size[1] * size[2];
  plan->warps = lowered->grouped
                    ? (plan->group_size + runtime->lanes - 1) / runtime->lanes
                    : 1;

  /* Tiles: enough to keep every workgroup of a launch busy, each with a few
   * lane groups of work, none beyond what 32 bits count. */
  guint64 batches =
      (plan->groups * plan->group_size + runtime->lanes - 1) / runtime->lanes;
  guint64 tiles = MIN (batches / 4 + 1, plan->groups);
  tiles = MIN (tiles, runtime->max_tiles);
  plan->groups_per_tile = (plan->groups + tiles - 1) / tiles;
  plan->n_tiles =
      (plan->groups + plan->groups_per_tile - 1) / plan->groups_per_tile;
  if ((guint64) plan->groups_per_tile * plan->group_size > G_MAXINT32) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "%" G_GUINT64_FORMAT " workgroups of %u invocations are more than one "
        "dispatch may have; use smaller buffers",
        plan->groups, plan->group_size);
    return FALSE;
  }
  return TRUE;
}

/* --- publishing ------------------------------------------------------------ */

static void
write_binding (VyreRuntime *runtime, const VyreBuffer *buffer,
    const VyreLoweredBuffer *lowered, const VyreBinding *binding,
    guint32 *words)
{
  guint64 address = 0;
  guint64 bytes = binding->length;

  if (buffer->access == VYRE_ACCESS_WORKGROUP) {
    vyre_type_static_size (buffer->element, buffer->count, &bytes);
    words[VYRE_B_ADDRESS_LO] = lowered->shared_offset;
    words[VYRE_B_ADDRESS_HI] = VYRE_B_SHARED;
  } else {
    if (binding->length > 0) {
      VyreMappedArena *mapped =
          vyre_runtime_find_mapped (runtime, binding->block->arena);
      address = mapped->address + binding->block->offset + binding->offset;
    }
    words[VYRE_B_ADDRESS_LO] = (guint32) address;
    words[VYRE_B_ADDRESS_HI] = (guint32) (address >> 32);
  }
  words[VYRE_B_BYTES] = (guint32) bytes;
  words[VYRE_B_COUNT] = vyre_type_element_count (buffer->element, bytes);
}

static void
write_descriptor (
    VyreWindow *window, const Plan *plan, const VyreSubmitOptions *options)
{
  VyreRuntime *runtime = window->runtime;
  const VyreExecutable *executable = window->executable;
  const VyreLowered *lowered = executable->lowered;
  const VyreProgram *program = lowered->program;
  guint32 words[VYRE_DESCRIPTOR_WORDS] = { 0 };
  /* The kernel counts the steps of a workgroup's lane groups together. */
  guint64 limit = options->max_steps;
  if (limit > G_MAXUINT64 / plan->warps)
    limit = 0;
  limit *= plan->warps;

  words[VYRE_X_GENERATION] = window->descriptor_generation;
  words[VYRE_X_TENANT] = window->tenant;
  words[VYRE_X_CODE_LO] = (guint32) executable->code_address;
  words[VYRE_X_CODE_HI] = (guint32) (executable->code_address >> 32);
  words[VYRE_X_CODE_LENGTH] = lowered->n_instructions;
  words[VYRE_X_FLAGS] = lowered->grouped ? VYRE_XF_GROUPED : 0;
  words[VYRE_X_REGISTERS] = lowered->n_registers;
  words[VYRE_X_SPILLS] = lowered->n_spills;
  for (guint i = 0; i < 3; i++) {
    words[VYRE_X_SIZE_X + i] = program->workgroup_size[i];
    words[VYRE_X_GRID_X + i] = plan->grid[i];
  }
  words[VYRE_X_INVOCATIONS] = plan->group_size;
  words[VYRE_X_SHARED_WORDS] = lowered->shared_words;
  words[VYRE_X_WARPS] = plan->warps;
  words[VYRE_X_MAX_STEPS_LO] = (guint32) limit;
  words[VYRE_X_MAX_STEPS_HI] = (guint32) (limit >> 32);
  words[VYRE_X_BINDINGS] = lowered->n_bindings;
  for (guint i = 0; i < program->n_buffers; i++) {
    gint slot = lowered->buffers[i].binding;
    if (slot < 0)
      continue;
    write_binding (runtime, &program->buffers[i], &lowered->buffers[i],
        &window->bindings[i],
        words + VYRE_X_BINDING0 + slot * VYRE_BINDING_WORDS);
  }
  if (lowered->has_exchange) {
    guint32 *binding = words + VYRE_X_BINDING0 +
                       lowered->exchange_binding * VYRE_BINDING_WORDS;
    binding[VYRE_B_ADDRESS_LO] = lowered->exchange_offset;
    binding[VYRE_B_ADDRESS_HI] = VYRE_B_SHARED;
    binding[VYRE_B_BYTES] = 4 * plan->group_size;
    binding[VYRE_B_COUNT] = plan->group_size;
  }

  guint used = VYRE_X_BINDING0 + lowered->n_bindings * VYRE_BINDING_WORDS;
  for (guint i = 0; i < used; i++)
    vyre_poke (runtime->descriptors,
        window->descriptor * VYRE_DESCRIPTOR_WORDS + i, words[i]);
}

static void
publish (VyreWindow *window, const Plan *plan, guint32 residency)
{
  VyreRuntime *runtime = window->runtime;
  gboolean oldest = g_queue_is_empty (&runtime->windows);
  guint32 ticket = runtime->next_ticket++;
  g_autofree guint32 *slots = g_new (guint32, plan->n_tiles);

  for (guint tile = 0; tile < plan->n_tiles; tile++) {
    guint64 sequence = window->first_sequence + tile;
    guint32 first = tile * plan->groups_per_tile;
    slots[tile] = sequence & (runtime->slots - 1);
    guint32 *slot = runtime->shadow + slots[tile] * VYRE_SLOT_WORDS;

    slot[VYRE_W_STATUS] = VYRE_ST_PUBLISHED;
    slot[VYRE_W_OPCODE] =
        vyre_ring_tenant_base (window->tenant) + VYRE_TENANT_OP_RUN_TILE;
    slot[VYRE_W_TENANT] = window->tenant;
    slot[VYRE_W_PRIORITY] = VYRE_PRI_NORMAL;
    slot[VYRE_A_TICKET] = ticket;
    slot[VYRE_A_CLASS] =
        oldest ? VYRE_RING_CLASS_REQUIRED : VYRE_RING_CLASS_LOOKAHEAD;
    slot[VYRE_A_DESCRIPTOR] = window->descriptor;
    slot[VYRE_A_WINDOW_GENERATION] = window->descriptor_generation;
    slot[VYRE_A_TILE_FIRST] = first;
    slot[VYRE_A_TILE_COUNT] = MIN (plan->groups_per_tile, plan->groups - first);
    slot[VYRE_A_RESIDENCY] = residency;
    slot[VYRE_A_SEQUENCE] = (guint32) (sequence + 1);
    slot[VYRE_A_KERNEL] = window->executable->features;
    slot[VYRE_A_SAVE_AREA] = 0;
    slot[VYRE_A_ERROR] = 0;
  }
  vyre_ring_publish_mapped ((volatile guint32 *) runtime->ring->map,
      runtime->shadow, slots, plan->n_tiles);
  vyre_runtime_poke_oldest (runtime);
  vyre_poke (runtime->control, VYRE_C_TAIL, (guint32) runtime->next_sequence);
  vyre_poke (runtime->control, VYRE_C_SKIPPED, runtime->skipped_sequences);
  vyre_ring_store_fence ();
}

/* Lock held. The kernel generation that the window needs. */
static guint32
residency_for (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;
  guint32 required = runtime->generation;

  for (guint i = 0; i < window->n_bindings; i++) {
    const VyreBinding *binding = &window->bindings[i];
    if (binding->block == NULL)
      continue;
    guint32 wanted = vyre_generation_required (
        runtime, binding->block, binding->offset, binding->length);
    if ((gint32) (wanted - required) > 0)
      required = wanted;
  }
  for (guint i = 0; i < window->n_bindings; i++) {
    const VyreBinding *binding = &window->bindings[i];
    if (binding->block != NULL)
      vyre_generation_note_read (
          runtime, binding->block, binding->offset, binding->length, required);
  }
  if ((gint32) (required - runtime->required_generation) > 0) {
    runtime->required_generation = required;
    if (runtime->n_launches > 0)
      runtime->n_generations++;
    vyre_poke (runtime->control, VYRE_C_LEAVE, required);
  }
  return required;
}

/* Lock held. The first sequence from which on n slots in a row are free. A window
 * that stays long holds its own slots up and no others. FALSE: there is none. */
static gboolean
find_slots (VyreRuntime *runtime, guint n, guint64 *first)
{
  guint64 start = runtime->next_sequence;
  guint32 mask = runtime->slots - 1;
  gboolean clear = start - runtime->oldest_sequence + n <= runtime->slots;

  while (!clear && start - runtime->next_sequence < runtime->slots) {
    clear = TRUE;
    for (GList *l = runtime->windows.head; l != NULL && clear; l = l->next) {
      const VyreWindow *other = l->data;
      guint32 behind = (guint32) (other->first_sequence - start) & mask;
      guint32 ahead = (guint32) (start - other->first_sequence) & mask;

      if (behind >= n && ahead >= other->n_tiles)
        continue;
      clear = FALSE;
      start += ahead < other->n_tiles ? other->n_tiles - ahead
                                      : behind + other->n_tiles;
    }
  }
  *first = start;
  return clear && start - runtime->next_sequence < runtime->slots;
}

/* Lock held. Slots in flight, of all and of this tenant, and its windows. */
static void
count_slots (
    VyreRuntime *runtime, guint tenant, guint *used, guint *own, guint *windows)
{
  *used = *own = *windows = 0;
  for (GList *l = runtime->windows.head; l != NULL; l = l->next) {
    const VyreWindow *window = l->data;
    *used += window->n_tiles;
    if (window->tenant == tenant) {
      *own += window->n_tiles;
      (*windows)++;
    }
  }
}

static gboolean
reserve (VyreRuntime *runtime, guint tenant, const Plan *plan, guint64 *first,
    GError **error)
{
  guint used, own, windows, kept = 0, descriptors = 0;

  if (runtime->failed) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LOST,
        "the runtime of %s has failed: %s", runtime->info->name,
        runtime->failure);
    return FALSE;
  }
  /* A tenant that has a quarter of the ring leaves a quarter to others: what it
   * runs may never end. */
  count_slots (runtime, tenant, &used, &own, &windows);
  if (own >= runtime->slots / 4)
    kept = runtime->slots / 4;
  if (windows >= VYRE_DESCRIPTORS / 4)
    descriptors = VYRE_DESCRIPTORS / 4;
  if (used + plan->n_tiles + kept > runtime->slots ||
      runtime->n_free_descriptors <= descriptors ||
      !find_slots (runtime, plan->n_tiles, first)) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY,
        "the ring is full: %u slots in a row are wanted, %u of %u are free, of "
        "which %u are for other tenants; wait for a window to end",
        plan->n_tiles, runtime->slots - used, runtime->slots, kept);
    return FALSE;
  }
  return TRUE;
}

VyreWindow *
vyre_tenant_submit (VyreTenant *tenant, VyreExecutable *executable,
    const VyreBinding *bindings, guint n_bindings,
    const VyreSubmitOptions *options, GError **error)
{
  VyreRuntime *runtime = tenant->runtime;
  const VyreLowered *lowered = executable->lowered;
  const VyreProgram *program = lowered->program;
  VyreSubmitOptions defaults = { NULL, 0 };
  Plan plan;
  guint64 first_sequence;

  g_return_val_if_fail (executable->runtime == runtime, NULL);
  if (options == NULL)
    options = &defaults;
  if (n_bindings != program->n_buffers) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "the program has %u buffers, %u are bound", program->n_buffers,
        n_bindings);
    return NULL;
  }
  for (guint i = 0; i < n_bindings; i++) {
    if (program->buffers[i].access != VYRE_ACCESS_WORKGROUP &&
        !check_binding (runtime, &program->buffers[i], &bindings[i], error))
      return NULL;
  }
  if (!make_plan (runtime, lowered, bindings, options, &plan, error))
    return NULL;

  VyreWindow *window = g_new0 (VyreWindow, 1);
  window->refs = 1;
  window->state = VYRE_WINDOW_RUNNING;
  window->runtime = vyre_runtime_ref (runtime);
  window->executable = vyre_executable_ref (executable);
  window->tenant = tenant->id;
  window->n_tiles = plan.n_tiles;
  window->n_bindings = n_bindings;
  window->bindings = g_new0 (VyreBinding, n_bindings + 1);
  for (guint i = 0; i < n_bindings; i++) {
    if (program->buffers[i].access == VYRE_ACCESS_WORKGROUP ||
        bindings[i].block == NULL)
      continue;
    window->bindings[i] = bindings[i];
    vyre_block_ref (bindings[i].block);
  }

  g_mutex_lock (&runtime->lock);
  if (!reserve (runtime, tenant->id, &plan, &first_sequence, error))
    goto refused;
  if (!vyre_ring_tenants_reserve (
          runtime->tenants, tenant->id, plan.n_tiles, error))
    goto refused;

  window->descriptor = runtime->free_descriptors[--runtime->n_free_descriptors];
  /* 0 never names a window: the CANCEL word of a fresh descriptor is 0. */
  if (++runtime->descriptor_generation[window->descriptor] == 0)
    runtime->descriptor_generation[window->descriptor] = 1;
  window->descriptor_generation =
      runtime->descriptor_generation[window->descriptor];
  window->first_sequence = first_sequence;
  runtime->skipped_sequences +=
      (guint32) (first_sequence - runtime->next_sequence);
  runtime->next_sequence = first_sequence + plan.n_tiles;
  guint32 residency = residency_for (window);
  write_descriptor (window, &plan, options);
  publish (window, &plan, residency);
  g_queue_push_tail (&runtime->windows, vyre_window_ref (window));

  runtime->windows_submitted++;
  runtime->tiles_published += plan.n_tiles;
  for (guint i = 0; i < n_bindings; i++)
    runtime->bytes_bound += window->bindings[i].length;
  vyre_window_note_published (window);
  g_cond_signal (&runtime->work);
  vyre_runtime_unlock (runtime);
  return window;

refused:
  vyre_runtime_unlock (runtime);
  vyre_window_unref (window);
  return NULL;
}

/* --- waiting ----------------------------------------------------------------- */

VyreWindowState
vyre_window_wait (VyreWindow *window, gint64 end_time, VyreWindowResult *result)
{
  VyreRuntime *runtime = window->runtime;

  g_mutex_lock (&runtime->lock);
  runtime->n_waiters++;
  while (window->state == VYRE_WINDOW_RUNNING) {
    if (vyre_runtime_reap (runtime))
      continue;
    if (end_time == 0 ||
        !g_cond_wait_until (&runtime->ended, &runtime->lock, end_time))
      break;
  }
  runtime->n_waiters--;
  VyreWindowState state = window->state;
  if (result != NULL) {
    result->state = state;
    result->code = window->code;
    result->address = window->address;
    result->message = state == VYRE_WINDOW_RUNNING ? NULL : window->message;
    result->steps = window->steps;
    result->slices = window->slices;
  }
  vyre_runtime_unlock (runtime);
  return state;
}

void
vyre_tenant_wait_room (VyreTenant *tenant, gint64 end_time)
{
  VyreRuntime *runtime = tenant->runtime;

  g_mutex_lock (&runtime->lock);
  if (!vyre_runtime_reap (runtime) && !g_queue_is_empty (&runtime->windows))
    g_cond_wait_until (&runtime->ended, &runtime->lock, end_time);
  vyre_runtime_unlock (runtime);
}

void
vyre_window_cancel (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;

  g_mutex_lock (&runtime->lock);
  vyre_window_cancel_locked (window);
  vyre_runtime_unlock (runtime);
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
  if (window == NULL || !g_atomic_int_dec_and_test (&window->refs))
    return;
  for (guint i = 0; i < window->n_bindings; i++) {
    if (window->bindings[i].block != NULL)
      vyre_block_unref (window->bindings[i].block);
  }
  g_free (window->bindings);
  vyre_executable_unref (window->executable);
  vyre_runtime_release (window->runtime);
  g_free (window->message);
  g_free (window);
}

const char *
vyre_fault_name (guint code)
{
  switch (code) {
    case VYRE_FAULT_NONE:
      return "no fault";
    case VYRE_FAULT_INDEX:
      return "R06: a value is not representable as an index or count";
    case VYRE_FAULT_OPERANDS:
      return "R07: operator not defined for its operands";
    case VYRE_FAULT_DIVISION:
      return "R08: signed division by zero or of the smallest number by -1";
    case VYRE_FAULT_CAST:
      return "R09: value not representable in the cast's target";
    case VYRE_FAULT_BARRIER:
      return "R13: divergent barrier";
    case VYRE_FAULT_ASYNC:
      return "R14: asynchronous copy tag misused";
    case VYRE_FAULT_TRAP:
      return "R15: trap";
    case VYRE_FAULT_SUBGROUP:
      return "R16: subgroup operation misused";
    case VYRE_FAULT_STEP_LIMIT:
      return "the program used up its max-steps";
    case VYRE_FAULT_BAD_OPCODE:
      return "unknown opcode in a ring slot";
    case VYRE_FAULT_BAD_DESCRIPTOR:
      return "a ring slot does not match its window descriptor";
    case VYRE_FAULT_BAD_CODE:
      return "instruction outside the verified set";
    case VYRE_FAULT_CANCELLED:
      return "cancelled";
    default:
      return "unknown fault code";
  }
}
