/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "hex.h"
#include "vir0/blake3.h"
#include "vir0/wire.h"

#include <string.h>

/* What the tests of the wire format share. */

static inline GByteArray *
from_hex (const char *hex)
{
  GByteArray *bytes = g_byte_array_new ();

  for (; *hex; hex++) {
    guint8 byte;

    if (g_ascii_isspace (*hex))
      continue;
    g_assert_true (g_ascii_isxdigit (hex[0]) && g_ascii_isxdigit (hex[1]));
    byte = (guint8) (g_ascii_xdigit_value (hex[0]) << 4 |
                     g_ascii_xdigit_value (hex[1]));
    g_byte_array_append (bytes, &byte, 1);
    hex++;
  }
  return bytes;
}

static inline char *
bytes_hex (GBytes *bytes)
{
  gsize length;
  const guint8 *data = g_bytes_get_data (bytes, &length);

  return vyre_hex_dup (data, length);
}

static inline char *
blake3_hex (gconstpointer data, gsize length)
{
  guint8 digest[VYRE_DIGEST_BYTES];

  vyre_blake3 (data, length, digest);
  return vyre_hex_dup (digest, sizeof digest);
}

static inline char *
fingerprint_hex (const VyreProgram *program)
{
  guint8 digest[VYRE_DIGEST_BYTES];
  GError *error = NULL;
  gboolean ok = vyre_program_fingerprint (program, digest, &error);

  g_assert_no_error (error);
  g_assert_true (ok);
  return vyre_hex_dup (digest, sizeof digest);
}

/* Makes the digest right for the body. */
static inline void
repair_digest (GByteArray *blob)
{
  if (blob->len >= 40)
    vyre_blake3 (blob->data + 40, blob->len - 40, blob->data + 8);
}

/* Fails the test unless the blob is rejected with that category, by a message
 * that begins with its name and says more. */
static inline void
assert_rejected (const guint8 *data, gsize length, VyreWireError category)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_decode (data, length, VYRE_WIRE_STRICT, &error);
  g_autofree char *prefix =
      g_strdup_printf ("%s: ", vyre_wire_error_name (category));

  g_assert_null (program);
  g_assert_error (error, VYRE_WIRE_ERROR, (int) category);
  g_assert_true (g_str_has_prefix (error->message, prefix));
  g_assert_nonnull (strstr (error->message, "; "));
}

static inline VyreProgram *
decode_ok (const guint8 *data, gsize length)
{
  GError *error = NULL;
  VyreProgram *program =
      vyre_program_decode (data, length, VYRE_WIRE_STRICT, &error);

  g_assert_no_error (error);
  g_assert_nonnull (program);
  return program;
}

static inline GBytes *
encode_ok (const VyreProgram *program)
{
  GError *error = NULL;
  GBytes *blob = vyre_program_encode (program, &error);

  g_assert_no_error (error);
  g_assert_nonnull (blob);
  return blob;
}

static inline void
assert_encodes_to (const VyreProgram *program, const guint8 *data, gsize length)
{
  g_autoptr (GBytes) blob = encode_ok (program);
  g_autofree char *got = bytes_hex (blob);
  g_autofree char *wanted = vyre_hex_dup (data, length);

  g_assert_cmpstr (got, ==, wanted);
}

/* --- building programs --------------------------------------------------- */

static inline VyreString
str (VyreProgram *p, const char *text)
{
  return vyre_program_string (p, text, strlen (text));
}

static inline VyreExpr *
lit (VyreProgram *p, guint32 value)
{
  VyreExpr *expr = vyre_program_expr (p, VYRE_EXPR_LIT_U32, 0);

  expr->bits = value;
  return expr;
}

static inline VyreExpr *
var (VyreProgram *p, const char *name)
{
  VyreExpr *expr = vyre_program_expr (p, VYRE_EXPR_VAR, 0);

  expr->name = str (p, name);
  return expr;
}

static inline VyreExpr *
bin (VyreProgram *p, guint op, VyreExpr *left, VyreExpr *right)
{
  VyreExpr *expr = vyre_program_expr (p, VYRE_EXPR_BIN_OP, 2);

  expr->op = (guint8) op;
  expr->args[0] = left;
  expr->args[1] = right;
  return expr;
}

static inline VyreNode *
let (VyreProgram *p, VyreNodeKind kind, const char *name, VyreExpr *value)
{
  VyreNode *node = vyre_program_node (p, kind);

  node->name = str (p, name);
  node->exprs[0] = value;
  node->n_exprs = 1;
  return node;
}

static inline VyreNode *
store (VyreProgram *p, const char *buffer, VyreExpr *index, VyreExpr *value)
{
  VyreNode *node = let (p, VYRE_NODE_STORE, buffer, index);

  node->exprs[1] = value;
  node->n_exprs = 2;
  return node;
}

/* The nodes end with NULL. */
static inline VyreNodeList
list (VyreProgram *p, VyreNode *first, ...)
{
  VyreNodeList result = { 0, vyre_program_alloc (p, 16 * sizeof (VyreNode *)) };
  va_list args;

  va_start (args, first);
  for (VyreNode *node = first; node; node = va_arg (args, VyreNode *)) {
    g_assert_cmpuint (result.n_nodes, <, 16);
    result.nodes[result.n_nodes++] = node;
  }
  va_end (args);
  return result;
}

static inline VyreNode *
body (VyreProgram *p, VyreNodeKind kind, const char *name, VyreNodeList nodes)
{
  VyreNode *node = vyre_program_node (p, kind);

  node->name = str (p, name);
  node->body = nodes;
  return node;
}

static inline const VyreType *
type (VyreProgram *p, VyreTypeKind kind, const VyreType *element)
{
  VyreType *result = vyre_program_alloc (p, sizeof *result);

  result->kind = kind;
  result->element = element;
  return result;
}

/* Workgroup size 1, 1, 1 and n buffers b0, b1, ... of one U32, ReadWrite. */
static inline VyreProgram *
program_with_buffers (guint n)
{
  VyreProgram *p = vyre_program_new ();

  for (guint i = 0; i < 3; i++)
    p->workgroup_size[i] = 1;
  p->n_buffers = n;
  p->buffers = vyre_program_alloc (p, n * sizeof *p->buffers);
  for (guint i = 0; i < n; i++) {
    g_autofree char *name = g_strdup_printf ("b%u", i);

    p->buffers[i].name = str (p, name);
    p->buffers[i].binding = i;
    p->buffers[i].count = 1;
    p->buffers[i].access = VYRE_ACCESS_READ_WRITE;
    p->buffers[i].hints = VYRE_HINTS_DEFAULT;
    p->buffers[i].element = type (p, VYRE_TYPE_U32, NULL);
  }
  return p;
}
