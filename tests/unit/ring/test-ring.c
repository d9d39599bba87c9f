/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Words, publishing and readers: the vectors of the protocol, and limits. */
#include <string.h>

#include "support.h"

#define SLOTS 8
#define WORDS (SLOTS * VYRE_SLOT_WORDS)

typedef struct
{
  guint32 words[WORDS];
  guint32 before[WORDS];
} Ring;

static void
keep (Ring *ring)
{
  memcpy (ring->before, ring->words, sizeof ring->words);
}

static void
assert_kept (const Ring *ring)
{
  g_assert_cmpmem (
      ring->words, sizeof ring->words, ring->before, sizeof ring->before);
}

static guint32 *
slot_of (Ring *ring, guint slot)
{
  return ring->words + slot * VYRE_SLOT_WORDS;
}

static void
assert_slot (Ring *ring, guint slot, const guint32 *wanted, guint n)
{
  guint32 full[VYRE_SLOT_WORDS] = { 0 };

  memcpy (full, wanted, n * 4);
  g_assert_cmpmem (slot_of (ring, slot), VYRE_SLOT_BYTES, full, sizeof full);
}

/* Vector 1. */
static void
control_vector (void)
{
  guint32 words[176];
  g_autoptr (GError) error = NULL;
  guint i;

  memset (words, 0xAA, sizeof words);
  g_assert_true (vyre_ring_encode_control (words, 176, FALSE, 2, 16, &error));
  g_assert_cmpuint (words[0], ==, 0);
  g_assert_cmpuint (words[1], ==, 0);
  g_assert_cmpuint (words[2], ==, 3);
  g_assert_cmphex (words[3], ==, G_MAXUINT32);
  g_assert_cmphex (words[4], ==, G_MAXUINT32);
  g_assert_cmpuint (words[5], ==, 0);
  g_assert_cmpuint (words[32], ==, 1000000);
  g_assert_cmpuint (words[33], ==, 1000000);
  for (i = 34; i < 176; i++)
    g_assert_cmpuint (words[i], ==, 0);

  g_assert_true (vyre_ring_encode_control (words, 160, TRUE, 40, 0, &error));
  g_assert_cmpuint (words[0], ==, 1);
  for (i = 3; i <= 31; i++)
    g_assert_cmphex (words[i], ==, G_MAXUINT32);
  for (i = 32; i <= 63; i++)
    g_assert_cmpuint (words[i], ==, 1000000);
  g_assert_cmpuint (words[64], ==, 0);

  words[0] = 7;
  g_assert_false (vyre_ring_encode_control (words, 176, TRUE, 40, 0, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_cmpuint (words[0], ==, 7);
}

/* Vector 2. */
static void
publish_slot_vector (void)
{
  static const guint32 args[] = { 5, 7, 11 };
  static const guint32 wanted[] = { 1, 2, 9, 2, 5, 7, 11 };
  g_autoptr (GError) error = NULL;
  Ring ring = { { 0 } };

  memset (ring.words + 1, 0xFF, 15 * 4);
  g_assert_true (
      vyre_ring_publish_slot (ring.words, 16, 0, 9, 2, args, 3, &error));
  assert_slot (&ring, 0, wanted, 7);

  keep (&ring);
  g_assert_false (
      vyre_ring_publish_slot (ring.words, 16, 0, 9, 2, args, 2, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);
  assert_kept (&ring);

  ring.words[VYRE_W_STATUS] = VYRE_ST_DONE;
  g_assert_true (
      vyre_ring_publish_slot (ring.words, 16, 0, 9, 2, args, 3, &error));
  assert_slot (&ring, 0, wanted, 7);
}

static void
publish_slot_refusals (void)
{
  static const guint32 args[13] = { 1 };
  g_autoptr (GError) error = NULL;
  Ring ring = { { 0 } };
  guint status;

  keep (&ring);
  g_assert_false (
      vyre_ring_publish_slot (ring.words, 17, 0, 0, 8, args, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (
      vyre_ring_publish_slot (ring.words, WORDS, SLOTS, 0, 8, args, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_publish_slot (
      ring.words, WORDS, G_MAXUINT32, 0, 8, args, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (
      vyre_ring_publish_slot (ring.words, WORDS, 0, 0, 8, args, 13, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_publish_slot (
      ring.words, WORDS, 0, 0, VYRE_OP_LOAD_MISS, args, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_publish_slot (
      ring.words, WORDS, 0, 0, VYRE_OP_DFA_STEP, args, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_UNSUPPORTED);
  g_assert_false (vyre_ring_publish_slot (NULL, 0, 0, 0, 8, args, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  assert_kept (&ring);

  /* A slot is free when EMPTY or DONE and in no other status. */
  for (status = 0; status < 9; status++) {
    gboolean is_free = status == VYRE_ST_EMPTY || status == VYRE_ST_DONE;

    ring.words[0] = status;
    keep (&ring);
    g_assert_true (vyre_ring_publish_slot (
                       ring.words, WORDS, 0, 0, 8, NULL, 0, &error) == is_free);
    if (!is_free) {
      assert_ring_error (error, VYRE_RING_ERROR_BUSY);
      assert_kept (&ring);
    }
  }
}

/* Vector 3, and the borders of section 5.2. */
static void
opcodes (void)
{
  static const guint32 legal[] = { 0, 6, 7, 8, 31, 0xFFEF, 0xFFFE, 0x10000,
    0x3FFFFFFF, 0x40100000, 0x7FFFFFFF, 0x80000001, 0xFFFFFFFF };
  static const guint32 refused[] = { 0xFFF0, 0xFFFD, 0xFFFF, 0x80000000,
    0x80000002, 0xFFFFFFFE };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (legal); i++)
    g_assert_true (vyre_ring_opcode_is_publishable (legal[i]));
  for (i = 0; i < G_N_ELEMENTS (refused); i++) {
    g_assert_false (vyre_ring_opcode_is_publishable (refused[i]));
    g_assert_true (vyre_ring_opcode_is_system (refused[i]));
    g_assert_false (vyre_ring_opcode_is_builtin (refused[i]));
  }
  g_assert_false (vyre_ring_opcode_is_system (8));
  g_assert_false (vyre_ring_opcode_is_system (0x10000));
  g_assert_false (vyre_ring_opcode_is_system (0x40100000));
}

/* Section 4.2, every transition from every status. */
static void
transitions (void)
{
  static const guint8 to[6][9] = {
    /*               E  P  C  D  W  Y  R  F  unknown; 9 is refused */
    [VYRE_RING_PUBLISH] = { 9, 9, 9, 9, 9, 9, 9, 9, 9 },
    [VYRE_RING_CLAIM] = { 9, 2, 9, 9, 9, 2, 2, 9, 9 },
    [VYRE_RING_FINISH] = { 9, 9, 3, 9, 9, 9, 9, 9, 9 },
    [VYRE_RING_FAIL] = { 9, 7, 7, 9, 7, 7, 7, 9, 9 },
    [VYRE_RING_CANCEL] = { 9, 0, 9, 9, 0, 0, 0, 9, 9 },
    [VYRE_RING_RESET] = { 9, 9, 9, 9, 9, 9, 9, 0, 9 },
  };
  static const guint32 statuses[9] = { 0, 1, 2, 3, 4, 5, 6, 7, 0xFFFFFFFF };
  g_autoptr (GError) error = NULL;
  guint t, s;

  for (t = 0; t < 6; t++) {
    for (s = 0; s < 9; s++) {
      Ring ring = { { 0 } };
      guint32 previous = 77;

      *slot_of (&ring, 3) = statuses[s];
      keep (&ring);
      if (vyre_ring_transition (ring.words, WORDS, 3, (VyreRingTransition) t,
              &previous, &error)) {
        g_assert_cmpuint (previous, ==, statuses[s]);
        g_assert_cmpuint (*slot_of (&ring, 3), ==, to[t][s]);
        slot_of (&ring, 3)[0] = statuses[s];
      } else {
        assert_ring_error (error, t == VYRE_RING_PUBLISH
                                      ? VYRE_RING_ERROR_INVALID_ARGUMENT
                                      : VYRE_RING_ERROR_BUSY);
        g_assert_cmpuint (to[t][s], ==, 9);
        g_assert_cmpuint (previous, ==, 77);
      }
      assert_kept (&ring);
    }
  }
}

static void
transition_refusals (void)
{
  g_autoptr (GError) error = NULL;
  Ring ring = { { VYRE_ST_PUBLISHED } };

  g_assert_false (
      vyre_ring_transition (ring.words, 15, 0, VYRE_RING_CLAIM, NULL, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (vyre_ring_transition (
      ring.words, WORDS, SLOTS, VYRE_RING_CLAIM, NULL, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_transition (
      ring.words, WORDS, 0, (VyreRingTransition) 6, NULL, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_cmpuint (ring.words[0], ==, VYRE_ST_PUBLISHED);
}

/* Vector 4. */
static void
packed_vectors (void)
{
  static const guint32 a[] = { 5, 40 }, b[] = { 7, 41, 0 };
  static const guint32 c[3][3] = { { 1, 40, 0 }, { 1, 41, 0 }, { 1, 42, 0 } };
  static const guint32 eleven[12] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };
  const VyreRingItem two[] = { { 2, a, 2 }, { 1, b, 3 } };
  const VyreRingItem four[] = { { 2, c[0], 3 }, { 2, c[1], 3 }, { 2, c[2], 3 },
    { 7, NULL, 0 } };
  static const guint32 two_args[] = { 0x00020502, 0x00000201, 5, 40, 7, 41, 0 };
  static const guint32 three_args[] = { 0x00020903, 0x06020302, 1, 40, 0, 1, 41,
    0, 1, 42, 0 };
  static const guint32 four_args[] = { 0x00020904, 0x06020302, 0x00000907, 1,
    40, 0, 1, 41, 0, 1, 42, 0 };
  VyreRingItem many[24] = { { 0, NULL, 0 } };
  VyreRingItem one = { 9, eleven, 11 };
  g_autoptr (GError) error = NULL;
  Ring ring = { { 0 } };
  guint32 args[VYRE_ARGS_PER_SLOT], n;

  g_assert_true (vyre_ring_pack (args, &n, two, 2, &error));
  g_assert_cmpmem (args, n * 4, two_args, sizeof two_args);
  g_assert_true (vyre_ring_pack (args, &n, four, 3, &error));
  g_assert_cmpmem (args, n * 4, three_args, sizeof three_args);
  g_assert_true (vyre_ring_pack (args, &n, four, 4, &error));
  g_assert_cmpmem (args, n * 4, four_args, sizeof four_args);

  g_assert_true (
      vyre_ring_publish_packed (ring.words, WORDS, 0, 3, many, 23, &error));
  g_assert_cmphex (slot_of (&ring, 0)[VYRE_W_ARG0], ==, 0x17);
  g_assert_cmphex (slot_of (&ring, 0)[VYRE_W_OPCODE], ==, VYRE_OP_PACKED_SLOT);
  g_assert_cmpuint (slot_of (&ring, 0)[VYRE_W_TENANT], ==, 3);
  g_assert_true (
      vyre_ring_publish_packed (ring.words, WORDS, 1, 3, NULL, 0, &error));
  g_assert_cmphex (slot_of (&ring, 1)[VYRE_W_ARG0], ==, 0);
  g_assert_true (
      vyre_ring_publish_packed (ring.words, WORDS, 2, 3, &one, 1, &error));
  g_assert_cmphex (slot_of (&ring, 2)[VYRE_W_ARG0], ==, 0x00090B01);
  g_assert_cmpmem (
      slot_of (&ring, 2) + VYRE_W_ARG0 + 1, 11 * 4, eleven, 11 * 4);

  keep (&ring);
  g_assert_false (
      vyre_ring_publish_packed (ring.words, WORDS, 3, 3, many, 24, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  one.n_args = 12;
  g_assert_false (
      vyre_ring_publish_packed (ring.words, WORDS, 3, 3, &one, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  one.n_args = G_MAXUINT32;
  g_assert_false (
      vyre_ring_publish_packed (ring.words, WORDS, 3, 3, &one, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  one = (VyreRingItem){ 256, NULL, 0 };
  g_assert_false (
      vyre_ring_publish_packed (ring.words, WORDS, 3, 3, &one, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  one = (VyreRingItem){ VYRE_OP_DFA_STEP, NULL, 0 };
  g_assert_false (
      vyre_ring_publish_packed (ring.words, WORDS, 3, 3, &one, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_UNSUPPORTED);
  g_assert_false (vyre_ring_publish_packed (
      ring.words, WORDS, 3, 3, many, G_MAXSIZE, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (
      vyre_ring_publish_packed (ring.words, WORDS, 2, 3, many, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);
  assert_kept (&ring);
}

/* Vector 5. */
static void
load_miss_vector (void)
{
  static const guint32 wanted[] = { 1, 0xFFFD, 0, 0, 0xABCD, 1 };
  guint32 resource = 0;
  gboolean prefetch = FALSE;
  Ring ring;

  memset (&ring, 0xFF, sizeof ring);
  vyre_ring_encode_load_miss (0xABCD, TRUE, ring.words);
  assert_slot (&ring, 0, wanted, 6);
  g_assert_true (
      vyre_ring_decode_load_miss (ring.words, 16, &resource, &prefetch));
  g_assert_cmphex (resource, ==, 0xABCD);
  g_assert_true (prefetch);
  g_assert_false (
      vyre_ring_decode_load_miss (ring.words, 15, &resource, &prefetch));
  ring.words[VYRE_W_OPCODE] = 8;
  g_assert_false (
      vyre_ring_decode_load_miss (ring.words, 16, &resource, &prefetch));
}

/* Vector 6. */
static void
batch_vector (void)
{
  static const guint32 a[] = { 1, 40 }, b[] = { 1, 41 };
  const VyreRingItem items[] = { { 2, a, 2 }, { 2, b, 2 } };
  static const guint32 first[] = { 1, 2, 5, 2, 1, 40 };
  static const guint32 second[] = { 1, 2, 5, 2, 1, 41 };
  static const guint32 fence[] = { 1, 7, 5, 2, 2, 77 };
  g_autoptr (GError) error = NULL;
  VyreRingItem bad[] = { { 2, a, 2 }, { 0xFFFF, b, 2 } };
  Ring ring = { { 0 } };
  guint32 used = 0;

  keep (&ring);
  g_assert_false (vyre_ring_publish_batch (
      ring.words, WORDS, 6, 5, items, 2, 77, &used, &error));
  assert_ring_error (error, VYRE_RING_ERROR_FULL);
  g_assert_false (vyre_ring_publish_batch (
      ring.words, WORDS, G_MAXUINT32, 5, items, 2, 77, &used, &error));
  assert_ring_error (error, VYRE_RING_ERROR_FULL);
  g_assert_false (vyre_ring_publish_batch (
      ring.words, WORDS, 0, 5, items, G_MAXSIZE, 77, &used, &error));
  assert_ring_error (error, VYRE_RING_ERROR_FULL);
  g_assert_false (vyre_ring_publish_batch (
      ring.words, WORDS, 2, 5, bad, 2, 77, &used, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_cmpuint (used, ==, 0);
  assert_kept (&ring);
  /* The fence's slot counts too. */
  *slot_of (&ring, 4) = VYRE_ST_CLAIMED;
  keep (&ring);
  g_assert_false (vyre_ring_publish_batch (
      ring.words, WORDS, 2, 5, items, 2, 77, &used, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);
  assert_kept (&ring);

  *slot_of (&ring, 4) = VYRE_ST_DONE;
  g_assert_true (vyre_ring_publish_batch (
      ring.words, WORDS, 2, 5, items, 2, 77, &used, &error));
  g_assert_cmpuint (used, ==, 3);
  assert_slot (&ring, 2, first, 6);
  assert_slot (&ring, 3, second, 6);
  assert_slot (&ring, 4, fence, 6);

  /* A lone fence is legal, up to the last slot. */
  g_assert_true (vyre_ring_publish_batch (
      ring.words, WORDS, 7, 5, NULL, 0, 1, &used, &error));
  g_assert_cmpuint (used, ==, 1);
  g_assert_cmpuint (slot_of (&ring, 7)[VYRE_W_OPCODE], ==, 7);
}

static void
work_item_limits (void)
{
  const VyreRingWorkItem items[] = { { 8, 1, 2, 3 }, { 9, 4, 5, 6 } };
  const VyreRingWorkItem bad[] = { { 8, 1, 2, 3 }, { 0xFFFF, 4, 5, 6 } };
  g_autoptr (GError) error = NULL;
  Ring ring = { { 0 } };

  keep (&ring);
  g_assert_false (
      vyre_ring_publish_work_items (ring.words, WORDS, 7, 1, items, 2, &error));
  assert_ring_error (error, VYRE_RING_ERROR_FULL);
  g_assert_false (
      vyre_ring_publish_work_items (ring.words, WORDS, 0, 1, bad, 2, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (
      vyre_ring_encode_work_items (ring.words, WORDS, 1, bad, 2, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_true (
      vyre_ring_publish_work_items (ring.words, WORDS, 8, 1, NULL, 0, &error));
  assert_kept (&ring);
  g_assert_true (
      vyre_ring_publish_work_items (ring.words, WORDS, 6, 1, items, 2, &error));
  g_assert_cmpuint (slot_of (&ring, 7)[VYRE_W_ARG0 + 2], ==, 6);
}

/* Vector 7. */
static void
window_vector (void)
{
  static const guint32 near[] = { 42 }, far[] = { 99 };
  static const guint32 eleven[11] = { 1 };
  VyreRingPayload required = { near, 1 };
  VyreRingPayload lookahead = { far, 1 };
  VyreRingWindow window = { 4, 0xF101, 7, &required, 1, &lookahead, 1 };
  static const guint32 first[] = { 1, 0xF101, 4, 2, 7, 0, 42 };
  static const guint32 second[] = { 1, 0xF101, 4, 2, 7, 1, 99 };
  g_autoptr (GError) error = NULL;
  Ring ring = { { 0 } };
  guint32 used = 0;

  g_assert_true (
      vyre_ring_publish_window (ring.words, WORDS, 1, &window, &used, &error));
  g_assert_cmpuint (used, ==, 2);
  assert_slot (&ring, 1, first, 7);
  assert_slot (&ring, 2, second, 7);

  /* All or nothing: slot 0 is free, slot 1 is not. */
  keep (&ring);
  g_assert_false (
      vyre_ring_publish_window (ring.words, WORDS, 0, &window, &used, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);
  g_assert_false (
      vyre_ring_publish_window (ring.words, WORDS, 7, &window, &used, &error));
  assert_ring_error (error, VYRE_RING_ERROR_FULL);
  lookahead = (VyreRingPayload){ eleven, 11 };
  g_assert_false (
      vyre_ring_publish_window (ring.words, WORDS, 4, &window, &used, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  window.n_required = G_MAXSIZE;
  g_assert_false (
      vyre_ring_publish_window (ring.words, WORDS, 4, &window, &used, &error));
  assert_ring_error (error, VYRE_RING_ERROR_FULL);
  /* An empty window looks at nothing. */
  window.n_required = window.n_lookahead = 0;
  g_assert_true (vyre_ring_publish_window (
      ring.words, WORDS, G_MAXUINT32, &window, &used, &error));
  g_assert_cmpuint (used, ==, 0);
  assert_kept (&ring);
}

/* A longer payload of one slot must not shine through in the next. */
static void
window_payloads_are_separate (void)
{
  static const guint32 words[] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 };
  const VyreRingPayload payloads[] = { { words, 10 }, { words, 1 } };
  const VyreRingWindow window = { 1, 8, 3, payloads, 2, NULL, 0 };
  static const guint32 second[] = { 1, 8, 1, 2, 3, 0, 1 };
  g_autoptr (GError) error = NULL;
  Ring ring = { { 0 } };

  g_assert_true (
      vyre_ring_publish_window (ring.words, WORDS, 0, &window, NULL, &error));
  g_assert_cmpmem (slot_of (&ring, 0) + 6, 40, words, 40);
  assert_slot (&ring, 1, second, 7);
}

/* Vector 15. */
static void
priority_offsets (void)
{
  static const guint32 vectors[][7] = {
    { 0, 0, 0, 0, 0, 0, 0 },
    { 1, 0, 0, 0, 1, 1, 1 },
    { 4, 0, 0, 0, 4, 4, 4 },
    { 5, 0, 1, 2, 3, 4, 5 },
    { 64, 0, 12, 24, 40, 52, 64 },
    { 256, 0, 51, 102, 154, 205, 256 },
    { 257, 0, 51, 102, 155, 206, 257 },
    { 1024, 0, 204, 408, 616, 820, 1024 },
    { G_MAXUINT32, 0, 858993459, 1717986918, 2576980377, 3435973836,
        G_MAXUINT32 },
  };
  g_autoptr (GError) error = NULL;
  guint32 control[136] = { 0 };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (vectors); i++) {
    g_assert_true (
        vyre_ring_write_priority_offsets (control, 135, vectors[i][0], &error));
    g_assert_cmpmem (control + VYRE_C_PRI_OFFSETS, 24, vectors[i] + 1, 24);
    g_assert_cmpuint (control[128], ==, 0);
    g_assert_cmpuint (control[135], ==, 0);
  }
  g_assert_false (vyre_ring_write_priority_offsets (control, 134, 64, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
}

/* Vector 13. */
static void
debug_log_vector (void)
{
  g_autoptr (GArray) records =
      g_array_new (FALSE, FALSE, sizeof (VyreRingDebugRecord));
  g_autoptr (GError) error = NULL;
  guint32 log[VYRE_D_WORDS] = { 4, 1, 2, 3, 16 };
  guint32 dropped = 9;
  VyreRingDebugRecord *record;

  g_assert_true (
      vyre_ring_read_debug_log (log, sizeof log, records, &dropped, &error));
  g_assert_cmpuint (records->len, ==, 1);
  g_assert_cmpuint (dropped, ==, 0);
  record = &g_array_index (records, VyreRingDebugRecord, 0);
  g_assert_cmpuint (record->format, ==, 1);
  g_assert_cmpuint (record->args[0], ==, 2);
  g_assert_cmpuint (record->args[1], ==, 3);
  g_assert_cmpuint (record->args[2], ==, 16);

  log[0] = 3;
  g_assert_false (
      vyre_ring_read_debug_log (log, sizeof log, records, &dropped, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_cmpuint (records->len, ==, 1);

  /* A log that ran over keeps its 64 records: the protocol's own decoder
   * gives all of them up. */
  log[0] = 260;
  g_assert_true (
      vyre_ring_read_debug_log (log, sizeof log, records, &dropped, &error));
  g_assert_cmpuint (records->len, ==, 64);
  g_assert_cmpuint (dropped, ==, 1);
  log[0] = 0xFFFFFFFC;
  g_assert_true (
      vyre_ring_read_debug_log (log, sizeof log, records, &dropped, &error));
  g_assert_cmpuint (records->len, ==, 64);
  g_assert_cmpuint (dropped, ==, 0x3FFFFFFF - 64);
}

static void
control_readers (void)
{
  g_autoptr (GError) error = NULL;
  guint32 control[162] = { 0 };
  VyreRingMetric metrics[VYRE_METRICS_SLOTS];
  guint32 value = 5;
  guint n = 5;

  control[VYRE_C_DONE_COUNT] = 41;
  control[VYRE_C_EPOCH] = 42;
  control[VYRE_C_OBSERVABLE + 1] = 43;
  control[VYRE_C_METRICS] = 44;
  control[VYRE_C_METRICS + 31] = 45;
  g_assert_true (vyre_ring_read_done_count (control, 8, &value, &error));
  g_assert_cmpuint (value, ==, 41);
  g_assert_true (vyre_ring_read_epoch (control, 129 * 4, &value, &error));
  g_assert_cmpuint (value, ==, 42);
  g_assert_true (
      vyre_ring_read_observable (control, 162 * 4, 1, &value, &error));
  g_assert_cmpuint (value, ==, 43);
  g_assert_true (
      vyre_ring_read_metrics (control, 128 * 4, metrics, &n, &error));
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (metrics[0].opcode, ==, 0);
  g_assert_cmpuint (metrics[0].count, ==, 44);
  g_assert_cmpuint (metrics[1].opcode, ==, 31);
  g_assert_cmpuint (metrics[1].count, ==, 45);

  value = 5;
  g_assert_false (vyre_ring_read_done_count (control, 4, &value, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (vyre_ring_read_done_count (control, 9, &value, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (vyre_ring_read_epoch (control, 128 * 4, &value, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (
      vyre_ring_read_observable (control, 162 * 4, 2, &value, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (vyre_ring_read_observable (
      control, 162 * 4, G_MAXUINT32, &value, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (
      vyre_ring_read_metrics (control, 127 * 4, metrics, &n, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_cmpuint (value, ==, 5);
  g_assert_cmpuint (n, ==, 2);
}

static void
publish_mapped_copies_slots (void)
{
  static const guint32 slots[] = { 6, 1, 3 };
  guint32 *device = g_aligned_alloc0 (SLOTS, VYRE_SLOT_BYTES, 64);
  guint offset, slot, i;
  Ring ring;

  for (i = 0; i < WORDS; i++)
    ring.words[i] = 0x1000 + i;
  /* Any word alignment will do. */
  for (offset = 0; offset < 4; offset++) {
    g_autofree guint32 *room = g_new (guint32, WORDS + 4);
    volatile guint32 *mapped = room + offset;

    memset (room, 0x55, (WORDS + 4) * 4);
    vyre_ring_publish_mapped (mapped, ring.words, slots, 3);
    for (slot = 0; slot < SLOTS; slot++) {
      gboolean written = slot == 6 || slot == 1 || slot == 3;

      for (i = 0; i < VYRE_SLOT_WORDS; i++)
        g_assert_cmphex (mapped[slot * 16 + i], ==,
            written ? 0x1000 + slot * 16 + i : 0x55555555);
    }
  }
  vyre_ring_publish_mapped (device, ring.words, slots, 0);
  for (i = 0; i < WORDS; i++)
    g_assert_cmphex (device[i], ==, 0);
  g_aligned_free (device);
}

#define ROUNDS 20000

static gpointer
watch_slots (gpointer data)
{
  volatile guint32 *mapped = data;
  guint round, slot, i;

  for (round = 1; round <= ROUNDS; round++) {
    for (slot = 0; slot < 4; slot++) {
      guint32 *status = (guint32 *) mapped + slot * VYRE_SLOT_WORDS;

      while (__atomic_load_n (status, __ATOMIC_ACQUIRE) != VYRE_ST_PUBLISHED)
        g_thread_yield ();
      for (i = 1; i < VYRE_SLOT_WORDS; i++)
        g_assert_cmpuint (mapped[slot * VYRE_SLOT_WORDS + i], ==, round);
      __atomic_store_n (status, VYRE_ST_DONE, __ATOMIC_RELEASE);
    }
  }
  return NULL;
}

/* Who sees PUBLISHED sees the payload of that round, never older words. */
static void
publish_mapped_order (void)
{
  static const guint32 slots[] = { 0, 1, 2, 3 };
  guint32 *mapped = g_aligned_alloc0 (4, VYRE_SLOT_BYTES, 64);
  guint32 shadow[4 * VYRE_SLOT_WORDS];
  GThread *watcher = g_thread_new ("watcher", watch_slots, mapped);
  guint round, slot, i;

  for (round = 1; round <= ROUNDS; round++) {
    for (i = 0; i < G_N_ELEMENTS (shadow); i++)
      shadow[i] = i % VYRE_SLOT_WORDS == 0 ? VYRE_ST_PUBLISHED : round;
    vyre_ring_publish_mapped (mapped, shadow, slots, 4);
    for (slot = 0; slot < 4; slot++) {
      while (__atomic_load_n (mapped + slot * VYRE_SLOT_WORDS,
                 __ATOMIC_ACQUIRE) != VYRE_ST_DONE)
        g_thread_yield ();
    }
  }
  g_thread_join (watcher);
  g_aligned_free (mapped);
}

static void
status_names (void)
{
  g_assert_cmpstr (vyre_ring_status_name (VYRE_ST_EMPTY), ==, "empty");
  g_assert_cmpstr (vyre_ring_status_name (VYRE_ST_FAULT), ==, "fault");
  g_assert_cmpstr (vyre_ring_status_name (8), ==, "unknown");
  g_assert_cmpstr (vyre_ring_status_name (G_MAXUINT32), ==, "unknown");
  g_assert_false (vyre_ring_status_is_active (G_MAXUINT32));
  g_assert_false (vyre_ring_status_is_active (VYRE_ST_FAULT));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/ring/control", control_vector);
  g_test_add_func ("/ring/publish-slot", publish_slot_vector);
  g_test_add_func ("/ring/publish-slot/refusals", publish_slot_refusals);
  g_test_add_func ("/ring/opcodes", opcodes);
  g_test_add_func ("/ring/transitions", transitions);
  g_test_add_func ("/ring/transitions/refusals", transition_refusals);
  g_test_add_func ("/ring/packed", packed_vectors);
  g_test_add_func ("/ring/load-miss", load_miss_vector);
  g_test_add_func ("/ring/batch", batch_vector);
  g_test_add_func ("/ring/work-items", work_item_limits);
  g_test_add_func ("/ring/window", window_vector);
  g_test_add_func ("/ring/window/payloads", window_payloads_are_separate);
  g_test_add_func ("/ring/priority-offsets", priority_offsets);
  g_test_add_func ("/ring/debug-log", debug_log_vector);
  g_test_add_func ("/ring/control/readers", control_readers);
  g_test_add_func ("/ring/mapped/copies", publish_mapped_copies_slots);
  g_test_add_func ("/ring/mapped/order", publish_mapped_order);
  g_test_add_func ("/ring/status-names", status_names);
  return g_test_run ();
}
