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
  gboolean reference; /* run by it, which owes the recorded schedule */
} ConformCase;

typedef struct
{
  guint64 n_values;
  guint64 worst; /* distance in units in the last place */
} ConformErrors;

typedef struct
{
  /* By the inexact operations of a program, which share the blame:
   * char * -> ConformErrors *. */
  GHashTable *errors;
  guint n_exempt; /* cases whose difference was allowed */
} ConformTally;

/* Compares a returned buffer. why gets a message when they differ too much. */
gboolean conform_compare (const ConformCase *c, const VyreProgram *program,
    const Survey *survey, guint index, GBytes *wanted, GBytes *got,
    ConformTally *tally, char **why);

/* The cases of a list of refusals with their codes, or NULL after a message. */
GHashTable *conform_load_refused (const char *path);
