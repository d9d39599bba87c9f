/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Validation: findings, names, and the rules on the program and its buffers
 * (vir0-semantics.md section 22.4). P9 and P10 have nothing to look at: the
 * program model carries no disciplines and predicates. */
#include "validate-private.h"

#include <string.h>

G_DEFINE_QUARK (vyre_validate_error, vyre_validate_error)

/* --- names ------------------------------------------------------------------ */

guint
vyre_validator_string_hash (gconstpointer string)
{
  static gsize seed; /* so that nobody can prepare collisions */
  const VyreString *s = string;
  guint64 hash;

  if (g_once_init_enter (&seed))
    g_once_init_leave (&seed, (gsize) g_random_int () | 1);
  hash = seed * 0x9e3779b97f4a7c15u;
  for (guint32 i = 0; i < s->length; i++) {
    hash = (hash ^ (guint8) s->data[i]) * 0xff51afd7ed558ccdu;
    hash ^= hash >> 32;
  }
  return (guint) hash;
}

gboolean
vyre_validator_string_equal (gconstpointer a, gconstpointer b)
{
  return vyre_string_equal (*(const VyreString *) a, *(const VyreString *) b);
}

int
vyre_validator_string_compare (VyreString a, VyreString b)
{
  guint32 length = MIN (a.length, b.length);
  int order = length == 0 ? 0 : memcmp (a.data, b.data, length);

  if (order == 0)
    order = (a.length > b.length) - (a.length < b.length);
  return order;
}

VyreName *
vyre_validator_name (VyreValidator *v, VyreString string)
{
  VyreName *name = g_hash_table_lookup (v->names, &string);

  if (name == NULL) {
    name = g_new0 (VyreName, 1);
    name->string = string;
    name->buffer = -1;
    g_hash_table_insert (v->names, &name->string, name);
  }
  return name;
}

/* --- findings --------------------------------------------------------------- */

/* Statements at each end of a path that is too long. */
#define MAX_PATH_HEAD 64
#define MAX_PATH_TAIL 8

static char *
make_path (VyreValidator *v)
{
  GString *path = g_string_new (v->place);

  for (guint i = 0; i < v->frames->len; i++) {
    const VyreFrame *frame = &g_array_index (v->frames, VyreFrame, i);

    if (i == MAX_PATH_HEAD && v->frames->len > MAX_PATH_HEAD + MAX_PATH_TAIL) {
      g_string_append (path, "...");
      i = v->frames->len - MAX_PATH_TAIL - 1;
      continue;
    }
    g_string_append_printf (path, "%s%s[%u]", path->len == 0 ? "" : ".",
        frame->field,
        frame->numbers != NULL ? frame->numbers[frame->next] : frame->next);
  }
  if (v->expr_field == NULL)
    return g_string_free (path, FALSE);

  g_string_append_printf (path, ".%s", v->expr_field);
  for (guint i = 0; i < v->expr_steps->len; i++) {
    const VyreExprStep *step = &g_array_index (v->expr_steps, VyreExprStep, i);

    g_string_append_printf (path, ".%s", step->field);
    if (step->index != VYRE_NO_TERM)
      g_string_append_printf (path, "[%u]", step->index);
  }
  return g_string_free (path, FALSE);
}

static void
finding_free (gpointer data)
{
  VyreFinding *finding = data;

  g_free (finding->path);
  g_free (finding->message);
  g_free (finding);
}

