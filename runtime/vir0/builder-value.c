/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The builder's values: what may be used where, and expressions. */
#include "builder-private.h"
#include "wire-private.h"

#include <string.h>

void
vyre_builder_clear_value (gpointer data)
{
  VyreBuilderValue *value = data;

  g_clear_pointer (&value->variables, g_array_unref);
}

gboolean
vyre_builder_is_kind (const VyreType *type, VyreTypeKind kind)
{
  return type != NULL && type->kind == kind;
}

/* --- using values ------------------------------------------------------------ */

/* As deep as a value's height. */
static VyreExpr *
copy_expr (VyreProgram *program, const VyreExpr *expr)
{
  VyreExpr *copy = vyre_program_alloc (program, sizeof *copy);

  *copy = *expr;
  if (expr->n_args == 0)
    return copy;
  copy->args =
      vyre_program_alloc (program, (gsize) expr->n_args * sizeof *copy->args);
  for (guint32 i = 0; i < expr->n_args; i++)
    copy->args[i] = copy_expr (program, expr->args[i]);
  return copy;
}

static gboolean
check_variable (VyreBuilder *b, const char *what, const VyreBuilderValue *value,
    guint32 number)
{
  const VyreBuilderVariable *variable = vyre_builder_get_variable (b, number);
  g_autofree char *name = NULL;

  if (!variable->visible)
    goto ended;
  if (value->is_variable)
    return TRUE;
  if (value->made_at < variable->assigned_at)
    goto assigned;
  for (guint i = 0; i < b->frames->len; i++) {
    VyreBuilderFrame *frame = &g_array_index (b->frames, VyreBuilderFrame, i);

    if (frame->node == NULL || frame->node->kind != VYRE_NODE_LOOP ||
        value->made_at >= frame->begun_at)
      continue;
    if (frame->frozen == NULL)
      frame->frozen = g_hash_table_new (NULL, NULL);
    g_hash_table_add (frame->frozen, GUINT_TO_POINTER (number));
  }
  return TRUE;

ended:
  name = vyre_string_display (variable->name);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_HANDLE,
      "%s: variable `%s` is not visible here, for its list has ended; put its "
      "let into a list around both",
      what, name);
  return FALSE;
assigned:
  name = vyre_string_display (variable->name);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_HANDLE,
      "%s: the value was made of variable `%s`, which has been assigned since "
      "and would be read here; make the value again, or put it into a let "
      "before the assignment",
      what, name);
  return FALSE;
}

gboolean
vyre_builder_take (VyreBuilder *b, const char *what, VyreValue handle,
    VyreBuilderOperand *operand)
{
  VyreBuilderValue *value;

  if (!vyre_builder_ready (b))
    return FALSE;
  if (handle.owner != b->id || handle.index == 0 ||
      handle.index > b->values->len)
    goto foreign;
  value = vyre_builder_get_value (b, handle.index);
  for (guint i = 0; value->variables != NULL && i < value->variables->len; i++)
    if (!check_variable (
            b, what, value, g_array_index (value->variables, guint32, i)))
      return FALSE;
  if (value->bound_to_place && value->used)
    goto twice;
  if (value->bound_to_place && value->made_at != b->n_statements)
    goto late;

  *operand = (VyreBuilderOperand){
    .expr = value->used ? copy_expr (b->program, value->expr) : value->expr,
    .type = value->type,
    .tag = value->tag,
    .height = value->height,
    .size = value->size,
    .bound_to_place = value->bound_to_place,
    .has_atomic = value->has_atomic,
    .variables = value->variables,
  };
  value->used = TRUE;
  return TRUE;

foreign:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_HANDLE,
      "%s: the value is not of this builder; make it with the builder that "
      "uses it",
      what);
  return FALSE;
twice:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_HANDLE,
      "%s: the value was used before, and the %s in it would happen twice; put "
      "it into a let, and use the variable",
      what, value->has_atomic ? "atomic" : "load or subgroup operation");
  return FALSE;
late:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_HANDLE,
      "%s: the value was made before another statement, and the %s in it would "
      "happen here; make it right before its statement, or put it into a let",
      what, value->has_atomic ? "atomic" : "load or subgroup operation");
  return FALSE;
}

