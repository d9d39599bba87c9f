/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The rules on expressions (vir0-semantics.md section 22.6). */
#include "validate-private.h"

/* --- rules ------------------------------------------------------------------ */

static gboolean
is_kind (const VyreType *type, VyreTypeKind kind)
{
  return type != NULL && type->kind == kind;
}

static gboolean
is_word (const VyreType *type)
{
  return is_kind (type, VYRE_TYPE_U32) || is_kind (type, VYRE_TYPE_I32);
}

static gboolean
is_literal_zero (const VyreExpr *expr)
{
  while (expr->kind == VYRE_EXPR_CAST && expr->n_args > 0)
    expr = expr->args[0];
  if (expr->kind == VYRE_EXPR_LIT_F32)
    return (expr->bits & 0x7fffffffu) == 0;
  return (expr->kind == VYRE_EXPR_LIT_U32 || expr->kind == VYRE_EXPR_LIT_I32) &&
         expr->bits == 0;
}

static const char *const sides[] = { "left", "right" };

static void
check_numeric (VyreValidator *v, const VyreExpr *expr, const VyreType *types[2])
{
  const char *op = vyre_bin_op_name (expr->op);
  g_autofree char *left = vyre_type_display (types[0]);
  g_autofree char *right = vyre_type_display (types[1]);
  gboolean known = types[0] != NULL && types[1] != NULL;

  if (known &&
      (is_kind (types[0], VYRE_TYPE_U64) || is_kind (types[0], VYRE_TYPE_I64) ||
          is_kind (types[1], VYRE_TYPE_U64) ||
          is_kind (types[1], VYRE_TYPE_I64)))
    VYRE_FAIL (v, "E3", expr->at,
        "%s of %s and %s: there is no 64-bit arithmetic; compute with pairs "
        "of u32, or cast to u32 first",
        op, left, right);
  if (vyre_op_is_saturating (expr->op) && known &&
      !(is_kind (types[0], VYRE_TYPE_U32) && is_kind (types[1], VYRE_TYPE_U32)))
    VYRE_FAIL (v, "E4", expr->at,
        "%s of %s and %s: it exists for u32 only; cast both operands to u32, "
        "or clamp with Min and Max",
        op, left, right);
  if (expr->op == VYRE_BIN_ABS_DIFF && known &&
      (is_kind (types[0], VYRE_TYPE_I32) || is_kind (types[1], VYRE_TYPE_I32)))
    VYRE_FAIL (v, "E5", expr->at,
        "AbsDiff of %s and %s: the distance of two i32 may not fit an i32; "
        "cast both operands to u32, or use Max - Min",
        left, right);
  for (guint i = 0; i < 2; i++)
    if (is_kind (types[i], VYRE_TYPE_BOOL))
      VYRE_FAIL (v, "E6", expr->at,
          "the %s operand of %s is bool; cast it to u32 or i32", sides[i], op);
  if (types[0] != types[1] &&
      (is_word (types[0]) || is_kind (types[0], VYRE_TYPE_F32)) &&
      (is_word (types[1]) || is_kind (types[1], VYRE_TYPE_F32)))
    VYRE_FAIL (v, "E7", expr->at,
        "%s of %s and %s: nothing is converted by itself; cast one operand", op,
        left, right);
}

/* One error for each operand whose type is known and neither a nor b. */
static void
check_operands (VyreValidator *v, const char *code, const VyreExpr *expr,
    const VyreType *types[2], VyreTypeKind a, VyreTypeKind b, const char *legal)
{
  for (guint i = 0; i < 2; i++) {
    g_autofree char *name = NULL;

    if (types[i] == NULL || is_kind (types[i], a) || is_kind (types[i], b))
      continue;
    name = vyre_type_display (types[i]);
    VYRE_FAIL (v, code, expr->at,
        "the %s operand of %s is %s and must be %s; cast it", sides[i],
        vyre_bin_op_name (expr->op), name, legal);
  }
}

static void
fail_different (VyreValidator *v, const char *code, const VyreExpr *expr,
    const VyreType *types[2])
{
  g_autofree char *left = vyre_type_display (types[0]);
  g_autofree char *right = vyre_type_display (types[1]);

  VYRE_FAIL (v, code, expr->at,
      "%s of %s and %s: both operands must have one type; cast one of them",
      vyre_bin_op_name (expr->op), left, right);
}

