/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "wire-writer.h"

#include "blake3.h"

#include <string.h>

/* Canonical form and content fingerprint: vir0-wire.md section 21. Works on
 * programs that encode, so nesting is at most VYRE_MAX_NESTING. */

typedef struct
{
  VyreProgram *program;
  GPtrArray *nodes; /* lists being built, innermost on top */
  GByteArray *left, *right; /* keys being compared */
} Canonical;

static VyreWireWriter
key_writer (GByteArray *out)
{
  return (
      VyreWireWriter){ .out = out, .max = (gsize) 1 << 30, .unlimited = TRUE };
}

static int
compare_keys (const GByteArray *a, const GByteArray *b)
{
  guint common = MIN (a->len, b->len);
  int order = common > 0 ? memcmp (a->data, b->data, common) : 0;

  return order != 0 ? order : (a->len > b->len) - (a->len < b->len);
}

/* --- expressions --------------------------------------------------------- */

static gboolean
is_literal (const VyreExpr *expr)
{
  return expr->kind == VYRE_EXPR_LIT_U32 || expr->kind == VYRE_EXPR_LIT_I32 ||
         expr->kind == VYRE_EXPR_LIT_F32 || expr->kind == VYRE_EXPR_LIT_BOOL;
}

/* Class C of section 12.1 without S: operands that are not literal keep their
 * order. */
static gboolean
is_commutative_only (guint op)
{
  return op == VYRE_BIN_ADD || op == VYRE_BIN_MUL || op == VYRE_BIN_MIN ||
         op == VYRE_BIN_MAX;
}

static gboolean
is_sortable (guint op)
{
  switch (op) {
    case VYRE_BIN_AND_BITS:
    case VYRE_BIN_OR_BITS:
    case VYRE_BIN_XOR_BITS:
    case VYRE_BIN_EQ:
    case VYRE_BIN_NE:
    case VYRE_BIN_AND:
    case VYRE_BIN_OR:
    case VYRE_BIN_ABS_DIFF:
    case VYRE_BIN_SATURATING_ADD:
    case VYRE_BIN_SATURATING_MUL:
    case VYRE_BIN_WRAPPING_ADD:
      return TRUE;
    default:
      return FALSE;
  }
}

static gboolean
key_greater (Canonical *c, const VyreExpr *a, const VyreExpr *b)
{
  VyreWireWriter left = key_writer (c->left), right = key_writer (c->right);

  g_byte_array_set_size (c->left, 0);
  g_byte_array_set_size (c->right, 0);
  if (!vyre_wire_put_expr (&left, a) || !vyre_wire_put_expr (&right, b))
    g_assert_not_reached ();
  return compare_keys (c->left, c->right) > 0;
}

static gboolean
must_swap (Canonical *c, const VyreExpr *expr)
{
  const VyreExpr *l = expr->args[0], *r = expr->args[1];
  gboolean sortable = is_sortable (expr->op);

  if (!sortable && !is_commutative_only (expr->op))
    return FALSE;
  if (is_literal (l) != is_literal (r))
    return is_literal (l);
  return (sortable || is_literal (l)) && key_greater (c, l, r);
}

static VyreExpr *
canonical_expr (Canonical *c, const VyreExpr *expr)
{
  VyreExpr *copy = vyre_program_expr (c->program, expr->kind, expr->n_args);
  VyreExpr **args = copy->args;

  *copy = *expr;
  copy->args = args;
  for (guint32 i = 0; i < expr->n_args; i++)
    args[i] = canonical_expr (c, expr->args[i]);
  if (copy->kind == VYRE_EXPR_BIN_OP && must_swap (c, copy)) {
    VyreExpr *left = args[0];

    args[0] = args[1];
    args[1] = left;
  }
  return copy;
}

/* --- statements ---------------------------------------------------------- */

static VyreNode *canonical_node (Canonical *c, const VyreNode *node);

static gboolean
has_let (const VyreNodeList *list)
{
  for (guint32 i = 0; i < list->n_nodes; i++) {
    if (list->nodes[i]->kind == VYRE_NODE_LET)
      return TRUE;
  }
  return FALSE;
}

static void
canonical_list (Canonical *c, const VyreNodeList *list, VyreNodeList *result)
{
  guint base = c->nodes->len;

  for (guint32 i = 0; i < list->n_nodes; i++) {
    VyreNode *node = canonical_node (c, list->nodes[i]);

    if (node->kind != VYRE_NODE_BLOCK || has_let (&node->body)) {
      g_ptr_array_add (c->nodes, node);
      continue;
    }
    for (guint32 j = 0; j < node->body.n_nodes; j++)
      g_ptr_array_add (c->nodes, node->body.nodes[j]);
  }
  result->n_nodes = c->nodes->len - base;
  result->nodes = NULL;
  if (result->n_nodes > 0) {
    gsize bytes = result->n_nodes * sizeof *result->nodes;

    result->nodes = vyre_program_alloc (c->program, bytes);
    memcpy (result->nodes, c->nodes->pdata + base, bytes);
    g_ptr_array_set_size (c->nodes, base);
  }
}

static VyreNode *
canonical_node (Canonical *c, const VyreNode *node)
{
  VyreNode *copy = vyre_program_node (c->program, node->kind);

  *copy = *node;
  for (guint i = 0; i < G_N_ELEMENTS (copy->exprs); i++) {
    if (node->exprs[i])
      copy->exprs[i] = canonical_expr (c, node->exprs[i]);
  }
  canonical_list (c, &node->body, &copy->body);
  canonical_list (c, &node->otherwise, &copy->otherwise);
  return copy;
}

