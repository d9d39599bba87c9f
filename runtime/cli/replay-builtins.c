/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "replay-builtins.h"

#include "engine/builtins.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* Words that are put right in one go. */
#define STORES 16
/* More than a resource gives is asked for, where less came than was wanted. */
#define BEYOND 4096

/* A record of the debug log. */
typedef struct
{
  guint32 words[3];
} Printed;

typedef struct
{
  const VyreReplayBuiltins *builtins;
  VyreBuiltinTenant tenant; /* with its table */
  GBytes *table, *loaded;
  gint64 end_time;
  /* What is found now. */
  VyreBuiltinOutcome *outcomes;
  guint32 control[VYRE_CONTROL_TABLE];
  GArray *printed;
  guint dropped; /* records that the log had no room for */
  gboolean loaded_differs;
} Play;

/* --- what is recorded ---------------------------------------------------------- */

ReplayBuiltinsKind
replay_builtins_kind (const VyreReplayEntry *entry)
{
  const VyreReplayBuiltins *builtins = entry->builtins;

  if (entry->flags & VYRE_REPLAY_SYSTEM)
    return REPLAY_BUILTINS_SYSTEM;
  for (guint i = 0; i < builtins->n_items; i++) {
    const VyreReplayItem *item = &builtins->items[i];
    VyreBuiltinTouch touch;

    /* Nobody is to be believed: on the ring, these would be run again. */
    vyre_builtin_touch (&builtins->tenant, item->slot, &touch);
    for (guint32 word = 0; word < VYRE_C_OBSERVABLE; word++) {
      if (vyre_word_set_has (&touch.writes, word) &&
          !vyre_replay_is_known_word (word))
        return REPLAY_BUILTINS_SYSTEM;
    }
    if (item->outcome.code == VYRE_FAULT_LOST)
      return REPLAY_BUILTINS_LOST;
    if (item->slot[0] == VYRE_OP_LOAD_MISS && builtins->has_resource &&
        item->outcome.code == VYRE_FAULT_IO)
      return REPLAY_BUILTINS_FILE;
  }
  return REPLAY_BUILTINS_COMPARABLE;
}

static gboolean
fits_control (const VyreBuiltinTenant *tenant)
{
  return tenant->n == 0 || (tenant->first > VYRE_C_OBSERVABLE &&
                               tenant->first < VYRE_CONTROL_TABLE &&
                               tenant->n <= VYRE_CONTROL_TABLE - tenant->first);
}

static gboolean
read_blobs (Play *play, ReplayFile *file, GError **error)
{
  const VyreReplayBuiltins *builtins = play->builtins;

  if (builtins->has_table) {
    play->table = replay_file_read_blob (file, builtins->table, error);
    if (play->table == NULL)
      return FALSE;
    play->tenant.table = g_bytes_get_data (play->table, NULL);
  }
  if (builtins->has_loaded) {
    play->loaded = replay_file_read_blob (file, builtins->loaded, error);
    if (play->loaded == NULL)
      return FALSE;
  }
  return TRUE;
}

static gboolean
check (const Play *play, GError **error)
{
  const VyreReplayBuiltins *builtins = play->builtins;
  const VyreBuiltinTenant *tenant = &play->tenant;
  guint64 table = play->table != NULL ? g_bytes_get_size (play->table) : 0;

  if ((tenant->rights & VYRE_TENANT_MAY_EXECUTE) == 0 ||
      !fits_control (tenant) || table != (guint64) tenant->n_states * 1024)
    goto damaged;
  for (guint i = 0; i < builtins->n_items; i++) {
    guint32 opcode = builtins->items[i].slot[0];

    if (vyre_builtin_name (opcode) == NULL ||
        (opcode == VYRE_OP_LOAD_MISS && builtins->n_items > 1))
      goto damaged;
  }
  return TRUE;

damaged:
  g_set_error_literal (error, VYRE_REPLAY_DATA_ERROR,
      VYRE_REPLAY_DATA_ERROR_DAMAGED,
      "what is recorded of builtins is nothing that a tenant publishes");
  return FALSE;
}

