/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "../export.h"

G_BEGIN_DECLS

/**
 * Vulkan devices as the runtime needs them. Knows nothing of programs, rings
 * or GStreamer. This header shows no Vulkan type, so that users of libvyre
 * need no Vulkan headers; device-private.h does.
 */

#define VYRE_DEVICE_ERROR (vyre_device_error_quark ())
VYRE_API GQuark vyre_device_error_quark (void);

typedef enum
{
  VYRE_DEVICE_ERROR_NO_DRIVER,  /* no loader, no driver, no device at all */
  VYRE_DEVICE_ERROR_NOT_FOUND,  /* no device of that index or name */
  VYRE_DEVICE_ERROR_UNSUITABLE, /* a feature is missing; the message names it */
  VYRE_DEVICE_ERROR_MEMORY,     /* out of memory, with sizes */
  VYRE_DEVICE_ERROR_LOST,       /* VK_ERROR_DEVICE_LOST */
  VYRE_DEVICE_ERROR_FAILED,     /* any other result, by name */
} VyreDeviceError;

typedef enum
{
  VYRE_DEVICE_DISCRETE,         /* in the order of preference */
  VYRE_DEVICE_INTEGRATED,
  VYRE_DEVICE_VIRTUAL,
  VYRE_DEVICE_CPU,
  VYRE_DEVICE_OTHER,
} VyreDeviceType;

typedef struct
{
  guint index;                  /* what device-index selects: enumeration order */
  char name[256];
  char driver[256];             /* name and version text */
  guint32 driver_version;
  guint8 uuid[16];
  VyreDeviceType type;
  guint32 api_version;
  guint32 subgroup_size;        /* the size kernels will run with */
  guint32 max_shared_bytes;
  guint32 max_workgroup_invocations;
  guint64 max_allocation;
  guint64 min_import_alignment; /* 0: host memory cannot be imported */
  guint64 device_local_bytes;
  guint64 mapped_local_bytes;   /* heap that is DEVICE_LOCAL and HOST_VISIBLE */
  guint32 multiprocessors;      /* 0: the driver does not say */
  guint n_queues;               /* of the compute family we use, at most 8 */
  gboolean has_float64, has_subgroup_size_control;
  char *unsuitable;             /* why it cannot be used, or %NULL */
} VyreDeviceInfo;

VYRE_API void vyre_device_info_clear (VyreDeviceInfo *info);

/* All devices in enumeration order; free with g_array_unref(). */
VYRE_API GArray *vyre_device_enumerate (GError **error);

typedef struct _VyreDevice VyreDevice;

/* The UUID as 32 hexadecimal digits; free with g_free(). */
VYRE_API char *vyre_device_info_dup_uuid (const VyreDeviceInfo *info);
/* Does it fulfil all of these wishes? index -1: any. name: a case-insensitive
 * part of the device's name, or %NULL. uuid: 32 hexadecimal digits in either
 * case, with or without dashes, or %NULL. */
VYRE_API gboolean vyre_device_info_matches (const VyreDeviceInfo *info,
    gint index, const char *name, const char *uuid);

/* The best suitable one by VyreDeviceType of those that fulfil the wishes (see
 * vyre_device_info_matches()). A device that was asked for and is unsuitable is
 * an error, never silently replaced; errors list what there is. Only its info
 * may be asked for before vyre_device_start(). */
VYRE_API VyreDevice *vyre_device_find (gint index, const char *name,
    const char *uuid, GError **error);
/* Makes the VkDevice, once. Takes a GPU's driver tens of milliseconds, in which
 * other threads cannot submit, and the GPU leaves what it is at for it. After an
 * error the device is only to be freed. */
VYRE_API gboolean vyre_device_start (VyreDevice *device, GError **error);
/* vyre_device_find() and vyre_device_start(). */
VYRE_API VyreDevice *vyre_device_open (gint index, const char *name,
    const char *uuid, GError **error);
VYRE_API VyreDevice *vyre_device_ref (VyreDevice *device);
VYRE_API void vyre_device_unref (VyreDevice *device);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreDevice, vyre_device_unref)

VYRE_API const VyreDeviceInfo *vyre_device_get_info (VyreDevice *device);

/* --- for the runtime itself; not exported ------------------------------- */

typedef enum
{
  /* Ring, control, descriptors, code: DEVICE_LOCAL and HOST_VISIBLE and
   * COHERENT, mapped; any HOST_VISIBLE COHERENT type where there is none. */
  VYRE_MEMORY_RING,
  /* Completion records: HOST_VISIBLE, COHERENT, CACHED, mapped. */
  VYRE_MEMORY_RECORDS,
  /* DEVICE_LOCAL, not mapped: save areas. */
  VYRE_MEMORY_SCRATCH,
  /* Device arena: like RING but an error where there is no such type. */
  VYRE_MEMORY_ARENA,
} VyreMemoryUse;

/* One buffer with its own memory and device address. Zeroed when mapped. */
typedef struct
{
  VyreDevice *device;           /* a reference */
  gsize size;
  guint8 *map;                  /* %NULL for SCRATCH */
  guint64 address;              /* of the GPU */
  gboolean device_local;
  gboolean imported;
  /*< private >*/
  guint64 buffer, memory;       /* Vulkan handles */
} VyreMemory;

VyreMemory *vyre_memory_new (VyreDevice *device, gsize size, VyreMemoryUse use,
    const char *debug_name, GError **error);
/* Imports [pointer, pointer + size): alignment and size are checked against
 * the device's and both numbers are in the message. The range must stay mapped
 * until vyre_memory_free(). */