gboolean
vyre_builder_check_atomics (VyreBuilder *b)
{
  for (guint i = 0; i < b->atomics->len; i++) {
    const VyreBuilderValue *value =
        vyre_builder_get_value (b, g_array_index (b->atomics, guint32, i));

    if (value->used)
      continue;
    vyre_builder_fail (b, VYRE_BUILDER_ERROR_HANDLE,
        "a value with an atomic in it stands in no statement, so the atomic "
        "would not happen; bind it: vyre_builder_let (b, NULL, value)");
    return FALSE;
  }
  g_array_set_size (b->atomics, 0);
  return TRUE;
}

/* --- making values ------------------------------------------------------------ */

static VyreValue
no_value (VyreBuilder *b)
{
  return (VyreValue){ b->id, 0, 0 };
}

/* Takes over value->variables. */
static VyreValue
add_value (VyreBuilder *b, VyreBuilderValue *value)
{
  VyreTypeKind kind = value->type != NULL ? value->type->kind : 0;

  value->made_at = b->n_statements;
  g_array_append_val (b->values, *value);
  if (value->has_atomic) {
    guint32 number = b->values->len;

    g_array_append_val (b->atomics, number);
  }
  return (VyreValue){ b->id, b->values->len, kind };
}

VyreValue
vyre_builder_variable_value (VyreBuilder *b, guint32 number, VyreRunTag tag)
{
  VyreBuilderVariable *variable = vyre_builder_get_variable (b, number);
  VyreBuilderValue value = { .type = variable->type,
    .tag = tag,
    .height = 1,
    .size = 1,
    .is_variable = TRUE };
  VyreValue handle;

  value.expr = vyre_program_expr (b->program, VYRE_EXPR_VAR, 0);
  value.expr->name = variable->name;
  value.variables = g_array_new (FALSE, FALSE, sizeof (guint32));
  g_array_append_val (value.variables, number);
  handle = add_value (b, &value);
  variable->value = handle.index;
  return handle;
}

static void
add_variables (VyreBuilderValue *value, const GArray *more)
{
  if (more == NULL)
    return;
  if (value->variables == NULL)
    value->variables = g_array_new (FALSE, FALSE, sizeof (guint32));
  for (guint i = 0; i < more->len; i++) {
    guint32 number = g_array_index (more, guint32, i);
    guint k = 0;

    while (k < value->variables->len &&
           g_array_index (value->variables, guint32, k) != number)
      k++;
    if (k == value->variables->len)
      g_array_append_val (value->variables, number);
  }
}

static gboolean
is_literal (const VyreExpr *expr)
{
  return expr->kind == VYRE_EXPR_LIT_U32 || expr->kind == VYRE_EXPR_LIT_I32 ||
         expr->kind == VYRE_EXPR_LIT_F32 || expr->kind == VYRE_EXPR_LIT_BOOL;
}

/* Type and tag by the validator's rules. They look at the operands' types
 * alone, but for literals, so variables of those types stand for them. */
static gboolean
apply_rules (VyreBuilder *b, const VyreExpr *expr,
    const VyreBuilderOperand *operands, VyreBuilderValue *value)
{
  VyreValidator *v = &b->rules;
  VyreExpr shallow = *expr;
  VyreExpr stand_ins[VYRE_BUILDER_MAX_OPERANDS];
  VyreExpr *args[VYRE_BUILDER_MAX_OPERANDS];
  const VyreFinding *finding = NULL;
  guint root;

  for (guint i = 0; i < expr->n_args; i++) {
    b->stand_ins[i].type = operands[i].type;
    b->stand_ins[i].tag = operands[i].tag;
    stand_ins[i] = (VyreExpr){ .kind = VYRE_EXPR_VAR,
      .name = b->stand_ins[i].name->string };
    args[i] = is_literal (operands[i].expr) ? operands[i].expr : &stand_ins[i];
  }
  shallow.args = args;

  root = vyre_validator_analyse (v, &shallow);
  vyre_validator_check_expr (v, root, "value");
  value->type = vyre_term (v, root)->type;
  value->tag = vyre_term (v, root)->tag;
  for (guint i = 0; i < v->uses->len; i++)
    g_array_index (v->uses, VyreUse, i).name->uses = 0;
  g_array_set_size (v->uses, 0);
  g_array_set_size (v->terms, 0);

  g_ptr_array_set_size (v->findings->warnings, 0);
  if (v->findings->errors->len > 0)
    finding = g_ptr_array_index (v->findings->errors, 0);
  else if (v->engine->len > 0)
    finding = g_ptr_array_index (v->engine, 0);
  if (finding != NULL)
    vyre_builder_fail (
        b, VYRE_BUILDER_ERROR_TYPE, "%s [%s]", finding->message, finding->code);
  return finding == NULL;
}

