/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every recorded case that lowers flat, compiled: bytes and faults are the
 * recorded ones, within the tolerances. */
#include "../fixture-tools.h"
#include "run.h"

#include "conform-expect.h"
#include "conform.h"
#include "vir0/wire.h"

#include <string.h>

static guint n_run, n_faults, n_grouped, n_refused;

static JsonObject *
member (JsonObject *object, const char *name)
{
  return json_object_get_object_member (object, name);
}

/* What is bound: recorded bytes, or zeros for outputs. */
static GByteArray *
initial (const VyreBuffer *buffer, JsonObject *recorded)
{
  const char *hex = text_of (recorded, "input_hex");
  GByteArray *bytes;
  guint64 size = 0;

  if (vyre_buffer_role (buffer) != VYRE_ROLE_OUTPUT)
    return from_hex (hex ? hex : "");
  if (buffer->count > 0)
    vyre_type_static_size (buffer->element, buffer->count, &size);
  bytes = g_byte_array_new ();
  g_byte_array_set_size (bytes, (guint) size);
  if (size > 0)
    memset (bytes->data, 0, size);
  return bytes;
}

static GBytes *
returned (const VyreBuffer *buffer, const GByteArray *bytes)
{
  gsize start = 0, end = bytes->len;

  if (buffer->has_output_range && buffer->range_end <= end) {
    start = buffer->range_start;
    end = buffer->range_end;
  }
  return g_bytes_new (bytes->data + start, end - start);
}

static void
compare (const ConformCase *c, const VyreProgram *program, JsonArray *recorded,
    GPtrArray *buffers, ConformTally *tally)
{
  Survey survey;

  survey_program (program, &survey);
  for (guint i = 0; i < program->n_buffers; i++) {
    const char *hex =
        text_of (json_array_get_object_element (recorded, i), "output_hex");
    g_autoptr (GBytes) wanted = NULL, got = NULL;
    g_autofree char *why = NULL;

    if (hex == NULL)
      continue;
    wanted = g_byte_array_free_to_bytes (from_hex (hex));
    got = returned (&program->buffers[i], buffers->pdata[i]);
    if (!conform_compare (c, program, &survey, i, wanted, got, tally, &why))
      g_error ("%s: buffer %u %s", c->name, i, why);
  }
}

static void
run_case (const char *folder, const char *entry, guint unroll, guint registers)
{
  g_autofree char *name =
      g_strdup_printf ("%s/%.*s", folder, (int) strlen (entry) - 5, entry);
  g_autofree char *base =
      g_build_filename (g_getenv ("VYRE_FIXTURES"), name, NULL);
  g_autofree char *json = g_strconcat (base, ".json", NULL);
  g_autofree char *vir0 = g_strconcat (base, ".vir0", NULL);
  g_autoptr (JsonParser) parser = NULL;
  g_autoptr (GPtrArray) buffers =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_byte_array_unref);
  g_autoptr (GBytes) blob = NULL;
  g_autoptr (VyreProgram) program = load_program (vir0, &blob);
  g_autoptr (GHashTable) errors =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreLowered) lowered = NULL;
  g_autofree guint64 *lengths = g_new0 (guint64, program->n_buffers + 1);
  VyreLowerOptions lower = { registers };
  ConformCase c = { .name = name };
  ConformTally tally = { errors, 0 };
  g_autoptr (JitProgram) compiled = NULL;
  VyreJitOptions jit = { .unroll = unroll };
  JitRunOptions options = { .tiles = 2 };
  JitRunResult result;
  JsonArray *recorded;
  guint32 grid[3];
  gboolean faults;

  c.meta = load_json (json, &parser);
  c.blob = blob;
  recorded = json_object_get_array_member (c.meta, "buffers");
  faults = strcmp (text_of (member (c.meta, "run"), "status"), "ok") != 0;
  lowered = vyre_lower (program, &lower, &error);
  if (lowered == NULL || g_str_equal (name, "runtime_error/input_too_short")) {
    n_refused++;
    return;
  }
  g_test_message ("%s", name);
  for (guint i = 0; i < program->n_buffers; i++) {
    g_ptr_array_add (buffers, initial (&program->buffers[i],
                                  json_array_get_object_element (recorded, i)));
    lengths[i] = ((GByteArray *) buffers->pdata[i])->len;
  }
  if (!vyre_grid_compute (
          program, lowered->has_atomics, lengths, grid, &error)) {
    n_refused++;
    return;
  }
  compiled = jit_program_new (lowered, &jit, &error);
  g_assert_no_error (error);
  n_grouped += lowered->grouped;
  jit_program_run (
      compiled, &options, (GByteArray **) buffers->pdata, grid, &result);
  if (faults) {
    g_assert_cmpuint (result.code, ==,
        conform_expected_fault (text_of (member (c.meta, "run"), "error")));
    n_faults++;
    return;
  }
  g_assert_cmpuint (result.code, ==, 0);
  compare (&c, program, recorded, buffers, &tally);
  n_run++;
}

static void
run_folder (const char *folder, guint unroll, guint registers)
{
  const char *fixtures = g_getenv ("VYRE_FIXTURES");
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GDir) dir = NULL;
  const char *entry;

  if (fixtures == NULL || *fixtures == '\0') {
    g_test_skip ("VYRE_FIXTURES names no folder of fixtures");
    return;
  }
  if (jit_device () == NULL) {
    g_test_skip ("there is no device");
    return;
  }
  n_run = n_faults = n_grouped = n_refused = 0;
  path = g_build_filename (fixtures, folder, NULL);
  dir = g_dir_open (path, 0, &error);
  g_assert_no_error (error);
  while ((entry = g_dir_read_name (dir)) != NULL)
    if (g_str_has_suffix (entry, ".vir0"))
      run_case (folder, entry, unroll, registers);
  g_assert_cmpuint (n_run + n_faults, >=, 10);
  g_print ("# %s: %u as recorded, %u with the recorded fault, %u grouped, %u "
           "not lowered\n",
      folder, n_run, n_faults, n_grouped, n_refused);
}

/* Recorded buffers are small: with one invocation to a lane some batches lie
 * within them. Wider ones cost the driver much time. */
static void
test_folder (gconstpointer folder)
{
  gboolean longer = g_strcmp0 (g_getenv ("VYRE_TEST_LONG"), "1") == 0;

  run_folder (folder, 1, 64);
  if (longer || strcmp (folder, "realistic") == 0)
    run_folder (folder, 0, 8);
  if (longer)
    run_folder (folder, 4, 64);
}

int
main (int argc, char **argv)
{
  static const char *const folders[] = { "features", "ops", "realistic",
    "runtime_error" };
  int result;

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *path = g_strconcat ("/jit/fixtures/", folders[i], NULL);

    g_test_add_data_func (path, folders[i], test_folder);
  }
  result = g_test_run ();
  jit_print_times ();
  return result;
}