/* --- buffers ------------------------------------------------------------- */

/* The key's own numbers of memory kinds: the last two are swapped. */
static guint8
kind_key (VyreMemoryKind kind)
{
  switch (kind) {
    case VYRE_KIND_PUSH:
      return 6;
    case VYRE_KIND_PERSISTENT:
      return 5;
    default:
      return (guint8) kind;
  }
}

static void
put_element_key (VyreWireWriter *w, const VyreType *type)
{
  g_autofree char *text = NULL;

  if (type->kind != VYRE_TYPE_ARRAY || type->size <= G_MAXUINT32) {
    if (!vyre_wire_put_type (w, type))
      g_assert_not_reached ();
    return;
  }
  /* What the reference sorts such sizes by. */
  text = g_strdup_printf ("%" G_GUINT64_FORMAT " ", type->size);
  vyre_wire_put_u8 (w, VYRE_TYPE_ARRAY);
  vyre_wire_put_u8 (w, 0);
  vyre_wire_put_bytes (w, "dtype-error", sizeof "dtype-error");
  vyre_wire_put_bytes (w, text, strlen (text));
}

static void
put_range_key (VyreWireWriter *w, guint64 offset)
{
  vyre_wire_put_u32 (w, (guint32) MIN (offset, G_MAXUINT32));
  if (offset > G_MAXUINT32)
    vyre_wire_put_u8 (w, 0x6f);
}

static GByteArray *
buffer_key (const VyreBuffer *buffer)
{
  GByteArray *key = g_byte_array_new ();
  VyreWireWriter w = key_writer (key);

  vyre_wire_put_u32 (&w, buffer->name.length);
  vyre_wire_put_bytes (&w, buffer->name.data, buffer->name.length);
  vyre_wire_put_u32 (&w, buffer->binding);
  vyre_wire_put_u8 (&w, (guint8) buffer->access);
  vyre_wire_put_u8 (&w, kind_key (buffer->kind));
  put_element_key (&w, buffer->element);
  vyre_wire_put_u32 (&w, buffer->count);
  vyre_wire_put_u8 (&w, buffer->is_output != FALSE);
  vyre_wire_put_u8 (&w, buffer->live_out != FALSE);
  vyre_wire_put_u8 (&w, buffer->has_output_range != FALSE);
  if (buffer->has_output_range) {
    put_range_key (&w, buffer->range_start);
    put_range_key (&w, buffer->range_end);
  }
  vyre_wire_put_hints (&w, &buffer->hints);
  vyre_wire_put_u8 (&w, 0);
  return key;
}

typedef struct
{
  const VyreBuffer *buffer;
  GByteArray *key;
} SortItem;

static int
compare_items (gconstpointer a, gconstpointer b)
{
  const SortItem *left = a, *right = b;
  int order = compare_keys (left->key, right->key);

  if (order != 0)
    return order;
  return (left->buffer > right->buffer) - (left->buffer < right->buffer);
}

static void
canonical_buffers (VyreProgram *program, const VyreProgram *source)
{
  guint32 n = source->n_buffers;
  g_autofree SortItem *items = NULL;

  program->n_buffers = n;
  if (n == 0)
    return;
  items = g_new (SortItem, n);
  for (guint32 i = 0; i < n; i++) {
    items[i].buffer = &source->buffers[i];
    items[i].key = buffer_key (items[i].buffer);
  }
  qsort (items, n, sizeof *items, compare_items);
  program->buffers = vyre_program_alloc (program, n * sizeof (VyreBuffer));
  for (guint32 i = 0; i < n; i++) {
    program->buffers[i] = *items[i].buffer;
    g_byte_array_unref (items[i].key);
  }
}

/* --- program ------------------------------------------------------------- */

/* source encodes. */
static VyreProgram *
canonicalize (const VyreProgram *source)
{
  VyreProgram *program = vyre_program_new_on (source);
  g_autoptr (GPtrArray) nodes = g_ptr_array_new ();
  g_autoptr (GByteArray) left = g_byte_array_new ();
  g_autoptr (GByteArray) right = g_byte_array_new ();
  Canonical c = { program, nodes, left, right };

  program->has_entry_op_id = source->has_entry_op_id;
  program->entry_op_id = source->entry_op_id;
  memcpy (program->workgroup_size, source->workgroup_size,
      sizeof program->workgroup_size);
  program->non_composable = source->non_composable;
  canonical_buffers (program, source);
  canonical_list (&c, &source->entry, &program->entry);
  return program;
}

VyreProgram *
vyre_program_canonicalize (const VyreProgram *program)
{
  g_autoptr (GBytes) blob = vyre_wire_encode_unlimited (program, NULL);

  return blob ? canonicalize (program) : NULL;
}

gboolean
vyre_program_fingerprint (const VyreProgram *program,
    guint8 digest[VYRE_DIGEST_BYTES], GError **error)
{
  g_autoptr (GBytes) blob = vyre_wire_encode_unlimited (program, error);
  g_autoptr (VyreProgram) canonical = NULL;
  gconstpointer data;
  gsize length;

  if (!blob)
    return FALSE;
  g_clear_pointer (&blob, g_bytes_unref);
  canonical = canonicalize (program);
  blob = vyre_wire_encode_unlimited (canonical, error);
  if (!blob)
    return FALSE;
  data = g_bytes_get_data (blob, &length);
  vyre_blake3 (data, length, digest);
  return TRUE;
}
