/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ingest.h"

#include <errno.h>
#include <string.h>

#define MAX_TRIES 1000

/* The process's way of reading, chosen once; nothing in it is ever freed. */
static struct
{
  GMutex lock;
  /* constant once made, which every reader has seen under the lock */
  gboolean made;
  VyreUring *uring; /* else the pool */
  VyreIoPool *pool;
  /* protected by lock */
  GError *failure; /* nothing can be read at all */
  VyreIoPath best; /* as VYRE_IO_PATH limits it */
  gboolean forced;
  char *reason; /* why no io_uring */
  gboolean register_tried;
  GError *register_failure;
} ingest;

gboolean
vyre_io_request_advance (VyreIoRequest *request, gssize result)
{
  if (result > 0) {
    request->tries = 0;
    request->filled += result;
    if (request->filled >= request->length)
      return TRUE;
    /* O_DIRECT stops between boundaries only where the file ends. */
    if (request->filled % request->align != 0)
      return TRUE;
    if (request->cancelled) {
      request->error = ECANCELED;
      return TRUE;
    }
    request->short_reads++;
    return FALSE;
  }
  if (result == 0)
    return TRUE;
  if (request->cancelled) {
    request->error = ECANCELED;
    return TRUE;
  }
  /* The kernel cancels by itself what an ending thread has left behind; any
   * thread may go on reading for it. */
  if ((result == -EINTR || result == -EAGAIN || result == -ECANCELED) &&
      ++request->tries < MAX_TRIES) {
    request->retries++;
    return FALSE;
  }
  request->error = -result;
  return TRUE;
}

static gboolean
parse_path (GError **error)
{
  const char *text = g_getenv ("VYRE_IO_PATH");

  ingest.best = VYRE_IO_PATH_URING_FIXED;
  if (text == NULL || text[0] == '\0')
    return TRUE;
  ingest.forced = TRUE;
  if (strcmp (text, "uring-fixed") == 0)
    ingest.best = VYRE_IO_PATH_URING_FIXED;
  else if (strcmp (text, "uring") == 0)
    ingest.best = VYRE_IO_PATH_URING;
  else if (strcmp (text, "pread") == 0)
    ingest.best = VYRE_IO_PATH_PREAD;
  else
    goto unknown;
  return TRUE;

unknown:
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
      "VYRE_IO_PATH is '%s'; expected uring-fixed, uring or pread", text);
  return FALSE;
}

static void
make (void)
{
  g_autoptr (GError) refused = NULL;

  ingest.made = TRUE;
  if (!parse_path (&ingest.failure))
    return;
  if (ingest.best != VYRE_IO_PATH_PREAD) {
    ingest.uring = vyre_uring_new (&refused);
    if (ingest.uring != NULL)
      return;
    if (ingest.forced) {
      g_propagate_prefixed_error (&ingest.failure, g_steal_pointer (&refused),
          "VYRE_IO_PATH asks for it, but ");
      return;
    }
    ingest.reason = g_strdup (refused->message);
    g_info ("Reading with pread: %s", ingest.reason);
  } else {
    ingest.reason = g_strdup ("VYRE_IO_PATH asks for pread");
  }
  ingest.pool = vyre_io_pool_new (&ingest.failure);
}

/* Registers the process's arena when it is first read into: it faults in and
 * pins all its pages, which a process that never does should not pay for. */
static gboolean
try_register (VyreArena *arena)
{
  if (!ingest.register_tried) {
    ingest.register_tried = TRUE;
    if (!vyre_uring_register (ingest.uring, arena, &ingest.register_failure))
      g_info ("Reading into memory that is not registered: %s",
          ingest.register_failure->message);
  }
  return ingest.register_failure == NULL;
}

gboolean
vyre_ingest_attach (
    VyreArena *arena, VyreIoPath *path, const char **reason, GError **error)
{
  gboolean ok = FALSE;

  g_mutex_lock (&ingest.lock);
  if (!ingest.made)
    make ();
  if (ingest.failure != NULL) {
    g_propagate_error (error, g_error_copy (ingest.failure));
    goto out;
  }
  ok = TRUE;
  *reason = NULL;
  if (ingest.uring == NULL) {
    *path = VYRE_IO_PATH_PREAD;
    *reason = ingest.reason;
    goto out;
  }
  *path = VYRE_IO_PATH_URING;
  if (ingest.best == VYRE_IO_PATH_URING) {
    *reason = "VYRE_IO_PATH asks for memory that is not registered";
  } else if (vyre_arena_get_kind (arena) == VYRE_ARENA_DEVICE) {
    *reason = "device memory cannot be registered with io_uring";
  } else if (!vyre_arena_is_process (arena)) {
    *reason = "only the process's arena is registered with io_uring";
  } else if (try_register (arena)) {
    *path = VYRE_IO_PATH_URING_FIXED;
  } else if (ingest.forced) {
    ok = FALSE;
    g_propagate_error (error, g_error_copy (ingest.register_failure));
    g_prefix_error (error, "VYRE_IO_PATH asks for it, but ");
  } else {
    *reason = ingest.register_failure->message;
  }
out:
  g_mutex_unlock (&ingest.lock);
  return ok;
}

void
vyre_ingest_read (VyreIoRequest **requests, guint n_requests)
{
  for (guint i = 0; i < n_requests; i++) {
    VyreIoRequest *request = requests[i];

    request->filled = 0;
    request->error = 0;
    request->short_reads = request->retries = request->tries = 0;
    request->queued = request->cancelled = FALSE;
    request->link = (GList){ request, NULL, NULL };
  }
  if (ingest.uring != NULL)
    vyre_uring_read (ingest.uring, requests, n_requests);
  else
    vyre_io_pool_read (ingest.pool, requests, n_requests);
}

void
vyre_ingest_cancel (VyreIoRequest **requests, guint n_requests)
{
  if (ingest.uring != NULL)
    vyre_uring_cancel (ingest.uring, requests, n_requests);
  else
    vyre_io_pool_cancel (ingest.pool, requests, n_requests);
}
