/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Buffers of the baseline: mapped device memory, host memory, imports. */

#include "baseline-private.h"

#include <gio/gio.h>
#include <string.h>
#include <sys/mman.h>

#define DEVICE_LOCAL VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT
#define VISIBLE VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT
#define COHERENT VK_MEMORY_PROPERTY_HOST_COHERENT_BIT
#define CACHED VK_MEMORY_PROPERTY_HOST_CACHED_BIT

#define HUGE_PAGE (2 * 1024 * 1024)

/* The first type with these properties, without the unwanted ones if there is
 * such a one, or -1. */
static gint
find_type (const Baseline *baseline, guint32 bits, VkMemoryPropertyFlags needed,
    VkMemoryPropertyFlags unwanted)
{
  gint second = -1;

  for (guint i = 0; i < baseline->memory.memoryTypeCount; i++) {
    VkMemoryPropertyFlags flags = baseline->memory.memoryTypes[i].propertyFlags;
    if (!(bits & (1u << i)) || (flags & needed) != needed)
      continue;
    if (!(flags & unwanted))
      return i;
    if (second < 0)
      second = i;
  }
  return second;
}

static gboolean
create (BaselineBuffer *buffer, const void *next, GError **error)
{
  VkBufferCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
    .pNext = next,
    .size = buffer->size,
    .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
             VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT,
  };

  return TRY (
      CreateBuffer, buffer->baseline->device, &info, NULL, &buffer->buffer);
}

static gboolean
back (BaselineBuffer *buffer, gint type, gsize size, const void *import,
    GError **error)
{
  VkDevice device = buffer->baseline->device;
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
    .buffer = buffer->buffer,
  };

  if (!TRY (AllocateMemory, device, &info, NULL, &buffer->memory) ||
      !TRY (BindBufferMemory, device, buffer->buffer, buffer->memory, 0))
    return FALSE;
  buffer->address = vkGetBufferDeviceAddress (device, &address);
  return TRUE;
}

BaselineBuffer *
baseline_buffer_new (
    Baseline *baseline, gsize size, BaselineUse use, GError **error)
{
  g_autoptr (BaselineBuffer) buffer = g_new0 (BaselineBuffer, 1);
  VkMemoryRequirements wanted;
  void *map = NULL;
  gint type;

  buffer->baseline = baseline;
  buffer->size = size;
  if (!create (buffer, NULL, error))
    return NULL;
  vkGetBufferMemoryRequirements (baseline->device, buffer->buffer, &wanted);
  if (use == BASELINE_DEVICE)
    type = find_type (
        baseline, wanted.memoryTypeBits, DEVICE_LOCAL | VISIBLE | COHERENT, 0);
  else
    type = find_type (baseline, wanted.memoryTypeBits,
        VISIBLE | COHERENT | CACHED, DEVICE_LOCAL);
  if (type < 0)
    goto no_type;
  if (!back (buffer, type, wanted.size, NULL, error) ||
      !TRY (MapMemory, baseline->device, buffer->memory, 0, VK_WHOLE_SIZE, 0,
          &map))
    return NULL;
  buffer->map = map;
  memset (map, 0, size);
  return g_steal_pointer (&buffer);

no_type:
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
      "baseline: %s has no %s memory that the host can map",
      baseline->properties.deviceName,
      use == BASELINE_DEVICE ? "device" : "cached host");
  return NULL;
}

BaselineBuffer *
baseline_buffer_import (
    Baseline *baseline, gpointer pointer, gsize size, GError **error)
{
  g_autoptr (BaselineBuffer) buffer = g_new0 (BaselineBuffer, 1);
  const VkExternalMemoryHandleTypeFlagBits handle =
      VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT;
  VkExternalMemoryBufferCreateInfo external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_MEMORY_BUFFER_CREATE_INFO,
    .handleTypes = handle,
  };
  VkImportMemoryHostPointerInfoEXT import = {
    .sType = VK_STRUCTURE_TYPE_IMPORT_MEMORY_HOST_POINTER_INFO_EXT,
    .handleType = handle,
    .pHostPointer = pointer,
  };
  VkMemoryHostPointerPropertiesEXT host = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_HOST_POINTER_PROPERTIES_EXT,
  };
  VkMemoryRequirements wanted;
  gint type;

  buffer->baseline = baseline;
  buffer->size = size;
  buffer->map = pointer;
  if (baseline->import_alignment == 0 ||
      (guintptr) pointer % baseline->import_alignment != 0 || size == 0 ||
      size % baseline->import_alignment != 0)
    goto refused;
  if (!create (buffer, &external, error))
    return NULL;
  vkGetBufferMemoryRequirements (baseline->device, buffer->buffer, &wanted);
  if (!baseline_check (baseline->host_pointer_properties (
                           baseline->device, handle, pointer, &host),
          "vkGetMemoryHostPointerPropertiesEXT", error))
    return NULL;
  type = find_type (baseline, wanted.memoryTypeBits & host.memoryTypeBits,
      VISIBLE | COHERENT | CACHED, 0);
  if (type < 0)
    type =
        find_type (baseline, wanted.memoryTypeBits & host.memoryTypeBits, 0, 0);
  if (type < 0 || wanted.size > size)
    goto refused;
  if (!back (buffer, type, size, &import, error))
    return NULL;
  return g_steal_pointer (&buffer);

refused:
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
      "baseline: %s does not import %" G_GSIZE_FORMAT
      " bytes of host memory at %p (alignment %" G_GUINT64_FORMAT ")",
      baseline->properties.deviceName, size, pointer,
      baseline->import_alignment);
  return NULL;
}

BaselineBuffer *
baseline_buffer_new_imported (Baseline *baseline, gsize size, GError **error)
{
  gsize rounded = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
  /* Aligned to huge pages: what is before and after is given back. */
  guint8 *range = mmap (NULL, rounded + HUGE_PAGE, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  BaselineBuffer *buffer;

  if (range == MAP_FAILED)
    goto no_memory;
  gsize skip = -(guintptr) range % HUGE_PAGE;
  if (skip > 0)
    munmap (range, skip);
  munmap (range + skip + rounded, HUGE_PAGE - skip);
  range += skip;
  madvise (range, rounded, MADV_HUGEPAGE);
  memset (range, 0, rounded);
  buffer = baseline_buffer_import (baseline, range, rounded, error);
  if (buffer == NULL)
    goto not_imported;
  buffer->owned = range;
  return buffer;

not_imported:
  munmap (range, rounded);
  return NULL;
no_memory:
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NO_SPACE,
      "baseline: no %" G_GSIZE_FORMAT " bytes of memory", rounded);
  return NULL;
}

void
baseline_buffer_free (BaselineBuffer *buffer)
{
  VkDevice device = buffer->baseline->device;

  vkDestroyBuffer (device, buffer->buffer, NULL);
  vkFreeMemory (device, buffer->memory, NULL); /* unmaps, too */
  if (buffer->owned != NULL)
    munmap (buffer->owned, buffer->size);
  g_free (buffer);
}
