/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every runnable fixture is lowered, verified and evaluated, and its bytes and
 * its grid are compared with the recorded ones. */
#include <stdlib.h>
#include <string.h>

#include "../fixture-tools.h"
#include "eval.h"
#include "lower/isa.h"
#include "vir0/wire.h"

static GByteArray *
initial (const VyreBuffer *decl, JsonObject *buffer)
{
  const char *hex = text_of (buffer, "input_hex");
  GByteArray *bytes;
  guint64 size = 0;

  if (vyre_buffer_role (decl) != VYRE_ROLE_OUTPUT)
    return from_hex (hex != NULL ? hex : "");
  if (decl->count != 0 &&
      !vyre_type_static_size (decl->element, decl->count, &size))
    size = 0; /* the grid rule refuses it */
  bytes = g_byte_array_new ();
  g_byte_array_set_size (bytes, (guint) size);
  if (size != 0)
    memset (bytes->data, 0, size);
  return bytes;
}

static guint32
ulp_distance (guint32 a, guint32 b)
{
  guint32 x = a >> 31 ? ~a : a | 0x80000000u;
  guint32 y = b >> 31 ? ~b : b | 0x80000000u;

  if ((a << 1 | b << 1) == 0)
    return 0;
  return x > y ? x - y : y - x;
}

static int
compare_words (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, 4);
}

static void
compare (const char *name, const VyreBuffer *decl, GByteArray *got,
    GByteArray *expected, gboolean exact)
{
  gboolean sorted = g_str_equal (name, "atomic_ticket_order") ||
                    g_str_equal (name, "stream_compaction_atomic");
  guint64 start = 0, end = got->len;

  if (decl->has_output_range && decl->range_end <= got->len) {
    start = decl->range_start;
    end = decl->range_end;
  }
  g_assert_cmpuint (end - start, ==, expected->len);
  if (sorted) {
    qsort (got->data, got->len / 4, 4, compare_words);
    qsort (expected->data, expected->len / 4, 4, compare_words);
  }
  if (decl->element->kind != VYRE_TYPE_F32 || exact) {
    g_assert_cmpmem (
        got->data + start, end - start, expected->data, expected->len);
    return;
  }
  for (guint i = 0; i + 4 <= expected->len; i += 4) {
    guint32 a, b;

    memcpy (&a, got->data + start + i, 4);
    memcpy (&b, expected->data + i, 4);
    if (a != b && ulp_distance (a, b) > 128)
      g_error ("%s: element %u is %08x instead of %08x", name, i / 4, a, b);
  }
}

static gboolean
same_order_needed (const char *name)
{
  /* One rests on one-statement rounds, in the other 200 lanes race. */
  return !g_str_equal (name, "lockstep_order") &&
         !g_str_equal (name, "pg_nodes_quirk");
}

/* Sin and the like; their results follow the host's library. */
static gboolean
is_exact (const VyreLowered *lowered)
{
  for (guint i = 0; i < lowered->n_instructions; i++)
    if ((lowered->code[i * 2] & 0x7f) >= VYRE_I_FSIN ||
        (lowered->code[i * 2] & 0x7f) == VYRE_I_FMIN ||
        (lowered->code[i * 2] & 0x7f) == VYRE_I_FMAX)
      return FALSE;
  return TRUE;
}

static void
check_grid (const VyreProgram *program, JsonObject *root, gboolean atomics,
    GByteArray **buffers, guint32 grid[3])
{
  JsonObject *dispatch = json_object_get_object_member (root, "dispatch");
  JsonArray *count = json_object_get_array_member (dispatch, "workgroup_count");
  g_autofree guint64 *lengths = g_new0 (guint64, program->n_buffers + 1);
  g_autoptr (GError) error = NULL;

  for (guint i = 0; i < program->n_buffers; i++)
    lengths[i] = buffers[i]->len;
  g_assert_true (vyre_grid_compute (program, atomics, lengths, grid, &error));
  g_assert_no_error (error);
  for (guint axis = 0; axis < 3; axis++)
    g_assert_cmpuint (grid[axis], ==, json_array_get_int_element (count, axis));
}

