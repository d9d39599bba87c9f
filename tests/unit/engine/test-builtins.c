/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Builtin opcodes on the GPU, against what the protocol says of them. --resident
 * runs all of it with a kernel that stays, --validation under the Vulkan
 * validation layer. */

#include "engine/engine-private.h"
#include "programs.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define LIMIT_US (30 * G_USEC_PER_SEC)
#define WORD(i) (VYRE_C_OBSERVABLE + (i))
#define WINDOW 512

static VyreRuntime *runtime;
static VyreTenant *tenant, *other;
static guint32 first; /* word of the tenant's window */

static gint64
deadline (void)
{
  return g_get_monotonic_time () + LIMIT_US;
}

static VyreWindow *
publish (VyreTenant *who, const VyreRingItem *items, guint n)
{
  g_autoptr (GError) error = NULL;
  VyreWindow *window = vyre_tenant_publish (who, items, n, &error);

  g_assert_no_error (error);
  return window;
}

static VyreItemResult
finish (VyreWindow *window, guint item)
{
  VyreItemResult result = { 0 };
  VyreWindowState state = vyre_window_wait (window, deadline (), NULL);

  g_assert_true (state == VYRE_WINDOW_DONE || state == VYRE_WINDOW_FAULT);
  g_assert_true (vyre_window_get_item (window, item, &result));
  return result;
}

/* One operation; what it yields. */
static VyreItemResult
run (VyreTenant *who, guint32 opcode, guint n, guint32 a, guint32 b, guint32 c)
{
  const guint32 args[] = { a, b, c };
  const VyreRingItem item = { opcode, args, n };
  g_autoptr (VyreWindow) window = publish (who, &item, 1);

  return finish (window, 0);
}

static void
assert_yields (VyreItemResult result, guint32 value)
{
  g_assert_cmpuint (result.code, ==, VYRE_FAULT_NONE);
  g_assert_cmphex (result.value, ==, value);
}

static void
assert_faults (VyreItemResult result, guint code, guint32 address)
{
  g_assert_cmpuint (result.code, ==, code);
  g_assert_cmphex (result.value, ==, address);
}

static guint32
word_at (guint32 i)
{
  guint32 word;

  vyre_tenant_read_observables (tenant, i, 1, &word);
  return word;
}

/* --- one by one -------------------------------------------------------------------- */

static void
test_words (void)
{
  assert_yields (run (tenant, VYRE_OP_NOP, 0, 0, 0, 0), 0);
  assert_yields (run (tenant, VYRE_OP_STORE_U32, 2, 7, first, 0), 0);
  assert_yields (run (tenant, VYRE_OP_STORE_U32, 2, 0xfffffffe, first, 0), 7);
  assert_yields (run (tenant, VYRE_OP_ATOMIC_ADD, 2, 5, first, 0), 0xfffffffe);
  g_assert_cmpuint (word_at (first), ==, 3);
  /* Observables are numbered from word 160 on. */
  assert_yields (run (tenant, VYRE_OP_LOAD_U32, 2, first,
                     first + 9 - VYRE_C_OBSERVABLE, 0),
      3);
  g_assert_cmpuint (word_at (first + 9), ==, 3);
  assert_yields (run (tenant, VYRE_OP_COMPARE_SWAP, 3, first, 3, 11), 3);
  g_assert_cmpuint (word_at (first), ==, 11);
  g_assert_cmpuint (word_at (VYRE_C_OBSERVABLE + first), ==, 3);
  assert_yields (run (tenant, VYRE_OP_COMPARE_SWAP, 3, first, 3, 12), 11);
  g_assert_cmpuint (word_at (first), ==, 11);
  g_assert_cmpuint (word_at (VYRE_C_OBSERVABLE + first), ==, 11);
}

static void
fill (guint32 *words, guint n)
{
  for (guint i = 0; i < n; i++) {
    words[i] = 0x1000 + i;
    vyre_poke (runtime->control, first + i, words[i]);
  }
  vyre_ring_store_fence ();
}

