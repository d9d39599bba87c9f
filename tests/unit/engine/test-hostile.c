/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Programs that try to reach beyond their buffers: all bindings lie inside one
 * block among bytes of a pattern, and after each run every byte of the block is
 * compared with what the specification says. In the host arena all other memory
 * of the arena is compared too. */

#include "engine/engine-private.h"
#include "programs.h"

#include <string.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

#define LIMIT_US (60 * G_USEC_PER_SEC)
#define BLOCK_BYTES (64 * 1024)
#define CODE_BYTES_COMPARED 65536
#define MAX_BUFFERS 6
#define INVOCATIONS 32

static VyreRuntime *runtime;
static VyreTenant *tenant;

/* One run. */
typedef struct
{
  VyreArena *arena;
  VyreBlock *block;
  guint8 *expected; /* of the whole block */
  guint8 *seen; /* the whole block after the run */
  gsize next; /* first byte after the last binding */
  VyreBinding bindings[MAX_BUFFERS];
  guint n_bindings;
} Ground;

#ifdef __x86_64__
__attribute__ ((target ("sse4.1"))) static void
copy_lines (void *to, const void *from, gsize size)
{
  __m128i *target = to, *source = (__m128i *) from;

  for (gsize i = 0; i < size / 64; i++, source += 4, target += 4) {
    __m128i a = _mm_stream_load_si128 (source);
    __m128i b = _mm_stream_load_si128 (source + 1);
    __m128i c = _mm_stream_load_si128 (source + 2);
    __m128i d = _mm_stream_load_si128 (source + 3);
    _mm_storeu_si128 (target, a);
    _mm_storeu_si128 (target + 1, b);
    _mm_storeu_si128 (target + 2, c);
    _mm_storeu_si128 (target + 3, d);
  }
}
#endif

/* From mapped device memory, where ordinary loads take a microsecond each. from
 * begins on a cache line, size is in whole ones. */
static void
read_mapped (void *to, const void *from, gsize size)
{
#ifdef __x86_64__
  g_assert_cmpuint ((guintptr) from % 64 + size % 64, ==, 0);
  if (__builtin_cpu_supports ("sse4.1")) {
    /* Streaming loads are not ordered after those that saw the record. */
    _mm_mfence ();
    copy_lines (to, from, size);
    return;
  }
#endif
  memcpy (to, from, size);
}

static void
ground_init (Ground *ground, VyreArena *arena)
{
  memset (ground, 0, sizeof *ground);
  ground->arena = arena;
  ground->block = vyre_arena_alloc (arena, BLOCK_BYTES);
  g_assert_nonnull (ground->block);
  ground->expected = g_malloc (BLOCK_BYTES);
  ground->seen = g_malloc0 (BLOCK_BYTES);
  /* Never zero, so that a stray read shows as well as a stray write. */
  for (gsize i = 0; i < BLOCK_BYTES; i++)
    ground->expected[i] = (i * 167 + (i >> 8)) | 1;
  ground->next = 4096;
}

static void
ground_clear (Ground *ground)
{
  vyre_block_unref (ground->block);
  g_free (ground->expected);
  g_free (ground->seen);
}

/* A place for one more buffer, with what it holds if that is not NULL. Returns
 * its bytes in what is expected. */
static guint8 *
ground_add (Ground *ground, gsize length, const void *contents)
{
  gsize offset = (ground->next + 61) / 4 * 4;
  guint8 *at = ground->expected + offset;

  g_assert_cmpuint (ground->n_bindings, <, MAX_BUFFERS);
  g_assert_cmpuint (offset + length, <, BLOCK_BYTES - 4096);
  ground->bindings[ground->n_bindings++] =
      (VyreBinding){ ground->block, offset, length };
  ground->next = offset + length;
  if (contents != NULL)
    memcpy (at, contents, length);
  return at;
}

/* Workgroup memory: nothing is bound. */
static void
ground_skip (Ground *ground)
{
  ground->n_bindings++;
}

