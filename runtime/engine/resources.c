/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * LOAD_MISS: what kernels ask for, and the thread that reads it. The request
 * comes by the IO queue behind the completion records, where only kernels
 * publish; the answer goes by the doorbell, where only the host does. Meanwhile
 * the ring slot is WAIT_IO, its window counts as waiting, and nobody runs for
 * it.
 */

#include "engine-private.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The kernel reads no more at once. */
#define MAX_READ ((gsize) 1 << 30)

typedef struct
{
  GList link;
  guint io_slot;
  guint32 ring_slot;
  guint64 sequence; /* of the window that waits */
  gboolean prefetch; /* none does */
  VyreResource *resource; /* used; NULL: there is none of that number */
  gsize done;
  int error; /* errno */
  GBytes *copy; /* of what was read, where that is recorded */
} Request;

/* Lives until the runtime is destroyed. */
struct _VyreIoServer
{
  VyreRuntime *runtime; /* no reference */
  GThread *thread;
  GCond wake;
  GQueue requests; /* the runtime's lock */
  gboolean quit; /* the runtime's lock */
  /* The thread's own. */
  struct io_uring ring;
  gboolean has_ring;
  guint n_reading;
};

/* --- resources ------------------------------------------------------------------- */

static void
resource_free (VyreResource *resource)
{
  close (resource->fd);
  vyre_block_unref (resource->block);
  g_free (resource);
}

static VyreResource *
resource_new (VyreTenant *tenant, const char *path, guint64 offset,
    gsize length, VyreBlock *block, gsize at, GError **error)
{
  struct stat st;

  if (vyre_runtime_find_mapped (tenant->runtime, block->arena) == NULL ||
      at > block->size || length > block->size - at || length > G_MAXUINT32 ||
      offset > (guint64) G_MAXINT64 - length) {
    g_set_error (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BINDING,
        "%s: %" G_GSIZE_FORMAT " bytes of it, from %" G_GUINT64_FORMAT
        " on, do not fit a block of %" G_GSIZE_FORMAT
        " bytes at %" G_GSIZE_FORMAT "; use a larger block of an arena of "
        "this runtime",
        path, length, offset, block->size, at);
    return NULL;
  }
  /* Not waiting for whoever might write to a pipe of that name. */
  int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0 || fstat (fd, &st) < 0) {
    g_set_error (error, G_FILE_ERROR, (gint) g_file_error_from_errno (errno),
        "%s: %s", path, g_strerror (errno));
    if (fd >= 0)
      close (fd);
    return NULL;
  }
  if (!S_ISREG (st.st_mode) && !S_ISBLK (st.st_mode)) {
    g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL,
        "%s: neither a file nor a block device", path);
    close (fd);
    return NULL;
  }
  VyreResource *resource = g_new0 (VyreResource, 1);
  resource->tenant = tenant->id;
  resource->fd = fd;
  resource->offset = offset;
  resource->block = vyre_block_ref (block);
  resource->at = at;
  resource->length = length;
  return resource;
}

/* Lock held. Who is dropped while being read is freed by the last reader. */
static void
drop_resource (VyreRuntime *runtime, guint i)
{
  VyreResource *resource = g_ptr_array_index (runtime->resources, i);

  g_ptr_array_index (runtime->resources, i) = NULL;
  resource->gone = TRUE;
  if (resource->n_users == 0)
    resource_free (resource);
}

void
vyre_tenant_drop_resources (VyreRuntime *runtime, guint32 id)
{
  for (guint i = 0; i < runtime->resources->len; i++) {
    const VyreResource *resource = g_ptr_array_index (runtime->resources, i);

    if (resource != NULL && resource->tenant == id)
      drop_resource (runtime, i);
  }
}

VyreResource *
vyre_runtime_find_resource (
    VyreRuntime *runtime, guint32 number, guint32 tenant)
{
  VyreResource *resource =
      number == 0 || number > runtime->resources->len
          ? NULL
          : g_ptr_array_index (runtime->resources, number - 1);

  return resource != NULL && resource->tenant == tenant ? resource : NULL;
}

/* --- reading ---------------------------------------------------------------------- */

