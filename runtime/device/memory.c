/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers with their own memory, allocated or imported. */

#include "device-private.h"

#include <string.h>

#define DEVICE_LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define VISIBLE VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
#define COHERENT VK_MEMORY_PROPERTY_HOST_COHERENT_BIT
#define CACHED VK_MEMORY_PROPERTY_HOST_CACHED_BIT
/* Types with other properties (protected, device-uncached, …) need features
 * that we do not enable. */
#define KNOWN (DEVICE_LOCAL | VISIBLE | COHERENT | CACHED)

#define USAGE \
  (VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT | \
      VK_BUFFER_USAGE_TRANSFER_DST_BIT | \
      VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT)

/* What a memory type must have, and the wishes that rank those that have it:
 * each wanted flag present counts, each unwanted one counts against. The first
 * in the driver's order wins among equals, which is its order of speed. */
typedef struct
{
  VkMemoryPropertyFlags needed;
  VkMemoryPropertyFlags wanted;
  VkMemoryPropertyFlags unwanted;
} Wishes;

static const Wishes wishes_of_use[] = {
  [VYRE_MEMORY_RING] = { VISIBLE | COHERENT, DEVICE_LOCAL, 0 },
  [VYRE_MEMORY_RECORDS] = { VISIBLE | COHERENT, CACHED, DEVICE_LOCAL },
  [VYRE_MEMORY_SCRATCH] = { DEVICE_LOCAL, 0, VISIBLE },
  [VYRE_MEMORY_ARENA] = { DEVICE_LOCAL | VISIBLE | COHERENT, 0, 0 },
};
static const Wishes wishes_of_import = { 0, VISIBLE | COHERENT | CACHED, 0 };

static gint
score (VkMemoryPropertyFlags flags, const Wishes *wishes)
{
  if ((flags & wishes->needed) != wishes->needed || (flags & ~KNOWN))
    return -1;
  /* A wanted flag weighs more than all unwanted ones. */
  return 16 + 8 * __builtin_popcount (flags & wishes->wanted) -
         __builtin_popcount (flags & wishes->unwanted);
}

/* The best type among those of @bits, or -1. */
static gint
best_type (VyreDevice *device, uint32_t bits, const Wishes *wishes)
{
  const VkPhysicalDeviceMemoryProperties *memory = &device->physical.memory;
  gint best = -1, best_score = -1;

  for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
    gint s = score (memory->memoryTypes[i].propertyFlags, wishes);
    if ((bits & (1u << i)) && s > best_score) {
      best = i;
      best_score = s;
    }
  }
  return best;
}

/* @shared: the transfer family may copy it while a kernel uses it. */
static VyreMemory *
memory_create (VyreDevice *device, gsize size, const void *next,
    gboolean shared, const char *name, GError **error)
{
  const uint32_t families[] = { device->physical.queue_family,
    device->physical.transfer_family };
  VyreMemory *memory = g_new0 (VyreMemory, 1);
  VkBufferCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .pNext = next,
    .size = size,
    .usage = USAGE,
    .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
  };
  VkBuffer buffer = VK_NULL_HANDLE;

  if (device->physical.info.type == VYRE_DEVICE_CPU)
    info.usage |= VK_BUFFER_USAGE_UNIFORM_TEXEL_BUFFER_BIT;
  if (shared && device->physical.transfer_family != NO_FAMILY) {
    info.sharingMode = VK_SHARING_MODE_CONCURRENT;
    info.queueFamilyIndexCount = G_N_ELEMENTS (families);
    info.pQueueFamilyIndices = families;
  }
  memory->device = vyre_device_ref (device);
  memory->size = size;
  if (size == 0)
    goto empty;
  if (size > device->physical.info.max_allocation)
    goto too_large;
  if (vyre_device_is_lost (device))
    goto lost;
  VYRE_VK_TRY (
      device, name, CreateBuffer, device->handle, &info, NULL, &buffer);
  memory->buffer = (guint64) buffer;
  vyre_device_name_object (device, VK_OBJECT_TYPE_BUFFER, memory->buffer, name);
  return memory;

empty:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY,
      "%s: a size of 0 bytes was asked for", name);
  goto failed;
too_large:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY,
      "%s: %" G_GSIZE_FORMAT " bytes asked for, %s allows at most "
      "%" G_GUINT64_FORMAT " in one piece",
      name, size, device->physical.info.name,
      device->physical.info.max_allocation);
  goto failed;
