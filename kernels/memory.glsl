/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Memory by device address: the only places where the kernel touches memory
 * that is not its own. Words are reached as array elements of a reference so
 * that one address serves a whole table.
 */

layout(buffer_reference, scalar, buffer_reference_align = 4) buffer Words
{
  uint w[];
};
layout(buffer_reference, scalar, buffer_reference_align = 2) buffer Halves
{
  uint16_t h[];
};
layout(buffer_reference, scalar, buffer_reference_align = 1) buffer Bytes
{
  uint8_t b[];
};
layout(buffer_reference, scalar, buffer_reference_align = 8) readonly buffer
Code
{
  uvec2 i[];
};

/* Ring atomics are relaxed, or acquire/release at queue-family scope: wider
 * and narrower scopes than that are execution barriers on some devices. */
#define SCOPE gl_ScopeQueueFamily
#define BUFFERS gl_StorageSemanticsBuffer

uint
load_relaxed (Words words, uint index)
{
  return atomicLoad (words.w[index], SCOPE, 0, 0);
}

void
store_relaxed (Words words, uint index, uint value)
{
  atomicStore (words.w[index], value, SCOPE, 0, 0);
}

uint
add_relaxed (Words words, uint index, uint value)
{
  return atomicAdd (words.w[index], value, SCOPE, 0, 0);
}

/* What other lane groups wrote before their release becomes visible to every
 * lane of this one, and the other way round. */
void
fence_acquire ()
{
  memoryBarrier (SCOPE, BUFFERS, gl_SemanticsAcquire |
      gl_SemanticsMakeVisible);
}

void
fence_release ()
{
  memoryBarrier (SCOPE, BUFFERS, gl_SemanticsRelease |
      gl_SemanticsMakeAvailable);
  subgroupBarrier ();
}
