/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* VIR0 program to register code: the whole, names, scopes and errors. */
#include <string.h>

#include "../ring/words.h"
#include "lower-priv.h"

#define MAX_SHARED_BYTES (64u * 1024 * 1024)
#define MIN_REGISTERS 8

G_DEFINE_QUARK (vyre_lower_error, vyre_lower_error)

/* --- names ------------------------------------------------------------------ */

guint
vyre_string_hash (gconstpointer string)
{
  static gsize seed; /* so that nobody can prepare collisions */
  const VyreString *s = string;
  guint32 hash;

  if (g_once_init_enter (&seed))
    g_once_init_leave (&seed, g_random_int () | 1);
  hash = 2166136261u ^ (guint32) seed;
  for (guint32 i = 0; i < s->length; i++)
    hash = (hash ^ (guint8) s->data[i]) * 16777619u;
  return hash ^ hash >> 15;
}

gboolean
vyre_string_same (gconstpointer a, gconstpointer b)
{
  const VyreString *s = a, *t = b;

  return s->length == t->length &&
         (s->length == 0 || memcmp (s->data, t->data, s->length) == 0);
}

static guint
key_hash (gconstpointer key)
{
  const guint32 *words = key;
  guint32 hash = 2166136261u;

  for (guint i = 0; i < sizeof (VyreKey) / sizeof (guint32); i++)
    hash = (hash ^ words[i]) * 16777619u;
  return hash ^ hash >> 15;
}

static gboolean
key_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (VyreKey)) == 0;
}

/* --- errors ----------------------------------------------------------------- */

void
vyre_lowering_push (VyreLowering *lw, const char *field, guint index)
{
  VyreStep step = { field, index };

  g_array_append_val (lw->path, step);
}

void
vyre_lowering_pop (VyreLowering *lw)
{
  g_array_set_size (lw->path, lw->path->len - 1);
}

gboolean
vyre_lowering_fail (VyreLowering *lw, VyreLowerError code, const char *id,
    VyreSource at, const char *format, ...)
{
  g_autoptr (GString) message = g_string_new (NULL);
  va_list args;

  if (at.line == 0)
    at = lw->at;
  for (guint i = 0; i < lw->path->len; i++) {
    const VyreStep *step = &g_array_index (lw->path, VyreStep, i);

    g_string_append_printf (
        message, "%s%s[%u]", i == 0 ? "" : ".", step->field, step->index);
  }
  if (at.line != 0)
    g_string_append_printf (
        message, "%s(%u:%u)", message->len == 0 ? "" : " ", at.line, at.column);
  if (message->len != 0)
    g_string_append (message, ": ");
  va_start (args, format);
  g_string_append_vprintf (message, format, args);
  va_end (args);
  g_string_append_printf (message, " [%s]", id);
  if (lw->error == NULL)
    lw->error = g_error_new_literal (VYRE_LOWER_ERROR, code, message->str);
  return FALSE;
}

/* --- scopes ----------------------------------------------------------------- */

void
vyre_lowering_open (VyreLowering *lw, gboolean conditional)
{
  VyreScope scope = { g_ptr_array_new_with_free_func (g_free), conditional,
    vyre_known_mark (lw) };

  g_array_append_val (lw->name_scopes, scope);
  if (conditional)
    g_ptr_array_add (lw->scopes, g_ptr_array_new ());
}

void
vyre_lowering_close (VyreLowering *lw)
{
  VyreScope scope =
      g_array_index (lw->name_scopes, VyreScope, lw->name_scopes->len - 1);

  if (scope.conditional) {
    GPtrArray *keys = g_ptr_array_index (lw->scopes, lw->scopes->len - 1);

    for (guint i = 0; i < keys->len; i++)
      g_hash_table_remove (lw->shared, g_ptr_array_index (keys, i));
    g_ptr_array_set_size (lw->scopes, (gint) lw->scopes->len - 1);
    vyre_known_join (lw, scope.mark);
  }
  for (guint i = 0; i < scope.variables->len; i++) {
    VyreVariable *variable = g_ptr_array_index (scope.variables, i);

    for (guint w = 0; variable->assignable && w < variable->value.n_words; w++)
      g_array_index (lw->vregs, VyreVreg, variable->value.w[w].v).owner = NULL;
    g_hash_table_remove (lw->variables, &variable->name);
  }
  /* Frees the variables and the scope. */
  g_array_set_size (lw->name_scopes, lw->name_scopes->len - 1);
}

static void
free_scope (gpointer scope)
{
  g_ptr_array_unref (((VyreScope *) scope)->variables);
}

