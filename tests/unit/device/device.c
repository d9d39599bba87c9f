/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Runs on every usable device of the machine. Warnings are fatal here, so
 * with VYRE_VULKAN_VALIDATION a message of the validation layer fails it. */

#include <string.h>
#include <sys/mman.h>

#include "device/device-private.h"
#include "double-comp.h"
#include "heard.h"

#define KIB 1024u
#define MIB (1024u * KIB)
#define TIMEOUT_NS (G_GUINT64_CONSTANT (60) * 1000000000)
#define FACTOR 2

typedef struct
{
  guint64 src, dst;
  guint32 n, addend;
} Push;

static GArray *
enumerate (void)
{
  g_autoptr (GError) error = NULL;
  GArray *infos = vyre_device_enumerate (&error);

  g_assert_no_error (error);
  g_assert_nonnull (infos);
  g_assert_cmpuint (infos->len, >, 0);
  return infos;
}

static VyreDevice *
open_index (guint index)
{
  g_autoptr (GError) error = NULL;
  VyreDevice *device = vyre_device_open (index, NULL, NULL, &error);

  g_assert_no_error (error);
  g_assert_nonnull (device);
  return device;
}

/* A test that gets each usable device in turn. */
static void
on_each_device (gconstpointer data)
{
  void (*test) (VyreDevice *) = (void (*) (VyreDevice *)) data;
  g_autoptr (GArray) infos = enumerate ();
  guint n_usable = 0;

  for (guint i = 0; i < infos->len; i++) {
    const VyreDeviceInfo *info = &g_array_index (infos, VyreDeviceInfo, i);
    g_autoptr (VyreDevice) device = NULL;
    if (info->unsuitable)
      continue;
    g_test_message ("device %u: %s", i, info->name);
    n_usable++;
    device = open_index (i);
    test (device);
  }
  g_assert_cmpuint (n_usable, >, 0);
}

static VyreMemory *
memory_of (VyreDevice *device, gsize size, VyreMemoryUse use)
{
  g_autoptr (GError) error = NULL;
  VyreMemory *memory = vyre_memory_new (device, size, use, "test", &error);

  g_assert_no_error (error);
  g_assert_nonnull (memory);
  return memory;
}

static VyrePipeline *
doubler (VyreDevice *device, guint local_size)
{
  const guint32 constants[] = { local_size, FACTOR };
  g_autoptr (GError) error = NULL;
  guint64 ns = 0;
  VyrePipeline *pipeline = vyre_pipeline_new (device, double_comp,
      sizeof double_comp, constants, G_N_ELEMENTS (constants), sizeof (Push),
      TRUE, NULL, "double", &ns, &error);

  g_assert_no_error (error);
  g_assert_nonnull (pipeline);
  g_assert_cmpuint (ns, >, 0);
  return pipeline;
}

static guint
group_size (VyreDevice *device)
{
  const VyreDeviceInfo *info = vyre_device_get_info (device);
  return MIN (64, info->max_workgroup_invocations) / info->subgroup_size *
         info->subgroup_size;
}

static VyreLaunch *
launch (VyreDevice *device, VyrePipeline *pipeline, guint queue, guint groups,
    guint64 src, guint64 dst, guint32 n, guint32 addend)
{
  Push push = { src, dst, n, addend };
  g_autoptr (GError) error = NULL;
  VyreLaunch *l = vyre_device_launch (
      device, pipeline, queue, groups, &push, sizeof push, &error);

  g_assert_no_error (error);
  g_assert_nonnull (l);
  return l;
}

static void
finish (VyreLaunch *l)
{
  g_autoptr (GError) error = NULL;
  gboolean ended = vyre_launch_wait (l, TIMEOUT_NS, &error);

  g_assert_no_error (error);
  g_assert_true (ended);
  vyre_launch_free (l);
}

/* Device memory is slow to read word by word: checked in a copy. */
static void
assert_result (const guint32 *dst, const guint32 *src, guint n, guint addend)
{
  g_autofree guint32 *got = g_memdup2 (dst, n * 4);
  g_autofree guint32 *from = g_memdup2 (src, n * 4);

  for (guint i = 0; i < n; i++) {
    if (got[i] != FACTOR * from[i] + addend)
      g_error ("word %u of %u: %u from %u + %u", i, n, got[i], from[i], addend);
  }
}

