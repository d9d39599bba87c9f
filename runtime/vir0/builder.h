/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "program.h"

G_BEGIN_DECLS

/**
 * Building programs in C (docs/building-programs.md has whole examples).
 *
 *   g_autoptr (VyreBuilder) b = vyre_builder_new (64, 1, 1);
 *   VyreBufferRef in = vyre_builder_buffer (
 *       b, "input", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U32, 0);
 *   VyreBufferRef out = vyre_builder_buffer (
 *       b, "output", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U32, 0);
 *   VyreVar i = vyre_builder_let (b, "i", vyre_builder_invocation_id (b, 0));
 *
 *   vyre_builder_begin_if (
 *       b, vyre_builder_lt (b, i.value, vyre_builder_buf_len (b, out)));
 *   vyre_builder_store (b, out, i.value,
 *       vyre_builder_unary (
 *           b, VYRE_UN_BIT_NOT, vyre_builder_load (b, in, i.value)));
 *   vyre_builder_end_if (b);
 *   program = vyre_builder_finish (b, &error);
 *
 * A #VyreValue is an expression, and is computed where a statement uses it,
 * not where it is made. So that both are the same, the builder refuses
 *  - a value that loads, or has an atomic or a subgroup operation in it, in any
 *    statement but the next one, and a second time;
 *  - a value made of a variable after that variable has been assigned;
 *  - an atomic that no statement uses.
 * What is to last, or to be used again, goes into a variable:
 * vyre_builder_let(). Other values may be used any number of times.
 *
 * Statements go to the end of the innermost open list, begun by a
 * vyre_builder_begin_…() and ended by the vyre_builder_end_…() of the same
 * construct. Unless all statements of the outermost list are Regions, they are
 * put into one at the end, whose generator is VYRE_ROOT_REGION (what `main`
 * means in the text form; vir0-semantics.md section 3.1).
 *
 * Errors: a wrong use stays in the builder, the first one alone, and is what
 * vyre_builder_finish() reports; until then every call does nothing, and gives
 * handles that may be passed on. So one check at the end is enough. Operands
 * are checked when they are combined, by the rules of vir0-semantics.md
 * sections 22 to 24, more strictly at two places: the index of a load is u32,
 * and the condition of a select u32 or bool. What only the whole program tells
 * (barriers that not all invocations reach, mixed atomic and plain access) is
 * checked at the end.
 *
 * What no executor runs has no function here: calls, extensions, Resume,
 * IndirectDispatch, collectives of other groups.
 *
 * Threads: a builder belongs to one thread at a time. Handles are numbers that
 * own nothing, and belong to their builder.
 */
typedef struct _VyreBuilder VyreBuilder;

/* An expression and its static type (vir0-semantics.md section 22.3); 0 where
 * that is not known. Types with parameters show their kind alone. */
typedef struct
{
  guint32 owner, index; /*< private >*/
  VyreTypeKind type;
} VyreValue;

/* A variable; value is what it holds wherever that is used. */
typedef struct
{
  VyreValue value;
} VyreVar;

typedef struct
{
  guint32 owner, index; /*< private >*/
} VyreBufferRef;

#define VYRE_BUILDER_ERROR (vyre_builder_error_quark ())
VYRE_API GQuark vyre_builder_error_quark (void);

typedef enum
{
  VYRE_BUILDER_ERROR_TYPE, /* operands that do not fit the construct */
  VYRE_BUILDER_ERROR_HANDLE, /* a value, variable or buffer that cannot be
                                   used (any more) where it is */
  VYRE_BUILDER_ERROR_NESTING, /* begin and end, else, Return */
  VYRE_BUILDER_ERROR_NAME, /* of a variable */
  VYRE_BUILDER_ERROR_BUFFER, /* a buffer's declaration */
  VYRE_BUILDER_ERROR_ARGUMENT, /* a number or string out of range */
  VYRE_BUILDER_ERROR_LIMIT, /* too large, or nested too deep */
  VYRE_BUILDER_ERROR_FINISHED, /* used after vyre_builder_finish() */
} VyreBuilderError;

/**
 * vyre_builder_new:
 * @x: invocations of a workgroup along x, at least 1; likewise @y, @z
 *
 * Returns: (transfer full): a builder for one program
 */
VYRE_API VyreBuilder *vyre_builder_new (guint32 x, guint32 y, guint32 z);
VYRE_API void vyre_builder_free (VyreBuilder *builder);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (VyreBuilder, vyre_builder_free)