/* An expression of taken operands. */
static VyreValue
make_value (VyreBuilder *b, VyreExpr *expr, const VyreBuilderOperand *operands)
{
  VyreBuilderValue value = { .expr = expr, .height = 1, .size = 1 };

  for (guint i = 0; i < expr->n_args; i++) {
    expr->args[i] = operands[i].expr;
    value.height = MAX (value.height, operands[i].height + 1);
    value.size += operands[i].size;
    value.bound_to_place |= operands[i].bound_to_place;
    value.has_atomic |= operands[i].has_atomic;
  }
  if (value.height >= VYRE_MAX_NESTING)
    goto too_deep;
  if (value.size > VYRE_BUILDER_MAX_VALUE_SIZE)
    goto too_large;
  if (!apply_rules (b, expr, operands, &value))
    return no_value (b);

  for (guint i = 0; i < expr->n_args; i++)
    add_variables (&value, operands[i].variables);
  switch (expr->kind) {
    case VYRE_EXPR_ATOMIC:
      value.has_atomic = TRUE;
      value.bound_to_place = TRUE;
      break;
    case VYRE_EXPR_LOAD:
    case VYRE_EXPR_SUBGROUP_ADD:
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
    case VYRE_EXPR_SUBGROUP_BALLOT:
      value.bound_to_place = TRUE;
      break;
    default:
      break;
  }
  return add_value (b, &value);

too_deep:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_LIMIT,
      "%s is nested %u levels deep, %u are allowed with its statement; put "
      "parts into a let",
      vyre_expr_kind_name (expr->kind), value.height, VYRE_MAX_NESTING);
  return no_value (b);
too_large:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_LIMIT,
      "%s is made of %u expressions, %u are allowed; a value that is used "
      "twice counts twice, so put it into a let",
      vyre_expr_kind_name (expr->kind), value.size,
      VYRE_BUILDER_MAX_VALUE_SIZE);
  return no_value (b);
}

static VyreValue
make_leaf (VyreBuilder *b, VyreExprKind kind, guint32 bits, guint axis)
{
  VyreExpr *expr;

  if (!vyre_builder_ready (b))
    return no_value (b);
  expr = vyre_program_expr (b->program, kind, 0);
  expr->bits = bits;
  expr->axis = (guint8) MIN (axis, G_MAXUINT8);
  return make_value (b, expr, NULL);
}

VyreValue
vyre_builder_u32 (VyreBuilder *b, guint32 value)
{
  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_leaf (b, VYRE_EXPR_LIT_U32, value, 0);
}

VyreValue
vyre_builder_i32 (VyreBuilder *b, gint32 value)
{
  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_leaf (b, VYRE_EXPR_LIT_I32, (guint32) value, 0);
}

VyreValue
vyre_builder_f32_bits (VyreBuilder *b, guint32 bits)
{
  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_leaf (b, VYRE_EXPR_LIT_F32, bits, 0);
}

VyreValue
vyre_builder_f32 (VyreBuilder *b, float value)
{
  guint32 bits;

  memcpy (&bits, &value, sizeof bits);
  return vyre_builder_f32_bits (b, bits);
}

VyreValue
vyre_builder_bool (VyreBuilder *b, gboolean value)
{
  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_leaf (b, VYRE_EXPR_LIT_BOOL, value ? 1 : 0, 0);
}

VyreValue
vyre_builder_invocation_id (VyreBuilder *b, guint axis)
{
  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_leaf (b, VYRE_EXPR_INVOCATION_ID, 0, axis);
}

VyreValue
vyre_builder_workgroup_id (VyreBuilder *b, guint axis)
{
  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_leaf (b, VYRE_EXPR_WORKGROUP_ID, 0, axis);
}

VyreValue
vyre_builder_local_id (VyreBuilder *b, guint axis)
{
  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_leaf (b, VYRE_EXPR_LOCAL_ID, 0, axis);
}

