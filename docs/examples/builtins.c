/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Publishes builtin opcodes of the ring from C: counts, prints what it counted
 * by the GPU's debug log, and has the GPU ask for a part of a file.
 *
 *   builtins FILE
 */
#include <stdio.h>

#include <engine/builtins.h>
#include <telemetry/format.h>

#define WAIT_US (10 * G_USEC_PER_SEC)

/* What the only item yields; FALSE when it faulted. Takes the window. */
static gboolean
finish (VyreWindow *window, guint32 *value, GError **error)
{
  VyreItemResult result;
  VyreWindowResult end;
  gboolean ok;

  if (window == NULL)
    return FALSE;
  vyre_window_wait (window, g_get_monotonic_time () + WAIT_US, &end);
  ok = vyre_window_get_item (window, 0, &result) &&
       result.code == VYRE_FAULT_NONE;
  if (ok)
    *value = result.value;
  else
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_LOST, "%s",
        end.message != NULL ? end.message : "the GPU has not answered");
  vyre_window_unref (window);
  return ok;
}

/* Ten additions in slots of their own, which any workgroups may run at once, and
 * a fence behind them. */
static gboolean
count (VyreTenant *tenant, guint32 word, guint32 *sum, GError **error)
{
  guint32 args[10][2];
  VyreRingItem items[10];
  guint32 before;

  for (guint i = 0; i < 10; i++) {
    args[i][0] = i + 1;
    args[i][1] = word;
    items[i] = (VyreRingItem){ VYRE_OP_ATOMIC_ADD, args[i], 2 };
  }
  if (!finish (vyre_tenant_publish_batch (tenant, items, 10, 1, error), &before,
          error))
    return FALSE;
  vyre_tenant_read_observables (tenant, word, 1, sum);
  return TRUE;
}

static gboolean
print (VyreTenant *tenant, VyreRuntime *runtime, guint32 sum, GError **error)
{
  g_autoptr (VyreFormats) formats = vyre_formats_new ();
  const guint32 args[] = { 1, sum };
  const VyreRingItem item = { VYRE_OP_PRINTF, args, 2 };
  guint64 next = 0;
  VyreLogRecord record;
  guint32 nothing;

  if (!vyre_formats_add (formats, 1, "the sum is %u", -1, error) ||
      !finish (vyre_tenant_publish (tenant, &item, 1, error), &nothing, error))
    return FALSE;
  while (vyre_runtime_read_log (runtime, &next, &record, 1, NULL) > 0) {
    g_autofree char *text = vyre_formats_render (formats, &record.record);

    printf ("%s\n", text);
  }
  return TRUE;
}

static gboolean
load (
    VyreTenant *tenant, VyreRuntime *runtime, const char *path, GError **error)
{
  g_autoptr (VyreBlock) block =
      vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), 4096);
  guint32 number, bytes;

  if (!vyre_tenant_add_resource (
          tenant, path, 0, 4096, block, 0, &number, error) ||
      !finish (vyre_tenant_load (tenant, number, FALSE, error), &bytes, error))
    return FALSE;
  printf ("%u bytes are there, the first is %u\n", bytes,
      bytes > 0 ? block->data[0] : 0);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreRuntime) runtime = NULL;
  VyreTenant *tenant = NULL;
  guint32 word, sum;
  gboolean ok;

  if (argc != 2) {
    fprintf (stderr, "usage: builtins FILE\n");
    return 2;
  }
  runtime = vyre_runtime_acquire (NULL, &error);
  if (runtime != NULL)
    tenant = vyre_tenant_new (runtime, "example", &error);
  ok = tenant != NULL &&
       vyre_tenant_set_observables (tenant, 4, &word, &error) &&
       count (tenant, word, &sum, &error) &&
       print (tenant, runtime, sum, &error) &&
       load (tenant, runtime, argv[1], &error);
  if (!ok)
    fprintf (stderr, "builtins: %s\n", error->message);
  vyre_tenant_free (tenant);
  return ok ? 0 : 1;
}
