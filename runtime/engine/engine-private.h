/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "builtins.h"
#include "launch.h"
#include "../lower/isa.h"
#include "../lower/lower.h"
#include "../ring/ring.h"
#include "../ring/tenants.h"
#include "monitor-private.h"
#include "replay-private.h"
#include "runtime.h"
#include "tenant-stats-private.h"

G_BEGIN_DECLS

/*
 * Inside of the engine. One lock, VyreRuntime.lock, guards everything marked
 * [lock] below; it is never held while waiting for the GPU, compiling,
 * allocating device memory or calling out. The supervisor thread alone starts
 * and frees launches. Any thread may publish (publish.c) and reap (reap.c)
 * under the lock.
 */

#define VYRE_MAX_TILES 1024     /* of a window */

/* What the GPU may still hold of an arena: per page, when it was last read. */
typedef struct
{
  VyreArena *arena;             /* a reference */
  guint64 address;              /* of the arena's base, for the GPU */
  gboolean goes_stale;          /* imported: see generation.c */
  gsize n_pages;
  guint64 copied_before;        /* in the arena, when it was attached */
  /* [lock] by page */
  guint64 *read_generation;     /* newest kernel that may hold lines */
  guint64 *read_stamp;          /* newest foreign write known then */
  guint64 *clean_generation;    /* kernels before may hold older lines */
} VyreMappedArena;

/* A kernel that serves slots: the interpreter with some features, or one
 * compiled program. */
typedef struct
{
  gint refs;                    /* of a compiled one: launches, its executable */
  guint features;               /* of an interpreter */
  guint32 id;                   /* of a compiled one: VYRE_KERNEL_COMPILED | n; or 0 */
  VyrePipeline *pipeline;       /* [lock] to read; %NULL: not compiled (yet) */
  guint team;                   /* of a compiled one: lane groups of its workgroups */
  guint n_windows;              /* [lock] in flight for it */
  guint32 n_published;          /* [lock] so far, wraps */
  /* partition.c [lock] */
  guint32 n_seen;               /* of them, when the supervisor last looked */
  gint64 wanted_at;             /* monotonic, µs, or 0 */
  guint crowding;               /* how often its part turned out too large */
  guint64 required;             /* [lock] newest generation that a slot asks for */
} VyreKernel;

typedef struct
{
  VyreLaunch *launch;           /* %NULL: this place is free */
  VyreKernel *kernel;
  guint64 generation;
  guint queue;
  gboolean begun;               /* some of it is known to run */
  gboolean leaving;             /* it has been told to */
  gint64 started, told_at;      /* monotonic, µs */
  guint n_parts;                /* kernels that it was to share the device with,
                                   itself included */
  guint lane_groups;
} VyreActiveLaunch;

/* A priority level has its own part of the ring and its own sequence numbers. */
typedef struct
{
  guint first, slots;           /* constant; slots is a power of two */
  guint64 next_sequence;        /* [lock] of the next slot */
  guint64 oldest_sequence;      /* [lock] all before are free */
  guint64 told_sequence;        /* [lock] the oldest that the kernels know */
  guint32 published;            /* [lock] slots, wraps; and those that waited */
  guint32 n_answered;           /* [lock] ... of which so many had waited */
  guint used;                   /* [lock] slots in flight */
  gboolean touched;             /* [lock] the doorbell is to be rung */
} VyreLevel;

/* Of a slot: since when its tile has stood where it stands. */
typedef struct
{
  gint64 since;                 /* monotonic, µs; 0: it is not claimed */
  guint32 sequence, progress;
} VyreSlotClaim;

/* What a tenant has in flight. */
typedef struct
{
  guint slots, windows, descriptors;
  guint serial;                 /* ids are given out again */
  guint level;                  /* VYRE_PRI_* of what it publishes */
  gboolean dead;                /* unregistered, but not drained */
  guint32 observable_first;     /* a word of the control block */
  guint n_observables;
  guint32 rights;               /* VYRE_TENANT_MAY_* */
  VyreBlock *table;             /* of DFA_STEP, in the code arena; or NULL */
  guint n_states;               /* of it */
  guint64 table_serial;         /* no other table has it */
} VyreTenantUse;

