/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "text-private.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

const VyreTextWord vyre_text_types[] = {
  { "u32", VYRE_TYPE_U32 },
  { "i32", VYRE_TYPE_I32 },
  { "u64", VYRE_TYPE_U64 },
  { "vec2u32", VYRE_TYPE_VEC2U32 },
  { "vec4u32", VYRE_TYPE_VEC4U32 },
  { "bool", VYRE_TYPE_BOOL },
  { "bytes", VYRE_TYPE_BYTES },
  { "array", VYRE_TYPE_ARRAY },
  { "f16", VYRE_TYPE_F16 },
  { "bf16", VYRE_TYPE_BF16 },
  { "f32", VYRE_TYPE_F32 },
  { "f64", VYRE_TYPE_F64 },
  { "tensor", VYRE_TYPE_TENSOR },
  { "u8", VYRE_TYPE_U8 },
  { "u16", VYRE_TYPE_U16 },
  { "i8", VYRE_TYPE_I8 },
  { "i16", VYRE_TYPE_I16 },
  { "i64", VYRE_TYPE_I64 },
  { "handle", VYRE_TYPE_HANDLE },
  { "vec", VYRE_TYPE_VEC },
  { "tensor_shaped", VYRE_TYPE_TENSOR_SHAPED },
  { "sparse_csr", VYRE_TYPE_SPARSE_CSR },
  { "sparse_coo", VYRE_TYPE_SPARSE_COO },
  { "sparse_bsr", VYRE_TYPE_SPARSE_BSR },
  { "f8e4m3", VYRE_TYPE_F8E4M3 },
  { "f8e5m2", VYRE_TYPE_F8E5M2 },
  { "i4", VYRE_TYPE_I4 },
  { "fp4", VYRE_TYPE_FP4 },
  { "nf4", VYRE_TYPE_NF4 },
  { "device_mesh", VYRE_TYPE_DEVICE_MESH },
  { "quantized", VYRE_TYPE_QUANTIZED },
  { "opaque", VYRE_TYPE_OPAQUE },
  { NULL },
};

const VyreTextWord vyre_text_accesses[] = {
  { "readonly", VYRE_ACCESS_READ_ONLY },
  { "readwrite", VYRE_ACCESS_READ_WRITE },
  { "uniform", VYRE_ACCESS_UNIFORM },
  { "workgroup", VYRE_ACCESS_WORKGROUP },
  { "writeonly", VYRE_ACCESS_WRITE_ONLY },
  { NULL },
};

const VyreTextWord vyre_text_kinds[] = {
  { "global", VYRE_KIND_GLOBAL },
  { "shared", VYRE_KIND_SHARED },
  { "uniform", VYRE_KIND_UNIFORM },
  { "local", VYRE_KIND_LOCAL },
  { "readonly", VYRE_KIND_READONLY },
  { "push", VYRE_KIND_PUSH },
  { "persistent", VYRE_KIND_PERSISTENT },
  { NULL },
};

const VyreTextWord vyre_text_localities[] = {
  { "streaming", VYRE_LOCALITY_STREAMING },
  { "temporal", VYRE_LOCALITY_TEMPORAL },
  { "random", VYRE_LOCALITY_RANDOM },
  { NULL },
};

const VyreTextWord vyre_text_orderings[] = {
  { "relaxed", VYRE_ORDER_RELAXED },
  { "acquire", VYRE_ORDER_ACQUIRE },
  { "release", VYRE_ORDER_RELEASE },
  { "acq_rel", VYRE_ORDER_ACQ_REL },
  { "seq_cst", VYRE_ORDER_SEQ_CST },
  { "grid_sync", VYRE_ORDER_GRID_SYNC },
  { NULL },
};

const VyreTextWord vyre_text_collectives[] = {
  { "sum", VYRE_COLLECTIVE_SUM },
  { "min", VYRE_COLLECTIVE_MIN },
  { "max", VYRE_COLLECTIVE_MAX },
  { "bit_and", VYRE_COLLECTIVE_BIT_AND },
  { "bit_or", VYRE_COLLECTIVE_BIT_OR },
  { "bit_xor", VYRE_COLLECTIVE_BIT_XOR },
  { NULL },
};

