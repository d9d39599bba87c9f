/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "program.h"

/* A new program that keeps base alive, so that it may use base's strings,
 * types and payloads. */
VyreProgram *vyre_program_new_on (const VyreProgram *base);

/* Bytes of memory that the program holds, unused ends of chunks included. */
gsize vyre_program_memory (const VyreProgram *program);
