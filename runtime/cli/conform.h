/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "survey.h"

#include <json-glib/json-glib.h>

/* Comparison of what a program returned with what was recorded. */

typedef struct
{
  char *name; /* category/name */
  JsonObject *meta;
  GBytes *blob; /* the program, or NULL */
  /* Run by the reference, which owes the recorded schedule and arguments of any
   * size. */
  gboolean reference;
} ConformCase;

typedef struct
{
  /* Worst distance in units in the last place, by the operations that a
   * program owes it to: char * -> GUINT_TO_POINTER. */
  GHashTable *worst;
  guint n_exempt; /* cases whose difference was allowed */
} ConformTally;

/* Compares a returned buffer. why gets a message when they differ too much. */
gboolean conform_compare (const ConformCase *c, const VyreProgram *program,
    const Survey *survey, guint index, GBytes **inputs, GBytes *wanted,
    GBytes *got, ConformTally *tally, char **why);
/* May a device refuse this case by name? */
gboolean conform_may_refuse (const char *name);
