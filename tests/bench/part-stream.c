/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Files through pipelines: reading them, and inverting them buffer by buffer,
 * against what GStreamer has and against a submit for each buffer. */

#include "pipeline.h"
#include "programs.h"
#include "work.h"

#include "hex.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <math.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define CHUNK (4 << 20)
#define SHARED_READ (256 << 10) /* vyresrc's, for small blocks */

static const BenchMetric metrics[] = {
  { "buffers", "/s", TRUE },
  { "read", "GB/s", TRUE },
};

typedef struct
{
  gsize block;
  guint gpu, gpu_quick, cpu, cpu_quick; /* buffers of a run; 0: left out */
} Size;

static const Size sizes[] = {
  { 4 << 10, 20000, 5000, 400, 40 },
  { 1 << 20, 1024, 256, 8, 0 },
  { 8 << 20, 128, 32, 0, 0 },
};

typedef struct
{
  BenchKind kind;
  const char *name; /* of the row */
  const char *launch; /* %F: the file, %B: blocksize, %N: num-buffers, %U: the
                         device's UUID, %D: its index */
  guint inverts; /* how often */
} Line;

#define SOURCE(element) element " location=\"%F\" blocksize=%B num-buffers=%N"
#define SUBMIT "vyrebenchsubmit device-uuid=%U"
#define INTERP "vyreinterp name=vyre device-index=%D"
#define INTERP_TOO "vyreinterp name=vyre-too device-index=%D"

static const Line reading[] = {
  { BENCH_BASELINE, "filesrc ! fakesink", SOURCE ("filesrc"), 0 },
  { BENCH_BASELINE, "filesrc ! identity ! fakesink",
      SOURCE ("filesrc") " ! identity", 0 },
  { BENCH_MEASURED, "vyresrc ! fakesink", SOURCE ("vyresrc"), 0 },
};

static const Line inverting[] = {
  { BENCH_REFERENCE, "filesrc ! fakesink", SOURCE ("filesrc"), 0 },
  { BENCH_REFERENCE, "filesrc ! identity ! fakesink",
      SOURCE ("filesrc") " ! identity", 0 },
  { BENCH_BASELINE, "filesrc ! submit", SOURCE ("filesrc") " ! " SUBMIT, 1 },
  { BENCH_BASELINE, "vyresrc ! submit", SOURCE ("vyresrc") " ! " SUBMIT, 1 },
  { BENCH_BASELINE, "vyresrc ! submit, importing",
      SOURCE ("vyresrc") " ! " SUBMIT " import=true", 1 },
  { BENCH_MEASURED, "filesrc ! vyreinterp, interpreted",
      SOURCE ("filesrc") " ! " INTERP " engine=interp", 1 },
  { BENCH_MEASURED, "vyresrc ! vyreinterp, interpreted",
      SOURCE ("vyresrc") " ! " INTERP " engine=interp", 1 },
  { BENCH_MEASURED, "  the same, 16 in flight",
      SOURCE ("vyresrc") " ! " INTERP " engine=interp async-depth=16", 1 },
  { BENCH_MEASURED, "vyresrc ! vyreinterp, compiled",
      SOURCE ("vyresrc") " ! " INTERP " engine=jit", 1 },
  { BENCH_MEASURED, "  the same, 16 in flight",
      SOURCE ("vyresrc") " ! " INTERP " engine=jit async-depth=16", 1 },
};

/* What one read has brought leaves together. */
#define LISTS SOURCE ("vyresrc") " buffer-lists=true"

static const Line inverting_lists[] = {
  { BENCH_REFERENCE, "filesrc ! identity ! fakesink",
      SOURCE ("filesrc") " ! identity", 0 },
  { BENCH_BASELINE, "vyresrc ! submit", SOURCE ("vyresrc") " ! " SUBMIT, 1 },
  { BENCH_MEASURED, "vyresrc ! fakesink", LISTS, 0 },
  { BENCH_MEASURED, "vyresrc ! vyreinterp, interpreted",
      LISTS " ! " INTERP " engine=interp", 1 },
  { BENCH_MEASURED, "vyresrc ! vyreinterp, compiled",
      LISTS " ! " INTERP " engine=jit", 1 },
  { BENCH_MEASURED, "  the same, 64 in flight",
      LISTS " ! " INTERP " engine=jit async-depth=64", 1 },
};