/* Statements that look like a call. */
const VyreTextWord vyre_text_statements[] = {
  { "indirect_dispatch", VYRE_NODE_INDIRECT_DISPATCH },
  { "async_load", VYRE_NODE_ASYNC_LOAD },
  { "async_store", VYRE_NODE_ASYNC_STORE },
  { "async_wait", VYRE_NODE_ASYNC_WAIT },
  { "trap", VYRE_NODE_TRAP },
  { "resume", VYRE_NODE_RESUME },
  { "all_reduce", VYRE_NODE_ALL_REDUCE },
  { "all_gather", VYRE_NODE_ALL_GATHER },
  { "reduce_scatter", VYRE_NODE_REDUCE_SCATTER },
  { "broadcast", VYRE_NODE_BROADCAST },
  { "opaque", VYRE_NODE_OPAQUE },
  { NULL },
};

/* vir0-wire.md section 11.3. */
const VyreTextWord vyre_text_scales[] = {
  { "per_tensor", 0 },
  { "per_channel", 1 },
  { "per_group", 2 },
  { NULL },
};

const VyreTextWord vyre_text_zeros[] = {
  { "absent", 0 },
  { "per_tensor", 1 },
  { "per_channel", 2 },
  { "per_group", 3 },
  { NULL },
};

/* Words that are no names unless they stand in back quotes. */
const VyreTextWord vyre_text_reserved[] = {
  { "barrier" },
  { "buffer" },
  { "else" },
  { "false" },
  { "for" },
  { "if" },
  { "inf" },
  { "invocation_id" },
  { "let" },
  { "local_id" },
  { "loop" },
  { "main" },
  { "nan" },
  { "region" },
  { "return" },
  { "true" },
  { "workgroup_id" },
  { NULL },
};

#define BINARY(name, op) \
  { \
    name, VYRE_EXPR_BIN_OP, VYRE_BIN_##op, 2 \
  }
#define UNARY(name, op) \
  { \
    name, VYRE_EXPR_UN_OP, VYRE_UN_##op, 1 \
  }
#define ATOMIC(name, op) \
  { \
    name, VYRE_EXPR_ATOMIC, VYRE_ATOMIC_##op, 0 \
  }

