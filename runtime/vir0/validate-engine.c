/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What a program must keep to besides section 22, so that a compiled executor
 * can give it its meaning: run-time tags (vir0-semantics.md section 24) and
 * the X rules of section 23. */
#include "validate-private.h"

/* --- tags ------------------------------------------------------------------- */

#define TAG(kind_) ((VyreRunTag){ (kind_), 0 })
#define RAW(length_) ((VyreRunTag){ VYRE_TAG_RAW, (length_) })
#define NO_TAG TAG (VYRE_TAG_NONE)

static gboolean
same_tag (VyreRunTag a, VyreRunTag b)
{
  return a.kind == b.kind && a.length == b.length;
}

const char *
vyre_run_tag_name (VyreRunTag tag)
{
  static const char *const names[] = {
    [VYRE_TAG_NONE] = "nothing",
    [VYRE_TAG_WORD] = "u32",
    [VYRE_TAG_INT] = "i32",
    [VYRE_TAG_TRUTH] = "bool",
    [VYRE_TAG_LONG] = "u64",
    [VYRE_TAG_FLOAT] = "f32",
    [VYRE_TAG_DOUBLE] = "f64",
  };

  if (tag.kind != VYRE_TAG_RAW)
    return names[tag.kind];
  switch (tag.length) {
    case 1:
      return "a raw byte";
    case 2:
      return "2 raw bytes";
    case 4:
      return "4 raw bytes";
    case 8:
      return "8 raw bytes";
    case 16:
      return "16 raw bytes";
    default:
      return "raw bytes";
  }
}

/* What a load gives, section 9.5; NONE: single elements cannot be accessed. */
VyreRunTag
vyre_engine_type_tag (const VyreType *type)
{
  guint64 stride;

  if (type == NULL)
    return NO_TAG;
  switch (type->kind) {
    case VYRE_TYPE_U32:
    case VYRE_TYPE_BOOL: /* its raw word */
      return TAG (VYRE_TAG_WORD);
    case VYRE_TYPE_I32:
      return TAG (VYRE_TAG_INT);
    case VYRE_TYPE_F32:
      return TAG (VYRE_TAG_FLOAT);
    case VYRE_TYPE_U64:
      return TAG (VYRE_TAG_LONG);
    case VYRE_TYPE_F64:
      return TAG (VYRE_TAG_DOUBLE);
    case VYRE_TYPE_BYTES:
    case VYRE_TYPE_VEC:
      return NO_TAG;
    case VYRE_TYPE_ARRAY:
      return RAW (type->size);
    case VYRE_TYPE_DEVICE_MESH:
      return RAW (4);
    case VYRE_TYPE_TENSOR:
    case VYRE_TYPE_TENSOR_SHAPED:
    case VYRE_TYPE_SPARSE_CSR:
    case VYRE_TYPE_SPARSE_COO:
    case VYRE_TYPE_SPARSE_BSR:
    case VYRE_TYPE_OPAQUE:
      return RAW (0);
    default:
      stride = vyre_type_stride (type);
      return stride > 0 && stride <= 16 && (stride & (stride - 1)) == 0
                 ? RAW (stride)
                 : NO_TAG;
  }
}

static VyreRunTag
operand_tag (VyreValidator *v, guint index, guint operand)
{
  guint child = vyre_term_operand (v, index, operand);

  return child == VYRE_NO_TERM ? NO_TAG : vyre_term (v, child)->tag;
}

/* Operators by the tags that have them (section 12, as far as this engine
 * executes it). */
enum
{
  HAS_WORD = 1 << VYRE_TAG_WORD,
  HAS_INT = 1 << VYRE_TAG_INT,
  HAS_TRUTH = 1 << VYRE_TAG_TRUTH,
  HAS_LONG = 1 << VYRE_TAG_LONG,
  HAS_FLOAT = 1 << VYRE_TAG_FLOAT,
  HAS_INTS = HAS_WORD | HAS_INT,
};