VyreValue
vyre_builder_buf_len (VyreBuilder *b, VyreBufferRef ref)
{
  const VyreBuffer *buffer;
  VyreExpr *expr;

  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  buffer = vyre_builder_find_buffer (b, "BufLen", ref);
  if (buffer == NULL)
    return no_value (b);
  expr = vyre_program_expr (b->program, VYRE_EXPR_BUF_LEN, 0);
  expr->name = buffer->name;
  return make_value (b, expr, NULL);
}

VyreValue
vyre_builder_load (VyreBuilder *b, VyreBufferRef ref, VyreValue index)
{
  VyreBuilderOperand operand;
  const VyreBuffer *buffer;
  VyreExpr *expr;
  g_autofree char *name = NULL, *type = NULL;

  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  buffer = vyre_builder_find_buffer (b, "Load", ref);
  if (buffer == NULL ||
      !vyre_builder_take (b, "the index of Load", index, &operand))
    return no_value (b);
  if (!vyre_builder_is_kind (operand.type, VYRE_TYPE_U32))
    goto bad_index;
  expr = vyre_program_expr (b->program, VYRE_EXPR_LOAD, 1);
  expr->name = buffer->name;
  return make_value (b, expr, &operand);

bad_index:
  name = vyre_string_display (buffer->name);
  type = vyre_type_display (operand.type);
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
      "the index of Load from buffer `%s` is %s; cast it to U32", name, type);
  return no_value (b);
}

/* An expression of n plain operands. */
static VyreValue
make_plain (VyreBuilder *b, VyreExprKind kind, guint op, const char *what,
    const VyreValue *values, guint n)
{
  VyreBuilderOperand operands[VYRE_BUILDER_MAX_OPERANDS];
  VyreExpr *expr;

  for (guint i = 0; i < n; i++)
    if (!vyre_builder_take (b, what, values[i], &operands[i]))
      return no_value (b);
  expr = vyre_program_expr (b->program, kind, n);
  expr->op = (guint8) op;
  return make_value (b, expr, operands);
}

VyreValue
vyre_builder_binary (
    VyreBuilder *b, VyreBinOp op, VyreValue left, VyreValue right)
{
  const VyreValue values[2] = { left, right };

  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  if (!vyre_builder_ready (b))
    return no_value (b);
  if (op < VYRE_BIN_ADD || op > VYRE_BIN_MUL_HIGH)
    goto unknown;
  return make_plain (b, VYRE_EXPR_BIN_OP, op, vyre_bin_op_name (op), values, 2);

unknown:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "there is no binary operator %u; use a VYRE_BIN_ constant", (guint) op);
  return no_value (b);
}

VyreValue
vyre_builder_unary (VyreBuilder *b, VyreUnOp op, VyreValue operand)
{
  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  if (!vyre_builder_ready (b))
    return no_value (b);
  if (op < VYRE_UN_NEGATE || op > VYRE_UN_RECIPROCAL)
    goto unknown;
  return make_plain (b, VYRE_EXPR_UN_OP, op, vyre_un_op_name (op), &operand, 1);

unknown:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "there is no unary operator %u; use a VYRE_UN_ constant", (guint) op);
  return no_value (b);
}

VyreValue
vyre_builder_select (
    VyreBuilder *b, VyreValue condition, VyreValue if_true, VyreValue if_false)
{
  const VyreValue values[3] = { condition, if_true, if_false };

  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  if (condition.index != 0 && condition.type != VYRE_TYPE_U32 &&
      condition.type != VYRE_TYPE_BOOL)
    goto bad_condition;
  return make_plain (b, VYRE_EXPR_SELECT, 0, "Select", values, 3);

bad_condition:
  if (vyre_builder_ready (b))
    vyre_builder_fail (b, VYRE_BUILDER_ERROR_TYPE,
        "the condition of Select is %s and must be u32 or bool; compare it "
        "with something",
        vyre_type_kind_name (condition.type));
  return no_value (b);
}

VyreValue
vyre_builder_cast_to (VyreBuilder *b, const VyreType *type, VyreValue value)
{
  VyreBuilderOperand operand;
  VyreExpr *expr;

  g_return_val_if_fail (b != NULL && type != NULL, (VyreValue){ 0 });

  if (!vyre_builder_take (b, "Cast", value, &operand))
    return no_value (b);
  type = vyre_builder_copy_type (b, "the type of Cast", type);
  if (type == NULL)
    return no_value (b);
  expr = vyre_program_expr (b->program, VYRE_EXPR_CAST, 1);
  expr->type = type;
  return make_value (b, expr, &operand);
}

