/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <vulkan/vulkan.h>

#include "device.h"

G_BEGIN_DECLS

/**
 * What the files of this folder share. Everything here may be used from any
 * thread unless a comment says otherwise.
 */

/* --- instance.c --------------------------------------------------------- */

/* The one VkInstance of the process. It lives from the first acquire to the
 * last release: enumeration and each open device hold one. Constant while it
 * lives. */
typedef struct
{
  VkInstance handle;
  /* only with VYRE_VULKAN_VALIDATION, else %NULL */
  VkDebugUtilsMessengerEXT messenger;
  PFN_vkSetDebugUtilsObjectNameEXT set_object_name;
} VyreInstance;

/* The loader goes through its lists of instances and devices, without a lock,
 * when it looks for a function of a device and when an object is named. So while
 * one makes or destroys an instance or a device, or does such a thing, he holds
 * this. For nothing else, and not while any other lock is wanted. */
void vyre_loader_lock (void);
void vyre_loader_unlock (void);

VyreInstance *vyre_instance_acquire (GError **error);
void vyre_instance_release (VyreInstance *instance);
/* Sets a VYRE_DEVICE_ERROR_NO_DRIVER that says what to install. */
void vyre_instance_set_no_driver (GError **error, const char *reason);

/* --- probe.c ------------------------------------------------------------ */

#define NO_FAMILY UINT32_MAX

/* What is known of a physical device before it is opened. */
typedef struct
{
  VkPhysicalDevice handle;
  VyreDeviceInfo info; /* owned */
  VkPhysicalDeviceMemoryProperties memory;
  uint32_t queue_family;
  /* Where copies go on beside a resident kernel: a family that only transfers
   * (NO_FAMILY: none), or a queue of the compute family that no kernel of the
   * runtime is launched on. */
  uint32_t transfer_family;
  gboolean has_spare_queue;
  uint32_t max_groups; /* maxComputeWorkGroupCount[0] */
  uint32_t max_push_constant_bytes;
  VyreDriverId driver_id;
  gboolean is_1_3;
  gboolean has_external_memory_host;
  gboolean has_push_descriptors;
  uint32_t max_texels; /* of a buffer */
  gboolean has_device_scope; /* vulkanMemoryModelDeviceScope */
  gboolean has_timeline_semaphore;
  gboolean has_int64_atomics; /* shaderBufferInt64Atomics */
  gboolean has_subgroup_extended_types;
  gboolean has_subgroup_clock, has_device_clock;
} VyrePhysical;

void vyre_physical_clear (VyrePhysical *physical);
/* Array of VyrePhysical in enumeration order, at least one. The handles are
 * the instance's. */
GArray *vyre_instance_probe (VyreInstance *instance, GError **error);

/* --- device.c ----------------------------------------------------------- */

/* The device-level functions in use: X (name without vk). */
#define VYRE_VK_FUNCTIONS(X) \
  X (AllocateCommandBuffers) \
  X (AllocateMemory) \
  X (BeginCommandBuffer) \
  X (BindBufferMemory) \
  X (CmdBindPipeline) \
  X (CmdCopyBuffer) \
  X (CmdDispatch) \
  X (CmdPipelineBarrier) \
  X (CmdPushConstants) \
  X (CreateBuffer) \
  X (CreateBufferView) \
  X (CreateCommandPool) \
  X (CreateComputePipelines) \
  X (CreateDescriptorSetLayout) \
  X (CreateFence) \
  X (CreatePipelineCache) \
  X (CreatePipelineLayout) \
  X (CreateShaderModule) \
  X (DestroyBuffer) \
  X (DestroyBufferView) \
  X (DestroyCommandPool) \
  X (DestroyDescriptorSetLayout) \
  X (DestroyDevice) \
  X (DestroyFence) \
  X (DestroyPipeline) \
  X (DestroyPipelineCache) \
  X (DestroyPipelineLayout) \
  X (DestroyShaderModule) \
  X (EndCommandBuffer) \
  X (FreeCommandBuffers) \
  X (FreeMemory) \
  X (GetBufferDeviceAddress) \
  X (GetBufferMemoryRequirements) \
  X (GetDeviceQueue) \
  X (GetFenceStatus) \
  X (GetPipelineCacheData) \
  X (MapMemory) \
  X (QueueSubmit) \
  X (ResetFences) \
  X (WaitForFences)

typedef struct
{
#define VYRE_VK_MEMBER(name) PFN_vk##name name;
  VYRE_VK_FUNCTIONS (VYRE_VK_MEMBER)
#undef VYRE_VK_MEMBER
  /* %NULL without VK_EXT_external_memory_host */
  PFN_vkGetMemoryHostPointerPropertiesEXT GetMemoryHostPointerPropertiesEXT;
  /* %NULL without VK_KHR_push_descriptor */
  PFN_vkCmdPushDescriptorSetKHR CmdPushDescriptorSetKHR;
} VyreVk;

