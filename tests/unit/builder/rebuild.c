/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fixtures, built again with the builder from what the decoder read: the bytes
 * must be the same. */
#include <string.h>

#include "vir0/builder.h"
#include "vir0/validate.h"
#include "vir0/wire.h"

typedef struct
{
  const VyreProgram *program;
  VyreBuilder *b;
  VyreBufferRef *buffers;
  GPtrArray *names; /* of visible variables */
  GArray *variables; /* VyreVar, parallel to names */
  gboolean skipped; /* has what the builder does not offer */
} Rebuild;

static char *
text_of (VyreString s)
{
  if (memchr (s.data, '\0', s.length) != NULL)
    return g_strdup ("");
  return g_strndup (s.data, s.length);
}

static VyreBufferRef
buffer_of (Rebuild *r, VyreString name)
{
  int number = vyre_program_find_buffer (r->program, name);

  if (number < 0) {
    r->skipped = TRUE;
    return (VyreBufferRef){ 0, 0 };
  }
  return r->buffers[number];
}

static VyreVar
variable_of (Rebuild *r, VyreString name)
{
  g_autofree char *text = text_of (name);

  for (guint i = r->names->len; i > 0; i--)
    if (g_str_equal (text, g_ptr_array_index (r->names, i - 1)))
      return g_array_index (r->variables, VyreVar, i - 1);
  r->skipped = TRUE;
  return (VyreVar){ { 0, 0, 0 } };
}

static void
remember (Rebuild *r, VyreString name, VyreVar variable)
{
  g_ptr_array_add (r->names, text_of (name));
  g_array_append_val (r->variables, variable);
}

static VyreValue
rebuild_expr (Rebuild *r, const VyreExpr *e)
{
  VyreValue a[4] = { { 0 } };

  if (e->n_args > 4) {
    r->skipped = TRUE;
    return a[0];
  }
  for (guint i = 0; i < e->n_args; i++)
    a[i] = rebuild_expr (r, e->args[i]);
  switch (e->kind) {
    case VYRE_EXPR_LIT_U32:
      return vyre_builder_u32 (r->b, e->bits);
    case VYRE_EXPR_LIT_I32:
      return vyre_builder_i32 (r->b, (gint32) e->bits);
    case VYRE_EXPR_LIT_F32:
      return vyre_builder_f32_bits (r->b, e->bits);
    case VYRE_EXPR_LIT_BOOL:
      return vyre_builder_bool (r->b, e->bits != 0);
    case VYRE_EXPR_VAR:
      return variable_of (r, e->name).value;
    case VYRE_EXPR_LOAD:
      return vyre_builder_load (r->b, buffer_of (r, e->name), a[0]);
    case VYRE_EXPR_BUF_LEN:
      return vyre_builder_buf_len (r->b, buffer_of (r, e->name));
    case VYRE_EXPR_INVOCATION_ID:
      return vyre_builder_invocation_id (r->b, e->axis);
    case VYRE_EXPR_WORKGROUP_ID:
      return vyre_builder_workgroup_id (r->b, e->axis);
    case VYRE_EXPR_LOCAL_ID:
      return vyre_builder_local_id (r->b, e->axis);
    case VYRE_EXPR_BIN_OP:
      return vyre_builder_binary (r->b, e->op, a[0], a[1]);
    case VYRE_EXPR_UN_OP:
      return vyre_builder_unary (r->b, e->op, a[0]);
    case VYRE_EXPR_SELECT:
      return vyre_builder_select (r->b, a[0], a[1], a[2]);
    case VYRE_EXPR_CAST:
      return vyre_builder_cast_to (r->b, e->type, a[0]);
    case VYRE_EXPR_FMA:
      return vyre_builder_fma (r->b, a[0], a[1], a[2]);
    case VYRE_EXPR_ATOMIC:
      return vyre_builder_atomic_full (r->b, e->op, buffer_of (r, e->name),
          a[0], e->has_expected ? &a[1] : NULL, a[e->n_args - 1], e->ordering);
    case VYRE_EXPR_SUBGROUP_ADD:
      return vyre_builder_subgroup_add (r->b, a[0]);
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
      return vyre_builder_subgroup_shuffle (r->b, a[0], a[1]);
    case VYRE_EXPR_SUBGROUP_BALLOT:
      return vyre_builder_subgroup_ballot (r->b, a[0]);
    default:
      r->skipped = TRUE;
      return a[0];
  }
}

static void rebuild_list (Rebuild *r, const VyreNodeList *list);

