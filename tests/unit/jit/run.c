/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "run.h"

#include "ring/words.h"

#include <string.h>

#include "frame.comp.h"

#define WORDS 256 /* of a run */
#define BINDING0 8
#define SLACK 256 /* around every buffer */
#define CANARY 0xc5
#define GROUPS 8
#define TIMEOUT_NS (G_GUINT64_CONSTANT (120) * 1000000000)

typedef struct
{
  guint64 run;
  guint32 n_bindings;
  guint32 tile_first, tile_count;
  guint32 grid[3];
  guint32 max_passes;
  guint32 groups;
  guint32 group_size;
  guint32 area_bytes;
  guint64 areas;
} Push;

const char *const jit_frame = vyre_test_frame_text;

static struct
{
  guint n, unchecked, vectors;
  guint64 generate_ns, compile_ns, pipeline_ns, run_ns;
  guint64 text_bytes, spirv_bytes;
} spent;

VyreDevice *
jit_device (void)
{
  static VyreDevice *device;
  g_autoptr (GError) error = NULL;

  if (device == NULL)
    device = vyre_device_open (-1, NULL, NULL, &error);
  if (device == NULL)
    g_test_message ("no device: %s", error->message);
  return device;
}

static guint64
now_ns (void)
{
  return (guint64) g_get_monotonic_time () * 1000;
}

/* --- compiling ---------------------------------------------------------------- */

struct _JitProgram
{
  const VyreLowered *lowered;
  VyreJitSource *source;
  VyrePipeline *pipeline;
};

static VyrePipeline *
make_pipeline (const VyreJitSource *source)
{
  VyreDevice *device = jit_device ();
  guint32 lanes = vyre_device_get_info (device)->subgroup_size;
  const guint32 constants[] = { lanes, lanes };
  guint64 start = now_ns (), pipeline_ns = 0;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) spirv = vyre_jit_compile (source->text, jit_frame, &error);
  VyrePipeline *pipeline;

  if (spirv == NULL)
    g_error ("%s\n%s", error->message, source->text);
  spent.compile_ns += now_ns () - start;
  pipeline = vyre_pipeline_new (device, g_bytes_get_data (spirv, NULL),
      g_bytes_get_size (spirv), constants, G_N_ELEMENTS (constants),
      sizeof (Push), TRUE, NULL, "jit test", &pipeline_ns, &error);
  if (pipeline == NULL)
    g_error ("%s", error->message);
  spent.pipeline_ns += pipeline_ns;
  spent.spirv_bytes += g_bytes_get_size (spirv);
  return pipeline;
}

JitProgram *
jit_program_new (
    const VyreLowered *lowered, const VyreJitOptions *options, GError **error)
{
  guint64 start = now_ns ();
  VyreJitSource *source = vyre_jit_generate (lowered, options, error);
  JitProgram *program;

  if (source == NULL)
    return NULL;
  spent.generate_ns += now_ns () - start;
  spent.text_bytes += strlen (source->text);
  spent.unchecked += source->unchecked;
  spent.vectors += source->vectors;
  spent.n++;
  if (g_getenv ("VYRE_TEST_SOURCE") != NULL)
    g_print ("%s\n", source->text);
  program = g_new0 (JitProgram, 1);
  program->lowered = lowered;
  program->source = source;
  program->pipeline = make_pipeline (source);
  return program;
}

void
jit_program_free (JitProgram *program)
{
  if (program == NULL)
    return;
  vyre_pipeline_free (program->pipeline);
  vyre_jit_source_free (program->source);
  g_free (program);
}

const VyreJitSource *
jit_program_get_source (const JitProgram *program)
{
  return program->source;
}

