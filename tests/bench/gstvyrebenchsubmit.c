/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * vyrebenchsubmit: what one would write today instead of vyreinterp. For each
 * buffer: copy it into a mapped Vulkan buffer (or import its memory), one
 * vkQueueSubmit, one wait for the fence. Inverts every bit. A baseline of
 * vyre-bench; it is not installed.
 *
 * It is written as well as its shape allows: pipelines and command buffers are
 * made beforehand, and results are not copied but leave in the memory that the
 * kernel wrote them to, which comes back when the buffer is freed.
 */

#include "baseline.h"

#include <gio/gio.h>
#include <gst/base/gstbasetransform.h>
#include <string.h>

#define UNIT (MAP_GROUP * 16) /* bytes of a workgroup at four words a lane */
#define SPIN_MAX_BYTES 65536 /* beyond, sleeping costs less than it takes */

GST_DEBUG_CATEGORY_STATIC (gst_vyre_bench_submit_debug);
#define GST_CAT_DEFAULT gst_vyre_bench_submit_debug

#define GST_TYPE_VYRE_BENCH_SUBMIT (gst_vyre_bench_submit_get_type ())
G_DECLARE_FINAL_TYPE (GstVyreBenchSubmit, gst_vyre_bench_submit, GST,
    VYRE_BENCH_SUBMIT, GstBaseTransform)

enum
{
  PROP_0,
  PROP_DEVICE_UUID,
  PROP_IMPORT,
};

/* All that Vulkan has for one element between start() and the last of its
 * buffers: atomic reference counts by g_atomic_rc_box. */
typedef struct
{
  Baseline *baseline;
  BaselinePipeline *pipeline;
  BaselineBuffer *in; /* what input is copied to; streaming thread */
  guint in_serial; /* counts these */
  GMutex lock;
  GQueue idle; /* of Output, under lock */
} Device;

typedef struct
{
  Device *device; /* a reference while it is out, else borrowed */
  BaselineBuffer *buffer;
  BaselineJob *job; /* from device->in; made when first needed */
  guint in_serial; /* that it was recorded for */
  gsize bytes; /* likewise */
} Output;

struct _GstVyreBenchSubmit
{
  GstBaseTransform parent;

