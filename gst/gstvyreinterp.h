/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gst/gst.h>

G_BEGIN_DECLS

/* vyreinterp: runs a VIR0 program on every buffer.
 *
 * Not a GstBaseTransform, although one buffer goes in and one comes out: the
 * GPU works on several buffers at a time, and the base class has no place for
 * results that come later. It would hand a result on only when the next input
 * arrives, forward EOS and SEGMENT past the buffers in flight, has no unlock()
 * for its waits, and expects a CAPS event, which a byte stream never sends.
 * So the model is that of a queue: the sink pad publishes, a task on the source
 * pad waits for the oldest result and pushes it, and events keep their place
 * between the two. */

#define GST_TYPE_VYRE_INTERP (gst_vyre_interp_get_type ())
G_DECLARE_FINAL_TYPE (
    GstVyreInterp, gst_vyre_interp, GST, VYRE_INTERP, GstElement)
GST_ELEMENT_REGISTER_DECLARE (vyreinterp);

G_END_DECLS
