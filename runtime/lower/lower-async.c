/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Asynchronous copies (vir0-semantics.md section 19). The bytes are taken as
 * of the start and appear at the wait; here they are copied at the wait, which
 * is the same if nothing writes the source in between. A start and its wait
 * must stand in one list, so that every wait has its start.
 */
#include "../ring/words.h"
#include "lower-priv.h"

static VyrePending *
find_pending (VyreLowering *lw, VyreString tag)
{
  for (guint i = 0; i < lw->pending->len; i++) {
    VyrePending *pending = &g_array_index (lw->pending, VyrePending, i);

    if (vyre_string_same (&pending->tag, &tag))
      return pending;
  }
  return NULL;
}

void
vyre_lowering_touched (VyreLowering *lw, guint32 buffer)
{
  for (guint i = 0; i < lw->pending->len; i++) {
    VyrePending *pending = &g_array_index (lw->pending, VyrePending, i);

    if (buffer == VYRE_NONE ? lw->scan.written[pending->source]
                            : pending->source == buffer)
      pending->stale = TRUE;
  }
}

gboolean
vyre_lowering_check_pending (
    VyreLowering *lw, gboolean all, const char *where, VyreSource at)
{
  for (guint i = 0; i < lw->pending->len; i++) {
    const VyrePending *pending = &g_array_index (lw->pending, VyrePending, i);
    g_autofree char *tag = NULL;

    if (!all && pending->list != lw->list)
      continue;
    tag = vyre_string_display (pending->tag);
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "R14", at,
        "the copy with tag `%s` is not waited for before %s; put its "
        "AsyncWait into the list of its start",
        tag, where);
  }
  return TRUE;
}

/* A byte count (to_u64), with everything above 32 bits as the largest word: no
 * buffer is longer. */
static gboolean
count_expr (VyreLowering *lw, const VyreExpr *expr, VyreOperand *count)
{
  VyreOperand largest = VYRE_CONST (G_MAXUINT32);
  VyreValue value;

  if (!vyre_lowering_expr (lw, expr, &value))
    return FALSE;
  switch (value.tag) {
    case VYRE_TAG_U64:
      break;
    case VYRE_TAG_BLOB:
      if (value.length > 4 && value.length <= 8)
        break;
      return vyre_lowering_index (lw, &value, expr->at, count);
    case VYRE_TAG_F32:
      *count = vyre_lowering_float_index (lw, value.w[0], 0x5f800000u);
      return TRUE;
    default:
      return vyre_lowering_index (lw, &value, expr->at, count);
  }
  *count = vyre_emit_op3 (lw, VYRE_I_SELECT, value.w[1], largest, value.w[0]);
  return TRUE;
}

static gboolean
lower_start (VyreLowering *lw, const VyreNode *node)
{
  const char *kind = vyre_node_kind_name (node->kind);
  g_autofree char *tag = vyre_string_display (node->tag);
  gboolean load = node->kind == VYRE_NODE_ASYNC_LOAD;
  VyrePending pending = { .tag = node->tag, .list = lw->list };
  VyreOperand counts[2];
  const VyreBuffer *decl;
  int source, destination;

  if (node->tag.length == 0)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "S11", node->at,
        "%s with an empty tag; give it a name", kind);
  if (find_pending (lw, node->tag) != NULL)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "R14", node->at,
        "%s with tag `%s`, which is in use; choose another tag, or wait for "
        "it first",
        kind, tag);
  for (guint i = 0; i < 2; i++) {
    if (!count_expr (lw, node->exprs[i], &counts[i]))
      return FALSE;
    counts[i] =
        vyre_emit_lasting (lw, counts[i], lw->node_number, lw->list_end);
  }
  source = vyre_lowering_buffer (lw, node->name, node->at, kind);
  if (source < 0)
    return FALSE;
  destination = vyre_lowering_buffer (lw, node->name2, node->at, kind);
  if (destination < 0)
    return FALSE;
  decl = &lw->program->buffers[destination];
  if (decl->access == VYRE_ACCESS_READ_ONLY ||
      decl->access == VYRE_ACCESS_UNIFORM) {
    g_autofree char *name = vyre_string_display (decl->name);

    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X05",
        node->at,
        "%s into buffer `%s` whose access is %s; declare it "
        "ReadWrite",
        kind, name, vyre_access_name (decl->access));
  }
  pending.source = (guint32) source;
  pending.destination = (guint32) destination;
  pending.stale = source == destination;
  pending.from = load ? counts[0] : VYRE_CONST (0);
  pending.to = load ? VYRE_CONST (0) : counts[0];
  pending.size = counts[1];
  g_array_append_val (lw->pending, pending);
  return TRUE;
}

