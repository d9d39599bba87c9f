/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Descriptions of windows of builtins: their bytes, and what of them can be
 * compared. */

#include "replay-data.h"

#include "../ring/bytes.h"

#include <string.h>

#define FIXED_BYTES 128
#define ITEM_BYTES 80
#define WORD_BYTES 16

#define HAS_TABLE 1u
#define HAS_RESOURCE 2u
#define HAS_LOADED 4u

VyreReplayBuiltins *
vyre_replay_builtins_new (guint n_items, guint n_words)
{
  VyreReplayBuiltins *builtins = g_new0 (VyreReplayBuiltins, 1);

  builtins->n_items = n_items;
  builtins->n_words = n_words;
  builtins->items = g_new0 (VyreReplayItem, MAX (n_items, 1));
  builtins->words = g_new0 (VyreReplayWord, MAX (n_words, 1));
  return builtins;
}

G_STATIC_ASSERT (FIXED_BYTES + VYRE_REPLAY_MAX_ITEMS * ITEM_BYTES +
                     VYRE_CONTROL_TABLE * WORD_BYTES <=
                 VYRE_REPLAY_MAX_DESCRIPTION);

/* --- bytes ------------------------------------------------------------------ */

static void
put_words (guint8 *at, const guint32 *words, guint n)
{
  for (guint i = 0; i < n; i++)
    vyre_put_le32 (at + 4 * i, words[i]);
}

static void
get_words (const guint8 *at, guint32 *words, guint n)
{
  for (guint i = 0; i < n; i++)
    words[i] = vyre_get_le32 (at + 4 * i);
}

static void
encode_item (const VyreReplayItem *item, guint8 *at)
{
  put_words (at, item->slot, VYRE_BUILTIN_WORDS);
  vyre_put_le32 (at + 52, item->outcome.code);
  vyre_put_le32 (at + 56, item->outcome.value);
  vyre_put_le32 (at + 60, item->marks);
  put_words (at + 64, item->printed, 3);
}

static void
decode_item (VyreReplayItem *item, const guint8 *at)
{
  get_words (at, item->slot, VYRE_BUILTIN_WORDS);
  item->outcome.code = vyre_get_le32 (at + 52);
  item->outcome.value = vyre_get_le32 (at + 56);
  item->marks = vyre_get_le32 (at + 60);
  get_words (at + 64, item->printed, 3);
}

GByteArray *
vyre_replay_builtins_encode (const VyreReplayEntry *entry)
{
  const VyreReplayBuiltins *builtins = entry->builtins;
  GByteArray *bytes = vyre_replay_begin_encoding (
      entry, FIXED_BYTES + builtins->n_items * ITEM_BYTES +
                 builtins->n_words * WORD_BYTES);
  guint8 *at = bytes->data;

  vyre_put_le32 (at + 24, builtins->tenant.rights);
  vyre_put_le32 (at + 28, builtins->tenant.first);
  vyre_put_le32 (at + 32, builtins->tenant.n);
  vyre_put_le32 (at + 36, builtins->tenant.n_states);
  vyre_put_le32 (at + 40, (builtins->has_table ? HAS_TABLE : 0) |
                              (builtins->has_resource ? HAS_RESOURCE : 0) |
                              (builtins->has_loaded ? HAS_LOADED : 0));
  vyre_put_le32 (at + 44, builtins->n_items);
  vyre_put_le32 (at + 48, builtins->n_words);
  vyre_put_le64 (at + 56, builtins->resource_length);
  memcpy (at + 64, builtins->table, 32);
  memcpy (at + 96, builtins->loaded, 32);
  at += FIXED_BYTES;
  for (guint i = 0; i < builtins->n_items; i++, at += ITEM_BYTES)
    encode_item (&builtins->items[i], at);
  for (guint i = 0; i < builtins->n_words; i++, at += WORD_BYTES) {
    const VyreReplayWord *word = &builtins->words[i];

    put_words (at,
        (const guint32[]){
            word->index, word->before, word->after, word->marks },
        4);
  }
  return bytes;
}

