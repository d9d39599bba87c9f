/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Modules become pipelines, with what the driver kept of them on disk. */

#include "engine-private.h"
#include "../jit/jit.h"

VyreJitCache *
vyre_code_cache (const char **reason)
{
  static VyreJitCache *cache;
  static char *why;
  static gsize once;

  if (g_once_init_enter (&once)) {
    g_autoptr (GError) error = NULL;

    cache = vyre_jit_cache_open (NULL, 0, &error);
    if (cache == NULL)
      why = g_strdup (error->message);
    g_once_init_leave (&once, 1);
  }
  if (reason != NULL)
    *reason = why;
  return cache;
}

gboolean
vyre_launch_unfuelled (VyreDevice *device, VyrePipeline *pipeline, guint queue,
    VyreLaunchConstants *constants, GError **error)
{
  constants->fuel = 0;
  VyreLaunch *launch = vyre_device_launch (
      device, pipeline, queue, 1, constants, sizeof *constants, error);
  if (launch == NULL)
    return FALSE;
  g_autoptr (GError) local = NULL;
  while (!vyre_launch_wait (launch, G_USEC_PER_SEC * 1000ull, &local) &&
         local == NULL)
    continue;
  vyre_launch_free (launch);
  if (local != NULL) {
    g_propagate_error (error, g_steal_pointer (&local));
    return FALSE;
  }
  return TRUE;
}

gboolean
vyre_runtime_launch_unfuelled (
    VyreRuntime *runtime, VyrePipeline *pipeline, guint queue, GError **error)
{
  VyreLaunchConstants constants;

  /* It leaves before it looks at anything, whatever generation it is of. */
  vyre_runtime_launch_constants (runtime, 0, 0, 0, &constants);
  return vyre_launch_unfuelled (
      runtime->device, pipeline, queue, &constants, error);
}

/* The driver compiles at the first launch, if not before. */
static gboolean
first_launch (
    VyreRuntime *runtime, VyrePipeline *pipeline, guint64 *ns, GError **error)
{
  gint64 start = g_get_monotonic_time ();
  gboolean ok = vyre_runtime_launch_unfuelled (runtime, pipeline, 0, error);

  *ns += (g_get_monotonic_time () - start) * 1000;
  return ok;
}

/* What this driver kept of that pipeline in this process or an earlier one. */
static VyrePipelineCache *
open_pipeline_cache (
    VyreRuntime *runtime, VyreJitCache *files, const VyreJitKey *key)
{
  g_autoptr (GBytes) known =
      vyre_jit_cache_load (files, VYRE_JIT_CACHE_PIPELINE, key);
  g_autoptr (GError) error = NULL;
  VyrePipelineCache *cache =
      vyre_pipeline_cache_new (runtime->device, known, &error);

  if (cache == NULL) {
    g_debug ("pipelines are not kept: %s", error->message);
    return NULL;
  }
  if (known != NULL && vyre_pipeline_cache_get_known (cache) == 0) {
    g_info ("a cached pipeline is not this driver's; it is replaced");
    vyre_jit_cache_remove (files, VYRE_JIT_CACHE_PIPELINE, key);
  }
  return cache;
}

static void
keep_pipeline_cache (
    VyreJitCache *files, const VyreJitKey *key, VyrePipelineCache *cache)
{
  gsize known = vyre_pipeline_cache_get_known (cache);
  g_autoptr (GBytes) data = vyre_pipeline_cache_dup_data (cache);
  g_autoptr (GError) error = NULL;
  static gsize said;

  if (data == NULL) {
    if (g_once_init_enter (&said)) {
      g_debug ("the driver keeps nothing of pipelines");
      g_once_init_leave (&said, 1);
    }
    return;
  }
  /* Drivers add to what they were given where it did not help. */
  if (g_bytes_get_size (data) <= known)
    return;
  if (!vyre_jit_cache_store (
          files, VYRE_JIT_CACHE_PIPELINE, key, data, &error) &&
      g_once_init_enter (&said)) {
    g_message ("compiled pipelines are not kept: %s", error->message);
    g_once_init_leave (&said, 1);
  }
}

VyrePipeline *
vyre_runtime_build_pipeline (VyreRuntime *runtime, const guint32 *spirv,
    gsize spirv_bytes, guint features, guint team, const char *name,
    VyrePipelineTimes *times, GError **error)
{
  guint32 constants[] = { VYRE_SPEC_CONSTANTS (runtime, features, team) };
  VyreJitCache *files = vyre_code_cache (NULL);
  g_autoptr (VyrePipelineCache) cache = NULL;
  VyreDriverId driver;
  VyreJitKey key;

  *times = (VyrePipelineTimes){ 0 };
  if (vyre_is_exiting ()) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_SHUTDOWN,
        "%s: not compiled, the process exits", name);
    return NULL;
  }
  if (files != NULL) {
    vyre_device_get_driver_id (runtime->device, &driver);
    vyre_jit_key_pipeline (spirv, spirv_bytes, constants,
        G_N_ELEMENTS (constants), &driver, sizeof driver, &key);
    cache = open_pipeline_cache (runtime, files, &key);
    times->cached = cache != NULL && vyre_pipeline_cache_get_known (cache) > 0;
  }
  VyrePipeline *pipeline = vyre_pipeline_new_with_texels (runtime->device,
      runtime->texels, spirv, spirv_bytes, constants, G_N_ELEMENTS (constants),
      sizeof (VyreLaunchConstants), TRUE, cache, name, &times->ns, error);
  if (pipeline != NULL && !first_launch (runtime, pipeline, &times->ns, error))
    g_clear_pointer (&pipeline, vyre_pipeline_free);
  if (pipeline != NULL && cache != NULL)
    keep_pipeline_cache (files, &key, cache);
  return pipeline;
}
