/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "reference.h"
#include "replay-builtins.h"

#include "hex.h"
#include "ring/words.h"
#include "vir0/blake3.h"
#include "vir0/wire.h"

#include <stdio.h>
#include <string.h>

/* vyre replay: what a pipeline published, run again and compared. */

#define DEFAULT_TIMEOUT 60.0
/* Codes of faults that only our engine has. */
#define FIRST_OWN_FAULT 64
/* Of a digest, in messages. */
#define SHOWN_DIGEST_BYTES 8

typedef struct
{
  char *engine;
  gint device;
  gdouble timeout;
  gboolean all, verbose;
} ReplayArgs;

/* Why a window is not run again. */
typedef enum
{
  LEFT_OUT_UNRECORDED,
  LEFT_OUT_INCOMPLETE,
  LEFT_OUT_SHARED,
  LEFT_OUT_NO_END,
  LEFT_OUT_INCOMPARABLE,
  LEFT_OUT_SYSTEM,
  LEFT_OUT_FILE,
  LEFT_OUT_LIMIT,
  N_LEFT_OUT,
} LeftOut;

static const char *const left_out_reasons[N_LEFT_OUT] = {
  "not recorded",
  "recorded without what it read",
  "shared memory with others in flight",
  "has no end to compare with",
  "its fault is not one that this engine has",
  "used words that the runtime itself changes",
  "the file could not be read then",
  "takes more than this device has room for",
};

typedef struct
{
  const ReplayArgs *args;
  ReplayFile *file;
  CliSession *session; /* NULL for the reference */
  GHashTable *programs; /* GBytes with a digest -> VyreProgram */
  GHashTable *executables; /* VyreProgram -> VyreExecutable */
  guint same, different;
  guint left_out[N_LEFT_OUT];
} Replay;

/* --- programs ------------------------------------------------------------ */

static VyreProgram *
find_program (Replay *replay, const guint8 digest[32], GError **error)
{
  g_autoptr (GBytes) key = g_bytes_new (digest, 32);
  VyreProgram *program = g_hash_table_lookup (replay->programs, key);
  g_autoptr (GBytes) blob = NULL;
  gconstpointer data;
  gsize length;

  if (program != NULL)
    return program;
  blob = replay_file_read_blob (replay->file, digest, error);
  if (blob == NULL)
    return NULL;
  data = g_bytes_get_data (blob, &length);
  program = vyre_program_decode (
      length > 0 ? data : (const void *) "", length, VYRE_WIRE_STRICT, error);
  if (program == NULL)
    return NULL;
  g_hash_table_insert (replay->programs, g_steal_pointer (&key), program);
  return program;
}

static VyreExecutable *
find_executable (Replay *replay, VyreProgram *program, GError **error)
{
  VyreExecutable *executable =
      g_hash_table_lookup (replay->executables, program);

  if (executable != NULL)
    return executable;
  executable = cli_session_load (replay->session, program, error);
  if (executable != NULL)
    g_hash_table_insert (replay->executables, program, executable);
  return executable;
}

/* --- one window ---------------------------------------------------------- */

static gint64
timeout_of (const Replay *replay)
{
  return (gint64) (replay->args->timeout * G_USEC_PER_SEC);
}

static gboolean
can_compare_builtins (const VyreReplayEntry *entry, LeftOut *reason)
{
  switch (replay_builtins_kind (entry)) {
    case REPLAY_BUILTINS_SYSTEM:
      *reason = LEFT_OUT_SYSTEM;
      return FALSE;
    case REPLAY_BUILTINS_FILE:
      *reason = LEFT_OUT_FILE;
      return FALSE;
    case REPLAY_BUILTINS_LOST:
      *reason = LEFT_OUT_NO_END;
      return FALSE;
    default:
      return TRUE;
  }
}

/* FALSE: it is to be left out, for that reason. */
static gboolean
can_compare (
    const Replay *replay, const VyreReplayEntry *entry, LeftOut *reason)
{
  if (entry == NULL)
    *reason = LEFT_OUT_UNRECORDED;
  else if (entry->flags & VYRE_REPLAY_INCOMPLETE)
    *reason = LEFT_OUT_INCOMPLETE;
  else if (entry->flags & VYRE_REPLAY_SHARED)
    *reason = LEFT_OUT_SHARED;
  else if ((entry->state != VYRE_WINDOW_DONE &&
               entry->state != VYRE_WINDOW_FAULT) ||
           entry->code == VYRE_FAULT_LOST)
    *reason = LEFT_OUT_NO_END;
  else if (entry->builtins != NULL)
    return can_compare_builtins (entry, reason);
  else if (entry->state == VYRE_WINDOW_FAULT && replay->session == NULL &&
           entry->code >= FIRST_OWN_FAULT)
    *reason = LEFT_OUT_INCOMPARABLE;
  else
    return TRUE;
  return FALSE;
}

