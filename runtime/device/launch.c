/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Submissions of one dispatch or a few copies each. */

#include "device-private.h"

#define NS_PER_S G_GUINT64_CONSTANT (1000000000)
#define COMPLAIN_AFTER_S 10

/* In flight it belongs to the caller and holds device and pipeline. When it
 * has ended, command buffer and fence go back to the queue's idle list; there
 * it holds no reference, or the device would never go. */
struct _VyreLaunch
{
  VyreDevice *device; /* a reference, or %NULL while idle */
  VyrePipeline *pipeline; /* a reference, or %NULL while idle and in copies */
  const char *name; /* the pipeline's, or static */
  VyreQueue *queue; /* of the device */
  VkCommandBuffer commands;
  VkFence fence;
  gint ended; /* atomic */
};

/* Called with the queue's lock held, or alone. */
void
vyre_launch_destroy (VyreDevice *device, VyreLaunch *launch)
{
  if (launch->fence != VK_NULL_HANDLE)
    device->vk.DestroyFence (device->handle, launch->fence, NULL);
  if (launch->commands != VK_NULL_HANDLE)
    device->vk.FreeCommandBuffers (
        device->handle, launch->queue->pool, 1, &launch->commands);
  g_free (launch);
}

/* An idle one or a new one; with the queue's lock held. */
static VyreLaunch *
launch_take (VyreDevice *device, VyreQueue *queue, GError **error)
{
  VkCommandBufferAllocateInfo commands = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
    .commandPool = queue->pool,
    .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
    .commandBufferCount = 1,
  };
  VkFenceCreateInfo fence = { .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO };
  VyreLaunch *launch;

  if (queue->idle->len > 0) {
    launch = g_ptr_array_steal_index_fast (queue->idle, queue->idle->len - 1);
    g_atomic_int_set (&launch->ended, 0);
    VYRE_VK_TRY (
        device, "launch", ResetFences, device->handle, 1, &launch->fence);
    return launch;
  }

  launch = g_new0 (VyreLaunch, 1);
  launch->queue = queue;
  VYRE_VK_TRY (device, "launch", CreateFence, device->handle, &fence, NULL,
      &launch->fence);
  VYRE_VK_TRY (device, "launch", AllocateCommandBuffers, device->handle,
      &commands, &launch->commands);
  return launch;

failed:
  vyre_launch_destroy (device, launch);
  return NULL;
}

static gboolean
launch_begin (
    VyreLaunch *launch, VyreDevice *device, const char *name, GError **error)
{
  VkCommandBufferBeginInfo begin = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
    .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT,
  };

  launch->name = name;
  vyre_device_name_object (device, VK_OBJECT_TYPE_COMMAND_BUFFER,
      (guint64) (guintptr) launch->commands, name);
  vyre_device_name_object (
      device, VK_OBJECT_TYPE_FENCE, (guint64) launch->fence, name);
  VYRE_VK_TRY (device, name, BeginCommandBuffer, launch->commands, &begin);
  return TRUE;

failed:
  return FALSE;
}

/* Ends the recording; what is submitted belongs to the caller. Frees the
 * launch on failure. With the queue's lock held. */
static VyreLaunch *
launch_submit (VyreLaunch *launch, VyreDevice *device, VyrePipeline *pipeline,
    GError **error)
{
  VkSubmitInfo submit = {
    .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
    .commandBufferCount = 1,
    .pCommandBuffers = &launch->commands,
  };

  VYRE_VK_TRY (device, launch->name, EndCommandBuffer, launch->commands);
  VYRE_VK_TRY (device, launch->name, QueueSubmit, launch->queue->handle, 1,
      &submit, launch->fence);
  launch->device = vyre_device_ref (device);
  launch->pipeline = pipeline ? vyre_pipeline_ref (pipeline) : NULL;
  return launch;

failed:
  vyre_launch_destroy (device, launch);
  return NULL;
}

