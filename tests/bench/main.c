/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vyre-bench: measures gstvyre beside what one would do without it. */

#include "bench.h"

#include "device/device.h"

#include <string.h>

static const struct
{
  const char *name;
  BenchPart run;
  const char *what;
} parts[] = {
  { "handover", bench_handover, "small items to the device and back" },
  { "engines", bench_engines, "programs against hand-written kernels" },
  { "stream", bench_stream, "files through pipelines" },
  { "peers", bench_peers, "vyreinterp beside other elements" },
  { "swap", bench_swap, "a new program's first result" },
  { "fairness", bench_fairness, "small buffers beside endless programs" },
  { "growth", bench_growth, "more tenants, windows, bytes" },
};

static gboolean
choose_device (Bench *bench, GError **error)
{
  VyreDevice *device =
      vyre_device_open (bench->device_index, NULL, NULL, error);

  if (device == NULL)
    return FALSE;
  const VyreDeviceInfo *info = vyre_device_get_info (device);
  bench->device_index = info->index;
  bench->on_cpu = info->type == VYRE_DEVICE_CPU;
  bench->device_name = g_strdup (info->name);
  memcpy (bench->uuid, info->uuid, sizeof bench->uuid);
  bench_fact (bench, "device", "%s", info->name);
  bench_fact (
      bench, "driver", "%s (0x%08x)", info->driver, info->driver_version);
  bench_fact (bench, "vulkan", "%u.%u.%u", info->api_version >> 22,
      info->api_version >> 12 & 0x3ff, info->api_version & 0xfff);
  bench_fact (bench, "multiprocessors", "%u", info->multiprocessors);
  bench_fact (bench, "device-memory",
      "%" G_GUINT64_FORMAT " MiB, %" G_GUINT64_FORMAT " MiB of it mapped",
      info->device_local_bytes >> 20, info->mapped_local_bytes >> 20);
  vyre_device_unref (device);
  return TRUE;
}

static gboolean
is_asked_for (const char *name, char **names, gint n)
{
  gboolean found = n == 0;

  for (gint i = 0; i < n; i++)
    found = found || g_str_equal (names[i], name);
  return found;
}

static gboolean
is_part (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    if (g_str_equal (parts[i].name, name))
      return TRUE;
  }
  return FALSE;
}

/* A part that fails is told at once and in the report; the others run. */
static void
run_part (Bench *bench, guint i, const char *json_path)
{
  g_autoptr (GError) error = NULL, unwritten = NULL;
  gint64 start = g_get_monotonic_time ();

  if (!parts[i].run (bench, &error))
    bench_failure (bench, parts[i].name, error->message);
  g_print ("\n%s took %.1f s\n", parts[i].name,
      (g_get_monotonic_time () - start) / 1e6);
  /* After each part: what is measured stays, whatever the next one does. */
  if (json_path != NULL && !bench_write_json (bench, json_path, &unwritten))
    bench_failure (bench, "json", unwritten->message);
}

int
main (int argc, char **argv)
{
  Bench bench = { .runs = 0, .device_index = -1 };
  g_autofree char *json_path = NULL;
  const GOptionEntry entries[] = {
    { "quick", 'q', 0, G_OPTION_ARG_NONE, &bench.quick,
        "Fewer sizes, three short runs", NULL },
    { "runs", 'r', 0, G_OPTION_ARG_INT, &bench.runs,
        "Runs of each measurement (7, with --quick 3)", "N" },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &json_path,
        "Write everything to this file too", "FILE" },
    { "device", 'd', 0, G_OPTION_ARG_INT, &bench.device_index,
        "Vulkan device, as `vyre devices` counts them (-1: the best)", "N" },
    { "plugins", 'p', 0, G_OPTION_ARG_FILENAME_ARRAY, &bench.plugin_folders,
        "Folder with libgstvyre.so or libgstvyrebench.so", "DIR" },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new ("[PART…]");
  g_autoptr (GString) summary = g_string_new ("Parts, all unless named:\n");
  g_autoptr (GError) error = NULL;
  gboolean ok;

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    g_string_append_printf (
        summary, "  %-10s %s\n", parts[i].name, parts[i].what);
  g_option_context_set_summary (context, summary->str);
  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    goto failed;
  for (gint i = 1; i < argc; i++) {
    if (!is_part (argv[i]))
      goto usage;
  }
  if (bench.runs > 1000)
    goto usage;
  if (bench.runs == 0)
    bench.runs = bench.quick ? 3 : 7;
  bench.sample_us = bench.quick ? 8000 : 30000;
  bench_init (&bench);
  if (!choose_device (&bench, &error))
    goto failed;
  /* Sixteen 8 MiB buffers in flight, and as many results; on GPUs, eight ranges of
   * 64 MiB in a row to read and to write, wherever other parts have left off. */
  g_setenv ("VYRE_ARENA_SIZE", bench.on_cpu ? "512M" : "1664M", FALSE);
  g_setenv ("VYRE_DEVICE_ARENA_SIZE", "1664M", FALSE);
  bench_describe_machine (&bench);
  bench_fact (&bench, "host-arena", "%s", g_getenv ("VYRE_ARENA_SIZE"));
  bench_print_machine (&bench);
  for (guint i = 0; i < G_N_ELEMENTS (parts); i++) {
    if (is_asked_for (parts[i].name, argv + 1, argc - 1))
      run_part (&bench, i, json_path);
  }
  ok = bench.failures->len == 0;
  bench_clear (&bench);
  return ok ? 0 : 1;

usage:
  g_printerr ("%s", g_option_context_get_help (context, TRUE, NULL));
  return 2;
failed:
  g_printerr ("vyre-bench: %s\n", error->message);
  return 1;
}