/* What LOAD_MISS may ask for; resources.c. */
struct _VyreResource
{
  guint tenant;
  int fd;
  guint64 offset;
  VyreBlock *block;             /* a reference */
  gsize at, length;             /* in it */
  guint n_users;                /* [lock] reads under way */
  gboolean gone;                /* [lock] with its tenant: freed by the last user */
};

typedef struct _VyreIoServer VyreIoServer;

/* The megakernel's push constants; the order is the shader's. */
typedef struct
{
  guint64 control, ring, records, descriptors, areas, area_map, door;
  guint64 texels;               /* where they begin, or 0 */
  guint32 n_areas, area_words, generation;
  guint32 fuel, slice, idle_limit, n_descriptors;
  guint32 index, kernel, closed;
  guint32 levels[VYRE_PRI_LEVELS];
} VyreLaunchConstants;

struct _VyreRuntime
{
  gint refs;

  /* Constant after construction. */
  guint64 serial;
  VyreDevice *device;
  const VyreDeviceInfo *info;
  char *key;                    /* in the registry: the device's UUID */
  VyreResidency residency;
  char *residency_reason;
  gboolean parallel;            /* many workgroups run at once */
  guint32 slots;                /* of all levels */
  guint32 lanes;
  guint32 workgroups;           /* of a launch */
  guint32 wide_workgroups;      /* that wide lanes are to leave work for */
  guint32 workgroups_compiled;  /* of one of a compiled program */
  guint32 pass_budget;          /* loop passes of one launch */
  guint32 slice;                /* instructions between looks at the host */
  guint32 idle_limit;
  guint32 n_areas, area_words;
  guint32 n_descriptors;
  VyreMemory *control, *ring, *records, *descriptors, *areas, *area_map, *door;
  VyreMemory *code_memory;
  VyreArena *code_arena;
  VyreMappedArena mapped[2];    /* host arena, device arena */
  guint n_mapped;
  VyreMemory *arena_memory[2];
  VyreTexels *texels;           /* the first of these, where loads are faster so */
  VyreRingTenants *tenants;
  VyreTenantStats *stats;
  GThread *supervisor;
  VyreReplayWriter *replay;     /* replay.c; set once, atomic */
  VyreRuntimeMonitor *monitor;  /* monitor-runtime.c; its own lock */

  /* One thread at a time compiles; a kernel that is there stays. */
  GMutex compile_lock;
  VyreKernel interpreters[VYRE_KERNELS];        /* by features */
  guint64 kernel_compile_ns;    /* [lock] of all kernels so far */

  /* Snapshots, one after the other; before lock, never under it. */
  GMutex copy_lock;
  gboolean copy_chosen;         /* [copy_lock] copier is made, or will not be */
  VyreCopier *copier;           /* [copy_lock] or NULL: the CPU reads */
  VyreCopyMethod copy_method;   /* [copy_lock] of copier */
  gboolean copy_was_late;       /* [copy_lock] said so */

  GMutex lock;
  GCond work;                   /* the supervisor has something to do */
  GCond ended;                  /* windows ended */
  gboolean quit;                /* [lock] */
  gboolean failed;              /* [lock] the device is gone or misbehaves */
  char *failure;                /* [lock] why */
  VyreLevel levels[VYRE_PRI_LEVELS];
  guint32 *shadow;              /* [lock] what the host wrote into the ring */
  VyreWindow **owners;          /* [lock] by slot: what is in flight there */
  guint32 *publishing;          /* [lock] slots about to be published */
  guint n_publishing;
  GQueue windows;               /* [lock] in flight, as published; references */
  guint n_releasing; /* [lock] threads that drop such references */
  guint n_unreferencing; /* [lock] threads that wait for these */
  GQueue finished;              /* [lock] references to drop after unlocking */
  GQueue holders;               /* [lock] prepared windows with descriptors, to be
                                   recalled in about this order; no references */
  guint32 *descriptor_generation;       /* [lock] by descriptor */
  guint32 *free_descriptors;    /* [lock] a stack */
  guint n_free_descriptors;
  guint64 generation;           /* [lock] of the newest launch */
  guint32 next_ticket;          /* [lock] */
  guint n_cancelling;           /* [lock] windows in flight, told to end */
  guint n_tenants;              /* [lock] */
  VyreTenantUse uses[VYRE_TENANTS];     /* [lock] by tenant id */
  gint64 reaped_at;             /* [lock] time of what is reaped under it now; 0 */
  guint n_sleepers;             /* [lock] threads that wait for windows asleep */
  GPtrArray *compiled;          /* [lock] VyreKernel, in use by executables */
  guint32 n_compiled;           /* [lock] so far, for their ids */
  /* [lock] executables that wait to be compiled, or are. The thread that does it
   * has a reference to each, and one more to us. */
  guint n_compiling;
  guint64 windows_compiled;     /* [lock] published for compiled kernels */

