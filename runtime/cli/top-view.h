/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <json-glib/json-glib.h>

/* What vyre top shows of two samples, one some time after the other. */

typedef struct _TopView TopView;

/* hello: the first object of the connection. */
TopView *top_view_new (JsonObject *hello);
void top_view_free (TopView *view);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TopView, top_view_free)

/* The sample to show; what was shown before is what it is compared with. */
void top_view_set_sample (TopView *view, JsonObject *sample);
/* There are two samples, so that there are rates. */
gboolean top_view_has_rates (const TopView *view);

/* Lines of text, none wider than that, all there are; free with
 * g_ptr_array_unref(). Nothing that came from the other process can hold
 * control characters. */
GPtrArray *top_view_lines (const TopView *view, guint columns);

/* The sample as a line of JSON without newline, together with who it is of and
 * with rates: see docs/telemetry.md. Needs rates. */
char *top_view_json (const TopView *view);
