/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running and timing pipelines in this process. */

#include "pipeline.h"

#include <gst/app/gstappsink.h>
#include <gst/app/gstappsrc.h>

#define TIMEOUT (120 * GST_SECOND)
#define POOL_BUFFERS 24
#define ANY_BUFFER (GST_PAD_PROBE_TYPE_BUFFER | GST_PAD_PROBE_TYPE_BUFFER_LIST)

typedef struct
{
  GstElement *element;
  const BenchPipeline *pipeline;
  GstBufferPool *pool; /* of frames */
  guint pushed; /* streaming thread of appsrc */
  guint warm_up; /* buffers before the clock starts, at least */
  /* under lock */
  GMutex lock;
  guint arrived; /* until it did */
  guint64 started, ended;
} Run;

/* --- plugins -- */

static gboolean
load_plugin (const char *folder, const char *name, GError **error)
{
  g_autofree char *file = g_strdup_printf ("lib%s.so", name);
  g_autofree char *path = g_build_filename (folder, file, NULL);

  if (!g_file_test (path, G_FILE_TEST_EXISTS))
    return TRUE; /* in another folder, or where GStreamer looks */
  GstPlugin *plugin = gst_plugin_load_file (path, error);
  if (plugin == NULL)
    return FALSE;
  gst_object_unref (plugin);
  return TRUE;
}

static gboolean
load_plugins (const char *folder, GError **error)
{
  return load_plugin (folder, "gstvyre", error) &&
         load_plugin (folder, "gstvyrebench", error);
}

gboolean
bench_gst_init (Bench *bench, GError **error)
{
  static gboolean done;
  g_autofree char *own = NULL, *folder = NULL, *gst = NULL;

  if (done)
    return TRUE;
  /* Elements that draw with OpenGL need no display for this. */
  if (g_getenv ("DISPLAY") == NULL && g_getenv ("WAYLAND_DISPLAY") == NULL) {
    g_setenv ("GST_GL_PLATFORM", "egl", FALSE);
    g_setenv ("GST_GL_WINDOW", "egl-device", FALSE);
  }
  if (!gst_init_check (NULL, NULL, error))
    return FALSE;
  own = g_file_read_link ("/proc/self/exe", error);
  if (own == NULL)
    return FALSE;
  folder = g_path_get_dirname (own);
  gst = g_build_filename (folder, "..", "..", "gst", NULL);
  for (char **dir = bench->plugin_folders; dir != NULL && *dir != NULL; dir++) {
    if (!load_plugins (*dir, error))
      return FALSE;
  }
  if (bench->plugin_folders == NULL &&
      (!load_plugins (folder, error) || !load_plugins (gst, error)))
    return FALSE;
  g_autofree char *version = gst_version_string ();
  bench_fact (bench, "gstreamer", "%s", version);
  done = TRUE;
  return TRUE;
}

/* --- a run -- */

static void
on_need_data (GstAppSrc *source, guint length, gpointer data)
{
  Run *run = data;
  const BenchPipeline *pipeline = run->pipeline;
  GstBuffer *buffer;

  if (run->pushed == pipeline->n_buffers) {
    gst_app_src_end_of_stream (source);
    return;
  }
  if (gst_buffer_pool_acquire_buffer (run->pool, &buffer, NULL) != GST_FLOW_OK)
    return; /* the pipeline is going down */
  GST_BUFFER_PTS (buffer) =
      gst_util_uint64_scale (run->pushed++, GST_SECOND, 60);
  GST_BUFFER_DURATION (buffer) = GST_SECOND / 60;
  gst_app_src_push_buffer (source, buffer);
}

static GstPadProbeReturn
on_sink_buffer (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Run *run = data;
  GstPadProbeReturn result = GST_PAD_PROBE_OK;
  guint n = 1;

  if (GST_PAD_PROBE_INFO_TYPE (info) & GST_PAD_PROBE_TYPE_BUFFER_LIST)
    n = gst_buffer_list_length (GST_PAD_PROBE_INFO_BUFFER_LIST (info));
  g_mutex_lock (&run->lock);
  run->arrived += n;
  if (run->arrived >= run->warm_up) {
    run->started = bench_now ();
    result = GST_PAD_PROBE_REMOVE; /* looking costs time, too */
  }
  g_mutex_unlock (&run->lock);
  return result;
}

