/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "reference.h"

#include <stdio.h>
#include <string.h>

/* vyre run: one dispatch of a program, files in and files out. */

#define MAX_INPUT_FILE ((gsize) 1 << 30)
#define DEFAULT_MAX_STEPS 1000000000

/* Bytes of each buffer. */
typedef struct
{
  GBytes **inputs, **outputs;
  /* Returned bytes that count, for a buffer whose length follows from that of
   * a padded one; -1: all. */
  gssize *kept;
} Buffers;

typedef struct
{
  char **in, **zeros, **hex, **out;
  char *engine, *grid;
  gint device;
  gint64 max_steps;
  gdouble timeout;
  gboolean stats, dump;
} RunArgs;

/* Index of the buffer in "NAME=VALUE", -1 with the error set. */
static int
assigned_buffer (const VyreProgram *program, const char *option,
    const char *text, const char **value, GError **error)
{
  g_autofree char *name = cli_split_assignment (text, value);
  VyreString string;
  int index;

  if (!name) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "%s %s: NAME=VALUE is expected", option, text);
    return -1;
  }
  string = (VyreString){ name, (guint32) strlen (name) };
  index = vyre_program_find_buffer (program, string);
  if (index < 0)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "%s: the program has no buffer \"%s\"; vyre info lists them", option,
        name);
  return index;
}

static GBytes *
bytes_from_hex (const char *text, GError **error)
{
  gsize length = strlen (text);
  guint8 *data = g_malloc (length / 2 + 1);

  for (gsize i = 0; i + 1 < length; i += 2) {
    int high = g_ascii_xdigit_value (text[i]);
    int low = g_ascii_xdigit_value (text[i + 1]);

    if (high < 0 || low < 0)
      goto bad;
    data[i / 2] = (guint8) (high << 4 | low);
  }
  if (length % 2 == 0)
    return g_bytes_new_take (data, length / 2);

bad:
  g_free (data);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      "--hex: \"%s\" is no even number of hex digits", text);
  return NULL;
}

static GBytes *
zero_bytes (const char *text, GError **error)
{
  guint64 length;

  if (!g_ascii_string_to_unsigned (
          text, 10, 0, MAX_INPUT_FILE, &length, NULL)) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "--zeros: \"%s\" is no number of bytes up to %" G_GSIZE_FORMAT, text,
        MAX_INPUT_FILE);
    return NULL;
  }
  return g_bytes_new_take (g_malloc0 (MAX (length, 1)), length);
}

typedef GBytes *(*ReadValue) (const char *value, GError **error);

static GBytes *
file_bytes (const char *path, GError **error)
{
  return cli_read_file (path, MAX_INPUT_FILE, error);
}

static gboolean
gather (const VyreProgram *program, const char *option, char **list,
    ReadValue read, GBytes **inputs, GError **error)
{
  for (char **text = list; text && *text; text++) {
    const char *value;
    int index = assigned_buffer (program, option, *text, &value, error);
    VyreRole role;

    if (index < 0)
      return FALSE;
    role = vyre_buffer_role (&program->buffers[index]);
    if (inputs[index] || role == VYRE_ROLE_OUTPUT ||
        role == VYRE_ROLE_WORKGROUP) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
          "%s %s: the buffer %s", option, *text,
          inputs[index] ? "was given before" : "takes no data");
      return FALSE;
    }
    inputs[index] = read (value, error);
    if (!inputs[index])
      return FALSE;
  }
  return TRUE;
}

/* As in vyreinterp: an "output" that is sized at run time is as long as the
 * "input", which is padded to whole elements; what the padding gives is cut
 * off again. */
