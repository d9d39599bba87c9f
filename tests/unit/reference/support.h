/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "reference/reference.h"
#include "vir0/text.h"

/* What the tests of the reference executor share. */

/* Hex digits, spaces between them ignored, as bytes. */
GBytes *reference_hex (const char *hex);
gboolean reference_is_transcendental (guint op);