static GstPadProbeReturn
on_sink_event (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  Run *run = data;

  if (GST_EVENT_TYPE (GST_PAD_PROBE_INFO_EVENT (info)) == GST_EVENT_EOS) {
    g_mutex_lock (&run->lock);
    run->ended = bench_now ();
    g_mutex_unlock (&run->lock);
  }
  return GST_PAD_PROBE_OK;
}

/* Filled beforehand: making frames is not what is measured. */
static gboolean
make_pool (Run *run, GstCaps *caps)
{
  gsize size = g_bytes_get_size (run->pipeline->frame);
  GstBuffer *buffers[POOL_BUFFERS] = { NULL };
  GstStructure *config;
  gboolean ok;

  run->pool = gst_buffer_pool_new ();
  config = gst_buffer_pool_get_config (run->pool);
  gst_buffer_pool_config_set_params (
      config, caps, size, POOL_BUFFERS, POOL_BUFFERS);
  ok = gst_buffer_pool_set_config (run->pool, config) &&
       gst_buffer_pool_set_active (run->pool, TRUE);
  for (guint i = 0; i < POOL_BUFFERS && ok; i++) {
    ok = gst_buffer_pool_acquire_buffer (run->pool, &buffers[i], NULL) ==
         GST_FLOW_OK;
    if (ok)
      gst_buffer_fill (
          buffers[i], 0, g_bytes_get_data (run->pipeline->frame, NULL), size);
  }
  for (guint i = 0; i < POOL_BUFFERS; i++)
    gst_clear_buffer (&buffers[i]);
  return ok;
}

/* --- compiled programs -- */

/* The numbers of the enums are fixed: GstVyreEngine, GstVyreTier. */
enum
{
  ENGINE_JIT = 2,
  TIER_COMPILING = 1,
  TIER_COMPILED = 2,
};

static gint
get_enum (GstElement *element, const char *property)
{
  gint value;

  g_object_get (element, property, &value, NULL);
  return value;
}

/* The first buffer waits until the program is compiled: what is measured is
 * the compiled program, and not the compiler. */
static GstPadProbeReturn
on_first_input (GstPad *pad, GstPadProbeInfo *info, gpointer data)
{
  gint64 deadline = g_get_monotonic_time () + TIMEOUT / GST_USECOND / 2;

  while (get_enum (data, "tier") == TIER_COMPILING &&
         g_get_monotonic_time () < deadline)
    g_usleep (1000);
  return GST_PAD_PROBE_REMOVE;
}

/* Has it the name that is asked for, or that and "-" and more? */
static gboolean
is_asked_for (const Run *run, const char *name)
{
  const char *wanted = run->pipeline->element;

  return wanted != NULL && g_str_has_prefix (name, wanted) &&
         (name[strlen (wanted)] == '\0' || name[strlen (wanted)] == '-');
}

/* References. */
static GPtrArray *
find_elements (const Run *run)
{
  GPtrArray *found = g_ptr_array_new_with_free_func (gst_object_unref);

  for (GList *l = GST_BIN_CHILDREN (run->element); l != NULL; l = l->next) {
    if (is_asked_for (run, GST_OBJECT_NAME (l->data)))
      g_ptr_array_add (found, gst_object_ref (l->data));
  }
  return found;
}

/* The elements whose programs are to run compiled. */
static GPtrArray *
find_compiling (const Run *run)
{
  GPtrArray *found = find_elements (run);

  for (guint i = found->len; i-- > 0;) {
    GstElement *element = found->pdata[i];

    if (g_object_class_find_property (G_OBJECT_GET_CLASS (element), "tier") ==
            NULL ||
        get_enum (element, "engine") != ENGINE_JIT) {
      g_ptr_array_remove_index (found, i);
      continue;
    }
    g_autoptr (GstPad) pad = gst_element_get_static_pad (element, "sink");
    gst_pad_add_probe (pad, ANY_BUFFER, on_first_input, element, NULL);
  }
  return found;
}

