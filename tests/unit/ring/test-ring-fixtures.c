/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The runtime fixtures of the original implementation. Where we differ on
 * purpose, the test says how and checks both. */
#include <string.h>

#include "fixture.h"
#include "telemetry/evidence.h"
#include "telemetry/sketch.h"

/* --- ring ------------------------------------------------------------------- */

static void
constants (void)
{
  static const struct
  {
    const char *group, *name;
    guint32 value;
  } table[] = {
    { "control", "CONTROL_MIN_WORDS", VYRE_CONTROL_MIN_WORDS },
    { "control", "DONE_COUNT", VYRE_C_DONE_COUNT },
    { "control", "EPOCH", VYRE_C_EPOCH },
    { "control", "METRICS_BASE", VYRE_C_METRICS },
    { "control", "METRICS_SLOTS", VYRE_METRICS_SLOTS },
    { "control", "OBSERVABLE_BASE", VYRE_C_OBSERVABLE },
    { "control", "PRIORITY_FAIRNESS_BASE", VYRE_C_PRI_FAIRNESS },
    { "control", "PRIORITY_FAIRNESS_SLOTS", VYRE_PRI_FAIRNESS_SLOTS },
    { "control", "PRIORITY_OFFSETS_BASE", VYRE_C_PRI_OFFSETS },
    { "control", "PRIORITY_OFFSETS_SLOTS", VYRE_PRI_OFFSET_SLOTS },
    { "control", "PRIORITY_STARVATION_COUNTER", VYRE_C_STARVATION },
    { "control", "SHUTDOWN", VYRE_C_SHUTDOWN },
    { "control", "TENANT_BASE", VYRE_C_TENANT_BASE },
    { "control", "TENANT_FAIRNESS_BASE", VYRE_C_TENANT_FAIRNESS },
    { "control", "TENANT_FAIRNESS_SLOTS", VYRE_TENANT_FAIRNESS_SLOTS },
    { "control", "TENANT_QUOTA_BASE", VYRE_C_TENANT_QUOTA },
    { "debug", "BUFFER_WORDS", VYRE_D_WORDS },
    { "debug", "CURSOR_WORD", VYRE_D_CURSOR },
    { "debug", "RECORDS_BASE", VYRE_D_RECORDS },
    { "debug", "RECORD_CAPACITY", VYRE_D_CAPACITY },
    { "debug", "RECORD_WORDS", VYRE_D_RECORD_WORDS },
    { "limits", "MAX_DEBUG_RECORDS", VYRE_MAX_DEBUG_RECORDS },
    { "limits", "MAX_ENCODED_DEBUG_RECORDS", VYRE_MAX_ENCODED_DEBUG_RECORDS },
    { "limits", "MAX_ENCODED_OBSERVABLE_SLOTS", VYRE_MAX_ENCODED_OBSERVABLES },
    { "limits", "MAX_ENCODED_RING_SLOTS", VYRE_MAX_ENCODED_RING_SLOTS },
    { "limits", "MAX_OBSERVABLE_SLOTS", VYRE_MAX_OBSERVABLES },
    { "limits", "MAX_RING_SLOTS", VYRE_MAX_RING_SLOTS },
    { "opcode", "NOP", VYRE_OP_NOP },
    { "opcode", "STORE_U32", VYRE_OP_STORE_U32 },
    { "opcode", "ATOMIC_ADD", VYRE_OP_ATOMIC_ADD },
    { "opcode", "LOAD_U32", VYRE_OP_LOAD_U32 },
    { "opcode", "COMPARE_SWAP", VYRE_OP_COMPARE_SWAP },
    { "opcode", "MEMCPY", VYRE_OP_MEMCPY },
    { "opcode", "DFA_STEP", VYRE_OP_DFA_STEP },
    { "opcode", "BATCH_FENCE", VYRE_OP_BATCH_FENCE },
    { "opcode", "LOAD_MISS", VYRE_OP_LOAD_MISS },
    { "opcode", "PRINTF", VYRE_OP_PRINTF },
    { "opcode", "PACKED_SLOT", VYRE_OP_PACKED_SLOT },
    { "opcode", "SHUTDOWN", VYRE_OP_SHUTDOWN },
    { "opcode", "RESERVED_MAX_RANGE_MIN", VYRE_OP_RESERVED_FIRST },
    { "opcode", "SYSTEM_MASK", VYRE_OP_SYSTEM_MASK },
    { "priority", "CRITICAL", VYRE_PRI_CRITICAL },
    { "priority", "HIGH", VYRE_PRI_HIGH },
    { "priority", "NORMAL", VYRE_PRI_NORMAL },
    { "priority", "LOW", VYRE_PRI_LOW },
    { "priority", "IDLE", VYRE_PRI_IDLE },
    { "slot", "SLOT_WORDS", VYRE_SLOT_WORDS },
    { "slot", "STATUS_WORD", VYRE_W_STATUS },
    { "slot", "OPCODE_WORD", VYRE_W_OPCODE },
    { "slot", "TENANT_WORD", VYRE_W_TENANT },
    { "slot", "PRIORITY_WORD", VYRE_W_PRIORITY },
    { "slot", "ARG0_WORD", VYRE_W_ARG0 },
    { "slot", "ARGS_PER_SLOT", VYRE_ARGS_PER_SLOT },
    { "status", "EMPTY", VYRE_ST_EMPTY },
    { "status", "PUBLISHED", VYRE_ST_PUBLISHED },
    { "status", "CLAIMED", VYRE_ST_CLAIMED },
    { "status", "DONE", VYRE_ST_DONE },
    { "status", "WAIT_IO", VYRE_ST_WAIT_IO },
    { "status", "YIELD", VYRE_ST_YIELD },
    { "status", "REQUEUE", VYRE_ST_REQUEUE },
    { "status", "FAULT", VYRE_ST_FAULT },
  };
  static const char *const groups[] = { "control", "debug", "limits", "opcode",
    "priority", "slot", "status" };
  g_autoptr (Fixture) fixture = fixture_open ("constants");
  guint listed = 0;
  guint i;

  if (fixture == NULL)
    return;
  for (i = 0; i < G_N_ELEMENTS (table); i++)
    g_assert_cmphex (table[i].value, ==,
        fixture_u32 (
            fixture_object (fixture->root, table[i].group), table[i].name));
  for (i = 0; i < G_N_ELEMENTS (groups); i++)
    listed += json_object_get_size (fixture_object (fixture->root, groups[i]));
  g_assert_cmpuint (listed, ==, G_N_ELEMENTS (table));
}