static gboolean
read_inputs (Replay *replay, const VyreProgram *program,
    const VyreReplayEntry *entry, GBytes **inputs, GError **error)
{
  for (guint i = 0; i < program->n_buffers; i++) {
    VyreRole role = vyre_buffer_role (&program->buffers[i]);
    const VyreReplayBuffer *buffer = &entry->buffers[i];

    if (role != VYRE_ROLE_INPUT && role != VYRE_ROLE_INOUT)
      continue;
    if (!buffer->has_contents)
      goto damaged;
    inputs[i] = replay_file_read_blob (replay->file, buffer->contents, error);
    if (inputs[i] == NULL)
      return FALSE;
    if (g_bytes_get_size (inputs[i]) != buffer->length)
      goto damaged;
  }
  return TRUE;

damaged:
  g_set_error_literal (error, VYRE_REPLAY_DATA_ERROR,
      VYRE_REPLAY_DATA_ERROR_DAMAGED,
      "what is recorded of a window does not fit its program");
  return FALSE;
}

/* NULL, or what is different. */
static char *
compare_outputs (const VyreProgram *program, const VyreReplayEntry *entry,
    GBytes *const *outputs)
{
  for (guint i = 0; i < program->n_buffers; i++) {
    g_autofree char *name = vyre_string_display (program->buffers[i].name);
    g_autofree char *before = NULL, *now = NULL;
    guint8 digest[32];
    gconstpointer data;
    gsize length;

    if (outputs[i] == NULL || !entry->buffers[i].has_output)
      continue;
    data = g_bytes_get_data (outputs[i], &length);
    vyre_blake3 (length > 0 ? data : "", length, digest);
    if (memcmp (digest, entry->buffers[i].output, 32) == 0)
      continue;
    before = vyre_hex_dup (entry->buffers[i].output, SHOWN_DIGEST_BYTES);
    now = vyre_hex_dup (digest, SHOWN_DIGEST_BYTES);
    return g_strdup_printf ("buffer \"%s\" of %" G_GSIZE_FORMAT
                            " bytes differs: digest %s then, %s now",
        name, length, before, now);
  }
  return NULL;
}

static gboolean
is_fault (const Replay *replay, const GError *error)
{
  if (replay->session != NULL)
    return g_error_matches (error, CLI_SESSION_ERROR, CLI_SESSION_ERROR_FAULT);
  return error->domain == VYRE_REFERENCE_ERROR &&
         error->code < VYRE_REFERENCE_ERROR_STEPS;
}

/* What became of the window is what it was: *difference is NULL; or not. FALSE:
 * it could not be run. */
static gboolean
run_window (Replay *replay, VyreProgram *program, const VyreReplayEntry *entry,
    GBytes **inputs, GBytes **outputs, char **difference, GError **error)
{
  CliRunOptions options = {
    .grid = entry->flags & VYRE_REPLAY_FIXED_GRID ? entry->grid : NULL,
    /* Those of the reference are of all invocations together. */
    .max_steps = replay->session != NULL ? entry->max_steps : 0,
    .timeout = timeout_of (replay),
  };
  g_autoptr (GError) failure = NULL;
  CliRunResult result = { 0 };
  gboolean done;
  guint fault;

  if (replay->session != NULL) {
    VyreExecutable *executable = find_executable (replay, program, error);

    if (executable == NULL)
      return FALSE;
    done = cli_session_run (replay->session, executable, &options, inputs,
        outputs, &result, &failure);
  } else {
    done = cli_reference_run (
        program, &options, inputs, outputs, &result, &failure);
  }
  if (!done && !is_fault (replay, failure)) {
    g_propagate_error (error, g_steal_pointer (&failure));
    return FALSE;
  }
  fault = done                      ? VYRE_FAULT_NONE
          : replay->session != NULL ? result.fault
                                    : (guint) failure->code;

  if (done && entry->state == VYRE_WINDOW_FAULT)
    *difference = g_strdup_printf (
        "it failed then (%s), and is done now", vyre_fault_name (entry->code));
  else if (!done && entry->state == VYRE_WINDOW_DONE)
    *difference = g_strdup_printf (
        "it was done then, and fails now: %s", failure->message);
  else if (!done && fault != entry->code)
    *difference = g_strdup_printf ("it fails otherwise: %s then, %s now",
        vyre_fault_name (entry->code), vyre_fault_name (fault));
  else if (done)
    *difference = compare_outputs (program, entry, outputs);
  return TRUE;
}

