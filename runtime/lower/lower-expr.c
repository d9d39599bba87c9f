/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Expressions (vir0-semantics.md sections 11 to 16): operands from left to
 * right, every one of them, and an operation chosen by the tag they share. */
#include "lower-priv.h"

static gboolean
no_such_operation (VyreLowering *lw, const VyreExpr *expr, const char *op,
    const VyreValue *value, const char *instead)
{
  return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "X03", expr->at,
      "%s does not exist for %s; %s", op, vyre_tag_name (value), instead);
}

/* --- binary --------------------------------------------------------------- */

typedef struct
{
  guint8 u32, i32, flt; /* opcodes; 0: the operation does not exist */
} BinaryOps;

static const BinaryOps binary_ops[] = {
  [VYRE_BIN_ADD] = { VYRE_I_ADD, VYRE_I_ADD, VYRE_I_FADD },
  [VYRE_BIN_SUB] = { VYRE_I_SUB, VYRE_I_SUB, VYRE_I_FSUB },
  [VYRE_BIN_MUL] = { VYRE_I_MUL, VYRE_I_MUL, VYRE_I_FMUL },
  [VYRE_BIN_DIV] = { VYRE_I_DIVU, VYRE_I_DIVS, VYRE_I_FDIV },
  [VYRE_BIN_MOD] = { VYRE_I_MODU, VYRE_I_MODS, 0 },
  [VYRE_BIN_AND_BITS] = { VYRE_I_AND, VYRE_I_AND, 0 },
  [VYRE_BIN_OR_BITS] = { VYRE_I_OR, VYRE_I_OR, 0 },
  [VYRE_BIN_XOR_BITS] = { VYRE_I_XOR, VYRE_I_XOR, 0 },
  [VYRE_BIN_SHL] = { VYRE_I_SHL, VYRE_I_SHL, 0 },
  [VYRE_BIN_SHR] = { VYRE_I_SHR, VYRE_I_SAR, 0 },
  [VYRE_BIN_EQ] = { VYRE_I_EQ, VYRE_I_EQ, VYRE_I_FEQ },
  [VYRE_BIN_NE] = { VYRE_I_NE, VYRE_I_NE, VYRE_I_FNE },
  [VYRE_BIN_LT] = { VYRE_I_LTU, VYRE_I_LTS, VYRE_I_FLT },
  [VYRE_BIN_GT] = { VYRE_I_GTU, VYRE_I_GTS, VYRE_I_FGT },
  [VYRE_BIN_LE] = { VYRE_I_LEU, VYRE_I_LES, VYRE_I_FLE },
  [VYRE_BIN_GE] = { VYRE_I_GEU, VYRE_I_GES, VYRE_I_FGE },
  [VYRE_BIN_AND] = { VYRE_I_LAND, VYRE_I_LAND, 0 },
  [VYRE_BIN_OR] = { VYRE_I_LOR, VYRE_I_LOR, 0 },
  [VYRE_BIN_ABS_DIFF] = { VYRE_I_ABSDIFFU, VYRE_I_ABSDIFFS, 0 },
  [VYRE_BIN_MIN] = { VYRE_I_MINU, VYRE_I_MINS, VYRE_I_FMIN },
  [VYRE_BIN_MAX] = { VYRE_I_MAXU, VYRE_I_MAXS, VYRE_I_FMAX },
  [VYRE_BIN_SATURATING_ADD] = { VYRE_I_ADDSATU, 0, 0 },
  [VYRE_BIN_SATURATING_SUB] = { VYRE_I_SUBSATU, 0, 0 },
  [VYRE_BIN_SATURATING_MUL] = { VYRE_I_MULSATU, 0, 0 },
  [VYRE_BIN_ROTATE_LEFT] = { VYRE_I_ROTL, 0, 0 },
  [VYRE_BIN_ROTATE_RIGHT] = { VYRE_I_ROTR, 0, 0 },
  [VYRE_BIN_WRAPPING_ADD] = { VYRE_I_ADD, VYRE_I_ADD, 0 },
  [VYRE_BIN_WRAPPING_SUB] = { VYRE_I_SUB, VYRE_I_SUB, 0 },
  [VYRE_BIN_MUL_HIGH] = { VYRE_I_MULHIU, 0, 0 },
};

