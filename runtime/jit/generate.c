/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Chooses how many invocations a lane has, and writes the version of the program
 * with checks and, where there is something to gain, the one without.
 *
 * The version without checks runs batches that lie wholly in the tile and,
 * where an access or condition depends on invocation_id.x alone, within the
 * bounds: compared once for a batch, by its last invocation. */
#include "compiled.glsl.h"
#include "jit-private.h"

#include <string.h>

#define MAX_INSTRUCTIONS 4096
/* Instructions times invocations of a lane. */
#define MAX_LINES 4096
/* Runs until the emitter takes every join for one of differing values. */
#define MAX_ROUNDS 32

G_DEFINE_QUARK (vyre - jit - error - quark, vyre_jit_error)

typedef struct
{
  VyreJitCode code;
  VyreJitFindings found;
  const guint32 *size;
  guint32 group; /* invocations of a workgroup */
  gboolean line; /* the workgroup is one along x */
  VyreJitUses uses;
  guint weight;
} Generator;

/* --- what is not compiled ------------------------------------------------------ */

/* NEXT may count in other registers than its LOOP compares, for all that the
 * verifier says; lowering never has it so. */
static gboolean
check_loops (const VyreLowered *lowered, GError **error)
{
  VyreJitCode code = { .lowered = lowered };

  for (guint32 at = 0; at < lowered->n_instructions; at++) {
    VyreJitInst loop = vyre_jit_inst (&code, at), next;

    if (loop.op != VYRE_I_LOOP)
      continue;
    next = vyre_jit_inst (&code, loop.x - 1);
    if (next.a == loop.a && next.b == loop.b)
      continue;
    g_set_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED,
        "the loop at instruction %u goes on by other registers than it begins "
        "by; such loops are not compiled",
        at);
    return FALSE;
  }
  return TRUE;
}

static gboolean
generator_init (Generator *g, const VyreLowered *lowered, GError **error)
{
  VyreJitRegion all;
  guint64 group;

  memset (g, 0, sizeof *g);
  g->size = lowered->program->workgroup_size;
  group = (guint64) g->size[0] * g->size[1];
  if (lowered->n_instructions > MAX_INSTRUCTIONS ||
      lowered->n_spills > VYRE_JIT_MAX_SPILLS) {
    g_set_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED,
        "%u instructions and %u spilled values; programs with more than %u or "
        "%u are not compiled",
        lowered->n_instructions, lowered->n_spills, MAX_INSTRUCTIONS,
        VYRE_JIT_MAX_SPILLS);
    return FALSE;
  }
  if (group > G_MAXUINT32 || group * g->size[2] > G_MAXUINT32 || group == 0 ||
      g->size[2] == 0) {
    g_set_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED,
        "workgroups of %u x %u x %u invocations are not compiled", g->size[0],
        g->size[1], g->size[2]);
    return FALSE;
  }
  if (!check_loops (lowered, error))
    return FALSE;
  g->group = (guint32) group * g->size[2];
  g->line = g->size[1] == 1 && g->size[2] == 1;
  vyre_jit_code_init (&g->code, lowered);
  g->found.varying = g_new0 (VyreJitSet, g->code.n);
  g->found.trips = g_new0 (gint64, g->code.n);
  vyre_jit_uses (&g->code, 0, g->code.n, &g->uses);
  vyre_jit_region (&g->code, 0, g->code.n, &all);
  g->weight = all.weight;
  return TRUE;
}

static void
generator_clear (Generator *g)
{
  vyre_jit_code_clear (&g->code);
  g_free (g->found.varying);
  g_free (g->found.trips);
}

/* --- where an invocation is ---------------------------------------------------- */

static VyreJitValue
special_constant (const Generator *g, guint which)
{
  return which >= VYRE_SPECIAL_LOCAL_ID && g->size[which % 3] == 1
             ? vyre_jit_constant (0)
             : (VyreJitValue){ .form = VYRE_JIT_WORD };
}

