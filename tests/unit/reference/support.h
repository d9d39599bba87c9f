/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "reference/reference.h"
#include "vir0/text.h"

/* What the tests of the reference executor share. */

/* Hex digits, spaces between them ignored, as bytes. */
GBytes *reference_hex (const char *hex);
gboolean reference_is_transcendental (guint op);

/* Runs a text program. inputs: hex of each, with '|' between them; NULL: none.
 * The returned buffers in the same form, or NULL with the error set. */
char *reference_try (const char *text, const char *inputs,
    const VyreReferenceOptions *options, GError **error);

/* The outputs must be these. */
void reference_expect (
    const char *text, const char *inputs, const char *outputs);
/* The run must fail so, with a message that has that part. */
void reference_expect_error (const char *text, const char *inputs,
    VyreReferenceError code, const char *part);