static void
check_binary (VyreValidator *v, guint index)
{
  const VyreExpr *expr = vyre_term (v, index)->expr;
  const VyreType *types[2] = { vyre_term_operand_type (v, index, 0),
    vyre_term_operand_type (v, index, 1) };
  gboolean known = types[0] != NULL && types[1] != NULL;
  guint op = expr->op;

  if ((op == VYRE_BIN_DIV || op == VYRE_BIN_MOD) && expr->n_args > 1 &&
      is_literal_zero (expr->args[1]))
    VYRE_FAIL (v, "V044", expr->at,
        "%s by a literal zero; divide by something else",
        vyre_bin_op_name (op));
  if (vyre_op_is_arithmetic (op) || op == VYRE_BIN_ABS_DIFF) {
    check_numeric (v, expr, types);
    return;
  }
  if (vyre_op_is_comparison (op)) {
    if (known && types[0] != types[1])
      fail_different (v, "E12", expr, types);
    return;
  }
  switch (op) {
    case VYRE_BIN_MOD:
      check_operands (
          v, "E8", expr, types, VYRE_TYPE_U32, VYRE_TYPE_I32, "u32 or i32");
      if (types[0] != types[1] && is_word (types[0]) && is_word (types[1]))
        fail_different (v, "E8", expr, types);
      return;
    case VYRE_BIN_AND_BITS:
    case VYRE_BIN_OR_BITS:
    case VYRE_BIN_XOR_BITS:
      if (!known)
        return;
      check_operands (
          v, "E9", expr, types, VYRE_TYPE_U32, VYRE_TYPE_I32, "u32 or i32");
      if (types[0] != types[1])
        fail_different (v, "E9", expr, types);
      return;
    case VYRE_BIN_SHL:
    case VYRE_BIN_SHR:
    case VYRE_BIN_ROTATE_LEFT:
    case VYRE_BIN_ROTATE_RIGHT:
      check_operands (
          v, "E10", expr, types, VYRE_TYPE_U32, VYRE_TYPE_U32, "u32");
      return;
    case VYRE_BIN_AND:
    case VYRE_BIN_OR:
      check_operands (
          v, "E11", expr, types, VYRE_TYPE_U32, VYRE_TYPE_BOOL, "u32 or bool");
      return;
    case VYRE_BIN_SHUFFLE:
    case VYRE_BIN_BALLOT:
    case VYRE_BIN_WAVE_REDUCE:
    case VYRE_BIN_WAVE_BROADCAST:
      VYRE_FAIL (v, "E13", expr->at,
          "the operator %s has no meaning; use the subgroup expressions, or a "
          "Workgroup buffer and a Barrier",
          vyre_bin_op_name (op));
      return;
    default:
      return;
  }
}

static void
check_unary (VyreValidator *v, guint index)
{
  const VyreExpr *expr = vyre_term (v, index)->expr;
  const VyreType *type = vyre_term_operand_type (v, index, 0);
  const char *op = vyre_un_op_name (expr->op);
  g_autofree char *name = NULL;

  if (type == NULL)
    return;
  name = vyre_type_display (type);
  switch (expr->op) {
    case VYRE_UN_NEGATE:
      if (is_kind (type, VYRE_TYPE_I32))
        VYRE_FAIL (v, "E14", expr->at,
            "Negate of i32, which overflows for the smallest value; write "
            "0 - x (0i32 - x in text)");
      else if (!is_kind (type, VYRE_TYPE_U32) && !is_kind (type, VYRE_TYPE_F32))
        VYRE_FAIL (v, "E14", expr->at,
            "Negate of %s; cast the operand to u32 or f32", name);
      return;
    case VYRE_UN_LOGICAL_NOT:
      if (!is_kind (type, VYRE_TYPE_U32) && !is_kind (type, VYRE_TYPE_BOOL))
        VYRE_FAIL (v, "E15", expr->at,
            "LogicalNot of %s; compare the operand with 0 instead", name);
      return;
    case VYRE_UN_BIT_NOT:
    case VYRE_UN_POPCOUNT:
    case VYRE_UN_CLZ:
    case VYRE_UN_CTZ:
    case VYRE_UN_REVERSE_BITS:
      if (!is_word (type) && !is_kind (type, VYRE_TYPE_U64))
        VYRE_FAIL (v, "E16", expr->at,
            "%s of %s; cast the operand to u32, i32 or u64", op, name);
      return;
    case VYRE_UN_UNPACK4_LOW:
    case VYRE_UN_UNPACK4_HIGH:
    case VYRE_UN_UNPACK8_LOW:
    case VYRE_UN_UNPACK8_HIGH:
      VYRE_FAIL (v, "E18", expr->at,
          "the operator %s has no meaning at run time; shift with Shr and mask "
          "with BitAnd",
          op);
      return;
    case VYRE_UN_OPAQUE:
      VYRE_FAIL (v, "E18", expr->at,
          "the extension operator 0x%08x has no meaning; use built-in "
          "operators",
          expr->ext_id);
      return;
    default:
      if (!is_kind (type, VYRE_TYPE_F32))
        VYRE_FAIL (
            v, "E17", expr->at, "%s of %s; cast the operand to f32", op, name);
      return;
  }
}