static void
assert_length (
    JsonObject *entry, const char *name, gboolean known, guint64 bytes)
{
  JsonNode *node = fixture_member (entry, name);

  g_assert_true (known == !json_node_is_null (node));
  if (known)
    g_assert_cmpuint (bytes, ==, (guint64) json_node_get_int (node));
}

static void
byte_lengths (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("byte_lengths");
  JsonArray *cases;
  guint i;

  if (fixture == NULL)
    return;
  cases = fixture_array (fixture->root, "cases");
  g_assert_cmpuint (json_array_get_length (cases), >, 0);
  for (i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *entry = json_array_get_object_element (cases, i);
    guint32 n = fixture_u32 (entry, "n");
    guint64 bytes = 0;
    gboolean known;

    known = vyre_ring_control_bytes (n, &bytes);
    assert_length (entry, "control", known, bytes);
    known = vyre_ring_slot_bytes (n, &bytes);
    assert_length (entry, "ring", known, bytes);
    known = vyre_ring_debug_log_bytes (n, &bytes);
    assert_length (entry, "debug_log", known, bytes);
  }
}

static void
encode_control (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("encode_control");
  JsonArray *cases;
  guint refused = 0;
  guint i;

  if (fixture == NULL)
    return;
  cases = fixture_array (fixture->root, "cases");
  for (i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *entry = json_array_get_object_element (cases, i);
    JsonObject *result = fixture_object (entry, "result");
    guint32 observables = fixture_u32 (entry, "observable_slots");
    gboolean wrong = fixture_is_error (result);
    gsize n_words = wrong ? 0 : VYRE_CONTROL_MIN_WORDS + (gsize) observables;
    g_autofree guint32 *words = g_new (guint32, n_words + 1);
    g_autoptr (GError) error = NULL;

    memset (words, 0x77, (n_words + 1) * 4);
    g_assert_true (vyre_ring_encode_control (words, n_words,
                       fixture_bool (entry, "shutdown"),
                       fixture_u32 (entry, "tenant_count"), observables,
                       &error) == !wrong);
    g_assert_cmphex (words[n_words], ==, 0x77777777);
    if (wrong) {
      assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
      refused++;
    } else {
      fixture_assert_sparse (words, n_words, fixture_object (result, "ok"));
    }
  }
  g_assert_cmpuint (refused, ==, 2);
}

static void
encode_control_hex (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("encode_control_hex");
  g_autofree guint32 *words = NULL;
  g_autoptr (GError) error = NULL;
  gsize n_words;

  if (fixture == NULL)
    return;
  n_words =
      VYRE_CONTROL_MIN_WORDS + fixture_u32 (fixture->root, "observable_slots");
  words = g_new (guint32, n_words);
  g_assert_true (vyre_ring_encode_control (words, n_words,
      fixture_bool (fixture->root, "shutdown"),
      fixture_u32 (fixture->root, "tenant_count"),
      fixture_u32 (fixture->root, "observable_slots"), &error));
  fixture_assert_words (words, n_words,
      json_node_get_string (fixture_member (fixture->root, "hex")));
}

static void
encode_empty_ring (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("encode_empty_ring");
  JsonArray *cases;
  guint i;

  if (fixture == NULL)
    return;
  cases = fixture_array (fixture->root, "cases");
  g_assert_cmpuint (json_array_get_length (cases), >, 0);
  for (i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *entry = json_array_get_object_element (cases, i);
    JsonObject *result = fixture_object (entry, "result");
    guint32 slots = fixture_u32 (entry, "slot_count");
    gboolean wrong = fixture_is_error (result);
    gsize n_words = wrong ? 0 : (gsize) slots * VYRE_SLOT_WORDS;
    g_autofree guint32 *words = g_new (guint32, n_words + 1);
    g_autoptr (GError) error = NULL;

    memset (words, 0x77, (n_words + 1) * 4);
    g_assert_true (
        vyre_ring_encode_empty (words, n_words, slots, &error) == !wrong);
    if (wrong)
      assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
    else
      fixture_assert_sparse (words, n_words, fixture_object (result, "ok"));
  }
}

/* --- batch_publish.json -------------------------------------------------------- */

#define MAX_SLOTS 6

