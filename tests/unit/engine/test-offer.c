/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a runtime offers on its monitor's socket: all of its tenants. */

#include "engine/engine-private.h"
#include "engine/monitor.h"

#include <glib/gstdio.h>
#include <json-glib/json-glib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TENANTS 300

static VyreRuntime *runtime;

/* The second line of what the socket says: a sample. */
static char *
read_sample (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  GString *text = g_string_new (NULL);
  char *sample, *end;
  char bytes[65536];
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  g_assert_cmpint (fd, >=, 0);
  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  g_assert_cmpint (
      connect (fd, (const struct sockaddr *) &address, sizeof address), ==, 0);
  for (;;) {
    gssize n = read (fd, bytes, sizeof bytes);

    g_assert_cmpint (n, >, 0);
    g_string_append_len (text, bytes, n);
    sample = strchr (text->str, '\n');
    end = sample != NULL ? strchr (sample + 1, '\n') : NULL;
    if (end != NULL)
      break;
  }
  close (fd);
  sample = g_strndup (sample + 1, (gsize) (end - sample - 1));
  g_string_free (text, TRUE);
  return sample;
}

static void
test_all_tenants (void)
{
  g_autofree char *folder = vyre_monitor_folder ();
  g_autofree char *name =
      g_strdup_printf ("%d-%u.sock", (int) getpid (), runtime->info->index);
  g_autofree char *path = g_build_filename (folder, name, NULL);
  g_autofree char *sample = NULL;
  g_autoptr (JsonParser) parser = json_parser_new ();
  g_autoptr (GError) error = NULL;
  VyreTenant *tenants[TENANTS];
  JsonArray *told;

  for (guint i = 0; i < TENANTS; i++) {
    g_autofree char *own = g_strdup_printf ("tenant %u", i);

    tenants[i] = vyre_tenant_new (runtime, own, &error);
    g_assert_no_error (error);
  }
  vyre_runtime_offer_monitor (runtime, &error);
  g_assert_no_error (error);
  sample = read_sample (path);
  json_parser_load_from_data (parser, sample, -1, &error);
  g_assert_no_error (error);
  told = json_object_get_array_member (
      json_node_get_object (json_parser_get_root (parser)), "tenants");
  g_assert_cmpuint (json_array_get_length (told), ==, TENANTS);
  for (guint i = 0; i < TENANTS; i++) {
    g_autofree char *own = g_strdup_printf ("tenant %u", i);

    g_assert_cmpstr (json_object_get_string_member (
                         json_array_get_object_element (told, i), "name"),
        ==, own);
    vyre_tenant_free (tenants[i]);
  }
}

int
main (int argc, char **argv)
{
  g_autofree char *folder = NULL;
  g_autofree char *sockets = NULL;
  g_autoptr (GError) error = NULL;
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;
  int status;

  folder = g_dir_make_tmp ("vyre-offer-XXXXXX", &error);
  g_assert_no_error (error);
  g_setenv ("XDG_RUNTIME_DIR", folder, TRUE);
  g_test_init (&argc, &argv, NULL);
  runtime = vyre_runtime_acquire (&options, &error);
  g_assert_no_error (error);
  g_test_add_func ("/offer/all-tenants", test_all_tenants);
  status = g_test_run ();
  vyre_runtime_unref (runtime);
  sockets = vyre_monitor_folder ();
  g_rmdir (sockets);
  g_rmdir (folder);
  return status;
}
