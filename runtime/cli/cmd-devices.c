/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli.h"
#include "cli-json.h"

#include "device/device.h"

#include <stdio.h>

static const char *
type_name (VyreDeviceType type)
{
  static const char *const names[] = {
    [VYRE_DEVICE_DISCRETE] = "discrete",
    [VYRE_DEVICE_INTEGRATED] = "integrated",
    [VYRE_DEVICE_VIRTUAL] = "virtual",
    [VYRE_DEVICE_CPU] = "cpu",
    [VYRE_DEVICE_OTHER] = "other",
  };

  return (guint) type < G_N_ELEMENTS (names) ? names[type] : "other";
}

static char *
uuid_text (const guint8 uuid[16])
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < 16; i++)
    g_string_append_printf (text, "%s%02x",
        i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", uuid[i]);
  return g_string_free (text, FALSE);
}

static void
print_device (const VyreDeviceInfo *info)
{
  g_autofree char *uuid = uuid_text (info->uuid);

  printf ("%u: %s\n", info->index, info->name);
  printf ("   type:             %s\n", type_name (info->type));
  printf ("   driver:           %s\n", info->driver);
  printf ("   uuid:             %s\n", uuid);
  printf ("   vulkan:           %u.%u.%u\n", info->api_version >> 22 & 0x7f,
      info->api_version >> 12 & 0x3ff, info->api_version & 0xfff);
  printf ("   subgroup size:    %u\n", info->subgroup_size);
  printf ("   shared memory:    %u bytes\n", info->max_shared_bytes);
  printf ("   device memory:    %" G_GUINT64_FORMAT " MiB, %" G_GUINT64_FORMAT
          " MiB of it mapped\n",
      info->device_local_bytes >> 20, info->mapped_local_bytes >> 20);
  printf (
      "   imports memory:   %s\n", info->min_import_alignment ? "yes" : "no");
  printf ("   float64:          %s\n", info->has_float64 ? "yes" : "no");
  if (info->unsuitable)
    printf ("   cannot be used:   %s\n", info->unsuitable);
}

static void
add_device (JsonBuilder *b, const VyreDeviceInfo *info)
{
  g_autofree char *uuid = uuid_text (info->uuid);
  g_autofree char *version =
      g_strdup_printf ("%u.%u.%u", info->api_version >> 22 & 0x7f,
          info->api_version >> 12 & 0x3ff, info->api_version & 0xfff);
  const struct
  {
    const char *name, *value;
  } strings[] = {
    { "name", info->name },
    { "type", type_name (info->type) },
    { "driver", info->driver },
    { "uuid", uuid },
    { "vulkan", version },
  };
  const struct
  {
    const char *name;
    guint64 value;
  } numbers[] = {
    { "index", info->index },
    { "subgroup_size", info->subgroup_size },
    { "max_shared_bytes", info->max_shared_bytes },
    { "max_workgroup_invocations", info->max_workgroup_invocations },
    { "max_allocation", MIN (info->max_allocation, (guint64) 1 << 53) },
    { "min_import_alignment", info->min_import_alignment },
    { "device_local_bytes", info->device_local_bytes },
    { "mapped_local_bytes", info->mapped_local_bytes },
    { "queues", info->n_queues },
  };

  json_builder_begin_object (b);
  for (guint i = 0; i < G_N_ELEMENTS (strings); i++) {
    json_builder_set_member_name (b, strings[i].name);
    json_builder_add_string_value (b, strings[i].value);
  }
  for (guint i = 0; i < G_N_ELEMENTS (numbers); i++) {
    json_builder_set_member_name (b, numbers[i].name);
    json_builder_add_int_value (b, (gint64) numbers[i].value);
  }
  json_builder_set_member_name (b, "float64");
  json_builder_add_boolean_value (b, info->has_float64 != FALSE);
  json_builder_set_member_name (b, "unsuitable");
  if (info->unsuitable)
    json_builder_add_string_value (b, info->unsuitable);
  else
    json_builder_add_null_value (b);
  json_builder_end_object (b);
}

static void
print_json (GArray *devices)
{
  g_autoptr (JsonBuilder) b = json_builder_new ();

  json_builder_begin_array (b);
  for (guint i = 0; i < devices->len; i++)
    add_device (b, &g_array_index (devices, VyreDeviceInfo, i));
  json_builder_end_array (b);
  cli_json_print (b);
}

int
cli_devices (int argc, char **argv)
{
  gboolean json = FALSE;
  const GOptionEntry options[] = {
    { "json", 'j', 0, G_OPTION_ARG_NONE, &json, "Print JSON", NULL },
    { NULL },
  };
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) devices = NULL;
  guint n_usable = 0;

  if (!cli_parse ("devices", &argc, &argv, options, "",
          "Lists the Vulkan devices, with the numbers that --device and the\n"
          "property device-index take. Fails where none can be used.",
          0, 0))
    return CLI_USAGE;

  devices = vyre_device_enumerate (&error);
  if (!devices) {
    cli_error ("devices", "%s", error->message);
    return CLI_FAILURE;
  }
  for (guint i = 0; i < devices->len; i++) {
    const VyreDeviceInfo *info = &g_array_index (devices, VyreDeviceInfo, i);

    n_usable += info->unsuitable == NULL;
    if (!json)
      print_device (info);
  }
  if (json)
    print_json (devices);
  if (n_usable == 0) {
    cli_error ("devices", "no device can be used; install a Vulkan driver, "
                          "such as the package mesa-vulkan-drivers");
    return CLI_FAILURE;
  }
  return CLI_OK;
}
