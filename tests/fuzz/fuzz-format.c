/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Formats of debug records, tables of them, and logs: any bytes. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "ring/words.h"
#include "telemetry/format.h"

#define LONGEST \
  (VYRE_FORMAT_MAX_BYTES + VYRE_FORMAT_MAX_ARGS * VYRE_FORMAT_MAX_WIDTH)

static void
check_text (const char *text)
{
  FUZZ_ASSERT (g_utf8_validate (text, -1, NULL));
  FUZZ_ASSERT (strlen (text) <= LONGEST);
  for (const char *p = text; *p != '\0'; p = g_utf8_next_char (p))
    FUZZ_ASSERT (
        !g_unichar_iscntrl (g_utf8_get_char (p)) || *p == '\n' || *p == '\t');
}

static void
render (VyreFormats *formats, const VyreRingDebugRecord *record)
{
  g_autofree char *text = vyre_formats_render (formats, record);

  check_text (text);
}

static void
check_format (const guint8 *data, gsize size)
{
  g_autoptr (VyreFormats) formats = vyre_formats_new ();
  VyreRingDebugRecord record = { 1, { 0 } };
  g_autoptr (GError) error = NULL;

  if (size < sizeof record.args)
    return;
  memcpy (record.args, data, sizeof record.args);
  if (!vyre_formats_add (formats, 1, (const char *) data + sizeof record.args,
          (gssize) (size - sizeof record.args), &error)) {
    FUZZ_ASSERT (error != NULL);
    FUZZ_ASSERT (g_utf8_validate (error->message, -1, NULL));
    return;
  }
  render (formats, &record);
}

static void
check_table (const guint8 *data, gsize size)
{
  g_autoptr (VyreFormats) formats = vyre_formats_new ();
  g_autoptr (GError) error = NULL;

  if (!vyre_formats_add_table (formats, (const char *) data, size, &error))
    FUZZ_ASSERT (g_utf8_validate (error->message, -1, NULL));
  for (guint32 id = 0; id < 4; id++)
    render (formats, &(VyreRingDebugRecord){ id, { id, ~id, 0x7f800001u } });
}

/* Two states of one log, and back to the first. */
static void
check_log (const guint8 *data, gsize size)
{
  g_autoptr (VyreDebugReader) reader = vyre_debug_reader_new ();
  g_autoptr (VyreFormats) formats = vyre_formats_new ();
  g_autoptr (GArray) records =
      g_array_new (FALSE, FALSE, sizeof (VyreRingDebugRecord));
  gsize half = size / 2;
  guint64 dropped = 0;

  for (guint i = 0; i < 3; i++) {
    /* Exactly as long, so that reading beyond the end is seen. */
    g_autofree guint8 *log = g_memdup2 (data + i % 2 * half, MAX (half, 1));

    vyre_debug_reader_read (reader, log, half, records, NULL);
    FUZZ_ASSERT (vyre_debug_reader_dropped (reader) >= dropped);
    dropped = vyre_debug_reader_dropped (reader);
  }
  FUZZ_ASSERT (records->len <= 3 * (half / 16));
  for (guint i = 0; i < records->len; i++) {
    const VyreRingDebugRecord *record =
        &g_array_index (records, VyreRingDebugRecord, i);

    FUZZ_ASSERT (record->format != 0);
    render (formats, record);
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  if (size < 2)
    return 0;
  switch (data[0] % 3) {
    case 0:
      check_format (data + 1, size - 1);
      break;
    case 1:
      check_table (data + 1, size - 1);
      break;
    default:
      check_log (data + 1, size - 1);
      break;
  }
  return 0;
}
