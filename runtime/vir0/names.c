/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "program.h"

/* Names of the wire's numbers, for messages and JSON. */

#define NAME_OF(table, value) \
  ((value) < G_N_ELEMENTS (table) && (table)[value] ? (table)[value] \
                                                    : "unknown")

static const char *const type_names[] = {
  [VYRE_TYPE_U32] = "u32",
  [VYRE_TYPE_I32] = "i32",
  [VYRE_TYPE_U64] = "u64",
  [VYRE_TYPE_VEC2U32] = "vec2u32",
  [VYRE_TYPE_VEC4U32] = "vec4u32",
  [VYRE_TYPE_BOOL] = "bool",
  [VYRE_TYPE_BYTES] = "bytes",
  [VYRE_TYPE_ARRAY] = "array",
  [VYRE_TYPE_F16] = "f16",
  [VYRE_TYPE_BF16] = "bf16",
  [VYRE_TYPE_F32] = "f32",
  [VYRE_TYPE_F64] = "f64",
  [VYRE_TYPE_TENSOR] = "tensor",
  [VYRE_TYPE_U8] = "u8",
  [VYRE_TYPE_U16] = "u16",
  [VYRE_TYPE_I8] = "i8",
  [VYRE_TYPE_I16] = "i16",
  [VYRE_TYPE_I64] = "i64",
  [VYRE_TYPE_HANDLE] = "handle",
  [VYRE_TYPE_VEC] = "vec",
  [VYRE_TYPE_TENSOR_SHAPED] = "tensor_shaped",
  [VYRE_TYPE_SPARSE_CSR] = "sparse_csr",
  [VYRE_TYPE_SPARSE_COO] = "sparse_coo",
  [VYRE_TYPE_SPARSE_BSR] = "sparse_bsr",
  [VYRE_TYPE_F8E4M3] = "f8e4m3",
  [VYRE_TYPE_F8E5M2] = "f8e5m2",
  [VYRE_TYPE_I4] = "i4",
  [VYRE_TYPE_FP4] = "fp4",
  [VYRE_TYPE_NF4] = "nf4",
  [VYRE_TYPE_DEVICE_MESH] = "device_mesh",
  [VYRE_TYPE_QUANTIZED] = "quantized",
};

const char *
vyre_type_kind_name (VyreTypeKind kind)
{
  return kind == VYRE_TYPE_OPAQUE ? "opaque"
                                  : NAME_OF (type_names, (guint) kind);
}

static const char *const access_names[] = {
  [VYRE_ACCESS_READ_ONLY] = "ReadOnly",
  [VYRE_ACCESS_READ_WRITE] = "ReadWrite",
  [VYRE_ACCESS_UNIFORM] = "Uniform",
  [VYRE_ACCESS_WORKGROUP] = "Workgroup",
  [VYRE_ACCESS_WRITE_ONLY] = "WriteOnly",
};

const char *
vyre_access_name (VyreAccess access)
{
  return NAME_OF (access_names, (guint) access);
}

static const char *const kind_names[] = {
  [VYRE_KIND_GLOBAL] = "Global",
  [VYRE_KIND_SHARED] = "Shared",
  [VYRE_KIND_UNIFORM] = "Uniform",
  [VYRE_KIND_LOCAL] = "Local",
  [VYRE_KIND_READONLY] = "Readonly",
  [VYRE_KIND_PUSH] = "Push",
  [VYRE_KIND_PERSISTENT] = "Persistent",
};

const char *
vyre_memory_kind_name (VyreMemoryKind kind)
{
  return NAME_OF (kind_names, (guint) kind);
}

