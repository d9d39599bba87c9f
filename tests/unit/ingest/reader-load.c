/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "reader-harness.h"

/* A reader that is cancelled, hoarded from, or one of many. */

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
  VyreBlock *block;
  guint64 offset;
  gsize length;
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
  while ((block = next_block (reader, &offset, &length)) != NULL) {
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
  while ((block = next_block (reader, &offset, &length)) != NULL) {
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

void
add_reader_load_tests (void)
{
  g_test_add_func ("/ingest/reader/cancel", test_cancel);
  g_test_add_func ("/ingest/reader/hoarder", test_hoarder);
  g_test_add_func ("/ingest/reader/threads", test_threads);
  g_test_add_func ("/ingest/reader/many-readers", test_many_readers);
}
