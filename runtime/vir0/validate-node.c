/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Statements: the walk, scopes and the rules of vir0-semantics.md section 22.5,
 * with the hazards of 22.7. */
#include "validate-private.h"

#include <string.h>

#define SELF_EXCLUSIVE "#self-exclusive"

static VyreFrame *
top (VyreValidator *v)
{
  return &g_array_index (v->frames, VyreFrame, v->frames->len - 1);
}

static gboolean
is_kind (const VyreType *type, VyreTypeKind kind)
{
  return type != NULL && type->kind == kind;
}

/* --- scopes ----------------------------------------------------------------- */

static void
bind (VyreValidator *v, VyreString string, const VyreType *type, VyreRunTag tag,
    gboolean is_let, gboolean uniform)
{
  VyreName *name = vyre_validator_name (v, string);
  VyreBinding *binding = g_new0 (VyreBinding, 1);

  binding->name = name;
  binding->shadowed = name->binding;
  binding->list = v->frames->len - 1;
  binding->type = type;
  binding->tag = tag;
  binding->is_let = is_let;
  binding->uniform = uniform;
  name->binding = binding;
  g_ptr_array_add (v->bindings, binding);
}

static void
unbind (VyreValidator *v, guint first)
{
  for (guint i = v->bindings->len; i > first; i--) {
    VyreBinding *binding = g_ptr_array_index (v->bindings, i - 1);

    binding->name->binding = binding->shadowed;
  }
  g_ptr_array_set_size (v->bindings, (gint) first); /* frees them */
}

/* --- lists ------------------------------------------------------------------ */

static void
open_list (VyreValidator *v, const VyreNodeList *list, const char *field,
    guint depth, gboolean divergent)
{
  VyreFrame frame = {
    .nodes = list->nodes,
    .n_nodes = list->n_nodes,
    .field = field,
    .depth = depth,
    .divergent = divergent,
    .first_binding = v->bindings->len,
    .first_return = G_MAXUINT,
  };

  if (v->options.repair)
    vyre_validator_replace_collectives (v, list, &frame);
  g_array_append_val (v->frames, frame);
}

static void
close_list (VyreValidator *v)
{
  VyreFrame *frame = top (v);

  if (frame->first_return < frame->n_nodes - 1 && frame->n_nodes > 0) {
    frame->next = frame->first_return; /* where the report points */
    VYRE_FAIL (v, "S9", frame->nodes[frame->first_return]->at,
        "the statements after this Return are never reached; remove them");
  }
  unbind (v, frame->first_binding);
  g_clear_pointer (&frame->uses, g_hash_table_unref);
  g_array_set_size (v->frames, v->frames->len - 1);
}

/* --- hazards (section 22.7) -------------------------------------------------- */

static void
join_uses (VyreFrame *frame, const GArray *uses)
{
  if (frame->uses == NULL)
    frame->uses = g_hash_table_new (NULL, NULL);
  for (guint i = 0; i < uses->len; i++) {
    const VyreUse *use = &g_array_index (uses, VyreUse, i);
    guint before =
        GPOINTER_TO_UINT (g_hash_table_lookup (frame->uses, use->name));

    g_hash_table_insert (
        frame->uses, use->name, GUINT_TO_POINTER (before | use->uses));
  }
}

static int
compare_uses (gconstpointer a, gconstpointer b)
{
  const VyreUse *s = a, *t = b;

  return vyre_validator_string_compare (s->name->string, t->name->string);
}

/* Compares what the statement touches with what its list has touched before.
 * What it touches joins the list now or, for If and Loop, later. */
