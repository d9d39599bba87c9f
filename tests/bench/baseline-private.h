/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "baseline.h"

G_BEGIN_DECLS

/* Sets error and returns FALSE unless the call succeeded. */
gboolean baseline_check (VkResult result, const char *call, GError **error);

#define TRY(call, ...) \
  baseline_check (vk##call (__VA_ARGS__), "vk" #call, error)

G_END_DECLS