/**
 * vyre_builder_get_error:
 *
 * Returns: (transfer none) (nullable): the first thing done wrong so far
 */
VYRE_API const GError *vyre_builder_get_error (const VyreBuilder *builder);

/**
 * vyre_builder_finish:
 * @error: return location for the builder's error (VYRE_BUILDER_ERROR), else
 *   what is wrong with the program as a whole: VYRE_VALIDATE_ERROR with
 *   everything that is, or VYRE_WIRE_ERROR where it is too large to encode
 *
 * Ends the program. It is valid (VYRE_VALIDATE_OPTIONS_ENGINE) and encodes.
 * The builder can only be freed afterwards.
 *
 * Returns: (transfer full) (nullable): the program, immutable
 */
VYRE_API VyreProgram *vyre_builder_finish (
    VyreBuilder *builder, GError **error);

/* The operation that the program implements; informative (section 1.1). */
VYRE_API void vyre_builder_set_operation (
    VyreBuilder *builder, const char *operation_id);
/* Must not be fused with a copy of itself. */
VYRE_API void vyre_builder_set_non_composable (VyreBuilder *builder);

/* --- buffers (section 1.2, 4) -------------------------------------------- */

/**
 * vyre_builder_buffer:
 * @name: UTF-8, unique in the program; what bindings name
 * @access: who may do what; VYRE_ACCESS_WORKGROUP is memory of a workgroup,
 *   zeros at its start
 * @type: of the elements, one without parameters
 * @count: elements; 0 where the bound data says how many, which workgroup
 *   memory, outputs and live-outs cannot have
 *
 * Declares the next buffer. Its binding is one above all so far, from 0 on; its
 * kind the usual one for the access. The order of declaration is that of the
 * host's data.
 */
VYRE_API VyreBufferRef vyre_builder_buffer (VyreBuilder *builder,
    const char *name, VyreAccess access, VyreTypeKind type, guint32 count);
/* For element types with parameters, of which all that @element reaches is
 * copied: (VyreType) { .kind = VYRE_TYPE_ARRAY, .size = 16 }. */
VYRE_API VyreBufferRef vyre_builder_buffer_of (VyreBuilder *builder,
    const char *name, VyreAccess access, const VyreType *element,
    guint32 count);
VYRE_API void vyre_builder_set_binding (
    VyreBuilder *builder, VyreBufferRef buffer, guint32 binding);
/* Marks the result buffer, of which there is one: it starts as zeros and is
 * returned. */
VYRE_API void vyre_builder_set_output (
    VyreBuilder *builder, VyreBufferRef buffer);
/* A result that is kept though nothing in the program reads it. */
VYRE_API void vyre_builder_set_live_out (
    VyreBuilder *builder, VyreBufferRef buffer);
/* Only the bytes from start up to, not including, end are returned. */
VYRE_API void vyre_builder_set_output_range (
    VyreBuilder *builder, VyreBufferRef buffer, guint64 start, guint64 end);
VYRE_API void vyre_builder_set_kind (
    VyreBuilder *builder, VyreBufferRef buffer, VyreMemoryKind kind);
VYRE_API void vyre_builder_set_hints (
    VyreBuilder *builder, VyreBufferRef buffer, const VyreHints *hints);

/* --- values (section 11) ------------------------------------------------- */

VYRE_API VyreValue vyre_builder_u32 (VyreBuilder *builder, guint32 value);
VYRE_API VyreValue vyre_builder_i32 (VyreBuilder *builder, gint32 value);
/* A program's file keeps no sign of zero, no subnormals and one NaN. */
VYRE_API VyreValue vyre_builder_f32 (VyreBuilder *builder, float value);
VYRE_API VyreValue vyre_builder_f32_bits (VyreBuilder *builder, guint32 bits);
VYRE_API VyreValue vyre_builder_bool (VyreBuilder *builder, gboolean value);

/* u32; axis: 0 (x), 1 (y) or 2 (z). The number of the invocation in the whole
 * grid, of its workgroup, and of the invocation in its workgroup. */
VYRE_API VyreValue vyre_builder_invocation_id (
    VyreBuilder *builder, guint axis);
VYRE_API VyreValue vyre_builder_workgroup_id (VyreBuilder *builder, guint axis);
VYRE_API VyreValue vyre_builder_local_id (VyreBuilder *builder, guint axis);

/* u32: elements of what is bound, whatever the declared count (section 9.2). */
VYRE_API VyreValue vyre_builder_buf_len (
    VyreBuilder *builder, VyreBufferRef buffer);
