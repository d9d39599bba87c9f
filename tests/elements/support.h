/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* What every element test needs: a registry of its own that knows only the
 * plugins it names and ours, warnings and leaks that fail the test, and files
 * with known contents. */

/* Instead of g_test_init() and gst_init(). plugins: system plugins by the name
 * in their file ("coreelements"), up to a %NULL. The build defines
 * VYRE_TEST_SYSTEM_PLUGINS, and VYRE_TEST_PLUGIN_DIR for tests of our plugin. */
void support_init (int *argc, char ***argv, const char *const *plugins);
/* Runs the tests, deinitialises GStreamer (which reports leaks) and removes
 * the test's folder. What main() returns. */
int support_run (void);
/* Instead, in a process that exits with all in use: removes the folder only. */
void support_exit (int status) G_GNUC_NORETURN;

/* A name in the test's own folder; free with g_free(). */
char *support_path (const char *name);
/* size bytes that repeat nowhere, the same for the same size; free with
 * g_free(). */
guint8 *support_noise (gsize size);
/* Noise in a file of that name; its path, and what is in it if data is not
 * %NULL. */
char *support_noise_file (const char *name, gsize size, guint8 **data);
/* Does the file system of the test's folder take O_DIRECT? */
gboolean support_has_direct_io (void);
void support_assert_file (const char *path, const guint8 *data, gsize size);

/* gst_parse_launch() of a printf format, fails the test when it cannot. */
GstElement *support_launch (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* Waits for the state that was asked for, at most 20 s; fails the test, and prints
 * what is on the bus, when it does not come. */
void support_settle (GstElement *pipeline);
/* The same for each of its elements, for a pipeline that was told to pause when
 * it was about to play: if that comes while the preroll ends, GStreamer's bin
 * (1.22) drops the step to PLAYING and waits for it all the same, with any elements
 * in it. The pipeline is set to NULL if it still says that it is on its way. */
void support_settle_elements (GstElement *pipeline);
/* Sets the state and waits for it. */
void support_set_state (GstElement *pipeline, GstState state);
/* Waits for EOS, at most 60 s; an error message fails the test. */
void support_wait_eos (GstElement *pipeline);
/* Waits for a message of that type, at most 20 s. */
GstMessage *support_wait_message (GstElement *pipeline, GstMessageType type);
/* Asserts that, after half a second, the process takes less than a fiftieth of a
 * processor for a second. */
void support_assert_quiet (void);
/* Runs to EOS and to NULL, and drops the pipeline. */
void support_play (GstElement *pipeline);
/* Asserts that the pipeline fails with that error, which names the part of a
 * name; leaves it in NULL. */
void support_assert_error (
    GstElement *pipeline, GQuark domain, int code, const char *part);

G_END_DECLS
