/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

#include "../lower/lower.h"

#include <string.h>

/* Bytes in, bytes out, and the grid: vir0-semantics.md sections 4 and 5. */

#define MAX_WORKGROUP_BYTES ((guint64) 64 * 1024 * 1024)

/* The static size; 0 for a buffer that is sized at run time. */
static gboolean
static_size (VyreRefExec *exec, const VyreBuffer *decl, guint64 *size)
{
  g_autofree char *name = NULL;

  *size = 0;
  if (decl->element->kind != VYRE_TYPE_ARRAY &&
      vyre_type_bits (decl->element) == 0) {
    name = vyre_string_display (decl->name);
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_INPUT,
        "buffer `%s` has elements of type %s, which have no size; declare it "
        "with another",
        name, vyre_type_kind_name (decl->element->kind));
  }
  if (decl->count == 0 ||
      vyre_type_static_size (decl->element, decl->count, size))
    return TRUE;
  name = vyre_string_display (decl->name);
  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_INPUT,
      "buffer `%s` of %u elements is larger than 2^64 bytes", name,
      decl->count);
}

static gboolean
check_count (VyreRefExec *exec, const VyreBuffer *decl, guint64 length)
{
  const VyreType *type = decl->element;
  guint64 bits = vyre_type_bits (type);
  g_autofree char *name = NULL;
  guint64 count = length;

  if (type->kind == VYRE_TYPE_ARRAY)
    count = type->size > 0 ? length / type->size : length;
  else if (bits % 8 == 0)
    count = length / (bits / 8);
  else
    count = MIN (length, G_MAXUINT64 / 8) * 8 / bits;
  if (count <= G_MAXUINT32)
    return TRUE;
  name = vyre_string_display (decl->name);
  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_INPUT,
      "buffer `%s` of %" G_GUINT64_FORMAT " bytes has more than 2^32 - 1 "
      "elements; split the data",
      name, length);
}

static gboolean
make_buffer (VyreRefExec *exec, VyreRefBuffer *buffer, guint64 length)
{
  g_autofree char *name = NULL;

  if (buffer->decl->access != VYRE_ACCESS_WORKGROUP &&
      !check_count (exec, buffer->decl, length))
    return FALSE;
  if (!vyre_ref_reserve (exec, length))
    return FALSE;
  /* One byte more: no buffer is a NULL pointer. */
  if (length < G_MAXSSIZE)
    buffer->data = g_try_malloc0 (length + 1);
  if (buffer->data) {
    buffer->length = length;
    return TRUE;
  }
  name = vyre_string_display (buffer->decl->name);
  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_MEMORY,
      "there is no memory for buffer `%s` of %" G_GUINT64_FORMAT " bytes", name,
      length);
}

static gboolean
bind_input (
    VyreRefExec *exec, VyreRefBuffer *buffer, GBytes *input, guint64 size)
{
  g_autofree char *name = NULL;
  gconstpointer data;
  gsize length;

  if (!input) {
    name = vyre_string_display (buffer->decl->name);
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_INPUT,
        "buffer `%s` has no data; give bytes for every input", name);
  }
  data = g_bytes_get_data (input, &length);
  if (length < size) {
    name = vyre_string_display (buffer->decl->name);
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_INPUT,
        "buffer `%s` got %" G_GSIZE_FORMAT " bytes and needs %" G_GUINT64_FORMAT
        " (%u of %s); give more",
        name, length, size, buffer->decl->count,
        vyre_type_kind_name (buffer->decl->element->kind));
  }
  if (!make_buffer (exec, buffer, length))
    return FALSE;
  if (length > 0)
    memcpy (buffer->data, data, length);
  return TRUE;
}

static gboolean
takes_input (const VyreBuffer *decl)
{
  VyreRole role = vyre_buffer_role (decl);

  return role == VYRE_ROLE_INPUT || role == VYRE_ROLE_INOUT;
}

