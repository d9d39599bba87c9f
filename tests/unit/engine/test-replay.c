/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The writer of recordings: places in a log that goes round, what is dropped,
 * and threads. What the engine hands it and what is made of the files is tested
 * with the command. */

#include "engine/replay-private.h"
#include "ring/words.h"

#include <glib/gstdio.h>
#include <string.h>

static char *folder;

/* A window with one buffer of so many bytes. */
static VyreReplayCapture *
capture_new (VyreReplayWriter *writer, guint32 mark, gsize bytes)
{
  VyreReplayCapture *capture = g_new0 (VyreReplayCapture, 1);

  capture->program = vyre_program_new ();
  for (guint i = 0; i < 3; i++)
    capture->program->workgroup_size[i] = 1;
  capture->entry.n_buffers = 1;
  capture->entry.buffers = g_new0 (VyreReplayBuffer, 1);
  capture->contents = g_new0 (GBytes *, 1);
  capture->outputs = g_new0 (GBytes *, 1);
  capture->record.slot = mark;
  capture->record.status = VYRE_ST_PUBLISHED;
  if (!vyre_replay_writer_reserve (writer, bytes)) {
    capture->entry.flags |= VYRE_REPLAY_INCOMPLETE;
    return capture;
  }
  capture->held = bytes;
  capture->contents[0] = g_bytes_new_take (g_malloc0 (bytes + 1), bytes);
  return capture;
}

static void
finish (VyreReplayWriter *writer, VyreReplayCapture *capture)
{
  capture->record.status = VYRE_ST_DONE;
  vyre_replay_writer_finish (writer, capture);
}

static char *
path_of (const char *name)
{
  return g_build_filename (folder, name, NULL);
}

static void
remove_files (const char *path)
{
  g_autofree char *data = g_strconcat (path, ".data", NULL);

  g_unlink (path);
  g_unlink (data);
}

static VyreReplayWriter *
open_writer (const char *path, guint64 capacity)
{
  const VyreReplayOptions options = { .capacity = capacity };
  g_autoptr (GError) error = NULL;
  VyreReplayWriter *writer = vyre_replay_writer_new (path, &options, &error);

  g_assert_no_error (error);
  g_assert_nonnull (writer);
  return writer;
}

/* "SLOT:STATUS" of all places. */
static void
assert_log (const char *path, guint64 cursor, const char *wanted)
{
  g_autofree char *bytes = NULL;
  g_autoptr (GString) found = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  VyreReplayHeader header;
  VyreReplayRecord record;
  gsize length;

  g_assert_true (g_file_get_contents (path, &bytes, &length, &error));
  g_assert_true (vyre_replay_decode_header (&header, bytes, length, &error));
  g_assert_no_error (error);
  g_assert_cmpuint (header.cursor, ==, cursor);
  for (gsize at = VYRE_REPLAY_HEADER_BYTES;
       at + VYRE_REPLAY_RECORD_BYTES <= length;
       at += VYRE_REPLAY_RECORD_BYTES) {
    if (vyre_replay_decode_record (&record, (const guint8 *) bytes + at))
      g_string_append_printf (found, "%u:%u ", record.slot, record.status);
    else
      g_string_append (found, "- ");
  }
  g_assert_cmpstr (found->str, ==, wanted);
}

static void
test_record_bytes (void)
{
  const VyreReplayRecord record = { 0x1122334455667788u, 12, 3, 0x40300000u,
    { 1, 2, 3, 4 }, 5, VYRE_ST_FAULT, VYRE_REPLAY_PROGRAM_BUG, 1005,
    0x99aabbccddeeff00u };
  const guint8 wanted[VYRE_REPLAY_RECORD_BYTES] = { 0xef, 0xbe, 0xad, 0xde,
    0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 12, 0, 0, 0, 3, 0, 0, 0, 0,
    0, 0x30, 0x40, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0,
    7, 0, 0, 0, 3, 0, 0, 0, 0xed, 3, 0, 0, 0x00, 0xff, 0xee, 0xdd, 0xcc, 0xbb,
    0xaa, 0x99 };
  guint8 bytes[VYRE_REPLAY_RECORD_BYTES];
  VyreReplayRecord back = { 0 };

  vyre_replay_encode_record (&record, bytes);
  g_assert_cmpmem (bytes, sizeof bytes, wanted, sizeof wanted);
  g_assert_true (vyre_replay_decode_record (&back, bytes));
  g_assert_cmpuint (back.time_ns, ==, record.time_ns);
  g_assert_cmpuint (back.args[3], ==, 4);
  g_assert_cmpuint (back.digest, ==, record.digest);
  bytes[0]++;
  g_assert_false (vyre_replay_decode_record (&back, bytes));
}

