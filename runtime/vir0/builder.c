/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The builder: its life, errors, buffers and the finished program. */
#include "builder-private.h"
#include "text-private.h"

#include <string.h>

G_DEFINE_QUARK (vyre_builder_error, vyre_builder_error)

/* --- life ------------------------------------------------------------------- */

/* Names that stand for operands whose types alone matter. */
static const char *const stand_in_names[VYRE_BUILDER_MAX_OPERANDS] = { "\001a",
  "\001b", "\001c" };

VyreBuilder *
vyre_builder_new (guint32 x, guint32 y, guint32 z)
{
  static gint n_builders;
  VyreBuilder *b = g_new0 (VyreBuilder, 1);
  const guint32 size[3] = { x, y, z };

  /* Not 0, which is what handles have that nobody made. */
  do
    b->id = (guint32) g_atomic_int_add (&n_builders, 1) + 1;
  while (b->id == 0);
  b->program = vyre_program_new ();
  b->buffers = g_array_new (FALSE, TRUE, sizeof (VyreBuffer));
  b->buffer_names = g_hash_table_new (
      vyre_validator_string_hash, vyre_validator_string_equal);
  b->values = g_array_new (FALSE, TRUE, sizeof (VyreBuilderValue));
  g_array_set_clear_func (b->values, vyre_builder_clear_value);
  b->variables = g_array_new (FALSE, TRUE, sizeof (VyreBuilderVariable));
  b->visible = g_array_new (FALSE, FALSE, sizeof (guint32));
  b->visible_names = g_hash_table_new (
      vyre_validator_string_hash, vyre_validator_string_equal);
  b->atomics = g_array_new (FALSE, FALSE, sizeof (guint32));
  b->frames = g_array_new (FALSE, TRUE, sizeof (VyreBuilderFrame));
  g_array_set_clear_func (b->frames, vyre_builder_clear_frame);
  vyre_builder_open_list (b, NULL);

  vyre_validator_init (&b->rules, b->program, &VYRE_VALIDATE_OPTIONS_ENGINE);
  for (guint i = 0; i < VYRE_BUILDER_MAX_OPERANDS; i++) {
    VyreString name = { stand_in_names[i], 2 };

    b->stand_ins[i].name = vyre_validator_name (&b->rules, name);
    b->stand_ins[i].name->binding = &b->stand_ins[i];
  }

  for (guint i = 0; i < 3; i++) {
    b->program->workgroup_size[i] = size[i];
    if (size[i] == 0)
      vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
          "axis %u (%c) of the workgroup has size 0; use 1 or more", i,
          "xyz"[i]);
  }
  return b;
}

/* All but the error. */
static void
drop (VyreBuilder *b)
{
  if (b->program == NULL)
    return;
  vyre_findings_free (vyre_validator_end (&b->rules));
  g_clear_pointer (&b->program, vyre_program_unref);
  g_hash_table_unref (b->buffer_names);
  g_hash_table_unref (b->visible_names);
  g_array_unref (b->buffers);
  g_array_unref (b->values);
  g_array_unref (b->variables);
  g_array_unref (b->visible);
  g_array_unref (b->atomics);
  g_array_unref (b->frames);
}

void
vyre_builder_free (VyreBuilder *b)
{
  if (b == NULL)
    return;
  drop (b);
  g_clear_error (&b->error);
  g_free (b);
}

/* --- errors ------------------------------------------------------------------- */

/* Where the next statement goes, as the finished program has it. */
static void
append_place (VyreBuilder *b, GString *out)
{
  const VyreBuilderFrame *frame = vyre_builder_top (b);
  gboolean wrapped = b->top_has_other || frame->node == NULL;

  if (wrapped)
    g_string_append (out, "entry[0].");
  for (guint i = 0; i < b->frames->len; i++) {
    frame = &g_array_index (b->frames, VyreBuilderFrame, i);
    g_string_append_printf (out, "%s%s[%u]", i == 0 ? "" : ".",
        i == 0                              ? (wrapped ? "body" : "entry")
        : frame->in_else                    ? "else"
        : frame->node->kind == VYRE_NODE_IF ? "then"
                                            : "body",
        i + 1 < b->frames->len ? frame->nodes->len - 1 : frame->nodes->len);
  }
}

