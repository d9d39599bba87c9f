/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From the properties to a workload, at the start of a stream and during it. */

#include "gstvyreinterp-private.h"

#include <string.h>

#include "vir0/text.h"

#define GST_CAT_DEFAULT gst_vyre_interp_debug

static VyreProgram *
load_program (const char *location, const char *program, GError **error)
{
  if (location && program) {
    g_set_error (error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_SETTINGS,
        "both program-location (\"%s\") and program are set; set one of them "
        "to NULL",
        location);
    return NULL;
  }
  if (location)
    return vyre_program_load_file (location, error);
  if (program && vyre_program_is_shipped_name (program))
    return vyre_program_load_shipped (program, error);
  if (program && *program)
    return vyre_program_load_data (
        (const guint8 *) program, strlen (program), error);
  g_set_error (error, G_FILE_ERROR, G_FILE_ERROR_NOENT,
      "there is no program to run; set program to the name of a shipped one or "
      "to program text, or program-location to a file");
  return NULL;
}

static GstVyreSurvival
what_survives (GstVyreOnFault on_fault)
{
  switch (on_fault) {
    case GST_VYRE_ON_FAULT_DROP:
      return GST_VYRE_SURVIVES_KEPT;
    case GST_VYRE_ON_FAULT_PASS:
      return GST_VYRE_SURVIVES_INPUT;
    default:
      return GST_VYRE_SURVIVES_NOTHING;
  }
}

static GstVyreWorkload *
make_workload (
    GstVyreInterp *self, const char *location, const char *text, GError **error)
{
  g_autofree char *bindings_text = NULL, *name = NULL, *print_formats = NULL;
  g_autoptr (VyreRuntime) runtime = gst_vyre_interp_ref_runtime (self);
  g_autoptr (VyreProgram) program = NULL;
  g_autoptr (GPtrArray) bindings = NULL;
  GstVyrePlanLimits limits;
  GstVyrePlan *plan;
  GstVyreWorkload *workload;
  GstVyreOnFault on_fault;

  GST_OBJECT_LOCK (self);
  bindings_text = g_strdup (self->bindings);
  print_formats = g_strdup (self->print_formats);
  on_fault = self->on_fault;
  limits.max_output_bytes = self->max_output_bytes;
  GST_OBJECT_UNLOCK (self);
  limits.max_data_bytes =
      vyre_arena_get_size (vyre_runtime_get_host_arena (runtime));

  program = load_program (location, text, error);
  if (program == NULL)
    return NULL;
  bindings = gst_vyre_bindings_parse (bindings_text, error);
  if (bindings == NULL)
    return NULL;
  plan = gst_vyre_plan_new (program, bindings, &limits, error);
  if (plan == NULL)
    return NULL;
  g_autoptr (VyreFormats) formats = NULL;
  if (plan->log >= 0 && (formats = gst_vyre_print_load_formats (
                             print_formats, text, error)) == NULL) {
    gst_vyre_plan_free (plan);
    return NULL;
  }
  name = gst_object_get_name (GST_OBJECT (self));
  workload = gst_vyre_workload_new (
      runtime, plan, name, what_survives (on_fault), error);
  if (workload == NULL)
    return NULL;
  gst_vyre_workload_take_formats (workload, g_steal_pointer (&formats));

  GST_INFO_OBJECT (self, "input \"%s\"%s, outgoing \"%s\", %u kept%s",
      plan->slots[plan->input].name, plan->frame_bytes > 0 ? " in frames" : "",
      plan->outgoing >= 0 ? plan->slots[plan->outgoing].name : "(input)",
      plan->n_kept,
      gst_vyre_workload_is_ordered (workload) ? ", one run at a time" : "");
  return workload;
}

gboolean
gst_vyre_interp_load (GstVyreInterp *self, GError **error)
{
  g_autofree char *location = NULL, *text = NULL;
  GstVyreWorkload *workload;

  g_mutex_lock (&self->load_lock);
  GST_OBJECT_LOCK (self);
  location = g_strdup (self->program_location);
  text = g_strdup (self->program);
  self->fault_policy = self->on_fault;
  g_clear_pointer (&self->last_kept, gst_structure_free);
  GST_OBJECT_UNLOCK (self);
  workload = make_workload (self, location, text, error);
  GST_OBJECT_LOCK (self);
  self->workload = workload;
  gst_vyre_interp_apply_locked (self);
  GST_OBJECT_UNLOCK (self);
  g_mutex_unlock (&self->load_lock);
  return workload != NULL;
}

