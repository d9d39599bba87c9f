/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "evidence.h"

#include <string.h>

void
vyre_evidence_init (VyreRuntimeEvidence *evidence)
{
  memset (evidence, 0, sizeof *evidence);
  evidence->schema_version = VYRE_EVIDENCE_SCHEMA;
}

void
vyre_evidence_measure_telemetry (
    VyreRuntimeEvidence *evidence, const VyreTelemetry *telemetry)
{
  evidence->occupancy = telemetry->occupancy;
  evidence->control_decode_ns = telemetry->control_decode_ns;
  evidence->ring_decode_ns = telemetry->ring_decode_ns;
  evidence->coverage |= VYRE_EVIDENCE_RING | VYRE_EVIDENCE_CONTROL;
}

void
vyre_evidence_measure_copy (
    VyreRuntimeEvidence *evidence, guint64 copied_bytes, guint64 avoided_bytes)
{
  evidence->host_copy_bytes = copied_bytes;
  evidence->host_copy_avoided_bytes = avoided_bytes;
  evidence->coverage |= VYRE_EVIDENCE_COPY;
}

void
vyre_evidence_measure_residency (
    VyreRuntimeEvidence *evidence, guint64 resident_device_bytes)
{
  evidence->resident_device_bytes = resident_device_bytes;
  evidence->coverage |= VYRE_EVIDENCE_RESIDENCY;
}

guint
vyre_evidence_missing (
    const VyreRuntimeEvidence *evidence, const char *names[4])
{
  static const char *const families[] = { "ring", "control", "copy",
    "residency" };
  guint n = 0;
  guint i;

  for (i = 0; i < G_N_ELEMENTS (families); i++) {
    if ((evidence->coverage & (1u << i)) == 0)
      names[n++] = families[i];
  }
  return n;
}

gboolean
vyre_evidence_is_complete (const VyreRuntimeEvidence *evidence)
{
  return evidence->schema_version == VYRE_EVIDENCE_SCHEMA &&
         (evidence->coverage & VYRE_EVIDENCE_ALL) == VYRE_EVIDENCE_ALL;
}

/* Sum and product both pass 64 bits. */
__extension__ typedef unsigned __int128 Wide;

guint16
vyre_evidence_avoidance_bps (const VyreRuntimeEvidence *evidence)
{
  Wide avoided = evidence->host_copy_avoided_bytes;
  Wide total = avoided + evidence->host_copy_bytes;

  if (total == 0)
    return 0;
  return (guint16) (avoided * 10000 / total);
}

void
vyre_decode_evidence (
    VyreDecodeEvidence *evidence, const VyreTelemetry *telemetry)
{
  *evidence = (VyreDecodeEvidence){
    .schema_version = VYRE_DECODE_EVIDENCE_SCHEMA,
    .decoded_slot_count = telemetry->n_slots,
    .slot_output_capacity = telemetry->slots_capacity,
    .decoded_window_count = telemetry->n_windows,
    .window_output_capacity = telemetry->windows_capacity,
    .window_opcode_scratch_capacity = telemetry->opcode_capacity,
    .window_accumulator_scratch_capacity = telemetry->row_capacity,
    .uses_caller_owned_scratch = TRUE,
  };
}

gboolean
vyre_decode_evidence_is_complete (const VyreDecodeEvidence *evidence)
{
  return evidence->schema_version == VYRE_DECODE_EVIDENCE_SCHEMA &&
         evidence->uses_caller_owned_scratch &&
         evidence->slot_output_capacity >= evidence->decoded_slot_count &&
         evidence->window_output_capacity >= evidence->decoded_window_count &&
         evidence->window_accumulator_scratch_capacity >=
             evidence->decoded_window_count;
}

/* --- ingest ------------------------------------------------------------------ */

static gboolean
check_room (const char *what, guint64 counter, guint64 n, GError **error)
{
  if (n > G_MAXUINT64 - counter) {
    g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
        "%s: %" G_GUINT64_FORMAT " plus %" G_GUINT64_FORMAT " passes 64 bits. "
        "Fix: start new counters.",
        what, counter, n);
    return FALSE;
  }
  return TRUE;
}

gboolean
vyre_ingest_submit (
    VyreIngestCounters *c, VyreIngestPath path, guint64 bytes, GError **error)
{
  guint64 *by_path = path == VYRE_INGEST_MAPPED ? &c->mapped_submissions
                                                : &c->direct_submissions;

  if (!check_room ("submitted bytes", c->submitted_bytes, bytes, error) ||
      !check_room ("submitted reads", c->submitted_reads, 1, error) ||
      !check_room ("submissions by path", *by_path, 1, error))
    return FALSE;
  c->submitted_bytes += bytes;
  c->submitted_reads++;
  (*by_path)++;
  return TRUE;
}

gboolean
vyre_ingest_complete (VyreIngestCounters *c, guint64 bytes, GError **error)
{
  if (!check_room ("completed bytes", c->completed_bytes, bytes, error) ||
      !check_room ("completed reads", c->completed_reads, 1, error))
    return FALSE;
  c->completed_bytes += bytes;
  c->completed_reads++;
  return TRUE;
}

gboolean
vyre_ingest_fail (VyreIngestCounters *c, GError **error)
{
  if (!check_room ("failed reads", c->failed_reads, 1, error))
    return FALSE;
  c->failed_reads++;
  return TRUE;
}

guint64
vyre_ingest_inflight (const VyreIngestCounters *c)
{
  guint64 left =
      c->submitted_reads - MIN (c->submitted_reads, c->completed_reads);

  return left - MIN (left, c->failed_reads);
}

guint
vyre_ingest_validate (
    const VyreIngestCounters *c, VyreIngestPath path, GError **error)
{
  guint64 on_path = path == VYRE_INGEST_MAPPED ? c->mapped_submissions
                                               : c->direct_submissions;
  guint64 on_other = path == VYRE_INGEST_MAPPED ? c->direct_submissions
                                                : c->mapped_submissions;
  const struct
  {
    const char *what;
    gboolean holds;
    guint64 found, wanted;
    const char *fix;
  } rules[] = {
    { "bounced bytes", c->bounced_bytes == 0, c->bounced_bytes, 0,
        "read into memory that the device reads" },
    { "failed reads", c->failed_reads == 0, c->failed_reads, 0,
        "look at the results of the reads" },
    { "reads in flight", vyre_ingest_inflight (c) == 0,
        vyre_ingest_inflight (c), 0, "drain before taking the snapshot" },
    { "completed bytes", c->submitted_bytes == c->completed_bytes,
        c->completed_bytes, c->submitted_bytes,
        "count the bytes of each completion once" },
    { "completed reads", c->submitted_reads == c->completed_reads,
        c->completed_reads, c->submitted_reads, "count each completion once" },
    { "reads on the path", on_path == c->submitted_reads, on_path,
        c->submitted_reads, "validate the path that the reader was made for" },
    { "reads on the other path", on_other == 0, on_other, 0,
        "keep counters per path" },
    { "reads", c->submitted_reads > 0, c->submitted_reads, 1,
        "read something first" },
  };
  guint i;

  for (i = 0; i < G_N_ELEMENTS (rules); i++) {
    if (!rules[i].holds) {
      g_set_error (error, VYRE_RING_ERROR, VYRE_RING_ERROR_MALFORMED,
          "zero-copy rule %u, %s: %" G_GUINT64_FORMAT ", expected "
          "%" G_GUINT64_FORMAT ". Fix: %s.",
          i + 1, rules[i].what, rules[i].found, rules[i].wanted, rules[i].fix);
      return i + 1;
    }
  }
  return 0;
}
