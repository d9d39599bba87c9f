/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "support.h"

/* What users of the elements see, compared with a text that is kept: a change
 * of it shows in review. To accept one, run the test with
 * VYRE_WRITE_INTERFACE=1. */

static void
dump_type (GString *out, GType type)
{
  g_string_append (out, g_type_name (type));
  if (G_TYPE_IS_ENUM (type)) {
    GEnumClass *values = g_type_class_ref (type);

    for (guint i = 0; i < values->n_values; i++)
      g_string_append_printf (
          out, "%c%s", i == 0 ? ' ' : '|', values->values[i].value_nick);
    g_type_class_unref (values);
  }
}

static void
dump_property (GString *out, GParamSpec *pspec)
{
  static const struct
  {
    guint flag;
    const char *name;
  } flags[] = {
    { G_PARAM_READABLE, "readable" },
    { G_PARAM_WRITABLE, "writable" },
    { G_PARAM_CONSTRUCT_ONLY, "construct-only" },
    { G_PARAM_DEPRECATED, "deprecated" },
    { GST_PARAM_CONTROLLABLE, "controllable" },
    { GST_PARAM_MUTABLE_READY, "mutable-ready" },
    { GST_PARAM_MUTABLE_PAUSED, "mutable-paused" },
    { GST_PARAM_MUTABLE_PLAYING, "mutable-playing" },
  };
  const GValue *value = g_param_spec_get_default_value (pspec);
  g_autofree char *text = NULL;

  if (!G_VALUE_HOLDS_BOXED (value) && !G_VALUE_HOLDS_OBJECT (value))
    text = gst_value_serialize (value);

  g_string_append_printf (out, "  property %s: ", pspec->name);
  dump_type (out, pspec->value_type);
  g_string_append_printf (out, ", default %s,", text != NULL ? text : "none");
  for (guint i = 0; i < G_N_ELEMENTS (flags); i++)
    if (pspec->flags & flags[i].flag)
      g_string_append_printf (out, " %s", flags[i].name);
  g_string_append_c (out, '\n');
  /* Every property explains itself. */
  g_assert_cmpuint (strlen (g_param_spec_get_blurb (pspec)), >, 5);
}

static void
dump_signals (GString *out, GType type)
{
  g_autofree guint *ids = NULL;
  guint n;

  ids = g_signal_list_ids (type, &n);
  for (guint i = 0; i < n; i++) {
    GSignalQuery query;

    g_signal_query (ids[i], &query);
    g_string_append_printf (out,
        "  %s %s: ", query.signal_flags & G_SIGNAL_ACTION ? "action" : "signal",
        query.signal_name);
    for (guint j = 0; j < query.n_params; j++) {
      dump_type (out, query.param_types[j]);
      g_string_append_c (out, ' ');
    }
    g_string_append (out, "-> ");
    dump_type (out, query.return_type);
    g_string_append_c (out, '\n');
  }
}

static gint
by_name (gconstpointer a, gconstpointer b)
{
  return strcmp (GST_OBJECT_NAME (a), GST_OBJECT_NAME (b));
}

static gint
by_property (gconstpointer a, gconstpointer b)
{
  return strcmp (
      (*(GParamSpec *const *) a)->name, (*(GParamSpec *const *) b)->name);
}

static void
dump_element (GString *out, GstElementFactory *factory)
{
  GstElement *element = gst_element_factory_create (factory, NULL);
  g_autofree GParamSpec **properties = NULL;
  const GList *l;
  guint n;

  g_assert_nonnull (element);
  gst_object_ref_sink (element);
  g_string_append_printf (out, "%s: %s, rank %u\n", GST_OBJECT_NAME (factory),
      gst_element_factory_get_metadata (factory, GST_ELEMENT_METADATA_KLASS),
      gst_plugin_feature_get_rank (GST_PLUGIN_FEATURE (factory)));
  for (l = gst_element_factory_get_static_pad_templates (factory); l != NULL;
       l = l->next) {
    GstStaticPadTemplate *t = l->data;

    g_string_append_printf (out, "  pad %s: %s, %s, %s\n", t->name_template,
        t->direction == GST_PAD_SRC ? "source" : "sink",
        t->presence == GST_PAD_ALWAYS ? "always" : "not always",
        t->static_caps.string);
  }
  properties =
      g_object_class_list_properties (G_OBJECT_GET_CLASS (element), &n);
  qsort (properties, n, sizeof *properties, by_property);
  /* Those of the base classes are GStreamer's. */
  for (guint i = 0; i < n; i++)
    if (properties[i]->owner_type == G_OBJECT_TYPE (element))
      dump_property (out, properties[i]);
  dump_signals (out, G_OBJECT_TYPE (element));
  gst_object_unref (element);
}

static void
test_interface (void)
{
  GList *features =
      gst_registry_get_feature_list_by_plugin (gst_registry_get (), "vyre");
  GString *out = g_string_new (NULL);
  g_autofree char *expected = NULL;

  features = g_list_sort (features, by_name);
  for (GList *l = features; l != NULL; l = l->next)
    dump_element (out, GST_ELEMENT_FACTORY (l->data));
  gst_plugin_feature_list_free (features);

  if (g_getenv ("VYRE_WRITE_INTERFACE") != NULL)
    g_assert_true (
        g_file_set_contents (VYRE_TEST_INTERFACE, out->str, -1, NULL));
  g_assert_true (
      g_file_get_contents (VYRE_TEST_INTERFACE, &expected, NULL, NULL));
  if (strcmp (out->str, expected) != 0)
    g_test_message ("It is now:\n%s", out->str);
  g_assert_cmpstr (out->str, ==, expected);
  g_string_free (out, TRUE);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", "coretracers", NULL };

  support_init (&argc, &argv, plugins);
  g_test_add_func ("/interface", test_interface);
  return support_run ();
}
