/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Choosing and opening a device; errors. */

#include "device-private.h"

#include "../hex.h"

#include <string.h>

G_DEFINE_QUARK (vyre_device_error, vyre_device_error)

const char *
vyre_vk_result_name (VkResult result)
{
  switch (result) {
#define NAME(x) \
  case x: \
    return #x;
    NAME (VK_SUCCESS)
    NAME (VK_NOT_READY)
    NAME (VK_TIMEOUT)
    NAME (VK_INCOMPLETE)
    NAME (VK_ERROR_OUT_OF_HOST_MEMORY)
    NAME (VK_ERROR_OUT_OF_DEVICE_MEMORY)
    NAME (VK_ERROR_INITIALIZATION_FAILED)
    NAME (VK_ERROR_DEVICE_LOST)
    NAME (VK_ERROR_MEMORY_MAP_FAILED)
    NAME (VK_ERROR_LAYER_NOT_PRESENT)
    NAME (VK_ERROR_EXTENSION_NOT_PRESENT)
    NAME (VK_ERROR_FEATURE_NOT_PRESENT)
    NAME (VK_ERROR_INCOMPATIBLE_DRIVER)
    NAME (VK_ERROR_TOO_MANY_OBJECTS)
    NAME (VK_ERROR_INVALID_EXTERNAL_HANDLE)
    NAME (VK_ERROR_INVALID_OPAQUE_CAPTURE_ADDRESS)
    NAME (VK_ERROR_INVALID_SHADER_NV)
    NAME (VK_PIPELINE_COMPILE_REQUIRED)
    NAME (VK_ERROR_UNKNOWN)
#undef NAME
    default:
      return "a VkResult without a name here";
  }
}

void
vyre_device_set_error (VyreDevice *device, VkResult result, const char *call,
    const char *object, GError **error)
{
  VyreDeviceError code = VYRE_DEVICE_ERROR_FAILED;

  if (result == VK_ERROR_DEVICE_LOST) {
    code = VYRE_DEVICE_ERROR_LOST;
    if (device)
      g_atomic_int_set (&device->lost, 1);
  } else if (result == VK_ERROR_OUT_OF_HOST_MEMORY ||
             result == VK_ERROR_OUT_OF_DEVICE_MEMORY ||
             result == VK_ERROR_TOO_MANY_OBJECTS) {
    code = VYRE_DEVICE_ERROR_MEMORY;
  }
  g_set_error (error, VYRE_DEVICE_ERROR, code, "%s for %s%s%s: %s (%d)", call,
      object, device ? " on " : "", device ? device->physical.info.name : "",
      vyre_vk_result_name (result), (int) result);
  g_debug ("%s for %s: %s", call, object, vyre_vk_result_name (result));
}

gboolean
vyre_device_is_lost (VyreDevice *device)
{
  return g_atomic_int_get (&device->lost);
}

void
vyre_device_name_object (
    VyreDevice *device, VkObjectType type, guint64 handle, const char *name)
{
  VkDebugUtilsObjectNameInfoEXT info = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
    .objectType = type,
    .objectHandle = handle,
    .pObjectName = name,
  };

  if (device->instance->set_object_name == NULL)
    return;
  /* A name that cannot be set is no reason to fail. */
  vyre_loader_lock ();
  (void) device->instance->set_object_name (device->handle, &info);
  vyre_loader_unlock ();
}

/* --- choosing ------------------------------------------------------------ */

char *
vyre_device_info_dup_uuid (const VyreDeviceInfo *info)
{
  return vyre_hex_dup (info->uuid, sizeof info->uuid);
}

static char *
describe (GArray *found)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < found->len; i++) {
    VyreDeviceInfo *info = &g_array_index (found, VyrePhysical, i).info;
    g_autofree char *uuid = vyre_device_info_dup_uuid (info);

    g_string_append_printf (text, "%s%u: %s, UUID %s", i ? "; " : "",
        info->index, info->name, uuid);
    if (info->unsuitable)
      g_string_append_printf (text, " (unsuitable: %s)", info->unsuitable);
  }
  return g_string_free (text, FALSE);
}

