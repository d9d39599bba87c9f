/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program-private.h"

#include <string.h>

#define FIRST_CHUNK_BYTES 4096
#define MAX_CHUNK_BYTES (1024 * 1024)
#define ALIGNMENT 16

typedef struct _Chunk Chunk;

struct _Chunk
{
  Chunk *next;
  gsize used, size;
  _Alignas(ALIGNMENT) guint8 data[];
};

struct _VyreProgramPrivate
{
  gint refs; /* atomic */
  Chunk *chunks; /* the first one is being filled */
  gsize total;
  /* Whose strings, types and payloads this program uses; its own are
   * enough for all but a canonical form. */
  VyreProgram *base;
};

VyreProgram *
vyre_program_new (void)
{
  VyreProgram *program = g_new0 (VyreProgram, 1);

  program->priv = g_new0 (struct _VyreProgramPrivate, 1);
  program->priv->refs = 1;
  program->entry_op_id.data = "";
  return program;
}

VyreProgram *
vyre_program_ref (VyreProgram *program)
{
  g_atomic_int_inc (&program->priv->refs);
  return program;
}

void
vyre_program_unref (VyreProgram *program)
{
  /* A base has no base of its own (vyre_program_new_on), so this recurses
   * once at most. */
  if (!g_atomic_int_dec_and_test (&program->priv->refs))
    return;

  for (Chunk *chunk = program->priv->chunks, *next; chunk; chunk = next) {
    next = chunk->next;
    g_free (chunk);
  }
  if (program->priv->base)
    vyre_program_unref (program->priv->base);
  g_free (program->priv);
  g_free (program);
}

VyreProgram *
vyre_program_new_on (const VyreProgram *base)
{
  VyreProgram *program = vyre_program_new ();

  if (base->priv->base)
    base = base->priv->base;
  /* Only the reference count changes, which const does not promise. */
  program->priv->base = vyre_program_ref ((VyreProgram *) base);
  return program;
}

gsize
vyre_program_memory (const VyreProgram *program)
{
  return program->priv->total;
}

static Chunk *
chunk_new (gsize size)
{
  Chunk *chunk = g_malloc0 (sizeof (Chunk) + size);

  chunk->size = size;
  return chunk;
}

gpointer
vyre_program_alloc (VyreProgram *program, gsize size)
{
  struct _VyreProgramPrivate *priv = program->priv;
  Chunk *chunk = priv->chunks;
  gpointer result;

  if (size > G_MAXSSIZE - sizeof (Chunk) - ALIGNMENT)
    g_error ("a program asked for %" G_GSIZE_FORMAT " bytes at once", size);
  size = (MAX (size, 1) + ALIGNMENT - 1) & ~(gsize) (ALIGNMENT - 1);

  if (!chunk || chunk->size - chunk->used < size) {
    gsize wanted =
        chunk ? MIN (chunk->size * 2, MAX_CHUNK_BYTES) : FIRST_CHUNK_BYTES;

    if (chunk && size > wanted / 4) {
      /* Its own chunk behind the first one, which still has room. */
      Chunk *own = chunk_new (size);

      own->next = chunk->next;
      chunk->next = own;
      chunk = own;
    } else {
      chunk = chunk_new (MAX (wanted, size));
      chunk->next = priv->chunks;
      priv->chunks = chunk;
    }
    priv->total += chunk->size;
  }
  result = chunk->data + chunk->used;
  chunk->used += size;
  return result;
}

VyreString
vyre_program_string (VyreProgram *program, const char *data, gsize length)
{
  VyreString string = { "", 0 };
  char *copy;

  g_return_val_if_fail (length <= G_MAXUINT32, string);
  if (length == 0)
    return string;

  /* One byte more, so that a debugger shows where it ends. */
  copy = vyre_program_alloc (program, length + 1);
  memcpy (copy, data, length);
  string.data = copy;
  string.length = (guint32) length;
  return string;
}

VyreExpr *
vyre_program_expr (VyreProgram *program, VyreExprKind kind, guint n_args)
{
  VyreExpr *expr = vyre_program_alloc (program, sizeof *expr);

  expr->kind = kind;
  expr->name.data = "";
  expr->n_args = n_args;
  if (n_args > 0)
    expr->args =
        vyre_program_alloc (program, (gsize) n_args * sizeof *expr->args);
  return expr;
}

VyreNode *
vyre_program_node (VyreProgram *program, VyreNodeKind kind)
{
  VyreNode *node = vyre_program_alloc (program, sizeof *node);

  node->kind = kind;
  node->name.data = "";
  node->name2.data = "";
  node->tag.data = "";
  return node;
}

gboolean
vyre_string_equal (VyreString a, VyreString b)
{
  return a.length == b.length &&
         (a.length == 0 || memcmp (a.data, b.data, a.length) == 0);
}

gboolean
vyre_string_is (VyreString a, const char *text)
{
  return a.length == strlen (text) &&
         (a.length == 0 || memcmp (a.data, text, a.length) == 0);
}

char *
vyre_string_display (VyreString s)
{
  const guint max_chars = 120;
  GString *out = g_string_new (NULL);
  const char *p = s.data, *end = s.data + s.length;
  guint n_chars = 0;

  while (p < end) {
    gunichar c = g_utf8_get_char_validated (p, end - p);
    gboolean valid = c != (gunichar) -1 && c != (gunichar) -2;
    char escape[5];
    guint width = 1;

    if (!valid || c < 0x20 || (c >= 0x7f && c < 0xa0)) {
      g_snprintf (escape, sizeof escape, "\\x%02x",
          valid ? (guint) c : (guint) (guint8) *p);
      width = 4;
    }
    if (n_chars + width > max_chars - 3) {
      g_string_append (out, "...");
      break;
    }
    if (width == 1)
      g_string_append_unichar (out, c);
    else
      g_string_append (out, escape);
    n_chars += width;
    p = valid ? g_utf8_next_char (p) : p + 1;
  }
  return g_string_free (out, FALSE);
}

int
vyre_program_find_buffer (const VyreProgram *program, VyreString name)
{
  for (guint32 i = program->n_buffers; i > 0; i--) {
    if (vyre_string_equal (program->buffers[i - 1].name, name))
      return (int) (i - 1);
  }
  return -1;
}
