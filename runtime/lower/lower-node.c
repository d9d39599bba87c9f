/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statements (vir0-semantics.md sections 3.2, 7, 10 and 20). */
#include "lower-priv.h"

#define MAX_UNROLLED_TURNS 16
/* Statements and expressions, all turns together; of loops without another in
 * them, which run most often. */
#define MAX_UNROLLED 512
#define MAX_UNROLLED_INNER 1024

static VyreInst
control (guint op)
{
  return (VyreInst){ .op = op,
    .dst = VYRE_NONE,
    .a = VYRE_NONE,
    .b = VYRE_NONE,
    .c = VYRE_NONE,
    .buffer = VYRE_NONE };
}

static gboolean
enter_level (VyreLowering *lw, VyreSource at)
{
  if (lw->depth == VYRE_I_MAX_LEVELS)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_LIMIT, "V018", at,
        "If and Loop are nested deeper than %u levels; nest less",
        VYRE_I_MAX_LEVELS);
  lw->depth++;
  return TRUE;
}

/* An index, bound or address (section 8.4). */
static gboolean
index_expr (VyreLowering *lw, const VyreExpr *expr, VyreOperand *operand)
{
  VyreValue value;

  return vyre_lowering_expr (lw, expr, &value) &&
         vyre_lowering_index (lw, &value, expr->at, operand);
}

/* --- variables ------------------------------------------------------------- */

static gboolean
lower_let (VyreLowering *lw, const VyreNode *node)
{
  VyreValue value;
  VyreVariable *variable;

  if (!vyre_lowering_expr (lw, node->exprs[0], &value))
    return FALSE;
  variable = vyre_lowering_declare (lw, node->name, node->at);
  if (variable == NULL)
    return FALSE;

  variable->assignable =
      g_hash_table_contains (lw->scan.assigned_names, &node->name);
  variable->value = value;
  for (guint i = 0; i < value.n_words; i++) {
    VyreOperand *word = &variable->value.w[i];

    if (variable->assignable) {
      *word = VYRE_REG (vyre_emit_vreg (lw, TRUE));
      g_array_index (lw->vregs, VyreVreg, word->v).owner = variable;
      vyre_emit_assign (lw, word->v, value.w[i]);
    } else {
      *word = vyre_emit_lasting (lw, *word, lw->node_number, lw->list_end);
    }
  }
  return TRUE;
}

static gboolean
lower_assign (VyreLowering *lw, const VyreNode *node)
{
  VyreVariable *variable = vyre_lowering_variable (lw, node->name);
  g_autofree char *name = vyre_string_display (node->name);
  VyreValue value;

  if (variable == NULL) {
    gboolean buffer = g_hash_table_contains (lw->buffers, &node->name);

    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID,
        buffer ? "X04" : "S2", node->at,
        buffer ? "assignment to buffer `%s`; use Store"
               : "assignment to `%s`, which is not declared here; put a Let "
                 "before "
                 "it in the same or an enclosing list",
        name);
  }
  if (variable->loop)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "V011", node->at,
        "assignment to loop variable `%s`; copy it into a variable of its own",
        name);
  if (!vyre_lowering_expr (lw, node->exprs[0], &value))
    return FALSE;
  if (!vyre_value_same_tag (&value, &variable->value))
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "X07", node->at,
        "assignment of %s to variable `%s`, which holds %s; insert a Cast",
        vyre_tag_name (&value), name, vyre_tag_name (&variable->value));
  for (guint i = 0; i < value.n_words; i++)
    vyre_emit_assign (lw, variable->value.w[i].v, value.w[i]);
  return TRUE;
}

/* --- stores ----------------------------------------------------------------- */

static gboolean
check_store (VyreLowering *lw, guint32 buffer, VyreSource at, const char *user)
{
  const VyreBuffer *decl = &lw->program->buffers[buffer];
  g_autofree char *name = NULL;

  if (decl->access == VYRE_ACCESS_READ_WRITE ||
      decl->access == VYRE_ACCESS_WRITE_ONLY ||
      decl->access == VYRE_ACCESS_WORKGROUP)
    return TRUE;
  name = vyre_string_display (decl->name);
  return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "S4", at,
      "%s to buffer `%s` whose access is %s; declare it ReadWrite", user, name,
      vyre_access_name (decl->access));
}

