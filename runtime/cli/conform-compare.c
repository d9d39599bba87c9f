/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conform.h"

#include <math.h>
#include <string.h>

typedef enum
{
  RULE_VALUES, /* element by element */
  RULE_MULTISET, /* in any order */
  RULE_LANE, /* the index of some lane */
  RULE_ANY, /* rests on a schedule that GPUs do not have */
} Rule;

/* Cases whose result depends on the schedule. */
static const struct
{
  const char *name;
  Rule rule;
} schedule_dependent[] = {
  { "features/atomic_ticket_order", RULE_MULTISET },
  { "realistic/stream_compaction_atomic", RULE_MULTISET },
  { "features/pg_nodes_quirk", RULE_LANE },
  { "features/lockstep_order", RULE_ANY },
};

static Rule
rule_of (const ConformCase *c)
{
  if (c->reference)
    return RULE_VALUES;
  for (guint i = 0; i < G_N_ELEMENTS (schedule_dependent); i++) {
    if (strcmp (c->name, schedule_dependent[i].name) == 0)
      return schedule_dependent[i].rule;
  }
  return RULE_VALUES;
}

static guint32
word (const guint8 *data, gsize index)
{
  guint32 value;

  memcpy (&value, data + 4 * index, 4);
  return GUINT32_FROM_LE (value);
}

static float
as_float (guint32 bits)
{
  float value;

  memcpy (&value, &bits, 4);
  return value;
}

/* --- tolerances ---------------------------------------------------------- */

static const struct
{
  guint op;
  guint ulps;
} inexact_unary[] = {
  { VYRE_UN_SQRT, 4 },
  { VYRE_UN_INVERSE_SQRT, 4 },
  { VYRE_UN_RECIPROCAL, 4 },
  { VYRE_UN_COS, 128 },
  { VYRE_UN_SIN, 128 },
  { VYRE_UN_TAN, 128 },
  { VYRE_UN_EXP, 128 },
  { VYRE_UN_LOG, 128 },
  { VYRE_UN_LOG2, 128 },
  { VYRE_UN_EXP2, 128 },
  { VYRE_UN_ACOS, 128 },
  { VYRE_UN_ASIN, 128 },
  { VYRE_UN_ATAN, 128 },
  { VYRE_UN_TANH, 128 },
  { VYRE_UN_SINH, 128 },
  { VYRE_UN_COSH, 128 },
};

typedef struct
{
  guint ulps; /* 0: bits must be equal */
  gboolean zero_signs; /* zeros are equal whatever their signs */
  char *operations; /* those that allow ulps */
} Tolerance;

static Tolerance
tolerance_of (const Survey *survey)
{
  Tolerance t = { 0 };
  GString *names = g_string_new (NULL);

  t.zero_signs = survey->bin_ops[VYRE_BIN_MIN] || survey->bin_ops[VYRE_BIN_MAX];
  if (survey->bin_ops[VYRE_BIN_DIV]) {
    t.ulps = 4;
    g_string_append (names, "Div");
  }
  for (guint i = 0; i < G_N_ELEMENTS (inexact_unary); i++) {
    if (!survey->un_ops[inexact_unary[i].op])
      continue;
    t.ulps = MAX (t.ulps, inexact_unary[i].ulps);
    g_string_append_printf (names, "%s%s", names->len ? "+" : "",
        vyre_un_op_name (inexact_unary[i].op));
  }
  t.operations = g_string_free (names, FALSE);
  return t;
}

/* Distance with the floats in their order; both zeros are one. */
static guint64
ulp_distance (guint32 a, guint32 b)
{
  gint64 left = a & 0x80000000 ? -(gint64) (a & 0x7fffffff) : (gint64) a;
  gint64 right = b & 0x80000000 ? -(gint64) (b & 0x7fffffff) : (gint64) b;

  return left > right ? left - right : right - left;
}

static gboolean
floats_match (const Tolerance *t, guint32 wanted, guint32 got, guint64 *ulps)
{
  float w = as_float (wanted), g = as_float (got);

  *ulps = 0;
  if (wanted == got)
    return TRUE;
  if (t->zero_signs && w == 0 && g == 0)
    return TRUE;
  if (t->ulps == 0)
    return FALSE;
  if (isnan (w) || isnan (g))
    return isnan (w) && isnan (g);
  *ulps = ulp_distance (wanted, got);
  return *ulps <= t->ulps;
}