/* Lock held. The GPU may go on. */
static void
answer (VyreRuntime *runtime, Request *request)
{
  guint base = VYRE_DOOR_IO + request->io_slot * VYRE_DOOR_IO_WORDS;
  guint32 state = request->prefetch     ? VYRE_ST_EMPTY
                  : request->error != 0 ? VYRE_IOST_ERROR
                                        : VYRE_IOST_OK;

  vyre_poke (runtime->door, base + VYRE_DOOR_IO_CODE, (guint32) request->error);
  vyre_poke (runtime->door, base + VYRE_DOOR_IO_BYTES, (guint32) request->done);
  vyre_ring_store_fence ();
  vyre_poke (runtime->door, base + VYRE_DOOR_IO_STATE, state);
  vyre_ring_store_fence ();

  VyreWindow *window =
      request->prefetch ? NULL : runtime->owners[request->ring_slot];
  if (window != NULL &&
      (!window->waits || window->first_sequence != request->sequence))
    window = NULL;
  vyre_replay_note_loaded (runtime, window, g_steal_pointer (&request->copy));
  if (window == NULL)
    return;
  VyreLevel *level = &runtime->levels[window->level];
  window->waits = FALSE;
  runtime->n_waiting--;
  window->kernel->n_windows++;
  level->published++;
  level->n_answered++;
  vyre_poke (
      runtime->door, VYRE_DOOR_PUBLISHED + window->level, level->published);
  vyre_ring_store_fence ();
  g_cond_signal (&runtime->work);
}

static void
finish (VyreIoServer *io, Request *request)
{
  VyreRuntime *runtime = io->runtime;
  VyreResource *resource = request->resource;

  if (request->done > 0) {
    vyre_block_note_write (resource->block);
    vyre_runtime_note_copy (runtime, 0, request->done);
  }
  if (request->done > 0 && !request->prefetch && request->error == 0)
    request->copy = vyre_replay_copy_loaded (
        runtime, resource->block->data + resource->at, request->done);
  if (request->prefetch && request->error != 0)
    g_info ("a resource was not prefetched: %s", g_strerror (request->error));
  g_mutex_lock (&runtime->lock);
  answer (runtime, request);
  gboolean is_last =
      resource != NULL && --resource->n_users == 0 && resource->gone;
  vyre_runtime_unlock (runtime);
  if (is_last)
    resource_free (resource);
  g_free (request);
}

/* Asks the kernel for what is missing. */
static void
push_read (VyreIoServer *io, Request *request)
{
  VyreResource *resource = request->resource;
  struct io_uring_sqe *sqe = io_uring_get_sqe (&io->ring);

  if (sqe == NULL) {
    io_uring_submit (&io->ring);
    sqe = io_uring_get_sqe (&io->ring);
  }
  if (sqe == NULL) {
    request->error = EBUSY;
    finish (io, request);
    return;
  }
  io_uring_prep_read (sqe, resource->fd,
      resource->block->data + resource->at + request->done,
      (unsigned) MIN (resource->length - request->done, MAX_READ),
      resource->offset + request->done);
  io_uring_sqe_set_data (sqe, request);
  io->n_reading++;
}

/* A read has ended so. */
static void
take_result (VyreIoServer *io, Request *request, int result)
{
  if (result > 0)
    request->done += (gsize) result;
  else if (result < 0 && result != -EINTR && result != -EAGAIN)
    request->error = -result;
  if (result != 0 && request->error == 0 &&
      request->done < request->resource->length)
    push_read (io, request);
  else
    finish (io, request);
}

static void
read_without_ring (VyreIoServer *io, Request *request)
{
  VyreResource *resource = request->resource;

  while (request->done < resource->length) {
    gssize n = pread (resource->fd,
        resource->block->data + resource->at + request->done,
        MIN (resource->length - request->done, MAX_READ),
        (off_t) (resource->offset + request->done));

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      request->error = errno;
    if (n <= 0)
      break;
    request->done += (gsize) n;
  }
  finish (io, request);
}

static void
start (VyreIoServer *io, Request *request)
{
  if (request->resource == NULL) {
    request->error = EBADF;
    finish (io, request);
  } else if (io->has_ring) {
    push_read (io, request);
  } else {
    read_without_ring (io, request);
  }
}

/* Waits for one read at least and takes over those that have ended. */
static void
collect (VyreIoServer *io)
{
  struct io_uring_cqe *cqe;
  int result = io_uring_submit_and_wait (&io->ring, 1);

  if (result < 0 && result != -EINTR && result != -EAGAIN && result != -EBUSY)
    g_warning ("io_uring: cannot wait: %s", g_strerror (-result));
  while (io_uring_peek_cqe (&io->ring, &cqe) == 0) {
    Request *request = io_uring_cqe_get_data (cqe);
    int res = cqe->res;

    io_uring_cqe_seen (&io->ring, cqe);
    io->n_reading--;
    take_result (io, request, res);
  }
}

