/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "top-view.h"

#include "top-source.h"

#include "ring/words.h"
#include "telemetry/latency.h"

#include <string.h>

/* More than there can be is not believed. */
#define MAX_TENANTS VYRE_TENANTS

struct _TopView
{
  JsonObject *hello;
  JsonObject *sample, *before; /* or NULL */
  GHashTable *ids; /* of before: gint64 to JsonObject, not owned */
};

typedef struct
{
  double windows, bytes, launches, copied, avoided; /* per second */
} Rates;

typedef struct
{
  gboolean known; /* the tenant was there before */
  double windows, bytes; /* per second */
  guint64 ended; /* windows in between */
  guint64 compiled; /* of these */
  guint64 p50, p90, p99; /* ns, of these */
} TenantRates;

TopView *
top_view_new (JsonObject *hello)
{
  TopView *view = g_new0 (TopView, 1);

  view->hello = json_object_ref (hello);
  view->ids = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  return view;
}

void
top_view_free (TopView *view)
{
  json_object_unref (view->hello);
  g_hash_table_unref (view->ids);
  g_clear_pointer (&view->sample, json_object_unref);
  g_clear_pointer (&view->before, json_object_unref);
  g_free (view);
}

static JsonObject *
tenant_at (JsonObject *sample, guint i)
{
  JsonArray *tenants = top_get_array (sample, "tenants");
  JsonNode *node;

  if (tenants == NULL ||
      i >= MIN (json_array_get_length (tenants), MAX_TENANTS))
    return NULL;
  node = json_array_get_element (tenants, i);
  return JSON_NODE_HOLDS_OBJECT (node) ? json_node_get_object (node) : NULL;
}

void
top_view_set_sample (TopView *view, JsonObject *sample)
{
  JsonObject *tenant;

  g_clear_pointer (&view->before, json_object_unref);
  view->before = view->sample;
  view->sample = json_object_ref (sample);
  g_hash_table_remove_all (view->ids);
  for (guint i = 0;
       view->before != NULL && (tenant = tenant_at (view->before, i)) != NULL;
       i++) {
    gint64 id = (gint64) top_get_uint (tenant, "id");

    g_hash_table_insert (view->ids, g_memdup2 (&id, sizeof id), tenant);
  }
}

gboolean
top_view_has_rates (const TopView *view)
{
  return view->before != NULL;
}

/* --- rates --------------------------------------------------------------- */

/* Never negative: what comes may be nonsense. */
static guint64
difference (JsonObject *after, JsonObject *before, const char *name)
{
  guint64 a = top_get_uint (after, name), b = top_get_uint (before, name);

  return a > b ? a - b : 0;
}

static guint64
ended_windows (JsonObject *tenant)
{
  return top_get_uint (tenant, "done") + top_get_uint (tenant, "faulted") +
         top_get_uint (tenant, "cancelled") + top_get_uint (tenant, "lost");
}

static double
elapsed_seconds (const TopView *view)
{
  return MAX (difference (view->sample, view->before, "time-us"), 1) / 1e6;
}

static Rates
find_rates (const TopView *view)
{
  JsonObject *now = top_get_object (view->sample, "runtime");
  JsonObject *before = top_get_object (view->before, "runtime");
  double seconds = elapsed_seconds (view);
  guint64 ended = difference (now, before, "windows-done") +
                  difference (now, before, "windows-faulted") +
                  difference (now, before, "windows-cancelled");

  return (Rates){
    .windows = ended / seconds,
    .bytes = difference (now, before, "bytes-bound") / seconds,
    .launches = difference (now, before, "launches") / seconds,
    .copied = difference (now, before, "host-copy-bytes") / seconds,
    .avoided = difference (now, before, "host-copy-avoided-bytes") / seconds,
  };
}

/* The same one in the sample before: ids are given again. */
static JsonObject *
tenant_before (const TopView *view, JsonObject *tenant)
{
  gint64 id = (gint64) top_get_uint (tenant, "id");
  JsonObject *other = g_hash_table_lookup (view->ids, &id);

  return other != NULL && top_get_uint (other, "since-us") ==
                              top_get_uint (tenant, "since-us")
             ? other
             : NULL;
}

