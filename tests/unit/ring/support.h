/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "ring/ring.h"

/* An error of @code whose text says what to do, then cleared. */
#define assert_ring_error(error, wanted) \
  G_STMT_START \
  { \
    g_assert_error ((error), VYRE_RING_ERROR, (wanted)); \
    g_assert_nonnull (strstr ((error)->message, "Fix: ")); \
    g_clear_error (&(error)); \
  } \
  G_STMT_END