void
vyre_validator_report (VyreValidator *v, VyreSeverity severity,
    const char *code, VyreSource at, const char *format, ...)
{
  GPtrArray *list = v->findings->errors;
  VyreFinding *finding;
  va_list args;

  if (v->as_code != NULL) {
    /* Warnings about what is not looked at would come out of nowhere. */
    if (severity == VYRE_SEVERITY_WARNING)
      return;
    code = v->as_code;
  }
  if (code[0] == 'X')
    list = v->engine;
  if (severity == VYRE_SEVERITY_WARNING)
    list = v->findings->warnings;
  else
    v->n_reported++;
  if (list->len >= v->options.max_findings) {
    v->findings->n_unlisted++;
    return;
  }

  finding = g_new0 (VyreFinding, 1);
  finding->severity = severity;
  finding->code = code;
  finding->has_public_code = code[0] == 'V';
  finding->path = make_path (v);
  finding->at = at.line != 0 ? at : v->statement_at;
  va_start (args, format);
  finding->message = g_strdup_vprintf (format, args);
  va_end (args);
  g_ptr_array_add (list, finding);
}

/* --- the program and its buffers -------------------------------------------- */

#define NOWHERE ((VyreSource){ 0, 0 })

static void
set_place (VyreValidator *v, const char *format, guint index)
{
  g_clear_pointer (&v->place, g_free);
  if (format == NULL)
    return;
  v->place = g_strdup_printf ("%s[%u]", format, index);
}

static void
check_entry (VyreValidator *v)
{
  const VyreNodeList *entry = &v->program->entry;
  const VyreNode *node = NULL;
  guint32 i;

  if (entry->n_nodes == 0) {
    VYRE_FAIL (v, "P1", NOWHERE,
        "the program has no statements; put them into a Region at the top "
        "(main { ... } in text)");
    return;
  }
  for (i = 0; i < entry->n_nodes; i++) {
    node = entry->nodes[i];
    if (node->kind != VYRE_NODE_REGION)
      break;
  }
  if (i == entry->n_nodes)
    return;

  set_place (v, "entry", i);
  if (v->options.repair && entry->nodes[0]->kind != VYRE_NODE_STORE) {
    v->wrapped = TRUE;
    vyre_validator_report (v, VYRE_SEVERITY_WARNING, "P2", node->at,
        "top-level statement %u is %s and no Region; all statements run as if "
        "in one Region, but write it (main { ... } in text)",
        i, vyre_node_kind_name (node->kind));
  } else {
    VYRE_FAIL (v, "P2", node->at,
        "top-level statement %u is %s and no Region; put all statements into "
        "a Region (main { ... } in text)",
        i, vyre_node_kind_name (node->kind));
  }
  set_place (v, NULL, 0);
}

static void
check_workgroup (VyreValidator *v)
{
  for (guint i = 0; i < 3; i++) {
    if (v->program->workgroup_size[i] != 0)
      continue;
    set_place (v, "workgroup_size", i);
    VYRE_FAIL (v, "P3", NOWHERE,
        "axis %u (%c) of the workgroup has size 0; use 1 or more", i, "xyz"[i]);
  }
  set_place (v, NULL, 0);
}

static void
check_buffer (VyreValidator *v, guint32 number, GHashTable *bindings)
{
  const VyreBuffer *buffer = &v->program->buffers[number];
  VyreName *name = vyre_validator_name (v, buffer->name);
  g_autofree char *text = vyre_string_display (buffer->name);
  guint64 bytes;

  set_place (v, "buffers", number);
  if (name->buffer >= 0)
    VYRE_FAIL (v, "P4", buffer->at,
        "a second buffer with the name `%s`; give each its own", text);
  name->buffer = (int) number;
  if (buffer->access != VYRE_ACCESS_WORKGROUP &&
      !g_hash_table_add (bindings, GUINT_TO_POINTER (buffer->binding)))
    VYRE_FAIL (v, "P5", buffer->at,
        "buffer `%s` has binding %u, which another buffer has; give each its "
        "own",
        text, buffer->binding);
  if (buffer->access == VYRE_ACCESS_WORKGROUP && buffer->count == 0)
    VYRE_FAIL (v, "P6", buffer->at,
        "Workgroup buffer `%s` has no count; say how many elements it has",
        text);
  if (buffer->is_output && buffer->element != NULL &&
      (buffer->element->kind == VYRE_TYPE_ARRAY ||
          buffer->element->kind == VYRE_TYPE_TENSOR)) {
    g_autofree char *type = vyre_type_display (buffer->element);

    VYRE_FAIL (v, "P7", buffer->at,
        "output buffer `%s` has elements of %s; use numbers or vectors of a "
        "fixed size",
        text, type);
  }
  if (v->options.engine_checks && buffer->access == VYRE_ACCESS_WORKGROUP &&
      buffer->count != 0 &&
      !vyre_type_static_size (buffer->element, buffer->count, &bytes)) {
    g_autofree char *type = vyre_type_display (buffer->element);

    VYRE_FAIL (v, "X17", buffer->at,
        "Workgroup buffer `%s` has elements of %s, for which no room can be "
        "made; use elements of a fixed size",
        text, type);
  }
  set_place (v, NULL, 0);
}