/* Forward, word by word: a copy onto what lies ahead smears. */
static void
test_copy (void)
{
  static const guint cases[][3] = { { 0, 100, 50 }, { 100, 90, 64 },
    { 0, 1, 40 }, { 0, 3, 100 }, { 5, 5, 9 }, { 10, 200, 0 }, { 0, 256, 256 },
    { 7, 15, 33 } };
  guint32 words[WINDOW], found[WINDOW];

  for (guint k = 0; k < G_N_ELEMENTS (cases); k++) {
    guint from = cases[k][0], to = cases[k][1], n = cases[k][2];

    fill (words, WINDOW);
    assert_yields (
        run (tenant, VYRE_OP_MEMCPY, 3, first + from, first + to, n), n);
    for (guint i = 0; i < n; i++)
      words[to + i] = words[from + i];
    vyre_tenant_read_observables (tenant, first, WINDOW, found);
    g_assert_cmpmem (words, sizeof words, found, sizeof found);
  }
}

static void
test_dfa (void)
{
  g_autofree guint32 *table = g_new (guint32, 3 * 256);
  g_autoptr (GError) error = NULL;
  const guint32 to = first + 20 - VYRE_C_OBSERVABLE;
  guint32 state = 0;

  /* "ab" anywhere leads to 2. */
  for (guint i = 0; i < 256; i++) {
    table[i] = i == 'a';
    table[256 + i] = i == 'b' ? 2 : i == 'a';
    table[512 + i] = 2;
  }
  assert_faults (
      run (tenant, VYRE_OP_DFA_STEP, 3, 0, 'a', to), VYRE_FAULT_ARGUMENT, 0);
  g_assert_true (vyre_tenant_set_table (tenant, table, 3, &error));
  g_assert_no_error (error);
  for (const char *c = "xaab!"; *c != '\0'; c++) {
    VyreItemResult result =
        run (tenant, VYRE_OP_DFA_STEP, 3, state, (guint8) *c, to);

    g_assert_cmpuint (result.code, ==, VYRE_FAULT_NONE);
    g_assert_cmpuint (result.value, ==, table[state * 256 + (guint8) *c]);
    state = result.value;
  }
  g_assert_cmpuint (state, ==, 2);
  g_assert_cmpuint (word_at (first + 20), ==, 2);
  assert_faults (
      run (tenant, VYRE_OP_DFA_STEP, 3, 3, 0, to), VYRE_FAULT_ARGUMENT, 3);
  assert_faults (
      run (tenant, VYRE_OP_DFA_STEP, 3, 0, 256, to), VYRE_FAULT_ARGUMENT, 256);
  assert_faults (run (tenant, VYRE_OP_DFA_STEP, 2, 0, 0, 0),
      VYRE_FAULT_CONTROL_INDEX, VYRE_C_OBSERVABLE);
  g_assert_true (vyre_tenant_set_table (tenant, NULL, 0, &error));
  assert_faults (
      run (tenant, VYRE_OP_DFA_STEP, 3, 0, 0, to), VYRE_FAULT_ARGUMENT, 0);
}

/* --- out of reach ------------------------------------------------------------------- */