static gboolean
lower_store (VyreLowering *lw, const VyreNode *node)
{
  int buffer = vyre_lowering_buffer (lw, node->name, node->at, "Store");
  const VyreExpr *literal = node->exprs[0];
  const VyreBuffer *decl;
  VyreOperand index;
  VyreValue value;

  if (buffer < 0 || !check_store (lw, (guint32) buffer, node->at, "Store"))
    return FALSE;
  decl = &lw->program->buffers[buffer];
  if ((literal->kind == VYRE_EXPR_LIT_U32 ||
          literal->kind == VYRE_EXPR_LIT_I32) &&
      decl->count != 0 && literal->bits >= decl->count) {
    g_autofree char *name = vyre_string_display (decl->name);

    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "V036", node->at,
        "Store at element %" G_GINT64_FORMAT " of buffer `%s`, "
        "which has %u; use a smaller index",
        literal->kind == VYRE_EXPR_LIT_I32 ? (gint64) (gint32) literal->bits
                                           : (gint64) literal->bits,
        name, decl->count);
  }
  return index_expr (lw, node->exprs[0], &index) &&
         vyre_lowering_expr (lw, node->exprs[1], &value) &&
         vyre_lowering_store (lw, (guint32) buffer, index, &value, node->at);
}

/* --- control ---------------------------------------------------------------- */

static gboolean
lower_scope (VyreLowering *lw, const VyreNodeList *list, const char *field,
    gboolean conditional)
{
  vyre_lowering_open (lw, conditional);
  if (!vyre_lowering_list (lw, list, field))
    return FALSE;
  vyre_lowering_close (lw);
  return TRUE;
}

/* A branch of a condition that is known. What is never executed is looked at
 * all the same, as it may be wrong, and left out later. */
static gboolean
lower_known_branch (VyreLowering *lw, const VyreNodeList *list,
    const char *field, gboolean executed)
{
  VyreInst never = control (VYRE_I_IF);
  guint mark = vyre_known_mark (lw);

  if (list->n_nodes == 0)
    return TRUE;
  if (executed)
    return lower_scope (lw, list, field, FALSE);
  never.imm = TRUE;
  vyre_emit (lw, never);
  lw->conditions++;
  if (!lower_scope (lw, list, field, TRUE))
    return FALSE;
  lw->conditions--;
  vyre_emit (lw, control (VYRE_I_ENDIF));
  vyre_known_undo (lw, mark);
  return TRUE;
}

static gboolean
lower_if (VyreLowering *lw, const VyreNode *node)
{
  VyreInst inst = control (VYRE_I_IF);
  VyreOperand condition;
  VyreValue value;
  gboolean then = node->body.n_nodes != 0;
  guint mark;

  if (!vyre_lowering_expr (lw, node->exprs[0], &value))
    return FALSE;
  if (!then && node->otherwise.n_nodes == 0)
    return TRUE;

  condition = vyre_lowering_truth (lw, &value);
  /* Return must not come to stand before other statements. */
  if (condition.is_const && !lw->scan.returns)
    return lower_known_branch (lw, &node->body, "then", condition.v != 0) &&
           lower_known_branch (lw, &node->otherwise, "else", condition.v == 0);
  if (!then)
    condition = vyre_emit_op2 (lw, VYRE_I_EQ, condition, VYRE_CONST (0));
  inst.a = vyre_emit_reg (lw, vyre_emit_condition (lw, condition));
  if (!enter_level (lw, node->at))
    return FALSE;
  vyre_emit (lw, inst);
  lw->conditions++;
  mark = vyre_known_mark (lw);
  if (then && !lower_scope (lw, &node->body, "then", TRUE))
    return FALSE;
  if (node->otherwise.n_nodes != 0) {
    if (then)
      vyre_emit (lw, control (VYRE_I_ELSE));
    vyre_known_undo (lw, mark);
    if (!lower_scope (lw, &node->otherwise, "else", TRUE))
      return FALSE;
  }
  vyre_known_join (lw, mark);
  lw->conditions--;
  lw->depth--;
  vyre_emit (lw, control (VYRE_I_ENDIF));
  return TRUE;
}

