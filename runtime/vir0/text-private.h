/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "text.h"
#include "wire-private.h"

G_BEGIN_DECLS

/* What the parts of the text form share: the words of the language, the
 * tokens and the parser's state. Grammar: docs/text-form.md. */

#define VYRE_TEXT_MAX_BYTES (64u * 1024 * 1024)
/* Parentheses around parentheses; they leave no trace in the program, so the
 * limit of VYRE_MAX_NESTING does not count them. */
#define VYRE_TEXT_MAX_PARENS 256u

/* --- words -------------------------------------------------------------- */

typedef struct
{
  const char *name;
  guint8 value;
} VyreTextWord;

/* Each ends with a NULL name. */
extern const VyreTextWord vyre_text_types[];
extern const VyreTextWord vyre_text_accesses[];
extern const VyreTextWord vyre_text_kinds[];
extern const VyreTextWord vyre_text_localities[];
extern const VyreTextWord vyre_text_orderings[];
extern const VyreTextWord vyre_text_collectives[];
extern const VyreTextWord vyre_text_statements[];
extern const VyreTextWord vyre_text_scales[];
extern const VyreTextWord vyre_text_zeros[];
extern const VyreTextWord vyre_text_reserved[];

/* Everything that is written NAME(…) in an expression, casts excepted. */
typedef struct
{
  const char *name;
  guint8 kind; /* VyreExprKind */
  guint8 op;
  guint8 n_args; /* plain operands */
} VyreTextFunction;
extern const VyreTextFunction vyre_text_functions[];

typedef struct
{
  guint op; /* VyreBinOp */
  guint punct;
  guint precedence;
} VyreTextInfix;
extern const VyreTextInfix vyre_text_infixes[];

/* Two characters as one token. */
#define VYRE_PUNCT2(a, b) ((guint) (a) << 8 | (guint) (b))

enum
{
  VYRE_PREC_LOWEST = 1,
  VYRE_PREC_COMPARE = 3,
  VYRE_PREC_UNARY = 10,
  VYRE_PREC_PRIMARY = 11,
};

const VyreTextWord *vyre_text_word (
    const VyreTextWord *table, const char *name, gsize length);
/* "?" when the table has no such value. */
const char *vyre_text_word_name (const VyreTextWord *table, guint value);
const VyreTextFunction *vyre_text_function (const char *name, gsize length);
const VyreTextInfix *vyre_text_infix_by_op (guint op);
const VyreTextInfix *vyre_text_infix_by_punct (guint punct);
VyreMemoryKind vyre_text_default_kind (VyreAccess access);
/* Types that carry nothing but their kind: usable as NAME(value) casts. */
gboolean vyre_text_type_is_plain (VyreTypeKind kind);
/* Whether s may stand as a name without back quotes. */
gboolean vyre_text_is_bare_name (VyreString s);
/* C-locale conversions that round once; *end as with strtof(). */
float vyre_text_strtof (const char *text, char **end);
double vyre_text_strtod (const char *text, char **end);

/* --- tokens and parser --------------------------------------------------- */

typedef enum
{
  VYRE_TOKEN_END,
  VYRE_TOKEN_WORD, /* bare word */
  VYRE_TOKEN_NAME, /* `name` */
  VYRE_TOKEN_STRING, /* "string" */
  VYRE_TOKEN_INTEGER,
  VYRE_TOKEN_FLOAT,
  VYRE_TOKEN_PUNCT,
} VyreTokenKind;

typedef enum
{
  VYRE_SUFFIX_NONE,
  VYRE_SUFFIX_U32,
  VYRE_SUFFIX_I32,
  VYRE_SUFFIX_F32,
  VYRE_SUFFIX_U64,
  VYRE_SUFFIX_I64,
  VYRE_SUFFIX_F64,
} VyreSuffix;

typedef struct
{
  VyreTokenKind kind;
  VyreSource at;
  const char *start; /* spelling, in the text */
  gsize length;
  VyreString string; /* NAME, STRING: contents, in the program */
  guint64 value; /* INTEGER */
  gboolean too_big; /* INTEGER beyond 64 bits */
  gsize digits; /* FLOAT: length without the suffix */
  VyreSuffix suffix;
  guint punct;
} VyreToken;

/* The first error stays; after it the token is END for good, so that every
 * loop of the parser comes to an end. */
typedef struct
{
  VyreProgram *program;
  const char *cursor, *end;
  VyreSource here;
  VyreToken token;
  guint parens;
  GError *error;
} VyreTextParser;

void vyre_text_fail (VyreTextParser *parser, VyreSource at, const char *format,
    ...) G_GNUC_PRINTF (3, 4);
/* "expected WHAT, found TOKEN" at the current token. */
void vyre_text_expected (VyreTextParser *parser, const char *what);
/* Reads the next token into parser->token. */
void vyre_text_advance (VyreTextParser *parser);

gboolean vyre_text_at_punct (VyreTextParser *parser, guint punct);
gboolean vyre_text_at_word (VyreTextParser *parser, const char *word);
/* These consume the token if it is the one, else leave it (skip) or fail. */
gboolean vyre_text_skip_punct (VyreTextParser *parser, guint punct);
gboolean vyre_text_skip_word (VyreTextParser *parser, const char *word);
gboolean vyre_text_expect_punct (VyreTextParser *parser, guint punct);
gboolean vyre_text_expect_word (VyreTextParser *parser, const char *word);
/* A variable's or buffer's name. */
gboolean vyre_text_expect_name (
    VyreTextParser *parser, const char *what, VyreString *name);
gboolean vyre_text_expect_string (
    VyreTextParser *parser, const char *what, VyreString *string);
gboolean vyre_text_expect_uint (
    VyreTextParser *parser, const char *what, guint64 max, guint64 *value);
gboolean vyre_text_expect_u32 (
    VyreTextParser *parser, const char *what, guint32 *value);
gboolean vyre_text_expect_payload (
    VyreTextParser *parser, const guint8 **payload, guint32 *length);
/* One of a table's words. */
gboolean vyre_text_expect_table (VyreTextParser *parser,
    const VyreTextWord *table, const char *what, guint8 *value);

const VyreType *vyre_text_parse_type (VyreTextParser *parser);
/* level: where the expression's root stands in the count of
 * VYRE_MAX_NESTING. %NULL after an error. */
VyreExpr *vyre_text_parse_expr (VyreTextParser *parser, guint level);

G_END_DECLS
