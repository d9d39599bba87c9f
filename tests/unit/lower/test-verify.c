/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The verifier: what it must not let through, and what can happen to code that
 * it did let through. */
#include <string.h>

#include "eval.h"
#include "lower/isa.h"
#include "ring/words.h"
#include "vir0/text.h"

static const char text[] =
    "program workgroup(8);\n"
    "buffer in: readonly u8[] @0;\n"
    "buffer out: readwrite u32[] @1;\n"
    "buffer wide: readwrite u64[] @2;\n"
    "buffer sh: workgroup u32[8];\n"
    "main {\n"
    "  let i = invocation_id.x;\n"
    "  let old = atomic_compare_exchange(out[0], i, 7);\n"
    "  sh[local_id.x] = old;\n"
    "  barrier;\n"
    "  let n = u32(wide[i]);\n"
    "  let a = n / 3; let b = n / 5; let c = n / 6; let d = n / 7;\n"
    "  let e = n % 3; let f = n % 5; let g = n % 6; let h = n % 7;\n"
    "  if i < len(out) {\n"
    "    for k in 0..n {\n"
    "      if u32(in[k]) > 100 { out[i] = k; return; } else { n = n + 1; }\n"
    "    }\n"
    "    out[i] = select(n == 3, n / i, n * 3);\n"
    "  } else {\n"
    "    trap(i, \"beyond\");\n"
    "  }\n"
    "  out[i + 1] = u32(fma(f32(n), 2.0, 1.5)) + sh[6 - local_id.x]\n"
    "    + (a ^ b ^ c ^ d ^ e ^ f ^ g ^ h);\n"
    "}\n";

static VyreLowered *
fresh (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreProgram) program =
      vyre_program_parse (text, strlen (text), &error);
  VyreLowerOptions options = { 8 };
  VyreLowered *lowered;

  g_assert_no_error (error);
  lowered = vyre_lower (program, &options, &error);
  g_assert_no_error (error);
  return lowered;
}

/* The n-th instruction with an opcode. */
static guint32 *
find (const VyreLowered *lowered, guint op)
{
  for (guint i = 0; i < lowered->n_instructions; i++)
    if ((lowered->code[i * 2] & 0x7f) == op)
      return &lowered->code[i * 2];
  g_error ("no instruction with opcode %u", op);
}

static void
rejected (const VyreLowered *lowered, const char *part)
{
  g_autoptr (GError) error = NULL;

  if (vyre_lowered_verify (lowered, &error))
    g_error ("verified, but should fail: %s", part);
  g_assert_error (error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_VERIFY);
  if (strstr (error->message, part) == NULL)
    g_error ("%s: lacks: %s", error->message, part);
}

typedef struct
{
  guint op, word;
  guint32 keep, put;
  const char *part;
} Corruption;

#define DST(value) 0, 0xffff00ffu, (guint32) (value) << 8
#define A(value) 0, 0xff00ffffu, (guint32) (value) << 16
#define B(value) 0, 0x00ffffffu, (guint32) (value) << 24
#define IMM 0, 0xffffffffu, VYRE_I_IMM
#define OP(value) 0, 0xffffff80u, (guint32) (value)
#define X(value) 1, 0, (guint32) (value)

