/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ingest/ingest.h"

/* Run once per path: VYRE_IO_PATH says which (see reader.h). */

#define MIB ((gsize) 1 << 20)

static char *folder;
static VyreArena *arena; /* of the process */
static VyreIoPath expected_path;

/* Contents depend on the offset alone, so any part can be checked. */
static guint8
byte_at (guint64 offset)
{
  guint64 x = (offset / 8 + 1) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15);

  return x >> (offset % 8 * 8);
}

static void
assert_contents (const guint8 *data, guint64 offset, gsize length)
{
  for (gsize i = 0; i < length; i++)
    if (G_UNLIKELY (data[i] != byte_at (offset + i)))
      g_error ("byte %" G_GUINT64_FORMAT " is wrong", offset + i);
}

static void
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

static char *
make_file_in (const char *where, gsize size)
{
  char *path =
      g_strdup_printf ("%s/vyre-%d-%" G_GSIZE_FORMAT, where, getpid (), size);

  g_unlink (path);
  write_range (path, 0, size);
  return path;
}

static char *
make_file (gsize size)
{
  return make_file_in (folder, size);
}

static void
drop_cache (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  fdatasync (fd);
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
}

static VyreReader *
open_reader (const char *path, VyreIoMode mode)
{
  g_autoptr (GError) error = NULL;
  VyreReader *reader = vyre_reader_open (path, mode, &error);

  g_assert_no_error (error);
  return reader;
}

static void
start (VyreReader *reader, VyreArena *from, guint64 offset, guint64 stop,
    gsize block_size, guint depth, gboolean backwards)
{
  g_autoptr (GError) error = NULL;

  vyre_reader_start (
      reader, from, offset, stop, block_size, depth, backwards, &error);
  g_assert_no_error (error);
}

/* The next block has exactly this range, and the right contents. */
static void
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

static void
expect_result (VyreReader *reader, VyreReadResult result)
{
  VyreBlock *block;
  guint64 at;
  gsize n;

  g_assert_cmpint (
      vyre_reader_next (reader, &block, &at, &n, NULL), ==, result);
}

static void
expect_rest (VyreReader *reader, guint64 offset, guint64 end, gsize block_size)
{
  for (; offset < end; offset += block_size)
    expect_block (reader, offset, MIN (block_size, end - offset));
  expect_result (reader, VYRE_READ_EOF);
  expect_result (reader, VYRE_READ_EOF);
}

static void
assert_all_returned (VyreArena *from)
{
  gsize used;

  vyre_arena_get_usage (from, &used, NULL, NULL);
  g_assert_cmpuint (used, ==, 0);
}

/* FALSE, and the test is skipped, where the file system has no O_DIRECT. */
static gboolean
have_direct (const char *path)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreReader) reader =
      vyre_reader_open (path, VYRE_IO_DIRECT, &error);

  if (reader == NULL)
    g_test_skip (error->message);
  return reader != NULL;
}

static void
test_sizes (gconstpointer data)
{
  VyreIoMode mode = GPOINTER_TO_INT (data);
  static const gsize sizes[] = { 0, 1, 4095, 4096, 4097, MIB, 8 * MIB + 3 };
  static const gsize block_sizes[] = { 4096, 65536, 100003 };
  static const guint depths[] = { 1, 8 };

  for (guint s = 0; s < G_N_ELEMENTS (sizes); s++) {
    g_autofree char *path = make_file (sizes[s]);

    if (mode == VYRE_IO_DIRECT && !have_direct (path))
      return;
    for (guint b = 0; b < G_N_ELEMENTS (block_sizes); b++) {
      for (guint d = 0; d < G_N_ELEMENTS (depths); d++) {
        g_autoptr (VyreReader) reader = NULL;
        VyreReaderStats stats;
        guint64 size;

        if (mode == VYRE_IO_AUTO)
          drop_cache (path);
        reader = open_reader (path, mode);
        g_assert_true (vyre_reader_is_seekable (reader));
        g_assert_true (vyre_reader_get_size (reader, &size));
        g_assert_cmpuint (size, ==, sizes[s]);
        vyre_reader_get_stats (reader, &stats);
        g_assert_cmpint (stats.path, ==, VYRE_IO_PATH_NONE);

        start (reader, arena, 0, G_MAXUINT64, block_sizes[b], depths[d], FALSE);
        expect_rest (reader, 0, sizes[s], block_sizes[b]);
        vyre_reader_get_stats (reader, &stats);
        g_assert_cmpuint (stats.bytes, ==, sizes[s]);
        g_assert_cmpint (stats.path, ==, expected_path);
        if (mode != VYRE_IO_AUTO)
          g_assert_cmpint (stats.direct, ==, mode == VYRE_IO_DIRECT);
        else if (block_sizes[b] % 512 != 0)
          g_assert_false (stats.direct);
        if (expected_path == VYRE_IO_PATH_URING_FIXED)
          g_assert_null (stats.reason);
        else
          g_assert_nonnull (stats.reason);
      }
    }
    g_unlink (path);
  }
  assert_all_returned (arena);
}