/* The items of "batch_publish", [[opcode, [args]], ...]. */
static guint
read_items (JsonArray *list, VyreRingItem *items, guint32 args[][12])
{
  guint n = json_array_get_length (list);
  guint i, k;

  g_assert_cmpuint (n, <=, MAX_SLOTS);
  for (i = 0; i < n; i++) {
    JsonArray *item = json_array_get_array_element (list, i);
    JsonArray *words = json_array_get_array_element (item, 1);

    items[i] = (VyreRingItem){ fixture_at (item, 0), args[i],
      json_array_get_length (words) };
    for (k = 0; k < items[i].n_args; k++)
      args[i][k] = fixture_at (words, k);
  }
  return n;
}

static guint
read_work_items (JsonArray *list, VyreRingWorkItem *items)
{
  guint n = json_array_get_length (list);
  guint i;

  g_assert_cmpuint (n, <=, MAX_SLOTS);
  for (i = 0; i < n; i++) {
    JsonArray *item = json_array_get_array_element (list, i);

    items[i] = (VyreRingWorkItem){ fixture_at (item, 0), fixture_at (item, 1),
      fixture_at (item, 2), fixture_at (item, 3) };
  }
  return n;
}

static void
batch_publish (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("batch_publish");
  guint32 ring[MAX_SLOTS * VYRE_SLOT_WORDS] = { 0 };
  gsize n_words = MAX_SLOTS * VYRE_SLOT_WORDS;
  VyreRingWorkItem work[MAX_SLOTS];
  guint n_work = 0;
  JsonArray *steps;
  guint i;

  if (fixture == NULL)
    return;
  steps = fixture_array (fixture->root, "steps");
  g_assert_cmpuint (json_array_get_length (steps), ==, 8);
  for (i = 0; i < 8; i++) {
    JsonObject *step = json_array_get_object_element (steps, i);
    JsonArray *call = fixture_array (step, "call");
    const char *name = json_array_get_string_element (call, 0);
    JsonObject *result = fixture_object (step, "result");
    gboolean wrong = fixture_is_error (result);
    g_autoptr (GError) error = NULL;
    VyreRingError code = VYRE_RING_ERROR_FULL;
    gboolean ok;

    if (g_str_equal (name, "batch_publish")) {
      guint32 args[MAX_SLOTS][12];
      VyreRingItem items[MAX_SLOTS];
      guint n =
          read_items (json_array_get_array_element (call, 3), items, args);
      guint32 used = 0;

      ok = vyre_ring_publish_batch (ring, n_words, fixture_at (call, 1),
          fixture_at (call, 2), items, n, fixture_at (call, 4), &used, &error);
      g_assert_cmpuint (used, ==, wrong ? 0 : fixture_u32 (result, "ok"));
    } else if (g_str_has_prefix (name, "encode_work_items_ring")) {
      gsize words = (gsize) fixture_at (call, 1) * VYRE_SLOT_WORDS;

      n_work = read_work_items (json_array_get_array_element (call, 3), work);
      g_assert_cmpuint (words, <=, G_N_ELEMENTS (ring));
      ok = vyre_ring_encode_work_items (
          ring, words, fixture_at (call, 2), work, n_work, &error);
      if (ok)
        n_words = words;
    } else {
      guint n = 2; /* "first two items" */

      g_assert_cmpstr (name, ==, "publish_work_items");
      if (JSON_NODE_HOLDS_ARRAY (json_array_get_element (call, 3)))
        n = read_work_items (json_array_get_array_element (call, 3), work);
      ok = vyre_ring_publish_work_items (ring, n_words, fixture_at (call, 1),
          fixture_at (call, 2), work, n, &error);
      if (!wrong)
        g_assert_cmpuint (n, ==, fixture_u32 (result, "ok"));
    }

    g_assert_true (ok == !wrong);
    if (wrong) {
      if (strstr (json_object_get_string_member (result, "error"),
              "not publishable") != NULL)
        code = VYRE_RING_ERROR_BUSY;
      assert_ring_error (error, code);
    }
    /* A refused encoding leaves the original's ring empty and ours alone. */
    if (wrong && g_str_has_prefix (name, "encode_work_items_ring")) {
      g_assert_cmpstr (
          json_object_get_string_member (step, "ring_hex"), ==, "");
      g_assert_cmpuint (ring[VYRE_W_STATUS], ==, VYRE_ST_PUBLISHED);
    } else if (fixture_has (step, "ring_words")) {
      JsonArray *words = fixture_array (step, "ring_words");
      guint k;

      g_assert_cmpuint (json_array_get_length (words), ==, n_words);
      for (k = 0; k < n_words; k++)
        g_assert_cmphex (ring[k], ==, fixture_at (words, k));
    } else {
      fixture_assert_words (
          ring, n_words, json_object_get_string_member (step, "ring_hex"));
    }
  }
}