  char *device_uuid; /* 32 hexadecimal digits, or NULL */
  gboolean import;
  Device *device; /* between start() and stop() */
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE (
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
static GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE (
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

G_DEFINE_TYPE (
    GstVyreBenchSubmit, gst_vyre_bench_submit, GST_TYPE_BASE_TRANSFORM)

/* --- Vulkan --------------------------------------------------------------- */

static void
output_free (Output *output)
{
  g_clear_pointer (&output->job, baseline_job_free);
  g_clear_pointer (&output->buffer, baseline_buffer_free);
  g_free (output);
}

static void
device_clear (gpointer data)
{
  Device *device = data;

  g_queue_clear_full (&device->idle, (GDestroyNotify) output_free);
  g_mutex_clear (&device->lock);
  g_clear_pointer (&device->in, baseline_buffer_free);
  g_clear_pointer (&device->pipeline, baseline_pipeline_free);
  g_clear_pointer (&device->baseline, baseline_close);
}

static void
device_unref (Device *device)
{
  g_atomic_rc_box_release_full (device, device_clear);
}

static gboolean
parse_uuid (const char *text, guint8 uuid[16])
{
  for (guint i = 0; i < 16; i++) {
    gint high = g_ascii_xdigit_value (text[2 * i]);
    gint low = high < 0 ? -1 : g_ascii_xdigit_value (text[2 * i + 1]);
    if (low < 0)
      return FALSE;
    uuid[i] = high << 4 | low;
  }
  return text[32] == '\0';
}

static Device *
device_new (const char *uuid_text, GError **error)
{
  const BaselineMap invert = { MAP_INVERT, 0, 0, 0 };
  Device *device = g_atomic_rc_box_new0 (Device);
  guint8 uuid[16];

  g_mutex_init (&device->lock);
  g_queue_init (&device->idle);
  if (uuid_text != NULL && !parse_uuid (uuid_text, uuid))
    goto no_uuid;
  device->baseline = baseline_open (uuid_text != NULL ? uuid : NULL, error);
  if (device->baseline == NULL)
    goto failed;
  device->pipeline =
      baseline_pipeline_new (device->baseline, 4, &invert, error);
  if (device->pipeline == NULL)
    goto failed;
  return device;

no_uuid:
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
      "device-uuid “%s” is not 32 hexadecimal digits", uuid_text);
failed:
  device_unref (device);
  return NULL;
}

/* An idle one that is large enough, or a new one. */
static Output *
take_output (Device *device, gsize size, GError **error)
{
  Output *output;

  g_mutex_lock (&device->lock);
  output = g_queue_pop_head (&device->idle);
  g_mutex_unlock (&device->lock);
  if (output != NULL && output->buffer->size >= size)
    return output;

  g_clear_pointer (&output, output_free);
  output = g_new0 (Output, 1);
  output->device = device;
  output->buffer =
      baseline_buffer_new (device->baseline, size, BASELINE_HOST, error);
  if (output->buffer == NULL) {
    output_free (output);
    return NULL;
  }
  return output;
}

/* The last buffer with it is gone. Any thread. */
static void
give_back (gpointer data)
{
  Output *output = data;
  Device *device = output->device;

  g_mutex_lock (&device->lock);
  g_queue_push_head (&device->idle, output);
  g_mutex_unlock (&device->lock);
  device_unref (device);
}

static gboolean
run_job (BaselineJob *job, gsize size, GError **error)
{
  return baseline_job_submit (job, error) &&
         baseline_job_wait (job, size <= SPIN_MAX_BYTES, error);
}

static gboolean
run_copied (Device *device, Output *output, const guint8 *data, gsize size,
    gsize rounded, GError **error)
{
  if (device->in == NULL || device->in->size < rounded) {
    g_clear_pointer (&device->in, baseline_buffer_free);
    device->in_serial++;
    device->in =
        baseline_buffer_new (device->baseline, rounded, BASELINE_DEVICE, error);
    if (device->in == NULL)
      return FALSE;
  }
  if (output->in_serial != device->in_serial || output->bytes != rounded)
    g_clear_pointer (&output->job, baseline_job_free);
  if (output->job == NULL) {
    output->in_serial = device->in_serial;
    output->bytes = rounded;
    output->job = baseline_job_new (
        device->pipeline, device->in, output->buffer, 0, rounded, 1, 1, error);
    if (output->job == NULL)
      return FALSE;
  }
  memcpy (device->in->map, data, size);
  return run_job (output->job, size, error);
}

static gboolean
run_imported (
    Device *device, Output *output, guint8 *data, gsize rounded, GError **error)
{
  g_autoptr (BaselineBuffer) in =
      baseline_buffer_import (device->baseline, data, rounded, error);
  g_autoptr (BaselineJob) job = NULL;

  if (in == NULL)
    return FALSE;
  job = baseline_job_new (
      device->pipeline, in, output->buffer, 0, rounded, 1, 1, error);
  return job != NULL && run_job (job, rounded, error);
}

/* --- the element -- */

static gboolean
gst_vyre_bench_submit_start (GstBaseTransform *trans)
{
  GstVyreBenchSubmit *self = GST_VYRE_BENCH_SUBMIT (trans);
  g_autoptr (GError) error = NULL;

  self->device = device_new (self->device_uuid, &error);
  if (self->device == NULL)
    goto failed;
  return TRUE;

failed:
  GST_ELEMENT_ERROR (
      self, LIBRARY, INIT, ("No Vulkan device."), ("%s", error->message));
  return FALSE;
}

static gboolean
gst_vyre_bench_submit_stop (GstBaseTransform *trans)
{
  GstVyreBenchSubmit *self = GST_VYRE_BENCH_SUBMIT (trans);

  g_clear_pointer (&self->device, device_unref);
  return TRUE;
}

/* Does the work, too: the buffer that leaves is what the kernel wrote to. */
static GstFlowReturn
gst_vyre_bench_submit_prepare_output_buffer (
    GstBaseTransform *trans, GstBuffer *in, GstBuffer **out)
{
  GstVyreBenchSubmit *self = GST_VYRE_BENCH_SUBMIT (trans);
  Device *device = self->device;
  g_autoptr (GError) error = NULL;
  Output *output = NULL;
  GstMapInfo map;
  gboolean ok;

  if (!gst_buffer_map (in, &map, GST_MAP_READ))
    goto not_mapped;
  gsize rounded = (map.size + UNIT - 1) / UNIT * UNIT;
  output = take_output (device, MAX (rounded, UNIT), &error);
  ok = output != NULL;
  if (ok && map.size > 0)
    ok = self->import
             ? run_imported (device, output, map.data, rounded, &error)
             : run_copied (device, output, map.data, map.size, rounded, &error);
  gsize size = map.size;
  gst_buffer_unmap (in, &map);
  if (!ok)
    goto failed;

  *out = gst_buffer_new ();
  output->device = g_atomic_rc_box_acquire (device);
  gst_buffer_append_memory (
      *out, gst_memory_new_wrapped (0, output->buffer->map,
                output->buffer->size, 0, size, output, give_back));
  gst_buffer_copy_into (*out, in, GST_BUFFER_COPY_METADATA, 0, -1);
  return GST_FLOW_OK;

not_mapped:
  GST_ELEMENT_ERROR (self, RESOURCE, READ, ("Cannot read a buffer."), (NULL));
  return GST_FLOW_ERROR;
failed:
  g_clear_pointer (&output, output_free);
  GST_ELEMENT_ERROR (
      self, RESOURCE, FAILED, ("Vulkan failed."), ("%s", error->message));
  return GST_FLOW_ERROR;
}

static GstFlowReturn
gst_vyre_bench_submit_transform (
    GstBaseTransform *trans, GstBuffer *in, GstBuffer *out)
{
  return GST_FLOW_OK;
}

static void
gst_vyre_bench_submit_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
  GstVyreBenchSubmit *self = GST_VYRE_BENCH_SUBMIT (object);

  switch (id) {
    case PROP_DEVICE_UUID:
      g_free (self->device_uuid);
      self->device_uuid = g_value_dup_string (value);
      break;
    case PROP_IMPORT:
      self->import = g_value_get_boolean (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, spec);
  }
}

static void
gst_vyre_bench_submit_finalize (GObject *object)
{
  g_free (GST_VYRE_BENCH_SUBMIT (object)->device_uuid);
  G_OBJECT_CLASS (gst_vyre_bench_submit_parent_class)->finalize (object);
}

static void
gst_vyre_bench_submit_init (GstVyreBenchSubmit *self)
{
}

static void
gst_vyre_bench_submit_class_init (GstVyreBenchSubmitClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GstElementClass *element_class = GST_ELEMENT_CLASS (klass);
  GstBaseTransformClass *transform_class = GST_BASE_TRANSFORM_CLASS (klass);
  const GParamFlags flags =
      G_PARAM_WRITABLE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

  object_class->set_property = gst_vyre_bench_submit_set_property;
  object_class->finalize = gst_vyre_bench_submit_finalize;
  g_object_class_install_property (object_class, PROP_DEVICE_UUID,
      g_param_spec_string ("device-uuid", "Device UUID",
          "Vulkan device, as 32 hexadecimal digits (NULL: the best)", NULL,
          flags));
  g_object_class_install_property (object_class, PROP_IMPORT,
      g_param_spec_boolean ("import", "Import",
          "Import each input buffer's memory instead of copying it", FALSE,
          flags));

  gst_element_class_add_static_pad_template (element_class, &sink_template);
  gst_element_class_add_static_pad_template (element_class, &src_template);
  gst_element_class_set_static_metadata (element_class,
      "Vulkan submit per buffer", "Filter/Effect",
      "Inverts buffers with a submit and a fence each", "gstvyre");
  transform_class->start = gst_vyre_bench_submit_start;
  transform_class->stop = gst_vyre_bench_submit_stop;
  transform_class->prepare_output_buffer =
      gst_vyre_bench_submit_prepare_output_buffer;
  transform_class->transform = gst_vyre_bench_submit_transform;
}

static gboolean
plugin_init (GstPlugin *plugin)
{
  GST_DEBUG_CATEGORY_INIT (gst_vyre_bench_submit_debug, "vyrebenchsubmit", 0,
      "a submit for each buffer");
  return gst_element_register (
      plugin, "vyrebenchsubmit", GST_RANK_NONE, GST_TYPE_VYRE_BENCH_SUBMIT);
}

GST_PLUGIN_DEFINE (GST_VERSION_MAJOR, GST_VERSION_MINOR, vyrebench,
    "baseline element of vyre-bench", plugin_init, PACKAGE_VERSION, "LGPL",
    PACKAGE, "Unknown package origin")