static gboolean
follow_input (const VyreProgram *program, Buffers *buffers, guint index)
{
  const VyreBuffer *buffer = &program->buffers[index];
  VyreString name = { "input", strlen ("input") };
  int input = vyre_program_find_buffer (program, name);
  gsize length, stride, padded;
  guint8 *data;

  if (buffer->count > 0 || !vyre_string_is (buffer->name, "output") ||
      input < 0 || !buffers->inputs[input])
    return FALSE;

  length = g_bytes_get_size (buffers->inputs[input]);
  stride = MAX (vyre_type_stride (program->buffers[input].element), 1);
  padded = (length + stride - 1) / stride * stride;
  data = g_malloc0 (padded + 1);
  if (length > 0)
    memcpy (data, g_bytes_get_data (buffers->inputs[input], NULL), length);
  g_bytes_unref (buffers->inputs[input]);
  buffers->inputs[input] = g_bytes_new_take (data, padded);
  buffers->inputs[index] = g_bytes_new_take (g_malloc0 (padded + 1), padded);
  buffers->kept[index] = length;
  return TRUE;
}

/* Says which option is missing, which the session cannot know. */
static gboolean
complete_inputs (const VyreProgram *program, Buffers *buffers, GError **error)
{
  for (guint32 i = 0; i < program->n_buffers; i++) {
    const VyreBuffer *buffer = &program->buffers[i];
    VyreRole role = vyre_buffer_role (buffer);
    g_autofree char *name = NULL;
    guint64 bytes = 0;

    if (buffers->inputs[i] ||
        (role != VYRE_ROLE_INPUT && role != VYRE_ROLE_INOUT) ||
        (role == VYRE_ROLE_INOUT && follow_input (program, buffers, i)))
      continue;
    name = vyre_string_display (buffer->name);
    if (!vyre_type_static_size (buffer->element, buffer->count, &bytes))
      bytes = 0;
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
        "buffer \"%s\" needs data: give --in %s=FILE or --zeros "
        "%s=%" G_GUINT64_FORMAT,
        name, name, name, bytes);
    return FALSE;
  }
  return TRUE;
}

static gboolean
parse_grid (const char *text, guint32 grid[3], GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, ",", -1);
  guint n = g_strv_length (parts);

  if (n < 1 || n > 3)
    goto bad;
  for (guint i = 0; i < 3; i++) {
    guint64 value = 1;

    if (i < n && !g_ascii_string_to_unsigned (
                     parts[i], 10, 1, G_MAXUINT32, &value, NULL))
      goto bad;
    grid[i] = (guint32) value;
  }
  return TRUE;

bad:
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
      "--grid %s: one to three numbers of workgroups, such as 4,4,1, are "
      "expected",
      text);
  return FALSE;
}

/* Outputs that no --out asks for are shown by size and first bytes. */
static void
print_output (const VyreBuffer *buffer, const guint8 *data, gsize length)
{
  g_autofree char *name = vyre_string_display (buffer->name);

  printf ("%s: %" G_GSIZE_FORMAT " bytes", name, length);
  for (gsize i = 0; i < MIN (length, 64); i++)
    printf ("%s%02x", i == 0 ? ": " : "", data[i]);
  printf ("%s\n", length > 64 ? "..." : "");
}

static const guint8 *
returned (const Buffers *buffers, guint index, gsize *length)
{
  const guint8 *data = g_bytes_get_data (buffers->outputs[index], length);

  if (buffers->kept[index] >= 0)
    *length = MIN (*length, (gsize) buffers->kept[index]);
  return data;
}

static gboolean
write_outputs (const VyreProgram *program, char **list, const Buffers *buffers,
    GError **error)
{
  const guint8 *data;
  gsize length;

  if (!list) {
    for (guint32 i = 0; i < program->n_buffers; i++) {
      if (!buffers->outputs[i])
        continue;
      data = returned (buffers, i, &length);
      print_output (&program->buffers[i], data, length);
    }
    return TRUE;
  }
  for (char **text = list; *text; text++) {
    const char *path;
    int index = assigned_buffer (program, "--out", *text, &path, error);

    if (index < 0)
      return FALSE;
    data = returned (buffers, index, &length);
    if (!cli_write_file (path, data, length, error))
      return FALSE;
  }
  return TRUE;
}