static void
add_buckets (guint64 *counts, JsonObject *tenant, gboolean subtract)
{
  JsonObject *latency = top_get_object (tenant, "latency");
  JsonArray *buckets = top_get_array (latency, "buckets");
  guint n = buckets != NULL ? json_array_get_length (buckets) : 0;

  for (guint i = 0; i < n; i++) {
    JsonNode *node = json_array_get_element (buckets, i);
    JsonArray *pair;
    guint64 *count;
    gint64 more;

    if (!JSON_NODE_HOLDS_ARRAY (node))
      continue;
    pair = json_node_get_array (node);
    if (json_array_get_length (pair) != 2 ||
        !JSON_NODE_HOLDS_VALUE (json_array_get_element (pair, 0)) ||
        !JSON_NODE_HOLDS_VALUE (json_array_get_element (pair, 1)))
      continue;
    more = MAX (json_array_get_int_element (pair, 1), 0);
    count = &counts[vyre_latency_bucket (
        (guint64) MAX (json_array_get_int_element (pair, 0), 0))];
    if (!subtract)
      *count += (guint64) more;
    else
      *count -= MIN ((guint64) more, *count);
  }
}

static TenantRates
find_tenant_rates (const TopView *view, JsonObject *tenant)
{
  JsonObject *before = tenant_before (view, tenant);
  guint64 counts[VYRE_LATENCY_BUCKETS] = { 0 };
  double seconds = elapsed_seconds (view);
  guint64 ended, ended_before;
  guint64 max = top_get_uint (top_get_object (tenant, "latency"), "max-ns");
  TenantRates rates = { 0 };

  if (before == NULL)
    return rates;
  ended = ended_windows (tenant);
  ended_before = ended_windows (before);
  rates.known = TRUE;
  rates.ended = ended > ended_before ? ended - ended_before : 0;
  rates.compiled = difference (tenant, before, "compiled");
  rates.windows = rates.ended / seconds;
  rates.bytes = difference (tenant, before, "bytes") / seconds;
  add_buckets (counts, tenant, FALSE);
  add_buckets (counts, before, TRUE);
  /* Interpolated: not beyond what there ever was. */
  rates.p50 = MIN (vyre_latency_percentile (counts, 50), max);
  rates.p90 = MIN (vyre_latency_percentile (counts, 90), max);
  rates.p99 = MIN (vyre_latency_percentile (counts, 99), max);
  return rates;
}

/* --- text ---------------------------------------------------------------- */

/* One column for each character, none that a terminal obeys. */
static char *
plain (const char *text)
{
  GString *out = g_string_new (NULL);

  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p)) {
    gunichar c = g_utf8_get_char (p);

    g_string_append_unichar (out, g_unichar_isprint (c) &&
                                          !g_unichar_iswide (c) &&
                                          !g_unichar_iszerowidth (c)
                                      ? c
                                      : '?');
  }
  return g_string_free (out, FALSE);
}

static void
cut (char *line, guint columns)
{
  if (g_utf8_strlen (line, -1) > columns)
    *g_utf8_offset_to_pointer (line, columns) = '\0';
}

/* Three digits; none behind the point where the value has none. */
static int
decimals (double value)
{
  if (value >= 99.95 || value == (double) (guint64) value)
    return 0;
  return value >= 9.995 ? 1 : 2;
}

/* "1.23 G", with the unit behind it. */
static char *
scaled (double value, const char *unit)
{
  static const char *const prefixes[] = { "", "k", "M", "G", "T", "P", "E" };
  guint i = 0;

  while (value >= 999.5 && i + 1 < G_N_ELEMENTS (prefixes)) {
    value /= 1000;
    i++;
  }
  return g_strdup_printf (
      "%.*f %s%s", decimals (value), value, prefixes[i], unit);
}

static char *
time_text (guint64 ns)
{
  static const char *const units[] = { "ns", "us", "ms", "s" };
  double value = (double) ns;
  guint i = 0;

  while (value >= 999.5 && i + 1 < G_N_ELEMENTS (units)) {
    value /= 1000;
    i++;
  }
  return g_strdup_printf ("%.*f %s", decimals (value), value, units[i]);
}

static char *
span_text (guint64 us)
{
  guint64 seconds = us / G_USEC_PER_SEC;

  return g_strdup_printf ("%" G_GUINT64_FORMAT ":%02u:%02u", seconds / 3600,
      (guint) (seconds / 60 % 60), (guint) (seconds % 60));
}

static void G_GNUC_PRINTF (2, 3)
    add_line (GPtrArray *lines, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (lines, g_strdup_vprintf (format, args));
  va_end (args);
}

static void
add_head (const TopView *view, GPtrArray *lines)
{
  JsonObject *device = top_get_object (view->hello, "device");
  g_autofree char *program = plain (top_get_string (view->hello, "program"));
  g_autofree char *name = plain (top_get_string (device, "name"));
  g_autofree char *residency =
      plain (top_get_string (view->hello, "residency"));

  add_line (lines, "%s (%" G_GUINT64_FORMAT ") on %s, %s", program,
      top_get_uint (view->hello, "pid"), name, residency);
}