const VyreTextFunction vyre_text_functions[] = {
  { "len", VYRE_EXPR_BUF_LEN, 0, 0 },
  { "select", VYRE_EXPR_SELECT, 0, 3 },
  { "fma", VYRE_EXPR_FMA, 0, 3 },
  BINARY ("abs_diff", ABS_DIFF),
  BINARY ("min", MIN),
  BINARY ("max", MAX),
  BINARY ("sat_add", SATURATING_ADD),
  BINARY ("sat_sub", SATURATING_SUB),
  BINARY ("sat_mul", SATURATING_MUL),
  BINARY ("rotate_left", ROTATE_LEFT),
  BINARY ("rotate_right", ROTATE_RIGHT),
  BINARY ("wrapping_add", WRAPPING_ADD),
  BINARY ("wrapping_sub", WRAPPING_SUB),
  BINARY ("mul_high", MUL_HIGH),
  BINARY ("shuffle", SHUFFLE),
  BINARY ("ballot", BALLOT),
  BINARY ("wave_reduce", WAVE_REDUCE),
  BINARY ("wave_broadcast", WAVE_BROADCAST),
  BINARY ("opaque_binary", OPAQUE),
  UNARY ("popcount", POPCOUNT),
  UNARY ("clz", CLZ),
  UNARY ("ctz", CTZ),
  UNARY ("reverse_bits", REVERSE_BITS),
  UNARY ("cos", COS),
  UNARY ("sin", SIN),
  UNARY ("abs", ABS),
  UNARY ("sqrt", SQRT),
  UNARY ("floor", FLOOR),
  UNARY ("ceil", CEIL),
  UNARY ("round", ROUND),
  UNARY ("trunc", TRUNC),
  UNARY ("sign", SIGN),
  UNARY ("is_nan", IS_NAN),
  UNARY ("is_inf", IS_INF),
  UNARY ("is_finite", IS_FINITE),
  UNARY ("exp", EXP),
  UNARY ("log", LOG),
  UNARY ("log2", LOG2),
  UNARY ("exp2", EXP2),
  UNARY ("tan", TAN),
  UNARY ("acos", ACOS),
  UNARY ("asin", ASIN),
  UNARY ("atan", ATAN),
  UNARY ("tanh", TANH),
  UNARY ("sinh", SINH),
  UNARY ("cosh", COSH),
  UNARY ("inverse_sqrt", INVERSE_SQRT),
  UNARY ("unpack4_low", UNPACK4_LOW),
  UNARY ("unpack4_high", UNPACK4_HIGH),
  UNARY ("unpack8_low", UNPACK8_LOW),
  UNARY ("unpack8_high", UNPACK8_HIGH),
  UNARY ("reciprocal", RECIPROCAL),
  UNARY ("opaque_unary", OPAQUE),
  ATOMIC ("atomic_add", ADD),
  ATOMIC ("atomic_or", OR),
  ATOMIC ("atomic_and", AND),
  ATOMIC ("atomic_xor", XOR),
  ATOMIC ("atomic_min", MIN),
  ATOMIC ("atomic_max", MAX),
  ATOMIC ("atomic_exchange", EXCHANGE),
  ATOMIC ("atomic_compare_exchange", COMPARE_EXCHANGE),
  ATOMIC ("atomic_compare_exchange_weak", COMPARE_EXCHANGE_WEAK),
  ATOMIC ("atomic_fetch_nand", FETCH_NAND),
  ATOMIC ("atomic_lru_update", LRU_UPDATE),
  ATOMIC ("atomic_opaque", OPAQUE),
  { "subgroup_add", VYRE_EXPR_SUBGROUP_ADD, 0, 1 },
  { "subgroup_shuffle", VYRE_EXPR_SUBGROUP_SHUFFLE, 0, 2 },
  { "subgroup_ballot", VYRE_EXPR_SUBGROUP_BALLOT, 0, 1 },
  { "subgroup_local_id", VYRE_EXPR_SUBGROUP_LOCAL_ID, 0, 0 },
  { "subgroup_size", VYRE_EXPR_SUBGROUP_SIZE, 0, 0 },
  { "f32_bits", VYRE_EXPR_LIT_F32, 0, 0 },
  { "cast", VYRE_EXPR_CAST, 0, 1 },
  { "call", VYRE_EXPR_CALL, 0, 0 },
  { "opaque", VYRE_EXPR_OPAQUE, 0, 0 },
  { NULL },
};

const VyreTextInfix vyre_text_infixes[] = {
  { VYRE_BIN_OR, VYRE_PUNCT2 ('|', '|'), 1 },
  { VYRE_BIN_AND, VYRE_PUNCT2 ('&', '&'), 2 },
  { VYRE_BIN_EQ, VYRE_PUNCT2 ('=', '='), VYRE_PREC_COMPARE },
  { VYRE_BIN_NE, VYRE_PUNCT2 ('!', '='), VYRE_PREC_COMPARE },
  { VYRE_BIN_LT, '<', VYRE_PREC_COMPARE },
  { VYRE_BIN_GT, '>', VYRE_PREC_COMPARE },
  { VYRE_BIN_LE, VYRE_PUNCT2 ('<', '='), VYRE_PREC_COMPARE },
  { VYRE_BIN_GE, VYRE_PUNCT2 ('>', '='), VYRE_PREC_COMPARE },
  { VYRE_BIN_OR_BITS, '|', 4 },
  { VYRE_BIN_XOR_BITS, '^', 5 },
  { VYRE_BIN_AND_BITS, '&', 6 },
  { VYRE_BIN_SHL, VYRE_PUNCT2 ('<', '<'), 7 },
  { VYRE_BIN_SHR, VYRE_PUNCT2 ('>', '>'), 7 },
  { VYRE_BIN_ADD, '+', 8 },
  { VYRE_BIN_SUB, '-', 8 },
  { VYRE_BIN_MUL, '*', 9 },
  { VYRE_BIN_DIV, '/', 9 },
  { VYRE_BIN_MOD, '%', 9 },
  { 0 },
};