static gboolean
is_comparison (guint op)
{
  return op == VYRE_BIN_EQ || op == VYRE_BIN_NE || op == VYRE_BIN_LT ||
         op == VYRE_BIN_GT || op == VYRE_BIN_LE || op == VYRE_BIN_GE;
}

/* strict: a < b; else a <= b. */
static VyreOperand
u64_less (
    VyreLowering *lw, const VyreValue *a, const VyreValue *b, gboolean strict)
{
  VyreOperand high = vyre_emit_op2 (lw, VYRE_I_LTU, a->w[1], b->w[1]);
  VyreOperand same = vyre_emit_op2 (lw, VYRE_I_EQ, a->w[1], b->w[1]);
  VyreOperand low =
      vyre_emit_op2 (lw, strict ? VYRE_I_LTU : VYRE_I_LEU, a->w[0], b->w[0]);

  return vyre_emit_op2 (
      lw, VYRE_I_OR, high, vyre_emit_op2 (lw, VYRE_I_AND, same, low));
}

/* Operations on u64 that need no more than a few words: those that valid
 * programs reach (section 25.5) and the neighbouring easy ones. */
static gboolean
binary_u64 (VyreLowering *lw, const VyreExpr *expr, const VyreValue *l,
    const VyreValue *r, VyreValue *value)
{
  VyreOperand t, u;

  switch (expr->op) {
    case VYRE_BIN_LT:
      t = u64_less (lw, l, r, TRUE);
      break;
    case VYRE_BIN_GT:
      t = u64_less (lw, r, l, TRUE);
      break;
    case VYRE_BIN_LE:
      t = u64_less (lw, l, r, FALSE);
      break;
    case VYRE_BIN_GE:
      t = u64_less (lw, r, l, FALSE);
      break;
    case VYRE_BIN_EQ:
    case VYRE_BIN_NE:
      t = vyre_emit_op2 (lw, VYRE_I_XOR, l->w[0], r->w[0]);
      u = vyre_emit_op2 (lw, VYRE_I_XOR, l->w[1], r->w[1]);
      t = vyre_emit_op2 (lw, VYRE_I_OR, t, u);
      t = vyre_emit_op2 (lw, expr->op == VYRE_BIN_EQ ? VYRE_I_EQ : VYRE_I_NE, t,
          VYRE_CONST (0));
      break;
    case VYRE_BIN_AND:
    case VYRE_BIN_OR:
      t = vyre_emit_op2 (lw,
          expr->op == VYRE_BIN_AND ? VYRE_I_LAND : VYRE_I_LOR,
          vyre_lowering_truth (lw, l), vyre_lowering_truth (lw, r));
      break;
    case VYRE_BIN_AND_BITS:
    case VYRE_BIN_OR_BITS:
    case VYRE_BIN_XOR_BITS:
      *value = *l;
      for (guint i = 0; i < 2; i++)
        value->w[i] =
            vyre_emit_op2 (lw, binary_ops[expr->op].u32, l->w[i], r->w[i]);
      return TRUE;
    case VYRE_BIN_ADD:
    case VYRE_BIN_WRAPPING_ADD:
      *value = *l;
      value->w[0] = vyre_emit_op2 (lw, VYRE_I_ADD, l->w[0], r->w[0]);
      t = vyre_emit_op2 (lw, VYRE_I_LTU, value->w[0], l->w[0]);
      u = vyre_emit_op2 (lw, VYRE_I_ADD, l->w[1], r->w[1]);
      value->w[1] = vyre_emit_op2 (lw, VYRE_I_ADD, u, t);
      return TRUE;
    case VYRE_BIN_SUB:
    case VYRE_BIN_WRAPPING_SUB:
      *value = *l;
      value->w[0] = vyre_emit_op2 (lw, VYRE_I_SUB, l->w[0], r->w[0]);
      t = vyre_emit_op2 (lw, VYRE_I_LTU, l->w[0], r->w[0]);
      u = vyre_emit_op2 (lw, VYRE_I_SUB, l->w[1], r->w[1]);
      value->w[1] = vyre_emit_op2 (lw, VYRE_I_SUB, u, t);
      return TRUE;
    default:
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X03",
          expr->at,
          "%s of two u64 values is not executed here; Cast them to "
          "U32 first",
          vyre_bin_op_name (expr->op));
  }
  *value = vyre_value1 (VYRE_TAG_BOOL, t);
  return TRUE;
}