static void
add_totals (const TopView *view, GPtrArray *lines)
{
  JsonObject *runtime = top_get_object (view->sample, "runtime");
  Rates rates = find_rates (view);
  g_autofree char *windows = scaled (rates.windows, "/s");
  g_autofree char *bytes = scaled (rates.bytes, "B/s");
  g_autofree char *launches = scaled (rates.launches, "/s");
  g_autofree char *copied = scaled (rates.copied, "B/s");
  g_autofree char *avoided = scaled (rates.avoided, "B/s");
  g_autofree char *used =
      scaled ((double) top_get_uint (runtime, "arena-used-bytes"), "B");
  g_autofree char *size =
      scaled ((double) top_get_uint (runtime, "arena-bytes"), "B");
  gboolean known = top_view_has_rates (view);

  add_line (lines,
      "Windows  %-9s in flight %" G_GUINT64_FORMAT ", done %" G_GUINT64_FORMAT
      ", faulted %" G_GUINT64_FORMAT ", cancelled %" G_GUINT64_FORMAT,
      known ? windows : "-", top_get_uint (runtime, "windows-in-flight"),
      top_get_uint (runtime, "windows-done"),
      top_get_uint (runtime, "windows-faulted"),
      top_get_uint (runtime, "windows-cancelled"));
  add_line (lines, "Bound    %-9s copied by the CPU %s, used in place %s",
      known ? bytes : "-", known ? copied : "-", known ? avoided : "-");
  add_line (lines,
      "Launches %-9s %" G_GUINT64_FORMAT " in all, %" G_GUINT64_FORMAT
      " of them for rewritten memory",
      known ? launches : "-", top_get_uint (runtime, "launches"),
      top_get_uint (runtime, "generations"));
  add_line (lines, "Arena    %s of %s in use", used, size);
}

static void
add_ring (const TopView *view, GPtrArray *lines)
{
  JsonObject *ring = top_get_object (view->sample, "ring");
  JsonObject *watchdog = top_get_object (view->sample, "watchdog");
  guint64 slots = top_get_uint (ring, "slots");
  guint64 depth = MIN (top_get_uint (ring, "depth"), slots);
  char bar[21];

  if (ring == NULL) {
    g_autofree char *why = plain (top_get_string (view->sample, "error"));

    add_line (lines, "Ring     cannot be read: %s", why);
    return;
  }
  for (guint i = 0; i < 20; i++)
    bar[i] = depth > 0 && i <= (double) depth * 20 / (double) slots - 1e-9
                 ? '#'
                 : '.';
  bar[20] = '\0';
  add_line (lines,
      "Ring     [%s] %" G_GUINT64_FORMAT " of %" G_GUINT64_FORMAT
      " slots: published %" G_GUINT64_FORMAT ", claimed %" G_GUINT64_FORMAT
      ", suspended %" G_GUINT64_FORMAT ", fault %" G_GUINT64_FORMAT,
      bar, depth, slots, top_get_uint (ring, "published"),
      top_get_uint (ring, "claimed"),
      top_get_uint (ring, "yield") + top_get_uint (ring, "requeue"),
      top_get_uint (ring, "fault"));
  if (top_get_uint (watchdog, "stuck-slots") > 0)
    add_line (lines,
        "Watchdog STUCK: %" G_GUINT64_FORMAT
        " slots are taken and do not go on",
        top_get_uint (watchdog, "stuck-slots"));
  else if (top_get_boolean (watchdog, "stalled"))
    add_line (lines,
        "Watchdog STALLED: %" G_GUINT64_FORMAT
        " slots could run, and nothing moves",
        top_get_uint (watchdog, "runnable-slots"));
  else
    add_line (lines, "Watchdog ok");
}

static const char *
tier_name (const TenantRates *rates, JsonObject *tenant)
{
  guint64 ended = rates->ended, compiled = rates->compiled;

  /* Nothing ended lately: what was. */
  if (ended == 0) {
    ended = ended_windows (tenant);
    compiled = top_get_uint (tenant, "compiled");
  }
  if (ended == 0)
    return "-";
  return compiled == 0 ? "interp" : compiled >= ended ? "jit" : "mixed";
}