static void
test_round (void)
{
  g_autofree char *path = path_of ("round");
  VyreReplayWriter *writer = open_writer (path, 4);
  VyreReplayCapture *captures[6];

  for (guint i = 0; i < 3; i++) {
    captures[i] = capture_new (writer, i, 10);
    vyre_replay_writer_begin (writer, captures[i]);
  }
  finish (writer, captures[1]);
  for (guint i = 3; i < 6; i++) {
    captures[i] = capture_new (writer, i, 10);
    vyre_replay_writer_begin (writer, captures[i]);
  }
  /* The place of number 0 is that of number 4 by now. */
  finish (writer, captures[0]);
  finish (writer, captures[5]);
  finish (writer, captures[2]);
  /* Two are in flight when the process ends. */
  for (guint i = 3; i < 5; i++) {
    vyre_replay_writer_release (writer, captures[i]->held);
    vyre_replay_capture_free (captures[i]);
  }
  vyre_replay_writer_free (writer);
  assert_log (path, 2, "4:1 5:3 2:3 3:1 ");

  /* Another capacity is not taken. */
  writer = open_writer (path, 100);
  captures[0] = capture_new (writer, 9, 10);
  vyre_replay_writer_begin (writer, captures[0]);
  finish (writer, captures[0]);
  vyre_replay_writer_free (writer);
  assert_log (path, 3, "4:1 5:3 9:3 3:1 ");
  remove_files (path);
}

static void
test_memory (void)
{
  g_autofree char *path = path_of ("memory");
  VyreReplayWriter *writer = open_writer (path, 16);
  VyreReplayCounts counts;

  g_assert_true (
      vyre_replay_writer_reserve (writer, VYRE_REPLAY_MAX_QUEUED - 100));
  g_assert_false (vyre_replay_writer_reserve (writer, 101));
  g_assert_false (vyre_replay_writer_reserve (writer, G_MAXUINT64));
  VyreReplayCapture *small = capture_new (writer, 1, 100);
  VyreReplayCapture *large = capture_new (writer, 2, 1);
  g_assert_cmpuint (small->entry.flags, ==, 0);
  g_assert_cmpuint (large->entry.flags, ==, VYRE_REPLAY_INCOMPLETE);
  vyre_replay_writer_begin (writer, small);
  vyre_replay_writer_begin (writer, large);
  finish (writer, small);
  finish (writer, large);
  do {
    g_usleep (1000);
    vyre_replay_writer_get_counts (writer, &counts);
  } while (counts.windows + counts.incomplete < 2);
  g_assert_cmpuint (counts.windows, ==, 1);
  g_assert_cmpuint (counts.incomplete, ==, 1);
  g_assert_cmpuint (counts.unrecorded, ==, 0);
  /* What the first one held may be held again. */
  g_assert_true (vyre_replay_writer_reserve (writer, 100));
  g_assert_false (vyre_replay_writer_reserve (writer, 1));
  g_test_expect_message ("vyre", G_LOG_LEVEL_WARNING,
      "*1 windows are recorded, 1 without what they read*");
  vyre_replay_writer_free (writer);
  g_test_assert_expected_messages ();
  assert_log (path, 2, "1:3 2:3 ");
  remove_files (path);
}

static void
test_taken (void)
{
  g_autofree char *path = path_of ("taken");
  VyreReplayWriter *writer = open_writer (path, 16);
  const VyreReplayOptions options = { 0 };
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_replay_writer_new (path, &options, &error));
  g_assert_error (error, G_FILE_ERROR, G_FILE_ERROR_AGAIN);
  vyre_replay_writer_free (writer);
  remove_files (path);
}

#define N_THREADS 4
#define PER_THREAD 300

static gpointer
record_many (gpointer data)
{
  VyreReplayWriter *writer = data;

  for (guint i = 0; i < PER_THREAD; i++) {
    VyreReplayCapture *capture = capture_new (writer, i, i);

    vyre_replay_writer_begin (writer, capture);
    finish (writer, capture);
  }
  return NULL;
}

static void
test_threads (void)
{
  g_autofree char *path = path_of ("threads");
  VyreReplayWriter *writer = open_writer (path, 64);
  GThread *threads[N_THREADS];
  VyreReplayCounts counts;

  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("record", record_many, writer);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  do {
    g_usleep (1000);
    vyre_replay_writer_get_counts (writer, &counts);
  } while (counts.windows < N_THREADS * PER_THREAD);
  g_assert_cmpuint (counts.windows, ==, N_THREADS * PER_THREAD);
  g_assert_cmpuint (counts.incomplete + counts.unrecorded, ==, 0);
  vyre_replay_writer_free (writer);
  remove_files (path);
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  int status;

  folder = g_dir_make_tmp ("vyre-replay-XXXXXX", &error);
  g_assert_no_error (error);
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/replay/record-bytes", test_record_bytes);
  g_test_add_func ("/replay/round", test_round);
  g_test_add_func ("/replay/memory", test_memory);
  g_test_add_func ("/replay/taken", test_taken);
  g_test_add_func ("/replay/threads", test_threads);
  status = g_test_run ();
  g_rmdir (folder);
  g_free (folder);
  return status;
}