void
vyre_builder_fail (
    VyreBuilder *b, VyreBuilderError code, const char *format, ...)
{
  g_autoptr (GString) message = NULL;
  va_list args;

  if (b->error != NULL)
    return;
  message = g_string_new (NULL);
  if (b->program != NULL && code != VYRE_BUILDER_ERROR_BUFFER) {
    append_place (b, message);
    g_string_append (message, ": ");
  }
  va_start (args, format);
  g_string_append_vprintf (message, format, args);
  va_end (args);
  b->error = g_error_new_literal (VYRE_BUILDER_ERROR, code, message->str);
}

gboolean
vyre_builder_ready (VyreBuilder *b)
{
  if (b->program == NULL)
    vyre_builder_fail (b, VYRE_BUILDER_ERROR_FINISHED,
        "the builder has finished its program; make a new one");
  return b->error == NULL;
}

const GError *
vyre_builder_get_error (const VyreBuilder *b)
{
  g_return_val_if_fail (b != NULL, NULL);

  return b->error;
}

/* --- strings and types -------------------------------------------------------- */

gboolean
vyre_builder_string (
    VyreBuilder *b, const char *what, const char *text, VyreString *string)
{
  gsize length = strlen (text);

  if (length > WIRE_MAX_STRING) {
    vyre_builder_fail (b, VYRE_BUILDER_ERROR_LIMIT,
        "%s of %" G_GSIZE_FORMAT " bytes; %u are allowed", what, length,
        WIRE_MAX_STRING);
    return FALSE;
  }
  if (!g_utf8_validate (text, (gssize) length, NULL)) {
    vyre_builder_fail (
        b, VYRE_BUILDER_ERROR_ARGUMENT, "%s is not UTF-8; convert it", what);
    return FALSE;
  }
  *string = vyre_program_string (b->program, text, length);
  return TRUE;
}

/* What the wire demands of the numbers in a type, vir0-wire.md section 11. */
static gboolean
check_type (VyreBuilder *b, const char *what, const VyreType *type)
{
  const char *name = vyre_type_kind_name (type->kind);
  gboolean has_element = vyre_wire_has_element (type->kind);

  if (type->kind == VYRE_TYPE_OPAQUE)
    goto opaque;
  if (vyre_plain_type (type->kind) == NULL && type->kind != VYRE_TYPE_ARRAY &&
      type->kind != VYRE_TYPE_HANDLE && type->kind != VYRE_TYPE_DEVICE_MESH &&
      !has_element)
    goto unknown;
  if (has_element != (type->element != NULL))
    goto element;
  if (type->n_dims > 0 && type->dims == NULL)
    goto dims;
  if (type->kind == VYRE_TYPE_QUANTIZED &&
      (!vyre_wire_quant_storage_ok (type->element->kind) ||
          !vyre_wire_quant_pair_ok (
              FALSE, type->scale_tag, type->scale_param) ||
          !vyre_wire_quant_pair_ok (TRUE, type->zero_tag, type->zero_param)))
    goto quantized;
  return TRUE;

opaque:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
      "%s: no executor implements extension types; use a built-in type", what);
  return FALSE;
unknown:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "%s: there is no type with the number %u; use a VYRE_TYPE_ constant",
      what, (guint) type->kind);
  return FALSE;
element:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT, "%s: type %s %s", what,
      name,
      has_element ? "has no element; set element"
                  : "has no element type; leave element NULL");
  return FALSE;
dims:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "%s: type %s has %u dimensions and no dims; set dims", what, name,
      type->n_dims);
  return FALSE;
