/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyreinterp-private.h"

#include "ring/words.h"

#define GST_CAT_DEFAULT gst_vyre_interp_debug

enum
{
  PROP_0,
  PROP_PROGRAM_LOCATION,
  PROP_PROGRAM,
  PROP_BINDINGS,
  PROP_ENGINE,
  PROP_DEVICE_INDEX,
  PROP_DEVICE_NAME,
  PROP_DEVICE_UUID,
  PROP_PRIORITY,
  PROP_QUOTA,
  PROP_RESIDENCY,
  PROP_ASYNC_DEPTH,
  PROP_MAX_STEPS,
  PROP_MAX_OUTPUT_BYTES,
  PROP_TAIL,
  PROP_ON_FAULT,
  PROP_PRINT_FORMATS,
  PROP_TIER,
  PROP_STATS,
  PROP_KEPT,
};

#define DEFAULT_DEVICE_INDEX -1
#define DEFAULT_ASYNC_DEPTH 32
#define DEFAULT_MAX_STEPS G_GUINT64_CONSTANT (1000000000)
#define DEFAULT_MAX_OUTPUT_BYTES (G_GUINT64_CONSTANT (256) * 1024 * 1024)

#define GST_TYPE_VYRE_ENGINE (gst_vyre_engine_get_type ())
static GType
gst_vyre_engine_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { VYRE_ENGINE_AUTO, "Interpreted at once, compiled when hot", "auto" },
    { VYRE_ENGINE_INTERP, "Always interpreted", "interp" },
    { VYRE_ENGINE_JIT, "Compiled at once, interpreted until then", "jit" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVyreEngine", values));
  return type;
}

#define GST_TYPE_VYRE_TIER (gst_vyre_tier_get_type ())
static GType
gst_vyre_tier_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { VYRE_TIER_INTERPRETED, "The program is interpreted", "interpreted" },
    { VYRE_TIER_COMPILING, "It is being compiled, and interpreted meanwhile",
        "compiling" },
    { VYRE_TIER_COMPILED, "It runs compiled", "compiled" },
    { VYRE_TIER_REFUSED, "It cannot be compiled, and stays interpreted",
        "refused" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVyreTier", values));
  return type;
}

#define GST_TYPE_VYRE_PRIORITY (gst_vyre_priority_get_type ())
static GType
gst_vyre_priority_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { VYRE_PRI_CRITICAL, "Before all others", "critical" },
    { VYRE_PRI_HIGH, "Before normal ones", "high" },
    { VYRE_PRI_NORMAL, "Normal", "normal" },
    { VYRE_PRI_LOW, "After normal ones", "low" },
    { VYRE_PRI_IDLE, "When nothing else is to be done", "idle" },
    { 0, NULL, NULL },
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstVyrePriority", values));
  return type;
}

#define GST_TYPE_VYRE_RESIDENCY (gst_vyre_residency_get_type ())
static GType
gst_vyre_residency_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { VYRE_RESIDENCY_AUTO, "What the device can do, found out at start",
        "auto" },
    { VYRE_RESIDENCY_RESIDENT, "The kernel stays on the GPU", "resident" },
    { VYRE_RESIDENCY_SLICED, "The kernel is launched when there is work",
        "sliced" },
    { 0, NULL, NULL }
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstVyreResidency", values));
  return type;
}

#define GST_TYPE_VYRE_TAIL (gst_vyre_tail_get_type ())
static GType
gst_vyre_tail_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_VYRE_TAIL_PAD, "Add zeros, and cut the result in proportion", "pad" },
    { GST_VYRE_TAIL_DROP, "Drop it", "drop" },
    { GST_VYRE_TAIL_ERROR, "Stop with an error", "error" }, { 0, NULL, NULL }
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (&type, g_enum_register_static ("GstVyreTail", values));
  return type;
}

#define GST_TYPE_VYRE_ON_FAULT (gst_vyre_on_fault_get_type ())
static GType
gst_vyre_on_fault_get_type (void)
{
  static gsize type = 0;
  static const GEnumValue values[] = {
    { GST_VYRE_ON_FAULT_ERROR, "End the stream with an error", "error" },
    { GST_VYRE_ON_FAULT_DROP, "Warn and leave the buffer out", "drop" },
    { GST_VYRE_ON_FAULT_PASS, "Warn and let the buffer leave as it came",
        "pass" },
    { 0, NULL, NULL }
  };

  if (g_once_init_enter (&type))
    g_once_init_leave (
        &type, g_enum_register_static ("GstVyreOnFault", values));
  return type;
}

