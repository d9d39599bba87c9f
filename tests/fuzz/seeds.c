/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Writes the inputs that a fuzzing target starts from.
 *
 *   fuzz-seeds TARGET FOLDER
 *
 * Programs are those of VYRE_FIXTURES, as blobs and as text, and the shipped
 * ones, and some random ones. Without fixtures the latter two are all. */
#include <glib/gstdio.h>
#include <string.h>

#include "engine/replay-data.h"
#include "generate.h"
#include "ring/replay-log.h"
#include "ring/ring.h"
#include "ring/words.h"
#include "vir0/text.h"

#define MAX_BYTES 16384
#define N_GENERATED 60

static const char *out_folder;
static guint n_written;

static void
write_seed (const void *data, gsize size)
{
  g_autofree char *path = g_strdup_printf ("%s/%04u", out_folder, n_written++);
  g_autoptr (GError) error = NULL;

  if (!g_file_set_contents (path, data, (gssize) size, &error))
    g_error ("%s", error->message);
}

static void
write_program (const VyreProgram *program, gboolean as_text, gboolean as_blob)
{
  g_autofree char *text = vyre_program_print (program);
  g_autoptr (GBytes) blob = vyre_program_encode (program, NULL);

  if (as_text && strlen (text) <= MAX_BYTES)
    write_seed (text, strlen (text));
  if (as_blob && blob != NULL && g_bytes_get_size (blob) <= MAX_BYTES)
    write_seed (g_bytes_get_data (blob, NULL), g_bytes_get_size (blob));
}

static void
write_folder (const char *folder, gboolean as_text, gboolean as_blob)
{
  g_autoptr (GDir) dir = g_dir_open (folder, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename (folder, name, NULL);
    g_autofree char *data = NULL;
    g_autoptr (VyreProgram) program = NULL;
    gsize size;

    if (!g_str_has_suffix (name, ".vir0") ||
        !g_file_get_contents (path, &data, &size, NULL))
      continue;
    program = vyre_program_decode (
        (const guint8 *) data, size, VYRE_WIRE_PRESERVE_UNKNOWN, NULL);
    if (program != NULL)
      write_program (program, as_text, FALSE);
    if (as_blob && size <= MAX_BYTES)
      write_seed (data, size);
  }
}

static void
write_programs (gboolean as_text, gboolean as_blob)
{
  static const char *const folders[] = { "features", "ops", "realistic",
    "runtime_error", "opaque", "invalid", "bad", "lenient" };
  const char *fixtures = g_getenv ("VYRE_FIXTURES");
  g_auto (GStrv) names = vyre_program_list_shipped ();

  for (guint i = 0; names[i] != NULL; i++) {
    g_autoptr (VyreProgram) program =
        vyre_program_load_shipped (names[i], NULL);

    if (program != NULL)
      write_program (program, as_text, as_blob);
  }
  for (guint64 seed = 1; seed <= N_GENERATED; seed++) {
    g_autoptr (Generated) generated = generate_program (seed);

    write_program (generated->program, as_text, as_blob);
  }
  for (guint i = 0;
       fixtures != NULL && *fixtures != '\0' && i < G_N_ELEMENTS (folders);
       i++) {
    g_autofree char *folder = g_build_filename (fixtures, folders[i], NULL);

    write_folder (folder, as_text, as_blob);
  }
}

static void
write_bindings (void)
{
  static const char *const texts[] = { "key=hex:00ff2a",
    "table=file:/path/to/table.bin", "width=u32:640,taps=i32:1;-2;1",
    "gain=f32:0.5,b=f64:1e-3,c=u64:0xffffffffffffffff,d=i8:-128;127",
    "scratch=zeros,more=zeros:4096", "histogram=keep,state=keep:4096",
    "state=keep:file:PATH,s=keep:hex:00ff",
    "output=size:min(len(input)/4, 3)*(7-len(input)%8)",
    "output=size:max(-1+len(input), 0)", "table=file:a\\,b.bin",
    "output=size:len(input)/2", "c=f64:1;2,b=keep:64", "b=zeros:8,c=hex:00",
    "out=size:24,z=keep:9", "s=zeros", "((((1+2)*3)-4)/5)%6", "len(input)",
    " a = u8:7 , b=hex:" };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++)
    write_seed (texts[i], strlen (texts[i]));
}

