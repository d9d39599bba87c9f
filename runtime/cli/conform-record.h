/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ring/ring.h"

#include <json-glib/json-glib.h>

/*
 * Recorded numbers and bytes, held against what this project makes of them.
 *
 * Recordings are input: a member that is missing or of another type counts as
 * a difference, reads as 0, empty or NULL, and NULL may be passed on as the
 * object or array to read from. So code that compares needs no checks of its
 * own.
 */

typedef struct
{
  const char *name; /* of the file, without folder and ending */
  JsonObject *root;

  /* Called once for each case; why is NULL when it passed. */
  void (*report) (gpointer data, const char *name, const char *why);
  gpointer data;

  GString *why; /* differences of the case at work */
  guint n_cases; /* that have ended */
} ConformRecord;

/* Ends a case, FOLDER/FILE/CASE: reports what was found since the last end. */
void conform_record_end (ConformRecord *record, const char *format, ...)
    G_GNUC_PRINTF (2, 3);
/* A difference of the case at work. */
void conform_record_differs (ConformRecord *record, const char *format, ...)
    G_GNUC_PRINTF (2, 3);

JsonObject *conform_record_object (
    ConformRecord *record, JsonObject *object, const char *member);
JsonArray *conform_record_array (
    ConformRecord *record, JsonObject *object, const char *member);
/* NULL for what is no string. */
const char *conform_record_string (
    ConformRecord *record, JsonObject *object, const char *member);
guint32 conform_record_u32 (
    ConformRecord *record, JsonObject *object, const char *member);
gboolean conform_record_boolean (
    ConformRecord *record, JsonObject *object, const char *member);
/* A number in a string, for those that JSON cannot hold. */
guint64 conform_record_u64_text (
    ConformRecord *record, JsonObject *object, const char *member);
/* Bytes in hexadecimal digits; never NULL. */
GByteArray *conform_record_hex (
    ConformRecord *record, JsonObject *object, const char *member);
GByteArray *conform_record_hex_at (
    ConformRecord *record, JsonArray *array, guint index);
/* NULL for what is no string. */
const char *conform_record_string_at (
    ConformRecord *record, JsonArray *array, guint index);
guint conform_record_length (JsonArray *array);
JsonObject *conform_record_object_at (
    ConformRecord *record, JsonArray *array, guint index);
JsonArray *conform_record_array_at (
    ConformRecord *record, JsonArray *array, guint index);
guint32 conform_record_u32_at (
    ConformRecord *record, JsonArray *array, guint index);

/* Comparisons; what names the thing in the message. */
void conform_record_same (
    ConformRecord *record, const char *what, guint64 wanted, guint64 got);
/* Members of an object with a number or a truth value. */
void conform_record_expect (
    ConformRecord *record, JsonObject *object, const char *member, guint64 got);
/* The words as little-endian bytes. */
void conform_record_expect_words (ConformRecord *record,
    const GByteArray *wanted, const guint32 *words, gsize n_words);
/* Against {bytes, nonzero_words, blake3}. */
void conform_record_expect_sparse (ConformRecord *record, JsonObject *sparse,
    const guint32 *words, gsize n_words);

/* Against {"ok": ...} or {"error": TEXT}: the same of the two, and an error of
 * the class that the text stands for, which says what to do. TRUE when both
 * are "ok". */
gboolean conform_record_expect_result (ConformRecord *record,
    JsonObject *result, gboolean ok, const GError *error);