static guint
binary_tags (guint op)
{
  switch (op) {
    case VYRE_BIN_ADD:
    case VYRE_BIN_SUB:
      return HAS_INTS | HAS_LONG | HAS_FLOAT;
    case VYRE_BIN_MUL:
    case VYRE_BIN_DIV:
    case VYRE_BIN_MIN:
    case VYRE_BIN_MAX:
      return HAS_INTS | HAS_FLOAT;
    case VYRE_BIN_MOD:
    case VYRE_BIN_SHL:
    case VYRE_BIN_SHR:
    case VYRE_BIN_ABS_DIFF:
      return HAS_INTS;
    case VYRE_BIN_AND_BITS:
    case VYRE_BIN_OR_BITS:
    case VYRE_BIN_XOR_BITS:
    case VYRE_BIN_WRAPPING_ADD:
    case VYRE_BIN_WRAPPING_SUB:
      return HAS_INTS | HAS_LONG;
    case VYRE_BIN_EQ:
    case VYRE_BIN_NE:
      return HAS_INTS | HAS_LONG | HAS_FLOAT | HAS_TRUTH;
    case VYRE_BIN_LT:
    case VYRE_BIN_GT:
    case VYRE_BIN_LE:
    case VYRE_BIN_GE:
      return HAS_INTS | HAS_LONG | HAS_FLOAT;
    case VYRE_BIN_AND:
    case VYRE_BIN_OR:
      return HAS_INTS | HAS_LONG | HAS_TRUTH;
    case VYRE_BIN_SATURATING_ADD:
    case VYRE_BIN_SATURATING_SUB:
    case VYRE_BIN_SATURATING_MUL:
    case VYRE_BIN_ROTATE_LEFT:
    case VYRE_BIN_ROTATE_RIGHT:
    case VYRE_BIN_MUL_HIGH:
      return HAS_WORD;
    default:
      return 0;
  }
}

static guint
unary_tags (guint op)
{
  switch (op) {
    case VYRE_UN_NEGATE:
      return HAS_INTS | HAS_LONG | HAS_FLOAT;
    case VYRE_UN_BIT_NOT:
    case VYRE_UN_POPCOUNT:
    case VYRE_UN_CLZ:
    case VYRE_UN_CTZ:
    case VYRE_UN_REVERSE_BITS:
      return HAS_INTS | HAS_LONG;
    case VYRE_UN_LOGICAL_NOT:
      return HAS_INTS | HAS_LONG | HAS_TRUTH;
    case VYRE_UN_UNPACK4_LOW:
    case VYRE_UN_UNPACK4_HIGH:
    case VYRE_UN_UNPACK8_LOW:
    case VYRE_UN_UNPACK8_HIGH:
    case VYRE_UN_OPAQUE:
      return 0;
    default:
      return HAS_FLOAT;
  }
}

static gboolean
gives_truth (const VyreExpr *expr)
{
  if (expr->kind == VYRE_EXPR_UN_OP)
    return expr->op == VYRE_UN_LOGICAL_NOT || expr->op == VYRE_UN_IS_NAN ||
           expr->op == VYRE_UN_IS_INF || expr->op == VYRE_UN_IS_FINITE;
  switch (expr->op) {
    case VYRE_BIN_EQ:
    case VYRE_BIN_NE:
    case VYRE_BIN_LT:
    case VYRE_BIN_GT:
    case VYRE_BIN_LE:
    case VYRE_BIN_GE:
    case VYRE_BIN_AND:
    case VYRE_BIN_OR:
      return TRUE;
    default:
      return FALSE;
  }
}

static VyreRunTag
operator_tag (VyreValidator *v, guint index)
{
  const VyreExpr *expr = vyre_term (v, index)->expr;
  VyreRunTag tag = operand_tag (v, index, 0);
  gboolean binary = expr->kind == VYRE_EXPR_BIN_OP;
  guint tags = binary ? binary_tags (expr->op) : unary_tags (expr->op);

  if ((binary && !same_tag (tag, operand_tag (v, index, 1))) ||
      !(tags >> tag.kind & 1))
    return NO_TAG;
  if (gives_truth (expr))
    return TAG (VYRE_TAG_TRUTH);
  if (binary && expr->op == VYRE_BIN_ABS_DIFF)
    return TAG (VYRE_TAG_WORD);
  return tag;
}

