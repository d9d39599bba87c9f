/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vir0/program.h"

/* What a program is made of. */

typedef enum
{
  SURVEY_ATOMICS,
  SURVEY_BARRIERS,
  SURVEY_GRID_SYNC,
  SURVEY_WORKGROUP_MEMORY,
  SURVEY_SUBGROUPS,
  SURVEY_FLOAT32,
  SURVEY_FLOAT64,
  SURVEY_INT64,
  SURVEY_ASYNC_COPIES,
  SURVEY_INDIRECT_DISPATCH,
  SURVEY_COLLECTIVES,
  SURVEY_TRAPS,
  SURVEY_CALLS,
  SURVEY_EXTENSIONS,
  SURVEY_N_NEEDS,
} SurveyNeed;

typedef struct
{
  guint64 n_nodes, n_exprs;
  guint depth; /* of statements and expressions together */
  gboolean needs[SURVEY_N_NEEDS];
  guint64 workgroup_bytes;
  gboolean bin_ops[256], un_ops[256]; /* operators that occur */
} Survey;

/* program encodes: nesting is limited. */
void survey_program (const VyreProgram *program, Survey *survey);
/* "workgroup-memory" and so on. */
const char *survey_need_name (SurveyNeed need);
