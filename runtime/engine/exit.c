/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Processes exit while pipelines play. Drivers then free what they have,
 * whatever still uses it: kernels run into memory that is gone, and threads in
 * the driver crash. So before the drivers' turn nothing of ours is left there:
 * what runs is cancelled, kernels leave, and threads that compile or copy have
 * done with it.
 */

#include "engine-private.h"

#include <stdlib.h>
#include <unistd.h>

/* Compilers take seconds; whoever calls exit() in one of our threads would wait
 * for itself. */
#define LIMIT_US (20 * G_USEC_PER_SEC)

static gint exiting; /* atomic */
static pid_t process;

gboolean
vyre_is_exiting (void)
{
  return g_atomic_int_get (&exiting) != 0;
}

/* Who comes later sees that there is nothing to do any more. */
static void
pass (GMutex *mutex)
{
  g_mutex_lock (mutex);
  g_mutex_unlock (mutex);
}

static void
leave_device (VyreRuntime *runtime, gint64 end_time)
{
  vyre_runtime_shutdown (runtime, g_get_monotonic_time ());
  g_mutex_lock (&runtime->lock);
  runtime->n_unreferencing++;
  while (runtime->n_releasing > 0 || runtime->n_compiling > 0) {
    if (!g_cond_wait_until (&runtime->ended, &runtime->lock, end_time))
      break;
  }
  runtime->n_unreferencing--;
  g_mutex_unlock (&runtime->lock);
  pass (&runtime->compile_lock);
  pass (&runtime->copy_lock);
}

static void
leave_devices (void)
{
  /* Who lets go of them now lets go of nothing. */
  static GPtrArray *runtimes;
  gint64 end_time = g_get_monotonic_time () + LIMIT_US;

  /* Not ours to end: a copy of the process that made them. */
  if (getpid () != process)
    return;
  g_atomic_int_set (&exiting, 1);
  runtimes = vyre_runtime_list ();
  for (guint i = 0; i < runtimes->len; i++)
    leave_device (g_ptr_array_index (runtimes, i), end_time);
  vyre_runtime_wait_ending (end_time);
}

void
vyre_prepare_exit (void)
{
  static gsize once;

  if (g_once_init_enter (&once)) {
    process = getpid ();
    atexit (leave_devices);
    g_once_init_leave (&once, 1);
  }
}