void
gst_vyre_interp_unload (GstVyreInterp *self)
{
  GstStructure *kept = gst_vyre_workload_get_kept (self->workload);
  GstVyreWorkload *workload, *next;

  g_mutex_lock (&self->load_lock);
  GST_OBJECT_LOCK (self);
  workload = g_steal_pointer (&self->workload);
  next = g_atomic_pointer_exchange (&self->next_workload, NULL);
  self->last_kept = kept;
  GST_OBJECT_UNLOCK (self);
  g_mutex_unlock (&self->load_lock);
  gst_vyre_workload_unref (workload);
  g_clear_pointer (&next, gst_vyre_workload_unref);
}

static void
apply (GstVyreInterp *self, GstVyreWorkload *workload)
{
  gst_vyre_workload_set_engine (workload, self->engine);
  gst_vyre_workload_set_share (workload, self->priority, self->quota);
}

void
gst_vyre_interp_apply_locked (GstVyreInterp *self)
{
  GstVyreWorkload *next = g_atomic_pointer_get (&self->next_workload);

  if (self->workload != NULL)
    apply (self, self->workload);
  if (next != NULL)
    apply (self, next);
}

/* --- while the stream runs ----------------------------------------------------- */

/* With the load lock. The stream takes it over with its next buffer. */
static gboolean
offer_program (
    GstVyreInterp *self, const char *location, const char *text, GError **error)
{
  GstVyreWorkload *next = make_workload (self, location, text, error), *before;

  if (next == NULL)
    return FALSE;
  GST_OBJECT_LOCK (self);
  g_free (self->program_location);
  self->program_location = g_strdup (location);
  g_free (self->program);
  self->program = g_strdup (text);
  before = g_atomic_pointer_exchange (&self->next_workload, next);
  gst_vyre_interp_apply_locked (self);
  GST_OBJECT_UNLOCK (self);
  /* No buffer came between them. */
  g_clear_pointer (&before, gst_vyre_workload_unref);
  return TRUE;
}

void
gst_vyre_interp_set_program (
    GstVyreInterp *self, gboolean is_location, const char *value)
{
  g_autoptr (GError) error = NULL;
  gboolean running;

  g_mutex_lock (&self->load_lock);
  GST_OBJECT_LOCK (self);
  running = self->workload != NULL;
  if (!running) {
    char **field = is_location ? &self->program_location : &self->program;

    g_free (*field);
    *field = g_strdup (value);
  }
  GST_OBJECT_UNLOCK (self);
  if (running)
    offer_program (
        self, is_location ? value : NULL, is_location ? NULL : value, &error);
  g_mutex_unlock (&self->load_lock);

  if (error != NULL)
    GST_ELEMENT_WARNING (self, RESOURCE, SETTINGS,
        ("The new program is refused, the one before goes on: %s",
            error->message),
        ("%s, code %d", g_quark_to_string (error->domain), error->code));
}

gboolean
gst_vyre_interp_adopt_program (GstVyreInterp *self)
{
  GstVyreWorkload *before;

  if (g_atomic_pointer_get (&self->next_workload) == NULL)
    return FALSE;
  GST_OBJECT_LOCK (self);
  before = self->workload;
  self->workload = g_atomic_pointer_exchange (&self->next_workload, NULL);
  GST_OBJECT_UNLOCK (self);
  /* Nothing of the new one has to wait for it. */
  g_clear_pointer (&self->last_window, vyre_window_unref);
  GST_INFO_OBJECT (self, "another program takes over");

  g_mutex_lock (&self->lock);
  if (self->srcresult == GST_FLOW_OK)
    gst_vyre_interp_push_item_locked (
        self, ITEM_TAKEOVER, g_steal_pointer (&before));
  g_mutex_unlock (&self->lock);
  gst_vyre_interp_tell_arrival (self);
  g_clear_pointer (&before, gst_vyre_workload_unref);
  return TRUE;
}
