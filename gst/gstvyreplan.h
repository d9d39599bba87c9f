/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "gstvyrebindings.h"

#include "vir0/program.h"

G_BEGIN_DECLS

/* What every buffer of a program holds while a stream runs through it: the
 * program's declarations joined with the user's bindings. Knows no device. */

#define GST_VYRE_PLAN_ERROR (gst_vyre_plan_error_quark ())
GQuark gst_vyre_plan_error_quark (void);

typedef enum
{
  GST_VYRE_PLAN_ERROR_UNKNOWN, /* a binding for no buffer */
  GST_VYRE_PLAN_ERROR_UNBOUND, /* a buffer that nothing was said about */
  GST_VYRE_PLAN_ERROR_MISFIT, /* wrong size, access or kind of binding */
  GST_VYRE_PLAN_ERROR_LIMIT, /* more bytes than allowed */
} GstVyrePlanError;

typedef enum
{
  GST_VYRE_SLOT_NONE, /* workgroup memory: nothing to bind */
  GST_VYRE_SLOT_INPUT, /* the bytes that arrive */
  GST_VYRE_SLOT_OUTGOING, /* starts as zeros, leaves */
  GST_VYRE_SLOT_IN_PLACE, /* both of these */
  GST_VYRE_SLOT_DATA, /* the same bytes at each start */
  GST_VYRE_SLOT_ZEROS, /* zeros at each start */
  GST_VYRE_SLOT_KEPT, /* what the run before left there */
  GST_VYRE_SLOT_LOG, /* zeros at each start; what is printed leaves as messages */
} GstVyreSlotKind;

typedef struct
{
  GstVyreSlotKind kind;
  char *name; /* for people and field names */
  guint64 bytes; /* DATA, ZEROS, KEPT, LOG */
  GBytes *data; /* DATA; KEPT that does not start as zeros */
} GstVyreSlot;

typedef struct
{
  VyreProgram *program; /* a reference */
  guint n_slots; /* one per buffer of the program */
  GstVyreSlot *slots;
  guint input;
  gint outgoing; /* -1: the input leaves as it came */
  guint n_kept;
  gint log; /* -1: none */
  guint64 frame_bytes; /* of a statically sized input, else 0 */
  guint64 input_unit; /* bytes of one element */
  /*< private >*/
  guint64 output_bytes; /* of a statically sized outgoing buffer */
  guint64 output_unit;
  gboolean has_range;
  guint64 range_start, range_end;
  GstVyreSizeExpr *size; /* or %NULL: the input's length */
  guint64 max_output_bytes;
} GstVyrePlan;

typedef struct
{
  guint64 max_output_bytes; /* of one buffer that is allocated */
  guint64 max_data_bytes; /* of one file */
} GstVyrePlanLimits;

/**
 * gst_vyre_plan_new:
 * @program: a finished program
 * @bindings: (element-type GstVyreBinding): what the user wrote; its size
 *   expressions move into the plan
 * @limits: both in bytes
 * @error: %GST_VYRE_PLAN_ERROR or %G_FILE_ERROR, with the buffer's name and
 *   what fits
 *
 * The input is the buffer named `input`, else the first unbound ReadOnly one,
 * else the only unbound ReadWrite one that is no output. Outgoing is the buffer
 * with a size, else the one named `output`, else the output or live-out one,
 * else the input where the program may write to it. Reads files.
 */
GstVyrePlan *gst_vyre_plan_new (VyreProgram *program, GPtrArray *bindings,
    const GstVyrePlanLimits *limits, GError **error);
void gst_vyre_plan_free (GstVyrePlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (GstVyrePlan, gst_vyre_plan_free)

/* Lengths for one run, all in bytes. */
typedef struct
{
  guint64 input; /* bound as input: given bytes and padding */
  guint64 outgoing; /* bound as outgoing buffer, 0 without one */
  guint64 leave_offset, leave; /* the part of it that leaves */
  guint64 per_input, per_leave; /* so many bytes in give so many out */
} GstVyreLengths;

/* Lengths for input_bytes of input, at most one frame. Fails when a size
 * expression does or max-output-bytes is passed. */
gboolean gst_vyre_plan_measure (const GstVyrePlan *plan, guint64 input_bytes,
    GstVyreLengths *lengths, GError **error);

G_END_DECLS