  /* Builtins: builtins.c, resources.c, debug-log.c. */
  VyreKernel *builtins;         /* [lock] a reference; NULL: not compiled yet */
  gboolean *observable_taken;   /* [lock] by observable */
  guint64 n_tables;             /* [lock] set so far */
  GPtrArray *resources;         /* [lock] by number - 1; NULL: gone */
  VyreIoServer *io;             /* [lock] to make; NULL until there are resources */
  guint n_asking;               /* [lock] LOAD_MISS whose requests are to come */
  guint n_waiting;              /* [lock] windows that wait for the host */
  guint n_restarting;           /* [lock] windows that wait to begin again */
  VyreLogRecord *log;           /* [lock] the newest VYRE_LOG_KEPT; or NULL */
  guint64 n_logged;             /* [lock] so far */
  gboolean draining;            /* [lock] shutdown: nothing is published */
  gboolean stopped;             /* [lock] ... and kernels were told to leave */

  VyreActiveLaunch launches[VYRE_MAX_LAUNCHES]; /* [lock] to write */
  guint n_launches;             /* [lock] to write */
  gint64 unattended_since;      /* [lock] work waits without a kernel; or 0 */

  /* recover.c. [lock] */
  gint64 hang_us;               /* without a step until a slot is suspected */
  VyreSlotClaim *claims;        /* by slot */
  guint next_claim;             /* slot to look at next */
  gint64 next_suspicion;        /* when, monotonic */
  gint64 draining_since;        /* no launch until all have ended; or 0 */
  gint64 drain_pause_us;        /* after they have not */

  /* Statistics [lock]. */
  guint64 n_launched, n_generations, n_idle_exits, n_restarts, unattended_us;
  guint64 windows_submitted, windows_done, windows_faulted, windows_cancelled;
  guint64 tiles_published, tiles_done, tiles_lost, bytes_bound, steps;
  guint64 copied, avoided;
};

struct _VyreTenant
{
  VyreRuntime *runtime;         /* a reference */
  guint32 id;
  guint serial;                 /* as in VyreTenantUse */
  char *name;
};

struct _VyreExecutable
{
  gint refs;
  VyreRuntime *runtime;         /* a reference */
  VyreLowered *lowered;
  VyreBlock *code;
  guint64 code_address;
  guint most_quads;             /* VYRE_XF_WIDE; 0: not */
  gboolean loops;               /* has any */
  VyreKernel *interpreter;      /* of the runtime */
  /* The compiled tier, compiled.c. [lock] */
  VyreEngine engine;
  VyreTier tier;
  char *refusal;                /* why it stays interpreted */
  VyreKernel *compiled;         /* a reference; %NULL: not (yet) */
  guint32 batch;                /* invocations that a workgroup runs at once */
  guint n_windows;              /* published so far, saturates */
  guint n_in_flight;
  guint64 n_bytes;              /* bound by them */
  gboolean may_be_long;         /* loops that may go on: restart.c */
};

/* Used by one thread at a time, but for what is marked. What every run touches
 * stands together: many windows do not fit the nearest caches. */