static void
test_reach (void)
{
  const guint32 last = first + WINDOW - 1;
  const struct
  {
    guint32 opcode, a, b, c, address;
  } cases[] = {
    { VYRE_OP_STORE_U32, 1, VYRE_C_SHUTDOWN, 0, VYRE_C_SHUTDOWN },
    { VYRE_OP_STORE_U32, 1, VYRE_C_TENANT_MASK, 0, VYRE_C_TENANT_MASK },
    { VYRE_OP_STORE_U32, 1, first - 1, 0, first - 1 },
    { VYRE_OP_STORE_U32, 1, last + 1, 0, last + 1 },
    { VYRE_OP_STORE_U32, 1, VYRE_CONTROL_TABLE, 0, VYRE_CONTROL_TABLE },
    { VYRE_OP_STORE_U32, 1, 0xffffffff, 0, 0xffffffff },
    { VYRE_OP_ATOMIC_ADD, 1, VYRE_C_DONE_COUNT, 0, VYRE_C_DONE_COUNT },
    { VYRE_OP_LOAD_U32, VYRE_C_EPOCH, 0, 0, VYRE_C_EPOCH },
    { VYRE_OP_LOAD_U32, first, 0, 0, VYRE_C_OBSERVABLE },
    { VYRE_OP_LOAD_U32, first, 0xffffff60u, 0, 0xffffff60u },
    { VYRE_OP_LOAD_U32, first, 0xffffffffu, 0, 0xffffffffu },
    { VYRE_OP_COMPARE_SWAP, last, 0, 1, VYRE_C_OBSERVABLE + last },
    { VYRE_OP_COMPARE_SWAP, 0, 0, 1, 0 },
    { VYRE_OP_MEMCPY, first, first + 1, WINDOW, first + 1 },
    { VYRE_OP_MEMCPY, first, first, 0xffffffff, first },
    { VYRE_OP_MEMCPY, last, last + 1, 1, last + 1 },
    { VYRE_OP_MEMCPY, first, first + WINDOW, 1, first + WINDOW },
  };
  const guint32 untouched[] = { VYRE_C_SHUTDOWN, VYRE_C_TENANT_MASK, first - 1,
    last + 1, VYRE_CONTROL_TABLE, VYRE_C_TENANT_BASE };
  guint32 before[G_N_ELEMENTS (untouched)];

  for (guint i = 0; i < G_N_ELEMENTS (untouched); i++)
    before[i] = vyre_peek (runtime->control, untouched[i]);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    VyreItemResult result =
        run (tenant, cases[i].opcode, 3, cases[i].a, cases[i].b, cases[i].c);

    if (result.code != VYRE_FAULT_CONTROL_INDEX ||
        result.value != cases[i].address)
      g_error ("case %u: code %u, address %u", i, result.code, result.value);
  }
  for (guint i = 0; i < G_N_ELEMENTS (untouched); i++)
    g_assert_cmphex (vyre_peek (runtime->control, untouched[i]), ==, before[i]);

  /* The other one has no window at all. */
  assert_faults (run (other, VYRE_OP_STORE_U32, 2, 1, first, 0),
      VYRE_FAULT_CONTROL_INDEX, first);
  /* With the right, it reaches everything but the table of tenants. */
  vyre_tenant_set_rights (
      other, VYRE_TENANT_MAY_EXECUTE | VYRE_TENANT_MAY_WRITE_CONTROL);
  guint32 was = word_at (first);
  assert_yields (run (other, VYRE_OP_STORE_U32, 2, 5, first, 0), was);
  assert_yields (run (other, VYRE_OP_LOAD_U32, 2, VYRE_C_TENANT_BASE,
                     first - VYRE_C_OBSERVABLE, 0),
      VYRE_CONTROL_TABLE);
  assert_faults (run (other, VYRE_OP_STORE_U32, 2, 1, VYRE_CONTROL_TABLE, 0),
      VYRE_FAULT_CONTROL_INDEX, VYRE_CONTROL_TABLE);
  assert_faults (run (other, VYRE_OP_MEMCPY, 3, 0, VYRE_CONTROL_TABLE - 4, 5),
      VYRE_FAULT_CONTROL_INDEX, VYRE_CONTROL_TABLE - 4);
  assert_faults (run (other, VYRE_OP_PRINTF, 1, 1, 0, 0), VYRE_FAULT_DENIED, 1);
  assert_faults (
      run (other, VYRE_OP_SHUTDOWN, 0, 0, 0, 0), VYRE_FAULT_DENIED, 0);
  vyre_tenant_set_rights (other, VYRE_TENANT_MAY_EXECUTE);
}

static void
test_refused (void)
{
  static const guint32 opcodes[] = { 8, 31, 0xfff0, VYRE_OP_LOAD_MISS, 0x10000,
    0x40100000, 0x80000000, 0xfffffffe };
  const guint32 args[VYRE_ARGS_PER_SLOT + 1] = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (opcodes); i++) {
    const VyreRingItem item = { opcodes[i], NULL, 0 };
    g_autoptr (GError) error = NULL;

    g_assert_null (vyre_tenant_publish (tenant, &item, 1, &error));
    g_assert_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_UNSUPPORTED);
  }
  const VyreRingItem long_item = { VYRE_OP_NOP, args, G_N_ELEMENTS (args) };
  g_autoptr (GError) error = NULL;
  g_assert_null (vyre_tenant_publish (tenant, &long_item, 1, &error));
  g_assert_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  g_assert_null (vyre_tenant_publish (tenant, NULL, 0, &error));
  g_assert_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_clear_error (&error);
  guint many = runtime->levels[VYRE_PRI_NORMAL].slots / 4 + 1;
  g_autofree VyreRingItem *items = g_new0 (VyreRingItem, many);
  g_assert_null (vyre_tenant_publish (tenant, items, many, &error));
  g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT);
  g_clear_error (&error);
  g_assert_false (vyre_tenant_set_observables (
      other, VYRE_CONTROL_OBSERVABLES, NULL, &error));
  g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT);
}

/* --- packed -------------------------------------------------------------------------- */

static VyreItemResult
run_packed_words (const guint32 *args, guint n)
{
  const VyreRingItem item = { VYRE_OP_PACKED_SLOT, args, n };
  g_autoptr (VyreWindow) window = publish (tenant, &item, 1);

  return finish (window, 0);
}