static void
fill (guint32 *words, guint n, guint32 seed)
{
  for (guint i = 0; i < n; i++)
    words[i] = (i + seed) * 2654435761u;
}

static guint8 *
map_pages (gsize size)
{
  guint8 *pages = mmap (NULL, size, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  g_assert_true (pages != MAP_FAILED);
  return pages;
}

/* --- finding ------------------------------------------------------------- */

static void
test_enumerate (void)
{
  g_autoptr (GArray) infos = enumerate ();
  const VyreDeviceInfo *cpu = NULL;

  for (guint i = 0; i < infos->len; i++) {
    const VyreDeviceInfo *info = &g_array_index (infos, VyreDeviceInfo, i);
    g_test_message ("%u: %s, %s, type %d, API %u.%u, subgroup %u%s, shared %u, "
                    "invocations %u, allocation %" G_GUINT64_FORMAT
                    ", import %" G_GUINT64_FORMAT ", local %" G_GUINT64_FORMAT
                    ", mapped %" G_GUINT64_FORMAT
                    ", multiprocessors %u, queues %u, %s",
        info->index, info->name, info->driver, info->type,
        VK_API_VERSION_MAJOR (info->api_version),
        VK_API_VERSION_MINOR (info->api_version), info->subgroup_size,
        info->has_subgroup_size_control ? " (controlled)" : "",
        info->max_shared_bytes, info->max_workgroup_invocations,
        info->max_allocation, info->min_import_alignment,
        info->device_local_bytes, info->mapped_local_bytes,
        info->multiprocessors, info->n_queues,
        info->unsuitable ? info->unsuitable : "usable");
    g_assert_cmpuint (info->index, ==, i);
    g_assert_cmpuint (strlen (info->name), >, 0);
    if (strstr (info->name, "llvmpipe"))
      cpu = info;
    if (info->unsuitable)
      continue;
    g_assert_cmpuint (strlen (info->driver), >, 1);
    g_assert_cmpuint (info->api_version, >=, VK_API_VERSION_1_2);
    g_assert_true (info->subgroup_size >= 1 && info->subgroup_size <= 128);
    g_assert_cmpuint (info->max_shared_bytes, >=, 16 * KIB);
    g_assert_cmpuint (info->max_workgroup_invocations, >=, 128);
    g_assert_cmpuint (info->max_allocation, >=, 1024 * MIB);
    g_assert_cmpuint (info->device_local_bytes, >, 0);
    g_assert_true (info->n_queues >= 1 && info->n_queues <= 8);
  }

  if (!cpu) {
    g_test_skip ("lavapipe is not installed");
    return;
  }
  g_assert_null (cpu->unsuitable);
  g_assert_cmpint (cpu->type, ==, VYRE_DEVICE_CPU);
  g_assert_true (cpu->has_float64);
  g_assert_cmpuint (cpu->min_import_alignment, >=, 4096);
}

static void
test_open_by_name (void)
{
  g_autoptr (GArray) infos = enumerate ();

  for (guint i = 0; i < infos->len; i++) {
    const VyreDeviceInfo *info = &g_array_index (infos, VyreDeviceInfo, i);
    g_autofree char *upper = g_ascii_strup (info->name, 8);
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreDevice) device = NULL;

    if (info->unsuitable)
      continue;
    device = vyre_device_open (-1, upper, NULL, &error);
    g_assert_no_error (error);
    g_assert_true (g_ascii_strncasecmp (vyre_device_get_info (device)->name,
                       upper, strlen (upper)) == 0);
    g_clear_pointer (&device, vyre_device_unref);

    device = vyre_device_open (i, upper, NULL, &error);
    g_assert_no_error (error);
    g_assert_cmpuint (vyre_device_get_info (device)->index, ==, i);
    g_assert_cmpmem (vyre_device_get_info (device)->uuid, 16, info->uuid, 16);
  }
}

