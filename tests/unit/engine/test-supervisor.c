/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The supervisor with many kernels and queues, on a device that is made up: what
 * is published is run, whatever else happens. */

#include "engine/engine-private.h"
#include "fake-gpu.h"
#include "programs.h"

/* Nothing takes so long, not even on a loaded machine. */
#define LIMIT_US (40 * G_USEC_PER_SEC)
#define BYTES 16384
#define MOST 10
/* Of those that are always busy, nobody gets so many times what another gets. */
#define UNFAIR 10
#define DEPTH 8

typedef struct
{
  VyreTenant *tenant;
  VyreExecutable *executable;
  VyreBlock *in, *out;
  guint number; /* of the kernel; 0: the interpreter */
  guint team;
  gboolean busy; /* always has something in flight */
  gboolean renews; /* its program, now and then */
  VyreWindow *batch[DEPTH]; /* in flight */
  guint n;
  gint64 start; /* when they were published */
  gint64 until;
  guint windows;
  gint64 longest;
} Client;

static VyreRuntime *runtime;
/* To be used one after the other; made before the device is another one. */
static VyreExecutable *spares[64];
static gint n_used;

static VyreExecutable *
make_executable (void)
{
  return compile_program (runtime, "program workgroup(64);\n"
                                   "buffer in: readonly u32[] @0;\n"
                                   "buffer out: writeonly u32[] @1;\n"
                                   "main { let i = invocation_id.x;\n"
                                   "  if i < len(out) { out[i] = in[i]; } }\n");
}

static void
client_init (Client *client)
{
  VyreArena *arena = vyre_runtime_get_host_arena (runtime);
  g_autoptr (GError) error = NULL;

  client->executable = make_executable ();
  client->in = vyre_arena_alloc (arena, BYTES);
  client->out = vyre_arena_alloc (arena, BYTES);
  client->tenant = vyre_tenant_new (runtime, "client", &error);
  g_assert_no_error (error);
}

/* A kernel that may be on the device is dropped, and another one used. */
static void
client_renew (Client *client)
{
  guint spare = g_atomic_int_add (&n_used, 1);

  if (spare >= G_N_ELEMENTS (spares))
    return;
  vyre_executable_unref (client->executable);
  client->executable = spares[spare];
  fake_gpu_compile (client->executable, 100 + spare, client->team);
}

static void
client_clear (Client *client)
{
  vyre_tenant_free (client->tenant);
  vyre_executable_unref (client->executable);
  vyre_block_unref (client->in);
  vyre_block_unref (client->out);
}

/* What the supervisor knew when a window was not run. */
static void
dump (void)
{
  gint64 now = g_get_monotonic_time ();

  g_mutex_lock (&runtime->lock);
  for (guint i = 0; i < VYRE_MAX_LAUNCHES; i++) {
    const VyreActiveLaunch *active = &runtime->launches[i];
    if (active->launch != NULL)
      g_test_message (
          "launch %u: kernel %08x, queue %u, %u lane groups, a part of %u, "
          "%.1f ms old, begun %d, leaving %d",
          i, active->kernel->id, active->queue, active->lane_groups,
          active->n_parts, (now - active->started) / 1e3, active->begun,
          active->leaving);
  }
  vyre_runtime_unlock (runtime);
}

static void
finish (Client *client)
{
  if (client->n == 0)
    return;
  for (guint i = 0; i < client->n; i++) {
    VyreWindowState state =
        vyre_window_wait (client->batch[i], client->start + LIMIT_US, NULL);
    if (state == VYRE_WINDOW_RUNNING)
      dump ();
    g_assert_cmpint (state, !=, VYRE_WINDOW_RUNNING);
    g_assert_cmpint (state, !=, VYRE_WINDOW_LOST);
    vyre_window_unref (client->batch[i]);
  }
  client->windows += client->n;
  client->longest =
      MAX (client->longest, g_get_monotonic_time () - client->start);
  client->n = 0;
}

static void
run_batch (Client *client)
{
  VyreBinding bindings[2] = { { client->in, 0, BYTES },
    { client->out, 0, BYTES } };
  VyreWindow *windows[DEPTH];
  guint n = g_random_int_range (1, DEPTH + 1);
  gint64 start = g_get_monotonic_time ();

  /* Another generation, as when a buffer is used again. */
  if (!client->busy && g_random_int_range (0, 4) == 0)
    vyre_block_note_write (client->in);
  for (guint i = 0; i < n; i++) {
    g_autoptr (GError) error = NULL;
    windows[i] = vyre_tenant_submit (
        client->tenant, client->executable, bindings, 2, NULL, &error);
    if (g_error_matches (error, VYRE_RUNTIME_ERROR, VYRE_RUNTIME_ERROR_BUSY)) {
      n = i;
      break;
    }
    g_assert_no_error (error);
  }
  if (g_random_int_range (0, 16) == 0 && n > 0)
    vyre_window_cancel (windows[n - 1]);
  finish (client);
  memcpy (client->batch, windows, n * sizeof windows[0]);
  client->n = n;
  client->start = start;
  if (!client->busy)
    finish (client);
}

static gpointer
run_client (gpointer data)
{
  Client *client = data;

  while (g_get_monotonic_time () < client->until) {
    run_batch (client);
    if (client->renews && g_random_int_range (0, 8) == 0)
      client_renew (client);
    /* Now and then for so long that its kernel leaves. */
    switch (client->busy ? 8 : g_random_int_range (0, 8)) {
      case 0:
        g_usleep (g_random_int_range (0, 30000));
        break;
      case 1:
      case 2:
        g_usleep (g_random_int_range (0, 1000));
        break;
      default:
        break;
    }
  }
  finish (client);
  return NULL;
}