quantized:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "%s: type quantized of %s with scale %u (%u) and zero point %u (%u), "
      "which does not exist; see vir0-wire.md section 11.3",
      what, vyre_type_kind_name (type->element->kind), type->scale_tag,
      type->scale_param, type->zero_tag, type->zero_param);
  return FALSE;
}

const VyreType *
vyre_builder_copy_type (VyreBuilder *b, const char *what, const VyreType *type)
{
  const VyreType *first = NULL, **place = &first;

  for (guint depth = 0; type != NULL; type = type->element) {
    VyreType *copy;

    if (!check_type (b, what, type))
      return NULL;
    if (++depth > VYRE_WIRE_MAX_TYPE_NESTING)
      goto too_deep;
    copy = vyre_program_alloc (b->program, sizeof *copy);
    *copy = *type;
    if (type->n_dims > 0) {
      gsize size = type->n_dims * sizeof *type->dims;

      copy->dims =
          memcpy (vyre_program_alloc (b->program, size), type->dims, size);
    }
    *place = copy;
    place = &copy->element;
  }
  return first;

too_deep:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_LIMIT,
      "%s: more than %u types in one another", what,
      VYRE_WIRE_MAX_TYPE_NESTING);
  return NULL;
}

/* --- the program --------------------------------------------------------------- */

void
vyre_builder_set_operation (VyreBuilder *b, const char *operation_id)
{
  g_return_if_fail (b != NULL && operation_id != NULL);

  if (vyre_builder_ready (b))
    b->program->has_entry_op_id = vyre_builder_string (
        b, "the operation id", operation_id, &b->program->entry_op_id);
}

void
vyre_builder_set_non_composable (VyreBuilder *b)
{
  g_return_if_fail (b != NULL);

  if (vyre_builder_ready (b))
    b->program->non_composable = TRUE;
}

/* --- buffers ------------------------------------------------------------------- */

static gboolean
check_buffer (VyreBuilder *b, const char *name, const VyreBuffer *buffer)
{
  VyreTypeKind kind = buffer->element->kind;

  if (b->buffers->len >= WIRE_MAX_BUFFERS)
    goto too_many;
  if (g_hash_table_contains (b->buffer_names, &buffer->name))
    goto name_taken;
  if ((guint) buffer->access > VYRE_ACCESS_WRITE_ONLY)
    goto bad_access;
  if (!vyre_wire_is_plain_element (kind) && kind != VYRE_TYPE_ARRAY &&
      kind != VYRE_TYPE_HANDLE && kind != VYRE_TYPE_QUANTIZED)
    goto bad_element;
  if (buffer->access == VYRE_ACCESS_WORKGROUP && buffer->count == 0)
    goto no_count;
  return TRUE;

too_many:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_LIMIT,
      "buffer `%s` is one too many; %u are allowed", name, WIRE_MAX_BUFFERS);
  return FALSE;
name_taken:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_BUFFER,
      "a second buffer with the name `%s`; give each its own", name);
  return FALSE;
bad_access:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_BUFFER,
      "buffer `%s` has the access %u; use a VYRE_ACCESS_ constant", name,
      (guint) buffer->access);
  return FALSE;
bad_element:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_BUFFER,
      "buffer `%s` cannot have elements of %s; use numbers, and several of "
      "them for a vector",
      name, vyre_type_kind_name (kind));
  return FALSE;
no_count:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_BUFFER,
      "Workgroup buffer `%s` has no count; say how many elements it has", name);
  return FALSE;
}