VyreVariable *
vyre_lowering_declare (VyreLowering *lw, VyreString name, VyreSource at)
{
  VyreVariable *variable = g_hash_table_lookup (lw->variables, &name);
  g_autofree char *display = NULL;

  if (variable == NULL) {
    variable = g_new0 (VyreVariable, 1);
    variable->name = name;
    variable->scope = lw->name_scopes->len;
    g_ptr_array_add (
        g_array_index (lw->name_scopes, VyreScope, lw->name_scopes->len - 1)
            .variables,
        variable);
    g_hash_table_insert (lw->variables, &variable->name, variable);
    return variable;
  }
  display = vyre_string_display (name);
  vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID,
      variable->scope == lw->name_scopes->len ? "V032" : "V008", at,
      "variable `%s` is declared already and still visible; choose another "
      "name",
      display);
  return NULL;
}

VyreVariable *
vyre_lowering_variable (VyreLowering *lw, VyreString name)
{
  return g_hash_table_lookup (lw->variables, &name);
}

int
vyre_lowering_buffer (
    VyreLowering *lw, VyreString name, VyreSource at, const char *user)
{
  gpointer found = g_hash_table_lookup (lw->buffers, &name);
  g_autofree char *display = NULL;

  if (found != NULL)
    return (int) GPOINTER_TO_UINT (found) - 1;
  display = vyre_string_display (name);
  vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "S3", at,
      "%s on buffer `%s`, which is not declared; declare it", user, display);
  return -1;
}

/* --- the program as a whole -------------------------------------------------- */

static gboolean
check_program (VyreLowering *lw)
{
  const VyreProgram *program = lw->program;
  VyreSource nowhere = { 0, 0 };
  guint64 invocations = 1, shared = 0;

  for (guint axis = 0; axis < 3; axis++) {
    if (program->workgroup_size[axis] == 0)
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "P3", nowhere,
          "axis %u of the workgroup size is 0; make it at least 1", axis);
    invocations *= program->workgroup_size[axis];
    if (invocations > G_MAXUINT32)
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_LIMIT, "R05", nowhere,
          "the workgroup size %ux%ux%u has more than 2^32 - 1 invocations; "
          "make it smaller",
          program->workgroup_size[0], program->workgroup_size[1],
          program->workgroup_size[2]);
  }
  for (guint i = 0; i < program->n_buffers; i++) {
    VyreBuffer *buffer = &program->buffers[i];
    guint64 bytes = 0;
    g_autofree char *name = NULL;

    if (g_hash_table_contains (lw->buffers, &buffer->name)) {
      name = vyre_string_display (buffer->name);
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "P4", buffer->at,
          "buffer `%s` is declared twice; choose another name", name);
    }
    g_hash_table_insert (lw->buffers, &buffer->name, GUINT_TO_POINTER (i + 1));
    if (buffer->access != VYRE_ACCESS_WORKGROUP)
      continue;
    if (buffer->count == 0 ||
        !vyre_type_static_size (buffer->element, buffer->count, &bytes)) {
      name = vyre_string_display (buffer->name);
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "P6", buffer->at,
          "Workgroup buffer `%s` has no size; give it a count and "
          "elements of a fixed size",
          name);
    }
    if (bytes > MAX_SHARED_BYTES - shared) {
      name = vyre_string_display (buffer->name);
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_LIMIT, "X19", buffer->at,
          "Workgroup buffer `%s` brings workgroup memory above %u bytes; make "
          "it smaller",
          name, MAX_SHARED_BYTES);
    }
    shared += bytes;
  }
  if (program->entry.n_nodes == 0)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "P1", nowhere,
        "the program has no statements; put them into a top-level Region");
  /* Section 3.1: other entries count as wrapped into a Region. */
  if (program->entry.nodes[0]->kind == VYRE_NODE_STORE) {
    vyre_lowering_push (lw, "entry", 0);
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "P2",
        program->entry.nodes[0]->at,
        "Store as the first top-level statement; "
        "put the statements into a Region");
  }
  return TRUE;
}

static gboolean
is_commutative (guint32 operation)
{
  return operation != VYRE_IA_EXCHANGE && operation != VYRE_IA_COMPARE_EXCHANGE;
}

