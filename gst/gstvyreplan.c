/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreplan.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include <glib/gstdio.h>

G_DEFINE_QUARK (gst_vyre_plan_error, gst_vyre_plan_error)

#define LOG_MIN_BYTES 20u
#define LOG_MAX_BYTES (4u + 16u * 16384u)

/* While a plan is made: a buffer and what was said about it. */
typedef struct
{
  const VyreBuffer *buffer;
  GstVyreBinding *binding; /* or %NULL */
  gboolean has_size; /* bytes is what count elements occupy */
  guint64 bytes;
} Candidate;

static gboolean
may_write (const VyreBuffer *buffer)
{
  return buffer->access == VYRE_ACCESS_READ_WRITE ||
         buffer->access == VYRE_ACCESS_WRITE_ONLY;
}

/* Not bound to contents: may carry the stream. */
static gboolean
is_free (const Candidate *candidate)
{
  return candidate->buffer->access != VYRE_ACCESS_WORKGROUP &&
         (candidate->binding == NULL ||
             candidate->binding->kind == GST_VYRE_BINDING_SIZE);
}

static char *
list_names (const GstVyrePlan *plan)
{
  GString *names = g_string_new (NULL);

  for (guint i = 0; i < plan->n_slots && names->len < 400; i++) {
    if (plan->program->buffers[i].access == VYRE_ACCESS_WORKGROUP)
      continue;
    if (names->len > 0)
      g_string_append (names, ", ");
    g_string_append (names, plan->slots[i].name);
  }
  return g_string_free (names, FALSE);
}

static gboolean
match_bindings (GstVyrePlan *plan, GPtrArray *bindings, Candidate *candidates,
    GError **error)
{
  for (guint i = 0; i < bindings->len; i++) {
    GstVyreBinding *binding = g_ptr_array_index (bindings, i);
    VyreString name = { binding->name, strlen (binding->name) };
    int found = vyre_program_find_buffer (plan->program, name);

    if (found < 0) {
      g_autofree char *names = list_names (plan);

      g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_UNKNOWN,
          "bindings name the buffer \"%s\", which the program does not have; "
          "it has: %s",
          binding->name, names);
      return FALSE;
    }
    if (candidates[found].buffer->access == VYRE_ACCESS_WORKGROUP) {
      g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
          "buffer \"%s\" is workgroup memory, which cannot be bound; leave it "
          "out of bindings",
          binding->name);
      return FALSE;
    }
    candidates[found].binding = binding;
  }
  return TRUE;
}

static gboolean
choose_input (GstVyrePlan *plan, const Candidate *candidates, GError **error)
{
  guint n = plan->n_slots, writable = 0;

  for (guint i = 0; i < n; i++) {
    if (is_free (&candidates[i]) &&
        candidates[i].buffer->access != VYRE_ACCESS_WRITE_ONLY &&
        vyre_string_is (candidates[i].buffer->name, "input")) {
      plan->input = i;
      return TRUE;
    }
  }
  for (guint i = 0; i < n; i++) {
    if (is_free (&candidates[i]) &&
        candidates[i].buffer->access == VYRE_ACCESS_READ_ONLY) {
      plan->input = i;
      return TRUE;
    }
  }
  for (guint i = 0; i < n; i++) {
    if (candidates[i].binding == NULL &&
        vyre_buffer_role (candidates[i].buffer) == VYRE_ROLE_INOUT) {
      plan->input = i;
      writable++;
    }
  }
  if (writable == 1)
    return TRUE;

  if (writable > 1)
    g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_UNBOUND,
        "%u ReadWrite buffers could take the stream (\"%s\" is the last); name "
        "one of them input in the program, or bind the others, for example "
        "%s=zeros:BYTES",
        writable, plan->slots[plan->input].name, plan->slots[plan->input].name);
  else
    g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_UNBOUND,
        "the program has no buffer that could take the stream: it needs one "
        "named input, or a ReadOnly or ReadWrite one that bindings leave free");
  return FALSE;
}

