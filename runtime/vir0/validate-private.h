/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "validate.h"

G_BEGIN_DECLS

/*
 * How the validator works: statements are walked with a stack of lists on the
 * heap (validate-node.c), so that depth needs no stack. Before the rules look
 * at a statement, each of its expressions becomes an array of VyreTerm in
 * pre-order, filled from the leaves (validate-terms.c): some rules speak of an
 * operand before the operand itself has been examined. Names are interned;
 * what is bound to one is found in its VyreName.
 */

#define VYRE_MAX_LIST_DEPTH 64
#define VYRE_MAX_EXPR_DEPTH 128
#define VYRE_MAX_STATEMENTS 100000
#define VYRE_NO_TERM G_MAXUINT

typedef struct _VyreBinding VyreBinding;

/* How a value is represented at run time (section 24). */
typedef enum
{
  VYRE_TAG_NONE, /* what is wrong has been reported */
  VYRE_TAG_WORD, /* u32 */
  VYRE_TAG_INT, /* i32 */
  VYRE_TAG_TRUTH, /* bool */
  VYRE_TAG_LONG, /* u64 */
  VYRE_TAG_FLOAT, /* f32 */
  VYRE_TAG_DOUBLE, /* f64: can only be copied */
  VYRE_TAG_RAW, /* bytes */
} VyreTagKind;

typedef struct
{
  VyreTagKind kind;
  guint64 length; /* RAW */
} VyreRunTag;

enum
{
  VYRE_USE_PLAIN = 1 << 0,
  VYRE_USE_ATOMIC = 1 << 1,
};

typedef struct
{
  VyreString string;
  int buffer; /* its last declaration, or -1 */
  VyreBinding *binding; /* the innermost variable */
  guint8 uses; /* by the statement that is looked at */
} VyreName;

struct _VyreBinding
{
  VyreName *name;
  VyreBinding *shadowed;
  guint list; /* index of the list it belongs to */
  const VyreType *type;
  VyreRunTag tag;
  gboolean is_let, uniform;
};

/* An expression with what is known of it. The operands follow, each with all
 * of its own. */
typedef struct
{
  const VyreExpr *expr;
  VyreName *name;
  const VyreType *type; /* canonical; NULL: unknown */
  VyreRunTag tag;
  guint size; /* terms, this one included */
  gboolean uniform;
} VyreTerm;

typedef struct
{
  VyreName *name;
  guint8 uses;
} VyreUse;

typedef enum
{
  VYRE_STAGE_START,
  VYRE_STAGE_THEN,
  VYRE_STAGE_LAST,
} VyreStage;

typedef struct
{
  VyreNode *const *nodes;
  guint n_nodes, next;
  const guint32 *numbers; /* of the nodes in the program; NULL: the index */
  const char *field;
  guint depth;
  gboolean divergent;
  VyreStage stage; /* of the statement at next */
  guint first_binding;
  guint first_return; /* G_MAXUINT: none */
  GHashTable *uses; /* VyreName -> flags: since the last Barrier */
  GArray *joining; /* VyreUse of the open If's or Loop's own expressions */
} VyreFrame;

typedef struct
{
  const VyreProgram *program;
  VyreValidateOptions options;
  VyreFindings *findings;
  GPtrArray *engine; /* X findings, for the end */
  /* Reports get this code and go to engine, if not NULL: expressions that
   * section 22 does not look at. */
  const char *as_code;
  guint64 n_reported; /* errors of any kind, unlisted ones included */

  GHashTable *names; /* VyreString -> VyreName */
  GHashTable *types; /* set of canonical VyreType */
  GHashTable *known_types; /* VyreType -> canonical one */
  GPtrArray *bindings; /* VyreBinding: the visible ones and hidden ones */
  GArray *frames; /* VyreFrame */
  GArray *terms; /* VyreTerm */
  GArray *uses; /* VyreUse: of the statement that is looked at */

  /* For paths: the place outside of the statements, or the expression of the
   * statement and the operands on the way. */
  char *place;
  const char *expr_field;
  GArray *expr_steps; /* VyreExprStep */
  VyreSource statement_at;

  guint n_statements;
  gboolean wrapped; /* top-level statements count as in a Region */
  gboolean has_barriers, too_deep, too_deep_lists;
  gboolean said_too_many;
  GHashTable *exclusive; /* VyreString: base name -> count */
  GHashTable *refused_barriers; /* VyreNode */
  VyreProgram *scratch; /* memory of replaced statements */
  guint n_replaced;
} VyreValidator;