void
jit_print_times (void)
{
  guint n = MAX (spent.n, 1);

  g_print ("# %u programs (%u with a version without checks, %u of these with "
           "vectors), each on average: %.2f ms generator, %.1f ms glslang, "
           "%.1f ms driver, %.1f ms run; %" G_GUINT64_FORMAT
           " bytes of text, %" G_GUINT64_FORMAT " of SPIR-V\n",
      spent.n, spent.unchecked, spent.vectors, spent.generate_ns / 1e6 / n,
      spent.compile_ns / 1e6 / n, spent.pipeline_ns / 1e6 / n,
      spent.run_ns / 1e6 / n, spent.text_bytes / n, spent.spirv_bytes / n);
}

/* --- memory -------------------------------------------------------------------- */

/* The words of the run, then the buffers with canaries around them. */
static gsize
place_buffers (const VyreLowered *lowered, GByteArray **buffers, gsize misalign,
    gsize *places)
{
  gsize at = WORDS * 4 + SLACK;

  for (guint i = 0; i < lowered->program->n_buffers; i++) {
    if (lowered->buffers[i].binding < 0 || buffers[i] == NULL ||
        lowered->program->buffers[i].access == VYRE_ACCESS_WORKGROUP)
      continue;
    places[i] = at + misalign;
    at += (buffers[i]->len + 2 * SLACK + SLACK - 1) / SLACK * SLACK;
  }
  return at + SLACK;
}

/* What a workgroup of the hardware needs besides: its frame's words, workgroup
 * memory, and what lives across barriers. */
static guint32
area_bytes (const VyreLowered *lowered, guint lanes)
{
  const guint32 *size = lowered->program->workgroup_size;
  guint32 group = size[0] * size[1] * size[2];
  guint32 turns = (group + lanes - 1) / lanes;

  if (!lowered->grouped)
    return 0;
  return 4 *
         (VYRE_S_HEADER_WORDS + lowered->shared_words +
             turns * lanes *
                 (VYRE_S_LANE_ROWS + lowered->n_registers + lowered->n_spills));
}

static void
fill_shared (const VyreLowered *lowered, guint32 *words)
{
  for (guint i = 0; i < lowered->program->n_buffers; i++) {
    const VyreBuffer *buffer = &lowered->program->buffers[i];
    guint32 *binding = words + BINDING0 + 4 * lowered->buffers[i].binding;
    guint64 bytes = 0;

    if (lowered->buffers[i].binding < 0 ||
        buffer->access != VYRE_ACCESS_WORKGROUP)
      continue;
    vyre_type_static_size (buffer->element, buffer->count, &bytes);
    binding[0] = lowered->buffers[i].shared_offset;
    binding[1] = VYRE_B_SHARED;
    binding[2] = (guint32) bytes;
    binding[3] = (guint32) vyre_type_element_count (buffer->element, bytes);
  }
  if (lowered->has_exchange) {
    const guint32 *size = lowered->program->workgroup_size;
    guint32 *binding = words + BINDING0 + 4 * lowered->exchange_binding;

    binding[0] = lowered->exchange_offset;
    binding[1] = VYRE_B_SHARED;
    binding[3] = size[0] * size[1] * size[2];
    binding[2] = 4 * binding[3];
  }
}

static void
fill_memory (VyreMemory *memory, const VyreLowered *lowered,
    GByteArray **buffers, const gsize *places)
{
  guint32 *words = (guint32 *) memory->map;

  memset (memory->map, CANARY, memory->size);
  memset (words, 0, WORDS * 4);
  fill_shared (lowered, words);
  for (guint i = 0; i < lowered->program->n_buffers; i++) {
    guint32 *binding = words + BINDING0 + 4 * lowered->buffers[i].binding;
    guint64 address = memory->address + places[i];

    if (places[i] == 0)
      continue;
    binding[0] = (guint32) address;
    binding[1] = (guint32) (address >> 32);
    binding[2] = buffers[i]->len;
    binding[3] = (guint32) vyre_type_element_count (
        lowered->program->buffers[i].element, buffers[i]->len);
    if (buffers[i]->len > 0)
      memcpy (memory->map + places[i], buffers[i]->data, buffers[i]->len);
  }
}