/* Texts that are no UUID match none. */
static gboolean
has_uuid (const VyreDeviceInfo *info, const char *text)
{
  guint digits = 0;

  for (; *text != '\0'; text++) {
    int digit = g_ascii_xdigit_value (*text);

    if (*text == '-')
      continue;
    if (digit < 0 || digits == 2 * sizeof info->uuid ||
        digit != (info->uuid[digits / 2] >> (digits % 2 ? 0 : 4) & 15))
      return FALSE;
    digits++;
  }
  return digits == 2 * sizeof info->uuid;
}

static char *
fold (const char *name)
{
  g_autofree char *valid = g_utf8_make_valid (name, -1);

  return g_utf8_casefold (valid, -1);
}

gboolean
vyre_device_info_matches (
    const VyreDeviceInfo *info, gint index, const char *name, const char *uuid)
{
  g_autofree char *whole = NULL, *part = NULL;

  if (index >= 0 && info->index != (guint) index)
    return FALSE;
  if (uuid != NULL && !has_uuid (info, uuid))
    return FALSE;
  if (name == NULL)
    return TRUE;
  whole = fold (info->name);
  part = fold (name);
  return strstr (whole, part) != NULL;
}

static VyrePhysical *
choose (GArray *found, gint index, const char *name, const char *uuid,
    GError **error)
{
  g_autofree char *list = describe (found);
  g_autoptr (GString) wanted = g_string_new ("Vulkan device");
  VyrePhysical *best = NULL;
  gboolean any = FALSE;

  if (index >= 0)
    g_string_append_printf (wanted, " with index %d", index);
  if (name) {
    g_autofree char *valid = g_utf8_make_valid (name, -1);
    g_string_append_printf (wanted, " named like \"%s\"", valid);
  }
  if (uuid) {
    g_autofree char *valid = g_utf8_make_valid (uuid, -1);
    g_string_append_printf (
        wanted, " with UUID \"%s\" (32 hexadecimal digits)", valid);
  }

  for (guint i = 0; i < found->len; i++) {
    VyrePhysical *physical = &g_array_index (found, VyrePhysical, i);
    if (!vyre_device_info_matches (&physical->info, index, name, uuid))
      continue;
    any = TRUE;
    if (!physical->info.unsuitable &&
        (!best || physical->info.type < best->info.type))
      best = physical;
  }
  if (!any)
    goto not_found;
  if (!best)
    goto unsuitable;
  return best;

not_found:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NOT_FOUND,
      "no %s; there are: %s", wanted->str, list);
  return NULL;
unsuitable:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_UNSUITABLE,
      "no usable %s; there are: %s", wanted->str, list);
  return NULL;
}

/* --- opening ------------------------------------------------------------- */

static void
queue_clear (VyreDevice *device, VyreQueue *queue)
{
  if (queue->idle) {
    for (guint i = 0; i < queue->idle->len; i++)
      vyre_launch_destroy (device, g_ptr_array_index (queue->idle, i));
    g_ptr_array_unref (queue->idle);
  }
  if (queue->pool != VK_NULL_HANDLE)
    device->vk.DestroyCommandPool (device->handle, queue->pool, NULL);
  g_mutex_clear (&queue->lock);
}

static void
device_free (VyreDevice *device)
{
  for (guint i = 0; i < VYRE_MAX_QUEUES; i++)
    queue_clear (device, &device->queues[i]);
  queue_clear (device, &device->copy_queue);
  if (device->pipeline_cache != VK_NULL_HANDLE)
    device->vk.DestroyPipelineCache (
        device->handle, device->pipeline_cache, NULL);
  if (device->handle != VK_NULL_HANDLE) {
    vyre_loader_lock ();
    device->vk.DestroyDevice (device->handle, NULL);
    vyre_loader_unlock ();
  }
  vyre_physical_clear (&device->physical);
  vyre_instance_release (device->instance);
  g_free (device);
}