/* With checks: any grid. i0, i1, … are the numbers in the tile. */
static void
locate (VyreJitEmit *e, const Generator *g)
{
  gboolean grid = FALSE, local = FALSE;

  for (guint which = 0; which < VYRE_SPECIALS; which++) {
    grid |= g->uses.specials[which] && which < VYRE_SPECIAL_LOCAL_ID;
    local |= g->uses.specials[which] && (which < VYRE_SPECIAL_WORKGROUP_ID ||
                                            which >= VYRE_SPECIAL_LOCAL_ID);
  }
  for (guint k = 0; k < e->unroll; k++) {
    vyre_jit_line (e, "const uint i%u = first + %uu * LANES + lane;", k, k);
    if (e->unroll > 1)
      vyre_jit_line (e, "const bool m0_%u = i%u < total;", k, k);
    else
      vyre_jit_line (e, "if (i0 >= total) { return; }");
    if (grid)
      vyre_jit_line (e,
          "const uvec3 g%u = compiled_workgroup (tile_first + i%u / %uu);", k,
          k, g->group);
    if (local)
      vyre_jit_line (e,
          "const uvec3 l%u = uvec3 (i%u %% %uu, i%u / %uu %% %uu, "
          "i%u %% %uu / %uu);",
          k, k, g->size[0], k, g->size[0], g->size[1], k, g->group,
          g->size[0] * g->size[1]);
  }
  if (e->unroll > 1)
    e->mask = (VyreJitMask){ VYRE_JIT_SOME, 0 };
  e->next = 1;

  for (guint which = 0; which < VYRE_SPECIALS; which++) {
    char axis = "xyz"[which % 3];

    e->specials[which] = special_constant (g, which);
    if (!g->uses.specials[which] || e->specials[which].form == VYRE_JIT_CONST)
      continue;
    e->specials[which] = vyre_jit_variable (e, VYRE_JIT_WORD, FALSE);
    for (guint k = 0; k < e->unroll; k++) {
      const char *name = vyre_jit_name (e, e->specials[which].number, FALSE, k);

      if (which >= VYRE_SPECIAL_LOCAL_ID)
        vyre_jit_line (e, "const uint %s = l%u.%c;", name, k, axis);
      else if (which >= VYRE_SPECIAL_WORKGROUP_ID)
        vyre_jit_line (e, "const uint %s = g%u.%c;", name, k, axis);
      else
        vyre_jit_line (e, "const uint %s = g%u.%c * %uu + l%u.%c;", name, k,
            axis, g->size[which], k, axis);
    }
  }
}

/* Without checks: everything lies along x, and x0 is the first of the batch. */
static void
locate_in_line (VyreJitEmit *e, const Generator *g)
{
  VyreJitValue x = vyre_jit_variable (e, VYRE_JIT_WORD, FALSE);

  for (guint k = 0; k < e->unroll; k++) {
    const char *name = vyre_jit_name (e, x.number, FALSE, k);

    if (e->vectors)
      vyre_jit_line (e, "const uint %s = x0 + (%uu * LANES + lane) * 4u + %uu;",
          name, k / 4, k % 4);
    else
      vyre_jit_line (e, "const uint %s = x0 + %uu * LANES + lane;", name, k);
  }
  for (guint which = 0; which < VYRE_SPECIALS; which++)
    e->specials[which] = vyre_jit_constant (0);
  for (guint which = VYRE_SPECIAL_WORKGROUP_ID; which < VYRE_SPECIALS;
       which += 3) {
    gboolean local = which >= VYRE_SPECIAL_LOCAL_ID;

    if (!g->uses.specials[which] || (local && g->group == 1))
      continue;
    e->specials[which] = vyre_jit_variable (e, VYRE_JIT_WORD, FALSE);
    for (guint k = 0; k < e->unroll; k++)
      vyre_jit_line (e, "const uint %s = %s %c %uu;",
          vyre_jit_name (e, e->specials[which].number, FALSE, k),
          vyre_jit_name (e, x.number, FALSE, k), local ? '%' : '/', g->group);
  }
  x.scale = 1;
  e->specials[VYRE_SPECIAL_INVOCATION_ID] = x;
}

/* --- runs of the emitter --------------------------------------------------------- */

/* Again and again until nothing new is found; the text is then right. */
static void
run (
    VyreJitEmit *e, Generator *g, guint unroll, gboolean fast, gboolean vectors)
{
  for (guint round = 0;; round++) {
    if (e->text != NULL)
      g_string_free (e->text, TRUE);
    *e = (VyreJitEmit){
      .code = &g->code,
      .found = &g->found,
      .unroll = unroll,
      .fast = fast,
      .vectors = vectors,
      .text = g_string_new (NULL),
      .indent = 1,
      .total_weight = g->weight,
    };
    for (guint slot = 0; slot < VYRE_JIT_SLOTS; slot++)
      e->slots[slot] = vyre_jit_constant (0);
    if (round == MAX_ROUNDS)
      memset (g->found.varying, 0xff, g->code.n * sizeof (VyreJitSet));
    if (fast)
      locate_in_line (e, g);
    else
      locate (e, g);
    vyre_jit_range (e, 0, g->code.n);
    if (!e->again)
      return;
  }
}

