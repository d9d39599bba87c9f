/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Pipelines and recorded dispatches of the baseline. */

#include "baseline-private.h"

#include <gio/gio.h>

#include "map1-spv.h"
#include "map2-spv.h"
#include "map4-spv.h"

#define WAIT_NS (20 * G_GUINT64_CONSTANT (1000000000))

typedef struct
{
  guint64 source, target; /* as in map.comp */
} Launch;

static const struct
{
  guint width;
  const guint32 *code;
  gsize bytes;
} modules[] = {
  { 1, vyre_bench_map1_spv, sizeof vyre_bench_map1_spv },
  { 2, vyre_bench_map2_spv, sizeof vyre_bench_map2_spv },
  { 4, vyre_bench_map4_spv, sizeof vyre_bench_map4_spv },
};

BaselinePipeline *
baseline_pipeline_new (
    Baseline *baseline, guint width, const BaselineMap *map, GError **error)
{
  g_autoptr (BaselinePipeline) pipeline = g_new0 (BaselinePipeline, 1);
  VkDevice device = baseline->device;
  VkShaderModule module = VK_NULL_HANDLE;
  VkPushConstantRange range = {
    .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
    .size = sizeof (Launch),
  };
  VkPipelineLayoutCreateInfo layout = {
    .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
    .pushConstantRangeCount = 1,
    .pPushConstantRanges = &range,
  };
  VkShaderModuleCreateInfo code = {
    .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
  };
  const VkSpecializationMapEntry entries[] = {
    { 0, G_STRUCT_OFFSET (BaselineMap, op), 4 },
    { 1, G_STRUCT_OFFSET (BaselineMap, rounds), 4 },
    { 2, G_STRUCT_OFFSET (BaselineMap, loops), 4 },
    { 3, G_STRUCT_OFFSET (BaselineMap, salt), 4 },
  };
  VkSpecializationInfo constants = {
    .mapEntryCount = G_N_ELEMENTS (entries),
    .pMapEntries = entries,
    .dataSize = sizeof *map,
    .pData = map,
  };
  VkComputePipelineCreateInfo info = {
    .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
    .stage = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
      .stage = VK_SHADER_STAGE_COMPUTE_BIT,
      .pName = "main",
      .pSpecializationInfo = &constants,
    },
  };
  gboolean made;

  pipeline->baseline = baseline;
  pipeline->width = width;
  for (guint i = 0; i < G_N_ELEMENTS (modules); i++) {
    if (modules[i].width == width) {
      code.pCode = modules[i].code;
      code.codeSize = modules[i].bytes;
    }
  }
  g_assert (code.pCode != NULL);
  if (!TRY (CreatePipelineLayout, device, &layout, NULL, &pipeline->layout) ||
      !TRY (CreateShaderModule, device, &code, NULL, &module))
    return NULL;
  info.stage.module = module;
  info.layout = pipeline->layout;
  made = TRY (CreateComputePipelines, device, VK_NULL_HANDLE, 1, &info, NULL,
      &pipeline->handle);
  vkDestroyShaderModule (device, module, NULL);
  return made ? g_steal_pointer (&pipeline) : NULL;
}

void
baseline_pipeline_free (BaselinePipeline *pipeline)
{
  VkDevice device = pipeline->baseline->device;

  vkDestroyPipeline (device, pipeline->handle, NULL);
  vkDestroyPipelineLayout (device, pipeline->layout, NULL);
  g_free (pipeline);
}

/* The first part is at launch, each other one behind the one before. */
static gboolean
record (BaselineJob *job, const BaselinePipeline *pipeline,
    const Launch *launch, gsize bytes, guint32 groups, guint times, guint parts,
    GError **error)
{
  VkCommandBufferBeginInfo begin = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
  };
  VkMemoryBarrier to_host = {
    .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
    .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT,
    .dstAccessMask = VK_ACCESS_HOST_READ_BIT,
  };

  if (!TRY (BeginCommandBuffer, job->commands, &begin))
    return FALSE;
  vkCmdBindPipeline (
      job->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
  /* No barrier between them: each writes the same, and waiting for the last
   * workgroup of one before the next begins would cost the baseline time. */
  for (guint i = 0; i < times; i++) {
    Launch part = { launch->source + i % parts * bytes,
      launch->target + i % parts * bytes };

    vkCmdPushConstants (job->commands, pipeline->layout,
        VK_SHADER_STAGE_COMPUTE_BIT, 0, sizeof part, &part);
    vkCmdDispatch (job->commands, groups, 1, 1);
  }
  vkCmdPipelineBarrier (job->commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT,
      VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &to_host, 0, NULL, 0, NULL);
  return TRY (EndCommandBuffer, job->commands);
}

