/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vyreinterp beside elements that GStreamer has for such work. */

#include "pipeline.h"
#include "programs.h"
#include "work.h"

#include <glib/gstdio.h>
#include <unistd.h>

#include "invert-frag-spv.h"

static const BenchMetric metrics[] = {
  { "buffers", "/s", TRUE },
};

typedef struct
{
  BenchKind kind;
  const char *name;
  const char *launch; /* %D: the device's index, %S: the fragment shader's
                         file */
  const char *sink; /* %NULL: a fakesink */
  const char *caps; /* if others than the table's */
  const char *element, *property, *text;
  gboolean same; /* its bytes are compared with the first one that is */
  gboolean slow; /* on a CPU: fewer buffers */
} Peer;

#define SLOW_BUFFERS 4

#define SOURCE "appsrc name=in ! "
#define INTERP SOURCE "vyreinterp name=vyre device-index=%D"

#define INVERT_TEXT \
  "program workgroup(64);" \
  "buffer input: readonly u32[] @0; buffer output: readwrite u32[] @1;" \
  "main { let i = invocation_id.x;" \
  "  if i < len(output) { output[i] = ~input[i]; } }"

static const char gl_fragment[] =
    "#version 100\n"
    "#ifdef GL_ES\n"
    "precision mediump float;\n"
    "#endif\n"
    "varying vec2 v_texcoord;\n"
    "uniform sampler2D tex;\n"
    "void main () { gl_FragColor = vec4 (1.0) - texture2D (tex, v_texcoord); "
    "}\n";

static const Peer video[] = {
  { BENCH_BASELINE, "vulkanupload ! vulkanshaderspv ! vulkandownload",
      SOURCE "vulkanupload ! vulkanshaderspv fragment-location=\"%S\" ! "
             "vulkandownload",
      NULL, NULL, NULL, NULL, NULL, TRUE },
  { BENCH_BASELINE, "glupload ! glshader ! gldownload",
      SOURCE "glupload ! glshader name=gl ! gldownload", NULL,
      /* All four channels are inverted alike: this spares it a conversion. */
      "RGBA", "gl", "fragment", gl_fragment, TRUE },
  { BENCH_BASELINE, "videobalance (CPU, contrast instead)",
      SOURCE "videobalance contrast=0.5", NULL, NULL, NULL, NULL, NULL, FALSE },
  { BENCH_MEASURED, "vyreinterp, interpreted", INTERP " engine=interp", NULL,
      NULL, "vyre", "program", INVERT_TEXT, TRUE, TRUE },
  { BENCH_MEASURED, "vyreinterp, compiled", INTERP " engine=jit", NULL, NULL,
      "vyre", "program", INVERT_TEXT, TRUE },
};

#define GAIN_TEXT \
  "program workgroup(64);" \
  "buffer input: readonly f32[] @0; buffer output: readwrite f32[] @1;" \
  "main { let i = invocation_id.x;" \
  "  if i < len(output) { output[i] = input[i] * 0.5; } }"

static const Peer audio[] = {
  { BENCH_BASELINE, "audioamplify",
      SOURCE "audioamplify amplification=0.5 clipping-method=none", NULL, NULL,
      NULL, NULL, NULL, TRUE },
  { BENCH_MEASURED, "vyreinterp, interpreted", INTERP " engine=interp", NULL,
      NULL, "vyre", "program", GAIN_TEXT, TRUE, TRUE },
  { BENCH_MEASURED, "vyreinterp, compiled", INTERP " engine=jit", NULL, NULL,
      "vyre", "program", GAIN_TEXT, TRUE },
};

#define HISTOGRAM_TEXT \
  "program workgroup(64);" \
  "buffer input: readonly u8[] @0; buffer histogram: readwrite u32[256] @1;" \
  "main { let i = invocation_id.x;" \
  "  if i < len(input) {" \
  "    let before = atomic_add(histogram[u32(input[i])], 1); } }"

