/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Builtins that are recorded while they run, and run again by vyre replay: on
 * the ring, and by their model. Then recordings that were changed, or made up.
 *
 *   test-replay-builtins [VYRE]
 *
 * The command is looked for beside the test if it is not given.
 */

#include "../unit/engine/programs.h"
#include "recording.h"
#include "vir0/blake3.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

/* --- each of them ------------------------------------------------------------------ */

static void
run_words (Fixture *fixture)
{
  const guint32 first = fixture->first;

  run (fixture->tenant, VYRE_OP_NOP, 0, 0, 0);
  run (fixture->tenant, VYRE_OP_STORE_U32, 0xfffffffe, first, 0);
  run (fixture->tenant, VYRE_OP_ATOMIC_ADD, 5, first, 0);
  run (fixture->tenant, VYRE_OP_LOAD_U32, first, observable (fixture, 1), 0);
  /* It yields to word 160 + first, which only the other one reaches. */
  run (fixture->other, VYRE_OP_COMPARE_SWAP, first, 3, 11);
  run (fixture->other, VYRE_OP_COMPARE_SWAP, first, 3, 12);
  /* A copy onto what lies ahead repeats. */
  run (fixture->tenant, VYRE_OP_MEMCPY, first, first + 2, 20);
  run (fixture->tenant, VYRE_OP_STORE_U32, 1, first + WINDOW, 0);
  run (fixture->tenant, VYRE_OP_MEMCPY, first, first + 1, WINDOW);
}

static void
test_words (Fixture *fixture, gconstpointer data)
{
  const guint32 first = fixture->first;

  run_words (fixture);
  stop (fixture);

  g_autoptr (GPtrArray) chunks = read_chunks (fixture);
  const VyreReplayEntry *entry = entry_of (chunks, 2);
  const VyreReplayBuiltins *add = entry->builtins;
  g_assert_cmpuint (entry->flags, ==, 0);
  g_assert_cmpuint (entry->state, ==, VYRE_WINDOW_DONE);
  g_assert_cmpuint (add->tenant.rights, ==, ALL_RIGHTS);
  g_assert_cmpuint (add->tenant.first, ==, first);
  g_assert_cmpuint (add->tenant.n, ==, WINDOW);
  g_assert_cmpuint (add->n_items, ==, 1);
  g_assert_cmpuint (add->items[0].slot[0], ==, VYRE_OP_ATOMIC_ADD);
  g_assert_cmpuint (add->items[0].slot[1], ==, 5);
  g_assert_cmpuint (add->items[0].slot[2], ==, first);
  g_assert_cmphex (add->items[0].outcome.value, ==, 0xfffffffe);
  g_assert_cmpuint (add->n_words, ==, 1);
  g_assert_cmpuint (add->words[0].index, ==, first);
  g_assert_cmphex (add->words[0].before, ==, 0xfffffffe);
  g_assert_cmphex (add->words[0].after, ==, 3);
  g_assert_cmpuint (add->words[0].marks, ==, VYRE_REPLAY_WRITTEN);

  entry = entry_of (chunks, 4);
  g_assert_cmpuint (
      entry->builtins->tenant.rights & VYRE_TENANT_MAY_WRITE_CONTROL, !=, 0);
  g_assert_cmpuint (entry->builtins->tenant.n, ==, 0);
  g_assert_cmpuint (word_of (entry, first)->after, ==, 11);
  g_assert_cmpuint (word_of (entry, VYRE_C_OBSERVABLE + first)->after, ==, 3);

  entry = entry_of (chunks, 7);
  g_assert_cmpuint (entry->state, ==, VYRE_WINDOW_FAULT);
  g_assert_cmpuint (
      entry->builtins->items[0].outcome.code, ==, VYRE_FAULT_CONTROL_INDEX);
  g_assert_cmpuint (
      entry->builtins->items[0].outcome.value, ==, first + WINDOW);
  g_assert_cmpuint (entry->builtins->n_words, ==, 0);
  assert_replays (fixture, 9, "\n");
}