static gboolean
create_device (VyreDevice *device, GError **error)
{
  const VyrePhysical *physical = &device->physical;
  const VyreDeviceInfo *info = &physical->info;
  gboolean has_transfer = physical->transfer_family != NO_FAMILY;
  gboolean takes_spare = !has_transfer && physical->has_spare_queue;
  float priorities[VYRE_MAX_QUEUES + 1];
  VkDeviceQueueCreateInfo queues[] = {
    {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = physical->queue_family,
        .queueCount = info->n_queues + (takes_spare ? 1 : 0),
        .pQueuePriorities = priorities,
    },
    {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = physical->transfer_family,
        .queueCount = 1,
        .pQueuePriorities = priorities,
    },
  };
  VkPhysicalDeviceShaderClockFeaturesKHR clocks = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CLOCK_FEATURES_KHR,
    .shaderSubgroupClock = physical->has_subgroup_clock,
    .shaderDeviceClock = physical->has_device_clock,
  };
  VkPhysicalDeviceSubgroupSizeControlFeatures size_control = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES,
    .subgroupSizeControl = VK_TRUE,
    .computeFullSubgroups = VK_TRUE,
  };
  VkPhysicalDeviceVulkan12Features v12 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
    .storageBuffer8BitAccess = VK_TRUE,
    .shaderBufferInt64Atomics = physical->has_int64_atomics,
    .shaderInt8 = VK_TRUE,
    .scalarBlockLayout = VK_TRUE,
    .shaderSubgroupExtendedTypes = physical->has_subgroup_extended_types,
    .timelineSemaphore = physical->has_timeline_semaphore,
    .bufferDeviceAddress = VK_TRUE,
    .vulkanMemoryModel = VK_TRUE,
    .vulkanMemoryModelDeviceScope = physical->has_device_scope,
  };
  VkPhysicalDeviceVulkan11Features v11 = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
    .pNext = &v12,
    .storageBuffer16BitAccess = VK_TRUE,
  };
  VkPhysicalDeviceFeatures2 features = {
    .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
    .pNext = &v11,
    .features = {
      .shaderFloat64 = info->has_float64,
      .shaderInt64 = VK_TRUE,
      .shaderInt16 = VK_TRUE,
    },
  };
  const char *extensions[4];
  VkDeviceCreateInfo create = {
    .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
    .pNext = &features,
    .queueCreateInfoCount = has_transfer ? 2 : 1,
    .pQueueCreateInfos = queues,
    .ppEnabledExtensionNames = extensions,
  };
  VkResult result;

  for (guint i = 0; i < G_N_ELEMENTS (priorities); i++)
    priorities[i] = 1.0f;

  if (physical->has_external_memory_host)
    extensions[create.enabledExtensionCount++] =
        VK_EXT_EXTERNAL_MEMORY_HOST_EXTENSION_NAME;
  if (physical->has_push_descriptors)
    extensions[create.enabledExtensionCount++] =
        VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME;
  if (info->has_subgroup_size_control) {
    if (!physical->is_1_3)
      extensions[create.enabledExtensionCount++] =
          VK_EXT_SUBGROUP_SIZE_CONTROL_EXTENSION_NAME;
    size_control.pNext = v12.pNext;
    v12.pNext = &size_control;
  }
  if (physical->has_subgroup_clock || physical->has_device_clock) {
    extensions[create.enabledExtensionCount++] =
        VK_KHR_SHADER_CLOCK_EXTENSION_NAME;
    clocks.pNext = v12.pNext;
    v12.pNext = &clocks;
  }

  result = vkCreateDevice (physical->handle, &create, NULL, &device->handle);
  if (result == VK_SUCCESS)
    return TRUE;

  device->handle = VK_NULL_HANDLE;
  vyre_device_set_error (device, result, "vkCreateDevice", "device", error);
  return FALSE;
}

static gboolean
load_functions (VyreDevice *device, GError **error)
{
  const char *missing = NULL;

#define LOAD(name) \
  device->vk.name = \
      (PFN_vk##name) vkGetDeviceProcAddr (device->handle, "vk" #name); \
  if (!device->vk.name) \
    missing = "vk" #name;
  VYRE_VK_FUNCTIONS (LOAD)
  if (device->physical.has_external_memory_host) {
    LOAD (GetMemoryHostPointerPropertiesEXT)
  }
  if (device->physical.has_push_descriptors) {
    LOAD (CmdPushDescriptorSetKHR)
  }
#undef LOAD
  if (!missing)
    return TRUE;

  /* The loader's own function: our table may lack this one, too. */
  vkDestroyDevice (device->handle, NULL);
  device->handle = VK_NULL_HANDLE;
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED,
      "the driver of %s has no function %s", device->physical.info.name,
      missing);
  return FALSE;
}

