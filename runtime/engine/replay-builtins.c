/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Builtins on their way into a recording. What they use are words of the
 * control block, which the host knows to be still unless somebody in flight
 * uses them too. */

#include "engine-private.h"

#include <string.h>

/* --- publishing -------------------------------------------------------------- */

static VyreReplayCapture *
capture_new (VyreReplayWriter *writer, const VyreWindow *window)
{
  VyreReplayCapture *capture = g_new0 (VyreReplayCapture, 1);
  guint n = window->n_items;
  guint64 bytes = (guint64) n * sizeof (VyreReplayItem);

  capture->builtin = g_new0 (VyreReplayBuiltinCapture, 1);
  if (n <= VYRE_REPLAY_MAX_ITEMS &&
      vyre_replay_writer_reserve (writer, bytes)) {
    capture->held = bytes;
  } else {
    capture->entry.flags |= VYRE_REPLAY_INCOMPLETE;
    n = 1;
  }
  capture->entry.builtins = vyre_replay_builtins_new (n, 0);
  for (guint i = 0; i < n; i++)
    memcpy (capture->entry.builtins->items[i].slot, window->items[i],
        sizeof window->items[i]);
  return capture;
}

void
vyre_replay_note_publishing_builtins (VyreWindow *window)
{
  VyreReplayWriter *writer = g_atomic_pointer_get (&window->runtime->replay);

  if (writer != NULL)
    window->replay = capture_new (writer, window);
}

/* What it may do, and so what it uses. */
static void
take_means (VyreWindow *window)
{
  const VyreTenantUse *use = &window->runtime->uses[window->tenant];
  VyreReplayBuiltins *builtins = window->replay->entry.builtins;
  VyreReplayBuiltinCapture *builtin = window->replay->builtin;
  gboolean steps = FALSE;

  builtins->tenant = (VyreBuiltinTenant){
    .rights = use->rights,
    .first = use->observable_first,
    .n = use->n_observables,
    .n_states = use->n_states,
  };
  memset (&builtin->touch, 0, sizeof builtin->touch);
  for (guint i = 0; i < builtins->n_items; i++) {
    VyreBuiltinTouch touch;

    vyre_builtin_touch (&builtins->tenant, builtins->items[i].slot, &touch);
    vyre_word_set_join (&builtin->touch.reads, &touch.reads);
    vyre_word_set_join (&builtin->touch.writes, &touch.writes);
    steps |= vyre_builtin_has_op (builtins->items[i].slot, VYRE_OP_DFA_STEP);
  }
  g_clear_pointer (&builtin->table, vyre_block_unref);
  if (steps && use->table != NULL) {
    builtin->table = vyre_block_ref (use->table);
    builtin->table_serial = use->table_serial;
  }
  if (!steps)
    builtins->tenant.n_states = 0;
}

static void
take_resource (VyreWindow *window)
{
  VyreReplayBuiltins *builtins = window->replay->entry.builtins;
  const VyreResource *resource;

  if (window->items[0][0] != VYRE_OP_LOAD_MISS)
    return;
  resource = vyre_runtime_find_resource (
      window->runtime, window->items[0][1], window->tenant);
  builtins->has_resource = resource != NULL;
  builtins->resource_length = resource != NULL ? resource->length : 0;
}

/* The other one has not been recorded from its beginning on: it may use
 * anything. */
static void
race_unknown (VyreReplayBuiltinCapture *builtin)
{
  vyre_word_set_join (&builtin->raced, &builtin->touch.reads);
  vyre_word_set_join (&builtin->raced, &builtin->touch.writes);
}

/* Nobody can say which of two in flight comes first. One that has ended by now
 * did so before this one was there to be seen: with @reap, that is looked at. */
static void
mark_races (VyreWindow *window, gboolean reap)
{
  VyreReplayBuiltinCapture *builtin = window->replay->builtin;

  for (GList *l = window->runtime->windows.head; l != NULL;) {
    VyreWindow *other = l->data;
    VyreWordSet conflict;

    l = l->next;
    if (other == window || other->items == NULL)
      continue;
    if (other->replay == NULL) {
      if (!reap || !vyre_window_reap (other))
        race_unknown (builtin);
      continue;
    }
    vyre_builtin_conflict (
        &builtin->touch, &other->replay->builtin->touch, &conflict);
    if (vyre_word_set_is_empty (&conflict) ||
        (reap && vyre_window_reap (other)))
      continue;
    vyre_word_set_join (&builtin->raced, &conflict);
    vyre_word_set_join (&other->replay->builtin->raced, &conflict);
  }
}

