/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory as texels, pushed as descriptors with each launch. */

#include "device-private.h"

static const VkFormat formats[VYRE_TEXEL_WIDTHS] = { VK_FORMAT_R32_UINT,
  VK_FORMAT_R32G32_UINT, VK_FORMAT_R32G32B32A32_UINT };

static gboolean
create_layout (VyreTexels *texels, GError **error)
{
  VyreDevice *device = texels->device;
  VkDescriptorSetLayoutBinding binding = {
    .descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER,
    .descriptorCount = VYRE_TEXEL_WIDTHS,
    .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
  };
  VkDescriptorSetLayoutCreateInfo layout = {
    .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
    .flags = VK_DESCRIPTOR_SET_LAYOUT_CREATE_PUSH_DESCRIPTOR_BIT_KHR,
    .bindingCount = 1,
    .pBindings = &binding,
  };

  VYRE_VK_TRY (device, "texels", CreateDescriptorSetLayout, device->handle,
      &layout, NULL, &texels->layout);
  return TRUE;

failed:
  return FALSE;
}

static gboolean
create_views (VyreTexels *texels, const VyreMemory *memory, GError **error)
{
  VyreDevice *device = texels->device;

  for (guint i = 0; i < VYRE_TEXEL_WIDTHS; i++) {
    VkBufferViewCreateInfo view = {
      .sType = VK_STRUCTURE_TYPE_BUFFER_VIEW_CREATE_INFO,
      .buffer = (VkBuffer) memory->buffer,
      .format = formats[i],
      .range = VK_WHOLE_SIZE,
    };

    VYRE_VK_TRY (device, "texels", CreateBufferView, device->handle, &view,
        NULL, &texels->views[i]);
  }
  return TRUE;

failed:
  return FALSE;
}

VyreTexels *
vyre_texels_new (const VyreMemory *memory, GError **error)
{
  VyreDevice *device = memory->device;
  VyreTexels *texels;

  if (!device->vk.CmdPushDescriptorSetKHR)
    goto no_extension;
  if (memory->size / 4 > device->physical.max_texels)
    goto too_large;
  texels = g_new0 (VyreTexels, 1);
  g_atomic_ref_count_init (&texels->refs);
  texels->device = vyre_device_ref (device);
  if (create_layout (texels, error) && create_views (texels, memory, error))
    return texels;
  vyre_texels_unref (texels);
  return NULL;

no_extension:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_UNSUITABLE,
      "%s has no " VK_KHR_PUSH_DESCRIPTOR_EXTENSION_NAME,
      device->physical.info.name);
  return NULL;
too_large:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_MEMORY,
      "%" G_GSIZE_FORMAT " bytes are more words than the %u texels that %s "
      "takes",
      memory->size, device->physical.max_texels, device->physical.info.name);
  return NULL;
}

VyreTexels *
vyre_texels_ref (VyreTexels *texels)
{
  g_atomic_ref_count_inc (&texels->refs);
  return texels;
}

void
vyre_texels_unref (VyreTexels *texels)
{
  VyreDevice *device;

  if (!texels || !g_atomic_ref_count_dec (&texels->refs))
    return;
  device = texels->device;
  for (guint i = 0; i < VYRE_TEXEL_WIDTHS; i++) {
    if (texels->views[i] != VK_NULL_HANDLE)
      device->vk.DestroyBufferView (device->handle, texels->views[i], NULL);
  }
  if (texels->layout != VK_NULL_HANDLE)
    device->vk.DestroyDescriptorSetLayout (
        device->handle, texels->layout, NULL);
  g_free (texels);
  vyre_device_unref (device);
}

void
vyre_texels_record (
    VyreTexels *texels, VkCommandBuffer commands, VkPipelineLayout layout)
{
  VkWriteDescriptorSet write = {
    .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
    .descriptorCount = VYRE_TEXEL_WIDTHS,
    .descriptorType = VK_DESCRIPTOR_TYPE_UNIFORM_TEXEL_BUFFER,
    .pTexelBufferView = texels->views,
  };

  texels->device->vk.CmdPushDescriptorSetKHR (
      commands, VK_PIPELINE_BIND_POINT_COMPUTE, layout, 0, 1, &write);
}