/* Before the run: what is expected is what is there. */
static void
ground_write (Ground *ground)
{
  memcpy (ground->block->data, ground->expected, BLOCK_BYTES);
  vyre_block_note_write (ground->block);
}

static void
run (Ground *ground, VyreExecutable *executable, guint groups,
    guint64 max_steps, VyreWindowResult *result)
{
  g_autoptr (GError) error = NULL;
  guint32 grid[3] = { groups, 1, 1 };
  VyreSubmitOptions options = { grid, max_steps };
  gboolean host = ground->arena == vyre_runtime_get_host_arena (runtime);
  gsize arena_bytes = vyre_arena_get_size (ground->arena);
  guint8 *base = vyre_arena_get_base (ground->arena);
  g_autofree guint8 *before = NULL;
  g_autofree guint8 *code = g_malloc (CODE_BYTES_COMPARED);
  g_autofree guint8 *code_after = g_malloc (CODE_BYTES_COMPARED);

  read_mapped (code, runtime->code_memory->map, CODE_BYTES_COMPARED);
  if (host)
    before = g_memdup2 (base, arena_bytes);
  g_autoptr (VyreWindow) window = vyre_tenant_submit (tenant, executable,
      ground->bindings, ground->n_bindings, &options, &error);
  g_assert_no_error (error);
  vyre_window_wait (window, g_get_monotonic_time () + LIMIT_US, result);
  if (result->state == VYRE_WINDOW_FAULT)
    g_test_message ("%s", result->message);
  /* The engine's own. */
  read_mapped (code_after, runtime->code_memory->map, CODE_BYTES_COMPARED);
  g_assert_cmpint (memcmp (code_after, code, CODE_BYTES_COMPARED), ==, 0);
  read_mapped (ground->seen, ground->block->data, BLOCK_BYTES);
  if (host) {
    gsize start = ground->block->data - base, end = start + BLOCK_BYTES;

    g_assert_cmpint (memcmp (base, before, start), ==, 0);
    g_assert_cmpint (
        memcmp (base + end, before + end, arena_bytes - end), ==, 0);
  }
}

/* Nothing is said about what this buffer holds after the run. */
static void
ground_accept (Ground *ground, guint i)
{
  gsize offset = ground->bindings[i].offset;

  memcpy (ground->expected + offset, ground->seen + offset,
      ground->bindings[i].length);
}

static void
ground_check (const Ground *ground, const char *what)
{
  for (gsize i = 0; i < BLOCK_BYTES; i++) {
    if (ground->seen[i] == ground->expected[i])
      continue;
    for (guint k = 0; k < ground->n_bindings; k++) {
      const VyreBinding *b = &ground->bindings[k];
      g_test_message ("buffer %u: %" G_GSIZE_FORMAT " to %" G_GSIZE_FORMAT, k,
          b->offset, b->offset + b->length);
    }
    g_error ("%s: byte %" G_GSIZE_FORMAT " is 0x%02x, not 0x%02x", what, i,
        ground->seen[i], ground->expected[i]);
  }
}

static void
expect_done (const VyreWindowResult *result)
{
  g_assert_cmpint (result->state, ==, VYRE_WINDOW_DONE);
}

/* Indices around a buffer of count elements of width bytes, of which each
 * occurs once. */
static void
hostile_indices (guint32 *indices, guint32 count, guint width)
{
  /* The smallest index whose byte offset wraps around 32 bits. */
  guint32 wraps = (guint32) (((guint64) 1 << 32) / width + 1);
  const guint32 all[] = { 0, count - 1, count, count + 1, count + 2, 0x7fffffff,
    0x80000000, 0x80000001, 0xffffffff, 0xfffffffe, 0xfffffff0, 0x40000000,
    0x40000001, 0x20000000, 0x20000002, 0x10000000, 0x10000003, wraps - 1,
    wraps, wraps + 1, 0u - count, 0u - count - 1, 0x80000000 + count,
    0x40000000 - 1, count * 2, count * 3, 0x01000000, 0x00010000, 1, 2, 3,
    count - 2 };
  guint n = 0;

  G_STATIC_ASSERT (G_N_ELEMENTS (all) == INVOCATIONS);
  for (guint i = 0; i < INVOCATIONS; i++) {
    gboolean again = FALSE;
    for (guint k = 0; k < n; k++)
      again |= indices[k] == all[i];
    if (!again)
      indices[n++] = all[i];
  }
  for (guint32 other = 0x90000000; n < INVOCATIONS; other++)
    indices[n++] = other;
}

