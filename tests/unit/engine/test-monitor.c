/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The socket that vyre top reads: its folder, and clients of all kinds. */

#include "engine/monitor-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <fcntl.h>

#define LIMIT_MS 20000

static char *folder; /* vyre_monitor_folder() */

/* --- both sides ---------------------------------------------------------- */

typedef struct
{
  gsize sample_bytes; /* 0: short ones */
  gint n_samples;
} Feed;

static char *
hello (gpointer user_data)
{
  return g_strdup ("hello\n");
}

static char *
sample (gpointer user_data)
{
  Feed *feed = user_data;
  gint n = g_atomic_int_add (&feed->n_samples, 1);

  if (feed->sample_bytes == 0)
    return g_strdup_printf ("sample %d\n", n);
  char *line = g_malloc (feed->sample_bytes + 2);
  memset (line, 'x', feed->sample_bytes);
  strcpy (line + feed->sample_bytes, "\n");
  return line;
}

static VyreMonitor *
start (const char *name, Feed *feed, guint period_ms, guint patience_ms)
{
  const VyreMonitorSource source = { hello, sample, feed, period_ms,
    patience_ms };
  g_autoptr (GError) error = NULL;
  VyreMonitor *monitor = vyre_monitor_new (name, &source, &error);

  g_assert_no_error (error);
  g_assert_nonnull (monitor);
  return monitor;
}

static void
fill (struct sockaddr_un *address, const char *name)
{
  memset (address, 0, sizeof *address);
  address->sun_family = AF_UNIX;
  g_snprintf (
      address->sun_path, sizeof address->sun_path, "%s/%s", folder, name);
}

