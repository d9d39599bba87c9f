/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words that are the same for all lanes. Where many workgroups run they pass
 * through shared memory: a load from one address needs no vote and no shuffle,
 * each of which costs a dance of masks inside of a loop. Elsewhere (lanes of a
 * CPU) they are read or broadcast when they are wanted.
 */

#ifdef VYRE_PARALLEL

#define BOX_DOOR 0u
#define BOX_LAUNCH 64u
#define BOX_SLOT 72u
#define BOX_HEADER 88u
#define BOX_ONE 120u
#define BOX_FOUR 124u
#define BOX_WORDS 128u

shared uint boxes[BOX_WORDS];

/* What any lane has put into a box is seen by all. */
void
settle ()
{
  memoryBarrier (gl_ScopeSubgroup, gl_StorageSemanticsShared,
      gl_SemanticsAcquireRelease);
  subgroupBarrier ();
}

/* The first lane's word. */
uint
uniform_word (uint word)
{
  settle ();
  if (lane == 0u)
    boxes[BOX_ONE] = word;
  settle ();
  return boxes[BOX_ONE];
}

#else

uint
uniform_word (uint word)
{
  return subgroupBroadcastFirst (word);
}

#endif
