/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The start-up probe: measures, on the device itself, whether a kernel can
 * stay resident. Residency needs a device that is no CPU, a running kernel
 * that sees a host write into ring memory, and loops that are not cut short.
 */

#include "engine-private.h"
#include "../hex.h"
#include "launch.h"

#include <errno.h>
#include <stdint.h>
#include "probe-spv.h"

/* Raised when the probe itself changes. */
#define PROBE_VERSION 1
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

typedef struct
{
  guint made; /* loop passes of PASSES_ASKED */
  guint seen; /* pass in which the doorbell was seen, or 0 */
} Answer;

static gboolean
ask_device (VyreDevice *device, Answer *result, GError **error)
{
  const VyreDeviceInfo *info = vyre_device_get_info (device);
  guint32 lanes = info->subgroup_size;
  gboolean ok = FALSE;
  VyrePipeline *pipeline = NULL;
  VyreLaunch *launch = NULL;
  VyreMemory *words = vyre_memory_new (
      device, 4096, VYRE_MEMORY_RING, "vyre probe doorbell", error);
  VyreMemory *answer = vyre_memory_new (device, 4096, VYRE_MEMORY_RECORDS,
      "vyre probe answer", error ? (*error ? NULL : error) : NULL);
  if (words == NULL || answer == NULL)
    goto done;

  pipeline = vyre_pipeline_new (device, (const guint32 *) vyre_probe_spv,
      sizeof vyre_probe_spv, &lanes, 1, sizeof (ProbeConstants), TRUE, NULL,
      "vyre probe", NULL, error);
  if (pipeline == NULL)
    goto done;

  ProbeConstants constants = { words->address, answer->address, PASSES_ASKED,
    POLL_EVERY };
  launch = vyre_device_launch (
      device, pipeline, 0, 1, &constants, sizeof constants, error);
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

  result->made = answers[VYRE_PROBE_PASSES];
  result->seen = answers[VYRE_PROBE_SEEN];
  ok = TRUE;

done:
  g_clear_pointer (&launch, vyre_launch_free);
  g_clear_pointer (&pipeline, vyre_pipeline_free);
  g_clear_pointer (&words, vyre_memory_free);
  g_clear_pointer (&answer, vyre_memory_free);
  return ok;
}

/* --- the answers of earlier processes ---------------------------------------- */

static char *
cache_path (void)
{
  const char *folder = g_getenv ("VYRE_CACHE_DIR");

  if (folder != NULL && *folder != '\0')
    return g_build_filename (folder, "probe.ini", NULL);
  return g_build_filename (g_get_user_cache_dir (), "vyre", "probe.ini", NULL);
}

/* Another device, driver or probe asks anew. */
static char *
cache_group (const VyreDeviceInfo *info)
{
  g_autofree char *uuid = vyre_hex_dup (info->uuid, sizeof info->uuid);

  return g_strdup_printf ("%s driver %08x api %08x probe %u", uuid,
      info->driver_version, info->api_version, PROBE_VERSION);
}

static gboolean
read_cache (const VyreDeviceInfo *info, Answer *answer)
{
  g_autofree char *path = cache_path ();
  g_autofree char *group = cache_group (info);
  g_autoptr (GKeyFile) file = g_key_file_new ();

  if (!g_key_file_load_from_file (file, path, G_KEY_FILE_NONE, NULL) ||
      !g_key_file_has_key (file, group, "passes", NULL) ||
      !g_key_file_has_key (file, group, "seen", NULL))
    return FALSE;
  answer->made = g_key_file_get_integer (file, group, "passes", NULL);
  answer->seen = g_key_file_get_integer (file, group, "seen", NULL);
  /* Somebody else's file, or a damaged one. */
  return answer->made > 0 && answer->made <= PASSES_ASKED &&
         answer->seen <= PASSES_ASKED;
}

static void
write_cache (const VyreDeviceInfo *info, const Answer *answer)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *path = cache_path ();
  g_autofree char *folder = g_path_get_dirname (path);
  g_autofree char *group = cache_group (info);
  g_autoptr (GKeyFile) file = g_key_file_new ();

  g_key_file_load_from_file (file, path, G_KEY_FILE_KEEP_COMMENTS, NULL);
  g_key_file_set_string (file, group, "device", info->name);
  g_key_file_set_integer (file, group, "passes", answer->made);
  g_key_file_set_integer (file, group, "seen", answer->seen);
  if (g_mkdir_with_parents (folder, 0755) != 0 ||
      !g_key_file_save_to_file (file, path, &error))
    g_info ("the answer of the start-up probe is not kept: %s: %s", path,
        error ? error->message : g_strerror (errno));
}

gboolean
vyre_probe_residency (VyreDevice *device, guint32 *passes, gboolean *resident,
    char **reason, GError **error)
{
  const VyreDeviceInfo *info = vyre_device_get_info (device);
  const char *when = "probed earlier";
  Answer answer;

  if (!read_cache (info, &answer)) {
    when = "probed";
    if (!ask_device (device, &answer, error))
      return FALSE;
    write_cache (info, &answer);
  }

  gboolean uncut = answer.made >= PASSES_ASKED;
  *passes = uncut ? G_MAXINT32 : answer.made / SAFETY;
  *resident = info->type != VYRE_DEVICE_CPU && uncut && answer.seen != 0;
  const char *verdict = info->type == VYRE_DEVICE_CPU ? "the device is a CPU"
                        : !uncut ? "the device cuts loops short"
                        : answer.seen == 0
                            ? "a running kernel does not see the host's writes"
                            : "a kernel can stay";
  *reason =
      g_strdup_printf ("%s: %s (%u of %u loop passes made, host write %s)",
          when, verdict, answer.made, PASSES_ASKED,
          answer.seen ? "seen while running" : "not seen");
  return TRUE;
}
