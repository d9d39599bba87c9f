/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Wrong uses of the builder: one error that names what is wrong and what to
 * write, and no program. */
#include <string.h>

#include "vir0/builder.h"
#include "vir0/validate.h"
#include "vir0/wire.h"

typedef struct
{
  VyreBufferRef in, out, bytes, tile;
  VyreVar i, f;
} Ground;

#define U32(n) vyre_builder_u32 (b, n)
#define LOAD(at) vyre_builder_load (b, g->in, at)

typedef void (*Wrong) (VyreBuilder *b, Ground *g);

#define WRONG(name) static void name (VyreBuilder *b, Ground *g)

WRONG (add_types) { vyre_builder_add (b, g->i.value, g->f.value); }
WRONG (add_bool)
{
  vyre_builder_add (
      b, vyre_builder_bool (b, TRUE), vyre_builder_bool (b, TRUE));
}
WRONG (narrow)
{
  VyreValue byte = vyre_builder_load (b, g->bytes, g->i.value);

  vyre_builder_add (b, byte, vyre_builder_load (b, g->bytes, U32 (1)));
}
WRONG (div_zero) { vyre_builder_div (b, g->i.value, U32 (0)); }
WRONG (negate_i32)
{
  vyre_builder_unary (b, VYRE_UN_NEGATE, vyre_builder_i32 (b, 1));
}
WRONG (bad_cast) { vyre_builder_cast (b, VYRE_TYPE_F64, g->f.value); }
WRONG (unknown_cast) { vyre_builder_cast (b, 77, g->f.value); }
WRONG (extension_cast) { vyre_builder_cast (b, VYRE_TYPE_OPAQUE, g->f.value); }
WRONG (no_element) { vyre_builder_cast (b, VYRE_TYPE_SPARSE_CSR, g->f.value); }
WRONG (fma_u32) { vyre_builder_fma (b, g->f.value, g->i.value, g->f.value); }
WRONG (select_arms)
{
  vyre_builder_select (b, g->i.value, g->i.value, g->f.value);
}
WRONG (select_condition)
{
  vyre_builder_select (b, g->f.value, g->i.value, g->i.value);
}
WRONG (load_index)
{
  VyreValue x = LOAD (g->f.value);

  g_assert_cmpuint (x.index, ==, 0);
}
WRONG (store_index) { vyre_builder_store (b, g->out, g->f.value, g->i.value); }
WRONG (store_value) { vyre_builder_store (b, g->out, g->i.value, g->f.value); }
WRONG (store_readonly)
{
  vyre_builder_store (b, g->in, g->i.value, g->i.value);
}
WRONG (store_outside) { vyre_builder_store (b, g->tile, U32 (64), g->i.value); }
WRONG (atomic_buffer)
{
  VyreValue x =
      vyre_builder_atomic (b, VYRE_ATOMIC_ADD, g->in, U32 (0), U32 (1));

  vyre_builder_let (b, NULL, x);
}
WRONG (atomic_expected)
{
  VyreValue x = vyre_builder_atomic (
      b, VYRE_ATOMIC_COMPARE_EXCHANGE, g->out, U32 (0), U32 (1));

  vyre_builder_let (b, NULL, x);
}
WRONG (atomic_nand)
{
  VyreValue x =
      vyre_builder_atomic (b, VYRE_ATOMIC_FETCH_NAND, g->out, U32 (0), U32 (1));

  vyre_builder_let (b, NULL, x);
}
WRONG (atomic_dropped)
{
  VyreValue x =
      vyre_builder_atomic (b, VYRE_ATOMIC_ADD, g->out, U32 (0), U32 (1));

  (void) x;
}
WRONG (atomic_dropped_before)
{
  atomic_dropped (b, g);
  vyre_builder_let (b, NULL, U32 (1));
}
WRONG (if_f32) { vyre_builder_begin_if (b, g->f.value); }
WRONG (loop_f32) { vyre_builder_begin_loop (b, "k", U32 (0), g->f.value); }
WRONG (assign_type) { vyre_builder_assign (b, g->i, g->f.value); }
WRONG (assign_loop)
{
  VyreVar k = vyre_builder_begin_loop (b, "k", U32 (0), U32 (4));

  vyre_builder_assign (b, k, U32 (0));
}
WRONG (assign_value)
{
  VyreVar no = { vyre_builder_add (b, g->i.value, U32 (1)) };

  vyre_builder_assign (b, no, U32 (0));
}
WRONG (hides) { vyre_builder_let (b, "i", U32 (0)); }
WRONG (forever_twice)
{
  vyre_builder_begin_forever (b);
  vyre_builder_begin_forever (b);
}
WRONG (ended)
{
  VyreVar x;

  vyre_builder_begin_block (b);
  x = vyre_builder_let (b, "x", U32 (0));
  vyre_builder_end_block (b);
  vyre_builder_store (b, g->out, U32 (0), x.value);
}
WRONG (ended_else)
{
  VyreVar x;

  vyre_builder_begin_if (b, g->i.value);
  x = vyre_builder_let (b, "x", U32 (0));
  vyre_builder_else (b);
  vyre_builder_store (b, g->out, U32 (0), x.value);
}
WRONG (twice)
{
  VyreValue x = LOAD (g->i.value);

  vyre_builder_store (b, g->out, x, x);
}
WRONG (late)
{
  VyreValue x = LOAD (g->i.value);

  vyre_builder_store (b, g->out, U32 (0), U32 (0));
  vyre_builder_store (b, g->out, U32 (0), x);
}
WRONG (assigned)
{
  VyreValue x = vyre_builder_add (b, g->i.value, U32 (1));

  vyre_builder_assign (b, g->i, U32 (0));
  vyre_builder_store (b, g->out, U32 (0), x);
}
WRONG (changes_in_loop)
{
  VyreValue x = vyre_builder_add (b, g->i.value, U32 (1));

  vyre_builder_begin_loop (b, "k", U32 (0), U32 (4));
  vyre_builder_store (b, g->out, U32 (0), x);
  vyre_builder_assign (b, g->i, U32 (0));
}
WRONG (nobody) { vyre_builder_let (b, NULL, (VyreValue){ 0, 0, 0 }); }
WRONG (foreign)
{
  g_autoptr (VyreBuilder) other = vyre_builder_new (1, 1, 1);

  vyre_builder_let (b, NULL, vyre_builder_u32 (other, 1));
}
WRONG (foreign_buffer)
{
  g_autoptr (VyreBuilder) other = vyre_builder_new (1, 1, 1);

  vyre_builder_store (b,
      vyre_builder_buffer (
          other, "x", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U32, 0),
      U32 (0), U32 (0));
}
WRONG (open_if) { vyre_builder_begin_if (b, g->i.value); }
WRONG (end_none) { vyre_builder_end_loop (b); }
WRONG (end_other)
{
  vyre_builder_begin_if (b, g->i.value);
  vyre_builder_end_block (b);
}
WRONG (else_none) { vyre_builder_else (b); }
WRONG (else_twice)
{
  vyre_builder_begin_if (b, g->i.value);
  vyre_builder_else (b);
  vyre_builder_else (b);
}
WRONG (after_return)
{
  vyre_builder_return (b);
  vyre_builder_barrier (b, VYRE_ORDER_SEQ_CST);
}
WRONG (relaxed) { vyre_builder_barrier (b, VYRE_ORDER_RELAXED); }
WRONG (divergent_barrier)
{
  vyre_builder_begin_if (b, vyre_builder_eq (b, g->i.value, U32 (0)));
  vyre_builder_barrier (b, VYRE_ORDER_SEQ_CST);
  vyre_builder_end_if (b);
}
WRONG (hazard)
{
  VyreValue x =
      vyre_builder_atomic (b, VYRE_ATOMIC_ADD, g->out, U32 (0), U32 (1));

  vyre_builder_let (b, NULL, x);
  vyre_builder_store (b, g->out, U32 (1), U32 (1));
}
WRONG (no_tag) { vyre_builder_async_wait (b, ""); }
WRONG (async_target)
{
  vyre_builder_async_load (b, g->out, g->in, U32 (0), U32 (4), "t");
}
WRONG (async_size)
{
  vyre_builder_async_load (b, g->in, g->out, U32 (0), g->f.value, "t");
}
WRONG (trap_f32) { vyre_builder_trap (b, g->f.value, "t"); }
WRONG (reduce_tile)
{
  vyre_builder_all_reduce (b, g->tile, VYRE_COLLECTIVE_SUM);
}
WRONG (gather_types) { vyre_builder_all_gather (b, g->bytes, g->out); }
WRONG (reduce_nothing) { vyre_builder_all_reduce (b, g->out, 0); }
WRONG (same_name)
{
  vyre_builder_buffer (b, "in", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U32, 0);
}
WRONG (no_count)
{
  vyre_builder_buffer (b, "x", VYRE_ACCESS_WORKGROUP, VYRE_TYPE_U32, 0);
}
WRONG (output_count) { vyre_builder_set_output (b, g->out); }
WRONG (two_outputs)
{
  vyre_builder_set_output (b,
      vyre_builder_buffer (b, "x", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U32, 1));
  vyre_builder_set_output (b,
      vyre_builder_buffer (b, "y", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U32, 1));
}
WRONG (same_binding) { vyre_builder_set_binding (b, g->out, 0); }
WRONG (backwards) { vyre_builder_set_output_range (b, g->out, 5, 4); }
WRONG (range_fit) { vyre_builder_set_output_range (b, g->out, 0, 4); }
WRONG (vec_buffer)
{
  const VyreType u32 = { .kind = VYRE_TYPE_U32 };
  const VyreType vec = { .kind = VYRE_TYPE_VEC, .element = &u32, .a = 4 };

  vyre_builder_buffer_of (b, "x", VYRE_ACCESS_READ_ONLY, &vec, 0);
}
WRONG (not_utf8) { vyre_builder_let (b, "\xff", U32 (0)); }
WRONG (axis) { vyre_builder_invocation_id (b, 3); }
WRONG (no_operator) { vyre_builder_binary (b, 200, U32 (0), U32 (0)); }
WRONG (no_meaning)
{
  vyre_builder_binary (b, VYRE_BIN_BALLOT, U32 (0), U32 (0));
}
WRONG (deep_value)
{
  VyreValue x = g->i.value;

  for (guint i = 0; i < 70; i++)
    x = vyre_builder_unary (b, VYRE_UN_BIT_NOT, x);
  vyre_builder_let (b, NULL, x);
}
WRONG (deep_statement)
{
  VyreValue x = g->i.value;

  vyre_builder_begin_block (b);
  for (guint i = 0; i < 61; i++)
    x = vyre_builder_unary (b, VYRE_UN_BIT_NOT, x);
  vyre_builder_let (b, NULL, x);
}
WRONG (deep_blocks)
{
  for (guint i = 0; i < 64; i++)
    vyre_builder_begin_block (b);
}
WRONG (huge_value)
{
  VyreValue x = g->i.value;

  for (guint i = 0; i < 40; i++)
    x = vyre_builder_add (b, x, x);
  vyre_builder_let (b, NULL, x);
}
WRONG (subgroup_of_bool)
{
  VyreValue x = vyre_builder_subgroup_add (b, vyre_builder_bool (b, TRUE));

  vyre_builder_let (b, NULL, x);
}
WRONG (first_counts)
{
  vyre_builder_let (b, "i", U32 (0));
  vyre_builder_end_loop (b);
  vyre_builder_add (b, g->i.value, g->f.value);
}