/* What the code that is left does to each buffer, and the buffers' slots. */
static gboolean
describe_buffers (
    VyreLowering *lw, const GArray *code, int *bindings, VyreLowered *lowered)
{
  const VyreProgram *program = lw->program;
  g_autofree guint32 *operations = g_new (guint32, program->n_buffers + 1);
  g_autofree guint32 *reads = g_new0 (guint32, lw->vregs->len + 1);
  guint64 shared = 0;
  gboolean exchange = FALSE;

  for (guint i = 0; i < code->len; i++) {
    const VyreInst *inst = &g_array_index (code, VyreInst, i);
    guint flags = vyre_op_info (inst->op)->flags;

    if (flags & VYRE_F_A)
      reads[inst->a]++;
    if ((flags & VYRE_F_B) && !inst->imm)
      reads[inst->b]++;
    if ((flags & VYRE_F_C) && inst->c != VYRE_NONE)
      reads[inst->c]++;
  }
  lowered->buffers = g_new0 (VyreLoweredBuffer, program->n_buffers + 1);
  for (guint i = 0; i < program->n_buffers; i++) {
    lowered->buffers[i] = (VyreLoweredBuffer){
      .name_index = i, .binding = -1, .commutative = TRUE
    };
    operations[i] = VYRE_NONE;
  }
  for (guint i = 0; i < code->len; i++) {
    const VyreInst *inst = &g_array_index (code, VyreInst, i);
    VyreLoweredBuffer *buffer;

    if (inst->op == VYRE_I_BARRIER)
      lowered->grouped = TRUE;
    if (inst->buffer == VYRE_NONE)
      continue;
    if (inst->buffer == lw->exchange) {
      exchange = TRUE;
      continue;
    }
    buffer = &lowered->buffers[inst->buffer];
    buffer->binding = 0;
    switch (inst->op) {
      case VYRE_I_LOAD:
        buffer->loaded = TRUE;
        break;
      case VYRE_I_STORE:
        buffer->stored = TRUE;
        break;
      case VYRE_I_ATOMIC:
        buffer->atomic = TRUE;
        if (reads[inst->dst] != 0 || !is_commutative (inst->x) ||
            (operations[inst->buffer] != VYRE_NONE &&
                operations[inst->buffer] != inst->x))
          buffer->commutative = FALSE;
        operations[inst->buffer] = inst->x;
        break;
      default:
        break;
    }
  }
  for (guint i = 0; i < program->n_buffers; i++) {
    VyreLoweredBuffer *buffer = &lowered->buffers[i];
    guint64 bytes;

    if (buffer->loaded || buffer->stored || !buffer->atomic)
      buffer->commutative = FALSE;
    bindings[i] = -1;
    if (buffer->binding < 0)
      continue;
    if (lowered->n_bindings == VYRE_MAX_BINDINGS) {
      g_autofree char *name = vyre_string_display (program->buffers[i].name);

      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_LIMIT, "X19",
          program->buffers[i].at,
          "buffer `%s` is the %uth in use, and one "
          "program can use %u; put several into one",
          name, VYRE_MAX_BINDINGS + 1, VYRE_MAX_BINDINGS);
    }
    bindings[i] = buffer->binding = (gint) lowered->n_bindings++;
    if (program->buffers[i].access != VYRE_ACCESS_WORKGROUP ||
        !vyre_type_static_size (
            program->buffers[i].element, program->buffers[i].count, &bytes))
      continue;
    lowered->grouped = TRUE;
    buffer->shared_offset = (guint32) shared;
    shared += (bytes + 3) & ~(guint64) 3;
    lowered->shared_words = (guint32) (shared / 4);
  }
  bindings[lw->exchange] = -1;
  if (!exchange)
    return TRUE;

  shared += 4 * (guint64) program->workgroup_size[0] *
            program->workgroup_size[1] * program->workgroup_size[2];
  if (lowered->n_bindings == VYRE_MAX_BINDINGS || shared > MAX_SHARED_BYTES)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_LIMIT, "X19",
        (VyreSource){ 0, 0 },
        "no room for the exchange of subgroup "
        "operations; use fewer buffers or a smaller workgroup");
  lowered->exchange_offset = 4 * lowered->shared_words;
  lowered->has_exchange = TRUE;
  lowered->exchange_binding = lowered->n_bindings++;
  bindings[lw->exchange] = (int) lowered->exchange_binding;
  lowered->shared_words = (guint32) (shared / 4);
  lowered->grouped = TRUE;
  return TRUE;
}

static gboolean
lower (VyreLowering *lw, VyreLowered *lowered)
{
  g_autofree int *bindings = g_new (int, lw->program->n_buffers + 1);
  GArray *code;
  gboolean ok;

  if (!check_program (lw) || !vyre_lowering_scan (lw) ||
      !vyre_lowering_check_barriers (lw))
    return FALSE;

  lw->copies = 1;
  vyre_lowering_open (lw, TRUE);
  if (!vyre_lowering_list (lw, &lw->program->entry, "entry"))
    return FALSE;
  vyre_lowering_close (lw);
  vyre_emit (lw, (VyreInst){ .op = VYRE_I_END,
                     .dst = VYRE_NONE,
                     .a = VYRE_NONE,
                     .b = VYRE_NONE,
                     .c = VYRE_NONE,
                     .buffer = VYRE_NONE });

  code = vyre_lowering_clean (lw);
  ok = describe_buffers (lw, code, bindings, lowered) &&
       vyre_lowering_allocate (lw, code, bindings, lowered);
  g_array_unref (code);
  if (!ok)
    return FALSE;

  lowered->program = vyre_program_ref (lw->program);
  lowered->has_atomics = lw->scan.atomics;
  lowered->n_trap_tags = lw->tags->len;
  lowered->trap_tags = g_new0 (VyreString, lw->tags->len + 1);
  for (guint i = 0; i < lw->tags->len; i++)
    lowered->trap_tags[i] =
        *(const VyreString *) g_ptr_array_index (lw->tags, i);
  return vyre_lowered_verify (lowered, &lw->error);
}

