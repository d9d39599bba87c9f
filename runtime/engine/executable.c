/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "engine-private.h"
#include "../vir0/validate.h"

#include <string.h>

/* Words of save area that one workgroup of the program needs. */
static guint64
save_area_words (const VyreRuntime *runtime, const VyreLowered *lowered)
{
  const guint32 *size = lowered->program->workgroup_size;
  guint64 invocations = (guint64) size[0] * size[1] * size[2];
  guint64 warps = lowered->grouped
                      ? (invocations + runtime->lanes - 1) / runtime->lanes
                      : 1;

  return VYRE_S_HEADER_WORDS + lowered->shared_words +
         warps * runtime->lanes *
             (VYRE_S_LANE_ROWS + lowered->n_registers + lowered->n_spills);
}

static gboolean
check_limits (VyreRuntime *runtime, const VyreLowered *lowered, GError **error)
{
  const guint32 *size = lowered->program->workgroup_size;
  guint64 xy = (guint64) size[0] * size[1];

  if (xy > G_MAXUINT32 || xy * size[2] > 1u << 20) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "the workgroup of %u x %u x %u invocations is larger than 1048576; "
        "use a smaller workgroup",
        size[0], size[1], size[2]);
    return FALSE;
  }
  if (save_area_words (runtime, lowered) > runtime->area_words) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "a workgroup of this program needs %" G_GUINT64_FORMAT
        " bytes of state (%u bytes of workgroup memory, %u x %u x %u "
        "invocations, %u registers), the engine has %u; use a smaller "
        "workgroup or less workgroup memory",
        save_area_words (runtime, lowered) * 4, lowered->shared_words * 4,
        size[0], size[1], size[2], lowered->n_registers + lowered->n_spills,
        runtime->area_words * 4);
    return FALSE;
  }
  return TRUE;
}

static guint
needed_features (const VyreLowered *lowered)
{
  guint features = 0;

  for (guint32 i = 0; i < lowered->n_instructions; i++) {
    guint op = lowered->code[2 * i] & 127;
    if (op >= VYRE_I_FSIN)
      features |= VYRE_KERNEL_TRANSCENDENTAL;
    else if (op >= VYRE_I_FADD)
      features |= VYRE_KERNEL_FLOAT;
    else if (op == VYRE_I_ATOMIC)
      features |= VYRE_KERNEL_ATOMIC;
  }
  return features;
}

/* How many quads of invocations may a lane run at once? (VYRE_XF_WIDE) */
static guint
count_quads (const VyreLowered *lowered)
{
  const guint32 *size = lowered->program->workgroup_size;
  guint quads = VYRE_MOST_QUADS, levels = 1;

  if (lowered->grouped || lowered->n_spills > 0 || size[1] != 1 || size[2] != 1)
    return 0;
  for (guint32 i = 0; i < lowered->n_instructions; i++) {
    guint op = lowered->code[2 * i] & 127;
    guint level = lowered->code[2 * i] >> 8 & 63;

    if (op >= VYRE_I_IF && op <= VYRE_I_NEXT)
      levels = MAX (levels, level + 1);
  }
  if (levels > VYRE_WIDE_LEVELS)
    return 0;
  while (quads * VYRE_WIDE * lowered->n_registers > VYRE_I_MAX_REGISTERS ||
         quads * VYRE_WIDE * levels > 64)
    quads /= 2; /* to 0 where not even one fits */
  return quads;
}

static gboolean
has_loops (const VyreLowered *lowered)
{
  for (guint32 i = 0; i < lowered->n_instructions; i++) {
    if ((lowered->code[2 * i] & 127) == VYRE_I_LOOP)
      return TRUE;
  }
  return FALSE;
}

VyreExecutable *
vyre_executable_new (VyreRuntime *runtime, VyreProgram *program, GError **error)
{
  VyreLowerOptions options = { .max_registers = VYRE_I_MAX_REGISTERS };
  VyreLowered *lowered;

  /* All that is wrong at once; lowering stops at the first thing. */
  if (!vyre_program_check (program, &VYRE_VALIDATE_OPTIONS_ENGINE, error))
    return NULL;
  lowered = vyre_lower (program, &options, error);
  if (lowered == NULL)
    return NULL;
  return vyre_executable_new_lowered (runtime, lowered, error);
}

VyreExecutable *
vyre_executable_new_lowered (
    VyreRuntime *runtime, VyreLowered *owned, GError **error)
{
  g_autoptr (VyreLowered) lowered = owned;

  /* Lowering has done so too; what is uploaded is checked where it is. */
  if (!vyre_lowered_verify (lowered, error))
    return NULL;
  if (!check_limits (runtime, lowered, error))
    return NULL;
  guint features = needed_features (lowered);
  VyreKernel *interpreter =
      vyre_runtime_need_interpreter (runtime, features, error);
  if (interpreter == NULL)
    return NULL;

  /* The interpreter fetches one instruction ahead. */
  gsize bytes = (gsize) lowered->n_instructions * 8;
  VyreBlock *block = vyre_arena_alloc (runtime->code_arena, bytes + 8);
  if (block == NULL) {
    gsize used;
    vyre_arena_get_usage (runtime->code_arena, &used, NULL, NULL);
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "no room for %" G_GSIZE_FORMAT
        " bytes of program code: %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
        " are in use; release programs",
        bytes, used, vyre_arena_get_size (runtime->code_arena));
    return NULL;
  }
  memcpy (block->data, lowered->code, bytes);
  vyre_ring_store_fence ();

  VyreExecutable *executable = g_new0 (VyreExecutable, 1);
  executable->refs = 1;
  executable->runtime = vyre_runtime_ref (runtime);
  executable->lowered = g_steal_pointer (&lowered);
  executable->code = block;
  executable->interpreter = interpreter;
  executable->loops = has_loops (executable->lowered);
  executable->most_quads =
      runtime->parallel ? count_quads (executable->lowered) : 0;
  executable->code_address = runtime->code_memory->address + block->offset;
  return executable;
}

VyreExecutable *
vyre_executable_ref (VyreExecutable *executable)
{
  g_atomic_int_inc (&executable->refs);
  return executable;
}

void
vyre_executable_unref (VyreExecutable *executable)
{
  if (executable == NULL || !g_atomic_int_dec_and_test (&executable->refs))
    return;
  vyre_executable_drop_compiled (executable);
  vyre_block_unref (executable->code);
  vyre_lowered_free (executable->lowered);
  vyre_runtime_release (executable->runtime);
  g_free (executable);
}

VyreProgram *
vyre_executable_get_program (VyreExecutable *executable)
{
  return executable->lowered->program;
}

static const VyreLoweredBuffer *
lowered_buffer (VyreExecutable *executable, guint buffer)
{
  g_return_val_if_fail (buffer < executable->lowered->program->n_buffers, NULL);
  return &executable->lowered->buffers[buffer];
}

gboolean
vyre_executable_is_commutative (VyreExecutable *executable, guint buffer)
{
  const VyreLoweredBuffer *b = lowered_buffer (executable, buffer);
  return b != NULL && b->commutative;
}

gboolean
vyre_executable_reads (VyreExecutable *executable, guint buffer)
{
  const VyreLoweredBuffer *b = lowered_buffer (executable, buffer);
  return b != NULL && (b->loaded || b->atomic);
}

gboolean
vyre_executable_writes (VyreExecutable *executable, guint buffer)
{
  const VyreLoweredBuffer *b = lowered_buffer (executable, buffer);
  return b != NULL && (b->stored || b->atomic);
}

char *
vyre_executable_dump (VyreExecutable *executable)
{
  return vyre_lowered_dump (executable->lowered);
}
