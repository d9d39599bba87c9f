/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

#include "engine/runtime.h"

G_BEGIN_DECLS

/**
 * Sharing one #VyreRuntime between elements, bins and applications.
 *
 * The context has type "gst.vyre.runtime", is persistent, and its structure
 * holds `runtime` (boxed #VyreRuntime), `device-index` (uint), `device-name`
 * (string) and `device-uuid` (string of 32 hexadecimal digits).
 *
 * An element keeps its runtime in a field that starts %NULL and is touched only
 * under the element's OBJECT_LOCK. It calls gst_vyre_context_ensure() in NULL
 * to READY, gst_vyre_context_handle_set() from its set_context, which always
 * chains up, gst_vyre_context_handle_query() from its CONTEXT query handlers,
 * and drops the field in READY to NULL.
 */

#define GST_VYRE_RUNTIME_CONTEXT_TYPE "gst.vyre.runtime"

#define GST_TYPE_VYRE_RUNTIME (gst_vyre_runtime_get_type ())
GType gst_vyre_runtime_get_type (void);

/**
 * gst_vyre_context_ensure:
 * @element: who needs it; no lock of the element may be held
 * @wish: which device; residency matters to a new runtime only
 * @create: make one if nobody has any
 * @runtime: (inout): the element's field
 * @error: why it could not be made
 *
 * Looks in this order: what set_context() already gave, neighbours downstream,
 * neighbours upstream, NEED_CONTEXT message; then, with @create,
 * vyre_runtime_acquire(), set on @element and announced by HAVE_CONTEXT.
 * Runtimes of other devices are passed over. Searching and creating is
 * serialised in the process.
 *
 * Returns: %TRUE when @runtime is set. %FALSE without @error when nobody has one
 *   and @create is %FALSE.
 */
gboolean gst_vyre_context_ensure (GstElement *element,
    const VyreRuntimeOptions *wish, gboolean create, VyreRuntime **runtime,
    GError **error);

/**
 * gst_vyre_context_handle_set:
 * @element: the element
 * @context: (nullable): what set_context() got, of any type
 * @wish: which device
 * @runtime: (inout): the element's field; left alone once it is set
 *
 * Takes OBJECT_LOCK.
 *
 * Returns: %TRUE when @runtime was taken from @context.
 */
gboolean gst_vyre_context_handle_set (GstElement *element, GstContext *context,
    const VyreRuntimeOptions *wish, VyreRuntime **runtime);

/**
 * gst_vyre_context_handle_query:
 * @element: the element
 * @query: any query
 * @runtime: (nullable): a reference that the caller took under OBJECT_LOCK and
 *   drops afterwards
 *
 * Returns: %TRUE when @query asks for our context and was answered.
 */
gboolean gst_vyre_context_handle_query (
    GstElement *element, GstQuery *query, VyreRuntime *runtime);

/* (transfer full): a persistent context that holds a reference. */
GstContext *gst_vyre_context_new (VyreRuntime *runtime);

/* (transfer full) (nullable): a reference; %NULL for contexts of other types
 * and without runtime. */
VyreRuntime *gst_vyre_context_get_runtime (GstContext *context);

G_END_DECLS