static gboolean
keep_words (VyreWindow *window, const VyreReplayWord *words, guint n)
{
  VyreReplayCapture *capture = window->replay;
  VyreReplayBuiltins *builtins = capture->entry.builtins;
  guint64 before = builtins->n_words * sizeof *words;

  vyre_replay_writer_release (window->runtime->replay, before);
  capture->held -= before;
  g_clear_pointer (&builtins->words, g_free);
  builtins->n_words = 0;
  if (!vyre_replay_writer_reserve (window->runtime->replay, n * sizeof *words))
    return FALSE;
  capture->held += n * sizeof *words;
  builtins->words = g_memdup2 (words, n * sizeof *words);
  builtins->n_words = n;
  return TRUE;
}

/* About a microsecond each on a discrete GPU; most use two or three. */
static void
take_words (VyreWindow *window)
{
  VyreReplayCapture *capture = window->replay;
  const VyreBuiltinTouch *touch = &capture->builtin->touch;
  VyreReplayWord words[VYRE_CONTROL_TABLE];
  guint n = 0;

  for (guint32 i = 0; i < VYRE_CONTROL_TABLE; i++) {
    if (!vyre_word_set_has (&touch->reads, i) &&
        !vyre_word_set_has (&touch->writes, i))
      continue;
    if (!vyre_replay_is_known_word (i)) {
      capture->entry.flags |= VYRE_REPLAY_SYSTEM;
      n = 0;
      break;
    }
    words[n++] = (VyreReplayWord){ .index = i };
  }
  for (guint k = 0; k < n; k++)
    words[k].before = vyre_peek (window->runtime->control, words[k].index);
  if (!keep_words (window, words, n))
    capture->entry.flags |= VYRE_REPLAY_INCOMPLETE;
}

/* As everything is when it begins. */
static void
describe (VyreWindow *window, gboolean reap)
{
  VyreReplayCapture *capture = window->replay;
  VyreReplayBuiltinCapture *builtin = capture->builtin;

  capture->entry.flags &= ~VYRE_REPLAY_SYSTEM;
  memset (&builtin->raced, 0, sizeof builtin->raced);
  take_means (window);
  take_resource (window);
  /* Of which only the first slot is known. */
  if ((capture->entry.flags & VYRE_REPLAY_INCOMPLETE) != 0)
    memset (&builtin->touch, 0xff, sizeof builtin->touch);
  mark_races (window, reap);
  if ((capture->entry.flags & VYRE_REPLAY_INCOMPLETE) == 0)
    take_words (window);
}

void
vyre_replay_builtins_published (VyreWindow *window)
{
  window->replay->builtin->log_from = window->runtime->n_logged;
  describe (window, TRUE);
}

/* --- meanwhile --------------------------------------------------------------- */

/* It may run with the rights that it had, or with those that it has now. */
static void
widen (VyreWindow *window)
{
  VyreReplayBuiltinCapture *builtin = window->replay->builtin;
  const VyreBuiltinTouch before = builtin->touch;

  take_means (window);
  vyre_word_set_join (&builtin->touch.reads, &before.reads);
  vyre_word_set_join (&builtin->touch.writes, &before.writes);
  mark_races (window, FALSE);
  window->replay->entry.flags |= VYRE_REPLAY_SHARED;
}

void
vyre_replay_note_rights (VyreRuntime *runtime, guint tenant, guint32 before)
{
  for (GList *l = runtime->windows.head; l != NULL;) {
    VyreWindow *window = l->data;

    l = l->next;
    if (window->items == NULL || window->tenant != tenant ||
        window->replay == NULL || vyre_window_reap (window))
      continue;
    /* With that flag, there was a time when it could have begun. */
    if ((before & VYRE_TENANT_MAY_EXECUTE) == 0 &&
        (window->replay->entry.flags & VYRE_REPLAY_SHARED) == 0)
      describe (window, FALSE);
    else
      widen (window);
  }
}

void
vyre_replay_note_zeroed (VyreRuntime *runtime, guint32 first, guint n)
{
  for (GList *l = runtime->windows.head; l != NULL; l = l->next) {
    VyreWindow *window = l->data;

    if (window->items != NULL && window->replay != NULL)
      vyre_word_set_add (&window->replay->builtin->raced, first, n);
  }
}

GBytes *
vyre_replay_copy_loaded (VyreRuntime *runtime, const void *data, gsize length)
{
  VyreReplayWriter *writer = g_atomic_pointer_get (&runtime->replay);

  if (writer == NULL || !vyre_replay_writer_reserve (writer, length))
    return NULL;
  return g_bytes_new (data, length);
}

