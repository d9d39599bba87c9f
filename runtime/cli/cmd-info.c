/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "cli-json.h"
#include "survey.h"

#include "hex.h"
#include "vir0/blake3.h"

#include <stdio.h>
#include <string.h>

typedef struct
{
  const char *name;
  gsize file_bytes, wire_bytes;
  char *digest, *fingerprint;
  Survey survey;
} Info;

static void
info_clear (Info *info)
{
  g_free (info->digest);
  g_free (info->fingerprint);
}

/* Also proves that the program encodes, so that it may be walked. */
static gboolean
info_collect (Info *info, const VyreProgram *program, GError **error)
{
  g_autoptr (GBytes) blob = vyre_program_encode (program, error);
  guint8 fingerprint[VYRE_DIGEST_BYTES];
  const guint8 *data;

  if (!blob || !vyre_program_fingerprint (program, fingerprint, error))
    return FALSE;
  data = g_bytes_get_data (blob, &info->wire_bytes);
  /* The header's digest of the body (vir0-wire.md section 4). */
  info->digest = vyre_hex_dup (data + 8, VYRE_DIGEST_BYTES);
  info->fingerprint = vyre_hex_dup (fingerprint, VYRE_DIGEST_BYTES);
  survey_program (program, &info->survey);
  return TRUE;
}

static const char *
role_name (const VyreBuffer *buffer)
{
  static const char *const names[] = {
    [VYRE_ROLE_WORKGROUP] = "workgroup",
    [VYRE_ROLE_INPUT] = "input",
    [VYRE_ROLE_INOUT] = "inout",
    [VYRE_ROLE_OUTPUT] = "output",
  };

  return names[vyre_buffer_role (buffer)];
}

static char *
element_name (const VyreType *type)
{
  const char *kind = vyre_type_kind_name (type->kind);

  switch (type->kind) {
    case VYRE_TYPE_ARRAY:
      return g_strdup_printf ("%s<%" G_GUINT64_FORMAT ">", kind, type->size);
    case VYRE_TYPE_HANDLE:
      return g_strdup_printf ("%s<%u>", kind, type->a);
    case VYRE_TYPE_OPAQUE:
      return g_strdup_printf ("%s<0x%08x>", kind, type->a);
    case VYRE_TYPE_QUANTIZED:
      return g_strdup_printf (
          "%s<%s>", kind, vyre_type_kind_name (type->element->kind));
    default:
      return g_strdup (kind);
  }
}

/* --- text ---------------------------------------------------------------- */

static char *
needs_text (const Survey *survey)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < SURVEY_N_NEEDS; i++) {
    if (survey->needs[i])
      g_string_append_printf (
          text, "%s%s", text->len ? ", " : "", survey_need_name (i));
  }
  if (text->len == 0)
    g_string_append (text, "nothing special");
  return g_string_free (text, FALSE);
}

static void
print_buffer (const VyreBuffer *buffer, guint index)
{
  g_autofree char *name = vyre_string_display (buffer->name);
  g_autofree char *element = element_name (buffer->element);
  guint64 bytes;

  printf ("  %u \"%s\": %s, %s, %s memory, %s, binding %u, ", index, name,
      role_name (buffer), vyre_access_name (buffer->access),
      vyre_memory_kind_name (buffer->kind), element, buffer->binding);
  if (buffer->count == 0)
    printf ("sized at run time");
  else if (vyre_type_static_size (buffer->element, buffer->count, &bytes))
    printf ("%u elements, %" G_GUINT64_FORMAT " bytes", buffer->count, bytes);
  else
    printf ("%u elements", buffer->count);
  if (buffer->has_output_range)
    printf (", returns bytes %" G_GUINT64_FORMAT " to %" G_GUINT64_FORMAT,
        buffer->range_start, buffer->range_end);
  printf ("\n");
}

static void
print_text (const Info *info, const VyreProgram *program)
{
  g_autofree char *needs = needs_text (&info->survey);
  g_autofree char *entry = vyre_string_display (program->entry_op_id);

  printf ("program:      %s\n", info->name);
  if (info->file_bytes)
    printf ("file bytes:   %" G_GSIZE_FORMAT "\n", info->file_bytes);
  printf ("wire bytes:   %" G_GSIZE_FORMAT "\n", info->wire_bytes);
  printf ("digest:       %s\n", info->digest);
  printf ("fingerprint:  %s\n", info->fingerprint);
  if (program->has_entry_op_id)
    printf ("entry op id:  %s\n", entry);
  if (program->non_composable)
    printf ("composable:   not with a copy of itself\n");
  printf ("workgroup:    %u x %u x %u\n", program->workgroup_size[0],
      program->workgroup_size[1], program->workgroup_size[2]);
  printf ("statements:   %" G_GUINT64_FORMAT "\n", info->survey.n_nodes);
  printf ("expressions:  %" G_GUINT64_FORMAT "\n", info->survey.n_exprs);
  printf (
      "nesting:      %u of %d levels\n", info->survey.depth, VYRE_MAX_NESTING);
  printf ("needs:        %s\n", needs);
  if (info->survey.needs[SURVEY_WORKGROUP_MEMORY])
    printf ("workgroup:    %" G_GUINT64_FORMAT " bytes of memory\n",
        info->survey.workgroup_bytes);
  printf ("buffers:      %u\n", program->n_buffers);
  for (guint32 i = 0; i < program->n_buffers; i++)
    print_buffer (&program->buffers[i], i);
}

