/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Ring, kernel and supervisor together, with register code written by hand, so
 * that a fault here is not lowering's. --resident runs all of it with a kernel
 * that stays, --validation under the Vulkan validation layer. */

#include "count-devices.h"
#include "engine/engine-private.h"

#include <string.h>

#define INS(op, dst, a, b, x) \
  ((guint32) (op) | (guint32) (dst) << 8 | (guint32) (a) << 16 | \
      (guint32) (b) << 24), \
      (guint32) (x)
#define IMM VYRE_I_IMM
#define WORD(binding) VYRE_IM (binding, 2, 2, 0)
#define LIMIT_US (30 * G_USEC_PER_SEC)

static const VyreType type_u32 = { .kind = VYRE_TYPE_U32 };

static VyreRuntime *runtime;
static VyreTenant *tenant;

static gint64
deadline (void)
{
  return g_get_monotonic_time () + LIMIT_US;
}

/* A program shell of n buffers u32 (the last one may be workgroup memory) for
 * hand-written code. */
typedef struct
{
  guint32 workgroup;
  guint n_buffers;
  guint32 shared_words; /* > 0: buffer n_buffers - 1 is workgroup memory */
  guint32 n_registers, n_spills;
  gboolean grouped;
} Shape;

static VyreExecutable *
make_executable (const Shape *shape, const guint32 *code, gsize code_bytes)
{
  g_autoptr (GError) error = NULL;
  VyreProgram *program = vyre_program_new ();
  VyreLowered *lowered = g_new0 (VyreLowered, 1);

  program->workgroup_size[0] = shape->workgroup;
  program->workgroup_size[1] = program->workgroup_size[2] = 1;
  program->n_buffers = shape->n_buffers;
  program->buffers =
      vyre_program_alloc (program, shape->n_buffers * sizeof (VyreBuffer));
  lowered->buffers = g_new0 (VyreLoweredBuffer, shape->n_buffers);
  for (guint i = 0; i < shape->n_buffers; i++) {
    VyreBuffer *buffer = &program->buffers[i];
    buffer->name = vyre_program_string (program, "b", 1);
    buffer->element = &type_u32;
    buffer->access = VYRE_ACCESS_READ_WRITE;
    lowered->buffers[i].binding = i;
    lowered->buffers[i].loaded = lowered->buffers[i].stored = TRUE;
  }
  if (shape->shared_words > 0) {
    VyreBuffer *buffer = &program->buffers[shape->n_buffers - 1];
    buffer->access = VYRE_ACCESS_WORKGROUP;
    buffer->count = shape->shared_words;
  }
  lowered->program = program;
  lowered->code = g_memdup2 (code, code_bytes);
  lowered->n_instructions = code_bytes / 8;
  lowered->n_registers = shape->n_registers;
  lowered->n_spills = shape->n_spills;
  lowered->n_bindings = shape->n_buffers;
  lowered->shared_words = shape->shared_words;
  lowered->grouped = shape->grouped;
  lowered->n_trap_tags = 1;
  lowered->trap_tags = g_new0 (VyreString, 1);
  lowered->trap_tags[0] = vyre_program_string (program, "overflow", 8);
  VyreExecutable *executable =
      vyre_executable_new_lowered (runtime, lowered, &error);
  g_assert_no_error (error);
  /* What is tested here is the interpreter. */
  vyre_executable_set_engine (executable, VYRE_ENGINE_INTERP);
  return executable;
}

/* output[i] = ~input[i], for every i that both have. */
static const guint32 invert_code[] = {
  INS (VYRE_I_SPECIAL, 0, 0, 0, VYRE_SPECIAL_INVOCATION_ID),
  INS (VYRE_I_BUFLEN, 1, 0, 0, 1),
  INS (VYRE_I_LTU, 1, 0, 1, 0),
  INS (VYRE_I_IF, 0, 1, 0, 7),
  INS (VYRE_I_LOAD, 2, 0, 0, WORD (0)),
  INS (VYRE_I_NOT, 2, 2, 0, 0),
  INS (VYRE_I_STORE, 2, 0, 0, WORD (1)),
  INS (VYRE_I_ENDIF, 0, 0, 0, 0),
  INS (VYRE_I_END, 0, 0, 0, 0),
};
static const Shape invert_shape = { 64, 2, 0, 3, 0, FALSE };

