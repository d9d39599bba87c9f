/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "vir0/wire.h"

#include <json-glib/json-glib.h>

/* What the recorded texts of the original stand for here. */

/* Why the decoder must reject the case; VYRE_WIRE_N_ERRORS when its text is
 * not known. */
VyreWireError conform_expected_rejection (JsonObject *meta);

/* The number of the run-time error that an interpreter's message reports, 1 to
 * 17 for R01 to R17 of vir0-semantics.md section 21; 0 when it is not known. */
guint conform_expected_fault (const char *message);

/* May a program that would run into that error be refused by this rule, such
 * as "X03", or "R08" for the error itself? */
gboolean conform_rule_covers (const char *rule, guint fault);

/* The program of a case that does not encode: its buffers,
 * without statements. With replace, the elements are U32, so that it does.
 * NULL with a G_IO_ERROR when the description is not understood. */
VyreProgram *conform_build_program (
    JsonObject *meta, gboolean replace, GError **error);