static gboolean
choose_outgoing (GstVyrePlan *plan, const Candidate *candidates, GError **error)
{
  guint n = plan->n_slots;
  gint live_out = -1;

  plan->outgoing = -1;
  for (guint i = 0; i < n; i++) {
    if (candidates[i].binding == NULL ||
        candidates[i].binding->kind != GST_VYRE_BINDING_SIZE)
      continue;
    if (plan->outgoing >= 0) {
      g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
          "buffers \"%s\" and \"%s\" both have a size; only one buffer can "
          "leave, bind the other, for example %s=zeros:BYTES",
          plan->slots[plan->outgoing].name, plan->slots[i].name,
          plan->slots[i].name);
      return FALSE;
    }
    plan->outgoing = i;
  }
  if (plan->outgoing >= 0)
    return TRUE;

  for (guint i = 0; i < n; i++) {
    if (is_free (&candidates[i]) && may_write (candidates[i].buffer) &&
        vyre_string_is (candidates[i].buffer->name, "output")) {
      plan->outgoing = i;
      return TRUE;
    }
  }
  for (guint i = 0; i < n; i++) {
    if (!is_free (&candidates[i]) || !may_write (candidates[i].buffer) ||
        i == plan->input)
      continue;
    if (candidates[i].buffer->is_output) {
      plan->outgoing = i;
      return TRUE;
    }
    if (candidates[i].buffer->live_out) {
      if (live_out >= 0) {
        g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_UNBOUND,
            "both \"%s\" and \"%s\" are live-out; name the one that shall "
            "leave output in the program, or keep one: %s=keep",
            plan->slots[live_out].name, plan->slots[i].name,
            plan->slots[i].name);
        return FALSE;
      }
      live_out = i;
    }
  }
  if (live_out >= 0)
    plan->outgoing = live_out;
  else if (candidates[plan->input].buffer->access == VYRE_ACCESS_READ_WRITE)
    plan->outgoing = plan->input;
  return TRUE;
}

static gboolean
check_limit (const char *name, guint64 bytes, guint64 limit, GError **error)
{
  if (bytes <= limit)
    return TRUE;
  g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_LIMIT,
      "buffer \"%s\" would take %" G_GUINT64_FORMAT
      " bytes, more than the %" G_GUINT64_FORMAT " of max-output-bytes",
      name, bytes, limit);
  return FALSE;
}

/* Bytes of one element of a buffer that carries the stream. */
static gboolean
element_bytes (const Candidate *candidate, const char *name, guint64 *bytes,
    GError **error)
{
  const VyreType *type = candidate->buffer->element;

  if (vyre_type_static_size (type, 1, bytes) && *bytes > 0 &&
      (candidate->has_size || candidate->buffer->count == 0))
    return TRUE;
  g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
      "buffer \"%s\" has elements of type %s, which have no size in bytes and "
      "cannot carry a stream",
      name, vyre_type_kind_name (type->kind));
  return FALSE;
}

static gboolean
plan_stream (GstVyrePlan *plan, Candidate *candidates, GError **error)
{
  const Candidate *in = &candidates[plan->input];
  const char *in_name = plan->slots[plan->input].name;
  const Candidate *out;
  const char *name;

  if (!element_bytes (in, in_name, &plan->input_unit, error))
    return FALSE;
  if (in->binding) {
    g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
        "buffer \"%s\" is the input, whose length the stream gives; only an "
        "outgoing buffer can have a size",
        in_name);
    return FALSE;
  }
  if (in->buffer->count > 0) {
    plan->frame_bytes = in->bytes;
    if (!check_limit (in_name, in->bytes, plan->max_output_bytes, error))
      return FALSE;
  }
  plan->slots[plan->input].kind = GST_VYRE_SLOT_INPUT;
  if (plan->outgoing < 0)
    return TRUE;

  out = &candidates[plan->outgoing];
  name = plan->slots[plan->outgoing].name;
  if (!element_bytes (out, name, &plan->output_unit, error))
    return FALSE;
  if (plan->outgoing == (gint) plan->input) {
    plan->slots[plan->input].kind = GST_VYRE_SLOT_IN_PLACE;
  } else {
    plan->slots[plan->outgoing].kind = GST_VYRE_SLOT_OUTGOING;
    if (out->buffer->count == 0 &&
        out->buffer->access != VYRE_ACCESS_READ_WRITE)
      goto no_length;
  }
  if (out->buffer->count > 0) {
    plan->output_bytes = out->bytes;
    if (!check_limit (name, out->bytes, plan->max_output_bytes, error))
      return FALSE;
  }
  if (out->binding) {
    if (out->buffer->count > 0 || out->buffer->access != VYRE_ACCESS_READ_WRITE)
      goto not_sizable;
    plan->size = g_steal_pointer (&out->binding->size);
  }
  /* A range that does not fit counts as none (vir0-semantics.md 4.4). */
  if (out->buffer->has_output_range && out->buffer->count > 0 &&
      out->buffer->range_start <= out->buffer->range_end &&
      out->buffer->range_end <= out->bytes) {
    plan->has_range = TRUE;
    plan->range_start = out->buffer->range_start;
    plan->range_end = out->buffer->range_end;
  }
  return TRUE;