static VyreBlock *
make_block (gsize bytes)
{
  VyreBlock *block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), bytes);
  g_assert_nonnull (block);
  memset (block->data, 0, block->size);
  vyre_block_note_write (block);
  return block;
}

static VyreWindow *
submit (VyreExecutable *executable, VyreBlock **blocks, const gsize *bytes,
    guint n, guint32 groups, guint64 max_steps)
{
  g_autoptr (GError) error = NULL;
  g_autofree VyreBinding *bindings = g_new0 (VyreBinding, n);
  guint32 grid[3] = { groups, 1, 1 };
  VyreSubmitOptions options = { grid, max_steps };

  for (guint i = 0; i < n; i++) {
    if (blocks[i] != NULL)
      bindings[i] = (VyreBinding){ blocks[i], 0, bytes[i] };
  }
  VyreWindow *window =
      vyre_tenant_submit (tenant, executable, bindings, n, &options, &error);
  g_assert_no_error (error);
  return window;
}

static void
expect_done (VyreWindow *window)
{
  VyreWindowResult result;

  vyre_window_wait (window, deadline (), &result);
  if (result.state != VYRE_WINDOW_DONE)
    g_test_message ("%s", result.message ? result.message : "still running");
  g_assert_cmpint (result.state, ==, VYRE_WINDOW_DONE);
}

static void
test_invert_sizes (void)
{
  g_autoptr (VyreExecutable) invert =
      make_executable (&invert_shape, invert_code, sizeof invert_code);
  const gsize words[] = { 1, 7, 8, 9, 63, 64, 65, 1000, 16384, 65537 };

  for (guint k = 0; k < G_N_ELEMENTS (words); k++) {
    gsize n = words[k];
    VyreBlock *blocks[2] = { make_block (n * 4), make_block (n * 4 + 4) };
    gsize bytes[2] = { n * 4, n * 4 };
    guint32 *in = (guint32 *) blocks[0]->data;
    guint32 *out = (guint32 *) blocks[1]->data;

    for (gsize i = 0; i < n; i++)
      in[i] = i * 2654435761u;
    vyre_block_note_write (blocks[0]);
    g_autoptr (VyreWindow) window =
        submit (invert, blocks, bytes, 2, (n + 63) / 64, 0);
    expect_done (window);
    for (gsize i = 0; i < n; i++)
      g_assert_cmphex (out[i], ==, ~in[i]);
    g_assert_cmphex (out[n], ==, 0); /* nothing beyond the exact length */
    vyre_block_unref (blocks[0]);
    vyre_block_unref (blocks[1]);
  }
}

/* Kernels that looked for work for long before they got some: looking uses up
 * loop passes too, where a device cuts loops. */
static void
test_long_idle (void)
{
  enum
  {
    WORDS = 24 * 1024,
    ROUNDS = 12,
    TINY = 7
  };
  g_autoptr (VyreExecutable) invert =
      make_executable (&invert_shape, invert_code, sizeof invert_code);
  VyreBlock *blocks[2] = { make_block (WORDS * 4), make_block (WORDS * 4) };
  const gsize tiny[2] = { 4, 4 };
  const gsize large[2] = { WORDS * 4, WORDS * 4 };
  guint32 *in = (guint32 *) blocks[0]->data;
  const guint32 *out = (const guint32 *) blocks[1]->data;

  for (guint round = 0; round < ROUNDS; round++) {
    for (guint i = 0; i < WORDS; i++)
      in[i] = i * 2654435761u + round;
    vyre_block_note_write (blocks[0]);
    for (guint i = 0; i < TINY; i++) {
      g_autoptr (VyreWindow) window = submit (invert, blocks, tiny, 2, 1, 0);
      expect_done (window);
      g_usleep (200 * (round + i));
    }
    g_autoptr (VyreWindow) window =
        submit (invert, blocks, large, 2, WORDS / 64, 0);
    expect_done (window);
    for (guint i = 0; i < WORDS; i++)
      g_assert_cmphex (out[i], ==, ~in[i]);
  }
  vyre_block_unref (blocks[0]);
  vyre_block_unref (blocks[1]);
}

