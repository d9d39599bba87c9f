/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The compiled tier: executables that are hot, or asked for, are compiled by
 * one thread of the process, and their windows published for the compiled
 * kernel from then on. Windows in flight end where they are.
 */

#include "engine-private.h"
#include "../jit/jit.h"

#include <stdint.h>
#include "compiled-frame-parallel.comp.h"
#include "compiled-frame-texels.comp.h"
#include "compiled-frame.comp.h"

#include <string.h>

/* A program is hot when it has run this often, or has had so many bytes bound:
 * compiling takes as long as interpreting that, within a factor of ten. */
#define HOT_WINDOWS 64
#define HOT_BYTES (64 * 1024 * 1024)
/* On a CPU an interpreted byte costs far more. */
#define HOT_WINDOWS_CPU 4
#define HOT_BYTES_CPU (256 * 1024)
/* There, no more windows than this are begun while a program is compiled: they
 * would take longer than the compiler and its code. */
#define AHEAD_CPU 1

/* Lane groups of a workgroup where programs are straight. Measured: eight are
 * slower. */
#define TEAM 4

/* Loop passes of an invocation that compiled code cannot be interrupted in. */
#define LONG_PASSES (1024 * 1024)

/* --- compiling ------------------------------------------------------------- */

static const char *
frame_of (const VyreRuntime *runtime)
{
  return runtime->parallel         ? vyre_compiled_frame_parallel_text
         : runtime->texels != NULL ? vyre_compiled_frame_texels_text
                                   : vyre_compiled_frame_text;
}

/* The cache of the process, or NULL where there cannot be one. */
static VyreJitCache *
shared_cache (void)
{
  static gsize said;
  const char *reason;
  VyreJitCache *cache = vyre_code_cache (&reason);

  if (cache == NULL && g_once_init_enter (&said)) {
    g_message ("compiled programs are not kept: %s", reason);
    g_once_init_leave (&said, 1);
  }
  return cache;
}

/* Lane groups of a workgroup where the program allows it. */
static guint
choose_team (const VyreRuntime *runtime)
{
  const VyreDeviceInfo *info = runtime->info;

  return runtime->parallel && info->has_subgroup_size_control &&
                 info->max_workgroup_invocations >= TEAM * runtime->lanes
             ? TEAM
             : 1;
}

/* Would anything wait for the driver? Windows of this program may, if there have
 * been any. */
static gboolean
is_in_use (VyreExecutable *executable)
{
  VyreRuntime *runtime = executable->runtime;

  g_mutex_lock (&runtime->lock);
  gboolean used =
      executable->n_windows > 0 || !g_queue_is_empty (&runtime->windows);
  vyre_runtime_unlock (runtime);
  return used;
}

static VyrePipeline *
build_pipeline (VyreExecutable *executable, gboolean *may_be_long,
    VyreJitTimes *times, VyrePipelineTimes *driver, GError **error)
{
  VyreRuntime *runtime = executable->runtime;
  VyreJitOptions options = VYRE_JIT_OPTIONS_DEFAULT;
  gsize size;

  /* Drivers for CPUs compile slowly. */
  options.narrow_checks = runtime->info->type == VYRE_DEVICE_CPU;
  /* Where loops are cut, a batch is as long as a slice at most. */
  if (runtime->pass_budget < G_MAXINT32)
    options.max_passes = runtime->slice / 2;
  /* Elsewhere it is short, or can begin again. */
  if (runtime->parallel)
    options.max_passes = LONG_PASSES;
  options.lanes = runtime->lanes;
  options.team = choose_team (runtime);
  g_autoptr (GError) refused = NULL;
  g_autoptr (GBytes) spirv = vyre_jit_build (executable->lowered, &options,
      frame_of (runtime), shared_cache (), times, &refused);
  if (spirv == NULL && runtime->parallel &&
      g_error_matches (refused, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED) &&
      vyre_executable_can_restart (executable)) {
    g_clear_error (&refused);
    options.max_passes = 0;
    *may_be_long = TRUE;
    spirv = vyre_jit_build (executable->lowered, &options, frame_of (runtime),
        shared_cache (), times, &refused);
  }
  if (spirv == NULL) {
    g_propagate_error (error, g_steal_pointer (&refused));
    return NULL;
  }
  const guint32 *words = g_bytes_get_data (spirv, &size);
  guint64 rehearsed =
      is_in_use (executable)
          ? vyre_runtime_rehearse (runtime, words, size, VYRE_KERNEL_ALL,
                times->team, "vyre compiled program")
          : 0;
  VyrePipeline *pipeline = vyre_runtime_build_pipeline (runtime, words, size,
      VYRE_KERNEL_ALL, times->team, "vyre compiled program", driver, error);
  driver->ns += rehearsed;
  return pipeline;
}

