/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "telemetry.h"

G_BEGIN_DECLS

#define VYRE_EVIDENCE_SCHEMA 1

typedef enum
{
  VYRE_EVIDENCE_RING = 1 << 0,
  VYRE_EVIDENCE_CONTROL = 1 << 1,
  VYRE_EVIDENCE_COPY = 1 << 2,
  VYRE_EVIDENCE_RESIDENCY = 1 << 3,
  VYRE_EVIDENCE_ALL = 15,
} VyreEvidenceCoverage;

/* Runtime evidence (section 19.10). Fill it with the functions below only: a
 * coverage bit says that the values beside it were measured. */
typedef struct
{
  guint32 schema_version;
  guint64 resident_device_bytes;
  guint64 host_copy_bytes; /* copied by the CPU */
  guint64 host_copy_avoided_bytes; /* that went without such a copy */
  VyreRingOccupancy occupancy;
  guint64 control_decode_ns, ring_decode_ns;
  VyreEvidenceCoverage coverage;
} VyreRuntimeEvidence;

VYRE_API void vyre_evidence_init (VyreRuntimeEvidence *evidence);
/* Ring and control, both of a decoded snapshot. */
VYRE_API void vyre_evidence_measure_telemetry (
    VyreRuntimeEvidence *evidence, const VyreTelemetry *telemetry);
VYRE_API void vyre_evidence_measure_copy (
    VyreRuntimeEvidence *evidence, guint64 copied_bytes, guint64 avoided_bytes);
VYRE_API void vyre_evidence_measure_residency (
    VyreRuntimeEvidence *evidence, guint64 resident_device_bytes);

/* Names of what was not measured, in fixed order, of "ring", "control",
 * "copy" and "residency". Returns how many. */
VYRE_API guint vyre_evidence_missing (
    const VyreRuntimeEvidence *evidence, const char *names[4]);
VYRE_API gboolean vyre_evidence_is_complete (
    const VyreRuntimeEvidence *evidence);
/* Avoided of all bytes, in 1/10000; 0 when there were none. */
VYRE_API guint16 vyre_evidence_avoidance_bps (
    const VyreRuntimeEvidence *evidence);

#define VYRE_DECODE_EVIDENCE_SCHEMA 1

/* That a decode fitted into the storage its caller owns (section 19.11); its
 * capacities are entries, not bytes. */
typedef struct
{
  guint32 schema_version;
  guint64 decoded_slot_count, slot_output_capacity;
  guint64 decoded_window_count, window_output_capacity;
  guint64 window_opcode_scratch_capacity, window_accumulator_scratch_capacity;
  gboolean uses_caller_owned_scratch;
} VyreDecodeEvidence;

VYRE_API void vyre_decode_evidence (
    VyreDecodeEvidence *evidence, const VyreTelemetry *telemetry);
VYRE_API gboolean vyre_decode_evidence_is_complete (
    const VyreDecodeEvidence *evidence);

/*
 * Bookkeeping of reads into memory that the device reads (section 21.5), and
 * the rules that a run without copies keeps (21.6).
 */
typedef struct
{
  guint64 submitted_bytes, submitted_reads;
  guint64 completed_bytes, completed_reads;
  guint64 mapped_submissions; /* into registered, mapped memory */
  guint64 direct_submissions; /* device to device */
  guint64 bounced_bytes; /* copied by the CPU on the way */
  guint64 failed_reads;
} VyreIngestCounters;

typedef enum
{
  VYRE_INGEST_MAPPED,
  VYRE_INGEST_DIRECT,
} VyreIngestPath;

/* Overflow is an error (MALFORMED) and counts nothing. */
VYRE_API gboolean vyre_ingest_submit (VyreIngestCounters *counters,
    VyreIngestPath path, guint64 bytes, GError **error);
VYRE_API gboolean vyre_ingest_complete (
    VyreIngestCounters *counters, guint64 bytes, GError **error);
VYRE_API gboolean vyre_ingest_fail (
    VyreIngestCounters *counters, GError **error);
VYRE_API guint64 vyre_ingest_inflight (const VyreIngestCounters *counters);

/* The rule broken first, or 0 for none: 1 no bounced bytes, 2 no failures,
 * 3 nothing in flight, 4 bytes and 5 reads submitted equal completed, 6 all on
 * @path, 7 none on the other, 8 at least one read. @error says so. */
VYRE_API guint vyre_ingest_validate (
    const VyreIngestCounters *counters, VyreIngestPath path, GError **error);

G_END_DECLS