/* When nothing has been published for a while there is no kernel on the device. */
static void
test_quiet (void)
{
  g_autoptr (VyreExecutable) invert =
      make_executable (&invert_shape, invert_code, sizeof invert_code);
  VyreBlock *blocks[2] = { make_block (4096), make_block (4096) };
  const gsize bytes[2] = { 4096, 4096 };

  for (guint round = 0; round < 3; round++) {
    gint64 start = g_get_monotonic_time ();
    g_autoptr (VyreWindow) window = submit (invert, blocks, bytes, 2, 16, 0);
    guint n = 1;

    expect_done (window);
    while (n > 0) {
      g_mutex_lock (&runtime->lock);
      n = runtime->n_launches;
      vyre_runtime_unlock (runtime);
      g_assert_cmpint (g_get_monotonic_time () - start, <, 30 * G_USEC_PER_SEC);
      g_usleep (1000);
    }
    g_test_message (
        "no kernel after %.0f ms", (g_get_monotonic_time () - start) / 1e3);
  }
  vyre_block_unref (blocks[0]);
  vyre_block_unref (blocks[1]);
}

/* Windows in flight that reuse their blocks for new contents: every result
 * must be of this round's contents. */
static void
test_stream (void)
{
  enum
  {
    DEPTH = 8,
    ROUNDS = 40,
    WORDS = 2048
  };
  g_autoptr (VyreExecutable) invert =
      make_executable (&invert_shape, invert_code, sizeof invert_code);
  VyreBlock *in[DEPTH], *out[DEPTH];
  VyreWindow *windows[DEPTH] = { NULL };
  const gsize bytes[2] = { WORDS * 4, WORDS * 4 };

  for (guint k = 0; k < DEPTH; k++) {
    in[k] = make_block (WORDS * 4);
    out[k] = make_block (WORDS * 4);
  }
  for (guint round = 0; round < ROUNDS + DEPTH; round++) {
    guint k = round % DEPTH;
    guint32 *words = (guint32 *) in[k]->data;

    if (windows[k] != NULL) {
      const guint32 *result = (const guint32 *) out[k]->data;
      expect_done (windows[k]);
      g_clear_pointer (&windows[k], vyre_window_unref);
      for (guint i = 0; i < WORDS; i++)
        g_assert_cmphex (result[i], ==, ~(i * 31 + (round - DEPTH) * 7919));
    }
    if (round >= ROUNDS)
      continue;
    for (guint i = 0; i < WORDS; i++)
      words[i] = i * 31 + round * 7919;
    vyre_block_note_write (in[k]);
    windows[k] = submit (
        invert, (VyreBlock *[]){ in[k], out[k] }, bytes, 2, WORDS / 64, 0);
  }
  for (guint k = 0; k < DEPTH; k++) {
    vyre_block_unref (in[k]);
    vyre_block_unref (out[k]);
  }
}

/* One invocation adds up words: much longer than the loops of some devices
 * may be, so it is suspended and resumed on those. */