struct _VyreWindow
{
  gint refs;
  gint state;                   /* [lock] to write, atomic; VyreWindowState */
  VyreRuntime *runtime;         /* a reference */
  VyreExecutable *executable;   /* a reference; NULL: builtins */
  VyreKernel *kernel;           /* [lock] that it was published for */
  VyreBinding *bindings;        /* with references to their blocks */
  guint n_bindings;
  guint tenant, tenant_serial;
  guint level;                  /* VYRE_PRI_* */
  guint64 first_sequence;
  guint n_tiles;
  guint next_tile;              /* [lock] tiles before it have been reaped */
  GList link;                   /* [lock] in runtime->windows or ->finished */
  guint64 newest_reader;        /* [lock] generation that its bindings' pages
                                   have been noted for */
  guint64 n_bytes;              /* of all bindings */
  gint64 published_at;          /* monotonic, µs */
  guint64 steps;                /* [lock] */
  guint slices;                 /* [lock] */
  guint code;                   /* [lock] first fault */
  guint32 address, tag, fault_pc;
  guint32 groups;               /* workgroups */
  guint quads;                  /* as VYRE_XF_WIDE has it; 0: not wide */
  guint32 batches;              /* lane groups' worth of invocations, saturates */
  guint descriptor;
  guint32 descriptor_generation;
  gboolean kept;                /* prepared: keeps its descriptor, if it may */
  gboolean has_descriptor, described;   /* [lock] */
  gboolean rebound;             /* ... but with other bindings */
  gboolean was_used;            /* [lock] since it was last in front of holders */
  gboolean cancel_asked;        /* [lock] */
  gboolean saw_cancelled;       /* [lock] a tile was dropped */
  gboolean restarts;            /* [lock] cancelled by us, to begin again */
  gboolean is_restarting;       /* [lock] all ended; not published again yet */
  gboolean waits;               /* [lock] its request is with the host */
  char *message;                /* [lock] constant once the state is final */
  VyreReplayCapture *replay;    /* replay.c; [lock] while in flight */
  VyreItemResult *results;      /* [lock] of builtins, up to next_tile */

  GList holder_link;            /* [lock] in runtime->holders */
  guint32 (*items)[1 + VYRE_ARGS_PER_SLOT]; /* builtins: opcode and arguments */
  guint n_items;
  guint64 max_steps;
  guint32 grid[3];
  guint32 group_size;           /* invocations of one */
  guint32 warps;                /* lane groups of one, or 1 if flat */
  gboolean fixed_grid;          /* asked for, not computed */
  gboolean planned;             /* once, for the lengths of bindings */
};

static inline VyreWindowState
vyre_window_state (VyreWindow *window)
{
  return __atomic_load_n (&window->state, __ATOMIC_ACQUIRE);
}

/* Lock held. What the window has become by then is seen by whoever sees it. */
static inline void
vyre_window_set_state (VyreWindow *window, VyreWindowState state)
{
  __atomic_store_n (&window->state, state, __ATOMIC_RELEASE);
}

static inline gboolean
vyre_bindings_overlap (const VyreBinding *a, const VyreBinding *b)
{
  if (a->block == NULL || b->block == NULL ||
      a->block->arena != b->block->arena)
    return FALSE;
  gsize from_a = a->block->offset + a->offset;
  gsize from_b = b->block->offset + b->offset;

  return from_a < from_b + b->length && from_b < from_a + a->length;
}

/* A word of mapped device memory: written only. */
static inline void
vyre_poke (VyreMemory *memory, guint word, guint32 value)
{
  ((volatile guint32 *) memory->map)[word] = value;
}

/* Slow: not where it is done often. */
static inline guint32
vyre_peek (const VyreMemory *memory, guint word)
{
  return ((const volatile guint32 *) memory->map)[word];
}

/* probe.c: may a kernel stay on this device? reason is newly allocated. */
gboolean vyre_probe_residency (VyreDevice *device, guint32 *passes,
    gboolean *resident, char **reason, GError **error);

/* generation.c, lock held. The residency generation that a kernel must have to
 * read [offset, offset + length) of the block as it is now, which is recorded as
 * about to be read; and the record that it has been. */
guint64 vyre_generation_require (VyreRuntime *runtime, VyreBlock *block,
    gsize offset, gsize length);
void vyre_generation_note_read (VyreRuntime *runtime, VyreBlock *block,
    gsize offset, gsize length, guint64 generation);
