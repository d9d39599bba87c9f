/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <unistd.h>

#include "ingest.h"

/* Where io_uring is refused: a few threads that call pread. */

#define THREADS 4

struct _VyreIoPool
{
  GMutex lock;
  GCond cond; /* something was queued */
  GQueue queue; /* of requests, protected by lock */
};

static gpointer
worker_thread (gpointer data)
{
  VyreIoPool *pool = data;

  g_mutex_lock (&pool->lock);
  for (;;) {
    VyreIoRequest *request;
    GList *link;
    gssize result;

    while ((link = g_queue_pop_head_link (&pool->queue)) == NULL)
      g_cond_wait (&pool->cond, &pool->lock);
    request = link->data;
    request->queued = FALSE;
    do {
      g_mutex_unlock (&pool->lock);
      result = pread (request->fd, request->data + request->filled,
          MIN (request->length - request->filled, (gsize) 1 << 30),
          request->offset + request->filled);
      if (result < 0)
        result = -errno;
      g_mutex_lock (&pool->lock);
    } while (!vyre_io_request_advance (request, result));
    request->ops = 0;
    g_mutex_unlock (&pool->lock);
    request->done (request);
    g_mutex_lock (&pool->lock);
  }
  return NULL;
}

VyreIoPool *
vyre_io_pool_new (GError **error)
{
  VyreIoPool *pool = g_new0 (VyreIoPool, 1);
  guint made;

  g_mutex_init (&pool->lock);
  g_cond_init (&pool->cond);
  g_queue_init (&pool->queue);
  for (made = 0; made < THREADS; made++) {
    /* One is enough to go on. */
    GThread *thread = g_thread_try_new (
        "vyre-pread", worker_thread, pool, made == 0 ? error : NULL);

    if (thread == NULL)
      break;
    g_thread_unref (thread);
  }
  if (made == 0)
    goto no_thread;
  return pool;

no_thread:
  g_cond_clear (&pool->cond);
  g_mutex_clear (&pool->lock);
  g_free (pool);
  return NULL;
}

void
vyre_io_pool_read (VyreIoPool *pool, VyreIoRequest **requests, guint n_requests)
{
  g_mutex_lock (&pool->lock);
  for (guint i = 0; i < n_requests; i++) {
    requests[i]->ops = 1;
    requests[i]->queued = TRUE;
    g_queue_push_tail_link (&pool->queue, &requests[i]->link);
    g_cond_signal (&pool->cond);
  }
  g_mutex_unlock (&pool->lock);
}

void
vyre_io_pool_cancel (
    VyreIoPool *pool, VyreIoRequest **requests, guint n_requests)
{
  GQueue over = G_QUEUE_INIT;
  GList *link;

  g_mutex_lock (&pool->lock);
  for (guint i = 0; i < n_requests; i++) {
    VyreIoRequest *request = requests[i];

    if (request->ops == 0)
      continue;
    request->cancelled = TRUE; /* a worker sees it after its attempt */
    if (!request->queued)
      continue;
    request->queued = FALSE;
    request->ops = 0;
    request->error = ECANCELED;
    g_queue_unlink (&pool->queue, &request->link);
    g_queue_push_tail_link (&over, &request->link);
  }
  g_mutex_unlock (&pool->lock);
  while ((link = g_queue_pop_head_link (&over)) != NULL) {
    VyreIoRequest *request = link->data;

    request->done (request);
  }
}
