/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Loads, stores and atomics. Binding n has its address in an and the number of
 * its whole elements of 2^s bytes in nn_s.
 *
 * Every access is compared with that number, but for those of the version
 * without checks whose index is scale * invocation_id.x + offset: there the
 * whole batch has been compared at once, by its last invocation. */
#include "jit-private.h"

typedef struct
{
  const VyreJitInst *inst;
  guint binding, stride, width, offset;
  VyreJitValue index;
  gboolean inside; /* known to be within bounds */
} Access;

/* Has the batch been, or can it be, compared for this access? What only some
 * invocations touch shall not decide for all. */
static gboolean
assume_inside (VyreJitEmit *e, const Access *access)
{
  VyreJitAssumption assumption = { VYRE_JIT_BELOW_ELEMENTS, access->binding,
    access->stride, access->index.scale, access->index.offset };
  gint number;

  if (!e->fast || access->index.scale == 0)
    return FALSE;
  number = vyre_jit_assumption (e, &assumption);
  if (number < 0)
    return FALSE;
  if (e->depth == 0)
    e->assumed |= (guint64) 1 << number;
  return (e->assumed >> number & 1) != 0;
}

/* Neighbouring invocations touch neighbouring elements. */
static gboolean
is_vector (VyreJitEmit *e, const Access *access)
{
  gboolean fits = access->index.scale == 1 && access->index.offset % 4 == 0 &&
                  access->stride == access->width;

  if (access->index.scale != 0) {
    if (fits)
      e->n_vectors++;
    else
      e->n_strided++;
  }
  return fits && e->vectors && access->inside;
}

static void
need_alignment (VyreJitEmit *e, const Access *access, guint bytes)
{
  e->align[access->binding] = MAX (e->align[access->binding], bytes);
}

/* The address of the k-th invocation's element, an expression. Wherever it is
 * used the index has been compared with the number of elements. */
static char *
address_of (const VyreJitEmit *e, const Access *access, guint k)
{
  GString *text = g_string_new (NULL);

  g_string_printf (text, "a%u + uint64_t (%s)", access->binding,
      vyre_jit_word (e, &access->index, k));
  if (access->stride != 0)
    g_string_append_printf (text, " * %uUL", 1u << access->stride);
  if (access->offset != 0)
    g_string_append_printf (text, " + %uUL", access->offset);
  return g_string_free (text, FALSE);
}

/* Of the element of the k-th invocation and the three behind it. All are as far
 * from the first one as lanes are: instructions have such numbers in them. */
static char *
address_of_vector (const VyreJitEmit *e, const Access *access, guint k)
{
  g_autofree char *first = address_of (e, access, 0);

  return k == 0 ? g_steal_pointer (&first)
                : g_strdup_printf ("%s + uint64_t (%uu * LANES)", first,
                      k << access->stride);
}

/* When the k-th invocation may access: an expression, or NULL for always. */
static char *
condition_of (
    const VyreJitEmit *e, const Access *access, gboolean masked, guint k)
{
  const char *mask = masked && e->mask.kind == VYRE_JIT_SOME
                         ? vyre_jit_mask (e, e->mask, k)
                         : NULL;

  if (access->inside)
    return g_strdup (mask);
  return g_strdup_printf ("%s%s%s < n%u_%u", mask ? mask : "",
      mask ? " && " : "", vyre_jit_word (e, &access->index, k), access->binding,
      access->stride);
}

/* May the version without checks take it that nobody writes the binding? */
static gboolean
is_fixed (VyreJitEmit *e, guint binding)
{
  if (!e->fast || vyre_jit_is_written (e->code, binding))
    return FALSE;
  e->fixed |= (guint64) 1 << binding;
  return TRUE;
}

/* --- loads ----------------------------------------------------------------- */

static const char *const names[] = { "byte", "half", "word" };

static VyreJitValue
load_each (VyreJitEmit *e, const Access *access)
{
  VyreJitValue value =
      vyre_jit_variable (e, VYRE_JIT_WORD, access->index.shared && !e->group);
  const char *fixed = is_fixed (e, access->binding) ? "fixed_" : "";

  for (guint k = 0; k < (value.shared ? 1 : e->unroll); k++) {
    g_autofree char *address = address_of (e, access, k);
    g_autofree char *condition = condition_of (e, access, FALSE, k);
    const char *name = vyre_jit_name (e, value.number, value.shared, k);

    if (condition != NULL)
      vyre_jit_line (e, "const uint %s = compiled_%sload_%s (%s, %s);", name,
          fixed, names[access->width], address, condition);
    else
      vyre_jit_line (e, "const uint %s = compiled_%s%s (%s);", name, fixed,
          names[access->width], address);
  }
  return value;
}