/* Whether there are bytes for the outputs as well, to be ignored. */
static gboolean
is_compatible_list (const VyreProgram *program, guint n_inputs)
{
  guint n_wanted = 0, n_all = 0;

  for (guint i = 0; i < program->n_buffers; i++) {
    n_wanted += takes_input (&program->buffers[i]);
    n_all += program->buffers[i].access != VYRE_ACCESS_WORKGROUP;
  }
  return n_inputs == n_all && n_inputs != n_wanted;
}

gboolean
vyre_ref_bind (VyreRefExec *exec, GBytes *const *inputs, guint n_inputs)
{
  const VyreProgram *program = exec->program;
  gboolean compatible = is_compatible_list (program, n_inputs);
  guint64 workgroup_bytes = 0;
  guint next = 0;

  exec->buffers = g_new0 (VyreRefBuffer, MAX (program->n_buffers, 1));
  for (guint i = 0; i < program->n_buffers; i++)
    exec->buffers[i].decl = &program->buffers[i];

  for (guint i = 0; i < program->n_buffers; i++) {
    VyreRefBuffer *buffer = &exec->buffers[i];
    guint64 size;

    if (!static_size (exec, buffer->decl, &size))
      return FALSE;
    if (buffer->decl->access == VYRE_ACCESS_WORKGROUP) {
      if (!g_uint64_checked_add (&workgroup_bytes, workgroup_bytes, size) ||
          workgroup_bytes > MAX_WORKGROUP_BYTES)
        return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_WORKGROUP,
            "workgroup memory exceeds %" G_GUINT64_FORMAT " bytes; use less",
            MAX_WORKGROUP_BYTES);
      if (!make_buffer (exec, buffer, size))
        return FALSE;
    } else if (takes_input (buffer->decl)) {
      if (!bind_input (
              exec, buffer, next < n_inputs ? inputs[next] : NULL, size))
        return FALSE;
      next++;
    } else {
      next += compatible;
      if (!make_buffer (exec, buffer, size))
        return FALSE;
    }
  }
  if (next < n_inputs)
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_INPUT,
        "bytes for %u buffers were given, the program takes %u; give as many",
        n_inputs, next);
  return TRUE;
}

gboolean
vyre_ref_compute_grid (VyreRefExec *exec)
{
  const VyreProgram *program = exec->program;
  g_autofree guint64 *lengths = g_new0 (guint64, MAX (program->n_buffers, 1));
  g_autoptr (GError) error = NULL;

  if (exec->options->grid) {
    for (guint axis = 0; axis < 3; axis++) {
      exec->grid[axis] = exec->options->grid[axis];
      if (exec->grid[axis] == 0 ||
          (guint64) exec->grid[axis] * program->workgroup_size[axis] >
              (guint64) G_MAXUINT32 + 1)
        return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_WORKGROUP,
            "%u workgroups of %u invocations on axis %u: there must be some, "
            "and ids of 32 bits",
            exec->grid[axis], program->workgroup_size[axis], axis);
    }
    return TRUE;
  }
  for (guint i = 0; i < program->n_buffers; i++)
    lengths[i] = exec->buffers[i].length;
  /* Types and counts have been checked: what is left are ids. */
  return vyre_grid_compute (
             program, exec->has_atomics, lengths, exec->grid, &error) ||
         vyre_ref_fail (
             exec, VYRE_REFERENCE_ERROR_WORKGROUP, "%s", error->message);
}

GPtrArray *
vyre_ref_collect (VyreRefExec *exec)
{
  GPtrArray *outputs =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);

  for (guint i = 0; i < exec->program->n_buffers; i++) {
    const VyreRefBuffer *buffer = &exec->buffers[i];
    const VyreBuffer *decl = buffer->decl;
    VyreRole role = vyre_buffer_role (decl);
    guint64 start = 0, end = buffer->length;

    if (role != VYRE_ROLE_OUTPUT && role != VYRE_ROLE_INOUT)
      continue;
    if (decl->has_output_range && decl->range_start <= decl->range_end &&
        decl->range_end <= buffer->length) {
      start = decl->range_start;
      end = decl->range_end;
    }
    g_ptr_array_add (outputs, g_bytes_new (buffer->data + start, end - start));
  }
  return outputs;
}
