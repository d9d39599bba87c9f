/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The bindings property of vyreinterp, its size expressions, and what they make
 * of programs. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "gst/gstvyreplan.h"

static void
check_size (const GstVyreSizeExpr *expr)
{
  static const guint64 lengths[] = { 0, 1, 7, 1 << 20, G_MAXINT64,
    G_MAXUINT64 };

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    g_autoptr (GError) error = NULL;
    guint64 bytes = 0;
    gboolean ok = gst_vyre_size_expr_eval (expr, lengths[i], &bytes, &error);

    FUZZ_ASSERT (ok == (error == NULL));
    FUZZ_ASSERT (!ok || bytes <= G_MAXINT64);
  }
}

static const char *const texts[] = {
  "program workgroup(1); buffer input: readonly u32[] @0;"
  "buffer output: readwrite u8[] @1; main {}",
  "program workgroup(1); buffer a: readwrite u16[5] @0;"
  "buffer b: readwrite u32[] @1; buffer c: uniform f64[2] @2; main {}",
  "program workgroup(1); buffer a: readonly u8[] @0;"
  "buffer out: readwrite u64[9] @1 output range(8..24);"
  "buffer s: workgroup u32[4]; buffer z: readwrite array(0)[] @2; main {}",
};

static void
check_plans (GPtrArray *bindings)
{
  static VyreProgram *programs[G_N_ELEMENTS (texts)]; /* kept for good */
  static const guint64 lengths[] = { 1, 2, 10, 63, 4096, 1 << 19, G_MAXINT64,
    G_MAXUINT64 };
  const GstVyrePlanLimits limits = { 1 << 20, 1 << 16 };
  /* Size expressions move into the plan, so one of them it is. */
  guint which = bindings->len % G_N_ELEMENTS (texts);
  g_autoptr (GError) error = NULL;
  g_autoptr (GstVyrePlan) plan = NULL;

  if (programs[which] == NULL)
    programs[which] =
        vyre_program_parse (texts[which], strlen (texts[which]), NULL);
  FUZZ_ASSERT (programs[which] != NULL);
  plan = gst_vyre_plan_new (programs[which], bindings, &limits, &error);
  FUZZ_ASSERT ((plan == NULL) == (error != NULL));
  for (guint i = 0; plan != NULL && i < G_N_ELEMENTS (lengths); i++) {
    GstVyreLengths l = { 0 };
    g_autoptr (GError) reason = NULL;
    gboolean ok = gst_vyre_plan_measure (plan, lengths[i], &l, &reason);

    FUZZ_ASSERT (ok == (reason == NULL));
    if (!ok)
      continue;
    FUZZ_ASSERT (l.input >= MIN (lengths[i], plan->frame_bytes));
    FUZZ_ASSERT (l.leave <= l.outgoing || plan->outgoing < 0);
    FUZZ_ASSERT (plan->outgoing < 0 || l.leave_offset <= l.outgoing - l.leave);
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);
  g_autoptr (GError) error = NULL;
  g_autoptr (GPtrArray) bindings = gst_vyre_bindings_parse (text, &error);
  g_autoptr (GstVyreSizeExpr) expr = NULL;
  gboolean has_path = FALSE;

  FUZZ_ASSERT ((bindings == NULL) == (error != NULL));
  if (bindings == NULL)
    FUZZ_ASSERT (error->domain == GST_VYRE_BINDINGS_ERROR);
  for (guint i = 0; bindings != NULL && i < bindings->len; i++) {
    const GstVyreBinding *binding = g_ptr_array_index (bindings, i);

    FUZZ_ASSERT (binding->name != NULL);
    FUZZ_ASSERT (
        (binding->kind == GST_VYRE_BINDING_SIZE) == (binding->size != NULL));
    FUZZ_ASSERT (binding->kind != GST_VYRE_BINDING_DATA ||
                 (binding->data != NULL) != (binding->path != NULL));
    /* Names are unique. */
    for (guint k = 0; k < i; k++) {
      const GstVyreBinding *before = g_ptr_array_index (bindings, k);

      FUZZ_ASSERT (strcmp (before->name, binding->name) != 0);
    }
    if (binding->size != NULL)
      check_size (binding->size);
    has_path |= binding->path != NULL;
  }
  /* Files are none of its business. */
  if (bindings != NULL && !has_path)
    check_plans (bindings);
  g_clear_error (&error);

  expr = gst_vyre_size_expr_parse (text, &error);
  FUZZ_ASSERT ((expr == NULL) == (error != NULL));
  if (expr != NULL)
    check_size (expr);
  return 0;
}
