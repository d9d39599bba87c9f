/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The start-up probe: measures, on the device itself, whether a kernel can
 * stay resident. Residency needs a device that is no CPU, a running kernel
 * that sees a host write into ring memory, and loops that are not cut short.
 */

#include "engine-private.h"
#include "launch.h"

#include <stdint.h>
#include "probe-spv.h"

#define PASSES_ASKED 200000
#define POLL_EVERY 16
#define START_LIMIT_US 20000
#define TOTAL_LIMIT_NS (50 * 1000 * 1000ull)
/* At most half of what a device really does is used. */
#define SAFETY 2

typedef struct
{
  guint64 words, answer;
  guint32 passes, poll_every;
} ProbeConstants;

static void
wait_for_start (const guint32 *answer)
{
  gint64 end = g_get_monotonic_time () + START_LIMIT_US;

  while (__atomic_load_n (&answer[VYRE_PROBE_RUNNING], __ATOMIC_ACQUIRE) == 0 &&
      g_get_monotonic_time () < end)
    g_thread_yield ();
}

gboolean
vyre_probe_residency (VyreDevice *device, guint32 *passes, gboolean *resident,
    char **reason, GError **error)
{
  const VyreDeviceInfo *info = vyre_device_get_info (device);
  guint32 lanes = info->subgroup_size;
  gboolean ok = FALSE;
  VyrePipeline *pipeline = NULL;
  VyreLaunch *launch = NULL;
  VyreMemory *words = vyre_memory_new (device, 4096, VYRE_MEMORY_RING,
      "vyre probe doorbell", error);
  VyreMemory *answer = vyre_memory_new (device, 4096, VYRE_MEMORY_RECORDS,
      "vyre probe answer", error ? (*error ? NULL : error) : NULL);
  if (words == NULL || answer == NULL)
    goto done;

  pipeline = vyre_pipeline_new (device, (const guint32 *) vyre_probe_spv, sizeof vyre_probe_spv,
      &lanes, 1, sizeof (ProbeConstants), TRUE, "vyre probe", NULL, error);
  if (pipeline == NULL)
    goto done;

  ProbeConstants constants = { words->address, answer->address, PASSES_ASKED,
    POLL_EVERY };
  launch = vyre_device_launch (device, pipeline, 0, 1, &constants,
      sizeof constants, error);
  if (launch == NULL)
    goto done;

  const guint32 *answers = (const guint32 *) answer->map;
  wait_for_start (answers);
  vyre_poke (words, VYRE_PROBE_DOORBELL, 1);
  vyre_ring_store_fence ();
  GError *local = NULL;
  gboolean ended = vyre_launch_wait (launch, TOTAL_LIMIT_NS, &local);
  if (local != NULL) {
    g_propagate_error (error, local);
    goto done;
  }
  /* Slow but alive: let it end, it is bounded. */
  while (!ended) {
    ended = vyre_launch_wait (launch, 1000 * 1000 * 1000ull, &local);
    if (local != NULL) {
      g_propagate_error (error, local);
      goto done;
    }
  }

  guint32 made = answers[VYRE_PROBE_PASSES];
  guint32 seen = answers[VYRE_PROBE_SEEN];
  *passes = made >= PASSES_ASKED ? G_MAXINT32 : made / SAFETY;
  if (info->type == VYRE_DEVICE_CPU)
    *reason = g_strdup_printf ("the device is a CPU (%u of %u loop passes, "
        "host write %s)", made, PASSES_ASKED, seen ? "seen" : "not seen");
  else if (made < PASSES_ASKED)
    *reason = g_strdup_printf ("the device cuts loops short: %u of %u passes",
        made, PASSES_ASKED);
  else if (seen == 0)
    *reason = g_strdup ("a running kernel does not see what the host writes");
  else
    *reason = g_strdup_printf ("probed: host write seen in loop pass %u, "
        "%u of %u passes made", seen, made, PASSES_ASKED);
  *resident = info->type != VYRE_DEVICE_CPU && made >= PASSES_ASKED &&
      seen != 0;
  ok = TRUE;

done:
  g_clear_pointer (&launch, vyre_launch_free);
  g_clear_pointer (&pipeline, vyre_pipeline_free);
  g_clear_pointer (&words, vyre_memory_free);
  g_clear_pointer (&answer, vyre_memory_free);
  return ok;
}
