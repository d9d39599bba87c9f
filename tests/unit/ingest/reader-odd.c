/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "reader-harness.h"

/* What cannot be read, and what is no ordinary file. */

static void
expect_no_open (const char *path, VyreIoMode mode, gint code)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_reader_open (path, mode, &error));
  g_assert_error (error, G_FILE_ERROR, code);
  g_assert_nonnull (strstr (error->message, path));
}

static void
test_open_errors (void)
{
  g_autofree char *path = g_build_filename (folder, "thing", NULL);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autoptr (GError) error = NULL;
  int fd;

  expect_no_open (folder, VYRE_IO_AUTO, G_FILE_ERROR_ISDIR);
  expect_no_open (path, VYRE_IO_AUTO, G_FILE_ERROR_NOENT);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  g_assert_cmpint (
      bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  g_assert_null (vyre_reader_open (path, VYRE_IO_AUTO, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NXIO);
  g_assert_nonnull (strstr (error->message, "socket"));
  close (fd);
  g_unlink (path);
}

static void
test_no_permission (void)
{
  g_autofree char *path = make_file (1);

  g_assert_cmpint (chmod (path, 0), ==, 0);
  if (access (path, R_OK) == 0)
    g_test_skip ("this user may read everything");
  else
    expect_no_open (path, VYRE_IO_AUTO, G_FILE_ERROR_ACCES);
  g_unlink (path);
}

static void
test_start_errors (void)
{
  g_autofree char *path = make_file (MIB);
  g_autoptr (VyreReader) reader = open_reader (path, VYRE_IO_BUFFERED);
  g_autoptr (VyreArena) small = vyre_arena_new_host (MIB, NULL);
  g_autoptr (GError) error = NULL;

  expect_result (reader, VYRE_READ_ERROR);
  g_assert_false (
      vyre_reader_start (reader, small, 0, G_MAXUINT64, 0, 1, FALSE, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
  g_clear_error (&error);
  g_assert_false (vyre_reader_start (
      reader, small, 0, G_MAXUINT64, MIB / 2 + 1, 1, FALSE, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  g_assert_nonnull (strstr (error->message, "1048576"));
  g_assert_nonnull (strstr (error->message, "524289"));
  g_clear_error (&error);
  g_assert_false (vyre_reader_start (
      reader, small, 0, G_MAXUINT64, G_MAXSIZE, 1, FALSE, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_NOSPC);
  expect_result (reader, VYRE_READ_ERROR);
  start (reader, small, 0, G_MAXUINT64, MIB / 2, 0, FALSE);
  expect_rest (reader, 0, MIB, MIB / 2);
  g_unlink (path);
}

static void
test_tmpfs (void)
{
  g_autofree char *path = NULL;
  g_autoptr (VyreReader) reader = NULL;
  VyreReaderStats stats;

  if (access ("/dev/shm", W_OK) != 0) {
    g_test_skip ("no /dev/shm to write to");
    return;
  }
  path = make_file_in ("/dev/shm", 2 * MIB);
  expect_no_open (path, VYRE_IO_DIRECT, G_FILE_ERROR_INVAL);
  reader = open_reader (path, VYRE_IO_AUTO);
  start (reader, arena, 0, G_MAXUINT64, 65536, 4, FALSE);
  expect_rest (reader, 0, 2 * MIB, 65536);
  vyre_reader_get_stats (reader, &stats);
  g_assert_false (stats.direct);
  g_unlink (path);
}

/* Mapped memory of somebody else stands in for that of a device. */
static void
test_device (void)
{
  g_autofree char *path = make_file (MIB + 5);
  g_autoptr (VyreArena) host = vyre_arena_new_host (MIB, NULL);
  g_autoptr (VyreArena) device = vyre_arena_new_mapped (
      vyre_arena_get_base (host), MIB, VYRE_ARENA_DEVICE, NULL, NULL);
  g_autoptr (VyreReader) reader = open_reader (path, VYRE_IO_AUTO);
  g_autoptr (GError) error = NULL;
  VyreReaderStats stats;

  drop_cache (path);
  start (reader, device, 0, G_MAXUINT64, 65536, 4, FALSE);
  expect_rest (reader, 0, MIB + 5, 65536);
  vyre_reader_get_stats (reader, &stats);
  g_assert_false (stats.direct);
  g_assert_nonnull (stats.reason);
  if (have_direct (path)) {
    vyre_reader_free (g_steal_pointer (&reader));
    reader = open_reader (path, VYRE_IO_DIRECT);
    g_assert_false (vyre_reader_start (
        reader, device, 0, G_MAXUINT64, 65536, 4, FALSE, &error));
    g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);
  }
  g_unlink (path);
}

/* Says that it has 0 bytes, and has some. */
static void
test_proc (void)
{
  VyreBlock *block;
  guint64 offset;
  gsize length;
  g_autoptr (VyreReader) reader = NULL;
  g_autofree char *contents = NULL;
  g_autoptr (GString) text = g_string_new (NULL);
  gsize size;

  if (!g_file_get_contents ("/proc/filesystems", &contents, &size, NULL)) {
    g_test_skip ("no /proc/filesystems");
    return;
  }
  reader = open_reader ("/proc/filesystems", VYRE_IO_AUTO);
  start (reader, arena, 0, G_MAXUINT64, 100, 4, FALSE);
  while ((block = next_block (reader, &offset, &length)) != NULL) {
    g_string_append_len (text, (char *) block->data, length);
    vyre_block_unref (block);
  }
  g_assert_cmpstr (text->str, ==, contents);
}

static gpointer
write_pipe (gpointer data)
{
  g_autofree guint8 *bytes = g_malloc (300000);
  int fd = open (data, O_WRONLY | O_CLOEXEC);

  for (gsize i = 0; i < 300000; i++)
    bytes[i] = byte_at (i);
  for (gsize at = 0; at < 300000;) {
    gssize n = write (fd, bytes + at, MIN (300000 - at, 7777));

    g_assert_cmpint (n, >, 0);
    at += n;
    if (at / 100000 != (at - n) / 100000)
      g_usleep (10000);
  }
  close (fd);
  return NULL;
}

static void
test_pipe (void)
{
  g_autofree char *path = g_build_filename (folder, "pipe", NULL);
  g_autoptr (VyreReader) reader = NULL;
  g_autoptr (GError) error = NULL;
  GThread *thread;
  guint64 size;

  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  expect_no_open (path, VYRE_IO_DIRECT, G_FILE_ERROR_INVAL);
  reader = open_reader (path, VYRE_IO_AUTO);
  g_assert_false (vyre_reader_is_seekable (reader));
  g_assert_false (vyre_reader_get_size (reader, &size));
  g_assert_false (vyre_reader_start (
      reader, arena, 5, G_MAXUINT64, 65536, 1, FALSE, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_INVAL);

  /* No writer yet: waits, and can be cancelled. */
  start (reader, arena, 0, G_MAXUINT64, 65536, 8, FALSE);
  thread = g_thread_new ("late", cancel_late, reader);
  expect_result (reader, VYRE_READ_CANCELLED);
  g_thread_join (thread);
  expect_result (reader, VYRE_READ_CANCELLED);
  vyre_reader_cancel (reader, FALSE);

  thread = g_thread_new ("write", write_pipe, path);
  expect_block (reader, 0, 65536);
  /* Started again where it stands, with other blocks. */
  start (reader, arena, 65536, G_MAXUINT64, 100003, 8, FALSE);
  expect_block (reader, 65536, 100003);
  start (reader, arena, 165539, 165539 + 10, 4096, 8, FALSE);
  expect_block (reader, 165539, 10);
  expect_result (reader, VYRE_READ_EOF);
  start (reader, arena, 165549, G_MAXUINT64, 65536, 8, FALSE);
  expect_rest (reader, 165549, 300000, 65536);
  g_thread_join (thread);
  g_unlink (path);
}

/* What a cancelled read had got of a pipe is kept through a restart. */
static void
test_pipe_partial (void)
{
  g_autofree char *path = g_build_filename (folder, "pipe", NULL);
  g_autoptr (VyreReader) reader = NULL;
  guint8 bytes[1000];
  GThread *thread;
  int fd;

  for (guint i = 0; i < sizeof bytes; i++)
    bytes[i] = byte_at (i);
  g_assert_cmpint (mkfifo (path, 0600), ==, 0);
  reader = open_reader (path, VYRE_IO_BUFFERED);
  fd = open (path, O_WRONLY | O_CLOEXEC);
  g_assert_cmpint (write (fd, bytes, 600), ==, 600);
  start (reader, arena, 0, G_MAXUINT64, 4096, 8, FALSE);
  thread = g_thread_new ("late", cancel_late, reader);
  expect_result (reader, VYRE_READ_CANCELLED);
  g_thread_join (thread);
  vyre_reader_cancel (reader, FALSE);
  start (reader, arena, 0, G_MAXUINT64, 100, 8, FALSE);
  expect_block (reader, 0, 100);
  expect_block (reader, 100, 100);
  g_assert_cmpint (write (fd, bytes + 600, 400), ==, 400);
  close (fd);
  start (reader, arena, 200, G_MAXUINT64, 700, 8, FALSE);
  expect_block (reader, 200, 700);
  expect_block (reader, 900, 100);
  expect_result (reader, VYRE_READ_EOF);
  g_unlink (path);
}

static void
test_zero (void)
{
  g_autoptr (VyreReader) reader = open_reader ("/dev/zero", VYRE_IO_AUTO);
  VyreBlock *block;
  guint64 offset;
  gsize length;

  start (reader, arena, 0, 100000, 65536, 4, FALSE);
  g_assert_cmpint (vyre_reader_next (reader, &block, &offset, &length, NULL),
      ==, VYRE_READ_OK);
  g_assert_cmpuint (length, ==, 65536);
  vyre_block_unref (block);
  g_assert_cmpint (vyre_reader_next (reader, &block, &offset, &length, NULL),
      ==, VYRE_READ_OK);
  g_assert_cmpuint (length, ==, 100000 - 65536);
  g_assert_cmpuint (block->data[length - 1], ==, 0);
  vyre_block_unref (block);
  expect_result (reader, VYRE_READ_EOF);
}

/* Memory that goes away under a read: an error with numbers, then a retry. */
static void
test_read_error (void)
{
  g_autoptr (VyreReader) reader = NULL;
  g_autoptr (GError) error = NULL;
  VyreBlock *block;
  guint64 offset;
  gsize length;

  /* Address 0 of our own memory is mapped by nobody: EIO. */
  reader = vyre_reader_open ("/proc/self/mem", VYRE_IO_AUTO, NULL);
  if (reader == NULL) {
    g_test_skip ("no /proc/self/mem");
    return;
  }
  start (reader, arena, 0, G_MAXUINT64, 4096, 4, FALSE);
  for (guint i = 0; i < 2; i++) {
    g_assert_cmpint (
        vyre_reader_next (reader, &block, &offset, &length, &error), ==,
        VYRE_READ_ERROR);
    g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_IO);
    g_assert_nonnull (strstr (error->message, "4096 bytes at offset 0"));
    g_clear_error (&error);
  }
}

void
add_reader_odd_tests (void)
{
  g_test_add_func ("/ingest/reader/open-errors", test_open_errors);
  g_test_add_func ("/ingest/reader/no-permission", test_no_permission);
  g_test_add_func ("/ingest/reader/start-errors", test_start_errors);
  g_test_add_func ("/ingest/reader/tmpfs", test_tmpfs);
  g_test_add_func ("/ingest/reader/device", test_device);
  g_test_add_func ("/ingest/reader/proc", test_proc);
  g_test_add_func ("/ingest/reader/pipe", test_pipe);
  g_test_add_func ("/ingest/reader/pipe-partial", test_pipe_partial);
  g_test_add_func ("/ingest/reader/zero", test_zero);
  g_test_add_func ("/ingest/reader/read-error", test_read_error);
}
