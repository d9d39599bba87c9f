/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "conform.h"
#include "session.h"

#include "vir0/wire.h"

/* A recorded case: a program, held against what is recorded of it. */

typedef enum
{
  CONFORM_PASSED,
  CONFORM_FAILED,
  CONFORM_REFUSED, /* with the code that the list of refusals has for it */
} ConformOutcome;

typedef struct
{
  gint device;
  const char *engine;
  gboolean reference; /* no device */
  CliSession *session; /* opened by the first case that runs */
  GError *session_error;
  ConformTally tally;
  GHashTable *refused; /* case -> code, or NULL */
} ConformJudge;

/* why gets a message, to be freed with g_free(); where a case passed it may
 * tell what made it pass. */
ConformOutcome conform_judge (
    ConformJudge *judge, const ConformCase *c, char **why);

/* NULL for what is missing or no string. */
const char *conform_get_string (JsonObject *object, const char *member);
/* Bytes in hexadecimal digits. */
GBytes *conform_get_hex (JsonObject *object, const char *member);

/* --- of the decoder ----------------------------------------------------------- */

/* The program in one of the forms that a case may have. */
VyreProgram *conform_decode (
    const ConformCase *c, VyreWireFlags flags, GError **error);
/* Decodes and checks what is recorded about the encoding and about validity. */
VyreProgram *conform_check_decoded (
    const ConformCase *c, VyreWireFlags flags, char **why);
ConformOutcome conform_check_accepted (
    const ConformCase *c, VyreWireFlags flags, char **why);
ConformOutcome conform_check_rejected (const ConformCase *c, char **why);
/* Without the types that the encoder refuses, the same program encodes. */
ConformOutcome conform_check_unencodable (const ConformCase *c, char **why);
/* A good hex form: encoding gives the same text. */
ConformOutcome conform_check_hex (const ConformCase *c, char **why);