no_length:
  g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
      "outgoing buffer \"%s\" is %s with count 0, so nobody says how long it "
      "is; declare it ReadWrite, or with a count",
      name, vyre_access_name (out->buffer->access));
  return FALSE;

not_sizable:
  g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
      "buffer \"%s\" is declared %s with count %u; only a ReadWrite buffer of "
      "count 0 takes a size",
      name, vyre_access_name (out->buffer->access), out->buffer->count);
  return FALSE;
}

static GBytes *
read_file (const char *name, const char *path, guint64 limit, GError **error)
{
  char *contents;
  gsize length;
  GStatBuf st;

  if (g_stat (path, &st) != 0) {
    int saved = errno;

    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (saved),
        "buffer \"%s\": cannot read \"%s\": %s", name, path,
        g_strerror (saved));
    return NULL;
  }
  if (!S_ISREG (st.st_mode)) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
        "buffer \"%s\": \"%s\" is no regular file", name, path);
    return NULL;
  }
  if ((guint64) st.st_size > limit) {
    g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_LIMIT,
        "buffer \"%s\": \"%s\" has %" G_GUINT64_FORMAT
        " bytes, at most %" G_GUINT64_FORMAT " fit",
        name, path, (guint64) st.st_size, limit);
    return NULL;
  }
  if (!g_file_get_contents (path, &contents, &length, error)) {
    g_prefix_error (error, "buffer \"%s\": ", name);
    return NULL;
  }
  return g_bytes_new_take (contents, length);
}

/* What may be written for a buffer that nothing was said about. */
static void
set_unbound_error (const Candidate *candidate, const char *name, GError **error)
{
  g_autofree char *size =
      candidate->buffer->count > 0
          ? g_strdup_printf (
                "exactly %" G_GUINT64_FORMAT " bytes", candidate->bytes)
          : g_strdup ("any number of bytes");

  if (may_write (candidate->buffer)) {
    const char *bytes = candidate->buffer->count > 0 ? "" : ":BYTES";

    g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_UNBOUND,
        "buffer \"%s\" (%s, %s, %s) is not bound; write %s=keep%s into "
        "bindings to keep it from buffer to buffer, or %s=zeros%s to start it "
        "with zeros and drop it",
        name, vyre_access_name (candidate->buffer->access),
        vyre_type_kind_name (candidate->buffer->element->kind), size, name,
        bytes, name, bytes);
    return;
  }
  g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_UNBOUND,
      "buffer \"%s\" (%s, %s, %s) is not bound; write %s=file:PATH, "
      "%s=hex:00ff or %s=u32:1;2;3 into bindings",
      name, vyre_access_name (candidate->buffer->access),
      vyre_type_kind_name (candidate->buffer->element->kind), size, name, name,
      name);
}

static gboolean
check_bound_access (
    const Candidate *candidate, const char *name, GError **error)
{
  const VyreBuffer *buffer = candidate->buffer;

  if (candidate->binding->kind == GST_VYRE_BINDING_KEEP &&
      !may_write (buffer)) {
    g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
        "buffer \"%s\" is %s: the program never changes it, so there is "
        "nothing "
        "to keep; write %s=file:PATH or %s=hex:00ff",
        name, vyre_access_name (buffer->access), name, name);
    return FALSE;
  }
  if (candidate->binding->kind == GST_VYRE_BINDING_DATA &&
      vyre_buffer_role (buffer) == VYRE_ROLE_OUTPUT) {
    g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
        "buffer \"%s\" is an output, which starts as zeros; write %s=zeros or "
        "%s=keep",
        name, name, name);
    return FALSE;
  }
  return TRUE;
}