static void
test_sequential (void)
{
  static const guint32 code[] = {
    INS (VYRE_I_SPECIAL, 0, 0, 0, VYRE_SPECIAL_INVOCATION_ID),
    INS (VYRE_I_EQ | IMM, 1, 0, 0, 0),
    INS (VYRE_I_IF, 0, 1, 0, 12),
    INS (VYRE_I_MOV | IMM, 2, 0, 0, 0),
    INS (VYRE_I_MOV | IMM, 3, 0, 0, 0),
    INS (VYRE_I_BUFLEN, 4, 0, 0, 0),
    INS (VYRE_I_LOOP, 1, 3, 4, 10),
    INS (VYRE_I_LOAD, 5, 3, 0, WORD (0)),
    INS (VYRE_I_ADD, 2, 2, 5, 0),
    INS (VYRE_I_NEXT, 1, 3, 4, 7),
    INS (VYRE_I_MOV | IMM, 6, 0, 0, 0),
    INS (VYRE_I_STORE, 2, 6, 0, WORD (1)),
    INS (VYRE_I_ENDIF, 0, 0, 0, 0),
    INS (VYRE_I_END, 0, 0, 0, 0),
  };
  const Shape shape = { 1, 2, 0, 7, 0, FALSE };
  g_autoptr (VyreExecutable) sum = make_executable (&shape, code, sizeof code);
  const gsize n = 40000;
  VyreBlock *blocks[2] = { make_block (n * 4), make_block (4) };
  guint32 *in = (guint32 *) blocks[0]->data;
  guint32 expected = 0;

  for (gsize i = 0; i < n; i++) {
    in[i] = i * i + 1;
    expected += in[i];
  }
  vyre_block_note_write (blocks[0]);
  g_autoptr (VyreWindow) window =
      submit (sum, blocks, (const gsize[]){ n * 4, 4 }, 2, 1, 0);
  expect_done (window);
  g_assert_cmphex (*(guint32 *) blocks[1]->data, ==, expected);

  VyreWindowResult result;
  vyre_window_wait (window, 0, &result);
  g_assert_cmpuint (result.steps, >=, 3 * n);
  if (vyre_runtime_get_device_info (runtime)->type == VYRE_DEVICE_CPU)
    g_assert_cmpuint (result.slices, >=, 3);
  vyre_block_unref (blocks[0]);
  vyre_block_unref (blocks[1]);
}

/* Workgroup memory and barriers: 100 invocations rotate their values through
 * shared memory twice, registers and spills live across the barriers. */
static void
test_barriers (void)
{
  enum
  {
    GROUP = 100,
    GROUPS = 7
  };
  static const guint32 code[] = {
    INS (VYRE_I_SPECIAL, 0, 0, 0, VYRE_SPECIAL_INVOCATION_ID),
    INS (VYRE_I_SPECIAL, 1, 0, 0, VYRE_SPECIAL_LOCAL_ID),
    INS (VYRE_I_LOAD, 2, 0, 0, WORD (0)),
    INS (VYRE_I_SPILL_STORE, 2, 0, 0, 0),
    INS (VYRE_I_STORE, 2, 1, 0, WORD (2)),
    INS (VYRE_I_BARRIER, 0, 0, 0, 0),
    INS (VYRE_I_ADD | IMM, 3, 1, 0, 1),
    INS (VYRE_I_MODU | IMM, 3, 3, 0, GROUP),
    INS (VYRE_I_LOAD, 4, 3, 0, WORD (2)),
    INS (VYRE_I_BARRIER, 0, 0, 0, 0),
    INS (VYRE_I_STORE, 4, 1, 0, WORD (2)),
    INS (VYRE_I_BARRIER, 0, 0, 0, 0),
    INS (VYRE_I_LOAD, 4, 3, 0, WORD (2)),
    INS (VYRE_I_SPILL_LOAD, 5, 0, 0, 0),
    INS (VYRE_I_SUB, 4, 4, 5, 0),
    INS (VYRE_I_STORE, 4, 0, 0, WORD (1)),
    INS (VYRE_I_END, 0, 0, 0, 0),
  };
  const Shape shape = { GROUP, 3, GROUP, 6, 1, TRUE };
  g_autoptr (VyreExecutable) rotate =
      make_executable (&shape, code, sizeof code);
  gsize bytes[3] = { GROUP * GROUPS * 4, GROUP * GROUPS * 4, 0 };
  VyreBlock *blocks[3] = { make_block (bytes[0]), make_block (bytes[1]), NULL };
  guint32 *in = (guint32 *) blocks[0]->data;
  const guint32 *out = (const guint32 *) blocks[1]->data;

  for (guint i = 0; i < GROUP * GROUPS; i++)
    in[i] = i * 40503u;
  vyre_block_note_write (blocks[0]);
  g_autoptr (VyreWindow) window = submit (rotate, blocks, bytes, 3, GROUPS, 0);
  expect_done (window);
  for (guint g = 0; g < GROUPS; g++) {
    for (guint i = 0; i < GROUP; i++) {
      guint32 other = in[g * GROUP + (i + 2) % GROUP];
      g_assert_cmphex (out[g * GROUP + i], ==, other - in[g * GROUP + i]);
    }
  }
  vyre_block_unref (blocks[0]);
  vyre_block_unref (blocks[1]);
}