static gboolean
check_compiled (const GPtrArray *elements, GError **error)
{
  g_autoptr (GstStructure) stats = NULL;
  const char *reason;
  guint i = 0;

  while (i < elements->len &&
         get_enum (elements->pdata[i], "tier") == TIER_COMPILED)
    i++;
  if (i == elements->len)
    return TRUE;
  g_object_get (elements->pdata[i], "stats", &stats, NULL);
  reason = gst_structure_get_string (stats, "tier-reason");
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE, "not compiled: %s",
      reason != NULL && *reason ? reason : "not in time");
  return FALSE;
}

static gboolean
attach_source (Run *run)
{
  g_autoptr (GstElement) source =
      gst_bin_get_by_name (GST_BIN (run->element), "in");
  g_autoptr (GstCaps) caps = gst_caps_from_string (run->pipeline->caps);
  GstAppSrcCallbacks callbacks = { .need_data = on_need_data };

  g_object_set (source, "caps", caps, "format", GST_FORMAT_TIME, NULL);
  gst_app_src_set_callbacks (GST_APP_SRC (source), &callbacks, run, NULL);
  return make_pool (run, caps);
}

static gboolean
make (Run *run, const char *sink, GError **error)
{
  const BenchPipeline *pipeline = run->pipeline;
  g_autofree char *line = g_strdup_printf ("%s ! %s", pipeline->launch, sink);
  g_autoptr (GPtrArray) elements = NULL;
  g_autoptr (GError) refused = NULL;

  /* Without the FATAL flag a line whose element is missing would run. */
  run->element =
      gst_parse_launch_full (line, NULL, GST_PARSE_FLAG_FATAL_ERRORS, &refused);
  if (run->element == NULL || refused != NULL)
    goto refused;
  if (!GST_IS_PIPELINE (run->element))
    goto refused;
  elements = find_elements (run);
  for (guint i = 0; i < elements->len; i++)
    g_object_set (elements->pdata[i], pipeline->property, pipeline->text, NULL);
  if (pipeline->frame != NULL && !attach_source (run))
    goto no_pool;
  return TRUE;

no_pool:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_FAILED,
      "no memory for %d frames of %" G_GSIZE_FORMAT " bytes", POOL_BUFFERS,
      g_bytes_get_size (pipeline->frame));
  return FALSE;

refused:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE, "%s",
      refused != NULL ? refused->message : "no pipeline");
  return FALSE;
}

static void
run_clear (Run *run)
{
  if (run->pool != NULL)
    gst_buffer_pool_set_active (run->pool, FALSE);
  if (run->element != NULL) {
    gst_element_set_state (run->element, GST_STATE_NULL);
    gst_object_unref (run->element);
  }
  gst_clear_object (&run->pool);
  g_mutex_clear (&run->lock);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Run, run_clear)

static void
take_error (GstMessage *message, GError **error)
{
  g_autoptr (GError) posted = NULL;
  g_autofree char *debug = NULL;

  gst_message_parse_error (message, &posted, &debug);
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_FAILED, "%s: %s (%s)",
      GST_MESSAGE_SRC_NAME (message), posted->message,
      debug != NULL ? debug : "");
}

static gboolean
play_to_end (Run *run, GError **error)
{
  g_autoptr (GstBus) bus = gst_element_get_bus (run->element);
  g_autoptr (GstMessage) message = NULL;

  gst_element_set_state (run->element, GST_STATE_PLAYING);
  message = gst_bus_timed_pop_filtered (
      bus, TIMEOUT, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
  if (message == NULL)
    goto timeout;
  if (GST_MESSAGE_TYPE (message) == GST_MESSAGE_ERROR)
    goto failed;
  return TRUE;

timeout:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_TIMEOUT,
      "“%s” did not end within %d seconds", run->pipeline->launch,
      (int) (TIMEOUT / GST_SECOND));
  return FALSE;
failed:
  take_error (message, error);
  return FALSE;
}