static void
note_errors (
    ConformTally *tally, const char *operations, gsize n, guint64 worst)
{
  ConformErrors *errors = g_hash_table_lookup (tally->errors, operations);

  if (!errors) {
    errors = g_new0 (ConformErrors, 1);
    g_hash_table_insert (tally->errors, g_strdup (operations), errors);
  }
  errors->n_values += n;
  errors->worst = MAX (errors->worst, worst);
}

static gboolean
compare_floats (const Survey *survey, const guint8 *wanted, const guint8 *got,
    gsize n, ConformTally *tally, char **why)
{
  Tolerance t = tolerance_of (survey);
  guint64 worst = 0;
  gboolean ok = TRUE;

  for (gsize i = 0; i < n && ok; i++) {
    guint32 w = word (wanted, i), g = word (got, i);
    guint64 ulps;

    ok = floats_match (&t, w, g, &ulps);
    worst = MAX (worst, ulps);
    if (!ok)
      *why = g_strdup_printf ("element %" G_GSIZE_FORMAT
                              " is %.9g (0x%08x), recorded is %.9g (0x%08x)",
          i, as_float (g), g, as_float (w), w);
  }
  if (ok && t.ulps > 0)
    note_errors (tally, t.operations, n, worst);
  g_free (t.operations);
  return ok;
}

/* --- other rules --------------------------------------------------------- */

static int
compare_words (gconstpointer a, gconstpointer b)
{
  const guint32 *left = a, *right = b;

  return (*left > *right) - (*left < *right);
}

static gboolean
same_multiset (const guint8 *wanted, const guint8 *got, gsize n)
{
  g_autofree guint32 *left = g_new (guint32, n + 1);
  g_autofree guint32 *right = g_new (guint32, n + 1);

  for (gsize i = 0; i < n; i++) {
    left[i] = word (wanted, i);
    right[i] = word (got, i);
  }
  qsort (left, n, sizeof *left, compare_words);
  qsort (right, n, sizeof *right, compare_words);
  return memcmp (left, right, n * sizeof *left) == 0;
}

/* All lanes of the recorded dispatch. */
static guint64
lane_count (const ConformCase *c)
{
  JsonObject *dispatch = json_object_get_object_member (c->meta, "dispatch");
  guint64 lanes = 1;

  for (guint i = 0; i < 3; i++)
    lanes *=
        json_array_get_int_element (
            json_object_get_array_member (dispatch, "workgroup_count"), i) *
        json_array_get_int_element (
            json_object_get_array_member (dispatch, "workgroup_size"), i);
  return lanes;
}

static gboolean
all_are_lanes (const ConformCase *c, const guint8 *got, gsize n)
{
  for (gsize i = 0; i < n; i++) {
    if (word (got, i) >= lane_count (c))
      return FALSE;
  }
  return TRUE;
}

static gboolean
compare_bytes (
    const guint8 *wanted, const guint8 *got, gsize length, char **why)
{
  for (gsize i = 0; i < length; i++) {
    if (wanted[i] != got[i]) {
      *why = g_strdup_printf ("byte %" G_GSIZE_FORMAT " of %" G_GSIZE_FORMAT
                              " is 0x%02x, recorded is 0x%02x",
          i, length, got[i], wanted[i]);
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
conform_compare (const ConformCase *c, const VyreProgram *program,
    const Survey *survey, guint index, GBytes *wanted, GBytes *got,
    ConformTally *tally, char **why)
{
  const VyreBuffer *buffer = &program->buffers[index];
  gsize length, got_length;
  const guint8 *w = g_bytes_get_data (wanted, &length);
  const guint8 *g = g_bytes_get_data (got, &got_length);
  gboolean equal;

  if (length != got_length) {
    *why = g_strdup_printf ("has %" G_GSIZE_FORMAT
                            " bytes, recorded are %" G_GSIZE_FORMAT,
        got_length, length);
    return FALSE;
  }
  equal = length == 0 || memcmp (w, g, length) == 0;
  switch (rule_of (c)) {
    case RULE_ANY:
      tally->n_exempt += !equal;
      return TRUE;
    case RULE_MULTISET:
      if (equal || (length % 4 == 0 && same_multiset (w, g, length / 4)))
        return TRUE;
      *why = g_strdup ("holds other values than recorded, in any order");
      return FALSE;
    case RULE_LANE:
      if (length % 4 == 0 && all_are_lanes (c, g, length / 4))
        return TRUE;
      *why = g_strdup ("holds a value that no lane writes");
      return FALSE;
    default:
      break;
  }
  if (buffer->element->kind == VYRE_TYPE_F32 && length % 4 == 0)
    return compare_floats (survey, w, g, length / 4, tally, why);
  return equal || compare_bytes (w, g, length, why);
}
