/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "../export.h"

G_BEGIN_DECLS

/**
 * The program model of VIR0 (vir0-wire.md section 3, vir0-semantics.md
 * section 1).
 *
 * A #VyreProgram owns every string, type, expression and statement reachable
 * from it in one arena: nothing below a program is freed on its own, and
 * freeing a program never recurses. After it has been finished (by the
 * decoder, the text parser or the builder) a program is immutable and may be
 * used from any thread; only its reference count changes.
 *
 * All enumerations carry the numbers of the wire.
 */

/* Bytes that may hold anything, NUL included. Never %NULL when length is 0
 * in a finished program; not NUL-terminated by contract. */
typedef struct
{
  const char *data;
  guint32 length;
} VyreString;

typedef enum
{
  VYRE_TYPE_U32 = 0x01,
  VYRE_TYPE_I32 = 0x02,
  VYRE_TYPE_U64 = 0x03,
  VYRE_TYPE_VEC2U32 = 0x04,
  VYRE_TYPE_VEC4U32 = 0x05,
  VYRE_TYPE_BOOL = 0x06,
  VYRE_TYPE_BYTES = 0x07,
  VYRE_TYPE_ARRAY = 0x08,
  VYRE_TYPE_F16 = 0x09,
  VYRE_TYPE_BF16 = 0x0a,
  VYRE_TYPE_F32 = 0x0b,
  VYRE_TYPE_F64 = 0x0c,
  VYRE_TYPE_TENSOR = 0x0d,
  VYRE_TYPE_U8 = 0x0e,
  VYRE_TYPE_U16 = 0x0f,
  VYRE_TYPE_I8 = 0x10,
  VYRE_TYPE_I16 = 0x11,
  VYRE_TYPE_I64 = 0x12,
  VYRE_TYPE_HANDLE = 0x13,
  VYRE_TYPE_VEC = 0x14,
  VYRE_TYPE_TENSOR_SHAPED = 0x15,
  VYRE_TYPE_SPARSE_CSR = 0x16,
  VYRE_TYPE_SPARSE_COO = 0x17,
  VYRE_TYPE_SPARSE_BSR = 0x18,
  VYRE_TYPE_F8E4M3 = 0x19,
  VYRE_TYPE_F8E5M2 = 0x1a,
  VYRE_TYPE_I4 = 0x1b,
  VYRE_TYPE_FP4 = 0x1c,
  VYRE_TYPE_NF4 = 0x1d,
  VYRE_TYPE_DEVICE_MESH = 0x1e,
  VYRE_TYPE_QUANTIZED = 0x1f,
  VYRE_TYPE_OPAQUE = 0x80,
} VyreTypeKind;

typedef struct _VyreType VyreType;

/* A data type. Types with an element form a chain (never a tree), so walk
 * them with a loop: a hostile blob may nest thousands of levels. */
struct _VyreType
{
  VyreTypeKind kind;
  const VyreType *element;      /* Vec, TensorShaped, Sparse*, Quantized storage */
  guint64 size;                 /* Array: element size in bytes */
  guint32 a, b;                 /* Handle: type id; Vec: lanes; SparseBsr: block
                                   rows, columns; Opaque: extension id */
  guint32 n_dims;               /* TensorShaped, DeviceMesh */
  const guint32 *dims;
  guint8 scale_tag, zero_tag;   /* Quantized, vir0-wire.md section 11.3 */
  guint32 scale_param, zero_param;
};

typedef enum
{
  VYRE_EXPR_LIT_U32 = 0,
  VYRE_EXPR_LIT_I32 = 1,
  VYRE_EXPR_LIT_BOOL = 2,
  VYRE_EXPR_VAR = 3,
  VYRE_EXPR_LOAD = 4,
  VYRE_EXPR_BUF_LEN = 5,
  VYRE_EXPR_INVOCATION_ID = 6,
  VYRE_EXPR_WORKGROUP_ID = 7,
  VYRE_EXPR_LOCAL_ID = 8,
  VYRE_EXPR_BIN_OP = 9,
  VYRE_EXPR_UN_OP = 10,
  VYRE_EXPR_CALL = 11,
  VYRE_EXPR_SELECT = 12,
  VYRE_EXPR_CAST = 13,
  VYRE_EXPR_ATOMIC = 14,
  VYRE_EXPR_LIT_F32 = 15,
  VYRE_EXPR_FMA = 16,
  VYRE_EXPR_SUBGROUP_ADD = 17,
  VYRE_EXPR_SUBGROUP_SHUFFLE = 18,
  VYRE_EXPR_SUBGROUP_BALLOT = 19,
  VYRE_EXPR_SUBGROUP_LOCAL_ID = 20,
  VYRE_EXPR_SUBGROUP_SIZE = 21,
  VYRE_EXPR_OPAQUE = 128,
} VyreExprKind;