lost:
  vyre_device_set_error (
      device, VK_ERROR_DEVICE_LOST, "vkCreateBuffer", name, error);
failed:
  vyre_memory_free (memory);
  return NULL;
}

/* Allocates from memory type @type and binds. */
static VkResult
memory_back (VyreMemory *memory, gint type, VkDeviceSize size,
    const void *import, const char *name)
{
  VyreDevice *device = memory->device;
  VkMemoryAllocateFlagsInfo flags = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
    .pNext = import,
    .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT,
  };
  VkMemoryAllocateInfo info = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
    .pNext = &flags,
    .allocationSize = size,
    .memoryTypeIndex = type,
  };
  VkBufferDeviceAddressInfo address = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
    .buffer = (VkBuffer) memory->buffer,
  };
  VkDeviceMemory handle = VK_NULL_HANDLE;
  VkResult result;

  result = device->vk.AllocateMemory (device->handle, &info, NULL, &handle);
  if (result != VK_SUCCESS)
    return result;
  memory->memory = (guint64) handle;
  vyre_device_name_object (
      device, VK_OBJECT_TYPE_DEVICE_MEMORY, memory->memory, name);
  result = device->vk.BindBufferMemory (
      device->handle, (VkBuffer) memory->buffer, handle, 0);
  if (result != VK_SUCCESS)
    return result;

  memory->address =
      device->vk.GetBufferDeviceAddress (device->handle, &address);
  memory->device_local =
      (device->physical.memory.memoryTypes[type].propertyFlags &
          DEVICE_LOCAL) != 0;
  return VK_SUCCESS;
}

static gboolean
is_out_of_memory (VkResult result)
{
  return result == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
         result == VK_ERROR_OUT_OF_HOST_MEMORY;
}

VyreMemory *
vyre_memory_new (VyreDevice *device, gsize size, VyreMemoryUse use,
    const char *debug_name, GError **error)
{
  const VkPhysicalDeviceMemoryProperties *types = &device->physical.memory;
  const char *name = debug_name ? debug_name : "memory";
  VkMemoryRequirements requirements;
  VyreMemory *memory;
  const Wishes *wishes;
  uint32_t bits;
  VkDeviceSize heap = 0;
  VkResult result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
  void *map = NULL;
  gint type;

  g_return_val_if_fail (use >= 0 && use < G_N_ELEMENTS (wishes_of_use), NULL);
  wishes = &wishes_of_use[use];
  memory =
      memory_create (device, size, NULL, use == VYRE_MEMORY_RING, name, error);
  if (!memory)
    return NULL;
  device->vk.GetBufferMemoryRequirements (
      device->handle, (VkBuffer) memory->buffer, &requirements);
  bits = requirements.memoryTypeBits;
  type = best_type (device, bits, wishes);
  if (type < 0)
    goto no_type;
  heap = types->memoryHeaps[types->memoryTypes[type].heapIndex].size;
  /* Where the mapped heap is a small window into device memory, the driver and
   * the ring need some of it. */
  if (use == VYRE_MEMORY_ARENA && size > heap / 2)
    goto half_heap;

  /* A full heap is no reason to fail while another type will do. */
  while (type >= 0) {
    heap = types->memoryHeaps[types->memoryTypes[type].heapIndex].size;
    result = memory_back (memory, type, requirements.size, NULL, name);
    if (!is_out_of_memory (result) || memory->memory)
      break;
    bits &= ~(1u << type);
    type = best_type (device, bits, wishes);
  }
  if (is_out_of_memory (result))
    goto out_of_memory;
  if (result != VK_SUCCESS)
    goto not_backed;
  if (wishes->needed & VISIBLE) {
    VYRE_VK_TRY (device, name, MapMemory, device->handle,
        (VkDeviceMemory) memory->memory, 0, VK_WHOLE_SIZE, 0, &map);
    memory->map = map;
    memset (memory->map, 0, size);
  }
  return memory;

no_type:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY,
      "%s: %s has no memory type with the properties 0x%x (device-local 0x1, "
      "host-visible 0x2, host-coherent 0x4) for a buffer of %" G_GSIZE_FORMAT
      " bytes",
      name, device->physical.info.name, wishes->needed, size);
  goto failed;
