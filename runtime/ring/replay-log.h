/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "../export.h"

G_BEGIN_DECLS

/*
 * The replay log's bytes (ring-protocol.md appendix B): a header, and a ring of
 * records. Pure functions; errors are VYRE_RING_ERROR.
 */
#define VYRE_REPLAY_HEADER_BYTES 32
#define VYRE_REPLAY_RECORD_BYTES 64
#define VYRE_REPLAY_MAX_CAPACITY 1048576

typedef struct
{
  guint64 capacity; /* records: 1 to VYRE_REPLAY_MAX_CAPACITY */
  guint64 cursor; /* of the next record, below capacity */
} VyreReplayHeader;

typedef enum
{
  VYRE_REPLAY_OK,
  VYRE_REPLAY_DEVICE_LOSS,
  VYRE_REPLAY_TRANSIENT,
  VYRE_REPLAY_PROGRAM_BUG,
  VYRE_REPLAY_OTHER,
} VyreReplayFailure;

/* Stable number of section 22: dispatch failed. */
#define VYRE_REPLAY_BACKEND_DISPATCH 1005

typedef struct
{
  guint64 time_ns; /* since 1970 */
  guint32 slot, tenant, opcode; /* of the ring */
  guint32 args[4]; /* the slot's first ones */
  guint32 epoch;
  guint32 status; /* VYRE_ST_*: PUBLISHED until it is known how it ended */
  guint32 failure; /* VyreReplayFailure */
  guint32 backend_code;
  guint64 digest; /* of what was returned */
} VyreReplayRecord;

VYRE_API void vyre_replay_encode_header (
    const VyreReplayHeader *header, guint8 bytes[VYRE_REPLAY_HEADER_BYTES]);
/* UNSUPPORTED for another magic, version or flags, MALFORMED for numbers out of
 * range. */
VYRE_API gboolean vyre_replay_decode_header (
    VyreReplayHeader *header, const void *bytes, gsize n_bytes, GError **error);

VYRE_API void vyre_replay_encode_record (
    const VyreReplayRecord *record, guint8 bytes[VYRE_REPLAY_RECORD_BYTES]);
/* FALSE: there is none; the place was never written, or with something else. */
VYRE_API gboolean vyre_replay_decode_record (VyreReplayRecord *record,
    const guint8 bytes[VYRE_REPLAY_RECORD_BYTES]);

G_END_DECLS
