/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What each physical device is and can do, and whether that is enough. */

#include "device-private.h"

#include <string.h>

#define NEEDED_SUBGROUP_OPERATIONS \
  (VK_SUBGROUP_FEATURE_BASIC_BIT | VK_SUBGROUP_FEATURE_VOTE_BIT | \
      VK_SUBGROUP_FEATURE_BALLOT_BIT | VK_SUBGROUP_FEATURE_ARITHMETIC_BIT | \
      VK_SUBGROUP_FEATURE_SHUFFLE_BIT)

void
vyre_device_info_clear (VyreDeviceInfo *info)
{
  g_clear_pointer (&info->unsuitable, g_free);
}

void
vyre_physical_clear (VyrePhysical *physical)
{
  vyre_device_info_clear (&physical->info);
}

/* A structure for the pNext chain of a query. */
static void
chain (void *head, void *next)
{
  VkBaseOutStructure *first = head, *added = next;

  added->pNext = first->pNext;
  first->pNext = added;
}

static VyreDeviceType
device_type (VkPhysicalDeviceType type)
{
  switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU:
      return VYRE_DEVICE_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU:
      return VYRE_DEVICE_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU:
      return VYRE_DEVICE_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU:
      return VYRE_DEVICE_CPU;
    default:
      return VYRE_DEVICE_OTHER;
  }
}

static GHashTable *
device_extensions (VkPhysicalDevice handle)
{
  GHashTable *names =
      g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree VkExtensionProperties *extensions = NULL;
  uint32_t n = 0;

  if (vkEnumerateDeviceExtensionProperties (handle, NULL, &n, NULL) < 0)
    return names;
  extensions = g_new0 (VkExtensionProperties, MAX (n, 1));
  if (vkEnumerateDeviceExtensionProperties (handle, NULL, &n, extensions) < 0)
    return names;
  for (uint32_t i = 0; i < n; i++)
    g_hash_table_add (names, g_strdup (extensions[i].extensionName));
  return names;
}

/* A queue of the compute family that kernels are launched on is none to copy
 * on: a copy waits there for the resident kernel to leave, and so does the
 * kernel that should take over. */
static void
choose_copy_queue (
    VyrePhysical *physical, const VkQueueFamilyProperties *families, uint32_t n)
{
  const VkQueueFlags others = VK_QUEUE_GRAPHICS_BIT | VK_QUEUE_COMPUTE_BIT;

  physical->transfer_family = NO_FAMILY;
  for (uint32_t i = 0; i < n && physical->transfer_family == NO_FAMILY; i++) {
    if ((families[i].queueFlags & VK_QUEUE_TRANSFER_BIT) &&
        !(families[i].queueFlags & others) && families[i].queueCount > 0)
      physical->transfer_family = i;
  }
  /* The last of several is worth more there than for another kernel. */
  guint has = families[physical->queue_family].queueCount;
  if (physical->transfer_family == NO_FAMILY && physical->info.n_queues > 2 &&
      physical->info.n_queues == has)
    physical->info.n_queues--;
  physical->has_spare_queue = has > physical->info.n_queues;
}

/* A compute family without graphics runs beside other users of the GPU; it is
 * worth having only with the second queue that a relaunch wants. */
static gboolean
choose_queue_family (VyrePhysical *physical)
{
  g_autofree VkQueueFamilyProperties *families = NULL;
  uint32_t n = 0, chosen = UINT32_MAX;

  vkGetPhysicalDeviceQueueFamilyProperties (physical->handle, &n, NULL);
  families = g_new0 (VkQueueFamilyProperties, MAX (n, 1));
  vkGetPhysicalDeviceQueueFamilyProperties (physical->handle, &n, families);
  for (uint32_t i = 0; i < n; i++) {
    if (!(families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) ||
        families[i].queueCount == 0)
      continue;
    if (!(families[i].queueFlags & VK_QUEUE_GRAPHICS_BIT) &&
        families[i].queueCount >= 2) {
      chosen = i;
      break;
    }
    if (chosen == UINT32_MAX)
      chosen = i;
  }
  if (chosen == UINT32_MAX)
    return FALSE;

  physical->queue_family = chosen;
  physical->info.n_queues = MIN (families[chosen].queueCount, VYRE_MAX_QUEUES);
  choose_copy_queue (physical, families, n);
  return TRUE;
}

