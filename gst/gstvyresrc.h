/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/base/gstbasesrc.h>

G_BEGIN_DECLS

#define GST_TYPE_VYRE_SRC (gst_vyre_src_get_type ())
G_DECLARE_FINAL_TYPE (GstVyreSrc, gst_vyre_src, GST, VYRE_SRC, GstBaseSrc)

GST_ELEMENT_REGISTER_DECLARE (vyresrc)

G_END_DECLS