static guint
count_pages (const char *path, gsize size)
{
  g_autofree guint8 *pages = g_malloc (size / 4096 + 1);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  void *data = mmap (NULL, size, PROT_READ, MAP_SHARED, fd, 0);
  gsize page = sysconf (_SC_PAGESIZE);
  guint n = 0;

  g_assert_true (data != MAP_FAILED);
  g_assert_cmpint (mincore (data, size, pages), ==, 0);
  for (gsize i = 0; i < size / page; i++)
    n += pages[i] & 1;
  munmap (data, size);
  close (fd);
  return n;
}

/* Whether a file is cached is found without caching it: what is there after a
 * question would answer the next one, or the rest of the same. */
static void
test_is_cached (void)
{
  g_autofree char *path = make_file (8 * MIB);
  VyreFile file;

  g_assert_true (vyre_file_open (&file, path, VYRE_IO_BUFFERED, NULL));
  g_assert_true (vyre_file_is_cached (&file, 8 * MIB));
  drop_cache (path);
  if (count_pages (path, 8 * MIB) != 0) {
    g_test_skip ("this file system keeps what it should drop");
  } else {
    g_assert_false (vyre_file_is_cached (&file, 8 * MIB));
    g_assert_cmpuint (count_pages (path, 8 * MIB), ==, 0);
  }
  vyre_file_close (&file);
  g_unlink (path);
}

/* AUTO: direct for a cold file, buffered for a warm one. */
static void
test_auto (void)
{
  g_autofree char *path = make_file (8 * MIB);
  VyreReaderStats stats;

  if (!have_direct (path))
    return;
  for (guint warm = 0; warm < 2; warm++) {
    g_autoptr (VyreReader) reader = NULL;

    drop_cache (path);
    if (warm) {
      g_autofree char *contents = NULL;

      g_assert_true (g_file_get_contents (path, &contents, NULL, NULL));
    }
    reader = open_reader (path, VYRE_IO_AUTO);
    start (reader, arena, 0, G_MAXUINT64, MIB, 4, FALSE);
    expect_rest (reader, 0, 8 * MIB, MIB);
    vyre_reader_get_stats (reader, &stats);
    g_assert_cmpint (stats.direct, ==, !warm);
  }
  g_unlink (path);
}

static void
test_range (gconstpointer data)
{
  VyreIoMode mode = GPOINTER_TO_INT (data);
  g_autofree char *path = make_file (MIB + 77);
  g_autoptr (VyreReader) reader = NULL;

  if (mode == VYRE_IO_DIRECT && !have_direct (path))
    return;
  reader = open_reader (path, mode);
  start (reader, arena, 1000, 300001, 65536, 4, FALSE);
  expect_rest (reader, 1000, 300001, 65536);
  start (reader, arena, MIB - 5, G_MAXUINT64, 65536, 4, FALSE);
  expect_rest (reader, MIB - 5, MIB + 77, 65536);
  /* At, behind and far behind the end; an empty range. */
  start (reader, arena, MIB + 77, G_MAXUINT64, 65536, 4, FALSE);
  expect_result (reader, VYRE_READ_EOF);
  start (reader, arena, 10 * MIB, G_MAXUINT64, 65536, 4, FALSE);
  expect_result (reader, VYRE_READ_EOF);
  start (reader, arena, G_MAXUINT64 - 1, G_MAXUINT64, 65536, 4, FALSE);
  expect_result (reader, VYRE_READ_EOF);
  start (reader, arena, 5000, 5000, 65536, 4, FALSE);
  expect_result (reader, VYRE_READ_EOF);
  g_unlink (path);
}