static void
check_buffers (VyreValidator *v)
{
  g_autoptr (GHashTable) bindings = g_hash_table_new (NULL, NULL);
  const VyreBuffer *second = NULL;
  guint n_outputs = 0;

  for (guint32 i = 0; i < v->program->n_buffers; i++) {
    check_buffer (v, i, bindings);
    if (v->program->buffers[i].is_output && ++n_outputs == 2)
      second = &v->program->buffers[i];
  }
  if (n_outputs <= 1)
    return;
  set_place (v, "buffers", (guint) (second - v->program->buffers));
  VYRE_FAIL (v, "V022", second->at,
      "%u buffers are marked as the output; mark one, and use live_out or "
      "writeonly for the others",
      n_outputs);
  set_place (v, NULL, 0);
}

static int
compare_strings (gconstpointer a, gconstpointer b, gpointer unused)
{
  const VyreString *s = *(const VyreString *const *) a;
  const VyreString *t = *(const VyreString *const *) b;

  return vyre_validator_string_compare (*s, *t);
}

static void
check_exclusive (VyreValidator *v)
{
  guint n;
  g_autofree gpointer *bases =
      g_hash_table_get_keys_as_array (v->exclusive, &n);

  g_qsort_with_data (bases, (gint) n, sizeof *bases, compare_strings, NULL);
  for (guint i = 0; i < n; i++) {
    guint count =
        GPOINTER_TO_UINT (g_hash_table_lookup (v->exclusive, bases[i]));
    g_autofree char *text = NULL;

    if (count < 2)
      continue;
    text = vyre_string_display (*(const VyreString *) bases[i]);
    VYRE_FAIL (v, "P8", NOWHERE,
        "%u Regions of the generator `%s#self-exclusive`, which may occur "
        "once; run them in programs of their own",
        count, text);
  }
}

/* --- the whole ---------------------------------------------------------------- */

static void
validate (VyreValidator *v)
{
  check_entry (v);
  check_workgroup (v);
  check_buffers (v);
  vyre_validator_walk (v);
  v->statement_at = NOWHERE;
  check_exclusive (v);
  /* Recursive, so not for what is too deep to run anyway. */
  if (v->options.engine_checks && v->has_barriers && !v->too_deep)
    vyre_engine_check_barriers (v);
}

