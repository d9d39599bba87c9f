/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies beside kernels, by every method, on every usable device. */

#include <string.h>

#include "device/device.h"

#define TIMEOUT_NS (G_GUINT64_CONSTANT (60) * 1000000000)

static const VyreCopyMethod methods[] = { VYRE_COPY_TRANSFER,
  VYRE_COPY_KERNEL };

static VyreMemory *
filled (VyreDevice *device, gsize words, guint32 seed)
{
  g_autoptr (GError) error = NULL;
  VyreMemory *memory =
      vyre_memory_new (device, words * 4, VYRE_MEMORY_RING, "test", &error);

  g_assert_no_error (error);
  for (gsize i = 0; i < words; i++)
    ((guint32 *) memory->map)[i] = (guint32) (i + seed) * 2654435761u;
  return memory;
}

static VyreCopier *
copier_of (VyreDevice *device, VyreCopyMethod method, gsize bytes)
{
  g_autoptr (GError) error = NULL;
  VyreCopier *copier = vyre_copier_new (device, method, bytes, &error);

  g_assert_no_error (error);
  return copier;
}

static void
test_copies (VyreDevice *device, VyreCopyMethod method)
{
  static const gsize sizes[][2] = { { 1, 1 }, { 160, 4096 }, { 3, 65537 },
    { 65536, 7 }, { 1000, 0 } };

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    guint n = sizes[i][1] > 0 ? 2 : 1;
    gsize bytes = (sizes[i][0] + sizes[i][1]) * 4;
    VyreMemory *sources[] = { filled (device, sizes[i][0], i),
      n == 2 ? filled (device, sizes[i][1], 77 + i) : NULL };
    VyreCopier *copier = copier_of (device, method, bytes);

    /* What the host has written since is in the next one. */
    for (guint round = 0; round < 3; round++) {
      g_autoptr (GError) error = NULL;
      const guint8 *copy;

      ((guint32 *) sources[n - 1]->map)[0] = round;
      copy = vyre_copier_run (copier, sources, n, TIMEOUT_NS, &error);
      g_assert_no_error (error);
      g_assert_nonnull (copy);
      g_assert_cmpmem (copy, sizes[i][0] * 4, sources[0]->map, sizes[i][0] * 4);
      if (n == 2)
        g_assert_cmpmem (copy + sizes[i][0] * 4, sizes[i][1] * 4,
            sources[1]->map, sizes[i][1] * 4);
    }
    vyre_copier_free (copier);
    vyre_memory_free (sources[0]);
    vyre_memory_free (sources[1]);
  }
}

/* Nobody waits longer than was said, and nothing is written into a copy that
 * is being made. */
static void
test_late (VyreDevice *device, VyreCopyMethod method)
{
  VyreMemory *source = filled (device, 1 << 20, 5);
  VyreCopier *copier = copier_of (device, method, 4 << 20);
  g_autoptr (GError) error = NULL;
  gint64 end = g_get_monotonic_time () + 60 * G_USEC_PER_SEC;
  const guint8 *copy = NULL;
  guint late = 0;

  while (copy == NULL) {
    copy = vyre_copier_run (copier, &source, 1, 1, &error);
    g_assert_no_error (error);
    late += copy == NULL;
    if (late > 3 && copy == NULL)
      copy = vyre_copier_run (copier, &source, 1, TIMEOUT_NS, &error);
    g_assert_cmpint (g_get_monotonic_time (), <, end);
  }
  g_test_message ("%u times late", late);
  g_assert_cmpmem (copy, source->size, source->map, source->size);
  /* And one that nobody waits for any more. */
  vyre_copier_run (copier, &source, 1, 1, &error);
  g_assert_no_error (error);
  vyre_copier_free (copier);
  vyre_memory_free (source);
}

static void
test_method (VyreDevice *device)
{
  VyreCopyMethod method = vyre_device_get_copy_method (device);

  g_test_message (
      "%s: copy method %d", vyre_device_get_info (device)->name, (int) method);
  /* With one queue there is none to spare. */
  if (vyre_device_get_info (device)->n_queues == 1)
    g_assert_cmpint (method, !=, VYRE_COPY_KERNEL);
  for (guint i = 0; i < G_N_ELEMENTS (methods); i++) {
    test_copies (device, methods[i]);
    test_late (device, methods[i]);
  }
}

static void
on_each_device (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) infos = vyre_device_enumerate (&error);
  guint n_usable = 0;

  g_assert_no_error (error);
  for (guint i = 0; i < infos->len; i++) {
    g_autoptr (VyreDevice) device = NULL;

    if (g_array_index (infos, VyreDeviceInfo, i).unsuitable)
      continue;
    device = vyre_device_open ((gint) i, NULL, NULL, &error);
    g_assert_no_error (error);
    test_method (device);
    n_usable++;
  }
  g_assert_cmpuint (n_usable, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device/copy", on_each_device);
  return g_test_run ();
}
