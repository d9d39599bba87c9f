/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "survey.h"

#include <string.h>

const char *
survey_need_name (SurveyNeed need)
{
  static const char *const names[SURVEY_N_NEEDS] = {
    [SURVEY_ATOMICS] = "atomics",
    [SURVEY_BARRIERS] = "barriers",
    [SURVEY_GRID_SYNC] = "grid-sync",
    [SURVEY_WORKGROUP_MEMORY] = "workgroup-memory",
    [SURVEY_SUBGROUPS] = "subgroups",
    [SURVEY_FLOAT32] = "float32",
    [SURVEY_FLOAT64] = "float64",
    [SURVEY_INT64] = "int64",
    [SURVEY_ASYNC_COPIES] = "async-copies",
    [SURVEY_INDIRECT_DISPATCH] = "indirect-dispatch",
    [SURVEY_COLLECTIVES] = "collectives",
    [SURVEY_TRAPS] = "traps",
    [SURVEY_CALLS] = "calls",
    [SURVEY_EXTENSIONS] = "extensions",
  };

  return names[need];
}

static void
survey_type (Survey *s, const VyreType *type)
{
  for (; type; type = type->element) {
    switch (type->kind) {
      case VYRE_TYPE_F16:
      case VYRE_TYPE_BF16:
      case VYRE_TYPE_F32:
        s->needs[SURVEY_FLOAT32] = TRUE;
        break;
      case VYRE_TYPE_F64:
        s->needs[SURVEY_FLOAT64] = TRUE;
        break;
      case VYRE_TYPE_U64:
      case VYRE_TYPE_I64:
        s->needs[SURVEY_INT64] = TRUE;
        break;
      case VYRE_TYPE_OPAQUE:
        s->needs[SURVEY_EXTENSIONS] = TRUE;
        break;
      default:
        break;
    }
  }
}

static void
survey_opaque (Survey *s, const VyreExpr *expr)
{
  if (vyre_string_is (expr->name, "vyre.literal.f64"))
    s->needs[SURVEY_FLOAT64] = TRUE;
  else if (vyre_string_is (expr->name, "vyre.literal.u64") ||
           vyre_string_is (expr->name, "vyre.literal.i64"))
    s->needs[SURVEY_INT64] = TRUE;
  else
    s->needs[SURVEY_EXTENSIONS] = TRUE;
}

static void
survey_expr (Survey *s, const VyreExpr *expr, guint depth)
{
  s->n_exprs++;
  s->depth = MAX (s->depth, depth);
  if (expr->op == 0x80)
    s->needs[SURVEY_EXTENSIONS] = TRUE;
  switch (expr->kind) {
    case VYRE_EXPR_BIN_OP:
      s->bin_ops[expr->op] = TRUE;
      break;
    case VYRE_EXPR_UN_OP:
      s->un_ops[expr->op] = TRUE;
      break;
    case VYRE_EXPR_CALL:
      s->needs[SURVEY_CALLS] = TRUE;
      break;
    case VYRE_EXPR_CAST:
      survey_type (s, expr->type);
      break;
    case VYRE_EXPR_ATOMIC:
      s->needs[SURVEY_ATOMICS] = TRUE;
      break;
    case VYRE_EXPR_LIT_F32:
    case VYRE_EXPR_FMA:
      s->needs[SURVEY_FLOAT32] = TRUE;
      break;
    case VYRE_EXPR_SUBGROUP_ADD:
    case VYRE_EXPR_SUBGROUP_SHUFFLE:
    case VYRE_EXPR_SUBGROUP_BALLOT:
    case VYRE_EXPR_SUBGROUP_LOCAL_ID:
    case VYRE_EXPR_SUBGROUP_SIZE:
      s->needs[SURVEY_SUBGROUPS] = TRUE;
      break;
    case VYRE_EXPR_OPAQUE:
      survey_opaque (s, expr);
      break;
    default:
      break;
  }
  for (guint32 i = 0; i < expr->n_args; i++)
    survey_expr (s, expr->args[i], depth + 1);
}

static void
survey_list (Survey *s, const VyreNodeList *list, guint depth)
{
  for (guint32 i = 0; i < list->n_nodes; i++) {
    const VyreNode *node = list->nodes[i];

    s->n_nodes++;
    s->depth = MAX (s->depth, depth);
    switch (node->kind) {
      case VYRE_NODE_BARRIER:
        s->needs[node->ordering == VYRE_ORDER_GRID_SYNC ? SURVEY_GRID_SYNC
                                                        : SURVEY_BARRIERS] =
            TRUE;
        break;
      case VYRE_NODE_INDIRECT_DISPATCH:
        s->needs[SURVEY_INDIRECT_DISPATCH] = TRUE;
        break;
      case VYRE_NODE_ASYNC_LOAD:
      case VYRE_NODE_ASYNC_STORE:
      case VYRE_NODE_ASYNC_WAIT:
        s->needs[SURVEY_ASYNC_COPIES] = TRUE;
        break;
      case VYRE_NODE_TRAP:
      case VYRE_NODE_RESUME:
        s->needs[SURVEY_TRAPS] = TRUE;
        break;
      case VYRE_NODE_ALL_REDUCE:
      case VYRE_NODE_ALL_GATHER:
      case VYRE_NODE_REDUCE_SCATTER:
      case VYRE_NODE_BROADCAST:
        s->needs[SURVEY_COLLECTIVES] = TRUE;
        break;
      case VYRE_NODE_OPAQUE:
        s->needs[SURVEY_EXTENSIONS] = TRUE;
        break;
      default:
        break;
    }
    for (guint j = 0; j < node->n_exprs; j++)
      survey_expr (s, node->exprs[j], depth + 1);
    survey_list (s, &node->body, depth + 1);
    survey_list (s, &node->otherwise, depth + 1);
  }
}

void
survey_program (const VyreProgram *program, Survey *survey)
{
  memset (survey, 0, sizeof *survey);
  for (guint32 i = 0; i < program->n_buffers; i++) {
    const VyreBuffer *buffer = &program->buffers[i];
    guint64 bytes;

    survey_type (survey, buffer->element);
    if (buffer->access != VYRE_ACCESS_WORKGROUP)
      continue;
    survey->needs[SURVEY_WORKGROUP_MEMORY] = TRUE;
    if (!vyre_type_static_size (buffer->element, buffer->count, &bytes) ||
        !g_uint64_checked_add (
            &survey->workgroup_bytes, survey->workgroup_bytes, bytes))
      survey->workgroup_bytes = G_MAXUINT64;
  }
  survey_list (survey, &program->entry, 1);
}
