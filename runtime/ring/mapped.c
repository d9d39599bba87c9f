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

/* The 64 bytes of one slot, with EMPTY for its status. */
static inline void
store_payload (volatile guint32 *to, const guint32 *from)
{
#if defined(__AVX__)
  const __m256i low = _mm256_loadu_si256 ((const __m256i *) from);
  const __m256i high = _mm256_loadu_si256 ((const __m256i *) (from + 8));
  const __m256i keep = _mm256_set_epi32 (-1, -1, -1, -1, -1, -1, -1, 0);

  _mm256_storeu_si256 ((__m256i *) to,
      _mm256_castps_si256 (_mm256_and_ps (
          _mm256_castsi256_ps (low), _mm256_castsi256_ps (keep))));
  _mm256_storeu_si256 ((__m256i *) (to + 8), high);
#elif defined(__SSE2__)
  const __m128i keep = _mm_set_epi32 (-1, -1, -1, 0);
  const __m128i *in = (const __m128i *) from;
  __m128i *out = (__m128i *) to;

  _mm_storeu_si128 (out, _mm_and_si128 (_mm_loadu_si128 (in), keep));
  _mm_storeu_si128 (out + 1, _mm_loadu_si128 (in + 1));
  _mm_storeu_si128 (out + 2, _mm_loadu_si128 (in + 2));
  _mm_storeu_si128 (out + 3, _mm_loadu_si128 (in + 3));
#else
  guint i;

  to[VYRE_W_STATUS] = VYRE_ST_EMPTY;
  for (i = 1; i < VYRE_SLOT_WORDS; i++)
    to[i] = from[i];
#endif
}

G_STATIC_ASSERT (VYRE_ST_EMPTY == 0 && VYRE_W_STATUS == 0);
G_STATIC_ASSERT (VYRE_SLOT_WORDS == 16);

void
vyre_ring_publish_mapped (volatile guint32 *mapped_ring, const guint32 *shadow,
    const guint32 *slots, guint n)
{
  guint i;

  if (n == 0)
    return;
  for (i = 0; i < n; i++) {
    gsize word = (gsize) slots[i] * VYRE_SLOT_WORDS;

    store_payload (mapped_ring + word, shadow + word);
  }
  vyre_ring_store_fence ();
  for (i = 0; i < n; i++) {
    gsize word = (gsize) slots[i] * VYRE_SLOT_WORDS + VYRE_W_STATUS;

    mapped_ring[word] = shadow[word];
  }
  vyre_ring_store_fence ();
}