/* --- by the model -------------------------------------------------------------- */

static VyreBuiltinOutcome
load_by_model (const Play *play, const VyreReplayItem *item)
{
  const VyreReplayBuiltins *builtins = play->builtins;
  gsize size = play->loaded != NULL ? g_bytes_get_size (play->loaded) : 0;

  if (item->slot[2] != 0)
    return (VyreBuiltinOutcome){ VYRE_FAULT_NONE, 0 };
  if (!builtins->has_resource)
    return (VyreBuiltinOutcome){ VYRE_FAULT_IO, EBADF };
  return (VyreBuiltinOutcome){ VYRE_FAULT_NONE,
    (guint32) MIN (size, builtins->resource_length) };
}

static void
play_by_model (Play *play)
{
  const VyreReplayBuiltins *builtins = play->builtins;

  for (guint i = 0; i < builtins->n_words; i++)
    play->control[builtins->words[i].index] = builtins->words[i].before;
  for (guint i = 0; i < builtins->n_items; i++) {
    const VyreReplayItem *item = &builtins->items[i];
    VyreBuiltinOutcome *outcome = &play->outcomes[i];

    *outcome = vyre_builtin_run (&play->tenant, item->slot, play->control);
    if (outcome->code != VYRE_FAULT_NONE)
      continue;
    if (item->slot[0] == VYRE_OP_LOAD_MISS)
      *outcome = load_by_model (play, item);
    if (item->slot[0] == VYRE_OP_PRINTF)
      g_array_append_vals (play->printed, item->slot + 1, 1);
  }
}

/* --- on the ring --------------------------------------------------------------- */

/* Whoever is there puts words right, keeps observables that are not wanted, and
 * publishes as was published. */
typedef struct
{
  VyreRuntime *runtime;
  VyreTenant *setter, *filler, *player;
  VyreBlock *block; /* of the resource */
} Stage;

static void
stage_clear (Stage *stage)
{
  vyre_tenant_free (stage->player);
  vyre_tenant_free (stage->filler);
  vyre_tenant_free (stage->setter);
  if (stage->block != NULL)
    vyre_block_unref (stage->block);
}

/* Takes the window. */
static gboolean
wait_for (const Play *play, VyreWindow *window, GError **error)
{
  VyreWindowState state;

  if (window == NULL)
    return FALSE;
  state = vyre_window_wait (window, play->end_time, NULL);
  vyre_window_unref (window);
  if (state == VYRE_WINDOW_DONE || state == VYRE_WINDOW_FAULT)
    return TRUE;
  if (state == VYRE_WINDOW_RUNNING)
    g_set_error_literal (error, CLI_SESSION_ERROR, CLI_SESSION_ERROR_TIMEOUT,
        "the builtins did not end in time");
  else
    g_set_error_literal (
        error, CLI_SESSION_ERROR, CLI_SESSION_ERROR_LOST, "the runtime failed");
  return FALSE;
}

/* Observables are given out from the first on. */
static gboolean
place_observables (const Play *play, Stage *stage, GError **error)
{
  const VyreBuiltinTenant *tenant = &play->tenant;
  guint32 first;

  if (tenant->n == 0)
    return TRUE;
  if (!vyre_tenant_set_observables (
          stage->filler, tenant->first - VYRE_C_OBSERVABLE - 1, NULL, error) ||
      !vyre_tenant_set_observables (stage->player, tenant->n, &first, error))
    return FALSE;
  if (first == tenant->first)
    return TRUE;
  g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
      "the tenant had %u observables from word %u on; it is given those from "
      "word %u on",
      tenant->n, tenant->first, first);
  return FALSE;
}