static void
test_packed (void)
{
  const guint32 add[3][3] = { { 1, first, 0 }, { 2, first + 1, 0 },
    { 4, first, 0 } };
  const VyreRingItem three[] = { { VYRE_OP_ATOMIC_ADD, add[0], 2 },
    { VYRE_OP_ATOMIC_ADD, add[1], 2 }, { VYRE_OP_ATOMIC_ADD, add[2], 2 } };
  const VyreRingItem fenced[] = { { VYRE_OP_ATOMIC_ADD, add[0], 2 },
    { VYRE_OP_BATCH_FENCE, NULL, 0 } };
  VyreRingItem many[23];
  g_autoptr (GError) error = NULL;
  guint32 nops = vyre_peek (runtime->control, VYRE_C_METRICS + VYRE_OP_NOP);
  guint32 epoch = vyre_peek (runtime->control, VYRE_C_EPOCH);

  run (tenant, VYRE_OP_STORE_U32, 2, 0, first, 0);
  run (tenant, VYRE_OP_STORE_U32, 2, 0, first + 1, 0);
  /* The third one ends with a word that is its own or nobody's. */
  g_autoptr (VyreWindow) window =
      vyre_tenant_publish_packed (tenant, three, 3, &error);
  g_assert_no_error (error);
  assert_yields (finish (window, 0), 1);
  g_assert_cmpuint (word_at (first), ==, 5);
  g_assert_cmpuint (word_at (first + 1), ==, 2);
  /* What the reference's kernel loses. */
  g_autoptr (VyreWindow) second =
      vyre_tenant_publish_packed (tenant, fenced, 2, &error);
  g_assert_no_error (error);
  assert_yields (finish (second, 0), epoch + 1);
  /* As many as there are. */
  for (guint i = 0; i < 23; i++)
    many[i] = (VyreRingItem){ VYRE_OP_NOP, NULL, 0 };
  g_autoptr (VyreWindow) third =
      vyre_tenant_publish_packed (tenant, many, 23, &error);
  g_assert_no_error (error);
  assert_yields (finish (third, 0), 0);
  g_assert_cmpuint (vyre_peek (runtime->control, VYRE_C_METRICS + VYRE_OP_NOP),
      ==, nops + 23);
  /* None. */
  assert_yields (run_packed_words (NULL, 0), 0);
}

static void
test_packed_hostile (void)
{
  /* Offset behind the arguments; offsets that go back; more than the slot has;
   * more operations than fit; an opcode that does not exist. */
  static const guint32 bad[][4] = {
    { 0x05020201, 0 },
    { 0x02010202, 0x00000101 },
    { 0x00010c01, 0 },
    { 0x00000018, 0 },
    { 0x000000ff, 0 },
    { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
  };
  const guint32 unknown[] = { 0x00090001, 0 };
  /* The first is done, the second is not, the third does not come. */
  const guint32 partly[] = { 0x00010603, 0x04010201, 5, first, 6, 0, 7,
    first + 1 };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    VyreItemResult result = run_packed_words (bad[i], 4);

    if (result.code != VYRE_FAULT_PACKED)
      g_error ("case %u: code %u", i, result.code);
  }
  assert_faults (run_packed_words (unknown, 2), VYRE_FAULT_BAD_OPCODE, 9);
  run (tenant, VYRE_OP_STORE_U32, 2, 0, first + 1, 0);
  assert_faults (run_packed_words (partly, 8), VYRE_FAULT_CONTROL_INDEX, 0);
  g_assert_cmpuint (word_at (first), ==, 5);
  g_assert_cmpuint (word_at (first + 1), ==, 0);
}

