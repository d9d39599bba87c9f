/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Copy propagation while code is made: what a named variable holds where that
 * is one value whichever way led there, a constant or a register that nothing
 * writes again. Reads take that value, so that expressions over variables are
 * folded, shared and moved as those over other values are; assignments that
 * nobody reads any more go later (lower-live.c).
 *
 * Every assignment is noted with what the variable held before. Where ways
 * meet, all that was assigned on one of them is unknown; where another way
 * begins, such as an else, the notes are undone.
 */
#include "lower-priv.h"

typedef struct
{
  guint32 vreg;
  gboolean known;
  VyreOperand value;
} Note;

static VyreVreg *
vreg_of (VyreLowering *lw, guint32 vreg)
{
  return &g_array_index (lw->vregs, VyreVreg, vreg);
}

GArray *
vyre_known_new (void)
{
  return g_array_new (FALSE, FALSE, sizeof (Note));
}

VyreOperand
vyre_known (VyreLowering *lw, VyreOperand operand)
{
  const VyreVreg *vreg;

  if (operand.is_const)
    return operand;
  vreg = vreg_of (lw, operand.v);
  return vreg->known ? vreg->value : operand;
}

void
vyre_known_assign (VyreLowering *lw, guint32 number, const VyreOperand *value)
{
  VyreVreg *vreg = vreg_of (lw, number);
  Note note = { number, vreg->known, vreg->value };

  /* Others are assigned in loops that forget nothing. Values that are kept in
   * two registers would crowd out more than they save. */
  if (vreg->owner == NULL || lw->frugal)
    return;
  g_array_append_val (lw->known, note);
  vreg->known =
      value != NULL && (value->is_const || !vreg_of (lw, value->v)->variable);
  if (vreg->known)
    vreg->value = *value;
}

guint
vyre_known_mark (VyreLowering *lw)
{
  return lw->known->len;
}

void
vyre_known_join (VyreLowering *lw, guint mark)
{
  for (guint i = mark; i < lw->known->len; i++)
    vreg_of (lw, g_array_index (lw->known, Note, i).vreg)->known = FALSE;
}

void
vyre_known_undo (VyreLowering *lw, guint mark)
{
  for (guint i = lw->known->len; i-- > mark;) {
    const Note *note = &g_array_index (lw->known, Note, i);
    VyreVreg *vreg = vreg_of (lw, note->vreg);

    vreg->known = note->known;
    vreg->value = note->value;
  }
}
