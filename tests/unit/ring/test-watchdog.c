/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The watchdog and the priority accounting. */
#include <string.h>

#include "support.h"
#include "telemetry/priority.h"
#include "telemetry/watchdog.h"

typedef struct
{
  guint32 control[VYRE_CONTROL_MIN_WORDS];
  guint32 ring[8 * VYRE_SLOT_WORDS];
} Words;

/* The masks where the protocol has them. */
#define WORDS_INIT \
  { \
    .control = { [VYRE_C_TENANT_BASE] = VYRE_C_TENANT_MASK } \
  }

static void
set_slot (Words *w, guint slot, guint32 status, guint32 tenant)
{
  guint32 *words = w->ring + slot * VYRE_SLOT_WORDS;

  words[VYRE_W_STATUS] = status;
  words[VYRE_W_TENANT] = tenant;
}

static VyreWatchdogSnapshot
snapshot (const Words *w, guint64 taken_ns)
{
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  g_autoptr (GError) error = NULL;
  VyreWatchdogSnapshot s;

  vyre_telemetry_decode (&t, w->control, sizeof w->control, w->ring,
      sizeof w->ring, NULL, 0, &error);
  g_assert_no_error (error);
  vyre_watchdog_snapshot (&s, &t, taken_ns);
  vyre_telemetry_clear (&t);
  return s;
}

