/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Lane groups of one hardware workgroup that run the batches of a tile together.
 * The first of them leads: it alone takes turns (turn.glsl). The others wait
 * at a barrier, which costs nobody anything, for what it has in hand. So a tile is
 * as wide as the workgroup, and the host publishes, and kernels claim, that many
 * fewer.
 *
 * For compiled programs without loops and faults, of which nothing but their
 * end need be known. The barriers are met by all lane groups, turn by turn.
 */

#define TEAM_WORDS 8u
#define TEAM_LEAVES NONE

/* Written for one turn while the one before may still be read. */
shared uint team_words[2u * TEAM_WORDS];

bool
leads ()
{
  return TEAM == 1u || gl_SubgroupID == 0u;
}

/* What the leader has seen the others see: it has acquired it, and they share what
 * it reads through. */
void
meet ()
{
  controlBarrier (gl_ScopeWorkgroup, gl_ScopeWorkgroup,
      gl_StorageSemanticsShared | gl_StorageSemanticsBuffer,
      gl_SemanticsAcquireRelease | gl_SemanticsMakeAvailable |
      gl_SemanticsMakeVisible);
}

/* n: batches from warp on, or TEAM_LEAVES. */
void
post_batches (uint at, uint n)
{
  if (lane != 0u)
    return;
  team_words[at] = n;
  team_words[at + 1u] = warp;
  team_words[at + 2u] = tile_first;
  team_words[at + 3u] = tile_count;
  team_words[at + 4u] = tile_step;
  team_words[at + 5u] = grid.x;
  team_words[at + 6u] = grid.y;
  team_words[at + 7u] = grid.z;
}

/* This lane group's part of each: those that need no checks, then the others. */
void
run_part (uint from, uint n)
{
  uint first = gl_SubgroupID * LANES * COMPILED_UNROLL;
  uint to = from + n;
  uint fitting = min (compiled_fitting (first, tile_step), to);
  uint next = from;
  [[dont_unroll]]
  for (; next < fitting; next++)
    compiled_inside (next * tile_step + first);
  [[dont_unroll]]
  for (; next < to; next++)
    compiled_checked (next * tile_step + first);
}

/* All lane groups, once a turn: they run what the leader has in hand. n: batches,
 * or TEAM_LEAVES; counts for the leader only. Returns whether they stay. */
bool
run_together (uint turn, uint n)
{
  uint at = (turn & 1u) * TEAM_WORDS;
  if (leads ())
    post_batches (at, n);
  meet ();
  uint batches = team_words[at];
  bool stay = batches != TEAM_LEAVES;
  if (stay && batches != 0u) {
    warp = team_words[at + 1u];
    tile_first = team_words[at + 2u];
    tile_count = team_words[at + 3u];
    tile_step = team_words[at + 4u];
    grid = uvec3 (team_words[at + 5u], team_words[at + 6u],
        team_words[at + 7u]);
    run_part (warp, batches);
    meet ();
  }
  return stay;
}
