/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Builtin opcodes: windows whose slots say themselves what to do. */

#include "engine-private.h"

#include <string.h>

/* Of a level's slots: what one call may publish. */
#define LEVEL_SHARE 4
#define NO_FENCE NULL

/* --- means ---------------------------------------------------------------------- */

/* Lock held. A word of the tenant's row in the table of tenants. */
static void
poke_row (VyreRuntime *runtime, guint32 id, guint array, guint32 value)
{
  vyre_poke (runtime->control, VYRE_CONTROL_TABLE + array + id, value);
}

/* Lock held. The kernel reads what is about to change word by word. */
static gboolean
check_idle (VyreTenant *tenant, GError **error)
{
  vyre_runtime_reap (tenant->runtime);
  if (tenant->runtime->uses[tenant->id].windows == 0)
    return TRUE;
  g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY,
      "tenant %u has %u windows in flight; wait for their end", tenant->id,
      tenant->runtime->uses[tenant->id].windows);
  return FALSE;
}

/* Lock held. */
static void
give_observables (VyreRuntime *runtime, guint32 id)
{
  VyreTenantUse *use = &runtime->uses[id];

  for (guint i = 0; i < use->n_observables; i++)
    runtime->observable_taken[use->observable_first - VYRE_C_OBSERVABLE + i] =
        FALSE;
  use->observable_first = use->n_observables = 0;
  poke_row (runtime, id, VYRE_T_OBSERVABLE_FIRST, 0);
  poke_row (runtime, id, VYRE_T_OBSERVABLE_COUNT, 0);
}

/* Lock held. FALSE: no n in a row are free. */
static gboolean
find_observables (VyreRuntime *runtime, guint n, guint *first)
{
  guint run = 0;

  for (guint i = 0; i < VYRE_CONTROL_OBSERVABLES; i++) {
    run = runtime->observable_taken[i] ? 0 : run + 1;
    if (run == n) {
      *first = i + 1 - n;
      return TRUE;
    }
  }
  return FALSE;
}

/* Lock held. */
static gboolean
take_observables (VyreTenant *tenant, guint n, GError **error)
{
  VyreRuntime *runtime = tenant->runtime;
  VyreTenantUse *use = &runtime->uses[tenant->id];
  guint first;

  if (!check_idle (tenant, error))
    return FALSE;
  give_observables (runtime, tenant->id);
  if (n == 0)
    return TRUE;
  if (!find_observables (runtime, n, &first)) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "no %u observables in a row are free of %u; ask for fewer, or let "
        "other tenants give theirs back",
        n, VYRE_CONTROL_OBSERVABLES - 1);
    return FALSE;
  }
  use->observable_first = VYRE_C_OBSERVABLE + first;
  use->n_observables = n;
  for (guint i = 0; i < n; i++) {
    runtime->observable_taken[first + i] = TRUE;
    vyre_poke (runtime->control, use->observable_first + i, 0);
  }
  poke_row (
      runtime, tenant->id, VYRE_T_OBSERVABLE_FIRST, use->observable_first);
  poke_row (runtime, tenant->id, VYRE_T_OBSERVABLE_COUNT, n);
  vyre_ring_store_fence ();
  vyre_replay_note_zeroed (runtime, use->observable_first, n);
  return TRUE;
}

gboolean
vyre_tenant_set_observables (
    VyreTenant *tenant, guint n, guint32 *first, GError **error)
{
  VyreRuntime *runtime = tenant->runtime;

  g_mutex_lock (&runtime->lock);
  gboolean ok = take_observables (tenant, n, error);
  if (ok && first != NULL)
    *first = runtime->uses[tenant->id].observable_first;
  vyre_runtime_unlock (runtime);
  return ok;
}

void
vyre_tenant_read_observables (
    VyreTenant *tenant, guint32 first, guint n, guint32 *words)
{
  g_return_if_fail (
      first <= VYRE_CONTROL_TABLE && n <= VYRE_CONTROL_TABLE - first);
  for (guint i = 0; i < n; i++)
    words[i] = vyre_peek (tenant->runtime->control, first + i);
}

/* Lock held. */
static void
poke_table (VyreRuntime *runtime, guint32 id, VyreBlock *block, guint n_states)
{
  guint64 address =
      block != NULL ? runtime->code_memory->address + block->offset : 0;

  runtime->uses[id].table = block;
  runtime->uses[id].n_states = n_states;
  runtime->uses[id].table_serial = ++runtime->n_tables;
  poke_row (runtime, id, VYRE_T_TABLE_STATES, n_states);
  poke_row (runtime, id, VYRE_T_TABLE_LO, (guint32) address);
  poke_row (runtime, id, VYRE_T_TABLE_HI, (guint32) (address >> 32));
  vyre_ring_store_fence ();
}