/* The debug log of ring-protocol.md section 11: a cursor and records. */
static gboolean
plan_log (GstVyrePlan *plan, const Candidate *candidate, GstVyreSlot *slot,
    GError **error)
{
  const VyreBuffer *buffer = candidate->buffer;
  guint i = slot - plan->slots;

  if (plan->log >= 0) {
    g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
        "buffers \"%s\" and \"%s\" are both bound as log; a program has one",
        plan->slots[plan->log].name, slot->name);
    return FALSE;
  }
  if (buffer->access != VYRE_ACCESS_READ_WRITE ||
      buffer->element->kind != VYRE_TYPE_U32 || slot->bytes % 4 != 0 ||
      slot->bytes < LOG_MIN_BYTES || slot->bytes > LOG_MAX_BYTES) {
    g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
        "buffer \"%s\" (%s, %s, %" G_GUINT64_FORMAT
        " bytes) is no log: that is ReadWrite, of u32, of %u to %u bytes, 4 "
        "for "
        "the cursor and 16 for each record; write %s=log:1028",
        slot->name, vyre_access_name (buffer->access),
        vyre_type_kind_name (buffer->element->kind), slot->bytes, LOG_MIN_BYTES,
        LOG_MAX_BYTES, slot->name);
    return FALSE;
  }
  slot->kind = GST_VYRE_SLOT_LOG;
  plan->log = (gint) i;
  return TRUE;
}

static const char *
kind_word (GstVyreBindingKind kind)
{
  switch (kind) {
    case GST_VYRE_BINDING_KEEP:
      return "keep";
    case GST_VYRE_BINDING_LOG:
      return "log";
    default:
      return "zeros";
  }
}

static gboolean
plan_bound (GstVyrePlan *plan, const Candidate *candidate, GstVyreSlot *slot,
    const GstVyrePlanLimits *limits, GError **error)
{
  const GstVyreBinding *binding = candidate->binding;
  gboolean is_static = candidate->buffer->count > 0;

  if (!check_bound_access (candidate, slot->name, error))
    return FALSE;
  if (is_static && !candidate->has_size)
    goto no_size;

  if (binding->path) {
    slot->data =
        read_file (slot->name, binding->path, limits->max_data_bytes, error);
    if (slot->data == NULL)
      return FALSE;
  } else if (binding->data) {
    slot->data = g_bytes_ref (binding->data);
  }

  if (slot->data)
    slot->bytes = g_bytes_get_size (slot->data);
  else if (binding->has_bytes)
    slot->bytes = binding->bytes;
  else if (is_static)
    slot->bytes = candidate->bytes;
  else
    goto no_bytes;
  if (is_static && slot->bytes != candidate->bytes)
    goto wrong_size;

  switch (binding->kind) {
    case GST_VYRE_BINDING_DATA:
      slot->kind = GST_VYRE_SLOT_DATA;
      return TRUE;
    case GST_VYRE_BINDING_KEEP:
      slot->kind = GST_VYRE_SLOT_KEPT;
      plan->n_kept++;
      break;
    case GST_VYRE_BINDING_LOG:
      return plan_log (plan, candidate, slot, error);
    default:
      slot->kind = GST_VYRE_SLOT_ZEROS;
      break;
  }
  return check_limit (slot->name, slot->bytes, limits->max_output_bytes, error);

no_size:
  g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
      "buffer \"%s\" has elements of type %s, which have no size in bytes and "
      "cannot be bound",
      slot->name, vyre_type_kind_name (candidate->buffer->element->kind));
  return FALSE;

no_bytes:
  g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
      "buffer \"%s\" has no size of its own; write %s=%s:BYTES", slot->name,
      slot->name, kind_word (binding->kind));
  return FALSE;

wrong_size:
  g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_MISFIT,
      "buffer \"%s\" takes exactly %" G_GUINT64_FORMAT " bytes (%u elements of "
      "type %s), bindings give %" G_GUINT64_FORMAT,
      slot->name, candidate->bytes, candidate->buffer->count,
      vyre_type_kind_name (candidate->buffer->element->kind), slot->bytes);
  return FALSE;
}