/* Four elements of a lane at once: a word of bytes, a pair of words of halves,
 * or four words. */
static VyreJitValue
load_vectors (VyreJitEmit *e, const Access *access)
{
  static const char *const types[] = { "word", "pair", "quad" };
  static const char *const variables[] = { "uint", "uvec2", "uvec4" };
  static const char *const parts[3][4] = {
    { " & 255u", " >> 8u & 255u", " >> 16u & 255u", " >> 24u" },
    { ".x & 65535u", ".x >> 16u", ".y & 65535u", ".y >> 16u" },
    { ".x", ".y", ".z", ".w" },
  };
  VyreJitValue value = vyre_jit_variable (e, VYRE_JIT_WORD, FALSE);
  const char *fixed = is_fixed (e, access->binding) ? "fixed_" : "";

  need_alignment (e, access, 4u << access->width);
  for (guint k = 0; k < e->unroll; k += 4) {
    g_autofree char *address = address_of_vector (e, access, k);

    vyre_jit_line (e, "const %s q%u_%u = compiled_%s%s (%s);",
        variables[access->width], value.number, k, fixed, types[access->width],
        address);
  }
  for (guint k = 0; k < e->unroll; k++)
    vyre_jit_line (e, "const uint v%u_%u = q%u_%u%s;", value.number, k,
        value.number, k / 4 * 4, parts[access->width][k % 4]);
  return value;
}

/* One of four neighbouring words that an invocation is likely to want all. */
static VyreJitValue
load_of_quad (VyreJitEmit *e, const Access *access)
{
  guint part = access->index.offset % 4;
  VyreJitQuad quad = { access->binding, access->index.scale,
    access->index.offset - part, 0 };
  VyreJitValue value = vyre_jit_variable (e, VYRE_JIT_WORD, FALSE);
  gboolean found = FALSE;

  for (guint i = 0; i < e->n_quads && !found; i++) {
    const VyreJitQuad *q = &e->quads[i];

    found = q->binding == quad.binding && q->scale == quad.scale &&
            q->first == quad.first;
    if (found)
      quad = *q;
  }
  if (!found) {
    need_alignment (e, access, 16);
    quad.number = value.number;
    for (guint k = 0; k < e->unroll; k++)
      vyre_jit_line (e,
          "const uvec4 q%u_%u = compiled_%squad (a%u + uint64_t (%s - %uu) * "
          "4UL);",
          quad.number, k, is_fixed (e, access->binding) ? "fixed_" : "",
          access->binding, vyre_jit_word (e, &access->index, k), part);
    e->quads[e->n_quads % G_N_ELEMENTS (e->quads)] = quad;
    e->n_quads = MIN (e->n_quads + 1, G_N_ELEMENTS (e->quads));
  }
  for (guint k = 0; k < e->unroll; k++)
    vyre_jit_line (e, "const uint v%u_%u = q%u_%u.%c;", value.number, k,
        quad.number, k, "xyzw"[part]);
  return value;
}

/* All of the quad must lie inside, not just the part that is asked for. */
static gboolean
is_quad (VyreJitEmit *e, const Access *access)
{
  Access last = *access;

  if (e->vectors || !access->inside || access->stride != 2 ||
      access->width != 2 || access->index.scale == 0 ||
      access->index.scale % 4 != 0)
    return FALSE;
  last.index.offset |= 3;
  return assume_inside (e, &last);
}

static void
load (VyreJitEmit *e, Access *access)
{
  VyreJitValue value;

  if (is_vector (e, access))
    value = load_vectors (e, access);
  else if (is_quad (e, access))
    value = load_of_quad (e, access);
  else
    value = load_each (e, access);
  e->slots[access->inst->dst] = value;
}

/* --- stores ------------------------------------------------------------------ */