gboolean
vyre_tenant_set_table (
    VyreTenant *tenant, const guint32 *words, guint n_states, GError **error)
{
  VyreRuntime *runtime = tenant->runtime;
  gsize bytes = (gsize) n_states * 256 * 4;
  VyreBlock *block = NULL;

  if (n_states > 0) {
    block = bytes <= vyre_arena_get_size (runtime->code_arena)
                ? vyre_arena_alloc (runtime->code_arena, bytes)
                : NULL;
    if (block == NULL) {
      g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
          "no room for a table of %u states (%" G_GSIZE_FORMAT
          " bytes) among the programs; use fewer, or release programs",
          n_states, bytes);
      return FALSE;
    }
    memcpy (block->data, words, bytes);
    vyre_ring_store_fence ();
  }
  g_mutex_lock (&runtime->lock);
  gboolean ok = check_idle (tenant, error);
  if (ok) {
    VyreBlock *before = runtime->uses[tenant->id].table;

    poke_table (runtime, tenant->id, block, n_states);
    block = before;
  }
  vyre_runtime_unlock (runtime);
  if (block != NULL)
    vyre_block_unref (block);
  return ok;
}

void
vyre_tenant_drop_means (VyreRuntime *runtime, guint32 id)
{
  VyreBlock *table = runtime->uses[id].table;

  give_observables (runtime, id);
  poke_table (runtime, id, NULL, 0);
  if (table != NULL)
    vyre_block_unref (table);
  vyre_tenant_drop_resources (runtime, id);
}

/* --- publishing ------------------------------------------------------------------ */

static VyreWindow *
window_new (VyreTenant *tenant, guint n_items)
{
  VyreWindow *window = g_new0 (VyreWindow, 1);

  window->refs = 1;
  window->link.data = window;
  window->runtime = vyre_runtime_ref (tenant->runtime);
  window->tenant = tenant->id;
  window->tenant_serial = tenant->serial;
  window->n_items = n_items;
  window->items = g_malloc0_n (n_items, sizeof *window->items);
  window->results = g_new0 (VyreItemResult, n_items);
  return window;
}

static void
set_item (VyreWindow *window, guint i, guint32 opcode, const guint32 *args,
    guint n_args)
{
  window->items[i][0] = opcode;
  if (n_args > 0)
    memcpy (window->items[i] + 1, args, n_args * 4);
}

/* As the protocol's publisher does, for what the kernel runs. */
static gboolean
check_item (const VyreRingItem *item, GError **error)
{
  if (!vyre_ring_opcode_is_builtin (item->opcode)) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_UNSUPPORTED,
        "opcode 0x%08x: not a builtin. Fix: publish builtins here, and "
        "programs as windows.",
        item->opcode);
    return FALSE;
  }
  if (item->n_args > VYRE_ARGS_PER_SLOT) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_INVALID_ARGUMENT,
        "opcode 0x%08x: %u arguments. Fix: pass at most %u words per slot.",
        item->opcode, item->n_args, VYRE_ARGS_PER_SLOT);
    return FALSE;
  }
  return TRUE;
}

static void
write_slots (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;
  const VyreLevel *level = &runtime->levels[window->level];

  for (guint i = 0; i < window->n_items; i++) {
    guint64 sequence = window->first_sequence + i;
    guint at = level->first + (guint) (sequence & (level->slots - 1));
    guint32 *slot = runtime->shadow + at * VYRE_SLOT_WORDS;

    slot[VYRE_W_STATUS] = VYRE_ST_PUBLISHED;
    slot[VYRE_W_OPCODE] = window->items[i][0];
    slot[VYRE_W_TENANT] = window->tenant;
    slot[VYRE_W_PRIORITY] = window->level;
    memcpy (slot + VYRE_W_ARG0, window->items[i] + 1, VYRE_ARGS_PER_SLOT * 4);
    vyre_poke (
        runtime->door, VYRE_DOOR_SEQUENCES + at, (guint32) (sequence + 1));
    runtime->owners[at] = window;
    runtime->publishing[runtime->n_publishing++] = at;
  }
}

/* Lock held. */
static gboolean
enqueue (VyreWindow *window, GError **error)
{
  VyreRuntime *runtime = window->runtime;
  guint number = runtime->uses[window->tenant].level;
  VyreLevel *level = &runtime->levels[number];
  guint64 first;

  if (window->n_items > level->slots / LEVEL_SHARE) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "%u slots in one go, %u of the level's %u are allowed; publish fewer",
        window->n_items, level->slots / LEVEL_SHARE, level->slots);
    return FALSE;
  }
  if (!vyre_level_find_room (window, level, window->n_items, &first, error))
    return FALSE;
  window->kernel = runtime->builtins;
  vyre_window_take_off (
      window, number, first, window->n_items, g_get_monotonic_time ());
  write_slots (window);
  vyre_window_note_published (window);
  return TRUE;
}

