/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "gstvyrecontext.h"

#include <string.h>

GST_DEBUG_CATEGORY_STATIC (gst_vyre_context_debug);
#define GST_CAT_DEFAULT ensure_category ()

/* Makes search and creation one step for the process, or two elements that
 * start together would each find nothing and create. Recursive: an answer to
 * NEED_CONTEXT may itself come from an element that has to search. Query
 * handlers and set_context do not take it. */
static GRecMutex search_lock;

static GstDebugCategory *
ensure_category (void)
{
  static gsize once = 0;

  if (g_once_init_enter (&once)) {
    GST_DEBUG_CATEGORY_INIT (
        gst_vyre_context_debug, "vyrecontext", 0, "sharing of the runtime");
    g_once_init_leave (&once, 1);
  }
  return gst_vyre_context_debug;
}

G_DEFINE_BOXED_TYPE (
    VyreRuntime, gst_vyre_runtime, vyre_runtime_ref, vyre_runtime_unref)

static void
fill_context (GstContext *context, VyreRuntime *runtime)
{
  const VyreDeviceInfo *info = vyre_runtime_get_device_info (runtime);
  g_autofree char *uuid = vyre_device_info_dup_uuid (info);

  gst_structure_set (gst_context_writable_structure (context), "runtime",
      GST_TYPE_VYRE_RUNTIME, runtime, "device-index", G_TYPE_UINT, info->index,
      "device-name", G_TYPE_STRING, info->name, "device-uuid", G_TYPE_STRING,
      uuid, NULL);
}

GstContext *
gst_vyre_context_new (VyreRuntime *runtime)
{
  GstContext *context;

  g_return_val_if_fail (runtime != NULL, NULL);

  context = gst_context_new (GST_VYRE_RUNTIME_CONTEXT_TYPE, TRUE);
  fill_context (context, runtime);
  return context;
}

VyreRuntime *
gst_vyre_context_get_runtime (GstContext *context)
{
  VyreRuntime *runtime = NULL;

  g_return_val_if_fail (GST_IS_CONTEXT (context), NULL);

  if (!gst_context_has_context_type (context, GST_VYRE_RUNTIME_CONTEXT_TYPE))
    return NULL;
  gst_structure_get (gst_context_get_structure (context), "runtime",
      GST_TYPE_VYRE_RUNTIME, &runtime, NULL);
  return runtime;
}

static gboolean
is_wished (VyreRuntime *runtime, const VyreRuntimeOptions *wish)
{
  return vyre_device_info_matches (vyre_runtime_get_device_info (runtime),
      wish->device_index, wish->device_name, wish->device_uuid);
}

gboolean
gst_vyre_context_handle_set (GstElement *element, GstContext *context,
    const VyreRuntimeOptions *wish, VyreRuntime **runtime)
{
  g_autoptr (VyreRuntime) offered = NULL;
  gboolean taken = FALSE;

  g_return_val_if_fail (GST_IS_ELEMENT (element), FALSE);

  if (context == NULL)
    return FALSE;
  offered = gst_vyre_context_get_runtime (context);
  if (offered == NULL)
    return FALSE;
  if (!is_wished (offered, wish)) {
    GST_DEBUG_OBJECT (element, "context is for device %u (%s), not ours",
        vyre_runtime_get_device_info (offered)->index,
        vyre_runtime_get_device_info (offered)->name);
    return FALSE;
  }

  GST_OBJECT_LOCK (element);
  if (*runtime == NULL) {
    *runtime = g_steal_pointer (&offered);
    taken = TRUE;
  }
  GST_OBJECT_UNLOCK (element);
  return taken;
}

