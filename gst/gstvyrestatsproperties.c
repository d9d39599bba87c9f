/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The properties of vyrestats. */

#include "gstvyrestats-private.h"

#define DEFAULT_POST_MESSAGES TRUE
#define DEFAULT_INTERVAL GST_SECOND
#define MIN_INTERVAL GST_MSECOND
#define DEFAULT_SILENT TRUE
#define DEFAULT_DETAIL GST_VYRE_STATS_DETAIL_SUMMARY
#define DEFAULT_WATCHDOG 0

enum
{
  PROP_0,
  PROP_POST_MESSAGES,
  PROP_INTERVAL,
  PROP_SILENT,
  PROP_DETAIL,
  PROP_WATCHDOG,
  PROP_STATS,
};

#define GST_TYPE_VYRE_STATS_DETAIL (gst_vyre_stats_detail_get_type ())
static GType
gst_vyre_stats_detail_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_VYRE_STATS_DETAIL_SUMMARY, "Numbers of the whole ring", "summary" },
    { GST_VYRE_STATS_DETAIL_WINDOWS, "And of each window", "windows" },
    { GST_VYRE_STATS_DETAIL_SLOTS, "And each slot", "slots" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type)) {
    GType new_type = g_enum_register_static ("GstVyreStatsDetail", values);

    gst_type_mark_as_plugin_api (new_type, 0);
    g_once_init_leave (&type, new_type);
  }
  return type;
}

static void
gst_vyre_stats_set_property (
    GObject *object, guint id, const GValue *value, GParamSpec *pspec)
{
  GstVyreStats *self = GST_VYRE_STATS (object);

  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_POST_MESSAGES:
      self->post_messages = g_value_get_boolean (value);
      break;
    case PROP_INTERVAL:
      self->interval = g_value_get_uint64 (value);
      break;
    case PROP_SILENT:
      self->silent = g_value_get_boolean (value);
      break;
    case PROP_DETAIL:
      self->detail = g_value_get_enum (value);
      break;
    case PROP_WATCHDOG:
      self->watchdog = g_value_get_uint64 (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
  gst_vyre_stats_wake_thread (self);
}

static void
gst_vyre_stats_get_property (
    GObject *object, guint id, GValue *value, GParamSpec *pspec)
{
  GstVyreStats *self = GST_VYRE_STATS (object);

  if (id == PROP_STATS) {
    g_value_take_boxed (
        value, gst_vyre_stats_make_structure (self, "application/x-vyre-stats",
                   GST_CLOCK_TIME_NONE, FALSE, NULL));
    return;
  }
  GST_OBJECT_LOCK (self);
  switch (id) {
    case PROP_POST_MESSAGES:
      g_value_set_boolean (value, self->post_messages);
      break;
    case PROP_INTERVAL:
      g_value_set_uint64 (value, self->interval);
      break;
    case PROP_SILENT:
      g_value_set_boolean (value, self->silent);
      break;
    case PROP_DETAIL:
      g_value_set_enum (value, self->detail);
      break;
    case PROP_WATCHDOG:
      g_value_set_uint64 (value, self->watchdog);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

void
gst_vyre_stats_init_properties (GstVyreStats *self)
{
  self->post_messages = DEFAULT_POST_MESSAGES;
  self->interval = DEFAULT_INTERVAL;
  self->silent = DEFAULT_SILENT;
  self->detail = DEFAULT_DETAIL;
  self->watchdog = DEFAULT_WATCHDOG;
}

void
gst_vyre_stats_install_properties (GObjectClass *object_class)
{
  object_class->set_property = gst_vyre_stats_set_property;
  object_class->get_property = gst_vyre_stats_get_property;

  /**
   * GstVyreStats:post-messages:
   *
   * Whether to post element messages. May change at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_POST_MESSAGES,
      g_param_spec_boolean ("post-messages", "Post messages",
          "Post a message at each interval and at EOS", DEFAULT_POST_MESSAGES,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreStats:interval:
   *
   * Real time between two messages, in nanoseconds, 1 ms or more. May change
   * at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_INTERVAL,
      g_param_spec_uint64 ("interval", "Interval",
          "Time between two messages (in nanoseconds)", MIN_INTERVAL,
          G_MAXUINT64, DEFAULT_INTERVAL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreStats:silent:
   *
   * If %FALSE, each interval and EOS also notify #GstVyreStats:stats, which
   * `gst-launch-1.0 -v` shows. May change at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_SILENT,
      g_param_spec_boolean ("silent", "Silent",
          "Do not notify the stats property at each interval", DEFAULT_SILENT,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreStats:detail:
   *
   * How much messages and #GstVyreStats:stats tell: numbers of the whole ring,
   * and of each window, and each slot. A ring has thousands of slots. May
   * change at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_DETAIL,
      g_param_spec_enum ("detail", "Detail", "How much is told",
          GST_TYPE_VYRE_STATS_DETAIL, DEFAULT_DETAIL,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreStats:watchdog:
   *
   * Time in nanoseconds that queued work may make no progress until a warning
   * goes out, 0 for never. Progress is a slot finished, or a step of a program:
   * one that runs for hours makes progress, one that is only handed to and fro
   * does not. A slot that the kernel has taken is also judged by itself, so a
   * program that hangs is told of while others go on. It is looked for four
   * times in that time, but not more often than every 5 ms, and at least every
   * second, while the pipeline plays and until EOS. The kernel tells of its
   * steps about every millisecond; on a busy CPU device it may be kept from
   * running for longer. Work of tenants that may not run does not count. May
   * change at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_WATCHDOG,
      g_param_spec_uint64 ("watchdog", "Watchdog",
          "Warn when work makes no progress for this time (in nanoseconds, 0 = "
          "never)",
          0, G_MAXUINT64, DEFAULT_WATCHDOG,
          G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
              GST_PARAM_MUTABLE_PLAYING));
  /**
   * GstVyreStats:stats:
   *
   * The fields of the message, read now, in any state, which takes up to a few
   * milliseconds on a GPU with its own memory.
   *
   * Since: 0.1
   */
  g_object_class_install_property (object_class, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics",
          "Readings of the runtime at this moment", GST_TYPE_STRUCTURE,
          G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}
