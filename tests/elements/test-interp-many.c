/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* More elements and buffers than the runtime has slots and descriptors for:
 * nobody fails, everybody waits for the others. */

#include "interp-harness.h"

#include "engine/runtime.h"

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

static void
wait_for_tier (GstElement *pipeline, const char *name, VyreTier wanted)
{
  gint64 end = g_get_monotonic_time () + 60 * G_TIME_SPAN_SECOND;
  GstElement *element = gst_bin_get_by_name (GST_BIN (pipeline), name);
  gint tier;

  for (;;) {
    g_object_get (element, "tier", &tier, NULL);
    if (tier == wanted)
      break;
    g_assert_cmpint (g_get_monotonic_time (), <, end);
    g_usleep (1000);
  }
  gst_object_unref (element);
}

/* Each with a kernel of its own, all of them busy. */
static void
test_in_a_row (void)
{
  const gsize size = (1 << 20) + 1;
  g_autofree guint8 *data = NULL;
  g_autofree char *in = support_noise_file ("in", size, &data);
  g_autofree char *out = support_path ("out");
  GstElement *pipeline =
      support_launch ("vyresrc location=%s blocksize=4096 ! "
                      "vyreinterp name=a program=invert engine=jit ! "
                      "vyreinterp name=b program=ascii-upper engine=jit ! "
                      "vyreinterp name=c program=invert engine=interp ! "
                      "filesink location=%s",
          in, out);

  support_set_state (pipeline, GST_STATE_PAUSED);
  wait_for_tier (pipeline, "a", VYRE_TIER_COMPILED);
  wait_for_tier (pipeline, "b", VYRE_TIER_COMPILED);
  wait_for_tier (pipeline, "c", VYRE_TIER_INTERPRETED);
  gst_element_set_state (pipeline, GST_STATE_PLAYING);
  support_wait_eos (pipeline);
  support_set_state (pipeline, GST_STATE_NULL);
  gst_object_unref (pipeline);
  for (gsize i = 0; i < size; i++)
    data[i] = ~g_ascii_toupper (~data[i]);
  support_assert_file (out, data, size);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { "coreelements", NULL };

  support_init (&argc, &argv, plugins);
  g_test_add_func ("/interp-many/one", test_one);
  g_test_add_func ("/interp-many/several", test_several);
  g_test_add_func ("/interp-many/beside-stopped", test_beside_stopped);
  g_test_add_func ("/interp-many/in-a-row", test_in_a_row);
  return support_run ();
}