BaselineJob *
baseline_job_new (BaselinePipeline *pipeline, const BaselineBuffer *in,
    const BaselineBuffer *out, gsize offset, gsize bytes, guint times,
    guint parts, GError **error)
{
  Baseline *baseline = pipeline->baseline;
  g_autoptr (BaselineJob) job = g_new0 (BaselineJob, 1);
  gsize group_bytes = MAP_GROUP * 4 * pipeline->width;
  gsize groups = bytes / group_bytes + (bytes % group_bytes != 0);
  gsize room = MIN (in->size, out->size);
  Launch launch = { in->address + offset, out->address + offset };
  VkCommandBufferAllocateInfo commands = {
    .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
    .commandPool = baseline->pool,
    .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
    .commandBufferCount = 1,
  };
  VkFenceCreateInfo fence = {
    .sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO,
  };

  job->baseline = baseline;
  if (groups == 0 ||
      groups > baseline->properties.limits.maxComputeWorkGroupCount[0] ||
      offset > room || groups * group_bytes > room - offset ||
      bytes * (parts - 1) > room - offset - groups * group_bytes)
    goto does_not_fit;
  if (!TRY (AllocateCommandBuffers, baseline->device, &commands,
          &job->commands) ||
      !TRY (CreateFence, baseline->device, &fence, NULL, &job->fence) ||
      !record (job, pipeline, &launch, bytes, groups, times, parts, error))
    return NULL;
  return g_steal_pointer (&job);

does_not_fit:
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
      "baseline: %" G_GSIZE_FORMAT " bytes are %" G_GSIZE_FORMAT
      " workgroups at %" G_GSIZE_FORMAT "; the device takes %u, the buffers "
      "have %" G_GSIZE_FORMAT " bytes",
      bytes, groups, offset,
      baseline->properties.limits.maxComputeWorkGroupCount[0], room);
  return NULL;
}

void
baseline_job_free (BaselineJob *job)
{
  Baseline *baseline = job->baseline;

  if (job->submitted)
    vkWaitForFences (baseline->device, 1, &job->fence, VK_TRUE, WAIT_NS);
  vkDestroyFence (baseline->device, job->fence, NULL);
  if (job->commands != VK_NULL_HANDLE)
    vkFreeCommandBuffers (baseline->device, baseline->pool, 1, &job->commands);
  g_free (job);
}

gboolean
baseline_job_submit (BaselineJob *job, GError **error)
{
  return baseline_jobs_submit (&job, 1, error);
}

gboolean
baseline_jobs_submit (BaselineJob *const *jobs, guint n, GError **error)
{
  BaselineJob *last = jobs[n - 1];
  VkCommandBuffer commands[BASELINE_MAX_AT_ONCE];
  VkSubmitInfo submit = {
    .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
    .commandBufferCount = n,
    .pCommandBuffers = commands,
  };

  g_assert (n <= BASELINE_MAX_AT_ONCE);
  for (guint i = 0; i < n; i++)
    commands[i] = jobs[i]->commands;
  last->submitted =
      TRY (QueueSubmit, last->baseline->queue, 1, &submit, last->fence);
  return last->submitted;
}

/* The clock is looked at so seldom that it costs nothing. */
static VkResult
spin_for (VkDevice device, VkFence fence)
{
  gint64 end = g_get_monotonic_time () + (gint64) (WAIT_NS / 1000);
  VkResult result = VK_NOT_READY;

  for (guint i = 1; result == VK_NOT_READY; i++) {
    result = vkGetFenceStatus (device, fence);
    if (i % 65536 == 0 && g_get_monotonic_time () > end)
      return VK_TIMEOUT;
  }
  return result;
}

gboolean
baseline_job_wait (BaselineJob *job, gboolean spin, GError **error)
{
  VkDevice device = job->baseline->device;
  VkResult result =
      spin ? spin_for (device, job->fence)
           : vkWaitForFences (device, 1, &job->fence, VK_TRUE, WAIT_NS);

  if (!baseline_check (
          result, spin ? "vkGetFenceStatus" : "vkWaitForFences", error))
    return FALSE;
  job->submitted = FALSE;
  return TRY (ResetFences, device, 1, &job->fence);
}
