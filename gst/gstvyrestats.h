/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstbasetransform.h>

G_BEGIN_DECLS

#define GST_TYPE_VYRE_STATS (gst_vyre_stats_get_type ())
G_DECLARE_FINAL_TYPE (
    GstVyreStats, gst_vyre_stats, GST, VYRE_STATS, GstBaseTransform)
GST_ELEMENT_REGISTER_DECLARE (vyrestats);

G_END_DECLS