static gboolean
equals (const char *name, const char *text, gsize length)
{
  return strlen (name) == length && memcmp (name, text, length) == 0;
}

const VyreTextWord *
vyre_text_word (const VyreTextWord *table, const char *name, gsize length)
{
  for (; table->name; table++)
    if (equals (table->name, name, length))
      return table;
  return NULL;
}

const char *
vyre_text_word_name (const VyreTextWord *table, guint value)
{
  for (; table->name; table++)
    if (table->value == value)
      return table->name;
  return "?";
}

const VyreTextFunction *
vyre_text_function (const char *name, gsize length)
{
  const VyreTextFunction *f;

  for (f = vyre_text_functions; f->name; f++)
    if (equals (f->name, name, length))
      return f;
  return NULL;
}

const VyreTextInfix *
vyre_text_infix_by_op (guint op)
{
  const VyreTextInfix *i;

  for (i = vyre_text_infixes; i->op; i++)
    if (i->op == op)
      return i;
  return NULL;
}

const VyreTextInfix *
vyre_text_infix_by_punct (guint punct)
{
  const VyreTextInfix *i;

  for (i = vyre_text_infixes; i->op; i++)
    if (i->punct == punct)
      return i;
  return NULL;
}

VyreMemoryKind
vyre_text_default_kind (VyreAccess access)
{
  switch (access) {
    case VYRE_ACCESS_READ_ONLY:
      return VYRE_KIND_READONLY;
    case VYRE_ACCESS_UNIFORM:
      return VYRE_KIND_UNIFORM;
    case VYRE_ACCESS_WORKGROUP:
      return VYRE_KIND_SHARED;
    default:
      return VYRE_KIND_GLOBAL;
  }
}

gboolean
vyre_text_type_is_plain (VyreTypeKind kind)
{
  switch (kind) {
    case VYRE_TYPE_ARRAY:
    case VYRE_TYPE_HANDLE:
    case VYRE_TYPE_VEC:
    case VYRE_TYPE_TENSOR_SHAPED:
    case VYRE_TYPE_SPARSE_CSR:
    case VYRE_TYPE_SPARSE_COO:
    case VYRE_TYPE_SPARSE_BSR:
    case VYRE_TYPE_DEVICE_MESH:
    case VYRE_TYPE_QUANTIZED:
    case VYRE_TYPE_OPAQUE:
      return FALSE;
    default:
      return TRUE;
  }
}

gboolean
vyre_text_is_bare_name (VyreString s)
{
  if (s.length == 0 || g_ascii_isdigit (s.data[0]))
    return FALSE;
  for (guint32 i = 0; i < s.length; i++)
    if (!g_ascii_isalnum (s.data[i]) && s.data[i] != '_')
      return FALSE;
  return !vyre_text_word (vyre_text_reserved, s.data, s.length);
}

static locale_t
c_locale (void)
{
  static gsize locale = 0;

  if (g_once_init_enter (&locale))
    g_once_init_leave (&locale, (gsize) newlocale (LC_ALL_MASK, "C", 0));
  return (locale_t) locale;
}

/* Not through double: rounding twice can miss the nearest float. */
float
vyre_text_strtof (const char *text, char **end)
{
  return strtof_l (text, end, c_locale ());
}

double
vyre_text_strtod (const char *text, char **end)
{
  return strtod_l (text, end, c_locale ());
}
