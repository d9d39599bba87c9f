/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What programs print arrives on the bus: all of it or counted, in order, with
 * the text that the formats give it. */

#include "interp-harness.h"

/* Prints the numbers 0 to n - 1 in this order, n being the buffer's first word,
 * and the second word as what it belongs to. */
#define PROGRAM_PRINT \
  "program workgroup(1);\n" \
  "buffer input: readonly u32[] @0;\n" \
  "buffer log: readwrite u32[257] @1;\n" \
  "main { let room = len(log);\n" \
  "  if invocation_id.x == 0 {\n" \
  "    for k in 0..input[0] {\n" \
  "      let at = atomic_add(log[0], 4);\n" \
  "      if at + 5 <= room {\n" \
  "        let a = atomic_exchange(log[at + 2], input[1]);\n" \
  "        let b = atomic_exchange(log[at + 3], k);\n" \
  "        let c = atomic_exchange(log[at + 1], 7);\n" \
  "      } } } }\n"

#define PROGRAM_WRONG_LOG \
  "program workgroup(1);\n" \
  "buffer input: readonly u32[] @0;\n" \
  "buffer log: readwrite %s @1;\n" \
  "buffer other: readwrite u32[257] @2;\n" \
  "main { if invocation_id.x == 0 { other[0] = 1; } }\n"

static guint64
get_uint64 (const GstStructure *structure, const char *name)
{
  guint64 value;

  g_assert_true (gst_structure_get_uint64 (structure, name, &value));
  return value;
}

static guint
get_uint (const GstStructure *structure, const char *name)
{
  guint value;

  g_assert_true (gst_structure_get_uint (structure, name, &value));
  return value;
}

/* The next message of what was printed; NULL: there is none any more. */
static GstMessage *
pop_printed (GstBus *bus)
{
  GstMessage *message;

  while ((message = gst_bus_pop (bus)) != NULL) {
    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    if (gst_message_has_name (message, "vyre-print"))
      return message;
    gst_message_unref (message);
  }
  return NULL;
}

static const GstStructure *
record_at (const GstStructure *printed, guint i)
{
  const GValue *records = gst_structure_get_value (printed, "records");

  return gst_value_get_structure (gst_value_list_get_value (records, i));
}

static guint
count_records (const GstStructure *printed)
{
  return gst_value_list_get_size (gst_structure_get_value (printed, "records"));
}

static guint
arg_of (const GstStructure *record, guint i)
{
  const GValue *args = gst_structure_get_value (record, "args");

  g_assert_cmpuint (gst_value_array_get_size (args), ==, 3);
  return g_value_get_uint (gst_value_array_get_value (args, i));
}

static GstBuffer *
print_buffer (guint n, guint serial)
{
  guint32 *words = g_new0 (guint32, 16);
  GstBuffer *buffer;

  words[0] = n;
  words[1] = serial;
  buffer = gst_buffer_new_wrapped (words, 64);
  GST_BUFFER_PTS (buffer) = serial * GST_MSECOND;
  return buffer;
}

/* More buffers than are in flight, of which every fifth prints more than there
 * is room for, and every third nothing. */
static void
test_load (void)
{
  const guint n_buffers = 200;
  Interp *self = interp_new (PROGRAM_PRINT, "log=log");
  guint64 number = 0, dropped = 0;
  guint serial = 0;
  GstMessage *message;

  for (guint i = 0; i < n_buffers; i++) {
    guint n = i % 3 == 0 ? 0 : i % 5 == 0 ? 70 : 1 + i % 60;

    g_assert_cmpint (
        gst_harness_push (self->harness, print_buffer (n, i)), ==, GST_FLOW_OK);
    gst_buffer_unref (gst_harness_pull (self->harness));
  }
  for (; (message = pop_printed (self->bus)) != NULL; serial++) {
    const GstStructure *printed = gst_message_get_structure (message);
    GstClockTime pts;

    if (serial % 3 == 0)
      serial++;
    guint wanted = serial % 5 == 0 ? 70 : 1 + serial % 60;
    guint kept = MIN (wanted, 64);
    dropped += wanted - kept;
    g_assert_cmpuint (get_uint (printed, "version"), ==, 1);
    g_assert_cmpstr (
        gst_structure_get_string (printed, "source"), ==, "program");
    g_assert_cmpuint (count_records (printed), ==, kept);
    g_assert_cmpuint (get_uint64 (printed, "dropped"), ==, dropped);
    g_assert_true (gst_structure_get_clock_time (printed, "pts", &pts));
    g_assert_cmpuint (pts, ==, serial * GST_MSECOND);
    for (guint k = 0; k < kept; k++) {
      const GstStructure *record = record_at (printed, k);

      g_assert_cmpuint (get_uint64 (record, "number"), ==, number++);
      g_assert_cmpuint (get_uint (record, "format"), ==, 7);
      g_assert_cmpuint (arg_of (record, 0), ==, serial);
      g_assert_cmpuint (arg_of (record, 1), ==, k);
    }
    g_assert_cmpuint (get_uint64 (printed, "printed"), ==, number);
    gst_message_unref (message);
  }
  g_assert_cmpuint (serial, ==, n_buffers);
  interp_free (self);
}

