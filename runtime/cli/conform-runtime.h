/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "conform-record.h"

/* Recordings of the ring protocol and its telemetry: a file holds many cases.
 * Needs no device. */

/* Holds everything in the file against this project. A file that is not known
 * here, and one without a case, is a case that fails. */
void conform_runtime (ConformRecord *record);

/* Of the files that a function here can read. */
typedef struct
{
  const char *name;
  void (*run) (ConformRecord *record);
} ConformRuntimeFile;

/* Each ends with a NULL name. */
extern const ConformRuntimeFile conform_ring_files[];
extern const ConformRuntimeFile conform_telemetry_files[];