/* The last state in which a property may change, by its flags. */
static GstState
last_mutable_state (const GParamSpec *pspec)
{
  if (pspec->flags & GST_PARAM_MUTABLE_PLAYING)
    return GST_STATE_PLAYING;
  if (pspec->flags & GST_PARAM_MUTABLE_READY)
    return GST_STATE_READY;
  return GST_STATE_NULL;
}

static void
set_property (
    GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  GstVyreInterp *self = GST_VYRE_INTERP (object);
  GstState state;

  if (prop_id == PROP_PROGRAM || prop_id == PROP_PROGRAM_LOCATION) {
    gst_vyre_interp_set_program (
        self, prop_id == PROP_PROGRAM_LOCATION, g_value_get_string (value));
    return;
  }

  GST_OBJECT_LOCK (self);
  state = GST_STATE (self);
  if (state > last_mutable_state (pspec))
    goto too_late;
  switch (prop_id) {
    case PROP_BINDINGS:
      g_free (self->bindings);
      self->bindings = g_value_dup_string (value);
      break;
    case PROP_ENGINE:
      self->engine = g_value_get_enum (value);
      gst_vyre_interp_apply_locked (self);
      break;
    case PROP_DEVICE_INDEX:
      self->device_index = g_value_get_int (value);
      break;
    case PROP_DEVICE_NAME:
      g_free (self->device_name);
      self->device_name = g_value_dup_string (value);
      break;
    case PROP_DEVICE_UUID:
      g_free (self->device_uuid);
      self->device_uuid = g_value_dup_string (value);
      break;
    case PROP_PRIORITY:
      self->priority = g_value_get_enum (value);
      gst_vyre_interp_apply_locked (self);
      break;
    case PROP_QUOTA:
      self->quota = g_value_get_uint (value);
      gst_vyre_interp_apply_locked (self);
      break;
    case PROP_RESIDENCY:
      self->residency = g_value_get_enum (value);
      break;
    case PROP_ASYNC_DEPTH:
      g_atomic_int_set (&self->async_depth, g_value_get_uint (value));
      break;
    case PROP_MAX_STEPS:
      __atomic_store_n (
          &self->max_steps, g_value_get_uint64 (value), __ATOMIC_RELAXED);
      break;
    case PROP_MAX_OUTPUT_BYTES:
      self->max_output_bytes = g_value_get_uint64 (value);
      break;
    case PROP_TAIL:
      self->tail = g_value_get_enum (value);
      break;
    case PROP_ON_FAULT:
      self->on_fault = g_value_get_enum (value);
      break;
    case PROP_PRINT_FORMATS:
      g_free (self->print_formats);
      self->print_formats = g_value_dup_string (value);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);

  if (prop_id == PROP_ASYNC_DEPTH) {
    g_mutex_lock (&self->lock);
    g_cond_broadcast (&self->removed);
    g_mutex_unlock (&self->lock);
  }
  return;

too_late:
  GST_OBJECT_UNLOCK (self);
  GST_WARNING_OBJECT (self, "%s cannot be changed in state %s: go to %s first",
      pspec->name, gst_element_state_get_name (state),
      gst_element_state_get_name (last_mutable_state (pspec)));
}

/* Of the program that buffers yet to come meet. */
static VyreTier
get_tier (GstVyreInterp *self, char **reason)
{
  VyreTier tier = VYRE_TIER_INTERPRETED;

  *reason = NULL;
  GST_OBJECT_LOCK (self);
  if (self->workload)
    tier = gst_vyre_workload_get_tier (self->workload, reason);
  GST_OBJECT_UNLOCK (self);
  return tier;
}