/* Kernels up to the newest may have read what the window has bound. */
void vyre_window_note_read (VyreWindow *window);
VyreMappedArena *vyre_runtime_find_mapped (VyreRuntime *runtime,
    VyreArena *arena);
gboolean vyre_mapped_arena_init (VyreMappedArena *mapped, VyreArena *arena,
    guint64 address, gboolean goes_stale);
void vyre_mapped_arena_clear (VyreMappedArena *mapped);

/* reap.c, lock held: takes over completion records of all windows, or of one;
 * TRUE when a window ended, or that one has. */
gboolean vyre_runtime_reap (VyreRuntime *runtime);
gboolean vyre_window_reap (VyreWindow *window);
/* Lock held. The slots of a window all of whose tiles have ended are free; and
 * the window has ended, as its tiles have. */
void vyre_window_free_slots (VyreWindow *window);
void vyre_window_end (VyreWindow *window);
/* Without the lock, by its user: have all its tiles reported? */
gboolean vyre_window_has_reported (VyreWindow *window);
/* Marks the runtime failed and ends every window as LOST. Lock held. */
void vyre_runtime_fail (VyreRuntime *runtime, const char *why);
/* Tells the GPU to drop a window. Lock held. */
void vyre_window_cancel_locked (VyreWindow *window);
/* Gives the descriptor back. Lock held. */
void vyre_window_release_descriptor (VyreWindow *window);

/* publish.c, lock held. Gives the window a descriptor, unless it has one; that
 * of another window which is not in flight if need be. */
gboolean vyre_window_reserve (VyreWindow *window, GError **error);
/* publish.c, lock held. Makes a slot for each tile of the window, to be
 * published by vyre_runtime_ring_bell() with so many windows in all. On error
 * nothing has changed. */
gboolean vyre_window_enqueue (VyreWindow *window, guint with, gint64 now,
    GError **error);
void vyre_runtime_ring_bell (VyreRuntime *runtime);
/* Moves the oldest sequence of a level on; TRUE if it moved. */
gboolean vyre_level_advance (VyreRuntime *runtime, VyreLevel *level);
void vyre_level_poke (VyreRuntime *runtime, guint level);

/* publish.c, lock held. Room for n slots in a row at the level for the window;
 * the first sequence. BUSY. */
gboolean vyre_level_find_room (const VyreWindow *window, VyreLevel *level,
    guint n, guint64 *first, GError **error);
/* Lock held. The slots from first on are the window's, which is in flight. */
void vyre_window_take_off (VyreWindow *window, guint level, guint64 first,
    guint n, gint64 now);

/* restart.c. May the program run a second time over what it has written already?
 * (No lock.) Lock held: the kernel to publish for; one is cancelled to begin
 * again; so are windows of compiled kernels that do not leave; one whose tiles
 * have ended may now; those that wait for it are published, if there is room. */
gboolean vyre_executable_can_restart (const VyreExecutable *executable);
VyreKernel *vyre_window_choose_kernel (VyreWindow *window);
void vyre_window_give_up (VyreWindow *window);
void vyre_runtime_restart_stuck (VyreRuntime *runtime);
gboolean vyre_window_begin_restart (VyreWindow *window);
void vyre_runtime_publish_restarting (VyreRuntime *runtime);

/* builtins.c, lock held: a slot's outcome. And what else a tenant has that it
 * gives back when it goes. */
void vyre_window_note_item (VyreWindow *window, guint item,
    const guint32 *record);
void vyre_tenant_drop_means (VyreRuntime *runtime, guint32 id);

/* debug-log.c, lock held: takes over what the GPU has printed. */
void vyre_runtime_drain_log (VyreRuntime *runtime);

/* resources.c. Lock held: hands what the GPU asks for to the thread that reads;
 * forgets a tenant's resources. No lock: ends the thread. */
void vyre_runtime_take_requests (VyreRuntime *runtime);
void vyre_tenant_drop_resources (VyreRuntime *runtime, guint32 id);
/* Lock held. One of the tenant that asks, or NULL. */
VyreResource *vyre_runtime_find_resource (VyreRuntime *runtime, guint32 number,
    guint32 tenant);
void vyre_runtime_end_io (VyreRuntime *runtime);
gboolean vyre_runtime_is_io_thread (VyreRuntime *runtime);

