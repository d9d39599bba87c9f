/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/mman.h>

#include "reader-harness.h"

/* Run once per path: VYRE_IO_PATH says which (see reader.h). */

char *folder;
VyreArena *arena;
VyreIoPath expected_path;

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
  VyreBlock *block;
  guint64 offset;
  gsize length;
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
  while ((block = next_block (reader, &offset, &length)) != NULL) {
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
  VyreBlock *block;
  guint64 offset;
  gsize length;
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
  while ((block = next_block (reader, &offset, &length)) != NULL) {
    g_assert_cmpuint (offset, ==, at);
    assert_contents (block->data, offset, length);
    vyre_block_unref (block);
    at += length;
  }
  g_assert_cmpuint (at, ==, 500001);
  expect_result (reader, VYRE_READ_EOF);
  g_unlink (path);
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
  add_reader_load_tests ();
  add_reader_odd_tests ();
  result = g_test_run ();
  vyre_arena_unref (arena);
  g_rmdir (folder);
  g_free (folder);
  return result;
}