/* Whatever the words are, nothing outside of the window changes. */
static void
test_random (void)
{
  static const guint32 opcodes[] = { 0, 1, 2, 3, 4, 5, 6, VYRE_OP_PACKED_SLOT };
  g_autoptr (GRand) rand = g_rand_new_with_seed (5);
  guint n = g_strcmp0 (g_getenv ("VYRE_TEST_LONG"), "1") == 0 ? 2000 : 60;
  guint32 before[VYRE_CONTROL_WORDS];

  for (guint i = 0; i < VYRE_CONTROL_WORDS; i++)
    before[i] = vyre_peek (runtime->control, i);
  for (guint k = 0; k < n; k++) {
    guint32 args[8][VYRE_ARGS_PER_SLOT];
    VyreRingItem items[8];

    for (guint i = 0; i < 8; i++) {
      for (guint j = 0; j < VYRE_ARGS_PER_SLOT; j++) {
        guint32 word = g_rand_int (rand);

        switch (g_rand_int_range (rand, 0, 6)) {
          case 0:
            word = first + word % WINDOW;
            break;
          case 1:
            word %= VYRE_CONTROL_WORDS + 10;
            break;
          case 2:
            word %= 8;
            break;
          case 3:
            word = -(word % 300);
            break;
          case 4:
            word =
                (word & 0x07070000) | (word % 3 + 1) | (word >> 8 & 0xf) << 8;
            break;
          default:
            break;
        }
        args[i][j] = word;
      }
      items[i] = (VyreRingItem){
        opcodes[g_rand_int_range (rand, 0, G_N_ELEMENTS (opcodes))], args[i],
        (guint32) g_rand_int_range (rand, 0, VYRE_ARGS_PER_SLOT + 1)
      };
    }
    g_autoptr (VyreWindow) window = publish (tenant, items, 8);
    finish (window, 7);
  }
  for (guint i = 0; i < VYRE_CONTROL_WORDS; i++) {
    gboolean counts =
        (i >= VYRE_C_METRICS && i <= VYRE_C_EPOCH) || i == VYRE_C_DONE_COUNT ||
        (i >= VYRE_C_TENANT_FAIRNESS && i < VYRE_C_METRICS) ||
        (i >= VYRE_C_STARVATION && i < VYRE_C_OBSERVABLE) ||
        i == VYRE_C_OBSERVABLE /* tags of fences that were packed */ ||
        (i >= VYRE_CONTROL_TABLE + VYRE_T_HELD &&
            i < VYRE_CONTROL_TABLE + VYRE_T_OBSERVABLE_FIRST) ||
        i >= VYRE_CONTROL_TABLE + VYRE_T_TIME;

    if (!counts && (i < first || i >= first + WINDOW) &&
        vyre_peek (runtime->control, i) != before[i])
      g_error ("word %u has changed", i);
  }
}

/* --- many, and the fence -------------------------------------------------------------- */

static void
test_batch (void)
{
  guint32 args[40][2];
  VyreRingItem items[40];
  g_autoptr (GError) error = NULL;
  guint32 adds =
      vyre_peek (runtime->control, VYRE_C_METRICS + VYRE_OP_ATOMIC_ADD);
  guint32 epoch = vyre_peek (runtime->control, VYRE_C_EPOCH);
  guint64 seen = 0;

  run (tenant, VYRE_OP_STORE_U32, 2, 0, first, 0);
  for (guint i = 0; i < 40; i++) {
    args[i][0] = 1;
    args[i][1] = first;
    items[i] = (VyreRingItem){ VYRE_OP_ATOMIC_ADD, args[i], 2 };
  }
  g_autoptr (VyreWindow) window =
      vyre_tenant_publish_batch (tenant, items, 40, 77, &error);
  g_assert_no_error (error);
  assert_yields (finish (window, 40), epoch + 1);
  /* Each saw another sum. */
  for (guint i = 0; i < 40; i++)
    seen |= (guint64) 1 << finish (window, i).value;
  g_assert_cmphex (seen, ==, ((guint64) 1 << 40) - 1);
  g_assert_cmpuint (word_at (first), ==, 40);
  g_assert_cmpuint (vyre_peek (runtime->control, VYRE_C_OBSERVABLE), ==, 77);
  g_assert_cmpuint (
      vyre_peek (runtime->control, VYRE_C_METRICS + VYRE_OP_ATOMIC_ADD), ==,
      adds + 40);
  /* A lone fence. */
  g_autoptr (VyreWindow) lone =
      vyre_tenant_publish_batch (tenant, NULL, 0, 78, &error);
  g_assert_no_error (error);
  assert_yields (finish (lone, 0), epoch + 2);
}

static const char slow_text[] = "program workgroup(1);\n"
                                "buffer n: readwrite u32[1] @0;\n"
                                "main {\n"
                                "  for at in 0..200000 {\n"
                                "    let before = atomic_add(n[0], 1);\n"
                                "  }\n"
                                "}\n";