static void
record_dispatch (VyreLaunch *launch, VyreDevice *device, VyrePipeline *pipeline,
    guint32 groups, const void *push_constants, gsize push_constant_bytes)
{
  VkMemoryBarrier before = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .srcAccessMask = VK_ACCESS_HOST_WRITE_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                     VK_ACCESS_TRANSFER_WRITE_BIT,
    .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT,
  };
  VkMemoryBarrier after = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
    .dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT |
                     VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
  };

  device->vk.CmdPipelineBarrier (launch->commands,
      VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT |
          VK_PIPELINE_STAGE_TRANSFER_BIT,
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT, 0, 1, &before, 0, NULL, 0, NULL);
  device->vk.CmdBindPipeline (
      launch->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
  if (push_constant_bytes)
    device->vk.CmdPushConstants (launch->commands, pipeline->layout,
        VK_SHADER_STAGE_COMPUTE_BIT, 0, push_constant_bytes, push_constants);
  if (pipeline->texels)
    vyre_texels_record (pipeline->texels, launch->commands, pipeline->layout);
  device->vk.CmdDispatch (launch->commands, groups, 1, 1);
  device->vk.CmdPipelineBarrier (launch->commands,
      VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
      VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &after,
      0, NULL, 0, NULL);
}

VyreLaunch *
vyre_device_launch (VyreDevice *device, VyrePipeline *pipeline,
    guint queue_index, guint32 groups, const void *push_constants,
    gsize push_constant_bytes, GError **error)
{
  return vyre_device_launch_on (device, pipeline,
      &device->queues[queue_index % device->physical.info.n_queues], groups,
      push_constants, push_constant_bytes, error);
}

VyreLaunch *
vyre_device_launch_on (VyreDevice *device, VyrePipeline *pipeline,
    VyreQueue *queue, guint32 groups, const void *push_constants,
    gsize push_constant_bytes, GError **error)
{
  g_autoptr (GMutexLocker) locker = NULL;
  VyreLaunch *launch = NULL;

  g_return_val_if_fail (pipeline->device == device, NULL);
  if (groups == 0 || groups > device->physical.max_groups)
    goto bad_groups;
  if (push_constant_bytes != pipeline->push_constant_bytes)
    goto bad_push_constants;
  if (vyre_device_is_lost (device))
    goto lost;

  locker = g_mutex_locker_new (&queue->lock);
  launch = launch_take (device, queue, error);
  if (!launch)
    return NULL;
  if (!launch_begin (launch, device, pipeline->name, error))
    goto failed;
  record_dispatch (
      launch, device, pipeline, groups, push_constants, push_constant_bytes);
  return launch_submit (launch, device, pipeline, error);

bad_groups:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED,
      "%s: %u workgroups; %s takes 1 to %u", pipeline->name, groups,
      device->physical.info.name, device->physical.max_groups);
  return NULL;
bad_push_constants:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED,
      "%s: %" G_GSIZE_FORMAT " bytes of push constants; the pipeline was made "
      "for %u",
      pipeline->name, push_constant_bytes, pipeline->push_constant_bytes);
  return NULL;
lost:
  vyre_device_set_error (
      device, VK_ERROR_DEVICE_LOST, "vkQueueSubmit", pipeline->name, error);
  return NULL;
failed:
  vyre_launch_destroy (device, launch);
  return NULL;
}