static int
connect_client (const char *name)
{
  struct sockaddr_un address;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  fill (&address, name);
  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (
      connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  return fd;
}

static gboolean
wait_readable (int fd, int ms)
{
  struct pollfd p = { fd, POLLIN, 0 };

  return poll (&p, 1, ms) == 1;
}

/* The next line, without its end; NULL at the end. */
static char *
read_line (int fd)
{
  static char bytes[65536];
  GString *line = g_string_new (NULL);

  for (;;) {
    g_assert_true (wait_readable (fd, LIMIT_MS));
    gssize n = recv (fd, bytes, sizeof bytes, MSG_PEEK);
    if (n <= 0) {
      g_string_free (line, TRUE);
      return NULL;
    }
    const char *end = memchr (bytes, '\n', n);
    gsize used = end != NULL ? end - bytes + 1 : n;
    g_assert_cmpint (recv (fd, bytes, used, 0), ==, (gssize) used);
    g_string_append_len (line, bytes, used - (end != NULL ? 1 : 0));
    if (end != NULL)
      return g_string_free (line, FALSE);
  }
}

static void
expect_line (int fd, const char *prefix)
{
  g_autofree char *line = read_line (fd);

  g_assert_nonnull (line);
  if (!g_str_has_prefix (line, prefix))
    g_error ("\"%s\" does not begin with \"%s\"", line, prefix);
}

/* Reads whatever there is until the other side closes. */
static void
expect_end (int fd)
{
  static char bytes[65536];
  gint64 end = g_get_monotonic_time () + LIMIT_MS * 1000;

  while (g_get_monotonic_time () < end) {
    g_assert_true (wait_readable (fd, LIMIT_MS));
    gssize n = recv (fd, bytes, sizeof bytes, 0);
    if (n <= 0)
      return;
  }
  g_assert_not_reached ();
}

static gboolean
exists (const char *name)
{
  g_autofree char *path = g_build_filename (folder, name, NULL);
  struct stat info;

  return lstat (path, &info) == 0;
}

/* --- folder and name ----------------------------------------------------- */

static void
test_name (void)
{
  Feed feed = { 0 };
  VyreMonitor *monitor = start ("1-0.sock", &feed, 20, 1000);
  g_autofree char *path = g_build_filename (folder, "1-0.sock", NULL);
  struct stat info;

  g_assert_cmpint (stat (folder, &info), ==, 0);
  g_assert_cmpuint (info.st_mode & 07777, ==, 0700);
  g_assert_cmpint (lstat (path, &info), ==, 0);
  g_assert_true (S_ISSOCK (info.st_mode));
  g_assert_cmpuint (info.st_mode & 07777, ==, 0600);
  vyre_monitor_free (monitor);
  g_assert_false (exists ("1-0.sock"));
  vyre_monitor_free (NULL);
}

static void
make_socket (const char *name, gboolean listens, int *fd)
{
  struct sockaddr_un address;

  fill (&address, name);
  *fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (
      bind (*fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  if (listens)
    g_assert_cmpint (listen (*fd, 1), ==, 0);
}

static void
test_abandoned (void)
{
  g_autofree char *file = g_build_filename (folder, "file.sock", NULL);
  g_autofree char *served = g_build_filename (folder, "served.sock", NULL);
  g_autofree char *other = g_build_filename (folder, "other", NULL);
  Feed feed = { 0 };
  int dead, alive, unrelated;

  make_socket ("dead.sock", FALSE, &dead);
  close (dead);
  /* Its own name, left by one that had the same number. */
  make_socket ("2-0.sock", FALSE, &dead);
  close (dead);
  make_socket ("served.sock", TRUE, &alive);
  make_socket ("other", FALSE, &unrelated);
  g_assert_true (g_file_set_contents (file, "x", 1, NULL));
  VyreMonitor *monitor = start ("2-0.sock", &feed, 20, 1000);
  g_assert_false (exists ("dead.sock"));
  g_assert_true (exists ("served.sock"));
  g_assert_true (exists ("other"));
  g_assert_true (exists ("file.sock"));
  int fd = connect_client ("2-0.sock");
  expect_line (fd, "hello");
  close (fd);
  vyre_monitor_free (monitor);
  close (alive);
  close (unrelated);
  g_unlink (served);
  g_unlink (other);
  g_unlink (file);
}

static void
test_taken (void)
{
  const VyreMonitorSource source = { hello, sample, NULL, 20, 1000 };
  g_autoptr (GError) error = NULL;
  Feed feed = { 0 };
  VyreMonitor *monitor = start ("3-0.sock", &feed, 20, 1000);

  g_assert_null (vyre_monitor_new ("3-0.sock", &source, &error));
  g_assert_error (error, VYRE_MONITOR_ERROR, VYRE_MONITOR_ERROR_SOCKET);
  g_assert_true (exists ("3-0.sock"));

  /* Somebody else's in its place stays there. */
  g_autofree char *path = g_build_filename (folder, "3-0.sock", NULL);
  int fd;
  g_assert_cmpint (g_unlink (path), ==, 0);
  make_socket ("3-0.sock", TRUE, &fd);
  vyre_monitor_free (monitor);
  g_assert_true (exists ("3-0.sock"));
  close (fd);
  g_unlink (path);
}

static void
refuse_folder (const char *what)
{
  const VyreMonitorSource source = { hello, sample, NULL, 20, 1000 };
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_monitor_new ("4-0.sock", &source, &error));
  if (!g_error_matches (error, VYRE_MONITOR_ERROR, VYRE_MONITOR_ERROR_FOLDER))
    g_error ("%s: %s", what, error->message);
}

static void
test_bad_folder (void)
{
  g_autofree char *aside = g_strconcat (folder, ".aside", NULL);
  g_autofree char *long_name = g_strnfill (120, 'n');
  const VyreMonitorSource source = { hello, sample, NULL, 20, 1000 };
  g_autoptr (GError) error = NULL;
  int fd;

  g_assert_cmpint (g_chmod (folder, 0777), ==, 0);
  refuse_folder ("others may write");
  g_assert_cmpint (g_chmod (folder, 0700), ==, 0);

  g_assert_cmpint (g_rename (folder, aside), ==, 0);
  g_assert_cmpint (symlink (aside, folder), ==, 0);
  refuse_folder ("a link");
  g_assert_cmpint (g_unlink (folder), ==, 0);
  g_assert_true (g_file_set_contents (folder, "x", 1, NULL));
  refuse_folder ("a file");
  g_assert_cmpint (g_unlink (folder), ==, 0);
  g_assert_cmpint (g_rename (aside, folder), ==, 0);

  fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  g_assert_cmpint (flock (fd, LOCK_EX), ==, 0);
  gint64 began = g_get_monotonic_time ();
  refuse_folder ("locked");
  g_assert_cmpint (g_get_monotonic_time () - began, <, 10 * G_USEC_PER_SEC);
  close (fd);

  g_assert_null (vyre_monitor_new (long_name, &source, &error));
  g_assert_error (error, VYRE_MONITOR_ERROR, VYRE_MONITOR_ERROR_FOLDER);
}

/* --- clients ------------------------------------------------------------- */

static void
test_lines (void)
{
  Feed feed = { 0 };
  VyreMonitor *monitor = start ("5-0.sock", &feed, 20, 1000);
  int a, b;

  /* Nothing is sampled for nobody. */
  g_usleep (100000);
  g_assert_cmpint (g_atomic_int_get (&feed.n_samples), ==, 0);
  a = connect_client ("5-0.sock");
  expect_line (a, "hello");
  expect_line (a, "sample 0");
  expect_line (a, "sample 1");
  b = connect_client ("5-0.sock");
  expect_line (b, "hello");
  expect_line (b, "sample ");
  expect_line (a, "sample 2");
  close (a);
  expect_line (b, "sample ");
  close (b);
  /* Within a period or two of the end of the last one it stops. */
  gint before;
  do {
    before = g_atomic_int_get (&feed.n_samples);
    g_usleep (200000);
  } while (g_atomic_int_get (&feed.n_samples) != before);
  vyre_monitor_free (monitor);
}

/* One that does not read is dropped, and meanwhile costs the others nothing. */
static void
test_slow (void)
{
  Feed feed = { .sample_bytes = 1024 * 1024 };
  VyreMonitor *monitor = start ("6-0.sock", &feed, 20, 300);
  int slow = connect_client ("6-0.sock");
  int quick = connect_client ("6-0.sock");
  gint64 began = g_get_monotonic_time ();

  expect_line (quick, "hello");
  while (g_get_monotonic_time () - began < 600000)
    expect_line (quick, "xxx");
  expect_line (slow, "hello");
  /* What was in the socket, less than a line; no line after it. */
  g_assert_null (read_line (slow));
  expect_line (quick, "xxx");
  close (slow);
  close (quick);
  vyre_monitor_free (monitor);
}

/* One that reads slowly but steadily stays, whole lines only. */
static void
test_steady (void)
{
  Feed feed = { .sample_bytes = 512 * 1024 };
  VyreMonitor *monitor = start ("7-0.sock", &feed, 10, 400);
  int fd = connect_client ("7-0.sock");
  static char bytes[64 * 1024];
  gsize in_line = 0, n_lines = 0;

  expect_line (fd, "hello");
  for (guint i = 0; i < 60; i++) {
    g_assert_true (wait_readable (fd, LIMIT_MS));
    gssize n = recv (fd, bytes, sizeof bytes, 0);
    g_assert_cmpint (n, >, 0);
    for (gssize k = 0; k < n; k++) {
      if (bytes[k] != '\n') {
        in_line++;
        continue;
      }
      g_assert_cmpuint (in_line, ==, feed.sample_bytes);
      in_line = 0;
      n_lines++;
    }
    g_usleep (20000);
  }
  g_assert_cmpuint (n_lines, >, 2);
  close (fd);
  vyre_monitor_free (monitor);
}

static void
test_talkers (void)
{
  Feed feed = { 0 };
  VyreMonitor *monitor = start ("8-0.sock", &feed, 20, 1000);
  int talker = connect_client ("8-0.sock");
  int listener = connect_client ("8-0.sock");

  g_assert_cmpint (send (talker, "GET / HTTP/1.0\r\n", 16, 0), ==, 16);
  expect_end (talker);
  close (talker);
  /* Closed its side, and so cannot speak. */
  g_assert_cmpint (shutdown (listener, SHUT_WR), ==, 0);
  expect_line (listener, "hello");
  for (guint i = 0; i < 5; i++)
    expect_line (listener, "sample ");
  close (listener);
  vyre_monitor_free (monitor);
}

static void
test_crowd (void)
{
  Feed feed = { 0 };
  VyreMonitor *monitor = start ("9-0.sock", &feed, 20, 1000);
  int fds[VYRE_MONITOR_MAX_CLIENTS], more;

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++) {
    fds[i] = connect_client ("9-0.sock");
    expect_line (fds[i], "hello");
  }
  more = connect_client ("9-0.sock");
  g_assert_null (read_line (more));
  close (more);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    expect_line (fds[i], "sample ");

  /* There is room again once it is seen that one has left. */
  close (fds[3]);
  for (;;) {
    g_autofree char *line = NULL;
    more = connect_client ("9-0.sock");
    line = read_line (more);
    if (line != NULL)
      break;
    close (more);
    g_usleep (20000);
  }
  close (more);

  /* The end reaches everybody. */
  vyre_monitor_free (monitor);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++) {
    if (i == 3)
      continue;
    expect_end (fds[i]);
    close (fds[i]);
  }
}

