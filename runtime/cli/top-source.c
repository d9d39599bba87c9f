/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "top-source.h"

#include "engine/monitor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A thousand tenants with all their latencies are about half of it. */
#define MAX_LINE (8 * 1024 * 1024)
/* The reader of JSON calls itself for every level. */
#define MAX_DEPTH 16

G_DEFINE_QUARK (top_source_error, top_source_error)

struct _TopSource
{
  int fd;
  char *path;
  GString *text; /* not yet returned */
  gsize searched; /* of it: no newline in there */
};

/* --- sockets ------------------------------------------------------------- */

static int
connect_to (const char *path, GError **error)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  struct ucred peer;
  socklen_t length = sizeof peer;
  int code = ENAMETOOLONG, fd = -1;

  if (g_strlcpy (address.sun_path, path, sizeof address.sun_path) >=
      sizeof address.sun_path)
    goto failed;
  fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  code = errno;
  if (fd < 0)
    goto failed;
  if (connect (fd, (struct sockaddr *) &address, sizeof address) != 0 ||
      getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) {
    code = errno;
    goto failed;
  }
  if (peer.uid != geteuid () && geteuid () != 0)
    goto not_ours;
  return fd;

failed:
  if (fd >= 0)
    close (fd);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (code),
      "%s: cannot connect: %s", path, g_strerror (code));
  return -1;

not_ours:
  close (fd);
  g_set_error (error, TOP_SOURCE_ERROR, TOP_SOURCE_ERROR_PEER,
      "%s: user %u listens there, not you", path, (guint) peer.uid);
  return -1;
}

static void
entry_free (TopEntry *entry)
{
  g_free (entry->path);
  g_free (entry->id);
  g_free (entry);
}

static gint
compare_entries (gconstpointer a, gconstpointer b)
{
  const TopEntry *const *x = a, *const *y = b;

  return strcmp ((*x)->id, (*y)->id);
}

GPtrArray *
top_source_list (void)
{
  GPtrArray *entries =
      g_ptr_array_new_with_free_func ((GDestroyNotify) entry_free);
  g_autofree char *folder = vyre_monitor_folder ();
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    TopEntry *entry;
    int fd;

    if (!g_str_has_suffix (name, ".sock"))
      continue;
    fd = connect_to (path, NULL);
    if (fd < 0)
      continue;
    close (fd);
    entry = g_new0 (TopEntry, 1);
    entry->path = g_steal_pointer (&path);
    entry->id = g_strndup (name, strlen (name) - strlen (".sock"));
    g_ptr_array_add (entries, entry);
  }
  g_ptr_array_sort (entries, compare_entries);
  return entries;
}

TopSource *
top_source_open (const char *path, GError **error)
{
  int fd = connect_to (path, error);
  TopSource *source;

  if (fd < 0)
    return NULL;
  source = g_new0 (TopSource, 1);
  source->fd = fd;
  source->path = g_strdup (path);
  source->text = g_string_new (NULL);
  return source;
}

void
top_source_free (TopSource *source)
{
  close (source->fd);
  g_free (source->path);
  g_string_free (source->text, TRUE);
  g_free (source);
}

int
top_source_get_fd (TopSource *source)
{
  return source->fd;
}

/* --- lines --------------------------------------------------------------- */

static gboolean
is_shallow (const char *text, gsize length)
{
  gboolean in_string = FALSE;
  guint depth = 0;

  for (gsize i = 0; i < length; i++) {
    char c = text[i];

    if (in_string && c == '\\')
      i++;
    else if (c == '"')
      in_string = !in_string;
    else if (!in_string && (c == '{' || c == '['))
      depth++;
    else if (!in_string && (c == '}' || c == ']') && depth > 0)
      depth--;
    if (depth > MAX_DEPTH)
      return FALSE;
  }
  return TRUE;
}

