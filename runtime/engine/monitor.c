/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Lines of text to whoever connects. One thread, nothing that blocks: a client
 * has at most one line outstanding and gets no further one before that is gone,
 * so a slow one sees gaps, and one that takes nothing is dropped. Clients have
 * nothing to say; those that speak are dropped.
 */

#include "monitor-private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CLIENTS VYRE_MONITOR_MAX_CLIENTS

typedef struct
{
  int fd;
  char *line; /* what is being written, or %NULL */
  gsize length, written;
  gint64 moved; /* when it last took something */
  gboolean finished; /* it has closed its side: it cannot speak */
} Client;

struct _VyreMonitor
{
  VyreMonitorSource source;
  VyreMonitorSocket socket;
  int listener, wake;
  GThread *thread;

  /* The thread's own. */
  Client clients[MAX_CLIENTS];
  guint n_clients;
  gint64 next_sample;
  gint64 next_accept; /* not before: accepting failed */
};

/* --- clients ------------------------------------------------------------- */

static void
drop_client (VyreMonitor *monitor, guint i, const char *why)
{
  Client *client = &monitor->clients[i];

  g_debug ("monitor: client dropped: %s", why);
  close (client->fd);
  g_free (client->line);
  *client = monitor->clients[--monitor->n_clients];
}

/* FALSE when it has to go. */
static gboolean
write_on (Client *client, gint64 now)
{
  while (client->line != NULL) {
    gssize n = send (client->fd, client->line + client->written,
        client->length - client->written, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0)
      return errno == EAGAIN || errno == EWOULDBLOCK;
    client->moved = now;
    client->written += n;
    if (client->written == client->length)
      g_clear_pointer (&client->line, g_free);
  }
  return TRUE;
}

/* Takes over the line. */
static gboolean
begin_line (Client *client, char *line, gint64 now)
{
  client->line = line;
  client->length = strlen (line);
  client->written = 0;
  client->moved = now;
  if (client->length == 0)
    g_clear_pointer (&client->line, g_free);
  return write_on (client, now);
}

/* FALSE when it has to go: it spoke, or is gone. One that has only closed its
 * own side is listening. */
static gboolean
is_quiet (Client *client, int events)
{
  char byte;

  if (events & (POLLHUP | POLLERR))
    return FALSE;
  if (events & POLLIN) {
    if (recv (client->fd, &byte, 1, MSG_DONTWAIT) != 0)
      return FALSE;
    client->finished = TRUE;
  }
  return TRUE;
}

static gboolean
is_trusted (int fd)
{
  struct ucred peer;
  socklen_t length = sizeof peer;

  return getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
         (peer.uid == geteuid () || peer.uid == 0);
}

