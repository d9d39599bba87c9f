/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../lower/lower.h"

G_BEGIN_DECLS

/*
 * The compiled tier: register code of isa.h -> GLSL -> SPIR-V, and a cache of
 * the latter on disk. Knows nothing of Vulkan.
 *
 * The generated text is one function for a kernel frame. The frame defines
 * what kernels/compiled.glsl lists; VYRE_JIT_MARK on a line of its own, at
 * global scope behind all that, is where the text goes. It defines
 *
 *   const uint COMPILED_UNROLL = K;
 *   const uint COMPILED_TEAM = T;
 *   const uint COMPILED_PASSES = P, COMPILED_PASSES_INSIDE = Q;
 *   const uint COMPILED_GROUP = G;
 *   const uint COMPILED_STEPS = S;
 *   const bool COMPILED_LOOPS, COMPILED_FAULTS;
 *   void compiled_begin ();        without VYRE_PARALLEL
 *   uint compiled_fitting (uint first, uint step);
 *   void compiled_inside (uint first);
 *   void compiled_checked (uint first);
 *
 * compiled_checked() runs a batch: the K * LANES invocations from first on,
 * counted from the first one of the tile, K on each lane; those behind the
 * tile's end do not run. Which lane runs which of them is not fixed. If G is not
 * 0, a call runs a workgroup of G invocations instead, the one that begins with
 * first, with its barriers. compiled_inside() does the same without looking at
 * bounds, for as many batches as compiled_fitting() says, where the first one
 * begins with first and each other one step further than the one before. T is 1
 * where calls must follow each other; else T lane groups may make them at a time. P
 * is the number of loop passes that a call makes at most (Q: without checks), S
 * that of its steps, or 0xffffffff where they are not known. There are loops only
 * if COMPILED_LOOPS, and faults only if COMPILED_FAULTS. compiled_begin() comes before the batches of a tile: it keeps
 * bindings at hand, for which devices with VYRE_PARALLEL have no registers to
 * spare.
 *
 * No function here keeps state between calls but the compiler's own, set up
 * once per process; all may be called from any thread.
 */

#define VYRE_JIT_ERROR (vyre_jit_error_quark ())
VYRE_API GQuark vyre_jit_error_quark (void);

typedef enum
{
  VYRE_JIT_ERROR_UNSUPPORTED, /* stays with the interpreter; says why */
  VYRE_JIT_ERROR_COMPILE, /* the compiler refused the text; has its log */
  VYRE_JIT_ERROR_CACHE, /* a folder or file that cannot or must not be used */
} VyreJitError;

/* Line of a frame that the generated text replaces. */
#define VYRE_JIT_MARK "VYRE_COMPILED_PROGRAM"

/* Goes up with every change of generated text or of the compiler's options. */
#define VYRE_JIT_GENERATOR 4

typedef struct
{
  /* Loop passes that one batch may make where the device counts
   * them; 0: any number. Otherwise programs are refused whose loops are not
   * known to stay below. */
  guint32 max_passes;
  /* Lanes of the device, for counting passes; 0: as if it had one. */
  guint32 lanes;
  /* Invocations of a lane: 0, or 1, 2, 4, 8 or 16 to overrule the choice. */
  guint unroll;
  /* Lane groups that may share the batches of a tile; 0: one. */
  guint team;
  /* Have the version with checks once, called for each invocation of a lane in
   * turn: less code, for drivers that compile slowly. */
  gboolean narrow_checks;
  /* Leave out the version without checks for batches that lie inside their
   * buffers: for tests. */
  gboolean checked_only;
} VyreJitOptions;

#define VYRE_JIT_OPTIONS_DEFAULT ((VyreJitOptions){ 0 })

typedef struct
{
  char *text;
  guint unroll; /* COMPILED_UNROLL */
  guint team; /* COMPILED_TEAM */
  guint32 passes; /* COMPILED_PASSES */
  gboolean unchecked; /* has a version without checks */
  gboolean vectors; /* which loads and stores four elements at once */
} VyreJitSource;