/* Before its end, of itself. */
static gboolean
may_stop (const Generator *g, const VyreJitEmit *checked)
{
  return g->code.loops || checked->faults;
}

/* Lane groups that share a tile: nothing but its end need be known then. */
static guint
choose_team (const Generator *g, const VyreJitEmit *checked,
    const VyreJitOptions *options)
{
  return may_stop (g, checked) ? 1 : MAX (options->team, 1);
}

/* More invocations keep more loads in flight, until their values cost too many
 * of the device's registers. */
static guint
choose_unroll (const Generator *g, const VyreJitEmit *e, guint team)
{
  guint unroll = e->pressure <= 6    ? (team > 1 ? 16 : 8)
                 : e->pressure <= 14 ? 4
                 : e->pressure <= 28 ? 2
                                     : 1;

  if (e->varying_loop)
    return 1;
  if (g->code.loops)
    unroll = MIN (unroll, 4);
  while (unroll > 1 && unroll * g->code.n > MAX_LINES)
    unroll /= 2;
  return unroll;
}

gboolean
vyre_jit_check_passes (
    gint64 passes, const VyreJitOptions *options, GError **error)
{
  if (options->max_passes == 0 ||
      (passes >= 0 && passes <= options->max_passes))
    return TRUE;
  if (passes < 0)
    g_set_error_literal (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED,
        "the program has loops without a constant number of passes, or with "
        "very many; on this device only interpreted code can be interrupted "
        "in them");
  else
    g_set_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED,
        "the program's loops make %" G_GINT64_FORMAT
        " passes, and on this device only interpreted code can be interrupted "
        "after %u",
        passes, options->max_passes);
  return FALSE;
}

/* Where a batch calls the version with checks for each invocation of a lane:
 * how many it may have for all their loop passes. */
static guint
limit_calls (guint unroll, gint64 passes, guint32 most)
{
  if (passes < 0)
    return 1;
  while (unroll > 1 && most != 0 && (passes + 1) * unroll > most / 8)
    unroll /= 2;
  return unroll;
}

/* --- the text ---------------------------------------------------------------------- */

void
vyre_jit_bind (GString *text, const VyreJitUses *uses)
{
  GString *begin = g_string_new ("void\ncompiled_begin ()\n{\n");

  g_string_append (text, "#ifndef VYRE_PARALLEL\n");
  for (guint b = 0; b < VYRE_MAX_BINDINGS; b++) {
    if ((uses->bindings >> b & 1) == 0)
      continue;
    g_string_append_printf (text, "uvec4 bound_%u;\n", b);
    g_string_append_printf (begin, "  bound_%u = bindings[%u];\n", b, b);
  }
  g_string_append_printf (text, "%s}\n#endif\n", begin->str);
  g_string_free (begin, TRUE);
}

void
vyre_jit_declare_bindings (GString *text, const VyreJitUses *uses)
{
  g_string_append (text, "  const uint o = tile_count == 0u ? 1u : 0u;\n");
  for (guint b = 0; b < VYRE_MAX_BINDINGS; b++) {
    if ((uses->bindings >> b & 1) == 0)
      continue;
    g_string_append_printf (text,
        "#ifdef VYRE_PARALLEL\n"
        "  const uvec4 b%u = bindings[%u];\n"
        "#else\n"
        "  const uvec4 b%u = bound_%u;\n"
        "#endif\n",
        b, b, b, b);
    if (uses->strides[b] != 0)
      g_string_append_printf (
          text, "  const uint64_t a%u = packUint2x32 (b%u.xy);\n", b, b);
    for (guint stride = 0; stride < 8; stride++)
      if ((uses->strides[b] >> stride & 1) != 0)
        g_string_append_printf (text, "  const uint n%u_%u = b%u.z >> %uu;\n",
            b, stride, b, stride);
  }
}