/* shutdown.c, lock held: goes on with it, once everything has ended. */
void vyre_runtime_advance_shutdown (VyreRuntime *runtime);

/* What kernels tell the host beside the completion records. */
static inline guint32 *
vyre_runtime_tail (VyreRuntime *runtime)
{
  return (guint32 *) runtime->records->map +
         (gsize) runtime->slots * VYRE_COMPLETION_WORDS;
}

/* describe.c: from bindings to grid and descriptor. The descriptor is written
 * under the lock. */
gboolean vyre_window_plan (VyreWindow *window, const VyreBinding *bindings,
    GError **error);
void vyre_window_describe (VyreWindow *window);

/* reap.c: every unlocking goes through this. May drop the last reference to
 * the runtime: callers hold one of their own. */
void vyre_runtime_unlock (VyreRuntime *runtime);

/* runtime.c: for references that are dropped while others are: unlike
 * vyre_runtime_unref() it does not wait for those. */
void vyre_runtime_release (VyreRuntime *runtime);
/* Does so if that is not the last reference; any lock may be held. */
gboolean vyre_runtime_release_if_shared (VyreRuntime *runtime);

/* Waits for runtimes that end in other threads, until end_time (monotonic, µs). */
void vyre_runtime_wait_ending (gint64 end_time);

/* exit.c: from now on a process that exits leaves its devices first. After the
 * driver has set up what it takes down at exit; any thread. */
void vyre_prepare_exit (void);
/* Is it about to? Nobody begins to use a device then. Any thread. */
gboolean vyre_is_exiting (void);

/* tenant.c, lock held: gives the id of a tenant that is gone back once nothing
 * of it is in flight. */
void vyre_tenant_retire_locked (VyreRuntime *runtime, guint32 id);

/* kernel.c: makes sure that an interpreter with these features can be launched;
 * compiles it the first time, a second or two on some devices. No lock held. */
VyreKernel *vyre_runtime_need_interpreter (VyreRuntime *runtime,
    guint features, GError **error);
/* build.c: a kernel that finds that it has no fuel, and leaves. */
gboolean vyre_runtime_launch_unfuelled (VyreRuntime *runtime,
    VyrePipeline *pipeline, guint queue, GError **error);
/* The same on any device; takes the fuel out of the constants. */
gboolean vyre_launch_unfuelled (VyreDevice *device, VyrePipeline *pipeline,
    guint queue, VyreLaunchConstants *constants, GError **error);
/* rehearse.c: has a CPU's driver compile the pipeline on another VkDevice than
 * the runtime's. On a GPU nothing. May take seconds; returns how many ns. */
guint64 vyre_runtime_rehearse (VyreRuntime *runtime, const guint32 *spirv,
    gsize spirv_bytes, guint features, guint team, const char *name);
/* Before the first launch: once on every queue. A queue's first submission waits
 * until drivers have set it up, for which some want all kernels off the device. */
gboolean vyre_runtime_prime_queues (VyreRuntime *runtime, VyreKernel *kernel,
    GError **error);
void vyre_runtime_clear_kernels (VyreRuntime *runtime);
/* The same for the kernel of builtins. */
VyreKernel *vyre_runtime_need_builtins (VyreRuntime *runtime, GError **error);
/* Lock held. Is there a live launch that may run what this kernel's windows
 * ask for? */
gboolean vyre_kernel_is_served (VyreRuntime *runtime, const VyreKernel *kernel);
/* Lock held. Is there one for every window in flight? */
gboolean vyre_runtime_is_served (VyreRuntime *runtime);

/* compiled.c. Lock held: counts a window and says which kernel it is for; may
 * start compiling. */
VyreKernel *vyre_executable_choose_kernel (VyreExecutable *executable,
    guint64 n_bytes);
/* Lock held. Does its next window run compiled code without loops and barriers? */
gboolean vyre_executable_is_quick (const VyreExecutable *executable);
/* Lock held. Would it be better to wait with another window until the program
 * is compiled? */
