/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From a program's buffers to a grid and a window descriptor. */

#include "engine-private.h"

#include <string.h>

/* Errors go on after the buffer's name. */

static gboolean
check_length (
    const VyreBuffer *buffer, const VyreBinding *binding, GError **error)
{
  guint64 wanted = 0;

  if (buffer->count > 0 &&
      !vyre_type_static_size (buffer->element, buffer->count, &wanted)) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "has %u elements of type %s, which have no size in bytes",
        buffer->count, vyre_type_kind_name (buffer->element->kind));
    return FALSE;
  }
  if (binding->length < wanted) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "needs %" G_GUINT64_FORMAT " bytes (%u of %s), %" G_GSIZE_FORMAT
        " are bound",
        wanted, buffer->count, vyre_type_kind_name (buffer->element->kind),
        binding->length);
    return FALSE;
  }
  if (binding->length > G_MAXUINT32 - 3) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "has %" G_GSIZE_FORMAT " bytes, more than one dispatch can address "
        "(4294967292); use smaller buffers",
        binding->length);
    return FALSE;
  }
  return TRUE;
}

static gboolean
check_place (VyreRuntime *runtime, const VyreBinding *binding, GError **error)
{
  if (binding->length == 0)
    return TRUE;
  if (binding->block == NULL ||
      vyre_runtime_find_mapped (runtime, binding->block->arena) == NULL) {
    g_set_error_literal (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "is not in an arena of this device; copy it into one");
    return FALSE;
  }
  gsize rounded = (binding->length + 3) & ~(gsize) 3;
  if (binding->offset % 4 != 0 || binding->offset > binding->block->size ||
      rounded > binding->block->size - binding->offset) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "has offset %" G_GSIZE_FORMAT " and length %" G_GSIZE_FORMAT
        ", which do not fit a block of %" G_GSIZE_FORMAT
        " bytes in whole words",
        binding->offset, binding->length, binding->block->size);
    return FALSE;
  }
  return TRUE;
}

/* resized: it has another length than when it was checked last. */
static gboolean
check_binding (VyreRuntime *runtime, const VyreBuffer *buffer,
    const VyreBinding *binding, gboolean resized, GError **error)
{
  if ((!resized || check_length (buffer, binding, error)) &&
      check_place (runtime, binding, error))
    return TRUE;
  g_autofree char *name = vyre_string_display (buffer->name);
  g_prefix_error (error, "buffer '%s' ", name);
  return FALSE;
}

static gboolean
compute_grid (VyreWindow *window, const VyreBinding *bindings, guint32 grid[3],
    GError **error)
{
  const VyreLowered *lowered = window->executable->lowered;
  const VyreProgram *program = lowered->program;
  guint64 lengths[VYRE_MAX_BINDINGS * 2];
  g_autofree guint64 *many = NULL;
  guint64 *all = lengths;

  if (program->n_buffers > G_N_ELEMENTS (lengths))
    all = many = g_new (guint64, program->n_buffers);
  for (guint i = 0; i < program->n_buffers; i++)
    all[i] = bindings[i].length;
  return vyre_grid_compute (program, lowered->has_atomics, all, grid, error);
}

/* As many as may be, unless workgroups would go without work for it. */
static guint
choose_quads (const VyreWindow *window, guint64 invocations)
{
  const VyreRuntime *runtime = window->runtime;
  guint64 quad = (guint64) runtime->lanes * VYRE_WIDE;
  guint quads = window->executable->most_quads;

  while (quads > 1 && invocations < quad * quads * runtime->wide_workgroups)
    quads /= 2;
  return quads;
}