gboolean
vyre_lowering_binary (VyreLowering *lw, const VyreExpr *expr,
    const VyreValue *l, const VyreValue *r, VyreValue *value)
{
  const char *name = vyre_bin_op_name (expr->op);
  guint op = 0;
  VyreTag tag = l->tag;

  if (expr->op >= G_N_ELEMENTS (binary_ops) || binary_ops[expr->op].u32 == 0) {
    if (expr->op == VYRE_BIN_OPAQUE)
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X08",
          expr->at,
          "the extension operator 0x%08x: no executor implements "
          "it; use built-in operators",
          expr->ext_id);
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "E13",
        expr->at,
        "the operator %s is not executed; exchange values through "
        "a Workgroup buffer and a Barrier",
        name);
  }
  if (!vyre_value_same_tag (l, r))
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "X07", expr->at,
        "%s of %s and %s: both operands must have one type; insert a Cast",
        name, vyre_tag_name (l), vyre_tag_name (r));

  switch (tag) {
    case VYRE_TAG_U32:
      op = binary_ops[expr->op].u32;
      break;
    case VYRE_TAG_I32:
      op = binary_ops[expr->op].i32;
      if (expr->op == VYRE_BIN_ABS_DIFF)
        tag = VYRE_TAG_U32;
      break;
    case VYRE_TAG_F32:
      op = binary_ops[expr->op].flt;
      break;
    case VYRE_TAG_BOOL:
      if (expr->op == VYRE_BIN_EQ || expr->op == VYRE_BIN_NE ||
          expr->op == VYRE_BIN_AND || expr->op == VYRE_BIN_OR)
        op = binary_ops[expr->op].u32;
      break;
    case VYRE_TAG_U64:
      return binary_u64 (lw, expr, l, r, value);
    case VYRE_TAG_F64:
    case VYRE_TAG_BLOB:
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "X07", expr->at,
          "%s of %s: such values can only be stored or Cast; Cast "
          "both operands to U32 first",
          name, vyre_tag_name (l));
  }
  if (op == 0)
    return no_such_operation (lw, expr, name, l,
        "Cast both operands to a type "
        "that has it");
  if (is_comparison (expr->op) || expr->op == VYRE_BIN_AND ||
      expr->op == VYRE_BIN_OR)
    tag = VYRE_TAG_BOOL;
  *value = vyre_value1 (tag, vyre_emit_op2 (lw, op, l->w[0], r->w[0]));
  return TRUE;
}

/* --- unary ---------------------------------------------------------------- */

static const guint8 float_unary[] = {
  [VYRE_UN_NEGATE] = VYRE_I_FNEG,
  [VYRE_UN_COS] = VYRE_I_FCOS,
  [VYRE_UN_SIN] = VYRE_I_FSIN,
  [VYRE_UN_ABS] = VYRE_I_FABS,
  [VYRE_UN_SQRT] = VYRE_I_FSQRT,
  [VYRE_UN_FLOOR] = VYRE_I_FFLOOR,
  [VYRE_UN_CEIL] = VYRE_I_FCEIL,
  [VYRE_UN_ROUND] = VYRE_I_FROUND,
  [VYRE_UN_TRUNC] = VYRE_I_FTRUNC,
  [VYRE_UN_SIGN] = VYRE_I_FSIGN,
  [VYRE_UN_IS_NAN] = VYRE_I_FISNAN,
  [VYRE_UN_IS_INF] = VYRE_I_FISINF,
  [VYRE_UN_IS_FINITE] = VYRE_I_FISFINITE,
  [VYRE_UN_EXP] = VYRE_I_FEXP,
  [VYRE_UN_LOG] = VYRE_I_FLOG,
  [VYRE_UN_LOG2] = VYRE_I_FLOG2,
  [VYRE_UN_EXP2] = VYRE_I_FEXP2,
  [VYRE_UN_TAN] = VYRE_I_FTAN,
  [VYRE_UN_ACOS] = VYRE_I_FACOS,
  [VYRE_UN_ASIN] = VYRE_I_FASIN,
  [VYRE_UN_ATAN] = VYRE_I_FATAN,
  [VYRE_UN_TANH] = VYRE_I_FTANH,
  [VYRE_UN_SINH] = VYRE_I_FSINH,
  [VYRE_UN_COSH] = VYRE_I_FCOSH,
  [VYRE_UN_INVERSE_SQRT] = VYRE_I_FRSQRT,
  [VYRE_UN_RECIPROCAL] = VYRE_I_FRCP,
};