static void
write_telemetry (void)
{
  const guint32 n_slots = 8;
  guint64 control_bytes, ring_bytes;
  g_autofree guint8 *seed = NULL;
  g_autofree guint32 *control = NULL, *ring = NULL;
  const guint32 args[] = { 1, 2, 3 };

  if (!vyre_ring_control_bytes (16, &control_bytes) ||
      !vyre_ring_slot_bytes (n_slots, &ring_bytes))
    g_error ("no lengths");
  control = g_malloc0 (control_bytes);
  ring = g_malloc0 (ring_bytes);
  seed = g_malloc0 (2 + control_bytes + ring_bytes);
  vyre_ring_encode_control (control, control_bytes / 4, FALSE, 4, 16, NULL);
  vyre_ring_encode_empty (ring, ring_bytes / 4, n_slots, NULL);
  for (guint32 i = 0; i < n_slots; i++) {
    vyre_ring_publish_slot (ring, ring_bytes / 4, i, i % 3,
        vyre_ring_opcode_is_publishable (i) ? i : 1, args, 3, NULL);
    seed[0] = (guint8) (control_bytes / 8);
    memcpy (seed + 2, control, control_bytes);
    memcpy (seed + 2 + control_bytes, ring, ring_bytes);
    write_seed (seed, 2 + control_bytes + ring_bytes);
  }
}

static void
write_formats (void)
{
  static const char *const texts[] = { "%u of %u", "%08x|%4d|%X", "%c%c%c",
    "%f%% %f", "100%% \303\244 %64u\n", "%s", "%u%u%u%u" };
  static const char *const tables[] = { "1 one %u\n0x2 two\\n%08x\n",
    "# none\n\n3 %f\r\n" };
  guint32 log[2 * 257] = { 8, 1, 2, 3, 4, 0, 5, 6, 7 };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autofree char *seed = g_strconcat ("\x30"
                                         "abcdefghijkl",
        texts[i], NULL);

    write_seed (seed, strlen (seed));
  }
  for (guint i = 0; i < G_N_ELEMENTS (tables); i++) {
    g_autofree char *seed = g_strconcat ("\x31", tables[i], NULL);

    write_seed (seed, strlen (seed));
  }
  log[257] = 1000;
  for (gsize words = 2; words < G_N_ELEMENTS (log); words += 64) {
    g_autofree guint8 *seed = g_malloc (1 + 4 * words);

    seed[0] = 2;
    memcpy (seed + 1, log, 4 * words);
    write_seed (seed, 1 + 4 * words);
  }
}

/* A byte that is passed over goes before it. */
static void
write_builtins (const guint32 *slots, guint n_items)
{
  VyreReplayEntry entry = { .state = 2 };
  g_autoptr (GByteArray) encoded = NULL;
  const guint8 byte = 0;

  entry.builtins = vyre_replay_builtins_new (n_items, 2);
  entry.builtins->tenant =
      (VyreBuiltinTenant){ .rights = 31, .first = 170, .n = 40, .n_states = 2 };
  for (guint i = 0; i < n_items; i++)
    memcpy (entry.builtins->items[i].slot, slots + 5 * i, 5 * 4);
  entry.builtins->words[0].index = VYRE_C_EPOCH;
  entry.builtins->words[1].index = 170;
  encoded = vyre_replay_builtins_encode (&entry);
  g_byte_array_prepend (encoded, &byte, 1);
  write_seed (encoded->data, encoded->len);
  vyre_replay_entry_clear (&entry);
}