static gboolean
create_queue (VyreDevice *device, VyreQueue *queue, uint32_t family,
    uint32_t index, const char *what, GError **error)
{
  VkCommandPoolCreateInfo pool_info = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
    .flags = VK_COMMAND_POOL_CREATE_TRANSIENT_BIT |
             VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
    .queueFamilyIndex = family,
  };
  g_autofree char *queue_name =
      g_strdup_printf ("vyre %s queue %u", what, index);
  g_autofree char *pool_name =
      g_strdup_printf ("vyre %s commands %u", what, index);

  device->vk.GetDeviceQueue (device->handle, family, index, &queue->handle);
  vyre_device_name_object (device, VK_OBJECT_TYPE_QUEUE,
      (guint64) (guintptr) queue->handle, queue_name);
  VYRE_VK_TRY (device, pool_name, CreateCommandPool, device->handle, &pool_info,
      NULL, &queue->pool);
  vyre_device_name_object (
      device, VK_OBJECT_TYPE_COMMAND_POOL, (guint64) queue->pool, pool_name);
  queue->idle = g_ptr_array_new ();
  return TRUE;

failed:
  return FALSE;
}

static gboolean
create_copy_queue (VyreDevice *device, GError **error)
{
  const VyrePhysical *physical = &device->physical;

  if (physical->transfer_family != NO_FAMILY)
    return create_queue (device, &device->copy_queue, physical->transfer_family,
        0, "transfer", error);
  if (physical->has_spare_queue)
    return create_queue (device, &device->copy_queue, physical->queue_family,
        physical->info.n_queues, "copy", error);
  return TRUE;
}

static gboolean
create_queues (VyreDevice *device, GError **error)
{
  VkPipelineCacheCreateInfo cache_info = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
  };

  for (guint i = 0; i < device->physical.info.n_queues; i++) {
    if (!create_queue (device, &device->queues[i],
            device->physical.queue_family, i, "compute", error))
      return FALSE;
  }
  if (!create_copy_queue (device, error))
    return FALSE;
  VYRE_VK_TRY (device, "pipeline cache", CreatePipelineCache, device->handle,
      &cache_info, NULL, &device->pipeline_cache);
  vyre_device_name_object (device, VK_OBJECT_TYPE_PIPELINE_CACHE,
      (guint64) device->pipeline_cache, "vyre pipeline cache");
  return TRUE;

failed:
  return FALSE;
}

VyreDevice *
vyre_device_find (
    gint index, const char *name, const char *uuid, GError **error)
{
  VyreInstance *instance = vyre_instance_acquire (error);
  g_autoptr (GArray) found = NULL;
  VyrePhysical *chosen = NULL;
  VyreDevice *device;

  if (!instance)
    return NULL;
  found = vyre_instance_probe (instance, error);
  if (found)
    chosen = choose (found, index, name, uuid, error);
  if (!chosen) {
    vyre_instance_release (instance);
    return NULL;
  }

  device = g_new0 (VyreDevice, 1);
  g_atomic_ref_count_init (&device->refs);
  device->instance = instance;
  device->physical = *chosen;
  chosen->info.unsuitable = NULL; /* moved; it is NULL for a usable one */
  for (guint i = 0; i < VYRE_MAX_QUEUES; i++)
    g_mutex_init (&device->queues[i].lock);
  g_mutex_init (&device->copy_queue.lock);
  return device;
}

gboolean
vyre_device_start (VyreDevice *device, GError **error)
{
  gboolean made;

  g_return_val_if_fail (device->handle == VK_NULL_HANDLE, FALSE);

  vyre_loader_lock ();
  made = create_device (device, error) && load_functions (device, error);
  vyre_loader_unlock ();
  if (!made || !create_queues (device, error))
    return FALSE;
  vyre_device_name_object (device, VK_OBJECT_TYPE_DEVICE,
      (guint64) (guintptr) device->handle, "vyre device");
  return TRUE;
}

VyreDevice *
vyre_device_open (
    gint index, const char *name, const char *uuid, GError **error)
{
  g_autoptr (VyreDevice) device = vyre_device_find (index, name, uuid, error);

  if (!device || !vyre_device_start (device, error))
    return NULL;
  return g_steal_pointer (&device);
}

VyreDevice *
vyre_device_ref (VyreDevice *device)
{
  g_atomic_ref_count_inc (&device->refs);
  return device;
}

void
vyre_device_unref (VyreDevice *device)
{
  if (g_atomic_ref_count_dec (&device->refs))
    device_free (device);
}

const VyreDeviceInfo *
vyre_device_get_info (VyreDevice *device)
{
  return &device->physical.info;
}
