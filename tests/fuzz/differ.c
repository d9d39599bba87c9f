/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Random programs on the reference executor and on another one, compared.
 *
 *   differ [--seed N] [--count N] [--seconds N] [--with gpu|eval|jit] [--print]
 *          [--residency auto|resident|sliced]
 *
 * Runs COUNT programs from SEED on, or as many as SECONDS allow. A program that
 * differs is printed with its seed, made smaller as long as it differs; the
 * status is then 1. `--with eval` takes the evaluator of the lowering tests in
 * place of a device. Only code and data vary, so no pipeline is compiled but at
 * the start. `--with jit` compiles each program. Status 77 (skipped) where there
 * is no device. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/jit/run.h"
#include "../unit/lower/eval.h"
#include "engine/engine-private.h"
#include "generate.h"
#include "reference/reference.h"
#include "vir0/text.h"
#include "vir0/validate.h"

#define WAIT_US (120 * G_USEC_PER_SEC)
#define MAX_STEPS (3 * 1000 * 1000)

typedef enum
{
  RAN,
  FAULTED,
  GAVE_UP, /* limits, which say nothing about the program */
} End;

typedef struct
{
  End end;
  char *message; /* FAULTED, GAVE_UP */
  GBytes **outputs; /* by buffer; NULL: not returned */
  guint n;
} Outcome;

static VyreRuntime *runtime;
static VyreTenant *tenant;
static guint eval_registers; /* few ones make code spill */
static guint jit_unroll;
static guint64 n_gave_up, n_faulted, n_floats_apart, n_grouped;

static Outcome *
outcome_new (const Generated *g)
{
  Outcome *outcome = g_new0 (Outcome, 1);

  outcome->n = g->program->n_buffers;
  outcome->outputs = g_new0 (GBytes *, outcome->n);
  return outcome;
}

static void
outcome_free (Outcome *outcome)
{
  for (guint i = 0; i < outcome->n; i++)
    g_clear_pointer (&outcome->outputs[i], g_bytes_unref);
  g_free (outcome->outputs);
  g_free (outcome->message);
  g_free (outcome);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Outcome, outcome_free)

static gboolean
is_returned (const VyreBuffer *buffer)
{
  VyreRole role = vyre_buffer_role (buffer);

  return role == VYRE_ROLE_INOUT || role == VYRE_ROLE_OUTPUT;
}

/* --- executors ------------------------------------------------------------------ */

static Outcome *
run_reference (const Generated *g)
{
  Outcome *outcome = outcome_new (g);
  VyreReferenceOptions options = { .grid = g->grid,
    .max_steps = MAX_STEPS,
    .max_bytes = VYRE_REFERENCE_MAX_BYTES };
  g_autofree GBytes **inputs = g_new0 (GBytes *, outcome->n);
  g_autoptr (GPtrArray) outputs = NULL;
  g_autoptr (GError) error = NULL;
  guint n = 0;

  for (guint i = 0; i < outcome->n; i++) {
    VyreRole role = vyre_buffer_role (&g->program->buffers[i]);

    if (role == VYRE_ROLE_INPUT || role == VYRE_ROLE_INOUT)
      inputs[n++] = g->contents[i];
  }
  if (!vyre_reference_run (g->program, &options, inputs, n, &outputs, &error)) {
    outcome->end =
        error->domain == VYRE_REFERENCE_ERROR &&
                (error->code == VYRE_REFERENCE_ERROR_DIVISION ||
                    error->code == VYRE_REFERENCE_ERROR_UNSUPPORTED ||
                    error->code == VYRE_REFERENCE_ERROR_CAST)
            ? FAULTED
            : GAVE_UP;
    outcome->message = g_strdup (error->message);
    if (outcome->end == GAVE_UP && error->code != VYRE_REFERENCE_ERROR_STEPS)
      g_printerr ("reference: %s\n", error->message);
    return outcome;
  }
  n = 0;
  for (guint i = 0; i < outcome->n; i++)
    if (is_returned (&g->program->buffers[i]))
      outcome->outputs[i] = g_bytes_ref (g_ptr_array_index (outputs, n++));
  return outcome;
}

static void
take_outputs (const Generated *g, GByteArray **buffers, Outcome *outcome)
{
  for (guint i = 0; i < outcome->n; i++) {
    GBytes *bytes =
        buffers[i] != NULL ? g_byte_array_free_to_bytes (buffers[i]) : NULL;

    if (bytes != NULL && is_returned (&g->program->buffers[i]))
      outcome->outputs[i] = g_bytes_ref (bytes);
    g_clear_pointer (&bytes, g_bytes_unref);
  }
}

