/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Builds two programs in C. One is run directly: the bytes of a file, all bits
 * inverted, go to another file. The other one counts byte values in a GStreamer
 * pipeline, and its counts are printed.
 *
 *   build-programs IN OUT
 */
#include <gst/gst.h>
#include <string.h>

#include <engine/runtime.h>
#include <vir0/builder.h>
#include <vir0/text.h>

/* output[i] = ~input[i], for words */
static VyreProgram *
build_invert (GError **error)
{
  g_autoptr (VyreBuilder) b = vyre_builder_new (64, 1, 1);
  VyreBufferRef input =
      vyre_builder_buffer (b, "input", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U32, 0);
  VyreBufferRef output = vyre_builder_buffer (
      b, "output", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U32, 0);
  VyreVar i = vyre_builder_let (b, "i", vyre_builder_invocation_id (b, 0));
  VyreValue word;

  /* The last workgroup may reach beyond the end. */
  vyre_builder_begin_if (
      b, vyre_builder_lt (b, i.value, vyre_builder_buf_len (b, output)));
  word = vyre_builder_load (b, input, i.value);
  vyre_builder_store (
      b, output, i.value, vyre_builder_unary (b, VYRE_UN_BIT_NOT, word));
  vyre_builder_end_if (b);
  return vyre_builder_finish (b, error);
}

/* histogram[input[i]] += 1, for bytes */
static VyreProgram *
build_histogram (GError **error)
{
  g_autoptr (VyreBuilder) b = vyre_builder_new (64, 1, 1);
  VyreBufferRef input =
      vyre_builder_buffer (b, "input", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U8, 0);
  VyreBufferRef histogram = vyre_builder_buffer (
      b, "histogram", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U32, 256);
  VyreVar i = vyre_builder_let (b, "i", vyre_builder_invocation_id (b, 0));
  VyreValue byte;

  vyre_builder_begin_if (
      b, vyre_builder_lt (b, i.value, vyre_builder_buf_len (b, input)));
  /* Nothing is converted by itself: what indexes is a u32. */
  byte = vyre_builder_cast (
      b, VYRE_TYPE_U32, vyre_builder_load (b, input, i.value));
  /* The old count is not needed, but an atomic happens where its value is
   * used, so it is bound to a variable without a name. */
  vyre_builder_let (b, NULL,
      vyre_builder_atomic (
          b, VYRE_ATOMIC_ADD, histogram, byte, vyre_builder_u32 (b, 1)));
  vyre_builder_end_if (b);
  return vyre_builder_finish (b, error);
}

/* A block of the arena that the GPU reads and writes in place. */
static VyreBlock *
new_block (VyreRuntime *runtime, gsize size, GError **error)
{
  VyreBlock *block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), size);

  if (block == NULL)
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT,
        "no room for %" G_GSIZE_FORMAT " bytes; set VYRE_ARENA_SIZE", size);
  else
    memset (block->data, 0, block->size);
  return block;
}

/* Runs a program of one input and one output, as long as each other. */
static gboolean
run_directly (VyreProgram *program, const char *data, gsize length,
    char *result, GError **error)
{
  gsize padded = (length + 3) & ~(gsize) 3; /* whole words */
  g_autoptr (VyreRuntime) runtime =
      vyre_runtime_acquire (&VYRE_RUNTIME_OPTIONS_DEFAULT, error);
  g_autoptr (VyreExecutable) executable = NULL;
  g_autoptr (VyreBlock) input = NULL, output = NULL;
  g_autoptr (VyreWindow) window = NULL;
  VyreTenant *tenant = NULL;
  VyreSubmitOptions options = { NULL, 0 };
  VyreBinding bindings[2] = { { NULL, 0, padded }, { NULL, 0, padded } };
  VyreWindowResult ended;
  gboolean done = FALSE;

  if (runtime == NULL)
    return FALSE;
  executable = vyre_executable_new (runtime, program, error);
  input = executable != NULL ? new_block (runtime, padded, error) : NULL;
  output = input != NULL ? new_block (runtime, padded, error) : NULL;
  tenant = output != NULL ? vyre_tenant_new (runtime, "example", error) : NULL;
  if (tenant == NULL)
    return FALSE;

  memcpy (input->data, data, length);
  vyre_block_note_write (input);
  vyre_block_note_write (output);
  bindings[0].block = input; /* in the order of declaration */
  bindings[1].block = output;
  window =
      vyre_tenant_submit (tenant, executable, bindings, 2, &options, error);
  if (window != NULL) {
    vyre_window_wait (
        window, g_get_monotonic_time () + 60 * G_USEC_PER_SEC, &ended);
    done = ended.state == VYRE_WINDOW_DONE;
    if (!done)
      g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LOST,
          "the program did not end well: %s",
          ended.message ? ended.message : "still running after 60 s");
    else
      memcpy (result, output->data, length);
  }
  vyre_tenant_free (tenant);
  return done;
}

