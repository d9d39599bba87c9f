/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The folder of the monitors' sockets, and what stands in it. */

#include "monitor-private.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define LOCK_TRIES 20
#define LOCK_PAUSE_US 5000

G_DEFINE_QUARK (vyre_monitor_error, vyre_monitor_error)

char *
vyre_monitor_folder (void)
{
  return g_build_filename (g_get_user_runtime_dir (), "vyre", NULL);
}

static gboolean
fill_address (struct sockaddr_un *address, const char *path, GError **error)
{
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  if (g_strlcpy (address->sun_path, path, sizeof address->sun_path) <
      sizeof address->sun_path)
    return TRUE;
  g_set_error (error, VYRE_MONITOR_ERROR, VYRE_MONITOR_ERROR_FOLDER,
      "%s: sockets have names of at most %u bytes; set XDG_RUNTIME_DIR to a "
      "shorter folder",
      path, (guint) sizeof address->sun_path - 1);
  return FALSE;
}

/* Nobody but this user may have a say in the folder: others could put a socket
 * of theirs in the place of one that was removed. */
static int
open_folder (const char *path, GError **error)
{
  struct stat info;
  int fd, code;

  if (g_mkdir_with_parents (path, 0700) != 0)
    goto failed;
  fd = open (path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0)
    goto failed;
  if (fstat (fd, &info) != 0 || info.st_uid != geteuid () ||
      (info.st_mode & 022) != 0)
    goto not_ours;
  return fd;

failed:
  code = errno;
  g_set_error (error, VYRE_MONITOR_ERROR, VYRE_MONITOR_ERROR_FOLDER,
      "%s: the folder for sockets cannot be had: %s; set XDG_RUNTIME_DIR to a "
      "folder of yours",
      path, g_strerror (code));
  return -1;

not_ours:
  close (fd);
  g_set_error (error, VYRE_MONITOR_ERROR, VYRE_MONITOR_ERROR_FOLDER,
      "%s: the folder for sockets is another user's, or others may write to "
      "it; give it to user %u with mode 0700",
      path, (guint) geteuid ());
  return -1;
}

/* Between binding and listening, and while looking for sockets without a
 * listener, one process at a time. */
static gboolean
lock_folder (int folder, const char *path, GError **error)
{
  for (guint i = 0; i < LOCK_TRIES; i++) {
    if (flock (folder, LOCK_EX | LOCK_NB) == 0)
      return TRUE;
    g_usleep (LOCK_PAUSE_US);
  }
  g_set_error (error, VYRE_MONITOR_ERROR, VYRE_MONITOR_ERROR_FOLDER,
      "%s: another process holds the folder's lock; try again", path);
  return FALSE;
}

static gboolean
is_abandoned (const char *path)
{
  struct sockaddr_un address;
  gboolean abandoned;
  int fd;

  if (!fill_address (&address, path, NULL))
    return FALSE;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return FALSE;
  abandoned =
      connect (fd, (const struct sockaddr *) &address, sizeof address) != 0 &&
      errno == ECONNREFUSED;
  close (fd);
  return abandoned;
}

/* Left behind by processes that did not end as they should. */
static void
remove_abandoned (const char *folder)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    struct stat info;

    if (g_str_has_suffix (name, ".sock") && lstat (path, &info) == 0 &&
        S_ISSOCK (info.st_mode) && is_abandoned (path))
      unlink (path);
  }
}

static int
bind_and_listen (
    const struct sockaddr_un *address, VyreMonitorSocket *out, GError **error)
{
  struct stat info;
  int code, fd;

  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0)
    goto failed;
  /* The mode that the name is born with; the process's umask stays. */
  if (fchmod (fd, 0600) != 0 ||
      bind (fd, (const struct sockaddr *) address, sizeof *address) != 0)
    goto failed;
  if (listen (fd, VYRE_MONITOR_MAX_CLIENTS) != 0 ||
      lstat (address->sun_path, &info) != 0)
    goto failed_bound;
  *out = (VyreMonitorSocket){ g_strdup (address->sun_path), info.st_dev,
    info.st_ino };
  return fd;

failed_bound:
  code = errno;
  unlink (address->sun_path);
  errno = code;

failed:
  code = errno;
  if (fd >= 0)
    close (fd);
  g_set_error (error, VYRE_MONITOR_ERROR, VYRE_MONITOR_ERROR_SOCKET,
      "%s: cannot listen: %s%s", address->sun_path, g_strerror (code),
      code == EADDRINUSE ? "; another process of this name runs, in another "
                           "container: give each its own XDG_RUNTIME_DIR"
                         : "");
  return -1;
}

int
vyre_monitor_listen (
    const char *name, VyreMonitorSocket *socket, GError **error)
{
  g_autofree char *folder = vyre_monitor_folder ();
  g_autofree char *path = g_build_filename (folder, name, NULL);
  struct sockaddr_un address;
  int folder_fd, fd = -1;

  if (!fill_address (&address, path, error))
    return -1;
  folder_fd = open_folder (folder, error);
  if (folder_fd < 0)
    return -1;
  if (lock_folder (folder_fd, folder, error)) {
    remove_abandoned (folder);
    fd = bind_and_listen (&address, socket, error);
  }
  /* With it goes the lock. */
  close (folder_fd);
  return fd;
}

void
vyre_monitor_remove_socket (VyreMonitorSocket *socket)
{
  struct stat info;

  if (socket->path != NULL && lstat (socket->path, &info) == 0 &&
      info.st_dev == socket->device && info.st_ino == socket->inode)
    unlink (socket->path);
  g_clear_pointer (&socket->path, g_free);
}
