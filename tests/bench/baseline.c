/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A Vulkan device of one's own, as a program without libvyre would open it. */

#include "baseline-private.h"

#include <gio/gio.h>
#include <string.h>

gboolean
baseline_check (VkResult result, const char *call, GError **error)
{
  if (result == VK_SUCCESS)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
      "baseline: %s returned VkResult %d", call, (int) result);
  return FALSE;
}

static gboolean
choose (Baseline *baseline, const guint8 *uuid, GError **error)
{
  uint32_t n = 0;

  vkEnumeratePhysicalDevices (baseline->instance, &n, NULL);
  g_autofree VkPhysicalDevice *found = g_new0 (VkPhysicalDevice, n + 1);
  if (!TRY (EnumeratePhysicalDevices, baseline->instance, &n, found))
    return FALSE;
  for (uint32_t i = 0; i < n; i++) {
    VkPhysicalDeviceIDProperties id = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ID_PROPERTIES,
    };
    VkPhysicalDeviceProperties2 properties = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
      .pNext = &id,
    };
    vkGetPhysicalDeviceProperties2 (found[i], &properties);
    gboolean discrete = properties.properties.deviceType ==
                        VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU;
    if (uuid != NULL ? memcmp (id.deviceUUID, uuid, VK_UUID_SIZE) == 0
                     : baseline->physical == VK_NULL_HANDLE || discrete) {
      baseline->physical = found[i];
      baseline->properties = properties.properties;
      if (uuid != NULL || discrete)
        break;
    }
  }
  if (baseline->physical == VK_NULL_HANDLE)
    goto none;
  vkGetPhysicalDeviceMemoryProperties (baseline->physical, &baseline->memory);
  return TRUE;

none:
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
      "baseline: none of %u Vulkan devices is the one that is measured", n);
  return FALSE;
}

/* A family that computes and does not draw has a queue of its own hardware on
 * many devices: the best one can ask for. */
static gboolean
choose_family (Baseline *baseline, GError **error)
{
  uint32_t n = 0;
  gint found = -1;

  vkGetPhysicalDeviceQueueFamilyProperties (baseline->physical, &n, NULL);
  g_autofree VkQueueFamilyProperties *families =
      g_new0 (VkQueueFamilyProperties, n + 1);
  vkGetPhysicalDeviceQueueFamilyProperties (baseline->physical, &n, families);
  for (uint32_t i = 0; i < n; i++) {
    VkQueueFlags flags = families[i].queueFlags;
    if (!(flags & VK_QUEUE_COMPUTE_BIT))
      continue;
    if (found < 0 || !(flags & VK_QUEUE_GRAPHICS_BIT))
      found = i;
    if (!(flags & VK_QUEUE_GRAPHICS_BIT))
      break;
  }
  if (found < 0)
    goto none;
  baseline->family = found;
  return TRUE;

none:
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
      "baseline: %s has no queue that computes",
      baseline->properties.deviceName);
  return FALSE;
}

static gboolean
find_import (Baseline *baseline)
{
  uint32_t n = 0;

  vkEnumerateDeviceExtensionProperties (baseline->physical, NULL, &n, NULL);
  g_autofree VkExtensionProperties *found =
      g_new0 (VkExtensionProperties, n + 1);
  vkEnumerateDeviceExtensionProperties (baseline->physical, NULL, &n, found);
  for (uint32_t i = 0; i < n; i++) {
    if (g_str_equal (
            found[i].extensionName, VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME))
      return TRUE;
  }
  return FALSE;
}

static gboolean
create_device (Baseline *baseline, GError **error)
{
  const float priority = 1.0f;
  const char *extension = VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
  gboolean import = find_import (baseline);
  VkDeviceQueueCreateInfo queue = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
    .queueFamilyIndex = baseline->family,
    .queueCount = 1,
    .pQueuePriorities = &priority,
  };
  VkPhysicalDeviceVulkan12Features v12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
    .scalarBlockLayout = VK_TRUE,
    .bufferDeviceAddress = VK_TRUE,
  };
  VkPhysicalDeviceFeatures2 features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &v12,
    .features.shaderInt64 = VK_TRUE,
  };
  VkDeviceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
    .pNext = &features,
    .queueCreateInfoCount = 1,
    .pQueueCreateInfos = &queue,
    .enabledExtensionCount = import ? 1 : 0,
    .ppEnabledExtensionNames = &extension,
  };
  VkCommandPoolCreateInfo pool = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
    .queueFamilyIndex = baseline->family,
  };

  if (!TRY (CreateDevice, baseline->physical, &info, NULL, &baseline->device))
    return FALSE;
  vkGetDeviceQueue (baseline->device, baseline->family, 0, &baseline->queue);
  if (!TRY (CreateCommandPool, baseline->device, &pool, NULL, &baseline->pool))
    return FALSE;
  if (import) {
    VkPhysicalDeviceExternalMemoryHostPropertiesEXT host = {
      .sType =
          VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_EXTERNAL_MEMORY_HOST_PROPERTIES_EXT,
    };
    VkPhysicalDeviceProperties2 properties = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
      .pNext = &host,
    };
    vkGetPhysicalDeviceProperties2 (baseline->physical, &properties);
    baseline->import_alignment = host.minImportedHostPointerAlignment;
    baseline->host_pointer_properties =
        (PFN_vkGetMemoryHostPointerPropertiesEXT) vkGetDeviceProcAddr (
            baseline->device, "vkGetMemoryHostPointerPropertiesEXT");
  }
  return TRUE;
}

Baseline *
baseline_open (const guint8 *uuid, GError **error)
{
  g_autoptr (Baseline) baseline = g_new0 (Baseline, 1);
  VkApplicationInfo application = {
    .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
    .pApplicationName = "vyre-bench baseline",
    .apiVersion = VK_API_VERSION_1_2,
  };
  VkInstanceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
    .pApplicationInfo = &application,
  };

  if (!TRY (CreateInstance, &info, NULL, &baseline->instance) ||
      !choose (baseline, uuid, error) || !choose_family (baseline, error) ||
      !create_device (baseline, error))
    return NULL;
  return g_steal_pointer (&baseline);
}

void
baseline_close (Baseline *baseline)
{
  if (baseline->device != VK_NULL_HANDLE) {
    vkDeviceWaitIdle (baseline->device);
    vkDestroyCommandPool (baseline->device, baseline->pool, NULL);
    vkDestroyDevice (baseline->device, NULL);
  }
  if (baseline->instance != VK_NULL_HANDLE)
    vkDestroyInstance (baseline->instance, NULL);
  g_free (baseline);
}