static VyreOperand
plus (VyreLowering *lw, VyreOperand a, VyreOperand b)
{
  return vyre_emit_op2 (lw, VYRE_I_ADD, a, b);
}

/* destination[to + k] = source[from + k], or 0, for k from start to end, in
 * units of 1 << log2_width bytes. */
static gboolean
copy_units (VyreLowering *lw, const VyrePending *pending, guint log2_width,
    VyreOperand start, VyreOperand end, gboolean zeros, VyreSource at)
{
  VyreOperand shift = VYRE_CONST (log2_width), counter, value;
  VyreInst loop;

  if (start.is_const && end.is_const && start.v >= end.v)
    return TRUE;
  if (!vyre_lowering_loop_begin (lw, start, end, at, &loop))
    return FALSE;
  counter = VYRE_REG (loop.a);
  value =
      zeros
          ? VYRE_CONST (0)
          : vyre_emit_load (lw, pending->source, log2_width, log2_width, 0,
                plus (lw, vyre_emit_op2 (lw, VYRE_I_SHR, pending->from, shift),
                    counter));
  vyre_emit_store (lw, pending->destination, log2_width, log2_width, 0,
      plus (lw, vyre_emit_op2 (lw, VYRE_I_SHR, pending->to, shift), counter),
      value);
  vyre_lowering_loop_end (lw, &loop);
  return TRUE;
}

static gboolean
lower_wait (VyreLowering *lw, const VyreNode *node)
{
  VyrePending *found = find_pending (lw, node->tag), pending;
  g_autofree char *tag = vyre_string_display (node->tag);
  VyreOperand size, given, words, odd;

  if (found == NULL || found->list != lw->list)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "R14", node->at,
        "AsyncWait for tag `%s`, which was not started in the same list; put "
        "AsyncLoad or AsyncStore before it",
        tag);
  pending = *found;
  g_array_remove_index (
      lw->pending, (guint) (found - (VyrePending *) lw->pending->data));
  if (pending.stale) {
    g_autofree char *name =
        vyre_string_display (lw->program->buffers[pending.source].name);

    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X22",
        node->at,
        "buffer `%s` may be written while the copy with tag `%s` "
        "reads it; wait before writing, or copy with Load and Store",
        name, tag);
  }

  /* What fits into the destination; what the source has of it; and how many
   * whole words of that, if both ends are aligned. */
  size = vyre_emit_op2 (lw, VYRE_I_MINU, pending.size,
      vyre_emit_op2 (lw, VYRE_I_SUBSATU,
          vyre_emit_op0 (lw, VYRE_I_BYTELEN, 0, pending.destination),
          pending.to));
  given = vyre_emit_op2 (lw, VYRE_I_MINU, size,
      vyre_emit_op2 (lw, VYRE_I_SUBSATU,
          vyre_emit_op0 (lw, VYRE_I_BYTELEN, 0, pending.source), pending.from));
  odd = vyre_emit_op2 (lw, VYRE_I_AND,
      vyre_emit_op2 (lw, VYRE_I_OR, pending.from, pending.to), VYRE_CONST (3));
  words = vyre_emit_op3 (lw, VYRE_I_SELECT, odd, VYRE_CONST (0),
      vyre_emit_op2 (lw, VYRE_I_SHR, given, VYRE_CONST (2)));
  vyre_emit_memory_changed (lw);
  return copy_units (lw, &pending, 2, VYRE_CONST (0), words, FALSE, node->at) &&
         copy_units (lw, &pending, 0,
             vyre_emit_op2 (lw, VYRE_I_SHL, words, VYRE_CONST (2)), given,
             FALSE, node->at) &&
         copy_units (lw, &pending, 0, given, size, TRUE, node->at);
}

gboolean
vyre_lowering_async (VyreLowering *lw, const VyreNode *node)
{
  return node->kind == VYRE_NODE_ASYNC_WAIT ? lower_wait (lw, node)
                                            : lower_start (lw, node);
}