static void
read_memory (const VyreMemory *memory, const VyreLowered *lowered,
    GByteArray **buffers, const gsize *places)
{
  g_autofree guint8 *owned = g_malloc0 (memory->size);

  memset (owned, 1, WORDS * 4);
  for (guint i = 0; i < lowered->program->n_buffers; i++) {
    if (places[i] == 0 || buffers[i]->len == 0)
      continue;
    memcpy (buffers[i]->data, memory->map + places[i], buffers[i]->len);
    memset (owned + places[i], 1, buffers[i]->len);
  }
  for (gsize i = 0; i < memory->size; i++)
    if (owned[i] == 0 && memory->map[i] != CANARY)
      g_error (
          "byte %" G_GSIZE_FORMAT ", outside of all buffers, was written", i);
}

/* --- running ------------------------------------------------------------------- */

static void
launch (VyreDevice *device, VyrePipeline *pipeline, const Push *push)
{
  g_autoptr (GError) error = NULL;
  VyreLaunch *run = vyre_device_launch (
      device, pipeline, 0, GROUPS, push, sizeof *push, &error);
  gboolean ended;

  g_assert_no_error (error);
  ended = vyre_launch_wait (run, TIMEOUT_NS, &error);
  g_assert_no_error (error);
  g_assert_true (ended);
  vyre_launch_free (run);
}

void
jit_program_run (const JitProgram *program, const JitRunOptions *options,
    GByteArray **buffers, const guint32 grid[3], JitRunResult *result)
{
  VyreDevice *device = jit_device ();
  const VyreLowered *lowered = program->lowered;
  const guint32 *size = lowered->program->workgroup_size;
  guint32 workgroups = grid[0] * grid[1] * grid[2];
  guint32 tiles = MAX (options->tiles, 1);
  g_autofree gsize *places = g_new0 (gsize, lowered->program->n_buffers + 1);
  gsize bytes = place_buffers (lowered, buffers, options->misalign, places);
  g_autoptr (GError) error = NULL;
  VyreMemory *memory =
      vyre_memory_new (device, bytes, VYRE_MEMORY_RING, "jit test", &error);
  VyreMemory *areas = NULL;
  guint64 start = now_ns ();
  Push push = {
    .n_bindings = lowered->n_bindings,
    .grid = { grid[0], grid[1], grid[2] },
    .max_passes = options->max_passes,
    .groups = GROUPS,
    .group_size = size[0] * size[1] * size[2],
    .area_bytes =
        area_bytes (lowered, vyre_device_get_info (device)->subgroup_size),
  };

  g_assert_no_error (error);
  if (push.area_bytes > 0) {
    areas = vyre_memory_new (device, (gsize) push.area_bytes * GROUPS + SLACK,
        VYRE_MEMORY_RING, "jit test areas", &error);
    g_assert_no_error (error);
    memset (areas->map, CANARY, areas->size);
    push.areas = areas->address;
  }
  g_assert_cmpuint (memory->address % SLACK, ==, 0);
  fill_memory (memory, lowered, buffers, places);
  push.run = memory->address;
  for (guint32 i = 0; i < tiles; i++) {
    push.tile_first = (guint32) ((guint64) workgroups * i / tiles);
    push.tile_count =
        (guint32) ((guint64) workgroups * (i + 1) / tiles) - push.tile_first;
    if (push.tile_count > 0)
      launch (device, program->pipeline, &push);
  }
  memcpy (result, memory->map, sizeof *result);
  read_memory (memory, lowered, buffers, places);
  if (areas != NULL)
    for (gsize i = areas->size - SLACK; i < areas->size; i++)
      g_assert_cmpuint (areas->map[i], ==, CANARY);
  vyre_memory_free (memory);
  vyre_memory_free (areas);
  spent.run_ns += now_ns () - start;
}