static void
test_steps (Fixture *fixture, gconstpointer data)
{
  g_autofree guint32 *table = g_new (guint32, 3 * 256);
  g_autoptr (GError) error = NULL;
  guint32 to = observable (fixture, 3);

  for (guint i = 0; i < 3 * 256; i++)
    table[i] = i * 2654435761u;
  run (fixture->tenant, VYRE_OP_DFA_STEP, 0, 7, to);
  g_assert_true (vyre_tenant_set_table (fixture->tenant, table, 3, &error));
  run (fixture->tenant, VYRE_OP_DFA_STEP, 2, 255, to);
  run (fixture->tenant, VYRE_OP_DFA_STEP, 1, 0, to);
  run (fixture->tenant, VYRE_OP_DFA_STEP, 3, 0, to);
  run (fixture->tenant, VYRE_OP_DFA_STEP, 0, 256, to);
  run (fixture->tenant, VYRE_OP_DFA_STEP, 0, 0, 0);
  table[5] = 77;
  g_assert_true (vyre_tenant_set_table (fixture->tenant, table, 1, &error));
  run (fixture->tenant, VYRE_OP_DFA_STEP, 0, 5, to);
  stop (fixture);

  g_autoptr (GPtrArray) chunks = read_chunks (fixture);
  const VyreReplayEntry *entry = entry_of (chunks, 1);
  g_assert_true (entry->builtins->has_table);
  g_assert_cmpuint (entry->builtins->tenant.n_states, ==, 3);
  g_assert_cmphex (
      entry->builtins->items[0].outcome.value, ==, 767 * 2654435761u);
  g_assert_cmpuint (
      entry_of (chunks, 6)->builtins->items[0].outcome.value, ==, 77);
  /* Each table is there once. */
  guint blobs = 0;
  for (guint i = 0; i < chunks->len; i++)
    blobs += ((Chunk *) g_ptr_array_index (chunks, i))->type ==
             VYRE_REPLAY_CHUNK_BLOB;
  g_assert_cmpuint (blobs, ==, 2);
  assert_replays (fixture, 7, "\n");
}

static void
test_packed (Fixture *fixture, gconstpointer data)
{
  const guint32 first = fixture->first;
  const guint32 args[][3] = { { 5, first, 0 }, { 6, first, 0 },
    { first, observable (fixture, 1), 0 }, { 1, 7, 0 } };
  const VyreRingItem items[] = { { VYRE_OP_STORE_U32, args[0], 2 },
    { VYRE_OP_ATOMIC_ADD, args[1], 2 }, { VYRE_OP_LOAD_U32, args[2], 2 } };
  const VyreRingItem fenced[] = { { VYRE_OP_BATCH_FENCE, args[3], 2 },
    { VYRE_OP_ATOMIC_ADD, args[0], 2 } };
  /* The second is not done, the third does not come; then nonsense. */
  const guint32 partly[] = { 0x00010603, 0x04010201, 5, first, 6, 0, 7,
    first + 1 };
  const guint32 nonsense[] = { 0x00010c01, 0 };
  const VyreRingItem bad[] = { { VYRE_OP_PACKED_SLOT, partly, 8 },
    { VYRE_OP_PACKED_SLOT, nonsense, 2 } };
  g_autoptr (GError) error = NULL;

  finish (vyre_tenant_publish_packed (fixture->tenant, items, 3, &error));
  finish (vyre_tenant_publish_packed (fixture->tenant, fenced, 2, &error));
  finish (vyre_tenant_publish (fixture->tenant, &bad[0], 1, &error));
  finish (vyre_tenant_publish (fixture->tenant, &bad[1], 1, &error));
  stop (fixture);

  g_autoptr (GPtrArray) chunks = read_chunks (fixture);
  g_assert_cmpuint (
      entry_of (chunks, 0)->builtins->items[0].outcome.value, ==, 11);
  g_assert_cmpuint (word_of (entry_of (chunks, 0), first + 1)->after, ==, 11);
  g_assert_cmpuint (
      word_of (entry_of (chunks, 1), VYRE_C_OBSERVABLE)->after, ==, 7);
  g_assert_cmpuint (entry_of (chunks, 2)->builtins->items[0].outcome.code, ==,
      VYRE_FAULT_CONTROL_INDEX);
  g_assert_cmpuint (word_of (entry_of (chunks, 2), first)->after, ==, 5);
  g_assert_null (word_of (entry_of (chunks, 2), first + 1));
  g_assert_cmpuint (entry_of (chunks, 3)->builtins->items[0].outcome.code, ==,
      VYRE_FAULT_PACKED);
  assert_replays (fixture, 4, "\n");
}

