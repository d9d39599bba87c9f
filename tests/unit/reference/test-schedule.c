/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Scopes, control flow, rounds, barriers, subgroups and the grid:
 * vir0-semantics.md sections 5 to 7, 10, 17 and the vectors of 30.4 and 30.5. */
#include "support.h"

#include <string.h>

/* --- control flow and scopes --------------------------------------------- */

/* A single invocation around these statements, which have n = a[0] and out[]. */
static char *
single (const char *body)
{
  return g_strdup_printf ("program workgroup(1);"
                          "buffer a: readonly u32[1] @0;"
                          "buffer out: readwrite u32[4] @1 output;"
                          "main { if invocation_id.x == 0 {"
                          " let n = a[0]; %s } }",
      body);
}

static void
test_flow (void)
{
  static const struct
  {
    const char *body, *out;
  } cases[] = {
    { "for i in 5..5 { out[0] = 1; } for j in 6..5 { out[1] = 1; }",
        "00000000 00000000 00000000 00000000" },
    /* n is 3. */
    { "let s = 0; for i in 0..n { n = 100; s = s + i; } out[0] = s;"
      " out[1] = n;",
        "03000000 64000000 00000000 00000000" },
    { "for i in 0xfffffffe..0xffffffff { out[0] = i; }",
        "feffffff 00000000 00000000 00000000" },
    { "let x = 1; region \"r\" { x = 2; { x = x + 5; } } out[0] = x;",
        "07000000 00000000 00000000 00000000" },
    { "{ let x = 1; out[0] = x; } { let x = 2; out[1] = x; } let x = 3;"
      " out[2] = x;",
        "01000000 02000000 03000000 00000000" },
    { "for i in 0..10 { out[0] = i; if i == n { return; } } out[1] = 1;",
        "03000000 00000000 00000000 00000000" },
    { "if n { out[0] = 1; } else { out[1] = 1; }",
        "01000000 00000000 00000000 00000000" },
    /* A variable may have a buffer's name. */
    { "let a = 9; out[0] = a + a[0];", "0c000000 00000000 00000000 00000000" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = single (cases[i].body);

    reference_expect (text, "03000000", cases[i].out);
  }
}

static void
test_refused (void)
{
  static const struct
  {
    const char *body;
    VyreReferenceError code;
    const char *part;
  } cases[] = {
    { "region \"r\" { let x = 1; } out[0] = x;",
        VYRE_REFERENCE_ERROR_VALIDATION, "x" },
    { "let x = 1; let x = 2;", VYRE_REFERENCE_ERROR_VALIDATION, "V032" },
    { "for n in 0..1 { }", VYRE_REFERENCE_ERROR_VALIDATION, "V008" },
    { "barrier;", VYRE_REFERENCE_ERROR_VALIDATION, "V010" },
    { "resume(\"t\");", VYRE_REFERENCE_ERROR_UNSUPPORTED, "Resume" },
    { "trap(n, \"t\");", VYRE_REFERENCE_ERROR_UNSUPPORTED, "address 3" },
    { "trap(nope, \"t\");", VYRE_REFERENCE_ERROR_VARIABLE, "nope" },
    { "for i in 0..(1i32 & 1i32) - 2 { }", VYRE_REFERENCE_ERROR_OPERANDS, "" },
    { "for i in (0i32 | -1i32)..5 { }", VYRE_REFERENCE_ERROR_INDEX,
        "start of a Loop" },
    { "opaque(\"some.kind\", \"00\");", VYRE_REFERENCE_ERROR_UNSUPPORTED,
        "Opaque" },
    { "out = n;", VYRE_REFERENCE_ERROR_VARIABLE, "Store" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text = single (cases[i].body);

    reference_expect_error (text, "03000000", cases[i].code, cases[i].part);
  }
  reference_expect_error ("program workgroup(1);", NULL,
      VYRE_REFERENCE_ERROR_ENTRY, "no statements");
  reference_expect_error ("program workgroup(1);"
                          "buffer b: readwrite u32[1] @0 output; b[0] = 1;",
      NULL, VYRE_REFERENCE_ERROR_ENTRY, "Store");
  /* Anything else is put into a Region. */
  reference_expect ("program workgroup(1);"
                    "buffer b: readwrite u32[1] @0 output;"
                    "let x = 4; b[0] = x;",
      NULL, "04000000");
  /* Where it happens is said. */
  reference_expect_error ("program workgroup(2); main {\n"
                          "  let x = 1;\n"
                          "  for i in 0..2 { trap(local_id.x, \"here\"); } }",
      NULL, VYRE_REFERENCE_ERROR_UNSUPPORTED,
      "entry[0].body[1].body[0] (3:19), invocation 0,0,0: trap \"here\"");
}

/* --- rounds -------------------------------------------------------------- */

static void
test_rounds (void)
{
  /* Both load before either stores. */
  reference_expect ("program workgroup(2);"
                    "buffer c: readwrite u32[1] @0;"
                    "main { let x = c[0]; c[0] = x + 1; }",
      "00000000", "01000000");
  reference_expect ("program workgroup(2);"
                    "buffer c: readwrite u32[1] @0;"
                    "main { c[0] = c[0] + 1; }",
      "00000000", "02000000");
  /* Old values are tickets in the order of lanes. */
  reference_expect ("program workgroup(4);"
                    "buffer c: readwrite u32[1] @0;"
                    "buffer out: readwrite u32[4] @1;"
                    "main { out[local_id.x] = atomic_add(c[0], 1); }",
      "00000000|ffffffff ffffffff ffffffff ffffffff",
      "04000000|00000000 01000000 02000000 03000000");
  /* A fault anywhere leaves nothing. */
  reference_expect_error ("program workgroup(64);"
                          "buffer c: readwrite u32[64] @0 output;"
                          "main { c[local_id.x] = 1;"
                          " if local_id.x == 63 { trap(7, \"last\"); } }",
      NULL, VYRE_REFERENCE_ERROR_UNSUPPORTED, "invocation 63,0,0");
}

/* How many steps a statement takes: lane 0 executes it and writes 1, lane 1
 * executes as many Lets as said and writes 2. The later one stays, and in the
 * same round that is lane 1. */
static void
check_steps (const char *statement, guint steps, gboolean lane_1_is_last)
{
  g_autoptr (GString) lets = g_string_new (NULL);
  g_autofree char *text = NULL;

  for (guint i = 0; i < steps; i++)
    g_string_append_printf (lets, "let x%u = 0;", i);
  text = g_strdup_printf ("program workgroup(2);"
                          "buffer c: readwrite u32[1] @0;"
                          "main { if local_id.x == 0 { %s c[0] = 1; }"
                          " else { %s c[0] = 2; } }",
      statement, lets->str);
  reference_expect (text, "00000000", lane_1_is_last ? "02000000" : "01000000");
}

static void
test_steps (void)
{
  static const struct
  {
    const char *statement;
    guint steps;
  } cases[] = {
    { "let x = 1;", 1 },
    { "{ }", 2 },
    { "{ let x = 1; }", 3 },
    { "region \"r\" { let x = 1; }", 3 },
    { "if c[0] == 0 { }", 2 },
    { "if c[0] == 0 { } else { let x = 1; }", 2 },
    { "if c[0] != 0 { } else { let x = 1; }", 3 },
    { "for i in 0..0 { let x = 1; }", 2 },
    { "for i in 0..1 { }", 4 },
    { "for i in 0..3 { let x = 1; }", 11 },
    { "for i in 0..2 { { } if i { let x = 1; } }", 15 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    check_steps (cases[i].statement, cases[i].steps, TRUE);
    check_steps (cases[i].statement, cases[i].steps - 1, FALSE);
  }
}

static void
test_barriers (void)
{
  /* The last lane writes first; without a barrier nobody would see it. */
  reference_expect ("program workgroup(4);"
                    "buffer s: workgroup u32[4];"
                    "buffer out: readwrite u32[4] @0 output;"
                    "main { s[local_id.x] = local_id.x + 1; barrier;"
                    " out[local_id.x] = s[3 - local_id.x]; }",
      NULL, "04000000 03000000 02000000 01000000");
  /* The finished do not count. */
  reference_expect ("program workgroup(4);"
                    "buffer s: workgroup u32[4];"
                    "buffer out: readwrite u32[4] @0 output;"
                    "main { if local_id.x >= 2 { return; }"
                    " s[local_id.x] = local_id.x + 1; barrier;"
                    " out[local_id.x] = s[1 - local_id.x]; }",
      NULL, "02000000 01000000 00000000 00000000");
  reference_expect ("program workgroup(2);"
                    "buffer out: readwrite u32[2] @0 output;"
                    "main { if workgroup_id.x == 0 { barrier; }"
                    " out[invocation_id.x] = 1; }",
      NULL, "01000000 01000000");
  /* Section 6.4, whose records outlive iterations; Regions hide barriers. */
  reference_expect_error ("program workgroup(2);"
                          "buffer out: readwrite u32[2] @0 output;"
                          "main { for i in 0..2 { if i == 0 { barrier; } } }",
      NULL, VYRE_REFERENCE_ERROR_BARRIER, "both ways");
  reference_expect ("program workgroup(2);"
                    "buffer out: readwrite u32[2] @0 output;"
                    "main { for i in 0..2 { if i == 0 {"
                    " region \"r\" { barrier; } } }"
                    " out[invocation_id.x] = 1; }",
      NULL, "01000000 01000000");
  /* GridSync is a barrier of the workgroup. */
  reference_expect ("program workgroup(1);"
                    "buffer out: readwrite u32[2] @0;"
                    "main { out[invocation_id.x] = 1; barrier.grid_sync;"
                    " out[invocation_id.x] = out[1 - invocation_id.x]; }",
      "00000000 00000000", "00000000 00000000");
  /* Workgroup memory is zero at the start of each. */
  reference_expect ("program workgroup(1);"
                    "buffer s: workgroup u32[1];"
                    "buffer out: readwrite u32[3] @0 output;"
                    "main { s[0] = s[0] + 1; out[invocation_id.x] = s[0]; }",
      NULL, "01000000 01000000 01000000");
}

/* --- subgroups ----------------------------------------------------------- */

static void
test_subgroups (void)
{
  /* All lanes see what x was at the beginning of the round. */
  reference_expect ("program workgroup(4);"
                    "buffer out: readwrite u32[4] @0 output;"
                    "main { let x = local_id.x; x = x + subgroup_add(x);"
                    " out[local_id.x] = x; }",
      NULL, "06000000 07000000 08000000 09000000");
  /* Slices of 32; the last one is short. */
  reference_expect ("program workgroup(36);"
                    "buffer out: readwrite u32[2] @0 output;"
                    "main { out[local_id.x / 32] ="
                    " subgroup_ballot(local_id.x != 1); }",
      NULL, "fdffffff 0f000000");
  reference_expect ("program workgroup(3);"
                    "buffer out: readwrite u32[3] @0 output;"
                    "main { let x = local_id.x * 10;"
                    " out[local_id.x] = subgroup_shuffle(x, local_id.x + 1); }",
      NULL, "0a000000 14000000 00000000");
  reference_expect ("program workgroup(2);"
                    "buffer out: readwrite f32[1] @0 output;"
                    "main { out[0] = subgroup_add(f32(local_id.x) + 0.5); }",
      NULL, "00000040");
  /* Operands within operands. */
  reference_expect ("program workgroup(3);"
                    "buffer out: readwrite u32[1] @0 output;"
                    "main { out[0] = subgroup_add(subgroup_add(2)); }",
      NULL, "12000000");
  /* Finished by Return, and still taking part with what it had. */
  reference_expect ("program workgroup(2);"
                    "buffer out: readwrite u32[1] @0 output;"
                    "main { let x = local_id.x + 1;"
                    " if local_id.x == 0 { x = 10; return; }"
                    " { } { } out[0] = subgroup_add(x); }",
      NULL, "0c000000");
  /* Atomics in operands happen once a lane and evaluation. */
  reference_expect ("program workgroup(2);"
                    "buffer c: readwrite u32[1] @0;"
                    "main { let x = subgroup_add(atomic_add(c[0], 1)); }",
      "00000000", "04000000");
  reference_expect_error ("program workgroup(2);"
                          "buffer out: readwrite u32[1] @0 output;"
                          "main { if local_id.x == 0 { let y = 1;"
                          " out[0] = subgroup_add(y); } }",
      NULL, VYRE_REFERENCE_ERROR_VARIABLE, "`y`");
  reference_expect_error ("program workgroup(2);"
                          "buffer out: readwrite i32[1] @0 output;"
                          "main { out[0] = subgroup_add(1i32); }",
      NULL, VYRE_REFERENCE_ERROR_SUBGROUP, "i32");
  reference_expect_error ("program workgroup(2);"
                          "buffer out: readwrite u32[1] @0 output;"
                          "main { out[0] = subgroup_shuffle(1, -1i32); }",
      NULL, VYRE_REFERENCE_ERROR_SUBGROUP, "lane number");
}

/* --- collectives --------------------------------------------------------- */

static void
test_collectives (void)
{
  reference_expect ("program workgroup(1);"
                    "buffer a: readonly u32[] @0;"
                    "buffer b: readwrite u32[] @1;"
                    "buffer c: readwrite u32[] @2;"
                    "main { all_reduce(c, sum, 0); { all_gather(a, b, 0); }"
                    " if workgroup_id.x == 0 { broadcast(c, 0, 0); }"
                    " reduce_scatter(a, c, max, 0); }",
      "01000000 02000000|09000000|07000000 08000000 09000000",
      "01000000|01000000 02000000 09000000");
  reference_expect_error ("program workgroup(1);"
                          "buffer c: readwrite u32[] @0;"
                          "main { { broadcast(c, 1, 0); } }",
      "00000000", VYRE_REFERENCE_ERROR_COLLECTIVE, "rank 1");
}

/* --- the grid ------------------------------------------------------------ */

static void
test_grid (void)
{
  static const struct
  {
    guint elements;
    const char *workgroup;
    guint invocations;
  } cases[] = {
    { 1, "64", 64 },
    { 65, "64", 128 },
    { 1000, "1", 1000 },
    { 1000, "256", 1024 },
    { 300, "8, 8", 9 * 64 },
    { 1000, "8, 8", 16 * 64 },
    { 513, "4, 4, 4", 27 * 64 },
    { 1000, "1, 64", 16 * 64 },
    { 100, "1, 8, 8", 4 * 64 },
  };
  VyreReferenceOptions options = VYRE_REFERENCE_OPTIONS_DEFAULT;
  const guint32 grid[3] = { 3, 1, 2 };
  const char *count = "program workgroup(2); buffer c: readwrite u32[1] @0;"
                      "main { let x = atomic_add(c[0], 1); }";
  g_autoptr (GError) error = NULL;
  g_autofree char *got = NULL;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *text =
        g_strdup_printf ("program workgroup(%s); buffer c: readwrite u32[1] @0;"
                         "buffer out: writeonly u8[%u] @1 range(0..0);"
                         "main { let x = atomic_add(c[0], 1); }",
            cases[i].workgroup, cases[i].elements);
    g_autofree char *wanted = g_strdup_printf (
        "%02x%02x0000|", cases[i].invocations & 255, cases[i].invocations >> 8);

    reference_expect (text, "00000000", wanted);
  }

  /* Inputs count where there are atomics (section 30.5). */
  for (guint atomics = 0; atomics < 2; atomics++) {
    g_autofree char *zeros = g_strnfill (2 * 4097, '0');
    g_autofree char *inputs = g_strconcat (zeros, "|00000000", NULL);

    reference_expect (
        atomics ? "program workgroup(256); buffer a: readonly u8[] @0;"
                  "buffer c: readwrite u32[1] @1;"
                  "main { let x = atomic_max(c[0], workgroup_id.x + 1); }"
                : "program workgroup(256); buffer a: readonly u8[] @0;"
                  "buffer c: readwrite u32[1] @1;"
                  "main { c[0] = workgroup_id.x + 1; }",
        inputs, atomics ? "11000000" : "01000000");
  }

  options.grid = grid;
  got = reference_try (count, "00000000", &options, &error);
  g_assert_no_error (error);
  g_assert_cmpstr (got, ==, "0c000000");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/reference/schedule/flow", test_flow);
  g_test_add_func ("/reference/schedule/refused", test_refused);
  g_test_add_func ("/reference/schedule/rounds", test_rounds);
  g_test_add_func ("/reference/schedule/steps", test_steps);
  g_test_add_func ("/reference/schedule/barriers", test_barriers);
  g_test_add_func ("/reference/schedule/subgroups", test_subgroups);
  g_test_add_func ("/reference/schedule/collectives", test_collectives);
  g_test_add_func ("/reference/schedule/grid", test_grid);
  return g_test_run ();
}
