/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "telemetry.h"

G_BEGIN_DECLS

/* Priority accounting (section 19.9). Structs are the caller's, one thread at
 * a time. */
typedef struct
{
  guint64 requeue_count, aged_promotions, max_priority_age;
} VyrePriorityAccounting;

/* Anew: the slots in REQUEUE, and zeros. */
VYRE_API void vyre_priority_from_telemetry (
    VyrePriorityAccounting *accounting, const VyreTelemetry *telemetry);

/* Saturating; and checked, where a counter at its end is an error (MALFORMED)
 * and nothing changes. @age goes into the maximum. */
VYRE_API void vyre_priority_record_requeue (VyrePriorityAccounting *accounting);
VYRE_API void vyre_priority_record_promotion (
    VyrePriorityAccounting *accounting, guint64 age);
VYRE_API gboolean vyre_priority_try_record_requeue (
    VyrePriorityAccounting *accounting, GError **error);
VYRE_API gboolean vyre_priority_try_record_promotion (
    VyrePriorityAccounting *accounting, guint64 age, GError **error);

/* "none", "pending_telemetry" or the name of the counter that is at its end or
 * within 1024 of it. */
VYRE_API const char *vyre_priority_drain_reason (
    const VyrePriorityAccounting *accounting);
/* Anything but "none": the numbers ask to be read and reset. */
VYRE_API gboolean vyre_priority_should_drain (
    const VyrePriorityAccounting *accounting);

G_END_DECLS