VyreValue
vyre_builder_cast (VyreBuilder *b, VyreTypeKind kind, VyreValue value)
{
  VyreType type = { .kind = kind };

  return vyre_builder_cast_to (b, &type, value);
}

VyreValue
vyre_builder_fma (VyreBuilder *b, VyreValue x, VyreValue y, VyreValue z)
{
  const VyreValue values[3] = { x, y, z };

  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_plain (b, VYRE_EXPR_FMA, 0, "Fma", values, 3);
}

/* --- atomics ------------------------------------------------------------------ */

VyreValue
vyre_builder_atomic_full (VyreBuilder *b, VyreAtomicOp op, VyreBufferRef ref,
    VyreValue index, const VyreValue *expected, VyreValue value,
    VyreOrdering ordering)
{
  VyreBuilderOperand operands[3];
  const VyreBuffer *buffer;
  VyreExpr *expr;
  guint n = 0;

  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  buffer = vyre_builder_find_buffer (b, "Atomic", ref);
  if (buffer == NULL)
    return no_value (b);
  if (op < VYRE_ATOMIC_ADD || op > VYRE_ATOMIC_LRU_UPDATE ||
      op == VYRE_ATOMIC_FETCH_NAND || op == VYRE_ATOMIC_COMPARE_EXCHANGE_WEAK)
    goto no_operator;
  if ((guint) ordering > VYRE_ORDER_GRID_SYNC)
    goto no_ordering;
  if (!vyre_builder_take (b, "the index of Atomic", index, &operands[n++]) ||
      (expected != NULL &&
          !vyre_builder_take (b, "the expected value of CompareExchange",
              *expected, &operands[n++])) ||
      !vyre_builder_take (b, "the value of Atomic", value, &operands[n++]))
    return no_value (b);

  expr = vyre_program_expr (b->program, VYRE_EXPR_ATOMIC, n);
  expr->op = (guint8) op;
  expr->ordering = (guint8) ordering;
  expr->has_expected = expected != NULL;
  expr->name = buffer->name;
  return make_value (b, expr, operands);

no_operator:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "no executor implements the atomic operator %s (%u); use "
      "CompareExchange",
      vyre_atomic_op_name (op), (guint) op);
  return no_value (b);
no_ordering:
  vyre_builder_fail (b, VYRE_BUILDER_ERROR_ARGUMENT,
      "there is no memory ordering %u; use VYRE_ORDER_SEQ_CST",
      (guint) ordering);
  return no_value (b);
}

VyreValue
vyre_builder_atomic (VyreBuilder *b, VyreAtomicOp op, VyreBufferRef buffer,
    VyreValue index, VyreValue value)
{
  return vyre_builder_atomic_full (
      b, op, buffer, index, NULL, value, VYRE_ORDER_SEQ_CST);
}

VyreValue
vyre_builder_compare_exchange (VyreBuilder *b, VyreBufferRef buffer,
    VyreValue index, VyreValue expected, VyreValue value)
{
  return vyre_builder_atomic_full (b, VYRE_ATOMIC_COMPARE_EXCHANGE, buffer,
      index, &expected, value, VYRE_ORDER_SEQ_CST);
}

/* --- subgroups ------------------------------------------------------------------ */

VyreValue
vyre_builder_subgroup_add (VyreBuilder *b, VyreValue value)
{
  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_plain (b, VYRE_EXPR_SUBGROUP_ADD, 0, "SubgroupAdd", &value, 1);
}

VyreValue
vyre_builder_subgroup_shuffle (VyreBuilder *b, VyreValue value, VyreValue lane)
{
  const VyreValue values[2] = { value, lane };

  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_plain (
      b, VYRE_EXPR_SUBGROUP_SHUFFLE, 0, "SubgroupShuffle", values, 2);
}

VyreValue
vyre_builder_subgroup_ballot (VyreBuilder *b, VyreValue condition)
{
  g_return_val_if_fail (b != NULL, (VyreValue){ 0 });

  return make_plain (
      b, VYRE_EXPR_SUBGROUP_BALLOT, 0, "SubgroupBallot", &condition, 1);
}
