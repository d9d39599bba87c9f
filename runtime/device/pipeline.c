/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Compute pipelines without descriptor sets, but for texels. */

#include "device-private.h"

#include <string.h>

#include "../clock.h"

#define SPIRV_MAGIC 0x07230203u
#define SPIRV_HEADER_BYTES 20

VyrePipeline *
vyre_pipeline_ref (VyrePipeline *pipeline)
{
  g_atomic_ref_count_inc (&pipeline->refs);
  return pipeline;
}

/* Launches in flight keep the Vulkan objects until they have ended. */
void
vyre_pipeline_free (VyrePipeline *pipeline)
{
  VyreDevice *device;

  if (!pipeline || !g_atomic_ref_count_dec (&pipeline->refs))
    return;
  device = pipeline->device;
  if (pipeline->handle != VK_NULL_HANDLE)
    device->vk.DestroyPipeline (device->handle, pipeline->handle, NULL);
  if (pipeline->layout != VK_NULL_HANDLE)
    device->vk.DestroyPipelineLayout (device->handle, pipeline->layout, NULL);
  vyre_texels_unref (pipeline->texels);
  g_free (pipeline->name);
  g_free (pipeline);
  vyre_device_unref (device);
}

VyrePipeline *
vyre_pipeline_new (VyreDevice *device, const guint32 *spirv, gsize spirv_bytes,
    const guint32 *spec_constants, guint n_spec_constants,
    guint push_constant_bytes, gboolean full_subgroups,
    VyrePipelineCache *cache, const char *debug_name, guint64 *compile_ns,
    GError **error)
{
  return vyre_pipeline_new_with_texels (device, NULL, spirv, spirv_bytes,
      spec_constants, n_spec_constants, push_constant_bytes, full_subgroups,
      cache, debug_name, compile_ns, error);
}

VyrePipeline *
vyre_pipeline_new_with_texels (VyreDevice *device, VyreTexels *texels,
    const guint32 *spirv, gsize spirv_bytes, const guint32 *spec_constants,
    guint n_spec_constants, guint push_constant_bytes, gboolean full_subgroups,
    VyrePipelineCache *cache, const char *debug_name, guint64 *compile_ns,
    GError **error)
{
  const VyreDeviceInfo *device_info = &device->physical.info;
  const char *name = debug_name ? debug_name : "pipeline";
  VyrePipeline *pipeline = g_new0 (VyrePipeline, 1);
  g_autofree VkSpecializationMapEntry *entries =
      g_new0 (VkSpecializationMapEntry, MAX (n_spec_constants, 1));
  VkShaderModule module = VK_NULL_HANDLE;
  VkPushConstantRange push_range = {
    .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    .size = push_constant_bytes,
  };
  VkPipelineLayoutCreateInfo layout = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
    .setLayoutCount = texels ? 1 : 0,
    .pSetLayouts = texels ? &texels->layout : NULL,
    .pushConstantRangeCount = push_constant_bytes ? 1 : 0,
    .pPushConstantRanges = &push_range,
  };
  VkShaderModuleCreateInfo code = {
    .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
    .codeSize = spirv_bytes,
    .pCode = spirv,
  };
  VkSpecializationInfo constants = {
    .mapEntryCount = n_spec_constants,
    .pMapEntries = entries,
    .dataSize = n_spec_constants * sizeof (guint32),
    .pData = spec_constants,
  };
  VkPipelineShaderStageRequiredSubgroupSizeCreateInfo subgroup_size = {
    .sType =
        VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO,
    .requiredSubgroupSize = device_info->subgroup_size,
  };
  VkComputePipelineCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
    .stage = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
      .stage = VK_SHADER_STAGE_COMPUTE_BIT,
      .pName = "main",
      .pSpecializationInfo = n_spec_constants ? &constants : NULL,
    },
  };
  guint64 start;

  g_atomic_ref_count_init (&pipeline->refs);
  pipeline->device = vyre_device_ref (device);
  pipeline->push_constant_bytes = push_constant_bytes;
  pipeline->texels = texels ? vyre_texels_ref (texels) : NULL;
  pipeline->name = g_strdup (name);
  if (spirv_bytes < SPIRV_HEADER_BYTES || spirv_bytes % 4 ||
      spirv[0] != SPIRV_MAGIC)
    goto no_spirv;
  if (push_constant_bytes % 4 ||
      push_constant_bytes > device->physical.max_push_constant_bytes)
    goto push_constants;
  if (vyre_device_is_lost (device))
    goto lost;

  for (guint i = 0; i < n_spec_constants; i++)
    entries[i] = (VkSpecializationMapEntry){
      .constantID = i,
      .offset = i * sizeof (guint32),
      .size = sizeof (guint32),
    };
  if (full_subgroups && device_info->has_subgroup_size_control) {
    info.stage.flags =
        VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT;
    info.stage.pNext = &subgroup_size;
  }

  VYRE_VK_TRY (device, name, CreatePipelineLayout, device->handle, &layout,
      NULL, &pipeline->layout);
  vyre_device_name_object (
      device, VK_OBJECT_TYPE_PIPELINE_LAYOUT, (guint64) pipeline->layout, name);
  start = vyre_now_ns ();
  VYRE_VK_TRY (
      device, name, CreateShaderModule, device->handle, &code, NULL, &module);
  vyre_device_name_object (
      device, VK_OBJECT_TYPE_SHADER_MODULE, (guint64) module, name);
  info.stage.module = module;
  info.layout = pipeline->layout;
  VYRE_VK_TRY (device, name, CreateComputePipelines, device->handle,
      cache ? cache->handle : device->pipeline_cache, 1, &info, NULL,
      &pipeline->handle);
  if (compile_ns)
    *compile_ns = vyre_now_ns () - start;
  vyre_device_name_object (
      device, VK_OBJECT_TYPE_PIPELINE, (guint64) pipeline->handle, name);
  device->vk.DestroyShaderModule (device->handle, module, NULL);
  return pipeline;

no_spirv:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED,
      "%s: %" G_GSIZE_FORMAT " bytes that are no SPIR-V module of this "
      "machine's byte order",
      name, spirv_bytes);
  goto failed;
push_constants:
  g_set_error (error, VYRE_DEVICE_ERROR, VYRE_DEVICE_ERROR_FAILED,
      "%s: %u bytes of push constants; %s takes multiples of 4 up to %u", name,
      push_constant_bytes, device_info->name,
      device->physical.max_push_constant_bytes);
  goto failed;
lost:
  vyre_device_set_error (
      device, VK_ERROR_DEVICE_LOST, "vkCreateComputePipelines", name, error);
failed:
  if (module != VK_NULL_HANDLE)
    device->vk.DestroyShaderModule (device->handle, module, NULL);
  vyre_pipeline_free (pipeline);
  return NULL;
}