static Outcome *
run_eval (const Generated *g)
{
  Outcome *outcome = outcome_new (g);
  VyreLowerOptions options = { eval_registers };
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreLowered) lowered = vyre_lower (g->program, &options, &error);
  g_autofree GByteArray **buffers = g_new0 (GByteArray *, outcome->n);
  EvalResult result;

  if (lowered == NULL) {
    outcome->end = GAVE_UP;
    outcome->message = g_strdup (error->message);
    return outcome;
  }
  for (guint i = 0; i < outcome->n; i++)
    if (g->contents[i] != NULL)
      buffers[i] = g_bytes_unref_to_array (g_bytes_ref (g->contents[i]));
  eval_run (lowered, buffers, g->grid, 0, &result);
  if (result.fault.code != 0) {
    outcome->end = FAULTED;
    outcome->message = g_strdup (vyre_fault_name (result.fault.code));
  }
  take_outputs (g, buffers, outcome);
  return outcome;
}

static Outcome *
run_jit (const Generated *g)
{
  Outcome *outcome = outcome_new (g);
  VyreLowerOptions options = { eval_registers };
  VyreJitOptions jit = { .unroll = jit_unroll };
  JitRunOptions run = { .tiles = 1 + jit_unroll % 3,
    .misalign = 4 * (jit_unroll % 2) };
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreLowered) lowered = vyre_lower (g->program, &options, &error);
  g_autoptr (JitProgram) compiled = NULL;
  g_autofree GByteArray **buffers = g_new0 (GByteArray *, outcome->n);
  JitRunResult result;

  if (lowered != NULL)
    compiled = jit_program_new (lowered, &jit, &error);
  if (compiled == NULL) {
    outcome->end = GAVE_UP;
    outcome->message = g_strdup (error->message);
    return outcome;
  }
  n_grouped += lowered->grouped;
  for (guint i = 0; i < outcome->n; i++)
    if (g->contents[i] != NULL)
      buffers[i] = g_bytes_unref_to_array (g_bytes_ref (g->contents[i]));
  jit_program_run (compiled, &run, buffers, g->grid, &result);
  if (result.code != 0) {
    outcome->end = FAULTED;
    outcome->message = g_strdup (vyre_fault_name (result.code));
  }
  take_outputs (g, buffers, outcome);
  return outcome;
}

/* Where memory is a multiple of words, as bindings ask for. */
static gboolean
bind (const Generated *g, VyreBinding *bindings)
{
  for (guint i = 0; i < g->program->n_buffers; i++) {
    gsize size;
    const void *data;
    VyreBlock *block;

    if (g->contents[i] == NULL)
      continue;
    data = g_bytes_get_data (g->contents[i], &size);
    bindings[i].length = size;
    if (size == 0)
      continue;
    block = bindings[i].block =
        vyre_arena_alloc (vyre_runtime_get_host_arena (runtime), size);
    if (block == NULL)
      return FALSE;
    memset (block->data, 0xee, block->size);
    memcpy (block->data, data, size);
    vyre_block_note_write (block);
  }
  return TRUE;
}

/* What lies behind the data must be as it was. */
static void
check_slack (const VyreBinding *binding, const char *name)
{
  gsize from = (binding->length + 3) & ~(gsize) 3;

  for (gsize i = from; i < binding->block->size; i++)
    if (binding->block->data[i] != 0xee)
      g_error ("byte %" G_GSIZE_FORMAT " behind the %" G_GSIZE_FORMAT
               " of buffer %s was written",
          i, binding->length, name);
}

