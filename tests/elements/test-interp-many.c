/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* More elements and buffers than the runtime has slots and descriptors for:
 * nobody fails, everybody waits for the others. */

#include "interp-harness.h"

/* Of the runtime on a CPU; less than what is in flight here. */
#define DESCRIPTORS 512
#define SIZE 64

static GstBuffer *
numbered_buffer (guint i)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, SIZE, NULL);
  guint32 words[SIZE / 4];

  for (guint k = 0; k < G_N_ELEMENTS (words); k++)
    words[k] = i * 7919 + k;
  gst_buffer_fill (buffer, 0, words, sizeof words);
  return buffer;
}

/* buffer: (transfer full). It is that one, inverted. */
static void
assert_result (GstBuffer *buffer, guint i)
{
  guint32 words[SIZE / 4];

  for (guint k = 0; k < G_N_ELEMENTS (words); k++)
    words[k] = ~(i * 7919 + k);
  assert_buffer (buffer, (const guint8 *) words, sizeof words);
}

static Interp *
deep_new (void)
{
  GstElement *element = interp_element ("invert", NULL);

  g_object_set (element, "async-depth", 1024, NULL);
  return interp_play (element);
}

static void
push (Interp *self, guint from, guint n)
{
  for (guint i = from; i < from + n; i++)
    g_assert_cmpint (
        gst_harness_push (self->harness, numbered_buffer (i)), ==, GST_FLOW_OK);
}

static void
pull (Interp *self, guint from, guint n)
{
  for (guint i = from; i < from + n; i++)
    assert_result (gst_harness_pull (self->harness), i);
}

/* One element alone has more buffers in flight than there are of anything. */
static void
test_one (void)
{
  Interp *self = deep_new ();

  push (self, 0, 4 * DESCRIPTORS);
  pull (self, 0, 4 * DESCRIPTORS);
  interp_free (self);
}

static gpointer
push_much (gpointer data)
{
  push (data, 0, DESCRIPTORS);
  return NULL;
}

/* Several at once, each in a thread of its own. */
static void
test_several (void)
{
  Interp *selfs[6];
  GThread *threads[G_N_ELEMENTS (selfs)];

  for (guint i = 0; i < G_N_ELEMENTS (selfs); i++)
    selfs[i] = deep_new ();
  for (guint i = 0; i < G_N_ELEMENTS (selfs); i++)
    threads[i] = g_thread_new ("push", push_much, selfs[i]);
  for (guint i = 0; i < G_N_ELEMENTS (selfs); i++) {
    pull (selfs[i], 0, DESCRIPTORS);
    g_thread_join (threads[i]);
    interp_free (selfs[i]);
  }
}

/* Streams that stand still, full of results that nobody takes, do not hold up
 * one that flows. */
static void
test_beside_stopped (void)
{
  Interp *stopped[6];
  GstPad *pads[G_N_ELEMENTS (stopped)];
  gulong probes[G_N_ELEMENTS (stopped)];
  Interp *self = deep_new ();
  const guint n = DESCRIPTORS / 4;

  for (guint i = 0; i < G_N_ELEMENTS (stopped); i++) {
    stopped[i] = deep_new ();
    pads[i] = gst_element_get_static_pad (stopped[i]->element, "src");
    probes[i] = gst_pad_add_probe (
        pads[i], GST_PAD_PROBE_TYPE_BLOCK_DOWNSTREAM, NULL, NULL, NULL);
    push (stopped[i], 0, n);
  }
  push (self, 0, DESCRIPTORS);
  pull (self, 0, DESCRIPTORS);
  interp_free (self);
  for (guint i = 0; i < G_N_ELEMENTS (stopped); i++) {
    gst_pad_remove_probe (pads[i], probes[i]);
    pull (stopped[i], 0, n);
    gst_object_unref (pads[i]);
    interp_free (stopped[i]);
  }
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { NULL };

  support_init (&argc, &argv, plugins);
  g_test_add_func ("/interp-many/one", test_one);
  g_test_add_func ("/interp-many/several", test_several);
  g_test_add_func ("/interp-many/beside-stopped", test_beside_stopped);
  return support_run ();
}