static const struct
{
  const char *name;
  Wrong wrong;
  int code; /* VYRE_BUILDER_ERROR_, or -1 for the validator's, -2: encoder's */
  const char *parts[3];
} wrongs[] = {
#define ROW(name, code, ...) \
  { \
#name, name, code, { __VA_ARGS__ } \
  }
#define TYPE VYRE_BUILDER_ERROR_TYPE
#define HANDLE VYRE_BUILDER_ERROR_HANDLE
#define NESTING VYRE_BUILDER_ERROR_NESTING
#define NAME VYRE_BUILDER_ERROR_NAME
#define BUFFER VYRE_BUILDER_ERROR_BUFFER
#define ARGUMENT VYRE_BUILDER_ERROR_ARGUMENT
#define LIMIT VYRE_BUILDER_ERROR_LIMIT
  ROW (add_types, TYPE, "entry[0].body[2]: Add of u32 and f32", "cast", "[E7]"),
  ROW (add_bool, TYPE, "operand of Add is bool", "cast", "[E6]"),
  ROW (narrow, TYPE, "Add of a raw byte", "Cast", "[X07]"),
  ROW (div_zero, TYPE, "Div by a literal zero", "[V044]"),
  ROW (negate_i32, TYPE, "Negate of i32", "[E14]"),
  ROW (bad_cast, TYPE, "no cast from f32 to f64", "u32, i32", "[V012]"),
  ROW (unknown_cast, ARGUMENT, "type of Cast", "77"),
  ROW (extension_cast, TYPE, "type of Cast", "extension"),
  ROW (no_element, ARGUMENT, "sparse_csr has no element"),
  ROW (fma_u32, TYPE, "second operand of Fma is u32", "[V028]"),
  ROW (select_arms, TYPE, "Select between u32 and f32", "[V029]"),
  ROW (select_condition, TYPE, "condition of Select is f32", "compare"),
  ROW (load_index, TYPE, "index of Load from buffer `in` is f32", "cast"),
  ROW (store_index, TYPE, "index of Store is f32", "cast"),
  ROW (store_value, TYPE, "Store of f32 into buffer `out`", "cast", "u32"),
  ROW (store_readonly, TYPE, "Store to buffer `in`", "ReadOnly", "ReadWrite"),
  ROW (store_outside, ARGUMENT, "element 64 of buffer `tile`", "0 to 63"),
  ROW (atomic_buffer, TYPE, "atomic Add on buffer `in`", "[V009]"),
  ROW (atomic_expected, TYPE, "no expected value", "[E20]"),
  ROW (atomic_nand, ARGUMENT, "FetchNand", "CompareExchange"),
  ROW (atomic_dropped, HANDLE, "atomic", "vyre_builder_let (b, NULL"),
  ROW (atomic_dropped_before, HANDLE, "entry[0].body[2]", "atomic"),
  ROW (if_f32, TYPE, "condition of If is f32", "compare"),
  ROW (loop_f32, TYPE, "to bound of Loop is f32", "cast"),
  ROW (assign_type, TYPE, "assignment of f32 to variable `i`", "u32"),
  ROW (assign_loop, HANDLE, "loop variable `k`", "copy"),
  ROW (assign_value, HANDLE, "the variable of Assign is a value"),
  ROW (hides, NAME, "`i`", "another name"),
  ROW (forever_twice, NAME, "__forever__"),
  ROW (ended, HANDLE, "value of Store", "`x`", "not visible"),
  ROW (ended_else, HANDLE, "entry[0].body[2].else[0]", "`x`", "not visible"),
  ROW (twice, HANDLE, "value of Store", "used before", "let"),
  ROW (late, HANDLE, "entry[0].body[3]", "before another statement", "let"),
  ROW (assigned, HANDLE, "variable `i`", "assigned since", "let"),
  ROW (changes_in_loop, HANDLE, "variable `i`", "Loop", "let"),
  ROW (nobody, HANDLE, "value of Let", "not of this builder"),
  ROW (foreign, HANDLE, "value of Let", "not of this builder"),
  ROW (foreign_buffer, HANDLE, "Store", "not of this builder"),
  ROW (open_if, NESTING, "inside of If", "1 open in all"),
  ROW (end_none, NESTING, "end_loop with no Loop open"),
  ROW (end_other, NESTING, "end_block", "If"),
  ROW (else_none, NESTING, "else with no If"),
  ROW (else_twice, NESTING, "second else"),
  ROW (after_return, NESTING, "Barrier after Return"),
  ROW (relaxed, ARGUMENT, "Relaxed", "VYRE_ORDER_SEQ_CST"),
  ROW (divergent_barrier, -1, "V010", "entry[0].body[2].then[0]"),
  ROW (hazard, -1, "S12", "`out`"),
  ROW (no_tag, ARGUMENT, "AsyncWait", "empty tag"),
  ROW (async_target, TYPE, "AsyncLoad into buffer `in`", "ReadOnly"),
  ROW (async_size, TYPE, "size of AsyncLoad is f32"),
  ROW (trap_f32, TYPE, "address of Trap is f32"),
  ROW (reduce_tile, TYPE, "AllReduce of Workgroup buffer `tile`"),
  ROW (gather_types, TYPE, "AllGather from elements of u8", "u32"),
  ROW (reduce_nothing, ARGUMENT, "AllReduce", "operation 0"),
  ROW (same_name, BUFFER, "second buffer", "`in`"),
  ROW (no_count, BUFFER, "Workgroup buffer `x`", "count"),
  ROW (output_count, BUFFER, "output buffer `out`", "count"),
  ROW (two_outputs, -1, "V022"),
  ROW (same_binding, -1, "P5", "`out`"),
  ROW (backwards, BUFFER, "range of buffer `out`", "5", "4"),
  ROW (range_fit, -2, "range"),
  ROW (vec_buffer, BUFFER, "buffer `x`", "vec"),
  ROW (not_utf8, ARGUMENT, "variable's name", "UTF-8"),
  ROW (axis, TYPE, "no axis 3", "[E2]"),
  ROW (no_operator, ARGUMENT, "binary operator 200"),
  ROW (no_meaning, TYPE, "Ballot", "[E13]"),
  ROW (deep_value, LIMIT, "UnOp is nested 64 levels", "let"),
  ROW (deep_statement, LIMIT, "value of Let is nested 62", "let"),
  ROW (deep_blocks, LIMIT, "Block is nested deeper than 64"),
  ROW (huge_value, LIMIT, "let"),
  ROW (subgroup_of_bool, TYPE, "SubgroupAdd of bool", "[X13]"),
  ROW (first_counts, NAME, "`i`"),
};

