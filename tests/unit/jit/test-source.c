/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What is generated, what is refused, and that nothing of a program but its
 * code gets into the text. */
#include "oracle.h"

#include "compiled-frame-parallel.comp.h"
#include "lower/isa.h"

#include <string.h>

#define PROGRAM(body) \
  "program workgroup(16);\nbuffer in: readonly u32[] @0;\n" \
  "buffer out: readwrite u32[] @1;\nmain {\n" body "}\n"

#define SAMPLE \
  PROGRAM ( \
      "let i = invocation_id.x;\nlet n = 0;\n" \
      "if i < len(out) {\n" \
      "  for k in 0..5 { n = n + in[i + k] / (k + 1); }\n" \
      "  if n > 1000 { n = n * 3; out[i * 2] = n; } else { n = n ^ in[i]; }\n" \
      "  if in[i] == 77 { trap(i, \"seventy-seven\"); }\n" \
      "  for k in 0..in[i] % 4 { n = n + k; }\n" \
      "  out[i] = n;\n}\n")

static VyreJitSource *
generate (const VyreLowered *lowered, const VyreJitOptions *options)
{
  g_autoptr (GError) error = NULL;
  VyreJitSource *source = vyre_jit_generate (lowered, options, &error);

  g_assert_no_error (error);
  g_assert_nonnull (source);
  return source;
}

static void
assert_refused (
    const VyreLowered *lowered, const VyreJitOptions *options, const char *word)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreJitSource) source =
      vyre_jit_generate (lowered, options, &error);

  g_assert_null (source);
  g_assert_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED);
  if (strstr (error->message, word) == NULL)
    g_error ("\"%s\" does not mention \"%s\"", error->message, word);
}

/* --- names --------------------------------------------------------------------- */

static const char *const hostile[] = {
  "*/ void main () { } /*",
  "\n#include \"/etc/passwd\"\n",
  "x\"; } #pragma\\\n",
  "VYRE_COMPILED_PROGRAM\nVYRE_COMPILED_PROGRAM",
  "%s%n$a$b",
};

static void
test_names (void)
{
  VyreJitOptions options = VYRE_JIT_OPTIONS_DEFAULT;
  g_autoptr (VyreLowered) plain = jit_lower_text (SAMPLE, 64);
  g_autoptr (VyreJitSource) wanted = generate (plain, &options);

  for (guint i = 0; i < G_N_ELEMENTS (hostile); i++) {
    g_autoptr (VyreLowered) lowered = jit_lower_text (SAMPLE, 64);
    g_autoptr (VyreJitSource) source = NULL;
    VyreProgram *program = lowered->program;

    for (guint b = 0; b < program->n_buffers; b++)
      program->buffers[b].name =
          vyre_program_string (program, hostile[i], strlen (hostile[i]));
    g_assert_cmpuint (lowered->n_trap_tags, ==, 1);
    lowered->trap_tags[0] =
        vyre_program_string (program, hostile[i], strlen (hostile[i]));
    source = generate (lowered, &options);
    g_assert_cmpstr (source->text, ==, wanted->text);
    g_assert_null (strstr (source->text, hostile[i]));
  }
  g_assert_null (strstr (wanted->text, "seventy"));
}

/* --- what is refused -------------------------------------------------------------- */

static void
test_grouped (void)
{
  VyreJitOptions options = VYRE_JIT_OPTIONS_DEFAULT;
  g_autoptr (VyreLowered) lowered = jit_lower_text (
      PROGRAM ("out[local_id.x] = 1;\nbarrier;\nout[0] = in[0];\n"), 64);

  g_autoptr (VyreJitSource) source = generate (lowered, &options);
  g_autoptr (GString) body = g_string_new (NULL);
  g_autofree char *text = NULL;
  g_autoptr (VyreLowered) many = NULL;

  g_assert_true (lowered->grouped);
  g_assert_nonnull (strstr (source->text, "compiled_segment_1 ()"));
  g_assert_null (strstr (source->text, "compiled_segment_2 ()"));
  for (guint i = 0; i < 70; i++)
    g_string_append_printf (body, "out[local_id.x] = %u;\nbarrier;\n", i);
  text = g_strdup_printf ("program workgroup(16);\nbuffer out: readwrite u32[] "
                          "@0;\nmain {\n%s}\n",
      body->str);
  many = jit_lower_text (text, 64);
  assert_refused (many, &options, "between barriers");
}