typedef struct
{
  const char *field;
  guint index; /* VYRE_NO_TERM: none */
} VyreExprStep;

/* --- validate.c ---------------------------------------------------------- */

/* For the whole of a program, or (the builder) for single expressions. */
void vyre_validator_init (VyreValidator *v, const VyreProgram *program,
    const VyreValidateOptions *options);
/* Frees all but what was found. */
VyreFindings *vyre_validator_end (VyreValidator *v);
/* code must be a literal. X codes go to the engine's findings. */
void vyre_validator_report (VyreValidator *v, VyreSeverity severity,
    const char *code, VyreSource at, const char *format, ...)
    G_GNUC_PRINTF (5, 6);
#define VYRE_FAIL(v, code, at, ...) \
  vyre_validator_report ((v), VYRE_SEVERITY_ERROR, (code), (at), __VA_ARGS__)
VyreName *vyre_validator_name (VyreValidator *v, VyreString string);
guint vyre_validator_string_hash (gconstpointer string);
gboolean vyre_validator_string_equal (gconstpointer a, gconstpointer b);
/* memcmp order, shorter first. */
int vyre_validator_string_compare (VyreString a, VyreString b);

/* --- validate-type.c ------------------------------------------------------ */

/* A set for canonical types, which owns them. */
GHashTable *vyre_validator_type_set (void);
/* Equal types have one canonical pointer. NULL for NULL. */
const VyreType *vyre_validator_type (VyreValidator *v, const VyreType *type);
/* The canonical type of a kind without parameters. */
const VyreType *vyre_plain_type (VyreTypeKind kind);
/* As in the text form, at most about 100 characters; "an unknown type". */
char *vyre_type_display (const VyreType *type);
gboolean vyre_cast_exists (const VyreType *from, const VyreType *to);
/* The other types that one can be cast to: "u32, i32, bool". */
char *vyre_cast_targets (const VyreType *from);
gboolean vyre_cast_narrows (const VyreType *from, const VyreType *to);

/* --- validate-terms.c ---------------------------------------------------- */

/* Appends the terms of an expression and what it touches; the index of its
 * root. */
guint vyre_validator_analyse (VyreValidator *v, const VyreExpr *expr);
void vyre_validator_use (VyreValidator *v, VyreName *name, guint uses);
static inline VyreTerm *
vyre_term (VyreValidator *v, guint index)
{
  return &g_array_index (v->terms, VyreTerm, index);
}
/* VYRE_NO_TERM if there is no such operand. */
guint vyre_term_operand (VyreValidator *v, guint index, guint operand);
/* NULL: unknown, or no such operand. */
const VyreType *vyre_term_operand_type (
    VyreValidator *v, guint index, guint operand);
gboolean vyre_op_is_comparison (guint op);
gboolean vyre_op_is_saturating (guint op);
/* The operators of E3 to E7 whose result has their operands' type. */
gboolean vyre_op_is_arithmetic (guint op);

/* --- validate-expr.c: section 22.6 --------------------------------------- */

void vyre_validator_check_expr (
    VyreValidator *v, guint root, const char *field);

/* --- validate-repair.c --------------------------------------------------- */

/* Makes the frame's list what it is after section 3.2, with the statements'
 * former numbers. */
void vyre_validator_replace_collectives (
    VyreValidator *v, const VyreNodeList *list, VyreFrame *frame);

/* --- validate-node.c ------------------------------------------------------ */

void vyre_validator_walk (VyreValidator *v);

/* --- validate-engine.c: section 23 and 24 -------------------------------- */

const char *vyre_run_tag_name (VyreRunTag tag);
/* The tag of a term from those of its operands; NONE if the operation does
 * not exist. */
VyreRunTag vyre_engine_tag (VyreValidator *v, guint index);
void vyre_engine_check_expr (VyreValidator *v, guint index);
void vyre_engine_check_node (
    VyreValidator *v, const VyreNode *node, const guint roots[2]);
/* X14. */
void vyre_engine_check_barriers (VyreValidator *v);
VyreRunTag vyre_engine_type_tag (const VyreType *type);

G_END_DECLS