/* --- JSON ---------------------------------------------------------------- */

/* Whole unless it holds NUL, which a JSON string of this library cannot. */
static void
add_name (JsonBuilder *b, const char *member, VyreString s)
{
  g_autofree char *text = memchr (s.data, 0, s.length)
                              ? vyre_string_display (s)
                              : g_strndup (s.data, s.length);

  json_builder_set_member_name (b, member);
  json_builder_add_string_value (b, text);
}

static void
add_buffer (JsonBuilder *b, const VyreBuffer *buffer)
{
  g_autofree char *element = element_name (buffer->element);
  guint64 bytes;

  json_builder_begin_object (b);
  add_name (b, "name", buffer->name);
  cli_json_add_number (b, "binding", buffer->binding);
  cli_json_add_string (b, "role", role_name (buffer));
  cli_json_add_string (b, "access", vyre_access_name (buffer->access));
  cli_json_add_string (b, "kind", vyre_memory_kind_name (buffer->kind));
  cli_json_add_string (b, "element", element);
  cli_json_add_number (b, "count", buffer->count);
  if (buffer->count > 0 &&
      vyre_type_static_size (buffer->element, buffer->count, &bytes))
    cli_json_add_number (b, "bytes", bytes);
  cli_json_add_boolean (b, "is_output", buffer->is_output);
  cli_json_add_boolean (b, "live_out", buffer->live_out);
  if (buffer->has_output_range) {
    cli_json_add_number (b, "range_start", buffer->range_start);
    cli_json_add_number (b, "range_end", buffer->range_end);
  }
  json_builder_end_object (b);
}

static void
print_json (const Info *info, const VyreProgram *program)
{
  g_autoptr (JsonBuilder) b = json_builder_new ();

  json_builder_begin_object (b);
  cli_json_add_string (b, "program", info->name);
  if (info->file_bytes)
    cli_json_add_number (b, "file_bytes", info->file_bytes);
  cli_json_add_number (b, "wire_bytes", info->wire_bytes);
  cli_json_add_string (b, "digest", info->digest);
  cli_json_add_string (b, "fingerprint", info->fingerprint);
  if (program->has_entry_op_id)
    add_name (b, "entry_op_id", program->entry_op_id);
  cli_json_add_boolean (b, "non_composable", program->non_composable);
  json_builder_set_member_name (b, "workgroup_size");
  json_builder_begin_array (b);
  for (guint i = 0; i < 3; i++)
    json_builder_add_int_value (b, program->workgroup_size[i]);
  json_builder_end_array (b);
  cli_json_add_number (b, "statements", info->survey.n_nodes);
  cli_json_add_number (b, "expressions", info->survey.n_exprs);
  cli_json_add_number (b, "nesting", info->survey.depth);
  cli_json_add_number (b, "workgroup_bytes", info->survey.workgroup_bytes);
  json_builder_set_member_name (b, "needs");
  json_builder_begin_array (b);
  for (guint i = 0; i < SURVEY_N_NEEDS; i++) {
    if (info->survey.needs[i])
      json_builder_add_string_value (b, survey_need_name (i));
  }
  json_builder_end_array (b);
  json_builder_set_member_name (b, "buffers");
  json_builder_begin_array (b);
  for (guint32 i = 0; i < program->n_buffers; i++)
    add_buffer (b, &program->buffers[i]);
  json_builder_end_array (b);
  json_builder_end_object (b);
  cli_json_print (b);
}

int
cli_info (int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry options[] = {
    { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    { NULL },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = NULL;
  Info info = { 0 };
  int result = CLI_FAILURE;

  if (!cli_parse ("info", &argc, &argv, options, "PROGRAM",
          "Says what PROGRAM contains: sizes, the digest of its binary form,\n"
          "the fingerprint that equal programs share, buffers with their\n"
          "roles, and what an executor must be able to do for it.",
          1, 1))
    return CLI_USAGE;

  info.name = argv[1];
  program = cli_load_program (argv[1], &info.file_bytes, &error);
  if (program && info_collect (&info, program, &error)) {
    if (json)
      print_json (&info, program);
    else
      print_text (&info, program);
    result = CLI_OK;
  } else {
    cli_error ("info", "%s", error->message);
  }
  info_clear (&info);
  return result;
}