static void
test_backwards (gconstpointer data)
{
  VyreIoMode mode = GPOINTER_TO_INT (data);
  const gsize size = MIB + 77;
  g_autofree char *path = make_file (size);
  g_autoptr (VyreReader) reader = NULL;
  static const gsize block_sizes[] = { 4096, 65536, 100003 };

  if (mode == VYRE_IO_DIRECT && !have_direct (path))
    return;
  reader = open_reader (path, mode);
  for (guint b = 0; b < G_N_ELEMENTS (block_sizes); b++) {
    gsize end = size, bs = block_sizes[b];

    start (reader, arena, G_MAXUINT64, 0, bs, 5, TRUE);
    for (; end > 0; end -= MIN (end, bs))
      expect_block (reader, end - MIN (end, bs), MIN (end, bs));
    expect_result (reader, VYRE_READ_EOF);
  }
  /* Down to a stop, from the middle. */
  start (reader, arena, 70000, 1000, 65536, 5, TRUE);
  expect_block (reader, 70000 - 65536, 65536);
  expect_block (reader, 1000, 70000 - 65536 - 1000);
  expect_result (reader, VYRE_READ_EOF);
  start (reader, arena, 1000, 2000, 65536, 5, TRUE);
  expect_result (reader, VYRE_READ_EOF);

  /* Blocks that fell off a file that shrank are left out. */
  start (reader, arena, G_MAXUINT64, 0, 65536, 1, TRUE);
  expect_block (reader, size - 65536, 65536);
  g_assert_cmpint (truncate (path, 100000), ==, 0);
  for (;;) {
    VyreBlock *block;
    guint64 offset;
    gsize length;

    if (vyre_reader_next (reader, &block, &offset, &length, NULL) !=
        VYRE_READ_OK)
      break;
    assert_contents (block->data, offset, length);
    vyre_block_unref (block);
    if (offset == 0)
      g_assert_cmpuint (length, ==, (size - 1) % 65536 + 1);
  }
  expect_result (reader, VYRE_READ_EOF);
  g_unlink (path);
}

static void
test_seek_storm (void)
{
  const gsize size = 4 * MIB + 11;
  g_autofree char *path = make_file (size);

  for (guint mode = VYRE_IO_AUTO; mode <= VYRE_IO_BUFFERED; mode++) {
    g_autoptr (VyreReader) reader = NULL;
    g_autoptr (GRand) rand = g_rand_new_with_seed (7);

    if (mode == VYRE_IO_DIRECT && !have_direct (path))
      continue;
    reader = open_reader (path, mode);
    for (guint i = 0; i < 200; i++) {
      guint64 offset = g_rand_int_range (rand, 0, size);
      gsize block_size = g_rand_int_range (rand, 1, 200000);
      gboolean backwards = g_rand_boolean (rand);
      guint n = g_rand_int_range (rand, 0, 3);

      start (reader, arena, offset, backwards ? 0 : G_MAXUINT64, block_size,
          g_rand_int_range (rand, 1, 20), backwards);
      while (n-- > 0 && offset > 0 && offset < size) {
        gsize length = MIN (block_size, backwards ? offset : size - offset);

        if (backwards)
          offset -= length;
        expect_block (reader, offset, length);
        if (!backwards)
          offset += length;
      }
    }
    vyre_reader_stop (reader);
    assert_all_returned (arena);
    expect_result (reader, VYRE_READ_ERROR);
  }
  g_unlink (path);
}

typedef struct
{
  VyreReader *reader;
  gint stop;
} Canceller;

static gpointer
cancel_thread (gpointer data)
{
  Canceller *canceller = data;

  while (!g_atomic_int_get (&canceller->stop)) {
    vyre_reader_cancel (canceller->reader, TRUE);
    g_usleep (50);
    vyre_reader_cancel (canceller->reader, FALSE);
    g_usleep (200);
  }
  return NULL;
}