static VyreLowered *
attempt (VyreProgram *program, const VyreLowerOptions *options, gboolean frugal,
    gboolean *crowded, GError **error)
{
  /* Every table of buffers has one entry more, for the exchange. */
  VyreLowering lw = { .program = program,
    .options = *options,
    .exchange = program->n_buffers,
    .frugal = frugal };
  VyreLowered *lowered;

  lw.code = g_array_new (FALSE, FALSE, sizeof (VyreInst));
  lw.vregs = g_array_new (FALSE, FALSE, sizeof (VyreVreg));
  lw.loops = g_array_new (FALSE, FALSE, sizeof (VyreLoop));
  lw.moved = g_ptr_array_new_with_free_func ((GDestroyNotify) g_array_unref);
  lw.shared = g_hash_table_new_full (key_hash, key_equal, g_free, NULL);
  lw.known = vyre_known_new ();
  lw.scopes =
      g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);
  lw.memory = g_new0 (guint32, program->n_buffers + 1);
  lw.buffers = g_hash_table_new (vyre_string_hash, vyre_string_same);
  lw.variables = g_hash_table_new (vyre_string_hash, vyre_string_same);
  lw.name_scopes = g_array_new (FALSE, FALSE, sizeof (VyreScope));
  g_array_set_clear_func (lw.name_scopes, free_scope);
  lw.pending = g_array_new (FALSE, FALSE, sizeof (VyrePending));
  lw.tag_numbers = g_hash_table_new (vyre_string_hash, vyre_string_same);
  lw.path = g_array_new (FALSE, FALSE, sizeof (VyreStep));
  lw.tags = g_ptr_array_new ();

  lowered = g_new0 (VyreLowered, 1);
  if (!lower (&lw, lowered)) {
    g_clear_pointer (&lowered, vyre_lowered_free);
    g_propagate_error (error, lw.error);
  }

  *crowded = lw.crowded;
  vyre_lowering_scan_clear (&lw);
  g_array_unref (lw.code);
  g_array_unref (lw.vregs);
  g_array_unref (lw.loops);
  g_ptr_array_unref (lw.moved);
  g_hash_table_unref (lw.shared);
  g_array_unref (lw.known);
  g_ptr_array_unref (lw.scopes);
  g_free (lw.memory);
  g_hash_table_unref (lw.buffers);
  g_hash_table_unref (lw.variables);
  g_array_unref (lw.name_scopes);
  g_array_unref (lw.pending);
  g_hash_table_unref (lw.tag_numbers);
  g_array_unref (lw.path);
  g_ptr_array_unref (lw.tags);
  return lowered;
}

/**
 * vyre_lower:
 * @program: a finished program; the result holds a reference to it
 * @options: limits of the engine the code is for
 *
 * May be called from any thread.
 *
 * Returns: (transfer full): the code, or %NULL with a VYRE_LOWER_ERROR.
 */
VyreLowered *
vyre_lower (
    VyreProgram *program, const VyreLowerOptions *options, GError **error)
{
  g_autoptr (GError) first = NULL;
  VyreLowered *lowered;
  gboolean crowded;

  if (options->max_registers < MIN_REGISTERS ||
      options->max_registers > VYRE_I_MAX_REGISTERS) {
    g_set_error (error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_LIMIT,
        "max_registers is %u; it must be %u to %u", options->max_registers,
        MIN_REGISTERS, VYRE_I_MAX_REGISTERS);
    return NULL;
  }
  lowered = attempt (program, options, FALSE, &crowded, &first);
  if (lowered != NULL)
    return lowered;
  if (crowded)
    return attempt (program, options, TRUE, &crowded, error);
  g_propagate_error (error, g_steal_pointer (&first));
  return NULL;
}

void
vyre_lowered_free (VyreLowered *lowered)
{
  if (lowered == NULL)
    return;
  g_clear_pointer (&lowered->program, vyre_program_unref);
  g_free (lowered->code);
  g_free (lowered->buffers);
  g_free (lowered->trap_tags);
  g_free (lowered);
}