static const Corruption corruptions[] = {
  { VYRE_I_SPECIAL, DST (8), "dst names register 8" },
  { VYRE_I_SPECIAL, DST (255), "register 255" },
  { VYRE_I_SPECIAL, X (VYRE_SPECIALS), "special value" },
  { VYRE_I_SPECIAL, IMM, "immediate" },
  { VYRE_I_SPECIAL, OP (126), "unknown opcode" },
  { VYRE_I_SPECIAL, OP (15), "unknown opcode" },
  { VYRE_I_SPECIAL, OP (69), "unknown opcode" },
  { VYRE_I_SPECIAL, OP (VYRE_I_LIMIT), "unknown opcode" },
  { VYRE_I_SPECIAL, OP (VYRE_I_END), "END before" },
  { VYRE_I_SPECIAL, OP (VYRE_I_ELSE), "no IF" },
  { VYRE_I_SPECIAL, OP (VYRE_I_ENDIF), "nothing is open" },
  { VYRE_I_SPECIAL, OP (VYRE_I_NEXT), "nothing is open" },
  { VYRE_I_SPECIAL, OP (VYRE_I_IF), "" },
  { VYRE_I_BUFLEN, X (4), "binding 4" },
  { VYRE_I_LOAD, A (8), "a names register" },
  { VYRE_I_LOAD, IMM, "immediate" },
  { VYRE_I_LOAD, X (VYRE_IM (4, 0, 0, 0)), "binding 4" },
  { VYRE_I_LOAD, X (VYRE_IM (0, 5, 0, 0)), "2^5" },
  { VYRE_I_LOAD, X (VYRE_IM (0, 4, 3, 0)), "2^3" },
  { VYRE_I_LOAD, X (VYRE_IM (0, 0, 1, 0)), "2^1" },
  { VYRE_I_LOAD, X (VYRE_IM (0, 0, 0, 1)), "offset 1" },
  { VYRE_I_LOAD, X (VYRE_IM (0, 3, 2, 5)), "offset 5" },
  { VYRE_I_LOAD, X (VYRE_IM (0, 3, 2, 2)), "odd offset" },
  { VYRE_I_LOAD, X (0x01000000), "2^0" },
  { VYRE_I_STORE, DST (9), "dst" },
  { VYRE_I_STORE, X (VYRE_IM (200, 0, 0, 0)), "binding 200" },
  { VYRE_I_ATOMIC, X (VYRE_IA (1, 8, 0)), "atomic operation" },
  { VYRE_I_ATOMIC, X (VYRE_IA (7, 0, 0)), "binding 7" },
  { VYRE_I_ATOMIC, X (VYRE_IA (1, 7, 8)), "X names register" },
  { VYRE_I_ATOMIC, X (0x01000001), "atomic operation" },
  { VYRE_I_ATOMIC, B (8), "b names register" },
  { VYRE_I_ATOMIC, IMM, "immediate" },
  { VYRE_I_FAULT_IF, B (0), "fault code 0" },
  { VYRE_I_FAULT_IF, B (64), "fault code 64" },
  { VYRE_I_FAULT_IF, DST (8), "dst" },
  { VYRE_I_IF, DST (1), "level 1" },
  { VYRE_I_IF, DST (64), "level 64" },
  { VYRE_I_IF, A (8), "a names" },
  { VYRE_I_IF, X (0), "must go to" },
  { VYRE_I_IF, X (0xffffffff), "must go to" },
  { VYRE_I_ELSE, DST (3), "level 3" },
  { VYRE_I_ELSE, X (0), "must go to" },
  { VYRE_I_ELSE, OP (VYRE_I_ENDIF), "" },
  { VYRE_I_ELSE, OP (VYRE_I_RETURN), "" },
  { VYRE_I_ENDIF, OP (VYRE_I_NEXT), "" },
  { VYRE_I_ENDIF, OP (VYRE_I_ELSE), "" },
  { VYRE_I_LOOP, X (1), "must go to" },
  { VYRE_I_LOOP, DST (0), "level 0" },
  { VYRE_I_LOOP, B (8), "b names" },
  { VYRE_I_LOOP, OP (VYRE_I_IF), "" },
  { VYRE_I_NEXT, X (0), "must go to" },
  { VYRE_I_NEXT, A (8), "a names" },
  { VYRE_I_NEXT, OP (VYRE_I_ENDIF), "" },
  { VYRE_I_TRAP, X (0), "tag 0" },
  { VYRE_I_TRAP, X (2), "tag 2" },
  { VYRE_I_SELECT, X (8), "X names" },
  { VYRE_I_SELECT, X (0x100), "X names" },
  { VYRE_I_SELECT, IMM, "immediate" },
  { VYRE_I_FMA, X (8), "X names" },
  { VYRE_I_U2F, IMM, "immediate" },
  { VYRE_I_U2F, A (8), "a names" },
  { VYRE_I_SPILL_LOAD, X (1000), "spill word" },
  { VYRE_I_SPILL_STORE, X (1000), "spill word" },
  { VYRE_I_END, OP (VYRE_I_RETURN), "not END" },
  { VYRE_I_END, X (1), "without a use" },
  { VYRE_I_RETURN, DST (1), "without a use" },
  { VYRE_I_BARRIER, A (1), "without a use" },
  { VYRE_I_ENDIF, X (1), "without a use" },
  { VYRE_I_SPECIAL, A (1), "without a use" },
  { VYRE_I_LOAD, B (1), "without a use" },
  { VYRE_I_U2F, B (1), "without a use" },
  { VYRE_I_U2F, X (1), "without a use" },
  { VYRE_I_XOR, X (1), "without a use" },
};

static void
test_corruptions (void)
{
  g_autoptr (VyreLowered) lowered = fresh ();

  for (guint i = 0; i < G_N_ELEMENTS (corruptions); i++) {
    const Corruption *c = &corruptions[i];
    guint32 *inst = find (lowered, c->op);
    guint32 saved = inst[c->word];

    g_test_message ("%u: opcode %u, %s", i, c->op, c->part);
    inst[c->word] = (saved & c->keep) | c->put;
    rejected (lowered, c->part);
    inst[c->word] = saved;
    g_assert_true (vyre_lowered_verify (lowered, NULL));
  }
}

