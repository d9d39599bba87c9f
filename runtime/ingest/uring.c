/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <liburing.h>
#include <sys/resource.h>

#include "ingest.h"

/* Reads that the kernel may have at a time; each may have one cancellation on
 * its way as well, so both together fit the completion ring, which has twice
 * as many entries. */
#define ENTRIES 256
#define REAP 64
/* The kernel takes no larger registered range; chunks of one size, so that an
 * address gives its index. */
#define CHUNK ((gsize) 1 << 30)
#define SUBMIT_TRIES 1000
/* Low bit of user_data: the completion is that of a cancellation. */
#define CANCEL_BIT ((guintptr) 1)

/* Any thread submits, under the lock; only the reaper looks at completions. A
 * request is over when neither its read nor its cancellation is with the
 * kernel any more (ops is 0), so that no late cancellation can hit another
 * read at the same address. */
struct _VyreUring
{
  struct io_uring ring;

  GMutex lock;
  /* protected by lock: the submission side and */
  guint in_flight; /* reads that the kernel has */
  GQueue backlog; /* of requests, while in_flight is at its limit */
  struct
  {
    struct io_uring_sqe *sqe;
    VyreIoRequest *request; /* NULL: made harmless */
    gboolean cancel;
  } unsent[ENTRIES];
  guint n_unsent;
  guint8 *fixed_base;
  gsize fixed_size;
};

/* One of a request's operations has ended. */
static void
end_op (VyreIoRequest *request, GQueue *over)
{
  if (--request->ops == 0)
    g_queue_push_tail_link (over, &request->link);
}

/* Hands all prepared entries to the kernel. Those that it does not take are
 * made harmless and their requests fail. */
static void
flush (VyreUring *uring, GQueue *over)
{
  guint tries = 0, left, first;
  int result = 0;

  while ((left = io_uring_sq_ready (&uring->ring)) > 0) {
    result = io_uring_submit (&uring->ring);
    if (result > 0 || result == -EINTR)
      continue;
    if (result != 0 && result != -EAGAIN && result != -EBUSY)
      break;
    /* The kernel is short of memory. */
    if (++tries == SUBMIT_TRIES)
      break;
    g_usleep (1000);
  }
  first = uring->n_unsent - left;
  for (guint i = first; i < uring->n_unsent; i++) {
    VyreIoRequest *request = uring->unsent[i].request;

    if (request != NULL) {
      io_uring_prep_nop (uring->unsent[i].sqe);
      io_uring_sqe_set_data (uring->unsent[i].sqe, NULL);
      if (!uring->unsent[i].cancel) {
        request->error = result != 0 ? -result : EAGAIN;
        uring->in_flight--;
      }
      end_op (request, over);
      uring->unsent[i].request = NULL;
    }
    uring->unsent[i - first] = uring->unsent[i];
  }
  uring->n_unsent = left;
}

static struct io_uring_sqe *
get_sqe (
    VyreUring *uring, VyreIoRequest *request, gboolean cancel, GQueue *over)
{
  struct io_uring_sqe *sqe;

  if (uring->n_unsent == ENTRIES)
    flush (uring, over);
  if (uring->n_unsent == ENTRIES)
    return NULL;
  sqe = io_uring_get_sqe (&uring->ring);
  if (sqe == NULL)
    return NULL;
  uring->unsent[uring->n_unsent].sqe = sqe;
  uring->unsent[uring->n_unsent].request = request;
  uring->unsent[uring->n_unsent].cancel = cancel;
  uring->n_unsent++;
  return sqe;
}

/* Asks for what is missing of a request whose read is counted in ops and
 * in_flight. */
