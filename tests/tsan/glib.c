/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* GLib's locks are made of futexes, in a library that ThreadSanitizer does not
 * instrument: it would not see them, and call everything that they protect a
 * race. Linked into a test, these stand in for them, made of pthread's, which
 * it knows. (GLib keeps its own for itself: queues and thread pools of GLib
 * stay invisible. So do completions of io_uring; the runtime takes the lock
 * that submitted a request before it looks at its result, and needs no
 * suppression.) */

static pthread_mutex_t birth = PTHREAD_MUTEX_INITIALIZER;

static pthread_mutex_t *
get_mutex (GMutex *mutex)
{
  pthread_mutex_t *impl =
      __atomic_load_n ((gpointer *) &mutex->p, __ATOMIC_ACQUIRE);

  if (impl != NULL)
    return impl;
  pthread_mutex_lock (&birth);
  impl = mutex->p;
  if (impl == NULL) {
    impl = malloc (sizeof *impl);
    pthread_mutex_init (impl, NULL);
    __atomic_store_n ((gpointer *) &mutex->p, impl, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock (&birth);
  return impl;
}

static pthread_cond_t *
get_cond (GCond *cond)
{
  pthread_cond_t *impl =
      __atomic_load_n ((gpointer *) &cond->p, __ATOMIC_ACQUIRE);
  pthread_condattr_t attributes;

  if (impl != NULL)
    return impl;
  pthread_mutex_lock (&birth);
  impl = cond->p;
  if (impl == NULL) {
    pthread_condattr_init (&attributes);
    pthread_condattr_setclock (&attributes, CLOCK_MONOTONIC);
    impl = malloc (sizeof *impl);
    pthread_cond_init (impl, &attributes);
    pthread_condattr_destroy (&attributes);
    __atomic_store_n ((gpointer *) &cond->p, impl, __ATOMIC_RELEASE);
  }
  pthread_mutex_unlock (&birth);
  return impl;
}

__attribute__ ((visibility ("default"))) void
g_mutex_init (GMutex *mutex)
{
  mutex->p = NULL;
}

__attribute__ ((visibility ("default"))) void
g_mutex_clear (GMutex *mutex)
{
  if (mutex->p != NULL)
    pthread_mutex_destroy (mutex->p);
  free (mutex->p);
  mutex->p = NULL;
}

__attribute__ ((visibility ("default"))) void
g_mutex_lock (GMutex *mutex)
{
  pthread_mutex_lock (get_mutex (mutex));
}

__attribute__ ((visibility ("default"))) gboolean
g_mutex_trylock (GMutex *mutex)
{
  return pthread_mutex_trylock (get_mutex (mutex)) == 0;
}

__attribute__ ((visibility ("default"))) void
g_mutex_unlock (GMutex *mutex)
{
  pthread_mutex_unlock (get_mutex (mutex));
}

__attribute__ ((visibility ("default"))) void
g_cond_init (GCond *cond)
{
  cond->p = NULL;
}

__attribute__ ((visibility ("default"))) void
g_cond_clear (GCond *cond)
{
  if (cond->p != NULL)
    pthread_cond_destroy (cond->p);
  free (cond->p);
  cond->p = NULL;
}

__attribute__ ((visibility ("default"))) void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  pthread_cond_wait (get_cond (cond), get_mutex (mutex));
}

__attribute__ ((visibility ("default"))) gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  struct timespec end = { end_time / G_USEC_PER_SEC,
    end_time % G_USEC_PER_SEC * 1000 };

  return pthread_cond_timedwait (get_cond (cond), get_mutex (mutex), &end) !=
         ETIMEDOUT;
}

__attribute__ ((visibility ("default"))) void
g_cond_signal (GCond *cond)
{
  pthread_cond_signal (get_cond (cond));
}

__attribute__ ((visibility ("default"))) void
g_cond_broadcast (GCond *cond)
{
  pthread_cond_broadcast (get_cond (cond));
}
