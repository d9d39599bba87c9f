/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "support.h"
#include "ring/ioqueue.h"
#include "ring/tenants.h"

/* Vector 18. */
static void
numbers (void)
{
  g_autoptr (VyreRingTenants) tenants = vyre_ring_tenants_new ();
  g_autoptr (GError) error = NULL;
  guint32 ring[4 * VYRE_SLOT_WORDS] = { 0 };
  const VyreRingTenantQuota quota = { 2, 0, 0 };
  VyreRingTenantUse use;
  guint32 id = 0, opcode = 0;

  g_assert_true (vyre_ring_tenants_register (tenants, &quota, &id, &error));
  g_assert_cmpuint (id, ==, 1);
  g_assert_cmphex (vyre_ring_tenant_base (1), ==, 0x40100000);
  g_assert_true (vyre_ring_tenants_register (tenants, NULL, &id, &error));
  g_assert_cmpuint (id, ==, 2);
  g_assert_cmphex (vyre_ring_tenant_base (2), ==, 0x40200000);
  g_assert_true (vyre_ring_tenant_opcode (1, 0xFFFFF, &opcode, &error));
  g_assert_cmphex (opcode, ==, 0x401FFFFF);
  g_assert_false (vyre_ring_tenant_opcode (1, 0x100000, &opcode, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_tenant_opcode (0, 0, &opcode, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (
      vyre_ring_tenant_opcode (VYRE_RING_LAST_TENANT + 1, 0, &opcode, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);

  g_assert_true (
      vyre_ring_tenants_publish (tenants, 1, ring, 64, 0, 3, NULL, 0, &error));
  g_assert_cmphex (ring[VYRE_W_OPCODE], ==, 0x40100003);
  g_assert_cmpuint (ring[VYRE_W_TENANT], ==, 1);
  /* A refusal of the ring gives the reservation back. */
  g_assert_false (
      vyre_ring_tenants_publish (tenants, 1, ring, 64, 0, 3, NULL, 0, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);
  g_assert_true (
      vyre_ring_tenants_publish (tenants, 1, ring, 64, 1, 3, NULL, 0, &error));
  g_assert_false (
      vyre_ring_tenants_publish (tenants, 1, ring, 64, 2, 3, NULL, 0, &error));
  g_assert_nonnull (strstr (error->message, "outstanding 2"));
  g_assert_nonnull (strstr (error->message, "cap 2"));
  assert_ring_error (error, VYRE_RING_ERROR_QUOTA);
  vyre_ring_tenants_drained (tenants, 1, 1);
  g_assert_true (
      vyre_ring_tenants_publish (tenants, 1, ring, 64, 2, 3, NULL, 0, &error));
  vyre_ring_tenants_drained (tenants, 1, 1000);
  g_assert_true (vyre_ring_tenants_get_use (tenants, 1, &use, &error));
  g_assert_cmpuint (use.published, ==, 3);
  g_assert_cmpuint (use.drained, ==, 3);
}

static void
table_end (void)
{
  g_autoptr (VyreRingTenants) tenants = vyre_ring_tenants_new ();
  g_autoptr (GError) error = NULL;
  guint32 id, i;

  for (i = 1; i <= VYRE_RING_LAST_TENANT; i++) {
    g_assert_true (vyre_ring_tenants_register (tenants, NULL, &id, &error));
    g_assert_cmpuint (id, ==, i);
    /* Unregistering alone frees no id. */
    if (i == 7)
      g_assert_true (vyre_ring_tenants_unregister (tenants, id, &error));
  }
  g_assert_cmpuint (id, ==, VYRE_RING_LAST_TENANT);
  g_assert_false (vyre_ring_tenants_register (tenants, NULL, &id, &error));
  assert_ring_error (error, VYRE_RING_ERROR_FULL);

  g_assert_false (vyre_ring_tenants_recycle (tenants, 8, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);
  g_assert_true (vyre_ring_tenants_reserve (tenants, 9, 1, &error));
  g_assert_true (vyre_ring_tenants_unregister (tenants, 9, &error));
  g_assert_false (vyre_ring_tenants_recycle (tenants, 9, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);
  vyre_ring_tenants_drained (tenants, 9, 1);
  g_assert_true (vyre_ring_tenants_recycle (tenants, 9, &error));
  g_assert_true (vyre_ring_tenants_recycle (tenants, 7, &error));
  g_assert_true (vyre_ring_tenants_register (tenants, NULL, &id, &error));
  g_assert_cmpuint (id, ==, 7);
}

static void
resources (void)
{
  g_autoptr (VyreRingTenants) tenants = vyre_ring_tenants_new ();
  g_autoptr (GError) error = NULL;
  const VyreRingTenantQuota quota = { 0, 100, 0 };
  VyreRingTenantUse use;
  guint32 id;

  g_assert_true (vyre_ring_tenants_register (tenants, &quota, &id, &error));
  g_assert_true (vyre_ring_tenants_take_staging (tenants, id, 60, &error));
  g_assert_false (vyre_ring_tenants_take_staging (tenants, id, 41, &error));
  assert_ring_error (error, VYRE_RING_ERROR_QUOTA);
  g_assert_false (
      vyre_ring_tenants_take_staging (tenants, id, G_MAXUINT64, &error));
  assert_ring_error (error, VYRE_RING_ERROR_QUOTA);
  g_assert_true (vyre_ring_tenants_take_staging (tenants, id, 40, &error));
  g_assert_false (vyre_ring_tenants_give_staging (tenants, id, 101, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_true (vyre_ring_tenants_give_staging (tenants, id, 100, &error));
  /* A quota of 0 is raised to 1. */
  g_assert_true (vyre_ring_tenants_take_handles (tenants, id, 1, &error));
  g_assert_false (vyre_ring_tenants_take_handles (tenants, id, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_QUOTA);
  g_assert_true (vyre_ring_tenants_give_handles (tenants, id, 1, &error));
  g_assert_true (vyre_ring_tenants_take_handles (tenants, id, 1, &error));
  g_assert_true (vyre_ring_tenants_reserve (tenants, id, 1, &error));
  g_assert_false (vyre_ring_tenants_reserve (tenants, id, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_QUOTA);
  vyre_ring_tenants_cancel (tenants, id, 1);
  g_assert_true (vyre_ring_tenants_reserve (tenants, id, 1, &error));

  g_assert_true (vyre_ring_tenants_unregister (tenants, id, &error));
  g_assert_true (vyre_ring_tenants_get_use (tenants, id, &use, &error));
  g_assert_cmpuint (use.handles, ==, 0);
  g_assert_cmpuint (use.published, ==, 1);
  g_assert_false (vyre_ring_tenants_reserve (tenants, id, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_tenants_unregister (tenants, id, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_tenants_get_use (tenants, 0, &use, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (
      vyre_ring_tenants_get_use (tenants, G_MAXUINT32, &use, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
}

static gpointer
drain_later (gpointer data)
{
  g_usleep (2000);
  vyre_ring_tenants_drained (data, 1, 3);
  return NULL;
}

static void
quiesce (void)
{
  g_autoptr (VyreRingTenants) tenants = vyre_ring_tenants_new ();
  g_autoptr (GError) error = NULL;
  VyreRingTenantUse use;
  GThread *thread;
  guint32 id;

  g_assert_true (vyre_ring_tenants_register (tenants, NULL, &id, &error));
  g_assert_true (vyre_ring_tenants_quiesce (tenants, id, 0, &error));
  g_assert_true (vyre_ring_tenants_reserve (tenants, id, 3, &error));
  g_assert_false (vyre_ring_tenants_quiesce (tenants, id, 70, &error));
  g_assert_nonnull (strstr (error->message, "outstanding 3"));
  assert_ring_error (error, VYRE_RING_ERROR_TIMEOUT);
  thread = g_thread_new ("drain", drain_later, tenants);
  g_assert_true (vyre_ring_tenants_quiesce (tenants, id, G_MAXUINT32, &error));
  g_thread_join (thread);
  g_assert_true (vyre_ring_tenants_get_use (tenants, id, &use, &error));
  g_assert_cmpuint (use.quiesce_calls, ==, 3);
  g_assert_cmpuint (use.quiesce_timeouts, ==, 1);
  g_assert_cmpuint (use.quiesce_wait_ns, >, 0);
}

static void
select_concurrent (void)
{
  /* 0 against 1 in one triangle, 1 against 3 in the other. */
  static const guint8 conflicts[16] = { 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    1, 0, 0 };
  g_autoptr (GError) error = NULL;
  guint32 selected[4], n = 9;

  g_assert_true (
      vyre_ring_select_concurrent (conflicts, 16, 4, selected, &n, &error));
  g_assert_cmpuint (n, ==, 3);
  g_assert_cmpuint (selected[0], ==, 0);
  g_assert_cmpuint (selected[1], ==, 2);
  g_assert_cmpuint (selected[2], ==, 3);
  g_assert_false (
      vyre_ring_select_concurrent (conflicts, 15, 4, selected, &n, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_cmpuint (n, ==, 3);
  g_assert_true (
      vyre_ring_select_concurrent (NULL, 0, 0, selected, &n, &error));
  g_assert_cmpuint (n, ==, 0);
}

#define IO_WORDS (VYRE_IO_SLOTS * VYRE_IO_WORDS)

static guint32
io_status (const guint32 *queue, guint slot)
{
  return queue[slot * VYRE_IO_WORDS + VYRE_IO_STATUS];
}

/* Vector 16. */
static void
io_vector (void)
{
  const VyreRingIoRequest first = { 0, VYRE_IOOP_READ, 1, 2,
    G_GUINT64_CONSTANT (0x123456789A), 4096, 77 };
  const VyreRingIoRequest third = { 3, VYRE_IOOP_FENCE, 0, 0, 0, 0, 78 };
  const VyreRingIoResult both[] = { { 0, TRUE }, { 5, TRUE } };
  const VyreRingIoResult twice[] = { { 0, TRUE }, { 0, FALSE } };
  const VyreRingIoResult good[] = { { 0, TRUE }, { 3, FALSE } };
  g_autoptr (GError) error = NULL;
  VyreRingIoRequest requests[VYRE_IO_SLOTS], done;
  guint32 queue[IO_WORDS];
  gboolean ok = FALSE;
  guint n = 0;

  memset (queue, 0xFF, sizeof queue);
  g_assert_true (vyre_ring_io_encode_empty (queue, IO_WORDS, 64, &error));
  g_assert_true (vyre_ring_io_publish (queue, IO_WORDS, &first, &error));
  g_assert_true (vyre_ring_io_publish (queue, IO_WORDS, &third, &error));
  g_assert_false (vyre_ring_io_publish (queue, IO_WORDS, &third, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);

  g_assert_true (vyre_ring_io_poll (queue, IO_WORDS, requests, &n, &error));
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (io_status (queue, 0), ==, VYRE_ST_PUBLISHED);
  g_assert_false (vyre_ring_io_completion (queue, IO_WORDS, 0, &ok, &done));
  g_assert_true (vyre_ring_io_claim (queue, IO_WORDS, requests, &n, &error));
  g_assert_cmpuint (n, ==, 2);
  g_assert_cmpuint (requests[0].slot, ==, 0);
  g_assert_cmphex (requests[0].offset, ==, first.offset);
  g_assert_cmpuint (requests[0].bytes, ==, 4096);
  g_assert_cmpuint (requests[1].slot, ==, 3);
  g_assert_cmpuint (requests[1].op, ==, VYRE_IOOP_FENCE);
  g_assert_cmpuint (io_status (queue, 0), ==, VYRE_ST_CLAIMED);
  g_assert_true (vyre_ring_io_claim (queue, IO_WORDS, requests, &n, &error));
  g_assert_cmpuint (n, ==, 0);

  g_assert_false (vyre_ring_io_complete (queue, IO_WORDS, both, 2, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);
  g_assert_false (vyre_ring_io_complete (queue, IO_WORDS, twice, 2, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);
  g_assert_cmpuint (io_status (queue, 0), ==, VYRE_ST_CLAIMED);
  g_assert_false (vyre_ring_io_recycle (queue, IO_WORDS, 0, &error));
  assert_ring_error (error, VYRE_RING_ERROR_BUSY);

  g_assert_true (vyre_ring_io_complete (queue, IO_WORDS, good, 2, &error));
  g_assert_cmphex (io_status (queue, 0), ==, 0x10);
  g_assert_cmphex (io_status (queue, 3), ==, 0x11);
  g_assert_true (vyre_ring_io_completion (queue, IO_WORDS, 0, &ok, &done));
  g_assert_true (ok);
  g_assert_cmpuint (done.tag, ==, 77);
  g_assert_true (vyre_ring_io_completion (queue, IO_WORDS, 3, &ok, NULL));
  g_assert_false (ok);
  g_assert_true (vyre_ring_io_recycle (queue, IO_WORDS, 3, &error));
  g_assert_true (vyre_ring_io_publish (queue, IO_WORDS, &third, &error));
}

static void
io_shapes (void)
{
  const VyreRingIoResult beyond = { 2, TRUE };
  VyreRingIoRequest requests[VYRE_IO_SLOTS];
  VyreRingIoRequest request = { 2 };
  g_autoptr (GError) error = NULL;
  guint32 queue[IO_WORDS + 8] = { 0 };
  guint n = 7;

  g_assert_false (vyre_ring_io_encode_empty (queue, 0, 0, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_io_encode_empty (queue, IO_WORDS + 8, 65, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_io_encode_empty (queue, 9, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (vyre_ring_io_poll (queue, 9, requests, &n, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_false (
      vyre_ring_io_poll (queue, IO_WORDS + 8, requests, &n, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_cmpuint (n, ==, 7);
  g_assert_true (vyre_ring_io_poll (queue, 0, requests, &n, &error));
  g_assert_cmpuint (n, ==, 0);
  g_assert_false (vyre_ring_io_complete (queue, 16, &beyond, 1, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
  g_assert_false (vyre_ring_io_publish (queue, 16, &request, &error));
  assert_ring_error (error, VYRE_RING_ERROR_INVALID_ARGUMENT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/tenants/numbers", numbers);
  g_test_add_func ("/tenants/table-end", table_end);
  g_test_add_func ("/tenants/resources", resources);
  g_test_add_func ("/tenants/quiesce", quiesce);
  g_test_add_func ("/tenants/select-concurrent", select_concurrent);
  g_test_add_func ("/io-queue/vector", io_vector);
  g_test_add_func ("/io-queue/shapes", io_shapes);
  return g_test_run ();
}
