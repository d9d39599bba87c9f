/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Devices come and go while others are in use: the Vulkan loader goes through
 * its list of them without a lock. */

#include "device/device.h"

#define THREADS 3
#define ROUNDS 60

static gint running; /* atomic: threads that open and close */

static VyreDevice *
open_first (void)
{
  g_autoptr (GError) error = NULL;
  VyreDevice *device = vyre_device_open (-1, NULL, NULL, &error);

  g_assert_no_error (error);
  return device;
}

/* Objects with names. */
static void
use (VyreDevice *device)
{
  g_autoptr (GError) error = NULL;
  VyreMemory *memory =
      vyre_memory_new (device, 4096, VYRE_MEMORY_RECORDS, "test", &error);

  g_assert_no_error (error);
  vyre_memory_free (memory);
}

static gpointer
open_and_close (gpointer data)
{
  for (guint i = 0; i < ROUNDS; i++) {
    VyreDevice *device = open_first ();

    use (device);
    vyre_device_unref (device);
  }
  g_atomic_int_add (&running, -1);
  return NULL;
}

static void
test_beside (void)
{
  VyreDevice *device = open_first ();
  GThread *threads[THREADS];

  running = THREADS;
  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("open and close", open_and_close, NULL);
  while (g_atomic_int_get (&running) > 0)
    use (device);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  vyre_device_unref (device);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device/open-close/beside", test_beside);
  return g_test_run ();
}
