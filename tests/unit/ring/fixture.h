/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <json-glib/json-glib.h>

#include "ring/ring.h"

/* One file of the runtime fixtures, or %NULL after g_test_skip() when there
 * are no fixtures. */
typedef struct
{
  JsonParser *parser;
  JsonObject *root;
} Fixture;

Fixture *fixture_open (const char *name);
void fixture_close (Fixture *fixture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fixture, fixture_close)

/* Folder of the runtime fixtures, or %NULL. */
char *fixture_folder (void);

/* A member that must be there. */
JsonNode *fixture_member (JsonObject *object, const char *name);
JsonObject *fixture_object (JsonObject *object, const char *name);
JsonArray *fixture_array (JsonObject *object, const char *name);
guint32 fixture_u32 (JsonObject *object, const char *name);
gboolean fixture_bool (JsonObject *object, const char *name);
guint64 fixture_u64_text (JsonObject *object, const char *name);
guint32 fixture_at (JsonArray *array, guint index);
gboolean fixture_has (JsonObject *object, const char *name);
/* Is @object {"error": ...}, not {"ok": ...}? */
gboolean fixture_is_error (JsonObject *object);

GByteArray *fixture_hex (const char *hex);
GByteArray *fixture_hex_member (JsonObject *object, const char *name);
/* @words as little-endian bytes against hexadecimal digits. */
void fixture_assert_words (
    const guint32 *words, gsize n_words, const char *hex);
/* Against {bytes, nonzero_words, blake3}. */
void fixture_assert_sparse (
    const guint32 *words, gsize n_words, JsonObject *sparse);

/* An error of @code whose text says what to do, then cleared. */
#define assert_ring_error(error, wanted) \
  G_STMT_START \
  { \
    g_assert_error ((error), VYRE_RING_ERROR, (wanted)); \
    g_assert_nonnull (strstr ((error)->message, "Fix: ")); \
    g_clear_error (&(error)); \
  } \
  G_STMT_END