gboolean
gst_vyre_context_handle_query (
    GstElement *element, GstQuery *query, VyreRuntime *runtime)
{
  const char *type;
  GstContext *context;

  if (GST_QUERY_TYPE (query) != GST_QUERY_CONTEXT || runtime == NULL)
    return FALSE;
  gst_query_parse_context_type (query, &type);
  if (strcmp (type, GST_VYRE_RUNTIME_CONTEXT_TYPE) != 0)
    return FALSE;

  gst_query_parse_context (query, &context);
  context = context != NULL
                ? gst_context_copy (context)
                : gst_context_new (GST_VYRE_RUNTIME_CONTEXT_TYPE, TRUE);
  fill_context (context, runtime);
  gst_query_set_context (query, context);
  gst_context_unref (context);
  GST_LOG_OBJECT (element, "answered context query");
  return TRUE;
}

static gboolean
have_runtime (GstElement *element, VyreRuntime **runtime)
{
  gboolean have;

  GST_OBJECT_LOCK (element);
  have = *runtime != NULL;
  GST_OBJECT_UNLOCK (element);
  return have;
}

typedef struct
{
  GstQuery *query;
  VyreRuntime **runtime;
} Search;

/* FALSE stops the iteration. The answer goes the way of every context, through
 * set_context, so that the element remembers it. */
static gboolean
ask_pad (GstElement *element, GstPad *pad, gpointer user_data)
{
  Search *search = user_data;
  GstContext *context = NULL;

  if (!gst_pad_peer_query (pad, search->query))
    return TRUE;
  gst_query_parse_context (search->query, &context);
  if (context != NULL)
    gst_element_set_context (element, context);
  if (have_runtime (element, search->runtime))
    return FALSE;
  /* It was for another device: ask the next pad afresh. */
  gst_query_unref (search->query);
  search->query = gst_query_new_context (GST_VYRE_RUNTIME_CONTEXT_TYPE);
  return TRUE;
}

static void
ask_neighbours (
    GstElement *element, GstPadDirection direction, VyreRuntime **runtime)
{
  Search search = { gst_query_new_context (GST_VYRE_RUNTIME_CONTEXT_TYPE),
    runtime };

  if (direction == GST_PAD_SRC)
    gst_element_foreach_src_pad (element, ask_pad, &search);
  else
    gst_element_foreach_sink_pad (element, ask_pad, &search);
  gst_query_unref (search.query);
}

gboolean
gst_vyre_context_ensure (GstElement *element, const VyreRuntimeOptions *wish,
    gboolean create, VyreRuntime **runtime, GError **error)
{
  g_autoptr (VyreRuntime) made = NULL;
  GstContext *context;
  gboolean have;

  g_return_val_if_fail (GST_IS_ELEMENT (element), FALSE);
  g_return_val_if_fail (wish != NULL && runtime != NULL, FALSE);

  g_rec_mutex_lock (&search_lock);
  have = have_runtime (element, runtime);
  if (!have) {
    ask_neighbours (element, GST_PAD_SRC, runtime);
    have = have_runtime (element, runtime);
  }
  if (!have) {
    ask_neighbours (element, GST_PAD_SINK, runtime);
    have = have_runtime (element, runtime);
  }
  if (!have) {
    /* The answer arrives by set_context before this returns. */
    gst_element_post_message (
        element, gst_message_new_need_context (
                     GST_OBJECT_CAST (element), GST_VYRE_RUNTIME_CONTEXT_TYPE));
    have = have_runtime (element, runtime);
  }
  if (have || !create)
    goto done;

  made = vyre_runtime_acquire (wish, error);
  if (made == NULL)
    goto done;
  GST_INFO_OBJECT (element, "runtime on device %u, %s",
      vyre_runtime_get_device_info (made)->index,
      vyre_runtime_get_device_info (made)->name);
  context = gst_vyre_context_new (made);
  gst_element_set_context (element, context);
  /* An element whose set_context turned it down (or chains up only) still gets
   * what it asked for. */
  GST_OBJECT_LOCK (element);
  if (*runtime == NULL)
    *runtime = g_steal_pointer (&made);
  GST_OBJECT_UNLOCK (element);
  gst_element_post_message (element,
      gst_message_new_have_context (GST_OBJECT_CAST (element), context));
  have = TRUE;

done:
  g_rec_mutex_unlock (&search_lock);
  return have;
}
