/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ingest/reader.h"

/* Reads a file by vyre_reader and by read(2), one after the other, and prints
 * the rate of each. Warm unless --cold asks for the file to be dropped from
 * the page cache before each. */

static const char *mode_name = "auto";
static gint64 block_size = 1 << 20;
static gint depth = 8;
static gboolean cold, private_arena;

static const GOptionEntry entries[] = {
  { "mode", 'm', 0, G_OPTION_ARG_STRING, &mode_name, "Way of reading",
      "auto|direct|buffered" },
  { "block", 'b', 0, G_OPTION_ARG_INT64, &block_size, "Bytes per block",
      "BYTES" },
  { "depth", 'd', 0, G_OPTION_ARG_INT, &depth, "Blocks in flight", "N" },
  { "cold", 'c', 0, G_OPTION_ARG_NONE, &cold, "Drop the file's cache first",
      NULL },
  { "private", 'p', 0, G_OPTION_ARG_NONE, &private_arena,
      "Into an arena that is not registered", NULL },
  { NULL },
};

static const char *const path_names[] = { "none", "uring-fixed", "uring",
  "pread" };

static double
cpu_seconds (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return usage.ru_utime.tv_sec + usage.ru_stime.tv_sec +
         (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void
report (const char *name, guint64 bytes, gint64 start, double cpu)
{
  double seconds = (g_get_monotonic_time () - start) / 1e6;

  g_print ("%-24s %10.1f MB/s  %6.3f s  %6.3f CPU s  %" G_GUINT64_FORMAT
           " bytes\n",
      name, bytes / 1e6 / MAX (seconds, 1e-6), seconds, cpu_seconds () - cpu,
      bytes);
}

static void
drop_cache (const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return;
  fdatasync (fd);
  posix_fadvise (fd, 0, 0, POSIX_FADV_DONTNEED);
  close (fd);
}

static gboolean
bench_plain (const char *path)
{
  g_autofree char *name =
      g_strdup_printf ("read(2) %" G_GINT64_FORMAT, block_size);
  g_autofree guint8 *buffer = g_malloc (block_size);
  guint64 bytes = 0;
  gint64 start;
  double cpu;
  gssize got;
  int fd = open (path, O_RDONLY | O_CLOEXEC);

  if (fd < 0)
    return FALSE;
  memset (buffer, 0, block_size);
  cpu = cpu_seconds ();
  start = g_get_monotonic_time ();
  while ((got = read (fd, buffer, block_size)) > 0)
    bytes += got;
  report (name, bytes, start, cpu);
  close (fd);
  return got == 0;
}

static gboolean
bench_reader (const char *path, VyreIoMode mode, GError **error)
{
  g_autoptr (VyreArena) arena = NULL;
  g_autoptr (VyreReader) reader = NULL;
  g_autofree char *name = NULL;
  VyreReaderStats stats;
  VyreReadResult result;
  VyreBlock *block;
  guint64 offset;
  gsize length;
  gint64 start;
  double cpu;

  arena = private_arena ? vyre_arena_new_host ((gsize) 256 << 20, error)
                        : vyre_arena_get_process (error);
  if (arena == NULL)
    return FALSE;
  reader = vyre_reader_open (path, mode, error);
  if (reader == NULL)
    return FALSE;
  /* Making the ring and registering memory happens once per process. */
  start = g_get_monotonic_time ();
  if (!vyre_reader_start (
          reader, arena, 0, G_MAXUINT64, block_size, depth, FALSE, error))
    return FALSE;
  g_print ("first start %.1f ms\n", (g_get_monotonic_time () - start) / 1e3);

  cpu = cpu_seconds ();
  start = g_get_monotonic_time ();
  while ((result = vyre_reader_next (
              reader, &block, &offset, &length, error)) == VYRE_READ_OK)
    vyre_block_unref (block);
  if (result != VYRE_READ_EOF)
    return FALSE;
  vyre_reader_get_stats (reader, &stats);
  name = g_strdup_printf (
      "%s %s", path_names[stats.path], stats.direct ? "direct" : "buffered");
  report (name, stats.bytes, start, cpu);
  if (stats.reason != NULL)
    g_print ("  (%s)\n", stats.reason);
  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GOptionContext) context = g_option_context_new ("FILE");
  VyreIoMode mode;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    goto failed;
  if (argc != 2 || block_size <= 0 || depth <= 0)
    goto usage;
  if (strcmp (mode_name, "auto") == 0)
    mode = VYRE_IO_AUTO;
  else if (strcmp (mode_name, "direct") == 0)
    mode = VYRE_IO_DIRECT;
  else if (strcmp (mode_name, "buffered") == 0)
    mode = VYRE_IO_BUFFERED;
  else
    goto usage;

  if (cold)
    drop_cache (argv[1]);
  if (!bench_reader (argv[1], mode, &error))
    goto failed;
  if (cold)
    drop_cache (argv[1]);
  if (!bench_plain (argv[1]))
    goto no_plain;
  return 0;

usage:
  g_printerr ("%s", g_option_context_get_help (context, TRUE, NULL));
  return 2;
failed:
  g_printerr ("%s\n", error->message);
  return 1;
no_plain:
  g_printerr ("Could not read “%s” with read(2)\n", argv[1]);
  return 1;
}
