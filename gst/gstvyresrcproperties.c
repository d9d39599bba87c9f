/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyresrc-private.h"

#define GST_CAT_DEFAULT gst_vyre_src_debug

#define DEFAULT_ASYNC_DEPTH 8
#define MAX_ASYNC_DEPTH 256
#define DEFAULT_IO_MODE VYRE_IO_AUTO
#define DEFAULT_BUFFER_LISTS FALSE

enum
{
  PROP_0,
  PROP_LOCATION,
  PROP_ASYNC_DEPTH,
  PROP_IO_MODE,
  PROP_BUFFER_LISTS,
  PROP_STATS,
};

#define GST_TYPE_VYRE_IO_MODE (gst_vyre_io_mode_get_type ())
static GType
gst_vyre_io_mode_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { VYRE_IO_AUTO, "Direct where it pays and works, else buffered", "auto" },
    { VYRE_IO_DIRECT, "Bypass the page cache (O_DIRECT), or fail", "direct" },
    { VYRE_IO_BUFFERED, "Through the page cache", "buffered" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type)) {
    GType new_type = g_enum_register_static ("GstVyreIoMode", values);

    gst_type_mark_as_plugin_api (new_type, 0);
    g_once_init_leave (&type, new_type);
  }
  return type;
}

static void
set_location (GstVyreSrc *self, const char *location)
{
  GST_OBJECT_LOCK (self);
  if (GST_STATE (self) > GST_STATE_READY)
    goto wrong_state;
  g_free (self->location);
  self->location = g_strdup (location);
  GST_OBJECT_UNLOCK (self);
  GST_INFO_OBJECT (self, "location: %s", GST_STR_NULL (location));
  return;

wrong_state:
  GST_OBJECT_UNLOCK (self);
  g_warning ("Changing the `location' property on vyresrc when a file is open "
             "is not supported.");
}

static void
set_property (GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstVyreSrc *self = GST_VYRE_SRC (object);

  switch (id) {
    case PROP_LOCATION:
      set_location (self, g_value_get_string (value));
      break;
    case PROP_ASYNC_DEPTH:
      GST_OBJECT_LOCK (self);
      self->async_depth = g_value_get_uint (value);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_IO_MODE:
      GST_OBJECT_LOCK (self);
      self->io_mode = g_value_get_enum (value);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_BUFFER_LISTS:
      g_atomic_int_set (&self->buffer_lists, g_value_get_boolean (value));
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
}

const char *
gst_vyre_src_io_path_name (VyreIoPath path)
{
  switch (path) {
    case VYRE_IO_PATH_NONE:
      return "none";
    case VYRE_IO_PATH_URING_FIXED:
      return "io-uring-fixed";
    case VYRE_IO_PATH_URING:
      return "io-uring";
    case VYRE_IO_PATH_PREAD:
      return "pread";
  }
  g_return_val_if_reached ("none");
}

GstStructure *
gst_vyre_src_make_stats_locked (GstVyreSrc *self)
{
  GstVyreFeedStats stats = {
    {
        0,
    },
  };
  GstStructure *structure;

  if (self->feed != NULL)
    gst_vyre_feed_get_stats (self->feed, &stats);
  else if (self->last_stats != NULL)
    return gst_structure_copy (self->last_stats);

  structure = gst_structure_new ("application/x-vyre-src-stats", "io-path",
      G_TYPE_STRING, gst_vyre_src_io_path_name (stats.reader.path), "direct",
      G_TYPE_BOOLEAN, stats.reader.direct, "reason", G_TYPE_STRING,
      stats.reader.reason != NULL ? stats.reader.reason : "", "arena",
      G_TYPE_STRING, self->arena_kind, "reads", G_TYPE_UINT64,
      stats.reader.reads, "bytes", G_TYPE_UINT64, stats.reader.bytes,
      "short-reads", G_TYPE_UINT64, stats.reader.short_reads, "retries",
      G_TYPE_UINT64, stats.reader.retries, "copied-buffers", G_TYPE_UINT64,
      stats.copied_buffers, "copied-bytes", G_TYPE_UINT64, stats.copied_bytes,
      NULL);
  g_free (stats.reader.reason);
  return structure;
}

static void
get_property (GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstVyreSrc *self = GST_VYRE_SRC (object);

  switch (id) {
    case PROP_LOCATION:
      GST_OBJECT_LOCK (self);
      g_value_set_string (value, self->location);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_ASYNC_DEPTH:
      GST_OBJECT_LOCK (self);
      g_value_set_uint (value, self->async_depth);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_IO_MODE:
      GST_OBJECT_LOCK (self);
      g_value_set_enum (value, self->io_mode);
      GST_OBJECT_UNLOCK (self);
      break;
    case PROP_BUFFER_LISTS:
      g_value_set_boolean (value, g_atomic_int_get (&self->buffer_lists));
      break;
    case PROP_STATS:
      g_mutex_lock (&self->lock);
      g_value_take_boxed (value, gst_vyre_src_make_stats_locked (self));
      g_mutex_unlock (&self->lock);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
}

void
gst_vyre_src_init_properties (GstVyreSrc *self)
{
  self->async_depth = DEFAULT_ASYNC_DEPTH;
  self->io_mode = DEFAULT_IO_MODE;
  self->buffer_lists = DEFAULT_BUFFER_LISTS;
}

void
gst_vyre_src_install_properties (GObjectClass *klass)
{
  klass->set_property = set_property;
  klass->get_property = get_property;

  /**
   * GstVyreSrc:location:
   *
   * Name of the file to read, in the file system's encoding; default %NULL:
   * none. May change in NULL and READY; later changes are refused with a
   * warning.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_LOCATION,
      g_param_spec_string ("location", "File location",
          "Name of the file to read", NULL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_READY));
  /**
   * GstVyreSrc:async-depth:
   *
   * Reads that are in flight at a time, default 8; fewer where they would take
   * more than half of the arena. A read is one block, or as many as 256 KiB hold
   * where blocks are smaller and whole pages of 4 KiB. Takes effect in READY to
   * PAUSED.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_ASYNC_DEPTH,
      g_param_spec_uint ("async-depth", "Async depth",
          "Reads in flight, of one block each", 1, MAX_ASYNC_DEPTH,
          DEFAULT_ASYNC_DEPTH,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_READY));
  /**
   * GstVyreSrc:io-mode:
   *
   * Whether to bypass the page cache. With `direct`, a file system that cannot
   * is an error, and device memory that is offered downstream is not used. Single
   * pulls go through the page cache in any mode. Default `auto`. Takes effect in
   * READY to PAUSED.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_IO_MODE,
      g_param_spec_enum ("io-mode", "I/O mode",
          "Whether to read through the page cache", GST_TYPE_VYRE_IO_MODE,
          DEFAULT_IO_MODE,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_READY));
  /**
   * GstVyreSrc:buffer-lists:
   *
   * Whether small blocks that one read has brought leave together, as a
   * #GstBufferList of up to 64. It costs less than one after the other where
   * elements take lists, as #vyreinterp, #queue and #filesink do; others get one
   * buffer after the other. Pad probes see lists only if they ask for them, so
   * this is off by default. What is played backwards, or with timestamps, leaves
   * buffer by buffer. May change at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_BUFFER_LISTS,
      g_param_spec_boolean ("buffer-lists", "Buffer lists",
          "Whether small blocks leave together, as buffer lists",
          DEFAULT_BUFFER_LISTS,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreSrc:stats:
   *
   * How the file is read, and how much was; the fields are listed above.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "How the file is read, and how much was", GST_TYPE_STRUCTURE,
          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}
