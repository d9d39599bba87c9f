/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "conform-case.h"
#include "conform-expect.h"

#include "hex.h"
#include "vir0/blake3.h"
#include "vir0/validate.h"

#include <string.h>

/* Cases of the decoder, and what is recorded of every program. */

const char *
conform_get_string (JsonObject *object, const char *member)
{
  JsonNode *node = json_object_get_member (object, member);

  return node && JSON_NODE_HOLDS_VALUE (node) ? json_node_get_string (node)
                                              : NULL;
}

GBytes *
conform_get_hex (JsonObject *object, const char *member)
{
  const char *hex = conform_get_string (object, member);
  gsize length = hex ? strlen (hex) : 0;
  guint8 *data;

  if (!hex)
    return NULL;
  data = g_malloc (length / 2 + 1);
  for (gsize i = 0; i + 1 < length; i += 2)
    data[i / 2] = (guint8) ((g_ascii_xdigit_value (hex[i]) & 15) << 4 |
                            (g_ascii_xdigit_value (hex[i + 1]) & 15));
  return g_bytes_new_take (data, length / 2);
}

VyreProgram *
conform_decode (const ConformCase *c, VyreWireFlags flags, GError **error)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (c->blob, &length);

  if (g_str_has_prefix (c->name, "text/"))
    return vyre_program_decode_hex ((const char *) data, length, flags, error);
  return vyre_program_decode (data, length, flags, error);
}

ConformOutcome
conform_check_rejected (const ConformCase *c, char **why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      conform_decode (c, VYRE_WIRE_STRICT, &error);
  VyreWireError wanted = conform_expected_rejection (c->meta);

  if (wanted == VYRE_WIRE_N_ERRORS) {
    *why = g_strdup ("the recorded error is not known");
    return CONFORM_FAILED;
  }
  if (program) {
    *why = g_strdup ("was decoded");
    return CONFORM_FAILED;
  }
  *why = g_strdup (error->message);
  if (g_error_matches (error, VYRE_WIRE_ERROR, (int) wanted))
    return CONFORM_PASSED;
  g_free (*why);
  *why = g_strdup_printf ("was rejected, but not for %s: %s",
      vyre_wire_error_name (wanted), error->message);
  return CONFORM_FAILED;
}

ConformOutcome
conform_check_unencodable (const ConformCase *c, char **why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      conform_build_program (c->meta, FALSE, &error);
  g_autoptr (VyreProgram) control = NULL;
  g_autoptr (GBytes) blob = NULL;
  g_autoptr (GBytes) control_blob = NULL;

  if (!program || !(control = conform_build_program (c->meta, TRUE, &error)) ||
      !(control_blob = vyre_program_encode (control, &error))) {
    *why = g_strdup (error->message);
    return CONFORM_FAILED;
  }
  blob = vyre_program_encode (program, &error);
  *why = g_strdup (blob ? "was encoded" : error->message);
  return g_error_matches (error, VYRE_WIRE_ERROR, VYRE_WIRE_ERROR_ENCODE)
             ? CONFORM_PASSED
             : CONFORM_FAILED;
}

ConformOutcome
conform_check_hex (const ConformCase *c, char **why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      conform_decode (c, VYRE_WIRE_STRICT, &error);
  g_autofree char *again = NULL;
  gsize length;
  const char *text = g_bytes_get_data (c->blob, &length);

  if (program)
    again = vyre_program_encode_hex (program, &error);
  if (!again) {
    *why = g_strdup (error->message);
    return CONFORM_FAILED;
  }
  if (strlen (again) == length && memcmp (again, text, length) == 0)
    return CONFORM_PASSED;
  *why = g_strdup ("encodes to another text");
  return CONFORM_FAILED;
}

/* The codes of what the validator finds, "-" for rules without a public one. */
static gboolean
check_codes (const char *how, const VyreProgram *program, gboolean subgroups,
    JsonObject *recorded, char **why)
{
  VyreValidateOptions options = { .subgroup_support = subgroups };
  g_autoptr (VyreFindings) findings = vyre_program_validate (program, &options);
  JsonArray *codes = json_object_get_array_member (recorded, "codes");
  g_autoptr (GString) found = g_string_new (NULL);
  g_autoptr (GString) wanted = g_string_new (NULL);

  for (guint i = 0; i < findings->errors->len; i++) {
    const VyreFinding *finding = g_ptr_array_index (findings->errors, i);

    g_string_append_printf (
        found, " %s", finding->has_public_code ? finding->code : "-");
  }
  for (guint i = 0; i < json_array_get_length (codes); i++)
    g_string_append_printf (
        wanted, " %s", json_array_get_string_element (codes, i));
  if (strcmp (found->str, wanted->str) == 0)
    return TRUE;
  *why = g_strdup_printf (
      "validates (%s) with%s; wanted:%s", how, found->str, wanted->str);
  return FALSE;
}

static gboolean
check_validation (const ConformCase *c, const VyreProgram *program, char **why)
{
  static const char *const members[] = { "default", "with_subgroup_ops" };
  JsonObject *validation;

  if (!json_object_has_member (c->meta, "validation"))
    return TRUE;
  validation = json_object_get_object_member (c->meta, "validation");
  for (guint i = 0; i < G_N_ELEMENTS (members); i++)
    if (json_object_has_member (validation, members[i]) &&
        !check_codes (members[i], program, i == 1,
            json_object_get_object_member (validation, members[i]), why))
      return FALSE;
  return TRUE;
}

VyreProgram *
conform_check_decoded (const ConformCase *c, VyreWireFlags flags, char **why)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = conform_decode (c, flags, &error);
  g_autoptr (GBytes) again = NULL;
  g_autoptr (GBytes) recorded = conform_get_hex (c->meta, "reencoded_hex");
  const char *hash = conform_get_string (c->meta, "content_hash");
  guint8 fingerprint[VYRE_DIGEST_BYTES];

  if (!program || !(again = vyre_program_encode (program, &error)) ||
      !vyre_program_fingerprint (program, fingerprint, &error)) {
    *why = g_strdup (error->message);
    return NULL;
  }
  if (!g_str_has_prefix (c->name, "text/") &&
      !g_bytes_equal (again, recorded ? recorded : c->blob)) {
    *why = g_strdup ("encodes to other bytes");
    return NULL;
  }
  if (hash) {
    g_autofree char *hex = vyre_hex_dup (fingerprint, VYRE_DIGEST_BYTES);

    if (strcmp (hex, hash) != 0) {
      *why = g_strdup_printf ("has fingerprint %s", hex);
      return NULL;
    }
  }
  if (!check_validation (c, program, why))
    return NULL;
  return g_steal_pointer (&program);
}

ConformOutcome
conform_check_accepted (const ConformCase *c, VyreWireFlags flags, char **why)
{
  g_autoptr (VyreProgram) program = conform_check_decoded (c, flags, why);

  return program ? CONFORM_PASSED : CONFORM_FAILED;
}
