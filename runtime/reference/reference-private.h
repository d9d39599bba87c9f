/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "reference.h"

/* --- values (section 8) ------------------------------------------------- */

typedef enum
{
  VYRE_REF_U32,
  VYRE_REF_I32,
  VYRE_REF_U64,
  VYRE_REF_BOOL,
  VYRE_REF_FLT,
  VYRE_REF_BLOB,
} VyreRefTag;

/* Shared bytes; counted in *account while they live. */
typedef struct
{
  guint refs;
  guint64 *account;
  gsize length;
  guint8 data[];
} VyreRefBlob;

typedef struct
{
  VyreRefTag tag;
  union
  {
    guint32 u32;
    gint32 i32;
    guint64 u64;
    gboolean bool_;
    double flt;
    VyreRefBlob *blob;
  };
} VyreRefValue;

/* --- what runs ---------------------------------------------------------- */

typedef struct
{
  const VyreBuffer *decl;
  guint8 *data;
  gsize length;
} VyreRefBuffer;

typedef struct
{
  VyreString name;
  VyreRefValue value;
  gboolean is_loop;
} VyreRefVariable;

/* A statement list being executed, or a loop between iterations. */
typedef struct
{
  const VyreNodeList *list; /* NULL for a loop */
  const char *field; /* how messages call the list */
  guint32 next; /* statement to execute */
  guint n_variables; /* when its scope was opened */
  const VyreNode *loop;
  guint32 counter, end;
} VyreRefFrame;

/* An async copy that was started and not waited for. */
typedef struct
{
  VyreString tag;
  VyreRefBuffer *destination;
  gsize start;
  VyreRefBlob *bytes; /* fits the destination from start on */
} VyreRefTransfer;

typedef struct
{
  guint32 linear, local[3], global[3];
  gboolean waiting, finished;
  GArray *variables; /* VyreRefVariable, outermost first */
  GArray *snapshot; /* those of the beginning of the round */
  GArray *frames; /* VyreRefFrame, outermost first */
  GArray *transfers; /* VyreRefTransfer */
  guint8 *branches; /* per guarded If, which ways it took */
} VyreRefInvocation;

#define VYRE_REF_TOOK_THEN 1
#define VYRE_REF_TOOK_OTHERWISE 2

typedef struct
{
  const VyreProgram *program;
  const VyreReferenceOptions *options;
  VyreRefBuffer *buffers; /* declaration order */
  gboolean has_atomics, has_subgroups;
  /* If statements with a Barrier in a branch (section 6.4): node -> 1, 2, … */
  GHashTable *guarded;
  guint n_guarded;
  guint32 grid[3], workgroup[3];
  VyreRefInvocation *invocations;
  guint32 n_invocations;
  /* For messages: what runs, or else where in the text something stands. */
  const VyreRefInvocation *running;
  VyreSource at;
  gboolean branches_changed; /* in this round */
  guint64 steps, next_poll, memory;
  GError *error;
} VyreRefExec;

/* Whose ids and variables an expression is evaluated with. */
typedef struct
{
  const VyreRefInvocation *invocation;
  const GArray *variables;
} VyreRefLane;

/* --- reference.c: errors and budgets ------------------------------------ */

/* Sets the error, with place and invocation, and returns FALSE. */
gboolean vyre_ref_fail (VyreRefExec *exec, VyreReferenceError code,
    const char *format, ...) G_GNUC_PRINTF (3, 4);
gboolean vyre_ref_charge (VyreRefExec *exec, guint64 steps);
/* Copying bytes costs a step for sixteen. */
gboolean vyre_ref_charge_bytes (VyreRefExec *exec, guint64 bytes);
gboolean vyre_ref_reserve (VyreRefExec *exec, guint64 bytes);
void vyre_ref_release (VyreRefExec *exec, guint64 bytes);

/* --- values.c ----------------------------------------------------------- */

/* A blob of zeros, or NULL with the error set. */
VyreRefBlob *vyre_ref_blob_new (VyreRefExec *exec, guint64 length);
void vyre_ref_blob_unref (VyreRefBlob *blob);
void vyre_ref_value_clear (VyreRefValue *value);
VyreRefValue vyre_ref_value_copy (const VyreRefValue *value);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (VyreRefValue, vyre_ref_value_clear)

static inline VyreRefValue
vyre_ref_u32 (guint32 u32)
{
  return (VyreRefValue){ VYRE_REF_U32, { .u32 = u32 } };
}

static inline VyreRefValue
vyre_ref_i32 (guint32 bits)
{
  return (VyreRefValue){ VYRE_REF_I32, { .i32 = (gint32) bits } };
}

static inline VyreRefValue
vyre_ref_u64 (guint64 u64)
{
  return (VyreRefValue){ VYRE_REF_U64, { .u64 = u64 } };
}

static inline VyreRefValue
vyre_ref_bool (gboolean value)
{
  return (VyreRefValue){ VYRE_REF_BOOL, { .bool_ = value != FALSE } };
}

static inline VyreRefValue
vyre_ref_flt (double value)
{
  return (VyreRefValue){ VYRE_REF_FLT, { .flt = value } };
}

/* Section 8.5. */
float vyre_ref_canon (float value);
float vyre_ref_float_from_bits (guint32 bits);
guint32 vyre_ref_float_bits (float value);