/* One word of u32 or i32; VYRE_I_END where there is none. */
static guint
integer_unary (guint op)
{
  switch (op) {
    case VYRE_UN_BIT_NOT:
      return VYRE_I_NOT;
    case VYRE_UN_POPCOUNT:
      return VYRE_I_POPCOUNT;
    case VYRE_UN_CLZ:
      return VYRE_I_CLZ;
    case VYRE_UN_CTZ:
      return VYRE_I_CTZ;
    case VYRE_UN_REVERSE_BITS:
      return VYRE_I_REVERSE;
    default:
      return VYRE_I_END;
  }
}

static gboolean
unary_u64 (VyreLowering *lw, const VyreExpr *expr, const VyreValue *x,
    VyreValue *value)
{
  VyreOperand first = x->w[0], second = x->w[1], t;

  *value = *x;
  switch (expr->op) {
    case VYRE_UN_NEGATE:
      t = vyre_emit_op2 (lw, VYRE_I_NE, first, VYRE_CONST (0));
      value->w[0] = vyre_emit_op2 (lw, VYRE_I_SUB, VYRE_CONST (0), first);
      value->w[1] = vyre_emit_op2 (lw, VYRE_I_SUB,
          vyre_emit_op2 (lw, VYRE_I_SUB, VYRE_CONST (0), second), t);
      return TRUE;
    case VYRE_UN_BIT_NOT:
      value->w[0] = vyre_emit_op1 (lw, VYRE_I_NOT, first);
      value->w[1] = vyre_emit_op1 (lw, VYRE_I_NOT, second);
      return TRUE;
    case VYRE_UN_REVERSE_BITS:
      value->w[0] = vyre_emit_op1 (lw, VYRE_I_REVERSE, second);
      value->w[1] = vyre_emit_op1 (lw, VYRE_I_REVERSE, first);
      return TRUE;
    case VYRE_UN_POPCOUNT:
      value->w[0] = vyre_emit_op2 (lw, VYRE_I_ADD,
          vyre_emit_op1 (lw, VYRE_I_POPCOUNT, first),
          vyre_emit_op1 (lw, VYRE_I_POPCOUNT, second));
      value->w[1] = VYRE_CONST (0);
      return TRUE;
    case VYRE_UN_CLZ:
      first = x->w[1];
      second = x->w[0];
      G_GNUC_FALLTHROUGH;
    case VYRE_UN_CTZ:
      /* 32 plus those of the other word if the first one is zero. */
      t = vyre_emit_op2 (lw, VYRE_I_ADD,
          vyre_emit_op1 (lw, integer_unary (expr->op), second),
          VYRE_CONST (32));
      value->w[0] = vyre_emit_op3 (lw, VYRE_I_SELECT, first,
          vyre_emit_op1 (lw, integer_unary (expr->op), first), t);
      value->w[1] = VYRE_CONST (0);
      return TRUE;
    default:
      return no_such_operation (
          lw, expr, vyre_un_op_name (expr->op), x, "Cast it to U32 first");
  }
}

gboolean
vyre_lowering_unary (VyreLowering *lw, const VyreExpr *expr, const VyreValue *x,
    VyreValue *value)
{
  const char *name = vyre_un_op_name (expr->op);
  guint op = 0;

  if (expr->op == VYRE_UN_OPAQUE)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X08",
        expr->at,
        "the extension operator 0x%08x: no executor implements it; "
        "use built-in operators",
        expr->ext_id);
  if (expr->op >= VYRE_UN_UNPACK4_LOW && expr->op <= VYRE_UN_UNPACK8_HIGH)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X10",
        expr->at,
        "%s has no meaning at run time; shift with Shr and mask "
        "with BitAnd",
        name);

  if (expr->op == VYRE_UN_LOGICAL_NOT &&
      (x->tag == VYRE_TAG_BOOL || x->tag == VYRE_TAG_U32 ||
          x->tag == VYRE_TAG_I32 || x->tag == VYRE_TAG_U64)) {
    *value = vyre_value1 (
        VYRE_TAG_BOOL, vyre_emit_op2 (lw, VYRE_I_EQ,
                           vyre_lowering_truth (lw, x), VYRE_CONST (0)));
    return TRUE;
  }
  switch (x->tag) {
    case VYRE_TAG_U32:
    case VYRE_TAG_I32:
      if (expr->op == VYRE_UN_NEGATE) {
        *value = vyre_value1 (
            x->tag, vyre_emit_op2 (lw, VYRE_I_SUB, VYRE_CONST (0), x->w[0]));
        return TRUE;
      }
      op = integer_unary (expr->op);
      break;
    case VYRE_TAG_U64:
      return unary_u64 (lw, expr, x, value);
    case VYRE_TAG_F32:
      if (expr->op < G_N_ELEMENTS (float_unary))
        op = float_unary[expr->op];
      break;
    case VYRE_TAG_BOOL:
      break;
    case VYRE_TAG_F64:
    case VYRE_TAG_BLOB:
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "X07", expr->at,
          "%s of %s: such values can only be stored or Cast; Cast "
          "it to U32 first",
          name, vyre_tag_name (x));
  }
  if (op == 0)
    return no_such_operation (lw, expr, name, x,
        expr->op == VYRE_UN_ABS ? "use Select between x and 0 - x"
                                : "Cast the operand first");
  *value = vyre_value1 (
      vyre_op_info (op)->flags & VYRE_F_BOOL ? VYRE_TAG_BOOL : x->tag,
      vyre_emit_op1 (lw, op, x->w[0]));
  return TRUE;
}