/* Vector 10. */
static void
vector (void)
{
  VyreWatchdogSnapshot before, after, later;
  g_autoptr (GError) error = NULL;
  VyreWatchdogReport report;
  Words w = WORDS_INIT;
  guint32 delta = 99;

  w.control[VYRE_C_TENANT_MASK] = G_MAXUINT32;
  w.control[VYRE_C_DONE_COUNT] = 7;
  before = snapshot (&w, 10);
  set_slot (&w, 0, VYRE_ST_PUBLISHED, 0);
  after = snapshot (&w, 20);
  vyre_watchdog_check (&report, &before, &after, 10);
  g_assert_cmpuint (report.done_delta, ==, 0);
  g_assert_cmpuint (report.queue_depth, ==, 1);
  g_assert_true (report.suspected_stall);
  g_assert_false (report.faulted);
  /* The slot may have come a moment ago; seen twice it stands still. */
  g_assert_false (report.stalled);
  later = snapshot (&w, 30);
  vyre_watchdog_check (&report, &after, &later, 10);
  g_assert_true (report.suspected_stall);
  g_assert_true (report.stalled);
  g_assert_true (vyre_watchdog_done_delta (&before, &after, &delta, &error));
  g_assert_cmpuint (delta, ==, 0);

  w.control[VYRE_C_DONE_COUNT] = 9;
  after = snapshot (&w, 40);
  vyre_watchdog_check (&report, &before, &after, 10);
  g_assert_cmpuint (report.done_delta, ==, 2);
  g_assert_false (report.suspected_stall);
  g_assert_false (report.stalled);

  /* Going back is an error to the protocol and a wrap to us. */
  g_assert_false (vyre_watchdog_done_delta (&after, &before, &delta, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_cmpuint (delta, ==, 0);
  vyre_watchdog_check (&report, &after, &before, 10);
  g_assert_cmphex (report.done_delta, ==, 0xFFFFFFFE);
  /* And of the wrong order no interval follows. */
  g_assert_cmpuint (report.elapsed_ns, ==, 0);
  g_assert_false (report.measured);
}

/* A masked tenant's slot waits rightly; a claimed one of it does not. */
static void
masked (void)
{
  VyreWatchdogSnapshot a, b;
  VyreWatchdogReport report;
  Words w = WORDS_INIT;

  w.control[VYRE_C_TENANT_MASK + 1] = VYRE_TENANT_MAY_PRINT;
  w.control[VYRE_C_TENANT_MASK + 2] = VYRE_TENANT_MAY_EXECUTE;
  set_slot (&w, 0, VYRE_ST_PUBLISHED, 1);
  set_slot (&w, 1, VYRE_ST_YIELD, 29);
  set_slot (&w, 2, VYRE_ST_PUBLISHED, G_MAXUINT32);
  a = snapshot (&w, 0);
  b = snapshot (&w, 10);
  vyre_watchdog_check (&report, &a, &b, 10);
  g_assert_true (report.suspected_stall);
  g_assert_false (report.stalled);
  g_assert_cmpuint (report.masked_slots, ==, 3);
  g_assert_cmpuint (report.runnable_slots, ==, 0);

  set_slot (&w, 3, VYRE_ST_CLAIMED, 1);
  a = snapshot (&w, 0);
  b = snapshot (&w, 9);
  vyre_watchdog_check (&report, &a, &b, 10);
  g_assert_cmpuint (report.runnable_slots, ==, 1);
  g_assert_false (report.measured);
  g_assert_false (report.stalled);
  b = snapshot (&w, 10);
  vyre_watchdog_check (&report, &a, &b, 10);
  g_assert_true (report.stalled);
}

/* More tenants than the protocol's table holds have one elsewhere, and nobody
 * has a mask beyond it or beyond the control block. */
static void
large_table (void)
{
  g_autofree guint32 *control = g_new0 (guint32, VYRE_CONTROL_WORDS);
  guint32 ring[2 * VYRE_SLOT_WORDS] = { 0 };
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  const struct
  {
    guint32 tenant, base;
    gsize words;
    gboolean runs;
  } cases[] = {
    { 500, VYRE_CONTROL_TABLE, VYRE_CONTROL_WORDS, TRUE },
    { 501, VYRE_CONTROL_TABLE, VYRE_CONTROL_WORDS, FALSE },
    { VYRE_TENANTS - 1, VYRE_CONTROL_TABLE, VYRE_CONTROL_WORDS, TRUE },
    { VYRE_TENANTS, VYRE_CONTROL_TABLE, VYRE_CONTROL_WORDS, FALSE },
    { G_MAXUINT32, VYRE_CONTROL_TABLE, VYRE_CONTROL_WORDS, FALSE },
    { 500, VYRE_CONTROL_TABLE, VYRE_CONTROL_TABLE + 501, TRUE },
    { 500, VYRE_CONTROL_TABLE, VYRE_CONTROL_TABLE + 500, FALSE },
    { 500, VYRE_CONTROL_TABLE, VYRE_CONTROL_MIN_WORDS, FALSE },
    { 500, G_MAXUINT32, VYRE_CONTROL_WORDS, FALSE },
    { 1, VYRE_C_TENANT_MASK, VYRE_CONTROL_WORDS, TRUE },
    { 29, VYRE_C_TENANT_MASK, VYRE_CONTROL_WORDS, FALSE },
  };

  control[VYRE_CONTROL_TABLE + VYRE_T_MASK + 500] = VYRE_TENANT_MAY_EXECUTE;
  control[VYRE_CONTROL_TABLE + VYRE_T_MASK + VYRE_TENANTS - 1] = G_MAXUINT32;
  control[VYRE_CONTROL_TABLE + VYRE_TENANTS] = G_MAXUINT32;
  control[VYRE_C_TENANT_MASK + 1] = VYRE_TENANT_MAY_EXECUTE;
  control[VYRE_C_TENANT_MASK + 29] = G_MAXUINT32; /* a quota */
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    control[VYRE_C_TENANT_BASE] = cases[i].base;
    ring[VYRE_W_STATUS] = ring[VYRE_SLOT_WORDS] = VYRE_ST_PUBLISHED;
    ring[VYRE_W_TENANT] = cases[i].tenant;
    g_assert_true (vyre_telemetry_decode (
        &t, control, cases[i].words * 4, ring, sizeof ring, NULL, 0, NULL));
    /* The second slot is tenant 0's, who has no mask bit. */
    g_assert_cmpuint (t.runnable_slots, ==, cases[i].runs ? 1 : 0);
    g_assert_cmpuint (t.runnable_slots + t.masked_slots, ==, 2);
  }
  vyre_telemetry_clear (&t);
}

/* Whatever ends, fails or makes steps is no stall; what is only handed to and
 * fro is. */
static void
progress (void)
{
  static const guint words[] = { VYRE_C_DONE_COUNT, VYRE_C_OLDEST,
    VYRE_C_FAULTED, VYRE_C_STEPS_LO, VYRE_C_STEPS_HI };
  static const guint nothing[] = { VYRE_C_CLAIMED, VYRE_C_YIELDED, VYRE_C_TAIL,
    VYRE_C_IDLE_POLLS };
  VyreWatchdogSnapshot before, after;
  VyreWatchdogReport report;
  Words w = WORDS_INIT;
  guint i;

  w.control[VYRE_C_TENANT_MASK + 2] = G_MAXUINT32;
  set_slot (&w, 0, VYRE_ST_CLAIMED, 2);
  before = snapshot (&w, 0);
  for (i = 0; i < G_N_ELEMENTS (words); i++) {
    Words next = w;

    next.control[words[i]]--;
    after = snapshot (&next, 10);
    vyre_watchdog_check (&report, &before, &after, 10);
    g_assert_true (report.progressed);
    g_assert_false (report.stalled);
  }
  for (i = 0; i < G_N_ELEMENTS (nothing); i++) {
    Words next = w;

    next.control[nothing[i]]++;
    after = snapshot (&next, 10);
    vyre_watchdog_check (&report, &before, &after, 10);
    g_assert_false (report.progressed);
    g_assert_true (report.stalled);
  }

  /* A fault hides no stall, and alone is none. */
  set_slot (&w, 1, VYRE_ST_FAULT, 2);
  before = snapshot (&w, 0);
  after = snapshot (&w, 10);
  vyre_watchdog_check (&report, &before, &after, 10);
  g_assert_false (report.suspected_stall);
  g_assert_true (report.stalled);
  g_assert_true (report.faulted);
  g_assert_cmpuint (report.fault_slots, ==, 1);
  set_slot (&w, 0, VYRE_ST_EMPTY, 0);
  before = snapshot (&w, 0);
  after = snapshot (&w, 10);
  vyre_watchdog_check (&report, &before, &after, 10);
  g_assert_true (report.faulted);
  g_assert_false (report.stalled);
}

static VyreWatchdogEvent
feed (VyreWatchdog *watchdog, const Words *w, guint64 taken_ns)
{
  VyreWatchdogSnapshot s = snapshot (w, taken_ns);

  return vyre_watchdog_feed (watchdog, &s);
}

/* One event per stall, and one when it is over. */
static void
series (void)
{
  VyreWatchdog dog = { .timeout_ns = 100 };
  Words w = WORDS_INIT;

  w.control[VYRE_C_TENANT_MASK + 1] = VYRE_TENANT_MAY_EXECUTE;
  g_assert_cmpint (feed (&dog, &w, 0), ==, VYRE_WATCHDOG_QUIET);
  g_assert_cmpint (feed (&dog, &w, 5000), ==, VYRE_WATCHDOG_QUIET);
  set_slot (&w, 0, VYRE_ST_PUBLISHED, 1);
  /* Idle before, so its time begins when it is first seen. */
  g_assert_cmpint (feed (&dog, &w, 6000), ==, VYRE_WATCHDOG_QUIET);
  g_assert_cmpint (feed (&dog, &w, 6099), ==, VYRE_WATCHDOG_QUIET);
  g_assert_cmpint (feed (&dog, &w, 6100), ==, VYRE_WATCHDOG_STALLED);
  g_assert_true (dog.stalled);
  g_assert_cmpuint (dog.report.runnable_slots, ==, 1);
  g_assert_cmpint (feed (&dog, &w, 9000), ==, VYRE_WATCHDOG_QUIET);
  g_assert_true (dog.stalled);
  g_assert_cmpuint (dog.report.elapsed_ns, ==, 3000);
  w.control[VYRE_C_STEPS_LO]++;
  g_assert_cmpint (feed (&dog, &w, 9001), ==, VYRE_WATCHDOG_RECOVERED);
  g_assert_false (dog.stalled);
  g_assert_cmpint (feed (&dog, &w, 9002), ==, VYRE_WATCHDOG_QUIET);

  /* Slow but steady is no stall, however long it takes. */
  for (guint i = 0; i < 10; i++) {
    w.control[VYRE_C_DONE_COUNT]++;
    g_assert_cmpint (feed (&dog, &w, 9100 + i * 99), ==, VYRE_WATCHDOG_QUIET);
  }

  /* A stall ends as well when the work goes away, or its tenant is masked. */
  g_assert_cmpint (feed (&dog, &w, 20000), ==, VYRE_WATCHDOG_STALLED);
  set_slot (&w, 0, VYRE_ST_EMPTY, 1);
  g_assert_cmpint (feed (&dog, &w, 20001), ==, VYRE_WATCHDOG_RECOVERED);
  set_slot (&w, 0, VYRE_ST_YIELD, 1);
  g_assert_cmpint (feed (&dog, &w, 20002), ==, VYRE_WATCHDOG_QUIET);
  g_assert_cmpint (feed (&dog, &w, 20102), ==, VYRE_WATCHDOG_STALLED);
  w.control[VYRE_C_TENANT_MASK + 1] = 0;
  g_assert_cmpint (feed (&dog, &w, 20103), ==, VYRE_WATCHDOG_RECOVERED);
}

static VyreWatchdogEvent
look (VyreWatchdog *watchdog, const Words *w, guint64 taken_ns)
{
  VyreTelemetry t = VYRE_TELEMETRY_INIT;
  g_autoptr (GError) error = NULL;
  VyreWatchdogEvent event;

  vyre_telemetry_decode (&t, w->control, sizeof w->control, w->ring,
      sizeof w->ring, NULL, 0, &error);
  g_assert_no_error (error);
  event = vyre_watchdog_look (watchdog, &t, taken_ns);
  vyre_telemetry_clear (&t);
  return event;
}

static guint32 *
tile (Words *w, guint slot, guint32 tenant, guint32 status)
{
  guint32 *words = w->ring + slot * VYRE_SLOT_WORDS;

  w->control[VYRE_C_TENANT_MASK + tenant] = VYRE_TENANT_MAY_EXECUTE;
  set_slot (w, slot, status, tenant);
  words[VYRE_W_OPCODE] = VYRE_TENANT_OP_BASE + tenant * VYRE_TENANT_OP_WINDOW;
  return words;
}

/* A program that runs for long makes steps, in one slice or from slice to
 * slice. One that is taken and put back without a step does not. */
static void
long_program (void)
{
  VyreWatchdog dog = { .timeout_ns = 100 };
  Words w = WORDS_INIT;
  guint32 *words = tile (&w, 3, 1, VYRE_ST_CLAIMED);
  guint64 now = 0;

  for (guint i = 0; i < 20; i++, now += 60) {
    g_assert_cmpint (look (&dog, &w, now), ==, VYRE_WATCHDOG_QUIET);
    words[VYRE_A_PROGRESS]++;
  }
  for (guint i = 0; i < 20; i++, now += 40) {
    words[VYRE_W_STATUS] = i % 2 == 0 ? VYRE_ST_YIELD : VYRE_ST_CLAIMED;
    words[VYRE_A_PROGRESS] += i % 2;
    g_assert_cmpint (look (&dog, &w, now), ==, VYRE_WATCHDOG_QUIET);
  }
  for (guint i = 0; i < 2; i++, now += 40) {
    words[VYRE_W_STATUS] = i % 2 == 0 ? VYRE_ST_YIELD : VYRE_ST_CLAIMED;
    w.control[VYRE_C_CLAIMED]++;
    w.control[VYRE_C_YIELDED]++;
    g_assert_cmpint (look (&dog, &w, now), ==, VYRE_WATCHDOG_QUIET);
  }
  w.control[VYRE_C_CLAIMED]++;
  g_assert_cmpint (look (&dog, &w, now), ==, VYRE_WATCHDOG_STALLED);
  g_assert_cmpuint (dog.report.stuck_slots, ==, 0);
  words[VYRE_A_PROGRESS]++;
  g_assert_cmpint (look (&dog, &w, now + 1), ==, VYRE_WATCHDOG_RECOVERED);
  vyre_watchdog_clear (&dog);
}

/* One that hangs is told of while others go on, and for each tile anew. */
static void
stuck_slot (void)
{
  VyreWatchdog dog = { .timeout_ns = 100 };
  Words w = WORDS_INIT;
  guint32 *hung = tile (&w, 2, 1, VYRE_ST_CLAIMED);
  guint32 *other = tile (&w, 5, 2, VYRE_ST_CLAIMED);

  hung[VYRE_A_TICKET] = 7;
  for (guint64 now = 0; now < 100; now += 20) {
    other[VYRE_A_PROGRESS]++;
    w.control[VYRE_C_DONE_COUNT]++;
    g_assert_cmpint (look (&dog, &w, now), ==, VYRE_WATCHDOG_QUIET);
  }
  other[VYRE_A_PROGRESS]++;
  g_assert_cmpint (look (&dog, &w, 101), ==, VYRE_WATCHDOG_STALLED);
  g_assert_false (dog.report.stalled);
  g_assert_cmpuint (dog.report.stuck_slots, ==, 1);
  g_assert_cmpuint (dog.report.stuck_slot, ==, 2);
  g_assert_cmpuint (dog.report.stuck_tenant, ==, 1);
  g_assert_cmpuint (dog.report.stuck_ns, ==, 101);
  other[VYRE_A_PROGRESS]++;
  g_assert_cmpint (look (&dog, &w, 150), ==, VYRE_WATCHDOG_QUIET);
  g_assert_true (dog.stalled);

  /* It is given up. */
  hung[VYRE_W_STATUS] = VYRE_ST_FAULT;
  w.control[VYRE_C_FAULTED]++;
  g_assert_cmpint (look (&dog, &w, 160), ==, VYRE_WATCHDOG_RECOVERED);

  /* The next tile in that slot has its own time. */
  hung[VYRE_W_STATUS] = VYRE_ST_CLAIMED;
  g_assert_cmpint (look (&dog, &w, 170), ==, VYRE_WATCHDOG_QUIET);
  hung[VYRE_A_TICKET] = 8;
  other[VYRE_A_PROGRESS]++;
  g_assert_cmpint (look (&dog, &w, 265), ==, VYRE_WATCHDOG_QUIET);
  other[VYRE_A_PROGRESS]++;
  g_assert_cmpint (look (&dog, &w, 280), ==, VYRE_WATCHDOG_QUIET);
  vyre_watchdog_clear (&dog);
}

static void
priority (void)
{
  VyrePriorityAccounting a = { 0 };
  VyreTelemetry t = VYRE_TELEMETRY_INIT;

  g_assert_cmpstr (vyre_priority_drain_reason (&a), ==, "none");
  g_assert_false (vyre_priority_should_drain (&a));
  a = (VyrePriorityAccounting){ 7, 7, 7 };
  t.occupancy.requeue = 4;
  vyre_priority_from_telemetry (&a, &t);
  g_assert_cmpuint (a.requeue_count, ==, 4);
  g_assert_cmpuint (a.aged_promotions, ==, 0);
  g_assert_cmpuint (a.max_priority_age, ==, 0);
  g_assert_cmpstr (vyre_priority_drain_reason (&a), ==, "pending_telemetry");
  g_assert_true (vyre_priority_should_drain (&a));
  vyre_priority_record_promotion (&a, 9);
  vyre_priority_record_promotion (&a, 3);
  g_assert_cmpuint (a.aged_promotions, ==, 2);
  g_assert_cmpuint (a.max_priority_age, ==, 9);
  a = (VyrePriorityAccounting){ .max_priority_age = 1 };
  g_assert_cmpstr (vyre_priority_drain_reason (&a), ==, "pending_telemetry");
}

/* The first that fits counts; 1024 of head-room is near, 1025 is not. */
static void
priority_edges (void)
{
  const guint64 end = G_MAXUINT64;
  const struct
  {
    guint64 requeue, promotions;
    const char *reason;
  } cases[] = {
    { 0, 0, "none" },
    { 1, 0, "pending_telemetry" },
    { 0, 1, "pending_telemetry" },
    { end - 1025, end - 1025, "pending_telemetry" },
    { 0, end - 1024, "aged_promotion_counter_near_limit" },
    { end - 1024, end - 1024, "requeue_counter_near_limit" },
    { end - 1, end - 1, "requeue_counter_near_limit" },
    { end - 1, end, "aged_promotion_counter_exhausted" },
    { end, end, "requeue_counter_exhausted" },
  };
  g_autoptr (GError) error = NULL;
  VyrePriorityAccounting a;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (cases); i++) {
    a = (VyrePriorityAccounting){ cases[i].requeue, cases[i].promotions, 0 };
    g_assert_cmpstr (vyre_priority_drain_reason (&a), ==, cases[i].reason);
    g_assert_true (vyre_priority_should_drain (&a) == (i != 0));
  }

  a = (VyrePriorityAccounting){ end - 1, end - 1, 5 };
  g_assert_true (vyre_priority_try_record_requeue (&a, &error));
  g_assert_false (vyre_priority_try_record_requeue (&a, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_true (vyre_priority_try_record_promotion (&a, 6, &error));
  g_assert_false (vyre_priority_try_record_promotion (&a, 7, &error));
  assert_ring_error (error, VYRE_RING_ERROR_MALFORMED);
  g_assert_cmpuint (a.max_priority_age, ==, 6);
  vyre_priority_record_requeue (&a);
  vyre_priority_record_promotion (&a, 8);
  g_assert_cmpuint (a.requeue_count, ==, end);
  g_assert_cmpuint (a.aged_promotions, ==, end);
  g_assert_cmpuint (a.max_priority_age, ==, 8);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/watchdog/vector", vector);
  g_test_add_func ("/watchdog/masked", masked);
  g_test_add_func ("/watchdog/large-table", large_table);
  g_test_add_func ("/watchdog/progress", progress);
  g_test_add_func ("/watchdog/series", series);
  g_test_add_func ("/watchdog/long-program", long_program);
  g_test_add_func ("/watchdog/stuck-slot", stuck_slot);
  g_test_add_func ("/priority/accounting", priority);
  g_test_add_func ("/priority/edges", priority_edges);
  return g_test_run ();
}
