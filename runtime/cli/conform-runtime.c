/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "conform-runtime.h"

static const ConformRuntimeFile *
find_file (const char *name)
{
  static const ConformRuntimeFile *const tables[] = { conform_ring_files,
    conform_telemetry_files };

  for (guint i = 0; i < G_N_ELEMENTS (tables); i++) {
    for (const ConformRuntimeFile *file = tables[i]; file->name; file++)
      if (g_str_equal (file->name, name))
        return file;
  }
  return NULL;
}

void
conform_runtime (ConformRecord *record)
{
  const ConformRuntimeFile *file = find_file (record->name);

  record->why = g_string_new (NULL);
  if (file)
    file->run (record);
  else
    conform_record_differs (record, "nothing here reads this file");
  if (file && record->n_cases == 0)
    conform_record_differs (record, "there are no cases in it");
  /* What was found outside of any case. */
  if (record->why->len > 0)
    conform_record_end (record, "file");
  g_string_free (record->why, TRUE);
  record->why = NULL;
}