static void
compile (gpointer data, gpointer unused)
{
  VyreExecutable *executable = data;
  VyreRuntime *runtime = executable->runtime;
  g_autoptr (GError) error = NULL;
  VyrePipeline *pipeline = NULL;
  VyreJitTimes times = { 0 };
  VyrePipelineTimes driver = { 0 };
  gboolean may_be_long = FALSE;

  /* If only we refer to it nobody wants the result any more. */
  gboolean wanted =
      g_atomic_int_get (&executable->refs) > 1 && !vyre_is_exiting ();
  if (wanted)
    pipeline =
        build_pipeline (executable, &may_be_long, &times, &driver, &error);

  g_mutex_lock (&runtime->lock);
  if (pipeline != NULL) {
    VyreKernel *kernel = g_new0 (VyreKernel, 1);

    kernel->refs = 1;
    kernel->id = VYRE_KERNEL_COMPILED | ++runtime->n_compiled;
    kernel->pipeline = pipeline;
    g_ptr_array_add (runtime->compiled, kernel);
    executable->compiled = kernel;
    executable->may_be_long = may_be_long;
    executable->batch = times.unroll * runtime->lanes * times.team;
    kernel->team = times.team;
    executable->tier = VYRE_TIER_COMPILED;
    runtime->kernel_compile_ns += driver.ns;
    g_info ("a program was compiled: %s, driver %.0f ms%s",
        times.cached ? "from the cache" : "generated and translated",
        driver.ns / 1e6, driver.cached ? " from the cache" : "");
  } else if (wanted) {
    executable->tier = VYRE_TIER_REFUSED;
    executable->refusal = g_strdup (error->message);
    g_info ("a program stays interpreted: %s", error->message);
  } else {
    executable->tier = VYRE_TIER_INTERPRETED;
  }
  g_cond_broadcast (&runtime->ended);
  vyre_runtime_unlock (runtime);

  vyre_executable_unref (executable);
  /* Whoever lets go of the runtime waits for us: we must have let go too when
   * the count says so. */
  g_mutex_lock (&runtime->lock);
  runtime->n_compiling--;
  g_cond_broadcast (&runtime->ended);
  gboolean last = !vyre_runtime_release_if_shared (runtime);
  vyre_runtime_unlock (runtime);
  if (last)
    vyre_runtime_release (runtime);
}

static GThreadPool *
shared_pool (void)
{
  static GThreadPool *pool;
  static gsize once;

  if (g_once_init_enter (&once)) {
    pool = g_thread_pool_new (compile, NULL, 1, FALSE, NULL);
    g_once_init_leave (&once, 1);
  }
  return pool;
}

/* Lock held. */
static void
start_compiling (VyreExecutable *executable)
{
  if (executable->tier != VYRE_TIER_INTERPRETED)
    return;
  executable->tier = VYRE_TIER_COMPILING;
  vyre_runtime_ref (executable->runtime)->n_compiling++;
  g_thread_pool_push (shared_pool (), vyre_executable_ref (executable), NULL);
}