static void
test_tables (void)
{
  g_autoptr (VyreLowered) lowered = fresh ();
  VyreLowered copy = *lowered;
  guint32 end[2] = { VYRE_I_END, 0 };
  gint binding;

#define WITH(field, value, part) \
  copy = *lowered; \
  copy.field = value; \
  rejected (&copy, part)

  WITH (n_instructions, 0, "no code");
  WITH (n_instructions, VYRE_I_MAX_CODE + 1, "too many instructions");
  WITH (n_instructions, lowered->n_instructions - 1, "not END");
  WITH (n_registers, 65, "too many registers");
  WITH (n_registers, 2, "register");
  WITH (n_spills, 4097, "spill");
  WITH (n_spills, 0, "spill word");
  WITH (n_bindings, 57, "bindings");
  WITH (n_bindings, 5, "belongs to no buffer");
  WITH (n_bindings, 1, "binding");
  WITH (grouped, FALSE, "not grouped");
  WITH (shared_words, 7, "beyond workgroup memory");
  WITH (shared_words, G_MAXUINT32, "too much workgroup memory");
  WITH (n_trap_tags, 0, "tag 1 of 0");

  binding = lowered->buffers[1].binding;
  lowered->buffers[1].binding = lowered->buffers[0].binding;
  rejected (lowered, "share a binding");
  lowered->buffers[1].binding = binding;
  lowered->buffers[3].shared_offset = 4;
  rejected (lowered, "beyond workgroup memory");
  lowered->buffers[3].shared_offset = 0xfffffffc;
  rejected (lowered, "beyond workgroup memory");
  lowered->buffers[3].shared_offset = 0;
  g_assert_true (vyre_lowered_verify (lowered, NULL));

  copy = *lowered;
  copy.code = end;
  copy.n_instructions = 1;
  g_assert_true (vyre_lowered_verify (&copy, NULL));
  copy.grouped = FALSE;
  copy.shared_words = 0;
  rejected (&copy, "beyond workgroup memory");
}

static void
test_levels (void)
{
  g_autoptr (VyreLowered) lowered = fresh ();
  VyreLowered copy = *lowered;
  guint32 code[(65 * 2 + 1) * 2];

  for (guint levels = 64; levels <= 65; levels++) {
    guint n = levels * 2 + 1;

    for (guint i = 0; i < levels; i++) {
      code[i * 2] = VYRE_I_IF | i << 8;
      code[i * 2 + 1] = n - 2 - i;
      code[(n - 2 - i) * 2] = VYRE_I_ENDIF | i << 8;
      code[(n - 2 - i) * 2 + 1] = 0;
    }
    code[(n - 1) * 2] = VYRE_I_END;
    code[(n - 1) * 2 + 1] = 0;
    copy.code = code;
    copy.n_instructions = n;
    if (levels == 64)
      g_assert_true (vyre_lowered_verify (&copy, NULL));
    else
      rejected (&copy, "levels");
  }
}

/* Whatever bits are turned: the verifier returns, and what it lets through
 * runs inside its registers, bindings and levels (the evaluator asserts it). */
static void
test_bit_flips (void)
{
  g_autoptr (VyreLowered) lowered = fresh ();
  gsize n_words = (gsize) lowered->n_instructions * 2;
  g_autofree guint32 *saved =
      g_memdup2 (lowered->code, n_words * sizeof (guint32));
  GByteArray *buffers[4] = { NULL };
  guint n_passed = 0;
  const guint32 grid[3] = { 2, 1, 1 };

  for (guint i = 0; i < 3; i++) {
    buffers[i] = g_byte_array_new ();
    g_byte_array_set_size (buffers[i], 67);
    memset (buffers[i]->data, i == 0 ? 120 : 0, 67);
  }
  for (guint round = 0; round < 20000; round++) {
    guint n_flips = 1 + (guint) g_test_rand_int_range (0, 3);

    for (guint k = 0; k < n_flips; k++)
      lowered->code[g_test_rand_int_range (0, (gint32) n_words)] ^=
          1u << g_test_rand_int_range (0, 32);
    if (vyre_lowered_verify (lowered, NULL)) {
      g_autofree char *listing = vyre_lowered_dump (lowered);
      EvalResult result;

      n_passed++;
      if (n_passed < 2000)
        eval_run (lowered, buffers, grid, 2000, &result);
      g_assert_nonnull (listing);
    } else if (round % 16 == 0) {
      g_autofree char *listing = vyre_lowered_dump (lowered);

      g_assert_nonnull (listing);
    }
    memcpy (lowered->code, saved, n_words * sizeof (guint32));
  }
  g_test_message ("%u of 20000 passed", n_passed);
  g_assert_cmpuint (n_passed, >, 0);
  for (guint i = 0; i < 3; i++)
    g_byte_array_unref (buffers[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/lower/verify/corruptions", test_corruptions);
  g_test_add_func ("/lower/verify/tables", test_tables);
  g_test_add_func ("/lower/verify/levels", test_levels);
  g_test_add_func ("/lower/verify/bit-flips", test_bit_flips);
  return g_test_run ();
}
