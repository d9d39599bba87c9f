/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "../vir0/program.h"

G_BEGIN_DECLS

/**
 * vyre_program_covers:
 * @program: a finished program
 * @buffer: index of a storage buffer that is returned (vir0-semantics.md 4.4)
 *
 * Does every run that ends well, on the grid of vir0-semantics.md section 5.1,
 * write each byte of @buffer without ever reading it? Then its memory need not
 * be cleared before. Knows one shape of program, which most have: each
 * invocation stores to its own element, whatever it computed. %FALSE means no
 * or not known.
 */
VYRE_API gboolean vyre_program_covers (
    const VyreProgram *program, guint buffer);

G_END_DECLS