/* A shipped program and its formats, in a pipeline with others that print. */
static void
test_shipped (void)
{
  const gsize size = 100000;
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("find", size, &data);
  const guint n_streams = 3;
  GstElement *pipeline =
      support_launch ("filesrc location=%s blocksize=4096 ! tee name=t "
                      "t. ! queue ! vyreinterp name=p0 program=find-bytes "
                      "bindings=\"pattern=hex:00,log=log:16388\" ! fakesink "
                      "t. ! queue ! vyreinterp name=p1 program=find-bytes "
                      "bindings=\"pattern=hex:07,log=log:16388\" ! fakesink "
                      "t. ! queue ! vyreinterp name=p2 program=find-bytes "
                      "bindings=\"pattern=hex:ff,log=log:16388\" ! fakesink",
          path);
  const guint8 patterns[] = { 0x00, 0x07, 0xff };
  g_autofree gboolean *found = g_new0 (gboolean, n_streams * size);
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  gboolean eos = FALSE;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!eos) {
    message = gst_bus_timed_pop_filtered (bus, 60 * GST_SECOND,
        GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);
    g_assert_nonnull (message);
    g_assert_cmpint (GST_MESSAGE_TYPE (message), !=, GST_MESSAGE_ERROR);
    eos = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
    if (gst_message_has_name (message, "vyre-print")) {
      const GstStructure *printed = gst_message_get_structure (message);
      guint stream = GST_MESSAGE_SRC_NAME (message)[1] - '0';
      guint64 offset = get_uint64 (printed, "offset");

      g_assert_cmpuint (get_uint64 (printed, "dropped"), ==, 0);
      for (guint i = 0; i < count_records (printed); i++) {
        const GstStructure *record = record_at (printed, i);
        g_autofree char *text =
            g_strdup_printf ("at byte %u of the buffer", arg_of (record, 0));

        g_assert_cmpstr (gst_structure_get_string (record, "text"), ==, text);
        found[stream * size + offset + arg_of (record, 0)] = TRUE;
      }
    }
    gst_message_unref (message);
  }
  for (guint s = 0; s < n_streams; s++) {
    for (gsize i = 0; i < size; i++)
      g_assert_cmpint (found[s * size + i], ==, data[i] == patterns[s]);
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

static void
test_formats (void)
{
  g_autofree char *path = support_path ("formats");
  GstElement *element = interp_element (PROGRAM_PRINT, "log=log");
  GstMessage *message;

  g_assert_true (g_file_set_contents (
      path, "# ours\n7 buffer %u,\\t\"%x\"\n8 not this\n", -1, NULL));
  g_object_set (element, "print-formats", path, NULL);
  Interp *self = interp_play (element);
  gst_harness_push (self->harness, print_buffer (20, 255));
  gst_buffer_unref (gst_harness_pull (self->harness));
  message = pop_printed (self->bus);
  g_assert_nonnull (message);
  const GstStructure *printed = gst_message_get_structure (message);
  g_assert_cmpstr (gst_structure_get_string (record_at (printed, 17), "text"),
      ==, "buffer 255,\t\"11\"");
  gst_message_unref (message);
  interp_free (self);
}

/* What cannot be is said when the stream starts. */
static void
assert_refused (GstElement *element, const char *part)
{
  g_autoptr (GstBus) bus = gst_bus_new ();
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;

  gst_object_ref_sink (element);
  gst_element_set_bus (element, bus);
  g_assert_cmpint (gst_element_set_state (element, GST_STATE_PAUSED), ==,
      GST_STATE_CHANGE_FAILURE);
  g_autoptr (GstMessage) message =
      gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  g_assert_nonnull (message);
  gst_message_parse_error (message, &error, &debug);
  if (strstr (error->message, part) == NULL)
    g_error ("\"%s\" is not in: %s", part, error->message);
  gst_element_set_state (element, GST_STATE_NULL);
  /* What is left in it refers to the element. */
  gst_bus_set_flushing (bus, TRUE);
  gst_object_unref (element);
}

static void
test_refused (void)
{
  static const struct
  {
    const char *type, *bindings, *part;
  } cases[] = {
    { "u8[1028]", "log=log,other=zeros", "is no log" },
    { "u32[4]", "log=log,other=zeros", "is no log" },
    { "u32[]", "log=log,other=zeros", "log=log:BYTES" },
    { "u32[]", "log=log:1027,other=zeros", "is no log" },
    { "u32[]", "log=log:1000000,other=zeros", "is no log" },
    { "u32[257]", "log=log,other=log", "both bound as log" },
  };
  g_autofree char *path = support_path ("bad-formats");
  g_autofree char *none = support_path ("no-formats");

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *program =
        g_strdup_printf (PROGRAM_WRONG_LOG, cases[i].type);

    assert_refused (interp_element (program, cases[i].bindings), cases[i].part);
  }
  GstElement *element = interp_element (PROGRAM_PRINT, "log=log");
  g_object_set (element, "print-formats", none, NULL);
  assert_refused (element, "no-formats");
  g_assert_true (g_file_set_contents (path, "7 %s\n", -1, NULL));
  element = interp_element (PROGRAM_PRINT, "log=log");
  g_object_set (element, "print-formats", path, NULL);
  assert_refused (element, "bad-formats");
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", NULL };

  support_init (&argc, &argv, plugins);
  g_test_add_func ("/interp-print/load", test_load);
  g_test_add_func ("/interp-print/shipped", test_shipped);
  g_test_add_func ("/interp-print/formats", test_formats);
  g_test_add_func ("/interp-print/refused", test_refused);
  return support_run ();
}