static void
check_hazards (VyreValidator *v, const VyreNode *node, gboolean join_later)
{
  VyreFrame *frame = top (v);
  g_autoptr (GArray) found = NULL;

  if (v->uses->len == 0)
    return;
  for (guint i = 0; i < v->uses->len; i++) {
    VyreUse *use = &g_array_index (v->uses, VyreUse, i);
    guint before = 0;

    use->uses = use->name->uses;
    use->name->uses = 0;
    if (frame->uses != NULL)
      before = GPOINTER_TO_UINT (g_hash_table_lookup (frame->uses, use->name));
    if ((before & VYRE_USE_PLAIN && use->uses & VYRE_USE_ATOMIC) ||
        (before & VYRE_USE_ATOMIC && use->uses & VYRE_USE_PLAIN)) {
      if (found == NULL)
        found = g_array_new (FALSE, FALSE, sizeof (VyreUse));
      g_array_append_val (found, *use);
    }
  }
  if (found != NULL) {
    g_array_sort (found, compare_uses);
    for (guint i = 0; i < found->len; i++) {
      const VyreUse *use = &g_array_index (found, VyreUse, i);
      g_autofree char *name = vyre_string_display (use->name->string);
      guint before =
          GPOINTER_TO_UINT (g_hash_table_lookup (frame->uses, use->name));
      gboolean atomic_now =
          before & VYRE_USE_PLAIN && use->uses & VYRE_USE_ATOMIC;

      VYRE_FAIL (v, "S12", node->at,
          "buffer `%s` is accessed %s here and %s before in the same list; put "
          "a Barrier between, or use another buffer",
          name, atomic_now ? "atomically" : "plainly",
          atomic_now ? "plainly" : "atomically");
    }
  }
  if (!join_later) {
    join_uses (frame, v->uses);
    g_array_set_size (v->uses, 0);
    return;
  }
  frame->joining = v->uses;
  v->uses = g_array_new (FALSE, FALSE, sizeof (VyreUse));
}

/* --- statements -------------------------------------------------------------- */

static const VyreType *
type_of (VyreValidator *v, guint root)
{
  return root == VYRE_NO_TERM ? NULL : vyre_term (v, root)->type;
}

static void
check_new_name (VyreValidator *v, const VyreNode *node)
{
  const VyreBinding *binding = vyre_validator_name (v, node->name)->binding;
  gboolean again;
  g_autofree char *name = NULL;

  if (binding == NULL)
    return;
  again = node->kind == VYRE_NODE_LET && binding->is_let &&
          binding->list == v->frames->len - 1;
  if (!again && v->options.allow_shadowing)
    return;
  name = vyre_string_display (node->name);
  if (again)
    VYRE_FAIL (v, "V032", node->at,
        "second Let of `%s` in the same list; assign to it instead, or choose "
        "another name",
        name);
  else
    VYRE_FAIL (v, "V008", node->at,
        "%s `%s` hides a variable of that name; choose another name",
        node->kind == VYRE_NODE_LOOP ? "loop variable" : "variable", name);
}

static void
check_let (VyreValidator *v, const VyreNode *node, guint value)
{
  const VyreTerm *term = vyre_term (v, value);
  const VyreType *type =
      term->type != NULL ? term->type : vyre_plain_type (VYRE_TYPE_U32);

  check_new_name (v, node);
  bind (v, node->name, type, term->tag, TRUE, term->uniform);
}

static void
check_assign_type (VyreValidator *v, const VyreNode *node, const char *what,
    const char *name, const VyreType *value, const VyreType *type)
{
  g_autofree char *value_name = vyre_type_display (value);
  g_autofree char *type_name = vyre_type_display (type);

  VYRE_FAIL (v, "V045", node->at,
      "assignment of %s to %s `%s`, which is %s; cast the value", value_name,
      what, name, type_name);
}

/* The target's own rules, before the value is examined. */
static void
check_assign (VyreValidator *v, const VyreNode *node, guint root)
{
  VyreName *target = vyre_validator_name (v, node->name);
  const VyreBinding *binding = target->binding;
  g_autofree char *name = vyre_string_display (node->name);
  const VyreType *value = type_of (v, root), *element;
  const VyreBuffer *buffer;

  if (binding != NULL) {
    if (!binding->is_let)
      VYRE_FAIL (v, "V011", node->at,
          "assignment to loop variable `%s`; copy it into a variable of its "
          "own",
          name);
    if (value != NULL && value != binding->type)
      check_assign_type (v, node, "variable", name, value, binding->type);
    return;
  }
  if (target->buffer < 0) {
    VYRE_FAIL (v, "S2", node->at,
        "assignment to `%s`, which is no variable here; put a Let before this, "
        "into the same list or one around it",
        name);
    return;
  }
  buffer = &v->program->buffers[target->buffer];
  element = vyre_validator_type (v, buffer->element);
  if (buffer->access != VYRE_ACCESS_READ_WRITE)
    VYRE_FAIL (v, "S1", node->at,
        "assignment to buffer `%s` whose access is %s; use Store, and declare "
        "the buffer ReadWrite",
        name, vyre_access_name (buffer->access));
  if (value != NULL && value != element &&
      !(is_kind (value, VYRE_TYPE_U32) &&
          (is_kind (element, VYRE_TYPE_BYTES) ||
              is_kind (element, VYRE_TYPE_BOOL))) &&
      !(is_kind (element, VYRE_TYPE_U32) &&
          (is_kind (value, VYRE_TYPE_BYTES) ||
              is_kind (value, VYRE_TYPE_BOOL))))
    check_assign_type (v, node, "buffer", name, value, element);
}

