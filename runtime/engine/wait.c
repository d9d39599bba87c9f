/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Waiting for windows. Completion records lie in memory that the CPU caches:
 * looking at one costs nothing until it changes. So a thread that waits looks
 * for a moment, as long as work of the size usually takes; then it sleeps and
 * has the supervisor look in its place.
 */

#include "engine-private.h"

/* Longer than the shortest windows take there and back, shorter than what a
 * sleep and a wake-up cost the CPU. */
#define SPIN_US 40
#define LOOKS_PER_TIME 64

static void
pause_cpu (void)
{
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause ();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* How many from the first on have reported, after looking for a while. */
static guint
spin (VyreWindow *const *windows, guint n, gint64 end_time)
{
  VyreRuntime *runtime = windows[0]->runtime;
  guint done = 0;

  while (done < n && vyre_window_has_reported (windows[done]))
    done++;
  /* Where the CPU is the device, looking takes the time that it needs. */
  if (done == n || end_time == 0 ||
      runtime->residency != VYRE_RESIDENCY_RESIDENT || !runtime->parallel)
    return done;
  gint64 until = MIN (g_get_monotonic_time () + SPIN_US, end_time);
  do {
    for (guint k = 0; k < LOOKS_PER_TIME && done < n; k++) {
      if (vyre_window_has_reported (windows[done]))
        done++;
      else
        pause_cpu ();
    }
  } while (done < n && g_get_monotonic_time () < until);
  return done;
}

/* Lock held. */
static guint
reap_all (VyreWindow *const *windows, guint n)
{
  guint done = 0;

  if (n > 0)
    windows[0]->runtime->reaped_at = 0;
  while (done < n && vyre_window_reap (windows[done]))
    done++;
  return done;
}

/* How many from the first on are not in flight, as far as is known. */
static guint
count_ended (VyreWindow *const *windows, guint n)
{
  guint done = 0;

  while (done < n && vyre_window_state (windows[done]) != VYRE_WINDOW_RUNNING)
    done++;
  return done;
}

guint
vyre_windows_wait (VyreWindow *const *windows, guint n, gint64 end_time)
{
  guint done = count_ended (windows, n);

  if (done == n)
    return done;
  VyreRuntime *runtime = windows[0]->runtime;
  if (spin (windows + done, n - done, end_time) == 0 && end_time == 0)
    return done;
  g_mutex_lock (&runtime->lock);
  done += reap_all (windows + done, n - done);
  if (done < n && end_time != 0) {
    runtime->n_sleepers++;
    g_cond_signal (&runtime->work);
    while (done < n &&
           g_cond_wait_until (&runtime->ended, &runtime->lock, end_time))
      done += reap_all (windows + done, n - done);
    runtime->n_sleepers--;
  }
  vyre_runtime_unlock (runtime);
  return done;
}

VyreWindowState
vyre_window_wait (VyreWindow *window, gint64 end_time, VyreWindowResult *result)
{
  vyre_windows_wait (&window, 1, end_time);

  VyreWindowState state = vyre_window_state (window);
  if (result != NULL) {
    gboolean over = state != VYRE_WINDOW_RUNNING && state != VYRE_WINDOW_IDLE;

    *result = (VyreWindowResult){ .state = state };
    if (over) {
      result->code = window->code;
      result->address = window->address;
      result->message = window->message;
      result->steps = window->steps;
      result->slices = window->slices;
    }
  }
  return state;
}

void
vyre_tenant_wait_room (VyreTenant *tenant, gint64 end_time)
{
  VyreRuntime *runtime = tenant->runtime;

  g_mutex_lock (&runtime->lock);
  if (!vyre_runtime_reap (runtime) && !g_queue_is_empty (&runtime->windows)) {
    runtime->n_sleepers++;
    g_cond_signal (&runtime->work);
    g_cond_wait_until (&runtime->ended, &runtime->lock, end_time);
    runtime->n_sleepers--;
  }
  vyre_runtime_unlock (runtime);
}
