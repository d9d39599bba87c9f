/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The runtime's life: registry, construction, end. */

#include "engine-private.h"
#include "../hex.h"

#include <string.h>

#define CODE_BYTES (8 * 1024 * 1024)
/* Instructions a lane group runs between two looks at what the host wants. */
#define SLICE 4096
/* Without a step until a tile is suspected to be nobody's: longer than a busy
 * machine keeps a thread from running. */
#define HANG_US (2 * G_USEC_PER_SEC)
/* Looks at an empty ring before a kernel leaves. */
#define IDLE_POLLS_SLICED 4
#define IDLE_POLLS_RESIDENT 4000
#define DEVICE_ARENA_BYTES (256 * 1024 * 1024)
#define AREA_BYTES_CPU (512 * 1024)
#define AREA_BYTES (128 * 1024)
/* There is a save area for the tile of each slot and one that each workgroup has
 * in hand: suspended tiles keep theirs, and what never ends would keep all of
 * fewer, so that nothing new could begin. A smaller ring where that is more than
 * this part of the device's memory; a CPU touches only areas that it needs. */
#define AREA_SHARE 8
#define AREA_SHARE_CPU 4
#define SLOTS_NORMAL 16384
#define SLOTS_OTHER 1024
#define SLOTS_NORMAL_CPU 256
#define SLOTS_OTHER_CPU 32
#define SLOTS_LEAST 16
/* Lane groups per multiprocessor, and the total where their number is not
 * known. */
#define GROUPS_PER_MULTIPROCESSOR 16
#define GROUPS_UNKNOWN 512
/* Compiled programs need few registers and little shared memory. */
#define GROUPS_COMPILED 2

G_DEFINE_QUARK (vyre_runtime_error, vyre_runtime_error)

/* Guards the registry, and the last reference of a runtime against lookups. */
static GMutex registry_lock;
static guint n_ending; /* [registry_lock] runtimes that nobody refers to */
static GCond no_ending;
static GHashTable *registry; /* UUID text -> VyreRuntime, not owned */

static char *
registry_key (const VyreDeviceInfo *info)
{
  g_autofree char *uuid = vyre_hex_dup (info->uuid, sizeof info->uuid);

  /* Identical drivers may give identical devices one UUID. */
  return g_strdup_printf ("%s-%u", uuid, info->index);
}

/* --- construction ------------------------------------------------------------ */

/* The slots of each level, and the save areas for all of them. */
static void
choose_ring (VyreRuntime *runtime)
{
  gboolean cpu = runtime->info->type == VYRE_DEVICE_CPU;
  guint64 area_bytes = cpu ? AREA_BYTES_CPU : AREA_BYTES;
  guint64 room = runtime->info->device_local_bytes /
                 (cpu ? AREA_SHARE_CPU : AREA_SHARE) / area_bytes;
  guint normal = cpu ? SLOTS_NORMAL_CPU : SLOTS_NORMAL;
  guint other = cpu ? SLOTS_OTHER_CPU : SLOTS_OTHER;
  /* Two kinds of kernels may be there at once. */
  guint groups = runtime->workgroups + runtime->workgroups_compiled;

  while (normal > SLOTS_LEAST &&
         normal + (VYRE_PRI_LEVELS - 1) * other + groups > room) {
    normal /= 2;
    other = MAX (other / 2, SLOTS_LEAST);
  }
  for (guint i = 0; i < VYRE_PRI_LEVELS; i++) {
    VyreLevel *level = &runtime->levels[i];

    level->first = runtime->slots;
    level->slots = i == VYRE_PRI_NORMAL ? normal : other;
    runtime->slots += level->slots;
  }
  runtime->area_words = area_bytes / 4;
  runtime->n_areas = CLAMP (room, 32, runtime->slots + groups);
}