static void
store_vectors (VyreJitEmit *e, const Access *access, const VyreJitValue *value)
{
  need_alignment (e, access, 4u << access->width);
  for (guint k = 0; k < e->unroll; k += 4) {
    g_autofree char *address = address_of_vector (e, access, k);
    const char *v[4];

    for (guint i = 0; i < 4; i++)
      v[i] = vyre_jit_word (e, value, k + i);
    if (access->width == 2)
      vyre_jit_line (e, "compiled_set_quad (%s, uvec4 (%s, %s, %s, %s));",
          address, v[0], v[1], v[2], v[3]);
    else if (access->width == 1)
      vyre_jit_line (e,
          "compiled_set_pair (%s, uvec2 (%s & 65535u | %s << 16u, "
          "%s & 65535u | %s << 16u));",
          address, v[0], v[1], v[2], v[3]);
    else
      vyre_jit_line (e,
          "compiled_set_word (%s, %s & 255u | (%s & 255u) << 8u | "
          "(%s & 255u) << 16u | %s << 24u);",
          address, v[0], v[1], v[2], v[3]);
  }
}

static void
store (VyreJitEmit *e, const Access *access)
{
  const VyreJitValue *value = &e->slots[access->inst->dst];

  e->n_quads = 0;
  if (is_vector (e, access) && e->mask.kind == VYRE_JIT_ALL) {
    store_vectors (e, access, value);
    return;
  }
  for (guint k = 0; k < e->unroll; k++) {
    g_autofree char *address = address_of (e, access, k);
    g_autofree char *condition = condition_of (e, access, TRUE, k);

    vyre_jit_line (e, "%s%s%scompiled_set_%s (%s, %s);",
        condition ? "if (" : "", condition ? condition : "",
        condition ? ") " : "", names[access->width], address,
        vyre_jit_word (e, value, k));
  }
}

/* --- atomics ----------------------------------------------------------------- */

static void
atomic (VyreJitEmit *e, const VyreJitInst *inst, guint32 at)
{
  static const char *const operations[] = { "Add", "Or", "And", "Xor", "Min",
    "Max", "Exchange" };
  guint operation = VYRE_IA_OPERATION (inst->x);
  Access access = { inst, VYRE_IA_BINDING (inst->x), 2, 2, 0, e->slots[inst->a],
    FALSE };
  VyreJitValue value = e->slots[inst->b], result = vyre_jit_constant (0);
  gboolean used = vyre_jit_set_has (&e->code->live[at + 1], inst->dst);

  e->n_quads = 0;
  if (used)
    result = vyre_jit_variable (e, VYRE_JIT_WORD, FALSE);
  for (guint k = 0; k < e->unroll; k++) {
    g_autofree char *address = address_of (e, &access, k);
    g_autofree char *condition = condition_of (e, &access, TRUE, k);
    g_autofree char *call =
        operation == VYRE_IA_COMPARE_EXCHANGE
            ? g_strdup_printf ("atomicCompSwap (Words (%s).w[0], %s, %s, "
                               "SCOPE, 0, 0, 0, 0)",
                  address,
                  vyre_jit_word (e, &e->slots[VYRE_IA_EXPECTED (inst->x)], k),
                  vyre_jit_word (e, &value, k))
            : g_strdup_printf ("atomic%s (Words (%s).w[0], %s, SCOPE, 0, 0)",
                  operations[operation], address, vyre_jit_word (e, &value, k));

    if (used) {
      vyre_jit_line (e, "uint v%u_%u = 0u;", result.number, k);
      vyre_jit_line (
          e, "if (%s) v%u_%u = %s;", condition, result.number, k, call);
    } else {
      vyre_jit_line (e, "if (%s) %s;", condition, call);
    }
  }
  e->slots[inst->dst] = result;
}

void
vyre_jit_memory (VyreJitEmit *e, const VyreJitInst *inst, guint32 at)
{
  Access access = { .inst = inst };

  if (inst->op == VYRE_I_ATOMIC) {
    atomic (e, inst, at);
    return;
  }
  access.binding = VYRE_IM_BINDING (inst->x);
  access.stride = VYRE_IM_STRIDE (inst->x);
  access.width = VYRE_IM_WIDTH (inst->x);
  access.offset = VYRE_IM_OFFSET (inst->x);
  access.index = e->slots[inst->a];
  access.inside = assume_inside (e, &access);
  if (inst->op == VYRE_I_LOAD)
    load (e, &access);
  else
    store (e, &access);
}
