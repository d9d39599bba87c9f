/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "builtin-model.h"

/* Of its metadata and arguments, which are a stream of bytes. */
#define SLOT_BYTES (VYRE_ARGS_PER_SLOT * 4)

typedef struct
{
  guint32 opcode;
  guint32 a[3];
} Op;

static guint32
byte_of (const guint32 *args, guint32 k)
{
  return k < SLOT_BYTES ? args[k / 4] >> 8 * (k % 4) & 0xff : 0;
}

/* The operations of a packed slot. FALSE: they do not fit it. */
static gboolean
unpack (const guint32 *args, Op ops[VYRE_BUILTIN_MAX_OPS], guint *n_ops)
{
  guint32 n = byte_of (args, 0), total = byte_of (args, 1);
  guint32 meta = (2 + 2 * n + 3) / 4, before = 0;

  if (meta > VYRE_ARGS_PER_SLOT || total > VYRE_ARGS_PER_SLOT - meta)
    return FALSE;
  for (guint32 i = 0; i < n; i++) {
    guint32 first = byte_of (args, 3 + 2 * i);
    guint32 end = i + 1 < n ? byte_of (args, 5 + 2 * i) : total;

    if (first < before || first > total)
      return FALSE;
    before = first;
    ops[i] = (Op){ .opcode = byte_of (args, 2 + 2 * i) };
    for (guint32 k = 0; k < 3 && first + k < MIN (end, total); k++)
      ops[i].a[k] = args[meta + first + k];
  }
  *n_ops = n;
  return TRUE;
}

static gboolean
list_ops (const guint32 *slot, Op ops[VYRE_BUILTIN_MAX_OPS], guint *n_ops)
{
  if (slot[0] == VYRE_OP_PACKED_SLOT)
    return unpack (slot + 1, ops, n_ops);
  ops[0] = (Op){ slot[0], { slot[1], slot[2], slot[3] } };
  *n_ops = 1;
  return TRUE;
}

/* --- what is allowed ------------------------------------------------------ */

static gboolean
is_inside (guint32 first, guint32 n, guint32 from, guint32 count)
{
  return first >= from && first - from <= count && n <= count - (first - from);
}

static gboolean
may_use (
    const VyreBuiltinTenant *tenant, guint32 first, guint32 n, guint32 *where)
{
  if ((is_inside (first, n, tenant->first, tenant->n) &&
          is_inside (first, n, 0, VYRE_CONTROL_TABLE)) ||
      ((tenant->rights & VYRE_TENANT_MAY_WRITE_CONTROL) != 0 &&
          is_inside (first, n, 0, VYRE_CONTROL_TABLE)))
    return TRUE;
  *where = first;
  return FALSE;
}

static gboolean
may_yield (const VyreBuiltinTenant *tenant, guint32 i, guint32 *where)
{
  if (i < VYRE_CONTROL_OBSERVABLES)
    return may_use (tenant, VYRE_C_OBSERVABLE + i, 1, where);
  *where = i;
  return FALSE;
}

static guint32
check_dfa (const VyreBuiltinTenant *tenant, const Op *op, guint32 *where)
{
  *where = op->a[0];
  if (op->a[0] >= tenant->n_states)
    return VYRE_FAULT_ARGUMENT;
  *where = op->a[1];
  if (op->a[1] > 255)
    return VYRE_FAULT_ARGUMENT;
  return may_yield (tenant, op->a[2], where) ? VYRE_FAULT_NONE
                                             : VYRE_FAULT_CONTROL_INDEX;
}

/* A fault code, and where: the fault's address. */
static guint32
check (const VyreBuiltinTenant *tenant, const Op *op, guint32 *where)
{
  const guint32 *a = op->a;
  gboolean ok = TRUE;

  *where = 0;
  switch (op->opcode) {
    case VYRE_OP_NOP:
    case VYRE_OP_BATCH_FENCE:
      break;
    case VYRE_OP_STORE_U32:
    case VYRE_OP_ATOMIC_ADD:
      ok = may_use (tenant, a[1], 1, where);
      break;
    case VYRE_OP_LOAD_U32:
      ok = may_use (tenant, a[0], 1, where) && may_yield (tenant, a[1], where);
      break;
    case VYRE_OP_COMPARE_SWAP:
      ok = may_use (tenant, a[0], 1, where) && may_yield (tenant, a[0], where);
      break;
    case VYRE_OP_MEMCPY:
      ok = may_use (tenant, a[0], a[2], where) &&
           may_use (tenant, a[1], a[2], where);
      break;
    case VYRE_OP_DFA_STEP:
      return check_dfa (tenant, op, where);
    case VYRE_OP_PRINTF:
      *where = a[0];
      if ((tenant->rights & VYRE_TENANT_MAY_PRINT) == 0)
        return VYRE_FAULT_DENIED;
      return a[0] != 0 ? VYRE_FAULT_NONE : VYRE_FAULT_ARGUMENT;
    case VYRE_OP_SHUTDOWN:
      return (tenant->rights & VYRE_TENANT_MAY_SHUT_DOWN) != 0
                 ? VYRE_FAULT_NONE
                 : VYRE_FAULT_DENIED;
    case VYRE_OP_LOAD_MISS:
      return (tenant->rights & VYRE_TENANT_MAY_IO) != 0 ? VYRE_FAULT_NONE
                                                        : VYRE_FAULT_DENIED;
    default:
      *where = op->opcode;
      return VYRE_FAULT_BAD_OPCODE;
  }
  return ok ? VYRE_FAULT_NONE : VYRE_FAULT_CONTROL_INDEX;
}

