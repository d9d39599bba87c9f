/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The canonical form and the fingerprint: one program, one answer, however it
 * was written. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

typedef struct
{
  guint8 bytes[VYRE_DIGEST_BYTES];
} Digest;

static gboolean
fingerprint (const VyreProgram *program, Digest *digest)
{
  g_autoptr (GError) error = NULL;
  gboolean ok = vyre_program_fingerprint (program, digest->bytes, &error);

  FUZZ_ASSERT (ok == (error == NULL));
  return ok;
}

static gboolean
same (const Digest *a, const Digest *b)
{
  return memcmp (a, b, sizeof *a) == 0;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, size_t size)
{
  g_autoptr (VyreProgram) program = fuzz_program (data, size);
  g_autoptr (VyreProgram) canonical = NULL, twice = NULL, again = NULL;
  g_autoptr (GBytes) blob = NULL, once_blob = NULL, twice_blob = NULL;
  Digest first, second, other;

  if (program == NULL)
    return 0;
  canonical = vyre_program_canonicalize (program);
  FUZZ_ASSERT ((canonical != NULL) == fingerprint (program, &first));
  if (canonical == NULL)
    return 0;
  FUZZ_ASSERT (fingerprint (program, &second) && same (&first, &second));

  /* Written and read again; text may hold what only some decoders know. */
  blob = fuzz_encode (program);
  again = vyre_program_decode (g_bytes_get_data (blob, NULL),
      g_bytes_get_size (blob), VYRE_WIRE_PRESERVE_UNKNOWN, NULL);
  FUZZ_ASSERT (again != NULL);
  FUZZ_ASSERT (fingerprint (again, &other) && same (&first, &other));

  /* Canonical once and for all; the form alone keeps what it needs. */
  g_clear_pointer (&program, vyre_program_unref);
  twice = vyre_program_canonicalize (canonical);
  FUZZ_ASSERT (twice != NULL);
  once_blob = vyre_program_encode (canonical, NULL);
  twice_blob = vyre_program_encode (twice, NULL);
  FUZZ_ASSERT ((once_blob == NULL) == (twice_blob == NULL));
  FUZZ_ASSERT (once_blob == NULL || g_bytes_equal (once_blob, twice_blob));
  FUZZ_ASSERT (fingerprint (canonical, &other) && same (&first, &other));
  return 0;
}
