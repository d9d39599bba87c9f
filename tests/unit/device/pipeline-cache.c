/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What drivers keep of pipelines: given back to them, and to nobody else. */
#include <string.h>

#include "device/device-private.h"
#include "double-comp.h"

#define HEADER_BYTES 32

static VyreDevice *device;

/* --- a driver that keeps something ------------------------------------------ */

static guint8 kept[HEADER_BYTES + 100];
static gsize n_kept; /* bytes that it has to give */
static gsize n_given; /* bytes that it was given last */
static VkResult given_result; /* when it is given some */
static guint n_growing; /* calls that find more than was there before */
static PFN_vkCreatePipelineCache real_create;

static VKAPI_ATTR VkResult VKAPI_CALL
fake_get_data (VkDevice handle, VkPipelineCache cache, size_t *size, void *data)
{
  gsize wanted = n_kept;

  if (data == NULL) {
    *size = wanted - (n_growing > 0 ? 1 : 0);
    return VK_SUCCESS;
  }
  if (*size < wanted) {
    n_growing--;
    return VK_INCOMPLETE;
  }
  *size = wanted;
  memcpy (data, kept, wanted);
  return VK_SUCCESS;
}

static VKAPI_ATTR VkResult VKAPI_CALL
fake_create (VkDevice handle, const VkPipelineCacheCreateInfo *info,
    const VkAllocationCallbacks *allocator, VkPipelineCache *cache)
{
  VkPipelineCacheCreateInfo nothing = *info;

  n_given = info->initialDataSize;
  if (n_given > 0 && given_result != VK_SUCCESS)
    return given_result;
  if (n_given > 0)
    g_assert_cmpmem (info->pInitialData, n_given, kept, n_kept);
  nothing.initialDataSize = 0;
  nothing.pInitialData = NULL;
  return real_create (handle, &nothing, allocator, cache);
}

static void
put_u32 (gsize at, guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (kept + at, &value, sizeof value);
}

static void
fake_driver (void)
{
  VyreDriverId id;

  vyre_device_get_driver_id (device, &id);
  for (gsize i = 0; i < sizeof kept; i++)
    kept[i] = (guint8) (i * 7);
  put_u32 (0, HEADER_BYTES);
  put_u32 (4, 1);
  put_u32 (8, id.vendor);
  put_u32 (12, id.device);
  memcpy (kept + 16, id.cache_uuid, sizeof id.cache_uuid);
  n_kept = sizeof kept;
  n_given = n_growing = 0;
  given_result = VK_SUCCESS;
  real_create = device->vk.CreatePipelineCache;
  device->vk.CreatePipelineCache = fake_create;
  device->vk.GetPipelineCacheData = fake_get_data;
}

static VyrePipelineCache *
cache_of (GBytes *known)
{
  g_autoptr (GError) error = NULL;
  VyrePipelineCache *cache = vyre_pipeline_cache_new (device, known, &error);

  g_assert_no_error (error);
  return cache;
}

static void
with_fake (gconstpointer test)
{
  VyreVk real = device->vk;

  fake_driver ();
  ((void (*) (void)) test) ();
  device->vk = real;
}

/* --- tests -------------------------------------------------------------------- */

static VyrePipeline *
pipeline_of (VyrePipelineCache *cache)
{
  const guint32 constants[] = { device->physical.info.subgroup_size, 2 };
  g_autoptr (GError) error = NULL;
  VyrePipeline *pipeline =
      vyre_pipeline_new (device, double_comp, sizeof double_comp, constants,
          G_N_ELEMENTS (constants), 24, TRUE, cache, "double", NULL, &error);

  g_assert_no_error (error);
  return pipeline;
}

/* Whatever this machine's driver keeps, it takes back. */
static void
test_driver (void)
{
  g_autoptr (VyrePipelineCache) first = cache_of (NULL), second = NULL;
  g_autoptr (GBytes) data = NULL;

  g_assert_cmpuint (vyre_pipeline_cache_get_known (first), ==, 0);
  vyre_pipeline_free (pipeline_of (first));
  data = vyre_pipeline_cache_dup_data (first);
  g_test_message ("%s keeps %" G_GSIZE_FORMAT " bytes",
      vyre_device_get_info (device)->name, data ? g_bytes_get_size (data) : 0);
  second = cache_of (data);
  g_assert_cmpuint (vyre_pipeline_cache_get_known (second), ==,
      data ? g_bytes_get_size (data) : 0);
  vyre_pipeline_free (pipeline_of (second));
}