VYRE_API void vyre_jit_source_free (VyreJitSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreJitSource, vyre_jit_source_free)

/* The text for verified code. No name of the program is looked at. Refused
 * with VYRE_JIT_ERROR_UNSUPPORTED: barriers under what may differ between the
 * invocations of a workgroup, loops that a device would cut short, and very
 * large programs. The same code and options give the same text. */
VYRE_API VyreJitSource *vyre_jit_generate (
    const VyreLowered *lowered, const VyreJitOptions *options, GError **error);

/* Compiles program, put into frame at VYRE_JIT_MARK, to SPIR-V 1.5 for
 * Vulkan 1.2. Both are GLSL texts; frame has its #version and no #include.
 * Calls take turns. Takes some tens of milliseconds. */
VYRE_API GBytes *vyre_jit_compile (
    const char *program, const char *frame, GError **error);

/* --- cache ----------------------------------------------------------------- */

/* Files of one folder of the user's, shared by all processes. Threads may
 * share a cache. */
typedef struct _VyreJitCache VyreJitCache;

typedef enum
{
  VYRE_JIT_CACHE_SPIRV,
  VYRE_JIT_CACHE_PIPELINE, /* a driver's own blob, for one device and driver */
} VyreJitCacheKind;

#define VYRE_JIT_CACHE_MAX_BYTES ((guint64) 256 << 20)
#define VYRE_JIT_CACHE_MAX_ENTRY ((gsize) 32 << 20)

typedef struct
{
  guint8 digest[32];
} VyreJitKey;

/* Everything that shapes the SPIR-V: code, its tables, options, frame and
 * generator. */
VYRE_API void vyre_jit_key_spirv (const VyreLowered *lowered,
    const VyreJitOptions *options, const char *frame, VyreJitKey *key);
/* Everything that shapes a driver's code for a module: it and its n
 * specialisation constants, the device and the driver. driver is what tells
 * these apart, as bytes. */
VYRE_API void vyre_jit_key_pipeline (const guint32 *spirv, gsize spirv_bytes,
    const guint32 *constants, guint n, gconstpointer driver, gsize driver_bytes,
    VyreJitKey *key);

/* folder %NULL: jit in $VYRE_CACHE_DIR, else in vyre in the user's cache
 * folder. It is made with mode 0700; one that is not the user's own, or that
 * others may write to, is refused. max_bytes bounds all entries together, 0:
 * VYRE_JIT_CACHE_MAX_BYTES. */
VYRE_API VyreJitCache *vyre_jit_cache_open (
    const char *folder, guint64 max_bytes, GError **error);
VYRE_API void vyre_jit_cache_close (VyreJitCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreJitCache, vyre_jit_cache_close)

/* %NULL: not there, or not as it was stored. */
VYRE_API GBytes *vyre_jit_cache_load (
    VyreJitCache *cache, VyreJitCacheKind kind, const VyreJitKey *key);
/* Replaces what is there, at once or not at all, and makes room by deleting
 * what has not been used for longest. */
VYRE_API gboolean vyre_jit_cache_store (VyreJitCache *cache,
    VyreJitCacheKind kind, const VyreJitKey *key, GBytes *content,
    GError **error);
/* For what can be read and is of no use all the same. */
VYRE_API void vyre_jit_cache_remove (
    VyreJitCache *cache, VyreJitCacheKind kind, const VyreJitKey *key);

typedef struct
{
  gboolean cached; /* from disk: compile_ns is 0 */
  guint64 generate_ns, compile_ns;
  guint unroll; /* COMPILED_UNROLL */
  guint team; /* COMPILED_TEAM */
} VyreJitTimes;

/* All of it: from the cache, or generated, compiled and stored there. cache
 * may be %NULL. What cannot be stored is said once per process and harms
 * nothing. times may be %NULL. */
VYRE_API GBytes *vyre_jit_build (const VyreLowered *lowered,
    const VyreJitOptions *options, const char *frame, VyreJitCache *cache,
    VyreJitTimes *times, GError **error);

G_END_DECLS