/* A faulting window reports it and disturbs nothing else. */
static void
test_fault (void)
{
  static const guint32 code[] = {
    INS (VYRE_I_SPECIAL, 0, 0, 0, VYRE_SPECIAL_INVOCATION_ID),
    INS (VYRE_I_EQ | IMM, 1, 0, 0, 77),
    INS (VYRE_I_IF, 0, 1, 0, 5),
    INS (VYRE_I_MOV | IMM, 2, 0, 0, 1234),
    INS (VYRE_I_TRAP, 0, 2, 0, 1),
    INS (VYRE_I_ENDIF, 0, 0, 0, 0),
    INS (VYRE_I_END, 0, 0, 0, 0),
  };
  const Shape shape = { 64, 2, 0, 3, 0, FALSE };
  g_autoptr (VyreExecutable) trap = make_executable (&shape, code, sizeof code);
  g_autoptr (VyreExecutable) invert =
      make_executable (&invert_shape, invert_code, sizeof invert_code);
  gsize bytes[2] = { 4096, 4096 };
  VyreBlock *blocks[2] = { make_block (4096), make_block (4096) };
  VyreWindowResult result;

  g_autoptr (VyreWindow) bad = submit (trap, blocks, bytes, 2, 16, 0);
  g_autoptr (VyreWindow) good = submit (invert, blocks, bytes, 2, 16, 0);
  expect_done (good);
  vyre_window_wait (bad, deadline (), &result);
  g_assert_cmpint (result.state, ==, VYRE_WINDOW_FAULT);
  g_assert_cmpuint (result.code, ==, VYRE_FAULT_TRAP);
  g_assert_cmpuint (result.address, ==, 1234);
  g_assert_nonnull (strstr (result.message, "trap 'overflow'"));
  for (guint i = 0; i < 1024; i++)
    g_assert_cmphex (((guint32 *) blocks[1]->data)[i], ==, 0xffffffffu);
  vyre_block_unref (blocks[0]);
  vyre_block_unref (blocks[1]);
}

static const guint32 forever_code[] = {
  INS (VYRE_I_MOV | IMM, 0, 0, 0, 0),
  INS (VYRE_I_MOV | IMM, 1, 0, 0, 0xffffffffu),
  INS (VYRE_I_LOOP, 0, 0, 1, 5),
  INS (VYRE_I_MOV | IMM, 2, 0, 0, 0),
  INS (VYRE_I_NEXT, 0, 0, 1, 3),
  INS (VYRE_I_END, 0, 0, 0, 0),
};
static const Shape forever_shape = { 1, 1, 0, 3, 0, FALSE };