/* A sum is known, and what the fence yields, whatever the order. What each
 * addition yields is not. */
static void
test_batch (Fixture *fixture, gconstpointer data)
{
  const guint32 first = fixture->first;
  guint32 args[30][3];
  VyreRingItem items[31];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 30; i++) {
    args[i][0] = i + 1;
    args[i][1] = first;
    items[i] = (VyreRingItem){ VYRE_OP_ATOMIC_ADD, args[i], 2 };
  }
  /* Two that are nobody else's; then two that race. */
  args[5][1] = first + 1;
  args[6][1] = first + 2;
  args[7][1] = args[8][1] = first + 3;
  items[7].opcode = items[8].opcode = VYRE_OP_STORE_U32;
  finish (vyre_tenant_publish_batch (fixture->tenant, items, 30, 9, &error));
  g_assert_no_error (error);
  /* Behind a fence in its own slot, the sum can be read. */
  guint32 packed[VYRE_ARGS_PER_SLOT], n;
  const guint32 fence[] = { 30, 1 },
                load[] = { first, observable (fixture, 4) };
  const VyreRingItem two[] = { { VYRE_OP_BATCH_FENCE, fence, 2 },
    { VYRE_OP_LOAD_U32, load, 2 } };
  g_assert_true (vyre_ring_pack (packed, &n, two, 2, &error));
  items[30] = (VyreRingItem){ VYRE_OP_PACKED_SLOT, packed, n };
  finish (vyre_tenant_publish (fixture->tenant, items, 31, &error));
  g_assert_no_error (error);
  stop (fixture);

  g_autoptr (GPtrArray) chunks = read_chunks (fixture);
  for (guint k = 0; k < 2; k++) {
    VyreReplayEntry *entry = entry_of (chunks, k);
    const VyreReplayItem *found = entry->builtins->items;

    g_assert_cmpuint (entry->flags, ==, 0);
    for (guint i = 0; i < 31; i++)
      g_assert_cmpuint (found[i].marks, ==,
          i == 5 || i == 6 || i == 30 ? 0 : VYRE_REPLAY_UNORDERED);
    g_assert_cmpuint (word_of (entry, first)->marks, ==, VYRE_REPLAY_WRITTEN);
    g_assert_cmpuint (word_of (entry, first + 3)->marks, ==,
        VYRE_REPLAY_WRITTEN | VYRE_REPLAY_UNORDERED);
  }
  g_assert_cmpuint (word_of (entry_of (chunks, 0), first)->after, ==,
      30 * 31 / 2 - 6 - 7 - 8 - 9);
  g_assert_cmpuint (word_of (entry_of (chunks, 1), first + 4)->after, ==,
      2 * (30 * 31 / 2 - 6 - 7 - 8 - 9));
  assert_replays (fixture, 2, "\n");

  /* What is not known may be anything, the sum may not. */
  entry_of (chunks, 0)->builtins->items[0].outcome.value = 12345;
  word_of (entry_of (chunks, 0), first + 3)->after = 12345;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_replays (fixture, 2, "\n");
  word_of (entry_of (chunks, 0), first)->after = 12345;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_differs (fixture, "differs: 0x00003039 then, 0x000001b3 now");
}

static void
test_print (Fixture *fixture, gconstpointer data)
{
  const guint32 args[][3] = { { 100, 1, 2 }, { 101, 3, 4 }, { 0, 5, 6 } };
  VyreRingItem items[3];
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 3; i++)
    items[i] = (VyreRingItem){ VYRE_OP_PRINTF, args[i], 3 };
  finish (vyre_tenant_publish (fixture->tenant, items, 3, &error));
  vyre_tenant_set_rights (fixture->tenant, VYRE_TENANT_MAY_EXECUTE);
  run (fixture->tenant, VYRE_OP_PRINTF, 1, 2, 3);
  stop (fixture);

  g_autoptr (GPtrArray) chunks = read_chunks (fixture);
  VyreReplayItem *found = entry_of (chunks, 0)->builtins->items;
  for (guint i = 0; i < 2; i++) {
    g_assert_cmpuint (found[i].marks, ==, VYRE_REPLAY_PRINTED);
    g_assert_cmpmem (found[i].printed, 12, args[i], 12);
  }
  g_assert_cmpuint (found[2].marks, ==, 0);
  g_assert_cmpuint (found[2].outcome.code, ==, VYRE_FAULT_ARGUMENT);
  g_assert_cmpuint (entry_of (chunks, 1)->builtins->items[0].outcome.code, ==,
      VYRE_FAULT_DENIED);
  assert_replays (fixture, 2, "\n");

  found[1].printed[2]++;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_differs (fixture, "item 1 (PRINTF) differs: the record 101, "
                           "0x00000003, 0x00000005 then, no such record now");
}