/* --- loads and stores -------------------------------------------------------- */

static const struct
{
  const char *name;
  guint width;
} types[] = { { "u8", 1 }, { "i8", 1 }, { "u16", 2 }, { "u32", 4 },
  { "i32", 4 }, { "f32", 4 }, { "u64", 8 }, { "vec2u32", 8 },
  { "vec4u32", 16 } };

static void
check_type (
    VyreArena *arena, const char *name, guint width, guint32 count, guint extra)
{
  g_autofree char *text =
      g_strdup_printf ("program workgroup(8);\n"
                       "buffer indices: readonly u32[] @0;\n"
                       "buffer source: readonly %s[] @1;\n"
                       "buffer target: readwrite %s[] @2;\n"
                       "buffer sink: readwrite %s[] @3;\n"
                       "main { let i = invocation_id.x; let k = indices[i];\n"
                       "  sink[i] = source[k];\n"
                       "  target[k] = source[0];\n"
                       "  target[k - 64] = source[k + 64]; }\n",
          name, name, name);
  g_autoptr (VyreExecutable) executable = compile_program (runtime, text);
  guint32 indices[INVOCATIONS];
  VyreWindowResult result;
  Ground ground;
  guint8 *source, *target, *sink;

  /* A length that is no multiple of the element ends in bytes of no element,
   * and the pattern follows at once. */
  ground_init (&ground, arena);
  hostile_indices (indices, count, width);
  ground_add (&ground, sizeof indices, indices);
  source = ground_add (&ground, count * width + extra, NULL);
  target = ground_add (&ground, count * width + extra, NULL);
  sink = ground_add (&ground, INVOCATIONS * width, NULL);
  /* Small numbers: as f32 those are what loads may make zeros of. */
  for (guint i = 0; i < count * width; i++)
    source[i] = i % 4 == 3 ? 0x3f : i * 3 + 1;
  ground_write (&ground);
  run (&ground, executable, INVOCATIONS / 8, 0, &result);
  expect_done (&result);

  for (guint i = 0; i < INVOCATIONS; i++) {
    guint32 k = indices[i];

    if (k < count)
      memcpy (sink + i * width, source + k * width, width);
    else
      memset (sink + i * width, 0, width);
    if (k < count)
      memcpy (target + k * width, source, width);
  }
  /* What these put there depends on who came last. */
  for (guint i = 0; i < INVOCATIONS; i++) {
    guint32 to = indices[i] - 64;

    if (to < count)
      memcpy (target + to * width,
          ground.seen + ground.bindings[2].offset + to * width, width);
  }
  ground_check (&ground, name);
  ground_clear (&ground);
}

static void
test_loads_and_stores (gconstpointer arena)
{
  static const guint32 counts[] = { 1, 3, 5, 64, 255 };

  for (guint t = 0; t < G_N_ELEMENTS (types); t++) {
    for (guint c = 0; c < G_N_ELEMENTS (counts); c++) {
      check_type (
          (VyreArena *) arena, types[t].name, types[t].width, counts[c], 0);
      if (types[t].width > 1)
        check_type ((VyreArena *) arena, types[t].name, types[t].width,
            counts[c], types[t].width - 1);
    }
  }
}

/* --- atomics ------------------------------------------------------------------- */