static const char *const bin_names[] = {
  [VYRE_BIN_ADD] = "Add",
  [VYRE_BIN_SUB] = "Sub",
  [VYRE_BIN_MUL] = "Mul",
  [VYRE_BIN_DIV] = "Div",
  [VYRE_BIN_MOD] = "Mod",
  [VYRE_BIN_AND_BITS] = "BitAnd",
  [VYRE_BIN_OR_BITS] = "BitOr",
  [VYRE_BIN_XOR_BITS] = "BitXor",
  [VYRE_BIN_SHL] = "Shl",
  [VYRE_BIN_SHR] = "Shr",
  [VYRE_BIN_EQ] = "Eq",
  [VYRE_BIN_NE] = "Ne",
  [VYRE_BIN_LT] = "Lt",
  [VYRE_BIN_GT] = "Gt",
  [VYRE_BIN_LE] = "Le",
  [VYRE_BIN_GE] = "Ge",
  [VYRE_BIN_AND] = "And",
  [VYRE_BIN_OR] = "Or",
  [VYRE_BIN_ABS_DIFF] = "AbsDiff",
  [VYRE_BIN_MIN] = "Min",
  [VYRE_BIN_MAX] = "Max",
  [VYRE_BIN_SATURATING_ADD] = "SaturatingAdd",
  [VYRE_BIN_SATURATING_SUB] = "SaturatingSub",
  [VYRE_BIN_SATURATING_MUL] = "SaturatingMul",
  [VYRE_BIN_SHUFFLE] = "Shuffle",
  [VYRE_BIN_BALLOT] = "Ballot",
  [VYRE_BIN_WAVE_REDUCE] = "WaveReduce",
  [VYRE_BIN_WAVE_BROADCAST] = "WaveBroadcast",
  [VYRE_BIN_ROTATE_LEFT] = "RotateLeft",
  [VYRE_BIN_ROTATE_RIGHT] = "RotateRight",
  [VYRE_BIN_WRAPPING_ADD] = "WrappingAdd",
  [VYRE_BIN_WRAPPING_SUB] = "WrappingSub",
  [VYRE_BIN_MUL_HIGH] = "MulHigh",
};

const char *
vyre_bin_op_name (guint op)
{
  return op == VYRE_BIN_OPAQUE ? "Opaque" : NAME_OF (bin_names, (guint) op);
}

static const char *const un_names[] = {
  [VYRE_UN_NEGATE] = "Negate",
  [VYRE_UN_BIT_NOT] = "BitNot",
  [VYRE_UN_LOGICAL_NOT] = "LogicalNot",
  [VYRE_UN_POPCOUNT] = "Popcount",
  [VYRE_UN_CLZ] = "Clz",
  [VYRE_UN_CTZ] = "Ctz",
  [VYRE_UN_REVERSE_BITS] = "ReverseBits",
  [VYRE_UN_COS] = "Cos",
  [VYRE_UN_SIN] = "Sin",
  [VYRE_UN_ABS] = "Abs",
  [VYRE_UN_SQRT] = "Sqrt",
  [VYRE_UN_FLOOR] = "Floor",
  [VYRE_UN_CEIL] = "Ceil",
  [VYRE_UN_ROUND] = "Round",
  [VYRE_UN_TRUNC] = "Trunc",
  [VYRE_UN_SIGN] = "Sign",
  [VYRE_UN_IS_NAN] = "IsNan",
  [VYRE_UN_IS_INF] = "IsInf",
  [VYRE_UN_IS_FINITE] = "IsFinite",
  [VYRE_UN_EXP] = "Exp",
  [VYRE_UN_LOG] = "Log",
  [VYRE_UN_LOG2] = "Log2",
  [VYRE_UN_EXP2] = "Exp2",
  [VYRE_UN_TAN] = "Tan",
  [VYRE_UN_ACOS] = "Acos",
  [VYRE_UN_ASIN] = "Asin",
  [VYRE_UN_ATAN] = "Atan",
  [VYRE_UN_TANH] = "Tanh",
  [VYRE_UN_SINH] = "Sinh",
  [VYRE_UN_COSH] = "Cosh",
  [VYRE_UN_INVERSE_SQRT] = "InverseSqrt",
  [VYRE_UN_UNPACK4_LOW] = "Unpack4Low",
  [VYRE_UN_UNPACK4_HIGH] = "Unpack4High",
  [VYRE_UN_UNPACK8_LOW] = "Unpack8Low",
  [VYRE_UN_UNPACK8_HIGH] = "Unpack8High",
  [VYRE_UN_RECIPROCAL] = "Reciprocal",
};

const char *
vyre_un_op_name (guint op)
{
  return op == VYRE_UN_OPAQUE ? "Opaque" : NAME_OF (un_names, (guint) op);
}

static const char *const atomic_names[] = {
  [VYRE_ATOMIC_ADD] = "Add",
  [VYRE_ATOMIC_OR] = "Or",
  [VYRE_ATOMIC_AND] = "And",
  [VYRE_ATOMIC_XOR] = "Xor",
  [VYRE_ATOMIC_MIN] = "Min",
  [VYRE_ATOMIC_MAX] = "Max",
  [VYRE_ATOMIC_EXCHANGE] = "Exchange",
  [VYRE_ATOMIC_COMPARE_EXCHANGE] = "CompareExchange",
  [VYRE_ATOMIC_COMPARE_EXCHANGE_WEAK] = "CompareExchangeWeak",
  [VYRE_ATOMIC_FETCH_NAND] = "FetchNand",
  [VYRE_ATOMIC_LRU_UPDATE] = "LruUpdate",
};

