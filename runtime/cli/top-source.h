/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <json-glib/json-glib.h>

/* The other end of runtime/engine/monitor.h: sockets, and the lines that come
 * from them. What comes is another process's and believed in nothing but its
 * syntax. */

#define TOP_SOURCE_ERROR (top_source_error_quark ())
GQuark top_source_error_quark (void);

typedef enum
{
  TOP_SOURCE_ERROR_PROTOCOL, /* what it says is not understood */
  TOP_SOURCE_ERROR_PEER, /* it is another user's */
} TopSourceError;

/* A socket that somebody listens to. */
typedef struct
{
  char *path;
  char *id; /* PID-DEVICE */
} TopEntry;

/* By id; free with g_ptr_array_unref(). */
GPtrArray *top_source_list (void);

typedef struct _TopSource TopSource;

TopSource *top_source_open (const char *path, GError **error);
void top_source_free (TopSource *source);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (TopSource, top_source_free)

int top_source_get_fd (TopSource *source);

typedef enum
{
  TOP_READ_LINE, /* object is what the line held */
  TOP_READ_AGAIN, /* no whole line is there: poll the descriptor */
  TOP_READ_END, /* the other side has closed */
  TOP_READ_FAILED, /* error is set */
} TopRead;

/* The next line, without waiting. */
TopRead top_source_read (
    TopSource *source, JsonObject **object, GError **error);

/* Members that are missing or of another type are 0, FALSE, "" and NULL. */
guint64 top_get_uint (JsonObject *object, const char *name);
gboolean top_get_boolean (JsonObject *object, const char *name);
const char *top_get_string (JsonObject *object, const char *name);
JsonObject *top_get_object (JsonObject *object, const char *name);
JsonArray *top_get_array (JsonObject *object, const char *name);