static void
push_read (VyreUring *uring, VyreIoRequest *request, GQueue *over)
{
  guint8 *data = request->data + request->filled;
  gsize length = MIN (request->length - request->filled, CHUNK);
  guint64 offset = request->offset + request->filled;
  struct io_uring_sqe *sqe = get_sqe (uring, request, FALSE, over);
  gsize at;

  if (sqe == NULL) {
    request->error = EAGAIN;
    uring->in_flight--;
    end_op (request, over);
    return;
  }
  at = data - uring->fixed_base;
  if (data >= uring->fixed_base && at < uring->fixed_size &&
      length <= uring->fixed_size - at &&
      at / CHUNK == (at + length - 1) / CHUNK)
    io_uring_prep_read_fixed (
        sqe, request->fd, data, length, offset, at / CHUNK);
  else
    io_uring_prep_read (sqe, request->fd, data, length, offset);
  /* Cached data is copied by the submitting thread unless workers of the
   * kernel are asked to, which then copy in parallel. A read that was refused
   * once must be allowed to wait. */
  if (request->align <= 1 || request->tries > 0)
    io_uring_sqe_set_flags (sqe, IOSQE_ASYNC);
  io_uring_sqe_set_data (sqe, request);
}

static void
push_backlog (VyreUring *uring, GQueue *over)
{
  GList *link;

  while (uring->in_flight < ENTRIES &&
         (link = g_queue_pop_head_link (&uring->backlog)) != NULL) {
    VyreIoRequest *request = link->data;

    request->queued = FALSE;
    uring->in_flight++;
    push_read (uring, request, over);
  }
}

static void
call_done (GQueue *over)
{
  GList *link;

  while ((link = g_queue_pop_head_link (over)) != NULL) {
    VyreIoRequest *request = link->data;

    request->done (request);
  }
}

static void
complete (VyreUring *uring, guintptr user_data, int result, GQueue *over)
{
  VyreIoRequest *request = (VyreIoRequest *) (user_data & ~CANCEL_BIT);

  if (request == NULL)
    return;
  if (!(user_data & CANCEL_BIT)) {
    if (!vyre_io_request_advance (request, result)) {
      push_read (uring, request, over);
      return;
    }
    uring->in_flight--;
  }
  end_op (request, over);
}

static gpointer
reaper_thread (gpointer data)
{
  VyreUring *uring = data;
  struct io_uring_cqe *cqes[REAP];
  guintptr user_data[REAP];
  int results[REAP];

  for (;;) {
    GQueue over = G_QUEUE_INIT;
    guint n;
    int result = io_uring_wait_cqe (&uring->ring, &cqes[0]);

    /* Nothing is lost by waiting again, and nothing won by doing so at once. */
    if (result < 0) {
      if (result != -EINTR)
        g_usleep (10000);
      continue;
    }
    n = io_uring_peek_batch_cqe (&uring->ring, cqes, REAP);
    for (guint i = 0; i < n; i++) {
      user_data[i] = (guintptr) io_uring_cqe_get_data (cqes[i]);
      results[i] = cqes[i]->res;
    }
    io_uring_cq_advance (&uring->ring, n);

    g_mutex_lock (&uring->lock);
    for (guint i = 0; i < n; i++)
      complete (uring, user_data[i], results[i], &over);
    push_backlog (uring, &over);
    flush (uring, &over);
    g_mutex_unlock (&uring->lock);
    call_done (&over);
  }
  return NULL;
}

VyreUring *
vyre_uring_new (GError **error)
{
  VyreUring *uring = g_new0 (VyreUring, 1);
  GThread *reaper;
  int result;

  /* No SINGLE_ISSUER, no DEFER_TASKRUN: they tie a ring to one thread, and the
   * threads that read come and go. */
  result = io_uring_queue_init (ENTRIES, &uring->ring, 0);
  if (result < 0)
    goto no_ring;
  g_mutex_init (&uring->lock);
  g_queue_init (&uring->backlog);
  reaper = g_thread_try_new ("vyre-reaper", reaper_thread, uring, error);
  if (reaper == NULL)
    goto no_thread;
  g_thread_unref (reaper);
  return uring;

no_ring:
  g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (-result),
      "io_uring is refused: %s%s", g_strerror (-result),
      result == -EPERM || result == -EACCES
          ? "; allow it in the container's seccomp profile or by sysctl "
            "kernel.io_uring_disabled=0"
      : result == -ENOSYS ? "; the kernel or its sandbox has none"
      : result == -ENOMEM ? "; raise the locked-memory limit ('ulimit -l')"
                          : "");
  g_free (uring);
  return NULL;