static void
test_cancel (void)
{
  const gsize size = 8 * MIB + 3;
  g_autofree char *path = make_file (size);
  g_autoptr (VyreReader) reader = open_reader (path, VYRE_IO_BUFFERED);
  Canceller canceller = { reader, FALSE };
  guint64 at = 0;
  guint cancelled = 0;
  GThread *thread;

  start (reader, arena, 0, G_MAXUINT64, 65536, 8, FALSE);
  vyre_reader_cancel (reader, TRUE);
  expect_result (reader, VYRE_READ_CANCELLED);
  expect_result (reader, VYRE_READ_CANCELLED);
  vyre_reader_cancel (reader, FALSE);

  thread = g_thread_new ("cancel", cancel_thread, &canceller);
  for (;;) {
    VyreBlock *block;
    guint64 offset;
    gsize length;
    VyreReadResult result =
        vyre_reader_next (reader, &block, &offset, &length, NULL);

    if (result == VYRE_READ_EOF && cancelled > 0)
      break;
    if (result == VYRE_READ_EOF) {
      /* Never met: once more. */
      start (reader, arena, 0, G_MAXUINT64, 65536, 8, FALSE);
      at = 0;
      continue;
    }
    if (result == VYRE_READ_CANCELLED) {
      cancelled++;
      g_usleep (20);
      continue;
    }
    g_assert_cmpint (result, ==, VYRE_READ_OK);
    g_assert_cmpuint (offset, ==, at);
    assert_contents (block->data, offset, length);
    vyre_block_unref (block);
    at += length;
  }
  g_atomic_int_set (&canceller.stop, TRUE);
  g_thread_join (thread);
  g_assert_cmpuint (at, ==, size);
  g_unlink (path);
}

static gpointer
cancel_late (gpointer data)
{
  g_usleep (20000);
  vyre_reader_cancel (data, TRUE);
  return NULL;
}

static void
test_growing (gconstpointer data)
{
  VyreIoMode mode = GPOINTER_TO_INT (data);
  g_autofree char *path = make_file (5000);
  g_autoptr (VyreReader) reader = NULL;

  if (mode == VYRE_IO_DIRECT && !have_direct (path))
    return;
  reader = open_reader (path, mode);
  start (reader, arena, 0, G_MAXUINT64, 4096, 4, FALSE);
  expect_block (reader, 0, 4096);
  expect_block (reader, 4096, 904);
  expect_result (reader, VYRE_READ_EOF);
  write_range (path, 5000, 10);
  expect_block (reader, 5000, 10);
  expect_result (reader, VYRE_READ_EOF);
  expect_result (reader, VYRE_READ_EOF);
  write_range (path, 5010, 20000);
  for (guint64 at = 5010; at < 25010; at += 4096)
    expect_block (reader, at, MIN (4096, 25010 - at));
  expect_result (reader, VYRE_READ_EOF);
  g_unlink (path);
}

static void
test_truncated (gconstpointer data)
{
  VyreIoMode mode = GPOINTER_TO_INT (data);
  g_autofree char *path = make_file (2 * MIB);
  g_autoptr (VyreReader) reader = NULL;
  guint64 at = 0;

  if (mode == VYRE_IO_DIRECT && !have_direct (path))
    return;
  reader = open_reader (path, mode);
  start (reader, arena, 0, G_MAXUINT64, 65536, 2, FALSE);
  expect_block (reader, 0, 65536);
  g_assert_cmpint (truncate (path, 500001), ==, 0);
  at = 65536;
  for (;;) {
    VyreBlock *block;
    guint64 offset;
    gsize length;

    if (vyre_reader_next (reader, &block, &offset, &length, NULL) !=
        VYRE_READ_OK)
      break;
    g_assert_cmpuint (offset, ==, at);
    assert_contents (block->data, offset, length);
    vyre_block_unref (block);
    at += length;
  }
  g_assert_cmpuint (at, ==, 500001);
  expect_result (reader, VYRE_READ_EOF);
  g_unlink (path);
}

typedef struct
{
  GMutex lock;
  GCond cond;
  GQueue blocks;
  gboolean end;
} Hoard;

static void
hoard_push (Hoard *hoard, VyreBlock *block)
{
  g_mutex_lock (&hoard->lock);
  if (block != NULL)
    g_queue_push_tail (&hoard->blocks, block);
  else
    hoard->end = TRUE;
  g_cond_signal (&hoard->cond);
  g_mutex_unlock (&hoard->lock);
}