/* Words rise, and each can be. */
static gboolean
decode_words (VyreReplayBuiltins *builtins, const guint8 *at)
{
  guint32 next = 0;

  for (guint i = 0; i < builtins->n_words; i++, at += WORD_BYTES) {
    guint32 words[4];

    get_words (at, words, 4);
    if (words[0] < next || !vyre_replay_is_known_word (words[0]))
      return FALSE;
    next = words[0] + 1;
    builtins->words[i] =
        (VyreReplayWord){ words[0], words[1], words[2], words[3] };
  }
  return TRUE;
}

gboolean
vyre_replay_builtins_decode (
    VyreReplayEntry *entry, const void *data, gsize length, GError **error)
{
  const guint8 *at = data;
  VyreReplayBuiltins *builtins;
  guint32 n_items, n_words, has;

  if (length < FIXED_BYTES)
    goto damaged;
  n_items = vyre_get_le32 (at + 44);
  n_words = vyre_get_le32 (at + 48);
  if (n_items == 0 || n_items > VYRE_REPLAY_MAX_ITEMS ||
      n_words > VYRE_CONTROL_TABLE ||
      length != FIXED_BYTES + (gsize) n_items * ITEM_BYTES +
                    (gsize) n_words * WORD_BYTES)
    goto damaged;

  builtins = vyre_replay_builtins_new (n_items, n_words);
  entry->builtins = builtins;
  entry->record = vyre_get_le64 (at);
  entry->time_ns = vyre_get_le64 (at + 8);
  entry->flags = vyre_get_le32 (at + 16);
  entry->state = vyre_get_le32 (at + 20);
  builtins->tenant.rights = vyre_get_le32 (at + 24);
  builtins->tenant.first = vyre_get_le32 (at + 28);
  builtins->tenant.n = vyre_get_le32 (at + 32);
  builtins->tenant.n_states = vyre_get_le32 (at + 36);
  has = vyre_get_le32 (at + 40);
  builtins->has_table = (has & HAS_TABLE) != 0;
  builtins->has_resource = (has & HAS_RESOURCE) != 0;
  builtins->has_loaded = (has & HAS_LOADED) != 0;
  builtins->resource_length = vyre_get_le64 (at + 56);
  memcpy (builtins->table, at + 64, 32);
  memcpy (builtins->loaded, at + 96, 32);
  at += FIXED_BYTES;
  for (guint i = 0; i < n_items; i++, at += ITEM_BYTES)
    decode_item (&builtins->items[i], at);
  if (decode_words (builtins, at))
    return TRUE;
  vyre_replay_entry_clear (entry);

damaged:
  g_set_error (error, VYRE_REPLAY_DATA_ERROR, VYRE_REPLAY_DATA_ERROR_DAMAGED,
      "%" G_GSIZE_FORMAT " bytes are no description of builtins", length);
  return FALSE;
}

/* --- order -------------------------------------------------------------------- */

gboolean
vyre_replay_is_known_word (guint32 index)
{
  return index == VYRE_C_EPOCH ||
         (index >= VYRE_C_OBSERVABLE && index < VYRE_CONTROL_TABLE);
}

/* Of the items that use a word in one way. */
typedef struct
{
  guint32 first; /* the first of them; G_MAXUINT32: there is none */
  guint32 reach; /* those below it come in any order with one of them */
} Users;

typedef struct
{
  Users all, writers, others; /* others do more than add */
} WordUse;

/* Item k waits for those before it from here on. Any other order is chance. */
static guint32
free_before (const VyreReplayBuiltins *builtins, guint32 k)
{
  guint32 waits_for = vyre_builtin_waits_for (builtins->items[k].slot);

  return k > waits_for ? k - waits_for : 0;
}

static void
add_user (Users *users, guint32 k, guint32 before)
{
  users->first = MIN (users->first, k);
  users->reach = MAX (users->reach, before);
}

static gboolean
meets (const Users *users, guint32 k, guint32 before)
{
  return users->first < before || users->reach > k;
}

static guint64
used_bits (const VyreBuiltinTouch *touch, guint i)
{
  return touch->reads.bits[i] | touch->writes.bits[i];
}

static void
add_uses (
    WordUse *uses, const VyreBuiltinTouch *touch, guint32 k, guint32 before)
{
  for (guint i = 0; i < G_N_ELEMENTS (touch->reads.bits); i++) {
    for (guint64 bits = used_bits (touch, i); bits != 0; bits &= bits - 1) {
      guint32 word = i * 64 + (guint32) __builtin_ctzll (bits);

      add_user (&uses[word].all, k, before);
      if (vyre_word_set_has (&touch->writes, word))
        add_user (&uses[word].writers, k, before);
      if (!vyre_word_set_has (&touch->adds, word))
        add_user (&uses[word].others, k, before);
    }
  }
}

