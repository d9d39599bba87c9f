/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../device/device.h"
#include "../ingest/arena.h"
#include "../vir0/program.h"

G_BEGIN_DECLS

/**
 * VyreRuntime: ring, control block, arenas, interpreter kernel and supervisor
 * thread of one Vulkan device; one per device and process, shared.
 *
 * Threads: every function may be called from any thread; one tenant is used by
 * one thread at a time. No call waits for the GPU except
 * vyre_window_wait() and vyre_tenant_wait_room(), until their deadlines, and
 * vyre_tenant_free().
 */
typedef struct _VyreRuntime VyreRuntime;
typedef struct _VyreTenant VyreTenant;
typedef struct _VyreExecutable VyreExecutable;
typedef struct _VyreWindow VyreWindow;

#define VYRE_RUNTIME_ERROR (vyre_runtime_error_quark ())
VYRE_API GQuark vyre_runtime_error_quark (void);

typedef enum
{
  VYRE_RUNTIME_ERROR_BINDING,   /* a buffer is missing, too short or too long */
  VYRE_RUNTIME_ERROR_LIMIT,     /* larger than the device or the ring allows */
  VYRE_RUNTIME_ERROR_BUSY,      /* ring or descriptors full: wait, then retry */
  VYRE_RUNTIME_ERROR_LOST,      /* the runtime has failed; message says why */
  VYRE_RUNTIME_ERROR_RESIDENCY, /* residency=resident cannot be had */
  VYRE_RUNTIME_ERROR_SHUTDOWN,  /* the runtime is being shut down */
} VyreRuntimeError;

typedef enum
{
  VYRE_RESIDENCY_AUTO,          /* the start-up probe decides */
  VYRE_RESIDENCY_RESIDENT,      /* the kernel stays and polls */
  VYRE_RESIDENCY_SLICED,        /* launched when something is published */
} VyreResidency;

typedef struct
{
  gint device_index;            /* -1: the best */
  const char *device_name;      /* part of a name, or %NULL */
  VyreResidency residency;
  const char *device_uuid;      /* 32 hexadecimal digits, or %NULL */
} VyreRuntimeOptions;
#define VYRE_RUNTIME_OPTIONS_DEFAULT \
  ((VyreRuntimeOptions) { -1, NULL, VYRE_RESIDENCY_AUTO, NULL })

/* The runtime of that device: the existing one of this process, or a new one.
 * The first creator decides residency; a later, different wish gets the
 * existing runtime (compare vyre_runtime_get_residency()). Takes up to a few
 * seconds the first time (pipeline compile, probe). Returns a reference. */
VYRE_API VyreRuntime *vyre_runtime_acquire (const VyreRuntimeOptions *options,
    GError **error);
VYRE_API VyreRuntime *vyre_runtime_ref (VyreRuntime *runtime);
VYRE_API void vyre_runtime_unref (VyreRuntime *runtime);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreRuntime, vyre_runtime_unref)

/* References to all runtimes of this process; free with g_ptr_array_unref(). */
VYRE_API GPtrArray *vyre_runtime_list (void);
/* A number that no other runtime of this process has or had. */
VYRE_API guint64 vyre_runtime_get_serial (VyreRuntime *runtime);

VYRE_API const VyreDeviceInfo *vyre_runtime_get_device_info (
    VyreRuntime *runtime);
/* The mode in effect: RESIDENT or SLICED, and why, for people (constant while
 * the runtime lives). */
VYRE_API VyreResidency vyre_runtime_get_residency (VyreRuntime *runtime,
    const char **reason);
/* The process's host arena as imported by this runtime, and the runtime's own
 * device arena (%NULL where the device has no mapped device memory worth
 * having). No references are given. */
VYRE_API VyreArena *vyre_runtime_get_host_arena (VyreRuntime *runtime);
VYRE_API VyreArena *vyre_runtime_get_device_arena (VyreRuntime *runtime);
/* Can the GPU address this arena? */
VYRE_API gboolean vyre_runtime_has_arena (VyreRuntime *runtime,
    VyreArena *arena);

/* --- tenants ------------------------------------------------------------ */

VYRE_API VyreTenant *vyre_tenant_new (VyreRuntime *runtime, const char *name,
    GError **error);
/* Cancels what is in flight and waits until it has ended, a few milliseconds
 * (5 s at most, if the device hangs). Windows stay valid until unreferenced. */
VYRE_API void vyre_tenant_free (VyreTenant *tenant);
VYRE_API guint vyre_tenant_get_id (VyreTenant *tenant);
/* VYRE_PRI_CRITICAL to VYRE_PRI_IDLE (ring/words.h), NORMAL at first; for what
 * is published from now on. Higher levels are served first. Where few workgroups
 * take turns (CPU devices), tenants of a level that have enough to do get equal
 * shares of fuel, steps of programs, and a level that waits a sixteenth of what
 * those above it use. Where many run at once, turns are by claims: every
 * VYRE_STARVATION_THRESHOLD of the two highest levels the others come first
 * once. Any thread. */
