/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process's VkInstance, and validation on request. */

#include "device-private.h"

#include <string.h>

#define VALIDATION_LAYER "VK_LAYER_KHRONOS_validation"
#define VALIDATION_VARIABLE "VYRE_VULKAN_VALIDATION"

static GMutex loader_lock;
static VyreInstance *the_instance; /* guarded by loader_lock */
static guint instance_users; /* likewise */

void
vyre_loader_lock (void)
{
  g_mutex_lock (&loader_lock);
}

void
vyre_loader_unlock (void)
{
  g_mutex_unlock (&loader_lock);
}

void
vyre_instance_set_no_driver (GError **error, const char *reason)
{
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NO_DRIVER,
      "no Vulkan driver: %s; install one (Debian: the package "
      "mesa-vulkan-drivers, which also has a CPU device, or the GPU vendor's "
      "own driver) and check it with vulkaninfo (vulkan-tools)",
      reason);
}

static gboolean
validation_is_wanted (void)
{
  const char *value = g_getenv (VALIDATION_VARIABLE);
  return value && *value && !g_str_equal (value, "0");
}

/* What layers say about our use of the API must be seen, and makes tests
 * fail; what the loader says about drivers that it could not load is the
 * machine's business. */
static VKAPI_ATTR VkBool32 VKAPI_CALL
on_message (VkDebugUtilsMessageSeverityFlagBitsEXT severity,
    VkDebugUtilsMessageTypeFlagsEXT types,
    const VkDebugUtilsMessengerCallbackDataEXT *data, void *user_data)
{
  const char *text = data->pMessage ? data->pMessage : "(no text)";

  if (types & (VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                  VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT))
    g_warning ("Vulkan: %s", text);
  else
    g_debug ("Vulkan loader: %s", text);
  return VK_FALSE;
}

static gboolean
has_layer (const char *name)
{
  g_autofree VkLayerProperties *layers = NULL;
  uint32_t n = 0;

  if (vkEnumerateInstanceLayerProperties (&n, NULL) != VK_SUCCESS || n == 0)
    return FALSE;
  layers = g_new0 (VkLayerProperties, n);
  if (vkEnumerateInstanceLayerProperties (&n, layers) < 0)
    return FALSE;
  for (uint32_t i = 0; i < n; i++) {
    if (g_str_equal (layers[i].layerName, name))
      return TRUE;
  }
  return FALSE;
}

static gboolean
has_extension (const char *layer, const char *name)
{
  g_autofree VkExtensionProperties *extensions = NULL;
  uint32_t n = 0;

  if (vkEnumerateInstanceExtensionProperties (layer, &n, NULL) != VK_SUCCESS ||
      n == 0)
    return FALSE;
  extensions = g_new0 (VkExtensionProperties, n);
  if (vkEnumerateInstanceExtensionProperties (layer, &n, extensions) < 0)
    return FALSE;
  for (uint32_t i = 0; i < n; i++) {
    if (g_str_equal (extensions[i].extensionName, name))
      return TRUE;
  }
  return FALSE;
}

static void
instance_free (VyreInstance *instance)
{
  if (instance->messenger != VK_NULL_HANDLE) {
    PFN_vkDestroyDebugUtilsMessengerEXT destroy =
        (PFN_vkDestroyDebugUtilsMessengerEXT) vkGetInstanceProcAddr (
            instance->handle, "vkDestroyDebugUtilsMessengerEXT");
    destroy (instance->handle, instance->messenger, NULL);
  }
  if (instance->handle != VK_NULL_HANDLE)
    vkDestroyInstance (instance->handle, NULL);
  g_free (instance);
}

