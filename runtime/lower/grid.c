/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* How many workgroups a dispatch has: vir0-semantics.md section 5.1. */
#include "lower.h"

/* Elements in bytes; FALSE if the type has no size. */
static gboolean
count_elements (const VyreType *type, guint64 bytes, guint64 *count)
{
  guint64 bits;

  if (type->kind == VYRE_TYPE_ARRAY) {
    *count = type->size == 0 ? bytes : bytes / type->size;
    return TRUE;
  }
  bits = vyre_type_bits (type);
  if (bits == 0)
    return FALSE;
  /* bytes * 8 / bits without overflow */
  *count = bits % 8 == 0              ? bytes / (bits / 8)
           : bytes <= G_MAXUINT64 / 8 ? bytes * 8 / bits
                                      : G_MAXUINT64;
  return TRUE;
}

/* The smallest base whose power reaches total. */
static guint32
root_up (guint64 total, guint power)
{
  guint64 low = 1, high = total;

  while (low < high) {
    guint64 middle = low + (high - low) / 2, product = 1;

    for (guint i = 0; i < power && product < total; i++)
      product = middle > G_MAXUINT64 / product ? total : product * middle;
    if (product >= total)
      high = middle;
    else
      low = middle + 1;
  }
  return (guint32) low;
}

/**
 * vyre_grid_compute:
 * @program: a program
 * @has_atomics: whether an Atomic stands anywhere in it
 * @byte_lengths: actual length of every buffer, in declaration order
 * @grid: (out): workgroups on each axis, at least 1
 *
 * Fails if a buffer has elements of no size or more than 2^32 - 1 of them, or
 * if an invocation id would exceed 32 bits. May be called from any thread.
 */
gboolean
vyre_grid_compute (const VyreProgram *program, gboolean has_atomics,
    const guint64 *byte_lengths, guint32 grid[3], GError **error)
{
  guint64 outputs = 0, inputs = 1, special = 0, elements, lanes = 1, total;
  gboolean any_returned = FALSE, full = has_atomics;
  guint n_active = 0;
  guint32 base;

  for (guint i = 0; i < program->n_buffers; i++) {
    const VyreBuffer *buffer = &program->buffers[i];
    VyreRole role = vyre_buffer_role (buffer);
    g_autofree char *name = NULL;
    guint64 count;

    if (role == VYRE_ROLE_WORKGROUP) {
      full = TRUE;
      continue;
    }
    if (vyre_string_is (buffer->name, "pg_nodes") && buffer->binding == 0)
      special = buffer->count;
    if (!count_elements (buffer->element, byte_lengths[i], &count)) {
      name = vyre_string_display (buffer->name);
      g_set_error (error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_INVALID,
          "buffer `%s` has elements of type %s, which have no size; declare "
          "it with U8 or U32 elements [R04]",
          name, vyre_type_kind_name (buffer->element->kind));
      return FALSE;
    }
    if (count > G_MAXUINT32) {
      name = vyre_string_display (buffer->name);
      g_set_error (error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_LIMIT,
          "buffer `%s` of %" G_GUINT64_FORMAT " bytes has more than 2^32 - 1 "
          "elements; split the data [R04]",
          name, byte_lengths[i]);
      return FALSE;
    }
    if (role == VYRE_ROLE_INPUT) {
      inputs = MAX (inputs, count);
    } else {
      any_returned = TRUE;
      outputs = MAX (outputs, count);
    }
  }

  for (guint axis = 0; axis < 3; axis++) {
    guint32 size = MAX (program->workgroup_size[axis], 1);

    lanes = MIN (lanes * size, (guint64) G_MAXUINT32);
    if (size > 1)
      n_active++;
  }
  elements = MAX (MAX (outputs, special), 1);
  if (!any_returned || full)
    elements = MAX (elements, inputs);
  total = MAX (1, (elements + lanes - 1) / lanes);

  base = root_up (total, MAX (n_active, 1));
  for (guint axis = 0; axis < 3; axis++) {
    guint32 size = MAX (program->workgroup_size[axis], 1);

    grid[axis] = (n_active == 0 ? axis == 0 : size > 1) ? base : 1;
    if ((guint64) grid[axis] * size > (guint64) G_MAXUINT32 + 1) {
      g_set_error (error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_LIMIT,
          "%u workgroups of %u invocations on axis %u: invocation ids exceed "
          "32 bits; use smaller buffers [R05]",
          grid[axis], size, axis);
      return FALSE;
    }
  }
  return TRUE;
}