/* Each element has a kernel of its own where it is compiled. */
static const Line inverting_twice[] = {
  { BENCH_REFERENCE, "vyresrc ! vyreinterp once, compiled",
      SOURCE ("vyresrc") " ! " INTERP " engine=jit", 1 },
  { BENCH_BASELINE, "vyresrc ! submit ! submit",
      SOURCE ("vyresrc") " ! " SUBMIT " ! " SUBMIT, 2 },
  { BENCH_MEASURED, "vyresrc ! vyreinterp ! vyreinterp, interpreted",
      SOURCE ("vyresrc") " ! " INTERP " engine=interp ! " INTERP_TOO
                         " engine=interp",
      2 },
  { BENCH_MEASURED, "the same, compiled",
      SOURCE ("vyresrc") " ! " INTERP " engine=jit ! " INTERP_TOO " engine=jit",
      2 },
  { BENCH_MEASURED, "the same, one compiled and one interpreted",
      SOURCE ("vyresrc") " ! " INTERP " engine=jit ! " INTERP_TOO
                         " engine=interp",
      2 },
};

/* --- the file -- */

/* In memory where there is room, so that no disk is measured. */
static char *
choose_folder (gsize size)
{
  struct statvfs room;

  if (statvfs ("/dev/shm", &room) == 0 &&
      (guint64) room.f_bavail * room.f_frsize > 2 * (guint64) size)
    return g_strdup ("/dev/shm");
  return g_strdup (g_get_tmp_dir ());
}

static gboolean
write_all (int fd, const guint8 *data, gsize size)
{
  while (size > 0) {
    gssize n = write (fd, data, size);
    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      return FALSE;
    data += n;
    size -= n;
  }
  return TRUE;
}

static char *
make_file (const char *folder, gsize size, GError **error)
{
  g_autofree char *path = g_build_filename (folder, "vyre-bench-XXXXXX", NULL);
  g_autofree guint8 *chunk = g_malloc (CHUNK);
  int fd = g_mkstemp_full (path, O_RDWR | O_CLOEXEC, 0600);
  int code = errno;
  gboolean ok = fd >= 0;

  bench_fill (chunk, CHUNK);
  for (gsize at = 0; at < size && ok; at += CHUNK) {
    ok = write_all (fd, chunk, MIN (CHUNK, size - at));
    code = errno;
  }
  if (fd >= 0)
    close (fd);
  if (!ok)
    goto failed;
  return g_steal_pointer (&path);

failed:
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
      "%s: could not write %" G_GSIZE_FORMAT " bytes: %s", path, size,
      g_strerror (code));
  if (fd >= 0)
    g_unlink (path);
  return NULL;
}

/* --- lines -- */

static char *
fill_in (const Bench *bench, const char *launch, const char *file, gsize block,
    guint buffers)
{
  g_autoptr (GString) line = g_string_new (launch);
  g_autofree char *uuid = vyre_hex_dup (bench->uuid, sizeof bench->uuid);
  g_autofree char *block_text = g_strdup_printf ("%" G_GSIZE_FORMAT, block);
  g_autofree char *buffers_text = g_strdup_printf ("%u", buffers);
  g_autofree char *device = g_strdup_printf ("%d", bench->device_index);

  g_string_replace (line, "%F", file, 0);
  g_string_replace (line, "%B", block_text, 0);
  g_string_replace (line, "%N", buffers_text, 0);
  g_string_replace (line, "%U", uuid, 0);
  g_string_replace (line, "%D", device, 0);
  return g_string_free (g_steal_pointer (&line), FALSE);
}

/* The file repeats every CHUNK: blocks of up to that start as it does. */
static gboolean
verify (const BenchPipeline *pipeline, const Line *line, gsize block,
    GError **error)
{
  g_autoptr (GBytes) first = bench_pipeline_first (pipeline, error);
  g_autofree guint8 *wanted = g_malloc (CHUNK);
  gsize size;

  if (first == NULL)
    return FALSE;
  const guint8 *data = g_bytes_get_data (first, &size);
  if (size != block)
    goto wrong_size;
  bench_fill (wanted, CHUNK);
  return bench_verify (
      line->inverts == 1 ? &bench_programs[0] : &bench_program_copy, 0, wanted,
      data, MIN (block, CHUNK), line->name, error);

wrong_size:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_WRONG,
      "%s: a buffer has %" G_GSIZE_FORMAT " bytes instead of %" G_GSIZE_FORMAT,
      line->name, size, block);
  return FALSE;
}

