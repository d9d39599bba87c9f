/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "launch.h"
#include "../lower/isa.h"
#include "../lower/lower.h"
#include "../ring/ring.h"
#include "../ring/tenants.h"
#include "monitor-private.h"
#include "runtime.h"
#include "tenant-stats-private.h"

G_BEGIN_DECLS

/*
 * Inside of the engine. One lock, VyreRuntime.lock, guards everything marked
 * [lock] below; it is never held while waiting for the GPU, compiling,
 * allocating device memory or calling out. The supervisor thread alone starts
 * and frees launches. Any thread may publish (submit.c) and reap (reap.c)
 * under the lock.
 */

#define VYRE_DESCRIPTORS 256
#define VYRE_MAX_LAUNCHES 3

/* What the GPU may still hold of an arena: per page, when it was last read. */
typedef struct
{
  VyreArena *arena;             /* a reference */
  guint64 address;              /* of the arena's base, for the GPU */
  gboolean goes_stale;          /* imported: see generation.c */
  gsize n_pages;
  guint32 *read_generation;     /* [lock] newest kernel that may hold lines */
  guint64 *read_stamp;          /* [lock] newest foreign write known then */
} VyreMappedArena;

typedef struct
{
  VyreLaunch *launch;
  guint32 generation;
  guint features;
} VyreActiveLaunch;

/* The megakernel's push constants; the order is the shader's. */
typedef struct
{
  guint64 control, ring, records, descriptors, areas, area_map;
  guint32 slots, n_areas, area_words, generation;
  guint32 fuel, slice, idle_limit, n_descriptors;
} VyreLaunchConstants;

struct _VyreRuntime
{
  gint refs;

  /* Constant after construction. */
  VyreDevice *device;
  const VyreDeviceInfo *info;
  char *key;                    /* in the registry: the device's UUID */
  VyreResidency residency;
  char *residency_reason;
  guint32 slots;                /* of the ring; a power of two */
  guint32 lanes;
  guint32 workgroups;           /* of a launch */
  guint32 max_tiles;            /* of a window */
  guint32 pass_budget;          /* loop passes of one launch */
  guint32 slice;                /* instructions between looks at the host */
  guint32 idle_limit;
  guint32 n_areas, area_words;
  VyreMemory *control, *ring, *records, *descriptors, *areas, *area_map;
  VyreMemory *code_memory;
  VyreArena *code_arena;
  VyreMappedArena mapped[2];    /* host arena, device arena */
  guint n_mapped;
  VyreMemory *arena_memory[2];
  VyreRingTenants *tenants;
  VyreTenantStats *stats;
  GThread *supervisor;
  VyreRuntimeMonitor *monitor;  /* monitor-runtime.c; its own lock */

  /* One thread at a time compiles; a kernel that is there stays. */
  GMutex compile_lock;
  VyrePipeline *pipelines[VYRE_KERNELS]; /* [lock] to read; by features */
  guint64 kernel_compile_ns;    /* [lock] of all kernels so far */

  GMutex lock;
  GCond work;                   /* the supervisor has something to do */
  GCond ended;                  /* windows ended */
  gboolean quit;                /* [lock] */
  gboolean failed;              /* [lock] the device is gone or misbehaves */
  char *failure;                /* [lock] why */
  guint32 *shadow;              /* [lock] what the host wrote into the ring */
  guint64 next_sequence;        /* [lock] of the next slot */
  guint64 oldest_sequence;      /* [lock] first not reaped */
  guint32 skipped_sequences;    /* [lock] whose slots were taken by others */
  GQueue windows;               /* [lock] in flight, by sequence; references */
  guint n_releasing; /* [lock] threads that drop such references */
  GQueue finished;              /* [lock] references to drop after unlocking */
  guint32 descriptor_generation[VYRE_DESCRIPTORS];      /* [lock] */
  guint free_descriptors[VYRE_DESCRIPTORS];     /* [lock] a stack */
  guint n_free_descriptors;
  guint32 generation;           /* [lock] of the newest launch */
  guint32 required_generation;  /* [lock] newest that a slot asks for */
  guint32 next_ticket;          /* [lock] */
  guint n_tenants;              /* [lock] */
  guint32 dead_tenants;         /* [lock] bit per id: gone, not drained */
  guint n_waiters;              /* [lock] threads in vyre_window_wait() */

  /* Supervisor only. */
  VyreActiveLaunch launches[VYRE_MAX_LAUNCHES];
  guint n_launches;             /* [lock] to write */

