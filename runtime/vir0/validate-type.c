/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Types: which are the same, which casts exist (vir0-semantics.md sections 1.3
 * and 14.1), and their names. */
#include "validate-private.h"

#include <string.h>

#define MAX_NAME_CHARS 100

#define PLAIN(kind_) [kind_] = { .kind = kind_ }

static const VyreType plain_types[] = {
  PLAIN (VYRE_TYPE_U32),
  PLAIN (VYRE_TYPE_I32),
  PLAIN (VYRE_TYPE_U64),
  PLAIN (VYRE_TYPE_VEC2U32),
  PLAIN (VYRE_TYPE_VEC4U32),
  PLAIN (VYRE_TYPE_BOOL),
  PLAIN (VYRE_TYPE_BYTES),
  PLAIN (VYRE_TYPE_F16),
  PLAIN (VYRE_TYPE_BF16),
  PLAIN (VYRE_TYPE_F32),
  PLAIN (VYRE_TYPE_F64),
  PLAIN (VYRE_TYPE_TENSOR),
  PLAIN (VYRE_TYPE_U8),
  PLAIN (VYRE_TYPE_U16),
  PLAIN (VYRE_TYPE_I8),
  PLAIN (VYRE_TYPE_I16),
  PLAIN (VYRE_TYPE_I64),
  PLAIN (VYRE_TYPE_F8E4M3),
  PLAIN (VYRE_TYPE_F8E5M2),
  PLAIN (VYRE_TYPE_I4),
  PLAIN (VYRE_TYPE_FP4),
  PLAIN (VYRE_TYPE_NF4),
};

const VyreType *
vyre_plain_type (VyreTypeKind kind)
{
  if ((guint) kind >= G_N_ELEMENTS (plain_types) || plain_types[kind].kind == 0)
    return NULL;
  return &plain_types[kind];
}

/* --- equality -------------------------------------------------------------- */

