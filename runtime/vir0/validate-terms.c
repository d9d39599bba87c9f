/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is known of expressions before the rules look at them: static types
 * (vir0-semantics.md section 22.3), whether they are uniform, what they touch.
 */
#include "validate-private.h"

void
vyre_validator_use (VyreValidator *v, VyreName *name, guint uses)
{
  VyreUse use = { name, 0 };

  if (name->uses == 0)
    g_array_append_val (v->uses, use);
  name->uses |= (guint8) uses;
}

guint
vyre_term_operand (VyreValidator *v, guint index, guint operand)
{
  const VyreTerm *term = vyre_term (v, index);
  guint child = index + 1;

  if (operand >= term->expr->n_args)
    return VYRE_NO_TERM;
  for (; operand > 0; operand--)
    child += vyre_term (v, child)->size;
  return child;
}

const VyreType *
vyre_term_operand_type (VyreValidator *v, guint index, guint operand)
{
  guint child = vyre_term_operand (v, index, operand);

  return child == VYRE_NO_TERM ? NULL : vyre_term (v, child)->type;
}

gboolean
vyre_op_is_comparison (guint op)
{
  return op == VYRE_BIN_EQ || op == VYRE_BIN_NE || op == VYRE_BIN_LT ||
         op == VYRE_BIN_GT || op == VYRE_BIN_LE || op == VYRE_BIN_GE;
}

gboolean
vyre_op_is_saturating (guint op)
{
  return op == VYRE_BIN_SATURATING_ADD || op == VYRE_BIN_SATURATING_SUB ||
         op == VYRE_BIN_SATURATING_MUL;
}

gboolean
vyre_op_is_arithmetic (guint op)
{
  return op == VYRE_BIN_ADD || op == VYRE_BIN_SUB || op == VYRE_BIN_MUL ||
         op == VYRE_BIN_DIV || op == VYRE_BIN_MIN || op == VYRE_BIN_MAX ||
         vyre_op_is_saturating (op);
}

static const VyreType *
binary_type (VyreValidator *v, guint index)
{
  const VyreType *left = vyre_term_operand_type (v, index, 0);
  const VyreType *right = vyre_term_operand_type (v, index, 1);
  guint op = vyre_term (v, index)->expr->op;

  if (vyre_op_is_comparison (op) || op == VYRE_BIN_AND || op == VYRE_BIN_OR)
    return vyre_plain_type (VYRE_TYPE_BOOL);
  if (vyre_op_is_arithmetic (op) && left != NULL && left == right)
    return left;
  return vyre_plain_type (VYRE_TYPE_U32);
}

static const VyreType *
unary_type (VyreValidator *v, guint index)
{
  guint op = vyre_term (v, index)->expr->op;

  switch (op) {
    case VYRE_UN_NEGATE:
    case VYRE_UN_BIT_NOT:
    case VYRE_UN_POPCOUNT:
    case VYRE_UN_CLZ:
    case VYRE_UN_CTZ:
    case VYRE_UN_REVERSE_BITS:
      return vyre_term_operand_type (v, index, 0);
    case VYRE_UN_LOGICAL_NOT:
    case VYRE_UN_IS_NAN:
    case VYRE_UN_IS_INF:
    case VYRE_UN_IS_FINITE:
      return vyre_plain_type (VYRE_TYPE_BOOL);
    case VYRE_UN_UNPACK4_LOW:
    case VYRE_UN_UNPACK4_HIGH:
    case VYRE_UN_UNPACK8_LOW:
    case VYRE_UN_UNPACK8_HIGH:
    case VYRE_UN_OPAQUE:
      return NULL;
    default:
      return vyre_plain_type (VYRE_TYPE_F32);
  }
}

static const VyreType *
opaque_type (VyreString kind)
{
  if (vyre_string_is (kind, "vyre.literal.u64"))
    return vyre_plain_type (VYRE_TYPE_U64);
  if (vyre_string_is (kind, "vyre.literal.i64"))
    return vyre_plain_type (VYRE_TYPE_I64);
  if (vyre_string_is (kind, "vyre.literal.f64"))
    return vyre_plain_type (VYRE_TYPE_F64);
  return NULL;
}