  /* Statistics [lock]. */
  guint64 n_launched, n_generations;
  guint64 windows_submitted, windows_done, windows_faulted, windows_cancelled;
  guint64 tiles_published, tiles_done, bytes_bound;
  guint64 copied, avoided;
};

struct _VyreTenant
{
  VyreRuntime *runtime;         /* a reference */
  guint32 id;
  char *name;
};

struct _VyreExecutable
{
  gint refs;
  VyreRuntime *runtime;         /* a reference */
  VyreLowered *lowered;
  VyreBlock *code;
  guint64 code_address;
  guint features;               /* VYRE_KERNEL_* that it needs */
};

struct _VyreWindow
{
  gint refs;
  VyreRuntime *runtime;         /* a reference */
  VyreExecutable *executable;   /* a reference */
  VyreBinding *bindings;        /* with references to their blocks */
  guint n_bindings;
  guint tenant;
  guint descriptor;
  guint32 descriptor_generation;
  guint64 first_sequence;
  guint n_tiles;
  guint next_tile;              /* [lock] tiles before it have been reaped */
  guint64 published_ns;         /* [lock] for vyre_tenant_stats_finished() */
  gboolean cancel_asked;        /* [lock] */
  VyreWindowState state;        /* [lock] */
  guint code;                   /* [lock] first fault */
  guint32 address, tag, fault_pc;
  gboolean saw_cancelled;       /* [lock] a tile was dropped */
  char *message;                /* [lock] constant once the state is final */
  guint64 steps;                /* [lock] */
  guint slices;                 /* [lock] */
};

/* A word of mapped device memory: written only. */
static inline void
vyre_poke (VyreMemory *memory, guint word, guint32 value)
{
  ((volatile guint32 *) memory->map)[word] = value;
}

/* probe.c: may a kernel stay on this device? reason is newly allocated. */
gboolean vyre_probe_residency (VyreDevice *device, guint32 *passes,
    gboolean *resident, char **reason, GError **error);

/* generation.c, lock held. The residency generation that a kernel must have
 * to read [offset, offset + length) of the block as it is now, and the record
 * that such a kernel may have read it. */
guint32 vyre_generation_required (VyreRuntime *runtime, VyreBlock *block,
    gsize offset, gsize length);
void vyre_generation_note_read (VyreRuntime *runtime, VyreBlock *block,
    gsize offset, gsize length, guint32 generation);
VyreMappedArena *vyre_runtime_find_mapped (VyreRuntime *runtime,
    VyreArena *arena);
gboolean vyre_mapped_arena_init (VyreMappedArena *mapped, VyreArena *arena,
    guint64 address, gboolean goes_stale);
void vyre_mapped_arena_clear (VyreMappedArena *mapped);

/* reap.c, lock held: takes over completion records; TRUE when a window ended. */
gboolean vyre_runtime_reap (VyreRuntime *runtime);
/* Tells the GPU from where on to look for work. Lock held. */
void vyre_runtime_poke_oldest (VyreRuntime *runtime);
/* Marks the runtime failed and ends every window as LOST. Lock held. */
void vyre_runtime_fail (VyreRuntime *runtime, const char *why);
/* Tells the GPU to drop a window. Lock held. */
void vyre_window_cancel_locked (VyreWindow *window);

/* reap.c: every unlocking goes through this. May drop the last reference to
 * the runtime: callers hold one of their own. */
void vyre_runtime_unlock (VyreRuntime *runtime);

/* runtime.c: for references that are dropped while others are: unlike
 * vyre_runtime_unref() it does not wait for those. */
void vyre_runtime_release (VyreRuntime *runtime);

/* tenant.c, lock held: gives the id of a tenant that is gone back once nothing
 * of it is in flight. */
void vyre_tenant_retire_locked (VyreRuntime *runtime, guint32 id);

/* runtime.c: makes sure that a kernel with these features can be launched;
 * compiles it the first time, a second or two on some devices. No lock held. */
gboolean vyre_runtime_need_kernel (VyreRuntime *runtime, guint features,
    GError **error);

/* executable.c: takes over lowered code, whoever made it. */
VyreExecutable *vyre_executable_new_lowered (VyreRuntime *runtime,
    VyreLowered *lowered, GError **error);

/* supervisor.c */
void vyre_runtime_launch_constants (VyreRuntime *runtime, guint32 generation,
    VyreLaunchConstants *constants);
gpointer vyre_supervisor_run (gpointer runtime);

G_END_DECLS