static gboolean
store (const Play *play, Stage *stage, const guint32 (*stores)[2], guint n,
    GError **error)
{
  VyreRingItem items[STORES];

  for (guint i = 0; i < n; i++)
    items[i] = (VyreRingItem){ VYRE_OP_STORE_U32, stores[i], 2 };
  return n == 0 ||
         wait_for (
             play, vyre_tenant_publish (stage->setter, items, n, error), error);
}

static gboolean
set_words (const Play *play, Stage *stage, GError **error)
{
  const VyreReplayBuiltins *builtins = play->builtins;
  guint32 stores[STORES][2];
  guint n = 0;

  for (guint i = 0; i < builtins->n_words; i++) {
    const VyreReplayWord *word = &builtins->words[i];
    guint32 now;

    vyre_tenant_read_observables (stage->setter, word->index, 1, &now);
    if (now == word->before)
      continue;
    stores[n][0] = word->before;
    stores[n++][1] = word->index;
    if (n < STORES)
      continue;
    if (!store (play, stage, stores, n, error))
      return FALSE;
    n = 0;
  }
  return store (play, stage, stores, n, error);
}

static gboolean
stage_init (const Play *play, Stage *stage, GError **error)
{
  const VyreBuiltinTenant *tenant = &play->tenant;

  stage->setter = vyre_tenant_new (stage->runtime, "setter", error);
  if (stage->setter == NULL)
    return FALSE;
  stage->filler = vyre_tenant_new (stage->runtime, "filler", error);
  if (stage->filler == NULL)
    return FALSE;
  stage->player = vyre_tenant_new (stage->runtime, "player", error);
  if (stage->player == NULL)
    return FALSE;
  vyre_tenant_set_rights (
      stage->setter, VYRE_TENANT_MAY_EXECUTE | VYRE_TENANT_MAY_WRITE_CONTROL);
  /* What is allowed to shut down is not run again, but may be run wrongly. */
  vyre_tenant_set_rights (
      stage->player, tenant->rights & ~(guint32) VYRE_TENANT_MAY_SHUT_DOWN);
  return place_observables (play, stage, error) &&
         (tenant->n_states == 0 ||
             vyre_tenant_set_table (
                 stage->player, tenant->table, tenant->n_states, error)) &&
         set_words (play, stage, error);
}

/* For nobody else to read, as recordings are. */
static gboolean
write_file (GBytes *bytes, char **path, GError **error)
{
  gsize left = bytes != NULL ? g_bytes_get_size (bytes) : 0;
  const guint8 *at = left > 0 ? g_bytes_get_data (bytes, NULL) : NULL;
  int fd = g_file_open_tmp ("vyre-XXXXXX", path, error);

  if (fd < 0)
    return FALSE;
  while (left > 0) {
    gssize n = write (fd, at, left);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      goto failed;
    at += n;
    left -= (gsize) n;
  }
  close (fd);
  return TRUE;

failed:
  g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (errno),
      "%s: cannot be written: %s", *path, g_strerror (errno));
  close (fd);
  return FALSE;
}

/* A file with what was read then, under a number of its own. */
static gboolean
add_resource (const Play *play, Stage *stage, guint32 *number, GError **error)
{
  g_autofree char *path = NULL;
  gsize size = play->loaded != NULL ? g_bytes_get_size (play->loaded) : 0;
  gsize length = MIN (size + BEYOND, play->builtins->resource_length);
  gboolean ok;

  stage->block = vyre_arena_alloc (
      vyre_runtime_get_host_arena (stage->runtime), MAX (length, 4));
  if (stage->block == NULL) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "the arena has no room for %" G_GSIZE_FORMAT " bytes", length);
    return FALSE;
  }
  memset (stage->block->data, 0, stage->block->size);
  ok = write_file (play->loaded, &path, error) &&
       vyre_tenant_add_resource (
           stage->player, path, 0, length, stage->block, 0, number, error);
  if (path != NULL)
    g_unlink (path);
  return ok;
}