/* --- kernels ------------------------------------------------------------------ */

VyreKernel *
vyre_kernel_ref (VyreKernel *kernel)
{
  if (kernel->id != 0)
    g_atomic_int_inc (&kernel->refs);
  return kernel;
}

void
vyre_kernel_unref (VyreKernel *kernel)
{
  if (kernel->id == 0 || !g_atomic_int_dec_and_test (&kernel->refs))
    return;
  vyre_pipeline_free (kernel->pipeline);
  g_free (kernel);
}

static gboolean
runs_compiled (const VyreExecutable *executable)
{
  return executable->tier == VYRE_TIER_COMPILED &&
         executable->engine != VYRE_ENGINE_INTERP;
}

gboolean
vyre_executable_is_quick (const VyreExecutable *executable)
{
  return runs_compiled (executable) && !executable->loops &&
         !executable->lowered->grouped;
}

VyreKernel *
vyre_executable_choose_kernel (VyreExecutable *executable, guint64 n_bytes)
{
  VyreRuntime *runtime = executable->runtime;
  gboolean cpu = runtime->info->type == VYRE_DEVICE_CPU;

  executable->n_windows += executable->n_windows < G_MAXUINT;
  executable->n_bytes += n_bytes;
  if (executable->engine == VYRE_ENGINE_AUTO &&
      (executable->n_windows >= (cpu ? HOT_WINDOWS_CPU : HOT_WINDOWS) ||
          executable->n_bytes >= (cpu ? HOT_BYTES_CPU : HOT_BYTES)))
    start_compiling (executable);
  return runs_compiled (executable) ? executable->compiled
                                    : executable->interpreter;
}

gboolean
vyre_executable_should_wait (const VyreExecutable *executable)
{
  return executable->tier == VYRE_TIER_COMPILING &&
         executable->engine != VYRE_ENGINE_INTERP &&
         executable->runtime->info->type == VYRE_DEVICE_CPU &&
         executable->n_in_flight >= AHEAD_CPU;
}

void
vyre_executable_drop_compiled (VyreExecutable *executable)
{
  VyreRuntime *runtime = executable->runtime;
  VyreKernel *kernel = executable->compiled;

  if (kernel != NULL) {
    g_mutex_lock (&runtime->lock);
    g_ptr_array_remove_fast (runtime->compiled, kernel);
    vyre_runtime_unlock (runtime);
    vyre_kernel_unref (kernel);
  }
  g_free (executable->refusal);
}

/* --- what users see ------------------------------------------------------------ */

void
vyre_executable_set_engine (VyreExecutable *executable, VyreEngine engine)
{
  VyreRuntime *runtime = executable->runtime;

  g_mutex_lock (&runtime->lock);
  executable->engine = engine;
  if (engine == VYRE_ENGINE_JIT)
    start_compiling (executable);
  vyre_runtime_unlock (runtime);
}

VyreTier
vyre_executable_get_tier (VyreExecutable *executable, char **reason)
{
  VyreRuntime *runtime = executable->runtime;

  g_mutex_lock (&runtime->lock);
  VyreTier tier = executable->tier;
  if (reason != NULL)
    *reason = g_strdup (executable->refusal);
  vyre_runtime_unlock (runtime);
  /* Compiled, but asked not to use it. */
  return tier == VYRE_TIER_COMPILED && executable->engine == VYRE_ENGINE_INTERP
             ? VYRE_TIER_INTERPRETED
             : tier;
}

VyreTier
vyre_executable_wait_compiled (VyreExecutable *executable, gint64 end_time)
{
  VyreRuntime *runtime = executable->runtime;

  g_mutex_lock (&runtime->lock);
  while (executable->tier == VYRE_TIER_COMPILING &&
         g_cond_wait_until (&runtime->ended, &runtime->lock, end_time))
    continue;
  VyreTier tier = executable->tier;
  vyre_runtime_unlock (runtime);
  return tier;
}
