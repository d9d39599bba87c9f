/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Shipped and recorded programs with pieces of their text exchanged, so that
 * they still parse but mean something else. Whatever validation says of them,
 * it must agree with itself and with lowering. */
#include <string.h>

#include "lower/isa.h"
#include "lower/lower.h"
#include "vir0/text.h"
#include "vir0/validate.h"
#include "vir0/wire.h"

#define MAX_TEXT 4000

static guint n_parsed, n_valid, n_lowered;

/* Words, numbers and single other characters. */
static GPtrArray *
split (const char *text)
{
  GPtrArray *tokens = g_ptr_array_new_with_free_func (g_free);

  while (*text) {
    gsize n = strspn (text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                            "XYZ0123456789_.");

    if (n == 0) {
      const char *end = *text == '"' ? strchr (text + 1, '"') : NULL;

      n = end ? (gsize) (end - text) + 1 : 1;
    }
    if (!g_ascii_isspace (*text))
      g_ptr_array_add (tokens, g_strndup (text, n));
    text += n;
  }
  return tokens;
}

static char *
join (const GPtrArray *tokens)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < tokens->len; i++) {
    const char *token = g_ptr_array_index (tokens, i);

    /* Words must not grow together, operators must not fall apart. */
    if (text->len > 0 && g_ascii_isalnum (token[0]) &&
        (g_ascii_isalnum (text->str[text->len - 1]) ||
            text->str[text->len - 1] == '_' || text->str[text->len - 1] == '.'))
      g_string_append_c (text, ' ');
    g_string_append (text, token);
  }
  return g_string_free (text, FALSE);
}

static guint
class_of (const char *token)
{
  return g_ascii_isalpha (token[0]) ? 0 : g_ascii_isdigit (token[0]) ? 1 : 2;
}

/* Another token of the program or a common one, mostly of the same class, as
 * others rarely parse. */
static const char *
choose (const GPtrArray *tokens, const char *instead, GRand *rand)
{
  static const char *const more[] = { "1", "0", "1i32", "2.0", "true", "+", "%",
    "~", "let", "x", "i", "barrier;", "return;", "input", "output", "u32",
    "f32", "i32", "bool", "u8", "readonly", "workgroup" };
  gboolean any = g_rand_int_range (rand, 0, 8) == 0;

  for (guint i = 0; i < 64; i++) {
    gint n =
        g_rand_int_range (rand, 0, (gint) (tokens->len + G_N_ELEMENTS (more)));
    const char *token = n < (gint) tokens->len ? g_ptr_array_index (tokens, n)
                                               : more[n - (gint) tokens->len];

    if (any || class_of (token) == class_of (instead))
      return token;
  }
  return instead;
}

static char *
mutated (const char *text, GRand *rand)
{
  g_autoptr (GPtrArray) tokens = split (text);
  guint n_changes = (guint) g_rand_int_range (rand, 1, 4);

  for (guint i = 0; i < n_changes; i++) {
    guint to = (guint) g_rand_int_range (rand, 0, (gint) tokens->len);
    char *token =
        g_strdup (choose (tokens, g_ptr_array_index (tokens, to), rand));

    g_free (tokens->pdata[to]);
    tokens->pdata[to] = token;
  }
  return join (tokens);
}

static char *
describe (GPtrArray *errors, gboolean with_engine)
{
  GString *out = g_string_new (NULL);

  for (guint i = 0; i < errors->len; i++) {
    const VyreFinding *finding = g_ptr_array_index (errors, i);

    g_assert_cmpstr (finding->message, !=, "");
    g_assert_nonnull (finding->path);
    if (with_engine || finding->code[0] != 'X')
      g_string_append_printf (
          out, "%s %s %s\n", finding->code, finding->path, finding->message);
  }
  return g_string_free (out, FALSE);
}

/* The id at the end of a message of lowering. */
static char
refusal_kind (const GError *error)
{
  const char *bracket = strrchr (error->message, '[');

  return bracket ? bracket[1] : '?';
}

