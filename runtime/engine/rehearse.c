/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A CPU's driver makes machine code at the first launch of a pipeline, on the
 * thread that runs whatever is submitted: all that is in flight would wait for
 * it, seconds perhaps. So another VkDevice launches the same pipeline before,
 * and the one at work finds the code in the driver's cache on disk.
 */

#include "engine-private.h"

/* Drivers write their caches in the background. */
#define CACHE_US (200 * 1000)

/* In the order in which they are made. */
typedef struct
{
  VyreDevice *device;
  VyreMemory *words; /* in place of all of the runtime's */
  VyreMemory *arena;
  VyreTexels *texels;
  VyrePipeline *pipeline;
} Stage;

static void
clear_stage (Stage *stage)
{
  g_clear_pointer (&stage->pipeline, vyre_pipeline_free);
  g_clear_pointer (&stage->texels, vyre_texels_unref);
  g_clear_pointer (&stage->arena, vyre_memory_free);
  g_clear_pointer (&stage->words, vyre_memory_free);
  g_clear_pointer (&stage->device, vyre_device_unref);
}

/* Code depends on what the texels are of. */
static gboolean
set_up_texels (Stage *stage, const VyreRuntime *runtime, GError **error)
{
  VyreArena *arena = runtime->mapped[0].arena;

  if (runtime->texels == NULL)
    return TRUE;
  stage->arena = vyre_memory_import (stage->device, vyre_arena_get_base (arena),
      vyre_arena_get_size (arena), "vyre rehearsal arena", error);
  if (stage->arena != NULL)
    stage->texels = vyre_texels_new (stage->arena, error);
  return stage->texels != NULL;
}

static gboolean
launch (Stage *stage, VyreRuntime *runtime, GError **error)
{
  VyreLaunchConstants constants;

  vyre_runtime_launch_constants (runtime, 0, 0, 0, &constants);
  constants.control = constants.ring = constants.records =
      constants.descriptors = constants.areas = constants.area_map =
          constants.door = constants.texels = stage->words->address;
  return vyre_launch_unfuelled (
      stage->device, stage->pipeline, 0, &constants, error);
}

guint64
vyre_runtime_rehearse (VyreRuntime *runtime, const guint32 *spirv,
    gsize spirv_bytes, guint features, guint team, const char *name)
{
  const guint32 constants[] = { VYRE_SPEC_CONSTANTS (runtime, features, team) };
  g_autofree char *uuid = vyre_device_info_dup_uuid (runtime->info);
  g_autoptr (GError) error = NULL;
  Stage stage = { 0 };
  gint64 start = g_get_monotonic_time ();

  if (runtime->info->type != VYRE_DEVICE_CPU)
    return 0;
  stage.device =
      vyre_device_open ((gint) runtime->info->index, NULL, uuid, &error);
  if (stage.device != NULL)
    stage.words = vyre_memory_new (stage.device, VYRE_CONTROL_WORDS * 4,
        VYRE_MEMORY_RING, "vyre rehearsal", &error);
  if (stage.words != NULL && set_up_texels (&stage, runtime, &error))
    stage.pipeline = vyre_pipeline_new_with_texels (stage.device, stage.texels,
        spirv, spirv_bytes, constants, G_N_ELEMENTS (constants),
        sizeof (VyreLaunchConstants), TRUE, NULL, name, NULL, &error);
  gboolean ok = stage.pipeline != NULL && launch (&stage, runtime, &error);
  if (!ok)
    g_info ("%s: compiled where others wait for it: %s", name, error->message);
  clear_stage (&stage);
  guint64 ns = (g_get_monotonic_time () - start) * 1000;
  if (ok)
    g_usleep (CACHE_US);
  return ns;
}