static void
check_store_value (VyreValidator *v, const VyreNode *node, const char *name,
    const VyreType *value, const VyreType *element)
{
  g_autofree char *value_name = NULL, *element_name = NULL;

  if (value == NULL || element == NULL || value == element ||
      (is_kind (value, VYRE_TYPE_U32) && is_kind (element, VYRE_TYPE_BYTES)) ||
      (is_kind (value, VYRE_TYPE_BYTES) && is_kind (element, VYRE_TYPE_U32)))
    return;
  value_name = vyre_type_display (value);
  element_name = vyre_type_display (element);
  VYRE_FAIL (v, "S5", node->at,
      "Store of %s into buffer `%s`, which takes %s%s; cast the value",
      value_name, name, element_name,
      is_kind (element, VYRE_TYPE_U32)     ? " or bytes"
      : is_kind (element, VYRE_TYPE_BYTES) ? " or u32"
                                           : "");
}

static void
check_store (VyreValidator *v, const VyreNode *node, const guint roots[2])
{
  VyreName *target = vyre_validator_name (v, node->name);
  g_autofree char *name = vyre_string_display (node->name);
  const VyreExpr *literal = node->exprs[0];
  const VyreType *index = type_of (v, roots[0]), *element;
  const VyreBuffer *buffer;
  gint64 number;

  if (target->buffer < 0) {
    VYRE_FAIL (v, "S3", node->at,
        "Store to `%s`, which is no buffer; declare it", name);
    return;
  }
  buffer = &v->program->buffers[target->buffer];
  element = vyre_validator_type (v, buffer->element);
  if (buffer->access != VYRE_ACCESS_READ_WRITE &&
      buffer->access != VYRE_ACCESS_WRITE_ONLY &&
      buffer->access != VYRE_ACCESS_WORKGROUP)
    VYRE_FAIL (v, "S4", node->at,
        "Store to buffer `%s` whose access is %s; declare it ReadWrite", name,
        vyre_access_name (buffer->access));
  if (is_kind (element, VYRE_TYPE_BYTES))
    VYRE_FAIL (v, "V013", node->at,
        "Store to buffer `%s` of bytes; declare it with u8 or u32 elements",
        name);
  check_store_value (v, node, name, type_of (v, roots[1]), element);
  if (index != NULL && !is_kind (index, VYRE_TYPE_U32)) {
    g_autofree char *index_name = vyre_type_display (index);

    VYRE_FAIL (v, "S6", node->at,
        "the index of Store to buffer `%s` is %s; cast it to u32", name,
        index_name);
  }
  if (buffer->count == 0 || (literal->kind != VYRE_EXPR_LIT_U32 &&
                                literal->kind != VYRE_EXPR_LIT_I32))
    return;
  number = literal->kind == VYRE_EXPR_LIT_I32 ? (gint32) literal->bits
                                              : (gint64) literal->bits;
  if (number < 0 || number >= buffer->count)
    VYRE_FAIL (v, "V036", node->at,
        "Store at element %" G_GINT64_FORMAT
        " of buffer `%s`, which has %u; use an index from 0 to %u",
        number, name, buffer->count, buffer->count - 1);
}

static void
check_condition (VyreValidator *v, const VyreNode *node, guint root)
{
  const VyreType *type = type_of (v, root);
  g_autofree char *name = NULL;

  if (type == NULL || is_kind (type, VYRE_TYPE_U32) ||
      is_kind (type, VYRE_TYPE_BOOL))
    return;
  name = vyre_type_display (type);
  VYRE_FAIL (v, "S7", node->at,
      "the condition of If is %s and must be u32 or bool; compare it with "
      "something",
      name);
}

static void
check_bounds (VyreValidator *v, const VyreNode *node, const guint roots[2])
{
  for (guint i = 0; i < 2; i++) {
    const VyreType *type = type_of (v, roots[i]);
    g_autofree char *name = NULL;

    if (type == NULL || is_kind (type, VYRE_TYPE_U32))
      continue;
    name = vyre_type_display (type);
    VYRE_FAIL (v, "S8", node->at,
        "the %s bound of Loop is %s and must be u32; cast it",
        i == 0 ? "from" : "to", name);
  }
}