static VyreRunTag
cast_tag (VyreValidator *v, guint index)
{
  const VyreType *type = vyre_term (v, index)->expr->type;
  VyreRunTag from = operand_tag (v, index, 0);
  gboolean number = from.kind == VYRE_TAG_WORD || from.kind == VYRE_TAG_INT ||
                    from.kind == VYRE_TAG_TRUTH;

  if (from.kind == VYRE_TAG_NONE || type == NULL)
    return NO_TAG;
  switch (type->kind) {
    case VYRE_TYPE_BOOL:
      return TAG (VYRE_TAG_TRUTH);
    case VYRE_TYPE_U32:
      return from.kind == VYRE_TAG_DOUBLE ? NO_TAG : TAG (VYRE_TAG_WORD);
    case VYRE_TYPE_I32:
      return from.kind == VYRE_TAG_DOUBLE ? NO_TAG : TAG (VYRE_TAG_INT);
    case VYRE_TYPE_U64:
      return from.kind == VYRE_TAG_DOUBLE || from.kind == VYRE_TAG_FLOAT
                 ? NO_TAG
                 : TAG (VYRE_TAG_LONG);
    case VYRE_TYPE_F32:
      return number || from.kind == VYRE_TAG_FLOAT ||
                     (from.kind == VYRE_TAG_RAW && from.length <= 4)
                 ? TAG (VYRE_TAG_FLOAT)
                 : NO_TAG;
    case VYRE_TYPE_BYTES:
    case VYRE_TYPE_OPAQUE:
      return NO_TAG;
    default:
      break;
  }
  if (from.kind == VYRE_TAG_FLOAT)
    return NO_TAG;
  if (type->kind == VYRE_TYPE_VEC2U32)
    return RAW (8);
  if (type->kind == VYRE_TYPE_VEC4U32)
    return RAW (16);
  if (from.kind == VYRE_TAG_RAW)
    return from;
  return RAW (number ? 4 : 8);
}

VyreRunTag
vyre_engine_tag (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);
  VyreRunTag tag;

  switch (term->expr->kind) {
    case VYRE_EXPR_LIT_I32:
      return TAG (VYRE_TAG_INT);
    case VYRE_EXPR_LIT_F32:
      return TAG (VYRE_TAG_FLOAT);
    case VYRE_EXPR_LIT_BOOL:
      return TAG (VYRE_TAG_TRUTH);
    case VYRE_EXPR_VAR:
      return term->name->binding != NULL ? term->name->binding->tag : NO_TAG;
    case VYRE_EXPR_LOAD:
      return vyre_engine_type_tag (term->type);
    case VYRE_EXPR_BIN_OP:
    case VYRE_EXPR_UN_OP:
      return operator_tag (v, index);
    case VYRE_EXPR_CAST:
      return cast_tag (v, index);
    case VYRE_EXPR_SELECT:
      tag = operand_tag (v, index, 1);
      return same_tag (tag, operand_tag (v, index, 2)) ? tag : NO_TAG;
    case VYRE_EXPR_FMA:
      for (guint i = 0; i < 3; i++) {
        tag = operand_tag (v, index, i);
        if (tag.kind != VYRE_TAG_FLOAT && tag.kind != VYRE_TAG_WORD)
          return NO_TAG;
      }
      return TAG (VYRE_TAG_FLOAT);
    case VYRE_EXPR_SUBGROUP_ADD:
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
      tag = operand_tag (v, index, 0);
      return tag.kind == VYRE_TAG_WORD || tag.kind == VYRE_TAG_FLOAT ? tag
                                                                     : NO_TAG;
    case VYRE_EXPR_CALL:
    case VYRE_EXPR_OPAQUE:
      return NO_TAG;
    default:
      return TAG (VYRE_TAG_WORD);
  }
}

/* --- expressions --------------------------------------------------------------- */

static gboolean
is_raw (VyreRunTag tag)
{
  return tag.kind == VYRE_TAG_RAW || tag.kind == VYRE_TAG_DOUBLE;
}

