/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <vulkan/vulkan.h>

G_BEGIN_DECLS

/*
 * What a program would do without libvyre: its own Vulkan device, a compute
 * pipeline per kernel, command buffers recorded beforehand, one submit and one
 * fence for each. Everything that can be done beforehand is.
 *
 * One thread at a time per Baseline. Errors are G_IO_ERROR with the Vulkan
 * call and its result.
 */
typedef struct
{
  VkInstance instance;
  VkPhysicalDevice physical;
  VkDevice device;
  VkQueue queue;
  guint32 family;
  VkCommandPool pool;
  VkPhysicalDeviceMemoryProperties memory;
  VkPhysicalDeviceProperties properties;
  guint64 import_alignment;     /* 0: host memory cannot be imported */
  PFN_vkGetMemoryHostPointerPropertiesEXT host_pointer_properties;
} Baseline;

/* uuid: VkPhysicalDeviceIDProperties.deviceUUID, or %NULL for the first
 * discrete device, else the first of all. */
Baseline *baseline_open (const guint8 *uuid, GError **error);
void baseline_close (Baseline *baseline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Baseline, baseline_close)

typedef enum
{
  BASELINE_DEVICE,              /* DEVICE_LOCAL and HOST_VISIBLE, mapped */
  BASELINE_HOST,                /* HOST_VISIBLE, CACHED and COHERENT, mapped */
} BaselineUse;

typedef struct
{
  Baseline *baseline;           /* not owned; outlives the buffer */
  VkBuffer buffer;
  VkDeviceMemory memory;
  guint64 address;              /* of the GPU */
  guint8 *map;
  gsize size;
  gpointer owned;               /* memory of ours that is imported */
} BaselineBuffer;

/* Mapped and written once, so that no page is touched for the first time in a
 * measurement. */
BaselineBuffer *baseline_buffer_new (Baseline *baseline, gsize size,
    BaselineUse use, GError **error);
/* Somebody else's memory, which must stay until baseline_buffer_free(). */
BaselineBuffer *baseline_buffer_import (Baseline *baseline, gpointer pointer,
    gsize size, GError **error);
/* Imported memory of its own: huge pages where there are, as in the host
 * arena. */
BaselineBuffer *baseline_buffer_new_imported (Baseline *baseline, gsize size,
    GError **error);
void baseline_buffer_free (BaselineBuffer *buffer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaselineBuffer, baseline_buffer_free)

/* Specialisation constants of map.comp. */
typedef struct
{
  guint32 op;                   /* MAP_COPY, MAP_INVERT, MAP_ROUNDS */
  guint32 rounds;               /* straight-line, five operations each */
  guint32 loops;                /* times all rounds */
  guint32 salt;                 /* any number: makes a pipeline that no cache
                                   knows */
} BaselineMap;

enum
{
  MAP_COPY,
  MAP_INVERT,
  MAP_ROUNDS,
};

#define MAP_GROUP 256           /* invocations of a workgroup of map.comp */

typedef struct
{
  Baseline *baseline;           /* not owned */
  VkPipelineLayout layout;
  VkPipeline handle;
  guint width;                  /* words of an invocation: 1, 2 or 4 */
} BaselinePipeline;

BaselinePipeline *baseline_pipeline_new (Baseline *baseline, guint width,
    const BaselineMap *map, GError **error);
void baseline_pipeline_free (BaselinePipeline *pipeline);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaselinePipeline, baseline_pipeline_free)

/* A recorded command buffer and its fence. */
typedef struct
{
  Baseline *baseline;           /* not owned */
  VkCommandBuffer commands;
  VkFence fence;
  gboolean submitted;
} BaselineJob;

/* Runs the kernel over @bytes from @offset on of @in into the same place of
 * @out, @times times, in turn on @parts ranges one behind the other, with a
 * barrier to the host at the end. bytes is rounded
 * up to whole workgroups (MAP_GROUP times the width in words): both buffers
 * must have room for that. */
BaselineJob *baseline_job_new (BaselinePipeline *pipeline,
    const BaselineBuffer *in, const BaselineBuffer *out, gsize offset,
    gsize bytes, guint times, guint parts, GError **error);
/* Waits if it is submitted. */
void baseline_job_free (BaselineJob *job);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (BaselineJob, baseline_job_free)

gboolean baseline_job_submit (BaselineJob *job, GError **error);
#define BASELINE_MAX_AT_ONCE 64
/* All in one vkQueueSubmit(); wait for the last one, which ends last. */
gboolean baseline_jobs_submit (BaselineJob *const *jobs, guint n,
    GError **error);
/* Until it has ended; makes it ready to be submitted again. spin: look at the
 * fence without sleeping, instead of vkWaitForFences(). */
gboolean baseline_job_wait (BaselineJob *job, gboolean spin, GError **error);

G_END_DECLS
