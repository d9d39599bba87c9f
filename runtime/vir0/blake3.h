/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "../export.h"

G_BEGIN_DECLS

/* Unkeyed BLAKE3 with 32 bytes of output (vir0-wire.md section 24). */
VYRE_API void vyre_blake3 (const void *data, gsize length, guint8 digest[32]);

G_END_DECLS