static void
check (VyreProgram *program, const char *text)
{
  static const VyreLowerOptions lower = { .max_registers =
                                              VYRE_I_MAX_REGISTERS };
  const VyreValidateOptions engine = VYRE_VALIDATE_OPTIONS_ENGINE;
  const VyreValidateOptions repaired = { .subgroup_support = TRUE,
    .repair = TRUE };
  g_autoptr (VyreFindings) alone = vyre_program_validate (program, NULL);
  g_autoptr (VyreFindings) plain = vyre_program_validate (program, &repaired);
  g_autoptr (VyreFindings) full = vyre_program_validate (program, &engine);
  g_autofree char *in_plain = describe (plain->errors, FALSE);
  g_autofree char *in_full = describe (full->errors, FALSE);
  g_autofree char *all = describe (full->errors, TRUE);
  g_autoptr (VyreLowered) lowered = NULL;
  g_autoptr (GError) error = NULL;

  n_parsed++;
  /* The engine's own rules come on top. */
  g_assert_cmpstr (in_plain, ==, in_full);
  g_assert_true (g_str_has_prefix (all, in_full));
  g_assert_cmpuint (alone->warnings->len, <=, full->warnings->len);

  if (full->errors->len > 0)
    return;
  n_valid++;
  /* Lowering may still find the program too large, or be without a construct;
   * but no rule of the format may be left for it. */
  lowered = vyre_lower (program, &lower, &error);
  n_lowered += lowered != NULL;
  if (!lowered && refusal_kind (error) != 'X' && refusal_kind (error) != 'R')
    g_error ("valid, but lowering says: %s\n%s", error->message, text);
  if (!lowered &&
      g_error_matches (error, VYRE_LOWER_ERROR, VYRE_LOWER_ERROR_VERIFY))
    g_error ("lowered wrongly: %s\n%s", error->message, text);
}

static void
mutate (const char *text, guint times, GRand *rand)
{
  for (guint i = 0; i < times; i++) {
    g_autofree char *other = mutated (text, rand);
    g_autoptr (VyreProgram) program =
        vyre_program_parse (other, strlen (other), NULL);

    if (program)
      check (program, other);
  }
}

static void
mutate_program (VyreProgram *program, guint times, GRand *rand)
{
  g_autofree char *text = vyre_program_print (program);

  check (program, text);
  if (strlen (text) <= MAX_TEXT)
    mutate (text, times, rand);
}

static void
test_shipped (void)
{
  g_auto (GStrv) names = vyre_program_list_shipped ();
  GRand *rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());

  n_parsed = n_valid = n_lowered = 0;
  g_assert_nonnull (names[0]);
  for (guint i = 0; names[i]; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (VyreProgram) program =
        vyre_program_load_shipped (names[i], &error);

    g_assert_no_error (error);
    mutate_program (program, g_test_slow () ? 20000 : 400, rand);
  }
  g_test_message (
      "%u parsed, %u valid, %u lowered", n_parsed, n_valid, n_lowered);
  g_assert_cmpuint (n_valid, >, 0);
  g_assert_cmpuint (n_valid, <, n_parsed);
  g_rand_free (rand);
}

static void
test_folder (gconstpointer data)
{
  const char *root = g_getenv ("VYRE_FIXTURES");
  g_autofree char *path = NULL;
  g_autoptr (GDir) dir = NULL;
  g_autoptr (GError) error = NULL;
  GRand *rand;
  const char *name;

  if (!root || !*root) {
    g_test_skip ("VYRE_FIXTURES names no folder");
    return;
  }
  path = g_build_filename (root, data, NULL);
  dir = g_dir_open (path, 0, &error);
  g_assert_no_error (error);
  rand = g_rand_new_with_seed ((guint32) g_test_rand_int ());
  n_parsed = n_valid = n_lowered = 0;
  while ((name = g_dir_read_name (dir))) {
    g_autofree char *file = g_build_filename (path, name, NULL);
    g_autofree char *blob = NULL;
    g_autoptr (VyreProgram) program = NULL;
    gsize length;

    if (!g_str_has_suffix (name, ".vir0"))
      continue;
    g_file_get_contents (file, &blob, &length, &error);
    g_assert_no_error (error);
    program = vyre_program_decode (
        (const guint8 *) blob, length, VYRE_WIRE_PRESERVE_UNKNOWN, &error);
    g_assert_no_error (error);
    mutate_program (program, g_test_slow () ? 3000 : 60, rand);
  }
  g_test_message (
      "%u parsed, %u valid, %u lowered", n_parsed, n_valid, n_lowered);
  g_assert_cmpuint (n_parsed, >, 100);
  g_rand_free (rand);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/validate/mutate/shipped", test_shipped);
  g_test_add_data_func ("/validate/mutate/features", "features", test_folder);
  g_test_add_data_func ("/validate/mutate/realistic", "realistic", test_folder);
  g_test_add_data_func (
      "/validate/mutate/runtime_error", "runtime_error", test_folder);
  g_test_add_data_func ("/validate/mutate/invalid", "invalid", test_folder);
  return g_test_run ();
}