VyreLaunch *
vyre_device_copy_on (VyreDevice *device, VyreQueue *queue,
    const VyreCopyRange *ranges, guint n, const char *name, GError **error)
{
  /* Of the stages, a queue that only transfers knows these two. */
  VkMemoryBarrier before = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .srcAccessMask = VK_ACCESS_HOST_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
    .dstAccessMask = VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
  };
  VkMemoryBarrier after = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .srcAccessMask = VK_ACCESS_TRANSFER_WRITE_BIT,
    .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
  };
  g_autoptr (GMutexLocker) locker = NULL;
  VyreLaunch *launch;

  if (vyre_device_is_lost (device))
    goto lost;
  locker = g_mutex_locker_new (&queue->lock);
  launch = launch_take (device, queue, error);
  if (!launch)
    return NULL;
  if (!launch_begin (launch, device, name, error))
    goto failed;
  device->vk.CmdPipelineBarrier (launch->commands,
      VK_PIPELINE_STAGE_HOST_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
      VK_PIPELINE_STAGE_TRANSFER_BIT, 0, 1, &before, 0, NULL, 0, NULL);
  for (guint i = 0; i < n; i++) {
    VkBufferCopy region = {
      .dstOffset = ranges[i].offset,
      .size = ranges[i].size,
    };

    device->vk.CmdCopyBuffer (launch->commands,
        (VkBuffer) ranges[i].source->buffer,
        (VkBuffer) ranges[i].target->buffer, 1, &region);
  }
  device->vk.CmdPipelineBarrier (launch->commands,
      VK_PIPELINE_STAGE_TRANSFER_BIT, VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &after,
      0, NULL, 0, NULL);
  return launch_submit (launch, device, NULL, error);

lost:
  vyre_device_set_error (
      device, VK_ERROR_DEVICE_LOST, "vkQueueSubmit", name, error);
  return NULL;
failed:
  vyre_launch_destroy (device, launch);
  return NULL;
}

gboolean
vyre_launch_wait (VyreLaunch *launch, guint64 timeout_ns, GError **error)
{
  VyreDevice *device = launch->device;
  VkResult result;

  if (g_atomic_int_get (&launch->ended))
    return TRUE;
  if (timeout_ns == 0)
    result = device->vk.GetFenceStatus (device->handle, launch->fence);
  else
    result = device->vk.WaitForFences (
        device->handle, 1, &launch->fence, VK_TRUE, timeout_ns);
  /* The loss may have been seen by another call only. */
  if ((result == VK_NOT_READY || result == VK_TIMEOUT) &&
      vyre_device_is_lost (device))
    result = VK_ERROR_DEVICE_LOST;

  if (result == VK_SUCCESS) {
    g_atomic_int_set (&launch->ended, 1);
    return TRUE;
  }
  if (result != VK_NOT_READY && result != VK_TIMEOUT)
    vyre_device_set_error (device, result,
        timeout_ns ? "vkWaitForFences" : "vkGetFenceStatus", launch->name,
        error);
  return FALSE;
}

/* Waits for what has not ended: the GPU still uses it. */
static void
launch_drain (VyreLaunch *launch)
{
  g_autoptr (GError) error = NULL;

  for (guint s = 1; !vyre_launch_wait (launch, NS_PER_S, &error); s++) {
    if (vyre_device_is_lost (launch->device))
      return;
    if (error) {
      g_warning ("freeing a launch: %s", error->message);
      g_clear_error (&error);
      /* A failed wait (out of memory) returns at once. */
      g_usleep (G_USEC_PER_SEC);
    }
    if (s == COMPLAIN_AFTER_S)
      g_warning ("freeing a launch of %s on %s: the GPU has not finished it "
                 "for %d s; still waiting",
          launch->name, launch->device->physical.info.name, COMPLAIN_AFTER_S);
  }
}

void
vyre_launch_free (VyreLaunch *launch)
{
  VyreDevice *device;
  VyreQueue *queue;

  if (!launch)
    return;
  launch_drain (launch);
  device = g_steal_pointer (&launch->device);
  queue = launch->queue;
  g_clear_pointer (&launch->pipeline, vyre_pipeline_free);

  g_mutex_lock (&queue->lock);
  if (vyre_device_is_lost (device))
    vyre_launch_destroy (device, launch);
  else
    g_ptr_array_add (queue->idle, launch);
  g_mutex_unlock (&queue->lock);
  vyre_device_unref (device);
}