static gpointer
free_slowly (gpointer data)
{
  Hoard *hoard = data;
  VyreBlock *block;

  do {
    g_mutex_lock (&hoard->lock);
    while (g_queue_is_empty (&hoard->blocks) && !hoard->end)
      g_cond_wait (&hoard->cond, &hoard->lock);
    block = g_queue_pop_head (&hoard->blocks);
    g_mutex_unlock (&hoard->lock);
    g_usleep (1000);
    if (block != NULL)
      vyre_block_unref (block);
  } while (block != NULL);
  return NULL;
}

typedef struct
{
  VyreReader *reader;
  gint n_held; /* atomic */
} Full;

/* Cancels once everything that fits has been delivered and the reader has had
 * time to deliver too much. */
static gpointer
cancel_when_full (gpointer data)
{
  Full *full = data;

  for (guint i = 0; i < 1000 && g_atomic_int_get (&full->n_held) < 16; i++)
    g_usleep (10000);
  return cancel_late (full->reader);
}

/* A small arena that is not the registered one, all of it held by a consumer
 * that frees later, in another thread. */
static void
test_hoarder (void)
{
  const gsize size = 3 * MIB + 1;
  g_autoptr (VyreArena) small = vyre_arena_new_host (MIB, NULL);
  g_autofree char *path = make_file (size);
  g_autoptr (VyreReader) reader = open_reader (path, VYRE_IO_AUTO);
  Hoard hoard = { .blocks = G_QUEUE_INIT };
  VyreReaderStats stats;
  GThread *thread;
  guint64 at = 0;
  Full full = { reader, 0 };

  start (reader, small, 0, G_MAXUINT64, 65536, 64, FALSE);
  vyre_reader_get_stats (reader, &stats);
  g_assert_cmpint (stats.path, !=, VYRE_IO_PATH_URING_FIXED);
  g_assert_nonnull (stats.reason);

  /* Everything that fits is delivered, then the reader waits. */
  thread = g_thread_new ("late", cancel_when_full, &full);
  for (;;) {
    VyreBlock *block;
    guint64 offset;
    gsize length;

    if (vyre_reader_next (reader, &block, &offset, &length, NULL) !=
        VYRE_READ_OK)
      break;
    g_assert_cmpuint (offset, ==, at);
    g_queue_push_tail (&hoard.blocks, block);
    g_atomic_int_inc (&full.n_held);
    at += length;
  }
  g_thread_join (thread);
  g_assert_cmpint (full.n_held, ==, 16);
  expect_result (reader, VYRE_READ_CANCELLED);
  vyre_reader_cancel (reader, FALSE);

  thread = g_thread_new ("free", free_slowly, &hoard);
  for (;;) {
    VyreBlock *block;
    guint64 offset;
    gsize length;

    if (vyre_reader_next (reader, &block, &offset, &length, NULL) !=
        VYRE_READ_OK)
      break;
    g_assert_cmpuint (offset, ==, at);
    assert_contents (block->data, offset, length);
    hoard_push (&hoard, block);
    at += length;
  }
  g_assert_cmpuint (at, ==, size);
  hoard_push (&hoard, NULL);
  g_thread_join (thread);
  g_cond_clear (&hoard.cond);
  g_mutex_clear (&hoard.lock);
  assert_all_returned (small);
  g_unlink (path);
}

/* The thread that asked ends, with reads in flight; another goes on. */
static gpointer
read_one (gpointer data)
{
  guint64 *at = ((gpointer *) data)[1];

  expect_block (((gpointer *) data)[0], *at, 65536);
  *at += 65536;
  return NULL;
}

static void
test_threads (void)
{
  g_autofree char *path = make_file (4 * MIB);

  for (guint mode = VYRE_IO_AUTO; mode <= VYRE_IO_BUFFERED; mode++) {
    g_autoptr (VyreReader) reader = NULL;
    guint64 at = 0;
    gpointer args[2];

    if (mode == VYRE_IO_DIRECT && !have_direct (path))
      continue;
    reader = open_reader (path, mode);
    args[0] = reader;
    args[1] = &at;
    start (reader, arena, 0, G_MAXUINT64, 65536, 16, FALSE);
    while (at < 4 * MIB)
      g_thread_join (g_thread_new ("one", read_one, args));
    expect_result (reader, VYRE_READ_EOF);
  }
  g_unlink (path);
}