static void
test_step_limit (void)
{
  g_autoptr (VyreExecutable) forever =
      make_executable (&forever_shape, forever_code, sizeof forever_code);
  VyreBlock *blocks[1] = { make_block (4) };
  VyreWindowResult result;

  g_autoptr (VyreWindow) window =
      submit (forever, blocks, (const gsize[]){ 4 }, 1, 3, 50000);
  vyre_window_wait (window, deadline (), &result);
  g_assert_cmpint (result.state, ==, VYRE_WINDOW_FAULT);
  g_assert_cmpuint (result.code, ==, VYRE_FAULT_STEP_LIMIT);
  vyre_block_unref (blocks[0]);
}

/* Cancelling ends an endless program, and other windows go on meanwhile, though
 * it has more tiles than there are workgroups. */
static void
test_cancel (void)
{
  g_autoptr (VyreExecutable) forever =
      make_executable (&forever_shape, forever_code, sizeof forever_code);
  g_autoptr (VyreExecutable) invert =
      make_executable (&invert_shape, invert_code, sizeof invert_code);
  gsize bytes[2] = { 4096, 4096 };
  VyreBlock *blocks[2] = { make_block (4096), make_block (4096) };

  g_autoptr (VyreWindow) endless = submit (forever, blocks, bytes, 1, 20000, 0);
  g_assert_cmpint (
      vyre_window_wait (endless, g_get_monotonic_time () + 30000, NULL), ==,
      VYRE_WINDOW_RUNNING);
  g_autoptr (VyreWindow) good = submit (invert, blocks, bytes, 2, 16, 0);
  expect_done (good);
  g_assert_cmpint (
      vyre_window_wait (endless, 0, NULL), ==, VYRE_WINDOW_RUNNING);
  vyre_window_cancel (endless);
  g_assert_cmpint (
      vyre_window_wait (endless, deadline (), NULL), ==, VYRE_WINDOW_CANCELLED);
  vyre_block_unref (blocks[0]);
  vyre_block_unref (blocks[1]);
}

/* Atomics from every lane, in and out of bounds; old values are unique. */
static void
test_atomics (void)
{
  static const guint32 code[] = {
    INS (VYRE_I_SPECIAL, 0, 0, 0, VYRE_SPECIAL_INVOCATION_ID),
    INS (VYRE_I_MOV | IMM, 1, 0, 0, 0),
    INS (VYRE_I_MOV | IMM, 3, 0, 0, 3),
    INS (VYRE_I_ATOMIC, 2, 1, 3, VYRE_IA (0, VYRE_IA_ADD, 0)),
    INS (VYRE_I_STORE, 3, 2, 0, VYRE_IM (1, 0, 0, 0)),
    INS (VYRE_I_MOV | IMM, 4, 0, 0, 99999),
    INS (VYRE_I_ATOMIC, 5, 4, 3, VYRE_IA (0, VYRE_IA_ADD, 0)),
    INS (VYRE_I_END, 0, 0, 0, 0),
  };
  const Shape shape = { 64, 2, 0, 6, 0, FALSE };
  g_autoptr (VyreExecutable) add = make_executable (&shape, code, sizeof code);
  enum
  {
    LANES = 640
  };
  gsize bytes[2] = { 4, LANES * 3 };
  VyreBlock *blocks[2] = { make_block (4), make_block (LANES * 3) };
  g_autoptr (VyreWindow) window = submit (add, blocks, bytes, 2, LANES / 64, 0);
  expect_done (window);
  g_assert_cmpuint (*(guint32 *) blocks[0]->data, ==, LANES * 3);
  for (guint i = 0; i < LANES * 3; i++)
    g_assert_cmpuint (blocks[1]->data[i], ==, i % 3 == 0 ? 3 : 0);
  vyre_block_unref (blocks[0]);
  vyre_block_unref (blocks[1]);
}