static VyreWindow *
publish (const Play *play, Stage *stage, GError **error)
{
  const VyreReplayBuiltins *builtins = play->builtins;
  g_autofree VyreRingItem *items = g_new (VyreRingItem, builtins->n_items);
  guint32 number = 0;

  if (builtins->items[0].slot[0] == VYRE_OP_LOAD_MISS) {
    if (builtins->has_resource && !add_resource (play, stage, &number, error))
      return NULL;
    return vyre_tenant_load (
        stage->player, number, builtins->items[0].slot[2] != 0, error);
  }
  for (guint i = 0; i < builtins->n_items; i++)
    items[i] = (VyreRingItem){ builtins->items[i].slot[0],
      builtins->items[i].slot + 1, VYRE_ARGS_PER_SLOT };
  return vyre_tenant_publish (stage->player, items, builtins->n_items, error);
}

static void
take_printed (Play *play, Stage *stage, guint64 next)
{
  VyreLogRecord record;

  while (vyre_runtime_read_log (stage->runtime, &next, &record, 1, NULL) > 0) {
    const guint32 words[] = { record.record.format, record.record.args[0],
      record.record.args[1] };

    if (record.tenant == vyre_tenant_get_id (stage->player))
      g_array_append_vals (play->printed, words, 1);
  }
}

static void
take_outcome (Play *play, Stage *stage, VyreWindow *window)
{
  const VyreReplayBuiltins *builtins = play->builtins;
  gsize size = play->loaded != NULL ? g_bytes_get_size (play->loaded) : 0;

  for (guint i = 0; i < builtins->n_items; i++) {
    VyreItemResult result = { 0 };

    vyre_window_get_item (window, i, &result);
    play->outcomes[i] = (VyreBuiltinOutcome){ result.code, result.value };
  }
  for (guint i = 0; i < builtins->n_words; i++) {
    guint32 index = builtins->words[i].index;

    vyre_tenant_read_observables (
        stage->setter, index, 1, &play->control[index]);
  }
  if (stage->block != NULL && size > 0 &&
      play->outcomes[0].code == VYRE_FAULT_NONE)
    play->loaded_differs =
        memcmp (stage->block->data, g_bytes_get_data (play->loaded, NULL),
            MIN (size, stage->block->size)) != 0;
}

static gboolean
play_on_stage (Play *play, Stage *stage, GError **error)
{
  g_autoptr (VyreWindow) window = NULL;
  guint32 dropped;
  guint64 next;

  if (!stage_init (play, stage, error))
    return FALSE;
  next = vyre_runtime_get_log_end (stage->runtime);
  dropped = vyre_runtime_get_log_dropped (stage->runtime);
  window = publish (play, stage, error);
  if (window == NULL || !wait_for (play, vyre_window_ref (window), error))
    return FALSE;
  take_outcome (play, stage, window);
  take_printed (play, stage, next);
  play->dropped = vyre_runtime_get_log_dropped (stage->runtime) - dropped;
  return TRUE;
}

/* --- comparing ------------------------------------------------------------------ */

static char *
outcome_text (const VyreBuiltinOutcome *outcome)
{
  return outcome->code == VYRE_FAULT_NONE
             ? g_strdup_printf ("yields 0x%08x", outcome->value)
             : g_strdup_printf ("fails (%s, address 0x%08x)",
                   vyre_fault_name (outcome->code), outcome->value);
}

static gboolean
is_same (const VyreReplayItem *item, const VyreBuiltinOutcome *now)
{
  if (item->outcome.code != now->code)
    return FALSE;
  if (item->outcome.code == VYRE_FAULT_NONE &&
      (item->marks & VYRE_REPLAY_UNORDERED) != 0)
    return TRUE;
  return item->outcome.value == now->value;
}