static gboolean
replay_program (Replay *replay, const VyreReplayEntry *entry, char **difference,
    GError **error)
{
  VyreProgram *program = find_program (replay, entry->program, error);
  GBytes **inputs, **outputs;
  gboolean ok;

  if (program == NULL)
    return FALSE;
  if (program->n_buffers != entry->n_buffers) {
    g_set_error_literal (error, VYRE_REPLAY_DATA_ERROR,
        VYRE_REPLAY_DATA_ERROR_DAMAGED,
        "what is recorded of a window does not fit its program");
    return FALSE;
  }
  inputs = g_new0 (GBytes *, program->n_buffers + 1);
  outputs = g_new0 (GBytes *, program->n_buffers + 1);
  ok = read_inputs (replay, program, entry, inputs, error) &&
       run_window (replay, program, entry, inputs, outputs, difference, error);
  for (guint i = 0; i < program->n_buffers; i++) {
    g_clear_pointer (&inputs[i], g_bytes_unref);
    g_clear_pointer (&outputs[i], g_bytes_unref);
  }
  g_free (inputs);
  g_free (outputs);
  return ok;
}

static gboolean
replay_window (Replay *replay, const VyreReplayEntry *entry, char **difference,
    GError **error)
{
  if (entry->builtins == NULL)
    return replay_program (replay, entry, difference, error);
  return replay_builtins_run (replay->file, replay->session, entry,
      timeout_of (replay), difference, error);
}

/* --- all of them --------------------------------------------------------- */

static char *
content_of (const VyreReplayEntry *entry)
{
  g_autofree char *text = NULL;

  if (entry->builtins != NULL) {
    text = replay_builtins_describe (entry);
    return g_strconcat (", ", text, NULL);
  }
  text = vyre_hex_dup (entry->program, SHOWN_DIGEST_BYTES);
  return g_strconcat (", program ", text, NULL);
}

static void
say (const ReplayStep *step, guint number, const char *what)
{
  gint64 us =
      (gint64) MIN (step->record.time_ns / 1000, (guint64) G_MAXINT64 / 1000);
  g_autoptr (GDateTime) time =
      g_date_time_new_from_unix_utc (us / G_USEC_PER_SEC);
  g_autofree char *text =
      time != NULL ? g_date_time_format (time, "%Y-%m-%dT%H:%M:%S") : NULL;
  g_autofree char *content =
      step->entry != NULL ? content_of (step->entry) : NULL;

  printf ("window %u (%s.%06dZ, tenant %u, slot %u%s): %s\n", number,
      text != NULL ? text : "?", (int) (us % G_USEC_PER_SEC),
      step->record.tenant, step->record.slot, content != NULL ? content : "",
      what);
}

static void
leave_out (Replay *replay, const ReplayStep *step, guint number, LeftOut reason)
{
  replay->left_out[reason]++;
  if (replay->args->verbose)
    say (step, number, left_out_reasons[reason]);
}

static gboolean
replay_all (Replay *replay, GError **error)
{
  const GArray *steps = replay_file_get_steps (replay->file);

  for (guint i = 0; i < steps->len; i++) {
    const ReplayStep *step = &g_array_index (steps, ReplayStep, i);
    g_autofree char *difference = NULL;
    g_autoptr (GError) failure = NULL;
    LeftOut reason;

    if (!can_compare (replay, step->entry, &reason)) {
      leave_out (replay, step, i, reason);
      continue;
    }
    if (!replay_window (replay, step->entry, &difference, &failure)) {
      if (step->entry->builtins != NULL &&
          g_error_matches (
              failure, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LIMIT)) {
        leave_out (replay, step, i, LEFT_OUT_LIMIT);
        continue;
      }
      g_propagate_prefixed_error (
          error, g_steal_pointer (&failure), "window %u: ", i);
      return FALSE;
    }
    if (difference == NULL) {
      replay->same++;
      if (replay->args->verbose)
        say (step, i, "the same");
      continue;
    }
    replay->different++;
    say (step, i, difference);
    if (!replay->args->all)
      break;
  }
  return TRUE;
}

