/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Counts the VkDevices that are made. For one file of a test. */

#include "device/device-private.h"

#include <dlfcn.h>

static gint devices_made; /* atomic */
static __thread gint devices_made_here; /* by this thread */

/* In place of the loader's, which it calls. */
VKAPI_ATTR VkResult VKAPI_CALL
vkCreateDevice (VkPhysicalDevice physical, const VkDeviceCreateInfo *info,
    const VkAllocationCallbacks *allocator, VkDevice *device)
{
  PFN_vkCreateDevice real =
      (PFN_vkCreateDevice) dlsym (RTLD_NEXT, "vkCreateDevice");

  g_atomic_int_inc (&devices_made);
  devices_made_here++;
  return real (physical, info, allocator, device);
}