static void
write_all_builtins (void)
{
  static const guint32 slots[][5] = { { VYRE_OP_STORE_U32, 1, 170 },
    { VYRE_OP_ATOMIC_ADD, 1, 170 }, { VYRE_OP_LOAD_U32, 170, 11 },
    { VYRE_OP_COMPARE_SWAP, 171, 1, 2 }, { VYRE_OP_MEMCPY, 170, 172, 20 },
    { VYRE_OP_DFA_STEP, 1, 255, 12 }, { VYRE_OP_BATCH_FENCE, 4, 7 },
    { VYRE_OP_PRINTF, 1, 2, 3 }, { VYRE_OP_LOAD_MISS, 1 }, { VYRE_OP_SHUTDOWN },
    { VYRE_OP_PACKED_SLOT, 0x00010201, 5, 170 },
    { VYRE_OP_PACKED_SLOT, 0x00070202, 0x00000202, 3, 170 } };

  for (guint i = 0; i < G_N_ELEMENTS (slots); i++)
    write_builtins (slots[i], 1);
  write_builtins (slots[0], G_N_ELEMENTS (slots));
}

/* A byte that is passed over goes before each. */
static void
write_replay (void)
{
  const VyreReplayHeader header = { 8, 3 };
  const VyreReplayRecord record = { .time_ns = 1, .slot = 2, .status = 3 };
  const VyreReplayChunk chunk = { VYRE_REPLAY_CHUNK_WINDOW, 96, { 7 } };
  guint8 bytes[1 + VYRE_REPLAY_RECORD_BYTES] = { 0 };

  vyre_replay_encode_header (&header, bytes + 1);
  write_seed (bytes, 1 + VYRE_REPLAY_HEADER_BYTES);
  vyre_replay_encode_record (&record, bytes + 1);
  write_seed (bytes, 1 + VYRE_REPLAY_RECORD_BYTES);
  vyre_replay_encode_chunk (&chunk, bytes + 1);
  write_seed (bytes, 1 + VYRE_REPLAY_CHUNK_HEADER_BYTES);
  for (guint n = 0; n < 4; n++) {
    VyreReplayEntry entry = { .n_buffers = n };
    g_autoptr (GByteArray) encoded = NULL;

    entry.buffers = g_new0 (VyreReplayBuffer, n + 1);
    encoded = vyre_replay_entry_encode (&entry);
    g_byte_array_prepend (encoded, bytes, 1);
    write_seed (encoded->data, encoded->len);
    vyre_replay_entry_clear (&entry);
  }
  write_all_builtins ();
}

static void
write_changes (void)
{
  for (guint8 program = 0; program < 2; program++) {
    for (guint8 flags = 0; flags < 2; flags++) {
      guint8 seed[9] = { program, flags };

      write_seed (seed, 3);
      for (guint at = 0; at < 200; at++) {
        seed[3] = (guint8) (at >> 8);
        seed[4] = (guint8) at;
        seed[5] = 1;
        write_seed (seed, sizeof seed);
      }
    }
  }
}

int
main (int argc, char **argv)
{
  if (argc != 3)
    g_error ("usage: %s TARGET FOLDER", argv[0]);
  out_folder = argv[2];
  if (g_mkdir_with_parents (out_folder, 0755) != 0)
    g_error ("%s cannot be made", out_folder);
  if (strcmp (argv[1], "bindings") == 0)
    write_bindings ();
  else if (strcmp (argv[1], "telemetry") == 0)
    write_telemetry ();
  else if (strcmp (argv[1], "format") == 0)
    write_formats ();
  else if (strcmp (argv[1], "replay") == 0)
    write_replay ();
  else if (strcmp (argv[1], "verify") == 0)
    write_changes ();
  else
    write_programs (
        strcmp (argv[1], "wire") != 0, strcmp (argv[1], "text") != 0);
  return n_written > 0 ? 0 : 1;
}
