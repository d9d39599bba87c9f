/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Adds the tests that messages of the validation layer are heard. */
void add_heard_tests (void);