static Outcome *
run_gpu (const Generated *g)
{
  Outcome *outcome = outcome_new (g);
  g_autofree VyreBinding *bindings = g_new0 (VyreBinding, outcome->n);
  VyreSubmitOptions options = { g->grid, 0 };
  VyreWindowResult result;
  g_autoptr (GError) error = NULL;
  g_autoptr (VyreExecutable) executable =
      vyre_executable_new (runtime, g->program, &error);
  g_autoptr (VyreWindow) window = NULL;

  if (executable != NULL && !bind (g, bindings))
    g_error ("the arena is full");
  if (executable != NULL)
    window = vyre_tenant_submit (
        tenant, executable, bindings, outcome->n, &options, &error);
  if (window == NULL) {
    outcome->end = GAVE_UP;
    outcome->message = g_strdup (error->message);
    goto done;
  }
  vyre_window_wait (window, g_get_monotonic_time () + WAIT_US, &result);
  if (result.state == VYRE_WINDOW_FAULT)
    outcome->end = FAULTED;
  else if (result.state != VYRE_WINDOW_DONE)
    g_error ("the window ended in state %d: %s", (int) result.state,
        result.message ? result.message : "still running");
  outcome->message = g_strdup (result.message);
  for (guint i = 0; i < outcome->n; i++) {
    const VyreBuffer *buffer = &g->program->buffers[i];
    g_autofree char *name = vyre_string_display (buffer->name);

    if (bindings[i].block != NULL)
      check_slack (&bindings[i], name);
    if (is_returned (buffer))
      outcome->outputs[i] =
          g_bytes_new (bindings[i].block ? bindings[i].block->data : NULL,
              bindings[i].length);
  }

done:
  for (guint i = 0; i < outcome->n; i++)
    g_clear_pointer (&bindings[i].block, vyre_block_unref);
  return outcome;
}

/* --- comparing --------------------------------------------------------------------- */

static gint64
ordered (guint32 bits)
{
  return bits >= 0x80000000u ? -(gint64) (bits & 0x7fffffffu) : (gint64) bits;
}

static gboolean
is_close (guint32 a, guint32 b, guint ulps, gboolean trigonometric)
{
  gint64 apart = ordered (a) - ordered (b);
  float x, y;

  if (a == b)
    return TRUE;
  if (ABS (apart) <= ulps) {
    n_floats_apart++;
    return TRUE;
  }
  memcpy (&x, &a, 4);
  memcpy (&y, &b, 4);
  return trigonometric && fabsf (x - y) <= 0x1p-11f;
}

/* NULL: as it should be. */
static char *
compare_buffer (const Generated *g, guint i, GBytes *wanted, GBytes *found)
{
  const VyreBuffer *buffer = &g->program->buffers[i];
  guint stride = (guint) vyre_type_stride (buffer->element);
  g_autofree char *name = vyre_string_display (buffer->name);
  gsize a_size, b_size;
  const guint8 *a = g_bytes_get_data (wanted, &a_size);
  const guint8 *b = g_bytes_get_data (found, &b_size);

  if (a_size != b_size)
    return g_strdup_printf ("%s has %" G_GSIZE_FORMAT
                            " bytes and should have %" G_GSIZE_FORMAT,
        name, b_size, a_size);
  for (gsize at = 0; at < a_size; at += stride) {
    guint32 x = 0, y = 0;
    gsize length = MIN (MIN (stride, 4), a_size - at);

    if (memcmp (a + at, b + at, MIN (stride, a_size - at)) == 0)
      continue;
    memcpy (&x, a + at, length);
    memcpy (&y, b + at, length);
    if (g->ulps[i] > 0 && length == 4 &&
        is_close (x, y, g->ulps[i], g->trigonometric[i]))
      continue;
    return g_strdup_printf ("%s[%" G_GSIZE_FORMAT
                            "] is 0x%08x and should be 0x%08x",
        name, at / stride, y, x);
  }
  return NULL;
}

static char *
compare (const Generated *g, Outcome *(*run) (const Generated *g))
{
  g_autoptr (Outcome) wanted = run_reference (g);
  g_autoptr (Outcome) found = NULL;

  if (wanted->end == GAVE_UP) {
    n_gave_up++;
    return NULL;
  }
  found = run (g);
  if (found->end == GAVE_UP)
    return g_strdup_printf ("refused: %s", found->message);
  if (wanted->end != found->end)
    return g_strdup_printf ("%s: %s; but the reference %s: %s",
        found->end == FAULTED ? "fault" : "no fault",
        found->message ? found->message : "",
        wanted->end == FAULTED ? "has one" : "has none",
        wanted->message ? wanted->message : "");
  if (wanted->end == FAULTED) {
    n_faulted++;
    return NULL;
  }
  for (guint i = 0; i < wanted->n; i++) {
    char *difference;

    if (wanted->outputs[i] == NULL)
      continue;
    difference = compare_buffer (g, i, wanted->outputs[i], found->outputs[i]);
    if (difference != NULL)
      return difference;
  }
  return NULL;
}

/* --- making smaller ------------------------------------------------------------------- */

typedef struct
{
  Generated *g;
  Outcome *(*run) (const Generated *g);
} Shrinker;