typedef enum
{
  VYRE_BIN_ADD = 0x01, VYRE_BIN_SUB, VYRE_BIN_MUL, VYRE_BIN_DIV, VYRE_BIN_MOD,
  VYRE_BIN_AND_BITS, VYRE_BIN_OR_BITS, VYRE_BIN_XOR_BITS, VYRE_BIN_SHL,
  VYRE_BIN_SHR, VYRE_BIN_EQ, VYRE_BIN_NE, VYRE_BIN_LT, VYRE_BIN_GT,
  VYRE_BIN_LE, VYRE_BIN_GE, VYRE_BIN_AND, VYRE_BIN_OR, VYRE_BIN_ABS_DIFF,
  VYRE_BIN_MIN, VYRE_BIN_MAX, VYRE_BIN_SATURATING_ADD,
  VYRE_BIN_SATURATING_SUB, VYRE_BIN_SATURATING_MUL, VYRE_BIN_SHUFFLE,
  VYRE_BIN_BALLOT, VYRE_BIN_WAVE_REDUCE, VYRE_BIN_WAVE_BROADCAST,
  VYRE_BIN_ROTATE_LEFT, VYRE_BIN_ROTATE_RIGHT, VYRE_BIN_WRAPPING_ADD,
  VYRE_BIN_WRAPPING_SUB, VYRE_BIN_MUL_HIGH = 0x21,
  VYRE_BIN_OPAQUE = 0x80,
} VyreBinOp;

typedef enum
{
  VYRE_UN_NEGATE = 0x01, VYRE_UN_BIT_NOT, VYRE_UN_LOGICAL_NOT,
  VYRE_UN_POPCOUNT, VYRE_UN_CLZ, VYRE_UN_CTZ, VYRE_UN_REVERSE_BITS,
  VYRE_UN_COS, VYRE_UN_SIN, VYRE_UN_ABS, VYRE_UN_SQRT, VYRE_UN_FLOOR,
  VYRE_UN_CEIL, VYRE_UN_ROUND, VYRE_UN_TRUNC, VYRE_UN_SIGN, VYRE_UN_IS_NAN,
  VYRE_UN_IS_INF, VYRE_UN_IS_FINITE, VYRE_UN_EXP, VYRE_UN_LOG, VYRE_UN_LOG2,
  VYRE_UN_EXP2, VYRE_UN_TAN, VYRE_UN_ACOS, VYRE_UN_ASIN, VYRE_UN_ATAN,
  VYRE_UN_TANH, VYRE_UN_SINH, VYRE_UN_COSH, VYRE_UN_INVERSE_SQRT,
  VYRE_UN_UNPACK4_LOW, VYRE_UN_UNPACK4_HIGH, VYRE_UN_UNPACK8_LOW,
  VYRE_UN_UNPACK8_HIGH, VYRE_UN_RECIPROCAL = 0x24,
  VYRE_UN_OPAQUE = 0x80,
} VyreUnOp;

typedef enum
{
  VYRE_ATOMIC_ADD = 0x01, VYRE_ATOMIC_OR, VYRE_ATOMIC_AND, VYRE_ATOMIC_XOR,
  VYRE_ATOMIC_MIN, VYRE_ATOMIC_MAX, VYRE_ATOMIC_EXCHANGE,
  VYRE_ATOMIC_COMPARE_EXCHANGE, VYRE_ATOMIC_COMPARE_EXCHANGE_WEAK,
  VYRE_ATOMIC_FETCH_NAND, VYRE_ATOMIC_LRU_UPDATE = 0x0b,
  VYRE_ATOMIC_OPAQUE = 0x80,
} VyreAtomicOp;

typedef enum
{
  VYRE_ORDER_RELAXED, VYRE_ORDER_ACQUIRE, VYRE_ORDER_RELEASE,
  VYRE_ORDER_ACQ_REL, VYRE_ORDER_SEQ_CST, VYRE_ORDER_GRID_SYNC,
} VyreOrdering;

typedef enum
{
  VYRE_ACCESS_READ_ONLY, VYRE_ACCESS_READ_WRITE, VYRE_ACCESS_UNIFORM,
  VYRE_ACCESS_WORKGROUP, VYRE_ACCESS_WRITE_ONLY,
} VyreAccess;

typedef enum
{
  VYRE_KIND_GLOBAL, VYRE_KIND_SHARED, VYRE_KIND_UNIFORM, VYRE_KIND_LOCAL,
  VYRE_KIND_READONLY, VYRE_KIND_PUSH, VYRE_KIND_PERSISTENT,
} VyreMemoryKind;

