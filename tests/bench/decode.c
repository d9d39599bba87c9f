/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What decoding a snapshot costs, beside a checksum over the same bytes:
 * adding up its words, which is about as fast as memory can be read, and
 * zlib's way to do more, CRC-32, bit by bit in a table.
 *
 *   bench-decode [SLOTS [ROUNDS]]
 */
#include "ring/tenants.h"
#include "telemetry/telemetry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 4096
#define ROUNDS 2000
#define TILES 16 /* of a window */

static guint32 table[256];

static void
fill_table (void)
{
  for (guint32 i = 0; i < 256; i++) {
    guint32 crc = i;

    for (guint k = 0; k < 8; k++)
      crc = crc & 1 ? crc >> 1 ^ 0xEDB88320u : crc >> 1;
    table[i] = crc;
  }
}

static guint32
crc32_of (const guint8 *bytes, gsize n)
{
  guint32 crc = G_MAXUINT32;

  for (gsize i = 0; i < n; i++)
    crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 255];
  return ~crc;
}

static guint64
sum_of (const guint32 *words, gsize n)
{
  guint64 sum = 0;

  for (gsize i = 0; i < n; i++)
    sum += words[i];
  return sum;
}

/* A busy ring: windows of some tenants, the oldest in the middle. */
static void
fill_ring (guint32 *ring, guint n_slots, gboolean shuffled)
{
  for (guint i = 0; i < n_slots; i++) {
    guint32 *slot = ring + (gsize) i * VYRE_SLOT_WORDS;
    guint32 ticket = shuffled ? (guint32) g_random_int () % n_slots
                              : (i + n_slots / 2) % n_slots / TILES;
    guint32 tenant = 1 + ticket % 3;

    for (guint k = 0; k < VYRE_SLOT_WORDS; k++)
      slot[k] = i * k;
    slot[VYRE_W_STATUS] = 1 + ticket % 3;
    slot[VYRE_W_TENANT] = tenant;
    slot[VYRE_W_OPCODE] = vyre_ring_tenant_base (tenant);
    slot[VYRE_W_ARG0] = ticket;
    slot[VYRE_W_ARG0 + 1] = i % 2;
  }
}

typedef struct
{
  guint32 control[VYRE_CONTROL_MIN_WORDS];
  guint32 *ring;
  guint n_slots;
  guint32 opcodes[VYRE_RING_LAST_TENANT];
  VyreTelemetry telemetry;
  guint64 sink; /* keeps the sums from being left out */
} Bench;

static void
run_sum (Bench *b)
{
  b->sink += sum_of (b->ring, (gsize) b->n_slots * VYRE_SLOT_WORDS);
}

static void
run_crc (Bench *b)
{
  b->sink +=
      crc32_of ((const guint8 *) b->ring, (gsize) b->n_slots * VYRE_SLOT_BYTES);
}

static void
run_decode (Bench *b)
{
  if (!vyre_telemetry_decode (&b->telemetry, b->control, sizeof b->control,
          b->ring, (gsize) b->n_slots * VYRE_SLOT_BYTES, b->opcodes,
          G_N_ELEMENTS (b->opcodes), NULL))
    g_error ("the snapshot did not decode");
  b->sink += b->telemetry.n_windows;
}

static int
compare_times (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

/* Microseconds, the median. */
static double
measure (Bench *b, void (*run) (Bench *), guint rounds)
{
  g_autofree double *times = g_new (double, rounds);

  run (b);
  for (guint i = 0; i < rounds; i++) {
    g_autoptr (GTimer) timer = g_timer_new ();

    run (b);
    times[i] = g_timer_elapsed (timer, NULL) * 1e6;
  }
  qsort (times, rounds, sizeof *times, compare_times);
  return times[rounds / 2];
}

int
main (int argc, char **argv)
{
  Bench b = { .n_slots = argc > 1 ? (guint) atoi (argv[1]) : SLOTS };
  guint rounds = argc > 2 ? (guint) atoi (argv[2]) : ROUNDS;

  if (b.n_slots == 0 || b.n_slots > VYRE_MAX_ENCODED_RING_SLOTS ||
      rounds == 0) {
    fprintf (stderr, "usage: bench-decode [SLOTS [ROUNDS]]\n");
    return 2;
  }
  b.control[VYRE_C_TENANT_BASE] = VYRE_C_TENANT_MASK;
  for (guint i = 0; i < VYRE_TENANT_MASK_SLOTS; i++)
    b.control[VYRE_C_TENANT_MASK + i] = VYRE_TENANT_MAY_EXECUTE;
  fill_table ();
  b.ring = g_new0 (guint32, (gsize) b.n_slots * VYRE_SLOT_WORDS);
  for (guint32 id = 1; id <= VYRE_RING_LAST_TENANT; id++)
    b.opcodes[id - 1] = vyre_ring_tenant_base (id);

  for (guint shuffled = 0; shuffled < 2; shuffled++) {
    double sum, crc, decode;

    fill_ring (b.ring, b.n_slots, shuffled != 0);
    sum = measure (&b, run_sum, rounds);
    crc = measure (&b, run_crc, rounds);
    decode = measure (&b, run_decode, rounds);
    printf ("%u slots, %s: decode %.1f us (%zu windows); sum of words %.1f us, "
            "ratio %.2f; CRC-32 %.1f us, ratio %.2f\n",
        b.n_slots, shuffled ? "tickets at random" : "windows in order", decode,
        (size_t) b.telemetry.n_windows, sum, decode / sum, crc, decode / crc);
  }
  vyre_telemetry_clear (&b.telemetry);
  g_free (b.ring);
  return b.sink == 0;
}