VYRE_API void vyre_tenant_set_priority (VyreTenant *tenant, guint level);
/* How many of its slots may be claimed at once; what is more waits. 0: the
 * default, which is no limit in practice. At once, from any thread. */
VYRE_API void vyre_tenant_set_quota (VyreTenant *tenant, guint slots);

/* Waits until everything that the tenant has published has ended, or end_time
 * (monotonic, µs; 0: only looks) has come: BUSY then, with how much is left.
 * Nothing keeps other threads from publishing more meanwhile. Counted in the
 * tenant's reading (engine/tenant-stats.h). */
VYRE_API gboolean vyre_tenant_quiesce (VyreTenant *tenant, gint64 end_time,
    GError **error);

/* --- executables -------------------------------------------------------- */

/* Validates, lowers, verifies and uploads a program; compiles no pipeline.
 * Errors: VYRE_VALIDATE_ERROR with everything that is wrong, a line each after
 * a summary; VYRE_LOWER_ERROR, VYRE_RUNTIME_ERROR. */
VYRE_API VyreExecutable *vyre_executable_new (VyreRuntime *runtime,
    VyreProgram *program, GError **error);
VYRE_API VyreExecutable *vyre_executable_ref (VyreExecutable *executable);
VYRE_API void vyre_executable_unref (VyreExecutable *executable);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreExecutable, vyre_executable_unref)

VYRE_API VyreProgram *vyre_executable_get_program (VyreExecutable *executable);
/* May windows that share this buffer run at the same time? (design.md
 * section 3: touched only by commutative atomics whose result is unused.) */
VYRE_API gboolean vyre_executable_is_commutative (VyreExecutable *executable,
    guint buffer);
/* Does the program read, write it at all? */
VYRE_API gboolean vyre_executable_reads (VyreExecutable *executable,
    guint buffer);
VYRE_API gboolean vyre_executable_writes (VyreExecutable *executable,
    guint buffer);

/* What runs the program's windows. */
typedef enum
{
  VYRE_ENGINE_AUTO,             /* interpreted at once, compiled when hot */
  VYRE_ENGINE_INTERP,           /* always interpreted */
  VYRE_ENGINE_JIT,              /* compiled in the background at once */
} VyreEngine;

typedef enum
{
  VYRE_TIER_INTERPRETED,
  VYRE_TIER_COMPILING,          /* interpreted meanwhile */
  VYRE_TIER_COMPILED,           /* windows submitted from now on run compiled */
  VYRE_TIER_REFUSED,            /* stays interpreted; the reason says why */
} VyreTier;

/* Any time, from any thread; windows in flight are not touched. */
VYRE_API void vyre_executable_set_engine (VyreExecutable *executable,
    VyreEngine engine);
/* reason (may be %NULL) is newly allocated; set when REFUSED. */
VYRE_API VyreTier vyre_executable_get_tier (VyreExecutable *executable,
    char **reason);
/* Waits until compilation has ended or end_time (monotonic, µs) has come. */
VYRE_API VyreTier vyre_executable_wait_compiled (VyreExecutable *executable,
    gint64 end_time);
/* Register code as text, for --dump and debugging; free with g_free(). */
VYRE_API char *vyre_executable_dump (VyreExecutable *executable);

/* --- windows ------------------------------------------------------------ */

/* Memory of one buffer. The GPU address is a multiple of 4: offset is too.
 * length is exact; the block must have room for length rounded up to 4. */
typedef struct
{
  VyreBlock *block;             /* %NULL with length 0 */
  gsize offset;
  gsize length;
} VyreBinding;

typedef struct
{
  const guint32 *grid;          /* three workgroup counts, or %NULL: the rule of
                                   vir0-semantics.md section 5.1 */
  guint64 max_steps;            /* per invocation, 0: no limit */
} VyreSubmitOptions;

/* Publishes one dispatch. bindings[i] belongs to program buffer i (entries of
 * Workgroup buffers are ignored); the window keeps references to all blocks
 * until the GPU is done with them. Buffers with ROLE_OUTPUT are NOT zeroed
 * here: pass zeroed memory. BUSY when the ring is full, or all descriptors are
 * taken; the message says which. Returns a reference. */
VYRE_API VyreWindow *vyre_tenant_submit (VyreTenant *tenant,
    VyreExecutable *executable, const VyreBinding *bindings, guint n_bindings,
    const VyreSubmitOptions *options, GError **error);

/* A window that is described but not published: IDLE. It may be published, and
 * once it has ended be published again, any number of times: nothing is
 * allocated, checked or described anew. It keeps its descriptor, unless others
 * are out of them while it is not in flight; then it is given another one when
 * it is published. BUSY when windows in flight have them all. Other errors as
 * vyre_tenant_submit(). Returns a reference. */
VYRE_API VyreWindow *vyre_window_prepare (VyreTenant *tenant,
    VyreExecutable *executable, const VyreBinding *bindings, guint n_bindings,
    const VyreSubmitOptions *options, GError **error);
/* Other memory for a prepared window that is IDLE or has ended; the grid
 * follows. On error it is as it was. */