/* --- running ---------------------------------------------------------------- */

/* One that is allowed; what it yields. */
static guint32
operate (const VyreBuiltinTenant *tenant, const Op *op, guint32 *control)
{
  const guint32 *a = op->a;
  guint32 got;

  switch (op->opcode) {
    case VYRE_OP_STORE_U32:
      got = control[a[1]];
      control[a[1]] = a[0];
      return got;
    case VYRE_OP_ATOMIC_ADD:
      got = control[a[1]];
      control[a[1]] += a[0];
      return got;
    case VYRE_OP_LOAD_U32:
      return control[VYRE_C_OBSERVABLE + a[1]] = control[a[0]];
    case VYRE_OP_COMPARE_SWAP:
      got = control[a[0]];
      if (got == a[1])
        control[a[0]] = a[2];
      return control[VYRE_C_OBSERVABLE + a[0]] = got;
    case VYRE_OP_MEMCPY:
      for (guint32 i = 0; i < a[2]; i++)
        control[a[1] + i] = control[a[0] + i];
      return a[2];
    case VYRE_OP_DFA_STEP:
      got =
          tenant->table != NULL ? tenant->table[(gsize) a[0] * 256 + a[1]] : 0;
      return control[VYRE_C_OBSERVABLE + a[2]] = got;
    case VYRE_OP_BATCH_FENCE:
      control[VYRE_C_OBSERVABLE] = a[1];
      return ++control[VYRE_C_EPOCH];
    case VYRE_OP_SHUTDOWN:
      if (control[VYRE_C_SHUTDOWN] == 0)
        control[VYRE_C_SHUTDOWN] = VYRE_SHUTDOWN_DRAIN;
      return 0;
    default:
      return 0;
  }
}

VyreBuiltinOutcome
vyre_builtin_run (const VyreBuiltinTenant *tenant,
    const guint32 slot[VYRE_BUILTIN_WORDS], guint32 control[VYRE_CONTROL_TABLE])
{
  VyreBuiltinOutcome outcome = { VYRE_FAULT_NONE, 0 };
  Op ops[VYRE_BUILTIN_MAX_OPS];
  guint n;

  if (!list_ops (slot, ops, &n))
    return (VyreBuiltinOutcome){ VYRE_FAULT_PACKED, 0 };
  for (guint i = 0; i < n; i++) {
    outcome.code = check (tenant, &ops[i], &outcome.value);
    if (outcome.code != VYRE_FAULT_NONE)
      break;
    outcome.value = operate (tenant, &ops[i], control);
  }
  return outcome;
}

/* --- what is used ------------------------------------------------------------- */

void
vyre_word_set_add (VyreWordSet *set, guint32 first, guint32 n)
{
  for (guint32 i = first; i < first + n; i++)
    set->bits[i / 64] |= (guint64) 1 << i % 64;
}

void
vyre_word_set_join (VyreWordSet *set, const VyreWordSet *other)
{
  for (guint i = 0; i < G_N_ELEMENTS (set->bits); i++)
    set->bits[i] |= other->bits[i];
}

gboolean
vyre_word_sets_meet (const VyreWordSet *a, const VyreWordSet *b)
{
  for (guint i = 0; i < G_N_ELEMENTS (a->bits); i++) {
    if ((a->bits[i] & b->bits[i]) != 0)
      return TRUE;
  }
  return FALSE;
}

gboolean
vyre_word_set_is_empty (const VyreWordSet *set)
{
  return !vyre_word_sets_meet (set, set);
}

static void
use (VyreBuiltinTouch *touch, VyreWordSet *others, guint32 word)
{
  vyre_word_set_add (&touch->reads, word, 1);
  vyre_word_set_add (&touch->writes, word, 1);
  if (others != NULL)
    vyre_word_set_add (others, word, 1);
}

