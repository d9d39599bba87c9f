/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verifier of register code: code as any engine, hostile or not, might
 * have made it. What passes is run by the evaluator of the lowering tests,
 * which aborts on every index that is not inside of what it has. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "../unit/lower/eval.h"
#include "lower/isa.h"
#include "lower/lower.h"

#define MAX_STEPS 500

/* Code of every shape for the changes to start from. */
static const char *const texts[] = {
  "program workgroup(8);\n"
  "buffer in: readonly u8[] @0;\n"
  "buffer out: readwrite u32[] @1;\n"
  "buffer wide: readwrite u64[] @2;\n"
  "buffer sh: workgroup u32[8];\n"
  "main {\n"
  "  let i = invocation_id.x;\n"
  "  let old = atomic_compare_exchange(out[0], i, 7);\n"
  "  sh[local_id.x] = old;\n"
  "  barrier;\n"
  "  let n = u32(wide[i]);\n"
  "  if i < len(out) {\n"
  "    for k in 0..n {\n"
  "      if u32(in[k]) > 100 { out[i] = k; return; } else { n = n + 1; }\n"
  "    }\n"
  "    out[i] = select(n == 3, n / i, n * 3);\n"
  "  } else {\n"
  "    trap(i, \"beyond\");\n"
  "  }\n"
  "  out[i + 1] = u32(fma(f32(n), 2.0, sin(1.5))) + sh[7 - local_id.x];\n"
  "}\n",
  "program workgroup(40);\n"
  "buffer in: readonly i16[] @0;\n"
  "buffer f: readwrite f32[] @1;\n"
  "buffer out: readwrite u16[] @2;\n"
  "buffer t: workgroup u8[64];\n"
  "main {\n"
  "  let s = subgroup_add(local_id.x) + subgroup_ballot(local_id.x & 1);\n"
  "  async_load(in, t, 2, 40, \"a\"); async_wait(\"a\");\n"
  "  barrier;\n"
  "  for k in 0..s {\n"
  "    let x = i32(in[s]) % 7i32;\n"
  "    if x < 0i32 { f[s] = f32(x) / f[s + 1]; s = s + 1; }\n"
  "    out[s] = u16(u32(t[s]) >> (s & 40));\n"
  "  }\n"
  "}\n",
};

/* Kept for good. */
static const VyreLowered *
lowered_text (guint which, gboolean few_registers)
{
  static VyreLowered *kept[G_N_ELEMENTS (texts)][2];
  VyreLowered **place = &kept[which % G_N_ELEMENTS (texts)][few_registers];
  const char *text = texts[which % G_N_ELEMENTS (texts)];
  VyreLowerOptions options = { few_registers ? 8 : 64 };
  g_autoptr (VyreProgram) program = NULL;
  g_autoptr (GError) error = NULL;

  if (*place != NULL)
    return *place;
  program = vyre_program_parse (text, strlen (text), NULL);
  FUZZ_ASSERT (program != NULL);
  *place = vyre_lower (program, &options, &error);
  if (*place == NULL)
    FUZZ_FAIL ("%s\n", error->message);
  return *place;
}

static void
run (const VyreLowered *lowered)
{
  const guint32 grid[3] = { 2, 1, 1 };
  g_autofree GByteArray **buffers =
      g_new0 (GByteArray *, lowered->program->n_buffers);
  EvalResult result;

  for (guint32 i = 0; i < lowered->program->n_buffers; i++) {
    if (lowered->program->buffers[i].access == VYRE_ACCESS_WORKGROUP)
      continue;
    buffers[i] = g_byte_array_new ();
    g_byte_array_set_size (buffers[i], 61);
    memset (buffers[i]->data, (int) (i * 37 + 1), 61);
  }
  eval_run (lowered, buffers, grid, MAX_STEPS, &result);
  for (guint32 i = 0; i < lowered->program->n_buffers; i++)
    g_clear_pointer (&buffers[i], g_byte_array_unref);
}

/* Six bytes each: where, and what is xored there. The last bytes of the input
 * say which program, and change what stands beside the code. */
int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autofree guint32 *code = NULL;
  VyreLowered lowered;

  if (size < 4)
    return 0;
  lowered = *lowered_text (data[0], data[1] & 1);
  lowered.code = code =
      g_memdup2 (lowered.code, (gsize) lowered.n_instructions * 8);
  if (data[1] & 2)
    lowered.n_registers = data[2];
  if (data[1] & 4)
    lowered.n_spills = data[2];
  if (data[1] & 8)
    lowered.shared_words = data[2];
  if (data[1] & 16)
    lowered.n_bindings = data[2];
  if (data[1] & 32)
    lowered.grouped = !lowered.grouped;
  if (data[1] & 64)
    lowered.n_instructions = MIN (lowered.n_instructions, data[2]);
  if (data[1] & 128)
    lowered.n_trap_tags = MIN (lowered.n_trap_tags, data[2]);

  for (data += 3, size -= 3; size >= 6; data += 6, size -= 6) {
    guint32 change, at = (guint32) data[0] << 8 | data[1];

    memcpy (&change, data + 2, 4);
    if (at < lowered.n_instructions * 2)
      code[at] ^= change;
  }
  if (vyre_lowered_verify (&lowered, NULL))
    run (&lowered);
  return 0;
}