static void
test_open_by_uuid (void)
{
  g_autoptr (GArray) infos = enumerate ();

  for (guint i = 0; i < infos->len; i++) {
    const VyreDeviceInfo *info = &g_array_index (infos, VyreDeviceInfo, i);
    g_autofree char *uuid = vyre_device_info_dup_uuid (info);
    g_autofree char *upper = g_ascii_strup (uuid, -1);
    g_autofree char *dashed = g_strdup_printf ("%.8s-%s", uuid, uuid + 8);
    g_autofree char *longer = g_strconcat (uuid, "0", NULL);
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreDevice) device = NULL;

    g_assert_cmpuint (strlen (uuid), ==, 32);
    g_assert_true (vyre_device_info_matches (info, -1, NULL, uuid));
    g_assert_true (vyre_device_info_matches (info, i, info->name, upper));
    g_assert_true (vyre_device_info_matches (info, -1, NULL, dashed));
    g_assert_false (vyre_device_info_matches (info, i + 1, NULL, uuid));
    g_assert_false (vyre_device_info_matches (info, -1, NULL, longer));
    g_assert_false (vyre_device_info_matches (info, -1, NULL, ""));
    g_assert_false (vyre_device_info_matches (info, -1, NULL, "gibberish"));
    uuid[31] = uuid[31] == '0' ? '1' : '0';
    g_assert_false (vyre_device_info_matches (info, -1, NULL, uuid));
    uuid[31] = '\0';
    g_assert_false (vyre_device_info_matches (info, -1, NULL, uuid));
    if (info->unsuitable)
      continue;
    device = vyre_device_open (-1, NULL, upper, &error);
    g_assert_no_error (error);
    g_assert_cmpmem (vyre_device_get_info (device)->uuid, 16, info->uuid, 16);
  }
}

static void
test_open_best (void)
{
  g_autoptr (GArray) infos = enumerate ();
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreDevice) device = vyre_device_open (-1, NULL, NULL, &error);

  g_assert_no_error (error);
  for (guint i = 0; i < infos->len; i++) {
    const VyreDeviceInfo *info = &g_array_index (infos, VyreDeviceInfo, i);
    if (!info->unsuitable)
      g_assert_cmpint (vyre_device_get_info (device)->type, <=, info->type);
  }
}