/* The fence waits for programs of its tenant, however many slices they take. */
static void
test_fence_waits (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreExecutable) executable = compile_program (runtime, slow_text);
  g_autoptr (VyreBlock) block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), 4);
  memset (block->data, 0, 4);
  vyre_block_note_write (block);
  const VyreBinding binding = { block, 0, 4 };

  g_autoptr (VyreWindow) slow =
      vyre_tenant_submit (tenant, executable, &binding, 1, NULL, &error);
  g_assert_no_error (error);
  const guint32 args[] = { 1, 5 };
  const VyreRingItem item = { VYRE_OP_BATCH_FENCE, args, 2 };
  g_autoptr (VyreWindow) fence = publish (tenant, &item, 1);
  /* Another tenant's does not. */
  g_autoptr (VyreWindow) elsewhere = publish (other, &item, 1);
  finish (elsewhere, 0);
  g_assert_false (vyre_tenant_quiesce (tenant, 0, &error));
  g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY);
  g_clear_error (&error);
  g_assert_true (vyre_tenant_quiesce (tenant, deadline (), &error));
  g_assert_cmpint (vyre_window_wait (fence, 0, NULL), ==, VYRE_WINDOW_DONE);
  VyreItemResult result = finish (fence, 0);
  assert_yields (result, vyre_peek (runtime->control, VYRE_C_EPOCH));
  g_assert_cmpint (vyre_window_wait (slow, 0, NULL), ==, VYRE_WINDOW_DONE);
  guint32 n;
  memcpy (&n, block->data, 4);
  g_assert_cmpuint (n, ==, 200000);

  VyreTenantReading readings[8];
  guint n_readings = vyre_runtime_read_tenants (runtime, readings, 8);
  for (guint i = 0; i < n_readings; i++) {
    if (readings[i].id != vyre_tenant_get_id (tenant))
      continue;
    g_assert_cmpuint (readings[i].quiesce_calls, ==, 2);
    g_assert_cmpuint (readings[i].quiesce_timeouts, ==, 1);
  }
}

/* --- the debug log --------------------------------------------------------------------- */

static void
test_print (void)
{
  guint64 next = 0, lost = 0;
  VyreLogRecord records[VYRE_LOG_KEPT];
  guint32 dropped = vyre_runtime_get_log_dropped (runtime);
  guint expected = 0, n;
  guint32 args[32][3];
  VyreRingItem items[32];
  guint32 last[32] = { 0 };

  while (vyre_runtime_read_log (runtime, &next, records, 64, NULL) > 0)
    ;
  assert_faults (
      run (tenant, VYRE_OP_PRINTF, 1, 0, 0, 0), VYRE_FAULT_ARGUMENT, 0);
  for (guint round = 1; round <= 20; round++) {
    for (guint i = 0; i < 32; i++) {
      args[i][0] = 100 + i;
      args[i][1] = round;
      args[i][2] = i;
      items[i] = (VyreRingItem){ VYRE_OP_PRINTF, args[i], 3 };
    }
    g_autoptr (VyreWindow) window = publish (tenant, items, 32);
    finish (window, 31);
    expected += 32;
  }
  n = vyre_runtime_read_log (runtime, &next, records, VYRE_LOG_KEPT, &lost);
  /* Nothing is lost on the way, and what is dropped is counted. */
  g_assert_cmpuint (lost, ==, 0);
  g_assert_cmpuint (
      n + (vyre_runtime_get_log_dropped (runtime) - dropped), ==, expected);
  g_assert_cmpuint (n, >=, 64);
  for (guint i = 0; i < n; i++) {
    guint which = records[i].record.args[1];

    g_assert_cmpuint (which, <, 32);
    g_assert_cmpuint (records[i].tenant, ==, vyre_tenant_get_id (tenant));
    g_assert_cmpuint (records[i].record.format, ==, 100 + which);
    g_assert_cmpuint (
        records[i].record.args[2], ==, records[i].slot * VYRE_SLOT_WORDS);
    /* In order. */
    g_assert_cmpuint (records[i].record.args[0], >, last[which]);
    last[which] = records[i].record.args[0];
  }
}