static void
choose_sizes (VyreRuntime *runtime)
{
  const VyreDeviceInfo *info = runtime->info;
  gboolean cpu = info->type == VYRE_DEVICE_CPU;

  runtime->lanes = info->subgroup_size;
  if (cpu)
    runtime->workgroups = 2 * g_get_num_processors ();
  else if (info->multiprocessors > 0)
    runtime->workgroups = info->multiprocessors * GROUPS_PER_MULTIPROCESSOR;
  else
    runtime->workgroups = GROUPS_UNKNOWN;
  runtime->wide_workgroups = runtime->workgroups;
  runtime->workgroups_compiled =
      cpu ? runtime->workgroups : runtime->workgroups * GROUPS_COMPILED;
  runtime->parallel = !cpu && info->subgroup_size >= 32;
  runtime->n_descriptors = cpu ? 512 : 8192;
  choose_ring (runtime);
  runtime->slice = SLICE;
  runtime->hang_us = HANG_US;
}

static gboolean
choose_residency (VyreRuntime *runtime, VyreResidency wish, GError **error)
{
  gboolean resident;

  if (!vyre_probe_residency (runtime->device, &runtime->pass_budget, &resident,
          &runtime->residency_reason, error))
    return FALSE;

  if (wish == VYRE_RESIDENCY_AUTO) {
    runtime->residency =
        resident ? VYRE_RESIDENCY_RESIDENT : VYRE_RESIDENCY_SLICED;
  } else {
    char *probed = runtime->residency_reason;
    runtime->residency = wish;
    runtime->residency_reason = g_strdup_printf ("asked for; %s", probed);
    g_free (probed);
  }
  runtime->idle_limit = runtime->residency == VYRE_RESIDENCY_RESIDENT
                            ? IDLE_POLLS_RESIDENT
                            : IDLE_POLLS_SLICED;
  return TRUE;
}

