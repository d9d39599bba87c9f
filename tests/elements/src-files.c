/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "src-harness.h"

/* Files that change, and what is no file. */

static void
test_growing (void)
{
  gsize size = 300000;
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", size, &data);
  GstBuffer *buffer = NULL;
  GstElement *src;
  gint64 duration;
  GstPad *pad;
  int fd;

  truncate (path, 200000);
  src = pulled_source (path, &pad);
  for (guint i = 0; i < 5; i++)
    assert_range (pad, data, 200000, i * 40000, 40000);
  g_assert_cmpint (
      gst_pad_get_range (pad, 200000, 40000, &buffer), ==, GST_FLOW_EOS);

  fd = open (path, O_WRONLY | O_APPEND);
  g_assert_cmpint (write (fd, data + 200000, 100000), ==, 100000);
  close (fd);
  assert_range (pad, data, size, 200000, 40000);
  assert_range (pad, data, size, 240000, 100000);
  g_assert_true (gst_element_query_duration (src, GST_FORMAT_BYTES, &duration));
  g_assert_cmpint (duration, ==, size);
  drop_source (src, pad);
}

static void
test_truncated (void)
{
  gsize size = 30 * MIB;
  g_autofree guint8 *data = NULL;
  g_autofree char *path = support_noise_file ("original", size, &data);
  g_autoptr (GByteArray) rest = NULL;
  GstElement *pipeline = support_launch (
      "vyresrc name=src location=%s blocksize=65536 ! appsink name=sink "
      "sync=false max-buffers=2",
      path);
  GstSample *sample;

  support_set_state (pipeline, GST_STATE_PLAYING);
  sample = pull (pipeline);
  gst_sample_unref (sample);
  g_assert_cmpint (truncate (path, 9 * MIB + 5), ==, 0);
  rest = collect (pipeline);
  g_assert_cmpuint (rest->len, ==, 9 * MIB + 5 - 65536);
  g_assert_cmpint (memcmp (rest->data, data + 65536, rest->len), ==, 0);
  finish (pipeline);
}

static void
test_errors (void)
{
  g_autofree char *missing = support_path ("missing");
  g_autofree char *folder = support_path ("folder");
  g_autofree char *name = support_path ("socket");
  g_autofree char *locked = support_noise_file ("locked", 10, NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  GstElement *pipeline = support_launch ("vyresrc name=src ! fakesink");
  GstElement *src = get (pipeline, "src");
  int fd;

  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "No file");
  g_object_set (src, "location", "", NULL);
  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, "No file");
  g_object_set (src, "location", missing, NULL);
  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND, missing);
  g_mkdir (folder, 0700);
  g_object_set (src, "location", folder, NULL);
  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, folder);

  g_strlcpy (address.sun_path, name, sizeof address.sun_path);
  fd = socket (AF_UNIX, SOCK_STREAM, 0);
  g_assert_cmpint (
      bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_object_set (src, "location", name, NULL);
  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, name);
  close (fd);

  /* Root may read everything. */
  g_chmod (locked, 0);
  g_object_set (src, "location", locked, NULL);
  if (access (locked, R_OK) != 0)
    support_assert_error (
        pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_OPEN_READ, locked);

  /* A file system in memory refuses O_DIRECT. */
  g_object_set (src, "location", "/proc/self/status", NULL);
  gst_util_set_object_arg (G_OBJECT (src), "io-mode", "direct");
  support_assert_error (
      pipeline, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS, "direct");
  finish (pipeline);
}

static void
test_location (void)
{
  g_autofree char *path = support_noise_file ("original", 10, NULL);
  GstElement *pipeline =
      support_launch ("vyresrc name=src location=%s ! fakesink", path);
  GstElement *src = get (pipeline, "src");
  char *location;

  support_set_state (pipeline, GST_STATE_PAUSED);
  g_test_expect_message (
      G_LOG_DOMAIN, G_LOG_LEVEL_WARNING, "Changing the `location' property*");
  g_object_set (src, "location", "other", NULL);
  g_test_assert_expected_messages ();
  g_object_get (src, "location", &location, NULL);
  g_assert_cmpstr (location, ==, path);
  g_free (location);

  support_set_state (pipeline, GST_STATE_READY);
  g_object_set (src, "location", NULL, NULL);
  g_object_get (src, "location", &location, NULL);
  g_assert_null (location);
  finish (pipeline);
}