static VyreInstance *
instance_new (GError **error)
{
  gboolean validation = validation_is_wanted ();
  VkDebugUtilsMessengerCreateInfoEXT messenger_info = {
    .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_MESSENGER_CREATE_INFO_EXT,
    .messageSeverity = VK_DEBUG_UTILS_MESSAGE_SEVERITY_WARNING_BIT_EXT |
                       VK_DEBUG_UTILS_MESSAGE_SEVERITY_ERROR_BIT_EXT,
    .messageType = VK_DEBUG_UTILS_MESSAGE_TYPE_GENERAL_BIT_EXT |
                   VK_DEBUG_UTILS_MESSAGE_TYPE_VALIDATION_BIT_EXT |
                   VK_DEBUG_UTILS_MESSAGE_TYPE_PERFORMANCE_BIT_EXT,
    .pfnUserCallback = on_message,
  };
  VkValidationFeatureEnableEXT enables[] = {
    VK_VALIDATION_FEATURE_ENABLE_SYNCHRONIZATION_VALIDATION_EXT
  };
  VkValidationFeaturesEXT validation_info = {
    .sType = VK_STRUCTURE_TYPE_VALIDATION_FEATURES_EXT,
    .pNext = &messenger_info,
    .enabledValidationFeatureCount = G_N_ELEMENTS (enables),
    .pEnabledValidationFeatures = enables,
  };
  VkApplicationInfo application = {
    .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
    .pApplicationName = "vyre",
    .pEngineName = "vyre",
    .apiVersion = VK_API_VERSION_1_3,
  };
  const char *layers[] = { VALIDATION_LAYER };
  const char *extensions[2];
  VkInstanceCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
    .pApplicationInfo = &application,
    .ppEnabledExtensionNames = extensions,
  };
  PFN_vkCreateDebugUtilsMessengerEXT create_messenger;
  VyreInstance *instance = g_new0 (VyreInstance, 1);
  uint32_t loader_version = VK_API_VERSION_1_0;
  VkResult result;

  vkEnumerateInstanceVersion (&loader_version);
  if (loader_version < VK_API_VERSION_1_2)
    goto old_loader;
  if (validation) {
    if (!has_layer (VALIDATION_LAYER) ||
        !has_extension (NULL, VK_EXT_DEBUG_UTILS_EXTENSION_NAME) ||
        !has_extension (
            VALIDATION_LAYER, VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME))
      goto no_layer;
    info.pNext = &validation_info;
    info.ppEnabledLayerNames = layers;
    info.enabledLayerCount = G_N_ELEMENTS (layers);
    extensions[info.enabledExtensionCount++] =
        VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME;
    extensions[info.enabledExtensionCount++] =
        VK_EXT_DEBUG_UTILS_EXTENSION_NAME;
  }

  result = vkCreateInstance (&info, NULL, &instance->handle);
  if (result == VK_ERROR_INCOMPATIBLE_DRIVER ||
      result == VK_ERROR_INITIALIZATION_FAILED)
    goto no_driver;
  if (result != VK_SUCCESS)
    goto failed;

  if (validation) {
    instance->set_object_name =
        (PFN_vkSetDebugUtilsObjectNameEXT) vkGetInstanceProcAddr (
            instance->handle, "vkSetDebugUtilsObjectNameEXT");
    create_messenger =
        (PFN_vkCreateDebugUtilsMessengerEXT) vkGetInstanceProcAddr (
            instance->handle, "vkCreateDebugUtilsMessengerEXT");
    result = create_messenger (
        instance->handle, &messenger_info, NULL, &instance->messenger);
    if (result != VK_SUCCESS)
      goto failed;
  }
  return instance;

old_loader:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_NO_DRIVER,
      "the Vulkan loader is of version %u.%u, 1.2 is needed; install a newer "
      "libvulkan1",
      VK_API_VERSION_MAJOR (loader_version),
      VK_API_VERSION_MINOR (loader_version));
  goto undo;
no_layer:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED,
      VALIDATION_VARIABLE
      " is set, but the layer " VALIDATION_LAYER
      " with " VK_EXT_VALIDATION_FEATURES_EXTENSION_NAME " is not there; "
      "install it (Debian: the package vulkan-validationlayers) or unset the "
      "variable");
  goto undo;
no_driver:
  vyre_instance_set_no_driver (error, vyre_vk_result_name (result));
  instance->handle = VK_NULL_HANDLE;
  goto undo;
failed:
  vyre_device_set_error (NULL, result, "vkCreateInstance", "instance", error);
undo:
  instance_free (instance);
  return NULL;
}

VyreInstance *
vyre_instance_acquire (GError **error)
{
  VyreInstance *instance;

  g_mutex_lock (&loader_lock);
  if (!the_instance)
    the_instance = instance_new (error);
  if (the_instance)
    instance_users++;
  instance = the_instance;
  g_mutex_unlock (&loader_lock);
  return instance;
}

void
vyre_instance_release (VyreInstance *instance)
{
  g_mutex_lock (&loader_lock);
  g_assert (instance == the_instance && instance_users > 0);
  if (--instance_users == 0)
    g_clear_pointer (&the_instance, instance_free);
  g_mutex_unlock (&loader_lock);
}