/* The element at @index (u32); a zero outside of the buffer (section 9). The
 * narrow types (u8, i16, f16, …) can be stored or cast, and nothing else. */
VYRE_API VyreValue vyre_builder_load (VyreBuilder *builder,
    VyreBufferRef buffer, VyreValue index) G_GNUC_WARN_UNUSED_RESULT;

/* Sections 12 and 13. Nothing is converted by itself; both operands of most
 * operators have one type. */
VYRE_API VyreValue vyre_builder_binary (
    VyreBuilder *builder, VyreBinOp op, VyreValue left, VyreValue right);
VYRE_API VyreValue vyre_builder_unary (
    VyreBuilder *builder, VyreUnOp op, VyreValue operand);

/* if_true if condition (u32 or bool), else if_false; all are computed. */
VYRE_API VyreValue vyre_builder_select (VyreBuilder *builder,
    VyreValue condition, VyreValue if_true, VyreValue if_false);
/* Section 14; a type without parameters. */
VYRE_API VyreValue vyre_builder_cast (
    VyreBuilder *builder, VyreTypeKind type, VyreValue operand);
VYRE_API VyreValue vyre_builder_cast_to (
    VyreBuilder *builder, const VyreType *type, VyreValue operand);
/* a * b + c, rounded once; all f32. */
VYRE_API VyreValue vyre_builder_fma (
    VyreBuilder *builder, VyreValue a, VyreValue b, VyreValue c);

/* Section 16: changes an element of a ReadWrite buffer of u32 and gives the old
 * value; outside of the buffer, does nothing and gives 0. To do it for its
 * effect alone, bind it: vyre_builder_let (b, NULL, value). */
VYRE_API VyreValue vyre_builder_atomic (VyreBuilder *builder, VyreAtomicOp op,
    VyreBufferRef buffer, VyreValue index,
    VyreValue value) G_GNUC_WARN_UNUSED_RESULT;
VYRE_API VyreValue vyre_builder_compare_exchange (VyreBuilder *builder,
    VyreBufferRef buffer, VyreValue index, VyreValue expected,
    VyreValue value) G_GNUC_WARN_UNUSED_RESULT;
/* expected: for CompareExchange, else %NULL. Executors take every ordering but
 * VYRE_ORDER_GRID_SYNC for VYRE_ORDER_SEQ_CST, which the other two write. */
VYRE_API VyreValue vyre_builder_atomic_full (VyreBuilder *builder,
    VyreAtomicOp op, VyreBufferRef buffer, VyreValue index,
    const VyreValue *expected, VyreValue value,
    VyreOrdering ordering) G_GNUC_WARN_UNUSED_RESULT;

/* Section 17: of the 32 invocations that the workgroup's linear order puts
 * together. */
VYRE_API VyreValue vyre_builder_subgroup_add (
    VyreBuilder *builder, VyreValue value) G_GNUC_WARN_UNUSED_RESULT;
VYRE_API VyreValue vyre_builder_subgroup_shuffle (VyreBuilder *builder,
    VyreValue value, VyreValue lane) G_GNUC_WARN_UNUSED_RESULT;
VYRE_API VyreValue vyre_builder_subgroup_ballot (
    VyreBuilder *builder, VyreValue condition) G_GNUC_WARN_UNUSED_RESULT;