static void
measure_heaps (VyrePhysical *physical)
{
  const VkPhysicalDeviceMemoryProperties *memory = &physical->memory;
  const VkMemoryPropertyFlags mapped = VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT |
                                       VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT |
                                       VK_MEMORY_PROPERTY_HOST_COHERENT_BIT;
  VyreDeviceInfo *info = &physical->info;

  for (uint32_t i = 0; i < memory->memoryHeapCount; i++) {
    if (memory->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT)
      info->device_local_bytes =
          MAX (info->device_local_bytes, memory->memoryHeaps[i].size);
  }
  for (uint32_t i = 0; i < memory->memoryTypeCount; i++) {
    const VkMemoryType *type = &memory->memoryTypes[i];
    if ((type->propertyFlags & mapped) == mapped)
      info->mapped_local_bytes = MAX (
          info->mapped_local_bytes, memory->memoryHeaps[type->heapIndex].size);
  }
}

static void
probe_properties (VyrePhysical *physical, GHashTable *extensions)
{
  VyreDeviceInfo *info = &physical->info;
  VkPhysicalDeviceSubgroupSizeControlProperties size_control = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES
  };
  VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
    .sType =
        VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT
  };
  VkPhysicalDeviceShaderSMBuiltinsPropertiesNV sm = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV
  };
  VkPhysicalDeviceShaderCorePropertiesAMD cores = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD
  };
  VkPhysicalDeviceMaintenance4Properties maintenance4 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_PROPERTIES
  };
  VkPhysicalDeviceVulkan12Properties v12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES
  };
  VkPhysicalDeviceVulkan11Properties v11 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES
  };
  VkPhysicalDeviceProperties2 all = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2
  };
  VkPhysicalDeviceExternalBufferInfo external_info = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_BUFFER_INFO,
    .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT |
             VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
             VK_BUFFER_USAGE_TRANSFER_DST_BIT |
             VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT,
    .handleType = VK_EXTERNAL_MEMORY_HANDLE_TYPE_HOST_ALLOCATION_BIT_EXT,
  };
  VkExternalBufferProperties external = {
    .sType = VK_STRUCTURE_TYPE_EXTERNAL_BUFFER_PROPERTIES
  };
  const VkPhysicalDeviceLimits *limits = &all.properties.limits;

  chain (&all, &v11);
  chain (&all, &v12);
  if (physical->is_1_3)
    chain (&all, &maintenance4);
  if (info->has_subgroup_size_control)
    chain (&all, &size_control);
  if (physical->has_external_memory_host)
    chain (&all, &host);
  if (g_hash_table_contains (
          extensions, VK_NV_SHADER_SM_BUILTINS_EXTENSION_NAME))
    chain (&all, &sm);
  if (g_hash_table_contains (
          extensions, VK_AMD_SHADER_CORE_PROPERTIES_EXTENSION_NAME))
    chain (&all, &cores);
  vkGetPhysicalDeviceProperties2 (physical->handle, &all);

  g_snprintf (info->driver, sizeof info->driver, "%s %s", v12.driverName,
      v12.driverInfo);
  memcpy (info->uuid, v11.deviceUUID, sizeof info->uuid);
  info->subgroup_size = v11.subgroupSize;
  info->max_allocation = v11.maxMemoryAllocationSize;
  if (physical->is_1_3)
    info->max_allocation =
        MIN (info->max_allocation, maintenance4.maxBufferSize);
  info->multiprocessors = sm.shaderSMCount
                              ? sm.shaderSMCount
                              : cores.shaderEngineCount *
                                    cores.shaderArraysPerEngineCount *
                                    cores.computeUnitsPerShaderArray;

  physical->driver_id = (VyreDriverId){ all.properties.vendorID,
    all.properties.deviceID, all.properties.driverVersion, v11.subgroupSize };
  memcpy (physical->driver_id.cache_uuid, all.properties.pipelineCacheUUID,
      sizeof physical->driver_id.cache_uuid);

  physical->max_groups = limits->maxComputeWorkGroupCount[0];
  physical->max_push_constant_bytes = limits->maxPushConstantsSize;
  info->max_shared_bytes = limits->maxComputeSharedMemorySize;
  info->max_workgroup_invocations = MIN (limits->maxComputeWorkGroupInvocations,
      limits->maxComputeWorkGroupSize[0]);
  if (!(size_control.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT))
    info->has_subgroup_size_control = FALSE;
  if (info->has_subgroup_size_control)
    info->max_workgroup_invocations = MIN (info->max_workgroup_invocations,
        (guint64) size_control.maxComputeWorkgroupSubgroups *
            info->subgroup_size);

  if (physical->has_external_memory_host) {
    vkGetPhysicalDeviceExternalBufferProperties (
        physical->handle, &external_info, &external);
    if (external.externalMemoryProperties.externalMemoryFeatures &
        VK_EXTERNAL_MEMORY_FEATURE_IMPORTABLE_BIT)
      info->min_import_alignment = host.minImportedHostPointerAlignment;
    else
      physical->has_external_memory_host = FALSE;
  }

  if (!(v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT))
    info->unsuitable = g_strdup ("no subgroup operations in compute shaders");
  else if ((v11.subgroupSupportedOperations & NEEDED_SUBGROUP_OPERATIONS) !=
           NEEDED_SUBGROUP_OPERATIONS)
    info->unsuitable = g_strdup_printf (
        "subgroup operations 0x%x are missing (basic 0x1, vote 0x2, arithmetic "
        "0x4, ballot 0x8 and shuffle 0x10 are needed)",
        NEEDED_SUBGROUP_OPERATIONS & ~v11.subgroupSupportedOperations);
}