static void
check_barrier (VyreValidator *v, const VyreNode *node)
{
  VyreFrame *frame = top (v);

  v->has_barriers = TRUE;
  if (frame->divergent) {
    g_hash_table_add (v->refused_barriers, (gpointer) node);
    VYRE_FAIL (v, "V010", node->at,
        "not every invocation of a workgroup may reach this Barrier; move it "
        "out of the If or Loop, or make the condition or bounds of literals, "
        "BufLen and WorkgroupId");
  }
  if (node->ordering == VYRE_ORDER_RELAXED)
    VYRE_FAIL (v, "V043", node->at,
        "Barrier with ordering Relaxed, which orders nothing; use SeqCst");
  g_clear_pointer (&frame->uses, g_hash_table_unref);
}

static void
check_tag (VyreValidator *v, const VyreNode *node)
{
  if (node->tag.length == 0)
    VYRE_FAIL (v, "S11", node->at,
        "%s with an empty tag; give it the tag that its start and its wait "
        "share",
        vyre_node_kind_name (node->kind));
}

static void
check_indirect (VyreValidator *v, const VyreNode *node)
{
  VyreName *name = vyre_validator_name (v, node->name);

  if (node->count_offset % 4 != 0)
    VYRE_FAIL (v, "S10", node->at,
        "IndirectDispatch at byte %" G_GUINT64_FORMAT
        "; the offset must be a multiple of 4",
        node->count_offset);
  if (name->buffer < 0) {
    g_autofree char *text = vyre_string_display (node->name);

    VYRE_FAIL (v, "S10", node->at,
        "IndirectDispatch of `%s`, which is no buffer; declare it", text);
  }
}

static void
check_collective (VyreValidator *v, const VyreNode *node)
{
  const char *kind = vyre_node_kind_name (node->kind);
  gboolean two = node->kind == VYRE_NODE_ALL_GATHER ||
                 node->kind == VYRE_NODE_REDUCE_SCATTER;
  const VyreString names[2] = { node->name, node->name2 };
  const VyreType *types[2] = { NULL, NULL };

  if (v->options.repair) {
    VYRE_FAIL (v, "X11", node->at,
        "%s in group %u from root %u: there is one device and one rank; use "
        "group 0 and root 0",
        kind, node->group, node->root);
  } else if (!v->options.collective_support) {
    VYRE_FAIL (v, "V046", node->at,
        "%s needs support for collectives, which the executor does not have; "
        "leave it out",
        kind);
  }
  for (guint i = 0; i < (two ? 2 : 1); i++) {
    VyreName *name = vyre_validator_name (v, names[i]);
    g_autofree char *text = vyre_string_display (names[i]);
    const VyreBuffer *buffer;

    if (name->buffer < 0) {
      VYRE_FAIL (v, "V046", node->at,
          "%s of `%s`, which is no buffer; declare it", kind, text);
      continue;
    }
    buffer = &v->program->buffers[name->buffer];
    types[i] = vyre_validator_type (v, buffer->element);
    if (buffer->access == VYRE_ACCESS_WORKGROUP)
      VYRE_FAIL (v, "V046", node->at,
          "%s of Workgroup buffer `%s`; use a ReadWrite buffer", kind, text);
  }
  if (types[0] != NULL && types[1] != NULL && types[0] != types[1]) {
    g_autofree char *from = vyre_type_display (types[0]);
    g_autofree char *to = vyre_type_display (types[1]);

    VYRE_FAIL (v, "V046", node->at,
        "%s from elements of %s to elements of %s; declare one type", kind,
        from, to);
  }
}

static void
count_exclusive (VyreValidator *v, const VyreNode *node)
{
  gsize suffix = strlen (SELF_EXCLUSIVE);
  VyreString base = node->name;
  gpointer count;

  if (base.length < suffix ||
      memcmp (base.data + base.length - suffix, SELF_EXCLUSIVE, suffix) != 0)
    return;
  base.length -= (guint32) suffix;
  count = g_hash_table_lookup (v->exclusive, &base);
  if (count == NULL) {
    VyreString *key = g_memdup2 (&base, sizeof base);

    g_hash_table_insert (v->exclusive, key, GUINT_TO_POINTER (1));
  } else {
    g_hash_table_insert (v->exclusive, g_memdup2 (&base, sizeof base),
        GUINT_TO_POINTER (GPOINTER_TO_UINT (count) + 1));
  }
}