static JsonObject *
parse_line (TopSource *source, gsize length, GError **error)
{
  g_autoptr (JsonParser) parser = json_parser_new_immutable ();
  const char *text = source->text->str;
  g_autoptr (GError) local = NULL;
  JsonNode *root;

  if (memchr (text, '\0', length) != NULL || !is_shallow (text, length) ||
      !g_utf8_validate (text, length, NULL)) {
    g_set_error (error, TOP_SOURCE_ERROR, TOP_SOURCE_ERROR_PROTOCOL,
        "%s: what came is no line of text, or is nested too deeply",
        source->path);
    return NULL;
  }
  if (!json_parser_load_from_data (parser, text, length, &local)) {
    g_set_error (error, TOP_SOURCE_ERROR, TOP_SOURCE_ERROR_PROTOCOL,
        "%s: what came is no JSON: %s", source->path, local->message);
    return NULL;
  }
  root = json_parser_get_root (parser);
  if (root == NULL || !JSON_NODE_HOLDS_OBJECT (root)) {
    g_set_error (error, TOP_SOURCE_ERROR, TOP_SOURCE_ERROR_PROTOCOL,
        "%s: what came is JSON, but no object", source->path);
    return NULL;
  }
  return json_object_ref (json_node_get_object (root));
}

/* The newline's place, or -1. */
static gssize
find_line (TopSource *source)
{
  const char *found = memchr (source->text->str + source->searched, '\n',
      source->text->len - source->searched);

  source->searched = source->text->len;
  return found != NULL ? found - source->text->str : -1;
}

TopRead
top_source_read (TopSource *source, JsonObject **object, GError **error)
{
  char bytes[4096];
  gssize line, n;

  while ((line = find_line (source)) < 0) {
    if (source->text->len > MAX_LINE)
      goto too_long;
    n = recv (source->fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0)
      return TOP_READ_END;
    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
      return TOP_READ_AGAIN;
    if (n < 0 && errno == ECONNRESET)
      return TOP_READ_END;
    if (n < 0)
      goto failed;
    g_string_append_len (source->text, bytes, n);
  }
  *object = parse_line (source, line, error);
  g_string_erase (source->text, 0, line + 1);
  source->searched = 0;
  return *object != NULL ? TOP_READ_LINE : TOP_READ_FAILED;

too_long:
  g_set_error (error, TOP_SOURCE_ERROR, TOP_SOURCE_ERROR_PROTOCOL,
      "%s: a line of more than %d bytes came", source->path, MAX_LINE);
  return TOP_READ_FAILED;

failed:
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno),
      "%s: cannot read: %s", source->path, g_strerror (errno));
  return TOP_READ_FAILED;
}

/* --- members ------------------------------------------------------------- */

static JsonNode *
get_value (JsonObject *object, const char *name)
{
  JsonNode *node =
      object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_VALUE (node) ? node : NULL;
}

guint64
top_get_uint (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name);

  if (node == NULL || json_node_get_value_type (node) != G_TYPE_INT64)
    return 0;
  return (guint64) MAX (json_node_get_int (node), 0);
}

gboolean
top_get_boolean (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name);

  return node != NULL && json_node_get_value_type (node) == G_TYPE_BOOLEAN &&
         json_node_get_boolean (node);
}

const char *
top_get_string (JsonObject *object, const char *name)
{
  JsonNode *node = get_value (object, name);

  if (node == NULL || json_node_get_value_type (node) != G_TYPE_STRING)
    return "";
  return json_node_get_string (node);
}

JsonObject *
top_get_object (JsonObject *object, const char *name)
{
  JsonNode *node =
      object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_OBJECT (node)
             ? json_node_get_object (node)
             : NULL;
}

JsonArray *
top_get_array (JsonObject *object, const char *name)
{
  JsonNode *node =
      object != NULL ? json_object_get_member (object, name) : NULL;

  return node != NULL && JSON_NODE_HOLDS_ARRAY (node)
             ? json_node_get_array (node)
             : NULL;
}