gboolean
vyre_lowering_loop_begin (VyreLowering *lw, VyreOperand from, VyreOperand to,
    VyreSource at, VyreInst *inst)
{
  VyreLoop loop = { .scope = lw->scopes->len - 1,
    .conditions = lw->conditions };

  if (!enter_level (lw, at))
    return FALSE;
  *inst = control (VYRE_I_LOOP);
  inst->a = vyre_emit_vreg (lw, FALSE);
  /* Nothing that depends on the counter can leave the loop. */
  g_array_index (lw->vregs, VyreVreg, inst->a).depth = lw->loops->len + 1;
  if (to.is_const && to.v != 0)
    vyre_simplify_bounded (lw, VYRE_REG (inst->a), to.v - 1);
  inst->b = vyre_emit_reg (lw, to);
  vyre_emit_assign (lw, inst->a, from);
  vyre_emit (lw, *inst);

  loop.before = g_array_new (FALSE, FALSE, sizeof (VyreInst));
  g_ptr_array_add (lw->moved, loop.before);
  g_array_append_val (lw->loops, loop);
  vyre_lowering_open (lw, TRUE);
  return TRUE;
}

void
vyre_lowering_loop_end (VyreLowering *lw, const VyreInst *loop)
{
  VyreInst next = *loop;

  vyre_lowering_close (lw);
  g_array_set_size (lw->loops, lw->loops->len - 1);
  lw->depth--;
  next.op = VYRE_I_NEXT;
  vyre_emit (lw, next);
}

/* Expressions and statements of a list, up to a bound. */
static guint
weigh_expr (const VyreExpr *expr, guint bound)
{
  guint weight = 1;

  for (guint i = 0; i < expr->n_args && weight < bound; i++)
    weight += weigh_expr (expr->args[i], bound - weight);
  return weight;
}

static guint
weigh_list (const VyreNodeList *list, guint bound)
{
  guint weight = 0;

  for (guint i = 0; i < list->n_nodes && weight < bound; i++) {
    const VyreNode *node = list->nodes[i];

    weight++;
    for (guint k = 0; k < node->n_exprs && weight < bound; k++)
      weight += weigh_expr (node->exprs[k], bound - weight);
    if (weight < bound)
      weight += weigh_list (&node->body, bound - weight);
    if (weight < bound)
      weight += weigh_list (&node->otherwise, bound - weight);
  }
  return weight;
}

static gboolean
has_loop (const VyreNodeList *list)
{
  for (guint i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];

    if (node->kind == VYRE_NODE_LOOP || has_loop (&node->body) ||
        has_loop (&node->otherwise))
      return TRUE;
  }
  return FALSE;
}

/* A few turns of a small loop are cheaper one after the other: no counting,
 * and the counter is a constant. */
static gboolean
should_unroll (
    VyreLowering *lw, const VyreNode *node, VyreOperand from, VyreOperand to)
{
  guint turns, limit;

  if (lw->frugal || !from.is_const || !to.is_const || from.v >= to.v ||
      to.v - from.v > MAX_UNROLLED_TURNS)
    return FALSE;
  turns = (to.v - from.v) * lw->copies;
  limit = MAX_UNROLLED_INNER;
  if (turns > limit || weigh_list (&node->body, limit + 1) * turns > limit)
    return FALSE;
  return weigh_list (&node->body, limit + 1) * turns <= MAX_UNROLLED ||
         !has_loop (&node->body);
}

static gboolean
lower_unrolled (
    VyreLowering *lw, const VyreNode *node, guint32 from, guint32 to)
{
  guint32 first = lw->node_number;
  guint outer_copies = lw->copies;

  lw->copies *= to - from;
  for (guint32 i = from; i < to; i++) {
    VyreVariable *variable;

    lw->node_number = first;
    vyre_lowering_open (lw, FALSE);
    variable = vyre_lowering_declare (lw, node->name, node->at);
    if (variable == NULL)
      return FALSE;
    variable->loop = TRUE;
    variable->value = vyre_value1 (VYRE_TAG_U32, VYRE_CONST (i));
    if (!lower_scope (lw, &node->body, "body", FALSE))
      return FALSE;
    vyre_lowering_close (lw);
  }
  lw->copies = outer_copies;
  return TRUE;
}

