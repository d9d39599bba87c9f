/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "blake3.h"

#include <string.h>

/* Unkeyed BLAKE3, 32 bytes out; vir0-wire.md section 24. */

#define BLOCK_BYTES 64
#define CHUNK_BYTES 1024
/* 2^54 chunks of 1 KiB cover every length a gsize can have. */
#define MAX_STACK 54

enum
{
  CHUNK_START = 1,
  CHUNK_END = 2,
  PARENT = 4,
  ROOT = 8,
};

static const guint32 iv[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
  0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

/* The message permutation applied 0 to 6 times. */
static const guint8 schedule[7][16] = {
  { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
  { 2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8 },
  { 3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1 },
  { 10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6 },
  { 12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4 },
  { 9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7 },
  { 11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13 },
};

static inline guint32
rotate_right (guint32 value, guint bits)
{
  return (value >> bits) | (value << (32 - bits));
}

#define MIX(a, b, c, d, x, y) \
  G_STMT_START \
  { \
    v[a] += v[b] + (x); \
    v[d] = rotate_right (v[d] ^ v[a], 16); \
    v[c] += v[d]; \
    v[b] = rotate_right (v[b] ^ v[c], 12); \
    v[a] += v[b] + (y); \
    v[d] = rotate_right (v[d] ^ v[a], 8); \
    v[c] += v[d]; \
    v[b] = rotate_right (v[b] ^ v[c], 7); \
  } \
  G_STMT_END

/* Replaces the chaining value cv by that of one block. */
static void
compress (guint32 cv[8], const guint32 m[16], guint64 counter, guint32 length,
    guint32 flags)
{
  guint32 v[16] = { cv[0], cv[1], cv[2], cv[3], cv[4], cv[5], cv[6], cv[7],
    iv[0], iv[1], iv[2], iv[3], (guint32) counter, (guint32) (counter >> 32),
    length, flags };

  /* Unrolled, the schedule costs no loads. */
#pragma GCC unroll 7
  for (guint round = 0; round < 7; round++) {
    const guint8 *s = schedule[round];

    MIX (0, 4, 8, 12, m[s[0]], m[s[1]]);
    MIX (1, 5, 9, 13, m[s[2]], m[s[3]]);
    MIX (2, 6, 10, 14, m[s[4]], m[s[5]]);
    MIX (3, 7, 11, 15, m[s[6]], m[s[7]]);
    MIX (0, 5, 10, 15, m[s[8]], m[s[9]]);
    MIX (1, 6, 11, 12, m[s[10]], m[s[11]]);
    MIX (2, 7, 8, 13, m[s[12]], m[s[13]]);
    MIX (3, 4, 9, 14, m[s[14]], m[s[15]]);
  }
  for (guint i = 0; i < 8; i++)
    cv[i] = v[i] ^ v[i + 8];
}

static void
load_block (guint32 m[16], const guint8 *data, gsize length)
{
  guint8 padded[BLOCK_BYTES] = { 0 };

  if (length < BLOCK_BYTES) {
    if (length > 0)
      memcpy (padded, data, length);
    data = padded;
  }
  for (guint i = 0; i < 16; i++) {
    guint32 word;

    memcpy (&word, data + 4 * i, sizeof word);
    m[i] = GUINT32_FROM_LE (word);
  }
}

/* The chaining value of one chunk of at most CHUNK_BYTES. root is ROOT when
 * the chunk is the whole input. */
static void
hash_chunk (guint32 cv[8], const guint8 *data, gsize length, guint64 index,
    guint32 root)
{
  guint32 flags = CHUNK_START;
  guint32 m[16];

  memcpy (cv, iv, sizeof iv);
  while (length > BLOCK_BYTES) {
    load_block (m, data, BLOCK_BYTES);
    compress (cv, m, index, BLOCK_BYTES, flags);
    flags = 0;
    data += BLOCK_BYTES;
    length -= BLOCK_BYTES;
  }
  load_block (m, data, length);
  compress (cv, m, index, (guint32) length, flags | CHUNK_END | root);
}

/* right becomes the chaining value of the parent of left and right. */
static void
hash_parent (const guint32 left[8], guint32 right[8], guint32 root)
{
  guint32 m[16];

  memcpy (m, left, 32);
  memcpy (m + 8, right, 32);
  memcpy (right, iv, sizeof iv);
  compress (right, m, 0, BLOCK_BYTES, PARENT | root);
}

void
vyre_blake3 (const void *data, gsize length, guint8 digest[32])
{
  const guint8 *p = data;
  guint32 stack[MAX_STACK][8], cv[8];
  guint depth = 0;
  guint64 index = 0;

  /* Complete subtrees wait on the stack. One is closed for each low zero bit
   * of the number of chunks so far; the last chunk stays out of this, because
   * its parents are closed at the end, the topmost of them as the root. */
  while (length > CHUNK_BYTES) {
    hash_chunk (cv, p, CHUNK_BYTES, index, 0);
    index++;
    for (guint64 n = index; (n & 1) == 0; n >>= 1)
      hash_parent (stack[--depth], cv, 0);
    memcpy (stack[depth++], cv, sizeof cv);
    p += CHUNK_BYTES;
    length -= CHUNK_BYTES;
  }
  hash_chunk (cv, p, length, index, depth == 0 ? ROOT : 0);
  while (depth > 0) {
    depth--;
    hash_parent (stack[depth], cv, depth == 0 ? ROOT : 0);
  }

  for (guint i = 0; i < 8; i++) {
    guint32 word = GUINT32_TO_LE (cv[i]);

    memcpy (digest + 4 * i, &word, sizeof word);
  }
}