static const Peer sums[] = {
  { BENCH_BASELINE, "checksumsink hash=md5", "appsrc name=in",
      "checksumsink name=sink hash=md5", NULL, NULL, NULL, NULL, FALSE },
  { BENCH_BASELINE, "checksumsink hash=sha1", "appsrc name=in",
      "checksumsink name=sink hash=sha1", NULL, NULL, NULL, NULL, FALSE },
  { BENCH_MEASURED, "vyreinterp histogram, interpreted",
      INTERP " engine=interp bindings=\"histogram=keep\"", NULL, NULL, "vyre",
      "program", HISTOGRAM_TEXT, FALSE, TRUE },
  { BENCH_MEASURED, "vyreinterp histogram, compiled",
      INTERP " engine=jit bindings=\"histogram=keep\"", NULL, NULL, "vyre",
      "program", HISTOGRAM_TEXT, FALSE },
  { BENCH_MEASURED, "vyreinterp crc32, interpreted",
      INTERP " engine=interp bindings=\"crc=keep\"", NULL, NULL, "vyre",
      "program", "crc32", FALSE, TRUE },
  { BENCH_MEASURED, "vyreinterp crc32, compiled",
      INTERP " engine=jit bindings=\"crc=keep\"", NULL, NULL, "vyre", "program",
      "crc32", FALSE },
};

static void
no_print (const char *text)
{
}

/* checksumsink prints a line for each buffer. */
static gboolean
run_quietly (const BenchPipeline *pipeline, double *per_second, GError **error)
{
  GPrintFunc before =
      g_set_print_handler (pipeline->sink != NULL ? no_print : NULL);
  gboolean ok = bench_pipeline_run (pipeline, per_second, error);

  g_set_print_handler (before);
  return ok;
}

/* An element whose bytes differ does other work, and is not compared. */
static void
compare (Bench *bench, BenchRow *row, const BenchPipeline *pipeline,
    GBytes *expected)
{
  g_autoptr (GError) refused = NULL;
  g_autoptr (GBytes) first = bench_pipeline_first (pipeline, &refused);

  if (first != NULL && !g_bytes_equal (expected, first))
    g_set_error (&refused, BENCH_ERROR, BENCH_ERROR_WRONG,
        "its output is not the expected one");
  if (refused != NULL)
    bench_pipeline_skip (bench, "peers", row, refused);
}

static char *
fill_in (const Bench *bench, const char *launch, const char *shader)
{
  g_autoptr (GString) line = g_string_new (launch);
  g_autofree char *device = g_strdup_printf ("%d", bench->device_index);

  g_string_replace (line, "%D", device, 0);
  g_string_replace (line, "%S", shader, 0);
  return g_string_free (g_steal_pointer (&line), FALSE);
}

static void
measure (Bench *bench, BenchTable *table, const Peer *peers, guint n,
    GBytes *frame, const char *caps, GBytes *expected, const char *shader,
    guint buffers)
{
  g_autofree BenchPipeline *pipelines = g_new0 (BenchPipeline, n);
  g_autoptr (GPtrArray) lines = g_ptr_array_new_with_free_func (g_free);

  for (guint i = 0; i < n; i++) {
    const Peer *peer = &peers[i];
    BenchRow *row = bench_table_row (table, peer->kind, "%s", peer->name);
    g_autoptr (GString) own_caps = g_string_new (caps);
    if (peer->caps != NULL)
      g_string_replace (own_caps, "BGRA", peer->caps, 0);
    g_ptr_array_add (lines, fill_in (bench, peer->launch, shader));
    g_ptr_array_add (lines, g_strdup (own_caps->str));
    pipelines[i] = (BenchPipeline){ lines->pdata[2 * i], peer->sink,
      peer->element, peer->property, peer->text, frame, lines->pdata[2 * i + 1],
      bench->on_cpu && peer->slow ? MIN (buffers, SLOW_BUFFERS) : buffers };
    if (peer->same)
      compare (bench, row, &pipelines[i], expected);
  }
  for (guint run = 0; run < bench->runs; run++) {
    for (guint i = 0; i < n; i++) {
      BenchRow *row = table->rows->pdata[i];
      g_autoptr (GError) refused = NULL;
      double per_second;
      if (row->skipped != NULL)
        continue;
      if (peers[i].kind == BENCH_BASELINE)
        bench_settle ();
      if (run_quietly (&pipelines[i], &per_second, &refused))
        bench_row_add (row, 0, per_second);
      else
        bench_pipeline_skip (bench, "peers", row, refused);
    }
  }
  bench_table_finish (bench, table);
}