static gpointer
tenant_thread (gpointer data)
{
  g_autoptr (GError) error = NULL;
  VyreExecutable *invert = data;
  VyreTenant *own = vyre_tenant_new (runtime, "thread", &error);
  g_assert_no_error (error);
  VyreBlock *in = make_block (8192), *out = make_block (8192);
  guint32 grid[3] = { 32, 1, 1 };
  VyreSubmitOptions options = { grid, 0 };

  for (guint round = 0; round < 30; round++) {
    memset (in->data, (int) round, 8192);
    vyre_block_note_write (in);
    VyreBinding bindings[2] = { { in, 0, 8192 }, { out, 0, 8192 } };
    VyreWindow *window = NULL;
    while (window == NULL) {
      window = vyre_tenant_submit (own, invert, bindings, 2, &options, &error);
      if (g_error_matches (
              error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY)) {
        g_clear_error (&error);
        vyre_tenant_wait_room (own, deadline ());
      }
      g_assert_no_error (error);
    }
    expect_done (window);
    vyre_window_unref (window);
    for (guint i = 0; i < 8192; i++)
      g_assert_cmphex (out->data[i], ==, (guint8) ~round);
  }
  vyre_tenant_free (own);
  vyre_block_unref (in);
  vyre_block_unref (out);
  return NULL;
}

static void
test_tenants_share (void)
{
  g_autoptr (VyreExecutable) invert =
      make_executable (&invert_shape, invert_code, sizeof invert_code);
  GThread *threads[3];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("tenant", tenant_thread, invert);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);

  /* The same runtime for everybody who asks for this device, and not so much as
   * another VkDevice meanwhile. */
  gint before = devices_made_here;
  g_autoptr (VyreRuntime) again = vyre_runtime_acquire (NULL, NULL);
  g_assert_true (again == runtime);
  g_assert_cmpint (before, >, 0);
  g_assert_cmpint (devices_made_here, ==, before);
}

static void
test_binding_errors (void)
{
  g_autoptr (VyreExecutable) invert =
      make_executable (&invert_shape, invert_code, sizeof invert_code);
  VyreBlock *block = make_block (4096);
  g_autoptr (VyreArena) foreign = vyre_arena_new_host (1 << 20, NULL);
  VyreBlock *other = vyre_arena_alloc (foreign, 4096);
  const VyreBinding bad[][2] = {
    { { block, 2, 64 }, { block, 0, 64 } }, /* not on a word */
    { { block, 4096, 4 }, { block, 0, 64 } }, /* beyond the block */
    { { block, 0, 4097 }, { block, 0, 64 } },
    { { block, 0, G_MAXSIZE }, { block, 0, 64 } },
    { { NULL, 0, 64 }, { block, 0, 64 } },
    { { other, 0, 64 }, { block, 0, 64 } }, /* not this device's */
  };
  guint32 grid[3] = { 1, 1, 1 };
  VyreSubmitOptions options = { grid, 0 };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    g_assert_null (
        vyre_tenant_submit (tenant, invert, bad[i], 2, &options, &error));
    g_assert_true (error->domain == VYRE_RUNTIME_ERROR);
    g_assert_nonnull (strstr (error->message, "'b'"));
  }
  for (guint i = 0; i < 3; i++) {
    g_autoptr (GError) error = NULL;
    guint32 huge[3] = { 1, 1, 1 };
    huge[i] = i == 0 ? 0x80000000u : 0;
    VyreBinding good[2] = { { block, 0, 64 }, { block, 0, 64 } };
    VyreSubmitOptions wrong = { huge, 0 };
    g_assert_null (
        vyre_tenant_submit (tenant, invert, good, 2, &wrong, &error));
    g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT);
  }
  vyre_block_unref (block);
  vyre_block_unref (other);
}