static void
add_tenant (const TopView *view, GPtrArray *lines, JsonObject *tenant)
{
  TenantRates rates = find_tenant_rates (view, tenant);
  JsonObject *latency = top_get_object (tenant, "latency");
  JsonObject *fault = top_get_object (tenant, "last-fault");
  g_autofree char *name = plain (top_get_string (tenant, "name"));
  g_autofree char *windows = scaled (rates.windows, "/s");
  g_autofree char *bytes = scaled (rates.bytes, "B/s");
  g_autofree char *p50 = time_text (rates.p50);
  g_autofree char *p90 = time_text (rates.p90);
  g_autofree char *p99 = time_text (rates.p99);
  g_autofree char *max = time_text (top_get_uint (latency, "max-ns"));
  gboolean any = rates.ended > 0;

  cut (name, 15);
  add_line (lines,
      "%3" G_GUINT64_FORMAT " %-15s %-6s %9s %10s %5" G_GUINT64_FORMAT
      " %8s %8s %8s %8s %6" G_GUINT64_FORMAT,
      top_get_uint (tenant, "id"), name, tier_name (&rates, tenant),
      rates.known ? windows : "-", rates.known ? bytes : "-",
      top_get_uint (tenant, "in-flight"), any ? p50 : "-", any ? p90 : "-",
      any ? p99 : "-", ended_windows (tenant) > 0 ? max : "-",
      top_get_uint (tenant, "faulted"));
  if (fault != NULL) {
    g_autofree char *text = plain (top_get_string (fault, "text"));
    g_autofree char *age = span_text (top_get_uint (fault, "age-us"));

    add_line (lines, "    last fault %s ago: %s, address %" G_GUINT64_FORMAT,
        age, text, top_get_uint (fault, "address"));
  }
}

GPtrArray *
top_view_lines (const TopView *view, guint columns)
{
  GPtrArray *lines = g_ptr_array_new_with_free_func (g_free);
  JsonObject *tenant;

  add_head (view, lines);
  if (view->sample != NULL) {
    add_totals (view, lines);
    add_ring (view, lines);
    add_line (lines, "%s", "");
    add_line (lines, "%3s %-15s %-6s %9s %10s %5s %8s %8s %8s %8s %6s", "ID",
        "NAME", "TIER", "WINDOWS", "BYTES", "FLY", "P50", "P90", "P99", "MAX",
        "FAULTS");
    for (guint i = 0; (tenant = tenant_at (view->sample, i)) != NULL; i++)
      add_tenant (view, lines, tenant);
  }
  for (guint i = 0; i < lines->len; i++)
    cut (g_ptr_array_index (lines, i), columns);
  return lines;
}

/* --- JSON ---------------------------------------------------------------- */

static JsonObject *
copy_members (JsonObject *object)
{
  JsonObject *copy = json_object_new ();
  g_autoptr (GList) names = json_object_get_members (object);

  for (GList *l = names; l != NULL; l = l->next)
    json_object_set_member (copy, l->data,
        json_node_copy (json_object_get_member (object, l->data)));
  return copy;
}

static JsonArray *
tenants_with_rates (const TopView *view)
{
  JsonArray *array = json_array_new ();
  JsonObject *tenant;

  for (guint i = 0; (tenant = tenant_at (view->sample, i)) != NULL; i++) {
    TenantRates rates = find_tenant_rates (view, tenant);
    JsonObject *copy = copy_members (tenant), *group = json_object_new ();

    json_object_set_double_member (group, "windows-per-second", rates.windows);
    json_object_set_double_member (group, "bytes-per-second", rates.bytes);
    json_object_set_int_member (group, "p50-ns", (gint64) rates.p50);
    json_object_set_int_member (group, "p90-ns", (gint64) rates.p90);
    json_object_set_int_member (group, "p99-ns", (gint64) rates.p99);
    json_object_set_object_member (copy, "rates", group);
    json_array_add_object_element (array, copy);
  }
  return array;
}

char *
top_view_json (const TopView *view)
{
  g_autoptr (JsonGenerator) generator = json_generator_new ();
  g_autoptr (JsonNode) root = json_node_new (JSON_NODE_OBJECT);
  JsonObject *object = copy_members (view->sample);
  JsonObject *group = json_object_new ();
  JsonObject *device = top_get_object (view->hello, "device");
  Rates rates = find_rates (view);

  json_object_set_int_member (
      object, "pid", (gint64) top_get_uint (view->hello, "pid"));
  json_object_set_string_member (
      object, "program", top_get_string (view->hello, "program"));
  if (device != NULL)
    json_object_set_object_member (object, "device", copy_members (device));
  json_object_set_string_member (
      object, "residency", top_get_string (view->hello, "residency"));
  json_object_set_int_member (object, "interval-us",
      (gint64) difference (view->sample, view->before, "time-us"));
  json_object_set_double_member (group, "windows-per-second", rates.windows);
  json_object_set_double_member (group, "bytes-per-second", rates.bytes);
  json_object_set_double_member (group, "launches-per-second", rates.launches);
  json_object_set_double_member (
      group, "host-copy-bytes-per-second", rates.copied);
  json_object_set_double_member (
      group, "host-copy-avoided-bytes-per-second", rates.avoided);
  json_object_set_object_member (object, "rates", group);
  json_object_set_array_member (object, "tenants", tenants_with_rates (view));
  json_node_take_object (root, object);
  json_generator_set_root (generator, root);
  return json_generator_to_data (generator, NULL);
}
