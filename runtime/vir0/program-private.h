/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "program.h"

static inline gboolean
vyre_node_is_collective (const VyreNode *node)
{
  return node->kind == VYRE_NODE_ALL_REDUCE ||
         node->kind == VYRE_NODE_ALL_GATHER ||
         node->kind == VYRE_NODE_REDUCE_SCATTER ||
         node->kind == VYRE_NODE_BROADCAST;
}

/* A new program that keeps base alive, so that it may use base's strings,
 * types and payloads. */
VyreProgram *vyre_program_new_on (const VyreProgram *base);

/* Bytes of memory that the program holds, unused ends of chunks included. */
gsize vyre_program_memory (const VyreProgram *program);