void
vyre_replay_note_loaded (
    VyreRuntime *runtime, VyreWindow *window, GBytes *loaded)
{
  VyreReplayCapture *capture = window != NULL ? window->replay : NULL;

  if (loaded == NULL)
    return;
  if (capture == NULL) {
    vyre_replay_writer_release (runtime->replay, g_bytes_get_size (loaded));
    g_bytes_unref (loaded);
    return;
  }
  capture->held += g_bytes_get_size (loaded);
  capture->builtin->loaded = loaded;
}

/* --- the end ------------------------------------------------------------------ */

/* Is it a slot of the window? Which one. */
static gboolean
find_item (
    const VyreWindow *window, guint32 slot, guint32 sequence, guint *item)
{
  const VyreLevel *level = &window->runtime->levels[window->level];
  guint32 i = sequence - (guint32) window->first_sequence - 1;

  *item = i;
  return i < window->replay->entry.builtins->n_items &&
         slot == level->first + (guint32) ((window->first_sequence + i) &
                                           (level->slots - 1));
}

static void
take_printed (VyreWindow *window, guint tenant, guint32 slot, guint32 sequence,
    const guint32 *words)
{
  VyreReplayItem *item;
  guint i;

  if (tenant != window->tenant || !find_item (window, slot, sequence, &i))
    return;
  item = &window->replay->entry.builtins->items[i];
  item->marks |= VYRE_REPLAY_PRINTED;
  memcpy (item->printed, words, sizeof item->printed);
}

/* From the log, and from what the GPU has written and the host not taken: a
 * record of another slot that is not there yet holds that up. */
static void
take_log (VyreWindow *window)
{
  VyreRuntime *runtime = window->runtime;
  const guint32 *tail = vyre_runtime_tail (runtime) + VYRE_TAIL_LOG;
  guint64 from = window->replay->builtin->log_from;

  if (runtime->log == NULL)
    return;
  vyre_runtime_drain_log (runtime);
  if (runtime->n_logged > VYRE_LOG_KEPT)
    from = MAX (from, runtime->n_logged - VYRE_LOG_KEPT);
  for (; from < runtime->n_logged; from++) {
    const VyreLogRecord *record = &runtime->log[from % VYRE_LOG_KEPT];
    const guint32 words[] = { record->record.format, record->record.args[0],
      record->record.args[1] };

    take_printed (
        window, record->tenant, record->slot, record->sequence, words);
  }
  for (guint i = 0; i < VYRE_D_CAPACITY; i++) {
    const guint32 *record = tail + i * VYRE_LOG_RECORD_WORDS;

    if (__atomic_load_n (&record[VYRE_LOG_FORMAT], __ATOMIC_ACQUIRE) != 0)
      take_printed (window, record[VYRE_LOG_TENANT],
          record[VYRE_LOG_SLOT_BASE] / VYRE_SLOT_WORDS,
          record[VYRE_LOG_SEQUENCE], record);
  }
}

static gboolean
has_printf (const VyreReplayBuiltins *builtins)
{
  for (guint i = 0; i < builtins->n_items; i++) {
    if (builtins->items[i].slot[0] == VYRE_OP_PRINTF)
      return TRUE;
  }
  return FALSE;
}

/* What it read could not be kept. */
static gboolean
lacks_loaded (const VyreReplayCapture *capture)
{
  const VyreReplayItem *item = &capture->entry.builtins->items[0];

  return item->slot[0] == VYRE_OP_LOAD_MISS &&
         item->outcome.code == VYRE_FAULT_NONE && item->outcome.value > 0 &&
         capture->builtin->loaded == NULL;
}

void
vyre_replay_builtins_ended (VyreWindow *window)
{
  VyreReplayCapture *capture = window->replay;
  VyreReplayBuiltins *builtins = capture->entry.builtins;

  for (guint i = 0; i < builtins->n_items; i++)
    builtins->items[i].outcome = (VyreBuiltinOutcome){ window->results[i].code,
      window->results[i].value };
  for (guint i = 0; i < builtins->n_words; i++) {
    VyreReplayWord *word = &builtins->words[i];

    if (!vyre_word_set_has (&capture->builtin->touch.writes, word->index))
      continue;
    word->after = vyre_peek (window->runtime->control, word->index);
    word->marks |= VYRE_REPLAY_WRITTEN;
  }
  if (has_printf (builtins))
    take_log (window);
  if (lacks_loaded (capture))
    capture->entry.flags |= VYRE_REPLAY_INCOMPLETE;
}
