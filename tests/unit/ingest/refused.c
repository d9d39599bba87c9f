/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <glib/gstdio.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ingest/reader.h"

/* What containers and limits take away. Each case has a process of its own:
 * the way of reading is chosen once. */

#define SIZE 300001

static gboolean
refuse_syscall (guint32 number, int code)
{
  struct sock_filter filter[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | code),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { G_N_ELEMENTS (filter), filter };

  return prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* What ended processes had registered is given back late: enough for that and
 * a ring, not for the arena of these cases. */
static gboolean
limit_locked_memory (void)
{
  struct rlimit limit = { 6 << 20, 6 << 20 };
  struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
  struct __user_cap_data_struct caps[2];

  if (syscall (SYS_capget, &header, caps) != 0)
    return FALSE;
  caps[0].effective &= ~(1u << CAP_IPC_LOCK);
  return syscall (SYS_capset, &header, caps) == 0 &&
         setrlimit (RLIMIT_MEMLOCK, &limit) == 0;
}

/* 0: read all; 1: no start; 2: a read failed. */
static int
read_all (VyreReaderStats *stats, GError **error)
{
  g_autofree char *path = g_strdup ("vyre-refused-XXXXXX");
  g_autofree guint8 *data = g_malloc (SIZE);
  g_autoptr (VyreArena) arena = NULL;
  g_autoptr (VyreReader) reader = NULL;
  VyreReadResult result;
  VyreBlock *block;
  guint64 offset;
  gsize length;
  int fd = g_mkstemp (path);

  for (guint i = 0; i < SIZE; i++)
    data[i] = i * 7 + i / 256;
  g_assert_cmpint (write (fd, data, SIZE), ==, SIZE);
  close (fd);
  arena = vyre_arena_get_process (NULL);
  reader = vyre_reader_open (path, VYRE_IO_BUFFERED, NULL);
  g_unlink (path);
  if (!vyre_reader_start (reader, arena, 0, G_MAXUINT64, 4096, 8, FALSE, error))
    return 1;
  while ((result = vyre_reader_next (
              reader, &block, &offset, &length, error)) == VYRE_READ_OK) {
    g_assert_cmpmem (block->data, length, data + offset, length);
    vyre_block_unref (block);
  }
  vyre_reader_get_stats (reader, stats);
  if (result != VYRE_READ_EOF)
    return 2;
  g_assert_cmpuint (stats->bytes, ==, SIZE);
  return 0;
}

typedef struct
{
  const char *name;
  guint32 number; /* system call refused, 0: locked memory */
  int code;
  const char *forced; /* VYRE_IO_PATH */
  int result; /* of read_all() */
  VyreIoPath path;
  const char *text; /* in the reason or the message */
  gboolean needs_uring;
} Case;

/* Without io_uring there is nothing to refuse. */
static gboolean
have_uring (void)
{
  return syscall (SYS_io_uring_setup, 1, NULL) < 0 && errno == EFAULT;
}

static void
test_case (gconstpointer data)
{
  const Case *c = data;
  g_autoptr (GError) error = NULL;
  gboolean limited = c->number == 0 && c->code == ENOMEM;
  VyreReaderStats stats = { 0 };

  if (c->needs_uring && !g_test_subprocess () && !have_uring ()) {
    g_test_skip ("no io_uring here");
    return;
  }
  if (!g_test_subprocess ()) {
    g_test_trap_subprocess (
        NULL, 20 * G_USEC_PER_SEC, G_TEST_SUBPROCESS_INHERIT_STDERR);
    g_test_trap_assert_passed ();
    g_test_trap_assert_stdout ("*ran as meant*");
    return;
  }

  if (c->forced != NULL)
    g_setenv ("VYRE_IO_PATH", c->forced, TRUE);
  else
    g_unsetenv ("VYRE_IO_PATH");
  g_setenv ("VYRE_ARENA_SIZE", limited ? "16M" : "4M", TRUE);
  if (c->number != 0)
    g_assert_true (refuse_syscall (c->number, c->code));
  else if (limited)
    g_assert_true (limit_locked_memory ());

  g_assert_cmpint (read_all (&stats, &error), ==, c->result);
  if (c->result == 0) {
    g_assert_no_error (error);
    g_test_message ("%s", stats.reason);
    g_assert_cmpint (stats.path, ==, c->path);
    g_assert_nonnull (stats.reason);
    g_assert_nonnull (strstr (stats.reason, c->text));
  } else {
    g_assert_nonnull (error);
    g_assert_nonnull (strstr (error->message, c->text));
  }
  g_print ("ran as meant\n");
}

int
main (int argc, char **argv)
{
  static const Case cases[] = {
    { "/ingest/refused/setup-eperm", SYS_io_uring_setup, EPERM, NULL, 0,
        VYRE_IO_PATH_PREAD, "seccomp" },
    { "/ingest/refused/setup-enosys", SYS_io_uring_setup, ENOSYS, NULL, 0,
        VYRE_IO_PATH_PREAD, "kernel" },
    { "/ingest/refused/setup-forced", SYS_io_uring_setup, EPERM, "uring", 1, 0,
        "VYRE_IO_PATH" },
    { "/ingest/refused/pread-forced", SYS_io_uring_setup, EPERM, "pread", 0,
        VYRE_IO_PATH_PREAD, "VYRE_IO_PATH" },
    { "/ingest/refused/unknown-path", 0, 0, "fast", 1, 0, "'fast'" },
    { "/ingest/refused/register", SYS_io_uring_register, EPERM, NULL, 0,
        VYRE_IO_PATH_URING, "registered", TRUE },
    { "/ingest/refused/enter", SYS_io_uring_enter, EPERM, NULL, 2, 0,
        "offset 0", TRUE },
    { "/ingest/refused/locked-memory", 0, ENOMEM, NULL, 0, VYRE_IO_PATH_URING,
        "RLIMIT_MEMLOCK", TRUE },
    { "/ingest/refused/locked-memory-forced", 0, ENOMEM, "uring-fixed", 1, 0,
        "RLIMIT_MEMLOCK", TRUE },
  };
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    g_test_add_data_func (cases[i].name, &cases[i], test_case);
  return g_test_run ();
}