static void
test_load (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (folder, "file", NULL);
  g_autofree guint8 *bytes = g_malloc (100000);
  g_autoptr (VyreBlock) block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (fixture->runtime), 200000);
  g_autoptr (GError) error = NULL;
  guint32 whole, tail;

  for (guint i = 0; i < 100000; i++)
    bytes[i] = (guint8) (i * 7 + i / 251);
  g_assert_true (g_file_set_contents (path, (char *) bytes, 100000, &error));
  g_assert_true (vyre_tenant_add_resource (
      fixture->tenant, path, 1000, 50000, block, 8192, &whole, &error));
  g_assert_true (vyre_tenant_add_resource (
      fixture->tenant, path, 99990, 100, block, 0, &tail, &error));
  finish (vyre_tenant_load (fixture->tenant, whole, FALSE, &error));
  finish (vyre_tenant_load (fixture->tenant, tail, FALSE, &error));
  finish (vyre_tenant_load (fixture->tenant, 99, FALSE, &error));
  finish (vyre_tenant_load (fixture->tenant, tail, TRUE, &error));
  vyre_tenant_set_rights (fixture->tenant, VYRE_TENANT_MAY_EXECUTE);
  finish (vyre_tenant_load (fixture->tenant, whole, FALSE, &error));
  g_assert_no_error (error);
  stop (fixture);
  /* It is gone by the time. */
  g_unlink (path);

  g_autoptr (GPtrArray) chunks = read_chunks (fixture);
  VyreReplayBuiltins *found = entry_of (chunks, 0)->builtins;
  guint8 digest[32];
  vyre_blake3 (bytes + 1000, 50000, digest);
  g_assert_true (found->has_resource && found->has_loaded);
  g_assert_cmpuint (found->resource_length, ==, 50000);
  g_assert_cmpmem (found->loaded, 32, digest, 32);
  g_assert_cmpuint (found->items[0].outcome.value, ==, 50000);
  vyre_blake3 (bytes + 99990, 10, digest);
  g_assert_cmpmem (entry_of (chunks, 1)->builtins->loaded, 32, digest, 32);
  g_assert_cmpuint (
      entry_of (chunks, 2)->builtins->items[0].outcome.value, ==, EBADF);
  g_assert_false (entry_of (chunks, 3)->builtins->has_loaded);
  g_assert_cmpuint (entry_of (chunks, 4)->builtins->items[0].outcome.code, ==,
      VYRE_FAULT_DENIED);
  assert_replays (fixture, 5, "\n");

  found->items[0].outcome.value = 49999;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_differs (fixture, "item 0 (LOAD_MISS) differs: it yields 0x0000c34f "
                           "then, it yields 0x0000c350 now");
}

/* --- what cannot be compared --------------------------------------------------------- */

