/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reference-private.h"

#include <string.h>

/* Asynchronous copies: vir0-semantics.md section 19. The bytes are those of the
 * start statement, and are written by the wait. */

/* Index in transfers, -1 if none is pending under that tag. */
static gint
find_transfer (
    VyreRefExec *exec, const VyreRefInvocation *invocation, VyreString tag)
{
  guint64 looked_through = 0;
  gint found = -1;

  for (guint i = 0; i < invocation->transfers->len && found < 0; i++) {
    const VyreRefTransfer *transfer =
        &g_array_index (invocation->transfers, VyreRefTransfer, i);

    looked_through += 1 + tag.length / 16;
    if (vyre_string_equal (transfer->tag, tag))
      found = (gint) i;
  }
  vyre_ref_charge (exec, looked_through / 16);
  return found;
}

/* size bytes of source from offset, zeros past its end, cut to what fits the
 * destination: no more can ever be seen. */
static VyreRefBlob *
take_bytes (VyreRefExec *exec, const VyreRefBuffer *source, guint64 offset,
    guint64 size, gsize room)
{
  VyreRefBlob *blob = vyre_ref_blob_new (exec, MIN (size, room));

  if (blob && offset < source->length) {
    gsize length = MIN (blob->length, source->length - (gsize) offset);

    if (length > 0)
      memcpy (blob->data, source->data + offset, length);
  }
  return blob;
}

gboolean
vyre_ref_async_start (
    VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node)
{
  gboolean is_load = node->kind == VYRE_NODE_ASYNC_LOAD;
  VyreRefLane lane = { invocation, invocation->variables };
  VyreRefTransfer transfer = { .tag = node->tag };
  g_autofree char *tag = NULL;
  guint64 offset, size;
  VyreRefBuffer *source;
  gsize length;

  if (!vyre_ref_eval_u64 (
          exec, &lane, node->exprs[0], "offset of an async copy", &offset) ||
      !vyre_ref_eval_u64 (
          exec, &lane, node->exprs[1], "size of an async copy", &size))
    return FALSE;
  source = vyre_ref_find_buffer (exec, node->name);
  if (!source)
    return FALSE;
  transfer.destination = vyre_ref_find_buffer (exec, node->name2);
  if (!transfer.destination)
    return FALSE;
  if (find_transfer (exec, invocation, node->tag) >= 0) {
    tag = vyre_string_display (node->tag);
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_ASYNC,
        "an async copy \"%s\" is under way already; wait for it first", tag);
  }

  length = transfer.destination->length;
  if (!is_load)
    transfer.start = (gsize) MIN (offset, length);
  transfer.bytes = take_bytes (
      exec, source, is_load ? offset : 0, size, length - transfer.start);
  if (!transfer.bytes)
    return FALSE;
  if (!vyre_ref_reserve (exec, sizeof transfer)) {
    vyre_ref_blob_unref (transfer.bytes);
    return FALSE;
  }
  g_array_append_val (invocation->transfers, transfer);
  return TRUE;
}

static void
forget_transfer (VyreRefExec *exec, VyreRefInvocation *invocation, guint index)
{
  vyre_ref_blob_unref (
      g_array_index (invocation->transfers, VyreRefTransfer, index).bytes);
  g_array_remove_index_fast (invocation->transfers, index);
  vyre_ref_release (exec, sizeof (VyreRefTransfer));
}

gboolean
vyre_ref_async_wait (
    VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node)
{
  gint index = find_transfer (exec, invocation, node->tag);
  const VyreRefTransfer *transfer;
  g_autofree char *tag = NULL;

  if (index < 0) {
    tag = vyre_string_display (node->tag);
    return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_ASYNC,
        "no async copy \"%s\" is under way; start it before the wait", tag);
  }
  transfer = &g_array_index (invocation->transfers, VyreRefTransfer, index);
  if (!vyre_ref_charge_bytes (exec, transfer->bytes->length))
    return FALSE;
  if (transfer->bytes->length > 0)
    memcpy (transfer->destination->data + transfer->start,
        transfer->bytes->data, transfer->bytes->length);
  forget_transfer (exec, invocation, (guint) index);
  return TRUE;
}

gboolean
vyre_ref_async_check (VyreRefExec *exec, const VyreRefInvocation *invocation)
{
  g_autofree char *tag = NULL;

  if (invocation->transfers->len == 0)
    return TRUE;
  tag = vyre_string_display (
      g_array_index (invocation->transfers, VyreRefTransfer, 0).tag);
  return vyre_ref_fail (exec, VYRE_REFERENCE_ERROR_ASYNC,
      "invocation %u,%u,%u ended with the async copy \"%s\" under way; wait "
      "for it before the end and before each Return",
      invocation->global[0], invocation->global[1], invocation->global[2], tag);
}

void
vyre_ref_async_clear (VyreRefExec *exec, VyreRefInvocation *invocation)
{
  while (invocation->transfers->len > 0)
    forget_transfer (exec, invocation, invocation->transfers->len - 1);
}