GstVyrePlan *
gst_vyre_plan_new (VyreProgram *program, GPtrArray *bindings,
    const GstVyrePlanLimits *limits, GError **error)
{
  g_autoptr (GstVyrePlan) plan = g_new0 (GstVyrePlan, 1);
  g_autofree Candidate *candidates = g_new0 (Candidate, program->n_buffers);

  plan->program = vyre_program_ref (program);
  plan->n_slots = program->n_buffers;
  plan->slots = g_new0 (GstVyreSlot, program->n_buffers);
  plan->max_output_bytes = limits->max_output_bytes;
  plan->log = -1;
  for (guint i = 0; i < plan->n_slots; i++) {
    const VyreBuffer *buffer = &program->buffers[i];

    plan->slots[i].name = vyre_string_display (buffer->name);
    candidates[i].buffer = buffer;
    candidates[i].has_size =
        buffer->count > 0 && vyre_type_static_size (buffer->element,
                                 buffer->count, &candidates[i].bytes);
  }

  if (!match_bindings (plan, bindings, candidates, error) ||
      !choose_input (plan, candidates, error) ||
      !choose_outgoing (plan, candidates, error) ||
      !plan_stream (plan, candidates, error))
    return NULL;

  for (guint i = 0; i < plan->n_slots; i++) {
    GstVyreSlot *slot = &plan->slots[i];

    if (slot->kind != GST_VYRE_SLOT_NONE ||
        candidates[i].buffer->access == VYRE_ACCESS_WORKGROUP)
      continue;
    if (candidates[i].binding == NULL) {
      set_unbound_error (&candidates[i], slot->name, error);
      return NULL;
    }
    if (!plan_bound (plan, &candidates[i], slot, limits, error))
      return NULL;
  }
  return g_steal_pointer (&plan);
}

void
gst_vyre_plan_free (GstVyrePlan *plan)
{
  for (guint i = 0; i < plan->n_slots; i++) {
    g_free (plan->slots[i].name);
    g_clear_pointer (&plan->slots[i].data, g_bytes_unref);
  }
  g_free (plan->slots);
  g_clear_pointer (&plan->size, gst_vyre_size_expr_free);
  vyre_program_unref (plan->program);
  g_free (plan);
}

static gboolean
round_up (guint64 bytes, guint64 unit, guint64 *rounded)
{
  guint64 rest = bytes % unit;

  if (rest == 0) {
    *rounded = bytes;
    return TRUE;
  }
  return g_uint64_checked_add (rounded, bytes, unit - rest);
}

/* ceil (bytes * part / whole) for part <= whole. */
static guint64
in_proportion (guint64 bytes, guint64 part, guint64 whole)
{
  if (part == whole)
    return bytes;
  return ((unsigned __int128) bytes * part + whole - 1) / whole;
}

gboolean
gst_vyre_plan_measure (const GstVyrePlan *plan, guint64 input_bytes,
    GstVyreLengths *lengths, GError **error)
{
  const char *name;

  memset (lengths, 0, sizeof (*lengths));
  if (plan->frame_bytes > 0)
    lengths->input = plan->frame_bytes;
  else if (!round_up (input_bytes, plan->input_unit, &lengths->input))
    goto too_long;
  g_return_val_if_fail (input_bytes <= lengths->input, FALSE);
  if (plan->outgoing < 0) {
    lengths->leave = input_bytes;
    lengths->per_input = lengths->per_leave = input_bytes;
    return TRUE;
  }

  name = plan->slots[plan->outgoing].name;
  if (plan->outgoing == (gint) plan->input) {
    lengths->leave = lengths->outgoing = lengths->input;
    if (plan->frame_bytes == 0)
      lengths->leave = input_bytes;
  } else if (plan->output_bytes > 0) {
    lengths->leave = lengths->outgoing = plan->output_bytes;
  } else {
    /* A frame counts in full here; its share is cut off below. */
    guint64 given = plan->frame_bytes > 0 ? plan->frame_bytes : input_bytes;

    lengths->leave = given;
    if (plan->size &&
        !gst_vyre_size_expr_eval (plan->size, given, &lengths->leave, error)) {
      g_prefix_error (error, "buffer \"%s\": ", name);
      return FALSE;
    }
    if (!round_up (lengths->leave, plan->output_unit, &lengths->outgoing))
      goto too_long;
  }
  if (plan->has_range) {
    lengths->leave_offset = plan->range_start;
    lengths->leave = plan->range_end - plan->range_start;
  }
  lengths->per_input = plan->frame_bytes > 0 ? plan->frame_bytes : input_bytes;
  lengths->per_leave = lengths->leave;
  if (plan->frame_bytes > 0)
    lengths->leave =
        in_proportion (lengths->leave, input_bytes, plan->frame_bytes);
  return check_limit (name, lengths->outgoing, plan->max_output_bytes, error);

too_long:
  g_set_error (error, GST_VYRE_PLAN_ERROR, GST_VYRE_PLAN_ERROR_LIMIT,
      "an input of %" G_GUINT64_FORMAT " bytes cannot be padded to whole "
      "elements",
      input_bytes);
  return FALSE;
}