/* Returns the names of needed features that are missing, or %NULL. */
static char *
probe_features (VyrePhysical *physical, GHashTable *extensions)
{
  VyreDeviceInfo *info = &physical->info;
  VkPhysicalDeviceSubgroupSizeControlFeatures size_control = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES
  };
  VkPhysicalDeviceShaderClockFeaturesKHR clocks = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CLOCK_FEATURES_KHR
  };
  VkPhysicalDeviceVulkan12Features v12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES
  };
  VkPhysicalDeviceVulkan11Features v11 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES
  };
  VkPhysicalDeviceFeatures2 all = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2
  };
  g_autoptr (GString) missing = g_string_new (NULL);

  chain (&all, &v11);
  chain (&all, &v12);
  if (physical->is_1_3 || g_hash_table_contains (extensions,
                              VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME))
    chain (&all, &size_control);
  if (g_hash_table_contains (extensions, VK_KHR_SHADER_CLOCK_EXTENSION_NAME))
    chain (&all, &clocks);
  vkGetPhysicalDeviceFeatures2 (physical->handle, &all);

  info->has_float64 = all.features.shaderFloat64;
  info->has_subgroup_size_control =
      size_control.subgroupSizeControl && size_control.computeFullSubgroups;
  physical->has_device_scope = v12.vulkanMemoryModelDeviceScope;
  physical->has_timeline_semaphore = v12.timelineSemaphore;
  physical->has_int64_atomics = v12.shaderBufferInt64Atomics;
  physical->has_subgroup_extended_types = v12.shaderSubgroupExtendedTypes;
  physical->has_subgroup_clock = clocks.shaderSubgroupClock;
  physical->has_device_clock = clocks.shaderDeviceClock;

  struct
  {
    VkBool32 present;
    const char *name;
  } needed[] = {
    { all.features.shaderInt16, "shaderInt16" },
    { all.features.shaderInt64, "shaderInt64" },
    { v11.storageBuffer16BitAccess, "storageBuffer16BitAccess" },
    { v12.storageBuffer8BitAccess, "storageBuffer8BitAccess" },
    { v12.shaderInt8, "shaderInt8" },
    { v12.scalarBlockLayout, "scalarBlockLayout" },
    { v12.bufferDeviceAddress, "bufferDeviceAddress" },
    { v12.vulkanMemoryModel, "vulkanMemoryModel" },
  };
  for (guint i = 0; i < G_N_ELEMENTS (needed); i++) {
    if (!needed[i].present)
      g_string_append_printf (
          missing, "%s%s", missing->len ? ", " : "", needed[i].name);
  }
  if (missing->len == 0)
    return NULL;
  return g_strdup_printf ("Vulkan features missing: %s", missing->str);
}