/* --- the others ----------------------------------------------------------- */

static gboolean
lower_atomic (VyreLowering *lw, const VyreExpr *expr, VyreValue *value)
{
  static const guint8 operations[] = {
    [VYRE_ATOMIC_ADD] = VYRE_IA_ADD + 1,
    [VYRE_ATOMIC_OR] = VYRE_IA_OR + 1,
    [VYRE_ATOMIC_AND] = VYRE_IA_AND + 1,
    [VYRE_ATOMIC_XOR] = VYRE_IA_XOR + 1,
    [VYRE_ATOMIC_MIN] = VYRE_IA_MIN + 1,
    [VYRE_ATOMIC_MAX] = VYRE_IA_MAX + 1,
    [VYRE_ATOMIC_EXCHANGE] = VYRE_IA_EXCHANGE + 1,
    [VYRE_ATOMIC_COMPARE_EXCHANGE] = VYRE_IA_COMPARE_EXCHANGE + 1,
    [VYRE_ATOMIC_LRU_UPDATE] = VYRE_IA_MAX + 1,
  };
  const char *name = vyre_atomic_op_name (expr->op);
  g_autofree char *user = g_strdup_printf ("Atomic %s", name);
  g_autofree char *buffer_name = vyre_string_display (expr->name);
  gboolean compares = expr->op == VYRE_ATOMIC_COMPARE_EXCHANGE;
  const VyreBuffer *decl;
  VyreOperand words[3];
  VyreInst inst = { .op = VYRE_I_ATOMIC, .b = VYRE_NONE, .c = VYRE_NONE };
  int buffer;

  if (expr->op >= G_N_ELEMENTS (operations) || operations[expr->op] == 0)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED,
        expr->op == VYRE_ATOMIC_OPAQUE ? "X08" : "X09", expr->at,
        "%s on buffer `%s`: no executor implements this operator; use "
        "CompareExchange",
        user, buffer_name);
  if (expr->ordering == VYRE_ORDER_GRID_SYNC)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "V042", expr->at,
        "%s on buffer `%s` with ordering GridSync; use SeqCst", user,
        buffer_name);
  if (expr->has_expected != compares || expr->n_args != (compares ? 3 : 2))
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "E20", expr->at,
        "%s on buffer `%s` must %s an expected value", user, buffer_name,
        compares ? "have" : "not have");
  buffer = vyre_lowering_buffer (lw, expr->name, expr->at, user);
  if (buffer < 0)
    return FALSE;
  decl = &lw->program->buffers[buffer];
  if (decl->access != VYRE_ACCESS_READ_WRITE)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID,
        decl->access == VYRE_ACCESS_WORKGROUP ? "V025" : "V009", expr->at,
        "%s on buffer `%s` whose access is %s; declare it ReadWrite", user,
        buffer_name, vyre_access_name (decl->access));
  if (decl->element->kind != VYRE_TYPE_U32)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "V014", expr->at,
        "%s on buffer `%s` whose elements are %s; declare them U32", user,
        buffer_name, vyre_type_kind_name (decl->element->kind));

  for (guint i = 0; i < expr->n_args; i++) {
    VyreValue operand;

    if (!vyre_lowering_expr (lw, expr->args[i], &operand) ||
        !vyre_lowering_index (lw, &operand, expr->args[i]->at, &words[i]))
      return FALSE;
  }
  inst.a = vyre_emit_reg (lw, words[0]);
  inst.b = vyre_emit_reg (lw, words[expr->n_args - 1]);
  if (compares)
    inst.c = vyre_emit_reg (lw, words[1]);
  inst.x = (guint32) (operations[expr->op] - 1);
  inst.buffer = (guint32) buffer;
  inst.dst = vyre_emit_vreg (lw, FALSE);
  vyre_emit (lw, inst);
  lw->memory[buffer] = ++lw->next_version;
  vyre_lowering_touched (lw, (guint32) buffer);
  *value = vyre_value1 (VYRE_TAG_U32, VYRE_REG (inst.dst));
  return TRUE;
}