static void
count_statement (VyreValidator *v, const VyreNode *node)
{
  guint depth = top (v)->depth;

  v->n_statements++;
  if (v->n_statements > VYRE_MAX_STATEMENTS && !v->said_too_many) {
    v->said_too_many = TRUE;
    VYRE_FAIL (v, "V019", node->at,
        "more than %u statements; put repeated ones into a Loop, or split the "
        "program",
        VYRE_MAX_STATEMENTS);
  }
  if (depth > VYRE_MAX_LIST_DEPTH && !v->too_deep_lists) {
    v->too_deep = v->too_deep_lists = TRUE;
    VYRE_FAIL (v, "V018", node->at,
        "statements are nested %u lists deep, %u are allowed; nest less", depth,
        VYRE_MAX_LIST_DEPTH);
  }
}

/* --- the walk ----------------------------------------------------------------- */

static const char *
expr_field (const VyreNode *node, guint i)
{
  switch (node->kind) {
    case VYRE_NODE_STORE:
      return i == 0 ? "index" : "value";
    case VYRE_NODE_IF:
      return "condition";
    case VYRE_NODE_LOOP:
      return i == 0 ? "from" : "to";
    case VYRE_NODE_ASYNC_LOAD:
    case VYRE_NODE_ASYNC_STORE:
      return i == 0 ? "offset" : "size";
    case VYRE_NODE_TRAP:
      return "address";
    default:
      return "value";
  }
}

/* Expressions that section 22 does not look at, and that touch nothing. */
static gboolean
is_unchecked (const VyreNode *node)
{
  return node->kind == VYRE_NODE_ASYNC_LOAD ||
         node->kind == VYRE_NODE_ASYNC_STORE || node->kind == VYRE_NODE_TRAP;
}

static void
forget_uses (VyreValidator *v)
{
  for (guint i = 0; i < v->uses->len; i++)
    g_array_index (v->uses, VyreUse, i).name->uses = 0;
  g_array_set_size (v->uses, 0);
}

static void
analyse (VyreValidator *v, const VyreNode *node, guint roots[2])
{
  gboolean unchecked = is_unchecked (node);

  g_array_set_size (v->terms, 0);
  roots[0] = roots[1] = VYRE_NO_TERM;
  if (unchecked && !v->options.engine_checks)
    return;
  for (guint i = 0; i < node->n_exprs && i < 2; i++)
    if (node->exprs[i] != NULL)
      roots[i] = vyre_validator_analyse (v, node->exprs[i]);
  if (unchecked)
    forget_uses (v);
}

static void
check_exprs (VyreValidator *v, const VyreNode *node, const guint roots[2])
{
  if (is_unchecked (node))
    v->as_code = node->kind == VYRE_NODE_TRAP ? "X06" : "X05";
  for (guint i = 0; i < 2; i++)
    if (roots[i] != VYRE_NO_TERM)
      vyre_validator_check_expr (v, roots[i], expr_field (node, i));
  v->as_code = NULL;
}

static void
use_buffer (VyreValidator *v, VyreString name)
{
  vyre_validator_use (v, vyre_validator_name (v, name), VYRE_USE_PLAIN);
}