/* Kernels that run side by side, and one that takes over. */
#define VYRE_MAX_QUEUES 8

typedef struct
{
  GMutex lock; /* guards all of this, recording included */
  VkQueue handle;
  VkCommandPool pool;
  GPtrArray *idle; /* VyreLaunch without a device, owned */
} VyreQueue;

struct _VyreDevice
{
  gatomicrefcount refs;
  gint lost; /* atomic; set once, never cleared */
  /* constant from here on */
  VyreInstance *instance; /* one acquire */
  VyrePhysical physical;
  VkDevice handle;
  VyreVk vk;
  VkPipelineCache pipeline_cache; /* synchronised by Vulkan */
  VyreQueue queues[VYRE_MAX_QUEUES];
  VyreQueue copy_queue; /* handle %NULL: none of its own */
};

/* "VK_ERROR_DEVICE_LOST" and so on; a static string. */
const char *vyre_vk_result_name (VkResult result);
/* Turns a result other than VK_SUCCESS into a GError and, when it is
 * VK_ERROR_DEVICE_LOST, marks the device. @device may be %NULL. */
void vyre_device_set_error (VyreDevice *device, VkResult result,
    const char *call, const char *object, GError **error);
gboolean vyre_device_is_lost (VyreDevice *device);
/* For the messages of the validation layer; without it nothing is named. */
void vyre_device_name_object (
    VyreDevice *device, VkObjectType type, guint64 handle, const char *name);

/* Calls a function of the device's table. On failure sets error, which must
 * be the GError ** in scope, and jumps to the label `failed`. */
#define VYRE_VK_TRY(device, object, function, ...) \
  G_STMT_START \
  { \
    VkResult vk_result_ = (device)->vk.function (__VA_ARGS__); \
    if (G_UNLIKELY (vk_result_ != VK_SUCCESS)) { \
      vyre_device_set_error ( \
          (device), vk_result_, "vk" #function, (object), error); \
      goto failed; \
    } \
  } \
  G_STMT_END

/* --- texels.c ----------------------------------------------------------- */

#define VYRE_TEXEL_WIDTHS 3 /* of 1, 2 and 4 words */

struct _VyreTexels
{
  gatomicrefcount refs;
  VyreDevice *device; /* a reference */
  VkDescriptorSetLayout layout;
  VkBufferView views[VYRE_TEXEL_WIDTHS];
};

VyreTexels *vyre_texels_ref (VyreTexels *texels);
/* For the pipeline that is bound. */
void vyre_texels_record (
    VyreTexels *texels, VkCommandBuffer commands, VkPipelineLayout layout);

/* --- pipeline.c --------------------------------------------------------- */

/* Counted: a launch in flight keeps its pipeline. */
struct _VyrePipeline
{
  gatomicrefcount refs;
  VyreDevice *device; /* a reference */
  VkPipelineLayout layout;
  VkPipeline handle;
  guint push_constant_bytes;
  VyreTexels *texels; /* a reference, or %NULL */
  char *name;
};

VyrePipeline *vyre_pipeline_ref (VyrePipeline *pipeline);

/* --- pipeline-cache.c --------------------------------------------------- */

struct _VyrePipelineCache
{
  VyreDevice *device; /* a reference */
  VkPipelineCache handle;
  gsize known; /* bytes that the driver was given */
};

/* Was it made by this driver for this device? */
gboolean vyre_pipeline_cache_is_for (VyreDevice *device, GBytes *known);

/* --- launch.c ----------------------------------------------------------- */

/* Frees an idle launch's Vulkan objects; for the destruction of @device. */
void vyre_launch_destroy (VyreDevice *device, VyreLaunch *launch);

/* As vyre_device_launch(), on any queue of the compute family. */
VyreLaunch *vyre_device_launch_on (VyreDevice *device, VyrePipeline *pipeline,
    VyreQueue *queue, guint32 groups, const void *push_constants,
    gsize push_constant_bytes, GError **error);

/* The first @size bytes of @source to @offset in @target. */
typedef struct
{
  VyreMemory *source, *target;
  gsize offset, size;
} VyreCopyRange;

/* Submits copies that fit their buffers, on any queue. Both buffers must live
 * until the launch has ended. @name: static. */
VyreLaunch *vyre_device_copy_on (VyreDevice *device, VyreQueue *queue,
    const VyreCopyRange *ranges, guint n, const char *name, GError **error);

G_END_DECLS