static void
rebuild_node (Rebuild *r, const VyreNode *n)
{
  g_autofree char *name = text_of (n->name);
  g_autofree char *name2 = text_of (n->name2);
  g_autofree char *tag = text_of (n->tag);
  VyreValue a[2] = { { 0 } };
  VyreVar variable;
  guint seen = r->names->len;

  /* In their order: the handles count on it. */
  for (guint i = 0; i < n->n_exprs; i++)
    a[i] = rebuild_expr (r, n->exprs[i]);
  r->skipped |= n->group != 0 || n->root != 0;
  switch (n->kind) {
    case VYRE_NODE_LET:
      variable = vyre_builder_let (r->b, name, a[0]);
      remember (r, n->name, variable);
      break;
    case VYRE_NODE_ASSIGN:
      vyre_builder_assign (r->b, variable_of (r, n->name), a[0]);
      break;
    case VYRE_NODE_STORE:
      vyre_builder_store (r->b, buffer_of (r, n->name), a[0], a[1]);
      break;
    case VYRE_NODE_IF:
      vyre_builder_begin_if (r->b, a[0]);
      rebuild_list (r, &n->body);
      if (n->otherwise.n_nodes > 0) {
        vyre_builder_else (r->b);
        rebuild_list (r, &n->otherwise);
      }
      vyre_builder_end_if (r->b);
      break;
    case VYRE_NODE_LOOP:
      variable = vyre_builder_begin_loop (r->b, name, a[0], a[1]);
      remember (r, n->name, variable);
      rebuild_list (r, &n->body);
      g_ptr_array_set_size (r->names, (gint) seen);
      g_array_set_size (r->variables, seen);
      vyre_builder_end_loop (r->b);
      break;
    case VYRE_NODE_RETURN:
      vyre_builder_return (r->b);
      break;
    case VYRE_NODE_BLOCK:
      vyre_builder_begin_block (r->b);
      rebuild_list (r, &n->body);
      vyre_builder_end_block (r->b);
      break;
    case VYRE_NODE_REGION:
      vyre_builder_begin_region (r->b, name, n->has_source ? name2 : NULL);
      rebuild_list (r, &n->body);
      vyre_builder_end_region (r->b);
      break;
    case VYRE_NODE_BARRIER:
      vyre_builder_barrier (r->b, n->ordering);
      break;
    case VYRE_NODE_TRAP:
      vyre_builder_trap (r->b, a[0], tag);
      break;
    case VYRE_NODE_ASYNC_LOAD:
      vyre_builder_async_load (r->b, buffer_of (r, n->name),
          buffer_of (r, n->name2), a[0], a[1], tag);
      break;
    case VYRE_NODE_ASYNC_STORE:
      vyre_builder_async_store (r->b, buffer_of (r, n->name),
          buffer_of (r, n->name2), a[0], a[1], tag);
      break;
    case VYRE_NODE_ASYNC_WAIT:
      vyre_builder_async_wait (r->b, tag);
      break;
    case VYRE_NODE_ALL_REDUCE:
      vyre_builder_all_reduce (r->b, buffer_of (r, n->name), n->collective_op);
      break;
    case VYRE_NODE_ALL_GATHER:
      vyre_builder_all_gather (
          r->b, buffer_of (r, n->name), buffer_of (r, n->name2));
      break;
    case VYRE_NODE_REDUCE_SCATTER:
      vyre_builder_reduce_scatter (r->b, buffer_of (r, n->name),
          buffer_of (r, n->name2), n->collective_op);
      break;
    case VYRE_NODE_BROADCAST:
      vyre_builder_broadcast (r->b, buffer_of (r, n->name));
      break;
    default:
      r->skipped = TRUE;
      break;
  }
}

static void
rebuild_list (Rebuild *r, const VyreNodeList *list)
{
  guint seen = r->names->len;

  for (guint32 i = 0; i < list->n_nodes; i++)
    rebuild_node (r, list->nodes[i]);
  g_ptr_array_set_size (r->names, (gint) seen);
  g_array_set_size (r->variables, seen);
}

static void
rebuild_buffers (Rebuild *r)
{
  r->buffers = g_new0 (VyreBufferRef, r->program->n_buffers + 1);
  for (guint32 i = 0; i < r->program->n_buffers; i++) {
    const VyreBuffer *from = &r->program->buffers[i];
    g_autofree char *name = text_of (from->name);
    VyreBufferRef ref = vyre_builder_buffer_of (
        r->b, name, from->access, from->element, from->count);

    r->buffers[i] = ref;
    vyre_builder_set_binding (r->b, ref, from->binding);
    vyre_builder_set_kind (r->b, ref, from->kind);
    vyre_builder_set_hints (r->b, ref, &from->hints);
    if (from->is_output)
      vyre_builder_set_output (r->b, ref);
    if (from->live_out)
      vyre_builder_set_live_out (r->b, ref);
    if (from->has_output_range)
      vyre_builder_set_output_range (
          r->b, ref, from->range_start, from->range_end);
  }
}