/* Two wait for the same word until they may run; nobody knows which is first. */
static void
test_races (Fixture *fixture, gconstpointer data)
{
  const guint32 first = fixture->first;

  vyre_tenant_set_rights (fixture->tenant, 0);
  VyreWindow *one = publish (fixture->tenant, VYRE_OP_STORE_U32, 1, first, 0);
  VyreWindow *two = publish (fixture->tenant, VYRE_OP_ATOMIC_ADD, 1, first, 0);
  VyreWindow *three =
      publish (fixture->tenant, VYRE_OP_STORE_U32, 1, first + 1, 0);
  /* Has ended before that one begins, and sees what was before. */
  run (fixture->other, VYRE_OP_STORE_U32, 50, first + 1, 0);
  vyre_tenant_set_rights (fixture->tenant, VYRE_TENANT_MAY_EXECUTE);
  finish (one);
  finish (two);
  finish (three);
  /* Nothing is in flight any more. */
  run (fixture->tenant, VYRE_OP_ATOMIC_ADD, 1, first, 0);
  stop (fixture);

  g_autoptr (GPtrArray) chunks = read_chunks (fixture);
  guint shared = 0, known = 0;
  for (guint i = 0; i < 5; i++) {
    const VyreReplayEntry *entry = entry_of (chunks, i);
    const VyreReplayItem *item = &entry->builtins->items[0];

    shared += (entry->flags & VYRE_REPLAY_SHARED) != 0;
    if (item->slot[2] == first + 1 && item->slot[1] == 1) {
      known++;
      g_assert_cmpuint (item->marks, ==, 0);
      g_assert_cmpuint (item->outcome.value, ==, 50);
      g_assert_cmpuint (
          entry->builtins->tenant.rights, ==, VYRE_TENANT_MAY_EXECUTE);
      g_assert_cmpuint (word_of (entry, first + 1)->before, ==, 50);
    }
  }
  /* The other one's as well: who waited could have begun before it ended. */
  g_assert_cmpuint (shared, ==, 3);
  g_assert_cmpuint (known, ==, 1);
  assert_replays (
      fixture, 2, "; 3 left out\n  3: shared memory with others in flight\n");
}

static const char slow_text[] = "program workgroup(1);\n"
                                "buffer n: readwrite u32[1] @0;\n"
                                "main {\n"
                                "  for at in 0..100000 {\n"
                                "    let before = atomic_add(n[0], 1);\n"
                                "  }\n"
                                "}\n";

/* Rights change while a fence waits for a program; and a file is read into what
 * one works on. */
static void
test_meanwhile (Fixture *fixture, gconstpointer data)
{
  g_autofree char *path = g_build_filename (folder, "file", NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreExecutable) executable =
      compile_program (fixture->runtime, slow_text);
  g_autoptr (VyreBlock) block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (fixture->runtime), 4096);
  const VyreBinding binding = { block, 0, 4 };
  guint32 number;

  g_assert_true (g_file_set_contents (path, "12345678", 8, &error));
  g_assert_true (vyre_tenant_add_resource (
      fixture->other, path, 0, 8, block, 0, &number, &error));
  memset (block->data, 0, 4096);
  vyre_block_note_write (block);
  /* Compiles the kernel, which would take longer than the program. */
  run (fixture->tenant, VYRE_OP_NOP, 0, 0, 0);
  VyreWindow *slow = vyre_tenant_submit (
      fixture->tenant, executable, &binding, 1, NULL, &error);
  g_assert_no_error (error);
  VyreWindow *fence = publish (fixture->tenant, VYRE_OP_BATCH_FENCE, 1, 5, 0);
  vyre_tenant_set_rights (fixture->tenant, VYRE_TENANT_MAY_EXECUTE);
  finish (fence);
  finish (slow);
  /* In flight until it may begin. */
  vyre_tenant_set_rights (fixture->tenant, 0);
  VyreWindow *waiting = vyre_tenant_submit (
      fixture->tenant, executable, &binding, 1, NULL, &error);
  g_assert_no_error (error);
  finish (vyre_tenant_load (fixture->other, number, FALSE, &error));
  g_assert_no_error (error);
  vyre_tenant_set_rights (fixture->tenant, VYRE_TENANT_MAY_EXECUTE);
  finish (waiting);
  /* And once more, alone. */
  finish (vyre_tenant_load (fixture->other, number, FALSE, &error));
  g_clear_pointer (&executable, vyre_executable_unref);
  stop (fixture);
  g_unlink (path);
  assert_replays (
      fixture, 3, "; 3 left out\n  3: shared memory with others in flight\n");
}

/* A word is given to another tenant, and zeroed, while what adds to it waits for
 * a program. */