static void
check_operator (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);
  const VyreExpr *expr = term->expr;
  gboolean binary = expr->kind == VYRE_EXPR_BIN_OP;
  const char *op =
      binary ? vyre_bin_op_name (expr->op) : vyre_un_op_name (expr->op);
  VyreRunTag left = operand_tag (v, index, 0);
  VyreRunTag right = binary ? operand_tag (v, index, 1) : left;

  if (expr->op == VYRE_BIN_OPAQUE) { /* the same number as VYRE_UN_OPAQUE */
    VYRE_FAIL (v, "X08", expr->at,
        "the extension operator 0x%08x is not implemented; use built-in "
        "operators",
        expr->ext_id);
    return;
  }
  if (!binary && expr->op >= VYRE_UN_UNPACK4_LOW &&
      expr->op <= VYRE_UN_UNPACK8_HIGH) {
    VYRE_FAIL (v, "X10", expr->at,
        "the operator %s has no meaning at run time; shift with Shr and mask "
        "with BitAnd",
        op);
    return;
  }
  if (term->tag.kind != VYRE_TAG_NONE || left.kind == VYRE_TAG_NONE ||
      right.kind == VYRE_TAG_NONE)
    return;
  if (!same_tag (left, right))
    VYRE_FAIL (v, "X07", expr->at,
        "%s of %s and %s at run time: both operands must have one type; insert "
        "a Cast",
        op, vyre_run_tag_name (left), vyre_run_tag_name (right));
  else if (is_raw (left))
    VYRE_FAIL (v, "X07", expr->at,
        "%s of %s: such values can only be stored or cast; insert a Cast to "
        "u32",
        op, vyre_run_tag_name (left));
  else
    VYRE_FAIL (v, "X03", expr->at,
        "%s does not exist for %s; insert a Cast to a type that has it", op,
        vyre_run_tag_name (left));
}

/* A value that becomes an index, a bound, or an operand of an atomic. */
static void
check_index_tag (
    VyreValidator *v, VyreRunTag tag, VyreSource at, const char *what)
{
  if (tag.kind == VYRE_TAG_DOUBLE)
    VYRE_FAIL (v, "X07", at,
        "%s is f64, and f64 values can only be copied; use u32", what);
}

static void
check_cast (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);
  VyreRunTag from = operand_tag (v, index, 0);
  g_autofree char *type = vyre_type_display (term->type);

  if (term->type != NULL && term->type->kind == VYRE_TYPE_OPAQUE)
    VYRE_FAIL (v, "X08", term->expr->at,
        "the extension type of this Cast is not implemented; use a built-in "
        "type");
  else if (term->tag.kind == VYRE_TAG_NONE && from.kind != VYRE_TAG_NONE)
    VYRE_FAIL (v, "X07", term->expr->at,
        "Cast of %s at run time to %s does not exist; go through u32 or i32",
        vyre_run_tag_name (from), type);
}

/* Subgroup operands are evaluated once per lane (section 17.1), so an atomic
 * in one would count several times. */
static void
check_subgroup (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);
  const char *kind = vyre_expr_kind_name (term->expr->kind);
  VyreRunTag value = operand_tag (v, index, 0);

  if (term->expr->kind == VYRE_EXPR_SUBGROUP_LOCAL_ID ||
      term->expr->kind == VYRE_EXPR_SUBGROUP_SIZE) {
    VYRE_FAIL (v, "X13", term->expr->at,
        "%s has no value: subgroups are emulated at width 32; compute it from "
        "LocalId",
        kind);
    return;
  }
  if (term->tag.kind == VYRE_TAG_NONE && value.kind != VYRE_TAG_NONE)
    VYRE_FAIL (v, "X13", term->expr->at,
        "%s of %s; it exists for u32 and f32, so insert a Cast", kind,
        vyre_run_tag_name (value));
  for (guint i = 1; i < term->size; i++) {
    VyreExprKind inner = vyre_term (v, index + i)->expr->kind;

    if (inner != VYRE_EXPR_ATOMIC && inner != VYRE_EXPR_SUBGROUP_ADD &&
        inner != VYRE_EXPR_SUBGROUP_SHUFFLE &&
        inner != VYRE_EXPR_SUBGROUP_BALLOT)
      continue;
    VYRE_FAIL (v, "X21", term->expr->at,
        "%s inside an operand of %s would happen once per lane; put it into a "
        "Let before",
        vyre_expr_kind_name (inner), kind);
    return;
  }
}

static void
check_load (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);

  if (term->tag.kind == VYRE_TAG_NONE) {
    g_autofree char *name = vyre_string_display (term->expr->name);
    g_autofree char *type = vyre_type_display (term->type);

    VYRE_FAIL (v, "X17", term->expr->at,
        "Load from buffer `%s` whose elements are %s, which cannot be read "
        "singly; declare it with u8 or u32 elements",
        name, type);
  }
  check_index_tag (
      v, operand_tag (v, index, 0), term->expr->at, "the index of this Load");
}