/* The counts in the message that vyreinterp posts at the end of the stream. */
static void
print_counts (const GstStructure *kept)
{
  const GValue *value = gst_structure_get_value (kept, "histogram");
  GstBuffer *buffer = gst_value_get_buffer (value);
  GstMapInfo map;

  if (!gst_buffer_map (buffer, &map, GST_MAP_READ))
    return;
  for (gsize i = 0; i < map.size / 4; i++) {
    guint32 count;

    memcpy (&count, map.data + 4 * i, 4);
    g_print ("%3" G_GSIZE_FORMAT " %u\n", i, GUINT32_FROM_LE (count));
  }
  gst_buffer_unmap (buffer, &map);
}

/* Elements take programs as text. */
static gboolean
run_in_pipeline (VyreProgram *program, const char *location, GError **error)
{
  g_autofree char *text = vyre_program_print (program);
  g_autoptr (GstElement) pipeline = gst_parse_launch (
      "filesrc name=source ! vyreinterp name=interp bindings=histogram=keep "
      "! fakesink",
      error);
  g_autoptr (GstElement) source = NULL, interp = NULL;
  g_autoptr (GstBus) bus = NULL;
  gboolean ended = FALSE;

  if (pipeline == NULL)
    return FALSE;
  source = gst_bin_get_by_name (GST_BIN (pipeline), "source");
  interp = gst_bin_get_by_name (GST_BIN (pipeline), "interp");
  g_object_set (source, "location", location, NULL);
  g_object_set (interp, "program", text, NULL);
  bus = gst_element_get_bus (pipeline);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (!ended && *error == NULL) {
    g_autoptr (GstMessage) message =
        gst_bus_timed_pop_filtered (bus, GST_CLOCK_TIME_NONE,
            GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);

    ended = GST_MESSAGE_TYPE (message) == GST_MESSAGE_EOS;
    if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
      gst_message_parse_error (message, error, NULL);
    else if (gst_message_has_name (message, "vyre-kept"))
      print_counts (gst_message_get_structure (message));
  }
  gst_element_set_state (pipeline, GST_STATE_NULL);
  return ended;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) invert = NULL, histogram = NULL;
  g_autofree char *data = NULL, *result = NULL;
  gsize length;

  gst_init (&argc, &argv);
  if (argc != 3) {
    g_printerr ("usage: %s IN OUT\n", argv[0]);
    return 2;
  }
  if (!g_file_get_contents (argv[1], &data, &length, &error))
    goto failed;
  result = g_malloc (length + 1);

  invert = build_invert (&error);
  if (invert == NULL || !run_directly (invert, data, length, result, &error) ||
      !g_file_set_contents (argv[2], result, (gssize) length, &error))
    goto failed;

  histogram = build_histogram (&error);
  if (histogram == NULL || !run_in_pipeline (histogram, argv[1], &error))
    goto failed;
  return 0;

failed:
  g_printerr ("%s\n", error->message);
  return 1;
}
