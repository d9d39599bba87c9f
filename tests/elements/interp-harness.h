/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/check/gstharness.h>

#include <string.h>

#include "support.h"

/* vyreinterp in a harness, programs and buffers for it. */

#define PROGRAM_INVERT_IN_PLACE \
  "program workgroup(64);\n" \
  "buffer data: readwrite u32[] @0;\n" \
  "main { let i = invocation_id.x;\n" \
  "  if i < len(data) { data[i] = ~data[i]; } }\n"

#define PROGRAM_INVERT_BYTES_IN_PLACE \
  "program workgroup(64);\n" \
  "buffer data: readwrite u8[] @0;\n" \
  "main { let i = invocation_id.x;\n" \
  "  if i < len(data) { data[i] = cast(u8, ~u32(data[i])); } }\n"

/* Adds the first word of each buffer; one that begins with 13 is a trap, after
 * it was added. Not commutative, so buffers run one at a time. */
#define PROGRAM_SUM_TRAP_13 \
  "program workgroup(1);\n" \
  "buffer input: readonly u32[] @0;\n" \
  "buffer sum: readwrite u32[1] @1;\n" \
  "main { if invocation_id.x == 0 {\n" \
  "  sum[0] = sum[0] + input[0];\n" \
  "  if input[0] == 13 { trap(4711, \"unlucky\"); } } }\n"

#define PROGRAM_ENDLESS \
  "program workgroup(1);\n" \
  "buffer input: readonly u32[] @0;\n" \
  "buffer output: readwrite u32[] @1;\n" \
  "main { loop { output[0] = output[0] + 1; } }\n"

typedef struct
{
  GstHarness *harness;
  GstElement *element; /* of the harness */
  GstBus *bus;
  gint stop;                    /* for threads of a test */
} Interp;

static inline GstElement *
interp_element (const char *program, const char *bindings)
{
  GstElement *element = gst_element_factory_make ("vyreinterp", NULL);

  g_assert_nonnull (element);
  g_object_set (element, "program", program, "bindings", bindings, NULL);
  return element;
}

/* Takes the element; it is PLAYING afterwards. */
static inline Interp *
interp_play (GstElement *element)
{
  Interp *self = g_new0 (Interp, 1);

  self->bus = gst_bus_new ();
  gst_object_ref_sink (element);
  gst_element_set_bus (element, self->bus);
  self->element = element;
  self->harness = gst_harness_new_with_element (element, "sink", "src");
  gst_object_unref (element);
  gst_harness_set_src_caps_str (self->harness, "application/octet-stream");
  return self;
}

static inline Interp *
interp_new (const char *program, const char *bindings)
{
  return interp_play (interp_element (program, bindings));
}

static inline void
interp_free (Interp *self)
{
  gst_harness_teardown (self->harness);
  gst_bus_set_flushing (self->bus, TRUE);
  gst_object_unref (self->bus);
  g_free (self);
}

/* Ends a flush, and begins a stream of bytes. */
static inline void
interp_stop_flush (Interp *self)
{
  GstSegment segment;

  gst_harness_push_event (self->harness, gst_event_new_flush_stop (TRUE));
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_harness_push_event (self->harness, gst_event_new_segment (&segment));
}

static inline GstBuffer *
noise_buffer (gsize size)
{
  return gst_buffer_new_wrapped (support_noise (size), size);
}

static inline guint64
interp_stat (GstElement *element, const char *name)
{
  GstStructure *stats;
  guint64 value;
  guint in_flight;

  g_object_get (element, "stats", &stats, NULL);
  if (gst_structure_get_uint (stats, name, &in_flight))
    value = in_flight;
  else
    g_assert_true (gst_structure_get_uint64 (stats, name, &value));
  gst_structure_free (stats);
  return value;
}

/* The words of a kept buffer of that structure. */
static inline guint32 *
kept_words (const GstStructure *kept, const char *name, guint n)
{
  guint32 *words = g_new0 (guint32, n);
  const GValue *value = gst_structure_get_value (kept, name);
  GstBuffer *buffer;

  g_assert_nonnull (value);
  buffer = gst_value_get_buffer (value);
  g_assert_cmpuint (gst_buffer_get_size (buffer), ==, n * 4);
  gst_buffer_extract (buffer, 0, words, n * 4);
  return words;
}

static inline guint32
kept_word (GstElement *element, const char *name)
{
  GstStructure *kept;
  guint32 *words, word;

  g_object_get (element, "kept", &kept, NULL);
  g_assert_nonnull (kept);
  words = kept_words (kept, name, 1);
  word = words[0];
  g_free (words);
  gst_structure_free (kept);
  return word;
}

/* message: (transfer full). Is it that error, and says it so? */
static inline void
assert_error_message (
    GstMessage *message, GQuark domain, gint code, const char *says)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;

  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, &debug);
  g_test_message ("%s (%s)", error->message, debug);
  g_assert_error (error, domain, code);
  if (strstr (error->message, says) == NULL)
    g_error ("\"%s\" does not say \"%s\"", error->message, says);
  gst_message_unref (message);
}

/* buffer: (transfer full). Are these its bytes? */
static inline void
assert_buffer (GstBuffer *buffer, const guint8 *data, gsize size)
{
  GstMapInfo map;

  g_assert_nonnull (buffer);
  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  g_assert_cmpmem (map.data, map.size, data, size);
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
}

static inline void
assert_inverted (GstBuffer *buffer, gsize size)
{
  g_autofree guint8 *data = support_noise (size);

  for (gsize i = 0; i < size; i++)
    data[i] = ~data[i];
  assert_buffer (buffer, data, size);
}

/* Add the tests of interp-memory.c and interp-refusals.c. */
void add_interp_memory_tests (void);
void add_interp_refusal_tests (void);