static gboolean
create_memory (VyreRuntime *runtime, GError **error)
{
  VyreDevice *device = runtime->device;
  const struct
  {
    VyreMemory **memory;
    gsize size;
    VyreMemoryUse use;
    const char *name;
  } wanted[] = {
    { &runtime->control, VYRE_CONTROL_WORDS * 4, VYRE_MEMORY_RING,
        "vyre control" },
    { &runtime->door, (VYRE_DOOR_WORDS + (gsize) runtime->slots) * 4,
        VYRE_MEMORY_RING, "vyre doorbell" },
    { &runtime->ring, (gsize) runtime->slots * VYRE_SLOT_BYTES,
        VYRE_MEMORY_RING, "vyre ring" },
    { &runtime->records,
        ((gsize) runtime->slots * VYRE_COMPLETION_WORDS + VYRE_TAIL_WORDS) * 4,
        VYRE_MEMORY_RECORDS, "vyre completion records" },
    { &runtime->descriptors,
        (gsize) runtime->n_descriptors * VYRE_DESCRIPTOR_WORDS * 4,
        VYRE_MEMORY_RING, "vyre descriptors" },
    { &runtime->areas, (gsize) runtime->n_areas * runtime->area_words * 4,
        VYRE_MEMORY_SCRATCH, "vyre save areas" },
    { &runtime->area_map, (runtime->n_areas + 31) / 32 * 4, VYRE_MEMORY_RING,
        "vyre free save areas" },
    { &runtime->code_memory, CODE_BYTES, VYRE_MEMORY_RING, "vyre code" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    *wanted[i].memory = vyre_memory_new (
        device, wanted[i].size, wanted[i].use, wanted[i].name, error);
    if (*wanted[i].memory == NULL)
      return FALSE;
  }
  runtime->code_arena = vyre_arena_new_mapped (
      runtime->code_memory->map, CODE_BYTES, VYRE_ARENA_DEVICE, NULL, NULL);
  return TRUE;
}

/* Compiled programs do without, at the price of slower loads. */
static void
attach_texels (VyreRuntime *runtime, const VyreMemory *memory)
{
  g_autoptr (GError) error = NULL;

  runtime->texels = vyre_texels_new (memory, &error);
  if (runtime->texels == NULL)
    g_info ("%s: no loads by texel buffers: %s", runtime->info->name,
        error->message);
}

/* The process's arena: imported where the device can. */
static gboolean
attach_host_arena (VyreRuntime *runtime, GError **error)
{
  g_autoptr (VyreArena) arena = vyre_arena_get_process (error);

  if (arena == NULL)
    return FALSE;
  VyreMemory *memory =
      vyre_memory_import (runtime->device, vyre_arena_get_base (arena),
          vyre_arena_get_size (arena), "vyre host arena", error);
  if (memory == NULL)
    return FALSE;
  guint i = runtime->n_mapped++;
  runtime->arena_memory[i] = memory;
  if (runtime->info->type == VYRE_DEVICE_CPU)
    attach_texels (runtime, memory);
  return vyre_mapped_arena_init (
      &runtime->mapped[i], arena, memory->address, TRUE);
}

/* Mapped device memory, offered to elements where it is worth having. Its
 * absence is normal. */
static gboolean
attach_device_arena (VyreRuntime *runtime, GError **wrong)
{
  g_autoptr (GError) error = NULL;
  gsize size;

  if (!vyre_arena_size_from_environment (
          "VYRE_DEVICE_ARENA_SIZE", DEVICE_ARENA_BYTES, &size, wrong))
    return FALSE;
  if (runtime->info->type == VYRE_DEVICE_CPU)
    return TRUE; /* the host arena is as near */
  VyreMemory *memory = vyre_memory_new (
      runtime->device, size, VYRE_MEMORY_ARENA, "vyre device arena", &error);
  if (memory == NULL) {
    g_info ("no device arena on %s: %s", runtime->info->name, error->message);
    return TRUE;
  }
  /* The arena owns the memory: its blocks may outlive the runtime. */
  g_autoptr (VyreArena) arena = vyre_arena_new_mapped (memory->map, size,
      VYRE_ARENA_DEVICE, (GDestroyNotify) vyre_memory_free, memory);
  vyre_mapped_arena_init (
      &runtime->mapped[runtime->n_mapped++], arena, memory->address, FALSE);
  return TRUE;
}

static gboolean
fill_control (VyreRuntime *runtime, GError **error)
{
  guint32 words[VYRE_C_OBSERVABLE + VYRE_CONTROL_OBSERVABLES];

  if (!vyre_ring_encode_control (words, G_N_ELEMENTS (words), FALSE, 0,
          VYRE_CONTROL_OBSERVABLES, error))
    return FALSE;
  words[VYRE_C_TENANT_BASE] = VYRE_CONTROL_TABLE;
  for (guint i = 0; i < VYRE_PRI_LEVELS; i++)
    words[VYRE_C_PRI_OFFSETS + i] = runtime->levels[i].first;
  words[VYRE_C_PRI_OFFSETS + VYRE_PRI_LEVELS] = runtime->slots;
  for (guint i = 0; i < G_N_ELEMENTS (words); i++)
    vyre_poke (runtime->control, i, words[i]);
  for (guint i = 0; i < runtime->n_areas; i += 32) {
    guint left = runtime->n_areas - i;
    vyre_poke (
        runtime->area_map, i / 32, left >= 32 ? G_MAXUINT32 : (1u << left) - 1);
  }
  vyre_ring_store_fence ();
  return TRUE;
}

static void
make_tables (VyreRuntime *runtime)
{
  guint n = runtime->n_descriptors;

  runtime->shadow = g_new0 (guint32, runtime->slots * VYRE_SLOT_WORDS);
  runtime->owners = g_new0 (VyreWindow *, runtime->slots);
  runtime->claims = g_new0 (VyreSlotClaim, runtime->slots);
  runtime->publishing = g_new (guint32, runtime->slots);
  runtime->compiled = g_ptr_array_new ();
  runtime->resources = g_ptr_array_new ();
  runtime->observable_taken = g_new0 (gboolean, VYRE_CONTROL_OBSERVABLES);
  runtime->observable_taken[0] = TRUE; /* the tag of fences */
  runtime->descriptor_generation = g_new0 (guint32, n);
  runtime->free_descriptors = g_new (guint32, n);
  for (guint i = 0; i < n; i++)
    runtime->free_descriptors[i] = n - 1 - i;
  runtime->n_free_descriptors = n;
  for (guint i = 0; i < VYRE_KERNELS; i++)
    runtime->interpreters[i].features = i;
}

/* Everything that construction may have made, in reverse. */
static void
destroy (VyreRuntime *runtime)
{
  vyre_runtime_end_monitor (runtime);
  if (runtime->supervisor != NULL) {
    g_mutex_lock (&runtime->lock);
    runtime->quit = TRUE;
    g_cond_broadcast (&runtime->work);
    g_mutex_unlock (&runtime->lock);
    g_thread_join (runtime->supervisor);
  }
  vyre_runtime_end_io (runtime);
  g_clear_pointer (&runtime->copier, vyre_copier_free);
  vyre_runtime_end_recording (runtime);
  vyre_runtime_clear_kernels (runtime);
  g_clear_pointer (&runtime->texels, vyre_texels_unref);
  for (guint i = 0; i < runtime->n_mapped; i++) {
    g_clear_pointer (&runtime->arena_memory[i], vyre_memory_free);
    vyre_mapped_arena_clear (&runtime->mapped[i]);
  }
  for (guint i = 0; i < VYRE_TENANTS; i++)
    g_clear_pointer (&runtime->uses[i].table, vyre_block_unref);
  g_clear_pointer (&runtime->code_arena, vyre_arena_unref);
  VyreMemory **memories[] = { &runtime->code_memory, &runtime->area_map,
    &runtime->areas, &runtime->descriptors, &runtime->records, &runtime->ring,
    &runtime->door, &runtime->control };
  for (guint i = 0; i < G_N_ELEMENTS (memories); i++)
    g_clear_pointer (memories[i], vyre_memory_free);
  g_clear_pointer (&runtime->tenants, vyre_ring_tenants_free);
  g_clear_pointer (&runtime->stats, vyre_tenant_stats_free);
  g_clear_pointer (&runtime->device, vyre_device_unref);
  g_free (runtime->shadow);
  g_free (runtime->owners);
  g_free (runtime->claims);
  g_free (runtime->publishing);
  g_clear_pointer (&runtime->compiled, g_ptr_array_unref);
  g_clear_pointer (&runtime->resources, g_ptr_array_unref);
  g_free (runtime->observable_taken);
  g_free (runtime->log);
  g_free (runtime->descriptor_generation);
  g_free (runtime->free_descriptors);
  g_free (runtime->residency_reason);
  g_free (runtime->failure);
  g_free (runtime->key);
  g_mutex_clear (&runtime->copy_lock);
  g_mutex_clear (&runtime->compile_lock);
  g_mutex_clear (&runtime->lock);
  g_cond_clear (&runtime->work);
  g_cond_clear (&runtime->ended);
  g_free (runtime);
}

static VyreRuntime *
runtime_new (
    VyreDevice *device, const char *key, VyreResidency wish, GError **error)
{
  VyreRuntime *runtime = g_new0 (VyreRuntime, 1);

  static guint64 serials; /* the registry's lock */

  runtime->refs = 1;
  runtime->serial = ++serials;
  runtime->device = vyre_device_ref (device);
  runtime->info = vyre_device_get_info (device);
  runtime->key = g_strdup (key);
  g_mutex_init (&runtime->compile_lock);
  g_mutex_init (&runtime->copy_lock);
  g_mutex_init (&runtime->lock);
  g_cond_init (&runtime->work);
  g_cond_init (&runtime->ended);
  g_queue_init (&runtime->windows);
  g_queue_init (&runtime->finished);
  g_queue_init (&runtime->holders);
  runtime->tenants = vyre_ring_tenants_new ();
  runtime->stats = vyre_tenant_stats_new ();
  choose_sizes (runtime);
  make_tables (runtime);

  if (!choose_residency (runtime, wish, error) ||
      !create_memory (runtime, error) || !attach_host_arena (runtime, error) ||
      !fill_control (runtime, error) || !attach_device_arena (runtime, error))
    goto failed;

  VyreKernel *kernel = vyre_runtime_need_interpreter (runtime, 0, error);
  if (kernel == NULL)
    goto failed;
  if (runtime->residency == VYRE_RESIDENCY_RESIDENT &&
      !vyre_runtime_prime_queues (runtime, kernel, error))
    goto failed;

  vyre_prepare_exit ();
  runtime->supervisor =
      g_thread_new ("vyre-supervisor", vyre_supervisor_run, runtime);
  vyre_runtime_begin_recording (runtime);
  vyre_runtime_begin_monitor (runtime);
  g_info ("%s: %s, %u workgroups of %u lanes; %s", runtime->info->name,
      runtime->residency == VYRE_RESIDENCY_RESIDENT ? "resident" : "sliced",
      runtime->workgroups, runtime->lanes, runtime->residency_reason);
  return runtime;

failed:
  destroy (runtime);
  return NULL;
}

/* --- registry ------------------------------------------------------------------ */

VyreRuntime *
vyre_runtime_acquire (const VyreRuntimeOptions *options, GError **error)
{
  VyreRuntimeOptions defaults = VYRE_RUNTIME_OPTIONS_DEFAULT;
  if (options == NULL)
    options = &defaults;

  g_autoptr (VyreDevice) device = vyre_device_find (
      options->device_index, options->device_name, options->device_uuid, error);
  if (device == NULL)
    return NULL;

  /* Held while a runtime is made, so that there is one per device. */
  g_mutex_lock (&registry_lock);
  if (registry == NULL)
    registry = g_hash_table_new (g_str_hash, g_str_equal);
  g_autofree char *key = registry_key (vyre_device_get_info (device));
  VyreRuntime *runtime = g_hash_table_lookup (registry, key);
  if (runtime != NULL && !runtime->failed && !runtime->draining) {
    vyre_runtime_ref (runtime);
  } else if (vyre_is_exiting ()) {
    runtime = NULL;
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_SHUTDOWN,
        "%s: no runtime is made, the process exits",
        vyre_device_get_info (device)->name);
  } else {
    /* Not before there is need of it: the GPU may be busy with the runtime
     * that there is. */
    runtime = vyre_device_start (device, error)
                  ? runtime_new (device, key, options->residency, error)
                  : NULL;
    if (runtime != NULL)
      g_hash_table_replace (registry, runtime->key, runtime);
  }
  g_mutex_unlock (&registry_lock);
  return runtime;
}