VyreMemory *vyre_memory_import (VyreDevice *device, gpointer pointer,
    gsize size, const char *debug_name, GError **error);
void vyre_memory_free (VyreMemory *memory);

/* Whose machine code, and what driver's. */
typedef struct
{
  guint32 vendor, device, driver_version, subgroup_size;
  guint8 cache_uuid[16];        /* pipelineCacheUUID */
} VyreDriverId;

void vyre_device_get_driver_id (VyreDevice *device, VyreDriverId *id);

/* What a driver keeps of a pipeline to have it sooner next time. One thread at
 * a time. */
typedef struct _VyrePipelineCache VyrePipelineCache;

/* known: what another one has given, in this process or an earlier one, or
 * %NULL. It must be unchanged, or drivers may crash: keep it where nobody else
 * writes, with a digest. Bytes of another device or driver are left out. */
VyrePipelineCache *vyre_pipeline_cache_new (VyreDevice *device, GBytes *known,
    GError **error);
/* Bytes of known that the driver was given: all, or 0. */
gsize vyre_pipeline_cache_get_known (const VyrePipelineCache *cache);
/* %NULL: the driver keeps nothing. */
GBytes *vyre_pipeline_cache_dup_data (VyrePipelineCache *cache);
void vyre_pipeline_cache_free (VyrePipelineCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyrePipelineCache, vyre_pipeline_cache_free)

/* A memory's words for kernels that load through texel buffers, which some CPU
 * devices do many lanes at a time where they follow addresses one by one:
 * descriptor set 0, binding 0, an array of three usamplerBuffer with texels of
 * one, two and four words. What a kernel reads so, nobody may write meanwhile. */
typedef struct _VyreTexels VyreTexels;

/* The memory must live until the last reference, of pipelines too, is gone.
 * VYRE_DEVICE_ERROR_UNSUITABLE or _MEMORY: the device cannot. */
VyreTexels *vyre_texels_new (const VyreMemory *memory, GError **error);
void vyre_texels_unref (VyreTexels *texels);

typedef struct _VyrePipeline VyrePipeline;

/* A compute pipeline without descriptor sets: everything by push constants and
 * device addresses. spec_constants[i] is specialisation constant i. With
 * full_subgroups the workgroup's x size is a multiple of info.subgroup_size and
 * that size is required where the device can. cache: of this pipeline alone, or
 * %NULL for the one that all others of the device share. compile_ns: time the
 * driver took, or %NULL. */
VyrePipeline *vyre_pipeline_new (VyreDevice *device, const guint32 *spirv,
    gsize spirv_bytes, const guint32 *spec_constants, guint n_spec_constants,
    guint push_constant_bytes, gboolean full_subgroups,
    VyrePipelineCache *cache, const char *debug_name, guint64 *compile_ns,
    GError **error);
/* The same, but with these texels (%NULL: none). */
VyrePipeline *vyre_pipeline_new_with_texels (VyreDevice *device,
    VyreTexels *texels, const guint32 *spirv, gsize spirv_bytes,
    const guint32 *spec_constants, guint n_spec_constants,
    guint push_constant_bytes, gboolean full_subgroups,
    VyrePipelineCache *cache, const char *debug_name, guint64 *compile_ns,
    GError **error);
void vyre_pipeline_free (VyrePipeline *pipeline);

/* A launch in flight: owns its command buffer and fence. */
typedef struct _VyreLaunch VyreLaunch;

/* Submits groups x 1 x 1 workgroups on queue queue_index (modulo
 * info.n_queues), after a host-to-device barrier and followed by a
 * device-to-host one. Any thread; calls on one queue are serialised inside. */
VyreLaunch *vyre_device_launch (VyreDevice *device, VyrePipeline *pipeline,
    guint queue_index, guint32 groups, const void *push_constants,
    gsize push_constant_bytes, GError **error);
/* TRUE when it has ended; FALSE on timeout (error unset) or failure (error
 * set, VYRE_DEVICE_ERROR_LOST when the device is gone). 0 only looks. */
gboolean vyre_launch_wait (VyreLaunch *launch, guint64 timeout_ns,
    GError **error);
/* The launch must have ended or the device be lost. */
void vyre_launch_free (VyreLaunch *launch);

/* --- copies beside a running kernel (copy.c) ----------------------------- */

typedef enum
{
  VYRE_COPY_NONE, /* every queue is one that kernels run on */
  VYRE_COPY_TRANSFER, /* on a queue family that only transfers */
  VYRE_COPY_KERNEL, /* by a small kernel on a queue of its own */
} VyreCopyMethod;

/* What the device can do. */
VyreCopyMethod vyre_device_get_copy_method (VyreDevice *device);

/* One thread at a time. */
typedef struct _VyreCopier VyreCopier;

#define VYRE_COPY_SOURCES 3

/* For copies of at most @bytes in all into memory that the CPU reads fast. A
 * @method that the device has no queue for shares one with kernels, and then
 * waits for them. */
VyreCopier *vyre_copier_new (VyreDevice *device, VyreCopyMethod method,
    gsize bytes, GError **error);
/* Waits for a copy that is still in flight. */
void vyre_copier_free (VyreCopier *copier);
/* Copies @sources (RING memory of whole words, at most VYRE_COPY_SOURCES), one
 * behind the other. What it returns is valid until the next call. %NULL with
 * @error unset when the copy takes longer than @timeout_ns, and at once while
 * such a copy is still in flight. The sources must live until it has ended. */
const guint8 *vyre_copier_run (VyreCopier *copier, VyreMemory *const *sources,
    guint n, guint64 timeout_ns, GError **error);

G_END_DECLS