const char *vyre_ref_tag_name (const VyreRefValue *value);
/* Section 8.2. scratch holds the bytes of what is no blob. */
const guint8 *vyre_ref_natural_bytes (
    const VyreRefValue *value, guint8 scratch[8], gsize *length);
/* Section 8.3. */
gboolean vyre_ref_truth (const VyreRefValue *value);
/* Section 8.4; what names the use in the message. */
gboolean vyre_ref_to_u32 (VyreRefExec *exec, const VyreRefValue *value,
    const char *what, guint32 *result);
gboolean vyre_ref_to_u64 (VyreRefExec *exec, const VyreRefValue *value,
    const char *what, guint64 *result);
gboolean vyre_ref_to_u32_quietly (const VyreRefValue *value, guint32 *result);
/* Section 14. */
gboolean vyre_ref_cast (VyreRefExec *exec, const VyreType *target,
    const VyreRefValue *value, VyreRefValue *result);

/* --- binary.c, unary.c, transcendental.c (sections 12, 13, 15) ---------- */

gboolean vyre_ref_binary (VyreRefExec *exec, guint op, const VyreRefValue *left,
    const VyreRefValue *right, VyreRefValue *result);
gboolean vyre_ref_unary (VyreRefExec *exec, guint op,
    const VyreRefValue *operand, VyreRefValue *result);
gboolean vyre_ref_fma (
    VyreRefExec *exec, const VyreRefValue operands[3], VyreRefValue *result);

float vyre_ref_sin (float x);
float vyre_ref_cos (float x);
float vyre_ref_tan (float x);
float vyre_ref_asin (float x);
float vyre_ref_acos (float x);
float vyre_ref_atan (float x);
float vyre_ref_sinh (float x);
float vyre_ref_cosh (float x);
float vyre_ref_tanh (float x);
float vyre_ref_exp (float x);
float vyre_ref_exp2 (float x);
float vyre_ref_log (float x);
float vyre_ref_log2 (float x);

/* --- expr.c (section 11), subgroup.c (section 17) ----------------------- */

/* Stores a value that the caller clears; result stays unset on failure. */
gboolean vyre_ref_eval (VyreRefExec *exec, const VyreRefLane *lane,
    const VyreExpr *expr, VyreRefValue *result);
gboolean vyre_ref_eval_u32 (VyreRefExec *exec, const VyreRefLane *lane,
    const VyreExpr *expr, const char *what, guint32 *result);
gboolean vyre_ref_eval_u64 (VyreRefExec *exec, const VyreRefLane *lane,
    const VyreExpr *expr, const char *what, guint64 *result);
/* The visible variable of that name; NULL (no error) if there is none. */
VyreRefVariable *vyre_ref_find_variable (
    VyreRefExec *exec, const GArray *variables, VyreString name);
gboolean vyre_ref_subgroup (VyreRefExec *exec, const VyreRefLane *lane,
    const VyreExpr *expr, VyreRefValue *result);

/* --- memory.c (sections 9, 16) ------------------------------------------ */

/* NULL with the error set when there is none of that name. */
VyreRefBuffer *vyre_ref_find_buffer (VyreRefExec *exec, VyreString name);
gboolean vyre_ref_load (VyreRefExec *exec, const VyreRefBuffer *buffer,
    guint32 index, VyreRefValue *result);
gboolean vyre_ref_store (VyreRefExec *exec, VyreRefBuffer *buffer,
    guint32 index, const VyreRefValue *value);
gboolean vyre_ref_atomic (VyreRefExec *exec, const VyreRefLane *lane,
    const VyreExpr *expr, VyreRefValue *result);

/* --- async.c (section 19) ----------------------------------------------- */

gboolean vyre_ref_async_start (
    VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node);
gboolean vyre_ref_async_wait (
    VyreRefExec *exec, VyreRefInvocation *invocation, const VyreNode *node);
/* The end of a workgroup: nothing may be pending. */
gboolean vyre_ref_async_check (
    VyreRefExec *exec, const VyreRefInvocation *invocation);
void vyre_ref_async_clear (VyreRefExec *exec, VyreRefInvocation *invocation);

/* --- step.c, run.c (sections 6, 7, 10) ---------------------------------- */

/* One step of an invocation that is neither finished nor waiting. */
gboolean vyre_ref_step (VyreRefExec *exec, VyreRefInvocation *invocation);
/* Closes scopes until n variables are left. */
void vyre_ref_pop_variables (
    VyreRefExec *exec, GArray *variables, guint n_variables);
gboolean vyre_ref_run_grid (VyreRefExec *exec);

/* --- repair.c (section 3), bind.c (sections 4, 5) ----------------------- */

/* The program as it is executed: repaired, without collectives, validated. A
 * new reference, or NULL with the error set. Fills has_ and guarded. */
VyreProgram *vyre_ref_prepare (VyreRefExec *exec, const VyreProgram *program);
gboolean vyre_ref_bind (
    VyreRefExec *exec, GBytes *const *inputs, guint n_inputs);
gboolean vyre_ref_compute_grid (VyreRefExec *exec);
GPtrArray *vyre_ref_collect (VyreRefExec *exec);