/* More than there is room for while nobody takes any. */
static void
test_print_full (void)
{
  guint32 dropped = vyre_runtime_get_log_dropped (runtime);
  guint64 next = 0;
  VyreLogRecord records[64];
  guint level_slots = runtime->levels[VYRE_PRI_NORMAL].slots;
  guint n = MIN (level_slots / 4, 64), got = 0, more;
  g_autofree VyreRingItem *items = g_new0 (VyreRingItem, n);
  const guint32 args[] = { 7, 1, 2 };
  VyreWindow *windows[3];

  while (vyre_runtime_read_log (runtime, &next, records, 64, NULL) > 0)
    ;
  for (guint i = 0; i < n; i++)
    items[i] = (VyreRingItem){ VYRE_OP_PRINTF, args, 3 };
  for (guint i = 0; i < 3; i++)
    windows[i] = publish (tenant, items, n);
  for (guint i = 0; i < 3; i++) {
    finish (windows[i], n - 1);
    vyre_window_unref (windows[i]);
  }
  while ((more = vyre_runtime_read_log (runtime, &next, records, 64, NULL)) > 0)
    got += more;
  g_assert_cmpuint (
      got + (vyre_runtime_get_log_dropped (runtime) - dropped), ==, 3 * n);
  g_assert_cmpuint (got, >=, VYRE_D_CAPACITY);
}

/* --- resources -------------------------------------------------------------------------- */

static void
test_load (void)
{
  g_autofree char *path =
      g_build_filename (g_get_tmp_dir (), "vyre-XXXXXX", NULL);
  g_autofree guint8 *bytes = g_malloc (300000);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreBlock) block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), 400000);
  guint32 number, tail, prefetched, missing = 99;
  int fd = g_mkstemp (path);

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  for (guint i = 0; i < 300000; i++)
    bytes[i] = (guint8) (i * 7 + i / 251);
  g_assert_true (g_file_set_contents (path, (char *) bytes, 300000, &error));
  memset (block->data, 0, block->size);
  g_assert_true (vyre_tenant_add_resource (
      tenant, path, 1000, 200000, block, 8192, &number, &error));
  g_assert_no_error (error);
  g_assert_true (vyre_tenant_add_resource (
      tenant, path, 299990, 100, block, 0, &tail, &error));
  g_assert_true (vyre_tenant_add_resource (
      tenant, path, 0, 4096, block, 4096, &prefetched, &error));

  g_autoptr (VyreWindow) window =
      vyre_tenant_load (tenant, number, FALSE, &error);
  g_assert_no_error (error);
  g_autoptr (VyreWindow) at_end =
      vyre_tenant_load (tenant, tail, FALSE, &error);
  assert_yields (finish (window, 0), 200000);
  g_assert_cmpmem (block->data + 8192, 200000, bytes + 1000, 200000);
  assert_yields (finish (at_end, 0), 10);
  g_assert_cmpmem (block->data, 10, bytes + 299990, 10);

  /* Prefetching answers at once, and is done some time. */
  g_autoptr (VyreWindow) early =
      vyre_tenant_load (tenant, prefetched, TRUE, &error);
  assert_yields (finish (early, 0), 0);
  for (guint i = 0; i < 3000 && block->data[4096 + 4095] != bytes[4095]; i++)
    g_usleep (1000);
  g_usleep (1000);
  g_assert_cmpmem (block->data + 4096, 4096, bytes, 4096);

  /* Numbers are no file descriptors, and not another tenant's. */
  g_autoptr (VyreWindow) none =
      vyre_tenant_load (tenant, missing, FALSE, &error);
  assert_faults (finish (none, 0), VYRE_FAULT_IO, EBADF);
  vyre_tenant_set_rights (other, VYRE_TENANT_MAY_EXECUTE | VYRE_TENANT_MAY_IO);
  g_autoptr (VyreWindow) foreign =
      vyre_tenant_load (other, number, FALSE, &error);
  assert_faults (finish (foreign, 0), VYRE_FAULT_IO, EBADF);
  vyre_tenant_set_rights (other, VYRE_TENANT_MAY_EXECUTE);
  g_autoptr (VyreWindow) denied =
      vyre_tenant_load (other, number, FALSE, &error);
  assert_faults (finish (denied, 0), VYRE_FAULT_DENIED, 0);

  /* More than the queue has room for, and the slots are used again. */
  for (guint round = 0; round < 2; round++) {
    VyreWindow *windows[80];
    guint n = MIN (80, runtime->levels[VYRE_PRI_NORMAL].slots / 4);

    for (guint i = 0; i < n; i++) {
      windows[i] = vyre_tenant_load (tenant, number, FALSE, &error);
      g_assert_no_error (error);
    }
    for (guint i = 0; i < n; i++) {
      assert_yields (finish (windows[i], 0), 200000);
      vyre_window_unref (windows[i]);
    }
  }
  g_unlink (path);
}