static gboolean
still_differs (Shrinker *s)
{
  g_autofree char *difference = NULL;

  /* Whether a program whose statements have gone is one at all. */
  if (!vyre_program_check (s->g->program, &VYRE_VALIDATE_OPTIONS_ENGINE, NULL))
    return FALSE;
  difference = compare (s->g, s->run);
  return difference != NULL && !g_str_has_prefix (difference, "refused");
}

/* What makes the result independent of the schedule stays as it is: the
 * numbers of invocations, barriers, and the indices of what is written. */
static gboolean
is_fixed (const VyreNode *node)
{
  return node->kind == VYRE_NODE_BARRIER ||
         (node->kind == VYRE_NODE_LET &&
             (vyre_string_is (node->name, "global") ||
                 vyre_string_is (node->name, "local")));
}

static gboolean
has_fixed_index (const Shrinker *s, VyreString name)
{
  int buffer = vyre_program_find_buffer (s->g->program, name);

  return buffer >= 0 &&
         s->g->program->buffers[buffer].access != VYRE_ACCESS_READ_ONLY;
}

static gboolean
shrink_list (Shrinker *s, VyreNodeList *list)
{
  gboolean smaller = FALSE;

  for (guint32 i = list->n_nodes; i > 0; i--) {
    VyreNode *node = list->nodes[i - 1];
    VyreNodeList body;

    if (is_fixed (node))
      continue;
    memmove (&list->nodes[i - 1], &list->nodes[i],
        (list->n_nodes - i) * sizeof *list->nodes);
    list->n_nodes--;
    if (still_differs (s)) {
      smaller = TRUE;
      continue;
    }
    memmove (&list->nodes[i], &list->nodes[i - 1],
        (list->n_nodes - i + 1) * sizeof *list->nodes);
    list->nodes[i - 1] = node;
    list->n_nodes++;
    smaller |= shrink_list (s, &node->body);
    body = node->otherwise;
    node->otherwise.n_nodes = 0;
    if (body.n_nodes > 0 && still_differs (s)) {
      smaller = TRUE;
    } else {
      node->otherwise = body;
      smaller |= shrink_list (s, &node->otherwise);
    }
  }
  return smaller;
}

/* In place of an operation, one of its operands, where the types agree. */
static gboolean
shrink_expr (Shrinker *s, VyreExpr **place)
{
  VyreExpr *expr = *place;
  gboolean smaller = FALSE;

  if ((expr->kind == VYRE_EXPR_LOAD || expr->kind == VYRE_EXPR_ATOMIC) &&
      has_fixed_index (s, expr->name))
    return FALSE;
  for (guint32 i = 0; i < expr->n_args; i++) {
    *place = expr->args[i];
    if (still_differs (s)) {
      shrink_expr (s, place);
      return TRUE;
    }
  }
  *place = expr;
  for (guint32 i = 0; i < expr->n_args; i++)
    smaller |= shrink_expr (s, &expr->args[i]);
  return smaller;
}

static gboolean
shrink_exprs (Shrinker *s, VyreNodeList *list)
{
  gboolean smaller = FALSE;

  for (guint32 i = 0; i < list->n_nodes; i++) {
    VyreNode *node = list->nodes[i];

    guint first =
        node->kind == VYRE_NODE_STORE || node->kind == VYRE_NODE_ASYNC_STORE
            ? 1
            : 0;

    for (guint k = is_fixed (node) ? node->n_exprs : first; k < node->n_exprs;
         k++)
      smaller |= shrink_expr (s, &node->exprs[k]);
    smaller |= shrink_exprs (s, &node->body);
    smaller |= shrink_exprs (s, &node->otherwise);
  }
  return smaller;
}

/* The program is nobody else's yet. */
static void
shrink (Shrinker *s)
{
  gboolean smaller = TRUE;

  while (smaller) {
    smaller = shrink_list (s, &s->g->program->entry);
    smaller |= shrink_exprs (s, &s->g->program->entry);
  }
}

/* --- main -------------------------------------------------------------------------------- */

static void
print_program (const Generated *g)
{
  g_autofree char *text = vyre_program_print (g->program);

  g_print ("grid %u %u %u\n%s\n", g->grid[0], g->grid[1], g->grid[2], text);
}