/* Additions to a word give one sum in any order, but not one row of what they
 * yield. unknown: words that may hold this or that in the end. */
static void
compare_item (const WordUse *uses, const VyreBuiltinTouch *touch, guint32 k,
    guint32 before, VyreReplayItem *item, VyreWordSet *unknown)
{
  gboolean sums = TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (touch->reads.bits); i++) {
    for (guint64 bits = used_bits (touch, i); bits != 0; bits &= bits - 1) {
      guint32 word = i * 64 + (guint32) __builtin_ctzll (bits);
      const Users *users = vyre_word_set_has (&touch->writes, word)
                               ? &uses[word].all
                               : &uses[word].writers;

      if (!meets (users, k, before))
        continue;
      item->marks |= VYRE_REPLAY_UNORDERED;
      sums = sums && vyre_word_set_has (&touch->adds, word) &&
             !meets (&uses[word].others, k, before);
    }
  }
  if (!sums)
    vyre_word_set_join (unknown, &touch->writes);
}

/* By word, not by pair: thousands of items may use the same one. */
static void
compare_order (VyreReplayBuiltins *builtins, const VyreBuiltinTouch *touches,
    VyreWordSet *unknown)
{
  const Users none = { G_MAXUINT32, 0 };
  g_autofree WordUse *uses = g_new (WordUse, VYRE_CONTROL_TABLE);

  for (guint32 i = 0; i < VYRE_CONTROL_TABLE; i++)
    uses[i] = (WordUse){ none, none, none };
  for (guint32 k = 0; k < builtins->n_items; k++)
    add_uses (uses, &touches[k], k, free_before (builtins, k));
  for (guint32 k = 0; k < builtins->n_items; k++)
    compare_item (uses, &touches[k], k, free_before (builtins, k),
        &builtins->items[k], unknown);
}

/* Who reads what is not known writes what is not known. */
static void
spread (VyreReplayBuiltins *builtins, const VyreBuiltinTouch *touches,
    VyreWordSet *unknown)
{
  VyreWordSet before;

  do {
    before = *unknown;
    for (guint i = 0; i < builtins->n_items; i++) {
      if (!vyre_word_sets_meet (&touches[i].reads, unknown))
        continue;
      builtins->items[i].marks |= VYRE_REPLAY_UNORDERED;
      vyre_word_set_join (unknown, &touches[i].writes);
    }
  } while (memcmp (&before, unknown, sizeof before) != 0);
}

static gboolean
has_anything_known (const VyreReplayBuiltins *builtins)
{
  for (guint i = 0; i < builtins->n_items; i++) {
    if ((builtins->items[i].marks & VYRE_REPLAY_UNORDERED) == 0 ||
        builtins->items[i].outcome.code != VYRE_FAULT_NONE)
      return TRUE;
  }
  for (guint i = 0; i < builtins->n_words; i++) {
    if ((builtins->words[i].marks &
            (VYRE_REPLAY_UNORDERED | VYRE_REPLAY_WRITTEN)) ==
        VYRE_REPLAY_WRITTEN)
      return TRUE;
  }
  return FALSE;
}

void
vyre_replay_builtins_judge (VyreReplayEntry *entry, const VyreWordSet *raced)
{
  VyreReplayBuiltins *builtins = entry->builtins;
  g_autofree VyreBuiltinTouch *touches =
      g_new (VyreBuiltinTouch, builtins->n_items);
  VyreWordSet unknown = *raced;

  for (guint i = 0; i < builtins->n_items; i++)
    vyre_builtin_touch (
        &builtins->tenant, builtins->items[i].slot, &touches[i]);
  compare_order (builtins, touches, &unknown);
  spread (builtins, touches, &unknown);
  for (guint i = 0; i < builtins->n_words; i++) {
    if (vyre_word_set_has (&unknown, builtins->words[i].index))
      builtins->words[i].marks |= VYRE_REPLAY_UNORDERED;
  }
  if (!has_anything_known (builtins))
    entry->flags |= VYRE_REPLAY_SHARED;
}