typedef enum
{
  VYRE_COLLECTIVE_SUM = 1, VYRE_COLLECTIVE_MIN, VYRE_COLLECTIVE_MAX,
  VYRE_COLLECTIVE_BIT_AND, VYRE_COLLECTIVE_BIT_OR, VYRE_COLLECTIVE_BIT_XOR,
} VyreCollectiveOp;

typedef enum
{
  VYRE_LOCALITY_STREAMING, VYRE_LOCALITY_TEMPORAL, VYRE_LOCALITY_RANDOM,
} VyreLocality;

/* Where in a program's text something stands; 0, 0 for a program that did not
 * come from text. Both count from 1; columns count characters. */
typedef struct
{
  guint32 line, column;
} VyreSource;

typedef struct _VyreExpr VyreExpr;

/* An expression. Operands stand in args[] in wire order:
 *   Load: index. BinOp: left, right. UnOp, Cast, SubgroupAdd, SubgroupBallot:
 *   operand. Select: condition, if true, if false. Fma: a, b, c.
 *   SubgroupShuffle: value, lane. Call: arguments.
 *   Atomic: index, [expected if has_expected], value. */
struct _VyreExpr
{
  VyreExprKind kind;
  guint8 op;                    /* BinOp, UnOp, Atomic operator */
  guint8 ordering;              /* Atomic */
  guint8 axis;                  /* the three ids */
  gboolean has_expected;        /* Atomic */
  guint32 ext_id;               /* extension id when op is 0x80 */
  guint32 bits;                 /* literal: value, or the bit pattern of an F32 */
  VyreString name;              /* Var; buffer of Load, BufLen, Atomic; op id of
                                   Call; kind of Opaque */
  const VyreType *type;         /* Cast target */
  const guint8 *payload;        /* Opaque */
  guint32 payload_length;
  guint32 n_args;
  VyreExpr **args;
  VyreSource at;
};

typedef enum
{
  VYRE_NODE_LET = 0,
  VYRE_NODE_ASSIGN = 1,
  VYRE_NODE_STORE = 2,
  VYRE_NODE_IF = 3,
  VYRE_NODE_LOOP = 4,
  VYRE_NODE_RETURN = 5,
  VYRE_NODE_BLOCK = 6,
  VYRE_NODE_BARRIER = 7,
  VYRE_NODE_INDIRECT_DISPATCH = 8,
  VYRE_NODE_ASYNC_LOAD = 9,
  VYRE_NODE_ASYNC_WAIT = 10,
  VYRE_NODE_REGION = 11,
  VYRE_NODE_ASYNC_STORE = 12,
  VYRE_NODE_TRAP = 13,
  VYRE_NODE_RESUME = 14,
  VYRE_NODE_ALL_REDUCE = 15,
  VYRE_NODE_ALL_GATHER = 16,
  VYRE_NODE_REDUCE_SCATTER = 17,
  VYRE_NODE_BROADCAST = 18,
  VYRE_NODE_OPAQUE = 128,
} VyreNodeKind;

typedef struct _VyreNode VyreNode;

typedef struct
{
  guint32 n_nodes;
  VyreNode **nodes;
} VyreNodeList;

/* A statement. exprs[] in wire order:
 *   Let, Assign: value. Store: index, value. If: condition. Loop: from, to.
 *   AsyncLoad, AsyncStore: offset, size. Trap: address. */
struct _VyreNode
{
  VyreNodeKind kind;
  guint8 ordering;              /* Barrier */
  guint8 collective_op;
  gboolean has_source;          /* Region */
  VyreString name;              /* Let, Assign, Loop variable; Store, AllReduce,
                                   Broadcast, IndirectDispatch buffer; async
                                   source; AllGather, ReduceScatter input;
                                   Region generator; Opaque kind */
  VyreString name2;             /* async destination; AllGather, ReduceScatter
                                   output; Region source name */
  VyreString tag;               /* AsyncLoad, AsyncStore, AsyncWait, Trap, Resume */
  VyreExpr *exprs[2];
  guint8 n_exprs;
  VyreNodeList body;            /* If: then; Loop, Block, Region: body */
  VyreNodeList otherwise;       /* If */
  guint64 count_offset;         /* IndirectDispatch */
  guint32 group, root;          /* collectives; root: Broadcast */
  const guint8 *payload;        /* Opaque */
  guint32 payload_length;
  VyreSource at;
};