static void
run_one (
    const char *base, const char *name, guint max_registers, gboolean may_fail)
{
  g_autofree char *json = g_strdup_printf ("%s.json", base);
  g_autofree char *vir0 = g_strdup_printf ("%s.vir0", base);
  g_autoptr (JsonParser) parser = NULL;
  JsonObject *root = load_json (json, &parser);
  const char *status =
      text_of (json_object_get_object_member (root, "run"), "status");
  JsonArray *array = json_object_get_array_member (root, "buffers");
  g_autoptr (VyreProgram) program = load_program (vir0, NULL);
  g_autoptr (VyreLowered) lowered = NULL;
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) buffers =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_byte_array_unref);
  VyreLowerOptions options = { max_registers };
  EvalResult result;
  guint32 grid[3];

  g_test_message ("%s", name);
  lowered = vyre_lower (program, &options, &error);
  if (lowered == NULL) {
    g_test_message ("refused: %s", error->message);
    g_assert_cmpint (error->code, !=, VYRE_LOWER_ERROR_VERIFY);
    if (!may_fail)
      g_error ("%s is refused: %s", name, error->message);
    return;
  }
  if (may_fail && !g_str_equal (status, "ok")) {
    g_autofree guint64 *lengths = g_new0 (guint64, program->n_buffers + 1);

    for (guint i = 0; i < program->n_buffers; i++) {
      g_ptr_array_add (buffers, initial (&program->buffers[i],
                                    json_array_get_object_element (array, i)));
      lengths[i] = ((GByteArray *) buffers->pdata[i])->len;
    }
    if (g_str_equal (name, "input_too_short"))
      return; /* for the host to notice */
    if (!vyre_grid_compute (
            program, lowered->has_atomics, lengths, grid, &error))
      return;
    eval_run (lowered, (GByteArray **) buffers->pdata, grid, 0, &result);
    if (result.fault.code == 0)
      g_error ("%s runs without a fault", name);
    return;
  }

  g_assert_cmpstr (status, ==, "ok");
  g_assert_cmpuint (json_array_get_length (array), ==, program->n_buffers);
  for (guint i = 0; i < program->n_buffers; i++)
    g_ptr_array_add (buffers, initial (&program->buffers[i],
                                  json_array_get_object_element (array, i)));
  check_grid (program, root, lowered->has_atomics,
      (GByteArray **) buffers->pdata, grid);
  eval_run (lowered, (GByteArray **) buffers->pdata, grid, 0, &result);
  if (result.fault.code != 0)
    g_error ("%s faults: R%02u at instruction %u, address %u", name,
        result.fault.code, result.fault.at, result.fault.address);
  if (g_getenv ("VYRE_TEST_COST") != NULL)
    g_print ("# %s: %u instructions, %u registers, %" G_GUINT64_FORMAT
             " lane-steps\n",
        name, lowered->n_instructions, lowered->n_registers, result.steps);
  for (guint i = 0; i < program->n_buffers && same_order_needed (name); i++) {
    const char *hex =
        text_of (json_array_get_object_element (array, i), "output_hex");
    g_autoptr (GByteArray) expected = hex != NULL ? from_hex (hex) : NULL;

    if (expected != NULL)
      compare (name, &program->buffers[i], buffers->pdata[i], expected,
          is_exact (lowered));
  }
}

static void
run_folder (
    const char *folder, guint max_registers, guint at_least, gboolean may_fail)
{
  const char *fixtures = g_getenv ("VYRE_FIXTURES");
  g_autofree char *path = NULL;
  g_autoptr (GError) error = NULL;
  GDir *dir;
  const char *entry;
  guint n = 0;

  if (fixtures == NULL || fixtures[0] == '\0') {
    g_test_skip ("VYRE_FIXTURES is not set");
    return;
  }
  path = g_build_filename (fixtures, folder, NULL);
  dir = g_dir_open (path, 0, &error);
  g_assert_no_error (error);
  while ((entry = g_dir_read_name (dir)) != NULL) {
    g_autofree char *name = NULL, *base = NULL;

    if (!g_str_has_suffix (entry, ".vir0"))
      continue;
    name = g_strndup (entry, strlen (entry) - 5);
    base = g_build_filename (path, name, NULL);
    run_one (base, name, max_registers, may_fail);
    n++;
  }
  g_dir_close (dir);
  g_assert_cmpuint (n, >=, at_least);
}

static void
test_realistic (void)
{
  run_folder ("realistic", 64, 37, FALSE);
}

static void
test_features (void)
{
  run_folder ("features", 64, 90, FALSE);
}

static void
test_ops (void)
{
  run_folder ("ops", 64, 178, FALSE);
}

static void
test_spilled (void)
{
  run_folder ("realistic", 8, 37, FALSE);
  run_folder ("ops", 8, 178, FALSE);
  run_folder ("features", 8, 90, FALSE);
}

static void
test_runtime_error (void)
{
  run_folder ("runtime_error", 64, 30, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lower/fixtures/realistic", test_realistic);
  g_test_add_func ("/lower/fixtures/features", test_features);
  g_test_add_func ("/lower/fixtures/ops", test_ops);
  g_test_add_func ("/lower/fixtures/spilled", test_spilled);
  g_test_add_func ("/lower/fixtures/runtime-error", test_runtime_error);
  return g_test_run ();
}