static void
run_lines (Bench *bench, BenchTable *table, const Line *lines, guint n,
    const char *file, gsize block, guint buffers)
{
  g_autofree char *program = bench_program_text (&bench_programs[0], 0);
  g_autofree BenchPipeline *pipelines = g_new0 (BenchPipeline, n);
  g_autoptr (GPtrArray) launches = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < n; i++) {
    BenchRow *row = bench_table_row (table, lines[i].kind, "%s", lines[i].name);
    char *launch = fill_in (bench, lines[i].launch, file, block, buffers);
    g_autoptr (GError) refused = NULL;
    g_ptr_array_add (launches, launch);
    pipelines[i].launch = launch;
    pipelines[i].n_buffers = buffers;
    if (strstr (launch, "name=vyre ") != NULL) {
      pipelines[i].element = "vyre";
      pipelines[i].property = "program";
      pipelines[i].text = program;
    }
    if (!verify (&pipelines[i], &lines[i], block, &refused))
      bench_pipeline_skip (bench, "stream", row, refused);
  }
  for (guint run = 0; run < bench->runs; run++) {
    for (guint i = 0; i < n; i++) {
      BenchRow *row = table->rows->pdata[i];
      g_autoptr (GError) refused = NULL;
      double per_second;
      if (row->skipped != NULL)
        continue;
      if (lines[i].kind != BENCH_MEASURED)
        bench_settle ();
      if (bench_pipeline_run (&pipelines[i], &per_second, &refused)) {
        bench_row_add (row, 0, per_second);
        bench_row_add (row, 1, per_second * block / 1e9);
      } else {
        bench_pipeline_skip (bench, "stream", row, refused);
      }
    }
  }
}

static void
measure (Bench *bench, const char *what, const Line *lines, guint n,
    const char *file, gsize block, guint buffers)
{
  BenchTable *table = bench_table_new ("stream", metrics,
      G_N_ELEMENTS (metrics), "%s, %u buffers of %" G_GSIZE_FORMAT " KiB", what,
      buffers, block / 1024);

  run_lines (bench, table, lines, n, file, block, buffers);
  bench_table_finish (bench, table);
}

static guint
count_for (const Bench *bench, const Size *size)
{
  if (bench->on_cpu)
    return bench->quick ? size->cpu_quick : size->cpu;
  return bench->quick ? size->gpu_quick : size->gpu;
}

static void
measure_sizes (Bench *bench, const char *file)
{
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    gsize block = sizes[i].block;
    guint buffers = count_for (bench, &sizes[i]);
    /* Reading is quick on any machine. */
    guint read = bench->quick ? sizes[i].gpu_quick : sizes[i].gpu;
    measure (
        bench, "reading", reading, G_N_ELEMENTS (reading), file, block, read);
    if (buffers == 0)
      continue;
    measure (bench, "inverting", inverting, G_N_ELEMENTS (inverting), file,
        block, buffers);
    /* Larger ones share no read, and a few are one list. */
    if (block <= SHARED_READ / 2 && buffers >= 4 * SHARED_READ / block)
      measure (bench, "inverting in buffer lists", inverting_lists,
          G_N_ELEMENTS (inverting_lists), file, block, buffers);
    measure (bench, "inverting twice", inverting_twice,
        G_N_ELEMENTS (inverting_twice), file, block, buffers);
  }
}

gboolean
bench_stream (Bench *bench, GError **error)
{
  g_autoptr (BenchWork) work = NULL;
  g_autofree char *folder = NULL, *file = NULL;
  gsize size = 0;

  if (!bench_gst_init (bench, error))
    return FALSE;
  /* One runtime for all pipelines: no kernel is compiled in a measurement. */
  work = bench_work_open (bench, VYRE_RESIDENCY_AUTO, error);
  if (work == NULL)
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
    size = MAX (size,
        sizes[i].block * (bench->quick ? sizes[i].gpu_quick : sizes[i].gpu));
  folder = choose_folder (size);
  file = make_file (folder, size, error);
  if (file == NULL)
    return FALSE;
  bench_fact (bench, "stream-file", "%" G_GSIZE_FORMAT " MiB in %s", size >> 20,
      folder);
  measure_sizes (bench, file);
  g_unlink (file);
  return TRUE;
}