/* Windows are reported BUSY when the ring is full, never lost. */
static void
test_ring_full (void)
{
  g_autoptr (VyreExecutable) forever =
      make_executable (&forever_shape, forever_code, sizeof forever_code);
  VyreBlock *block = make_block (4);
  VyreBinding bindings[1] = { { block, 0, 4 } };
  guint32 grid[3] = { 64, 1, 1 };
  VyreSubmitOptions options = { grid, 0 };
  g_autoptr (GPtrArray) windows =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vyre_window_unref);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i <= runtime->slots && error == NULL; i++) {
    VyreWindow *window =
        vyre_tenant_submit (tenant, forever, bindings, 1, &options, &error);
    if (window != NULL)
      g_ptr_array_add (windows, window);
  }
  g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY);
  g_assert_cmpuint (windows->len, >=, 4);
  for (guint i = 0; i < windows->len; i++)
    vyre_window_cancel (windows->pdata[i]);
  for (guint i = 0; i < windows->len; i++)
    g_assert_cmpint (vyre_window_wait (windows->pdata[i], deadline (), NULL),
        ==, VYRE_WINDOW_CANCELLED);
  vyre_block_unref (block);
}

static void
test_snapshot (void)
{
  VyreRuntimeSnapshot snapshot;

  vyre_runtime_snapshot (runtime, &snapshot);
  g_assert_cmpuint (snapshot.windows_in_flight, ==, 0);
  g_assert_cmpuint (snapshot.windows_submitted, ==,
      snapshot.windows_done + snapshot.windows_faulted +
          snapshot.windows_cancelled);
  g_assert_cmpuint (snapshot.tiles_published, ==, snapshot.tiles_done);
  g_assert_cmpuint (snapshot.control[VYRE_C_CLAIMED], ==,
      (guint32) snapshot.tiles_published + snapshot.control[VYRE_C_YIELDED]);
  g_assert_cmpuint (snapshot.launches, >, 0);
  g_test_message ("megakernel compiled in %.0f ms, %" G_GUINT64_FORMAT
                  " launches, %" G_GUINT64_FORMAT " generations",
      snapshot.kernel_compile_ns / 1e6, snapshot.launches,
      snapshot.generations);
  vyre_runtime_snapshot_clear (&snapshot);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;

  for (int i = 1; i < argc; i++) {
    if (g_str_equal (argv[i], "--resident"))
      options.residency = VYRE_RESIDENCY_RESIDENT;
    else if (g_str_equal (argv[i], "--validation"))
      g_setenv ("VYRE_VULKAN_VALIDATION", "1", TRUE);
    else
      continue;
    argv[i] = argv[--argc];
    break;
  }
  g_test_init (&argc, &argv, NULL);
  g_log_set_always_fatal (
      G_LOG_LEVEL_WARNING | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_ERROR);
  runtime = vyre_runtime_acquire (&options, &error);
  g_assert_no_error (error);
  tenant = vyre_tenant_new (runtime, "test", &error);
  g_assert_no_error (error);

  g_test_add_func ("/engine/invert-sizes", test_invert_sizes);
  g_test_add_func ("/engine/long-idle", test_long_idle);
  g_test_add_func ("/engine/quiet", test_quiet);
  g_test_add_func ("/engine/stream", test_stream);
  g_test_add_func ("/engine/sequential", test_sequential);
  g_test_add_func ("/engine/barriers", test_barriers);
  g_test_add_func ("/engine/fault", test_fault);
  g_test_add_func ("/engine/step-limit", test_step_limit);
  g_test_add_func ("/engine/cancel", test_cancel);
  g_test_add_func ("/engine/atomics", test_atomics);
  g_test_add_func ("/engine/tenants-share", test_tenants_share);
  g_test_add_func ("/engine/binding-errors", test_binding_errors);
  g_test_add_func ("/engine/ring-full", test_ring_full);
  g_test_add_func ("/engine/snapshot", test_snapshot);
  int status = g_test_run ();
  vyre_tenant_free (tenant);
  vyre_runtime_unref (runtime);
  return status;
}
