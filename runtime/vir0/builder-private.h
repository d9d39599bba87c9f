/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "builder.h"
#include "validate-private.h"

G_BEGIN_DECLS

/* What the parts of the builder share. Numbers of values, variables and
 * buffers in handles count from 1; 0 is what calls give after an error. */

/* Expressions of one value. More could come only of doubling a value again and
 * again, which is copied each time. */
#define VYRE_BUILDER_MAX_VALUE_SIZE 65536u

#define VYRE_BUILDER_MAX_OPERANDS 3

typedef struct
{
  VyreExpr *expr;
  const VyreType *type; /* canonical, or NULL */
  VyreRunTag tag;
  guint height, size; /* of the tree */
  guint64 made_at; /* statements before it */
  gboolean bound_to_place; /* loads, atomics, subgroup operations */
  gboolean has_atomic;
  gboolean used;
  gboolean is_variable; /* the value in a VyreVar */
  GArray *variables; /* guint: those in it; NULL: none */
} VyreBuilderValue;

typedef struct
{
  VyreString name;
  const VyreType *type;
  guint32 value; /* number of its VyreBuilderValue */
  guint64 assigned_at;
  gboolean is_let, visible;
} VyreBuilderVariable;

typedef struct
{
  VyreNode *node; /* NULL: the outermost list */
  GPtrArray *nodes;
  gboolean in_else;
  guint first_visible; /* in visible */
  guint64 begun_at;
  /* Variables in values that were made before this Loop and used in it. */
  GHashTable *frozen;
} VyreBuilderFrame;

struct _VyreBuilder
{
  guint32 id;
  VyreProgram *program; /* NULL once finished */
  GError *error;
  VyreValidator rules;
  GArray *buffers; /* VyreBuffer */
  GHashTable *buffer_names; /* set of VyreString */
  guint32 next_binding;
  GArray *values; /* VyreBuilderValue */
  GArray *variables; /* VyreBuilderVariable */
  GArray *visible; /* guint: numbers of variables, innermost last */
  GHashTable *visible_names; /* VyreString -> number */
  GArray *atomics; /* guint: numbers of values since the last statement */
  GArray *frames; /* VyreBuilderFrame */
  VyreBinding stand_ins[VYRE_BUILDER_MAX_OPERANDS];
  guint64 n_statements;
  guint n_names; /* made up */
  gboolean top_has_other; /* than Regions */
};

/* --- builder.c ------------------------------------------------------------ */

/* Keeps the first. The message starts with the place of the next statement. */
void vyre_builder_fail (VyreBuilder *b, VyreBuilderError code,
    const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Can calls do anything? An error if the program is finished. */
gboolean vyre_builder_ready (VyreBuilder *b);
/* FALSE and an error if it is not UTF-8, or too long. */
gboolean vyre_builder_string (
    VyreBuilder *b, const char *what, const char *text, VyreString *string);
/* All that it reaches, in the program's memory; an error and NULL if it makes
 * no type. */
const VyreType *vyre_builder_copy_type (
    VyreBuilder *b, const char *what, const VyreType *type);
/* NULL and an error if the handle is none of this builder's. */
VyreBuffer *vyre_builder_find_buffer (
    VyreBuilder *b, const char *what, VyreBufferRef ref);

static inline VyreBuilderFrame *
vyre_builder_top (VyreBuilder *b)
{
  return &g_array_index (b->frames, VyreBuilderFrame, b->frames->len - 1);
}

static inline VyreBuilderValue *
vyre_builder_get_value (VyreBuilder *b, guint32 number)
{
  return &g_array_index (b->values, VyreBuilderValue, number - 1);
}

static inline VyreBuilderVariable *
vyre_builder_get_variable (VyreBuilder *b, guint32 number)
{
  return &g_array_index (b->variables, VyreBuilderVariable, number - 1);
}

/* --- builder-value.c ------------------------------------------------------- */

/* A value that a statement or another value has taken. */
typedef struct
{
  VyreExpr *expr; /* which nothing else has */
  const VyreType *type;
  VyreRunTag tag;
  guint height, size;
  gboolean bound_to_place, has_atomic;
  const GArray *variables;
} VyreBuilderOperand;

/* FALSE and an error if the value cannot be used here and now; what: the
 * construct and its part, for the message. */
gboolean vyre_builder_take (VyreBuilder *b, const char *what, VyreValue value,
    VyreBuilderOperand *operand);
/* The value of a variable. */
VyreValue vyre_builder_variable_value (
    VyreBuilder *b, guint32 variable, VyreRunTag tag);
/* FALSE and an error for an atomic that no statement has taken. */
gboolean vyre_builder_check_atomics (VyreBuilder *b);
gboolean vyre_builder_is_kind (const VyreType *type, VyreTypeKind kind);
void vyre_builder_clear_value (gpointer value);

/* --- builder-list.c -------------------------------------------------------- */

void vyre_builder_open_list (VyreBuilder *b, VyreNode *node);
/* Its statements, in the program's memory. */
VyreNodeList vyre_builder_close_list (VyreBuilder *b);
void vyre_builder_clear_frame (gpointer frame);
/* Of the innermost list: takes out its statements, hides its variables. */
VyreNodeList vyre_builder_take_nodes (VyreBuilder *b);
void vyre_builder_end_scope (VyreBuilder *b);

/* A statement is made in this order; each gives FALSE and an error. */
/* Can a statement of this kind stand here? */
gboolean vyre_builder_can_append (VyreBuilder *b, VyreNodeKind kind);
/* Takes a value as the next expression of a statement. */
gboolean vyre_builder_take_next (VyreBuilder *b, const char *what,
    VyreValue value, VyreNode *node, VyreBuilderOperand *operand);
gboolean vyre_builder_check_u32 (
    VyreBuilder *b, const char *what, const VyreBuilderOperand *operand);
/* Its values have been taken. */
gboolean vyre_builder_append (VyreBuilder *b, VyreNode *node);

G_END_DECLS