static void
test_large (void)
{
  VyreJitOptions options = VYRE_JIT_OPTIONS_DEFAULT;
  g_autoptr (GString) body = g_string_new ("let a = in[0];\n");
  g_autofree char *text = NULL;
  g_autoptr (VyreLowered) lowered = NULL;

  for (guint i = 0; i < 3000; i++)
    g_string_append_printf (body, "a = a * %u ^ in[%u];\n", i + 2, i);
  text = g_strdup_printf ("program workgroup(16);\nbuffer in: readonly u32[] "
                          "@0;\nbuffer out: readwrite u32[] @1;\nmain {\n%s"
                          "out[0] = a;\n}\n",
      body->str);
  lowered = jit_lower_text (text, 64);
  assert_refused (lowered, &options, "instructions");
}

static void
test_passes (void)
{
  static const struct
  {
    const char *text;
    guint32 limit;
    guint32 passes; /* or 0: refused */
  } cases[] = {
    { PROGRAM ("for k in 0..in[0] { out[k] = 1; }\n"), 1000, 0 },
    { PROGRAM ("for k in 0..200 { out[k] = in[k] + out[k + 1]; }\n"), 1000,
        201 },
    { PROGRAM ("for k in 0..200 { out[k] = in[k] + out[k + 1]; }\n"), 200, 0 },
    { PROGRAM ("for k in 0..100 { for l in 0..90 { out[k] = in[l] + out[k]; "
               "} }\n"),
        20000, 100 * 92 + 1 },
    { PROGRAM ("for k in 0..4000000000 { for l in 0..4000000000 { "
               "for m in 0..4000000000 { out[k] = in[l] + out[m]; } } }\n"),
        G_MAXUINT32, 0 },
    { PROGRAM ("out[0] = in[0];\n"), 1, G_MAXUINT32 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    VyreJitOptions options = { .max_passes = cases[i].limit };
    g_autoptr (VyreLowered) lowered = jit_lower_text (cases[i].text, 64);
    g_autoptr (VyreJitSource) source = NULL;

    if (cases[i].passes == 0) {
      assert_refused (lowered, &options, "loops");
      options.max_passes = 0;
      source = generate (lowered, &options);
      continue;
    }
    source = generate (lowered, &options);
    g_assert_cmpuint (source->passes, ==,
        cases[i].passes == G_MAXUINT32 ? 0 : cases[i].passes);
  }
}

/* --- the text ---------------------------------------------------------------------- */

static void
test_same (void)
{
  VyreJitOptions options = VYRE_JIT_OPTIONS_DEFAULT;
  g_autoptr (VyreLowered) lowered = jit_lower_text (SAMPLE, 64);
  g_autoptr (VyreJitSource) first = generate (lowered, &options);
  g_autoptr (VyreJitSource) second = generate (lowered, &options);

  g_assert_cmpstr (first->text, ==, second->text);
}

/* Lane groups share a tile only if nothing but its end need be known; also the
 * frame of devices that run no tests can do it. */
static void
test_team (void)
{
  static const struct
  {
    const char *text;
    guint team;
  } cases[] = {
    { PROGRAM ("out[invocation_id.x] = in[invocation_id.x];\n"), 4 },
    { PROGRAM ("for k in 0..200 { out[k] = in[k] + out[k + 1]; }\n"), 1 },
    { PROGRAM ("if in[0] > 5 { trap(1, \"\"); }\n"), 1 },
    { PROGRAM ("barrier;\nout[0] = in[0];\n"), 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    VyreJitOptions options = { .team = 4 };
    g_autoptr (VyreLowered) lowered = jit_lower_text (cases[i].text, 64);
    g_autoptr (VyreJitSource) source = generate (lowered, &options);
    g_autoptr (GError) error = NULL;
    g_autoptr (GBytes) spirv = vyre_jit_compile (
        source->text, vyre_compiled_frame_parallel_text, &error);

    g_assert_no_error (error);
    g_assert_nonnull (spirv);
    g_assert_cmpuint (source->team, ==, cases[i].team);
    g_assert_cmpuint (source->unroll, <=, cases[i].team > 1 ? 16 : 8);
  }
}

static void
test_compile_errors (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (vyre_jit_compile ("nonsense here;", jit_frame, &error));
  g_assert_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_COMPILE);
  g_assert_nonnull (strstr (error->message, "syntax error"));
  g_clear_error (&error);
  g_assert_null (vyre_jit_compile ("", "#version 460\n", &error));
  g_assert_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_COMPILE);
  g_assert_nonnull (strstr (error->message, VYRE_JIT_MARK));
}

static gpointer
compile_thread (gpointer data)
{
  g_autoptr (GError) error = NULL;
  GBytes *spirv = vyre_jit_compile (data, jit_frame, &error);

  g_assert_no_error (error);
  return spirv;
}

static void
test_threads (void)
{
  VyreJitOptions options = VYRE_JIT_OPTIONS_DEFAULT;
  g_autoptr (VyreLowered) lowered = jit_lower_text (SAMPLE, 64);
  g_autoptr (VyreJitSource) source = generate (lowered, &options);
  GThread *threads[4];
  GBytes *results[4];

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("compile", compile_thread, source->text);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    results[i] = g_thread_join (threads[i]);
  for (guint i = 1; i < G_N_ELEMENTS (threads); i++)
    g_assert_true (g_bytes_equal (results[0], results[i]));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_bytes_unref (results[i]);
}