/* Before anything runs. */
static gboolean
check_outputs (const VyreProgram *program, char **list, GError **error)
{
  for (char **text = list; text && *text; text++) {
    const char *path;
    int index = assigned_buffer (program, "--out", *text, &path, error);
    VyreRole role;

    if (index < 0)
      return FALSE;
    role = vyre_buffer_role (&program->buffers[index]);
    if (role != VYRE_ROLE_OUTPUT && role != VYRE_ROLE_INOUT) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
          "--out %s: the buffer is not returned", *text);
      return FALSE;
    }
  }
  return TRUE;
}

static void
print_stats (CliSession *session, const CliRunResult *result)
{
  const char *reason;
  VyreRuntime *runtime = cli_session_get_runtime (session);
  VyreResidency residency = vyre_runtime_get_residency (runtime, &reason);

  fprintf (stderr,
      "device:    %s\nresidency: %s (%s)\ntime:      %.3f ms\n"
      "steps:     %" G_GUINT64_FORMAT "\nslices:    %u\n",
      vyre_runtime_get_device_info (runtime)->name,
      residency == VYRE_RESIDENCY_RESIDENT ? "resident" : "sliced", reason,
      result->duration / 1e3, result->steps, result->slices);
}

static gboolean
gather_inputs (const RunArgs *args, const VyreProgram *program,
    Buffers *buffers, GError **error)
{
  GBytes **inputs = buffers->inputs;

  return gather (program, "--in", args->in, file_bytes, inputs, error) &&
         gather (program, "--hex", args->hex, bytes_from_hex, inputs, error) &&
         gather (program, "--zeros", args->zeros, zero_bytes, inputs, error) &&
         complete_inputs (program, buffers, error) &&
         check_outputs (program, args->out, error);
}

/* On a device. */
static gboolean
run_session (const RunArgs *args, VyreProgram *program,
    const CliRunOptions *options, Buffers *buffers, GError **error)
{
  g_autoptr (CliSession) session =
      cli_session_new (args->device, args->engine, error);
  g_autoptr (VyreExecutable) executable = NULL;
  CliRunResult result = { 0 };

  if (!session)
    return FALSE;
  executable = cli_session_load (session, program, error);
  if (!executable)
    return FALSE;
  if (args->dump) {
    g_autofree char *dump = vyre_executable_dump (executable);

    fputs (dump, stderr);
  }
  if (!cli_session_run (session, executable, options, buffers->inputs,
          buffers->outputs, &result, error))
    return FALSE;
  if (args->stats)
    print_stats (session, &result);
  return TRUE;
}

static gboolean
run_reference (const RunArgs *args, VyreProgram *program,
    const CliRunOptions *options, Buffers *buffers, GError **error)
{
  CliRunResult result = { 0 };

  if (!cli_reference_run (
          program, options, buffers->inputs, buffers->outputs, &result, error))
    return FALSE;
  if (args->stats)
    fprintf (stderr, "time:      %.3f ms\nsteps:     %" G_GUINT64_FORMAT "\n",
        result.duration / 1e3, result.steps);
  return TRUE;
}

static gboolean
run_program (
    const RunArgs *args, VyreProgram *program, Buffers *buffers, GError **error)
{
  CliRunOptions options = {
    .max_steps = args->max_steps,
    .timeout = (gint64) (args->timeout * G_USEC_PER_SEC),
  };
  guint32 grid[3];

  if (args->grid) {
    if (!parse_grid (args->grid, grid, error))
      return FALSE;
    options.grid = grid;
  }
  if (!gather_inputs (args, program, buffers, error))
    return FALSE;

  if (!(cli_is_reference (args->engine) ? run_reference : run_session) (
          args, program, &options, buffers, error))
    return FALSE;
  return write_outputs (program, args->out, buffers, error);
}