/* others: what is used otherwise than by adding. */
static void
touch_op (const Op *op, VyreBuiltinTouch *touch, VyreWordSet *others)
{
  const guint32 *a = op->a;

  switch (op->opcode) {
    case VYRE_OP_STORE_U32:
      use (touch, others, a[1]);
      break;
    case VYRE_OP_ATOMIC_ADD:
      use (touch, NULL, a[1]);
      vyre_word_set_add (&touch->adds, a[1], 1);
      break;
    case VYRE_OP_LOAD_U32:
      vyre_word_set_add (&touch->reads, a[0], 1);
      vyre_word_set_add (others, a[0], 1);
      vyre_word_set_add (&touch->writes, VYRE_C_OBSERVABLE + a[1], 1);
      vyre_word_set_add (others, VYRE_C_OBSERVABLE + a[1], 1);
      break;
    case VYRE_OP_COMPARE_SWAP:
      use (touch, others, a[0]);
      vyre_word_set_add (&touch->writes, VYRE_C_OBSERVABLE + a[0], 1);
      vyre_word_set_add (others, VYRE_C_OBSERVABLE + a[0], 1);
      break;
    case VYRE_OP_MEMCPY:
      vyre_word_set_add (&touch->reads, a[0], a[2]);
      vyre_word_set_add (others, a[0], a[2]);
      vyre_word_set_add (&touch->writes, a[1], a[2]);
      vyre_word_set_add (others, a[1], a[2]);
      break;
    case VYRE_OP_DFA_STEP:
      vyre_word_set_add (&touch->writes, VYRE_C_OBSERVABLE + a[2], 1);
      vyre_word_set_add (others, VYRE_C_OBSERVABLE + a[2], 1);
      break;
    case VYRE_OP_BATCH_FENCE:
      use (touch, others, VYRE_C_EPOCH);
      vyre_word_set_add (&touch->writes, VYRE_C_OBSERVABLE, 1);
      vyre_word_set_add (others, VYRE_C_OBSERVABLE, 1);
      break;
    case VYRE_OP_SHUTDOWN:
      use (touch, others, VYRE_C_SHUTDOWN);
      break;
    default:
      break;
  }
}

void
vyre_builtin_touch (const VyreBuiltinTenant *tenant,
    const guint32 slot[VYRE_BUILTIN_WORDS], VyreBuiltinTouch *touch)
{
  VyreWordSet others = { 0 };
  Op ops[VYRE_BUILTIN_MAX_OPS];
  guint32 where;
  guint n;

  *touch = (VyreBuiltinTouch){ 0 };
  if (!list_ops (slot, ops, &n))
    return;
  for (guint i = 0; i < n; i++) {
    if (check (tenant, &ops[i], &where) != VYRE_FAULT_NONE)
      break;
    touch_op (&ops[i], touch, &others);
  }
  for (guint i = 0; i < G_N_ELEMENTS (others.bits); i++)
    touch->adds.bits[i] &= ~others.bits[i];
}

void
vyre_builtin_conflict (
    const VyreBuiltinTouch *a, const VyreBuiltinTouch *b, VyreWordSet *conflict)
{
  for (guint i = 0; i < G_N_ELEMENTS (conflict->bits); i++)
    conflict->bits[i] =
        (a->writes.bits[i] & (b->reads.bits[i] | b->writes.bits[i])) |
        (b->writes.bits[i] & a->reads.bits[i]);
}

guint32
vyre_builtin_waits_for (const guint32 slot[VYRE_BUILTIN_WORDS])
{
  Op ops[VYRE_BUILTIN_MAX_OPS];
  guint32 most = 0;
  guint n;

  if (!list_ops (slot, ops, &n))
    return 0;
  for (guint i = 0; i < n; i++) {
    if (ops[i].opcode == VYRE_OP_BATCH_FENCE)
      most = MAX (most, ops[i].a[0]);
  }
  return most;
}

gboolean
vyre_builtin_has_op (const guint32 slot[VYRE_BUILTIN_WORDS], guint32 opcode)
{
  Op ops[VYRE_BUILTIN_MAX_OPS];
  guint n;

  if (!list_ops (slot, ops, &n))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    if (ops[i].opcode == opcode)
      return TRUE;
  }
  return FALSE;
}

const char *
vyre_builtin_name (guint32 opcode)
{
  switch (opcode) {
    case VYRE_OP_NOP:
      return "NOP";
    case VYRE_OP_STORE_U32:
      return "STORE_U32";
    case VYRE_OP_ATOMIC_ADD:
      return "ATOMIC_ADD";
    case VYRE_OP_LOAD_U32:
      return "LOAD_U32";
    case VYRE_OP_COMPARE_SWAP:
      return "COMPARE_SWAP";
    case VYRE_OP_MEMCPY:
      return "MEMCPY";
    case VYRE_OP_DFA_STEP:
      return "DFA_STEP";
    case VYRE_OP_BATCH_FENCE:
      return "BATCH_FENCE";
    case VYRE_OP_LOAD_MISS:
      return "LOAD_MISS";
    case VYRE_OP_PRINTF:
      return "PRINTF";
    case VYRE_OP_PACKED_SLOT:
      return "PACKED_SLOT";
    case VYRE_OP_SHUTDOWN:
      return "SHUTDOWN";
    default:
      return NULL;
  }
}