static void
test_atomics (gconstpointer arena)
{
  static const struct
  {
    const char *call;
    guint32 result; /* of an element that was 40 */
  } atomics[] = {
    { "atomic_add(target[k], 5)", 45 },
    { "atomic_or(target[k], 7)", 47 },
    { "atomic_and(target[k], 9)", 8 },
    { "atomic_xor(target[k], 41)", 1 },
    { "atomic_min(target[k], 3)", 3 },
    { "atomic_max(target[k], 77)", 77 },
    { "atomic_exchange(target[k], 123)", 123 },
    { "atomic_compare_exchange(target[k], 40, 99)", 99 },
  };
  const guint32 count = 21;

  for (guint a = 0; a < G_N_ELEMENTS (atomics); a++) {
    g_autofree char *text =
        g_strdup_printf ("program workgroup(8);\n"
                         "buffer indices: readonly u32[] @0;\n"
                         "buffer target: readwrite u32[] @1;\n"
                         "buffer sink: readwrite u32[] @2;\n"
                         "main { let i = invocation_id.x;\n"
                         "  let k = indices[i];\n"
                         "  sink[i] = %s; }\n",
            atomics[a].call);
    g_autoptr (VyreExecutable) executable = compile_program (runtime, text);
    guint32 indices[INVOCATIONS], words[21];
    VyreWindowResult result;
    Ground ground;
    guint8 *target, *sink;

    for (guint i = 0; i < count; i++)
      words[i] = 40;
    ground_init (&ground, (VyreArena *) arena);
    hostile_indices (indices, count, 4);
    ground_add (&ground, sizeof indices, indices);
    target = ground_add (&ground, sizeof words, words);
    sink = ground_add (&ground, INVOCATIONS * 4, NULL);
    ground_write (&ground);
    run (&ground, executable, INVOCATIONS / 8, 0, &result);
    expect_done (&result);
    for (guint i = 0; i < INVOCATIONS; i++) {
      guint32 k = indices[i], old = k < count ? 40 : 0;

      memcpy (sink + i * 4, &old, 4);
      if (k < count)
        memcpy (target + k * 4, &atomics[a].result, 4);
    }
    ground_check (&ground, atomics[a].call);
    ground_clear (&ground);
  }
}

/* Every invocation moves the index that all the others use. */
static void
test_moving_indices (gconstpointer arena)
{
  g_autoptr (VyreExecutable) executable = compile_program (runtime,
      "program workgroup(64);\n"
      "buffer cursor: readwrite u32[] @0;\n"
      "buffer target: readwrite u8[] @1;\n"
      "buffer wide: readwrite vec4u32[] @2;\n"
      "main { for n in 0..40 {\n"
      "  let k = atomic_add(cursor[0], 0x10000001);\n"
      "  target[k] = cast(u8, k);\n"
      "  target[atomic_or(cursor[0], 0)] = cast(u8,"
      "    u32(target[atomic_or(cursor[0], 0)]) + 1);\n"
      "  wide[atomic_or(cursor[0], 0)] ="
      "    wide[atomic_or(cursor[0], 0) ^ n];\n"
      "  wide[atomic_or(cursor[0], 0) % 9] = wide[k];\n"
      "  let old = atomic_xor(cursor[atomic_or(cursor[1], 0)], k);\n"
      "} }\n");
  const guint32 cursor[2] = { 0, 0 };
  VyreWindowResult result;
  Ground ground;

  ground_init (&ground, (VyreArena *) arena);
  ground_add (&ground, sizeof cursor, cursor);
  ground_add (&ground, 13, NULL);
  ground_add (&ground, 16 * 7, NULL);
  ground_write (&ground);
  run (&ground, executable, 4, 0, &result);
  expect_done (&result);
  for (guint i = 0; i < 3; i++)
    ground_accept (&ground, i);
  ground_check (&ground, "moving indices");
  ground_clear (&ground);
}

/* --- copies ------------------------------------------------------------------------ */