/* No x from the limit on: scale * x + offset < bound, without overflow. */
static void
append_assumption (GString *text, const VyreJitAssumption *a)
{
  g_autofree char *bound =
      a->kind == VYRE_JIT_BELOW_COUNT ? g_strdup_printf ("b%u.w", a->binding)
      : a->kind == VYRE_JIT_BELOW_ELEMENTS
          ? g_strdup_printf ("n%u_%u", a->binding, a->stride)
          : g_strdup_printf ("%uu", a->binding);

  g_string_append_printf (text,
      "  limit = min (limit, %s > %uu ? (%s - %uu - 1u) / %uu + 1u : 0u);\n",
      bound, a->offset, bound, a->offset, a->scale);
}

static void
append_prologue (GString *text, const Generator *g)
{
  g_string_append_printf (
      text, "  const uint total = tile_count * %uu;\n", g->group);
  vyre_jit_declare_bindings (text, &g->uses);
}

/* Or is something not as fixed as it is taken to be? */
static void
append_fixed (GString *text, const Generator *g, const VyreJitEmit *e)
{
  for (guint b = 0; b < VYRE_MAX_BINDINGS; b++) {
    if ((e->fixed >> b & 1) == 0)
      continue;
    g_string_append_printf (text, " ||\n      !compiled_is_fixed (b%u)", b);
    for (guint w = 0; w < VYRE_MAX_BINDINGS; w++)
      if ((g->uses.bindings >> w & 1) != 0 && vyre_jit_is_written (&g->code, w))
        g_string_append_printf (
            text, " ||\n      compiled_overlap (b%u, b%u)", b, w);
  }
}

/* How many batches may run without checks: the one that begins with first, and
 * others step invocations apart. */
static void
append_fitting (GString *text, const Generator *g, const VyreJitEmit *e)
{
  g_string_append (text, "uint\ncompiled_fitting (uint first, uint step)\n{\n");
  if (e == NULL) {
    g_string_append (text, "  return 0u;\n}\n");
    return;
  }
  append_prologue (text, g);
  g_string_append_printf (text,
      "  const uint x0 = tile_first * %uu;\n"
      "  uint limit = 0xffffffffu;\n",
      g->group);
  for (guint i = 0; i < e->n_assumptions; i++)
    if ((e->assumed >> i & 1) != 0)
      append_assumption (text, &e->assumptions[i]);
  g_string_append (text, "  if (grid.y != 1u || grid.z != 1u || x0 >= limit");
  if (e->vectors)
    g_string_append (text, " ||\n      (x0 & 3u) != 0u");
  for (guint b = 0; b < VYRE_MAX_BINDINGS; b++)
    if (e->align[b] > 4)
      g_string_append_printf (
          text, " ||\n      (b%u.x & %uu) != 0u", b, e->align[b] - 1);
  append_fixed (text, g, e);
  g_string_append_printf (text,
      ")\n    return 0u;\n"
      "  const uint room = min (limit - x0, total);\n"
      "  const uint width = %uu * LANES;\n"
      "  return first <= room && room - first >= width ?\n"
      "      (room - first - width) / step + 1u : 0u;\n}\n",
      e->unroll);
}

static void
append_version (
    GString *text, const Generator *g, const VyreJitEmit *e, const char *name)
{
  g_string_append_printf (text, "void\n%s (uint first)\n{\n", name);
  if (e != NULL) {
    append_prologue (text, g);
    if (e->fast)
      g_string_append_printf (
          text, "  const uint x0 = tile_first * %uu + first;\n", g->group);
    g_string_append_printf (
        text, "  steps_done += %uu;\n", g->code.n * e->unroll);
    g_string_append_len (text, e->text->str, e->text->len);
  }
  g_string_append (text, "}\n");
}

/* A batch takes one call of the version with checks, or as many as its lanes
 * have invocations. */