static void
test_round_trip (void)
{
  g_autoptr (VyrePipelineCache) first = cache_of (NULL), second = NULL;
  g_autoptr (GBytes) data = NULL;

  g_assert_cmpuint (n_given, ==, 0);
  data = vyre_pipeline_cache_dup_data (first);
  g_assert_nonnull (data);
  second = cache_of (data);
  g_assert_cmpuint (n_given, ==, sizeof kept);
  g_assert_cmpuint (vyre_pipeline_cache_get_known (second), ==, sizeof kept);
  vyre_pipeline_free (pipeline_of (second));
}

/* Every field of the header counts, and so does every length. */
static void
test_foreign (void)
{
  for (gsize at = 0; at < HEADER_BYTES; at++) {
    g_autofree guint8 *changed = g_memdup2 (kept, sizeof kept);
    g_autoptr (GBytes) known = NULL;
    g_autoptr (VyrePipelineCache) cache = NULL;

    changed[at] ^= 0x80;
    known = g_bytes_new (changed, sizeof kept);
    cache = cache_of (known);
    g_assert_cmpuint (n_given, ==, 0);
    g_assert_cmpuint (vyre_pipeline_cache_get_known (cache), ==, 0);
  }
  for (gsize size = 0; size <= HEADER_BYTES; size++) {
    g_autoptr (GBytes) known = g_bytes_new (kept, size);
    g_autoptr (VyrePipelineCache) cache = cache_of (known);

    g_assert_cmpuint (vyre_pipeline_cache_get_known (cache), ==, 0);
  }
}

static void
test_nothing_kept (void)
{
  g_autoptr (VyrePipelineCache) cache = cache_of (NULL);

  for (n_kept = 0; n_kept <= HEADER_BYTES; n_kept += HEADER_BYTES)
    g_assert_null (vyre_pipeline_cache_dup_data (cache));
  n_kept = sizeof kept;
  put_u32 (8, 0); /* what it does not own up to */
  g_assert_null (vyre_pipeline_cache_dup_data (cache));
}

/* It grows between two questions; but not for ever. */
static void
test_growing (void)
{
  g_autoptr (VyrePipelineCache) cache = cache_of (NULL);
  g_autoptr (GBytes) data = NULL;

  n_growing = 2;
  data = vyre_pipeline_cache_dup_data (cache);
  g_assert_cmpuint (g_bytes_get_size (data), ==, sizeof kept);
  n_growing = 1000;
  g_assert_null (vyre_pipeline_cache_dup_data (cache));
}

/* A driver that wants nothing of what it once gave. */
static void
test_not_taken (void)
{
  g_autoptr (GBytes) known = g_bytes_new (kept, sizeof kept);
  g_autoptr (VyrePipelineCache) cache = NULL;

  given_result = VK_ERROR_INITIALIZATION_FAILED;
  cache = cache_of (known);
  g_assert_cmpuint (vyre_pipeline_cache_get_known (cache), ==, 0);
  vyre_pipeline_free (pipeline_of (cache));
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  g_test_init (&argc, &argv, NULL);
  device = vyre_device_open (-1, NULL, NULL, &error);
  g_assert_no_error (error);
  g_test_add_func ("/device/pipeline-cache/driver", test_driver);
  g_test_add_data_func (
      "/device/pipeline-cache/round-trip", test_round_trip, with_fake);
  g_test_add_data_func (
      "/device/pipeline-cache/foreign", test_foreign, with_fake);
  g_test_add_data_func (
      "/device/pipeline-cache/nothing-kept", test_nothing_kept, with_fake);
  g_test_add_data_func (
      "/device/pipeline-cache/growing", test_growing, with_fake);
  g_test_add_data_func (
      "/device/pipeline-cache/not-taken", test_not_taken, with_fake);
  status = g_test_run ();
  vyre_device_unref (device);
  return status;
}