half_heap:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY,
      "%s: %" G_GSIZE_FORMAT " bytes asked for, but the mapped memory of %s "
      "has %" G_GUINT64_FORMAT " bytes and at most half may be taken; ask for "
      "less or use host memory",
      name, size, device->physical.info.name, (guint64) heap);
  goto failed;
out_of_memory:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY,
      "%s: %s is out of memory (%s): %" G_GUINT64_FORMAT " bytes asked for, "
      "the heap has %" G_GUINT64_FORMAT " in all",
      name, device->physical.info.name, vyre_vk_result_name (result),
      (guint64) requirements.size, (guint64) heap);
  goto failed;
not_backed:
  vyre_device_set_error (device, result, "vkAllocateMemory", name, error);
failed:
  vyre_memory_free (memory);
  return NULL;
}

VyreMemory *
vyre_memory_import (VyreDevice *device, gpointer pointer, gsize size,
    const char *debug_name, GError **error)
{
  const char *name = debug_name ? debug_name : "imported memory";
  guint64 alignment = device->physical.info.min_import_alignment;
  const VkExternalMemoryHandleTypeFlagBits handle_type =
      VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
  VkExternalMemoryBufferCreateInfo external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
    .handleTypes = handle_type,
  };
  VkImportMemoryHostPointerInfoEXT import = {
    .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
    .handleType = handle_type,
    .pHostPointer = pointer,
  };
  VkMemoryHostPointerPropertiesEXT host = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
  };
  VkMemoryRequirements requirements;
  VyreMemory *memory = NULL;
  VkResult result;
  gint type;

  if (alignment == 0)
    goto no_import;
  if (!pointer || (guintptr) pointer % alignment || size % alignment)
    goto misaligned;
  memory = memory_create (device, size, &external, FALSE, name, error);
  if (!memory)
    return NULL;
  memory->imported = TRUE;

  device->vk.GetBufferMemoryRequirements (
      device->handle, (VkBuffer) memory->buffer, &requirements);
  if (requirements.size > size)
    goto needs_more;
  VYRE_VK_TRY (device, name, GetMemoryHostPointerPropertiesEXT, device->handle,
      handle_type, pointer, &host);
  type = best_type (device, requirements.memoryTypeBits & host.memoryTypeBits,
      &wishes_of_import);
  if (type < 0)
    goto no_type;
  result = memory_back (memory, type, size, &import, name);
  if (is_out_of_memory (result))
    goto out_of_memory;
  if (result != VK_SUCCESS)
    goto not_backed;
  memory->map = pointer;
  return memory;

no_import:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_UNSUITABLE,
      "%s: %s cannot import host memory "
      "(no " VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME ")",
      name, device->physical.info.name);
  return NULL;
misaligned:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY,
      "%s: cannot import %" G_GSIZE_FORMAT " bytes at %p: address and size "
      "must be multiples of %" G_GUINT64_FORMAT " bytes on %s",
      name, size, pointer, alignment, device->physical.info.name);
  return NULL;
needs_more:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY,
      "%s: cannot import %" G_GSIZE_FORMAT " bytes: %s needs "
      "%" G_GUINT64_FORMAT " for a buffer of that size",
      name, size, device->physical.info.name, (guint64) requirements.size);
  goto failed;
no_type:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY,
      "%s: %s has no memory type for importing %" G_GSIZE_FORMAT " bytes at %p "
      "(pointer types 0x%x, buffer types 0x%x)",
      name, device->physical.info.name, size, pointer, host.memoryTypeBits,
      requirements.memoryTypeBits);
  goto failed;
out_of_memory:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY,
      "%s: %s could not import %" G_GSIZE_FORMAT " bytes at %p (%s)", name,
      device->physical.info.name, size, pointer, vyre_vk_result_name (result));
  goto failed;
not_backed:
  vyre_device_set_error (device, result, "vkAllocateMemory", name, error);
failed:
  vyre_memory_free (memory);
  return NULL;
}

/* Frees what there is: also for half-built ones. */
void
vyre_memory_free (VyreMemory *memory)
{
  VyreDevice *device;

  if (!memory)
    return;
  device = memory->device;
  if (memory->buffer)
    device->vk.DestroyBuffer (device->handle, (VkBuffer) memory->buffer, NULL);
  /* unmaps, too */
  if (memory->memory)
    device->vk.FreeMemory (
        device->handle, (VkDeviceMemory) memory->memory, NULL);
  vyre_device_unref (device);
  g_free (memory);
}