gboolean
vyre_window_plan (
    VyreWindow *window, const VyreBinding *bindings, GError **error)
{
  VyreRuntime *runtime = window->runtime;
  const VyreLowered *lowered = window->executable->lowered;
  const VyreProgram *program = lowered->program;
  const guint32 *size = program->workgroup_size;
  guint32 grid[3] = { window->grid[0], window->grid[1], window->grid[2] };
  gboolean any_resized = !window->planned;

  for (guint i = 0; i < program->n_buffers; i++) {
    const VyreBinding *before = &window->bindings[i];
    gboolean resized = !window->planned || before->length != bindings[i].length;

    any_resized |= resized;
    if (program->buffers[i].access != VYRE_ACCESS_WORKGROUP &&
        !check_binding (
            runtime, &program->buffers[i], &bindings[i], resized, error))
      return FALSE;
  }
  /* All that follows is of the lengths only. */
  if (!any_resized)
    return TRUE;
  if (!window->fixed_grid && !compute_grid (window, bindings, grid, error))
    return FALSE;

  guint64 xy = (guint64) grid[0] * grid[1];
  gboolean fits = xy <= G_MAXUINT32 && xy * grid[2] <= G_MAXUINT32;
  for (guint i = 0; i < 3; i++)
    fits = fits && grid[i] > 0 && (guint64) grid[i] * size[i] <= G_MAXUINT32;
  if (!fits) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "a grid of %u x %u x %u workgroups of %u x %u x %u is empty or has "
        "ids beyond 32 bits; use smaller buffers",
        grid[0], grid[1], grid[2], size[0], size[1], size[2]);
    return FALSE;
  }
  guint64 groups = xy * grid[2];
  guint32 group_size = size[0] * size[1] * size[2];
  memcpy (window->grid, grid, sizeof grid);
  window->quads = choose_quads (window, groups * group_size);
  guint64 width = runtime->lanes * MAX (window->quads * VYRE_WIDE, 1);
  guint64 batches = (groups * group_size + width - 1) / width;
  window->groups = groups;
  window->batches = MIN (batches, G_MAXUINT32);
  window->group_size = group_size;
  window->warps =
      lowered->grouped ? (group_size + runtime->lanes - 1) / runtime->lanes : 1;
  window->planned = TRUE;
  return TRUE;
}

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

void
vyre_window_describe (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;
  const VyreExecutable *executable = window->executable;
  const VyreLowered *lowered = executable->lowered;
  const VyreProgram *program = lowered->program;
  guint wide = window->quads == 0
                   ? 0
                   : VYRE_XF_WIDE | window->quads / 2 << VYRE_XF_QUADS_SHIFT;
  guint used = VYRE_X_BINDING0 + lowered->n_bindings * VYRE_BINDING_WORDS;
  guint32 words[VYRE_DESCRIPTOR_WORDS];
  /* The kernel counts the steps of a workgroup's lane groups together. */
  guint64 limit = window->max_steps;
  if (limit > G_MAXUINT64 / window->warps)
    limit = 0;
  limit *= window->warps;

  /* Whole lines: parts of one are stored word by word. */
  used = (used + VYRE_LINE_WORDS - 1) & ~(VYRE_LINE_WORDS - 1);
  memset (words, 0, used * 4);
  words[VYRE_X_GENERATION] = window->descriptor_generation;
  words[VYRE_X_TENANT] = window->tenant;
  words[VYRE_X_CODE_LO] = (guint32) executable->code_address;
  words[VYRE_X_CODE_HI] = (guint32) (executable->code_address >> 32);
  words[VYRE_X_CODE_LENGTH] = lowered->n_instructions;
  words[VYRE_X_FLAGS] = (lowered->grouped ? VYRE_XF_GROUPED : 0) | wide;
  words[VYRE_X_REGISTERS] = lowered->n_registers;
  words[VYRE_X_SPILLS] = lowered->n_spills;
  for (guint i = 0; i < 3; i++) {
    words[VYRE_X_SIZE_X + i] = program->workgroup_size[i];
    words[VYRE_X_GRID_X + i] = window->grid[i];
  }
  words[VYRE_X_INVOCATIONS] = window->group_size;
  words[VYRE_X_SHARED_WORDS] = lowered->shared_words;
  words[VYRE_X_WARPS] = window->warps;
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
    binding[VYRE_B_BYTES] = 4 * window->group_size;
    binding[VYRE_B_COUNT] = window->group_size;
  }

  vyre_ring_store_lines ((volatile guint32 *) runtime->descriptors->map +
                             window->descriptor * VYRE_DESCRIPTOR_WORDS,
      words, used / VYRE_LINE_WORDS);
  window->described = TRUE;
}