static gboolean
lower_select (VyreLowering *lw, const VyreExpr *expr, const VyreValue *args,
    VyreValue *value)
{
  VyreOperand condition = vyre_lowering_truth (lw, &args[0]);

  if (!vyre_value_same_tag (&args[1], &args[2]))
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "X07", expr->at,
        "Select between %s and %s: both arms must have one type; insert a "
        "Cast",
        vyre_tag_name (&args[1]), vyre_tag_name (&args[2]));
  *value = args[1];
  for (guint i = 0; i < value->n_words; i++)
    value->w[i] = vyre_emit_op3 (
        lw, VYRE_I_SELECT, condition, args[1].w[i], args[2].w[i]);
  return TRUE;
}

static gboolean
lower_fma (VyreLowering *lw, const VyreExpr *expr, const VyreValue *args,
    VyreValue *value)
{
  VyreOperand w[3];

  for (guint i = 0; i < 3; i++) {
    w[i] = args[i].w[0];
    /* A u32 is taken as the bits of an f32 (section 8.4). */
    if (args[i].tag == VYRE_TAG_U32)
      w[i] = vyre_emit_op1 (lw, VYRE_I_FCANON, w[i]);
    else if (args[i].tag != VYRE_TAG_F32)
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "V028", expr->at,
          "operand %u of Fma is %s; Cast it to F32", i,
          vyre_tag_name (&args[i]));
  }
  *value = vyre_value1 (
      VYRE_TAG_F32, vyre_emit_op3 (lw, VYRE_I_FMA, w[0], w[1], w[2]));
  return TRUE;
}

static gboolean
lower_var (VyreLowering *lw, const VyreExpr *expr, VyreValue *value)
{
  const VyreVariable *variable = vyre_lowering_variable (lw, expr->name);
  g_autofree char *name = NULL;

  if (variable != NULL) {
    *value = variable->value;
    for (guint i = 0; variable->assignable && i < value->n_words; i++)
      value->w[i] = vyre_known (lw, value->w[i]);
    return TRUE;
  }
  name = vyre_string_display (expr->name);
  return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "E1", expr->at,
      "variable `%s` is not declared here; put a Let before it in the same or "
      "an enclosing list",
      name);
}

static gboolean
lower_id (
    VyreLowering *lw, const VyreExpr *expr, guint32 special, VyreValue *value)
{
  if (expr->axis > 2)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "E2", expr->at,
        "%s of axis %u; axes are 0, 1 and 2", vyre_expr_kind_name (expr->kind),
        expr->axis);
  /* One lane per axis, or none at all: the local id is 0. */
  if (special == VYRE_SPECIAL_LOCAL_ID &&
      lw->program->workgroup_size[expr->axis] == 1)
    *value = vyre_value1 (VYRE_TAG_U32, VYRE_CONST (0));
  else
    *value = vyre_value1 (VYRE_TAG_U32,
        vyre_emit_op0 (lw, VYRE_I_SPECIAL, special + expr->axis, VYRE_NONE));
  if (special == VYRE_SPECIAL_LOCAL_ID)
    vyre_simplify_bounded (
        lw, value->w[0], lw->program->workgroup_size[expr->axis] - 1);
  return TRUE;
}

static gboolean
lower_other (VyreLowering *lw, const VyreExpr *expr, VyreValue *value)
{
  g_autofree char *name = vyre_string_display (expr->name);

  switch (expr->kind) {
    case VYRE_EXPR_CALL:
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X08",
          expr->at,
          "Call of `%s`: no executor implements it; write out what "
          "the operation does",
          name);
    case VYRE_EXPR_OPAQUE:
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X08",
          expr->at,
          "extension expression `%s`: no executor implements it; "
          "use built-in expressions",
          name);
    default:
      return vyre_lowering_subgroup (lw, expr, value);
  }
}

