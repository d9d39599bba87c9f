/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "oracle.h"

#include "reference/reference.h"
#include "vir0/text.h"

#include <string.h>

VyreLowered *
jit_lower_text (const char *text, guint registers)
{
  VyreLowerOptions options = { registers };
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_parse (text, strlen (text), &error);
  VyreLowered *lowered;

  if (program == NULL)
    g_error ("%s\n%s", error->message, text);
  lowered = vyre_lower (program, &options, &error);
  if (lowered == NULL)
    g_error ("%s\n%s", error->message, text);
  return lowered;
}

static void
fill (GByteArray *bytes, gsize length, guint32 seed)
{
  g_byte_array_set_size (bytes, (guint) length);
  for (gsize i = 0; i < length; i++) {
    seed = seed * 1664525u + 1013904223u;
    bytes->data[i] = (guint8) (seed >> 24);
  }
}

static GPtrArray *
make_buffers (const VyreProgram *program, gsize elements)
{
  GPtrArray *buffers =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_byte_array_unref);

  for (guint i = 0; i < program->n_buffers; i++) {
    const VyreBuffer *buffer = &program->buffers[i];
    gsize n = buffer->count > 0 ? buffer->count : elements;

    g_ptr_array_add (buffers, g_byte_array_new ());
    fill (buffers->pdata[i], n * vyre_type_stride (buffer->element),
        (guint32) elements + i);
  }
  return buffers;
}

/* The fault, or 0 with outputs. */
static guint
run_reference (const VyreProgram *program, const JitComparison *how,
    const guint32 *grid, GPtrArray *buffers, GPtrArray **outputs)
{
  VyreReferenceOptions options = VYRE_REFERENCE_OPTIONS_DEFAULT;
  g_autoptr (GPtrArray) inputs =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_bytes_unref);
  g_autoptr (GError) error = NULL;

  options.grid = grid;
  for (guint i = 0; i < buffers->len; i++) {
    GByteArray *bytes = buffers->pdata[i];

    if (vyre_buffer_role (&program->buffers[i]) == VYRE_ROLE_WORKGROUP)
      continue;
    g_ptr_array_add (inputs, g_bytes_new (bytes->data, bytes->len));
  }
  if (vyre_reference_run (program, &options, (GBytes **) inputs->pdata,
          inputs->len, outputs, &error))
    return 0;
  if (error->domain != VYRE_REFERENCE_ERROR ||
      error->code <= VYRE_REFERENCE_ERROR_WORKGROUP)
    g_error ("%s: %s", how->name, error->message);
  return (guint) error->code;
}

static void
compare_outputs (const VyreProgram *program, const JitComparison *how,
    GPtrArray *outputs, GPtrArray *buffers)
{
  guint next = 0;

  for (guint i = 0; i < program->n_buffers; i++) {
    const GByteArray *got = buffers->pdata[i];
    VyreRole role = vyre_buffer_role (&program->buffers[i]);
    const guint8 *wanted;
    gsize length;

    if (role != VYRE_ROLE_INOUT && role != VYRE_ROLE_OUTPUT)
      continue;
    wanted = g_bytes_get_data (g_ptr_array_index (outputs, next++), &length);
    g_assert_cmpuint (got->len, ==, length);
    for (gsize at = 0; at < length; at++)
      if (got->data[at] != wanted[at])
        g_error (
            "%s, %" G_GSIZE_FORMAT " elements, misaligned by %" G_GSIZE_FORMAT
            ": byte %" G_GSIZE_FORMAT " of buffer %u is %02x instead of %02x",
            how->name, how->elements, how->run.misalign, at, i, got->data[at],
            wanted[at]);
  }
}

void
jit_compare (
    const VyreLowered *lowered, JitProgram *compiled, const JitComparison *how)
{
  const VyreProgram *program = lowered->program;
  g_autoptr (GPtrArray) buffers = make_buffers (program, how->elements);
  g_autoptr (GPtrArray) outputs = NULL;
  g_autofree guint64 *bytes = g_new0 (guint64, program->n_buffers);
  g_autoptr (GError) error = NULL;
  guint32 grid[3];
  JitRunResult result;
  guint fault;

  for (guint i = 0; i < program->n_buffers; i++)
    bytes[i] = ((GByteArray *) buffers->pdata[i])->len;
  if (how->grid != NULL)
    memcpy (grid, how->grid, sizeof grid);
  else
    vyre_grid_compute (program, lowered->has_atomics, bytes, grid, &error);
  g_assert_no_error (error);
  fault = run_reference (program, how, grid, buffers, &outputs);
  jit_program_run (
      compiled, &how->run, (GByteArray **) buffers->pdata, grid, &result);
  if (result.code != fault)
    g_error ("%s, %" G_GSIZE_FORMAT " elements: fault %u instead of %u",
        how->name, how->elements, result.code, fault);
  if (fault == 0)
    compare_outputs (program, how, outputs, buffers);
  else
    g_assert_true (how->may_fault);
}
