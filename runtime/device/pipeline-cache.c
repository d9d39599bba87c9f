/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a driver keeps of one pipeline, in and out as bytes. Drivers trust the
 * bytes that they are given: whoever stores them answers for their being what
 * the driver gave, and here is checked that it was this driver for this
 * device. */

#include "device-private.h"

#include <string.h>

/* headerSize, headerVersion, vendorID, deviceID, pipelineCacheUUID */
#define HEADER_BYTES (4 * 4 + VK_UUID_SIZE)
/* Drivers may add to it between the question for its size and the next. */
#define GET_TRIES 4

void
vyre_device_get_driver_id (VyreDevice *device, VyreDriverId *id)
{
  *id = device->physical.driver_id;
}

static guint32
read_u32 (const guint8 *data)
{
  guint32 value;

  memcpy (&value, data, sizeof value);
  return GUINT32_FROM_LE (value);
}

gboolean
vyre_pipeline_cache_is_for (VyreDevice *device, GBytes *known)
{
  const VyreDriverId *id = &device->physical.driver_id;
  gsize size;
  const guint8 *data = g_bytes_get_data (known, &size);

  return size > HEADER_BYTES && read_u32 (data) >= HEADER_BYTES &&
         read_u32 (data) <= size &&
         read_u32 (data + 4) == VK_PIPELINE_CACHE_HEADER_VERSION_ONE &&
         read_u32 (data + 8) == id->vendor &&
         read_u32 (data + 12) == id->device &&
         memcmp (data + 16, id->cache_uuid, VK_UUID_SIZE) == 0;
}

VyrePipelineCache *
vyre_pipeline_cache_new (VyreDevice *device, GBytes *known, GError **error)
{
  VyrePipelineCache *cache = g_new0 (VyrePipelineCache, 1);
  VkPipelineCacheCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
  };

  cache->device = vyre_device_ref (device);
  if (known != NULL && vyre_pipeline_cache_is_for (device, known)) {
    info.pInitialData = g_bytes_get_data (known, &info.initialDataSize);
    if (device->vk.CreatePipelineCache (
            device->handle, &info, NULL, &cache->handle) == VK_SUCCESS)
      cache->known = info.initialDataSize;
    else
      cache->handle = VK_NULL_HANDLE;
    info.pInitialData = NULL;
    info.initialDataSize = 0;
  }
  if (cache->handle == VK_NULL_HANDLE)
    VYRE_VK_TRY (device, "pipeline cache", CreatePipelineCache, device->handle,
        &info, NULL, &cache->handle);
  vyre_device_name_object (device, VK_OBJECT_TYPE_PIPELINE_CACHE,
      (guint64) cache->handle, "vyre cache of one pipeline");
  return cache;

failed:
  vyre_pipeline_cache_free (cache);
  return NULL;
}

gsize
vyre_pipeline_cache_get_known (const VyrePipelineCache *cache)
{
  return cache->known;
}

GBytes *
vyre_pipeline_cache_dup_data (VyrePipelineCache *cache)
{
  VyreDevice *device = cache->device;

  for (guint i = 0; i < GET_TRIES; i++) {
    g_autofree guint8 *data = NULL;
    gsize size = 0;
    VkResult result;

    if (device->vk.GetPipelineCacheData (
            device->handle, cache->handle, &size, NULL) != VK_SUCCESS ||
        size <= HEADER_BYTES)
      return NULL;
    data = g_try_malloc (size);
    if (data == NULL)
      return NULL;
    result = device->vk.GetPipelineCacheData (
        device->handle, cache->handle, &size, data);
    if (result == VK_SUCCESS) {
      g_autoptr (GBytes) bytes =
          g_bytes_new_take (g_steal_pointer (&data), size);

      /* What we would not give back to it is not worth keeping. */
      return vyre_pipeline_cache_is_for (device, bytes)
                 ? g_steal_pointer (&bytes)
                 : NULL;
    }
    if (result != VK_INCOMPLETE)
      return NULL;
  }
  return NULL;
}

void
vyre_pipeline_cache_free (VyrePipelineCache *cache)
{
  VyreDevice *device;

  if (cache == NULL)
    return;
  device = cache->device;
  if (cache->handle != VK_NULL_HANDLE)
    device->vk.DestroyPipelineCache (device->handle, cache->handle, NULL);
  g_free (cache);
  vyre_device_unref (device);
}