static void
test_wrong (gconstpointer data)
{
  guint row = GPOINTER_TO_UINT (data);
  g_autoptr (VyreBuilder) b = vyre_builder_new (64, 1, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = NULL;
  Ground g = {
    vyre_builder_buffer (b, "in", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U32, 0),
    vyre_builder_buffer (b, "out", VYRE_ACCESS_READ_WRITE, VYRE_TYPE_U32, 0),
    vyre_builder_buffer (b, "bytes", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U8, 0),
    vyre_builder_buffer (b, "tile", VYRE_ACCESS_WORKGROUP, VYRE_TYPE_U32, 64),
    { { 0 } },
    { { 0 } },
  };

  g.i = vyre_builder_let (b, "i", vyre_builder_invocation_id (b, 0));
  g.f = vyre_builder_let (b, "f", vyre_builder_f32 (b, 0.5f));
  wrongs[row].wrong (b, &g);
  program = vyre_builder_finish (b, &error);
  g_assert_null (program);
  g_assert_nonnull (error);
  g_test_message ("%s", error->message);
  if (wrongs[row].code == -1)
    g_assert_error (error, VYRE_VALIDATE_ERROR, VYRE_VALIDATE_ERROR_INVALID);
  else if (wrongs[row].code == -2)
    g_assert_true (error->domain == VYRE_WIRE_ERROR);
  else
    g_assert_error (error, VYRE_BUILDER_ERROR, wrongs[row].code);
  for (guint i = 0; i < 3 && wrongs[row].parts[i] != NULL; i++)
    if (strstr (error->message, wrongs[row].parts[i]) == NULL)
      g_error ("no \"%s\" in: %s", wrongs[row].parts[i], error->message);
}

/* Every call is harmless after an error, and the error stays. */
static void
test_after_error (void)
{
  g_autoptr (VyreBuilder) b = vyre_builder_new (64, 0, 1);
  g_autoptr (GError) error = NULL;
  g_autofree char *first = NULL;

  g_assert_error (vyre_builder_get_error (b), VYRE_BUILDER_ERROR,
      VYRE_BUILDER_ERROR_ARGUMENT);
  first = g_strdup (vyre_builder_get_error (b)->message);
  for (guint i = 0; i < G_N_ELEMENTS (wrongs); i++) {
    Ground g = { 0 };

    wrongs[i].wrong (b, &g);
  }
  g_assert_null (vyre_builder_finish (b, &error));
  g_assert_cmpstr (error->message, ==, first);
}

static void
test_finished (void)
{
  g_autoptr (VyreBuilder) b = vyre_builder_new (64, 1, 1);
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program = NULL;
  VyreValue one = vyre_builder_u32 (b, 1);

  vyre_builder_let (b, "x", one);
  program = vyre_builder_finish (b, &error);
  g_assert_no_error (error);
  g_assert_nonnull (program);
  g_assert_null (vyre_builder_finish (b, &error));
  g_assert_error (error, VYRE_BUILDER_ERROR, VYRE_BUILDER_ERROR_FINISHED);
  vyre_builder_let (b, "y", one);
  vyre_builder_u32 (b, 1);
  vyre_builder_begin_block (b);
  vyre_builder_end_block (b);
  vyre_builder_buffer (b, "b", VYRE_ACCESS_READ_ONLY, VYRE_TYPE_U32, 0);
  g_clear_error (&error);
  g_assert_null (vyre_builder_finish (b, &error));
  g_assert_error (error, VYRE_BUILDER_ERROR, VYRE_BUILDER_ERROR_FINISHED);
}

static void
test_empty (void)
{
  g_autoptr (VyreBuilder) b = vyre_builder_new (64, 1, 1);
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_builder_finish (b, &error));
  g_assert_error (error, VYRE_VALIDATE_ERROR, VYRE_VALIDATE_ERROR_INVALID);
  g_assert_nonnull (strstr (error->message, "P1"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (wrongs); i++) {
    g_autofree char *path =
        g_strconcat ("/builder/wrong/", wrongs[i].name, NULL);

    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_wrong);
  }
  g_test_add_func ("/builder/after-error", test_after_error);
  g_test_add_func ("/builder/finished", test_finished);
  g_test_add_func ("/builder/empty", test_empty);
  return g_test_run ();
}