static void
test_zeroed (Fixture *fixture, gconstpointer data)
{
  const guint32 word = fixture->first + WINDOW;
  const guint32 fence[] = { 1, 5 }, add[] = { 1, word };
  const VyreRingItem items[] = { { VYRE_OP_BATCH_FENCE, fence, 2 },
    { VYRE_OP_ATOMIC_ADD, add, 2 } };
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreExecutable) executable =
      compile_program (fixture->runtime, slow_text);
  g_autoptr (VyreBlock) block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (fixture->runtime), 4096);
  const VyreBinding binding = { block, 0, 4 };
  VyreTenant *late = vyre_tenant_new (fixture->runtime, "late", &error);
  guint32 given = 0;

  memset (block->data, 0, 4096);
  vyre_block_note_write (block);
  run (fixture->other, VYRE_OP_STORE_U32, 7, word, 0);
  VyreWindow *slow = vyre_tenant_submit (
      fixture->other, executable, &binding, 1, NULL, &error);
  g_assert_no_error (error);
  VyreWindow *waiting =
      vyre_tenant_publish_packed (fixture->other, items, 2, &error);
  g_assert_no_error (error);
  g_assert_true (vyre_tenant_set_observables (late, 4, &given, &error));
  g_assert_cmpuint (given, ==, word);
  finish (waiting);
  finish (slow);
  g_clear_pointer (&executable, vyre_executable_unref);
  vyre_tenant_free (late);
  stop (fixture);
  /* The program may have been so quick that nothing happened meanwhile. */
  for (guint i = 0; i < G_N_ELEMENTS (engines); i++) {
    g_autofree char *out = replay (fixture, engines[i], 0);

    assert_has (out, " 0 different");
  }
}

/* Words that kernels count, and shutdown where it is allowed. */
static void
test_system (Fixture *fixture, gconstpointer data)
{
  run (fixture->other, VYRE_OP_LOAD_U32, VYRE_C_DONE_COUNT, 1, 0);
  run (fixture->other, VYRE_OP_STORE_U32, 0, VYRE_C_TENANT_FAIRNESS, 0);
  run (fixture->other, VYRE_OP_LOAD_U32, VYRE_C_EPOCH, 1, 0);
  run (fixture->tenant, VYRE_OP_SHUTDOWN, 0, 0, 0);
  vyre_tenant_set_rights (
      fixture->tenant, ALL_RIGHTS | VYRE_TENANT_MAY_SHUT_DOWN);
  run (fixture->tenant, VYRE_OP_SHUTDOWN, 0, 0, 0);
  stop (fixture);
  assert_replays (fixture, 2,
      "; 3 left out\n  3: used words that the runtime itself changes\n");
}

/* --- changed, and made up ------------------------------------------------------------ */

static void
test_changed (Fixture *fixture, gconstpointer data)
{
  run_words (fixture);
  stop (fixture);

  g_autoptr (GPtrArray) chunks = read_chunks (fixture);
  VyreReplayEntry *store = entry_of (chunks, 1), *add = entry_of (chunks, 2),
                  *fault = entry_of (chunks, 7);
  /* The first difference is told, and ends it. */
  add->builtins->items[0].outcome.value = 0x77;
  fault->builtins->items[0].outcome.value = 0x78;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_differs (fixture, "item 0 (ATOMIC_ADD) differs: it yields 0x00000077 "
                           "then, it yields 0xfffffffe now");
  add->builtins->items[0].outcome.value = 0xfffffffe;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_differs (fixture,
      "fails (no word of the tenant's window of observables, address "
      "0x00000078) then, it fails");
  fault->builtins->items[0].outcome =
      (VyreBuiltinOutcome){ VYRE_FAULT_NONE, 5 };
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_differs (fixture, "it yields 0x00000005 then, it fails");
  fault->builtins->items[0].outcome =
      (VyreBuiltinOutcome){ VYRE_FAULT_CONTROL_INDEX, fixture->first + WINDOW };
  add->builtins->words[0].after = 4;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_differs (fixture, "differs: 0x00000004 then, 0x00000003 now");
  add->builtins->words[0].after = 3;
  /* What it began with is put right before it is run: not what the others
   * left. */
  add->builtins->words[0].before = 1;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_differs (fixture, "it yields 0x00000001 now");
  add->builtins->words[0].before = 0xfffffffe;
  /* Other rights, another window. */
  store->builtins->tenant.n = 0;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_differs (fixture, "item 0 (STORE_U32) differs: it yields");
  store->builtins->tenant.n = WINDOW;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_replays (fixture, 9, "\n");
  /* A kernel that ended without it is nothing that comes again. */
  fault->builtins->items[0].outcome.code = VYRE_FAULT_LOST;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  assert_replays (
      fixture, 8, "; 1 left out\n  1: has no end to compare with\n");
}