static void
print_summary (const Replay *replay)
{
  guint left_out = 0;

  printf ("%u run again, %u the same, %u different",
      replay->same + replay->different, replay->same, replay->different);
  for (guint i = 0; i < N_LEFT_OUT; i++)
    left_out += replay->left_out[i];
  if (left_out > 0)
    printf ("; %u left out", left_out);
  putchar ('\n');
  for (guint i = 0; i < N_LEFT_OUT; i++) {
    if (replay->left_out[i] > 0)
      printf ("  %u: %s\n", replay->left_out[i], left_out_reasons[i]);
  }
}

static int
replay_path (const char *path, const ReplayArgs *args)
{
  Replay replay = { .args = args };
  g_autoptr (ReplayFile) file = NULL;
  g_autoptr (CliSession) session = NULL;
  g_autoptr (GHashTable) programs =
      g_hash_table_new_full (g_bytes_hash, g_bytes_equal,
          (GDestroyNotify) g_bytes_unref, (GDestroyNotify) vyre_program_unref);
  g_autoptr (GHashTable) executables = NULL;
  g_autoptr (GError) error = NULL;
  gboolean ok;

  file = replay_file_open (path, &error);
  if (file == NULL)
    goto failed;
  if (replay_file_get_damage (file) != NULL)
    cli_error ("replay", "%s; what is behind it is left out",
        replay_file_get_damage (file));
  if (!cli_is_reference (args->engine)) {
    session = cli_session_new (args->device, args->engine, &error);
    if (session == NULL)
      goto failed;
  }
  executables = g_hash_table_new_full (
      NULL, NULL, NULL, (GDestroyNotify) vyre_executable_unref);
  replay.file = file;
  replay.session = session;
  replay.programs = programs;
  replay.executables = executables;
  ok = replay_all (&replay, &error);
  print_summary (&replay);
  /* Before the session that they belong to. */
  g_hash_table_remove_all (executables);
  if (!ok)
    goto failed;
  if (replay.same + replay.different == 0) {
    g_set_error (&error, VYRE_REPLAY_DATA_ERROR, VYRE_REPLAY_DATA_ERROR_FORMAT,
        "%s: no window of it can be run again", path);
    goto failed;
  }
  return replay.different == 0 ? CLI_OK : CLI_FAILURE;

failed:
  cli_error ("replay", "%s", error->message);
  return CLI_FAILURE;
}

int
cli_replay (int argc, char **argv)
{
  ReplayArgs args = { .device = -1, .timeout = DEFAULT_TIMEOUT };
  const GOptionEntry options[] = {
    CLI_OPTION_ENGINE ("the windows", &args.engine),
    CLI_OPTION_DEVICE (&args.device),
    { "timeout", 't', 0, G_OPTION_ARG_DOUBLE, &args.timeout,
        "Seconds that a window may take, 0 for no limit (60)", "SECONDS" },
    { "all", 'a', 0, G_OPTION_ARG_NONE, &args.all,
        "Go on after the first difference", NULL },
    { "verbose", 'v', 0, G_OPTION_ARG_NONE, &args.verbose,
        "Say something about every window", NULL },
    { NULL },
  };
  int result = CLI_USAGE;

  if (cli_parse ("replay", &argc, &argv, options, "FILE",
          "Runs again what a process that was started with\n"
          "VYRE_REPLAY_LOG=FILE published, programs and builtins, and "
          "compares\n"
          "the outcomes. What depended on chance, or cannot be run again, is\n"
          "left out and counted. Needs FILE and FILE.data.",
          1, 1) &&
      cli_check_engine ("replay", args.engine)) {
    if (!(args.timeout >= 0 && args.timeout <= 1e9))
      cli_error ("replay", "--timeout is from 0 to 1000000000 seconds");
    else if (cli_is_reference (args.engine) && args.device >= 0)
      cli_error ("replay", "--device is not for the reference");
    else
      result = replay_path (argv[1], &args);
  }
  g_free (args.engine);
  return result;
}
