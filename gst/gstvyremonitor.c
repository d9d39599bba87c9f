/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyremonitor.h"

GST_DEBUG_CATEGORY_EXTERN (gst_vyre_stats_debug);
#define GST_CAT_DEFAULT gst_vyre_stats_debug

static GPtrArray *
reports_new (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) gst_vyre_report_free);
}

void
gst_vyre_monitor_init (GstVyreMonitor *monitor)
{
  g_mutex_init (&monitor->lock);
  monitor->reports = reports_new ();
}

void
gst_vyre_monitor_clear (GstVyreMonitor *monitor)
{
  g_clear_pointer (&monitor->reports, g_ptr_array_unref);
  g_mutex_clear (&monitor->lock);
}

void
gst_vyre_monitor_reset (GstVyreMonitor *monitor)
{
  g_mutex_lock (&monitor->lock);
  g_ptr_array_set_size (monitor->reports, 0);
  g_mutex_unlock (&monitor->lock);
}

GArray *
gst_vyre_incidents_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (GstVyreIncident));
}

/* --- reading -------------------------------------------------------------- */

/* The report that goes on for this runtime, or a new one. */
static GstVyreReport *
take_report (GPtrArray *reports, guint64 serial)
{
  for (guint i = 0; i < reports->len; i++) {
    GstVyreReport *report = g_ptr_array_index (reports, i);

    if (report->serial == serial)
      return g_ptr_array_steal_index_fast (reports, i);
  }
  return gst_vyre_report_new (serial);
}

static void
note_incident (GArray *incidents, GstVyreReport *report, VyreRuntime *runtime)
{
  const VyreDeviceInfo *info = vyre_runtime_get_device_info (runtime);
  GstVyreIncident incident = { .stalled = report->watchdog.stalled,
    .timeout = report->watchdog.timeout_ns,
    .report = report->watchdog.report,
    .device_index = info->index };

  if (report->told == report->watchdog.stalled)
    return;
  report->told = report->watchdog.stalled;
  g_strlcpy (incident.device_name, info->name, sizeof incident.device_name);
  g_array_append_val (incidents, incident);
}

static void
append_other (GValue *others, GstStructure *groups)
{
  GValue value = G_VALUE_INIT;

  g_value_init (&value, GST_TYPE_STRUCTURE);
  g_value_take_boxed (&value, groups);
  gst_value_array_append_and_take_value (others, &value);
}

void
gst_vyre_monitor_read (GstVyreMonitor *monitor, GPtrArray *runtimes,
    GstVyreStatsDetail detail, GstClockTime timeout, GstStructure *structure,
    GArray *incidents, gpointer log_object)
{
  GPtrArray *reports = reports_new ();
  GValue others = G_VALUE_INIT;

  gst_value_array_init (&others, 0);
  g_mutex_lock (&monitor->lock);
  for (guint i = 0; i < runtimes->len; i++) {
    VyreRuntime *runtime = g_ptr_array_index (runtimes, i);
    GstVyreReport *report =
        take_report (monitor->reports, vyre_runtime_get_serial (runtime));
    g_autoptr (GError) error = NULL;

    g_ptr_array_add (reports, report);
    if (!gst_vyre_report_sample (report, runtime, timeout, &error)) {
      GST_WARNING_OBJECT (
          log_object, "cannot read the runtime: %s", error->message);
      continue;
    }
    if (incidents != NULL)
      note_incident (incidents, report, runtime);
    if (structure == NULL)
      continue;
    if (i == 0) {
      gst_vyre_report_describe (report, runtime, detail, structure);
    } else {
      GstStructure *groups = gst_structure_new_empty ("other-runtime");

      gst_vyre_report_describe (report, runtime, detail, groups);
      append_other (&others, groups);
    }
  }
  /* What is left in the old array are runtimes that have gone. */
  g_ptr_array_unref (monitor->reports);
  monitor->reports = reports;
  g_mutex_unlock (&monitor->lock);

  if (structure != NULL && gst_value_array_get_size (&others) > 0)
    gst_structure_take_value (structure, "other-runtimes", &others);
  else
    g_value_unset (&others);
}

/* --- telling -------------------------------------------------------------- */

void
gst_vyre_incident_post (const GstVyreIncident *i, GstElement *element)
{
  const VyreWatchdogReport *r = &i->report;

  if (i->stalled && r->stuck_slots > 0 && !r->stalled)
    GST_ELEMENT_WARNING_WITH_DETAILS (element, RESOURCE, FAILED,
        ("The GPU does not go on with a part of its work."),
        ("%u slots of %s taken without a step, slot %u of tenant %u for "
         "%" GST_TIME_FORMAT " (watchdog %" GST_TIME_FORMAT "): a program, "
         "driver or device that hangs",
            r->stuck_slots, i->device_name, r->stuck_slot, r->stuck_tenant,
            GST_TIME_ARGS (r->stuck_ns), GST_TIME_ARGS (i->timeout)),
        ("device-index", G_TYPE_UINT, i->device_index, "device-name",
            G_TYPE_STRING, i->device_name, "runnable-slots", G_TYPE_UINT,
            r->runnable_slots, "masked-slots", G_TYPE_UINT, r->masked_slots,
            "stuck-slots", G_TYPE_UINT, r->stuck_slots, "stuck-slot",
            G_TYPE_UINT, r->stuck_slot, "stuck-tenant", G_TYPE_UINT,
            r->stuck_tenant, "elapsed-ns", G_TYPE_UINT64, r->stuck_ns, NULL));
  else if (i->stalled)
    GST_ELEMENT_WARNING_WITH_DETAILS (element, RESOURCE, FAILED,
        ("The GPU makes no progress with the work that waits for it."),
        ("%u slots of %s, nothing done for %" GST_TIME_FORMAT " (watchdog "
         "%" GST_TIME_FORMAT "): a driver or device that hangs",
            r->runnable_slots, i->device_name, GST_TIME_ARGS (r->elapsed_ns),
            GST_TIME_ARGS (i->timeout)),
        ("device-index", G_TYPE_UINT, i->device_index, "device-name",
            G_TYPE_STRING, i->device_name, "runnable-slots", G_TYPE_UINT,
            r->runnable_slots, "masked-slots", G_TYPE_UINT, r->masked_slots,
            "elapsed-ns", G_TYPE_UINT64, r->elapsed_ns, NULL));
  else
    GST_ELEMENT_INFO_WITH_DETAILS (element, RESOURCE, FAILED,
        ("The GPU goes on with its work, or none waits any more."),
        ("%u slots of %s wait", r->runnable_slots, i->device_name),
        ("device-index", G_TYPE_UINT, i->device_index, "device-name",
            G_TYPE_STRING, i->device_name, "runnable-slots", G_TYPE_UINT,
            r->runnable_slots, "masked-slots", G_TYPE_UINT, r->masked_slots,
            "elapsed-ns", G_TYPE_UINT64, r->elapsed_ns, NULL));
}