no_thread:
  io_uring_queue_exit (&uring->ring);
  g_mutex_clear (&uring->lock);
  g_free (uring);
  return NULL;
}

gboolean
vyre_uring_register (VyreUring *uring, VyreArena *arena, GError **error)
{
  guint8 *base = vyre_arena_get_base (arena);
  gsize size = vyre_arena_get_size (arena);
  guint n = size / CHUNK + (size % CHUNK != 0);
  g_autofree struct iovec *vectors = g_new (struct iovec, n);
  struct rlimit limit;
  int result;

  for (guint i = 0; i < n; i++) {
    vectors[i].iov_base = base + i * CHUNK;
    vectors[i].iov_len = MIN (size - i * CHUNK, CHUNK);
  }
  g_mutex_lock (&uring->lock);
  result = io_uring_register_buffers (&uring->ring, vectors, n);
  if (result == 0) {
    vyre_arena_ref (arena);
    uring->fixed_base = base;
    uring->fixed_size = size;
  }
  g_mutex_unlock (&uring->lock);
  if (result < 0)
    goto refused;
  return TRUE;

refused:
  if (result == -ENOMEM && getrlimit (RLIMIT_MEMLOCK, &limit) == 0 &&
      limit.rlim_cur != RLIM_INFINITY)
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOMEM,
        "the arena of %" G_GSIZE_FORMAT " bytes could not be registered with "
        "io_uring: the locked-memory limit (RLIMIT_MEMLOCK) is "
        "%" G_GUINT64_FORMAT
        " bytes; raise it with 'ulimit -l', LimitMEMLOCK= or limits.conf, or "
        "make the arena smaller with VYRE_ARENA_SIZE",
        size, (guint64) limit.rlim_cur);
  else
    g_set_error (error, G_FILE_ERROR, g_file_error_from_errno (-result),
        "the arena of %" G_GSIZE_FORMAT " bytes could not be registered with "
        "io_uring: %s",
        size, g_strerror (-result));
  return FALSE;
}

void
vyre_uring_read (VyreUring *uring, VyreIoRequest **requests, guint n_requests)
{
  GQueue over = G_QUEUE_INIT;

  g_mutex_lock (&uring->lock);
  for (guint i = 0; i < n_requests; i++) {
    requests[i]->ops = 1;
    requests[i]->queued = TRUE;
    g_queue_push_tail_link (&uring->backlog, &requests[i]->link);
  }
  push_backlog (uring, &over);
  flush (uring, &over);
  g_mutex_unlock (&uring->lock);
  call_done (&over);
}

void
vyre_uring_cancel (VyreUring *uring, VyreIoRequest **requests, guint n_requests)
{
  GQueue over = G_QUEUE_INIT;

  g_mutex_lock (&uring->lock);
  for (guint i = 0; i < n_requests; i++) {
    VyreIoRequest *request = requests[i];
    struct io_uring_sqe *sqe;

    if (request->ops == 0 || request->cancelled)
      continue;
    request->cancelled = TRUE;
    if (request->queued) {
      request->queued = FALSE;
      request->error = ECANCELED;
      g_queue_unlink (&uring->backlog, &request->link);
      end_op (request, &over);
      continue;
    }
    /* Without room for it the read ends by itself. */
    sqe = get_sqe (uring, request, TRUE, &over);
    if (sqe == NULL)
      continue;
    request->ops++;
    io_uring_prep_cancel (sqe, request, 0);
    io_uring_sqe_set_data (sqe, (gpointer) ((guintptr) request | CANCEL_BIT));
  }
  flush (uring, &over);
  g_mutex_unlock (&uring->lock);
  call_done (&over);
}
