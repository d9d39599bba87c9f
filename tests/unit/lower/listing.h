/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lower/lower.h"

/* The listing of register code without its heading and numbers, spaces joined,
 * lines with ;. */
static inline char *
short_listing (const VyreLowered *lowered)
{
  g_autofree char *full = vyre_lowered_dump (lowered);
  g_auto (GStrv) lines = g_strsplit (full, "\n", -1);
  GString *text = g_string_new (NULL);

  for (guint i = 1; lines[i] != NULL && lines[i][0] != '\0'; i++) {
    g_auto (GStrv) words = g_strsplit (lines[i], " ", -1);
    guint n = 0;

    for (guint k = 0; words[k] != NULL; k++)
      if (words[k][0] != '\0' && n++ > 0)
        g_string_append_printf (text, "%s%s", n > 2 ? " " : "", words[k]);
    g_string_append (text, "; ");
  }
  g_string_truncate (text, text->len - 2);
  return g_string_free (text, FALSE);
}