static void
probe (VyrePhysical *physical)
{
  VyreDeviceInfo *info = &physical->info;
  VkPhysicalDeviceProperties properties;
  g_autoptr (GHashTable) extensions = NULL;
  char *missing;

  vkGetPhysicalDeviceProperties (physical->handle, &properties);
  vkGetPhysicalDeviceMemoryProperties (physical->handle, &physical->memory);
  g_strlcpy (info->name, properties.deviceName, sizeof info->name);
  info->driver_version = properties.driverVersion;
  info->api_version = properties.apiVersion;
  info->type = device_type (properties.deviceType);
  measure_heaps (physical);

  /* Older devices may not be asked for what follows. */
  if (properties.apiVersion < VK_API_VERSION_1_2) {
    info->unsuitable = g_strdup_printf ("Vulkan %u.%u, 1.2 is needed",
        VK_API_VERSION_MAJOR (properties.apiVersion),
        VK_API_VERSION_MINOR (properties.apiVersion));
    return;
  }

  physical->is_1_3 = properties.apiVersion >= VK_API_VERSION_1_3;
  extensions = device_extensions (physical->handle);
  physical->has_external_memory_host = g_hash_table_contains (
      extensions, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME);
  physical->has_push_descriptors = g_hash_table_contains (
      extensions, VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME);
  physical->max_texels = properties.limits.maxTexelBufferElements;
  missing = probe_features (physical, extensions);
  probe_properties (physical, extensions);
  if (missing) {
    g_free (info->unsuitable);
    info->unsuitable = missing;
  }
  if (!choose_queue_family (physical) && !info->unsuitable)
    info->unsuitable = g_strdup ("no queue family with compute");
}

GArray *
vyre_instance_probe (VyreInstance *instance, GError **error)
{
  g_autofree VkPhysicalDevice *handles = NULL;
  GArray *found;
  VkResult result;
  uint32_t n = 0;

  /* A device may appear between the two calls (VK_INCOMPLETE). */
  do {
    g_clear_pointer (&handles, g_free);
    result = vkEnumeratePhysicalDevices (instance->handle, &n, NULL);
    if (result != VK_SUCCESS)
      break;
    handles = g_new0 (VkPhysicalDevice, MAX (n, 1));
    result = vkEnumeratePhysicalDevices (instance->handle, &n, handles);
  } while (result == VK_INCOMPLETE);
  if (result == VK_ERROR_INITIALIZATION_FAILED)
    goto no_driver;
  if (result != VK_SUCCESS)
    goto failed;
  if (n == 0)
    goto no_device;

  found = g_array_new (FALSE, TRUE, sizeof (VyrePhysical));
  g_array_set_clear_func (found, (GDestroyNotify) vyre_physical_clear);
  g_array_set_size (found, n);
  for (uint32_t i = 0; i < n; i++) {
    VyrePhysical *physical = &g_array_index (found, VyrePhysical, i);
    physical->handle = handles[i];
    physical->info.index = i;
    probe (physical);
  }
  return found;

no_driver:
  vyre_instance_set_no_driver (
      error, "vkEnumeratePhysicalDevices: VK_ERROR_INITIALIZATION_FAILED");
  return NULL;
no_device:
  vyre_instance_set_no_driver (error, "the drivers found no device");
  return NULL;
failed:
  vyre_device_set_error (
      NULL, result, "vkEnumeratePhysicalDevices", "instance", error);
  return NULL;
}

GArray *
vyre_device_enumerate (GError **error)
{
  VyreInstance *instance = vyre_instance_acquire (error);
  g_autoptr (GArray) found = NULL;
  GArray *infos;

  if (!instance)
    return NULL;
  found = vyre_instance_probe (instance, error);
  vyre_instance_release (instance);
  if (!found)
    return NULL;

  infos = g_array_new (FALSE, TRUE, sizeof (VyreDeviceInfo));
  g_array_set_clear_func (infos, (GDestroyNotify) vyre_device_info_clear);
  for (guint i = 0; i < found->len; i++) {
    VyrePhysical *physical = &g_array_index (found, VyrePhysical, i);
    g_array_append_val (infos, physical->info);
    physical->info.unsuitable = NULL; /* moved */
  }
  return infos;
}