/* Takes the window over. */
static VyreWindow *
publish (VyreWindow *window, GError **error)
{
  VyreRuntime *runtime = window->runtime;
  gboolean ok = vyre_runtime_need_builtins (runtime, error) != NULL;

  if (ok) {
    vyre_replay_note_publishing_builtins (window);
    g_mutex_lock (&runtime->lock);
    ok = enqueue (window, error);
    for (guint i = 0; ok && i < window->n_items; i++) {
      runtime->n_asking += window->items[i][0] == VYRE_OP_LOAD_MISS;
      if (window->items[i][0] == VYRE_OP_PRINTF && runtime->log == NULL)
        runtime->log = g_new (VyreLogRecord, VYRE_LOG_KEPT);
    }
    vyre_runtime_ring_bell (runtime);
    vyre_runtime_unlock (runtime);
  }
  if (!ok)
    g_clear_pointer (&window, vyre_window_unref);
  return window;
}

static VyreWindow *
publish_items (VyreTenant *tenant, const VyreRingItem *items, guint n_items,
    const guint32 *tag, GError **error)
{
  if (n_items == 0 && tag == NO_FENCE) {
    g_set_error_literal (error, VYRE_RING_ERROR,
        VYRE_RING_ERROR_INVALID_ARGUMENT,
        "publish: no items. Fix: pass one at least.");
    return NULL;
  }
  for (guint i = 0; i < n_items; i++) {
    if (!check_item (&items[i], error))
      return NULL;
  }
  if (n_items >= tenant->runtime->slots) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "%u items, the ring has %u slots; publish fewer", n_items,
        tenant->runtime->slots);
    return NULL;
  }
  VyreWindow *window = window_new (tenant, n_items + (tag != NO_FENCE));
  for (guint i = 0; i < n_items; i++)
    set_item (window, i, items[i].opcode, items[i].args, items[i].n_args);
  if (tag != NO_FENCE) {
    const guint32 fence[] = { n_items, *tag };

    set_item (
        window, n_items, VYRE_OP_BATCH_FENCE, fence, G_N_ELEMENTS (fence));
  }
  return publish (window, error);
}

VyreWindow *
vyre_tenant_publish (VyreTenant *tenant, const VyreRingItem *items,
    guint n_items, GError **error)
{
  return publish_items (tenant, items, n_items, NO_FENCE, error);
}

VyreWindow *
vyre_tenant_publish_batch (VyreTenant *tenant, const VyreRingItem *items,
    guint n_items, guint32 tag, GError **error)
{
  return publish_items (tenant, items, n_items, &tag, error);
}

VyreWindow *
vyre_tenant_publish_packed (VyreTenant *tenant, const VyreRingItem *items,
    guint n_items, GError **error)
{
  guint32 args[VYRE_ARGS_PER_SLOT], n_args;

  for (guint i = 0; i < n_items; i++) {
    if (!check_item (&items[i], error))
      return NULL;
  }
  if (!vyre_ring_pack (args, &n_args, items, n_items, error))
    return NULL;
  VyreWindow *window = window_new (tenant, 1);
  set_item (window, 0, VYRE_OP_PACKED_SLOT, args, n_args);
  return publish (window, error);
}

VyreWindow *
vyre_tenant_load (
    VyreTenant *tenant, guint32 number, gboolean prefetch, GError **error)
{
  const guint32 args[] = { number, prefetch ? 1 : 0 };
  VyreWindow *window = window_new (tenant, 1);

  set_item (window, 0, VYRE_OP_LOAD_MISS, args, G_N_ELEMENTS (args));
  return publish (window, error);
}

/* --- results --------------------------------------------------------------------- */

void
vyre_window_note_item (VyreWindow *window, guint item, const guint32 *record)
{
  VyreRuntime *runtime = window->runtime;
  guint32 opcode = window->items[item][0];

  window->results[item].code = record[VYRE_R_CODE];
  window->results[item].value = record[VYRE_R_ADDRESS];
  if (record[VYRE_R_STATUS] == VYRE_ST_DONE && opcode == VYRE_OP_SHUTDOWN)
    runtime->draining = TRUE;
  /* It has not come to asking. */
  if (opcode == VYRE_OP_LOAD_MISS && record[VYRE_R_CODE] == VYRE_FAULT_DENIED)
    runtime->n_asking--;
}

gboolean
vyre_window_get_item (VyreWindow *window, guint item, VyreItemResult *result)
{
  VyreWindowState state = vyre_window_state (window);

  if (item >= window->n_items ||
      (state != VYRE_WINDOW_DONE && state != VYRE_WINDOW_FAULT))
    return FALSE;
  *result = window->results[item];
  return TRUE;
}