static guint
type_hash (gconstpointer data)
{
  const VyreType *type = data;
  guint64 hash = (guint64) type->kind * 0x9e3779b97f4a7c15u;
  const guint64 parts[] = { (guintptr) type->element, type->size,
    (guint64) type->a << 32 | type->b, type->n_dims,
    (guint64) type->scale_tag << 8 | type->zero_tag,
    (guint64) type->scale_param << 32 | type->zero_param };

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    hash = (hash ^ parts[i] ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
  for (guint32 i = 0; i < type->n_dims; i++)
    hash = (hash ^ type->dims[i] ^ hash >> 29) * 0xbf58476d1ce4e5b9u;
  return (guint) (hash >> 32);
}

/* Of types whose elements are canonical. */
static gboolean
type_equal (gconstpointer a, gconstpointer b)
{
  const VyreType *s = a, *t = b;

  return s->kind == t->kind && s->element == t->element && s->size == t->size &&
         s->a == t->a && s->b == t->b && s->scale_tag == t->scale_tag &&
         s->zero_tag == t->zero_tag && s->scale_param == t->scale_param &&
         s->zero_param == t->zero_param && s->n_dims == t->n_dims &&
         (s->n_dims == 0 ||
             memcmp (s->dims, t->dims, s->n_dims * sizeof *s->dims) == 0);
}

GHashTable *
vyre_validator_type_set (void)
{
  return g_hash_table_new_full (type_hash, type_equal, g_free, NULL);
}

const VyreType *
vyre_validator_type (VyreValidator *v, const VyreType *type)
{
  g_autoptr (GPtrArray) chain = NULL;
  const VyreType *canonical = NULL;

  if (type == NULL)
    return NULL;
  canonical = vyre_plain_type (type->kind);
  if (canonical != NULL)
    return canonical;
  canonical = g_hash_table_lookup (v->known_types, type);
  if (canonical != NULL)
    return canonical;

  chain = g_ptr_array_new ();
  for (; type != NULL; type = type->element) {
    canonical = vyre_plain_type (type->kind);
    if (canonical == NULL)
      canonical = g_hash_table_lookup (v->known_types, type);
    if (canonical != NULL)
      break;
    g_ptr_array_add (chain, (gpointer) type);
  }
  for (guint i = chain->len; i > 0; i--) {
    const VyreType *given = g_ptr_array_index (chain, i - 1);
    VyreType *copy = g_memdup2 (given, sizeof *given);
    gpointer found;

    copy->element = canonical;
    found = g_hash_table_lookup (v->types, copy);
    if (found != NULL)
      g_free (copy);
    else
      g_hash_table_add (v->types, copy);
    canonical = found != NULL ? found : copy;
    g_hash_table_insert (
        v->known_types, (gpointer) given, (gpointer) canonical);
  }
  return canonical;
}

/* --- names ------------------------------------------------------------------ */

char *
vyre_type_display (const VyreType *type)
{
  GString *out = g_string_new (NULL);
  GString *after = g_string_new (NULL); /* of the outer types, reversed later */
  guint depth = 0;

  if (type == NULL)
    g_string_append (out, "an unknown type");
  for (; type != NULL; type = type->element) {
    g_autoptr (GString) tail = g_string_new (NULL);

    if (depth++ == 4 || out->len + after->len > MAX_NAME_CHARS) {
      g_string_append (out, "...");
      break;
    }
    g_string_append (out, vyre_type_kind_name (type->kind));
    switch (type->kind) {
      case VYRE_TYPE_ARRAY:
        g_string_append_printf (out, "(%" G_GUINT64_FORMAT ")", type->size);
        break;
      case VYRE_TYPE_HANDLE:
      case VYRE_TYPE_OPAQUE:
        g_string_append_printf (out, "(%u)", type->a);
        break;
      case VYRE_TYPE_VEC:
        g_string_append_printf (tail, ", %u", type->a);
        break;
      case VYRE_TYPE_SPARSE_BSR:
        g_string_append_printf (tail, ", %u, %u", type->a, type->b);
        break;
      case VYRE_TYPE_TENSOR_SHAPED:
      case VYRE_TYPE_DEVICE_MESH:
        for (guint32 i = 0; i < type->n_dims && i < 4; i++)
          g_string_append_printf (tail, "%s%u",
              i == 0 && type->element == NULL ? "" : ", ", type->dims[i]);
        if (type->n_dims > 4)
          g_string_append (tail, ", ...");
        break;
      default:
        break;
    }
    if (type->element != NULL) {
      g_string_append_c (out, '(');
      g_string_append_c (tail, ')');
      g_string_prepend (after, tail->str);
    } else if (tail->len != 0) {
      g_string_append_printf (out, "(%s)", tail->str);
    }
  }
  g_string_append (out, after->str);
  g_string_free (after, TRUE);
  return g_string_free (out, FALSE);
}

/* --- casts ------------------------------------------------------------------ */

static gboolean
is_integer (VyreTypeKind kind)
{
  return kind == VYRE_TYPE_U8 || kind == VYRE_TYPE_U16 ||
         kind == VYRE_TYPE_U32 || kind == VYRE_TYPE_U64 ||
         kind == VYRE_TYPE_I8 || kind == VYRE_TYPE_I16 ||
         kind == VYRE_TYPE_I32 || kind == VYRE_TYPE_I64;
}

static gboolean
is_word (VyreTypeKind kind)
{
  return kind == VYRE_TYPE_U32 || kind == VYRE_TYPE_I32 ||
         kind == VYRE_TYPE_BOOL;
}

/* Both canonical. */
gboolean
vyre_cast_exists (const VyreType *from, const VyreType *to)
{
  VyreTypeKind f = from->kind, t = to->kind;

  if (from == to)
    return TRUE;
  if ((is_integer (f) || f == VYRE_TYPE_BOOL) &&
      (is_integer (t) || t == VYRE_TYPE_BOOL))
    return TRUE;
  if (t == VYRE_TYPE_VEC2U32)
    return is_word (f) || f == VYRE_TYPE_U64 || f == VYRE_TYPE_VEC4U32;
  if (t == VYRE_TYPE_VEC4U32)
    return is_word (f);
  if (f == VYRE_TYPE_VEC2U32 || f == VYRE_TYPE_VEC4U32)
    return is_word (t) || t == VYRE_TYPE_U64;
  return (is_word (f) && t == VYRE_TYPE_F32) ||
         (f == VYRE_TYPE_F32 && is_word (t));
}

char *
vyre_cast_targets (const VyreType *from)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (plain_types); i++) {
    const VyreType *to = vyre_plain_type (i);

    if (to != NULL && to != from && vyre_cast_exists (from, to))
      g_string_append_printf (out, "%s%s", out->len == 0 ? "" : ", ",
          vyre_type_kind_name (to->kind));
  }
  if (out->len == 0)
    g_string_append (out, "nothing else");
  return g_string_free (out, FALSE);
}

gboolean
vyre_cast_narrows (const VyreType *from, const VyreType *to)
{
  return is_integer (from->kind) && is_integer (to->kind) &&
         vyre_type_bits (to) < vyre_type_bits (from);
}
