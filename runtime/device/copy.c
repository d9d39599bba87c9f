/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copies of device memory that do not stop the kernel that uses it. */

#include "device-private.h"

#include "copy-spv.h"

#define NAME "vyre snapshot copy"
#define WORDS_PER_LANE 16

/* The copy kernel's push constants; the order is the shader's. */
typedef struct
{
  guint64 from[VYRE_COPY_SOURCES], to[VYRE_COPY_SOURCES];
  guint32 words[VYRE_COPY_SOURCES];
  guint32 padding; /* to the shader's size, rounded up as C does */
} CopyConstants;

struct _VyreCopier
{
  VyreDevice *device; /* a reference */
  VyreCopyMethod method;
  VyreQueue *queue; /* the device's */
  VyrePipeline *pipeline; /* KERNEL */
  VyreMemory *target;
  VyreLaunch *launch; /* took too long */
};

VyreCopyMethod
vyre_device_get_copy_method (VyreDevice *device)
{
  if (device->copy_queue.handle == VK_NULL_HANDLE)
    return VYRE_COPY_NONE;
  return device->physical.transfer_family != NO_FAMILY ? VYRE_COPY_TRANSFER
                                                       : VYRE_COPY_KERNEL;
}

VyreCopier *
vyre_copier_new (
    VyreDevice *device, VyreCopyMethod method, gsize bytes, GError **error)
{
  const guint32 lanes = device->physical.info.subgroup_size;
  VyreCopier *copier;

  g_return_val_if_fail (method != VYRE_COPY_NONE, NULL);
  copier = g_new0 (VyreCopier, 1);
  copier->device = vyre_device_ref (device);
  copier->method = method;
  copier->queue = vyre_device_get_copy_method (device) == method
                      ? &device->copy_queue
                      : &device->queues[device->physical.info.n_queues - 1];
  copier->target = vyre_memory_new (
      device, bytes, VYRE_MEMORY_RECORDS, "vyre snapshot", error);
  if (!copier->target)
    goto failed;
  if (method == VYRE_COPY_KERNEL) {
    copier->pipeline = vyre_pipeline_new (device,
        (const guint32 *) vyre_copy_spv, sizeof vyre_copy_spv, &lanes, 1,
        sizeof (CopyConstants), TRUE, NULL, NAME, NULL, error);
    if (!copier->pipeline)
      goto failed;
  }
  return copier;

failed:
  vyre_copier_free (copier);
  return NULL;
}

void
vyre_copier_free (VyreCopier *copier)
{
  if (!copier)
    return;
  vyre_launch_free (copier->launch);
  vyre_pipeline_free (copier->pipeline);
  vyre_memory_free (copier->target);
  vyre_device_unref (copier->device);
  g_free (copier);
}

static VyreLaunch *
launch_kernel (
    VyreCopier *copier, const VyreCopyRange *ranges, guint n, GError **error)
{
  const guint32 lanes = copier->device->physical.info.subgroup_size;
  CopyConstants constants = { { 0 } };
  gsize longest = 0;

  for (guint i = 0; i < n; i++) {
    constants.from[i] = ranges[i].source->address;
    constants.to[i] = copier->target->address + ranges[i].offset;
    constants.words[i] = (guint32) (ranges[i].size / 4);
    longest = MAX (longest, ranges[i].size / 4);
  }
  return vyre_device_launch_on (copier->device, copier->pipeline, copier->queue,
      (guint32) CLAMP (longest / (lanes * WORDS_PER_LANE), 1, 256), &constants,
      sizeof constants, error);
}

/* What took too long may have ended meanwhile. */
static gboolean
is_free (VyreCopier *copier, GError **error)
{
  if (!copier->launch)
    return TRUE;
  if (!vyre_launch_wait (copier->launch, 0, error))
    return FALSE;
  g_clear_pointer (&copier->launch, vyre_launch_free);
  return TRUE;
}

const guint8 *
vyre_copier_run (VyreCopier *copier, VyreMemory *const *sources, guint n,
    guint64 timeout_ns, GError **error)
{
  VyreCopyRange ranges[VYRE_COPY_SOURCES];
  gsize used = 0;

  g_return_val_if_fail (n > 0 && n <= VYRE_COPY_SOURCES, NULL);
  for (guint i = 0; i < n; i++) {
    g_return_val_if_fail (sources[i]->size % 4 == 0, NULL);
    g_return_val_if_fail (
        sources[i]->size <= copier->target->size - used, NULL);
    ranges[i] =
        (VyreCopyRange){ sources[i], copier->target, used, sources[i]->size };
    used += sources[i]->size;
  }

  if (!is_free (copier, error))
    return NULL;
  if (copier->method == VYRE_COPY_KERNEL)
    copier->launch = launch_kernel (copier, ranges, n, error);
  else
    copier->launch = vyre_device_copy_on (
        copier->device, copier->queue, ranges, n, NAME, error);
  if (!copier->launch ||
      !vyre_launch_wait (copier->launch, MAX (timeout_ns, 1), error))
    return NULL;
  g_clear_pointer (&copier->launch, vyre_launch_free);
  return copier->target->map;
}