static char *
write_shader (GError **error)
{
  g_autofree char *path = NULL;
  int fd = g_file_open_tmp ("vyre-bench-XXXXXX.spv", &path, error);

  if (fd < 0)
    return NULL;
  close (fd);
  if (!g_file_set_contents (path, (const char *) vyre_bench_invert_frag_spv,
          sizeof vyre_bench_invert_frag_spv, error)) {
    g_unlink (path);
    return NULL;
  }
  return g_steal_pointer (&path);
}

static GBytes *
noise (gsize size, gboolean inverted)
{
  guint8 *data = g_malloc (size);

  bench_fill (data, size);
  for (gsize i = 0; i < size && inverted; i++)
    data[i] = ~data[i];
  return g_bytes_new_take (data, size);
}

/* Samples between -1 and 1. */
static GBytes *
tone (gsize size, float gain)
{
  gint32 *words = g_malloc (size);
  float *samples = (float *) words;

  bench_fill (words, size);
  for (gsize i = 0; i < size / 4; i++)
    samples[i] = words[i] / 2147483648.0f * gain;
  return g_bytes_new_take (words, size);
}

gboolean
bench_peers (Bench *bench, GError **error)
{
  g_autoptr (BenchWork) work = NULL;
  g_autofree char *shader = NULL, *caps = NULL;
  gboolean small = bench->on_cpu && bench->quick;
  guint width = small ? 128 : 1920;
  guint height = small ? 72 : 1080;
  guint frames = bench->on_cpu || bench->quick ? 40 : 120;

  if (!bench_gst_init (bench, error))
    return FALSE;
  work = bench_work_open (bench, VYRE_RESIDENCY_AUTO, error);
  if (work == NULL)
    return FALSE;
  shader = write_shader (error);
  if (shader == NULL)
    return FALSE;

  gsize sound_bytes = small ? 8 << 10 : bench->on_cpu ? 64 << 10 : 1 << 20;
  gsize image_bytes = (gsize) width * height * 4;
  g_autoptr (GBytes) image = noise (image_bytes, FALSE);
  g_autoptr (GBytes) negative = noise (image_bytes, TRUE);
  g_autoptr (GBytes) sound = tone (sound_bytes, 1);
  g_autoptr (GBytes) soft = tone (sound_bytes, 0.5);
  caps = g_strdup_printf ("video/x-raw,format=BGRA,width=%u,height=%u,"
                          "framerate=60/1",
      width, height);
  measure (bench,
      bench_table_new ("peers", metrics, G_N_ELEMENTS (metrics),
          "inverting frames, BGRA, %u x %u", width, height),
      video, G_N_ELEMENTS (video), image, caps, negative, shader, frames);
  measure (bench,
      bench_table_new ("peers", metrics, G_N_ELEMENTS (metrics),
          "amplifying sound, buffers of %" G_GSIZE_FORMAT " KiB, 32-bit float",
          sound_bytes / 1024),
      audio, G_N_ELEMENTS (audio), sound,
      "audio/x-raw,format=F32LE,rate=48000,channels=2,layout=interleaved", soft,
      shader, 4 * frames);
  measure (bench,
      bench_table_new ("peers", metrics, G_N_ELEMENTS (metrics),
          "summing up bytes, buffers of %" G_GSIZE_FORMAT " KiB",
          sound_bytes / 1024),
      sums, G_N_ELEMENTS (sums) - (small ? 2 : 0) /* crc32 */, sound,
      "application/octet-stream", NULL, shader, frames);
  g_unlink (shader);
  return TRUE;
}