/* Some with the interpreter, the others compiled, some of which for a while. */
static void
run_clients (const FakeGpu *gpu, guint n, guint n_interpreted, guint n_renewing,
    gboolean busy, gint64 us)
{
  Client clients[MOST] = { 0 };
  GThread *threads[MOST];
  guint64 before, launches, unattended;

  g_assert_cmpuint (n, <=, MOST);
  for (guint i = 0; i < n; i++)
    client_init (&clients[i]);
  fake_gpu_start (runtime, gpu);
  for (guint i = n_interpreted; i < n; i++) {
    clients[i].number = i - n_interpreted + 1;
    clients[i].team = i % 3 != 0 ? 4 : 1;
    clients[i].renews = i >= n - n_renewing;
    fake_gpu_compile (
        clients[i].executable, clients[i].number, clients[i].team);
  }
  if (g_strcmp0 (g_getenv ("VYRE_TEST_LONG"), "1") == 0)
    us *= 20;
  before = runtime->n_launched;
  unattended = runtime->unattended_us;
  for (guint i = 0; i < n; i++) {
    clients[i].busy = busy;
    clients[i].until = g_get_monotonic_time () + us;
    threads[i] = g_thread_new ("client", run_client, &clients[i]);
  }
  for (guint i = 0; i < n; i++)
    g_thread_join (threads[i]);
  fake_gpu_stop ();
  launches = runtime->n_launched - before;
  guint most = 0;
  for (guint i = 0; i < n; i++)
    most = MAX (most, clients[i].windows);
  for (guint i = 0; i < n; i++) {
    g_test_message ("kernel %u: %u windows, longest %.1f ms", clients[i].number,
        clients[i].windows, clients[i].longest / 1e3);
    g_assert_cmpuint (clients[i].windows, >, busy ? most / UNFAIR : 0);
    client_clear (&clients[i]);
  }
  g_test_message ("%" G_GUINT64_FORMAT
                  " launches, %.1f ms with work and none of them",
      launches, (runtime->unattended_us - unattended) / 1e3);
}

#define WEIGHTS \
  { \
    0, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4 \
  }

static void
test_two (void)
{
  const FakeGpu gpu = { .n_queues = 8, .room = 1584, .weights = WEIGHTS };

  run_clients (&gpu, 2, 0, 0, FALSE, G_USEC_PER_SEC);
  run_clients (&gpu, 2, 1, 0, FALSE, G_USEC_PER_SEC);
}

/* More kernels than queues. */
static void
test_turns (void)
{
  const FakeGpu gpu = { .n_queues = 3, .room = 1584, .weights = WEIGHTS };

  run_clients (&gpu, MOST, 2, 0, FALSE, 2 * G_USEC_PER_SEC);
}

/* The same, and nobody ever has nothing to do. */
static void
test_fair_turns (void)
{
  const FakeGpu gpu = { .n_queues = 3, .room = 1584, .weights = WEIGHTS };

  run_clients (&gpu, 6, 0, 0, TRUE, 2 * G_USEC_PER_SEC);
}

/* Kernels that take more than their part, and others that do not fit beside
 * them. */
static void
test_crowded (void)
{
  const FakeGpu gpu = {
    .n_queues = 8, .room = 1584, .weights = { 0, 20, 4, 12, 4, 16, 4 }
  };

  run_clients (&gpu, 7, 1, 0, FALSE, 2 * G_USEC_PER_SEC);
  run_clients (&gpu, 3, 0, 0, TRUE, 2 * G_USEC_PER_SEC);
}

/* Other processes have the device in between. */
static void
test_away (void)
{
  const FakeGpu gpu = { .n_queues = 8,
    .room = 1584,
    .weights = { 0, 20, 4, 12, 4, 16, 4 },
    .away_us = 20000 };

  run_clients (&gpu, 4, 1, 0, FALSE, 2 * G_USEC_PER_SEC);
}

/* Programs come and go. */
static void
test_renewed (void)
{
  const FakeGpu gpu = { .n_queues = 4,
    .room = 1584,
    .weights = { 16, 4, 4, 20, 4, 12, 4, 4, 4, 20, 4, 4, 4, 12, 4, 4 },
    .away_us = 5000 };

  for (guint i = 0; i < G_N_ELEMENTS (spares); i++)
    spares[i] = make_executable ();
  run_clients (&gpu, 5, 1, 3, FALSE, 2 * G_USEC_PER_SEC);
  for (guint i = n_used; i < G_N_ELEMENTS (spares); i++)
    vyre_executable_unref (spares[i]);
}

int
main (int argc, char **argv)
{
  int status;

  runtime = acquire_runtime (&argc, &argv);
  g_test_add_func ("/supervisor/two", test_two);
  g_test_add_func ("/supervisor/turns", test_turns);
  g_test_add_func ("/supervisor/fair-turns", test_fair_turns);
  g_test_add_func ("/supervisor/crowded", test_crowded);
  g_test_add_func ("/supervisor/away", test_away);
  g_test_add_func ("/supervisor/renewed", test_renewed);
  status = g_test_run ();
  vyre_runtime_unref (runtime);
  return status;
}