static gboolean
lower_loop (VyreLowering *lw, const VyreNode *node)
{
  VyreInst loop;
  VyreOperand from, to;
  VyreVariable *variable;
  guint32 first = lw->node_number;
  guint32 last = first + vyre_node_list_size (&node->body);

  if (!index_expr (lw, node->exprs[0], &from) ||
      !index_expr (lw, node->exprs[1], &to))
    return FALSE;
  if (should_unroll (lw, node, from, to))
    return lower_unrolled (lw, node, from.v, to.v);

  to = vyre_emit_lasting (lw, to, first, last);
  if (!vyre_lowering_loop_begin (lw, from, to, node->at, &loop))
    return FALSE;
  vyre_emit_forget (lw, first, last);
  variable = vyre_lowering_declare (lw, node->name, node->at);
  if (variable == NULL)
    return FALSE;
  variable->loop = TRUE;
  variable->value = vyre_value1 (VYRE_TAG_U32, VYRE_REG (loop.a));
  if (!lower_scope (lw, &node->body, "body", FALSE))
    return FALSE;
  vyre_lowering_loop_end (lw, &loop);
  return TRUE;
}

static gboolean
lower_barrier (VyreLowering *lw, const VyreNode *node)
{
  if (node->ordering == VYRE_ORDER_RELAXED)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "V043", node->at,
        "Barrier with ordering Relaxed orders nothing; use SeqCst");
  /* GridSync is a workgroup barrier too, whatever the grid: the reference
   * makes nothing else of it (vir0-semantics.md section 20). */
  vyre_emit_barrier (lw);
  return TRUE;
}

static gboolean
lower_trap (VyreLowering *lw, const VyreNode *node)
{
  VyreInst inst = control (VYRE_I_TRAP);
  VyreOperand address;
  gpointer found;

  if (!index_expr (lw, node->exprs[0], &address))
    return FALSE;
  found = g_hash_table_lookup (lw->tag_numbers, &node->tag);
  if (found == NULL) {
    g_ptr_array_add (lw->tags, (gpointer) &node->tag);
    found = GUINT_TO_POINTER (lw->tags->len);
    g_hash_table_insert (lw->tag_numbers, (gpointer) &node->tag, found);
  }
  inst.a = vyre_emit_reg (lw, address);
  inst.x = GPOINTER_TO_UINT (found);
  vyre_emit (lw, inst);
  return TRUE;
}

/* --- collectives ------------------------------------------------------------ */

/* An element copy by the invocations that have an index below both lengths. */
static gboolean
lower_gather (VyreLowering *lw, const VyreNode *node)
{
  const char *user = vyre_node_kind_name (node->kind);
  int from = vyre_lowering_buffer (lw, node->name, node->at, user);
  int to =
      from < 0 ? -1 : vyre_lowering_buffer (lw, node->name2, node->at, user);
  VyreInst inst = control (VYRE_I_IF);
  VyreOperand index, inside;
  VyreValue value;

  if (to < 0 || !check_store (lw, (guint32) to, node->at, user))
    return FALSE;
  if (lw->program->buffers[from].element->kind !=
      lw->program->buffers[to].element->kind) {
    g_autofree char *input = vyre_string_display (node->name);
    g_autofree char *output = vyre_string_display (node->name2);

    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "V046", node->at,
        "%s from buffer `%s` to `%s` whose element types differ; declare one "
        "type",
        user, input, output);
  }
  index =
      vyre_emit_op0 (lw, VYRE_I_SPECIAL, VYRE_SPECIAL_INVOCATION_ID, VYRE_NONE);
  inside = vyre_emit_op2 (lw, VYRE_I_AND,
      vyre_emit_op2 (lw, VYRE_I_LTU, index,
          vyre_emit_op0 (lw, VYRE_I_BUFLEN, 0, (guint32) to)),
      vyre_emit_op2 (lw, VYRE_I_LTU, index,
          vyre_emit_op0 (lw, VYRE_I_BUFLEN, 0, (guint32) from)));
  inst.a = vyre_emit_reg (lw, inside);
  if (!enter_level (lw, node->at))
    return FALSE;
  vyre_emit (lw, inst);
  lw->conditions++;
  vyre_lowering_open (lw, TRUE);
  if (!vyre_lowering_load (lw, (guint32) from, index, node->at, &value) ||
      !vyre_lowering_store (lw, (guint32) to, index, &value, node->at))
    return FALSE;
  vyre_lowering_close (lw);
  lw->conditions--;
  lw->depth--;
  vyre_emit (lw, control (VYRE_I_ENDIF));
  return TRUE;
}