/* Who is in the registry has a reference until it is taken out, under the
 * lock. */
GPtrArray *
vyre_runtime_list (void)
{
  GPtrArray *list =
      g_ptr_array_new_with_free_func ((GDestroyNotify) vyre_runtime_unref);
  GHashTableIter iter;
  gpointer runtime;

  g_mutex_lock (&registry_lock);
  if (registry != NULL) {
    g_hash_table_iter_init (&iter, registry);
    while (g_hash_table_iter_next (&iter, NULL, &runtime))
      g_ptr_array_add (list, vyre_runtime_ref (runtime));
  }
  g_mutex_unlock (&registry_lock);
  return list;
}

VyreRuntime *
vyre_runtime_ref (VyreRuntime *runtime)
{
  g_atomic_int_inc (&runtime->refs);
  return runtime;
}

static gpointer
end (gpointer runtime)
{
  destroy (runtime);
  g_mutex_lock (&registry_lock);
  n_ending--;
  g_cond_broadcast (&no_ending);
  g_mutex_unlock (&registry_lock);
  return NULL;
}

void
vyre_runtime_wait_ending (gint64 end_time)
{
  g_mutex_lock (&registry_lock);
  while (
      n_ending > 0 && g_cond_wait_until (&no_ending, &registry_lock, end_time))
    continue;
  g_mutex_unlock (&registry_lock);
}