/* --- code that lowering would not make --------------------------------------------- */

/* Changes some fields; TRUE if the verifier still lets it through. */
static gboolean
mutate (VyreLowered *lowered, const guint32 *original, GRand *rand)
{
  guint32 n = lowered->n_instructions;

  memcpy (lowered->code, original, 8 * (gsize) n);
  for (gint i = g_rand_int_range (rand, 1, 12); i > 0; i--) {
    guint32 at = (guint32) g_rand_int_range (rand, 0, (gint32) n - 1);
    guint32 *word = &lowered->code[2 * at];

    switch (g_rand_int_range (rand, 0, 5)) {
      case 0: /* another operation on the same fields */
        word[0] = (word[0] & ~127u) |
                  (guint32) g_rand_int_range (rand, 0, VYRE_I_LIMIT);
        break;
      case 1: /* another register */
        word[0] ^= 1u << g_rand_int_range (rand, 8, 32);
        break;
      case 2: /* an instruction from elsewhere */
        memcpy (
            word, &original[2 * g_rand_int_range (rand, 0, (gint32) n - 1)], 8);
        break;
      case 3:
        word[1] ^= 1u << g_rand_int_range (rand, 0, 32);
        break;
      default:
        word[1] = g_rand_boolean (rand) ? 0 : g_rand_int (rand);
        break;
    }
  }
  return vyre_lowered_verify (lowered, NULL);
}

static void
run_mutant (const VyreLowered *lowered, guint unroll)
{
  VyreJitOptions jit = { .unroll = unroll };
  g_autoptr (GError) error = NULL;
  g_autoptr (JitProgram) compiled = jit_program_new (lowered, &jit, &error);
  g_autoptr (GByteArray) in = g_byte_array_new ();
  g_autoptr (GByteArray) out = g_byte_array_new ();
  GByteArray *buffers[] = { in, out };
  JitRunOptions options = { .max_passes = 2000 };
  guint32 grid[] = { 9, 1, 1 };
  JitRunResult result;

  g_assert_no_error (error);
  g_byte_array_set_size (in, 517);
  g_byte_array_set_size (out, 530);
  memset (in->data, 0x5a, in->len);
  memset (out->data, 0xa5, out->len);
  jit_program_run (compiled, &options, buffers, grid, &result);
}

/* The canaries around the buffers are watched. */
static void
test_mutants (void)
{
  gboolean longer = g_strcmp0 (g_getenv ("VYRE_TEST_LONG"), "1") == 0;
  guint wanted = longer ? 20000 : 2000, compiled = longer ? 400 : 8;
  VyreJitOptions options = VYRE_JIT_OPTIONS_DEFAULT;
  g_autoptr (VyreLowered) lowered = jit_lower_text (SAMPLE, 64);
  g_autofree guint32 *original =
      g_memdup2 (lowered->code, 8 * (gsize) lowered->n_instructions);
  GRand *rand = g_rand_new_with_seed (7);
  guint n = 0, refused = 0, tries = 0;

  for (; n < wanted && tries < 400 * wanted; tries++) {
    g_autoptr (VyreJitSource) source = NULL;
    g_autoptr (GError) error = NULL;

    if (!mutate (lowered, original, rand))
      continue;
    source = vyre_jit_generate (lowered, &options, &error);
    if (source == NULL) {
      g_assert_error (error, VYRE_JIT_ERROR, VYRE_JIT_ERROR_UNSUPPORTED);
      refused++;
      continue;
    }
    if (n++ % (wanted / compiled) == 0 && jit_device () != NULL)
      run_mutant (lowered, n % 2 ? 1 : 4);
  }
  g_test_message ("%u mutants, %u of which are refused, and %u that the "
                  "verifier refuses",
      n + refused, refused, tries - n - refused);
  g_assert_cmpuint (n, ==, wanted);
  memcpy (lowered->code, original, 8 * (gsize) lowered->n_instructions);
  g_rand_free (rand);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/jit/source/names", test_names);
  g_test_add_func ("/jit/source/grouped", test_grouped);
  g_test_add_func ("/jit/source/large", test_large);
  g_test_add_func ("/jit/source/passes", test_passes);
  g_test_add_func ("/jit/source/same", test_same);
  g_test_add_func ("/jit/source/team", test_team);
  g_test_add_func ("/jit/source/compile-errors", test_compile_errors);
  g_test_add_func ("/jit/source/threads", test_threads);
  g_test_add_func ("/jit/source/mutants", test_mutants);
  return g_test_run ();
}