static GstStructure *
get_stats (GstVyreInterp *self)
{
  g_autofree char *reason = NULL;
  VyreTier tier = get_tier (self, &reason);
  GEnumClass *tiers = g_type_class_ref (GST_TYPE_VYRE_TIER);
  const char *tier_name = g_enum_get_value (tiers, tier)->value_nick;
  GstVyreInterpStats stats;
  guint in_flight;

  g_type_class_unref (tiers);
  g_mutex_lock (&self->lock);
  stats = self->stats;
  in_flight = self->n_buffers + gst_vyre_interp_peek (&self->n_leaving);
  g_mutex_unlock (&self->lock);
  return gst_structure_new ("application/x-vyre-interp-stats", "buffers-in",
      G_TYPE_UINT64, gst_vyre_interp_peek (&self->buffers_in), "buffers-out",
      G_TYPE_UINT64, gst_vyre_interp_peek (&self->buffers_out), "bytes-in",
      G_TYPE_UINT64, gst_vyre_interp_peek (&self->bytes_in), "bytes-out",
      G_TYPE_UINT64, gst_vyre_interp_peek (&self->bytes_out), "copied-bytes",
      G_TYPE_UINT64, stats.copied, "in-place-bytes", G_TYPE_UINT64,
      stats.in_place, "copied-out-bytes", G_TYPE_UINT64, stats.copied_out,
      "windows", G_TYPE_UINT64, stats.windows, "faults", G_TYPE_UINT64,
      stats.faults, "cancelled", G_TYPE_UINT64, stats.cancelled, "in-flight",
      G_TYPE_UINT, in_flight, "tier", G_TYPE_STRING, tier_name, "tier-reason",
      G_TYPE_STRING, reason != NULL ? reason : "", NULL);
}

static void
get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  GstVyreInterp *self = GST_VYRE_INTERP (object);

  switch (prop_id) {
    case PROP_TIER: {
      g_autofree char *reason = NULL;

      g_value_set_enum (value, get_tier (self, &reason));
      return;
    }
    case PROP_STATS:
      g_value_take_boxed (value, get_stats (self));
      return;
    case PROP_KEPT:
      g_value_take_boxed (value, gst_vyre_interp_get_kept (self));
      return;
    default:
      break;
  }

  GST_OBJECT_LOCK (self);
  switch (prop_id) {
    case PROP_PROGRAM_LOCATION:
      g_value_set_string (value, self->program_location);
      break;
    case PROP_PROGRAM:
      g_value_set_string (value, self->program);
      break;
    case PROP_BINDINGS:
      g_value_set_string (value, self->bindings);
      break;
    case PROP_ENGINE:
      g_value_set_enum (value, self->engine);
      break;
    case PROP_DEVICE_INDEX:
      g_value_set_int (value,
          self->runtime
              ? (gint) vyre_runtime_get_device_info (self->runtime)->index
              : self->device_index);
      break;
    case PROP_DEVICE_NAME:
      g_value_set_string (value,
          self->runtime ? vyre_runtime_get_device_info (self->runtime)->name
                        : self->device_name);
      break;
    case PROP_DEVICE_UUID:
      if (self->runtime)
        g_value_take_string (
            value, vyre_device_info_dup_uuid (
                       vyre_runtime_get_device_info (self->runtime)));
      else
        g_value_set_string (value, self->device_uuid);
      break;
    case PROP_PRIORITY:
      g_value_set_enum (value, self->priority);
      break;
    case PROP_QUOTA:
      g_value_set_uint (value, self->quota);
      break;
    case PROP_RESIDENCY:
      g_value_set_enum (value,
          self->runtime ? vyre_runtime_get_residency (self->runtime, NULL)
                        : self->residency);
      break;
    case PROP_ASYNC_DEPTH:
      g_value_set_uint (value, self->async_depth);
      break;
    case PROP_MAX_STEPS:
      g_value_set_uint64 (value, self->max_steps);
      break;
    case PROP_MAX_OUTPUT_BYTES:
      g_value_set_uint64 (value, self->max_output_bytes);
      break;
    case PROP_TAIL:
      g_value_set_enum (value, self->tail);
      break;
    case PROP_ON_FAULT:
      g_value_set_enum (value, self->on_fault);
      break;
    case PROP_PRINT_FORMATS:
      g_value_set_string (value, self->print_formats);
      break;
    default:
      G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
      break;
  }
  GST_OBJECT_UNLOCK (self);
}