static void
check_copy (VyreArena *arena, VyreExecutable *executable, gboolean load,
    guint64 offset, guint64 size)
{
  enum
  {
    SOURCE = 103,
    TARGET = 77
  };
  const guint64 params[2] = { offset, size };
  g_autofree char *what =
      g_strdup_printf ("async %s, offset 0x%" G_GINT64_MODIFIER
                       "x, size 0x%" G_GINT64_MODIFIER "x",
          load ? "load" : "store", offset, size);
  guint64 from = load ? offset : 0, to = load ? 0 : offset;
  VyreWindowResult result;
  Ground ground;
  guint8 *source, *target;

  ground_init (&ground, arena);
  ground_add (&ground, sizeof params, params);
  source = ground_add (&ground, SOURCE, NULL);
  target = ground_add (&ground, TARGET, NULL);
  ground_write (&ground);
  run (&ground, executable, 1, 0, &result);
  expect_done (&result);
  for (guint64 k = 0; k < size && to < TARGET && k < TARGET - to; k++)
    target[to + k] = from < SOURCE && k < SOURCE - from ? source[from + k] : 0;
  ground_check (&ground, what);
  ground_clear (&ground);
}

static void
test_copies (gconstpointer arena)
{
  static const guint64 values[] = { 0, 1, 3, 4, 8, 76, 77, 78, 100, 103, 104,
    0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff, 0x100000000, 0x100000004,
    G_MAXUINT64 };

  for (guint load = 0; load < 2; load++) {
    g_autofree char *text = g_strdup_printf (
        "program workgroup(1);\n"
        "buffer params: readonly u64[] @0;\n"
        "buffer source: readonly u8[] @1;\n"
        "buffer target: readwrite u8[] @2;\n"
        "main { async_%s(source, target, params[0], params[1], \"t\");\n"
        "  async_wait(\"t\"); }\n",
        load ? "load" : "store");
    g_autoptr (VyreExecutable) executable = compile_program (runtime, text);

    for (guint i = 0; i < G_N_ELEMENTS (values); i++) {
      for (guint k = 0; k < G_N_ELEMENTS (values); k++)
        check_copy (
            (VyreArena *) arena, executable, load, values[i], values[k]);
    }
  }
}

/* --- workgroup memory ----------------------------------------------------------- */

/* Around the memory that is attacked lie other workgroup buffers and, in the
 * save area, the registers of all other lane groups. */
static void
check_workgroup_memory (VyreArena *arena, const char *type, guint width)
{
  g_autofree char *text = g_strdup_printf (
      "program workgroup(64);\n"
      "buffer indices: readonly u32[] @0;\n"
      "buffer sink: readwrite u32[] @1;\n"
      "buffer below: workgroup u32[64];\n"
      "buffer middle: workgroup %s[5];\n"
      "buffer above: workgroup u32[64];\n"
      "main { let l = local_id.x; let i = invocation_id.x;\n"
      "  let state = i * 2654435761;\n"
      "  below[l] = i * 3 + 1; above[l] = i * 5 + 2;\n"
      "  barrier;\n"
      "  let k = indices[i %% 32];\n"
      "  let got = u32(middle[k]);\n"
      "  middle[k] = cast(%s, 0x55); middle[k - l] = cast(%s, 0x55);\n"
      "  barrier;\n"
      "  sink[4 * i] = below[l]; sink[4 * i + 1] = above[l];\n"
      "  sink[4 * i + 2] = state;\n"
      "  sink[4 * i + 3] = select(k < 5, 0, got + u32(middle[k])); }\n",
      type, type, type);
  g_autoptr (VyreExecutable) executable = compile_program (runtime, text);
  enum
  {
    GROUPS = 3,
    N = 64 * GROUPS
  };
  guint32 indices[INVOCATIONS];
  VyreWindowResult result;
  Ground ground;
  guint8 *sink;

  ground_init (&ground, arena);
  hostile_indices (indices, 5, width);
  ground_add (&ground, sizeof indices, indices);
  sink = ground_add (&ground, 16 * N, NULL);
  for (guint i = 0; i < 3; i++)
    ground_skip (&ground);
  ground_write (&ground);
  run (&ground, executable, GROUPS, 0, &result);
  expect_done (&result);
  for (guint32 i = 0; i < N; i++) {
    guint32 words[4] = { i * 3 + 1, i * 5 + 2, i * 2654435761u, 0 };
    memcpy (sink + 16 * i, words, 16);
  }
  ground_check (&ground, type);
  ground_clear (&ground);
}

