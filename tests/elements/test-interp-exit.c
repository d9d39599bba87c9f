/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Processes that exit while their pipelines play, as scripts do. */

#include "support.h"

#include <stdio.h>
#include <unistd.h>

#define FILE_BYTES (1024 * 1024 * 1024) /* with nothing in it */

/* Exits after so many milliseconds. */
static const int delays[] = { 0, 3, 20, 100 };

static void
exit_while_playing (int delay)
{
  g_autofree char *path = support_path ("zeros");
  FILE *file = fopen (path, "w");
  g_assert_true (file != NULL && ftruncate (fileno (file), FILE_BYTES) == 0);
  fclose (file);

  GstElement *pipeline = support_launch (
      "vyresrc location=%s blocksize=65536 ! vyreinterp program=invert ! "
      "fakesink fakesrc sizetype=fixed sizemax=4096 filltype=zero ! "
      "vyreinterp program=invert ! fakesink",
      path);
  support_set_state (pipeline, GST_STATE_PLAYING);
  g_usleep (delay * 1000);
  support_exit (0);
}

static void
test_playing (gconstpointer data)
{
  if (g_test_subprocess ()) {
    exit_while_playing (GPOINTER_TO_INT (data));
    return;
  }
  g_test_trap_subprocess (NULL, 60 * G_USEC_PER_SEC, 0);
  g_test_trap_assert_passed ();
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", NULL };

  support_init (&argc, &argv, plugins);
  for (guint i = 0; i < G_N_ELEMENTS (delays); i++) {
    g_autofree char *name =
        g_strdup_printf ("/interp-exit/playing/%d", delays[i]);

    g_test_add_data_func (name, GINT_TO_POINTER (delays[i]), test_playing);
  }
  return support_run ();
}