void
vyre_engine_check_expr (VyreValidator *v, guint index)
{
  const VyreTerm *term = vyre_term (v, index);
  const VyreExpr *expr = term->expr;
  VyreRunTag tags[2];
  g_autofree char *name = NULL;

  switch (expr->kind) {
    case VYRE_EXPR_LOAD:
      check_load (v, index);
      return;
    case VYRE_EXPR_BIN_OP:
    case VYRE_EXPR_UN_OP:
      check_operator (v, index);
      return;
    case VYRE_EXPR_CAST:
      check_cast (v, index);
      return;
    case VYRE_EXPR_SELECT:
      tags[0] = operand_tag (v, index, 1);
      tags[1] = operand_tag (v, index, 2);
      if (term->tag.kind == VYRE_TAG_NONE && tags[0].kind != VYRE_TAG_NONE &&
          tags[1].kind != VYRE_TAG_NONE)
        VYRE_FAIL (v, "X07", expr->at,
            "Select between %s and %s at run time: both arms must have one "
            "type; insert a Cast",
            vyre_run_tag_name (tags[0]), vyre_run_tag_name (tags[1]));
      return;
    case VYRE_EXPR_FMA:
      for (guint i = 0; i < 3; i++) {
        tags[0] = operand_tag (v, index, i);
        if (tags[0].kind != VYRE_TAG_NONE && tags[0].kind != VYRE_TAG_FLOAT &&
            tags[0].kind != VYRE_TAG_WORD)
          VYRE_FAIL (v, "X07", expr->at,
              "operand %c of Fma is %s at run time; insert a Cast to f32",
              "abc"[i], vyre_run_tag_name (tags[0]));
      }
      return;
    case VYRE_EXPR_ATOMIC:
      if (expr->op != VYRE_ATOMIC_OPAQUE &&
          expr->op != VYRE_ATOMIC_COMPARE_EXCHANGE_WEAK &&
          expr->op != VYRE_ATOMIC_FETCH_NAND)
        return;
      name = vyre_string_display (expr->name);
      VYRE_FAIL (v, expr->op == VYRE_ATOMIC_OPAQUE ? "X08" : "X09", expr->at,
          "atomic %s on buffer `%s` is not implemented; use CompareExchange",
          vyre_atomic_op_name (expr->op), name);
      return;
    case VYRE_EXPR_CALL:
      name = vyre_string_display (expr->name);
      VYRE_FAIL (v, "X08", expr->at,
          "Call of `%s`, which no executor implements; write out what it does",
          name);
      return;
    case VYRE_EXPR_OPAQUE:
      name = vyre_string_display (expr->name);
      VYRE_FAIL (v, "X08", expr->at,
          "extension expression `%s`, which no executor implements; use "
          "built-in expressions",
          name);
      return;
    case VYRE_EXPR_SUBGROUP_ADD:
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
    case VYRE_EXPR_SUBGROUP_BALLOT:
    case VYRE_EXPR_SUBGROUP_LOCAL_ID:
    case VYRE_EXPR_SUBGROUP_SIZE:
      check_subgroup (v, index);
      return;
    default:
      return;
  }
}

/* --- statements ------------------------------------------------------------------ */

static void
check_assign (VyreValidator *v, const VyreNode *node, VyreRunTag value)
{
  const VyreBinding *binding = vyre_validator_name (v, node->name)->binding;
  g_autofree char *name = vyre_string_display (node->name);

  if (binding == NULL)
    VYRE_FAIL (
        v, "X04", node->at, "assignment to buffer `%s`; use Store", name);
  else if (value.kind != VYRE_TAG_NONE && binding->tag.kind != VYRE_TAG_NONE &&
           !same_tag (value, binding->tag))
    VYRE_FAIL (v, "X07", node->at,
        "assignment of %s to variable `%s`, which holds %s at run time; insert "
        "a Cast",
        vyre_run_tag_name (value), name, vyre_run_tag_name (binding->tag));
}

/* Stores to the other types are dropped, section 9.5. */
static gboolean
is_stored (const VyreType *element)
{
  return element->kind != VYRE_TYPE_ARRAY && vyre_type_stride (element) > 0;
}

