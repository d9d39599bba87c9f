/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stores into mapped, write-combined device memory. */
#include "ring.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

void
vyre_ring_store_fence (void)
{
  /* A C11 release store is a plain store on x86 and does not order
   * write-combined ones; on ARM it does not reach the outer domain. */
#if defined(__SSE2__)
  _mm_sfence ();
#elif defined(__aarch64__)
  __asm__ volatile("dmb oshst" ::: "memory");
#else
  __sync_synchronize ();
#endif
}

/* 64 bytes with that for the first word. */
static inline void
store_line (volatile guint32 *to, const guint32 *from, guint32 first)
{
#if defined(__SSE2__)
  const __m128i keep = _mm_set_epi32 (-1, -1, -1, 0);
  const __m128i *in = (const __m128i *) from;
  __m128i *out = (__m128i *) to;

  _mm_storeu_si128 (
      out, _mm_or_si128 (_mm_and_si128 (_mm_loadu_si128 (in), keep),
               _mm_cvtsi32_si128 ((gint) first)));
  _mm_storeu_si128 (out + 1, _mm_loadu_si128 (in + 1));
  _mm_storeu_si128 (out + 2, _mm_loadu_si128 (in + 2));
  _mm_storeu_si128 (out + 3, _mm_loadu_si128 (in + 3));
#else
  guint i;

  to[0] = first;
  for (i = 1; i < VYRE_LINE_WORDS; i++)
    to[i] = from[i];
#endif
}

G_STATIC_ASSERT (VYRE_ST_EMPTY == 0 && VYRE_W_STATUS == 0);
G_STATIC_ASSERT (VYRE_SLOT_WORDS == VYRE_LINE_WORDS);

void
vyre_ring_store_lines (volatile guint32 *to, const guint32 *from, guint n)
{
  for (guint i = 0; i < n; i++, to += VYRE_LINE_WORDS, from += VYRE_LINE_WORDS)
    store_line (to, from, from[0]);
}

void
vyre_ring_publish_mapped (volatile guint32 *mapped_ring, const guint32 *shadow,
    const guint32 *slots, guint n)
{
  guint i;

  if (n == 0)
    return;
  for (i = 0; i < n; i++) {
    gsize word = (gsize) slots[i] * VYRE_SLOT_WORDS;

    store_line (mapped_ring + word, shadow + word, VYRE_ST_EMPTY);
  }
  vyre_ring_store_fence ();
  for (i = 0; i < n; i++) {
    gsize word = (gsize) slots[i] * VYRE_SLOT_WORDS + VYRE_W_STATUS;

    mapped_ring[word] = shadow[word];
  }
}