void
gst_vyre_interp_install_properties (GObjectClass *klass)
{
  const GParamFlags in_null = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS;
  const GParamFlags in_ready = in_null | GST_PARAM_MUTABLE_READY;
  const GParamFlags always = in_null | GST_PARAM_MUTABLE_PLAYING;
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  klass->set_property = set_property;
  klass->get_property = get_property;

  /**
   * GstVyreInterp:program-location:
   *
   * Path of a program in any form: binary, hexadecimal text or readable text,
   * told by content. Default: none. Changes at any time; during a stream the file
   * is read at once, and the program takes over as described above.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_PROGRAM_LOCATION,
      g_param_spec_string ("program-location", "Program location",
          "File with the program to run", NULL, always));
  /**
   * GstVyreInterp:program:
   *
   * Name of a shipped program (lower-case letters, digits and dashes only), or
   * the text of a program. Default: none. Changes at any time, see above.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_PROGRAM,
      g_param_spec_string ("program", "Program",
          "Name of a shipped program, or program text", NULL, always));
  /**
   * GstVyreInterp:bindings:
   *
   * Contents of the program's other buffers, see above. Default: none. Changes
   * at any time; during a stream, for the next program that is set.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_BINDINGS,
      g_param_spec_string ("bindings", "Bindings",
          "Contents of the program's other buffers, NAME=KIND:VALUE with "
          "commas between them",
          NULL, always));
  /**
   * GstVyreInterp:engine:
   *
   * How the program is executed: interpreted, compiled in the background at
   * once, or that when it has proved worth it. Default: auto. Changes at any time,
   * for buffers yet to come.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_ENGINE,
      g_param_spec_enum ("engine", "Engine", "How the program is executed",
          GST_TYPE_VYRE_ENGINE, VYRE_ENGINE_AUTO, always));
  /**
   * GstVyreInterp:device-index:
   *
   * Vulkan device, in the order in which the driver lists them; -1 takes the
   * best. With #GstVyreInterp:device-name or #GstVyreInterp:device-uuid the device
   * must be all that they say. From READY on it reads as the device in use. Changes in NULL.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_DEVICE_INDEX,
      g_param_spec_int ("device-index", "Device index",
          "Vulkan device to use (-1: the best)", -1, G_MAXINT,
          DEFAULT_DEVICE_INDEX, in_null));
  /**
   * GstVyreInterp:device-name:
   *
   * A part of the name of the Vulkan device to use, in either case; the best of
   * several. Default: none. From READY on it reads as the name of the device in
   * use. Changes in NULL.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_DEVICE_NAME,
      g_param_spec_string ("device-name", "Device name",
          "Part of the name of the Vulkan device to use", NULL, in_null));
  /**
   * GstVyreInterp:device-uuid:
   *
   * UUID of the Vulkan device to use: 32 hexadecimal digits, with or without
   * dashes, as `vyre devices` prints it. Unlike the index it stays the same when
   * devices come and go. Default: none. From READY on it reads as that of the
   * device in use. Changes in NULL.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_DEVICE_UUID,
      g_param_spec_string ("device-uuid", "Device UUID",
          "UUID of the Vulkan device to use", NULL, in_null));
  /**
   * GstVyreInterp:priority:
   *
   * Whose buffers the GPU takes first, among all elements that share it. Those
   * of a level have equal shares; lower levels that wait get about a sixteenth
   * of what those above them use. Default: normal. Changes at any time, for
   * buffers yet to come.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_PRIORITY,
      g_param_spec_enum ("priority", "Priority",
          "Whose buffers the GPU takes first", GST_TYPE_VYRE_PRIORITY,
          VYRE_PRI_NORMAL, always | GST_PARAM_CONTROLLABLE));
  /**
   * GstVyreInterp:quota:
   *
   * Parts of this element's buffers that the GPU may work on at a time; what is
   * more waits, and leaves the GPU to others. 0: no limit in practice. Default: 0.
   * Changes at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_QUOTA,
      g_param_spec_uint ("quota", "Quota",
          "Parts of buffers that the GPU may work on at a time (0: no limit)",
          0, G_MAXINT, 0, always | GST_PARAM_CONTROLLABLE));
  /**
   * GstVyreInterp:residency:
   *
   * Whether the kernel stays on the GPU. All elements of a process share it: the
   * first to start decides, a later different wish gives a warning, and from
   * READY on this reads as what is in effect. Default: auto. Changes in NULL.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_RESIDENCY,
      g_param_spec_enum ("residency", "Residency",
          "Whether the kernel stays on the GPU", GST_TYPE_VYRE_RESIDENCY,
          VYRE_RESIDENCY_AUTO, in_null));
  /**
   * GstVyreInterp:async-depth:
   *
   * Buffers that may be in flight; more than four only while they hold less than
   * an eighth of the arena. Programs that read what they keep from buffer
   * to buffer run one at a time whatever this says, as do all that write to kept
   * buffers where #GstVyreInterp:on-fault is not error. Results that leave one
   * right after the other, at most eight and a quarter of this, are not counted.
   * Default: 32. Changes at any time.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_ASYNC_DEPTH,
      g_param_spec_uint ("async-depth", "Async depth",
          "Buffers that may be in flight", 1, 1024, DEFAULT_ASYNC_DEPTH,
          always));
  /**
   * GstVyreInterp:max-steps:
   *
   * Interpreted instructions that one invocation may take before the run fails;
   * 0 is no limit. Default: 1000000000. Changes at any time, for buffers yet to
   * come.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_MAX_STEPS,
      g_param_spec_uint64 ("max-steps", "Max steps",
          "Instructions an invocation may take (0: no limit)", 0, G_MAXUINT64,
          DEFAULT_MAX_STEPS, always));
  /**
   * GstVyreInterp:max-output-bytes:
   *
   * Bytes that one buffer of the program may take which is not input and not
   * bound to data. Default: 268435456. Changes up to READY.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_MAX_OUTPUT_BYTES,
      g_param_spec_uint64 ("max-output-bytes", "Max output bytes",
          "Bytes that one buffer of the program may take", 1, G_MAXUINT64,
          DEFAULT_MAX_OUTPUT_BYTES, in_ready));
  /**
   * GstVyreInterp:tail:
   *
   * What becomes of the rest of the stream that does not fill the program's
   * input, where that has a fixed length. `pad` adds zeros and cuts the result
   * in the same proportion, rounded up to whole bytes. Default: pad. Changes up
   * to READY.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_TAIL,
      g_param_spec_enum ("tail", "Tail",
          "What becomes of a last frame that is not full", GST_TYPE_VYRE_TAIL,
          GST_VYRE_TAIL_PAD, in_ready));
  /**
   * GstVyreInterp:on-fault:
   *
   * What becomes of a buffer on which the program fails, see above. Default:
   * error. Changes up to READY.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_ON_FAULT,
      g_param_spec_enum ("on-fault", "On fault",
          "What becomes of a buffer on which the program fails",
          GST_TYPE_VYRE_ON_FAULT, GST_VYRE_ON_FAULT_ERROR, in_ready));
  /**
   * GstVyreInterp:print-formats:
   *
   * Path of a table of formats for what the program prints to the buffer that is
   * bound as log: lines of a number, a space and a text with %u, %d, %x, %c or %f
   * for the record's words. Default: none, which is the one of a shipped program
   * where that has one. Changes at any time; during a stream, for the next
   * program that is set.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_PRINT_FORMATS,
      g_param_spec_string ("print-formats", "Print formats",
          "File with formats for what the program prints", NULL, always));
  /**
   * GstVyreInterp:tier:
   *
   * How the program is executed now; `tier-reason` of #GstVyreInterp:stats says
   * why it cannot be compiled.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_TIER,
      g_param_spec_enum ("tier", "Tier", "How the program is executed now",
          GST_TYPE_VYRE_TIER, VYRE_TIER_INTERPRETED, readable));
  /**
   * GstVyreInterp:stats:
   *
   * Counters, see above.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_STATS,
      g_param_spec_boxed ("stats", "Statistics", "Counters since the start",
          GST_TYPE_STRUCTURE, readable));
  /**
   * GstVyreInterp:kept:
   *
   * What the kept buffers hold, see above; after the end of a stream what they
   * held then. NULL if the program keeps nothing.
   *
   * Since: 0.1
   */
  g_object_class_install_property (klass, PROP_KEPT,
      g_param_spec_boxed ("kept", "Kept buffers", "What the kept buffers hold",
          GST_TYPE_STRUCTURE, readable));

  gst_type_mark_as_plugin_api (GST_TYPE_VYRE_ENGINE, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VYRE_PRIORITY, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VYRE_TIER, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VYRE_RESIDENCY, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VYRE_TAIL, 0);
  gst_type_mark_as_plugin_api (GST_TYPE_VYRE_ON_FAULT, 0);
}

void
gst_vyre_interp_init_properties (GstVyreInterp *self)
{
  self->device_index = DEFAULT_DEVICE_INDEX;
  self->priority = VYRE_PRI_NORMAL;
  self->residency = VYRE_RESIDENCY_AUTO;
  self->async_depth = DEFAULT_ASYNC_DEPTH;
  self->max_steps = DEFAULT_MAX_STEPS;
  self->max_output_bytes = DEFAULT_MAX_OUTPUT_BYTES;
}