/* More reads than the ring takes at a time. */
static void
test_many_readers (void)
{
  g_autofree char *path = make_file (4 * MIB);
  VyreReader *readers[8];

  for (guint i = 0; i < 8; i++) {
    readers[i] = open_reader (path, VYRE_IO_BUFFERED);
    start (readers[i], arena, i * 512, G_MAXUINT64, 4096, 200, FALSE);
  }
  for (guint i = 0; i < 8; i++)
    expect_block (readers[i], i * 512, 4096);
  for (guint i = 0; i < 4; i++)
    vyre_reader_free (readers[i]);
  for (guint i = 4; i < 8; i++) {
    expect_rest (readers[i], i * 512 + 4096, 4 * MIB, 4096);
    vyre_reader_free (readers[i]);
  }
  assert_all_returned (arena);
  g_unlink (path);
}

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
  for (;;) {
    VyreBlock *block;
    guint64 offset;
    gsize length;

    if (vyre_reader_next (reader, &block, &offset, &length, NULL) !=
        VYRE_READ_OK)
      break;
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

static void
add_modes (const char *name, void (*function) (gconstpointer))
{
  static const char *const modes[] = { "auto", "direct", "buffered" };

  for (guint i = 0; i < G_N_ELEMENTS (modes); i++) {
    g_autofree char *path =
        g_strdup_printf ("/ingest/reader/%s/%s", name, modes[i]);

    g_test_add_data_func (path, GINT_TO_POINTER (i), function);
  }
}

/* The path that VYRE_IO_PATH forces may be refused here. */
static gboolean
find_path (void)
{
  g_autofree char *path = make_file (1);
  g_autoptr (VyreReader) reader = open_reader (path, VYRE_IO_AUTO);
  g_autoptr (GError) error = NULL;
  VyreReaderStats stats;

  g_unlink (path);
  if (!vyre_reader_start (
          reader, arena, 0, G_MAXUINT64, 4096, 1, FALSE, &error)) {
    g_print ("1..0 # SKIP %s\n", error->message);
    return FALSE;
  }
  vyre_reader_get_stats (reader, &stats);
  expected_path = stats.path;
  return TRUE;
}

int
main (int argc, char **argv)
{
  const char *forced = g_getenv ("VYRE_IO_PATH");
  int result;

  /* Not in /tmp, which may be in memory. */
  folder = g_strdup ("vyre-reader-XXXXXX");
  g_setenv ("VYRE_ARENA_SIZE", "16M", FALSE);
  if (g_mkdtemp (folder) == NULL)
    g_error ("Could not make a folder here: %s", g_strerror (errno));
  arena = vyre_arena_get_process (NULL);
  if (!find_path ()) {
    g_rmdir (folder);
    return 0;
  }
  g_test_init (&argc, &argv, NULL);
  if (g_strcmp0 (forced, "pread") == 0)
    g_assert_cmpint (expected_path, ==, VYRE_IO_PATH_PREAD);
  else if (g_strcmp0 (forced, "uring") == 0)
    g_assert_cmpint (expected_path, ==, VYRE_IO_PATH_URING);
  else if (forced != NULL)
    g_assert_cmpint (expected_path, ==, VYRE_IO_PATH_URING_FIXED);
  add_modes ("sizes", test_sizes);
  add_modes ("range", test_range);
  add_modes ("backwards", test_backwards);
  add_modes ("growing", test_growing);
  add_modes ("truncated", test_truncated);
  g_test_add_func ("/ingest/reader/is-cached", test_is_cached);
  g_test_add_func ("/ingest/reader/auto", test_auto);
  g_test_add_func ("/ingest/reader/seek-storm", test_seek_storm);
  g_test_add_func ("/ingest/reader/cancel", test_cancel);
  g_test_add_func ("/ingest/reader/hoarder", test_hoarder);
  g_test_add_func ("/ingest/reader/threads", test_threads);
  g_test_add_func ("/ingest/reader/many-readers", test_many_readers);
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
  result = g_test_run ();
  vyre_arena_unref (arena);
  g_rmdir (folder);
  g_free (folder);
  return result;
}