VyreBufferRef
vyre_builder_buffer_of (VyreBuilder *b, const char *name, VyreAccess access,
    const VyreType *element, guint32 count)
{
  VyreBufferRef ref = { 0, 0 };
  VyreBuffer buffer = { .access = access, .count = count };
  VyreBuffer *stored;

  g_return_val_if_fail (b != NULL && name != NULL && element != NULL, ref);

  ref.owner = b->id;
  if (!vyre_builder_ready (b))
    return ref;
  buffer.element = vyre_builder_copy_type (b, "the buffer's elements", element);
  if (buffer.element == NULL ||
      !vyre_builder_string (b, "the buffer's name", name, &buffer.name) ||
      !check_buffer (b, name, &buffer))
    return ref;

  buffer.hints = VYRE_HINTS_DEFAULT;
  buffer.kind = vyre_text_default_kind (access);
  if (access != VYRE_ACCESS_WORKGROUP)
    buffer.binding = b->next_binding++;
  g_array_append_val (b->buffers, buffer);
  b->program->buffers = (VyreBuffer *) (gpointer) b->buffers->data;
  b->program->n_buffers = ref.index = b->buffers->len;

  stored = &b->program->buffers[ref.index - 1];
  vyre_validator_name (&b->rules, stored->name)->buffer = (int) ref.index - 1;
  g_hash_table_add (b->buffer_names,
      memcpy (vyre_program_alloc (b->program, sizeof (VyreString)),
          &stored->name, sizeof (VyreString)));
  return ref;
}

VyreBufferRef
vyre_builder_buffer (VyreBuilder *b, const char *name, VyreAccess access,
    VyreTypeKind type, guint32 count)
{
  VyreType element = { .kind = type };

  return vyre_builder_buffer_of (b, name, access, &element, count);
}

VyreBuffer *
vyre_builder_find_buffer (VyreBuilder *b, const char *what, VyreBufferRef ref)
{
  if (!vyre_builder_ready (b))
    return NULL;
  if (ref.owner != b->id || ref.index == 0 || ref.index > b->buffers->len) {
    vyre_builder_fail (b, VYRE_BUILDER_ERROR_HANDLE,
        "%s: the buffer is not of this builder; declare it with "
        "vyre_builder_buffer()",
        what);
    return NULL;
  }
  return &g_array_index (b->buffers, VyreBuffer, ref.index - 1);
}

void
vyre_builder_set_binding (VyreBuilder *b, VyreBufferRef ref, guint32 binding)
{
  VyreBuffer *buffer;

  g_return_if_fail (b != NULL);

  buffer = vyre_builder_find_buffer (b, "set_binding", ref);
  if (buffer == NULL)
    return;
  buffer->binding = binding;
  if (buffer->access != VYRE_ACCESS_WORKGROUP && binding != G_MAXUINT32)
    b->next_binding = MAX (b->next_binding, binding + 1);
}

static gboolean
has_count (VyreBuilder *b, const VyreBuffer *buffer, const char *what)
{
  g_autofree char *name = NULL;

  if (buffer->count > 0)
    return TRUE;
  name = vyre_string_display (buffer->name);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_BUFFER,
      "%s buffer `%s` has no count; say how many elements it has", what, name);
  return FALSE;
}

void
vyre_builder_set_output (VyreBuilder *b, VyreBufferRef ref)
{
  VyreBuffer *buffer;

  g_return_if_fail (b != NULL);

  buffer = vyre_builder_find_buffer (b, "set_output", ref);
  if (buffer != NULL)
    buffer->is_output = has_count (b, buffer, "output");
}

void
vyre_builder_set_live_out (VyreBuilder *b, VyreBufferRef ref)
{
  VyreBuffer *buffer;

  g_return_if_fail (b != NULL);

  buffer = vyre_builder_find_buffer (b, "set_live_out", ref);
  if (buffer != NULL)
    buffer->live_out = has_count (b, buffer, "live-out");
}