/* Lock held. Are there no references but the caller's and those of executables
 * that are being compiled: their own and the compiling thread's? */
static gboolean
only_compiling (const VyreRuntime *runtime)
{
  gint n = runtime->n_compiling;

  return n > 0 && g_atomic_int_get (&runtime->refs) <= 1 + 2 * n;
}

void
vyre_runtime_unref (VyreRuntime *runtime)
{
  if (runtime == NULL)
    return;
  /* Windows that have ended are about to drop their references, and so are
   * executables that are being compiled. Without them ours may be the last one,
   * and the runtime ends in this call: a process that exits next must not leave
   * a thread in the driver. */
  g_mutex_lock (&runtime->lock);
  runtime->n_unreferencing++;
  while (runtime->n_releasing > 0 || only_compiling (runtime))
    g_cond_wait (&runtime->ended, &runtime->lock);
  runtime->n_unreferencing--;
  g_mutex_unlock (&runtime->lock);
  vyre_runtime_release (runtime);
}

gboolean
vyre_runtime_release_if_shared (VyreRuntime *runtime)
{
  gint refs = g_atomic_int_get (&runtime->refs);

  while (refs > 1) {
    if (g_atomic_int_compare_and_exchange (&runtime->refs, refs, refs - 1))
      return TRUE;
    refs = g_atomic_int_get (&runtime->refs);
  }
  return FALSE;
}