/* What the builder makes of a program; NULL and no error where it has no
 * function for something in it. */
static VyreProgram *
rebuild (const VyreProgram *program, GError **error)
{
  Rebuild r = { .program = program };
  VyreProgram *result = NULL;

  r.b = vyre_builder_new (program->workgroup_size[0],
      program->workgroup_size[1], program->workgroup_size[2]);
  r.names = g_ptr_array_new_with_free_func (g_free);
  r.variables = g_array_new (FALSE, FALSE, sizeof (VyreVar));
  if (program->has_entry_op_id) {
    g_autofree char *id = text_of (program->entry_op_id);

    vyre_builder_set_operation (r.b, id);
  }
  if (program->non_composable)
    vyre_builder_set_non_composable (r.b);
  rebuild_buffers (&r);
  rebuild_list (&r, &program->entry);
  if (!r.skipped)
    result = vyre_builder_finish (r.b, error);
  vyre_builder_free (r.b);
  g_ptr_array_unref (r.names);
  g_array_unref (r.variables);
  g_free (r.buffers);
  return result;
}

typedef enum
{
  SAME,
  REFUSED,
  SKIPPED,
} Outcome;

/* Where the builder is stricter than the validator, as its header says. */
static gboolean
is_stricter (const GError *error)
{
  return g_error_matches (error, VYRE_BUILDER_ERROR, VYRE_BUILDER_ERROR_TYPE) &&
         (strstr (error->message, "the index of Load") != NULL ||
             strstr (error->message, "the condition of Select") != NULL);
}

static Outcome
check_file (const char *path)
{
  g_autofree char *data = NULL;
  gsize length;
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) first = NULL, second = NULL;
  g_autoptr (GBytes) before = NULL, after = NULL;
  g_autoptr (VyreFindings) findings = NULL;

  g_assert_true (g_file_get_contents (path, &data, &length, NULL));
  first = vyre_program_decode (
      (const guint8 *) data, length, VYRE_WIRE_PRESERVE_UNKNOWN, &error);
  g_assert_no_error (error);
  findings = vyre_program_validate (first, &VYRE_VALIDATE_OPTIONS_ENGINE);

  second = rebuild (first, &error);
  if (second == NULL && error == NULL)
    return SKIPPED;
  if (second == NULL) {
    if (findings->errors->len == 0 && !is_stricter (error))
      g_error ("%s is valid, but: %s", path, error->message);
    return REFUSED;
  }
  before = vyre_program_encode (first, &error);
  g_assert_no_error (error);
  after = vyre_program_encode (second, &error);
  g_assert_no_error (error);
  if (!g_bytes_equal (before, after)) {
    /* Nothing but the repair of the top level may differ. */
    if (first->entry.n_nodes == 0 ||
        first->entry.nodes[0]->kind == VYRE_NODE_REGION)
      g_error ("%s: other bytes after building it again", path);
    return SKIPPED;
  }
  if (findings->errors->len > 0)
    g_error ("%s is not valid, and was built", path);
  return SAME;
}

typedef struct
{
  const char *folder;
  guint min_same;
} Folder;

static void
test_folder (gconstpointer data)
{
  const Folder *folder = data;
  const char *fixtures = g_getenv ("VYRE_FIXTURES");
  g_autofree char *path = NULL;
  g_autoptr (GDir) dir = NULL;
  const char *name;
  guint n[3] = { 0 };

  if (!fixtures || !*fixtures) {
    g_test_skip ("VYRE_FIXTURES is not set");
    return;
  }
  path = g_build_filename (fixtures, folder->folder, NULL);
  dir = g_dir_open (path, 0, NULL);
  g_assert_nonnull (dir);
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *file = g_build_filename (path, name, NULL);

    if (g_str_has_suffix (name, ".vir0"))
      n[check_file (file)]++;
  }
  g_test_message ("%u the same, %u refused, %u with something that the builder "
                  "does not offer",
      n[SAME], n[REFUSED], n[SKIPPED]);
  g_assert_cmpuint (n[SAME], >=, folder->min_same);
}

int
main (int argc, char **argv)
{
  static const Folder folders[] = { { "features", 80 }, { "ops", 160 },
    { "realistic", 37 }, { "runtime_error", 10 }, { "invalid", 0 } };

  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (folders); i++) {
    g_autofree char *path =
        g_strconcat ("/builder/rebuild/", folders[i].folder, NULL);

    g_test_add_data_func (path, &folders[i], test_folder);
  }
  return g_test_run ();
}