static guint64
count_rendered (GstElement *sink)
{
  g_autoptr (GstStructure) stats = NULL;
  guint64 rendered = 0;

  g_object_get (sink, "stats", &stats, NULL);
  gst_structure_get_uint64 (stats, "rendered", &rendered);
  return rendered;
}

gboolean
bench_pipeline_run (
    const BenchPipeline *pipeline, double *per_second, GError **error)
{
  g_auto (Run) run = { .pipeline = pipeline };

  g_mutex_init (&run.lock);
  run.warm_up = MAX (pipeline->n_buffers / 8, 1);
  const char *sink_line =
      pipeline->sink != NULL ? pipeline->sink : "fakesink name=sink";
  if (!make (&run, sink_line, error))
    return FALSE;
  g_autoptr (GstElement) sink =
      gst_bin_get_by_name (GST_BIN (run.element), "sink");
  g_autoptr (GstPad) pad = gst_element_get_static_pad (sink, "sink");
  g_autoptr (GPtrArray) compiling = find_compiling (&run);
  gst_pad_add_probe (pad, ANY_BUFFER, on_sink_buffer, &run, NULL);
  gst_pad_add_probe (
      pad, GST_PAD_PROBE_TYPE_EVENT_DOWNSTREAM, on_sink_event, &run, NULL);
  if (!play_to_end (&run, error))
    return FALSE;
  if (!check_compiled (compiling, error))
    return FALSE;
  guint64 rendered = count_rendered (sink);
  gst_element_set_state (run.element, GST_STATE_NULL);
  if (rendered != pipeline->n_buffers || run.ended <= run.started)
    goto wrong_count;
  *per_second =
      (pipeline->n_buffers - run.arrived) / ((run.ended - run.started) / 1e9);
  return TRUE;

wrong_count:
  g_set_error (error, BENCH_ERROR, BENCH_ERROR_WRONG,
      "“%s”: %" G_GUINT64_FORMAT " buffers came, %u were expected",
      pipeline->launch, rendered, pipeline->n_buffers);
  return FALSE;
}

GBytes *
bench_pipeline_first (const BenchPipeline *pipeline, GError **error)
{
  g_auto (Run) run = { .pipeline = pipeline };
  g_autoptr (GstSample) sample = NULL;
  GstBuffer *buffer;
  gpointer data;
  gsize size;

  g_mutex_init (&run.lock);
  if (!make (&run, "appsink name=sink sync=false max-buffers=1", error))
    return NULL;
  g_autoptr (GstElement) sink =
      gst_bin_get_by_name (GST_BIN (run.element), "sink");
  g_autoptr (GstBus) bus = gst_element_get_bus (run.element);
  g_autoptr (GstMessage) message = NULL;
  gst_element_set_state (run.element, GST_STATE_PLAYING);
  sample = gst_app_sink_try_pull_sample (GST_APP_SINK (sink), TIMEOUT);
  if (sample == NULL)
    goto failed;
  buffer = gst_sample_get_buffer (sample);
  gst_buffer_extract_dup (buffer, 0, -1, &data, &size);
  return g_bytes_new_take (data, size);

failed:
  message = gst_bus_pop_filtered (bus, GST_MESSAGE_ERROR);
  if (message != NULL)
    take_error (message, error);
  else
    g_set_error (error, BENCH_ERROR, BENCH_ERROR_FAILED, "“%s”: no buffer came",
        pipeline->launch);
  return NULL;
}

void
bench_pipeline_skip (
    Bench *bench, const char *part, BenchRow *row, const GError *why)
{
  bench_row_skip (row, why->message);
  if (row->kind == BENCH_MEASURED &&
      !g_error_matches (why, BENCH_ERROR, BENCH_ERROR_UNAVAILABLE))
    bench_failure (bench, part, why->message);
}