static gpointer
come_and_go (gpointer data)
{
  for (guint i = 0; i < 200; i++) {
    int fd = connect_client ("10-0.sock");

    if (i % 3 == 0)
      send (fd, "x", 1, MSG_NOSIGNAL);
    if (i % 5 == 0)
      wait_readable (fd, 5);
    close (fd);
  }
  return NULL;
}

static void
test_storm (void)
{
  Feed feed = { 0 };
  VyreMonitor *monitor = start ("10-0.sock", &feed, 1, 50);
  GThread *threads[3];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("client", come_and_go, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  /* It still serves. */
  for (;;) {
    g_autofree char *line = NULL;
    int fd = connect_client ("10-0.sock");
    line = read_line (fd);
    close (fd);
    if (line != NULL)
      break;
  }
  vyre_monitor_free (monitor);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *base = g_dir_make_tmp ("vyre-monitor-XXXXXX", &error);
  int status;

  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", base, TRUE);
  g_test_init (&argc, &argv, NULL);
  folder = vyre_monitor_folder ();
  g_assert_true (g_str_has_prefix (folder, base));
  g_test_add_func ("/monitor/name", test_name);
  g_test_add_func ("/monitor/abandoned", test_abandoned);
  g_test_add_func ("/monitor/taken", test_taken);
  g_test_add_func ("/monitor/bad-folder", test_bad_folder);
  g_test_add_func ("/monitor/lines", test_lines);
  g_test_add_func ("/monitor/slow", test_slow);
  g_test_add_func ("/monitor/steady", test_steady);
  g_test_add_func ("/monitor/talkers", test_talkers);
  g_test_add_func ("/monitor/crowd", test_crowd);
  g_test_add_func ("/monitor/storm", test_storm);
  status = g_test_run ();
  g_rmdir (folder);
  g_rmdir (base);
  g_free (folder);
  return status;
}