void
vyre_runtime_release (VyreRuntime *runtime)
{
  /* Not the last one: no lock needed. */
  if (vyre_runtime_release_if_shared (runtime))
    return;

  g_mutex_lock (&registry_lock);
  gboolean last = g_atomic_int_dec_and_test (&runtime->refs);
  n_ending += last;
  if (last && g_hash_table_lookup (registry, runtime->key) == runtime)
    g_hash_table_remove (registry, runtime->key);
  g_mutex_unlock (&registry_lock);
  if (!last)
    return;
  /* The supervisor or the monitor may let go of the last window: they cannot
   * join themselves. */
  if (g_thread_self () == runtime->supervisor ||
      vyre_runtime_is_monitor_thread (runtime) ||
      vyre_runtime_is_io_thread (runtime))
    g_thread_unref (g_thread_new ("vyre-end", end, runtime));
  else
    end (runtime);
}

/* --- looking at it --------------------------------------------------------------- */

const VyreDeviceInfo *
vyre_runtime_get_device_info (VyreRuntime *runtime)
{
  return runtime->info;
}

VyreResidency
vyre_runtime_get_residency (VyreRuntime *runtime, const char **reason)
{
  if (reason != NULL)
    *reason = runtime->residency_reason;
  return runtime->residency;
}

static VyreArena *
find_arena (VyreRuntime *runtime, VyreArenaKind kind)
{
  for (guint i = 0; i < runtime->n_mapped; i++) {
    if (vyre_arena_get_kind (runtime->mapped[i].arena) == kind)
      return runtime->mapped[i].arena;
  }
  return NULL;
}

VyreArena *
vyre_runtime_get_host_arena (VyreRuntime *runtime)
{
  return find_arena (runtime, VYRE_ARENA_HOST);
}

VyreArena *
vyre_runtime_get_device_arena (VyreRuntime *runtime)
{
  return find_arena (runtime, VYRE_ARENA_DEVICE);
}

gboolean
vyre_runtime_has_arena (VyreRuntime *runtime, VyreArena *arena)
{
  return vyre_runtime_find_mapped (runtime, arena) != NULL;
}
