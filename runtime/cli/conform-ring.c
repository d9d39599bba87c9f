/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Recordings of the ring: numbers, encoders, publishing, readers. */
#include "conform-runtime.h"

#include <stdio.h>
#include <string.h>

/* --- numbers and lengths ------------------------------------------------- */

static const struct
{
  const char *group, *name;
  guint32 value;
} constants[] = {
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

static void
expect_constant (ConformRecord *record, JsonObject *group, const char *of,
    const char *member)
{
  for (guint i = 0; i < G_N_ELEMENTS (constants); i++) {
    if (strcmp (constants[i].group, of) == 0 &&
        strcmp (constants[i].name, member) == 0) {
      conform_record_expect (record, group, member, constants[i].value);
      return;
    }
  }
  conform_record_differs (record, "%s is not known here", member);
}

static void
run_constants (ConformRecord *record)
{
  g_autoptr (GList) groups = json_object_get_members (record->root);
  guint n = 0;

  for (GList *g = groups; g; g = g->next) {
    JsonNode *node = json_object_get_member (record->root, g->data);
    g_autoptr (GList) members = NULL;
    JsonObject *group;

    if (!JSON_NODE_HOLDS_OBJECT (node))
      continue;
    group = json_node_get_object (node);
    members = json_object_get_members (group);
    for (GList *m = members; m; m = m->next, n++)
      expect_constant (record, group, g->data, m->data);
    conform_record_end (record, "%s", (char *) g->data);
  }
  /* None has been left out either. */
  conform_record_same (record, "numbers", n, G_N_ELEMENTS (constants));
}

static void
expect_length (ConformRecord *record, JsonObject *entry, const char *member,
    gboolean known, guint64 bytes)
{
  JsonNode *node = json_object_get_member (entry, member);

  if (node && json_node_is_null (node)) {
    if (known)
      conform_record_differs (
          record, "%s has a length, recorded is none", member);
  } else if (!known) {
    conform_record_differs (record, "%s has no length", member);
  } else {
    conform_record_expect (record, entry, member, bytes);
  }
}

static void
run_byte_lengths (ConformRecord *record)
{
  JsonArray *cases = conform_record_array (record, record->root, "cases");

  for (guint i = 0; i < conform_record_length (cases); i++) {
    JsonObject *entry = conform_record_object_at (record, cases, i);
    guint32 n = conform_record_u32 (record, entry, "n");
    guint64 bytes = 0;

    if (entry) {
      gboolean known = vyre_ring_control_bytes (n, &bytes);

      expect_length (record, entry, "control", known, bytes);
      known = vyre_ring_slot_bytes (n, &bytes);
      expect_length (record, entry, "ring", known, bytes);
      known = vyre_ring_debug_log_bytes (n, &bytes);
      expect_length (record, entry, "debug_log", known, bytes);
    }
    conform_record_end (record, "%u", i);
  }
}

/* --- encoders ------------------------------------------------------------ */

/* No recording that passes is longer. */
#define MAX_ENCODED (128 * 1024 * 1024)
#define GUARD 0x77777777u

/* Room for what an encoder writes, and a word that it must leave alone. None
 * for what has no length, or one that nobody would encode. */
static guint32 *
encoder_words (gboolean known, guint64 bytes, gsize *n_words)
{
  guint32 *words;

  *n_words = known && bytes <= MAX_ENCODED ? (gsize) (bytes / 4) : 0;
  words = g_new0 (guint32, *n_words + 1);
  words[*n_words] = GUARD;
  return words;
}

static void
expect_encoded (ConformRecord *record, JsonObject *result, gboolean ok,
    const GError *error, const guint32 *words, gsize n_words)
{
  if (words[n_words] != GUARD)
    conform_record_differs (record, "the word behind the end was written");
  if (conform_record_expect_result (record, result, ok, error))
    conform_record_expect_sparse (
        record, conform_record_object (record, result, "ok"), words, n_words);
}

static void
run_encode_control (ConformRecord *record)
{
  JsonArray *cases = conform_record_array (record, record->root, "cases");

  for (guint i = 0; i < conform_record_length (cases); i++) {
    JsonObject *entry = conform_record_object_at (record, cases, i);
    guint32 observables =
        conform_record_u32 (record, entry, "observable_slots");
    g_autofree guint32 *words = NULL;
    g_autoptr (GError) error = NULL;
    guint64 bytes = 0;
    gboolean known = vyre_ring_control_bytes (observables, &bytes);
    gsize n_words;
    gboolean ok;

    words = encoder_words (known, bytes, &n_words);
    ok = vyre_ring_encode_control (words, n_words,
        conform_record_boolean (record, entry, "shutdown"),
        conform_record_u32 (record, entry, "tenant_count"), observables,
        &error);
    expect_encoded (record, conform_record_object (record, entry, "result"), ok,
        error, words, n_words);
    conform_record_end (record, "%u", i);
  }
}

static void
run_encode_control_hex (ConformRecord *record)
{
  g_autoptr (GByteArray) wanted =
      conform_record_hex (record, record->root, "hex");
  guint32 observables =
      conform_record_u32 (record, record->root, "observable_slots");
  g_autofree guint32 *words = NULL;
  g_autoptr (GError) error = NULL;
  guint64 bytes = 0;
  gboolean known = vyre_ring_control_bytes (observables, &bytes);
  gsize n_words;

  words = encoder_words (known, bytes, &n_words);
  if (vyre_ring_encode_control (words, n_words,
          conform_record_boolean (record, record->root, "shutdown"),
          conform_record_u32 (record, record->root, "tenant_count"),
          observables, &error))
    conform_record_expect_words (record, wanted, words, n_words);
  else
    conform_record_differs (record, "failed: %s", error->message);
  conform_record_end (record, "bytes");
}

static void
run_encode_empty_ring (ConformRecord *record)
{
  JsonArray *cases = conform_record_array (record, record->root, "cases");

  for (guint i = 0; i < conform_record_length (cases); i++) {
    JsonObject *entry = conform_record_object_at (record, cases, i);
    guint32 slots = conform_record_u32 (record, entry, "slot_count");
    g_autofree guint32 *words = NULL;
    g_autoptr (GError) error = NULL;
    guint64 bytes = 0;
    gboolean known = vyre_ring_slot_bytes (slots, &bytes);
    gsize n_words;
    gboolean ok;

    words = encoder_words (known, bytes, &n_words);
    ok = vyre_ring_encode_empty (words, n_words, slots, &error);
    expect_encoded (record, conform_record_object (record, entry, "result"), ok,
        error, words, n_words);
    conform_record_end (record, "%u", i);
  }
}

/* --- publishing ---------------------------------------------------------- */

#define MAX_SLOTS 6

typedef struct
{
  guint32 ring[MAX_SLOTS * VYRE_SLOT_WORDS];
  gsize n_words;
  VyreRingWorkItem work[MAX_SLOTS]; /* of the last call that listed some */
  guint n_work;
} PublishState;

/* At most MAX_SLOTS of the items [[opcode, [args]], ...]. */
static guint
read_items (ConformRecord *record, JsonArray *list, VyreRingItem *items,
    guint32 args[][VYRE_ARGS_PER_SLOT])
{
  guint n = conform_record_length (list);

  if (n > MAX_SLOTS)
    conform_record_differs (record, "more items than this ring has slots");
  for (guint i = 0; i < MIN (n, MAX_SLOTS); i++) {
    JsonArray *item = conform_record_array_at (record, list, i);
    JsonArray *words = conform_record_array_at (record, item, 1);

    items[i].opcode = conform_record_u32_at (record, item, 0);
    items[i].args = args[i];
    items[i].n_args = MIN (conform_record_length (words), VYRE_ARGS_PER_SLOT);
    for (guint k = 0; k < items[i].n_args; k++)
      args[i][k] = conform_record_u32_at (record, words, k);
  }
  return MIN (n, MAX_SLOTS);
}

static void
read_work (ConformRecord *record, JsonArray *list, PublishState *state)
{
  guint n = conform_record_length (list);

  if (n > MAX_SLOTS)
    conform_record_differs (record, "more items than this ring has slots");
  state->n_work = MIN (n, MAX_SLOTS);
  for (guint i = 0; i < state->n_work; i++) {
    JsonArray *item = conform_record_array_at (record, list, i);

    state->work[i] =
        (VyreRingWorkItem){ conform_record_u32_at (record, item, 0),
          conform_record_u32_at (record, item, 1),
          conform_record_u32_at (record, item, 2),
          conform_record_u32_at (record, item, 3) };
  }
}

static void
publish_batch (ConformRecord *record, JsonArray *call, JsonObject *result,
    PublishState *state)
{
  guint32 args[MAX_SLOTS][VYRE_ARGS_PER_SLOT];
  VyreRingItem items[MAX_SLOTS];
  guint n = read_items (
      record, conform_record_array_at (record, call, 3), items, args);
  g_autoptr (GError) error = NULL;
  guint32 used = 0;
  gboolean ok = vyre_ring_publish_batch (state->ring, state->n_words,
      conform_record_u32_at (record, call, 1),
      conform_record_u32_at (record, call, 2), items, n,
      conform_record_u32_at (record, call, 4), &used, &error);

  if (conform_record_expect_result (record, result, ok, error))
    conform_record_expect (record, result, "ok", used);
  else
    conform_record_same (record, "slots used", 0, used);
}

/* FALSE when the ring was left alone. */
static gboolean
encode_work (ConformRecord *record, JsonArray *call, JsonObject *result,
    PublishState *state)
{
  guint32 slots = conform_record_u32_at (record, call, 1);
  gsize n_words = (gsize) MIN (slots, MAX_SLOTS) * VYRE_SLOT_WORDS;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  read_work (record, conform_record_array_at (record, call, 3), state);
  ok = vyre_ring_encode_work_items (state->ring, n_words,
      conform_record_u32_at (record, call, 2), state->work, state->n_work,
      &error);
  conform_record_expect_result (record, result, ok, error);
  if (ok)
    state->n_words = n_words;
  return ok;
}

static void
publish_work (ConformRecord *record, JsonArray *call, JsonObject *result,
    PublishState *state)
{
  guint n = 2; /* "first two items" */
  g_autoptr (GError) error = NULL;
  gboolean ok;

  if (conform_record_length (call) > 3 &&
      JSON_NODE_HOLDS_ARRAY (json_array_get_element (call, 3))) {
    read_work (record, conform_record_array_at (record, call, 3), state);
    n = state->n_work;
  }
  n = MIN (n, state->n_work);
  ok = vyre_ring_publish_work_items (state->ring, state->n_words,
      conform_record_u32_at (record, call, 1),
      conform_record_u32_at (record, call, 2), state->work, n, &error);
  if (conform_record_expect_result (record, result, ok, error))
    conform_record_expect (record, result, "ok", n);
}

static void
expect_ring (ConformRecord *record, JsonObject *step, const PublishState *state)
{
  if (step && json_object_has_member (step, "ring_words")) {
    JsonArray *words = conform_record_array (record, step, "ring_words");

    conform_record_same (
        record, "words", conform_record_length (words), state->n_words);
    for (guint i = 0; i < MIN (conform_record_length (words), state->n_words);
         i++)
      conform_record_same (record, "a word",
          conform_record_u32_at (record, words, i), state->ring[i]);
  } else {
    g_autoptr (GByteArray) wanted =
        conform_record_hex (record, step, "ring_hex");

    conform_record_expect_words (record, wanted, state->ring, state->n_words);
  }
}

static void
run_batch_publish (ConformRecord *record)
{
  JsonArray *steps = conform_record_array (record, record->root, "steps");
  PublishState state = { .n_words = MAX_SLOTS * VYRE_SLOT_WORDS };

  for (guint i = 0; i < conform_record_length (steps); i++) {
    JsonObject *step = conform_record_object_at (record, steps, i);
    JsonArray *call = conform_record_array (record, step, "call");
    JsonObject *result = conform_record_object (record, step, "result");
    const char *name = conform_record_string_at (record, call, 0);
    PublishState before = state;
    gboolean kept = FALSE;

    if (g_strcmp0 (name, "batch_publish") == 0)
      publish_batch (record, call, result, &state);
    else if (g_strcmp0 (name, "publish_work_items") == 0)
      publish_work (record, call, result, &state);
    else if (name && g_str_has_prefix (name, "encode_work_items_ring"))
      kept = !encode_work (record, call, result, &state);
    else
      conform_record_differs (record, "is not known here");
    /* A refused encoding leaves the original's ring empty, and ours as it
     * was: for that it is enough to look at our own. */
    if (kept && memcmp (before.ring, state.ring, sizeof state.ring) != 0)
      conform_record_differs (record, "a refused encoding changed the ring");
    if (!kept)
      expect_ring (record, step, &state);
    conform_record_end (record, "%u-%s", i, name ? name : "");
  }
}

static void
run_ring_misaligned (ConformRecord *record)
{
  guint32 ring[VYRE_SLOT_WORDS + 1] = { 0 };
  g_autoptr (GError) error = NULL;
  gboolean ok = vyre_ring_publish_slot (
      ring, G_N_ELEMENTS (ring), 0, 0, 8, NULL, 0, &error);

  conform_record_expect_result (record,
      conform_record_object (record, record->root, "result"), ok, error);
  for (guint i = 0; i < G_N_ELEMENTS (ring); i++)
    conform_record_same (record, "a word", 0, ring[i]);
  conform_record_end (record, "publish");
}

/* --- transport of slots -------------------------------------------------- */

#define HOST_SLOTS 3

/* What the entry [TEXT, result, ...] says was done. */
static void
replay (ConformRecord *record, JsonArray *entry, const char *text,
    guint32 ring[HOST_SLOTS * VYRE_SLOT_WORDS])
{
  const gsize n_words = HOST_SLOTS * VYRE_SLOT_WORDS;
  JsonObject *result = conform_record_object_at (record, entry, 1);
  guint32 slot[VYRE_SLOT_WORDS];
  g_autoptr (GError) error = NULL;
  guint32 done = 0;
  guint index = 0, bytes = VYRE_SLOT_BYTES;
  gboolean ok;

  vyre_ring_encode_load_miss (5, TRUE, slot);
  if (g_str_has_prefix (text, "try_done_count")) {
    ring[0] = ring[2 * VYRE_SLOT_WORDS] = VYRE_ST_DONE;
    ok = vyre_ring_count_done (ring, n_words * 4, HOST_SLOTS, &done, &error);
    if (conform_record_expect_result (record, result, ok, error))
      conform_record_expect (record, result, "ok", done);
  } else if (sscanf (text, "publish %u with %u", &index, &bytes) >= 1) {
    ok = vyre_ring_write_slot (
        ring, n_words, index, slot, MIN (bytes, VYRE_SLOT_BYTES), &error);
    conform_record_expect_result (record, result, ok, error);
  } else if (sscanf (text, "read_slot %u", &index) == 1) {
    memset (slot, 0xFF, sizeof slot);
    ok = vyre_ring_read_slot (ring, n_words, index, slot, sizeof slot, &error);
    if (conform_record_expect_result (record, result, ok, error)) {
      g_autoptr (GByteArray) wanted = conform_record_hex_at (record, entry, 2);

      conform_record_expect_words (record, wanted, slot, VYRE_SLOT_WORDS);
    }
  } else {
    conform_record_differs (record, "is not known here");
  }
}

static void
run_host_ring (ConformRecord *record)
{
  JsonArray *log = conform_record_array (record, record->root, "log");
  guint32 ring[HOST_SLOTS * VYRE_SLOT_WORDS] = { 0 };
  g_autoptr (GByteArray) wanted =
      conform_record_hex (record, record->root, "ring_hex");

  for (guint i = 0; i < conform_record_length (log); i++) {
    JsonArray *entry = conform_record_array_at (record, log, i);
    const char *text = conform_record_string_at (record, entry, 0);

    /* What the original calls its object has no counterpart. */
    if (g_strcmp0 (text, "name") == 0)
      continue;
    replay (record, entry, text ? text : "", ring);
    conform_record_end (record, "%u", i);
  }
  conform_record_expect_words (record, wanted, ring, G_N_ELEMENTS (ring));
  conform_record_end (record, "ring");
}

/* --- readers ------------------------------------------------------------- */

static void
run_count_done (ConformRecord *record)
{
  JsonArray *cases = conform_record_array (record, record->root, "cases");
  g_autoptr (GByteArray) ring =
      conform_record_hex (record, record->root, "ring_hex");
  g_autoptr (GError) error = NULL;
  guint32 count;
  gboolean ok;

  for (guint i = 0; i < conform_record_length (cases); i++) {
    JsonObject *entry = conform_record_object_at (record, cases, i);
    JsonObject *result = conform_record_object (record, entry, "result");
    g_autoptr (GError) local = NULL;

    ok = vyre_ring_count_done (ring->data, ring->len,
        conform_record_u32 (record, entry, "item_count"), &count, &local);
    if (conform_record_expect_result (record, result, ok, local))
      conform_record_expect (record, result, "ok", count);
    conform_record_end (record, "%u", i);
  }
  ok =
      vyre_ring_count_done (ring->data, MIN (ring->len, 10), 1, &count, &error);
  conform_record_expect_result (record,
      conform_record_object (record, record->root, "misaligned"), ok, error);
  conform_record_end (record, "misaligned");
}

static void
expect_records (ConformRecord *record, JsonArray *wanted, const GArray *records)
{
  conform_record_same (
      record, "records", conform_record_length (wanted), records->len);
  for (guint i = 0; i < MIN (conform_record_length (wanted), records->len);
       i++) {
    JsonObject *want = conform_record_object_at (record, wanted, i);
    JsonArray *args = conform_record_array (record, want, "args");
    const VyreRingDebugRecord *got =
        &g_array_index (records, VyreRingDebugRecord, i);

    conform_record_expect (record, want, "fmt_id", got->format);
    for (guint k = 0; k < G_N_ELEMENTS (got->args); k++)
      conform_record_same (record, "an argument",
          conform_record_u32_at (record, args, k), got->args[k]);
  }
}

/* A cursor beyond the end makes the original give up the log. Here the records
 * that it holds are read, and those that are lost are counted: that there are
 * some stands for the recorded error. */
static void
run_debug_log (ConformRecord *record)
{
  JsonArray *cases = conform_record_array (record, record->root, "cases");
  g_autoptr (GArray) records =
      g_array_new (FALSE, FALSE, sizeof (VyreRingDebugRecord));

  for (guint i = 0; i < conform_record_length (cases); i++) {
    JsonObject *entry = conform_record_object_at (record, cases, i);
    JsonObject *strict = conform_record_object (record, entry, "strict");
    const char *name = conform_record_string (record, entry, "name");
    g_autoptr (GByteArray) log = conform_record_hex (record, entry, "hex");
    const char *text = strict && json_object_has_member (strict, "error")
                           ? conform_record_string (record, strict, "error")
                           : NULL;
    g_autoptr (GError) error = NULL;
    guint32 dropped = 0;
    gboolean ok = vyre_ring_read_debug_log (
        log->data, log->len, records, &dropped, &error);

    if (ok && text && strstr (text, "within the encoded record capacity")) {
      gsize kept = (log->len / 4 - VYRE_D_RECORDS) / VYRE_D_RECORD_WORDS;

      if (dropped == 0)
        conform_record_differs (record, "no lost record was reported");
      conform_record_same (record, "records kept", kept, records->len);
    } else if (conform_record_expect_result (record, strict, ok, error)) {
      conform_record_same (record, "records lost", 0, dropped);
      expect_records (
          record, conform_record_array (record, strict, "ok"), records);
      conform_record_expect (record, entry, "lossy_count", records->len);
    }
    conform_record_end (record, "%s", name ? name : "");
  }
}

const ConformRuntimeFile conform_ring_files[] = {
  { "batch_publish", run_batch_publish },
  { "byte_lengths", run_byte_lengths },
  { "constants", run_constants },
  { "count_done_slots", run_count_done },
  { "debug_log_decode", run_debug_log },
  { "encode_control", run_encode_control },
  { "encode_control_hex", run_encode_control_hex },
  { "encode_empty_ring", run_encode_empty_ring },
  { "host_ring", run_host_ring },
  { "ring_misaligned", run_ring_misaligned },
  { NULL, NULL },
};