/* Whatever is asked for with rights to do it, the runtime that replays stays
 * as it is. */
static void
test_hostile (Fixture *fixture, gconstpointer data)
{
  run (fixture->tenant, VYRE_OP_STORE_U32, 1, fixture->first, 0);
  stop (fixture);

  g_autoptr (GPtrArray) chunks = read_chunks (fixture);
  VyreReplayEntry *entry = entry_of (chunks, 0);
  VyreReplayBuiltins *builtins = entry->builtins;
  const VyreBuiltinTenant tenant = builtins->tenant;
  const struct
  {
    VyreBuiltinTenant tenant;
    guint32 slot[3];
    const char *text;
  } cases[] = {
    { { .rights = 31 }, { VYRE_OP_SHUTDOWN }, "runtime itself changes" },
    { { .rights = 31 }, { VYRE_OP_STORE_U32, 1, VYRE_C_SHUTDOWN },
        "runtime itself changes" },
    { { .rights = 31 }, { VYRE_OP_STORE_U32, 0, VYRE_C_TENANT_BASE },
        "runtime itself changes" },
    { { .rights = 0 }, { VYRE_OP_NOP }, "nothing that a tenant publishes" },
    { { .rights = 1, .first = 0, .n = 2000 }, { VYRE_OP_STORE_U32, 0, 2 },
        "runtime itself changes" },
    { { .rights = 1, .first = 161, .n = 0xffffffff }, { VYRE_OP_NOP },
        "nothing that a tenant publishes" },
    { { .rights = 1, .first = 0xffffffff, .n = 1 }, { VYRE_OP_NOP },
        "nothing that a tenant publishes" },
    { { .rights = 1, .n_states = 0xffffffff }, { VYRE_OP_DFA_STEP },
        "nothing that a tenant publishes" },
    { { .rights = 1 }, { 0x40100000 }, "nothing that a tenant publishes" },
    { { .rights = 1 }, { 0xfff0 }, "nothing that a tenant publishes" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    builtins->tenant = cases[i].tenant;
    memset (builtins->items[0].slot, 0, sizeof builtins->items[0].slot);
    memcpy (builtins->items[0].slot, cases[i].slot, sizeof cases[i].slot);
    write_chunks (fixture, chunks, 0, NULL, NULL);
    for (guint k = 0; k < G_N_ELEMENTS (engines); k++) {
      g_autofree char *out = replay (fixture, engines[k], 1);

      assert_has (out, cases[i].text);
    }
  }
  /* A resource of all there is, and a digest of nothing. */
  builtins->tenant = tenant;
  memset (builtins->items[0].slot, 0, sizeof builtins->items[0].slot);
  builtins->items[0].slot[0] = VYRE_OP_LOAD_MISS;
  builtins->has_resource = TRUE;
  builtins->resource_length = G_MAXUINT64;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  for (guint k = 0; k < G_N_ELEMENTS (engines); k++)
    g_free (replay (fixture, engines[k], 1));
  builtins->has_loaded = TRUE;
  write_chunks (fixture, chunks, 0, NULL, NULL);
  for (guint k = 0; k < G_N_ELEMENTS (engines); k++) {
    g_autofree char *out = replay (fixture, engines[k], 1);

    assert_has (out, "are not there");
  }
}

static void
add_noise (GByteArray *bytes, gpointer user_data)
{
  static const guint8 values[] = { 0, 1, 2, 3, 5, 31, 127, 128, 160, 255 };
  GRand *rand = user_data;
  guint n = 1 << g_rand_int_range (rand, 0, 5);

  for (guint i = 0; i < n; i++) {
    guint at = (guint) g_rand_int_range (rand, 16, (gint) bytes->len);

    bytes->data[at] = values[g_rand_int_range (rand, 0, G_N_ELEMENTS (values))];
  }
  if (g_rand_int_range (rand, 0, 8) == 0)
    g_byte_array_set_size (
        bytes, (guint) g_rand_int_range (rand, 1, (gint) bytes->len));
}

/* Good digests around nonsense. */
static void
test_noise (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (7);
  g_autoptr (GError) error = NULL;
  guint32 table[256] = { 0 };

  g_assert_true (vyre_tenant_set_table (fixture->tenant, table, 1, &error));
  run_words (fixture);
  run (fixture->tenant, VYRE_OP_DFA_STEP, 0, 5, observable (fixture, 5));
  run (fixture->tenant, VYRE_OP_BATCH_FENCE, 3, 4, 0);
  run (fixture->tenant, VYRE_OP_PRINTF, 3, 4, 0);
  stop (fixture);
  g_autoptr (GPtrArray) chunks = read_chunks (fixture);
  for (guint i = 0; i < 60; i++) {
    write_chunks (fixture, chunks, i % 12, add_noise, rand);
    g_free (replay (fixture, i % 12 == 0 ? "interp" : "reference", -1));
  }
}

/* --- the model ----------------------------------------------------------------------- */

/* Any words in a slot: the model does what the GPU did. */
static void
test_model (Fixture *fixture, gconstpointer data)
{
  static const guint32 opcodes[] = { 0, 1, 2, 3, 4, 5, 6, 7, 7,
    VYRE_OP_PACKED_SLOT, VYRE_OP_PACKED_SLOT };
  g_autoptr (GRand) rand = g_rand_new_with_seed (11);
  g_autofree guint32 *table = g_new (guint32, 512);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < 512; i++)
    table[i] = g_rand_int (rand);
  g_assert_true (vyre_tenant_set_table (fixture->tenant, table, 2, &error));
  for (guint k = 0; k < 300; k++) {
    guint32 args[VYRE_ARGS_PER_SLOT];
    VyreRingItem item = {
      opcodes[g_rand_int_range (rand, 0, G_N_ELEMENTS (opcodes))], args,
      VYRE_ARGS_PER_SLOT
    };

    for (guint i = 0; i < VYRE_ARGS_PER_SLOT; i++) {
      guint32 word = g_rand_int (rand);

      switch (g_rand_int_range (rand, 0, 5)) {
        case 0:
          args[i] = fixture->first + word % WINDOW;
          break;
        case 1:
          args[i] = observable (fixture, word % WINDOW);
          break;
        case 2:
          args[i] = word % 12;
          break;
        case 3:
          args[i] = word;
          break;
        default:
          args[i] = word % VYRE_CONTROL_TABLE;
          break;
      }
    }
    /* Mostly well packed: two operations, or three. */
    if (item.opcode == VYRE_OP_PACKED_SLOT && k % 4 != 0) {
      args[0] = 0x00000902 | g_rand_int_range (rand, 0, 8) << 16;
      args[1] = g_rand_int_range (rand, 0, 8) |
                (guint32) g_rand_int_range (rand, 0, 5) << 8;
    }
    finish (vyre_tenant_publish (
        k % 3 == 0 ? fixture->other : fixture->tenant, &item, 1, &error));
    g_assert_no_error (error);
  }
  stop (fixture);
  g_autofree char *out = replay (fixture, "reference", 0);
  assert_has (out, " 0 different");
  g_autofree char *again = replay (fixture, "interp", 0);
  assert_has (again, " 0 different");
  g_assert_null (strstr (out, "shared memory"));
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*test) (Fixture *fixture, gconstpointer data);
  } tests[] = {
    { "/replay-builtins/words", test_words },
    { "/replay-builtins/steps", test_steps },
    { "/replay-builtins/packed", test_packed },
    { "/replay-builtins/batch", test_batch },
    { "/replay-builtins/print", test_print },
    { "/replay-builtins/load", test_load },
    { "/replay-builtins/races", test_races },
    { "/replay-builtins/meanwhile", test_meanwhile },
    { "/replay-builtins/zeroed", test_zeroed },
    { "/replay-builtins/system", test_system },
    { "/replay-builtins/changed", test_changed },
    { "/replay-builtins/hostile", test_hostile },
    { "/replay-builtins/noise", test_noise },
    { "/replay-builtins/model", test_model },
  };
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  g_autofree char *beside = g_path_get_dirname (argv[0]);
  command =
      argc > 1 ? g_strdup (argv[1]) : g_build_filename (beside, "vyre", NULL);
  folder = g_dir_make_tmp ("vyre-replay-XXXXXX", &error);
  g_assert_no_error (error);
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    g_test_add (tests[i].name, Fixture, NULL, set_up, tests[i].test, tear_down);
  status = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  g_free (command);
  return status;
}