static gboolean
lower_expr (VyreLowering *lw, const VyreExpr *expr, VyreValue *value)
{
  VyreValue args[3];
  VyreOperand index;
  int buffer;

  switch (expr->kind) {
    case VYRE_EXPR_LIT_U32:
      *value = vyre_value1 (VYRE_TAG_U32, VYRE_CONST (expr->bits));
      return TRUE;
    case VYRE_EXPR_LIT_I32:
      *value = vyre_value1 (VYRE_TAG_I32, VYRE_CONST (expr->bits));
      return TRUE;
    case VYRE_EXPR_LIT_BOOL:
      *value = vyre_value1 (VYRE_TAG_BOOL, VYRE_CONST (expr->bits != 0));
      return TRUE;
    case VYRE_EXPR_LIT_F32:
      *value = vyre_value1 (VYRE_TAG_F32,
          vyre_emit_op1 (lw, VYRE_I_FCANON, VYRE_CONST (expr->bits)));
      return TRUE;
    case VYRE_EXPR_VAR:
      return lower_var (lw, expr, value);
    case VYRE_EXPR_BUF_LEN:
      buffer = vyre_lowering_buffer (lw, expr->name, expr->at, "BufLen");
      if (buffer < 0)
        return FALSE;
      *value = vyre_value1 (
          VYRE_TAG_U32, vyre_emit_op0 (lw, VYRE_I_BUFLEN, 0, (guint32) buffer));
      return TRUE;
    case VYRE_EXPR_INVOCATION_ID:
      return lower_id (lw, expr, VYRE_SPECIAL_INVOCATION_ID, value);
    case VYRE_EXPR_WORKGROUP_ID:
      return lower_id (lw, expr, VYRE_SPECIAL_WORKGROUP_ID, value);
    case VYRE_EXPR_LOCAL_ID:
      return lower_id (lw, expr, VYRE_SPECIAL_LOCAL_ID, value);
    case VYRE_EXPR_ATOMIC:
      return lower_atomic (lw, expr, value);
    case VYRE_EXPR_LOAD:
    case VYRE_EXPR_BIN_OP:
    case VYRE_EXPR_UN_OP:
    case VYRE_EXPR_CAST:
    case VYRE_EXPR_SELECT:
    case VYRE_EXPR_FMA:
      break;
    default:
      return lower_other (lw, expr, value);
  }

  if (expr->n_args > 3 ||
      expr->n_args <
          (expr->kind == VYRE_EXPR_SELECT || expr->kind == VYRE_EXPR_FMA ? 3
              : expr->kind == VYRE_EXPR_BIN_OP                           ? 2
                                                                         : 1))
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "R07", expr->at,
        "%s with %u operands", vyre_expr_kind_name (expr->kind), expr->n_args);
  for (guint i = 0; i < expr->n_args; i++)
    if (!vyre_lowering_expr (lw, expr->args[i], &args[i]))
      return FALSE;

  switch (expr->kind) {
    case VYRE_EXPR_LOAD:
      buffer = vyre_lowering_buffer (lw, expr->name, expr->at, "Load");
      return buffer >= 0 &&
             vyre_lowering_index (lw, &args[0], expr->at, &index) &&
             vyre_lowering_load (lw, (guint32) buffer, index, expr->at, value);
    case VYRE_EXPR_BIN_OP:
      return vyre_lowering_binary (lw, expr, &args[0], &args[1], value);
    case VYRE_EXPR_UN_OP:
      return vyre_lowering_unary (lw, expr, &args[0], value);
    case VYRE_EXPR_CAST:
      return vyre_lowering_cast (lw, expr->type, &args[0], expr->at, value);
    case VYRE_EXPR_SELECT:
      return lower_select (lw, expr, args, value);
    default:
      return lower_fma (lw, expr, args, value);
  }
}

gboolean
vyre_lowering_expr (VyreLowering *lw, const VyreExpr *expr, VyreValue *value)
{
  /* The scan has bounded the depth of every expression. */
  if (lower_expr (lw, expr, value))
    return TRUE;
  g_assert (lw->error != NULL);
  return FALSE;
}