const char *
vyre_atomic_op_name (guint op)
{
  return op == VYRE_ATOMIC_OPAQUE ? "Opaque"
                                  : NAME_OF (atomic_names, (guint) op);
}

static const char *const ordering_names[] = {
  [VYRE_ORDER_RELAXED] = "Relaxed",
  [VYRE_ORDER_ACQUIRE] = "Acquire",
  [VYRE_ORDER_RELEASE] = "Release",
  [VYRE_ORDER_ACQ_REL] = "AcqRel",
  [VYRE_ORDER_SEQ_CST] = "SeqCst",
  [VYRE_ORDER_GRID_SYNC] = "GridSync",
};

const char *
vyre_ordering_name (guint ordering)
{
  return NAME_OF (ordering_names, (guint) ordering);
}

static const char *const node_names[] = {
  [VYRE_NODE_LET] = "Let",
  [VYRE_NODE_ASSIGN] = "Assign",
  [VYRE_NODE_STORE] = "Store",
  [VYRE_NODE_IF] = "If",
  [VYRE_NODE_LOOP] = "Loop",
  [VYRE_NODE_RETURN] = "Return",
  [VYRE_NODE_BLOCK] = "Block",
  [VYRE_NODE_BARRIER] = "Barrier",
  [VYRE_NODE_INDIRECT_DISPATCH] = "IndirectDispatch",
  [VYRE_NODE_ASYNC_LOAD] = "AsyncLoad",
  [VYRE_NODE_ASYNC_WAIT] = "AsyncWait",
  [VYRE_NODE_REGION] = "Region",
  [VYRE_NODE_ASYNC_STORE] = "AsyncStore",
  [VYRE_NODE_TRAP] = "Trap",
  [VYRE_NODE_RESUME] = "Resume",
  [VYRE_NODE_ALL_REDUCE] = "AllReduce",
  [VYRE_NODE_ALL_GATHER] = "AllGather",
  [VYRE_NODE_REDUCE_SCATTER] = "ReduceScatter",
  [VYRE_NODE_BROADCAST] = "Broadcast",
};

const char *
vyre_node_kind_name (VyreNodeKind kind)
{
  return kind == VYRE_NODE_OPAQUE ? "Opaque"
                                  : NAME_OF (node_names, (guint) kind);
}

static const char *const expr_names[] = {
  [VYRE_EXPR_LIT_U32] = "LitU32",
  [VYRE_EXPR_LIT_I32] = "LitI32",
  [VYRE_EXPR_LIT_BOOL] = "LitBool",
  [VYRE_EXPR_VAR] = "Var",
  [VYRE_EXPR_LOAD] = "Load",
  [VYRE_EXPR_BUF_LEN] = "BufLen",
  [VYRE_EXPR_INVOCATION_ID] = "InvocationId",
  [VYRE_EXPR_WORKGROUP_ID] = "WorkgroupId",
  [VYRE_EXPR_LOCAL_ID] = "LocalId",
  [VYRE_EXPR_BIN_OP] = "BinOp",
  [VYRE_EXPR_UN_OP] = "UnOp",
  [VYRE_EXPR_CALL] = "Call",
  [VYRE_EXPR_SELECT] = "Select",
  [VYRE_EXPR_CAST] = "Cast",
  [VYRE_EXPR_ATOMIC] = "Atomic",
  [VYRE_EXPR_LIT_F32] = "LitF32",
  [VYRE_EXPR_FMA] = "Fma",
  [VYRE_EXPR_SUBGROUP_ADD] = "SubgroupAdd",
  [VYRE_EXPR_SUBGROUP_SHUFFLE] = "SubgroupShuffle",
  [VYRE_EXPR_SUBGROUP_BALLOT] = "SubgroupBallot",
  [VYRE_EXPR_SUBGROUP_LOCAL_ID] = "SubgroupLocalId",
  [VYRE_EXPR_SUBGROUP_SIZE] = "SubgroupSize",
};

const char *
vyre_expr_kind_name (VyreExprKind kind)
{
  return kind == VYRE_EXPR_OPAQUE ? "Opaque"
                                  : NAME_OF (expr_names, (guint) kind);
}