static void
test_not_found (void)
{
  g_autoptr (GArray) infos = enumerate ();
  const VyreDeviceInfo *first = &g_array_index (infos, VyreDeviceInfo, 0);
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_device_open (99, NULL, NULL, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "99"));
  g_assert_nonnull (strstr (error->message, first->name));
  g_clear_error (&error);

  g_assert_null (vyre_device_open (-1, "no such \xff device", NULL, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "no such"));
  g_assert_nonnull (strstr (error->message, first->name));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_clear_error (&error);

  g_assert_null (vyre_device_open (-1, NULL, "not a \xff UUID", &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NOT_FOUND);
  g_assert_nonnull (strstr (error->message, "32 hexadecimal digits"));
  g_assert_nonnull (strstr (error->message, first->name));
  g_assert_true (g_utf8_validate (error->message, -1, NULL));
  g_clear_error (&error);

  /* index and name must both fit */
  g_assert_null (vyre_device_open (0, "no such device", NULL, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NOT_FOUND);
}

/* --- memory -------------------------------------------------------------- */

static void
test_memory_uses (VyreDevice *device)
{
  const VyreDeviceInfo *info = vyre_device_get_info (device);
  const gsize size = 3 * MIB + 12;
  VyreMemoryUse mapped[] = { VYRE_MEMORY_RING, VYRE_MEMORY_RECORDS,
    VYRE_MEMORY_ARENA };
  g_autoptr (GError) error = NULL;
  VyreMemory *memory;

  for (guint i = 0; i < G_N_ELEMENTS (mapped); i++) {
    if (mapped[i] == VYRE_MEMORY_ARENA && info->mapped_local_bytes < 2 * size)
      continue;
    memory = memory_of (device, size, mapped[i]);
    g_assert_true (memory->device == device);
    g_assert_cmpuint (memory->size, ==, size);
    g_assert_cmpuint (memory->address, !=, 0);
    g_assert_cmpuint (memory->address % 16, ==, 0);
    g_assert_false (memory->imported);
    g_assert_nonnull (memory->map);
    if (mapped[i] == VYRE_MEMORY_ARENA)
      g_assert_true (memory->device_local);
    g_autofree guint8 *copy = g_memdup2 (memory->map, size);
    for (gsize j = 0; j < size; j++) {
      if (copy[j] != 0)
        g_error ("byte %" G_GSIZE_FORMAT " is not zero", j);
    }
    memset (memory->map, 0xa5, size);
    g_assert_cmpuint (memory->map[size - 1], ==, 0xa5);
    vyre_memory_free (memory);
  }

  memory = memory_of (device, size, VYRE_MEMORY_SCRATCH);
  g_assert_null (memory->map);
  g_assert_true (memory->device_local);
  g_assert_cmpuint (memory->address, !=, 0);
  vyre_memory_free (memory);

  g_assert_null (
      vyre_memory_new (device, 0, VYRE_MEMORY_RING, "nothing", &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY);
  g_assert_nonnull (strstr (error->message, "nothing"));
  vyre_memory_free (NULL);
}

static void
assert_names_number (const GError *error, guint64 number)
{
  g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, number);
  if (!strstr (error->message, text))
    g_error ("no %s in: %s", text, error->message);
}

static void
test_memory_too_large (VyreDevice *device)
{
  const VyreDeviceInfo *info = vyre_device_get_info (device);
  g_autoptr (GError) error = NULL;
  gsize size = info->max_allocation + 1;

  g_assert_null (
      vyre_memory_new (device, size, VYRE_MEMORY_SCRATCH, "huge", &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY);
  assert_names_number (error, size);
  assert_names_number (error, info->max_allocation);
  g_clear_error (&error);

  g_assert_null (
      vyre_memory_new (device, G_MAXSIZE, VYRE_MEMORY_RING, "huge", &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY);
  g_clear_error (&error);

  size = info->mapped_local_bytes / 2 + 4096;
  if (size > info->max_allocation)
    return;
  g_assert_null (
      vyre_memory_new (device, size, VYRE_MEMORY_ARENA, "arena", &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY);
  if (info->mapped_local_bytes) {
    assert_names_number (error, size);
    assert_names_number (error, info->mapped_local_bytes);
  }
}

static void
test_import_refused (VyreDevice *device)
{
  guint64 alignment = vyre_device_get_info (device)->min_import_alignment;
  const gsize size = 16 * MIB;
  g_autoptr (GError) error = NULL;
  guint8 *pages;

  if (alignment == 0) {
    g_test_message ("cannot import");
    return;
  }
  pages = map_pages (size);
  g_assert_null (
      vyre_memory_import (device, pages + 64, alignment, "odd", &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY);
  assert_names_number (error, alignment);
  g_autofree char *address = g_strdup_printf ("%p", pages + 64);
  g_assert_nonnull (strstr (error->message, address));
  g_clear_error (&error);

  g_assert_null (vyre_memory_import (device, pages, size - 100, "odd", &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY);
  assert_names_number (error, alignment);
  assert_names_number (error, size - 100);
  g_clear_error (&error);

  g_assert_null (vyre_memory_import (device, pages, 0, "none", &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY);
  g_clear_error (&error);
  g_assert_null (vyre_memory_import (device, NULL, size, "none", &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY);
  munmap (pages, size);
}

/* --- pipelines and launches ---------------------------------------------- */

static void
test_import_to_ring (VyreDevice *device)
{
  const VyreDeviceInfo *info = vyre_device_get_info (device);
  const gsize size = 16 * MIB;
  const guint n = size / 4 - 1;
  g_autoptr (GError) error = NULL;
  VyrePipeline *pipeline;
  VyreMemory *src, *dst;
  guint8 *pages;

  if (info->min_import_alignment == 0) {
    g_test_message ("cannot import");
    return;
  }
  pages = map_pages (size);
  fill ((guint32 *) pages, n, 1);
  src = vyre_memory_import (device, pages, size, "pages", &error);
  g_assert_no_error (error);
  g_assert_true (src->imported);
  g_assert_true (src->map == pages);
  dst = memory_of (device, size, VYRE_MEMORY_RING);
  pipeline = doubler (device, group_size (device));

  finish (launch (device, pipeline, 0, 256, src->address, dst->address, n, 7));
  assert_result ((guint32 *) dst->map, (guint32 *) pages, n, 7);
  if (info->has_subgroup_size_control)
    g_assert_cmpuint (((guint32 *) dst->map)[n], ==, info->subgroup_size);

  /* The pages written anew, and read again by the next launch. */
  fill ((guint32 *) pages, n, 100);
  finish (launch (device, pipeline, 1, 256, src->address, dst->address, n, 8));
  assert_result ((guint32 *) dst->map, (guint32 *) pages, n, 8);

  /* And the GPU's writes into imported memory. */
  fill ((guint32 *) dst->map, 1000, 5);
  finish (launch (device, pipeline, 0, 4, dst->address, src->address, 1000, 9));
  assert_result ((guint32 *) pages, (guint32 *) dst->map, 1000, 9);

  vyre_pipeline_free (pipeline);
  vyre_memory_free (dst);
  vyre_memory_free (src);
  munmap (pages, size);
}

/* Beyond what a storage buffer binding could reach on some devices. */
static void
test_large_import (VyreDevice *device)
{
  const gsize size = 256 * MIB;
  const guint n = 1024;
  g_autoptr (GError) error = NULL;
  VyrePipeline *pipeline;
  VyreMemory *src, *dst;
  guint8 *pages;
  guint32 *tail;

  if (vyre_device_get_info (device)->min_import_alignment == 0) {
    g_test_message ("cannot import");
    return;
  }
  pages = map_pages (size);
  tail = (guint32 *) (pages + size) - n;
  fill (tail, n, 3);
  src = vyre_memory_import (device, pages, size, "256 MiB", &error);
  g_assert_no_error (error);
  dst = memory_of (device, (n + 1) * 4, VYRE_MEMORY_RECORDS);
  pipeline = doubler (device, group_size (device));
  finish (launch (
      device, pipeline, 0, 2, src->address + size - n * 4, dst->address, n, 1));
  assert_result ((guint32 *) dst->map, tail, n, 1);
  vyre_pipeline_free (pipeline);
  vyre_memory_free (dst);
  vyre_memory_free (src);
  munmap (pages, size);
}

/* Through memory that the host cannot see, one launch after the other. */
static void
test_scratch (VyreDevice *device)
{
  const guint n = 10000;
  VyreMemory *ring = memory_of (device, (n + 1) * 4, VYRE_MEMORY_RING);
  VyreMemory *scratch = memory_of (device, (n + 1) * 4, VYRE_MEMORY_SCRATCH);
  VyreMemory *records = memory_of (device, (n + 1) * 4, VYRE_MEMORY_RECORDS);
  VyrePipeline *pipeline = doubler (device, group_size (device));
  VyreLaunch *first, *second;

  fill ((guint32 *) ring->map, n, 11);
  first =
      launch (device, pipeline, 0, 16, ring->address, scratch->address, n, 5);
  /* no wait: launches of one queue see each other's writes */
  second = launch (
      device, pipeline, 0, 16, scratch->address, records->address, n, 0);
  finish (first);
  finish (second);
  for (guint i = 0; i < n; i++) {
    guint32 word = ((guint32 *) ring->map)[i];
    g_assert_cmpuint (
        ((guint32 *) records->map)[i], ==, FACTOR * (FACTOR * word + 5));
  }
  vyre_pipeline_free (pipeline);
  vyre_memory_free (records);
  vyre_memory_free (scratch);
  vyre_memory_free (ring);
}

#define IN_FLIGHT 64

static void
test_in_flight (VyreDevice *device)
{
  const guint n = 4000, stride = n + 1;
  VyreMemory *src = memory_of (device, n * 4, VYRE_MEMORY_RING);
  VyreMemory *dst =
      memory_of (device, IN_FLIGHT * stride * 4, VYRE_MEMORY_RECORDS);
  VyrePipeline *pipeline = doubler (device, group_size (device));
  VyreLaunch *launches[IN_FLIGHT];
  g_autoptr (GError) error = NULL;

  fill ((guint32 *) src->map, n, 1);
  /* Twice: the second round uses the command buffers of the first. */
  for (guint round = 0; round < 2; round++) {
    memset (dst->map, 0, dst->size);
    for (guint i = 0; i < IN_FLIGHT; i++)
      launches[i] = launch (device, pipeline, i, 8, src->address,
          dst->address + i * stride * 4, n, 1000 * round + i);
    /* Not in the order of submission; some freed without waiting for them. */
    for (guint i = 0; i < IN_FLIGHT; i += 2) {
      while (!vyre_launch_wait (launches[i + 1], 0, &error)) {
        g_assert_no_error (error);
        g_usleep (100);
      }
      vyre_launch_free (launches[i + 1]);
      vyre_launch_free (launches[i]);
    }
    for (guint i = 0; i < IN_FLIGHT; i++)
      assert_result ((guint32 *) dst->map + i * stride, (guint32 *) src->map, n,
          1000 * round + i);
  }
  for (guint i = 0; i < VYRE_MAX_QUEUES; i++) {
    if (device->queues[i].idle)
      g_assert_cmpuint (device->queues[i].idle->len, <=, IN_FLIGHT);
  }
  vyre_pipeline_free (pipeline);
  vyre_memory_free (dst);
  vyre_memory_free (src);
}

/* A launch keeps device and pipeline. */
static void
test_lifetimes (VyreDevice *device)
{
  const guint n = 100000;
  VyreDevice *own = open_index (vyre_device_get_info (device)->index);
  VyreMemory *src = memory_of (own, n * 4, VYRE_MEMORY_RECORDS);
  VyreMemory *dst = memory_of (own, (n + 1) * 4, VYRE_MEMORY_RECORDS);
  VyrePipeline *pipeline = doubler (own, group_size (own));
  VyreLaunch *l;

  fill ((guint32 *) src->map, n, 23);
  l = launch (own, pipeline, 0, 8, src->address, dst->address, n, 3);
  vyre_pipeline_free (pipeline);
  vyre_device_unref (own);
  finish (l);
  assert_result ((guint32 *) dst->map, (guint32 *) src->map, n, 3);
  vyre_memory_free (src);
  vyre_memory_free (dst);
}

typedef struct
{
  VyreDevice *device;
  VyrePipeline *pipeline;
  VyreMemory *src, *dst;
  guint index;
} Job;

#define THREADS 4
#define LAUNCHES 16
#define THREAD_WORDS 1000

static gpointer
launch_in_thread (gpointer data)
{
  Job *job = data;
  guint32 offset = job->index * (THREAD_WORDS + 1) * 4;

  for (guint i = 0; i < LAUNCHES; i++) {
    finish (launch (job->device, job->pipeline, job->index, 4,
        job->src->address, job->dst->address + offset, THREAD_WORDS, i));
    assert_result ((guint32 *) (job->dst->map + offset),
        (guint32 *) job->src->map, THREAD_WORDS, i);
  }
  return NULL;
}

static void
test_threads (VyreDevice *device)
{
  VyreMemory *src = memory_of (device, THREAD_WORDS * 4, VYRE_MEMORY_RING);
  VyreMemory *dst =
      memory_of (device, THREADS * (THREAD_WORDS + 1) * 4, VYRE_MEMORY_RECORDS);
  VyrePipeline *pipeline = doubler (device, group_size (device));
  GThread *threads[THREADS];
  Job jobs[THREADS];

  fill ((guint32 *) src->map, THREAD_WORDS, 17);
  for (guint i = 0; i < THREADS; i++) {
    jobs[i] = (Job){ device, pipeline, src, dst, i };
    threads[i] = g_thread_new ("launcher", launch_in_thread, &jobs[i]);
  }
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  vyre_pipeline_free (pipeline);
  vyre_memory_free (dst);
  vyre_memory_free (src);
}

static void
test_refused (VyreDevice *device)
{
  const guint32 garbage[8] = { 0x07230204 };
  VyrePipeline *pipeline = doubler (device, group_size (device));
  g_autoptr (GError) error = NULL;
  Push push = { 0 };

  g_assert_null (vyre_pipeline_new (device, garbage, sizeof garbage, NULL, 0, 0,
      FALSE, NULL, "garbage", NULL, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED);
  g_assert_nonnull (strstr (error->message, "garbage"));
  g_clear_error (&error);
  g_assert_null (vyre_pipeline_new (device, double_comp, sizeof double_comp,
      NULL, 0, 1 << 20, FALSE, NULL, "pushy", NULL, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED);
  assert_names_number (error, 1 << 20);
  g_clear_error (&error);

  g_assert_null (
      vyre_device_launch (device, pipeline, 0, 0, &push, sizeof push, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED);
  g_clear_error (&error);
  g_assert_null (vyre_device_launch (device, pipeline, 0, 1, &push, 4, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED);
  assert_names_number (error, sizeof push);
  vyre_pipeline_free (pipeline);
  vyre_pipeline_free (NULL);
  vyre_launch_free (NULL);
}

/* No driver here loses its device on request; what follows a loss is ours. */
static void
test_lost (VyreDevice *device)
{
  VyreDevice *own = open_index (vyre_device_get_info (device)->index);
  VyreMemory *memory = memory_of (own, 8 * KIB, VYRE_MEMORY_RECORDS);
  VyrePipeline *pipeline = doubler (own, group_size (own));
  VyreLaunch *ended = launch (
      own, pipeline, 0, 1, memory->address, memory->address + 4 * KIB, 100, 0);
  g_autoptr (GError) error = NULL;
  Push push = { 0 };

  g_assert_true (vyre_launch_wait (ended, TIMEOUT_NS, &error));
  vyre_device_set_error (
      own, VK_ERROR_DEVICE_LOST, "vkQueueSubmit", "test", &error);
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_LOST);
  g_assert_nonnull (strstr (error->message, "VK_ERROR_DEVICE_LOST"));
  g_clear_error (&error);

  g_assert_true (vyre_device_is_lost (own));
  g_assert_null (
      vyre_device_launch (own, pipeline, 0, 1, &push, sizeof push, &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_LOST);
  g_clear_error (&error);
  g_assert_null (vyre_memory_new (own, 4096, VYRE_MEMORY_RING, "late", &error));
  g_assert_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_LOST);

  vyre_launch_free (ended);
  vyre_pipeline_free (pipeline);
  vyre_memory_free (memory);
  vyre_device_unref (own);
}

int
main (int argc, char **argv)
{
  struct
  {
    const char *name;
    void (*test) (VyreDevice *device);
  } each[] = {
    { "/device/memory/uses", test_memory_uses },
    { "/device/memory/too-large", test_memory_too_large },
    { "/device/memory/import-refused", test_import_refused },
    { "/device/launch/import-to-ring", test_import_to_ring },
    { "/device/launch/large-import", test_large_import },
    { "/device/launch/scratch", test_scratch },
    { "/device/launch/in-flight", test_in_flight },
    { "/device/launch/lifetimes", test_lifetimes },
    { "/device/launch/threads", test_threads },
    { "/device/launch/refused", test_refused },
    { "/device/launch/lost", test_lost },
  };

  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/device/enumerate", test_enumerate);
  g_test_add_func ("/device/open/by-name", test_open_by_name);
  g_test_add_func ("/device/open/by-uuid", test_open_by_uuid);
  g_test_add_func ("/device/open/best", test_open_best);
  g_test_add_func ("/device/open/not-found", test_not_found);
  add_heard_tests ();
  for (guint i = 0; i < G_N_ELEMENTS (each); i++)
    g_test_add_data_func (
        each[i].name, (gconstpointer) each[i].test, on_each_device);
  return g_test_run ();
}