/* The usual operators by their short names. */
#define VYRE_BUILDER_OPERATOR(name, op) \
  static inline VyreValue vyre_builder_##name ( \
      VyreBuilder *builder, VyreValue left, VyreValue right) \
  { \
    return vyre_builder_binary (builder, VYRE_BIN_##op, left, right); \
  }
VYRE_BUILDER_OPERATOR (add, ADD)
VYRE_BUILDER_OPERATOR (sub, SUB)
VYRE_BUILDER_OPERATOR (mul, MUL)
VYRE_BUILDER_OPERATOR (div, DIV)
VYRE_BUILDER_OPERATOR (mod, MOD)
VYRE_BUILDER_OPERATOR (bit_and, AND_BITS)
VYRE_BUILDER_OPERATOR (bit_or, OR_BITS)
VYRE_BUILDER_OPERATOR (bit_xor, XOR_BITS)
VYRE_BUILDER_OPERATOR (shl, SHL)
VYRE_BUILDER_OPERATOR (shr, SHR)
VYRE_BUILDER_OPERATOR (min, MIN)
VYRE_BUILDER_OPERATOR (max, MAX)
VYRE_BUILDER_OPERATOR (eq, EQ)
VYRE_BUILDER_OPERATOR (ne, NE)
VYRE_BUILDER_OPERATOR (lt, LT)
VYRE_BUILDER_OPERATOR (gt, GT)
VYRE_BUILDER_OPERATOR (le, LE)
VYRE_BUILDER_OPERATOR (ge, GE)
VYRE_BUILDER_OPERATOR (and, AND)
VYRE_BUILDER_OPERATOR (or, OR)
#undef VYRE_BUILDER_OPERATOR

/* --- statements (section 10) --------------------------------------------- */

/**
 * vyre_builder_let:
 * @name: (nullable): UTF-8, unlike every variable that is visible; %NULL for a
 *   name that nobody else has
 * @value: what it holds at first, and whose type it has
 *
 * Returns: a variable, visible until its list ends
 */
VYRE_API VyreVar vyre_builder_let (
    VyreBuilder *builder, const char *name, VyreValue value);
/* To a variable of vyre_builder_let(), of the same type. */
VYRE_API void vyre_builder_assign (
    VyreBuilder *builder, VyreVar variable, VyreValue value);
/* Does nothing outside of the buffer (section 9.3). */
VYRE_API void vyre_builder_store (VyreBuilder *builder, VyreBufferRef buffer,
    VyreValue index, VyreValue value);

/* condition: u32 or bool. */
VYRE_API void vyre_builder_begin_if (VyreBuilder *builder, VyreValue condition);
VYRE_API void vyre_builder_else (VyreBuilder *builder);
VYRE_API void vyre_builder_end_if (VyreBuilder *builder);

/* From @from up to, not including, @to, both u32 and computed once. Returns the
 * counter, which cannot be assigned. name: as in vyre_builder_let(). */
VYRE_API VyreVar vyre_builder_begin_loop (
    VyreBuilder *builder, const char *name, VyreValue from, VyreValue to);
/* 0xffffffff times, until a Return. Cannot stand in another one. */
VYRE_API VyreVar vyre_builder_begin_forever (VyreBuilder *builder);
VYRE_API void vyre_builder_end_loop (VyreBuilder *builder);

VYRE_API void vyre_builder_begin_block (VyreBuilder *builder);
VYRE_API void vyre_builder_end_block (VyreBuilder *builder);
/* A Block with the name of what generated it. source: (nullable). */
VYRE_API void vyre_builder_begin_region (
    VyreBuilder *builder, const char *generator, const char *source);
VYRE_API void vyre_builder_end_region (VyreBuilder *builder);

/* Ends the invocation; the last statement of its list. */
VYRE_API void vyre_builder_return (VyreBuilder *builder);
/* All invocations of the workgroup that have not ended must get here (section
 * 20). VYRE_ORDER_SEQ_CST is the usual ordering; not VYRE_ORDER_RELAXED. */
VYRE_API void vyre_builder_barrier (
    VyreBuilder *builder, VyreOrdering ordering);
/* Ends the dispatch with an error of that address (u32) and tag. */
VYRE_API void vyre_builder_trap (
    VyreBuilder *builder, VyreValue address, const char *tag);

/* Section 19: copies @size bytes at byte @offset of @from to the start of @to;
 * store: from the start of @from to byte @offset of @to. Both u32 or u64. Seen
 * in @to after the wait for the tag, which must not be empty. */
VYRE_API void vyre_builder_async_load (VyreBuilder *builder, VyreBufferRef from,
    VyreBufferRef to, VyreValue offset, VyreValue size, const char *tag);
VYRE_API void vyre_builder_async_store (VyreBuilder *builder,
    VyreBufferRef from, VyreBufferRef to, VyreValue offset, VyreValue size,
    const char *tag);
VYRE_API void vyre_builder_async_wait (VyreBuilder *builder, const char *tag);

/* Section 3.2: among the only rank there is. Both buffers have one type. */
VYRE_API void vyre_builder_all_reduce (
    VyreBuilder *builder, VyreBufferRef buffer, VyreCollectiveOp op);
VYRE_API void vyre_builder_all_gather (
    VyreBuilder *builder, VyreBufferRef input, VyreBufferRef output);
VYRE_API void vyre_builder_reduce_scatter (VyreBuilder *builder,
    VyreBufferRef input, VyreBufferRef output, VyreCollectiveOp op);
VYRE_API void vyre_builder_broadcast (
    VyreBuilder *builder, VyreBufferRef buffer);

G_END_DECLS