static void
accept_clients (VyreMonitor *monitor, gint64 now)
{
  for (;;) {
    int fd =
        accept4 (monitor->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
      continue;
    if (fd < 0) {
      /* Out of descriptors, say: the client stays in the queue. */
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        monitor->next_accept = now + G_USEC_PER_SEC;
      return;
    }
    if (monitor->n_clients == MAX_CLIENTS || !is_trusted (fd)) {
      close (fd);
      continue;
    }
    monitor->clients[monitor->n_clients++] = (Client){ .fd = fd };
    if (!begin_line (&monitor->clients[monitor->n_clients - 1],
            monitor->source.hello (monitor->source.user_data), now))
      drop_client (monitor, monitor->n_clients - 1, "it hung up");
    else
      monitor->next_sample = now;
  }
}

static void
send_samples (VyreMonitor *monitor, gint64 now)
{
  g_autofree char *line = monitor->source.sample (monitor->source.user_data);

  for (guint i = monitor->n_clients; i-- > 0;) {
    Client *client = &monitor->clients[i];

    if (client->line == NULL && !begin_line (client, g_strdup (line), now))
      drop_client (monitor, i, "it hung up");
  }
  monitor->next_sample =
      now + monitor->source.period_ms * G_GINT64_CONSTANT (1000);
}

static void
serve_clients (VyreMonitor *monitor, const struct pollfd *fds, gint64 now)
{
  gint64 patience = monitor->source.patience_ms * G_GINT64_CONSTANT (1000);

  for (guint i = monitor->n_clients; i-- > 0;) {
    Client *client = &monitor->clients[i];

    if (!is_quiet (client, fds[i].revents))
      drop_client (monitor, i, "it hung up or spoke");
    else if (!write_on (client, now))
      drop_client (monitor, i, "it hung up");
    else if (client->line != NULL && now - client->moved > patience)
      drop_client (monitor, i, "it did not read");
  }
}

/* --- thread -------------------------------------------------------------- */

/* Milliseconds, rounded up; -1: for ever. */
static int
poll_time (const VyreMonitor *monitor, gint64 now)
{
  gint64 next = G_MAXINT64;

  if (monitor->n_clients > 0)
    next = monitor->next_sample;
  if (monitor->next_accept > now)
    next = MIN (next, monitor->next_accept);
  if (next == G_MAXINT64)
    return -1;
  return next <= now ? 0 : (int) MIN ((next - now + 999) / 1000, 60000);
}

static gpointer
run (gpointer data)
{
  VyreMonitor *monitor = data;

  for (;;) {
    struct pollfd fds[2 + MAX_CLIENTS];
    gint64 now = g_get_monotonic_time ();
    guint n = monitor->n_clients;

    fds[0] = (struct pollfd){ monitor->wake, POLLIN, 0 };
    fds[1] =
        (struct pollfd){ monitor->next_accept > now ? -1 : monitor->listener,
          POLLIN, 0 };
    for (guint i = 0; i < n; i++)
      fds[2 + i] = (struct pollfd){ monitor->clients[i].fd,
        (monitor->clients[i].finished ? 0 : POLLIN) |
            (monitor->clients[i].line != NULL ? POLLOUT : 0),
        0 };
    if (poll (fds, 2 + n, poll_time (monitor, now)) < 0 && errno != EINTR) {
      g_warning ("monitor: poll: %s; no more is served", g_strerror (errno));
      break;
    }
    if (fds[0].revents != 0)
      break;
    now = g_get_monotonic_time ();
    serve_clients (monitor, fds + 2, now);
    if (fds[1].revents != 0)
      accept_clients (monitor, now);
    if (monitor->n_clients > 0 && now >= monitor->next_sample)
      send_samples (monitor, now);
  }
  while (monitor->n_clients > 0)
    drop_client (monitor, 0, "the end");
  return NULL;
}

VyreMonitor *
vyre_monitor_new (
    const char *name, const VyreMonitorSource *source, GError **error)
{
  VyreMonitor *monitor = g_new0 (VyreMonitor, 1);
  int code;

  monitor->source = *source;
  monitor->listener = -1;
  monitor->wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (monitor->wake < 0)
    goto no_event;
  monitor->listener = vyre_monitor_listen (name, &monitor->socket, error);
  if (monitor->listener < 0)
    goto failed;
  monitor->thread = g_thread_try_new ("vyre-monitor", run, monitor, error);
  if (monitor->thread == NULL)
    goto failed;
  return monitor;

no_event:
  code = errno;
  g_set_error (error, VYRE_MONITOR_ERROR, VYRE_MONITOR_ERROR_SOCKET,
      "%s: no descriptor to be had: %s", name, g_strerror (code));
failed:
  vyre_monitor_free (monitor);
  return NULL;
}

void
vyre_monitor_free (VyreMonitor *monitor)
{
  const guint64 one = 1;

  if (monitor == NULL)
    return;
  if (monitor->thread != NULL) {
    /* An eventfd at zero takes this. */
    while (write (monitor->wake, &one, sizeof one) < 0 && errno == EINTR)
      continue;
    g_thread_join (monitor->thread);
  }
  /* First the name, so that nobody finds what does not answer. */
  vyre_monitor_remove_socket (&monitor->socket);
  if (monitor->listener >= 0)
    close (monitor->listener);
  if (monitor->wake >= 0)
    close (monitor->wake);
  g_free (monitor);
}

gboolean
vyre_monitor_is_current_thread (const VyreMonitor *monitor)
{
  return monitor != NULL && g_thread_self () == monitor->thread;
}