static void
test_resource_refused (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreBlock) block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), 4096);
  guint32 number;

  g_assert_false (vyre_tenant_add_resource (
      tenant, "/dev/null/none", 0, 10, block, 0, &number, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOTDIR);
  g_clear_error (&error);
  g_assert_false (vyre_tenant_add_resource (
      tenant, g_get_tmp_dir (), 0, 10, block, 0, &number, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
  g_clear_error (&error);
  g_assert_false (vyre_tenant_add_resource (
      tenant, "/proc/self/exe", 0, 4097, block, 0, &number, &error));
  g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING);
  g_clear_error (&error);
  g_assert_false (vyre_tenant_add_resource (
      tenant, "/proc/self/exe", 0, 2, block, G_MAXSIZE, &number, &error));
  g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING);
}

/* --- shutdown ---------------------------------------------------------------------------- */

/* By the opcode: what was published before is finished. Last: the runtime is
 * no use afterwards. */
static void
test_shutdown (void)
{
  g_autoptr (GError) error = NULL;
  const VyreRingItem nop = { VYRE_OP_NOP, NULL, 0 };
  const VyreRingItem items[] = { { VYRE_OP_NOP, NULL, 0 },
    { VYRE_OP_SHUTDOWN, NULL, 0 }, { VYRE_OP_NOP, NULL, 0 } };
  guint32 exited = vyre_peek (runtime->control, VYRE_C_EXITED);

  vyre_tenant_set_rights (
      tenant, VYRE_TENANT_MAY_EXECUTE | VYRE_TENANT_MAY_SHUT_DOWN);
  g_autoptr (VyreWindow) window = publish (tenant, items, 3);
  for (guint i = 0; i < 3; i++)
    assert_yields (finish (window, i), 0);
  g_assert_null (vyre_tenant_publish (tenant, &nop, 1, &error));
  g_assert_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_SHUTDOWN);
  g_clear_error (&error);
  g_assert_true (vyre_runtime_shutdown (runtime, deadline ()));
  g_assert_cmpuint (
      vyre_peek (runtime->control, VYRE_C_SHUTDOWN), ==, VYRE_SHUTDOWN_STOP);
  g_assert_cmpuint (vyre_peek (runtime->control, VYRE_C_EXITED), !=, exited);
  g_assert_true (vyre_runtime_shutdown (runtime, deadline ()));

  /* The device is not lost: there is a new one for whoever asks. */
  g_autoptr (VyreRuntime) next = vyre_runtime_acquire (NULL, &error);
  g_assert_no_error (error);
  g_assert_true (next != runtime);
  VyreTenant *fresh = vyre_tenant_new (next, "fresh", &error);
  g_autoptr (VyreWindow) again = publish (fresh, &nop, 1);
  assert_yields (finish (again, 0), 0);
  /* By the host, with an end to its patience. */
  g_assert_true (vyre_runtime_shutdown (next, deadline ()));
  vyre_tenant_free (fresh);
}

int
main (int argc, char **argv)
{
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;
  g_autoptr (GError) error = NULL;

  for (int i = 1; i < argc; i++) {
    if (strcmp (argv[i], "--resident") == 0)
      options.residency = VYRE_RESIDENCY_RESIDENT;
    else if (strcmp (argv[i], "--validation") == 0)
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
  tenant = vyre_tenant_new (runtime, "tenant", &error);
  other = vyre_tenant_new (runtime, "other", &error);
  g_assert_true (vyre_tenant_set_observables (tenant, WINDOW, &first, &error));
  g_assert_no_error (error);

  g_test_add_func ("/builtins/words", test_words);
  g_test_add_func ("/builtins/copy", test_copy);
  g_test_add_func ("/builtins/dfa", test_dfa);
  g_test_add_func ("/builtins/reach", test_reach);
  g_test_add_func ("/builtins/refused", test_refused);
  g_test_add_func ("/builtins/packed", test_packed);
  g_test_add_func ("/builtins/packed-hostile", test_packed_hostile);
  g_test_add_func ("/builtins/random", test_random);
  g_test_add_func ("/builtins/batch", test_batch);
  g_test_add_func ("/builtins/fence-waits", test_fence_waits);
  g_test_add_func ("/builtins/print", test_print);
  g_test_add_func ("/builtins/print-full", test_print_full);
  g_test_add_func ("/builtins/load", test_load);
  g_test_add_func ("/builtins/resource-refused", test_resource_refused);
  g_test_add_func ("/builtins/shutdown", test_shutdown);
  int status = g_test_run ();
  vyre_tenant_free (other);
  vyre_tenant_free (tenant);
  vyre_runtime_unref (runtime);
  return status;
}