void
vyre_builder_set_output_range (
    VyreBuilder *b, VyreBufferRef ref, guint64 start, guint64 end)
{
  VyreBuffer *buffer;
  g_autofree char *name = NULL;

  g_return_if_fail (b != NULL);

  buffer = vyre_builder_find_buffer (b, "set_output_range", ref);
  if (buffer == NULL)
    return;
  if (start > end)
    goto backwards;
  buffer->has_output_range = TRUE;
  buffer->range_start = start;
  buffer->range_end = end;
  return;

backwards:
  name = vyre_string_display (buffer->name);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_BUFFER,
      "the output range of buffer `%s` starts at byte %" G_GUINT64_FORMAT
      " and ends at %" G_GUINT64_FORMAT "; give the lower one first",
      name, start, end);
}

void
vyre_builder_set_kind (VyreBuilder *b, VyreBufferRef ref, VyreMemoryKind kind)
{
  VyreBuffer *buffer;

  g_return_if_fail (b != NULL);

  buffer = vyre_builder_find_buffer (b, "set_kind", ref);
  if (buffer == NULL)
    return;
  if ((guint) kind > VYRE_KIND_PERSISTENT)
    vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
        "set_kind: there is no memory kind %u; use a VYRE_KIND_ constant",
        (guint) kind);
  else
    buffer->kind = kind;
}

void
vyre_builder_set_hints (
    VyreBuilder *b, VyreBufferRef ref, const VyreHints *hints)
{
  VyreBuffer *buffer;

  g_return_if_fail (b != NULL && hints != NULL);

  buffer = vyre_builder_find_buffer (b, "set_hints", ref);
  if (buffer == NULL)
    return;
  if ((guint) hints->locality > VYRE_LOCALITY_RANDOM) {
    vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
        "set_hints: there is no locality %u; use a VYRE_LOCALITY_ constant",
        (guint) hints->locality);
    return;
  }
  buffer->hints = *hints;
  buffer->hints.has_coalesce_axis = !!hints->has_coalesce_axis;
}

/* --- the end -------------------------------------------------------------------- */

static void
wrap (VyreBuilder *b)
{
  VyreProgram *program = b->program;
  VyreNode *region = vyre_program_node (program, VYRE_NODE_REGION);

  region->name = vyre_program_string (
      program, VYRE_ROOT_REGION, strlen (VYRE_ROOT_REGION));
  region->body = program->entry;
  program->entry.nodes = vyre_program_alloc (program, sizeof (VyreNode *));
  program->entry.nodes[0] = region;
  program->entry.n_nodes = 1;
}

static gboolean
close_program (VyreBuilder *b)
{
  VyreProgram *program = b->program;
  gsize size = b->buffers->len * sizeof (VyreBuffer);

  if (b->frames->len > 1)
    goto open;
  if (!vyre_builder_check_atomics (b))
    return FALSE;

  program->entry = vyre_builder_close_list (b);
  /* An empty program stays one, and is refused. */
  if (b->top_has_other)
    wrap (b);
  program->buffers = vyre_program_alloc (program, MAX (size, 1));
  if (size > 0)
    memcpy (program->buffers, b->buffers->data, size);
  return TRUE;

open:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_NESTING,
      "the program ends inside of %s; end it, and what it is in (%u open in "
      "all)",
      vyre_node_kind_name (vyre_builder_top (b)->node->kind),
      b->frames->len - 1);
  return FALSE;
}

VyreProgram *
vyre_builder_finish (VyreBuilder *b, GError **error)
{
  VyreProgram *program = NULL;
  g_autoptr (GBytes) blob = NULL;

  g_return_val_if_fail (b != NULL, NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  if (vyre_builder_ready (b) && close_program (b) &&
      vyre_program_check (
          b->program, &VYRE_VALIDATE_OPTIONS_ENGINE, &b->error)) {
    /* Limits of the whole are the encoder's. */
    blob = vyre_program_encode (b->program, &b->error);
    if (blob != NULL)
      program = vyre_program_ref (b->program);
  }
  if (program == NULL && error != NULL)
    *error = g_error_copy (b->error);
  drop (b);
  return program;
}