static void
check_cast (VyreValidator *v, guint index)
{
  const VyreExpr *expr = vyre_term (v, index)->expr;
  const VyreType *from = vyre_term_operand_type (v, index, 0);
  const VyreType *to = vyre_term (v, index)->type;
  g_autofree char *from_name = vyre_type_display (from);
  g_autofree char *to_name = vyre_type_display (to);

  if (to == NULL)
    return;
  if (v->options.backend != NULL &&
      (to->kind >= 32 || !(v->options.cast_targets >> to->kind & 1)))
    VYRE_FAIL (v, "V034", expr->at,
        "%s has no casts to %s; use another type or another backend",
        v->options.backend, to_name);
  if (from == NULL)
    return;
  if (to->kind == VYRE_TYPE_BYTES && from != to) {
    VYRE_FAIL (v, "V023", expr->at,
        "cast of %s to bytes; store the value into a buffer instead",
        from_name);
  } else if (!vyre_cast_exists (from, to)) {
    g_autofree char *targets = vyre_cast_targets (from);

    VYRE_FAIL (v, "V012", expr->at,
        "there is no cast from %s to %s; %s can be cast to %s", from_name,
        to_name, from_name, targets);
  } else if (vyre_cast_narrows (from, to)) {
    vyre_validator_report (v, VYRE_SEVERITY_WARNING, "V035", expr->at,
        "cast from %s to %s may lose high bits; mask the value first if that "
        "is meant",
        from_name, to_name);
  }
}

static void
check_load (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);
  g_autofree char *name = NULL;

  if (term->name->buffer >= 0 && !is_kind (term->type, VYRE_TYPE_BYTES))
    return;
  name = vyre_string_display (term->expr->name);
  if (term->name->buffer < 0)
    VYRE_FAIL (v, "S3", term->expr->at,
        "Load from `%s`, which is no buffer; declare it", name);
  else
    VYRE_FAIL (v, "V013", term->expr->at,
        "Load from buffer `%s` of bytes; declare it with u8 or u32 elements",
        name);
}

static void
check_expected (VyreValidator *v, guint index, const char *op, const char *name)
{
  const VyreExpr *expr = vyre_term (v, index)->expr;
  const VyreType *type;

  if (expr->op != VYRE_ATOMIC_COMPARE_EXCHANGE) {
    if (expr->has_expected)
      VYRE_FAIL (v, "E20", expr->at,
          "atomic %s on buffer `%s` has an expected value, which belongs to "
          "CompareExchange alone; leave it out",
          op, name);
    return;
  }
  type = expr->has_expected ? vyre_term_operand_type (v, index, 1) : NULL;
  if (!expr->has_expected) {
    VYRE_FAIL (v, "E20", expr->at,
        "atomic %s on buffer `%s` has no expected value; give one", op, name);
  } else if (type != NULL && !is_kind (type, VYRE_TYPE_U32)) {
    g_autofree char *type_name = vyre_type_display (type);

    VYRE_FAIL (v, "E20", expr->at,
        "the expected value of atomic %s on buffer `%s` is %s; cast it to u32",
        op, name, type_name);
  }
}