static gboolean
check_seed (guint64 seed, Outcome *(*run) (const Generated *g), gboolean print,
    gboolean small)
{
  g_autoptr (Generated) g = generate_program (seed);
  g_autofree char *difference = NULL, *after = NULL;
  Shrinker shrinker = { g, run };

  eval_registers = 8 + (guint) (seed % 3) * 20;
  jit_unroll = 1u << seed % 4;
  /* Its windows are small. */
  if (runtime != NULL)
    runtime->wide_workgroups = seed % 2 == 0 ? 0 : runtime->workgroups;
  if (print)
    print_program (g);
  difference = compare (g, run);
  if (difference == NULL)
    return TRUE;
  g_print ("# seed %" G_GUINT64_FORMAT ": %s\n", seed, difference);
  print_program (g);
  if (small && !g_str_has_prefix (difference, "refused")) {
    shrink (&shrinker);
    after = compare (g, run);
    g_print ("# smaller: %s\n", after ? after : "no difference any more");
    print_program (g);
  }
  return FALSE;
}

int
main (int argc, char **argv)
{
  gint64 seed = 1, count = 0, seconds = 0;
  gboolean print = FALSE, small = TRUE;
  g_autofree char *with = NULL, *residency = NULL;
  VyreRuntimeOptions options = VYRE_RUNTIME_OPTIONS_DEFAULT;
  const GOptionEntry entries[] = {
    { "seed", 's', 0, G_OPTION_ARG_INT64, &seed, "First seed", "N" },
    { "count", 'n', 0, G_OPTION_ARG_INT64, &count, "Programs", "N" },
    { "seconds", 't', 0, G_OPTION_ARG_INT64, &seconds, "Time", "N" },
    { "with", 'w', 0, G_OPTION_ARG_STRING, &with, "gpu, eval or jit", "WHAT" },
    { "residency", 'r', 0, G_OPTION_ARG_STRING, &residency,
        "auto, resident or sliced", "WHAT" },
    { "print", 'p', 0, G_OPTION_ARG_NONE, &print, "Print each program", NULL },
    { "no-shrink", 0, G_OPTION_FLAG_REVERSE, G_OPTION_ARG_NONE, &small,
        "Leave programs as they are", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time (), done = 0, failed = 0;
  gboolean eval, compiled;

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    goto failed;
  if (g_strcmp0 (residency, "resident") == 0)
    options.residency = VYRE_RESIDENCY_RESIDENT;
  else if (g_strcmp0 (residency, "sliced") == 0)
    options.residency = VYRE_RESIDENCY_SLICED;
  else if (residency != NULL && !g_str_equal (residency, "auto"))
    goto unknown_residency;
  eval = g_strcmp0 (with, "eval") == 0;
  compiled = g_strcmp0 (with, "jit") == 0;
  if (compiled && jit_device () == NULL)
    return 77;
  if (!eval && !compiled) {
    runtime = vyre_runtime_acquire (&options, &error);
    if (runtime == NULL) {
      g_printerr ("no device: %s\n", error->message);
      return 77;
    }
    tenant = vyre_tenant_new (runtime, "differ", &error);
    if (tenant == NULL)
      goto failed;
    g_print ("# %s\n", vyre_runtime_get_device_info (runtime)->name);
  }
  if (count == 0 && seconds == 0)
    count = 200;
  while ((count == 0 || done < count) &&
         (seconds == 0 ||
             g_get_monotonic_time () - start < seconds * G_USEC_PER_SEC) &&
         failed < 5) {
    if (!check_seed ((guint64) (seed + done),
            eval       ? run_eval
            : compiled ? run_jit
                       : run_gpu,
            print, small))
      failed++;
    done++;
  }
  g_print (
      "# %" G_GINT64_FORMAT " programs from seed %" G_GINT64_FORMAT
      ", %" G_GINT64_FORMAT " differ, %" G_GUINT64_FORMAT
      " end in a fault, %" G_GUINT64_FORMAT " were too long, %" G_GUINT64_FORMAT
      " are grouped, %" G_GUINT64_FORMAT " floats within their tolerance\n",
      done, seed, failed, n_faulted, n_gave_up, n_grouped, n_floats_apart);
  if (compiled)
    jit_print_times ();
  g_clear_pointer (&tenant, vyre_tenant_free);
  g_clear_pointer (&runtime, vyre_runtime_unref);
  return failed == 0 ? 0 : 1;

unknown_residency:
  g_printerr ("--residency is auto, resident or sliced, not '%s'\n", residency);
  return 2;

failed:
  g_printerr ("%s\n", error->message);
  return 2;
}
