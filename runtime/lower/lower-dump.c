/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Register code for people. */
#include "lower-priv.h"

static const char *const specials[VYRE_SPECIALS] = {
  "invocation_id.x",
  "invocation_id.y",
  "invocation_id.z",
  "workgroup_id.x",
  "workgroup_id.y",
  "workgroup_id.z",
  "local_id.x",
  "local_id.y",
  "local_id.z",
};

static const char *const atomics[] = {
  "add",
  "or",
  "and",
  "xor",
  "min",
  "max",
  "exchange",
  "compare_exchange",
};

typedef struct
{
  GString *text;
  char *names[256]; /* of bindings */
} Dump;

static void
dump_binding (Dump *dump, guint32 binding)
{
  if (binding < G_N_ELEMENTS (dump->names) && dump->names[binding] != NULL)
    g_string_append_printf (dump->text, "`%s`", dump->names[binding]);
  else
    g_string_append_printf (dump->text, "binding %u", binding);
}

static void
dump_memory (Dump *dump, guint dst, guint a, guint32 x, gboolean load)
{
  static const char *const widths[] = { "u8", "u16", "u32" };
  GString *text = dump->text;
  guint32 stride = VYRE_IM_STRIDE (x), width = VYRE_IM_WIDTH (x);

  if (load)
    g_string_append_printf (text, "r%u, ", dst);
  dump_binding (dump, VYRE_IM_BINDING (x));
  g_string_append_printf (text, "[r%u]", a);
  if (stride != width)
    g_string_append_printf (text, "+%u/%u", VYRE_IM_OFFSET (x), 1u << stride);
  g_string_append_printf (text, ".%s", widths[MIN (width, 2)]);
  if (!load)
    g_string_append_printf (text, ", r%u", dst);
}

static void
dump_operands (Dump *dump, guint32 first, guint32 x)
{
  GString *text = dump->text;
  guint op = first & 0x7f, dst = first >> 8 & 0xff, a = first >> 16 & 0xff;
  guint b = first >> 24, flags = vyre_op_info (op)->flags;

  switch (op) {
    case VYRE_I_IF:
      g_string_append_printf (text, "r%u, %u", a, x);
      return;
    case VYRE_I_ELSE:
      g_string_append_printf (text, "%u", x);
      return;
    case VYRE_I_LOOP:
    case VYRE_I_NEXT:
      g_string_append_printf (text, "r%u, r%u, %u", a, b, x);
      return;
    case VYRE_I_TRAP:
      g_string_append_printf (text, "r%u, tag %u", a, x);
      return;
    case VYRE_I_FAULT_IF:
      g_string_append_printf (text, "r%u, R%02u, r%u", a, b, dst);
      return;
    case VYRE_I_SPECIAL:
      g_string_append_printf (
          text, "r%u, %s", dst, x < VYRE_SPECIALS ? specials[x] : "?");
      return;
    case VYRE_I_BUFLEN:
    case VYRE_I_BYTELEN:
      g_string_append_printf (text, "r%u, ", dst);
      dump_binding (dump, x);
      return;
    case VYRE_I_LOAD:
    case VYRE_I_STORE:
      dump_memory (dump, dst, a, x, op == VYRE_I_LOAD);
      return;
    case VYRE_I_SPILL_LOAD:
    case VYRE_I_SPILL_STORE:
      g_string_append_printf (text, "r%u, spill %u", dst, x);
      return;
    case VYRE_I_ATOMIC:
      g_string_append_printf (text, "r%u, %s ", dst,
          VYRE_IA_OPERATION (x) < G_N_ELEMENTS (atomics)
              ? atomics[VYRE_IA_OPERATION (x)]
              : "?");
      dump_binding (dump, VYRE_IA_BINDING (x));
      g_string_append_printf (text, "[r%u], r%u", a, b);
      if (VYRE_IA_OPERATION (x) == VYRE_IA_COMPARE_EXCHANGE)
        g_string_append_printf (text, ", expected r%u", VYRE_IA_EXPECTED (x));
      return;
    default:
      break;
  }
  if (flags & VYRE_F_DST)
    g_string_append_printf (text, "r%u", dst);
  if (flags & VYRE_F_A)
    g_string_append_printf (text, ", r%u", a);
  if (first & VYRE_I_IMM)
    g_string_append_printf (text, x < 0x10000 ? ", %u" : ", 0x%08x", x);
  else if (flags & VYRE_F_B)
    g_string_append_printf (text, ", r%u", b);
  if (flags & VYRE_F_C)
    g_string_append_printf (text, ", r%u", x & 0xff);
}

/**
 * vyre_lowered_dump:
 *
 * Any code can be dumped, verified or not.
 *
 * Returns: (transfer full): text, to be freed with g_free().
 */
char *
vyre_lowered_dump (const VyreLowered *lowered)
{
  GString *text = g_string_new (NULL);
  Dump dump = { .text = text };
  guint depth = 0;

  for (guint i = 0; i < lowered->program->n_buffers; i++) {
    gint binding = lowered->buffers[i].binding;

    if (binding >= 0 && binding < (gint) G_N_ELEMENTS (dump.names) &&
        dump.names[binding] == NULL)
      dump.names[binding] =
          vyre_string_display (lowered->program->buffers[i].name);
  }
  if (lowered->has_exchange &&
      lowered->exchange_binding < G_N_ELEMENTS (dump.names) &&
      dump.names[lowered->exchange_binding] == NULL)
    dump.names[lowered->exchange_binding] = g_strdup ("(exchange)");
  g_string_append_printf (text,
      "; %u instructions, %u registers, %u spills, "
      "%u bindings%s\n",
      lowered->n_instructions, lowered->n_registers, lowered->n_spills,
      lowered->n_bindings, lowered->grouped ? ", grouped" : "");
  for (guint i = 0; i < lowered->n_instructions; i++) {
    guint32 first = lowered->code[i * 2], x = lowered->code[i * 2 + 1];
    guint op = first & 0x7f;
    const char *name = vyre_op_info (op)->name;

    if ((op == VYRE_I_ELSE || op == VYRE_I_ENDIF || op == VYRE_I_NEXT) &&
        depth > 0)
      depth--;
    g_string_append_printf (text, "%5u  %*s", i, (int) depth * 2, "");
    if (name != NULL)
      g_string_append_printf (text, "%-9s ", name);
    else
      g_string_append_printf (text, "op%-7u ", op);
    dump_operands (&dump, first, x);
    while (text->str[text->len - 1] == ' ')
      g_string_truncate (text, text->len - 1);
    g_string_append_c (text, '\n');
    if ((op == VYRE_I_IF || op == VYRE_I_ELSE || op == VYRE_I_LOOP) &&
        depth < VYRE_I_MAX_LEVELS)
      depth++;
  }
  for (guint i = 0; i < G_N_ELEMENTS (dump.names); i++)
    g_free (dump.names[i]);
  return g_string_free (text, FALSE);
}