/* All of an atomic's own rules, before its operands. */
static void
check_atomic (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);
  const VyreExpr *expr = term->expr;
  const VyreType *at_type = vyre_term_operand_type (v, index, 0);
  const VyreType *value =
      expr->n_args > 1 ? vyre_term_operand_type (v, index, expr->n_args - 1)
                       : NULL;
  g_autofree char *name = vyre_string_display (expr->name);
  const char *op = vyre_atomic_op_name (expr->op);
  const VyreBuffer *buffer;
  const VyreType *element;

  if (expr->ordering == VYRE_ORDER_GRID_SYNC)
    VYRE_FAIL (v, "V042", expr->at,
        "atomic %s on buffer `%s` with ordering GridSync; use SeqCst", op,
        name);
  if (at_type != NULL && !is_kind (at_type, VYRE_TYPE_U32)) {
    g_autofree char *type_name = vyre_type_display (at_type);

    VYRE_FAIL (v, "V027", expr->at,
        "the index of atomic %s on buffer `%s` is %s; cast it to u32", op, name,
        type_name);
  }
  if (term->name->buffer < 0) {
    VYRE_FAIL (v, "S3", expr->at,
        "atomic %s on `%s`, which is no buffer; declare it", op, name);
    return;
  }

  buffer = &v->program->buffers[term->name->buffer];
  if (buffer->access == VYRE_ACCESS_WORKGROUP)
    VYRE_FAIL (v, "V025", expr->at,
        "atomic %s on Workgroup buffer `%s`; use a ReadWrite buffer", op, name);
  else if (buffer->access != VYRE_ACCESS_READ_WRITE)
    VYRE_FAIL (v, "V009", expr->at,
        "atomic %s on buffer `%s` whose access is %s; declare it ReadWrite", op,
        name, vyre_access_name (buffer->access));

  element = vyre_validator_type (v, buffer->element);
  if (is_kind (element, VYRE_TYPE_BYTES))
    VYRE_FAIL (v, "V013", expr->at,
        "atomic %s on buffer `%s` of bytes; declare it with u32 elements", op,
        name);
  if (!is_kind (element, VYRE_TYPE_U32)) {
    g_autofree char *type_name = vyre_type_display (element);

    VYRE_FAIL (v, "V014", expr->at,
        "atomic %s on buffer `%s` whose elements are %s; declare them u32", op,
        name, type_name);
  }
  if (value != NULL && !is_kind (value, VYRE_TYPE_U32)) {
    g_autofree char *type_name = vyre_type_display (value);

    VYRE_FAIL (v, "E19", expr->at,
        "the value of atomic %s on buffer `%s` is %s; cast it to u32", op, name,
        type_name);
  }
  check_expected (v, index, op, name);
}

static void
check_select (VyreValidator *v, guint index)
{
  const VyreType *yes = vyre_term_operand_type (v, index, 1);
  const VyreType *no = vyre_term_operand_type (v, index, 2);
  g_autofree char *yes_name = NULL, *no_name = NULL;

  if (yes == NULL || no == NULL || yes == no)
    return;
  yes_name = vyre_type_display (yes);
  no_name = vyre_type_display (no);
  VYRE_FAIL (v, "V029", vyre_term (v, index)->expr->at,
      "Select between %s and %s: both arms must have one type; cast one of "
      "them",
      yes_name, no_name);
}

static void
check_fma (VyreValidator *v, guint index)
{
  static const char *const slots[] = { "first", "second", "third" };

  for (guint i = 0; i < 3; i++) {
    const VyreType *type = vyre_term_operand_type (v, index, i);
    g_autofree char *name = NULL;

    if (type == NULL || is_kind (type, VYRE_TYPE_F32))
      continue;
    name = vyre_type_display (type);
    VYRE_FAIL (v, "V028", vyre_term (v, index)->expr->at,
        "the %s operand of Fma is %s; cast it to f32", slots[i], name);
  }
}