static int
load_and_run (const char *name, const RunArgs *args)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = cli_load_program (name, NULL, &error);
  Buffers buffers;
  gboolean ok;
  guint n;

  if (!program) {
    cli_error ("run", "%s", error->message);
    return CLI_FAILURE;
  }
  n = program->n_buffers;
  buffers.inputs = g_new0 (GBytes *, n + 1);
  buffers.outputs = g_new0 (GBytes *, n + 1);
  buffers.kept = g_new (gssize, n + 1);
  for (guint i = 0; i < n; i++)
    buffers.kept[i] = -1;
  ok = run_program (args, program, &buffers, &error);
  for (guint i = 0; i < n; i++) {
    g_clear_pointer (&buffers.inputs[i], g_bytes_unref);
    g_clear_pointer (&buffers.outputs[i], g_bytes_unref);
  }
  g_free (buffers.inputs);
  g_free (buffers.outputs);
  g_free (buffers.kept);
  if (ok)
    return CLI_OK;
  cli_error ("run", "%s", error->message);
  return error->domain == G_OPTION_ERROR ? CLI_USAGE : CLI_FAILURE;
}

int
cli_run (int argc, char **argv)
{
  RunArgs args = { .device = -1, .max_steps = DEFAULT_MAX_STEPS };
  const GOptionEntry options[] = {
    { "in", 'i', 0, G_OPTION_ARG_FILENAME_ARRAY, &args.in,
        "Bytes of an input buffer (- is standard input)", "NAME=FILE" },
    { "hex", 'x', 0, G_OPTION_ARG_STRING_ARRAY, &args.hex,
        "Bytes of an input buffer in hex", "NAME=DIGITS" },
    { "zeros", 'z', 0, G_OPTION_ARG_STRING_ARRAY, &args.zeros,
        "An input buffer of so many zero bytes", "NAME=BYTES" },
    { "out", 'o', 0, G_OPTION_ARG_FILENAME_ARRAY, &args.out,
        "Where a returned buffer goes (- is standard output); without any, "
        "all are shown",
        "NAME=FILE" },
    { "grid", 'g', 0, G_OPTION_ARG_STRING, &args.grid,
        "Workgroups to run instead of the number by rule", "X[,Y[,Z]]" },
    { "max-steps", 's', 0, G_OPTION_ARG_INT64, &args.max_steps,
        "Steps an invocation may take, or with the reference all of them, 0 "
        "for "
        "no limit (1000000000)",
        "N" },
    { "timeout", 't', 0, G_OPTION_ARG_DOUBLE, &args.timeout,
        "Seconds to wait, 0 for no limit (0)", "SECONDS" },
    CLI_OPTION_ENGINE ("the program", &args.engine),
    CLI_OPTION_DEVICE (&args.device),
    { "stats", 0, 0, G_OPTION_ARG_NONE, &args.stats,
        "Say on standard error where and how long it ran", NULL },
    { "dump", 0, 0, G_OPTION_ARG_NONE, &args.dump,
        "Print the register code to standard error", NULL },
    { NULL },
  };
  int result = CLI_USAGE;

  if (cli_parse ("run", &argc, &argv, options, "PROGRAM",
          "Runs PROGRAM once. Every input and inout buffer needs\n"
          "data, but for an \"output\" that is sized at run time: it is as\n"
          "long as the \"input\". vyre info lists the buffers.",
          1, 1) &&
      cli_check_engine ("run", args.engine)) {
    if (args.max_steps < 0 || args.timeout < 0)
      cli_error ("run", "--max-steps and --timeout are not negative");
    else if (cli_is_reference (args.engine) && (args.dump || args.device >= 0))
      cli_error ("run", "--dump and --device are not for the reference");
    else
      result = load_and_run (argv[1], &args);
  }
  g_strfreev (args.in);
  g_strfreev (args.hex);
  g_strfreev (args.zeros);
  g_strfreev (args.out);
  g_free (args.engine);
  g_free (args.grid);
  return result;
}
