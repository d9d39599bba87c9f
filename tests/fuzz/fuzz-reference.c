/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The reference executor: any program on any bytes ends, within its limits. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "reference/reference.h"
#include "vir0/validate.h"

#define MAX_INPUTS 8

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr (VyreProgram) program = fuzz_program (data, size);
  VyreReferenceOptions options = { .max_steps = 20000,
    .max_bytes = 8 * 1024 * 1024 };
  g_autoptr (GPtrArray) outputs = NULL;
  g_autoptr (GError) error = NULL;
  GBytes *inputs[MAX_INPUTS];
  guint n = 0;
  gboolean ok;

  if (program == NULL)
    return 0;
  for (guint32 i = 0; i < program->n_buffers && n < MAX_INPUTS; i++) {
    const VyreBuffer *buffer = &program->buffers[i];
    VyreRole role = vyre_buffer_role (buffer);
    guint64 bytes = 0;
    guint8 *content;

    if (role != VYRE_ROLE_INPUT && role != VYRE_ROLE_INOUT)
      continue;
    if (!vyre_type_static_size (buffer->element, buffer->count, &bytes) ||
        bytes == 0 || bytes > 65536)
      bytes = 61;
    /* The program itself, again and again. */
    content = g_malloc (bytes);
    for (guint64 k = 0; k < bytes; k++)
      content[k] = data[(k + i) % size];
    inputs[n++] = g_bytes_new_take (content, bytes);
  }
  ok = vyre_reference_run (program, &options, inputs, n, &outputs, &error);
  FUZZ_ASSERT (ok == (error == NULL));
  FUZZ_ASSERT (ok == (outputs != NULL));
  if (!ok)
    FUZZ_ASSERT (g_utf8_validate (error->message, -1, NULL));
  for (guint i = 0; i < n; i++)
    g_bytes_unref (inputs[i]);
  return 0;
}