static const VyreType *
static_type (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);
  const VyreType *type;

  switch (term->expr->kind) {
    case VYRE_EXPR_LIT_I32:
      return vyre_plain_type (VYRE_TYPE_I32);
    case VYRE_EXPR_LIT_F32:
      return vyre_plain_type (VYRE_TYPE_F32);
    case VYRE_EXPR_LIT_BOOL:
      return vyre_plain_type (VYRE_TYPE_BOOL);
    case VYRE_EXPR_VAR:
      return term->name->binding != NULL ? term->name->binding->type : NULL;
    case VYRE_EXPR_LOAD:
      if (term->name->buffer < 0)
        return NULL;
      return vyre_validator_type (
          v, v->program->buffers[term->name->buffer].element);
    case VYRE_EXPR_BIN_OP:
      return binary_type (v, index);
    case VYRE_EXPR_UN_OP:
      return unary_type (v, index);
    case VYRE_EXPR_CALL:
      return NULL;
    case VYRE_EXPR_SELECT:
      type = vyre_term_operand_type (v, index, 1);
      return type == vyre_term_operand_type (v, index, 2) ? type : NULL;
    case VYRE_EXPR_CAST:
      return vyre_validator_type (v, term->expr->type);
    case VYRE_EXPR_FMA:
      type = vyre_plain_type (VYRE_TYPE_F32);
      for (guint i = 0; i < 3; i++)
        if (vyre_term_operand_type (v, index, i) != type)
          return NULL;
      return type;
    case VYRE_EXPR_SUBGROUP_ADD:
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
      return vyre_term_operand_type (v, index, 0);
    case VYRE_EXPR_OPAQUE:
      return opaque_type (term->expr->name);
    case VYRE_EXPR_LIT_U32:
    case VYRE_EXPR_BUF_LEN:
    case VYRE_EXPR_INVOCATION_ID:
    case VYRE_EXPR_WORKGROUP_ID:
    case VYRE_EXPR_LOCAL_ID:
    case VYRE_EXPR_ATOMIC:
    case VYRE_EXPR_SUBGROUP_BALLOT:
    case VYRE_EXPR_SUBGROUP_LOCAL_ID:
    case VYRE_EXPR_SUBGROUP_SIZE:
      break;
  }
  return vyre_plain_type (VYRE_TYPE_U32);
}

static gboolean
is_uniform (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);

  switch (term->expr->kind) {
    case VYRE_EXPR_LIT_U32:
    case VYRE_EXPR_LIT_I32:
    case VYRE_EXPR_LIT_F32:
    case VYRE_EXPR_LIT_BOOL:
    case VYRE_EXPR_BUF_LEN:
    case VYRE_EXPR_WORKGROUP_ID:
      return TRUE;
    case VYRE_EXPR_VAR:
      return term->name->binding != NULL && term->name->binding->uniform;
    case VYRE_EXPR_BIN_OP:
    case VYRE_EXPR_UN_OP:
    case VYRE_EXPR_CAST:
    case VYRE_EXPR_SELECT:
    case VYRE_EXPR_FMA:
      for (guint i = 0, child = index + 1; i < term->expr->n_args; i++) {
        if (!vyre_term (v, child)->uniform)
          return FALSE;
        child += vyre_term (v, child)->size;
      }
      return TRUE;
    default:
      return FALSE;
  }
}

static void
open_term (VyreValidator *v, const VyreExpr *expr)
{
  VyreTerm term = { .expr = expr };

  switch (expr->kind) {
    case VYRE_EXPR_LOAD:
    case VYRE_EXPR_BUF_LEN:
      term.name = vyre_validator_name (v, expr->name);
      vyre_validator_use (v, term.name, VYRE_USE_PLAIN);
      break;
    case VYRE_EXPR_ATOMIC:
      term.name = vyre_validator_name (v, expr->name);
      vyre_validator_use (v, term.name, VYRE_USE_ATOMIC);
      break;
    case VYRE_EXPR_VAR:
      term.name = vyre_validator_name (v, expr->name);
      break;
    default:
      break;
  }
  g_array_append_val (v->terms, term);
}

typedef struct
{
  guint index, next;
} Open;

guint
vyre_validator_analyse (VyreValidator *v, const VyreExpr *expr)
{
  g_autoptr (GArray) stack = NULL;
  guint root = v->terms->len;
  Open open = { root, 0 };

  open_term (v, expr);
  if (expr->n_args > 0)
    stack = g_array_new (FALSE, FALSE, sizeof (Open));

  /* One step down per operand; a term is filled in on the way up. */
  for (;;) {
    VyreTerm *term = vyre_term (v, open.index);

    if (open.next < term->expr->n_args) {
      const VyreExpr *operand = term->expr->args[open.next++];

      g_array_append_val (stack, open);
      open = (Open){ v->terms->len, 0 };
      open_term (v, operand);
      continue;
    }
    term->size = v->terms->len - open.index;
    term->type = static_type (v, open.index);
    term->uniform = is_uniform (v, open.index);
    if (v->options.engine_checks)
      term->tag = vyre_engine_tag (v, open.index);
    if (open.index == root)
      return root;
    open = g_array_index (stack, Open, stack->len - 1);
    g_array_set_size (stack, stack->len - 1);
  }
}