/* All of a statement but what it contains. */
static void
check_statement (VyreValidator *v, const VyreNode *node, const guint roots[2])
{
  guint64 before = v->n_reported;
  VyreBinding *binding;

  if (node->kind == VYRE_NODE_ASSIGN)
    check_assign (v, node, roots[0]);
  else if (node->kind == VYRE_NODE_STORE)
    check_store (v, node, roots);
  check_exprs (v, node, roots);

  switch (node->kind) {
    case VYRE_NODE_LET:
      check_let (v, node, roots[0]);
      break;
    case VYRE_NODE_ASSIGN:
      binding = vyre_validator_name (v, node->name)->binding;
      if (binding != NULL)
        binding->uniform &= vyre_term (v, roots[0])->uniform;
      break;
    case VYRE_NODE_STORE:
      use_buffer (v, node->name);
      break;
    case VYRE_NODE_IF:
      check_condition (v, node, roots[0]);
      break;
    case VYRE_NODE_LOOP:
      check_bounds (v, node, roots);
      check_new_name (v, node);
      break;
    case VYRE_NODE_RETURN:
      top (v)->first_return = MIN (top (v)->first_return, top (v)->next);
      break;
    case VYRE_NODE_BARRIER:
      check_barrier (v, node);
      break;
    case VYRE_NODE_ASYNC_LOAD:
    case VYRE_NODE_ASYNC_STORE:
      check_tag (v, node);
      use_buffer (v, node->name);
      use_buffer (v, node->name2);
      break;
    case VYRE_NODE_ASYNC_WAIT:
      check_tag (v, node);
      break;
    case VYRE_NODE_INDIRECT_DISPATCH:
      check_indirect (v, node);
      use_buffer (v, node->name);
      break;
    case VYRE_NODE_ALL_REDUCE:
    case VYRE_NODE_BROADCAST:
      check_collective (v, node);
      use_buffer (v, node->name);
      break;
    case VYRE_NODE_ALL_GATHER:
    case VYRE_NODE_REDUCE_SCATTER:
      check_collective (v, node);
      use_buffer (v, node->name);
      use_buffer (v, node->name2);
      break;
    case VYRE_NODE_REGION:
      count_exclusive (v, node);
      break;
    case VYRE_NODE_OPAQUE:
      if (node->name.length == 0)
        VYRE_FAIL (v, "V031", node->at,
            "the extension statement has an empty kind; name its extension");
      break;
    case VYRE_NODE_BLOCK:
    case VYRE_NODE_TRAP:
    case VYRE_NODE_RESUME:
      break;
  }
  check_hazards (
      v, node, node->kind == VYRE_NODE_IF || node->kind == VYRE_NODE_LOOP);
  if (v->options.engine_checks && v->n_reported == before)
    vyre_engine_check_node (v, node, roots);
}

static void
enter (VyreValidator *v)
{
  const VyreNode *node = top (v)->nodes[top (v)->next];
  guint depth = top (v)->depth + 1;
  gboolean divergent = top (v)->divergent, uniform = TRUE;
  guint roots[2];

  v->statement_at = node->at;
  count_statement (v, node);
  analyse (v, node, roots);
  check_statement (v, node, roots);

  for (guint i = 0; i < 2; i++)
    if (roots[i] != VYRE_NO_TERM)
      uniform &= vyre_term (v, roots[i])->uniform;
  switch (node->kind) {
    case VYRE_NODE_IF:
      top (v)->stage = VYRE_STAGE_THEN;
      open_list (v, &node->body, "then", depth, divergent || !uniform);
      return;
    case VYRE_NODE_LOOP:
      top (v)->stage = VYRE_STAGE_LAST;
      open_list (v, &node->body, "body", depth, divergent || !uniform);
      bind (v, node->name, vyre_plain_type (VYRE_TYPE_U32),
          (VyreRunTag){ VYRE_TAG_WORD, 0 }, FALSE, uniform && !divergent);
      return;
    case VYRE_NODE_BLOCK:
    case VYRE_NODE_REGION:
      top (v)->stage = VYRE_STAGE_LAST;
      open_list (v, &node->body, "body", depth, divergent);
      return;
    default:
      top (v)->next++;
      return;
  }
}

/* A list inside of the statement at hand has ended. */
static void
leave (VyreValidator *v, gboolean divergent)
{
  VyreFrame *frame = top (v);
  const VyreNode *node = frame->nodes[frame->next];

  if (frame->stage == VYRE_STAGE_THEN) {
    frame->stage = VYRE_STAGE_LAST;
    open_list (v, &node->otherwise, "else", frame->depth + 1, divergent);
    return;
  }
  if (frame->joining != NULL) {
    join_uses (frame, frame->joining);
    g_clear_pointer (&frame->joining, g_array_unref);
  }
  frame->stage = VYRE_STAGE_START;
  frame->next++;
}

void
vyre_validator_walk (VyreValidator *v)
{
  /* The Region that section 3.1 puts around it counts. */
  open_list (v, &v->program->entry, "entry", v->wrapped ? 1 : 0, FALSE);
  v->n_statements = v->wrapped ? 1 : 0;
  while (v->frames->len > 0) {
    gboolean divergent;

    if (top (v)->next < top (v)->n_nodes) {
      enter (v);
      continue;
    }
    divergent = top (v)->divergent;
    close_list (v);
    if (v->frames->len > 0)
      leave (v, divergent);
  }
}