typedef struct
{
  gboolean has_coalesce_axis;
  guint8 coalesce_axis;
  guint32 preferred_alignment;
  VyreLocality locality;
} VyreHints;

typedef struct
{
  VyreString name;
  guint32 binding;
  guint32 count;                /* elements; 0: sized at run time */
  gboolean is_output, live_out;
  gboolean has_output_range;
  guint64 range_start, range_end;       /* bytes, half-open */
  VyreHints hints;
  VyreMemoryKind kind;
  VyreAccess access;
  const VyreType *element;
  VyreSource at;
} VyreBuffer;

typedef struct _VyreProgram VyreProgram;

struct _VyreProgram
{
  gboolean has_entry_op_id;
  VyreString entry_op_id;
  guint32 workgroup_size[3];
  gboolean non_composable;
  guint32 n_buffers;
  VyreBuffer *buffers;          /* declaration order */
  VyreNodeList entry;
  /*< private >*/
  struct _VyreProgramPrivate *priv;
};

/* Defaults of vir0-wire.md section 3. */
#define VYRE_HINTS_DEFAULT ((VyreHints) { FALSE, 0, 0, VYRE_LOCALITY_TEMPORAL })
#define VYRE_ROOT_REGION "vyre.program.root"
#define VYRE_MAX_NESTING 64

/* --- building: used by the decoder, the parser and the builder ---------- */

VYRE_API VyreProgram *vyre_program_new (void);
/* Zeroed memory that lives as long as the program. Never %NULL (aborts like
 * g_malloc); callers bound the size. */
VYRE_API gpointer vyre_program_alloc (VyreProgram *program, gsize size);
VYRE_API VyreString vyre_program_string (VyreProgram *program,
    const char *data, gsize length);
VYRE_API VyreExpr *vyre_program_expr (VyreProgram *program,
    VyreExprKind kind, guint n_args);
VYRE_API VyreNode *vyre_program_node (VyreProgram *program, VyreNodeKind kind);

VYRE_API VyreProgram *vyre_program_ref (VyreProgram *program);
VYRE_API void vyre_program_unref (VyreProgram *program);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreProgram, vyre_program_unref)

/* --- looking at one ---------------------------------------------------- */

VYRE_API gboolean vyre_string_equal (VyreString a, VyreString b);
VYRE_API gboolean vyre_string_is (VyreString a, const char *text);
/* A newly allocated, valid UTF-8, NUL-free, at most 120 characters long copy
 * for messages. */
VYRE_API char *vyre_string_display (VyreString s);

/* The last declaration of that name (vir0-semantics.md section 22), or -1. */
VYRE_API int vyre_program_find_buffer (const VyreProgram *program,
    VyreString name);

/* Names for messages and JSON: "u32", "ReadWrite", "BitXor", "Store". */
VYRE_API const char *vyre_type_kind_name (VyreTypeKind kind);
VYRE_API const char *vyre_access_name (VyreAccess access);
VYRE_API const char *vyre_memory_kind_name (VyreMemoryKind kind);
VYRE_API const char *vyre_bin_op_name (guint op);
VYRE_API const char *vyre_un_op_name (guint op);
VYRE_API const char *vyre_atomic_op_name (guint op);
VYRE_API const char *vyre_ordering_name (guint ordering);
VYRE_API const char *vyre_node_kind_name (VyreNodeKind kind);
VYRE_API const char *vyre_expr_kind_name (VyreExprKind kind);

/* vir0-semantics.md section 1.3. Bytes between neighbouring elements; 0 where
 * the type cannot be addressed. Bytes type: 1. */
VYRE_API guint64 vyre_type_stride (const VyreType *type);
/* Bits that BufLen counts by; 0 for types without any. */
VYRE_API guint64 vyre_type_bits (const VyreType *type);
/* Bytes that count elements occupy; FALSE on overflow of 64 bits or when the
 * type has no size. */
VYRE_API gboolean vyre_type_static_size (const VyreType *type, guint64 count,
    guint64 *bytes);
/* vir0-semantics.md section 9.2: elements in a buffer of that many bytes,
 * saturated at G_MAXUINT32. */
VYRE_API guint32 vyre_type_element_count (const VyreType *type, guint64 bytes);

/* Host roles of vir0-semantics.md section 4. */
typedef enum
{
  VYRE_ROLE_WORKGROUP,          /* not part of the host interface */
  VYRE_ROLE_INPUT,              /* given, not returned */
  VYRE_ROLE_INOUT,              /* given and returned */
  VYRE_ROLE_OUTPUT,             /* starts as zeros, returned */
} VyreRole;
VYRE_API VyreRole vyre_buffer_role (const VyreBuffer *buffer);

G_END_DECLS