static void
test_workgroup_memory (gconstpointer arena)
{
  check_workgroup_memory ((VyreArena *) arena, "u8", 1);
  check_workgroup_memory ((VyreArena *) arena, "u16", 2);
  check_workgroup_memory ((VyreArena *) arena, "u32", 4);
  check_workgroup_memory ((VyreArena *) arena, "u64", 8);
}

/* --- loops and nesting ---------------------------------------------------------- */

static void
test_huge_bounds (gconstpointer arena)
{
  static const char *const loops[] = {
    "for n in 0..bounds[0] { target[n * 4099] = n; }",
    "for n in bounds[0]..0 { target[n] = n; } loop { target[n0] = 1; n0 = n0 + "
    "977; }",
    "for n in bounds[1]..bounds[0] { for m in n..bounds[0] {"
    " target[n * m + 50] = m; } }",
  };

  for (guint i = 0; i < G_N_ELEMENTS (loops); i++) {
    g_autofree char *text =
        g_strdup_printf ("program workgroup(32);\n"
                         "buffer bounds: readonly u32[] @0;\n"
                         "buffer target: readwrite u32[] @1;\n"
                         "main { let n0 = invocation_id.x; %s }\n",
            loops[i]);
    g_autoptr (VyreExecutable) executable = compile_program (runtime, text);
    const guint32 bounds[2] = { 0xffffffff, 40 };
    VyreWindowResult result;
    Ground ground;

    ground_init (&ground, (VyreArena *) arena);
    ground_add (&ground, sizeof bounds, bounds);
    ground_add (&ground, 4 * 50, NULL);
    ground_write (&ground);
    run (&ground, executable, 2, 100000, &result);
    g_assert_cmpint (result.state, ==, VYRE_WINDOW_FAULT);
    g_assert_cmpuint (result.code, ==, VYRE_FAULT_STEP_LIMIT);
    ground_accept (&ground, 1);
    ground_check (&ground, loops[i]);
    ground_clear (&ground);
  }
}

#define NESTED (40 + 80 * 8)

static char *
nested_text (guint levels, gboolean loops)
{
  GString *text = g_string_new ("program workgroup(8);\n"
                                "buffer indices: readonly u32[] @0;\n"
                                "buffer target: readwrite u32[] @1;\n"
                                "main { let i = invocation_id.x;\n");

  for (guint l = 0; l < levels; l++) {
    if (loops && l % 2 == 0)
      g_string_append_printf (text, "for n%u in 0..1 {\n", l);
    else
      g_string_append_printf (text, "if i >= %u {\n", l % 5);
  }
  g_string_append (text, "target[indices[i]] = i;\n");
  for (guint l = 0; l < levels; l++)
    g_string_append_printf (text, "target[i * 80 + %u] = %u; }\n", 40 + l, l);
  g_string_append (text, "}\n");
  return g_string_free (text, FALSE);
}

