/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "ingest/ingest.h"

/* Files with known contents, and what a reader makes of them. */

#define MIB ((gsize) 1 << 20)

/* Of reader.c. */
extern char *folder;
extern VyreArena *arena; /* of the process */
extern VyreIoPath expected_path;

/* Contents depend on the offset alone, so any part can be checked. */
static inline guint8
byte_at (guint64 offset)
{
  guint64 x = (offset / 8 + 1) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  return x >> (offset % 8 * 8);
}

static inline void
assert_contents (const guint8 *data, guint64 offset, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (G_UNLIKELY (data[i] != byte_at (offset + i)))
      g_error ("byte %" G_GUINT64_FORMAT " is wrong", offset + i);
}

static inline void
write_range (const char *path, guint64 offset, gsize length)
{
  g_autofree guint8 *data = g_malloc (length + 1);
  int fd = open (path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  g_assert_cmpint (fd, >=, 0);
  for (gsize i = 0; i < length; i++)
    data[i] = byte_at (offset + i);
  g_assert_cmpint (pwrite (fd, data, length, offset), ==, length);
  close (fd);
}

static inline char *
make_file_in (const char *where, gsize size)
{
  char *path =
      g_strdup_printf ("%s/vyre-%d-%" G_GSIZE_FORMAT, where, getpid (), size);

  g_unlink (path);
  write_range (path, 0, size);
  return path;
}

static inline char *
make_file (gsize size)
{
  return make_file_in (folder, size);
}

static inline void
drop_cache (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  fdatasync (fd);
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
}

static inline VyreReader *
open_reader (const char *path, VyreIoMode mode)
{
  g_autoptr (GError) error = NULL;
  VyreReader *reader = vyre_reader_open (path, mode, &error);

  g_assert_no_error (error);
  return reader;
}

static inline void
start (VyreReader *reader, VyreArena *from, guint64 offset, guint64 stop,
    gsize block_size, guint depth, gboolean backwards)
{
  g_autoptr (GError) error = NULL;

  vyre_reader_start (
      reader, from, offset, stop, block_size, depth, backwards, &error);
  g_assert_no_error (error);
}

/* NULL where there is none. */
static inline VyreBlock *
next_block (VyreReader *reader, guint64 *offset, gsize *length)
{
  VyreBlock *block;

  return vyre_reader_next (reader, &block, offset, length, NULL) == VYRE_READ_OK
             ? block
             : NULL;
}

/* The next block has exactly this range, and the right contents. */
static inline void
expect_block (VyreReader *reader, guint64 offset, gsize length)
{
  g_autoptr (GError) error = NULL;
  VyreBlock *block = NULL;
  guint64 at, before = vyre_arena_newest_stamp ();
  gsize n;

  g_assert_cmpint (
      vyre_reader_next (reader, &block, &at, &n, &error), ==, VYRE_READ_OK);
  g_assert_no_error (error);
  g_assert_cmpuint (at, ==, offset);
  g_assert_cmpuint (n, ==, length);
  g_assert_cmpuint (vyre_block_get_write_stamp (block), >, before);
  assert_contents (block->data, at, n);
  vyre_block_unref (block);
}

static inline void
expect_result (VyreReader *reader, VyreReadResult result)
{
  VyreBlock *block;
  guint64 at;
  gsize n;

  g_assert_cmpint (
      vyre_reader_next (reader, &block, &at, &n, NULL), ==, result);
}

static inline void
expect_rest (VyreReader *reader, guint64 offset, guint64 end, gsize block_size)
{
  for (; offset < end; offset += block_size)
    expect_block (reader, offset, MIN (block_size, end - offset));
  expect_result (reader, VYRE_READ_EOF);
  expect_result (reader, VYRE_READ_EOF);
}

static inline void
assert_all_returned (VyreArena *from)
{
  gsize used;

  vyre_arena_get_usage (from, &used, NULL, NULL);
  g_assert_cmpuint (used, ==, 0);
}

/* FALSE, and the test is skipped, where the file system has no O_DIRECT. */
static inline gboolean
have_direct (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreReader) reader =
      vyre_reader_open (path, VYRE_IO_DIRECT, &error);

  if (reader == NULL)
    g_test_skip (error->message);
  return reader != NULL;
}

static inline gpointer
cancel_late (gpointer data)
{
  g_usleep (20000);
  vyre_reader_cancel (data, TRUE);
  return NULL;
}

/* Each adds the tests of its file. */
void add_reader_load_tests (void);
void add_reader_odd_tests (void);