static char *
compare_items (const Play *play)
{
  for (guint i = 0; i < play->builtins->n_items; i++) {
    const VyreReplayItem *item = &play->builtins->items[i];
    g_autofree char *before = NULL, *now = NULL;

    if (is_same (item, &play->outcomes[i]))
      continue;
    before = outcome_text (&item->outcome);
    now = outcome_text (&play->outcomes[i]);
    return g_strdup_printf ("item %u (%s) differs: it %s then, it %s now", i,
        vyre_builtin_name (item->slot[0]), before, now);
  }
  return NULL;
}

static char *
compare_words (const Play *play)
{
  for (guint i = 0; i < play->builtins->n_words; i++) {
    const VyreReplayWord *word = &play->builtins->words[i];

    if ((word->marks & (VYRE_REPLAY_WRITTEN | VYRE_REPLAY_UNORDERED)) ==
            VYRE_REPLAY_WRITTEN &&
        play->control[word->index] != word->after)
      return g_strdup_printf ("word %u differs: 0x%08x then, 0x%08x now",
          word->index, word->after, play->control[word->index]);
  }
  return NULL;
}

/* Takes a record with these words away. */
static gboolean
take_record (GArray *printed, const guint32 words[3])
{
  for (guint k = 0; k < printed->len; k++) {
    const Printed *record = &g_array_index (printed, Printed, k);

    if (memcmp (record->words, words, sizeof record->words) != 0)
      continue;
    g_array_remove_index_fast (printed, k);
    return TRUE;
  }
  return FALSE;
}

static char *
compare_printed (Play *play)
{
  for (guint i = 0; i < play->builtins->n_items; i++) {
    const VyreReplayItem *item = &play->builtins->items[i];

    if ((item->marks & VYRE_REPLAY_PRINTED) == 0 ||
        take_record (play->printed, item->printed))
      continue;
    if (play->dropped == 0)
      return g_strdup_printf ("item %u (PRINTF) differs: the record %u, "
                              "0x%08x, 0x%08x then, no such record now",
          i, item->printed[0], item->printed[1], item->printed[2]);
    play->dropped--;
  }
  return NULL;
}

static char *
compare (Play *play)
{
  char *difference = compare_items (play);

  if (difference == NULL)
    difference = compare_words (play);
  if (difference == NULL)
    difference = compare_printed (play);
  if (difference == NULL && play->loaded_differs)
    difference = g_strdup ("the bytes that were loaded differ");
  return difference;
}

/* --- all of it ------------------------------------------------------------------ */

static void
play_clear (Play *play)
{
  g_clear_pointer (&play->table, g_bytes_unref);
  g_clear_pointer (&play->loaded, g_bytes_unref);
  g_array_unref (play->printed);
  g_free (play->outcomes);
}

gboolean
replay_builtins_run (ReplayFile *file, CliSession *session,
    const VyreReplayEntry *entry, gint64 timeout, char **difference,
    GError **error)
{
  Play play = { .builtins = entry->builtins,
    .tenant = entry->builtins->tenant,
    .end_time = timeout > 0 ? g_get_monotonic_time () + timeout : G_MAXINT64,
    .printed = g_array_new (FALSE, FALSE, sizeof (Printed)),
    .outcomes = g_new0 (VyreBuiltinOutcome, entry->builtins->n_items) };
  gboolean ok = read_blobs (&play, file, error) && check (&play, error);

  if (ok && session == NULL) {
    play_by_model (&play);
  } else if (ok) {
    Stage stage = { .runtime = cli_session_get_runtime (session) };

    ok = play_on_stage (&play, &stage, error);
    stage_clear (&stage);
  }
  if (ok)
    *difference = compare (&play);
  play_clear (&play);
  return ok;
}

char *
replay_builtins_describe (const VyreReplayEntry *entry)
{
  const VyreReplayBuiltins *builtins = entry->builtins;
  const char *name = vyre_builtin_name (builtins->items[0].slot[0]);

  if (name == NULL)
    name = "no builtin";
  return builtins->n_items == 1
             ? g_strdup (name)
             : g_strdup_printf ("%s and %u more", name, builtins->n_items - 1);
}
