/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "support.h"

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <unistd.h>

static char *folder;

static void
remove_folder (const char *path)
{
  GDir *dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    if (g_file_test (child, G_FILE_TEST_IS_DIR) &&
        !g_file_test (child, G_FILE_TEST_IS_SYMLINK))
      remove_folder (child);
    else
      g_unlink (child);
  }
  if (dir != NULL)
    g_dir_close (dir);
  g_rmdir (path);
}

/* Where plugins are: what the build knows, or on another machine what the
 * environment says. */
static const char *
plugin_dir (const char *variable, const char *built)
{
  const char *dir = g_getenv (variable);

  return dir != NULL ? dir : built;
}

/* Drivers abort too, on machines that have no debugger. */
static void
print_backtrace (int signal)
{
  void *frames[64];

  backtrace_symbols_fd (
      frames, backtrace (frames, G_N_ELEMENTS (frames)), STDERR_FILENO);
}

void
support_init (int *argc, char ***argv, const char *const *plugins)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *system = NULL, *registry = NULL;
  const char *installed =
      plugin_dir ("VYRE_TEST_SYSTEM_PLUGINS", VYRE_TEST_SYSTEM_PLUGINS);

  folder = g_dir_make_tmp ("vyre-test-XXXXXX", &error);
  g_assert_no_error (error);
  /* The first call of backtrace() allocates. */
  backtrace ((void *[1]){ NULL }, 1);
  signal (SIGABRT, print_backtrace);
  system = g_build_filename (folder, "plugins", NULL);
  registry = g_build_filename (folder, "registry.bin", NULL);
  g_assert_cmpint (g_mkdir (system, 0700), ==, 0);
  for (; *plugins != NULL; plugins++) {
    g_autofree char *file = g_strdup_printf ("libgst%s.so", *plugins);
    g_autofree char *to = g_build_filename (installed, file, NULL);
    g_autofree char *from = g_build_filename (system, file, NULL);

    if (symlink (to, from) != 0)
      g_error ("symlink %s: %s", from, g_strerror (errno));
  }
  g_setenv ("GST_PLUGIN_SYSTEM_PATH_1_0", system, TRUE);
#ifdef VYRE_TEST_PLUGIN_DIR
  g_setenv ("GST_PLUGIN_PATH_1_0",
      plugin_dir ("VYRE_TEST_PLUGIN_DIR", VYRE_TEST_PLUGIN_DIR), TRUE);
#else
  /* Compiled in: the plugin's types would be there twice. */
  g_setenv ("GST_PLUGIN_PATH_1_0", "", TRUE);
#endif
  g_setenv ("GST_REGISTRY_1_0", registry, TRUE);
  g_setenv ("GST_REGISTRY_FORK", "no", TRUE);
  g_setenv ("GST_TRACERS", "leaks", FALSE);
  /* Makes warnings fatal too, such as the one about leaks. */
  g_test_init (argc, argv, NULL);
  gst_init (argc, argv);
}

int
support_run (void)
{
  int rc = g_test_run ();

  gst_deinit ();
  remove_folder (folder);
  g_clear_pointer (&folder, g_free);
  return rc;
}

void
support_exit (int status)
{
  remove_folder (folder);
  exit (status);
}

char *
support_path (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

guint8 *
support_noise (gsize size)
{
  guint8 *data = g_malloc (size + 8);
  guint64 x = G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) ^ size;

  for (gsize i = 0; i < size; i += 8) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    memcpy (data + i, &x, 8);
  }
  return data;
}

char *
support_noise_file (const char *name, gsize size, guint8 **data)
{
  char *path = support_path (name);
  guint8 *noise = support_noise (size);
  g_autoptr (GError) error = NULL;

  g_file_set_contents (path, (char *) noise, size, &error);
  g_assert_no_error (error);
  if (data != NULL)
    *data = noise;
  else
    g_free (noise);
  return path;
}

gboolean
support_has_direct_io (void)
{
  g_autofree char *path = support_noise_file ("direct", 4096, NULL);
  struct statfs fs;
  int fd;

  /* Newer kernels let such files be opened so, and copy all the same. */
  if (statfs (path, &fs) != 0 || fs.f_type == TMPFS_MAGIC)
    return FALSE;
  fd = open (path, O_RDONLY | O_DIRECT | O_CLOEXEC);
  if (fd < 0)
    return FALSE;
  close (fd);
  return TRUE;
}