static char *
assemble (const Generator *g, const VyreJitEmit *checked,
    const VyreJitEmit *unchecked, const VyreJitSource *source, gint64 passes)
{
  GString *text = g_string_new (vyre_compiled_text);
  guint unroll = source->unroll;
  guint calls = unroll / checked->unroll;
  gint64 all = calls > 1 && passes >= 0 ? (passes + 1) * calls : passes;

  g_string_append_printf (text,
      "const uint COMPILED_UNROLL = %uu;\n"
      "const uint COMPILED_TEAM = %uu;\n"
      "const uint COMPILED_PASSES = %uu;\n"
      "const uint COMPILED_PASSES_INSIDE = %uu;\n"
      "const uint COMPILED_GROUP = 0u;\n"
      "const uint COMPILED_STEPS = %uu;\n"
      "const bool COMPILED_LOOPS = %s;\n"
      "const bool COMPILED_FAULTS = %s;\n",
      unroll, source->team, (guint32) all, (guint32) passes,
      g->code.loops ? G_MAXUINT32 : g->code.n * unroll,
      g->code.loops ? "true" : "false",
      may_stop (g, checked) ? "true" : "false");
  vyre_jit_bind (text, &g->uses);
  append_fitting (text, g, unchecked);
  append_version (text, g, unchecked, "compiled_inside");
  append_version (
      text, g, checked, calls > 1 ? "compiled_row" : "compiled_checked");
  if (calls > 1)
    g_string_append_printf (text,
        "void\ncompiled_checked (uint first)\n{\n"
        "  [[dont_unroll]]\n"
        "  for (uint k = 0u; k < %uu; k++)\n"
        "    compiled_row (first + k * %uu * LANES);\n}\n",
        calls, checked->unroll);
  return g_string_free (text, FALSE);
}

/* Is there one, and is it worth having? */
static gboolean
run_unchecked (VyreJitEmit *e, Generator *g, guint unroll)
{
  if (!g->line || !g->uses.specials[VYRE_SPECIAL_INVOCATION_ID])
    return FALSE;
  run (e, g, unroll, TRUE, unroll % 4 == 0);
  if (e->vectors && (e->n_strided > 0 || e->n_vectors == 0))
    run (e, g, unroll, TRUE, FALSE);
  return e->assumed != 0 && (unroll == 1 || !e->varying_loop);
}

VyreJitSource *
vyre_jit_generate (
    const VyreLowered *lowered, const VyreJitOptions *options, GError **error)
{
  VyreJitSource *source = NULL;
  g_autofree VyreJitEmit *checked = g_new0 (VyreJitEmit, 1);
  g_autofree VyreJitEmit *unchecked = g_new0 (VyreJitEmit, 1);
  Generator g;
  guint unroll;
  gint64 passes;
  gboolean has_unchecked;

  g_return_val_if_fail (options->unroll <= VYRE_JIT_MAX_UNROLL &&
                            (options->unroll & (options->unroll - 1)) == 0,
      NULL);
  if (!generator_init (&g, lowered, error))
    return NULL;
  if (lowered->grouped) {
    source = vyre_jit_generate_group (&g.code, &g.found, options, error);
    goto done;
  }
  run (checked, &g, 1, FALSE, FALSE);
  passes = vyre_jit_passes (checked, 0, g.code.n);
  unroll =
      options->unroll != 0 && !checked->varying_loop
          ? options->unroll
          : choose_unroll (&g, checked, choose_team (&g, checked, options));
  if (options->narrow_checks)
    unroll = limit_calls (unroll, passes, options->max_passes);
  if (!vyre_jit_check_passes (passes, options, error))
    goto done;
  has_unchecked =
      !options->checked_only && run_unchecked (unchecked, &g, unroll);
  run (checked, &g, options->narrow_checks ? 1 : unroll, FALSE, FALSE);
  /* What the version without checks found may have made loops differ. */
  if (unroll > 1 && checked->varying_loop) {
    unroll = 1;
    has_unchecked =
        !options->checked_only && run_unchecked (unchecked, &g, unroll);
    run (checked, &g, unroll, FALSE, FALSE);
  }
  source = g_new0 (VyreJitSource, 1);
  source->unroll = unroll;
  source->team = choose_team (&g, checked, options);
  source->text =
      assemble (&g, checked, has_unchecked ? unchecked : NULL, source, passes);
  source->passes = passes < 0 ? G_MAXUINT32 : (guint32) passes;
  source->unchecked = has_unchecked;
  source->vectors = has_unchecked && unchecked->vectors;

done:
  if (checked->text != NULL)
    g_string_free (checked->text, TRUE);
  if (unchecked->text != NULL)
    g_string_free (unchecked->text, TRUE);
  generator_clear (&g);
  return source;
}

void
vyre_jit_source_free (VyreJitSource *source)
{
  if (source == NULL)
    return;
  g_free (source->text);
  g_free (source);
}