static void
test_nesting (gconstpointer arena)
{
  guint refused = 0, deepest = 0;

  for (guint levels = 50; levels < 80; levels++) {
    for (guint loops = 0; loops < 2; loops++) {
      g_autofree char *text = nested_text (levels, loops);
      g_autoptr (GError) error = NULL;
      g_autoptr (VyreProgram) program =
          vyre_program_parse (text, strlen (text), &error);
      g_autoptr (VyreExecutable) executable = NULL;
      guint32 indices[INVOCATIONS];
      VyreWindowResult result;
      Ground ground;

      if (program != NULL)
        executable = vyre_executable_new (runtime, program, &error);
      if (executable == NULL) {
        g_assert_nonnull (error);
        if (refused++ == 0)
          g_test_message ("%u levels: %s", levels, error->message);
        continue;
      }
      deepest = levels;
      ground_init (&ground, (VyreArena *) arena);
      hostile_indices (indices, NESTED, 4);
      ground_add (&ground, sizeof indices, indices);
      guint8 *target = ground_add (&ground, 4 * NESTED, NULL);
      ground_write (&ground);
      run (&ground, executable, 1, 0, &result);
      expect_done (&result);
      for (guint32 i = 0; i < 8; i++) {
        /* The first invocations do not get in all the way. */
        guint in = 0;

        while (in < levels && ((loops && in % 2 == 0) || i >= in % 5))
          in++;
        if (in == levels && indices[i] < NESTED)
          memcpy (target + 4 * indices[i], &i, 4);
        for (guint32 l = levels - in; l < levels; l++)
          memcpy (target + 4 * (40 + i * 80 + l), &l, 4);
      }
      ground_check (&ground, "nesting");
      ground_clear (&ground);
    }
  }
  g_assert_cmpuint (deepest, >=, 50);
  g_assert_cmpuint (refused, >, 0);
  g_test_message ("%u levels run", deepest);
}

/* --- arenas -------------------------------------------------------------------------- */

/* What the runtime itself does where device memory can be mapped and is worth
 * having; there it is made whether it is worth having or not. */
static VyreArena *
device_arena (void)
{
  const gsize bytes = 1024 * 1024;
  g_autoptr (GError) error = NULL;
  VyreArena *there = vyre_runtime_get_device_arena (runtime);
  VyreMemory *memory;

  if (there != NULL)
    return there;
  memory = vyre_memory_new (
      runtime->device, bytes, VYRE_MEMORY_ARENA, "test device arena", &error);
  if (memory == NULL) {
    g_test_message ("no device arena: %s", error->message);
    return NULL;
  }
  g_autoptr (VyreArena) arena = vyre_arena_new_mapped (memory->map, bytes,
      VYRE_ARENA_DEVICE, (GDestroyNotify) vyre_memory_free, memory);
  g_mutex_lock (&runtime->lock);
  g_assert_true (vyre_mapped_arena_init (
      &runtime->mapped[runtime->n_mapped++], arena, memory->address, FALSE));
  g_mutex_unlock (&runtime->lock);
  return vyre_runtime_get_device_arena (runtime);
}

static void
skip (gconstpointer data)
{
  g_test_skip ("this device has no mapped device memory");
}

static void
add_tests (const char *name, VyreArena *arena)
{
  static const struct
  {
    const char *name;
    GTestDataFunc func;
  } tests[] = {
    { "loads-and-stores", test_loads_and_stores },
    { "atomics", test_atomics },
    { "moving-indices", test_moving_indices },
    { "copies", test_copies },
    { "workgroup-memory", test_workgroup_memory },
    { "huge-bounds", test_huge_bounds },
    { "nesting", test_nesting },
  };

  for (guint i = 0; i < G_N_ELEMENTS (tests); i++) {
    g_autofree char *path =
        g_strdup_printf ("/hostile/%s/%s", name, tests[i].name);
    g_test_add_data_func (path, arena, arena != NULL ? tests[i].func : skip);
  }
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  /* Small, since all of it is compared after each run. */
  g_setenv ("VYRE_ARENA_SIZE", "2M", TRUE);
  g_test_init (&argc, &argv, NULL);
  runtime = vyre_runtime_acquire (NULL, &error);
  g_assert_no_error (error);
  tenant = vyre_tenant_new (runtime, "hostile", &error);
  g_assert_no_error (error);

  add_tests ("host", vyre_runtime_get_host_arena (runtime));
  add_tests ("device", device_arena ());
  status = g_test_run ();
  vyre_tenant_free (tenant);
  vyre_runtime_unref (runtime);
  return status;
}