gboolean vyre_executable_should_wait (const VyreExecutable *executable);
/* Lets go of the compiled kernel. No lock held. */
void vyre_executable_drop_compiled (VyreExecutable *executable);
/* For launches; of interpreters these do nothing. The last reference destroys
 * the pipeline. */
VyreKernel *vyre_kernel_ref (VyreKernel *kernel);
void vyre_kernel_unref (VyreKernel *kernel);

typedef struct
{
  guint64 ns; /* of the driver, its first launch included */
  gboolean cached; /* it was given what it had kept */
} VyrePipelineTimes;

/* Of all kernels: VYRE_SPEC_LANES, VYRE_SPEC_FEATURES, VYRE_SPEC_SIZE. */
#define VYRE_SPEC_CONSTANTS(runtime, features, team) \
  (runtime)->lanes, (features), (runtime)->lanes *(team)

/* build.c: for a kernel's module, with team lane groups a workgroup. Takes seconds
 * on some devices. */
VyrePipeline *vyre_runtime_build_pipeline (VyreRuntime *runtime,
    const guint32 *spirv, gsize spirv_bytes, guint features, guint team,
    const char *name,
    VyrePipelineTimes *times, GError **error);
/* The process's folder of compiled code, or %NULL where there cannot be one;
 * reason, if not %NULL, then says why. */
struct _VyreJitCache *vyre_code_cache (const char **reason);

/* executable.c: takes over lowered code, whoever made it. */
VyreExecutable *vyre_executable_new_lowered (VyreRuntime *runtime,
    VyreLowered *lowered, GError **error);

/* snapshot.c: from now on by this method, whether the device has a queue for
 * it or not; NONE for the CPU. For tests. */
gboolean vyre_runtime_use_copy_method (VyreRuntime *runtime,
    VyreCopyMethod method, GError **error);

/* recover.c, lock held, by the supervisor: may it launch kernels? Not while
 * those that run are to end, so that tiles which nobody has can be told; turns
 * these into faults. */
gboolean vyre_runtime_may_launch (VyreRuntime *runtime);

/* partition.c, lock held, by the supervisor; now: monotonic, µs. Do launches of
 * different kernels run side by side here? If not, nothing has a part. */
gboolean vyre_partition_applies (const VyreRuntime *runtime);
/* Each time: who is in use, and who finds no room. What is not in use there is not
 * wanted, elsewhere what has nothing in flight. */
void vyre_partition_look (VyreRuntime *runtime, gint64 now);
gboolean vyre_kernel_is_wanted (const VyreKernel *kernel, gint64 now);
/* Kernels in use with this one, itself included. */
guint vyre_partition_count (VyreRuntime *runtime,
    const VyreKernel *kernel, gint64 now);
/* Of a launch, which shares the device with so many kernels. */
guint32 vyre_partition_workgroups (const VyreRuntime *runtime,
    const VyreKernel *kernel, guint n_parts);
guint vyre_partition_choose_queue (const VyreRuntime *runtime,
    const VyreKernel *kernel);
/* The next three are for where kernels have parts. FALSE: all queues have launches
 * of others, one of which is to leave in time. */
gboolean vyre_partition_has_queue (VyreRuntime *runtime, const VyreKernel *kernel,
    gint64 now);
/* Is it to begin before all others? An interpreter that has no launch yet. */
gboolean vyre_partition_goes_first (const VyreRuntime *runtime,
    const VyreKernel *kernel);
/* FALSE: others have to leave before this kernel is launched, or smaller launches to
 * take over from theirs. Those that have no work are told to. */
gboolean vyre_partition_make_room (VyreRuntime *runtime,
    const VyreKernel *kernel, gint64 now);
/* Is its part larger or smaller than it should be? */
gboolean vyre_partition_is_due (VyreRuntime *runtime,
    const VyreActiveLaunch *active, gint64 now);

/* supervisor.c, lock held: launch i is to leave, if there is one; a store fence
 * has to follow. */
void vyre_runtime_tell_to_leave (VyreRuntime *runtime, guint i);
/* supervisor.c */
void vyre_runtime_launch_constants (VyreRuntime *runtime, guint64 generation,
    guint index, guint32 kernel, VyreLaunchConstants *constants);
gpointer vyre_supervisor_run (gpointer runtime);

G_END_DECLS
