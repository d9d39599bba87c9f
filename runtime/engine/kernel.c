/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Kernels: compiled once, found by what windows need. */

#include "engine-private.h"

#include <stdint.h>
#include "builtins-spv.h"
#include "megakernel-parallel-spv.h"
#include "megakernel-spv.h"

VyreKernel *
vyre_runtime_need_interpreter (
    VyreRuntime *runtime, guint features, GError **error)
{
  /* Where every case of a switch executes, a lesser kernel is a faster one.
   * Elsewhere it is not, and the one for everything is never replaced for a new
   * program. */
  if (runtime->parallel)
    features = VYRE_KERNEL_ALL;

  VyreKernel *kernel = &runtime->interpreters[features];
  gboolean ok = TRUE;
  g_mutex_lock (&runtime->compile_lock);
  if (kernel->pipeline == NULL) {
    VyrePipelineTimes times;
    VyrePipeline *pipeline = vyre_runtime_build_pipeline (runtime,
        runtime->parallel ? (const guint32 *) vyre_megakernel_parallel_spv
                          : (const guint32 *) vyre_megakernel_spv,
        runtime->parallel ? sizeof vyre_megakernel_parallel_spv
                          : sizeof vyre_megakernel_spv,
        features, 1, "vyre megakernel", &times, error);
    ok = pipeline != NULL;
    g_mutex_lock (&runtime->lock);
    kernel->pipeline = pipeline;
    runtime->kernel_compile_ns += times.ns;
    vyre_runtime_unlock (runtime);
    if (ok)
      g_info ("kernel with features %u compiled%s in %.0f ms", features,
          times.cached ? " from the cache" : "", times.ns / 1e6);
  }
  g_mutex_unlock (&runtime->compile_lock);
  return ok ? kernel : NULL;
}

VyreKernel *
vyre_runtime_need_builtins (VyreRuntime *runtime, GError **error)
{
  g_mutex_lock (&runtime->compile_lock);
  if (runtime->builtins == NULL) {
    VyrePipelineTimes times;
    VyrePipeline *pipeline = vyre_runtime_build_pipeline (runtime,
        (const guint32 *) vyre_builtins_spv, sizeof vyre_builtins_spv, 0, 1,
        "vyre builtins", &times, error);

    if (pipeline != NULL) {
      VyreKernel *kernel = g_new0 (VyreKernel, 1);

      kernel->refs = 1;
      kernel->id = VYRE_KERNEL_BUILTIN;
      kernel->pipeline = pipeline;
      g_mutex_lock (&runtime->lock);
      g_ptr_array_add (runtime->compiled, kernel);
      runtime->builtins = kernel;
      runtime->kernel_compile_ns += times.ns;
      vyre_runtime_unlock (runtime);
      g_info ("kernel for builtins compiled%s in %.0f ms",
          times.cached ? " from the cache" : "", times.ns / 1e6);
    }
  }
  VyreKernel *kernel = runtime->builtins;
  g_mutex_unlock (&runtime->compile_lock);
  return kernel;
}

gboolean
vyre_runtime_prime_queues (
    VyreRuntime *runtime, VyreKernel *kernel, GError **error)
{
  guint n = MIN (runtime->info->n_queues, VYRE_MAX_LAUNCHES);
  gboolean ok = TRUE;

  for (guint queue = 0; ok && queue < n; queue++)
    ok =
        vyre_runtime_launch_unfuelled (runtime, kernel->pipeline, queue, error);
  /* No launches that count. */
  vyre_poke (runtime->control, VYRE_C_EXITED, 0);
  vyre_ring_store_fence ();
  return ok;
}

void
vyre_runtime_clear_kernels (VyreRuntime *runtime)
{
  g_clear_pointer (&runtime->builtins, vyre_kernel_unref);
  for (guint i = 0; i < VYRE_KERNELS; i++)
    g_clear_pointer (&runtime->interpreters[i].pipeline, vyre_pipeline_free);
}

/* Lock held. May this kernel run what is published for that one? */
static gboolean
stands_for (const VyreKernel *kernel, const VyreKernel *wanted)
{
  if (kernel->id != 0 || wanted->id != 0)
    return kernel == wanted;
  return (wanted->features & ~kernel->features) == 0;
}

gboolean
vyre_kernel_is_served (VyreRuntime *runtime, const VyreKernel *kernel)
{
  const guint32 *closed = vyre_runtime_tail (runtime) + VYRE_TAIL_CLOSED;

  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];

    if (active->launch != NULL && !active->leaving &&
        active->generation >= kernel->required &&
        stands_for (active->kernel, kernel) &&
        __atomic_load_n (&closed[i], __ATOMIC_RELAXED) == 0)
      return TRUE;
  }
  return FALSE;
}

gboolean
vyre_runtime_is_served (VyreRuntime *runtime)
{
  for (guint i = 0; i < VYRE_KERNELS; i++) {
    const VyreKernel *kernel = &runtime->interpreters[i];

    if (kernel->n_windows > 0 && !vyre_kernel_is_served (runtime, kernel))
      return FALSE;
  }
  for (guint i = 0; i < runtime->compiled->len; i++) {
    const VyreKernel *kernel = g_ptr_array_index (runtime->compiled, i);

    if (kernel->n_windows > 0 && !vyre_kernel_is_served (runtime, kernel))
      return FALSE;
  }
  return TRUE;
}
