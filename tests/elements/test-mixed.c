/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Elements of all priorities and several quotas at once, with flushes, program
 * swaps, changes of priority, and runs that do not end and are cancelled: every
 * byte is right, and everybody gets on in every interval. A few seconds; with
 * VYRE_TEST_LONG=1 ten minutes. */

#include "interp-harness.h"

#define INTERVAL_US (10 * G_USEC_PER_SEC)
#define SHORT_US (3 * G_USEC_PER_SEC)
#define LONG_US (600 * G_USEC_PER_SEC)
#define LIMIT_US (120 * G_USEC_PER_SEC)
#define BATCH 8

#define PROGRAM_HEAD \
  "program workgroup(64);\n" \
  "buffer input: readonly u32[] @0;\n" \
  "buffer output: readwrite u32[] @1;\n" \
  "main { let i = invocation_id.x;\n"

/* A hundred steps or so for each word. */
static const char invert_slowly[] =
    PROGRAM_HEAD "  if i < len(output) { let x = input[i];\n"
                 "    for n in 0..21 { x = ~x; }\n"
                 "    output[i] = x; } }\n";
static const char endless[] = PROGRAM_HEAD "  loop { output[0] = i; } }\n";
/* What swapping goes to and fro between; both invert. */
static const char invert_again[] =
    PROGRAM_HEAD "  if i < len(output) { output[i] = input[i] ^ 4294967295; } "
                 "}\n";

enum
{
  FLUSHES = 1,
  SWAPS = 2,
  MOVES = 4, /* its priority and quota change */
  ENDLESS = 8, /* every few buffers, one that must be flushed away */
};

typedef struct
{
  const char *name;
  const char *program, *priority;
  guint quota, does;
  gsize size;
} Part;

static const Part parts[] = {
  { "critical", "invert", "critical", 0, 0, 4096 },
  { "critical, flushing", "invert", "critical", 2, FLUSHES, 1024 },
  { "high, slow", invert_slowly, "high", 0, 0, 4096 },
  { "high, one slot", invert_slowly, "high", 1, SWAPS, 2048 },
  { "normal, large", "invert", "normal", 0, FLUSHES | SWAPS, 16384 },
  { "normal, small", "invert", "normal", 0, 0, 64 },
  { "normal, endless", "invert", "normal", 0, ENDLESS, 4096 },
  { "moving", invert_slowly, "normal", 0, MOVES, 1024 },
  { "low", invert_slowly, "low", 0, SWAPS, 2048 },
  { "idle", "invert", "idle", 1, 0, 1024 },
  { "idle, slow", invert_slowly, "idle", 0, FLUSHES, 1024 },
};

typedef struct
{
  const Part *part;
  Interp *interp;
  GThread *thread;
  GRand *random;
  guint32 serial;
  gint *stop; /* atomic */
  gint done; /* atomic: buffers checked */
  guint seen; /* at the last interval */
  gint64 longest; /* time for a batch, in µs */
} Stream;

static GstBuffer *
numbered (const Stream *self, guint32 serial)
{
  GstBuffer *buffer = gst_buffer_new_allocate (NULL, self->part->size, NULL);
  GstMapInfo map;

  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_WRITE));
  for (gsize i = 0; i < map.size / 4; i++)
    ((guint32 *) map.data)[i] = serial * 2654435761u + i;
  gst_buffer_unmap (buffer, &map);
  return buffer;
}

/* buffer: (transfer full). Is it that one, inverted? */
static void
check (const Stream *self, GstBuffer *buffer, guint32 serial)
{
  GstMapInfo map;

  if (buffer == NULL)
    g_error ("%s: buffer %u does not come", self->part->name, serial);
  g_assert_true (gst_buffer_map (buffer, &map, GST_MAP_READ));
  g_assert_cmpuint (map.size, ==, self->part->size);
  for (gsize i = 0; i < map.size / 4; i++)
    g_assert_cmphex (((const guint32 *) map.data)[i], ==,
        ~(guint32) (serial * 2654435761u + i));
  gst_buffer_unmap (buffer, &map);
  gst_buffer_unref (buffer);
}

static void
flush (Stream *self)
{
  GstHarness *harness = self->interp->harness;
  GstSegment segment;
  GstBuffer *buffer;

  gst_harness_push_event (harness, gst_event_new_flush_start ());
  gst_harness_push_event (harness, gst_event_new_flush_stop (TRUE));
  while ((buffer = gst_harness_try_pull (harness)) != NULL)
    gst_buffer_unref (buffer);
  gst_segment_init (&segment, GST_FORMAT_BYTES);
  gst_harness_push_event (harness, gst_event_new_segment (&segment));
}

static void
push (Stream *self, guint n)
{
  for (guint i = 0; i < n; i++)
    g_assert_cmpint (gst_harness_push (self->interp->harness,
                         numbered (self, self->serial + i)),
        ==, GST_FLOW_OK);
}