static gboolean
lower_collective (VyreLowering *lw, const VyreNode *node)
{
  const char *user = vyre_node_kind_name (node->kind);

  if (node->group != 0)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X11",
        node->at,
        "%s in communicator group %u: there is only this device; "
        "use group 0",
        user, node->group);
  if (node->kind == VYRE_NODE_BROADCAST && node->root != 0)
    return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X11",
        node->at, "%s from root %u: there is only rank 0; use root 0", user,
        node->root);
  if (node->kind == VYRE_NODE_ALL_REDUCE || node->kind == VYRE_NODE_BROADCAST)
    return TRUE; /* one rank already has the result */
  return lower_gather (lw, node);
}

/* --- lists ------------------------------------------------------------------ */

static gboolean
lower_node (VyreLowering *lw, const VyreNode *node)
{
  const char *kind = vyre_node_kind_name (node->kind);
  g_autofree char *name = NULL;

  switch (node->kind) {
    case VYRE_NODE_LET:
      return lower_let (lw, node);
    case VYRE_NODE_ASSIGN:
      return lower_assign (lw, node);
    case VYRE_NODE_STORE:
      return lower_store (lw, node);
    case VYRE_NODE_IF:
      return lower_if (lw, node);
    case VYRE_NODE_LOOP:
      return lower_loop (lw, node);
    case VYRE_NODE_RETURN:
      if (!vyre_lowering_check_pending (lw, TRUE, "this Return", node->at))
        return FALSE;
      vyre_emit (lw, control (VYRE_I_RETURN));
      return TRUE;
    case VYRE_NODE_BLOCK:
    case VYRE_NODE_REGION:
      return lower_scope (lw, &node->body, "body", FALSE);
    case VYRE_NODE_BARRIER:
      return lower_barrier (lw, node);
    case VYRE_NODE_TRAP:
      return lower_trap (lw, node);
    case VYRE_NODE_ALL_REDUCE:
    case VYRE_NODE_ALL_GATHER:
    case VYRE_NODE_REDUCE_SCATTER:
    case VYRE_NODE_BROADCAST:
      return lower_collective (lw, node);
    case VYRE_NODE_ASYNC_LOAD:
    case VYRE_NODE_ASYNC_STORE:
    case VYRE_NODE_ASYNC_WAIT:
      return vyre_lowering_async (lw, node);
    case VYRE_NODE_RESUME:
    case VYRE_NODE_INDIRECT_DISPATCH:
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X11",
          node->at, "%s: no executor implements it; leave it out", kind);
    case VYRE_NODE_OPAQUE:
      name = vyre_string_display (node->name);
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X08",
          node->at,
          "extension statement `%s`: no executor implements it; use "
          "built-in statements",
          name);
  }
  return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_UNSUPPORTED, "X08", node->at,
      "statement of unknown kind %d", (int) node->kind);
}

gboolean
vyre_lowering_list (
    VyreLowering *lw, const VyreNodeList *list, const char *field)
{
  guint32 outer_end = lw->list_end;
  VyreSource outer_at = lw->at;
  guint outer_list = lw->list;

  lw->list = ++lw->n_lists;
  lw->list_end = lw->node_number + vyre_node_list_size (list);
  for (guint i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];

    vyre_lowering_push (lw, field, i);
    lw->at = node->at;
    lw->node_number++;
    if (node->kind == VYRE_NODE_RETURN && i + 1 < list->n_nodes)
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_INVALID, "S9", node->at,
          "statements after this Return are never reached; remove them");
    if (!lower_node (lw, node))
      return FALSE;
    if (lw->full) {
      lw->crowded = TRUE;
      return vyre_lowering_fail (lw, VYRE_LOWER_ERROR_LIMIT, "X19", node->at,
          "the program needs more than %u instructions; split it",
          VYRE_I_MAX_CODE);
    }
    vyre_lowering_pop (lw);
  }
  if (!vyre_lowering_check_pending (
          lw, FALSE, "the end of its list", (VyreSource){ 0, 0 }))
    return FALSE;
  lw->at = outer_at;
  lw->list = outer_list;
  lw->list_end = outer_end;
  return TRUE;
}