VYRE_API gboolean vyre_window_rebind (VyreWindow *window,
    const VyreBinding *bindings, guint n_bindings, GError **error);
/* Publishes prepared windows of one runtime in this order, with one pair of
 * store fences for all. Returns how many were published: fewer than n only
 * with an error (BUSY: the ring is full; the others are as they were). */
VYRE_API guint vyre_windows_publish (VyreWindow *const *windows, guint n,
    GError **error);
/* Waits until all of them have ended or end_time (monotonic, µs; 0: only look)
 * has come. Returns how many from the first on have ended without a gap. */
VYRE_API guint vyre_windows_wait (VyreWindow *const *windows, guint n,
    gint64 end_time);

/* After BUSY: waits until a window of any tenant has ended, or end_time
 * (monotonic, µs) has come; returns at once when nothing is in flight. */
VYRE_API void vyre_tenant_wait_room (VyreTenant *tenant, gint64 end_time);

typedef enum
{
  VYRE_WINDOW_IDLE,             /* prepared, not published */
  VYRE_WINDOW_RUNNING,
  VYRE_WINDOW_DONE,
  VYRE_WINDOW_FAULT,
  VYRE_WINDOW_CANCELLED,
  VYRE_WINDOW_LOST,             /* the runtime failed */
} VyreWindowState;

typedef struct
{
  VyreWindowState state;
  guint code;                   /* VYRE_FAULT_* of ring/words.h */
  guint32 address;
  char *message;                /* for people, with the trap's tag; owned by the
                                   window; %NULL when DONE */
  guint64 steps;                /* interpreted instructions, all tiles */
  guint slices;                 /* times a tile was suspended */
} VyreWindowResult;

/* Waits until the window has ended or end_time (monotonic, µs; 0: only look)
 * has come. After it ended, everything it wrote is visible to the CPU.
 * result may be %NULL. */
VYRE_API VyreWindowState vyre_window_wait (VyreWindow *window,
    gint64 end_time, VyreWindowResult *result);
/* Asks the GPU to drop it; the window still has to end (soon). */
VYRE_API void vyre_window_cancel (VyreWindow *window);
VYRE_API VyreWindow *vyre_window_ref (VyreWindow *window);
VYRE_API void vyre_window_unref (VyreWindow *window);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreWindow, vyre_window_unref)

/* "R08 division by zero or overflow" for a code. */
VYRE_API const char *vyre_fault_name (guint code);

/* --- what the runtime knows about itself --------------------------------- */

typedef enum
{
  VYRE_SNAPSHOT_CPU,            /* the CPU read device memory */
  VYRE_SNAPSHOT_TRANSFER,       /* a queue that does nothing but copy */
  VYRE_SNAPSHOT_KERNEL,         /* a small kernel on a queue of its own */
} VyreSnapshotMethod;

typedef struct
{
  guint32 *control;             /* copy of the control block */
  guint control_words;
  guint32 *ring;                /* copy of the ring */
  guint ring_slots;
  gint64 taken_at;              /* monotonic, µs; when the copy began */
  guint64 capture_ns;           /* how long it took */
  VyreSnapshotMethod method;    /* what made it */
  VyreResidency residency;
  guint64 launches;             /* kernels started */
  guint64 generations;          /* residency generations ended by stale memory */
  guint64 idle_exits;           /* kernels that left for want of work */
  guint64 unattended_us;        /* work waited and no kernel was launched */
  guint64 windows_submitted, windows_done, windows_faulted, windows_cancelled;
  guint64 windows_restarted;    /* of the submitted, began again */
  guint64 tiles_published, tiles_done;
  guint64 bytes_bound;          /* handed to the GPU in place */
  guint64 resident_device_bytes; /* ring, control, code, save areas, device arena */
  guint tenants;
  guint windows_in_flight;
  guint64 kernel_compile_ns;
} VyreRuntimeSnapshot;

/* Copies ring and control words while the kernel goes on; not for hot paths.
 * The GPU copies where it can do so beside the kernel, else the CPU reads
 * (about a millisecond on a discrete GPU); so it also does when the GPU takes
 * too long (50 ms). */
VYRE_API void vyre_runtime_snapshot (VyreRuntime *runtime,
    VyreRuntimeSnapshot *snapshot);
/* The same into the storage of an earlier snapshot, or of a zeroed one. */
VYRE_API void vyre_runtime_snapshot_again (VyreRuntime *runtime,
    VyreRuntimeSnapshot *snapshot);
VYRE_API void vyre_runtime_snapshot_clear (VyreRuntimeSnapshot *snapshot);

/* Evidence of copies (host_copy_bytes, host_copy_avoided_bytes): users report
 * what they copied to or from the GPU's buffers and what reached it in place;
 * vyre_arena_note_copy() is for copies where no runtime is known. */
VYRE_API void vyre_runtime_note_copy (VyreRuntime *runtime, guint64 copied,
    guint64 avoided);
VYRE_API void vyre_runtime_get_copies (VyreRuntime *runtime, guint64 *copied,
    guint64 *avoided);

G_END_DECLS