/* What an expression's own rules say after its operands have been examined. */
static void
check_after (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);
  const VyreExpr *expr = term->expr;
  g_autofree char *name = NULL;

  switch (expr->kind) {
    case VYRE_EXPR_VAR:
      if (term->name->binding != NULL)
        return;
      name = vyre_string_display (expr->name);
      VYRE_FAIL (v, "E1", expr->at,
          "variable `%s` is not visible here; put a Let before this, into the "
          "same list or one around it",
          name);
      return;
    case VYRE_EXPR_BUF_LEN:
      if (term->name->buffer >= 0)
        return;
      name = vyre_string_display (expr->name);
      VYRE_FAIL (v, "S3", expr->at,
          "BufLen of `%s`, which is no buffer; declare it", name);
      return;
    case VYRE_EXPR_INVOCATION_ID:
    case VYRE_EXPR_WORKGROUP_ID:
    case VYRE_EXPR_LOCAL_ID:
      if (expr->axis > 2)
        VYRE_FAIL (v, "E2", expr->at,
            "%s has no axis %u; use 0 (x), 1 (y) or 2 (z)",
            vyre_expr_kind_name (expr->kind), expr->axis);
      return;
    case VYRE_EXPR_BIN_OP:
      check_binary (v, index);
      return;
    case VYRE_EXPR_UN_OP:
      check_unary (v, index);
      return;
    case VYRE_EXPR_CAST:
      check_cast (v, index);
      return;
    case VYRE_EXPR_SELECT:
      check_select (v, index);
      return;
    case VYRE_EXPR_FMA:
      check_fma (v, index);
      return;
    case VYRE_EXPR_SUBGROUP_ADD:
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
    case VYRE_EXPR_SUBGROUP_BALLOT:
    case VYRE_EXPR_SUBGROUP_LOCAL_ID:
    case VYRE_EXPR_SUBGROUP_SIZE:
      if (!v->options.subgroup_support)
        VYRE_FAIL (v, "V041", expr->at,
            "%s needs subgroup support, which the executor does not have; "
            "exchange values through a Workgroup buffer and a Barrier",
            vyre_expr_kind_name (expr->kind));
      return;
    case VYRE_EXPR_OPAQUE:
      if (expr->name.length == 0)
        VYRE_FAIL (v, "V030", expr->at,
            "the extension expression has an empty kind; name its extension");
      return;
    default:
      return;
  }
}

static const char *
operand_field (const VyreExpr *expr, guint operand)
{
  static const char *const select[] = { "condition", "if_true", "if_false" };
  static const char *const fma[] = { "a", "b", "c" };

  switch (expr->kind) {
    case VYRE_EXPR_LOAD:
      return "index";
    case VYRE_EXPR_BIN_OP:
      return sides[MIN (operand, 1)];
    case VYRE_EXPR_SELECT:
      return select[MIN (operand, 2)];
    case VYRE_EXPR_FMA:
      return fma[MIN (operand, 2)];
    case VYRE_EXPR_ATOMIC:
      if (operand == 0)
        return "index";
      return operand == 1 && expr->has_expected ? "expected" : "value";
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
      return operand == 0 ? "value" : "lane";
    case VYRE_EXPR_CALL:
      return "args";
    default:
      return "operand";
  }
}

/* Recurses no deeper than VYRE_MAX_EXPR_DEPTH. */
static void
check_term (VyreValidator *v, guint index, guint depth)
{
  const VyreExpr *expr = vyre_term (v, index)->expr;
  guint64 before = v->n_reported, own;
  guint child = index + 1;

  if (depth > VYRE_MAX_EXPR_DEPTH) {
    v->too_deep = TRUE;
    VYRE_FAIL (v, "V033", expr->at,
        "the expression is nested %u levels deep, %u are allowed; compute "
        "parts of it in a Let before",
        depth, VYRE_MAX_EXPR_DEPTH);
    return;
  }
  if (expr->kind == VYRE_EXPR_LOAD)
    check_load (v, index);
  else if (expr->kind == VYRE_EXPR_ATOMIC)
    check_atomic (v, index);
  own = v->n_reported - before;

  for (guint i = 0; i < expr->n_args; i++) {
    VyreExprStep step = { operand_field (expr, i),
      expr->kind == VYRE_EXPR_CALL ? i : VYRE_NO_TERM };

    g_array_append_val (v->expr_steps, step);
    check_term (v, child, depth + 1);
    g_array_set_size (v->expr_steps, v->expr_steps->len - 1);
    child += vyre_term (v, child)->size;
  }

  before = v->n_reported;
  check_after (v, index);
  if (v->options.engine_checks && own == 0 && v->n_reported == before)
    vyre_engine_check_expr (v, index);
}

void
vyre_validator_check_expr (VyreValidator *v, guint root, const char *field)
{
  v->expr_field = field;
  check_term (v, root, 0);
  v->expr_field = NULL;
}