/* Some are in flight and gone. */
static void
flush_some (Stream *self)
{
  push (self, g_rand_int_range (self->random, 1, BATCH));
  if (g_rand_boolean (self->random))
    g_usleep (g_rand_int_range (self->random, 0, 3000));
  flush (self);
}

static void
run_endlessly (Stream *self)
{
  g_object_set (self->interp->element, "program", endless, "max-steps",
      G_GUINT64_CONSTANT (0), NULL);
  push (self, 2);
  g_usleep (g_rand_int_range (self->random, 0, 20000));
  g_object_set (self->interp->element, "program", self->part->program, NULL);
  flush (self);
}

static void
move (Stream *self)
{
  static const char *const levels[] = { "critical", "high", "normal", "low",
    "idle" };

  gst_util_set_object_arg (G_OBJECT (self->interp->element), "priority",
      levels[g_rand_int_range (self->random, 0, G_N_ELEMENTS (levels))]);
  g_object_set (self->interp->element, "quota",
      (guint) g_rand_int_range (self->random, 0, 3), NULL);
}

static void
swap (Stream *self)
{
  g_object_set (self->interp->element, "program",
      g_rand_boolean (self->random) ? invert_again : self->part->program, NULL);
}

static gpointer
stream (gpointer data)
{
  Stream *self = data;
  guint does = self->part->does;

  for (guint round = 1; !g_atomic_int_get (self->stop); round++) {
    gint64 start = g_get_monotonic_time ();

    push (self, BATCH);
    for (guint i = 0; i < BATCH; i++, self->serial++) {
      check (self, gst_harness_pull (self->interp->harness), self->serial);
      g_atomic_int_inc (&self->done);
    }
    self->longest = MAX (self->longest, g_get_monotonic_time () - start);
    if ((does & FLUSHES) != 0 && round % 5 == 0)
      flush_some (self);
    if ((does & SWAPS) != 0 && round % 7 == 0)
      swap (self);
    if ((does & MOVES) != 0 && round % 3 == 0)
      move (self);
    if ((does & ENDLESS) != 0 && round % 20 == 0)
      run_endlessly (self);
  }
  return NULL;
}

static void
stream_begin (Stream *self, const Part *part, gint *stop)
{
  GstElement *element = interp_element (part->program, NULL);

  gst_util_set_object_arg (G_OBJECT (element), "priority", part->priority);
  gst_util_set_object_arg (G_OBJECT (element), "engine", "interp");
  g_object_set (element, "quota", part->quota, NULL);
  *self = (Stream){ .part = part, .stop = stop };
  self->interp = interp_play (element);
  self->random = g_rand_new_with_seed (part - parts);
  self->thread = g_thread_new ("stream", stream, self);
}

static void
stream_end (Stream *self)
{
  GstMessage *message;

  g_thread_join (self->thread);
  message = gst_bus_pop_filtered (
      self->interp->bus, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
  g_assert_null (message);
  g_test_message ("%-18s %8d buffers of %6u bytes, a batch at most %.0f ms",
      self->part->name, self->done, (guint) self->part->size,
      self->longest / 1e3);
  g_rand_free (self->random);
  interp_free (self->interp);
}

/* Everybody has got on since the last look, or does within the limit: how long
 * it takes is the machine's. */
static void
look (Stream *streams, guint n)
{
  gint64 end = g_get_monotonic_time () + LIMIT_US;

  for (guint i = 0; i < n; i++) {
    guint done;

    while ((done = (guint) g_atomic_int_get (&streams[i].done)) ==
           streams[i].seen) {
      if (g_get_monotonic_time () > end)
        g_error ("%s does not get on", streams[i].part->name);
      g_usleep (10000);
    }
    streams[i].seen = done;
  }
}

static void
test_mixed (void)
{
  const char *wanted = g_getenv ("VYRE_TEST_LONG");
  gboolean is_long = wanted != NULL && !g_str_equal (wanted, "0");
  Stream streams[G_N_ELEMENTS (parts)];
  gint64 end = g_get_monotonic_time () + (is_long ? LONG_US : SHORT_US);
  guint intervals = 0, late = 0;
  gint stop = 0;

  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    stream_begin (&streams[i], &parts[i], &stop);
  while (g_get_monotonic_time () < end) {
    gint64 start;

    g_usleep (is_long ? INTERVAL_US : INTERVAL_US / 20);
    start = g_get_monotonic_time ();
    look (streams, G_N_ELEMENTS (streams));
    intervals++;
    late += g_get_monotonic_time () - start > 9000;
  }
  g_atomic_int_set (&stop, 1);
  for (guint i = 0; i < G_N_ELEMENTS (streams); i++)
    stream_end (&streams[i]);
  g_test_message ("%u intervals, in %u of them somebody had nothing at its end",
      intervals, late);
  if (is_long)
    g_assert_cmpuint (late, ==, 0);
}

int
main (int argc, char **argv)
{
  static const char *const plugins[] = { NULL };

  support_init (&argc, &argv, plugins);
  g_test_add_func ("/mixed", test_mixed);
  return support_run ();
}