void
support_assert_file (const char *path, const guint8 *data, gsize size)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *contents = NULL;
  gsize length;

  g_file_get_contents (path, &contents, &length, &error);
  g_assert_no_error (error);
  g_assert_cmpmem (contents, length, data, size);
}

GstElement *
support_launch (const char *format, ...)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  GstElement *pipeline;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  pipeline = gst_parse_launch (text, &error);
  g_assert_no_error (error);
  /* One element alone comes without a pipeline around it. */
  if (!GST_IS_PIPELINE (pipeline)) {
    GstElement *alone = pipeline;

    pipeline = gst_pipeline_new (NULL);
    gst_bin_add (GST_BIN (pipeline), alone);
  }
  return pipeline;
}

static void
fail_on_error (GstMessage *message)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;

  if (message == NULL)
    g_error ("no message in time");
  if (GST_MESSAGE_TYPE (message) != GST_MESSAGE_ERROR)
    return;
  gst_message_parse_error (message, &error, &debug);
  g_error ("%s (%s)", error->message, debug);
}

GstMessage *
support_wait_message (GstElement *pipeline, GstMessageType type)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (
      bus, 20 * GST_SECOND, type | GST_MESSAGE_ERROR);

  gst_object_unref (bus);
  if ((type & GST_MESSAGE_ERROR) == 0 || message == NULL)
    fail_on_error (message);
  return message;
}

void
support_wait_eos (GstElement *pipeline)
{
  GstBus *bus = gst_element_get_bus (pipeline);
  GstMessage *message = gst_bus_timed_pop_filtered (
      bus, 60 * GST_SECOND, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);

  gst_object_unref (bus);
  fail_on_error (message);
  gst_message_unref (message);
}

/* What elements have said, for a test that fails. */
static void
print_messages (GstElement *pipeline)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (pipeline);
  GstMessage *message;

  while ((message = gst_bus_pop (bus)) != NULL) {
    const GstStructure *structure = gst_message_get_structure (message);
    g_autofree char *text =
        structure != NULL ? gst_structure_to_string (structure) : g_strdup ("");

    g_test_message ("%s from %s: %s", GST_MESSAGE_TYPE_NAME (message),
        GST_MESSAGE_SRC_NAME (message), text);
    gst_message_unref (message);
  }
}

static void
settle (GstElement *element, GstElement *pipeline)
{
  GstStateChangeReturn ret =
      gst_element_get_state (element, NULL, NULL, 20 * GST_SECOND);

  if (ret != GST_STATE_CHANGE_SUCCESS) {
    g_test_message ("%s is not there", GST_ELEMENT_NAME (element));
    print_messages (pipeline);
  }
  g_assert_cmpint (ret, ==, GST_STATE_CHANGE_SUCCESS);
}

void
support_settle (GstElement *pipeline)
{
  settle (pipeline, pipeline);
}

void
support_settle_elements (GstElement *pipeline)
{
  for (GList *l = GST_BIN_CHILDREN (pipeline); l != NULL; l = l->next)
    settle (l->data, pipeline);
  if (gst_element_get_state (pipeline, NULL, NULL, 0) == GST_STATE_CHANGE_ASYNC)
    support_set_state (pipeline, GST_STATE_NULL);
}

void
support_set_state (GstElement *pipeline, GstState state)
{
  gst_element_set_state (pipeline, state);
  support_settle (pipeline);
}

/* Of all threads, µs. */
static gint64
cpu_time (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC +
         usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

void
support_assert_quiet (void)
{
  gint64 before, used;

  g_usleep (G_USEC_PER_SEC / 2);
  before = cpu_time ();
  g_usleep (G_USEC_PER_SEC);
  used = cpu_time () - before;
  g_test_message ("%.2f %% of a processor", used * 100.0 / G_USEC_PER_SEC);
  g_assert_cmpint (used, <, G_USEC_PER_SEC / 50);
}

void
support_play (GstElement *pipeline)
{
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  support_wait_eos (pipeline);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
}

void
support_assert_error (
    GstElement *pipeline, GQuark domain, int code, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *debug = NULL;
  GstMessage *message;

  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  message = support_wait_message (pipeline, GST_MESSAGE_ERROR);
  gst_message_parse_error (message, &error, &debug);
  gst_message_unref (message);
  g_test_message ("%s (%s)", error->message, debug);
  g_assert_error (error, domain, code);
  g_assert_nonnull (strstr (error->message, part));
  support_set_state (pipeline, GST_STATE_NULL);
}
