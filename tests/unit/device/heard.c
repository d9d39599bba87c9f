/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "device/device-private.h"
#include "heard.h"

/* Without these, silence of the other tests under validation would prove
 * nothing. The mistakes are made in a child, where the warning is fatal. */
static void
make_mistake (VyreDevice *device)
{
  const VkFenceCreateInfo wrong = {
    .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
  };
  VkFence fence;

  device->vk.CreateFence (device->handle, &wrong, NULL, &fence);
}

/* Two writes to one place without a barrier. */
static void
make_hazard (VyreDevice *device)
{
  PFN_vkCmdFillBuffer fill_buffer = (PFN_vkCmdFillBuffer) vkGetDeviceProcAddr (
      device->handle, "vkCmdFillBuffer");
  VyreMemory *memory =
      vyre_memory_new (device, 4096, VYRE_MEMORY_SCRATCH, "test", NULL);
  VkCommandBufferAllocateInfo allocate = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
    .commandPool = device->queues[0].pool,
    .commandBufferCount = 1,
  };
  VkCommandBufferBeginInfo begin = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
  };
  VkCommandBuffer commands;

  device->vk.AllocateCommandBuffers (device->handle, &allocate, &commands);
  device->vk.BeginCommandBuffer (commands, &begin);
  fill_buffer (commands, (VkBuffer) memory->buffer, 0, 4096, 1);
  fill_buffer (commands, (VkBuffer) memory->buffer, 0, 4096, 2);
}

static const struct
{
  void (*make) (VyreDevice *device);
  const char *heard;
} mistakes[] = {
  { make_mistake, "*Vulkan: *VUID-VkFenceCreateInfo-sType*" },
  { make_hazard, "*Vulkan: *SYNC-HAZARD-WRITE-AFTER-WRITE*" },
};

static void
test_validation_is_heard (gconstpointer data)
{
  guint i = GPOINTER_TO_UINT (data);

  if (!g_getenv ("VYRE_VULKAN_VALIDATION")) {
    g_test_skip ("VYRE_VULKAN_VALIDATION is not set");
    return;
  }
  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
    g_test_trap_assert_failed ();
    g_test_trap_assert_stderr (mistakes[i].heard);
    return;
  }
  mistakes[i].make (vyre_device_open (-1, NULL, NULL, NULL));
  exit (0); /* not heard */
}

void
add_heard_tests (void)
{
  g_test_add_data_func ("/device/validation-is-heard/misuse",
      GUINT_TO_POINTER (0), test_validation_is_heard);
  g_test_add_data_func ("/device/validation-is-heard/hazard",
      GUINT_TO_POINTER (1), test_validation_is_heard);
}