static gpointer
feed_pipe (gpointer user_data)
{
  int fd = GPOINTER_TO_INT (user_data);
  g_autofree guint8 *data = support_noise (MIB);

  for (gsize at = 0; at < MIB;) {
    gssize n = write (fd, data + at, MIN (MIB - at, 77777));

    g_assert_cmpint (n, >, 0);
    at += n;
  }
  close (fd);
  return NULL;
}

static void
test_pipe (void)
{
  g_autofree guint8 *data = support_noise (MIB);
  g_autofree char *path = support_path ("pipe");
  GstElement *pipeline;
  GThread *thread;
  int fd;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  /* Read and write, so that opening does not wait for the other end. */
  fd = open (path, O_RDWR);
  pipeline = support_launch (
      "vyresrc name=src location=%s blocksize=65536 ! appsink name=sink "
      "sync=false async=false",
      path);
  support_set_state (pipeline, GST_STATE_PLAYING);
  g_usleep (20000);
  /* Nothing was written: leaving must not wait for it. */
  support_set_state (pipeline, GST_STATE_NULL);

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  g_assert_false (gst_element_seek_simple (
      get (pipeline, "src"), GST_FORMAT_BYTES, GST_SEEK_FLAG_FLUSH, 5));
  thread = g_thread_new ("writer", feed_pipe, GINT_TO_POINTER (fd));
  assert_collected (pipeline, data, 0, MIB);
  g_thread_join (thread);
  finish (pipeline);
}

/* A flush in the middle of a block loses nothing of what was read for it. */
static void
test_pipe_flush (void)
{
  g_autofree guint8 *data = support_noise (MIB);
  g_autofree char *path = support_path ("pipe2");
  GstElement *pipeline, *src;
  int fd;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  fd = open (path, O_RDWR);
  pipeline = support_launch (
      "vyresrc name=src location=%s blocksize=65536 ! appsink name=sink "
      "sync=false async=false",
      path);
  src = get (pipeline, "src");
  support_set_state (pipeline, GST_STATE_PLAYING);
  for (guint i = 0; i < 4; i++) {
    g_assert_cmpint (write (fd, data + i * 1000, 1000), ==, 1000);
    for (guint j = 0; j < 500 && stat_of (pipeline, "reads") <= i; j++)
      g_usleep (2000);
    g_assert_true (gst_element_send_event (src, gst_event_new_flush_start ()));
    g_assert_true (
        gst_element_send_event (src, gst_event_new_flush_stop (TRUE)));
  }
  g_assert_cmpint (write (fd, data + 4000, 60000), ==, 60000);
  close (fd);
  assert_collected (pipeline, data, 0, 64000);
  finish (pipeline);
}

/* How it is read can be told, and a fallback is. */
static void
test_io_path (void)
{
  const char *wanted = g_getenv ("VYRE_IO_PATH");
  gboolean plain = g_strcmp0 (wanted, "pread") == 0;
  g_autofree char *path = support_noise_file ("original", 3 * MIB, NULL);
  GstElement *pipeline =
      support_launch ("vyresrc name=src location=%s ! fakesink", path);
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message;
  GstStructure *stats;
  guint infos = 0;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  while (
      (message = gst_bus_timed_pop_filtered (bus, 20 * GST_SECOND,
           GST_MESSAGE_INFO | GST_MESSAGE_ERROR | GST_MESSAGE_EOS)) != NULL) {
    GstMessageType type = GST_MESSAGE_TYPE (message);

    g_assert_cmpint (type, !=, GST_MESSAGE_ERROR);
    infos += type == GST_MESSAGE_INFO;
    gst_message_unref (message);
    if (type == GST_MESSAGE_EOS)
      break;
  }
  stats = get_stats (pipeline);
  if (plain) {
    g_assert_cmpstr (gst_structure_get_string (stats, "io-path"), ==, "pread");
    g_assert_cmpstr (gst_structure_get_string (stats, "reason"), !=, "");
  }
  /* Here io_uring may be refused as well. */
  plain = g_str_equal (gst_structure_get_string (stats, "io-path"), "pread");
  g_assert_cmpuint (infos, ==, plain ? 1 : 0);
  gst_structure_free (stats);
  gst_object_unref (bus);
  finish (pipeline);
}

void
add_src_file_tests (void)
{
  g_test_add_func ("/src/growing", test_growing);
  g_test_add_func ("/src/truncated", test_truncated);
  g_test_add_func ("/src/errors", test_errors);
  g_test_add_func ("/src/location", test_location);
  g_test_add_func ("/src/pipe", test_pipe);
  g_test_add_func ("/src/pipe-flush", test_pipe_flush);
  g_test_add_func ("/src/io-path", test_io_path);
}