static void
check_store (VyreValidator *v, const VyreNode *node, const guint roots[2])
{
  const VyreName *target = vyre_validator_name (v, node->name);
  const VyreType *element = v->program->buffers[target->buffer].element;
  VyreRunTag tag = vyre_engine_type_tag (element);
  VyreRunTag value = vyre_term (v, roots[1])->tag;
  g_autofree char *name = vyre_string_display (node->name);
  g_autofree char *type = vyre_type_display (element);

  check_index_tag (
      v, vyre_term (v, roots[0])->tag, node->at, "the index of this Store");
  if (tag.kind == VYRE_TAG_NONE)
    VYRE_FAIL (v, "X17", node->at,
        "Store to buffer `%s` whose elements are %s, which cannot be written "
        "singly; declare it with u8 or u32 elements",
        name, type);
  else if (is_stored (element) &&
           ((value.kind == VYRE_TAG_FLOAT && tag.kind != VYRE_TAG_FLOAT) ||
               (value.kind == VYRE_TAG_DOUBLE && tag.kind == VYRE_TAG_FLOAT)))
    VYRE_FAIL (v, "X07", node->at,
        "Store of %s at run time into buffer `%s` whose elements are %s; "
        "insert a Cast",
        vyre_run_tag_name (value), name, type);
}

static void
check_async (VyreValidator *v, const VyreNode *node, const guint roots[2])
{
  const char *kind = vyre_node_kind_name (node->kind);
  const VyreString names[2] = { node->name, node->name2 };

  for (guint i = 0; i < 2; i++) {
    const VyreName *name = vyre_validator_name (v, names[i]);
    g_autofree char *text = vyre_string_display (names[i]);
    VyreAccess access;

    if (roots[i] != VYRE_NO_TERM &&
        vyre_term (v, roots[i])->tag.kind == VYRE_TAG_DOUBLE)
      VYRE_FAIL (v, "X05", node->at, "the %s of %s is f64; cast it to u32",
          i == 0 ? "offset" : "size", kind);
    if (name->buffer < 0) {
      VYRE_FAIL (v, "X05", node->at,
          "%s %s `%s`, which is no buffer; declare it", kind,
          i == 0 ? "from" : "into", text);
      continue;
    }
    access = v->program->buffers[name->buffer].access;
    if (i == 1 &&
        (access == VYRE_ACCESS_READ_ONLY || access == VYRE_ACCESS_UNIFORM))
      VYRE_FAIL (v, "X05", node->at,
          "%s into buffer `%s` whose access is %s; declare it ReadWrite", kind,
          text, vyre_access_name (access));
  }
}

void
vyre_engine_check_node (
    VyreValidator *v, const VyreNode *node, const guint roots[2])
{
  const char *kind = vyre_node_kind_name (node->kind);
  g_autofree char *name = NULL;

  switch (node->kind) {
    case VYRE_NODE_ASSIGN:
      check_assign (v, node, vyre_term (v, roots[0])->tag);
      return;
    case VYRE_NODE_STORE:
      check_store (v, node, roots);
      return;
    case VYRE_NODE_LOOP:
      for (guint i = 0; i < 2; i++)
        check_index_tag (v, vyre_term (v, roots[i])->tag, node->at,
            i == 0 ? "the from bound of this Loop"
                   : "the to bound of this Loop");
      return;
    case VYRE_NODE_ASYNC_LOAD:
    case VYRE_NODE_ASYNC_STORE:
      check_async (v, node, roots);
      return;
    case VYRE_NODE_TRAP:
      if (vyre_term (v, roots[0])->tag.kind == VYRE_TAG_DOUBLE)
        VYRE_FAIL (
            v, "X06", node->at, "the address of Trap is f64; cast it to u32");
      return;
    case VYRE_NODE_RESUME:
    case VYRE_NODE_INDIRECT_DISPATCH:
    case VYRE_NODE_ALL_REDUCE:
    case VYRE_NODE_ALL_GATHER:
    case VYRE_NODE_REDUCE_SCATTER:
    case VYRE_NODE_BROADCAST:
      VYRE_FAIL (v, "X11", node->at,
          "%s, which no executor implements; leave it out", kind);
      return;
    case VYRE_NODE_OPAQUE:
      name = vyre_string_display (node->name);
      VYRE_FAIL (v, "X08", node->at,
          "extension statement `%s`, which no executor implements; use "
          "built-in statements",
          name);
      return;
    default:
      return;
  }
}