static gpointer
serve (gpointer data)
{
  VyreIoServer *io = data;
  VyreRuntime *runtime = io->runtime;
  int result = io_uring_queue_init (VYRE_IO_SLOTS, &io->ring, 0);

  io->has_ring = result == 0;
  if (!io->has_ring)
    g_info (
        "resources are read by pread: no io_uring: %s", g_strerror (-result));
  for (;;) {
    GQueue requests = G_QUEUE_INIT;

    g_mutex_lock (&runtime->lock);
    while (g_queue_is_empty (&io->requests) && !io->quit && io->n_reading == 0)
      g_cond_wait (&io->wake, &runtime->lock);
    requests = io->requests;
    g_queue_init (&io->requests);
    gboolean quit = io->quit;
    vyre_runtime_unlock (runtime);

    GList *link;
    while ((link = g_queue_pop_head_link (&requests)) != NULL)
      start (io, link->data);
    if (io->n_reading > 0)
      collect (io);
    else if (quit)
      break;
  }
  if (io->has_ring)
    io_uring_queue_exit (&io->ring);
  return NULL;
}

/* --- requests ---------------------------------------------------------------------- */

/* Lock held. */
static void
take_request (VyreRuntime *runtime, guint i, const guint32 *words)
{
  Request *request = g_new0 (Request, 1);
  guint32 ring_slot = words[VYRE_IO_RING_SLOT];

  request->link.data = request;
  request->io_slot = i;
  request->ring_slot = MIN (ring_slot, runtime->slots - 1);
  request->prefetch = words[VYRE_IO_PREFETCH] != 0;
  request->resource = vyre_runtime_find_resource (
      runtime, words[VYRE_IO_SRC], words[VYRE_IO_TENANT]);
  if (request->resource != NULL)
    request->resource->n_users++;
  VyreWindow *window = runtime->owners[request->ring_slot];
  gboolean waits = !request->prefetch && window != NULL &&
                   window->items != NULL && !window->waits;
  if (request->resource != NULL)
    vyre_replay_note_reading (
        runtime, waits ? window : NULL, request->resource);
  if (waits) {
    window->waits = TRUE;
    request->sequence = window->first_sequence;
    runtime->n_waiting++;
    window->kernel->n_windows--;
  }
  g_queue_push_tail_link (&runtime->io->requests, &request->link);
  g_cond_signal (&runtime->io->wake);
}

void
vyre_runtime_take_requests (VyreRuntime *runtime)
{
  guint32 *queue = vyre_runtime_tail (runtime) + VYRE_TAIL_IO;

  if (runtime->io == NULL) {
    VyreIoServer *io = g_new0 (VyreIoServer, 1);

    g_cond_init (&io->wake);
    io->runtime = runtime;
    runtime->io = io;
    io->thread = g_thread_new ("vyre-resources", serve, io);
  }
  for (guint i = 0; i < VYRE_IO_SLOTS && runtime->n_asking > 0; i++) {
    guint32 *words = queue + i * VYRE_IO_WORDS;

    if (__atomic_load_n (&words[VYRE_IO_STATUS], __ATOMIC_ACQUIRE) !=
        VYRE_ST_PUBLISHED)
      continue;
    runtime->n_asking--;
    take_request (runtime, i, words);
    /* The GPU fills it again only when the answer has come to it. */
    __atomic_store_n (&words[VYRE_IO_STATUS], VYRE_ST_EMPTY, __ATOMIC_RELEASE);
  }
}

gboolean
vyre_runtime_is_io_thread (VyreRuntime *runtime)
{
  return runtime->io != NULL && g_thread_self () == runtime->io->thread;
}

void
vyre_runtime_end_io (VyreRuntime *runtime)
{
  VyreIoServer *io = runtime->io;

  if (io != NULL) {
    g_mutex_lock (&runtime->lock);
    io->quit = TRUE;
    g_cond_signal (&io->wake);
    g_mutex_unlock (&runtime->lock);
    g_thread_join (io->thread);
    g_cond_clear (&io->wake);
    g_clear_pointer (&runtime->io, g_free);
  }
  for (guint i = 0; runtime->resources != NULL && i < runtime->resources->len;
       i++) {
    if (g_ptr_array_index (runtime->resources, i) != NULL)
      drop_resource (runtime, i);
  }
}

gboolean
vyre_tenant_add_resource (VyreTenant *tenant, const char *path, guint64 offset,
    gsize length, VyreBlock *block, gsize at, guint32 *number, GError **error)
{
  VyreRuntime *runtime = tenant->runtime;
  VyreResource *resource =
      resource_new (tenant, path, offset, length, block, at, error);

  if (resource == NULL)
    return FALSE;
  g_mutex_lock (&runtime->lock);
  /* Numbers are given out again, to whomever. */
  guint i = 0;
  while (i < runtime->resources->len &&
         g_ptr_array_index (runtime->resources, i) != NULL)
    i++;
  if (i == runtime->resources->len)
    g_ptr_array_add (runtime->resources, resource);
  else
    g_ptr_array_index (runtime->resources, i) = resource;
  *number = i + 1;
  vyre_runtime_unlock (runtime);
  return TRUE;
}