void
vyre_validator_init (VyreValidator *v, const VyreProgram *program,
    const VyreValidateOptions *options)
{
  *v = (VyreValidator){ .program = program };
  v->findings = g_new0 (VyreFindings, 1);
  v->findings->errors = g_ptr_array_new_with_free_func (finding_free);
  v->findings->warnings = g_ptr_array_new_with_free_func (finding_free);
  if (options != NULL)
    v->options = *options;
  if (v->options.max_findings == 0)
    v->options.max_findings = VYRE_VALIDATE_MAX_FINDINGS;

  v->engine = g_ptr_array_new ();
  v->names = g_hash_table_new_full (
      vyre_validator_string_hash, vyre_validator_string_equal, NULL, g_free);
  v->types = vyre_validator_type_set ();
  v->known_types = g_hash_table_new (NULL, NULL);
  v->bindings = g_ptr_array_new_with_free_func (g_free);
  v->frames = g_array_new (FALSE, FALSE, sizeof (VyreFrame));
  v->terms = g_array_new (FALSE, FALSE, sizeof (VyreTerm));
  v->uses = g_array_new (FALSE, FALSE, sizeof (VyreUse));
  v->expr_steps = g_array_new (FALSE, FALSE, sizeof (VyreExprStep));
  v->exclusive = g_hash_table_new_full (
      vyre_validator_string_hash, vyre_validator_string_equal, g_free, NULL);
  v->refused_barriers = g_hash_table_new (NULL, NULL);
  v->scratch = vyre_program_new ();
}

VyreFindings *
vyre_validator_end (VyreValidator *v)
{
  VyreFindings *findings = v->findings;

  for (guint i = 0; i < v->engine->len; i++)
    g_ptr_array_add (findings->errors, g_ptr_array_index (v->engine, i));
  g_ptr_array_unref (v->engine);
  g_hash_table_unref (v->names);
  g_hash_table_unref (v->known_types);
  g_hash_table_unref (v->types);
  g_ptr_array_unref (v->bindings);
  g_array_unref (v->frames);
  g_array_unref (v->terms);
  g_array_unref (v->uses);
  g_array_unref (v->expr_steps);
  g_hash_table_unref (v->exclusive);
  g_hash_table_unref (v->refused_barriers);
  vyre_program_unref (v->scratch);
  g_free (v->place);
  return findings;
}

VyreFindings *
vyre_program_validate (
    const VyreProgram *program, const VyreValidateOptions *options)
{
  VyreValidator v;

  vyre_validator_init (&v, program, options);
  validate (&v);
  return vyre_validator_end (&v);
}

void
vyre_findings_free (VyreFindings *findings)
{
  if (findings == NULL)
    return;
  g_clear_pointer (&findings->errors, g_ptr_array_unref);
  g_clear_pointer (&findings->warnings, g_ptr_array_unref);
  g_free (findings);
}

char *
vyre_finding_format (const VyreFinding *finding, const char *name)
{
  GString *out = g_string_new (name);

  if (finding->at.line != 0)
    g_string_append_printf (out, "%s%u:%u", out->len == 0 ? "" : ":",
        finding->at.line, finding->at.column);
  else if (finding->path[0] != '\0')
    g_string_append_printf (
        out, "%s%s", out->len == 0 ? "" : ": ", finding->path);
  g_string_append_printf (out, "%s%s [%s]: %s", out->len == 0 ? "" : ": ",
      finding->severity == VYRE_SEVERITY_ERROR ? "error" : "warning",
      finding->code, finding->message);
  return g_string_free (out, FALSE);
}

#define MAX_LINES 100

gboolean
vyre_program_check (const VyreProgram *program,
    const VyreValidateOptions *options, GError **error)
{
  g_autoptr (VyreFindings) findings = vyre_program_validate (program, options);
  g_autoptr (GString) message = NULL;
  guint n = findings->errors->len;

  if (n == 0)
    return TRUE;
  message = g_string_new (NULL);
  g_string_printf (message, "the program is not valid: %s%u error%s",
      findings->n_unlisted > 0 ? "more than " : "", n, n == 1 ? "" : "s");
  for (guint i = 0; i < MIN (n, MAX_LINES); i++) {
    g_autofree char *line =
        vyre_finding_format (g_ptr_array_index (findings->errors, i), NULL);

    g_string_append_printf (message, "\n%s", line);
  }
  if (n > MAX_LINES)
    g_string_append_printf (message, "\nand %u more", n - MAX_LINES);
  g_set_error_literal (
      error, VYRE_VALIDATE_ERROR, VYRE_VALIDATE_ERROR_INVALID, message->str);
  return FALSE;
}