static void
ring_misaligned (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("ring_misaligned");
  g_autoptr (GError) error = NULL;
  guint32 ring[VYRE_SLOT_WORDS + 1] = { 0 };

  if (fixture == NULL)
    return;
  g_assert_true (fixture_is_error (fixture_object (fixture->root, "result")));
  g_assert_false (vyre_ring_publish_slot (
      ring, G_N_ELEMENTS (ring), 0, 0, 8, NULL, 0, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_cmpuint (ring[0], ==, 0);
}

static void
host_ring (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("host_ring");
  guint32 ring[3 * VYRE_SLOT_WORDS] = { 0 };
  guint32 slot[VYRE_SLOT_WORDS], done = 0;
  g_autoptr (GError) error = NULL;
  JsonArray *log;

  if (fixture == NULL)
    return;
  log = fixture_array (fixture->root, "log");
  g_assert_cmpuint (json_array_get_length (log), ==, 7);
  vyre_ring_encode_load_miss (5, TRUE, slot);
  g_assert_true (vyre_ring_write_slot (ring, 48, 1, slot, sizeof slot, &error));
  g_assert_false (
      vyre_ring_write_slot (ring, 48, 3, slot, sizeof slot, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_write_slot (ring, 48, 0, slot, 63, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  memset (slot, 0xFF, sizeof slot);
  g_assert_true (vyre_ring_read_slot (ring, 48, 1, slot, sizeof slot, &error));
  fixture_assert_words (slot, VYRE_SLOT_WORDS,
      json_array_get_string_element (json_array_get_array_element (log, 3), 2));
  g_assert_false (vyre_ring_read_slot (ring, 48, 9, slot, sizeof slot, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  ring[0] = ring[2 * VYRE_SLOT_WORDS] = VYRE_ST_DONE;
  g_assert_true (vyre_ring_count_done (ring, sizeof ring, 3, &done, &error));
  g_assert_cmpuint (done, ==,
      fixture_u32 (json_array_get_object_element (
                       json_array_get_array_element (log, 5), 1),
          "ok"));
  fixture_assert_words (
      ring, 48, json_object_get_string_member (fixture->root, "ring_hex"));
}

static void
count_done (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("count_done_slots");
  g_autoptr (GByteArray) ring = NULL;
  g_autoptr (GError) error = NULL;
  guint32 count = 77;
  JsonArray *cases;
  guint i;

  if (fixture == NULL)
    return;
  ring = fixture_hex_member (fixture->root, "ring_hex");
  cases = fixture_array (fixture->root, "cases");
  g_assert_cmpuint (json_array_get_length (cases), >, 0);
  for (i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *entry = json_array_get_object_element (cases, i);
    JsonObject *result = fixture_object (entry, "result");
    gboolean ok = vyre_ring_count_done (ring->data, ring->len,
        fixture_u32 (entry, "item_count"), &count, &error);

    g_assert_true (ok == !fixture_is_error (result));
    if (ok)
      g_assert_cmpuint (count, ==, fixture_u32 (result, "ok"));
    else
      assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  }
  g_assert_false (vyre_ring_count_done (ring->data, 10, 1, &count, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_true (
      fixture_is_error (fixture_object (fixture->root, "misaligned")));
}

/* A cursor beyond the end makes the original give up the log; we keep what the
 * log holds and count the rest. */
static void
debug_log (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("debug_log_decode");
  g_autoptr (GArray) records =
      g_array_new (FALSE, FALSE, sizeof (VyreRingDebugRecord));
  guint clamped = 0;
  JsonArray *cases;
  guint i, k;

  if (fixture == NULL)
    return;
  cases = fixture_array (fixture->root, "cases");
  for (i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *entry = json_array_get_object_element (cases, i);
    JsonObject *strict = fixture_object (entry, "strict");
    const char *name = json_object_get_string_member (entry, "name");
    g_autoptr (GByteArray) log = fixture_hex_member (entry, "hex");
    g_autoptr (GError) error = NULL;
    guint32 dropped = 0;
    gboolean ok = vyre_ring_read_debug_log (
        log->data, log->len, records, &dropped, &error);

    if (g_str_equal (name, "cursor_past_capacity")) {
      g_assert_true (fixture_is_error (strict));
      g_assert_true (ok);
      g_assert_cmpuint (records->len, ==, 4);
      g_assert_cmpuint (dropped, ==, 1);
      clamped++;
      continue;
    }
    g_assert_true (ok == !fixture_is_error (strict));
    g_assert_cmpuint (dropped, ==, 0);
    if (ok) {
      JsonArray *wanted = fixture_array (strict, "ok");

      g_assert_cmpuint (records->len, ==, json_array_get_length (wanted));
      for (k = 0; k < records->len; k++) {
        JsonObject *want = json_array_get_object_element (wanted, k);
        JsonArray *args = fixture_array (want, "args");
        VyreRingDebugRecord *record =
            &g_array_index (records, VyreRingDebugRecord, k);

        g_assert_cmphex (record->format, ==, fixture_u32 (want, "fmt_id"));
        g_assert_cmphex (record->args[0], ==, fixture_at (args, 0));
        g_assert_cmphex (record->args[1], ==, fixture_at (args, 1));
        g_assert_cmphex (record->args[2], ==, fixture_at (args, 2));
      }
    } else {
      assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
    }
  }
  g_assert_cmpuint (clamped, ==, 1);
}

/* --- telemetry -------------------------------------------------------------------- */

static void
assert_counters (const VyreRingCounters *c, JsonObject *wanted)
{
  g_assert_cmpuint (json_object_get_size (wanted), ==, 13);
  g_assert_cmpuint (c->total_slots, ==, fixture_u32 (wanted, "total_slots"));
  g_assert_cmpuint (c->queue_depth, ==, fixture_u32 (wanted, "queue_depth"));
  g_assert_cmpuint (
      c->ring_idle_slots, ==, fixture_u32 (wanted, "gpu_idle_slots"));
  g_assert_cmpuint (c->ring_idle_ppm, ==, fixture_u32 (wanted, "gpu_idle_ppm"));
  g_assert_cmpuint (c->frontier_density_bps, ==,
      fixture_u32 (wanted, "frontier_density_bps"));
  g_assert_cmpuint (
      c->occupancy_bps, ==, fixture_u32 (wanted, "occupancy_proxy_bps"));
  g_assert_cmpuint (
      c->drained_slots, ==, fixture_u32 (wanted, "drained_slots"));
  g_assert_cmpuint (c->unreclaimed_done_slots, ==,
      fixture_u32 (wanted, "unreclaimed_done_slots"));
  g_assert_cmpuint (c->tenant_fairness_total, ==,
      (guint64) json_object_get_int_member (wanted, "tenant_fairness_total"));
  g_assert_cmpuint (c->priority_fairness_total, ==,
      (guint64) json_object_get_int_member (wanted, "priority_fairness_total"));
  g_assert_cmpuint (c->tenant_fairness_skew, ==,
      fixture_u32 (wanted, "tenant_fairness_skew"));
  g_assert_cmpuint (
      c->requeue_slots, ==, fixture_u32 (wanted, "requeue_slots"));
  g_assert_cmpuint (c->fault_slots, ==, fixture_u32 (wanted, "fault_slots"));
}

static void
assert_control (const VyreControlSnapshot *c, JsonObject *wanted)
{
  JsonArray *metrics = fixture_array (wanted, "metrics");
  JsonArray *tenants = fixture_array (wanted, "tenant_fairness");
  JsonArray *priorities = fixture_array (wanted, "priority_fairness");
  guint i;

  g_assert_true (c->shutdown == fixture_bool (wanted, "shutdown"));
  g_assert_cmpuint (c->done_count, ==, fixture_u32 (wanted, "done_count"));
  g_assert_cmpuint (c->epoch, ==, fixture_u32 (wanted, "epoch"));
  g_assert_cmpuint (c->n_metrics, ==, json_array_get_length (metrics));
  for (i = 0; i < c->n_metrics; i++) {
    JsonArray *pair = json_array_get_array_element (metrics, i);

    g_assert_cmpuint (c->metrics[i].opcode, ==, fixture_at (pair, 0));
    g_assert_cmpuint (c->metrics[i].count, ==, fixture_at (pair, 1));
  }
  for (i = 0; i < VYRE_TENANT_FAIRNESS_SLOTS; i++)
    g_assert_cmpuint (c->tenant_fairness[i], ==, fixture_at (tenants, i));
  for (i = 0; i < VYRE_PRI_FAIRNESS_SLOTS; i++)
    g_assert_cmpuint (c->priority_fairness[i], ==, fixture_at (priorities, i));
}

static void
assert_occupancy (const VyreRingOccupancy *o, JsonObject *wanted)
{
  g_assert_cmpuint (o->empty, ==, fixture_u32 (wanted, "empty"));
  g_assert_cmpuint (o->published, ==, fixture_u32 (wanted, "published"));
  g_assert_cmpuint (o->claimed, ==, fixture_u32 (wanted, "claimed"));
  g_assert_cmpuint (o->done, ==, fixture_u32 (wanted, "done"));
  g_assert_cmpuint (o->wait_io, ==, fixture_u32 (wanted, "wait_io"));
  g_assert_cmpuint (o->yield, ==, fixture_u32 (wanted, "yield_count"));
  g_assert_cmpuint (o->requeue, ==, fixture_u32 (wanted, "requeue"));
  g_assert_cmpuint (o->fault, ==, fixture_u32 (wanted, "fault"));
  g_assert_cmpuint (o->unknown, ==, fixture_u32 (wanted, "unknown"));
  g_assert_cmpuint (
      vyre_ring_occupancy_total (o), ==, fixture_u32 (wanted, "total_slots"));
  g_assert_cmpuint (
      vyre_ring_occupancy_depth (o), ==, fixture_u32 (wanted, "queue_depth"));
}

static void
assert_slots (const VyreTelemetry *t, JsonArray *wanted)
{
  guint i;

  g_assert_cmpuint (t->n_slots, ==, json_array_get_length (wanted));
  for (i = 0; i < t->n_slots; i++) {
    JsonObject *want = json_array_get_object_element (wanted, i);
    JsonArray *args = fixture_array (want, "args_prefix");
    const VyreSlotSnapshot *slot = &t->slots[i];
    JsonNode *status = fixture_member (want, "status");

    g_assert_cmpuint (slot->slot, ==, fixture_u32 (want, "slot_idx"));
    g_assert_cmphex (slot->status, ==, fixture_u32 (want, "status_raw"));
    g_assert_true (g_str_equal (vyre_ring_status_name (slot->status),
                       "unknown") == JSON_NODE_HOLDS_OBJECT (status));
    g_assert_cmpuint (slot->tenant, ==, fixture_u32 (want, "tenant_id"));
    g_assert_cmphex (slot->opcode, ==, fixture_u32 (want, "opcode"));
    g_assert_cmphex (slot->args[0], ==, fixture_at (args, 0));
    g_assert_cmphex (slot->args[1], ==, fixture_at (args, 1));
    g_assert_cmphex (slot->args[2], ==, fixture_at (args, 2));
    g_assert_true (vyre_ring_status_is_active (slot->status) ==
                   fixture_bool (want, "is_active"));
  }
}

static void
assert_windows (const VyreTelemetry *t, JsonObject *telemetry)
{
  JsonArray *wanted = fixture_array (telemetry, "windows");
  JsonArray *active = fixture_array (telemetry, "active_windows");
  guint n_active = 0;
  guint i;

  g_assert_cmpuint (t->n_windows, ==, json_array_get_length (wanted));
  for (i = 0; i < t->n_windows; i++) {
    JsonObject *want = json_array_get_object_element (wanted, i);
    const VyreWindowSnapshot *w = &t->windows[i];

    g_assert_cmpuint (w->ticket, ==, fixture_u32 (want, "ticket"));
    g_assert_cmphex (w->opcode, ==, fixture_u32 (want, "opcode"));
    g_assert_cmpuint (w->tenant, ==, fixture_u32 (want, "tenant_id"));
    g_assert_cmpuint (w->required, ==, fixture_u32 (want, "required_slots"));
    g_assert_cmpuint (w->lookahead, ==, fixture_u32 (want, "lookahead_slots"));
    g_assert_cmpuint (w->published, ==, fixture_u32 (want, "published"));
    g_assert_cmpuint (w->claimed, ==, fixture_u32 (want, "claimed"));
    g_assert_cmpuint (w->done, ==, fixture_u32 (want, "done"));
    g_assert_cmpuint (w->wait_io, ==, fixture_u32 (want, "wait_io"));
    g_assert_cmpuint (w->yield, ==, fixture_u32 (want, "yield_count"));
    g_assert_cmpuint (w->requeue, ==, fixture_u32 (want, "requeue"));
    g_assert_cmpuint (w->fault, ==, fixture_u32 (want, "fault"));
    g_assert_true (
        vyre_window_is_active (w) == fixture_bool (want, "is_active"));
    if (vyre_window_is_active (w)) {
      JsonArray *pair = json_array_get_array_element (active, n_active++);

      g_assert_cmpuint (w->ticket, ==, fixture_at (pair, 0));
      g_assert_cmphex (w->opcode, ==, fixture_at (pair, 1));
    }
  }
  g_assert_cmpuint (n_active, ==, json_array_get_length (active));
  g_assert_cmpuint (vyre_telemetry_active_windows (t), ==, n_active);
}

static gboolean
is_empty_slot_of (const VyreSlotSnapshot *slot, const VyreWindowSnapshot *w)
{
  return slot->status == VYRE_ST_EMPTY && slot->opcode == w->opcode &&
         slot->args[0] == w->ticket;
}

/*
 * The original counts EMPTY slots into windows, by class and for the tenant;
 * we do not. So @lenient, decoded from the same ring with EMPTY turned into an
 * unknown status, must equal the fixture, and each row of @t must be that row
 * less its EMPTY slots; a row of nothing else is gone.
 */
static void
assert_empty_slots_left_out (
    const VyreTelemetry *t, const VyreTelemetry *lenient)
{
  gsize i, k, row = 0;

  for (i = 0; i < lenient->n_windows; i++) {
    VyreWindowSnapshot w = lenient->windows[i];
    guint members = 0;

    for (k = 0; k < t->n_slots; k++) {
      const VyreSlotSnapshot *slot = &t->slots[k];

      if (is_empty_slot_of (slot, &w)) {
        w.required -= slot->args[1] == 0;
        w.lookahead -= slot->args[1] == 1;
      } else if (slot->opcode == w.opcode && slot->args[0] == w.ticket) {
        if (members++ == 0)
          w.tenant = slot->tenant;
      }
    }
    if (members == 0)
      continue;
    g_assert_cmpuint (row, <, t->n_windows);
    g_assert_cmpmem (&t->windows[row], sizeof w, &w, sizeof w);
    row++;
  }
  g_assert_cmpuint (row, ==, t->n_windows);
}

static void
assert_sketch (const VyreSketch *sketch, JsonObject *wanted)
{
  JsonArray *counters = fixture_array (wanted, "counters");
  guint i;

  g_assert_cmpuint (sketch->depth, ==, fixture_u32 (wanted, "depth"));
  g_assert_cmpuint (sketch->width, ==, fixture_u32 (wanted, "width"));
  g_assert_cmpuint (
      json_array_get_length (counters), ==, sketch->depth * sketch->width);
  for (i = 0; i < json_array_get_length (counters); i++)
    g_assert_cmpuint (sketch->counters[i], ==, fixture_at (counters, i));
}

static void
assert_sketches (const VyreTelemetry *t, JsonArray *wanted)
{
  VyreSketchTelemetry s = VYRE_SKETCH_TELEMETRY_INIT;
  guint i, k;

  g_assert_cmpuint (json_array_get_length (wanted), >, 0);
  for (i = 0; i < json_array_get_length (wanted); i++) {
    JsonObject *want = json_array_get_object_element (wanted, i);
    JsonObject *first = fixture_object (want, "ring_opcode");
    JsonArray *estimates = fixture_array (want, "estimates");
    g_autoptr (GError) error = NULL;

    vyre_sketch_telemetry_build (&s, t, fixture_u32 (first, "depth"),
        fixture_u32 (first, "width"), &error);
    g_assert_no_error (error);
    assert_sketch (&s.ring_opcode, first);
    assert_sketch (&s.active_opcode, fixture_object (want, "active_opcode"));
    assert_sketch (&s.tenant, fixture_object (want, "tenant"));
    assert_sketch (&s.status, fixture_object (want, "status"));
    assert_sketch (
        &s.dispatch_metrics, fixture_object (want, "dispatch_metrics"));
    g_assert_cmpuint (s.total_slots, ==, fixture_u32 (want, "total_slots"));
    g_assert_cmpuint (s.active_slots, ==, fixture_u32 (want, "active_slots"));
    for (k = 0; k < json_array_get_length (estimates); k++) {
      JsonArray *pair = json_array_get_array_element (estimates, k);

      g_assert_cmpuint (
          vyre_sketch_estimate (&s.ring_opcode, fixture_at (pair, 0)), ==,
          fixture_at (pair, 1));
    }
  }
  vyre_sketch_telemetry_clear (&s);
}

static void
telemetry (gconstpointer name)
{
  g_autoptr (Fixture) fixture = fixture_open (name);
  VyreTelemetry t = VYRE_TELEMETRY_INIT, lenient = VYRE_TELEMETRY_INIT;
  g_autoptr (GByteArray) control = NULL;
  g_autoptr (GByteArray) ring = NULL;
  g_autofree guint32 *opcodes = NULL;
  g_autoptr (GError) error = NULL;
  VyreRingCounters counters;
  JsonObject *wanted;
  JsonArray *list;
  guint i, n;

  if (fixture == NULL)
    return;
  control = fixture_hex_member (fixture->root, "control_hex");
  ring = fixture_hex_member (fixture->root, "ring_hex");
  list = fixture_array (fixture->root, "window_opcodes");
  n = json_array_get_length (list);
  opcodes = g_new (guint32, n);
  for (i = 0; i < n; i++)
    opcodes[i] = fixture_at (list, i);
  wanted = fixture_object (fixture->root, "telemetry");

  vyre_telemetry_decode (&t, control->data, control->len, ring->data, ring->len,
      opcodes, n, &error);
  g_assert_no_error (error);
  assert_control (&t.control, fixture_object (wanted, "control"));
  assert_occupancy (&t.occupancy, fixture_object (wanted, "occupancy"));
  assert_slots (&t, fixture_array (wanted, "slots"));
  vyre_ring_counters (&counters, &t);
  assert_counters (
      &counters, fixture_object (fixture_object (wanted, "counters"), "ok"));
  assert_sketches (&t, fixture_array (fixture->root, "sketches"));

  for (i = 0; i < ring->len; i += VYRE_SLOT_BYTES) {
    if (memcmp (ring->data + i, "\0\0\0\0", 4) == 0)
      memset (ring->data + i, 0x7E, 4);
  }
  vyre_telemetry_decode (&lenient, control->data, control->len, ring->data,
      ring->len, opcodes, n, &error);
  g_assert_no_error (error);
  assert_windows (&lenient, wanted);
  assert_empty_slots_left_out (&t, &lenient);
  vyre_telemetry_clear (&t);
  vyre_telemetry_clear (&lenient);
}

static void
telemetry_errors (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("telemetry_errors");
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  VyreSketch sketch = VYRE_SKETCH_INIT;
  const guint8 bytes[1024] = { 0 };
  g_autoptr (GError) error = NULL;
  VyreRingCounters counters;
  JsonArray *cases;
  guint i;

  if (fixture == NULL)
    return;
  cases = fixture_array (fixture->root, "cases");
  g_assert_cmpuint (json_array_get_length (cases), >, 0);
  for (i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *entry = json_array_get_object_element (cases, i);

    g_assert_true (fixture_is_error (fixture_object (entry, "result")));
    g_assert_false (
        vyre_telemetry_decode (&t, bytes, fixture_u32 (entry, "control_bytes"),
            bytes, fixture_u32 (entry, "ring_bytes"), NULL, 0, &error));
    assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  }
  vyre_ring_counters (&counters, &t);
  assert_counters (
      &counters, fixture_object (
                     fixture_object (fixture->root, "default_counters"), "ok"));
  g_assert_true (
      fixture_is_error (fixture_object (fixture->root, "sketch_zero_depth")));
  g_assert_false (vyre_sketch_reset (&sketch, 0, 8, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_true (
      fixture_is_error (fixture_object (fixture->root, "sketch_zero_width")));
  g_assert_false (vyre_sketch_reset (&sketch, 8, 0, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
}

static void
fairness (void)
{
  g_autoptr (Fixture) fixture = fixture_open ("fairness_counters");
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  JsonArray *cases;
  guint i, k;

  if (fixture == NULL)
    return;
  cases = fixture_array (fixture->root, "cases");
  g_assert_cmpuint (json_array_get_length (cases), >, 0);
  for (i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *entry = json_array_get_object_element (cases, i);
    JsonArray *words = fixture_array (entry, "tenant_fairness");
    guint32 control[VYRE_CONTROL_MIN_WORDS] = { 0 };
    guint32 ring[VYRE_SLOT_WORDS] = { 0 };
    g_autoptr (GError) error = NULL;
    VyreRingCounters counters;

    for (k = 0; k < VYRE_TENANT_FAIRNESS_SLOTS; k++)
      control[VYRE_C_TENANT_FAIRNESS + k] = fixture_at (words, k);
    vyre_telemetry_decode (
        &t, control, sizeof control, ring, sizeof ring, NULL, 0, &error);
    g_assert_no_error (error);
    vyre_ring_counters (&counters, &t);
    assert_counters (
        &counters, fixture_object (fixture_object (entry, "counters"), "ok"));
  }
  vyre_telemetry_clear (&t);
}

static void
evidence (void)
{
  static const struct
  {
    const char *name;
    VyreEvidenceCoverage bit;
  } families[] = { { "ring", VYRE_EVIDENCE_RING },
    { "control", VYRE_EVIDENCE_CONTROL }, { "copy", VYRE_EVIDENCE_COPY },
    { "residency", VYRE_EVIDENCE_RESIDENCY } };
  g_autoptr (Fixture) fixture = fixture_open ("evidence");
  VyreRuntimeEvidence e;
  JsonArray *cases;
  guint i, k;

  if (fixture == NULL)
    return;
  g_assert_cmpuint (
      fixture_u32 (fixture->root, "schema_version"), ==, VYRE_EVIDENCE_SCHEMA);
  cases = fixture_array (fixture->root, "avoidance");
  g_assert_cmpuint (json_array_get_length (cases), >, 0);
  for (i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *entry = json_array_get_object_element (cases, i);

    vyre_evidence_init (&e);
    vyre_evidence_measure_copy (&e, fixture_u64_text (entry, "host_copy_bytes"),
        fixture_u64_text (entry, "host_copy_avoided_bytes"));
    g_assert_cmpuint (vyre_evidence_avoidance_bps (&e), ==,
        fixture_u32 (entry, "host_copy_avoidance_bps"));
    /* The original's constructor claims everything; ours what was measured. */
    g_assert_true (fixture_bool (entry, "is_complete"));
    g_assert_false (vyre_evidence_is_complete (&e));
    e.coverage = VYRE_EVIDENCE_ALL;
    g_assert_true (vyre_evidence_is_complete (&e));
  }

  cases = fixture_array (fixture->root, "coverage");
  g_assert_cmpuint (json_array_get_length (cases), ==, 16);
  for (i = 0; i < json_array_get_length (cases); i++) {
    JsonObject *entry = json_array_get_object_element (cases, i);
    JsonArray *wanted = fixture_array (entry, "missing");
    const char *missing[4];
    guint n;

    vyre_evidence_init (&e);
    for (k = 0; k < G_N_ELEMENTS (families); k++) {
      if (fixture_bool (entry, families[k].name))
        e.coverage |= families[k].bit;
    }
    n = vyre_evidence_missing (&e, missing);
    g_assert_cmpuint (n, ==, json_array_get_length (wanted));
    for (k = 0; k < n; k++)
      g_assert_cmpstr (
          missing[k], ==, json_array_get_string_element (wanted, k));
    g_assert_true (vyre_evidence_is_complete (&e) == (n == 0));
  }
}

/* No fixture goes unread. */
static void
all_files (void)
{
  static const char *const known[] = { "batch_publish", "byte_lengths",
    "constants", "count_done_slots", "debug_log_decode", "encode_control",
    "encode_control_hex", "encode_empty_ring", "evidence", "fairness_counters",
    "host_ring", "ring_misaligned", "telemetry_all_empty", "telemetry_errors",
    "telemetry_mixed_windows", "telemetry_single_published",
    "telemetry_windows_many", "telemetry_zero_slots", NULL };
  g_autofree char *folder = fixture_folder ();
  g_autoptr (GError) error = NULL;
  const char *name;
  guint n = 0;
  GDir *dir;

  if (folder == NULL) {
    g_test_skip ("VYRE_FIXTURES names no folder");
    return;
  }
  dir = g_dir_open (folder, 0, &error);
  g_assert_no_error (error);
  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *stem = g_strndup (name, strcspn (name, "."));

    if (!g_strv_contains (known, stem))
      g_error ("%s is tested by nothing", name);
    n++;
  }
  g_dir_close (dir);
  g_assert_cmpuint (n, ==, G_N_ELEMENTS (known) - 1);
}

int
main (int argc, char **argv)
{
  static const char *const snapshots[] = { "telemetry_all_empty",
    "telemetry_mixed_windows", "telemetry_single_published",
    "telemetry_windows_many", "telemetry_zero_slots" };
  guint i;

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/fixtures/constants", constants);
  g_test_add_func ("/fixtures/byte_lengths", byte_lengths);
  g_test_add_func ("/fixtures/encode_control", encode_control);
  g_test_add_func ("/fixtures/encode_control_hex", encode_control_hex);
  g_test_add_func ("/fixtures/encode_empty_ring", encode_empty_ring);
  g_test_add_func ("/fixtures/batch_publish", batch_publish);
  g_test_add_func ("/fixtures/ring_misaligned", ring_misaligned);
  g_test_add_func ("/fixtures/host_ring", host_ring);
  g_test_add_func ("/fixtures/count_done_slots", count_done);
  g_test_add_func ("/fixtures/debug_log_decode", debug_log);
  for (i = 0; i < G_N_ELEMENTS (snapshots); i++) {
    g_autofree char *path = g_strconcat ("/fixtures/", snapshots[i], NULL);

    g_test_add_data_func (path, snapshots[i], telemetry);
  }
  g_test_add_func ("/fixtures/telemetry_errors", telemetry_errors);
  g_test_add_func ("/fixtures/fairness_counters", fairness);
  g_test_add_func ("/fixtures/evidence", evidence);
  g_test_add_func ("/fixtures/all-files", all_files);
  return g_test_run ();
}
