/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/engine-private.h"

G_BEGIN_DECLS

/*
 * A GPU that is made up: launches of a runtime are run by a thread here, with as
 * many queues, kernels side by side and kernels that stay as one likes. Tiles end
 * without doing anything. For tests that are linked with
 *
 *   -Wl,--wrap=vyre_device_launch,--wrap=vyre_launch_wait,--wrap=vyre_launch_free
 *
 * A launch begins when its queue's last one has ended and there is room for one
 * of its workgroups; it gets more as room comes. It leaves when it is told to or
 * has found nothing for long, but not before the tiles that it has in hand end.
 */
#define FAKE_GPU_WEIGHTS 16
typedef struct
{
  guint n_queues;
  guint room; /* for lane groups of interpreters */
  guint
      weights[FAKE_GPU_WEIGHTS]; /* of compiled kernels, by their numbers modulo
                    that: room for a lane group, in quarters */
  guint away_us; /* now and then the device is another process's for so long; 0:
                    never */
} FakeGpu;

/* From now on, until fake_gpu_stop(), for the runtime, which has nothing in
 * flight. Executables made before are not compiled. */
void fake_gpu_start (VyreRuntime *runtime, const FakeGpu *gpu);
/* Its launches have all ended. */
void fake_gpu_stop (void);

/* Says that the executable is compiled, as a kernel with a number of its own and
 * so many lane groups to a workgroup. */
void fake_gpu_compile (VyreExecutable *executable, guint number, guint team);

G_END_DECLS
